/*
 * dmashare: buffers of another VM, whose share server the test plays
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "qemu/units.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "libqos/dmashare-foreign.h"
#include "libqos/dmashare-qmp.h"

#define HALF        QDMASHARE_FOREIGN_HALF
#define SIZE        QDMASHARE_FOREIGN_SIZE
#define SHARE       QDMASHARE_FOREIGN_SHARE
#define SEALS       (F_SEAL_SHRINK | F_SEAL_GROW)

/*
 * The window
 */

static void test_bar(void)
{
    static const struct {
        const char *local;
        uint64_t offset, bar;
    } cases[] = {
        { "", 0, 2 * MiB },
        { "local-size=64K", HALF, 4 * MiB },
        { "local-size=2M", 2 * MiB, 4 * MiB },
        { "local-size=16M", 16 * MiB, 32 * MiB },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(QDmashareFake) s = qdmashare_fake_new();
        g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s,
                                                               cases[i].local);
        QDmashare *d = m->d;
        uint32_t low = PCI_BASE_ADDRESS_0 + DMASHARE_BAR_LOCAL * 4;
        uint64_t bar;

        g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
                        DMASHARE_FEATURE_PEER, ==, DMASHARE_FEATURE_PEER);
        g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_PEER_OFFSET_LO), ==,
                        cases[i].offset);
        g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_PEER_SIZE_LO), ==,
                        HALF);
        g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_PEERS), ==,
                         DMASHARE_MAX_OPEN);
        g_assert_cmpuint(qdmashare_readl(d, DMASHARE_REG_MAX_HOLDS), >, 0);

        /* Empty, and the first half cannot be written. */
        qdmashare_assert_zero(d, d->window, 2 * HALF);
        qtest_writeq(d->qts, d->window + HALF - 8, UINT64_MAX);
        qtest_writeq(d->qts, d->window + HALF, 0x1234);
        qdmashare_assert_zero(d, d->window, HALF);
        g_assert_cmphex(qtest_readq(d->qts, d->window + HALF), ==, 0x1234);
        if (d->local_size) {
            qtest_writeq(d->qts, d->local + d->local_size - 8, 0x5678);
            g_assert_cmphex(qtest_readq(d->qts,
                                        d->local + d->local_size - 8),
                            ==, 0x5678);
        }

        qpci_config_writel(&d->dev, low, UINT32_MAX);
        qpci_config_writel(&d->dev, low + 4, UINT32_MAX);
        bar = qpci_config_readl(&d->dev, low) & PCI_BASE_ADDRESS_MEM_MASK;
        bar |= (uint64_t)qpci_config_readl(&d->dev, low + 4) << 32;
        g_assert_cmphex(-bar, ==, cases[i].bar);
    }
}

/* Without the property there is neither the feature nor the commands. */
static void test_none(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M q35", "local-size=1M");
    QDmashare *d = m->d;
    struct dmashare_desc create = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = 1, .size = 4096, .placement = DMASHARE_PLACEMENT_PEER,
        },
    };

    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
                    DMASHARE_FEATURE_PEER, ==, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_PEER_OFFSET_LO), ==, 0);
    g_assert_cmphex(qdmashare_readq(d, DMASHARE_REG_PEER_SIZE_LO), ==, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_MAX_PEERS), ==, 0);
    for (unsigned op = DMASHARE_OP_PEER_QUERY; op <= DMASHARE_OP_PEER_RELEASE;
         op++) {
        struct dmashare_desc desc = { .opcode = op };

        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_OPCODE);
    }
    qdmashare_assert_command(d, &create, DMASHARE_STATUS_BAD_DESCRIPTOR);
    qdmashare_qmp_refused(d->qts, "a device with property 'peer'",
                          "query-dmashare-peers", "{ 'path': '%s' }",
                          "/machine/peripheral-anon/device[0]");
}

static void test_properties(void)
{
    static const struct {
        const char *name, *value, *text;
    } cases[] = {
        { "peer", "/tmp/socket", "expected is unix:PATH" },
        { "peer", "unix:", "expected is unix:PATH" },
        { "peer", "tcp:localhost:1", "expected is unix:PATH" },
        { "peer-size", "3145728", "powers of two" },
        { "peer-size", "32768", "65536 to" },
    };
    g_autoptr(QDmashareMachine) m = qdmashare_machine_new("-M pc");
    g_autofree char *path = g_strnfill(108, 'x');
    g_autofree char *address = g_strdup_printf("unix:%s", path);
    QDict *props;

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = NULL;

        props = qdict_new();
        qdict_put_str(props, "peer", "unix:/nowhere");
        qdict_put_str(props, cases[i].name, cases[i].value);
        if (!strcmp(cases[i].name, "peer-size")) {
            qdict_put_int(props, "peer-size", atoll(cases[i].value));
        }
        text = qdmashare_machine_refuses(m, props);
        g_assert_nonnull(strstr(text, cases[i].text));
    }
    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *text = NULL;

        props = qdict_new();
        qdict_put_str(props, "peer", i ? "unix:/nowhere" : address);
        if (i) {
            qdict_put_str(props, "record", "/nowhere/recording");
        }
        text = qdmashare_machine_refuses(m, props);
        g_assert_nonnull(strstr(text, i ? "cannot be recorded"
                                        : "at most 107 bytes"));
    }
}

/*
 * Foreign buffers
 */

static void test_info(void)
{
    g_autofree char *text = NULL, *want = NULL;
    struct dmashare_peer_info info;
    QObject *answer;
    QDmashareForeign w;

    qdmashare_foreign_start(&w, "");
    info = qdmashare_peer_info(w.d, w.id);
    g_assert_cmpuint(info.id, ==, w.id);
    g_assert_cmpuint(info.share, ==, SHARE);
    g_assert_cmpuint(info.generation, ==, 1);
    g_assert_cmphex(info.flags, ==, DMASHARE_PEER_F_WRITE);
    g_assert_cmpuint(info.size, ==, SIZE);
    g_assert_cmpuint(info.sequence, ==, SHARE * 10);
    g_assert_cmphex(info.fourcc, ==, 0x34325258);
    g_assert_cmpuint(info.width, ==, 640);
    g_assert_cmpuint(info.height, ==, 480);
    g_assert_cmpuint(info.stride, ==, 2560);
    g_assert_cmpstr((char *)info.name, ==, "share 7");
    g_assert_cmpstr((char *)info.device, ==, QDMASHARE_FAKE_DEVICE);

    qdmashare_foreign_map(&w, DMASHARE_PEER_MAP_F_WRITE, HALF + SIZE);
    answer = qdmashare_qmp(w.d->qts, "query-dmashare-peers",
                           "{ 'path': '%s' }", QDMASHARE_ID);
    qdmashare_assert_str(answer, "state", "ready");
    qdmashare_assert_str(answer, "device", QDMASHARE_FAKE_DEVICE);
    qdmashare_assert_absent(answer, "why");
    qdmashare_assert_num(answer, "shares", 1);
    qdmashare_assert_num(answer, "buffers.0.id", w.id);
    qdmashare_assert_num(answer, "buffers.0.offset", HALF + SIZE);
    qdmashare_assert_str(answer, "buffers.0.name", "share 7");
    qdmashare_assert_num(answer, "buffers.0.writable", 1);
    qdmashare_assert_num(answer, "buffers.0.withdrawn", 0);
    qdmashare_assert_absent(answer, "buffers.1");
    qobject_unref(answer);
    text = qtest_hmp(w.d->qts, "info dmashare " QDMASHARE_ID);
    want = g_strdup_printf("peer unix:%s: ready device owner shares 1",
                           w.s->path);
    g_assert_nonnull(strstr(text, want));
    g_assert_nonnull(strstr(text, "foreign buffer 1: share 7 size 65536 holds 0"
                            " writable at 0x110000"));

    /* What is announced anew is told anew. */
    qdmashare_fake_announce(w.s, SHARE, 1, SIZE, true);
    qdmashare_fake_content(w.s, SHARE, 1, 99, 0);
    qdmashare_fake_sync(w.s);
    g_assert_cmpuint(qdmashare_fake_event(w.d, DMASHARE_EVENT_PEER_CONTENT)
                     .offset, ==, 99);
    g_assert_cmpuint(qdmashare_peer_info(w.d, w.id).sequence, ==, 99);
    qdmashare_foreign_stop(&w);
}

static void test_bytes(void)
{
    QDmashareForeign w;
    QDmashare *d;

    qdmashare_foreign_start(&w, "");
    d = w.d;
    qdmashare_assert_zero(d, d->window, 2 * HALF);

    /* The first half shows it, and drops what is written. */
    qdmashare_foreign_map(&w, 0, HALF - SIZE);
    qdmashare_assert_bytes(d, d->window + HALF - SIZE, w.bytes, SIZE);
    qdmashare_assert_zero(d, d->window, HALF - SIZE);
    qdmashare_assert_zero(d, d->window + HALF, HALF);
    qtest_writeq(d->qts, d->window + HALF - SIZE, 1);
    qtest_writeb(d->qts, d->window + HALF - 1, ~w.bytes[SIZE - 1]);
    qdmashare_assert_bytes(d, d->window + HALF - SIZE, w.bytes, SIZE);
    /* Not a copy: what the owner writes is there at once. */
    qdmashare_noise(w.bytes, SIZE, 2);
    qdmashare_assert_bytes(d, d->window + HALF - SIZE, w.bytes, SIZE);

    g_assert_cmphex(qdmashare_peer_unmap(d, w.id), ==, DMASHARE_STATUS_OK);
    qdmashare_assert_zero(d, d->window, HALF);
    g_assert_cmphex(qdmashare_peer_unmap(d, w.id), ==, DMASHARE_STATUS_BAD_ID);

    /* The second writes it, to the byte. */
    qdmashare_foreign_map(&w, DMASHARE_PEER_MAP_F_WRITE, 2 * HALF - SIZE);
    qdmashare_assert_bytes(d, d->window + 2 * HALF - SIZE, w.bytes, SIZE);
    for (unsigned i = 0; i < SIZE; i += 4093) {
        uint8_t want = ~w.bytes[i];

        qtest_writeb(d->qts, d->window + 2 * HALF - SIZE + i, want);
        g_assert_cmphex(w.bytes[i], ==, want);
    }
    /* What is before it in the file is the owner's still. */
    {
        g_autofree uint8_t *noise = g_malloc(SIZE * 2);

        qdmashare_noise(noise, SIZE * 2, SIZE * 2);
        g_assert_cmpint(memcmp(w.bytes - SIZE, noise, SIZE), ==, 0);
    }
    g_assert_cmphex(qdmashare_peer_unmap(d, w.id), ==, DMASHARE_STATUS_OK);
    qdmashare_assert_zero(d, d->window + HALF, HALF);
    qdmashare_foreign_stop(&w);
}

static void test_jobs(void)
{
    g_autofree uint8_t *noise = g_malloc(SIZE);
    QDmashareBuf buf;
    QDmashare *d;
    QDmashareForeign w;

    qdmashare_foreign_start(&w, "coherent=off");
    d = w.d;
    qdmashare_foreign_map(&w, DMASHARE_PEER_MAP_F_WRITE, HALF);
    buf = qdmashare_buf(d, 1, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_peer_buf(d, 2, HALF, SIZE, DMASHARE_DIR_BIDIRECTIONAL);

    qdmashare_assert_checksum(d, 2, 0, w.bytes, SIZE);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 1, 1, 2, 2, SIZE - 2));
    qdmashare_sync(d, 1, DMASHARE_SYNC_F_FOR_CPU, DMASHARE_DIR_BIDIRECTIONAL,
                   0, SIZE);
    qdmashare_assert_bytes(d, buf.phys + 1, w.bytes + 2, SIZE - 2);

    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 3, SIZE - 10,
                                          0x0123456789abcdefULL));
    memcpy(noise, w.bytes, SIZE);
    qdmashare_pattern(noise + 3, SIZE - 10, 0x0123456789abcdefULL);
    g_assert_cmpint(memcmp(w.bytes, noise, SIZE), ==, 0);
    g_assert_cmphex(w.bytes[3], ==, 0xef);
    /* Zeros, too, are written and not made by giving pages back. */
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 0, SIZE, 0));
    memset(noise, 0, SIZE);
    g_assert_cmpint(memcmp(w.bytes, noise, SIZE), ==, 0);
    qdmashare_foreign_stop(&w);
}

/* Ranges of the file in any order, of which neighbours are one. */
static void test_ranges(void)
{
    static const uint32_t page[] = { 9, 3, 4, 5, 0, 15, 14, 2 };
    g_autofree uint8_t *want = g_malloc(sizeof(page) / 4 * 4096);
    uint64_t size = ARRAY_SIZE(page) * 4096;
    struct dmashare_range *ranges;
    struct dmashare_msg open, msg;
    struct dmashare_event e;
    uint8_t *list;
    int fds[2];
    QDmashareForeign w;

    qdmashare_foreign_start(&w, "");
    fds[0] = w.fd;
    fds[1] = qdmashare_fake_memory(4096, 0, &list);
    ranges = (void *)list;
    for (unsigned i = 0; i < ARRAY_SIZE(page); i++) {
        ranges[i].offset = cpu_to_le64(page[i] * 4096);
        ranges[i].length = cpu_to_le64(4096);
        memcpy(want + i * 4096, w.bytes - SIZE + page[i] * 4096, 4096);
    }
    munmap(list, 4096);
    g_assert_cmpint(fcntl(fds[1], F_ADD_SEALS, SEALS | F_SEAL_WRITE), ==, 0);

    qdmashare_fake_announce(w.s, 8, 1, size, false);
    open = qdmashare_fake_expect(w.s, DMASHARE_MSG_OPEN);
    msg = qdmashare_fake_msg(DMASHARE_MSG_OPENED, open.serial);
    msg.opened.share = cpu_to_le32(8);
    msg.opened.generation = cpu_to_le32(1);
    msg.opened.size = cpu_to_le64(size);
    msg.opened.offset = cpu_to_le64(page[0] * 4096);
    msg.opened.n_ranges = cpu_to_le32(ARRAY_SIZE(page));
    qdmashare_fake_send(w.s, &msg, fds, 2);
    e = qdmashare_fake_event(w.d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmphex(qdmashare_peer_map(w.d, e.mapping, 0, 4096), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(w.d, w.d->window + 4096, want, size);
    qdmashare_assert_zero(w.d, w.d->window + 4096 + size, SIZE);
    qdmashare_peer_buf(w.d, 1, 4096, size, DMASHARE_DIR_TO_DEVICE);
    qdmashare_assert_checksum(w.d, 1, 0, want, size);
    close(fds[1]);
    qdmashare_foreign_stop(&w);
}

static void test_refusals(void)
{
    static const struct {
        uint32_t flags;
        uint64_t offset;
        unsigned status;
    } maps[] = {
        { 4, 0, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { 0, 1, DMASHARE_STATUS_BAD_LENGTH },
        { 0, 4095, DMASHARE_STATUS_BAD_LENGTH },
        { 0, HALF - SIZE + 4096, DMASHARE_STATUS_BAD_LENGTH },
        { 0, HALF, DMASHARE_STATUS_BAD_LENGTH },
        { 0, UINT64_MAX - 4095, DMASHARE_STATUS_BAD_LENGTH },
        { DMASHARE_PEER_MAP_F_WRITE, 0, DMASHARE_STATUS_BAD_LENGTH },
        { DMASHARE_PEER_MAP_F_WRITE, 2 * HALF - 4096,
          DMASHARE_STATUS_BAD_LENGTH },
        { DMASHARE_PEER_MAP_F_WRITE, 2 * HALF, DMASHARE_STATUS_BAD_LENGTH },
        { DMASHARE_PEER_MAP_F_WRITE, HALF, DMASHARE_STATUS_READ_ONLY },
        { 0, SIZE, DMASHARE_STATUS_OVERLAP },
        { 0, SIZE - 4096, DMASHARE_STATUS_OVERLAP },
        { 0, 2 * SIZE - 4096, DMASHARE_STATUS_OVERLAP },
        { 0, 2 * SIZE, DMASHARE_STATUS_OK },
        { 0, 2 * SIZE, DMASHARE_STATUS_BUSY },
    };
    static const struct {
        uint64_t addr, len;
        unsigned direction, status;
    } segs[] = {
        { 0, 4096, DMASHARE_DIR_TO_DEVICE, DMASHARE_STATUS_BAD_SEGMENT },
        { SIZE - 1, 4096, DMASHARE_DIR_TO_DEVICE, DMASHARE_STATUS_BAD_SEGMENT },
        { 3 * SIZE - 4095, 4096, DMASHARE_DIR_TO_DEVICE,
          DMASHARE_STATUS_BAD_SEGMENT },
        /* Two of them are no place for one segment. */
        { 2 * SIZE - 100, 4096, DMASHARE_DIR_TO_DEVICE,
          DMASHARE_STATUS_BAD_SEGMENT },
        { UINT64_MAX - 4095, 4096, DMASHARE_DIR_TO_DEVICE,
          DMASHARE_STATUS_BAD_SEGMENT },
        { SIZE, 4096, DMASHARE_DIR_FROM_DEVICE, DMASHARE_STATUS_BAD_DIRECTION },
        { SIZE, 4096, DMASHARE_DIR_BIDIRECTIONAL,
          DMASHARE_STATUS_BAD_DIRECTION },
        { SIZE + 3, 4096, DMASHARE_DIR_TO_DEVICE, DMASHARE_STATUS_OK },
    };
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = 50, .size = 4096, .placement = DMASHARE_PLACEMENT_PEER,
            .flags = DMASHARE_BUFFER_F_IMPORTED,
        },
    };
    struct dmashare_segment seg = { SIZE, 4096 };
    uint8_t *bytes;
    uint32_t other;
    QDmashare *d;
    QDmashareForeign w;
    int fd;

    qdmashare_foreign_start(&w, "");
    d = w.d;
    fd = qdmashare_fake_memory(SIZE, SEALS, &bytes);
    other = qdmashare_fake_share(w.s, d, 8, fd, 0, SIZE, false);
    g_assert_cmpuint(other, !=, w.id);
    qdmashare_foreign_map(&w, 0, SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(maps); i++) {
        g_test_message("map %u", i);
        g_assert_cmphex(qdmashare_peer_map(d, other, maps[i].flags,
                                           maps[i].offset),
                        ==, maps[i].status);
    }
    g_assert_cmphex(qdmashare_peer_map(d, 0, 0, 0), ==, DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_peer_map(d, other + 1, 0, 0), ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_peer_unmap(d, other + 1), ==,
                    DMASHARE_STATUS_BAD_ID);

    /* Buffers and mappings of it. */
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.buffer.flags = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < ARRAY_SIZE(segs); i++) {
        struct dmashare_desc map = {
            .map = {
                .id = 60, .buffer = 50, .direction = segs[i].direction,
                .placement = DMASHARE_PLACEMENT_PEER,
            },
        };

        seg = (struct dmashare_segment) { segs[i].addr, segs[i].len };
        g_test_message("segment %u", i);
        g_assert_cmphex(qdmashare_map_with(d, map, &seg, 1), ==,
                        segs[i].status);
    }
    seg.addr = SIZE;
    g_assert_cmphex(qdmashare_map(d, 61, 50, DMASHARE_DIR_TO_DEVICE, &seg, 1),
                    ==, DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_place(d, 50, DMASHARE_PLACEMENT_SYSTEM), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    qdmashare_buffer(d, 51, 4096);
    g_assert_cmphex(qdmashare_place(d, 51, DMASHARE_PLACEMENT_PEER), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);

    /* A query is as that of a ledger. */
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_PEER_QUERY,
        .query = { .id = w.id, .addr = 4, .length = 112 },
    };
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.query.addr = qdmashare_dma(d, qdmashare_alloc(d, 4096));
    desc.query.length = 12;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    desc.query.length = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    desc.query.length = UINT32_MAX - 7;
    desc.query.id = 0;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc.query.id = w.id;
    g_assert_cmpuint(qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc).result, ==,
                     4096);
    desc.query.addr = QDMASHARE_NOWHERE;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_FAULT_TRANSLATION);
    desc.body[sizeof(desc.query)] = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    qdmashare_fake_sync(w.s);
    munmap(bytes, SIZE);
    close(fd);
    qdmashare_foreign_stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/peer/bar", test_bar);
    qtest_add_func("/dmashare/peer/none", test_none);
    qtest_add_func("/dmashare/peer/properties", test_properties);
    qtest_add_func("/dmashare/peer/info", test_info);
    qtest_add_func("/dmashare/peer/bytes", test_bytes);
    qtest_add_func("/dmashare/peer/jobs", test_jobs);
    qtest_add_func("/dmashare/peer/ranges", test_ranges);
    qtest_add_func("/dmashare/peer/refusals", test_refusals);
    return g_test_run();
}
