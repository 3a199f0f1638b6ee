// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: local memory
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "hw/dmashare/local.h"

/* Below this, zeros are cheaper to write than pages are to get anew. */
#define DISCARD_MIN     (256 * KiB)

bool dmashare_local_holds(const DmashareLocal *local, uint64_t offset,
                          uint64_t len)
{
    return offset <= local->size && len <= local->size - offset;
}

uint16_t dmashare_local_open(const DmashareLocal *local, uint64_t offset,
                             uint64_t len, DmashareWindow *win)
{
    if (local->closed || !dmashare_local_holds(local, offset, len)) {
        return DMASHARE_STATUS_FAULT_BUS_MASTER;
    }
    win->host = local->host + offset;
    win->len = len;
    if (!win->write && local->bus->ops->local_read) {
        local->bus->ops->local_read(local->bus->opaque, offset, win);
    }
    return DMASHARE_STATUS_OK;
}

bool dmashare_local_gives_back(const DmashareLocal *local, uint64_t len)
{
    return local->granule && len >= DISCARD_MIN;
}

void dmashare_local_zero(DmashareLocal *local, DmashareWindow *win)
{
    uint64_t start = (uint8_t *)win->host - local->host;
    uint64_t end = start + win->len;
    uint64_t from = end, to = end;

    if (dmashare_local_gives_back(local, win->len)) {
        from = QEMU_ALIGN_UP(start, local->granule);
        to = QEMU_ALIGN_DOWN(end, local->granule);
        if (from >= to) {
            from = to = end;
        } else if (!local->bus->ops->local_discard(local->bus->opaque, from,
                                                   to - from)) {
            /* Locked memory, for one: one attempt shows it. */
            local->granule = 0;
            from = to = end;
        }
    }
    memset(local->host + start, 0, from - start);
    memset(local->host + to, 0, end - to);
}

void dmashare_local_close(const DmashareLocal *local,
                          const DmashareWindow *win, uint64_t used)
{
    if (win->write && used) {
        local->bus->ops->local_written(local->bus->opaque,
                                       (uint8_t *)win->host - local->host,
                                       used);
    }
}
