// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: CPU access to a dma-buf as a driver has it
 *
 * BO_VMAP does what a driver without DMA does with a buffer that it imports
 * (a display behind a slow bus, say): map it for the kernel, bracket the access
 * with begin_cpu_access and end_cpu_access, unmap it. The memory may be I/O
 * memory, which iosys_map knows and plain loads must not touch.
 */
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "dmashare_drv.h"

/* Reads the range in pieces, so that I/O memory needs no large copy. */
static int dmashare_vmap_checksum(const struct iosys_map *map,
				  struct drm_dmashare_bo_vmap *args)
{
	u64 offset = args->offset, left = args->length;
	u32 crc = ~0;
	void *piece;

	piece = (void *)__get_free_page(GFP_KERNEL);
	if (!piece)
		return -ENOMEM;

	while (left && !fatal_signal_pending(current)) {
		size_t n = min_t(u64, left, PAGE_SIZE);

		iosys_map_memcpy_from(piece, map, offset, n);
		crc = dmashare_crc32c(crc, piece, n);
		offset += n;
		left -= n;
		cond_resched();
	}
	free_page((unsigned long)piece);
	args->checksum = ~crc;

	return left ? -EINTR : 0;
}

static int dmashare_vmap_read(struct dma_buf *dmabuf, const struct iosys_map *map,
			      struct drm_dmashare_bo_vmap *args)
{
	int ret, end;

	ret = dma_buf_begin_cpu_access(dmabuf, DMA_FROM_DEVICE);
	if (ret)
		return ret;
	ret = dmashare_vmap_checksum(map, args);
	end = dma_buf_end_cpu_access(dmabuf, DMA_FROM_DEVICE);

	return ret ?: end;
}

static int dmashare_vmap(struct dma_buf *dmabuf, struct drm_dmashare_bo_vmap *args)
{
	struct iosys_map map[DRM_DMASHARE_VMAP_MAX];
	u32 n, flags = 0;
	int ret = 0;

	for (n = 0; n < args->count; n++) {
		ret = dma_buf_vmap_unlocked(dmabuf, &map[n]);
		if (ret)
			goto out_unmap;
		if (!iosys_map_is_equal(&map[n], &map[0]))
			flags |= DRM_DMASHARE_VMAP_DIFFER;
	}

	if (map[0].is_iomem)
		flags |= DRM_DMASHARE_VMAP_IOMEM;
	args->flags = flags;
	ret = dmashare_vmap_read(dmabuf, &map[0], args);

out_unmap:
	while (n--)
		dma_buf_vunmap_unlocked(dmabuf, &map[n]);

	return ret;
}

/**
 * dmashare_bo_vmap_ioctl - DRM_IOCTL_DMASHARE_BO_VMAP
 * @drm: the device
 * @data: struct drm_dmashare_bo_vmap
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_bo_vmap_ioctl(struct drm_device *drm, void *data,
			   struct drm_file *drm_file)
{
	struct drm_dmashare_bo_vmap *args = data;
	struct dma_buf *dmabuf;
	u64 size;
	int ret;

	if (!args->count || args->count > DRM_DMASHARE_VMAP_MAX || !args->length)
		return -EINVAL;

	/* The one that it was imported from, or one that is made of it. */
	dmabuf = drm_gem_prime_handle_to_dmabuf(drm, drm_file, args->handle, DRM_RDWR);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	size = dmabuf->size;
	if (args->offset > size || args->length > size - args->offset)
		ret = -EINVAL;
	else
		ret = dmashare_vmap(dmabuf, args);
	dma_buf_put(dmabuf);

	return ret;
}
