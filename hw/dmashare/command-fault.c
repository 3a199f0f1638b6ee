// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what fault rules are asked about commands and jobs
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "hw/dmashare/command.h"

/* Ids of the interface are not 0; the driver may write it all the same. */
static uint32_t named(__le32 id)
{
    return id ? le32_to_cpu(id) : DMASHARE_NO_ID;
}

/* Of a command that nobody has validated. */
static void key_command(const DmashareJob *job, DmashareFaultKey *key)
{
    const struct dmashare_desc *desc = &job->desc;

    switch (desc->opcode) {
    case DMASHARE_OP_BUFFER_CREATE:
        key->buffer = named(desc->buffer.id);
        break;
    case DMASHARE_OP_BUFFER_DESTROY:
        key->buffer = named(desc->id.id);
        break;
    case DMASHARE_OP_ATTACH:
        key->buffer = named(desc->attach.buffer);
        break;
    case DMASHARE_OP_DETACH:
        key->buffer = job->named;
        break;
    case DMASHARE_OP_MAP:
        key->buffer = named(desc->map.buffer);
        key->mapping = named(desc->map.id);
        break;
    case DMASHARE_OP_UNMAP:
        key->buffer = job->named;
        key->mapping = named(desc->unmap.id);
        break;
    case DMASHARE_OP_NOTE:
        key->buffer = named(desc->note.buffer);
        break;
    case DMASHARE_OP_QUERY_LEDGER:
        key->buffer = named(desc->query.id);
        break;
    case DMASHARE_OP_PLACE:
        key->buffer = named(desc->place.id);
        break;
    case DMASHARE_OP_SYNC:
        key->buffer = job->named;
        key->mapping = named(desc->sync.mapping);
        break;
    case DMASHARE_OP_SHARE:
        key->buffer = named(desc->share.buffer);
        key->mapping = named(desc->share.mapping);
        break;
    case DMASHARE_OP_UNSHARE:
        key->buffer = named(desc->unshare.buffer);
        break;
    case DMASHARE_OP_PUBLISH:
        key->buffer = named(desc->publish.buffer);
        break;
    case DMASHARE_OP_GRANT:
        key->buffer = job->named;
        break;
    default:
        break;
    }
}

/* Of a job whose operands have been resolved. */
static void key_job(const DmashareJob *job, DmashareFaultKey *key)
{
    const DmashareMapping *src = job->src.map, *dst = job->dst.map;

    if (dst) {
        key->buffer = dst->buffer->id;
        key->mapping = dst->id;
    }
    if (src) {
        key->buffer2 = src->buffer->id;
        key->mapping2 = src->id;
    }
    if (src && !dst) {
        key->buffer = src->buffer->id;
        key->mapping = src->id;
    }
    key->timeline = le32_to_cpu(job->desc.job.timeline);
}

uint16_t dmashare_command_fault(DmashareCommands *cmds, DmashareJob *job)
{
    bool is_job = dmashare_command_is_job(job);
    DmashareFaultKey key = DMASHARE_FAULT_KEY(
        is_job ? DMASHARE_FAULT_WHERE_JOB : DMASHARE_FAULT_WHERE_COMMAND);
    const DmashareRule *rule;

    if (!dmashare_faults_at(cmds->faults, key.where)) {
        return DMASHARE_STATUS_OK;
    }
    key.opcode = job->desc.opcode;
    key.queue = job->lane;
    if (is_job) {
        key_job(job, &key);
    } else {
        key_command(job, &key);
    }

    rule = dmashare_fault_ask(cmds->faults, &key);
    if (!rule) {
        return DMASHARE_STATUS_OK;
    }
    switch (rule->action) {
    case DMASHARE_FAULT_ACTION_FAIL:
        job->error = dmashare_errno_number(rule->error);
        return DMASHARE_STATUS_COMMANDED;
    case DMASHARE_FAULT_ACTION_DELAY:
        if (sadd64_overflow(job->ready, rule->delay, &job->ready)) {
            job->ready = INT64_MAX;
        }
        return DMASHARE_STATUS_OK;
    case DMASHARE_FAULT_ACTION_HANG:
        job->hung = rule->id;
        return DMASHARE_STATUS_OK;
    default:
        job->fatal = true;
        return DMASHARE_STATUS_OK;
    }
}
