/*
 * dmashare: sharing outside of the VM, with clients and guests that do not obey
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include <sys/un.h>
#include <sys/wait.h>
#include <glib/gstdio.h>
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libqtest.h"
#include "libqos/dmashare-client.h"

#define SIZE    (16 * KiB)
#define BUF     7
#define MS      (1000 * 1000ULL)

typedef struct World {
    QDmashareSocket *socket;
    QDmashareMachine *m;
    QDmashare *d;
} World;

static World *world_new_args(const char *args, const char *properties)
{
    World *w = g_new0(World, 1);
    g_autofree char *all = NULL;

    w->socket = qdmashare_socket_new();
    all = g_strdup_printf("id=dev,share=unix:%s,local-size=16M%s%s",
                          w->socket->path, *properties ? "," : "", properties);
    w->m = qdmashare_one(args, all);
    w->d = w->m->d;
    return w;
}

static World *world_new(const char *properties)
{
    return world_new_args("-M pc", properties);
}

static void world_free(World *w)
{
    qdmashare_machine_free(w->m);
    qdmashare_socket_free(w->socket);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* Buffer @id of local memory, and SHARE of it. */
static struct dmashare_completion local_share(World *w, uint32_t id,
                                              uint32_t flags)
{
    qdmashare_local_buf(w->d, id, (uint64_t)(id % 512) * SIZE, SIZE,
                        DMASHARE_DIR_BIDIRECTIONAL);
    return qdmashare_share(w->d, id, id, flags);
}

static void assert_shared(World *w, uint32_t id)
{
    g_assert_cmphex(local_share(w, id, 0).status, ==, DMASHARE_STATUS_OK);
}

/* A client that has the first share open; its id. */
static uint32_t opened(QDmashareClient *c)
{
    struct dmashare_msg msg = qdmashare_client_announced(c);

    qdmashare_client_open(c, &msg, 0);
    qdmashare_client_close_fds(c);
    return le32_to_cpu(msg.announce.share);
}

/* The next event DMASHARE_CLIENT; @why is part of what it says, or NULL. */
static void client_event(World *w, const char *state, const char *why)
{
    QDict *rsp = qtest_qmp_eventwait_ref(w->m->qts, "DMASHARE_CLIENT");
    QDict *data = qdict_get_qdict(rsp, "data");

    g_assert_cmpstr(qdict_get_str(data, "state"), ==, state);
    g_assert_cmpint(qdict_get_int(data, "uid"), >=, 0);
    g_assert_cmpint(qdict_get_int(data, "suppressed"), ==, 0);
    g_assert_cmpint(qdict_haskey(data, "why"), ==, !!why);
    if (why) {
        g_assert_nonnull(strstr(qdict_get_str(data, "why"), why));
    }
    qobject_unref(rsp);
}

static struct dmashare_msg hello(uint32_t version)
{
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_HELLO, 1);

    msg.hello.magic = cpu_to_le32(DMASHARE_MSG_MAGIC);
    msg.hello.version = cpu_to_le32(version);
    return msg;
}

/*
 * Who is let in
 */

static void test_welcome(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) c = NULL, other = NULL;
    struct dmashare_msg msg, again;
    struct stat st;

    g_assert_cmpint(lstat(w->socket->path, &st), ==, 0);
    g_assert_true(S_ISSOCK(st.st_mode));
    g_assert_cmphex(st.st_mode & 0777, ==, 0600);

    c = qdmashare_client_new(w->socket->path, &msg);
    g_assert_cmphex(le32_to_cpu(msg.welcome.magic), ==, DMASHARE_MSG_MAGIC);
    g_assert_cmphex(le32_to_cpu(msg.welcome.version), ==, 1 << 16);
    g_assert_cmpuint(le32_to_cpu(msg.welcome.max_open), ==, DMASHARE_MAX_OPEN);
    g_assert_cmpuint(le32_to_cpu(msg.welcome.max_holds), ==,
                     DMASHARE_MAX_CLIENT_HOLDS);
    g_assert_cmpstr((char *)msg.welcome.device, ==, "dev");
    client_event(w, "connected", NULL);

    /* A later minor version: ours is what is spoken. */
    other = qdmashare_client_connect(w->socket->path);
    again = hello(1 << 16 | 99);
    qdmashare_client_send(other, &again, sizeof(again), -1);
    g_assert_true(qdmashare_client_read(other, &again));
    g_assert_cmphex(le32_to_cpu(again.welcome.version), ==, 1 << 16);
    g_assert_cmphex(again.welcome.instance, ==, msg.welcome.instance);
    client_event(w, "connected", NULL);
    g_clear_pointer(&c, qdmashare_client_free);
    client_event(w, "disconnected", "");
}

/* The answer to this HELLO is ERROR, and then comes the end. */
static void assert_hello_refused(World *w, struct dmashare_msg msg,
                                 unsigned error, const char *why)
{
    g_autoptr(QDmashareClient) c = qdmashare_client_connect(w->socket->path);

    qdmashare_client_send(c, &msg, sizeof(msg), -1);
    g_assert_true(qdmashare_client_read(c, &msg));
    g_assert_cmpuint(le32_to_cpu(msg.type), ==, DMASHARE_MSG_ERROR);
    g_assert_cmpuint(le32_to_cpu(msg.error.error), ==, error);
    g_assert_nonnull(strstr((char *)msg.error.text, why));
    g_assert_false(qdmashare_client_read(c, &msg));
    client_event(w, "refused", why);
}

static void test_hello(void)
{
    g_autoptr(World) w = world_new("share-max-clients=1");
    g_autoptr(QDmashareClient) c = NULL;
    struct dmashare_msg msg = hello(1 << 16);

    assert_hello_refused(w, hello(2 << 16), EPROTONOSUPPORT, "version 2");
    assert_hello_refused(w, hello(0), EPROTONOSUPPORT, "version 0");
    msg.hello.magic = cpu_to_le32(DMASHARE_MSG_MAGIC + 1);
    assert_hello_refused(w, msg, EPROTO, "does not speak");
    c = qdmashare_client_new(w->socket->path, NULL);
    client_event(w, "connected", NULL);
    assert_hello_refused(w, hello(1 << 16), EUSERS, "clients already");
    g_clear_pointer(&c, qdmashare_client_free);
    client_event(w, "disconnected", "");
    c = qdmashare_client_new(w->socket->path, NULL);
    client_event(w, "connected", NULL);
}

/* Another user, who was let through by the permissions of the file. */
static void test_user(void)
{
    g_autoptr(World) w = NULL;
    int status;
    pid_t pid;

    if (geteuid() != 0) {
        g_test_skip("only root can be somebody else");
        return;
    }
    w = world_new("");
    g_assert_cmpint(g_chmod(w->socket->dir, 0755), ==, 0);
    g_assert_cmpint(g_chmod(w->socket->path, 0666), ==, 0);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (!pid) {
        struct dmashare_msg msg = hello(1 << 16);
        QDmashareClient *c;

        if (setuid(65534)) {
            _exit(2);
        }
        c = qdmashare_client_connect(w->socket->path);
        qdmashare_client_send(c, &msg, sizeof(msg), -1);
        _exit(!(qdmashare_client_read(c, &msg) &&
                le32_to_cpu(msg.type) == DMASHARE_MSG_ERROR &&
                le32_to_cpu(msg.serial) == 1 &&
                le32_to_cpu(msg.error.error) == EACCES &&
                !qdmashare_client_read(c, &msg)));
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    client_event(w, "refused", "user 65534 is not served");
}

/* Sockets that the server cannot have. */
static void test_socket(void)
{
    g_autoptr(World) w = world_new("");
    static const struct {
        const char *path;
        const char *text;
    } wrong[] = {
        { "tcp:localhost:1", "is 'tcp:localhost:1'; expected is unix:PATH" },
        { "unix:", "expected is unix:PATH" },
        { "unix:/no/such/folder/socket", "property 'share'" },
        { "unix:/dev/null", "'/dev/null' exists and is not a socket" },
    };
    g_autofree char *live = g_strdup_printf("unix:%s", w->socket->path);
    g_autofree char *text = NULL;
    QDict *props;

    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        g_autofree char *said = NULL;

        props = qdict_new();
        qdict_put_str(props, "share", wrong[i].path);
        said = qdmashare_machine_refuses(w->m, props);
        g_assert_nonnull(strstr(said, wrong[i].text));
    }
    props = qdict_new();
    qdict_put_str(props, "share", live);
    text = qdmashare_machine_refuses(w->m, props);
    g_assert_nonnull(strstr(text, "somebody listens on"));
    g_assert_cmpint(access("/dev/null", F_OK), ==, 0);
    qdmashare_client_free(qdmashare_client_new(w->socket->path, NULL));
}

/*
 * What is no message
 */

/* These bytes, and then nothing: ERROR EPROTO, and the end; others go on. */
static void assert_broken(World *w, QDmashareClient *witness,
                          struct dmashare_msg msg, int fd)
{
    g_autoptr(QDmashareClient) c = qdmashare_client_new(w->socket->path, NULL);

    qdmashare_client_send(c, &msg, sizeof(msg), fd);
    qdmashare_client_assert_refused(c, EPROTO);
    qdmashare_client_assert_quiet(witness);
}

static void test_broken(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) witness =
        qdmashare_client_new(w->socket->path, NULL);
    static const uint32_t types[] = { 0, 7, 31, 32, 64, 69, 70, UINT32_MAX };
    struct dmashare_msg msg;

    qdmashare_client_notice(witness, DMASHARE_MSG_READY);
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        assert_broken(w, witness, qdmashare_msg(types[i], 1), -1);
    }
    msg = qdmashare_msg_close(1);
    assert_broken(w, witness, msg, -1);         /* serial 0 */
    msg.serial = cpu_to_le32(1);
    assert_broken(w, witness, msg, 0);          /* a descriptor */
    msg.length = cpu_to_le32(DMASHARE_MSG_SIZE - 1);
    assert_broken(w, witness, msg, -1);
    msg = qdmashare_msg_close(1);
    msg.serial = cpu_to_le32(1);
    msg.reserved = cpu_to_le32(1);
    assert_broken(w, witness, msg, -1);
    for (unsigned i = 4; i < sizeof(msg.body); i += 27) {
        msg = qdmashare_msg_close(1);
        msg.serial = cpu_to_le32(1);
        msg.body[i] = 1;
        assert_broken(w, witness, msg, -1);
    }
    msg = qdmashare_msg_open(1, 1, 2);
    msg.serial = cpu_to_le32(1);
    assert_broken(w, witness, msg, -1);
    msg = qdmashare_msg_subscribe(1, 2);
    msg.serial = cpu_to_le32(1);
    assert_broken(w, witness, msg, -1);
    msg = qdmashare_msg_acquire(1, 8, 1);
    msg.serial = cpu_to_le32(1);
    assert_broken(w, witness, msg, -1);
    assert_broken(w, witness, hello(1 << 16), -1);      /* twice */

    /* Nothing but HELLO comes first; half of one, and nobody waits for more */
    for (unsigned half = 0; half < 2; half++) {
        QDmashareClient *c = qdmashare_client_connect(w->socket->path);

        msg = half ? hello(1 << 16) : qdmashare_msg_close(1);
        msg.serial = cpu_to_le32(1);
        qdmashare_client_send(c, &msg, half ? 17 : sizeof(msg), -1);
        if (!half) {
            qdmashare_client_assert_refused(c, EPROTO);
        }
        qdmashare_client_free(c);
        qdmashare_client_assert_quiet(witness);
    }
}

/*
 * Limits
 */

static void test_limits(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) c = qdmashare_client_new(w->socket->path, NULL);
    uint32_t id, hold;

    qdmashare_client_notice(c, DMASHARE_MSG_READY);
    assert_shared(w, BUF);
    id = opened(c);
    g_assert_cmpuint(qdmashare_client_error(c, qdmashare_msg_open(id, 1, 0)),
                     ==, EBUSY);
    g_assert_cmpuint(qdmashare_client_error(c, qdmashare_msg_open(99, 1, 0)),
                     ==, ENOENT);
    g_assert_cmpuint(qdmashare_client_error(c, qdmashare_msg_open(id, 2, 0)),
                     ==, ESTALE);
    g_assert_cmpuint(qdmashare_client_error(c,
                                            qdmashare_msg_open(id, 1, 1)), ==,
                     EACCES);
    g_assert_cmpuint(qdmashare_client_error(
                         c, qdmashare_msg_acquire(id, DMASHARE_ACQUIRE_F_WRITE,
                                                  1)), ==, EACCES);
    g_assert_cmpuint(qdmashare_client_error(c,
                                            qdmashare_msg_acquire(id, 0, 0)),
                     ==, EINVAL);
    g_assert_cmpuint(qdmashare_client_error(
                         c, qdmashare_msg_acquire(id, 0,
                                                  DMASHARE_MAX_DEADLINE_NS +
                                                  1)), ==, EINVAL);
    g_assert_cmpuint(qdmashare_client_error(
                         c, qdmashare_msg_acquire(id, DMASHARE_ACQUIRE_F_WAIT,
                                                  1)), ==, EINVAL);
    hold = qdmashare_client_acquire(c, id, 0, DMASHARE_MAX_DEADLINE_NS);
    g_assert_cmpuint(qdmashare_client_error(c,
                                            qdmashare_msg_release(hold, 4096)),
                     ==, EINVAL);
    for (unsigned i = 1; i < DMASHARE_MAX_CLIENT_HOLDS; i++) {
        bool fd = i <= 16;

        qdmashare_client_acquire(c, id, fd ? DMASHARE_ACQUIRE_F_FD : 0, 1);
        qdmashare_client_close_fds(c);
        if (i == 16) {
            g_assert_cmpuint(qdmashare_client_error(
                                 c, qdmashare_msg_acquire(
                                     id, DMASHARE_ACQUIRE_F_FD, 1)), ==,
                             ENOSPC);
        }
    }
    g_assert_cmpuint(qdmashare_client_error(c,
                                            qdmashare_msg_acquire(id, 0, 1)),
                     ==, ENOSPC);
    qdmashare_client_do(c, qdmashare_msg_release(hold, 0), DMASHARE_MSG_DONE);
    qdmashare_client_acquire(c, id, 0, 1);

    /* The guest's: no more shares than that, and as many come back. */
    for (unsigned i = 1; i < 256; i++) {
        assert_shared(w, BUF + i);
    }
    g_assert_cmphex(local_share(w, BUF + 256, 0).status, ==,
                    DMASHARE_STATUS_LIMIT);
    g_assert_cmphex(qdmashare_unshare(w->d, BUF + 3, 0).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_share(w->d, BUF + 256, BUF + 256, 0).status, ==,
                    DMASHARE_STATUS_OK);
}

/* What the guest may not say. */
static void test_guest(void)
{
    g_autoptr(World) w = world_new("share-max-size=16k");
    QDmashare *d = w->d;
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_SHARE,
        .share = { .buffer = BUF, .mapping = BUF },
    };

    g_assert_cmphex(qdmashare_share(d, BUF, BUF, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    qdmashare_local_buf(d, BUF, 0, SIZE, DMASHARE_DIR_TO_DEVICE);
    qdmashare_local_buf(d, 8, SIZE, SIZE, DMASHARE_DIR_TO_DEVICE);
    qdmashare_local_buf(d, 9, 2 * SIZE, 2 * SIZE, DMASHARE_DIR_TO_DEVICE);
    g_assert_cmphex(qdmashare_share(d, BUF, 8, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_share(d, BUF, 99, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_share(d, BUF, BUF, 2).status, ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_share(d, BUF, BUF, 1).status, ==,
                    DMASHARE_STATUS_READ_ONLY);
    g_assert_cmphex(qdmashare_share(d, 9, 9, 0).status, ==,
                    DMASHARE_STATUS_LIMIT);
    desc.share.reserved = 1;
    g_assert_cmphex(qdmashare_command(d, &desc), ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_unshare(d, BUF, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_publish(d, BUF, 1, 1, 1).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_grant(d, 0, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);

    g_assert_cmphex(qdmashare_share(d, BUF, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_share(d, BUF, BUF, 0).status, ==,
                    DMASHARE_STATUS_ID_EXISTS);
    g_assert_cmphex(qdmashare_unshare(d, BUF, 4).status, ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_publish(d, BUF, 0, 1, 1).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_publish(d, BUF, DMASHARE_HOLD_DEVICE, 1,
                                      1).status, ==, DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_publish(d, BUF, 1, 0, 1).status, ==,
                    DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qdmashare_publish(d, BUF, 1, 1, 0).status, ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    g_assert_cmphex(qdmashare_publish(d, BUF, 1, 1, DMASHARE_MAX_HOLD_NS +
                                      1).status, ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    g_assert_cmphex(qdmashare_publish(d, BUF, 1, 1, 1).status, ==,
                    DMASHARE_STATUS_OK);

    /* Shared and unshared: the pages can still be discarded, once. */
    g_assert_cmphex(qdmashare_unshare(d, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_unshare(d, BUF, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_unshare(d, BUF,
                                      DMASHARE_UNSHARE_F_DISCARD).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_unshare(d, BUF,
                                      DMASHARE_UNSHARE_F_DISCARD).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(qdmashare_share(d, BUF, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_unshare(d, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_unmap(d, BUF);
    g_assert_cmphex(qdmashare_unshare(d, BUF,
                                      DMASHARE_UNSHARE_F_DISCARD).status, ==,
                    DMASHARE_STATUS_BAD_ID);
}

/* A guest that does whatever comes to its mind, and is looked at meanwhile. */
static void test_noise(void)
{
    g_autoptr(World) w = world_new("share-writable=on");
    g_autoptr(QDmashareClient) c = qdmashare_client_new(w->socket->path, NULL);
    g_autoptr(QDmashareClient) other = NULL;
    uint64_t live = 0, bit;
    struct dmashare_msg msg;
    unsigned announced = 0;
    struct dmashare_event e;
    uint32_t id;

    for (unsigned i = 0; i < 3000; i++) {
        id = 1 + g_test_rand_int_range(0, 8);
        bit = 1ULL << id;
        switch (g_test_rand_int_range(0, 9)) {
        case 0:
            if (!(live & bit)) {
                qdmashare_local_buf(w->d, id, id * SIZE, SIZE,
                                    DMASHARE_DIR_BIDIRECTIONAL);
                live |= bit;
            }
            break;
        case 1:
            if (live & bit) {
                qdmashare_unmap(w->d, id);
                qdmashare_destroy(w->d, id);
                live &= ~bit;
            }
            break;
        case 2 ... 4:
            qdmashare_share(w->d, id, id, g_test_rand_int_range(0, 2));
            break;
        case 5:
            qdmashare_unshare(w->d, id, g_test_rand_int_range(0, 4));
            break;
        case 6:
            qdmashare_publish(w->d, id, 1 + i, 1 + i, 1);
            break;
        case 7:
            if (!g_test_rand_int_range(0, 20)) {
                qdmashare_reset(w->d);
                qdmashare_start(w->d);
                live = 0;
            }
            break;
        default:
            while (qdmashare_try_event(w->d, &e)) {
                if (e.type == DMASHARE_EVENT_SHARE_ACQUIRE) {
                    qdmashare_grant(w->d, e.mapping,
                                    g_test_rand_int_range(0, 2) ? EPERM : 0);
                }
            }
            qtest_clock_step(w->m->qts, 1);
            break;
        }
        while (qdmashare_client_readable(c, 0)) {
            g_assert_true(qdmashare_client_read(c, &msg));
            if (le32_to_cpu(msg.type) == DMASHARE_MSG_ANNOUNCE) {
                announced++;
                /* One at a time; the answers are read like all else. */
                msg = qdmashare_msg_open(le32_to_cpu(msg.announce.share),
                                         le32_to_cpu(msg.announce.generation),
                                         0);
                msg.serial = cpu_to_le32(i + 1);
                qdmashare_client_send(c, &msg, sizeof(msg), -1);
            } else if (le32_to_cpu(msg.type) == DMASHARE_MSG_OPENED) {
                qdmashare_client_close_fds(c);
                msg = qdmashare_msg_acquire(le32_to_cpu(msg.opened.share), 0,
                                            1 + i % 3);
                msg.serial = cpu_to_le32(i + 1);
                qdmashare_client_send(c, &msg, sizeof(msg), -1);
            }
        }
    }
    g_test_message("%u announcements", announced);
    g_assert_cmpuint(announced, >, 50);
    /* Nothing is left for the next one. */
    qdmashare_reset(w->d);
    other = qdmashare_client_new(w->socket->path, NULL);
    qdmashare_client_notice(other, DMASHARE_MSG_READY);
    qdmashare_client_assert_quiet(other);
}

/*
 * Those who do not read
 */

/*
 * A client that reads nothing: what it has not been told is put together, so
 * that in the end it hears of few of ten thousand, and of the last for sure.
 */
static void test_slow(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) c = qdmashare_client_new(w->socket->path, NULL);
    unsigned n = 10000, heard = 0;
    struct dmashare_msg msg;
    uint64_t last = 0;
    uint32_t id;

    qdmashare_client_notice(c, DMASHARE_MSG_READY);
    assert_shared(w, BUF);
    id = opened(c);
    for (unsigned i = 1; i <= n; i++) {
        g_assert_cmphex(qdmashare_publish(w->d, BUF, 1, i, 1).status, ==,
                        DMASHARE_STATUS_OK);
    }
    while (last != n) {
        msg = qdmashare_client_notice(c, DMASHARE_MSG_CONTENT);
        g_assert_cmpuint(le32_to_cpu(msg.content.share), ==, id);
        g_assert_cmpuint(le64_to_cpu(msg.content.sequence), >, last);
        last = le64_to_cpu(msg.content.sequence);
        heard++;
    }
    g_test_message("it heard of %u", heard);
    g_assert_cmpuint(heard, <, n / 2);
    qdmashare_client_assert_quiet(c);
}

/* Shares that come and go unseen are not told of at all. */
static void test_unseen(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) c = qdmashare_client_new(w->socket->path, NULL);
    unsigned n = 2000, seen = 0;
    struct dmashare_msg msg;
    uint32_t id = 0;

    qdmashare_client_notice(c, DMASHARE_MSG_READY);
    qdmashare_local_buf(w->d, BUF, 0, SIZE, DMASHARE_DIR_TO_DEVICE);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpuint(qdmashare_share(w->d, BUF, BUF, 0).result, ==, i + 1);
        g_assert_cmphex(qdmashare_unshare(w->d, BUF, 0).status, ==,
                        DMASHARE_STATUS_OK);
    }
    g_assert_cmpuint(qdmashare_share(w->d, BUF, BUF, 0).result, ==, n + 1);
    while (id != n + 1) {
        msg = qdmashare_client_announced(c);
        g_assert_cmpuint(le32_to_cpu(msg.announce.share), >, id);
        id = le32_to_cpu(msg.announce.share);
        seen++;
        if (id != n + 1) {
            msg = qdmashare_client_notice(c, DMASHARE_MSG_WITHDRAW);
            g_assert_cmpuint(le32_to_cpu(msg.withdraw.share), ==, id);
        }
    }
    g_test_message("it saw %u", seen);
    g_assert_cmpuint(seen, <, n);
    qdmashare_client_assert_quiet(c);
}

/* A client that asks and asks and reads no answer is disconnected. */
static void test_deaf(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) witness =
        qdmashare_client_new(w->socket->path, NULL);
    g_autoptr(QDmashareClient) c = NULL;
    struct dmashare_msg msg;
    uint32_t id, hold;
    unsigned i;

    qdmashare_client_notice(witness, DMASHARE_MSG_READY);
    client_event(w, "connected", NULL);
    assert_shared(w, BUF);
    qdmashare_client_announced(witness);
    c = qdmashare_client_new(w->socket->path, NULL);
    client_event(w, "connected", NULL);
    id = opened(c);
    hold = qdmashare_client_acquire(c, id, 0, MS);
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_ACQUIRE, BUF, hold, 0,
                           MS);
    msg = qdmashare_msg_close(99);
    for (i = 1; i < 100000; i++) {
        msg.serial = cpu_to_le32(i);
        if (send(c->fd, &msg, sizeof(msg), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    g_assert_cmpuint(i, <, 100000);
    client_event(w, "disconnected", "does not read");
    qdmashare_assert_event(w->d, DMASHARE_EVENT_SHARE_DONE, BUF, hold,
                           DMASHARE_STATUS_COMMANDED, ECONNRESET);
    qdmashare_client_assert_quiet(witness);
}

/* Connections that say nothing take nobody's place. */
static void test_strangers(void)
{
    g_autoptr(World) w = world_new("share-max-clients=2");
    g_autoptr(QDmashareClient) a = NULL, b = NULL;
    QDmashareClient *c[20];

    a = qdmashare_client_new(w->socket->path, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
        c[i] = qdmashare_client_connect(w->socket->path);
    }
    /* There is one client, and places for nine others; eleven are too many. */
    for (unsigned i = ARRAY_SIZE(c) - 11; i < ARRAY_SIZE(c); i++) {
        qdmashare_client_assert_refused(c[i], EUSERS);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
        qdmashare_client_free(c[i]);
    }
    qdmashare_client_notice(a, DMASHARE_MSG_READY);
    qdmashare_client_assert_quiet(a);
    b = qdmashare_client_new(w->socket->path, NULL);
    qdmashare_client_notice(b, DMASHARE_MSG_READY);
}

/*
 * The harness
 */

static void test_qmp(void)
{
    g_autoptr(World) w = world_new("");
    g_autoptr(QDmashareClient) c = qdmashare_client_new(w->socket->path, NULL);
    struct dmashare_msg msg;
    g_autofree char *text = NULL, *want = NULL;
    QDict *rsp, *entry;
    int64_t number;
    uint32_t id;

    qdmashare_client_notice(c, DMASHARE_MSG_READY);
    client_event(w, "connected", NULL);
    assert_shared(w, BUF);
    id = opened(c);
    qdmashare_client_acquire(c, id, 0, MS);
    g_assert_cmphex(qdmashare_publish(w->d, BUF, 1, 77, 1).status, ==,
                    DMASHARE_STATUS_OK);

    rsp = qtest_qmp(w->m->qts, "{ 'execute': 'query-dmashare-shares', "
                    "'arguments': { 'path': 'dev' } }");
    g_assert_cmpuint(qlist_size(qdict_get_qlist(rsp, "return")), ==, 1);
    entry = qobject_to(QDict, qlist_peek(qdict_get_qlist(rsp, "return")));
    g_assert_cmpint(qdict_get_int(entry, "share"), ==, id);
    g_assert_cmpint(qdict_get_int(entry, "buffer"), ==, BUF);
    g_assert_cmpint(qdict_get_int(entry, "generation"), ==, 1);
    g_assert_cmpint(qdict_get_int(entry, "size"), ==, SIZE);
    g_assert_cmpint(qdict_get_int(entry, "sequence"), ==, 77);
    g_assert_cmpint(qdict_get_int(entry, "opens"), ==, 1);
    g_assert_cmpint(qdict_get_int(entry, "holds"), ==, 1);
    g_assert_cmpstr(qdict_get_str(entry, "via"), ==, "local");
    g_assert_cmpstr(qdict_get_str(entry, "name"), ==, "local");
    g_assert_false(qdict_get_bool(entry, "writable"));
    qobject_unref(rsp);

    rsp = qtest_qmp(w->m->qts, "{ 'execute': 'query-dmashare-clients', "
                    "'arguments': { 'path': 'dev' } }");
    g_assert_cmpuint(qlist_size(qdict_get_qlist(rsp, "return")), ==, 1);
    entry = qobject_to(QDict, qlist_peek(qdict_get_qlist(rsp, "return")));
    number = qdict_get_int(entry, "client");
    g_assert_cmpint(qdict_get_int(entry, "pid"), ==, getpid());
    g_assert_cmpint(qdict_get_int(entry, "uid"), ==, geteuid());
    g_assert_cmpint(qdict_get_int(entry, "opens"), ==, 1);
    g_assert_cmpint(qdict_get_int(entry, "holds"), ==, 1);
    g_assert_cmpstr(qdict_get_str(entry, "name"), ==, "qtest");
    qobject_unref(rsp);

    text = qtest_hmp(w->m->qts, "info dmashare dev");
    want = g_strdup_printf("share %" PRIu32 ": 'local' buffer %d generation 1 "
                           "via local, 16384 bytes, sequence 77, opens 1 "
                           "holds 1", id, BUF);
    g_assert_nonnull(strstr(text, want));
    g_free(want);
    want = g_strdup_printf("client %" PRId64 ": 'qtest' process %d user %d, "
                           "opens 1 holds 1 unread 0", number, (int)getpid(),
                           (int)geteuid());
    g_assert_nonnull(strstr(text, want));

    rsp = qtest_qmp(w->m->qts, "{ 'execute': 'dmashare-client-disconnect', "
                    "'arguments': { 'path': 'dev', 'client': %" PRId64 " } }",
                    number + 1);
    g_assert_nonnull(strstr(qdict_get_str(qdict_get_qdict(rsp, "error"),
                                          "desc"), "'client' expects"));
    qobject_unref(rsp);
    qtest_qmp_assert_success(w->m->qts,
                             "{ 'execute': 'dmashare-client-disconnect', "
                             "'arguments': { 'path': 'dev', 'client': %"
                             PRId64 " } }", number);
    client_event(w, "disconnected", "by command");
    while (qdmashare_client_read(c, &msg)) {
        g_assert_cmpuint(le32_to_cpu(msg.type), ==, DMASHARE_MSG_CONTENT);
    }
}

/* The device goes, and its clients are not left hanging. */
static void test_unplug(void)
{
    g_autoptr(World) w = world_new_args(
        "-M q35 -device pcie-root-port,id=slot1,chassis=1,slot=1 "
        "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "");
    g_autoptr(QDmashareSocket) socket = qdmashare_socket_new();
    g_autofree char *address = g_strdup_printf("unix:%s", socket->path);
    g_autoptr(QDmashareClient) c = NULL;
    struct dmashare_msg msg;

    qtest_qmp_assert_success(w->m->qts, "{ 'execute': 'device_add', "
                             "'arguments': { 'driver': 'dmashare', "
                             "'id': 'two', 'bus': 'slot1', "
                             "'share': %s } }",
                             address);
    c = qdmashare_client_new(socket->path, NULL);
    qdmashare_client_notice(c, DMASHARE_MSG_READY);
    qtest_qmp_assert_success(w->m->qts, "{ 'execute': 'dmashare-pci-fault', "
                             "'arguments': { 'path': 'two', "
                             "'fault': 'surprise-removal' } }");
    g_assert_false(qdmashare_client_read(c, &msg));
    g_assert_cmpint(access(socket->path, F_OK), <, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/share/welcome", test_welcome);
    qtest_add_func("/dmashare/share/hello", test_hello);
    qtest_add_func("/dmashare/share/user", test_user);
    qtest_add_func("/dmashare/share/socket", test_socket);
    qtest_add_func("/dmashare/share/broken", test_broken);
    qtest_add_func("/dmashare/share/limits", test_limits);
    qtest_add_func("/dmashare/share/guest", test_guest);
    qtest_add_func("/dmashare/share/noise", test_noise);
    qtest_add_func("/dmashare/share/slow", test_slow);
    qtest_add_func("/dmashare/share/unseen", test_unseen);
    qtest_add_func("/dmashare/share/deaf", test_deaf);
    qtest_add_func("/dmashare/share/strangers", test_strangers);
    qtest_add_func("/dmashare/share/qmp", test_qmp);
    qtest_add_func("/dmashare/share/unplug", test_unplug);
    return g_test_run();
}
