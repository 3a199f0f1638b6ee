/*
 * dmashare: local memory, its mappings, and PLACE
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "libqos/dmashare-machine.h"

#define LOCAL_SIZE      (16 * MiB)

/* What the buffer's ledger says, and nothing else moved. */
static void assert_ledger(QDmashare *d, uint32_t id,
                          const struct dmashare_ledger *want)
{
    struct dmashare_ledger got;

    qdmashare_ledger(d, id, &got);
    g_assert_true(qdmashare_ledger_equal(&got, want));
}

static void test_bar(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M q35", "local-size=16M");
    QDmashare *d = m->d;
    uint32_t low = PCI_BASE_ADDRESS_0 + DMASHARE_BAR_LOCAL * 4;
    uint64_t bar, size;

    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
                    DMASHARE_FEATURE_LOCAL, ==, DMASHARE_FEATURE_LOCAL);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_LOCAL_SIZE_LO), ==,
                    LOCAL_SIZE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_LOCAL_SIZE_LO), ==,
                    LOCAL_SIZE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_LOCAL_SIZE_HI), ==, 0);

    g_assert_cmphex(qpci_config_readl(&d->dev, low) &
                    ~PCI_BASE_ADDRESS_MEM_MASK, ==,
                    PCI_BASE_ADDRESS_SPACE_MEMORY |
                    PCI_BASE_ADDRESS_MEM_TYPE_64 |
                    PCI_BASE_ADDRESS_MEM_PREFETCH);
    qpci_config_writel(&d->dev, low, UINT32_MAX);
    qpci_config_writel(&d->dev, low + 4, UINT32_MAX);
    bar = qpci_config_readl(&d->dev, low) & PCI_BASE_ADDRESS_MEM_MASK;
    bar |= (uint64_t)qpci_config_readl(&d->dev, low + 4) << 32;
    size = -bar;
    g_assert_cmphex(size, ==, LOCAL_SIZE);
}

static void test_none(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "job-queues=4");
    QDmashare *d = m->d;
    struct dmashare_ledger before, after;
    struct dmashare_segment seg = { 0, 4096 };
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = 1, .size = 4096, .placement = DMASHARE_PLACEMENT_LOCAL,
        },
    };

    /* Without the feature there is no such placement. */
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
                    DMASHARE_FEATURE_LOCAL, ==, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_LOCAL_SIZE_LO), ==, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    qdmashare_buffer(d, 1, 4096);
    qdmashare_ledger(d, 0, &before);
    g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_LOCAL), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_ledger(d, 0, &after);
    g_assert_true(qdmashare_ledger_equal(&after, &before));
}

static void test_contents(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    uint64_t size = 256 * KiB + 5, at = LOCAL_SIZE - size;
    g_autofree uint8_t *noise = g_malloc(size);
    g_autofree uint8_t *zero = g_malloc0(size);
    QDmashareBuf buf;

    /* Up to its very last byte; new memory is zero. */
    buf = qdmashare_local_buf(d, 1, at, size, DMASHARE_DIR_BIDIRECTIONAL);
    g_assert_cmphex(buf.phys, ==, d->local + at);
    qdmashare_assert_checksum(d, 1, 0, zero, size);

    /* What the CPU writes the engine sees, and the other way round. */
    qdmashare_noise(noise, size, 1);
    qtest_bufwrite(d->qts, buf.phys, noise, size);
    qdmashare_assert_checksum(d, 1, 0, noise, size);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 3, 1001,
                                          0x0123456789abcdefULL));
    qdmashare_pattern(noise + 3, 1001, 0x0123456789abcdefULL);
    qdmashare_assert_bytes(d, buf.phys, noise, size);

    /* Single accesses of the CPU, of each width. */
    qtest_writeb(d->qts, buf.phys + size - 1, 0x5a);
    noise[size - 1] = 0x5a;
    qtest_writew(d->qts, buf.phys + 2001, 0x1122);
    noise[2001] = 0x22;
    noise[2002] = 0x11;
    qdmashare_assert_checksum(d, 1, 0, noise, size);
    g_assert_cmphex(qtest_readl(d->qts, buf.phys + 3), ==, 0x89abcdef);

    /* All that came before the buffer is as it was. */
    qdmashare_assert_bytes(d, buf.phys - size, zero, size);
}

static void test_copies(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    g_autoptr(QDmasharePair) p = qdmashare_pair_new(d, 100 * KiB + 7);
    struct dmashare_ledger before, after;
    QDmashareBuf a, b;

    /* System to local to local to system: what arrives is what left. */
    a = qdmashare_local_buf(d, 10, 4096 + 1, p->size, 0);
    b = qdmashare_local_buf(d, 11, 8 * MiB, p->size, 0);
    qdmashare_ledger(d, 10, &before);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 10, 0, QDMASHARE_SRC, 0,
                                          p->size));
    qdmashare_assert_bytes(d, a.phys, p->src_bytes, p->size);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 11, 1, 10, 2, p->size - 2));
    qdmashare_assert_bytes(d, b.phys + 1, p->src_bytes + 2, p->size - 2);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, QDMASHARE_DST, 5, 11, 1,
                                          p->size - 5));
    memcpy(p->dst_bytes + 5, p->src_bytes + 2, p->size - 5);
    /* One byte more than was copied into b: it is still zero. */
    g_assert_cmphex(qtest_readb(d->qts, b.phys + p->size - 1), ==, 0);
    qdmashare_pair_check(d, p);

    /* a was written whole, then all but two bytes of it were read. */
    before.jobs += 2;
    before.bytes_written += p->size;
    before.local_bytes_written += p->size;
    before.bytes_read += p->size - 2;
    before.local_bytes_read += p->size - 2;
    qdmashare_ledger(d, 10, &after);
    g_assert_true(qdmashare_ledger_equal(&after, &before));
    /* Of system memory nothing counts as local. */
    qdmashare_ledger(d, QDMASHARE_SRC, &after);
    g_assert_cmpuint(after.bytes_read, ==, p->size);
    g_assert_cmpuint(after.local_bytes_read, ==, 0);
    /* And the device's own sums. */
    qdmashare_ledger(d, 0, &after);
    g_assert_cmpuint(after.local_bytes_read, ==, 2 * p->size - 7);
    g_assert_cmpuint(after.local_bytes_written, ==, 2 * p->size - 2);
}

static void test_rows(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    g_autoptr(QDmasharePair) p = qdmashare_pair_new(d, 64 * KiB);
    g_autofree uint8_t *want = g_malloc0(64 * KiB);
    g_autofree uint8_t *rows = g_malloc0(20 * 333);
    struct dmashare_desc desc;
    QDmashareBuf buf;
    unsigned row;

    buf = qdmashare_local_buf(d, 10, 12345, 64 * KiB, 0);
    desc = qdmashare_copy(d, 0, 10, 11, QDMASHARE_SRC, 3, 333);
    desc.job.rows = 20;
    desc.job.src.pitch = 1025;
    desc.job.dst.pitch = 3001;
    qdmashare_assert_ok(d, desc);
    for (row = 0; row < 20; row++) {
        memcpy(want + 11 + row * 3001, p->src_bytes + 3 + row * 1025, 333);
        memcpy(rows + row * 333, p->src_bytes + 3 + row * 1025, 333);
    }
    qdmashare_assert_bytes(d, buf.phys, want, 64 * KiB);

    desc = qdmashare_checksum(d, 0, 10, 11, 333);
    desc.job.rows = 20;
    desc.job.src.pitch = 3001;
    g_assert_cmphex(qdmashare_job(d, desc).result, ==,
                    qdmashare_crc32c(rows, 20 * 333));

    desc = qdmashare_fill(d, 0, 10, 1, 5, 0x0807060504030201ULL);
    desc.job.rows = 100;
    desc.job.dst.pitch = 7;
    qdmashare_assert_ok(d, desc);
    for (row = 0; row < 100; row++) {
        qdmashare_pattern(want + 1 + row * 7, 5, 0x0807060504030201ULL);
    }
    qdmashare_assert_bytes(d, buf.phys, want, 64 * KiB);
}

static void test_segments(void)
{
    enum { N = 2000 };
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    g_autofree struct dmashare_segment *seg =
        g_new(struct dmashare_segment, N);
    g_autofree uint8_t *noise = g_malloc(N * 37);
    g_autofree uint8_t *whole = g_malloc0(N * 64);
    unsigned i;

    /* Backwards, with a gap behind each, of no alignment at all. */
    for (i = 0; i < N; i++) {
        seg[i] = (struct dmashare_segment) { (N - 1 - i) * 64 + 5, 37 };
    }
    qdmashare_buffer(d, 1, N * 37);
    g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, seg, N), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_noise(noise, N * 37, 4);
    for (i = 0; i < N; i++) {
        memcpy(whole + seg[i].addr, noise + i * 37, 37);
    }
    qtest_bufwrite(d->qts, d->local, whole, N * 64);
    qdmashare_assert_checksum(d, 1, 0, noise, N * 37);
    qdmashare_assert_checksum(d, 1, 36, noise + 36, 1900);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 30, N * 37 - 60,
                                          UINT64_MAX));
    memset(noise + 30, 0xff, N * 37 - 60);
    for (i = 0; i < N; i++) {
        memcpy(whole + seg[i].addr, noise + i * 37, 37);
    }
    qdmashare_assert_bytes(d, d->local, whole, N * 64);
}

static void test_aliases(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    struct dmashare_segment seg[3] = {
        { 4096, 4096 }, { 4096 + 100, 200 }, { 4096, 4096 },
    };
    QDmashareBuf other;

    /* Segments alias, mappings alias, buffers alias: one memory. */
    qdmashare_buffer(d, 1, 2 * 4096 + 200);
    g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);
    other = qdmashare_local_buf(d, 2, 4096 + 100, 8, 0);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 4096, 8, 0x1111));
    g_assert_cmphex(qtest_readq(d->qts, other.phys), ==, 0x1111);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 0, 8, 0x2222));
    g_assert_cmphex(qtest_readq(d->qts, d->local + 4096 + 100), ==, 0x2222);
    /* From one alias of the memory to another, as memmove() does it. */
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 1, 4096 + 200 + 101, 1, 4096,
                                          8));
    g_assert_cmphex(qtest_readq(d->qts, other.phys), ==, 0x222222);
}

static void test_direction(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    QDmashareFault fault = {
        .status = DMASHARE_STATUS_FAULT_DIRECTION,
        .mapping = 1, .offset = 16, .addr = UINT64_MAX, .write = true,
    };
    QDmashareBuf buf;

    /* A mapping is a mapping; but a DMA address its bytes have not. */
    buf = qdmashare_local_buf(d, 1, 4096, 64, DMASHARE_DIR_TO_DEVICE);
    qdmashare_fault(d, qdmashare_fill(d, 0, 1, 16, 8, 1), &fault);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 16), ==, 0);
    qdmashare_local_buf(d, 2, 8192, 64, DMASHARE_DIR_FROM_DEVICE);
    fault.mapping = 2;
    fault.write = false;
    qdmashare_fault(d, qdmashare_checksum(d, 0, 2, 16, 8), &fault);

    /* Past the end of the mapping is not past the end of the memory. */
    fault = (QDmashareFault) {
        .status = DMASHARE_STATUS_FAULT_BOUNDS,
        .mapping = 1, .offset = 60, .addr = UINT64_MAX,
    };
    qdmashare_fault(d, qdmashare_checksum(d, 0, 1, 60, 5), &fault);
}

static void test_past_the_end(void)
{
    static const struct {
        struct dmashare_segment seg;
        unsigned status;
    } cases[] = {
        { { LOCAL_SIZE - 64, 64 }, DMASHARE_STATUS_OK },
        { { LOCAL_SIZE - 63, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { LOCAL_SIZE, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { LOCAL_SIZE + 1, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { 1ULL << 32, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { 1ULL << 63, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { UINT64_MAX - 64, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { UINT64_MAX - 63, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        { { UINT64_MAX - 31, 64 }, DMASHARE_STATUS_BAD_SEGMENT },
        /* Where the CPU finds it is no offset. */
        { { QDMASHARE_LOCAL_BASE(QDMASHARE_SLOT), 64 },
          DMASHARE_STATUS_BAD_SEGMENT },
    };
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    struct dmashare_segment seg[2];
    struct dmashare_ledger before, after;
    size_t i;

    qdmashare_buffer(d, 1, 64);
    qdmashare_buffer(d, 2, LOCAL_SIZE + 1);
    qdmashare_buffer(d, 3, LOCAL_SIZE);
    qdmashare_buffer(d, 4, 128);
    qdmashare_ledger(d, 0, &before);
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        g_test_message("case %zu", i);
        g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, &cases[i].seg, 1), ==,
                        cases[i].status);
        if (cases[i].status == DMASHARE_STATUS_OK) {
            qdmashare_unmap(d, 1);
            before.maps++;
        }
    }
    /* All of it, and a byte more than there is. */
    seg[0] = (struct dmashare_segment) { 0, LOCAL_SIZE + 1 };
    g_assert_cmphex(qdmashare_map_local(d, 2, 2, 0, seg, 1), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    seg[0].len--;
    g_assert_cmphex(qdmashare_map_local(d, 3, 3, 0, seg, 1), ==,
                    DMASHARE_STATUS_OK);
    before.maps++;
    before.live_mappings++;
    before.live_segments++;
    /* The second of two. */
    seg[0] = (struct dmashare_segment) { 0, 64 };
    seg[1] = (struct dmashare_segment) { LOCAL_SIZE - 1, 64 };
    g_assert_cmphex(qdmashare_map_local(d, 4, 4, 0, seg, 2), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    qdmashare_ledger(d, 0, &after);
    g_assert_true(qdmashare_ledger_equal(&after, &before));

    /* An empty one is refused wherever it is. */
    seg[1] = (struct dmashare_segment) { 64, 0 };
    qdmashare_buffer(d, 5, 64);
    g_assert_cmphex(qdmashare_map_local(d, 5, 5, 0, seg, 2), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
}

static void test_imported(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    struct dmashare_segment seg = { 0, 4096 };
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = 1, .size = 4096, .flags = DMASHARE_BUFFER_F_IMPORTED,
        },
    };

    /* What is behind a foreign dma-buf is no local memory of ours. */
    desc.buffer.placement = DMASHARE_PLACEMENT_LOCAL;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.buffer.placement = DMASHARE_PLACEMENT_SYSTEM;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    qdmashare_attach(d, 2, 1);
    desc = (struct dmashare_desc) {
        .map = {
            .id = 3, .buffer = 1, .attachment = 2,
            .placement = DMASHARE_PLACEMENT_LOCAL,
        },
    };
    g_assert_cmphex(qdmashare_map_with(d, desc, &seg, 1), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_LOCAL), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM), ==,
                    DMASHARE_STATUS_OK);
    desc.map.placement = DMASHARE_PLACEMENT_SYSTEM;
    seg.addr = qdmashare_alloc(d, 4096);
    g_assert_cmphex(qdmashare_map_with(d, desc, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
}

static void test_no_bus(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    QDmashareBuf a = qdmashare_local_buf(d, 1, 0, 8192, 0);
    QDmashareBuf b = qdmashare_local_buf(d, 2, 8192, 8192, 0);
    uint8_t noise[8192];
    struct dmashare_desc desc;

    qdmashare_noise(noise, sizeof(noise), 8);
    qtest_bufwrite(d->qts, a.phys, noise, sizeof(noise));

    /*
     * The rings need the bus: the job is fetched with it, runs without, and
     * reports when it has it again. A queue whose completion finds no bus
     * stops.
     */
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_copy(d, 0, 2, 1, 1, 0, 8191);
    qdmashare_wait_for(&desc, 0, 1);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_doorbell(d, 2);
    qdmashare_settle(d);
    qdmashare_bus_master(d, false);
    qdmashare_step(d, 1000);
    qdmashare_bus_master(d, true);
    qdmashare_assert_bytes(d, b.phys + 1, noise, 8191);
    g_assert_cmphex(qtest_readb(d->qts, b.phys), ==, 0);
}

static void test_no_constraints(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
        "local-size=1G,dma-bits=24,max-segment-size=4096,boundary=4096");
    QDmashare *d = m->d;
    uint64_t size = 64 * KiB + 3, at = 512 * MiB + 77;
    struct dmashare_segment seg = { at, size };
    g_autofree uint8_t *noise = g_malloc(size);
    QDmashareBuf buf;

    /* What limits addresses on the bus does not limit these. */
    qdmashare_noise(noise, size, 5);
    buf = qdmashare_local_buf(d, 1, at, size, 0);
    qtest_bufwrite(d->qts, buf.phys, noise, size);
    qdmashare_assert_checksum(d, 1, 0, noise, size);

    /* The same numbers as DMA addresses: each of the three is broken. */
    g_assert_cmphex(qdmashare_map(d, 2, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_CONSTRAINT);
}

static void test_max_segments(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
        "local-size=16M,max-segments=3,max-total-segments=4");
    QDmashare *d = m->d;
    struct dmashare_segment seg[4] = {
        { 0, 32 }, { 64, 32 }, { 128, 32 }, { 192, 32 },
    };

    /* These are the device's memory, not the bus's: they do apply. */
    qdmashare_buffer(d, 1, 128);
    qdmashare_buffer(d, 2, 96);
    qdmashare_buffer(d, 3, 64);
    g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, seg, 4), ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    g_assert_cmphex(qdmashare_map_local(d, 2, 2, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map_local(d, 3, 3, 0, seg, 2), ==,
                    DMASHARE_STATUS_LIMIT);
}

static void test_behind_iommu(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one_vtd("local-size=16M");
    QDmashare *d = m->d;
    uint8_t noise[8192];
    QDmashareBuf buf;

    /* No translation is asked for: the end finds no fault on record. */
    buf = qdmashare_local_buf(d, 1, 1 * MiB - 100, sizeof(noise), 0);
    qdmashare_noise(noise, sizeof(noise), 6);
    qtest_bufwrite(d->qts, buf.phys, noise, sizeof(noise));
    qdmashare_assert_checksum(d, 1, 0, noise, sizeof(noise));
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 8000, 192, 0));
    memset(noise + 8000, 0, 192);
    qdmashare_assert_bytes(d, buf.phys, noise, sizeof(noise));
}

static void test_both_placements(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    uint8_t noise[12000];
    QDmashareBuf buf = qdmashare_buf(d, 1, sizeof(noise), 0);
    struct dmashare_segment seg = { 40960, sizeof(noise) };
    struct dmashare_ledger want, got;
    unsigned i;

    /* A move: map at the new place, copy, PLACE, unmap the old one. */
    qdmashare_noise(noise, sizeof(noise), 7);
    qtest_bufwrite(d->qts, buf.phys, noise, sizeof(noise));
    qdmashare_ledger(d, 1, &want);
    for (i = 0; i < 20; i++) {
        bool local = i % 2 == 0;
        uint32_t from = 1 + i, to = 2 + i;

        if (local) {
            g_assert_cmphex(qdmashare_map_local(d, to, 1, 0, &seg, 1), ==,
                            DMASHARE_STATUS_OK);
        } else {
            g_assert_cmphex(qdmashare_map(d, to, 1, 0,
                                          &(struct dmashare_segment) {
                                              buf.phys, sizeof(noise)
                                          }, 1), ==, DMASHARE_STATUS_OK);
        }
        qdmashare_assert_ok(d, qdmashare_copy(d, 0, to, 0, from, 0,
                                              sizeof(noise)));
        g_assert_cmphex(qdmashare_place(d, 1, local ? DMASHARE_PLACEMENT_LOCAL
                                                    : 0), ==,
                        DMASHARE_STATUS_OK);
        qdmashare_unmap(d, from);
        /* What is left behind is worth nothing. */
        qtest_memset(d->qts, local ? buf.phys : d->local + seg.addr, 0xee,
                     sizeof(noise));
        qdmashare_assert_bytes(d, local ? d->local + seg.addr : buf.phys,
                               noise, sizeof(noise));
        qdmashare_assert_checksum(d, to, 0, noise, sizeof(noise));
        want.maps++;
        want.places++;
        want.jobs += 2;
        want.bytes_read += 2 * sizeof(noise);
        want.bytes_written += sizeof(noise);
        /* Copied to local, summed up there, and copied from there. */
        want.local_bytes_read += sizeof(noise);
        want.local_bytes_written += local ? sizeof(noise) : 0;
    }
    qdmashare_ledger(d, 1, &got);
    g_assert_true(qdmashare_ledger_equal(&got, &want));

    /* Where it is already it does not go again. */
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM), ==,
                    DMASHARE_STATUS_OK);
    assert_ledger(d, 1, &want);
}

static void test_place_refused(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    struct dmashare_ledger want, got;
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PLACE,
        .place = { .id = 1, .placement = DMASHARE_PLACEMENT_LOCAL },
    };
    unsigned i;

    qdmashare_buffer(d, 1, 4096);
    qdmashare_ledger(d, 0, &want);
    g_assert_cmphex(qdmashare_place(d, 0, DMASHARE_PLACEMENT_LOCAL), ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_place(d, 2, DMASHARE_PLACEMENT_LOCAL), ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_LOCAL + 1), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_place(d, 1, UINT32_MAX), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    /* Every bit that has no meaning. */
    for (i = sizeof(desc.place); i < sizeof(desc.body); i++) {
        desc.body[i] = 1;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
        desc.body[i] = 0;
    }
    desc.flags = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.flags = 0;
    desc.n_waits = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.n_waits = 0;
    qdmashare_ledger(d, 0, &got);
    g_assert_true(qdmashare_ledger_equal(&got, &want));

    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    want.places++;
    qdmashare_ledger(d, 0, &got);
    g_assert_true(qdmashare_ledger_equal(&got, &want));
    /* It says where the bytes are, not what may be mapped. */
    qdmashare_buf(d, 9, 4096, 0);
}

static void test_zeros(void)
{
    static const uint64_t pieces[][2] = {
        { 5, 300 * KiB }, { 256 * KiB, 256 * KiB }, { 4096, 512 * KiB },
        { 4095, 512 * KiB + 2 }, { 1 * MiB - 1, 256 * KiB },
        { 777, 256 * KiB - 1 }, { 0, 2 * MiB },
    };
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16M");
    QDmashare *d = m->d;
    uint64_t size = 2 * MiB;
    g_autofree uint8_t *bytes = g_malloc(size);
    QDmashareBuf buf = qdmashare_local_buf(d, 1, 1 * MiB + 13, size, 0);
    struct dmashare_desc desc;
    size_t i;

    /* Large runs of zeros may be done in another way; not a byte beside. */
    qtest_memset(d->qts, d->local, 0xd1, 4 * MiB);
    for (i = 0; i < ARRAY_SIZE(pieces); i++) {
        qdmashare_noise(bytes, size, 10 + i);
        qtest_bufwrite(d->qts, buf.phys, bytes, size);
        qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, pieces[i][0],
                                              pieces[i][1], 0));
        memset(bytes + pieces[i][0], 0, pieces[i][1]);
        qdmashare_assert_bytes(d, buf.phys, bytes, size);
        qdmashare_assert_checksum(d, 1, 0, bytes, size);
        g_assert_cmphex(qtest_readb(d->qts, buf.phys - 1), ==, 0xd1);
        g_assert_cmphex(qtest_readb(d->qts, buf.phys + size), ==, 0xd1);
    }
    /* Rows of them, with a gap of a byte. */
    qdmashare_noise(bytes, size, 30);
    qtest_bufwrite(d->qts, buf.phys, bytes, size);
    desc = qdmashare_fill(d, 0, 1, 3, 300 * KiB, 0);
    desc.job.rows = 3;
    desc.job.dst.pitch = 300 * KiB + 1;
    qdmashare_assert_ok(d, desc);
    for (i = 0; i < 3; i++) {
        memset(bytes + 3 + i * (300 * KiB + 1), 0, 300 * KiB);
    }
    qdmashare_assert_bytes(d, buf.phys, bytes, size);
}

static void test_reset_keeps(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M q35", "local-size=16M");
    QDmashare *d = m->d;
    uint8_t noise[5000];
    struct dmashare_ledger got;
    QDmashareBuf buf = qdmashare_local_buf(d, 1, 777, sizeof(noise), 0);

    qdmashare_noise(noise, sizeof(noise), 9);
    qtest_bufwrite(d->qts, buf.phys, noise, sizeof(noise));
    qdmashare_reset(d);
    qdmashare_assert_bytes(d, buf.phys, noise, sizeof(noise));
    qdmashare_start(d);
    qdmashare_ledger(d, 0, &got);
    g_assert_cmpuint(got.live_buffers, ==, 0);
    qdmashare_local_buf(d, 1, 777, sizeof(noise), 0);
    qdmashare_assert_checksum(d, 1, 0, noise, sizeof(noise));

    qdmashare_flr(d);
    qdmashare_flr_recover(d);
    qdmashare_assert_bytes(d, buf.phys, noise, sizeof(noise));
    qdmashare_start(d);
    qdmashare_local_buf(d, 1, 777, sizeof(noise), 0);
    qdmashare_assert_checksum(d, 1, 0, noise, sizeof(noise));
}

static void test_bar_moves(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M q35", "local-size=16M");
    QDmashare *d = m->d;
    uint64_t old = d->local;
    QDmashareBuf buf = qdmashare_local_buf(d, 1, 64, 4096, 0);

    /* An offset stays an offset wherever the CPU sees it, or if it does not. */
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 0, 4096, 0x4444));
    qdmashare_local_move(d, old + 64 * MiB);
    g_assert_cmphex(qtest_readq(d->qts, old + 64), !=, 0x4444);
    g_assert_cmphex(qtest_readq(d->qts, d->local + 64), ==, 0x4444);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 0, 4096, 0x5555));
    g_assert_cmphex(qtest_readq(d->qts, d->local + 64), ==, 0x5555);
    qdmashare_local_move(d, old);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x5555);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/local/bar", test_bar);
    qtest_add_func("/dmashare/local/none", test_none);
    qtest_add_func("/dmashare/local/contents", test_contents);
    qtest_add_func("/dmashare/local/copies", test_copies);
    qtest_add_func("/dmashare/local/rows", test_rows);
    qtest_add_func("/dmashare/local/segments", test_segments);
    qtest_add_func("/dmashare/local/aliases", test_aliases);
    qtest_add_func("/dmashare/local/direction", test_direction);
    qtest_add_func("/dmashare/local/past-the-end", test_past_the_end);
    qtest_add_func("/dmashare/local/imported", test_imported);
    qtest_add_func("/dmashare/local/no-bus", test_no_bus);
    qtest_add_func("/dmashare/local/no-constraints", test_no_constraints);
    qtest_add_func("/dmashare/local/max-segments", test_max_segments);
    qtest_add_func("/dmashare/local/behind-iommu", test_behind_iommu);
    qtest_add_func("/dmashare/local/both-placements", test_both_placements);
    qtest_add_func("/dmashare/local/place-refused", test_place_refused);
    qtest_add_func("/dmashare/local/zeros", test_zeros);
    qtest_add_func("/dmashare/local/reset-keeps", test_reset_keeps);
    qtest_add_func("/dmashare/local/bar-moves", test_bar_moves);
    return g_test_run();
}
