/*
 * dmashare: the engines, every byte compared
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define SRC             QDMASHARE_SRC
#define DST             QDMASHARE_DST

static void test_copy_whole(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 1 * MiB + 4096 + 3);
    struct dmashare_completion c;
    struct dmashare_desc desc;

    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, p->size);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.result, ==, 0);
    g_assert_cmphex(c.detail, ==, 0);
    memcpy(p->dst_bytes, p->src_bytes, p->size);
    qdmashare_pair_check(d, p);
}

static void test_copy_unaligned(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 32 * KiB);
    uint64_t state = 3;
    unsigned round, i;

    /* Offsets and lengths of every remainder, page crossings among them. */
    for (round = 0; round < 16; round++) {
        for (i = 0; i < QDMASHARE_ENTRIES; i++) {
            uint64_t from = qdmashare_random(&state) % (28 * KiB);
            uint64_t to = qdmashare_random(&state) % (28 * KiB);
            uint64_t len = 1 + qdmashare_random(&state) % (4 * KiB);
            struct dmashare_desc desc = qdmashare_copy(d, 0, DST, to, SRC,
                                                       from, len);

            qdmashare_push(d, 1, &desc);
            memcpy(p->dst_bytes + to, p->src_bytes + from, len);
        }
        qdmashare_doorbell(d, 1);
        for (i = 0; i < QDMASHARE_ENTRIES; i++) {
            g_assert_cmphex(qdmashare_pop(d, 1).status, ==,
                            DMASHARE_STATUS_OK);
        }
    }
    qdmashare_pair_check(d, p);
}

static void test_copy_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    static const struct {
        uint32_t rows;
        uint64_t length, src_off, src_pitch, dst_off, dst_pitch;
    } cases[] = {
        { 64, 100, 0, 128, 0, 256 },
        { 3, 5, 17, 5, 23, 9 },         /* source rows touch */
        { 7, 4096, 1, 4097, 3, 4099 },  /* rows cross pages */
        { 2, 1, 32767, 1, 0, 32768 },   /* pitches as far apart as can be */
        { 1, 77, 5, 0, 9, 0 },          /* one row is no rectangle */
        { 0, 77, 5, 0, 9, 0 },
    };
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 32 * KiB + 1);
    size_t i;
    uint32_t row;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dmashare_desc desc = qdmashare_copy(d, 0, DST,
                                                   cases[i].dst_off, SRC,
                                                   cases[i].src_off,
                                                   cases[i].length);

        desc.job.rows = cases[i].rows;
        desc.job.src.pitch = cases[i].src_pitch;
        desc.job.dst.pitch = cases[i].dst_pitch;
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
        for (row = 0; row < MAX(cases[i].rows, 1); row++) {
            memcpy(p->dst_bytes + cases[i].dst_off + row * cases[i].dst_pitch,
                   p->src_bytes + cases[i].src_off + row * cases[i].src_pitch,
                   cases[i].length);
        }
        qdmashare_pair_check(d, p);
    }
}

static void test_copy_segments(void *obj, void *data, QGuestAllocator *alloc)
{
    struct dmashare_segment src[64], dst[48];
    QDmashare *d = obj;
    uint64_t src_mem, dst_mem, off, size = 0;
    uint8_t noise[4096], got[4096];
    struct dmashare_desc desc;
    unsigned i;

    /* Both sides are in pieces whose ends never fall together. */
    qdmashare_start(d);
    src_mem = qdmashare_alloc(d, 64 * 128);
    dst_mem = qdmashare_alloc(d, 48 * 256);
    for (i = 0; i < ARRAY_SIZE(src); i++) {
        src[i] = (struct dmashare_segment) { src_mem + i * 128 + 3, 61 };
        size += src[i].len;
    }
    for (i = 0, off = 0; i < ARRAY_SIZE(dst); i++) {
        uint64_t len = i < ARRAY_SIZE(dst) - 1 ? 83 : size - off;

        dst[i] = (struct dmashare_segment) { dst_mem + (47 - i) * 256, len };
        off += len;
    }
    g_assert_cmpuint(off, ==, size);
    g_assert_cmpuint(size, <=, sizeof(noise));

    qdmashare_noise(noise, sizeof(noise), 5);
    for (i = 0; i < ARRAY_SIZE(src); i++) {
        qtest_bufwrite(d->qts, src[i].addr, noise + i * 61, 61);
    }
    qdmashare_buffer(d, SRC, size);
    qdmashare_buffer(d, DST, size);
    g_assert_cmphex(qdmashare_map(d, SRC, SRC, DMASHARE_DIR_TO_DEVICE, src,
                                  ARRAY_SIZE(src)), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map(d, DST, DST, DMASHARE_DIR_FROM_DEVICE, dst,
                                  ARRAY_SIZE(dst)), ==, DMASHARE_STATUS_OK);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, size);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (i = 0, off = 0; i < ARRAY_SIZE(dst); i++) {
        qtest_bufread(d->qts, dst[i].addr, got + off, dst[i].len);
        off += dst[i].len;
        /* The gap behind each is untouched. */
        if (i != ARRAY_SIZE(dst) - 1) {
            g_assert_cmphex(qtest_readb(d->qts, dst[i].addr + 83), ==, 0);
        }
    }
    g_assert_cmpmem(got, size, noise, size);

    /* And the same bytes summed up over the seams. */
    desc = qdmashare_checksum(d, 0, SRC, 7, size - 11);
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(noise + 7, size - 11));
}

static void test_copy_overlap(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    uint8_t want[1024], got[1024];
    struct dmashare_completion c;
    struct dmashare_desc desc;

    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, sizeof(want), DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_noise(want, sizeof(want), 9);
    qtest_bufwrite(d->qts, buf.phys, want, sizeof(want));

    /* By all, by one byte at either end. */
    desc = qdmashare_copy(d, 0, 1, 100, 1, 100, 50);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OVERLAP);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    desc = qdmashare_copy(d, 0, 1, 100, 1, 149, 50);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OVERLAP);
    desc = qdmashare_copy(d, 0, 1, 149, 1, 100, 50);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OVERLAP);
    qtest_bufread(d->qts, buf.phys, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));

    /* Neighbours do not overlap. */
    desc = qdmashare_copy(d, 0, 1, 150, 1, 100, 50);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    memcpy(want + 150, want + 100, 50);
    desc = qdmashare_copy(d, 0, 1, 100, 1, 200, 50);
    memcpy(want + 100, want + 200, 50);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qtest_bufread(d->qts, buf.phys, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
}

static void test_fill(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t pattern = 0x8877665544332211ULL;
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc desc;
    unsigned len;

    /* Cut off at every length, at every alignment, with a gap in between. */
    for (len = 1; len <= 33; len++) {
        uint64_t off = len * 65;

        desc = qdmashare_fill(d, 0, DST, off, len, pattern);
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
        qdmashare_pattern(p->dst_bytes + off, len, pattern);
    }
    /* Over a page's end, and up to the last byte. */
    desc = qdmashare_fill(d, 0, DST, 4001, 4191, 0x0102030405060708ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_pattern(p->dst_bytes + 4001, 4191, 0x0102030405060708ULL);
    qdmashare_pair_check(d, p);
}

static void test_fill_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t pattern = 0xf8f7f6f5f4f3f2f1ULL;
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc desc;
    unsigned row;

    /* 13 is no multiple of 8: each row starts the pattern anew. */
    desc = qdmashare_fill(d, 0, DST, 3, 13, pattern);
    desc.job.rows = 9;
    desc.job.dst.pitch = 21;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (row = 0; row < 9; row++) {
        qdmashare_pattern(p->dst_bytes + 3 + row * 21, 13, pattern);
    }
    qdmashare_pair_check(d, p);
}

static void test_fill_segments(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t pattern = 0x8070605040302010ULL;
    QDmashare *d = obj;
    struct dmashare_segment seg[64];
    struct dmashare_desc desc;
    uint8_t want[192];
    uint64_t mem;
    unsigned i;

    /* The pattern does not start anew with a segment. */
    qdmashare_start(d);
    mem = qdmashare_alloc(d, 64 * 16);
    for (i = 0; i < ARRAY_SIZE(seg); i++) {
        seg[i] = (struct dmashare_segment) { mem + (63 - i) * 16, 3 };
    }
    qdmashare_buffer(d, 1, sizeof(want));
    g_assert_cmphex(qdmashare_map(d, 1, 1, DMASHARE_DIR_FROM_DEVICE, seg,
                                  ARRAY_SIZE(seg)), ==, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, 1, 190, pattern);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    memset(want, 0, sizeof(want));
    qdmashare_pattern(want + 1, 190, pattern);
    for (i = 0; i < ARRAY_SIZE(seg); i++) {
        uint8_t got[16] = { 0 }, padded[16] = { 0 };

        memcpy(padded, want + i * 3, 3);
        qtest_memread(d->qts, seg[i].addr, got, sizeof(got));
        g_assert_cmpmem(got, sizeof(got), padded, sizeof(padded));
    }
}

/* RFC 3720 B.4: patterns and their CRC32C. */
static void crc_vector(unsigned n, uint8_t *bytes, uint32_t *crc)
{
    static const uint8_t read_pdu[48] = {
        0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
        0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
        0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    };
    static const uint32_t crcs[] = {
        0x8a9136aa, 0x62a8ab43, 0x46dd794e, 0x113fdb5c, 0xd9963a56,
    };
    unsigned i;

    for (i = 0; i < 48; i++) {
        bytes[i] = n == 0 ? 0 : n == 1 ? 0xff : n == 2 ? i :
                   n == 3 ? 31 - i : read_pdu[i];
    }
    *crc = crcs[n];
}

static void test_checksum_vectors(void *obj, void *data,
                                  QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    unsigned n;

    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_TO_DEVICE);
    for (n = 0; n < 5; n++) {
        unsigned len = n == 4 ? 48 : 32;
        struct dmashare_completion c;
        struct dmashare_desc desc;
        uint8_t bytes[48];
        uint32_t crc;

        crc_vector(n, bytes, &crc);
        /* First the judge. */
        g_assert_cmphex(qdmashare_crc32c(bytes, len), ==, crc);
        qtest_bufwrite(d->qts, buf.phys + n, bytes, len);
        desc = qdmashare_checksum(d, 0, 1, n, len);
        c = qdmashare_run(d, 1, &desc);
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(c.result, ==, crc);
    }
}

static void test_checksum_sizes(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 300 * KiB);
    struct dmashare_desc desc;
    unsigned len;

    for (len = 1; len < 40; len++) {
        desc = qdmashare_checksum(d, 0, SRC, len % 9, len);
        g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                        qdmashare_crc32c(p->src_bytes + len % 9, len));
    }
    desc = qdmashare_checksum(d, 0, SRC, 1, p->size - 2);
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(p->src_bytes + 1, p->size - 2));
    qdmashare_pair_check(d, p);
}

static void test_checksum_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    uint8_t rows[11 * 37];
    struct dmashare_desc desc;
    unsigned row;

    for (row = 0; row < 11; row++) {
        memcpy(rows + row * 37, p->src_bytes + 5 + row * 400, 37);
    }
    desc = qdmashare_checksum(d, 0, SRC, 5, 37);
    desc.job.rows = 11;
    desc.job.src.pitch = 400;
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(rows, sizeof(rows)));
}

static void register_dmashare_engine_test(void)
{
    qos_add_test("copy", "dmashare-engine", test_copy_whole, NULL);
    qos_add_test("copy-unaligned", "dmashare-engine", test_copy_unaligned,
                 NULL);
    qos_add_test("copy-2d", "dmashare-engine", test_copy_2d, NULL);
    qos_add_test("copy-segments", "dmashare-engine", test_copy_segments,
                 NULL);
    qos_add_test("copy-overlap", "dmashare-engine", test_copy_overlap, NULL);
    qos_add_test("fill", "dmashare-engine", test_fill, NULL);
    qos_add_test("fill-2d", "dmashare-engine", test_fill_2d, NULL);
    qos_add_test("fill-segments", "dmashare-engine", test_fill_segments,
                 NULL);
    qos_add_test("checksum-vectors", "dmashare-engine",
                 test_checksum_vectors, NULL);
    qos_add_test("checksum-sizes", "dmashare-engine", test_checksum_sizes,
                 NULL);
    qos_add_test("checksum-2d", "dmashare-engine", test_checksum_2d, NULL);
}

libqos_init(register_dmashare_engine_test);
