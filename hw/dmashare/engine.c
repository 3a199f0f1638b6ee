// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what all engines have in common
 *
 * A job takes latency + bytes / bandwidth of virtual time. Its bytes move at
 * the end of that time, in steps of bounded work, so that neither the main
 * loop nor a vCPU waiting for the big lock is held up by a large one.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "hw/dmashare/engine.h"
#include "trace.h"

/* What a piece costs beyond its bytes: lookup, translation, call. */
#define PIECE_COST      512

/* How many bytes that cost nearly nothing cost what one copied byte does. */
#define BULK            64

const DmashareEngineOps *dmashare_engine_find(const DmashareEngines *eng,
                                              uint8_t opcode)
{
    bool render = eng->render->enabled;

    switch (opcode) {
    case DMASHARE_OP_JOB_NOOP:
        return &dmashare_engine_noop;
    case DMASHARE_OP_JOB_COPY:
        return &dmashare_engine_copy;
    case DMASHARE_OP_JOB_FILL:
        return &dmashare_engine_fill;
    case DMASHARE_OP_JOB_CHECKSUM:
        return &dmashare_engine_checksum;
    case DMASHARE_OP_JOB_RENDER:
        return render ? &dmashare_engine_render : NULL;
    case DMASHARE_OP_JOB_UPLOAD:
        return render ? &dmashare_engine_upload : NULL;
    case DMASHARE_OP_JOB_DOWNLOAD:
        return render ? &dmashare_engine_download : NULL;
    default:
        return NULL;
    }
}

static bool operand_take(DmashareOperand *op,
                         const struct dmashare_operand *from, bool used,
                         uint32_t rows, uint64_t length)
{
    op->id = le32_to_cpu(from->mapping);
    op->offset = le64_to_cpu(from->offset);
    op->pitch = le64_to_cpu(from->pitch);

    if (from->reserved) {
        return false;
    }
    if (!used) {
        return !op->id && !op->offset && !op->pitch;
    }
    return rows < 2 ? !op->pitch : op->pitch >= length;
}

/* The end of an operand's bounding range; past 2^64 is as far as it goes. */
static uint64_t operand_end(const DmashareJob *job, const DmashareOperand *op)
{
    uint64_t end;

    if (umul64_overflow(op->pitch, job->rows - 1, &end) ||
        uadd64_overflow(end, job->length, &end) ||
        uadd64_overflow(end, op->offset, &end)) {
        return UINT64_MAX;
    }
    return end;
}

uint16_t dmashare_engine_validate(const DmashareEngines *eng, DmashareJob *job)
{
    const struct dmashare_body_job *body = &job->desc.job;
    const DmashareEngineOps *ops = job->engine;
    uint32_t rows = le32_to_cpu(body->rows);
    uint64_t value = le64_to_cpu(body->value);
    uint64_t total;

    job->length = le64_to_cpu(body->length);
    job->limit = UINT64_MAX;
    job->rows = MAX(rows, 1);

    if (!operand_take(&job->src, &body->src, ops->uses_src, rows,
                      job->length) ||
        !operand_take(&job->dst, &body->dst, ops->uses_dst, rows,
                      job->length) ||
        (!ops->uses_value && value)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!ops->piece) {
        /* NOOP */
        if (rows > 1 || job->length || value > DMASHARE_NOOP_MAX_NS) {
            return DMASHARE_STATUS_BAD_DESCRIPTOR;
        }
        return DMASHARE_STATUS_OK;
    }
    if (!job->length || umul64_overflow(job->length, job->rows, &total) ||
        total > eng->max_job_bytes) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (ops->uses_src && ops->uses_dst && job->src.id == job->dst.id &&
        job->src.offset < operand_end(job, &job->dst) &&
        job->dst.offset < operand_end(job, &job->src)) {
        return DMASHARE_STATUS_OVERLAP;
    }
    return ops->validate ? ops->validate(eng, job) : DMASHARE_STATUS_OK;
}

static uint16_t job_fault(DmashareJob *job, const DmashareOperand *op,
                          uint64_t offset, uint64_t addr, uint16_t status)
{
    job->fault.status = status;
    job->fault.write = op == &job->dst;
    job->fault.buffer = op->map ? op->map->buffer->id : 0;
    job->fault.mapping = op->id;
    job->fault.offset = offset;
    job->fault.addr = addr;
    return status;
}

static uint16_t operand_start(DmashareEngines *eng, DmashareJob *job,
                              DmashareOperand *op)
{
    DmashareMapping *map = dmashare_mapping_find(eng->mappings, op->id);
    uint16_t status = DMASHARE_STATUS_FAULT_DEAD_MAPPING;

    if (map) {
        op->map = dmashare_mapping_ref(map);
        status = dmashare_mapping_check(map, op->offset, job->length,
                                        op->pitch, job->rows,
                                        op == &job->dst);
    }
    if (status) {
        job_fault(job, op, op->offset,
                  map ? dmashare_mapping_address(map, op->offset) : ~0ULL,
                  status);
    }
    return status;
}

/* start + latency + bytes / bandwidth, or the end of time. */
static int64_t job_ready(const DmashareEngines *eng, const DmashareJob *job,
                         int64_t now)
{
    uint64_t ns = 0;

    if (!job->engine->piece) {
        ns = le64_to_cpu(job->desc.job.value);
    } else {
        if (eng->bandwidth) {
            uint64_t lo, hi;

            /* At most max_job_bytes * 10^9: the product needs 128 bits. */
            mulu64(&lo, &hi, job->length * job->rows, NANOSECONDS_PER_SECOND);
            divu128(&lo, &hi, eng->bandwidth);
            ns = hi ? UINT64_MAX : lo;
        }
        if (uadd64_overflow(ns, eng->latency, &ns)) {
            ns = UINT64_MAX;
        }
    }
    return ns > (uint64_t)(INT64_MAX - now) ? INT64_MAX : now + (int64_t)ns;
}

uint16_t dmashare_engine_start(DmashareEngines *eng, DmashareJob *job,
                               int64_t now)
{
    uint16_t status = DMASHARE_STATUS_OK;

    if (job->engine->uses_src) {
        status = operand_start(eng, job, &job->src);
    }
    if (!status && job->engine->uses_dst) {
        status = operand_start(eng, job, &job->dst);
    }
    if (!status) {
        job->ready = job_ready(eng, job, now);
        trace_dmashare_job_start(job->lane, job->desc.opcode, job->order,
                                 job->length * job->rows, job->ready - now);
    }
    return status;
}

static bool job_bulk(const DmashareEngines *eng, const DmashareJob *job,
                     uint64_t len)
{
    return job->engine->bulk && job->engine->bulk(eng, job, len);
}

/* How much of the row may be done at once. */
static uint64_t job_portion(const DmashareEngines *eng, const DmashareJob *job,
                            int64_t budget)
{
    uint64_t len = MIN(job->length, job->limit) - job->column;
    uint64_t most = MAX((uint64_t)budget / job->engine->cost, 1);

    return MIN(len, job_bulk(eng, job, len) ? most * BULK : most);
}

bool dmashare_engine_move(DmashareEngines *eng, DmashareJob *job,
                          int64_t *budget)
{
    const DmashareEngineOps *ops = job->engine;

    while (ops->piece && job->row < job->rows) {
        uint64_t done = 0;

        if (*budget <= 0 || job->column >= job->limit) {
            return false;
        }
        job->status = ops->piece(eng, job, job_portion(eng, job, *budget),
                                 &done);
        *budget -= dmashare_cache_spent(eng->mappings->cache);
        if (job->status) {
            return true;
        }
        *budget -= done * ops->cost / (job_bulk(eng, job, done) ? BULK : 1) +
                   PIECE_COST;
        job->column += done;
        if (job->column == job->length) {
            job->column = 0;
            job->row++;
        }
    }
    return true;
}

bool dmashare_engine_step(DmashareEngines *eng, DmashareJob *job,
                          int64_t *budget)
{
    const DmashareEngineOps *ops = job->engine;

    if (ops->step) {
        return ops->step(eng, job, budget);
    }
    if (!dmashare_engine_move(eng, job, budget)) {
        return false;
    }
    if (!job->status && ops->finish) {
        ops->finish(job);
    }
    return true;
}

/*
 * Does a fault rule let the access fail that begins at @offset? An access is
 * what a row has in one segment, however many windows that takes.
 */
static bool operand_faulted(DmashareEngines *eng, DmashareJob *job,
                            DmashareOperand *op, uint64_t offset)
{
    DmashareFaultKey key = DMASHARE_FAULT_KEY(
        op == &job->dst ? DMASHARE_FAULT_WHERE_DMA_WRITE
                        : DMASHARE_FAULT_WHERE_DMA_READ);
    const DmashareRule *rule;

    if (!dmashare_faults_at(eng->faults, key.where) || op->map->dead ||
        (job->column && !dmashare_mapping_turns(op->map, offset, &op->hint))) {
        return false;
    }
    key.queue = job->lane;
    key.buffer = op->map->buffer->id;
    key.mapping = op->id;
    key.offset = offset;
    rule = dmashare_fault_ask(eng->faults, &key);
    if (rule) {
        job->error = dmashare_errno_number(rule->error);
    }
    return rule;
}

uint16_t dmashare_operand_open(DmashareEngines *eng, DmashareJob *job,
                               DmashareOperand *op, uint64_t len,
                               DmashareWindow *win)
{
    /* dmashare_engine_start() checked that this does not overflow. */
    uint64_t offset = op->offset + job->row * op->pitch + job->column;
    bool uncached = le16_to_cpu(job->desc.flags) & DMASHARE_JOB_F_UNCACHED;
    uint16_t status;

    if (operand_faulted(eng, job, op, offset)) {
        return job_fault(job, op, offset,
                         dmashare_mapping_address(op->map, offset),
                         DMASHARE_STATUS_COMMANDED);
    }
    status = dmashare_mapping_open(eng->mappings, op->map, offset, len,
                                   op == &job->dst, uncached, &op->hint, win);
    if (status) {
        job_fault(job, op, offset, win->addr, status);
    }
    return status;
}

void dmashare_operand_zero(DmashareEngines *eng, DmashareWindow *win)
{
    if (win->kind == DMASHARE_WINDOW_LOCAL) {
        dmashare_local_zero(eng->mappings->local, win);
    } else {
        memset(win->host, 0, win->len);
    }
}

uint16_t dmashare_operand_close(DmashareEngines *eng, DmashareJob *job,
                                DmashareOperand *op, DmashareWindow *win,
                                uint64_t used)
{
    uint64_t local;
    uint16_t status = dmashare_mapping_close(eng->mappings, win, used);

    if (status) {
        uint64_t offset = op->offset + job->row * op->pitch + job->column;

        return job_fault(job, op, offset, win->addr, status);
    }
    local = op->map->placement == DMASHARE_PLACEMENT_LOCAL ? used : 0;
    if (op == &job->dst) {
        DMASHARE_COUNT(eng->buffers, op->map->buffer, bytes_written, used);
        DMASHARE_COUNT(eng->buffers, op->map->buffer, local_bytes_written,
                       local);
    } else {
        DMASHARE_COUNT(eng->buffers, op->map->buffer, bytes_read, used);
        DMASHARE_COUNT(eng->buffers, op->map->buffer, local_bytes_read, local);
    }
    return DMASHARE_STATUS_OK;
}

/* The buffer that an operand names: as the job found it, or finds it now. */
DmashareBuffer *dmashare_operand_buffer(const DmashareEngines *eng,
                                        const DmashareOperand *op)
{
    DmashareMapping *map = op->map;

    if (!map && op->id) {
        map = dmashare_mapping_find(eng->mappings, op->id);
    }
    return map ? map->buffer : NULL;
}

/* Was a part of a buffer brought from local to system memory? */
static void job_evacuated(const DmashareJob *job)
{
    DmashareMapping *src = job->src.map, *dst = job->dst.map;

    if (job->status) {
        return;
    }
    if (dst && dst->evacuated) {
        dst->evacuated = 0;
    }
    /* Parts have to come in order, which is how moves are made. */
    if (src && dst && src->buffer == dst->buffer &&
        src->placement == DMASHARE_PLACEMENT_LOCAL &&
        dst->placement == DMASHARE_PLACEMENT_SYSTEM && job->rows == 1 &&
        job->src.offset == job->dst.offset &&
        job->src.offset == src->evacuated) {
        src->evacuated += job->length;
    }
}

void dmashare_engine_account(DmashareEngines *eng, DmashareJob *job)
{
    DmashareBuffer *named[2] = {
        dmashare_operand_buffer(eng, &job->src),
        dmashare_operand_buffer(eng, &job->dst),
    };
    DmashareBuffer *first = named[0] ? named[0] : named[1];
    DmashareBuffer *second = named[1] != first ? named[1] : NULL;

    job_evacuated(job);
    if (job->status) {
        DMASHARE_COUNT(eng->buffers, first, jobs_failed, 1);
    } else {
        DMASHARE_COUNT(eng->buffers, first, jobs, 1);
    }
    if (second && job->status) {
        second->ledger.jobs_failed++;
    } else if (second) {
        second->ledger.jobs++;
    }
}

static void operand_release(DmashareOperand *op)
{
    g_clear_pointer(&op->map, dmashare_mapping_unref);
}

void dmashare_engine_release(DmashareEngines *eng, DmashareJob *job)
{
    if (job->engine && job->engine->release) {
        job->engine->release(eng, job);
    }
    operand_release(&job->src);
    operand_release(&job->dst);
}

const DmashareEngineOps dmashare_engine_noop = {
    .uses_value = true,
};
