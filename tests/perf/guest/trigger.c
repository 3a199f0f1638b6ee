// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/sw-sync.h"
#include "lib/vgem_drm.h"
#include "trigger.h"

struct trigger trigger_vgem(void)
{
	struct trigger t = { .fd = vgem_open() };

	t.handle = vgem_create(t.fd, 4096);
	ASSERT_OK(drmPrimeHandleToFD(t.fd, t.handle, DRM_CLOEXEC | DRM_RDWR, &t.dmabuf));
	return t;
}

struct trigger trigger_sw_sync(void)
{
	return (struct trigger){ .fd = sw_timeline(), .dmabuf = -1 };
}

int trigger_arm(struct trigger *t)
{
	struct drm_vgem_fence_attach a = { .handle = t->handle, .flags = VGEM_FENCE_WRITE };

	if (t->dmabuf < 0)
		return sw_fence(t->fd, ++t->fence);

	ASSERT_OK(drmIoctl(t->fd, DRM_IOCTL_VGEM_FENCE_ATTACH, &a));
	t->fence = a.out_fence;
	return dmabuf_fences(t->dmabuf, DMA_BUF_SYNC_RW);
}

void trigger_fire(struct trigger *t)
{
	struct drm_vgem_fence_signal s = { .fence = t->fence };

	if (t->dmabuf < 0)
		sw_signal(t->fd, 1);
	else
		ASSERT_OK(drmIoctl(t->fd, DRM_IOCTL_VGEM_FENCE_SIGNAL, &s));
}
