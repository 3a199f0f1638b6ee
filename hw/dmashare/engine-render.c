// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the engine that renders
 *
 * Its work is done by the renderer, with the bytes of the queue's slot. What is
 * in memory goes there and comes from there in pieces, as that of a copy.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "hw/dmashare/engine.h"
#include "trace.h"

/* What is read in parts is so in parts of about so many bytes. */
#define PART_BYTES      (1 * MiB)

typedef enum RenderPhase {
    PHASE_TAKE,     /* the slot */
    PHASE_CLEAR,    /* of what was in it */
    PHASE_IN,       /* bytes to it */
    PHASE_ASK,      /* the renderer */
    PHASE_ANSWER,   /* is waited for */
    PHASE_OUT,      /* bytes from the slot, as far as there was one */
} RenderPhase;

static uint16_t job_length_valid(const DmashareEngines *eng,
                                 const DmashareJob *job)
{
    return job->length <= eng->render->slot_size && !job->desc.job.rows ?
           DMASHARE_STATUS_OK : DMASHARE_STATUS_BAD_LENGTH;
}

static uint16_t render_validate(const DmashareEngines *eng,
                                const DmashareJob *job)
{
    uint64_t value = le64_to_cpu(job->desc.job.value);

    if (job->length % 4 || value >> 32 >= DMASHARE_RENDER_RINGS) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    return job_length_valid(eng, job);
}

static uint16_t transfer_validate(const DmashareEngines *eng,
                                  const DmashareJob *job)
{
    const struct dmashare_body_transfer *body = &job->desc.transfer;

    if (body->reserved) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!body->width || !body->height || !body->depth ||
        le64_to_cpu(body->job.value) > UINT32_MAX) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    return job_length_valid(eng, job);
}

/*
 * Requests
 */

/* The context whose the commands are, or NULL if there is none. */
static DmashareRenderObject *job_context(DmashareEngines *eng,
                                         const DmashareJob *job)
{
    uint64_t value = le64_to_cpu(job->desc.job.value);

    return job->desc.opcode != DMASHARE_OP_JOB_RENDER ? NULL :
           dmashare_render_context(eng->render, (uint32_t)value);
}

static bool request_commands(DmashareEngines *eng, const DmashareJob *job,
                             struct dmashare_render_request *request)
{
    uint64_t value = le64_to_cpu(job->desc.job.value);
    DmashareRenderObject *ctx = job_context(eng, job);

    if (!ctx) {
        return false;
    }
    request->type = DMASHARE_RENDER_COMMANDS;
    request->context = ctx->id;
    request->commands.ring = value >> 32;
    return true;
}

static DmashareRenderObject *job_resource(DmashareEngines *eng,
                                          const DmashareJob *job)
{
    const struct dmashare_body_transfer *body = &job->desc.transfer;

    return dmashare_render_resource(eng->render, le32_to_cpu(body->resource));
}

static bool request_transfer(DmashareEngines *eng, const DmashareJob *job,
                             struct dmashare_render_request *request)
{
    const struct dmashare_body_transfer *body = &job->desc.transfer;
    DmashareRenderObject *res = job_resource(eng, job);

    if (!res) {
        return false;
    }
    request->type = job->engine->uses_src ? DMASHARE_RENDER_UPLOAD
                                          : DMASHARE_RENDER_DOWNLOAD;
    request->resource = res->id;
    request->box.level = le32_to_cpu(body->level);
    request->box.stride = le32_to_cpu(body->stride);
    request->box.layer_stride = le64_to_cpu(body->job.value);
    request->box.x = le32_to_cpu(body->x);
    request->box.y = le16_to_cpu(body->y);
    request->box.z = le16_to_cpu(body->z);
    request->box.width = le32_to_cpu(body->width);
    request->box.height = le16_to_cpu(body->height);
    request->box.depth = le16_to_cpu(body->depth);
    return true;
}

static bool job_request(DmashareEngines *eng, const DmashareJob *job,
                        struct dmashare_render_request *request)
{
    request->length = job->length;
    return job->desc.opcode == DMASHARE_OP_JOB_RENDER ?
           request_commands(eng, job, request) :
           request_transfer(eng, job, request);
}

/*
 * Is every byte of the operand a pixel's? If not, what is between them is what
 * there was in the slot, which may be somebody else's.
 */
static bool job_covers(DmashareEngines *eng, const DmashareJob *job)
{
    const struct dmashare_body_transfer *body = &job->desc.transfer;
    const DmashareRenderObject *res = job_resource(eng, job);
    uint64_t row = le32_to_cpu(body->width) * 4ULL;

    return res && res->tight && le32_to_cpu(body->stride) == row &&
           le16_to_cpu(body->depth) == 1 &&
           job->length == row * le16_to_cpu(body->height);
}

/*
 * How many rows of the box are one request. What has nothing but pixels is read
 * in parts: the device moves the first while the renderer has the next.
 */
static uint32_t job_part(const DmashareJob *job)
{
    const struct dmashare_body_transfer *body = &job->desc.transfer;
    uint32_t rows = le16_to_cpu(body->height);

    return MAX(DIV_ROUND_UP(rows, DMASHARE_RENDER_PARTS),
               MIN(rows, MAX(PART_BYTES / le32_to_cpu(body->stride), 1)));
}

/* Of the whole job a part: its rows from @first on. */
static void request_part(const DmashareJob *job, uint32_t first,
                         struct dmashare_render_request *request)
{
    uint64_t stride = request->box.stride;

    request->box.y += first;
    request->box.height = MIN(job->part, request->box.height - first);
    request->offset = first * stride;
    request->length = request->box.height * stride;
}

/*
 * Steps
 */

static uint8_t *job_staging(DmashareEngines *eng, const DmashareJob *job)
{
    return dmashare_render_memory(eng->render, job->lane) + job->column;
}

/* Ask for the next part. Returns whether it was the last. */
static bool job_ask_part(DmashareEngines *eng, DmashareJob *job)
{
    DmashareRenderSlot *slot = &eng->render->slot[job->lane];
    struct dmashare_render_request request = { 0 };
    uint32_t first = slot->asked * job->part;

    if (!job_request(eng, job, &request) ||
        (job->part && !job_covers(eng, job))) {
        /* Or it was made anew, and differently, while there was no room. */
        job->status = DMASHARE_STATUS_RENDER_LOST;
        return true;
    }
    if (job->part) {
        request_part(job, first, &request);
    }
    if (!dmashare_render_ask(eng->render, job->lane, job_context(eng, job),
                             &request)) {
        job->asleep = true;
        return false;
    }
    trace_dmashare_render_ask(job->lane, job->order, request.serial);
    return slot->status || !job->part ||
           first + job->part >= le16_to_cpu(job->desc.transfer.height);
}

static void job_ask(DmashareEngines *eng, DmashareJob *job)
{
    bool last;

    do {
        last = job_ask_part(eng, job);
    } while (!last && !job->asleep);
    if (last) {
        job->phase = job->engine->uses_dst ? PHASE_OUT : PHASE_ANSWER;
    }
}

/* Move what has been answered. Returns true when all of it is, or it failed. */
static bool job_out(DmashareEngines *eng, DmashareJob *job, int64_t *budget)
{
    const DmashareRenderSlot *slot = &eng->render->slot[job->lane];

    if (slot->status) {
        job->status = slot->status;
        return true;
    }
    job->limit = !dmashare_render_busy(slot) ? job->length :
                 slot->answered * (uint64_t)job->part *
                 le32_to_cpu(job->desc.transfer.stride);
    if (dmashare_engine_move(eng, job, budget)) {
        return true;
    }
    job->asleep = job->column >= job->limit;
    return false;
}

static bool job_clear(DmashareEngines *eng, DmashareJob *job, int64_t *budget)
{
    uint64_t n = MIN(job->length - job->column, MAX(*budget, 1));

    memset(job_staging(eng, job), 0, n);
    *budget -= n;
    job->column += n;
    if (job->column < job->length) {
        return false;
    }
    job->column = 0;
    return true;
}

/* One phase, or a part of one. Returns false when it can go no further now. */
static bool job_phase(DmashareEngines *eng, DmashareJob *job, int64_t *budget)
{
    DmashareRender *render = eng->render;
    bool down = job->engine->uses_dst;

    switch (job->phase) {
    case PHASE_TAKE:
        job->asleep = !dmashare_render_take(render, job->lane, job);
        if (job->asleep) {
            return false;
        }
        if (!down) {
            job->phase = PHASE_IN;
        } else if (job_covers(eng, job)) {
            job->part = job_part(job);
            job->phase = PHASE_ASK;
        } else {
            job->phase = PHASE_CLEAR;
        }
        return true;
    case PHASE_CLEAR:
        if (!job_clear(eng, job, budget)) {
            return false;
        }
        job->phase = PHASE_ASK;
        return true;
    case PHASE_IN:
        if (!dmashare_engine_move(eng, job, budget)) {
            return false;
        }
        job->phase = PHASE_ASK;
        return true;
    case PHASE_ASK:
        job_ask(eng, job);
        return !job->asleep;
    case PHASE_ANSWER:
        job->asleep = dmashare_render_busy(&render->slot[job->lane]);
        if (!job->asleep) {
            job->status = render->slot[job->lane].status;
            job->phase = PHASE_OUT;
        }
        return !job->asleep;
    default:
        return !down || job_out(eng, job, budget);
    }
}

static bool render_step(DmashareEngines *eng, DmashareJob *job,
                        int64_t *budget)
{
    bool last;

    do {
        last = job->phase == PHASE_OUT;
        if (!job_phase(eng, job, budget)) {
            return false;
        }
    } while (!last && !job->status);
    return true;
}

static void render_release(DmashareEngines *eng, DmashareJob *job)
{
    dmashare_render_give(eng->render, job->lane, job);
}

/*
 * Bytes
 */

static uint16_t in_piece(DmashareEngines *eng, DmashareJob *job, uint64_t len,
                         uint64_t *done)
{
    DmashareWindow src;
    uint16_t status = dmashare_operand_open(eng, job, &job->src, len, &src);

    if (status) {
        return status;
    }
    memcpy(job_staging(eng, job), src.host, src.len);
    *done = src.len;
    return dmashare_operand_close(eng, job, &job->src, &src, src.len);
}

static uint16_t out_piece(DmashareEngines *eng, DmashareJob *job, uint64_t len,
                          uint64_t *done)
{
    DmashareWindow dst;
    uint16_t status = dmashare_operand_open(eng, job, &job->dst, len, &dst);

    if (status) {
        return status;
    }
    memcpy(dst.host, job_staging(eng, job), dst.len);
    *done = dst.len;
    return dmashare_operand_close(eng, job, &job->dst, &dst, dst.len);
}

const DmashareEngineOps dmashare_engine_render = {
    .uses_src = true,
    .uses_value = true,
    .cost = 1,
    .piece = in_piece,
    .validate = render_validate,
    .step = render_step,
    .release = render_release,
};

const DmashareEngineOps dmashare_engine_upload = {
    .uses_src = true,
    .uses_value = true,
    .cost = 1,
    .piece = in_piece,
    .body = sizeof(struct dmashare_body_transfer),
    .validate = transfer_validate,
    .step = render_step,
    .release = render_release,
};

const DmashareEngineOps dmashare_engine_download = {
    .uses_dst = true,
    .uses_value = true,
    .cost = 1,
    .piece = out_piece,
    .body = sizeof(struct dmashare_body_transfer),
    .validate = transfer_validate,
    .step = render_step,
    .release = render_release,
};
