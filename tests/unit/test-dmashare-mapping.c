/*
 * dmashare: the device's address space, without a device around it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/dmashare/mapping.h"

#define MEMORY_BASE     0x10000
#define MEMORY_SIZE     0x10000
#define BUFFER          1
#define MAPPING         2
#define BUFFER_SIZE     0x6000

/* The bus of the tests is an array of bytes at MEMORY_BASE. */
typedef struct Fixture {
    uint8_t memory[MEMORY_SIZE];
    unsigned open_windows;
    DmashareCache cache;
    DmashareLocal local;
    DmashareBuffers bufs;
    DmashareMappings maps;
    DmashareBus bus;
} Fixture;

static uint16_t memory_open(void *opaque, uint64_t addr, uint64_t len,
                            bool write, DmashareWindow *win)
{
    Fixture *f = opaque;

    if (addr < MEMORY_BASE || addr - MEMORY_BASE > MEMORY_SIZE ||
        len > MEMORY_SIZE - (addr - MEMORY_BASE)) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    win->host = f->memory + (addr - MEMORY_BASE);
    win->len = len;
    f->open_windows++;
    return DMASHARE_STATUS_OK;
}

static uint16_t memory_close(void *opaque, DmashareWindow *win, uint64_t used)
{
    Fixture *f = opaque;

    g_assert_cmpuint(used, <=, win->len);
    f->open_windows--;
    return DMASHARE_STATUS_OK;
}

static const DmashareBusOps memory_ops = {
    .open = memory_open,
    .close = memory_close,
};

static const DmashareMapLimits plenty = {
    .max_mappings = 8,
    .max_segments = 64,
    .max_total_segments = 100,
    .mask = UINT64_MAX,
};

static void setup(Fixture *f, const DmashareMapLimits *limits)
{
    static const uint8_t name[DMASHARE_NAME_LEN];

    memset(f, 0, sizeof(*f));
    f->bus.ops = &memory_ops;
    f->bus.opaque = f;
    f->bus.mask = limits->mask;
    dmashare_cache_init(&f->cache, 0, dmashare_mappings_transfer, &f->maps);
    dmashare_buffers_init(&f->bufs, &f->cache, 8, 8);
    dmashare_mappings_init(&f->maps, limits, &f->bus, &f->local, &f->bufs);
    g_assert_cmphex(dmashare_buffer_create(&f->bufs, BUFFER, BUFFER_SIZE, 0,
                                           DMASHARE_PLACEMENT_SYSTEM, name),
                    ==, DMASHARE_STATUS_OK);
}

static void teardown(Fixture *f)
{
    g_assert_cmpuint(f->open_windows, ==, 0);
    dmashare_mappings_destroy(&f->maps);
    g_assert_cmpuint(f->maps.total_segments, ==, 0);
    dmashare_buffers_destroy(&f->bufs);
}

/* Begin a mapping of the buffer that is to have @n_segments. */
static uint16_t map_begin(Fixture *f, uint32_t id, uint32_t direction,
                          uint32_t n_segments, DmashareMapping **map)
{
    DmashareMapRequest req = {
        .id = id,
        .buffer = BUFFER,
        .direction = direction,
        .length = BUFFER_SIZE,
        .n_segments = n_segments,
    };

    return dmashare_mapping_begin(&f->maps, &req, map);
}

static void map_commit(Fixture *f, DmashareMapping *map)
{
    g_assert_cmphex(dmashare_mapping_complete(map), ==, DMASHARE_STATUS_OK);
    dmashare_mapping_commit(&f->maps, map);
}

/* Map the buffer as segments of @len bytes, from the top of memory down. */
static DmashareMapping *map_scattered(Fixture *f, uint64_t len,
                                      uint32_t direction)
{
    DmashareMapping *map;

    g_assert_cmphex(map_begin(f, MAPPING, direction, BUFFER_SIZE / len, &map),
                    ==, DMASHARE_STATUS_OK);
    for (uint64_t i = 0; i < BUFFER_SIZE / len; i++) {
        uint64_t addr = MEMORY_BASE + MEMORY_SIZE - (i + 1) * 2 * len;

        g_assert_cmphex(dmashare_mapping_add(&f->maps, map, addr, len), ==,
                        DMASHARE_STATUS_OK);
    }
    map_commit(f, map);
    return map;
}

/* Every byte of a scattered mapping is found where its segment put it. */
static void test_locate(void)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
    const uint64_t len = 0x400;
    DmashareMapping *map;
    uint32_t forward = 0;

    setup(f, &plenty);
    map = map_scattered(f, len, DMASHARE_DIR_BIDIRECTIONAL);
    for (uint64_t offset = 0; offset < BUFFER_SIZE; offset++) {
        uint64_t want = MEMORY_BASE + MEMORY_SIZE -
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
    teardown(f);
}

/* A window ends with its segment, and what passes through it is the memory. */
static void test_window(void)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
    DmashareMapping *map;
    DmashareWindow win;
    uint32_t hint = 0;
    const uint64_t len = 0x1000;

    setup(f, &plenty);
    map = map_scattered(f, len, DMASHARE_DIR_BIDIRECTIONAL);
    g_assert_cmphex(dmashare_mapping_open(&f->maps, map, len - 3, 10, true,
                                          false, &hint, &win),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(win.len, ==, 3);
    g_assert_cmphex(win.addr, ==, MEMORY_BASE + MEMORY_SIZE - len - 3);
    memset(win.host, 0xa5, win.len);
    g_assert_cmphex(dmashare_mapping_close(&f->maps, &win, win.len), ==,
                    DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < MEMORY_SIZE; i++) {
        bool inside = i >= MEMORY_SIZE - len - 3 && i < MEMORY_SIZE - len;

        g_assert_cmphex(f->memory[i], ==, inside ? 0xa5 : 0);
    }
    teardown(f);
}

/* An address that the bus does not know is named in the refusal. */
static void test_translation_fault(void)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
    DmashareMapping *map;
    DmashareWindow win;
    uint32_t hint = 0;
    const uint64_t nowhere = 0x123456789000;

    setup(f, &plenty);
    g_assert_cmphex(map_begin(f, MAPPING, DMASHARE_DIR_BIDIRECTIONAL, 1, &map),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(dmashare_mapping_add(&f->maps, map, nowhere, BUFFER_SIZE),
                    ==, DMASHARE_STATUS_OK);
    map_commit(f, map);
    g_assert_cmphex(dmashare_mapping_open(&f->maps, map, 0x20, 1, false,
                                          false, &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(win.addr, ==, nowhere + 0x20);
    teardown(f);
}

/* Bounds, to the byte and past every overflow. */
static void test_bounds(void)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
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

    setup(f, &plenty);
    map = map_scattered(f, 0x1000, DMASHARE_DIR_BIDIRECTIONAL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_test_message("case %u", i);
        g_assert_cmphex(dmashare_mapping_check(map, cases[i].offset,
                                               cases[i].length, cases[i].pitch,
                                               cases[i].rows, false),
                        ==, cases[i].ok ? DMASHARE_STATUS_OK
                                        : DMASHARE_STATUS_FAULT_BOUNDS);
    }
    teardown(f);
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
        g_autofree Fixture *f = g_new(Fixture, 1);
        DmashareMapping *map;

        setup(f, &plenty);
        map = map_scattered(f, 0x1000, cases[i].direction);
        g_assert_cmphex(dmashare_mapping_check(map, 0, 1, 0, 1, false), ==,
                        cases[i].read ? DMASHARE_STATUS_OK
                                      : DMASHARE_STATUS_FAULT_DIRECTION);
        g_assert_cmphex(dmashare_mapping_check(map, 0, 1, 0, 1, true), ==,
                        cases[i].write ? DMASHARE_STATUS_OK
                                       : DMASHARE_STATUS_FAULT_DIRECTION);
        teardown(f);
    }
}

/* UNMAP ends a mapping for the jobs that still refer to it, too. */
static void test_dead(void)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
    DmashareMapping *map, *ended;
    DmashareWindow win;
    uint32_t hint = 0;

    setup(f, &plenty);
    map = dmashare_mapping_ref(map_scattered(f, 0x1000,
                                             DMASHARE_DIR_BIDIRECTIONAL));
    g_assert_cmphex(dmashare_mapping_end(&f->maps, MAPPING, &ended), ==,
                    DMASHARE_STATUS_OK);
    g_assert_true(ended == map);
    g_assert_null(dmashare_mapping_find(&f->maps, MAPPING));
    g_assert_cmphex(dmashare_mapping_end(&f->maps, MAPPING, &ended), ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(dmashare_mapping_open(&f->maps, map, 0, 1, false, false,
                                          &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    dmashare_mapping_finish(&f->maps, map);
    g_assert_null(map->segments);
    g_assert_cmphex(dmashare_mapping_open(&f->maps, map, 0, 1, false, false,
                                          &hint, &win),
                    ==, DMASHARE_STATUS_FAULT_DEAD_MAPPING);
    g_assert_cmphex(win.addr, ==, ~0ULL);
    dmashare_mapping_unref(map);
    teardown(f);
}

/* One segment against limits that allow BUFFER_SIZE bytes at 0x10000. */
static uint16_t add_one(const DmashareMapLimits *limits, uint64_t addr,
                        uint64_t len)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
    DmashareMapping *map;
    uint16_t status;

    setup(f, limits);
    g_assert_cmphex(map_begin(f, MAPPING, DMASHARE_DIR_BIDIRECTIONAL, 2, &map),
                    ==, DMASHARE_STATUS_OK);
    status = dmashare_mapping_add(&f->maps, map, addr, len);
    dmashare_mapping_abandon(&f->maps, map);
    teardown(f);
    return status;
}

/* What a segment may be: not empty, not past 2^64, within the constraints. */
static void test_segments(void)
{
    DmashareMapLimits limits = plenty;

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

    limits = plenty;
    limits.max_segment_size = 0x1000;
    g_assert_cmphex(add_one(&limits, 0, 0x1000), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(add_one(&limits, 0, 0x1001), ==,
                    DMASHARE_STATUS_CONSTRAINT);

    limits = plenty;
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
        g_autofree Fixture *f = g_new(Fixture, 1);
        DmashareMapping *map;

        g_test_message("case %u", i);
        setup(f, &plenty);
        g_assert_cmphex(map_begin(f, MAPPING, DMASHARE_DIR_BIDIRECTIONAL,
                                  cases[i].announced, &map),
                        ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(dmashare_mapping_add(&f->maps, map, 0, cases[i].first),
                        ==, DMASHARE_STATUS_OK);
        g_assert_cmphex(dmashare_mapping_add(&f->maps, map, 0x100000,
                                             cases[i].second),
                        ==, cases[i].second_status);
        g_assert_cmphex(dmashare_mapping_complete(map), ==,
                        cases[i].complete_status);
        dmashare_mapping_abandon(&f->maps, map);
        teardown(f);
    }
}

/* Segments of all mappings together are bounded, and come back with UNMAP. */
static void test_total_segments(void)
{
    g_autofree Fixture *f = g_new(Fixture, 1);
    DmashareMapping *map[2], *more;
    uint16_t status;

    setup(f, &plenty);
    for (unsigned i = 0; i < 2; i++) {
        status = map_begin(f, 10 + i, DMASHARE_DIR_BIDIRECTIONAL, 50, &map[i]);
        g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    }
    status = map_begin(f, 12, DMASHARE_DIR_BIDIRECTIONAL, 1, &more);
    g_assert_cmphex(status, ==, DMASHARE_STATUS_LIMIT);
    dmashare_mapping_abandon(&f->maps, map[0]);
    status = map_begin(f, 12, DMASHARE_DIR_BIDIRECTIONAL, 50, &more);
    g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    dmashare_mapping_abandon(&f->maps, more);
    dmashare_mapping_abandon(&f->maps, map[1]);
    teardown(f);
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
