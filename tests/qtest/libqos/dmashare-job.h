/*
 * libqos helpers for dmashare: jobs, and the data they work on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_JOB_H
#define LIBQOS_DMASHARE_JOB_H

#include "dmashare.h"

/* Descriptors of jobs; the seqno is the timeline's next. */
struct dmashare_desc qdmashare_noop(QDmashare *d, unsigned timeline,
                                    uint64_t ns);
struct dmashare_desc qdmashare_fill(QDmashare *d, unsigned timeline,
                                    uint32_t dst, uint64_t offset,
                                    uint64_t length, uint64_t pattern);
struct dmashare_desc qdmashare_copy(QDmashare *d, unsigned timeline,
                                    uint32_t dst, uint64_t dst_offset,
                                    uint32_t src, uint64_t src_offset,
                                    uint64_t length);
struct dmashare_desc qdmashare_checksum(QDmashare *d, unsigned timeline,
                                        uint32_t src, uint64_t offset,
                                        uint64_t length);
/* Adds one wait to a job's descriptor. */
void qdmashare_wait_for(struct dmashare_desc *desc, unsigned timeline,
                        uint64_t seqno);

/* CRC32C, independent of the device's own. */
uint32_t qdmashare_crc32c(const void *data, size_t len);

/* Repeatable noise: the same state gives the same numbers. */
uint64_t qdmashare_random(uint64_t *state);
void qdmashare_noise(void *data, size_t len, uint64_t seed);

/* Submit one job and let the device do what it can do at once. */
void qdmashare_submit(QDmashare *d, unsigned q, struct dmashare_desc desc);
/* Let device time pass, and the device do what there is to do then. */
void qdmashare_step(QDmashare *d, uint64_t ns);
/* The queue's next completion comes in ns from now and not before. */
struct dmashare_completion qdmashare_takes(QDmashare *d, unsigned q,
                                           uint64_t ns);

/* The pattern of a fill job, as it must look in memory. */
void qdmashare_pattern(uint8_t *dst, uint64_t len, uint64_t pattern);

/*
 * Two mapped buffers of different noise, the source with id QDMASHARE_SRC and
 * to-device, the destination with id QDMASHARE_DST and from-device. A test
 * does to dst_bytes what the device has to do to dst.
 */
#define QDMASHARE_SRC   1
#define QDMASHARE_DST   2

typedef struct QDmasharePair {
    QDmashareBuf src;
    QDmashareBuf dst;
    uint64_t size;
    uint8_t *src_bytes;         /* what is in src */
    uint8_t *dst_bytes;         /* what must be in dst */
} QDmasharePair;

QDmasharePair *qdmashare_pair_new(QDmashare *d, uint64_t size);
/* Not a byte differs from what must be there: neither in dst nor in src. */
void qdmashare_pair_check(QDmashare *d, QDmasharePair *p);
void qdmashare_pair_free(QDmasharePair *p);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmasharePair, qdmashare_pair_free)

#endif
