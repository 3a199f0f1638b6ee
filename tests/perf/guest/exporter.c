// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <xf86drm.h>

#include "exporter.h"
#include "lib/dms.h"
#include "lib/ktap.h"
#include "lib/module.h"

#define PAGE	4096u

static void udmabuf_open(struct maker *m, const char *rest)
{
	(void)rest;
	if (access("/dev/udmabuf", F_OK))
		module_load("udmabuf", "");
	m->fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
}

/* A memfd has no pages before they are used; udmabuf takes what is missing. */
static int udmabuf_make(struct maker *m, size_t size)
{
	struct udmabuf_create c = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };

	m->backing = memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (m->backing < 0 || ftruncate(m->backing, size) ||
	    fcntl(m->backing, F_ADD_SEALS, F_SEAL_SHRINK))
		return -1;
	c.memfd = m->backing;
	return ioctl(m->fd, UDMABUF_CREATE, &c);
}

static void udmabuf_end(struct maker *m)
{
	close(m->backing);
}

static void heap_open(struct maker *m, const char *rest)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", rest);
	m->fd = open(path, O_RDONLY | O_CLOEXEC);
}

static int heap_make(struct maker *m, size_t size)
{
	struct dma_heap_allocation_data a = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };

	return ioctl(m->fd, DMA_HEAP_IOCTL_ALLOC, &a) ? -1 : (int)a.fd;
}

static int export_handle(struct maker *m)
{
	int dmabuf;

	if (drmPrimeHandleToFD(m->fd, m->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf))
		return -1;
	return dmabuf;
}

static void close_handle(struct maker *m)
{
	ASSERT_OK(drmCloseBufferHandle(m->fd, m->handle));
}

static void dmashare_open(struct maker *m, const char *rest)
{
	(void)rest;
	m->fd = drm_open_driver("dmashare", false, 0);
}

static int dmashare_make(struct maker *m, size_t size)
{
	struct bo bo;

	if (dms_try_create(m->fd, size, 0, "bench", &bo))
		return -1;
	m->handle = bo.handle;
	return export_handle(m);
}

/* A node of a DRM driver, by its path or by the name of the driver. */
static int node_open(const char *name)
{
	int fd;

	if (strchr(name, '/'))
		return open(name, O_RDWR | O_CLOEXEC);
	fd = drm_open_driver(name, true, 0);
	if (fd < 0 && !module_load(name, ""))
		fd = drm_open_driver(name, true, 0);
	return fd;
}

static void dumb_open(struct maker *m, const char *rest)
{
	m->fd = node_open(rest);
}

static int dumb_make(struct maker *m, size_t size)
{
	struct drm_mode_create_dumb c = {
		.width = PAGE / 4,
		.height = (size + PAGE - 1) / PAGE,
		.bpp = 32,
	};

	if (drmIoctl(m->fd, DRM_IOCTL_MODE_CREATE_DUMB, &c))
		return -1;
	m->handle = c.handle;
	return export_handle(m);
}

static const struct maker_ops kinds[] = {
	{ "udmabuf", udmabuf_open, udmabuf_make, udmabuf_end },
	{ "heap:", heap_open, heap_make, NULL },
	{ "dmashare", dmashare_open, dmashare_make, close_handle },
	{ "", dumb_open, dumb_make, close_handle },
};

static bool is_kind(const struct maker_ops *ops, const char *name)
{
	size_t length = strlen(ops->name);

	if (length && ops->name[length - 1] != ':')
		return !strcmp(ops->name, name);
	return !strncmp(ops->name, name, length);
}

struct maker *maker_open(const char *name)
{
	struct maker *m = calloc(1, sizeof(*m));
	const struct maker_ops *ops = kinds;

	ASSERT(m);
	while (!is_kind(ops, name))
		ops++;
	m->ops = ops;
	m->name = name;
	m->fd = -1;
	ops->open(m, name + strlen(ops->name));
	if (m->fd < 0) {
		fprintf(stderr, "no exporter %s: %s\n", name, strerror(errno));
		return NULL;
	}
	return m;
}

int importer_open(const char *name)
{
	int fd = strcmp(name, "dmashare") ? node_open(name) :
					    drm_open_driver(name, false, 1);

	/* With one device a second file of it has to do. */
	if (fd < 0 && !strcmp(name, "dmashare"))
		fd = drm_open_driver(name, false, 0);
	if (fd < 0)
		fprintf(stderr, "no importer %s: %s\n", name, strerror(errno));
	return fd;
}
