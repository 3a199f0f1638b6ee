// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: those outside that buffers are shared with
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "hw/dmashare/message.h"
#include "hw/dmashare/share-room.h"
#include "trace.h"

/* What a function that refuses returns: the errno, having said why. */
#define REFUSE(errp, error, fmt, ...)                   \
    (error_setg(errp, fmt, ##__VA_ARGS__), (error))

/*
 * What there is to tell
 */

static void client_kick(DmashareShareClient *client)
{
    client->ops->kick(client->opaque);
}

void dmashare_share_view_pending(DmashareShareView *view)
{
    if (!QTAILQ_IN_USE(view, pending)) {
        QTAILQ_INSERT_TAIL(&view->client->pending, view, pending);
    }
    client_kick(view->client);
}

void dmashare_share_hold_pending(DmashareShareHold *hold)
{
    DmashareShareClient *client = hold->view->client;

    if (!QTAILQ_IN_USE(hold, pending)) {
        QTAILQ_INSERT_TAIL(&client->pending_holds, hold, pending);
    }
    client_kick(client);
}

static void tell_hold(DmashareShareHold *hold, struct dmashare_msg *msg)
{
    const DmashareShareView *view = hold->view;

    if (hold->tell_granted) {
        hold->tell_granted = false;
        dmashare_wire_init(msg, DMASHARE_MSG_GRANTED, 0);
        msg->granted.share = cpu_to_le32(view->id);
        msg->granted.hold = cpu_to_le32(hold->id);
        msg->granted.error = cpu_to_le32(hold->granted_error);
        msg->granted.sequence = cpu_to_le64(hold->granted_sequence);
    } else {
        hold->tell_ended = false;
        dmashare_wire_init(msg, DMASHARE_MSG_ENDED, 0);
        msg->ended.share = cpu_to_le32(view->id);
        msg->ended.hold = cpu_to_le32(hold->id);
        msg->ended.error = cpu_to_le32(hold->ended_error);
    }
    if (!hold->tell_ended) {
        QTAILQ_REMOVE(&view->client->pending_holds, hold, pending);
    }
    dmashare_share_hold_told(hold);
}

static void tell_withdraw(DmashareShareView *view, struct dmashare_msg *msg)
{
    view->tell_withdraw = false;
    view->has_pages = false;
    dmashare_wire_init(msg, DMASHARE_MSG_WITHDRAW, 0);
    msg->withdraw.share = cpu_to_le32(view->id);
    msg->withdraw.generation = cpu_to_le32(view->generation);
    msg->withdraw.reason = cpu_to_le32(view->reason);
    msg->withdraw.flags = cpu_to_le32(view->cut ? DMASHARE_WITHDRAW_F_CUT : 0);
}

static void tell_announce(DmashareShareView *view, struct dmashare_msg *msg)
{
    const DmashareShare *share = view->share;

    view->tell_announce = false;
    view->announced = true;
    view->has_pages = share->pages;
    view->generation = share->generation;
    dmashare_wire_init(msg, DMASHARE_MSG_ANNOUNCE, 0);
    msg->announce.share = cpu_to_le32(share->id);
    msg->announce.generation = cpu_to_le32(share->generation);
    msg->announce.size = cpu_to_le64(share->size);
    msg->announce.flags =
        cpu_to_le32(share->what.flags & DMASHARE_SHARE_WRITE
                    ? DMASHARE_SHARE_F_WRITE : 0);
    msg->announce.path = cpu_to_le32(share->pages ? share->pages->path
                                                  : DMASHARE_PATH_NONE);
    msg->announce.fourcc = cpu_to_le32(share->what.fourcc);
    msg->announce.width = cpu_to_le32(share->what.width);
    msg->announce.height = cpu_to_le32(share->what.height);
    msg->announce.stride = cpu_to_le32(share->what.stride);
    msg->announce.sequence = cpu_to_le64(share->sequence);
    /* What comes after the driver's zero is no part of the name. */
    strpadcpy((char *)msg->announce.name, sizeof(msg->announce.name),
              share->what.name, 0);
}

static void tell_content(DmashareShareView *view, struct dmashare_msg *msg)
{
    DmashareShareHold *hold = view->content;
    const DmashareShare *share = view->share;
    const DmashareShares *shares = view->client->shares;

    view->tell_content = false;
    dmashare_wire_init(msg, DMASHARE_MSG_CONTENT, 0);
    msg->content.share = cpu_to_le32(share->id);
    msg->content.generation = cpu_to_le32(share->generation);
    msg->content.sequence = cpu_to_le64(share->sequence);
    if (hold) {
        int64_t left = hold->publication->expires -
                       shares->ops->now(shares->opaque);

        hold->told = true;
        view->content = NULL;
        msg->content.hold = cpu_to_le32(hold->id);
        msg->content.deadline = cpu_to_le64(MAX(left, 0));
    }
}

/* Gone, and nobody is to hear of it any more. */
static void view_free(DmashareShareView *view)
{
    if (QTAILQ_IN_USE(view, pending)) {
        QTAILQ_REMOVE(&view->client->pending, view, pending);
    }
    if (view->share) {
        QTAILQ_REMOVE(&view->share->views, view, link);
    }
    g_hash_table_remove(view->client->views, GUINT_TO_POINTER(view->id));
    g_free(view);
}

static void tell_view(DmashareShareView *view, struct dmashare_msg *msg)
{
    if (view->tell_withdraw) {
        tell_withdraw(view, msg);
    } else if (view->tell_announce) {
        tell_announce(view, msg);
    } else {
        tell_content(view, msg);
    }
    if (!view->tell_announce && !view->tell_content) {
        QTAILQ_REMOVE(&view->client->pending, view, pending);
        if (!view->share) {
            /* That was all; of its holds it was told before. */
            view_free(view);
        }
    }
}

bool dmashare_share_client_next(DmashareShareClient *client,
                                struct dmashare_msg *msg)
{
    DmashareShareHold *hold = QTAILQ_FIRST(&client->pending_holds);
    DmashareShareView *view = QTAILQ_FIRST(&client->pending);

    if (hold) {
        tell_hold(hold, msg);
        return true;
    }
    if (view) {
        tell_view(view, msg);
        return true;
    }
    if (!client->ready) {
        client->ready = true;
        dmashare_wire_init(msg, DMASHARE_MSG_READY, 0);
        return true;
    }
    return false;
}

/*
 * Views
 */

DmashareShareView *dmashare_share_view_new(DmashareShareClient *client,
                                           DmashareShare *share)
{
    DmashareShareView *view = g_new0(DmashareShareView, 1);

    view->client = client;
    view->share = share;
    view->id = share->id;
    view->tell_announce = true;
    QTAILQ_INIT(&view->holds);
    QTAILQ_INSERT_TAIL(&share->views, view, link);
    g_hash_table_insert(client->views, GUINT_TO_POINTER(view->id), view);
    dmashare_share_view_pending(view);
    return view;
}

static void view_close(DmashareShareView *view)
{
    if (view->open) {
        view->open = false;
        view->write = false;
        view->subscribed = false;
        view->client->n_open--;
    }
}

void dmashare_share_view_withdraw(DmashareShareView *view,
                                  enum dmashare_withdraw_reason reason,
                                  bool cut)
{
    bool gone = reason != DMASHARE_WITHDRAW_MOVED;

    view_close(view);
    view->tell_content = false;
    if (view->has_pages && !view->tell_withdraw) {
        view->cut = cut;
    }
    if (view->has_pages || (gone && view->announced)) {
        view->tell_withdraw = true;
        view->reason = reason;
    }
    /* Whoever knows of it is told again when it has pages. */
    view->tell_announce = !gone && !view->announced;
    if (gone) {
        QTAILQ_REMOVE(&view->share->views, view, link);
        view->share = NULL;
        if (!view->announced) {
            view_free(view);
            return;
        }
    }
    if (view->tell_withdraw || view->tell_announce) {
        dmashare_share_view_pending(view);
    } else if (QTAILQ_IN_USE(view, pending)) {
        QTAILQ_REMOVE(&view->client->pending, view, pending);
    }
}

/*
 * Requests
 */

/* The view of a share that the client has been told of. */
static int view_find(DmashareShareClient *client, uint32_t share,
                     DmashareShareView **out, Error **errp)
{
    DmashareShareView *view = g_hash_table_lookup(client->views,
                                                  GUINT_TO_POINTER(share));

    if (!view || !view->share || !view->announced) {
        return REFUSE(errp, ENOENT, "there is no share %" PRIu32, share);
    }
    *out = view;
    return 0;
}

static int view_find_open(DmashareShareClient *client, uint32_t share,
                          DmashareShareView **out, Error **errp)
{
    int error = view_find(client, share, out, errp);

    if (!error && !(*out)->open) {
        return REFUSE(errp, ENOENT, "share %" PRIu32 " is not open", share);
    }
    return error;
}

static int open_permitted(DmashareShareView *view, uint32_t generation,
                          bool write, Error **errp)
{
    DmashareShare *share = view->share;

    if (generation != share->generation) {
        return REFUSE(errp, ESTALE, "share %" PRIu32 " has generation %" PRIu32
                      ", not %" PRIu32, share->id, share->generation,
                      generation);
    }
    if (!share->pages || share->closing) {
        return REFUSE(errp, EAGAIN, "share %" PRIu32 " has no pages at present",
                      share->id);
    }
    if (write && !(share->what.flags & DMASHARE_SHARE_WRITE)) {
        return REFUSE(errp, EACCES, "share %" PRIu32 " can only be read",
                      share->id);
    }
    if (view->open) {
        return REFUSE(errp, EBUSY, "share %" PRIu32 " is open already",
                      share->id);
    }
    if (view->client->n_open >= DMASHARE_MAX_OPEN) {
        return REFUSE(errp, EMFILE, "%d shares are open already",
                      DMASHARE_MAX_OPEN);
    }
    return 0;
}

int dmashare_share_client_open(DmashareShareClient *client, uint32_t id,
                               uint32_t generation, uint32_t flags,
                               struct dmashare_msg_opened *opened, int *fds,
                               unsigned *n_fds, Error **errp)
{
    bool write = flags & DMASHARE_OPEN_F_WRITE, enforced = false;
    DmashareShareView *view;
    DmashareShare *share;
    Error *err = NULL;
    int error, fd;

    error = view_find(client, id, &view, errp);
    if (!error) {
        error = open_permitted(view, generation, write, errp);
    }
    if (error) {
        return error;
    }
    share = view->share;
    fd = dmashare_pages_fd(share->pages, write, &enforced, errp);
    if (fd < 0) {
        trace_dmashare_share_open_failed(id, -fd);
        return -fd;
    }
    fds[0] = fd;
    *n_fds = 1;
    fd = dmashare_pages_ranges_fd(share->pages, &err);
    if (err) {
        trace_dmashare_share_open_failed(id, -fd);
        close(fds[0]);
        error_propagate(errp, err);
        return -fd;
    }
    if (fd >= 0) {
        fds[(*n_fds)++] = fd;
    }

    view->open = true;
    view->write = write;
    client->n_open++;
    opened->share = cpu_to_le32(id);
    opened->generation = cpu_to_le32(share->generation);
    opened->size = cpu_to_le64(share->size);
    opened->offset = cpu_to_le64(dmashare_pages_offset(share->pages));
    opened->n_ranges = cpu_to_le32(dmashare_pages_n_ranges(share->pages));
    opened->path = cpu_to_le32(share->pages->path);
    opened->flags = cpu_to_le32(write ? DMASHARE_OPENED_F_WRITE :
                                enforced ? DMASHARE_OPENED_F_ENFORCED : 0);
    dmashare_share_record(view, DMASHARE_OPERATION_SHARE_OPEN,
                          share->generation, 0);
    return 0;
}

int dmashare_share_client_close(DmashareShareClient *client, uint32_t id,
                                Error **errp)
{
    DmashareShareView *view;
    int error = view_find_open(client, id, &view, errp);

    if (!error) {
        dmashare_share_hold_release_all(view, ECANCELED);
        view_close(view);
    }
    return error;
}

int dmashare_share_client_subscribe(DmashareShareClient *client, uint32_t id,
                                    bool on, Error **errp)
{
    DmashareShareView *view;
    int error = view_find_open(client, id, &view, errp);

    if (!error) {
        view->subscribed = on;
        if (!on) {
            dmashare_share_hold_release_contents(view, ECANCELED);
        }
    }
    return error;
}

static int acquire_permitted(DmashareShareView *view, uint32_t flags,
                             uint64_t deadline, Error **errp)
{
    const DmashareShareClient *client = view->client;
    const DmashareShares *shares = client->shares;
    bool wait = flags & DMASHARE_ACQUIRE_F_WAIT;

    if (flags & DMASHARE_ACQUIRE_F_WRITE && !view->write) {
        return REFUSE(errp, EACCES, "share %" PRIu32 " is not open for writing",
                      view->id);
    }
    if (wait ? deadline != 0 : !deadline ||
                               deadline > DMASHARE_MAX_DEADLINE_NS) {
        return REFUSE(errp, EINVAL, "a deadline is 1 ns to an hour; 0 with "
                      "F_WAIT");
    }
    if (client->n_holds >= DMASHARE_MAX_CLIENT_HOLDS) {
        return REFUSE(errp, ENOSPC, "%d holds are not over, or their end has "
                      "not been read", DMASHARE_MAX_CLIENT_HOLDS);
    }
    if (flags & DMASHARE_ACQUIRE_F_FD &&
        client->n_fds >= DMASHARE_SHARE_CLIENT_FDS) {
        return REFUSE(errp, ENOSPC, "%d holds with a descriptor are not "
                      "granted", DMASHARE_SHARE_CLIENT_FDS);
    }
    if (shares->n_holds >= shares->limits.max_holds) {
        return REFUSE(errp, ENOSPC, "the device has as many holds as it can "
                      "have");
    }
    return 0;
}

int dmashare_share_client_acquire(DmashareShareClient *client, uint32_t id,
                                  uint32_t flags, uint64_t deadline,
                                  uint32_t *hold, int *fd, Error **errp)
{
    int pipe_fds[2] = { -1, -1 };
    DmashareShareView *view;
    int error;

    error = view_find_open(client, id, &view, errp);
    if (!error) {
        error = acquire_permitted(view, flags, deadline, errp);
    }
    if (!error && flags & DMASHARE_ACQUIRE_F_FD &&
        (!g_unix_open_pipe(pipe_fds, FD_CLOEXEC, NULL) ||
         !g_unix_set_fd_nonblocking(pipe_fds[1], true, NULL))) {
        error = REFUSE(errp, EMFILE, "no pipe can be made");
    }
    if (error) {
        return error;
    }
    *fd = pipe_fds[0];
    *hold = dmashare_share_hold_new(view, flags, deadline, pipe_fds[1])->id;
    return 0;
}

int dmashare_share_client_release(DmashareShareClient *client, uint32_t id,
                                  uint32_t error, Error **errp)
{
    DmashareShareHold *hold = g_hash_table_lookup(client->shares->holds,
                                                  GUINT_TO_POINTER(id));

    if (error > 4095) {
        return REFUSE(errp, EINVAL, "an errno is 0 to 4095");
    }
    if (!hold || hold->view->client != client || !hold->told || hold->over) {
        return REFUSE(errp, ENOENT, "there is no hold %" PRIu32
                      ", or it has ended", id);
    }
    dmashare_share_hold_release(hold, error);
    return 0;
}

/*
 * Life
 */

DmashareShareClient *dmashare_share_client_new(
    DmashareShares *shares, const DmashareShareClientOps *ops, void *opaque)
{
    DmashareShareClient *client = g_new0(DmashareShareClient, 1);
    DmashareShare *share;

    client->shares = shares;
    client->number = shares->next_client++;
    client->ops = ops;
    client->opaque = opaque;
    client->views = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&client->pending);
    QTAILQ_INIT(&client->pending_holds);
    QTAILQ_INSERT_TAIL(&shares->clients, client, link);
    QTAILQ_FOREACH(share, &shares->all, link) {
        dmashare_share_view_new(client, share);
    }
    client_kick(client);
    return client;
}

void dmashare_share_client_free(DmashareShareClient *client)
{
    DmashareShareView *view;
    GHashTableIter iter;

    QTAILQ_REMOVE(&client->shares->clients, client, link);
    g_hash_table_iter_init(&iter, client->views);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&view)) {
        dmashare_share_hold_release_all(view, ECONNRESET);
        g_hash_table_iter_steal(&iter);
        if (view->share) {
            QTAILQ_REMOVE(&view->share->views, view, link);
        }
        g_free(view);
    }
    g_hash_table_destroy(client->views);
    g_free(client);
}
