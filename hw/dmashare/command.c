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

static bool direction_valid(uint32_t direction)
{
    return direction <= DMASHARE_DIR_FROM_DEVICE;
}

static bool placement_valid(const DmashareCommands *cmds, uint32_t placement)
{
    switch (placement) {
    case DMASHARE_PLACEMENT_SYSTEM:
        return true;
    case DMASHARE_PLACEMENT_LOCAL:
        return cmds->mappings->local->size;
    case DMASHARE_PLACEMENT_PEER:
        return cmds->mappings->window && cmds->mappings->window->half;
    default:
        return false;
    }
}

/*
 * The copies of a buffer that a command goes through in steps
 */

static void sweep_start(DmashareJob *job, DmashareSweepOp op, uint64_t offset,
                        uint64_t length)
{
    job->sweeping = true;
    job->sweep.op = op;
    job->sweep.next = offset;
    job->sweep.last = offset + length - 1;
}

/* Returns true when there is nothing left to go through. */
static bool sweep_step(DmashareJob *job, DmashareBuffer *buf,
                       DmashareMapping *via, int64_t *budget)
{
    if (job->sweeping) {
        if (!dmashare_copies_sweep(&buf->copies, via, &job->sweep, budget)) {
            return false;
        }
        job->sweeping = false;
        if (job->sweep.status) {
            job->status = job->sweep.status;
            job->fault.addr = job->sweep.addr;
        }
    }
    return true;
}

/*
 * Jobs
 */

static uint16_t job_take(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_desc *desc = &job->desc;
    const struct dmashare_body_job *body = &desc->job;
    size_t length = sizeof(*body);
    uint16_t status;

    if (job->lane == DMASHARE_QUEUE_CONTROL) {
        return DMASHARE_STATUS_BAD_OPCODE;
    }
    job->engine = dmashare_engine_find(cmds->engines, desc->opcode);
    if (!job->engine) {
        return DMASHARE_STATUS_BAD_OPCODE;
    }
    if (job->engine->body) {
        length = job->engine->body;
    }
    if (desc->reserved || desc->n_waits > DMASHARE_MAX_WAITS ||
        le16_to_cpu(desc->flags) & ~(DMASHARE_JOB_F_STRICT |
                                     DMASHARE_JOB_F_UNCACHED) ||
        !dmashare_command_body_ends(job, length) ||
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
            dmashare_command_report(cmds, job, job->status);
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

    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body)) ||
        flags & ~DMASHARE_BUFFER_F_IMPORTED ||
        !placement_valid(cmds, placement) ||
        (placement != DMASHARE_PLACEMENT_SYSTEM &&
         flags & DMASHARE_BUFFER_F_IMPORTED)) {
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

    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body)) ||
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
    uint16_t status;

    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body))) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (job->desc.opcode == DMASHARE_OP_DETACH) {
        return dmashare_detach(cmds->buffers, id);
    }
    status = dmashare_buffer_removable(cmds->buffers, id);
    if (!status) {
        /* The buffer goes when its copies are gone. */
        sweep_start(job, DMASHARE_SWEEP_DROP, 0, UINT64_MAX);
    }
    return status;
}

static bool destroy_step(DmashareCommands *cmds, DmashareJob *job,
                         int64_t *budget)
{
    uint32_t id = le32_to_cpu(job->desc.id.id);
    DmashareBuffer *buf = dmashare_buffer_find(cmds->buffers, id);

    if (!sweep_step(job, buf, NULL, budget) ||
        !dmashare_poison_destroyed(cmds->poison, buf, &job->wipe, budget)) {
        return false;
    }
    dmashare_share_destroyed(cmds->shares, id);
    job->status = dmashare_buffer_remove(cmds->buffers, id);
    return true;
}

static uint16_t place(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_place *body = &job->desc.place;
    uint32_t placement = le32_to_cpu(body->placement);
    uint16_t status;

    if (!dmashare_command_body_ends(job, sizeof(*body)) ||
        !placement_valid(cmds, placement)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    status = dmashare_place(cmds->buffers, le32_to_cpu(body->id), placement);
    if (!status && placement == DMASHARE_PLACEMENT_SYSTEM) {
        /* Where it was is somebody else's affair from now on. */
        dmashare_home_forget(dmashare_buffer_find(cmds->buffers,
                                                  le32_to_cpu(body->id)));
    }
    return status;
}

static uint16_t note(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_note *body = &job->desc.note;
    uint32_t kind = le32_to_cpu(body->kind);

    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body)) ||
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

uint16_t dmashare_command_query(DmashareCommands *cmds, DmashareJob *job,
                                DmashareQueryFill *fill)
{
    const struct dmashare_body_query *body = &job->desc.query;
    uint64_t addr = le64_to_cpu(body->addr);
    uint32_t len = le32_to_cpu(body->length);
    uint8_t out[DMASHARE_LEDGER_MAX_LENGTH] = { 0 };
    uint16_t status;

    if (addr & 7) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (len < 8 || len & 7) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }

    len = MIN(len, sizeof(out));
    status = fill(cmds, le32_to_cpu(body->id), out, len);
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

static uint16_t fill_ledger(DmashareCommands *cmds, uint32_t id, uint8_t *out,
                            uint32_t len)
{
    cmds->buffers->ledger.fences_signalled = cmds->fences->signalled;
    cmds->buffers->ledger.fences_failed = cmds->fences->failed;
    return dmashare_ledger_write(cmds->buffers, id, out, len);
}

static uint16_t query_ledger(DmashareCommands *cmds, DmashareJob *job)
{
    return dmashare_command_body_ends(job, sizeof(job->desc.query)) ?
           dmashare_command_query(cmds, job, fill_ledger) :
           DMASHARE_STATUS_BAD_DESCRIPTOR;
}

static uint16_t map_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_map *body = &job->desc.map;
    DmashareMapRequest req = {
        .id = le32_to_cpu(body->id),
        .buffer = le32_to_cpu(body->buffer),
        .attachment = le32_to_cpu(body->attachment),
        .direction = le32_to_cpu(body->direction),
        .length = le64_to_cpu(body->length),
        .n_segments = le32_to_cpu(body->n_segments),
        .placement = le32_to_cpu(body->placement),
        .flags = le32_to_cpu(body->flags),
    };

    job->list = le64_to_cpu(body->list);
    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body)) ||
        job->list & 7 || !placement_valid(cmds, req.placement) ||
        req.flags & ~(DMASHARE_MAP_F_SKIP_SYNC | DMASHARE_MAP_F_UNCACHED)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!direction_valid(req.direction)) {
        return DMASHARE_STATUS_BAD_DIRECTION;
    }
    return dmashare_mapping_begin(cmds->mappings, &req, &job->making);
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

/* Returns true when the list is read, or is found wrong. */
static bool map_read(DmashareCommands *cmds, DmashareJob *job, int64_t *budget)
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
                  dmashare_mapping_complete(map);
    return true;
}

static bool map_step(DmashareCommands *cmds, DmashareJob *job, int64_t *budget)
{
    DmashareMapping *map = job->making;

    if (!job->sweeping) {
        if (!map_read(cmds, job, budget)) {
            return false;
        }
        if (job->status) {
            return true;
        }
        if (map->placement == DMASHARE_PLACEMENT_SYSTEM &&
            !(map->flags & DMASHARE_MAP_F_SKIP_SYNC)) {
            sweep_start(job, DMASHARE_SWEEP_DROP_CLEAN, 0, map->length);
        }
    }
    if (!sweep_step(job, map->buffer, map, budget)) {
        return false;
    }
    dmashare_mapping_commit(cmds->mappings, map);
    dmashare_poison_mapped(cmds->poison, map);
    job->making = NULL;
    return true;
}

static uint16_t unmap_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_unmap *body = &job->desc.unmap;
    uint32_t flags = le32_to_cpu(body->flags);
    bool skip = flags & DMASHARE_UNMAP_F_SKIP_SYNC;
    DmashareMapping *map;
    uint16_t status;

    if (!dmashare_command_body_ends(job, sizeof(*body)) ||
        flags & ~DMASHARE_UNMAP_F_SKIP_SYNC) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    status = dmashare_mapping_end(cmds->mappings, le32_to_cpu(body->id), skip,
                                  &job->ending);
    if (status) {
        return status;
    }

    map = job->ending;
    dmashare_share_unmapped(cmds->shares, map);
    if (map->placement == DMASHARE_PLACEMENT_SYSTEM) {
        if (!skip) {
            sweep_start(job, DMASHARE_SWEEP_FLUSH, 0, map->length);
        } else if (!map->buffer->system_mappings) {
            /* No way to memory is left. */
            sweep_start(job, DMASHARE_SWEEP_DROP_DIRTY, 0, map->length);
        }
    }
    return DMASHARE_STATUS_OK;
}

static bool unmap_step(DmashareCommands *cmds, DmashareJob *job,
                       int64_t *budget)
{
    DmashareMapping *map = job->ending;

    if (!sweep_step(job, map->buffer, map, budget) ||
        !dmashare_poison_unmapped(cmds->poison, map, &job->wipe, budget)) {
        return false;
    }
    dmashare_mapping_finish(cmds->mappings, job->ending);
    job->ending = NULL;
    return true;
}

/* The queue was stopped in the middle: the mapping has ended all the same. */
static void unmap_abort(DmashareCommands *cmds, DmashareJob *job)
{
    DmashareMapping *map = job->ending;
    int64_t budget = INT64_MAX;

    if (job->sweeping && !map->buffer->system_mappings) {
        sweep_start(job, DMASHARE_SWEEP_DROP_DIRTY, 0, map->length);
        sweep_step(job, map->buffer, map, &budget);
    }
    dmashare_mapping_finish(cmds->mappings, map);
}

static uint16_t sync_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_sync *body = &job->desc.sync;
    uint32_t id = le32_to_cpu(body->mapping);
    uint32_t flags = le32_to_cpu(body->flags);
    uint32_t direction = le32_to_cpu(body->direction);
    uint64_t offset = le64_to_cpu(body->offset);
    uint64_t length = le64_to_cpu(body->length);
    DmashareMapping *map;

    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body)) ||
        (flags != DMASHARE_SYNC_F_FOR_CPU &&
         flags != DMASHARE_SYNC_F_FOR_DEVICE)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!direction_valid(direction)) {
        return DMASHARE_STATUS_BAD_DIRECTION;
    }
    map = dmashare_mapping_find(cmds->mappings, id);
    if (!map) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (!length || offset > map->length || length > map->length - offset) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }

    trace_dmashare_sync(id, flags, direction, offset, length);
    job->syncing = dmashare_mapping_ref(map);
    if (map->placement != DMASHARE_PLACEMENT_SYSTEM) {
        return DMASHARE_STATUS_OK;
    }
    if (flags == DMASHARE_SYNC_F_FOR_CPU) {
        sweep_start(job, DMASHARE_SWEEP_WRITE, offset, length);
    } else if (direction != DMASHARE_DIR_FROM_DEVICE) {
        sweep_start(job, DMASHARE_SWEEP_DROP, offset, length);
    }
    return DMASHARE_STATUS_OK;
}

static bool sync_step(DmashareCommands *cmds, DmashareJob *job,
                      int64_t *budget)
{
    DmashareBuffer *buf = job->syncing->buffer;

    if (!sweep_step(job, buf, job->syncing, budget)) {
        return false;
    }
    if (!job->status) {
        if (le32_to_cpu(job->desc.sync.flags) == DMASHARE_SYNC_F_FOR_CPU) {
            DMASHARE_COUNT(cmds->buffers, buf, syncs_for_cpu, 1);
        } else {
            DMASHARE_COUNT(cmds->buffers, buf, syncs_for_device, 1);
        }
    }
    return true;
}

static uint16_t control_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_desc *desc = &job->desc;

    if (desc->opcode > DMASHARE_OP_SYNC &&
        !dmashare_command_share_exists(cmds, desc->opcode) &&
        !dmashare_command_peer_exists(cmds, desc->opcode) &&
        !dmashare_command_render_exists(cmds, desc->opcode)) {
        return DMASHARE_STATUS_BAD_OPCODE;
    }
    if (desc->reserved || desc->n_waits || desc->flags) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }

    switch (desc->opcode) {
    case DMASHARE_OP_NOP:
        return dmashare_command_body_ends(job, 0) ? DMASHARE_STATUS_OK :
               DMASHARE_STATUS_BAD_DESCRIPTOR;
    case DMASHARE_OP_BUFFER_CREATE:
        return buffer_create(cmds, job);
    case DMASHARE_OP_BUFFER_DESTROY:
    case DMASHARE_OP_DETACH:
        return by_id(cmds, job);
    case DMASHARE_OP_UNMAP:
        return unmap_start(cmds, job);
    case DMASHARE_OP_ATTACH:
        return attach(cmds, job);
    case DMASHARE_OP_MAP:
        return map_start(cmds, job);
    case DMASHARE_OP_NOTE:
        return note(cmds, job);
    case DMASHARE_OP_QUERY_LEDGER:
        return query_ledger(cmds, job);
    case DMASHARE_OP_PLACE:
        return place(cmds, job);
    case DMASHARE_OP_SYNC:
        return sync_start(cmds, job);
    case DMASHARE_OP_PEER_QUERY:
    case DMASHARE_OP_PEER_MAP:
    case DMASHARE_OP_PEER_UNMAP:
    case DMASHARE_OP_PEER_ACQUIRE:
    case DMASHARE_OP_PEER_RELEASE:
        return dmashare_command_peer(cmds, job);
    case DMASHARE_OP_CONTEXT_CREATE:
    case DMASHARE_OP_CONTEXT_DESTROY:
    case DMASHARE_OP_RESOURCE_CREATE:
    case DMASHARE_OP_RESOURCE_DESTROY:
    case DMASHARE_OP_RESOURCE_ADD:
    case DMASHARE_OP_RESOURCE_REMOVE:
    case DMASHARE_OP_QUERY_CAPSET:
        return dmashare_command_render_start(cmds, job);
    default:
        return dmashare_command_share_start(cmds, job);
    }
}

static bool control_step(DmashareCommands *cmds, DmashareJob *job,
                         int64_t *budget)
{
    switch (job->desc.opcode) {
    case DMASHARE_OP_BUFFER_DESTROY:
        return destroy_step(cmds, job, budget);
    case DMASHARE_OP_MAP:
        return map_step(cmds, job, budget);
    case DMASHARE_OP_UNMAP:
        return unmap_step(cmds, job, budget);
    case DMASHARE_OP_SYNC:
        return sync_step(cmds, job, budget);
    case DMASHARE_OP_CONTEXT_CREATE:
    case DMASHARE_OP_CONTEXT_DESTROY:
    case DMASHARE_OP_RESOURCE_CREATE:
    case DMASHARE_OP_RESOURCE_DESTROY:
    case DMASHARE_OP_RESOURCE_ADD:
    case DMASHARE_OP_RESOURCE_REMOVE:
        return dmashare_command_render_step(cmds, job);
    default:
        return dmashare_command_share_step(cmds, job, budget);
    }
}

/*
 * All of them
 */

uint16_t dmashare_command_start(DmashareCommands *cmds, DmashareJob *job,
                                int64_t now)
{
    uint16_t status;

    if (!dmashare_command_is_job(job)) {
        job->ready = now;
        job->named = dmashare_command_names(cmds, &job->desc);
        status = dmashare_command_fault(cmds, job);
        if (job->fatal) {
            return DMASHARE_STATUS_OK;
        }
        if (!status) {
            status = control_start(cmds, job);
        }
        if (status) {
            dmashare_command_report(cmds, job, status);
        }
        return status;
    }
    if (le16_to_cpu(job->desc.flags) & DMASHARE_JOB_F_STRICT) {
        for (unsigned i = 0; i < job->n_waits; i++) {
            if (dmashare_fence_failure(cmds->fences, job->wait[i].timeline,
                                       job->wait[i].seqno)) {
                return DMASHARE_STATUS_DEPENDENCY;
            }
        }
    }
    status = dmashare_engine_start(cmds->engines, job, now);
    return status ? status : dmashare_command_fault(cmds, job);
}

bool dmashare_command_step(DmashareCommands *cmds, DmashareJob *job,
                           int64_t *budget)
{
    if (dmashare_command_is_job(job)) {
        return dmashare_engine_step(cmds->engines, job, budget);
    }
    if (!control_step(cmds, job, budget)) {
        return false;
    }
    dmashare_command_report(cmds, job, job->status);
    return true;
}

void dmashare_command_free(DmashareCommands *cmds, DmashareJob *job)
{
    if (job->making) {
        dmashare_mapping_abandon(cmds->mappings, job->making);
    }
    if (job->ending) {
        unmap_abort(cmds, job);
    }
    if (job->syncing) {
        dmashare_mapping_unref(job->syncing);
    }
    dmashare_command_share_abort(cmds, job);
    dmashare_engine_release(cmds->engines, job);
    g_free(job);
}
