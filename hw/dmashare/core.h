/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the device without its bus
 *
 * The core puts the rooms together. Whoever gives it a DmashareBus gets the
 * whole device: registers to read and write, DMA and interrupts to perform.
 */
#ifndef HW_DMASHARE_CORE_H
#define HW_DMASHARE_CORE_H

#include "hw/dmashare/clock.h"
#include "hw/dmashare/journal.h"
#include "hw/dmashare/late.h"
#include "hw/dmashare/local.h"
#include "hw/dmashare/notify.h"
#include "hw/dmashare/pages.h"
#include "hw/dmashare/peer.h"
#include "hw/dmashare/queue.h"
#include "hw/dmashare/render.h"
#include "hw/dmashare/share.h"

typedef struct DmashareRecorder DmashareRecorder;

/* Buffers that are shared at once. */
#define DMASHARE_MAX_SHARES     256

/**
 * DmashareConfig: what the device was made with, constant from realize on
 * @job_queues: 1..DMASHARE_MAX_JOB_QUEUES
 * @max_entries: of a ring; power of two
 * @timelines: 1..DMASHARE_MAX_TIMELINES
 * @max_buffers: live at once
 * @max_attachments: live at once
 * @max_mappings: live at once
 * @max_segments: of one mapping
 * @max_total_segments: of all live mappings
 * @max_job_bytes: one job may touch per operand
 * @dma_bits: width of a DMA address
 * @max_segment_size: bytes, 0 for no limit
 * @boundary: power of two that no segment crosses, 0 for none
 * @latency: ns of virtual time per job
 * @bandwidth: bytes per second of virtual time, 0 for infinite
 * @watchdog: ns of virtual time a job may wait for fences, or a fence be held,
 *            0 for ever
 * @local_size: property; what there is of local memory, DmashareLocal knows
 * @peer_size: bytes of one half of the window
 * @coherent: engines work on memory itself
 * @cache_size: bytes of all copies together, when not @coherent
 * @journal_size: entries that the journal keeps
 * @share: buffers can be shared outside of the VM
 * @share_max_clients: connected at once
 * @share_max_size: bytes of a shared buffer
 * @render: there is the render engine
 * @render_max_bytes: of one render job's operand
 * @render_bytes: of all resources
 * @paced: timers run when they are told to
 */
typedef struct DmashareConfig {
    uint32_t job_queues;
    uint32_t max_entries;
    uint32_t timelines;
    uint32_t max_buffers;
    uint32_t max_attachments;
    uint32_t max_mappings;
    uint32_t max_segments;
    uint32_t max_total_segments;
    uint64_t max_job_bytes;
    uint32_t dma_bits;
    uint64_t max_segment_size;
    uint64_t boundary;
    uint64_t latency;
    uint64_t bandwidth;
    uint64_t watchdog;
    uint64_t local_size;
    uint64_t peer_size;
    bool coherent;
    uint64_t cache_size;
    uint32_t journal_size;
    bool share;
    uint32_t share_max_clients;
    uint64_t share_max_size;
    bool render;
    uint64_t render_max_bytes;
    uint64_t render_bytes;
    bool paced;
} DmashareConfig;

/**
 * DmashareCore: one device
 * @cfg: constant
 * @bus: constant
 * @clock: device time
 * @recorder: what happens is recorded, or NULL
 * @interrupt: handed to the rings
 * @journal: what happened
 * @notify: who is told of it at once
 * @faults: fault rules
 * @late: what they have delayed
 * @local: local memory
 * @window: on the buffers of another VM
 * @poison: for what is left of it
 * @cache: the device's copies of buffers
 * @buffers: buffers, attachments, ledger
 * @mappings: mappings
 * @fences: timelines
 * @holds: of fences
 * @page_host: what of the buffers can be passed to others; the face fills it in
 * @render: contexts and resources; the face fills in who renders
 * @engines: engines
 * @commands: commands
 * @events: event ring
 * @shares: what is shared with them
 * @peer: buffers of another VM
 * @queues: queues
 * @ctrl: register, DMASHARE_CTRL_ENABLE
 * @time_latch: high half of the time when the low half was read
 * @fence_addr: register
 * @fence_ctrl: register
 * @irq_pending: vectors to be sent when the present work is done
 * @irq_overdue: of those, or besides, vectors that no fault rule is asked about
 * @irq_timer: sends those that a register access left pending
 * @late_timer: when the first of @late is due
 * @hold_timer: the watchdog of held fences
 * @share_timer: the deadlines of those that hold what is shared
 * @busy: work is going on; a reset has to wait for its end
 * @reset_wanted: it does
 * @fatal: register STATUS: it stopped, and only a reset helps
 * @gone: no DMA and no interrupts any more
 * @held: in reset; doorbells are ignored
 */
typedef struct DmashareCore {
    DmashareConfig cfg;
    DmashareBus bus;
    DmashareClock clock;
    DmashareRecorder *recorder;
    DmashareInterrupt interrupt;
    DmashareJournal journal;
    DmashareNotify notify;
    DmashareFaults faults;
    DmashareLate late;
    DmashareLocal local;
    DmasharePeerWindow window;
    DmasharePoison poison;
    DmashareCache cache;
    DmashareBuffers buffers;
    DmashareMappings mappings;
    DmashareFences fences;
    DmashareHolds holds;
    DmasharePageHost page_host;
    DmashareRender render;
    DmashareEngines engines;
    DmashareCommands commands;
    DmashareEvents events;
    DmashareShares shares;
    DmasharePeer peer;
    DmashareQueues queues;

    uint32_t ctrl;
    uint32_t time_latch;
    uint64_t fence_addr;
    uint32_t fence_ctrl;

    uint32_t irq_pending;
    uint32_t irq_overdue;
    DmashareTimer *irq_timer;
    DmashareTimer *late_timer;
    DmashareTimer *hold_timer;
    DmashareTimer *share_timer;
    unsigned busy;
    bool reset_wanted;
    bool fatal;
    bool gone;
    bool held;
} DmashareCore;

/*
 * @cfg has been checked by the face; @local is local memory as it found it, and
 * @window has its addresses.
 */
void dmashare_core_init(DmashareCore *core, const DmashareConfig *cfg,
                        const DmashareLocal *local,
                        const DmasharePeerWindow *window,
                        const DmashareBusOps *ops, void *opaque);
/*
 * No DMA, no interrupt, no timer after this. What memory is left is freed by
 * dmashare_core_destroy(), which may come at any time later but not from
 * inside the core's own work.
 */
void dmashare_core_stop(DmashareCore *core);
/* As after power-on again, what stopped it being over. */
void dmashare_core_restart(DmashareCore *core);
void dmashare_core_destroy(DmashareCore *core);

/* Power-on state; after the present work if there is any. */
void dmashare_core_reset(DmashareCore *core);
/* The device's ledger, as QUERY_LEDGER writes it. */
void dmashare_core_ledger(DmashareCore *core, struct dmashare_ledger *ledger);
/* While held the device ignores register writes. */
void dmashare_core_hold(DmashareCore *core, bool held);

/*
 * Brackets around everything that may do DMA. Inside them a reset waits, and
 * interrupts are collected; they are sent by the outermost leave, or by a
 * timer of their own if that may not @send them.
 */
void dmashare_core_enter(DmashareCore *core);
void dmashare_core_leave(DmashareCore *core, bool send);

/*
 * evict.c: ask the driver to move buffers from local to system memory: buffer
 * @id, or the largest ones until they are @percent of what is in local memory
 * (in @count how many those are). False, and nothing was asked, if it cannot be
 * asked for all of them.
 */
bool dmashare_core_evict(DmashareCore *core, uint32_t id, Error **errp);
bool dmashare_core_evict_percent(DmashareCore *core, unsigned percent,
                                 uint64_t *count, Error **errp);

/* Remove a fault rule, or with id 0 all: what it stopped goes on. */
bool dmashare_core_fault_remove(DmashareCore *core, uint32_t id, Error **errp);

/* CTRL.ENABLE */
void dmashare_core_enable(DmashareCore *core, bool enable);
/* FENCE_CTRL.ENABLE */
void dmashare_core_fence_memory(DmashareCore *core, bool enable);

/* regs.c: accesses to BAR0, of any width and alignment up to 8 bytes. */
uint64_t dmashare_regs_read(DmashareCore *core, uint64_t addr, unsigned size);
void dmashare_regs_write(DmashareCore *core, uint64_t addr, uint64_t value,
                         unsigned size);

#endif /* HW_DMASHARE_CORE_H */
