/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the device's address space
 *
 * A mapping is a list of segments with a direction. Every byte that an
 * engine moves passes dmashare_mapping_open(), which is where the direction,
 * the bounds and the mapping's life are enforced, and which leads it to the
 * bus, to local memory, to the window, or to the device's copy of a buffer.
 */
#ifndef HW_DMASHARE_MAPPING_H
#define HW_DMASHARE_MAPPING_H

#include "hw/dmashare/buffer.h"
#include "hw/dmashare/local.h"
#include "hw/dmashare/peer-window.h"

/**
 * DmashareSegment: one run of DMA addresses, of local memory, or of the window
 * @addr: DMA address of its first byte, or its offset in one of these
 * @end: offset in the mapping of the byte after its last
 *
 * The ends are prefix sums, so that an offset is found by bisection.
 */
typedef struct DmashareSegment {
    uint64_t addr;
    uint64_t end;
} DmashareSegment;

/**
 * DmashareMapping: what a job's operand names
 * @id: chosen by the driver
 * @direction: enum dmashare_direction
 * @placement: enum dmashare_placement, of all segments
 * @flags: DMASHARE_MAP_F_*
 * @refs: the table's, and one of each job that started with it
 * @dead: UNMAP ended it; no job may use it any more
 * @n_segments: announced
 * @filled: taken so far; all of them once the mapping is live
 * @length: announced, in bytes
 * @epoch: of the window when MAP began
 * @evacuated: bytes from the start on that engines have copied from local
 *             memory to the buffer's new place in system memory
 * @buffer: what it maps
 * @attachment: through which, or NULL
 * @segments: @n_segments of them, NULL once it is @dead and written back
 * @writer: in the buffer's list of those that memory can be written through
 * @next: in the buffer's list of those that are not @dead
 */
struct DmashareMapping {
    uint32_t id;
    uint32_t direction;
    uint32_t placement;
    uint32_t flags;
    uint32_t refs;
    bool dead;
    uint32_t n_segments;
    uint32_t filled;
    uint64_t length;
    uint64_t epoch;
    uint64_t evacuated;
    DmashareBuffer *buffer;
    DmashareAttachment *attachment;
    DmashareSegment *segments;
    QLIST_ENTRY(DmashareMapping) writer;
    QTAILQ_ENTRY(DmashareMapping) next;
};

/**
 * DmashareMapRequest: the mapping that MAP asks for; fields as its body's
 */
typedef struct DmashareMapRequest {
    uint32_t id;
    uint32_t buffer;
    uint32_t attachment;
    uint32_t direction;
    uint64_t length;
    uint32_t n_segments;
    uint32_t placement;
    uint32_t flags;
} DmashareMapRequest;

/**
 * DmashareMapLimits: what the segments of a mapping must keep to
 * @max_mappings: live at once
 * @max_segments: of one mapping
 * @max_total_segments: of all live mappings together
 * @mask: largest DMA address
 * @max_segment_size: bytes, 0 for no limit
 * @boundary: power of two that no segment crosses, 0 for none
 */
typedef struct DmashareMapLimits {
    uint32_t max_mappings;
    uint32_t max_segments;
    uint32_t max_total_segments;
    uint64_t mask;
    uint64_t max_segment_size;
    uint64_t boundary;
} DmashareMapLimits;

/**
 * DmashareMappings: all of one device
 * @limits: constant
 * @bus: where segments of placement SYSTEM are
 * @local: where those of placement LOCAL are
 * @window: where those of placement PEER are, or NULL
 * @cache: the device's copies of what is in system memory
 * @mappings: id to DmashareMapping
 * @total_segments: reserved by live mappings and by the one being made
 * @buffers: for the ledger
 */
typedef struct DmashareMappings {
    DmashareMapLimits limits;
    const DmashareBus *bus;
    DmashareLocal *local;
    DmasharePeerWindow *window;
    DmashareCache *cache;
    GHashTable *mappings;
    uint32_t total_segments;
    DmashareBuffers *buffers;
} DmashareMappings;

void dmashare_mappings_init(DmashareMappings *maps,
                            const DmashareMapLimits *limits,
                            const DmashareBus *bus,
                            DmashareLocal *local,
                            DmashareBuffers *buffers);
/* How the cache, of which the buffers know, gets at memory. */
DmashareTransfer dmashare_mappings_transfer;
/* End every mapping, as UNMAP would. */
void dmashare_mappings_reset(DmashareMappings *maps);
void dmashare_mappings_destroy(DmashareMappings *maps);

DmashareMapping *dmashare_mapping_find(DmashareMappings *maps, uint32_t id);
DmashareMapping *dmashare_mapping_ref(DmashareMapping *map);
void dmashare_mapping_unref(DmashareMapping *map);

/*
 * Making a mapping takes steps, because its list is read in pieces: begin
 * reserves the room, add takes one segment, complete tells whether they were
 * the right ones, commit makes it findable. The one being made is given up by
 * dmashare_mapping_abandon(). Direction, placement and flags are valid;
 * everything else is checked here.
 */
uint16_t dmashare_mapping_begin(DmashareMappings *maps,
                                const DmashareMapRequest *req,
                                DmashareMapping **out);
uint16_t dmashare_mapping_add(DmashareMappings *maps, DmashareMapping *map,
                              uint64_t addr, uint64_t len);
uint16_t dmashare_mapping_complete(const DmashareMapping *map);
void dmashare_mapping_commit(DmashareMappings *maps, DmashareMapping *map);
void dmashare_mapping_abandon(DmashareMappings *maps, DmashareMapping *map);

/*
 * UNMAP takes two steps: from end on no engine touches a byte of it, whoever
 * still refers to it; but unless @silent what the cache holds is written back
 * through it until it is finished, when nothing is done to memory any more.
 */
uint16_t dmashare_mapping_end(DmashareMappings *maps, uint32_t id, bool silent,
                              DmashareMapping **out);
void dmashare_mapping_finish(DmashareMappings *maps, DmashareMapping *map);

/*
 * May an engine read or write @rows rows of @length bytes, @pitch apart,
 * from @offset? OK or a FAULT_* status. @rows and @length are not 0.
 */
uint16_t dmashare_mapping_check(const DmashareMapping *map, uint64_t offset,
                                uint64_t length, uint64_t pitch, uint32_t rows,
                                bool write);

/*
 * The DMA address (or offset in local memory or the window) of the byte at
 * @offset, which lies inside a mapping that is not finished, and in @len the
 * bytes that follow it in the same segment, itself included. @hint remembers
 * the segment between calls; it may hold anything.
 */
uint64_t dmashare_mapping_locate(const DmashareMapping *map, uint64_t offset,
                                 uint32_t *hint, uint64_t *len);

/* Does a segment begin at @offset, which lies inside of such a mapping? */
bool dmashare_mapping_turns(const DmashareMapping *map, uint64_t offset,
                            uint32_t *hint);

/* For people: the DMA address of the byte at any offset, ~0 if it has none. */
uint64_t dmashare_mapping_address(const DmashareMapping *map, uint64_t offset);

/*
 * Open a window of 1..@len bytes at @offset, past the device's own copies if
 * @uncached. On a fault @win->addr is the DMA address that was refused, ~0 if
 * it never came to one.
 */
uint16_t dmashare_mapping_open(DmashareMappings *maps, DmashareMapping *map,
                               uint64_t offset, uint64_t len, bool write,
                               bool uncached, uint32_t *hint,
                               DmashareWindow *win);
/* Close it, @used bytes having been touched; a late fault is returned. */
uint16_t dmashare_mapping_close(DmashareMappings *maps, DmashareWindow *win,
                                uint64_t used);

#endif /* HW_DMASHARE_MAPPING_H */
