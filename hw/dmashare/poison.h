/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: poison in local memory that nobody has any more
 *
 * The device does not know who lies where in local memory: that is the driver's
 * affair. It knows where mappings lead, and from that follows when a piece of
 * memory has no live data in it:
 *
 * - A buffer has moved out. What says so is neither PLACE, which comes when the
 *   move begins, nor UNMAP, after which a driver whose copy failed still reads
 *   the old memory with the CPU. It is that the engines have copied every byte
 *   from a mapping of local memory to one of system memory of the same buffer;
 *   UNMAP of the first then poisons it.
 *
 * - A buffer in local memory goes away. Its last mapping of local memory has
 *   ended before, and where that led is the buffer's home; BUFFER_DESTROY
 *   poisons it, unless anybody has mapped a part of it since.
 *
 * Whoever doubts does nothing: live data is never poisoned, as long as the
 * driver gives no memory to two buffers at once, and gives none out again
 * before the old owner's last command nor uses it before MAP.
 */
#ifndef HW_DMASHARE_POISON_H
#define HW_DMASHARE_POISON_H

#include "hw/dmashare/mapping.h"

/* A buffer in more pieces than this has no home. */
#define DMASHARE_HOME_PIECES    16

/**
 * DmasharePoison: the poison of one device; survives resets
 * @enabled: there is any
 * @byte: that memory is filled with
 * @local: the memory
 * @homes: of all buffers that have one, by offset in local memory
 */
typedef struct DmasharePoison {
    bool enabled;
    uint8_t byte;
    DmashareLocal *local;
    IntervalTreeRoot homes;
} DmasharePoison;

/**
 * DmashareWipe: how far a command has come with poisoning; zeros at first
 * @piece: number of the next piece
 * @done: bytes of it
 */
typedef struct DmashareWipe {
    uint32_t piece;
    uint64_t done;
} DmashareWipe;

/* A mapping was made: what it leads to is no former owner's home any more. */
void dmashare_poison_mapped(DmasharePoison *poison, DmashareMapping *map);
/*
 * A mapping ends, and still has its segments: poison what it leads to, or make
 * it the buffer's home, or do nothing. Works in steps, as far as @budget goes;
 * true when it is over.
 */
bool dmashare_poison_unmapped(DmasharePoison *poison, DmashareMapping *map,
                              DmashareWipe *wipe, int64_t *budget);
/* A buffer goes away: poison its home. In steps, as above. */
bool dmashare_poison_destroyed(DmasharePoison *poison, DmashareBuffer *buf,
                               DmashareWipe *wipe, int64_t *budget);

/* Forget a buffer's home, if it has one. */
void dmashare_home_forget(DmashareBuffer *buf);

#endif /* HW_DMASHARE_POISON_H */
