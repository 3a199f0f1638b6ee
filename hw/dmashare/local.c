// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: local memory
 */
#include "qemu/osdep.h"
#include "hw/dmashare/local.h"

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
    return DMASHARE_STATUS_OK;
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
