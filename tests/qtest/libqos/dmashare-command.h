/*
 * libqos helpers for dmashare: descriptors and the commands they give
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_COMMAND_H
#define LIBQOS_DMASHARE_COMMAND_H

#include "dmashare.h"

/* From the host's byte order to the device's, whatever the opcode. */
void qdmashare_desc_to_le(struct dmashare_desc *desc);

/* A memory range known to the device as buffer and mapping. */
typedef struct QDmashareBuf {
    uint32_t id;                /* of the buffer and of the mapping */
    uint64_t phys;              /* where the CPU finds it */
    uint64_t size;
} QDmashareBuf;

/* Commands that must succeed. */
void qdmashare_buffer(QDmashare *d, uint32_t id, uint64_t size);
void qdmashare_attach(QDmashare *d, uint32_t id, uint32_t buffer);
void qdmashare_destroy(QDmashare *d, uint32_t id);
void qdmashare_unmap(QDmashare *d, uint32_t id);
void qdmashare_note(QDmashare *d, unsigned kind, uint32_t buffer);
void qdmashare_ledger(QDmashare *d, uint32_t id, struct dmashare_ledger *l);

/* Says of every counter that differs which one it is. */
bool qdmashare_ledger_equal(const struct dmashare_ledger *got,
                            const struct dmashare_ledger *want);

/* Commands that may fail: the completion, or its status. */
struct dmashare_completion qdmashare_unmap_with(QDmashare *d, uint32_t id,
                                                uint32_t flags);
struct dmashare_completion qdmashare_sync(QDmashare *d, uint32_t mapping,
                                          unsigned flags, unsigned direction,
                                          uint64_t offset, uint64_t length);
unsigned qdmashare_place(QDmashare *d, uint32_t id, unsigned placement);

/*
 * Segment lists. The blocks of per_block segments each are put in pages of
 * their own; returns the DMA address of the first.
 */
uint64_t qdmashare_seg_list(QDmashare *d, const struct dmashare_segment *seg,
                            unsigned n, unsigned per_block);
/*
 * MAP with a list in one block, which is freed again; returns the status.
 * qdmashare_map_with() takes what is special from a descriptor.
 */
unsigned qdmashare_map(QDmashare *d, uint32_t id, uint32_t buffer,
                       unsigned direction,
                       const struct dmashare_segment *seg, unsigned n);
unsigned qdmashare_map_local(QDmashare *d, uint32_t id, uint32_t buffer,
                             unsigned direction,
                             const struct dmashare_segment *seg, unsigned n);
unsigned qdmashare_map_with(QDmashare *d, struct dmashare_desc desc,
                            const struct dmashare_segment *seg, unsigned n);
/* A MAP that is right, of one segment of fresh memory; tells the segment. */
struct dmashare_desc qdmashare_map_desc(QDmashare *d, uint32_t id,
                                        uint32_t buffer, uint64_t size,
                                        struct dmashare_segment *seg);
/* Buffer and mapping, both with this id, of one range of DMA addresses. */
void qdmashare_bus_buf(QDmashare *d, uint32_t id, uint64_t addr,
                       uint64_t size, unsigned direction);
/* The same of fresh memory. */
QDmashareBuf qdmashare_buf(QDmashare *d, uint32_t id, uint64_t size,
                           unsigned direction);
/* And at an offset of local memory; phys is where the BAR shows it. */
QDmashareBuf qdmashare_local_buf(QDmashare *d, uint32_t id, uint64_t offset,
                                 uint64_t size, unsigned direction);

#endif
