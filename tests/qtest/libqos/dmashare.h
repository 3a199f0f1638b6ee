/*
 * libqos driver for the dmashare device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QGRAPH_DMASHARE_H
#define QGRAPH_DMASHARE_H

#include "qgraph.h"
#include "pci.h"
#include "libqos-malloc.h"
#include "dmashare/abi.h"

/* Where the graph puts the device, and entries of the rings it sets up. */
#define QDMASHARE_SLOT          4
#define QDMASHARE_ENTRIES       16

/*
 * Between two looks whether something has happened that another process does:
 * it may need the processor that it is looked with.
 */
#define QDMASHARE_PAUSE_US      100

/* Where local memory goes: above all RAM, with room for the largest. */
#define QDMASHARE_LOCAL_BASE(slot)  ((256ULL + 32 * (slot)) << 30)

/* An address at which nothing answers. */
#define QDMASHARE_NOWHERE       0x7ffff0000000ULL

/* One submission and completion ring pair; the event ring uses cq alone. */
typedef struct QDmashareQueue {
    uint64_t sq;                /* guest-physical */
    uint64_t cq;
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t sq_tail;           /* next index to produce */
    uint32_t cq_head;           /* next index to consume */
} QDmashareQueue;

typedef struct QDmashare {
    QOSGraphObject obj;
    QPCIDevice dev;
    QTestState *qts;
    QGuestAllocator *alloc;
    QPCIBar regs;
    uint64_t local;             /* guest-physical, of BAR4; 0: there is none */
    uint64_t local_size;
    uint64_t window;            /* guest-physical; of another VM's buffers */
    uint64_t window_size;       /* of each half; 0: there is none */
    /*
     * DMA address of guest-physical address 0.  Not zero when a test has put
     * an IOMMU in front of the device; see qdmashare_dma().
     */
    uint64_t dma_base;
    unsigned n_queues;          /* the control queue and the job queues */
    QDmashareQueue queue[1 + DMASHARE_MAX_JOB_QUEUES];
    QDmashareQueue events;
    uint64_t fence_mem;         /* guest-physical */
    uint64_t msi_mem;           /* guest-physical, one 32-bit word a vector */
    uint64_t cookie;            /* last one handed out */
    uint64_t seqno[DMASHARE_MAX_TIMELINES]; /* last one handed out */
} QDmashare;

/*
 * A device not found through the graph, for tests that make their own
 * machine. Free with qdmashare_free().
 */
QDmashare *qdmashare_new(QPCIBus *bus, QGuestAllocator *alloc, int devfn);
void qdmashare_free(QDmashare *d);

/* Registers of BAR0, with the two widths that the interface defines. */
uint32_t qdmashare_readl(QDmashare *d, uint32_t reg);
uint64_t qdmashare_readq(QDmashare *d, uint32_t reg);
void qdmashare_writel(QDmashare *d, uint32_t reg, uint32_t value);
void qdmashare_writeq(QDmashare *d, uint32_t reg, uint64_t value);

/* DMA address of a guest-physical one. */
uint64_t qdmashare_dma(QDmashare *d, uint64_t phys);

/* Zeroed, page-aligned guest memory. */
uint64_t qdmashare_alloc(QDmashare *d, uint64_t size);

/*
 * Bring-up. qdmashare_start() does all of it: CTRL.ENABLE, MSI-X into RAM,
 * every queue and the event ring with QDMASHARE_ENTRIES, fence memory.
 * The set-up functions return the ring's status register.
 */
void qdmashare_start(QDmashare *d);
void qdmashare_enable(QDmashare *d);
uint32_t qdmashare_queue_setup(QDmashare *d, unsigned q,
                               uint32_t sq_entries, uint32_t cq_entries);
void qdmashare_queue_disable(QDmashare *d, unsigned q);
uint32_t qdmashare_events_setup(QDmashare *d, uint32_t entries);
void qdmashare_fence_setup(QDmashare *d);
void qdmashare_reset(QDmashare *d);

/*
 * Local memory: moves BAR4 to this guest-physical address. Devices with local
 * memory have it at QDMASHARE_LOCAL_BASE of their slot from the beginning.
 */
void qdmashare_local_move(QDmashare *d, uint64_t phys);

/*
 * A function-level reset, and what a driver does to the PCI function after it.
 * The rest is for qdmashare_start().
 */
void qdmashare_flr(QDmashare *d);
void qdmashare_flr_recover(QDmashare *d);

/* Memory Space Enable and Bus Master Enable of the PCI command register. */
void qdmashare_decoding(QDmashare *d, bool on);
void qdmashare_bus_master(QDmashare *d, bool on);

/*
 * MSI-X. Vectors point into guest RAM, so that a delivered message is a word
 * that changed. qdmashare_msix_fired() also forgets it.
 */
void qdmashare_msix_setup(QDmashare *d);
bool qdmashare_msix_fired(QDmashare *d, unsigned vector);
void qdmashare_msix_mask(QDmashare *d, unsigned vector, bool masked);

/*
 * Let the device do all it can do at the present device time. Completion is
 * not an event a test can be told of, but every exchange with QEMU runs its
 * main loop, and an idle device stays idle while time stands still; so a
 * fixed number of exchanges is a wait for idleness, not for time.
 */
void qdmashare_settle(QDmashare *d);

/*
 * Submission. Descriptors are given in host byte order and converted on the
 * way. qdmashare_push() writes one to the ring and gives it a cookie, which it
 * returns; qdmashare_doorbell() publishes all that was pushed.
 */
uint64_t qdmashare_push(QDmashare *d, unsigned q,
                        const struct dmashare_desc *desc);
void qdmashare_push_raw(QDmashare *d, unsigned q, const void *desc);
void qdmashare_doorbell(QDmashare *d, unsigned q);

/*
 * Completions in host byte order. qdmashare_peek() looks without consuming,
 * qdmashare_try_pop() consumes one if there is one now, qdmashare_pop() waits
 * for one, polling a bounded number of times. Device time stands still, but
 * for a nanosecond now and then when there is nothing for long.
 */
bool qdmashare_peek(QDmashare *d, unsigned q, struct dmashare_completion *c);
bool qdmashare_try_pop(QDmashare *d, unsigned q,
                       struct dmashare_completion *c);
struct dmashare_completion qdmashare_pop(QDmashare *d, unsigned q);
void qdmashare_assert_idle(QDmashare *d, unsigned q);

/* Push, ring, wait and check the cookie. */
struct dmashare_completion qdmashare_run(QDmashare *d, unsigned q,
                                         const struct dmashare_desc *desc);
/* The same on the control queue; only the status. */
unsigned qdmashare_command(QDmashare *d, const struct dmashare_desc *desc);

/* Macros, so that a failure names the test's own line. */
#define qdmashare_assert_command(d, desc, expected) \
    g_assert_cmphex(qdmashare_command(d, desc), ==, expected)
#define qdmashare_assert_job(d, q, desc, expected) \
    g_assert_cmphex(qdmashare_run(d, q, desc).status, ==, expected)

/* Events, as completions. */
bool qdmashare_try_event(QDmashare *d, struct dmashare_event *e);
struct dmashare_event qdmashare_event(QDmashare *d);
void qdmashare_assert_no_event(QDmashare *d);

/* The value of a timeline in fence memory. */
uint64_t qdmashare_fence(QDmashare *d, unsigned timeline);

/* The next seqno of a timeline. */
uint64_t qdmashare_next(QDmashare *d, unsigned timeline);

#endif
