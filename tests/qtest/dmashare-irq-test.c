/*
 * dmashare: MSI-X and the event ring
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

static const struct dmashare_desc nop = { .opcode = DMASHARE_OP_NOP };

/* Which vectors were delivered since the last look, as a bit mask. */
static uint32_t fired(QDmashare *d)
{
    unsigned n = DMASHARE_NUM_VECTORS(d->n_queues - 1);
    uint32_t mask = 0;
    unsigned v;

    qdmashare_settle(d);
    for (v = 0; v < n; v++) {
        if (qdmashare_msix_fired(d, v)) {
            mask |= 1U << v;
        }
    }
    return mask;
}

static void run_noop(QDmashare *d, unsigned q)
{
    struct dmashare_desc desc = qdmashare_noop(d, q, 0);

    qdmashare_assert_job(d, q, &desc, DMASHARE_STATUS_OK);
}

/* A job that fails with one event. */
static void run_fault(QDmashare *d, unsigned q)
{
    struct dmashare_desc desc = qdmashare_fill(d, q, 0xdead, 0, 8, 0);

    qdmashare_assert_job(d, q, &desc, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
}

static void test_delivered(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned q;

    qdmashare_start(d);
    g_assert_cmphex(fired(d), ==, 0);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
    g_assert_cmphex(fired(d), ==, 1U << 1);
    for (q = 1; q < d->n_queues; q++) {
        run_noop(d, q);
        g_assert_cmphex(fired(d), ==, 1U << (1 + q));
    }
    run_fault(d, 1);
    g_assert_cmphex(fired(d), ==, 1U << 0 | 1U << 2);
    /* Each completion is worth one, not one for ever. */
    g_assert_cmphex(fired(d), ==, 0);
}

static void test_shared_vector(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t last = DMASHARE_NUM_VECTORS(d->n_queues - 1) - 1;

    /* The vector of a queue is the driver's choice. */
    qdmashare_start(d);
    qdmashare_queue_disable(d, 0);
    qdmashare_writel(d, DMASHARE_REG_QUEUE(0) + DMASHARE_QREG_VECTOR, last);
    qdmashare_writel(d, DMASHARE_REG_QUEUE(0) + DMASHARE_QREG_CTRL,
                     DMASHARE_QCTRL_ENABLE);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_writel(d, DMASHARE_REG_EVQ_VECTOR, last);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
    g_assert_cmphex(fired(d), ==, 1U << last);
    run_fault(d, 1);
    g_assert_cmphex(fired(d), ==, 1U << 2 | 1U << last);
}

static void test_masked(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_msix_mask(d, 2, true);
    g_assert_true(qpci_msix_masked(&d->dev, 2));
    g_assert_false(qpci_msix_pending(&d->dev, 2));
    run_noop(d, 1);
    g_assert_cmphex(fired(d), ==, 0);
    g_assert_true(qpci_msix_pending(&d->dev, 2));
    /* The others are not concerned. */
    run_noop(d, 2);
    g_assert_cmphex(fired(d), ==, 1U << 3);

    /* Unmasking delivers what is pending, once. */
    run_noop(d, 1);
    qdmashare_msix_mask(d, 2, false);
    g_assert_cmphex(fired(d), ==, 1U << 2);
    g_assert_false(qpci_msix_pending(&d->dev, 2));
    g_assert_cmphex(fired(d), ==, 0);
    run_noop(d, 1);
    g_assert_cmphex(fired(d), ==, 1U << 2);
}

static void test_function_masked(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint8_t cap = qpci_find_capability(&d->dev, PCI_CAP_ID_MSIX, 0);
    uint16_t flags;

    qdmashare_start(d);
    flags = qpci_config_readw(&d->dev, cap + PCI_MSIX_FLAGS);
    qpci_config_writew(&d->dev, cap + PCI_MSIX_FLAGS,
                       flags | PCI_MSIX_FLAGS_MASKALL);
    run_noop(d, 1);
    run_noop(d, 2);
    g_assert_cmphex(fired(d), ==, 0);
    g_assert_true(qpci_msix_pending(&d->dev, 2));
    g_assert_true(qpci_msix_pending(&d->dev, 3));
    qpci_config_writew(&d->dev, cap + PCI_MSIX_FLAGS, flags);
    g_assert_cmphex(fired(d), ==, 1U << 2 | 1U << 3);
}

static void test_disabled(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint8_t cap = qpci_find_capability(&d->dev, PCI_CAP_ID_MSIX, 0);
    uint16_t flags;

    /* Without MSI-X the rings work, and are polled. */
    qdmashare_start(d);
    flags = qpci_config_readw(&d->dev, cap + PCI_MSIX_FLAGS);
    qpci_config_writew(&d->dev, cap + PCI_MSIX_FLAGS,
                       flags & ~PCI_MSIX_FLAGS_ENABLE);
    run_noop(d, 1);
    run_fault(d, 1);
    g_assert_cmphex(fired(d), ==, 0);
    qpci_config_writew(&d->dev, cap + PCI_MSIX_FLAGS, flags);
    /* What came meanwhile may be delivered late; what comes now must be. */
    fired(d);
    run_noop(d, 1);
    g_assert_cmphex(fired(d), ==, 1U << 2);
}

static void test_after_data(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_completion c;
    struct dmashare_desc desc;

    /* Who gets the message finds the completion and the fence value. */
    qdmashare_start(d);
    desc = qdmashare_noop(d, 5, 100);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    g_assert_cmphex(fired(d), ==, 0);
    qtest_clock_step(d->qts, 100);
    g_assert_cmphex(fired(d), ==, 1U << 2);
    g_assert_true(qdmashare_peek(d, 1, &c));
    g_assert_cmpuint(qdmashare_fence(d, 5), ==, 1);
}

static void test_event_wrap(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned i;

    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_events_setup(d, 4);
    for (i = 0; i < 50; i++) {
        struct dmashare_event e;

        run_fault(d, 1);
        e = qdmashare_event(d);
        g_assert_cmpuint(e.cookie, ==, d->cookie);
        g_assert_cmpuint(e.lost, ==, 0);
    }
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_TAIL), ==, 50);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_LOST), ==, 0);
    qdmashare_assert_no_event(d);
}

static void test_event_overflow(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_event e;
    unsigned i;

    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_events_setup(d, 2);
    for (i = 0; i < 7; i++) {
        run_fault(d, 1);
    }
    /* The jobs all completed; the oldest events are kept. */
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_TAIL), ==, 2);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_LOST), ==, 5);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.cookie, ==, 1);
    g_assert_cmpuint(e.lost, ==, 0);
    run_fault(d, 1);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.cookie, ==, 2);
    g_assert_cmpuint(e.lost, ==, 0);
    /* The first that fits tells of those before it. */
    e = qdmashare_event(d);
    g_assert_cmpuint(e.cookie, ==, 8);
    g_assert_cmpuint(e.lost, ==, 5);
    run_fault(d, 1);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.lost, ==, 0);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_LOST), ==, 5);

    /* Set up anew it starts from nothing. */
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_events_setup(d, 2);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_LOST), ==, 0);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_EVQ_TAIL), ==, 0);
}

static void test_event_disabled(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    run_fault(d, 1);
    qdmashare_assert_no_event(d);
    g_assert_cmphex(fired(d) & 1, ==, 0);
    qdmashare_events_setup(d, 4);
    qdmashare_assert_no_event(d);
    run_fault(d, 1);
    qdmashare_event(d);
}

/* Tries to enable with one register changed, then with the right value. */
static void assert_refused(QDmashare *d, uint32_t reg, uint32_t value,
                           unsigned error)
{
    uint32_t good;

    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    good = qdmashare_readl(d, reg);
    qdmashare_writel(d, reg, value);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS), ==,
                    error << DMASHARE_QSTATUS_ERROR_SHIFT);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_EVQ_CTRL), ==, 0);
    qdmashare_writel(d, reg, good);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS), ==,
                    DMASHARE_QSTATUS_ENABLED);
}

static void test_event_setup(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    assert_refused(d, DMASHARE_REG_EVQ_ENTRIES, 0, DMASHARE_QERR_ENTRIES);
    assert_refused(d, DMASHARE_REG_EVQ_ENTRIES, 3, DMASHARE_QERR_ENTRIES);
    assert_refused(d, DMASHARE_REG_EVQ_ENTRIES,
                   2 * qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES),
                   DMASHARE_QERR_ENTRIES);
    assert_refused(d, DMASHARE_REG_EVQ_ADDR_LO, d->events.cq + 32,
                   DMASHARE_QERR_ALIGN);
    assert_refused(d, DMASHARE_REG_EVQ_VECTOR,
                   DMASHARE_NUM_VECTORS(d->n_queues - 1),
                   DMASHARE_QERR_VECTOR);
    run_fault(d, 1);
}

static void test_event_doorbell(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    /* An event that was never posted cannot have been consumed. */
    qdmashare_start(d);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_EVQ, 1);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS), ==,
                    DMASHARE_QERR_DOORBELL << DMASHARE_QSTATUS_ERROR_SHIFT);
    /* The queues go on without events. */
    run_fault(d, 1);
    qdmashare_assert_command(d, &nop, DMASHARE_STATUS_OK);
}

static void register_dmashare_irq_test(void)
{
    qos_add_test("delivered", "dmashare-msix", test_delivered, NULL);
    qos_add_test("shared-vector", "dmashare-msix", test_shared_vector, NULL);
    qos_add_test("masked", "dmashare-msix", test_masked, NULL);
    qos_add_test("function-masked", "dmashare-msix", test_function_masked,
                 NULL);
    qos_add_test("disabled", "dmashare-msix", test_disabled, NULL);
    qos_add_test("after-data", "dmashare-msix", test_after_data, NULL);
    qos_add_test("wrap", "dmashare-event", test_event_wrap, NULL);
    qos_add_test("overflow", "dmashare-event", test_event_overflow, NULL);
    qos_add_test("disabled", "dmashare-event", test_event_disabled, NULL);
    qos_add_test("setup", "dmashare-event", test_event_setup, NULL);
    qos_add_test("doorbell", "dmashare-event", test_event_doorbell, NULL);
}

libqos_init(register_dmashare_irq_test);
