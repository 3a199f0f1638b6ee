// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what is told of a control command when it is over
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/command.h"

uint32_t dmashare_command_names(const DmashareCommands *cmds,
                                const struct dmashare_desc *desc)
{
    const DmashareAttachment *att = NULL;
    const DmashareMapping *map = NULL;

    switch (desc->opcode) {
    case DMASHARE_OP_DETACH:
        att = dmashare_attachment_find(cmds->buffers,
                                       le32_to_cpu(desc->id.id));
        break;
    case DMASHARE_OP_UNMAP:
        map = dmashare_mapping_find(cmds->mappings,
                                    le32_to_cpu(desc->unmap.id));
        break;
    case DMASHARE_OP_GRANT:
        return dmashare_share_hold_buffer(cmds->shares,
                                          le32_to_cpu(desc->hold.hold));
    case DMASHARE_OP_SYNC:
        map = dmashare_mapping_find(cmds->mappings,
                                    le32_to_cpu(desc->sync.mapping));
        break;
    }
    return att ? att->buffer->id : map ? map->buffer->id : DMASHARE_NO_ID;
}

static void record_command(DmashareCommands *cmds, const DmashareJob *job,
                           uint16_t status)
{
    const struct dmashare_desc *desc = &job->desc;
    DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_COMMAND, DMASHARE_ACTOR_DRIVER);

    record.status = status;
    record.error = job->error;
    record.arg = desc->opcode;
    record.queue = job->lane;
    switch (desc->opcode) {
    case DMASHARE_OP_BUFFER_CREATE:
        record.buffer = le32_to_cpu(desc->buffer.id);
        record.bytes = le64_to_cpu(desc->buffer.size);
        break;
    case DMASHARE_OP_BUFFER_DESTROY:
        record.buffer = le32_to_cpu(desc->id.id);
        break;
    case DMASHARE_OP_ATTACH:
        record.buffer = le32_to_cpu(desc->attach.buffer);
        record.object = le32_to_cpu(desc->attach.id);
        break;
    case DMASHARE_OP_DETACH:
        record.buffer = job->named;
        record.object = le32_to_cpu(desc->id.id);
        break;
    case DMASHARE_OP_MAP:
        record.buffer = le32_to_cpu(desc->map.buffer);
        record.object = le32_to_cpu(desc->map.id);
        record.bytes = le64_to_cpu(desc->map.length);
        break;
    case DMASHARE_OP_UNMAP:
        record.buffer = job->named;
        record.object = le32_to_cpu(desc->unmap.id);
        break;
    case DMASHARE_OP_NOTE:
        record.arg |= (uint64_t)le32_to_cpu(desc->note.kind) << 8;
        record.buffer = le32_to_cpu(desc->note.buffer);
        record.object = desc->note.attachment ?
                        le32_to_cpu(desc->note.attachment) : DMASHARE_NO_ID;
        record.bytes = le64_to_cpu(desc->note.length);
        break;
    case DMASHARE_OP_QUERY_LEDGER:
        record.buffer = desc->query.id ? le32_to_cpu(desc->query.id) :
                                         DMASHARE_NO_ID;
        break;
    case DMASHARE_OP_PLACE:
        record.buffer = le32_to_cpu(desc->place.id);
        break;
    case DMASHARE_OP_SYNC:
        record.buffer = job->named;
        record.object = le32_to_cpu(desc->sync.mapping);
        record.bytes = le64_to_cpu(desc->sync.length);
        break;
    case DMASHARE_OP_SHARE:
        record.buffer = le32_to_cpu(desc->share.buffer);
        record.object = le32_to_cpu(desc->share.mapping);
        break;
    case DMASHARE_OP_UNSHARE:
        record.buffer = le32_to_cpu(desc->unshare.buffer);
        break;
    case DMASHARE_OP_PUBLISH:
        record.buffer = le32_to_cpu(desc->publish.buffer);
        record.object = le32_to_cpu(desc->publish.hold);
        break;
    case DMASHARE_OP_GRANT:
        record.buffer = job->named;
        break;
    case DMASHARE_OP_PEER_QUERY:
        record.object = le32_to_cpu(desc->query.id);
        break;
    case DMASHARE_OP_PEER_MAP:
        record.object = le32_to_cpu(desc->peer_map.peer);
        break;
    case DMASHARE_OP_PEER_UNMAP:
        record.object = le32_to_cpu(desc->id.id);
        break;
    case DMASHARE_OP_PEER_ACQUIRE:
        record.object = le32_to_cpu(desc->peer_acquire.hold);
        break;
    case DMASHARE_OP_PEER_RELEASE:
        record.object = le32_to_cpu(desc->hold.hold);
        break;
    case DMASHARE_OP_CONTEXT_CREATE:
        record.object = le32_to_cpu(desc->context.id);
        break;
    case DMASHARE_OP_RESOURCE_CREATE:
        record.object = le32_to_cpu(desc->resource.id);
        break;
    case DMASHARE_OP_CONTEXT_DESTROY:
    case DMASHARE_OP_RESOURCE_DESTROY:
        record.object = le32_to_cpu(desc->id.id);
        break;
    case DMASHARE_OP_RESOURCE_ADD:
    case DMASHARE_OP_RESOURCE_REMOVE:
        record.arg |= (uint64_t)le32_to_cpu(desc->pair.context) << 8;
        record.object = le32_to_cpu(desc->pair.resource);
        break;
    case DMASHARE_OP_QUERY_CAPSET:
        record.object = le32_to_cpu(desc->query.id);
        break;
    }
    dmashare_journal_add(cmds->journal, &record);
}

static void notify_command(DmashareCommands *cmds, const DmashareJob *job)
{
    const struct dmashare_desc *desc = &job->desc;
    uint32_t id;

    if (desc->opcode == DMASHARE_OP_ATTACH) {
        dmashare_notify_attached(cmds->notify,
                                 le32_to_cpu(desc->attach.buffer),
                                 le32_to_cpu(desc->attach.id),
                                 (const char *)desc->attach.name);
    }
    if (desc->opcode == DMASHARE_OP_NOTE && !desc->note.error) {
        id = le32_to_cpu(desc->note.buffer);
        switch (le32_to_cpu(desc->note.kind)) {
        case DMASHARE_NOTE_EXPORT: {
            DmashareBuffer *buf = dmashare_buffer_find(cmds->buffers, id);

            dmashare_notify_exported(cmds->notify, id, buf->name, buf->size);
            break;
        }
        case DMASHARE_NOTE_RELEASE:
            dmashare_notify_released(cmds->notify, id);
            break;
        }
    }
}

void dmashare_command_report(DmashareCommands *cmds, const DmashareJob *job,
                             uint16_t status)
{
    record_command(cmds, job, status);
    if (!status) {
        notify_command(cmds, job);
    }
}
