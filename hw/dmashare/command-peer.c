// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the commands that name buffers of another VM
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "hw/dmashare/command.h"

static uint16_t fill_info(DmashareCommands *cmds, uint32_t id, uint8_t *out,
                          uint32_t len)
{
    const DmashareForeign *f = dmashare_peer_find(cmds->peer, id);
    struct dmashare_peer_info info;

    if (!f) {
        return DMASHARE_STATUS_BAD_ID;
    }
    info = f->info;
    info.id = cpu_to_le32(info.id);
    info.share = cpu_to_le32(info.share);
    info.generation = cpu_to_le32(info.generation);
    info.flags = cpu_to_le32(info.flags);
    info.size = cpu_to_le64(info.size);
    info.sequence = cpu_to_le64(info.sequence);
    info.fourcc = cpu_to_le32(info.fourcc);
    info.width = cpu_to_le32(info.width);
    info.height = cpu_to_le32(info.height);
    info.stride = cpu_to_le32(info.stride);
    memcpy(out, &info, MIN(len, sizeof(info)));
    return DMASHARE_STATUS_OK;
}

static uint16_t peer_query(DmashareCommands *cmds, DmashareJob *job)
{
    return dmashare_command_query(cmds, job, fill_info);
}

static uint16_t peer_map(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_peer_map *body = &job->desc.peer_map;
    uint32_t flags = le32_to_cpu(body->flags);

    if (flags & ~(DMASHARE_PEER_MAP_F_WRITE | DMASHARE_PEER_MAP_F_SUBSCRIBE)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    return dmashare_peer_map(cmds->peer, le32_to_cpu(body->peer), flags,
                             le64_to_cpu(body->offset));
}

static uint16_t peer_unmap(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_id *body = &job->desc.id;

    return body->reserved ? DMASHARE_STATUS_BAD_DESCRIPTOR
                          : dmashare_peer_unmap(cmds->peer,
                                                le32_to_cpu(body->id));
}

static uint16_t peer_acquire(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_peer_acquire *body = &job->desc.peer_acquire;

    if (body->reserved) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    return dmashare_peer_acquire(cmds->peer, le32_to_cpu(body->peer),
                                 le32_to_cpu(body->flags),
                                 le32_to_cpu(body->hold),
                                 le64_to_cpu(body->deadline));
}

static uint16_t peer_release(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_hold *body = &job->desc.hold;

    return dmashare_peer_release(cmds->peer, le32_to_cpu(body->hold),
                                 le32_to_cpu(body->error));
}

/* One command: what it does, and bytes of its body. */
#define PEER(handler, member) \
    { (handler), sizeof_field(struct dmashare_desc, member) }

bool dmashare_command_peer_exists(const DmashareCommands *cmds,
                                  uint8_t opcode)
{
    return cmds->peer && opcode >= DMASHARE_OP_PEER_QUERY &&
           opcode <= DMASHARE_OP_PEER_RELEASE;
}

uint16_t dmashare_command_peer(DmashareCommands *cmds, DmashareJob *job)
{
    static const struct {
        uint16_t (*start)(DmashareCommands *cmds, DmashareJob *job);
        size_t body;
    } commands[] = {
        [DMASHARE_OP_PEER_QUERY] = PEER(peer_query, query),
        [DMASHARE_OP_PEER_MAP] = PEER(peer_map, peer_map),
        [DMASHARE_OP_PEER_UNMAP] = PEER(peer_unmap, id),
        [DMASHARE_OP_PEER_ACQUIRE] = PEER(peer_acquire, peer_acquire),
        [DMASHARE_OP_PEER_RELEASE] = PEER(peer_release, hold),
    };
    const struct dmashare_desc *desc = &job->desc;
    size_t body = commands[desc->opcode].body;

    if (!buffer_is_zero(desc->body + body, sizeof(desc->body) - body)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    return commands[desc->opcode].start(cmds, job);
}
