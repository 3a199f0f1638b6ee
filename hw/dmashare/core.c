// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the device without its bus
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/log.h"
#include "qapi/error.h"
#include "hw/dmashare/core.h"
#include "hw/dmashare/record.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(DMASHARE_NUM_VECTORS(DMASHARE_MAX_JOB_QUEUES) > 32);

static int64_t core_now(const DmashareCore *core)
{
    return dmashare_clock_now(&core->clock);
}

/* It happens @delay later. False if it has to happen now. */
static bool core_delay(DmashareCore *core, DmashareLateKind kind, uint32_t id,
                       uint64_t value, uint64_t delay)
{
    int64_t now = core_now(core);

    if (delay > (uint64_t)(INT64_MAX - now) ||
        !dmashare_late_add(&core->late, kind, id, value, now + delay)) {
        return false;
    }
    dmashare_timer_mod(core->late_timer, dmashare_late_due(&core->late));
    return true;
}

/* How often a message is to be sent now, if a fault rule has a say in it. */
static unsigned core_interrupt_times(DmashareCore *core, unsigned vector)
{
    DmashareFaultKey key = DMASHARE_FAULT_KEY(DMASHARE_FAULT_WHERE_INTERRUPT);
    const DmashareRule *rule;

    if (!dmashare_faults_at(&core->faults, key.where)) {
        return 1;
    }
    key.vector = vector;
    rule = dmashare_fault_ask(&core->faults, &key);
    if (!rule) {
        return 1;
    }
    switch (rule->action) {
    case DMASHARE_FAULT_ACTION_DUPLICATE:
        return 2;
    case DMASHARE_FAULT_ACTION_DELAY:
        return core_delay(core, DMASHARE_LATE_INTERRUPT, vector, 0,
                          rule->delay) ? 0 : 1;
    default:
        return 0;
    }
}

/*
 * Interrupts are sent last of all, with nothing of the core's on the stack:
 * the guest chooses where a message goes, and it may lead back to us.
 */
static void core_send_interrupts(DmashareCore *core)
{
    DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_INTERRUPT, DMASHARE_ACTOR_DEVICE);

    while (core->irq_overdue | core->irq_pending) {
        uint32_t *from = core->irq_overdue ? &core->irq_overdue
                                           : &core->irq_pending;
        unsigned vector = ctz32(*from);
        unsigned times = 1;

        *from &= ~(1u << vector);
        if (from == &core->irq_pending) {
            times = core_interrupt_times(core, vector);
        }
        while (times--) {
            trace_dmashare_irq(vector);
            record.arg = vector;
            dmashare_journal_add(&core->journal, &record);
            core->bus.ops->notify(core->bus.opaque, vector);
        }
    }
}

static void core_do_reset(DmashareCore *core)
{
    const DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_RESET, DMASHARE_ACTOR_DEVICE);

    trace_dmashare_reset();
    dmashare_journal_add(&core->journal, &record);
    core->reset_wanted = false;
    core->local.closed = core->gone;
    core->window.closed = core->gone;
    dmashare_timer_del(core->irq_timer);
    core->irq_pending = 0;
    core->irq_overdue = 0;
    dmashare_timer_del(core->late_timer);
    dmashare_late_clear(&core->late);
    core->fatal = false;
    dmashare_holds_reset(&core->holds);
    dmashare_queues_reset(&core->queues);
    dmashare_shares_reset(&core->shares);
    dmashare_events_reset(&core->events);
    dmashare_fences_reset(&core->fences);
    dmashare_render_reset(&core->render);
    dmashare_mappings_reset(&core->mappings);
    dmashare_buffers_reset(&core->buffers);
    dmashare_peer_reset(&core->peer);
    core->ctrl = 0;
    core->time_latch = 0;
    core->fence_addr = 0;
    core->fence_ctrl = 0;
}

void dmashare_core_enter(DmashareCore *core)
{
    core->bus.ops->enter(core->bus.opaque);
    if (dmashare_clock_enter(&core->clock)) {
        uint32_t timer = core->clock.fired;

        core->clock.fired = DMASHARE_NO_TIMER;
        if (core->recorder) {
            dmashare_record_enter(core->recorder, timer);
        }
    }
    core->busy++;
}

void dmashare_core_leave(DmashareCore *core, bool send)
{
    core->busy--;
    if (core->reset_wanted && !core->busy) {
        core_do_reset(core);
    }
    if (send) {
        core_send_interrupts(core);
    } else if (core->irq_pending) {
        dmashare_timer_mod(core->irq_timer, core_now(core));
    }
    dmashare_clock_leave(&core->clock);
    core->bus.ops->leave(core->bus.opaque);
}

static void core_work(void *opaque, DmashareQueue *q)
{
    DmashareCore *core = opaque;

    dmashare_core_enter(core);
    dmashare_queue_work(q);
    dmashare_core_leave(core, true);
}

static void core_irq_timer(void *opaque)
{
    DmashareCore *core = opaque;

    dmashare_core_enter(core);
    dmashare_core_leave(core, true);
}

static void core_raise(void *opaque, unsigned vector)
{
    DmashareCore *core = opaque;

    core->irq_pending |= 1u << vector;
}

/*
 * Fence memory
 */

static bool fence_memory_write(DmashareCore *core, uint32_t timeline,
                               uint64_t value)
{
    uint64_t addr = core->fence_addr + timeline * sizeof(uint64_t);
    uint16_t status = dmashare_bus_write64(&core->bus, addr, value);
    DmashareEvent event = {
        .type = DMASHARE_EVENT_FENCE_MEMORY,
        .status = status,
        .flags = DMASHARE_EVENT_F_WRITE,
        .addr = addr,
    };

    if (status) {
        core->fence_ctrl = 0;
        trace_dmashare_fence_memory_fault(addr, status);
        dmashare_event_raise(&core->events, &event);
    }
    return !status;
}

void dmashare_core_fence_memory(DmashareCore *core, bool enable)
{
    if (enable && core->fence_addr % DMASHARE_FENCE_ADDR_ALIGN) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: fence memory address 0x%" PRIx64
                      " is not aligned\n", core->fence_addr);
        return;
    }
    if (enable && !core->fence_ctrl) {
        core->fence_ctrl = DMASHARE_FENCE_CTRL_ENABLE;
        for (uint32_t i = 0; i < core->fences.n_timelines; i++) {
            if (!fence_memory_write(core, i,
                                    core->fences.timelines[i].value)) {
                return;
            }
        }
    }
    if (!enable) {
        core->fence_ctrl = 0;
        dmashare_late_forget(&core->late, DMASHARE_LATE_FENCE_MEMORY,
                             DMASHARE_LATE_ANY, UINT64_MAX);
    }
}

/* Does a fault rule keep a value from being written now? */
static bool fence_memory_kept(DmashareCore *core, uint32_t timeline,
                              uint64_t value)
{
    DmashareFaultKey key =
        DMASHARE_FAULT_KEY(DMASHARE_FAULT_WHERE_FENCE_MEMORY);
    const DmashareRule *rule;

    if (!dmashare_faults_at(&core->faults, key.where)) {
        return false;
    }
    key.timeline = timeline;
    rule = dmashare_fault_ask(&core->faults, &key);
    if (!rule) {
        return false;
    }
    return rule->action == DMASHARE_FAULT_ACTION_DROP ||
           core_delay(core, DMASHARE_LATE_FENCE_MEMORY, timeline, value,
                      rule->delay);
}

/* A late value, too, is one that nobody has seen a newer one than. */
static void fence_memory_advance(DmashareCore *core, uint32_t timeline,
                                 uint64_t value)
{
    if (core->late.n) {
        dmashare_late_forget(&core->late, DMASHARE_LATE_FENCE_MEMORY, timeline,
                             value);
    }
    fence_memory_write(core, timeline, value);
}

static void core_late_timer(void *opaque)
{
    DmashareCore *core = opaque;
    DmashareLateItem item;

    dmashare_core_enter(core);
    while (dmashare_late_take(&core->late, core_now(core), &item)) {
        if (item.kind == DMASHARE_LATE_INTERRUPT) {
            core->irq_overdue |= 1u << item.id;
        } else if (core->fence_ctrl) {
            fence_memory_advance(core, item.id, item.value);
        }
    }
    if (core->late.n) {
        dmashare_timer_mod(core->late_timer, dmashare_late_due(&core->late));
    }
    dmashare_core_leave(core, true);
}

static void core_fence_submitted(void *opaque, DmashareFence *fence)
{
    DmashareCore *core = opaque;

    dmashare_holds_submitted(&core->holds, fence);
}

static void core_fence_held(void *opaque, DmashareFence *fence)
{
    DmashareCore *core = opaque;

    dmashare_holds_held(&core->holds, fence);
}

static void core_timeline_advanced(void *opaque, uint32_t timeline,
                                   uint64_t value)
{
    DmashareCore *core = opaque;

    if (core->fence_ctrl && !fence_memory_kept(core, timeline, value)) {
        fence_memory_advance(core, timeline, value);
    }
    dmashare_queues_timeline_advanced(&core->queues);
}

static void core_fence_signalled(void *opaque, DmashareFence *fence)
{
    DmashareCore *core = opaque;

    dmashare_queues_fence_signalled(&core->queues, fence);
}

static void core_signal_more(void *opaque)
{
    DmashareCore *core = opaque;

    dmashare_queues_signal_more(&core->queues);
}

static const DmashareFenceOps core_fence_ops = {
    .submitted = core_fence_submitted,
    .held = core_fence_held,
    .advanced = core_timeline_advanced,
    .signalled = core_fence_signalled,
    .more = core_signal_more,
};

static void core_signal_work(void *opaque)
{
    DmashareCore *core = opaque;

    dmashare_core_enter(core);
    dmashare_queues_signal_work(&core->queues);
    dmashare_core_leave(core, true);
}

/*
 * Holds
 */

static int64_t core_hold_now(void *opaque)
{
    return core_now(opaque);
}

static void core_hold_alarm(void *opaque, int64_t when)
{
    DmashareCore *core = opaque;

    if (when == INT64_MAX || core->fatal) {
        dmashare_timer_del(core->hold_timer);
    } else {
        dmashare_timer_mod(core->hold_timer, when);
    }
}

static void core_hold_timer(void *opaque)
{
    DmashareCore *core = opaque;

    dmashare_core_enter(core);
    dmashare_holds_expire(&core->holds);
    dmashare_core_leave(core, true);
}

static void core_held_for_ever(void *opaque, const DmashareFence *fence)
{
    DmashareCore *core = opaque;
    const DmashareJob *job = fence->owner;
    DmashareEvent event = {
        .type = DMASHARE_EVENT_HELD_FOR_EVER,
        .queue = fence->lane,
        .cookie = le64_to_cpu(job->desc.cookie),
        .offset = fence->timeline,
        .addr = fence->seqno,
    };

    dmashare_event_raise(&core->events, &event);
}

static void core_hold_end(void *opaque, DmashareFence *fence, uint16_t status,
                          uint16_t error)
{
    DmashareCore *core = opaque;

    dmashare_queues_end_fence(&core->queues, fence, status, error);
}

static const DmashareHoldOps core_hold_ops = {
    .now = core_hold_now,
    .alarm = core_hold_alarm,
    .held_for_ever = core_held_for_ever,
    .end = core_hold_end,
};

/*
 * Sharing
 */

static void core_share_alarm(void *opaque, int64_t when)
{
    DmashareCore *core = opaque;

    if (when == INT64_MAX) {
        dmashare_timer_del(core->share_timer);
    } else {
        dmashare_timer_mod(core->share_timer, when);
    }
}

static void core_share_timer(void *opaque)
{
    DmashareCore *core = opaque;

    dmashare_core_enter(core);
    dmashare_shares_expire(&core->shares);
    dmashare_core_leave(core, true);
}

static const DmashareShareOps core_share_ops = {
    .now = core_hold_now,
    .alarm = core_share_alarm,
};

static void core_peer_init(DmashareCore *core)
{
    const DmashareShareLimits *share = &core->shares.limits;

    core->peer.window = &core->window;
    core->peer.events = &core->events;
    core->peer.notify = &core->notify;
    /* One register has the limit of both. */
    core->peer.max_holds = share->enabled ? share->max_holds
                                          : DMASHARE_PEER_MAX_HOLDS;
    dmashare_peer_init(&core->peer);
    core->commands.peer = core->window.half ? &core->peer : NULL;
}

static void core_render_wake(void *opaque, unsigned lane)
{
    DmashareCore *core = opaque;

    dmashare_queues_wake(&core->queues, lane);
}

static void core_render_init(DmashareCore *core)
{
    DmashareRender *render = &core->render;

    render->enabled = core->cfg.render;
    render->max_contexts = DMASHARE_RENDER_MAX_CONTEXTS;
    render->max_resources = DMASHARE_RENDER_MAX_RESOURCES;
    render->max_bytes = core->cfg.render_bytes;
    render->slot_size = core->cfg.render_max_bytes;
    render->wake = core_render_wake;
    render->wake_opaque = core;
    render->events = &core->events;
    render->journal = &core->journal;
}

static void core_shares_init(DmashareCore *core)
{
    core->shares.limits = (DmashareShareLimits) {
        .enabled = core->cfg.share,
        .max_shares = DMASHARE_MAX_SHARES,
        /* What clients can have leaves one for the contents of each. */
        .max_holds = core->cfg.share_max_clients * DMASHARE_MAX_CLIENT_HOLDS +
                     DMASHARE_MAX_SHARES,
        .max_size = core->cfg.share_max_size,
    };
    core->shares.host = &core->page_host;
    core->shares.buffers = &core->buffers;
    core->shares.mappings = &core->mappings;
    core->shares.events = &core->events;
    core->shares.journal = &core->journal;
    core->shares.ops = &core_share_ops;
    core->shares.opaque = core;
    core->share_timer = dmashare_timer_new(&core->clock, core_share_timer,
                                           core);
    dmashare_shares_init(&core->shares);
}

/*
 * Faults
 */

/* The device stops. What is on its way inside is left as it is. */
static void core_fatal(void *opaque)
{
    DmashareCore *core = opaque;
    DmashareJournalRecord record = DMASHARE_RECORD(DMASHARE_OPERATION_FATAL,
                                                   DMASHARE_ACTOR_DEVICE);
    DmashareEvent event = {
        .type = DMASHARE_EVENT_FATAL,
        .addr = ~0ULL,
    };

    trace_dmashare_fatal();
    dmashare_journal_add(&core->journal, &record);
    dmashare_event_raise(&core->events, &event);
    dmashare_events_stop(&core->events);
    core->fatal = true;
    dmashare_queues_stop(&core->queues);
    dmashare_timer_del(core->hold_timer);
    dmashare_timer_del(core->late_timer);
    dmashare_late_clear(&core->late);
}

bool dmashare_core_fault_remove(DmashareCore *core, uint32_t id, Error **errp)
{
    if (!dmashare_fault_remove(&core->faults, id)) {
        error_setg(errp, "Parameter 'id' expects the id of a fault rule; "
                   "query-dmashare-faults lists them");
        return false;
    }
    dmashare_core_enter(core);
    dmashare_queues_look_again(&core->queues);
    dmashare_core_leave(core, true);
    return true;
}

/*
 * Life
 */

void dmashare_core_init(DmashareCore *core, const DmashareConfig *cfg,
                        const DmashareLocal *local,
                        const DmasharePeerWindow *window,
                        const DmashareBusOps *ops, void *opaque)
{
    DmashareMapLimits map_limits = {
        .max_mappings = cfg->max_mappings,
        .max_segments = cfg->max_segments,
        .max_total_segments = cfg->max_total_segments,
        .mask = MAKE_64BIT_MASK(0, cfg->dma_bits),
        .max_segment_size = cfg->max_segment_size,
        .boundary = cfg->boundary,
    };
    DmashareRingLimits ring_limits = {
        .max_entries = cfg->max_entries,
        .n_vectors = DMASHARE_NUM_VECTORS(cfg->job_queues),
    };
    DmashareFaultLimits fault_limits = {
        .queues = cfg->job_queues + 1,
        .timelines = cfg->timelines,
        .vectors = ring_limits.n_vectors,
    };

    memset(core, 0, sizeof(*core));
    core->cfg = *cfg;
    core->bus.ops = ops;
    core->bus.opaque = opaque;
    core->bus.mask = map_limits.mask;
    core->interrupt.raise = core_raise;
    core->interrupt.opaque = core;
    dmashare_clock_init(&core->clock, cfg->paced);
    core->irq_timer = dmashare_timer_new(&core->clock, core_irq_timer, core);

    core->late_timer = dmashare_timer_new(&core->clock, core_late_timer, core);

    dmashare_journal_init(&core->journal, cfg->journal_size);
    dmashare_faults_init(&core->faults, &fault_limits, &core->journal,
                         &core->notify);
    dmashare_late_init(&core->late);
    core->journal.clock = &core->clock;
    core->local = *local;
    core->local.bus = &core->bus;
    core->window = *window;
    core->window.bus = &core->bus;
    core->poison.local = &core->local;
    dmashare_cache_init(&core->cache, cfg->coherent ? 0 : cfg->cache_size,
                        dmashare_mappings_transfer, &core->mappings);
    dmashare_buffers_init(&core->buffers, &core->cache, cfg->max_buffers,
                          cfg->max_attachments);
    dmashare_mappings_init(&core->mappings, &map_limits, &core->bus,
                           &core->local, &core->buffers);
    core->mappings.window = &core->window;
    dmashare_fences_init(&core->fences, cfg->timelines, &core_fence_ops, core);
    core->hold_timer = dmashare_timer_new(&core->clock, core_hold_timer, core);
    dmashare_holds_init(&core->holds, &core->fences, &core_hold_ops, core);
    core->fences.journal = &core->journal;
    core->fences.notify = &core->notify;

    core->page_host.bus = &core->bus;
    core->page_host.udmabuf.fd = -1;

    core->engines.buffers = &core->buffers;
    core->engines.mappings = &core->mappings;
    core->engines.faults = &core->faults;
    core->engines.latency = cfg->latency;
    core->engines.bandwidth = cfg->bandwidth;
    core->engines.max_job_bytes = cfg->max_job_bytes;
    core->engines.render = &core->render;

    core->commands.bus = &core->bus;
    core->commands.buffers = &core->buffers;
    core->commands.mappings = &core->mappings;
    core->commands.fences = &core->fences;
    core->commands.poison = &core->poison;
    core->commands.render = &core->render;
    core->commands.shares = &core->shares;
    core->commands.journal = &core->journal;
    core->commands.notify = &core->notify;
    core->commands.engines = &core->engines;
    core->commands.faults = &core->faults;
    core->commands.block = g_new(struct dmashare_segment,
                                 DMASHARE_SEG_BLOCK_MAX);

    core->events.bus = &core->bus;
    core->events.clock = &core->clock;
    core->events.interrupt = &core->interrupt;
    core->events.journal = &core->journal;
    core->events.notify = &core->notify;
    core->events.limits = ring_limits;
    dmashare_events_init(&core->events);


    core->queues.bus = &core->bus;
    core->queues.clock = &core->clock;
    core->queues.interrupt = &core->interrupt;
    core->queues.events = &core->events;
    core->queues.journal = &core->journal;
    core->queues.notify = &core->notify;
    core->queues.fences = &core->fences;
    core->queues.holds = &core->holds;
    core->queues.commands = &core->commands;
    core->queues.faults = &core->faults;
    core->queues.fatal = core_fatal;
    core->queues.fatal_opaque = core;
    core->queues.limits = ring_limits;
    core->queues.n_queues = cfg->job_queues + 1;
    core->queues.watchdog = cfg->watchdog;
    core->queues.work = core_work;
    core->queues.signal_work = core_signal_work;
    core->queues.work_opaque = core;
    dmashare_queues_init(&core->queues);

    core_render_init(core);
    core_shares_init(core);
    core_peer_init(core);
}

void dmashare_core_stop(DmashareCore *core)
{
    core->gone = true;
    dmashare_core_reset(core);
}

void dmashare_core_restart(DmashareCore *core)
{
    core->gone = false;
    dmashare_core_reset(core);
}

void dmashare_core_destroy(DmashareCore *core)
{
    if (!core->irq_timer) {
        return;
    }
    core_do_reset(core);
    dmashare_queues_destroy(&core->queues);
    dmashare_shares_destroy(&core->shares);
    dmashare_render_destroy(&core->render);
    dmashare_peer_destroy(&core->peer);
    dmashare_holds_destroy(&core->holds);
    dmashare_fences_destroy(&core->fences);
    dmashare_mappings_destroy(&core->mappings);
    dmashare_buffers_destroy(&core->buffers);
    g_clear_pointer(&core->commands.block, g_free);
    dmashare_faults_destroy(&core->faults);
    dmashare_journal_destroy(&core->journal);
    dmashare_timer_free(core->share_timer);
    dmashare_timer_free(core->hold_timer);
    dmashare_timer_free(core->late_timer);
    dmashare_timer_free(core->irq_timer);
    core->irq_timer = NULL;
}

void dmashare_core_reset(DmashareCore *core)
{
    bool outermost = dmashare_clock_enter(&core->clock);

    if (core->recorder) {
        if (outermost) {
            dmashare_record_enter(core->recorder, DMASHARE_NO_TIMER);
        }
        dmashare_record_reset(core->recorder);
    }
    core->irq_pending = 0;
    core->irq_overdue = 0;
    if (core->busy) {
        /* DMA led back to whoever resets us: first let go of everything. */
        core->reset_wanted = true;
        core->local.closed = true;
        core->window.closed = true;
    } else {
        core_do_reset(core);
    }
    dmashare_clock_leave(&core->clock);
}

void dmashare_core_ledger(DmashareCore *core, struct dmashare_ledger *ledger)
{
    core->buffers.ledger.fences_signalled = core->fences.signalled;
    core->buffers.ledger.fences_failed = core->fences.failed;
    dmashare_ledger_write(&core->buffers, 0, ledger, sizeof(*ledger));
}

void dmashare_core_hold(DmashareCore *core, bool held)
{
    core->held = held;
}

void dmashare_core_enable(DmashareCore *core, bool enable)
{
    if (!enable && core->ctrl) {
        for (unsigned i = 0; i < core->queues.n_queues; i++) {
            dmashare_queue_disable(&core->queues.queue[i]);
        }
        dmashare_events_disable(&core->events);
    }
    core->ctrl = enable ? DMASHARE_CTRL_ENABLE : 0;
}
