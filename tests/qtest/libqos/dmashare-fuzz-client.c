/*
 * One hostile client of the share server: what it knows, and what it reads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include <poll.h>
#include <sys/mman.h>
#include "dmashare-job.h"
#include "dmashare-fuzz-client.h"

void G_NORETURN G_GNUC_PRINTF(2, 3) fuzz_fault(FuzzClient *c, const char *fmt,
                                               ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, fmt);
    what = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_printerr("seed 0x%" PRIx64 ", client %u, message %" PRIu64
               ", after %s: %s\n", c->fuzz->seed, c->number,
               c->count.messages, c->doing, what);
    abort();
}

void G_GNUC_PRINTF(2, 3) fuzz_doing(FuzzClient *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(c->doing, sizeof(c->doing), fmt, args);
    va_end(args);
}

uint64_t fuzz_roll(FuzzClient *c, uint64_t n)
{
    return qdmashare_random(&c->random) % n;
}

bool fuzz_chance(FuzzClient *c, unsigned percent)
{
    return fuzz_roll(c, 100) < percent;
}

/*
 * What the client knows
 */

static FuzzShare *share_find(FuzzClient *c, uint32_t id)
{
    for (int i = 0; i < FUZZ_SHARES; i++) {
        if (c->share[i].id == id && id) {
            return &c->share[i];
        }
    }
    return NULL;
}

FuzzShare *fuzz_share_any(FuzzClient *c)
{
    FuzzShare *found[FUZZ_SHARES];
    unsigned n = 0;

    for (int i = 0; i < FUZZ_SHARES; i++) {
        if (c->share[i].id) {
            found[n++] = &c->share[i];
        }
    }
    return n ? found[fuzz_roll(c, n)] : NULL;
}

static void hold_add(FuzzClient *c, uint32_t hold)
{
    for (int i = 0; i < FUZZ_SHARES; i++) {
        if (!c->hold[i]) {
            c->hold[i] = hold;
            return;
        }
    }
    c->hold[fuzz_roll(c, FUZZ_SHARES)] = hold;
}

static void hold_remove(FuzzClient *c, uint32_t hold)
{
    for (int i = 0; i < FUZZ_SHARES; i++) {
        if (c->hold[i] == hold) {
            c->hold[i] = 0;
        }
    }
}

uint32_t fuzz_hold_any(FuzzClient *c)
{
    for (int i = 0; i < 4; i++) {
        uint32_t hold = c->hold[fuzz_roll(c, FUZZ_SHARES)];

        if (hold) {
            return hold;
        }
    }
    for (int i = 0; i < FUZZ_SHARES; i++) {
        if (c->hold[i]) {
            return c->hold[i];
        }
    }
    return 0;
}

/*
 * What comes in
 */

static size_t body_size(uint32_t type)
{
    switch (type) {
    case DMASHARE_MSG_WELCOME:
        return sizeof(struct dmashare_msg_welcome);
    case DMASHARE_MSG_OPENED:
        return sizeof(struct dmashare_msg_opened);
    case DMASHARE_MSG_ACQUIRED:
        return sizeof(struct dmashare_msg_hold);
    case DMASHARE_MSG_ERROR:
        return sizeof(struct dmashare_msg_error);
    case DMASHARE_MSG_ANNOUNCE:
        return sizeof(struct dmashare_msg_announce);
    case DMASHARE_MSG_WITHDRAW:
        return sizeof(struct dmashare_msg_withdraw);
    case DMASHARE_MSG_CONTENT:
        return sizeof(struct dmashare_msg_content);
    case DMASHARE_MSG_GRANTED:
        return sizeof(struct dmashare_msg_granted);
    case DMASHARE_MSG_ENDED:
        return sizeof(struct dmashare_msg_ended);
    default:
        return 0;
    }
}

/* The answer that a request gets when it is done. */
static uint32_t answer_type(uint32_t request)
{
    switch (request) {
    case DMASHARE_MSG_HELLO:
        return DMASHARE_MSG_WELCOME;
    case DMASHARE_MSG_OPEN:
        return DMASHARE_MSG_OPENED;
    case DMASHARE_MSG_ACQUIRE:
        return DMASHARE_MSG_ACQUIRED;
    default:
        return DMASHARE_MSG_DONE;
    }
}

static void discard_fds(FuzzClient *c)
{
    for (unsigned i = 0; i < c->n_in_fd; i++) {
        close(c->in_fd[i]);
    }
    c->n_in_fd = 0;
}

static void check_ranges(FuzzClient *c, const struct dmashare_msg_opened *o)
{
    uint32_t n = le32_to_cpu(o->n_ranges);
    uint64_t sum = 0;
    struct dmashare_range range;

    for (uint32_t i = 0; i < n; i++) {
        if (pread(c->in_fd[1], &range, sizeof(range), i * sizeof(range)) !=
            sizeof(range)) {
            fuzz_fault(c, "range %u of %u cannot be read", i, n);
        }
        if (!range.length || le64_to_cpu(range.length) % FUZZ_PAGE ||
            le64_to_cpu(range.offset) % FUZZ_PAGE) {
            fuzz_fault(c, "range %u is 0x%" PRIx64 "+0x%" PRIx64, i,
                       le64_to_cpu(range.offset), le64_to_cpu(range.length));
        }
        sum += le64_to_cpu(range.length);
    }
    if (sum != le64_to_cpu(o->size)) {
        fuzz_fault(c, "the ranges are 0x%" PRIx64 " bytes long, not 0x%" PRIx64,
                   sum, le64_to_cpu(o->size));
    }
    if (pwrite(c->in_fd[1], &range, 1, 0) > 0 ||
        ftruncate(c->in_fd[1], 0) == 0) {
        fuzz_fault(c, "the list of ranges can be changed");
    }
}

/* The same memory, opened anew with as many rights as can be had. */
static int reopened(int fd)
{
    g_autofree char *name = g_strdup_printf("/proc/self/fd/%d", fd);
    int other = open(name, O_RDWR | O_CLOEXEC);

    return other >= 0 ? other : dup(fd);
}

/* What could hurt its owner, or another client. */
static void check_harmless(FuzzClient *c, const struct dmashare_msg_opened *o)
{
    uint64_t offset = le64_to_cpu(o->offset);
    uint32_t flags = le32_to_cpu(o->flags);
    int fd = reopened(c->in_fd[0]);

    if (fd < 0) {
        return;
    }
    if (!(flags & DMASHARE_OPENED_F_WRITE) &&
        (flags & DMASHARE_OPENED_F_ENFORCED) &&
        mmap(NULL, FUZZ_PAGE, PROT_WRITE, MAP_SHARED, fd, offset) !=
        MAP_FAILED) {
        fuzz_fault(c, "what is read-only can be written");
    }
    if (ftruncate(fd, 0) == 0 || ftruncate(fd, FUZZ_PAGE) == 0) {
        fuzz_fault(c, "the memory can be cut off");
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0) {
        fuzz_fault(c, "the memory can be sealed by a client");
    }
    close(fd);
}

/* A descriptor of memory: what it promises. */
static void check_memory(FuzzClient *c, const FuzzRequest *r,
                         const struct dmashare_msg_opened *o)
{
    uint32_t n = le32_to_cpu(o->n_ranges), path = le32_to_cpu(o->path);
    uint32_t flags = le32_to_cpu(o->flags);
    uint64_t size = le64_to_cpu(o->size), offset = le64_to_cpu(o->offset);
    bool write = flags & DMASHARE_OPENED_F_WRITE;
    int fd = c->in_fd[0];
    /* Reading it is what is tried, though nobody wants the byte. */
    volatile uint8_t *map;

    c->count.opened++;
    if (!n || n > DMASHARE_MAX_RANGES || c->n_in_fd != 1 + (n > 1) ||
        !size || size % FUZZ_PAGE || offset % FUZZ_PAGE ||
        path < DMASHARE_PATH_UDMABUF || path > DMASHARE_PATH_GUEST) {
        fuzz_fault(c, "OPENED with %u ranges, %u descriptors, size 0x%" PRIx64
                   ", offset 0x%" PRIx64 ", path %u",
                   n, c->n_in_fd, size, offset, path);
    }
    if (write && !(r->flags & DMASHARE_OPEN_F_WRITE)) {
        fuzz_fault(c, "OPENED for writing, which nobody asked for");
    }
    if (path == DMASHARE_PATH_UDMABUF && lseek(fd, 0, SEEK_END) != size) {
        fuzz_fault(c, "a dma-buf of another size than the buffer");
    }
    if (n > 1) {
        check_ranges(c, o);
    } else if (path != DMASHARE_PATH_UDMABUF &&
               lseek(fd, 0, SEEK_END) < offset + size) {
        fuzz_fault(c, "the memory file ends before the buffer does");
    }
    check_harmless(c, o);
    /* Everything that was promised is there. */
    map = mmap(NULL, n == 1 ? size : FUZZ_PAGE, PROT_READ, MAP_SHARED, fd,
               n == 1 ? offset : 0);
    if (map == MAP_FAILED) {
        fuzz_fault(c, "the memory cannot be mapped: %s", strerror(errno));
    }
    for (uint64_t at = 0; n == 1 && at < size; at += FUZZ_PAGE) {
        map[at];
    }
    munmap((void *)map, n == 1 ? size : FUZZ_PAGE);
}

/* A pipe that says when a hold is granted. */
static void check_pipe(FuzzClient *c)
{
    int fd = c->in_fd[0];

    if (fuzz_chance(c, 50)) {
        /* Whoever has one end can have the other; the owner must not mind. */
        g_autofree char *name = g_strdup_printf("/proc/self/fd/%d", fd);
        int end = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        if (end >= 0) {
            static const uint8_t dirt[FUZZ_PAGE];

            fcntl(fd, F_SETPIPE_SZ, FUZZ_PAGE);
            while (write(end, dirt, sizeof(dirt)) > 0) {
                continue;
            }
            close(end);
        }
    }
    if (fuzz_chance(c, 50)) {
        /* Keep one; the others are closed before anybody writes. */
        if (c->pipe >= 0) {
            close(c->pipe);
        }
        c->pipe = fd;
        c->in_fd[0] = c->in_fd[--c->n_in_fd];
    }
}

static void check_error(FuzzClient *c, const struct dmashare_msg_error *e)
{
    uint32_t error = le32_to_cpu(e->error);

    if (!error || error > 4095) {
        fuzz_fault(c, "ERROR with errno %u", error);
    }
    if (!e->text[0] || !memchr(e->text, 0, sizeof(e->text)) ||
        strchr((const char *)e->text, '\n')) {
        fuzz_fault(c, "ERROR %u without one line that says why", error);
    }
}

static void answer(FuzzClient *c, const struct dmashare_msg *m)
{
    uint32_t type = le32_to_cpu(m->type), serial = le32_to_cpu(m->serial);
    unsigned expected = 0;
    FuzzRequest r;
    FuzzShare *s;

    if (!c->pending || c->request[c->first].serial != serial) {
        fuzz_fault(c, "type %u answers %u, not %u", type, serial,
                   c->pending ? c->request[c->first].serial : 0);
    }
    r = c->request[c->first];
    c->first = (c->first + 1) % FUZZ_REQUESTS;
    c->pending--;
    s = share_find(c, r.share);
    if (type == DMASHARE_MSG_ERROR) {
        check_error(c, &m->error);
        c->count.refusals++;
        if (r.type == DMASHARE_MSG_HELLO) {
            c->ended = true;
        }
    } else if (type != answer_type(r.type)) {
        fuzz_fault(c, "type %u answers type %u", type, r.type);
    } else {
        c->count.answers++;
    }
    switch (type) {
    case DMASHARE_MSG_WELCOME:
        if (le32_to_cpu(m->welcome.magic) != DMASHARE_MSG_MAGIC ||
            le32_to_cpu(m->welcome.version) >> 16 != DMASHARE_PROTOCOL_MAJOR ||
            !m->welcome.instance) {
            fuzz_fault(c, "WELCOME of something else");
        }
        c->welcome = true;
        c->count.connections++;
        break;
    case DMASHARE_MSG_OPENED:
        if (le32_to_cpu(m->opened.share) != r.share || !c->n_in_fd) {
            fuzz_fault(c, "OPENED share %u with %u descriptors, not %u",
                       le32_to_cpu(m->opened.share), c->n_in_fd, r.share);
        }
        expected = c->n_in_fd;
        check_memory(c, &r, &m->opened);
        if (s) {
            s->open = true;
            s->subscribed = false;
        }
        break;
    case DMASHARE_MSG_ACQUIRED:
        expected = !!(r.flags & DMASHARE_ACQUIRE_F_FD);
        if (!m->hold.hold || le32_to_cpu(m->hold.share) != r.share ||
            c->n_in_fd != expected) {
            fuzz_fault(c, "ACQUIRED hold %u of share %u with %u descriptors",
                       le32_to_cpu(m->hold.hold), le32_to_cpu(m->hold.share),
                       c->n_in_fd);
        }
        if (!(r.flags & DMASHARE_ACQUIRE_F_WAIT)) {
            hold_add(c, le32_to_cpu(m->hold.hold));
        }
        if (expected) {
            check_pipe(c);
            expected = c->n_in_fd;
        }
        break;
    case DMASHARE_MSG_DONE:
        if (s && r.type == DMASHARE_MSG_CLOSE) {
            s->open = false;
            s->subscribed = false;
        }
        break;
    }
    if (c->n_in_fd != expected) {
        fuzz_fault(c, "type %u with %u descriptors", type, c->n_in_fd);
    }
}

static void announce(FuzzClient *c, const struct dmashare_msg_announce *a)
{
    FuzzShare *s = share_find(c, le32_to_cpu(a->share));

    if (!a->share || le32_to_cpu(a->path) > DMASHARE_PATH_GUEST ||
        !a->size || le64_to_cpu(a->size) % FUZZ_PAGE) {
        fuzz_fault(c, "ANNOUNCE share %u, path %u, size 0x%" PRIx64,
                   le32_to_cpu(a->share), le32_to_cpu(a->path),
                   le64_to_cpu(a->size));
    }
    for (int i = 0; !s && i < FUZZ_SHARES; i++) {
        if (!c->share[i].id) {
            s = &c->share[i];
        }
    }
    if (!s) {
        s = &c->share[fuzz_roll(c, FUZZ_SHARES)];
    }
    s->id = le32_to_cpu(a->share);
    s->generation = le32_to_cpu(a->generation);
    s->flags = le32_to_cpu(a->flags);
    s->size = le64_to_cpu(a->size);
}

static void notice(FuzzClient *c, const struct dmashare_msg *m)
{
    uint32_t type = le32_to_cpu(m->type);
    FuzzShare *s;

    c->count.notices++;
    if (!c->welcome) {
        fuzz_fault(c, "type %u before WELCOME", type);
    }
    switch (type) {
    case DMASHARE_MSG_ANNOUNCE:
        announce(c, &m->announce);
        break;
    case DMASHARE_MSG_WITHDRAW:
        s = share_find(c, le32_to_cpu(m->withdraw.share));
        if (le32_to_cpu(m->withdraw.reason) > DMASHARE_WITHDRAW_RESET) {
            fuzz_fault(c, "WITHDRAW for reason %u",
                       le32_to_cpu(m->withdraw.reason));
        }
        if (s) {
            s->open = s->subscribed = false;
            if (le32_to_cpu(m->withdraw.reason) != DMASHARE_WITHDRAW_MOVED) {
                s->id = 0;
            }
        }
        break;
    case DMASHARE_MSG_CONTENT:
        if (!m->content.sequence) {
            fuzz_fault(c, "CONTENT with sequence 0");
        }
        if (m->content.hold) {
            hold_add(c, le32_to_cpu(m->content.hold));
        }
        break;
    case DMASHARE_MSG_GRANTED:
        if (le32_to_cpu(m->granted.error) > 4095) {
            fuzz_fault(c, "GRANTED with errno %u",
                       le32_to_cpu(m->granted.error));
        }
        if (m->granted.error) {
            hold_remove(c, le32_to_cpu(m->granted.hold));
        } else {
            c->count.granted++;
        }
        break;
    case DMASHARE_MSG_ENDED:
        if (!m->ended.error || le32_to_cpu(m->ended.error) > 4095) {
            fuzz_fault(c, "ENDED with errno %u", le32_to_cpu(m->ended.error));
        }
        hold_remove(c, le32_to_cpu(m->ended.hold));
        break;
    case DMASHARE_MSG_READY:
        break;
    }
    if (c->n_in_fd) {
        fuzz_fault(c, "type %u with a descriptor", type);
    }
}

static void message(FuzzClient *c)
{
    const struct dmashare_msg *m = &c->in;
    uint32_t type = le32_to_cpu(m->type);
    size_t used = body_size(type);

    if (le32_to_cpu(m->length) != DMASHARE_MSG_SIZE || m->reserved ||
        !((type >= DMASHARE_MSG_WELCOME && type <= DMASHARE_MSG_ERROR) ||
          (type >= DMASHARE_MSG_ANNOUNCE && type <= DMASHARE_MSG_READY))) {
        fuzz_fault(c, "type %u of %u bytes", type, le32_to_cpu(m->length));
    }
    if (!buffer_is_zero(m->body + used, sizeof(m->body) - used)) {
        fuzz_fault(c, "type %u with something behind its body", type);
    }
    if (type == DMASHARE_MSG_ERROR && !m->serial) {
        uint32_t error = le32_to_cpu(m->error.error);

        check_error(c, &m->error);
        c->ended = true;
        if (error == EUSERS && !c->welcome) {
            /* Whatever was said: it was not even looked at. */
            c->pending = 0;
        } else if (!c->doomed && !c->unsure) {
            fuzz_fault(c, "it was thrown out: %s", m->error.text);
        } else if (error != EPROTO) {
            fuzz_fault(c, "thrown out with errno %u", error);
        }
    } else if (type < DMASHARE_MSG_ANNOUNCE) {
        answer(c, m);
    } else if (m->serial) {
        fuzz_fault(c, "type %u with a serial", type);
    } else {
        notice(c, m);
    }
    discard_fds(c);
}

void fuzz_forget(FuzzClient *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    if (c->pipe >= 0) {
        close(c->pipe);
        c->pipe = -1;
    }
    discard_fds(c);
    c->welcome = c->doomed = c->ended = c->unsure = false;
    c->pending = c->first = 0;
    c->have = 0;
    memset(c->share, 0, sizeof(c->share));
    memset(c->hold, 0, sizeof(c->hold));
}

/* The server has closed the connection. */
static void gone(FuzzClient *c)
{
    if (c->doomed && !c->ended && !c->unsure) {
        fuzz_fault(c, "the end came without ERROR");
    }
    if (!c->doomed && !c->ended && !c->unsure &&
        !qatomic_read(&c->fuzz->stop)) {
        fuzz_fault(c, "the end came for no reason, with %u requests open",
                   c->pending);
    }
    if (c->have && !c->unsure) {
        fuzz_fault(c, "half a message of %zu bytes at the end", c->have);
    }
    c->count.thrown_out++;
    fuzz_forget(c);
}

/* More of what was sent to us. False: there is nothing, or no connection. */
bool fuzz_receive(FuzzClient *c, bool wait)
{
    char control[CMSG_SPACE(FUZZ_FDS * sizeof(int))];
    struct iovec iov = {
        .iov_base = (uint8_t *)&c->in + c->have,
        .iov_len = sizeof(c->in) - c->have,
    };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof(control),
    };
    struct pollfd ready = { .fd = c->fd, .events = POLLIN };
    struct cmsghdr *cmsg;
    ssize_t n;

    if (poll(&ready, 1, wait ? FUZZ_PATIENCE_MS : 0) == 0) {
        if (wait) {
            fuzz_fault(c, "nothing came, with %u requests open", c->pending);
        }
        return false;
    }
    n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (n <= 0) {
        gone(c);
        return false;
    }
    if (msg.msg_flags & MSG_CTRUNC) {
        fuzz_fault(c, "more than %u descriptors at once", FUZZ_FDS);
    }
    for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
        if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
            unsigned count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

            if (c->have || c->n_in_fd) {
                fuzz_fault(c, "descriptors within a message");
            }
            memcpy(c->in_fd, CMSG_DATA(cmsg), count * sizeof(int));
            c->n_in_fd = count;
        }
    }
    c->have += n;
    if (c->have == sizeof(c->in)) {
        c->have = 0;
        message(c);
    }
    return c->fd >= 0;
}

/* Until there is an answer to everything, and the end if it must come. */
void fuzz_settle(FuzzClient *c)
{
    while (c->fd >= 0 && (c->pending || c->doomed || c->ended)) {
        if (c->unsure && !c->doomed && !c->ended) {
            /* Whether something comes is not known. */
            fuzz_forget(c);
            c->count.dropped++;
            return;
        }
        fuzz_receive(c, true);
    }
    while (c->fd >= 0 && fuzz_receive(c, false)) {
        continue;
    }
}

