// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what is said between us and another VM's share server
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "hw/dmashare/fd.h"
#include "hw/dmashare/peer-room.h"
#include "hw/dmashare/wire.h"
#include "trace.h"

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
        dmashare_peer_foreign_event(peer, container_of(note, DmashareForeign,
                                                       note), event);
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
        !dmashare_peer_offer_ask_subscribe(peer, &msg, request) &&
        !dmashare_peer_hold_ask(peer, &msg, request) &&
        !dmashare_peer_offer_ask_open(peer, &msg, request)) {
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

static void take_error(DmasharePeer *peer, const DmasharePeerRequest *request,
                       const struct dmashare_msg_error *msg)
{
    uint32_t error = le32_to_cpu(msg->error);
    g_autofree char *text = printable(msg->text, sizeof(msg->text));

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
        dmashare_peer_offer_refused(peer, request);
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
        dmashare_peer_offer_opened(peer, &request, &msg->opened, fds, n_fds);
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
        dmashare_peer_offer_announced(peer, &msg->announce);
        break;
    case DMASHARE_MSG_WITHDRAW:
        dmashare_peer_offer_withdrawn(peer, &msg->withdraw);
        break;
    case DMASHARE_MSG_CONTENT:
        dmashare_peer_offer_content(peer, &msg->content);
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

void dmashare_peer_lost(DmasharePeer *peer, const char *why)
{
    /* Attempts that fail as the one before did are not worth a word. */
    if (g_strcmp0(peer->why, why)) {
        dmashare_notify_peer(peer->notify, false, peer->device, why);
        g_free(peer->why);
        peer->why = g_strdup(why);
    }
    peer->phase = DMASHARE_PEER_AWAY;
    dmashare_peer_offers_remove(peer, ECONNRESET);
    peer->n_requests = 0;
    peer->n_releases = 0;
    g_clear_pointer(&peer->device, g_free);
    dmashare_peer_work(peer);
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

void dmashare_peer_reset(DmasharePeer *peer)
{
    dmashare_peer_foreign_forget(peer);
    dmashare_peer_foreign_renew(peer);
    dmashare_peer_work(peer);
}

void dmashare_peer_destroy(DmasharePeer *peer)
{
    if (peer->offers) {
        dmashare_peer_offers_remove(peer, ECONNRESET);
        dmashare_peer_foreign_forget(peer);
        g_clear_pointer(&peer->device, g_free);
        g_clear_pointer(&peer->why, g_free);
        g_clear_pointer(&peer->release, g_free);
        g_clear_pointer(&peer->offers, g_hash_table_destroy);
        g_clear_pointer(&peer->foreign, g_hash_table_destroy);
        g_clear_pointer(&peer->holds, g_hash_table_destroy);
        g_clear_pointer(&peer->by_server, g_hash_table_destroy);
    }
}
