// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the event ring
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/log.h"
#include "hw/dmashare/event.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_event) != DMASHARE_EVENT_SIZE);

static void events_fail(DmashareEvents *ev, uint8_t error)
{
    ev->enabled = false;
    ev->error = error;
    qemu_log_mask(LOG_GUEST_ERROR, "dmashare: event ring: error %u\n", error);
    trace_dmashare_event_ring_error(error);
}

/* What an event is in the journal; lost ones are there as well. */
static void events_record(const DmashareEvents *ev, const DmashareEvent *event,
                          bool lost)
{
    DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_EVENT, DMASHARE_ACTOR_DEVICE);

    record.arg = event->type;
    record.buffer = event->buffer ? event->buffer : DMASHARE_NO_ID;
    record.object = event->mapping ? event->mapping : DMASHARE_NO_ID;
    switch (event->type) {
    case DMASHARE_EVENT_FAULT:
    case DMASHARE_EVENT_WATCHDOG:
        record.status = event->status;
        record.queue = event->queue;
        break;
    case DMASHARE_EVENT_FENCE_MEMORY:
    case DMASHARE_EVENT_SHARE_DONE:
    case DMASHARE_EVENT_PEER_WITHDRAW:
    case DMASHARE_EVENT_PEER_GRANTED:
    case DMASHARE_EVENT_RENDER_LOST:
        record.status = event->status;
        break;
    case DMASHARE_EVENT_QUEUE_ERROR:
        record.queue = event->queue;
        break;
    case DMASHARE_EVENT_HELD_FOR_EVER:
        record.timeline = event->offset;
        record.seqno = event->addr;
        break;
    }
    if (lost) {
        record.status = DMASHARE_STATUS_LIMIT;
    }
    dmashare_journal_add(ev->journal, &record);
}

/*
 * An access that was refused is told to those outside, too, whether or not the
 * driver wants events. Of the rules' faults the rules tell.
 */
static void events_notify(const DmashareEvents *ev, const DmashareEvent *event)
{
    const DmashareFaultNotice notice = {
        .rule = DMASHARE_NO_ID,
        .status = event->status,
        .queue = event->queue,
        .buffer = event->buffer ? event->buffer : DMASHARE_NO_ID,
        .mapping = event->mapping,
        .offset = event->offset,
        .write = event->flags & DMASHARE_EVENT_F_WRITE,
    };

    if (event->type == DMASHARE_EVENT_FAULT &&
        event->status != DMASHARE_STATUS_COMMANDED) {
        dmashare_notify_fault(ev->notify, &notice);
    }
}

/* There is room. False, and the ring has failed, if it is out of reach. */
static bool events_post(DmashareEvents *ev, const DmashareEvent *event)
{
    int64_t now = dmashare_clock_now(ev->clock);
    struct dmashare_event entry = {
        .type = cpu_to_le16(event->type),
        .status = cpu_to_le16(event->status),
        .queue = cpu_to_le16(event->queue),
        .flags = cpu_to_le16(event->flags),
        .cookie = cpu_to_le64(event->cookie),
        .buffer = cpu_to_le32(event->buffer),
        .mapping = cpu_to_le32(event->mapping),
        .offset = cpu_to_le64(event->offset),
        .addr = cpu_to_le64(event->addr),
        .time = cpu_to_le64(now),
        .lost = cpu_to_le32(ev->lost_now),
    };
    size_t body = offsetof(struct dmashare_event, seq);
    uint64_t at;

    at = dmashare_ring_slot(ev->addr, ev->entries, ev->tail, sizeof(entry));
    if (dmashare_bus_write(ev->bus, at, &entry, body)) {
        events_fail(ev, DMASHARE_QERR_CQ_FAULT);
        return false;
    }
    /* Who sees the sequence number sees the entry. */
    smp_wmb();
    if (dmashare_bus_write32(ev->bus, at + body, ev->tail + 1)) {
        events_fail(ev, DMASHARE_QERR_CQ_FAULT);
        return false;
    }
    ev->tail++;
    ev->lost_now = 0;
    events_record(ev, event, false);
    ev->interrupt->raise(ev->interrupt->opaque, ev->vector);
    return true;
}

static void events_trace(const DmashareEvent *event)
{
    trace_dmashare_event(event->type, event->status, event->queue,
                         event->mapping, event->offset, event->addr);
}

bool dmashare_event_raise(DmashareEvents *ev, const DmashareEvent *event)
{
    events_trace(event);
    events_notify(ev, event);
    if (!ev->enabled || ev->stopped) {
        return false;
    }
    if (ev->tail - ev->head >= ev->entries) {
        ev->lost++;
        ev->lost_now++;
        events_record(ev, event, true);
        return false;
    }
    return events_post(ev, event);
}

/* What the sources say, turn and turn about. */
static bool events_next(DmashareEvents *ev)
{
    DmashareEventSource *source;

    if (ev->has_kept) {
        return true;
    }
    QTAILQ_FOREACH(source, &ev->sources, link) {
        memset(&ev->kept, 0, sizeof(ev->kept));
        if (source->next(source->opaque, &ev->kept)) {
            QTAILQ_REMOVE(&ev->sources, source, link);
            QTAILQ_INSERT_TAIL(&ev->sources, source, link);
            events_trace(&ev->kept);
            ev->has_kept = true;
            return true;
        }
    }
    return false;
}

void dmashare_events_kick(DmashareEvents *ev)
{
    while (ev->enabled && !ev->stopped &&
           ev->tail - ev->head < ev->entries / 2 && events_next(ev)) {
        if (events_post(ev, &ev->kept)) {
            ev->has_kept = false;
        }
    }
}

void dmashare_events_init(DmashareEvents *ev)
{
    QTAILQ_INIT(&ev->sources);
}

void dmashare_events_add_source(DmashareEvents *ev,
                                DmashareEventSource *source)
{
    QTAILQ_INSERT_TAIL(&ev->sources, source, link);
}

void dmashare_events_enable(DmashareEvents *ev, bool allowed)
{
    uint8_t error = DMASHARE_QERR_NONE;

    if (ev->enabled) {
        return;
    }
    if (!allowed) {
        error = DMASHARE_QERR_DISABLED;
    } else if (ev->addr % DMASHARE_RING_ALIGN) {
        error = DMASHARE_QERR_ALIGN;
    } else if (!dmashare_ring_entries_ok(&ev->limits, ev->entries)) {
        error = DMASHARE_QERR_ENTRIES;
    } else if (ev->vector >= ev->limits.n_vectors) {
        error = DMASHARE_QERR_VECTOR;
    }
    if (error) {
        events_fail(ev, error);
        return;
    }
    ev->head = 0;
    ev->tail = 0;
    ev->lost = 0;
    ev->lost_now = 0;
    ev->error = DMASHARE_QERR_NONE;
    ev->enabled = true;
    dmashare_events_kick(ev);
}

void dmashare_events_disable(DmashareEvents *ev)
{
    ev->enabled = false;
}

void dmashare_events_consumed(DmashareEvents *ev, uint32_t head)
{
    if (!ev->enabled) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: doorbell of the disabled event ring\n");
        return;
    }
    if (head - ev->head > ev->tail - ev->head) {
        events_fail(ev, DMASHARE_QERR_DOORBELL);
        return;
    }
    ev->head = head;
    dmashare_events_kick(ev);
}

void dmashare_events_stop(DmashareEvents *ev)
{
    ev->stopped = true;
}

void dmashare_events_reset(DmashareEvents *ev)
{
    ev->addr = 0;
    ev->entries = 0;
    ev->vector = 0;
    ev->enabled = false;
    ev->stopped = false;
    ev->has_kept = false;
    ev->error = DMASHARE_QERR_NONE;
    ev->head = 0;
    ev->tail = 0;
    ev->lost = 0;
    ev->lost_now = 0;
}
