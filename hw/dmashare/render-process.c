// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the process that renders
 *
 * All of it happens in the main loop, and nothing here waits for the process:
 * its socket does not block, it is killed and not asked to end, and whoever is
 * told of its end is GLib.
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/memfd.h"
#include "qemu/processor.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "system/cpu-timers.h"
#include "system/runstate.h"
#include "hw/dmashare/child.h"
#include "hw/dmashare/render-process.h"
#include "trace.h"

#define PROGRAM         "dmashare-render"

/* Where the build has it, seen from the emulator. */
#define PROGRAM_BUILT   "../render/" PROGRAM

/* Of address space: what llvmpipe has, and what shaders and textures need. */
#define PROCESS_MEMORY  (8 * GiB)

/* One that ends at once is not started all the time. */
#define AGAIN_MS        1000

/*
 * What a part of a download takes to read is of this order. To go to sleep for
 * it costs more than it, twice: whoever answers has to wake a processor. To
 * look all the time would slow a renderer down that has the same core.
 */
#define LINGER_US       100
#define LINGER_PAUSES   50

/*
 * One that has had less than such a part of the time that it may take, as
 * processor time, and that would go on if it could, gets the same again; so
 * often at most.
 */
#define STARVED_PART    8
#define EXCUSED_MOST    9

#define NONSENSE        "it answered what was not asked"

/* Answers that are taken before others of the main loop have their turn. */
#define ANSWER_BATCH    64

/**
 * RenderChild: what there is of a process until it was waited for
 * @pid: its id, which is nobody else's until then
 * @process: whose it is, NULL if nobody's any more
 */
typedef struct RenderChild {
    GPid pid;
    DmashareRenderProcess *process;
} RenderChild;

/**
 * DmashareRenderProcess: of one device
 * @core: whose
 * @program: path
 * @timeout_ms: real time
 * @memory: file of the staging memory
 * @staging: that
 * @size: of it
 * @socket: to the process, -1 if there is none
 * @child: the process, NULL if it has ended
 * @starting: START was not answered
 * @nonsense: it answered what was not asked, and will be ended for it
 * @watchdog: it has not answered for too long
 * @used: processor time it had had when that was set, in ns
 * @excused: how often it was given more time since its last answer
 * @last: when it was started last, in ms of real time
 * @prompt: what an answer sets off need not wait for a timer; constant
 */
struct DmashareRenderProcess {
    DmashareCore *core;
    char *program;
    uint32_t timeout_ms;
    int memory;
    uint8_t *staging;
    size_t size;
    int socket;
    RenderChild *child;
    bool starting;
    bool nonsense;
    QEMUTimer *watchdog;
    int64_t used;
    unsigned excused;
    int64_t last;
    bool prompt;
};

static void process_end(DmashareRenderProcess *p, bool hung, const char *why);
static void process_writable(void *opaque);

static void child_ended(GPid pid, gint status, gpointer opaque)
{
    RenderChild *child = opaque;

    trace_dmashare_render_child(pid, status);
    if (child->process) {
        child->process->child = NULL;
    }
    g_spawn_close_pid(pid);
    g_free(child);
}

static void child_drop(DmashareRenderProcess *p)
{
    if (p->child) {
        kill(p->child->pid, SIGKILL);
        p->child->process = NULL;
        p->child = NULL;
    }
}

static int64_t process_used(const DmashareRenderProcess *p)
{
    return p->child ? dmashare_child_used(p->child->pid) : 0;
}

static void watchdog_start(DmashareRenderProcess *p)
{
    p->used = process_used(p);
    timer_mod(p->watchdog, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                           p->timeout_ms);
}

static void watchdog_arm(DmashareRenderProcess *p)
{
    p->excused = 0;
    if (p->nonsense) {
        timer_mod(p->watchdog, qemu_clock_get_ms(QEMU_CLOCK_REALTIME));
    } else if (p->starting || p->core->render.unanswered) {
        watchdog_start(p);
    } else {
        timer_del(p->watchdog);
    }
}

/*
 * Answers
 */

/* It is for people, who may have it on a terminal. */
static void process_refused(DmashareRenderProcess *p,
                            const struct dmashare_render_answer *answer)
{
    g_autofree char *why = g_strndup(answer->text, sizeof(answer->text));

    for (char *c = why; *c; c++) {
        if (!g_ascii_isprint(*c)) {
            *c = '?';
        }
    }
    process_end(p, false, *why ? why : "it does not say why");
}

static bool process_answer(DmashareRenderProcess *p,
                           const struct dmashare_render_answer *answer)
{
    bool sense = true;

    if (!p->starting) {
        dmashare_core_enter(p->core);
        sense = dmashare_render_answer(&p->core->render, answer);
        dmashare_core_leave(p->core, true);
    } else if (answer->status) {
        process_refused(p, answer);
        return false;
    } else {
        p->starting = false;
        trace_dmashare_render_works(p->child ? p->child->pid : 0);
        dmashare_notify_renderer(&p->core->notify, true, NULL);
    }
    if (!sense) {
        process_end(p, false, NONSENSE);
        return false;
    }
    if (p->socket >= 0) {
        watchdog_arm(p);
    }
    return p->socket >= 0;
}

static void process_take(DmashareRenderProcess *p)
{
    for (unsigned i = 0; i < ANSWER_BATCH; i++) {
        struct dmashare_render_answer answer;
        ssize_t n = recv(p->socket, &answer, sizeof(answer), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n != sizeof(answer)) {
            process_end(p, false, "it ended");
            return;
        }
        if (!process_answer(p, &answer)) {
            return;
        }
    }
}

/*
 * What an answer sets off is done at once, as what a doorbell asks for is: the
 * main loop, which this is, need not be woken for it.
 */
static void process_readable(void *opaque)
{
    DmashareRenderProcess *p = opaque;
    DmashareCore *core = p->core;
    bool prompt = p->prompt && runstate_is_running();

    core->bus.ops->enter(core->bus.opaque);
    if (prompt) {
        dmashare_clock_defer(&core->clock);
    }
    process_take(p);
    if (prompt) {
        dmashare_clock_catch_up(&core->clock);
    }
    core->bus.ops->leave(core->bus.opaque);
}

static void process_watch(DmashareRenderProcess *p, bool room)
{
    qemu_set_fd_handler(p->socket, process_readable,
                        room ? process_writable : NULL, p);
}

static void process_writable(void *opaque)
{
    DmashareRenderProcess *p = opaque;

    process_watch(p, false);
    dmashare_core_enter(p->core);
    dmashare_render_room(&p->core->render);
    dmashare_core_leave(p->core, true);
}

/*
 * Real time goes on where there are more programs than processors, or a slow
 * disk: who had none of either has not hung.
 */
static bool process_starved(DmashareRenderProcess *p, const DmashareThreads *n)
{
    int64_t used = process_used(p) - p->used;

    if ((!n->run && !n->blocked) || p->excused >= EXCUSED_MOST ||
        used >= p->timeout_ms * (int64_t)SCALE_MS / STARVED_PART) {
        return false;
    }
    p->excused++;
    trace_dmashare_render_starved(used, p->excused);
    return true;
}

/* It may have come after the main loop looked, and before it got here. */
static bool process_has_answer(const DmashareRenderProcess *p)
{
    char c;

    return recv(p->socket, &c, sizeof(c), MSG_DONTWAIT | MSG_PEEK) > 0;
}

/*
 * Whoever wonders why it does not answer has nothing else to go by than what it
 * does: it works on something long, waits for what does not come, was stopped,
 * or has had no processor.
 */
static void process_overdue(void *opaque)
{
    DmashareRenderProcess *p = opaque;
    g_autofree char *why = NULL;
    DmashareThreads n = { 0 };

    if (p->nonsense) {
        process_end(p, false, NONSENSE);
        return;
    }
    if (p->child) {
        n = dmashare_child_threads(p->child->pid);
    }
    if (process_has_answer(p) || process_starved(p, &n)) {
        watchdog_start(p);
        return;
    }
    why = g_strdup_printf("it does not answer; of its threads %u run, %u "
                          "sleep, %u wait for the kernel, %u are stopped, %u "
                          "do something else; they have had %.2f s of "
                          "processor time", n.run, n.sleep, n.blocked,
                          n.stopped, n.other, process_used(p) / 1e9);
    process_end(p, true, why);
}

static void process_close(DmashareRenderProcess *p)
{
    timer_del(p->watchdog);
    qemu_set_fd_handler(p->socket, NULL, NULL, NULL);
    close(p->socket);
    p->socket = -1;
    p->starting = false;
    p->nonsense = false;
    child_drop(p);
}

static void process_end(DmashareRenderProcess *p, bool hung, const char *why)
{
    trace_dmashare_render_end(hung, why);
    warn_report("dmashare: the renderer is gone: %s", why);
    process_close(p);
    dmashare_core_enter(p->core);
    dmashare_render_gone(&p->core->render, hung);
    dmashare_notify_renderer(&p->core->notify, false, why);
    dmashare_core_leave(p->core, true);
}

/*
 * Requests
 */

/* Returns an errno. */
static int send_request(DmashareRenderProcess *p,
                        const struct dmashare_render_request *request, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { (void *)request, sizeof(*request) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    do {
        n = sendmsg(p->socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

/* DmashareRenderOps */
static bool process_send(void *opaque,
                         const struct dmashare_render_request *request)
{
    DmashareRenderProcess *p = opaque;

    switch (send_request(p, request, -1)) {
    case EAGAIN:
    case ENOBUFS:
        process_watch(p, true);
        return false;
    default:
        /* Its end, if that is why it cannot be sent, will be seen soon. */
        if (!timer_pending(p->watchdog)) {
            watchdog_start(p);
        }
        return true;
    }
}

/*
 * DmashareRenderOps
 *
 * Here a job is at work: a renderer that ended, or that answers nonsense, is
 * left to the main loop. Who else wants the processor gets it, and where there
 * is one alone the renderer is who wants it.
 */
static bool process_linger(void *opaque)
{
    DmashareRenderProcess *p = opaque;
    int64_t end = g_get_monotonic_time() + LINGER_US;
    struct dmashare_render_answer answer;
    ssize_t n;

    if (p->starting || p->nonsense) {
        return false;
    }
    do {
        n = recv(p->socket, &answer, sizeof(answer), MSG_DONTWAIT);
        if (n >= 0) {
            break;
        }
        for (unsigned i = 0; i < LINGER_PAUSES; i++) {
            cpu_relax();
        }
        sched_yield();
    } while (g_get_monotonic_time() < end);
    if (n <= 0) {
        /* An end is seen again. */
        return false;
    }
    p->nonsense = n != sizeof(answer) ||
                  !dmashare_render_answer(&p->core->render, &answer);
    watchdog_arm(p);
    return !p->nonsense;
}

static bool process_spawn(DmashareRenderProcess *p, Error **errp)
{
    struct dmashare_render_request start = {
        .magic = DMASHARE_RENDER_MAGIC,
        .type = DMASHARE_RENDER_START,
        .version = DMASHARE_RENDER_VERSION,
        .start = {
            .n_slots = p->core->cfg.job_queues + 1,
            .slot_size = p->core->cfg.render_max_bytes,
            .memory = PROCESS_MEMORY + p->size,
        },
    };
    char *argv[] = { p->program, NULL };
    GError *gerr = NULL;
    int fd[2], error;
    GPid pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd)) {
        error_setg_errno(errp, errno, "dmashare: no socket for the renderer");
        return false;
    }
    if (!g_spawn_async_with_fds(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD |
                                G_SPAWN_STDOUT_TO_DEV_NULL |
                                G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &pid,
                                fd[1], -1, -1, &gerr)) {
        error_setg(errp, "dmashare: the renderer cannot be started: %s",
                   gerr->message);
        g_error_free(gerr);
        close(fd[0]);
        close(fd[1]);
        return false;
    }
    close(fd[1]);
    p->child = g_new(RenderChild, 1);
    p->child->pid = pid;
    p->child->process = p;
    g_child_watch_add(pid, child_ended, p->child);
    trace_dmashare_render_start(pid);
    p->socket = fd[0];
    p->starting = true;
    error = send_request(p, &start, p->memory);
    if (error) {
        error_setg_errno(errp, error, "dmashare: the renderer hears nothing");
        process_close(p);
        return false;
    }
    process_watch(p, false);
    watchdog_arm(p);
    return true;
}

/* DmashareRenderOps */
static bool process_start(void *opaque)
{
    DmashareRenderProcess *p = opaque;
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    Error *err = NULL;

    if (now - p->last < AGAIN_MS) {
        return false;
    }
    p->last = now;
    if (!process_spawn(p, &err)) {
        warn_report_err(err);
        return false;
    }
    dmashare_render_started(&p->core->render);
    return true;
}

static const DmashareRenderOps process_ops = {
    .start = process_start,
    .send = process_send,
    .linger = process_linger,
};

/*
 * Life
 */

static char *program_find(const char *program)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = g_path_get_dirname(self ? self : "");
    g_autofree char *beside = g_build_filename(dir, PROGRAM, NULL);
    g_autofree char *built = g_build_filename(dir, PROGRAM_BUILT, NULL);

    if (program) {
        return g_file_test(program, G_FILE_TEST_IS_EXECUTABLE) ?
               g_strdup(program) : NULL;
    }
    if (g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE)) {
        return g_steal_pointer(&beside);
    }
    if (g_file_test(built, G_FILE_TEST_IS_EXECUTABLE)) {
        return g_steal_pointer(&built);
    }
    return g_find_program_in_path(PROGRAM);
}

DmashareRenderProcess *dmashare_render_process_new(DmashareCore *core,
                                                   const char *program,
                                                   uint32_t timeout_ms,
                                                   Error **errp)
{
    g_autofree char *path = program_find(program);
    DmashareRenderProcess *p;
    Error *err = NULL;

    if (!path) {
        error_setg(errp, "dmashare: property 'render': there is no program %s; "
                   "it is built where libvirglrenderer-dev is installed, and "
                   "property 'render-program' may name it",
                   program ? program : PROGRAM);
        return NULL;
    }
    p = g_new0(DmashareRenderProcess, 1);
    p->core = core;
    p->program = g_steal_pointer(&path);
    p->timeout_ms = timeout_ms;
    p->socket = -1;
    p->prompt = !core->cfg.paced && !icount_enabled();
    p->size = (core->cfg.job_queues + 1) * core->cfg.render_max_bytes;
    p->staging = qemu_memfd_alloc("dmashare-render", p->size,
                                  F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL,
                                  &p->memory, &err);
    if (!p->staging) {
        error_propagate_prepend(errp, err, "dmashare: property 'render': ");
        g_free(p->program);
        g_free(p);
        return NULL;
    }
    p->watchdog = timer_new_ms(QEMU_CLOCK_REALTIME, process_overdue, p);
    core->render.staging = p->staging;
    core->render.ops = &process_ops;
    core->render.opaque = p;
    if (!process_spawn(p, errp)) {
        dmashare_render_process_free(p);
        return NULL;
    }
    p->last = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    dmashare_render_started(&core->render);
    return p;
}

DmashareRendererState
dmashare_render_process_state(const DmashareRenderProcess *p, int64_t *pid)
{
    *pid = p->child ? p->child->pid : 0;
    return p->socket < 0 ? DMASHARE_RENDERER_STATE_ENDED :
           p->starting ? DMASHARE_RENDERER_STATE_STARTING :
                         DMASHARE_RENDERER_STATE_RUNNING;
}

bool dmashare_render_process_fault(DmashareRenderProcess *p,
                                   DmashareRenderFault fault)
{
    DmashareJournalRecord record = DMASHARE_RECORD(
        DMASHARE_OPERATION_RENDER_FAULT, DMASHARE_ACTOR_HARNESS);

    if (p->socket < 0) {
        return false;
    }
    record.arg = fault;
    dmashare_journal_add(&p->core->journal, &record);
    if (fault == DMASHARE_RENDER_FAULT_END) {
        process_end(p, false, "the harness ended it");
    } else if (p->child) {
        kill(p->child->pid, SIGSTOP);
    }
    return true;
}

void dmashare_render_process_free(DmashareRenderProcess *p)
{
    if (!p) {
        return;
    }
    if (p->socket >= 0) {
        process_close(p);
    }
    dmashare_core_enter(p->core);
    dmashare_render_gone(&p->core->render, false);
    dmashare_core_leave(p->core, true);
    timer_free(p->watchdog);
    qemu_memfd_free(p->staging, p->size, p->memory);
    g_free(p->program);
    g_free(p);
}
