// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the exporter
 *
 * What another driver sees of our buffers: the dma_buf_ops. In the order of a
 * share's life:
 *
 *	attach		an importer joins; may be refused
 *	pin		the buffer has to stay where it is
 *	map_dma_buf	the importer's device gets DMA addresses
 *	begin_cpu_access, end_cpu_access
 *			bracket what a CPU does to the bytes
 *	mmap, vmap, vunmap
 *			CPU mappings of user space and of the kernel
 *	unmap_dma_buf	the importer's device has them no more
 *	unpin		the buffer may move again
 *	detach		the importer leaves
 *	release		the last reference to the dma_buf is gone
 *
 * The dma-buf core calls pin, unpin, map_dma_buf, unmap_dma_buf, vmap and vunmap
 * with the reservation lock held, and all others without it.
 *
 * A buffer with pin and unpin is a dynamic one: it may move while importers are
 * attached and mapped, if they have said that they can be told (dynamic
 * importers; see dmashare_move.c for the telling). For those that cannot the
 * core calls pin first. Without pin and unpin a buffer stays where it was made.
 *
 * An importer whose device cannot reach local memory finds the buffer in the
 * system: it is moved there when the importer maps or pins it. While such an
 * importer is attached nothing keeps the buffer in local memory, and while
 * something does no such importer can attach (-EBUSY). So once attached it is
 * never refused for the buffer's place, as the core expects.
 *
 * A buffer of another VM (dmashare_peer_bo.c) never moves, and an importer that
 * cannot reach our BAR cannot attach to it (-EBUSY). It is a dynamic one all the
 * same, for only of such an importer takes BAR addresses; and when its owner takes
 * it back dynamic importers are told. New mappings and CPU accesses get -ESTALE
 * then, and what was mapped before shows zeros.
 *
 * Each callback tells the device that it was called (a note, posted), with the
 * errno that it returns. A device that is gone refuses new importers with
 * -ENODEV; those that exist can go on with a buffer in the system, for the pages
 * are still there. Local memory is gone: what needs its bytes gets -ENODEV, and
 * a mapping for the kernel is of zeros.
 *
 * The core warns, in the kernel's log, of a pin that says -EBUSY and of a vmap
 * that fails at all. The one is avoided by the rule above; the other waits as
 * long as it takes, and fails for want of memory only.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
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
 * @system_only: it cannot reach local memory
 * @mappings: struct dmashare_importer_map; protected by the reservation lock
 */
struct dmashare_importer {
	struct dmashare_attachment att;
	bool system_only;
	struct list_head mappings;
};

/**
 * struct dmashare_importer_map - one mapping for an importer's device
 * @sgt: the memory, mapped for it
 * @backing: the memory; kept, for the buffer may move and the importer take its
 *	time
 * @dir: direction
 * @link: in dmashare_importer.mappings
 */
struct dmashare_importer_map {
	struct sg_table *sgt;
	struct dmashare_backing *backing;
	enum dma_data_direction dir;
	struct list_head link;
};

static struct dmashare_bo *dmabuf_to_bo(struct dma_buf *dmabuf)
{
	return to_dmashare_bo(dmabuf->priv);
}

/*
 * -EBUSY: the importer cannot reach local memory, and the buffer has to stay
 * there. Otherwise it is counted: nothing keeps the buffer there from now on.
 */
static int dmashare_export_admit(struct dmashare_bo *bo, struct dmashare_importer *importer)
{
	int ret;

	if (!importer->system_only)
		return 0;

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;
	if (dmashare_placement_bar(bo->placement) &&
	    (bo->pin_count || !bo->dynamic || bo->peer))
		ret = -EBUSY;
	else
		bo->system_only++;
	dma_resv_unlock(bo->base.resv);

	return ret;
}

static void dmashare_export_dismiss(struct dmashare_bo *bo, struct dmashare_importer *importer)
{
	if (!importer->system_only)
		return;

	dma_resv_lock(bo->base.resv, NULL);
	bo->system_only--;
	dma_resv_unlock(bo->base.resv);
}

static int dmashare_export_attach(struct dma_buf *dmabuf,
				  struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_importer *importer;
	u32 flags = 0;
	int ret;

	if (bo->flags & DRM_DMASHARE_BO_NO_ATTACH)
		return -EOPNOTSUPP;

	importer = kzalloc(sizeof(*importer), GFP_KERNEL);
	if (!importer)
		return -ENOMEM;
	INIT_LIST_HEAD(&importer->mappings);

	/* What the importer can do by itself is not all that there is to it. */
	attach->peer2peer = attach->peer2peer && dmashare_p2p_reachable(ddev, attach->dev);
	importer->system_only = !attach->peer2peer;
	ret = dmashare_export_admit(bo, importer);
	if (ret)
		goto err_free;

	if (attach->importer_ops)
		flags |= DMASHARE_ATTACH_F_DYNAMIC;
	if (attach->peer2peer)
		flags |= DMASHARE_ATTACH_F_P2P;

	/* Waited for: the device has a limit, and the importer must hear of it. */
	ret = dmashare_attach(ddev, &importer->att, bo->id, flags,
			      dev_name(attach->dev));
	if (ret)
		goto err_dismiss;

	attach->priv = importer;

	return 0;

err_dismiss:
	dmashare_export_dismiss(bo, importer);
err_free:
	kfree(importer);
	return ret;
}

static void dmashare_export_detach(struct dma_buf *dmabuf,
				   struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	struct dmashare_importer *importer = attach->priv;

	drm_WARN_ON(bo->base.dev, !list_empty(&importer->mappings));
	dmashare_detach(to_dmashare(bo->base.dev), &importer->att);
	dmashare_export_dismiss(bo, importer);
	kfree(importer);
}

/* For the note: what a system call returns, not the kernel's restart code. */
static int dmashare_note_errno(long ret)
{
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

static int dmashare_export_pin(struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = dmabuf_to_bo(attach->dmabuf);
	struct dmashare_importer *importer = attach->priv;
	int ret;

	ret = dmashare_bo_pin_locked(bo);
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_PIN, bo->id,
		      importer->att.id, DMA_BIDIRECTIONAL, bo->base.size,
		      dmashare_note_errno(ret));

	return ret;
}

static void dmashare_export_unpin(struct dma_buf_attachment *attach)
{
	struct dmashare_bo *bo = dmabuf_to_bo(attach->dmabuf);
	struct dmashare_importer *importer = attach->priv;

	dmashare_bo_unpin_locked(bo);
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_UNPIN, bo->id,
		      importer->att.id, DMA_BIDIRECTIONAL, bo->base.size, 0);
}

/*
 * Whether mapping memory of the system for @dev may put a bounce buffer in between.
 * That gets its bytes when it is mapped and gives them back when it is synced,
 * whatever fences say.
 */
static bool dmashare_may_bounce(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX;
}

/* A table of its own for each call: the importer owns it now. */
static struct sg_table *dmashare_export_get_sgt(struct dmashare_bo *bo,
						struct dma_buf_attachment *attach,
						enum dma_data_direction dir)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_importer *importer = attach->priv;
	int ret;

	if (READ_ONCE(ddev->gone))
		return ERR_PTR(-ENODEV);
	if (bo->flags & DRM_DMASHARE_BO_READ_ONLY && dir != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	if (dmashare_peer_bo_stale(bo))
		return ERR_PTR(-ESTALE);

	if (importer->system_only && bo->dynamic) {
		ret = dmashare_bo_move_locked(bo, DMASHARE_PLACEMENT_SYSTEM, true);
		if (ret)
			return ERR_PTR(ret);
	}
	/* Nobody waits for the fences of an exporter that is not dynamic. */
	if (!bo->dynamic ||
	    (bo->placement == DMASHARE_PLACEMENT_SYSTEM && dmashare_may_bounce(attach->dev))) {
		ret = dmashare_bo_wait_kernel(bo, true);
		if (ret)
			return ERR_PTR(ret);
	}

	if (dmashare_placement_bar(bo->placement))
		return dmashare_p2p_map(attach, bo->backing, dir);

	return dmashare_backing_get_sgt(bo->backing, attach->dev, dir);
}

static struct sg_table *dmashare_export_map(struct dma_buf_attachment *attach,
					    enum dma_data_direction dir)
{
	struct dmashare_bo *bo = dmabuf_to_bo(attach->dmabuf);
	struct dmashare_importer *importer = attach->priv;
	struct dmashare_importer_map *map;
	struct sg_table *sgt;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map) {
		sgt = ERR_PTR(-ENOMEM);
		goto out;
	}

	sgt = dmashare_export_get_sgt(bo, attach, dir);
	if (IS_ERR(sgt)) {
		kfree(map);
		goto out;
	}

	map->sgt = sgt;
	map->backing = dmashare_backing_get(bo->backing);
	map->dir = dir;
	list_add_tail(&map->link, &importer->mappings);

out:
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_MAP, bo->id,
		      importer->att.id, dir, bo->base.size,
		      dmashare_note_errno(PTR_ERR_OR_ZERO(sgt)));

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
	if (dmashare_placement_bar(map->backing->placement))
		dmashare_p2p_unmap(attach, sgt, map->dir);
	else
		dmashare_backing_put_sgt(attach->dev, sgt, map->dir);
	dmashare_backing_put(map->backing);
	kfree(map);

	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_UNMAP, bo->id,
		      importer->att.id, dir, bo->base.size, 0);
}

/* The caches of a CPU, and bounce buffers, for one importer's mapping. */
static void dmashare_export_sync_map(struct dma_buf_attachment *attach,
				     struct dmashare_importer_map *map,
				     enum dma_data_direction dir, bool for_cpu)
{
	/* No cache has what is behind a BAR, and its tables have no pages. */
	if (dmashare_placement_bar(map->backing->placement))
		return;

	/* What is mapped one way is synced that way, whatever the CPU will do. */
	if (map->dir != DMA_BIDIRECTIONAL)
		dir = map->dir;
	if (for_cpu)
		dma_sync_sgtable_for_cpu(attach->dev, map->sgt, dir);
	else
		dma_sync_sgtable_for_device(attach->dev, map->sgt, dir);
}

/*
 * The CPU's caches, any bounce buffers, and the copies that a device of this
 * driver may have made, are made good for every device that has the buffer
 * mapped, ours included: none of them can know which of the others wrote last. The
 * DMA API's syncs cannot fail; a device's can, and the rest is done all the same.
 */
static int dmashare_export_sync(struct dma_buf *dmabuf,
				enum dma_data_direction dir, bool for_cpu)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	struct device *dev = bo->base.dev->dev;
	struct dma_buf_attachment *attach;
	struct dmashare_importer_map *map;
	int ret = 0, error;

	dma_resv_assert_held(dmabuf->resv);

	if (bo->vaddr && for_cpu)
		invalidate_kernel_vmap_range(bo->vaddr, bo->base.size);
	else if (bo->vaddr)
		flush_kernel_vmap_range(bo->vaddr, bo->base.size);

	list_for_each_entry(attach, &dmabuf->attachments, node) {
		struct dmashare_importer *importer = attach->priv;
		struct dmashare_bo *imported = dmashare_importer_bo(attach);

		error = imported ? dmashare_sync_locked(imported, dir, for_cpu) : 0;
		ret = ret ?: error;
		list_for_each_entry(map, &importer->mappings, link)
			dmashare_export_sync_map(attach, map, dir, for_cpu);
	}

	error = dmashare_sync_locked(bo, dir, for_cpu);
	if (bo->sgt && for_cpu)
		dma_sync_sgtable_for_cpu(dev, bo->sgt, dir);
	else if (bo->sgt)
		dma_sync_sgtable_for_device(dev, bo->sgt, dir);

	return ret ?: error;
}

static bool dmashare_export_may_access(struct dmashare_bo *bo, enum dma_data_direction dir)
{
	return !(bo->flags & DRM_DMASHARE_BO_READ_ONLY) || dir == DMA_FROM_DEVICE;
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

	ret = dmashare_export_may_access(bo, dir) ? 0 : -EACCES;
	if (ret)
		goto out;

	ret = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(write), true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		goto out;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		goto out;
	if (dmashare_bo_lost(bo))
		ret = -ENODEV;
	else if (dmashare_peer_bo_stale(bo))
		ret = -ESTALE;
	else if (!(bo->flags & DRM_DMASHARE_BO_SKIP_BEGIN))
		ret = dmashare_export_sync(dmabuf, dir, true);
	dma_resv_unlock(dmabuf->resv);

out:
	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_BEGIN_CPU, bo->id, 0,
		      dir, bo->base.size, dmashare_note_errno(ret));

	return ret;
}

static int dmashare_export_end_cpu(struct dma_buf *dmabuf,
				   enum dma_data_direction dir)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	int ret = dmashare_export_may_access(bo, dir) ? 0 : -EACCES;

	if (!ret && !(bo->flags & DRM_DMASHARE_BO_SKIP_END)) {
		dma_resv_lock(dmabuf->resv, NULL);
		ret = dmashare_export_sync(dmabuf, dir, false);
		dma_resv_unlock(dmabuf->resv);
	}

	dmashare_note(to_dmashare(bo->base.dev), DMASHARE_NOTE_END_CPU, bo->id, 0,
		      dir, bo->base.size, ret);

	return ret;
}

static int dmashare_export_try_mmap(struct dmashare_bo *bo, struct vm_area_struct *vma)
{
	int ret;

	/* As the dma-buf core for an exporter without the callback. */
	if (bo->flags & DRM_DMASHARE_BO_NO_MMAP)
		return -EINVAL;

	if (bo->flags & DRM_DMASHARE_BO_READ_ONLY) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		/* Nor may it be made writable later. */
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	/* By the offset page faults tell the page, and a move finds the mapping. */
	ret = drm_gem_create_mmap_offset(&bo->base);
	if (ret)
		return ret;

	return drm_gem_prime_mmap(&bo->base, vma);
}

static int dmashare_export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct dmashare_bo *bo = dmabuf_to_bo(dmabuf);
	u64 length = vma->vm_end - vma->vm_start;
	int ret;

	ret = dmashare_export_try_mmap(bo, vma);
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
	struct drm_device *drm = bo->base.dev;

	/* Against a move: there is nobody to be told of it any more. */
	dma_resv_lock(dmabuf->resv, NULL);
	if (bo->dmabuf == dmabuf)
		bo->dmabuf = NULL;
	dma_resv_unlock(dmabuf->resv);

	drm_dev_get(drm);
	dmashare_note_release(to_dmashare(drm), bo->id, bo->base.size);

	/* Drops the buffer and the DRM device that drm_gem_dmabuf_export() took. */
	drm_gem_dmabuf_release(dmabuf);
	dmashare_control_tell(to_dmashare(drm));
	drm_dev_put(drm);
}

#define DMASHARE_EXPORT_OPS					\
	.attach = dmashare_export_attach,			\
	.detach = dmashare_export_detach,			\
	.map_dma_buf = dmashare_export_map,			\
	.unmap_dma_buf = dmashare_export_unmap,			\
	.release = dmashare_export_release,			\
	.begin_cpu_access = dmashare_export_begin_cpu,		\
	.end_cpu_access = dmashare_export_end_cpu,		\
	.mmap = dmashare_export_mmap

#define DMASHARE_EXPORT_OPS_VMAP				\
	.vmap = dmashare_export_vmap,				\
	.vunmap = dmashare_export_vunmap

/* Whether these two are there is how the core tells the one from the other. */
#define DMASHARE_EXPORT_OPS_DYNAMIC				\
	.pin = dmashare_export_pin,				\
	.unpin = dmashare_export_unpin

static const struct dma_buf_ops dmashare_static_ops = {
	DMASHARE_EXPORT_OPS,
	DMASHARE_EXPORT_OPS_VMAP,
};

static const struct dma_buf_ops dmashare_dynamic_ops = {
	DMASHARE_EXPORT_OPS,
	DMASHARE_EXPORT_OPS_VMAP,
	DMASHARE_EXPORT_OPS_DYNAMIC,
};

/* NO_VMAP: the core warns of a callback that fails, so there must be none. */
static const struct dma_buf_ops dmashare_static_no_vmap_ops = {
	DMASHARE_EXPORT_OPS,
};

static const struct dma_buf_ops dmashare_dynamic_no_vmap_ops = {
	DMASHARE_EXPORT_OPS,
	DMASHARE_EXPORT_OPS_DYNAMIC,
};

static const struct dma_buf_ops *dmashare_export_ops(const struct dmashare_bo *bo)
{
	if (bo->flags & DRM_DMASHARE_BO_NO_VMAP)
		return bo->dynamic ? &dmashare_dynamic_no_vmap_ops :
				     &dmashare_static_no_vmap_ops;

	return bo->dynamic ? &dmashare_dynamic_ops : &dmashare_static_ops;
}

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
		.ops = dmashare_export_ops(bo),
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};
	struct dma_buf *dmabuf;

	dmabuf = drm_gem_dmabuf_export(obj->dev, &info);
	if (!IS_ERR(dmabuf)) {
		dma_resv_lock(obj->resv, NULL);
		drm_WARN_ON(obj->dev, bo->dmabuf);
		bo->dmabuf = dmabuf;
		dma_resv_unlock(obj->resv);
	}
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
	/* Of all our tables. */
	if (dmabuf->ops->release != dmashare_export_release)
		return NULL;

	return dmabuf_to_bo(dmabuf);
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
