// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about recordings
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/pci.h"

void qmp_dmashare_record_start(const char *path, const char *filename,
                               bool has_max_size, uint64_t max_size,
                               Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);

    if (!core) {
        return;
    }
    if (!has_max_size) {
        max_size = DMASHARE_RECORD_SIZE_DEFAULT;
    }
    if (max_size < DMASHARE_RECORD_SIZE_MIN || max_size > INT64_MAX) {
        DMASHARE_EXPECTS(errp, "max-size", "%d to %" PRId64 " bytes, not %"
                         PRIu64, DMASHARE_RECORD_SIZE_MIN, INT64_MAX,
                         max_size);
        return;
    }
    dmashare_pci_record_start(container_of(core, DmashareState, core),
                              filename, max_size, errp);
}

DmashareRecording *qmp_dmashare_record_stop(const char *path, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareRecordSummary summary;
    DmashareRecording *ret;

    if (!core || !dmashare_record_stop(core, DMASHARE_RECORD_STOPPED, &summary,
                                       errp)) {
        return NULL;
    }
    ret = g_new0(DmashareRecording, 1);
    ret->records = summary.records;
    ret->bytes = summary.bytes;
    ret->complete = summary.complete;
    return ret;
}
