/*
 * dmashare: MAP, the segments of mappings, and what ends one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define BUFFER          1
#define SIZE            8192

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
    desc = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);
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

    /* 5 GiB of mapping out of one 64 MiB range: offsets need 33 bits. */
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

static void test_list_read_once(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg;
    struct dmashare_desc desc;

    /* What the list says after MAP has completed means nothing. */
    qdmashare_start(d);
    qdmashare_buffer(d, BUFFER, SIZE);
    desc = qdmashare_map_desc(d, 1, BUFFER, SIZE, &seg);
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
    qos_add_test("top-of-memory", "dmashare-map", test_top_of_memory, NULL);
    qos_add_test("across-4g", "dmashare-map", test_across_4g, NULL);
    qos_add_test("list-read-once", "dmashare-map", test_list_read_once, NULL);
    qos_add_test("unmap-waiting", "dmashare-map", test_unmap_waiting, NULL);
    qos_add_test("unmap-running", "dmashare-map", test_unmap_running,
                 &(QOSGraphTestOptions) {
        .edge.extra_device_opts = "latency=1000000",
    });
}

libqos_init(register_dmashare_map_test);
