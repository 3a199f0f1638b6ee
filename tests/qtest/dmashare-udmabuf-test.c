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
#include "qemu/bswap.h"
#include "libqtest.h"
#include "libqos/dmashare-client.h"

#define PAGE            4096
#define DEVICE          "/dev/udmabuf"
#define LIMITS          "/sys/module/udmabuf/parameters/"
#define BUF             3
/*
 * A busy host disturbs either; what counts is the median of pairs. Their number
 * is fixed: to go on until it is right would be to choose the answer.
 */
#define TIMES           11
/* What export may cost of what the kernel needs alone, in percent. */
#define COST            110
/* What QEMU, and memory files altogether, may grow by meanwhile. */
#define GROWTH          (16 * MiB)

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
 * The device
 */

/* A guest whose memory is a file, and a client. */
typedef struct World {
    QDmashareSocket *socket;
    QDmashareMachine *m;
    QDmashare *d;
    QDmashareClient *c;
} World;

static World *world_new(unsigned mebibytes, const char *memory,
                        const char *properties)
{
    World *w = g_new0(World, 1);
    g_autofree char *args = NULL;
    g_autofree char *device = NULL;

    w->socket = qdmashare_socket_new();
    args = g_strdup_printf(
        "-M q35,memory-backend=ram -m %uM -object memory-backend-memfd,"
        "id=ram,share=on,size=%uM%s", mebibytes, mebibytes, memory);
    device = g_strdup_printf("id=dev,share=unix:%s,share-udmabuf=on,%s",
                             w->socket->path, properties);
    w->m = qdmashare_one(args, device);
    w->d = w->m->d;
    w->c = qdmashare_client_new(w->socket->path, NULL);
    qdmashare_client_notice(w->c, DMASHARE_MSG_READY);
    return w;
}

static void world_free(World *w)
{
    qdmashare_client_free(w->c);
    qdmashare_machine_free(w->m);
    qdmashare_socket_free(w->socket);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* A buffer of pages here and there in memory that is full of other things. */
typedef struct Scattered {
    uint64_t area;              /* guest-physical */
    uint8_t *expected;          /* the buffer's bytes */
} Scattered;

#define AREA_PAGES      64
/* In the buffer's order; two of them are neighbours. */
static const unsigned scattered_page[] = { 3, 17, 18, 5, 62, 30 };
#define BUF_PAGES       ARRAY_SIZE(scattered_page)
#define BUF_SIZE        (BUF_PAGES * PAGE)

static uint64_t scattered_phys(const Scattered *s, unsigned page)
{
    return s->area + scattered_page[page] * PAGE;
}

/* The guest writes all of the buffer. */
static void scattered_write(World *w, Scattered *s, uint64_t seed)
{
    qdmashare_noise(s->expected, BUF_SIZE, seed);
    for (unsigned i = 0; i < BUF_PAGES; i++) {
        qtest_bufwrite(w->d->qts, scattered_phys(s, i),
                       s->expected + i * PAGE, PAGE);
    }
}

/* Is this what the guest finds there? */
static void scattered_assert(World *w, Scattered *s, const uint8_t *bytes)
{
    for (unsigned i = 0; i < BUF_PAGES; i++) {
        qdmashare_assert_bytes(w->d, scattered_phys(s, i), bytes + i * PAGE,
                               PAGE);
    }
}

static Scattered *scattered_new(World *w, uint32_t id)
{
    Scattered *s = g_new0(Scattered, 1);
    struct dmashare_segment seg[BUF_PAGES];

    s->expected = g_malloc(BUF_SIZE);
    s->area = qdmashare_alloc(w->d, AREA_PAGES * PAGE);
    /* Of which a client must see nothing. */
    qtest_memset(w->d->qts, s->area, 0x5e, AREA_PAGES * PAGE);
    for (unsigned i = 0; i < BUF_PAGES; i++) {
        seg[i] = (struct dmashare_segment) {
            qdmashare_dma(w->d, scattered_phys(s, i)), PAGE,
        };
    }
    qdmashare_buffer(w->d, id, BUF_SIZE);
    g_assert_cmphex(qdmashare_map(w->d, id, id, DMASHARE_DIR_BIDIRECTIONAL,
                                  seg, BUF_PAGES), ==, DMASHARE_STATUS_OK);
    scattered_write(w, s, id);
    return s;
}

static void scattered_free(Scattered *s)
{
    g_free(s->expected);
    g_free(s);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scattered, scattered_free)

/* What a client has of it. */
typedef struct Opened {
    struct dmashare_msg announce;
    int fd;
    uint8_t *map;
    uint64_t size;
} Opened;

/* OPEN of what was announced, as a dma-buf, and a mapping of all of it. */
static Opened client_open(World *w, struct dmashare_msg announce, bool write)
{
    struct dmashare_msg msg = qdmashare_client_open(
        w->c, &announce, write ? DMASHARE_OPEN_F_WRITE : 0);
    uint32_t flags = le32_to_cpu(msg.opened.flags);
    Opened o = {
        .announce = announce,
        .fd = dup(w->c->fds[0]),
        .size = le64_to_cpu(msg.opened.size),
    };

    g_assert_cmpuint(le32_to_cpu(msg.opened.path), ==, DMASHARE_PATH_UDMABUF);
    g_assert_cmpuint(le32_to_cpu(msg.opened.n_ranges), ==, 1);
    g_assert_cmpuint(le64_to_cpu(msg.opened.offset), ==, 0);
    /* The kernel makes no dma-bufs for reading alone, and nobody says so. */
    g_assert_cmphex(flags, ==, write ? DMASHARE_OPENED_F_WRITE : 0);
    g_assert_cmpuint(w->c->n_fds, ==, 1);
    qdmashare_client_close_fds(w->c);
    o.map = mmap(NULL, o.size, PROT_READ | PROT_WRITE, MAP_SHARED, o.fd, 0);
    g_assert_true(o.map != MAP_FAILED);
    return o;
}

static Opened client_share(World *w, uint32_t id, bool write)
{
    struct dmashare_completion done = qdmashare_share(
        w->d, id, id, write ? DMASHARE_SHARE_WRITE : 0);
    struct dmashare_msg msg;

    g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
    msg = qdmashare_client_announced(w->c);
    g_assert_cmpuint(le32_to_cpu(msg.announce.path), ==,
                     DMASHARE_PATH_UDMABUF);
    return client_open(w, msg, write);
}

static void opened_drop(Opened *o)
{
    munmap(o->map, o->size);
    close(o->fd);
}

/* UNSHARE; what the client was told. */
static uint32_t client_withdrawn(World *w, uint32_t id, uint32_t flags,
                                 bool cut)
{
    struct dmashare_completion done = qdmashare_unshare(w->d, id, flags);
    struct dmashare_msg msg;

    g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(done.result, ==, cut);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmphex(le32_to_cpu(msg.withdraw.flags), ==,
                    cut ? DMASHARE_WITHDRAW_F_CUT : 0);
    return le32_to_cpu(msg.withdraw.reason);
}

static void test_same_pages(void)
{
    g_autoptr(World) w = world_new(64, "", "share-writable=on");
    g_autoptr(Scattered) s = scattered_new(w, BUF);
    Opened o = client_share(w, BUF, true);

    g_assert_cmpuint(o.size, ==, BUF_SIZE);
    g_assert_cmpint(memcmp(o.map, s->expected, BUF_SIZE), ==, 0);
    for (unsigned i = 0; i < 10; i++) {
        /* With no message in between, in both directions. */
        scattered_write(w, s, 100 + i);
        g_assert_cmpint(memcmp(o.map, s->expected, BUF_SIZE), ==, 0);
        qdmashare_noise(o.map, BUF_SIZE, 200 + i);
        scattered_assert(w, s, o.map);
        qdmashare_assert_checksum(w->d, BUF, 0, o.map, BUF_SIZE);
    }
    /* And the device's own writes. */
    qdmashare_assert_ok(w->d, qdmashare_fill(w->d, 0, BUF, 0, BUF_SIZE, 0x7a));
    qdmashare_pattern(s->expected, BUF_SIZE, 0x7a);
    g_assert_cmpint(memcmp(o.map, s->expected, BUF_SIZE), ==, 0);
    opened_drop(&o);
}

static void test_no_other_page(void)
{
    g_autoptr(World) w = world_new(64, "", "share-writable=on");
    g_autoptr(Scattered) s = scattered_new(w, BUF);
    Opened o = client_share(w, BUF, true);
    uint8_t around[PAGE];

    assert_confined(o.fd, BUF_SIZE, PROT_READ | PROT_WRITE);
    /* Whatever is written there, the pages between them stay as they are. */
    memset(o.map, 0xff, BUF_SIZE);
    memset(around, 0x5e, PAGE);
    for (unsigned page = 0; page < AREA_PAGES; page++) {
        bool ours = false;

        for (unsigned i = 0; i < BUF_PAGES; i++) {
            ours |= scattered_page[i] == page;
        }
        if (!ours) {
            qdmashare_assert_bytes(w->d, s->area + page * PAGE, around, PAGE);
        }
    }
    opened_drop(&o);
}

static void test_same_for_all(void)
{
    g_autoptr(World) w = world_new(64, "", "local-size=1M");
    g_autoptr(Scattered) s = scattered_new(w, BUF);
    Opened o = client_share(w, BUF, false);
    g_autoptr(QDmashareClient) other = qdmashare_client_new(w->socket->path,
                                                            NULL);
    struct dmashare_msg msg = qdmashare_client_announced(other);
    struct stat a, b;

    /* One dma-buf, whoever has it. */
    qdmashare_client_open(other, &msg, 0);
    g_assert_cmpint(fstat(o.fd, &a), ==, 0);
    g_assert_cmpint(fstat(other->fds[0], &b), ==, 0);
    g_assert_true(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
    qdmashare_client_close_fds(other);
    opened_drop(&o);
}

static void test_cut(void)
{
    g_autoptr(World) w = world_new(64, "", "share-writable=on");
    g_autoptr(Scattered) s = scattered_new(w, BUF);
    Opened o = client_share(w, BUF, true);
    g_autofree uint8_t *old = g_memdup2(s->expected, BUF_SIZE);
    g_autofree uint8_t *zeros = g_malloc0(BUF_SIZE);

    g_assert_cmpuint(client_withdrawn(w, BUF, DMASHARE_UNSHARE_F_DISCARD,
                                      true), ==, DMASHARE_WITHDRAW_RELEASED);
    /* The guest has others, all zeros; the client keeps those it had. */
    scattered_assert(w, s, zeros);
    scattered_write(w, s, 77);
    g_assert_cmpint(memcmp(o.map, old, BUF_SIZE), ==, 0);
    memset(o.map, 0x66, BUF_SIZE);
    scattered_assert(w, s, s->expected);
    /* The device finds the new ones as well. */
    qdmashare_assert_checksum(w->d, BUF, 0, s->expected, BUF_SIZE);
    opened_drop(&o);
}

static void test_moved(void)
{
    g_autoptr(World) w = world_new(64, "", "share-writable=on");
    g_autoptr(Scattered) s = scattered_new(w, BUF);
    Opened o = client_share(w, BUF, true), again;
    g_autofree uint8_t *old = g_memdup2(s->expected, BUF_SIZE);

    for (unsigned i = 1; i < 5; i++) {
        uint32_t generation = le32_to_cpu(o.announce.announce.generation);

        g_assert_cmpuint(client_withdrawn(w, BUF, DMASHARE_UNSHARE_F_SUSPEND |
                                          DMASHARE_UNSHARE_F_DISCARD, true),
                         ==, DMASHARE_WITHDRAW_MOVED);
        /* It has no pages until it is shared anew, and then is announced. */
        scattered_write(w, s, i);
        again = client_share(w, BUF, true);
        g_assert_cmpuint(again.announce.announce.share, ==,
                         o.announce.announce.share);
        g_assert_cmpuint(le32_to_cpu(again.announce.announce.generation), >,
                         generation);
        g_assert_cmpint(memcmp(again.map, s->expected, BUF_SIZE), ==, 0);
        g_assert_cmpint(memcmp(o.map, old, BUF_SIZE), ==, 0);
        opened_drop(&o);
        o = again;
        memcpy(old, s->expected, BUF_SIZE);
    }
    opened_drop(&o);
}

static void test_not_cut(void)
{
    g_autoptr(World) w = world_new(64, "", "share-writable=on");
    g_autoptr(Scattered) s = scattered_new(w, BUF);
    Opened o = client_share(w, BUF, true);

    /* Without being told so nothing is taken from the guest. */
    client_withdrawn(w, BUF, 0, false);
    scattered_assert(w, s, s->expected);
    scattered_write(w, s, 78);
    g_assert_cmpint(memcmp(o.map, s->expected, BUF_SIZE), ==, 0);
    opened_drop(&o);
}

/*
 * Limits of the kernel's module
 */

static uint64_t limit_get(const char *name)
{
    g_autofree char *path = g_strconcat(LIMITS, name, NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_ascii_strtoull(text, NULL, 10);
}

static void limit_set(const char *name, uint64_t value)
{
    g_autofree char *path = g_strconcat(LIMITS, name, NULL);
    g_autofree char *text = g_strdup_printf("%" PRIu64, value);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    close(fd);
}

static void test_limit(void)
{
    g_autofree char *path = g_strconcat(LIMITS, "list_limit", NULL);
    uint64_t limit = limit_get("list_limit");
    struct dmashare_completion done;
    struct dmashare_msg msg;
    Opened o;

    if (access(path, W_OK)) {
        g_test_skip("the limits of udmabuf cannot be changed here");
        return;
    }
    {
        g_autoptr(World) w = world_new(64, "", "share-writable=on");
        g_autoptr(Scattered) s = scattered_new(w, BUF);

        done = qdmashare_share(w->d, BUF, BUF, 0);
        g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
        msg = qdmashare_client_announced(w->c);
        /* What the kernel says goes to who asked, and nothing has changed. */
        limit_set("list_limit", 2);
        g_assert_cmpuint(qdmashare_client_error(
                             w->c, qdmashare_msg_open(
                                 le32_to_cpu(msg.announce.share),
                                 le32_to_cpu(msg.announce.generation), 0)),
                         ==, EINVAL);
        limit_set("list_limit", limit);
        o = client_open(w, msg, false);
        g_assert_cmpint(memcmp(o.map, s->expected, BUF_SIZE), ==, 0);
        opened_drop(&o);
    }
}

/*
 * What it costs
 */

static uint64_t number_of(const char *file, const char *name)
{
    g_autofree char *text = NULL;
    char *line;

    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    line = strstr(text, name);
    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen(name), NULL, 10) * KiB;
}

/* The kernel alone: a dma-buf of so much of a file that is there already. */
static int64_t cost_alone(int memfd, uint64_t size)
{
    struct udmabuf_create create = {
        .memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size,
    };
    int device = open(DEVICE, O_RDWR | O_CLOEXEC), fd;
    int64_t start = g_get_monotonic_time();

    fd = ioctl(device, UDMABUF_CREATE, &create);
    start = g_get_monotonic_time() - start;
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    close(device);
    return start;
}

/* The same through us: from the guest's command to the client's descriptor. */
static int64_t cost_shared(World *w)
{
    int64_t start = g_get_monotonic_time();
    struct dmashare_completion done = qdmashare_share(w->d, BUF, BUF, 0);
    struct dmashare_msg msg;

    g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
    msg = qdmashare_client_announced(w->c);
    qdmashare_client_open(w->c, &msg, 0);
    start = g_get_monotonic_time() - start;
    qdmashare_client_close_fds(w->c);
    client_withdrawn(w, BUF, 0, false);
    /* The device keeps them for a DISCARD that may follow, until now. */
    qdmashare_unmap(w->d, BUF);
    qdmashare_destroy(w->d, BUF);
    return start;
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int64_t median(const int64_t *value, unsigned n)
{
    g_autofree int64_t *sorted = g_memdup2(value, n * sizeof(*value));

    qsort(sorted, n, sizeof(*sorted), compare);
    return sorted[n / 2];
}

static void test_cost(void)
{
    uint64_t size = MIN(1024, limit_get("size_limit_mb")) * MiB;
    unsigned memory = size / MiB + 128;
    g_autofree char *status = NULL;
    g_autoptr(World) w = world_new(memory, ",prealloc=on", "local-size=1M");
    int memfd = memfd_create("dmashare-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int64_t alone[TIMES], shared[TIMES], percent[TIMES];
    unsigned n = 0;
    uint64_t rss, shmem, grown;

    g_assert_cmpint(ftruncate(memfd, size), ==, 0);
    g_assert_cmpint(fallocate(memfd, 0, 0, size), ==, 0);
    g_assert_cmpint(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), ==, 0);
    status = g_strdup_printf("/proc/%d/status", qtest_pid(w->d->qts));
    rss = number_of(status, "VmRSS:");
    shmem = number_of("/proc/meminfo", "Shmem:");
    /* By turns, so that both have the same luck. */
    while (n < TIMES) {
        qdmashare_bus_buf(w->d, BUF, 64 * MiB, size, 0);
        alone[n] = cost_alone(memfd, size);
        shared[n] = cost_shared(w);
        percent[n] = shared[n] * 100 / alone[n];
        n++;
    }
    close(memfd);
    g_test_message("dmashare: a dma-buf of %" PRIu64 " MiB: the kernel alone "
                   "%" PRIi64 " us, shared with a client %" PRIi64
                   " us; %" PRIi64 " %% in the median of %u pairs",
                   size / MiB, median(alone, n), median(shared, n),
                   median(percent, n), n);
    grown = number_of(status, "VmRSS:") - MIN(rss, number_of(status,
                                                             "VmRSS:"));
    g_test_message("dmashare: QEMU grew by %" PRIu64 " KiB", grown / KiB);
    g_assert_cmpuint(grown, <, GROWTH);
    g_assert_cmpuint(number_of("/proc/meminfo", "Shmem:"), <, shmem + GROWTH);
    g_assert_cmpint(median(percent, n), <=, COST);
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
    add("same-pages", test_same_pages);
    add("no-other-page", test_no_other_page);
    add("same-for-all", test_same_for_all);
    add("cut", test_cut);
    add("moved", test_moved);
    add("not-cut", test_not_cut);
    add("limit", test_limit);
    add("cost", test_cost);
    return g_test_run();
}
