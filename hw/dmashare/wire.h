/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: messages of the share protocol over a socket
 *
 * One end of a connection, of either side: whole messages come out of it whose
 * form has been checked, and go into a queue of constant size. Nothing here
 * ever blocks, and nothing here knows what a message means. The owner is only
 * ever called back from the main loop, never from inside of a call of its own.
 */
#ifndef HW_DMASHARE_WIRE_H
#define HW_DMASHARE_WIRE_H

#include "io/channel-socket.h"
#include "hw/dmashare/message.h"

typedef struct DmashareWire DmashareWire;

/* Messages that wait until the other side reads; 32 KiB. */
#define DMASHARE_WIRE_QUEUE     256
/* File descriptors that wait with them. */
#define DMASHARE_WIRE_QUEUE_FDS 16
/* File descriptors of one message. */
#define DMASHARE_WIRE_FDS       2

/**
 * DmashareWireSide: who we are
 * @DMASHARE_WIRE_SERVER: requests come in
 * @DMASHARE_WIRE_CLIENT: answers and notices come in
 */
typedef enum DmashareWireSide {
    DMASHARE_WIRE_SERVER,
    DMASHARE_WIRE_CLIENT,
} DmashareWireSide;

/**
 * DmashareWireOps: what the owner of an end is told
 * @message: a message has come, well-formed and of a type that this side may
 *           be sent; @fds are @n_fds descriptors, the owner's from now on
 * @room: messages have left the queue; may be NULL
 * @closed: it is over, @why being one line for people: the other side has gone,
 *          or a read or a write failed. Called once, and not after
 *          dmashare_wire_free(). Nothing can be sent any more
 * @broken: what came is no message of the protocol, @why being one line for
 *          people; nothing is read any more. Called once at most
 *
 * Each may call dmashare_wire_free().
 */
typedef struct DmashareWireOps {
    void (*message)(void *opaque, const struct dmashare_msg *msg,
                    const int *fds, unsigned n_fds);
    void (*room)(void *opaque);
    void (*closed)(void *opaque, const char *why);
    void (*broken)(void *opaque, const char *why);
} DmashareWireOps;

/* Our end of a connected socket, of which it takes a reference. */
DmashareWire *dmashare_wire_new(QIOChannelSocket *sioc, DmashareWireSide side,
                                const DmashareWireOps *ops, void *opaque);
/* What is in the queue is not sent. NULL is fine. */
void dmashare_wire_free(DmashareWire *wire);

/*
 * Send a message, whose descriptors belong to the wire from now on, whatever
 * is returned: false if the queue is full, or the connection is over.
 */
bool dmashare_wire_send(DmashareWire *wire, const struct dmashare_msg *msg,
                        const int *fds, unsigned n_fds);
/* How many messages without descriptors the queue has room for. */
unsigned dmashare_wire_room(const DmashareWire *wire);
/* Read no more; call closed() when what is in the queue has been sent. */
void dmashare_wire_finish(DmashareWire *wire);

/* An ERROR. */
void G_GNUC_PRINTF(4, 5)
dmashare_wire_error(struct dmashare_msg *msg, uint32_t serial, int error,
                    const char *fmt, ...);

/*
 * Is this message well-formed, in a stream that @side reads? NULL, or what is
 * wrong with it, in a line for people.
 */
const char *dmashare_wire_check(const struct dmashare_msg *msg, unsigned n_fds,
                                DmashareWireSide side);

#endif /* HW_DMASHARE_WIRE_H */
