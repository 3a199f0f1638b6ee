/*
 * dmashare: the render engine, with the renderer that was built
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqtest.h"
#include "libqos/dmashare-machine.h"
#include "dmashare/render.h"

#define CMD             1
#define SRC             2
#define DST             3
#define SIDE            64
#define PIXELS          (SIDE * SIDE)
#define BYTES           (PIXELS * 4)
#define CMD_BYTES       4096
#define FORMAT          1       /* B8G8R8A8 */
#define BIND            (1 << 1 | 1 << 3)
#define SOON_US         (20 * G_USEC_PER_SEC)

/*
 * What the renderer does takes real time
 */

static struct dmashare_completion await(QDmashare *d, unsigned q)
{
    int64_t end = g_get_monotonic_time() + SOON_US;
    struct dmashare_completion c;

    while (!qdmashare_try_pop(d, q, &c)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return c;
}

static struct dmashare_event await_event(QDmashare *d)
{
    int64_t end = g_get_monotonic_time() + SOON_US;
    struct dmashare_event e;

    while (!qdmashare_try_event(d, &e)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return e;
}

static unsigned run(QDmashare *d, unsigned q, struct dmashare_desc desc)
{
    qdmashare_push(d, q, &desc);
    qdmashare_doorbell(d, q);
    return await(d, q).status;
}

/*
 * Commands
 */

static unsigned context(QDmashare *d, uint32_t id)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_CONTEXT_CREATE,
        .context = {
            .id = id,
            .capset = DMASHARE_CAPSET_VIRGL2,
            .name = "qtest",
        },
    };

    return run(d, 0, desc);
}

static unsigned by_id(QDmashare *d, uint8_t opcode, uint32_t id)
{
    struct dmashare_desc desc = {
        .opcode = opcode,
        .id.id = id,
    };

    return run(d, 0, desc);
}

static struct dmashare_desc texture_desc(uint32_t id)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_RESOURCE_CREATE,
        .resource = {
            .id = id,
            .target = DMASHARE_TARGET_2D,
            .format = FORMAT,
            .bind = BIND,
            .width = SIDE,
            .height = SIDE,
            .depth = 1,
            .array_size = 1,
        },
    };
}

static unsigned pair(QDmashare *d, uint8_t opcode, uint32_t ctx, uint32_t res)
{
    struct dmashare_desc desc = {
        .opcode = opcode,
        .pair = { ctx, res },
    };

    return run(d, 0, desc);
}

/*
 * Jobs
 */

/* Of these words, which are put to @at of the buffer of commands. */
static struct dmashare_desc commands(QDmashare *d, QDmashareBuf *cmd,
                                     unsigned timeline, uint32_t ctx,
                                     unsigned at, const uint32_t *word,
                                     unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qtest_writel(d->qts, cmd->phys + at + i * 4, word[i]);
    }
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_RENDER,
        .job = {
            .timeline = timeline,
            .seqno = qdmashare_next(d, timeline),
            .src = { .mapping = CMD, .offset = at },
            .length = n * 4,
            .value = ctx,
        },
    };
}

static uint32_t float_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static struct dmashare_desc clear(QDmashare *d, QDmashareBuf *cmd,
                                  unsigned timeline, uint32_t ctx, unsigned at,
                                  uint32_t pixel)
{
    const uint32_t word[] = {
        7 | 8 << 16, 1 << 2,
        float_bits((pixel >> 16 & 0xff) / 255.0f),
        float_bits((pixel >> 8 & 0xff) / 255.0f),
        float_bits((pixel & 0xff) / 255.0f),
        float_bits((pixel >> 24) / 255.0f),
        0, 0, 0,
    };

    return commands(d, cmd, timeline, ctx, at, word, ARRAY_SIZE(word));
}

/* A surface on the texture, as what is drawn on. */
static struct dmashare_desc canvas(QDmashare *d, QDmashareBuf *cmd,
                                   unsigned timeline, uint32_t ctx,
                                   uint32_t texture)
{
    const uint32_t word[] = {
        1 | 8 << 8 | 5 << 16, 1, texture, FORMAT, 0, 0,
        5 | 3 << 16, 1, 0, 1,
    };

    return commands(d, cmd, timeline, ctx, 0, word, ARRAY_SIZE(word));
}

/* There is no such surface, of which the library says nothing. */
static struct dmashare_desc wrong(QDmashare *d, QDmashareBuf *cmd,
                                  unsigned timeline, uint32_t ctx)
{
    const uint32_t word[] = { 5 | 3 << 16, 1, 0, 77 };

    return commands(d, cmd, timeline, ctx, 0, word, ARRAY_SIZE(word));
}

static struct dmashare_desc transfer(QDmashare *d, unsigned timeline, bool up,
                                     uint32_t texture)
{
    struct dmashare_desc desc = {
        .opcode = up ? DMASHARE_OP_JOB_UPLOAD : DMASHARE_OP_JOB_DOWNLOAD,
        .transfer = {
            .job = {
                .timeline = timeline,
                .seqno = qdmashare_next(d, timeline),
                .length = BYTES,
            },
            .resource = texture,
            .stride = SIDE * 4,
            .width = SIDE,
            .height = SIDE,
            .depth = 1,
        },
    };

    if (up) {
        desc.job.src.mapping = SRC;
    } else {
        desc.job.dst.mapping = DST;
    }
    return desc;
}

/*
 * A device with a renderer
 */

typedef struct Stage {
    QDmashareMachine *m;
    QDmashare *d;
    QDmashareBuf cmd;
    QDmashareBuf src;
    QDmashareBuf dst;
} Stage;

static bool built(void)
{
    g_autofree char *dir = g_path_get_dirname(getenv("QTEST_QEMU_BINARY"));
    g_autofree char *path = g_build_filename(dir, "../render/dmashare-render",
                                             NULL);

    if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE)) {
        g_test_skip("built without libvirglrenderer-dev");
        return false;
    }
    return true;
}

static void stage_memory(Stage *s)
{
    s->cmd = qdmashare_buf(s->d, CMD, CMD_BYTES, DMASHARE_DIR_TO_DEVICE);
    s->src = qdmashare_buf(s->d, SRC, BYTES, DMASHARE_DIR_TO_DEVICE);
    s->dst = qdmashare_buf(s->d, DST, BYTES, DMASHARE_DIR_FROM_DEVICE);
}

static bool stage_begin(Stage *s, const char *properties)
{
    if (!built()) {
        return false;
    }
    s->m = qdmashare_one("-M pc", properties);
    s->d = s->m->d;
    stage_memory(s);
    return true;
}

/* A context and a texture of this id, which it draws on. */
static void stage_canvas(Stage *s, uint32_t id)
{
    QDmashare *d = s->d;

    g_assert_cmphex(context(d, id), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(run(d, 0, texture_desc(id)), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(pair(d, DMASHARE_OP_RESOURCE_ADD, id, id), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(run(d, 1, canvas(d, &s->cmd, 0, id, id)), ==,
                    DMASHARE_STATUS_OK);
}

static void stage_shows(Stage *s, uint32_t texture, uint32_t pixel)
{
    g_autofree uint32_t *want = g_new(uint32_t, PIXELS);

    for (unsigned i = 0; i < PIXELS; i++) {
        want[i] = cpu_to_le32(pixel);
    }
    qtest_memset(s->d->qts, s->dst.phys, 0x5a, BYTES);
    g_assert_cmphex(run(s->d, 1, transfer(s->d, 0, false, texture)), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(s->d, s->dst.phys, want, BYTES);
}

static void stage_works(Stage *s, uint32_t id, uint32_t pixel)
{
    g_assert_cmphex(run(s->d, 1, clear(s->d, &s->cmd, 0, id, 0, pixel)), ==,
                    DMASHARE_STATUS_OK);
    stage_shows(s, id, pixel);
}

/* The renderer: the one child that the emulator has. */
static pid_t stage_renderer(Stage *s)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children",
                                            qtest_pid(s->d->qts),
                                            qtest_pid(s->d->qts));
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(atoi(text), >, 1);
    return atoi(text);
}

/*
 * Cases
 */

static void test_clear(void)
{
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    g_assert_true(qdmashare_readl(s.d, DMASHARE_REG_FEATURES_LO) &
                  DMASHARE_FEATURE_RENDER);
    g_assert_cmpuint(qdmashare_readl(s.d, DMASHARE_REG_RENDER_RINGS), ==, 1);
    stage_canvas(&s, 1);
    stage_works(&s, 1, 0xff102030);
    stage_works(&s, 1, 0x80ffffff);
    qdmashare_assert_no_event(s.d);
    qdmashare_machine_free(s.m);
}

static void test_upload(void)
{
    g_autofree uint8_t *bytes = g_malloc(BYTES);
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    stage_canvas(&s, 1);
    for (unsigned i = 0; i < 5; i++) {
        qdmashare_noise(bytes, BYTES, i);
        qtest_bufwrite(s.d->qts, s.src.phys, bytes, BYTES);
        g_assert_cmphex(run(s.d, 1, transfer(s.d, 0, true, 1)), ==,
                        DMASHARE_STATUS_OK);
        g_assert_cmphex(run(s.d, 1, transfer(s.d, 0, false, 1)), ==,
                        DMASHARE_STATUS_OK);
        qdmashare_assert_bytes(s.d, s.dst.phys, bytes, BYTES);
    }
    qdmashare_machine_free(s.m);
}

/* Of a box with gaps between its rows nothing but its pixels is anybody's. */
static void test_gaps(void)
{
    enum { W = 8, H = 8, STRIDE = 100 };
    g_autofree uint8_t *want = g_malloc0(H * STRIDE);
    struct dmashare_desc desc;
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    stage_canvas(&s, 1);
    /* What is left in the slot by this is not to be seen. */
    stage_works(&s, 1, 0xa5a5a5a5);
    g_assert_cmphex(run(s.d, 1, clear(s.d, &s.cmd, 0, 1, 0, 0xff112233)), ==,
                    DMASHARE_STATUS_OK);
    desc = transfer(s.d, 0, false, 1);
    desc.job.length = H * STRIDE;
    desc.transfer.stride = STRIDE;
    desc.transfer.width = W;
    desc.transfer.height = H;
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < W * H; i++) {
        stl_le_p(want + i / W * STRIDE + i % W * 4, 0xff112233);
    }
    qdmashare_assert_bytes(s.d, s.dst.phys, want, H * STRIDE);
    qdmashare_machine_free(s.m);
}

/* A context error is that of one job; the context is lost, and no other. */
static void test_context_error(void)
{
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    stage_canvas(&s, 1);
    stage_canvas(&s, 2);
    stage_works(&s, 1, 0xff0000ff);
    g_assert_cmphex(run(s.d, 1, wrong(s.d, &s.cmd, 0, 1)), ==,
                    DMASHARE_STATUS_RENDER_COMMANDS);
    g_assert_cmphex(run(s.d, 1, clear(s.d, &s.cmd, 0, 1, 0, 0)), ==,
                    DMASHARE_STATUS_RENDER_LOST);
    stage_works(&s, 2, 0xff00ff00);
    stage_shows(&s, 1, 0xff0000ff);
    g_assert_cmphex(run(s.d, 1, clear(s.d, &s.cmd, 0, 3, 0, 0)), ==,
                    DMASHARE_STATUS_RENDER_LOST);
    g_assert_cmphex(by_id(s.d, DMASHARE_OP_CONTEXT_DESTROY, 1), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(by_id(s.d, DMASHARE_OP_CONTEXT_DESTROY, 1), ==,
                    DMASHARE_STATUS_BAD_ID);
    qdmashare_machine_free(s.m);
}

/*
 * Jobs of several queues, rendering and not, on timelines of their own, each
 * behind one of another queue: what was drawn last is what is there.
 */
#define ROUNDS          100
#define QUEUES          3

static void test_order(void)
{
    uint64_t last[QUEUES] = { 0 };
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    for (unsigned q = 0; q < QUEUES; q++) {
        stage_canvas(&s, q + 1);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned q = 0; q < QUEUES; q++) {
            unsigned timeline = q + 1, before = (q + QUEUES - 1) % QUEUES;
            struct dmashare_desc desc;

            desc = clear(s.d, &s.cmd, timeline, q + 1, 1024 * q,
                         0xff000000 | i);
            if (i || q) {
                qdmashare_wait_for(&desc, before + 1, last[before]);
            }
            qdmashare_push(s.d, q + 1, &desc);
            desc = qdmashare_noop(s.d, timeline, 0);
            last[q] = desc.job.seqno;
            qdmashare_push(s.d, q + 1, &desc);
            qdmashare_doorbell(s.d, q + 1);
        }
        for (unsigned q = 0; q < QUEUES; q++) {
            for (unsigned n = 0; n < 2; n++) {
                struct dmashare_completion c = await(s.d, q + 1);

                g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
                g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
            }
            g_assert_cmpuint(qdmashare_fence(s.d, q + 1), ==, last[q]);
        }
    }
    for (unsigned q = 0; q < QUEUES; q++) {
        stage_shows(&s, q + 1, 0xff000000 | (ROUNDS - 1));
    }
    qdmashare_machine_free(s.m);
}

/* The renderer dies in the middle: its jobs fail, all else goes on. */
static void test_killed(void)
{
    struct dmashare_event e;
    unsigned status;
    pid_t pid;
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    stage_canvas(&s, 1);
    pid = stage_renderer(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        struct dmashare_desc desc = clear(s.d, &s.cmd, q, 1, 1024 * q, 0);

        qdmashare_push(s.d, q, &desc);
        qdmashare_doorbell(s.d, q);
    }
    qdmashare_settle(s.d);
    qdmashare_assert_idle(s.d, 1);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        struct dmashare_completion c = await(s.d, q);

        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_RENDER_GONE);
        g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    }
    e = await_event(s.d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_RENDER_LOST);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_RENDER_GONE);
    g_assert_cmpuint(e.mapping, ==, 0);

    g_assert_cmphex(run(s.d, 1, qdmashare_noop(s.d, 0, 0)), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(run(s.d, 1, clear(s.d, &s.cmd, 0, 1, 0, 0)), ==,
                    DMASHARE_STATUS_RENDER_LOST);
    g_assert_cmphex(run(s.d, 1, transfer(s.d, 0, false, 1)), ==,
                    DMASHARE_STATUS_RENDER_LOST);
    g_assert_cmphex(by_id(s.d, DMASHARE_OP_CONTEXT_DESTROY, 1), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(by_id(s.d, DMASHARE_OP_RESOURCE_DESTROY, 1), ==,
                    DMASHARE_STATUS_OK);
    /* Another one, not earlier than a second after the first. */
    while ((status = context(s.d, 7)) == DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    stage_canvas(&s, 1);
    stage_works(&s, 1, 0xff123456);
    qdmashare_machine_free(s.m);
}

/* It hangs: one job is to blame, the others were with it. */
static void test_hung(void)
{
    Stage s;

    if (!stage_begin(&s, "render=on,render-timeout-ms=500")) {
        return;
    }
    stage_canvas(&s, 1);
    g_assert_cmpint(kill(stage_renderer(&s), SIGSTOP), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        struct dmashare_desc desc = clear(s.d, &s.cmd, q, 1, 1024 * q, 0);

        qdmashare_push(s.d, q, &desc);
        qdmashare_doorbell(s.d, q);
        qdmashare_settle(s.d);
    }
    g_assert_cmphex(await(s.d, 1).status, ==, DMASHARE_STATUS_RENDER_TIMEOUT);
    g_assert_cmphex(await(s.d, 2).status, ==, DMASHARE_STATUS_RENDER_GONE);
    g_assert_cmphex(await_event(s.d).status, ==,
                    DMASHARE_STATUS_RENDER_TIMEOUT);
    qdmashare_machine_free(s.m);
}

/* Reset with a job in the renderer: its slot is used again after its answer. */
static void test_reset(void)
{
    struct dmashare_desc desc;
    pid_t pid;
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    stage_canvas(&s, 1);
    stage_works(&s, 1, 0xff0000ff);
    pid = stage_renderer(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    desc = clear(s.d, &s.cmd, 0, 1, 0, 0xff00ff00);
    qdmashare_push(s.d, 1, &desc);
    qdmashare_doorbell(s.d, 1);
    qdmashare_settle(s.d);
    qdmashare_reset(s.d);
    qdmashare_start(s.d);
    stage_memory(&s);
    g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
    g_assert_cmphex(run(s.d, 1, clear(s.d, &s.cmd, 0, 1, 0, 0)), ==,
                    DMASHARE_STATUS_RENDER_LOST);
    stage_canvas(&s, 1);
    stage_works(&s, 1, 0xff445566);
    qdmashare_machine_free(s.m);
}

/* The mapping ends while the renderer works: what it drew goes nowhere. */
static void test_unmapped(void)
{
    g_autofree uint8_t *before = g_malloc(BYTES);
    QDmashareFault want = {
        .status = DMASHARE_STATUS_FAULT_DEAD_MAPPING,
        .mapping = DST,
        .addr = ~0ULL,
        .write = true,
    };
    struct dmashare_completion c;
    struct dmashare_desc desc;
    pid_t pid;
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    stage_canvas(&s, 1);
    stage_works(&s, 1, 0xff0000ff);
    qdmashare_noise(before, BYTES, 1);
    qtest_bufwrite(s.d->qts, s.dst.phys, before, BYTES);
    pid = stage_renderer(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    desc = transfer(s.d, 0, false, 1);
    qdmashare_push(s.d, 1, &desc);
    qdmashare_doorbell(s.d, 1);
    qdmashare_settle(s.d);
    qdmashare_unmap(s.d, DST);
    g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
    c = await(s.d, 1);
    g_assert_cmphex(c.status, ==, want.status);
    qdmashare_fault_told(s.d, &c, &want);
    qdmashare_assert_bytes(s.d, s.dst.phys, before, BYTES);
    qdmashare_machine_free(s.m);
}

/* The device is unplugged while the renderer has its jobs, and ends with it. */
static void test_unplugged(void)
{
    int64_t end = g_get_monotonic_time() + SOON_US;
    struct dmashare_desc desc;
    pid_t pid;
    Stage s;

    if (!stage_begin(&s, "render=on,id=" QDMASHARE_ID)) {
        return;
    }
    stage_canvas(&s, 1);
    pid = stage_renderer(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        desc = clear(s.d, &s.cmd, q, 1, 1024 * q, 0);
        qdmashare_push(s.d, q, &desc);
        qdmashare_doorbell(s.d, q);
    }
    qdmashare_settle(s.d);
    qpci_unplug_acpi_device_test(s.d->qts, QDMASHARE_ID, QDMASHARE_SLOT);
    while (!kill(pid, 0)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        /* Events of the main loop, of which the child's end is one. */
        qtest_clock_step(s.d->qts, 1);
    }
    qdmashare_machine_free(s.m);
}

/*
 * A frame of 1920x1080: every pixel, and how long it takes with nobody else's
 * work in it but this test's polling.
 */
#define FRAME_WIDTH     1920
#define FRAME_HEIGHT    1080
#define FRAME_BYTES     (FRAME_WIDTH * FRAME_HEIGHT * 4)
#define FRAMES          10

static void test_frame(void)
{
    g_autofree uint32_t *want = g_malloc(FRAME_BYTES);
    struct dmashare_desc desc;
    QDmashareBuf frame;
    Stage s;

    if (!stage_begin(&s, "render=on")) {
        return;
    }
    frame = qdmashare_buf(s.d, 9, FRAME_BYTES, DMASHARE_DIR_FROM_DEVICE);
    g_assert_cmphex(context(s.d, 1), ==, DMASHARE_STATUS_OK);
    desc = texture_desc(1);
    desc.resource.width = FRAME_WIDTH;
    desc.resource.height = FRAME_HEIGHT;
    g_assert_cmphex(run(s.d, 0, desc), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(pair(s.d, DMASHARE_OP_RESOURCE_ADD, 1, 1), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(run(s.d, 1, canvas(s.d, &s.cmd, 0, 1, 1)), ==,
                    DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < FRAMES; i++) {
        uint32_t pixel = 0xff000000 | i * 0x10203;
        int64_t start, cleared, end;

        desc = clear(s.d, &s.cmd, 0, 1, 0, pixel);
        start = g_get_monotonic_time();
        g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_OK);
        cleared = g_get_monotonic_time();
        desc = transfer(s.d, 0, false, 1);
        desc.job.dst.mapping = frame.id;
        desc.job.length = FRAME_BYTES;
        desc.transfer.stride = FRAME_WIDTH * 4;
        desc.transfer.width = FRAME_WIDTH;
        desc.transfer.height = FRAME_HEIGHT;
        g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_OK);
        end = g_get_monotonic_time();
        g_test_message("clear %.1f ms, download %.1f ms",
                       (cleared - start) / 1e3, (end - cleared) / 1e3);
        for (unsigned n = 0; n < FRAME_BYTES / 4; n++) {
            want[n] = cpu_to_le32(pixel);
        }
        qdmashare_assert_bytes(s.d, frame.phys, want, FRAME_BYTES);
    }
    qdmashare_machine_free(s.m);
}

/* What the device refuses without asking anybody. */
static void test_refused(void)
{
    struct dmashare_desc desc;
    Stage s;

    if (!stage_begin(&s, "render=on,render-bytes=64k")) {
        return;
    }
    g_assert_cmphex(context(s.d, 0), ==, DMASHARE_STATUS_BAD_ID);
    g_assert_cmphex(context(s.d, 1), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(context(s.d, 1), ==, DMASHARE_STATUS_ID_EXISTS);
    g_assert_cmphex(run(s.d, 0, texture_desc(1)), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(run(s.d, 0, texture_desc(1)), ==,
                    DMASHARE_STATUS_ID_EXISTS);
    for (unsigned i = 2; i <= 4; i++) {
        g_assert_cmphex(run(s.d, 0, texture_desc(i)), ==, DMASHARE_STATUS_OK);
    }
    /* 16 KiB each. */
    g_assert_cmphex(run(s.d, 0, texture_desc(5)), ==, DMASHARE_STATUS_LIMIT);
    g_assert_cmphex(by_id(s.d, DMASHARE_OP_RESOURCE_DESTROY, 2), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(run(s.d, 0, texture_desc(5)), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(pair(s.d, DMASHARE_OP_RESOURCE_ADD, 1, 2), ==,
                    DMASHARE_STATUS_BAD_ID);
    desc = texture_desc(6);
    desc.resource.width = 0;
    g_assert_cmphex(run(s.d, 0, desc), ==, DMASHARE_STATUS_BAD_LENGTH);
    desc = texture_desc(6);
    desc.resource.depth = 2;
    g_assert_cmphex(run(s.d, 0, desc), ==, DMASHARE_STATUS_BAD_LENGTH);
    desc = texture_desc(6);
    desc.resource.target = 9;
    g_assert_cmphex(run(s.d, 0, desc), ==, DMASHARE_STATUS_BAD_DESCRIPTOR);

    desc = clear(s.d, &s.cmd, 0, 1, 0, 0);
    desc.job.value |= 1ULL << 32;
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_BAD_LENGTH);
    desc = clear(s.d, &s.cmd, 0, 1, 0, 0);
    desc.job.length--;
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_BAD_LENGTH);
    desc = transfer(s.d, 0, true, 1);
    desc.transfer.width = 0;
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_BAD_LENGTH);
    desc = transfer(s.d, 0, true, 1);
    desc.transfer.reserved = 1;
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = transfer(s.d, 0, true, 1);
    desc.job.length = BYTES + 1;
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_FAULT_BOUNDS);
    desc = transfer(s.d, 0, true, 77);
    g_assert_cmphex(run(s.d, 1, desc), ==, DMASHARE_STATUS_RENDER_LOST);
    qdmashare_machine_free(s.m);
}

/*
 * A renderer that somebody else is in charge of. %s is what it does with a
 * request r, of serial n, once it has answered START as it should; a(serial,
 * status, result, text) answers.
 */
static const char liar[] =
    "#!/usr/bin/python3\n"
    "import os, socket, struct\n"
    "s = socket.socket(fileno=os.dup(0))\n"
    "def a(serial, status=0, result=0, text=b''):\n"
    "    s.send(struct.pack('=IIQQ72s', %u, status, serial, result, text))\n"
    "n = struct.unpack_from('=Q', s.recv(4096), 8)[0]\n"
    "%s\n"
    "while True:\n"
    "    r = s.recv(4096)\n"
    "    if not r:\n"
    "        break\n"
    "    n = struct.unpack_from('=Q', r, 8)[0]\n"
    "    %s\n";

typedef struct Lie {
    const char *start;
    const char *other;
} Lie;

static void test_liar(const void *opaque)
{
    const uint32_t nothing = 0;
    const Lie *lie = opaque;
    g_autofree char *text = g_strdup_printf(liar, DMASHARE_RENDER_MAGIC,
                                            lie->start, lie->other);
    g_autofree char *properties = NULL;
    g_autofree char *path = NULL;
    g_autoptr(QDmashareMachine) m = NULL;
    QDmashareBuf cmd;
    int fd = g_file_open_tmp("dmashare-liar-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    g_assert_cmpint(fchmod(fd, 0700), ==, 0);
    close(fd);
    properties = g_strdup_printf("render=on,render-timeout-ms=2000,"
                                 "render-program=%s", path);
    m = qdmashare_one("-M pc", properties);
    cmd = qdmashare_buf(m->d, CMD, CMD_BYTES, DMASHARE_DIR_TO_DEVICE);
    /* The first may be gone before anybody can be told of it. */
    while (context(m->d, 1) == DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    g_assert_cmphex(run(m->d, 1, commands(m->d, &cmd, 0, 1, 0, &nothing, 1)),
                    !=, DMASHARE_STATUS_OK);
    g_assert_cmpuint(await_event(m->d).type, ==, DMASHARE_EVENT_RENDER_LOST);
    g_assert_cmphex(run(m->d, 1, qdmashare_noop(m->d, 0, 0)), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(by_id(m->d, DMASHARE_OP_CONTEXT_DESTROY, 1), ==,
                    DMASHARE_STATUS_OK);
    unlink(path);
}

static const Lie lies[] = {
    { "a(n, 1, 0, b'A' * 72)", "pass" },
    { "s.send(b'abc')", "pass" },
    { "a(n); a(n)", "a(n)" },
    { "a(n)", "a(n ^ 1)" },
    { "a(n)", "a(n, 0, 1 << 40)" },
    { "a(n)", "a(n, 0xffff)" },
    { "a(n)", "a(2 << 56 | 0xffffff << 32)" },
    { "a(n)", "a(3 << 56 | 0xffffff << 32, 0x28); a(0xff << 56)" },
    { "a(n)", "s.send(bytes(96))" },
    { "a(n)", "s.send(bytes(97))" },
    { "a(n)", "s.close(); break" },
    { "a(n)", "pass" },
};

/* Without the property there is nothing of it. */
static void test_off(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "");
    QDmashare *d = m->d;
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_JOB_RENDER,
        .job = { .timeline = 0, .seqno = 1, .length = 4 },
    };

    g_assert_false(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
                   DMASHARE_FEATURE_RENDER);
    for (unsigned reg = DMASHARE_REG_MAX_CONTEXTS;
         reg <= DMASHARE_REG_RENDER_RINGS; reg += 4) {
        g_assert_cmpuint(qdmashare_readl(d, reg), ==, 0);
    }
    g_assert_cmphex(context(d, 1), ==, DMASHARE_STATUS_BAD_OPCODE);
    g_assert_cmphex(run(d, 1, desc), ==, DMASHARE_STATUS_BAD_OPCODE);
}

/* Where there is no renderer there is no such device. */
static void test_no_program(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_machine_new("-M pc");
    QDict *properties = qdict_new();
    g_autofree char *said = NULL;

    qdict_put_str(properties, "driver", "dmashare");
    qdict_put_bool(properties, "render", true);
    qdict_put_str(properties, "render-program", "/nonexistent");
    said = qdmashare_machine_refuses(m, properties);
    g_assert_nonnull(strstr(said, "there is no program /nonexistent"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/render/off", test_off);
    qtest_add_func("/dmashare/render/no-program", test_no_program);
    qtest_add_func("/dmashare/render/clear", test_clear);
    qtest_add_func("/dmashare/render/upload", test_upload);
    qtest_add_func("/dmashare/render/gaps", test_gaps);
    qtest_add_func("/dmashare/render/context-error", test_context_error);
    qtest_add_func("/dmashare/render/order", test_order);
    qtest_add_func("/dmashare/render/unmapped", test_unmapped);
    qtest_add_func("/dmashare/render/unplugged", test_unplugged);
    qtest_add_func("/dmashare/render/frame", test_frame);
    qtest_add_func("/dmashare/render/refused", test_refused);
    qtest_add_func("/dmashare/render/killed", test_killed);
    qtest_add_func("/dmashare/render/hung", test_hung);
    qtest_add_func("/dmashare/render/reset", test_reset);
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        g_autofree char *path = g_strdup_printf("/dmashare/render/liar/%u", i);

        qtest_add_data_func(path, &lies[i], test_liar);
    }
    return g_test_run();
}
