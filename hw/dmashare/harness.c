// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: commands of the harness that have effects
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "hw/dmashare/harness.h"
#include "hw/dmashare/record.h"

DmashareHarness *dmashare_harness_begin(DmashareCore *core)
{
    core->bus.ops->enter(core->bus.opaque);
    if (dmashare_clock_enter(&core->clock) && core->recorder) {
        dmashare_record_enter(core->recorder, DMASHARE_NO_TIMER);
    }
    return core;
}

void dmashare_harness_end(DmashareHarness *harness)
{
    dmashare_clock_leave(&harness->clock);
    harness->bus.ops->leave(harness->bus.opaque);
}

void dmashare_harness_record(DmashareHarness *harness, const char *command,
                             Visitor *v, QObject **arguments)
{
    g_autofree char *name = g_strconcat("dmashare-", command, NULL);
    g_autoptr(GString) text = NULL;

    visit_complete(v, arguments);
    visit_free(v);
    /* Which device it is will be another matter in a replay. */
    qdict_del(qobject_to(QDict, *arguments), "path");
    text = qobject_to_json(*arguments);
    qobject_unref(*arguments);
    g_strdelimit(name, "_", '-');
    dmashare_record_command(harness->recorder, name, text->str);
}
