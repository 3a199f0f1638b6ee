// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: its QMP commands in a QEMU that is built without the device
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-dmashare.h"

static void *not_built(Error **errp)
{
    error_setg(errp, "The dmashare device is not built into this QEMU");
    return NULL;
}

DmashareDeviceInfoList *qmp_query_dmashare(const char *path, Error **errp)
{
    return not_built(errp);
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
    return not_built(errp);
}

DmashareTimelineInfoList *qmp_query_dmashare_timelines(const char *path,
                                                       bool has_timeline,
                                                       uint32_t timeline,
                                                       bool has_after,
                                                       uint32_t after,
                                                       bool has_limit,
                                                       uint32_t limit,
                                                       Error **errp)
{
    return not_built(errp);
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
    return not_built(errp);
}

DmashareQueueInfoList *qmp_query_dmashare_queues(const char *path,
                                                 Error **errp)
{
    return not_built(errp);
}

DmashareHoldInfoList *qmp_query_dmashare_holds(const char *path, Error **errp)
{
    return not_built(errp);
}

DmashareHoldId *qmp_dmashare_fence_hold(const char *path, bool has_timeline,
                                        uint32_t timeline, bool has_seqno,
                                        uint64_t seqno, bool has_count,
                                        uint32_t count, bool has_watchdog,
                                        uint64_t watchdog, bool has_never,
                                        bool never, Error **errp)
{
    return not_built(errp);
}

void qmp_dmashare_fence_batch(const char *path,
                              DmashareFenceCommandList *fences, Error **errp)
{
    not_built(errp);
}

DmashareCount *qmp_dmashare_fence_release(const char *path, bool has_hold,
                                          uint32_t hold, bool has_order,
                                          DmashareFenceOrder order,
                                          bool has_seed, uint64_t seed,
                                          Error **errp)
{
    return not_built(errp);
}

DmashareCount *qmp_dmashare_evict(const char *path, bool has_buffer,
                                  uint32_t buffer, bool has_percent,
                                  uint8_t percent, Error **errp)
{
    return not_built(errp);
}

void qmp_dmashare_local_poison(const char *path, bool enable, bool has_byte,
                               uint8_t byte, Error **errp)
{
    not_built(errp);
}

DmashareFaultInfoList *qmp_query_dmashare_faults(const char *path,
                                                 Error **errp)
{
    return not_built(errp);
}

DmashareFaultId *qmp_dmashare_fault_add(const char *path,
                                        DmashareFaultRule *rule, Error **errp)
{
    return not_built(errp);
}

void qmp_dmashare_fault_remove(const char *path, bool has_id, uint32_t id,
                               Error **errp)
{
    not_built(errp);
}

void qmp_dmashare_pci_fault(const char *path, DmasharePciFault fault,
                            Error **errp)
{
    not_built(errp);
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
    return not_built(errp);
}

void qmp_dmashare_record_start(const char *path, const char *filename,
                               bool has_max_size, uint64_t max_size,
                               Error **errp)
{
    not_built(errp);
}

DmashareRecording *qmp_dmashare_record_stop(const char *path, Error **errp)
{
    return not_built(errp);
}

DmashareShareInfoList *qmp_query_dmashare_shares(const char *path,
                                                 Error **errp)
{
    return not_built(errp);
}

DmashareClientInfoList *qmp_query_dmashare_clients(const char *path,
                                                   Error **errp)
{
    return not_built(errp);
}

void qmp_dmashare_client_disconnect(const char *path, uint32_t client,
                                    Error **errp)
{
    not_built(errp);
}

DmashareContextInfoList *qmp_query_dmashare_contexts(const char *path,
                                                     Error **errp)
{
    return not_built(errp);
}

DmashareResourceInfoList *qmp_query_dmashare_resources(const char *path,
                                                       bool has_after,
                                                       uint32_t after,
                                                       bool has_limit,
                                                       uint32_t limit,
                                                       Error **errp)
{
    return not_built(errp);
}

void qmp_dmashare_render_fault(const char *path, DmashareRenderFault fault,
                               Error **errp)
{
    not_built(errp);
}

DmasharePeersInfo *qmp_query_dmashare_peers(const char *path, Error **errp)
{
    return not_built(errp);
}
