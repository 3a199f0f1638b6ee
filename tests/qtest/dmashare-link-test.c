/*
 * dmashare: faults of the bus
 *
 * The device in a slot of a root port, with work on its way, and what one
 * sees of it and of the port when its link goes down, when it is pulled out
 * or reports an error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "libqos/dmashare-fault.h"

/* The port, and bus 1 behind it. */
#define PORT_SLOT       3
#define PORT_MSI        0x70717273
#define BEHIND          (1 << 8)

/* What the port lets through: BAR0 and BAR2, BAR4. */
#define WINDOW          0xe8000000u
#define WINDOW_END      0xefffffffu
#define LOCAL           QDMASHARE_LOCAL_BASE(32)
#define LOCAL_END       (LOCAL + (32ULL << 30) - 1)

/* Where q35 shows configuration space. */
#define ECAM            0xb0000000u
#define Q35_PCIEXBAR    0x60

#define AER             0x100

#define NATIVE  "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "

#define SIZE            8192

/* A machine with a port, and the device behind it if one is plugged in. */
typedef struct Slot {
    QDmashareMachine *m;
    QTestState *qts;
    QPCIDevice *port;
    uint8_t exp;                /* the port's PCI Express capability */
    uint64_t msi;               /* where the port's messages go */
    QDmasharePair *p;
} Slot;

static void port_setup(Slot *s)
{
    QPCIDevice *port = s->port;
    uint64_t entry;

    qpci_config_writeb(port, PCI_SECONDARY_BUS, 1);
    qpci_config_writeb(port, PCI_SUBORDINATE_BUS, 1);
    qpci_config_writew(port, PCI_MEMORY_BASE, WINDOW >> 16);
    qpci_config_writew(port, PCI_MEMORY_LIMIT, WINDOW_END >> 16 & 0xfff0);
    qpci_config_writew(port, PCI_PREF_MEMORY_BASE, LOCAL >> 16 & 0xfff0);
    qpci_config_writel(port, PCI_PREF_BASE_UPPER32, LOCAL >> 32);
    qpci_config_writew(port, PCI_PREF_MEMORY_LIMIT, LOCAL_END >> 16 & 0xfff0);
    qpci_config_writel(port, PCI_PREF_LIMIT_UPPER32, LOCAL_END >> 32);
    qpci_device_enable(port);

    qpci_msix_enable(port);
    s->msi = guest_alloc(&s->m->alloc, 4096);
    entry = port->msix_table_off;
    qpci_io_writel(port, port->msix_table_bar, entry, s->msi);
    qpci_io_writel(port, port->msix_table_bar, entry + 4, 0);
    qpci_io_writel(port, port->msix_table_bar, entry + 8, PORT_MSI);
    qpci_io_writel(port, port->msix_table_bar, entry + 12, 0);
    qtest_writel(s->qts, s->msi, 0);
    s->exp = qpci_find_capability(port, PCI_CAP_ID_EXP, 0);
    g_assert_cmpuint(s->exp, !=, 0);
    /* The power is on, so that what is plugged in works. */
    qpci_config_writew(port, s->exp + PCI_EXP_SLTCTL,
                       PCI_EXP_SLTCTL_PWR_IND_ON |
                       PCI_EXP_SLTCTL_ATTN_IND_OFF);
}

static bool port_fired(Slot *s)
{
    uint32_t word = qtest_readl(s->qts, s->msi);

    qtest_writel(s->qts, s->msi, 0);
    g_assert_true(!word || word == PORT_MSI);
    return word;
}

static uint16_t slot_status(Slot *s)
{
    return qpci_config_readw(s->port, s->exp + PCI_EXP_SLTSTA);
}

static uint32_t slot_ecam(Slot *s, unsigned bus, unsigned devfn, unsigned reg)
{
    return qtest_readl(s->qts, ECAM + (bus << 20) + (devfn << 12) + reg);
}

static Slot *slot_new(const char *args)
{
    g_autofree char *all = g_strdup_printf(
        "-M q35 %s -device pcie-root-port,id=rp,chassis=1,addr=%d.0", args,
        PORT_SLOT);
    Slot *s = g_new0(Slot, 1);
    QPCIDevice *host;

    s->m = qdmashare_machine_new(all);
    s->qts = s->m->qts;
    s->port = qpci_device_find(s->m->bus, QPCI_DEVFN(PORT_SLOT, 0));
    port_setup(s);
    host = qpci_device_find(s->m->bus, 0);
    qpci_config_writel(host, Q35_PCIEXBAR, ECAM | 1);
    g_free(host);
    return s;
}

/* A driver finds the device, in a slot that has just been filled. */
static void slot_use(Slot *s)
{
    s->m->bus->mmio_alloc_ptr = WINDOW;
    s->m->d = qdmashare_new(s->m->bus, &s->m->alloc, BEHIND);
    s->p = qdmashare_pair_start(s->m->d, SIZE);
}

static void slot_plug(Slot *s)
{
    QDict *rsp = qtest_qmp(s->qts, "{ 'execute': 'device_add', 'arguments': {"
                           "  'driver': 'dmashare', 'id': 'dev',"
                           "  'bus': 'rp', 'local-size': 1048576 } }");

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    slot_use(s);
}

static void slot_unuse(Slot *s)
{
    g_clear_pointer(&s->p, qdmashare_pair_free);
    g_clear_pointer(&s->m->d, qdmashare_free);
}

static void slot_free(Slot *s)
{
    if (s->m->d) {
        slot_unuse(s);
    }
    qpci_iounmap(s->port, s->port->msix_table_bar);
    g_free(s->port);
    qdmashare_machine_free(s->m);
    g_free(s);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Slot, slot_free)

static void assert_well(Slot *s)
{
    qdmashare_pair_works(s->m->d, s->p);
}

/*
 * All kinds of things that the device has yet to do: jobs on their way, hung,
 * not fetched; a fence that is held; an interrupt and a value that are late.
 */
static void outstanding(QDmashare *d)
{
    QTestState *qts = d->qts;
    QDict *rsp;

    qdmashare_submit(d, 1, qdmashare_noop(d, 1, 5000));
    qdmashare_submit(d, 1, qdmashare_copy(d, 1, QDMASHARE_DST, 0,
                                          QDMASHARE_SRC, 0, SIZE));
    qdmashare_fault_add(qts, "'where': 'job', 'action': 'hang'");
    qdmashare_submit(d, 2, qdmashare_copy(d, 2, QDMASHARE_DST, 0,
                                          QDMASHARE_SRC, 0, SIZE));
    rsp = qtest_qmp(qts, "{ 'execute': 'dmashare-fence-hold', 'arguments': {"
                    "  'path': 'dev', 'timeline': 3 } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    qdmashare_fault_add(qts, "'where': 'interrupt', 'action': 'delay',"
                        "'delay': 6000, 'match': { 'vector': 4 }");
    qdmashare_fault_add(qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 6000, 'match': { 'timeline': 4 }");
    qdmashare_submit(d, 3, qdmashare_noop(d, 4, 0));
    qdmashare_submit(d, 3, qdmashare_noop(d, 3, 0));
    qdmashare_fault_add(qts, "'where': 'queue', 'action': 'stall',"
                        "'match': { 'queue': 4 }");
    qdmashare_submit(d, 4, qdmashare_noop(d, 5, 0));
}

/* None of that was done, or is. Its own rings and memory are looked at. */
static void assert_silent(Slot *s)
{
    QDmashare *d = s->m->d;
    struct dmashare_completion c;
    unsigned i;

    for (i = 0; i <= 4; i++) {
        qtest_memset(s->qts, d->msi_mem + i * 4, 0, 4);
    }
    qtest_clock_step(s->qts, 100000000000ULL);
    for (i = 0; i < 64; i++) {
        qtest_clock_step(s->qts, 1);
    }
    qdmashare_pair_check(d, s->p);
    g_assert_false(qdmashare_peek(d, 1, &c));
    g_assert_false(qdmashare_peek(d, 2, &c));
    g_assert_false(qdmashare_peek(d, 4, &c));
    for (i = 1; i <= 5; i++) {
        g_assert_cmpuint(qdmashare_fence(d, i), ==, 0);
    }
    for (i = 0; i <= 4; i++) {
        g_assert_false(qdmashare_msix_fired(d, i));
    }
}

/* Whatever is addressed to the device, nobody answers. */
static void assert_absent(Slot *s)
{
    QDmashare *d = s->m->d;
    uint64_t regs = d->regs.addr, msix = d->dev.msix_table_bar.addr;
    unsigned i;

    for (i = 0; i < 64; i += 4) {
        g_assert_cmphex(qpci_config_readl(&d->dev, i), ==, UINT32_MAX);
    }
    g_assert_cmphex(qpci_config_readb(&d->dev, PCI_COMMAND), ==, 0xff);
    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_STATUS), ==, 0xffff);
    g_assert_cmphex(slot_ecam(s, 1, 0, AER), ==, UINT32_MAX);

    g_assert_cmphex(qtest_readl(s->qts, regs + DMASHARE_REG_ID), ==,
                    UINT32_MAX);
    g_assert_cmphex(qtest_readq(s->qts, regs + DMASHARE_REG_TIME_LO), ==,
                    UINT64_MAX);
    g_assert_cmphex(qtest_readb(s->qts, regs + 3), ==, 0xff);
    g_assert_cmphex(qtest_readw(s->qts, regs + DMASHARE_REGS_SIZE - 2), ==,
                    0xffff);
    g_assert_cmphex(qtest_readl(s->qts, msix), ==, UINT32_MAX);
    g_assert_cmphex(qtest_readq(s->qts, d->local), ==, UINT64_MAX);
    g_assert_cmphex(qtest_readb(s->qts, d->local + d->local_size - 1), ==,
                    0xff);
    qtest_writel(s->qts, regs + DMASHARE_REG_CTRL, DMASHARE_CTRL_RESET);
    qtest_writel(s->qts, regs + DMASHARE_REG_DOORBELL_SQ(1), 9);
    qtest_writeq(s->qts, d->local, 0x1234);
    g_assert_cmphex(qtest_readq(s->qts, d->local), ==, UINT64_MAX);
    qpci_config_writel(&d->dev, PCI_BASE_ADDRESS_0, 0);
    g_assert_cmphex(qpci_config_readl(&d->dev, PCI_BASE_ADDRESS_0), ==,
                    UINT32_MAX);
}

static void refused(QTestState *qts, const char *fault, const char *want)
{
    g_autofree char *text = qdmashare_pci_fault_refused(qts, fault);

    g_assert_cmpstr(text, ==, want);
}

/* A driver that finds the device as after power-on. */
static void recover(Slot *s)
{
    QDmashare *d = s->m->d;
    QDict *rsp;

    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_VENDOR_ID), ==,
                    DMASHARE_PCI_VENDOR_ID);
    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_COMMAND) &
                    (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), ==, 0);
    g_assert_cmphex(qpci_config_readl(&d->dev, PCI_BASE_ADDRESS_0), ==, 0);
    memset(d->seqno, 0, sizeof(d->seqno));
    qdmashare_fault_remove_all(s->qts);
    rsp = qtest_qmp(s->qts, "{ 'execute': 'dmashare-fence-release',"
                    "  'arguments': { 'path': 'dev' } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    qdmashare_pair_free(s->p);
    s->m->bus->mmio_alloc_ptr = WINDOW;
    qdmashare_flr_recover(d);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
    s->p = qdmashare_pair_start(d, SIZE);
    assert_well(s);
}

static void test_down_up(void)
{
    g_autoptr(Slot) s = slot_new("");
    QDict *rsp;
    unsigned i;

    slot_plug(s);
    qtest_writeq(s->qts, s->m->d->local, 0x5678);
    for (i = 0; i < 3; i++) {
        outstanding(s->m->d);
        qdmashare_pci_fault(s->qts, "link-down");
        assert_silent(s);
        assert_absent(s);
        refused(s->qts, "link-down", "dmashare: the link is down already; "
                "permitted are 'link-up' and 'surprise-removal'");
        refused(s->qts, "function-reset", "dmashare: the link is down; "
                "permitted are 'link-up' and 'surprise-removal'");
        refused(s->qts, "aer-fatal", "dmashare: the link is down; permitted "
                "are 'link-up' and 'surprise-removal'");
        rsp = qtest_qmp(s->qts, "{ 'execute': 'query-dmashare', 'arguments':"
                        "  { 'path': 'dev' } }");
        g_assert_false(qdict_get_bool(qobject_to(
            QDict, qlist_peek(qdict_get_qlist(rsp, "return"))), "linked"));
        qobject_unref(rsp);

        qdmashare_pci_fault(s->qts, "link-up");
        refused(s->qts, "link-up", "dmashare: the link is up");
        recover(s);
        g_assert_cmphex(qtest_readq(s->qts, s->m->d->local), ==, 0x5678);
    }
    g_assert_cmpuint(qdmashare_journal_count(s->qts, "pci", -1), ==, 6);
}

/* A reset of the machine brings no link up. */
static void test_down_reset(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,local-size=1M");
    QDmashare *d = m->d;

    qdmashare_pci_fault(m->qts, "link-down");
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_ID), ==, UINT32_MAX);
    qtest_system_reset(m->qts);
    g_assert_cmphex(qpci_config_readl(&d->dev, PCI_VENDOR_ID), ==, UINT32_MAX);
    qdmashare_pci_fault(m->qts, "link-up");
    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_VENDOR_ID), ==,
                    DMASHARE_PCI_VENDOR_ID);
    qdmashare_flr_recover(d);
    qdmashare_start(d);
    qdmashare_assert_ok(d, qdmashare_noop(d, 0, 0));
}

static void test_function_reset(void)
{
    g_autoptr(Slot) s = slot_new("");

    slot_plug(s);
    outstanding(s->m->d);
    qdmashare_pci_fault(s->qts, "function-reset");
    assert_silent(s);
    recover(s);
}

static void test_conventional(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "id=dev");

    refused(m->qts, "function-reset", "dmashare: the device is on a "
            "conventional bus and has no function-level reset");
    refused(m->qts, "aer-correctable", "dmashare: the device is not behind a "
            "PCI Express root port that errors are reported to (as "
            "pcie-root-port)");
    refused(m->qts, "surprise-removal", "dmashare: the device is not in a "
            "slot that can be hot-plugged; put it behind a pcie-root-port");
    qdmashare_assert_ok(m->d, qdmashare_noop(m->d, 0, 0));
}

static void test_root_bus(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M q35", "id=dev");

    refused(m->qts, "aer-nonfatal", "dmashare: the device is not behind a "
            "PCI Express root port that errors are reported to (as "
            "pcie-root-port)");
    refused(m->qts, "surprise-removal", "dmashare: the device is not in a "
            "slot that can be hot-plugged; put it behind a pcie-root-port");
    qdmashare_assert_ok(m->d, qdmashare_noop(m->d, 0, 0));
    qdmashare_pci_fault(m->qts, "function-reset");
    qdmashare_flr_recover(m->d);
    memset(m->d->seqno, 0, sizeof(m->d->seqno));
    qdmashare_start(m->d);
    qdmashare_assert_ok(m->d, qdmashare_noop(m->d, 0, 0));
}

/* In D3hot it keeps everything and does nothing. */
static void test_power(void)
{
    g_autoptr(Slot) s = slot_new("");
    struct dmashare_completion c;
    QDmashare *d;
    uint8_t pm;

    slot_plug(s);
    d = s->m->d;
    pm = qpci_find_capability(&d->dev, PCI_CAP_ID_PM, 0);
    g_assert_cmpuint(pm, !=, 0);
    g_assert_cmphex(qpci_config_readw(&d->dev, pm + PCI_PM_CTRL), ==,
                    PCI_PM_CTRL_NO_SOFT_RESET);
    qpci_config_writew(&d->dev, pm + PCI_PM_CTRL, 3);
    g_assert_cmphex(qtest_readl(s->qts, d->regs.addr), !=,
                    DMASHARE_ID_MAGIC);
    qpci_config_writew(&d->dev, pm + PCI_PM_CTRL, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_ID), ==,
                    DMASHARE_ID_MAGIC);
    assert_well(s);

    qdmashare_submit(d, 1, qdmashare_noop(d, 1, 1000));
    qdmashare_msix_fired(d, 2);
    qpci_config_writew(&d->dev, pm + PCI_PM_CTRL, 3);
    qtest_clock_step(s->qts, 2000);
    qtest_clock_step(s->qts, 1);
    g_assert_false(qdmashare_peek(d, 1, &c));
    g_assert_cmpuint(qdmashare_fence(d, 1), ==, 0);
    qpci_config_writew(&d->dev, pm + PCI_PM_CTRL, 0);
    qdmashare_settle(d);
    g_assert_false(qdmashare_msix_fired(d, 2));
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(1) +
                                    DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QERR_CQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);
    qdmashare_reset(d);
    qdmashare_pair_free(s->p);
    s->p = qdmashare_pair_start(d, SIZE);
    assert_well(s);
}

/*
 * Errors that are reported
 */

typedef struct Report {
    const char *fault;
    unsigned status;            /* register of AER, and the bit in it */
    uint32_t bit;
    uint16_t devsta;
    uint32_t root;              /* Root Error Status */
} Report;

static const Report reports[] = {
    { "aer-correctable", PCI_ERR_COR_STATUS, PCI_ERR_COR_RCVR,
      PCI_EXP_DEVSTA_CED, PCI_ERR_ROOT_COR_RCV },
    { "aer-nonfatal", PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_COMP_TIME,
      PCI_EXP_DEVSTA_NFED, PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV },
    { "aer-fatal", PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_MALF_TLP,
      PCI_EXP_DEVSTA_FED, PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_FATAL_RCV |
      PCI_ERR_ROOT_FIRST_FATAL },
};

static void test_aer(void)
{
    g_autoptr(Slot) s = slot_new("");
    uint64_t root = ECAM + (QPCI_DEVFN(PORT_SLOT, 0) << 12) + AER;
    uint64_t device = ECAM + (1 << 20);
    unsigned i;
    uint8_t exp;

    slot_plug(s);
    exp = qpci_find_capability(&s->m->d->dev, PCI_CAP_ID_EXP, 0);
    g_assert_cmphex(qtest_readl(s->qts, device + AER) & 0xffff, ==,
                    PCI_EXT_CAP_ID_ERR);
    qpci_config_writew(&s->m->d->dev, exp + PCI_EXP_DEVCTL,
                       PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
                       PCI_EXP_DEVCTL_FERE);
    qpci_config_writew(s->port, s->exp + PCI_EXP_DEVCTL,
                       PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
                       PCI_EXP_DEVCTL_FERE);
    qpci_config_writew(s->port, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR);
    qtest_writel(s->qts, root + PCI_ERR_ROOT_COMMAND, 7);

    for (i = 0; i < ARRAY_SIZE(reports); i++) {
        const Report *r = &reports[i];
        uint32_t status;

        g_assert_false(port_fired(s));
        qdmashare_pci_fault(s->qts, r->fault);
        g_assert_cmphex(qtest_readl(s->qts, device + AER + r->status), ==,
                        r->bit);
        g_assert_cmphex(qpci_config_readw(&s->m->d->dev,
                                          exp + PCI_EXP_DEVSTA) & 7, ==,
                        r->devsta);
        status = qtest_readl(s->qts, root + PCI_ERR_ROOT_STATUS);
        g_assert_cmphex(status & 0x7f, ==, r->root);
        status = qtest_readl(s->qts, root + PCI_ERR_ROOT_ERR_SRC);
        g_assert_cmphex(i ? status >> 16 : status & 0xffff, ==, BEHIND);
        g_assert_true(port_fired(s));

        /* What the guest's handler does. */
        qtest_writel(s->qts, device + AER + r->status, r->bit);
        qpci_config_writew(&s->m->d->dev, exp + PCI_EXP_DEVSTA, r->devsta);
        qtest_writel(s->qts, root + PCI_ERR_ROOT_STATUS, 0x7f);
        g_assert_cmphex(qtest_readl(s->qts, device + AER + r->status), ==, 0);
        assert_well(s);
    }

    /* Where nobody asked to be told it is on record all the same. */
    qpci_config_writew(&s->m->d->dev, exp + PCI_EXP_DEVCTL, 0);
    qdmashare_pci_fault(s->qts, "aer-nonfatal");
    g_assert_cmphex(qtest_readl(s->qts, device + AER + PCI_ERR_UNCOR_STATUS),
                    ==, PCI_ERR_UNC_COMP_TIME);
    g_assert_false(port_fired(s));

    /* A reset of the function does not wipe it away, a loss of power does. */
    qdmashare_pci_fault(s->qts, "function-reset");
    g_assert_cmphex(qtest_readl(s->qts, device + AER + PCI_ERR_UNCOR_STATUS),
                    ==, PCI_ERR_UNC_COMP_TIME);
    qdmashare_pci_fault(s->qts, "link-down");
    qdmashare_pci_fault(s->qts, "link-up");
    g_assert_cmphex(qtest_readl(s->qts, device + AER + PCI_ERR_UNCOR_STATUS),
                    ==, 0);
    recover(s);
}

/*
 * Surprise removal
 */

/* Pull it out; what the port says of it, which has been told to listen. */
static void slot_pull(Slot *s, uint16_t listen)
{
    QPCIDevice *port = s->port;
    QDict *event;

    g_assert_cmphex(slot_status(s) & PCI_EXP_SLTSTA_PDS, !=, 0);
    qpci_config_writew(port, s->exp + PCI_EXP_SLTSTA, slot_status(s));
    qpci_config_writew(port, s->exp + PCI_EXP_SLTCTL, listen |
                       PCI_EXP_SLTCTL_PWR_IND_ON |
                       PCI_EXP_SLTCTL_ATTN_IND_OFF);
    qpci_config_writew(port, s->exp + PCI_EXP_SLTSTA, slot_status(s));
    port_fired(s);

    qdmashare_pci_fault(s->qts, "surprise-removal");
    g_assert_cmphex(slot_status(s) & PCI_EXP_SLTSTA_PDS, ==, 0);
    g_assert_cmphex(slot_status(s) & PCI_EXP_SLTSTA_PDC, !=, 0);
    g_assert_cmphex(qpci_config_readw(port, s->exp + PCI_EXP_LNKSTA) &
                    PCI_EXP_LNKSTA_DLLLA, ==, 0);
    g_assert_true(port_fired(s) == !!(listen & PCI_EXP_SLTCTL_HPIE));
    event = qtest_qmp_eventwait_ref(s->qts, "DEVICE_DELETED");
    g_assert_cmpstr(qdict_get_try_str(qdict_get_qdict(event, "data"),
                                      "device") ?: "dev", ==, "dev");
    qobject_unref(event);
}

static void test_removal(void)
{
    static const uint16_t listens[] = {
        PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE,
        /* As Linux does where there is an attention button. */
        PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_CCIE | PCI_EXP_SLTCTL_ABPE,
        PCI_EXP_SLTCTL_PDCE,
        PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_CCIE,
    };
    g_autoptr(Slot) s = slot_new(NATIVE);
    unsigned i;
    QDict *rsp;

    for (i = 0; i < ARRAY_SIZE(listens); i++) {
        slot_plug(s);
        assert_well(s);
        outstanding(s->m->d);
        slot_pull(s, listens[i]);
        assert_silent(s);
        assert_absent(s);
        rsp = qtest_qmp(s->qts, "{ 'execute': 'query-dmashare' }");
        g_assert_true(qlist_empty(qdict_get_qlist(rsp, "return")));
        qobject_unref(rsp);
        slot_unuse(s);
    }
    slot_plug(s);
    assert_well(s);
}

/* A device that was there from the beginning, and whose link is down. */
static void test_removal_down(void)
{
    g_autoptr(Slot) s = slot_new(NATIVE);

    slot_plug(s);
    outstanding(s->m->d);
    qdmashare_pci_fault(s->qts, "link-down");
    slot_pull(s, PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE);
    assert_silent(s);
    assert_absent(s);
    slot_unuse(s);
    slot_plug(s);
    assert_well(s);
}

static void test_removal_cold(void)
{
    g_autofree char *args = g_strdup_printf(
        "-M q35 " NATIVE "-device pcie-root-port,id=rp,chassis=1,addr=%d.0 "
        "-object memory-backend-ram,id=mem,size=1M "
        "-device dmashare,id=dev,bus=rp,local-memdev=mem", PORT_SLOT);
    Slot *s = g_new0(Slot, 1);
    QDict *rsp;

    s->m = qdmashare_machine_new(args);
    s->qts = s->m->qts;
    s->port = qpci_device_find(s->m->bus, QPCI_DEVFN(PORT_SLOT, 0));
    port_setup(s);
    slot_use(s);
    assert_well(s);
    slot_pull(s, PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_PDCE);
    slot_unuse(s);

    /* Its memory backend can have another device. */
    rsp = qtest_qmp(s->qts, "{ 'execute': 'device_add', 'arguments': {"
                    "  'driver': 'dmashare', 'id': 'dev',"
                    "  'bus': 'rp', 'local-memdev': 'mem' } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    slot_use(s);
    assert_well(s);
    slot_free(s);
}

static void test_removal_refused(void)
{
    g_autoptr(Slot) s = slot_new("");
    QDmashareMachine *m;

    slot_plug(s);
    refused(s->qts, "surprise-removal", "dmashare: ACPI and not the port is "
            "in charge of the slot; start QEMU with -global ICH9-LPC."
            "acpi-pci-hotplug-with-bridge-support=off");
    assert_well(s);

    m = qdmashare_machine_new("-M q35 " NATIVE "-device pcie-root-port,"
                              "id=rp,chassis=1,addr=3.0,hotplug=off "
                              "-device dmashare,id=dev,bus=rp");
    refused(m->qts, "surprise-removal", "dmashare: the device is not in a "
            "slot that can be hot-plugged; put it behind a pcie-root-port");
    qdmashare_machine_free(m);

    m = qdmashare_machine_new("-M q35 " NATIVE "-device pcie-root-port,"
                              "id=rp,chassis=1,addr=3.0 "
                              "-device dmashare,id=dev,bus=rp,"
                              "multifunction=on,addr=0.0 "
                              "-device dmashare,bus=rp,addr=0.1");
    refused(m->qts, "surprise-removal", "dmashare: there are 2 functions in "
            "the slot; a surprise removal expects one");
    qdmashare_machine_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/link/down-up", test_down_up);
    qtest_add_func("/dmashare/link/down-reset", test_down_reset);
    qtest_add_func("/dmashare/link/function-reset", test_function_reset);
    qtest_add_func("/dmashare/link/power", test_power);
    qtest_add_func("/dmashare/link/conventional", test_conventional);
    qtest_add_func("/dmashare/link/root-bus", test_root_bus);
    qtest_add_func("/dmashare/link/aer", test_aer);
    qtest_add_func("/dmashare/link/removal", test_removal);
    qtest_add_func("/dmashare/link/removal-down", test_removal_down);
    qtest_add_func("/dmashare/link/removal-cold", test_removal_cold);
    qtest_add_func("/dmashare/link/removal-refused", test_removal_refused);
    return g_test_run();
}
