// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the engines that move bytes: copy, fill, checksum
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/units.h"
#include "hw/dmashare/engine.h"

/*
 * What is moved at once: pages and lines that were just looked up are better
 * used while a processor has them near than when as many others came between.
 */
#define MOVE_SIZE       (256 * KiB)

/* Both windows are on the bytes themselves: one memmove is all there is. */
static uint16_t copy_piece(DmashareEngines *eng, DmashareJob *job,
                           uint64_t len, uint64_t *done)
{
    DmashareWindow src, dst;
    uint16_t status, late;
    uint64_t n = 0;

    status = dmashare_operand_open(eng, job, &job->src, MIN(len, MOVE_SIZE),
                                   &src);
    if (status) {
        return status;
    }
    status = dmashare_operand_open(eng, job, &job->dst, src.len, &dst);
    if (!status) {
        n = dst.len;
        /* Two mappings may be of the same memory. */
        memmove(dst.host, src.host, n);
        status = dmashare_operand_close(eng, job, &job->dst, &dst, n);
    }
    late = dmashare_operand_close(eng, job, &job->src, &src, status ? 0 : n);
    if (status || late) {
        return status ? status : late;
    }
    *done = n;
    return DMASHARE_STATUS_OK;
}

const DmashareEngineOps dmashare_engine_copy = {
    .uses_src = true,
    .uses_dst = true,
    .cost = 1,
    .piece = copy_piece,
};

/* Repeat the job's value; it starts with the row, @win may start inside it. */
static void fill_window(DmashareJob *job, uint64_t value, DmashareWindow *win)
{
    uint8_t pattern[4096];
    uint64_t n = MIN(win->len, sizeof(pattern));

    stq_le_p(pattern, ror64(value, (job->column & 7) * 8));
    for (size_t have = sizeof(uint64_t); have < n; have *= 2) {
        memcpy(pattern + have, pattern, have);
    }
    for (uint64_t at = 0; at < win->len; at += n) {
        memcpy((uint8_t *)win->host + at, pattern, MIN(n, win->len - at));
    }
}

static uint16_t fill_piece(DmashareEngines *eng, DmashareJob *job,
                           uint64_t len, uint64_t *done)
{
    uint64_t value = le64_to_cpu(job->desc.job.value);
    DmashareWindow dst;
    uint16_t status;

    status = dmashare_operand_open(eng, job, &job->dst, len, &dst);
    if (status) {
        return status;
    }
    if (value) {
        fill_window(job, value, &dst);
    } else {
        dmashare_operand_zero(eng, &dst);
    }
    status = dmashare_operand_close(eng, job, &job->dst, &dst, dst.len);
    if (status) {
        return status;
    }
    *done = dst.len;
    return DMASHARE_STATUS_OK;
}

/* Zeros in local memory need not be written. */
static bool fill_bulk(const DmashareEngines *eng, const DmashareJob *job,
                      uint64_t len)
{
    return !job->desc.job.value &&
           job->dst.map->placement == DMASHARE_PLACEMENT_LOCAL &&
           dmashare_local_gives_back(eng->mappings->local, len);
}

const DmashareEngineOps dmashare_engine_fill = {
    .uses_dst = true,
    .uses_value = true,
    .cost = 1,
    .bulk = fill_bulk,
    .piece = fill_piece,
};

static uint16_t checksum_piece(DmashareEngines *eng, DmashareJob *job,
                               uint64_t len, uint64_t *done)
{
    DmashareWindow src;
    uint16_t status;

    status = dmashare_operand_open(eng, job, &job->src, len, &src);
    if (status) {
        return status;
    }

    /* crc32c() inverts what it returns; undone, it takes up where it was. */
    job->crc = crc32c(job->crc ^ 0xffffffff, src.host, src.len);
    *done = src.len;
    return dmashare_operand_close(eng, job, &job->src, &src, src.len);
}

static void checksum_finish(DmashareJob *job)
{
    job->result = job->crc;
}

const DmashareEngineOps dmashare_engine_checksum = {
    .uses_src = true,
    .cost = 4,
    .piece = checksum_piece,
    .finish = checksum_finish,
};
