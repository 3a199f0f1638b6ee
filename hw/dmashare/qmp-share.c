// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about sharing outside of the VM
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

QEMU_BUILD_BUG_ON((int)DMASHARE_SHARED_NONE != DMASHARE_PATH_NONE);
QEMU_BUILD_BUG_ON((int)DMASHARE_SHARED_UDMABUF != DMASHARE_PATH_UDMABUF);
QEMU_BUILD_BUG_ON((int)DMASHARE_SHARED_LOCAL != DMASHARE_PATH_LOCAL);
QEMU_BUILD_BUG_ON((int)DMASHARE_SHARED_GUEST != DMASHARE_PATH_GUEST);

static DmashareServer *server_find(const char *path, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareServer *server = core ? dmashare_core_server(core) : NULL;

    if (core && !server) {
        DMASHARE_EXPECTS(errp, "path", "a device with the property 'share', "
                         "which '%s' has not", path);
    }
    return server;
}

static DmashareShareInfo *share_info(const DmashareShare *share)
{
    DmashareShareInfo *info = g_new0(DmashareShareInfo, 1);
    const DmashareShareView *view;
    const DmashareShareHold *hold;

    *info = (DmashareShareInfo) {
        .share = share->id,
        .generation = share->generation,
        .buffer = share->what.buffer,
        .name = g_strndup(share->what.name, DMASHARE_NAME_LEN),
        .size = share->size,
        .via = share->pages ? share->pages->path : DMASHARE_SHARED_NONE,
        .writable = share->what.flags & DMASHARE_SHARE_WRITE,
        .fourcc = share->what.fourcc,
        .width = share->what.width,
        .height = share->what.height,
        .stride = share->what.stride,
        .sequence = share->sequence,
    };
    QTAILQ_FOREACH(view, &share->views, link) {
        info->opens += view->open;
        QTAILQ_FOREACH(hold, &view->holds, link) {
            info->holds += !hold->over;
        }
    }
    return info;
}

DmashareShareInfoList *qmp_query_dmashare_shares(const char *path,
                                                 Error **errp)
{
    DmashareServer *server = server_find(path, errp);
    DmashareShareInfoList *list = NULL, **tail = &list;
    DmashareShare *share;

    if (server) {
        QTAILQ_FOREACH(share, &server->core->shares.all, link) {
            QAPI_LIST_APPEND(tail, share_info(share));
        }
    }
    return list;
}

static DmashareClientInfo *client_info(const DmashareServerClient *c)
{
    DmashareClientInfo *info = g_new0(DmashareClientInfo, 1);

    *info = (DmashareClientInfo) {
        .client = c->client->number,
        .name = g_strdup(c->name),
        .pid = c->pid,
        .uid = c->uid,
        .opens = c->client->n_open,
        .holds = c->client->n_holds,
        .unread = DMASHARE_WIRE_QUEUE - dmashare_wire_room(c->wire),
    };
    return info;
}

DmashareClientInfoList *qmp_query_dmashare_clients(const char *path,
                                                   Error **errp)
{
    DmashareServer *server = server_find(path, errp);
    DmashareClientInfoList *list = NULL, **tail = &list;
    DmashareServerClient *c;

    if (server) {
        QTAILQ_FOREACH(c, &server->clients, link) {
            if (c->client) {
                QAPI_LIST_APPEND(tail, client_info(c));
            }
        }
    }
    return list;
}

void qmp_dmashare_client_disconnect(const char *path, uint32_t client,
                                    Error **errp)
{
    DmashareServer *server = server_find(path, errp);
    DmashareServerClient *c;

    if (!server) {
        return;
    }
    QTAILQ_FOREACH(c, &server->clients, link) {
        if (c->client && c->client->number == client) {
            dmashare_server_client_drop(c, "disconnected by command");
            return;
        }
    }
    DMASHARE_EXPECTS(errp, "client", "the number of a client; "
                     "query-dmashare-clients lists them");
}
