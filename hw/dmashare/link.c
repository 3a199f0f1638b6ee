// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: faults of the bus
 *
 * A device that answers no more, because its link is down or because somebody
 * pulled it out of its slot, reads as all ones wherever one looks; and errors
 * that the bus itself reports.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qapi/error.h"
#include "hw/hotplug.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_port.h"
#include "hw/dmashare/pci.h"
#include "trace.h"

/* Where the first extended capability has to be. */
#define AER_OFFSET      PCI_CONFIG_SPACE_SIZE

/* The property of a port that has something for its empty slot. */
#define EMPTY_SLOT      "dmashare-empty-slot"

/*
 * Nobody answers
 */

static uint64_t absent_read(void *opaque, hwaddr addr, unsigned size)
{
    return UINT64_MAX;
}

static void absent_write(void *opaque, hwaddr addr, uint64_t value,
                         unsigned size)
{
}

static const MemoryRegionOps absent_ops = {
    .read = absent_read,
    .write = absent_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
};

static MemoryRegion *link_bar(DmashareState *s, unsigned i)
{
    switch (i) {
    case 0:
        return &s->regs;
    case 1:
        return &PCI_DEVICE(s)->msix_exclusive_bar;
    default:
        return s->bar;
    }
}

static void link_show(DmashareState *s, bool up)
{
    for (unsigned i = 0; i < DMASHARE_PCI_BARS; i++) {
        if (link_bar(s, i)) {
            memory_region_set_enabled(&s->absent[i], !up);
        }
    }
}

bool dmashare_link_realize(DmashareState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (pci_bus_is_express(pci_get_bus(pdev))) {
        pcie_cap_deverr_init(pdev);
        if (pcie_aer_init(pdev, PCI_ERR_VER, AER_OFFSET, PCI_ERR_SIZEOF,
                          errp) < 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < DMASHARE_PCI_BARS; i++) {
        MemoryRegion *bar = link_bar(s, i);

        if (bar) {
            memory_region_init_io(&s->absent[i], OBJECT(s), &absent_ops, s,
                                  "dmashare-absent", memory_region_size(bar));
            memory_region_set_enabled(&s->absent[i], false);
            memory_region_add_subregion_overlap(bar, 0, &s->absent[i], 1);
        }
    }
    return true;
}

void dmashare_link_unrealize(DmashareState *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    for (unsigned i = 0; i < DMASHARE_PCI_BARS; i++) {
        MemoryRegion *bar = link_bar(s, i);

        if (bar) {
            memory_region_del_subregion(bar, &s->absent[i]);
        }
    }
    if (pdev->exp.aer_cap) {
        pcie_aer_exit(pdev);
    }
}

uint32_t dmashare_link_config_read(PCIDevice *pdev, uint32_t addr, int len)
{
    return DMASHARE(pdev)->link_down ? MAKE_64BIT_MASK(0, len * 8)
                                     : pci_default_read_config(pdev, addr, len);
}

void dmashare_link_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val,
                                int len)
{
    if (DMASHARE(pdev)->link_down) {
        return;
    }
    pci_default_write_config(pdev, addr, val, len);
    dmashare_pci_record_config(DMASHARE(pdev));
    if (pdev->exp.aer_cap) {
        pcie_aer_write_config(pdev, addr, val, len);
        pcie_cap_flr_write_config(pdev, addr, val, len);
    }
}

void dmashare_link_reset(DmashareState *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (pdev->exp.aer_cap) {
        pcie_cap_deverr_reset(pdev);
    }
}

/*
 * Down and up
 */

static bool link_down(DmashareState *s, Error **errp)
{
    if (s->link_down) {
        error_setg(errp, "dmashare: the link is down already; permitted are "
                   "'link-up' and 'surprise-removal'");
        return false;
    }
    s->link_down = true;
    dmashare_core_stop(&s->core);
    if (s->peer_link) {
        dmashare_peer_link_stop(s->peer_link);
    }
    link_show(s, false);
    return true;
}

/* What an error of the bus leaves behind stays, but for a loss of power. */
static void aer_forget(PCIDevice *pdev)
{
    uint8_t *aer = pdev->config + pdev->exp.aer_cap;
    uint8_t *exp = pdev->config + pdev->exp.exp_cap;

    pci_set_word(exp + PCI_EXP_DEVSTA, 0);
    pci_set_long(aer + PCI_ERR_UNCOR_STATUS, 0);
    pci_set_long(aer + PCI_ERR_UNCOR_SEVER, PCI_ERR_UNC_SEVERITY_DEFAULT);
    pci_set_long(aer + PCI_ERR_COR_STATUS, 0);
    pci_set_long(aer + PCI_ERR_COR_MASK, PCI_ERR_COR_MASK_DEFAULT);
}

static bool link_up(DmashareState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (!s->link_down) {
        error_setg(errp, "dmashare: the link is up");
        return false;
    }
    s->link_down = false;
    link_show(s, true);
    dmashare_core_restart(&s->core);
    if (s->peer_link) {
        dmashare_peer_link_start(s->peer_link);
    }
    pci_device_reset(pdev);
    if (pdev->exp.aer_cap) {
        aer_forget(pdev);
    }
    return true;
}

static bool link_function_reset(DmashareState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    uint32_t at = pdev->exp.exp_cap + PCI_EXP_DEVCTL;

    if (!pci_bus_is_express(pci_get_bus(pdev))) {
        error_setg(errp, "dmashare: the device is on a conventional bus and "
                   "has no function-level reset");
        return false;
    }
    dmashare_link_config_write(pdev, at, pci_get_word(pdev->config + at) |
                               PCI_EXP_DEVCTL_BCR_FLR, 2);
    return true;
}

/*
 * Advanced Error Reporting
 */

/* The root port that an error of the device is reported to. */
static PCIDevice *link_root_port(PCIDevice *pdev)
{
    PCIDevice *port = pci_bridge_get_device(pci_get_bus(pdev));

    while (port && pci_is_express(port) && port->exp.exp_cap) {
        if (pcie_cap_get_type(port) == PCI_EXP_TYPE_ROOT_PORT) {
            return port->exp.aer_cap ? port : NULL;
        }
        port = pci_bridge_get_device(pci_get_bus(port));
    }
    return NULL;
}

static bool link_error(DmashareState *s, uint32_t status, bool correctable,
                       Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    PCIEAERErr err = {
        .status = status,
        .source_id = pci_requester_id(pdev),
        .flags = correctable ? PCIE_AER_ERR_IS_CORRECTABLE : 0,
    };
    int ret;

    if (!pdev->exp.aer_cap || !link_root_port(pdev)) {
        error_setg(errp, "dmashare: the device is not behind a PCI Express "
                   "root port that errors are reported to (as "
                   "pcie-root-port)");
        return false;
    }
    ret = pcie_aer_inject_error(pdev, &err);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "dmashare: the error cannot be reported");
    }
    return ret >= 0;
}

/*
 * Surprise removal
 */

static void count_device(PCIBus *bus, PCIDevice *pdev, void *opaque)
{
    unsigned *n = opaque;

    (*n)++;
}

/* The port whose slot the device can be pulled out of. */
static PCIDevice *link_slot(PCIDevice *pdev, Error **errp)
{
    PCIBus *bus = pci_get_bus(pdev);
    PCIDevice *port = pci_bridge_get_device(bus);
    unsigned n = 0;

    if (!port || !object_dynamic_cast(OBJECT(port), TYPE_PCIE_SLOT) ||
        !(pci_get_long(port->config + port->exp.exp_cap + PCI_EXP_SLTCAP) &
          PCI_EXP_SLTCAP_HPC)) {
        error_setg(errp, "dmashare: the device is not in a slot that can be "
                   "hot-plugged; put it behind a pcie-root-port");
        return NULL;
    }
    if (qdev_get_hotplug_handler(DEVICE(pdev)) != HOTPLUG_HANDLER(port)) {
        error_setg(errp, "dmashare: ACPI and not the port is in charge of the "
                   "slot; start QEMU with -global ICH9-LPC."
                   "acpi-pci-hotplug-with-bridge-support=off");
        return NULL;
    }
    pci_for_each_device_under_bus(bus, count_device, &n);
    if (n != 1) {
        error_setg(errp, "dmashare: there are %u functions in the slot; a "
                   "surprise removal expects one", n);
        return NULL;
    }
    return qdev_unplug_blocked(DEVICE(pdev), errp) ? NULL : port;
}

/* What is addressed to an empty slot reads as all ones from now on. */
static void slot_absent(PCIDevice *pdev, PCIDevice *port)
{
    MemoryRegion *mr;

    if (object_property_find(OBJECT(port), EMPTY_SLOT)) {
        return;
    }
    /*
     * It is the port's and has to stay after the device. A region without an
     * owner is never freed; a port has one at most.
     */
    mr = g_new0(MemoryRegion, 1);
    memory_region_init_io(mr, NULL, &absent_ops, NULL, EMPTY_SLOT, UINT64_MAX);
    memory_region_add_subregion_overlap(pci_address_space(pdev), 0, mr, -1);
    object_property_add_const_link(OBJECT(port), EMPTY_SLOT, OBJECT(mr));
}

/*
 * The port sees that nobody is there. To write its Slot Control register as it
 * is has it look whether it has an interrupt to send.
 */
static void slot_empty(PCIDevice *port)
{
    uint32_t pos = port->exp.exp_cap;
    uint8_t *exp = port->config + pos;
    uint16_t ctl, sta;

    pci_word_test_and_clear_mask(exp + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    pci_word_test_and_clear_mask(exp + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
    pci_word_test_and_set_mask(exp + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDC);
    pcie_cap_slot_get(port, &ctl, &sta);
    pcie_cap_slot_write_config(port, ctl, sta, pos + PCI_EXP_SLTCTL, ctl, 2);
}

static bool link_remove(DmashareState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    PCIDevice *port = link_slot(pdev, errp);

    if (!port) {
        return false;
    }
    dmashare_core_stop(&s->core);
    slot_absent(pdev, port);
    hotplug_handler_unplug(HOTPLUG_HANDLER(port), DEVICE(pdev), &error_abort);
    object_unparent(OBJECT(pdev));
    slot_empty(port);
    return true;
}

/*
 * All of them
 */

bool dmashare_link_fault(DmashareCore *core, DmasharePciFault fault,
                         Error **errp)
{
    DmashareState *s = container_of(core, DmashareState, core);
    DmashareJournalRecord record = DMASHARE_RECORD(DMASHARE_OPERATION_PCI,
                                                   DMASHARE_ACTOR_HARNESS);
    bool done;

    if (s->link_down && fault != DMASHARE_PCI_FAULT_LINK_DOWN &&
        fault != DMASHARE_PCI_FAULT_LINK_UP &&
        fault != DMASHARE_PCI_FAULT_SURPRISE_REMOVAL) {
        error_setg(errp, "dmashare: the link is down; permitted are 'link-up' "
                   "and 'surprise-removal'");
        return false;
    }
    trace_dmashare_pci_fault(DmasharePciFault_str(fault));
    switch (fault) {
    case DMASHARE_PCI_FAULT_SURPRISE_REMOVAL:
        /* With the device its journal goes. */
        return link_remove(s, errp);
    case DMASHARE_PCI_FAULT_LINK_DOWN:
        done = link_down(s, errp);
        break;
    case DMASHARE_PCI_FAULT_LINK_UP:
        done = link_up(s, errp);
        break;
    case DMASHARE_PCI_FAULT_FUNCTION_RESET:
        done = link_function_reset(s, errp);
        break;
    case DMASHARE_PCI_FAULT_AER_CORRECTABLE:
        done = link_error(s, PCI_ERR_COR_RCVR, true, errp);
        break;
    case DMASHARE_PCI_FAULT_AER_NONFATAL:
        done = link_error(s, PCI_ERR_UNC_COMP_TIME, false, errp);
        break;
    case DMASHARE_PCI_FAULT_AER_FATAL:
        done = link_error(s, PCI_ERR_UNC_MALF_TLP, false, errp);
        break;
    default:
        g_assert_not_reached();
    }
    if (done) {
        record.arg = fault;
        dmashare_journal_add(&core->journal, &record);
    }
    return done;
}
