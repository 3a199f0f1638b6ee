/*
 * dmashare: what a buffer, a mapping and a segment cost the host in memory
 *
 * Counted by the allocator, with its own overhead and that of every table the
 * object is found in. Given the names of figures, the program prints what it
 * found as `make bench` wants it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <malloc.h>
#include "dmashare-world.h"

/*
 * As many objects as just made a table of GLib's grow, which is when it has
 * most room that is not used.
 */
#define MANY            16000
#define SEGMENTS        1000000

/* What is permitted, in bytes (tests/perf/figures). */
#define BUFFER_MOST     512
#define MAPPING_MOST    512
#define SEGMENT_MOST    24

static const DmashareMapLimits limits = {
    .max_mappings = MANY,
    .max_segments = SEGMENTS,
    .max_total_segments = SEGMENTS + MANY,
    .mask = UINT64_MAX,
};

/* Bytes that the program has allocated. */
static uint64_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static World *big_world(void)
{
    World *w = world_new(&limits, SEGMENTS * 4096ULL, 0);

    w->bufs.max_buffers = MANY + 1;
    return w;
}

static double buffer_bytes(void)
{
    static const uint8_t name[DMASHARE_NAME_LEN] = "memory";
    g_autoptr(World) w = big_world();
    uint64_t before = allocated();

    for (uint32_t i = 0; i < MANY; i++) {
        g_assert_cmphex(dmashare_buffer_create(&w->bufs, WORLD_BUFFER + 1 + i,
                                               4096, 0,
                                               DMASHARE_PLACEMENT_SYSTEM,
                                               name), ==, DMASHARE_STATUS_OK);
    }
    return (double)(allocated() - before) / MANY;
}

/* With the one segment that it has at least. */
static double mapping_bytes(void)
{
    g_autoptr(World) w = big_world();
    uint64_t before = allocated();

    for (uint32_t i = 0; i < MANY; i++) {
        world_map(w, 1 + i, DMASHARE_DIR_BIDIRECTIONAL,
                  DMASHARE_PLACEMENT_SYSTEM, WORLD_BASE);
    }
    return (double)(allocated() - before) / MANY;
}

static double segment_bytes(void)
{
    g_autoptr(World) w = big_world();
    uint64_t before = allocated();
    DmashareMapping *map;

    g_assert_cmphex(world_map_begin(w, WORLD_MAPPING,
                                    DMASHARE_DIR_BIDIRECTIONAL,
                                    DMASHARE_PLACEMENT_SYSTEM, SEGMENTS, &map),
                    ==, DMASHARE_STATUS_OK);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        g_assert_cmphex(dmashare_mapping_add(&w->maps, map, i * 8192ULL, 4096),
                        ==, DMASHARE_STATUS_OK);
    }
    world_map_commit(w, map);
    return (double)(allocated() - before) / SEGMENTS;
}

static void test_buffer(void)
{
    g_assert_cmpfloat(buffer_bytes(), <=, BUFFER_MOST);
}

static void test_mapping(void)
{
    g_assert_cmpfloat(mapping_bytes(), <=, MAPPING_MOST);
}

static void test_segment(void)
{
    g_assert_cmpfloat(segment_bytes(), <=, SEGMENT_MOST);
}

static void print_figure(const char *name, double bytes)
{
    printf("bench: {\"figure\": \"%s\", \"unit\": \"B\", "
           "\"measured\": [%.6g]}\n", name, bytes);
}

static int print_figures(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (g_str_equal(argv[i], "memory-buffer")) {
            print_figure(argv[i], buffer_bytes());
        } else if (g_str_equal(argv[i], "memory-mapping")) {
            print_figure(argv[i], mapping_bytes());
        } else if (g_str_equal(argv[i], "memory-segment")) {
            print_figure(argv[i], segment_bytes());
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && argv[1][0] != '-') {
        return print_figures(argc, argv);
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/memory/buffer", test_buffer);
    g_test_add_func("/dmashare/memory/mapping", test_mapping);
    g_test_add_func("/dmashare/memory/segment", test_segment);
    return g_test_run();
}
