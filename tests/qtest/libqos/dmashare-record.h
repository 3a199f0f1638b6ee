/*
 * libqos helpers for dmashare: sessions that are recorded
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_RECORD_H
#define LIBQOS_DMASHARE_RECORD_H

#include "dmashare-machine.h"
#include "dmashare-replay.h"

/* The QOM path of the device of qdmashare_record_machine(). */
#define QDMASHARE_RECORD_DEVICE "/machine/peripheral/dev"

/* A folder with a name for a recording that does not exist yet. */
typedef struct QDmasharePlace {
    char *dir;
    char *file;
} QDmasharePlace;

QDmasharePlace *qdmashare_place_new(void);
/* Removes the recording. */
void qdmashare_place_free(QDmasharePlace *place);

/* The QMP commands; what they answer is to be freed with qobject_unref(). */
QDict *qdmashare_record_start(QTestState *qts, const char *file,
                              uint64_t max_size);
QDict *qdmashare_record_stop(QTestState *qts);
/* It was refused, and what was said has this text in it; frees the answer. */
void qdmashare_record_refused(QDict *rsp, const char *text);

/* Start and stop; what stopping says must be what is in the file. */
void qdmashare_record_begin(QTestState *qts, const char *file);
void qdmashare_record_end(QTestState *qts, const char *file, bool complete);

/* A recording that has nothing wrong. */
QDmashareRecording *qdmashare_record_load(const char *file);
/* Twice played it is twice equal, and the journals are the same. */
void qdmashare_record_assert_equal(const char *file);

/*
 * A machine with one device, which is not started, for a recording has to begin
 * before that; and a session that has some of everything.
 */
QDmashareMachine *qdmashare_record_machine(bool vtd, const char *properties);
void qdmashare_record_session(QDmashareMachine *m);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmasharePlace, qdmashare_place_free)

#endif
