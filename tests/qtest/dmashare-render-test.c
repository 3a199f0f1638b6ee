/*
 * dmashare: the render engine, with the renderer that was built
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-fault.h"
#include "libqos/dmashare-render.h"

static void test_clear(void)
{
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    g_assert_true(qdmashare_readl(s.d, DMASHARE_REG_FEATURES_LO) &
                  DMASHARE_FEATURE_RENDER);
    g_assert_cmpuint(qdmashare_readl(s.d, DMASHARE_REG_RENDER_RINGS), ==, 1);
    qrender_stage(&s, 1);
    qrender_works(&s, 1, 0xff102030);
    qrender_works(&s, 1, 0x80ffffff);
    qdmashare_assert_no_event(s.d);
    qrender_end(&s);
}

static void test_upload(void)
{
    g_autofree uint8_t *bytes = g_malloc(QRENDER_BYTES);
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    qrender_stage(&s, 1);
    for (unsigned i = 0; i < 5; i++) {
        qdmashare_noise(bytes, QRENDER_BYTES, i);
        qtest_bufwrite(s.d->qts, s.src.phys, bytes, QRENDER_BYTES);
        qrender_assert(&s, 1, qrender_transfer(&s, 0, true, 1), OK);
        qrender_assert(&s, 1, qrender_transfer(&s, 0, false, 1), OK);
        qdmashare_assert_bytes(s.d, s.dst.phys, bytes, QRENDER_BYTES);
    }
    qrender_end(&s);
}

/* Of a box with gaps between its rows nothing but its pixels is anybody's. */
static void test_gaps(void)
{
    enum { W = 8, H = 8, STRIDE = 100 };
    g_autofree uint8_t *want = g_malloc0(H * STRIDE);
    struct dmashare_desc desc;
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    qrender_stage(&s, 1);
    /* What is left in the slot by this is not to be seen. */
    qrender_works(&s, 1, 0xa5a5a5a5);
    qrender_assert(&s, 1, qrender_clear(&s, 0, 1, 0, 0xff112233), OK);
    desc = qrender_transfer(&s, 0, false, 1);
    desc.job.length = H * STRIDE;
    desc.transfer.stride = STRIDE;
    desc.transfer.width = W;
    desc.transfer.height = H;
    qrender_assert(&s, 1, desc, OK);
    for (unsigned i = 0; i < W * H; i++) {
        stl_le_p(want + i / W * STRIDE + i % W * 4, 0xff112233);
    }
    qdmashare_assert_bytes(s.d, s.dst.phys, want, H * STRIDE);
    qrender_end(&s);
}

/* What the device refuses without asking anybody. */
static void test_refused(void)
{
    struct dmashare_desc desc;
    QRender s;

    if (!qrender_begin(&s, "render=on,render-bytes=64k")) {
        return;
    }
    qrender_assert(&s, 0, qrender_context(0), BAD_ID);
    qrender_assert(&s, 0, qrender_context(1), OK);
    qrender_assert(&s, 0, qrender_context(1), ID_EXISTS);
    qrender_assert(&s, 0, qrender_texture(1), OK);
    qrender_assert(&s, 0, qrender_texture(1), ID_EXISTS);
    for (unsigned i = 2; i <= 4; i++) {
        qrender_assert(&s, 0, qrender_texture(i), OK);
    }
    /* 16 KiB each. */
    qrender_assert(&s, 0, qrender_texture(5), LIMIT);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY, 2), OK);
    qrender_assert(&s, 0, qrender_texture(5), OK);
    qrender_assert(&s, 0, qrender_pair(DMASHARE_OP_RESOURCE_ADD, 1, 2), BAD_ID);
    desc = qrender_texture(6);
    desc.resource.width = 0;
    qrender_assert(&s, 0, desc, BAD_LENGTH);
    desc = qrender_texture(6);
    desc.resource.depth = 2;
    qrender_assert(&s, 0, desc, BAD_LENGTH);
    desc = qrender_texture(6);
    desc.resource.target = 9;
    qrender_assert(&s, 0, desc, BAD_DESCRIPTOR);

    desc = qrender_clear(&s, 0, 1, 0, 0);
    desc.job.value |= 1ULL << 32;
    qrender_assert(&s, 1, desc, BAD_LENGTH);
    desc = qrender_clear(&s, 0, 1, 0, 0);
    desc.job.length--;
    qrender_assert(&s, 1, desc, BAD_LENGTH);
    desc = qrender_transfer(&s, 0, true, 1);
    desc.transfer.width = 0;
    qrender_assert(&s, 1, desc, BAD_LENGTH);
    desc = qrender_transfer(&s, 0, true, 1);
    desc.transfer.reserved = 1;
    qrender_assert(&s, 1, desc, BAD_DESCRIPTOR);
    desc = qrender_transfer(&s, 0, true, 1);
    desc.job.length = QRENDER_BYTES + 1;
    qrender_assert(&s, 1, desc, FAULT_BOUNDS);
    desc = qrender_transfer(&s, 0, true, 77);
    qrender_assert(&s, 1, desc, RENDER_LOST);
    qrender_end(&s);
}

/*
 * As many as there may be, and not one more; a job of as many bytes as there
 * may be, and no more. The renderer has all of it, and works.
 */
static void test_limits(void)
{
    struct dmashare_desc desc;
    uint32_t contexts, resources, n;
    uint64_t most;
    QRender s;

    if (!qrender_begin(&s, "render=on,render-max-bytes=4k,"
                           "render-bytes=64M")) {
        return;
    }
    contexts = qdmashare_readl(s.d, DMASHARE_REG_MAX_CONTEXTS);
    resources = qdmashare_readl(s.d, DMASHARE_REG_MAX_RESOURCES);
    most = qdmashare_readq(s.d, DMASHARE_REG_MAX_RENDER_LO);
    g_assert_cmpuint(most, ==, 4 * KiB);
    g_assert_cmpuint(qdmashare_readq(s.d, DMASHARE_REG_RENDER_BYTES_LO), ==,
                     64 * MiB);
    for (n = 1; n <= contexts; n++) {
        qrender_assert(&s, 0, qrender_context(n), OK);
    }
    qrender_assert(&s, 0, qrender_context(n), BAD_ID);
    for (n = 1; n <= resources; n++) {
        desc = qrender_texture(n);
        desc.resource.width = 1;
        desc.resource.height = 1;
        qrender_assert(&s, 0, desc, OK);
    }
    qrender_assert(&s, 0, qrender_texture(n), BAD_ID);

    desc = qrender_clear(&s, 0, contexts, 0, 0);
    qtest_memset(s.d->qts, s.cmd.phys, 0, QRENDER_CMD_BYTES);
    desc.job.length = most;
    qrender_assert(&s, 1, desc, OK);
    desc = qrender_clear(&s, 0, contexts, 0, 0);
    desc.job.length = most + 4;
    qrender_assert(&s, 1, desc, BAD_LENGTH);
    /* One pixel, and then nothing. */
    desc = qrender_transfer(&s, 0, false, resources);
    desc.transfer.width = 1;
    desc.transfer.height = 1;
    desc.job.length = most;
    qrender_assert(&s, 1, desc, OK);
    desc = qrender_transfer(&s, 0, false, resources);
    desc.transfer.width = 1;
    desc.transfer.height = 1;
    desc.job.length = most + 1;
    qrender_assert(&s, 1, desc, BAD_LENGTH);

    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY, 7), OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY, 7), OK);
    desc = qrender_texture(7);
    desc.resource.height = 8;
    desc.resource.width = 8;
    qrender_assert(&s, 0, desc, OK);
    qrender_assert(&s, 0, qrender_context(7), OK);
    qrender_end(&s);
}

/*
 * What is large is read in parts: each is where it must be, and those that
 * nobody waits for any more do not get in the way of the next job.
 */
#define TALL_WIDTH      512
#define TALL_HEIGHT     1500
#define TALL_BYTES      (TALL_WIDTH * TALL_HEIGHT * 4)
#define TALL_SHIFTS     4

static struct dmashare_desc tall(QRender *r, bool up, uint32_t mapping,
                                 uint32_t x, uint32_t y)
{
    struct dmashare_desc desc = qrender_transfer(r, 0, up, 1);
    struct dmashare_operand *op = up ? &desc.job.src : &desc.job.dst;

    op->mapping = mapping;
    desc.transfer.x = x;
    desc.transfer.y = y;
    desc.transfer.width = TALL_WIDTH - x;
    desc.transfer.height = TALL_HEIGHT - y;
    desc.transfer.stride = desc.transfer.width * 4;
    desc.job.length = (uint64_t)desc.transfer.stride * desc.transfer.height;
    return desc;
}

static void test_parts(void)
{
    g_autofree uint8_t *bytes = g_malloc(TALL_BYTES);
    g_autofree uint8_t *want = g_malloc(TALL_BYTES);
    struct dmashare_desc desc = qrender_texture(1);
    QDmashareBuf in, out;
    QRender s;
    unsigned w;

    if (!qrender_begin(&s, "render=on,id=" QDMASHARE_ID)) {
        return;
    }
    in = qdmashare_buf(s.d, 20, TALL_BYTES, DMASHARE_DIR_TO_DEVICE);
    out = qdmashare_buf(s.d, 21, TALL_BYTES + TALL_SHIFTS,
                        DMASHARE_DIR_FROM_DEVICE);
    desc.resource.width = TALL_WIDTH;
    desc.resource.height = TALL_HEIGHT;
    qrender_assert(&s, 0, desc, OK);
    qdmashare_noise(bytes, TALL_BYTES, 7);
    qtest_bufwrite(s.d->qts, in.phys, bytes, TALL_BYTES);
    qrender_assert(&s, 1, tall(&s, true, in.id, 0, 0), OK);
    qrender_assert(&s, 1, tall(&s, false, out.id, 0, 0), OK);
    qdmashare_assert_bytes(s.d, out.phys, bytes, TALL_BYTES);

    qrender_assert(&s, 1, tall(&s, false, out.id, 12, 100), OK);
    w = (TALL_WIDTH - 12) * 4;
    for (unsigned y = 100; y < TALL_HEIGHT; y++) {
        memcpy(want + (y - 100) * w, bytes + (y * TALL_WIDTH + 12) * 4, w);
    }
    qdmashare_assert_bytes(s.d, out.phys, want, w * (TALL_HEIGHT - 100));

    for (unsigned i = 0; i < 5; i++) {
        qdmashare_fault_add(s.d->qts, "'where': 'dma-write',"
                                      "'action': 'fail'");
        qrender_submit(&s, 1, tall(&s, false, out.id, 0, 0));
        qrender_submit(&s, 1, tall(&s, false, out.id, 0, 0));
        qdmashare_assert_commanded(qrender_await(&s, 1), QDMASHARE_EIO);
        g_assert_cmphex(qrender_await(&s, 1).status, ==, DMASHARE_STATUS_OK);
        qdmashare_assert_bytes(s.d, out.phys, bytes, TALL_BYTES);
        qtest_memset(s.d->qts, out.phys, 0, TALL_BYTES);
    }
    qrender_end(&s);
}

/*
 * Of some formats the device puts the bytes of each pixel in order. Pixels need
 * not begin where words of memory do, and one may be in two segments.
 */
static uint64_t tall_segments(QRender *s, uint32_t id)
{
    static const unsigned len[] = { 1, 65539, 2, 600001, 4095, 9 };
    const uint64_t size = TALL_BYTES + TALL_SHIFTS;
    struct dmashare_segment seg[ARRAY_SIZE(len) + 1];
    uint64_t phys = qdmashare_alloc(s->d, size);
    uint64_t at = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(seg); i++) {
        seg[i].addr = qdmashare_dma(s->d, phys) + at;
        seg[i].len = i < ARRAY_SIZE(len) ? len[i] : size - at;
        at += seg[i].len;
    }
    qdmashare_buffer(s->d, id, size);
    g_assert_cmphex(qdmashare_map(s->d, id, id, DMASHARE_DIR_FROM_DEVICE, seg,
                                  ARRAY_SIZE(seg)), ==, DMASHARE_STATUS_OK);
    return phys;
}

static void test_formats(void)
{
    /* B8G8R8X8, A8R8G8B8, X8R8G8B8, R8G8B8A8, R8G8B8X8 */
    static const uint32_t formats[] = { QRENDER_FORMAT, 2, 3, 4, 67, 134 };
    g_autofree uint8_t *bytes = g_malloc(TALL_BYTES + TALL_SHIFTS);
    struct dmashare_desc desc = qrender_texture(1);
    uint64_t out;
    QDmashareBuf in;
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    in = qdmashare_buf(s.d, 20, TALL_BYTES, DMASHARE_DIR_TO_DEVICE);
    out = tall_segments(&s, 21);
    desc.resource.width = TALL_WIDTH;
    desc.resource.height = TALL_HEIGHT;
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        desc.resource.format = formats[i];
        qrender_assert(&s, 0, desc, OK);
        qdmashare_noise(bytes, TALL_BYTES, i);
        qtest_bufwrite(s.d->qts, in.phys, bytes, TALL_BYTES);
        qrender_assert(&s, 1, tall(&s, true, in.id, 0, 0), OK);
        for (unsigned shift = 0; shift < TALL_SHIFTS; shift++) {
            struct dmashare_desc down = tall(&s, false, 21, 0, 0);

            down.job.dst.offset = shift;
            qtest_memset(s.d->qts, out, 0x5a, TALL_BYTES + TALL_SHIFTS);
            qrender_assert(&s, 1, down, OK);
            qdmashare_assert_bytes(s.d, out + shift, bytes, TALL_BYTES);
            for (unsigned b = 0; b < TALL_SHIFTS; b++) {
                g_assert_cmphex(qtest_readb(s.d->qts, out +
                                            (b < shift ? b : TALL_BYTES + b)),
                                ==, 0x5a);
            }
        }
        qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY, 1),
                       OK);
    }
    qrender_end(&s);
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
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    frame = qdmashare_buf(s.d, 9, FRAME_BYTES, DMASHARE_DIR_FROM_DEVICE);
    qrender_assert(&s, 0, qrender_context(1), OK);
    desc = qrender_texture(1);
    desc.resource.width = FRAME_WIDTH;
    desc.resource.height = FRAME_HEIGHT;
    qrender_assert(&s, 0, desc, OK);
    qrender_assert(&s, 0, qrender_pair(DMASHARE_OP_RESOURCE_ADD, 1, 1), OK);
    qrender_assert(&s, 1, qrender_canvas(&s, 0, 1, 1), OK);
    for (unsigned i = 0; i < FRAMES; i++) {
        uint32_t pixel = 0xff000000 | i * 0x10203;
        int64_t start, cleared, end;

        desc = qrender_clear(&s, 0, 1, 0, pixel);
        start = g_get_monotonic_time();
        qrender_assert(&s, 1, desc, OK);
        cleared = g_get_monotonic_time();
        desc = qrender_transfer(&s, 0, false, 1);
        desc.job.dst.mapping = frame.id;
        desc.job.length = FRAME_BYTES;
        desc.transfer.stride = FRAME_WIDTH * 4;
        desc.transfer.width = FRAME_WIDTH;
        desc.transfer.height = FRAME_HEIGHT;
        qrender_assert(&s, 1, desc, OK);
        end = g_get_monotonic_time();
        g_test_message("clear %.1f ms, download %.1f ms",
                       (cleared - start) / 1e3, (end - cleared) / 1e3);
        for (unsigned n = 0; n < FRAME_BYTES / 4; n++) {
            want[n] = cpu_to_le32(pixel);
        }
        qdmashare_assert_bytes(s.d, frame.phys, want, FRAME_BYTES);
    }
    qrender_end(&s);
}

/* Without the property there is nothing of it. */
static void test_off(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "");
    struct dmashare_desc desc = qrender_context(1);
    QDmashare *d = m->d;

    g_assert_false(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
                   DMASHARE_FEATURE_RENDER);
    for (unsigned reg = DMASHARE_REG_MAX_CONTEXTS;
         reg <= DMASHARE_REG_RENDER_RINGS; reg += 4) {
        g_assert_cmpuint(qdmashare_readl(d, reg), ==, 0);
    }
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_OPCODE);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_JOB_RENDER,
        .job = { .timeline = 0, .seqno = 1, .length = 4 },
    };
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_BAD_OPCODE);
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
    qtest_add_func("/dmashare/render/refused", test_refused);
    qtest_add_func("/dmashare/render/limits", test_limits);
    qtest_add_func("/dmashare/render/parts", test_parts);
    qtest_add_func("/dmashare/render/formats", test_formats);
    qtest_add_func("/dmashare/render/frame", test_frame);
    return g_test_run();
}
