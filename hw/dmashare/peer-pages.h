/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the pages of a foreign buffer, as its owner passed them
 *
 * Descriptors and list come from another process, which is not trusted: what
 * is to be mapped must not be able to disappear under whoever touches it.
 */
#ifndef HW_DMASHARE_PEER_PAGES_H
#define HW_DMASHARE_PEER_PAGES_H

#include "dmashare/share.h"

/* Each run of pages is a mapping of the host's kernel, which has 65530. */
#define DMASHARE_PEER_MAX_RUNS  16384

/* Foreign buffers known at once: as many as a connection may have open. */
#define DMASHARE_MAX_PEERS      DMASHARE_MAX_OPEN

/**
 * DmasharePeerRun: pages that follow each other in the memory file
 * @offset: bytes in the file
 * @length: bytes, not 0
 */
typedef struct DmasharePeerRun {
    uint64_t offset;
    uint64_t length;
} DmasharePeerRun;

/**
 * DmasharePeerPages: the pages of one foreign buffer
 * @fd: the memory
 * @size: bytes, a multiple of 4096
 * @path: enum dmashare_share_path, as the owner says
 * @write: they may be written
 * @refused: why they cannot be mapped, in a line for people, or NULL
 * @n_runs: number of
 * @runs: in the order of the buffer's bytes, NULL if they cannot be mapped
 */
typedef struct DmasharePeerPages {
    int fd;
    uint64_t size;
    uint32_t path;
    bool write;
    const char *refused;
    uint32_t n_runs;
    DmasharePeerRun *runs;
} DmasharePeerPages;

/* What came with OPENED; the descriptors are the pages' from now on. */
DmasharePeerPages *dmashare_peer_pages_new(
    const struct dmashare_msg_opened *opened, const int *fds, unsigned n_fds);
void dmashare_peer_pages_free(DmasharePeerPages *pages);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DmasharePeerPages, dmashare_peer_pages_free)

#endif /* HW_DMASHARE_PEER_PAGES_H */
