// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the share server, one of its clients
 *
 * What comes over the socket is done at once, in the order in which it came,
 * and answered. What the core has to tell is sent later, and only as fast as it
 * is read: half of the queue is for answers. Interrupts that come of it are
 * sent by a timer of the core's, so that nothing the guest makes of them can
 * lead back here.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/server.h"
#include "trace.h"

/* How long a connection may say nothing, before it has said HELLO. */
#define HELLO_MS        5000

/* Room in the queue that notices leave for answers. */
#define ANSWER_ROOM     (DMASHARE_WIRE_QUEUE / 2)

/*
 * The end
 */

static void client_notify(DmashareServerClient *c, DmashareClientState state,
                          const char *why)
{
    const DmashareClientNotice notice = {
        .state = state,
        .client = c->client ? c->client->number : DMASHARE_NO_ID,
        .pid = c->pid,
        .uid = c->uid,
        .name = c->name,
        .why = why,
    };

    dmashare_notify_client(&c->server->core->notify, &notice);
}

/* The guest gets back what it holds; the connection may have last words. */
static void client_detach(DmashareServerClient *c, const char *why)
{
    DmashareServer *server = c->server;

    if (!c->client) {
        return;
    }
    trace_dmashare_client_gone(c->client->number, why);
    client_notify(c, DMASHARE_CLIENT_STATE_DISCONNECTED, why);
    dmashare_core_enter(server->core);
    dmashare_share_client_free(c->client);
    dmashare_core_leave(server->core, false);
    c->client = NULL;
    server->n_clients--;
}

static void client_free(DmashareServerClient *c)
{
    if (c->hello_tag) {
        g_source_remove(c->hello_tag);
    }
    qemu_bh_delete(c->pump);
    dmashare_wire_free(c->wire);
    QTAILQ_REMOVE(&c->server->clients, c, link);
    c->server->n_connections--;
    g_free(c);
}

void dmashare_server_client_drop(DmashareServerClient *c, const char *why)
{
    client_detach(c, why);
    client_free(c);
}

/* An error that is the last thing it hears. */
static void G_GNUC_PRINTF(4, 5)
client_refuse(DmashareServerClient *c, uint32_t serial, int error,
              const char *fmt, ...)
{
    g_autofree char *why = NULL;
    struct dmashare_msg msg;
    va_list ap;

    if (c->hello_tag) {
        g_source_remove(c->hello_tag);
        c->hello_tag = 0;
    }
    va_start(ap, fmt);
    why = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (c->client) {
        dmashare_server_warn(c->server, "client %" PRIu32 " (process %" PRIu32
                             ") is disconnected: %s", c->client->number,
                             c->pid, why);
        client_detach(c, why);
    } else {
        dmashare_server_warn(c->server, "process %" PRIu32 " of user %" PRIu32
                             " is refused: %s", c->pid, c->uid, why);
        trace_dmashare_client_refused(c->pid, c->uid, error, why);
        client_notify(c, DMASHARE_CLIENT_STATE_REFUSED, why);
    }
    dmashare_wire_error(&msg, serial, error, "%s", why);
    dmashare_wire_send(c->wire, &msg, NULL, 0);
    dmashare_wire_finish(c->wire);
}

static gboolean client_silent(void *opaque)
{
    DmashareServerClient *c = opaque;

    c->hello_tag = 0;
    client_refuse(c, 0, ETIMEDOUT, "it has not said HELLO within %d s",
                  HELLO_MS / 1000);
    return G_SOURCE_REMOVE;
}

/*
 * Out
 */

static void client_pump(void *opaque)
{
    DmashareServerClient *c = opaque;
    struct dmashare_msg msg;

    if (!c->client) {
        return;
    }
    dmashare_core_enter(c->server->core);
    while (dmashare_wire_room(c->wire) > ANSWER_ROOM &&
           dmashare_share_client_next(c->client, &msg)) {
        dmashare_wire_send(c->wire, &msg, NULL, 0);
    }
    dmashare_core_leave(c->server->core, false);
}

static void client_kick(void *opaque)
{
    DmashareServerClient *c = opaque;

    qemu_bh_schedule(c->pump);
}

static const DmashareShareClientOps client_ops = {
    .kick = client_kick,
};

/* Nobody waits for a client to read what it asked for. */
static void client_answer(DmashareServerClient *c, struct dmashare_msg *msg,
                          const int *fds, unsigned n_fds)
{
    if (!dmashare_wire_send(c->wire, msg, fds, n_fds)) {
        dmashare_server_warn(c->server, "client %" PRIu32 " (process %" PRIu32
                             ") is disconnected: it does not read its answers",
                             c->client->number, c->pid);
        dmashare_server_client_drop(c, "it does not read its answers");
    }
}

/*
 * Requests
 */

static void do_hello(DmashareServerClient *c, const struct dmashare_msg *msg,
                     struct dmashare_msg *answer)
{
    uint32_t version = le32_to_cpu(msg->hello.version);
    uint32_t serial = le32_to_cpu(msg->serial);
    DmashareServer *server = c->server;
    DmashareCore *core = server->core;
    g_autofree char *path = dmashare_core_path(core);
    const char *id = dmashare_core_id(core);

    c->said = true;
    g_source_remove(c->hello_tag);
    c->hello_tag = 0;
    memcpy(c->name, msg->hello.name, DMASHARE_NAME_LEN);
    if (le32_to_cpu(msg->hello.magic) != DMASHARE_MSG_MAGIC) {
        client_refuse(c, 0, EPROTO, "it does not speak this protocol");
        return;
    }
    if (!c->permitted) {
        client_refuse(c, serial, EACCES, "user %" PRIu32 " is not served",
                      c->uid);
        return;
    }
    if (version >> 16 != DMASHARE_PROTOCOL_MAJOR) {
        client_refuse(c, serial, EPROTONOSUPPORT, "it speaks version %" PRIu32
                      " of the protocol, not %d", version >> 16,
                      DMASHARE_PROTOCOL_MAJOR);
        return;
    }
    if (server->n_clients >= core->cfg.share_max_clients) {
        client_refuse(c, serial, EUSERS, "there are %u clients already",
                      server->n_clients);
        return;
    }

    version = MIN(version & 0xffff, DMASHARE_PROTOCOL_MINOR);
    answer->type = cpu_to_le32(DMASHARE_MSG_WELCOME);
    answer->welcome.magic = cpu_to_le32(DMASHARE_MSG_MAGIC);
    answer->welcome.version = cpu_to_le32(DMASHARE_PROTOCOL_MAJOR << 16 |
                                          version);
    answer->welcome.instance = cpu_to_le64(server->instance);
    answer->welcome.max_open = cpu_to_le32(DMASHARE_MAX_OPEN);
    answer->welcome.max_holds = cpu_to_le32(DMASHARE_MAX_CLIENT_HOLDS);
    strpadcpy((char *)answer->welcome.device, DMASHARE_NAME_LEN,
              id ? id : path, 0);
    dmashare_wire_send(c->wire, answer, NULL, 0);

    dmashare_core_enter(core);
    c->client = dmashare_share_client_new(&core->shares, &client_ops, c);
    dmashare_core_leave(core, false);
    server->n_clients++;
    trace_dmashare_client(c->client->number, c->pid, c->uid, c->name);
    client_notify(c, DMASHARE_CLIENT_STATE_CONNECTED, NULL);
}

static int do_open(DmashareServerClient *c, const struct dmashare_msg *msg,
                   struct dmashare_msg *answer, int *fds, unsigned *n_fds,
                   Error **errp)
{
    answer->type = cpu_to_le32(DMASHARE_MSG_OPENED);
    return dmashare_share_client_open(c->client, le32_to_cpu(msg->open.share),
                                      le32_to_cpu(msg->open.generation),
                                      le32_to_cpu(msg->open.flags),
                                      &answer->opened, fds, n_fds, errp);
}

static int do_acquire(DmashareServerClient *c, const struct dmashare_msg *msg,
                      struct dmashare_msg *answer, int *fds, unsigned *n_fds,
                      Error **errp)
{
    uint32_t hold;
    int error;

    error = dmashare_share_client_acquire(c->client,
                                          le32_to_cpu(msg->acquire.share),
                                          le32_to_cpu(msg->acquire.flags),
                                          le64_to_cpu(msg->acquire.deadline),
                                          &hold, fds, errp);
    if (!error) {
        *n_fds = fds[0] >= 0;
        answer->type = cpu_to_le32(DMASHARE_MSG_ACQUIRED);
        answer->hold.share = msg->acquire.share;
        answer->hold.hold = cpu_to_le32(hold);
    }
    return error;
}

static int do_request(DmashareServerClient *c, const struct dmashare_msg *msg,
                      struct dmashare_msg *answer, int *fds, unsigned *n_fds,
                      Error **errp)
{
    switch (le32_to_cpu(msg->type)) {
    case DMASHARE_MSG_OPEN:
        return do_open(c, msg, answer, fds, n_fds, errp);
    case DMASHARE_MSG_CLOSE:
        return dmashare_share_client_close(c->client,
                                           le32_to_cpu(msg->share.share),
                                           errp);
    case DMASHARE_MSG_SUBSCRIBE:
        return dmashare_share_client_subscribe(
            c->client, le32_to_cpu(msg->subscribe.share),
            le32_to_cpu(msg->subscribe.on), errp);
    case DMASHARE_MSG_ACQUIRE:
        return do_acquire(c, msg, answer, fds, n_fds, errp);
    default:
        return dmashare_share_client_release(c->client,
                                             le32_to_cpu(msg->release.hold),
                                             le32_to_cpu(msg->release.error),
                                             errp);
    }
}

/* What a well-formed request can still have wrong without asking for much. */
static const char *request_check(DmashareServerClient *c,
                                 const struct dmashare_msg *msg)
{
    uint32_t type = le32_to_cpu(msg->type);

    if ((type == DMASHARE_MSG_HELLO) == c->said) {
        return c->said ? "it has said HELLO before"
                       : "it has not said HELLO first";
    }
    switch (type) {
    case DMASHARE_MSG_OPEN:
        if (le32_to_cpu(msg->open.flags) & ~DMASHARE_OPEN_F_WRITE) {
            return "flags of OPEN that there are not";
        }
        break;
    case DMASHARE_MSG_SUBSCRIBE:
        if (le32_to_cpu(msg->subscribe.on) > 1) {
            return "SUBSCRIBE is on or off, 1 or 0";
        }
        break;
    case DMASHARE_MSG_ACQUIRE:
        if (le32_to_cpu(msg->acquire.flags) &
            ~(DMASHARE_ACQUIRE_F_WRITE | DMASHARE_ACQUIRE_F_WAIT |
              DMASHARE_ACQUIRE_F_FD)) {
            return "flags of ACQUIRE that there are not";
        }
        break;
    }
    return NULL;
}

/*
 * In. Of the server's messages none has a descriptor for us, so that @n_fds
 * is 0.
 */
static void client_message(void *opaque, const struct dmashare_msg *msg,
                           const int *fds, unsigned n_fds)
{
    DmashareServerClient *c = opaque;
    uint32_t serial = le32_to_cpu(msg->serial);
    const char *why = request_check(c, msg);
    g_autoptr(Error) err = NULL;
    int out[DMASHARE_WIRE_FDS];
    struct dmashare_msg answer;
    unsigned n_out = 0;
    int error;

    if (why) {
        client_refuse(c, 0, EPROTO, "%s", why);
        return;
    }
    dmashare_wire_init(&answer, DMASHARE_MSG_DONE, serial);
    if (!c->client) {
        do_hello(c, msg, &answer);
        return;
    }
    dmashare_core_enter(c->server->core);
    error = do_request(c, msg, &answer, out, &n_out, &err);
    dmashare_core_leave(c->server->core, false);
    if (error) {
        dmashare_wire_error(&answer, serial, error, "%s",
                            error_get_pretty(err));
    }
    trace_dmashare_client_request(c->client->number, le32_to_cpu(msg->type),
                                  error);
    client_answer(c, &answer, out, n_out);
}

static void client_room(void *opaque)
{
    client_kick(opaque);
}

static void client_broken(void *opaque, const char *why)
{
    client_refuse(opaque, 0, EPROTO, "%s", why);
}

static void client_closed(void *opaque, const char *why)
{
    dmashare_server_client_drop(opaque, why);
}

static const DmashareWireOps client_wire_ops = {
    .message = client_message,
    .room = client_room,
    .closed = client_closed,
    .broken = client_broken,
};

/*
 * Life
 */

static void client_credentials(DmashareServerClient *c, QIOChannelSocket *sioc)
{
    struct ucred cred = { .uid = DMASHARE_SERVER_NO_UID };
    socklen_t len = sizeof(cred);

    if (getsockopt(sioc->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
        c->permitted = cred.uid == geteuid() ||
                       (cred.uid == c->server->uid &&
                        cred.uid != DMASHARE_SERVER_NO_UID);
    }
    c->pid = cred.pid;
    c->uid = cred.uid;
}

/* It is told why, if it can be told at once, and nothing is kept of it. */
static void server_full(DmashareServer *server, QIOChannelSocket *sioc)
{
    struct dmashare_msg msg;

    dmashare_server_warn(server, "a connection is refused: there are %u "
                         "already", server->n_connections);
    dmashare_wire_error(&msg, 0, EUSERS, "the server has %u connections "
                        "already", server->n_connections);
    if (qio_channel_set_blocking(QIO_CHANNEL(sioc), false, NULL) == 0) {
        qio_channel_write(QIO_CHANNEL(sioc), (char *)&msg, sizeof(msg), NULL);
    }
}

void dmashare_server_client_new(DmashareServer *server, QIOChannelSocket *sioc)
{
    DmashareServerClient *c;

    if (server->n_connections >= server->core->cfg.share_max_clients +
                                 DMASHARE_SERVER_STRANGERS) {
        server_full(server, sioc);
        return;
    }
    c = g_new0(DmashareServerClient, 1);
    c->server = server;
    client_credentials(c, sioc);
    c->pump = qemu_bh_new(client_pump, c);
    c->wire = dmashare_wire_new(sioc, DMASHARE_WIRE_SERVER, &client_wire_ops,
                                c);
    c->hello_tag = g_timeout_add(HELLO_MS, client_silent, c);
    QTAILQ_INSERT_TAIL(&server->clients, c, link);
    server->n_connections++;
}
