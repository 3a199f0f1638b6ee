// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the pages of a foreign buffer, as its owner passed them
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "hw/dmashare/fd.h"
#include "hw/dmashare/peer-pages.h"

#define RANGE_ALIGN     4096

/* May these pages disappear? Then whoever touches them is killed. */
static const char *memory_refused(const DmashareFdInfo *info)
{
    switch (info->kind) {
    case DMASHARE_FD_MEMORY:
        return info->seals & F_SEAL_SHRINK ? NULL :
               "the memory file may become shorter (no F_SEAL_SHRINK)";
    case DMASHARE_FD_HUGE:
        return "the memory file has huge pages";
    case DMASHARE_FD_UDMABUF:
        return NULL;
    case DMASHARE_FD_DMABUF:
        return "the dma-buf is not of the udmabuf driver";
    default:
        return "the descriptor is no memory file and no dma-buf";
    }
}

static bool read_all(int fd, void *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = RETRY_ON_EINTR(pread(fd, (uint8_t *)buf + done, len - done,
                                         done));

        if (n <= 0) {
            return false;
        }
        done += n;
    }
    return true;
}

/* Add a range; those that continue the one before are one run with it. */
static const char *add_range(DmasharePeerPages *pages, uint64_t file,
                             uint64_t offset, uint64_t length, uint64_t *total)
{
    DmasharePeerRun *last = pages->n_runs ? &pages->runs[pages->n_runs - 1]
                                          : NULL;

    if (!length || (offset | length) % RANGE_ALIGN) {
        return "a range is not of whole pages";
    }
    if (offset > file || length > file - offset) {
        return "a range lies outside of the memory file";
    }
    if (length > pages->size - *total) {
        return "the ranges are longer than the buffer";
    }
    *total += length;
    if (last && last->offset + last->length == offset) {
        last->length += length;
    } else {
        pages->runs[pages->n_runs++] = (DmasharePeerRun) { offset, length };
    }
    return NULL;
}

static const char *read_ranges(DmasharePeerPages *pages, uint64_t file,
                               int list, uint32_t n)
{
    g_autofree struct dmashare_range *ranges = NULL;
    const char *why = NULL;
    DmashareFdInfo info;
    uint64_t total = 0;

    dmashare_fd_look(list, &info);
    if (info.kind != DMASHARE_FD_MEMORY ||
        ~info.seals & (F_SEAL_SHRINK | F_SEAL_WRITE)) {
        return "the list of ranges is no sealed memory file";
    }
    if (n > DMASHARE_PEER_MAX_RUNS * 4 || n > pages->size / RANGE_ALIGN) {
        return "there are too many ranges";
    }
    ranges = g_new(struct dmashare_range, n);
    if (info.size < n * sizeof(*ranges) ||
        !read_all(list, ranges, n * sizeof(*ranges))) {
        return "the list of ranges is too short";
    }
    pages->runs = g_new(DmasharePeerRun, n);
    for (uint32_t i = 0; !why && i < n; i++) {
        why = add_range(pages, file, le64_to_cpu(ranges[i].offset),
                        le64_to_cpu(ranges[i].length), &total);
    }
    if (!why && total != pages->size) {
        why = "the ranges are shorter than the buffer";
    }
    if (!why && pages->n_runs > DMASHARE_PEER_MAX_RUNS) {
        why = "there are too many ranges";
    }
    return why;
}

static const char *take_pages(DmasharePeerPages *pages,
                              const struct dmashare_msg_opened *opened,
                              int list)
{
    uint32_t n = le32_to_cpu(opened->n_ranges);
    DmashareFdInfo info;
    const char *why;
    uint64_t total = 0;

    dmashare_fd_look(pages->fd, &info);
    why = memory_refused(&info);
    if (why) {
        return why;
    }
    if (!n || (n > 1) != (list >= 0)) {
        return "the list of ranges is missing, or one too many";
    }
    if (n > 1) {
        why = read_ranges(pages, info.size, list, n);
    } else {
        pages->runs = g_new(DmasharePeerRun, 1);
        why = add_range(pages, info.size, le64_to_cpu(opened->offset),
                        pages->size, &total);
    }
    if (!why) {
        pages->runs = g_renew(DmasharePeerRun, pages->runs, pages->n_runs);
    }
    return why;
}

DmasharePeerPages *dmashare_peer_pages_new(
    const struct dmashare_msg_opened *opened, const int *fds, unsigned n_fds)
{
    DmasharePeerPages *pages = g_new0(DmasharePeerPages, 1);

    pages->fd = fds[0];
    pages->size = le64_to_cpu(opened->size);
    pages->path = le32_to_cpu(opened->path);
    pages->write = le32_to_cpu(opened->flags) & DMASHARE_OPENED_F_WRITE;
    pages->refused = take_pages(pages, opened, n_fds > 1 ? fds[1] : -1);
    if (pages->refused) {
        g_clear_pointer(&pages->runs, g_free);
        pages->n_runs = 0;
    }
    for (unsigned i = 1; i < n_fds; i++) {
        dmashare_fd_discard(fds[i]);
    }
    return pages;
}

void dmashare_peer_pages_free(DmasharePeerPages *pages)
{
    if (pages) {
        dmashare_fd_discard(pages->fd);
        g_free(pages->runs);
        g_free(pages);
    }
}
