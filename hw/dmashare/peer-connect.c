// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the connection to another device's share server
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/sockets.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/dmashare/fd.h"
#include "hw/dmashare/peer-connect.h"
#include "hw/dmashare/wire.h"

/**
 * DmasharePeerLink: the connection of one device
 * @core: of which
 * @to: where to
 * @to_len: bytes of @to
 * @reconnect_ms: between attempts, 0: there is only one
 * @name: what we call ourselves
 * @wire: the connection, or NULL
 * @timer: the next attempt
 * @hang_up: ends the connection
 * @why: for which reason
 */
struct DmasharePeerLink {
    DmashareCore *core;
    struct sockaddr_un to;
    socklen_t to_len;
    uint32_t reconnect_ms;
    char *name;
    DmashareWire *wire;
    QEMUTimer *timer;
    QEMUBH *hang_up;
    char *why;
};

/* There is no connection: tell, and try again later. */
static void link_lost(DmasharePeerLink *link, const char *why)
{
    DmashareCore *core = link->core;

    qemu_bh_cancel(link->hang_up);
    g_clear_pointer(&link->wire, dmashare_wire_free);
    dmashare_core_enter(core);
    dmashare_peer_lost(&core->peer, why);
    dmashare_core_leave(core, true);
    if (link->reconnect_ms) {
        timer_mod(link->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                               link->reconnect_ms);
    }
}

static void link_hang_up(void *opaque)
{
    DmasharePeerLink *link = opaque;
    g_autofree char *why = g_steal_pointer(&link->why);

    link_lost(link, why);
}

/*
 * DmasharePeerOps
 */

static unsigned peer_room(void *opaque)
{
    DmasharePeerLink *link = opaque;

    return dmashare_wire_room(link->wire);
}

static void peer_hang_up(void *opaque, const char *why)
{
    DmasharePeerLink *link = opaque;

    g_free(link->why);
    link->why = g_strdup(why);
    qemu_bh_schedule(link->hang_up);
}

static void peer_send(void *opaque, const struct dmashare_msg *msg)
{
    DmasharePeerLink *link = opaque;

    /* It fails when the connection is over, and then we are told so. */
    dmashare_wire_send(link->wire, msg, NULL, 0);
}

static const DmasharePeerOps peer_ops = {
    .room = peer_room,
    .send = peer_send,
    .hang_up = peer_hang_up,
};

/*
 * DmashareWireOps
 */

static void wire_message(void *opaque, const struct dmashare_msg *msg,
                         const int *fds, unsigned n_fds)
{
    DmasharePeerLink *link = opaque;

    dmashare_core_enter(link->core);
    dmashare_peer_message(&link->core->peer, msg, fds, n_fds);
    dmashare_core_leave(link->core, true);
}

static void wire_room(void *opaque)
{
    DmasharePeerLink *link = opaque;

    dmashare_core_enter(link->core);
    dmashare_peer_room(&link->core->peer);
    dmashare_core_leave(link->core, true);
}

static void wire_closed(void *opaque, const char *why)
{
    link_lost(opaque, why);
}

static const DmashareWireOps wire_ops = {
    .message = wire_message,
    .room = wire_room,
    .closed = wire_closed,
    .broken = wire_closed,
};

/*
 * Nothing here waits for anybody: where the server takes no connections at
 * present there is none.
 */
static void link_connect(void *opaque)
{
    DmasharePeerLink *link = opaque;
    DmashareCore *core = link->core;
    int fd = qemu_socket(AF_UNIX, SOCK_STREAM, 0);
    QIOChannelSocket *sioc;
    Error *err = NULL;

    if (fd < 0) {
        link_lost(link, strerror(errno));
        return;
    }
    qemu_socket_set_nonblock(fd);
    if (connect(fd, (struct sockaddr *)&link->to, link->to_len)) {
        int error = errno;

        close(fd);
        link_lost(link, strerror(error));
        return;
    }
    sioc = qio_channel_socket_new_fd(fd, &err);
    if (!sioc) {
        close(fd);
        link_lost(link, error_get_pretty(err));
        error_free(err);
        return;
    }
    link->wire = dmashare_wire_new(sioc, DMASHARE_WIRE_CLIENT, &wire_ops,
                                   link);
    object_unref(OBJECT(sioc));
    dmashare_core_enter(core);
    dmashare_peer_connected(&core->peer, &peer_ops, link, link->name);
    dmashare_core_leave(core, true);
}

DmasharePeerLink *dmashare_peer_link_new(DmashareCore *core,
                                         const char *address,
                                         uint32_t reconnect_ms,
                                         const char *name, Error **errp)
{
    const char *path = address + strlen("unix:");
    DmasharePeerLink *link;

    if (!g_str_has_prefix(address, "unix:") || !*path ||
        strlen(path) >= sizeof(link->to.sun_path)) {
        error_setg(errp, "dmashare: property 'peer' is '%s'; expected is "
                   "unix:PATH, with a PATH of at most %zu bytes", address,
                   sizeof(link->to.sun_path) - 1);
        return NULL;
    }
    link = g_new0(DmasharePeerLink, 1);
    link->core = core;
    link->to.sun_family = AF_UNIX;
    memcpy(link->to.sun_path, path, strlen(path) + 1);
    link->to_len = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
    link->reconnect_ms = reconnect_ms;
    link->name = g_strdup(name);
    link->timer = timer_new_ms(QEMU_CLOCK_REALTIME, link_connect, link);
    link->hang_up = qemu_bh_new(link_hang_up, link);
    return link;
}

void dmashare_peer_link_start(DmasharePeerLink *link)
{
    /* From the main loop: the machine is not made yet, perhaps. */
    timer_mod(link->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME));
}

void dmashare_peer_link_stop(DmasharePeerLink *link)
{
    timer_del(link->timer);
    qemu_bh_cancel(link->hang_up);
    g_clear_pointer(&link->wire, dmashare_wire_free);
    dmashare_core_enter(link->core);
    dmashare_peer_lost(&link->core->peer, "the device is gone");
    dmashare_core_leave(link->core, true);
}

void dmashare_peer_link_free(DmasharePeerLink *link)
{
    if (link) {
        dmashare_peer_link_stop(link);
        timer_free(link->timer);
        qemu_bh_delete(link->hang_up);
        g_free(link->why);
        g_free(link->name);
        g_free(link);
    }
}
