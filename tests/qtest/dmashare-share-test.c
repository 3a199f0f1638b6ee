/*
 * dmashare: sharing outside of the VM, with clients that obey
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include <sys/mman.h>
#include <glib/gstdio.h>
#include "libqtest.h"
#include "libqos/dmashare-client.h"

#define SIZE    (16 * KiB)
#define BUF     7
#define MS      (1000 * 1000ULL)
#define AT_ONCE 24

/* A device with local memory to share, a socket, and one client. */
typedef struct World {
    QDmashareSocket *socket;
    QDmashareMachine *m;
    QDmashare *d;
    QDmashareClient *c;
} World;

static World *world_new_with(const char *properties)
{
    World *w = g_new0(World, 1);
    g_autofree char *all = NULL;

    w->socket = qdmashare_socket_new();
    all = g_strdup_printf("id=dev,share=unix:%s,%s", w->socket->path,
                          properties);
    w->m = qdmashare_one("-M pc", all);
    w->d = w->m->d;
    w->c = qdmashare_client_new(w->socket->path, NULL);
    qdmashare_client_notice(w->c, DMASHARE_MSG_READY);
    return w;
}

static World *world_new(void)
{
    return world_new_with("local-size=1M,share-writable=on");
}

static void world_free(World *w)
{
    if (w->c) {
        qdmashare_client_free(w->c);
    }
    qdmashare_machine_free(w->m);
    qdmashare_socket_free(w->socket);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* A buffer at an offset of local memory, which is shared; its ANNOUNCE. */
static struct dmashare_msg share(World *w, uint32_t id, uint64_t offset,
                                 uint32_t flags)
{
    struct dmashare_completion done;
    struct dmashare_msg msg;

    qdmashare_local_buf(w->d, id, offset, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    done = qdmashare_share(w->d, id, id, flags);
    g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
    msg = qdmashare_client_announced(w->c);
    g_assert_cmpuint(le32_to_cpu(msg.announce.share), ==, done.result);
    return msg;
}

/* The same, and the client has it open. Its id. */
static uint32_t share_open(World *w, uint32_t id, uint32_t flags)
{
    struct dmashare_msg msg = share(w, id, 0, flags & DMASHARE_OPEN_F_WRITE
                                    ? DMASHARE_SHARE_WRITE : 0);

    qdmashare_client_open(w->c, &msg, flags);
    qdmashare_client_close_fds(w->c);
    return le32_to_cpu(msg.announce.share);
}

/*
 * The whole way: a client is announced a share, sees what the guest writes and
 * the other way round, holds it, and lets go.
 */
static void test_life(void)
{
    g_autoptr(World) w = world_new();
    struct dmashare_msg msg, announce;
    uint8_t *host, bytes[SIZE];
    uint32_t id, hold;

    announce = share(w, BUF, 4 * KiB, DMASHARE_SHARE_WRITE);
    g_assert_cmpuint(le64_to_cpu(announce.announce.size), ==, SIZE);
    g_assert_cmpuint(le32_to_cpu(announce.announce.generation), ==, 1);
    g_assert_cmpuint(le32_to_cpu(announce.announce.flags), ==,
                     DMASHARE_SHARE_F_WRITE);
    g_assert_cmpuint(le32_to_cpu(announce.announce.path), ==,
                     DMASHARE_PATH_LOCAL);
    g_assert_cmpstr((char *)announce.announce.name, ==, "local");
    g_assert_cmpuint(announce.announce.sequence, ==, 0);
    id = le32_to_cpu(announce.announce.share);

    for (unsigned i = 0; i < SIZE; i++) {
        bytes[i] = i * 7 + (i >> 8);
    }
    qtest_memwrite(w->m->qts, w->d->local + 4 * KiB, bytes, SIZE);
    msg = qdmashare_client_open(w->c, &announce, DMASHARE_OPEN_F_WRITE);
    g_assert_cmpuint(le32_to_cpu(msg.opened.flags), ==,
                     DMASHARE_OPENED_F_WRITE);
    g_assert_cmpuint(le32_to_cpu(msg.opened.n_ranges), ==, 1);
    g_assert_cmpuint(le64_to_cpu(msg.opened.offset), ==, 4 * KiB);
    host = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w->c->fds[0],
                le64_to_cpu(msg.opened.offset));
    g_assert_true(host != MAP_FAILED);
    qdmashare_client_close_fds(w->c);
    g_assert_cmpmem(host, SIZE, bytes, SIZE);

    /* No message, and it is there: both ways. */
    qtest_writeq(w->m->qts, w->d->local + 4 * KiB + 8, 0x1122334455667788);
    g_assert_cmphex(ldq_le_p(host + 8), ==, 0x1122334455667788);
    stq_le_p(host + SIZE - 8, 0x99aabbccddeeff00);
    g_assert_cmphex(qtest_readq(w->m->qts, w->d->local + 4 * KiB + SIZE - 8),
                    ==, 0x99aabbccddeeff00);

    hold = qdmashare_client_acquire(w->c, id, 0, 5 * MS);
    g_assert_cmphex(hold, >=, DMASHARE_HOLD_DEVICE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           5 * MS);
    qdmashare_client_assert_quiet(w->c);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_GRANTED);
    g_assert_cmpuint(le32_to_cpu(msg.granted.hold), ==, hold);
    g_assert_cmpuint(le32_to_cpu(msg.granted.share), ==, id);
    g_assert_cmpuint(msg.granted.error, ==, 0);
    qdmashare_assert_no_event(w->d);
    qdmashare_client_do(w->c, qdmashare_msg_release(hold, 0),
                        DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_OK, 0);
    g_assert_cmpuint(qdmashare_client_error(w->c,
                                            qdmashare_msg_release(hold, 0)),
                     ==, ENOENT);

    g_assert_cmphex(qdmashare_unshare(w->d, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.share), ==, id);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.generation), ==, 1);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.reason), ==,
                     DMASHARE_WITHDRAW_RELEASED);
    g_assert_cmpuint(qdmashare_client_error(w->c, qdmashare_msg_open(id, 1, 0)),
                     ==, ENOENT);
    munmap(host, SIZE);
}


/* The guest's SHARE_ACQUIRE for this hold, which it then grants. */
static void granted(World *w, QDmashareClient *c, uint32_t hold,
                    uint64_t deadline)
{
    struct dmashare_msg msg;

    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           deadline);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_client_notice(c, DMASHARE_MSG_GRANTED);
    g_assert_cmpuint(le32_to_cpu(msg.granted.hold), ==, hold);
    g_assert_cmpuint(msg.granted.error, ==, 0);
}

static void ended(QDmashareClient *c, uint32_t hold, unsigned error)
{
    struct dmashare_msg msg = qdmashare_client_notice(c, DMASHARE_MSG_ENDED);

    g_assert_cmpuint(le32_to_cpu(msg.ended.hold), ==, hold);
    g_assert_cmpuint(le32_to_cpu(msg.ended.error), ==, error);
}

/* Every way in which a hold can end. */
static void test_holds(void)
{
    g_autoptr(World) w = world_new();
    uint32_t id = share_open(w, BUF, 0), hold;
    struct dmashare_msg msg;

    /* Released with an error. */
    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    granted(w, w->c, hold, MS);
    qdmashare_client_do(w->c, qdmashare_msg_release(hold, EIO),
                        DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_COMMANDED, EIO);

    /* Cancelled before it was granted. */
    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           MS);
    qdmashare_client_do(w->c, qdmashare_msg_release(hold, 0),
                        DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_COMMANDED, ECANCELED);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);

    /* Refused. */
    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           MS);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 4096).status, ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    g_assert_cmphex(qdmashare_grant(w->d, hold, EPERM).status, ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_GRANTED);
    g_assert_cmpuint(le32_to_cpu(msg.granted.hold), ==, hold);
    g_assert_cmpuint(le32_to_cpu(msg.granted.error), ==, EPERM);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    qdmashare_assert_no_event(w->d);

    /* Held for too long, which begins when it is granted. */
    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    qtest_clock_step(w->m->qts, 2 * MS);
    granted(w, w->c, hold, MS);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_BUSY);
    qtest_clock_step(w->m->qts, MS / 2);
    qdmashare_assert_no_event(w->d);
    qtest_clock_step(w->m->qts, MS / 2 + 1000);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_TIMEOUT, ETIMEDOUT);
    ended(w->c, hold, ETIMEDOUT);
    g_assert_cmpuint(qdmashare_client_error(w->c,
                                            qdmashare_msg_release(hold, 0)),
                     ==, ENOENT);

    /* Only waited for. */
    hold = qdmashare_client_acquire(w->c, id, DMASHARE_ACQUIRE_F_WAIT, 0);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           0);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_OK);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_GRANTED);
    g_assert_cmpuint(le32_to_cpu(msg.granted.hold), ==, hold);
    g_assert_cmphex(qdmashare_grant(w->d, hold, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);

    /* Closed. */
    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    granted(w, w->c, hold, MS);
    qdmashare_client_do(w->c, qdmashare_msg_close(id), DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_COMMANDED, ECANCELED);
    qdmashare_client_assert_quiet(w->c);
    qdmashare_assert_no_event(w->d);
}

/* What the driver ends, by UNSHARE, UNMAP and RESET, it is not told of. */
static void test_withdrawn(void)
{
    g_autoptr(World) w = world_new();
    uint32_t id = share_open(w, BUF, 0), hold, asked;
    struct dmashare_msg msg;

    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    granted(w, w->c, hold, MS);
    asked = qdmashare_client_acquire(w->c, id, 0, MS);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, asked, 0,
                           MS);
    g_assert_cmphex(qdmashare_unshare(w->d, BUF,
                                      DMASHARE_UNSHARE_F_SUSPEND).status, ==,
                    DMASHARE_STATUS_OK);
    ended(w->c, hold, ECANCELED);
    ended(w->c, asked, ECANCELED);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.reason), ==,
                     DMASHARE_WITHDRAW_MOVED);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.generation), ==, 1);
    g_assert_cmphex(qdmashare_grant(w->d, asked, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmpuint(qdmashare_client_error(w->c, qdmashare_msg_open(id, 1, 0)),
                     ==, EAGAIN);
    g_assert_cmpuint(qdmashare_client_error(w->c,
                                            qdmashare_msg_acquire(id, 0, MS)),
                     ==, ENOENT);
    qdmashare_assert_no_event(w->d);

    /* Other pages, the same share. */
    g_assert_cmpuint(qdmashare_share(w->d, BUF, BUF, 0).result, ==, id);
    msg = qdmashare_client_announced(w->c);
    g_assert_cmpuint(le32_to_cpu(msg.announce.share), ==, id);
    g_assert_cmpuint(le32_to_cpu(msg.announce.generation), ==, 2);
    g_assert_cmpuint(qdmashare_client_error(w->c, qdmashare_msg_open(id, 1, 0)),
                     ==, ESTALE);
    qdmashare_client_open(w->c, &msg, 0);
    qdmashare_client_close_fds(w->c);

    /* UNMAP of the mapping that it was shared by suspends it as well. */
    qdmashare_unmap(w->d, BUF);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.reason), ==,
                     DMASHARE_WITHDRAW_MOVED);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.generation), ==, 2);
    qdmashare_destroy(w->d, BUF);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.share), ==, id);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.reason), ==,
                     DMASHARE_WITHDRAW_RELEASED);

    /* RESET ends all, and the clients stay. */
    msg = share(w, BUF + 1, 64 * KiB, 0);
    g_assert_cmpuint(le32_to_cpu(msg.announce.share), ==, id + 1);
    qdmashare_client_open(w->c, &msg, 0);
    qdmashare_client_close_fds(w->c);
    hold = qdmashare_client_acquire(w->c, id + 1, 0, MS);
    qdmashare_reset(w->d);
    ended(w->c, hold, ECANCELED);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_WITHDRAW);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.share), ==, id + 1);
    g_assert_cmpuint(le32_to_cpu(msg.withdraw.reason), ==,
                     DMASHARE_WITHDRAW_RESET);
    qdmashare_start(w->d);
    qdmashare_assert_no_event(w->d);
    msg = share(w, BUF, 0, 0);
    g_assert_cmpuint(le32_to_cpu(msg.announce.share), ==, id + 2);
}

/* New contents: to all, and held by those who want that. */
static void test_contents(void)
{
    g_autoptr(World) w = world_new();
    g_autoptr(QDmashareClient) second = NULL, third = NULL;
    uint32_t id = share_open(w, BUF, 0), hold[2];
    struct dmashare_completion done;
    struct dmashare_msg msg;

    second = qdmashare_client_new(w->socket->path, NULL);
    msg = qdmashare_client_announced(second);
    qdmashare_client_notice(second, DMASHARE_MSG_READY);
    qdmashare_client_open(second, &msg, 0);
    qdmashare_client_close_fds(second);
    third = qdmashare_client_new(w->socket->path, NULL);
    qdmashare_client_announced(third);
    qdmashare_client_notice(third, DMASHARE_MSG_READY);

    /* Nobody wants to be waited for. */
    done = qdmashare_publish(w->d, BUF, 1, 41, MS);
    g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(done.result, ==, 0);
    msg = qdmashare_client_notice(third, DMASHARE_MSG_CONTENT);
    g_assert_cmpuint(le32_to_cpu(msg.content.share), ==, id);
    g_assert_cmpuint(le32_to_cpu(msg.content.generation), ==, 1);
    g_assert_cmpuint(le64_to_cpu(msg.content.sequence), ==, 41);
    g_assert_cmpuint(msg.content.hold, ==, 0);
    g_assert_cmpuint(msg.content.deadline, ==, 0);
    qdmashare_client_notice(w->c, DMASHARE_MSG_CONTENT);
    qdmashare_client_notice(second, DMASHARE_MSG_CONTENT);

    /* Two do. */
    qdmashare_client_do(w->c, qdmashare_msg_subscribe(id, 1),
                        DMASHARE_MSG_DONE);
    qdmashare_client_do(second, qdmashare_msg_subscribe(id, 1),
                        DMASHARE_MSG_DONE);
    g_assert_cmpuint(qdmashare_client_error(third,
                                            qdmashare_msg_subscribe(id, 1)),
                     ==, ENOENT);
    done = qdmashare_publish(w->d, BUF, 1, 42, MS);
    g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(done.result, ==, 2);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_CONTENT);
    g_assert_cmpuint(le64_to_cpu(msg.content.sequence), ==, 42);
    g_assert_cmpuint(le64_to_cpu(msg.content.deadline), ==, MS);
    hold[0] = le32_to_cpu(msg.content.hold);
    msg = qdmashare_client_notice(second, DMASHARE_MSG_CONTENT);
    hold[1] = le32_to_cpu(msg.content.hold);
    g_assert_cmpuint(hold[0], !=, 0);
    g_assert_cmpuint(hold[1], !=, 0);
    msg = qdmashare_client_notice(third, DMASHARE_MSG_CONTENT);
    g_assert_cmpuint(msg.content.hold, ==, 0);
    g_assert_cmphex(qdmashare_publish(w->d, BUF, 2, 43, MS).status, ==,
                    DMASHARE_STATUS_BUSY);
    g_assert_cmphex(qdmashare_publish(w->d, BUF, 1, 43, MS).status, ==,
                    DMASHARE_STATUS_ID_EXISTS);

    /* Nobody can let go of somebody else's. */
    g_assert_cmpuint(qdmashare_client_error(second,
                                            qdmashare_msg_release(hold[0], 0)),
                     ==, ENOENT);
    qdmashare_client_do(w->c, qdmashare_msg_release(hold[0], 0),
                        DMASHARE_MSG_DONE);
    qdmashare_assert_no_event(w->d);
    qdmashare_client_do(second, qdmashare_msg_release(hold[1], 0),
                        DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, 1,
                           DMASHARE_STATUS_OK, 0);

    /* One fails, the other vanishes: the first errno counts. */
    g_assert_cmpuint(qdmashare_publish(w->d, BUF, 1, 43, MS).result, ==, 2);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_CONTENT);
    qdmashare_client_notice(third, DMASHARE_MSG_CONTENT);
    g_clear_pointer(&second, qdmashare_client_free);
    qdmashare_client_assert_quiet(w->c);
    qdmashare_client_do(w->c,
                        qdmashare_msg_release(le32_to_cpu(msg.content.hold),
                                              EIO), DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, 1,
                           DMASHARE_STATUS_COMMANDED, ECONNRESET);

    /* Nobody lets go. */
    g_assert_cmpuint(qdmashare_publish(w->d, BUF, 5, 44, MS).result, ==, 1);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_CONTENT);
    qtest_clock_step(w->m->qts, MS + 1000);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, 5,
                           DMASHARE_STATUS_TIMEOUT, ETIMEDOUT);
    ended(w->c, le32_to_cpu(msg.content.hold), ETIMEDOUT);
    qdmashare_client_notice(third, DMASHARE_MSG_CONTENT);

    /* Not wanted any more. */
    g_assert_cmpuint(qdmashare_publish(w->d, BUF, 6, 45, MS).result, ==, 1);
    qdmashare_client_notice(w->c, DMASHARE_MSG_CONTENT);
    qdmashare_client_do(w->c, qdmashare_msg_subscribe(id, 0),
                        DMASHARE_MSG_DONE);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, 6,
                           DMASHARE_STATUS_COMMANDED, ECANCELED);
    g_assert_cmpuint(qdmashare_publish(w->d, BUF, 6, 46, MS).result, ==, 0);
    msg = qdmashare_client_notice(w->c, DMASHARE_MSG_CONTENT);
    g_assert_cmpuint(msg.content.hold, ==, 0);
    qdmashare_assert_no_event(w->d);
}

/* The news of a hold through a pipe. */
static void test_descriptor(void)
{
    g_autoptr(World) w = world_new();
    uint32_t id = share_open(w, BUF, 0), hold, news;
    int fd;

    hold = qdmashare_client_acquire(w->c, id, DMASHARE_ACQUIRE_F_FD, MS);
    fd = w->c->fds[0];
    granted(w, w->c, hold, MS);
    g_assert_cmpint(read(fd, &news, sizeof(news)), ==, sizeof(news));
    g_assert_cmpuint(news, ==, 0);
    g_assert_cmpint(read(fd, &news, sizeof(news)), ==, 0);
    close(fd);

    hold = qdmashare_client_acquire(w->c, id, DMASHARE_ACQUIRE_F_FD |
                                    DMASHARE_ACQUIRE_F_WAIT, 0);
    fd = w->c->fds[0];
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           0);
    g_assert_cmphex(qdmashare_grant(w->d, hold, EIO).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmpint(read(fd, &news, sizeof(news)), ==, sizeof(news));
    g_assert_cmpuint(le32_to_cpu(news), ==, EIO);
    close(fd);

    /* Ended before it was granted; and nobody there any more to be told. */
    qdmashare_client_acquire(w->c, id, DMASHARE_ACQUIRE_F_FD, MS);
    fd = w->c->fds[0];
    qdmashare_client_acquire(w->c, id, DMASHARE_ACQUIRE_F_FD, MS);
    close(w->c->fds[0]);
    g_assert_cmphex(qdmashare_unshare(w->d, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmpint(read(fd, &news, sizeof(news)), ==, sizeof(news));
    g_assert_cmpuint(le32_to_cpu(news), ==, ECANCELED);
    close(fd);
}

/* A client that vanishes costs the guest a hold, and that is told. */
static void test_vanish(void)
{
    g_autoptr(World) w = world_new();
    uint32_t id = share_open(w, BUF, DMASHARE_OPEN_F_WRITE), hold, asked;
    struct dmashare_event event;

    hold = qdmashare_client_acquire(w->c, id, 0, MS);
    granted(w, w->c, hold, MS);
    asked = qdmashare_client_acquire(w->c, id, DMASHARE_ACQUIRE_F_WRITE, MS);
    g_clear_pointer(&w->c, qdmashare_client_free);
    event = qdmashare_event(w->d);
    g_assert_cmpuint(event.type, ==, DMASHARE_EVENT_SHARE_ACQUIRE);
    g_assert_cmphex(event.flags, ==, DMASHARE_EVENT_F_WRITE);
    g_assert_cmphex(event.mapping, ==, asked);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_COMMANDED, ECONNRESET);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, asked,
                           DMASHARE_STATUS_COMMANDED, ECONNRESET);
    qdmashare_assert_no_event(w->d);
    g_assert_cmphex(qdmashare_unshare(w->d, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
}

/* Events wait for room, and what has become pointless meanwhile is not said. */
static void test_events_wait(void)
{
    g_autoptr(World) w = world_new();
    uint32_t id, hold[24];

    /* Of the ring's 16 entries these events get half. */
    id = share_open(w, BUF, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(hold); i++) {
        hold[i] = qdmashare_client_acquire(w->c, id, 0, MS);
    }
    /* Eight were told; of the others some go before anybody heard of them. */
    for (unsigned i = 0; i < ARRAY_SIZE(hold); i += 2) {
        qdmashare_client_do(w->c, qdmashare_msg_release(hold[i], 0),
                            DMASHARE_MSG_DONE);
    }
    for (unsigned i = 0; i < 8; i++) {
        qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF,
                               hold[i], 0, MS);
    }
    for (unsigned i = 0; i < 8; i += 2) {
        qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold[i],
                               DMASHARE_STATUS_COMMANDED, ECANCELED);
    }
    for (unsigned i = 9; i < ARRAY_SIZE(hold); i += 2) {
        qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF,
                               hold[i], 0, MS);
    }
    qdmashare_assert_no_event(w->d);
}

/* Registers and commands of a device that does not share, and of one. */
static void test_feature(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "local-size=1M");
    g_autoptr(World) w = NULL;

    g_assert_false(qdmashare_readl(m->d, DMASHARE_REG_FEATURES_LO) &
                   DMASHARE_FEATURE_SHARE);
    g_assert_cmphex(qdmashare_readl(m->d, DMASHARE_REG_MAX_SHARES), ==, 0);
    g_assert_cmphex(qdmashare_readl(m->d, DMASHARE_REG_MAX_SHARE_SIZE_HI), ==,
                    0);
    qdmashare_local_buf(m->d, BUF, 0, SIZE, DMASHARE_DIR_TO_DEVICE);
    g_assert_cmphex(qdmashare_share(m->d, BUF, BUF, 0).status, ==,
                    DMASHARE_STATUS_BAD_OPCODE);
    g_assert_cmphex(qdmashare_grant(m->d, 1, 0).status, ==,
                    DMASHARE_STATUS_BAD_OPCODE);

    w = world_new_with("local-size=1M,share-max-clients=3");
    g_assert_true(qdmashare_readl(w->d, DMASHARE_REG_FEATURES_LO) &
                  DMASHARE_FEATURE_SHARE);
    g_assert_cmpuint(qdmashare_readl(w->d, DMASHARE_REG_MAX_SHARES), ==, 256);
    g_assert_cmpuint(qdmashare_readl(w->d, DMASHARE_REG_MAX_HOLDS), ==,
                     3 * DMASHARE_MAX_CLIENT_HOLDS + 256);
    g_assert_cmphex(qdmashare_readl(w->d, DMASHARE_REG_MAX_SHARE_SIZE_HI), ==,
                    1);
    g_assert_cmphex(qdmashare_readl(w->d, DMASHARE_REG_MAX_SHARE_SIZE_LO), ==,
                    0);
}

/*
 * Asked all at once, and not read until the last is asked: the answers go while
 * the server reads, and so more of them than it would keep descriptors for.
 */
static void test_at_once(void)
{
    g_autoptr(World) w = world_new();
    struct dmashare_msg ask[AT_ONCE], announce, msg;
    uint32_t serial = w->c->serial;

    for (unsigned i = 0; i < AT_ONCE; i++) {
        announce = share(w, i + 1, i * SIZE, 0);
        qtest_writeq(w->m->qts, w->d->local + i * SIZE, i * 3 + 1);
        ask[i] = qdmashare_msg_open(le32_to_cpu(announce.announce.share), 1,
                                    0);
        ask[i].serial = cpu_to_le32(++w->c->serial);
    }
    qdmashare_client_send(w->c, ask, sizeof(ask), -1);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        uint8_t word[8];

        g_assert_true(qdmashare_client_read(w->c, &msg));
        g_assert_cmpuint(le32_to_cpu(msg.type), ==, DMASHARE_MSG_OPENED);
        g_assert_cmpuint(le32_to_cpu(msg.serial), ==, ++serial);
        g_assert_cmpuint(msg.opened.share, ==, ask[i].open.share);
        g_assert_cmpuint(w->c->n_fds, ==, 1);
        g_assert_cmpint(pread(w->c->fds[0], word, sizeof(word),
                              le64_to_cpu(msg.opened.offset)), ==,
                        sizeof(word));
        g_assert_cmphex(ldq_le_p(word), ==, i * 3 + 1);
        qdmashare_client_close_fds(w->c);
    }
    qdmashare_client_assert_quiet(w->c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/share/life", test_life);
    qtest_add_func("/dmashare/share/holds", test_holds);
    qtest_add_func("/dmashare/share/withdrawn", test_withdrawn);
    qtest_add_func("/dmashare/share/contents", test_contents);
    qtest_add_func("/dmashare/share/descriptor", test_descriptor);
    qtest_add_func("/dmashare/share/at-once", test_at_once);
    qtest_add_func("/dmashare/share/vanish", test_vanish);
    qtest_add_func("/dmashare/share/events-wait", test_events_wait);
    qtest_add_func("/dmashare/share/feature", test_feature);
    return g_test_run();
}
