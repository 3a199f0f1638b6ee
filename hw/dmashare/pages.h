/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: pages that can be passed to other processes
 *
 * What SHARE makes of a mapping: the ranges of memory files where its bytes
 * are, and a way to let others have them. Knows neither clients nor PCI: the
 * bus says where memory is, and the host what it can be passed as.
 */
#ifndef HW_DMASHARE_PAGES_H
#define HW_DMASHARE_PAGES_H

#include "qemu/memfd.h"
#include "dmashare/share.h"
#include "hw/dmashare/mapping.h"
#include "hw/dmashare/udmabuf.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE     0x0010
#endif

/* With either of these nobody can write a file who has not mapped it yet. */
#define DMASHARE_SEALS_WRITE    (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* What all addresses and lengths are multiples of. */
#define DMASHARE_PAGE                   4096
/* Ranges of all pages that there are at once; each takes 16 bytes. */
#define DMASHARE_MAX_TOTAL_RANGES       (4 * DMASHARE_MAX_RANGES)
/* Memory files that one buffer can be in; the guest has a few at most. */
#define DMASHARE_MAX_FILES              16

/* F_SEAL_* of a file; none if it is one that cannot be sealed. */
static inline int dmashare_seals(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);

    return MAX(seals, 0);
}

/**
 * DmasharePageHost: what the device may and can pass
 * @bus: knows where memory is
 * @writable: clients may write (property share-writable)
 * @guest_memory: all of the guest's memory may be passed, if nothing less can
 *                be (property share-guest-memory)
 * @udmabuf: to make dma-bufs with, its descriptor being -1 if it cannot
 * @only_udmabuf: memory of the guest is not passed otherwise (property
 *                share-udmabuf=on)
 * @total_ranges: of all pages that there are, as far as there is room for them
 * @warned: what the user has been told of already
 */
typedef struct DmasharePageHost {
    const DmashareBus *bus;
    bool writable;
    bool guest_memory;
    DmashareUdmabuf udmabuf;
    bool only_udmabuf;
    uint64_t total_ranges;
    uint32_t warned;
} DmasharePageHost;

/**
 * DmasharePageRange: a run of pages of one file
 * @offset: in the file
 * @units: of DMASHARE_PAGE bytes
 * @file: number of the file
 */
typedef struct DmasharePageRange {
    uint64_t offset;
    uint32_t units;
    uint32_t file;
} DmasharePageRange;

/**
 * DmasharePages: the pages of one mapping
 * @host: that they are passed by
 * @refs: they live as long as somebody refers to them
 * @map: while they are looked for, else NULL
 * @write: clients may ask to write
 * @path: enum dmashare_share_path
 * @size: bytes
 * @files: that they are in, each referred to
 * @n_files: of those
 * @ranges: of the files, in order, no two that could be one
 * @n_ranges: of those
 * @room: for so many there is space
 * @done: bytes that have been found; of the range @next, been discarded
 * @next: segment to look at, or range to discard
 * @dma_buf: made of them, or -1
 * @error: why there is none: a negative errno
 * @again: when that is tried again, in ns of the host's time
 * @list: memory file of the ranges, or -1
 * @cut: the guest has other pages by now than those who were given the dma-buf
 */
typedef struct DmasharePages {
    DmasharePageHost *host;
    unsigned refs;
    DmashareMapping *map;
    bool write;
    uint32_t path;
    uint64_t size;
    DmashareMemory files[DMASHARE_MAX_FILES];
    unsigned n_files;
    DmasharePageRange *ranges;
    uint32_t n_ranges;
    uint32_t room;
    uint64_t done;
    uint32_t next;
    int dma_buf;
    int error;
    int64_t again;
    int list;
    bool cut;
} DmasharePages;

/*
 * The command SHARE. Begin refuses what can be seen at once; then step looks
 * for the pages, until it returns true with the status that SHARE completes
 * with. With OK they are ready to be passed; otherwise nothing can be done but
 * dmashare_pages_unref(), which may come at any time and is right in every
 * state. @addr is the DMA address of a fault. BAD_SEGMENT, NOT_SHAREABLE,
 * READ_ONLY, LIMIT, FAULT_*; the user is told of what a property could mend.
 */
uint16_t dmashare_pages_begin(DmasharePageHost *host, DmashareMapping *map,
                              bool write, DmasharePages **out);
bool dmashare_pages_step(DmasharePages *pages, int64_t *budget,
                         uint16_t *status, uint64_t *addr);

DmasharePages *dmashare_pages_ref(DmasharePages *pages);
/* NULL is fine. */
void dmashare_pages_unref(DmasharePages *pages);

/* What struct dmashare_msg_opened says of them: of the first range. */
uint64_t dmashare_pages_offset(const DmasharePages *pages);
uint32_t dmashare_pages_n_ranges(const DmasharePages *pages);

/*
 * A new descriptor of the memory, to be sent and closed; @enforced: it cannot
 * be written, and the kernel sees to that whatever its owner tries. @write only
 * if the pages are. The first one of path UDMABUF makes the dma-buf, which
 * takes the host some 60 us a MiB; if it takes that to fail it is not tried
 * again at once. Returns a negative errno on failure.
 */
int dmashare_pages_fd(DmasharePages *pages, bool write, bool *enforced,
                      Error **errp);
/*
 * A new descriptor of the list of ranges, if there are more than one: a
 * memory file of struct dmashare_range that nobody can change, written for the
 * first one. Else -1 and no error; a negative errno with one.
 */
int dmashare_pages_ranges_fd(DmasharePages *pages, Error **errp);

/*
 * UNSHARE_F_DISCARD, when nobody is given them any more: have the guest find
 * other pages, of zeros, where these were. Goes on until it returns true; then
 * @pages->cut says whether clients that still have them see nothing of the
 * guest's any more. If nobody was ever given any, nothing is done.
 */
bool dmashare_pages_discard(DmasharePages *pages, int64_t *budget);

#endif /* HW_DMASHARE_PAGES_H */
