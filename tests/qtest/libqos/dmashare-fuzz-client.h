/*
 * One hostile client of the share server: what it knows, and what it reads
 *
 * Of dmashare-share-fuzz.c, which decides what it says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_FUZZ_CLIENT_H
#define LIBQOS_DMASHARE_FUZZ_CLIENT_H

#include "dmashare/share.h"
#include "dmashare-share-fuzz.h"

#define FUZZ_PATIENCE_MS     120000  /* an answer takes microseconds */
#define FUZZ_SHARES          64      /* that a client remembers */
#define FUZZ_REQUESTS        4096    /* that may be unanswered */
#define FUZZ_FDS             16      /* more than ever belong to one message */
#define FUZZ_PAGE 4096

/* What the server has to make of something that was sent. */
typedef enum FuzzFate {
    FATE_ANSWER,                /* answer it, with ERROR or not */
    FATE_END,                   /* ERROR EPROTO, and the connection's end */
    FATE_EITHER,                /* the header leaves it open */
} FuzzFate;

typedef struct FuzzRequest {
    uint32_t serial;
    uint32_t type;
    uint32_t share;
    uint32_t flags;
} FuzzRequest;

typedef struct FuzzShare {
    uint32_t id;                /* 0: none */
    uint32_t generation;
    uint32_t flags;
    uint64_t size;
    bool open;
    bool subscribed;
} FuzzShare;

typedef struct FuzzClient {
    QDmashareFuzz *fuzz;
    unsigned number;
    uint64_t random;
    int fd;                     /* -1: not connected */
    bool welcome;
    bool doomed;                /* what was sent must end the connection */
    bool ended;                 /* ... and the ERROR that says so has come */
    bool unsure;                /* it may end, or be answered oddly */
    uint32_t serial;
    FuzzShare share[FUZZ_SHARES];
    uint32_t hold[FUZZ_SHARES];
    FuzzRequest request[FUZZ_REQUESTS]; /* a ring */
    unsigned first, pending;
    int idle[2];                /* other sockets, which say nothing */
    int pipe;                   /* of an ACQUIRE_F_FD, or -1 */
    struct dmashare_msg in;     /* as far as it has come */
    size_t have;
    int in_fd[FUZZ_FDS];
    unsigned n_in_fd;
    char doing[80];
    QDmashareFuzzCount count;
} FuzzClient;

struct QDmashareFuzz {
    char *socket;
    uint64_t seed;
    uint64_t messages;          /* to be sent by all together */
    uint64_t sent;              /* atomic */
    bool stop;                  /* atomic */
    unsigned running;           /* atomic */
    bool paced;
    uint64_t allowed;           /* to be sent for now, if paced */
    GMutex lock;                /* of these two */
    GCond more;
    unsigned n;
    GThread **thread;
    FuzzClient *client;
};

/* The server is at fault: says how, and aborts. */
void G_NORETURN G_GNUC_PRINTF(2, 3) fuzz_fault(FuzzClient *c, const char *fmt,
                                               ...);
/* What the client does at the moment, for that. */
void G_GNUC_PRINTF(2, 3) fuzz_doing(FuzzClient *c, const char *fmt, ...);

/* Repeatable chance. */
uint64_t fuzz_roll(FuzzClient *c, uint64_t n);
bool fuzz_chance(FuzzClient *c, unsigned percent);

/* One of those that the client knows of: NULL, or 0, if there is none. */
FuzzShare *fuzz_share_any(FuzzClient *c);
uint32_t fuzz_hold_any(FuzzClient *c);

/* Read more; false: there is nothing, or no connection any more. */
bool fuzz_receive(FuzzClient *c, bool wait);
/* Read until everything has its answer, and the end if that must come. */
void fuzz_settle(FuzzClient *c);
/* Close the connection, and all that belongs to it. */
void fuzz_forget(FuzzClient *c);

#endif
