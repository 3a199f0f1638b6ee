/*
 * dmashare: resets of every kind, and losing the bus, with work in flight
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define SIZE            8192
#define LONG_NS         (60ULL * 1000 * 1000 * 1000)

typedef struct Flight {
    QDmashareBuf buf;
    uint64_t rings[2];          /* completion rings of queues 1 and 2 */
    uint64_t fence_mem;
} Flight;

/*
 * Work of all sorts under way: a job that takes time, one behind it that will
 * write, and one on another queue that waits for both.
 */
static Flight take_off(QDmashare *d)
{
    Flight f;
    struct dmashare_desc desc;

    qdmashare_start(d);
    f.buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_attach(d, 3, 1);
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_fill(d, 0, 1, 0, SIZE, UINT64_MAX);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    desc = qdmashare_fill(d, 1, 1, 0, SIZE, UINT64_MAX);
    qdmashare_wait_for(&desc, 0, 2);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 2);
    qdmashare_assert_idle(d, 1);
    qdmashare_assert_idle(d, 2);
    f.rings[0] = d->queue[1].cq;
    f.rings[1] = d->queue[2].cq;
    f.fence_mem = d->fence_mem;
    return f;
}

static void assert_zero(QDmashare *d, uint64_t phys, size_t size)
{
    g_autofree uint8_t *got = g_malloc(size);
    g_autofree uint8_t *zero = g_malloc0(size);

    qtest_bufread(d->qts, phys, got, size);
    g_assert_cmpmem(got, size, zero, size);
}

/* Whatever was under way has left no trace in memory and will leave none. */
static void assert_landed(QDmashare *d, const Flight *f)
{
    qtest_clock_step(d->qts, LONG_NS);
    qdmashare_settle(d);
    assert_zero(d, f->buf.phys, SIZE);
    assert_zero(d, f->rings[0], QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);
    assert_zero(d, f->rings[1], QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);
    assert_zero(d, f->fence_mem, 4096);
}

/* Power-on state: registers, objects, timelines; and it works. */
static void assert_fresh(QDmashare *d)
{
    struct dmashare_ledger l, zero = { 0 };
    struct dmashare_desc desc;
    QDmashareBuf buf;
    unsigned q;
    uint32_t off;

    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_CTRL), ==, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
    for (q = 0; q < d->n_queues; q++) {
        for (off = 0; off <= DMASHARE_QREG_CQ_TAIL; off += 4) {
            g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(q) + off),
                            ==, 0);
        }
    }
    for (off = DMASHARE_REG_FENCE_ADDR_LO; off <= DMASHARE_REG_EVQ_LOST;
         off += 4) {
        g_assert_cmphex(qdmashare_readl(d, off), ==, 0);
    }

    memset(d->seqno, 0, sizeof(d->seqno));
    qdmashare_start(d);
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpmem(&l, sizeof(l), &zero, sizeof(zero));
    /* Ids and seqnos start anew. */
    buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_attach(d, 3, 1);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0xabcd);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 1);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0xabcd);
    qdmashare_assert_no_event(d);
}

static void test_ctrl_reset(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    Flight f = take_off(d);

    qdmashare_reset(d);
    assert_landed(d, &f);
    assert_fresh(d);
}

static void test_ctrl_reset_idle(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned i;

    for (i = 0; i < 5; i++) {
        qdmashare_reset(d);
        qdmashare_reset(d);
        assert_fresh(d);
    }
    qdmashare_reset(d);
}

static void test_ctrl_reset_keeps_msix(void *obj, void *data,
                                       QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t msi_mem;
    struct dmashare_desc nop = { .opcode = DMASHARE_OP_NOP };

    /* The table is PCI state: its entries and masks stay as they are. */
    qdmashare_start(d);
    msi_mem = d->msi_mem;
    qdmashare_msix_mask(d, 2, true);
    qdmashare_reset(d);
    g_assert_true(qpci_msix_masked(&d->dev, 2));
    g_assert_false(qpci_msix_masked(&d->dev, 1));
    qdmashare_enable(d);
    qdmashare_queue_setup(d, 0, 16, 16);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
    qdmashare_settle(d);
    g_assert_cmphex(qtest_readl(d->qts, msi_mem + 4), !=, 0);
}

static void test_system_reset(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    Flight f = take_off(d);
    uint32_t bar;

    qtest_system_reset(d->qts);
    qtest_clock_step(d->qts, LONG_NS);
    /* The PCI side is fresh as well. */
    bar = qpci_config_readl(&d->dev, PCI_BASE_ADDRESS_0);
    g_assert_cmphex(bar & PCI_BASE_ADDRESS_MEM_MASK, ==, 0);
    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_COMMAND) &
                    (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), ==, 0);

    qpci_device_enable(&d->dev);
    d->regs = qpci_iomap(&d->dev, DMASHARE_BAR_REGS, NULL);
    d->dev.msix_enabled = false;
    assert_landed(d, &f);
    assert_fresh(d);
}

static void test_disable_in_flight(void *obj, void *data,
                                   QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    Flight f = take_off(d);
    struct dmashare_desc desc;

    /* Clearing ENABLE drops the work; buffers and mappings stay. */
    qdmashare_writel(d, DMASHARE_REG_CTRL, 0);
    qtest_clock_step(d->qts, LONG_NS);
    qdmashare_settle(d);
    assert_zero(d, f.buf.phys, SIZE);
    assert_zero(d, f.rings[0], QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);
    assert_zero(d, f.rings[1], QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);

    qdmashare_start(d);
    /* Timelines stayed too: all dropped fences have signalled. */
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 2);
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 1);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x77);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, f.buf.phys), ==, 0x77);
}

static void test_bus_master_off(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    Flight f = take_off(d);
    struct dmashare_desc desc;

    /*
     * Without the bus nothing can be read, written or reported: the queues
     * stop, and only their registers can tell.
     */
    qdmashare_bus_master(d, false);
    qtest_clock_step(d->qts, LONG_NS);
    qdmashare_settle(d);
    assert_zero(d, f.buf.phys, SIZE);
    assert_zero(d, f.rings[0], QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(1) +
                                    DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QERR_CQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(3), 1);
    qdmashare_settle(d);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(3) +
                                    DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QERR_SQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);

    /* With the bus back, what is set up anew works. */
    qdmashare_bus_master(d, true);
    qdmashare_reset(d);
    assert_fresh(d);
    desc = qdmashare_noop(d, 2, 0);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
}

static void test_bus_master_gap(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;
    struct dmashare_desc desc;
    QDmashareBuf buf;

    /*
     * The bus is away while a job works and back when its turn to complete
     * comes: the one way in which a completion can tell of it.
     */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 1000));
    desc = qdmashare_fill(d, 0, 1, 24, 8, UINT64_MAX);
    qdmashare_wait_for(&desc, 1, 1);
    qdmashare_submit(d, 2, desc);
    qdmashare_submit(d, 3, qdmashare_noop(d, 1, 500));
    qdmashare_bus_master(d, false);
    qdmashare_step(d, 500);
    qdmashare_bus_master(d, true);
    qdmashare_step(d, 500);

    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    c = qdmashare_pop(d, 2);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_BUS_MASTER);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.detail, ==, buf.phys + 24);
    assert_zero(d, buf.phys, SIZE);
    /* What had to be written in the gap is what stopped. */
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(3) +
                                    DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QERR_CQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS), ==,
                    DMASHARE_QERR_CQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FENCE_CTRL), ==, 0);
}

static void test_reset_storm(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned i;

    /* At every point of a job's life, and of two jobs' order. */
    for (i = 0; i < 12; i++) {
        struct dmashare_desc desc;
        QDmashareBuf buf;

        qdmashare_start(d);
        buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_FROM_DEVICE);
        desc = qdmashare_noop(d, 0, 5);
        qdmashare_push(d, 1, &desc);
        desc = qdmashare_fill(d, 0, 1, 0, SIZE, UINT64_MAX);
        qdmashare_wait_for(&desc, 1, 1);
        qdmashare_push(d, 1, &desc);
        qdmashare_doorbell(d, 1);
        desc = qdmashare_noop(d, 1, 8);
        qdmashare_push(d, 2, &desc);
        qdmashare_doorbell(d, 2);
        if (i) {
            qdmashare_settle(d);
            qtest_clock_step(d->qts, i);
        }
        qdmashare_reset(d);
        if (i < 8) {
            qtest_clock_step(d->qts, LONG_NS);
            assert_zero(d, buf.phys, SIZE);
        }
    }
    assert_fresh(d);
}

static void register_dmashare_reset_test(void)
{
    qos_add_test("ctrl", "dmashare-reset", test_ctrl_reset, NULL);
    qos_add_test("ctrl-idle", "dmashare-reset", test_ctrl_reset_idle, NULL);
    qos_add_test("ctrl-keeps-msix", "dmashare-reset",
                 test_ctrl_reset_keeps_msix, NULL);
    qos_add_test("system", "dmashare-reset", test_system_reset, NULL);
    qos_add_test("disable-in-flight", "dmashare-reset",
                 test_disable_in_flight, NULL);
    qos_add_test("bus-master-off", "dmashare-reset", test_bus_master_off,
                 NULL);
    qos_add_test("bus-master-gap", "dmashare-reset", test_bus_master_gap,
                 NULL);
    qos_add_test("storm", "dmashare-reset", test_reset_storm, NULL);
}

libqos_init(register_dmashare_reset_test);
