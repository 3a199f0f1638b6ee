/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: sharing outside of the VM
 *
 * What the guest shares, who has it, and who holds it. The guest's side of it
 * are commands and events, the clients' side are the calls below and notices
 * that are taken out one by one. Knows no sockets and no PCI.
 *
 * Nobody waits for anybody here: what a client, or the driver, has not been
 * told yet is kept as the state that it is about, so that its size does not
 * depend on how slowly anybody listens.
 */
#ifndef HW_DMASHARE_SHARE_H
#define HW_DMASHARE_SHARE_H

#include "hw/dmashare/event.h"
#include "hw/dmashare/pages.h"

typedef struct DmashareShares DmashareShares;
typedef struct DmashareShare DmashareShare;
typedef struct DmashareShareView DmashareShareView;
typedef struct DmashareShareClient DmashareShareClient;
typedef struct DmashareShareHold DmashareShareHold;
typedef struct DmasharePublication DmasharePublication;

typedef QTAILQ_HEAD(, DmashareShareView) DmashareShareViews;
typedef QTAILQ_HEAD(, DmashareShareHold) DmashareShareHolds;

/* Descriptors that one client can have asked for with ACQUIRE, and not read. */
#define DMASHARE_SHARE_CLIENT_FDS   16

/**
 * DmashareShareRequest: what SHARE asks for; fields as its body's
 */
typedef struct DmashareShareRequest {
    uint32_t buffer;
    uint32_t mapping;
    uint32_t flags;
    uint32_t fourcc;
    uint32_t width;
    uint32_t height;
    uint32_t stride;
    char name[DMASHARE_NAME_LEN];
} DmashareShareRequest;

/**
 * DmashareShare: a buffer that is shared
 * @id: for clients; never used again
 * @generation: counts its pages
 * @what: as SHARE said it, the name filled in
 * @size: bytes
 * @sequence: of the last contents, 0: none
 * @pages: of this generation, or NULL
 * @closing: they are not given out any more
 * @published: whose contents are held by clients, or NULL
 * @views: of all clients
 * @link: in DmashareShares.all
 */
struct DmashareShare {
    uint32_t id;
    uint32_t generation;
    DmashareShareRequest what;
    uint64_t size;
    uint64_t sequence;
    DmasharePages *pages;
    bool closing;
    DmasharePublication *published;
    DmashareShareViews views;
    QTAILQ_ENTRY(DmashareShare) link;
};

/**
 * DmashareShareView: a share, as one client knows it
 * @client: that client
 * @share: the share; NULL once it is gone and the client is to be told so
 * @id: of the share
 * @announced: the client has been told of it
 * @has_pages: and that it has pages
 * @generation: that the client was told of last
 * @open: the client was given the pages
 * @write: for writing
 * @subscribed: the client holds new contents
 * @tell_withdraw: the client is to be told that they are gone
 * @reason: enum dmashare_withdraw_reason, of that
 * @cut: DMASHARE_WITHDRAW_F_CUT, of that
 * @tell_announce: the client is to be told what there is
 * @tell_content: the client is to be told of new contents
 * @content: its hold of those, which it is told of with them, or NULL
 * @holds: of the client, of this share
 * @link: in DmashareShare.views
 * @pending: in DmashareShareClient.pending
 */
struct DmashareShareView {
    DmashareShareClient *client;
    DmashareShare *share;
    uint32_t id;
    bool announced;
    bool has_pages;
    uint32_t generation;
    bool open;
    bool write;
    bool subscribed;
    bool tell_withdraw;
    uint32_t reason;
    bool cut;
    bool tell_announce;
    bool tell_content;
    DmashareShareHold *content;
    DmashareShareHolds holds;
    QTAILQ_ENTRY(DmashareShareView) link;
    QTAILQ_ENTRY(DmashareShareView) pending;
};

/**
 * DmashareShareHold: a hold of one client
 * @id: for the client, and unless it is one of contents for the driver
 * @view: who holds what
 * @publication: of the contents held, NULL if the client asked for the hold
 * @flags: DMASHARE_ACQUIRE_F_*
 * @deadline: ns from GRANT on
 * @expires: device time, INT64_MAX: not
 * @asked: the driver has been sent SHARE_ACQUIRE
 * @granted: and has granted it
 * @told: the client knows of it
 * @over: the driver has no part in it any more
 * @tell_granted: the client is to be told that
 * @tell_ended: the client is to be told that it is over
 * @granted_error: what it is told
 * @granted_sequence: likewise
 * @ended_error: likewise
 * @fd: a pipe for the same news, or -1
 * @link: in DmashareShareView.holds
 * @asking: in DmashareShares.asking, until it is @asked
 * @pending: in DmashareShareClient.pending_holds
 */
struct DmashareShareHold {
    uint32_t id;
    DmashareShareView *view;
    DmasharePublication *publication;
    uint32_t flags;
    uint64_t deadline;
    int64_t expires;
    bool asked;
    bool granted;
    bool told;
    bool over;
    bool tell_granted;
    bool tell_ended;
    uint32_t granted_error;
    uint64_t granted_sequence;
    uint32_t ended_error;
    int fd;
    QTAILQ_ENTRY(DmashareShareHold) link;
    QTAILQ_ENTRY(DmashareShareHold) asking;
    QTAILQ_ENTRY(DmashareShareHold) pending;
};

/**
 * DmasharePublication: contents that clients hold
 * @id: chosen by the driver
 * @share: whose contents
 * @holders: clients that have not released them
 * @error: the first errno that one released them with
 * @expires: device time
 * @expired: it has come
 */
struct DmasharePublication {
    uint32_t id;
    DmashareShare *share;
    uint32_t holders;
    uint32_t error;
    int64_t expires;
    bool expired;
};

/**
 * DmashareShareDone: a hold that is over, of which the driver is to be told
 * @buffer: of the hold
 * @hold: the driver's name for it
 * @status: enum dmashare_status
 * @error: errno
 * @next: in DmashareShares.done
 */
typedef struct DmashareShareDone {
    uint32_t buffer;
    uint32_t hold;
    uint16_t status;
    uint32_t error;
    QTAILQ_ENTRY(DmashareShareDone) next;
} DmashareShareDone;

/**
 * DmashareShareRetired: pages of a buffer that is not shared any more
 * @buffer: that buffer
 * @mapping: that they were found through, and which has not ended
 * @pages: the pages
 * @link: in DmashareShares.retired
 */
typedef struct DmashareShareRetired {
    uint32_t buffer;
    uint32_t mapping;
    DmasharePages *pages;
    QTAILQ_ENTRY(DmashareShareRetired) link;
} DmashareShareRetired;

/**
 * DmashareShareClientOps: what the owner of a client is told
 * @kick: there is something to be taken with dmashare_share_client_next().
 *        May be called from anywhere, and must do nothing else than to have
 *        that done later
 */
typedef struct DmashareShareClientOps {
    void (*kick)(void *opaque);
} DmashareShareClientOps;

/**
 * DmashareShareClient: somebody outside
 * @shares: of which device
 * @number: for people and the journal; never used again
 * @ops: of its owner
 * @opaque: passed to them
 * @views: of every share, by the share's id
 * @pending: views that there is something to tell of
 * @pending_holds: likewise
 * @ready: it has been told all there was
 * @n_open: buffers open
 * @n_holds: holds that it asked for and that are not forgotten
 * @n_fds: of those that have a pipe
 * @link: in DmashareShares.clients
 */
struct DmashareShareClient {
    DmashareShares *shares;
    uint32_t number;
    const DmashareShareClientOps *ops;
    void *opaque;
    GHashTable *views;
    DmashareShareViews pending;
    DmashareShareHolds pending_holds;
    bool ready;
    uint32_t n_open;
    uint32_t n_holds;
    uint32_t n_fds;
    QTAILQ_ENTRY(DmashareShareClient) link;
};

/**
 * DmashareShareOps: what the room needs of those above
 * @now: device time
 * @alarm: let dmashare_shares_expire() be called at that time, and only then
 */
typedef struct DmashareShareOps {
    int64_t (*now)(void *opaque);
    void (*alarm)(void *opaque, int64_t when);
} DmashareShareOps;

/**
 * DmashareShareLimits: what there can be at once; constant
 * @enabled: the device has FEATURE_SHARE
 * @max_shares: shares
 * @max_holds: holds that the driver knows of, or will hear of
 * @max_size: bytes of one buffer
 */
typedef struct DmashareShareLimits {
    bool enabled;
    uint32_t max_shares;
    uint32_t max_holds;
    uint64_t max_size;
} DmashareShareLimits;

/**
 * DmashareShares: all of one device
 * @limits: constant
 * @host: how pages are passed
 * @buffers: the device's
 * @mappings: likewise
 * @events: likewise
 * @journal: likewise, or NULL
 * @ops: callbacks
 * @opaque: passed to them
 * @source: of the events of this room
 * @by_buffer: buffer id to DmashareShare
 * @all: the same, in the order in which they came
 * @clients: likewise
 * @holds: id to DmashareShareHold
 * @publications: the driver's id to DmasharePublication
 * @asking: holds that SHARE_ACQUIRE has to be sent for
 * @done: what SHARE_DONE has to be sent for
 * @retired: pages that UNSHARE can still discard, the latest ones
 * @n_retired: of those, as many as shares at most
 * @n_holds: of the driver: asked for and not over, publications, @done
 * @alarm: the next time at which something expires
 * @next_share: id
 * @next_hold: id
 * @next_client: number
 */
struct DmashareShares {
    DmashareShareLimits limits;
    DmasharePageHost *host;
    DmashareBuffers *buffers;
    DmashareMappings *mappings;
    DmashareEvents *events;
    DmashareJournal *journal;
    const DmashareShareOps *ops;
    void *opaque;
    DmashareEventSource source;
    GHashTable *by_buffer;
    QTAILQ_HEAD(, DmashareShare) all;
    QTAILQ_HEAD(, DmashareShareClient) clients;
    GHashTable *holds;
    GHashTable *publications;
    DmashareShareHolds asking;
    QTAILQ_HEAD(, DmashareShareDone) done;
    QTAILQ_HEAD(, DmashareShareRetired) retired;
    uint32_t n_retired;
    uint32_t n_holds;
    int64_t alarm;
    uint32_t next_share;
    uint32_t next_hold;
    uint32_t next_client;
};

/*
 * The device's side. All of it, and of the clients', in brackets of
 * dmashare_core_enter() and _leave().
 */

/* The members from @limits to @opaque are set. */
void dmashare_shares_init(DmashareShares *shares);
/* All shares are withdrawn, and the driver is told nothing any more. */
void dmashare_shares_reset(DmashareShares *shares);
/* There are no clients any more. */
void dmashare_shares_destroy(DmashareShares *shares);
/* It is the time of the alarm. */
void dmashare_shares_expire(DmashareShares *shares);

/* The share of a buffer, or NULL. */
DmashareShare *dmashare_share_find(DmashareShares *shares, uint32_t buffer);
/* The buffer of a hold that GRANT may name, or DMASHARE_NO_ID. */
uint32_t dmashare_share_hold_buffer(DmashareShares *shares, uint32_t hold);

/*
 * SHARE: check what it says (its flags are valid), which finds the mapping;
 * commit takes over the reference to @pages, that were made of it, and returns
 * the share's id.
 */
uint16_t dmashare_share_check(DmashareShares *shares,
                              const DmashareShareRequest *req,
                              DmashareMapping **map);
uint32_t dmashare_share_commit(DmashareShares *shares,
                               const DmashareShareRequest *req,
                               DmasharePages *pages);

/*
 * UNSHARE: from stop on nobody is given the pages, and nobody holds them any
 * more. Withdraw tells the clients, and lets go of the pages and, unless
 * @reason is MOVED, of the share. Stop may have been called before.
 */
void dmashare_share_stop(DmashareShares *shares, DmashareShare *share);
void dmashare_share_withdraw(DmashareShares *shares, DmashareShare *share,
                             enum dmashare_withdraw_reason reason);
/*
 * The share goes, and its pages are kept for an UNSHARE that discards them
 * later; which takes them, if they are there.
 */
void dmashare_share_retire(DmashareShares *shares, DmashareShare *share);
DmasharePages *dmashare_share_retired(DmashareShares *shares, uint32_t buffer);
/* A mapping has ended: what was shared through it has no pages any more. */
void dmashare_share_unmapped(DmashareShares *shares,
                             const DmashareMapping *map);
/* A buffer has gone. */
void dmashare_share_destroyed(DmashareShares *shares, uint32_t buffer);

/* PUBLISH and GRANT; @holders is the number of clients that hold it. */
uint16_t dmashare_share_publish(DmashareShares *shares, uint32_t buffer,
                                uint32_t hold, uint64_t sequence,
                                uint64_t deadline, uint32_t *holders);
uint16_t dmashare_share_grant(DmashareShares *shares, uint32_t hold,
                              uint32_t error);

/*
 * The clients' side. What can be refused returns 0 or an errno, with a line for
 * people; after an errno nothing has changed.
 */

/* A client, which has everything to be told. */
DmashareShareClient *dmashare_share_client_new(
    DmashareShares *shares, const DmashareShareClientOps *ops, void *opaque);
/* It has vanished: all that it holds is released with ECONNRESET. */
void dmashare_share_client_free(DmashareShareClient *client);

/* Take the next notice for it. False if there is none. */
bool dmashare_share_client_next(DmashareShareClient *client,
                                struct dmashare_msg *msg);

/* @fds: of OPENED, the caller's to close; *@n_fds of them, 2 at most. */
int dmashare_share_client_open(DmashareShareClient *client, uint32_t share,
                               uint32_t generation, uint32_t flags,
                               struct dmashare_msg_opened *opened, int *fds,
                               unsigned *n_fds, Error **errp);
int dmashare_share_client_close(DmashareShareClient *client, uint32_t share,
                                Error **errp);
int dmashare_share_client_subscribe(DmashareShareClient *client,
                                    uint32_t share, bool on, Error **errp);
/* @fd: of ACQUIRED, the caller's to close, or -1. */
int dmashare_share_client_acquire(DmashareShareClient *client, uint32_t share,
                                  uint32_t flags, uint64_t deadline,
                                  uint32_t *hold, int *fd, Error **errp);
int dmashare_share_client_release(DmashareShareClient *client, uint32_t hold,
                                  uint32_t error, Error **errp);

#endif /* HW_DMASHARE_SHARE_H */
