// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the share server
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/guest-random.h"
#include "qemu/sockets.h"
#include "qapi/error.h"
#include "system/system.h"
#include "hw/dmashare/server.h"
#include "trace.h"

/* Lines about clients in a second of real time. */
#define WARN_MAX        5

void dmashare_server_warn(DmashareServer *server, const char *fmt, ...)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    g_autofree char *text = NULL;
    va_list ap;

    if (now - server->warned_at >= 1000) {
        if (server->unwarned) {
            warn_report("dmashare: share server %s: %u more such lines",
                        server->path, server->unwarned);
        }
        server->warned_at = now;
        server->warned = 0;
        server->unwarned = 0;
    }
    if (server->warned >= WARN_MAX) {
        server->unwarned++;
        return;
    }
    server->warned++;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    warn_report("dmashare: share server %s: %s", server->path, text);
}

static void server_accept(QIONetListener *listener, QIOChannelSocket *sioc,
                          gpointer opaque)
{
    dmashare_server_client_new(opaque, sioc);
}

/* Does somebody listen there? Asked without waiting for an answer. */
static bool socket_lives(const struct sockaddr_un *addr)
{
    int fd = qemu_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bool lives = fd >= 0 &&
                 (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
                  errno == EAGAIN);

    if (fd >= 0) {
        close(fd);
    }
    return lives;
}

/* What is in the way may be a socket that somebody left, and nothing else. */
static bool server_clear(const char *path, Error **errp)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct stat st;

    if (strlen(path) >= sizeof(addr.sun_path)) {
        error_setg(errp, "dmashare: property 'share': the path '%s' is longer "
                   "than %zu bytes", path, sizeof(addr.sun_path) - 1);
        return false;
    }
    strcpy(addr.sun_path, path);
    if (lstat(path, &st) < 0) {
        return true;
    }
    if (!S_ISSOCK(st.st_mode)) {
        error_setg(errp, "dmashare: property 'share': '%s' exists and is not "
                   "a socket", path);
        return false;
    }
    if (socket_lives(&addr)) {
        error_setg(errp, "dmashare: property 'share': somebody listens on "
                   "'%s' already", path);
        return false;
    }
    return true;
}

/* The socket is its owner's from the first moment on. */
static bool server_listen(DmashareServer *server, SocketAddress *addr,
                          Error **errp)
{
    mode_t mask = umask(0177);
    bool ok = !qio_net_listener_open_sync(server->listener, addr,
                                          DMASHARE_SERVER_STRANGERS, errp);

    umask(mask);
    if (!ok) {
        error_prepend(errp, "dmashare: property 'share': ");
        return false;
    }
    if (server->uid != DMASHARE_SERVER_NO_UID && server->uid != geteuid() &&
        chown(server->path, server->uid, -1) < 0) {
        error_setg_errno(errp, errno, "dmashare: property 'share-uid': the "
                         "socket '%s' cannot be given to user %" PRIu32,
                         server->path, server->uid);
        return false;
    }
    return true;
}

static void server_exit(Notifier *notifier, void *data)
{
    DmashareServer *server = container_of(notifier, DmashareServer, exit);

    unlink(server->path);
}

DmashareServer *dmashare_server_new(DmashareCore *core, const char *address,
                                    uint32_t uid, Error **errp)
{
    g_autoptr(SocketAddress) addr = NULL;
    DmashareServer *server;

    if (!g_str_has_prefix(address, "unix:") || !address[strlen("unix:")]) {
        error_setg(errp, "dmashare: property 'share' is '%s'; expected is "
                   "unix:PATH", address);
        return NULL;
    }
    addr = socket_parse(address, errp);
    if (!addr || !server_clear(addr->u.q_unix.path, errp)) {
        return NULL;
    }

    server = g_new0(DmashareServer, 1);
    server->core = core;
    server->path = g_strdup(addr->u.q_unix.path);
    server->uid = uid;
    server->warned_at = INT64_MIN / 2;
    QTAILQ_INIT(&server->clients);
    server->listener = qio_net_listener_new();
    qio_net_listener_set_name(server->listener, "dmashare-share");
    qemu_guest_getrandom_nofail(&server->instance, sizeof(server->instance));
    server->exit.notify = server_exit;
    qemu_add_exit_notifier(&server->exit);
    if (!server_listen(server, addr, errp)) {
        dmashare_server_free(server);
        return NULL;
    }
    trace_dmashare_server(server->path);
    qio_net_listener_set_client_func(server->listener, server_accept, server,
                                     NULL);
    return server;
}

void dmashare_server_free(DmashareServer *server)
{
    DmashareServerClient *c, *next;

    if (!server) {
        return;
    }
    qio_net_listener_disconnect(server->listener);
    object_unref(OBJECT(server->listener));
    QTAILQ_FOREACH_SAFE(c, &server->clients, link, next) {
        dmashare_server_client_drop(c, "the device goes");
    }
    qemu_remove_exit_notifier(&server->exit);
    g_free(server->path);
    g_free(server);
}
