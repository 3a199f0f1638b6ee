// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: messages of the share protocol over a socket
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "hw/dmashare/fd.h"
#include "hw/dmashare/wire.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_msg) != DMASHARE_MSG_SIZE);

/*
 * Messages read or written before the rest of the main loop has its turn. Who
 * has sent more at once is not read for a while: the main loop holds the lock
 * that the guest's CPUs need, and must not be kept busy by a flood.
 */
#define WIRE_BATCH      32
#define WIRE_PAUSE_MS   1

/* How long the other side has to read our last words. */
#define WIRE_LINGER_MS  2000

/**
 * WireMessage: one that waits
 * @msg: the bytes
 * @fds: go with the first of them
 * @n_fds: 0 once they have gone
 */
typedef struct WireMessage {
    struct dmashare_msg msg;
    int fds[DMASHARE_WIRE_FDS];
    unsigned n_fds;
} WireMessage;

/**
 * DmashareWire: one end of a connection
 * @sioc: the socket
 * @side: who we are
 * @ops: of the owner
 * @opaque: passed to them
 * @in: the message that is coming
 * @in_len: bytes of it that have come
 * @in_fds: descriptors that have come with them
 * @in_n_fds: how many
 * @in_excess: there were more
 * @queue: ring of those that go
 * @first: of the queue
 * @n: in the queue
 * @out_len: bytes of the first that have gone
 * @queue_fds: descriptors in the queue
 * @in_tag: watch for bytes, or 0
 * @pause_tag: timer that sets that again, or 0
 * @out_tag: watch for room, or 0
 * @linger_tag: timer of the end, or 0
 * @reading: messages are being read, and what is sent goes after each of them
 * @finishing: nothing is read any more, and the end is near
 * @over: nothing is read or sent any more
 * @depth: callbacks that run
 * @freed: by the owner, in one of them
 */
struct DmashareWire {
    QIOChannelSocket *sioc;
    DmashareWireSide side;
    const DmashareWireOps *ops;
    void *opaque;
    struct dmashare_msg in;
    size_t in_len;
    int in_fds[DMASHARE_WIRE_FDS];
    unsigned in_n_fds;
    bool in_excess;
    WireMessage queue[DMASHARE_WIRE_QUEUE];
    unsigned first;
    unsigned n;
    size_t out_len;
    unsigned queue_fds;
    guint in_tag;
    guint pause_tag;
    guint out_tag;
    guint linger_tag;
    bool reading;
    bool finishing;
    bool over;
    unsigned depth;
    bool freed;
};

/*
 * The form of a message
 */

/**
 * WireForm: what is known of a type without understanding it
 * @side: who reads it, plus 1; 0: there is no such type
 * @serial: it answers or asks something
 * @min_fds: descriptors that come with it
 * @max_fds: descriptors that may
 * @body: bytes of the body that it uses
 */
typedef struct WireForm {
    uint8_t side;
    bool serial;
    uint8_t min_fds;
    uint8_t max_fds;
    uint8_t body;
} WireForm;

#define BODY(member)    sizeof_field(struct dmashare_msg, member)
#define REQUEST(bytes)  { DMASHARE_WIRE_SERVER + 1, true, 0, 0, (bytes) }
#define ANSWER(min, max, bytes) \
    { DMASHARE_WIRE_CLIENT + 1, true, (min), (max), (bytes) }
#define NOTICE(bytes)   { DMASHARE_WIRE_CLIENT + 1, false, 0, 0, (bytes) }

static const WireForm wire_forms[] = {
    [DMASHARE_MSG_HELLO] = REQUEST(BODY(hello)),
    [DMASHARE_MSG_OPEN] = REQUEST(BODY(open)),
    [DMASHARE_MSG_CLOSE] = REQUEST(BODY(share)),
    [DMASHARE_MSG_SUBSCRIBE] = REQUEST(BODY(subscribe)),
    [DMASHARE_MSG_ACQUIRE] = REQUEST(BODY(acquire)),
    [DMASHARE_MSG_RELEASE] = REQUEST(BODY(release)),
    [DMASHARE_MSG_WELCOME] = ANSWER(0, 0, BODY(welcome)),
    [DMASHARE_MSG_OPENED] = ANSWER(1, 2, BODY(opened)),
    [DMASHARE_MSG_DONE] = ANSWER(0, 0, 0),
    [DMASHARE_MSG_ACQUIRED] = ANSWER(0, 1, BODY(hold)),
    [DMASHARE_MSG_ERROR] = ANSWER(0, 0, BODY(error)),
    [DMASHARE_MSG_ANNOUNCE] = NOTICE(BODY(announce)),
    [DMASHARE_MSG_WITHDRAW] = NOTICE(BODY(withdraw)),
    [DMASHARE_MSG_CONTENT] = NOTICE(BODY(content)),
    [DMASHARE_MSG_GRANTED] = NOTICE(BODY(granted)),
    [DMASHARE_MSG_ENDED] = NOTICE(BODY(ended)),
    [DMASHARE_MSG_READY] = NOTICE(0),
};

/* A name ends with the first zero, and nothing comes after it. */
static bool padded(const uint8_t *name, size_t len)
{
    const uint8_t *end = memchr(name, 0, len);

    return !end || buffer_is_zero(end, name + len - end);
}

/* What has a body of which a part must be zero. */
static bool reserved_zero(const struct dmashare_msg *msg)
{
    switch (le32_to_cpu(msg->type)) {
    case DMASHARE_MSG_HELLO:
        return padded(msg->hello.name, sizeof(msg->hello.name));
    case DMASHARE_MSG_WELCOME:
        return padded(msg->welcome.device, sizeof(msg->welcome.device));
    case DMASHARE_MSG_ANNOUNCE:
        return padded(msg->announce.name, sizeof(msg->announce.name));
    case DMASHARE_MSG_ERROR:
        return memchr(msg->error.text, 0, sizeof(msg->error.text)) &&
               padded(msg->error.text, sizeof(msg->error.text));
    case DMASHARE_MSG_OPEN:
        return !msg->open.reserved;
    case DMASHARE_MSG_OPENED:
        return !msg->opened.reserved;
    case DMASHARE_MSG_CLOSE:
        return !msg->share.reserved;
    case DMASHARE_MSG_CONTENT:
        return !msg->content.reserved;
    case DMASHARE_MSG_GRANTED:
        return !msg->granted.reserved;
    case DMASHARE_MSG_ENDED:
        return !msg->ended.reserved;
    default:
        return true;
    }
}

const char *dmashare_wire_check(const struct dmashare_msg *msg, unsigned n_fds,
                                DmashareWireSide side)
{
    uint32_t type = le32_to_cpu(msg->type);
    const WireForm *form = type < ARRAY_SIZE(wire_forms) ? &wire_forms[type]
                                                         : NULL;

    if (le32_to_cpu(msg->length) != DMASHARE_MSG_SIZE) {
        return "the length of a message is 128";
    }
    if (!form || !form->side || form->side != side + 1) {
        return "there is no message of that type in this direction";
    }
    if (msg->reserved || !reserved_zero(msg) ||
        !buffer_is_zero(msg->body + form->body,
                        sizeof(msg->body) - form->body)) {
        return "bytes of a message that must be zero are not";
    }
    /* An ERROR that answers nothing is the last word. */
    if (form->serial != !!msg->serial && type != DMASHARE_MSG_ERROR) {
        return form->serial ? "the serial of a request is not 0"
                            : "the serial of a notice is 0";
    }
    if (n_fds < form->min_fds || n_fds > form->max_fds) {
        return "a message has file descriptors that do not belong to it, or "
               "not those that do";
    }
    return NULL;
}

void dmashare_wire_error(struct dmashare_msg *msg, uint32_t serial, int error,
                         const char *fmt, ...)
{
    va_list ap;

    dmashare_wire_init(msg, DMASHARE_MSG_ERROR, serial);
    msg->error.error = cpu_to_le32(error);
    va_start(ap, fmt);
    vsnprintf((char *)msg->error.text, sizeof(msg->error.text), fmt, ap);
    va_end(ap);
}

/*
 * File descriptors
 */

static void close_fds(const int *fds, unsigned n_fds)
{
    for (unsigned i = 0; i < n_fds; i++) {
        close(fds[i]);
    }
}

/* Those that came from the other side. */
static void discard_fds(const int *fds, unsigned n_fds)
{
    for (unsigned i = 0; i < n_fds; i++) {
        dmashare_fd_discard(fds[i]);
    }
}

/*
 * The end
 */

static void wire_unwatch(guint *tag)
{
    if (*tag) {
        g_source_remove(*tag);
        *tag = 0;
    }
}

static void wire_unwatch_in(DmashareWire *wire)
{
    wire_unwatch(&wire->in_tag);
    wire_unwatch(&wire->pause_tag);
}

static void wire_stop(DmashareWire *wire)
{
    wire->over = true;
    wire_unwatch_in(wire);
    wire_unwatch(&wire->out_tag);
    wire_unwatch(&wire->linger_tag);
    discard_fds(wire->in_fds, wire->in_n_fds);
    wire->in_n_fds = 0;
    for (; wire->n; wire->n--) {
        WireMessage *first = &wire->queue[wire->first];

        close_fds(first->fds, first->n_fds);
        wire->first = (wire->first + 1) % DMASHARE_WIRE_QUEUE;
    }
    wire->queue_fds = 0;
}

static void wire_destroy(DmashareWire *wire)
{
    wire_stop(wire);
    qio_channel_close(QIO_CHANNEL(wire->sioc), NULL);
    object_unref(OBJECT(wire->sioc));
    g_free(wire);
}

void dmashare_wire_free(DmashareWire *wire)
{
    if (!wire) {
        return;
    }
    if (wire->depth) {
        wire_stop(wire);
        wire->freed = true;
    } else {
        wire_destroy(wire);
    }
}

static void wire_enter(DmashareWire *wire)
{
    wire->depth++;
}

/* Returns false if there is no wire any more. */
static bool wire_leave(DmashareWire *wire)
{
    if (--wire->depth || !wire->freed) {
        return true;
    }
    wire_destroy(wire);
    return false;
}

static void wire_closed(DmashareWire *wire, const char *why)
{
    if (!wire->over) {
        wire_stop(wire);
        trace_dmashare_wire_closed(why);
        wire->ops->closed(wire->opaque, why);
    }
}

/*
 * Out
 */

/* Returns false if there is nothing more to do now. */
static bool wire_write(DmashareWire *wire)
{
    WireMessage *first = &wire->queue[wire->first];
    struct iovec iov = {
        .iov_base = (uint8_t *)&first->msg + wire->out_len,
        .iov_len = sizeof(first->msg) - wire->out_len,
    };
    Error *err = NULL;
    ssize_t len;

    len = qio_channel_writev_full(QIO_CHANNEL(wire->sioc), &iov, 1,
                                  first->n_fds ? first->fds : NULL,
                                  first->n_fds, 0, &err);
    if (len == QIO_CHANNEL_ERR_BLOCK) {
        return false;
    }
    if (len < 0) {
        wire_closed(wire, error_get_pretty(err));
        error_free(err);
        return false;
    }
    close_fds(first->fds, first->n_fds);
    wire->queue_fds -= first->n_fds;
    first->n_fds = 0;
    wire->out_len += len;
    if (wire->out_len == sizeof(first->msg)) {
        wire->out_len = 0;
        wire->first = (wire->first + 1) % DMASHARE_WIRE_QUEUE;
        wire->n--;
    }
    return wire->n;
}

static gboolean wire_writable(QIOChannel *ioc, GIOCondition cond, void *opaque)
{
    DmashareWire *wire = opaque;
    guint tag = wire->out_tag;
    bool more = wire->n;

    wire_enter(wire);
    for (unsigned i = 0; more && i < WIRE_BATCH; i++) {
        more = wire_write(wire);
    }
    if (!wire->over && !wire->n) {
        wire->out_tag = 0;
        if (wire->finishing) {
            wire_closed(wire, "we have closed it");
        }
    }
    if (!wire->over && !wire->finishing && wire->ops->room) {
        wire->ops->room(wire->opaque);
    }
    /* What was sent just now may have another watch. */
    return wire_leave(wire) && wire->out_tag == tag ? G_SOURCE_CONTINUE
                                                    : G_SOURCE_REMOVE;
}

static gboolean wire_lingered(void *opaque)
{
    DmashareWire *wire = opaque;

    wire_enter(wire);
    wire->linger_tag = 0;
    wire_closed(wire, "the other side does not read");
    wire_leave(wire);
    return G_SOURCE_REMOVE;
}

static void wire_watch_out(DmashareWire *wire)
{
    if (!wire->out_tag) {
        wire->out_tag = qio_channel_add_watch(QIO_CHANNEL(wire->sioc),
                                              G_IO_OUT | G_IO_HUP | G_IO_ERR,
                                              wire_writable, wire, NULL);
    }
}

/*
 * The answer to what was just read need not wait until the main loop has gone
 * round once more, if the socket takes it. Whoever sends more than that is told
 * of room by the watch.
 */
static void wire_send_at_once(DmashareWire *wire)
{
    if (wire->over || wire->out_tag || !wire->n) {
        return;
    }
    if (wire->n == 1) {
        wire_write(wire);
    }
    if (!wire->over && wire->n) {
        wire_watch_out(wire);
    }
}

unsigned dmashare_wire_room(const DmashareWire *wire)
{
    return wire->over ? 0 : DMASHARE_WIRE_QUEUE - wire->n;
}

bool dmashare_wire_send(DmashareWire *wire, const struct dmashare_msg *msg,
                        const int *fds, unsigned n_fds)
{
    WireMessage *last;

    if (!dmashare_wire_room(wire) || n_fds > DMASHARE_WIRE_FDS ||
        wire->queue_fds + n_fds > DMASHARE_WIRE_QUEUE_FDS) {
        close_fds(fds, n_fds);
        return false;
    }
    last = &wire->queue[(wire->first + wire->n) % DMASHARE_WIRE_QUEUE];
    last->msg = *msg;
    last->n_fds = n_fds;
    for (unsigned i = 0; i < n_fds; i++) {
        last->fds[i] = fds[i];
    }
    wire->queue_fds += n_fds;
    wire->n++;
    if (!wire->reading) {
        wire_watch_out(wire);
    }
    return true;
}

void dmashare_wire_finish(DmashareWire *wire)
{
    if (!wire->over && !wire->finishing) {
        wire->finishing = true;
        wire_unwatch_in(wire);
        wire_watch_out(wire);
        wire->linger_tag = g_timeout_add(WIRE_LINGER_MS, wire_lingered, wire);
    }
}

/*
 * In
 */

/* Take over what came; no message has more than we keep. */
static void wire_take_fds(DmashareWire *wire, int *fds, size_t n_fds)
{
    for (size_t i = 0; i < n_fds; i++) {
        if (wire->in_n_fds < DMASHARE_WIRE_FDS) {
            wire->in_fds[wire->in_n_fds++] = fds[i];
        } else {
            dmashare_fd_discard(fds[i]);
            wire->in_excess = true;
        }
    }
    g_free(fds);
}

static void wire_whole(DmashareWire *wire)
{
    struct dmashare_msg msg = wire->in;
    int fds[DMASHARE_WIRE_FDS];
    unsigned n_fds = wire->in_n_fds;
    const char *why = dmashare_wire_check(&msg, n_fds + wire->in_excess,
                                          wire->side);

    memcpy(fds, wire->in_fds, sizeof(fds));
    wire->in_len = 0;
    wire->in_n_fds = 0;
    wire->in_excess = false;
    if (why) {
        discard_fds(fds, n_fds);
        wire_unwatch_in(wire);
        trace_dmashare_wire_broken(le32_to_cpu(msg.type), n_fds, why);
        wire->ops->broken(wire->opaque, why);
    } else {
        wire->ops->message(wire->opaque, &msg, fds, n_fds);
    }
}

/*
 * Never more than what is left of one message: the descriptors that come with
 * these bytes are then that message's.
 */
static bool wire_read(DmashareWire *wire)
{
    struct iovec iov = {
        .iov_base = (uint8_t *)&wire->in + wire->in_len,
        .iov_len = sizeof(wire->in) - wire->in_len,
    };
    Error *err = NULL;
    size_t n_fds = 0;
    int *fds = NULL;
    ssize_t len;

    len = qio_channel_readv_full(QIO_CHANNEL(wire->sioc), &iov, 1, &fds,
                                 &n_fds, 0, &err);
    if (len == QIO_CHANNEL_ERR_BLOCK) {
        return false;
    }
    if (len <= 0) {
        wire_closed(wire, err ? error_get_pretty(err)
                              : "the other side has closed it");
        error_free(err);
        return false;
    }
    wire->in_len += len;
    wire_take_fds(wire, fds, n_fds);
    if (wire->in_len == sizeof(wire->in)) {
        wire_whole(wire);
    }
    return true;
}

static void wire_watch_in(DmashareWire *wire);

static gboolean wire_resume(void *opaque)
{
    DmashareWire *wire = opaque;

    wire->pause_tag = 0;
    wire_watch_in(wire);
    return G_SOURCE_REMOVE;
}

static gboolean wire_readable(QIOChannel *ioc, GIOCondition cond, void *opaque)
{
    DmashareWire *wire = opaque;
    bool more = true;

    wire_enter(wire);
    wire->reading = true;
    for (unsigned i = 0; more && wire->in_tag && i < WIRE_BATCH; i++) {
        more = wire_read(wire);
        wire_send_at_once(wire);
    }
    wire->reading = false;
    if (more && wire->in_tag) {
        /* This watch ends by what is returned. */
        wire->in_tag = 0;
        wire->pause_tag = g_timeout_add(WIRE_PAUSE_MS, wire_resume, wire);
    }
    return wire_leave(wire) && wire->in_tag ? G_SOURCE_CONTINUE
                                            : G_SOURCE_REMOVE;
}

static void wire_watch_in(DmashareWire *wire)
{
    wire->in_tag = qio_channel_add_watch(QIO_CHANNEL(wire->sioc),
                                         G_IO_IN | G_IO_HUP | G_IO_ERR,
                                         wire_readable, wire, NULL);
}

/*
 * Life
 */

DmashareWire *dmashare_wire_new(QIOChannelSocket *sioc, DmashareWireSide side,
                                const DmashareWireOps *ops, void *opaque)
{
    DmashareWire *wire = g_new0(DmashareWire, 1);

    wire->sioc = sioc;
    object_ref(OBJECT(sioc));
    wire->side = side;
    wire->ops = ops;
    wire->opaque = opaque;
    qio_channel_set_blocking(QIO_CHANNEL(sioc), false, NULL);
    wire_watch_in(wire);
    return wire;
}
