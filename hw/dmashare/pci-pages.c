// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: pages that can be passed, as far as the PCI face has a part in it
 *
 * Where memory on the bus is, and what is to be known of it: the memory file
 * that QEMU has mapped there.
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "qapi/error.h"
#include "exec/ramblock.h"
#include "hw/boards.h"
#include "system/dma.h"
#include "hw/dmashare/pci.h"

/* Is it what the machine has as memory, plugged or not? */
static bool guest_memory(MemoryRegion *mr)
{
    MachineState *ms = MACHINE(qdev_get_machine());

    while (mr && mr != ms->ram &&
           !(ms->device_memory && mr == &ms->device_memory->mr)) {
        mr = mr->container;
    }
    return mr != NULL;
}

/*
 * Under the big lock a region that is mapped stays what it is until we are done
 * with it, described or not.
 */
uint16_t dmashare_pci_pages_resolve(void *opaque, uint64_t addr, bool write,
                                    void **region, uint64_t *offset,
                                    uint64_t *len)
{
    DmashareState *s = opaque;
    hwaddr xlat, l = *len;
    MemoryRegion *mr;
    uint16_t status;

    RCU_READ_LOCK_GUARD();
    mr = dmashare_pci_translate(s, addr, write, &xlat, &l, &status);
    if (!mr) {
        return status;
    }
    *region = mr;
    *offset = xlat;
    *len = l;
    return DMASHARE_STATUS_OK;
}

void dmashare_pci_pages_describe(void *opaque, void *region,
                                 DmashareMemory *mem)
{
    DmashareState *s = opaque;
    MemoryRegion *mr = region ? region : s->local;
    RAMBlock *block = mr->ram_block;

    memset(mem, 0, sizeof(*mem));
    mem->region = region;
    mem->name = memory_region_name(mr);
    mem->guest = guest_memory(mr);
    mem->page_size = qemu_ram_pagesize(block);
    mem->start = block->fd_offset;
    /* What is mapped privately is not what others would find in the file. */
    mem->fd = qemu_ram_is_shared(block) ? qemu_ram_get_fd(block) : -1;
    mem->seals = mem->fd >= 0 ? dmashare_seals(mem->fd) : 0;
    if (region) {
        memory_region_ref(mr);
    }
}

void dmashare_pci_pages_put(void *opaque, DmashareMemory *mem)
{
    if (mem->region) {
        memory_region_unref(mem->region);
    }
}

/*
 * Punching a hole into a file leaves a page where it is, and fills it with
 * zeros, if it is a part of a larger one that somebody has pinned: as our
 * dma-buf does. Only if the file has a hole there now it is another page.
 */
static bool is_hole(int fd, uint64_t offset, uint64_t len)
{
#ifdef SEEK_DATA
    off_t data = lseek(fd, offset, SEEK_DATA);

    return data < 0 ? errno == ENXIO : data >= offset + len;
#else
    return false;
#endif
}

bool dmashare_pci_pages_discard(void *opaque, const DmashareMemory *mem,
                                uint64_t offset, uint64_t len)
{
    DmashareState *s = opaque;
    MemoryRegion *mr = mem->region;
    RAMBlock *block = mr->ram_block;
    uint64_t at = offset - mem->start;

    if (s->discards_fail || ram_block_discard_is_disabled()) {
        return false;
    }
    if (ram_block_discard_range(block, at, len)) {
        /* Locked memory, for one: one attempt shows it, and says so. */
        s->discards_fail = true;
        return false;
    }
    /* Whoever watches these pages hears of it as of any DMA. */
    memory_region_ref(mr);
    address_space_unmap(&address_space_memory, block->host + at, len, true,
                        len);
    return is_hole(mem->fd, offset, len);
}

/* What the properties permit, and whether the host can do it. */
bool dmashare_pci_pages_realize(DmashareState *s, Error **errp)
{
    DmasharePageHost *host = &s->core.page_host;
    Error *err = NULL;

    host->writable = s->share_writable;
    host->guest_memory = s->share_guest_memory;
    host->only_udmabuf = s->share_udmabuf == ON_OFF_AUTO_ON;
    if (!s->share || s->share_udmabuf == ON_OFF_AUTO_OFF ||
        dmashare_udmabuf_open(&host->udmabuf, &err)) {
        return true;
    }
    if (host->only_udmabuf) {
        error_propagate_prepend(errp, err, "dmashare: property "
                                "'share-udmabuf': ");
        return false;
    }
    error_free(err);
    return true;
}

void dmashare_pci_pages_unrealize(DmashareState *s)
{
    dmashare_udmabuf_close(&s->core.page_host.udmabuf);
}
