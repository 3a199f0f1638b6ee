/*
 * dmashare: a guest that means harm
 *
 * Garbage of several kinds, the same on every run of the same seed. The test
 * prints the seed; DMASHARE_SEED=n in the environment chooses another. What is
 * checked is that QEMU lives, that every fetched descriptor is answered, that
 * memory the device was never given stays as it was, and that a RESET brings
 * a usable device back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-coherence.h"

#define ROUNDS          300
#define BATCH           QDMASHARE_ENTRIES
#define ARENA_SIZE      (64 * KiB)
#define TIMELINES       16
/* Guarded bytes before and after the memory that garbage may name. */
#define FENCE_SIZE      4096

static uint64_t seed_start(void)
{
    const char *env = g_getenv("DMASHARE_SEED");
    uint64_t seed = 20261121;

    if (env && qemu_strtou64(env, NULL, 0, &seed)) {
        g_error("DMASHARE_SEED is not a number: %s", env);
    }
    g_test_message("DMASHARE_SEED=%" PRIu64, seed);
    return seed;
}

/* A number that is likely to be near some limit. */
static uint64_t edgy(uint64_t *rng)
{
    static const uint64_t edge[] = {
        0, 1, 2, 3, 7, 8, 63, 64, 4095, 4096, 0x7fffffff, 0x80000000,
        0xffffffff, 0x100000000ULL, 0x7fffffffffffffffULL,
        0x8000000000000000ULL, 0xfffffffffffff000ULL, 0xffffffffffffffffULL,
    };

    switch (qdmashare_random(rng) % 4) {
    case 0:
        return qdmashare_random(rng);
    case 1:
        return qdmashare_random(rng) % 16;
    default:
        return edge[qdmashare_random(rng) % ARRAY_SIZE(edge)];
    }
}

static uint64_t one_in(uint64_t *rng, uint64_t n, uint64_t then,
                       uint64_t otherwise)
{
    return qdmashare_random(rng) % n ? otherwise : then;
}

/* The device works as if nothing had ever happened. */
static void assert_usable(QDmashare *d)
{
    uint64_t seed = 1;
    uint8_t noise[5000];
    QDmashareBuf src, dst;
    struct dmashare_desc desc;

    qdmashare_reset(d);
    qdmashare_bus_master(d, true);
    qdmashare_start(d);
    src = qdmashare_buf(d, 1, sizeof(noise), DMASHARE_DIR_TO_DEVICE);
    dst = qdmashare_buf(d, 2, sizeof(noise), DMASHARE_DIR_FROM_DEVICE);
    qdmashare_noise(noise, sizeof(noise), qdmashare_random(&seed));
    qtest_bufwrite(d->qts, src.phys, noise, sizeof(noise));
    desc = qdmashare_copy(d, 0, 2, 0, 1, 0, sizeof(noise));
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_sync_for_cpu(d, 2, 0, sizeof(noise));
    qdmashare_assert_bytes(d, dst.phys, noise, sizeof(noise));
    desc = qdmashare_checksum(d, 0, 1, 0, sizeof(noise));
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(noise, sizeof(noise)));
    guest_free(d->alloc, src.phys);
    guest_free(d->alloc, dst.phys);
}

/* How often each status was seen: what only bounces off tests little. */
typedef struct Tally {
    unsigned jobs[DMASHARE_STATUS_ABORTED + 1];
    unsigned commands[DMASHARE_STATUS_ABORTED + 1];
} Tally;

static unsigned distinct(const unsigned *count)
{
    unsigned n = 0;
    unsigned i;

    for (i = 0; i <= DMASHARE_STATUS_ABORTED; i++) {
        n += count[i] != 0;
    }
    return n;
}

/* One queue's worth of descriptors, each of which must be answered. */
static void run_batch(QDmashare *d, unsigned q, Tally *tally)
{
    unsigned i;

    qdmashare_doorbell(d, q);
    for (i = 0; i < BATCH; i++) {
        struct dmashare_completion c;
        unsigned tries;

        /* Watchdogs and no-ops need time; an hour is the longest. */
        for (tries = 0; !qdmashare_try_pop(d, q, &c); tries++) {
            g_assert_cmpuint(tries, <, 2000);
            qtest_clock_step(d->qts, 20ULL * 1000 * 1000 * 1000);
        }
        g_assert_cmphex(c.status, <=, DMASHARE_STATUS_ABORTED);
        (q ? tally->jobs : tally->commands)[c.status]++;
    }
}

static void test_bytes(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t rng = seed_start();
    Tally tally = { 0 };
    unsigned round, i;

    /* Plain noise; the opcode is mostly a known one. */
    qdmashare_start(d);
    for (round = 0; round < ROUNDS; round++) {
        unsigned q = round % d->n_queues;

        for (i = 0; i < BATCH; i++) {
            uint8_t desc[DMASHARE_DESC_SIZE];

            qdmashare_noise(desc, sizeof(desc), qdmashare_random(&rng));
            desc[0] = one_in(&rng, 4, desc[0],
                             (q ? DMASHARE_OP_JOB_NOOP : 0) +
                             desc[0] % (DMASHARE_OP_PEER_RELEASE + 1));
            qdmashare_push_raw(d, q, desc);
        }
        run_batch(d, q, &tally);
    }
    assert_usable(d);
}

typedef struct Arena {
    uint64_t phys;              /* of all of it, guards included */
    uint64_t size;
} Arena;

static Arena arena_new(QDmashare *d)
{
    Arena a = { .size = ARENA_SIZE + 2 * FENCE_SIZE };

    a.phys = qdmashare_alloc(d, a.size);
    qtest_memset(d->qts, a.phys, 0xc3, FENCE_SIZE);
    qtest_memset(d->qts, a.phys + FENCE_SIZE + ARENA_SIZE, 0xc3, FENCE_SIZE);
    return a;
}

static void arena_check(QDmashare *d, const Arena *a)
{
    uint8_t want[FENCE_SIZE], got[FENCE_SIZE];

    memset(want, 0xc3, sizeof(want));
    qtest_bufread(d->qts, a->phys, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    qtest_bufread(d->qts, a->phys + FENCE_SIZE + ARENA_SIZE, got,
                  sizeof(got));
    g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
}

/* An id that may well exist. */
static uint32_t some_id(uint64_t *rng)
{
    return one_in(rng, 8, edgy(rng), 1 + qdmashare_random(rng) % 12);
}

/* A list of segments inside the arena, or of something else entirely. */
static uint64_t some_list(QDmashare *d, uint64_t list, const Arena *a,
                          uint64_t *rng, uint32_t *n, uint64_t *length)
{
    struct {
        uint64_t next;
        uint32_t count;
        uint32_t reserved;
        struct dmashare_segment seg[8];
    } block = { 0 };
    unsigned count = 1 + qdmashare_random(rng) % 8;
    unsigned i;

    /* Parts of the arena that add up to its size, as the buffers have. */
    *length = 0;
    for (i = 0; i < count; i++) {
        uint64_t left = ARENA_SIZE - *length - (count - 1 - i);
        uint64_t len = i == count - 1 ? left :
                       1 + qdmashare_random(rng) % left;
        uint64_t off = qdmashare_random(rng) % (ARENA_SIZE - len + 1);

        *length += len;
        block.seg[i].addr = cpu_to_le64(a->phys + FENCE_SIZE + off);
        block.seg[i].len = cpu_to_le64(one_in(rng, 60, edgy(rng), len));
    }
    block.next = cpu_to_le64(one_in(rng, 20, list, 0));
    block.count = cpu_to_le32(one_in(rng, 20, edgy(rng), count));
    block.reserved = cpu_to_le32(one_in(rng, 40, edgy(rng), 0));
    qtest_bufwrite(d->qts, list, &block, sizeof(block));
    *n = one_in(rng, 20, edgy(rng), count);
    return one_in(rng, 30, edgy(rng), list);
}

static void some_command(QDmashare *d, struct dmashare_desc *desc,
                         uint64_t list, const Arena *a, uint64_t *rng)
{
    uint64_t length;
    uint32_t n;

    *desc = (struct dmashare_desc) {
        .opcode = one_in(rng, 3, DMASHARE_OP_MAP, qdmashare_random(rng) %
                         (DMASHARE_OP_GRANT + 1)),
    };
    switch (desc->opcode) {
    case DMASHARE_OP_BUFFER_CREATE:
        desc->buffer.id = some_id(rng);
        desc->buffer.size = one_in(rng, 10, edgy(rng), ARENA_SIZE);
        desc->buffer.flags = one_in(rng, 10, edgy(rng), 0);
        desc->buffer.placement = one_in(rng, 30, edgy(rng) % 3, 0);
        break;
    case DMASHARE_OP_ATTACH:
        desc->attach.id = some_id(rng);
        desc->attach.buffer = some_id(rng);
        desc->attach.flags = qdmashare_random(rng) % 9;
        break;
    case DMASHARE_OP_MAP:
        desc->map.id = some_id(rng);
        desc->map.buffer = some_id(rng);
        desc->map.attachment = one_in(rng, 4, some_id(rng), 0);
        desc->map.direction = one_in(rng, 10, edgy(rng),
                                     qdmashare_random(rng) % 3);
        desc->map.list = some_list(d, list, a, rng, &n, &length);
        desc->map.n_segments = n;
        desc->map.length = one_in(rng, 10, edgy(rng), length);
        desc->map.flags = one_in(rng, 30, edgy(rng),
                                 qdmashare_random(rng) % 4);
        desc->map.placement = one_in(rng, d->local ? 4 : 50, edgy(rng) % 3,
                                     0);
        break;
    case DMASHARE_OP_UNMAP:
        desc->unmap.id = some_id(rng);
        desc->unmap.flags = one_in(rng, 10, edgy(rng),
                                   qdmashare_random(rng) % 2);
        break;
    case DMASHARE_OP_PLACE:
        desc->place.id = some_id(rng);
        desc->place.placement = one_in(rng, 10, edgy(rng),
                                       qdmashare_random(rng) % 2);
        break;
    case DMASHARE_OP_SYNC:
        desc->sync.mapping = some_id(rng);
        desc->sync.flags = one_in(rng, 10, edgy(rng),
                                  1 + qdmashare_random(rng) % 2);
        desc->sync.direction = one_in(rng, 10, edgy(rng),
                                      qdmashare_random(rng) % 3);
        desc->sync.offset = one_in(rng, 10, edgy(rng),
                                   qdmashare_random(rng) % ARENA_SIZE);
        desc->sync.length = one_in(rng, 10, edgy(rng),
                                   qdmashare_random(rng) % 8192);
        break;
    case DMASHARE_OP_SHARE:
        desc->share.buffer = some_id(rng);
        desc->share.mapping = some_id(rng);
        desc->share.flags = one_in(rng, 10, edgy(rng),
                                   qdmashare_random(rng) % 2);
        break;
    case DMASHARE_OP_UNSHARE:
        desc->unshare.buffer = some_id(rng);
        desc->unshare.flags = one_in(rng, 10, edgy(rng),
                                     qdmashare_random(rng) % 4);
        break;
    case DMASHARE_OP_PUBLISH:
        desc->publish.buffer = some_id(rng);
        desc->publish.hold = one_in(rng, 10, edgy(rng), some_id(rng));
        desc->publish.sequence = one_in(rng, 10, edgy(rng), 1);
        desc->publish.deadline = one_in(rng, 10, edgy(rng), 1000);
        break;
    case DMASHARE_OP_GRANT:
        desc->hold.hold = one_in(rng, 4, edgy(rng), DMASHARE_HOLD_DEVICE +
                                 qdmashare_random(rng) % 64);
        desc->hold.error = one_in(rng, 10, edgy(rng), 0);
        break;
    case DMASHARE_OP_NOTE:
        desc->note.kind = qdmashare_random(rng) % 14;
        desc->note.buffer = some_id(rng);
        desc->note.error = edgy(rng);
        desc->note.length = edgy(rng);
        break;
    case DMASHARE_OP_QUERY_LEDGER:
        desc->query.id = one_in(rng, 2, 0, some_id(rng));
        desc->query.length = one_in(rng, 3, edgy(rng), 256);
        /* In the arena, with room for the longest answer. */
        desc->query.addr = a->phys + FENCE_SIZE +
                           qdmashare_random(rng) % 1024 * 8;
        break;
    default:
        desc->id.id = some_id(rng);
        break;
    }
}

static void some_job(QDmashare *d, struct dmashare_desc *desc, uint64_t *rng)
{
    unsigned i;

    *desc = (struct dmashare_desc) {
        .opcode = one_in(rng, 16, edgy(rng) | DMASHARE_OP_JOB_NOOP,
                         DMASHARE_OP_JOB_NOOP + qdmashare_random(rng) % 4),
        .flags = one_in(rng, 16, edgy(rng), qdmashare_random(rng) % 4),
        .n_waits = one_in(rng, 8, edgy(rng), qdmashare_random(rng) % 3),
        .job = {
            .timeline = one_in(rng, 20, edgy(rng),
                               qdmashare_random(rng) % TIMELINES),
            .rows = one_in(rng, 6, edgy(rng), 0),
            .length = one_in(rng, 6, edgy(rng),
                             qdmashare_random(rng) % 4096),
        },
    };
    /* Some old ones; none so far ahead that a timeline would be used up. */
    desc->job.seqno = one_in(rng, 20, qdmashare_random(rng) % 16,
                             qdmashare_next(d, desc->job.timeline %
                                            TIMELINES));
    if (desc->opcode == DMASHARE_OP_JOB_COPY ||
        desc->opcode == DMASHARE_OP_JOB_CHECKSUM) {
        desc->job.src.mapping = some_id(rng);
        desc->job.src.offset = one_in(rng, 6, edgy(rng),
                                      qdmashare_random(rng) % 8192);
        desc->job.src.pitch = desc->job.rows > 1 ? edgy(rng) : 0;
    }
    if (desc->opcode == DMASHARE_OP_JOB_COPY ||
        desc->opcode == DMASHARE_OP_JOB_FILL) {
        desc->job.dst.mapping = some_id(rng);
        desc->job.dst.offset = one_in(rng, 6, edgy(rng),
                                      qdmashare_random(rng) % 8192);
        desc->job.dst.pitch = desc->job.rows > 1 ? edgy(rng) : 0;
    }
    if (desc->opcode == DMASHARE_OP_JOB_FILL ||
        desc->opcode == DMASHARE_OP_JOB_NOOP) {
        desc->job.value = edgy(rng);
    }
    if (desc->opcode == DMASHARE_OP_JOB_NOOP) {
        desc->job.value %= 2 * DMASHARE_NOOP_MAX_NS;
        desc->job.length = 0;
        desc->job.rows = 0;
    }
    for (i = 0; i < MIN(desc->n_waits, DMASHARE_MAX_WAITS); i++) {
        unsigned t = qdmashare_random(rng) % TIMELINES;

        desc->job.wait[i].timeline = t;
        desc->job.wait[i].seqno = d->seqno[t] + qdmashare_random(rng) % 3;
    }
}

static void test_descriptors(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t rng = seed_start();
    Tally tally = { 0 };
    uint64_t list;
    Arena arena;
    unsigned round, i;

    /* Nearly right descriptors: they get further than noise. */
    qdmashare_start(d);
    arena = arena_new(d);
    list = qdmashare_alloc(d, BATCH * 256);
    for (round = 0; round < ROUNDS; round++) {
        unsigned q = round % 2 ? 1 + round / 2 % (d->n_queues - 1) : 0;

        for (i = 0; i < BATCH; i++) {
            struct dmashare_desc desc;

            if (q) {
                some_job(d, &desc, &rng);
            } else {
                some_command(d, &desc, list + i * 256, &arena, &rng);
            }
            if (qdmashare_random(&rng) % 16 == 0) {
                /* A bit somewhere. */
                uint64_t bit = qdmashare_random(&rng) %
                               (DMASHARE_DESC_SIZE * 8);

                /* But not where an answer goes: it might be the guard. */
                if (desc.opcode != DMASHARE_OP_QUERY_LEDGER) {
                    ((uint8_t *)&desc)[bit / 8] ^= 1 << bit % 8;
                }
            }
            qdmashare_push(d, q, &desc);
        }
        run_batch(d, q, &tally);
    }
    arena_check(d, &arena);
    for (i = 0; i <= DMASHARE_STATUS_ABORTED; i++) {
        if (tally.commands[i] || tally.jobs[i]) {
            g_test_message("status 0x%02x: %u commands, %u jobs", i,
                           tally.commands[i], tally.jobs[i]);
        }
    }
    g_assert_cmpuint(tally.commands[DMASHARE_STATUS_OK], >, ROUNDS);
    g_assert_cmpuint(distinct(tally.commands), >=, 7);
    g_assert_cmpuint(tally.jobs[DMASHARE_STATUS_OK], >, ROUNDS / 3);
    g_assert_cmpuint(distinct(tally.jobs), >=, 10);
    assert_usable(d);
    arena_check(d, &arena);
}

static void test_registers(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t rng = seed_start();
    Arena arena;
    unsigned i;

    /*
     * Accesses of every width all over the register page, with the bus and
     * without it. Rings and fence memory may be anywhere, but no value used
     * here happens to name the arena.
     */
    qdmashare_start(d);
    arena = arena_new(d);
    qdmashare_reset(d);
    for (i = 0; i < 6000; i++) {
        uint32_t reg = qdmashare_random(&rng) % DMASHARE_REGS_SIZE;
        uint64_t value = edgy(&rng);

        if (qdmashare_random(&rng) % 4) {
            /* Most of the page is empty. */
            reg %= 0x300;
        }
        if (qdmashare_random(&rng) % 16 == 0) {
            reg = DMASHARE_REG_CTRL;
        }
        if (qdmashare_random(&rng) % 2) {
            reg &= ~3;
        }
        switch (qdmashare_random(&rng) % 8) {
        case 0:
            qpci_io_writeb(&d->dev, d->regs, reg, value);
            break;
        case 1:
            qpci_io_writew(&d->dev, d->regs, reg, value);
            break;
        case 2:
            qdmashare_writeq(d, reg, value);
            break;
        case 3:
            qdmashare_readq(d, reg);
            break;
        case 4:
            qdmashare_readl(d, reg);
            break;
        default:
            qdmashare_writel(d, reg, value);
            break;
        }
        if (i % 500 == 499) {
            qdmashare_bus_master(d, i / 500 % 2);
            qtest_clock_step(d->qts, 1000 * 1000);
        }
    }
    arena_check(d, &arena);
    assert_usable(d);
}

static void test_rings_anywhere(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t where[] = {
        0x7ffff0000000ULL,              /* nothing */
        0xfffffffffffff000ULL,          /* nothing, and the end */
        0xfee00000,                     /* interrupt messages */
        0xfec00000,                     /* I/O APIC */
        0xfffc0000,                     /* firmware */
        0xa0000,                        /* the hole below 1 MiB */
    };
    QDmashare *d = obj;
    struct dmashare_desc desc;
    size_t i, j;

    /* Rings and fence memory where no memory is, all combinations. */
    for (i = 0; i < ARRAY_SIZE(where); i++) {
        for (j = 0; j < ARRAY_SIZE(where); j++) {
            qdmashare_start(d);
            qdmashare_queue_disable(d, 1);
            qdmashare_writeq(d, DMASHARE_REG_QUEUE(1) +
                             DMASHARE_QREG_SQ_ADDR_LO, where[i]);
            qdmashare_writeq(d, DMASHARE_REG_QUEUE(1) +
                             DMASHARE_QREG_CQ_ADDR_LO, where[j]);
            qdmashare_writel(d, DMASHARE_REG_QUEUE(1) + DMASHARE_QREG_CTRL,
                             DMASHARE_QCTRL_ENABLE);
            qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
            qdmashare_writeq(d, DMASHARE_REG_EVQ_ADDR_LO, where[j]);
            qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
            qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
            qdmashare_writeq(d, DMASHARE_REG_FENCE_ADDR_LO, where[i]);
            qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL,
                             DMASHARE_FENCE_CTRL_ENABLE);
            qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 16);
            desc = qdmashare_noop(d, 0, 0);
            qdmashare_assert_job(d, 2, &desc, DMASHARE_STATUS_OK);
            qdmashare_reset(d);
        }
    }
    assert_usable(d);
}

static void test_doorbell_storm(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t rng = seed_start();
    unsigned i;

    qdmashare_start(d);
    for (i = 0; i < 3000; i++) {
        unsigned q = qdmashare_random(&rng) % d->n_queues;
        uint32_t reg = one_in(&rng, 2, DMASHARE_REG_DOORBELL_SQ(q),
                              DMASHARE_REG_DOORBELL_CQ(q));

        qdmashare_writel(d, one_in(&rng, 20, DMASHARE_REG_DOORBELL_EVQ, reg),
                         one_in(&rng, 4, edgy(&rng),
                                qdmashare_random(&rng) % 40));
        if (i % 16 == 15) {
            /* Stopped queues come back with what lies in their rings. */
            qdmashare_writel(d, DMASHARE_REG_QUEUE(q) + DMASHARE_QREG_CTRL, 0);
            qdmashare_writel(d, DMASHARE_REG_QUEUE(q) + DMASHARE_QREG_CTRL,
                             DMASHARE_QCTRL_ENABLE);
        }
    }
    assert_usable(d);
}

static void test_cyclic_waits(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t rng = seed_start();
    Tally tally = { 0 };
    unsigned round, q, i;

    /*
     * Many jobs that wait for each other at random, cycles and all: every
     * one of them ends.
     */
    qdmashare_start(d);
    for (round = 0; round < 40; round++) {
        for (q = 1; q < d->n_queues; q++) {
            for (i = 0; i < BATCH; i++) {
                struct dmashare_desc desc;
                unsigned n = qdmashare_random(&rng) % 4;

                desc = qdmashare_noop(d, qdmashare_random(&rng) % 6, 0);
                while (n--) {
                    unsigned t = qdmashare_random(&rng) % 6;

                    qdmashare_wait_for(&desc, t, d->seqno[t] +
                                       qdmashare_random(&rng) % 8);
                }
                qdmashare_push(d, q, &desc);
            }
        }
        for (q = 1; q < d->n_queues; q++) {
            qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(q),
                             d->queue[q].sq_tail);
        }
        for (q = 1; q < d->n_queues; q++) {
            run_batch(d, q, &tally);
        }
    }
    g_assert_cmpuint(tally.jobs[DMASHARE_STATUS_OK], >, 40 * BATCH);
    g_assert_cmpuint(tally.jobs[DMASHARE_STATUS_DEADLOCK], >, 40);
    assert_usable(d);
}

static void register_dmashare_hostile_test(void)
{
    /* Whatever its optional parts can be made to do, and a cache too small. */
    QOSGraphTestOptions full = {
        .edge.extra_device_opts = "local-size=16M,coherent=off,"
                                  "cache-size=16384",
    };

    qos_add_test("bytes", "dmashare-hostile", test_bytes, NULL);
    qos_add_test("bytes-full", "dmashare-hostile", test_bytes, &full);
    qos_add_test("descriptors-full", "dmashare-hostile", test_descriptors,
                 &full);
    qos_add_test("doorbell-storm-full", "dmashare-hostile",
                 test_doorbell_storm, &full);
    qos_add_test("descriptors", "dmashare-hostile", test_descriptors, NULL);
    qos_add_test("registers", "dmashare-hostile", test_registers, NULL);
    qos_add_test("rings-anywhere", "dmashare-hostile", test_rings_anywhere,
                 NULL);
    qos_add_test("doorbell-storm", "dmashare-hostile", test_doorbell_storm,
                 NULL);
    qos_add_test("cyclic-waits", "dmashare-hostile", test_cyclic_waits, NULL);
}

libqos_init(register_dmashare_hostile_test);
