// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about the device, its buffers and its journal
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

DmashareDeviceInfoList *qmp_query_dmashare(const char *path, Error **errp)
{
    error_setg(errp, "This command is not built yet");
    return NULL;
}

DmashareBufferPage *qmp_query_dmashare_buffers(const char *path,
                                               bool has_buffer,
                                               uint32_t buffer,
                                               bool has_placement,
                                               DmasharePlacement placement,
                                               const char *importer,
                                               const char *name,
                                               bool has_after, uint32_t after,
                                               bool has_limit, uint32_t limit,
                                               Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

DmashareQueueInfoList *qmp_query_dmashare_queues(const char *path,
                                                 Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

DmashareCount *qmp_dmashare_evict(const char *path, bool has_buffer,
                                  uint32_t buffer, bool has_percent,
                                  uint8_t percent, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

void qmp_dmashare_local_poison(const char *path, bool enable, bool has_byte,
                               uint8_t byte, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
}

DmashareJournalPage *qmp_query_dmashare_journal(const char *path,
                                                bool has_from, uint64_t from,
                                                bool has_limit, uint32_t limit,
                                                bool has_buffer,
                                                uint32_t buffer,
                                                bool has_operation,
                                                DmashareOperation operation,
                                                Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}
