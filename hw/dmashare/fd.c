// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: file descriptors that a stranger gave us
 */
#include "qemu/osdep.h"
#include <sys/vfs.h>
#include "qemu/memfd.h"
#include "qemu/mmap-alloc.h"
#include "qemu/thread.h"
#include "hw/dmashare/fd.h"

/*
 * The kernel writes this file by itself, whatever it is about; only a dma-buf
 * has these lines. What stat() would say of a stranger's file, the stranger
 * says.
 */
static void look_dmabuf(int fd, DmashareFdInfo *info)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *exporter = NULL;
    const char *size = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return;
    }
    lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], "size:\t") && !size) {
            size = lines[i] + strlen("size:\t");
        } else if (g_str_has_prefix(lines[i], "exp_name:\t") && !exporter) {
            exporter = lines[i] + strlen("exp_name:\t");
        }
    }
    if (exporter && size) {
        info->kind = !strcmp(exporter, "udmabuf") ? DMASHARE_FD_UDMABUF
                                                  : DMASHARE_FD_DMABUF;
        info->size = g_ascii_strtoull(size, NULL, 10);
    }
}

void dmashare_fd_look(int fd, DmashareFdInfo *info)
{
    struct stat st;

    memset(info, 0, sizeof(*info));
    info->seals = fcntl(fd, F_GET_SEALS);
    if (info->seals < 0) {
        info->seals = 0;
        look_dmabuf(fd, info);
    } else if (!fstat(fd, &st)) {
        info->kind = qemu_fd_getpagesize(fd) == qemu_real_host_page_size() ?
                     DMASHARE_FD_MEMORY : DMASHARE_FD_HUGE;
        info->size = st.st_size;
    }
}

static GAsyncQueue *discarded;

static void *discard_thread(void *opaque)
{
    while (true) {
        /* No descriptor is pushed as 0, which cannot be. */
        close(GPOINTER_TO_INT(g_async_queue_pop(discarded)) - 1);
    }
    return NULL;
}

void dmashare_fd_discard(int fd)
{
    QemuThread thread;

    if (fcntl(fd, F_GET_SEALS) >= 0) {
        close(fd);
        return;
    }
    if (!discarded) {
        discarded = g_async_queue_new();
        qemu_thread_create(&thread, "dmashare-close", discard_thread, NULL,
                           QEMU_THREAD_DETACHED);
    }
    g_async_queue_push(discarded, GINT_TO_POINTER(fd + 1));
}
