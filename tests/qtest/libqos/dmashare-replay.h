/*
 * libqos helper for dmashare: play a recording to a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_REPLAY_H
#define LIBQOS_DMASHARE_REPLAY_H

#include "dmashare-recording.h"

/* What a replay came to. */
typedef struct QDmashareReplay {
    bool equal;
    char *difference;           /* the first one, for people; or NULL */
    char *journal;              /* the device's, one entry a line */
    uint64_t entries;           /* of it */
} QDmashareReplay;

/*
 * Play a recording to a new device and compare what it does. Free with
 * qdmashare_replay_free().
 */
QDmashareReplay *qdmashare_replay(const QDmashareRecording *r);
void qdmashare_replay_free(QDmashareReplay *replay);

/*
 * The first difference of two recordings in what the device did, or NULL; only
 * the first @records of @want count. Free with g_free().
 */
char *qdmashare_recording_compare(const QDmashareRecording *want,
                                  const QDmashareRecording *got,
                                  uint64_t records);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmashareReplay, qdmashare_replay_free)

#endif
