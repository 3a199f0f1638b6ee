/*
 * libqos helpers for dmashare: jobs, and the data they work on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_JOB_H
#define LIBQOS_DMASHARE_JOB_H

#include "dmashare-command.h"

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

/* One job on queue 1. */
struct dmashare_completion qdmashare_job(QDmashare *d,
                                         struct dmashare_desc desc);
#define qdmashare_assert_ok(d, desc) \
    g_assert_cmphex(qdmashare_job(d, desc).status, ==, DMASHARE_STATUS_OK)
/* A checksum job over len bytes gives the CRC of these. */
#define qdmashare_assert_checksum(d, mapping, offset, want, len) \
    g_assert_cmphex(qdmashare_job(d, qdmashare_checksum(d, 0, mapping, \
                                                        offset, len)).result, \
                    ==, qdmashare_crc32c(want, len))

/* A job on queue 1 that ends with a fault, and what it says of it. */
typedef struct QDmashareFault {
    unsigned status;
    uint32_t mapping;
    uint64_t offset;            /* in the mapping */
    uint64_t addr;
    bool write;
} QDmashareFault;

/* The job fails, its fence signals, and exactly one event tells where. */
struct dmashare_completion qdmashare_fault(QDmashare *d,
                                           struct dmashare_desc desc,
                                           const QDmashareFault *want);
/*
 * Only that event, of a job on queue 1 that completed like this, and failed
 * between @since and now of device time.
 */
void qdmashare_fault_told(QDmashare *d, const struct dmashare_completion *c,
                          const QDmashareFault *want, uint64_t since);

/* Memory as the CPU sees it, of any length. */
void qdmashare_read(QDmashare *d, uint64_t phys, void *buf, uint64_t len);
/* The same compared; the first byte that differs is told. */
bool qdmashare_bytes_are(QDmashare *d, uint64_t phys, const void *want,
                         uint64_t len);
#define qdmashare_assert_bytes(d, phys, want, len) \
    g_assert_true(qdmashare_bytes_are(d, phys, want, len))

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
/* On a device that is started with it. */
QDmasharePair *qdmashare_pair_start(QDmashare *d, uint64_t size);
/* Not a byte differs from what must be there: neither in dst nor in src. */
void qdmashare_pair_check(QDmashare *d, QDmasharePair *p);
/* A copy of new noise does what it should, to the byte, and says so once. */
void qdmashare_pair_works(QDmashare *d, QDmasharePair *p);
void qdmashare_pair_free(QDmasharePair *p);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDmasharePair, qdmashare_pair_free)

#endif
