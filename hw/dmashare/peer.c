// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: buffers of another VM
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "hw/dmashare/fd.h"
#include "hw/dmashare/peer.h"
#include "hw/dmashare/wire.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_peer_info) != 112);

void dmashare_peer_break(DmasharePeer *peer, const char *why)
{
    if (!peer->over) {
        peer->over = true;
        trace_dmashare_peer_break(why);
        peer->ops->hang_up(peer->opaque, why);
    }
}

static bool peer_speaks(const DmasharePeer *peer)
{
    return peer->phase >= DMASHARE_PEER_ANNOUNCING && !peer->over;
}

/* What the server says to people, who may have it on a terminal. */
static char *printable(const uint8_t *text, size_t len)
{
    char *out = g_strndup((const char *)text, len);

    for (char *c = out; *c; c++) {
        if (!g_ascii_isprint(*c)) {
            *c = '?';
        }
    }
    return out;
}

static void peer_last_word(DmasharePeer *peer,
                           const struct dmashare_msg_error *msg)
{
    g_autofree char *text = printable(msg->text, sizeof(msg->text));

    dmashare_peer_break(peer, text);
}

/*
 * What the driver is told
 */

void dmashare_peer_note(DmasharePeer *peer, DmashareNote *note)
{
    if (!note->queued) {
        note->queued = true;
        QTAILQ_INSERT_TAIL(&peer->notes, note, link);
    }
}

void dmashare_peer_unnote(DmasharePeer *peer, DmashareNote *note)
{
    if (note->queued) {
        note->queued = false;
        QTAILQ_REMOVE(&peer->notes, note, link);
    }
}

static void foreign_tell(DmasharePeer *peer, DmashareForeign *f, uint8_t what)
{
    f->tell |= what;
    dmashare_peer_note(peer, &f->note);
}

static void foreign_event(DmasharePeer *peer, DmashareForeign *f,
                          DmashareEvent *event)
{
    event->mapping = f->info.id;
    if (f->tell & DMASHARE_TELL_ANNOUNCE) {
        f->tell &= ~DMASHARE_TELL_ANNOUNCE;
        event->type = DMASHARE_EVENT_PEER_ANNOUNCE;
        event->offset = f->info.size;
    } else if (f->tell & DMASHARE_TELL_CONTENT) {
        f->tell &= ~DMASHARE_TELL_CONTENT;
        event->type = DMASHARE_EVENT_PEER_CONTENT;
        event->offset = f->info.sequence;
    } else {
        f->tell &= ~DMASHARE_TELL_WITHDRAW;
        event->type = DMASHARE_EVENT_PEER_WITHDRAW;
        event->status = f->error ? DMASHARE_STATUS_COMMANDED
                                 : DMASHARE_STATUS_OK;
        event->offset = f->error;
    }
    if (f->tell) {
        f->note.queued = true;
        QTAILQ_INSERT_HEAD(&peer->notes, &f->note, link);
    }
}

static bool peer_next(void *opaque, DmashareEvent *event)
{
    DmasharePeer *peer = opaque;
    DmashareNote *note = QTAILQ_FIRST(&peer->notes);

    if (!note) {
        return false;
    }
    memset(event, 0, sizeof(*event));
    dmashare_peer_unnote(peer, note);
    if (note->is_hold) {
        dmashare_peer_hold_event(peer, container_of(note, DmasharePeerHold,
                                                    note), event);
    } else {
        foreign_event(peer, container_of(note, DmashareForeign, note), event);
    }
    return true;
}

/*
 * What the server is told
 */

void dmashare_peer_give_back(DmasharePeer *peer, uint32_t server,
                             uint32_t error)
{
    unsigned at = (peer->release_first + peer->n_releases) %
                  peer->max_releases;

    if (!peer_speaks(peer)) {
        return;
    }
    if (peer->n_releases == peer->max_releases) {
        dmashare_peer_break(peer, "it does not read");
        return;
    }
    peer->release[at] = (DmasharePeerRelease) { server, error };
    peer->n_releases++;
}

static bool ask_release(DmasharePeer *peer, struct dmashare_msg *msg,
                        DmasharePeerRequest *request)
{
    const DmasharePeerRelease *release = &peer->release[peer->release_first];

    if (!peer->n_releases) {
        return false;
    }
    peer->release_first = (peer->release_first + 1) %
                          peer->max_releases;
    peer->n_releases--;
    request->type = DMASHARE_MSG_RELEASE;
    msg->release.hold = cpu_to_le32(release->hold);
    msg->release.error = cpu_to_le32(release->error);
    return true;
}

static void offer_subscribe(DmasharePeer *peer, DmashareOffer *offer, bool on)
{
    offer->subscribed = on;
    if (on != offer->told && !offer->telling) {
        offer->telling = true;
        QTAILQ_INSERT_TAIL(&peer->subscriptions, offer, next_told);
    }
}

static void offer_untell(DmasharePeer *peer, DmashareOffer *offer)
{
    if (offer->telling) {
        offer->telling = false;
        QTAILQ_REMOVE(&peer->subscriptions, offer, next_told);
    }
}

static bool ask_subscribe(DmasharePeer *peer, struct dmashare_msg *msg,
                          DmasharePeerRequest *request)
{
    DmashareOffer *offer;

    while ((offer = QTAILQ_FIRST(&peer->subscriptions))) {
        offer_untell(peer, offer);
        if (offer->told != offer->subscribed) {
            offer->told = offer->subscribed;
            request->type = DMASHARE_MSG_SUBSCRIBE;
            msg->subscribe.share = cpu_to_le32(offer->share);
            msg->subscribe.on = cpu_to_le32(offer->told);
            return true;
        }
    }
    return false;
}

/* As many buffers as the driver can know, and the server lets us open. */
static bool ask_open(DmasharePeer *peer, struct dmashare_msg *msg,
                     DmasharePeerRequest *request)
{
    DmashareOffer *offer = QTAILQ_FIRST(&peer->wanted);

    if (!offer || peer->n_open + peer->n_asked >= peer->max_open ||
        g_hash_table_size(peer->foreign) + peer->n_asked >=
        DMASHARE_MAX_PEERS) {
        return false;
    }
    QTAILQ_REMOVE(&peer->wanted, offer, wanted);
    offer->state = DMASHARE_OFFER_ASKED;
    offer->serial = request->serial;
    peer->n_asked++;
    request->type = DMASHARE_MSG_OPEN;
    request->share = offer->share;
    msg->open.share = cpu_to_le32(offer->share);
    msg->open.generation = cpu_to_le32(offer->generation);
    msg->open.flags = cpu_to_le32(offer->writable ? DMASHARE_OPEN_F_WRITE : 0);
    return true;
}

/* First what gives something back, so that there is room for the rest. */
static bool peer_ask(DmasharePeer *peer)
{
    unsigned at = (peer->request_first + peer->n_requests) %
                  DMASHARE_PEER_MAX_REQUESTS;
    DmasharePeerRequest *request = &peer->request[at];
    struct dmashare_msg msg;

    if (!peer_speaks(peer) ||
        peer->n_requests == DMASHARE_PEER_MAX_REQUESTS ||
        !peer->ops->room(peer->opaque)) {
        return false;
    }
    *request = (DmasharePeerRequest) {
        .serial = peer->serial == UINT32_MAX ? 1 : peer->serial + 1,
    };
    dmashare_wire_init(&msg, 0, request->serial);
    if (!ask_release(peer, &msg, request) &&
        !ask_subscribe(peer, &msg, request) &&
        !dmashare_peer_hold_ask(peer, &msg, request) &&
        !ask_open(peer, &msg, request)) {
        return false;
    }
    msg.type = cpu_to_le32(request->type);
    peer->serial = request->serial;
    peer->n_requests++;
    peer->ops->send(peer->opaque, &msg);
    return true;
}

void dmashare_peer_work(DmasharePeer *peer)
{
    while (peer_ask(peer)) {
        /* Until there is no room, or nothing to say. */
    }
    dmashare_events_kick(peer->events);
}

/*
 * Foreign buffers
 */

DmashareForeign *dmashare_peer_find(DmasharePeer *peer, uint32_t id)
{
    return g_hash_table_lookup(peer->foreign, GUINT_TO_POINTER(id));
}

static void foreign_inform(DmashareForeign *f)
{
    const DmashareOffer *offer = f->offer;
    struct dmashare_peer_info *info = &f->info;
    uint32_t id = info->id;

    *info = offer->content;
    info->id = id;
    info->share = offer->share;
    info->generation = offer->generation;
    info->size = offer->size;
    info->flags = offer->pages->write ? DMASHARE_PEER_F_WRITE : 0;
}

static void foreign_new(DmasharePeer *peer, DmashareOffer *offer)
{
    DmashareForeign *f = g_new0(DmashareForeign, 1);

    do {
        f->info.id = ++peer->next_id;
    } while (!f->info.id || dmashare_peer_find(peer, f->info.id));
    f->offer = offer;
    offer->foreign = f;
    QTAILQ_INIT(&f->waiting);
    foreign_inform(f);
    g_hash_table_insert(peer->foreign, GUINT_TO_POINTER(f->info.id), f);
    foreign_tell(peer, f, DMASHARE_TELL_ANNOUNCE);
    trace_dmashare_peer_announce(f->info.id, offer->share, offer->generation,
                                 offer->size);
}

/* Nothing of it is left in the window, and nobody holds it. */
static void foreign_unmap(DmasharePeer *peer, DmashareForeign *f)
{
    dmashare_peer_holds_drop(peer, f);
    if (f->offer) {
        offer_subscribe(peer, f->offer, false);
    }
    if (f->mapped) {
        f->mapped = false;
        dmashare_window_take(peer->window, &f->place);
    }
}

static void foreign_free(DmasharePeer *peer, DmashareForeign *f)
{
    foreign_unmap(peer, f);
    dmashare_peer_unnote(peer, &f->note);
    if (f->offer) {
        f->offer->foreign = NULL;
    }
    g_hash_table_remove(peer->foreign, GUINT_TO_POINTER(f->info.id));
    g_free(f);
}

/* The pages are its own no more. */
static void foreign_withdraw(DmasharePeer *peer, DmashareForeign *f,
                             uint32_t error)
{
    trace_dmashare_peer_withdraw(f->info.id, f->info.share, error);
    f->offer->foreign = NULL;
    f->offer = NULL;
    f->error = error;
    f->info.flags |= DMASHARE_PEER_F_WITHDRAWN;
    f->tell &= ~DMASHARE_TELL_CONTENT;
    if (f->mapped) {
        f->mapped = false;
        dmashare_window_take(peer->window, &f->place);
    }
    dmashare_peer_holds_over(peer, f, error ? error : ECANCELED);
    if (f->tell & DMASHARE_TELL_ANNOUNCE && QLIST_EMPTY(&f->holds)) {
        /* The driver has never heard of it. */
        foreign_free(peer, f);
    } else {
        /* After what its holds are told. */
        dmashare_peer_unnote(peer, &f->note);
        foreign_tell(peer, f, DMASHARE_TELL_WITHDRAW);
    }
}

/*
 * Offers
 */

/* Back to where it was before it was wanted. */
static void offer_close(DmasharePeer *peer, DmashareOffer *offer,
                        uint32_t error)
{
    switch (offer->state) {
    case DMASHARE_OFFER_WANTED:
        QTAILQ_REMOVE(&peer->wanted, offer, wanted);
        break;
    case DMASHARE_OFFER_ASKED:
        /* The answer will find that nobody waits for it. */
        peer->n_asked--;
        break;
    case DMASHARE_OFFER_OPEN:
        peer->n_open--;
        break;
    default:
        break;
    }
    offer->state = DMASHARE_OFFER_IDLE;
    offer->subscribed = false;
    offer->told = false;
    offer_untell(peer, offer);
    if (offer->foreign) {
        foreign_withdraw(peer, offer->foreign, error);
    }
    g_clear_pointer(&offer->pages, dmashare_peer_pages_free);
}

static void offer_remove(DmasharePeer *peer, DmashareOffer *offer,
                         uint32_t error)
{
    offer_close(peer, offer, error);
    g_hash_table_remove(peer->offers, GUINT_TO_POINTER(offer->share));
    g_free(offer);
}

static DmashareOffer *offer_find(DmasharePeer *peer, uint32_t share)
{
    return g_hash_table_lookup(peer->offers, GUINT_TO_POINTER(share));
}

static void offer_describe(DmasharePeer *peer, DmashareOffer *offer,
                           const struct dmashare_msg_announce *msg)
{
    struct dmashare_peer_info *content = &offer->content;

    offer->path = le32_to_cpu(msg->path);
    offer->writable = le32_to_cpu(msg->flags) & DMASHARE_SHARE_F_WRITE;
    content->fourcc = le32_to_cpu(msg->fourcc);
    content->width = le32_to_cpu(msg->width);
    content->height = le32_to_cpu(msg->height);
    content->stride = le32_to_cpu(msg->stride);
    content->sequence = le64_to_cpu(msg->sequence);
    memcpy(content->name, msg->name, sizeof(content->name));
    memcpy(content->device, peer->device, strlen(peer->device));
}

/*
 * Messages
 */

static void take_welcome(DmasharePeer *peer,
                         const struct dmashare_msg_welcome *msg)
{
    uint32_t version = le32_to_cpu(msg->version);

    if (le32_to_cpu(msg->magic) != DMASHARE_MSG_MAGIC ||
        version >> 16 != DMASHARE_PROTOCOL_MAJOR ||
        (version & 0xffff) > DMASHARE_PROTOCOL_MINOR) {
        dmashare_peer_break(peer, "it does not speak version 1.0 of the "
                            "protocol");
        return;
    }
    peer->phase = DMASHARE_PEER_ANNOUNCING;
    peer->max_open = MIN(le32_to_cpu(msg->max_open), DMASHARE_MAX_OPEN);
    g_free(peer->device);
    peer->device = printable(msg->device, sizeof(msg->device));
}

static void take_announce(DmasharePeer *peer,
                          const struct dmashare_msg_announce *msg)
{
    uint32_t share = le32_to_cpu(msg->share);
    uint32_t generation = le32_to_cpu(msg->generation);
    uint64_t size = le64_to_cpu(msg->size);
    DmashareOffer *offer = offer_find(peer, share);

    if (!size || size % 4096) {
        dmashare_peer_break(peer, "it announced a buffer that is not of whole "
                            "pages");
        return;
    }
    if (!offer) {
        if (g_hash_table_size(peer->offers) == DMASHARE_PEER_MAX_OFFERS) {
            trace_dmashare_peer_too_many(share);
            return;
        }
        offer = g_new0(DmashareOffer, 1);
        offer->share = share;
        g_hash_table_insert(peer->offers, GUINT_TO_POINTER(share), offer);
    } else if (offer->generation != generation || offer->size != size) {
        offer_close(peer, offer, 0);
    }
    offer->generation = generation;
    offer->size = size;
    offer_describe(peer, offer, msg);
    if (offer->foreign) {
        foreign_inform(offer->foreign);
    } else if (offer->state == DMASHARE_OFFER_IDLE &&
               offer->path != DMASHARE_PATH_NONE) {
        offer->state = DMASHARE_OFFER_WANTED;
        QTAILQ_INSERT_TAIL(&peer->wanted, offer, wanted);
    }
}

static void take_withdraw(DmasharePeer *peer,
                          const struct dmashare_msg_withdraw *msg)
{
    DmashareOffer *offer = offer_find(peer, le32_to_cpu(msg->share));

    if (offer && offer->generation == le32_to_cpu(msg->generation)) {
        if (le32_to_cpu(msg->reason) == DMASHARE_WITHDRAW_MOVED) {
            offer_close(peer, offer, 0);
        } else {
            offer_remove(peer, offer, 0);
        }
    }
}

static void take_content(DmasharePeer *peer,
                         const struct dmashare_msg_content *msg)
{
    DmashareOffer *offer = offer_find(peer, le32_to_cpu(msg->share));
    uint32_t hold = le32_to_cpu(msg->hold);
    DmashareForeign *f;

    if (!offer || offer->generation != le32_to_cpu(msg->generation)) {
        return;
    }
    offer->content.sequence = le64_to_cpu(msg->sequence);
    f = offer->foreign;
    if (f) {
        f->info.sequence = offer->content.sequence;
        foreign_tell(peer, f, DMASHARE_TELL_CONTENT);
        if (hold) {
            dmashare_peer_hold_content(peer, f, hold, f->info.sequence);
        }
    } else if (hold) {
        dmashare_peer_give_back(peer, hold, ECANCELED);
    }
}

/* The offer that an answer to OPEN is about, if it is still wanted. */
static DmashareOffer *offer_asked(DmasharePeer *peer,
                                  const DmasharePeerRequest *request)
{
    DmashareOffer *offer = offer_find(peer, request->share);

    return offer && offer->state == DMASHARE_OFFER_ASKED &&
           offer->serial == request->serial ? offer : NULL;
}

static void take_opened(DmasharePeer *peer, const DmasharePeerRequest *request,
                        const struct dmashare_msg_opened *msg, const int *fds,
                        unsigned n_fds)
{
    g_autoptr(DmasharePeerPages) pages = dmashare_peer_pages_new(msg, fds,
                                                                 n_fds);
    DmashareOffer *offer = offer_asked(peer, request);

    if (!offer) {
        return;
    }
    if (le32_to_cpu(msg->share) != offer->share ||
        le32_to_cpu(msg->generation) != offer->generation ||
        pages->size != offer->size || (pages->write && !offer->writable)) {
        dmashare_peer_break(peer, "it opened something else than what was "
                            "asked for");
        return;
    }
    peer->n_asked--;
    peer->n_open++;
    offer->state = DMASHARE_OFFER_OPEN;
    offer->pages = g_steal_pointer(&pages);
    foreign_new(peer, offer);
}

static void take_error(DmasharePeer *peer, const DmasharePeerRequest *request,
                       const struct dmashare_msg_error *msg)
{
    uint32_t error = le32_to_cpu(msg->error);
    g_autofree char *text = printable(msg->text, sizeof(msg->text));
    DmashareOffer *offer;

    trace_dmashare_peer_refused(request->type, error, text);
    if (!error || error >= DMASHARE_ERRNO_END) {
        dmashare_peer_break(peer, "it refused a request with no errno");
        return;
    }
    switch (request->type) {
    case DMASHARE_MSG_ACQUIRE:
        dmashare_peer_hold_answered(peer, request, error, 0);
        break;
    case DMASHARE_MSG_OPEN:
        offer = offer_asked(peer, request);
        if (offer) {
            offer_close(peer, offer, 0);
        }
        break;
    default:
        /* It crossed with what made it pointless. */
        break;
    }
}

/* The answer to the request that was sent first of those that have none. */
static void take_answer(DmasharePeer *peer, const struct dmashare_msg *msg,
                        const int *fds, unsigned n_fds)
{
    static const uint32_t answer[] = {
        [DMASHARE_MSG_HELLO] = DMASHARE_MSG_WELCOME,
        [DMASHARE_MSG_OPEN] = DMASHARE_MSG_OPENED,
        [DMASHARE_MSG_SUBSCRIBE] = DMASHARE_MSG_DONE,
        [DMASHARE_MSG_ACQUIRE] = DMASHARE_MSG_ACQUIRED,
        [DMASHARE_MSG_RELEASE] = DMASHARE_MSG_DONE,
    };
    uint32_t type = le32_to_cpu(msg->type);
    DmasharePeerRequest request = peer->request[peer->request_first];

    if (!peer->n_requests || le32_to_cpu(msg->serial) != request.serial ||
        (type != DMASHARE_MSG_ERROR && type != answer[request.type])) {
        while (n_fds) {
            dmashare_fd_discard(fds[--n_fds]);
        }
        dmashare_peer_break(peer, "it answered what was not asked");
        return;
    }
    peer->request_first = (peer->request_first + 1) %
                          DMASHARE_PEER_MAX_REQUESTS;
    peer->n_requests--;
    switch (type) {
    case DMASHARE_MSG_WELCOME:
        take_welcome(peer, &msg->welcome);
        break;
    case DMASHARE_MSG_OPENED:
        take_opened(peer, &request, &msg->opened, fds, n_fds);
        break;
    case DMASHARE_MSG_ACQUIRED:
        /* No descriptor was asked for. */
        while (n_fds) {
            dmashare_fd_discard(fds[--n_fds]);
        }
        dmashare_peer_hold_answered(peer, &request, 0,
                                    le32_to_cpu(msg->hold.hold));
        break;
    case DMASHARE_MSG_ERROR:
        if (request.type == DMASHARE_MSG_HELLO) {
            peer_last_word(peer, &msg->error);
        } else {
            take_error(peer, &request, &msg->error);
        }
        break;
    }
}

static void take_notice(DmasharePeer *peer, const struct dmashare_msg *msg)
{
    switch (le32_to_cpu(msg->type)) {
    case DMASHARE_MSG_ANNOUNCE:
        take_announce(peer, &msg->announce);
        break;
    case DMASHARE_MSG_WITHDRAW:
        take_withdraw(peer, &msg->withdraw);
        break;
    case DMASHARE_MSG_CONTENT:
        take_content(peer, &msg->content);
        break;
    case DMASHARE_MSG_GRANTED:
        dmashare_peer_hold_granted(peer, &msg->granted);
        break;
    case DMASHARE_MSG_ENDED:
        dmashare_peer_hold_ended(peer, &msg->ended);
        break;
    case DMASHARE_MSG_READY:
        if (peer->phase == DMASHARE_PEER_READY) {
            dmashare_peer_break(peer, "it was ready twice");
            break;
        }
        peer->phase = DMASHARE_PEER_READY;
        g_clear_pointer(&peer->why, g_free);
        dmashare_notify_peer(peer->notify, true, peer->device, NULL);
        break;
    }
}

void dmashare_peer_message(DmasharePeer *peer, const struct dmashare_msg *msg,
                           const int *fds, unsigned n_fds)
{
    if (peer->over || peer->phase == DMASHARE_PEER_AWAY) {
        while (n_fds) {
            dmashare_fd_discard(fds[--n_fds]);
        }
        return;
    }
    if (msg->serial) {
        take_answer(peer, msg, fds, n_fds);
    } else if (le32_to_cpu(msg->type) == DMASHARE_MSG_ERROR) {
        peer_last_word(peer, &msg->error);
    } else if (peer->phase == DMASHARE_PEER_GREETING) {
        dmashare_peer_break(peer, "it did not say WELCOME first");
    } else {
        take_notice(peer, msg);
    }
    dmashare_peer_work(peer);
}

void dmashare_peer_room(DmasharePeer *peer)
{
    dmashare_peer_work(peer);
}

/*
 * The connection
 */

void dmashare_peer_connected(DmasharePeer *peer, const DmasharePeerOps *ops,
                             void *opaque, const char *name)
{
    struct dmashare_msg msg;

    peer->ops = ops;
    peer->opaque = opaque;
    peer->phase = DMASHARE_PEER_GREETING;
    peer->over = false;
    peer->serial = 1;
    peer->request_first = 0;
    peer->n_requests = 1;
    peer->request[0] = (DmasharePeerRequest) {
        .type = DMASHARE_MSG_HELLO,
        .serial = peer->serial,
    };
    dmashare_wire_init(&msg, DMASHARE_MSG_HELLO, peer->serial);
    msg.hello.magic = cpu_to_le32(DMASHARE_MSG_MAGIC);
    msg.hello.version = cpu_to_le32(DMASHARE_PROTOCOL_MAJOR << 16 |
                                    DMASHARE_PROTOCOL_MINOR);
    memcpy(msg.hello.name, name, MIN(strlen(name), sizeof(msg.hello.name)));
    peer->ops->send(peer->opaque, &msg);
}

static void remove_offers(DmasharePeer *peer, uint32_t error)
{
    GHashTableIter iter;
    gpointer offer;

    g_hash_table_iter_init(&iter, peer->offers);
    while (g_hash_table_iter_next(&iter, NULL, &offer)) {
        offer_close(peer, offer, error);
        g_free(offer);
        g_hash_table_iter_remove(&iter);
    }
}

void dmashare_peer_lost(DmasharePeer *peer, const char *why)
{
    /* Attempts that fail as the one before did are not worth a word. */
    if (g_strcmp0(peer->why, why)) {
        dmashare_notify_peer(peer->notify, false, peer->device, why);
        g_free(peer->why);
        peer->why = g_strdup(why);
    }
    peer->phase = DMASHARE_PEER_AWAY;
    remove_offers(peer, ECONNRESET);
    peer->n_requests = 0;
    peer->n_releases = 0;
    g_clear_pointer(&peer->device, g_free);
    dmashare_peer_work(peer);
}

/*
 * Commands
 */

uint16_t dmashare_peer_map(DmasharePeer *peer, uint32_t id, uint32_t flags,
                           uint64_t offset)
{
    DmashareForeign *f = dmashare_peer_find(peer, id);
    bool write = flags & DMASHARE_PEER_MAP_F_WRITE;
    uint16_t status;

    if (!f || !f->offer) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (f->mapped) {
        return DMASHARE_STATUS_BUSY;
    }
    if (offset % 4096 ||
        write != dmashare_window_is_writable(peer->window, offset) ||
        !dmashare_window_holds(peer->window, offset, f->info.size)) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (write && !(f->info.flags & DMASHARE_PEER_F_WRITE)) {
        return DMASHARE_STATUS_READ_ONLY;
    }
    status = dmashare_window_put(peer->window, &f->place, offset,
                                 f->offer->pages);
    if (status) {
        return status;
    }
    f->mapped = true;
    offer_subscribe(peer, f->offer, flags & DMASHARE_PEER_MAP_F_SUBSCRIBE);
    dmashare_peer_work(peer);
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_peer_unmap(DmasharePeer *peer, uint32_t id)
{
    DmashareForeign *f = dmashare_peer_find(peer, id);

    if (!f || (f->offer && !f->mapped)) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (f->offer) {
        foreign_unmap(peer, f);
    } else {
        foreign_free(peer, f);
    }
    dmashare_peer_work(peer);
    return DMASHARE_STATUS_OK;
}

/*
 * Life
 */

void dmashare_peer_init(DmasharePeer *peer)
{
    peer->max_releases = peer->max_holds + DMASHARE_MAX_PEERS;
    peer->release = g_new(DmasharePeerRelease, peer->max_releases);
    peer->offers = g_hash_table_new(NULL, NULL);
    peer->foreign = g_hash_table_new(NULL, NULL);
    peer->holds = g_hash_table_new(NULL, NULL);
    peer->by_server = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&peer->wanted);
    QTAILQ_INIT(&peer->acquires);
    QTAILQ_INIT(&peer->subscriptions);
    QTAILQ_INIT(&peer->notes);
    peer->source.next = peer_next;
    peer->source.opaque = peer;
    dmashare_events_add_source(peer->events, &peer->source);
}

static void forget_foreign(DmasharePeer *peer)
{
    GHashTableIter iter;
    gpointer f;

    g_hash_table_iter_init(&iter, peer->foreign);
    while (g_hash_table_iter_next(&iter, NULL, &f)) {
        foreign_free(peer, f);
        g_hash_table_iter_init(&iter, peer->foreign);
    }
}

void dmashare_peer_reset(DmasharePeer *peer)
{
    GHashTableIter iter;
    gpointer value;

    forget_foreign(peer);
    peer->next_id = 0;
    g_hash_table_iter_init(&iter, peer->offers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        DmashareOffer *offer = value;

        if (offer->state == DMASHARE_OFFER_OPEN) {
            foreign_new(peer, offer);
        }
    }
    dmashare_peer_work(peer);
}

void dmashare_peer_destroy(DmasharePeer *peer)
{
    if (peer->offers) {
        remove_offers(peer, ECONNRESET);
        forget_foreign(peer);
        g_clear_pointer(&peer->device, g_free);
        g_clear_pointer(&peer->why, g_free);
        g_clear_pointer(&peer->release, g_free);
        g_clear_pointer(&peer->offers, g_hash_table_destroy);
        g_clear_pointer(&peer->foreign, g_hash_table_destroy);
        g_clear_pointer(&peer->holds, g_hash_table_destroy);
        g_clear_pointer(&peer->by_server, g_hash_table_destroy);
    }
}
