// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: descriptors
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "hw/dmashare/command.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_desc) != DMASHARE_DESC_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_segment) != 16);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_seg_block) != 16);

/* Cost of reading a list block, in copied bytes; see DmashareEngineOps. */
#define BLOCK_COST      1024

static bool body_ends(const struct dmashare_desc *desc, size_t len)
{
    return buffer_is_zero(desc->body + len, sizeof(desc->body) - len);
}

static bool direction_valid(uint32_t direction)
{
    return direction <= DMASHARE_DIR_FROM_DEVICE;
}

/*
 * Jobs
 */

static uint16_t job_take(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_desc *desc = &job->desc;
    const struct dmashare_body_job *body = &desc->job;
    uint16_t status;

    if (job->lane == DMASHARE_QUEUE_CONTROL) {
        return DMASHARE_STATUS_BAD_OPCODE;
    }
    job->engine = dmashare_engine_find(desc->opcode);
    if (!job->engine) {
        return DMASHARE_STATUS_BAD_OPCODE;
    }
    if (desc->reserved || desc->n_waits > DMASHARE_MAX_WAITS ||
        le16_to_cpu(desc->flags) & ~DMASHARE_JOB_F_STRICT ||
        !body_ends(desc, sizeof(*body)) ||
        !buffer_is_zero(&body->wait[desc->n_waits],
                        (DMASHARE_MAX_WAITS - desc->n_waits) *
                        sizeof(body->wait[0]))) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    for (unsigned i = 0; i < desc->n_waits; i++) {
        if (body->wait[i].reserved) {
            return DMASHARE_STATUS_BAD_DESCRIPTOR;
        }
    }
    status = dmashare_engine_validate(cmds->engines, job);
    if (status) {
        return status;
    }
    for (unsigned i = 0; i < desc->n_waits; i++) {
        job->wait[i].timeline = le32_to_cpu(body->wait[i].timeline);
        job->wait[i].seqno = le64_to_cpu(body->wait[i].seqno);
        if (job->wait[i].timeline >= cmds->fences->n_timelines) {
            return DMASHARE_STATUS_BAD_FENCE;
        }
    }
    job->n_waits = desc->n_waits;
    return DMASHARE_STATUS_OK;
}

void dmashare_command_take(DmashareCommands *cmds, DmashareJob *job)
{
    uint32_t timeline = le32_to_cpu(job->desc.job.timeline);
    uint64_t seqno = le64_to_cpu(job->desc.job.seqno);

    if (!dmashare_command_is_job(job)) {
        /* Control commands are validated when their turn to execute comes. */
        if (job->lane != DMASHARE_QUEUE_CONTROL) {
            job->refused = true;
            job->status = DMASHARE_STATUS_BAD_OPCODE;
        }
        return;
    }

    job->status = job_take(cmds, job);
    if (!dmashare_fence_valid(cmds->fences, timeline, seqno)) {
        if (!job->status) {
            job->status = DMASHARE_STATUS_BAD_FENCE;
        }
    } else {
        if (!job->status &&
            dmashare_fence_waits_for_itself(cmds->fences, timeline, seqno,
                                            job->wait, job->n_waits)) {
            job->status = DMASHARE_STATUS_DEADLOCK;
        }
        job->fence = dmashare_fence_submit(cmds->fences, timeline, seqno,
                                           job->lane, job);
    }
    job->refused = job->status != DMASHARE_STATUS_OK;
}

/*
 * Control commands
 */

static uint16_t buffer_create(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_buffer *body = &job->desc.buffer;
    uint32_t flags = le32_to_cpu(body->flags);
    uint32_t placement = le32_to_cpu(body->placement);

    if (body->reserved || !body_ends(&job->desc, sizeof(*body)) ||
        flags & ~DMASHARE_BUFFER_F_IMPORTED ||
        placement != DMASHARE_PLACEMENT_SYSTEM) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    return dmashare_buffer_create(cmds->buffers, le32_to_cpu(body->id),
                                  le64_to_cpu(body->size), flags, placement,
                                  body->name);
}

static uint16_t attach(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_attach *body = &job->desc.attach;
    uint32_t flags = le32_to_cpu(body->flags);

    if (body->reserved || !body_ends(&job->desc, sizeof(*body)) ||
        flags & ~(DMASHARE_ATTACH_F_DYNAMIC | DMASHARE_ATTACH_F_P2P |
                  DMASHARE_ATTACH_F_SELF)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    return dmashare_attach(cmds->buffers, le32_to_cpu(body->id),
                           le32_to_cpu(body->buffer), flags, body->name);
}

static uint16_t by_id(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_id *body = &job->desc.id;
    uint32_t id = le32_to_cpu(body->id);

    if (body->reserved || !body_ends(&job->desc, sizeof(*body))) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    switch (job->desc.opcode) {
    case DMASHARE_OP_BUFFER_DESTROY:
        return dmashare_buffer_remove(cmds->buffers, id);
    case DMASHARE_OP_DETACH:
        return dmashare_detach(cmds->buffers, id);
    default:
        return dmashare_mapping_end(cmds->mappings, id);
    }
}

static uint16_t note(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_note *body = &job->desc.note;
    uint32_t kind = le32_to_cpu(body->kind);

    if (body->reserved || !body_ends(&job->desc, sizeof(*body)) ||
        kind >= DMASHARE_NOTE_COUNT) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!direction_valid(le32_to_cpu(body->direction))) {
        return DMASHARE_STATUS_BAD_DIRECTION;
    }
    return dmashare_note(cmds->buffers, kind, le32_to_cpu(body->buffer),
                         le32_to_cpu(body->attachment),
                         le32_to_cpu(body->error));
}

static uint16_t query_ledger(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_query *body = &job->desc.query;
    uint64_t addr = le64_to_cpu(body->addr);
    uint32_t len = le32_to_cpu(body->length);
    uint8_t out[DMASHARE_LEDGER_MAX_LENGTH];
    uint16_t status;

    if (!body_ends(&job->desc, sizeof(*body)) || addr & 7) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (len < 8 || len & 7) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }

    len = MIN(len, sizeof(out));
    cmds->buffers->ledger.fences_signalled = cmds->fences->signalled;
    cmds->buffers->ledger.fences_failed = cmds->fences->failed;
    status = dmashare_ledger_write(cmds->buffers, le32_to_cpu(body->id),
                                   out, len);
    if (status) {
        return status;
    }
    status = dmashare_bus_write(cmds->bus, addr, out, len);
    if (status) {
        job->fault.addr = addr;
        return status;
    }
    job->result = len;
    return DMASHARE_STATUS_OK;
}

static uint16_t map_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_map *body = &job->desc.map;
    uint32_t direction = le32_to_cpu(body->direction);

    job->list = le64_to_cpu(body->list);
    if (!body_ends(&job->desc, sizeof(*body)) || job->list & 7 ||
        le32_to_cpu(body->placement) != DMASHARE_PLACEMENT_SYSTEM) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!direction_valid(direction)) {
        return DMASHARE_STATUS_BAD_DIRECTION;
    }
    return dmashare_mapping_begin(cmds->mappings, le32_to_cpu(body->id),
                                  le32_to_cpu(body->buffer),
                                  le32_to_cpu(body->attachment), direction,
                                  le64_to_cpu(body->length),
                                  le32_to_cpu(body->n_segments),
                                  &job->making);
}

static uint16_t list_read(DmashareCommands *cmds, DmashareJob *job,
                          uint64_t addr, void *buf, uint64_t len)
{
    uint16_t status = dmashare_bus_read(cmds->bus, addr, buf, len);

    if (status) {
        job->fault.addr = addr;
    }
    return status;
}

/*
 * One block of the list. Every block brings at least one segment and the
 * mapping has room for those announced, so that a chain that leads back into
 * itself ends as well.
 */
static uint16_t map_block(DmashareCommands *cmds, DmashareJob *job)
{
    struct dmashare_seg_block head;
    DmashareMapping *map = job->making;
    uint64_t at = job->list;
    uint32_t count;
    uint16_t status;

    status = list_read(cmds, job, at, &head, sizeof(head));
    if (status) {
        return status;
    }
    job->list = le64_to_cpu(head.next);
    count = le32_to_cpu(head.count);
    if (head.reserved || job->list & 7) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!count || count > DMASHARE_SEG_BLOCK_MAX ||
        count > map->n_segments - map->filled) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (at + sizeof(head) < at) {
        /* The block runs past the end of the address space. */
        job->fault.addr = at;
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    status = list_read(cmds, job, at + sizeof(head), cmds->block,
                       count * sizeof(*cmds->block));
    for (uint32_t i = 0; !status && i < count; i++) {
        status = dmashare_mapping_add(cmds->mappings, map,
                                      le64_to_cpu(cmds->block[i].addr),
                                      le64_to_cpu(cmds->block[i].len));
    }
    return status;
}

static bool map_step(DmashareCommands *cmds, DmashareJob *job, int64_t *budget)
{
    DmashareMapping *map = job->making;

    while (map->filled < map->n_segments) {
        uint32_t before = map->filled;

        if (*budget <= 0) {
            return false;
        }
        /* A list may start at address 0, but does not continue there. */
        job->status = before && !job->list ? DMASHARE_STATUS_BAD_LENGTH :
                      map_block(cmds, job);
        if (job->status) {
            return true;
        }
        *budget -= BLOCK_COST + (map->filled - before) * 32;
    }
    job->status = job->list ? DMASHARE_STATUS_BAD_LENGTH :
                  dmashare_mapping_commit(cmds->mappings, map);
    if (!job->status) {
        job->making = NULL;
    }
    return true;
}

static uint16_t control_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_desc *desc = &job->desc;

    if (desc->opcode > DMASHARE_OP_QUERY_LEDGER) {
        return DMASHARE_STATUS_BAD_OPCODE;
    }
    if (desc->reserved || desc->n_waits || desc->flags) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }

    switch (desc->opcode) {
    case DMASHARE_OP_NOP:
        return body_ends(desc, 0) ? DMASHARE_STATUS_OK :
               DMASHARE_STATUS_BAD_DESCRIPTOR;
    case DMASHARE_OP_BUFFER_CREATE:
        return buffer_create(cmds, job);
    case DMASHARE_OP_BUFFER_DESTROY:
    case DMASHARE_OP_DETACH:
    case DMASHARE_OP_UNMAP:
        return by_id(cmds, job);
    case DMASHARE_OP_ATTACH:
        return attach(cmds, job);
    case DMASHARE_OP_MAP:
        return map_start(cmds, job);
    case DMASHARE_OP_NOTE:
        return note(cmds, job);
    case DMASHARE_OP_QUERY_LEDGER:
        return query_ledger(cmds, job);
    default:
        return DMASHARE_STATUS_BAD_OPCODE;
    }
}

/*
 * All of them
 */

uint16_t dmashare_command_start(DmashareCommands *cmds, DmashareJob *job,
                                int64_t now)
{
    if (!dmashare_command_is_job(job)) {
        job->ready = now;
        return control_start(cmds, job);
    }
    if (le16_to_cpu(job->desc.flags) & DMASHARE_JOB_F_STRICT) {
        for (unsigned i = 0; i < job->n_waits; i++) {
            if (dmashare_fence_failure(cmds->fences, job->wait[i].timeline,
                                       job->wait[i].seqno)) {
                return DMASHARE_STATUS_DEPENDENCY;
            }
        }
    }
    return dmashare_engine_start(cmds->engines, job, now);
}

bool dmashare_command_step(DmashareCommands *cmds, DmashareJob *job,
                           int64_t *budget)
{
    if (dmashare_command_is_job(job)) {
        return dmashare_engine_step(cmds->engines, job, budget);
    }
    return !job->making || map_step(cmds, job, budget);
}

void dmashare_command_free(DmashareCommands *cmds, DmashareJob *job)
{
    if (job->making) {
        dmashare_mapping_abandon(cmds->mappings, job->making);
    }
    dmashare_engine_release(job);
    g_free(job);
}
