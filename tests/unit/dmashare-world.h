/*
 * dmashare: a device's address space with nothing but arrays behind it
 *
 * System memory is an array of bytes at WORLD_BASE on the bus, local memory
 * another one. Every test makes a world of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_DMASHARE_WORLD_H
#define TESTS_UNIT_DMASHARE_WORLD_H

#include "hw/dmashare/mapping.h"

#define WORLD_BASE      0x10000
#define WORLD_SIZE      0x10000
#define WORLD_LOCAL     0x200000
#define WORLD_BUFFER    1
#define WORLD_MAPPING   2

/**
 * World: everything that a mapping can lead to
 * @memory: system memory
 * @local_memory: local memory
 * @bad_from: first offset in @memory where nobody answers
 * @bad_to: the first where somebody does again
 * @open_windows: on the bus
 * @reads: of the bus that were no windows
 * @page: a window on the bus ends where an aligned piece of it does
 * @dirtied: bytes of local memory that were reported as written
 * @discarded: bytes of local memory that were given back
 * @discards: local memory can be given back
 * @size: of the buffer WORLD_BUFFER
 */
typedef struct World {
    uint8_t memory[WORLD_SIZE];
    uint8_t local_memory[WORLD_LOCAL];
    uint64_t bad_from;
    uint64_t bad_to;
    unsigned open_windows;
    unsigned reads;
    uint64_t page;
    uint64_t dirtied;
    uint64_t discarded;
    bool discards;
    uint64_t size;
    DmashareCache cache;
    DmashareLocal local;
    DmashareBuffers bufs;
    DmashareMappings maps;
    DmashareBus bus;
} World;

static inline uint8_t *world_at(World *w, uint64_t addr, uint64_t len)
{
    uint64_t at = addr - WORLD_BASE;

    if (addr < WORLD_BASE || at > WORLD_SIZE || len > WORLD_SIZE - at ||
        (at < w->bad_to && at + len > w->bad_from)) {
        return NULL;
    }
    return w->memory + at;
}

static inline uint16_t world_read(void *opaque, uint64_t addr, void *buf,
                                  uint64_t len)
{
    World *w = opaque;
    uint8_t *from = world_at(w, addr, len);

    w->reads++;
    if (!from) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    memcpy(buf, from, len);
    return DMASHARE_STATUS_OK;
}

static inline uint16_t world_open(void *opaque, uint64_t addr, uint64_t len,
                                  bool write, DmashareWindow *win)
{
    World *w = opaque;

    len = MIN(len, w->page - addr % w->page);
    win->host = world_at(w, addr, len);
    if (!win->host) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    win->len = len;
    w->open_windows++;
    return DMASHARE_STATUS_OK;
}

static inline uint16_t world_close(void *opaque, DmashareWindow *win,
                                   uint64_t used)
{
    World *w = opaque;

    g_assert_cmpuint(used, <=, win->len);
    w->open_windows--;
    return DMASHARE_STATUS_OK;
}

static inline void world_local_written(void *opaque, uint64_t offset,
                                       uint64_t len)
{
    World *w = opaque;

    g_assert_cmpuint(offset + len, <=, WORLD_LOCAL);
    w->dirtied += len;
}

static inline bool world_local_discard(void *opaque, uint64_t offset,
                                       uint64_t len)
{
    World *w = opaque;

    g_assert_cmpuint(offset % w->local.granule, ==, 0);
    g_assert_cmpuint(len % w->local.granule, ==, 0);
    g_assert_cmpuint(offset + len, <=, WORLD_LOCAL);
    if (w->discards) {
        memset(w->local_memory + offset, 0, len);
        w->discarded += len;
    }
    return w->discards;
}

static const DmashareBusOps world_ops = {
    .read = world_read,
    .open = world_open,
    .close = world_close,
    .local_written = world_local_written,
    .local_discard = world_local_discard,
};

static const DmashareMapLimits world_limits = {
    .max_mappings = 8,
    .max_segments = 64,
    .max_total_segments = 100,
    .mask = UINT64_MAX,
};

/*
 * A world with one buffer of @size bytes, and a cache of @cache bytes, 0 for a
 * coherent device.
 */
static inline World *world_new(const DmashareMapLimits *limits, uint64_t size,
                               uint64_t cache)
{
    static const uint8_t name[DMASHARE_NAME_LEN];
    World *w = g_new0(World, 1);

    w->size = size;
    w->page = WORLD_SIZE;
    w->bus.ops = &world_ops;
    w->bus.opaque = w;
    w->bus.mask = limits->mask;
    w->local.host = w->local_memory;
    w->local.size = WORLD_LOCAL;
    w->local.granule = 0x1000;
    w->local.bus = &w->bus;
    dmashare_cache_init(&w->cache, cache, dmashare_mappings_transfer,
                        &w->maps);
    dmashare_buffers_init(&w->bufs, &w->cache, 8, 8);
    dmashare_mappings_init(&w->maps, limits, &w->bus, &w->local, &w->bufs);
    g_assert_cmphex(dmashare_buffer_create(&w->bufs, WORLD_BUFFER, size, 0,
                                           DMASHARE_PLACEMENT_SYSTEM, name),
                    ==, DMASHARE_STATUS_OK);
    return w;
}

/* Everything is given back: what is left over is a leak. */
static inline void world_free(World *w)
{
    g_assert_cmpuint(w->open_windows, ==, 0);
    dmashare_mappings_destroy(&w->maps);
    g_assert_cmpuint(w->maps.total_segments, ==, 0);
    dmashare_buffers_destroy(&w->bufs);
    g_assert_cmpuint(w->cache.n_pieces, ==, 0);
    g_assert_cmpuint(w->cache.stats.bytes, ==, 0);
    g_assert_cmpuint(w->cache.stats.dirty, ==, 0);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* Begin a mapping of the buffer that is to have @n_segments. */
static inline uint16_t world_map_begin(World *w, uint32_t id,
                                       uint32_t direction, uint32_t placement,
                                       uint32_t n_segments,
                                       DmashareMapping **map)
{
    DmashareMapRequest req = {
        .id = id,
        .buffer = WORLD_BUFFER,
        .direction = direction,
        .length = w->size,
        .n_segments = n_segments,
        .placement = placement,
    };

    return dmashare_mapping_begin(&w->maps, &req, map);
}

static inline void world_map_commit(World *w, DmashareMapping *map)
{
    g_assert_cmphex(dmashare_mapping_complete(map), ==, DMASHARE_STATUS_OK);
    dmashare_mapping_commit(&w->maps, map);
}

/* Map the buffer as one segment at @addr. */
static inline DmashareMapping *world_map(World *w, uint32_t id,
                                         uint32_t direction,
                                         uint32_t placement, uint64_t addr)
{
    DmashareMapping *map;

    g_assert_cmphex(world_map_begin(w, id, direction, placement, 1, &map), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(dmashare_mapping_add(&w->maps, map, addr, w->size), ==,
                    DMASHARE_STATUS_OK);
    world_map_commit(w, map);
    return map;
}

/* Segments of @len bytes, from the top of system memory down, with gaps. */
static inline DmashareMapping *world_map_scattered(World *w, uint32_t id,
                                                   uint32_t direction,
                                                   uint64_t len)
{
    uint32_t n = DIV_ROUND_UP(w->size, len);
    DmashareMapping *map;

    g_assert_cmphex(world_map_begin(w, id, direction,
                                    DMASHARE_PLACEMENT_SYSTEM, n, &map),
                    ==, DMASHARE_STATUS_OK);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t addr = WORLD_BASE + WORLD_SIZE - (i + 1) * 2 * len;

        g_assert_cmphex(dmashare_mapping_add(&w->maps, map, addr,
                                             MIN(len, w->size - i * len)),
                        ==, DMASHARE_STATUS_OK);
    }
    world_map_commit(w, map);
    return map;
}

/* As an engine does it: window after window. Returns the first fault. */
static inline uint16_t world_access(World *w, DmashareMapping *map,
                                    uint64_t offset, void *buf, uint64_t len,
                                    bool write, bool uncached)
{
    uint8_t *bytes = buf;
    uint32_t hint = 0;

    while (len) {
        DmashareWindow win;
        uint16_t status = dmashare_mapping_open(&w->maps, map, offset, len,
                                                write, uncached, &hint, &win);

        if (status) {
            return status;
        }
        g_assert_cmpuint(win.len, >, 0);
        g_assert_cmpuint(win.len, <=, len);
        if (write) {
            memcpy(win.host, bytes, win.len);
        } else {
            memcpy(bytes, win.host, win.len);
        }
        status = dmashare_mapping_close(&w->maps, &win, win.len);
        if (status) {
            return status;
        }
        offset += win.len;
        bytes += win.len;
        len -= win.len;
    }
    return DMASHARE_STATUS_OK;
}

#endif /* TESTS_UNIT_DMASHARE_WORLD_H */
