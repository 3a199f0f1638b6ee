// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: recording, as far as the PCI face has a part in it
 *
 * What the device was made with, how a recording begins with the device, and
 * how it ends with it or with QEMU.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qobject/qbool.h"
#include "qobject/qnum.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qom/qom-qobject.h"
#include "hw/qdev-properties.h"
#include "system/system.h"
#include "hw/dmashare/pci.h"

/*
 * What "x-" is about is nothing that a guest sees. What comes from the outside
 * through a socket is not recorded, and no device with one is.
 */
static bool is_recorded(const char *name)
{
    return !g_str_has_prefix(name, "x-") && !g_str_has_prefix(name, "peer") &&
           !g_str_has_prefix(name, "render") &&
           !g_str_has_prefix(name, "share");
}

/* Numbers and switches. */
static void add_property(DmashareState *s, const char *name, GArray *props)
{
    QObject *value = object_property_get_qobject(OBJECT(s), name, NULL);
    QNum *number = qobject_to(QNum, value);
    QBool *toggle = qobject_to(QBool, value);
    DmashareRecordProperty prop = { .name = name };

    if (is_recorded(name) &&
        ((number && qnum_get_try_uint(number, &prop.value)) || toggle)) {
        if (toggle) {
            prop.value = qbool_get_bool(toggle);
        } else if (!strcmp(name, "local-size")) {
            /* Whoever it belongs to. */
            prop.value = s->core.local.size;
        }
        g_array_append_val(props, prop);
    }
    qobject_unref(value);
}

/* May it do DMA, as far as configuration space has a say in it? */
static bool bus_master(DmashareState *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    return pci_get_word(pdev->config + PCI_COMMAND) & PCI_COMMAND_MASTER &&
           !(pci_get_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL) &
             PCI_PM_CTRL_STATE_MASK);
}

bool dmashare_pci_record_start(DmashareState *s, const char *filename,
                               uint64_t max_size, Error **errp)
{
    DeviceClass *dc = DEVICE_CLASS(object_class_by_name(TYPE_DMASHARE));
    g_autoptr(GArray) props = g_array_new(false, false,
                                          sizeof(DmashareRecordProperty));

    if (s->peer || s->share || s->config.render) {
        error_setg(errp, "dmashare: a device with property '%s' cannot be "
                   "recorded: what others do would not come again",
                   s->peer ? "peer" : s->share ? "share" : "render");
        return false;
    }
    for (uint32_t i = 0; i < dc->props_count_; i++) {
        add_property(s, dc->props_[i].name, props);
    }
    return dmashare_record_start(&s->core, filename, max_size, bus_master(s),
                                 (DmashareRecordProperty *)props->data,
                                 props->len, errp);
}

void dmashare_pci_record_config(DmashareState *s)
{
    DmashareCore *core = &s->core;

    if (core->recorder) {
        if (dmashare_clock_enter(&core->clock)) {
            dmashare_record_enter(core->recorder, DMASHARE_NO_TIMER);
        }
        dmashare_record_bus_master(core->recorder, bus_master(s));
        dmashare_clock_leave(&core->clock);
    }
}

void dmashare_pci_record_reset(DmashareState *s)
{
    if (s->core.recorder) {
        dmashare_record_bus_master_reset(s->core.recorder);
    }
}

static void record_end(DmashareState *s, enum dmashare_record_reason why)
{
    DmashareRecordSummary summary;
    Error *err = NULL;

    if (s->core.recorder &&
        !dmashare_record_stop(&s->core, why, &summary, &err)) {
        error_report_err(err);
    }
}

/* QEMU ends without taking its devices apart. */
static void record_exit(Notifier *notifier, void *data)
{
    record_end(container_of(notifier, DmashareState, exit),
               DMASHARE_RECORD_STOPPED);
}

bool dmashare_pci_record_realize(DmashareState *s, Error **errp)
{
    s->exit.notify = record_exit;
    qemu_add_exit_notifier(&s->exit);
    if (s->record && !dmashare_pci_record_start(s, s->record,
                                                DMASHARE_RECORD_SIZE_DEFAULT,
                                                errp)) {
        error_prepend(errp, "dmashare: property 'record': ");
        qemu_remove_exit_notifier(&s->exit);
        return false;
    }
    return true;
}

void dmashare_pci_record_unrealize(DmashareState *s)
{
    qemu_remove_exit_notifier(&s->exit);
    if (!s->core.busy) {
        record_end(s, DMASHARE_RECORD_GONE);
    }
}

void dmashare_pci_record_finalize(DmashareState *s)
{
    record_end(s, DMASHARE_RECORD_GONE);
}

/* Have a timer of a paced device run; its number is written. */
static void run_timer(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    DmashareState *s = DMASHARE(obj);
    uint32_t id;

    if (!visit_type_uint32(v, name, &id, errp)) {
        return;
    }
    if (!DEVICE(s)->realized) {
        error_setg(errp, "dmashare: the device is not realized");
        return;
    }
    dmashare_clock_run(&s->core.clock, id, errp);
}

void dmashare_pci_record_class_init(ObjectClass *klass)
{
    object_class_property_add(klass, "x-run-timer", "uint32", NULL, run_timer,
                              NULL, NULL);
}
