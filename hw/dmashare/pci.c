// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the PCI face
 *
 * BARs, MSI-X, properties, reset phases, and DMA as a PCI function does it:
 * through the address space that the bus gives it, IOMMU included, at the
 * time of each access.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "migration/blocker.h"
#include "system/cpu-timers.h"
#include "system/dma.h"
#include "system/qtest.h"
#include "system/runstate.h"
#include "hw/dmashare/pci.h"
#include "trace.h"

/* What an engine touches at once of memory that cannot be reached directly. */
#define BOUNCE_SIZE     (64 * KiB)

/*
 * DMA
 *
 * The device addresses memory and nothing else. A DMA access to registers,
 * its own or another device's, is refused like an address nobody answers to:
 * no transfer can then set off anything while the core is in the middle of
 * it.
 */
static const MemTxAttrs dma_attrs = { .memory = 1 };

/* In another power state than D0 the function initiates nothing. */
static bool powered(const PCIDevice *pdev)
{
    return !(pci_get_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL) &
             PCI_PM_CTRL_STATE_MASK);
}

static bool bus_master(DmashareState *s)
{
    /* Asked for each piece of memory, so the cast is made once. */
    const PCIDevice *pdev = PCI_DEVICE(s);

    /* What is left of the present work after a reset finds the bus closed. */
    return !s->core.gone && !s->core.reset_wanted && powered(pdev) &&
           (pci_get_word(pdev->config + PCI_COMMAND) & PCI_COMMAND_MASTER);
}

static uint16_t dma_result(DmashareState *s, MemTxResult result, bool write,
                           uint64_t addr)
{
    uint16_t status = bus_master(s) ? DMASHARE_STATUS_FAULT_TRANSLATION
                                    : DMASHARE_STATUS_FAULT_BUS_MASTER;

    if (result == MEMTX_OK) {
        return DMASHARE_STATUS_OK;
    }
    trace_dmashare_dma_fault(write, addr, status);
    return status;
}

static uint16_t dma_read(void *opaque, uint64_t addr, void *buf, uint64_t len)
{
    DmashareState *s = opaque;
    MemTxResult result = MEMTX_ERROR;

    if (bus_master(s)) {
        result = dma_memory_read(pci_get_address_space(PCI_DEVICE(s)), addr,
                                 buf, len, dma_attrs);
    }
    return dma_result(s, result, false, addr);
}

static uint16_t dma_write(void *opaque, uint64_t addr, const void *buf,
                          uint64_t len)
{
    DmashareState *s = opaque;
    MemTxResult result = MEMTX_ERROR;

    if (bus_master(s)) {
        result = dma_memory_write(pci_get_address_space(PCI_DEVICE(s)), addr,
                                  buf, len, dma_attrs);
    }
    return dma_result(s, result, true, addr);
}

static uint16_t dma_write32(void *opaque, uint64_t addr, uint32_t value)
{
    DmashareState *s = opaque;
    MemTxResult result = MEMTX_ERROR;

    if (bus_master(s)) {
        result = stl_le_dma(pci_get_address_space(PCI_DEVICE(s)), addr, value,
                            dma_attrs);
    }
    return dma_result(s, result, true, addr);
}

static uint16_t dma_write64(void *opaque, uint64_t addr, uint64_t value)
{
    DmashareState *s = opaque;
    MemTxResult result = MEMTX_ERROR;

    if (bus_master(s)) {
        result = stq_le_dma(pci_get_address_space(PCI_DEVICE(s)), addr, value,
                            dma_attrs);
    }
    return dma_result(s, result, true, addr);
}

/*
 * The memory at @addr, and how much of it follows each other. NULL if that
 * cannot be reached.
 */
MemoryRegion *dmashare_pci_translate(DmashareState *s, uint64_t addr,
                                     bool write, hwaddr *xlat, hwaddr *len,
                                     uint16_t *status)
{
    AddressSpace *as = pci_get_address_space(PCI_DEVICE(s));
    MemoryRegion *mr;

    if (!bus_master(s)) {
        *status = dma_result(s, MEMTX_ERROR, write, addr);
        return NULL;
    }
    mr = address_space_translate(as, addr, xlat, len, write, dma_attrs);
    if (!*len || !memory_region_is_ram(mr) ||
        (write && (mr->readonly || mr->rom_device))) {
        *status = dma_result(s, MEMTX_DECODE_ERROR, write, addr);
        return NULL;
    }
    *status = DMASHARE_STATUS_OK;
    return mr;
}

/*
 * A window on directly accessible memory is what dma_memory_map() would give,
 * with one difference: a refused translation is an error here and now, where
 * dma_memory_map() hands out a bounce buffer and forgets the error.
 */
static uint16_t dma_open(void *opaque, uint64_t addr, uint64_t len, bool write,
                         DmashareWindow *win)
{
    DmashareState *s = opaque;
    MemoryRegion *mr;
    hwaddr xlat, l = len;
    uint16_t status;

    RCU_READ_LOCK_GUARD();
    mr = dmashare_pci_translate(s, addr, write, &xlat, &l, &status);
    if (!mr) {
        return status;
    }
    if (memory_access_is_direct(mr, write, dma_attrs)) {
        memory_region_ref(mr);
        if (!write) {
            fuzz_dma_read_cb(addr, l, mr);
        }
        win->host = (uint8_t *)memory_region_get_ram_ptr(mr) + xlat;
        win->len = l;
        win->region = mr;
        win->bounced = false;
        return DMASHARE_STATUS_OK;
    }

    /* RAM of a device: goes word by word, the way that device wants it. */
    if (!s->bounce[write]) {
        s->bounce[write] = g_malloc(BOUNCE_SIZE);
    }
    win->host = s->bounce[write];
    win->len = MIN(l, BOUNCE_SIZE);
    win->bounced = true;
    return write ? DMASHARE_STATUS_OK : dma_read(s, addr, win->host, win->len);
}

static uint16_t dma_close(void *opaque, DmashareWindow *win, uint64_t used)
{
    DmashareState *s = opaque;

    if (!win->bounced && !win->write) {
        /* Nobody has to be told of what was only read. */
        memory_region_unref(win->region);
        return DMASHARE_STATUS_OK;
    }
    if (!win->bounced) {
        dma_memory_unmap(pci_get_address_space(PCI_DEVICE(s)), win->host,
                         win->len, DMA_DIRECTION_FROM_DEVICE, used);
        return DMASHARE_STATUS_OK;
    }
    return win->write && used ? dma_write(s, win->addr, win->host, used)
                              : DMASHARE_STATUS_OK;
}

static void face_notify(void *opaque, unsigned vector)
{
    DmashareState *s = opaque;

    if (!s->core.gone && powered(PCI_DEVICE(s))) {
        msix_notify(PCI_DEVICE(s), vector);
    }
}

/* Devices that are at work, one inside another; the BQL is held. */
static unsigned faces_at_work;

/*
 * The core's timers run outside of any access to our registers; the guard
 * makes them look like one, so that nothing they set off comes back in.
 */
static void face_enter(void *opaque)
{
    DmashareState *s = opaque;
    MemReentrancyGuard *guard = &DEVICE(s)->mem_reentrancy_guard;

    object_ref(OBJECT(s));
    if (!s->entered++) {
        s->guard = guard->engaged_in_io;
        guard->engaged_in_io = true;
        faces_at_work++;
    }
}

static void face_leave(void *opaque)
{
    DmashareState *s = opaque;

    if (!--s->entered) {
        DEVICE(s)->mem_reentrancy_guard.engaged_in_io = s->guard;
        faces_at_work--;
    }
    object_unref(OBJECT(s));
}

static const DmashareBusOps face_ops = {
    .read = dma_read,
    .write = dma_write,
    .write32 = dma_write32,
    .write64 = dma_write64,
    .open = dma_open,
    .close = dma_close,
    .local_written = dmashare_pci_local_written,
    .local_discard = dmashare_pci_local_discard,
    .window_written = dmashare_pci_window_written,
    .resolve = dmashare_pci_pages_resolve,
    .describe = dmashare_pci_pages_describe,
    .put = dmashare_pci_pages_put,
    .discard = dmashare_pci_pages_discard,
    .notify = face_notify,
    .enter = face_enter,
    .leave = face_leave,
};

/*
 * Registers
 */

static uint64_t regs_read(void *opaque, hwaddr addr, unsigned size)
{
    DmashareState *s = opaque;

    return dmashare_regs_read(&s->core, addr, size);
}

/*
 * What a doorbell asks for is done here, by the thread that rang it: to wake
 * the main loop for it costs more than most jobs take. It is what the main
 * loop would have done at the first opportunity, no sooner and in no other
 * order. Where the main loop comes at a time that was agreed on (icount), or
 * before anybody can tell (qtest), nothing is won.
 */
static void regs_write(void *opaque, hwaddr addr, uint64_t value,
                       unsigned size)
{
    DmashareState *s = opaque;
    /*
     * Not for another device of ours, whose job may write to a doorbell as
     * often as it has words: each piece of our work would be part of one of
     * its.
     */
    bool prompt = s->prompt && !faces_at_work && runstate_is_running() &&
                  !s->core.gone;

    object_ref(OBJECT(s));
    if (prompt) {
        dmashare_clock_defer(&s->core.clock);
    }
    dmashare_regs_write(&s->core, addr, value, size);
    if (prompt) {
        dmashare_clock_catch_up(&s->core.clock);
    }
    object_unref(OBJECT(s));
}

/* Wrong widths and alignments are ours to answer, not the bus's to refuse. */
static const MemoryRegionOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
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

/*
 * Life
 */

static bool in_range(const char *name, uint64_t value, uint64_t min,
                     uint64_t max, Error **errp)
{
    if (value < min || value > max) {
        error_setg(errp, "dmashare: property '%s' is %" PRIu64
                   "; permitted are %" PRIu64 " to %" PRIu64,
                   name, value, min, max);
        return false;
    }
    return true;
}

static bool power_of_two(const char *name, uint64_t value, const char *or,
                         Error **errp)
{
    if (!is_power_of_2(value)) {
        error_setg(errp, "dmashare: property '%s' is %" PRIu64
                   "; permitted are powers of two%s", name, value, or);
        return false;
    }
    return true;
}

static bool config_check(const DmashareConfig *c, Error **errp)
{
    return in_range("job-queues", c->job_queues, 1, DMASHARE_MAX_JOB_QUEUES,
                    errp) &&
           in_range("timelines", c->timelines, 1, DMASHARE_MAX_TIMELINES,
                    errp) &&
           in_range("max-entries", c->max_entries, DMASHARE_MIN_ENTRIES,
                    64 * KiB, errp) &&
           power_of_two("max-entries", c->max_entries, "", errp) &&
           in_range("max-buffers", c->max_buffers, 1, 16 * MiB, errp) &&
           in_range("max-attachments", c->max_attachments, 1, 16 * MiB,
                    errp) &&
           in_range("max-mappings", c->max_mappings, 1, 16 * MiB, errp) &&
           in_range("max-segments", c->max_segments, 1, 16 * MiB, errp) &&
           in_range("max-total-segments", c->max_total_segments,
                    c->max_segments, 256 * MiB, errp) &&
           in_range("max-job-bytes", c->max_job_bytes, 4 * KiB, 1 * TiB,
                    errp) &&
           in_range("dma-bits", c->dma_bits, 24, 64, errp) &&
           (!c->boundary ||
            (power_of_two("boundary", c->boundary, ", or 0 for none", errp) &&
             in_range("boundary", c->boundary, 4 * KiB, 1ULL << 63, errp))) &&
           (!c->max_segment_size ||
            in_range("max-segment-size", c->max_segment_size, 1 * KiB,
                     UINT64_MAX, errp)) &&
           in_range("latency", c->latency, 0, DMASHARE_NOOP_MAX_NS, errp) &&
           in_range("watchdog", c->watchdog, 0, INT64_MAX, errp) &&
           (!c->local_size ||
            (power_of_two("local-size", c->local_size, ", or 0 for none",
                          errp) &&
             in_range("local-size", c->local_size, DMASHARE_LOCAL_SIZE_MIN,
                      DMASHARE_LOCAL_SIZE_MAX, errp))) &&
           power_of_two("peer-size", c->peer_size, "", errp) &&
           in_range("peer-size", c->peer_size, DMASHARE_PEER_SIZE_MIN,
                    DMASHARE_PEER_SIZE_MAX, errp) &&
           in_range("cache-size", c->cache_size, DMASHARE_CACHE_PAGE, 4 * GiB,
                    errp) &&
           in_range("share-max-clients", c->share_max_clients, 1, 64, errp) &&
           in_range("share-max-size", c->share_max_size, 4 * KiB, 1 * TiB,
                    errp) &&
           in_range("render-max-bytes", c->render_max_bytes, 4 * KiB, 1 * GiB,
                    errp) &&
           in_range("render-bytes", c->render_bytes, 4 * KiB, 4 * GiB, errp) &&
           in_range("journal-size", c->journal_size, 0, 1 * MiB, errp);
}

/* Power states, of which none but D0 does anything, and all keep everything. */
static bool power_realize(PCIDevice *pdev, Error **errp)
{
    int pos = pci_pm_init(pdev, 0, errp);

    if (pos < 0) {
        return false;
    }
    pci_set_word(pdev->config + pos + PCI_PM_PMC, PCI_PM_CAP_VER_1_2);
    pci_set_word(pdev->config + pos + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pdev->wmask + pos + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static bool server_realize(DmashareState *s, Error **errp)
{
    if (s->share) {
        s->server = dmashare_server_new(&s->core, s->share, s->share_uid,
                                        errp);
    }
    return !s->share || s->server;
}

static bool render_realize(DmashareState *s, Error **errp)
{
    if (!s->config.render) {
        return true;
    }
    if (s->config.render_max_bytes % (4 * KiB)) {
        error_setg(errp, "dmashare: property 'render-max-bytes' is %" PRIu64
                   "; permitted are multiples of 4096",
                   s->config.render_max_bytes);
        return false;
    }
    s->render_process = dmashare_render_process_new(&s->core,
                                                    s->render_program,
                                                    s->render_timeout_ms,
                                                    errp);
    return s->render_process;
}

static void dmashare_realize(PCIDevice *pdev, Error **errp)
{
    DmashareState *s = DMASHARE(pdev);
    unsigned n_vectors = DMASHARE_NUM_VECTORS(s->config.job_queues);
    DmasharePeerWindow window;
    DmashareLocal local;
    int pos;

    s->config.share = s->share;
    s->prompt = !s->config.paced && !icount_enabled() && !qtest_enabled();
    if (!config_check(&s->config, errp)) {
        return;
    }

    error_setg(&s->blocker, "dmashare: the device's state cannot be migrated");
    if (migrate_add_blocker(&s->blocker, errp) < 0) {
        return;
    }

    memory_region_init_io(&s->regs, OBJECT(s), &regs_ops, s, "dmashare-regs",
                          DMASHARE_REGS_SIZE);
    pci_register_bar(pdev, DMASHARE_BAR_REGS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->regs);
    if (msix_init_exclusive_bar(pdev, n_vectors, DMASHARE_BAR_MSIX,
                                errp) < 0) {
        goto unblock;
    }
    for (unsigned i = 0; i < n_vectors; i++) {
        msix_vector_use(pdev, i);
    }
    if (!dmashare_pci_local_realize(s, errp)) {
        goto unmsix;
    }
    if (!dmashare_pci_window_realize(s, errp)) {
        goto unlocal;
    }

    if (pci_bus_is_express(pci_get_bus(pdev))) {
        pos = pcie_endpoint_cap_init(pdev, 0);
        assert(pos > 0);
        pcie_cap_flr_init(pdev);
    }
    if (!power_realize(pdev, errp) || !dmashare_link_realize(s, errp)) {
        goto unwindow;
    }

    dmashare_pci_local_describe(s, &local);
    dmashare_pci_window_describe(s, &window);
    dmashare_core_init(&s->core, &s->config, &local, &window, &face_ops, s);
    dmashare_notifier_init(&s->notifier, &s->core);
    if (!dmashare_pci_pages_realize(s, errp) ||
        !server_realize(s, errp) ||
        !dmashare_pci_window_connect(s, errp) ||
        !render_realize(s, errp) ||
        !dmashare_pci_record_realize(s, errp)) {
        dmashare_core_stop(&s->core);
        g_clear_pointer(&s->render_process, dmashare_render_process_free);
        g_clear_pointer(&s->peer_link, dmashare_peer_link_free);
        g_clear_pointer(&s->server, dmashare_server_free);
        dmashare_pci_pages_unrealize(s);
        dmashare_core_destroy(&s->core);
        dmashare_link_unrealize(s);
        goto unwindow;
    }
    return;

unwindow:
    if (pci_bus_is_express(pci_get_bus(pdev))) {
        pcie_cap_exit(pdev);
    }
    dmashare_pci_window_unrealize(s);
unlocal:
    dmashare_pci_local_unrealize(s);
unmsix:
    msix_uninit_exclusive_bar(pdev);
unblock:
    migrate_del_blocker(&s->blocker);
}

static void dmashare_exit(PCIDevice *pdev)
{
    DmashareState *s = DMASHARE(pdev);

    dmashare_pci_record_unrealize(s);
    dmashare_core_stop(&s->core);
    g_clear_pointer(&s->server, dmashare_server_free);
    g_clear_pointer(&s->render_process, dmashare_render_process_free);
    g_clear_pointer(&s->peer_link, dmashare_peer_link_free);
    dmashare_pci_pages_unrealize(s);
    dmashare_link_unrealize(s);
    if (pci_bus_is_express(pci_get_bus(pdev))) {
        pcie_cap_exit(pdev);
    }
    msix_uninit_exclusive_bar(pdev);
    dmashare_pci_window_unrealize(s);
    dmashare_pci_local_unrealize(s);
    migrate_del_blocker(&s->blocker);
    if (!s->core.busy) {
        dmashare_core_destroy(&s->core);
    }
}

static void dmashare_init(Object *obj)
{
    /*
     * Configuration space is as large as PCI Express wants it; on a
     * conventional bus nobody can see the rest.
     */
    PCI_DEVICE(obj)->cap_present |= QEMU_PCI_CAP_EXPRESS;
}

static void dmashare_finalize(Object *obj)
{
    DmashareState *s = DMASHARE(obj);

    dmashare_pci_record_finalize(s);
    /* Unless the device was unplugged in the middle of its own work. */
    dmashare_core_destroy(&s->core);
    dmashare_pci_window_finalize(s);
    g_free(s->bounce[0]);
    g_free(s->bounce[1]);
}

static void dmashare_reset_enter(Object *obj, ResetType type)
{
    DmashareState *s = DMASHARE(obj);

    dmashare_core_hold(&s->core, true);
    dmashare_link_reset(s);
    dmashare_pci_record_reset(s);
    dmashare_core_reset(&s->core);
}

static void dmashare_reset_exit(Object *obj, ResetType type)
{
    DmashareState *s = DMASHARE(obj);

    dmashare_core_hold(&s->core, false);
}

static const Property dmashare_properties[] = {
    DEFINE_PROP_UINT32("job-queues", DmashareState, config.job_queues, 4),
    DEFINE_PROP_UINT32("max-entries", DmashareState, config.max_entries, 4096),
    DEFINE_PROP_UINT32("timelines", DmashareState, config.timelines, 64),
    DEFINE_PROP_UINT32("max-buffers", DmashareState, config.max_buffers,
                       131072),
    DEFINE_PROP_UINT32("max-attachments", DmashareState,
                       config.max_attachments, 131072),
    DEFINE_PROP_UINT32("max-mappings", DmashareState, config.max_mappings,
                       131072),
    DEFINE_PROP_UINT32("max-segments", DmashareState, config.max_segments,
                       1 * MiB),
    DEFINE_PROP_UINT32("max-total-segments", DmashareState,
                       config.max_total_segments, 4 * MiB),
    DEFINE_PROP_SIZE("max-job-bytes", DmashareState, config.max_job_bytes,
                     64 * GiB),
    DEFINE_PROP_UINT32("dma-bits", DmashareState, config.dma_bits, 64),
    DEFINE_PROP_SIZE("max-segment-size", DmashareState,
                     config.max_segment_size, 0),
    DEFINE_PROP_SIZE("boundary", DmashareState, config.boundary, 0),
    DEFINE_PROP_UINT64("latency", DmashareState, config.latency, 0),
    DEFINE_PROP_SIZE("bandwidth", DmashareState, config.bandwidth, 0),
    DEFINE_PROP_UINT64("watchdog", DmashareState, config.watchdog,
                       10 * NANOSECONDS_PER_SECOND),
    DEFINE_PROP_SIZE("local-size", DmashareState, config.local_size, 0),
    DEFINE_PROP_LINK("local-memdev", DmashareState, memdev,
                     TYPE_MEMORY_BACKEND, HostMemoryBackend *),
    DEFINE_PROP_STRING("peer", DmashareState, peer),
    DEFINE_PROP_SIZE("peer-size", DmashareState, config.peer_size, 256 * MiB),
    DEFINE_PROP_UINT32("peer-reconnect-ms", DmashareState, peer_reconnect_ms,
                       1000),
    DEFINE_PROP_BOOL("coherent", DmashareState, config.coherent, true),
    DEFINE_PROP_SIZE("cache-size", DmashareState, config.cache_size,
                     64 * MiB),
    DEFINE_PROP_UINT32("journal-size", DmashareState, config.journal_size,
                       65536),
    DEFINE_PROP_STRING("record", DmashareState, record),
    DEFINE_PROP_STRING("share", DmashareState, share),
    DEFINE_PROP_UINT32("share-uid", DmashareState, share_uid,
                       DMASHARE_SERVER_NO_UID),
    DEFINE_PROP_UINT32("share-max-clients", DmashareState,
                       config.share_max_clients, 16),
    DEFINE_PROP_SIZE("share-max-size", DmashareState, config.share_max_size,
                     4 * GiB),
    DEFINE_PROP_BOOL("share-writable", DmashareState, share_writable, false),
    DEFINE_PROP_BOOL("share-guest-memory", DmashareState, share_guest_memory,
                     false),
    DEFINE_PROP_ON_OFF_AUTO("share-udmabuf", DmashareState, share_udmabuf,
                            ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("render", DmashareState, config.render, false),
    DEFINE_PROP_STRING("render-program", DmashareState, render_program),
    DEFINE_PROP_SIZE("render-max-bytes", DmashareState,
                     config.render_max_bytes, 16 * MiB),
    DEFINE_PROP_SIZE("render-bytes", DmashareState, config.render_bytes,
                     256 * MiB),
    DEFINE_PROP_UINT32("render-timeout-ms", DmashareState, render_timeout_ms,
                       10000),
    DEFINE_PROP_BOOL("x-paced", DmashareState, config.paced, false),
};

/* What `-device dmashare,help` says of each property. */
static const struct {
    const char *name;
    const char *text;
} dmashare_property_help[] = {
    { "job-queues", "number of job queues, 1 to 16" },
    { "max-entries", "largest ring, a power of two" },
    { "timelines", "number of fence timelines, 1 to 4096" },
    { "max-buffers", "buffers live at once" },
    { "max-attachments", "attachments live at once" },
    { "max-mappings", "mappings live at once" },
    { "max-segments", "segments of one mapping" },
    { "max-total-segments", "segments of all live mappings together" },
    { "max-job-bytes", "bytes one job may touch per operand" },
    { "dma-bits", "width of a DMA address, 24 to 64" },
    { "max-segment-size", "bytes of one segment, 0 for no limit" },
    { "boundary", "power of two that no segment crosses, 0 for none" },
    { "latency", "ns of virtual time that every job takes" },
    { "bandwidth", "bytes per second of virtual time, 0 for infinite" },
    { "watchdog", "ns of virtual time a job may wait for fences, or a fence be "
                  "held, 0 for ever" },
    { "local-size", "bytes of local memory behind BAR4, a power of two; "
                    "0 for none" },
    { "local-memdev", "memory backend to use as local memory, instead of "
                      "local-size" },
    { "peer", "unix:PATH of another device's share server, whose buffers are "
              "offered to the guest" },
    { "peer-size", "bytes of each half of the window on these buffers, a "
                   "power of two" },
    { "peer-reconnect-ms", "ms of real time between attempts to connect, 0 "
                           "for only one" },
    { "coherent", "off: engines see memory through a cache that the driver "
                  "has to synchronize" },
    { "cache-size", "bytes that this cache holds, of all buffers together" },
    { "journal-size", "operations that the journal keeps, 64 bytes each, or "
      "0" },
    { "record", "file, which must not exist: record everything from the "
                "beginning (docs/recording.rst)" },
    { "share", "unix:PATH: socket to share buffers on (docs/host.rst)" },
    { "share-uid", "user that may connect to it, besides the one that runs "
                   "QEMU" },
    { "share-max-clients", "clients connected at once, 1 to 64" },
    { "share-max-size", "bytes of one shared buffer, 4096 to 1 TiB" },
    { "share-writable", "on: clients may write buffers that the guest shares "
                        "for that" },
    { "share-guest-memory", "on: clients may be given all of the guest's "
                            "memory where nothing less can be passed" },
    { "share-udmabuf", "pass buffers as dma-bufs of /dev/udmabuf: auto, on "
                       "(and in no other way), off" },
    { "render", "on: there is the render engine (docs/render.rst)" },
    { "render-program", "the renderer, if not the one built with the emulator"
                        },
    { "render-max-bytes", "bytes of one render job's commands or transfer" },
    { "render-bytes", "bytes of all resources together" },
    { "render-timeout-ms", "ms of real time after which a renderer that does "
                           "not answer is killed, or up to ten times as long "
                           "if it gets no processor" },
    { "x-paced", "timers do not run but when they are told to (replay)" },
    { "x-run-timer", "write a timer's number: runs it, if it is its time" },
};

static void dmashare_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    pc->realize = dmashare_realize;
    pc->exit = dmashare_exit;
    pc->config_read = dmashare_link_config_read;
    pc->config_write = dmashare_link_config_write;
    pc->vendor_id = DMASHARE_PCI_VENDOR_ID;
    pc->device_id = DMASHARE_PCI_DEVICE_ID;
    pc->revision = DMASHARE_PCI_REVISION;
    pc->class_id = DMASHARE_PCI_CLASS >> 8;

    rc->phases.enter = dmashare_reset_enter;
    rc->phases.exit = dmashare_reset_exit;

    dc->desc = "Shares DMA buffers with guest drivers, for testing dma-buf";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, dmashare_properties);
    dmashare_pci_record_class_init(klass);
    for (size_t i = 0; i < ARRAY_SIZE(dmashare_property_help); i++) {
        object_class_property_set_description(klass,
                                              dmashare_property_help[i].name,
                                              dmashare_property_help[i].text);
    }
}

static const TypeInfo dmashare_info = {
    .name = TYPE_DMASHARE,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(DmashareState),
    .instance_init = dmashare_init,
    .instance_finalize = dmashare_finalize,
    .class_init = dmashare_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { }
    },
};

static void dmashare_register(void)
{
    type_register_static(&dmashare_info);
}

type_init(dmashare_register)
