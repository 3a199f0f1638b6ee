// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the window on the buffers of another VM
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/error-report.h"
#include "hw/dmashare/peer-window.h"
#include "trace.h"

/* Zeros, which cost the host nothing until somebody writes there. */
static void *map_zeros(void *at, uint64_t len, bool write, int flags)
{
    return mmap(at, len, write ? PROT_READ | PROT_WRITE : PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

uint8_t *dmashare_window_reserve(uint64_t half)
{
    uint8_t *host = map_zeros(NULL, half * 2, false, 0);

    if (host == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(host + half, half, PROT_READ | PROT_WRITE)) {
        munmap(host, half * 2);
        return NULL;
    }
    return host;
}

void dmashare_window_release(uint8_t *host, uint64_t half)
{
    if (host) {
        munmap(host, half * 2);
    }
}

bool dmashare_window_holds(const DmasharePeerWindow *window, uint64_t offset,
                           uint64_t len)
{
    uint64_t end = dmashare_window_is_writable(window, offset) ?
                   window->half * 2 : window->half;

    return offset <= end && len <= end - offset;
}

static DmasharePlace *place_at(DmasharePeerWindow *window, uint64_t first,
                               uint64_t last)
{
    IntervalTreeNode *node = interval_tree_iter_first(&window->places, first,
                                                      last);

    return node ? container_of(node, DmasharePlace, node) : NULL;
}

/*
 * A range that is mapped anew is never without a mapping in between, so that a
 * CPU which touches it just now sees one or the other. Should the host have no
 * memory even for this, there is nothing that QEMU could go on with.
 */
static void clear(DmasharePeerWindow *window, uint64_t offset, uint64_t len)
{
    bool write = dmashare_window_is_writable(window, offset);

    if (map_zeros(window->host + offset, len, write,
                  MAP_FIXED) == MAP_FAILED) {
        error_report("dmashare: the window cannot be cleared: %s",
                     strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static bool map_run(const DmasharePeerPages *pages, const DmasharePeerRun *run,
                    void *at, bool write)
{
    int flags = at ? MAP_SHARED | MAP_FIXED : MAP_SHARED;
    void *got = mmap(at, run->length,
                     write ? PROT_READ | PROT_WRITE : PROT_READ, flags,
                     pages->fd, run->offset);

    if (got == MAP_FAILED) {
        return false;
    }
    if (!at) {
        munmap(got, run->length);
    }
    return true;
}

/*
 * First somewhere else, because a mapping that fails may leave a hole where
 * there was something.
 */
static bool map_pages(DmasharePeerWindow *window, uint64_t offset,
                      const DmasharePeerPages *pages)
{
    bool write = dmashare_window_is_writable(window, offset);
    uint64_t at = offset;

    if (!map_run(pages, &pages->runs[0], NULL, write)) {
        return false;
    }
    for (uint32_t i = 0; i < pages->n_runs; i++) {
        if (!map_run(pages, &pages->runs[i], window->host + at, write)) {
            int error = errno;

            clear(window, offset, pages->size);
            errno = error;
            return false;
        }
        at += pages->runs[i].length;
    }
    return true;
}

uint16_t dmashare_window_put(DmasharePeerWindow *window, DmasharePlace *place,
                             uint64_t offset, const DmasharePeerPages *pages)
{
    uint64_t last = offset + pages->size - 1;

    if (place_at(window, offset, last)) {
        return DMASHARE_STATUS_OVERLAP;
    }
    if (pages->refused) {
        trace_dmashare_window_refused(offset, pages->refused);
        return DMASHARE_STATUS_NOT_SHAREABLE;
    }
    if (pages->n_runs > DMASHARE_PEER_MAX_RUNS - window->runs) {
        trace_dmashare_window_refused(offset, "the window is in too many "
                                      "pieces");
        return DMASHARE_STATUS_NOT_SHAREABLE;
    }
    if (!map_pages(window, offset, pages)) {
        trace_dmashare_window_refused(offset, strerror(errno));
        return DMASHARE_STATUS_NOT_SHAREABLE;
    }
    place->node.start = offset;
    place->node.last = last;
    place->epoch = ++window->epoch;
    place->runs = pages->n_runs;
    window->runs += place->runs;
    interval_tree_insert(&place->node, &window->places);
    trace_dmashare_window_put(offset, pages->size, pages->n_runs);
    return DMASHARE_STATUS_OK;
}

void dmashare_window_take(DmasharePeerWindow *window, DmasharePlace *place)
{
    uint64_t len = place->node.last - place->node.start + 1;

    interval_tree_remove(&place->node, &window->places);
    window->runs -= place->runs;
    clear(window, place->node.start, len);
    trace_dmashare_window_take(place->node.start, len);
}

bool dmashare_window_placed(DmasharePeerWindow *window, uint64_t offset,
                            uint64_t len)
{
    DmasharePlace *place;

    if (!dmashare_window_holds(window, offset, len)) {
        return false;
    }
    place = place_at(window, offset, offset);
    return place && offset + len - 1 <= place->node.last;
}

uint16_t dmashare_window_open(DmasharePeerWindow *window, uint64_t offset,
                              uint64_t len, uint64_t epoch,
                              DmashareWindow *win)
{
    DmasharePlace *place;

    if (window->closed) {
        return DMASHARE_STATUS_FAULT_BUS_MASTER;
    }
    place = place_at(window, offset, offset);
    if (!place || place->epoch > epoch) {
        return DMASHARE_STATUS_FAULT_DEAD_MAPPING;
    }
    win->host = window->host + offset;
    win->len = MIN(len, place->node.last - offset + 1);
    return DMASHARE_STATUS_OK;
}

void dmashare_window_close(const DmasharePeerWindow *window,
                           const DmashareWindow *win, uint64_t used)
{
    if (win->write && used) {
        window->bus->ops->window_written(window->bus->opaque,
                                         (uint8_t *)win->host - window->host,
                                         used);
    }
}
