/*
 * A client of the share server that knows the protocol and breaks it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include <poll.h>
#include <sys/un.h>
#include "dmashare-job.h"
#include "dmashare-fuzz-client.h"

/*
 * What goes out
 */

/* False: it could not be sent. */
static bool send_bytes(FuzzClient *c, const void *data, size_t len,
                       const int *fds, unsigned n_fds, bool wait)
{
    g_autofree char *control = n_fds ? g_malloc0(
        CMSG_SPACE(n_fds * sizeof(int))) : NULL;

    while (c->fd >= 0 && len) {
        struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (n_fds) {
            struct cmsghdr *cmsg;

            msg.msg_control = control;
            msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
            cmsg = CMSG_FIRSTHDR(&msg);
            cmsg->cmsg_level = SOL_SOCKET;
            cmsg->cmsg_type = SCM_RIGHTS;
            cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
            memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
        }
        n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            data = (const uint8_t *)data + n;
            len -= n;
            n_fds = 0;
        } else if (errno == EAGAIN) {
            struct pollfd both = { .fd = c->fd, .events = POLLIN | POLLOUT };

            if (!wait) {
                return false;
            }
            if (poll(&both, 1, FUZZ_PATIENCE_MS) == 0) {
                fuzz_fault(c, "it neither reads nor writes");
            }
            if (both.revents & POLLIN) {
                fuzz_receive(c, false);
            }
        } else if (errno == ETOOMANYREFS && n_fds) {
            n_fds = 0;          /* too many are under way to somewhere */
        } else if (errno != EINTR) {
            /* It is gone; what it said before says why. */
            while (c->fd >= 0) {
                fuzz_receive(c, true);
            }
            return false;
        }
    }
    return c->fd >= 0;
}

static void expect(FuzzClient *c, const struct dmashare_msg *m, FuzzFate fate)
{
    FuzzRequest *r;

    c->count.messages++;
    qatomic_inc(&c->fuzz->sent);
    if (fate == FATE_END) {
        c->doomed = true;
    } else if (fate == FATE_EITHER) {
        c->unsure = true;
    }
    if (c->doomed || c->pending == FUZZ_REQUESTS) {
        return;
    }
    r = &c->request[(c->first + c->pending++) % FUZZ_REQUESTS];
    *r = (FuzzRequest) {
        .serial = le32_to_cpu(m->serial),
        .type = le32_to_cpu(m->type),
        .share = le32_to_cpu(m->share.share),
    };
    if (r->type == DMASHARE_MSG_OPEN) {
        r->flags = le32_to_cpu(m->open.flags);
    } else if (r->type == DMASHARE_MSG_ACQUIRE) {
        r->flags = le32_to_cpu(m->acquire.flags);
    }
}

static struct dmashare_msg header(FuzzClient *c, uint32_t type)
{
    if (++c->serial == 0) {
        c->serial++;
    }
    return (struct dmashare_msg) {
        .type = cpu_to_le32(type),
        .length = cpu_to_le32(DMASHARE_MSG_SIZE),
        .serial = cpu_to_le32(c->serial),
    };
}

static struct dmashare_msg hello(FuzzClient *c)
{
    struct dmashare_msg m = header(c, DMASHARE_MSG_HELLO);

    m.hello.magic = cpu_to_le32(DMASHARE_MSG_MAGIC);
    m.hello.version = cpu_to_le32(DMASHARE_PROTOCOL_MAJOR << 16 |
                                  fuzz_roll(c, 3));
    snprintf((char *)m.hello.name, sizeof(m.hello.name), "fuzz-%u", c->number);
    return m;
}

/* A number that is on some edge, or any. */
static uint64_t number(FuzzClient *c)
{
    static const uint64_t edge[] = {
        0, 1, 2, 255, 256, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff,
        DMASHARE_MAX_DEADLINE_NS, DMASHARE_MAX_DEADLINE_NS + 1, INT64_MAX,
        UINT64_MAX,
    };

    return fuzz_chance(c, 60) ? edge[fuzz_roll(c, ARRAY_SIZE(edge))] :
           fuzz_chance(c, 50) ? fuzz_roll(c, 100) :
           qdmashare_random(&c->random);
}

/* Something that a good client may say now. */
static struct dmashare_msg request(FuzzClient *c)
{
    static const uint32_t types[] = {
        DMASHARE_MSG_OPEN, DMASHARE_MSG_OPEN, DMASHARE_MSG_CLOSE,
        DMASHARE_MSG_SUBSCRIBE, DMASHARE_MSG_ACQUIRE, DMASHARE_MSG_ACQUIRE,
        DMASHARE_MSG_RELEASE, DMASHARE_MSG_RELEASE,
    };
    uint32_t type = types[fuzz_roll(c, ARRAY_SIZE(types))];
    FuzzShare *s = fuzz_share_any(c);
    struct dmashare_msg m;
    uint32_t id = s ? s->id : fuzz_roll(c, 10);

    /* What was not opened is good for little else. */
    if (s && !s->open && type != DMASHARE_MSG_RELEASE && fuzz_chance(c, 80)) {
        type = DMASHARE_MSG_OPEN;
    }
    m = header(c, type);
    switch (type) {
    case DMASHARE_MSG_OPEN:
        m.open.share = cpu_to_le32(id);
        m.open.generation = cpu_to_le32(s ? s->generation : 1);
        m.open.flags = cpu_to_le32(fuzz_chance(c, 40) ?
                                   DMASHARE_OPEN_F_WRITE : 0);
        break;
    case DMASHARE_MSG_CLOSE:
        m.share.share = cpu_to_le32(id);
        break;
    case DMASHARE_MSG_SUBSCRIBE:
        m.subscribe.share = cpu_to_le32(id);
        m.subscribe.on = cpu_to_le32(fuzz_chance(c, 70));
        break;
    case DMASHARE_MSG_ACQUIRE:
        m.acquire.share = cpu_to_le32(id);
        m.acquire.flags = cpu_to_le32(fuzz_roll(c, 8));
        if (!(le32_to_cpu(m.acquire.flags) & DMASHARE_ACQUIRE_F_WAIT)) {
            m.acquire.deadline = cpu_to_le64(1 + fuzz_roll(c, 2000000));
        }
        break;
    case DMASHARE_MSG_RELEASE:
        m.release.hold = cpu_to_le32(fuzz_hold_any(c));
        m.release.error = cpu_to_le32(fuzz_chance(c, 70) ? 0 :
                                      fuzz_roll(c, 4096));
        break;
    }
    return m;
}

/* Well-formed, and what it asks for makes no sense, or does it? */
static struct dmashare_msg senseless(FuzzClient *c, FuzzFate *fate)
{
    struct dmashare_msg m = request(c);

    *fate = FATE_ANSWER;
    switch (le32_to_cpu(m.type)) {
    case DMASHARE_MSG_OPEN:
        if (fuzz_chance(c, 50)) {
            m.open.share = cpu_to_le32(number(c));
        } else {
            m.open.generation = cpu_to_le32(number(c));
        }
        break;
    case DMASHARE_MSG_CLOSE:
        m.share.share = cpu_to_le32(number(c));
        break;
    case DMASHARE_MSG_SUBSCRIBE:
        m.subscribe.share = cpu_to_le32(number(c));
        break;
    case DMASHARE_MSG_ACQUIRE:
        if (fuzz_chance(c, 50)) {
            m.acquire.share = cpu_to_le32(number(c));
        } else {
            /* Whether 0 is asked for with F_WAIT, or required: see above. */
            m.acquire.deadline = cpu_to_le64(number(c));
            *fate = FATE_EITHER;
        }
        break;
    case DMASHARE_MSG_RELEASE:
        m.release.hold = cpu_to_le32(number(c));
        break;
    }
    return m;
}

/* Something that must end the connection. */
static struct dmashare_msg forbidden(FuzzClient *c)
{
    struct dmashare_msg m = request(c);
    size_t used = 16;
    uint32_t type;

    switch (fuzz_roll(c, 6)) {
    case 0:
        do {
            type = fuzz_chance(c, 70) ? fuzz_roll(c, 80) : number(c);
        } while (type >= DMASHARE_MSG_HELLO && type <= DMASHARE_MSG_RELEASE);
        m.type = cpu_to_le32(type);
        break;
    case 1:
        do {
            m.length = cpu_to_le32(fuzz_chance(c, 50) ? fuzz_roll(c, 300) :
                                   number(c));
        } while (le32_to_cpu(m.length) == DMASHARE_MSG_SIZE);
        break;
    case 2:
        m.serial = 0;
        break;
    case 3:
        m.reserved = cpu_to_le32(1U << fuzz_roll(c, 32));
        break;
    default:
        /* A bit behind the longest body of a request. */
        used += fuzz_roll(c, sizeof(m.body) - used);
        m.body[used] |= 1U << fuzz_roll(c, 8);
        break;
    }
    return m;
}

/* Any bits at all turned over. */
static struct dmashare_msg damaged(FuzzClient *c)
{
    struct dmashare_msg m = request(c);
    unsigned n = 1 + fuzz_roll(c, 8);

    while (n--) {
        ((uint8_t *)&m)[fuzz_roll(c, sizeof(m))] ^= 1U << fuzz_roll(c, 8);
    }
    return m;
}

/*
 * Ways to send it
 */

static void say(FuzzClient *c, struct dmashare_msg m, FuzzFate fate)
{
    fuzz_doing(c, "type %u, fate %d", le32_to_cpu(m.type), fate);
    expect(c, &m, fate);
    send_bytes(c, &m, sizeof(m), NULL, 0, true);
}

static void say_in_pieces(FuzzClient *c)
{
    struct dmashare_msg m = request(c);
    size_t at = 0;

    fuzz_doing(c, "type %u in pieces", le32_to_cpu(m.type));
    expect(c, &m, FATE_ANSWER);
    while (at < sizeof(m)) {
        size_t n = 1 + fuzz_roll(c, sizeof(m) - at);

        if (!send_bytes(c, (uint8_t *)&m + at, n, NULL, 0, true)) {
            return;
        }
        at += n;
        if (fuzz_chance(c, 50)) {
            fuzz_receive(c, false);
            if (c->fd < 0) {
                return;
            }
        }
    }
}

static void say_half(FuzzClient *c)
{
    struct dmashare_msg m = request(c);

    fuzz_doing(c, "half a message");
    c->count.messages++;
    qatomic_inc(&c->fuzz->sent);
    send_bytes(c, &m, 1 + fuzz_roll(c, sizeof(m) - 1), NULL, 0, true);
    if (c->fd >= 0 && fuzz_chance(c, 30)) {
        shutdown(c->fd, SHUT_WR);
        c->unsure = true;
        while (c->fd >= 0) {
            fuzz_receive(c, true);
        }
        return;
    }
    c->count.dropped++;
    fuzz_forget(c);
}

static void say_many(FuzzClient *c, unsigned most, bool read)
{
    unsigned n = 1 + fuzz_roll(c, most);
    g_autofree struct dmashare_msg *all = g_new(struct dmashare_msg, n);

    fuzz_doing(c, "%u messages at once, %s", n, read ? "read" : "not read");
    for (unsigned i = 0; i < n; i++) {
        all[i] = request(c);
        expect(c, &all[i], FATE_ANSWER);
    }
    if (read) {
        send_bytes(c, all, n * sizeof(*all), NULL, 0, true);
        return;
    }
    /* One who does not read may be thrown out, without another word. */
    c->unsure = true;
    send_bytes(c, all, n * sizeof(*all), NULL, 0, false);
    if (c->fd >= 0 && fuzz_chance(c, 50)) {
        for (unsigned i = fuzz_roll(c, n); i && fuzz_receive(c, false); i--) {
            continue;
        }
    }
    if (c->fd >= 0) {
        c->count.dropped++;
        fuzz_forget(c);
    }
}

static int odd_fd(FuzzClient *c)
{
    int pair[2];

    switch (fuzz_roll(c, 6)) {
    case 0:
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 1:
        return memfd_create("fuzz", MFD_CLOEXEC);
    case 2:
        return dup(c->fd);
    case 3:
        return open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 4:
        return open("/proc/self/exe", O_PATH | O_CLOEXEC);
    default:
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
            return -1;
        }
        close(pair[0]);
        return pair[1];
    }
}

static void say_with_fds(FuzzClient *c)
{
    struct dmashare_msg m = request(c);
    unsigned n = 1 + fuzz_roll(c, fuzz_chance(c, 90) ? 8 : 250);
    size_t at = fuzz_chance(c, 70) ? 0 : 1 + fuzz_roll(c, sizeof(m) - 1);
    int fds[253];
    unsigned have = 0;

    fuzz_doing(c, "%u descriptors from byte %zu on", n, at);
    while (have < n && (fds[have] = odd_fd(c)) >= 0) {
        have++;
    }
    if (have) {
        expect(c, &m, FATE_END);
        send_bytes(c, &m, at, NULL, 0, true);
        send_bytes(c, (uint8_t *)&m + at, sizeof(m) - at, fds, have, true);
    }
    while (have) {
        close(fds[--have]);
    }
}

static void say_urgently(FuzzClient *c)
{
    fuzz_doing(c, "a byte out of band");
    c->unsure = true;
    c->count.messages++;
    qatomic_inc(&c->fuzz->sent);
    send(c->fd, "!", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
    c->count.dropped++;
    fuzz_forget(c);
}

/*
 * Connections
 */

static int connect_one(FuzzClient *c)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        fuzz_fault(c, "no socket: %s", strerror(errno));
    }
    g_strlcpy(name.sun_path, c->fuzz->socket, sizeof(name.sun_path));
    if (connect(fd, (struct sockaddr *)&name, sizeof(name))) {
        int error = errno;

        close(fd);
        if (!qatomic_read(&c->fuzz->stop)) {
            fuzz_fault(c, "cannot connect: %s", strerror(error));
        }
        return -1;
    }
    return fd;
}

static void greet(FuzzClient *c)
{
    struct dmashare_msg m;

    c->fd = connect_one(c);
    if (c->fd < 0) {
        return;
    }
    fuzz_doing(c, "connecting");
    if (fuzz_chance(c, 5)) {
        /* Nothing was said, and nothing is answered. */
        fuzz_forget(c);
        c->count.dropped++;
        return;
    }
    m = hello(c);
    /* Until it is known, a full server is a possible answer to anything. */
    if (fuzz_chance(c, 12)) {
        switch (fuzz_roll(c, 4)) {
        case 0:
            m.hello.magic ^= cpu_to_le32(1U << fuzz_roll(c, 32));
            break;
        case 1:
            m.hello.version = cpu_to_le32(number(c));
            break;
        case 2:
            m = request(c);
            break;
        default:
            m = forbidden(c);
            break;
        }
        c->unsure = true;
        say(c, m, FATE_EITHER);
        if (fuzz_chance(c, 50)) {
            fuzz_forget(c);
            c->count.dropped++;
        }
        while (c->fd >= 0 && !c->welcome) {
            fuzz_receive(c, true);
        }
        fuzz_forget(c);
        return;
    }
    say(c, m, FATE_ANSWER);
    while (c->fd >= 0 && c->pending) {
        fuzz_receive(c, true);
    }
    if (c->fd >= 0 && c->ended) {
        c->count.full++;
        while (c->fd >= 0) {
            fuzz_receive(c, true);
        }
    }
}

static void idle(FuzzClient *c)
{
    int i = fuzz_roll(c, ARRAY_SIZE(c->idle));

    fuzz_doing(c, "sockets that say nothing");
    if (c->idle[i] >= 0) {
        close(c->idle[i]);
        c->idle[i] = -1;
    } else {
        c->idle[i] = connect_one(c);
    }
}

static void step(FuzzClient *c)
{
    unsigned what = fuzz_roll(c, 1000);
    struct dmashare_msg m;
    FuzzFate fate;

    if (c->fd < 0) {
        greet(c);
        return;
    }
    if (what < 560) {
        say(c, request(c), FATE_ANSWER);
    } else if (what < 740) {
        m = senseless(c, &fate);
        say(c, m, fate);
    } else if (what < 840) {
        say_many(c, 30, true);
    } else if (what < 865) {
        say_in_pieces(c);
    } else if (what < 895) {
        say(c, forbidden(c), FATE_END);
    } else if (what < 920) {
        say(c, damaged(c), FATE_EITHER);
    } else if (what < 935) {
        say_with_fds(c);
    } else if (what < 947) {
        say_half(c);
        return;
    } else if (what < 951) {
        say_many(c, 1000, false);
        return;
    } else if (what < 957) {
        say_urgently(c);
        return;
    } else if (what < 980) {
        idle(c);
    } else {
        fuzz_doing(c, "dropping the connection");
        if (fuzz_chance(c, 30)) {
            shutdown(c->fd, fuzz_chance(c, 50) ? SHUT_RD : SHUT_RDWR);
        }
        c->count.dropped++;
        fuzz_forget(c);
        return;
    }
    if (c->fd >= 0 && fuzz_chance(c, 80)) {
        fuzz_settle(c);
    }
}

/* Until it is this client's turn to go on. */
static void pace(QDmashareFuzz *f)
{
    g_mutex_lock(&f->lock);
    while (f->paced && !qatomic_read(&f->stop) &&
           qatomic_read(&f->sent) >= f->allowed) {
        g_cond_wait(&f->more, &f->lock);
    }
    g_mutex_unlock(&f->lock);
}

void qdmashare_fuzz_allow(QDmashareFuzz *f, uint64_t messages)
{
    g_mutex_lock(&f->lock);
    f->paced = true;
    f->allowed = qatomic_read(&f->sent) + messages;
    g_cond_broadcast(&f->more);
    g_mutex_unlock(&f->lock);
}

static void *client_main(void *opaque)
{
    FuzzClient *c = opaque;
    QDmashareFuzz *f = c->fuzz;

    while (!qatomic_read(&f->stop) && qatomic_read(&f->sent) < f->messages) {
        step(c);
        pace(f);
    }
    fuzz_doing(c, "the end");
    fuzz_forget(c);
    for (int i = 0; i < ARRAY_SIZE(c->idle); i++) {
        if (c->idle[i] >= 0) {
            close(c->idle[i]);
        }
    }
    qatomic_dec(&f->running);
    return NULL;
}

QDmashareFuzz *qdmashare_fuzz_start(const char *socket, unsigned clients,
                                    uint64_t messages, uint64_t seed)
{
    QDmashareFuzz *f = g_new0(QDmashareFuzz, 1);

    f->socket = g_strdup(socket);
    f->seed = seed;
    f->messages = messages;
    f->n = f->running = clients;
    g_mutex_init(&f->lock);
    g_cond_init(&f->more);
    f->client = g_new0(FuzzClient, clients);
    f->thread = g_new0(GThread *, clients);
    for (unsigned i = 0; i < clients; i++) {
        FuzzClient *c = &f->client[i];

        c->fuzz = f;
        c->number = i;
        c->random = seed + i * 0x1000003;
        c->fd = c->pipe = c->idle[0] = c->idle[1] = -1;
        f->thread[i] = g_thread_new("fuzz", client_main, c);
    }
    return f;
}

bool qdmashare_fuzz_done(QDmashareFuzz *f)
{
    return !qatomic_read(&f->running);
}

void qdmashare_fuzz_stop(QDmashareFuzz *f)
{
    qatomic_set(&f->stop, true);
    g_mutex_lock(&f->lock);
    g_cond_broadcast(&f->more);
    g_mutex_unlock(&f->lock);
}

void qdmashare_fuzz_join(QDmashareFuzz *f, QDmashareFuzzCount *count)
{
    *count = (QDmashareFuzzCount) { 0 };
    for (unsigned i = 0; i < f->n; i++) {
        const QDmashareFuzzCount *one = &f->client[i].count;

        g_thread_join(f->thread[i]);
        count->messages += one->messages;
        count->connections += one->connections;
        count->full += one->full;
        count->answers += one->answers;
        count->refusals += one->refusals;
        count->notices += one->notices;
        count->opened += one->opened;
        count->granted += one->granted;
        count->thrown_out += one->thrown_out;
        count->dropped += one->dropped;
    }
    g_mutex_clear(&f->lock);
    g_cond_clear(&f->more);
    g_free(f->thread);
    g_free(f->client);
    g_free(f->socket);
    g_free(f);
}

char *qdmashare_fuzz_tell(const QDmashareFuzzCount *n)
{
    return g_strdup_printf(
        "%" PRIu64 " messages over %" PRIu64 " connections: %" PRIu64
        " requests done, %" PRIu64 " refused, %" PRIu64 " notices, %" PRIu64
        " opened, %" PRIu64 " granted; %" PRIu64 " times thrown out, %" PRIu64
        " dropped, %" PRIu64 " found the server full",
        n->messages, n->connections, n->answers, n->refusals, n->notices,
        n->opened, n->granted, n->thrown_out, n->dropped, n->full);
}
