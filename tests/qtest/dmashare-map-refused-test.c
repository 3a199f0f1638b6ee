/*
 * dmashare: everything that MAP refuses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define NOWHERE         QDMASHARE_NOWHERE

#define BUFFER          1
#define SIZE            8192

/* Nothing of a refused MAP stays: no mapping, no segment. */
static void assert_none(QDmashare *d)
{
    struct dmashare_ledger l;

    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.maps, ==, 0);
    g_assert_cmpuint(l.live_mappings, ==, 0);
    g_assert_cmpuint(l.live_segments, ==, 0);
}

static void test_ids(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc good, desc;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    qdmashare_buffer(d, 2, SIZE);
    qdmashare_attach(d, 20, 2);
    good = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);

    desc = good;
    desc.map.id = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = good;
    desc.map.buffer = 3;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc.map.buffer = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = good;
    desc.map.attachment = 21;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    /* There is one of this id, but it is another buffer's. */
    desc.map.attachment = 20;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    assert_none(d);
    desc.map.buffer = 2;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_imported(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc desc;

    /* A foreign buffer is reached through an attachment only. */
    qdmashare_start(d);
    qdmashare_assert_command(d, &((struct dmashare_desc) {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = BUFFER, .size = SIZE, .flags = DMASHARE_BUFFER_F_IMPORTED,
        },
    }), DMASHARE_STATUS_OK);
    desc = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    assert_none(d);
    qdmashare_attach(d, 5, BUFFER);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc.map.attachment = 5;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_lengths(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[3];
    struct dmashare_desc good, desc;
    uint64_t mem;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    good = qdmashare_map_desc(d, 1, BUFFER, SIZE, seg);
    mem = seg[0].addr;

    desc = good;
    desc.map.n_segments = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    desc.map.n_segments = 0xffffffff;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);

    /* Not the buffer's size. */
    desc = good;
    desc.map.length = SIZE - 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    desc.map.length = SIZE + 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    desc.map.length = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);

    /* Not the segments' sum: one less, one more. */
    seg[0] = (struct dmashare_segment) { mem, SIZE - 1 };
    desc = good;
    desc.map.list = qdmashare_seg_list(d, seg, 1, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    seg[0].len = SIZE + 1;
    desc.map.list = qdmashare_seg_list(d, seg, 1, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    seg[0].len = SIZE;
    seg[1] = (struct dmashare_segment) { mem, 1 };
    desc.map.n_segments = 2;
    desc.map.list = qdmashare_seg_list(d, seg, 2, 2);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    assert_none(d);
    qdmashare_assert_command(d, &good, DMASHARE_STATUS_OK);
}

static void test_sum_overflow(void *obj, void *data, QGuestAllocator *alloc)
{
    static const struct dmashare_segment wrap[][3] = {
        /* Sums that are SIZE in 32 bits, then in 64. */
        { { 0x100000, 4 * GiB }, { 0x100000, SIZE } },
        { { 0x100000, 2 * GiB }, { 0x100000, 2 * GiB + SIZE } },
        { { 0, 1ULL << 63 }, { 0, (1ULL << 63) + SIZE } },
        { { 0, UINT64_MAX }, { 0x100000, SIZE + 1 } },
    };
    QDmashare *d = obj;
    size_t i;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    for (i = 0; i < ARRAY_SIZE(wrap); i++) {
        struct dmashare_desc desc = {
            .opcode = DMASHARE_OP_MAP,
            .map = {
                .id = 1, .buffer = BUFFER, .length = SIZE, .n_segments = 2,
                .list = qdmashare_seg_list(d, wrap[i], 2, 2),
            },
        };

        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    }
    assert_none(d);
}

static void test_bad_segment(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[3];
    uint64_t mem;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    mem = qdmashare_alloc(d, SIZE);

    /* Empty: first, between, last. */
    seg[0] = (struct dmashare_segment) { mem, 0 };
    seg[1] = (struct dmashare_segment) { mem, SIZE };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 2), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    seg[0] = (struct dmashare_segment) { mem, SIZE / 2 };
    seg[1] = (struct dmashare_segment) { mem, 0 };
    seg[2] = (struct dmashare_segment) { mem, SIZE / 2 };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 3), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    seg[0] = (struct dmashare_segment) { mem, SIZE };
    seg[1] = (struct dmashare_segment) { mem, 0 };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 2), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);

    /* Past 2^64, by much and by one byte. */
    seg[0] = (struct dmashare_segment) { 0xffffffffffffff00ULL, SIZE };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 1), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    seg[0].addr = -(uint64_t)SIZE + 1;
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 1), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    assert_none(d);
}

static void test_constraint_bits(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg = { .len = SIZE };

    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_DMA_BITS), ==, 32);
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    seg.addr = 4 * GiB - SIZE;
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    seg.addr = 4 * GiB - SIZE + 1;
    g_assert_cmphex(qdmashare_map(d, 2, BUFFER, 0, &seg, 1), ==,
                    DMASHARE_STATUS_CONSTRAINT);
    seg.addr = 4 * GiB;
    g_assert_cmphex(qdmashare_map(d, 2, BUFFER, 0, &seg, 1), ==,
                    DMASHARE_STATUS_CONSTRAINT);
}

static void test_constraint_size(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[2];
    uint64_t mem;

    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_MAX_SEG_SIZE_LO), ==,
                     4096);
    g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS), ==, 2);
    qdmashare_start(d);
    mem = qdmashare_alloc(d, SIZE);
    qdmashare_buffer(d, BUFFER, SIZE);
    seg[0] = (struct dmashare_segment) { mem, 4097 };
    seg[1] = (struct dmashare_segment) { mem, 4095 };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 2), ==,
                    DMASHARE_STATUS_CONSTRAINT);
    seg[0].len = 4096;
    seg[1].len = 4096;
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 2), ==,
                    DMASHARE_STATUS_OK);
}

static void test_constraint_boundary(void *obj, void *data,
                                     QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc desc;
    uint64_t mem;

    g_assert_cmpuint(qdmashare_readq(d, DMASHARE_REG_BOUNDARY_LO), ==, 65536);
    qdmashare_start(d);
    mem = QEMU_ALIGN_UP(qdmashare_alloc(d, 3 * 65536), 65536);
    qdmashare_buffer(d, BUFFER, 65536);
    seg = (struct dmashare_segment) { mem + 1, 65536 };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, &seg, 1), ==,
                    DMASHARE_STATUS_CONSTRAINT);
    /* Touching it from both sides is not crossing it. */
    seg.addr = mem;
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, 65528, 8, 0x55aa);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, mem + 65528), ==, 0x55aa);
}

static void test_direction_value(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc good, desc;
    unsigned dir;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    good = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);
    desc = good;
    desc.map.direction = 3;     /* DMA_NONE */
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DIRECTION);
    desc.map.direction = 0x80000000;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DIRECTION);
    assert_none(d);
    for (dir = 0; dir < 3; dir++) {
        desc.map.id = 1 + dir;
        desc.map.direction = dir;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    }
}

static void test_descriptor(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc good, desc;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    good = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);

    desc = good;
    desc.map.placement = DMASHARE_PLACEMENT_LOCAL + 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    if (!(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
          DMASHARE_FEATURE_LOCAL)) {
        desc.map.placement = DMASHARE_PLACEMENT_LOCAL;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    }
    desc = good;
    desc.map.list += 4;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.flags = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.n_waits = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.reserved = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.body[sizeof(desc.map)] = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.body[sizeof(desc.body) - 1] = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    assert_none(d);
    qdmashare_assert_command(d, &good, DMASHARE_STATUS_OK);
}

static void test_blocks(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[4];
    struct dmashare_desc desc = { .opcode = DMASHARE_OP_MAP };
    uint64_t mem, first, second;
    unsigned i;

    /* Two blocks of two segments; each spoilt field is put right again. */
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    mem = qdmashare_alloc(d, SIZE);
    for (i = 0; i < ARRAY_SIZE(seg); i++) {
        seg[i] = (struct dmashare_segment) { mem + i * SIZE / 4, SIZE / 4 };
    }
    first = qdmashare_seg_list(d, seg, 4, 2);
    second = qtest_readq(d->qts, first);
    desc.map = (struct dmashare_body_map) {
        .id = 1, .buffer = BUFFER, .length = SIZE, .n_segments = 4,
        .list = first,
    };

    qtest_writel(d->qts, second + 8, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_writel(d->qts, second + 8, DMASHARE_SEG_BLOCK_MAX + 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_writel(d->qts, second + 8, 0xffffffff);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    /* One segment short, one too many. */
    qtest_writel(d->qts, second + 8, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_writel(d->qts, second + 8, 3);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_writel(d->qts, second + 8, 2);

    qtest_writel(d->qts, second + 12, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    qtest_writel(d->qts, second + 12, 0);

    qtest_writeq(d->qts, first, second + 4);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    /* The chain ends early, or goes on after the last segment. */
    qtest_writeq(d->qts, first, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_writeq(d->qts, first, second);
    qtest_writeq(d->qts, second, first);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_writeq(d->qts, second, 0);
    assert_none(d);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_endless_chain(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS);
    struct dmashare_segment seg;
    struct dmashare_desc desc;
    uint32_t n;

    /* A block that is its own successor. */
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, UINT64_MAX);
    seg = (struct dmashare_segment) { qdmashare_alloc(d, 4096), 1 };
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 1, .buffer = BUFFER, .length = UINT64_MAX,
            .list = qdmashare_seg_list(d, &seg, 1, 1),
        },
    };
    qtest_writeq(d->qts, desc.map.list, desc.map.list);
    for (n = 1; n < max; n *= 4) {
        desc.map.n_segments = n;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    }
    desc.map.n_segments = max;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    assert_none(d);
}

static void test_list_nowhere(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[2];
    struct dmashare_desc desc;
    struct dmashare_completion c;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    desc = qdmashare_map_desc(d, 1, BUFFER, SIZE, seg);
    seg[1] = seg[0];
    seg[0].len = seg[1].len = SIZE / 2;
    desc.map.n_segments = 2;
    desc.map.list = NOWHERE;
    c = qdmashare_run(d, 0, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, NOWHERE);

    /* The first block is there, its successor is not. */
    desc.map.list = qdmashare_seg_list(d, seg, 1, 1);
    qtest_writeq(d->qts, desc.map.list, NOWHERE + 64);
    c = qdmashare_run(d, 0, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, NOWHERE + 64);

    /* A list that begins so high that it would wrap. */
    desc.map.list = 0xfffffffffffffff8ULL;
    c = qdmashare_run(d, 0, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    assert_none(d);
}

static void test_limit_mappings(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_MAPPINGS);
    struct dmashare_segment seg;
    struct dmashare_desc desc;
    uint32_t id = 1;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    desc = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);
    while (id <= max) {
        unsigned now = MIN(max - id + 1, QDMASHARE_ENTRIES);
        unsigned i;

        for (i = 0; i < now; i++) {
            desc.map.id = id + i;
            qdmashare_push(d, 0, &desc);
        }
        qdmashare_doorbell(d, 0);
        for (i = 0; i < now; i++) {
            g_assert_cmphex(qdmashare_pop(d, 0).status, ==,
                            DMASHARE_STATUS_OK);
        }
        id += now;
    }
    desc.map.id = id;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_LIMIT);
    qdmashare_unmap(d, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_limit_segments(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t total = qdmashare_readl(d, DMASHARE_REG_MAX_TOTAL_SEGMENTS);
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS);
    g_autofree struct dmashare_segment *seg = NULL;
    struct dmashare_desc desc;
    uint64_t mem;
    uint32_t i, used;

    qdmashare_start(d);
    seg = g_new0(struct dmashare_segment, max);
    mem = qdmashare_alloc(d, 4096);
    for (i = 0; i < max; i++) {
        seg[i] = (struct dmashare_segment) { mem, 1 };
    }
    qdmashare_buffer(d, BUFFER, max);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .buffer = BUFFER, .length = max, .n_segments = max,
            .list = qdmashare_seg_list(d, seg, max,
                                       MIN(max, DMASHARE_SEG_BLOCK_MAX)),
        },
    };
    for (used = 0; used + max <= total; used += max) {
        desc.map.id++;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    }
    desc.map.id++;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_LIMIT);
    /* A refused one reserves nothing; an ended one gives its room back. */
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_LIMIT);
    qdmashare_unmap(d, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void register_dmashare_map_refused_test(void)
{
    /* Small enough to be reached, and the segments no multiple of a block. */
    QOSGraphTestOptions limits = {
        .edge.extra_device_opts = "max-mappings=50,max-segments=10000,"
                                  "max-total-segments=35000",
    };

    qos_add_test("ids", "dmashare-map", test_ids, NULL);
    qos_add_test("imported", "dmashare-map", test_imported, NULL);
    qos_add_test("lengths", "dmashare-map", test_lengths, NULL);
    qos_add_test("sum-overflow", "dmashare-map", test_sum_overflow, NULL);
    qos_add_test("bad-segment", "dmashare-map", test_bad_segment, NULL);
    qos_add_test("direction-value", "dmashare-map", test_direction_value,
                 NULL);
    qos_add_test("descriptor", "dmashare-map", test_descriptor, NULL);
    qos_add_test("blocks", "dmashare-map", test_blocks, NULL);
    qos_add_test("endless-chain", "dmashare-map", test_endless_chain,
                 &limits);
    qos_add_test("list-nowhere", "dmashare-map", test_list_nowhere, NULL);
    qos_add_test("limit-mappings", "dmashare-map", test_limit_mappings,
                 &limits);
    qos_add_test("limit-segments", "dmashare-map", test_limit_segments,
                 &limits);
    qos_add_test("constraint-bits", "dmashare-map", test_constraint_bits,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "dma-bits=32",
    });
    qos_add_test("constraint-size", "dmashare-map", test_constraint_size,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "max-segments=2,max-segment-size=4096",
    });
    qos_add_test("constraint-boundary", "dmashare-map",
                 test_constraint_boundary, &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "boundary=65536",
    });
}

libqos_init(register_dmashare_map_refused_test);
