/*
 * dmashare-render-play: play a script of render-scene to a device
 *
 * The counterpart of render-native (tests/render), with the same arguments and
 * the same output: SCRIPT FRAME REPEAT LAST. What is timed is the device and
 * the renderer, with no driver: all jobs are in the ring before its doorbell is
 * rung, and each takes from the completion before it to its own. When these
 * were in memory the device's trace says. Who asked for them all the time
 * instead would take a processor away from the device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-render.h"

#define MAX_STEPS       64
#define COMMANDS        10
#define PIXELS          11
#define FRAME           12
#define COMMANDS_BYTES  (64 * KiB)
#define PIXELS_BYTES    (1 * MiB)
#define FRAME_BYTES     (8 * MiB)

/* Between two looks whether a job is over, and whether many are. */
#define LOOK_US         300
#define LOOK_MANY_US    (50 * 1000)

/* All the jobs that are timed have room in a ring. */
#define MAX_ENTRIES     1024

#define TRACE           "-msg timestamp=on -trace dmashare_doorbell " \
                        "-trace dmashare_complete -D %s"

/* As in a submission ring, and with what it reads. */
typedef struct Step {
    struct dmashare_desc desc;
    const char *data;
} Step;

typedef struct Player {
    QRender r;
    QDmashareBuf commands;
    QDmashareBuf pixels;
    QDmashareBuf frame;
    Step step[MAX_STEPS];
    unsigned n_steps;
    uint64_t frame_bytes;
} Player;

static bool is_job(const struct dmashare_desc *desc)
{
    return desc->opcode >= DMASHARE_OP_JOB_NOOP;
}

static bool script_load(Player *p, const char *script, gsize len)
{
    gsize at = 0;

    while (len - at >= sizeof(struct dmashare_desc)) {
        Step *s = &p->step[p->n_steps];
        uint64_t bytes;

        if (p->n_steps == MAX_STEPS) {
            return false;
        }
        memcpy(&s->desc, script + at, sizeof(s->desc));
        at += sizeof(s->desc);
        bytes = le64_to_cpu(s->desc.job.length);
        if (s->desc.opcode == DMASHARE_OP_JOB_DOWNLOAD) {
            p->frame_bytes = bytes;
        } else if (is_job(&s->desc)) {
            if (bytes > len - at) {
                return false;
            }
            s->data = script + at;
            at += bytes;
        }
        p->n_steps++;
    }
    return at == len && p->frame_bytes && p->frame_bytes <= FRAME_BYTES;
}

/* Where the bytes of a job are, which are there now. */
static QDmashareBuf *step_memory(Player *p, Step *s)
{
    uint64_t bytes = le64_to_cpu(s->desc.job.length);
    QDmashareBuf *buf = s->desc.opcode == DMASHARE_OP_JOB_RENDER ?
                        &p->commands :
                        s->desc.opcode == DMASHARE_OP_JOB_UPLOAD ?
                        &p->pixels : &p->frame;

    g_assert_cmpuint(bytes, <=, buf->size);
    if (s->data) {
        qtest_bufwrite(p->r.d->qts, buf->phys, s->data, bytes);
    }
    return buf;
}

/* To the ring. Nobody looks at it before the doorbell. */
static void step_push(Player *p, Step *s, QDmashareBuf *buf)
{
    QDmashare *d = p->r.d;
    unsigned q = is_job(&s->desc) ? 1 : DMASHARE_QUEUE_CONTROL;

    if (q) {
        struct dmashare_operand *op = s->data ? &s->desc.job.src
                                              : &s->desc.job.dst;

        op->mapping = cpu_to_le32(buf->id);
        s->desc.job.seqno = cpu_to_le64(qdmashare_next(d, 0));
    }
    qdmashare_push_raw(d, q, &s->desc);
}

/* Wait for the next @n completions of a queue. */
static void await(Player *p, unsigned q, unsigned n, unsigned long look_us)
{
    struct dmashare_completion c;

    while (n) {
        if (qdmashare_try_pop(p->r.d, q, &c)) {
            g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
            n--;
        } else {
            g_usleep(look_us);
            /* Much work in no time would be given a rest by the device. */
            qtest_clock_step(p->r.d->qts, 1);
        }
    }
}

static void step_play(Player *p, Step *s)
{
    unsigned q = is_job(&s->desc) ? 1 : DMASHARE_QUEUE_CONTROL;

    step_push(p, s, q ? step_memory(p, s) : NULL);
    qdmashare_doorbell(p->r.d, q);
    await(p, q, 1, LOOK_US);
}

/* The last @last steps, @repeat times: all of them in the ring at once. */
static void steps_repeat(Player *p, unsigned repeat, unsigned last)
{
    unsigned entries = pow2ceil(MAX(repeat * last, DMASHARE_MIN_ENTRIES));
    QDmashareBuf *buf[MAX_STEPS];

    for (unsigned i = p->n_steps - last; i < p->n_steps; i++) {
        g_assert_true(is_job(&p->step[i].desc));
        buf[i] = step_memory(p, &p->step[i]);
        /* There is one of each, and they stay as they are. */
        for (unsigned k = p->n_steps - last; k < i; k++) {
            g_assert_true(buf[k] != buf[i]);
        }
    }
    qdmashare_queue_disable(p->r.d, 1);
    g_assert_cmphex(qdmashare_queue_setup(p->r.d, 1, entries, entries), ==,
                    DMASHARE_QSTATUS_ENABLED);
    for (unsigned n = 0; n < repeat; n++) {
        for (unsigned i = p->n_steps - last; i < p->n_steps; i++) {
            step_push(p, &p->step[i], buf[i]);
        }
    }
    qdmashare_doorbell(p->r.d, 1);
    await(p, 1, repeat * last, LOOK_MANY_US);
}

/*
 * Of each of the last @n jobs how many microseconds were between the completion
 * before it, or its doorbell, and its own, @row of them a line.
 */
static bool trace_tell(const char *path, unsigned n, unsigned row)
{
    g_autofree double *took = g_new0(double, n);
    g_autofree char *text = NULL;
    g_auto(GStrv) line = NULL;
    double last = 0;
    unsigned all = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return false;
    }
    line = g_strsplit(text, "\n", -1);
    for (char **l = line; *l; l++) {
        const char *at = strchr(*l, '@');
        double when = at ? g_ascii_strtod(at + 1, NULL) : 0;

        if (strstr(*l, ":dmashare_doorbell queue 1 ")) {
            last = when;
        } else if (n && strstr(*l, ":dmashare_complete queue 1 ")) {
            took[all++ % n] = (when - last) * 1e6;
            last = when;
        }
    }
    if (all < n) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        printf("%.0f%c", took[(all + i) % n], (i + 1) % row ? ' ' : '\n');
    }
    return true;
}

/* What libqtest prints is for test programs. */
static void print_nothing(const char *text)
{
}

int main(int argc, char **argv)
{
    g_autofree Player *p = g_new0(Player, 1);
    g_autofree char *script = NULL;
    g_autofree char *frame = g_malloc(FRAME_BYTES);
    g_autofree char *trace = NULL;
    g_autofree char *arguments = NULL;
    unsigned repeat, last;
    gsize len;

    if (argc != 5) {
        fprintf(stderr, "usage: dmashare-render-play SCRIPT FRAME REPEAT "
                "LAST\n");
        return 2;
    }
    if (qemu_strtoui(argv[3], NULL, 0, &repeat) ||
        qemu_strtoui(argv[4], NULL, 0, &last) ||
        !g_file_get_contents(argv[1], &script, &len, NULL) ||
        !script_load(p, script, len) || last > p->n_steps ||
        !repeat || repeat > MAX_ENTRIES || repeat * last > MAX_ENTRIES) {
        fprintf(stderr, "dmashare-render-play: that is no scene\n");
        return 2;
    }
    g_set_print_handler(print_nothing);
    trace = g_strconcat(argv[2], ".trace", NULL);
    arguments = g_strdup_printf("-M pc " TRACE, trace);
    p->r.m = qdmashare_one(arguments, "render=on");
    p->r.d = p->r.m->d;
    p->commands = qdmashare_buf(p->r.d, COMMANDS, COMMANDS_BYTES,
                                DMASHARE_DIR_TO_DEVICE);
    p->pixels = qdmashare_buf(p->r.d, PIXELS, PIXELS_BYTES,
                              DMASHARE_DIR_TO_DEVICE);
    p->frame = qdmashare_buf(p->r.d, FRAME, FRAME_BYTES,
                             DMASHARE_DIR_FROM_DEVICE);
    for (unsigned i = 0; i < p->n_steps - last; i++) {
        step_play(p, &p->step[i]);
    }
    if (last) {
        steps_repeat(p, repeat, last);
    }
    qdmashare_read(p->r.d, p->frame.phys, frame, p->frame_bytes);
    qrender_end(&p->r);
    if (last && !trace_tell(trace, repeat * last, last)) {
        fprintf(stderr, "dmashare-render-play: the trace is not whole\n");
        return 1;
    }
    if (!g_file_set_contents(argv[2], frame, p->frame_bytes, NULL)) {
        fprintf(stderr, "dmashare-render-play: %s cannot be written\n",
                argv[2]);
        return 1;
    }
    return 0;
}
