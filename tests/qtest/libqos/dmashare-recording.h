/*
 * libqos helper for dmashare: recordings as files
 *
 * Reads a file that may be anything, and gives access to the records of one
 * that is a recording and whole. Knows no device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_RECORDING_H
#define LIBQOS_DMASHARE_RECORDING_H

#include "dmashare/record.h"

/* A record in host byte order; the payload is as in the file. */
typedef struct QDmashareRecord {
    uint16_t type;
    bool step;
    uint32_t size;
    uint64_t number;
    uint64_t time;
    const uint8_t *payload;
} QDmashareRecord;

/* An access to memory, likewise. */
typedef struct QDmashareAccess {
    uint64_t addr;
    uint64_t length;
    uint64_t data;
    uint32_t crc;
    uint16_t status;
    uint16_t reserved;
} QDmashareAccess;

typedef struct QDmashareRecording {
    GMappedFile *file;
    const uint8_t *bytes;
    uint64_t size;
    GArray *at;                 /* uint64_t: where each record is */
    GArray *data;               /* uint64_t: number of each DATA record */
    struct dmashare_record_file head;   /* in host byte order */
    uint64_t end_time;
    uint64_t local_size;
    uint64_t first_step;        /* number of the record */
    uint64_t steps;
    uint32_t reason;            /* enum dmashare_record_reason */
    bool cut;                   /* it has no END record */
} QDmashareRecording;

/*
 * The recording in a file, or NULL and in *@error, which the caller frees, what
 * is wrong with it. With @truncated one that breaks off is taken, too, as far
 * as it goes.
 */
QDmashareRecording *qdmashare_recording_load(const char *filename,
                                             bool truncated, char **error);
void qdmashare_recording_free(QDmashareRecording *r);

uint64_t qdmashare_recording_count(const QDmashareRecording *r);
QDmashareRecord qdmashare_recording_get(const QDmashareRecording *r,
                                        uint64_t number);

/* Is it one of the accesses to memory? Which? */
bool qdmashare_record_is_memory(const QDmashareRecord *rec);
QDmashareAccess qdmashare_record_memory(const QDmashareRecord *rec);
/* The bytes of such a record, NULL if they are not in the recording. */
const uint8_t *qdmashare_record_bytes(const QDmashareRecording *r,
                                      const QDmashareRecord *rec);

/* For people; free with g_free(). */
char *qdmashare_record_text(const QDmashareRecord *rec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmashareRecording, qdmashare_recording_free)

#endif
