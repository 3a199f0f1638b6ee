// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the exporter
 *
 * What another driver sees of our buffers: the dma_buf_ops. In the order of a
 * share's life:
 *
 *	attach		an importer joins; may be refused
 *	map_dma_buf	the importer's device gets DMA addresses
 *	begin_cpu_access, end_cpu_access
 *			bracket what a CPU does to the bytes
 *	mmap, vmap, vunmap
 *			CPU mappings of user space and of the kernel
 *	unmap_dma_buf, detach
 *			the importer leaves
 *	release		the last reference to the dma_buf is gone
 *
 * The dma-buf core calls map_dma_buf, unmap_dma_buf, vmap and vunmap with the
 * reservation lock held, and all others without it.
 *
 * Each callback tells the device that it was called (a note, posted), with the
 * errno that it returns. A device that is gone refuses new importers with
 * -ENODEV; those that exist can go on, for the pages are still there.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

/**
 * struct dmashare_importer - one importer, dma_buf_attachment.priv
 * @att: the attachment as the device knows it
 * @mappings: struct dmashare_importer_map; protected by the reservation lock
 */
struct dmashare_importer {
	struct dmashare_attachment att;
	struct list_head mappings;
};

/**
 * struct dmashare_importer_map - one mapping for an importer's device
 * @sgt: the pages, mapped for it
 * @dir: direction
 * @link: in dmashare_importer.mappings
 */
struct dmashare_importer_map {
	struct sg_table *sgt;
	enum dma_data_direction dir;
	struct list_head link;
};

static struct dmashare_bo *dmabuf_to_bo(struct dma_buf *dmabuf)
{
	return to_dmashare_bo(dmabuf->priv);
}

static int dmashare_export_attach(struct dma_buf *dmabuf,
				  struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_importer *importer;
	u32 flags = 0;
	int ret;

	importer = kzalloc(sizeof(*importer), GFP_KERNEL);
	if (!importer)
		return -ENOMEM;
	INIT_LIST_HEAD(&importer->mappings);

	if (attach->importer_ops)
		flags |= DMASHARE_ATTACH_F_DYNAMIC;
	if (attach->peer2peer)
		flags |= DMASHARE_ATTACH_F_P2P;

	/* Waited for: the device has a limit, and the importer must hear of it. */
	ret = dmashare_attach(ddev, &importer->att, bo->id, flags,
			      dev_name(attach->dev));
	if (ret) {
		kfree(importer);
		return ret;
	}

	/* Pages of the system placement can be had by any importer. */
	attach->peer2peer = false;
	attach->priv = importer;

	return 0;
}

static void dmashare_export_detach(struct dma_buf *dmabuf,
				   struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	struct dmashare_importer *importer = attach->priv;

	drm_WARN_ON(bo->base.dev, !list_empty(&importer->mappings));
	dmashare_detach(to_dmashare(bo->base.dev), &importer->att);
	kfree(importer);
}

static struct sg_table *dmashare_export_map(struct dma_buf_attachment *attach,
					    enum dma_data_direction dir)
{
	struct dmashare_bo *bo = dmabuf_to_bo(attach->dmabuf);
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_importer *importer = attach->priv;
	struct dmashare_importer_map *map;
	struct sg_table *sgt;

	if (READ_ONCE(ddev->gone))
		return ERR_PTR(-ENODEV);

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map) {
		sgt = ERR_PTR(-ENOMEM);
		goto out;
	}

	/* A table of its own for each call: the importer owns it now. */
	sgt = dmashare_bo_get_sgt(bo, attach->dev, dir);
	if (IS_ERR(sgt)) {
		kfree(map);
		goto out;
	}

	map->sgt = sgt;
	map->dir = dir;
	list_add_tail(&map->link, &importer->mappings);

out:
	dmashare_note(ddev, DMASHARE_NOTE_MAP, bo->id, importer->att.id, dir,
		      bo->base.size, PTR_ERR_OR_ZERO(sgt));

	return sgt;
}

static void dmashare_export_unmap(struct dma_buf_attachment *attach,
				  struct sg_table *sgt,
				  enum dma_data_direction dir)
{
	struct dmashare_bo *bo = dmabuf_to_bo(attach->dmabuf);
	struct dmashare_importer *importer = attach->priv;
	struct dmashare_importer_map *map;

	list_for_each_entry(map, &importer->mappings, link)
		if (map->sgt == sgt)
			break;
	if (drm_WARN_ON(bo->base.dev, list_entry_is_head(map, &importer->mappings, link)))
		return;

	list_del(&map->link);
	/* The direction it was mapped with, whatever the importer says now. */
	dmashare_bo_put_sgt(attach->dev, sgt, map->dir);
	kfree(map);

	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_UNMAP, bo->id,
		      importer->att.id, dir, bo->base.size, 0);
}

/*
 * The CPU's caches and any bounce buffers are made good for every device that
 * has the buffer mapped, ours included: none of them can know which of the
 * others wrote last.
 */
static void dmashare_export_sync(struct dma_buf *dmabuf,
				 enum dma_data_direction dir, bool for_cpu)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	struct device *dev = bo->base.dev->dev;
	struct dma_buf_attachment *attach;
	struct dmashare_importer_map *map;

	dma_resv_assert_held(dmabuf->resv);

	if (bo->vaddr && for_cpu)
		invalidate_kernel_vmap_range(bo->vaddr, bo->base.size);
	else if (bo->vaddr)
		flush_kernel_vmap_range(bo->vaddr, bo->base.size);

	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct dmashare_importer *importer = attach->priv;

		list_for_each_entry(map, &importer->mappings, link) {
			if (for_cpu)
				dma_sync_sgtable_for_cpu(attach->dev, map->sgt, dir);
			else
				dma_sync_sgtable_for_device(attach->dev, map->sgt, dir);
		}
	}

	if (bo->map && for_cpu)
		dma_sync_sgtable_for_cpu(dev, bo->sgt, dir);
	else if (bo->map)
		dma_sync_sgtable_for_device(dev, bo->sgt, dir);
}

/*
 * The directions are named from the device: to read what devices wrote is
 * DMA_FROM_DEVICE, and has to wait for the writers; to write is DMA_TO_DEVICE
 * or DMA_BIDIRECTIONAL, and has to wait for the readers as well.
 */
static int dmashare_export_begin_cpu(struct dma_buf *dmabuf,
				     enum dma_data_direction dir)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	bool write = dir != DMA_FROM_DEVICE;
	long ret;

	ret = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(write), true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		goto out;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		goto out;
	dmashare_export_sync(dmabuf, dir, true);
	dma_resv_unlock(dmabuf->resv);

out:
	/* What the caller's system call becomes, not the kernel's restart code. */
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_BEGIN_CPU, bo->id, 0,
		      dir, bo->base.size, ret == -ERESTARTSYS ? -EINTR : ret);

	return ret;
}

static int dmashare_export_end_cpu(struct dma_buf *dmabuf,
				   enum dma_data_direction dir)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	dmashare_export_sync(dmabuf, dir, false);
	dma_resv_unlock(dmabuf->resv);

	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_END_CPU, bo->id, 0,
		      dir, bo->base.size, 0);

	return 0;
}

static int dmashare_export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	u64 length = vma->vm_end - vma->vm_start;
	int ret;

	ret = drm_gem_prime_mmap(&bo->base, vma);
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_MMAP, bo->id, 0,
		      DMA_BIDIRECTIONAL, length, ret);

	return ret;
}

static int dmashare_export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	int ret;

	ret = dmashare_bo_vmap_locked(bo, map);
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_VMAP, bo->id, 0,
		      DMA_BIDIRECTIONAL, bo->base.size, ret);

	return ret;
}

static void dmashare_export_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);

	dmashare_bo_vunmap_locked(bo);
	iosys_map_clear(map);
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_VUNMAP, bo->id, 0,
		      DMA_BIDIRECTIONAL, bo->base.size, 0);
}

static void dmashare_export_release(struct dma_buf *dmabuf)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);

	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_RELEASE, bo->id, 0,
		      DMA_BIDIRECTIONAL, bo->base.size, 0);

	/* Drops the buffer and the DRM device that drm_gem_dmabuf_export() took. */
	drm_gem_dmabuf_release(dmabuf);
}

static const struct dma_buf_ops dmashare_export_ops = {
	.attach = dmashare_export_attach,
	.detach = dmashare_export_detach,
	.map_dma_buf = dmashare_export_map,
	.unmap_dma_buf = dmashare_export_unmap,
	.release = dmashare_export_release,
	.begin_cpu_access = dmashare_export_begin_cpu,
	.end_cpu_access = dmashare_export_end_cpu,
	.mmap = dmashare_export_mmap,
	.vmap = dmashare_export_vmap,
	.vunmap = dmashare_export_vunmap,
};

/**
 * dmashare_gem_export - make a dma_buf of a buffer
 * @obj: the buffer
 * @flags: of the file (DRM_CLOEXEC, DRM_RDWR)
 *
 * The dma_buf keeps the buffer, the DRM device and (as its owner) this module.
 * It shares the buffer's reservation object, so fences of our jobs are seen by
 * every importer and theirs by us.
 *
 * Returns: the dma_buf or an error
 */
struct dma_buf *dmashare_gem_export(struct drm_gem_object *obj, int flags)
{
	struct dmashare_bo *bo = to_dmashare_bo(obj);
	struct dma_buf_export_info info = {
		.exp_name = DMASHARE_NAME,
		.owner = THIS_MODULE,
		.ops = &dmashare_export_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};
	struct dma_buf *dmabuf;

	dmabuf = drm_gem_dmabuf_export(obj->dev, &info);
	dmashare_note(to_dmashare(obj->dev), DMASHARE_NOTE_EXPORT, bo->id, 0,
		      DMA_BIDIRECTIONAL, obj->size, PTR_ERR_OR_ZERO(dmabuf));

	return dmabuf;
}

/**
 * dmashare_exported_bo - the buffer that a dma_buf was made of
 * @dmabuf: a dma_buf
 *
 * Returns: the buffer, of whichever device, or NULL if another driver's
 */
struct dmashare_bo *dmashare_exported_bo(struct dma_buf *dmabuf)
{
	return dmabuf->ops == &dmashare_export_ops ? dmabuf_to_bo(dmabuf) : NULL;
}

/**
 * dmashare_own_export - is this dma_buf one of the device's own?
 * @drm: the device
 * @dmabuf: a dma_buf
 *
 * Returns: the buffer it was made of, or NULL
 */
struct drm_gem_object *dmashare_own_export(struct drm_device *drm,
					   struct dma_buf *dmabuf)
{
	struct dmashare_bo *bo = dmashare_exported_bo(dmabuf);

	return bo && bo->base.dev == drm ? &bo->base : NULL;
}
