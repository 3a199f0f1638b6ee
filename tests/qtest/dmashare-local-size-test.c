/*
 * dmashare: what local memory is made of, and sizes that 32 bits do not hold
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "libqos/dmashare-machine.h"

#define SIZE            (4 * MiB)
#define SPARSE          (16ULL * GiB)

/* The first memfd that QEMU has open, mapped here. */
static uint8_t *map_memfd(QTestState *qts, uint64_t size)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/fd", qtest_pid(qts));
    g_autoptr(GDir) fds = g_dir_open(dir, 0, NULL);
    const char *name;
    uint8_t *mem = NULL;

    g_assert_nonnull(fds);
    while (!mem && (name = g_dir_read_name(fds))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_autofree char *target = g_file_read_link(path, NULL);
        int fd;

        if (!target || !g_str_has_prefix(target, "/memfd:")) {
            continue;
        }
        fd = open(path, O_RDWR);
        g_assert_cmpint(fd, >=, 0);
        mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        g_assert_true(mem != MAP_FAILED);
        close(fd);
    }
    g_assert_nonnull(mem);
    return mem;
}

static void test_memfd(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one(
        "-M pc -object memory-backend-memfd,id=mem,size=4M,share=on",
        "local-memdev=mem");
    QDmashare *d = m->d;
    uint8_t *host = map_memfd(m->qts, SIZE);
    uint64_t len = 2 * MiB + 5, at = SIZE - len;
    g_autofree uint8_t *noise = g_malloc(len);
    QDmashareBuf buf;

    /* BAR, engine and another process on the host see the same bytes. */
    g_assert_cmphex(d->local_size, ==, SIZE);
    buf = qdmashare_local_buf(d, 1, at, len, 0);
    qdmashare_noise(noise, len, 1);
    memcpy(host + at, noise, len);
    qdmashare_assert_bytes(d, buf.phys, noise, len);
    qdmashare_assert_checksum(d, 1, 0, noise, len);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 11, 1000, 0xabcdef));
    qdmashare_pattern(noise + 11, 1000, 0xabcdef);
    g_assert_cmpmem(host + at, len, noise, len);
    qtest_writeq(m->qts, buf.phys, 0x1122334455667788ULL);
    g_assert_cmphex(host[at], ==, 0x88);

    /* Zeros are zeros on the host as well, and nothing beside them is. */
    memcpy(noise, host + at, len);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 77, 1 * MiB, 0));
    memset(noise + 77, 0, 1 * MiB);
    g_assert_cmpmem(host + at, len, noise, len);
    host[at + 78] = 5;
    noise[78] = 5;
    qdmashare_assert_checksum(d, 1, 0, noise, len);
    munmap(host, SIZE);
}

/* A file of noise for a backend; free the name, it is removed with it. */
typedef struct File {
    char *path;
    char *args;                 /* a machine with a backend of it */
    uint8_t *bytes;
} File;

static File *file_new(const char *share)
{
    File *f = g_new0(File, 1);
    GError *error = NULL;
    int fd = g_file_open_tmp("dmashare-XXXXXX", &f->path, &error);

    g_assert_no_error(error);
    close(fd);
    f->bytes = g_malloc(SIZE);
    qdmashare_noise(f->bytes, SIZE, 3);
    g_file_set_contents(f->path, (char *)f->bytes, SIZE, &error);
    g_assert_no_error(error);
    f->args = g_strdup_printf("-M pc -object memory-backend-file,id=mem,"
                              "size=4M,mem-path=%s,share=%s", f->path,
                              share);
    return f;
}

static void file_check(const File *f)
{
    g_autofree char *now = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(f->path, &now, &len, NULL));
    g_assert_cmpmem(now, len, f->bytes, SIZE);
}

static void file_free(File *f)
{
    unlink(f->path);
    g_free(f->path);
    g_free(f->args);
    g_free(f->bytes);
    g_free(f);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(File, file_free)

static void test_shared_file(void)
{
    g_autoptr(File) f = file_new("on");
    g_autoptr(QDmashareMachine) m = qdmashare_one(f->args, "local-memdev=mem");
    QDmashare *d = m->d;

    /* What the file holds is what local memory holds, and stays so. */
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    qdmashare_assert_checksum(d, 1, 0, f->bytes, SIZE);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 1, 5, 1, 3 * MiB, 1 * MiB));
    memcpy(f->bytes + 5, f->bytes + 3 * MiB, 1 * MiB);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 2 * MiB + 1, 1 * MiB, 0));
    memset(f->bytes + 2 * MiB + 1, 0, 1 * MiB);
    file_check(f);
}

static void test_private_file(void)
{
    g_autoptr(File) f = file_new("off");
    g_autoptr(QDmashareMachine) m = qdmashare_one(f->args, "local-memdev=mem");
    QDmashare *d = m->d;
    g_autofree uint8_t *bytes = g_memdup2(f->bytes, SIZE);

    /* Nothing the device does is done to a file that is not shared. */
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 2 * MiB + 1, 1 * MiB, 0));
    memset(bytes + 2 * MiB + 1, 0, 1 * MiB);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 9, 100, 0x77));
    qdmashare_pattern(bytes + 9, 100, 0x77);
    qdmashare_assert_bytes(d, d->local, bytes, SIZE);
    qdmashare_assert_checksum(d, 1, 0, bytes, SIZE);
    file_check(f);
}

static void test_memdev_plugged_again(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M pc -object memory-backend-ram,id=mem,size=16M");
    QDict *args = qdict_new(), *rsp;
    g_autofree char *text = NULL;
    uint8_t noise[5000];
    QDmashare *d;

    qtest_qmp_device_add(m->qts, "dmashare", "hot",
                         "{'addr': '6.0', 'local-memdev': 'mem'}");
    d = qdmashare_machine_device(m, 6);
    qdmashare_noise(noise, sizeof(noise), 6);
    qtest_bufwrite(m->qts, d->local + 123, noise, sizeof(noise));

    /* A memory is one device's; when that has gone it may be another's. */
    qdict_put_str(args, "local-memdev", "mem");
    text = qdmashare_machine_refuses(m, args);
    g_assert_cmpstr(text, ==, "dmashare: property 'local-memdev': memory "
                    "backend 'mem' is in use");
    rsp = qtest_qmp(m->qts, "{ 'execute': 'object-del',"
                    "  'arguments': { 'id': 'mem' } }");
    g_assert_true(qdict_haskey(rsp, "error"));
    qobject_unref(rsp);
    qdmashare_free(d);
    qpci_unplug_acpi_device_test(m->qts, "hot", 6);
    qtest_qmp_device_add(m->qts, "dmashare", "again",
                         "{'addr': '7.0', 'local-memdev': 'mem'}");
    d = qdmashare_machine_device(m, 7);
    qdmashare_start(d);
    qdmashare_local_buf(d, 1, 123, sizeof(noise), 0);
    qdmashare_assert_checksum(d, 1, 0, noise, sizeof(noise));
    qdmashare_free(d);
    qpci_unplug_acpi_device_test(m->qts, "again", 7);
    rsp = qtest_qmp(m->qts, "{ 'execute': 'object-del',"
                    "  'arguments': { 'id': 'mem' } }");
    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    qdmashare_machine_free(m);
}

/* What must be refused, and all that is said of it. */
typedef struct BadProperty {
    const char *name;
    int64_t value;
    const char *text;
} BadProperty;

static const BadProperty bad_properties[] = {
    { "local-size", 1, "dmashare: property 'local-size' is 1; permitted are "
      "4096 to 1099511627776" },
    { "local-size", 2048, "dmashare: property 'local-size' is 2048; "
      "permitted are 4096 to 1099511627776" },
    { "local-size", 12288, "dmashare: property 'local-size' is 12288; "
      "permitted are powers of two, or 0 for none" },
    { "local-size", 4097, "dmashare: property 'local-size' is 4097; "
      "permitted are powers of two, or 0 for none" },
    { "local-size", 2199023255552, "dmashare: property 'local-size' is "
      "2199023255552; permitted are 4096 to 1099511627776" },
    { "cache-size", 0, "dmashare: property 'cache-size' is 0; permitted are "
      "4096 to 4294967296" },
    { "cache-size", 4095, "dmashare: property 'cache-size' is 4095; "
      "permitted are 4096 to 4294967296" },
    { "cache-size", 4294967297, "dmashare: property 'cache-size' is "
      "4294967297; permitted are 4096 to 4294967296" },
};

static void test_bad_properties(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M pc -object memory-backend-ram,id=odd,size=12M"
        " -object memory-backend-ram,id=good,size=16M");
    QDict *args;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(bad_properties); i++) {
        g_autofree char *text = NULL;

        args = qdict_new();
        qdict_put_int(args, bad_properties[i].name, bad_properties[i].value);
        text = qdmashare_machine_refuses(m, args);
        g_assert_cmpstr(text, ==, bad_properties[i].text);
    }
    {
        g_autofree char *odd = NULL, *both = NULL, *none = NULL;

        args = qdict_new();
        qdict_put_str(args, "local-memdev", "odd");
        odd = qdmashare_machine_refuses(m, args);
        g_assert_cmpstr(odd, ==, "dmashare: property 'local-memdev': memory "
                        "backend 'odd' has 12582912 bytes; permitted are "
                        "powers of two from 4096 to 1099511627776");
        args = qdict_new();
        qdict_put_str(args, "local-memdev", "good");
        qdict_put_int(args, "local-size", 4096);
        both = qdmashare_machine_refuses(m, args);
        g_assert_cmpstr(both, ==, "dmashare: give property 'local-size' or "
                        "'local-memdev', not both");
        args = qdict_new();
        qdict_put_str(args, "local-memdev", "missing");
        none = qdmashare_machine_refuses(m, args);
        g_assert_nonnull(strstr(none, "missing"));
    }
    /* No trace is left of any: the good one may be used. */
    qtest_qmp_device_add(m->qts, "dmashare", "ok",
                         "{'addr': '5.0', 'local-memdev': 'good',"
                         " 'coherent': false, 'cache-size': 4096}");
    qdmashare_free(qdmashare_machine_device(m, 5));
    qdmashare_machine_free(m);
}

static void test_smallest(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=4096");
    QDmashare *d = m->d;
    struct dmashare_segment seg = { 1, 4096 };
    uint8_t noise[4096];

    qdmashare_noise(noise, sizeof(noise), 2);
    qdmashare_local_buf(d, 1, 0, 4096, 0);
    qtest_bufwrite(d->qts, d->local, noise, sizeof(noise));
    qdmashare_assert_checksum(d, 1, 0, noise, sizeof(noise));
    g_assert_cmphex(qdmashare_map_local(d, 2, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_BAD_SEGMENT);
}

/* A buffer in pieces of 16 GiB of memory, of which next to nothing is used. */
static void sparse(QDmashareMachine *m, const struct dmashare_segment *seg,
                   unsigned n)
{
    QDmashare *d = m->d;
    uint8_t noise[9000];
    uint64_t size = 0, at;
    struct dmashare_ledger l;
    struct dmashare_desc desc;
    unsigned i;

    for (i = 0; i < n; i++) {
        size += seg[i].len;
    }
    qdmashare_buffer(d, 1, size);
    g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, seg, n), ==,
                    DMASHARE_STATUS_OK);

    /* Both ends of every segment, the inner ones over the seam. */
    for (i = 0, at = 0; i < n; i++) {
        uint64_t end = seg[i].addr + seg[i].len;

        qdmashare_noise(noise, sizeof(noise), 70 + i);
        qtest_bufwrite(d->qts, d->local + end - 4500, noise, 4500);
        at += seg[i].len;
        if (i + 1 < n) {
            qtest_bufwrite(d->qts, d->local + seg[i + 1].addr, noise + 4500,
                           4500);
            qdmashare_assert_checksum(d, 1, at - 4500, noise, 9000);
        } else {
            qdmashare_assert_checksum(d, 1, at - 4500, noise, 4500);
        }
        qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, at - 16, 16,
                                              0x0123456789abcdefULL + i));
        g_assert_cmphex(qtest_readq(d->qts, d->local + end - 8), ==,
                        0x0123456789abcdefULL + i);
    }

    /* Rows whose pitch alone is more than 32 bits, and one byte too far. */
    if (size > 4 * GiB) {
        desc = qdmashare_fill(d, 0, 1, 3, 5, 0x1b1b1b1b1b1b1b1bULL);
        desc.job.rows = 2;
        desc.job.dst.pitch = size - 8;
        qdmashare_assert_ok(d, desc);
        g_assert_cmphex(qtest_readl(d->qts, d->local + seg[0].addr + 3), ==,
                        0x1b1b1b1b);
        g_assert_cmphex(qtest_readb(d->qts, d->local + seg[n - 1].addr +
                                    seg[n - 1].len - 1), ==, 0x1b);
        desc.job.dst.pitch++;
        desc.job.seqno = qdmashare_next(d, 0);
        qdmashare_fault(d, desc, &(QDmashareFault) {
            .status = DMASHARE_STATUS_FAULT_BOUNDS,
            .mapping = 1, .offset = 3, .addr = UINT64_MAX, .write = true,
        });
    }
    qdmashare_ledger(d, 1, &l);
    g_assert_cmpuint(l.live_segments, ==, n);
    g_assert_cmpuint(l.bytes_read, ==, 4500 + (n - 1) * 9000);
    qdmashare_unmap(d, 1);
    qdmashare_destroy(d, 1);
}

static void test_sparse(void)
{
    static const struct dmashare_segment one[][1] = {
        { { 0, 4 * GiB - 4096 } },
        { { 4096, 4 * GiB } },
        { { 8 * GiB, 8 * GiB } },
        { { 1, 16 * GiB - 1 } },
    };
    static const struct dmashare_segment many[] = {
        { 12 * GiB, 4 * GiB - 4096 },
        { 4096, 4 * GiB },
        { 4 * GiB + 8192, 4 * GiB + 12288 },
        { 9 * GiB, 8192 },
    };
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=16G");
    size_t i;

    g_assert_cmphex(m->d->local_size, ==, SPARSE);
    g_assert_cmphex(qdmashare_readl(m->d, DMASHARE_REG_LOCAL_SIZE_LO), ==, 0);
    g_assert_cmphex(qdmashare_readl(m->d, DMASHARE_REG_LOCAL_SIZE_HI), ==, 4);
    for (i = 0; i < ARRAY_SIZE(one); i++) {
        sparse(m, one[i], 1);
    }
    sparse(m, many, ARRAY_SIZE(many));
}

static void test_long_jobs(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
        "local-size=16G,max-job-bytes=4294967296");
    QDmashare *d = m->d;
    QDmashareBuf buf = qdmashare_local_buf(d, 1, 4096, 9 * GiB, 0);
    struct dmashare_desc desc;
    struct dmashare_ledger l;

    /*
     * 4 GiB of zeros in one job is what is permitted, and not a byte more.
     * The host hands out no memory for it.
     */
    desc = qdmashare_fill(d, 0, 1, 5, 4 * GiB + 1, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_BAD_LENGTH);
    qtest_memset(d->qts, buf.phys, 0xcc, 64);
    qtest_memset(d->qts, buf.phys + 4 * GiB - 8, 0xcc, 64);
    qtest_memset(d->qts, buf.phys + 2 * GiB, 0xcc, 64);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 5, 4 * GiB, 0));
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0xccccccccccULL);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 8), ==, 0);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 2 * GiB), ==, 0);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 4 * GiB), ==,
                    0xcccccc0000000000ULL);
    qdmashare_ledger(d, 1, &l);
    g_assert_cmpuint(l.bytes_written, ==, 4 * GiB);
    g_assert_cmpuint(l.local_bytes_written, ==, 4 * GiB);

    /* From above 8 GiB to below. */
    qtest_memset(d->qts, buf.phys + 9 * GiB - 100, 0x9c, 100);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 1, 50, 1, 9 * GiB - 100,
                                          100));
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 142), ==,
                    0x9c9c9c9c9c9c9c9cULL);
    g_assert_cmphex(qtest_readb(d->qts, buf.phys + 150), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/local-size/memfd", test_memfd);
    qtest_add_func("/dmashare/local-size/shared-file", test_shared_file);
    qtest_add_func("/dmashare/local-size/private-file", test_private_file);
    qtest_add_func("/dmashare/local-size/memdev-plugged-again",
                   test_memdev_plugged_again);
    qtest_add_func("/dmashare/local-size/bad-properties",
                   test_bad_properties);
    qtest_add_func("/dmashare/local-size/smallest", test_smallest);
    qtest_add_func("/dmashare/local-size/sparse", test_sparse);
    qtest_add_func("/dmashare/local-size/long-jobs", test_long_jobs);
    return g_test_run();
}
