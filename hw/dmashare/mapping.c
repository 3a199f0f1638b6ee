// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the device's address space
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "hw/dmashare/mapping.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(DmashareSegment) > 24);
QEMU_BUILD_BUG_ON(sizeof(DmashareMapping) > 512);

/* What one access to memory on behalf of the cache costs beyond its bytes. */
#define TRANSFER_COST   512

static bool mapping_is_writer(const DmashareMapping *map)
{
    return map->placement == DMASHARE_PLACEMENT_SYSTEM &&
           map->direction != DMASHARE_DIR_TO_DEVICE;
}

/*
 * The segments go as soon as nothing is to be written through the mapping any
 * more, even while jobs refer to it: that bounds the memory by the live
 * mappings, and makes a forgotten check a NULL pointer instead of a stale
 * address.
 */
static void mapping_kill(DmashareMappings *maps, DmashareMapping *map)
{
    map->dead = true;
    g_clear_pointer(&map->segments, g_free);
    maps->total_segments -= map->n_segments;
}

/* Out of reach of jobs; unless @silent, write-backs still go through it. */
static void mapping_withdraw(DmashareMapping *map, bool silent)
{
    map->dead = true;
    QTAILQ_REMOVE(&map->buffer->mappings, map, next);
    if (map->placement == DMASHARE_PLACEMENT_SYSTEM) {
        map->buffer->system_mappings--;
    }
    if (silent && mapping_is_writer(map)) {
        QLIST_SAFE_REMOVE(map, writer);
    }
}

void dmashare_mappings_init(DmashareMappings *maps,
                            const DmashareMapLimits *limits,
                            const DmashareBus *bus,
                            DmashareLocal *local,
                            DmashareBuffers *buffers)
{
    memset(maps, 0, sizeof(*maps));
    maps->limits = *limits;
    maps->bus = bus;
    maps->local = local;
    maps->cache = buffers->cache;
    maps->buffers = buffers;
    maps->mappings = g_hash_table_new(NULL, NULL);
}

void dmashare_mappings_reset(DmashareMappings *maps)
{
    GHashTableIter iter;
    gpointer map;

    g_hash_table_iter_init(&iter, maps->mappings);
    while (g_hash_table_iter_next(&iter, NULL, &map)) {
        g_hash_table_iter_remove(&iter);
        mapping_withdraw(map, true);
        dmashare_mapping_finish(maps, map);
    }
}

void dmashare_mappings_destroy(DmashareMappings *maps)
{
    if (maps->mappings) {
        dmashare_mappings_reset(maps);
        g_clear_pointer(&maps->mappings, g_hash_table_destroy);
    }
}

DmashareMapping *dmashare_mapping_find(DmashareMappings *maps, uint32_t id)
{
    return g_hash_table_lookup(maps->mappings, GUINT_TO_POINTER(id));
}

DmashareMapping *dmashare_mapping_ref(DmashareMapping *map)
{
    map->refs++;
    return map;
}

void dmashare_mapping_unref(DmashareMapping *map)
{
    if (--map->refs == 0) {
        dmashare_buffer_unref(map->buffer);
        g_free(map->segments);
        g_free(map);
    }
}

uint16_t dmashare_mapping_begin(DmashareMappings *maps,
                                const DmashareMapRequest *req,
                                DmashareMapping **out)
{
    DmashareBuffer *buf = dmashare_buffer_find(maps->buffers, req->buffer);
    uint32_t n_segments = req->n_segments;
    DmashareAttachment *att = NULL;
    DmashareSegment *segments;
    DmashareMapping *map;

    if (!req->id || !buf) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (req->attachment) {
        att = dmashare_attachment_find(maps->buffers, req->attachment);
        if (!att || att->buffer != buf) {
            return DMASHARE_STATUS_BAD_ID;
        }
    } else if (buf->flags & DMASHARE_BUFFER_F_IMPORTED) {
        /* A foreign buffer is reached through an attachment or not at all. */
        return DMASHARE_STATUS_BAD_ID;
    }
    if (req->placement == DMASHARE_PLACEMENT_LOCAL &&
        buf->flags & DMASHARE_BUFFER_F_IMPORTED) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if ((req->placement == DMASHARE_PLACEMENT_PEER) !=
        (buf->placement == DMASHARE_PLACEMENT_PEER)) {
        /* What is another VM's stays there. */
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (dmashare_mapping_find(maps, req->id)) {
        return DMASHARE_STATUS_ID_EXISTS;
    }
    if (!n_segments || n_segments > maps->limits.max_segments ||
        req->length != buf->size) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (g_hash_table_size(maps->mappings) >= maps->limits.max_mappings ||
        n_segments > maps->limits.max_total_segments - maps->total_segments) {
        return DMASHARE_STATUS_LIMIT;
    }
    segments = g_try_new(DmashareSegment, n_segments);
    if (!segments) {
        return DMASHARE_STATUS_LIMIT;
    }

    map = g_new0(DmashareMapping, 1);
    map->id = req->id;
    map->direction = req->direction;
    map->placement = req->placement;
    map->flags = req->flags;
    map->refs = 1;
    map->length = req->length;
    map->epoch = maps->window ? maps->window->epoch : 0;
    map->n_segments = n_segments;
    map->segments = segments;
    map->buffer = dmashare_buffer_ref(buf);
    map->attachment = att;
    maps->total_segments += n_segments;
    *out = map;
    return DMASHARE_STATUS_OK;
}

/* Can the mapping have a segment there? The addresses do not wrap. */
static uint16_t segment_check(DmashareMappings *maps,
                              const DmashareMapping *map, uint64_t addr,
                              uint64_t len)
{
    const DmashareMapLimits *lim = &maps->limits;
    uint64_t last = addr + len - 1;

    switch (map->placement) {
    case DMASHARE_PLACEMENT_LOCAL:
        return dmashare_local_holds(maps->local, addr, len) ?
               DMASHARE_STATUS_OK : DMASHARE_STATUS_BAD_SEGMENT;
    case DMASHARE_PLACEMENT_PEER:
        if (!dmashare_window_placed(maps->window, addr, len)) {
            return DMASHARE_STATUS_BAD_SEGMENT;
        }
        return map->direction == DMASHARE_DIR_TO_DEVICE ||
               dmashare_window_is_writable(maps->window, addr) ?
               DMASHARE_STATUS_OK : DMASHARE_STATUS_BAD_DIRECTION;
    default:
        return last > lim->mask ||
               (lim->max_segment_size && len > lim->max_segment_size) ||
               (lim->boundary && (addr ^ last) & ~(lim->boundary - 1)) ?
               DMASHARE_STATUS_CONSTRAINT : DMASHARE_STATUS_OK;
    }
}

uint16_t dmashare_mapping_add(DmashareMappings *maps, DmashareMapping *map,
                              uint64_t addr, uint64_t len)
{
    uint64_t before = map->filled ? map->segments[map->filled - 1].end : 0;
    uint16_t status;

    if (map->filled == map->n_segments) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (!len || addr + len - 1 < addr) {
        return DMASHARE_STATUS_BAD_SEGMENT;
    }
    status = segment_check(maps, map, addr, len);
    if (status) {
        return status;
    }
    if (len > map->length - before) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }

    map->segments[map->filled].addr = addr;
    map->segments[map->filled].end = before + len;
    map->filled++;
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_mapping_complete(const DmashareMapping *map)
{
    return map->filled == map->n_segments &&
           map->segments[map->filled - 1].end == map->length ?
           DMASHARE_STATUS_OK : DMASHARE_STATUS_BAD_LENGTH;
}

void dmashare_mapping_commit(DmashareMappings *maps, DmashareMapping *map)
{
    if (map->attachment) {
        map->attachment->mappings++;
    }
    if (map->placement == DMASHARE_PLACEMENT_SYSTEM) {
        map->buffer->system_mappings++;
    }
    if (mapping_is_writer(map)) {
        QLIST_INSERT_HEAD(&map->buffer->writers, map, writer);
    }
    g_hash_table_insert(maps->mappings, GUINT_TO_POINTER(map->id), map);
    QTAILQ_INSERT_TAIL(&map->buffer->mappings, map, next);
    DMASHARE_COUNT(maps->buffers, map->buffer, maps, 1);
    DMASHARE_COUNT(maps->buffers, map->buffer, live_mappings, 1);
    DMASHARE_COUNT(maps->buffers, map->buffer, live_segments, map->n_segments);
    trace_dmashare_map(map->id, map->buffer->id, map->direction,
                       map->placement, map->flags, map->length,
                       map->n_segments);
}

void dmashare_mapping_abandon(DmashareMappings *maps, DmashareMapping *map)
{
    map->attachment = NULL;
    mapping_kill(maps, map);
    dmashare_mapping_unref(map);
}

uint16_t dmashare_mapping_end(DmashareMappings *maps, uint32_t id, bool silent,
                              DmashareMapping **out)
{
    DmashareMapping *map = dmashare_mapping_find(maps, id);

    if (!map) {
        return DMASHARE_STATUS_BAD_ID;
    }
    trace_dmashare_unmap(id, map->buffer->id, map->refs - 1);
    g_hash_table_remove(maps->mappings, GUINT_TO_POINTER(id));
    mapping_withdraw(map, silent);
    *out = map;
    return DMASHARE_STATUS_OK;
}

void dmashare_mapping_finish(DmashareMappings *maps, DmashareMapping *map)
{
    DMASHARE_COUNT(maps->buffers, map->buffer, live_mappings, -1);
    DMASHARE_COUNT(maps->buffers, map->buffer, live_segments,
                   -(uint64_t)map->n_segments);
    if (map->attachment) {
        map->attachment->mappings--;
        map->attachment = NULL;
    }
    if (mapping_is_writer(map)) {
        QLIST_SAFE_REMOVE(map, writer);
    }
    mapping_kill(maps, map);
    dmashare_mapping_unref(map);
}

uint16_t dmashare_mapping_check(const DmashareMapping *map, uint64_t offset,
                                uint64_t length, uint64_t pitch, uint32_t rows,
                                bool write)
{
    uint64_t span;

    if (map->dead) {
        return DMASHARE_STATUS_FAULT_DEAD_MAPPING;
    }
    if (map->direction == (write ? DMASHARE_DIR_TO_DEVICE
                                 : DMASHARE_DIR_FROM_DEVICE)) {
        return DMASHARE_STATUS_FAULT_DIRECTION;
    }
    if (umul64_overflow(pitch, rows - 1, &span) ||
        uadd64_overflow(span, length, &span) ||
        offset > map->length || span > map->length - offset) {
        return DMASHARE_STATUS_FAULT_BOUNDS;
    }
    return DMASHARE_STATUS_OK;
}

uint64_t dmashare_mapping_locate(const DmashareMapping *map, uint64_t offset,
                                 uint32_t *hint, uint64_t *len)
{
    const DmashareSegment *seg = map->segments;
    uint32_t lo = 0, hi = map->n_segments - 1, i = *hint;
    uint64_t start;

    /* Engines go forward: mostly it is the hint or the segment after it. */
    if (i < hi && offset >= seg[i].end) {
        i++;
    }
    if (i > hi || offset >= seg[i].end || (i && offset < seg[i - 1].end)) {
        while (lo < hi) {
            uint32_t mid = lo + (hi - lo) / 2;

            if (offset < seg[mid].end) {
                hi = mid;
            } else {
                lo = mid + 1;
            }
        }
        i = lo;
    }

    *hint = i;
    start = i ? seg[i - 1].end : 0;
    *len = seg[i].end - offset;
    return seg[i].addr + (offset - start);
}

bool dmashare_mapping_turns(const DmashareMapping *map, uint64_t offset,
                            uint32_t *hint)
{
    uint64_t len;

    dmashare_mapping_locate(map, offset, hint, &len);
    return offset == (*hint ? map->segments[*hint - 1].end : 0);
}

uint64_t dmashare_mapping_address(const DmashareMapping *map, uint64_t offset)
{
    uint32_t hint = 0;
    uint64_t len;

    return map->placement == DMASHARE_PLACEMENT_SYSTEM && map->segments &&
           offset < map->length ?
           dmashare_mapping_locate(map, offset, &hint, &len) : ~0ULL;
}

static uint16_t open_bus(DmashareMappings *maps, uint64_t addr, uint64_t len,
                         bool write, DmashareWindow *win)
{
    win->kind = DMASHARE_WINDOW_BUS;
    win->addr = addr;
    win->write = write;
    return dmashare_bus_reaches(maps->bus, addr, len) ?
           maps->bus->ops->open(maps->bus->opaque, addr, len, write, win) :
           DMASHARE_STATUS_FAULT_TRANSLATION;
}

/*
 * One window's worth, so that a fault is exact to the byte. No engine has a
 * window for writing open while the cache goes to memory.
 */
static uint16_t transfer_write(DmashareMappings *maps, uint64_t addr,
                               const void *bytes, uint64_t *len)
{
    DmashareWindow win;
    uint16_t status = open_bus(maps, addr, *len, true, &win);

    if (!status) {
        *len = win.len;
        memcpy(win.host, bytes, win.len);
        status = maps->bus->ops->close(maps->bus->opaque, &win, win.len);
    }
    return status;
}

uint16_t dmashare_mappings_transfer(void *opaque, DmashareCopies *copies,
                                    DmashareMapping *via, uint64_t offset,
                                    void *buf, uint64_t *len, bool write,
                                    uint64_t *addr)
{
    DmashareBuffer *buffer = container_of(copies, DmashareBuffer, copies);
    DmashareMappings *maps = opaque;
    DmashareMapping *map = via;
    uint64_t done = 0;
    uint32_t hint = 0;

    if (write && (!map || !mapping_is_writer(map))) {
        map = QLIST_FIRST(&buffer->writers);
    }
    if (!map) {
        *addr = via ? dmashare_mapping_address(via, offset) : ~0ULL;
        *len = 0;
        return DMASHARE_STATUS_FAULT_DIRECTION;
    }

    while (done < *len) {
        uint8_t *bytes = (uint8_t *)buf + done;
        uint16_t status;
        uint64_t n;

        *addr = dmashare_mapping_locate(map, offset + done, &hint, &n);
        n = MIN(n, *len - done);
        status = write ? transfer_write(maps, *addr, bytes, &n)
                       : dmashare_bus_read(maps->bus, *addr, bytes, n);
        maps->cache->spent += TRANSFER_COST + n;
        if (status) {
            *len = done;
            return status;
        }
        done += n;
    }
    return DMASHARE_STATUS_OK;
}

/* By way of the device's own copies. Returns true if that is all there is. */
static bool open_copies(DmashareMappings *maps, DmashareMapping *map,
                        uint64_t offset, uint64_t *len, bool write,
                        bool uncached, DmashareWindow *win, uint16_t *status)
{
    DmashareCopies *copies = &map->buffer->copies;
    bool served = true;

    if (!dmashare_cache_used(maps->cache)) {
        return false;
    }
    win->kind = DMASHARE_WINDOW_COPY;
    if (uncached || map->flags & DMASHARE_MAP_F_UNCACHED) {
        *status = dmashare_copies_bypass(copies, map, offset, len, write, win,
                                         &served);
    } else {
        *status = dmashare_copies_open(copies, map, offset, *len, write,
                                       map->direction !=
                                       DMASHARE_DIR_FROM_DEVICE, win);
    }
    return *status || served;
}

uint16_t dmashare_mapping_open(DmashareMappings *maps, DmashareMapping *map,
                               uint64_t offset, uint64_t len, bool write,
                               bool uncached, uint32_t *hint,
                               DmashareWindow *win)
{
    uint64_t avail, at;
    uint16_t status;

    win->addr = ~0ULL;
    win->write = write;
    /* The checks of the whole operand again: it may have died meanwhile. */
    status = dmashare_mapping_check(map, offset, len, 0, 1, write);
    if (status) {
        return status;
    }

    at = dmashare_mapping_locate(map, offset, hint, &avail);
    if (map->placement == DMASHARE_PLACEMENT_LOCAL) {
        win->kind = DMASHARE_WINDOW_LOCAL;
        return dmashare_local_open(maps->local, at, MIN(len, avail), win);
    }
    if (map->placement == DMASHARE_PLACEMENT_PEER) {
        win->kind = DMASHARE_WINDOW_PEER;
        return dmashare_window_open(maps->window, at, MIN(len, avail),
                                    map->epoch, win);
    }

    win->addr = at;
    if (open_copies(maps, map, offset, &len, write, uncached, win, &status)) {
        return status;
    }
    return open_bus(maps, at, MIN(len, avail), write, win);
}

uint16_t dmashare_mapping_close(DmashareMappings *maps, DmashareWindow *win,
                                uint64_t used)
{
    switch (win->kind) {
    case DMASHARE_WINDOW_LOCAL:
        dmashare_local_close(maps->local, win, used);
        return DMASHARE_STATUS_OK;
    case DMASHARE_WINDOW_COPY:
        dmashare_copies_close(win, used);
        return DMASHARE_STATUS_OK;
    case DMASHARE_WINDOW_PEER:
        dmashare_window_close(maps->window, win, used);
        return DMASHARE_STATUS_OK;
    default:
        return maps->bus->ops->close(maps->bus->opaque, win, used);
    }
}
