// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: QMP commands: buffers of another VM
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

QEMU_BUILD_BUG_ON((int)DMASHARE_PEER_STATE_AWAY != DMASHARE_PEER_AWAY);
QEMU_BUILD_BUG_ON((int)DMASHARE_PEER_STATE_READY != DMASHARE_PEER_READY);

static DmashareForeignInfo *foreign_info(const DmashareForeign *f)
{
    DmashareForeignInfo *info = g_new0(DmashareForeignInfo, 1);
    const DmasharePeerHold *hold;

    info->id = f->info.id;
    info->share = f->info.share;
    info->generation = f->info.generation;
    info->name = g_strndup((const char *)f->info.name, DMASHARE_NAME_LEN);
    info->size = f->info.size;
    info->writable = f->info.flags & DMASHARE_PEER_F_WRITE;
    info->withdrawn = !f->offer;
    info->refused = f->offer ? g_strdup(f->offer->pages->refused) : NULL;
    info->has_offset = f->mapped;
    info->offset = f->mapped ? f->place.node.start : 0;
    info->subscribed = f->offer && f->offer->subscribed;
    QLIST_FOREACH(hold, &f->holds, of) {
        info->holds++;
    }
    info->sequence = f->info.sequence;
    info->fourcc = f->info.fourcc;
    info->width = f->info.width;
    info->height = f->info.height;
    info->stride = f->info.stride;
    return info;
}

static gint by_id(gconstpointer a, gconstpointer b)
{
    const DmashareForeign *const *f = a, *const *g = b;

    return (*f)->info.id < (*g)->info.id ? -1 : 1;
}

DmasharePeersInfo *qmp_query_dmashare_peers(const char *path, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    g_autoptr(GPtrArray) foreign = NULL;
    DmashareForeignInfoList **tail;
    DmasharePeersInfo *info;
    const DmasharePeer *peer;
    GHashTableIter iter;
    gpointer f;

    if (!core) {
        return NULL;
    }
    peer = &core->peer;
    if (!peer->address) {
        DMASHARE_EXPECTS(errp, "path", "a device with property 'peer'");
        return NULL;
    }
    info = g_new0(DmasharePeersInfo, 1);
    info->address = g_strdup(peer->address);
    info->state = (DmasharePeerState)peer->phase;
    info->device = g_strdup(peer->device);
    info->why = g_strdup(peer->why);
    info->shares = g_hash_table_size(peer->offers);
    foreign = g_ptr_array_new();
    g_hash_table_iter_init(&iter, peer->foreign);
    while (g_hash_table_iter_next(&iter, NULL, &f)) {
        g_ptr_array_add(foreign, f);
    }
    g_ptr_array_sort(foreign, by_id);
    tail = &info->buffers;
    for (unsigned i = 0; i < foreign->len; i++) {
        QAPI_LIST_APPEND(tail, foreign_info(foreign->pdata[i]));
    }
    return info;
}
