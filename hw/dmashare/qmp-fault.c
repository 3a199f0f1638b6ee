// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about faults
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/harness.h"
#include "hw/dmashare/pci.h"

static DmashareFaultRule *rule_describe(const DmashareRule *rule)
{
    DmashareFaultRule *to = g_new0(DmashareFaultRule, 1);

    to->where = rule->where;
    to->action = rule->action;
    to->match = g_new(DmashareFaultMatch, 1);
    *to->match = rule->match;
    to->has_after = true;
    to->after = rule->after;
    to->has_times = true;
    to->times = rule->times;
    to->has_probability = true;
    to->probability = rule->probability;
    to->has_seed = true;
    to->seed = rule->seed;
    to->has_error = rule->action == DMASHARE_FAULT_ACTION_FAIL;
    to->error = rule->error;
    to->has_delay = rule->action == DMASHARE_FAULT_ACTION_DELAY;
    to->delay = rule->delay;
    return to;
}

DmashareFaultInfoList *qmp_query_dmashare_faults(const char *path,
                                                 Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareFaultInfoList *list = NULL, **tail = &list;

    for (unsigned i = 0; core && i < core->faults.rules->len; i++) {
        const DmashareRule *rule = g_ptr_array_index(core->faults.rules, i);
        DmashareFaultInfo *info = g_new0(DmashareFaultInfo, 1);

        info->id = rule->id;
        info->rule = rule_describe(rule);
        info->matched = rule->matched;
        info->fired = rule->fired;
        info->active = dmashare_fault_active(rule);
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

DmashareFaultId *qmp_dmashare_fault_add(const char *path,
                                        DmashareFaultRule *rule, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    g_autoptr(DmashareHarness) harness = NULL;
    DmashareFaultId *ret;
    uint32_t id;

    if (!core) {
        return NULL;
    }
    harness = DMASHARE_HARNESS(core, fault_add, .rule = rule);
    id = dmashare_fault_add(&core->faults, rule, errp);
    if (!id) {
        return NULL;
    }
    ret = g_new0(DmashareFaultId, 1);
    ret->id = id;
    return ret;
}

void qmp_dmashare_fault_remove(const char *path, bool has_id, uint32_t id,
                               Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    g_autoptr(DmashareHarness) harness = NULL;

    if (!core) {
        return;
    }
    harness = DMASHARE_HARNESS(core, fault_remove, .has_id = has_id, .id = id);
    if (has_id && !id) {
        /* Rules have no such id; inside it stands for all of them. */
        id = DMASHARE_NO_ID;
    }
    dmashare_core_fault_remove(core, has_id ? id : 0, errp);
}

void qmp_dmashare_pci_fault(const char *path, DmasharePciFault fault,
                            Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);

    g_autoptr(DmashareHarness) harness = NULL;

    if (core) {
        harness = DMASHARE_HARNESS(core, pci_fault, .fault = fault);
        dmashare_link_fault(core, fault, errp);
    }
}
