/*
 * dmashare: timelines and fences, without a device around them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/dmashare/fence.h"

#define N_TIMELINES     4
#define N_RANDOM        4000

/* What the fences reported upwards, in order. */
typedef struct Seen {
    uint64_t value[N_TIMELINES];
    unsigned n_advanced;
    uint64_t order[64];
    uint16_t status[64];
    unsigned n_signalled;
} Seen;

static void on_advanced(void *opaque, uint32_t timeline, uint64_t value)
{
    Seen *seen = opaque;

    g_assert_cmpuint(timeline, <, N_TIMELINES);
    g_assert_cmpuint(value, >, seen->value[timeline]);
    seen->value[timeline] = value;
    seen->n_advanced++;
}

static void on_signalled(void *opaque, DmashareFence *fence)
{
    Seen *seen = opaque;

    /* Nobody learns of a signal before the value can be read. */
    g_assert_cmpuint(seen->value[fence->timeline], >=, fence->seqno);
    g_assert_true(fence->done && fence->signalled);
    if (seen->n_signalled < ARRAY_SIZE(seen->order)) {
        seen->order[seen->n_signalled] = fence->seqno;
        seen->status[seen->n_signalled] = fence->status;
    }
    seen->n_signalled++;
}

static void on_submitted(void *opaque, DmashareFence *fence)
{
    g_assert_false(fence->done || fence->hold);
}

static void on_unexpected_held(void *opaque, DmashareFence *fence)
{
    g_assert_not_reached();
}

static void on_more(void *opaque)
{
    g_assert_not_reached();
}

static const DmashareFenceOps seen_ops = {
    .submitted = on_submitted,
    .held = on_unexpected_held,
    .advanced = on_advanced,
    .signalled = on_signalled,
    .more = on_more,
};

static void start(DmashareFences *fences, Seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    dmashare_fences_init(fences, N_TIMELINES, &seen_ops, seen);
}

/* What is valid to submit: an existing timeline, a growing seqno. */
static void test_valid(void)
{
    DmashareFences fences;
    Seen seen;

    start(&fences, &seen);
    g_assert_false(dmashare_fence_valid(&fences, 0, 0));
    g_assert_true(dmashare_fence_valid(&fences, 0, 1));
    g_assert_true(dmashare_fence_valid(&fences, 0, UINT64_MAX));
    g_assert_true(dmashare_fence_valid(&fences, N_TIMELINES - 1, 1));
    g_assert_false(dmashare_fence_valid(&fences, N_TIMELINES, 1));
    g_assert_false(dmashare_fence_valid(&fences, UINT32_MAX, 1));

    dmashare_fence_submit(&fences, 0, 7, 0, NULL);
    g_assert_false(dmashare_fence_valid(&fences, 0, 6));
    g_assert_false(dmashare_fence_valid(&fences, 0, 7));
    g_assert_true(dmashare_fence_valid(&fences, 0, 8));
    g_assert_true(dmashare_fence_valid(&fences, 1, 1));
    dmashare_fences_destroy(&fences);
}

/* Work that ends early waits for what is before it on the timeline. */
static void test_order(void)
{
    DmashareFences fences;
    DmashareFence *f[3];
    Seen seen;

    start(&fences, &seen);
    for (unsigned i = 0; i < 3; i++) {
        f[i] = dmashare_fence_submit(&fences, 1, 10 * (i + 1), 0, &seen);
    }
    dmashare_fence_done(&fences, f[2], DMASHARE_STATUS_OK);
    dmashare_fence_done(&fences, f[1], DMASHARE_STATUS_OK);
    g_assert_cmpuint(seen.n_signalled, ==, 0);
    g_assert_cmpuint(seen.n_advanced, ==, 0);
    g_assert_false(dmashare_fence_reached(&fences, 1, 10));

    dmashare_fence_done(&fences, f[0], DMASHARE_STATUS_OK);
    g_assert_cmpuint(seen.n_signalled, ==, 3);
    g_assert_cmpuint(seen.n_advanced, ==, 1);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(seen.order[i], ==, 10 * (i + 1));
        dmashare_fence_disown(f[i]);
    }
    g_assert_true(dmashare_fence_reached(&fences, 1, 30));
    g_assert_false(dmashare_fence_reached(&fences, 1, 31));
    g_assert_false(dmashare_fence_reached(&fences, 0, 1));
    dmashare_fences_destroy(&fences);
}

/* A fence keeps its own status, whoever makes the timeline advance. */
static void test_status(void)
{
    DmashareFences fences;
    DmashareFence *f[2];
    Seen seen;

    start(&fences, &seen);
    f[0] = dmashare_fence_submit(&fences, 0, 1, 0, &seen);
    f[1] = dmashare_fence_submit(&fences, 0, 2, 0, &seen);
    dmashare_fence_done(&fences, f[1], DMASHARE_STATUS_FAULT_BOUNDS);
    dmashare_fence_done(&fences, f[0], DMASHARE_STATUS_OK);
    g_assert_cmphex(seen.status[0], ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(seen.status[1], ==, DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmphex(dmashare_fence_failure(&fences, 0, 1), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(dmashare_fence_failure(&fences, 0, 2), ==,
                    DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmpuint(fences.signalled, ==, 2);
    g_assert_cmpuint(fences.failed, ==, 1);
    dmashare_fence_disown(f[0]);
    dmashare_fence_disown(f[1]);
    dmashare_fences_destroy(&fences);
}

/* The last DMASHARE_FAILED_KEPT failures are remembered, older ones not. */
static void test_failures_kept(void)
{
    DmashareFences fences;
    Seen seen;
    const uint64_t n = DMASHARE_FAILED_KEPT + 3;

    start(&fences, &seen);
    for (uint64_t seqno = 1; seqno <= n; seqno++) {
        dmashare_fence_done(&fences,
                            dmashare_fence_submit(&fences, 0, seqno, 0, NULL),
                            DMASHARE_STATUS_TIMEOUT);
    }
    for (uint64_t seqno = 1; seqno <= n; seqno++) {
        g_assert_cmphex(dmashare_fence_failure(&fences, 0, seqno), ==,
                        seqno <= 3 ? DMASHARE_STATUS_OK
                                   : DMASHARE_STATUS_TIMEOUT);
    }
    g_assert_cmphex(dmashare_fence_failure(&fences, 1, n), ==,
                    DMASHARE_STATUS_OK);
    dmashare_fences_destroy(&fences);
}

/*
 * Fences left behind by dropped jobs are bounded, however many come while one
 * holds up the timeline, and nothing is lost of what can be asked about them.
 */
static void test_merge(void)
{
    const uint64_t n = 100000;
    DmashareFences fences;
    DmashareFence *first;
    Seen seen;

    start(&fences, &seen);
    first = dmashare_fence_submit(&fences, 0, 1, 0, &seen);
    for (uint64_t i = 0; i < n; i++) {
        DmashareFence *f = dmashare_fence_submit(&fences, 0, 2 + i, 1, &seen);

        /* One of three was over before its job was dropped. */
        dmashare_fence_done(&fences, f, i % 3 ? DMASHARE_STATUS_ABORTED
                                              : DMASHARE_STATUS_OK);
        dmashare_fence_disown(f);
    }
    g_assert_cmpuint(fences.timelines[0].room, <=, 4 * DMASHARE_FAILED_KEPT);
    g_assert_cmpuint(fences.signalled, ==, 0);
    g_assert_cmpuint(fences.timelines[0].value, ==, 0);

    dmashare_fence_done(&fences, first, DMASHARE_STATUS_OK);
    dmashare_fence_disown(first);
    g_assert_cmpuint(fences.timelines[0].value, ==, n + 1);
    g_assert_cmpuint(fences.timelines[0].count, ==, 0);
    g_assert_cmpuint(fences.signalled, ==, n + 1);
    g_assert_cmpuint(fences.failed, ==, n - (n + 2) / 3);
    g_assert_cmpuint(seen.n_signalled, ==, 1);
    /* 96 in a row hold the last 64 that failed. */
    for (uint64_t i = n - 96; i < n; i++) {
        g_assert_cmphex(dmashare_fence_failure(&fences, 0, 2 + i), ==,
                        i % 3 ? DMASHARE_STATUS_ABORTED : DMASHARE_STATUS_OK);
    }
    dmashare_fences_destroy(&fences);
}

/* A fence that its owner left still holds its place, and frees itself. */
static void test_disown(void)
{
    DmashareFences fences;
    DmashareFence *f[2];
    Seen seen;

    start(&fences, &seen);
    f[0] = dmashare_fence_submit(&fences, 0, 1, 0, &seen);
    f[1] = dmashare_fence_submit(&fences, 0, 2, 0, &seen);
    dmashare_fence_done(&fences, f[1], DMASHARE_STATUS_OK);
    dmashare_fence_disown(f[1]);
    dmashare_fence_done(&fences, f[0], DMASHARE_STATUS_OK);
    g_assert_cmpuint(seen.n_signalled, ==, 1);
    g_assert_cmpuint(seen.order[0], ==, 1);
    g_assert_cmpuint(seen.value[0], ==, 2);
    dmashare_fence_disown(f[0]);
    dmashare_fences_destroy(&fences);
}

/* Reset drops what is pending without a signal, and starts counting anew. */
static void test_reset(void)
{
    DmashareFences fences;
    Seen seen;

    start(&fences, &seen);
    dmashare_fence_done(&fences, dmashare_fence_submit(&fences, 0, 5, 0, NULL),
                        DMASHARE_STATUS_ABORTED);
    dmashare_fence_submit(&fences, 0, 6, 0, NULL);
    dmashare_fences_reset(&fences);
    g_assert_cmpuint(seen.n_signalled, ==, 0);
    g_assert_cmpuint(seen.n_advanced, ==, 1);
    g_assert_false(dmashare_fence_reached(&fences, 0, 1));
    g_assert_cmphex(dmashare_fence_failure(&fences, 0, 5), ==,
                    DMASHARE_STATUS_OK);
    g_assert_true(dmashare_fence_valid(&fences, 0, 1));
    g_assert_cmpuint(fences.signalled, ==, 0);
    dmashare_fences_destroy(&fences);
}

/* A job may wait for the past of its own timeline, not for its future. */
static void test_waits_for_itself(void)
{
    DmashareFences fences;
    Seen seen;
    DmashareWait wait[2] = { { .timeline = 1, .seqno = 100 } };

    start(&fences, &seen);
    dmashare_fence_submit(&fences, 0, 4, 0, NULL);
    wait[1] = (DmashareWait) { .timeline = 0, .seqno = 4 };
    g_assert_false(dmashare_fence_waits_for_itself(&fences, 0, 5, wait, 2));
    wait[1].seqno = 5;
    g_assert_true(dmashare_fence_waits_for_itself(&fences, 0, 5, wait, 2));
    wait[1].seqno = 6;
    g_assert_true(dmashare_fence_waits_for_itself(&fences, 0, 5, wait, 2));
    g_assert_false(dmashare_fence_waits_for_itself(&fences, 0, 5, wait, 1));
    g_assert_false(dmashare_fence_waits_for_itself(&fences, 0, 5, NULL, 0));
    dmashare_fences_destroy(&fences);
}

/* A blocked lane is ready when the last of its fences is reached. */
static void test_ready(void)
{
    DmashareFences fences;
    DmashareFence *f[2];
    Seen seen;
    DmashareWait wait[2] = {
        { .timeline = 0, .seqno = 1 },
        { .timeline = 1, .seqno = 1 },
    };

    start(&fences, &seen);
    f[0] = dmashare_fence_submit(&fences, 0, 1, 0, NULL);
    f[1] = dmashare_fence_submit(&fences, 1, 1, 1, NULL);
    dmashare_lane_wait(&fences, 2, 1, wait, 2);
    g_assert_false(dmashare_lane_ready(&fences, 2));
    dmashare_fence_done(&fences, f[1], DMASHARE_STATUS_OK);
    g_assert_false(dmashare_lane_ready(&fences, 2));
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);
    dmashare_fence_done(&fences, f[0], DMASHARE_STATUS_ABORTED);
    g_assert_true(dmashare_lane_ready(&fences, 2));
    dmashare_fences_destroy(&fences);
}

/*
 * Lane i waits for the fence of lane i + 1, the last one for lane 0's: a
 * cycle through @n lanes. The victim is the job fetched last.
 */
static void cycle(unsigned n, unsigned last_fetched)
{
    DmashareFences fences;
    Seen seen;

    start(&fences, &seen);
    g_assert_cmpuint(n, <=, N_TIMELINES);
    for (unsigned i = 0; i < n; i++) {
        dmashare_fence_submit(&fences, i, 1, i, NULL);
    }
    for (unsigned i = 0; i < n; i++) {
        DmashareWait wait = { .timeline = (i + 1) % n, .seqno = 1 };

        g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);
        dmashare_lane_wait(&fences, i, i == last_fetched ? 1000 : i + 1,
                           &wait, 1);
    }
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, last_fetched);

    /* Once the victim goes on the others are a chain. */
    dmashare_lane_go(&fences, last_fetched);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);
    dmashare_fences_destroy(&fences);
}

static void test_cycles(void)
{
    for (unsigned n = 2; n <= N_TIMELINES; n++) {
        for (unsigned last = 0; last < n; last++) {
            cycle(n, last);
        }
    }
}

/*
 * What looks like a cycle and is none: lanes whose fences are done, or were
 * left behind, and that are busy with something else.
 */
static void test_no_cycle(void)
{
    DmashareFences fences;
    DmashareFence *f[4];
    Seen seen;

    /* Lane 1's job is set aside, and the lane goes on with another one. */
    start(&fences, &seen);
    f[0] = dmashare_fence_submit(&fences, 0, 1, 2, &seen);
    f[1] = dmashare_fence_submit(&fences, 0, 2, 1, &seen);
    f[2] = dmashare_fence_submit(&fences, 1, 1, 1, &seen);
    dmashare_fence_done(&fences, f[1], DMASHARE_STATUS_OK);
    dmashare_lane_wait(&fences, 1, 1, &(DmashareWait) { 2, 0 }, 1);
    dmashare_lane_wait(&fences, 3, 2, &(DmashareWait) { 2, 0 }, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);
    /* When lane 2, which must move first, waits for lane 1, it is one. */
    dmashare_lane_wait(&fences, 2, 3, &(DmashareWait) { 1, 1 }, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, 2);
    dmashare_lane_go(&fences, 2);
    /* Unless its work is over: it is held, and only then lane 1 goes on. */
    f[0]->hold = (DmashareHold *)&seen;
    f[0]->done = f[0]->over = f[1]->over = true;
    fences.timelines[0].over = 2;
    dmashare_lane_wait(&fences, 2, 3, &(DmashareWait) { 1, 1 }, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);
    g_assert_cmpuint(dmashare_timeline_held(&fences.timelines[0]), ==, 2);
    dmashare_fences_destroy(&fences);

    /* Lane 3 was stopped; it waits for lane 1 with a job of its new life. */
    start(&fences, &seen);
    f[0] = dmashare_fence_submit(&fences, 0, 1, 2, &seen);
    f[1] = dmashare_fence_submit(&fences, 0, 2, 3, &seen);
    f[2] = dmashare_fence_submit(&fences, 1, 1, 1, &seen);
    dmashare_fence_done(&fences, f[1], DMASHARE_STATUS_ABORTED);
    dmashare_fence_disown(f[1]);
    dmashare_lane_wait(&fences, 1, 4, &(DmashareWait) { 2, 0 }, 1);
    dmashare_lane_wait(&fences, 3, 5, &(DmashareWait) { 1, 1 }, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);
    /* With lane 2 waiting for lane 3's new job it is one. */
    dmashare_fence_submit(&fences, 2, 1, 3, &seen);
    dmashare_lane_wait(&fences, 2, 6, &(DmashareWait) { 1, 2 }, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, 2);
    dmashare_fences_destroy(&fences);
}

/* Waiting for what nobody has submitted is no deadlock: it may still come. */
static void test_unsubmitted(void)
{
    DmashareFences fences;
    Seen seen;
    DmashareWait wait = { .timeline = 1, .seqno = 9 };

    start(&fences, &seen);
    dmashare_fence_submit(&fences, 0, 1, 0, NULL);
    dmashare_lane_wait(&fences, 0, 1, &wait, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, -1);

    /* The one that comes waits for the first: now it is one. */
    dmashare_fence_submit(&fences, 1, 9, 1, NULL);
    wait = (DmashareWait) { .timeline = 0, .seqno = 1 };
    dmashare_lane_wait(&fences, 1, 2, &wait, 1);
    g_assert_cmpint(dmashare_fences_deadlock(&fences), ==, 1);
    dmashare_fences_destroy(&fences);
}

/* Fences that end in any order signal in order, each exactly once. */
static void test_random(void)
{
    g_autofree DmashareFence **pending = g_new0(DmashareFence *, N_RANDOM);
    uint64_t submitted[N_TIMELINES] = { 0 };
    DmashareFences fences;
    unsigned n_pending = 0, n_submitted = 0;
    Seen seen;

    start(&fences, &seen);
    while (n_submitted < N_RANDOM || n_pending) {
        if (n_submitted < N_RANDOM &&
            (!n_pending || g_test_rand_int_range(0, 2))) {
            uint32_t t = g_test_rand_int_range(0, N_TIMELINES);

            submitted[t] += g_test_rand_int_range(1, 1000);
            pending[n_pending++] = dmashare_fence_submit(
                &fences, t, submitted[t], 0, NULL);
            n_submitted++;
        } else {
            unsigned i = g_test_rand_int_range(0, n_pending);
            DmashareFence *f = pending[i];
            uint32_t t = f->timeline;
            uint64_t first = UINT64_MAX;

            pending[i] = pending[--n_pending];
            dmashare_fence_done(&fences, f, DMASHARE_STATUS_OK);

            /* All before the oldest pending fence, and nothing else. */
            for (unsigned j = 0; j < n_pending; j++) {
                if (pending[j]->timeline == t) {
                    first = MIN(first, pending[j]->seqno);
                }
            }
            g_assert_cmpuint(seen.value[t], <, first);
            if (first == UINT64_MAX) {
                g_assert_cmpuint(seen.value[t], ==, submitted[t]);
            }
        }
    }
    g_assert_cmpuint(fences.signalled, ==, N_RANDOM);
    for (unsigned t = 0; t < N_TIMELINES; t++) {
        g_assert_cmpuint(seen.value[t], ==, submitted[t]);
        g_assert_cmpuint(fences.timelines[t].count, ==, 0);
    }
    dmashare_fences_destroy(&fences);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/fence/valid", test_valid);
    g_test_add_func("/dmashare/fence/order", test_order);
    g_test_add_func("/dmashare/fence/status", test_status);
    g_test_add_func("/dmashare/fence/failures-kept", test_failures_kept);
    g_test_add_func("/dmashare/fence/merge", test_merge);
    g_test_add_func("/dmashare/fence/disown", test_disown);
    g_test_add_func("/dmashare/fence/reset", test_reset);
    g_test_add_func("/dmashare/fence/waits-for-itself", test_waits_for_itself);
    g_test_add_func("/dmashare/fence/ready", test_ready);
    g_test_add_func("/dmashare/fence/cycles", test_cycles);
    g_test_add_func("/dmashare/fence/no-cycle", test_no_cycle);
    g_test_add_func("/dmashare/fence/unsubmitted", test_unsubmitted);
    g_test_add_func("/dmashare/fence/random", test_random);
    return g_test_run();
}
