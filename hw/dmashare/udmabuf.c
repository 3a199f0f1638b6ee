// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: dma-bufs of the host's
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/dmashare/udmabuf.h"

#define DEVICE          "/dev/udmabuf"
#define PARAMETERS      "/sys/module/udmabuf/parameters/"
#define LIST_LIMIT      PARAMETERS "list_limit"
#define SIZE_LIMIT      PARAMETERS "size_limit_mb"

#ifdef CONFIG_LINUX
#include <sys/ioctl.h>
#include "standard-headers/linux/udmabuf.h"

static int host_create(DmashareUdmabuf *udmabuf, DmashareUdmabufList *list)
{
    return RETRY_ON_EINTR(ioctl(udmabuf->fd, UDMABUF_CREATE_LIST, list));
}
#else
static int host_create(DmashareUdmabuf *udmabuf, DmashareUdmabufList *list)
{
    errno = ENOSYS;
    return -1;
}
#endif

/* A limit that nobody can read is one that we run into. */
static uint64_t host_limit(const char *path)
{
    g_autofree char *text = NULL;
    uint64_t value;

    return g_file_get_contents(path, &text, NULL, NULL) &&
           parse_uint_full(g_strchomp(text), 10, &value) == 0 ?
           value : UINT32_MAX;
}

static void host_limits(DmashareUdmabuf *udmabuf)
{
    udmabuf->max_items = host_limit(LIST_LIMIT);
    udmabuf->max_size = host_limit(SIZE_LIMIT) * MiB;
}

static const DmashareUdmabufOps host_ops = {
    .create = host_create,
    .limits = host_limits,
};

bool dmashare_udmabuf_open(DmashareUdmabuf *udmabuf, Error **errp)
{
    udmabuf->ops = &host_ops;
    udmabuf->fd = qemu_open(DEVICE, O_RDWR, errp);
    if (udmabuf->fd < 0) {
        return false;
    }
    host_limits(udmabuf);
    return true;
}

void dmashare_udmabuf_close(DmashareUdmabuf *udmabuf)
{
    if (udmabuf->fd >= 0) {
        qemu_close(udmabuf->fd);
        udmabuf->fd = -1;
    }
}

bool dmashare_udmabuf_permits(DmashareUdmabuf *udmabuf, uint32_t n_items,
                              uint64_t size, Error **errp)
{
    if (n_items > udmabuf->max_items || size > udmabuf->max_size) {
        /* Whoever was told of it has perhaps changed it. */
        udmabuf->ops->limits(udmabuf);
    }
    if (n_items > udmabuf->max_items) {
        error_setg(errp, "a buffer in %" PRIu32 " pieces is too much for "
                   "/dev/udmabuf: raise " LIST_LIMIT, n_items);
        return false;
    }
    if (size > udmabuf->max_size) {
        error_setg(errp, "a buffer of %" PRIu64 " bytes is too much for "
                   "/dev/udmabuf: raise " SIZE_LIMIT, size);
        return false;
    }
    return true;
}
