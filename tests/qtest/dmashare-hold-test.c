/*
 * dmashare: fences that are held, released and failed on command
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/dmashare-hold.h"

#define SECOND          (1000ULL * 1000 * 1000)

static QDmashareMachine *machine(QDmashare **d)
{
    QDmashareMachine *m = qdmashare_hold_machine("");

    *d = m->d;
    return m;
}

/* The next QMP event of the device is of that kind and this fence. */
static void assert_fence_event(QDmashare *d, const char *name, int64_t hold,
                               unsigned timeline, uint64_t seqno)
{
    QDict *event = qtest_qmp_eventwait_ref(d->qts, name);
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_true(strstr(qdict_get_str(data, "path"), QDMASHARE_ID));
    g_assert_cmpint(qdict_get_try_int(data, "hold", -1), ==, hold);
    g_assert_cmpuint(qdict_get_int(data, "timeline"), ==, timeline);
    g_assert_cmpuint(qdict_get_int(data, "seqno"), ==, seqno);
    g_assert_cmpuint(qdict_get_int(data, "suppressed"), ==, 0);
    qobject_unref(event);
}

static struct dmashare_desc waiting(QDmashare *d, unsigned timeline,
                                    unsigned wait_timeline, uint64_t seqno)
{
    struct dmashare_desc desc = qdmashare_noop(d, timeline, 0);

    qdmashare_wait_for(&desc, wait_timeline, seqno);
    return desc;
}

static void assert_state(QDmashare *d, unsigned timeline, uint64_t seqno,
                         const char *state)
{
    g_assert_cmpstr(qdmashare_fence_state(d, timeline, seqno), ==, state);
}

/* One completion is there now; its status. */
static struct dmashare_completion popped(QDmashare *d, unsigned q)
{
    struct dmashare_completion c;

    qdmashare_settle(d);
    g_assert_true(qdmashare_try_pop(d, q, &c));
    return c;
}

static void test_pending(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    uint64_t caught;
    int64_t remaining;
    uint32_t hold;

    /* A fence whose job works is caught; its work goes on. */
    qdmashare_submit(d, 1, qdmashare_noop(d, 5, 1000));
    assert_state(d, 5, 1, "running");
    hold = qdmashare_hold(d, "\"timeline\":5,\"seqno\":1");
    qdmashare_hold_info(d, hold, &caught, &remaining);
    g_assert_cmpuint(caught, ==, 1);
    g_assert_cmpint(remaining, ==, 0);
    qdmashare_step(d, 1000);
    assert_fence_event(d, "DMASHARE_FENCE_HELD", hold, 5, 1);
    assert_state(d, 5, 1, "held");
    qdmashare_assert_idle(d, 1);
    g_assert_cmpuint(qdmashare_fence(d, 5), ==, 0);
    g_assert_cmpuint(qdmashare_timeline(d, 5).held, ==, 1);

    /* Jobs behind it on its queue go on meanwhile. */
    qdmashare_submit(d, 1, qdmashare_noop(d, 6, 0));
    g_assert_cmpuint(popped(d, 1).cookie, ==, 2);

    g_assert_cmpuint(qdmashare_release(d, ""), ==, 1);
    g_assert_cmpuint(popped(d, 1).cookie, ==, 1);
    g_assert_cmpuint(qdmashare_fence(d, 5), ==, 1);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);
    assert_state(d, 5, 1, NULL);
    qdmashare_assert_no_event(d);
}

static void test_to_come(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_desc desc;

    /* By its number; numbers before it are not concerned. */
    qdmashare_hold(d, "\"timeline\":0,\"seqno\":3");
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 0));
    qdmashare_assert_idle(d, 1);
    assert_state(d, 0, 3, "held");
    qdmashare_act(d, 0, 3, "release", "");
    g_assert_cmphex(popped(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);

    /* One that the driver leaves out: the hold ends. */
    qdmashare_hold(d, "\"timeline\":0,\"seqno\":4");
    desc = qdmashare_noop(d, 0, 0);
    desc.job.seqno = 5;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);
}

static void test_count(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    uint32_t any, one;
    uint64_t caught;
    int64_t remaining;

    /* What is pending already is not among the next ones. */
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 10));
    any = qdmashare_hold(d, "\"count\":2");
    one = qdmashare_hold(d, "\"count\":1,\"timeline\":3");
    g_assert_cmpuint(one, !=, any);
    qdmashare_takes(d, 1, 10);

    qdmashare_push_noops(d, 1, 2, 4);
    qdmashare_doorbell(d, 1);
    qdmashare_settle(d);
    assert_state(d, 2, 1, "held");
    assert_state(d, 3, 1, "held");
    assert_state(d, 4, 1, "held");
    g_assert_cmpuint(popped(d, 1).cookie, ==, 5);
    qdmashare_hold_info(d, any, &caught, &remaining);
    g_assert_cmpuint(caught, ==, 2);
    g_assert_cmpint(remaining, ==, 0);
    qdmashare_hold_info(d, one, &caught, &remaining);
    g_assert_cmpuint(caught, ==, 1);
    g_assert_cmpint(remaining, ==, 0);

    /* Spent holds are gone once what they caught is. */
    qdmashare_act(d, 3, 1, "release", "");
    g_assert_cmpuint(qdmashare_holds(d), ==, 1);
    g_assert_cmpuint(popped(d, 1).cookie, ==, 3);
    g_assert_cmpuint(qdmashare_release(d, "\"order\":\"reverse\""), ==, 2);
    g_assert_cmpuint(popped(d, 1).cookie, ==, 4);
    g_assert_cmpuint(popped(d, 1).cookie, ==, 2);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);
}

static void test_timeline(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    uint32_t hold;
    uint64_t caught;
    int64_t remaining;
    unsigned i;

    /* What is pending and what comes, for as long as the hold lives. */
    qdmashare_submit(d, 1, qdmashare_noop(d, 7, 10));
    hold = qdmashare_hold(d, "\"timeline\":7");
    qdmashare_step(d, 10);
    for (i = 0; i < 3; i++) {
        qdmashare_submit(d, 2, qdmashare_noop(d, 7, 0));
    }
    qdmashare_hold_info(d, hold, &caught, &remaining);
    g_assert_cmpuint(caught, ==, 4);
    g_assert_cmpint(remaining, ==, -1);
    qdmashare_assert_idle(d, 1);
    qdmashare_assert_idle(d, 2);

    /* The third cannot signal before the second, only be let go before. */
    qdmashare_act(d, 7, 1, "release", "");
    qdmashare_act(d, 7, 3, "release", "");
    g_assert_cmpuint(qdmashare_fence(d, 7), ==, 1);
    qdmashare_act(d, 7, 2, "release", "");
    g_assert_cmpuint(qdmashare_fence(d, 7), ==, 3);
    qdmashare_submit(d, 1, qdmashare_noop(d, 7, 0));
    g_assert_cmpuint(qdmashare_fence(d, 7), ==, 3);
    assert_state(d, 7, 5, "held");
    g_assert_cmpuint(qdmashare_release(d, ""), ==, 2);
    g_assert_cmpuint(qdmashare_fence(d, 7), ==, 5);
    qdmashare_submit(d, 1, qdmashare_noop(d, 7, 0));
    g_assert_cmpuint(qdmashare_fence(d, 7), ==, 6);
}

static void test_watchdog(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_completion c;
    uint32_t hold;

    /* The device's own, to the nanosecond, from when the work was over. */
    hold = qdmashare_hold(d, "\"timeline\":0,\"seqno\":1");
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 500));
    qdmashare_step(d, 500);
    c = qdmashare_takes(d, 1, 10 * SECOND);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_TIMEOUT);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    assert_fence_event(d, "DMASHARE_WATCHDOG", hold, 0, 1);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    g_assert_cmpuint(qdmashare_timeline(d, 0).failed, ==, 1);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);

    /* One of the hold's own, for each of its fences. */
    qdmashare_hold(d, "\"count\":2,\"watchdog\":3000");
    qdmashare_submit(d, 1, qdmashare_noop(d, 1, 0));
    qdmashare_step(d, 1000);
    qdmashare_submit(d, 1, qdmashare_noop(d, 2, 0));
    g_assert_cmphex(qdmashare_takes(d, 1, 2000).status, ==,
                    DMASHARE_STATUS_TIMEOUT);
    g_assert_cmphex(qdmashare_takes(d, 1, 1000).status, ==,
                    DMASHARE_STATUS_TIMEOUT);

    /* What is behind a held fence on its timeline waits with it. */
    qdmashare_hold(d, "\"timeline\":1,\"seqno\":2,\"watchdog\":100");
    qdmashare_submit(d, 1, qdmashare_noop(d, 1, 0));
    qdmashare_submit(d, 2, qdmashare_noop(d, 1, 0));
    assert_state(d, 1, 3, "held");
    g_assert_cmphex(qdmashare_takes(d, 2, 100).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(popped(d, 1).status, ==, DMASHARE_STATUS_TIMEOUT);

    /* A job that waits has its own watchdog, and no hold. */
    qdmashare_submit(d, 1, waiting(d, 3, 4, 1));
    g_assert_cmphex(qdmashare_takes(d, 1, 10 * SECOND).status, ==,
                    DMASHARE_STATUS_TIMEOUT);
    g_assert_cmpuint(qdmashare_event(d).type, ==, DMASHARE_EVENT_WATCHDOG);
    qdmashare_assert_no_event(d);
}

/* Nothing but the harness ends it, and the driver is told. */
static void for_ever(QDmashare *d, const char *hold)
{
    struct dmashare_event e;
    uint64_t cookie;

    qdmashare_hold(d, hold);
    qdmashare_submit(d, 3, qdmashare_noop(d, 9, 0));
    cookie = d->cookie;
    e = qdmashare_event(d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_HELD_FOR_EVER);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(e.queue, ==, 3);
    g_assert_cmpuint(e.cookie, ==, cookie);
    g_assert_cmpuint(e.offset, ==, 9);
    g_assert_cmpuint(e.addr, ==, 1);
    qdmashare_step(d, 100000 * SECOND);
    qdmashare_assert_idle(d, 3);
    qdmashare_assert_no_event(d);
    g_assert_cmpuint(qdmashare_release(d, ""), ==, 1);
    g_assert_cmphex(popped(d, 3).status, ==, DMASHARE_STATUS_OK);
}

static void test_never(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);

    for_ever(d, "\"timeline\":9,\"never\":true");
}

static void test_never_by_property(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_hold_machine("watchdog=0");

    for_ever(m->d, "\"timeline\":9");
}

static void test_errnos(void)
{
    static const struct {
        const char *name;
        unsigned number;
    } errnos[] = {
        { "eperm", 1 }, { "enoent", 2 }, { "eio", 5 }, { "eagain", 11 },
        { "enomem", 12 }, { "eacces", 13 }, { "efault", 14 },
        { "ebusy", 16 }, { "enodev", 19 }, { "einval", 22 },
        { "enospc", 28 }, { "erange", 34 }, { "edeadlk", 35 },
        { "etime", 62 }, { "eopnotsupp", 95 }, { "etimedout", 110 },
        { "estale", 116 }, { "ecanceled", 125 }, { "", 5 },
    };
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_desc desc;
    size_t i;

    qdmashare_hold(d, "\"timeline\":1");
    for (i = 0; i < ARRAY_SIZE(errnos); i++) {
        struct dmashare_completion c;

        qdmashare_submit(d, 1, qdmashare_noop(d, 1, 0));
        qdmashare_assert_idle(d, 1);
        qdmashare_act(d, 1, d->seqno[1], "fail", errnos[i].name);
        c = popped(d, 1);
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_COMMANDED);
        g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
        g_assert_cmpuint(c.detail, ==, errnos[i].number);
        g_assert_cmpuint(c.result, ==, 0);
    }
    g_assert_cmpuint(qdmashare_timeline(d, 1).failed, ==, i);

    /* It is a failure to whoever asks. */
    desc = waiting(d, 2, 1, d->seqno[1]);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_DEPENDENCY);

    /* And success where the work was none. */
    qdmashare_submit(d, 1, qdmashare_fill(d, 1, 99, 0, 8, 0));
    g_assert_cmphex(qdmashare_event(d).status, ==,
                    DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    qdmashare_act(d, 1, d->seqno[1], "signal", "");
    g_assert_cmphex(popped(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_timeline(d, 1).failed, ==, i);
}

static void test_unfinished(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_hold_machine("latency=1000");
    QDmashare *d = m->d;
    struct dmashare_completion c;
    QDmashareBuf buf;

    /*
     * On the engine, behind it, and waiting: each ends at once, nothing of its
     * work is done, and the queue goes on with what is left.
     */
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_submit(d, 1, qdmashare_fill(d, 0, 1, 0, 8, 0x11));
    qdmashare_submit(d, 1, qdmashare_fill(d, 1, 1, 8, 8, 0x22));
    qdmashare_submit(d, 1, qdmashare_fill(d, 2, 1, 16, 8, 0x33));
    qdmashare_submit(d, 2, waiting(d, 3, 4, 1));
    qdmashare_step(d, 500);
    assert_state(d, 0, 1, "running");
    assert_state(d, 1, 1, "waiting");
    assert_state(d, 3, 1, "waiting");

    qdmashare_act(d, 1, 1, "fail", "enodev");
    c = popped(d, 1);
    g_assert_cmpuint(c.cookie, ==, d->cookie - 2);
    g_assert_cmpuint(c.detail, ==, 19);
    qdmashare_act(d, 0, 1, "signal", "");
    c = popped(d, 1);
    g_assert_cmpuint(c.cookie, ==, d->cookie - 3);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    qdmashare_act(d, 3, 1, "fail", "eagain");
    g_assert_cmpuint(popped(d, 2).detail, ==, 11);

    /* The third starts now, its own time before it. */
    g_assert_cmphex(qdmashare_takes(d, 1, 1000).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 8), ==, 0);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 16), ==, 0x33);
    qdmashare_step(d, 100 * SECOND);
    qdmashare_assert_idle(d, 1);
    qdmashare_assert_idle(d, 2);
    qdmashare_assert_no_event(d);

    /* Let go of before its work is over: it ends as it would have. */
    qdmashare_hold(d, "\"timeline\":0");
    qdmashare_submit(d, 1, qdmashare_fill(d, 0, 1, 0, 8, 0x44));
    qdmashare_act(d, 0, 2, "release", "");
    qdmashare_takes(d, 1, 1000);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x44);
}

static void test_out_of_order(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    unsigned i;

    /*
     * Two timelines on one queue, in turns; queue 2 holds up the first of
     * them. The other's jobs overtake.
     */
    qdmashare_submit(d, 2, qdmashare_noop(d, 0, 1000));
    for (i = 0; i < 8; i++) {
        struct dmashare_desc desc = qdmashare_noop(d, i % 2, 0);

        qdmashare_push(d, 1, &desc);
    }
    qdmashare_doorbell(d, 1);
    for (i = 0; i < 4; i++) {
        g_assert_cmpuint(popped(d, 1).cookie, ==, 3 + 2 * i);
    }
    qdmashare_assert_idle(d, 1);
    assert_state(d, 0, 2, "done");
    g_assert_cmpuint(qdmashare_timeline(d, 0).held, ==, 0);
    g_assert_cmpuint(qdmashare_timeline(d, 0).pending, ==, 5);
    qdmashare_step(d, 1000);
    for (i = 0; i < 4; i++) {
        g_assert_cmpuint(popped(d, 1).cookie, ==, 2 + 2 * i);
    }
    g_assert_cmphex(popped(d, 2).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 5);
}

static uint32_t sq_head(QDmashare *d, unsigned q)
{
    return qdmashare_readl(d, DMASHARE_REG_QUEUE(q) + DMASHARE_QREG_SQ_HEAD);
}

static void test_back_pressure(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    const unsigned n = QDMASHARE_ENTRIES;
    unsigned i;

    /*
     * Each job that is set aside has its slot in the completion ring, so that
     * no more are fetched than there is room for.
     */
    qdmashare_hold(d, "\"count\":15");
    qdmashare_push_noops(d, 1, 0, n);
    qdmashare_doorbell(d, 1);
    qdmashare_settle(d);
    qdmashare_push_noops(d, 1, n, n);
    qdmashare_doorbell(d, 1);
    qdmashare_settle(d);
    g_assert_cmpuint(sq_head(d, 1), ==, n);

    /* With every one that was read there is room for another. */
    for (i = 0; i < n + 1; i++) {
        g_assert_cmpuint(popped(d, 1).cookie, ==, n + i);
        qdmashare_settle(d);
        g_assert_cmpuint(sq_head(d, 1), ==, MIN(n + 1 + i, 2 * n));
    }
    qdmashare_assert_idle(d, 1);
    g_assert_cmpuint(qdmashare_release(d, ""), ==, n - 1);
    for (i = 0; i < n - 1; i++) {
        g_assert_cmpuint(popped(d, 1).cookie, ==, 1 + i);
    }
    qdmashare_assert_idle(d, 1);
}

static void test_waiters(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_desc desc;

    /*
     * Waiting for a held fence is no deadlock, not even on the same queue; its
     * watchdog counts as ever.
     */
    qdmashare_hold(d, "\"timeline\":0,\"never\":true");
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_push(d, 1, &desc);
    desc = waiting(d, 1, 0, 1);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_submit(d, 2, waiting(d, 2, 1, 1));
    qdmashare_assert_idle(d, 1);
    qdmashare_assert_idle(d, 2);
    qdmashare_step(d, 10 * SECOND - 1);
    qdmashare_assert_idle(d, 1);
    qdmashare_act(d, 0, 1, "release", "");
    g_assert_cmphex(popped(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(popped(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(popped(d, 2).status, ==, DMASHARE_STATUS_OK);

    /* A true cycle is found, held fences in it or not. */
    qdmashare_submit(d, 1, waiting(d, 0, 5, 1));
    qdmashare_submit(d, 2, waiting(d, 5, 0, d->seqno[0]));
    g_assert_cmphex(popped(d, 2).status, ==, DMASHARE_STATUS_DEADLOCK);
    qdmashare_settle(d);
    assert_state(d, 0, d->seqno[0], "held");
}

static void test_queue_disabled(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_desc desc;
    unsigned i;

    /* The driver gives up the queue: its fences signal, held or not. */
    qdmashare_hold(d, "\"timeline\":0,\"watchdog\":1000");
    for (i = 0; i < 3; i++) {
        qdmashare_submit(d, 1, qdmashare_noop(d, 0, i == 2 ? 50 : 0));
    }
    qdmashare_submit(d, 2, qdmashare_noop(d, 0, 0));
    assert_state(d, 0, 1, "held");
    assert_state(d, 0, 3, "running");
    assert_state(d, 0, 4, "done");
    qdmashare_queue_disable(d, 1);
    qdmashare_settle(d);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 3);
    g_assert_cmpuint(qdmashare_timeline(d, 0).failed, ==, 1);
    assert_state(d, 0, 4, "held");
    g_assert_cmphex(qdmashare_takes(d, 2, 1000).status, ==,
                    DMASHARE_STATUS_TIMEOUT);
    qdmashare_assert_idle(d, 1);

    qdmashare_release(d, "");
    qdmashare_queue_setup(d, 1, QDMASHARE_ENTRIES, QDMASHARE_ENTRIES);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
}

static void test_reset(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    uint32_t count, all;
    uint64_t caught;
    int64_t remaining;

    /* Held fences vanish; holds of what comes wait for what comes then. */
    qdmashare_hold(d, "\"timeline\":0,\"seqno\":1");
    qdmashare_hold(d, "\"timeline\":0,\"seqno\":2");
    count = qdmashare_hold(d, "\"count\":3,\"watchdog\":100");
    all = qdmashare_hold(d, "\"timeline\":5");
    qdmashare_push_noops(d, 1, 0, 2);
    qdmashare_push_noops(d, 1, 5, 1);
    qdmashare_doorbell(d, 1);
    qdmashare_assert_idle(d, 1);
    qdmashare_reset(d);
    g_assert_cmpuint(qdmashare_holds(d), ==, 2);
    qdmashare_hold_info(d, count, &caught, &remaining);
    g_assert_cmpuint(caught, ==, 0);
    g_assert_cmpint(remaining, ==, 2);
    qtest_clock_step(d->qts, 1000);

    qdmashare_start(d);
    qdmashare_push_noops(d, 1, 0, 3);
    qdmashare_push_noops(d, 1, 5, 1);
    qdmashare_doorbell(d, 1);
    g_assert_cmpuint(popped(d, 1).cookie, ==, d->cookie - 1);
    qdmashare_assert_idle(d, 1);
    qdmashare_hold_info(d, all, &caught, &remaining);
    g_assert_cmpuint(caught, ==, 1);

    /* A function-level reset is one. */
    qdmashare_flr(d);
    qdmashare_flr_recover(d);
    g_assert_cmpuint(qdmashare_holds(d), ==, 1);
    g_assert_cmpuint(qdmashare_release(d, ""), ==, 0);
    qdmashare_start(d);
    qdmashare_push_noops(d, 1, 5, 1);
    qdmashare_doorbell(d, 1);
    g_assert_cmphex(popped(d, 1).status, ==, DMASHARE_STATUS_OK);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/hold/pending", test_pending);
    qtest_add_func("/dmashare/hold/to-come", test_to_come);
    qtest_add_func("/dmashare/hold/count", test_count);
    qtest_add_func("/dmashare/hold/timeline", test_timeline);
    qtest_add_func("/dmashare/hold/watchdog", test_watchdog);
    qtest_add_func("/dmashare/hold/never", test_never);
    qtest_add_func("/dmashare/hold/never-by-property",
                   test_never_by_property);
    qtest_add_func("/dmashare/hold/errnos", test_errnos);
    qtest_add_func("/dmashare/hold/unfinished", test_unfinished);
    qtest_add_func("/dmashare/hold/out-of-order", test_out_of_order);
    qtest_add_func("/dmashare/hold/back-pressure", test_back_pressure);
    qtest_add_func("/dmashare/hold/waiters", test_waiters);
    qtest_add_func("/dmashare/hold/queue-disabled", test_queue_disabled);
    qtest_add_func("/dmashare/hold/reset", test_reset);
    return g_test_run();
}
