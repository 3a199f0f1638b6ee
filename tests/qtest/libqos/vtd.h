/*
 * libqos helper for Intel VT-d: translate a device's DMA with no guest OS
 *
 * Legacy mode (root and context entries), second-level tables of three or four
 * levels and 4 KiB pages. Nothing here knows of a particular device:
 *
 *     QVtd *vtd = qvtd_new(qts, alloc);
 *     QVtdDomain *dom = qvtd_domain_new(vtd, 1);
 *
 *     qvtd_attach(dom, 0, QPCI_DEVFN(4, 0));
 *     qvtd_map(dom, iova, phys, size, QVTD_READ | QVTD_WRITE);
 *     qvtd_enable(vtd);
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_VTD_H
#define LIBQOS_VTD_H

#include "../libqtest.h"
#include "libqos-malloc.h"

/* Permissions of a page, as in a second-level entry. */
#define QVTD_READ       1
#define QVTD_WRITE      2

/* Reasons of a fault that tests meet (VT-d specification, "Fault Reasons"). */
#define QVTD_FAULT_CONTEXT_ENTRY_P      2
#define QVTD_FAULT_WRITE                5
#define QVTD_FAULT_READ                 6

typedef struct QVtd {
    QTestState *qts;
    QGuestAllocator *alloc;
    uint8_t *ram;               /* where the test has guest memory, or NULL */
    uint64_t root;              /* guest-physical, as all tables */
} QVtd;

typedef struct QVtdDomain {
    QVtd *vtd;
    uint16_t id;
    unsigned levels;            /* of the tables */
    uint64_t table;             /* of the top level */
} QVtdDomain;

typedef struct QVtdFault {
    uint64_t addr;              /* page of the access */
    uint16_t source;            /* bus << 8 | devfn */
    uint8_t reason;
    bool read;
} QVtdFault;

/*
 * The IOMMU of `-M q35 -device intel-iommu`; free with g_free(). A test that
 * shares guest memory with QEMU may set @ram, which makes tables cheap.
 */
QVtd *qvtd_new(QTestState *qts, QGuestAllocator *alloc);

/* Sets the root table and turns translation on, or off again. */
void qvtd_enable(QVtd *vtd);
void qvtd_disable(QVtd *vtd);

/*
 * An empty address space of 39 bits, or of 48, for which the IOMMU needs the
 * property aw-bits=48; free with g_free().
 */
QVtdDomain *qvtd_domain_new(QVtd *vtd, uint16_t id);
QVtdDomain *qvtd_domain_new_wide(QVtd *vtd, uint16_t id);

/* Puts a function into a domain, or into none; then invalidate the context. */
void qvtd_attach(QVtdDomain *dom, uint8_t bus, uint8_t devfn);
void qvtd_detach(QVtd *vtd, uint8_t bus, uint8_t devfn);

/*
 * Pages of a domain. Both only write the tables: what the IOMMU has cached
 * stays in force until it is invalidated, as on hardware.
 */
void qvtd_map(QVtdDomain *dom, uint64_t iova, uint64_t phys, uint64_t size,
              unsigned perm);
void qvtd_unmap(QVtdDomain *dom, uint64_t iova, uint64_t size);

/* Global invalidations, through the registers. */
void qvtd_invalidate_context(QVtd *vtd);
void qvtd_invalidate_iotlb(QVtd *vtd);

/* Takes one recorded fault; false when there is none. */
bool qvtd_fault(QVtd *vtd, QVtdFault *fault);

#endif
