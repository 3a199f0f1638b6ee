/*
 * libqos helpers for dmashare: contexts, resources and jobs of the renderer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "../libqtest.h"
#include "dmashare-render.h"

/*
 * How often nothing is found at once. Then device time goes on, by a
 * nanosecond each time, and there is a pause: to ask all the time takes two
 * processors, and the renderer may need one.
 */
#define POLLS_AT_ONCE   16

static void keep_waiting(QRender *r, int64_t end, unsigned *polls)
{
    g_assert_cmpint(g_get_monotonic_time(), <, end);
    if (++*polls >= POLLS_AT_ONCE) {
        g_usleep(QDMASHARE_PAUSE_US);
        qtest_clock_step(r->d->qts, 1);
    }
}

struct dmashare_completion qrender_await(QRender *r, unsigned q)
{
    int64_t end = g_get_monotonic_time() + QRENDER_SOON_US;
    struct dmashare_completion c;
    unsigned polls = 0;

    while (!qdmashare_try_pop(r->d, q, &c)) {
        keep_waiting(r, end, &polls);
    }
    return c;
}

struct dmashare_event qrender_event(QRender *r)
{
    int64_t end = g_get_monotonic_time() + QRENDER_SOON_US;
    struct dmashare_event e;
    unsigned polls = 0;

    while (!qdmashare_try_event(r->d, &e)) {
        keep_waiting(r, end, &polls);
    }
    return e;
}

void qrender_submit(QRender *r, unsigned q, struct dmashare_desc desc)
{
    qdmashare_push(r->d, q, &desc);
    qdmashare_doorbell(r->d, q);
}

unsigned qrender_run(QRender *r, unsigned q, struct dmashare_desc desc)
{
    qrender_submit(r, q, desc);
    return qrender_await(r, q).status;
}

/*
 * Commands
 */

struct dmashare_desc qrender_context(uint32_t id)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_CONTEXT_CREATE,
        .context = {
            .id = id,
            .capset = DMASHARE_CAPSET_VIRGL2,
            .name = "qtest",
        },
    };
}

struct dmashare_desc qrender_texture(uint32_t id)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_RESOURCE_CREATE,
        .resource = {
            .id = id,
            .target = DMASHARE_TARGET_2D,
            .format = QRENDER_FORMAT,
            .bind = QRENDER_BIND,
            .width = QRENDER_SIDE,
            .height = QRENDER_SIDE,
            .depth = 1,
            .array_size = 1,
        },
    };
}

struct dmashare_desc qrender_by_id(uint8_t opcode, uint32_t id)
{
    return (struct dmashare_desc) {
        .opcode = opcode,
        .id.id = id,
    };
}

struct dmashare_desc qrender_pair(uint8_t opcode, uint32_t context,
                                  uint32_t resource)
{
    return (struct dmashare_desc) {
        .opcode = opcode,
        .pair = { context, resource },
    };
}

/*
 * Jobs
 */

struct dmashare_desc qrender_commands(QRender *r, unsigned timeline,
                                      uint32_t context, unsigned at,
                                      const uint32_t *word, unsigned n)
{
    g_autofree uint32_t *le = g_new(uint32_t, n);

    for (unsigned i = 0; i < n; i++) {
        le[i] = cpu_to_le32(word[i]);
    }
    qtest_bufwrite(r->d->qts, r->cmd.phys + at, le, n * sizeof(*le));
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_RENDER,
        .job = {
            .timeline = timeline,
            .seqno = qdmashare_next(r->d, timeline),
            .src = { .mapping = r->cmd.id, .offset = at },
            .length = n * 4,
            .value = context,
        },
    };
}

static uint32_t float_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

void qrender_clear_words(uint32_t *word, uint32_t pixel)
{
    const uint32_t clear[QRENDER_CLEAR_WORDS] = {
        7 | 8 << 16, 1 << 2,
        float_bits((pixel >> 16 & 0xff) / 255.0f),
        float_bits((pixel >> 8 & 0xff) / 255.0f),
        float_bits((pixel & 0xff) / 255.0f),
        float_bits((pixel >> 24) / 255.0f),
        0, 0, 0,
    };

    memcpy(word, clear, sizeof(clear));
}

struct dmashare_desc qrender_clear(QRender *r, unsigned timeline,
                                   uint32_t context, unsigned at,
                                   uint32_t pixel)
{
    uint32_t word[QRENDER_CLEAR_WORDS];

    qrender_clear_words(word, pixel);
    return qrender_commands(r, timeline, context, at, word, ARRAY_SIZE(word));
}

/* A surface, and then what is drawn on. */
struct dmashare_desc qrender_canvas(QRender *r, unsigned timeline,
                                    uint32_t context, uint32_t texture)
{
    const uint32_t word[] = {
        1 | 8 << 8 | 5 << 16, 1, texture, QRENDER_FORMAT, 0, 0,
        5 | 3 << 16, 1, 0, 1,
    };

    return qrender_commands(r, timeline, context, 0, word, ARRAY_SIZE(word));
}

struct dmashare_desc qrender_wrong(QRender *r, unsigned timeline,
                                   uint32_t context, unsigned at)
{
    const uint32_t word[] = { 5 | 3 << 16, 1, 0, 77 };

    return qrender_commands(r, timeline, context, at, word, ARRAY_SIZE(word));
}

struct dmashare_desc qrender_bad_shader(QRender *r, unsigned timeline,
                                        uint32_t context, unsigned at)
{
    static const char text[] = "FRAG\nno such instruction\nEND\n";
    enum { TEXT_WORDS = DIV_ROUND_UP(sizeof(text), 4) };
    /* An object: a shader, for fragments. */
    uint32_t word[6 + TEXT_WORDS] = {
        1 | 4 << 8 | (5 + TEXT_WORDS) << 16, 5, 1, sizeof(text), 300, 0,
    };

    for (unsigned i = 0; i < sizeof(text); i++) {
        word[6 + i / 4] |= (uint32_t)(uint8_t)text[i] << i % 4 * 8;
    }
    return qrender_commands(r, timeline, context, at, word, ARRAY_SIZE(word));
}

struct dmashare_desc qrender_transfer(QRender *r, unsigned timeline, bool up,
                                      uint32_t texture)
{
    struct dmashare_desc desc = {
        .opcode = up ? DMASHARE_OP_JOB_UPLOAD : DMASHARE_OP_JOB_DOWNLOAD,
        .transfer = {
            .job = {
                .timeline = timeline,
                .seqno = qdmashare_next(r->d, timeline),
                .length = QRENDER_BYTES,
            },
            .resource = texture,
            .stride = QRENDER_SIDE * 4,
            .width = QRENDER_SIDE,
            .height = QRENDER_SIDE,
            .depth = 1,
        },
    };

    if (up) {
        desc.job.src.mapping = r->src.id;
    } else {
        desc.job.dst.mapping = r->dst.id;
    }
    return desc;
}

/*
 * A device with a renderer
 */

static bool render_built(void)
{
    g_autofree char *dir = g_path_get_dirname(getenv("QTEST_QEMU_BINARY"));
    g_autofree char *path = g_build_filename(dir, "../render/built", NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_test_skip("the renderer was not set up");
        return false;
    }
    if (strcmp(g_strstrip(text), "yes")) {
        g_test_skip(text);
        return false;
    }
    return true;
}

void qrender_memory(QRender *r)
{
    r->cmd = qdmashare_buf(r->d, QRENDER_CMD, QRENDER_CMD_BYTES,
                           DMASHARE_DIR_TO_DEVICE);
    r->src = qdmashare_buf(r->d, QRENDER_SRC, QRENDER_BYTES,
                           DMASHARE_DIR_TO_DEVICE);
    r->dst = qdmashare_buf(r->d, QRENDER_DST, QRENDER_BYTES,
                           DMASHARE_DIR_FROM_DEVICE);
}

bool qrender_begin(QRender *r, const char *properties)
{
    if (!render_built()) {
        return false;
    }
    r->m = qdmashare_one("-M pc", properties);
    r->d = r->m->d;
    qrender_memory(r);
    return true;
}

void qrender_end(QRender *r)
{
    qdmashare_machine_free(r->m);
}

/* It is the one child that the emulator has. */
pid_t qrender_pid(QRender *r)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children",
                                            qtest_pid(r->d->qts),
                                            qtest_pid(r->d->qts));
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(atoi(text), >, 1);
    return atoi(text);
}

void qrender_stage(QRender *r, uint32_t id)
{
    qrender_assert(r, 0, qrender_context(id), OK);
    qrender_assert(r, 0, qrender_texture(id), OK);
    qrender_assert(r, 0, qrender_pair(DMASHARE_OP_RESOURCE_ADD, id, id), OK);
    qrender_assert(r, 1, qrender_canvas(r, 0, id, id), OK);
}

void qrender_shows(QRender *r, uint32_t texture, uint32_t pixel)
{
    g_autofree uint32_t *want = g_new(uint32_t, QRENDER_PIXELS);

    for (unsigned i = 0; i < QRENDER_PIXELS; i++) {
        want[i] = cpu_to_le32(pixel);
    }
    qtest_memset(r->d->qts, r->dst.phys, 0x5a, QRENDER_BYTES);
    qrender_assert(r, 1, qrender_transfer(r, 0, false, texture), OK);
    qdmashare_assert_bytes(r->d, r->dst.phys, want, QRENDER_BYTES);
}

void qrender_works(QRender *r, uint32_t id, uint32_t pixel)
{
    qrender_assert(r, 1, qrender_clear(r, 0, id, 0, pixel), OK);
    qrender_shows(r, id, pixel);
}
