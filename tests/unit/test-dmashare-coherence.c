/*
 * dmashare: the cache of a device that is not coherent, without a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "dmashare-world.h"

#define PAGE            DMASHARE_CACHE_PAGE
#define BUFFER_SIZE     (4 * PAGE + 0x123)
#define PIECES          5
#define PLENTY          (64 * PAGE)
#define MEMORY          (WORLD_BASE + 0x100)
#define OTHER           3
#define STATS           (&w->cache.stats)

/* Mappings as the tests below use them: one segment, right on memory. */
static DmashareMapping *map(World *w, uint32_t id, uint32_t direction)
{
    return world_map(w, id, direction, DMASHARE_PLACEMENT_SYSTEM, MEMORY);
}

/* The byte of memory that the buffer's byte at @offset is. */
static uint8_t *cpu(World *w, uint64_t offset)
{
    return w->memory + (MEMORY - WORLD_BASE) + offset;
}

static DmashareCopies *copies(World *w)
{
    return &dmashare_buffer_find(&w->bufs, WORLD_BUFFER)->copies;
}

static uint8_t read1(World *w, DmashareMapping *m, uint64_t offset)
{
    uint8_t byte;

    g_assert_cmphex(world_access(w, m, offset, &byte, 1, false, false), ==,
                    DMASHARE_STATUS_OK);
    return byte;
}

static void fill(World *w, DmashareMapping *m, uint64_t offset, uint8_t value,
                 uint64_t len)
{
    g_autofree uint8_t *bytes = g_malloc(len);

    memset(bytes, value, len);
    g_assert_cmphex(world_access(w, m, offset, bytes, len, true, false), ==,
                    DMASHARE_STATUS_OK);
}

/* A whole sweep; returns the status of its first fault. */
static uint16_t sweep(World *w, DmashareMapping *via, DmashareSweepOp op,
                      uint64_t offset, uint64_t len)
{
    DmashareSweep s = { .op = op, .next = offset, .last = offset + len - 1 };
    int64_t budget = INT64_MAX;

    g_assert_true(dmashare_copies_sweep(copies(w), via, &s, &budget));
    return s.status;
}

/* What either side writes stays its own secret until somebody syncs. */
static void test_secrets(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);

    *cpu(w, 10) = 0x11;
    g_assert_cmphex(read1(w, m, 10), ==, 0x11);
    *cpu(w, 10) = 0x22;
    g_assert_cmphex(read1(w, m, 10), ==, 0x11);
    g_assert_cmpuint(STATS->stale, ==, 1);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_DROP, 10, 1), ==, 0);
    g_assert_cmphex(read1(w, m, 10), ==, 0x22);
    g_assert_cmpuint(STATS->stale, ==, 1);

    fill(w, m, 11, 0x33, 2);
    g_assert_cmphex(*cpu(w, 11), ==, 0);
    g_assert_cmpuint(STATS->dirty, ==, 2);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_WRITE, 12, 1), ==, 0);
    g_assert_cmphex(*cpu(w, 11), ==, 0);
    g_assert_cmphex(*cpu(w, 12), ==, 0x33);
    g_assert_cmpuint(STATS->dirty, ==, 1);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE), ==, 0);
    g_assert_cmphex(*cpu(w, 11), ==, 0x33);
    g_assert_cmpuint(STATS->dirty, ==, 0);
    g_assert_cmpuint(STATS->written_back, ==, 2);
    /* dirty bytes are not stale, whatever memory holds */
    fill(w, m, 20, 0x44, 1);
    *cpu(w, 20) = 0x55;
    g_assert_cmphex(read1(w, m, 20), ==, 0x44);
    g_assert_cmpuint(STATS->stale, ==, 1);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_DROP, 0, BUFFER_SIZE), ==, 0);
    g_assert_cmpuint(STATS->discarded, ==, 1);
    g_assert_cmphex(read1(w, m, 20), ==, 0x55);
}

/* Neighbours in a piece do not overwrite each other's bytes. */
static void test_byte_exact(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);

    for (unsigned i = 0; i < PAGE; i += 2) {
        fill(w, m, i, 0xdd, 1);
    }
    memset(cpu(w, 0), 0xcc, PAGE);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE), ==, 0);
    for (unsigned i = 0; i < PAGE; i++) {
        g_assert_cmphex(*cpu(w, i), ==, i % 2 ? 0xcc : 0xdd);
    }
    g_assert_cmpuint(STATS->written_back, ==, PAGE / 2);
}

/* Memory is not read where the mapping does not allow it, nor needlessly. */
static void test_from_device(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_FROM_DEVICE);
    DmashareMapping *both = map(w, OTHER, DMASHARE_DIR_BIDIRECTIONAL);
    uint8_t byte[2];

    memset(cpu(w, 0), 0x11, BUFFER_SIZE);
    fill(w, m, 100, 0x22, 50);
    g_assert_cmpuint(w->reads, ==, 0);
    fill(w, both, PAGE, 0x22, PAGE);
    g_assert_cmpuint(w->reads, ==, 0);
    /* what it wrote can be read without memory, what it left absent not */
    w->bad_to = WORLD_SIZE;
    g_assert_cmphex(read1(w, both, 149), ==, 0x22);
    g_assert_cmphex(world_access(w, both, 149, byte, 2, false, false), ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    w->bad_to = 0;
    /* but is copied when somebody else reads */
    memset(cpu(w, 0), 0x33, PAGE);
    g_assert_cmphex(read1(w, both, 99), ==, 0x33);
    g_assert_cmphex(read1(w, both, 100), ==, 0x22);
    g_assert_cmphex(read1(w, both, 149), ==, 0x22);
    g_assert_cmphex(read1(w, both, 150), ==, 0x33);
    g_assert_cmpuint(STATS->stale, ==, 0);
}

/* The last piece ends with the buffer, and memory behind it is not touched. */
static void test_tail(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);

    w->bad_from = MEMORY - WORLD_BASE + BUFFER_SIZE;
    w->bad_to = WORLD_SIZE;
    g_assert_cmphex(read1(w, m, BUFFER_SIZE - 1), ==, 0);
    g_assert_cmpuint(STATS->bytes, ==, BUFFER_SIZE % PAGE);
    fill(w, m, BUFFER_SIZE - 1, 0x77, 1);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_FLUSH, 0, BUFFER_SIZE), ==, 0);
    g_assert_cmphex(*cpu(w, BUFFER_SIZE - 1), ==, 0x77);
    g_assert_cmphex(*cpu(w, BUFFER_SIZE), ==, 0);
}

/* No room: the oldest piece goes, and nothing of it is lost. */
static void test_evict(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 2 * PAGE);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);

    fill(w, m, 0, 0x10, 1);
    fill(w, m, PAGE, 0x11, 1);
    /* use does not make it younger */
    fill(w, m, 1, 0x20, 1);
    g_assert_cmphex(*cpu(w, 0), ==, 0);
    fill(w, m, 2 * PAGE, 0x12, 1);
    g_assert_cmphex(*cpu(w, 0), ==, 0x10);
    g_assert_cmphex(*cpu(w, 1), ==, 0x20);
    g_assert_cmphex(*cpu(w, PAGE), ==, 0);
    fill(w, m, 0, 0x30, 1);
    g_assert_cmphex(*cpu(w, PAGE), ==, 0x11);
    g_assert_cmpuint(w->cache.n_pieces, ==, 2);
    g_assert_cmpuint(STATS->bytes, ==, 2 * PAGE);
    g_assert_cmpuint(STATS->discarded, ==, 0);
    g_assert_cmpuint(STATS->written_back, ==, 3);
}

/* One piece is enough for a copy from one place of a buffer to another. */
static void test_single_piece(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PAGE);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);
    DmashareWindow src, dst;
    uint32_t hint = 0;

    memset(cpu(w, 0), 0x11, PAGE);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, m, 0, PAGE, false, false,
                                          &hint, &src),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, m, PAGE, PAGE, true, false,
                                          &hint, &dst),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(src.len, ==, PAGE);
    g_assert_cmpuint(dst.len, ==, PAGE);
    memcpy(dst.host, src.host, PAGE);
    dmashare_mapping_close(&w->maps, &dst, PAGE);
    dmashare_mapping_close(&w->maps, &src, PAGE);
    g_assert_cmpuint(w->cache.n_pieces, ==, 1);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE), ==, 0);
    g_assert_cmphex(*cpu(w, 2 * PAGE - 1), ==, 0x11);
}

/* Faults: on the way in nothing is copied, on the way out it depends. */
static void test_faults(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 2 * PAGE);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);
    DmashareSweep s = { .op = DMASHARE_SWEEP_WRITE, .last = BUFFER_SIZE - 1 };
    int64_t budget = INT64_MAX;
    DmashareWindow win;
    uint32_t hint = 0;
    uint8_t byte = 0;

    w->bad_from = MEMORY - WORLD_BASE + PAGE;
    w->bad_to = w->bad_from + PAGE;
    g_assert_cmphex(dmashare_mapping_open(&w->maps, m, PAGE + 7, 1, false,
                                          false, &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(win.addr, ==, MEMORY + PAGE + 7);
    g_assert_cmphex(world_access(w, m, PAGE, &byte, 1, true, false), ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmpuint(w->cache.n_pieces, ==, 0);

    /* SYNC: what cannot be written stays dirty, and so does what follows */
    w->bad_to = w->bad_from;
    fill(w, m, PAGE + 5, 0x55, 3);
    fill(w, m, 2 * PAGE, 0x66, 1);
    w->bad_to = w->bad_from + PAGE;
    g_assert_true(dmashare_copies_sweep(copies(w), m, &s, &budget));
    g_assert_cmphex(s.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(s.addr, ==, MEMORY + PAGE + 5);
    g_assert_cmpuint(STATS->dirty, ==, 4);
    g_assert_cmpuint(STATS->discarded, ==, 0);
    /* what is in the copy can be read without memory */
    g_assert_cmphex(read1(w, m, PAGE + 5), ==, 0x55);

    /* pushed out: lost and counted */
    fill(w, m, 3 * PAGE, 0x77, 1);
    g_assert_cmpuint(STATS->discarded, ==, 3);

    /* UNMAP: lost, but only what cannot be written */
    w->bad_from = MEMORY - WORLD_BASE + 2 * PAGE;
    w->bad_to = w->bad_from + PAGE;
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_FLUSH, 0, BUFFER_SIZE), ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmpuint(STATS->dirty, ==, 0);
    g_assert_cmpuint(STATS->discarded, ==, 4);
    g_assert_cmphex(*cpu(w, 3 * PAGE), ==, 0x77);
}

/* A fault in the middle of a piece: exact to the byte on both sides. */
static void test_fault_in_piece(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);
    const uint64_t good = 0x1000 - (MEMORY - WORLD_BASE);
    DmashareSweep s = { .op = DMASHARE_SWEEP_WRITE, .last = BUFFER_SIZE - 1 };
    int64_t budget = INT64_MAX;

    w->page = 0x1000;
    fill(w, m, 0, 0x11, PAGE);
    w->bad_from = 0x1000;
    w->bad_to = 0x2000;
    g_assert_true(dmashare_copies_sweep(copies(w), m, &s, &budget));
    g_assert_cmphex(s.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(s.addr, ==, WORLD_BASE + 0x1000);
    g_assert_cmpuint(STATS->written_back, ==, good);
    g_assert_cmpuint(STATS->dirty, ==, PAGE - good);
    g_assert_cmphex(*cpu(w, good - 1), ==, 0x11);
    g_assert_cmphex(*cpu(w, good), ==, 0);
    g_assert_cmphex(sweep(w, m, DMASHARE_SWEEP_FLUSH, 0, BUFFER_SIZE), ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmpuint(STATS->discarded, ==, PAGE - good);
    g_assert_cmpuint(STATS->bytes, ==, PAGE);
}

/* Stale is what was read: not what a window showed besides. */
static void test_stale_used(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);
    DmashareWindow win;
    uint32_t hint = 0;

    read1(w, m, 0);
    memset(cpu(w, 0), 0x11, PAGE);
    fill(w, m, 105, 0x22, 1);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, m, 100, 100, false, false,
                                          &hint, &win),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(STATS->stale, ==, 0);
    dmashare_mapping_close(&w->maps, &win, 10);
    g_assert_cmpuint(STATS->stale, ==, 9);
    /* the next window has nothing to do with that one */
    read1(w, m, PAGE);
    g_assert_cmpuint(STATS->stale, ==, 9);
}

/* Dirty bytes find another way to memory, but not one that may not write. */
static void test_ways(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *read = map(w, WORLD_MAPPING, DMASHARE_DIR_TO_DEVICE);
    DmashareMapping *write = map(w, OTHER, DMASHARE_DIR_FROM_DEVICE);
    DmashareMapping *ended;

    fill(w, write, 0, 0x11, 1);
    g_assert_cmphex(sweep(w, read, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(*cpu(w, 0), ==, 0x11);

    /* an ended mapping is a way until it is finished */
    fill(w, write, 1, 0x22, 1);
    fill(w, write, PAGE, 0x33, 1);
    fill(w, write, 2 * PAGE, 0x44, 1);
    g_assert_cmphex(dmashare_mapping_end(&w->maps, OTHER, false, &ended), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(sweep(w, ended, DMASHARE_SWEEP_WRITE, 0, PAGE), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(*cpu(w, 1), ==, 0x22);
    g_assert_cmphex(sweep(w, NULL, DMASHARE_SWEEP_WRITE, PAGE, 1), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(*cpu(w, PAGE), ==, 0x33);
    dmashare_mapping_finish(&w->maps, ended);
    g_assert_cmphex(sweep(w, read, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE), ==,
                    DMASHARE_STATUS_FAULT_DIRECTION);
    g_assert_cmpuint(STATS->dirty, ==, 1);
    g_assert_cmpuint(STATS->discarded, ==, 0);
    /* and one that ends in silence is none any more */
    map(w, OTHER, DMASHARE_DIR_BIDIRECTIONAL);
    g_assert_cmphex(dmashare_mapping_end(&w->maps, OTHER, true, &ended), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(sweep(w, NULL, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE), ==,
                    DMASHARE_STATUS_FAULT_DIRECTION);
    dmashare_mapping_finish(&w->maps, ended);
}

/* A sweep stops when its budget is used up, and goes on where it stopped. */
static void test_steps(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);
    DmashareSweep s = { .op = DMASHARE_SWEEP_WRITE, .last = BUFFER_SIZE - 1 };

    fill(w, m, 0, 0x11, BUFFER_SIZE);
    dmashare_cache_spent(&w->cache);
    for (unsigned i = 0; i < PIECES; i++) {
        uint64_t last = MIN((i + 1) * PAGE, BUFFER_SIZE) - 1;
        int64_t budget = 1;
        bool over = dmashare_copies_sweep(copies(w), m, &s, &budget);

        g_assert_cmpint(over, ==, i == PIECES - 1);
        /* it was charged for the bytes at least */
        g_assert_cmpint(budget, <=, 1 - (int64_t)(last + 1 - i * PAGE));
        g_assert_cmphex(*cpu(w, last), ==, 0x11);
        g_assert_cmphex(*cpu(w, last + 1), ==, 0);
        /* a piece that was done may change again meanwhile */
        fill(w, m, 0, 0x22, 1);
        g_assert_cmphex(*cpu(w, 0), ==, 0x11);
        dmashare_cache_spent(&w->cache);
    }
    g_assert_cmpuint(STATS->dirty, ==, 1);
}

/* Copies go with their buffer, whoever still knows it. */
static void test_death(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    DmashareMapping *m = map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL);
    DmashareMapping *ended;

    fill(w, m, 0, 0x11, 2 * PAGE);
    dmashare_mapping_ref(m);
    dmashare_mapping_end(&w->maps, WORLD_MAPPING, false, &ended);
    dmashare_mapping_finish(&w->maps, ended);
    g_assert_cmpuint(w->cache.n_pieces, ==, 2);
    g_assert_cmphex(dmashare_buffer_remove(&w->bufs, WORLD_BUFFER), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmpuint(w->cache.n_pieces, ==, 0);
    g_assert_cmpuint(STATS->bytes, ==, 0);
    g_assert_cmpuint(STATS->discarded, ==, 2 * PAGE);
    dmashare_mapping_unref(m);
}

/*
 * The rules once more, byte by byte and slowly, against which random
 * operations are checked.
 */
typedef enum ByteState { ABSENT, CLEAN, DIRTY } ByteState;

typedef struct Model {
    uint8_t memory[BUFFER_SIZE];
    uint8_t copy[BUFFER_SIZE];
    ByteState state[BUFFER_SIZE];
    DmashareCacheStats stats;
} Model;

static uint64_t piece_end(uint64_t offset)
{
    return MIN((offset / PAGE + 1) * PAGE, BUFFER_SIZE);
}

static void model_fill(Model *t, uint64_t offset)
{
    for (uint64_t i = offset / PAGE * PAGE; i < piece_end(offset); i++) {
        if (t->state[i] == ABSENT) {
            t->state[i] = CLEAN;
            t->copy[i] = t->memory[i];
        }
    }
}

static void model_read(Model *t, uint64_t from, uint64_t to, uint8_t *out,
                       bool uncached)
{
    for (uint64_t i = from; i < to; i++) {
        if (uncached) {
            *out++ = t->state[i] == DIRTY ? t->copy[i] : t->memory[i];
            continue;
        }
        t->stats.stale += t->state[i] == CLEAN && t->copy[i] != t->memory[i];
        if (i == from || i % PAGE == 0) {
            model_fill(t, i);
        }
        *out++ = t->copy[i];
    }
}

static void model_write_back(Model *t, uint64_t i)
{
    if (t->state[i] == DIRTY) {
        t->memory[i] = t->copy[i];
        t->state[i] = CLEAN;
        t->stats.written_back++;
    }
}

static void model_write(Model *t, uint64_t from, uint64_t to,
                        const uint8_t *in, bool uncached, bool readable)
{
    for (uint64_t at = from; at < to; at = piece_end(at)) {
        uint64_t start = at / PAGE * PAGE, end = piece_end(at);

        if (uncached) {
            for (uint64_t i = start; i < end; i++) {
                model_write_back(t, i);
                t->state[i] = ABSENT;
            }
        } else if (readable && (from > start || to < end)) {
            model_fill(t, at);
        }
    }
    for (uint64_t i = from; i < to; i++) {
        if (uncached) {
            t->memory[i] = *in++;
        } else {
            t->copy[i] = *in++;
            t->state[i] = DIRTY;
        }
    }
}

static void model_sweep(Model *t, DmashareSweepOp op, uint64_t from,
                        uint64_t to)
{
    if (op == DMASHARE_SWEEP_DROP) {
        from = from / PAGE * PAGE;
        to = piece_end(to - 1);
    }
    for (uint64_t i = from; i < to; i++) {
        switch (op) {
        case DMASHARE_SWEEP_WRITE:
        case DMASHARE_SWEEP_FLUSH:
            model_write_back(t, i);
            break;
        case DMASHARE_SWEEP_DROP:
        case DMASHARE_SWEEP_DROP_DIRTY:
            if (t->state[i] == DIRTY) {
                t->stats.discarded++;
                t->state[i] = ABSENT;
            } else if (op == DMASHARE_SWEEP_DROP) {
                t->state[i] = ABSENT;
            }
            break;
        case DMASHARE_SWEEP_DROP_CLEAN:
            if (t->state[i] == CLEAN) {
                t->state[i] = ABSENT;
            }
            break;
        }
    }
}

static void model_check(Model *t, World *w)
{
    uint64_t dirty = 0, bytes = 0;

    for (uint64_t at = 0; at < BUFFER_SIZE; at = piece_end(at)) {
        bool any = false;

        for (uint64_t i = at; i < piece_end(at); i++) {
            any |= t->state[i] != ABSENT;
            dirty += t->state[i] == DIRTY;
        }
        bytes += any ? piece_end(at) - at : 0;
    }
    g_assert_cmpuint(STATS->dirty, ==, dirty);
    g_assert_cmpuint(STATS->bytes, ==, bytes);
    g_assert_cmpuint(STATS->written_back, ==, t->stats.written_back);
    g_assert_cmpuint(STATS->discarded, ==, t->stats.discarded);
    g_assert_cmpuint(STATS->stale, ==, t->stats.stale);
}

/* A range, now of any size, now of whole pieces, now around a boundary. */
static void random_range(uint64_t *from, uint64_t *to)
{
    switch (g_test_rand_int_range(0, 3)) {
    case 0:
        *from = g_test_rand_int_range(0, BUFFER_SIZE);
        *to = *from + 1 + g_test_rand_int_range(0, 64);
        break;
    case 1:
        *from = g_test_rand_int_range(0, PIECES) * PAGE;
        *to = *from + g_test_rand_int_range(1, PIECES) * PAGE;
        break;
    default:
        *from = g_test_rand_int_range(0, BUFFER_SIZE);
        *to = *from + 1 + g_test_rand_int_range(0, BUFFER_SIZE);
        break;
    }
    *to = MIN(*to, BUFFER_SIZE);
}

static void model_cpu_write(Model *t, World *w, DmashareMapping *m,
                            uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        uint32_t hint = 0;
        uint64_t len, addr = dmashare_mapping_locate(m, i, &hint, &len);

        t->memory[i] = g_test_rand_int();
        w->memory[addr - WORLD_BASE] = t->memory[i];
    }
}

static void model_compare_memory(Model *t, World *w, DmashareMapping *m)
{
    for (uint64_t i = 0; i < BUFFER_SIZE; i++) {
        uint32_t hint = 0;
        uint64_t len, addr = dmashare_mapping_locate(m, i, &hint, &len);

        g_assert_cmphex(w->memory[addr - WORLD_BASE], ==, t->memory[i]);
    }
}

/* Whatever is done in whatever order, to the byte. */
static void test_model(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, PLENTY);
    g_autofree Model *t = g_new0(Model, 1);
    DmashareMapping *both = world_map_scattered(w, WORLD_MAPPING,
                                                DMASHARE_DIR_BIDIRECTIONAL,
                                                0x367);
    DmashareMapping *from_device = world_map_scattered(
        w, OTHER, DMASHARE_DIR_FROM_DEVICE, 0x367);

    for (unsigned n = 0; n < 4000; n++) {
        uint8_t data[BUFFER_SIZE], want[BUFFER_SIZE];
        bool uncached = g_test_rand_int_range(0, 4) == 0;
        uint64_t from, to;
        DmashareSweepOp op;

        random_range(&from, &to);
        switch (g_test_rand_int_range(0, 8)) {
        case 0:
        case 1:
            model_cpu_write(t, w, both, from, to);
            break;
        case 2:
        case 3:
            g_assert_cmphex(world_access(w, both, from, data, to - from,
                                         false, uncached), ==, 0);
            model_read(t, from, to, want, uncached);
            g_assert_cmpmem(data, to - from, want, to - from);
            break;
        case 4:
        case 5:
            for (unsigned i = 0; i < to - from; i++) {
                data[i] = g_test_rand_int();
            }
            g_assert_cmphex(world_access(w, n % 2 ? both : from_device, from,
                                         data, to - from, true, uncached),
                            ==, 0);
            model_write(t, from, to, data, uncached, n % 2);
            break;
        default:
            op = g_test_rand_int_range(0, DMASHARE_SWEEP_DROP_DIRTY + 1);
            if (op != DMASHARE_SWEEP_WRITE && op != DMASHARE_SWEEP_DROP) {
                /* these are only ever done to all of a buffer */
                from = 0;
                to = BUFFER_SIZE;
            }
            g_assert_cmphex(sweep(w, both, op, from, to - from), ==, 0);
            model_sweep(t, op, from, to);
            break;
        }
        model_check(t, w);
    }
    model_compare_memory(t, w, both);
}

/* With every sync in its place a cache of any size is not noticed. */
static void test_synced(void)
{
    for (unsigned pieces = 1; pieces <= PIECES; pieces++) {
        g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE,
                                       pieces * PAGE);
        g_autofree Model *t = g_new0(Model, 1);
        DmashareMapping *m = world_map_scattered(w, WORLD_MAPPING,
                                                 DMASHARE_DIR_BIDIRECTIONAL,
                                                 0x367);

        for (unsigned n = 0; n < 500; n++) {
            uint8_t data[BUFFER_SIZE];
            uint64_t from, to;

            random_range(&from, &to);
            switch (g_test_rand_int_range(0, 3)) {
            case 0:
                sweep(w, m, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE);
                model_cpu_write(t, w, m, from, to);
                sweep(w, m, DMASHARE_SWEEP_DROP, from, to - from);
                break;
            case 1:
                g_assert_cmphex(world_access(w, m, from, data, to - from,
                                             false, false), ==, 0);
                g_assert_cmpmem(data, to - from, t->memory + from, to - from);
                break;
            default:
                for (unsigned i = 0; i < to - from; i++) {
                    data[i] = g_test_rand_int();
                }
                memcpy(t->memory + from, data, to - from);
                g_assert_cmphex(world_access(w, m, from, data, to - from,
                                             true, n % 5 == 0), ==, 0);
                break;
            }
            g_assert_cmpuint(w->cache.n_pieces, <=, pieces);
        }
        sweep(w, m, DMASHARE_SWEEP_WRITE, 0, BUFFER_SIZE);
        model_compare_memory(t, w, m);
        g_assert_cmpuint(STATS->stale, ==, 0);
        g_assert_cmpuint(STATS->discarded, ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/coherence/secrets", test_secrets);
    g_test_add_func("/dmashare/coherence/byte-exact", test_byte_exact);
    g_test_add_func("/dmashare/coherence/from-device", test_from_device);
    g_test_add_func("/dmashare/coherence/tail", test_tail);
    g_test_add_func("/dmashare/coherence/evict", test_evict);
    g_test_add_func("/dmashare/coherence/single-piece", test_single_piece);
    g_test_add_func("/dmashare/coherence/faults", test_faults);
    g_test_add_func("/dmashare/coherence/fault-in-piece",
                    test_fault_in_piece);
    g_test_add_func("/dmashare/coherence/stale-used", test_stale_used);
    g_test_add_func("/dmashare/coherence/ways", test_ways);
    g_test_add_func("/dmashare/coherence/steps", test_steps);
    g_test_add_func("/dmashare/coherence/death", test_death);
    g_test_add_func("/dmashare/coherence/model", test_model);
    g_test_add_func("/dmashare/coherence/synced", test_synced);
    return g_test_run();
}
