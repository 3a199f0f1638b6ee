// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about recordings
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

void qmp_dmashare_record_start(const char *path, const char *filename,
                               bool has_max_size, uint64_t max_size,
                               Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
}

DmashareRecording *qmp_dmashare_record_stop(const char *path, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}
