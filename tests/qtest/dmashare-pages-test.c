/*
 * dmashare: which pages clients of the share server are given
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include <sys/mman.h>
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libqos/dmashare-client.h"

#define PAGE            4096ULL
#define SIZE            (16 * PAGE)
#define BUFFER          1
/* Where tests with an IOMMU have data. */
#define IOVA            (5 * GiB)
#define RAM             "-machine memory-backend=ram -object "
#define MEMFD           RAM "memory-backend-memfd,id=ram,size=128M,share=on"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS     (1024 + 9)
#define F_GET_SEALS     (1024 + 10)
#define F_SEAL_SEAL     0x0001
#define F_SEAL_SHRINK   0x0002
#define F_SEAL_GROW     0x0004
#define F_SEAL_WRITE    0x0008
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE     0x0010
#endif

/**
 * Rig: a machine with a device that shares, and one client
 * @socket: of its share server
 * @log: what QEMU says
 * @c: the client
 * @announced: what it was told of the share
 * @noise: what the buffer is filled with
 */
typedef struct Rig {
    QDmashareMachine *m;
    QDmashare *d;
    QDmashareSocket *socket;
    char *log;
    QDmashareClient *c;
    struct dmashare_msg announced;
    uint8_t noise[SIZE];
} Rig;

/* What OPENED says, in the host's byte order, and the memory mapped. */
typedef struct View {
    struct dmashare_msg_opened opened;
    int fd;
    int list_fd;
    struct dmashare_range *range;
    uint8_t *page[SIZE / PAGE];
} View;

/* Open the share, and map what the descriptors say is the buffer. */
static View view_open(Rig *r, bool write)
{
    View v = { .list_fd = -1 };
    struct dmashare_msg_opened *o = &v.opened;
    unsigned page = 0;

    *o = qdmashare_client_open(r->c, &r->announced, write ?
                               DMASHARE_OPEN_F_WRITE : 0).opened;
    o->size = le64_to_cpu(o->size);
    o->offset = le64_to_cpu(o->offset);
    o->n_ranges = le32_to_cpu(o->n_ranges);
    o->flags = le32_to_cpu(o->flags);
    g_assert_cmpuint(o->size, ==, SIZE);
    g_assert_cmpint(!!(o->flags & DMASHARE_OPENED_F_WRITE), ==, write);
    g_assert_cmpuint(o->n_ranges, >=, 1);
    v.fd = r->c->fds[0];
    v.range = g_new0(struct dmashare_range, o->n_ranges);
    if (r->c->n_fds == 2) {
        v.list_fd = r->c->fds[1];
        g_assert_cmpint(pread(v.list_fd, v.range,
                              (o->n_ranges + 1) * sizeof(*v.range), 0), ==,
                        o->n_ranges * sizeof(*v.range));
    } else {
        v.range[0].offset = cpu_to_le64(o->offset);
        v.range[0].length = cpu_to_le64(o->size);
    }
    for (unsigned i = 0; i < o->n_ranges; i++) {
        uint64_t len = le64_to_cpu(v.range[i].length);
        uint8_t *mem = mmap(NULL, len, PROT_READ | (write ? PROT_WRITE : 0),
                            MAP_SHARED, v.fd, le64_to_cpu(v.range[i].offset));

        g_assert_true(mem != MAP_FAILED);
        g_assert_cmpuint(len / PAGE, <=, SIZE / PAGE - page);
        for (uint64_t at = 0; at < len; at += PAGE) {
            v.page[page++] = mem + at;
        }
    }
    g_assert_cmpuint(page, ==, SIZE / PAGE);
    return v;
}

static void view_close(View *v)
{
    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        munmap(v->page[i], PAGE);
    }
    close(v->fd);
    if (v->list_fd >= 0) {
        close(v->list_fd);
    }
    g_free(v->range);
}

static void view_assert(const View *v, const uint8_t *want)
{
    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        g_assert_cmpmem(v->page[i], PAGE, want + i * PAGE, PAGE);
    }
}

/*
 * The machine
 */

static Rig *rig_start(QDmashareMachine *(*start)(const char *args,
                                                 const char *properties),
                      const char *args, const char *properties)
{
    Rig *r = g_new0(Rig, 1);
    g_autofree char *all_args = NULL, *all = NULL;

    r->socket = qdmashare_socket_new();
    r->log = g_strdup_printf("%s.log", r->socket->path);
    all_args = g_strdup_printf("%s 2>%s", args, r->log);
    all = g_strdup_printf("share=unix:%s%s%s", r->socket->path,
                          *properties ? "," : "", properties);
    r->m = start(all_args, all);
    r->d = r->m->d;
    qdmashare_noise(r->noise, SIZE, 1);
    r->c = qdmashare_client_new(r->socket->path, NULL);
    qdmashare_client_notice(r->c, DMASHARE_MSG_READY);
    return r;
}

static Rig *rig_new(const char *args, const char *properties)
{
    g_autofree char *all = g_strdup_printf("-M pc %s", args);

    return rig_start(qdmashare_one, all, properties);
}

/* Behind VT-d. */
static QDmashareMachine *start_vtd(const char *args, const char *properties)
{
    g_autofree char *all = g_strdup_printf("%s %s", properties, args);

    return qdmashare_one_vtd(all);
}

static void rig_free(Rig *r)
{
    qdmashare_client_free(r->c);
    qdmashare_machine_free(r->m);
    unlink(r->log);
    g_free(r->log);
    qdmashare_socket_free(r->socket);
    g_free(r);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)

/* Lines that QEMU has written with this in them. */
static unsigned rig_said(Rig *r, const char *text)
{
    g_autofree char *log = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned n = 0;

    g_assert_true(g_file_get_contents(r->log, &log, NULL, NULL));
    lines = g_strsplit(log, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        n += strstr(lines[i], text) != NULL;
    }
    return n;
}

/* SHARE succeeds; the client has heard of it. */
static void rig_share(Rig *r, uint32_t flags, uint32_t path)
{
    struct dmashare_completion c = qdmashare_share(r->d, BUFFER, BUFFER,
                                                   flags);
    struct dmashare_msg_announce *a = &r->announced.announce;

    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    r->announced = qdmashare_client_announced(r->c);
    g_assert_cmpuint(le32_to_cpu(a->share), ==, c.result);
    g_assert_cmpuint(le32_to_cpu(a->path), ==, path);
    g_assert_cmpuint(le64_to_cpu(a->size), ==, SIZE);
}

/*
 * Guest and client see each other's bytes, with no message in between: the
 * guest's pages are at these addresses.
 */
static void both_ways(Rig *r, View *v, const uint64_t *phys, bool write)
{
    QTestState *qts = r->m->qts;

    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        qtest_bufwrite(qts, phys[i], r->noise + i * PAGE, PAGE);
    }
    view_assert(v, r->noise);
    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        qtest_writeb(qts, phys[i] + 3 * i, ~r->noise[i * PAGE + 3 * i]);
        r->noise[i * PAGE + 3 * i] ^= 0xff;
        if (write) {
            v->page[i][5 * i + 1] ^= 0xff;
            r->noise[i * PAGE + 5 * i + 1] ^= 0xff;
        }
    }
    view_assert(v, r->noise);
    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        qdmashare_assert_bytes(r->d, phys[i], r->noise + i * PAGE, PAGE);
    }
    qdmashare_assert_checksum(r->d, BUFFER, 0, r->noise, SIZE);
}

static void both_ways_at(Rig *r, View *v, uint64_t phys, bool write)
{
    uint64_t page[SIZE / PAGE];

    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        page[i] = phys + i * PAGE;
    }
    both_ways(r, v, page, write);
}

/* What the descriptor itself, and who has it, cannot do. */
static void assert_sealed(const View *v, bool write, bool enforced)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", v->fd);
    int seals = fcntl(v->fd, F_GET_SEALS);
    int again;

    g_assert_cmpint(seals & (F_SEAL_SHRINK | F_SEAL_SEAL), ==,
                    F_SEAL_SHRINK | F_SEAL_SEAL);
    g_assert_cmpint(!!(v->opened.flags & DMASHARE_OPENED_F_ENFORCED), ==,
                    enforced);
    g_assert_cmpint(ftruncate(v->fd, 0), ==, -1);
    if (!write) {
        g_assert_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
                           v->fd, 0) == MAP_FAILED);
        g_assert_cmpint(pwrite(v->fd, "x", 1, 0), ==, -1);
        g_assert_cmpint(fallocate(v->fd, FALLOC_FL_PUNCH_HOLE |
                                  FALLOC_FL_KEEP_SIZE, 0, PAGE), ==, -1);
    }
    again = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(ftruncate(again, 0), ==, -1);
    g_assert_cmpint(fcntl(again, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
    if (enforced) {
        g_assert_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
                           again, 0) == MAP_FAILED);
        g_assert_cmpint(pwrite(again, "x", 1, 0), ==, -1);
        g_assert_cmpint(errno, ==, EPERM);
    }
    close(again);
}

/*
 * The guest's memory, as a whole
 */

#define GUEST           "share-udmabuf=off,share-guest-memory=on"

static void test_guest(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST);
    QDmashareBuf buf = qdmashare_buf(r->d, BUFFER, SIZE, 0);
    struct dmashare_msg open;
    View v;

    rig_share(r, 0, DMASHARE_PATH_GUEST);
    v = view_open(r, false);
    g_assert_cmpuint(v.opened.n_ranges, ==, 1);
    g_assert_cmpuint(lseek(v.fd, 0, SEEK_END), ==, 128 * MiB);
    both_ways_at(r, &v, buf.phys, false);
    assert_sealed(&v, false, false);
    view_close(&v);
    /* nobody may write what the guest has not shared for that */
    open = qdmashare_msg_open(le32_to_cpu(r->announced.announce.share),
                              le32_to_cpu(r->announced.announce.generation),
                              DMASHARE_OPEN_F_WRITE);
    g_assert_cmpuint(qdmashare_client_error(r->c, open), ==, EACCES);
}

static void test_guest_written(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST ",share-writable=on");
    QDmashareBuf buf = qdmashare_buf(r->d, BUFFER, SIZE, 0);
    View v;

    rig_share(r, DMASHARE_SHARE_WRITE, DMASHARE_PATH_GUEST);
    v = view_open(r, true);
    both_ways_at(r, &v, buf.phys, true);
    assert_sealed(&v, true, false);
    view_close(&v);
}

/* Single pages, two of them the same one. */
static void test_scattered(void)
{
    static const unsigned order[SIZE / PAGE] = {
        15, 3, 4, 5, 0, 1, 9, 8, 7, 6, 10, 11, 12, 13, 14, 2,
    };
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST ",share-writable=on");
    uint64_t mem = qdmashare_alloc(r->d, SIZE);
    struct dmashare_segment seg[SIZE / PAGE];
    uint64_t phys[SIZE / PAGE];
    View v;

    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        phys[i] = mem + order[i] * PAGE;
        seg[i].addr = qdmashare_dma(r->d, phys[i]);
        seg[i].len = PAGE;
    }
    qdmashare_buffer(r->d, BUFFER, SIZE);
    g_assert_cmphex(qdmashare_map(r->d, BUFFER, BUFFER, 0, seg, SIZE / PAGE),
                    ==, DMASHARE_STATUS_OK);
    rig_share(r, DMASHARE_SHARE_WRITE, DMASHARE_PATH_GUEST);
    v = view_open(r, true);
    /* 15; 3-5; 0-1; 9; 8; 7; 6; 10-14; 2 */
    g_assert_cmpuint(v.opened.n_ranges, ==, 9);
    both_ways(r, &v, phys, true);
    g_assert_cmpint(fcntl(v.list_fd, F_GET_SEALS) & F_SEAL_WRITE, ==,
                    F_SEAL_WRITE);
    view_close(&v);
}

/* Addresses that the IOMMU translates to pages in another order. */
static void test_iommu(void)
{
    g_autoptr(Rig) r = rig_start(start_vtd, MEMFD, GUEST);
    uint64_t mem = qdmashare_alloc(r->d, SIZE);
    uint64_t phys[SIZE / PAGE];
    View v;

    for (unsigned i = 0; i < SIZE / PAGE; i++) {
        phys[i] = mem + (SIZE / PAGE - 1 - i) * PAGE;
        qvtd_map(r->m->dom, IOVA + i * PAGE, phys[i], PAGE, QVTD_READ);
    }
    qdmashare_bus_buf(r->d, BUFFER, IOVA, SIZE, DMASHARE_DIR_TO_DEVICE);
    rig_share(r, 0, DMASHARE_PATH_GUEST);
    v = view_open(r, false);
    g_assert_cmpuint(v.opened.n_ranges, ==, SIZE / PAGE);
    both_ways(r, &v, phys, false);
    /* it is asked when the pages are shared, and not again */
    qvtd_unmap(r->m->dom, IOVA, SIZE);
    qvtd_invalidate_iotlb(r->m->vtd);
    view_close(&v);
}

/* What the IOMMU does not let the device have nobody is given. */
static void test_iommu_refuses(void)
{
    static const struct {
        unsigned direction, perm, reason;
        bool read;
    } cases[] = {
        { DMASHARE_DIR_TO_DEVICE, QVTD_WRITE, QVTD_FAULT_READ, true },
        { DMASHARE_DIR_FROM_DEVICE, QVTD_READ, QVTD_FAULT_WRITE },
        { DMASHARE_DIR_BIDIRECTIONAL, QVTD_READ, QVTD_FAULT_WRITE },
    };
    g_autoptr(Rig) r = rig_start(start_vtd, MEMFD, GUEST);
    uint64_t mem = qdmashare_alloc(r->d, SIZE);

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t bad = IOVA + 5 * PAGE;
        struct dmashare_completion c;

        qvtd_map(r->m->dom, IOVA, mem, SIZE, QVTD_READ | QVTD_WRITE);
        qvtd_map(r->m->dom, bad, mem, PAGE, cases[i].perm);
        qvtd_invalidate_iotlb(r->m->vtd);
        qdmashare_bus_buf(r->d, BUFFER, IOVA, SIZE, cases[i].direction);
        c = qdmashare_share(r->d, BUFFER, BUFFER, 0);
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
        g_assert_cmphex(c.detail, ==, bad);
        qdmashare_machine_vtd_fault(r->m, r->d, bad, cases[i].read,
                                    cases[i].reason);
        qdmashare_unmap(r->d, BUFFER);
        qdmashare_destroy(r->d, BUFFER);
    }
    /* refused is refused: nothing was announced */
    qdmashare_client_assert_quiet(r->c);
}

/*
 * Local memory
 */

static void check_local(Rig *r, bool write, bool enforced)
{
    QDmashareBuf buf = qdmashare_local_buf(r->d, BUFFER, 3 * PAGE, SIZE, 0);
    View v;

    rig_share(r, write ? DMASHARE_SHARE_WRITE : 0, DMASHARE_PATH_LOCAL);
    v = view_open(r, write);
    g_assert_cmpuint(v.opened.n_ranges, ==, 1);
    g_assert_cmpuint(v.opened.offset, ==, 3 * PAGE);
    both_ways_at(r, &v, buf.phys, write);
    /* the engines' bytes as well, zeros among them */
    qdmashare_assert_ok(r->d, qdmashare_fill(r->d, 0, BUFFER, 100, 5000,
                                             0xabcdef));
    qdmashare_pattern(r->noise + 100, 5000, 0xabcdef);
    view_assert(&v, r->noise);
    qdmashare_assert_ok(r->d, qdmashare_fill(r->d, 0, BUFFER, 0, SIZE, 0));
    memset(r->noise, 0, SIZE);
    view_assert(&v, r->noise);
    assert_sealed(&v, write, enforced);
    view_close(&v);
}

static void test_local(void)
{
    g_autoptr(Rig) r = rig_new("", "local-size=4M");

    check_local(r, false, true);
    g_assert_cmphex(qdmashare_share(r->d, BUFFER, BUFFER, 0).status, ==,
                    DMASHARE_STATUS_ID_EXISTS);
}

static void test_local_written(void)
{
    g_autoptr(Rig) r = rig_new("", "local-size=4M,share-writable=on");

    check_local(r, true, false);
}

static void test_local_memdev(void)
{
    g_autoptr(Rig) r = rig_new("-object memory-backend-memfd,id=mem,size=4M,"
                               "share=on", "local-memdev=mem");

    check_local(r, false, false);
}

/* Zeros in memory that nobody may write are made by writing them, all. */
static void test_local_zeros(void)
{
    g_autoptr(Rig) r = rig_new("", "local-size=4M");
    QDmashare *d = r->d;
    QDmashareBuf big = qdmashare_local_buf(d, 2, 1 * MiB, 2 * MiB, 0);
    g_autofree uint8_t *bytes = g_malloc(2 * MiB);

    qdmashare_noise(bytes, 2 * MiB, 5);
    qtest_bufwrite(r->m->qts, big.phys, bytes, 2 * MiB);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 5, 1 * MiB + 77, 0));
    memset(bytes + 5, 0, 1 * MiB + 77);
    qdmashare_assert_checksum(d, 2, 0, bytes, 2 * MiB);
}

/*
 * What cannot be passed
 */

/* SHARE fails like that, however often, and QEMU says so once. */
static void refuses(Rig *r, uint32_t flags, unsigned status, const char *text)
{
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmphex(qdmashare_share(r->d, BUFFER, BUFFER, flags).status,
                        ==, status);
    }
    qdmashare_client_assert_quiet(r->c);
    g_assert_cmpuint(rig_said(r, "cannot share a buffer"), ==, text ? 1 : 0);
    if (text) {
        g_assert_cmpuint(rig_said(r, text), ==, 1);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *args, *properties;
        uint32_t flags;
        unsigned status;
        const char *text;
    } cases[] = {
        /* memory of the guest that has no file, or the wrong one */
        { "", GUEST, 0, DMASHARE_STATUS_NOT_SHAREABLE,
          "memory-backend-memfd" },
        { RAM "memory-backend-ram,id=ram,size=128M,share=on", GUEST, 0,
          DMASHARE_STATUS_NOT_SHAREABLE, "memory-backend-memfd" },
        { RAM "memory-backend-memfd,id=ram,size=128M,share=off", GUEST, 0,
          DMASHARE_STATUS_NOT_SHAREABLE, "memory-backend-memfd" },
        { RAM "memory-backend-memfd,id=ram,size=128M,share=on,seal=off",
          GUEST, 0, DMASHARE_STATUS_NOT_SHAREABLE, "memory-backend-memfd" },
        /* the right one, and nobody said that all of it may be seen */
        { MEMFD, "share-udmabuf=off", 0, DMASHARE_STATUS_NOT_SHAREABLE,
          "share-guest-memory=on" },
        /* or be written */
        { MEMFD, GUEST, DMASHARE_SHARE_WRITE, DMASHARE_STATUS_READ_ONLY },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(Rig) r = rig_new(cases[i].args, cases[i].properties);

        g_test_message("%s %s", cases[i].args, cases[i].properties);
        qdmashare_buf(r->d, BUFFER, SIZE, 0);
        refuses(r, cases[i].flags, cases[i].status, cases[i].text);
    }
}

/* A file of a file system is somebody else's to make shorter. */
static void test_refused_file(void)
{
    g_autofree char *path = NULL;
    g_autofree char *args = NULL;
    Rig *r;
    int fd = g_file_open_tmp("dmashare-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    args = g_strdup_printf(RAM "memory-backend-file,id=ram,size=128M,share=on,"
                           "mem-path=%s", path);
    r = rig_new(args, GUEST);
    qdmashare_buf(r->d, BUFFER, SIZE, 0);
    refuses(r, 0, DMASHARE_STATUS_NOT_SHAREABLE, "memory-backend-memfd");
    rig_free(r);
    unlink(path);
}

/* What looks like memory on the bus, has a sealed file, and is a BAR. */
static void test_refused_bar(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST ",local-size=4M");

    qdmashare_bus_buf(r->d, BUFFER, qdmashare_dma(r->d, r->d->local), SIZE,
                      0);
    refuses(r, 0, DMASHARE_STATUS_NOT_SHAREABLE, "no memory of the guest");
}

/* The last page of the buffer is one. */
static void test_refused_bar_page(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST ",local-size=4M");
    struct dmashare_segment seg[2] = {
        { .addr = qdmashare_alloc(r->d, SIZE), .len = SIZE - PAGE },
        { .addr = r->d->local, .len = PAGE },
    };

    qdmashare_buffer(r->d, BUFFER, SIZE);
    g_assert_cmphex(qdmashare_map(r->d, BUFFER, BUFFER, 0, seg, 2), ==,
                    DMASHARE_STATUS_OK);
    refuses(r, 0, DMASHARE_STATUS_NOT_SHAREABLE, "no memory of the guest");
}

static void test_refused_nowhere(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST);
    struct dmashare_completion c;

    qdmashare_bus_buf(r->d, BUFFER, QDMASHARE_NOWHERE, SIZE, 0);
    c = qdmashare_share(r->d, BUFFER, BUFFER, 0);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, QDMASHARE_NOWHERE);
    refuses(r, 0, DMASHARE_STATUS_FAULT_TRANSLATION, NULL);
}

/* Memory of the device that is no sealed file. */
static void test_refused_local(void)
{
    g_autoptr(Rig) r = rig_new("-object memory-backend-ram,id=mem,size=4M",
                               "local-memdev=mem");

    qdmashare_local_buf(r->d, BUFFER, 0, SIZE, 0);
    refuses(r, 0, DMASHARE_STATUS_NOT_SHAREABLE, "local-size=");
}

static void test_refused_segment(void)
{
    static const struct {
        uint64_t skew, len;
    } cases[] = {
        { 1, SIZE - PAGE }, { PAGE / 2, SIZE - PAGE }, { 0, SIZE - 1 },
        { 0, PAGE / 2 },
    };
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST);
    uint64_t mem = qdmashare_alloc(r->d, 2 * SIZE);

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dmashare_segment seg[2] = {
            { .addr = mem + cases[i].skew, .len = cases[i].len },
            { .addr = mem + SIZE, .len = SIZE - cases[i].len },
        };

        qdmashare_buffer(r->d, BUFFER, SIZE);
        g_assert_cmphex(qdmashare_map(r->d, BUFFER, BUFFER, 0, seg, 2), ==,
                        DMASHARE_STATUS_OK);
        refuses(r, 0, DMASHARE_STATUS_BAD_SEGMENT, NULL);
        qdmashare_unmap(r->d, BUFFER);
        qdmashare_destroy(r->d, BUFFER);
    }
}

static void test_refused_imported(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST);
    struct dmashare_desc create = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer.id = BUFFER,
        .buffer.size = SIZE,
        .buffer.flags = DMASHARE_BUFFER_F_IMPORTED,
    };
    struct dmashare_desc map;
    struct dmashare_segment seg;

    qdmashare_assert_command(r->d, &create, DMASHARE_STATUS_OK);
    qdmashare_attach(r->d, 1, BUFFER);
    map = qdmashare_map_desc(r->d, BUFFER, BUFFER, SIZE, &seg);
    map.map.attachment = 1;
    g_assert_cmphex(qdmashare_map_with(r->d, map, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    refuses(r, 0, DMASHARE_STATUS_NOT_SHAREABLE, NULL);
}

/*
 * Taking it back
 */

/* Neither path can be cut: nothing is discarded, and nothing claimed. */
static void check_discard(Rig *r, uint64_t phys)
{
    struct dmashare_completion c;
    struct dmashare_msg msg;
    View v;

    v = view_open(r, false);
    both_ways_at(r, &v, phys, false);
    c = qdmashare_unshare(r->d, BUFFER, DMASHARE_UNSHARE_F_DISCARD);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(c.result, ==, 0);
    msg = qdmashare_client_notice(r->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.flags), ==, 0);
    qdmashare_assert_checksum(r->d, BUFFER, 0, r->noise, SIZE);
    view_assert(&v, r->noise);
    view_close(&v);
}

static void test_discard_guest(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST);
    QDmashareBuf buf = qdmashare_buf(r->d, BUFFER, SIZE, 0);

    rig_share(r, 0, DMASHARE_PATH_GUEST);
    check_discard(r, buf.phys);
}

static void test_discard_local(void)
{
    g_autoptr(Rig) r = rig_new("", "local-size=4M,share-writable=on");
    QDmashareBuf buf = qdmashare_local_buf(r->d, BUFFER, 3 * PAGE, SIZE, 0);

    rig_share(r, 0, DMASHARE_PATH_LOCAL);
    check_discard(r, buf.phys);
}

/*
 * A client that may write does what it can: it harms what it may write.
 */
static void test_hostile_writer(void)
{
    g_autoptr(Rig) r = rig_new(MEMFD, GUEST ",share-writable=on");
    QDmashareBuf buf = qdmashare_buf(r->d, BUFFER, SIZE, 0);
    View v;

    rig_share(r, DMASHARE_SHARE_WRITE, DMASHARE_PATH_GUEST);
    v = view_open(r, true);
    both_ways_at(r, &v, buf.phys, true);
    g_assert_cmpint(ftruncate(v.fd, 0), ==, -1);
    g_assert_cmpint(fcntl(v.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), ==, -1);
    g_assert_cmpint(fcntl(v.fd, F_SETFL, O_APPEND | O_NONBLOCK), ==, 0);
    g_assert_cmpint(fallocate(v.fd, FALLOC_FL_PUNCH_HOLE |
                              FALLOC_FL_KEEP_SIZE,
                              v.opened.offset, 2 * PAGE), ==, 0);
    memset(r->noise, 0, 2 * PAGE);
    qdmashare_assert_checksum(r->d, BUFFER, 0, r->noise, SIZE);
    both_ways_at(r, &v, buf.phys, true);
    view_close(&v);
}

/*
 * Properties
 */

static void test_udmabuf_on(void)
{
    QDmashareMachine *m;
    g_autofree char *error = NULL;

    if (!access("/dev/udmabuf", R_OK | W_OK)) {
        g_test_skip("the host has /dev/udmabuf");
        return;
    }
    m = qdmashare_machine_new("-M pc");
    error = qdmashare_machine_refuses(m, qdict_from_jsonf_nofail(
        "{ 'share': 'unix:/nonexistent/share', 'share-udmabuf': 'on' }"));
    g_assert_nonnull(strstr(error, "share-udmabuf"));
    g_assert_nonnull(strstr(error, "/dev/udmabuf"));
    g_assert_null(strchr(error, '\n'));
    qdmashare_machine_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("dmashare/share-pages/guest", test_guest);
    qtest_add_func("dmashare/share-pages/guest-written", test_guest_written);
    qtest_add_func("dmashare/share-pages/scattered", test_scattered);
    qtest_add_func("dmashare/share-pages/iommu", test_iommu);
    qtest_add_func("dmashare/share-pages/iommu-refuses", test_iommu_refuses);
    qtest_add_func("dmashare/share-pages/local", test_local);
    qtest_add_func("dmashare/share-pages/local-written", test_local_written);
    qtest_add_func("dmashare/share-pages/local-memdev", test_local_memdev);
    qtest_add_func("dmashare/share-pages/local-zeros", test_local_zeros);
    qtest_add_func("dmashare/share-pages/refused", test_refused);
    qtest_add_func("dmashare/share-pages/refused-file", test_refused_file);
    qtest_add_func("dmashare/share-pages/refused-bar", test_refused_bar);
    qtest_add_func("dmashare/share-pages/refused-bar-page",
                   test_refused_bar_page);
    qtest_add_func("dmashare/share-pages/refused-nowhere",
                   test_refused_nowhere);
    qtest_add_func("dmashare/share-pages/refused-local", test_refused_local);
    qtest_add_func("dmashare/share-pages/refused-segment",
                   test_refused_segment);
    qtest_add_func("dmashare/share-pages/refused-imported",
                   test_refused_imported);
    qtest_add_func("dmashare/share-pages/discard-guest", test_discard_guest);
    qtest_add_func("dmashare/share-pages/discard-local", test_discard_local);
    qtest_add_func("dmashare/share-pages/hostile-writer",
                   test_hostile_writer);
    qtest_add_func("dmashare/share-pages/udmabuf-on", test_udmabuf_on);
    return g_test_run();
}
