/*
 * libqos helpers for dmashare: a client of the share server
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include <poll.h>
#include <sys/un.h>
#include <glib/gstdio.h>
#include "../libqtest.h"
#include "dmashare-client.h"

/* An answer takes microseconds; this is for a machine that stands still. */
#define PATIENCE_MS     60000

/*
 * Sockets
 */

QDmashareSocket *qdmashare_socket_new(void)
{
    QDmashareSocket *s = g_new0(QDmashareSocket, 1);

    s->dir = g_dir_make_tmp("dmashare-XXXXXX", NULL);
    g_assert_nonnull(s->dir);
    s->path = g_build_filename(s->dir, "share", NULL);
    return s;
}

void qdmashare_socket_free(QDmashareSocket *s)
{
    g_unlink(s->path);
    g_rmdir(s->dir);
    g_free(s->path);
    g_free(s->dir);
    g_free(s);
}

QDmashareClient *qdmashare_client_connect(const char *path)
{
    QDmashareClient *c = g_new0(QDmashareClient, 1);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    g_assert_cmpuint(strlen(path), <, sizeof(addr.sun_path));
    strcpy(addr.sun_path, path);
    c->notices = g_queue_new();
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(c->fd, >=, 0);
    g_assert_cmpint(connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)), ==,
                    0);
    return c;
}

QDmashareClient *qdmashare_client_new(const char *path,
                                      struct dmashare_msg *welcome)
{
    QDmashareClient *c = qdmashare_client_connect(path);
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_HELLO, 0);

    msg.hello.magic = cpu_to_le32(DMASHARE_MSG_MAGIC);
    msg.hello.version = cpu_to_le32(DMASHARE_PROTOCOL_MAJOR << 16 |
                                    DMASHARE_PROTOCOL_MINOR);
    strcpy((char *)msg.hello.name, "qtest");
    msg = qdmashare_client_do(c, msg, DMASHARE_MSG_WELCOME);
    if (welcome) {
        *welcome = msg;
    }
    return c;
}

void qdmashare_client_free(QDmashareClient *c)
{
    close(c->fd);
    g_queue_free_full(c->notices, g_free);
    g_free(c);
}

/*
 * Messages
 */

struct dmashare_msg qdmashare_msg(uint32_t type, uint32_t serial)
{
    return (struct dmashare_msg) {
        .type = cpu_to_le32(type),
        .length = cpu_to_le32(DMASHARE_MSG_SIZE),
        .serial = cpu_to_le32(serial),
    };
}

void qdmashare_client_send(QDmashareClient *c, const void *bytes, size_t len,
                           int fd)
{
    union {
        struct cmsghdr align;
        uint8_t space[CMSG_SPACE(sizeof(int))];
    } control = { };
    struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
    struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        hdr.msg_control = &control;
        hdr.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&hdr);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    }
    while (iov.iov_len) {
        ssize_t n = sendmsg(c->fd, &hdr, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= n;
        hdr.msg_control = NULL;
        hdr.msg_controllen = 0;
    }
}

bool qdmashare_client_readable(QDmashareClient *c, int ms)
{
    struct pollfd poll_fd = { .fd = c->fd, .events = POLLIN };

    return poll(&poll_fd, 1, ms) == 1;
}

static void take_fds(QDmashareClient *c, struct msghdr *hdr)
{
    struct cmsghdr *cmsg;
    size_t n;

    g_assert_false(hdr->msg_flags & MSG_CTRUNC);
    for (cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
        g_assert_cmpint(cmsg->cmsg_type, ==, SCM_RIGHTS);
        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        g_assert_cmpuint(c->n_fds + n, <=, QDMASHARE_CLIENT_FDS);
        memcpy(c->fds + c->n_fds, CMSG_DATA(cmsg), n * sizeof(int));
        c->n_fds += n;
    }
}

bool qdmashare_client_read(QDmashareClient *c, struct dmashare_msg *msg)
{
    union {
        struct cmsghdr align;
        uint8_t space[CMSG_SPACE(QDMASHARE_CLIENT_FDS * sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
    ssize_t n;

    c->n_fds = 0;
    while (iov.iov_len) {
        struct msghdr hdr = {
            .msg_iov = &iov, .msg_iovlen = 1,
            .msg_control = &control, .msg_controllen = sizeof(control),
        };

        g_assert_true(qdmashare_client_readable(c, PATIENCE_MS));
        n = recvmsg(c->fd, &hdr, MSG_CMSG_CLOEXEC);
        if (n <= 0) {
            g_assert_cmpuint(iov.iov_len, ==, sizeof(*msg));
            return false;
        }
        take_fds(c, &hdr);
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= n;
    }
    g_assert_cmpuint(le32_to_cpu(msg->length), ==, DMASHARE_MSG_SIZE);
    g_assert_cmphex(msg->reserved, ==, 0);
    return true;
}

struct dmashare_msg qdmashare_client_ask(QDmashareClient *c,
                                         struct dmashare_msg msg)
{
    uint32_t serial = ++c->serial;

    msg.serial = cpu_to_le32(serial);
    qdmashare_client_send(c, &msg, sizeof(msg), -1);
    while (true) {
        g_assert_true(qdmashare_client_read(c, &msg));
        if (msg.serial) {
            g_assert_cmpuint(le32_to_cpu(msg.serial), ==, serial);
            return msg;
        }
        g_queue_push_tail(c->notices, g_memdup2(&msg, sizeof(msg)));
    }
}

struct dmashare_msg qdmashare_client_do(QDmashareClient *c,
                                        struct dmashare_msg msg, uint32_t type)
{
    msg = qdmashare_client_ask(c, msg);
    if (le32_to_cpu(msg.type) == DMASHARE_MSG_ERROR) {
        g_test_message("%.*s", DMASHARE_MSG_TEXT_LEN, msg.error.text);
    }
    g_assert_cmpuint(le32_to_cpu(msg.type), ==, type);
    return msg;
}

unsigned qdmashare_client_error(QDmashareClient *c, struct dmashare_msg msg)
{
    msg = qdmashare_client_do(c, msg, DMASHARE_MSG_ERROR);
    g_assert_cmpuint(c->n_fds, ==, 0);
    g_assert_true(msg.error.text[0]);
    return le32_to_cpu(msg.error.error);
}

struct dmashare_msg qdmashare_client_notice(QDmashareClient *c, uint32_t type)
{
    g_autofree struct dmashare_msg *kept = g_queue_pop_head(c->notices);
    struct dmashare_msg msg;

    if (kept) {
        msg = *kept;
    } else {
        g_assert_true(qdmashare_client_read(c, &msg));
        g_assert_cmpuint(c->n_fds, ==, 0);
    }
    g_assert_cmpuint(msg.serial, ==, 0);
    g_assert_cmpuint(le32_to_cpu(msg.type), ==, type);
    return msg;
}

void qdmashare_client_assert_quiet(QDmashareClient *c)
{
    /* There is no share 0. What comes for others is sent a little later. */
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(qdmashare_client_error(c, qdmashare_msg_close(0)), ==,
                         ENOENT);
    }
    g_assert_true(g_queue_is_empty(c->notices));
}

void qdmashare_client_assert_refused(QDmashareClient *c, unsigned error)
{
    struct dmashare_msg msg, last = { };

    while (qdmashare_client_read(c, &msg)) {
        last = msg;
    }
    g_assert_cmpuint(le32_to_cpu(last.type), ==, DMASHARE_MSG_ERROR);
    g_assert_cmpuint(last.serial, ==, 0);
    g_assert_cmpuint(le32_to_cpu(last.error.error), ==, error);
    g_assert_true(last.error.text[0]);
}

/*
 * Requests
 */

struct dmashare_msg qdmashare_msg_open(uint32_t share, uint32_t generation,
                                       uint32_t flags)
{
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_OPEN, 0);

    msg.open.share = cpu_to_le32(share);
    msg.open.generation = cpu_to_le32(generation);
    msg.open.flags = cpu_to_le32(flags);
    return msg;
}

struct dmashare_msg qdmashare_msg_close(uint32_t share)
{
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_CLOSE, 0);

    msg.share.share = cpu_to_le32(share);
    return msg;
}

struct dmashare_msg qdmashare_msg_subscribe(uint32_t share, uint32_t on)
{
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_SUBSCRIBE, 0);

    msg.subscribe.share = cpu_to_le32(share);
    msg.subscribe.on = cpu_to_le32(on);
    return msg;
}

struct dmashare_msg qdmashare_msg_acquire(uint32_t share, uint32_t flags,
                                          uint64_t deadline)
{
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_ACQUIRE, 0);

    msg.acquire.share = cpu_to_le32(share);
    msg.acquire.flags = cpu_to_le32(flags);
    msg.acquire.deadline = cpu_to_le64(deadline);
    return msg;
}

struct dmashare_msg qdmashare_msg_release(uint32_t hold, uint32_t error)
{
    struct dmashare_msg msg = qdmashare_msg(DMASHARE_MSG_RELEASE, 0);

    msg.release.hold = cpu_to_le32(hold);
    msg.release.error = cpu_to_le32(error);
    return msg;
}

struct dmashare_msg qdmashare_client_announced(QDmashareClient *c)
{
    return qdmashare_client_notice(c, DMASHARE_MSG_ANNOUNCE);
}

struct dmashare_msg qdmashare_client_open(QDmashareClient *c,
                                          const struct dmashare_msg *announce,
                                          uint32_t flags)
{
    struct dmashare_msg msg =
        qdmashare_msg_open(le32_to_cpu(announce->announce.share),
                           le32_to_cpu(announce->announce.generation), flags);

    msg = qdmashare_client_do(c, msg, DMASHARE_MSG_OPENED);
    g_assert_cmpuint(msg.opened.share, ==, announce->announce.share);
    g_assert_cmpuint(msg.opened.generation, ==, announce->announce.generation);
    g_assert_cmpuint(msg.opened.size, ==, announce->announce.size);
    g_assert_cmpuint(msg.opened.path, ==, announce->announce.path);
    g_assert_cmpuint(c->n_fds, ==,
                     le32_to_cpu(msg.opened.n_ranges) > 1 ? 2 : 1);
    return msg;
}

uint32_t qdmashare_client_acquire(QDmashareClient *c, uint32_t share,
                                  uint32_t flags, uint64_t deadline)
{
    struct dmashare_msg msg = qdmashare_msg_acquire(share, flags, deadline);

    msg = qdmashare_client_do(c, msg, DMASHARE_MSG_ACQUIRED);
    g_assert_cmpuint(le32_to_cpu(msg.hold.share), ==, share);
    g_assert_cmpuint(msg.hold.hold, !=, 0);
    g_assert_cmpuint(c->n_fds, ==, !!(flags & DMASHARE_ACQUIRE_F_FD));
    return le32_to_cpu(msg.hold.hold);
}

void qdmashare_client_close_fds(QDmashareClient *c)
{
    for (unsigned i = 0; i < c->n_fds; i++) {
        close(c->fds[i]);
    }
    c->n_fds = 0;
}

/*
 * The guest's commands
 */

struct dmashare_completion qdmashare_share(QDmashare *d, uint32_t buffer,
                                           uint32_t mapping, uint32_t flags)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_SHARE,
        .share = { .buffer = buffer, .mapping = mapping, .flags = flags },
    };

    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc);
}

struct dmashare_completion qdmashare_unshare(QDmashare *d, uint32_t buffer,
                                             uint32_t flags)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_UNSHARE,
        .unshare = { .buffer = buffer, .flags = flags },
    };

    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc);
}

struct dmashare_completion qdmashare_publish(QDmashare *d, uint32_t buffer,
                                             uint32_t hold, uint64_t sequence,
                                             uint64_t deadline)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PUBLISH,
        .publish = {
            .buffer = buffer, .hold = hold, .sequence = sequence,
            .deadline = deadline,
        },
    };

    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc);
}

struct dmashare_completion qdmashare_grant(QDmashare *d, uint32_t hold,
                                           uint32_t error)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_GRANT,
        .hold = { .hold = hold, .error = error },
    };

    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc);
}

void qdmashare_assert_event(QDmashare *d, unsigned type, uint32_t buffer,
                            uint32_t hold, unsigned status, uint64_t offset)
{
    struct dmashare_event e = qdmashare_event(d);

    g_assert_cmpuint(e.type, ==, type);
    g_assert_cmpuint(e.buffer, ==, buffer);
    g_assert_cmpuint(e.mapping, ==, hold);
    g_assert_cmphex(e.status, ==, status);
    g_assert_cmpuint(e.offset, ==, offset);
    g_assert_cmpuint(e.lost, ==, 0);
}
