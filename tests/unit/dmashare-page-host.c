/*
 * dmashare: a host that has pages to pass, with memory files and no device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "dmashare-page-host.h"

Piece *piece_at(Host *h, uint64_t addr)
{
    uint64_t at = (addr - WORLD_BASE) / PIECE_SIZE;

    return addr >= WORLD_BASE && at < PIECES ? &h->piece[at] : NULL;
}

static uint16_t host_resolve(void *opaque, uint64_t addr, bool write,
                             void **region, uint64_t *offset, uint64_t *len)
{
    Host *h = opaque;
    Piece *piece = piece_at(h, addr);

    if (!piece) {
        return DMASHARE_STATUS_FAULT_TRANSLATION;
    }
    *region = piece;
    *offset = (addr - WORLD_BASE) % PIECE_SIZE;
    *len = MIN(*len, PIECE_SIZE - *offset);
    *len = MIN(*len, h->grain - addr % h->grain);
    return DMASHARE_STATUS_OK;
}

static void host_describe(void *opaque, void *region, DmashareMemory *mem)
{
    Host *h = opaque;
    Piece *piece = region ? region : &h->piece[h->local];

    piece->refs++;
    *mem = piece->mem;
    mem->region = region;
}

static void host_put(void *opaque, DmashareMemory *mem)
{
    Host *h = opaque;
    Piece *piece = mem->region ? mem->region : &h->piece[h->local];

    g_assert_cmpuint(piece->refs--, >, 0);
}

static bool host_discard(void *opaque, const DmashareMemory *mem,
                         uint64_t offset, uint64_t len)
{
    Host *h = opaque;
    const Piece *piece = mem->region;

    g_assert_cmpuint(offset % mem->page_size, ==, 0);
    g_assert_cmpuint(len % mem->page_size, ==, 0);
    g_assert_cmpuint(offset, >=, START);
    g_assert_cmpuint(offset - START + len, <=, PIECE_SIZE);
    if (!h->discards) {
        return false;
    }
    h->discards--;
    memset(piece->bytes + offset - START, 0, len);
    h->discarded += len;
    return true;
}

static const DmashareBusOps host_ops = {
    .resolve = host_resolve,
    .describe = host_describe,
    .put = host_put,
    .discard = host_discard,
};

/* What it makes has the right size, or not, and no pages. */
static int kernel_create(DmashareUdmabuf *udmabuf, DmashareUdmabufList *list)
{
    Host *h = container_of(udmabuf, Host, host.udmabuf);
    int64_t start = get_clock();
    uint64_t size = h->wrong;
    int fd;

    while (h->slow && get_clock() < start + 50 * SCALE_MS) {
        /* as a kernel that looks for memory */
    }
    h->asked++;
    g_assert_cmpuint(list->flags, ==, UDMABUF_FLAGS_CLOEXEC);
    g_assert_cmpuint(list->count, <=, ARRAY_SIZE(h->list));
    h->count = list->count;
    for (unsigned i = 0; i < list->count; i++) {
        h->list[i] = list->list[i];
        size += list->list[i].size;
    }
    if (h->error) {
        errno = h->error;
        return -1;
    }
    h->made++;
    fd = memfd_create("dma-buf", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    return fd;
}

static void kernel_limits(DmashareUdmabuf *udmabuf)
{
    Host *h = container_of(udmabuf, Host, host.udmabuf);

    h->limits++;
    udmabuf->max_items = h->raised;
    udmabuf->max_size = h->raised * PAGE;
}

static const DmashareUdmabufOps kernel_ops = {
    .create = kernel_create,
    .limits = kernel_limits,
};

void host_udmabuf(Host *h)
{
    h->host.udmabuf.ops = &kernel_ops;
    h->host.udmabuf.fd = 0;
    h->host.udmabuf.max_items = BUFFER_PAGES;
    h->host.udmabuf.max_size = BUFFER_SIZE;
    h->raised = BUFFER_PAGES;
}

void piece_init(Piece *piece, unsigned number, int seals)
{
    size_t size = START + PIECE_SIZE;
    int fd = memfd_create("piece", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    piece->bytes = mmap(NULL, PIECE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                        fd, START);
    g_assert_true(piece->bytes != MAP_FAILED);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, seals), ==, 0);
    for (unsigned i = 0; i < PIECE_SIZE; i++) {
        piece->bytes[i] = number * 31 + i / PAGE * 7 + i % 251 + 1;
    }
    piece->mem.fd = fd;
    piece->mem.seals = dmashare_seals(fd);
    piece->mem.start = START;
    piece->mem.page_size = qemu_real_host_page_size();
    piece->mem.guest = true;
    piece->mem.name = "piece";
}

void piece_free(Piece *piece)
{
    g_assert_cmpuint(piece->refs, ==, 0);
    munmap(piece->bytes, PIECE_SIZE);
    close(piece->mem.fd);
}

Host *host_new_sized(uint64_t size)
{
    Host *h = g_new0(Host, 1);

    h->w = world_new(&world_limits, size, 0);
    h->w->local.size = PIECE_SIZE;
    for (unsigned i = 0; i < PIECES; i++) {
        piece_init(&h->piece[i], i, SEALED);
    }
    h->piece[PIECES - 1].mem.guest = false;
    h->local = PIECES - 1;
    h->grain = UINT64_MAX;
    h->bus.ops = &host_ops;
    h->bus.opaque = h;
    h->bus.mask = UINT64_MAX;
    h->host.bus = &h->bus;
    h->host.writable = true;
    h->host.guest_memory = true;
    h->host.udmabuf.fd = -1;
    return h;
}

Host *host_new(void)
{
    return host_new_sized(BUFFER_SIZE);
}

void host_free(Host *h)
{
    g_assert_cmpuint(h->host.total_ranges, ==, 0);
    for (unsigned i = 0; i < PIECES; i++) {
        piece_free(&h->piece[i]);
    }
    world_free(h->w);
    g_free(h);
}

DmashareMapping *host_map_pages(Host *h, const uint64_t addr[BUFFER_PAGES])
{
    DmashareMapping *map;

    g_assert_cmphex(world_map_begin(h->w, WORLD_MAPPING,
                                    DMASHARE_DIR_BIDIRECTIONAL,
                                    DMASHARE_PLACEMENT_SYSTEM, BUFFER_PAGES,
                                    &map),
                    ==, DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        g_assert_cmphex(dmashare_mapping_add(&h->w->maps, map, addr[i], PAGE),
                        ==, DMASHARE_STATUS_OK);
    }
    world_map_commit(h->w, map);
    return map;
}

DmashareMapping *host_map(Host *h, uint64_t addr)
{
    return world_map(h->w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL,
                     DMASHARE_PLACEMENT_SYSTEM, addr);
}

void host_unmap(Host *h, DmashareMapping *map)
{
    DmashareMapping *ended;

    g_assert_cmphex(dmashare_mapping_end(&h->w->maps, map->id, true, &ended),
                    ==, DMASHARE_STATUS_OK);
    dmashare_mapping_finish(&h->w->maps, ended);
}

uint16_t host_share(Host *h, DmashareMapping *map, bool write,
                    DmasharePages **pages)
{
    uint16_t status = dmashare_pages_begin(&h->host, map, write, pages);
    int64_t budget = INT64_MAX;
    uint64_t addr;

    if (!status) {
        g_assert_true(dmashare_pages_step(*pages, &budget, &status, &addr));
    }
    host_unmap(h, map);
    return status;
}
