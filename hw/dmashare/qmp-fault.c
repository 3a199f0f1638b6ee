// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about faults
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

DmashareFaultInfoList *qmp_query_dmashare_faults(const char *path,
                                                 Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

DmashareFaultId *qmp_dmashare_fault_add(const char *path,
                                        DmashareFaultRule *rule, Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
    return NULL;
}

void qmp_dmashare_fault_remove(const char *path, bool has_id, uint32_t id,
                               Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
}

void qmp_dmashare_pci_fault(const char *path, DmasharePciFault fault,
                            Error **errp)
{
    if (dmashare_core_find(path, errp)) {
        error_setg(errp, "This command is not built yet");
    }
}
