// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about fences
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

DmashareTimelineInfoList *qmp_query_dmashare_timelines(const char *path,
                                                       bool has_timeline,
                                                       uint32_t timeline,
                                                       bool has_after,
                                                       uint32_t after,
                                                       bool has_limit,
                                                       uint32_t limit,
                                                       Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

DmashareFencePage *qmp_query_dmashare_fences(const char *path,
                                             bool has_timeline,
                                             uint32_t timeline, bool has_state,
                                             DmashareFenceState state,
                                             bool has_buffer, uint32_t buffer,
                                             bool has_after_timeline,
                                             uint32_t after_timeline,
                                             bool has_after_seqno,
                                             uint64_t after_seqno,
                                             bool has_limit, uint32_t limit,
                                             Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

DmashareHoldInfoList *qmp_query_dmashare_holds(const char *path, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

DmashareHoldId *qmp_dmashare_fence_hold(const char *path, bool has_timeline,
                                        uint32_t timeline, bool has_seqno,
                                        uint64_t seqno, bool has_count,
                                        uint32_t count, bool has_watchdog,
                                        uint64_t watchdog, bool has_never,
                                        bool never, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

void qmp_dmashare_fence_batch(const char *path,
                              DmashareFenceCommandList *fences, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
}

DmashareCount *qmp_dmashare_fence_release(const char *path, bool has_hold,
                                          uint32_t hold, bool has_order,
                                          DmashareFenceOrder order,
                                          bool has_seed, uint64_t seed,
                                          Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}
