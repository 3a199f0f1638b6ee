// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: local memory as the PCI face has it
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "system/dma.h"
#include "hw/dmashare/pci.h"

/*
 * Memory of our own costs the host what was touched of it, swap space
 * included; where the host insists on reserving it all, so be it.
 */
static bool local_anonymous(DmashareState *s, Error **errp)
{
    if (!memory_region_init_ram_flags_nomigrate(&s->own_local, OBJECT(s),
                                                "dmashare-local",
                                                s->config.local_size,
                                                RAM_NORESERVE, NULL) &&
        !memory_region_init_ram_nomigrate(&s->own_local, OBJECT(s),
                                          "dmashare-local",
                                          s->config.local_size, errp)) {
        return false;
    }
    return true;
}

/*
 * Memory that can be shared is a file that stays as it is, whoever else has it;
 * and that others cannot write, unless they may. The seal against that spares
 * the mapping that we have already.
 */
static bool local_file(DmashareState *s, Error **errp)
{
    int seals = F_SEAL_SEAL | (s->share_writable ? 0 : F_SEAL_FUTURE_WRITE);
    uint64_t size = s->config.local_size;
    int fd = qemu_memfd_create("dmashare-local", size, false, 0,
                               F_SEAL_SHRINK | F_SEAL_GROW, errp);

    if (fd < 0) {
        return false;
    }
    if (!memory_region_init_ram_from_fd(&s->own_local, OBJECT(s),
                                        "dmashare-local", size,
                                        RAM_SHARED | RAM_NORESERVE, fd, 0,
                                        errp)) {
        close(fd);
        return false;
    }
    if (fcntl(fd, F_ADD_SEALS, seals)) {
        error_setg_errno(errp, errno, "cannot seal the memory file");
        /* The descriptor goes with it. */
        object_unparent(OBJECT(&s->own_local));
        return false;
    }
    return true;
}

static bool local_own(DmashareState *s, Error **errp)
{
    if (!(s->share ? local_file(s, errp) : local_anonymous(s, errp))) {
        error_prepend(errp, "dmashare: property 'local-size': ");
        return false;
    }
    s->local = &s->own_local;
    return true;
}

static bool local_backend(DmashareState *s, Error **errp)
{
    const char *id = object_get_canonical_path_component(OBJECT(s->memdev));
    MemoryRegion *mr = host_memory_backend_get_memory(s->memdev);
    uint64_t size;

    if (host_memory_backend_is_mapped(s->memdev)) {
        error_setg(errp, "dmashare: property 'local-memdev': memory backend "
                   "'%s' is in use", id);
        return false;
    }
    if (memory_region_is_rom(mr)) {
        error_setg(errp, "dmashare: property 'local-memdev': memory backend "
                   "'%s' cannot be written", id);
        return false;
    }
    size = memory_region_size(mr);
    if (!is_power_of_2(size) || size < DMASHARE_LOCAL_SIZE_MIN ||
        size > DMASHARE_LOCAL_SIZE_MAX) {
        error_setg(errp, "dmashare: property 'local-memdev': memory backend "
                   "'%s' has %" PRIu64 " bytes; permitted are powers of two "
                   "from %" PRIu64 " to %" PRIu64, id, size,
                   (uint64_t)DMASHARE_LOCAL_SIZE_MIN,
                   (uint64_t)DMASHARE_LOCAL_SIZE_MAX);
        return false;
    }
    host_memory_backend_set_mapped(s->memdev, true);
    s->local = mr;
    return true;
}

/* Local memory, if there is to be some. */
bool dmashare_pci_local_realize(DmashareState *s, Error **errp)
{
    s->local = NULL;
    if (s->memdev && s->config.local_size) {
        error_setg(errp, "dmashare: give property 'local-size' or "
                   "'local-memdev', not both");
        return false;
    }
    return s->memdev ? local_backend(s, errp)
                     : !s->config.local_size || local_own(s, errp);
}

/*
 * Single pages can be given back to the host. Huge pages it may not have
 * again when they are wanted, a file that was mapped privately would be
 * changed, and in one that is sealed against writing nobody can make holes.
 */
static bool local_discardable(DmashareState *s)
{
    RAMBlock *block = s->local->ram_block;
    int fd = qemu_ram_get_fd(block);

    if (qemu_ram_pagesize(block) != qemu_real_host_page_size()) {
        return false;
    }
    if (fd < 0) {
        return true;
    }
    return qemu_ram_is_shared(block) &&
           !(dmashare_seals(fd) & DMASHARE_SEALS_WRITE);
}

void dmashare_pci_local_describe(DmashareState *s, DmashareLocal *local)
{
    memset(local, 0, sizeof(*local));
    if (s->local) {
        local->host = memory_region_get_ram_ptr(s->local);
        local->size = memory_region_size(s->local);
        local->granule = local_discardable(s) ? qemu_real_host_page_size() : 0;
    }
}

void dmashare_pci_local_unrealize(DmashareState *s)
{
    if (s->memdev && s->local) {
        host_memory_backend_set_mapped(s->memdev, false);
    }
}

/*
 * Whoever watches the BAR's pages, the translator of what a CPU runs there
 * included, hears of what the engines did to them as of any other DMA.
 */
void dmashare_pci_local_written(void *opaque, uint64_t offset, uint64_t len)
{
    DmashareState *s = opaque;
    uint8_t *host = memory_region_get_ram_ptr(s->local);

    memory_region_ref(s->local);
    dma_memory_unmap(pci_get_address_space(PCI_DEVICE(s)), host + offset, len,
                     DMA_DIRECTION_FROM_DEVICE, len);
}

bool dmashare_pci_local_discard(void *opaque, uint64_t offset, uint64_t len)
{
    DmashareState *s = opaque;

    return !ram_block_discard_is_disabled() &&
           !ram_block_discard_range(s->local->ram_block, offset, len);
}
