/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the cache of a device that is not coherent
 *
 * The device's own copies of bytes of buffers, in pieces. A byte of a piece
 * is absent, clean (as memory was when it was copied) or dirty (written by an
 * engine and not yet to memory). include/dmashare/abi.h says when which
 * becomes which; this room does it. It knows buffers only as sets of copies,
 * and memory only through the function that transfers bytes.
 */
#ifndef HW_DMASHARE_COHERENCE_H
#define HW_DMASHARE_COHERENCE_H

#include "qemu/interval-tree.h"
#include "qemu/queue.h"
#include "hw/dmashare/bus.h"

/* What a way to memory is: nothing that is known here. */
typedef struct DmashareMapping DmashareMapping;

/**
 * DmashareCacheStats: of the copies of one buffer, or of all
 * @bytes: size of the pieces, at present
 * @dirty: dirty bytes, at present
 * @written_back: dirty bytes that went to memory
 * @discarded: dirty bytes that were lost
 * @stale: bytes read from a clean copy that memory disagreed with
 */
typedef struct DmashareCacheStats {
    uint64_t bytes;
    uint64_t dirty;
    uint64_t written_back;
    uint64_t discarded;
    uint64_t stale;
} DmashareCacheStats;

typedef struct DmashareCache DmashareCache;

/**
 * DmashareCopies: the copies of one buffer
 * @cache: of the device
 * @id: of the buffer, for traces
 * @size: of the buffer
 * @pieces: by their offsets
 * @stats: of these copies, since the buffer was created
 */
typedef struct DmashareCopies {
    DmashareCache *cache;
    uint32_t id;
    uint64_t size;
    IntervalTreeRoot pieces;
    DmashareCacheStats stats;
} DmashareCopies;

/*
 * Read or write the memory of a buffer: *@len bytes at @offset of it, by way
 * of @via if it is given and allows it; when writing any other way will do.
 * Returns OK or a FAULT_*, *@len then being how many bytes came before it, and
 * *@addr its DMA address, ~0 if there is none; of a write both are exact. Adds
 * to DmashareCache.spent what it cost.
 */
typedef uint16_t DmashareTransfer(void *opaque, DmashareCopies *copies,
                                  DmashareMapping *via, uint64_t offset,
                                  void *buf, uint64_t *len, bool write,
                                  uint64_t *addr);

/**
 * DmashareCache: all copies of one device
 * @max_pieces: how many there may be; 0: the device is coherent
 * @n_pieces: how many there are
 * @fifo: all of them, the oldest first
 * @stats: of the device, since power-on or reset
 * @spent: cost of transfers that nobody accounted for yet, in copied bytes
 * @transfer: the way to memory
 * @opaque: passed to it
 * @memory: scratch: what memory holds where a piece is
 * @operand: scratch: what a read window shows
 * @differs: which bytes of it are clean, and not what memory holds
 * @any_differ: some of them
 */
struct DmashareCache {
    uint64_t max_pieces;
    uint64_t n_pieces;
    QTAILQ_HEAD(, DmasharePiece) fifo;
    DmashareCacheStats stats;
    uint64_t spent;
    DmashareTransfer *transfer;
    void *opaque;
    uint8_t memory[DMASHARE_CACHE_PAGE];
    uint8_t operand[DMASHARE_CACHE_PAGE];
    bool differs[DMASHARE_CACHE_PAGE];
    bool any_differ;
};

/* @size bytes for all pieces together; 0 for a coherent device. */
void dmashare_cache_init(DmashareCache *cache, uint64_t size,
                         DmashareTransfer *transfer, void *opaque);
/* Forget what was counted. All copies are gone by now. */
void dmashare_cache_reset(DmashareCache *cache);

static inline bool dmashare_cache_used(const DmashareCache *cache)
{
    return cache->max_pieces;
}

/* What transfers have cost since this was called last. */
static inline uint64_t dmashare_cache_spent(DmashareCache *cache)
{
    uint64_t spent = cache->spent;

    cache->spent = 0;
    return spent;
}

void dmashare_copies_init(DmashareCopies *copies, DmashareCache *cache,
                          uint32_t id, uint64_t size);
/* Drop all of them; dirty bytes are lost. */
void dmashare_copies_clear(DmashareCopies *copies);

/*
 * Open a window of 1..@len bytes at @offset of the buffer on its copy, which
 * is made if there is none. @readable says whether memory may be read by way
 * of @via. There may be one read window at a time, and one write window, which
 * has to be closed before anything else is done to the cache.
 */
uint16_t dmashare_copies_open(DmashareCopies *copies, DmashareMapping *via,
                              uint64_t offset, uint64_t len, bool write,
                              bool readable, DmashareWindow *win);
/* Close a window: @used bytes were read, or are dirty. */
void dmashare_copies_close(DmashareWindow *win, uint64_t used);

/*
 * An access that goes past the copies without disagreeing with them. Cuts
 * *@len to what can be done at once. A read that dirty bytes are part of is
 * answered: *@served becomes true and @win shows them. Everything else is for
 * the caller to do with memory itself; before a write the piece it touches
 * was written back and dropped.
 */
uint16_t dmashare_copies_bypass(DmashareCopies *copies, DmashareMapping *via,
                                uint64_t offset, uint64_t *len, bool write,
                                DmashareWindow *win, bool *served);

/**
 * DmashareSweepOp: what a sweep does to the pieces of a range
 * @DMASHARE_SWEEP_WRITE: write dirty bytes of the range to memory; ends with
 *                        the first fault, what is dirty then stays so
 * @DMASHARE_SWEEP_FLUSH: the same to the end; what faults is lost
 * @DMASHARE_SWEEP_DROP: drop the pieces; dirty bytes are lost
 * @DMASHARE_SWEEP_DROP_CLEAN: drop clean bytes
 * @DMASHARE_SWEEP_DROP_DIRTY: dirty bytes are lost
 */
typedef enum DmashareSweepOp {
    DMASHARE_SWEEP_WRITE,
    DMASHARE_SWEEP_FLUSH,
    DMASHARE_SWEEP_DROP,
    DMASHARE_SWEEP_DROP_CLEAN,
    DMASHARE_SWEEP_DROP_DIRTY,
} DmashareSweepOp;

/**
 * DmashareSweep: a sweep over a range of a buffer, done in steps
 * @op: what it does
 * @next: first offset not yet done
 * @last: of the range
 * @status: OK, or the FAULT_* met first
 * @addr: its DMA address
 */
typedef struct DmashareSweep {
    DmashareSweepOp op;
    uint64_t next;
    uint64_t last;
    uint16_t status;
    uint64_t addr;
} DmashareSweep;

/*
 * Go on with a sweep as far as @budget (in copied bytes, what was used is
 * subtracted) goes. Pieces may come and go between the steps. Returns true
 * when it is over.
 */
bool dmashare_copies_sweep(DmashareCopies *copies, DmashareMapping *via,
                           DmashareSweep *sweep, int64_t *budget);

#endif /* HW_DMASHARE_COHERENCE_H */
