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
#include "hw/dmashare/swizzle.h"
#include "trace.h"

/*
 * What is read in parts is so in parts of about so many bytes, and so many of
 * them are under way. All of these together should fit into the caches of a
 * processor: what goes by way of memory twice takes twice as long.
 */
#define PART_BYTES      (512 * KiB)
#define PARTS           DMASHARE_RENDER_PARTS

/* What waiting awake costs, of what could have been moved meanwhile. */
#define LINGER_COST     (256 * KiB)

typedef enum RenderPhase {
    PHASE_TAKE,     /* the slot */
    PHASE_CLEAR,    /* of what was in it */
    PHASE_IN,       /* bytes to it */
    PHASE_ASK,      /* the renderer */
    PHASE_ANSWER,   /* is waited for */
    PHASE_OUT,      /* bytes from the slot, in parts that are asked for here */
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
 * in parts: the device moves one while the renderer has those after it. Their
 * places in the slot are used again and again.
 */
static uint32_t job_part(const DmashareJob *job)
{
    const struct dmashare_body_transfer *body = &job->desc.transfer;

    return MIN(le16_to_cpu(body->height),
               MAX(PART_BYTES / le32_to_cpu(body->stride), 1));
}

static uint64_t part_bytes(const DmashareJob *job)
{
    return job->part * (uint64_t)le32_to_cpu(job->desc.transfer.stride);
}

static bool parts_all_asked(const DmashareJob *job,
                            const DmashareRenderSlot *slot)
{
    return slot->asked * (uint64_t)job->part >=
           le16_to_cpu(job->desc.transfer.height);
}

/* Of the whole job a part: its rows from @first on. */
static void request_part(const DmashareJob *job, unsigned n,
                         struct dmashare_render_request *request)
{
    uint32_t first = n * job->part;

    request->box.y += first;
    request->box.height = MIN(job->part, request->box.height - first);
    request->offset = n % PARTS * part_bytes(job);
    request->length = request->box.height * (uint64_t)request->box.stride;
}

/*
 * Steps
 */

/* Where the next bytes are, or go to; sets how many of them are there. */
static uint8_t *job_staging(DmashareEngines *eng, const DmashareJob *job,
                            uint64_t *len)
{
    uint8_t *slot = dmashare_render_memory(eng->render, job->lane);
    uint64_t at = job->column;

    if (job->part) {
        at %= PARTS * part_bytes(job);
        *len = PARTS * part_bytes(job) - at;
    } else {
        *len = job->length - at;
    }
    return slot + at;
}

/* Ask for all of it, or for the next part. Sets a status if that cannot be. */
static bool job_ask_once(DmashareEngines *eng, DmashareJob *job)
{
    DmashareRenderSlot *slot = &eng->render->slot[job->lane];
    struct dmashare_render_request request = { 0 };

    if (!job_request(eng, job, &request) ||
        (job->part && !job_covers(eng, job))) {
        /* Or it was made anew, and differently, meanwhile. */
        job->status = DMASHARE_STATUS_RENDER_LOST;
        return true;
    }
    if (job->part) {
        request_part(job, slot->asked, &request);
        if (job_resource(eng, job)->swapped) {
            request.box.order = DMASHARE_RENDER_ORDER_RGBA;
        }
    }
    if (!dmashare_render_ask(eng->render, job->lane, job_context(eng, job),
                             &request)) {
        job->asleep = true;
        return false;
    }
    trace_dmashare_render_ask(job->lane, job->order, request.serial);
    return true;
}

/* As many parts as there are places for. False if there was no room to ask. */
static bool job_ask_parts(DmashareEngines *eng, DmashareJob *job)
{
    const DmashareRenderSlot *slot = &eng->render->slot[job->lane];
    uint64_t moved = job->column / part_bytes(job);

    while (!job->status && !slot->status && !parts_all_asked(job, slot) &&
           slot->asked < moved + PARTS) {
        if (!job_ask_once(eng, job)) {
            return false;
        }
    }
    return true;
}

/*
 * How much of the operand has come, up to the end of a part: then its place is
 * asked for before the next one is moved.
 */
static uint64_t job_come(const DmashareJob *job, const DmashareRenderSlot *slot)
{
    uint64_t bytes;

    if (!job->part) {
        return dmashare_render_busy(slot) ? 0 : job->length;
    }
    bytes = part_bytes(job);
    return MIN(slot->answered, job->column / bytes + 1) * bytes;
}

/* Move what has been answered. Returns true when all of it is, or it failed. */
static bool job_out(DmashareEngines *eng, DmashareJob *job, int64_t *budget)
{
    const DmashareRenderSlot *slot = &eng->render->slot[job->lane];

    for (;;) {
        if (job->part && !job_ask_parts(eng, job)) {
            return false;
        }
        if (!job->status) {
            job->status = slot->status;
        }
        if (job->status) {
            return true;
        }
        job->limit = job_come(job, slot);
        if (job->limit > job->column) {
            if (dmashare_engine_move(eng, job, budget)) {
                return true;
            }
        } else if (!job->part ||
                   !eng->render->ops->linger(eng->render->opaque)) {
            job->asleep = true;
            return false;
        } else {
            *budget -= LINGER_COST;
        }
        if (*budget <= 0) {
            return false;
        }
    }
}

static bool job_clear(DmashareEngines *eng, DmashareJob *job, int64_t *budget)
{
    uint64_t n;
    uint8_t *at = job_staging(eng, job, &n);

    n = MIN(n, MAX(*budget, 1));
    memset(at, 0, n);
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
            job->phase = PHASE_OUT;
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
        if (!job_ask_once(eng, job)) {
            return false;
        }
        job->phase = down ? PHASE_OUT : PHASE_ANSWER;
        return true;
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
    uint64_t room;
    uint8_t *at = job_staging(eng, job, &room);
    uint16_t status = dmashare_operand_open(eng, job, &job->src,
                                            MIN(len, room), &src);

    if (status) {
        return status;
    }
    memcpy(at, src.host, src.len);
    *done = src.len;
    return dmashare_operand_close(eng, job, &job->src, &src, src.len);
}

/* In the order that the part came in; it begins where a pixel does. */
static void out_pixels(DmashareEngines *eng, const DmashareJob *job,
                       const DmashareWindow *dst, const uint8_t *at)
{
    const DmashareRenderSlot *slot = &eng->render->slot[job->lane];
    unsigned pixel = job->column % sizeof(uint32_t);

    if (slot->order[job->column / part_bytes(job) % PARTS] ==
        DMASHARE_RENDER_ORDER_RGBA) {
        dmashare_swizzle(dst->host, at - pixel, pixel, dst->len);
    } else {
        memcpy(dst->host, at, dst->len);
    }
}

static uint16_t out_piece(DmashareEngines *eng, DmashareJob *job, uint64_t len,
                          uint64_t *done)
{
    DmashareWindow dst;
    uint64_t there;
    const uint8_t *at = job_staging(eng, job, &there);
    uint16_t status = dmashare_operand_open(eng, job, &job->dst,
                                            MIN(len, there), &dst);

    if (status) {
        return status;
    }
    if (!job->part) {
        memcpy(dst.host, at, dst.len);
    } else {
        out_pixels(eng, job, &dst, at);
    }
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
