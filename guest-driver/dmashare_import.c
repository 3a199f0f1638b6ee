// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the importer
 *
 * A foreign dma_buf becomes a buffer: this device attaches to it, has it mapped
 * for itself, and gives its engines the addresses.
 *
 * There are two kinds of attachment. A static one is mapped once, and the
 * exporter keeps the memory where it is for as long. A dynamic one brings
 * importer ops: the exporter may move the memory at any time, says so under the
 * reservation lock, and the mapping has to go. The next job makes a new one,
 * under the same lock, and waits for the fence of the move as for any other
 * that the kernel put into the reservation (see dmashare_submit.c). So a job is
 * only ever given a mapping that is good, and a mapping only ever ends when no
 * job has it.
 *
 * Without CONFIG_DMABUF_MOVE_NOTIFY, which older kernels have and mostly leave
 * off, the dma-buf core pins the memory of a dynamic exporter on behalf of its
 * dynamic importers while they have it mapped, and nothing ever moves.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "dmashare_drv.h"

#define DMASHARE_IMPORT_FLAGS		(DRM_DMASHARE_IMPORT_STATIC |	\
					 DRM_DMASHARE_IMPORT_NO_P2P |	\
					 DRM_DMASHARE_IMPORT_READ |	\
					 DRM_DMASHARE_IMPORT_WRITE |	\
					 DRM_DMASHARE_IMPORT_SKIP_MAP |	\
					 DRM_DMASHARE_IMPORT_SKIP_UNMAP)

/**
 * dmashare_import_map_locked - have an imported buffer mapped, for the device
 * @bo: the buffer, not mapped; its reservation lock (the exporter's) is held,
 *	and the caller is inside drm_dev_enter()
 *
 * The memory may be on its way to where the addresses point: who uses them
 * waits for the kernel's fences in the reservation first.
 *
 * Returns: 0, the exporter's error, or one of dmashare_map()
 */
int dmashare_import_map_locked(struct dmashare_bo *bo)
{
	struct dma_buf_attachment *attach = bo->base.import_attach;
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_bo *exported = dmashare_exported_bo(attach->dmabuf);
	struct dmashare_mapping *map;
	struct sg_table *sgt;
	u32 flags = 0;

	dma_resv_assert_held(bo->base.resv);

	sgt = dma_buf_map_attachment(attach, bo->dir);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);

	/* The exporter may have moved the memory for us, but does so no more. */
	bo->p2p = exported && dmashare_placement_bar(exported->placement);

	if (bo->import_flags & DRM_DMASHARE_IMPORT_SKIP_MAP)
		flags |= DMASHARE_MAP_F_SKIP_SYNC;
	/*
	 * A device that is not coherent cannot know when a foreign exporter
	 * syncs (see dmashare_sync.c), and does not keep copies of what is in
	 * another device.
	 */
	if (bo->foreign || bo->p2p)
		flags |= DMASHARE_MAP_F_UNCACHED;

	map = dmashare_map(ddev, sgt, bo->base.size, bo->id, bo->self.id, bo->dir,
			   flags);
	if (IS_ERR(map)) {
		dma_buf_unmap_attachment(attach, sgt, bo->dir);
		return PTR_ERR(map);
	}

	bo->sgt = sgt;
	bo->map = map;

	return 0;
}

/**
 * dmashare_import_unmap_locked - take an imported buffer from the device
 * @bo: the buffer, mapped; its reservation lock (the exporter's) is held, and
 *	no job uses the mapping
 */
void dmashare_import_unmap_locked(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	u32 flags = 0;

	if (bo->import_flags & DRM_DMASHARE_IMPORT_SKIP_UNMAP)
		flags |= DMASHARE_UNMAP_F_SKIP_SYNC;
	dmashare_unmap(ddev, bo->map, flags);
	bo->map = NULL;
	bo->p2p = false;
	dma_buf_unmap_attachment(bo->base.import_attach, bo->sgt, bo->dir);
	bo->sgt = NULL;
	dmashare_unmapped(ddev);
}

/*
 * The exporter is about to move the memory, and holds the reservation lock.
 *
 * It would do to remember that the mapping is old, and to end it when the jobs
 * that have it are done; the exporter waits for their fences before it touches
 * the memory. Ending it now means one state less: waiting here takes no longer
 * than the exporter's own wait, and depends on nothing but fences.
 */
static void dmashare_import_invalidate(struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = attach->importer_priv;

	dma_resv_assert_held(bo->base.resv);

	if (!bo->map)
		return;

	dmashare_bo_wait_locked(bo, false);
	dmashare_import_unmap_locked(bo);
	bo->moves++;
}

static const struct dma_buf_attach_ops dmashare_importer_ops = {
	.allow_peer2peer = true,
	.DMASHARE_INVALIDATE = dmashare_import_invalidate,
};

static const struct dma_buf_attach_ops dmashare_importer_ops_no_p2p = {
	.DMASHARE_INVALIDATE = dmashare_import_invalidate,
};

/**
 * dmashare_importer_bo - what one of our devices made of an attachment
 * @attach: an attachment
 *
 * Returns: the importing buffer; NULL if the importer is another driver
 */
struct dmashare_bo *dmashare_importer_bo(struct dma_buf_attachment *attach)
{
	if (attach->importer_ops)
		return attach->importer_ops == &dmashare_importer_ops ||
		       attach->importer_ops == &dmashare_importer_ops_no_p2p ?
		       attach->importer_priv : NULL;

	/* A static one has no ops to be known by, only whose it is. */
	return dmashare_is_device(attach->dev) ? attach->importer_priv : NULL;
}

/* Attaches the device; what the exporter refuses is passed on as it is. */
static int dmashare_import_attach(struct dmashare_bo *bo, struct dma_buf *dmabuf)
{
	const struct dma_buf_attach_ops *ops = &dmashare_importer_ops;
	struct dma_buf_attachment *attach;

	if (bo->import_flags & DRM_DMASHARE_IMPORT_STATIC ||
	    dmashare_attach_maps(dmabuf))
		ops = NULL;
	else if (bo->import_flags & DRM_DMASHARE_IMPORT_NO_P2P)
		ops = &dmashare_importer_ops_no_p2p;

	/* Before anybody can find the buffer by the attachment. */
	bo->base.resv = dmabuf->resv;
	attach = dma_buf_dynamic_attach(dmabuf, bo->base.dev->dev, ops, bo);
	if (IS_ERR(attach)) {
		bo->base.resv = &bo->base._resv;
		return PTR_ERR(attach);
	}

	/* From here on freeing the buffer detaches and drops the dma_buf. */
	get_dma_buf(dmabuf);
	bo->base.import_attach = attach;
	bo->dynamic = ops;

	return 0;
}

/*
 * Makes the buffer known to the device, and maps it, so that what cannot work
 * is refused now and not by the first job.
 */
static int dmashare_import_first_map(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	u32 flags = DMASHARE_ATTACH_F_SELF;
	int ret;

	if (bo->dynamic)
		flags |= DMASHARE_ATTACH_F_DYNAMIC;
	if (bo->base.import_attach->peer2peer)
		flags |= DMASHARE_ATTACH_F_P2P;

	ret = dmashare_buffer_create(ddev, bo);
	if (!ret)
		ret = dmashare_attach(ddev, &bo->self, bo->id, flags,
				      dev_name(bo->base.dev->dev));
	if (ret)
		return ret;

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;
	ret = dmashare_bo_map_locked(bo);
	dma_resv_unlock(bo->base.resv);

	return ret;
}

/* Makes a buffer of a dma_buf that is not the device's own. */
static struct dmashare_bo *dmashare_import(struct dmashare_device *ddev,
					   struct dma_buf *dmabuf, u32 flags)
{
	struct dmashare_bo *bo;
	int ret, idx;

	/* Removal waits for us, and then undoes the mapping. */
	if (!drm_dev_enter(&ddev->drm, &idx))
		return ERR_PTR(-ENODEV);

	bo = dmashare_bo_alloc(ddev, dmabuf->size);
	if (IS_ERR(bo))
		goto out_exit;

	strscpy_pad(bo->name, dmabuf->exp_name, sizeof(bo->name));
	bo->import_flags = flags;
	bo->foreign = !dmashare_exported_bo(dmabuf);
	if (flags & DRM_DMASHARE_IMPORT_READ)
		bo->dir = DMA_TO_DEVICE;
	if (flags & DRM_DMASHARE_IMPORT_WRITE)
		bo->dir = DMA_FROM_DEVICE;

	ret = dmashare_import_attach(bo, dmabuf);
	if (!ret)
		ret = dmashare_import_first_map(bo);
	if (ret) {
		drm_gem_object_put(&bo->base);
		bo = ERR_PTR(ret);
	}

out_exit:
	drm_dev_exit(idx);

	return bo;
}

/**
 * dmashare_gem_import - PRIME_FD_TO_HANDLE
 * @drm: the device
 * @dmabuf: the dma_buf
 *
 * Returns: the buffer: the very one that was exported if it was by this device;
 * or the exporter's error, or one of dmashare_buffer_create(),
 * dmashare_attach() and dmashare_map()
 */
struct drm_gem_object *dmashare_gem_import(struct drm_device *drm,
					   struct dma_buf *dmabuf)
{
	struct drm_gem_object *own;
	struct dmashare_bo *bo;

	own = dmashare_own_export(drm, dmabuf);
	if (own) {
		drm_gem_object_get(own);
		return own;
	}

	bo = dmashare_import(to_dmashare(drm), dmabuf, 0);

	return IS_ERR(bo) ? ERR_CAST(bo) : &bo->base;
}

/**
 * dmashare_bo_import_ioctl - DRM_IOCTL_DMASHARE_BO_IMPORT
 * @drm: the device
 * @data: struct drm_dmashare_bo_import
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_bo_import_ioctl(struct drm_device *drm, void *data,
			     struct drm_file *drm_file)
{
	struct drm_dmashare_bo_import *args = data;
	u32 dirs = DRM_DMASHARE_IMPORT_READ | DRM_DMASHARE_IMPORT_WRITE;
	struct drm_gem_object *own;
	struct dma_buf *dmabuf;
	struct dmashare_bo *bo;
	int ret;

	if (args->flags & ~DMASHARE_IMPORT_FLAGS || (args->flags & dirs) == dirs)
		return -EINVAL;
	if (args->flags & (DRM_DMASHARE_IMPORT_SKIP_MAP | DRM_DMASHARE_IMPORT_SKIP_UNMAP) &&
	    !dmashare_unsafe_allowed())
		return -EPERM;

	dmabuf = dma_buf_get(args->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	own = dmashare_own_export(drm, dmabuf);
	if (own) {
		/* Finds the handle that the client has for it. */
		args->buffer = to_dmashare_bo(own)->id;
		ret = drm_gem_prime_fd_to_handle(drm, drm_file, args->fd, &args->handle);
		goto out_put;
	}

	bo = dmashare_import(to_dmashare(drm), dmabuf, args->flags);
	if (IS_ERR(bo)) {
		ret = PTR_ERR(bo);
		goto out_put;
	}

	args->buffer = bo->id;
	ret = drm_gem_handle_create(drm_file, &bo->base, &args->handle);
	/* The handle keeps the buffer now. */
	drm_gem_object_put(&bo->base);

out_put:
	dma_buf_put(dmabuf);

	return ret;
}
