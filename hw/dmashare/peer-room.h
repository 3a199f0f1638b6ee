/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what the files about another VM's buffers know of each other, and
 * nobody else
 */
#ifndef HW_DMASHARE_PEER_ROOM_H
#define HW_DMASHARE_PEER_ROOM_H

#include "hw/dmashare/peer.h"

/*
 * peer.c: the connection
 */

/* The server broke the protocol, or keeps us waiting without an end. */
void dmashare_peer_break(DmasharePeer *peer, const char *why);
void dmashare_peer_note(DmasharePeer *peer, DmashareNote *note);
void dmashare_peer_unnote(DmasharePeer *peer, DmashareNote *note);
/* A hold of the server's is to be released. */
void dmashare_peer_give_back(DmasharePeer *peer, uint32_t server,
                             uint32_t error);
/* Send what there is room for, and tell the driver what it may be told. */
void dmashare_peer_work(DmasharePeer *peer);

/*
 * peer-offer.c: what the server offers, and the driver knows
 */

void dmashare_peer_offer_announced(DmasharePeer *peer,
                                   const struct dmashare_msg_announce *msg);
void dmashare_peer_offer_withdrawn(DmasharePeer *peer,
                                   const struct dmashare_msg_withdraw *msg);
void dmashare_peer_offer_content(DmasharePeer *peer,
                                 const struct dmashare_msg_content *msg);
/* The answer to OPEN; the descriptors are taken over. */
void dmashare_peer_offer_opened(DmasharePeer *peer,
                                const DmasharePeerRequest *request,
                                const struct dmashare_msg_opened *msg,
                                const int *fds, unsigned n_fds);
void dmashare_peer_offer_refused(DmasharePeer *peer,
                                 const DmasharePeerRequest *request);
/* The next OPEN, or SUBSCRIBE; false if there is none. */
bool dmashare_peer_offer_ask_open(DmasharePeer *peer, struct dmashare_msg *msg,
                                  DmasharePeerRequest *request);
bool dmashare_peer_offer_ask_subscribe(DmasharePeer *peer,
                                       struct dmashare_msg *msg,
                                       DmasharePeerRequest *request);
/* There is no server any more: the driver is told so of each, with @error. */
void dmashare_peer_offers_remove(DmasharePeer *peer, uint32_t error);
/* What the driver is told of one. */
void dmashare_peer_foreign_event(DmasharePeer *peer, DmashareForeign *f,
                                 DmashareEvent *event);
/* The driver knows none any more; and is told of those that are open. */
void dmashare_peer_foreign_forget(DmasharePeer *peer);
void dmashare_peer_foreign_renew(DmasharePeer *peer);

/*
 * peer-hold.c: the driver's holds of them
 */

/* The answer to ACQUIRE, 0 and the server's id, or an errno. */
void dmashare_peer_hold_answered(DmasharePeer *peer,
                                 const DmasharePeerRequest *request,
                                 uint32_t error, uint32_t server);
void dmashare_peer_hold_granted(DmasharePeer *peer,
                                const struct dmashare_msg_granted *msg);
void dmashare_peer_hold_ended(DmasharePeer *peer,
                              const struct dmashare_msg_ended *msg);
/* Contents that come with a hold of the server's. */
void dmashare_peer_hold_content(DmasharePeer *peer, DmashareForeign *f,
                                uint32_t server, uint64_t sequence);
/* End every hold of a foreign buffer: the driver is told, or knows it. */
void dmashare_peer_holds_over(DmasharePeer *peer, DmashareForeign *f,
                              uint32_t error);
void dmashare_peer_holds_drop(DmasharePeer *peer, DmashareForeign *f);
/* What the driver is told; may end the hold's life. */
void dmashare_peer_hold_event(DmasharePeer *peer, DmasharePeerHold *hold,
                              DmashareEvent *event);
/* The next ACQUIRE; false if there is none. */
bool dmashare_peer_hold_ask(DmasharePeer *peer, struct dmashare_msg *msg,
                            DmasharePeerRequest *request);

#endif /* HW_DMASHARE_PEER_ROOM_H */
