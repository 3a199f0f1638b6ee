/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what the core needs of the bus it sits on
 *
 * The core (buffers, mappings, fences, engines, queues) knows no PCI. Its
 * face hands it these operations, a unit test hands it an array of bytes.
 */
#ifndef HW_DMASHARE_BUS_H
#define HW_DMASHARE_BUS_H

#include "dmashare/abi.h"

/**
 * DmashareWindowKind: what a window is on
 * @DMASHARE_WINDOW_BUS: memory on the bus
 * @DMASHARE_WINDOW_LOCAL: local memory
 * @DMASHARE_WINDOW_COPY: the device's copy of a buffer
 * @DMASHARE_WINDOW_PEER: a buffer of another VM
 */
typedef enum DmashareWindowKind {
    DMASHARE_WINDOW_BUS,
    DMASHARE_WINDOW_LOCAL,
    DMASHARE_WINDOW_COPY,
    DMASHARE_WINDOW_PEER,
} DmashareWindowKind;

/**
 * DmashareWindow: a run of memory the engines can touch at once
 * @kind: what it is on
 * @host: where the bytes are; valid until the window is closed
 * @addr: DMA address of the first byte, ~0 if it has none
 * @len: bytes
 * @write: opened for writing
 * @region: what the face knows the memory by, of a window on the bus
 * @bounced: @host is a private copy, written back on close
 * @copies: of which buffer, of a window on a copy
 * @copy: the piece that @host is in, of a window for writing to a copy
 *
 * A window never outlives the call that opened it: the memory behind a DMA
 * address may go away as soon as the engine returns.
 */
typedef struct DmashareWindow {
    DmashareWindowKind kind;
    void *host;
    uint64_t addr;
    uint64_t len;
    bool write;
    void *region;
    bool bounced;
    struct DmashareCopies *copies;
    struct DmasharePiece *copy;
} DmashareWindow;

/**
 * DmashareMemory: a piece of memory that has a file
 * @region: what the face knows it by
 * @fd: its memory file, which others can map as we do; -1 if it has none
 * @seals: of the file, F_SEAL_*
 * @start: where in the file it begins
 * @page_size: of the file
 * @guest: it is memory of the guest, and not the BAR of something
 * @name: for people
 */
typedef struct DmashareMemory {
    void *region;
    int fd;
    int seals;
    uint64_t start;
    uint64_t page_size;
    bool guest;
    const char *name;
} DmashareMemory;

/**
 * DmashareBusOps: DMA as the face of the device does it
 * @read: read @len bytes at @addr
 * @write: write @len bytes at @addr
 * @write32: write one aligned 32-bit little-endian value in one piece
 * @write64: write one aligned 64-bit little-endian value in one piece
 * @open: open a window of 1..@len bytes at @addr
 * @close: close it, @used bytes having been touched
 * @local_read: a window for reading was opened at @offset of local memory; may
 *              show a copy instead, and less of it; or NULL
 * @local_written: @len bytes at @offset of local memory have changed
 * @local_discard: have @len bytes at @offset of local memory, aligned to its
 *                 granule, read as zeros and cost nothing; false if that
 *                 cannot be done
 * @window_written: @len bytes at @offset of the window have changed
 * @resolve: in which region, and from where in it on, the bytes at @addr are
 *           that one can read or @write; sets @len to how many of them follow
 *           each other there
 * @describe: what is to be known of a region, NULL being local memory; it
 *            stays until it is put back
 * @put: it is needed no more
 * @discard: have bytes of it, @offset being one in its file, be in other pages
 *           from now on, of zeros; @offset and @len are multiples of its page
 *           size. False if that is not so for all of them
 * @notify: send the interrupt of a vector
 * @enter: work begins that no access to the device's own registers may enter
 * @leave: it ended
 *
 * The DMA operations return DMASHARE_STATUS_OK,
 * DMASHARE_STATUS_FAULT_TRANSLATION or DMASHARE_STATUS_FAULT_BUS_MASTER.
 */
typedef struct DmashareBusOps {
    uint16_t (*read)(void *opaque, uint64_t addr, void *buf, uint64_t len);
    uint16_t (*write)(void *opaque, uint64_t addr, const void *buf,
                      uint64_t len);
    uint16_t (*write32)(void *opaque, uint64_t addr, uint32_t value);
    uint16_t (*write64)(void *opaque, uint64_t addr, uint64_t value);
    uint16_t (*open)(void *opaque, uint64_t addr, uint64_t len, bool write,
                     DmashareWindow *win);
    uint16_t (*close)(void *opaque, DmashareWindow *win, uint64_t used);
    void (*local_read)(void *opaque, uint64_t offset, DmashareWindow *win);
    void (*local_written)(void *opaque, uint64_t offset, uint64_t len);
    bool (*local_discard)(void *opaque, uint64_t offset, uint64_t len);
    void (*window_written)(void *opaque, uint64_t offset, uint64_t len);
    uint16_t (*resolve)(void *opaque, uint64_t addr, bool write, void **region,
                        uint64_t *offset, uint64_t *len);
    void (*describe)(void *opaque, void *region, DmashareMemory *mem);
    void (*put)(void *opaque, DmashareMemory *mem);
    bool (*discard)(void *opaque, const DmashareMemory *mem, uint64_t offset,
                    uint64_t len);
    void (*notify)(void *opaque, unsigned vector);
    void (*enter)(void *opaque);
    void (*leave)(void *opaque);
} DmashareBusOps;

/**
 * DmashareBus: one device's place on the bus
 * @ops: operations of the face
 * @opaque: passed to them
 * @mask: the DMA addresses that the device can express (property dma-bits)
 */
typedef struct DmashareBus {
    const DmashareBusOps *ops;
    void *opaque;
    uint64_t mask;
} DmashareBus;

/* A range the device cannot express is refused as the bus would refuse it. */
static inline bool dmashare_bus_reaches(const DmashareBus *bus, uint64_t addr,
                                        uint64_t len)
{
    return len && addr <= bus->mask && len - 1 <= bus->mask - addr;
}

static inline uint16_t dmashare_bus_read(const DmashareBus *bus, uint64_t addr,
                                         void *buf, uint64_t len)
{
    if (!dmashare_bus_reaches(bus, addr, len)) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    return bus->ops->read(bus->opaque, addr, buf, len);
}

static inline uint16_t dmashare_bus_write(const DmashareBus *bus,
                                          uint64_t addr, const void *buf,
                                          uint64_t len)
{
    if (!dmashare_bus_reaches(bus, addr, len)) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    return bus->ops->write(bus->opaque, addr, buf, len);
}

static inline uint16_t dmashare_bus_write32(const DmashareBus *bus,
                                            uint64_t addr, uint32_t value)
{
    if (!dmashare_bus_reaches(bus, addr, sizeof(value))) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    return bus->ops->write32(bus->opaque, addr, value);
}

static inline uint16_t dmashare_bus_write64(const DmashareBus *bus,
                                            uint64_t addr, uint64_t value)
{
    if (!dmashare_bus_reaches(bus, addr, sizeof(value))) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    return bus->ops->write64(bus->opaque, addr, value);
}

#endif /* HW_DMASHARE_BUS_H */
