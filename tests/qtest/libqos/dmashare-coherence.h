/*
 * libqos helpers for dmashare: a device that is not coherent
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_COHERENCE_H
#define LIBQOS_DMASHARE_COHERENCE_H

#include "dmashare-machine.h"

#define QDMASHARE_PIECE         DMASHARE_CACHE_PAGE

/* SYNC commands that must succeed, of the two ways that are most used. */
void qdmashare_sync_for_cpu(QDmashare *d, uint32_t mapping, uint64_t offset,
                            uint64_t length);
void qdmashare_sync_for_device(QDmashare *d, uint32_t mapping,
                               uint64_t offset, uint64_t length);

/* MAP with flags of the whole of a buffer's memory; returns the status. */
unsigned qdmashare_map_flags(QDmashare *d, uint32_t id,
                             const QDmashareBuf *buf, unsigned direction,
                             uint32_t flags);

/*
 * What changed in a ledger since it was remembered. The test adds to want what
 * it knows must have changed; qdmashare_delta_check() compares every counter.
 */
typedef struct QDmashareDelta {
    QDmashare *d;
    uint32_t id;                /* of the buffer, 0 for the device */
    struct dmashare_ledger want;
} QDmashareDelta;

QDmashareDelta qdmashare_delta(QDmashare *d, uint32_t id);
bool qdmashare_delta_holds(QDmashareDelta *delta);
#define qdmashare_delta_check(delta) \
    g_assert_true(qdmashare_delta_holds(delta))

/*
 * A device of its own machine, and a buffer of four pieces, the last one
 * short. The buffer has the id 1 and a bidirectional mapping with id 1. What
 * the functions below do is added to delta as far as every device would count
 * it; what its cache does the test adds.
 */
#define QCOH_SIZE               (3 * QDMASHARE_PIECE + 1000)

typedef struct QCoh {
    QDmashareMachine *m;
    QDmashare *d;
    QDmashareBuf buf;
    QDmashareDelta delta;       /* of the buffer */
    uint8_t old[QCOH_SIZE];     /* what is in memory at first */
    uint8_t new[QCOH_SIZE];     /* other bytes, every one of them different */
} QCoh;

/* As qdmashare_one(); free with qcoh_free(). */
QCoh *qcoh_new(const char *args, const char *properties);
void qcoh_free(QCoh *r);

/* The same range of bytes and of the buffer, here and below. */
void qcoh_cpu_writes(QCoh *r, const uint8_t *bytes, uint64_t at,
                     uint64_t len);
#define qcoh_assert_cpu_sees(r, bytes, at, len) \
    qdmashare_assert_bytes((r)->d, (r)->buf.phys + (at), (bytes) + (at), len)

/* The device reads through a mapping, and finds these bytes. */
uint32_t qcoh_crc_via(QCoh *r, uint32_t mapping, uint64_t at, uint64_t len);
#define qcoh_assert_reads_via(r, mapping, bytes, at, len) \
    g_assert_cmphex(qcoh_crc_via(r, mapping, at, len), ==, \
                    qdmashare_crc32c((bytes) + (at), len))
#define qcoh_assert_reads(r, bytes, at, len) \
    qcoh_assert_reads_via(r, 1, bytes, at, len)

/* It writes a pattern; bytes is given what the device then has there. */
void qcoh_device_writes_via(QCoh *r, uint32_t mapping, uint8_t *bytes,
                            uint64_t at, uint64_t len, uint64_t pattern);
void qcoh_device_writes(QCoh *r, uint8_t *bytes, uint64_t at, uint64_t len,
                        uint64_t pattern);

/* SYNC of mapping 1 that must succeed, in the usual direction or another. */
void qcoh_sync_ok(QCoh *r, unsigned flags, unsigned direction, uint64_t at,
                  uint64_t len);
void qcoh_sync_for_cpu(QCoh *r, uint64_t at, uint64_t len);
void qcoh_sync_for_device(QCoh *r, uint64_t at, uint64_t len);

/* Another mapping of the buffer's memory, or the end of one. */
void qcoh_map_more(QCoh *r, uint32_t id, unsigned direction, uint32_t flags);
void qcoh_unmap(QCoh *r, uint32_t id, uint32_t flags);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QCoh, qcoh_free)

#endif
