/*
 * libqos helpers for dmashare: jobs, and the data they work on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "../libqtest.h"
#include "dmashare-job.h"

struct dmashare_desc qdmashare_noop(QDmashare *d, unsigned timeline,
                                    uint64_t ns)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_NOOP,
        .job = {
            .timeline = timeline,
            .seqno = qdmashare_next(d, timeline),
            .value = ns,
        },
    };
}

struct dmashare_desc qdmashare_fill(QDmashare *d, unsigned timeline,
                                    uint32_t dst, uint64_t offset,
                                    uint64_t length, uint64_t pattern)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_FILL,
        .job = {
            .timeline = timeline,
            .seqno = qdmashare_next(d, timeline),
            .dst = { .mapping = dst, .offset = offset },
            .length = length,
            .value = pattern,
        },
    };
}

struct dmashare_desc qdmashare_copy(QDmashare *d, unsigned timeline,
                                    uint32_t dst, uint64_t dst_offset,
                                    uint32_t src, uint64_t src_offset,
                                    uint64_t length)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_COPY,
        .job = {
            .timeline = timeline,
            .seqno = qdmashare_next(d, timeline),
            .src = { .mapping = src, .offset = src_offset },
            .dst = { .mapping = dst, .offset = dst_offset },
            .length = length,
        },
    };
}

struct dmashare_desc qdmashare_checksum(QDmashare *d, unsigned timeline,
                                        uint32_t src, uint64_t offset,
                                        uint64_t length)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_CHECKSUM,
        .job = {
            .timeline = timeline,
            .seqno = qdmashare_next(d, timeline),
            .src = { .mapping = src, .offset = offset },
            .length = length,
        },
    };
}

void qdmashare_wait_for(struct dmashare_desc *desc, unsigned timeline,
                        uint64_t seqno)
{
    g_assert_cmpuint(desc->n_waits, <, DMASHARE_MAX_WAITS);
    desc->job.wait[desc->n_waits++] = (struct dmashare_wait) {
        .timeline = timeline,
        .seqno = seqno,
    };
}

void qdmashare_submit(QDmashare *d, unsigned q, struct dmashare_desc desc)
{
    qdmashare_push(d, q, &desc);
    qdmashare_doorbell(d, q);
    qdmashare_settle(d);
}

void qdmashare_step(QDmashare *d, uint64_t ns)
{
    qtest_clock_step(d->qts, ns);
    qdmashare_settle(d);
}

struct dmashare_completion qdmashare_takes(QDmashare *d, unsigned q,
                                           uint64_t ns)
{
    struct dmashare_completion c;

    qdmashare_settle(d);
    if (ns > 1) {
        qdmashare_step(d, ns - 1);
    }
    if (ns) {
        g_assert_false(qdmashare_peek(d, q, &c));
        qdmashare_step(d, 1);
    }
    g_assert_true(qdmashare_try_pop(d, q, &c));
    return c;
}

struct dmashare_completion qdmashare_job(QDmashare *d,
                                         struct dmashare_desc desc)
{
    return qdmashare_run(d, 1, &desc);
}

struct dmashare_completion qdmashare_fault(QDmashare *d,
                                           struct dmashare_desc desc,
                                           const QDmashareFault *want)
{
    struct dmashare_completion c = qdmashare_job(d, desc);

    g_assert_cmphex(c.status, ==, want->status);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.detail, ==, want->addr);
    g_assert_cmpuint(qdmashare_fence(d, desc.job.timeline), ==,
                     desc.job.seqno);
    /* No time has passed since the doorbell. */
    qdmashare_fault_told(d, &c, want,
                         qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    return c;
}

void qdmashare_fault_told(QDmashare *d, const struct dmashare_completion *c,
                          const QDmashareFault *want, uint64_t since)
{
    struct dmashare_event e = qdmashare_event(d);

    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FAULT);
    g_assert_cmphex(e.status, ==, want->status);
    g_assert_cmpuint(e.queue, ==, 1);
    g_assert_cmpuint(e.cookie, ==, c->cookie);
    g_assert_cmpuint(e.mapping, ==, want->mapping);
    g_assert_cmphex(e.offset, ==, want->offset);
    g_assert_cmphex(e.addr, ==, want->addr);
    g_assert_cmphex(e.flags, ==, want->write ? DMASHARE_EVENT_F_WRITE : 0);
    g_assert_cmpuint(e.time, >=, since);
    g_assert_cmpuint(e.time, <=, qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    g_assert_cmpuint(e.lost, ==, 0);
    g_assert_cmphex(e.reserved, ==, 0);
    qdmashare_assert_no_event(d);
}

/* Data */

uint32_t qdmashare_crc32c(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint32_t crc = 0xffffffff;
    int bit;

    /* Bit by bit: slow, but with no table that could hold an error. */
    while (len--) {
        crc ^= *p++;
        for (bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        }
    }
    return ~crc;
}

uint64_t qdmashare_random(uint64_t *state)
{
    /* xorshift64*: a zero state would stay zero. */
    uint64_t x = *state ?: 0x9e3779b97f4a7c15ULL;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

void qdmashare_noise(void *data, size_t len, uint64_t seed)
{
    uint8_t *p = data;
    size_t i;

    for (i = 0; i < len; i++) {
        p[i] = qdmashare_random(&seed) >> 32;
    }
}

void qdmashare_pattern(uint8_t *dst, uint64_t len, uint64_t pattern)
{
    uint64_t i;

    for (i = 0; i < len; i++) {
        dst[i] = pattern >> (i % 8 * 8);
    }
}

void qdmashare_read(QDmashare *d, uint64_t phys, void *buf, uint64_t len)
{
    uint8_t *p = buf;

    /* libqtest looks through all of an answer whenever more of it comes. */
    while (len) {
        uint64_t n = MIN(len, 64 * KiB);

        qtest_bufread(d->qts, phys, p, n);
        phys += n;
        p += n;
        len -= n;
    }
}

bool qdmashare_bytes_are(QDmashare *d, uint64_t phys, const void *want,
                         uint64_t len)
{
    g_autofree uint8_t *got = g_malloc(len);
    const uint8_t *w = want;
    uint64_t i;

    qdmashare_read(d, phys, got, len);
    for (i = 0; i < len; i++) {
        if (got[i] != w[i]) {
            g_test_message("byte 0x%" PRIx64 " of 0x%" PRIx64 " at 0x%" PRIx64
                           " is %02x, must be %02x", i, len, phys, got[i],
                           w[i]);
            return false;
        }
    }
    return true;
}

QDmasharePair *qdmashare_pair_new(QDmashare *d, uint64_t size)
{
    QDmasharePair *p = g_new0(QDmasharePair, 1);

    p->size = size;
    p->src = qdmashare_buf(d, QDMASHARE_SRC, size, DMASHARE_DIR_TO_DEVICE);
    p->dst = qdmashare_buf(d, QDMASHARE_DST, size, DMASHARE_DIR_FROM_DEVICE);
    p->src_bytes = g_malloc(size);
    p->dst_bytes = g_malloc(size);
    qdmashare_noise(p->src_bytes, size, 1);
    qdmashare_noise(p->dst_bytes, size, 2);
    qtest_bufwrite(d->qts, p->src.phys, p->src_bytes, size);
    qtest_bufwrite(d->qts, p->dst.phys, p->dst_bytes, size);
    return p;
}

QDmasharePair *qdmashare_pair_start(QDmashare *d, uint64_t size)
{
    qdmashare_start(d);
    return qdmashare_pair_new(d, size);
}

void qdmashare_pair_check(QDmashare *d, QDmasharePair *p)
{
    qdmashare_assert_bytes(d, p->dst.phys, p->dst_bytes, p->size);
    qdmashare_assert_bytes(d, p->src.phys, p->src_bytes, p->size);
}

void qdmashare_pair_works(QDmashare *d, QDmasharePair *p)
{
    struct dmashare_completion c;

    /* Never what dst has already: no cookie comes twice. */
    qdmashare_noise(p->src_bytes, p->size, ~d->cookie);
    qtest_bufwrite(d->qts, p->src.phys, p->src_bytes, p->size);
    memcpy(p->dst_bytes, p->src_bytes, p->size);
    c = qdmashare_job(d, qdmashare_copy(d, 0, QDMASHARE_DST, 0, QDMASHARE_SRC,
                                        0, p->size));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, d->seqno[0]);
    qdmashare_pair_check(d, p);
}

void qdmashare_pair_free(QDmasharePair *p)
{
    g_free(p->src_bytes);
    g_free(p->dst_bytes);
    g_free(p);
}
