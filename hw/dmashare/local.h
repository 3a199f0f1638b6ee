/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: local memory
 *
 * Memory of the device's own. The face shows it behind BAR4; the engines
 * reach it here, without the bus. What is where in it is the driver's affair.
 */
#ifndef HW_DMASHARE_LOCAL_H
#define HW_DMASHARE_LOCAL_H

#include "hw/dmashare/bus.h"

/**
 * DmashareLocal: the local memory of one device
 * @host: its bytes, NULL if there are none
 * @size: bytes, a multiple of @granule
 * @granule: the smallest piece of it that the host can take back, aligned to
 *           itself; 0 if it can take none, or has failed to
 * @bus: that is told what was written, and asked to take back
 * @closed: the device is being reset or is gone; nothing goes in or out
 */
typedef struct DmashareLocal {
    uint8_t *host;
    uint64_t size;
    uint64_t granule;
    const DmashareBus *bus;
    bool closed;
} DmashareLocal;

/* Does all of it lie in local memory? */
bool dmashare_local_holds(const DmashareLocal *local, uint64_t offset,
                          uint64_t len);

/*
 * Open a window of @len bytes at @offset, which local memory holds. The only
 * fault is FAULT_BUS_MASTER, and nobody hears of it any more.
 */
uint16_t dmashare_local_open(const DmashareLocal *local, uint64_t offset,
                             uint64_t len, DmashareWindow *win);
/*
 * Fill a write window with zeros. Large runs of it cost the host nothing any
 * more afterwards, until they are touched again.
 */
void dmashare_local_zero(DmashareLocal *local, DmashareWindow *win);
/* Will zeros in a run of @len bytes be made by giving pages back? */
bool dmashare_local_gives_back(const DmashareLocal *local, uint64_t len);
/* Close it, @used bytes having been touched. */
void dmashare_local_close(const DmashareLocal *local,
                          const DmashareWindow *win, uint64_t used);

#endif /* HW_DMASHARE_LOCAL_H */
