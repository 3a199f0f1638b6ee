/*
 * dmashare: a device that is not coherent, sentence by sentence
 *
 * Each case takes one sentence of "Coherence" in dmashare/abi.h, and compares
 * what the CPU sees, what the device sees and every counter of the ledger.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-coherence.h"
#include "libqos/dmashare-machine.h"

#define PIECE           QDMASHARE_PIECE
#define SIZE            QCOH_SIZE
#define CACHED          QCOH_SIZE

static void test_feature(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");

    g_assert_cmphex(qdmashare_readl(r->d, DMASHARE_REG_FEATURES_LO), ==,
                    DMASHARE_FEATURE_NONCOHERENT);
}

static void test_stale_read(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    unsigned i;

    /*
     * Whoever forgets the sync reads the bytes of before, every time; and the
     * device counts each byte that it was wrong about.
     */
    for (i = 0; i < 100; i++) {
        qcoh_assert_reads(r, r->old, 0, SIZE);
        qcoh_cpu_writes(r, r->new, 0, SIZE);
        qcoh_assert_reads(r, r->old, 0, SIZE);
        r->delta.want.stale_bytes += SIZE;
        qcoh_sync_for_device(r, 0, SIZE);
        qcoh_assert_reads(r, r->new, 0, SIZE);
        qcoh_cpu_writes(r, r->old, 0, SIZE);
        qcoh_sync_for_device(r, 0, SIZE);
    }
    qdmashare_delta_check(&r->delta);
}

static void test_unseen_write(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = g_memdup2(r->old, SIZE);
    unsigned i;

    /* And what the device wrote is not in memory, every time. */
    for (i = 0; i < 100; i++) {
        qcoh_device_writes(r, copy, 100, SIZE - 200,
                           0x0101010101010101ULL * i);
        qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
        r->delta.want.cache_bytes = CACHED;
        r->delta.want.cache_dirty = SIZE - 200;
        qdmashare_delta_check(&r->delta);
        /* The device itself does see it; nothing is stale. */
        qcoh_assert_reads(r, copy, 0, SIZE);
        qcoh_sync_for_cpu(r, 0, SIZE);
        r->delta.want.cache_dirty = 0;
        r->delta.want.cache_written_back += SIZE - 200;
        qcoh_assert_cpu_sees(r, copy, 0, SIZE);
        memcpy(r->old, copy, SIZE);
    }
    qdmashare_delta_check(&r->delta);
}

static void test_stale_part(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    uint8_t mixed[SIZE];

    /* Only bytes that are read and that differ count. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    memcpy(mixed, r->old, SIZE);
    memcpy(mixed + 100, r->new + 100, 10);
    memcpy(mixed + PIECE - 5, r->new + PIECE - 5, 10);
    qcoh_cpu_writes(r, mixed, 0, SIZE);
    qcoh_assert_reads(r, r->old, 0, 100);
    qcoh_assert_reads(r, r->old, 110, PIECE - 115);
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);
    qcoh_assert_reads(r, r->old, 105, 100);
    r->delta.want.stale_bytes += 5;
    qcoh_assert_reads(r, r->old, PIECE - 1, 3);
    r->delta.want.stale_bytes += 3;
    qcoh_assert_reads(r, r->old, 0, SIZE);
    r->delta.want.stale_bytes += 20;
    qdmashare_delta_check(&r->delta);
}

static void test_stale_copy(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    QDmashareBuf dst = qdmashare_buf(r->d, 2, SIZE, 0);

    /* A byte that is read once counts once, wherever it goes in pieces. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    qdmashare_assert_ok(r->d, qdmashare_copy(r->d, 0, 2, 1000, 1, 0,
                                             SIZE - 1000));
    qdmashare_sync_for_cpu(r->d, 2, 0, SIZE);
    qdmashare_assert_bytes(r->d, dst.phys + 1000, r->old, SIZE - 1000);
    r->delta.want.jobs++;
    r->delta.want.bytes_read += SIZE - 1000;
    r->delta.want.stale_bytes = SIZE - 1000;
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);
}

static void test_piece_is_copied(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    uint8_t mixed[SIZE];

    /* One byte copies its piece; the pieces beside it are not copied. */
    qcoh_assert_reads(r, r->old, PIECE + 7, 1);
    r->delta.want.cache_bytes = PIECE;
    qdmashare_delta_check(&r->delta);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    memcpy(mixed, r->new, SIZE);
    memcpy(mixed + PIECE, r->old + PIECE, PIECE);
    qcoh_assert_reads(r, mixed, 0, SIZE);
    r->delta.want.cache_bytes = CACHED;
    r->delta.want.stale_bytes += PIECE;
    qdmashare_delta_check(&r->delta);
}

static void test_write_copies(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    uint8_t mixed[SIZE];

    /* A write copies the rest of its piece from memory as it is then. */
    memcpy(mixed, r->old, SIZE);
    qcoh_device_writes(r, mixed, 2 * PIECE - 3, 6, 0x665544332211ULL);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    memcpy(mixed, r->new, PIECE);
    memcpy(mixed + 3 * PIECE, r->new + 3 * PIECE, SIZE - 3 * PIECE);
    qcoh_assert_reads(r, mixed, 0, SIZE);
    r->delta.want.cache_bytes = CACHED;
    r->delta.want.cache_dirty = 6;
    r->delta.want.stale_bytes += 2 * PIECE - 6;
    qdmashare_delta_check(&r->delta);

    /* Back go the six bytes, not the piece they are in. */
    qcoh_sync_for_cpu(r, 0, SIZE);
    memcpy(r->new + 2 * PIECE - 3, mixed + 2 * PIECE - 3, 6);
    qcoh_assert_cpu_sees(r, r->new, 0, SIZE);
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back += 6;
    qdmashare_delta_check(&r->delta);
}

static void test_sync_cpu_range(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = g_memdup2(r->old, SIZE);

    /* Dirty bytes of the range and no other, to the byte. */
    qcoh_device_writes(r, copy, 0, SIZE, 0xf1e2d3c4b5a69788ULL);
    r->delta.want.cache_bytes = CACHED;
    r->delta.want.cache_dirty = SIZE;
    qcoh_sync_for_cpu(r, PIECE - 7, 20);
    memcpy(r->old + PIECE - 7, copy + PIECE - 7, 20);
    r->delta.want.cache_dirty -= 20;
    r->delta.want.cache_written_back += 20;
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qdmashare_delta_check(&r->delta);

    /* Again, and there is nothing left to write. */
    qcoh_sync_for_cpu(r, PIECE - 7, 20);
    qdmashare_delta_check(&r->delta);
    qcoh_sync_for_cpu(r, SIZE - 1, 1);
    r->old[SIZE - 1] = copy[SIZE - 1];
    qcoh_sync_for_cpu(r, 0, 1);
    r->old[0] = copy[0];
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    r->delta.want.cache_dirty -= 2;
    r->delta.want.cache_written_back += 2;
    qdmashare_delta_check(&r->delta);

    /* What is clean stays copied. */
    qcoh_cpu_writes(r, r->new, 0, 1);
    qcoh_assert_reads(r, copy, 0, SIZE);
    r->delta.want.stale_bytes += 1;
    qdmashare_delta_check(&r->delta);
}

static void test_sync_cpu_directions(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    unsigned direction;

    /* A CPU that will write a part must find the rest: any of the three. */
    for (direction = 0; direction < 3; direction++) {
        qcoh_device_writes(r, r->old, 77, 100,
                           0x1111111111111111ULL + direction);
        qcoh_sync_ok(r, DMASHARE_SYNC_F_FOR_CPU, direction, 0, SIZE);
        qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
        r->delta.want.cache_written_back += 100;
    }
    r->delta.want.cache_bytes = PIECE;
    qdmashare_delta_check(&r->delta);
}

static void test_sync_device_directions(void)
{
    unsigned direction;

    for (direction = 0; direction < 3; direction++) {
        g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
        bool kept = direction == DMASHARE_DIR_FROM_DEVICE;
        const uint8_t *seen = kept ? r->old : r->new;

        qcoh_assert_reads(r, r->old, 0, SIZE);
        qcoh_cpu_writes(r, r->new, 0, SIZE);
        qcoh_sync_ok(r, DMASHARE_SYNC_F_FOR_DEVICE, direction, 0, SIZE);
        r->delta.want.cache_bytes = kept ? CACHED : 0;
        qdmashare_delta_check(&r->delta);
        qcoh_assert_reads(r, seen, 0, SIZE);
        r->delta.want.cache_bytes = CACHED;
        r->delta.want.stale_bytes = kept ? SIZE : 0;
        qdmashare_delta_check(&r->delta);
    }
}

static void test_sync_device_range(void)
{
    static const struct {
        uint64_t at, len;       /* of the range */
        uint64_t from, to;      /* pieces that it touches */
    } cases[] = {
        { 0, 1, 0, 1 },
        { PIECE - 1, 1, 0, 1 },
        { PIECE - 1, 2, 0, 2 },
        { PIECE, PIECE, 1, 2 },
        { PIECE, PIECE + 1, 1, 3 },
        { 3 * PIECE - 1, 1, 2, 3 },
        { SIZE - 1, 1, 3, 4 },
        { 1, SIZE - 1, 0, 4 },
    };
    size_t i;

    /* Whole pieces go, of those that the range touches, and no others. */
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
        uint64_t first = cases[i].from * PIECE;
        uint64_t end = MIN(cases[i].to * PIECE, SIZE);
        uint8_t mixed[SIZE];

        qcoh_assert_reads(r, r->old, 0, SIZE);
        qcoh_cpu_writes(r, r->new, 0, SIZE);
        qcoh_sync_for_device(r, cases[i].at, cases[i].len);
        r->delta.want.cache_bytes = CACHED - (end - first);
        qdmashare_delta_check(&r->delta);
        memcpy(mixed, r->old, SIZE);
        memcpy(mixed + first, r->new + first, end - first);
        qcoh_assert_reads(r, mixed, 0, SIZE);
        r->delta.want.cache_bytes = CACHED;
        r->delta.want.stale_bytes = SIZE - (end - first);
        qdmashare_delta_check(&r->delta);
    }
}

static void test_sync_device_dirty(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = g_memdup2(r->old, SIZE);

    /* Dirty bytes that are dropped are lost, and counted. */
    qcoh_device_writes(r, copy, PIECE - 10, 30, UINT64_MAX);
    qcoh_device_writes(r, copy, 3 * PIECE, 40, UINT64_MAX);
    qcoh_sync_for_device(r, PIECE + 2000, 1);
    r->delta.want.cache_bytes = PIECE + SIZE - 3 * PIECE;
    r->delta.want.cache_dirty = 50;
    r->delta.want.cache_discarded = 20;
    qdmashare_delta_check(&r->delta);
    memcpy(copy + PIECE, r->old + PIECE, 20);
    qcoh_assert_reads(r, copy, 0, 2 * PIECE);
    qcoh_sync_for_cpu(r, 0, SIZE);
    qcoh_assert_cpu_sees(r, copy, 0, SIZE);
    r->delta.want.cache_bytes += PIECE;
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 50;
    qdmashare_delta_check(&r->delta);
}

static void test_map_drops_clean(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = NULL;

    /* A new mapping begins with memory as it is, but for dirty bytes. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    copy = g_memdup2(r->new, SIZE);
    qcoh_device_writes(r, copy, PIECE + 5, 10, 0x77);
    r->delta.want.cache_bytes = CACHED;
    r->delta.want.cache_dirty = 10;
    qdmashare_delta_check(&r->delta);
    qcoh_map_more(r, 2, DMASHARE_DIR_BIDIRECTIONAL, 0);
    /* The piece with dirty bytes is still there. */
    r->delta.want.cache_bytes = PIECE;
    qdmashare_delta_check(&r->delta);
    qcoh_assert_cpu_sees(r, r->new, 0, SIZE);
    qcoh_assert_reads(r, copy, 0, SIZE);
    qcoh_assert_reads_via(r, 2, copy, 0, SIZE);
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);
}

static void test_map_skip(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");

    /* With SKIP_SYNC the copies stay, also over a time without mappings. */
    qcoh_assert_reads(r, r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    qcoh_map_more(r, 2, DMASHARE_DIR_TO_DEVICE, DMASHARE_MAP_F_SKIP_SYNC);
    qcoh_assert_reads_via(r, 2, r->old, 0, SIZE);
    r->delta.want.stale_bytes = SIZE;
    r->delta.want.cache_bytes = CACHED;
    qdmashare_delta_check(&r->delta);
    qcoh_unmap(r, 1, 0);
    qcoh_unmap(r, 2, DMASHARE_UNMAP_F_SKIP_SYNC);
    qdmashare_delta_check(&r->delta);
    qcoh_map_more(r, 1, DMASHARE_DIR_TO_DEVICE, DMASHARE_MAP_F_SKIP_SYNC);
    qcoh_assert_reads(r, r->old, 0, SIZE);
    r->delta.want.stale_bytes += SIZE;
    qdmashare_delta_check(&r->delta);
    qcoh_unmap(r, 1, 0);
    qcoh_map_more(r, 1, DMASHARE_DIR_TO_DEVICE, 0);
    qcoh_assert_reads(r, r->new, 0, SIZE);
    qdmashare_delta_check(&r->delta);
}

static void test_unmap(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");

    /* UNMAP writes all that is dirty, even when others go on mapping. */
    qcoh_map_more(r, 2, DMASHARE_DIR_BIDIRECTIONAL, 0);
    qcoh_device_writes(r, r->old, 9, 5000, 0x4433221144332211ULL);
    qcoh_device_writes_via(r, 2, r->old, 6000, 10, 0x99);
    r->delta.want.cache_bytes = 2 * PIECE;
    r->delta.want.cache_dirty = 5010;
    qdmashare_delta_check(&r->delta);
    qcoh_unmap(r, 1, 0);
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 5010;
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qdmashare_delta_check(&r->delta);
    qcoh_unmap(r, 2, 0);
    qdmashare_delta_check(&r->delta);
}

static void test_unmap_skip(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = g_memdup2(r->old, SIZE);

    /* Not the last mapping: the dirty bytes wait for the other one. */
    qcoh_map_more(r, 2, DMASHARE_DIR_BIDIRECTIONAL, 0);
    qcoh_device_writes_via(r, 2, copy, 100, 50, 0x5a5a5a5a5a5a5a5aULL);
    qcoh_unmap(r, 2, DMASHARE_UNMAP_F_SKIP_SYNC);
    r->delta.want.cache_bytes = PIECE;
    r->delta.want.cache_dirty = 50;
    qdmashare_delta_check(&r->delta);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qcoh_assert_reads(r, copy, 0, PIECE);

    /* The last: they are lost, and what is clean of the piece stays. */
    qcoh_unmap(r, 1, DMASHARE_UNMAP_F_SKIP_SYNC);
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_discarded = 50;
    qdmashare_delta_check(&r->delta);
    qcoh_assert_cpu_sees(r, r->old, 0, SIZE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    qcoh_map_more(r, 3, DMASHARE_DIR_TO_DEVICE, DMASHARE_MAP_F_SKIP_SYNC);
    memcpy(copy + 100, r->new + 100, 50);
    qcoh_assert_reads_via(r, 3, copy, 0, PIECE);
    r->delta.want.stale_bytes = PIECE - 50;
    qdmashare_delta_check(&r->delta);
}

static void test_two_mappings(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = g_memdup2(r->old, SIZE);

    /* One buffer has one copy, whichever mapping it is reached through. */
    qcoh_map_more(r, 2, DMASHARE_DIR_TO_DEVICE, 0);
    qcoh_map_more(r, 3, DMASHARE_DIR_BIDIRECTIONAL, 0);
    qcoh_device_writes_via(r, 3, copy, 40, 8, 0x0123456789abcdefULL);
    qcoh_assert_reads_via(r, 2, copy, 0, PIECE);
    qcoh_cpu_writes(r, r->new, 0, SIZE);
    qcoh_assert_reads_via(r, 3, copy, 0, PIECE);
    r->delta.want.stale_bytes = PIECE - 8;
    r->delta.want.cache_bytes = PIECE;
    r->delta.want.cache_dirty = 8;
    qdmashare_delta_check(&r->delta);
    /* And a sync through one is a sync of the other's. */
    qcoh_sync_for_cpu(r, 0, SIZE);
    memcpy(r->new + 40, copy + 40, 8);
    qcoh_assert_cpu_sees(r, r->new, 0, SIZE);
    qcoh_sync_for_device(r, 0, SIZE);
    qcoh_assert_reads_via(r, 2, r->new, 0, PIECE);
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 8;
    qdmashare_delta_check(&r->delta);
}

static void test_two_buffers(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    g_autofree uint8_t *copy = g_memdup2(r->old, SIZE);
    QDmashareBuf twin = { .id = 2, .phys = r->buf.phys, .size = SIZE };

    /* Two buffers have two copies, be it of the same memory. */
    qdmashare_buffer(r->d, 2, SIZE);
    g_assert_cmphex(qdmashare_map_flags(r->d, 2, &twin, 0, 0), ==,
                    DMASHARE_STATUS_OK);
    qcoh_device_writes(r, copy, 0, 64, 0xee);
    qdmashare_assert_checksum(r->d, 2, 0, r->old, SIZE);
    qcoh_sync_for_cpu(r, 0, SIZE);
    qdmashare_assert_checksum(r->d, 2, 0, r->old, SIZE);
    qdmashare_sync_for_device(r->d, 2, 0, 1);
    qdmashare_assert_checksum(r->d, 2, 0, copy, SIZE);
    r->delta.want.cache_bytes = PIECE;
    r->delta.want.cache_written_back = 64;
    qdmashare_delta_check(&r->delta);
}

/*
 * Transfers as a driver makes them: the CPU writes one buffer, the device
 * copies it to another, the CPU reads that. One step may be left out.
 */
typedef enum Forget {
    FORGET_NOTHING,
    FORGET_SYNC_FOR_DEVICE,     /* end_cpu_access */
    FORGET_SYNC_FOR_CPU,        /* begin_cpu_access */
    FORGET_MAP_SYNC,
    FORGET_UNMAP_SYNC,
} Forget;

/* Returns how many of the transfers did not bring what they should. */
static unsigned transfers(Forget forget, bool remap, unsigned n)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "coherent=off");
    QDmashare *d = m->d;
    uint8_t bytes[SIZE], got[SIZE];
    QDmashareBuf src = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_TO_DEVICE);
    QDmashareBuf dst = qdmashare_buf(d, 2, SIZE, DMASHARE_DIR_FROM_DEVICE);
    unsigned wrong = 0, i;

    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 2, 0, 1, 0, SIZE));
    for (i = 0; i < n; i++) {
        uint64_t seed = i + 1;
        uint64_t at = qdmashare_random(&seed) % (SIZE - 16);
        uint64_t len = 16 + qdmashare_random(&seed) % (SIZE - at - 15);

        if (remap) {
            qdmashare_unmap(d, 1);
        }
        qdmashare_noise(bytes, len, seed);
        qtest_bufwrite(d->qts, src.phys + at, bytes, len);
        if (remap) {
            uint32_t flags = forget == FORGET_MAP_SYNC ?
                             DMASHARE_MAP_F_SKIP_SYNC : 0;

            g_assert_cmphex(qdmashare_map_flags(d, 1, &src,
                                                DMASHARE_DIR_TO_DEVICE,
                                                flags), ==,
                            DMASHARE_STATUS_OK);
        } else if (forget != FORGET_SYNC_FOR_DEVICE) {
            qdmashare_sync_for_device(d, 1, at, len);
        }
        qdmashare_assert_ok(d, qdmashare_copy(d, 0, 2, at, 1, at, len));
        if (remap) {
            uint32_t flags = forget == FORGET_UNMAP_SYNC ?
                             DMASHARE_UNMAP_F_SKIP_SYNC : 0;

            g_assert_cmphex(qdmashare_unmap_with(d, 2, flags).status, ==,
                            DMASHARE_STATUS_OK);
        } else if (forget != FORGET_SYNC_FOR_CPU) {
            qdmashare_sync_for_cpu(d, 2, at, len);
        }
        qtest_bufread(d->qts, dst.phys + at, got, len);
        wrong += memcmp(got, bytes, len) != 0;
        if (remap) {
            g_assert_cmphex(qdmashare_map_flags(d, 2, &dst,
                                                DMASHARE_DIR_FROM_DEVICE, 0),
                            ==, DMASHARE_STATUS_OK);
        }
    }
    return wrong;
}

static void test_nothing_forgotten(void)
{
    g_assert_cmpuint(transfers(FORGET_NOTHING, false, 1000), ==, 0);
    g_assert_cmpuint(transfers(FORGET_NOTHING, true, 500), ==, 0);
}

static void test_forgotten(void)
{
    g_assert_cmpuint(transfers(FORGET_SYNC_FOR_DEVICE, false, 100), ==, 100);
    g_assert_cmpuint(transfers(FORGET_SYNC_FOR_CPU, false, 100), ==, 100);
    g_assert_cmpuint(transfers(FORGET_MAP_SYNC, true, 100), ==, 100);
    g_assert_cmpuint(transfers(FORGET_UNMAP_SYNC, true, 100), ==, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/coherence/feature", test_feature);
    qtest_add_func("/dmashare/coherence/stale-read", test_stale_read);
    qtest_add_func("/dmashare/coherence/unseen-write", test_unseen_write);
    qtest_add_func("/dmashare/coherence/stale-part", test_stale_part);
    qtest_add_func("/dmashare/coherence/stale-copy", test_stale_copy);
    qtest_add_func("/dmashare/coherence/piece-is-copied",
                   test_piece_is_copied);
    qtest_add_func("/dmashare/coherence/write-copies", test_write_copies);
    qtest_add_func("/dmashare/coherence/sync-cpu-range",
                   test_sync_cpu_range);
    qtest_add_func("/dmashare/coherence/sync-cpu-directions",
                   test_sync_cpu_directions);
    qtest_add_func("/dmashare/coherence/sync-device-directions",
                   test_sync_device_directions);
    qtest_add_func("/dmashare/coherence/sync-device-range",
                   test_sync_device_range);
    qtest_add_func("/dmashare/coherence/sync-device-dirty",
                   test_sync_device_dirty);
    qtest_add_func("/dmashare/coherence/map-drops-clean",
                   test_map_drops_clean);
    qtest_add_func("/dmashare/coherence/map-skip", test_map_skip);
    qtest_add_func("/dmashare/coherence/unmap", test_unmap);
    qtest_add_func("/dmashare/coherence/unmap-skip", test_unmap_skip);
    qtest_add_func("/dmashare/coherence/nothing-forgotten",
                   test_nothing_forgotten);
    qtest_add_func("/dmashare/coherence/forgotten", test_forgotten);
    qtest_add_func("/dmashare/coherence/two-mappings", test_two_mappings);
    qtest_add_func("/dmashare/coherence/two-buffers", test_two_buffers);
    return g_test_run();
}
