// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the register file
 *
 * Decoding only: what a register means is in the room it belongs to.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "hw/dmashare/record.h"
#include "trace.h"

#define QUEUE_STRIDE    (DMASHARE_REG_QUEUE(1) - DMASHARE_REG_QUEUE(0))
#define QUEUE_REGS      DMASHARE_REG_QUEUE(0)
#define QUEUE_REGS_END  DMASHARE_REG_QUEUE(DMASHARE_MAX_JOB_QUEUES + 1)
#define DOORBELLS       DMASHARE_REG_DOORBELL_SQ(0)
#define DOORBELLS_END   DMASHARE_REG_DOORBELL_SQ(DMASHARE_MAX_JOB_QUEUES + 1)

static uint64_t features(const DmashareCore *core)
{
    return (core->local.size ? DMASHARE_FEATURE_LOCAL : 0) |
           (core->cfg.share ? DMASHARE_FEATURE_SHARE : 0) |
           (core->window.half ? DMASHARE_FEATURE_PEER : 0) |
           (core->render.enabled ? DMASHARE_FEATURE_RENDER : 0) |
           (core->cfg.coherent ? 0 : DMASHARE_FEATURE_NONCOHERENT);
}

static uint32_t ring_status(bool enabled, uint8_t error)
{
    return (enabled ? DMASHARE_QSTATUS_ENABLED : 0) |
           (uint32_t)error << DMASHARE_QSTATUS_ERROR_SHIFT;
}

static bool render_read(const DmashareRender *render, uint64_t addr,
                        uint32_t *value)
{
    switch (addr) {
    case DMASHARE_REG_MAX_CONTEXTS:
        *value = render->max_contexts;
        break;
    case DMASHARE_REG_MAX_RESOURCES:
        *value = render->max_resources;
        break;
    case DMASHARE_REG_MAX_RENDER_LO:
        *value = render->slot_size;
        break;
    case DMASHARE_REG_MAX_RENDER_HI:
        *value = render->slot_size >> 32;
        break;
    case DMASHARE_REG_RENDER_BYTES_LO:
        *value = render->max_bytes;
        break;
    case DMASHARE_REG_RENDER_BYTES_HI:
        *value = render->max_bytes >> 32;
        break;
    case DMASHARE_REG_RENDER_RINGS:
        *value = DMASHARE_RENDER_RINGS;
        break;
    default:
        return false;
    }
    if (!render->enabled) {
        *value = 0;
    }
    return true;
}

/* The queue whose register block or doorbell pair @index is, if it exists. */
static DmashareQueue *queue_at(DmashareCore *core, uint64_t index)
{
    return index < core->queues.n_queues ? &core->queues.queue[index] : NULL;
}

static bool queue_read(const DmashareQueue *q, unsigned reg, uint32_t *value)
{
    switch (reg) {
    case DMASHARE_QREG_SQ_ADDR_LO:
        *value = q->sq_addr;
        return true;
    case DMASHARE_QREG_SQ_ADDR_HI:
        *value = q->sq_addr >> 32;
        return true;
    case DMASHARE_QREG_CQ_ADDR_LO:
        *value = q->cq_addr;
        return true;
    case DMASHARE_QREG_CQ_ADDR_HI:
        *value = q->cq_addr >> 32;
        return true;
    case DMASHARE_QREG_SQ_ENTRIES:
        *value = q->sq_entries;
        return true;
    case DMASHARE_QREG_CQ_ENTRIES:
        *value = q->cq_entries;
        return true;
    case DMASHARE_QREG_VECTOR:
        *value = q->vector;
        return true;
    case DMASHARE_QREG_CTRL:
        *value = q->enabled ? DMASHARE_QCTRL_ENABLE : 0;
        return true;
    case DMASHARE_QREG_STATUS:
        *value = ring_status(q->enabled, q->error);
        return true;
    case DMASHARE_QREG_SQ_HEAD:
        *value = q->sq_head;
        return true;
    case DMASHARE_QREG_CQ_TAIL:
        *value = q->cq_tail;
        return true;
    default:
        return false;
    }
}

static bool doorbell_exists(DmashareCore *core, uint64_t addr)
{
    return addr == DMASHARE_REG_DOORBELL_EVQ ||
           (addr >= DOORBELLS && addr < DOORBELLS_END &&
            queue_at(core, (addr - DOORBELLS) / 8));
}

static bool reg_read(DmashareCore *core, uint64_t addr, uint32_t *value)
{
    const DmashareConfig *cfg = &core->cfg;
    const DmashareShareLimits *share = &core->shares.limits;
    uint64_t now;

    if (addr >= QUEUE_REGS && addr < QUEUE_REGS_END) {
        uint64_t at = addr - QUEUE_REGS;
        DmashareQueue *q = queue_at(core, at / QUEUE_STRIDE);

        return q && queue_read(q, at % QUEUE_STRIDE, value);
    }
    if (doorbell_exists(core, addr)) {
        *value = 0;
        return true;
    }

    switch (addr) {
    case DMASHARE_REG_ID:
        *value = DMASHARE_ID_MAGIC;
        return true;
    case DMASHARE_REG_VERSION:
        *value = DMASHARE_VERSION_MAJOR << 16 | DMASHARE_VERSION_MINOR;
        return true;
    case DMASHARE_REG_FEATURES_LO:
        *value = features(core);
        return true;
    case DMASHARE_REG_FEATURES_HI:
        *value = features(core) >> 32;
        return true;
    case DMASHARE_REG_CTRL:
        *value = core->ctrl;
        return true;
    case DMASHARE_REG_STATUS:
        *value = (core->ctrl ? DMASHARE_STATUS_REG_READY : 0) |
                 (core->fatal ? DMASHARE_STATUS_REG_FATAL : 0);
        return true;
    case DMASHARE_REG_DMA_BITS:
        *value = cfg->dma_bits;
        return true;
    case DMASHARE_REG_MAX_SEGMENTS:
        *value = cfg->max_segments;
        return true;
    case DMASHARE_REG_MAX_SEG_SIZE_LO:
        *value = cfg->max_segment_size;
        return true;
    case DMASHARE_REG_MAX_SEG_SIZE_HI:
        *value = cfg->max_segment_size >> 32;
        return true;
    case DMASHARE_REG_BOUNDARY_LO:
        *value = cfg->boundary;
        return true;
    case DMASHARE_REG_BOUNDARY_HI:
        *value = cfg->boundary >> 32;
        return true;
    case DMASHARE_REG_NUM_JOB_QUEUES:
        *value = cfg->job_queues;
        return true;
    case DMASHARE_REG_MAX_ENTRIES:
        *value = cfg->max_entries;
        return true;
    case DMASHARE_REG_MAX_BUFFERS:
        *value = cfg->max_buffers;
        return true;
    case DMASHARE_REG_MAX_MAPPINGS:
        *value = cfg->max_mappings;
        return true;
    case DMASHARE_REG_MAX_ATTACHMENTS:
        *value = cfg->max_attachments;
        return true;
    case DMASHARE_REG_NUM_TIMELINES:
        *value = cfg->timelines;
        return true;
    case DMASHARE_REG_MAX_JOB_BYTES_LO:
        *value = cfg->max_job_bytes;
        return true;
    case DMASHARE_REG_MAX_JOB_BYTES_HI:
        *value = cfg->max_job_bytes >> 32;
        return true;
    case DMASHARE_REG_LOCAL_SIZE_LO:
        *value = core->local.size;
        return true;
    case DMASHARE_REG_LOCAL_SIZE_HI:
        *value = core->local.size >> 32;
        return true;
    case DMASHARE_REG_MAX_TOTAL_SEGMENTS:
        *value = cfg->max_total_segments;
        return true;
    case DMASHARE_REG_TIME_LO:
        now = dmashare_clock_now(&core->clock);
        core->time_latch = now >> 32;
        *value = now;
        return true;
    case DMASHARE_REG_TIME_HI:
        *value = core->time_latch;
        return true;
    case DMASHARE_REG_FENCE_ADDR_LO:
        *value = core->fence_addr;
        return true;
    case DMASHARE_REG_FENCE_ADDR_HI:
        *value = core->fence_addr >> 32;
        return true;
    case DMASHARE_REG_FENCE_CTRL:
        *value = core->fence_ctrl;
        return true;
    case DMASHARE_REG_MAX_SHARES:
        *value = share->enabled ? share->max_shares : 0;
        return true;
    case DMASHARE_REG_MAX_HOLDS:
        *value = share->enabled || core->window.half ? core->peer.max_holds : 0;
        return true;
    case DMASHARE_REG_MAX_SHARE_SIZE_LO:
        *value = share->enabled ? share->max_size : 0;
        return true;
    case DMASHARE_REG_MAX_SHARE_SIZE_HI:
        *value = share->enabled ? share->max_size >> 32 : 0;
        return true;
    case DMASHARE_REG_EVQ_ADDR_LO:
        *value = core->events.addr;
        return true;
    case DMASHARE_REG_EVQ_ADDR_HI:
        *value = core->events.addr >> 32;
        return true;
    case DMASHARE_REG_EVQ_ENTRIES:
        *value = core->events.entries;
        return true;
    case DMASHARE_REG_EVQ_VECTOR:
        *value = core->events.vector;
        return true;
    case DMASHARE_REG_EVQ_CTRL:
        *value = core->events.enabled ? DMASHARE_QCTRL_ENABLE : 0;
        return true;
    case DMASHARE_REG_EVQ_STATUS:
        *value = ring_status(core->events.enabled, core->events.error);
        return true;
    case DMASHARE_REG_EVQ_TAIL:
        *value = core->events.tail;
        return true;
    case DMASHARE_REG_EVQ_LOST:
        *value = core->events.lost;
        return true;
    case DMASHARE_REG_MAX_PEERS:
        *value = core->window.half ? DMASHARE_MAX_PEERS : 0;
        return true;
    case DMASHARE_REG_PEER_OFFSET_LO:
        *value = core->window.offset;
        return true;
    case DMASHARE_REG_PEER_OFFSET_HI:
        *value = core->window.offset >> 32;
        return true;
    case DMASHARE_REG_PEER_SIZE_LO:
        *value = core->window.half;
        return true;
    case DMASHARE_REG_PEER_SIZE_HI:
        *value = core->window.half >> 32;
        return true;
    default:
        return render_read(&core->render, addr, value);
    }
}

/* A set-up register while what it sets up is running. */
static bool locked(bool running, uint64_t addr)
{
    if (running) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: write to register 0x%" PRIx64
                      " while it is in use\n", addr);
    }
    return running;
}

static bool queue_write(DmashareCore *core, DmashareQueue *q, unsigned reg,
                        uint64_t addr, uint32_t value)
{
    if (reg == DMASHARE_QREG_CTRL) {
        if (value & DMASHARE_QCTRL_ENABLE) {
            dmashare_queue_enable(q, core->ctrl);
        } else {
            dmashare_queue_disable(q);
        }
        return true;
    }
    if (reg > DMASHARE_QREG_CTRL) {
        return false;
    }
    if (locked(q->enabled, addr)) {
        return true;
    }

    switch (reg) {
    case DMASHARE_QREG_SQ_ADDR_LO:
        q->sq_addr = deposit64(q->sq_addr, 0, 32, value);
        return true;
    case DMASHARE_QREG_SQ_ADDR_HI:
        q->sq_addr = deposit64(q->sq_addr, 32, 32, value);
        return true;
    case DMASHARE_QREG_CQ_ADDR_LO:
        q->cq_addr = deposit64(q->cq_addr, 0, 32, value);
        return true;
    case DMASHARE_QREG_CQ_ADDR_HI:
        q->cq_addr = deposit64(q->cq_addr, 32, 32, value);
        return true;
    case DMASHARE_QREG_SQ_ENTRIES:
        q->sq_entries = value;
        return true;
    case DMASHARE_QREG_CQ_ENTRIES:
        q->cq_entries = value;
        return true;
    case DMASHARE_QREG_VECTOR:
        q->vector = value;
        return true;
    default:
        return false;
    }
}

static bool events_write(DmashareCore *core, uint64_t addr, uint32_t value)
{
    DmashareEvents *ev = &core->events;

    if (addr == DMASHARE_REG_EVQ_CTRL) {
        if (value & DMASHARE_QCTRL_ENABLE) {
            dmashare_events_enable(ev, core->ctrl);
        } else {
            dmashare_events_disable(ev);
        }
        return true;
    }
    if (locked(ev->enabled, addr)) {
        return true;
    }

    switch (addr) {
    case DMASHARE_REG_EVQ_ADDR_LO:
        ev->addr = deposit64(ev->addr, 0, 32, value);
        return true;
    case DMASHARE_REG_EVQ_ADDR_HI:
        ev->addr = deposit64(ev->addr, 32, 32, value);
        return true;
    case DMASHARE_REG_EVQ_ENTRIES:
        ev->entries = value;
        return true;
    case DMASHARE_REG_EVQ_VECTOR:
        ev->vector = value;
        return true;
    default:
        return false;
    }
}

static bool doorbell_write(DmashareCore *core, uint64_t addr, uint32_t value)
{
    DmashareQueue *q = queue_at(core, (addr - DOORBELLS) / 8);

    if (!q) {
        return false;
    }
    if (addr & 4) {
        dmashare_queue_doorbell_cq(q, value);
    } else {
        dmashare_queue_doorbell_sq(q, value);
    }
    return true;
}

/* Returns false for a register that does not exist or cannot be written. */
static bool reg_write(DmashareCore *core, uint64_t addr, uint32_t value)
{
    if (core->fatal &&
        (addr != DMASHARE_REG_CTRL || !(value & DMASHARE_CTRL_RESET))) {
        /* It stopped as it stood. */
        return true;
    }
    if (addr >= DOORBELLS && addr < DOORBELLS_END) {
        return doorbell_write(core, addr, value);
    }
    if (addr >= QUEUE_REGS && addr < QUEUE_REGS_END) {
        uint64_t at = addr - QUEUE_REGS;
        DmashareQueue *q = queue_at(core, at / QUEUE_STRIDE);

        return q && queue_write(core, q, at % QUEUE_STRIDE, addr, value);
    }

    switch (addr) {
    case DMASHARE_REG_CTRL:
        if (value & DMASHARE_CTRL_RESET) {
            dmashare_core_reset(core);
        } else {
            dmashare_core_enable(core, value & DMASHARE_CTRL_ENABLE);
        }
        return true;
    case DMASHARE_REG_FENCE_ADDR_LO:
        if (!locked(core->fence_ctrl, addr)) {
            core->fence_addr = deposit64(core->fence_addr, 0, 32, value);
        }
        return true;
    case DMASHARE_REG_FENCE_ADDR_HI:
        if (!locked(core->fence_ctrl, addr)) {
            core->fence_addr = deposit64(core->fence_addr, 32, 32, value);
        }
        return true;
    case DMASHARE_REG_FENCE_CTRL:
        dmashare_core_fence_memory(core, value & DMASHARE_FENCE_CTRL_ENABLE);
        return true;
    case DMASHARE_REG_EVQ_ADDR_LO:
    case DMASHARE_REG_EVQ_ADDR_HI:
    case DMASHARE_REG_EVQ_ENTRIES:
    case DMASHARE_REG_EVQ_VECTOR:
    case DMASHARE_REG_EVQ_CTRL:
        return events_write(core, addr, value);
    case DMASHARE_REG_DOORBELL_EVQ:
        dmashare_events_consumed(&core->events, value);
        return true;
    default:
        return false;
    }
}

/* Does @addr start a 64-bit register? */
static bool is_pair(uint64_t addr)
{
    if (addr >= QUEUE_REGS && addr < QUEUE_REGS_END) {
        switch ((addr - QUEUE_REGS) % QUEUE_STRIDE) {
        case DMASHARE_QREG_SQ_ADDR_LO:
        case DMASHARE_QREG_CQ_ADDR_LO:
            return true;
        default:
            return false;
        }
    }
    switch (addr) {
    case DMASHARE_REG_FEATURES_LO:
    case DMASHARE_REG_MAX_SEG_SIZE_LO:
    case DMASHARE_REG_BOUNDARY_LO:
    case DMASHARE_REG_MAX_JOB_BYTES_LO:
    case DMASHARE_REG_LOCAL_SIZE_LO:
    case DMASHARE_REG_TIME_LO:
    case DMASHARE_REG_FENCE_ADDR_LO:
    case DMASHARE_REG_EVQ_ADDR_LO:
    case DMASHARE_REG_MAX_SHARE_SIZE_LO:
    case DMASHARE_REG_PEER_OFFSET_LO:
    case DMASHARE_REG_PEER_SIZE_LO:
    case DMASHARE_REG_MAX_RENDER_LO:
    case DMASHARE_REG_RENDER_BYTES_LO:
        return true;
    default:
        return false;
    }
}

uint64_t dmashare_regs_read(DmashareCore *core, uint64_t addr, unsigned size)
{
    bool outermost = dmashare_clock_enter(&core->clock);
    uint32_t lo = 0, hi = 0;
    bool ok = false;

    if (size == 4 && addr % 4 == 0) {
        ok = reg_read(core, addr, &lo);
    } else if (size == 8 && is_pair(addr)) {
        ok = reg_read(core, addr, &lo) && reg_read(core, addr + 4, &hi);
    }
    if (core->recorder) {
        if (outermost) {
            dmashare_record_enter(core->recorder, DMASHARE_NO_TIMER);
        }
        dmashare_record_reg(core->recorder, false, addr, size,
                            ok ? (uint64_t)hi << 32 | lo : 0);
    }
    dmashare_clock_leave(&core->clock);
    if (!ok) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: bad read of %u bytes at 0x%" PRIx64 "\n",
                      size, addr);
        trace_dmashare_bad_access(false, addr, size);
        return 0;
    }
    trace_dmashare_reg_read(addr, size, (uint64_t)hi << 32 | lo);
    return (uint64_t)hi << 32 | lo;
}

void dmashare_regs_write(DmashareCore *core, uint64_t addr, uint64_t value,
                         unsigned size)
{
    bool ok = false;

    if (core->held || core->gone) {
        return;
    }
    trace_dmashare_reg_write(addr, size, value);
    dmashare_core_enter(core);
    if (core->recorder) {
        dmashare_record_reg(core->recorder, true, addr, size, value);
    }
    if (size == 4 && addr % 4 == 0) {
        ok = reg_write(core, addr, value);
    } else if (size == 8 && is_pair(addr)) {
        ok = reg_write(core, addr, value) &&
             reg_write(core, addr + 4, value >> 32);
    }
    if (!ok) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: bad write of %u bytes at 0x%" PRIx64 "\n",
                      size, addr);
        trace_dmashare_bad_access(true, addr, size);
    }
    /* The access is not over yet: interrupts are sent when it is. */
    dmashare_core_leave(core, false);
}
