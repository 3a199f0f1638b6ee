/*
 * dmashare: the descriptors that pages are passed by, and their end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "dmashare-page-host.h"

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
        g_assert_cmphex(host_share(h, host_map(h, PIECE(0)), false, &pages), ==,
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
    g_assert_cmphex(host_share(h, host_map_pages(h, addr), true, &pages), ==,
                    DMASHARE_STATUS_OK);
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
    g_assert_cmphex(host_share(h, host_map(h, PIECE(0)), true, &pages), ==,
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
        status = host_share(h, host_map_pages(h, addr), false, &pages);
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
        g_assert_cmphex(host_share(h, host_map_pages(h, addr), false, &pages),
                        ==, DMASHARE_STATUS_OK);
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
    g_assert_cmphex(host_share(h, host_map(h, PIECE(0)), false, &pages), ==,
                    DMASHARE_STATUS_OK);
    pass(pages);
    g_assert_true(dmashare_pages_discard(pages, &budget));
    g_assert_false(pages->cut);
    g_assert_cmpuint(h->discarded, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/pages-fd/read-only", test_read_only);
    g_test_add_func("/dmashare/pages-fd/udmabuf", test_udmabuf);
    g_test_add_func("/dmashare/pages-fd/udmabuf-fails", test_udmabuf_fails);
    g_test_add_func("/dmashare/pages-fd/udmabuf-limits", test_udmabuf_limits);
    g_test_add_func("/dmashare/pages-fd/discard", test_discard);
    g_test_add_func("/dmashare/pages-fd/discard-file", test_discard_file);
    return g_test_run();
}
