/*
 * dmashare: which pages a mapping leads to, and whether they can be passed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "dmashare-page-host.h"

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
        map = i & 2 ? host_map_pages(h, addr) : host_map(h, addr[0]);
        g_assert_cmphex(host_share(h, map, true, &pages), ==,
                        DMASHARE_STATUS_OK);
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
    g_assert_cmphex(host_share(h, host_map_pages(h, addr), false, &pages), ==,
                    DMASHARE_STATUS_OK);
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
    g_assert_cmphex(host_share(h, map, true, &pages), ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(pages->path, ==, DMASHARE_PATH_LOCAL);
    g_assert_cmpuint(dmashare_pages_n_ranges(pages), ==, 1);
    g_assert_cmpuint(dmashare_pages_offset(pages), ==, START + 7 * PAGE);
    for (unsigned i = 0; i < BUFFER_PAGES; i++) {
        addr[i] = PIECE(h->local) + (7 + i) * PAGE;
    }
    check_bytes(h, pages, true, addr);
    g_assert_cmpuint(h->made, ==, 0);
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
        map = host_map(h, cases[i].addr);
        if (cases[i].imported) {
            map->buffer->flags |= DMASHARE_BUFFER_F_IMPORTED;
        }
        status = host_share(h, map, cases[i].write, &pages);
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
        g_assert_cmphex(host_share(h, world_map(h->w, WORLD_MAPPING,
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
    map = host_map(h, PIECE(PIECES) - 3 * PAGE);
    g_assert_cmphex(dmashare_pages_begin(&h->host, map, false, &pages), ==,
                    DMASHARE_STATUS_OK);
    g_assert_true(dmashare_pages_step(pages, &budget, &status, &addr));
    g_assert_cmphex(status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(addr, ==, PIECE(PIECES));
    host_unmap(h, map);
}

/* One step is as long as the budget; none is too short to get on. */
static void test_steps(void)
{
    g_autoptr(Host) h = host_new();
    unsigned steps = 0;

    h->grain = PAGE;
    for (unsigned give_up = 0; give_up < 2; give_up++) {
        g_autoptr(DmasharePages) pages = NULL;
        DmashareMapping *map = host_map(h, PIECE(2));
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
        host_unmap(h, map);
    }
}

/* The mapping died while its pages were looked for. */
static void test_dead(void)
{
    g_autoptr(Host) h = host_new();
    g_autoptr(DmasharePages) pages = NULL;
    DmashareMapping *map = host_map(h, PIECE(2));
    int64_t budget = 1;
    uint16_t status;
    uint64_t addr;

    h->grain = PAGE;
    g_assert_cmphex(dmashare_pages_begin(&h->host, map, false, &pages), ==,
                    DMASHARE_STATUS_OK);
    g_assert_false(dmashare_pages_step(pages, &budget, &status, &addr));
    host_unmap(h, map);
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
        g_assert_cmphex(host_share(h, host_map_pages(h, addr), false, &pages),
                        ==, fits ? DMASHARE_STATUS_OK : DMASHARE_STATUS_LIMIT);
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
        g_assert_cmphex(host_share(h, map, false, &pages), ==, fits ?
                        DMASHARE_STATUS_OK : DMASHARE_STATUS_NOT_SHAREABLE);
        g_assert_cmpint(h->host.warned != 0, ==, !fits);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/pages/merged", test_merged);
    g_test_add_func("/dmashare/pages/scattered", test_scattered);
    g_test_add_func("/dmashare/pages/local", test_local);
    g_test_add_func("/dmashare/pages/refused", test_refused);
    g_test_add_func("/dmashare/pages/refused-local", test_refused_local);
    g_test_add_func("/dmashare/pages/fault", test_fault);
    g_test_add_func("/dmashare/pages/steps", test_steps);
    g_test_add_func("/dmashare/pages/dead", test_dead);
    g_test_add_func("/dmashare/pages/limits", test_limits);
    g_test_add_func("/dmashare/pages/files", test_files);
    return g_test_run();
}
