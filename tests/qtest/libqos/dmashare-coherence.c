/*
 * libqos helpers for dmashare: a device that is not coherent
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "dmashare-coherence.h"

void qdmashare_sync_for_cpu(QDmashare *d, uint32_t mapping, uint64_t offset,
                            uint64_t length)
{
    g_assert_cmphex(qdmashare_sync(d, mapping, DMASHARE_SYNC_F_FOR_CPU,
                                   DMASHARE_DIR_FROM_DEVICE, offset,
                                   length).status, ==, DMASHARE_STATUS_OK);
}

void qdmashare_sync_for_device(QDmashare *d, uint32_t mapping,
                               uint64_t offset, uint64_t length)
{
    g_assert_cmphex(qdmashare_sync(d, mapping, DMASHARE_SYNC_F_FOR_DEVICE,
                                   DMASHARE_DIR_TO_DEVICE, offset,
                                   length).status, ==, DMASHARE_STATUS_OK);
}

unsigned qdmashare_map_flags(QDmashare *d, uint32_t id,
                             const QDmashareBuf *buf, unsigned direction,
                             uint32_t flags)
{
    struct dmashare_segment seg = { qdmashare_dma(d, buf->phys), buf->size };
    struct dmashare_desc desc = {
        .map = {
            .id = id,
            .buffer = buf->id,
            .direction = direction,
            .flags = flags,
        },
    };

    return qdmashare_map_with(d, desc, &seg, 1);
}

QDmashareDelta qdmashare_delta(QDmashare *d, uint32_t id)
{
    QDmashareDelta delta = { .d = d, .id = id };

    qdmashare_ledger(d, id, &delta.want);
    return delta;
}

bool qdmashare_delta_holds(QDmashareDelta *delta)
{
    struct dmashare_ledger got;

    qdmashare_ledger(delta->d, delta->id, &got);
    return qdmashare_ledger_equal(&got, &delta->want);
}

QCoh *qcoh_new(const char *args, const char *properties)
{
    QCoh *r = g_new0(QCoh, 1);
    unsigned i;

    r->m = qdmashare_one(args, properties);
    r->d = r->m->d;
    r->buf = qdmashare_buf(r->d, 1, QCOH_SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_noise(r->old, QCOH_SIZE, 1);
    for (i = 0; i < QCOH_SIZE; i++) {
        r->new[i] = ~r->old[i];
    }
    qtest_bufwrite(r->d->qts, r->buf.phys, r->old, QCOH_SIZE);
    r->delta = qdmashare_delta(r->d, 1);
    return r;
}

void qcoh_free(QCoh *r)
{
    qdmashare_machine_free(r->m);
    g_free(r);
}

void qcoh_cpu_writes(QCoh *r, const uint8_t *bytes, uint64_t at,
                     uint64_t len)
{
    qtest_bufwrite(r->d->qts, r->buf.phys + at, bytes + at, len);
}

uint32_t qcoh_crc_via(QCoh *r, uint32_t mapping, uint64_t at, uint64_t len)
{
    struct dmashare_completion c =
        qdmashare_job(r->d, qdmashare_checksum(r->d, 0, mapping, at, len));

    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    r->delta.want.jobs++;
    r->delta.want.bytes_read += len;
    return c.result;
}

void qcoh_device_writes_via(QCoh *r, uint32_t mapping, uint8_t *bytes,
                            uint64_t at, uint64_t len, uint64_t pattern)
{
    qdmashare_assert_ok(r->d, qdmashare_fill(r->d, 0, mapping, at, len,
                                             pattern));
    qdmashare_pattern(bytes + at, len, pattern);
    r->delta.want.jobs++;
    r->delta.want.bytes_written += len;
}

void qcoh_device_writes(QCoh *r, uint8_t *bytes, uint64_t at, uint64_t len,
                        uint64_t pattern)
{
    qcoh_device_writes_via(r, 1, bytes, at, len, pattern);
}

void qcoh_sync_ok(QCoh *r, unsigned flags, unsigned direction, uint64_t at,
                  uint64_t len)
{
    g_assert_cmphex(qdmashare_sync(r->d, 1, flags, direction, at, len).status,
                    ==, DMASHARE_STATUS_OK);
    r->delta.want.syncs_for_cpu += flags == DMASHARE_SYNC_F_FOR_CPU;
    r->delta.want.syncs_for_device += flags == DMASHARE_SYNC_F_FOR_DEVICE;
}

void qcoh_sync_for_cpu(QCoh *r, uint64_t at, uint64_t len)
{
    qcoh_sync_ok(r, DMASHARE_SYNC_F_FOR_CPU, DMASHARE_DIR_FROM_DEVICE, at,
                 len);
}

void qcoh_sync_for_device(QCoh *r, uint64_t at, uint64_t len)
{
    qcoh_sync_ok(r, DMASHARE_SYNC_F_FOR_DEVICE, DMASHARE_DIR_TO_DEVICE, at,
                 len);
}

void qcoh_map_more(QCoh *r, uint32_t id, unsigned direction, uint32_t flags)
{
    g_assert_cmphex(qdmashare_map_flags(r->d, id, &r->buf, direction, flags),
                    ==, DMASHARE_STATUS_OK);
    r->delta.want.maps++;
    r->delta.want.live_mappings++;
    r->delta.want.live_segments++;
}

void qcoh_unmap(QCoh *r, uint32_t id, uint32_t flags)
{
    g_assert_cmphex(qdmashare_unmap_with(r->d, id, flags).status, ==,
                    DMASHARE_STATUS_OK);
    r->delta.want.live_mappings--;
    r->delta.want.live_segments--;
}
