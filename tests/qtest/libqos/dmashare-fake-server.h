/*
 * libqos helpers for dmashare: a share server played by the test
 *
 * It says what the test has it say, right or wrong, and has the memory that it
 * passes mapped. Nothing in it waits for ever.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_FAKE_SERVER_H
#define LIBQOS_DMASHARE_FAKE_SERVER_H

#include "dmashare/share.h"
#include "dmashare-machine.h"

/* What it calls its device. */
#define QDMASHARE_FAKE_DEVICE   "owner"

typedef struct QDmashareFake {
    char *dir;
    char *path;                 /* of the socket */
    int listener;
    int fd;                     /* the connection, or -1 */
    uint32_t marks;             /* shares that mark a place in the stream */
} QDmashareFake;

/* Listens, and the connection is free of charge; free with _free(). */
QDmashareFake *qdmashare_fake_new(void);
void qdmashare_fake_free(QDmashareFake *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmashareFake, qdmashare_fake_free)

/* A machine with a device whose peer it is, which has more properties. */
QDmashareMachine *qdmashare_fake_machine(QDmashareFake *s,
                                         const char *properties);

/* Take the device's connection. */
void qdmashare_fake_accept(QDmashareFake *s);
/* The same, and what comes before the announcements. */
void qdmashare_fake_welcome(QDmashareFake *s);
void qdmashare_fake_hang_up(QDmashareFake *s);
/* The device has closed the connection, whatever it sent before. */
void qdmashare_fake_dropped(QDmashareFake *s);

/* Any message, with its descriptors, which stay the test's. */
void qdmashare_fake_send(QDmashareFake *s, const struct dmashare_msg *msg,
                         const int *fds, unsigned n_fds);
/* Its first byte, with the descriptors. */
void qdmashare_fake_begin(QDmashareFake *s, const struct dmashare_msg *msg,
                          const int *fds, unsigned n_fds);
/* Bytes that need not be one. */
void qdmashare_fake_bytes(QDmashareFake *s, const void *bytes, size_t len);
/* The next message, which must be of this type, in the host's byte order. */
struct dmashare_msg qdmashare_fake_expect(QDmashareFake *s, uint32_t type);
/* The device has taken all that was sent, and has nothing to say to it. */
void qdmashare_fake_sync(QDmashareFake *s);

/* Messages in the host's byte order; to be filled in and sent. */
struct dmashare_msg qdmashare_fake_msg(uint32_t type, uint32_t serial);
/* Answers to a request. */
void qdmashare_fake_done(QDmashareFake *s, const struct dmashare_msg *request);
void qdmashare_fake_error(QDmashareFake *s, const struct dmashare_msg *request,
                          uint32_t error);
void qdmashare_fake_acquired(QDmashareFake *s,
                             const struct dmashare_msg *request,
                             uint32_t share, uint32_t hold);
/* To the request that comes next, which must be SUBSCRIBE. */
void qdmashare_fake_subscribed(QDmashareFake *s, uint32_t share, bool on);
/* Notices. */
void qdmashare_fake_ready(QDmashareFake *s);
void qdmashare_fake_announce(QDmashareFake *s, uint32_t share,
                             uint32_t generation, uint64_t size, bool write);
void qdmashare_fake_withdraw(QDmashareFake *s, uint32_t share,
                             uint32_t generation, uint32_t reason);
void qdmashare_fake_content(QDmashareFake *s, uint32_t share,
                            uint32_t generation, uint64_t sequence,
                            uint32_t hold);
void qdmashare_fake_granted(QDmashareFake *s, uint32_t share, uint32_t hold,
                            uint32_t error, uint64_t sequence);
void qdmashare_fake_ended(QDmashareFake *s, uint32_t share, uint32_t hold,
                          uint32_t error);

/* A memory file that holds noise, sealed like this; mapped at *bytes. */
int qdmashare_fake_memory(uint64_t size, int seals, uint8_t **bytes);

/*
 * Announce a share of generation 1, and give what the device asks for: the
 * range of the memory file from @offset on. What the driver is told of it.
 */
uint32_t qdmashare_fake_share(QDmashareFake *s, QDmashare *d, uint32_t share,
                              int fd, uint64_t offset, uint64_t size,
                              bool write);
/* Answer the OPEN that comes next. */
void qdmashare_fake_opened(QDmashareFake *s, uint32_t share, uint64_t size,
                           bool write, int fd, uint64_t offset);

/* The next event of the device, which comes within seconds. */
struct dmashare_event qdmashare_fake_event(QDmashare *d, unsigned type);
/* The same, of that foreign buffer or hold, with that number or errno. */
struct dmashare_event qdmashare_fake_event_of(QDmashare *d, unsigned type,
                                              uint32_t id, uint64_t number);

/* Commands; their status. */
unsigned qdmashare_peer_map(QDmashare *d, uint32_t peer, uint32_t flags,
                            uint64_t offset);
unsigned qdmashare_peer_unmap(QDmashare *d, uint32_t peer);
unsigned qdmashare_peer_acquire(QDmashare *d, uint32_t peer, uint32_t flags,
                                uint32_t hold, uint64_t deadline);
unsigned qdmashare_peer_release(QDmashare *d, uint32_t hold, uint32_t error);
/* What the device says of a foreign buffer. */
struct dmashare_peer_info qdmashare_peer_info(QDmashare *d, uint32_t peer);
/* A buffer and a mapping for the engines of a piece of the window. */
void qdmashare_peer_buf(QDmashare *d, uint32_t id, uint64_t offset,
                        uint64_t size, unsigned direction);

#endif
