/*
 * dmashare: a device that is not coherent, where it becomes difficult
 *
 * Ways past the cache, a cache that is too small, memory that cannot be
 * reached, scattered memory, what is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-coherence.h"

#define PIECE           QDMASHARE_PIECE
#define SIZE            QCOH_SIZE
#define CACHED          QCOH_SIZE
#define NONE            ""

static void test_coherent(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", NONE);
    unsigned direction;

    /* Nothing is ever copied; SYNC is counted, and that is all it does. */
    g_assert_cmphex(qdmashare_readl(r->d, DMASHARE_REG_FEATURES_LO) &
                    DMASHARE_FEATURE_NONCOHERENT, ==, 0);
    for (direction = 0; direction < 3; direction++) {
        qcoh_assert_reads(r, r->old, 0, SIZE);
        qcoh_cpu_writes(r, r->new, 0, SIZE);
        qcoh_assert_reads(r, r->new, 0, SIZE);
        qcoh_device_writes(r, r->old, direction, 77, 0x3333 + direction);
        qcoh_cpu_writes(r, r->old, 0, SIZE);
        qcoh_sync_ok(r, DMASHARE_SYNC_F_FOR_CPU, direction, 0, SIZE);
        qcoh_sync_ok(r, DMASHARE_SYNC_F_FOR_DEVICE, direction, 5, 1);
        qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    }
    /* The flags of MAP, UNMAP and jobs are accepted as well. */
    qcoh_map_more(r, 2, 0, DMASHARE_MAP_F_UNCACHED | DMASHARE_MAP_F_SKIP_SYNC);
    qcoh_device_writes_via(r, 2, r->old, 5, 9, 0x22);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qcoh_unmap(r, 2, DMASHARE_UNMAP_F_SKIP_SYNC);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qdmashare_delta_check(&r->delta);
}

static unsigned job_past(QCoh *r, struct dmashare_desc desc, bool by_job,
                         uint64_t *result)
{
    struct dmashare_completion c;

    desc.flags = by_job ? DMASHARE_JOB_F_UNCACHED : 0;
    c = qdmashare_job(r->d, desc);
    *result = c.result;
    r->delta.want.jobs++;
    if (desc.opcode == DMASHARE_OP_JOB_FILL) {
        r->delta.want.bytes_written += desc.job.length;
    } else {
        r->delta.want.bytes_read += desc.job.length;
    }
    return c.status;
}

/* Once by a mapping's flag and once by the job's; they mean the same. */
static void uncached(bool by_job)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    uint32_t via = by_job ? 1 : 2;
    uint8_t copy[SIZE];
    uint64_t result;

    if (!by_job) {
        qcoh_map_more(r, 2, 0, DMASHARE_MAP_F_UNCACHED);
    }

#define READS(bytes, at, len)                                           \
    do {                                                                \
        g_assert_cmphex(job_past(r, qdmashare_checksum(r->d, 0, via, at, \
                                                       len), by_job,    \
                                 &result), ==, DMASHARE_STATUS_OK);     \
        g_assert_cmphex(result, ==, qdmashare_crc32c((bytes) + (at), len)); \
    } while (0)
#define WRITES(bytes, at, len, pattern)                                 \
    do {                                                                \
        g_assert_cmphex(job_past(r, qdmashare_fill(r->d, 0, via, at, len, \
                                                   pattern), by_job,    \
                                 &result), ==, DMASHARE_STATUS_OK);     \
        qdmashare_pattern((bytes) + (at), len, pattern);                \
    } while (0)

    /* Memory as it is, and nothing is copied. */
    READS(r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    READS(r->new, 0, SIZE);
    qdmashare_delta_check(&r->delta);

    /* Clean copies are not looked at, and stay; nothing stale is counted. */
    qcoh_assert_reads(r, r->new, 0, SIZE);
    qcoh_cpu_writes(r, r->old, 0, SIZE);
    READS(r->old, 0, SIZE);
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);

    /* Dirty bytes are read from the copy, all others from memory. */
    memcpy(copy, r->new, SIZE);
    qcoh_device_writes(r, copy, PIECE - 20, 30, 0x5555555555555555ULL);
    memcpy(copy, r->old, PIECE - 20);
    memcpy(copy + PIECE + 10, r->old + PIECE + 10, SIZE - PIECE - 10);
    READS(copy, 0, SIZE);
    READS(copy, PIECE - 21, 5);
    READS(copy, PIECE + 5, 100);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    r->delta.want.cache_dirty = 30;
    qdmashare_delta_check(&r->delta);

    /*
     * A write goes to memory. The piece goes with what was dirty in it, and
     * the other one stays as it is.
     */
    WRITES(copy, PIECE - 10, 5, 0x6666666666666666ULL);
    memcpy(r->old + PIECE - 20, copy + PIECE - 20, 20);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    r->delta.want.cache_bytes = CACHED - PIECE;
    r->delta.want.cache_dirty = 10;
    r->delta.want.cache_written_back = 20;
    qdmashare_delta_check(&r->delta);

    /* The next cached read finds what was written. */
    qcoh_assert_reads(r, copy, 0, PIECE);
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);

    /* Over all of it: clean pieces go as well, unwritten. */
    WRITES(copy, 1, SIZE - 2, 0x123456789abcdef0ULL);
    memcpy(r->old + 1, copy + 1, SIZE - 2);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qcoh_assert_reads(r, r->old, 0, SIZE);
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 30;
    qdmashare_delta_check(&r->delta);
#undef READS
#undef WRITES
}

static void test_uncached_mapping(void)
{
    uncached(false);
}

static void test_uncached_job(void)
{
    uncached(true);
}

static void test_exhaustion(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
        "coherent=off,cache-size=16384");
    QDmashare *d = m->d;
    uint8_t bytes[8 * PIECE], old[8 * PIECE];
    QDmashareBuf buf = qdmashare_buf(d, 1, sizeof(bytes), 0);
    QDmashareDelta one = qdmashare_delta(d, 1);
    QDmashareDelta all;
    static const unsigned order[] = { 3, 0, 2, 1 };
    unsigned i;

    qdmashare_noise(old, sizeof(old), 3);
    memcpy(bytes, old, sizeof(old));
    qtest_bufwrite(d->qts, buf.phys, old, sizeof(old));

    /* Four pieces fit; the order of their making is not that of place. */
    for (i = 0; i < 4; i++) {
        uint64_t at = order[i] * PIECE + 8;

        qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, at, 16, 0x1111));
        qdmashare_pattern(bytes + at, 16, 0x1111);
    }
    /* Use does not make the first one younger. */
    qdmashare_assert_checksum(d, 1, 3 * PIECE, bytes + 3 * PIECE, PIECE);
    one.want.jobs = 5;
    one.want.bytes_read = PIECE;
    one.want.bytes_written = 64;
    one.want.cache_bytes = 4 * PIECE;
    one.want.cache_dirty = 64;
    qdmashare_delta_check(&one);
    qdmashare_assert_bytes(d, buf.phys, old, sizeof(old));

    /* One more: piece 3 is written back, and gone. */
    qdmashare_assert_checksum(d, 1, 4 * PIECE, old + 4 * PIECE, 10);
    memcpy(old + 3 * PIECE, bytes + 3 * PIECE, PIECE);
    qdmashare_assert_bytes(d, buf.phys, old, sizeof(old));
    one.want.jobs++;
    one.want.bytes_read += 10;
    one.want.cache_dirty = 48;
    one.want.cache_written_back = 16;
    qdmashare_delta_check(&one);
    qtest_memset(d->qts, buf.phys + 3 * PIECE, 0x44, PIECE);
    memset(bytes + 3 * PIECE, 0x44, PIECE);
    memset(old + 3 * PIECE, 0x44, PIECE);
    qdmashare_assert_checksum(d, 1, 3 * PIECE, bytes + 3 * PIECE, PIECE);
    memcpy(old, bytes, PIECE);
    qdmashare_assert_bytes(d, buf.phys, old, sizeof(old));
    one.want.jobs++;
    one.want.bytes_read += PIECE;
    one.want.cache_dirty = 32;
    one.want.cache_written_back = 32;
    qdmashare_delta_check(&one);

    /* The cache is one for all buffers: another one drives these out. */
    qdmashare_buf(d, 2, 4 * PIECE, 0);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 0, 4 * PIECE, 7));
    qdmashare_assert_bytes(d, buf.phys, bytes, sizeof(bytes));
    one.want.cache_bytes = 0;
    one.want.cache_dirty = 0;
    one.want.cache_written_back = 64;
    qdmashare_delta_check(&one);
    all = qdmashare_delta(d, 0);
    g_assert_cmpuint(all.want.cache_bytes, ==, 4 * PIECE);
    g_assert_cmpuint(all.want.cache_dirty, ==, 4 * PIECE);
    g_assert_cmpuint(all.want.cache_written_back, ==, 64);
    g_assert_cmpuint(all.want.cache_discarded, ==, 0);
}

static void test_smallest(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
        "coherent=off,cache-size=4096");
    QDmashare *d = m->d;
    g_autoptr(QDmasharePair) p = qdmashare_pair_new(d, 64 * KiB + 5);
    struct dmashare_ledger l;
    struct dmashare_desc desc;
    unsigned row;

    /*
     * One piece for both operands. Nothing is lost for it, in a straight
     * copy, in one whose pieces never meet, and in rows.
     */
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, QDMASHARE_DST, 0,
                                          QDMASHARE_SRC, 0, p->size));
    memcpy(p->dst_bytes, p->src_bytes, p->size);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, QDMASHARE_DST, 3,
                                          QDMASHARE_SRC, 4000, 50000));
    memcpy(p->dst_bytes + 3, p->src_bytes + 4000, 50000);
    desc = qdmashare_copy(d, 0, QDMASHARE_DST, 1, QDMASHARE_SRC, 9, 100);
    desc.job.rows = 30;
    desc.job.src.pitch = 1111;
    desc.job.dst.pitch = 2100;
    qdmashare_assert_ok(d, desc);
    for (row = 0; row < 30; row++) {
        memcpy(p->dst_bytes + 1 + row * 2100, p->src_bytes + 9 + row * 1111,
               100);
    }
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.cache_bytes, <=, PIECE);
    g_assert_cmpuint(l.cache_discarded, ==, 0);
    g_assert_cmpuint(l.stale_bytes, ==, 0);
    qdmashare_sync_for_cpu(d, QDMASHARE_DST, 0, p->size);
    qdmashare_pair_check(d, p);
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.cache_dirty, ==, 0);
    g_assert_cmpuint(l.bytes_written, ==, p->size + 50000 + 3000);
}

static void test_scattered(void)
{
    enum { N = 700, LEN = 23 };
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "coherent=off");
    QDmashare *d = m->d;
    g_autofree struct dmashare_segment *seg =
        g_new(struct dmashare_segment, N);
    g_autofree uint8_t *memory = g_malloc(N * 64);
    g_autofree uint8_t *bytes = g_malloc(N * LEN);
    uint64_t mem = qdmashare_alloc(d, N * 64);
    struct dmashare_ledger l;
    unsigned i;

    /* Hundreds of segments to a piece, backwards, with gaps. */
    qdmashare_noise(memory, N * 64, 5);
    qtest_bufwrite(d->qts, mem, memory, N * 64);
    for (i = 0; i < N; i++) {
        seg[i] = (struct dmashare_segment) { mem + (N - 1 - i) * 64 + 7, LEN };
        memcpy(bytes + i * LEN, memory + (N - 1 - i) * 64 + 7, LEN);
    }
    qdmashare_buffer(d, 1, N * LEN);
    g_assert_cmphex(qdmashare_map(d, 1, 1, 0, seg, N), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_checksum(d, 1, 0, bytes, N * LEN);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 3000, 9000, 0x8877665544));
    qdmashare_pattern(bytes + 3000, 9000, 0x8877665544);
    qdmashare_assert_bytes(d, mem, memory, N * 64);
    qdmashare_assert_checksum(d, 1, 0, bytes, N * LEN);
    /* Of the first half of the dirty bytes. */
    qdmashare_sync_for_cpu(d, 1, 0, 7500);
    for (i = 0; i < 7500; i++) {
        memory[(N - 1 - i / LEN) * 64 + 7 + i % LEN] = bytes[i];
    }
    qdmashare_assert_bytes(d, mem, memory, N * 64);
    qdmashare_unmap(d, 1);
    for (i = 0; i < N; i++) {
        memcpy(memory + (N - 1 - i) * 64 + 7, bytes + i * LEN, LEN);
    }
    qdmashare_assert_bytes(d, mem, memory, N * 64);
    qdmashare_ledger(d, 1, &l);
    g_assert_cmpuint(l.cache_written_back, ==, 9000);
    g_assert_cmpuint(l.cache_discarded, ==, 0);
    g_assert_cmpuint(l.stale_bytes, ==, 0);
}

static void test_local(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off,local-size=1M");
    QDmashare *d = r->d;
    QDmashareBuf local = qdmashare_local_buf(d, 2, 4096, SIZE, 0);
    QDmashareDelta delta = qdmashare_delta(d, 2);

    /* Local memory is never copied, and a SYNC of it does nothing. */
    qtest_bufwrite(d->qts, local.phys, r->old, SIZE);
    qdmashare_assert_checksum(d, 2, 0, r->old, SIZE);
    qtest_bufwrite(d->qts, local.phys, r->new, SIZE);
    qdmashare_assert_checksum(d, 2, 0, r->new, SIZE);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 100, 16, 0xaa));
    qdmashare_pattern(r->new + 100, 16, 0xaa);
    qdmashare_assert_bytes(d, local.phys, r->new, SIZE);
    qdmashare_sync_for_cpu(d, 2, 0, SIZE);
    qdmashare_sync_for_device(d, 2, 0, SIZE);
    qdmashare_assert_bytes(d, local.phys, r->new, SIZE);
    delta.want.jobs = 3;
    delta.want.bytes_read = delta.want.local_bytes_read = 2 * SIZE;
    delta.want.bytes_written = delta.want.local_bytes_written = 16;
    delta.want.syncs_for_cpu = 1;
    delta.want.syncs_for_device = 1;
    qdmashare_delta_check(&delta);

    /* A copy between the two: the system side is as stale as ever. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 2, 0, 1, 0, SIZE));
    qdmashare_assert_bytes(d, local.phys, r->old, SIZE);
    r->delta.want.jobs++;
    r->delta.want.bytes_read += SIZE;
    r->delta.want.stale_bytes += SIZE;
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);
}

static void test_move_drops(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off,local-size=1M");
    QDmashare *d = r->d;
    struct dmashare_segment seg = { 0, SIZE };

    /*
     * A buffer that moves away and comes back: UNMAP of its system mapping
     * wrote everything, and MAP begins anew. A mapping of local memory does
     * not keep the dirty bytes of the system one alive.
     */
    qcoh_device_writes(r, r->old, 0, SIZE, 0x77);
    g_assert_cmphex(qdmashare_map_local(d, 2, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 2, 0, 1, 0, SIZE));
    qdmashare_assert_bytes(d, d->local, r->old, SIZE);
    g_assert_cmphex(qdmashare_unmap_with(d, 1, DMASHARE_UNMAP_F_SKIP_SYNC)
                    .status, ==, DMASHARE_STATUS_OK);
    r->delta.want.maps++;
    r->delta.want.jobs++;
    r->delta.want.bytes_read += SIZE;
    r->delta.want.bytes_written += SIZE;
    r->delta.want.local_bytes_written += SIZE;
    r->delta.want.cache_discarded = SIZE;
    r->delta.want.cache_bytes = 0;
    qdmashare_delta_check(&r->delta);
}

static void test_destroy(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    QDmashare *d = r->d;
    QDmashareDelta all;

    /* The copies go with the buffer; a new one of the id has none. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    qcoh_unmap(r, 1, DMASHARE_UNMAP_F_SKIP_SYNC);
    all = qdmashare_delta(d, 0);
    g_assert_cmpuint(all.want.cache_bytes, ==, CACHED);
    qdmashare_destroy(d, 1);
    all.want.live_buffers = 0;
    all.want.cache_bytes = 0;
    qdmashare_delta_check(&all);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    qdmashare_buffer(d, 1, SIZE);
    g_assert_cmphex(qdmashare_map_flags(d, 1, &r->buf, 0,
                                        DMASHARE_MAP_F_SKIP_SYNC), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_checksum(d, 1, 0, r->new, SIZE);
}

static void test_reset(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M q35", "coherent=off");
    QDmashare *d = r->d;
    struct dmashare_ledger l;
    unsigned i;

    /* Power-on state has no copies; what was dirty is not in memory. */
    for (i = 0; i < 2; i++) {
        uint8_t lost[SIZE];

        memcpy(lost, r->old, SIZE);
        qcoh_device_writes(r, lost, 0, 2 * PIECE, 0x99);
        if (i) {
            qdmashare_flr(d);
            qdmashare_flr_recover(d);
        } else {
            qdmashare_reset(d);
        }
        qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
        qdmashare_start(d);
        qdmashare_ledger(d, 0, &l);
        g_assert_cmpuint(l.cache_bytes, ==, 0);
        g_assert_cmpuint(l.cache_dirty, ==, 0);
        g_assert_cmpuint(l.cache_discarded, ==, 0);
        qdmashare_buffer(d, 1, SIZE);
        g_assert_cmphex(qdmashare_map_flags(d, 1, &r->buf, 0,
                                            DMASHARE_MAP_F_SKIP_SYNC), ==,
                        DMASHARE_STATUS_OK);
        qdmashare_assert_checksum(d, 1, 0, r->old, SIZE);
        qdmashare_ledger(d, 1, &l);
        g_assert_cmpuint(l.cache_bytes, ==, CACHED);
        g_assert_cmpuint(l.stale_bytes, ==, 0);
    }
}

static void refused(const char *properties)
{
    static const struct {
        uint32_t mapping;
        unsigned flags, direction;
        uint64_t offset, length;
        unsigned status;
    } cases[] = {
        { 0, 1, 0, 0, 1, DMASHARE_STATUS_BAD_ID },
        { 2, 1, 0, 0, 1, DMASHARE_STATUS_BAD_ID },
        { UINT32_MAX, 1, 0, 0, 1, DMASHARE_STATUS_BAD_ID },
        { 1, 0, 0, 0, 1, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { 1, 3, 0, 0, 1, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { 1, 4, 0, 0, 1, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { 1, 5, 0, 0, 1, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { 1, 1, 3, 0, 1, DMASHARE_STATUS_BAD_DIRECTION },
        { 1, 2, UINT32_MAX, 0, 1, DMASHARE_STATUS_BAD_DIRECTION },
        { 1, 1, 0, 0, 0, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 1, 0, SIZE, 0, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 1, 0, SIZE, 1, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 2, 0, 0, SIZE + 1, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 2, 0, SIZE - 1, 2, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 2, 0, 1, UINT64_MAX, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 2, 0, UINT64_MAX, 2, DMASHARE_STATUS_BAD_LENGTH },
        { 1, 2, 0, 1ULL << 63, 1ULL << 63, DMASHARE_STATUS_BAD_LENGTH },
    };
    g_autoptr(QCoh) r = qcoh_new("-M pc", properties);
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_SYNC,
        .sync = { .mapping = 1, .flags = 1, .length = SIZE },
    };
    QDmashareDelta all;
    uint8_t copy[SIZE];
    size_t i;

    memcpy(copy, r->old, SIZE);
    qcoh_device_writes(r, copy, 0, SIZE, 0x12);
    all = qdmashare_delta(r->d, 0);
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dmashare_completion c;

        g_test_message("case %zu", i);
        c = qdmashare_sync(r->d, cases[i].mapping, cases[i].flags,
                           cases[i].direction, cases[i].offset,
                           cases[i].length);
        g_assert_cmphex(c.status, ==, cases[i].status);
        g_assert_cmphex(c.detail, ==, 0);
    }
    desc.sync.reserved = 1;
    qdmashare_assert_command(r->d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.sync.reserved = 0;
    for (i = sizeof(desc.sync); i < sizeof(desc.body); i++) {
        desc.body[i] = 0x80;
        qdmashare_assert_command(r->d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
        desc.body[i] = 0;
    }
    /* An unknown flag of MAP and of UNMAP; the mapping is still there. */
    g_assert_cmphex(qdmashare_map_flags(r->d, 2, &r->buf, 0, 4), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_map_flags(r->d, 2, &r->buf, 0, 1U << 31), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_unmap_with(r->d, 1, 2).status, ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_unmap_with(r->d, 1, 1U << 31).status, ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_unmap_with(r->d, 2, 1).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    qdmashare_delta_check(&all);
    qdmashare_assert_command(r->d, &desc, DMASHARE_STATUS_OK);
    qcoh_assert_cpu_sees(r, copy, 0, SIZE);
}

static void test_map_refused(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off,dma-bits=32");
    QDmashare *d = r->d;
    struct dmashare_segment seg[2] = {
        { r->buf.phys, 4096 }, { 1ULL << 32, SIZE - 4096 },
    };

    /* A MAP that comes to nothing does nothing to the copies. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    g_assert_cmphex(qdmashare_map(d, 2, 1, 0, seg, 2), ==,
                    DMASHARE_STATUS_CONSTRAINT);
    g_assert_cmphex(qdmashare_map(d, 1, 1, 0, seg, 1), ==,
                    DMASHARE_STATUS_ID_EXISTS);
    g_assert_cmphex(qdmashare_map(d, 2, 1, 0, seg, 1), ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    seg[0].len = SIZE;
    g_assert_cmphex(qdmashare_map(d, 2, 1, 3, seg, 1), ==,
                    DMASHARE_STATUS_BAD_DIRECTION);
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);
    qcoh_assert_reads(r, r->old, 0, SIZE);
    r->delta.want.stale_bytes = SIZE;
    qdmashare_delta_check(&r->delta);
}

static void test_refused(void)
{
    refused("coherent=off");
}

static void test_refused_coherent(void)
{
    refused("coherent=on");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/cache/coherent", test_coherent);
    qtest_add_func("/dmashare/cache/uncached-mapping", test_uncached_mapping);
    qtest_add_func("/dmashare/cache/uncached-job", test_uncached_job);
    qtest_add_func("/dmashare/cache/exhaustion", test_exhaustion);
    qtest_add_func("/dmashare/cache/smallest", test_smallest);
    qtest_add_func("/dmashare/cache/scattered", test_scattered);
    qtest_add_func("/dmashare/cache/local", test_local);
    qtest_add_func("/dmashare/cache/move-drops", test_move_drops);
    qtest_add_func("/dmashare/cache/destroy", test_destroy);
    qtest_add_func("/dmashare/cache/reset", test_reset);
    qtest_add_func("/dmashare/cache/map-refused", test_map_refused);
    qtest_add_func("/dmashare/cache/refused", test_refused);
    qtest_add_func("/dmashare/cache/refused-coherent", test_refused_coherent);
    return g_test_run();
}
