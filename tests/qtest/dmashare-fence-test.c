/*
 * dmashare: timelines and fences, and device time to the nanosecond
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define NOWHERE         QDMASHARE_NOWHERE

/* A no-op on a timeline that waits for one fence. */
static struct dmashare_desc waiting(QDmashare *d, unsigned timeline,
                                    unsigned wait_timeline, uint64_t seqno)
{
    struct dmashare_desc desc = qdmashare_noop(d, timeline, 0);

    qdmashare_wait_for(&desc, wait_timeline, seqno);
    return desc;
}

static void test_noop_time(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t ns[] = {
        0, 1, 2, 999, 1000 * 1000, DMASHARE_NOOP_MAX_NS
    };
    QDmashare *d = obj;
    size_t i;

    qdmashare_start(d);
    for (i = 0; i < ARRAY_SIZE(ns); i++) {
        struct dmashare_completion c;

        qdmashare_submit(d, 1, qdmashare_noop(d, 0, ns[i]));
        if (ns[i]) {
            g_assert_cmpuint(qdmashare_fence(d, 0), ==, i);
        }
        c = qdmashare_takes(d, 1, ns[i]);
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
        g_assert_cmpuint(qdmashare_fence(d, 0), ==, i + 1);
    }
}

static void test_noop_sequence(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    /* One after another: their times add up. */
    qdmashare_start(d);
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_noop(d, 1, 500);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_noop(d, 2, 1);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    g_assert_cmpuint(qdmashare_takes(d, 1, 1000).cookie, ==, 1);
    g_assert_cmpuint(qdmashare_takes(d, 1, 500).cookie, ==, 2);
    g_assert_cmpuint(qdmashare_takes(d, 1, 1).cookie, ==, 3);
}

static void test_queues_in_parallel(void *obj, void *data,
                                    QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 1000));
    qdmashare_submit(d, 2, qdmashare_noop(d, 1, 400));
    /* Neither holds up the other, nor the control queue. */
    qdmashare_buffer(d, 1, 4096);
    qdmashare_takes(d, 2, 400);
    qdmashare_takes(d, 1, 600);
}

static void test_timeline_order(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;

    /* One timeline, two queues: the quick one is set aside until its turn. */
    qdmashare_start(d);
    qdmashare_submit(d, 1, qdmashare_noop(d, 3, 1000));
    qdmashare_submit(d, 2, qdmashare_noop(d, 3, 100));
    qdmashare_step(d, 999);
    g_assert_false(qdmashare_peek(d, 1, &c));
    g_assert_false(qdmashare_peek(d, 2, &c));
    g_assert_cmpuint(qdmashare_fence(d, 3), ==, 0);
    qdmashare_step(d, 1);
    g_assert_true(qdmashare_try_pop(d, 1, &c));
    g_assert_true(qdmashare_try_pop(d, 2, &c));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 3), ==, 2);
}

static void test_timeline_order_failed(void *obj, void *data,
                                       QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc bad;

    /* A refused job has its turn as well. */
    qdmashare_start(d);
    qdmashare_submit(d, 1, qdmashare_noop(d, 3, 1000));
    bad = qdmashare_fill(d, 3, 1, 0, 0, 0);
    qdmashare_submit(d, 2, bad);
    qdmashare_assert_idle(d, 2);
    qdmashare_step(d, 1000);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    g_assert_cmpuint(qdmashare_fence(d, 3), ==, 2);
}

static void test_seqno_gaps(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t seqno[] = {
        5, 6, 1000, 1ULL << 32, (1ULL << 32) + 1, 1ULL << 63, UINT64_MAX
    };
    QDmashare *d = obj;
    struct dmashare_desc desc;
    size_t i;

    qdmashare_start(d);
    for (i = 0; i < ARRAY_SIZE(seqno); i++) {
        desc = qdmashare_noop(d, 0, 0);
        desc.job.seqno = seqno[i];
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
        g_assert_cmphex(qdmashare_fence(d, 0), ==, seqno[i]);
        /* Everything up to it has signalled, gaps included. */
        desc = waiting(d, 1, 0, seqno[i] - 1);
        qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
    }
}

static void assert_no_fence(QDmashare *d, const struct dmashare_desc *desc)
{
    struct dmashare_completion c = qdmashare_run(d, 1, desc);

    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_BAD_FENCE);
    g_assert_cmphex(c.flags, ==, 0);
}

static void test_bad_fence(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t timelines = qdmashare_readl(d, DMASHARE_REG_NUM_TIMELINES);
    struct dmashare_completion c;
    struct dmashare_desc desc;

    qdmashare_start(d);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.seqno = 10;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* Not increasing, also while the last one is pending. */
    assert_no_fence(d, &desc);
    desc.job.seqno = 9;
    assert_no_fence(d, &desc);
    desc.job.seqno = 0;
    assert_no_fence(d, &desc);
    desc.job.seqno = 20;
    desc.job.value = 1000;
    qdmashare_submit(d, 2, desc);
    desc.job.value = 0;
    assert_no_fence(d, &desc);
    desc.job.seqno = 15;
    assert_no_fence(d, &desc);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 10);
    qdmashare_takes(d, 2, 1000);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 20);

    /* No such timeline: to signal, or to wait for. */
    desc.job.seqno = 1;
    desc.job.timeline = timelines;
    assert_no_fence(d, &desc);
    desc.job.timeline = 0xffffffff;
    assert_no_fence(d, &desc);
    /* The second kind leaves the job a fence of its own, which signals. */
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_wait_for(&desc, timelines, 1);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_BAD_FENCE);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_wait_for(&desc, 0xffffffff, 1);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_BAD_FENCE);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 2);

    /* The last there is. */
    desc = qdmashare_noop(d, timelines - 1, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, timelines - 1), ==, 1);
}

static void test_abort(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    struct dmashare_desc desc;

    /*
     * A queue disabled with jobs in it: one works, one waits. Their fences
     * signal, in order and failed, and nothing of theirs is done.
     */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x1234);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_submit(d, 2, waiting(d, 1, 0, 2));
    desc = waiting(d, 2, 0, 1);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_submit(d, 3, desc);
    qdmashare_assert_idle(d, 2);
    qdmashare_assert_idle(d, 3);

    qdmashare_queue_disable(d, 1);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 2);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(d, 3).status, ==,
                    DMASHARE_STATUS_DEPENDENCY);
    qdmashare_step(d, 10000);
    qdmashare_assert_idle(d, 1);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0);

    qdmashare_queue_setup(d, 1, 16, 16);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
}

static void test_abort_keeps_order(void *obj, void *data,
                                   QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    /* The aborted fence is behind another queue's, which still works. */
    qdmashare_start(d);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 1000));
    qdmashare_submit(d, 2, qdmashare_noop(d, 0, 10));
    qdmashare_queue_disable(d, 2);
    qdmashare_settle(d);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 0);
    qdmashare_takes(d, 1, 1000);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 2);
}

/* A strict job that waits for a fence of timeline 0; its status. */
static unsigned strict(QDmashare *d, uint64_t seqno)
{
    struct dmashare_desc desc = waiting(d, 1, 0, seqno);

    desc.flags = DMASHARE_JOB_F_STRICT;
    return qdmashare_run(d, 3, &desc).status;
}

static void test_abort_many(void *obj, void *data, QGuestAllocator *alloc)
{
    const unsigned rounds = 40, n = QDMASHARE_ENTRIES;
    QDmashare *d = obj;
    struct dmashare_ledger l;
    uint64_t last, oldest;
    unsigned round, i;

    /*
     * One job holds up the timeline while another queue is disabled over and
     * over with jobs on the same: the first of each round is done and set
     * aside, the others are dropped. None may get lost or come early.
     */
    qdmashare_start(d);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 1000));
    for (round = 0; round < rounds; round++) {
        for (i = 0; i < n; i++) {
            struct dmashare_desc desc = qdmashare_noop(d, 0, i ? 1000 : 0);

            qdmashare_push(d, 2, &desc);
        }
        qdmashare_doorbell(d, 2);
        qdmashare_settle(d);
        qdmashare_queue_disable(d, 2);
        qdmashare_queue_setup(d, 2, n, n);
    }
    last = 1 + rounds * n;
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 0);
    g_assert_cmphex(qdmashare_takes(d, 1, 1000).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, last);
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.fences_signalled, ==, last);
    g_assert_cmpuint(l.fences_failed, ==, rounds * (n - 1));

    /* The last failures are known one by one: four rounds' and four more. */
    QEMU_BUILD_BUG_ON(DMASHARE_FAILED_KEPT != 4 * (QDMASHARE_ENTRIES - 1) + 4);
    oldest = last - 4 * n - 3;
    g_assert_cmphex(strict(d, last), ==, DMASHARE_STATUS_DEPENDENCY);
    g_assert_cmphex(strict(d, last - n + 2), ==, DMASHARE_STATUS_DEPENDENCY);
    g_assert_cmphex(strict(d, last - n + 1), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(strict(d, oldest), ==, DMASHARE_STATUS_DEPENDENCY);
    g_assert_cmphex(strict(d, oldest - 1), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(strict(d, 1), ==, DMASHARE_STATUS_OK);
}

static void test_memory(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t timelines = qdmashare_readl(d, DMASHARE_REG_NUM_TIMELINES);
    struct dmashare_desc desc;
    unsigned i;

    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
    g_assert_cmpuint(timelines, <, DMASHARE_FENCE_ADDR_ALIGN / 8);
    qtest_memset(d->qts, d->fence_mem, 0xee, DMASHARE_FENCE_ADDR_ALIGN);
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* Disabled means not written. */
    g_assert_cmphex(qdmashare_fence(d, 1), ==, 0xeeeeeeeeeeeeeeeeULL);

    /* Enabling writes the present value of all there are, and no more. */
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);
    qdmashare_settle(d);
    for (i = 0; i < timelines; i++) {
        g_assert_cmphex(qdmashare_fence(d, i), ==, i == 1 ? 1 : 0);
    }
    for (; i < DMASHARE_FENCE_ADDR_ALIGN / 8; i++) {
        g_assert_cmphex(qdmashare_fence(d, i), ==, 0xeeeeeeeeeeeeeeeeULL);
    }
}

static void test_memory_alignment(void *obj, void *data,
                                  QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t mem;

    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
    mem = qdmashare_alloc(d, 8192);
    qtest_memset(d->qts, mem, 0xee, 8192);
    qdmashare_writeq(d, DMASHARE_REG_FENCE_ADDR_LO, mem + 2048);
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);
    qdmashare_settle(d);
    g_assert_cmphex(qtest_readq(d->qts, mem + 2048), ==,
                    0xeeeeeeeeeeeeeeeeULL);
}

static void test_memory_nowhere(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_event e;
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
    qdmashare_writeq(d, DMASHARE_REG_FENCE_ADDR_LO, NOWHERE);
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FENCE_MEMORY);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(e.addr, ==, NOWHERE);
    g_assert_cmphex(e.flags, ==, DMASHARE_EVENT_F_WRITE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FENCE_CTRL), ==, 0);
    qdmashare_assert_no_event(d);

    /* Fences signal all the same. */
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = waiting(d, 1, 0, 1);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
}

static void test_latency(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t now;

    /* 1000 ns, and 1 GB/s: a byte a nanosecond. */
    qdmashare_start(d);
    qdmashare_buf(d, 1, 1 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    now = qdmashare_readq(d, DMASHARE_REG_TIME_LO);
    qdmashare_submit(d, 1, qdmashare_fill(d, 0, 1, 0, 1, 0));
    qdmashare_takes(d, 1, 1001);
    qdmashare_submit(d, 1, qdmashare_fill(d, 0, 1, 0, 4096, 0));
    qdmashare_takes(d, 1, 1000 + 4096);
    qdmashare_submit(d, 1, qdmashare_copy(d, 0, 1, 0, 1, 512 * KiB, 512 * KiB));
    qdmashare_takes(d, 1, 1000 + 512 * KiB);
    qdmashare_submit(d, 1, qdmashare_checksum(d, 0, 1, 3, 77777));
    qdmashare_takes(d, 1, 1000 + 77777);
    /* A no-op takes its own time and no other. */
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 50));
    qdmashare_takes(d, 1, 50);
    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_TIME_LO) - now, ==,
                     4000 + 1 + 4096 + 512 * KiB + 77777 + 50);
}

static void test_bandwidth(void *obj, void *data, QGuestAllocator *alloc)
{
    struct dmashare_segment seg[1024];
    QDmashare *d = obj;
    struct dmashare_desc desc;
    uint64_t mem;
    size_t i;

    /* A byte a second. */
    qdmashare_start(d);
    mem = qdmashare_alloc(d, 64 * MiB);
    for (i = 0; i < ARRAY_SIZE(seg); i++) {
        seg[i] = (struct dmashare_segment) { mem, 64 * MiB };
    }
    qdmashare_buffer(d, 1, 64 * GiB);
    g_assert_cmphex(qdmashare_map(d, 1, 1, DMASHARE_DIR_FROM_DEVICE, seg,
                                  ARRAY_SIZE(seg)), ==, DMASHARE_STATUS_OK);
    qdmashare_submit(d, 1, qdmashare_fill(d, 0, 1, 0, 7, 0x11));
    qdmashare_takes(d, 1, 7 * NANOSECONDS_PER_SECOND);

    /* More time than there is: it never ends, and can be ended. */
    qdmashare_submit(d, 1, qdmashare_fill(d, 0, 1, 0, 64 * GiB, 0x22));
    qdmashare_step(d, 1000 * 1000 * NANOSECONDS_PER_SECOND);
    qdmashare_assert_idle(d, 1);
    qdmashare_queue_disable(d, 1);
    qdmashare_settle(d);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 2);
    g_assert_cmphex(qtest_readb(d->qts, mem), ==, 0x11);
    g_assert_cmphex(qtest_readb(d->qts, mem + 7), ==, 0);
    desc = waiting(d, 1, 0, 2);
    desc.flags = DMASHARE_JOB_F_STRICT;
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_DEPENDENCY);
}

static void test_latency_rows(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    /* What lies between the rows is not paid for. */
    qdmashare_start(d);
    qdmashare_buf(d, 1, 64 * KiB, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 0, 1, 0, 100, 0);
    desc.job.rows = 30;
    desc.job.dst.pitch = 2048;
    qdmashare_submit(d, 1, desc);
    qdmashare_takes(d, 1, 1000 + 3000);
}

static void register_dmashare_fence_test(void)
{
    QOSGraphTestOptions timed = {
        .edge.extra_device_opts = "latency=1000,bandwidth=1000000000",
    };

    qos_add_test("noop-time", "dmashare-fence", test_noop_time, NULL);
    qos_add_test("noop-sequence", "dmashare-fence", test_noop_sequence, NULL);
    qos_add_test("queues-in-parallel", "dmashare-fence",
                 test_queues_in_parallel, NULL);
    qos_add_test("timeline-order", "dmashare-fence", test_timeline_order,
                 NULL);
    qos_add_test("timeline-order-failed", "dmashare-fence",
                 test_timeline_order_failed, NULL);
    qos_add_test("seqno-gaps", "dmashare-fence", test_seqno_gaps, NULL);
    qos_add_test("bad-fence", "dmashare-fence", test_bad_fence, NULL);
    qos_add_test("abort", "dmashare-fence", test_abort, NULL);
    qos_add_test("abort-keeps-order", "dmashare-fence",
                 test_abort_keeps_order, NULL);
    qos_add_test("abort-many", "dmashare-fence", test_abort_many, NULL);
    qos_add_test("bandwidth", "dmashare-fence", test_bandwidth,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "bandwidth=1",
    });
    qos_add_test("memory", "dmashare-fence", test_memory, NULL);
    qos_add_test("memory-alignment", "dmashare-fence", test_memory_alignment,
                 NULL);
    qos_add_test("memory-nowhere", "dmashare-fence", test_memory_nowhere,
                 NULL);
    qos_add_test("latency", "dmashare-fence", test_latency, &timed);
    qos_add_test("latency-rows", "dmashare-fence", test_latency_rows, &timed);
}

libqos_init(register_dmashare_fence_test);
