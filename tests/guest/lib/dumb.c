// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include <xf86drm.h>

#include "crc32c.h"
#include "dms.h"
#include "dumb.h"
#include "ktap.h"

struct dumb dumb_create(int fd, uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb c = { .width = width, .height = height, .bpp = 32 };
	struct drm_mode_map_dumb m = { 0 };
	void *p;

	ASSERT_OK(drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &c));
	m.handle = c.handle;
	ASSERT_OK(drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &m));
	p = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	ASSERT_MSG(p != MAP_FAILED, "mmap of a dumb buffer: %s", strerror(errno));
	return (struct dumb){
		.fd = fd,
		.handle = c.handle,
		.pitch = c.pitch,
		.size = c.size,
		.map = p,
	};
}

int dumb_export(const struct dumb *d)
{
	int dmabuf;

	ASSERT_OK(drmPrimeHandleToFD(d->fd, d->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf));
	return dmabuf;
}

void dumb_imported(int fd, const struct dumb *d, int dmabuf, const char *counterpart)
{
	static const uint32_t flags[] = { 0, DRM_DMASHARE_IMPORT_STATIC };
	struct bo copy = dms_create_mapped(fd, d->size, "copy");
	size_t k;

	for (k = 0; k < ARRAY_SIZE(flags); k++) {
		struct bo there = dms_import_as(fd, dmabuf, flags[k]);

		pattern_fill(d->map, d->size, k);
		dms_run_ok(fd, dms_job_copy(&copy, 0, &there, 0, d->size));
		ASSERT(pattern_check(copy.map, d->size, k));
		pattern_fill(copy.map, d->size, 10 + k);
		dms_run_ok(fd, dms_job_copy(&there, 0, &copy, 0, d->size));
		ASSERT(pattern_check(d->map, d->size, 10 + k));
		ASSERT_EQ(dms_vmap(&there, 0, d->size, 2).checksum, crc32c(d->map, d->size));
		dms_unmap(&there);
		ASSERT_EQ(dms_crc(fd, &there, 0, d->size), crc32c(d->map, d->size));
		if (dms_info(fd, there.handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC)
			covers("import.dynamic:%s", counterpart);
		else
			covers("import.static:%s", counterpart);
		ASSERT_OK(dms_try_close(fd, there.handle));
	}
}
