// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what is shared outside of the VM
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "hw/dmashare/share-room.h"
#include "trace.h"

DmashareShare *dmashare_share_find(DmashareShares *shares, uint32_t buffer)
{
    return g_hash_table_lookup(shares->by_buffer, GUINT_TO_POINTER(buffer));
}

void dmashare_share_record(const DmashareShareView *view,
                           DmashareOperation operation, uint64_t arg,
                           uint32_t error)
{
    DmashareJournalRecord record =
        DMASHARE_RECORD(operation, DMASHARE_ACTOR_CLIENT);

    if (error) {
        record.status = DMASHARE_STATUS_COMMANDED;
        record.error = error;
    }
    record.arg = arg;
    record.buffer = view->share->what.buffer;
    record.object = view->client->number;
    dmashare_journal_add(view->client->shares->journal, &record);
}

/*
 * Pages that are not shared any more, and that the driver may want to discard
 */

static DmashareShareRetired *retired_find(DmashareShares *shares,
                                          uint32_t buffer)
{
    DmashareShareRetired *ret;

    QTAILQ_FOREACH(ret, &shares->retired, link) {
        if (ret->buffer == buffer) {
            return ret;
        }
    }
    return NULL;
}

static DmasharePages *retired_take(DmashareShares *shares,
                                   DmashareShareRetired *ret)
{
    DmasharePages *pages = ret->pages;

    QTAILQ_REMOVE(&shares->retired, ret, link);
    shares->n_retired--;
    g_free(ret);
    return pages;
}

static void retired_forget(DmashareShares *shares, uint32_t buffer)
{
    DmashareShareRetired *ret = retired_find(shares, buffer);

    if (ret) {
        dmashare_pages_unref(retired_take(shares, ret));
    }
}

static void retired_add(DmashareShares *shares, const DmashareShare *share)
{
    DmashareShareRetired *ret;

    if (shares->n_retired >= shares->limits.max_shares) {
        ret = QTAILQ_FIRST(&shares->retired);
        dmashare_pages_unref(retired_take(shares, ret));
    }
    ret = g_new0(DmashareShareRetired, 1);
    ret->buffer = share->what.buffer;
    ret->mapping = share->what.mapping;
    ret->pages = dmashare_pages_ref(share->pages);
    QTAILQ_INSERT_TAIL(&shares->retired, ret, link);
    shares->n_retired++;
}

DmasharePages *dmashare_share_retired(DmashareShares *shares, uint32_t buffer)
{
    DmashareShareRetired *ret = retired_find(shares, buffer);

    return ret ? retired_take(shares, ret) : NULL;
}

/*
 * SHARE
 */

uint16_t dmashare_share_check(DmashareShares *shares,
                              const DmashareShareRequest *req,
                              DmashareMapping **out)
{
    DmashareBuffer *buf = dmashare_buffer_find(shares->buffers, req->buffer);
    DmashareMapping *map = dmashare_mapping_find(shares->mappings,
                                                 req->mapping);
    DmashareShare *share = dmashare_share_find(shares, req->buffer);

    if (!buf || !map || map->buffer != buf) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (share && share->pages) {
        return DMASHARE_STATUS_ID_EXISTS;
    }
    if (map->length > shares->limits.max_size ||
        (share ? share->generation == UINT32_MAX :
         shares->next_share == UINT32_MAX ||
         g_hash_table_size(shares->by_buffer) >= shares->limits.max_shares)) {
        return DMASHARE_STATUS_LIMIT;
    }
    if (buf->flags & DMASHARE_BUFFER_F_IMPORTED) {
        return DMASHARE_STATUS_NOT_SHAREABLE;
    }
    *out = map;
    return DMASHARE_STATUS_OK;
}

static DmashareShare *share_new(DmashareShares *shares, uint32_t buffer)
{
    DmashareShare *share = g_new0(DmashareShare, 1);
    DmashareShareClient *client;

    share->id = shares->next_share++;
    share->what.buffer = buffer;
    QTAILQ_INIT(&share->views);
    g_hash_table_insert(shares->by_buffer, GUINT_TO_POINTER(buffer), share);
    QTAILQ_INSERT_TAIL(&shares->all, share, link);
    QTAILQ_FOREACH(client, &shares->clients, link) {
        dmashare_share_view_new(client, share);
    }
    return share;
}

uint32_t dmashare_share_commit(DmashareShares *shares,
                               const DmashareShareRequest *req,
                               DmasharePages *pages)
{
    DmashareShare *share = dmashare_share_find(shares, req->buffer);
    DmashareShareView *view;

    if (!share) {
        share = share_new(shares, req->buffer);
    }
    share->generation++;
    share->what = *req;
    if (buffer_is_zero(req->name, sizeof(req->name))) {
        memcpy(share->what.name,
               dmashare_buffer_find(shares->buffers, req->buffer)->name,
               sizeof(share->what.name));
    }
    retired_forget(shares, req->buffer);
    share->size = pages->size;
    share->pages = pages;
    share->closing = false;
    trace_dmashare_share(share->id, share->generation, req->buffer,
                         req->mapping, share->size, pages->path);
    QTAILQ_FOREACH(view, &share->views, link) {
        view->tell_announce = true;
        dmashare_share_view_pending(view);
    }
    return share->id;
}

/*
 * UNSHARE
 */

void dmashare_share_stop(DmashareShares *shares, DmashareShare *share)
{
    share->closing = true;
    dmashare_share_hold_cancel(shares, share);
}

void dmashare_share_withdraw(DmashareShares *shares, DmashareShare *share,
                             enum dmashare_withdraw_reason reason)
{
    bool cut = share->pages && share->pages->cut;
    DmashareShareView *view, *next;

    trace_dmashare_share_withdraw(share->id, share->generation, reason, cut);
    dmashare_share_stop(shares, share);
    dmashare_pages_unref(share->pages);
    share->pages = NULL;
    QTAILQ_FOREACH_SAFE(view, &share->views, link, next) {
        dmashare_share_view_withdraw(view, reason, cut);
    }
    if (reason != DMASHARE_WITHDRAW_MOVED) {
        g_hash_table_remove(shares->by_buffer,
                            GUINT_TO_POINTER(share->what.buffer));
        QTAILQ_REMOVE(&shares->all, share, link);
        g_free(share);
    }
}

void dmashare_share_retire(DmashareShares *shares, DmashareShare *share)
{
    if (share->pages) {
        retired_add(shares, share);
    }
    dmashare_share_withdraw(shares, share, DMASHARE_WITHDRAW_RELEASED);
}

void dmashare_share_unmapped(DmashareShares *shares,
                             const DmashareMapping *map)
{
    DmashareShare *share = dmashare_share_find(shares, map->buffer->id);
    DmashareShareRetired *ret = retired_find(shares, map->buffer->id);

    if (ret && ret->mapping == map->id) {
        retired_forget(shares, ret->buffer);
    }
    if (share && share->pages && share->what.mapping == map->id) {
        dmashare_share_withdraw(shares, share, DMASHARE_WITHDRAW_MOVED);
    }
}

void dmashare_share_destroyed(DmashareShares *shares, uint32_t buffer)
{
    DmashareShare *share = dmashare_share_find(shares, buffer);

    retired_forget(shares, buffer);
    if (share) {
        dmashare_share_withdraw(shares, share, DMASHARE_WITHDRAW_RELEASED);
    }
}

/*
 * Life
 */

void dmashare_shares_init(DmashareShares *shares)
{
    shares->by_buffer = g_hash_table_new(NULL, NULL);
    shares->holds = g_hash_table_new(NULL, NULL);
    shares->publications = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&shares->all);
    QTAILQ_INIT(&shares->clients);
    QTAILQ_INIT(&shares->asking);
    QTAILQ_INIT(&shares->done);
    QTAILQ_INIT(&shares->retired);
    shares->alarm = INT64_MAX;
    shares->next_share = 1;
    shares->next_hold = DMASHARE_HOLD_DEVICE;
    shares->next_client = 1;
    shares->source.next = dmashare_share_hold_next_event;
    shares->source.opaque = shares;
    dmashare_events_add_source(shares->events, &shares->source);
}

void dmashare_shares_reset(DmashareShares *shares)
{
    DmashareShare *share, *next;

    QTAILQ_FOREACH_SAFE(share, &shares->all, link, next) {
        dmashare_share_withdraw(shares, share, DMASHARE_WITHDRAW_RESET);
    }
    while (!QTAILQ_EMPTY(&shares->retired)) {
        DmashareShareRetired *ret = QTAILQ_FIRST(&shares->retired);

        dmashare_pages_unref(retired_take(shares, ret));
    }
}

void dmashare_shares_destroy(DmashareShares *shares)
{
    dmashare_shares_reset(shares);
    assert(QTAILQ_EMPTY(&shares->clients));
    g_hash_table_destroy(shares->by_buffer);
    g_hash_table_destroy(shares->holds);
    g_hash_table_destroy(shares->publications);
}
