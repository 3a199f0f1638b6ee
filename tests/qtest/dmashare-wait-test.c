/*
 * dmashare: jobs that wait for fences: order, failures, cycles, the watchdog
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define WATCHDOG_NS     (10ULL * 1000 * 1000 * 1000)

/* A no-op on a timeline that waits for one fence. */
static struct dmashare_desc waiting(QDmashare *d, unsigned timeline,
                                    unsigned wait_timeline, uint64_t seqno)
{
    struct dmashare_desc desc = qdmashare_noop(d, timeline, 0);

    qdmashare_wait_for(&desc, wait_timeline, seqno);
    return desc;
}

static void test_wait(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    struct dmashare_desc desc;

    /* What waits has no effect before its time. */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 1000));
    desc = qdmashare_fill(d, 1, 1, 0, 8, 0x1234);
    qdmashare_wait_for(&desc, 0, 1);
    qdmashare_submit(d, 2, desc);
    qdmashare_step(d, 999);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 0);
    qdmashare_assert_idle(d, 2);
    qdmashare_step(d, 1);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x1234);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 1);
}

static void test_wait_signalled(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    /* Seqno 0 has always signalled. */
    qdmashare_start(d);
    desc = waiting(d, 1, 0, 0);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = waiting(d, 1, 0, 1);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
}

static void test_wait_before_submit(void *obj, void *data,
                                    QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_submit(d, 2, waiting(d, 1, 0, 3));
    qdmashare_assert_idle(d, 2);
    /* A fence before it is not it. */
    desc = qdmashare_noop(d, 0, 0);
    desc.job.seqno = 2;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_assert_idle(d, 2);
    desc.job.seqno = 3;
    desc.job.value = 70;
    qdmashare_submit(d, 1, desc);
    qdmashare_takes(d, 1, 70);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
}

static void test_wait_many(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    unsigned i;

    /* All of them must have signalled, in whatever order. */
    qdmashare_start(d);
    desc = qdmashare_noop(d, 0, 0);
    for (i = 0; i < DMASHARE_MAX_WAITS; i++) {
        qdmashare_wait_for(&desc, 1 + i, 1);
    }
    qdmashare_submit(d, 2, desc);
    for (i = 0; i < DMASHARE_MAX_WAITS; i++) {
        qdmashare_assert_idle(d, 2);
        desc = qdmashare_noop(d, 1 + (i * 3 + 1) % DMASHARE_MAX_WAITS, 0);
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    }
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
}

static void test_wait_chain(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned n = d->n_queues - 1;
    unsigned round;

    /* Each queue waits for the one before it, round after round. */
    qdmashare_start(d);
    for (round = 1; round <= 5; round++) {
        unsigned q;

        for (q = n; q > 1; q--) {
            qdmashare_submit(d, q, waiting(d, q, q - 1, round));
        }
        qdmashare_assert_idle(d, n);
        qdmashare_submit(d, 1, qdmashare_noop(d, 1, 10));
        qdmashare_step(d, 10);
        for (q = 1; q <= n; q++) {
            g_assert_cmphex(qdmashare_pop(d, q).status, ==,
                            DMASHARE_STATUS_OK);
            g_assert_cmpuint(qdmashare_fence(d, q), ==, round);
        }
    }
}

static void test_wait_failed(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;
    struct dmashare_desc desc;

    /* A failed fence is a signalled one, unless the job is strict. */
    qdmashare_start(d);
    desc = qdmashare_fill(d, 0, 99, 0, 8, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    desc = waiting(d, 1, 0, 1);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
    desc = waiting(d, 1, 0, 1);
    desc.flags = DMASHARE_JOB_F_STRICT;
    c = qdmashare_run(d, 2, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_DEPENDENCY);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 2);

    /* The failure is handed on, and forgotten where nobody asks. */
    desc = waiting(d, 2, 1, 2);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_DEPENDENCY);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = waiting(d, 2, 0, 2);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
}

static void test_strict_waits(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    struct dmashare_desc desc;

    /* The failure comes while the strict job waits; nothing of it is done. */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 1, 1, 0, 8, 0x1234);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_wait_for(&desc, 0, 1);
    qdmashare_submit(d, 2, desc);
    desc = qdmashare_fill(d, 0, 99, 0, 8, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==,
                    DMASHARE_STATUS_DEPENDENCY);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0);
}

static void test_failures_kept(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    unsigned i;

    qdmashare_start(d);
    for (i = 1; i <= DMASHARE_FAILED_KEPT + 1; i++) {
        desc = qdmashare_fill(d, 0, 1, 0, 0, 0);
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_BAD_LENGTH);
        desc = qdmashare_noop(d, 0, 0);
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    }
    /* The first failure is forgotten, the second is the oldest kept. */
    desc = waiting(d, 1, 0, 1);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
    desc = waiting(d, 1, 0, 3);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_DEPENDENCY);
    desc = waiting(d, 1, 0, 2 * DMASHARE_FAILED_KEPT + 1);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_DEPENDENCY);
    desc = waiting(d, 1, 0, 2 * DMASHARE_FAILED_KEPT);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
}

static void test_deadlock_self(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;
    struct dmashare_desc desc;

    qdmashare_start(d);
    /* Its own fence, and one that cannot signal before it. */
    desc = waiting(d, 0, 0, 1);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_DEADLOCK);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    desc = waiting(d, 0, 0, 7);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_DEADLOCK);
    desc = waiting(d, 0, 0, 2);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
}

static void test_deadlock_two(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_submit(d, 1, waiting(d, 0, 1, 1));
    qdmashare_assert_idle(d, 1);
    qdmashare_submit(d, 2, waiting(d, 1, 0, 1));
    /* The one that closed the cycle fails; the other is free to run. */
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==,
                    DMASHARE_STATUS_DEADLOCK);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 1);
    qdmashare_assert_no_event(d);
}

static void test_deadlock_ring(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned n = d->n_queues - 1;
    unsigned q;

    /* All queues in one ring. */
    qdmashare_start(d);
    for (q = 1; q < n; q++) {
        qdmashare_submit(d, q, waiting(d, q, q + 1, 1));
    }
    for (q = 1; q < n; q++) {
        qdmashare_assert_idle(d, q);
    }
    qdmashare_submit(d, n, waiting(d, n, 1, 1));
    g_assert_cmphex(qdmashare_pop(d, n).status, ==, DMASHARE_STATUS_DEADLOCK);
    for (q = 1; q < n; q++) {
        g_assert_cmphex(qdmashare_pop(d, q).status, ==, DMASHARE_STATUS_OK);
    }
}

static void test_deadlock_behind(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    /* It waits for a job that stands behind it in its own queue. */
    qdmashare_start(d);
    desc = waiting(d, 0, 1, 1);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_DEADLOCK);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 1);
}

static void test_no_false_deadlock(void *obj, void *data,
                                   QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned i;

    /* Two queues that hand over to each other often, and never in a cycle. */
    qdmashare_start(d);
    for (i = 1; i <= 8; i++) {
        struct dmashare_desc desc;

        desc = waiting(d, 1, 0, i);
        qdmashare_push(d, 2, &desc);
        desc = waiting(d, 0, 1, i - 1);
        qdmashare_push(d, 1, &desc);
    }
    qdmashare_doorbell(d, 2);
    qdmashare_doorbell(d, 1);
    for (i = 1; i <= 8; i++) {
        g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
    }
}

static void test_watchdog(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;
    struct dmashare_event e;
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_submit(d, 1, waiting(d, 0, 1, 1));
    qdmashare_step(d, 1000);
    qdmashare_submit(d, 2, waiting(d, 2, 0, 1));
    c = qdmashare_takes(d, 1, WATCHDOG_NS - 1000);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_TIMEOUT);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_WATCHDOG);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_TIMEOUT);
    g_assert_cmpuint(e.queue, ==, 1);
    g_assert_cmpuint(e.cookie, ==, c.cookie);
    g_assert_cmpuint(e.time, ==, qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    /* Its fence has signalled, so who waited for it goes on. */
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    qdmashare_assert_no_event(d);

    /* The queue is none the worse for it. */
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
}

static void test_watchdog_spares_work(void *obj, void *data,
                                      QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    /* It is for waits: a job may work for longer. */
    qdmashare_start(d);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 3 * WATCHDOG_NS));
    g_assert_cmphex(qdmashare_takes(d, 1, 3 * WATCHDOG_NS).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_no_event(d);
}

static void test_watchdog_set(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_submit(d, 1, waiting(d, 0, 1, 1));
    g_assert_cmphex(qdmashare_takes(d, 1, 5000).status, ==,
                    DMASHARE_STATUS_TIMEOUT);
}

static void test_watchdog_off(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    /* For ever means for ever, and still not a nanosecond longer. */
    qdmashare_start(d);
    qdmashare_submit(d, 1, waiting(d, 0, 1, 1));
    qdmashare_step(d, 1000 * WATCHDOG_NS);
    qdmashare_assert_idle(d, 1);
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    qdmashare_assert_no_event(d);
}

static void register_dmashare_wait_test(void)
{
    qos_add_test("wait", "dmashare-wait", test_wait, NULL);
    qos_add_test("wait-signalled", "dmashare-wait", test_wait_signalled,
                 NULL);
    qos_add_test("wait-before-submit", "dmashare-wait",
                 test_wait_before_submit, NULL);
    qos_add_test("wait-many", "dmashare-wait", test_wait_many, NULL);
    qos_add_test("wait-chain", "dmashare-wait", test_wait_chain, NULL);
    qos_add_test("wait-failed", "dmashare-wait", test_wait_failed, NULL);
    qos_add_test("strict-waits", "dmashare-wait", test_strict_waits, NULL);
    qos_add_test("failures-kept", "dmashare-wait", test_failures_kept, NULL);
    qos_add_test("deadlock-self", "dmashare-wait", test_deadlock_self, NULL);
    qos_add_test("deadlock-two", "dmashare-wait", test_deadlock_two, NULL);
    qos_add_test("deadlock-ring", "dmashare-wait", test_deadlock_ring, NULL);
    qos_add_test("deadlock-behind", "dmashare-wait", test_deadlock_behind,
                 NULL);
    qos_add_test("no-false-deadlock", "dmashare-wait",
                 test_no_false_deadlock, NULL);
    qos_add_test("watchdog", "dmashare-wait", test_watchdog, NULL);
    qos_add_test("watchdog-spares-work", "dmashare-wait",
                 test_watchdog_spares_work, NULL);
    qos_add_test("watchdog-set", "dmashare-wait", test_watchdog_set,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "watchdog=5000",
    });
    qos_add_test("watchdog-off", "dmashare-wait", test_watchdog_off,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "watchdog=0",
    });
}

libqos_init(register_dmashare_wait_test);
