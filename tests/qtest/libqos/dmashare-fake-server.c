/*
 * libqos helpers for dmashare: a share server played by the test
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "../libqtest.h"
#include "dmashare-fake-server.h"
#include "dmashare-qmp.h"

/* Long enough for any machine, and the end of a test that fails. */
#define PATIENCE_MS     20000

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_msg) != DMASHARE_MSG_SIZE);

QDmashareFake *qdmashare_fake_new(void)
{
    QDmashareFake *s = g_new0(QDmashareFake, 1);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    s->dir = g_dir_make_tmp("dmashare-peer-XXXXXX", NULL);
    g_assert_nonnull(s->dir);
    s->path = g_build_filename(s->dir, "socket", NULL);
    s->fd = -1;
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(s->listener, >=, 0);
    g_strlcpy(addr.sun_path, s->path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)),
                    ==, 0);
    g_assert_cmpint(listen(s->listener, 8), ==, 0);
    return s;
}

void qdmashare_fake_free(QDmashareFake *s)
{
    qdmashare_fake_hang_up(s);
    close(s->listener);
    unlink(s->path);
    rmdir(s->dir);
    g_free(s->path);
    g_free(s->dir);
    g_free(s);
}

QDmashareMachine *qdmashare_fake_machine(QDmashareFake *s,
                                         const char *properties)
{
    g_autofree char *all = g_strdup_printf(
        "id=" QDMASHARE_ID ",peer=unix:%s,peer-reconnect-ms=10,"
        "peer-size=1M%s%s", s->path, *properties ? "," : "", properties);

    return qdmashare_one("-M q35", all);
}

/*
 * The connection
 */

static bool wait_for(int fd)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    return RETRY_ON_EINTR(poll(&pfd, 1, PATIENCE_MS)) == 1;
}

void qdmashare_fake_accept(QDmashareFake *s)
{
    qdmashare_fake_hang_up(s);
    g_assert_true(wait_for(s->listener));
    s->fd = accept(s->listener, NULL, NULL);
    g_assert_cmpint(s->fd, >=, 0);
    qemu_set_cloexec(s->fd);
}

void qdmashare_fake_welcome(QDmashareFake *s)
{
    struct dmashare_msg hello, msg;

    qdmashare_fake_accept(s);
    hello = qdmashare_fake_expect(s, DMASHARE_MSG_HELLO);
    g_assert_cmphex(le32_to_cpu(hello.hello.magic), ==, DMASHARE_MSG_MAGIC);
    g_assert_cmphex(le32_to_cpu(hello.hello.version), ==, 0x10000);
    g_assert_cmpstr((char *)hello.hello.name, ==, QDMASHARE_ID);
    msg = qdmashare_fake_msg(DMASHARE_MSG_WELCOME, hello.serial);
    msg.welcome.magic = cpu_to_le32(DMASHARE_MSG_MAGIC);
    msg.welcome.version = cpu_to_le32(0x10000);
    msg.welcome.instance = cpu_to_le64(1);
    msg.welcome.max_open = cpu_to_le32(DMASHARE_MAX_OPEN);
    msg.welcome.max_holds = cpu_to_le32(DMASHARE_MAX_CLIENT_HOLDS);
    strcpy((char *)msg.welcome.device, QDMASHARE_FAKE_DEVICE);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_hang_up(QDmashareFake *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

void qdmashare_fake_dropped(QDmashareFake *s)
{
    uint8_t bytes[DMASHARE_MSG_SIZE];
    ssize_t n;

    do {
        g_assert_true(wait_for(s->fd));
        n = recv(s->fd, bytes, sizeof(bytes), 0);
    } while (n > 0);
    qdmashare_fake_hang_up(s);
}

void qdmashare_fake_bytes(QDmashareFake *s, const void *bytes, size_t len)
{
    /* Whoever is hung up on in the middle of it is meant to be. */
    while (len) {
        ssize_t n = RETRY_ON_EINTR(send(s->fd, bytes, len, MSG_NOSIGNAL));

        if (n < 0) {
            g_assert_true(errno == EPIPE || errno == ECONNRESET);
            return;
        }
        bytes = (const uint8_t *)bytes + n;
        len -= n;
    }
}

void qdmashare_fake_begin(QDmashareFake *s, const struct dmashare_msg *msg,
                          const int *fds, unsigned n_fds)
{
    struct iovec iov = { (void *)msg, 1 };
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = { };
    struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr *cmsg;

    hdr.msg_control = &control;
    hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    cmsg = CMSG_FIRSTHDR(&hdr);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
    g_assert_cmpint(RETRY_ON_EINTR(sendmsg(s->fd, &hdr, MSG_NOSIGNAL)), ==, 1);
}

void qdmashare_fake_send(QDmashareFake *s, const struct dmashare_msg *msg,
                         const int *fds, unsigned n_fds)
{
    if (n_fds) {
        qdmashare_fake_begin(s, msg, fds, n_fds);
        qdmashare_fake_bytes(s, (const uint8_t *)msg + 1, sizeof(*msg) - 1);
    } else {
        qdmashare_fake_bytes(s, msg, sizeof(*msg));
    }
}

struct dmashare_msg qdmashare_fake_expect(QDmashareFake *s, uint32_t type)
{
    struct dmashare_msg msg;
    size_t have = 0;

    while (have < sizeof(msg)) {
        ssize_t n;

        g_assert_true(wait_for(s->fd));
        n = recv(s->fd, (uint8_t *)&msg + have, sizeof(msg) - have, 0);
        g_assert_cmpint(n, >, 0);
        have += n;
    }
    g_assert_cmpuint(le32_to_cpu(msg.type), ==, type);
    g_assert_cmpuint(le32_to_cpu(msg.length), ==, DMASHARE_MSG_SIZE);
    g_assert_cmpuint(msg.serial, !=, 0);
    return msg;
}

void qdmashare_fake_sync(QDmashareFake *s)
{
    uint32_t share = 0x80000000 + s->marks++;
    struct dmashare_msg open;

    qdmashare_fake_announce(s, share, 1, 4096, false);
    open = qdmashare_fake_expect(s, DMASHARE_MSG_OPEN);
    g_assert_cmpuint(le32_to_cpu(open.open.share), ==, share);
    qdmashare_fake_error(s, &open, ENOENT);
    qdmashare_fake_withdraw(s, share, 1, DMASHARE_WITHDRAW_RELEASED);
}

/*
 * Messages
 */

struct dmashare_msg qdmashare_fake_msg(uint32_t type, uint32_t serial)
{
    /* The serial is a request's, as it came. */
    return (struct dmashare_msg) {
        .type = cpu_to_le32(type),
        .length = cpu_to_le32(DMASHARE_MSG_SIZE),
        .serial = serial,
    };
}

void qdmashare_fake_done(QDmashareFake *s, const struct dmashare_msg *request)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_DONE,
                                                 request->serial);

    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_error(QDmashareFake *s, const struct dmashare_msg *request,
                          uint32_t error)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_ERROR,
                                                 request->serial);

    msg.error.error = cpu_to_le32(error);
    strcpy((char *)msg.error.text, "no");
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_acquired(QDmashareFake *s,
                             const struct dmashare_msg *request,
                             uint32_t share, uint32_t hold)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_ACQUIRED,
                                                 request->serial);

    msg.hold.share = cpu_to_le32(share);
    msg.hold.hold = cpu_to_le32(hold);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_subscribed(QDmashareFake *s, uint32_t share, bool on)
{
    struct dmashare_msg msg = qdmashare_fake_expect(s, DMASHARE_MSG_SUBSCRIBE);

    g_assert_cmpuint(le32_to_cpu(msg.subscribe.share), ==, share);
    g_assert_cmpuint(le32_to_cpu(msg.subscribe.on), ==, on);
    qdmashare_fake_done(s, &msg);
}

void qdmashare_fake_ready(QDmashareFake *s)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_READY, 0);

    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_announce(QDmashareFake *s, uint32_t share,
                             uint32_t generation, uint64_t size, bool write)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_ANNOUNCE, 0);

    msg.announce.share = cpu_to_le32(share);
    msg.announce.generation = cpu_to_le32(generation);
    msg.announce.size = cpu_to_le64(size);
    msg.announce.flags = cpu_to_le32(write ? DMASHARE_SHARE_F_WRITE : 0);
    msg.announce.path = cpu_to_le32(DMASHARE_PATH_LOCAL);
    msg.announce.fourcc = cpu_to_le32(0x34325258);
    msg.announce.width = cpu_to_le32(640);
    msg.announce.height = cpu_to_le32(480);
    msg.announce.stride = cpu_to_le32(2560);
    msg.announce.sequence = cpu_to_le64(share * 10);
    snprintf((char *)msg.announce.name, sizeof(msg.announce.name), "share %u",
             share);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_withdraw(QDmashareFake *s, uint32_t share,
                             uint32_t generation, uint32_t reason)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_WITHDRAW, 0);

    msg.withdraw.share = cpu_to_le32(share);
    msg.withdraw.generation = cpu_to_le32(generation);
    msg.withdraw.reason = cpu_to_le32(reason);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_content(QDmashareFake *s, uint32_t share,
                            uint32_t generation, uint64_t sequence,
                            uint32_t hold)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_CONTENT, 0);

    msg.content.share = cpu_to_le32(share);
    msg.content.generation = cpu_to_le32(generation);
    msg.content.sequence = cpu_to_le64(sequence);
    msg.content.hold = cpu_to_le32(hold);
    msg.content.deadline = cpu_to_le64(hold ? 1000000000 : 0);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_granted(QDmashareFake *s, uint32_t share, uint32_t hold,
                            uint32_t error, uint64_t sequence)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_GRANTED, 0);

    msg.granted.share = cpu_to_le32(share);
    msg.granted.hold = cpu_to_le32(hold);
    msg.granted.error = cpu_to_le32(error);
    msg.granted.sequence = cpu_to_le64(sequence);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

void qdmashare_fake_ended(QDmashareFake *s, uint32_t share, uint32_t hold,
                          uint32_t error)
{
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_ENDED, 0);

    msg.ended.share = cpu_to_le32(share);
    msg.ended.hold = cpu_to_le32(hold);
    msg.ended.error = cpu_to_le32(error);
    qdmashare_fake_send(s, &msg, NULL, 0);
}

/*
 * Memory
 */

int qdmashare_fake_memory(uint64_t size, int seals, uint8_t **bytes)
{
    int fd = memfd_create("fake-share", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(*bytes != MAP_FAILED);
    qdmashare_noise(*bytes, size, size);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, seals), ==, 0);
    return fd;
}

void qdmashare_fake_opened(QDmashareFake *s, uint32_t share, uint64_t size,
                           bool write, int fd, uint64_t offset)
{
    struct dmashare_msg open = qdmashare_fake_expect(s, DMASHARE_MSG_OPEN);
    struct dmashare_msg msg = qdmashare_fake_msg(DMASHARE_MSG_OPENED,
                                                 open.serial);

    g_assert_cmpuint(le32_to_cpu(open.open.share), ==, share);
    g_assert_cmpuint(le32_to_cpu(open.open.flags), ==,
                     write ? DMASHARE_OPEN_F_WRITE : 0);
    msg.opened.share = open.open.share;
    msg.opened.generation = open.open.generation;
    msg.opened.size = cpu_to_le64(size);
    msg.opened.offset = cpu_to_le64(offset);
    msg.opened.n_ranges = cpu_to_le32(1);
    msg.opened.path = cpu_to_le32(DMASHARE_PATH_LOCAL);
    msg.opened.flags = cpu_to_le32(write ? DMASHARE_OPENED_F_WRITE : 0);
    qdmashare_fake_send(s, &msg, &fd, 1);
}

uint32_t qdmashare_fake_share(QDmashareFake *s, QDmashare *d, uint32_t share,
                              int fd, uint64_t offset, uint64_t size,
                              bool write)
{
    struct dmashare_event e;

    qdmashare_fake_announce(s, share, 1, size, write);
    qdmashare_fake_opened(s, share, size, write, fd, offset);
    e = qdmashare_fake_event(d, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmpuint(e.offset, ==, size);
    return e.mapping;
}

/*
 * The device
 */

struct dmashare_event qdmashare_fake_event(QDmashare *d, unsigned type)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_MS * 1000LL;
    struct dmashare_event e;

    while (!qdmashare_try_event(d, &e)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(QDMASHARE_PAUSE_US);
    }
    g_assert_cmpuint(e.type, ==, type);
    g_assert_cmpuint(e.lost, ==, 0);
    return e;
}

struct dmashare_event qdmashare_fake_event_of(QDmashare *d, unsigned type,
                                              uint32_t id, uint64_t number)
{
    struct dmashare_event e = qdmashare_fake_event(d, type);

    g_assert_cmpuint(e.mapping, ==, id);
    g_assert_cmpuint(e.offset, ==, number);
    return e;
}

unsigned qdmashare_peer_map(QDmashare *d, uint32_t peer, uint32_t flags,
                            uint64_t offset)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PEER_MAP,
        .peer_map = { .peer = peer, .flags = flags, .offset = offset },
    };

    return qdmashare_command(d, &desc);
}

unsigned qdmashare_peer_unmap(QDmashare *d, uint32_t peer)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PEER_UNMAP,
        .id.id = peer,
    };

    return qdmashare_command(d, &desc);
}

unsigned qdmashare_peer_acquire(QDmashare *d, uint32_t peer, uint32_t flags,
                                uint32_t hold, uint64_t deadline)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PEER_ACQUIRE,
        .peer_acquire = {
            .peer = peer, .flags = flags, .hold = hold, .deadline = deadline,
        },
    };

    return qdmashare_command(d, &desc);
}

unsigned qdmashare_peer_release(QDmashare *d, uint32_t hold, uint32_t error)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PEER_RELEASE,
        .hold = { .hold = hold, .error = error },
    };

    return qdmashare_command(d, &desc);
}

struct dmashare_peer_info qdmashare_peer_info(QDmashare *d, uint32_t peer)
{
    uint64_t at = qdmashare_alloc(d, sizeof(struct dmashare_peer_info));
    struct dmashare_peer_info info;
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PEER_QUERY,
        .query = {
            .id = peer, .addr = qdmashare_dma(d, at), .length = sizeof(info),
        },
    };
    struct dmashare_completion c = qdmashare_run(d, DMASHARE_QUEUE_CONTROL,
                                                 &desc);

    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(c.result, ==, sizeof(info));
    qdmashare_read(d, at, &info, sizeof(info));
    guest_free(d->alloc, at);
    info.id = le32_to_cpu(info.id);
    info.share = le32_to_cpu(info.share);
    info.generation = le32_to_cpu(info.generation);
    info.flags = le32_to_cpu(info.flags);
    info.size = le64_to_cpu(info.size);
    info.sequence = le64_to_cpu(info.sequence);
    info.fourcc = le32_to_cpu(info.fourcc);
    info.width = le32_to_cpu(info.width);
    info.height = le32_to_cpu(info.height);
    info.stride = le32_to_cpu(info.stride);
    return info;
}

void qdmashare_peer_buf(QDmashare *d, uint32_t id, uint64_t offset,
                        uint64_t size, unsigned direction)
{
    struct dmashare_segment seg = { offset, size };
    struct dmashare_desc create = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = id, .size = size, .placement = DMASHARE_PLACEMENT_PEER,
            .name = "foreign",
        },
    };
    struct dmashare_desc map = {
        .map = {
            .id = id, .buffer = id, .direction = direction,
            .placement = DMASHARE_PLACEMENT_PEER,
        },
    };

    g_assert_cmphex(qdmashare_command(d, &create), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map_with(d, map, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
}
