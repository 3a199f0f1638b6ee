/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the window on the buffers of another VM
 *
 * Two halves of one range of host addresses, which the face shows to the CPU:
 * what is put into the first can only be read. Pages of other processes take
 * the place of a piece of it and give it back; engines reach them here, without
 * the bus. Who may put what where is for dmashare/peer.h to say.
 */
#ifndef HW_DMASHARE_PEER_WINDOW_H
#define HW_DMASHARE_PEER_WINDOW_H

#include "qemu/interval-tree.h"
#include "hw/dmashare/bus.h"
#include "hw/dmashare/peer-pages.h"

/**
 * DmasharePlace: a piece of the window that something is put into
 * @node: its first and its last byte, from the start of the window
 * @epoch: of the window, when it was put there
 * @runs: mappings of the host that it took
 */
typedef struct DmasharePlace {
    IntervalTreeNode node;
    uint64_t epoch;
    uint32_t runs;
} DmasharePlace;

/**
 * DmasharePeerWindow: the window of one device
 * @host: its bytes, NULL if there is none
 * @half: bytes of each half, a multiple of 4096
 * @offset: of its start in BAR4; for the register alone
 * @bus: that is told what was written
 * @places: that something is put into
 * @epoch: grows whenever something is put into it
 * @runs: mappings of the host that all places took
 * @closed: the device is being reset or is gone; nothing goes in or out
 */
typedef struct DmasharePeerWindow {
    uint8_t *host;
    uint64_t half;
    uint64_t offset;
    const DmashareBus *bus;
    IntervalTreeRoot places;
    uint64_t epoch;
    uint32_t runs;
    bool closed;
} DmasharePeerWindow;

/*
 * The addresses of a window, all of which read as zeros; NULL, and errno is
 * set, if there are none to be had. They outlive the window's use by anybody.
 */
uint8_t *dmashare_window_reserve(uint64_t half);
void dmashare_window_release(uint8_t *host, uint64_t half);

static inline bool dmashare_window_is_writable(const DmasharePeerWindow *window,
                                               uint64_t offset)
{
    return offset >= window->half;
}

/* Does all of it lie in one half? */
bool dmashare_window_holds(const DmasharePeerWindow *window, uint64_t offset,
                           uint64_t len);

/*
 * Put pages at @offset, where all of them fit into that half. OK, OVERLAP or
 * NOT_SHAREABLE, in which case nothing has changed.
 */
uint16_t dmashare_window_put(DmasharePeerWindow *window, DmasharePlace *place,
                             uint64_t offset, const DmasharePeerPages *pages);
/* Take them out again: there are zeros in their place. */
void dmashare_window_take(DmasharePeerWindow *window, DmasharePlace *place);

/* Does all of it lie in one place? */
bool dmashare_window_placed(DmasharePeerWindow *window, uint64_t offset,
                            uint64_t len);

/*
 * Open a DMA window of 1..@len bytes at @offset for a mapping that was made in
 * @epoch: FAULT_DEAD_MAPPING if what was there then is not any more, and
 * FAULT_BUS_MASTER, of which nobody hears any more.
 */
uint16_t dmashare_window_open(DmasharePeerWindow *window, uint64_t offset,
                              uint64_t len, uint64_t epoch,
                              DmashareWindow *win);
/* Close it, @used bytes having been touched. */
void dmashare_window_close(const DmasharePeerWindow *window,
                           const DmashareWindow *win, uint64_t used);

#endif /* HW_DMASHARE_PEER_WINDOW_H */
