/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the PCI face, for the files that it is made of
 */
#ifndef HW_DMASHARE_PCI_H
#define HW_DMASHARE_PCI_H

#include "qemu/notify.h"
#include "qemu/units.h"
#include "exec/memory.h"
#include "hw/pci/pci_device.h"
#include "system/hostmem.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/peer-connect.h"
#include "hw/dmashare/render-process.h"
#include "hw/dmashare/record.h"

#define TYPE_DMASHARE "dmashare"
OBJECT_DECLARE_SIMPLE_TYPE(DmashareState, DMASHARE)

/* Local memory is at least a page, so that a CPU can map it. */
#define DMASHARE_LOCAL_SIZE_MIN (4 * KiB)
#define DMASHARE_LOCAL_SIZE_MAX (1 * TiB)

/* One half of the window. */
#define DMASHARE_PEER_SIZE_MIN  (64 * KiB)
#define DMASHARE_PEER_SIZE_MAX  (1 * TiB)

/* Registers, MSI-X, local memory and the window. */
#define DMASHARE_PCI_BARS       3

/**
 * DmashareState: a dmashare PCI function
 * @parent_obj: PCI
 * @regs: BAR0
 * @own_local: local memory, unless @memdev is given
 * @local: local memory, or NULL
 * @bar: BAR4: @local, or with a window @both; NULL if there is neither
 * @both: holds @local and @window
 * @window: the halves of the window
 * @window_host: its bytes, or NULL
 * @discards: the window needs that nobody pins memory
 * @memdev: property
 * @config: properties
 * @core: everything else
 * @notifier: QMP events
 * @link_down: it answers no more
 * @absent: lies over each BAR then
 * @blocker: why it cannot migrate
 * @bounce: for a read and a write window, allocated when first needed
 * @entered: nested pieces of the core's work
 * @guard: what the re-entrancy guard was before it
 * @record: property
 * @peer: property: whose buffers are offered to the guest
 * @peer_reconnect_ms: property
 * @peer_link: to there
 * @render_program: property
 * @render_timeout_ms: property
 * @render_process: renders, or NULL
 * @exit: ends a recording when QEMU ends
 * @server: the share server, or NULL
 * @share: property: where clients find the share server, or NULL
 * @share_uid: property
 * @share_writable: property
 * @share_guest_memory: property
 * @share_udmabuf: property
 * @prompt: what a doorbell asks for is done before its access ends
 * @discards_fail: the guest's memory cannot be discarded
 */
struct DmashareState {
    PCIDevice parent_obj;
    MemoryRegion regs;
    MemoryRegion own_local;
    MemoryRegion *local;
    MemoryRegion *bar;
    MemoryRegion both;
    MemoryRegion window[2];
    uint8_t *window_host;
    bool discards;
    HostMemoryBackend *memdev;
    DmashareConfig config;
    DmashareCore core;
    DmashareNotifier notifier;
    bool link_down;
    MemoryRegion absent[DMASHARE_PCI_BARS];
    Error *blocker;
    uint8_t *bounce[2];
    unsigned entered;
    bool guard;
    char *record;
    char *peer;
    uint32_t peer_reconnect_ms;
    DmasharePeerLink *peer_link;
    char *render_program;
    uint32_t render_timeout_ms;
    DmashareRenderProcess *render_process;
    Notifier exit;
    DmashareServer *server;
    char *share;
    uint32_t share_uid;
    bool share_writable;
    bool share_guest_memory;
    OnOffAuto share_udmabuf;
    bool prompt;
    bool discards_fail;
};

/*
 * Where on the bus @addr is: the memory, from which offset in it on, and in
 * @len how much of it. NULL and a status if nothing is there, or it must not be
 * reached. In an RCU section.
 */
MemoryRegion *dmashare_pci_translate(DmashareState *s, uint64_t addr,
                                     bool write, hwaddr *xlat, hwaddr *len,
                                     uint16_t *status);

/*
 * pci-local.c: local memory. Describe tells the core what there is; written and
 * discard are its DmashareBusOps.
 */
bool dmashare_pci_local_realize(DmashareState *s, Error **errp);
void dmashare_pci_local_unrealize(DmashareState *s);
void dmashare_pci_local_describe(DmashareState *s, DmashareLocal *local);
void dmashare_pci_local_written(void *opaque, uint64_t offset, uint64_t len);
bool dmashare_pci_local_discard(void *opaque, uint64_t offset, uint64_t len);

/*
 * pci-window.c: the window on another VM's buffers, and BAR4. Realize wants
 * local memory, and registers the BAR if there is anything to show in it;
 * finalize gives the addresses back. Describe tells the core what there is;
 * written is its DmashareBusOps. Connect, when there is a core, makes what
 * leads to another device's share server.
 */
bool dmashare_pci_window_realize(DmashareState *s, Error **errp);
void dmashare_pci_window_unrealize(DmashareState *s);
void dmashare_pci_window_finalize(DmashareState *s);
bool dmashare_pci_window_connect(DmashareState *s, Error **errp);
void dmashare_pci_window_describe(DmashareState *s, DmasharePeerWindow *window);
void dmashare_pci_window_written(void *opaque, uint64_t offset, uint64_t len);

/*
 * pci-pages.c: what can be passed to others. Realize fills in what the core
 * knows of the host; the rest are its DmashareBusOps.
 */
bool dmashare_pci_pages_realize(DmashareState *s, Error **errp);
void dmashare_pci_pages_unrealize(DmashareState *s);
uint16_t dmashare_pci_pages_resolve(void *opaque, uint64_t addr, bool write,
                                    void **region, uint64_t *offset,
                                    uint64_t *len);
void dmashare_pci_pages_describe(void *opaque, void *region,
                                 DmashareMemory *mem);
void dmashare_pci_pages_put(void *opaque, DmashareMemory *mem);
bool dmashare_pci_pages_discard(void *opaque, const DmashareMemory *mem,
                                uint64_t offset, uint64_t len);

/*
 * link.c: faults of the bus. Realize wants the BARs and the PCI Express
 * capability, and unrealize them still; reset is what any reset does to them.
 */
bool dmashare_link_realize(DmashareState *s, Error **errp);
void dmashare_link_unrealize(DmashareState *s);
void dmashare_link_reset(DmashareState *s);
/* PCIDeviceClass */
uint32_t dmashare_link_config_read(PCIDevice *pdev, uint32_t addr, int len);
void dmashare_link_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val,
                                int len);
/*
 * The command dmashare-pci-fault. After a surprise removal @core does not exist
 * any more.
 */
bool dmashare_link_fault(DmashareCore *core, DmasharePciFault fault,
                         Error **errp);

/*
 * pci-record.c: recording. Start is the QMP command; realize begins with a
 * recording if the property says so, unrealize and finalize end it. Config
 * looks whether configuration space has become another that matters; after a
 * reset it has. What a replay needs of the class is there, too.
 */
bool dmashare_pci_record_start(DmashareState *s, const char *filename,
                               uint64_t max_size, Error **errp);
void dmashare_pci_record_config(DmashareState *s);
void dmashare_pci_record_reset(DmashareState *s);
bool dmashare_pci_record_realize(DmashareState *s, Error **errp);
void dmashare_pci_record_unrealize(DmashareState *s);
void dmashare_pci_record_finalize(DmashareState *s);
void dmashare_pci_record_class_init(ObjectClass *klass);

#endif /* HW_DMASHARE_PCI_H */
