/*
 * dmashare: submission and completion rings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define NOWHERE         QDMASHARE_NOWHERE

#define QERR(error) (DMASHARE_QERR_##error << DMASHARE_QSTATUS_ERROR_SHIFT)

static const struct dmashare_desc nop = { .opcode = DMASHARE_OP_NOP };

static uint32_t queue_reg(QDmashare *d, unsigned q, uint32_t reg)
{
    return qdmashare_readl(d, DMASHARE_REG_QUEUE(q) + reg);
}

static void queue_write(QDmashare *d, unsigned q, uint32_t reg, uint32_t value)
{
    qdmashare_writel(d, DMASHARE_REG_QUEUE(q) + reg, value);
}

/* Tries to enable with one register changed; the queue must stay off. */
static void assert_refused(QDmashare *d, uint32_t reg, uint32_t value,
                           uint32_t error)
{
    unsigned q = 1;
    uint32_t good;

    qdmashare_queue_disable(d, q);
    good = queue_reg(d, q, reg);
    queue_write(d, q, reg, value);
    queue_write(d, q, DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    g_assert_cmphex(queue_reg(d, q, DMASHARE_QREG_STATUS), ==, error);
    g_assert_cmphex(queue_reg(d, q, DMASHARE_QREG_CTRL), ==, 0);

    /* With the right value all is well, and the error is forgotten. */
    queue_write(d, q, reg, good);
    queue_write(d, q, DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    g_assert_cmphex(queue_reg(d, q, DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QSTATUS_ENABLED);
}

static void test_setup(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned q;

    qdmashare_start(d);
    for (q = 0; q < d->n_queues; q++) {
        g_assert_cmphex(queue_reg(d, q, DMASHARE_QREG_CTRL), ==,
                        DMASHARE_QCTRL_ENABLE);
        g_assert_cmpuint(queue_reg(d, q, DMASHARE_QREG_SQ_HEAD), ==, 0);
        g_assert_cmpuint(queue_reg(d, q, DMASHARE_QREG_CQ_TAIL), ==, 0);
        qdmashare_assert_idle(d, q);
    }
    qdmashare_assert_no_event(d);
}

static void test_bad_entries(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint32_t bad[] = {
        0, 1, 3, 6, 15, 17, 0x80000000, 0xffffffff
    };
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES);
    size_t i;

    qdmashare_start(d);
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_refused(d, DMASHARE_QREG_SQ_ENTRIES, bad[i], QERR(ENTRIES));
        assert_refused(d, DMASHARE_QREG_CQ_ENTRIES, bad[i], QERR(ENTRIES));
    }
    assert_refused(d, DMASHARE_QREG_SQ_ENTRIES, max * 2, QERR(ENTRIES));
    assert_refused(d, DMASHARE_QREG_CQ_ENTRIES, max * 2, QERR(ENTRIES));
}

static void test_bad_alignment(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t off;

    qdmashare_start(d);
    for (off = 1; off < DMASHARE_RING_ALIGN; off *= 2) {
        assert_refused(d, DMASHARE_QREG_SQ_ADDR_LO, d->queue[1].sq + off,
                       QERR(ALIGN));
        assert_refused(d, DMASHARE_QREG_CQ_ADDR_LO, d->queue[1].cq + off,
                       QERR(ALIGN));
    }
}

static void test_least_alignment(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    d->queue[0].sq += DMASHARE_RING_ALIGN;
    d->queue[0].cq += DMASHARE_RING_ALIGN;
    d->queue[0].sq_entries = 4;
    d->queue[0].cq_entries = 4;
    queue_write(d, 0, DMASHARE_QREG_SQ_ADDR_LO, d->queue[0].sq);
    queue_write(d, 0, DMASHARE_QREG_CQ_ADDR_LO, d->queue[0].cq);
    queue_write(d, 0, DMASHARE_QREG_SQ_ENTRIES, 4);
    queue_write(d, 0, DMASHARE_QREG_CQ_ENTRIES, 4);
    queue_write(d, 0, DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
}

static void test_bad_vector(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    assert_refused(d, DMASHARE_QREG_VECTOR,
                   DMASHARE_NUM_VECTORS(d->n_queues - 1), QERR(VECTOR));
    assert_refused(d, DMASHARE_QREG_VECTOR, 0xffffffff, QERR(VECTOR));
}

static void test_device_disabled(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    /* Everything is right but CTRL.ENABLE. */
    g_assert_cmphex(qdmashare_queue_setup(d, 0, 16, 16), ==, QERR(DISABLED));
    g_assert_cmphex(qdmashare_events_setup(d, 16), ==, QERR(DISABLED));
    qdmashare_enable(d);
    g_assert_cmphex(qdmashare_queue_setup(d, 0, 16, 16), ==,
                    DMASHARE_QSTATUS_ENABLED);
    g_assert_cmphex(qdmashare_events_setup(d, 16), ==,
                    DMASHARE_QSTATUS_ENABLED);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
}

static void test_beyond_last_queue(void *obj, void *data,
                                   QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned q = d->n_queues;

    qdmashare_start(d);
    if (q > DMASHARE_MAX_JOB_QUEUES) {
        g_test_skip("the device has every queue there can be");
        return;
    }
    g_assert_cmphex(qdmashare_queue_setup(d, q, 16, 16), ==, 0);
    qdmashare_push(d, q, &nop);
    qdmashare_doorbell(d, q);
    qdmashare_assert_idle(d, q);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
}

/* n commands, never more than fit the ring at once. */
static void run_nops(QDmashare *d, unsigned q, unsigned n)
{
    unsigned batch = MIN(d->queue[q].sq_entries, d->queue[q].cq_entries);
    uint64_t cookie = d->cookie;

    while (n) {
        unsigned now = MIN(n, batch);
        unsigned i;

        for (i = 0; i < now; i++) {
            qdmashare_push(d, q, &nop);
        }
        qdmashare_doorbell(d, q);
        for (i = 0; i < now; i++) {
            struct dmashare_completion c = qdmashare_pop(d, q);

            g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
            g_assert_cmpuint(c.cookie, ==, ++cookie);
            g_assert_cmphex(c.result, ==, 0);
            g_assert_cmphex(c.detail, ==, 0);
            g_assert_cmphex(c.flags, ==, 0);
        }
        n -= now;
    }
}

static void test_wrap(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    qdmashare_queue_setup(d, 0, 8, 8);
    run_nops(d, 0, 1000);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_SQ_HEAD), ==, 1000);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_CQ_TAIL), ==, 1000);
    qdmashare_assert_idle(d, 0);
}

static void test_wrap_uneven(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned i;

    /* Rings of unequal size wrap at different times. */
    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    qdmashare_queue_setup(d, 0, 2, 16);
    run_nops(d, 0, 101);
    qdmashare_queue_disable(d, 0);
    qdmashare_queue_setup(d, 0, 16, 2);
    run_nops(d, 0, 101);
    /* A lone one at every position. */
    for (i = 0; i < 20; i++) {
        run_nops(d, 0, 1);
    }
}

static void test_largest(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES);
    struct dmashare_completion last;
    g_autofree struct dmashare_desc *ring = g_new0(struct dmashare_desc, max);
    uint32_t i;

    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    g_assert_cmphex(qdmashare_queue_setup(d, 0, max, max), ==,
                    DMASHARE_QSTATUS_ENABLED);
    for (i = 0; i < max; i++) {
        ring[i].cookie = cpu_to_le64(i);
    }
    qtest_bufwrite(d->qts, d->queue[0].sq, ring, max * sizeof(*ring));
    d->queue[0].sq_tail = max;
    qdmashare_doorbell(d, 0);

    /* The last entry tells that all before it were done. */
    d->queue[0].cq_head = max - 1;
    last = qdmashare_pop(d, 0);
    g_assert_cmpuint(last.cookie, ==, max - 1);
    g_assert_cmphex(last.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_CQ_TAIL), ==, max);
}

static void test_full_submission(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned i;

    qdmashare_start(d);
    /* A ring filled to the last entry is full, not overrun. */
    for (i = 0; i < QDMASHARE_ENTRIES; i++) {
        qdmashare_push(d, 0, &nop);
    }
    qdmashare_doorbell(d, 0);
    for (i = 0; i < QDMASHARE_ENTRIES; i++) {
        g_assert_cmpuint(qdmashare_pop(d, 0).cookie, ==, i + 1);
    }
    qdmashare_assert_idle(d, 0);
}

static void test_full_completion(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;
    unsigned i;

    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    qdmashare_queue_setup(d, 0, 16, 4);
    for (i = 0; i < 11; i++) {
        qdmashare_push(d, 0, &nop);
    }
    qdmashare_doorbell(d, 0);
    qdmashare_settle(d);
    /* A descriptor is fetched only when there is room for its completion. */
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_CQ_TAIL), ==, 4);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_SQ_HEAD), ==, 4);
    g_assert_true(qdmashare_peek(d, 0, &c));
    g_assert_cmpuint(c.cookie, ==, 1);

    /* Room for one lets exactly one through. */
    g_assert_cmpuint(qdmashare_pop(d, 0).cookie, ==, 1);
    qdmashare_settle(d);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_CQ_TAIL), ==, 5);
    for (i = 2; i <= 11; i++) {
        g_assert_cmpuint(qdmashare_pop(d, 0).cookie, ==, i);
    }
    qdmashare_assert_idle(d, 0);
    qdmashare_assert_no_event(d);
}

static void test_full_completion_jobs(void *obj, void *data,
                                      QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    uint8_t bytes[12];
    unsigned i;

    /* Back-pressure with jobs: data of a job not fetched is not written. */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_queue_disable(d, 1);
    qdmashare_queue_setup(d, 1, 16, 2);
    for (i = 0; i < 12; i++) {
        struct dmashare_desc desc = qdmashare_fill(d, 0, 1, i, 1, 0xa0 + i);

        qdmashare_push(d, 1, &desc);
    }
    qdmashare_doorbell(d, 1);
    qdmashare_settle(d);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 2);
    qtest_memread(d->qts, buf.phys, bytes, sizeof(bytes));
    for (i = 0; i < 12; i++) {
        g_assert_cmphex(bytes[i], ==, i < 2 ? 0xa0 + i : 0);
    }
    for (i = 0; i < 12; i++) {
        g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    }
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 12);
    qtest_memread(d->qts, buf.phys, bytes, sizeof(bytes));
    for (i = 0; i < 12; i++) {
        g_assert_cmphex(bytes[i], ==, 0xa0 + i);
    }
}

static void test_doorbell_nothing_new(void *obj, void *data,
                                      QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    run_nops(d, 0, 3);
    qdmashare_doorbell(d, 0);
    qdmashare_doorbell(d, 0);
    qdmashare_assert_idle(d, 0);
    qdmashare_assert_no_event(d);
    run_nops(d, 0, 3);
}

static void test_enable_twice(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    /* Enabling what is enabled is not a new beginning. */
    qdmashare_start(d);
    run_nops(d, 0, 5);
    queue_write(d, 0, DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
    qdmashare_writel(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_SQ_HEAD), ==, 5);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_CQ_TAIL), ==, 5);
    run_nops(d, 0, 5);
}

/* The queue is stopped by this error and says so; the others go on. */
static void assert_stopped(QDmashare *d, unsigned q, unsigned error)
{
    unsigned other = q == 0 ? 1 : 0;
    struct dmashare_event e = qdmashare_event(d);

    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_QUEUE_ERROR);
    g_assert_cmpuint(e.status, ==, error);
    g_assert_cmpuint(e.queue, ==, q);
    g_assert_cmphex(e.reserved, ==, 0);
    g_assert_cmpuint(e.lost, ==, 0);
    g_assert_cmpuint(e.time, ==, qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    g_assert_cmphex(queue_reg(d, q, DMASHARE_QREG_STATUS), ==,
                    error << DMASHARE_QSTATUS_ERROR_SHIFT);
    qdmashare_assert_no_event(d);

    if (other == 0) {
        run_nops(d, other, 3);
    } else {
        struct dmashare_desc desc = qdmashare_noop(d, 0, 0);

        qdmashare_assert_job(d, other, &desc, DMASHARE_STATUS_OK);
    }

    /* Set up anew it works again. */
    qdmashare_queue_disable(d, q);
    g_assert_cmphex(qdmashare_queue_setup(d, q, 16, 16), ==,
                    DMASHARE_QSTATUS_ENABLED);
    if (q == 0) {
        run_nops(d, q, 20);
    } else {
        struct dmashare_desc desc = qdmashare_noop(d, 1, 0);

        qdmashare_assert_job(d, q, &desc, DMASHARE_STATUS_OK);
    }
}

static void test_doorbell_too_far(void *obj, void *data,
                                  QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    run_nops(d, 0, 5);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(0),
                     5 + QDMASHARE_ENTRIES + 1);
    qdmashare_settle(d);
    g_assert_cmpuint(queue_reg(d, 0, DMASHARE_QREG_CQ_TAIL), ==, 5);
    assert_stopped(d, 0, DMASHARE_QERR_DOORBELL);
}

static void test_doorbell_backwards(void *obj, void *data,
                                    QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    run_nops(d, 0, 5);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(0), 4);
    assert_stopped(d, 0, DMASHARE_QERR_DOORBELL);
}

static void test_doorbell_cq_too_far(void *obj, void *data,
                                     QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    run_nops(d, 0, 5);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_CQ(0), 6);
    assert_stopped(d, 0, DMASHARE_QERR_DOORBELL);
}

static void test_doorbell_cq_backwards(void *obj, void *data,
                                       QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    run_nops(d, 0, 5);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_CQ(0), 4);
    assert_stopped(d, 0, DMASHARE_QERR_DOORBELL);
}

static void test_doorbell_disabled(void *obj, void *data,
                                   QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    qdmashare_push(d, 0, &nop);
    qdmashare_doorbell(d, 0);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_CQ(0), 77);
    qdmashare_assert_idle(d, 0);
    qdmashare_assert_no_event(d);
    /* Nor is it remembered for later. */
    qdmashare_queue_setup(d, 0, 16, 16);
    qdmashare_assert_idle(d, 0);
    run_nops(d, 0, 1);
}

static void move_ring(QDmashare *d, unsigned q, uint32_t reg, uint64_t addr)
{
    qdmashare_queue_disable(d, q);
    qdmashare_writeq(d, DMASHARE_REG_QUEUE(q) + reg, addr);
    queue_write(d, q, DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    g_assert_cmphex(queue_reg(d, q, DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QSTATUS_ENABLED);
}

static void test_sq_nowhere(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    move_ring(d, 1, DMASHARE_QREG_SQ_ADDR_LO, NOWHERE);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 1);
    assert_stopped(d, 1, DMASHARE_QERR_SQ_FAULT);
}

static void test_cq_nowhere(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    move_ring(d, 0, DMASHARE_QREG_CQ_ADDR_LO, NOWHERE);
    qdmashare_push(d, 0, &nop);
    qdmashare_doorbell(d, 0);
    assert_stopped(d, 0, DMASHARE_QERR_CQ_FAULT);
}

static void test_ring_end_wraps(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    /* The ring would end beyond 2^64: no slot of it is memory. */
    move_ring(d, 1, DMASHARE_QREG_SQ_ADDR_LO, 0xffffffffffffffc0ULL);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 2);
    assert_stopped(d, 1, DMASHARE_QERR_SQ_FAULT);
}

static void test_ring_in_own_bar(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    unsigned i;

    /*
     * Rings that are the device's own registers. What the bus answers is not
     * the device's business; that it lives on is.
     */
    for (i = 0; i < 2; i++) {
        qdmashare_start(d);
        move_ring(d, 1, DMASHARE_QREG_SQ_ADDR_LO,
                  d->regs.addr + (i ? 0x1000 : 0));
        move_ring(d, 1, DMASHARE_QREG_CQ_ADDR_LO, d->regs.addr + 0x1000);
        qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 16);
        qdmashare_settle(d);
        qdmashare_reset(d);
    }
    qdmashare_start(d);
    run_nops(d, 0, 3);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
}

static void test_wrong_queue(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc job;
    unsigned op;

    qdmashare_start(d);
    for (op = DMASHARE_OP_NOP; op <= DMASHARE_OP_PEER_RELEASE; op++) {
        struct dmashare_completion c;

        c = qdmashare_run(d, 1, &(struct dmashare_desc) { .opcode = op });
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_BAD_OPCODE);
        g_assert_cmphex(c.flags, ==, 0);
    }
    job = qdmashare_noop(d, 0, 0);
    qdmashare_assert_command(d, &job, DMASHARE_STATUS_BAD_OPCODE);
}

static void test_all_queues(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned q;

    /* Each has rings and indices of its own. */
    qdmashare_start(d);
    for (q = 1; q < d->n_queues; q++) {
        unsigned i;

        for (i = 0; i < q; i++) {
            struct dmashare_desc desc = qdmashare_noop(d, q - 1, 0);

            qdmashare_push(d, q, &desc);
        }
        qdmashare_doorbell(d, q);
    }
    qdmashare_settle(d);
    for (q = 1; q < d->n_queues; q++) {
        unsigned i;

        g_assert_cmpuint(queue_reg(d, q, DMASHARE_QREG_SQ_HEAD), ==, q);
        g_assert_cmpuint(queue_reg(d, q, DMASHARE_QREG_CQ_TAIL), ==, q);
        for (i = 0; i < q; i++) {
            g_assert_cmphex(qdmashare_pop(d, q).status, ==,
                            DMASHARE_STATUS_OK);
        }
        qdmashare_assert_idle(d, q);
    }
}

static void register_dmashare_queue_test(void)
{
    qos_add_test("setup", "dmashare-queue", test_setup, NULL);
    qos_add_test("bad-entries", "dmashare-queue", test_bad_entries, NULL);
    qos_add_test("bad-alignment", "dmashare-queue", test_bad_alignment, NULL);
    qos_add_test("least-alignment", "dmashare-queue", test_least_alignment,
                 NULL);
    qos_add_test("bad-vector", "dmashare-queue", test_bad_vector, NULL);
    qos_add_test("device-disabled", "dmashare-queue", test_device_disabled,
                 NULL);
    qos_add_test("beyond-last", "dmashare-queue", test_beyond_last_queue,
                 NULL);
    qos_add_test("wrap", "dmashare-queue", test_wrap, NULL);
    qos_add_test("wrap-uneven", "dmashare-queue", test_wrap_uneven, NULL);
    qos_add_test("largest", "dmashare-queue", test_largest, NULL);
    qos_add_test("full-submission", "dmashare-queue", test_full_submission,
                 NULL);
    qos_add_test("full-completion", "dmashare-queue", test_full_completion,
                 NULL);
    qos_add_test("full-completion-jobs", "dmashare-queue",
                 test_full_completion_jobs, NULL);
    qos_add_test("enable-twice", "dmashare-queue", test_enable_twice, NULL);
    qos_add_test("doorbell-nothing-new", "dmashare-queue",
                 test_doorbell_nothing_new, NULL);
    qos_add_test("doorbell-too-far", "dmashare-queue", test_doorbell_too_far,
                 NULL);
    qos_add_test("doorbell-backwards", "dmashare-queue",
                 test_doorbell_backwards, NULL);
    qos_add_test("doorbell-cq-too-far", "dmashare-queue",
                 test_doorbell_cq_too_far, NULL);
    qos_add_test("doorbell-cq-backwards", "dmashare-queue",
                 test_doorbell_cq_backwards, NULL);
    qos_add_test("doorbell-disabled", "dmashare-queue",
                 test_doorbell_disabled, NULL);
    qos_add_test("sq-nowhere", "dmashare-queue", test_sq_nowhere, NULL);
    qos_add_test("cq-nowhere", "dmashare-queue", test_cq_nowhere, NULL);
    qos_add_test("ring-end-wraps", "dmashare-queue", test_ring_end_wraps,
                 NULL);
    qos_add_test("ring-in-own-bar", "dmashare-queue", test_ring_in_own_bar,
                 NULL);
    qos_add_test("wrong-queue", "dmashare-queue", test_wrong_queue, NULL);
    qos_add_test("all", "dmashare-queue", test_all_queues, NULL);
}

libqos_init(register_dmashare_queue_test);
