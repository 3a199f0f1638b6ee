/*
 * dmashare: a host that has pages to pass, with memory files and no device
 *
 * Guest memory is pieces side by side on the bus, each of a file of its own;
 * local memory is the last of them. The kernel that makes dma-bufs is one that
 * keeps what it was asked for. Every test makes a host of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_DMASHARE_PAGE_HOST_H
#define TESTS_UNIT_DMASHARE_PAGE_HOST_H

#include "standard-headers/linux/udmabuf.h"
#include "hw/dmashare/pages.h"
#include "dmashare-world.h"

#define PAGE            DMASHARE_PAGE
#define BUFFER_PAGES    8
#define BUFFER_SIZE     (BUFFER_PAGES * PAGE)

/* Pieces of memory are one beside the other on the bus, as far as they go. */
#define PIECES          20
#define PIECE_PAGES     32
#define PIECE_SIZE      (PIECE_PAGES * PAGE)
#define PIECE(n)        (WORLD_BASE + (n) * PIECE_SIZE)
/* Where in its file each begins. */
#define START           (3 * PAGE)

#define SEALED          (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/**
 * Piece: a piece of memory with a file
 * @mem: what the bus says of it
 * @bytes: mapped
 * @refs: that were not put back
 */
typedef struct Piece {
    DmashareMemory mem;
    uint8_t *bytes;
    unsigned refs;
} Piece;

/**
 * Host: memory files, and a kernel that makes dma-bufs
 * @w: buffers and mappings; its memory is not used
 * @piece: memory, from WORLD_BASE on
 * @grain: the IOMMU translates so many bytes at a time
 * @local: which piece local memory is
 * @bus: of the pieces
 * @host: what is tested passes pages by it
 * @asked: for dma-bufs, so often
 * @slow: it takes its time
 * @made: dma-bufs, so far
 * @list: of the last one
 * @count: of that
 * @error: errno, if none can be made
 * @wrong: bytes that a dma-buf has more than were asked for
 * @limits: how often they were read
 * @raised: what they are found to be then
 * @discarded: bytes, so far
 * @discards: calls that succeed
 */
typedef struct Host {
    World *w;
    Piece piece[PIECES];
    uint64_t grain;
    unsigned local;
    DmashareBus bus;
    DmasharePageHost host;
    unsigned asked;
    bool slow;
    unsigned made;
    struct udmabuf_create_item list[BUFFER_PAGES];
    uint32_t count;
    int error;
    uint64_t wrong;
    unsigned limits;
    uint64_t raised;
    uint64_t discarded;
    unsigned discards;
} Host;

/* A memory file with these F_SEAL_*; @number tells its bytes from others. */
void piece_init(Piece *piece, unsigned number, int seals);
/* Nobody may refer to its memory any more. */
void piece_free(Piece *piece);
/* The piece at @addr on the bus; NULL if there is none. */
Piece *piece_at(Host *h, uint64_t addr);

/* A host that may pass memory of the guest, has no dma-bufs, and can write. */
Host *host_new(void);
/* The same, with a buffer of @size bytes. */
Host *host_new_sized(uint64_t size);
void host_free(Host *h);
/* A kernel that would make dma-bufs, and permits what there is here. */
void host_udmabuf(Host *h);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DmasharePages, dmashare_pages_unref)

/* Map the buffer, for both directions, as one segment at @addr. */
DmashareMapping *host_map(Host *h, uint64_t addr);
/* The same in single pages at these addresses. */
DmashareMapping *host_map_pages(Host *h, const uint64_t addr[BUFFER_PAGES]);
void host_unmap(Host *h, DmashareMapping *map);

/* SHARE, all of it. The mapping is gone afterwards. */
uint16_t host_share(Host *h, DmashareMapping *map, bool write,
                    DmasharePages **pages);

#endif /* TESTS_UNIT_DMASHARE_PAGE_HOST_H */
