/*
 * dmashare: the command dmashare, and with it libdmashare, on the device
 *
 * The command is built beside QEMU and not in its build: scripts/qtest says in
 * DMASHARE_COMMAND where it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-client.h"
#include "libqos/dmashare-job.h"

#define SIZE    (64 * KiB)
#define AT      (8 * KiB)
#define BUF     7
#define XR24    0x34325258
#define SECOND  (1000 * 1000 * 1000ULL)
/* What the command may take for a step, not what it takes. */
#define SOON_US (20 * G_TIME_SPAN_SECOND)

/*
 * A command that runs, and what it has printed. The guest's part is done by
 * pump(): it grants each SHARE_ACQUIRE (with @refuse as the errno), and keeps
 * the last SHARE_DONE.
 */
typedef struct World {
    QDmashareSocket *socket;
    QDmashareMachine *m;
    QDmashare *d;
    GPid pid;
    int in, out;
    GString *text;
    uint32_t refuse;
    unsigned n_done;
    struct dmashare_event done;
} World;

static World *world_new(void)
{
    World *w = g_new0(World, 1);
    g_autofree char *properties = NULL;

    w->socket = qdmashare_socket_new();
    properties = g_strdup_printf("id=dev,share=unix:%s,local-size=1M,"
                                 "share-writable=on", w->socket->path);
    w->m = qdmashare_one("-M pc", properties);
    w->d = w->m->d;
    w->text = g_string_new("");
    return w;
}

static void world_free(World *w)
{
    g_assert_cmpint(w->pid, ==, 0);
    if (w->m) {
        qdmashare_machine_free(w->m);
    }
    qdmashare_socket_free(w->socket);
    g_string_free(w->text, true);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

static bool have_command(void)
{
    const char *command = getenv("DMASHARE_COMMAND");

    if (command && !access(command, X_OK)) {
        return true;
    }
    g_test_skip("DMASHARE_COMMAND does not name the command dmashare: "
                "scripts/build library");
    return false;
}

static void start(World *w, const char *words)
{
    g_autofree char *line = g_strdup_printf("%s --socket %s %s",
                                            getenv("DMASHARE_COMMAND"),
                                            w->socket->path, words);
    g_auto(GStrv) args = g_strsplit(line, " ", 0);
    GError *err = NULL;

    g_string_truncate(w->text, 0);
    g_spawn_async_with_pipes(NULL, args, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                             NULL, &w->pid, &w->in, &w->out, NULL, &err);
    g_assert_no_error(err);
    w->n_done = 0;
}

/* The guest answers its events; then what the command has printed is read. */
static bool pump(World *w)
{
    GPollFD p = { .fd = w->out, .events = G_IO_IN };
    struct dmashare_event e;
    char bytes[4096];
    ssize_t n;

    while (w->m && qdmashare_try_event(w->d, &e)) {
        if (e.type == DMASHARE_EVENT_SHARE_ACQUIRE) {
            g_assert_cmpuint(e.buffer, ==, BUF);
            g_assert_cmphex(qdmashare_grant(w->d, e.mapping, w->refuse).status,
                            ==, DMASHARE_STATUS_OK);
        } else {
            g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_SHARE_DONE);
            w->done = e;
            w->n_done++;
        }
    }
    if (g_poll(&p, 1, 1) < 1) {
        return true;
    }
    n = read(w->out, bytes, sizeof(bytes));
    g_assert_cmpint(n, >=, 0);
    g_string_append_len(w->text, bytes, n);
    return n > 0;
}

static void tell(World *w, const char *line)
{
    g_assert_cmpint(write(w->in, line, strlen(line)), ==, strlen(line));
}

static void await(World *w, const char *text)
{
    int64_t end = g_get_monotonic_time() + SOON_US;

    while (!strstr(w->text->str, text)) {
        if (!pump(w) || g_get_monotonic_time() > end) {
            g_error("it does not print \"%s\" but \"%s\"", text, w->text->str);
        }
    }
}

/* Until it ends by itself; its status. */
static int finish(World *w)
{
    int64_t stop = g_get_monotonic_time() + SOON_US;
    int status;

    while (pump(w)) {
        if (g_get_monotonic_time() > stop) {
            g_error("it does not end after \"%s\"", w->text->str);
        }
    }
    close(w->in);
    close(w->out);
    g_assert_cmpint(waitpid(w->pid, &status, 0), ==, w->pid);
    g_assert_true(WIFEXITED(status));
    g_spawn_close_pid(w->pid);
    w->pid = 0;
    return WEXITSTATUS(status);
}

static void run(World *w, int status, const char *words)
{
    start(w, words);
    g_assert_cmpint(finish(w), ==, status);
}

/* What is released shows in an event, which may come after the command. */
static void assert_done(World *w, unsigned status, unsigned error)
{
    if (!w->n_done) {
        w->done = qdmashare_event(w->d);
        w->n_done++;
    }
    g_assert_cmpuint(w->n_done, ==, 1);
    g_assert_cmpuint(w->done.type, ==, DMASHARE_EVENT_SHARE_DONE);
    g_assert_cmphex(w->done.status, ==, status);
    g_assert_cmpuint(w->done.offset, ==, error);
    w->n_done = 0;
}

/* A picture of 128 x 100, with bytes in it; they go to @bytes. */
static void share(World *w, uint8_t *bytes)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_SHARE,
        .share = {
            .buffer = BUF, .mapping = BUF, .flags = DMASHARE_SHARE_WRITE,
            .fourcc = XR24, .width = 128, .height = 100, .stride = 512,
            .name = "picture",
        },
    };

    qdmashare_local_buf(w->d, BUF, AT, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    for (unsigned i = 0; i < SIZE; i++) {
        bytes[i] = i * 11 + (i >> 8) * 3 + 1;
    }
    qtest_memwrite(w->m->qts, w->d->local + AT, bytes, SIZE);
    qdmashare_assert_command(w->d, &desc, DMASHARE_STATUS_OK);
}

static void test_bytes(void)
{
    g_autoptr(World) w = NULL;
    g_autofree uint8_t *bytes = g_malloc(SIZE);
    g_autofree char *crc = NULL;

    if (!have_command()) {
        return;
    }
    w = world_new();
    run(w, 0, "list");
    g_assert_cmpstr(w->text->str, ==, "");
    run(w, 4, "crc picture");

    share(w, bytes);
    run(w, 0, "list");
    g_assert_nonnull(strstr(w->text->str, "  65536  local    rw     1"));
    g_assert_nonnull(strstr(w->text->str, "128x100 XR24/512"));
    g_assert_nonnull(strstr(w->text->str, " picture\n"));

    run(w, 0, "crc picture");
    crc = g_strdup_printf("%08x  65536 bytes, contents 0, picture\n",
                          qdmashare_crc32c(bytes, SIZE));
    g_assert_cmpstr(w->text->str, ==, crc);
    assert_done(w, DMASHARE_STATUS_OK, 0);
    run(w, 0, "dump picture --raw");
    g_assert_cmpmem(w->text->str, w->text->len, bytes, SIZE);
    assert_done(w, DMASHARE_STATUS_OK, 0);
    run(w, 0, "dump picture --png --no-fence");
    g_assert_cmpmem(w->text->str, 8, "\x89PNG\r\n\x1a\n", 8);
}

/* One memory: what either side writes the other has, with no message. */
static void test_map(void)
{
    g_autoptr(World) w = NULL;
    g_autofree uint8_t *bytes = g_malloc(SIZE);

    if (!have_command()) {
        return;
    }
    w = world_new();
    share(w, bytes);
    start(w, "map picture --write");
    await(w, "65536 bytes local rw picture\n");
    qtest_writeq(w->m->qts, w->d->local + AT + 0x100, 0x8877665544332211);
    tell(w, "read 0x100 8\n");
    await(w, "read 1122334455667788\n");
    tell(w, "write 65528 fedcba9876543210\n");
    await(w, "written 8\n");
    g_assert_cmphex(qtest_readq(w->m->qts, w->d->local + AT + SIZE - 8), ==,
                    0x1032547698badcfe);
    g_assert_cmphex(qdmashare_unshare(w->d, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    await(w, "released\n");
    g_assert_cmpint(finish(w), ==, 4);
}

static void test_fences(void)
{
    g_autoptr(World) w = NULL;
    g_autofree uint8_t *bytes = g_malloc(SIZE);

    if (!have_command()) {
        return;
    }
    w = world_new();
    share(w, bytes);
    run(w, 0, "fence wait picture --write");
    g_assert_cmpstr(w->text->str, ==, "granted contents 0\n");
    g_assert_cmpuint(w->n_done, ==, 0);
    w->refuse = EIO;
    run(w, 6, "fence wait picture");
    w->refuse = 0;
    run(w, 0, "fence fail picture EREMOTEIO --write");
    assert_done(w, DMASHARE_STATUS_COMMANDED, EREMOTEIO);

    start(w, "fence signal picture --until-input --deadline 3");
    await(w, "granted");
    g_assert_cmpuint(w->n_done, ==, 0);
    tell(w, "\n");
    g_assert_cmpint(finish(w), ==, 0);
    assert_done(w, DMASHARE_STATUS_OK, 0);

    /* For too long, in the guest's time. */
    start(w, "fence signal picture --until-input --deadline 3");
    await(w, "granted");
    qtest_clock_step(w->m->qts, 3 * SECOND + 1000);
    g_assert_cmpint(finish(w), ==, 6);
    assert_done(w, DMASHARE_STATUS_TIMEOUT, ETIMEDOUT);

    /* Killed while it holds. */
    start(w, "fence signal picture --until-input");
    await(w, "granted");
    kill(w->pid, SIGKILL);
    while (pump(w)) {
        /* until its pipe is closed */
    }
    waitpid(w->pid, NULL, 0);
    close(w->in);
    close(w->out);
    w->pid = 0;
    assert_done(w, DMASHARE_STATUS_COMMANDED, ECONNRESET);
}

static void test_contents(void)
{
    g_autoptr(World) w = NULL;
    g_autofree uint8_t *bytes = g_malloc(SIZE);
    struct dmashare_completion done;
    uint32_t hold = 0;

    if (!have_command()) {
        return;
    }
    w = world_new();
    share(w, bytes);
    start(w, "crc picture --count 3");
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *line = NULL;

        memset(bytes, i + 1, SIZE);
        qtest_memwrite(w->m->qts, w->d->local + AT, bytes, SIZE);
        /* Until it has subscribed. */
        do {
            g_assert_true(pump(w));
            hold++;
            done = qdmashare_publish(w->d, BUF, hold, hold, 100 * SECOND);
            g_assert_cmphex(done.status, ==, DMASHARE_STATUS_OK);
        } while (!done.result);
        g_assert_cmpuint(done.result, ==, 1);
        line = g_strdup_printf("%08x  65536 bytes, contents %u, ",
                               qdmashare_crc32c(bytes, SIZE), hold);
        await(w, line);
        assert_done(w, DMASHARE_STATUS_OK, 0);
        g_assert_cmpuint(w->done.mapping, ==, hold);
    }
    g_assert_cmpint(finish(w), ==, 0);
}

/* The guest goes away in the middle. */
static void test_end(void)
{
    g_autoptr(World) w = NULL;
    g_autofree uint8_t *bytes = g_malloc(SIZE);

    if (!have_command()) {
        return;
    }
    w = world_new();
    share(w, bytes);
    start(w, "watch --plain");
    await(w, "announced 1 ");
    qdmashare_reset(w->d);
    await(w, "reset\n");
    qdmashare_machine_free(w->m);
    w->m = NULL;
    g_assert_cmpint(finish(w), ==, 3);
    run(w, 3, "list");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/host/bytes", test_bytes);
    qtest_add_func("/dmashare/host/map", test_map);
    qtest_add_func("/dmashare/host/fences", test_fences);
    qtest_add_func("/dmashare/host/contents", test_contents);
    qtest_add_func("/dmashare/host/end", test_end);
    return g_test_run();
}
