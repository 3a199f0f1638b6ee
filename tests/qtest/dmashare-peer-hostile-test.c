/*
 * dmashare: share servers that lie, and what the device makes of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-fake-server.h"
#include "libqos/dmashare-qmp.h"

#define SIZE        (16 * KiB)
#define SECOND      1000000000ULL

/* The device does all that it did before: it is welcomed and shown a buffer. */
static void assert_works(QDmashareFake *s, QDmashare *d)
{
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, F_SEAL_SHRINK, &bytes);
    uint32_t id;

    qdmashare_fake_welcome(s);
    qdmashare_fake_ready(s);
    id = qdmashare_fake_share(s, d, 1, fd, 0, SIZE, false);
    g_assert_cmphex(qdmashare_peer_map(d, id, 0, 0), ==, DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(d, d->window, bytes, SIZE);
    qdmashare_fake_withdraw(s, 1, 1, DMASHARE_WITHDRAW_RELEASED);
    qdmashare_fake_event_of(d, DMASHARE_EVENT_PEER_WITHDRAW, id, 0);
    g_assert_cmphex(qdmashare_peer_unmap(d, id), ==, DMASHARE_STATUS_OK);
    munmap(bytes, SIZE);
    close(fd);
}

/*
 * Memory
 */

/* What is given for a buffer of SIZE bytes. */
typedef struct Given {
    int fd;
    int list;                   /* or -1 */
    uint64_t offset;
    uint32_t n_ranges;
} Given;

/* It is announced, and cannot be mapped. */
static void assert_unmappable(QDmashareFake *s, QDmashare *d, uint32_t share,
                              const Given *given)
{
    int fds[2] = { given->fd, given->list };
    struct dmashare_msg open, msg;
    struct dmashare_event e;
    QObject *answer;

    qdmashare_fake_announce(s, share, 1, SIZE, false);
    open = qdmashare_fake_expect(s, DMASHARE_MSG_OPEN);
    msg = qdmashare_fake_msg(DMASHARE_MSG_OPENED, open.serial);
    msg.opened.share = cpu_to_le32(share);
    msg.opened.generation = cpu_to_le32(1);
    msg.opened.size = cpu_to_le64(SIZE);
    msg.opened.offset = cpu_to_le64(given->offset);
    msg.opened.n_ranges = cpu_to_le32(given->n_ranges);
    qdmashare_fake_send(s, &msg, fds, given->list >= 0 ? 2 : 1);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmphex(qdmashare_peer_map(d, e.mapping, 0, 0), ==,
                    DMASHARE_STATUS_NOT_SHAREABLE);
    /* Whoever asks is told why. */
    answer = qdmashare_qmp(d->qts, "query-dmashare-peers", "{ 'path': '%s' }",
                           QDMASHARE_ID);
    g_assert_cmpstr(qdmashare_str(answer, "buffers.0.refused"), !=, "");
    qobject_unref(answer);
    qdmashare_fake_withdraw(s, share, 1, DMASHARE_WITHDRAW_RELEASED);
    qdmashare_fake_event(d, DMASHARE_EVENT_PEER_WITHDRAW);
    g_assert_cmphex(qdmashare_peer_unmap(d, e.mapping), ==, DMASHARE_STATUS_OK);
}

static void test_memory(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    uint8_t *bytes;
    int soft = qdmashare_fake_memory(SIZE, F_SEAL_GROW, &bytes);
    int hard = qdmashare_fake_memory(SIZE * 2, F_SEAL_SHRINK, &bytes);
    int tiny = qdmashare_fake_memory(SIZE - 4096, F_SEAL_SHRINK, &bytes);
    int secret = open("/dev/zero", O_RDWR | O_CLOEXEC);
    FILE *plain = tmpfile();
    int pair[2];
    const Given given[] = {
        { soft, -1, 0, 1 },
        { tiny, -1, 0, 1 },
        { secret, -1, 0, 1 },
        { fileno(plain), -1, 0, 1 },
        { s->listener, -1, 0, 1 },
        { hard, -1, 1, 1 },
        { hard, -1, SIZE + 4096, 1 },
        { hard, -1, UINT64_MAX - 4095, 1 },
        { hard, -1, 0, 0 },
        { hard, -1, 0, 2 },
        { hard, hard, 0, 1 },
    };

    qdmashare_fake_welcome(s);
    for (unsigned i = 0; i < ARRAY_SIZE(given); i++) {
        g_test_message("case %u", i);
        assert_unmappable(s, m->d, i + 1, &given[i]);
    }
    g_assert_cmpint(pipe(pair), ==, 0);
    assert_unmappable(s, m->d, 100, &(Given) { pair[0], -1, 0, 1 });
    close(pair[0]);
    close(pair[1]);
    qdmashare_fake_hang_up(s);
    assert_works(s, m->d);
    fclose(plain);
}

static void test_lists(void)
{
    static const struct {
        uint64_t offset, length;
    } lists[][4] = {
        /* Shorter, longer, empty, not of pages, outside, around the end. */
        { { 0, 4096 }, { 4096, 4096 } },
        { { 0, 8192 }, { 4096, 8192 }, { 0, 4096 } },
        { { 0, 8192 }, { 0, 0 }, { 0, 8192 } },
        { { 0, 8192 }, { 4097, 8192 } },
        { { 0, 8192 }, { 4096, 8191 } },
        { { 0, 8192 }, { SIZE - 4096, 8192 } },
        { { 0, 8192 }, { UINT64_MAX - 4095, 8192 } },
        { { 0, 8192 }, { 4096, UINT64_MAX - 4095 } },
    };
    static const int seals[] = {
        F_SEAL_SHRINK | F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_WRITE, 0,
    };
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    uint8_t *bytes, *page;
    int fd = qdmashare_fake_memory(SIZE, F_SEAL_SHRINK, &bytes);

    qdmashare_fake_welcome(s);
    for (unsigned i = 0; i < ARRAY_SIZE(lists) + ARRAY_SIZE(seals); i++) {
        int list = qdmashare_fake_memory(4096, 0, &page);
        struct dmashare_range *range = (void *)page;
        unsigned n = 0;

        g_test_message("case %u", i);
        if (i < ARRAY_SIZE(lists)) {
            while (n < 4 && (lists[i][n].offset || lists[i][n].length || !n)) {
                range[n].offset = cpu_to_le64(lists[i][n].offset);
                range[n].length = cpu_to_le64(lists[i][n].length);
                n++;
            }
        } else {
            /* A good list in a file that may change, or ends too early. */
            n = i == ARRAY_SIZE(lists) ? SIZE / 4096 + 1 : 2;
            for (unsigned j = 0; j < n; j++) {
                range[j].offset = 0;
                range[j].length = cpu_to_le64(SIZE / n);
            }
        }
        munmap(page, 4096);
        g_assert_cmpint(fcntl(list, F_ADD_SEALS,
                              seals[i < ARRAY_SIZE(lists) ? 0 :
                                    i - ARRAY_SIZE(lists)]), ==, 0);
        assert_unmappable(s, m->d, i + 1, &(Given) { fd, list, 0, n });
        close(list);
    }
    assert_unmappable(s, m->d, 1000, &(Given) { fd, fd, 0, UINT32_MAX });
    qdmashare_fake_hang_up(s);
    assert_works(s, m->d);
    munmap(bytes, SIZE);
    close(fd);
}

/* A connection whose last close() takes until all was sent, which is never. */
static int lingering(int *other)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    struct linger linger = { .l_onoff = 1, .l_linger = 600 };
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static char bytes[64 * KiB];

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), ==,
                    0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&addr, &len), ==,
                    0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    *other = accept(listener, NULL, NULL);
    g_assert_cmpint(*other, >=, 0);
    close(listener);
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
                               sizeof(linger)), ==, 0);
    while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
        /* Until nothing more goes. */
    }
    return fd;
}

static void test_linger(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    struct dmashare_msg open, msg;
    int other, fd;

    qdmashare_fake_welcome(s);
    qdmashare_fake_announce(s, 1, 1, SIZE, false);
    open = qdmashare_fake_expect(s, DMASHARE_MSG_OPEN);
    /* For nothing: it is not what was announced. */
    msg = qdmashare_fake_msg(DMASHARE_MSG_OPENED, open.serial);
    msg.opened.share = cpu_to_le32(2);
    msg.opened.n_ranges = cpu_to_le32(1);
    fd = lingering(&other);
    qdmashare_fake_begin(s, &msg, &fd, 1);
    /* The last reference is the device's, which has no whole message yet. */
    close(fd);
    qdmashare_fake_bytes(s, (uint8_t *)&msg + 1, sizeof(msg) - 1);
    qdmashare_fake_dropped(s);
    assert_works(s, m->d);
    close(other);
}

/*
 * Messages
 */

enum {
    WHEN_GREETED,               /* HELLO has come */
    WHEN_WELCOME,               /* WELCOME was sent */
    WHEN_ASKED,                 /* share 1 was announced, and OPEN has come */
    WHEN_HOLDING,               /* it is mapped, and hold 100 acquired */
};

#define CASE(when, type, serial, ...) { #type #__VA_ARGS__, when, \
    DMASHARE_MSG_##type, serial, { __VA_ARGS__ } }

/* A message at a time at which it must not come. */
static const struct Wrong {
    const char *name;
    unsigned when;
    uint32_t type;
    int serial;                 /* 1: of the last request, 2: of another */
    uint32_t word[8];           /* of the body */
} wrong[] = {
    CASE(WHEN_GREETED, WELCOME, 1, 0x12345678, 0x10000),
    CASE(WHEN_GREETED, WELCOME, 1, DMASHARE_MSG_MAGIC, 0x20000),
    CASE(WHEN_GREETED, WELCOME, 1, DMASHARE_MSG_MAGIC, 0x10001),
    CASE(WHEN_GREETED, WELCOME, 2, DMASHARE_MSG_MAGIC, 0x10000),
    CASE(WHEN_GREETED, DONE, 1),
    CASE(WHEN_GREETED, READY, 0),
    CASE(WHEN_GREETED, ANNOUNCE, 0, 1, 1, 4096),
    CASE(WHEN_GREETED, ERROR, 1, EACCES),
    CASE(WHEN_GREETED, ERROR, 0, EUSERS),
    CASE(WHEN_GREETED, HELLO, 1, DMASHARE_MSG_MAGIC, 0x10000),
    CASE(WHEN_GREETED, ACQUIRED, 1, 1, 1),
    CASE(WHEN_WELCOME, WELCOME, 2, DMASHARE_MSG_MAGIC, 0x10000),
    CASE(WHEN_WELCOME, DONE, 2),
    CASE(WHEN_WELCOME, ANNOUNCE, 0, 1, 1, 0),
    CASE(WHEN_WELCOME, ANNOUNCE, 0, 1, 1, 4095),
    CASE(WHEN_WELCOME, ANNOUNCE, 2, 1, 1, 4096),
    CASE(WHEN_WELCOME, ERROR, 0, EPROTO),
    CASE(WHEN_WELCOME, ENDED, 0, 1, 1, 0),
    CASE(WHEN_WELCOME, ENDED, 0, 1, 1, 4096),
    CASE(WHEN_WELCOME, GRANTED, 0, 1, 1, 4096),
    CASE(WHEN_WELCOME, OPEN, 2, 1, 1),
    CASE(WHEN_ASKED, DONE, 1),
    CASE(WHEN_ASKED, ERROR, 1, 0),
    CASE(WHEN_ASKED, ERROR, 1, 4096),
    CASE(WHEN_ASKED, ERROR, 2, ENOENT),
    CASE(WHEN_ASKED, OPENED, 1, 1, 1, SIZE, 0, 0, 0, 1),
    CASE(WHEN_HOLDING, GRANTED, 0, 1, 101, 5000),
    CASE(WHEN_HOLDING, ENDED, 0, 1, 100, 0),
    CASE(WHEN_HOLDING, ACQUIRED, 2, 1, 101),
};

/* Come to where the wrong message is sent; the serial of the last request. */
static uint32_t go(QDmashareFake *s, QDmashare *d, unsigned when, int fd)
{
    struct dmashare_msg msg;
    uint32_t id;

    if (when == WHEN_GREETED) {
        qdmashare_fake_accept(s);
        return qdmashare_fake_expect(s, DMASHARE_MSG_HELLO).serial;
    }
    qdmashare_fake_welcome(s);
    if (when == WHEN_WELCOME) {
        return 0;
    }
    if (when == WHEN_ASKED) {
        qdmashare_fake_announce(s, 1, 1, SIZE, false);
        return qdmashare_fake_expect(s, DMASHARE_MSG_OPEN).serial;
    }
    id = qdmashare_fake_share(s, d, 1, fd, 0, SIZE, true);
    g_assert_cmphex(qdmashare_peer_map(d, id, 0, 0), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_peer_acquire(d, id, 0, 9, SECOND), ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_fake_expect(s, DMASHARE_MSG_ACQUIRE);
    qdmashare_fake_acquired(s, &msg, 1, 100);
    return msg.serial;
}

static void test_messages(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    QDmashare *d = m->d;
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, F_SEAL_SHRINK, &bytes);

    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        const struct Wrong *w = &wrong[i];
        uint32_t serial;
        struct dmashare_msg msg;

        g_test_message("%s", w->name);
        serial = go(s, d, w->when, fd);
        msg = qdmashare_fake_msg(w->type, w->serial == 1 ? serial :
                                 w->serial == 2 ? cpu_to_le32(77) : 0);
        for (unsigned j = 0; j < ARRAY_SIZE(w->word); j++) {
            stl_le_p(msg.body + j * 4, w->word[j]);
        }
        qdmashare_fake_send(s, &msg, NULL, 0);
        qdmashare_fake_dropped(s);
        if (w->when == WHEN_HOLDING) {
            struct dmashare_event e;

            qdmashare_fake_event_of(d, DMASHARE_EVENT_PEER_GRANTED, 9,
                                    ECONNRESET);
            e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_WITHDRAW);
            g_assert_cmpuint(e.offset, ==, ECONNRESET);
            g_assert_cmphex(qdmashare_peer_unmap(d, e.mapping), ==,
                            DMASHARE_STATUS_OK);
        }
    }
    assert_works(s, d);
    munmap(bytes, SIZE);
    close(fd);
}

/* A hold's id twice, grants twice. */
static void test_twice(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    QDmashare *d = m->d;
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, F_SEAL_SHRINK, &bytes);
    struct dmashare_event e;

    go(s, d, WHEN_HOLDING, fd);
    qdmashare_fake_granted(s, 1, 100, 0, 1);
    qdmashare_fake_event(d, DMASHARE_EVENT_PEER_GRANTED);
    qdmashare_fake_granted(s, 1, 100, 0, 1);
    qdmashare_fake_dropped(s);
    qdmashare_fake_event(d, DMASHARE_EVENT_PEER_GRANTED);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_WITHDRAW);
    g_assert_cmphex(qdmashare_peer_unmap(d, e.mapping), ==, DMASHARE_STATUS_OK);
    assert_works(s, d);
    munmap(bytes, SIZE);
    close(fd);
}

/*
 * A flood: more than anybody can know, of notices about nothing, in pieces of
 * any length, with the driver's ring switched off.
 */
static void test_flood(void)
{
    g_autoptr(QDmashareFake) s = qdmashare_fake_new();
    g_autoptr(QDmashareMachine) m = qdmashare_fake_machine(s, "");
    QDmashare *d = m->d;
    uint64_t seed = 1;
    uint8_t *bytes;
    int fd = qdmashare_fake_memory(SIZE, F_SEAL_SHRINK, &bytes);
    QObject *answer;

    qdmashare_fake_welcome(s);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_fake_announce(s, 1, 1, SIZE, true);
    qdmashare_fake_opened(s, 1, SIZE, true, fd, 0);
    for (unsigned i = 0; i < 20000; i++) {
        struct dmashare_msg msg = qdmashare_fake_msg(
            DMASHARE_MSG_ANNOUNCE + qdmashare_random(&seed) % 5, 0);
        size_t cut = qdmashare_random(&seed) % sizeof(msg);

        msg.announce.share = cpu_to_le32(1 + i % 6000);
        msg.announce.generation = cpu_to_le32(1);
        switch (le32_to_cpu(msg.type)) {
        case DMASHARE_MSG_ANNOUNCE:
            msg.announce.size = cpu_to_le64(SIZE);
            break;
        case DMASHARE_MSG_CONTENT:
            msg.content.sequence = cpu_to_le64(i + 1);
            break;
        case DMASHARE_MSG_ENDED:
            msg.ended.hold = cpu_to_le32(i + 1);
            msg.ended.error = cpu_to_le32(ETIMEDOUT);
            break;
        case DMASHARE_MSG_GRANTED:
            msg.granted.hold = cpu_to_le32(i + 1);
            break;
        }
        qdmashare_fake_bytes(s, &msg, cut);
        qdmashare_fake_bytes(s, (uint8_t *)&msg + cut, sizeof(msg) - cut);
    }
    /* Holds of contents that are not wanted, and releases that nobody reads. */
    for (unsigned i = 0; i < 20000; i++) {
        qdmashare_fake_content(s, 1, 1, i + 1, i + 1);
    }
    answer = qdmashare_qmp(d->qts, "query-dmashare-peers", "{ 'path': '%s' }",
                           QDMASHARE_ID);
    g_assert_cmpuint(qdmashare_num(answer, "shares"), <=, 4096);
    qobject_unref(answer);
    /* A new connection is a sign that the old one is over. */
    qdmashare_fake_accept(s);
    qdmashare_fake_expect(s, DMASHARE_MSG_HELLO);
    qdmashare_reset(d);
    qdmashare_start(d);
    qdmashare_fake_hang_up(s);
    assert_works(s, d);
    munmap(bytes, SIZE);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/peer/hostile/memory", test_memory);
    qtest_add_func("/dmashare/peer/hostile/lists", test_lists);
    qtest_add_func("/dmashare/peer/hostile/linger", test_linger);
    qtest_add_func("/dmashare/peer/hostile/messages", test_messages);
    qtest_add_func("/dmashare/peer/hostile/twice", test_twice);
    qtest_add_func("/dmashare/peer/hostile/flood", test_flood);
    return g_test_run();
}
