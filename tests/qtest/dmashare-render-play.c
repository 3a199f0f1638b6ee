/*
 * dmashare-render-play: play a script of render-scene to a device
 *
 * The counterpart of render-native (tests/render), with the same arguments and
 * the same output: SCRIPT FRAME REPEAT LAST. What is timed is the device and
 * the renderer: from the doorbell until the completion is in memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
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

/* Returns how many microseconds it took. */
static int64_t step_play(Player *p, Step *s)
{
    QDmashare *d = p->r.d;
    unsigned q = is_job(&s->desc) ? 1 : DMASHARE_QUEUE_CONTROL;
    struct dmashare_completion c;
    int64_t start;

    if (q) {
        QDmashareBuf *buf = step_memory(p, s);
        struct dmashare_operand *op = s->data ? &s->desc.job.src
                                              : &s->desc.job.dst;

        op->mapping = cpu_to_le32(buf->id);
        s->desc.job.seqno = cpu_to_le64(qdmashare_next(d, 0));
    }
    qdmashare_push_raw(d, q, &s->desc);
    start = g_get_monotonic_time();
    qdmashare_doorbell(d, q);
    c = qrender_await(&p->r, q);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    return g_get_monotonic_time() - start;
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
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned repeat, last;
    gsize len;

    if (argc != 5) {
        fprintf(stderr, "usage: dmashare-render-play SCRIPT FRAME REPEAT "
                "LAST\n");
        return 2;
    }
    repeat = strtoul(argv[3], NULL, 0);
    last = strtoul(argv[4], NULL, 0);
    if (!g_file_get_contents(argv[1], &script, &len, NULL) ||
        !script_load(p, script, len) || last > p->n_steps) {
        fprintf(stderr, "dmashare-render-play: that is no scene\n");
        return 2;
    }
    g_set_print_handler(print_nothing);
    p->r.m = qdmashare_one("-M pc", "render=on");
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
    for (unsigned n = 0; n < repeat; n++) {
        for (unsigned i = p->n_steps - last; i < p->n_steps; i++) {
            g_string_append_printf(text, "%" PRId64 "%c",
                                   step_play(p, &p->step[i]),
                                   i + 1 < p->n_steps ? ' ' : '\n');
        }
    }
    /* Nothing in between that has to be waited for. */
    printf("%s", text->str);
    qdmashare_read(p->r.d, p->frame.phys, frame, p->frame_bytes);
    qrender_end(&p->r);
    if (!g_file_set_contents(argv[2], frame, p->frame_bytes, NULL)) {
        fprintf(stderr, "dmashare-render-play: %s cannot be written\n",
                argv[2]);
        return 1;
    }
    return 0;
}
