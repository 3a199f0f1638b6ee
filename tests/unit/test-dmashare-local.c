/*
 * dmashare: local memory, without a device around it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "dmashare-world.h"

#define BUFFER_SIZE     0x3000
#define PLACE           0x5000

/* Local memory ends where it ends, past every overflow. */
static void test_holds(void)
{
    DmashareLocal local = { .size = 0x10000 };

    g_assert_true(dmashare_local_holds(&local, 0, 0x10000));
    g_assert_true(dmashare_local_holds(&local, 0xffff, 1));
    g_assert_false(dmashare_local_holds(&local, 0, 0x10001));
    g_assert_false(dmashare_local_holds(&local, 1, 0x10000));
    g_assert_false(dmashare_local_holds(&local, 0x10000, 1));
    g_assert_false(dmashare_local_holds(&local, UINT64_MAX, 1));
    g_assert_false(dmashare_local_holds(&local, 1, UINT64_MAX));
    g_assert_false(dmashare_local_holds(&local, UINT64_MAX, UINT64_MAX));
}

/* A local segment keeps to local memory, and to no limit of the bus. */
static void test_segments(void)
{
    static const struct {
        uint64_t addr, len;
        uint16_t status;
    } cases[] = {
        { 0, BUFFER_SIZE, DMASHARE_STATUS_OK },
        { WORLD_LOCAL - 1, 1, DMASHARE_STATUS_OK },
        { WORLD_LOCAL - 1, 2, DMASHARE_STATUS_BAD_SEGMENT },
        { WORLD_LOCAL, 1, DMASHARE_STATUS_BAD_SEGMENT },
        { 0, 0, DMASHARE_STATUS_BAD_SEGMENT },
        { UINT64_MAX, 1, DMASHARE_STATUS_BAD_SEGMENT },
        { 2, UINT64_MAX, DMASHARE_STATUS_BAD_SEGMENT },
        { 0x1fff, 2, DMASHARE_STATUS_OK },
        { 0, BUFFER_SIZE + 1, DMASHARE_STATUS_BAD_LENGTH },
    };
    DmashareMapLimits limits = world_limits;

    limits.mask = 0xffff;
    limits.max_segment_size = 0x400;
    limits.boundary = 0x1000;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(World) w = world_new(&limits, BUFFER_SIZE, 0);
        DmashareMapping *map;

        g_test_message("case %u", i);
        g_assert_cmphex(world_map_begin(w, WORLD_MAPPING,
                                        DMASHARE_DIR_BIDIRECTIONAL,
                                        DMASHARE_PLACEMENT_LOCAL, 2, &map),
                        ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(dmashare_mapping_add(&w->maps, map, cases[i].addr,
                                             cases[i].len),
                        ==, cases[i].status);
        dmashare_mapping_abandon(&w->maps, map);
    }
}

/* What goes through a mapping is in local memory; the bus sees nothing. */
static void test_access(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 1 << 20);
    uint8_t out[BUFFER_SIZE], in[BUFFER_SIZE];
    DmashareMapping *map;

    for (unsigned i = 0; i < BUFFER_SIZE; i++) {
        out[i] = i * 7 + i / 256;
    }
    memset(w->local_memory, 0xee, WORLD_LOCAL);
    map = world_map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL,
                    DMASHARE_PLACEMENT_LOCAL, PLACE);
    g_assert_cmphex(world_access(w, map, 1, out + 1, BUFFER_SIZE - 2, true,
                                 false),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmpmem(w->local_memory + PLACE + 1, BUFFER_SIZE - 2, out + 1,
                    BUFFER_SIZE - 2);
    g_assert_cmphex(w->local_memory[PLACE], ==, 0xee);
    g_assert_cmphex(w->local_memory[PLACE + BUFFER_SIZE - 1], ==, 0xee);
    g_assert_cmpuint(w->dirtied, ==, BUFFER_SIZE - 2);

    g_assert_cmphex(world_access(w, map, 1, in, BUFFER_SIZE - 2, false, false),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmpmem(in, BUFFER_SIZE - 2, out + 1, BUFFER_SIZE - 2);
    g_assert_cmpuint(w->dirtied, ==, BUFFER_SIZE - 2);
    /* neither was it copied, though the device is not coherent */
    g_assert_cmpuint(w->cache.n_pieces, ==, 0);
    g_assert_cmpuint(w->reads, ==, 0);
    g_assert_cmphex(dmashare_mapping_address(map, 0), ==, ~0ULL);
}

/* A device that is being reset touches its memory no more. */
static void test_closed(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    DmashareMapping *map;
    uint8_t byte = 0x55;

    map = world_map(w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL,
                    DMASHARE_PLACEMENT_LOCAL, PLACE);
    w->local.closed = true;
    g_assert_cmphex(world_access(w, map, 0, &byte, 1, true, false), ==,
                    DMASHARE_STATUS_FAULT_BUS_MASTER);
    g_assert_cmphex(w->local_memory[PLACE], ==, 0);
}

/* Zero the bytes from @from to @to; tell how many were given back. */
static uint64_t zero(World *w, uint64_t from, uint64_t to)
{
    DmashareWindow win = { .write = true };

    memset(w->local_memory, 0xee, WORLD_LOCAL);
    w->discarded = 0;
    g_assert_cmphex(dmashare_local_open(&w->local, from, to - from, &win), ==,
                    DMASHARE_STATUS_OK);
    dmashare_local_zero(&w->local, &win);
    dmashare_local_close(&w->local, &win, win.len);
    for (uint64_t i = 0; i < WORLD_LOCAL; i++) {
        g_assert_cmphex(w->local_memory[i], ==,
                        i >= from && i < to ? 0 : 0xee);
    }
    return w->discarded;
}

/* Whole pages of large runs are given back; the edges are written. */
static void test_zero(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);

    w->discards = true;
    g_assert_cmpuint(zero(w, 0, WORLD_LOCAL), ==, WORLD_LOCAL);
    g_assert_cmpuint(zero(w, 0x1001, 0x101fff), ==, 0xff000);
    g_assert_cmpuint(zero(w, 0x1000, 0x101000), ==, 0x100000);
    g_assert_cmpuint(zero(w, 0x1fff, 0x102001), ==, 0x100000);
    g_assert_cmpuint(zero(w, 0x1000, 0x2000), ==, 0);
    g_assert_cmpuint(zero(w, 5, 7), ==, 0);

    w->local.granule = WORLD_LOCAL;
    g_assert_cmpuint(zero(w, 0x1001, 0x101fff), ==, 0);

    /* the same where nothing can be given back, which is tried once */
    w->local.granule = 0x1000;
    w->discards = false;
    g_assert_true(dmashare_local_gives_back(&w->local, 0x100000));
    g_assert_cmpuint(zero(w, 0x1001, 0x101fff), ==, 0);
    g_assert_false(dmashare_local_gives_back(&w->local, 0x100000));
    w->discards = true;
    g_assert_cmpuint(zero(w, 0x1001, 0x101fff), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/local/holds", test_holds);
    g_test_add_func("/dmashare/local/segments", test_segments);
    g_test_add_func("/dmashare/local/access", test_access);
    g_test_add_func("/dmashare/local/closed", test_closed);
    g_test_add_func("/dmashare/local/zero", test_zero);
    return g_test_run();
}
