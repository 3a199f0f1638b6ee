/*
 * dmashare: fences that are held, without a device around them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/dmashare/hold.h"

#define N_TIMELINES     64
#define N_SEEN          20000
#define N_STORM         2000

/**
 * World: what the fences and their holds are told and tell
 * @fences: under test
 * @holds: under test
 * @now: virtual time
 * @alarm: that was asked for
 * @n_held: how often HELD_FOR_EVER was due
 * @more: how often more was left to be signalled
 * @order: timeline << 32 | seqno of each that signalled
 * @status: of the same
 * @error: of the same
 * @n: how many
 */
typedef struct World {
    DmashareFences fences;
    DmashareHolds holds;
    int64_t now;
    int64_t alarm;
    unsigned for_ever;
    unsigned more;
    uint64_t order[N_SEEN];
    uint16_t status[N_SEEN];
    uint16_t error[N_SEEN];
    unsigned n;
} World;

static void on_submitted(void *opaque, DmashareFence *fence)
{
    World *w = opaque;

    dmashare_holds_submitted(&w->holds, fence);
}

static void on_held(void *opaque, DmashareFence *fence)
{
    World *w = opaque;

    g_assert_true(fence->over && fence->hold);
    dmashare_holds_held(&w->holds, fence);
}

static void on_advanced(void *opaque, uint32_t timeline, uint64_t value)
{
}

static void on_signalled(void *opaque, DmashareFence *fence)
{
    World *w = opaque;

    g_assert_null(fence->hold);
    g_assert_cmpuint(w->n, <, N_SEEN);
    w->order[w->n] = (uint64_t)fence->timeline << 32 | fence->seqno;
    w->status[w->n] = fence->status;
    w->error[w->n] = fence->error;
    w->n++;
}

static void on_more(void *opaque)
{
    World *w = opaque;

    w->more++;
}

static const DmashareFenceOps fence_ops = {
    .submitted = on_submitted,
    .held = on_held,
    .advanced = on_advanced,
    .signalled = on_signalled,
    .more = on_more,
};

static int64_t hold_now(void *opaque)
{
    World *w = opaque;

    return w->now;
}

static void hold_alarm(void *opaque, int64_t when)
{
    World *w = opaque;

    w->alarm = when;
}

static void hold_for_ever(void *opaque, const DmashareFence *fence)
{
    World *w = opaque;

    w->for_ever++;
}

static void hold_end(void *opaque, DmashareFence *fence, uint16_t status,
                     uint16_t error)
{
    World *w = opaque;

    g_assert_null(fence->hold);
    fence->error = error;
    dmashare_fence_done(&w->fences, fence, status);
}

static const DmashareHoldOps hold_ops = {
    .now = hold_now,
    .alarm = hold_alarm,
    .held_for_ever = hold_for_ever,
    .end = hold_end,
};

static World *world_new(void)
{
    World *w = g_new0(World, 1);

    dmashare_fences_init(&w->fences, N_TIMELINES, &fence_ops, w);
    dmashare_holds_init(&w->holds, &w->fences, &hold_ops, w);
    return w;
}

static void world_free(World *w)
{
    dmashare_holds_destroy(&w->holds);
    dmashare_fences_destroy(&w->fences);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* The next fence of a timeline. */
static DmashareFence *submit(World *w, uint32_t timeline)
{
    uint64_t seqno = w->fences.timelines[timeline].submitted + 1;

    return dmashare_fence_submit(&w->fences, timeline, seqno, 0, w);
}

static void done(World *w, DmashareFence *fence)
{
    dmashare_fence_done(&w->fences, fence, DMASHARE_STATUS_OK);
}

static DmashareHold *hold_one(World *w, uint32_t timeline, uint64_t seqno)
{
    return dmashare_hold_add(&w->holds, &(DmashareHoldRequest) {
        .timeline = timeline,
        .seqno = seqno,
    });
}

static DmashareHold *hold_all(World *w, uint32_t timeline, uint64_t watchdog)
{
    return dmashare_hold_add(&w->holds, &(DmashareHoldRequest) {
        .timeline = timeline,
        .watchdog = watchdog,
    });
}

static DmashareHold *hold_next(World *w, uint32_t count)
{
    return dmashare_hold_add(&w->holds, &(DmashareHoldRequest) {
        .any = true,
        .count = count,
    });
}

static uint64_t release(World *w, DmashareHold *hold)
{
    return dmashare_hold_release(&w->holds, hold, DMASHARE_FENCE_ORDER_HELD,
                                 0);
}

static uint64_t key(uint32_t timeline, uint64_t seqno)
{
    return (uint64_t)timeline << 32 | seqno;
}

/* A fence by its number, before it comes and while it is pending. */
static void test_one(void)
{
    g_autoptr(World) w = world_new();
    DmashareHold *hold = hold_one(w, 3, 2);
    DmashareFence *f[3];

    for (unsigned i = 0; i < 3; i++) {
        f[i] = submit(w, 3);
    }
    g_assert_null(f[0]->hold);
    g_assert_true(f[1]->hold == hold);
    g_assert_null(f[2]->hold);
    g_assert_true(dmashare_hold_of(&w->holds, 3, 2) == hold);

    /* The last two are over with the first; the second keeps the third. */
    done(w, f[2]);
    done(w, f[1]);
    g_assert_cmpuint(hold->n_held, ==, 0);
    done(w, f[0]);
    g_assert_cmpuint(w->n, ==, 1);
    g_assert_cmpuint(hold->n_held, ==, 1);
    g_assert_cmpuint(w->for_ever, ==, 1);
    g_assert_cmpuint(dmashare_timeline_held(&w->fences.timelines[3]), ==, 2);

    /* The third can be held while it is over. */
    hold_one(w, 3, 3);
    g_assert_cmpuint(w->for_ever, ==, 2);
    g_assert_cmpuint(release(w, hold), ==, 1);
    g_assert_cmpuint(w->n, ==, 2);
    g_assert_cmpuint(w->holds.n, ==, 1);
    g_assert_cmpuint(release(w, NULL), ==, 1);
    g_assert_cmpuint(w->n, ==, 3);
    g_assert_cmpuint(w->holds.n, ==, 0);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(w->order[i], ==, key(3, i + 1));
        dmashare_fence_disown(f[i]);
    }
}

/* A hold for a number that the driver leaves out ends by itself. */
static void test_one_never_comes(void)
{
    g_autoptr(World) w = world_new();
    DmashareFence *f;

    hold_one(w, 0, 5);
    f = dmashare_fence_submit(&w->fences, 0, 4, 0, w);
    g_assert_null(f->hold);
    g_assert_cmpuint(w->holds.n, ==, 1);
    g_assert_nonnull(dmashare_hold_of(&w->holds, 0, 5));
    f = dmashare_fence_submit(&w->fences, 0, 6, 0, w);
    g_assert_null(f->hold);
    g_assert_cmpuint(w->holds.n, ==, 0);
}

/* Who catches: the one that names it, the timeline's oldest, anybody's. */
static void test_who_catches(void)
{
    g_autoptr(World) w = world_new();
    DmashareHold *any = hold_next(w, 100);
    DmashareHold *all = hold_all(w, 0, 0);
    DmashareHold *later = hold_all(w, 0, 0);
    DmashareHold *one = hold_one(w, 0, 2);

    g_assert_true(submit(w, 0)->hold == all);
    g_assert_true(submit(w, 0)->hold == one);
    g_assert_true(submit(w, 1)->hold == any);
    g_assert_cmpuint(any->remaining, ==, 99);
    release(w, all);
    g_assert_true(submit(w, 0)->hold == later);
    release(w, later);
    g_assert_true(submit(w, 0)->hold == any);
    g_assert_cmpuint(one->n_caught, ==, 1);
}

/* The next so many, on whatever timeline, and then no more. */
static void test_next(void)
{
    g_autoptr(World) w = world_new();
    DmashareHold *hold;
    DmashareFence *f[5];

    f[0] = submit(w, 0);
    hold = hold_next(w, 3);
    g_assert_null(f[0]->hold);
    for (unsigned i = 1; i < 5; i++) {
        f[i] = submit(w, i);
        g_assert_true(f[i]->hold == (i < 4 ? hold : NULL));
        done(w, f[i]);
    }
    g_assert_cmpuint(w->n, ==, 1);
    g_assert_cmpuint(hold->remaining, ==, 0);
    g_assert_cmpuint(w->holds.n, ==, 1);

    /* The hold ends with the last of them. */
    for (unsigned i = 1; i < 4; i++) {
        DmashareFenceAct act = { .fence = f[i] };

        g_assert_cmpuint(w->holds.n, ==, 1);
        act.action = DMASHARE_FENCE_ACTION_RELEASE;
        dmashare_holds_batch(&w->holds, &act, 1);
    }
    g_assert_cmpuint(w->holds.n, ==, 0);
    g_assert_cmpuint(w->n, ==, 4);
    for (unsigned i = 1; i < 5; i++) {
        dmashare_fence_disown(f[i]);
    }
}

/* Ids are never used again, and there are so many holds and no more. */
static void test_many_holds(void)
{
    g_autoptr(World) w = world_new();

    for (unsigned i = 0; i < DMASHARE_MAX_HOLDS; i++) {
        g_assert_true(dmashare_hold_room(&w->holds));
        g_assert_cmpuint(hold_one(w, i % N_TIMELINES, 1 + i)->id, ==, i + 1);
    }
    g_assert_false(dmashare_hold_room(&w->holds));
    release(w, dmashare_hold_find(&w->holds, 7));
    g_assert_null(dmashare_hold_find(&w->holds, 7));
    g_assert_true(dmashare_hold_room(&w->holds));
    g_assert_cmpuint(hold_next(w, 1)->id, ==, DMASHARE_MAX_HOLDS + 1);
    w->holds.last_id = UINT32_MAX;
    release(w, NULL);
    g_assert_false(dmashare_hold_room(&w->holds));
}

/* Batch: each gets what its entry says, in the order of the list. */
static void test_batch(void)
{
    g_autoptr(World) w = world_new();
    DmashareFence *f[4], *g[2];

    /* The first two are held; the third is over; the fourth works. */
    hold_one(w, 0, 1);
    hold_one(w, 0, 2);
    for (unsigned i = 0; i < 4; i++) {
        f[i] = submit(w, 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        g[i] = submit(w, 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        done(w, f[i]);
    }
    dmashare_fence_done(&w->fences, g[1], DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmpuint(w->n, ==, 0);

    dmashare_holds_batch(&w->holds, (DmashareFenceAct[]) {
        { f[0], DMASHARE_FENCE_ACTION_RELEASE },
        { f[2], DMASHARE_FENCE_ACTION_FAIL, 5 },
        { g[0], DMASHARE_FENCE_ACTION_SIGNAL },
        { f[3], DMASHARE_FENCE_ACTION_FAIL, 110 },
    }, 4);
    /* f[1] is still held, and with it what is behind it. */
    g_assert_cmpuint(w->n, ==, 3);
    g_assert_cmphex(w->order[0], ==, key(0, 1));
    g_assert_cmphex(w->order[1], ==, key(1, 1));
    g_assert_cmphex(w->order[2], ==, key(1, 2));
    g_assert_cmphex(w->status[2], ==, DMASHARE_STATUS_FAULT_BOUNDS);

    dmashare_holds_batch(&w->holds, (DmashareFenceAct[]) {
        { f[1], DMASHARE_FENCE_ACTION_SIGNAL },
    }, 1);
    g_assert_cmpuint(w->n, ==, 6);
    for (unsigned i = 1; i < 4; i++) {
        g_assert_cmphex(w->order[2 + i], ==, key(0, 1 + i));
        g_assert_cmphex(w->status[2 + i], ==,
                        i > 1 ? DMASHARE_STATUS_COMMANDED
                              : DMASHARE_STATUS_OK);
    }
    g_assert_cmpuint(w->error[4], ==, 5);
    g_assert_cmpuint(w->error[5], ==, 110);
    g_assert_cmpuint(w->holds.n, ==, 0);
    for (unsigned i = 0; i < 4; i++) {
        dmashare_fence_disown(f[i]);
    }
    dmashare_fence_disown(g[0]);
    dmashare_fence_disown(g[1]);
}

/*
 * One that is named later in the list keeps its own verdict, although an
 * earlier one would have taken it along.
 */
static void test_batch_keeps_verdicts(void)
{
    g_autoptr(World) w = world_new();
    DmashareFence *f[3];

    for (unsigned i = 0; i < 3; i++) {
        f[i] = submit(w, 0);
    }
    done(w, f[1]);
    done(w, f[2]);
    dmashare_holds_batch(&w->holds, (DmashareFenceAct[]) {
        { f[0], DMASHARE_FENCE_ACTION_SIGNAL },
        { f[2], DMASHARE_FENCE_ACTION_FAIL, 16 },
    }, 2);
    g_assert_cmpuint(w->n, ==, 3);
    g_assert_cmphex(w->status[1], ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(w->status[2], ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(w->error[2], ==, 16);
    for (unsigned i = 0; i < 3; i++) {
        dmashare_fence_disown(f[i]);
    }
}

/* 4 fences on each of 64 timelines, held in an order that is no order. */
static void held_square(World *w, DmashareFence **f)
{
    for (unsigned i = 0; i < 4 * N_TIMELINES; i++) {
        f[i] = submit(w, i * 37 % N_TIMELINES);
        done(w, f[i]);
    }
}

static void release_order(DmashareFenceOrder order, uint64_t seed,
                          uint64_t *seen)
{
    g_autoptr(World) w = world_new();
    DmashareFence *f[4 * N_TIMELINES];
    uint64_t last[N_TIMELINES] = { 0 };

    hold_next(w, 2 * N_TIMELINES);
    hold_next(w, 2 * N_TIMELINES);
    held_square(w, f);
    g_assert_cmpuint(w->n, ==, 0);
    g_assert_cmpuint(dmashare_hold_release(&w->holds, NULL, order, seed), ==,
                     4 * N_TIMELINES);
    g_assert_cmpuint(w->n, ==, 4 * N_TIMELINES);
    for (unsigned i = 0; i < w->n; i++) {
        uint32_t t = w->order[i] >> 32;

        /* Whatever the order, that of each timeline is its own. */
        g_assert_cmpuint((uint32_t)w->order[i], ==, ++last[t]);
        seen[i] = w->order[i];
        dmashare_fence_disown(f[i]);
    }
}

static void test_release_orders(void)
{
    enum { N = 4 * N_TIMELINES };
    g_autofree uint64_t *held = g_new(uint64_t, N);
    g_autofree uint64_t *other = g_new(uint64_t, N);
    g_autofree uint64_t *again = g_new(uint64_t, N);

    release_order(DMASHARE_FENCE_ORDER_HELD, 0, held);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmphex(held[i] >> 32, ==, i * 37 % N_TIMELINES);
    }
    release_order(DMASHARE_FENCE_ORDER_REVERSE, 0, other);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmphex(other[i] >> 32, ==, held[N - 1 - i] >> 32);
    }
    release_order(DMASHARE_FENCE_ORDER_RANDOM, 42, other);
    release_order(DMASHARE_FENCE_ORDER_RANDOM, 42, again);
    g_assert_cmpmem(other, N * sizeof(*other), again, N * sizeof(*again));
    g_assert_true(memcmp(other, held, N * sizeof(*other)));
    release_order(DMASHARE_FENCE_ORDER_RANDOM, 43, again);
    g_assert_true(memcmp(other, again, N * sizeof(*other)));
}

/* The watchdog counts from when a fence came to be held. */
static void test_watchdog(void)
{
    g_autoptr(World) w = world_new();
    DmashareHold *hold = hold_all(w, 0, 100);
    DmashareFence *f[3];

    for (unsigned i = 0; i < 3; i++) {
        f[i] = submit(w, 0);
    }
    g_assert_cmpint(w->alarm, ==, 0);
    w->now = 1000;
    done(w, f[0]);
    g_assert_cmpint(w->alarm, ==, 1100);
    w->now = 1050;
    done(w, f[1]);
    g_assert_cmpint(w->alarm, ==, 1100);

    w->now = 1100;
    dmashare_holds_expire(&w->holds);
    g_assert_cmpuint(w->n, ==, 1);
    g_assert_cmphex(w->status[0], ==, DMASHARE_STATUS_TIMEOUT);
    g_assert_cmpint(w->alarm, ==, 1150);
    w->now = 1149;
    dmashare_holds_expire(&w->holds);
    g_assert_cmpuint(w->n, ==, 1);
    g_assert_cmpint(w->alarm, ==, 1150);
    w->now = 1150;
    dmashare_holds_expire(&w->holds);
    g_assert_cmpuint(w->n, ==, 2);
    g_assert_cmpint(w->alarm, ==, INT64_MAX);

    /* One that was let go in time is not ended. */
    done(w, f[2]);
    g_assert_cmpint(w->alarm, ==, 1250);
    g_assert_cmpuint(release(w, hold), ==, 1);
    w->now = 1250;
    dmashare_holds_expire(&w->holds);
    g_assert_cmphex(w->status[2], ==, DMASHARE_STATUS_OK);
    g_assert_cmpint(w->alarm, ==, INT64_MAX);
    g_assert_cmpuint(w->for_ever, ==, 0);
    for (unsigned i = 0; i < 3; i++) {
        dmashare_fence_disown(f[i]);
    }
}

/* A fence is dropped by whoever gives up its job, and a spent hold ends. */
static void test_drop(void)
{
    g_autoptr(World) w = world_new();
    DmashareFence *f[2];

    hold_next(w, 2);
    f[0] = submit(w, 0);
    f[1] = submit(w, 0);
    done(w, f[0]);
    dmashare_hold_drop(&w->holds, f[0]);
    g_assert_cmpuint(w->n, ==, 0);
    dmashare_fence_let_go(&w->fences, f[0]);
    g_assert_cmpuint(w->n, ==, 1);
    g_assert_cmpuint(w->holds.n, ==, 1);
    dmashare_hold_drop(&w->holds, f[1]);
    g_assert_cmpuint(w->holds.n, ==, 0);
    done(w, f[1]);
    dmashare_fence_disown(f[0]);
    dmashare_fence_disown(f[1]);
}

/* What a reset leaves: holds of whatever comes. */
static void test_reset(void)
{
    g_autoptr(World) w = world_new();
    DmashareHold *next, *all;

    hold_one(w, 0, 1);
    hold_one(w, 0, 99);
    hold_next(w, 1);
    next = hold_next(w, 2);
    all = hold_all(w, 2, 50);
    done(w, submit(w, 0));
    done(w, submit(w, 1));
    done(w, submit(w, 1));
    done(w, submit(w, 2));
    g_assert_cmpuint(w->holds.n, ==, 5);
    g_assert_cmpint(w->alarm, ==, 50);

    dmashare_holds_reset(&w->holds);
    dmashare_fences_reset(&w->fences);
    g_assert_cmpuint(w->n, ==, 0);
    g_assert_cmpint(w->alarm, ==, INT64_MAX);
    g_assert_cmpuint(w->holds.n, ==, 2);
    g_assert_cmpuint(next->remaining, ==, 1);
    g_assert_cmpuint(next->n_held, ==, 0);
    g_assert_true(submit(w, 0)->hold == next);
    g_assert_true(submit(w, 2)->hold == all);
    g_assert_null(submit(w, 0)->hold);
}

/*
 * However many signal or come to be held together: so many at once, and all in
 * the end.
 */
static void test_batches(void)
{
    enum { N = 3 * DMASHARE_SIGNAL_BATCH + 5 };
    g_autoptr(World) w = world_new();
    g_autofree DmashareFence **f = g_new(DmashareFence *, N);
    unsigned rounds = 1;

    for (unsigned i = 0; i < N; i++) {
        f[i] = submit(w, 0);
    }
    for (unsigned i = 1; i < N; i++) {
        done(w, f[i]);
    }
    done(w, f[0]);
    g_assert_cmpuint(w->n, ==, DMASHARE_SIGNAL_BATCH);
    g_assert_cmpuint(w->fences.timelines[0].value, ==, w->n);
    g_assert_cmpuint(w->more, ==, 1);
    for (; dmashare_fences_go_on(&w->fences); rounds++) {
        g_assert_cmpuint(w->n, ==, (rounds + 1) * DMASHARE_SIGNAL_BATCH);
    }
    g_assert_cmpuint(rounds, ==, 3);
    g_assert_cmpuint(w->n, ==, N);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmphex(w->order[i], ==, key(0, i + 1));
        dmashare_fence_disown(f[i]);
    }
}

/*
 * Fences that end, are held, released and failed at random: none is lost, none
 * comes before its turn, and none while a hold has it.
 */
static void test_storm(void)
{
    g_autoptr(World) w = world_new();
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    unsigned n = 0;

    while (n < N_STORM || pending->len) {
        unsigned what = g_test_rand_int_range(0, 16);
        uint32_t t = g_test_rand_int_range(0, 8);
        unsigned pick = pending->len ?
                        g_test_rand_int_range(0, pending->len) : 0;
        unsigned before = w->n;

        if (what < 6 && n < N_STORM) {
            g_ptr_array_add(pending, submit(w, t));
            n++;
        } else if (what < 10 && pending->len) {
            DmashareFence *f = g_ptr_array_index(pending, pick);

            if (!f->done) {
                done(w, f);
            }
        } else if (what == 10) {
            hold_all(w, t, g_test_rand_int_range(0, 2) * 100);
        } else if (what == 11) {
            hold_next(w, g_test_rand_int_range(1, 10));
        } else if (what == 12 && pending->len) {
            DmashareFence *f = g_ptr_array_index(pending, pick);

            dmashare_holds_batch(&w->holds, (DmashareFenceAct[]) {
                { f, g_test_rand_int_range(0, DMASHARE_FENCE_ACTION__MAX), 5 },
            }, 1);
        } else if (what == 13) {
            w->now += 60;
            dmashare_holds_expire(&w->holds);
        } else if (what > 13 && w->holds.n) {
            DmashareHold *hold = QTAILQ_FIRST(&w->holds.all);

            dmashare_hold_release(&w->holds, what == 14 ? hold : NULL,
                                  g_test_rand_int_range(
                                      0, DMASHARE_FENCE_ORDER__MAX), what);
        }
        for (; before < w->n; before++) {
            DmashareFence *f = NULL;

            for (unsigned i = 0; i < pending->len; i++) {
                f = g_ptr_array_index(pending, i);
                if (key(f->timeline, f->seqno) == w->order[before]) {
                    g_ptr_array_remove_index_fast(pending, i);
                    break;
                }
            }
            g_assert_true(f && f->signalled && !f->hold);
            dmashare_fence_disown(f);
        }
        for (unsigned i = 0; i < 8; i++) {
            const DmashareTimeline *tl = &w->fences.timelines[i];
            uint32_t over = 0;

            while (over < tl->count && dmashare_timeline_at(tl, over)->done) {
                over++;
            }
            g_assert_cmpuint(tl->over, ==, over);
            /* Nothing that could signal has not. */
            g_assert_true(!over || dmashare_timeline_at(tl, 0)->hold);
        }
    }
    release(w, NULL);
    g_assert_cmpuint(w->n, ==, N_STORM);
    g_assert_cmpuint(w->fences.signalled, ==, N_STORM);
    g_assert_cmpuint(w->more, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/hold/one", test_one);
    g_test_add_func("/dmashare/hold/one-never-comes", test_one_never_comes);
    g_test_add_func("/dmashare/hold/who-catches", test_who_catches);
    g_test_add_func("/dmashare/hold/next", test_next);
    g_test_add_func("/dmashare/hold/many-holds", test_many_holds);
    g_test_add_func("/dmashare/hold/batch", test_batch);
    g_test_add_func("/dmashare/hold/batch-keeps-verdicts",
                    test_batch_keeps_verdicts);
    g_test_add_func("/dmashare/hold/release-orders", test_release_orders);
    g_test_add_func("/dmashare/hold/watchdog", test_watchdog);
    g_test_add_func("/dmashare/hold/drop", test_drop);
    g_test_add_func("/dmashare/hold/reset", test_reset);
    g_test_add_func("/dmashare/hold/batches", test_batches);
    g_test_add_func("/dmashare/hold/storm", test_storm);
    return g_test_run();
}
