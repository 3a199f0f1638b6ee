/*
 * dmashare: buffers of another VM that go, and come again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-foreign.h"
#include "libqos/dmashare-qmp.h"
#include "libqos/pci-pc.h"

#define HALF        QDMASHARE_FOREIGN_HALF
#define SIZE        QDMASHARE_FOREIGN_SIZE
#define SHARE       QDMASHARE_FOREIGN_SHARE
#define SEALS       (F_SEAL_SHRINK | F_SEAL_GROW)
#define SECOND      1000000000ULL

/* A job's fault at the start of a mapping of a buffer that is gone. */
static void assert_dead(QDmashare *d, uint32_t mapping)
{
    struct dmashare_desc desc = qdmashare_checksum(d, 0, mapping, 0, 4096);
    QDmashareFault fault = {
        .status = DMASHARE_STATUS_FAULT_DEAD_MAPPING, .mapping = mapping,
        .addr = ~0ULL,
    };

    qdmashare_fault(d, desc, &fault);
}

static void test_withdraw(void)
{
    struct dmashare_event e;
    QDmashare *d;
    QDmashareForeign w;

    qdmashare_foreign_start(&w, "");
    d = w.d;
    qdmashare_foreign_map(&w, DMASHARE_PEER_MAP_F_WRITE, HALF);
    qdmashare_peer_buf(d, 1, HALF, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_assert_checksum(d, 1, 0, w.bytes, SIZE);

    /* Of another generation: nothing happens. */
    qdmashare_fake_withdraw(w.s, SHARE, 2, DMASHARE_WITHDRAW_RELEASED);
    qdmashare_fake_withdraw(w.s, 99, 1, DMASHARE_WITHDRAW_RELEASED);
    qdmashare_fake_sync(w.s);
    qdmashare_assert_no_event(d);

    /* Moved: the same share, but another foreign buffer. */
    qdmashare_fake_withdraw(w.s, SHARE, 1, DMASHARE_WITHDRAW_MOVED);
    e = qdmashare_fake_event_of(d, DMASHARE_EVENT_PEER_WITHDRAW, w.id, 0);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_OK);
    qdmashare_assert_zero(d, d->window, 2 * HALF);
    assert_dead(d, 1);
    g_assert_cmphex(qdmashare_peer_info(d, w.id).flags &
                    DMASHARE_PEER_F_WITHDRAWN, ==, DMASHARE_PEER_F_WITHDRAWN);
    g_assert_cmphex(qdmashare_peer_map(d, w.id, 0, 0), ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_peer_acquire(d, w.id, 0, 1, SECOND), ==,
                    DMASHARE_STATUS_BAD_ID);

    qdmashare_fake_announce(w.s, SHARE, 2, SIZE, true);
    qdmashare_fake_opened(w.s, SHARE, SIZE, true, w.fd, 0);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmpuint(e.mapping, !=, w.id);
    /* In the same place, where the old mapping does not see it. */
    g_assert_cmphex(qdmashare_peer_map(d, e.mapping, DMASHARE_PEER_MAP_F_WRITE,
                                       HALF), ==, DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(d, d->window + HALF, w.bytes - SIZE, SIZE);
    assert_dead(d, 1);
    qdmashare_peer_buf(d, 2, HALF, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_assert_checksum(d, 2, 0, w.bytes - SIZE, SIZE);

    /* Forgotten: the id is free of meaning. */
    g_assert_cmphex(qdmashare_peer_unmap(d, w.id), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_peer_unmap(d, w.id), ==, DMASHARE_STATUS_BAD_ID);

    /* Unmapped and mapped again by the driver: the same. */
    g_assert_cmphex(qdmashare_peer_unmap(d, e.mapping), ==, DMASHARE_STATUS_OK);
    assert_dead(d, 2);
    g_assert_cmphex(qdmashare_peer_map(d, e.mapping, 0, 0), ==,
                    DMASHARE_STATUS_OK);
    assert_dead(d, 2);
    qdmashare_unmap(d, 2);

    /* Another generation without a word of the old one. */
    qdmashare_fake_announce(w.s, SHARE, 3, SIZE, false);
    g_assert_cmpuint(qdmashare_fake_event(d, DMASHARE_EVENT_PEER_WITHDRAW)
                     .mapping, ==, e.mapping);
    qdmashare_fake_opened(w.s, SHARE, SIZE, false, w.fd, 0);
    qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    qdmashare_fake_withdraw(w.s, SHARE, 3, DMASHARE_WITHDRAW_RESET);
    qdmashare_fake_event(d, DMASHARE_EVENT_PEER_WITHDRAW);
    qdmashare_fake_sync(w.s);
    qdmashare_foreign_stop(&w);
}

/* Nobody was told of it: it never was. */
static void test_unannounced(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    QDmashare *d = m->d;
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, SEALS, &bytes);
    struct dmashare_event e;

    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_fake_welcome(s);
    for (uint32_t share = 1; share <= 3; share++) {
        qdmashare_fake_announce(s, share, 1, SIZE, false);
        qdmashare_fake_opened(s, share, SIZE, false, fd, 0);
    }
    qdmashare_fake_withdraw(s, 2, 1, DMASHARE_WITHDRAW_RELEASED);
    qdmashare_fake_content(s, 3, 1, 4, 0);
    qdmashare_fake_content(s, 3, 1, 5, 0);
    qdmashare_fake_sync(s);
    qdmashare_events_setup(d, QDMASHARE_ENTRIES);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmpuint(qdmashare_peer_info(d, e.mapping).share, ==, 1);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmpuint(qdmashare_peer_info(d, e.mapping).share, ==, 3);
    /* The last contents alone. */
    g_assert_cmpuint(qdmashare_fake_event(d, DMASHARE_EVENT_PEER_CONTENT)
                     .offset, ==, 5);
    qdmashare_assert_no_event(d);
    munmap(bytes, SIZE);
    close(fd);
}

static void test_lost(void)
{
    QDmashare *d;
    QDmashareForeign w;
    struct dmashare_event e;
    struct dmashare_msg acquire;
    QDict *told;

    qdmashare_foreign_start(&w, "");
    d = w.d;
    told = qtest_qmp_eventwait_ref(d->qts, "DMASHARE_PEER");
    qdmashare_assert_num(told, "data.connected", 1);
    qdmashare_assert_str(told, "data.device", QDMASHARE_FAKE_DEVICE);
    qobject_unref(told);
    qdmashare_foreign_map(&w, 0, 0);
    qdmashare_peer_buf(d, 1, 0, SIZE, DMASHARE_DIR_TO_DEVICE);
    g_assert_cmphex(qdmashare_peer_acquire(d, w.id, 0, 5, SECOND), ==,
                    DMASHARE_STATUS_OK);
    acquire = qdmashare_fake_expect(w.s, DMASHARE_MSG_ACQUIRE);
    g_assert_cmpuint(le64_to_cpu(acquire.acquire.deadline), ==, SECOND);

    qdmashare_fake_hang_up(w.s);
    e = qdmashare_fake_event_of(d, DMASHARE_EVENT_PEER_GRANTED, 5, ECONNRESET);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_COMMANDED);
    e = qdmashare_fake_event_of(d, DMASHARE_EVENT_PEER_WITHDRAW, w.id,
                                ECONNRESET);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_COMMANDED);
    qdmashare_assert_zero(d, d->window, HALF);
    assert_dead(d, 1);
    g_assert_cmphex(qdmashare_peer_release(d, 5, 0), ==,
                    DMASHARE_STATUS_BAD_ID);
    told = qtest_qmp_eventwait_ref(d->qts, "DMASHARE_PEER");
    qdmashare_assert_num(told, "data.connected", 0);
    g_assert_cmpstr(qdmashare_str(QOBJECT(told), "data.why"), !=, "");
    qobject_unref(told);

    /* It comes again, and everything with it. */
    qdmashare_fake_welcome(w.s);
    e.mapping = qdmashare_fake_share(w.s, d, SHARE, w.fd, SIZE, SIZE, true);
    g_assert_cmpuint(e.mapping, !=, w.id);
    g_assert_cmphex(qdmashare_peer_map(d, e.mapping, 0, 0), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(d, d->window, w.bytes, SIZE);
    assert_dead(d, 1);
    g_assert_cmphex(qdmashare_peer_unmap(d, w.id), ==, DMASHARE_STATUS_OK);
    qdmashare_foreign_stop(&w);
}

/* Wait until there is no connection for this reason. */
static void assert_away(QDmashare *d, const char *why)
{
    int64_t end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    bool away = false;

    while (!away) {
        QObject *answer = qdmashare_qmp(d->qts, "query-dmashare-peers",
                                        "{ 'path': '%s' }", QDMASHARE_ID);

        away = qdmashare_at(answer, "why") &&
               !strcmp(qdmashare_str(answer, "why"), why);
        qobject_unref(answer);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(QDMASHARE_PAUSE_US);
    }
}

/* A server that comes later than the device. */
static void test_late(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = NULL;
    g_autofree char *elsewhere = g_strdup_printf("%s-later", s->path);
    QDict *told;

    g_assert_cmpint(rename(s->path, elsewhere), ==, 0);
    m = qdmashare_fake_machine(s, "");
    /* The event of it comes before anybody can see one. */
    assert_away(m->d, "No such file or directory");
    g_assert_cmpint(rename(elsewhere, s->path), ==, 0);
    qdmashare_fake_welcome(s);
    qdmashare_fake_ready(s);
    told = qtest_qmp_eventwait_ref(m->qts, "DMASHARE_PEER");
    qdmashare_assert_num(told, "data.connected", 1);
    qobject_unref(told);
}

static void test_reset(void)
{
    struct dmashare_msg msg;
    struct dmashare_event e;
    QDmashare *d;
    QDmashareForeign w;

    qdmashare_foreign_start(&w, "");
    d = w.d;
    qdmashare_foreign_map(&w, DMASHARE_PEER_MAP_F_SUBSCRIBE, 0);
    qdmashare_fake_subscribed(w.s, SHARE, true);
    g_assert_cmphex(qdmashare_peer_acquire(d, w.id, 0, 1, SECOND), ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_fake_expect(w.s, DMASHARE_MSG_ACQUIRE);
    g_assert_cmphex(qdmashare_peer_acquire(d, w.id, 0, 2, SECOND), ==,
                    DMASHARE_STATUS_OK);

    qdmashare_reset(d);
    qdmashare_assert_zero(d, d->window, 2 * HALF);
    /* One hold is given back when its id is known; the other likewise. */
    {
        struct dmashare_msg second = qdmashare_fake_expect(
            w.s, DMASHARE_MSG_ACQUIRE);
        struct dmashare_msg off = qdmashare_fake_expect(
            w.s, DMASHARE_MSG_SUBSCRIBE);

        g_assert_cmpuint(le32_to_cpu(off.subscribe.on), ==, 0);
        qdmashare_fake_acquired(w.s, &msg, SHARE, 41);
        msg = qdmashare_fake_expect(w.s, DMASHARE_MSG_RELEASE);
        g_assert_cmpuint(le32_to_cpu(msg.release.hold), ==, 41);
        g_assert_cmpuint(le32_to_cpu(msg.release.error), ==, ECANCELED);
        qdmashare_fake_error(w.s, &second, ENOSPC);
        qdmashare_fake_done(w.s, &off);
        qdmashare_fake_done(w.s, &msg);
    }
    qdmashare_fake_sync(w.s);

    /* It is told of everything anew, without the server's help. */
    qdmashare_start(d);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmpuint(qdmashare_peer_info(d, e.mapping).share, ==, SHARE);
    g_assert_cmphex(qdmashare_peer_map(d, e.mapping, 0, 0), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(d, d->window, w.bytes, SIZE);
    qdmashare_assert_no_event(d);
    qdmashare_fake_sync(w.s);
    qdmashare_foreign_stop(&w);
}

/* A device that answers no more has no connection either. */
static void test_link(void)
{
    QDmashareForeign w;

    qdmashare_foreign_start(&w, "");
    qdmashare_foreign_map(&w, 0, 0);
    qdmashare_qmp_do(w.d->qts, "dmashare-pci-fault",
                     "{ 'path': '%s', 'fault': 'link-down' }", QDMASHARE_ID);
    qdmashare_fake_dropped(w.s);
    assert_away(w.d, "the device is gone");
    g_assert_cmphex(qtest_readq(w.d->qts, w.d->window), ==, UINT64_MAX);
    qdmashare_qmp_do(w.d->qts, "dmashare-pci-fault",
                     "{ 'path': '%s', 'fault': 'link-up' }", QDMASHARE_ID);
    qdmashare_fake_welcome(w.s);
    qdmashare_fake_sync(w.s);
    qdmashare_foreign_stop(&w);
}

/* Out of its slot, with everything under way. */
static void test_unplug(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autofree char *props = g_strdup_printf(
        "id=" QDMASHARE_ID ",peer=unix:%s,peer-size=1M,local-size=64K",
        s->path);
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", props);
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, SEALS, &bytes);
    uint32_t id;

    qdmashare_fake_welcome(s);
    qdmashare_fake_ready(s);
    id = qdmashare_fake_share(s, m->d, 1, fd, 0, SIZE, true);
    g_assert_cmphex(qdmashare_peer_map(m->d, id, DMASHARE_PEER_MAP_F_WRITE,
                                       HALF), ==, DMASHARE_STATUS_OK);
    qdmashare_peer_buf(m->d, 1, HALF, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    g_assert_cmphex(qdmashare_peer_acquire(m->d, id, 0, 1, SECOND), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_fake_expect(s, DMASHARE_MSG_ACQUIRE);
    qpci_unplug_acpi_device_test(m->qts, QDMASHARE_ID, QDMASHARE_SLOT);
    qdmashare_fake_dropped(s);
    munmap(bytes, SIZE);
    close(fd);
}

/* As many as can be known; the next one comes when one is forgotten. */
static void test_many(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    QDmashare *d = m->d;
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, SEALS, &bytes);
    uint32_t first = 0;
    struct dmashare_event e;

    qdmashare_fake_welcome(s);
    for (uint32_t share = 1; share <= DMASHARE_MAX_OPEN + 2; share++) {
        qdmashare_fake_announce(s, share, 1, SIZE, false);
    }
    for (uint32_t share = 1; share <= DMASHARE_MAX_OPEN; share++) {
        qdmashare_fake_opened(s, share, SIZE, false, fd, 0);
        e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
        first = first ? first : e.mapping;
    }
    /* Withdrawn is not forgotten. */
    qdmashare_fake_withdraw(s, 1, 1, DMASHARE_WITHDRAW_RELEASED);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_WITHDRAW);
    g_assert_cmpuint(e.mapping, ==, first);
    g_assert_cmphex(qdmashare_peer_unmap(d, first), ==, DMASHARE_STATUS_OK);
    qdmashare_fake_opened(s, DMASHARE_MAX_OPEN + 1, SIZE, false, fd, 0);
    qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    qdmashare_assert_no_event(d);
    munmap(bytes, SIZE);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/peer/withdraw", test_withdraw);
    qtest_add_func("/dmashare/peer/unannounced", test_unannounced);
    qtest_add_func("/dmashare/peer/lost", test_lost);
    qtest_add_func("/dmashare/peer/late", test_late);
    qtest_add_func("/dmashare/peer/reset", test_reset);
    qtest_add_func("/dmashare/peer/link", test_link);
    qtest_add_func("/dmashare/peer/unplug", test_unplug);
    qtest_add_func("/dmashare/peer/many", test_many);
    return g_test_run();
}
