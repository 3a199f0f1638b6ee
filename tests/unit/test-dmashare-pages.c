/*
 * dmashare: pages that can be passed, without a device around them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "standard-headers/linux/udmabuf.h"
#include "hw/dmashare/pages.h"
#include "dmashare-world.h"

#define PAGE            DMASHARE_PAGE
#define BUFFER_PAGES    8
#define BUFFER_SIZE     (BUFFER_PAGES * PAGE)

/* Pieces of memory are one beside the other on the bus, as far as they go. */
#define PIECES          20
#define PIECE_PAGES     32
#define PIECE_SIZE      (PIECE_PAGES * PAGE)
#define PIECE(n)        (WORLD_BASE + (n) * PIECE_SIZE)
/* Where in its file each begins. */
#define START           (3 * PAGE)

#define SEALED          (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/**
 * Piece: a piece of memory with a file
 * @mem: what the bus says of it
 * @bytes: mapped
 * @refs: that were not put back
 */
typedef struct Piece {
    DmashareMemory mem;
    uint8_t *bytes;
    unsigned refs;
} Piece;

/**
 * Host: memory files, and a kernel that makes dma-bufs
 * @grain: the IOMMU translates so many bytes at a time
 * @local: which piece local memory is
 * @asked: for dma-bufs, so often
 * @slow: it takes its time
 * @made: dma-bufs, so far
 * @list: of the last one
 * @count: of that
 * @error: errno, if none can be made
 * @wrong: bytes that a dma-buf has more than were asked for
 * @limits: how often they were read
 * @raised: what they are found to be then
 * @discarded: bytes, so far
 * @discards: calls that succeed
 */
typedef struct Host {
    World *w;
    Piece piece[PIECES];
    uint64_t grain;
    unsigned local;
    DmashareBus bus;
    DmasharePageHost host;
    unsigned asked;
    bool slow;
    unsigned made;
    struct udmabuf_create_item list[BUFFER_PAGES];
    uint32_t count;
    int error;
    uint64_t wrong;
    unsigned limits;
    uint64_t raised;
    uint64_t discarded;
    unsigned discards;
} Host;

static Piece *piece_at(Host *h, uint64_t addr)
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

/* A kernel that would make dma-bufs, and permits what there is here. */
static void host_udmabuf(Host *h)
{
    h->host.udmabuf.ops = &kernel_ops;
    h->host.udmabuf.fd = 0;
    h->host.udmabuf.max_items = BUFFER_PAGES;
    h->host.udmabuf.max_size = BUFFER_SIZE;
    h->raised = BUFFER_PAGES;
}

static void piece_init(Piece *piece, unsigned number, int seals)
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

static void piece_free(Piece *piece)
{
    g_assert_cmpuint(piece->refs, ==, 0);
    munmap(piece->bytes, PIECE_SIZE);
    close(piece->mem.fd);
}

/* A host that may pass memory of the guest, has no dma-bufs, and can write. */
static Host *host_new_sized(uint64_t size)
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

static Host *host_new(void)
{
    return host_new_sized(BUFFER_SIZE);
}

static void host_free(Host *h)
{
    g_assert_cmpuint(h->host.total_ranges, ==, 0);
    for (unsigned i = 0; i < PIECES; i++) {
        piece_free(&h->piece[i]);
    }
    world_free(h->w);
    g_free(h);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DmasharePages, dmashare_pages_unref)

/* Map the buffer in single pages at these addresses. */
static DmashareMapping *map_pages(Host *h, uint32_t placement,
                                  const uint64_t addr[BUFFER_PAGES])
{
    DmashareMapping *map;

    g_assert_cmphex(world_map_begin(h->w, WORLD_MAPPING,
                                    DMASHARE_DIR_BIDIRECTIONAL, placement,
                                    BUFFER_PAGES, &map),
                    ==, DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        g_assert_cmphex(dmashare_mapping_add(&h->w->maps, map, addr[i], PAGE),
                        ==, DMASHARE_STATUS_OK);
    }
    world_map_commit(h->w, map);
    return map;
}

static DmashareMapping *map_at(Host *h, uint64_t addr)
{
    return world_map(h->w, WORLD_MAPPING, DMASHARE_DIR_BIDIRECTIONAL,
                     DMASHARE_PLACEMENT_SYSTEM, addr);
}

static void unmap(Host *h, DmashareMapping *map)
{
    DmashareMapping *ended;

    g_assert_cmphex(dmashare_mapping_end(&h->w->maps, map->id, true, &ended),
                    ==, DMASHARE_STATUS_OK);
    dmashare_mapping_finish(&h->w->maps, ended);
}

/* SHARE, all of it. The mapping is gone afterwards. */
static uint16_t share(Host *h, DmashareMapping *map, bool write,
                      DmasharePages **pages)
{
    uint16_t status = dmashare_pages_begin(&h->host, map, write, pages);
    int64_t budget = INT64_MAX;
    uint64_t addr;

    if (!status) {
        g_assert_true(dmashare_pages_step(*pages, &budget, &status, &addr));
    }
    unmap(h, map);
    return status;
}

/* The bytes that a client finds: by the descriptors and nothing else. */
static void client_map(DmasharePages *pages, bool write,
                       uint8_t *view[BUFFER_PAGES])
{
    uint32_t n = dmashare_pages_n_ranges(pages), at = 0;
    g_autofree struct dmashare_range *list = NULL;
    bool enforced;
    int fd, list_fd;

    fd = dmashare_pages_fd(pages, write, &enforced, &error_abort);
    g_assert_cmpint(fd, >=, 0);
    list = g_new(struct dmashare_range, n);
    list_fd = dmashare_pages_ranges_fd(pages, &error_abort);
    if (n == 1) {
        g_assert_cmpint(list_fd, ==, -1);
        list[0].offset = cpu_to_le64(dmashare_pages_offset(pages));
        list[0].length = cpu_to_le64(BUFFER_SIZE);
    } else {
        g_assert_cmpint(pread(list_fd, list, n * sizeof(*list) + 1, 0), ==,
                        n * sizeof(*list));
        g_assert_cmpuint(le64_to_cpu(list[0].offset), ==,
                         dmashare_pages_offset(pages));
        close(list_fd);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t len = le64_to_cpu(list[i].length);
        uint8_t *bytes = mmap(NULL, len, PROT_READ | (write ? PROT_WRITE : 0),
                              MAP_SHARED, fd, le64_to_cpu(list[i].offset));

        g_assert_true(bytes != MAP_FAILED);
        for (uint64_t done = 0; done < len; done += PAGE) {
            g_assert_cmpuint(at, <, BUFFER_PAGES);
            view[at++] = bytes + done;
        }
    }
    g_assert_cmpuint(at, ==, BUFFER_PAGES);
    close(fd);
}

static void client_unmap(uint8_t *view[BUFFER_PAGES])
{
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        munmap(view[i], PAGE);
    }
}

/* What is seen there is what is at these addresses, and both ways. */
static void check_bytes(Host *h, DmasharePages *pages, bool write,
                        const uint64_t addr[BUFFER_PAGES])
{
    uint8_t *view[BUFFER_PAGES];

    client_map(pages, write, view);
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        uint8_t *bytes = piece_at(h, addr[i])->bytes +
                         (addr[i] - WORLD_BASE) % PIECE_SIZE;

        g_assert_cmpmem(view[i], PAGE, bytes, PAGE);
        bytes[i + 11] ^= 0xff;
        g_assert_cmphex(view[i][i + 11], ==, bytes[i + 11]);
        if (write) {
            view[i][i + 12] ^= 0xff;
            g_assert_cmphex(view[i][i + 12], ==, bytes[i + 12]);
        }
    }
    client_unmap(view);
}

/* Pages in a row are one range, whatever the list and the IOMMU make of it. */
static void test_merged(void)
{
    g_autoptr(Host) h = host_new();
    uint64_t addr[BUFFER_PAGES];

    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(0) + (5 + i) * PAGE;
    }
    for (unsigned i = 0; i < 4; i++) {
        g_autoptr(DmasharePages) pages = NULL;
        DmashareMapping *map;

        h->grain = i & 1 ? PAGE : UINT64_MAX;
        map = i & 2 ? map_pages(h, DMASHARE_PLACEMENT_SYSTEM, addr)
                    : map_at(h, addr[0]);
        g_assert_cmphex(share(h, map, true, &pages), ==, DMASHARE_STATUS_OK);
        g_assert_cmpuint(pages->path, ==, DMASHARE_PATH_GUEST);
        g_assert_cmpuint(dmashare_pages_n_ranges(pages), ==, 1);
        g_assert_cmpuint(dmashare_pages_offset(pages), ==, START + 5 * PAGE);
        g_assert_cmpuint(h->host.total_ranges, ==, 1);
        check_bytes(h, pages, true, addr);
    }
}

/* Scattered pages, one of them twice, as a list. */
static void test_scattered(void)
{
    static const unsigned page[BUFFER_PAGES] = { 9, 2, 3, 4, 30, 1, 9, 10 };
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    uint64_t addr[BUFFER_PAGES];
    g_autofree char *path = NULL;
    struct stat st[2];
    int fd, again;

    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(0) + page[i] * PAGE;
    }
    g_assert_cmphex(share(h, map_pages(h, DMASHARE_PLACEMENT_SYSTEM, addr),
                          false, &pages), ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(dmashare_pages_n_ranges(pages), ==, 5);
    g_assert_cmpuint(h->host.total_ranges, ==, 5);
    check_bytes(h, pages, false, addr);

    /* it is the same one each time, and nobody can make it another one */
    fd = dmashare_pages_ranges_fd(pages, &error_abort);
    g_assert_cmpint(fstat(fd, &st[0]), ==, 0);
    close(fd);
    fd = dmashare_pages_ranges_fd(pages, &error_abort);
    g_assert_cmpint(fstat(fd, &st[1]), ==, 0);
    g_assert_cmpuint(st[0].st_ino, ==, st[1].st_ino);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 0);
    g_assert_cmpint(dmashare_seals(fd), ==, SEALED | F_SEAL_WRITE);
    path = g_strdup_printf("/proc/self/fd/%d", fd);
    again = open(path, O_RDWR);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(pwrite(again, &addr, 1, 0), ==, -1);
    g_assert_cmpint(errno, ==, EPERM);
    g_assert_cmpint(ftruncate(again, 0), ==, -1);
    close(again);
    close(fd);
}

/* Local memory has its own path, in which no IOMMU has a part. */
static void test_local(void)
{
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    uint64_t addr[BUFFER_PAGES];
    DmashareMapping *map;

    h->host.guest_memory = false;
    host_udmabuf(h);
    map = world_map(h->w, WORLD_MAPPING, DMASHARE_DIR_TO_DEVICE,
                    DMASHARE_PLACEMENT_LOCAL, 7 * PAGE);
    g_assert_cmphex(share(h, map, true, &pages), ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(pages->path, ==, DMASHARE_PATH_LOCAL);
    g_assert_cmpuint(dmashare_pages_n_ranges(pages), ==, 1);
    g_assert_cmpuint(dmashare_pages_offset(pages), ==, START + 7 * PAGE);
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(h->local) + (7 + i) * PAGE;
    }
    check_bytes(h, pages, true, addr);
    g_assert_cmpuint(h->made, ==, 0);
}

/* A descriptor for reading cannot be written, and says how far that goes. */
static void test_read_only(void)
{
    for (unsigned sealed = 0; sealed < 2; sealed++) {
        g_autoptr(Host) h = host_new();
        g_autoptr(DmasharePages) pages = NULL;
        g_autofree char *path = NULL;
        bool enforced;
        int fd, again;

        if (sealed) {
            piece_free(&h->piece[0]);
            piece_init(&h->piece[0], 0, SEALED | F_SEAL_FUTURE_WRITE);
        }
        g_assert_cmphex(share(h, map_at(h, PIECE(0)), false, &pages), ==,
                        DMASHARE_STATUS_OK);
        fd = dmashare_pages_fd(pages, false, &enforced, &error_abort);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
        g_assert_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                           START) == MAP_FAILED);
        g_assert_cmpint(errno, ==, EACCES);
        g_assert_cmpint(pwrite(fd, "x", 1, START), ==, -1);
        g_assert_cmpint(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
                                  FALLOC_FL_KEEP_SIZE, START, PAGE), ==, -1);
        g_assert_cmpint(enforced, ==, sealed);

        /* which is as far as it really goes */
        path = g_strdup_printf("/proc/self/fd/%d", fd);
        again = open(path, O_RDWR);
        g_assert_cmpint(again, >=, 0);
        g_assert_cmpint(pwrite(again, "x", 1, START), ==, sealed ? -1 : 1);
        g_assert_cmpint(ftruncate(again, PAGE), ==, -1);
        close(again);
        close(fd);
    }
}

/* Every reason for a refusal that can be seen in the end or on the way. */
static void test_refused(void)
{
    static const struct {
        const char *name;
        uint64_t addr;
        int seals;              /* of the first piece */
        bool no_file, no_guest, huge;
        bool read_only, no_memory, only_udmabuf, imported;
        bool write, sealed_file, udmabuf;
        uint16_t status;
        bool told;
    } cases[] = {
        { "fine", PIECE(0), SEALED, .write = true },
        { "unaligned", PIECE(0) + 1, SEALED,
          .status = DMASHARE_STATUS_BAD_SEGMENT },
        { "half a page", PIECE(0) + PAGE / 2, SEALED,
          .status = DMASHARE_STATUS_BAD_SEGMENT },
        { "nobody answers", PIECE(PIECES), SEALED,
          .status = DMASHARE_STATUS_FAULT_TRANSLATION },
        { "runs out", PIECE(PIECES - 1) - PAGE, SEALED,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "no file", PIECE(0), SEALED, .no_file = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "no file, for a dma-buf", PIECE(0), SEALED, .no_file = true,
          .udmabuf = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "a BAR", PIECE(0), SEALED, .no_guest = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "a BAR, for a dma-buf", PIECE(0), SEALED, .no_guest = true,
          .udmabuf = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "no seals", PIECE(0), 0,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "may shrink", PIECE(0), F_SEAL_GROW | F_SEAL_SEAL,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "may be sealed", PIECE(0), F_SEAL_SHRINK,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "may be sealed by nobody", PIECE(0), F_SEAL_SHRINK,
          .udmabuf = true },
        { "read-only", PIECE(0), SEALED, .read_only = true, .write = true,
          .status = DMASHARE_STATUS_READ_ONLY },
        { "read-only, and read", PIECE(0), SEALED, .read_only = true },
        { "huge, written", PIECE(0), SEALED, .huge = true, .write = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "huge, read", PIECE(0), SEALED, .huge = true },
        { "memory not permitted", PIECE(0), SEALED, .no_memory = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "a dma-buf, or nothing", PIECE(0), SEALED, .only_udmabuf = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "a dma-buf", PIECE(0), SEALED, .only_udmabuf = true,
          .no_memory = true, .udmabuf = true, .write = true },
        { "imported", PIECE(0), SEALED, .imported = true, .udmabuf = true,
          .status = DMASHARE_STATUS_NOT_SHAREABLE },
        { "two files", PIECE(1) - PAGE, SEALED,
          .status = DMASHARE_STATUS_NOT_SHAREABLE, .told = true },
        { "two files in a dma-buf", PIECE(1) - PAGE, SEALED,
          .udmabuf = true },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(Host) h = host_new();
        g_autoptr(DmasharePages) pages = NULL;
        DmashareMemory *mem = &h->piece[0].mem;
        DmashareMapping *map;
        int fd = mem->fd;
        uint16_t status;

        g_test_message("%s", cases[i].name);
        mem->seals = cases[i].seals;
        mem->guest = !cases[i].no_guest;
        if (cases[i].no_file) {
            mem->fd = -1;
            mem->seals = 0;
        }
        if (cases[i].huge) {
            mem->page_size = 2 * 1024 * 1024;
        }
        if (cases[i].udmabuf) {
            host_udmabuf(h);
        }
        h->host.writable = !cases[i].read_only;
        h->host.guest_memory = !cases[i].no_memory;
        h->host.only_udmabuf = cases[i].only_udmabuf;
        map = map_at(h, cases[i].addr);
        if (cases[i].imported) {
            map->buffer->flags |= DMASHARE_BUFFER_F_IMPORTED;
        }
        status = share(h, map, cases[i].write, &pages);
        g_assert_cmphex(status, ==, cases[i].status);
        g_assert_cmpint(h->host.warned != 0, ==, cases[i].told);
        if (!status) {
            g_assert_cmpuint(pages->path, ==,
                             cases[i].udmabuf ? DMASHARE_PATH_UDMABUF
                                              : DMASHARE_PATH_GUEST);
        }
        mem->fd = fd;
    }
}

/* Local memory that is no sealed file, and what has no pages of its own. */
static void test_refused_local(void)
{
    g_autoptr(Host) h = host_new();
    DmashareMemory *mem = &h->piece[h->local].mem;
    int fd = mem->fd;

    for (unsigned i = 0; i < 3; i++) {
        g_autoptr(DmasharePages) pages = NULL;

        mem->fd = i == 1 ? -1 : fd;
        mem->seals = i == 2 ? F_SEAL_SHRINK : 0;
        h->host.warned = 0;
        g_assert_cmphex(share(h, world_map(h->w, WORLD_MAPPING,
                                           DMASHARE_DIR_BIDIRECTIONAL,
                                           DMASHARE_PLACEMENT_LOCAL, 0),
                              false, &pages),
                        ==, DMASHARE_STATUS_NOT_SHAREABLE);
        g_assert_cmpuint(h->host.warned, !=, 0);
    }
    mem->fd = fd;
}

/* The address of a fault is that of the page where it was. */
static void test_fault(void)
{
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    int64_t budget = INT64_MAX;
    DmashareMapping *map;
    uint16_t status;
    uint64_t addr;

    h->piece[PIECES - 1].mem.guest = true;
    map = map_at(h, PIECE(PIECES) - 3 * PAGE);
    g_assert_cmphex(dmashare_pages_begin(&h->host, map, false, &pages), ==,
                    DMASHARE_STATUS_OK);
    g_assert_true(dmashare_pages_step(pages, &budget, &status, &addr));
    g_assert_cmphex(status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(addr, ==, PIECE(PIECES));
    unmap(h, map);
}

/* One step is as long as the budget; none is too short to get on. */
static void test_steps(void)
{
    g_autoptr(Host) h = host_new();
    unsigned steps = 0;

    h->grain = PAGE;
    for (unsigned give_up = 0; give_up < 2; give_up++) {
        g_autoptr(DmasharePages) pages = NULL;
        DmashareMapping *map = map_at(h, PIECE(2));
        uint16_t status;
        uint64_t addr;
        int64_t budget;

        g_assert_cmphex(dmashare_pages_begin(&h->host, map, false, &pages),
                        ==, DMASHARE_STATUS_OK);
        do {
            budget = 1;
            steps++;
        } while (!dmashare_pages_step(pages, &budget, &status, &addr) &&
                 !(give_up && steps == BUFFER_PAGES + 2));
        if (!give_up) {
            g_assert_cmpuint(steps, ==, BUFFER_PAGES);
            g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
        }
        /* given up in the middle, or shared: the mapping may go */
        unmap(h, map);
    }
}

/* The mapping died while its pages were looked for. */
static void test_dead(void)
{
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    DmashareMapping *map = map_at(h, PIECE(2));
    int64_t budget = 1;
    uint16_t status;
    uint64_t addr;

    h->grain = PAGE;
    g_assert_cmphex(dmashare_pages_begin(&h->host, map, false, &pages), ==,
                    DMASHARE_STATUS_OK);
    g_assert_false(dmashare_pages_step(pages, &budget, &status, &addr));
    unmap(h, map);
    budget = 1;
    g_assert_true(dmashare_pages_step(pages, &budget, &status, &addr));
    g_assert_cmphex(status, ==, DMASHARE_STATUS_BAD_ID);
}

/* What all ranges together may take. */
static void test_limits(void)
{
    static const uint64_t others[] = {
        DMASHARE_MAX_TOTAL_RANGES, DMASHARE_MAX_TOTAL_RANGES - 3,
        DMASHARE_MAX_TOTAL_RANGES - BUFFER_PAGES,
    };
    g_autoptr(Host) h = host_new();
    uint64_t addr[BUFFER_PAGES];

    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(1) + i * 2 * PAGE;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        DmasharePages *pages;
        bool fits = i == ARRAY_SIZE(others) - 1;

        h->host.total_ranges = others[i];
        g_assert_cmphex(share(h, map_pages(h, DMASHARE_PLACEMENT_SYSTEM,
                                           addr), false, &pages), ==,
                        fits ? DMASHARE_STATUS_OK : DMASHARE_STATUS_LIMIT);
        g_assert_cmpuint(h->host.total_ranges, <=, DMASHARE_MAX_TOTAL_RANGES);
        dmashare_pages_unref(pages);
        g_assert_cmpuint(h->host.total_ranges, ==, others[i]);
    }
    h->host.total_ranges = 0;
}

/* In as many files as can be, and in one more. */
static void test_files(void)
{
    for (unsigned n = DMASHARE_MAX_FILES; n <= DMASHARE_MAX_FILES + 1; n++) {
        g_autoptr(Host) h = host_new_sized(n * PAGE);
        g_autoptr(DmasharePages) pages = NULL;
        bool fits = n == DMASHARE_MAX_FILES;
        DmashareMapping *map;

        host_udmabuf(h);
        h->host.udmabuf.max_items = n;
        h->host.udmabuf.max_size = n * PAGE;
        g_assert_cmphex(world_map_begin(h->w, WORLD_MAPPING,
                                        DMASHARE_DIR_BIDIRECTIONAL,
                                        DMASHARE_PLACEMENT_SYSTEM, n, &map),
                        ==, DMASHARE_STATUS_OK);
        for (unsigned i = 0; i < n; i++) {
            g_assert_cmphex(dmashare_mapping_add(&h->w->maps, map, PIECE(i),
                                                 PAGE),
                            ==, DMASHARE_STATUS_OK);
        }
        world_map_commit(h->w, map);
        g_assert_cmphex(share(h, map, false, &pages), ==, fits ?
                        DMASHARE_STATUS_OK : DMASHARE_STATUS_NOT_SHAREABLE);
        g_assert_cmpint(h->host.warned != 0, ==, !fits);
    }
}

/* A dma-buf of these pages, asked for once and passed as often as need be. */
static void test_udmabuf(void)
{
    static const unsigned page[BUFFER_PAGES] = { 9, 2, 3, 4, 30, 1, 9, 10 };
    static const struct {
        unsigned page, n;
    } runs[] = { { 9, 1 }, { 2, 3 }, { 30, 1 }, { 1, 1 }, { 9, 2 } };
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    uint64_t addr[BUFFER_PAGES];
    bool enforced = true;
    struct stat st[2];
    int fd[2];

    host_udmabuf(h);
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(i < 4 ? 3 : 4) + page[i] * PAGE;
    }
    g_assert_cmphex(share(h, map_pages(h, DMASHARE_PLACEMENT_SYSTEM, addr),
                          true, &pages), ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(pages->path, ==, DMASHARE_PATH_UDMABUF);
    g_assert_cmpuint(dmashare_pages_n_ranges(pages), ==, 1);
    g_assert_cmpuint(dmashare_pages_offset(pages), ==, 0);
    g_assert_cmpint(dmashare_pages_ranges_fd(pages, &error_abort), ==, -1);
    g_assert_cmpuint(h->made, ==, 0);

    for (unsigned i = 0; i < 2; i++) {
        fd[i] = dmashare_pages_fd(pages, i, &enforced, &error_abort);
        g_assert_cmpint(fd[i], >=, 0);
        g_assert_cmpint(fcntl(fd[i], F_GETFD), ==, FD_CLOEXEC);
        g_assert_cmpint(fstat(fd[i], &st[i]), ==, 0);
        /* the kernel makes none that are read-only */
        g_assert_false(enforced);
    }
    g_assert_cmpuint(h->made, ==, 1);
    g_assert_cmpint(fd[0], !=, fd[1]);
    g_assert_cmpuint(st[0].st_ino, ==, st[1].st_ino);
    g_assert_cmpuint(h->count, ==, ARRAY_SIZE(runs));
    for (unsigned i = 0; i < ARRAY_SIZE(runs); i++) {
        g_assert_cmpint(h->list[i].memfd, ==,
                        h->piece[i < 2 ? 3 : 4].mem.fd);
        g_assert_cmphex(h->list[i].offset, ==, START + runs[i].page * PAGE);
        g_assert_cmphex(h->list[i].size, ==, runs[i].n * PAGE);
        g_assert_cmpuint(h->list[i].__pad, ==, 0);
    }
    close(fd[0]);
    close(fd[1]);
}

/* What the kernel says is passed on; what it makes is looked at. */
static void test_udmabuf_fails(void)
{
    static const struct {
        int error;
        uint64_t wrong;
        int expected;
    } cases[] = {
        { EINVAL, 0, -EINVAL }, { ENOMEM, 0, -ENOMEM },
        { 0, PAGE, -EIO }, { 0, (uint64_t)-PAGE, -EIO }, { EINVAL, 0, -EINVAL },
    };
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    bool enforced;
    int fd;

    host_udmabuf(h);
    g_assert_cmphex(share(h, map_at(h, PIECE(0)), true, &pages), ==,
                    DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        h->error = cases[i].error;
        h->wrong = cases[i].wrong;
        h->asked = 0;
        h->slow = i & 1;
        pages->again = 0;
        /* who asks again and again is told the same, but not at any price */
        for (unsigned j = 0; j < 5; j++) {
            Error *err = NULL;

            g_assert_cmpint(dmashare_pages_fd(pages, true, &enforced, &err),
                            ==, cases[i].expected);
            g_assert_nonnull(err);
            error_free(err);
        }
        g_assert_cmpuint(h->asked, ==, h->slow ? 1 : 5);
    }
    /* it may be better the next time */
    h->error = 0;
    h->wrong = 0;
    pages->again = 0;
    fd = dmashare_pages_fd(pages, true, &enforced, &error_abort);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

/* What the kernel would refuse goes another way, if there is one. */
static void test_udmabuf_limits(void)
{
    for (unsigned i = 0; i < 8; i++) {
        g_autoptr(Host) h = host_new();
        g_autoptr(DmasharePages) pages = NULL;
        uint64_t addr[BUFFER_PAGES];
        bool raised = i & 1, memory = i & 2, size = i & 4;
        uint16_t status;

        for (unsigned j = 0; j < BUFFER_PAGES; j++) {
            addr[j] = PIECE(1) + j * 2 * PAGE;
        }
        host_udmabuf(h);
        if (size) {
            h->host.udmabuf.max_size = BUFFER_SIZE - PAGE;
        } else {
            h->host.udmabuf.max_items = BUFFER_PAGES - 1;
        }
        h->raised = raised ? BUFFER_PAGES : BUFFER_PAGES - 1;
        h->host.guest_memory = memory;
        status = share(h, map_pages(h, DMASHARE_PLACEMENT_SYSTEM, addr),
                       false, &pages);
        g_assert_cmpuint(h->limits, ==, 1);
        g_assert_cmphex(status, ==, raised || memory ? DMASHARE_STATUS_OK :
                        DMASHARE_STATUS_NOT_SHAREABLE);
        g_assert_cmpint(h->host.warned != 0, ==, !raised && !memory);
        if (!status) {
            g_assert_cmpuint(pages->path, ==,
                             raised ? DMASHARE_PATH_UDMABUF
                                    : DMASHARE_PATH_GUEST);
        }
    }
}

static void pass(DmasharePages *pages)
{
    bool enforced;
    int fd = dmashare_pages_fd(pages, false, &enforced, &error_abort);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

/* The guest's pages become others, all of them, or it is not said they had. */
static void test_discard(void)
{
    uint64_t addr[BUFFER_PAGES];

    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(1) + (i + i / 3) * PAGE;
    }
    for (unsigned i = 0; i < 6; i++) {
        g_autoptr(Host) h = host_new();
        g_autoptr(DmasharePages) pages = NULL;
        g_autofree uint8_t *before = NULL;
        bool passed = i != 1, can = i != 2, all = i != 3, huge = i == 4;
        bool sealed = i == 5, done = passed && can && all && !huge && !sealed;
        int64_t budget;
        unsigned steps = 1;

        host_udmabuf(h);
        h->discards = !can ? 0 : !all ? 2 : UINT_MAX;
        if (huge) {
            h->piece[1].mem.page_size = 2 * 1024 * 1024;
        }
        if (sealed) {
            h->piece[1].mem.seals |= F_SEAL_FUTURE_WRITE;
        }
        before = g_memdup2(h->piece[1].bytes, PIECE_SIZE);
        g_assert_cmphex(share(h, map_pages(h, DMASHARE_PLACEMENT_SYSTEM,
                                           addr), false, &pages), ==,
                        DMASHARE_STATUS_OK);
        if (passed) {
            pass(pages);
        }
        do {
            budget = 1;
        } while (!dmashare_pages_discard(pages, &budget) && ++steps);
        g_assert_cmpint(pages->cut, ==, done);
        g_assert_cmpuint(h->discarded, ==,
                         done ? BUFFER_SIZE : !all ? 6 * PAGE : 0);
        g_assert_cmpuint(steps, ==, done || !all ? 3 : 1);
        for (unsigned j = 0; done && j < BUFFER_PAGES; j++) {
            memset(before + addr[j] - PIECE(1), 0, PAGE);
        }
        if (done || !passed || !can) {
            g_assert_cmpmem(h->piece[1].bytes, PIECE_SIZE, before,
                            PIECE_SIZE);
        }
    }
}

/* Other paths lead to whatever is in the file: nothing would be cut off. */
static void test_discard_file(void)
{
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    int64_t budget = INT64_MAX;

    h->discards = UINT_MAX;
    g_assert_cmphex(share(h, map_at(h, PIECE(0)), false, &pages), ==,
                    DMASHARE_STATUS_OK);
    pass(pages);
    g_assert_true(dmashare_pages_discard(pages, &budget));
    g_assert_false(pages->cut);
    g_assert_cmpuint(h->discarded, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/pages/merged", test_merged);
    g_test_add_func("/dmashare/pages/scattered", test_scattered);
    g_test_add_func("/dmashare/pages/local", test_local);
    g_test_add_func("/dmashare/pages/read-only", test_read_only);
    g_test_add_func("/dmashare/pages/refused", test_refused);
    g_test_add_func("/dmashare/pages/refused-local", test_refused_local);
    g_test_add_func("/dmashare/pages/fault", test_fault);
    g_test_add_func("/dmashare/pages/steps", test_steps);
    g_test_add_func("/dmashare/pages/dead", test_dead);
    g_test_add_func("/dmashare/pages/limits", test_limits);
    g_test_add_func("/dmashare/pages/files", test_files);
    g_test_add_func("/dmashare/pages/udmabuf", test_udmabuf);
    g_test_add_func("/dmashare/pages/udmabuf-fails", test_udmabuf_fails);
    g_test_add_func("/dmashare/pages/udmabuf-limits", test_udmabuf_limits);
    g_test_add_func("/dmashare/pages/discard", test_discard);
    g_test_add_func("/dmashare/pages/discard-file", test_discard_file);
    return g_test_run();
}
