/*
 * dmashare: identity and registers, at every width
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/module.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

/* Read-only registers, constant or zero while nothing is enabled. */
static const uint32_t constant_regs[] = {
    DMASHARE_REG_ID, DMASHARE_REG_VERSION, DMASHARE_REG_FEATURES_LO,
    DMASHARE_REG_FEATURES_HI, DMASHARE_REG_STATUS, DMASHARE_REG_DMA_BITS,
    DMASHARE_REG_MAX_SEGMENTS, DMASHARE_REG_MAX_SEG_SIZE_LO,
    DMASHARE_REG_MAX_SEG_SIZE_HI, DMASHARE_REG_BOUNDARY_LO,
    DMASHARE_REG_BOUNDARY_HI, DMASHARE_REG_NUM_JOB_QUEUES,
    DMASHARE_REG_MAX_ENTRIES, DMASHARE_REG_MAX_BUFFERS,
    DMASHARE_REG_MAX_MAPPINGS, DMASHARE_REG_MAX_ATTACHMENTS,
    DMASHARE_REG_NUM_TIMELINES, DMASHARE_REG_MAX_JOB_BYTES_LO,
    DMASHARE_REG_MAX_JOB_BYTES_HI, DMASHARE_REG_LOCAL_SIZE_LO,
    DMASHARE_REG_LOCAL_SIZE_HI, DMASHARE_REG_MAX_TOTAL_SEGMENTS,
    DMASHARE_REG_EVQ_STATUS, DMASHARE_REG_EVQ_TAIL, DMASHARE_REG_EVQ_LOST,
};

/* The low halves of 64-bit registers that do not move by themselves. */
static const uint32_t constant_pairs[] = {
    DMASHARE_REG_FEATURES_LO, DMASHARE_REG_MAX_SEG_SIZE_LO,
    DMASHARE_REG_BOUNDARY_LO, DMASHARE_REG_MAX_JOB_BYTES_LO,
    DMASHARE_REG_LOCAL_SIZE_LO,
};

static void test_pci_identity(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QPCIDevice *dev = &d->dev;

    g_assert_cmphex(qpci_config_readw(dev, PCI_VENDOR_ID), ==,
                    DMASHARE_PCI_VENDOR_ID);
    g_assert_cmphex(qpci_config_readw(dev, PCI_DEVICE_ID), ==,
                    DMASHARE_PCI_DEVICE_ID);
    g_assert_cmphex(qpci_config_readl(dev, PCI_CLASS_REVISION), ==,
                    DMASHARE_PCI_CLASS << 8 | DMASHARE_PCI_REVISION);
}

static void test_pci_bars(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QPCIDevice *dev = &d->dev;
    uint8_t cap = qpci_find_capability(dev, PCI_CAP_ID_MSIX, 0);
    uint32_t local = PCI_BASE_ADDRESS_0 + DMASHARE_BAR_LOCAL * 4;
    uint64_t size;
    uint32_t bar;

    bar = qpci_config_readl(dev, PCI_BASE_ADDRESS_0);
    g_assert_cmphex(bar & ~PCI_BASE_ADDRESS_MEM_MASK, ==,
                    PCI_BASE_ADDRESS_SPACE_MEMORY |
                    PCI_BASE_ADDRESS_MEM_TYPE_32);
    qpci_iomap(dev, DMASHARE_BAR_REGS, &size);
    g_assert_cmphex(size, ==, DMASHARE_REGS_SIZE);

    g_assert_cmphex(cap, !=, 0);
    g_assert_cmphex(qpci_config_readl(dev, cap + PCI_MSIX_TABLE) &
                    PCI_MSIX_FLAGS_BIRMASK, ==, DMASHARE_BAR_MSIX);
    g_assert_cmphex(qpci_config_readl(dev, cap + PCI_MSIX_PBA) &
                    PCI_MSIX_FLAGS_BIRMASK, ==, DMASHARE_BAR_MSIX);
    g_assert_cmpuint(qpci_msix_table_size(dev), ==,
                     DMASHARE_NUM_VECTORS(d->n_queues - 1));

    if (!(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
          DMASHARE_FEATURE_LOCAL)) {
        qpci_config_writel(dev, local, 0xffffffff);
        g_assert_cmphex(qpci_config_readl(dev, local), ==, 0);
    }
}

static void test_identity(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_ID), ==,
                    DMASHARE_ID_MAGIC);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_VERSION), ==,
                    DMASHARE_VERSION_MAJOR << 16 | DMASHARE_VERSION_MINOR);
    /* No bit that has no name. */
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_FEATURES_LO) &
                    ~(uint64_t)(DMASHARE_FEATURE_LOCAL |
                                DMASHARE_FEATURE_NONCOHERENT |
                                DMASHARE_FEATURE_RENDER |
                                DMASHARE_FEATURE_SHARE), ==, 0);
}

static void test_limits(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t entries = qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES);
    uint64_t boundary = qdmashare_readq(d, DMASHARE_REG_BOUNDARY_LO);
    uint32_t bits = qdmashare_readl(d, DMASHARE_REG_DMA_BITS);
    uint32_t queues = qdmashare_readl(d, DMASHARE_REG_NUM_JOB_QUEUES);
    uint32_t timelines = qdmashare_readl(d, DMASHARE_REG_NUM_TIMELINES);

    g_assert_cmpuint(bits, >=, 24);
    g_assert_cmpuint(bits, <=, 64);
    g_assert_cmpuint(queues, >=, 1);
    g_assert_cmpuint(queues, <=, DMASHARE_MAX_JOB_QUEUES);
    g_assert_cmpuint(timelines, >=, 1);
    g_assert_cmpuint(timelines, <=, DMASHARE_MAX_TIMELINES);
    g_assert_cmpuint(entries, >=, DMASHARE_MIN_ENTRIES);
    g_assert_true(is_power_of_2(entries));
    g_assert_true(!boundary || is_power_of_2(boundary));
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS), >=, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_BUFFERS), >=, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_MAPPINGS), >=, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_ATTACHMENTS), >=, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_TOTAL_SEGMENTS), >=,
                     qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS));
    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_MAX_JOB_BYTES_LO), >=,
                     4096);
}

static void test_limits_most(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned last = DMASHARE_MAX_JOB_QUEUES;
    struct dmashare_desc desc;

    g_assert_cmpuint(d->n_queues, ==, 1 + last);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_NUM_TIMELINES), ==,
                     DMASHARE_MAX_TIMELINES);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES), ==, 65536);
    g_assert_cmpuint(qpci_msix_table_size(&d->dev), ==,
                     DMASHARE_NUM_VECTORS(last));
    qdmashare_start(d);
    desc = qdmashare_noop(d, DMASHARE_MAX_TIMELINES - 1, 0);
    qdmashare_assert_job(d, last, &desc, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, DMASHARE_MAX_TIMELINES - 1), ==, 1);
    g_assert_true(qdmashare_msix_fired(d, 1 + last));
}

static void test_limits_least(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    unsigned i;

    g_assert_cmpuint(d->n_queues, ==, 2);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_NUM_TIMELINES), ==, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES), ==, 2);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_DMA_BITS), ==, 24);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_BUFFERS), ==, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_MAPPINGS), ==, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_ATTACHMENTS), ==, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS), ==, 1);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_TOTAL_SEGMENTS), ==,
                     1);
    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_MAX_JOB_BYTES_LO), ==,
                     4096);

    qdmashare_enable(d);
    qdmashare_msix_setup(d);
    qdmashare_fence_setup(d);
    for (i = 0; i < 2; i++) {
        g_assert_cmphex(qdmashare_queue_setup(d, i, 2, 2), ==,
                        DMASHARE_QSTATUS_ENABLED);
    }
    qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    for (i = 0; i < 5; i++) {
        desc = qdmashare_fill(d, 0, 1, 0, 4096, i);
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    }
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 5);
}

static void test_width_64(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t sq = DMASHARE_REG_QUEUE(1) + DMASHARE_QREG_SQ_ADDR_LO;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(constant_pairs); i++) {
        uint32_t reg = constant_pairs[i];
        uint64_t value = qdmashare_readl(d, reg) |
                         (uint64_t)qdmashare_readl(d, reg + 4) << 32;

        g_assert_cmphex(qdmashare_readq(d, reg), ==, value);
    }

    /* Halves are written apart, and read back together; and vice versa. */
    qdmashare_writel(d, sq, 0x89abcdc0);
    qdmashare_writel(d, sq + 4, 0x01234567);
    g_assert_cmphex(qdmashare_readq(d, sq), ==, 0x0123456789abcdc0ULL);
    qdmashare_writeq(d, sq, 0xfedcba9876543200ULL);
    g_assert_cmphex(qdmashare_readl(d, sq), ==, 0x76543200);
    g_assert_cmphex(qdmashare_readl(d, sq + 4), ==, 0xfedcba98);
}

static void test_width_64_no_pair(void *obj, void *data,
                                  QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t sizes = DMASHARE_REG_QUEUE(1) + DMASHARE_QREG_SQ_ENTRIES;

    /* Two neighbours that are no 64-bit register. */
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_ID), ==, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_CTRL), ==, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_DMA_BITS), ==, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_NUM_JOB_QUEUES), ==, 0);

    qdmashare_writeq(d, sizes, 0x0000001000000010ULL);
    g_assert_cmphex(qdmashare_readl(d, sizes), ==, 0);
    g_assert_cmphex(qdmashare_readl(d, sizes + 4), ==, 0);
    qdmashare_writeq(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
}

static void test_width_8_16(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t sq = DMASHARE_REG_QUEUE(1) + DMASHARE_QREG_SQ_ADDR_LO;
    size_t i;
    int byte;

    for (i = 0; i < ARRAY_SIZE(constant_regs); i++) {
        for (byte = 0; byte < 4; byte++) {
            g_assert_cmphex(qpci_io_readb(&d->dev, d->regs,
                                          constant_regs[i] + byte), ==, 0);
        }
        g_assert_cmphex(qpci_io_readw(&d->dev, d->regs, constant_regs[i]),
                        ==, 0);
        g_assert_cmphex(qpci_io_readw(&d->dev, d->regs,
                                      constant_regs[i] + 2), ==, 0);
    }

    qdmashare_writel(d, sq, 0x11223340);
    for (byte = 0; byte < 4; byte++) {
        qpci_io_writeb(&d->dev, d->regs, sq + byte, 0xff);
    }
    qpci_io_writew(&d->dev, d->regs, sq, 0xffff);
    qpci_io_writew(&d->dev, d->regs, sq + 2, 0xffff);
    g_assert_cmphex(qdmashare_readl(d, sq), ==, 0x11223340);

    qpci_io_writeb(&d->dev, d->regs, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
    qpci_io_writew(&d->dev, d->regs, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
}

static void test_misaligned(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t sq = DMASHARE_REG_QUEUE(1) + DMASHARE_QREG_SQ_ADDR_LO;
    int off;

    for (off = 1; off < 4; off++) {
        g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_ID + off), ==, 0);
        g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_MAX_ENTRIES + off),
                        ==, 0);
    }

    qdmashare_writeq(d, sq, 0x1122334455667740ULL);
    for (off = 1; off < 4; off++) {
        qdmashare_writel(d, sq + off, 0xffffffff);
    }
    g_assert_cmphex(qdmashare_readq(d, sq), ==, 0x1122334455667740ULL);

    /*
     * The bus cuts an access that is not aligned to its width into smaller
     * ones that are: the part of it in the first register is no longer a whole
     * register and reads as zero; the rest may well be one.
     */
    for (off = 1; off < 4; off++) {
        g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_ID + off) <<
                        (32 + off * 8), ==, 0);
    }
}

static bool listed(unsigned n_queues, uint32_t off)
{
    uint32_t queue_end = DMASHARE_REG_QUEUE(n_queues);
    uint32_t doorbell_end = DMASHARE_REG_DOORBELL_SQ(n_queues);

    if (off >= DMASHARE_REG_QUEUE(0) && off < queue_end) {
        return (off - DMASHARE_REG_QUEUE(0)) % 0x40 <= DMASHARE_QREG_CQ_TAIL;
    }
    if (off >= DMASHARE_REG_DOORBELL_SQ(0) && off < doorbell_end) {
        return true;
    }
    return (off <= DMASHARE_REG_MAX_TOTAL_SEGMENTS) ||
           (off >= DMASHARE_REG_TIME_LO && off <= DMASHARE_REG_TIME_HI) ||
           (off >= DMASHARE_REG_FENCE_ADDR_LO &&
            off <= DMASHARE_REG_FENCE_CTRL) ||
           (off >= DMASHARE_REG_EVQ_ADDR_LO && off <= DMASHARE_REG_EVQ_LOST) ||
           off == DMASHARE_REG_DOORBELL_EVQ;
}

static void test_undefined(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t off;

    for (off = 0; off < DMASHARE_REGS_SIZE; off += 4) {
        if (listed(d->n_queues, off)) {
            continue;
        }
        qdmashare_writel(d, off, 0xffffffff);
        g_assert_cmphex(qdmashare_readl(d, off), ==, 0);
    }
    /* None of that was a register by another name. */
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_ID), ==,
                    DMASHARE_ID_MAGIC);
    qdmashare_start(d);
}

static void test_read_only(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(constant_regs); i++) {
        uint32_t reg = constant_regs[i];
        uint32_t value = qdmashare_readl(d, reg);

        qdmashare_writel(d, reg, ~value);
        g_assert_cmphex(qdmashare_readl(d, reg), ==, value);
    }
    for (i = 0; i < ARRAY_SIZE(constant_pairs); i++) {
        uint32_t reg = constant_pairs[i];
        uint64_t value = qdmashare_readq(d, reg);

        qdmashare_writeq(d, reg, ~value);
        g_assert_cmphex(qdmashare_readq(d, reg), ==, value);
    }
}

static void test_queue_regs_reset_values(void *obj, void *data,
                                         QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned q;
    uint32_t off;

    for (q = 0; q < d->n_queues; q++) {
        for (off = 0; off <= DMASHARE_QREG_CQ_TAIL; off += 4) {
            g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(q) + off),
                            ==, 0);
        }
        g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_DOORBELL_SQ(q)), ==,
                        0);
        g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_DOORBELL_CQ(q)), ==,
                        0);
    }
    for (off = DMASHARE_REG_FENCE_ADDR_LO; off <= DMASHARE_REG_EVQ_LOST;
         off += 4) {
        g_assert_cmphex(qdmashare_readl(d, off), ==, 0);
    }
}

static void test_queue_regs_locked(void *obj, void *data,
                                   QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t base = DMASHARE_REG_QUEUE(1);
    uint64_t fence;
    uint32_t off;

    qdmashare_start(d);
    for (off = DMASHARE_QREG_SQ_ADDR_LO; off <= DMASHARE_QREG_VECTOR;
         off += 4) {
        uint32_t value = qdmashare_readl(d, base + off);

        qdmashare_writel(d, base + off, ~value);
        g_assert_cmphex(qdmashare_readl(d, base + off), ==, value);
    }
    for (off = DMASHARE_REG_EVQ_ADDR_LO; off <= DMASHARE_REG_EVQ_VECTOR;
         off += 4) {
        uint32_t value = qdmashare_readl(d, off);

        qdmashare_writel(d, off, ~value);
        g_assert_cmphex(qdmashare_readl(d, off), ==, value);
    }
    fence = qdmashare_readq(d, DMASHARE_REG_FENCE_ADDR_LO);
    g_assert_cmphex(fence, ==, d->fence_mem);
    qdmashare_writeq(d, DMASHARE_REG_FENCE_ADDR_LO, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_FENCE_ADDR_LO), ==, fence);
}

static void test_ctrl(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned q;

    qdmashare_start(d);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_CTRL), ==,
                    DMASHARE_CTRL_ENABLE);
    qdmashare_buffer(d, 7, 4096);

    qdmashare_writel(d, DMASHARE_REG_CTRL, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_CTRL), ==, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
    for (q = 0; q < d->n_queues; q++) {
        g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(q) +
                                        DMASHARE_QREG_STATUS) &
                        DMASHARE_QSTATUS_ENABLED, ==, 0);
    }
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS) &
                    DMASHARE_QSTATUS_ENABLED, ==, 0);

    /* Buffers outlive it. */
    qdmashare_start(d);
    qdmashare_assert_command(d, &((struct dmashare_desc) {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = { .id = 7, .size = 4096 },
    }), DMASHARE_STATUS_ID_EXISTS);
}

static void test_ctrl_reset_reads_zero(void *obj, void *data,
                                       QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_enable(d);
    qdmashare_writel(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_RESET);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_CTRL) &
                    DMASHARE_CTRL_RESET, ==, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
    qdmashare_start(d);
}

static void test_time(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t then = qdmashare_readq(d, DMASHARE_REG_TIME_LO);
    uint32_t lo, hi;

    /* Time stands still between two looks. */
    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_TIME_LO), ==, then);
    qtest_clock_step(d->qts, 12345);
    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_TIME_LO), ==,
                     then + 12345);

    /* Past 2^32 ns the halves must be of one moment: reading LO latches HI. */
    qtest_clock_step(d->qts, (1ULL << 32) - (uint32_t)(then + 12345) - 1);
    lo = qdmashare_readl(d, DMASHARE_REG_TIME_LO);
    g_assert_cmphex(lo, ==, 0xffffffff);
    qtest_clock_step(d->qts, 1);
    hi = qdmashare_readl(d, DMASHARE_REG_TIME_HI);
    g_assert_cmphex(hi, ==, (then + 12345) >> 32);
    lo = qdmashare_readl(d, DMASHARE_REG_TIME_LO);
    g_assert_cmphex(lo, ==, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_TIME_HI), ==, hi + 1);
}

static void register_dmashare_regs_test(void)
{
    qos_add_test("pci-identity", "dmashare-regs", test_pci_identity, NULL);
    qos_add_test("pci-bars", "dmashare-regs", test_pci_bars, NULL);
    qos_add_test("identity", "dmashare-regs", test_identity, NULL);
    qos_add_test("limits", "dmashare-regs", test_limits, NULL);
    qos_add_test("limits-most", "dmashare-regs", test_limits_most,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "job-queues=16,timelines=4096,"
                                  "max-entries=65536",
    });
    qos_add_test("limits-least", "dmashare-regs", test_limits_least,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "job-queues=1,timelines=1,max-entries=2,"
                                  "max-buffers=1,max-attachments=1,"
                                  "max-mappings=1,max-segments=1,"
                                  "max-total-segments=1,max-job-bytes=4096,"
                                  "dma-bits=24",
    });
    qos_add_test("width-64", "dmashare-regs", test_width_64, NULL);
    qos_add_test("width-64-no-pair", "dmashare-regs", test_width_64_no_pair,
                 NULL);
    qos_add_test("width-8-16", "dmashare-regs", test_width_8_16, NULL);
    qos_add_test("misaligned", "dmashare-regs", test_misaligned, NULL);
    qos_add_test("undefined", "dmashare-regs", test_undefined, NULL);
    qos_add_test("read-only", "dmashare-regs", test_read_only, NULL);
    qos_add_test("queue-reset-values", "dmashare-regs",
                 test_queue_regs_reset_values, NULL);
    qos_add_test("locked-while-enabled", "dmashare-regs",
                 test_queue_regs_locked, NULL);
    qos_add_test("ctrl-disable", "dmashare-regs", test_ctrl, NULL);
    qos_add_test("ctrl-reset", "dmashare-regs", test_ctrl_reset_reads_zero,
                 NULL);
    qos_add_test("time", "dmashare-regs", test_time, NULL);
}

libqos_init(register_dmashare_regs_test);
