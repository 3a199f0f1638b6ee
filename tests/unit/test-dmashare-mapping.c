/*
 * dmashare: the device's address space, without a device around it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "dmashare-world.h"

#define BUFFER_SIZE     0x6000

static DmashareMapping *map_scattered(World *w, uint64_t len,
                                      uint32_t direction)
{
    return world_map_scattered(w, WORLD_MAPPING, direction, len);
}

static uint16_t map_begin(World *w, uint32_t id, uint32_t n_segments,
                          DmashareMapping **map)
{
    return world_map_begin(w, id, DMASHARE_DIR_BIDIRECTIONAL,
                           DMASHARE_PLACEMENT_SYSTEM, n_segments, map);
}

/* Every byte of a scattered mapping is found where its segment put it. */
static void test_locate(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    const uint64_t len = 0x400;
    DmashareMapping *map;
    uint32_t forward = 0;

    map = map_scattered(w, len, DMASHARE_DIR_BIDIRECTIONAL);
    for (uint64_t offset = 0; offset < BUFFER_SIZE; offset++) {
        uint64_t want = WORLD_BASE + WORLD_SIZE -
                        (offset / len + 1) * 2 * len + offset % len;
        uint64_t left;

        g_assert_cmphex(dmashare_mapping_locate(map, offset, &forward, &left),
                        ==, want);
        g_assert_cmphex(left, ==, len - offset % len);
        /* A hint may be anything, one past the last segment included. */
        for (uint32_t i = 0; i <= BUFFER_SIZE / len + 1; i++) {
            uint32_t hint = i <= BUFFER_SIZE / len ? i : UINT32_MAX;

            g_assert_cmphex(dmashare_mapping_locate(map, offset, &hint, &left),
                            ==, want);
            g_assert_cmphex(left, ==, len - offset % len);
        }
    }
}

/* A window ends with its segment, and what passes through it is the memory. */
static void test_window(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    DmashareMapping *map;
    DmashareWindow win;
    uint32_t hint = 0;
    const uint64_t len = 0x1000;

    map = map_scattered(w, len, DMASHARE_DIR_BIDIRECTIONAL);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, map, len - 3, 10, true,
                                          false, &hint, &win),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(win.len, ==, 3);
    g_assert_cmphex(win.addr, ==, WORLD_BASE + WORLD_SIZE - len - 3);
    memset(win.host, 0xa5, win.len);
    g_assert_cmphex(dmashare_mapping_close(&w->maps, &win, win.len), ==,
                    DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < WORLD_SIZE; i++) {
        bool inside = i >= WORLD_SIZE - len - 3 && i < WORLD_SIZE - len;

        g_assert_cmphex(w->memory[i], ==, inside ? 0xa5 : 0);
    }
}

/* An address that the bus does not know is named in the refusal. */
static void test_translation_fault(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    DmashareMapping *map;
    DmashareWindow win;
    uint32_t hint = 0;
    const uint64_t nowhere = 0x123456789000;

    g_assert_cmphex(map_begin(w, WORLD_MAPPING, 1, &map),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(dmashare_mapping_add(&w->maps, map, nowhere, BUFFER_SIZE),
                    ==, DMASHARE_STATUS_OK);
    world_map_commit(w, map);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, map, 0x20, 1, false,
                                          false, &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(win.addr, ==, nowhere + 0x20);
}

/* Bounds, to the byte and past every overflow. */
static void test_bounds(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    DmashareMapping *map;
    static const struct {
        uint64_t offset, length, pitch;
        uint32_t rows;
        bool ok;
    } cases[] = {
        { 0, BUFFER_SIZE, 0, 1, true },
        { 0, BUFFER_SIZE + 1, 0, 1, false },
        { 1, BUFFER_SIZE, 0, 1, false },
        { BUFFER_SIZE - 1, 1, 0, 1, true },
        { BUFFER_SIZE, 1, 0, 1, false },
        { UINT64_MAX, 1, 0, 1, false },
        { 0, UINT64_MAX, 0, 1, false },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT32_MAX, false },
        /* the last row ends with its bytes, not with its pitch */
        { 0, 0x10, 0x1000, 6, true },
        { 0xff0, 0x10, 0x1000, 6, true },
        { 0xff1, 0x10, 0x1000, 6, false },
        { 0, 0x10, 0x1000, 7, false },
        { 0, 0x1000, 0x1000, 6, true },
        { 0, 0x10, 1ULL << 63, 2, false },
        { 0, 0x10, 1ULL << 63, 3, false },
        { 0, 0x10, UINT64_MAX / 2, 3, false },
    };

    map = map_scattered(w, 0x1000, DMASHARE_DIR_BIDIRECTIONAL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_test_message("case %u", i);
        g_assert_cmphex(dmashare_mapping_check(map, cases[i].offset,
                                               cases[i].length, cases[i].pitch,
                                               cases[i].rows, false),
                        ==, cases[i].ok ? DMASHARE_STATUS_OK
                                        : DMASHARE_STATUS_FAULT_BOUNDS);
    }
}

/* Each direction lets exactly its own accesses through. */
static void test_direction(void)
{
    static const struct {
        uint32_t direction;
        bool read, write;
    } cases[] = {
        { DMASHARE_DIR_BIDIRECTIONAL, true, true },
        { DMASHARE_DIR_TO_DEVICE, true, false },
        { DMASHARE_DIR_FROM_DEVICE, false, true },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
        DmashareMapping *map;

        map = map_scattered(w, 0x1000, cases[i].direction);
        g_assert_cmphex(dmashare_mapping_check(map, 0, 1, 0, 1, false), ==,
                        cases[i].read ? DMASHARE_STATUS_OK
                                      : DMASHARE_STATUS_FAULT_DIRECTION);
        g_assert_cmphex(dmashare_mapping_check(map, 0, 1, 0, 1, true), ==,
                        cases[i].write ? DMASHARE_STATUS_OK
                                       : DMASHARE_STATUS_FAULT_DIRECTION);
    }
}

/* UNMAP ends a mapping for the jobs that still refer to it, too. */
static void test_dead(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    DmashareMapping *map, *ended;
    DmashareWindow win;
    uint32_t hint = 0;

    map = dmashare_mapping_ref(map_scattered(w, 0x1000,
                                             DMASHARE_DIR_BIDIRECTIONAL));
    g_assert_cmphex(dmashare_mapping_end(&w->maps, WORLD_MAPPING, false,
                                         &ended),
                    ==, DMASHARE_STATUS_OK);
    g_assert_true(ended == map);
    g_assert_null(dmashare_mapping_find(&w->maps, WORLD_MAPPING));
    g_assert_cmphex(dmashare_mapping_end(&w->maps, WORLD_MAPPING, false,
                                         &ended),
                    ==, DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, map, 0, 1, false, false,
                                          &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    dmashare_mapping_finish(&w->maps, map);
    g_assert_null(map->segments);
    g_assert_cmphex(dmashare_mapping_open(&w->maps, map, 0, 1, false, false,
                                          &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    g_assert_cmphex(win.addr, ==, ~0ULL);
    dmashare_mapping_unref(map);
}

/* One segment against limits that allow BUFFER_SIZE bytes at 0x10000. */
static uint16_t add_one(const DmashareMapLimits *limits, uint64_t addr,
                        uint64_t len)
{
    g_autoptr(World) w = world_new(limits, BUFFER_SIZE, 0);
    DmashareMapping *map;
    uint16_t status;

    g_assert_cmphex(map_begin(w, WORLD_MAPPING, 2, &map),
                    ==, DMASHARE_STATUS_OK);
    status = dmashare_mapping_add(&w->maps, map, addr, len);
    dmashare_mapping_abandon(&w->maps, map);
    return status;
}

/* What a segment may be: not empty, not past 2^64, within the constraints. */
static void test_segments(void)
{
    DmashareMapLimits limits = world_limits;

    g_assert_cmphex(add_one(&limits, 0x1000, 0), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    g_assert_cmphex(add_one(&limits, UINT64_MAX, 1), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(add_one(&limits, UINT64_MAX, 2), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    g_assert_cmphex(add_one(&limits, 2, UINT64_MAX), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
    g_assert_cmphex(add_one(&limits, 0, UINT64_MAX), ==,
                    DMASHARE_STATUS_BAD_LENGTH);

    limits.mask = UINT32_MAX;
    g_assert_cmphex(add_one(&limits, 0xfffff000, 0x1000), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(add_one(&limits, 0xfffff000, 0x1001), ==,
                    DMASHARE_STATUS_CONSTRAINT);
    g_assert_cmphex(add_one(&limits, 1ULL << 32, 1), ==,
                    DMASHARE_STATUS_CONSTRAINT);

    limits = world_limits;
    limits.max_segment_size = 0x1000;
    g_assert_cmphex(add_one(&limits, 0, 0x1000), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(add_one(&limits, 0, 0x1001), ==,
                    DMASHARE_STATUS_CONSTRAINT);

    limits = world_limits;
    limits.boundary = 0x2000;
    g_assert_cmphex(add_one(&limits, 0x2000, 0x2000), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(add_one(&limits, 0x1fff, 1), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(add_one(&limits, 0x1fff, 2), ==,
                    DMASHARE_STATUS_CONSTRAINT);
}

/* A list that adds up to anything but the buffer never becomes a mapping. */
static void test_sums(void)
{
    static const struct {
        uint32_t announced;
        uint64_t first, second;
        uint16_t second_status, complete_status;
    } cases[] = {
        { 2, 0x1000, BUFFER_SIZE - 0x1000, DMASHARE_STATUS_OK,
          DMASHARE_STATUS_OK },
        { 2, 0x1000, BUFFER_SIZE - 0x1001, DMASHARE_STATUS_OK,
          DMASHARE_STATUS_BAD_LENGTH },
        { 2, 0x1000, BUFFER_SIZE, DMASHARE_STATUS_BAD_LENGTH,
          DMASHARE_STATUS_BAD_LENGTH },
        { 3, 0x1000, BUFFER_SIZE - 0x1000, DMASHARE_STATUS_OK,
          DMASHARE_STATUS_BAD_LENGTH },
        { 1, BUFFER_SIZE, 0x1000, DMASHARE_STATUS_BAD_LENGTH,
          DMASHARE_STATUS_OK },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
        DmashareMapping *map;

        g_test_message("case %u", i);
        g_assert_cmphex(map_begin(w, WORLD_MAPPING, cases[i].announced, &map),
                        ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(dmashare_mapping_add(&w->maps, map, 0, cases[i].first),
                        ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(dmashare_mapping_add(&w->maps, map, 0x100000,
                                             cases[i].second),
                        ==, cases[i].second_status);
        g_assert_cmphex(dmashare_mapping_complete(map), ==,
                        cases[i].complete_status);
        dmashare_mapping_abandon(&w->maps, map);
    }
}

/* Segments of all mappings together are bounded, and come back with UNMAP. */
static void test_total_segments(void)
{
    g_autoptr(World) w = world_new(&world_limits, BUFFER_SIZE, 0);
    DmashareMapping *map[2], *more;
    uint16_t status;

    for (unsigned i = 0; i < 2; i++) {
        status = map_begin(w, 10 + i, 50, &map[i]);
        g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    }
    status = map_begin(w, 12, 1, &more);
    g_assert_cmphex(status, ==, DMASHARE_STATUS_LIMIT);
    dmashare_mapping_abandon(&w->maps, map[0]);
    status = map_begin(w, 12, 50, &more);
    g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    dmashare_mapping_abandon(&w->maps, more);
    dmashare_mapping_abandon(&w->maps, map[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/mapping/locate", test_locate);
    g_test_add_func("/dmashare/mapping/window", test_window);
    g_test_add_func("/dmashare/mapping/translation-fault",
                    test_translation_fault);
    g_test_add_func("/dmashare/mapping/bounds", test_bounds);
    g_test_add_func("/dmashare/mapping/direction", test_direction);
    g_test_add_func("/dmashare/mapping/dead", test_dead);
    g_test_add_func("/dmashare/mapping/segments", test_segments);
    g_test_add_func("/dmashare/mapping/sums", test_sums);
    g_test_add_func("/dmashare/mapping/total-segments", test_total_segments);
    return g_test_run();
}
