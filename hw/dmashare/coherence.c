// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the cache of a device that is not coherent
 */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "hw/dmashare/coherence.h"
#include "trace.h"

/* Cost of looking at one piece in a sweep, in copied bytes. */
#define SWEEP_COST      512

/**
 * DmasharePiece: the copy of an aligned piece of a buffer
 * @node: its first and its last offset in the buffer
 * @next: in the order of age
 * @copies: of which buffer
 * @n_valid: bits set in @valid
 * @n_dirty: bits set in @dirty
 * @valid: bytes that are clean or dirty
 * @dirty: bytes that are dirty
 * @data: the bytes
 */
typedef struct DmasharePiece {
    IntervalTreeNode node;
    QTAILQ_ENTRY(DmasharePiece) next;
    DmashareCopies *copies;
    unsigned n_valid;
    unsigned n_dirty;
    DECLARE_BITMAP(valid, DMASHARE_CACHE_PAGE);
    DECLARE_BITMAP(dirty, DMASHARE_CACHE_PAGE);
    uint8_t data[DMASHARE_CACHE_PAGE];
} DmasharePiece;

#define CACHE_COUNT(copies, field, n)                   \
    do {                                                \
        (copies)->stats.field += (n);                   \
        (copies)->cache->stats.field += (n);            \
    } while (0)

static unsigned piece_size(const DmasharePiece *p)
{
    return p->node.last - p->node.start + 1;
}

/* The bits have changed: count them anew. */
static void piece_recount(DmasharePiece *p)
{
    unsigned n_dirty = bitmap_count_one(p->dirty, DMASHARE_CACHE_PAGE);

    CACHE_COUNT(p->copies, dirty, (uint64_t)n_dirty - p->n_dirty);
    p->n_dirty = n_dirty;
    p->n_valid = bitmap_count_one(p->valid, DMASHARE_CACHE_PAGE);
}

static DmasharePiece *piece_first(DmashareCopies *copies, uint64_t first,
                                  uint64_t last)
{
    IntervalTreeNode *node = interval_tree_iter_first(&copies->pieces, first,
                                                      last);

    return node ? container_of(node, DmasharePiece, node) : NULL;
}

/* Dirty bytes are lost. */
static void piece_discard(DmasharePiece *p)
{
    if (p->n_dirty) {
        trace_dmashare_copy_discard(p->copies->id, p->node.start, p->n_dirty);
        CACHE_COUNT(p->copies, discarded, p->n_dirty);
        bitmap_andnot(p->valid, p->valid, p->dirty, DMASHARE_CACHE_PAGE);
        bitmap_zero(p->dirty, DMASHARE_CACHE_PAGE);
        piece_recount(p);
    }
}

static void piece_drop(DmasharePiece *p)
{
    DmashareCopies *copies = p->copies;

    piece_discard(p);
    CACHE_COUNT(copies, bytes, -(uint64_t)piece_size(p));
    interval_tree_remove(&p->node, &copies->pieces);
    QTAILQ_REMOVE(&copies->cache->fifo, p, next);
    copies->cache->n_pieces--;
    g_free(p);
}

/* Write the dirty bytes from @from to @to to memory; they become clean. */
static uint16_t piece_write(DmasharePiece *p, DmashareMapping *via,
                            unsigned from, unsigned to, uint64_t *addr)
{
    DmashareCache *cache = p->copies->cache;
    uint16_t status = DMASHARE_STATUS_OK;
    unsigned at = from;

    while (!status && (at = find_next_bit(p->dirty, to, at)) < to) {
        uint64_t len = find_next_zero_bit(p->dirty, to, at) - at;

        status = cache->transfer(cache->opaque, p->copies, via,
                                 p->node.start + at, p->data + at, &len, true,
                                 addr);
        CACHE_COUNT(p->copies, written_back, len);
        bitmap_clear(p->dirty, at, len);
        at += len;
    }
    if (status) {
        trace_dmashare_copy_fault(p->copies->id, p->node.start + at, *addr,
                                  status);
    }
    piece_recount(p);
    return status;
}

/* The cache is full: the oldest piece has to go. */
static void cache_evict(DmashareCache *cache)
{
    DmasharePiece *p = QTAILQ_FIRST(&cache->fifo);
    uint64_t addr;

    trace_dmashare_copy_evict(p->copies->id, p->node.start, p->n_dirty);
    piece_write(p, NULL, 0, piece_size(p), &addr);
    piece_drop(p);
}

static DmasharePiece *piece_make(DmashareCopies *copies, uint64_t offset)
{
    DmashareCache *cache = copies->cache;
    DmasharePiece *p;

    while (cache->n_pieces >= cache->max_pieces) {
        cache_evict(cache);
    }
    p = g_new0(DmasharePiece, 1);
    p->copies = copies;
    p->node.start = QEMU_ALIGN_DOWN(offset, DMASHARE_CACHE_PAGE);
    p->node.last = p->node.start + MIN(DMASHARE_CACHE_PAGE,
                                       copies->size - p->node.start) - 1;
    interval_tree_insert(&p->node, &copies->pieces);
    QTAILQ_INSERT_TAIL(&cache->fifo, p, next);
    cache->n_pieces++;
    CACHE_COUNT(copies, bytes, piece_size(p));
    return p;
}

/* Copy what is absent of the whole piece from what was read of memory. */
static void piece_fill(DmasharePiece *p)
{
    const uint8_t *memory = p->copies->cache->memory;
    unsigned size = piece_size(p);
    unsigned at = 0, end;

    while ((at = find_next_zero_bit(p->valid, size, at)) < size) {
        end = find_next_bit(p->valid, size, at);
        memcpy(p->data + at, memory + at, end - at);
        at = end;
    }
    bitmap_set(p->valid, 0, size);
    piece_recount(p);
}

/* Read memory where the piece is, from @from to @to. */
static uint16_t piece_memory(DmasharePiece *p, DmashareMapping *via,
                             unsigned from, unsigned to)
{
    DmashareCache *cache = p->copies->cache;
    uint64_t len = to - from;
    uint64_t addr;

    return cache->transfer(cache->opaque, p->copies, via,
                           p->node.start + from, cache->memory + from, &len,
                           false, &addr);
}

/*
 * Which clean bytes from @from to @to differ from memory, just read. They are
 * stale once they are used: a window need not be read to its end.
 */
static void piece_compare(DmasharePiece *p, unsigned from, unsigned to)
{
    DmashareCache *cache = p->copies->cache;

    if (!memcmp(p->data + from, cache->memory + from, to - from)) {
        return;
    }
    for (unsigned i = from; i < to; i++) {
        cache->differs[i - from] = p->data[i] != cache->memory[i] &&
                                   test_bit(i, p->valid) &&
                                   !test_bit(i, p->dirty);
    }
    cache->any_differ = true;
}

/*
 * Make the bytes from @from to @to present. What was present already is
 * compared with memory; that this cannot be read is then nobody's fault.
 */
static uint16_t piece_prepare_read(DmasharePiece *p, DmashareMapping *via,
                                   unsigned from, unsigned to)
{
    uint16_t status;

    p->copies->cache->any_differ = false;
    if (p->n_valid == piece_size(p)) {
        if (!piece_memory(p, via, from, to)) {
            piece_compare(p, from, to);
        }
        return DMASHARE_STATUS_OK;
    }
    status = piece_memory(p, via, 0, piece_size(p));
    if (status) {
        return find_next_zero_bit(p->valid, to, from) >= to ?
               DMASHARE_STATUS_OK : status;
    }
    piece_compare(p, from, to);
    piece_fill(p);
    return DMASHARE_STATUS_OK;
}

/*
 * What a write leaves of the piece is copied as well. Where memory may not be
 * read the rest stays absent.
 */
static uint16_t piece_prepare_write(DmasharePiece *p, DmashareMapping *via,
                                    unsigned len, bool readable)
{
    unsigned size = piece_size(p);
    uint16_t status;

    if (!readable || len == size || p->n_valid == size) {
        return DMASHARE_STATUS_OK;
    }
    status = piece_memory(p, via, 0, size);
    if (!status) {
        piece_fill(p);
    }
    return status;
}

uint16_t dmashare_copies_open(DmashareCopies *copies, DmashareMapping *via,
                              uint64_t offset, uint64_t len, bool write,
                              bool readable, DmashareWindow *win)
{
    DmasharePiece *p = piece_first(copies, offset, offset);
    bool fresh = !p;
    unsigned from, to;
    uint16_t status;

    if (fresh) {
        p = piece_make(copies, offset);
    }
    from = offset - p->node.start;
    to = from + MIN(len, piece_size(p) - from);
    status = write ? piece_prepare_write(p, via, to - from, readable)
                   : piece_prepare_read(p, via, from, to);
    if (status) {
        if (fresh) {
            piece_drop(p);
        }
        return status;
    }

    win->len = to - from;
    win->copies = copies;
    if (write) {
        win->host = p->data + from;
        win->copy = p;
    } else {
        /* The other operand's window may push the piece out. */
        win->host = memcpy(copies->cache->operand, p->data + from, to - from);
        win->copy = NULL;
    }
    return DMASHARE_STATUS_OK;
}

static void close_read(DmashareCopies *copies, uint64_t used)
{
    DmashareCache *cache = copies->cache;
    uint64_t stale = 0;

    if (!cache->any_differ) {
        return;
    }
    for (uint64_t i = 0; i < used; i++) {
        stale += cache->differs[i];
    }
    if (stale) {
        CACHE_COUNT(copies, stale, stale);
        trace_dmashare_copy_stale(copies->id, stale);
    }
}

void dmashare_copies_close(DmashareWindow *win, uint64_t used)
{
    DmasharePiece *p = win->copy;
    unsigned from;

    if (!p) {
        close_read(win->copies, used);
        return;
    }
    from = (uint8_t *)win->host - p->data;
    if (used) {
        bitmap_set(p->valid, from, used);
        bitmap_set(p->dirty, from, used);
        piece_recount(p);
    }
    if (!p->n_valid) {
        piece_drop(p);
    }
}

uint16_t dmashare_copies_bypass(DmashareCopies *copies, DmashareMapping *via,
                                uint64_t offset, uint64_t *len, bool write,
                                DmashareWindow *win, bool *served)
{
    DmasharePiece *p = piece_first(copies, offset, offset + *len - 1);
    DmashareCache *cache = copies->cache;
    uint16_t status = DMASHARE_STATUS_OK;
    unsigned from, to;
    uint64_t addr;

    *served = false;
    if (!p) {
        return DMASHARE_STATUS_OK;
    }
    if (p->node.start > offset) {
        *len = p->node.start - offset;
        return DMASHARE_STATUS_OK;
    }
    from = offset - p->node.start;
    to = from + MIN(*len, piece_size(p) - from);
    *len = to - from;
    if (write) {
        status = piece_write(p, via, 0, piece_size(p), &addr);
        if (!status) {
            piece_drop(p);
        }
        return status;
    }
    if (find_next_bit(p->dirty, to, from) >= to) {
        return DMASHARE_STATUS_OK;
    }

    if (find_next_zero_bit(p->dirty, to, from) < to) {
        status = piece_memory(p, via, from, to);
        if (status) {
            return status;
        }
    }
    for (unsigned i = from; i < to; i++) {
        cache->operand[i - from] = test_bit(i, p->dirty) ? p->data[i]
                                                         : cache->memory[i];
    }
    win->host = cache->operand;
    win->len = *len;
    win->copies = copies;
    win->copy = NULL;
    cache->any_differ = false;
    *served = true;
    return DMASHARE_STATUS_OK;
}

/*
 * One piece of a sweep. Returns the status of a fault.
 */
static uint16_t sweep_piece(DmasharePiece *p, DmashareMapping *via,
                            const DmashareSweep *sweep, uint64_t *addr)
{
    unsigned from = MAX(sweep->next, p->node.start) - p->node.start;
    unsigned to = MIN(sweep->last, p->node.last) - p->node.start + 1;
    uint16_t status = DMASHARE_STATUS_OK;

    switch (sweep->op) {
    case DMASHARE_SWEEP_WRITE:
        return piece_write(p, via, from, to, addr);
    case DMASHARE_SWEEP_FLUSH:
        status = piece_write(p, via, from, to, addr);
        piece_discard(p);
        break;
    case DMASHARE_SWEEP_DROP:
        piece_drop(p);
        return status;
    case DMASHARE_SWEEP_DROP_CLEAN:
        bitmap_copy(p->valid, p->dirty, DMASHARE_CACHE_PAGE);
        piece_recount(p);
        break;
    case DMASHARE_SWEEP_DROP_DIRTY:
        piece_discard(p);
        break;
    }
    if (!p->n_valid) {
        piece_drop(p);
    }
    return status;
}

bool dmashare_copies_sweep(DmashareCopies *copies, DmashareMapping *via,
                           DmashareSweep *sweep, int64_t *budget)
{
    DmasharePiece *p;

    while (sweep->next <= sweep->last &&
           (p = piece_first(copies, sweep->next, sweep->last))) {
        uint64_t next = p->node.last + 1;
        uint16_t status;
        uint64_t addr;

        if (*budget <= 0) {
            return false;
        }
        status = sweep_piece(p, via, sweep, &addr);
        if (status && !sweep->status) {
            sweep->status = status;
            sweep->addr = addr;
        }
        *budget -= SWEEP_COST + dmashare_cache_spent(copies->cache);
        if (status && sweep->op == DMASHARE_SWEEP_WRITE) {
            break;
        }
        sweep->next = next;
    }
    return true;
}

void dmashare_cache_init(DmashareCache *cache, uint64_t size,
                         DmashareTransfer *transfer, void *opaque)
{
    memset(cache, 0, sizeof(*cache));
    cache->max_pieces = size / DMASHARE_CACHE_PAGE;
    QTAILQ_INIT(&cache->fifo);
    cache->transfer = transfer;
    cache->opaque = opaque;
}

void dmashare_cache_reset(DmashareCache *cache)
{
    memset(&cache->stats, 0, sizeof(cache->stats));
    cache->spent = 0;
}

void dmashare_copies_init(DmashareCopies *copies, DmashareCache *cache,
                          uint32_t id, uint64_t size)
{
    memset(copies, 0, sizeof(*copies));
    copies->cache = cache;
    copies->id = id;
    copies->size = size;
}

void dmashare_copies_clear(DmashareCopies *copies)
{
    DmasharePiece *p;

    while ((p = piece_first(copies, 0, UINT64_MAX))) {
        piece_drop(p);
    }
}
