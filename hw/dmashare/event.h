/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the event ring
 */
#ifndef HW_DMASHARE_EVENT_H
#define HW_DMASHARE_EVENT_H

#include "qemu/queue.h"
#include "hw/dmashare/bus.h"
#include "hw/dmashare/clock.h"
#include "hw/dmashare/journal.h"
#include "hw/dmashare/notify.h"

/**
 * DmashareInterrupt: how rings ask for an interrupt
 * @raise: the vector is to be sent once the present work is done
 * @opaque: passed to it
 */
typedef struct DmashareInterrupt {
    void (*raise)(void *opaque, unsigned vector);
    void *opaque;
} DmashareInterrupt;

/**
 * DmashareRingLimits: what a ring's registers are checked against
 * @max_entries: power of two
 * @n_vectors: of the device
 */
typedef struct DmashareRingLimits {
    uint32_t max_entries;
    uint32_t n_vectors;
} DmashareRingLimits;

/* DMA address of slot @index; a ring that wraps past 2^64 is out of reach. */
static inline uint64_t dmashare_ring_slot(uint64_t base, uint32_t entries,
                                          uint32_t index, uint32_t size)
{
    uint64_t addr = base + (uint64_t)(index & (entries - 1)) * size;

    return addr < base ? UINT64_MAX : addr;
}

/* Is it a number of entries that a ring may have? */
static inline bool dmashare_ring_entries_ok(const DmashareRingLimits *limits,
                                            uint32_t entries)
{
    return entries >= DMASHARE_MIN_ENTRIES && entries <= limits->max_entries &&
           !(entries & (entries - 1));
}

/**
 * DmashareEvent: an event to raise; fields as struct dmashare_event
 */
typedef struct DmashareEvent {
    uint16_t type;
    uint16_t status;
    uint16_t queue;
    uint16_t flags;
    uint64_t cookie;
    uint32_t buffer;
    uint32_t mapping;
    uint64_t offset;
    uint64_t addr;
} DmashareEvent;

/**
 * DmashareEventSource: a room whose events are never dropped
 * @next: take the next event out of what there is; false if there is none.
 *        Called from within dmashare_events_kick() and the register accesses
 *        that make room. It may drop what has become pointless meanwhile, but
 *        neither raises events nor does DMA, and what it takes out is bounded:
 *        the guest and the clients of the host decide when it is asked.
 * @opaque: passed to it
 * @link: in DmashareEvents.sources
 *
 * A source keeps what it has to say for as long as that is true, and says it
 * when it is asked. It is asked whenever there is room for it, and must kick
 * the ring when it has something new to say. What @next has given is the
 * ring's, which posts it or keeps it.
 */
typedef struct DmashareEventSource {
    bool (*next)(void *opaque, DmashareEvent *event);
    void *opaque;
    QTAILQ_ENTRY(DmashareEventSource) link;
} DmashareEventSource;

/**
 * DmashareEvents: the event ring
 * @bus: where it is
 * @clock: device time
 * @interrupt: for its vector
 * @journal: where what happens is written
 * @notify: who is told of a fault at once
 * @limits: constant
 * @addr: register
 * @entries: register
 * @vector: register
 * @enabled: it runs
 * @stopped: and is not told anything any more, until a reset
 * @error: enum dmashare_queue_error
 * @head: consumer index
 * @tail: next index to be posted
 * @lost: dropped since it was enabled
 * @lost_now: dropped since the last one that was posted
 * @sources: of events that are not dropped; the one to be asked first is first
 * @kept: one that a source gave, and that could not be posted
 * @has_kept: there is one
 */
typedef struct DmashareEvents {
    const DmashareBus *bus;
    const DmashareClock *clock;
    const DmashareInterrupt *interrupt;
    DmashareJournal *journal;
    const DmashareNotify *notify;
    DmashareRingLimits limits;
    uint64_t addr;
    uint32_t entries;
    uint32_t vector;
    bool enabled;
    bool stopped;
    uint8_t error;
    uint32_t head;
    uint32_t tail;
    uint32_t lost;
    uint32_t lost_now;
    QTAILQ_HEAD(, DmashareEventSource) sources;
    DmashareEvent kept;
    bool has_kept;
} DmashareEvents;

/* The members from @bus to @limits are set; once, before anything else. */
void dmashare_events_init(DmashareEvents *ev);

/*
 * Post an event, or count it as lost; nothing when the ring is disabled.
 * Returns whether it was posted.
 */
bool dmashare_event_raise(DmashareEvents *ev, const DmashareEvent *event);

/* @source lives as long as the ring. */
void dmashare_events_add_source(DmashareEvents *ev,
                                DmashareEventSource *source);
/*
 * A source has something to say. Posts what there is room for, in brackets of
 * dmashare_core_enter() and _leave(): the interrupt is sent by the latter.
 * Sources get half of the ring, so that they cannot crowd out the events that
 * would be dropped.
 */
void dmashare_events_kick(DmashareEvents *ev);

/* Check the registers and start, @allowed being CTRL.ENABLE. */
void dmashare_events_enable(DmashareEvents *ev, bool allowed);
void dmashare_events_disable(DmashareEvents *ev);
/* The driver has consumed up to @head. */
void dmashare_events_consumed(DmashareEvents *ev, uint32_t head);
/* The device has met a fatal error: no event from now on, until a reset. */
void dmashare_events_stop(DmashareEvents *ev);
/*
 * Power-on state. What sources have given is forgotten; what they still have
 * to say is their own affair.
 */
void dmashare_events_reset(DmashareEvents *ev);

#endif /* HW_DMASHARE_EVENT_H */
