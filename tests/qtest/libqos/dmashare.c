/*
 * libqos driver for the dmashare device
 *
 * Drives the device as a guest driver would, with guest memory from the
 * machine's allocator. Device time is the test's: a wait that finds nothing
 * for long moves it by a nanosecond, nothing else here does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "hw/pci/pci_regs.h"
#include "../libqtest.h"
#include "dmashare-command.h"

/* Polls of a wait; each runs QEMU's main loop at least once. */
#define QDMASHARE_POLLS         20000
/*
 * Polls after which a wait lets one nanosecond of device time pass: the device
 * does a bounded amount of work in one instant and goes on in the next.
 */
#define QDMASHARE_TICK          256
/*
 * Exchanges after which a device has done all it could. Work is handed on by
 * bottom halves, a job in a few of them; this is far more than any test has.
 */
#define QDMASHARE_SETTLE        32

#define MSI_DATA(vector)        (0x5a000000u | (vector))

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_desc) != DMASHARE_DESC_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_completion) !=
                  DMASHARE_COMPLETION_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_event) != DMASHARE_EVENT_SIZE);

/* Registers */

uint32_t qdmashare_readl(QDmashare *d, uint32_t reg)
{
    return qpci_io_readl(&d->dev, d->regs, reg);
}

uint64_t qdmashare_readq(QDmashare *d, uint32_t reg)
{
    return qpci_io_readq(&d->dev, d->regs, reg);
}

void qdmashare_writel(QDmashare *d, uint32_t reg, uint32_t value)
{
    qpci_io_writel(&d->dev, d->regs, reg, value);
}

void qdmashare_writeq(QDmashare *d, uint32_t reg, uint64_t value)
{
    qpci_io_writeq(&d->dev, d->regs, reg, value);
}

/* Memory */

uint64_t qdmashare_dma(QDmashare *d, uint64_t phys)
{
    return d->dma_base + phys;
}

uint64_t qdmashare_alloc(QDmashare *d, uint64_t size)
{
    uint64_t phys = guest_alloc(d->alloc, size);

    /* RAM keeps what an earlier test left in it. */
    qtest_memset(d->qts, phys, 0, size);
    return phys;
}

/* Bring-up */

void qdmashare_enable(QDmashare *d)
{
    qdmashare_writel(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==,
                    DMASHARE_STATUS_REG_READY);
}

uint32_t qdmashare_queue_setup(QDmashare *d, unsigned q,
                               uint32_t sq_entries, uint32_t cq_entries)
{
    QDmashareQueue *queue = &d->queue[q];
    uint32_t base = DMASHARE_REG_QUEUE(q);

    queue->sq_entries = sq_entries;
    queue->cq_entries = cq_entries;
    queue->sq_tail = 0;
    queue->cq_head = 0;
    queue->sq = qdmashare_alloc(d, sq_entries * DMASHARE_DESC_SIZE);
    queue->cq = qdmashare_alloc(d, cq_entries * DMASHARE_COMPLETION_SIZE);

    qdmashare_writeq(d, base + DMASHARE_QREG_SQ_ADDR_LO,
                     qdmashare_dma(d, queue->sq));
    qdmashare_writeq(d, base + DMASHARE_QREG_CQ_ADDR_LO,
                     qdmashare_dma(d, queue->cq));
    qdmashare_writel(d, base + DMASHARE_QREG_SQ_ENTRIES, sq_entries);
    qdmashare_writel(d, base + DMASHARE_QREG_CQ_ENTRIES, cq_entries);
    qdmashare_writel(d, base + DMASHARE_QREG_VECTOR, 1 + q);
    qdmashare_writel(d, base + DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    return qdmashare_readl(d, base + DMASHARE_QREG_STATUS);
}

void qdmashare_queue_disable(QDmashare *d, unsigned q)
{
    qdmashare_writel(d, DMASHARE_REG_QUEUE(q) + DMASHARE_QREG_CTRL, 0);
}

uint32_t qdmashare_events_setup(QDmashare *d, uint32_t entries)
{
    d->events.cq_entries = entries;
    d->events.cq_head = 0;
    d->events.cq = qdmashare_alloc(d, entries * DMASHARE_EVENT_SIZE);

    qdmashare_writeq(d, DMASHARE_REG_EVQ_ADDR_LO,
                     qdmashare_dma(d, d->events.cq));
    qdmashare_writel(d, DMASHARE_REG_EVQ_ENTRIES, entries);
    qdmashare_writel(d, DMASHARE_REG_EVQ_VECTOR, 0);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
    return qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS);
}

void qdmashare_fence_setup(QDmashare *d)
{
    uint32_t timelines = qdmashare_readl(d, DMASHARE_REG_NUM_TIMELINES);

    d->fence_mem = qdmashare_alloc(d, timelines * 8);
    /* It outlives CTRL.ENABLE, and its address is locked while it is on. */
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
    qdmashare_writeq(d, DMASHARE_REG_FENCE_ADDR_LO,
                     qdmashare_dma(d, d->fence_mem));
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FENCE_CTRL), ==,
                    DMASHARE_FENCE_CTRL_ENABLE);
}

void qdmashare_start(QDmashare *d)
{
    unsigned q;

    qdmashare_enable(d);
    qdmashare_msix_setup(d);
    g_assert_cmphex(qdmashare_events_setup(d, QDMASHARE_ENTRIES), ==,
                    DMASHARE_QSTATUS_ENABLED);
    qdmashare_fence_setup(d);
    for (q = 0; q < d->n_queues; q++) {
        g_assert_cmphex(qdmashare_queue_setup(d, q, QDMASHARE_ENTRIES,
                                              QDMASHARE_ENTRIES), ==,
                        DMASHARE_QSTATUS_ENABLED);
    }
}

void qdmashare_reset(QDmashare *d)
{
    qdmashare_writel(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_RESET);
    memset(d->seqno, 0, sizeof(d->seqno));
}

static void command_bit(QDmashare *d, uint16_t bit, bool on)
{
    uint16_t cmd = qpci_config_readw(&d->dev, PCI_COMMAND);

    qpci_config_writew(&d->dev, PCI_COMMAND, on ? cmd | bit : cmd & ~bit);
}

void qdmashare_bus_master(QDmashare *d, bool on)
{
    command_bit(d, PCI_COMMAND_MASTER, on);
}

void qdmashare_decoding(QDmashare *d, bool on)
{
    command_bit(d, PCI_COMMAND_MEMORY, on);
}

void qdmashare_local_move(QDmashare *d, uint64_t phys)
{
    uint8_t bar = PCI_BASE_ADDRESS_0 + DMASHARE_BAR_LOCAL * 4;

    qpci_config_writel(&d->dev, bar, phys);
    qpci_config_writel(&d->dev, bar + 4, phys >> 32);
    d->local = phys;
}

static void map_bars(QDmashare *d)
{
    qpci_device_enable(&d->dev);
    d->regs = qpci_iomap(&d->dev, DMASHARE_BAR_REGS, NULL);
    d->local_size = qdmashare_readq(d, DMASHARE_REG_LOCAL_SIZE_LO);
    d->window_size = qdmashare_readq(d, DMASHARE_REG_PEER_SIZE_LO);
    if (d->local_size || d->window_size) {
        qdmashare_local_move(d, QDMASHARE_LOCAL_BASE(d->dev.devfn >> 3));
        d->window = d->local + qdmashare_readq(d, DMASHARE_REG_PEER_OFFSET_LO);
    }
}

void qdmashare_flr(QDmashare *d)
{
    uint8_t ctl = qpci_find_capability(&d->dev, PCI_CAP_ID_EXP, 0) +
                  PCI_EXP_DEVCTL;

    g_assert_cmphex(ctl, !=, PCI_EXP_DEVCTL);
    qpci_config_writew(&d->dev, ctl, qpci_config_readw(&d->dev, ctl) |
                       PCI_EXP_DEVCTL_BCR_FLR);
    memset(d->seqno, 0, sizeof(d->seqno));
}

void qdmashare_flr_recover(QDmashare *d)
{
    d->dev.msix_enabled = false;
    map_bars(d);
}

/* MSI-X */

static uint64_t msix_entry(QDmashare *d, unsigned vector)
{
    return d->dev.msix_table_off + vector * PCI_MSIX_ENTRY_SIZE;
}

void qdmashare_msix_mask(QDmashare *d, unsigned vector, bool masked)
{
    qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                   msix_entry(d, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL,
                   masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

void qdmashare_msix_setup(QDmashare *d)
{
    unsigned vectors = DMASHARE_NUM_VECTORS(d->n_queues - 1);
    unsigned v;

    if (!d->dev.msix_enabled) {
        qpci_msix_enable(&d->dev);
    }
    d->msi_mem = qdmashare_alloc(d, vectors * 4);
    for (v = 0; v < vectors; v++) {
        uint64_t entry = msix_entry(d, v);
        uint64_t addr = qdmashare_dma(d, d->msi_mem + v * 4);

        qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                       entry + PCI_MSIX_ENTRY_LOWER_ADDR, addr);
        qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                       entry + PCI_MSIX_ENTRY_UPPER_ADDR, addr >> 32);
        qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                       entry + PCI_MSIX_ENTRY_DATA, MSI_DATA(v));
        qdmashare_msix_mask(d, v, false);
    }
}

bool qdmashare_msix_fired(QDmashare *d, unsigned vector)
{
    uint32_t word = qtest_readl(d->qts, d->msi_mem + vector * 4);

    if (!word) {
        return false;
    }
    g_assert_cmphex(word, ==, MSI_DATA(vector));
    qtest_writel(d->qts, d->msi_mem + vector * 4, 0);
    return true;
}

/* Rings */

void qdmashare_push_raw(QDmashare *d, unsigned q, const void *desc)
{
    QDmashareQueue *queue = &d->queue[q];
    uint32_t slot = queue->sq_tail++ & (queue->sq_entries - 1);

    qtest_bufwrite(d->qts, queue->sq + slot * DMASHARE_DESC_SIZE, desc,
                   DMASHARE_DESC_SIZE);
}

uint64_t qdmashare_push(QDmashare *d, unsigned q,
                        const struct dmashare_desc *desc)
{
    struct dmashare_desc le = *desc;

    le.cookie = ++d->cookie;
    qdmashare_desc_to_le(&le);
    qdmashare_push_raw(d, q, &le);
    return d->cookie;
}

void qdmashare_doorbell(QDmashare *d, unsigned q)
{
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(q), d->queue[q].sq_tail);
}

void qdmashare_settle(QDmashare *d)
{
    unsigned i;

    for (i = 0; i < QDMASHARE_SETTLE; i++) {
        qdmashare_readl(d, DMASHARE_REG_ID);
    }
}

bool qdmashare_peek(QDmashare *d, unsigned q, struct dmashare_completion *c)
{
    QDmashareQueue *queue = &d->queue[q];
    uint32_t slot = queue->cq_head & (queue->cq_entries - 1);
    struct dmashare_completion le;

    qtest_bufread(d->qts, queue->cq + slot * DMASHARE_COMPLETION_SIZE, &le,
                  sizeof(le));
    if (le32_to_cpu(le.seq) != queue->cq_head + 1) {
        return false;
    }
    *c = (struct dmashare_completion) {
        .cookie = le64_to_cpu(le.cookie),
        .result = le64_to_cpu(le.result),
        .detail = le64_to_cpu(le.detail),
        .status = le16_to_cpu(le.status),
        .flags = le16_to_cpu(le.flags),
        .seq = le32_to_cpu(le.seq),
    };
    return true;
}

bool qdmashare_try_pop(QDmashare *d, unsigned q,
                       struct dmashare_completion *c)
{
    if (!qdmashare_peek(d, q, c)) {
        return false;
    }
    d->queue[q].cq_head++;
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_CQ(q), d->queue[q].cq_head);
    return true;
}

struct dmashare_completion qdmashare_pop(QDmashare *d, unsigned q)
{
    struct dmashare_completion c;
    unsigned i;

    for (i = 0; i < QDMASHARE_POLLS; i++) {
        if (qdmashare_try_pop(d, q, &c)) {
            return c;
        }
        if (i % QDMASHARE_TICK == QDMASHARE_TICK - 1) {
            qtest_clock_step(d->qts, 1);
        }
    }
    g_error("queue %u: no completion of index %u", q, d->queue[q].cq_head);
}

void qdmashare_assert_idle(QDmashare *d, unsigned q)
{
    struct dmashare_completion c;

    qdmashare_settle(d);
    g_assert_false(qdmashare_peek(d, q, &c));
}

struct dmashare_completion qdmashare_run(QDmashare *d, unsigned q,
                                         const struct dmashare_desc *desc)
{
    uint64_t cookie = qdmashare_push(d, q, desc);
    struct dmashare_completion c;

    qdmashare_doorbell(d, q);
    c = qdmashare_pop(d, q);
    g_assert_cmphex(c.cookie, ==, cookie);
    return c;
}

unsigned qdmashare_command(QDmashare *d, const struct dmashare_desc *desc)
{
    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, desc).status;
}

bool qdmashare_try_event(QDmashare *d, struct dmashare_event *e)
{
    uint32_t slot = d->events.cq_head & (d->events.cq_entries - 1);
    struct dmashare_event le;

    qtest_bufread(d->qts, d->events.cq + slot * DMASHARE_EVENT_SIZE, &le,
                  sizeof(le));
    if (le32_to_cpu(le.seq) != d->events.cq_head + 1) {
        return false;
    }
    *e = (struct dmashare_event) {
        .type = le16_to_cpu(le.type),
        .status = le16_to_cpu(le.status),
        .queue = le16_to_cpu(le.queue),
        .flags = le16_to_cpu(le.flags),
        .cookie = le64_to_cpu(le.cookie),
        .buffer = le32_to_cpu(le.buffer),
        .mapping = le32_to_cpu(le.mapping),
        .offset = le64_to_cpu(le.offset),
        .addr = le64_to_cpu(le.addr),
        .time = le64_to_cpu(le.time),
        .reserved = le64_to_cpu(le.reserved),
        .lost = le32_to_cpu(le.lost),
        .seq = le32_to_cpu(le.seq),
    };
    d->events.cq_head++;
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_EVQ, d->events.cq_head);
    return true;
}

struct dmashare_event qdmashare_event(QDmashare *d)
{
    struct dmashare_event e;
    unsigned i;

    for (i = 0; i < QDMASHARE_POLLS; i++) {
        if (qdmashare_try_event(d, &e)) {
            return e;
        }
    }
    g_error("no event of index %u", d->events.cq_head);
}

void qdmashare_assert_no_event(QDmashare *d)
{
    struct dmashare_event e;

    qdmashare_settle(d);
    g_assert_false(qdmashare_try_event(d, &e));
}

uint64_t qdmashare_fence(QDmashare *d, unsigned timeline)
{
    return qtest_readq(d->qts, d->fence_mem + timeline * 8);
}

uint64_t qdmashare_next(QDmashare *d, unsigned timeline)
{
    return ++d->seqno[timeline];
}

/* The graph */

/*
 * What tests consume: one interface a suite, all of them the device. QEMU's
 * graph walk keeps the tests of one interface on a stack of 128, which is less
 * than there are.
 */
static const char *const qdmashare_suites[] = {
    "dmashare-regs",
    "dmashare-queue",
    "dmashare-command",
    "dmashare-map",
    "dmashare-engine",
    "dmashare-job",
    "dmashare-fence",
    "dmashare-wait",
    "dmashare-msix",
    "dmashare-event",
    "dmashare-reset",
    "dmashare-ledger",
    "dmashare-hostile",
};

static void qdmashare_init(QDmashare *d, QPCIBus *bus, QGuestAllocator *alloc,
                           QPCIAddress *addr)
{
    qpci_device_init(&d->dev, bus, addr);
    d->qts = bus->qts;
    d->alloc = alloc;
}

static void qdmashare_start_hw(QOSGraphObject *obj)
{
    QDmashare *d = (QDmashare *)obj;

    map_bars(d);
    d->n_queues = 1 + qdmashare_readl(d, DMASHARE_REG_NUM_JOB_QUEUES);
    g_assert_cmpuint(d->n_queues, <=, ARRAY_SIZE(d->queue));
}

static void qdmashare_destructor(QOSGraphObject *obj)
{
    QDmashare *d = (QDmashare *)obj;

    /*
     * A test may end with work in flight, and the machine may live on for the
     * next: leave no device that writes into memory that is somebody else's.
     */
    qdmashare_reset(d);
    qpci_iounmap(&d->dev, d->regs);
}

static void *qdmashare_get_driver(void *obj, const char *interface)
{
    QDmashare *d = obj;
    size_t i;

    if (!g_strcmp0(interface, "pci-device")) {
        return &d->dev;
    }
    for (i = 0; i < ARRAY_SIZE(qdmashare_suites); i++) {
        if (!g_strcmp0(interface, qdmashare_suites[i])) {
            return d;
        }
    }
    fprintf(stderr, "%s not present in dmashare\n", interface);
    g_assert_not_reached();
}

static void *qdmashare_create(void *pci_bus, QGuestAllocator *alloc,
                              void *addr)
{
    QDmashare *d = g_new0(QDmashare, 1);

    qdmashare_init(d, pci_bus, alloc, addr);
    d->obj.get_driver = qdmashare_get_driver;
    d->obj.start_hw = qdmashare_start_hw;
    d->obj.destructor = qdmashare_destructor;
    return &d->obj;
}

QDmashare *qdmashare_new(QPCIBus *bus, QGuestAllocator *alloc, int devfn)
{
    QDmashare *d = g_new0(QDmashare, 1);
    QPCIAddress addr = {
        .devfn = devfn,
        .vendor_id = DMASHARE_PCI_VENDOR_ID,
        .device_id = DMASHARE_PCI_DEVICE_ID,
    };

    qdmashare_init(d, bus, alloc, &addr);
    qdmashare_start_hw(&d->obj);
    return d;
}

void qdmashare_free(QDmashare *d)
{
    qdmashare_destructor(&d->obj);
    g_free(d);
}

static void qdmashare_register_nodes(void)
{
    QOSGraphEdgeOptions opts = {
        .extra_device_opts = "addr=" stringify(QDMASHARE_SLOT) ".0",
    };
    size_t i;

    add_qpci_address(&opts, &(QPCIAddress) {
        .devfn = QPCI_DEVFN(QDMASHARE_SLOT, 0),
        .vendor_id = DMASHARE_PCI_VENDOR_ID,
        .device_id = DMASHARE_PCI_DEVICE_ID,
    });

    qos_node_create_driver("dmashare", qdmashare_create);
    qos_node_consumes("dmashare", "pci-bus", &opts);
    qos_node_produces("dmashare", "pci-device");
    for (i = 0; i < ARRAY_SIZE(qdmashare_suites); i++) {
        qos_node_produces("dmashare", qdmashare_suites[i]);
    }
}

libqos_init(qdmashare_register_nodes);
