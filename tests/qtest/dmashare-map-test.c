/*
 * dmashare: MAP, its segment lists, and what ends a mapping
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare.h"

/* No RAM there. */
#define NOWHERE         0x7ffff0000000ULL

#define BUFFER          1
#define SIZE            8192

/* A good MAP of one segment of fresh memory; tests spoil one thing in it. */
static struct dmashare_desc good_map(QDmashare *d, struct dmashare_segment *seg)
{
    *seg = (struct dmashare_segment) {
        .addr = qdmashare_alloc(d, SIZE), .len = SIZE,
    };
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 1, .buffer = BUFFER, .length = SIZE, .n_segments = 1,
            .list = qdmashare_seg_list(d, seg, 1, 1),
        },
    };
}

/* Nothing of a refused MAP stays: no mapping, no segment. */
static void assert_none(QDmashare *d)
{
    struct dmashare_ledger l;

    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.maps, ==, 0);
    g_assert_cmpuint(l.live_mappings, ==, 0);
    g_assert_cmpuint(l.live_segments, ==, 0);
}

/*
 * Fills the mapping from noise through the device and looks for every byte
 * where its segment says.
 */
static void check_segments(QDmashare *d, uint32_t id,
                           const struct dmashare_segment *seg, unsigned n,
                           uint64_t size)
{
    QDmashareBuf src = qdmashare_buf(d, 100, size, DMASHARE_DIR_TO_DEVICE);
    g_autofree uint8_t *noise = g_malloc(size);
    g_autofree uint8_t *got = g_malloc(size);
    struct dmashare_desc desc;
    uint64_t off = 0;
    unsigned i;

    qdmashare_noise(noise, size, size + n);
    qtest_bufwrite(d->qts, src.phys, noise, size);
    desc = qdmashare_copy(d, 0, id, 0, 100, 0, size);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (i = 0; i < n; i++) {
        qtest_bufread(d->qts, seg[i].addr, got, seg[i].len);
        g_assert_cmpmem(got, seg[i].len, noise + off, seg[i].len);
        off += seg[i].len;
    }
    g_assert_cmpuint(off, ==, size);
}

static void test_one(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    desc = good_map(d, &seg);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_ID_EXISTS);
    check_segments(d, 1, &seg, 1, SIZE);
}

static void test_scattered(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint16_t part[][2] = {
        /* offset in a page, length: nothing is aligned, some cross pages */
        { 1, 4095 }, { 4095, 1 }, { 17, 333 }, { 4090, 12 }, { 0, 4096 },
        { 3, 5 }, { 2048, 2049 }, { 7, 1 },
    };
    struct dmashare_segment seg[ARRAY_SIZE(part)];
    QDmashare *d = obj;
    uint64_t mem, size = 0;
    unsigned i;

    qdmashare_start(d);
    mem = qdmashare_alloc(d, ARRAY_SIZE(part) * 8192);
    for (i = 0; i < ARRAY_SIZE(part); i++) {
        /* And not in order of their addresses: 0, 5, 2, 7, 4, 1, 6, 3. */
        seg[i].addr = mem + (i * 5 % ARRAY_SIZE(part)) * 8192 + part[i][0];
        seg[i].len = part[i][1];
        size += seg[i].len;
    }
    qdmashare_buffer(d, BUFFER, size);
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, DMASHARE_DIR_FROM_DEVICE, seg,
                                  ARRAY_SIZE(seg)), ==, DMASHARE_STATUS_OK);
    check_segments(d, 1, seg, ARRAY_SIZE(seg), size);
}

static void test_chained(void *obj, void *data, QGuestAllocator *alloc)
{
    static const unsigned per_block[] = { 1, 3, 49, 99 };
    struct dmashare_segment seg[100];
    QDmashare *d = obj;
    uint64_t mem, size = 0;
    unsigned i, b;

    qdmashare_start(d);
    mem = qdmashare_alloc(d, 100 * 64);
    for (i = 0; i < ARRAY_SIZE(seg); i++) {
        seg[i].addr = mem + (99 - i) * 64 + i % 7;
        seg[i].len = 1 + i % 50;
        size += seg[i].len;
    }
    for (b = 0; b < ARRAY_SIZE(per_block); b++) {
        struct dmashare_desc desc = {
            .opcode = DMASHARE_OP_MAP,
            .map = {
                .id = 1, .buffer = BUFFER, .length = size,
                .n_segments = ARRAY_SIZE(seg),
                .list = qdmashare_seg_list(d, seg, ARRAY_SIZE(seg),
                                           per_block[b]),
            },
        };

        qdmashare_buffer(d, BUFFER, size);
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
        check_segments(d, 1, seg, ARRAY_SIZE(seg), size);
        qdmashare_reset(d);
        qdmashare_start(d);
    }
}

static void test_most_segments(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_SEGMENTS);
    g_autofree struct dmashare_segment *seg = NULL;
    struct dmashare_ledger l;
    struct dmashare_desc desc;
    uint64_t mem;
    uint32_t i;

    /* One byte each, backwards, so that each really is a segment. */
    qdmashare_start(d);
    seg = g_new0(struct dmashare_segment, max + 1);
    mem = qdmashare_alloc(d, max + 1);
    for (i = 0; i <= max; i++) {
        seg[i].addr = mem + max - i;
        seg[i].len = 1;
    }
    qdmashare_buffer(d, BUFFER, max);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 1, .buffer = BUFFER, .length = max, .n_segments = max,
            .list = qdmashare_seg_list(d, seg, max,
                                       MIN(max, DMASHARE_SEG_BLOCK_MAX)),
        },
    };
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    qdmashare_ledger(d, BUFFER, &l);
    g_assert_cmpuint(l.live_segments, ==, max);

    desc = qdmashare_fill(d, 0, 1, max - 8, 8, 0x8877665544332211ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* The last eight bytes of the mapping are the first of memory, mirrored. */
    g_assert_cmphex(qtest_readq(d->qts, mem + 1), ==, 0x1122334455667788ULL);

    /* And one more than allowed. */
    qdmashare_buffer(d, 2, max + 1);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 2, .buffer = 2, .length = max + 1, .n_segments = max + 1,
            .list = qdmashare_seg_list(d, seg, max + 1, MIN(max + 1, 4095)),
        },
    };
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
}

static void test_alias(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t mem;
    uint8_t got[16], want[16];
    struct dmashare_desc desc;

    qdmashare_start(d);
    mem = qdmashare_alloc(d, 4096);
    qdmashare_buffer(d, BUFFER, 24);
    /* The second half of the first is the first half of the second. */
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, DMASHARE_DIR_BIDIRECTIONAL,
                                  (struct dmashare_segment[]) {
                                      { mem, 16 }, { mem + 8, 8 },
                                  }, 2), ==, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, 0, 16, 0x1111111111111111ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, 16, 8, 0x2222222222222222ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    memset(want, 0x11, 8);
    memset(want + 8, 0x22, 8);
    qtest_memread(d->qts, mem, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
}

static void test_two_mappings(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    struct dmashare_segment seg;

    /* Several mappings of one buffer live side by side. */
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    seg = (struct dmashare_segment) { qdmashare_alloc(d, SIZE), SIZE };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, DMASHARE_DIR_FROM_DEVICE,
                                  &seg, 1), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map(d, 2, BUFFER, DMASHARE_DIR_TO_DEVICE,
                                  &seg, 1), ==, DMASHARE_STATUS_OK);
    qdmashare_unmap(d, 1);
    desc = qdmashare_checksum(d, 0, 2, 0, SIZE);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, 0, SIZE, 1);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
}

static void test_beyond_4g(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[80];
    uint64_t mem, off;
    struct dmashare_desc desc;
    unsigned i;

    /* 5 GiB of mapping out of one 64 MiB range: offsets need their high half. */
    qdmashare_start(d);
    mem = qdmashare_alloc(d, 64 * MiB);
    for (i = 0; i < ARRAY_SIZE(seg); i++) {
        seg[i] = (struct dmashare_segment) { mem, 64 * MiB };
    }
    qdmashare_buffer(d, BUFFER, 5 * GiB);
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, DMASHARE_DIR_BIDIRECTIONAL,
                                  seg, ARRAY_SIZE(seg)), ==,
                    DMASHARE_STATUS_OK);
    off = 4 * GiB + 64 * MiB - 4;
    desc = qdmashare_fill(d, 0, 1, off, 8, 0xa8a7a6a5a4a3a2a1ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readl(d->qts, mem + 64 * MiB - 4), ==, 0xa4a3a2a1);
    g_assert_cmphex(qtest_readl(d->qts, mem), ==, 0xa8a7a6a5);

    /* The end is a 33-bit number as well. */
    desc = qdmashare_fill(d, 0, 1, 5 * GiB - 8, 8, 0x77);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, 5 * GiB - 8, 9, 0x77);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_BOUNDS);
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
    good = good_map(d, &seg);

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

static void test_lengths(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[3];
    struct dmashare_desc good, desc;
    uint64_t mem;

    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    good = good_map(d, seg);
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

static void test_top_of_memory(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg = { -(uint64_t)SIZE, SIZE };
    struct dmashare_completion c;
    struct dmashare_desc desc;

    if (qdmashare_readl(d, DMASHARE_REG_DMA_BITS) != 64) {
        g_test_skip("the device has no 64-bit addresses");
        return;
    }
    /* Up to the last byte there is: legal to map, though nothing is there. */
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, SIZE - 1, 1, 1);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, UINT64_MAX);
}

static void test_across_4g(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[2];
    struct dmashare_desc desc;
    uint64_t mem;

    /* A segment over 2^32 is one segment; the one after it is unharmed. */
    qdmashare_start(d);
    mem = qdmashare_alloc(d, 4096);
    qdmashare_buffer(d, BUFFER, SIZE + 8);
    seg[0] = (struct dmashare_segment) { 4 * GiB - SIZE / 2, SIZE };
    seg[1] = (struct dmashare_segment) { mem, 8 };
    g_assert_cmphex(qdmashare_map(d, 1, BUFFER, 0, seg, 2), ==,
                    DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, SIZE, 8, 0x123456789abcdefULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, mem), ==, 0x123456789abcdefULL);
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
    good = good_map(d, &seg);
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
    good = good_map(d, &seg);

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
    desc = good_map(d, seg);
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
    desc = good_map(d, &seg);
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

static void test_list_read_once(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc desc;

    /* What the list says after MAP has completed means nothing. */
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    desc = good_map(d, &seg);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    qtest_memset(d->qts, desc.map.list, 0xff, 32);
    check_segments(d, 1, &seg, 1, SIZE);
}

static void test_unmap_waiting(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    struct dmashare_completion c;
    struct dmashare_event e;
    struct dmashare_desc desc;
    uint64_t cookie;

    /* The job is fetched and waits for a fence while its mapping ends. */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 0, 1, 16, 8, 0x1234);
    qdmashare_wait_for(&desc, 1, 1);
    cookie = qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_assert_idle(d, 1);
    qdmashare_unmap(d, 1);
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);

    c = qdmashare_pop(d, 1);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FAULT);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    g_assert_cmpuint(e.queue, ==, 1);
    g_assert_cmpuint(e.cookie, ==, cookie);
    g_assert_cmpuint(e.mapping, ==, 1);
    g_assert_cmphex(e.flags, ==, DMASHARE_EVENT_F_WRITE);
    g_assert_cmphex(e.addr, ==, UINT64_MAX);
    g_assert_cmphex(c.detail, ==, e.addr);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 16), ==, 0);
}

static void test_unmap_running(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    struct dmashare_desc desc;

    /*
     * The job has begun and takes device time. Whenever in that time the
     * device moves the bytes, after UNMAP has completed it moves none.
     */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 0, 1, 0, SIZE, 0x4242424242424242ULL);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_assert_idle(d, 1);
    qdmashare_unmap(d, 1);
    qtest_memset(d->qts, buf.phys, 0x17, SIZE);
    qtest_clock_step(d->qts, 10 * 1000 * 1000);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==,
                    DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x1717171717171717ULL);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + SIZE - 8), ==,
                    0x1717171717171717ULL);
    /* The next job is none the worse for it. */
    buf = qdmashare_buf(d, 2, SIZE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 0, 2, 0, SIZE, 0x4242424242424242ULL);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_settle(d);
    qtest_clock_step(d->qts, 10 * 1000 * 1000);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x4242424242424242ULL);
}

static void register_dmashare_map_test(void)
{
    /* Small enough to be reached, and the segments no multiple of a block. */
    QOSGraphTestOptions limits = {
        .edge.extra_device_opts = "max-mappings=50,max-segments=10000,"
                                  "max-total-segments=35000",
    };

    qos_add_test("one", "dmashare-map", test_one, NULL);
    qos_add_test("scattered", "dmashare-map", test_scattered, NULL);
    qos_add_test("chained", "dmashare-map", test_chained, NULL);
    qos_add_test("most-segments", "dmashare-map", test_most_segments,
                 &limits);
    qos_add_test("alias", "dmashare-map", test_alias, NULL);
    qos_add_test("two-mappings", "dmashare-map", test_two_mappings, NULL);
    qos_add_test("beyond-4g", "dmashare-map", test_beyond_4g, NULL);
    qos_add_test("ids", "dmashare-map", test_ids, NULL);
    qos_add_test("lengths", "dmashare-map", test_lengths, NULL);
    qos_add_test("sum-overflow", "dmashare-map", test_sum_overflow, NULL);
    qos_add_test("bad-segment", "dmashare-map", test_bad_segment, NULL);
    qos_add_test("top-of-memory", "dmashare-map", test_top_of_memory, NULL);
    qos_add_test("across-4g", "dmashare-map", test_across_4g, NULL);
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
    qos_add_test("list-read-once", "dmashare-map", test_list_read_once, NULL);
    qos_add_test("unmap-waiting", "dmashare-map", test_unmap_waiting, NULL);

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
    qos_add_test("unmap-running", "dmashare-map", test_unmap_running,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "latency=1000000",
    });
}

libqos_init(register_dmashare_map_test);
