// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: poison in local memory that nobody has any more
 */
#include "qemu/osdep.h"
#include "hw/dmashare/poison.h"
#include "trace.h"

/* What a piece costs beyond its bytes, in copied bytes. */
#define PIECE_COST      256

/**
 * HomePiece: one run of local memory
 * @node: in DmasharePoison.homes
 * @buffer: whose home it is part of
 */
typedef struct HomePiece {
    IntervalTreeNode node;
    DmashareBuffer *buffer;
} HomePiece;

/**
 * DmashareHome: where a buffer without a mapping lies in local memory
 * @poison: whose tree it is in
 * @n_pieces: number of
 * @piece: in the order of the buffer's bytes
 */
struct DmashareHome {
    DmasharePoison *poison;
    uint32_t n_pieces;
    HomePiece piece[];
};

void dmashare_home_forget(DmashareBuffer *buf)
{
    DmashareHome *home = buf->home;

    if (home) {
        for (uint32_t i = 0; i < home->n_pieces; i++) {
            interval_tree_remove(&home->piece[i].node, &home->poison->homes);
        }
        g_clear_pointer(&buf->home, g_free);
    }
}

/* The offset and the length of a segment. */
static uint64_t segment_len(const DmashareMapping *map, uint32_t i,
                            uint64_t *offset)
{
    *offset = map->segments[i].addr;
    return map->segments[i].end - (i ? map->segments[i - 1].end : 0);
}

static void home_make(DmasharePoison *poison, const DmashareMapping *map)
{
    DmashareHome *home;

    dmashare_home_forget(map->buffer);
    if (map->n_segments > DMASHARE_HOME_PIECES) {
        return;
    }
    home = g_malloc0(sizeof(*home) + map->n_segments * sizeof(HomePiece));
    home->poison = poison;
    home->n_pieces = map->n_segments;
    for (uint32_t i = 0; i < map->n_segments; i++) {
        HomePiece *piece = &home->piece[i];
        uint64_t len = segment_len(map, i, &piece->node.start);

        piece->node.last = piece->node.start + len - 1;
        piece->buffer = map->buffer;
        interval_tree_insert(&piece->node, &poison->homes);
    }
    map->buffer->home = home;
}

void dmashare_poison_mapped(DmasharePoison *poison, DmashareMapping *map)
{
    if (map->placement != DMASHARE_PLACEMENT_LOCAL) {
        return;
    }
    dmashare_home_forget(map->buffer);
    for (uint32_t i = 0; i < map->n_segments; i++) {
        uint64_t start, len = segment_len(map, i, &start);
        IntervalTreeNode *node;

        if (interval_tree_is_empty(&poison->homes)) {
            return;
        }
        while ((node = interval_tree_iter_first(&poison->homes, start,
                                                start + len - 1))) {
            dmashare_home_forget(container_of(node, HomePiece, node)->buffer);
        }
    }
}

/* Poison @len bytes as far as the budget goes; true when they are. */
static bool wipe_piece(DmasharePoison *poison, uint64_t offset, uint64_t len,
                       DmashareWipe *wipe, int64_t *budget)
{
    DmashareLocal *local = poison->local;

    while (wipe->done < len) {
        DmashareWindow win = { .kind = DMASHARE_WINDOW_LOCAL, .write = true };
        uint64_t n = MIN(len - wipe->done, MAX(*budget, 0));

        if (!n) {
            return false;
        }
        if (dmashare_local_open(local, offset + wipe->done, n, &win)) {
            /* A reset is about to come. */
            wipe->done = len;
            break;
        }
        memset(win.host, poison->byte, win.len);
        dmashare_local_close(local, &win, win.len);
        wipe->done += win.len;
        *budget -= win.len;
    }
    *budget -= PIECE_COST;
    wipe->piece++;
    wipe->done = 0;
    return true;
}

/* Does another mapping of the same buffer lead to a part of the same memory? */
static bool shared(const DmashareMapping *map)
{
    const DmashareMapping *other;

    QTAILQ_FOREACH(other, &map->buffer->mappings, next) {
        if (other->placement != DMASHARE_PLACEMENT_LOCAL) {
            continue;
        }
        for (uint32_t i = 0; i < map->n_segments; i++) {
            for (uint32_t j = 0; j < other->n_segments; j++) {
                uint64_t a, b, a_len = segment_len(map, i, &a);
                uint64_t b_len = segment_len(other, j, &b);

                if (a < b + b_len && b < a + a_len) {
                    return true;
                }
            }
        }
    }
    return false;
}

static bool has_local_mapping(const DmashareBuffer *buf)
{
    const DmashareMapping *map;

    QTAILQ_FOREACH(map, &buf->mappings, next) {
        if (map->placement == DMASHARE_PLACEMENT_LOCAL) {
            return true;
        }
    }
    return false;
}

bool dmashare_poison_unmapped(DmasharePoison *poison, DmashareMapping *map,
                              DmashareWipe *wipe, int64_t *budget)
{
    if (!poison->enabled || map->placement != DMASHARE_PLACEMENT_LOCAL ||
        map->n_segments > DMASHARE_HOME_PIECES) {
        return true;
    }
    if (map->evacuated < map->length) {
        if (map->buffer->placement == DMASHARE_PLACEMENT_LOCAL &&
            !has_local_mapping(map->buffer)) {
            home_make(poison, map);
        }
        return true;
    }
    if (!wipe->piece && !wipe->done && shared(map)) {
        return true;
    }
    while (wipe->piece < map->n_segments) {
        uint64_t offset, len = segment_len(map, wipe->piece, &offset);

        if (!wipe_piece(poison, offset, len, wipe, budget)) {
            return false;
        }
    }
    trace_dmashare_poison(map->buffer->id, map->length, poison->byte);
    return true;
}

bool dmashare_poison_destroyed(DmasharePoison *poison, DmashareBuffer *buf,
                               DmashareWipe *wipe, int64_t *budget)
{
    DmashareHome *home = buf->home;

    if (!poison->enabled || !home ||
        buf->placement != DMASHARE_PLACEMENT_LOCAL) {
        return true;
    }
    while (wipe->piece < home->n_pieces) {
        const IntervalTreeNode *node = &home->piece[wipe->piece].node;

        if (!wipe_piece(poison, node->start, node->last - node->start + 1,
                        wipe, budget)) {
            return false;
        }
    }
    trace_dmashare_poison(buf->id, buf->size, poison->byte);
    return true;
}
