/*
 * libqos helpers for dmashare: a client of the share server, and the commands
 * with which the guest shares
 *
 * The client is the test's own process: it speaks the protocol itself, message
 * by message, so that it can also break it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_CLIENT_H
#define LIBQOS_DMASHARE_CLIENT_H

#include "dmashare/share.h"
#include "dmashare-machine.h"

/* Descriptors that a client takes with one message. */
#define QDMASHARE_CLIENT_FDS    2

/* A connection; messages in the byte order of the wire. */
typedef struct QDmashareClient {
    int fd;
    uint32_t serial;            /* of the last request */
    GQueue *notices;            /* struct dmashare_msg that nobody asked for */
    int fds[QDMASHARE_CLIENT_FDS]; /* of the last answer: the test's to close */
    unsigned n_fds;
} QDmashareClient;

/* A share server's socket in a folder of its own. */
typedef struct QDmashareSocket {
    char *dir;
    char *path;
} QDmashareSocket;

QDmashareSocket *qdmashare_socket_new(void);
void qdmashare_socket_free(QDmashareSocket *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmashareSocket, qdmashare_socket_free)

/* Connect, and no more. */
QDmashareClient *qdmashare_client_connect(const char *path);
/* Connect and be welcome; WELCOME goes to @welcome if that is not NULL. */
QDmashareClient *qdmashare_client_new(const char *path,
                                      struct dmashare_msg *welcome);
void qdmashare_client_free(QDmashareClient *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmashareClient, qdmashare_client_free)

/* A message of that type with nothing in it. */
struct dmashare_msg qdmashare_msg(uint32_t type, uint32_t serial);

/* All of the bytes, with a descriptor unless @fd is -1. */
void qdmashare_client_send(QDmashareClient *c, const void *bytes, size_t len,
                           int fd);
/*
 * The next message, whatever it is, with its descriptors; waits for it. False:
 * the connection is over.
 */
bool qdmashare_client_read(QDmashareClient *c, struct dmashare_msg *msg);
/* Is there one, or the end, within so many ms? */
bool qdmashare_client_readable(QDmashareClient *c, int ms);

/* A request with the next serial, and its answer; notices are kept. */
struct dmashare_msg qdmashare_client_ask(QDmashareClient *c,
                                         struct dmashare_msg msg);
/* The same where the answer must be of that type. */
struct dmashare_msg qdmashare_client_do(QDmashareClient *c,
                                        struct dmashare_msg msg,
                                        uint32_t type);
/* ... or ERROR; returns the errno, and its line is not empty. */
unsigned qdmashare_client_error(QDmashareClient *c, struct dmashare_msg msg);
/* The next notice, which must be of that type; waits for it. */
struct dmashare_msg qdmashare_client_notice(QDmashareClient *c, uint32_t type);
/*
 * Nothing more has come. The server answers in order, so that a request that
 * is answered says that what was on its way before is here.
 */
void qdmashare_client_assert_quiet(QDmashareClient *c);
/* What is last is ERROR with serial 0 and this errno, and then the end. */
void qdmashare_client_assert_refused(QDmashareClient *c, unsigned error);

/* Requests */
struct dmashare_msg qdmashare_msg_open(uint32_t share, uint32_t generation,
                                       uint32_t flags);
struct dmashare_msg qdmashare_msg_close(uint32_t share);
struct dmashare_msg qdmashare_msg_subscribe(uint32_t share, uint32_t on);
struct dmashare_msg qdmashare_msg_acquire(uint32_t share, uint32_t flags,
                                          uint64_t deadline);
struct dmashare_msg qdmashare_msg_release(uint32_t hold, uint32_t error);

/* Be told of a share that is there: ANNOUNCE, and READY if it is the first. */
struct dmashare_msg qdmashare_client_announced(QDmashareClient *c);
/* OPEN what was announced; what was OPENED. */
struct dmashare_msg qdmashare_client_open(QDmashareClient *c,
                                          const struct dmashare_msg *announce,
                                          uint32_t flags);
/* ACQUIRE; the hold. */
uint32_t qdmashare_client_acquire(QDmashareClient *c, uint32_t share,
                                  uint32_t flags, uint64_t deadline);
/* Close the descriptors of the last answer. */
void qdmashare_client_close_fds(QDmashareClient *c);

/* The guest's commands; the completion. */
struct dmashare_completion qdmashare_share(QDmashare *d, uint32_t buffer,
                                           uint32_t mapping, uint32_t flags);
struct dmashare_completion qdmashare_unshare(QDmashare *d, uint32_t buffer,
                                             uint32_t flags);
struct dmashare_completion qdmashare_publish(QDmashare *d, uint32_t buffer,
                                             uint32_t hold, uint64_t sequence,
                                             uint64_t deadline);
struct dmashare_completion qdmashare_grant(QDmashare *d, uint32_t hold,
                                           uint32_t error);

/* The next event is of that type, buffer, hold, status and offset. */
void qdmashare_assert_event(QDmashare *d, unsigned type, uint32_t buffer,
                            uint32_t hold, unsigned status, uint64_t offset);

#endif
