// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the driver's holds of buffers of another VM
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/peer-room.h"
#include "trace.h"

/* The server has nothing to do with it any more. */
static void hold_forget_server(DmasharePeer *peer, DmasharePeerHold *hold)
{
    if (hold->server) {
        g_hash_table_remove(peer->by_server, GUINT_TO_POINTER(hold->server));
        hold->server = 0;
    }
}

/* Take it out of what leads to another state; the server's id stays. */
static void hold_leave(DmasharePeer *peer, DmasharePeerHold *hold,
                       uint32_t error)
{
    switch (hold->state) {
    case DMASHARE_PEER_HOLD_NEW:
        QTAILQ_REMOVE(&peer->acquires, hold, next);
        break;
    case DMASHARE_PEER_HOLD_ASKED:
        for (unsigned i = 0; i < peer->n_requests; i++) {
            unsigned at = (peer->request_first + i) %
                          DMASHARE_PEER_MAX_REQUESTS;

            if (peer->request[at].hold == hold) {
                peer->request[at].hold = NULL;
                peer->request[at].error = error;
            }
        }
        break;
    case DMASHARE_PEER_HOLD_WAITING:
        QTAILQ_REMOVE(&hold->foreign->waiting, hold, next);
        break;
    default:
        break;
    }
}

static void hold_free(DmasharePeer *peer, DmasharePeerHold *hold)
{
    hold_forget_server(peer, hold);
    dmashare_peer_unnote(peer, &hold->note);
    g_hash_table_remove(peer->holds, GUINT_TO_POINTER(hold->id));
    QLIST_REMOVE(hold, of);
    g_free(hold);
}

/* It has ended without the driver's doing, which it is told. */
static void hold_over(DmasharePeer *peer, DmasharePeerHold *hold,
                      uint32_t error)
{
    if (hold->state != DMASHARE_PEER_HOLD_OVER) {
        hold_leave(peer, hold, error);
        hold_forget_server(peer, hold);
        hold->state = DMASHARE_PEER_HOLD_OVER;
        hold->error = error;
        dmashare_peer_note(peer, &hold->note);
        trace_dmashare_peer_hold_over(hold->id, hold->foreign->info.id, error);
    }
}

static void hold_grant(DmasharePeer *peer, DmasharePeerHold *hold,
                       uint64_t sequence)
{
    hold->state = DMASHARE_PEER_HOLD_GRANTED;
    hold->sequence = sequence;
    dmashare_peer_note(peer, &hold->note);
    trace_dmashare_peer_hold_granted(hold->id, hold->foreign->info.id,
                                     sequence);
}

/* The server's id for a hold; false if it has used it before. */
static bool hold_name(DmasharePeer *peer, DmasharePeerHold *hold,
                      uint32_t server)
{
    if (g_hash_table_contains(peer->by_server, GUINT_TO_POINTER(server))) {
        dmashare_peer_break(peer, "it used the id of a hold twice");
        return false;
    }
    hold->server = server;
    g_hash_table_insert(peer->by_server, GUINT_TO_POINTER(server), hold);
    return true;
}

/*
 * What the server says
 */

void dmashare_peer_hold_answered(DmasharePeer *peer,
                                 const DmasharePeerRequest *request,
                                 uint32_t error, uint32_t server)
{
    DmasharePeerHold *hold = request->hold;

    if (!error && !server) {
        dmashare_peer_break(peer, "it gave a hold the id 0");
    } else if (!hold) {
        if (!error) {
            dmashare_peer_give_back(peer, server, request->error);
        }
    } else if (error) {
        /* No request of the ring is about it any more. */
        hold->state = DMASHARE_PEER_HOLD_PENDING;
        hold_over(peer, hold, error);
    } else if (hold_name(peer, hold, server)) {
        hold->state = DMASHARE_PEER_HOLD_PENDING;
    }
}

void dmashare_peer_hold_granted(DmasharePeer *peer,
                                const struct dmashare_msg_granted *msg)
{
    uint32_t error = le32_to_cpu(msg->error);
    gpointer server = GUINT_TO_POINTER(le32_to_cpu(msg->hold));
    DmasharePeerHold *hold = g_hash_table_lookup(peer->by_server, server);

    if (error >= DMASHARE_ERRNO_END) {
        dmashare_peer_break(peer, "it refused a hold with no errno");
    } else if (!hold) {
        /* We gave it back meanwhile. */
    } else if (hold->state != DMASHARE_PEER_HOLD_PENDING) {
        dmashare_peer_break(peer, "it granted a hold twice");
    } else if (error) {
        hold_over(peer, hold, error);
    } else {
        hold_grant(peer, hold, le64_to_cpu(msg->sequence));
    }
}

/* The foreign buffer whose contents nobody has acquired, of that hold. */
static DmashareForeign *content_find(DmasharePeer *peer, uint32_t share,
                                     uint32_t server)
{
    DmashareOffer *offer = g_hash_table_lookup(peer->offers,
                                               GUINT_TO_POINTER(share));

    return offer && offer->foreign && server &&
           offer->foreign->content_hold == server ? offer->foreign : NULL;
}

void dmashare_peer_hold_ended(DmasharePeer *peer,
                              const struct dmashare_msg_ended *msg)
{
    uint32_t error = le32_to_cpu(msg->error);
    uint32_t server = le32_to_cpu(msg->hold);
    DmasharePeerHold *hold = g_hash_table_lookup(peer->by_server,
                                                 GUINT_TO_POINTER(server));
    DmashareForeign *f = content_find(peer, le32_to_cpu(msg->share), server);

    if (!error || error >= DMASHARE_ERRNO_END) {
        dmashare_peer_break(peer, "it ended a hold with no errno");
    } else if (hold) {
        hold_over(peer, hold, error);
    } else if (f) {
        f->content_hold = 0;
    }
}

void dmashare_peer_hold_content(DmasharePeer *peer, DmashareForeign *f,
                                uint32_t server, uint64_t sequence)
{
    DmasharePeerHold *hold = QTAILQ_FIRST(&f->waiting);

    if (!f->offer->subscribed) {
        dmashare_peer_give_back(peer, server, ECANCELED);
    } else if (!hold) {
        if (f->content_hold) {
            dmashare_peer_give_back(peer, f->content_hold, ECANCELED);
        }
        f->content_hold = server;
        f->content_sequence = sequence;
    } else if (hold_name(peer, hold, server)) {
        QTAILQ_REMOVE(&f->waiting, hold, next);
        hold_grant(peer, hold, sequence);
    }
}

/*
 * What the driver says
 */

uint16_t dmashare_peer_acquire(DmasharePeer *peer, uint32_t id, uint32_t flags,
                               uint32_t hold_id, uint64_t deadline)
{
    DmashareForeign *f = dmashare_peer_find(peer, id);
    bool content = flags & DMASHARE_PEER_ACQUIRE_F_CONTENT;
    DmasharePeerHold *hold;

    if (!f || !f->mapped || !hold_id || hold_id >= DMASHARE_HOLD_DEVICE) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (g_hash_table_contains(peer->holds, GUINT_TO_POINTER(hold_id))) {
        return DMASHARE_STATUS_ID_EXISTS;
    }
    if (flags & ~(DMASHARE_PEER_ACQUIRE_F_WRITE |
                  DMASHARE_PEER_ACQUIRE_F_CONTENT) ||
        (content && (!f->offer->subscribed ||
                     flags & DMASHARE_PEER_ACQUIRE_F_WRITE))) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (content ? deadline : !deadline || deadline > DMASHARE_MAX_HOLD_NS) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (flags & DMASHARE_PEER_ACQUIRE_F_WRITE &&
        !(f->info.flags & DMASHARE_PEER_F_WRITE)) {
        return DMASHARE_STATUS_READ_ONLY;
    }
    if (g_hash_table_size(peer->holds) >= peer->max_holds) {
        return DMASHARE_STATUS_LIMIT;
    }

    hold = g_new0(DmasharePeerHold, 1);
    hold->note.is_hold = true;
    hold->id = hold_id;
    hold->flags = flags;
    hold->deadline = deadline;
    hold->foreign = f;
    QLIST_INSERT_HEAD(&f->holds, hold, of);
    g_hash_table_insert(peer->holds, GUINT_TO_POINTER(hold_id), hold);
    if (!content) {
        hold->state = DMASHARE_PEER_HOLD_NEW;
        QTAILQ_INSERT_TAIL(&peer->acquires, hold, next);
    } else {
        uint32_t server = f->content_hold;

        f->content_hold = 0;
        if (server && hold_name(peer, hold, server)) {
            hold_grant(peer, hold, f->content_sequence);
        } else {
            hold->state = DMASHARE_PEER_HOLD_WAITING;
            QTAILQ_INSERT_TAIL(&f->waiting, hold, next);
        }
    }
    dmashare_peer_work(peer);
    return DMASHARE_STATUS_OK;
}

/* The driver has done with it. */
static void hold_end(DmasharePeer *peer, DmasharePeerHold *hold,
                     uint32_t error)
{
    hold_leave(peer, hold, error);
    if (hold->server) {
        dmashare_peer_give_back(peer, hold->server, error);
    }
    hold_free(peer, hold);
}

uint16_t dmashare_peer_release(DmasharePeer *peer, uint32_t hold_id,
                               uint32_t error)
{
    DmasharePeerHold *hold = g_hash_table_lookup(peer->holds,
                                                 GUINT_TO_POINTER(hold_id));

    if (!hold) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (error >= DMASHARE_ERRNO_END) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    hold_end(peer, hold, error);
    dmashare_peer_work(peer);
    return DMASHARE_STATUS_OK;
}

/*
 * What comes of the buffer
 */

void dmashare_peer_holds_over(DmasharePeer *peer, DmashareForeign *f,
                              uint32_t error)
{
    DmasharePeerHold *hold;

    f->content_hold = 0;
    QLIST_FOREACH(hold, &f->holds, of) {
        hold_over(peer, hold, error);
    }
}

void dmashare_peer_holds_drop(DmasharePeer *peer, DmashareForeign *f)
{
    DmasharePeerHold *hold, *next;

    if (f->content_hold) {
        dmashare_peer_give_back(peer, f->content_hold, ECANCELED);
        f->content_hold = 0;
    }
    QLIST_FOREACH_SAFE(hold, &f->holds, of, next) {
        hold_end(peer, hold, ECANCELED);
    }
}

void dmashare_peer_hold_event(DmasharePeer *peer, DmasharePeerHold *hold,
                              DmashareEvent *event)
{
    event->type = DMASHARE_EVENT_PEER_GRANTED;
    event->mapping = hold->id;
    if (hold->state == DMASHARE_PEER_HOLD_OVER) {
        event->status = DMASHARE_STATUS_COMMANDED;
        event->offset = hold->error;
        hold_free(peer, hold);
    } else {
        event->addr = hold->sequence;
    }
}

bool dmashare_peer_hold_ask(DmasharePeer *peer, struct dmashare_msg *msg,
                            DmasharePeerRequest *request)
{
    DmasharePeerHold *hold = QTAILQ_FIRST(&peer->acquires);
    bool write;

    if (!hold) {
        return false;
    }
    QTAILQ_REMOVE(&peer->acquires, hold, next);
    hold->state = DMASHARE_PEER_HOLD_ASKED;
    write = hold->flags & DMASHARE_PEER_ACQUIRE_F_WRITE;
    request->type = DMASHARE_MSG_ACQUIRE;
    request->hold = hold;
    msg->acquire.share = cpu_to_le32(hold->foreign->info.share);
    msg->acquire.flags = cpu_to_le32(write ? DMASHARE_ACQUIRE_F_WRITE : 0);
    msg->acquire.deadline = cpu_to_le64(hold->deadline);
    return true;
}
