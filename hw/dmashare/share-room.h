/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what the files of sharing know of each other, and nobody else
 */
#ifndef HW_DMASHARE_SHARE_ROOM_H
#define HW_DMASHARE_SHARE_ROOM_H

#include "hw/dmashare/share.h"

/* share-client.c: there is something to tell of a view, or of a hold. */
void dmashare_share_view_pending(DmashareShareView *view);
void dmashare_share_hold_pending(DmashareShareHold *hold);
/* A client gets a view of a share. */
DmashareShareView *dmashare_share_view_new(DmashareShareClient *client,
                                           DmashareShare *share);
/* The pages have gone, or unless @reason is MOVED the share; nobody holds it */
void dmashare_share_view_withdraw(DmashareShareView *view,
                                  enum dmashare_withdraw_reason reason,
                                  bool cut);

/*
 * share-hold.c: a hold that a client asked for. There is room for it, and the
 * driver is going to be asked.
 */
DmashareShareHold *dmashare_share_hold_new(DmashareShareView *view,
                                           uint32_t flags, uint64_t deadline,
                                           int fd);
/* The client lets go of it, with that errno, and forgets it. */
void dmashare_share_hold_release(DmashareShareHold *hold, uint32_t error);
/* Likewise all that it holds of a share; or of its contents alone. */
void dmashare_share_hold_release_all(DmashareShareView *view, uint32_t error);
void dmashare_share_hold_release_contents(DmashareShareView *view,
                                          uint32_t error);
/* The client has been told something of it; forgets it if that was the end. */
void dmashare_share_hold_told(DmashareShareHold *hold);
/* Nobody holds the share any more, and the driver hears nothing of it. */
void dmashare_share_hold_cancel(DmashareShares *shares, DmashareShare *share);
/* DmashareEventSource */
bool dmashare_share_hold_next_event(void *opaque, DmashareEvent *event);

/* share.c: enter what a client did into the journal. */
void dmashare_share_record(const DmashareShareView *view,
                           DmashareOperation operation, uint64_t arg,
                           uint32_t error);

#endif /* HW_DMASHARE_SHARE_ROOM_H */
