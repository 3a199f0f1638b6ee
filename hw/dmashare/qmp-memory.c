// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about local memory
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/harness.h"

/* As the kernel poisons freed memory. */
#define POISON_DEFAULT  0x6b

DmashareCount *qmp_dmashare_evict(const char *path, bool has_buffer,
                                  uint32_t buffer, bool has_percent,
                                  uint8_t percent, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    g_autoptr(DmashareHarness) harness = NULL;
    uint64_t n = 1;
    DmashareCount *count;

    if (!core) {
        return NULL;
    }
    if (has_buffer == has_percent) {
        error_setg(errp, "One of the parameters 'buffer' and 'percent' is "
                   "expected, not %s", has_buffer ? "both" : "none");
        return NULL;
    }
    if (has_percent && (!percent || percent > 100)) {
        DMASHARE_EXPECTS(errp, "percent", "a number from 1 to 100, not %u",
                         percent);
        return NULL;
    }
    harness = DMASHARE_HARNESS(core, evict, .has_buffer = has_buffer,
                               .buffer = buffer, .has_percent = has_percent,
                               .percent = percent);
    if (has_buffer ? !dmashare_core_evict(core, buffer, errp)
                   : !dmashare_core_evict_percent(core, percent, &n, errp)) {
        return NULL;
    }

    count = g_new(DmashareCount, 1);
    count->count = n;
    return count;
}

void qmp_dmashare_local_poison(const char *path, bool enable, bool has_byte,
                               uint8_t byte, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    g_autoptr(DmashareHarness) harness = NULL;

    if (!core) {
        return;
    }
    if (!core->local.size) {
        DMASHARE_EXPECTS(errp, "path", "a device with local memory; '%s' was "
                         "made without", path);
        return;
    }
    harness = DMASHARE_HARNESS(core, local_poison, .enable = enable,
                               .has_byte = has_byte, .byte = byte);
    core->poison.enabled = enable;
    core->poison.byte = has_byte ? byte : POISON_DEFAULT;
}
