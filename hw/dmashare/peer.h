/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: buffers of another VM
 *
 * The device as a client of another device's share server: what that
 * announces, what of it the driver knows as foreign buffers, and the holds that
 * the driver has of them. This room knows the protocol and no socket; messages
 * go out when there is room for them, each made from what is so at that time,
 * so that what a guest or a server can make it keep is bounded.
 */
#ifndef HW_DMASHARE_PEER_H
#define HW_DMASHARE_PEER_H

#include "hw/dmashare/event.h"
#include "hw/dmashare/peer-window.h"

/* Shares of the server that are kept in mind; those beyond do not exist. */
#define DMASHARE_PEER_MAX_OFFERS    4096
/* Requests that the server has not answered. */
#define DMASHARE_PEER_MAX_REQUESTS  512
/* Holds of the driver, unless shares have another limit. */
#define DMASHARE_PEER_MAX_HOLDS     1024
/* Errnos on the wire are below. */
#define DMASHARE_ERRNO_END          4096

/**
 * DmashareNote: what the driver has to be told of something
 * @link: in DmasharePeer.notes
 * @queued: it is there
 * @is_hold: it is of a DmasharePeerHold, else of a DmashareForeign
 */
typedef struct DmashareNote {
    QTAILQ_ENTRY(DmashareNote) link;
    bool queued;
    bool is_hold;
} DmashareNote;

/* What is to be told of a foreign buffer. */
#define DMASHARE_TELL_ANNOUNCE      (1 << 0)
#define DMASHARE_TELL_CONTENT       (1 << 1)
#define DMASHARE_TELL_WITHDRAW      (1 << 2)

typedef struct DmashareForeign DmashareForeign;
typedef struct DmasharePeerHold DmasharePeerHold;

/**
 * DmashareOfferState: how far we are with a share
 * @DMASHARE_OFFER_IDLE: it has no pages at present, or could not be opened
 * @DMASHARE_OFFER_WANTED: to be opened when there is room
 * @DMASHARE_OFFER_ASKED: OPEN was sent
 * @DMASHARE_OFFER_OPEN: we have its pages
 */
typedef enum DmashareOfferState {
    DMASHARE_OFFER_IDLE,
    DMASHARE_OFFER_WANTED,
    DMASHARE_OFFER_ASKED,
    DMASHARE_OFFER_OPEN,
} DmashareOfferState;

/**
 * DmashareOffer: a share of the server
 * @share: its id there
 * @generation: of its pages
 * @size: bytes
 * @path: enum dmashare_share_path
 * @writable: it may be opened for writing
 * @content: what was said of it; fourcc, width, height, stride, sequence, name
 * @state: how far we are with it
 * @serial: of the OPEN that asked
 * @pages: what was given for it, or NULL
 * @foreign: what the driver knows it as, or NULL
 * @subscribed: the driver wants to hold its contents
 * @told: the server has been told so
 * @telling: it is in DmasharePeer.subscriptions
 * @next_told: there
 * @wanted: in DmasharePeer.wanted
 */
typedef struct DmashareOffer {
    uint32_t share;
    uint32_t generation;
    uint64_t size;
    uint32_t path;
    bool writable;
    struct dmashare_peer_info content;
    DmashareOfferState state;
    uint32_t serial;
    DmasharePeerPages *pages;
    DmashareForeign *foreign;
    bool subscribed;
    bool told;
    bool telling;
    QTAILQ_ENTRY(DmashareOffer) next_told;
    QTAILQ_ENTRY(DmashareOffer) wanted;
} DmashareOffer;

/**
 * DmashareForeign: a foreign buffer, as the driver knows it
 * @note: to be told of it
 * @tell: what, DMASHARE_TELL_*
 * @info: as PEER_QUERY writes it, in the host's byte order
 * @error: it was withdrawn: the errno, 0 if the owner did
 * @offer: what it is, NULL once it was withdrawn
 * @mapped: it is in the window
 * @place: where
 * @content_hold: the server's hold of contents that nobody has acquired, or 0
 * @content_sequence: of those
 * @waiting: holds that want the next contents
 * @holds: all holds of it
 */
struct DmashareForeign {
    DmashareNote note;
    uint8_t tell;
    struct dmashare_peer_info info;
    uint32_t error;
    DmashareOffer *offer;
    bool mapped;
    DmasharePlace place;
    uint32_t content_hold;
    uint64_t content_sequence;
    QTAILQ_HEAD(, DmasharePeerHold) waiting;
    QLIST_HEAD(, DmasharePeerHold) holds;
};

/**
 * DmasharePeerHoldState: how far it is
 * @DMASHARE_PEER_HOLD_NEW: ACQUIRE is to be sent
 * @DMASHARE_PEER_HOLD_ASKED: it was sent
 * @DMASHARE_PEER_HOLD_PENDING: the server has it, and will grant it
 * @DMASHARE_PEER_HOLD_WAITING: it gets the next contents
 * @DMASHARE_PEER_HOLD_GRANTED: it was granted
 * @DMASHARE_PEER_HOLD_OVER: it has ended, which the driver is to be told
 */
typedef enum DmasharePeerHoldState {
    DMASHARE_PEER_HOLD_NEW,
    DMASHARE_PEER_HOLD_ASKED,
    DMASHARE_PEER_HOLD_PENDING,
    DMASHARE_PEER_HOLD_WAITING,
    DMASHARE_PEER_HOLD_GRANTED,
    DMASHARE_PEER_HOLD_OVER,
} DmasharePeerHoldState;

/**
 * DmasharePeerHold: a hold that the driver has of a foreign buffer
 * @note: to be told of it: that it was granted, or is over
 * @id: chosen by the driver
 * @flags: DMASHARE_PEER_ACQUIRE_F_*
 * @deadline: ns
 * @foreign: of which
 * @state: how far it is
 * @server: the server's id for it, or 0
 * @error: errno, once it is over
 * @sequence: of the contents, once it was granted
 * @next: in DmasharePeer.acquires, or in DmashareForeign.waiting
 * @of: in DmashareForeign.holds
 */
struct DmasharePeerHold {
    DmashareNote note;
    uint32_t id;
    uint32_t flags;
    uint64_t deadline;
    DmashareForeign *foreign;
    DmasharePeerHoldState state;
    uint32_t server;
    uint32_t error;
    uint64_t sequence;
    QTAILQ_ENTRY(DmasharePeerHold) next;
    QLIST_ENTRY(DmasharePeerHold) of;
};

/**
 * DmasharePeerRequest: one that was sent and not answered; they are in order
 * @type: enum dmashare_msg_type
 * @serial: of it
 * @share: that it is about, of OPEN
 * @hold: that it is about, of ACQUIRE; NULL if the driver has given it up
 * @error: errno that it was given up with
 */
typedef struct DmasharePeerRequest {
    uint32_t type;
    uint32_t serial;
    uint32_t share;
    DmasharePeerHold *hold;
    uint32_t error;
} DmasharePeerRequest;

/**
 * DmasharePeerRelease: a hold of the server's to be released
 * @hold: the server's id
 * @error: errno, or 0
 */
typedef struct DmasharePeerRelease {
    uint32_t hold;
    uint32_t error;
} DmasharePeerRelease;

/**
 * DmasharePeerPhase: how far a connection is
 * @DMASHARE_PEER_AWAY: there is none
 * @DMASHARE_PEER_GREETING: HELLO was sent
 * @DMASHARE_PEER_ANNOUNCING: WELCOME has come
 * @DMASHARE_PEER_READY: all that there was has been announced
 */
typedef enum DmasharePeerPhase {
    DMASHARE_PEER_AWAY,
    DMASHARE_PEER_GREETING,
    DMASHARE_PEER_ANNOUNCING,
    DMASHARE_PEER_READY,
} DmasharePeerPhase;

/**
 * DmasharePeerOps: the connection
 * @room: how many messages can be sent now
 * @send: send one; there is room
 * @hang_up: the connection is to end for a reason in one line for people; it
 *           does so by dmashare_peer_lost(), and not from inside of this
 */
typedef struct DmasharePeerOps {
    unsigned (*room)(void *opaque);
    void (*send)(void *opaque, const struct dmashare_msg *msg);
    void (*hang_up)(void *opaque, const char *why);
} DmasharePeerOps;

/**
 * DmasharePeer: the buffers of another VM, as one device knows them
 * @window: where they are shown
 * @events: where the driver is told of them
 * @notify: who is told of the connection
 * @max_holds: of the driver
 * @source: of events
 * @address: where the other device's share server is, or NULL
 * @ops: the connection, while @phase is not AWAY
 * @opaque: passed to them
 * @phase: how far it is
 * @over: hang_up was called, and nothing is done for it any more
 * @why: there is no connection, or NULL
 * @device: at the other end, or NULL
 * @max_open: buffers that the server lets us open
 * @next_id: of a foreign buffer
 * @serial: of the last request
 * @offers: share to DmashareOffer
 * @wanted: those to be opened
 * @n_asked: those in state ASKED
 * @n_open: those in state OPEN
 * @foreign: id to DmashareForeign
 * @holds: id to DmasharePeerHold
 * @by_server: the server's id to DmasharePeerHold
 * @acquires: holds in state NEW
 * @subscriptions: offers of which the server is to be told whether they are
 *                 subscribed
 * @release: ring of what is to be released: holds of the driver, and what the
 *           server gave without being asked
 * @max_releases: entries of the ring
 * @release_first: of the ring
 * @n_releases: in the ring
 * @request: ring of what was sent
 * @request_first: of the ring
 * @n_requests: in the ring
 * @notes: what the driver is to be told, in order
 */
typedef struct DmasharePeer {
    DmasharePeerWindow *window;
    DmashareEvents *events;
    const DmashareNotify *notify;
    uint32_t max_holds;
    DmashareEventSource source;
    const char *address;
    const DmasharePeerOps *ops;
    void *opaque;
    DmasharePeerPhase phase;
    bool over;
    char *why;
    char *device;
    uint32_t max_open;
    uint32_t next_id;
    uint32_t serial;
    GHashTable *offers;
    QTAILQ_HEAD(, DmashareOffer) wanted;
    unsigned n_asked;
    unsigned n_open;
    GHashTable *foreign;
    GHashTable *holds;
    GHashTable *by_server;
    QTAILQ_HEAD(, DmasharePeerHold) acquires;
    QTAILQ_HEAD(, DmashareOffer) subscriptions;
    DmasharePeerRelease *release;
    unsigned max_releases;
    unsigned release_first;
    unsigned n_releases;
    DmasharePeerRequest request[DMASHARE_PEER_MAX_REQUESTS];
    unsigned request_first;
    unsigned n_requests;
    QTAILQ_HEAD(, DmashareNote) notes;
} DmasharePeer;

/* The pointers to other rooms are set. */
void dmashare_peer_init(DmasharePeer *peer);
void dmashare_peer_destroy(DmasharePeer *peer);
/* The driver knows nothing any more, and is told of everything anew. */
void dmashare_peer_reset(DmasharePeer *peer);

/*
 * The connection; in brackets of dmashare_core_enter() and _leave(). A message
 * is well-formed, and its descriptors are the room's from now on.
 */
void dmashare_peer_connected(DmasharePeer *peer, const DmasharePeerOps *ops,
                             void *opaque, const char *name);
void dmashare_peer_message(DmasharePeer *peer, const struct dmashare_msg *msg,
                           const int *fds, unsigned n_fds);
void dmashare_peer_room(DmasharePeer *peer);
/* There is none any more, or still none. */
void dmashare_peer_lost(DmasharePeer *peer, const char *why);

/* Commands; what they name was not checked yet. */
DmashareForeign *dmashare_peer_find(DmasharePeer *peer, uint32_t id);
uint16_t dmashare_peer_map(DmasharePeer *peer, uint32_t id, uint32_t flags,
                           uint64_t offset);
uint16_t dmashare_peer_unmap(DmasharePeer *peer, uint32_t id);
uint16_t dmashare_peer_acquire(DmasharePeer *peer, uint32_t id, uint32_t flags,
                               uint32_t hold, uint64_t deadline);
uint16_t dmashare_peer_release(DmasharePeer *peer, uint32_t hold,
                               uint32_t error);

#endif /* HW_DMASHARE_PEER_H */
