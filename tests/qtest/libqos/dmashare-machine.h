/*
 * libqos helpers for dmashare: a machine of the test's own
 *
 * For what the graph of qos-test cannot have: properties, more than one
 * device, an IOMMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_MACHINE_H
#define LIBQOS_DMASHARE_MACHINE_H

#include "dmashare-job.h"
#include "vtd.h"

/*
 * Behind the IOMMU guest-physical address 0 has this DMA address. Of RAM only
 * what the allocator gives first is mapped there.
 */
#define QDMASHARE_DMA_BASE      (64ULL << 30)
#define QDMASHARE_DMA_RAM       (1ULL << 20)
#define QDMASHARE_DMA_RAM_SIZE  (16ULL << 20)

/* What tests call a device that they give commands by QMP. */
#define QDMASHARE_ID            "dev"

typedef struct QDmashareMachine {
    QTestState *qts;
    QPCIBus *bus;
    QGuestAllocator alloc;
    QVtd *vtd;                  /* NULL when there is none */
    QVtdDomain *dom;            /* of all devices that the test has not moved */
    QDmashare *d;               /* of qdmashare_one(), else NULL */
} QDmashareMachine;

/* `-nodefaults` and the arguments given; free with _free(). */
QDmashareMachine *qdmashare_machine_new(const char *args);
/* `-M q35` with VT-d that translates; no device can reach anything yet. */
QDmashareMachine *qdmashare_machine_new_vtd(const char *args);
/* Asserts that the IOMMU has no fault on record that nobody looked at. */
void qdmashare_machine_free(QDmashareMachine *m);

/*
 * The device in a slot of the root bus, not started. Behind the IOMMU it is
 * put into the domain, and its dma_base is QDMASHARE_DMA_BASE.
 */
QDmashare *qdmashare_machine_device(QDmashareMachine *m, int slot);

/*
 * A machine with one device, in slot QDMASHARE_SLOT and started: m->d. The
 * first takes what comes before the device, `-M pc` at least.
 */
QDmashareMachine *qdmashare_one(const char *args, const char *properties);
QDmashareMachine *qdmashare_one_vtd(const char *properties);

/* The IOMMU recorded this one fault, and no other. */
void qdmashare_machine_vtd_fault(QDmashareMachine *m, QDmashare *d,
                                 uint64_t addr, bool read, unsigned reason);

/*
 * device_add of a dmashare with these properties, which are taken, must fail;
 * what it says. Free with g_free().
 */
char *qdmashare_machine_refuses(QDmashareMachine *m, QDict *properties);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmashareMachine, qdmashare_machine_free)

#endif
