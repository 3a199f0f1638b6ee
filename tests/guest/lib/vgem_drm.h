/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vgem's two ioctls, as its kernel interface defines them. Debian's packages
 * have no header of it.
 */
#ifndef DMASHARE_TEST_VGEM_DRM_H
#define DMASHARE_TEST_VGEM_DRM_H

#include <drm.h>

#define VGEM_FENCE_WRITE	0x1	/* a writer's fence, else a reader's */

struct drm_vgem_fence_attach {
	__u32 handle;
	__u32 flags;
	__u32 out_fence;
	__u32 pad;
};

struct drm_vgem_fence_signal {
	__u32 fence;
	__u32 flags;
};

#define DRM_IOCTL_VGEM_FENCE_ATTACH \
	DRM_IOWR(DRM_COMMAND_BASE + 0x1, struct drm_vgem_fence_attach)
#define DRM_IOCTL_VGEM_FENCE_SIGNAL \
	DRM_IOW(DRM_COMMAND_BASE + 0x2, struct drm_vgem_fence_signal)

#endif /* DMASHARE_TEST_VGEM_DRM_H */
