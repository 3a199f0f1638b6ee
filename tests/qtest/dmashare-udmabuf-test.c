/*
 * dmashare: pages that are shared as dma-bufs of the host
 *
 * Needs /dev/udmabuf. Where there is none, scripts/nested runs this in a VM
 * that has it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/udmabuf.h>
#include "libqtest.h"

#define PAGE            4096
#define DEVICE          "/dev/udmabuf"

/*
 * What the kernel promises
 */

/* A memory file that a udmabuf can be made of, all pages different. */
static int kernel_file(uint64_t pages)
{
    int fd = memfd_create("dmashare-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    uint64_t i;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, pages * PAGE), ==, 0);
    for (i = 0; i < pages; i++) {
        g_assert_cmpint(pwrite(fd, &i, sizeof(i), i * PAGE), ==, sizeof(i));
    }
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), ==, 0);
    return fd;
}

/* A udmabuf of these pages of a memory file, or -1 and errno. */
static int kernel_udmabuf(int memfd, const uint64_t *page, unsigned n)
{
    g_autofree struct udmabuf_create_list *list = g_malloc0(
        sizeof(*list) + n * sizeof(list->list[0]));
    int device = open(DEVICE, O_RDWR | O_CLOEXEC);
    int fd, error;
    unsigned i;

    g_assert_cmpint(device, >=, 0);
    list->flags = UDMABUF_FLAGS_CLOEXEC;
    list->count = n;
    for (i = 0; i < n; i++) {
        list->list[i] = (struct udmabuf_create_item) {
            .memfd = memfd, .offset = page[i] * PAGE, .size = PAGE,
        };
    }
    fd = ioctl(device, UDMABUF_CREATE_LIST, list);
    error = errno;
    close(device);
    errno = error;
    return fd;
}

/* Nothing but its own pages can be reached through a dma-buf. */
static void assert_confined(int fd, uint64_t size, int prot)
{
    static const uint64_t beyond[] = { 0, PAGE, 16 * PAGE, 1ULL << 40 };
    uint8_t *map;
    size_t i;

    g_assert_cmpint(lseek(fd, 0, SEEK_END), ==, size);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    /* Longer than it is, or from behind its end on. */
    g_assert_true(mmap(NULL, size + PAGE, prot, MAP_SHARED, fd, 0) ==
                  MAP_FAILED);
    for (i = 0; i < ARRAY_SIZE(beyond); i++) {
        g_assert_true(mmap(NULL, PAGE, prot, MAP_SHARED, fd,
                           size + beyond[i]) == MAP_FAILED);
    }
    g_assert_true(mmap(NULL, 2 * PAGE, prot, MAP_SHARED, fd, size - PAGE) ==
                  MAP_FAILED);
    /* An offset that wraps around. */
    g_assert_true(mmap(NULL, 2 * PAGE, prot, MAP_SHARED, fd,
                       (off_t)(0ULL - PAGE)) == MAP_FAILED);
    /* Nor can it be made longer, or have another offset, later. */
    map = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
    g_assert_true(map != MAP_FAILED);
    g_assert_true(mremap(map, size, size + PAGE, MREMAP_MAYMOVE) ==
                  MAP_FAILED);
    g_assert_true(mremap(map + size - PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) ==
                  MAP_FAILED);
    g_assert_cmpint(ftruncate(fd, size + PAGE), ==, -1);
    g_assert_cmpint(munmap(map, size), ==, 0);
    /* Neither are there other ways in. */
    g_assert_cmpint(read(fd, &(char) { 0 }, 1), ==, -1);
    g_assert_cmpint(pread(fd, &(char) { 0 }, 1, size), ==, -1);
}

static void test_kernel_pages(void)
{
    static const uint64_t page[] = { 5, 2, 3, 9, 0 };
    int memfd = kernel_file(12);
    int fd = kernel_udmabuf(memfd, page, ARRAY_SIZE(page));
    uint64_t *map, value;
    size_t i;

    g_assert_cmpint(fd, >=, 0);
    map = mmap(NULL, ARRAY_SIZE(page) * PAGE, PROT_READ | PROT_WRITE,
               MAP_SHARED, fd, 0);
    g_assert_true(map != MAP_FAILED);
    for (i = 0; i < ARRAY_SIZE(page); i++) {
        uint64_t *p = map + i * PAGE / sizeof(*map);

        g_assert_cmphex(p[0], ==, page[i]);
        /* The same pages, and no copies, both ways. */
        value = 0x1000 + i;
        g_assert_cmpint(pwrite(memfd, &value, 8, page[i] * PAGE + 8), ==, 8);
        g_assert_cmphex(p[1], ==, value);
        p[2] = 0x2000 + i;
        g_assert_cmpint(pread(memfd, &value, 8, page[i] * PAGE + 16), ==, 8);
        g_assert_cmphex(value, ==, 0x2000 + i);
    }
    assert_confined(fd, ARRAY_SIZE(page) * PAGE, PROT_READ | PROT_WRITE);
    munmap(map, ARRAY_SIZE(page) * PAGE);
    close(fd);
    close(memfd);
}

static void test_kernel_cut(void)
{
    static const uint64_t page[] = { 1, 2 };
    int memfd = kernel_file(4);
    int fd = kernel_udmabuf(memfd, page, ARRAY_SIZE(page));
    uint64_t *map, value = 1;

    g_assert_cmpint(fd, >=, 0);
    map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(map != MAP_FAILED);
    g_assert_cmpint(fallocate(memfd, FALLOC_FL_PUNCH_HOLE |
                              FALLOC_FL_KEEP_SIZE, PAGE, PAGE), ==, 0);
    /* The file has another page there, and the dma-buf keeps the old one. */
    g_assert_cmpint(pread(memfd, &value, 8, PAGE), ==, 8);
    g_assert_cmphex(value, ==, 0);
    value = 0x5ec2e7;
    g_assert_cmpint(pwrite(memfd, &value, 8, PAGE), ==, 8);
    g_assert_cmphex(map[0], ==, 1);
    g_assert_cmphex(map[PAGE / 8], ==, 2);
    /* Nor does what is written there come out in the file any more. */
    map[0] = 0xbad;
    g_assert_cmpint(pread(memfd, &value, 8, PAGE), ==, 8);
    g_assert_cmphex(value, ==, 0x5ec2e7);
    munmap(map, 2 * PAGE);
    close(fd);
    close(memfd);
}

static void test_kernel_unsealed(void)
{
    static const uint64_t page[] = { 0 };
    int memfd = memfd_create("dmashare-test", MFD_CLOEXEC);

    g_assert_cmpint(ftruncate(memfd, PAGE), ==, 0);
    g_assert_cmpint(kernel_udmabuf(memfd, page, 1), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    close(memfd);
}

/*
 * Tests that can run only where there is the device.
 */

static void skipped(void)
{
    g_test_skip("no " DEVICE " here: make nested runs this in a VM");
}

static void add(const char *name, void (*test)(void))
{
    g_autofree char *path = g_strdup_printf("dmashare/udmabuf/%s", name);

    qtest_add_func(path, access(DEVICE, R_OK | W_OK) ? skipped : test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("kernel/pages", test_kernel_pages);
    add("kernel/cut", test_kernel_cut);
    add("kernel/unsealed", test_kernel_unsealed);
    return g_test_run();
}
