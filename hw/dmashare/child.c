// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what a process does that the device has started
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/dmashare/child.h"

/* Of one that has more it is enough to know of these. */
#define MOST_THREADS    1000

/* As proc(5) has it, or 0. */
static char thread_state(GPid pid, const char *thread)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%s/stat", (int)pid,
                                            thread);
    g_autofree char *text = NULL;
    const char *rest;
    char state;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    /* Behind the name, which may have anything in it. */
    rest = strrchr(text, ')');
    return rest && sscanf(rest, ") %c", &state) == 1 ? state : 0;
}

static void thread_count(DmashareThreads *n, char state)
{
    switch (state) {
    case 0:
        break;
    case 'R':
        n->run++;
        break;
    case 'S':
        n->sleep++;
        break;
    case 'D':
        n->blocked++;
        break;
    case 'T':
        n->stopped++;
        break;
    default:
        n->other++;
        break;
    }
}

DmashareThreads dmashare_child_threads(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)pid);
    GDir *dir = g_dir_open(path, 0, NULL);
    DmashareThreads n = { 0 };

    for (unsigned i = 0; dir && i < MOST_THREADS; i++) {
        const char *name = g_dir_read_name(dir);

        if (!name) {
            break;
        }
        thread_count(&n, thread_state(pid, name));
    }
    g_clear_pointer(&dir, g_dir_close);
    return n;
}

int64_t dmashare_child_used(GPid pid)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts)) {
        return 0;
    }
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}
