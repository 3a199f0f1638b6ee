// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: BAR4 as the PCI face shows it: local memory, and after that the
 * window on the buffers of another VM
 *
 * Each half of the window is one memory region over addresses that are ours for
 * the life of the device. What is behind these addresses changes, and nobody
 * has to be told of it: CPUs reach them by the host's page tables.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qapi/error.h"
#include "system/dma.h"
#include "hw/dmashare/pci.h"

/* From the start of BAR4. */
static uint64_t window_offset(DmashareState *s)
{
    return s->local ? ROUND_UP(memory_region_size(s->local),
                               s->config.peer_size) : 0;
}

static void window_regions(DmashareState *s)
{
    static const char *const name[] = {
        "dmashare-window-read", "dmashare-window-write",
    };
    uint64_t half = s->config.peer_size, at = window_offset(s);

    memory_region_init(&s->both, OBJECT(s), "dmashare-memory",
                       pow2ceil(at + half * 2));
    if (s->local) {
        memory_region_add_subregion(&s->both, 0, s->local);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(s->window); i++) {
        memory_region_init_ram_ptr(&s->window[i], OBJECT(s), name[i], half,
                                   s->window_host + i * half);
        memory_region_set_readonly(&s->window[i], !i);
        memory_region_add_subregion(&s->both, at + i * half, &s->window[i]);
    }
    s->bar = &s->both;
}

static bool window_realize(DmashareState *s, Error **errp)
{
    /* Whoever pins memory would go on with pages that are gone. */
    if (ram_block_discard_require(true)) {
        error_setg(errp, "dmashare: property 'peer': something else in this "
                   "VM pins memory (an assigned device, vhost-vdpa), which "
                   "the window cannot be");
        return false;
    }
    s->discards = true;
    s->window_host = dmashare_window_reserve(s->config.peer_size);
    if (!s->window_host) {
        error_setg_errno(errp, errno, "dmashare: property 'peer-size': no "
                         "addresses for the window");
        dmashare_pci_window_unrealize(s);
        return false;
    }
    window_regions(s);
    return true;
}

bool dmashare_pci_window_realize(DmashareState *s, Error **errp)
{
    s->bar = s->local;
    if (s->peer && !window_realize(s, errp)) {
        return false;
    }
    if (s->bar) {
        pci_register_bar(PCI_DEVICE(s), DMASHARE_BAR_LOCAL,
                         PCI_BASE_ADDRESS_SPACE_MEMORY |
                         PCI_BASE_ADDRESS_MEM_TYPE_64 |
                         PCI_BASE_ADDRESS_MEM_PREFETCH, s->bar);
    }
    return true;
}

void dmashare_pci_window_unrealize(DmashareState *s)
{
    if (s->window_host) {
        for (unsigned i = 0; i < ARRAY_SIZE(s->window); i++) {
            memory_region_del_subregion(&s->both, &s->window[i]);
        }
        if (s->local) {
            memory_region_del_subregion(&s->both, s->local);
        }
    }
    if (s->discards) {
        s->discards = false;
        ram_block_discard_require(false);
    }
}

bool dmashare_pci_window_connect(DmashareState *s, Error **errp)
{
    if (!s->peer) {
        return true;
    }
    s->peer_link = dmashare_peer_link_new(&s->core, s->peer,
                                          s->peer_reconnect_ms,
                                          DEVICE(s)->id ?: "dmashare", errp);
    if (!s->peer_link) {
        return false;
    }
    s->core.peer.address = s->peer;
    dmashare_peer_link_start(s->peer_link);
    return true;
}

/* The regions are gone, and with them everybody who could touch the bytes. */
void dmashare_pci_window_finalize(DmashareState *s)
{
    dmashare_window_release(s->window_host, s->config.peer_size);
    s->window_host = NULL;
}

void dmashare_pci_window_describe(DmashareState *s, DmasharePeerWindow *window)
{
    memset(window, 0, sizeof(*window));
    if (s->window_host) {
        window->host = s->window_host;
        window->half = s->config.peer_size;
        window->offset = window_offset(s);
    }
}

/* As dmashare_pci_local_written(). */
void dmashare_pci_window_written(void *opaque, uint64_t offset, uint64_t len)
{
    DmashareState *s = opaque;

    memory_region_ref(&s->window[1]);
    dma_memory_unmap(pci_get_address_space(PCI_DEVICE(s)),
                     s->window_host + offset, len, DMA_DIRECTION_FROM_DEVICE,
                     len);
}
