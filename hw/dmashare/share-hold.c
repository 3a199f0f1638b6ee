// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: who holds what is shared
 *
 * A hold has two ends: the driver's, which is over when it is refused, was
 * waited for, or SHARE_DONE is due for it; and the client's, which lasts until
 * the client has been told so or has let go of it.
 */
#include "qemu/osdep.h"
#include "hw/dmashare/share-room.h"
#include "trace.h"

/*
 * Time
 */

static void alarm_at(DmashareShares *shares, int64_t when)
{
    if (when < shares->alarm) {
        shares->alarm = when;
        shares->ops->alarm(shares->opaque, when);
    }
}

/*
 * What the driver is to be told
 */

/* Unlike the hold itself it does not depend on the client any more. */
static void done_add(DmashareShares *shares, uint32_t buffer, uint32_t hold,
                     uint16_t status, uint32_t error)
{
    DmashareShareDone *done = g_new0(DmashareShareDone, 1);

    done->buffer = buffer;
    done->hold = hold;
    done->status = status;
    done->error = error;
    QTAILQ_INSERT_TAIL(&shares->done, done, next);
    shares->n_holds++;
    dmashare_events_kick(shares->events);
}

static void done_free(DmashareShares *shares, DmashareShareDone *done)
{
    QTAILQ_REMOVE(&shares->done, done, next);
    shares->n_holds--;
    g_free(done);
}

/*
 * Ends come first: then no more of them can wait than there were holds that
 * the driver was told of.
 */
bool dmashare_share_hold_next_event(void *opaque, DmashareEvent *event)
{
    DmashareShares *shares = opaque;
    DmashareShareDone *done = QTAILQ_FIRST(&shares->done);
    DmashareShareHold *hold = QTAILQ_FIRST(&shares->asking);

    if (done) {
        event->type = DMASHARE_EVENT_SHARE_DONE;
        event->status = done->status;
        event->buffer = done->buffer;
        event->mapping = done->hold;
        event->offset = done->error;
        done_free(shares, done);
        return true;
    }
    if (hold) {
        QTAILQ_REMOVE(&shares->asking, hold, asking);
        hold->asked = true;
        event->type = DMASHARE_EVENT_SHARE_ACQUIRE;
        event->buffer = hold->view->share->what.buffer;
        event->mapping = hold->id;
        event->offset = hold->deadline;
        event->flags =
            (hold->flags & DMASHARE_ACQUIRE_F_WRITE ? DMASHARE_EVENT_F_WRITE
                                                    : 0) |
            (hold->flags & DMASHARE_ACQUIRE_F_WAIT ? DMASHARE_EVENT_F_WAIT
                                                   : 0);
        return true;
    }
    return false;
}

/*
 * Holds
 */

static DmashareShares *shares_of(const DmashareShareHold *hold)
{
    return hold->view->client->shares;
}

/* Not the driver's: those it has the number of, or is to be given it. */
static uint32_t hold_number(DmashareShares *shares)
{
    uint32_t id;

    do {
        id = shares->next_hold++;
        if (shares->next_hold == DMASHARE_NO_ID) {
            shares->next_hold = DMASHARE_HOLD_DEVICE;
        }
    } while (g_hash_table_contains(shares->holds, GUINT_TO_POINTER(id)));
    return id;
}

static DmashareShareHold *hold_add(DmashareShareView *view,
                                   DmasharePublication *publication)
{
    DmashareShares *shares = view->client->shares;
    DmashareShareHold *hold = g_new0(DmashareShareHold, 1);

    hold->id = hold_number(shares);
    hold->view = view;
    hold->publication = publication;
    hold->expires = INT64_MAX;
    hold->fd = -1;
    g_hash_table_insert(shares->holds, GUINT_TO_POINTER(hold->id), hold);
    QTAILQ_INSERT_TAIL(&view->holds, hold, link);
    return hold;
}

DmashareShareHold *dmashare_share_hold_new(DmashareShareView *view,
                                           uint32_t flags, uint64_t deadline,
                                           int fd)
{
    DmashareShares *shares = view->client->shares;
    DmashareShareHold *hold = hold_add(view, NULL);

    hold->flags = flags;
    hold->deadline = deadline;
    hold->fd = fd;
    hold->told = true;
    view->client->n_holds++;
    view->client->n_fds += fd >= 0;
    shares->n_holds++;
    QTAILQ_INSERT_TAIL(&shares->asking, hold, asking);
    trace_dmashare_share_hold(hold->id, view->client->number, view->id, flags,
                              deadline);
    dmashare_share_record(view, DMASHARE_OPERATION_SHARE_ACQUIRE, hold->id, 0);
    dmashare_events_kick(shares->events);
    return hold;
}

/*
 * The pipe is empty but for what its reader put there himself, and we do not
 * wait for him to make room.
 */
static void hold_tell_fd(DmashareShareHold *hold, uint32_t error)
{
    uint32_t news = cpu_to_le32(error);

    if (hold->fd >= 0) {
        if (write(hold->fd, &news, sizeof(news)) != sizeof(news)) {
            trace_dmashare_share_pipe(hold->id, errno);
        }
        close(hold->fd);
        hold->fd = -1;
        hold->view->client->n_fds--;
    }
}

static void hold_free(DmashareShareHold *hold)
{
    DmashareShareView *view = hold->view;

    if (QTAILQ_IN_USE(hold, pending)) {
        QTAILQ_REMOVE(&view->client->pending_holds, hold, pending);
    }
    if (view->content == hold) {
        view->content = NULL;
    }
    if (!hold->publication) {
        view->client->n_holds--;
    }
    if (hold->fd >= 0) {
        close(hold->fd);
        view->client->n_fds--;
    }
    QTAILQ_REMOVE(&view->holds, hold, link);
    g_hash_table_remove(shares_of(hold)->holds, GUINT_TO_POINTER(hold->id));
    g_free(hold);
}

void dmashare_share_hold_told(DmashareShareHold *hold)
{
    if (hold->over && !hold->tell_granted && !hold->tell_ended) {
        hold_free(hold);
    }
}

/* The last one has let go of them. */
static void publication_over(DmashareShares *shares, DmasharePublication *pub,
                             bool silent)
{
    uint16_t status = pub->expired ? DMASHARE_STATUS_TIMEOUT :
                      pub->error ? DMASHARE_STATUS_COMMANDED :
                                   DMASHARE_STATUS_OK;

    pub->share->published = NULL;
    g_hash_table_remove(shares->publications, GUINT_TO_POINTER(pub->id));
    shares->n_holds--;
    if (!silent) {
        done_add(shares, pub->share->what.buffer, pub->id, status,
                 pub->expired ? ETIMEDOUT : pub->error);
    }
    g_free(pub);
}

/* The driver's end: it has no part in it any more, and hears of that or not. */
static void hold_over(DmashareShareHold *hold, uint16_t status, uint32_t error,
                      bool silent)
{
    DmashareShares *shares = shares_of(hold);
    DmasharePublication *pub = hold->publication;

    if (hold->over) {
        return;
    }
    hold->over = true;
    hold->expires = INT64_MAX;
    trace_dmashare_share_hold_over(hold->id, status, error);
    if (pub) {
        if (error && !pub->error) {
            pub->error = error;
        }
        if (!--pub->holders) {
            publication_over(shares, pub, silent);
        }
        return;
    }
    shares->n_holds--;
    if (!hold->asked) {
        QTAILQ_REMOVE(&shares->asking, hold, asking);
    } else if (!silent) {
        done_add(shares, hold->view->share->what.buffer, hold->id, status,
                 error);
    }
}

/* Not by the client: it has to be told. */
static void hold_end(DmashareShareHold *hold, uint16_t status, uint32_t error,
                     bool silent)
{
    if (hold->over) {
        return;
    }
    hold_over(hold, status, error, silent);
    if (!hold->told) {
        hold_free(hold);
        return;
    }
    hold_tell_fd(hold, error);
    hold->tell_ended = true;
    hold->ended_error = error;
    dmashare_share_hold_pending(hold);
}

void dmashare_share_hold_release(DmashareShareHold *hold, uint32_t error)
{
    bool early = !hold->publication && !hold->granted && !error;

    if (!hold->over) {
        error = early ? ECANCELED : error;
        dmashare_share_record(hold->view, DMASHARE_OPERATION_SHARE_RELEASE,
                              hold->id, error);
        hold_over(hold, error ? DMASHARE_STATUS_COMMANDED : DMASHARE_STATUS_OK,
                  error, false);
    }
    hold_free(hold);
}

void dmashare_share_hold_release_all(DmashareShareView *view, uint32_t error)
{
    DmashareShareHold *hold, *next;

    QTAILQ_FOREACH_SAFE(hold, &view->holds, link, next) {
        dmashare_share_hold_release(hold, error);
    }
}

void dmashare_share_hold_release_contents(DmashareShareView *view,
                                          uint32_t error)
{
    DmashareShareHold *hold, *next;

    QTAILQ_FOREACH_SAFE(hold, &view->holds, link, next) {
        if (hold->publication) {
            dmashare_share_hold_release(hold, error);
        }
    }
}

void dmashare_share_hold_cancel(DmashareShares *shares, DmashareShare *share)
{
    DmashareShareDone *done, *next_done;
    DmashareShareHold *hold, *next;
    DmashareShareView *view;

    QTAILQ_FOREACH(view, &share->views, link) {
        QTAILQ_FOREACH_SAFE(hold, &view->holds, link, next) {
            hold_end(hold, DMASHARE_STATUS_COMMANDED, ECANCELED, true);
        }
    }
    QTAILQ_FOREACH_SAFE(done, &shares->done, next, next_done) {
        if (done->buffer == share->what.buffer) {
            done_free(shares, done);
        }
    }
}

static void publication_expire(DmasharePublication *pub)
{
    DmashareShare *share = pub->share;
    DmashareShareHold *hold, *next;
    DmashareShareView *view;

    pub->expired = true;
    /* With its last holder the publication goes. */
    QTAILQ_FOREACH(view, &share->views, link) {
        QTAILQ_FOREACH_SAFE(hold, &view->holds, link, next) {
            if (hold->publication) {
                hold_end(hold, DMASHARE_STATUS_TIMEOUT, ETIMEDOUT, false);
            }
        }
    }
}

void dmashare_shares_expire(DmashareShares *shares)
{
    int64_t now = shares->ops->now(shares->opaque), next = INT64_MAX;
    g_autoptr(GPtrArray) expired = g_ptr_array_new();
    DmashareShareHold *hold;
    DmashareShare *share;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, shares->holds);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&hold)) {
        if (hold->expires <= now) {
            g_ptr_array_add(expired, hold);
        } else {
            next = MIN(next, hold->expires);
        }
    }
    for (unsigned i = 0; i < expired->len; i++) {
        hold_end(expired->pdata[i], DMASHARE_STATUS_TIMEOUT, ETIMEDOUT, false);
    }
    QTAILQ_FOREACH(share, &shares->all, link) {
        if (share->published && share->published->expires <= now) {
            publication_expire(share->published);
        } else if (share->published) {
            next = MIN(next, share->published->expires);
        }
    }
    shares->alarm = INT64_MAX;
    alarm_at(shares, next);
}

/*
 * GRANT
 */

/* One that the driver was asked for. */
static DmashareShareHold *hold_find(DmashareShares *shares, uint32_t id)
{
    DmashareShareHold *hold = g_hash_table_lookup(shares->holds,
                                                  GUINT_TO_POINTER(id));

    return hold && hold->asked && !hold->over ? hold : NULL;
}

uint32_t dmashare_share_hold_buffer(DmashareShares *shares, uint32_t id)
{
    DmashareShareHold *hold = hold_find(shares, id);

    return hold ? hold->view->share->what.buffer : DMASHARE_NO_ID;
}

uint16_t dmashare_share_grant(DmashareShares *shares, uint32_t id,
                              uint32_t error)
{
    DmashareShareHold *hold = hold_find(shares, id);

    if (error > 4095) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (!hold) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (hold->granted) {
        return DMASHARE_STATUS_BUSY;
    }
    trace_dmashare_share_grant(id, error);
    hold->tell_granted = true;
    hold->granted_error = error;
    hold->granted_sequence = hold->view->share->sequence;
    hold_tell_fd(hold, error);
    if (error || hold->flags & DMASHARE_ACQUIRE_F_WAIT) {
        hold_over(hold, DMASHARE_STATUS_OK, 0, true);
    } else {
        hold->granted = true;
        hold->expires = shares->ops->now(shares->opaque) + hold->deadline;
        alarm_at(shares, hold->expires);
    }
    dmashare_share_hold_pending(hold);
    return DMASHARE_STATUS_OK;
}

/*
 * PUBLISH
 */

static bool publish_id_used(DmashareShares *shares, uint32_t id)
{
    DmashareShareDone *done;

    if (g_hash_table_contains(shares->publications, GUINT_TO_POINTER(id))) {
        return true;
    }
    QTAILQ_FOREACH(done, &shares->done, next) {
        if (done->hold == id) {
            return true;
        }
    }
    return false;
}

static bool has_subscribers(const DmashareShare *share)
{
    DmashareShareView *view;

    QTAILQ_FOREACH(view, &share->views, link) {
        if (view->subscribed) {
            return true;
        }
    }
    return false;
}

uint16_t dmashare_share_publish(DmashareShares *shares, uint32_t buffer,
                                uint32_t id, uint64_t sequence,
                                uint64_t deadline, uint32_t *holders)
{
    DmashareShare *share = dmashare_share_find(shares, buffer);
    bool wanted = share && has_subscribers(share);
    DmasharePublication *pub;
    DmashareShareView *view;

    if (!sequence) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!share || !share->pages || !id || id >= DMASHARE_HOLD_DEVICE) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (!deadline || deadline > DMASHARE_MAX_HOLD_NS) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (publish_id_used(shares, id)) {
        return DMASHARE_STATUS_ID_EXISTS;
    }
    if (share->published) {
        return DMASHARE_STATUS_BUSY;
    }
    if (wanted && shares->n_holds >= shares->limits.max_holds) {
        return DMASHARE_STATUS_LIMIT;
    }

    share->sequence = sequence;
    if (wanted) {
        pub = g_new0(DmasharePublication, 1);
        pub->id = id;
        pub->share = share;
        pub->expires = shares->ops->now(shares->opaque) + deadline;
        share->published = pub;
        g_hash_table_insert(shares->publications, GUINT_TO_POINTER(id), pub);
        shares->n_holds++;
        alarm_at(shares, pub->expires);
    }
    QTAILQ_FOREACH(view, &share->views, link) {
        if (view->subscribed) {
            view->content = hold_add(view, share->published);
            share->published->holders++;
        }
        view->tell_content = true;
        dmashare_share_view_pending(view);
    }
    *holders = wanted ? share->published->holders : 0;
    trace_dmashare_share_publish(share->id, id, sequence, deadline, *holders);
    return DMASHARE_STATUS_OK;
}
