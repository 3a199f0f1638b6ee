/*
 * dmashare: the event ring and what it is told by sources
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/event.h"

#define RING            0x1000
#define ENTRIES         8
#define SAY             100

/**
 * Source: has numbers to say, from @next to @end
 * @asked: how often it was
 */
typedef struct Source {
    DmashareEventSource source;
    uint16_t type;
    uint64_t next;
    uint64_t end;
    unsigned asked;
} Source;

/**
 * Ring: an event ring in an array
 * @memory: of it
 * @broken: no write of more than so many from now on arrives
 * @interrupts: that were asked for
 * @head: that the driver has consumed
 */
typedef struct Ring {
    struct dmashare_event memory[ENTRIES];
    unsigned broken;
    unsigned interrupts;
    uint32_t head;
    DmashareBus bus;
    DmashareClock clock;
    DmashareInterrupt interrupt;
    DmashareJournal journal;
    DmashareEvents ev;
    Source a, b;
} Ring;

static uint16_t ring_write(void *opaque, uint64_t addr, const void *buf,
                           uint64_t len)
{
    Ring *r = opaque;

    g_assert_cmpuint(addr, >=, RING);
    g_assert_cmpuint(addr - RING + len, <=, sizeof(r->memory));
    if (!r->broken) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    r->broken--;
    memcpy((uint8_t *)r->memory + addr - RING, buf, len);
    return DMASHARE_STATUS_OK;
}

static uint16_t ring_write32(void *opaque, uint64_t addr, uint32_t value)
{
    uint32_t le = cpu_to_le32(value);

    return ring_write(opaque, addr, &le, sizeof(le));
}

static const DmashareBusOps ring_ops = {
    .write = ring_write,
    .write32 = ring_write32,
};

static void ring_raise(void *opaque, unsigned vector)
{
    Ring *r = opaque;

    g_assert_cmpuint(vector, ==, 1);
    r->interrupts++;
}

static bool source_next(void *opaque, DmashareEvent *event)
{
    Source *s = opaque;

    s->asked++;
    if (s->next == s->end) {
        return false;
    }
    event->type = s->type;
    event->offset = s->next++;
    return true;
}

static void ring_start(Ring *r, unsigned entries)
{
    r->ev.addr = RING;
    r->ev.entries = entries;
    r->ev.vector = 1;
    r->head = 0;
    memset(r->memory, 0, sizeof(r->memory));
    dmashare_events_enable(&r->ev, true);
}

static Ring *ring_new(void)
{
    Ring *r = g_new0(Ring, 1);

    dmashare_clock_init(&r->clock, true);
    dmashare_clock_enter(&r->clock);
    dmashare_journal_init(&r->journal, 256);
    r->journal.clock = &r->clock;
    r->broken = UINT_MAX;
    r->bus.ops = &ring_ops;
    r->bus.opaque = r;
    r->bus.mask = UINT64_MAX;
    r->interrupt.raise = ring_raise;
    r->interrupt.opaque = r;
    r->ev.bus = &r->bus;
    r->ev.clock = &r->clock;
    r->ev.interrupt = &r->interrupt;
    r->ev.journal = &r->journal;
    r->ev.limits.max_entries = ENTRIES;
    r->ev.limits.n_vectors = 2;
    dmashare_events_init(&r->ev);
    r->a.type = DMASHARE_EVENT_SHARE_ACQUIRE;
    r->b.type = DMASHARE_EVENT_PEER_ANNOUNCE;
    for (Source *s = &r->a; s; s = s == &r->a ? &r->b : NULL) {
        s->source.next = source_next;
        s->source.opaque = s;
        dmashare_events_add_source(&r->ev, &s->source);
    }
    return r;
}

static void ring_free(Ring *r)
{
    dmashare_journal_destroy(&r->journal);
    g_free(r);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ring, ring_free)

/* How many events there are for the driver. */
static unsigned ring_ready(const Ring *r)
{
    return r->ev.tail - r->head;
}

/* The driver takes the next one. */
static struct dmashare_event ring_take(Ring *r)
{
    struct dmashare_event event = r->memory[r->head % r->ev.entries];

    g_assert_cmpuint(le32_to_cpu(event.seq), ==, r->head + 1);
    r->head++;
    return event;
}

static void ring_expect(Ring *r, const Source *s, uint64_t number)
{
    struct dmashare_event event = ring_take(r);

    g_assert_cmpuint(le16_to_cpu(event.type), ==, s->type);
    g_assert_cmpuint(le64_to_cpu(event.offset), ==, number);
    g_assert_cmpuint(le32_to_cpu(event.lost), ==, 0);
}

/* Whatever the sources have to say comes, each source's in order. */
static void test_all(void)
{
    g_autoptr(Ring) r = ring_new();
    uint64_t a = 0, b = 0;

    ring_start(r, ENTRIES);
    r->a.end = SAY;
    r->b.end = SAY / 2;
    dmashare_events_kick(&r->ev);
    g_assert_cmpuint(ring_ready(r), ==, ENTRIES / 2);
    g_assert_cmpuint(r->interrupts, ==, ENTRIES / 2);
    while (ring_ready(r)) {
        struct dmashare_event event = ring_take(r);

        if (le16_to_cpu(event.type) == r->a.type) {
            g_assert_cmpuint(le64_to_cpu(event.offset), ==, a++);
        } else {
            g_assert_cmpuint(le64_to_cpu(event.offset), ==, b++);
        }
        /* the doorbell is enough to be told more */
        dmashare_events_consumed(&r->ev, r->head);
        /* neither source waits for the other */
        g_assert_cmpuint(a, <=, b + 2 + (b == SAY / 2 ? SAY : 0));
        g_assert_cmpuint(b, <=, a + 2);
    }
    g_assert_cmpuint(a, ==, SAY);
    g_assert_cmpuint(b, ==, SAY / 2);
    g_assert_cmpuint(r->interrupts, ==, SAY + SAY / 2);
    g_assert_cmpuint(r->ev.lost, ==, 0);
}

/* Half of the ring is for the events that would be dropped. */
static void test_room(void)
{
    static const DmashareEvent fault = { .type = DMASHARE_EVENT_FAULT };
    g_autoptr(Ring) r = ring_new();

    ring_start(r, ENTRIES);
    r->a.end = SAY;
    dmashare_events_kick(&r->ev);
    for (unsigned i = 0; i < ENTRIES / 2; i++) {
        g_assert_true(dmashare_event_raise(&r->ev, &fault));
    }
    g_assert_false(dmashare_event_raise(&r->ev, &fault));
    g_assert_cmpuint(r->ev.lost, ==, 1);
    /* the sources stand back while there are many others */
    for (unsigned i = 0; i < ENTRIES / 2; i++) {
        ring_expect(r, &r->a, i);
        dmashare_events_consumed(&r->ev, r->head);
        g_assert_cmpuint(r->a.next, ==, ENTRIES / 2);
    }
    g_assert_cmpuint(ring_take(r).type, ==, cpu_to_le16(fault.type));
    dmashare_events_consumed(&r->ev, r->head);
    g_assert_cmpuint(r->a.next, ==, ENTRIES / 2 + 1);

    /* in the smallest ring there is room for one */
    dmashare_events_disable(&r->ev);
    ring_start(r, DMASHARE_MIN_ENTRIES);
    ring_expect(r, &r->a, ENTRIES / 2 + 1);
    g_assert_cmpuint(ring_ready(r), ==, 0);
}

/* Events that come while nobody listens are there when somebody does. */
static void test_disabled(void)
{
    g_autoptr(Ring) r = ring_new();

    r->a.end = 3;
    dmashare_events_kick(&r->ev);
    g_assert_cmpuint(r->a.asked, ==, 0);
    ring_start(r, ENTRIES);
    ring_expect(r, &r->a, 0);
    ring_expect(r, &r->a, 1);
    ring_expect(r, &r->a, 2);
    g_assert_cmpuint(ring_ready(r), ==, 0);

    /* what was posted to a ring that was set up anew is gone with that */
    r->a.end = 4;
    dmashare_events_disable(&r->ev);
    dmashare_events_kick(&r->ev);
    ring_start(r, ENTRIES);
    ring_expect(r, &r->a, 3);
    g_assert_cmpuint(ring_ready(r), ==, 0);
}

/* An event that could not be written comes when the ring is there again. */
static void test_broken(void)
{
    for (unsigned writes = 0; writes < 6; writes++) {
        g_autoptr(Ring) r = ring_new();

        g_test_message("%u writes", writes);
        ring_start(r, ENTRIES);
        r->a.end = 3;
        r->broken = writes;
        dmashare_events_kick(&r->ev);
        g_assert_false(r->ev.enabled);
        g_assert_cmpuint(r->ev.error, ==, DMASHARE_QERR_CQ_FAULT);
        g_assert_cmpuint(ring_ready(r), ==, writes / 2);
        g_assert_cmpuint(r->interrupts, ==, writes / 2);
        for (unsigned i = 0; i < writes / 2; i++) {
            ring_expect(r, &r->a, i);
        }
        r->broken = UINT_MAX;
        ring_start(r, ENTRIES);
        for (unsigned i = writes / 2; i < 3; i++) {
            ring_expect(r, &r->a, i);
        }
        g_assert_cmpuint(ring_ready(r), ==, 0);
    }
}

/* A reset forgets what was not posted; a source may have more to say. */
static void test_reset(void)
{
    g_autoptr(Ring) r = ring_new();

    ring_start(r, ENTRIES);
    r->a.end = 1;
    r->broken = 0;
    dmashare_events_kick(&r->ev);
    g_assert_cmpuint(r->a.next, ==, 1);
    dmashare_events_reset(&r->ev);
    r->broken = UINT_MAX;
    r->b.end = 1;
    ring_start(r, ENTRIES);
    ring_expect(r, &r->b, 0);
    g_assert_cmpuint(ring_ready(r), ==, 0);
}

/* A device that has stopped says nothing, until it is reset. */
static void test_stopped(void)
{
    static const DmashareEvent fault = { .type = DMASHARE_EVENT_FAULT };
    g_autoptr(Ring) r = ring_new();

    ring_start(r, ENTRIES);
    dmashare_events_stop(&r->ev);
    r->a.asked = 0;
    r->a.end = 1;
    dmashare_events_kick(&r->ev);
    g_assert_false(dmashare_event_raise(&r->ev, &fault));
    dmashare_events_consumed(&r->ev, 0);
    g_assert_cmpuint(ring_ready(r), ==, 0);
    g_assert_cmpuint(r->a.asked, ==, 0);
    dmashare_events_reset(&r->ev);
    ring_start(r, ENTRIES);
    ring_expect(r, &r->a, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/event/all", test_all);
    g_test_add_func("/dmashare/event/room", test_room);
    g_test_add_func("/dmashare/event/disabled", test_disabled);
    g_test_add_func("/dmashare/event/broken", test_broken);
    g_test_add_func("/dmashare/event/reset", test_reset);
    g_test_add_func("/dmashare/event/stopped", test_stopped);
    return g_test_run();
}
