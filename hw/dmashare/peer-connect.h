/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the connection to another device's share server
 */
#ifndef HW_DMASHARE_PEER_CONNECT_H
#define HW_DMASHARE_PEER_CONNECT_H

#include "hw/dmashare/core.h"

typedef struct DmasharePeerLink DmasharePeerLink;

/*
 * To the server at @address (unix:PATH), for @core, as @name. Attempts are
 * @reconnect_ms apart, 0: there is only one. NULL, with an error, if that is no
 * address. Does nothing before it is started.
 */
DmasharePeerLink *dmashare_peer_link_new(DmashareCore *core,
                                         const char *address,
                                         uint32_t reconnect_ms,
                                         const char *name, Error **errp);
/* From now on there is a connection, or attempts are made to have one. */
void dmashare_peer_link_start(DmasharePeerLink *link);
/* No more; what the driver has of other VMs is withdrawn. */
void dmashare_peer_link_stop(DmasharePeerLink *link);
/* Stops it; NULL is fine. */
void dmashare_peer_link_free(DmasharePeerLink *link);

#endif /* HW_DMASHARE_PEER_CONNECT_H */
