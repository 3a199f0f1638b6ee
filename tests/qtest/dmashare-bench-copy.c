/*
 * dmashare-bench-copy: the device's copy beside a memcpy
 *
 * The floor is a memcpy of the same bytes by this process, whose mapping is of
 * the same memory file as QEMU's: the same pages of 4 KiB, the same processors,
 * and no device. Both are done to the same memory in turns. What is counted is
 * the processor time of either, everything included that QEMU's main loop does
 * meanwhile: on a host that has nothing else to do it is the time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-bench.h"

#define SIZE            (64 * MiB)
#define PIECE           (4 * KiB)
#define PIECES          (SIZE / PIECE)
#define ROUNDS          30
#define WARM_UP         3

/* Where the pieces are in memory, after their lists, and for the device. */
#define DATA            (128 * MiB)
#define IOVA            (5 * GiB)

typedef struct Copy {
    QBench *b;
    uint64_t piece;             /* bytes of one */
    uint64_t *phys[2];          /* of the pieces of source and destination */
} Copy;

static double bytes_per_second(uint64_t ns)
{
    return SIZE * 1e9 / ns;
}

static double copy_device(void *opaque)
{
    Copy *c = opaque;
    struct dmashare_desc desc = qdmashare_copy(c->b->d, 0, QDMASHARE_DST, 0,
                                               QDMASHARE_SRC, 0, SIZE);

    qbench_push(c->b, 1, &desc);
    qbench_go(c->b, 1);
    return bytes_per_second(c->b->cpu);
}

static double copy_memcpy(void *opaque)
{
    Copy *c = opaque;
    uint64_t before = qbench_own_cpu();

    for (uint64_t i = 0; i < SIZE / c->piece; i++) {
        memcpy(qbench_host(c->b, c->phys[1][i]),
               qbench_host(c->b, c->phys[0][i]), c->piece);
    }
    return bytes_per_second(qbench_own_cpu() - before);
}

/* The bytes went where they should. */
static void copy_check(Copy *c, uint64_t seed)
{
    g_autofree uint8_t *noise = g_malloc(c->piece);

    for (uint64_t i = 0; i < SIZE / c->piece; i++) {
        qdmashare_noise(noise, c->piece, seed + i);
        memcpy(qbench_host(c->b, c->phys[0][i]), noise, c->piece);
        memset(qbench_host(c->b, c->phys[1][i]), 0, c->piece);
    }
    copy_device(c);
    for (uint64_t i = 0; i < SIZE / c->piece; i++) {
        qdmashare_noise(noise, c->piece, seed + i);
        g_assert_cmpint(memcmp(qbench_host(c->b, c->phys[1][i]), noise,
                               c->piece), ==, 0);
    }
}

static void copy_map(Copy *c, uint32_t id, unsigned direction,
                     const struct dmashare_segment *seg)
{
    uint32_t n = SIZE / c->piece;
    struct dmashare_desc desc = qbench_map_desc(id, SIZE, direction, n,
                                                qbench_list(c->b, seg, n));

    qdmashare_buffer(c->b->d, id, SIZE);
    qbench_do(c->b, DMASHARE_QUEUE_CONTROL, &desc);
}

static void copy_end(Copy *c)
{
    g_free(c->phys[0]);
    g_free(c->phys[1]);
    qbench_free(c->b);
}

static void take_contiguous(void)
{
    Copy c = { .b = qbench_new(false, ""), .piece = SIZE };

    for (unsigned i = 0; i < 2; i++) {
        struct dmashare_segment seg = {
            .addr = qbench_alloc(c.b, SIZE),
            .len = SIZE,
        };

        c.phys[i] = g_new(uint64_t, 1);
        c.phys[i][0] = seg.addr;
        copy_map(&c, i ? QDMASHARE_DST : QDMASHARE_SRC,
                 i ? DMASHARE_DIR_FROM_DEVICE : DMASHARE_DIR_TO_DEVICE, &seg);
    }
    copy_check(&c, 1);
    qbench_take(c.b, "copy-contiguous", "B/s", ROUNDS, WARM_UP, copy_device,
                copy_memcpy, &c, 0);
    copy_end(&c);
}

/* The same numbers in another order. */
static void shuffle(uint64_t *n, uint64_t count, uint64_t *state)
{
    for (uint64_t i = count - 1; i; i--) {
        uint64_t j = qdmashare_random(state) % (i + 1), swap = n[i];

        n[i] = n[j];
        n[j] = swap;
    }
}

/*
 * Pieces anywhere in memory, at DMA addresses in yet another order, of which no
 * two follow each other.
 */
static void take_pieces(void)
{
    g_autofree struct dmashare_segment *seg =
        g_new(struct dmashare_segment, PIECES);
    g_autofree uint64_t *place = g_new(uint64_t, PIECES);
    Copy c = { .b = qbench_new(true, ""), .piece = PIECE };
    uint64_t state = 2;

    qvtd_map(c.b->m->dom, QDMASHARE_DMA_BASE + QBENCH_POOL, QBENCH_POOL,
             DATA - QBENCH_POOL, QVTD_READ | QVTD_WRITE);
    for (unsigned i = 0; i < 2; i++) {
        c.phys[i] = g_new(uint64_t, PIECES);
        for (uint64_t n = 0; n < PIECES; n++) {
            c.phys[i][n] = DATA + i * SIZE + n * PIECE;
            place[n] = IOVA + i * GiB + n * 2 * PIECE;
        }
        shuffle(c.phys[i], PIECES, &state);
        shuffle(place, PIECES, &state);
        for (uint64_t n = 0; n < PIECES; n++) {
            seg[n].addr = place[n];
            seg[n].len = PIECE;
            qvtd_map(c.b->m->dom, place[n], c.phys[i][n], PIECE,
                     i ? QVTD_WRITE : QVTD_READ);
        }
        copy_map(&c, i ? QDMASHARE_DST : QDMASHARE_SRC,
                 i ? DMASHARE_DIR_FROM_DEVICE : DMASHARE_DIR_TO_DEVICE, seg);
    }
    copy_check(&c, 3);
    qbench_take(c.b, "copy-pieces-iommu", "B/s", ROUNDS, WARM_UP, copy_device,
                copy_memcpy, &c, 0);
    copy_end(&c);
}

static const QBenchFigure figures[] = {
    { "copy-contiguous", take_contiguous },
    { "copy-pieces-iommu", take_pieces },
};

int main(int argc, char **argv)
{
    return qbench_main(argc, argv, figures, ARRAY_SIZE(figures));
}
