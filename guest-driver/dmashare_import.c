// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the importer
 *
 * A foreign dma_buf becomes a buffer: this device attaches to it, has it mapped
 * for itself, and gives its engines the addresses. The attachment is a static
 * one: the exporter keeps the memory where it is as long as it is mapped. A
 * dynamic attachment would bring importer ops here, and would map where a job
 * needs it instead of once.
 */
#include <linux/dma-buf.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "dmashare_drv.h"

/* Attaches and maps; what the exporter refuses is passed on as it is. */
static int dmashare_import_map(struct dmashare_device *ddev, struct dmashare_bo *bo,
			       struct dma_buf_attachment *attach)
{
	struct dmashare_mapping *map;
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);

	map = dmashare_map(ddev, sgt, bo->base.size, bo->id, bo->self.id,
			   DMA_BIDIRECTIONAL);
	if (IS_ERR(map)) {
		dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_BIDIRECTIONAL);
		return PTR_ERR(map);
	}

	bo->sgt = sgt;
	bo->map = map;

	return 0;
}

/**
 * dmashare_import_unmap_locked - take an imported buffer from the device
 * @bo: the buffer, mapped; its reservation lock (the exporter's) is held
 */
void dmashare_import_unmap_locked(struct dmashare_bo *bo)
{
	dmashare_unmap(to_dmashare(bo->base.dev), bo->map);
	bo->map = NULL;
	dma_buf_unmap_attachment(bo->base.import_attach, bo->sgt, DMA_BIDIRECTIONAL);
	bo->sgt = NULL;
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
	struct dmashare_device *ddev = to_dmashare(drm);
	struct dma_buf_attachment *attach;
	struct drm_gem_object *own;
	struct dmashare_bo *bo;
	int ret, idx;

	own = dmashare_own_export(drm, dmabuf);
	if (own) {
		drm_gem_object_get(own);
		return own;
	}

	/* Removal waits for us, and then undoes the mapping. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);

	bo = dmashare_bo_alloc(ddev, dmabuf->size);
	if (IS_ERR(bo)) {
		drm_dev_exit(idx);
		return ERR_CAST(bo);
	}
	strscpy_pad(bo->name, dmabuf->exp_name, sizeof(bo->name));

	attach = dma_buf_attach(dmabuf, drm->dev);
	if (IS_ERR(attach)) {
		ret = PTR_ERR(attach);
		goto err_put;
	}

	/* From here on freeing the buffer detaches and drops the dma_buf. */
	get_dma_buf(dmabuf);
	bo->base.import_attach = attach;
	bo->base.resv = dmabuf->resv;

	ret = dmashare_buffer_create(ddev, bo);
	if (!ret)
		ret = dmashare_attach(ddev, &bo->self, bo->id, DMASHARE_ATTACH_F_SELF,
				      dev_name(drm->dev));
	if (!ret)
		ret = dmashare_import_map(ddev, bo, attach);
	if (ret)
		goto err_put;

	drm_dev_exit(idx);
	return &bo->base;

err_put:
	drm_gem_object_put(&bo->base);
	drm_dev_exit(idx);
	return ERR_PTR(ret);
}
