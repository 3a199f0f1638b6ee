/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the share server
 *
 * A socket of the host where programs, and devices of other VMs, get at what
 * the guest shares. It belongs to the face: the core knows its clients, but no
 * sockets.
 */
#ifndef HW_DMASHARE_SERVER_H
#define HW_DMASHARE_SERVER_H

#include "qemu/notify.h"
#include "io/net-listener.h"
#include "hw/dmashare/core.h"
#include "hw/dmashare/wire.h"

typedef struct DmashareServer DmashareServer;
typedef struct DmashareServerClient DmashareServerClient;

/* Connections that have not said HELLO, besides the clients. */
#define DMASHARE_SERVER_STRANGERS   8

/* A user who is nobody. */
#define DMASHARE_SERVER_NO_UID      UINT32_MAX

/**
 * DmashareServer: the server of one device
 * @core: the device
 * @listener: where clients come from
 * @path: of the socket
 * @uid: whom it serves besides our own user
 * @instance: that WELCOME tells
 * @clients: all connections
 * @n_connections: of those
 * @n_clients: of those that have been welcomed
 * @warned_at: when the last lines were written, in ms
 * @warned: lines since then
 * @unwarned: that were not written
 * @exit: the socket goes with QEMU
 */
struct DmashareServer {
    DmashareCore *core;
    QIONetListener *listener;
    char *path;
    uint32_t uid;
    uint64_t instance;
    QTAILQ_HEAD(, DmashareServerClient) clients;
    unsigned n_connections;
    unsigned n_clients;
    int64_t warned_at;
    unsigned warned;
    unsigned unwarned;
    Notifier exit;
};

/**
 * DmashareServerClient: one connection
 * @server: to whom
 * @wire: our end; NULL when that is over
 * @client: what the core knows of it, NULL before HELLO
 * @name: for people
 * @pid: of the process that connected, which need not be the one that speaks
 * @uid: likewise
 * @permitted: the user is one that is served
 * @said: it has said HELLO, whatever came of it
 * @hello_tag: timer that ends it if it says nothing, or 0
 * @pump: sends notices
 * @link: in DmashareServer.clients
 */
struct DmashareServerClient {
    DmashareServer *server;
    DmashareWire *wire;
    DmashareShareClient *client;
    char name[DMASHARE_NAME_LEN + 1];
    uint32_t pid;
    uint32_t uid;
    bool permitted;
    bool said;
    guint hello_tag;
    QEMUBH *pump;
    QTAILQ_ENTRY(DmashareServerClient) link;
};

/*
 * Listen on @address, which is unix:PATH; @uid is served besides our own user.
 */
DmashareServer *dmashare_server_new(DmashareCore *core, const char *address,
                                    uint32_t uid, Error **errp);
/* All connections end. NULL is fine. */
void dmashare_server_free(DmashareServer *server);

/*
 * Tell whoever started QEMU of something that a client did, in a line; one that
 * does it again and again does not fill their disk.
 */
void G_GNUC_PRINTF(2, 3)
dmashare_server_warn(DmashareServer *server, const char *fmt, ...);

/*
 * server-client.c: one has connected; the connection belongs to the server's
 * list, which it leaves when it is over.
 */
void dmashare_server_client_new(DmashareServer *server,
                                QIOChannelSocket *sioc);
/* It is over, at once. */
void dmashare_server_client_drop(DmashareServerClient *c, const char *why);

#endif /* HW_DMASHARE_SERVER_H */
