/*
 * libqos helpers for dmashare: fences on command
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_HOLD_H
#define LIBQOS_DMASHARE_HOLD_H

#include "dmashare-machine.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"

/* A machine with one device, as qdmashare_one(), called QDMASHARE_ID. */
QDmashareMachine *qdmashare_hold_machine(const char *properties);

/*
 * A QMP command about that device; @args are the other members of its
 * arguments, as JSON without the braces. The reply, to be freed with
 * qobject_unref().
 */
QDict *qdmashare_hold_qmp(QDmashare *d, const char *command, const char *args);
/* It must be refused, and the text must have this in it. */
void qdmashare_hold_refused(QDmashare *d, const char *command,
                           const char *args, const char *text);

/* dmashare-fence-hold: the id. */
uint32_t qdmashare_hold(QDmashare *d, const char *args);
/* dmashare-fence-release: how many were held. */
uint64_t qdmashare_release(QDmashare *d, const char *args);
/* dmashare-fence-batch of one: what to do, "" or an errno's name. */
void qdmashare_act(QDmashare *d, unsigned timeline, uint64_t seqno,
                   const char *action, const char *error);

/* query-dmashare-holds: how many live holds there are. */
unsigned qdmashare_holds(QDmashare *d);
/*
 * Of one hold: fences caught, and how many it will still catch, -1 for any
 * number.
 */
void qdmashare_hold_info(QDmashare *d, uint32_t hold, uint64_t *caught,
                         int64_t *remaining);
/* query-dmashare-fences: the state of a pending fence, NULL if it is not. */
const char *qdmashare_fence_state(QDmashare *d, unsigned timeline,
                                  uint64_t seqno);
/* query-dmashare-timelines: one. */
typedef struct QDmashareTimeline {
    uint64_t value;
    uint64_t submitted;
    uint64_t pending;
    uint64_t held;
    uint64_t failed;
} QDmashareTimeline;
QDmashareTimeline qdmashare_timeline(QDmashare *d, unsigned timeline);

/* Many jobs at once: pushed, and the doorbell is for the caller. */
void qdmashare_push_noops(QDmashare *d, unsigned q, unsigned first_timeline,
                          unsigned n);

#endif
