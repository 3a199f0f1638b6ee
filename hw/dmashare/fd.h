/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: file descriptors that a stranger gave us
 *
 * What is behind one is the stranger's choice: a file of a file system that is
 * a program of theirs, a socket that lingers. Hardly anything can be done with
 * it that may not block, closing it included.
 */
#ifndef HW_DMASHARE_FD_H
#define HW_DMASHARE_FD_H

/**
 * DmashareFdKind: what is behind a file descriptor
 * @DMASHARE_FD_OTHER: nothing that may be touched
 * @DMASHARE_FD_MEMORY: a memory file
 * @DMASHARE_FD_HUGE: a memory file of huge pages
 * @DMASHARE_FD_UDMABUF: a dma-buf whose pages are pinned ones of memory files
 * @DMASHARE_FD_DMABUF: another dma-buf
 */
typedef enum DmashareFdKind {
    DMASHARE_FD_OTHER,
    DMASHARE_FD_MEMORY,
    DMASHARE_FD_HUGE,
    DMASHARE_FD_UDMABUF,
    DMASHARE_FD_DMABUF,
} DmashareFdKind;

/**
 * DmashareFdInfo: what is known of a file descriptor
 * @kind: what is behind it
 * @seals: of a memory file, F_SEAL_*
 * @size: bytes, but of DMASHARE_FD_OTHER
 */
typedef struct DmashareFdInfo {
    DmashareFdKind kind;
    int seals;
    uint64_t size;
} DmashareFdInfo;

/* Look at it without touching what is behind it. */
void dmashare_fd_look(int fd, DmashareFdInfo *info);

/* Close it, in a thread that may block if need be. */
void dmashare_fd_discard(int fd);

#endif /* HW_DMASHARE_FD_H */
