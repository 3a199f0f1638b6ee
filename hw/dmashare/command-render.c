// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the commands that make and unmake what is rendered with
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/command.h"

bool dmashare_command_render_exists(const DmashareCommands *cmds,
                                    uint8_t opcode)
{
    return cmds->render->enabled && opcode >= DMASHARE_OP_CONTEXT_CREATE &&
           opcode <= DMASHARE_OP_QUERY_CAPSET;
}

static uint16_t query_capset(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_query *body = &job->desc.query;
    uint32_t n = le32_to_cpu(body->id) - DMASHARE_CAPSET_VIRGL;
    uint64_t addr = le64_to_cpu(body->addr);
    uint32_t len = le32_to_cpu(body->length);
    const DmashareRender *render = cmds->render;
    uint16_t status;

    if (addr & 7) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (len < 8 || len & 7) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (render->capsets < DMASHARE_RENDER_CAPSETS) {
        return DMASHARE_STATUS_BUSY;
    }
    if (n >= DMASHARE_RENDER_CAPSETS || !render->capset_size[n]) {
        return DMASHARE_STATUS_BAD_ID;
    }
    /* What is after the set is zeros. */
    len = MIN(len, DMASHARE_RENDER_CAPSET_SIZE);
    status = dmashare_bus_write(cmds->bus, addr, render->capset[n], len);
    if (status) {
        job->fault.addr = addr;
        return status;
    }
    job->result = render->capset_size[n];
    return DMASHARE_STATUS_OK;
}

static uint16_t by_pair(DmashareCommands *cmds, DmashareJob *job, bool *again)
{
    const struct dmashare_body_pair *body = &job->desc.pair;

    return dmashare_resource_pair(cmds->render, le32_to_cpu(body->context),
                                  le32_to_cpu(body->resource),
                                  job->desc.opcode == DMASHARE_OP_RESOURCE_ADD,
                                  again);
}

static uint16_t render_try(DmashareCommands *cmds, DmashareJob *job,
                           bool *again)
{
    const struct dmashare_desc *desc = &job->desc;
    DmashareRender *render = cmds->render;

    switch (desc->opcode) {
    case DMASHARE_OP_CONTEXT_CREATE:
        return dmashare_context_create(render, le32_to_cpu(desc->context.id),
                                       le32_to_cpu(desc->context.capset),
                                       desc->context.name, again);
    case DMASHARE_OP_CONTEXT_DESTROY:
        return desc->id.reserved ? DMASHARE_STATUS_BAD_DESCRIPTOR :
               dmashare_context_destroy(render, le32_to_cpu(desc->id.id),
                                        again);
    case DMASHARE_OP_RESOURCE_CREATE:
        return dmashare_resource_create(render, &desc->resource, again);
    case DMASHARE_OP_RESOURCE_DESTROY:
        return desc->id.reserved ? DMASHARE_STATUS_BAD_DESCRIPTOR :
               dmashare_resource_destroy(render, le32_to_cpu(desc->id.id),
                                         again);
    default:
        return by_pair(cmds, job, again);
    }
}

uint16_t dmashare_command_render_start(DmashareCommands *cmds,
                                       DmashareJob *job)
{
    static const size_t body[] = {
        [DMASHARE_OP_CONTEXT_CREATE] = sizeof(struct dmashare_body_context),
        [DMASHARE_OP_CONTEXT_DESTROY] = sizeof(struct dmashare_body_id),
        [DMASHARE_OP_RESOURCE_CREATE] = sizeof(struct dmashare_body_resource),
        [DMASHARE_OP_RESOURCE_DESTROY] = sizeof(struct dmashare_body_id),
        [DMASHARE_OP_RESOURCE_ADD] = sizeof(struct dmashare_body_pair),
        [DMASHARE_OP_RESOURCE_REMOVE] = sizeof(struct dmashare_body_pair),
        [DMASHARE_OP_QUERY_CAPSET] = sizeof(struct dmashare_body_query),
    };

    if (!dmashare_command_body_ends(job, body[job->desc.opcode])) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (job->desc.opcode == DMASHARE_OP_QUERY_CAPSET) {
        return query_capset(cmds, job);
    }
    /* The first step does the rest, or a later one if there is no room. */
    return DMASHARE_STATUS_OK;
}

bool dmashare_command_render_step(DmashareCommands *cmds, DmashareJob *job)
{
    bool again = false;

    job->status = render_try(cmds, job, &again);
    job->asleep = again;
    return !again;
}
