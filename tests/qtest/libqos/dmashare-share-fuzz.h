/*
 * A client of the share server that knows the protocol and breaks it
 *
 * It keeps to the protocol for most of the time, so that it gets far, and then
 * does something that no client should. What the server answers to all of that
 * is judged: every message of it must be right, every request has its one
 * answer, in order, and what breaks a rule ends the connection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_SHARE_FUZZ_H
#define LIBQOS_DMASHARE_SHARE_FUZZ_H

/* What clients did, and what became of it. */
typedef struct QDmashareFuzzCount {
    uint64_t messages;          /* sent, whole or not */
    uint64_t connections;       /* WELCOME came */
    uint64_t full;              /* ... ERROR EUSERS came instead */
    uint64_t answers;           /* of those requests that have been done */
    uint64_t refusals;          /* ... and of those that have not */
    uint64_t notices;
    uint64_t opened;            /* descriptors of memory that came */
    uint64_t granted;           /* holds */
    uint64_t thrown_out;        /* a rule was broken, and so it had to end */
    uint64_t dropped;           /* by the client */
} QDmashareFuzzCount;

/*
 * Clients, each on a thread of its own, which go on until together they have
 * sent so many messages, or one finds the server at fault: that is an assertion
 * that names the seed and the client. The same seed makes the same choices as
 * long as the same answers come.
 */
typedef struct QDmashareFuzz QDmashareFuzz;

QDmashareFuzz *qdmashare_fuzz_start(const char *socket, unsigned clients,
                                    uint64_t messages, uint64_t seed);
/*
 * Clients are quicker than a guest that a test plays: let them send so many
 * more messages, about, and then wait. Those of a fuzz that this is never
 * called for do not wait.
 */
void qdmashare_fuzz_allow(QDmashareFuzz *fuzz, uint64_t messages);
/* Nothing more is sent by any client, all that there was to do is done. */
bool qdmashare_fuzz_done(QDmashareFuzz *fuzz);
/* Stop at the next message, whatever is left. */
void qdmashare_fuzz_stop(QDmashareFuzz *fuzz);
/* Waits for all, adds up what they did, and forgets them. */
void qdmashare_fuzz_join(QDmashareFuzz *fuzz, QDmashareFuzzCount *count);
/* One line that tells of it, to be freed with g_free(). */
char *qdmashare_fuzz_tell(const QDmashareFuzzCount *count);

#endif
