/*
 * dmashare: the engines, every byte compared, and what jobs are refused for
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

#define SRC             1
#define DST             2

typedef struct Pair {
    QDmashareBuf src;
    QDmashareBuf dst;
    uint64_t size;
    uint8_t *src_bytes;         /* what is in src */
    uint8_t *dst_bytes;         /* what must be in dst */
} Pair;

/* Two mapped buffers of different noise. */
static Pair *pair_new(QDmashare *d, uint64_t size)
{
    Pair *p = g_new0(Pair, 1);

    p->size = size;
    p->src = qdmashare_buf(d, SRC, size, DMASHARE_DIR_TO_DEVICE);
    p->dst = qdmashare_buf(d, DST, size, DMASHARE_DIR_FROM_DEVICE);
    p->src_bytes = g_malloc(size);
    p->dst_bytes = g_malloc(size);
    qdmashare_noise(p->src_bytes, size, 1);
    qdmashare_noise(p->dst_bytes, size, 2);
    qtest_bufwrite(d->qts, p->src.phys, p->src_bytes, size);
    qtest_bufwrite(d->qts, p->dst.phys, p->dst_bytes, size);
    return p;
}

/* Not a byte differs from what must be there: neither in dst nor in src. */
static void pair_check(QDmashare *d, Pair *p)
{
    g_autofree uint8_t *got = g_malloc(p->size);

    qtest_bufread(d->qts, p->dst.phys, got, p->size);
    g_assert_cmpmem(got, p->size, p->dst_bytes, p->size);
    qtest_bufread(d->qts, p->src.phys, got, p->size);
    g_assert_cmpmem(got, p->size, p->src_bytes, p->size);
}

static void pair_free(Pair *p)
{
    g_free(p->src_bytes);
    g_free(p->dst_bytes);
    g_free(p);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pair, pair_free)

static void test_copy_whole(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_completion c;
    struct dmashare_desc desc;

    qdmashare_start(d);
    p = pair_new(d, 1 * MiB + 4096 + 3);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, p->size);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.result, ==, 0);
    g_assert_cmphex(c.detail, ==, 0);
    memcpy(p->dst_bytes, p->src_bytes, p->size);
    pair_check(d, p);
}

static void test_copy_unaligned(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    uint64_t state = 3;
    unsigned round, i;

    /* Offsets and lengths of every remainder, page crossings among them. */
    qdmashare_start(d);
    p = pair_new(d, 32 * KiB);
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
    pair_check(d, p);
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
    g_autoptr(Pair) p = NULL;
    size_t i;
    uint32_t row;

    qdmashare_start(d);
    p = pair_new(d, 32 * KiB + 1);
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
        pair_check(d, p);
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

static void fill_bytes(uint8_t *dst, uint64_t len, uint64_t pattern)
{
    uint64_t i;

    for (i = 0; i < len; i++) {
        dst[i] = pattern >> (i % 8 * 8);
    }
}

static void test_fill(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t pattern = 0x8877665544332211ULL;
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    unsigned len;

    /* Cut off at every length, at every alignment, with a gap in between. */
    qdmashare_start(d);
    p = pair_new(d, 8192);
    for (len = 1; len <= 33; len++) {
        uint64_t off = len * 65;

        desc = qdmashare_fill(d, 0, DST, off, len, pattern);
        qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
        fill_bytes(p->dst_bytes + off, len, pattern);
    }
    /* Over a page's end, and up to the last byte. */
    desc = qdmashare_fill(d, 0, DST, 4001, 4191, 0x0102030405060708ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    fill_bytes(p->dst_bytes + 4001, 4191, 0x0102030405060708ULL);
    pair_check(d, p);
}

static void test_fill_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t pattern = 0xf8f7f6f5f4f3f2f1ULL;
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    unsigned row;

    /* 13 is no multiple of 8: each row starts the pattern anew. */
    qdmashare_start(d);
    p = pair_new(d, 8192);
    desc = qdmashare_fill(d, 0, DST, 3, 13, pattern);
    desc.job.rows = 9;
    desc.job.dst.pitch = 21;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (row = 0; row < 9; row++) {
        fill_bytes(p->dst_bytes + 3 + row * 21, 13, pattern);
    }
    pair_check(d, p);
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
    fill_bytes(want + 1, 190, pattern);
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
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    unsigned len;

    qdmashare_start(d);
    p = pair_new(d, 300 * KiB);
    for (len = 1; len < 40; len++) {
        desc = qdmashare_checksum(d, 0, SRC, len % 9, len);
        g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                        qdmashare_crc32c(p->src_bytes + len % 9, len));
    }
    desc = qdmashare_checksum(d, 0, SRC, 1, p->size - 2);
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(p->src_bytes + 1, p->size - 2));
    pair_check(d, p);
}

static void test_checksum_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    uint8_t rows[11 * 37];
    struct dmashare_desc desc;
    unsigned row;

    qdmashare_start(d);
    p = pair_new(d, 8192);
    for (row = 0; row < 11; row++) {
        memcpy(rows + row * 37, p->src_bytes + 5 + row * 400, 37);
    }
    desc = qdmashare_checksum(d, 0, SRC, 5, 37);
    desc.job.rows = 11;
    desc.job.src.pitch = 400;
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(rows, sizeof(rows)));
}

/* Refused jobs still signal their fence, and touch nothing. */
static void assert_refused(QDmashare *d, Pair *p, struct dmashare_desc desc,
                           unsigned status)
{
    struct dmashare_completion c;

    desc.job.seqno = qdmashare_next(d, desc.job.timeline);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, status);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.result, ==, 0);
    g_assert_cmpuint(qdmashare_fence(d, desc.job.timeline), ==,
                     desc.job.seqno);
    pair_check(d, p);
}

static void test_refused_reserved(void *obj, void *data,
                                  QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc good, desc;

    qdmashare_start(d);
    p = pair_new(d, 8192);
    good = qdmashare_copy(d, 0, DST, 0, SRC, 0, 64);

    desc = good;
    desc.flags = DMASHARE_JOB_F_STRICT << 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.job.src.reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.job.dst.reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.n_waits = DMASHARE_MAX_WAITS + 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.n_waits = 255;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.n_waits = 1;
    desc.job.wait[0].reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.body[sizeof(desc.job)] = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.body[sizeof(desc.body) - 1] = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    qdmashare_assert_no_event(d);
}

static void test_refused_unused(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;

    /* What an opcode has no use for must be zero. */
    qdmashare_start(d);
    p = pair_new(d, 8192);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.length = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.dst.mapping = DST;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.src.offset = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, DMASHARE_NOOP_MAX_NS + 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, UINT64_MAX);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_fill(d, 0, DST, 0, 64, 1);
    desc.job.src.mapping = SRC;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_fill(d, 0, DST, 0, 64, 1);
    desc.job.src.pitch = 64;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_checksum(d, 0, SRC, 0, 64);
    desc.job.dst.mapping = DST;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_checksum(d, 0, SRC, 0, 64);
    desc.job.value = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 64);
    desc.job.value = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 64);
    desc.job.dst.pitch = 64;    /* with no second row */
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
}

static void test_refused_lengths(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t max = qdmashare_readq(d, DMASHARE_REG_MAX_JOB_BYTES_LO);
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;

    qdmashare_start(d);
    p = pair_new(d, 8192);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 0);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, 0, 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_checksum(d, 0, SRC, 0, 0);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, max + 1, 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, UINT64_MAX, 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);

    /* rows * length: too much, and so much that it is little again. */
    desc = qdmashare_fill(d, 0, DST, 0, max / 2 + 1, 1);
    desc.job.rows = 2;
    desc.job.dst.pitch = max;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, 1ULL << 62, 1);
    desc.job.rows = 4;
    desc.job.dst.pitch = 1ULL << 62;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_checksum(d, 0, SRC, 0, 1ULL << 33);
    desc.job.rows = 1U << 31;
    desc.job.src.pitch = 1ULL << 33;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);

    desc = qdmashare_fill(d, 0, DST, 0, 8, 1);
    desc.job.rows = 2;
    desc.job.dst.pitch = 7;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 8);
    desc.job.rows = 2;
    desc.job.dst.pitch = 8;
    desc.job.src.pitch = 7;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
}

static void test_refused_opcode(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    unsigned op;

    /* Unknown jobs have a fence all the same. */
    qdmashare_start(d);
    p = pair_new(d, 64);
    for (op = DMASHARE_OP_JOB_CHECKSUM + 1; op < 0x100; op += 17) {
        desc = qdmashare_noop(d, 0, 0);
        desc.opcode = op;
        assert_refused(d, p, desc, DMASHARE_STATUS_BAD_OPCODE);
    }
}

typedef struct Fault {
    unsigned status;
    uint32_t mapping;
    uint64_t offset;
    uint64_t addr;
    bool write;
} Fault;

/* The job fails, its fence signals, and one event tells where. */
static void assert_fault(QDmashare *d, struct dmashare_desc *desc,
                         const Fault *want)
{
    struct dmashare_completion c = qdmashare_run(d, 1, desc);
    struct dmashare_event e = qdmashare_event(d);

    g_assert_cmphex(c.status, ==, want->status);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.detail, ==, want->addr);
    g_assert_cmpuint(qdmashare_fence(d, desc->job.timeline), ==,
                     desc->job.seqno);

    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FAULT);
    g_assert_cmphex(e.status, ==, want->status);
    g_assert_cmpuint(e.queue, ==, 1);
    g_assert_cmpuint(e.cookie, ==, c.cookie);
    g_assert_cmpuint(e.mapping, ==, want->mapping);
    g_assert_cmphex(e.offset, ==, want->offset);
    g_assert_cmphex(e.addr, ==, want->addr);
    g_assert_cmphex(e.flags, ==, want->write ? DMASHARE_EVENT_F_WRITE : 0);
    g_assert_cmpuint(e.time, ==, qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    g_assert_cmpuint(e.lost, ==, 0);
    g_assert_cmphex(e.reserved, ==, 0);
    qdmashare_assert_no_event(d);
}

static void test_direction(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    Fault fault = { .status = DMASHARE_STATUS_FAULT_DIRECTION };

    qdmashare_start(d);
    p = pair_new(d, 8192);

    /* SRC is to-device: the device may not write it. */
    fault.mapping = SRC;
    fault.write = true;
    fault.offset = 16;
    fault.addr = p->src.phys + 16;
    desc = qdmashare_fill(d, 0, SRC, 16, 64, 1);
    assert_fault(d, &desc, &fault);
    pair_check(d, p);

    /* DST is from-device: it may not read it. */
    fault.mapping = DST;
    fault.write = false;
    fault.offset = 32;
    fault.addr = p->dst.phys + 32;
    desc = qdmashare_checksum(d, 0, DST, 32, 64);
    assert_fault(d, &desc, &fault);
    desc = qdmashare_copy(d, 0, SRC, 16, DST, 32, 64);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DIRECTION);
    pair_check(d, p);

    /* The right way round. */
    desc = qdmashare_copy(d, 0, DST, 32, SRC, 16, 64);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    memcpy(p->dst_bytes + 32, p->src_bytes + 16, 64);
    pair_check(d, p);
}

static void test_bidirectional(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    QDmashareBuf buf;

    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_BIDIRECTIONAL);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x1020304050607080ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_copy(d, 0, 1, 100, 1, 0, 8);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 100), ==,
                    0x1020304050607080ULL);
}

/* A job whose operand ends past its mapping: nothing moves. */
static void assert_bounds(QDmashare *d, Pair *p, struct dmashare_desc desc,
                          uint32_t mapping, bool write)
{
    struct dmashare_completion c;
    struct dmashare_event e;

    desc.job.seqno = qdmashare_next(d, 0);
    c = qdmashare_run(d, 1, &desc);
    e = qdmashare_event(d);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FAULT);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmpuint(e.mapping, ==, mapping);
    g_assert_cmpuint(e.cookie, ==, c.cookie);
    g_assert_cmphex(e.flags, ==, write ? DMASHARE_EVENT_F_WRITE : 0);
    g_assert_cmphex(e.offset, ==, write ? desc.job.dst.offset
                                        : desc.job.src.offset);
    g_assert_cmphex(e.addr, ==, c.detail);
    pair_check(d, p);
}

static void test_bounds(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t past[][2] = {
        /* offset, length */
        { 8191, 2 }, { 8192, 1 }, { 0, 8193 }, { UINT64_MAX, 1 },
        { UINT64_MAX - 3, 8 }, { 1ULL << 32, 8 }, { -8192ULL, 8192 },
    };
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    size_t i;

    qdmashare_start(d);
    p = pair_new(d, 8192);
    for (i = 0; i < ARRAY_SIZE(past); i++) {
        uint64_t off = past[i][0], len = past[i][1];

        assert_bounds(d, p, qdmashare_fill(d, 0, DST, off, len, 1), DST,
                      true);
        assert_bounds(d, p, qdmashare_checksum(d, 0, SRC, off, len), SRC,
                      false);
        /* The source is looked at first. */
        assert_bounds(d, p, qdmashare_copy(d, 0, DST, off, SRC, 0, len),
                      len > 8192 ? SRC : DST, len <= 8192);
    }
}

static void test_bounds_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    unsigned row;

    qdmashare_start(d);
    p = pair_new(d, 8192);

    /* The last row ends with the mapping though its pitch does not. */
    desc = qdmashare_fill(d, 0, DST, 2, 10, 0x33);
    desc.job.rows = 8;
    desc.job.dst.pitch = 1168;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (row = 0; row < 8; row++) {
        fill_bytes(p->dst_bytes + 2 + row * 1168, 10, 0x33);
    }
    pair_check(d, p);

    /* One byte more of offset, length, pitch or rows does not fit. */
    desc = qdmashare_fill(d, 0, DST, 7, 10, 0x44);
    desc.job.rows = 8;
    desc.job.dst.pitch = 1168;
    assert_bounds(d, p, desc, DST, true);
    desc.job.dst.offset = 2;
    desc.job.length = 15;
    assert_bounds(d, p, desc, DST, true);
    desc.job.length = 10;
    desc.job.dst.pitch = 1169;
    assert_bounds(d, p, desc, DST, true);
    desc.job.dst.pitch = 1168;
    desc.job.rows = 9;
    assert_bounds(d, p, desc, DST, true);

    /* Pitches whose sum wraps back into the mapping. */
    desc.job.rows = 3;
    desc.job.dst.pitch = 1ULL << 63;
    assert_bounds(d, p, desc, DST, true);
    desc.job.rows = 5;
    desc.job.dst.pitch = 1ULL << 62;
    assert_bounds(d, p, desc, DST, true);
}

static void test_no_mapping(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    Fault fault = {
        .status = DMASHARE_STATUS_FAULT_DEAD_MAPPING,
        .addr = UINT64_MAX,
    };

    qdmashare_start(d);
    p = pair_new(d, 4096);
    fault.mapping = 77;
    fault.write = true;
    desc = qdmashare_copy(d, 0, 77, 0, SRC, 0, 64);
    assert_fault(d, &desc, &fault);
    fault.write = false;
    desc = qdmashare_copy(d, 0, DST, 0, 77, 0, 64);
    assert_fault(d, &desc, &fault);
    fault.mapping = 0;
    desc = qdmashare_checksum(d, 0, 0, 0, 64);
    assert_fault(d, &desc, &fault);
    pair_check(d, p);
}

static void test_translation(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[3];
    struct dmashare_desc desc;
    uint8_t got[64];
    uint64_t mem;
    Fault fault = {
        .status = DMASHARE_STATUS_FAULT_TRANSLATION,
        .mapping = 1,
    };

    /* Memory, a hole, memory. */
    qdmashare_start(d);
    mem = qdmashare_alloc(d, 4096);
    seg[0] = (struct dmashare_segment) { mem, 40 };
    seg[1] = (struct dmashare_segment) { NOWHERE, 40 };
    seg[2] = (struct dmashare_segment) { mem + 64, 40 };
    qdmashare_buffer(d, 1, 120);
    g_assert_cmphex(qdmashare_map(d, 1, 1, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);

    /* What was written before the fault stays, behind it nothing is. */
    fault.offset = 40;
    fault.addr = NOWHERE;
    fault.write = true;
    desc = qdmashare_fill(d, 0, 1, 8, 112, 0x5555555555555555ULL);
    assert_fault(d, &desc, &fault);
    qtest_memread(d->qts, mem, got, sizeof(got));
    g_assert_cmphex(got[7], ==, 0);
    g_assert_cmphex(got[8], ==, 0x55);
    g_assert_cmphex(got[39], ==, 0x55);
    g_assert_cmphex(qtest_readb(d->qts, mem + 64), ==, 0);

    /* From its middle, and reading. */
    fault.offset = 57;
    fault.addr = NOWHERE + 17;
    fault.write = false;
    desc = qdmashare_checksum(d, 0, 1, 57, 8);
    assert_fault(d, &desc, &fault);

    desc = qdmashare_fill(d, 0, 1, 80, 40, 0x6666666666666666ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, mem + 64), ==, 0x6666666666666666ULL);
}

static void test_refused_flood(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(Pair) p = NULL;
    struct dmashare_desc desc;
    unsigned round, i;

    /* A good job between many bad ones is still a good one. */
    qdmashare_start(d);
    p = pair_new(d, 4096);
    for (round = 0; round < 20; round++) {
        for (i = 0; i < QDMASHARE_ENTRIES; i++) {
            if (i == 7) {
                desc = qdmashare_copy(d, 0, DST, round, SRC, round * 3, 1);
                p->dst_bytes[round] = p->src_bytes[round * 3];
            } else {
                desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 0);
            }
            qdmashare_push(d, 1, &desc);
        }
        qdmashare_doorbell(d, 1);
        for (i = 0; i < QDMASHARE_ENTRIES; i++) {
            g_assert_cmphex(qdmashare_pop(d, 1).status, ==,
                            i == 7 ? DMASHARE_STATUS_OK
                                   : DMASHARE_STATUS_BAD_LENGTH);
        }
    }
    pair_check(d, p);
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
    qos_add_test("refused-reserved", "dmashare-engine",
                 test_refused_reserved, NULL);
    qos_add_test("refused-unused", "dmashare-engine", test_refused_unused,
                 NULL);
    qos_add_test("refused-lengths", "dmashare-engine", test_refused_lengths,
                 NULL);
    qos_add_test("refused-opcode", "dmashare-engine", test_refused_opcode,
                 NULL);
    qos_add_test("refused-flood", "dmashare-engine", test_refused_flood,
                 NULL);
    qos_add_test("direction", "dmashare-engine", test_direction, NULL);
    qos_add_test("bidirectional", "dmashare-engine", test_bidirectional,
                 NULL);
    qos_add_test("bounds", "dmashare-engine", test_bounds, NULL);
    qos_add_test("bounds-2d", "dmashare-engine", test_bounds_2d, NULL);
    qos_add_test("no-mapping", "dmashare-engine", test_no_mapping, NULL);
    qos_add_test("translation", "dmashare-engine", test_translation, NULL);
}

libqos_init(register_dmashare_engine_test);
