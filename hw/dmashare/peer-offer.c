// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what another VM's share server offers, and the foreign buffers that
 * the driver knows of it
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/peer-room.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_peer_info) != 112);

/*
 * What the driver is told
 */

static void foreign_tell(DmasharePeer *peer, DmashareForeign *f, uint8_t what)
{
    f->tell |= what;
    dmashare_peer_note(peer, &f->note);
}

void dmashare_peer_foreign_event(DmasharePeer *peer, DmashareForeign *f,
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

/*
 * What the server is told
 */

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

bool dmashare_peer_offer_ask_subscribe(DmasharePeer *peer,
                                       struct dmashare_msg *msg,
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
bool dmashare_peer_offer_ask_open(DmasharePeer *peer, struct dmashare_msg *msg,
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
 * What the server says
 */

void dmashare_peer_offer_announced(DmasharePeer *peer,
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

void dmashare_peer_offer_withdrawn(DmasharePeer *peer,
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

void dmashare_peer_offer_content(DmasharePeer *peer,
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

void dmashare_peer_offer_opened(DmasharePeer *peer,
                                const DmasharePeerRequest *request,
                                const struct dmashare_msg_opened *msg,
                                const int *fds, unsigned n_fds)
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

void dmashare_peer_offer_refused(DmasharePeer *peer,
                                 const DmasharePeerRequest *request)
{
    DmashareOffer *offer = offer_asked(peer, request);

    if (offer) {
        offer_close(peer, offer, 0);
    }
}

/*
 * All of them
 */

void dmashare_peer_offers_remove(DmasharePeer *peer, uint32_t error)
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

void dmashare_peer_foreign_forget(DmasharePeer *peer)
{
    GHashTableIter iter;
    gpointer f;

    g_hash_table_iter_init(&iter, peer->foreign);
    while (g_hash_table_iter_next(&iter, NULL, &f)) {
        foreign_free(peer, f);
        g_hash_table_iter_init(&iter, peer->foreign);
    }
}

void dmashare_peer_foreign_renew(DmasharePeer *peer)
{
    GHashTableIter iter;
    gpointer value;

    peer->next_id = 0;
    g_hash_table_iter_init(&iter, peer->offers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        DmashareOffer *offer = value;

        if (offer->state == DMASHARE_OFFER_OPEN) {
            foreign_new(peer, offer);
        }
    }
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
