/*
 * dmashare: the render engine when something of it is lost
 *
 * Contexts fail, mappings end, the device is reset or taken away, the renderer
 * dies, hangs, lies: what that concerns fails with the status that says so, and
 * nothing else does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqtest.h"
#include "libqos/dmashare-fault.h"
#include "libqos/dmashare-render.h"
#include "dmashare/render.h"

/* A context error is that of one job; the context is lost, and no other. */
static void test_context_error(void)
{
    struct dmashare_event e;
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    qrender_stage(&s, 1);
    qrender_stage(&s, 2);
    qrender_works(&s, 1, 0xff0000ff);
    qrender_assert(&s, 1, qrender_wrong(&s, 0, 1, 0), RENDER_COMMANDS);
    e = qrender_event(&s);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_RENDER_LOST);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_RENDER_COMMANDS);
    g_assert_cmphex(e.flags, ==, 0);
    g_assert_cmpuint(e.mapping, ==, 1);
    qrender_assert(&s, 1, qrender_clear(&s, 0, 1, 0, 0), RENDER_LOST);
    qrender_works(&s, 2, 0xff00ff00);
    qrender_shows(&s, 1, 0xff0000ff);
    qrender_assert(&s, 1, qrender_clear(&s, 0, 3, 0, 0), RENDER_LOST);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY, 1), OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY, 1),
                   BAD_ID);
    qrender_end(&s);
}

/* The mapping ends while the renderer works: what it drew goes nowhere. */
static void test_unmapped(void)
{
    g_autofree uint8_t *before = g_malloc(QRENDER_BYTES);
    QDmashareFault want = {
        .status = DMASHARE_STATUS_FAULT_DEAD_MAPPING,
        .mapping = QRENDER_DST,
        .addr = ~0ULL,
        .write = true,
    };
    struct dmashare_completion c;
    struct dmashare_desc desc;
    uint64_t since;
    pid_t pid;
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    qrender_stage(&s, 1);
    qrender_works(&s, 1, 0xff0000ff);
    qdmashare_noise(before, QRENDER_BYTES, 1);
    qtest_bufwrite(s.d->qts, s.dst.phys, before, QRENDER_BYTES);
    pid = qrender_pid(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    desc = qrender_transfer(&s, 0, false, 1);
    qrender_submit(&s, 1, desc);
    qdmashare_settle(s.d);
    qdmashare_unmap(s.d, QRENDER_DST);
    since = qdmashare_readq(s.d, DMASHARE_REG_TIME_LO);
    g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
    /* Time goes on while the renderer, which has another, is waited for. */
    c = qrender_await(&s, 1);
    g_assert_cmphex(c.status, ==, want.status);
    qdmashare_fault_told(s.d, &c, &want, since);
    qdmashare_assert_bytes(s.d, s.dst.phys, before, QRENDER_BYTES);
    qrender_end(&s);
}

/* The device is unplugged while the renderer has its jobs, and ends with it. */
static void test_unplugged(void)
{
    int64_t end = g_get_monotonic_time() + QRENDER_SOON_US;
    struct dmashare_desc desc;
    pid_t pid;
    QRender s;

    if (!qrender_begin(&s, "render=on,id=" QDMASHARE_ID)) {
        return;
    }
    qrender_stage(&s, 1);
    pid = qrender_pid(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        desc = qrender_clear(&s, q, 1, 1024 * q, 0);
        qrender_submit(&s, q, desc);
    }
    qdmashare_settle(s.d);
    qpci_unplug_acpi_device_test(s.d->qts, QDMASHARE_ID, QDMASHARE_SLOT);
    while (!kill(pid, 0)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(QDMASHARE_PAUSE_US);
        /* Events of the main loop, of which the child's end is one. */
        qtest_clock_step(s.d->qts, 1);
    }
    qrender_end(&s);
}

/* Reset with a job in the renderer: its slot is used again after its answer. */
static void test_reset(void)
{
    struct dmashare_desc desc;
    pid_t pid;
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    qrender_stage(&s, 1);
    qrender_works(&s, 1, 0xff0000ff);
    pid = qrender_pid(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    desc = qrender_clear(&s, 0, 1, 0, 0xff00ff00);
    qrender_submit(&s, 1, desc);
    qdmashare_settle(s.d);
    qdmashare_reset(s.d);
    qdmashare_start(s.d);
    qrender_memory(&s);
    g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
    qrender_assert(&s, 1, qrender_clear(&s, 0, 1, 0, 0), RENDER_LOST);
    qrender_stage(&s, 1);
    qrender_works(&s, 1, 0xff445566);
    qrender_end(&s);
}

/* The renderer dies in the middle: its jobs fail, all else goes on. */
static void test_killed(void)
{
    struct dmashare_event e;
    unsigned status;
    pid_t pid;
    QRender s;

    if (!qrender_begin(&s, "render=on")) {
        return;
    }
    qrender_stage(&s, 1);
    pid = qrender_pid(&s);
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        struct dmashare_desc desc = qrender_clear(&s, q, 1, 1024 * q, 0);

        qrender_submit(&s, q, desc);
    }
    qdmashare_settle(s.d);
    qdmashare_assert_idle(s.d, 1);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        struct dmashare_completion c = qrender_await(&s, q);

        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_RENDER_GONE);
        g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    }
    e = qrender_event(&s);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_RENDER_LOST);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_RENDER_GONE);
    g_assert_cmpuint(e.mapping, ==, 0);

    qrender_assert(&s, 1, qdmashare_noop(s.d, 0, 0), OK);
    qrender_assert(&s, 1, qrender_clear(&s, 0, 1, 0, 0), RENDER_LOST);
    qrender_assert(&s, 1, qrender_transfer(&s, 0, false, 1), RENDER_LOST);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY, 1), OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY, 1), OK);
    /* Another one, not earlier than a second after the first. */
    while ((status = qrender_run(&s, 0, qrender_context(7))) ==
           DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    qrender_stage(&s, 1);
    qrender_works(&s, 1, 0xff123456);
    qrender_end(&s);
}

/* It hangs: one job is to blame, the others were with it. */
static void test_hung(void)
{
    QDict *event;
    QRender s;

    if (!qrender_begin(&s, "render=on,render-timeout-ms=5000")) {
        return;
    }
    qrender_stage(&s, 1);
    g_assert_cmpint(kill(qrender_pid(&s), SIGSTOP), ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        struct dmashare_desc desc = qrender_clear(&s, q, 1, 1024 * q, 0);

        qrender_submit(&s, q, desc);
        qdmashare_settle(s.d);
    }
    g_assert_cmphex(qrender_await(&s, 1).status, ==,
                    DMASHARE_STATUS_RENDER_TIMEOUT);
    g_assert_cmphex(qrender_await(&s, 2).status, ==,
                    DMASHARE_STATUS_RENDER_GONE);
    g_assert_cmphex(qrender_event(&s).status, ==,
                    DMASHARE_STATUS_RENDER_TIMEOUT);
    event = qtest_qmp_eventwait_ref(s.d->qts, "DMASHARE_RENDERER");
    qdmashare_assert_num(event, "data.running", 1);
    qobject_unref(event);
    event = qtest_qmp_eventwait_ref(s.d->qts, "DMASHARE_RENDERER");
    qdmashare_assert_num(event, "data.running", 0);
    g_assert_true(g_pattern_match_simple(
        "it does not answer; of its threads 0 run, 0 sleep, 0 wait for the "
        "kernel, * are stopped, 0 do something else; they have had * s of "
        "processor time",
        qdmashare_str(QOBJECT(event), "data.why")));
    qobject_unref(event);
    qrender_end(&s);
}

/*
 * Fault rules name render jobs, and meet them before the renderer does: the
 * context is as it was.
 */
static void test_rules(void)
{
    QTestState *qts;
    uint32_t id;
    QRender s;

    if (!qrender_begin(&s, "render=on,id=" QDMASHARE_ID)) {
        return;
    }
    qts = s.d->qts;
    qrender_stage(&s, 1);
    qrender_works(&s, 1, 0xff0000ff);

    qdmashare_fault_add(qts, "'where': 'job', 'action': 'fail',"
                             "'match': { 'opcode': 'render' },"
                             "'error': 'enotrecoverable'");
    qrender_submit(&s, 1, qrender_clear(&s, 0, 1, 0, 0xffffffff));
    qdmashare_assert_commanded(qrender_await(&s, 1), 131);
    qrender_shows(&s, 1, 0xff0000ff);
    qrender_works(&s, 1, 0xff00ff00);

    qdmashare_fault_add(qts, "'where': 'job', 'action': 'fail',"
                             "'match': { 'opcode': 'download' }");
    qrender_submit(&s, 1, qrender_transfer(&s, 0, false, 1));
    qdmashare_assert_commanded(qrender_await(&s, 1), QDMASHARE_EIO);

    qdmashare_fault_add(qts, "'where': 'command', 'action': 'fail',"
                             "'match': { 'opcode': 'context-create' },"
                             "'error': 'enomem'");
    qrender_submit(&s, 0, qrender_context(2));
    qdmashare_assert_commanded(qrender_await(&s, 0), QDMASHARE_ENOMEM);
    qrender_assert(&s, 0, qrender_context(2), OK);

    /* A microsecond later, in device time. */
    qdmashare_fault_add(qts, "'where': 'job', 'action': 'delay',"
                             "'match': { 'opcode': 'render' },"
                             "'delay': 1000");
    qrender_submit(&s, 1, qrender_clear(&s, 0, 1, 0, 0xff112233));
    qdmashare_assert_idle(s.d, 1);
    qtest_clock_step(qts, 1000);
    g_assert_cmphex(qrender_await(&s, 1).status, ==, DMASHARE_STATUS_OK);
    qrender_shows(&s, 1, 0xff112233);

    /* Its queue hangs, and not the renderer. */
    id = qdmashare_fault_add(qts, "'where': 'job', 'action': 'hang',"
                                  "'match': { 'opcode': 'render',"
                                  "           'queue': 2 }");
    qrender_submit(&s, 2, qrender_clear(&s, 1, 1, 1024, 0xff445566));
    qdmashare_assert_idle(s.d, 2);
    qrender_works(&s, 1, 0xff778899);
    qdmashare_assert_idle(s.d, 2);
    qdmashare_fault_remove(qts, id);
    g_assert_cmphex(qrender_await(&s, 2).status, ==, DMASHARE_STATUS_OK);
    qrender_shows(&s, 1, 0xff445566);

    qdmashare_assert_no_event(s.d);
    qrender_end(&s);
}

/* What QMP says of it, and of its end on command. */
static void test_commanded(void)
{
    g_autofree char *text = NULL;
    QTestState *qts;
    unsigned status;
    QObject *r;
    QDict *event;
    QRender s;

    if (!qrender_begin(&s, "render=on,render-bytes=1M,id=" QDMASHARE_ID)) {
        return;
    }
    qts = s.d->qts;
    qrender_stage(&s, 3);
    qrender_assert(&s, 0, qrender_context(5), OK);
    r = qdmashare_qmp(qts, "query-dmashare", "{ 'path': 'dev' }");
    qdmashare_assert_str(r, "0.renderer.state", "running");
    qdmashare_assert_num(r, "0.renderer.pid", qrender_pid(&s));
    qdmashare_assert_num(r, "0.renderer.starts", 1);
    qdmashare_assert_num(r, "0.renderer.contexts", 2);
    qdmashare_assert_num(r, "0.renderer.contexts-lost", 0);
    qdmashare_assert_num(r, "0.renderer.resources", 1);
    qdmashare_assert_num(r, "0.renderer.resources-lost", 0);
    qdmashare_assert_num(r, "0.renderer.bytes", QRENDER_BYTES);
    qdmashare_assert_num(r, "0.renderer.max-bytes", 1 << 20);
    qobject_unref(r);
    text = qtest_hmp(qts, "info dmashare dev");
    g_assert_nonnull(strstr(text, " contexts 2 lost 0 resources 1 lost 0 bytes "
                            "16384 of 1048576"));

    qrender_assert(&s, 1, qrender_wrong(&s, 0, 5, 0), RENDER_COMMANDS);
    g_assert_cmpuint(qrender_event(&s).mapping, ==, 5);
    r = qdmashare_qmp(qts, "query-dmashare-contexts", "{ 'path': 'dev' }");
    g_assert_cmpuint(qdmashare_len(r, ""), ==, 2);
    qdmashare_assert_num(r, "0.id", 3);
    qdmashare_assert_num(r, "0.lost", 0);
    qdmashare_assert_str(r, "0.name", "qtest");
    qdmashare_assert_num(r, "1.id", 5);
    qdmashare_assert_num(r, "1.lost", 1);
    qobject_unref(r);
    r = qdmashare_qmp(qts, "query-dmashare-resources",
                      "{ 'path': 'dev', 'after': 2, 'limit': 1 }");
    g_assert_cmpuint(qdmashare_len(r, ""), ==, 1);
    qdmashare_assert_num(r, "0.id", 3);
    qdmashare_assert_num(r, "0.lost", 0);
    qdmashare_assert_num(r, "0.target", DMASHARE_TARGET_2D);
    qdmashare_assert_num(r, "0.format", QRENDER_FORMAT);
    qdmashare_assert_num(r, "0.width", QRENDER_SIDE);
    qdmashare_assert_num(r, "0.height", QRENDER_SIDE);
    qdmashare_assert_num(r, "0.bytes", QRENDER_BYTES);
    qobject_unref(r);
    r = qdmashare_qmp(qts, "query-dmashare-resources",
                      "{ 'path': 'dev', 'after': 3 }");
    g_assert_cmpuint(qdmashare_len(r, ""), ==, 0);
    qobject_unref(r);

    event = qtest_qmp_eventwait_ref(qts, "DMASHARE_RENDERER");
    qdmashare_assert_num(event, "data.running", 1);
    qobject_unref(event);
    qdmashare_qmp_do(qts, "dmashare-render-fault",
                     "{ 'path': 'dev', 'fault': 'end' }");
    event = qtest_qmp_eventwait_ref(qts, "DMASHARE_RENDERER");
    qdmashare_assert_num(event, "data.running", 0);
    qdmashare_assert_str(event, "data.why", "the harness ended it");
    qobject_unref(event);
    g_assert_cmpuint(qrender_event(&s).mapping, ==, 0);
    r = qdmashare_qmp(qts, "query-dmashare", "{ 'path': 'dev' }");
    qdmashare_assert_str(r, "0.renderer.state", "ended");
    qdmashare_assert_num(r, "0.renderer.contexts", 2);
    qdmashare_assert_num(r, "0.renderer.contexts-lost", 2);
    qdmashare_assert_num(r, "0.renderer.resources-lost", 1);
    qdmashare_assert_num(r, "0.renderer.unanswered", 0);
    qobject_unref(r);
    qdmashare_qmp_refused(qts, "has ended", "dmashare-render-fault",
                          "{ 'path': 'dev', 'fault': 'hang' }");
    g_assert_cmpuint(qdmashare_journal_count(qts, "render-fault", 0), ==, 1);
    g_assert_cmpuint(qdmashare_journal_count(qts, "render-lost", 0), ==, 1);
    g_assert_cmpuint(qdmashare_journal_count(qts, "renderer", 1), ==, 2);

    while ((status = qrender_run(&s, 0, qrender_context(7))) ==
           DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY, 3), OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY, 3), OK);
    qrender_stage(&s, 3);
    qrender_works(&s, 3, 0xff123456);
    qrender_end(&s);
}

/* A device that does not render has nothing to say of it. */
static void test_without(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=" QDMASHARE_ID);
    static const char *const commands[] = {
        "query-dmashare-contexts", "query-dmashare-resources",
    };
    QObject *r = qdmashare_qmp(m->qts, "query-dmashare", "{}");

    qdmashare_assert_absent(r, "0.renderer");
    qobject_unref(r);
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        qdmashare_qmp_refused(m->qts, "a device with the property 'render'",
                              commands[i], "{ 'path': 'dev' }");
    }
    qdmashare_qmp_refused(m->qts, "a device with the property 'render'",
                          "dmashare-render-fault",
                          "{ 'path': 'dev', 'fault': 'end' }");
}

/*
 * A renderer that somebody else is in charge of. %s is what it does with a
 * request r, of serial n, once it has answered START as it should; a(serial,
 * status, result, text) answers.
 */
static const char liar[] =
    "#!/usr/bin/python3\n"
    "parts = 0\n"
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
    "    parts += r[4] == %u\n"
    "    %s\n";

typedef struct Lie {
    const char *start;
    const char *other;
} Lie;

/* Returns a path that is to be freed. */
static char *liar_start(QRender *s, const Lie *lie, unsigned timeout_ms)
{
    g_autofree char *text = g_strdup_printf(liar, DMASHARE_RENDER_MAGIC,
                                            lie->start,
                                            DMASHARE_RENDER_DOWNLOAD,
                                            lie->other);
    g_autofree char *properties = NULL;
    char *path;
    int fd = g_file_open_tmp("dmashare-liar-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    g_assert_cmpint(fchmod(fd, 0700), ==, 0);
    close(fd);
    properties = g_strdup_printf("render=on,render-timeout-ms=%u,"
                                 "render-program=%s", timeout_ms, path);
    s->m = qdmashare_one("-M pc", properties);
    s->d = s->m->d;
    qrender_memory(s);
    return path;
}

static void test_liar(const void *opaque)
{
    const uint32_t nothing = 0;
    QRender s;
    g_autofree char *path = liar_start(&s, opaque, 2000);

    /* The first may be gone before anybody can be told of it. */
    while (qrender_run(&s, 0, qrender_context(1)) ==
           DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    g_assert_cmphex(qrender_run(&s, 1, qrender_commands(&s, 0, 1, 0, &nothing,
                                                        1)),
                    !=, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qrender_event(&s).type, ==, DMASHARE_EVENT_RENDER_LOST);
    qrender_assert(&s, 1, qdmashare_noop(s.d, 0, 0), OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY, 1), OK);
    unlink(path);
    qrender_end(&s);
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

/*
 * Parts of a download are answered while the device waits awake for them, or
 * when it has gone to sleep. What it says of the first ones is true.
 */
#define PARTS_WIDTH     1024
#define PARTS_HEIGHT    1024
#define PARTS_BYTES     (PARTS_WIDTH * PARTS_HEIGHT * 4)

static void test_liar_of_parts(const void *opaque)
{
    struct dmashare_desc desc = qrender_texture(1);
    QDmashareBuf out;
    QRender s;
    g_autofree char *path = liar_start(&s, opaque, 2000);

    out = qdmashare_buf(s.d, 21, PARTS_BYTES, DMASHARE_DIR_FROM_DEVICE);
    desc.resource.width = PARTS_WIDTH;
    desc.resource.height = PARTS_HEIGHT;
    qrender_assert(&s, 0, desc, OK);
    desc = qrender_transfer(&s, 0, false, 1);
    desc.job.dst.mapping = out.id;
    desc.job.length = PARTS_BYTES;
    desc.transfer.width = PARTS_WIDTH;
    desc.transfer.height = PARTS_HEIGHT;
    desc.transfer.stride = PARTS_WIDTH * 4;
    qrender_assert(&s, 1, desc, RENDER_GONE);
    g_assert_cmpuint(qrender_event(&s).type, ==, DMASHARE_EVENT_RENDER_LOST);
    qrender_assert(&s, 1, qdmashare_noop(s.d, 0, 0), OK);
    qrender_assert(&s, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY, 1), OK);
    unlink(path);
    qrender_end(&s);
}

static const Lie lies_of_parts[] = {
    { "a(n)", "a(n ^ (parts == 3))" },
    { "a(n)", "a(n, 0, 2 * (parts == 3))" },
    { "a(n)", "a(n); parts == 3 and a(n)" },
    { "a(n)", "s.send(b'abc') if parts == 3 else a(n)" },
    { "a(n)", "parts == 3 and s.close(); a(n)" },
};

/*
 * It gets no processor. What can be had of that on any host is a parent that
 * the kernel has wait for its child of vfork(): it neither works, nor sleeps so
 * that somebody could wake it. The child has memory of its own, and ends.
 */
#define STARVED_START                                                       \
    "import ctypes, time\n"                                                 \
    "def starve(seconds):\n"                                                \
    "    clone, vfork, sigchld = 56, 0x4000, 17\n"                          \
    "    call = ctypes.PyDLL(None).syscall\n"                               \
    "    if not call(clone, vfork | sigchld, 0, 0, 0, 0):\n"                \
    "        time.sleep(seconds)\n"                                         \
    "        os._exit(0)\n"                                                 \
    "a(n)"

/* More than a program that starts needs, of which an eighth excuses it. */
#define STARVED_MS      1500

/* @seconds is how long, when it is given commands. */
static uint16_t starved(const char *seconds, char **why)
{
    g_autofree char *other = g_strdup_printf("r[4] == %u and starve(%s); a(n)",
                                             DMASHARE_RENDER_COMMANDS, seconds);
    const Lie lie = { STARVED_START, other };
    const uint32_t nothing = 0;
    g_autofree char *path = NULL;
    uint16_t status;
    QDict *event;
    QRender s;

    path = liar_start(&s, &lie, STARVED_MS);
    qrender_assert(&s, 0, qrender_context(1), OK);
    status = qrender_run(&s, 1, qrender_commands(&s, 0, 1, 0, &nothing, 1));
    event = qtest_qmp_eventwait_ref(s.d->qts, "DMASHARE_RENDERER");
    qdmashare_assert_num(event, "data.running", 1);
    qobject_unref(event);
    if (status) {
        event = qtest_qmp_eventwait_ref(s.d->qts, "DMASHARE_RENDERER");
        *why = g_strdup(qdmashare_str(QOBJECT(event), "data.why"));
        qobject_unref(event);
    }
    unlink(path);
    qrender_end(&s);
    return status;
}

/* The host is to blame: it has longer. */
static void test_starved(void)
{
    g_autofree char *why = NULL;

    g_assert_cmphex(starved("4", &why), ==, DMASHARE_STATUS_OK);
}

/* But not for ever. */
static void test_starved_too_long(void)
{
    int64_t start = g_get_monotonic_time();
    g_autofree char *why = NULL;

    g_assert_cmphex(starved("30", &why), ==,
                    DMASHARE_STATUS_RENDER_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - start, >=,
                    10 * STARVED_MS * 1000);
    g_assert_true(g_pattern_match_simple("it does not answer; *, 1 wait for "
                                         "the kernel, *", why));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/render-lost/without", test_without);
    qtest_add_func("/dmashare/render-lost/context-error", test_context_error);
    qtest_add_func("/dmashare/render-lost/unmapped", test_unmapped);
    qtest_add_func("/dmashare/render-lost/unplugged", test_unplugged);
    qtest_add_func("/dmashare/render-lost/reset", test_reset);
    qtest_add_func("/dmashare/render-lost/rules", test_rules);
    qtest_add_func("/dmashare/render-lost/commanded", test_commanded);
    qtest_add_func("/dmashare/render-lost/killed", test_killed);
    qtest_add_func("/dmashare/render-lost/hung", test_hung);
    qtest_add_func("/dmashare/render-lost/starved", test_starved);
    qtest_add_func("/dmashare/render-lost/starved-too-long",
                   test_starved_too_long);
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        g_autofree char *path = g_strdup_printf(
            "/dmashare/render-lost/liar/%u", i);

        qtest_add_data_func(path, &lies[i], test_liar);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(lies_of_parts); i++) {
        g_autofree char *path = g_strdup_printf(
            "/dmashare/render-lost/liar-of-parts/%u", i);

        qtest_add_data_func(path, &lies_of_parts[i], test_liar_of_parts);
    }
    return g_test_run();
}
