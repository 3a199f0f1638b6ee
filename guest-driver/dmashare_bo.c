// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: buffers (GEM objects), their pages, and their mapping for the device
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "dmashare_drv.h"

/**
 * dmashare_bo_lookup - the buffer that a handle names
 * @drm_file: the client
 * @handle: GEM handle
 *
 * Returns: reference to the buffer, or -ENOENT
 */
struct dmashare_bo *dmashare_bo_lookup(struct drm_file *drm_file, u32 handle)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(drm_file, handle);

	return obj ? to_dmashare_bo(obj) : ERR_PTR(-ENOENT);
}

/**
 * dmashare_bo_find - the buffer that the device means
 * @ddev: the device
 * @id: buffer id
 *
 * Returns: reference to the buffer; NULL if there is none, or nobody has it any more
 */
struct dmashare_bo *dmashare_bo_find(struct dmashare_device *ddev, u32 id)
{
	struct dmashare_bo *bo;

	xa_lock(&ddev->buffers);
	bo = xa_load(&ddev->buffers, id);
	if (bo && !kref_get_unless_zero(&bo->base.refcount))
		bo = NULL;
	xa_unlock(&ddev->buffers);

	return bo;
}

/**
 * dmashare_bo_lost - did the buffer's bytes go away with the device?
 * @bo: a buffer of our own
 *
 * Returns: true if so
 */
bool dmashare_bo_lost(const struct dmashare_bo *bo)
{
	const struct dmashare_device *ddev = to_dmashare(bo->base.dev);

	return READ_ONCE(bo->lost) || (dmashare_placement_bar(bo->placement) &&
				       READ_ONCE(ddev->gone));
}

/*
 * Of a buffer that went with its device the kernel gets zeros, which it may
 * write to: there is nothing behind the BAR any more, or something else.
 */
static int dmashare_bo_vmap_first(struct dmashare_bo *bo)
{
	if (dmashare_bo_lost(bo)) {
		bo->vaddr = vzalloc(bo->base.size);
		bo->vaddr_lost = true;
	} else if (dmashare_placement_bar(bo->placement)) {
		bo->iomem = ioremap_wc(dmashare_backing_phys(bo->backing), bo->base.size);
	} else {
		bo->vaddr = vmap(bo->pages, dmashare_bo_num_pages(bo), VM_MAP, PAGE_KERNEL);
	}

	return bo->vaddr || bo->iomem ? 0 : -ENOMEM;
}

/**
 * dmashare_bo_vmap_locked - map a buffer of our own for the kernel
 * @bo: the buffer; its reservation lock is held
 * @map: filled in: memory, or I/O memory for a buffer in local memory
 *
 * The buffer stays where it is until it is unmapped. All callers get the same
 * address.
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_bo_vmap_locked(struct dmashare_bo *bo, struct iosys_map *map)
{
	int ret;

	dma_resv_assert_held(bo->base.resv);

	dmashare_bo_keep_locked(bo);
	ret = bo->vmap_count ? 0 : dmashare_bo_vmap_first(bo);
	if (ret) {
		dmashare_bo_unpin_locked(bo);
		return ret;
	}
	bo->vmap_count++;

	if (bo->iomem)
		iosys_map_set_vaddr_iomem(map, bo->iomem);
	else
		iosys_map_set_vaddr(map, bo->vaddr);

	return 0;
}

/**
 * dmashare_bo_vunmap_locked - undo dmashare_bo_vmap_locked()
 * @bo: the buffer; its reservation lock is held
 */
void dmashare_bo_vunmap_locked(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (drm_WARN_ON(bo->base.dev, !bo->vmap_count))
		return;

	if (!--bo->vmap_count) {
		if (bo->iomem)
			iounmap(bo->iomem);
		else if (bo->vaddr_lost)
			vfree(bo->vaddr);
		else
			vunmap(bo->vaddr);
		bo->iomem = NULL;
		bo->vaddr = NULL;
		bo->vaddr_lost = false;
	}
	dmashare_bo_unpin_locked(bo);
}

/**
 * dmashare_backing_get_sgt - pages, mapped for a device
 * @backing: in the system placement; its buffer's reservation lock is held, or
 *	nobody else knows it
 * @dev: who will do the DMA
 * @dir: direction
 *
 * Segments are no longer than @dev can have them; dma_map_sgtable() may make
 * fewer of them behind an IOMMU.
 *
 * Returns: the table; -EFBIG if the device cannot reach the memory, or another
 * error from the DMA API
 */
struct sg_table *dmashare_backing_get_sgt(struct dmashare_backing *backing,
					  struct device *dev,
					  enum dma_data_direction dir)
{
	u64 max = min_t(u64, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));
	struct sg_table *sgt;
	int ret;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);

	ret = dmashare_pages_sgt(sgt, backing->pages, backing->size >> PAGE_SHIFT, max,
				 dma_get_seg_boundary(dev), &backing->deal);
	if (ret)
		goto err_free;

	ret = dma_map_sgtable(dev, sgt, dir, 0);
	if (ret) {
		/* Beyond its addresses, and more than can be bounced. */
		if (ret == -EIO && dma_addressing_limited(dev))
			ret = -EFBIG;
		goto err_table;
	}

	return sgt;

err_table:
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

/**
 * dmashare_backing_put_sgt - undo dmashare_backing_get_sgt()
 * @dev: who did the DMA
 * @sgt: the table; freed
 * @dir: the direction it was mapped with
 */
void dmashare_backing_put_sgt(struct device *dev, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	dma_unmap_sgtable(dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

static struct iommu_domain *dmashare_iommu_domain(struct dmashare_device *ddev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(ddev->drm.dev);

	return domain && (domain->type & __IOMMU_DOMAIN_PAGING) ? domain : NULL;
}

/**
 * dmashare_iommu_translates - are the device's DMA addresses not physical ones?
 * @ddev: the device
 *
 * Returns: true behind an IOMMU that translates
 */
bool dmashare_iommu_translates(struct dmashare_device *ddev)
{
	return dmashare_iommu_domain(ddev);
}

/*
 * BO_STALE_DMA: take the IOMMU's translation away under a mapping that the
 * device has. The DMA address itself stays allocated, for otherwise the next
 * mapping of something innocent could get it.
 */
static void dmashare_bo_make_stale(struct dmashare_device *ddev, struct sg_table *sgt)
{
	struct iommu_domain *domain = dmashare_iommu_domain(ddev);
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (sg_dma_len(sg))
			iommu_unmap(domain, sg_dma_address(sg), sg_dma_len(sg));
}

/*
 * Puts the translation back, so that the DMA API finds what it made. A move may
 * need this before its fence signals, so nothing waits for memory here.
 */
static int dmashare_bo_unmake_stale(struct dmashare_device *ddev, struct sg_table *sgt)
{
	struct iommu_domain *domain = dmashare_iommu_domain(ddev);
	struct sg_dma_page_iter dma_iter;
	struct sg_page_iter page_iter;
	int ret;

	__sg_page_iter_start(&dma_iter.base, sgt->sgl, sgt->nents, 0);
	__sg_page_iter_start(&page_iter, sgt->sgl, sgt->orig_nents, 0);
	while (__sg_page_iter_dma_next(&dma_iter) && __sg_page_iter_next(&page_iter)) {
		ret = iommu_map(domain, sg_page_iter_dma_address(&dma_iter),
				page_to_phys(sg_page_iter_page(&page_iter)), PAGE_SIZE,
				IOMMU_READ | IOMMU_WRITE, GFP_ATOMIC);
		if (ret)
			return ret;
	}

	return 0;
}

/**
 * dmashare_backing_map - map memory of a buffer for the device
 * @bo: the buffer; its reservation lock is held, and the caller is inside
 *	drm_dev_enter(): removal waits for it, and then undoes what it did
 * @backing: the memory
 * @map: out: the mapping
 * @sgt: out: what it was made from; NULL for what is behind a BAR
 * @stale: out: whether it was made stale
 *
 * Returns: 0, -EFBIG and -ENOSPC as dmashare_map(), or another error
 */
int dmashare_backing_map(struct dmashare_bo *bo, struct dmashare_backing *backing,
			 struct dmashare_mapping **map, struct sg_table **sgt,
			 bool *stale)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	u32 flags = 0;

	*sgt = NULL;
	*stale = false;

	if (dmashare_placement_bar(backing->placement)) {
		*map = dmashare_map_bar(ddev, backing, bo->id, bo->dir);
		return PTR_ERR_OR_ZERO(*map);
	}

	*sgt = dmashare_backing_get_sgt(backing, ddev->drm.dev, bo->dir);
	if (IS_ERR(*sgt))
		return PTR_ERR(*sgt);

	if (bo->flags & DRM_DMASHARE_BO_SKIP_MAP)
		flags |= DMASHARE_MAP_F_SKIP_SYNC;
	*map = dmashare_map(ddev, *sgt, bo->base.size, bo->id, 0, bo->dir, flags);
	if (IS_ERR(*map)) {
		dmashare_backing_put_sgt(ddev->drm.dev, *sgt, bo->dir);
		return PTR_ERR(*map);
	}

	if (bo->flags & DRM_DMASHARE_BO_STALE_DMA) {
		dmashare_bo_make_stale(ddev, *sgt);
		*stale = true;
	}

	return 0;
}

/**
 * dmashare_backing_unmap - undo dmashare_backing_map()
 * @bo: the buffer
 * @map: the mapping; freed
 * @sgt: what it was made from, or NULL; freed
 * @stale: whether it was made stale
 */
void dmashare_backing_unmap(struct dmashare_bo *bo, struct dmashare_mapping *map,
			    struct sg_table *sgt, bool stale)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	u32 flags = 0;

	if (bo->flags & DRM_DMASHARE_BO_SKIP_UNMAP)
		flags |= DMASHARE_UNMAP_F_SKIP_SYNC;
	dmashare_unmap(ddev, map, flags);
	if (sgt && stale && dmashare_bo_unmake_stale(ddev, sgt)) {
		/* The DMA address is lost, which harms nobody. */
		drm_warn(&ddev->drm, "a stale DMA address could not be made good\n");
		sg_free_table(sgt);
		kfree(sgt);
	} else if (sgt) {
		dmashare_backing_put_sgt(ddev->drm.dev, sgt, bo->dir);
	}
	dmashare_unmapped(ddev);
}

/* On an error the buffer is as it was. */
static int dmashare_bo_map_own(struct dmashare_bo *bo)
{
	struct dmashare_mapping *map;
	struct sg_table *sgt;
	bool stale;
	int ret;

	ret = dmashare_backing_map(bo, bo->backing, &map, &sgt, &stale);
	/* Nothing is there in the window: withdrawn, though its event has not come. */
	if (ret == -EINVAL && bo->peer)
		ret = -ESTALE;
	if (ret)
		return ret;

	bo->map = map;
	bo->sgt = sgt;
	bo->stale = stale;

	return 0;
}

/**
 * dmashare_bo_map_locked - make sure that the device has a mapping of the buffer
 * @bo: the buffer; its reservation lock is held, and the caller is inside
 *	drm_dev_enter(): removal waits for it, and then undoes what it did
 *
 * A buffer of our own is mapped by the first job that uses it, and stays so
 * until it is freed or moved.
 *
 * Returns: 0, -EFBIG and -ENOSPC as dmashare_map(), -ESTALE for another VM's that
 * was taken back, or another error
 */
int dmashare_bo_map_locked(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (dmashare_peer_bo_stale(bo))
		return -ESTALE;
	dmashare_local_touch(bo);
	if (bo->map)
		return 0;
	if (dmashare_bo_imported(bo))
		return dmashare_import_map_locked(bo);

	return dmashare_bo_map_own(bo);
}

/**
 * dmashare_bo_unmap_locked - take the buffer from the device
 * @bo: the buffer; its reservation lock is held. Not mapped is fine.
 *
 * The caller made sure that no client's job uses the mapping: the device would
 * fail it. A move that is not done yet is waited for.
 */
void dmashare_bo_unmap_locked(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (!bo->map)
		return;

	if (dmashare_bo_imported(bo)) {
		dmashare_import_unmap_locked(bo);
		return;
	}

	dmashare_move_wait(bo->move, false);
	dmashare_backing_unmap(bo, bo->map, bo->sgt, bo->stale);
	bo->map = NULL;
	bo->sgt = NULL;
	bo->stale = false;
}

/**
 * dmashare_bo_wait_locked - wait for the device's jobs that use a buffer
 * @bo: the buffer; its reservation lock is held, so no job is added
 * @interruptible: by a signal
 *
 * Jobs of other devices are not waited for: they have mappings of their own.
 *
 * Returns: 0 or -ERESTARTSYS
 */
int dmashare_bo_wait_locked(struct dmashare_bo *bo, bool interruptible)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	long ret;

	/* Its jobs' fences are not in the reservation, only the move's own is. */
	ret = dmashare_move_wait(bo->move, interruptible);
	if (ret)
		return ret;

	dma_resv_for_each_fence(&cursor, bo->base.resv, DMA_RESV_USAGE_BOOKKEEP, fence) {
		if (!dmashare_job_fence(ddev, fence))
			continue;
		ret = dma_fence_wait(fence, interruptible);
		if (ret)
			return ret;
	}

	return 0;
}

/**
 * dmashare_bo_revoke_all - undo all mappings for a device that goes away
 * @ddev: the device, unplugged, so that no mapping is made any more
 */
void dmashare_bo_revoke_all(struct dmashare_device *ddev)
{
	struct dmashare_bo *bo;
	unsigned long index;

	xa_lock(&ddev->buffers);
	xa_for_each(&ddev->buffers, index, bo) {
		/* One whose last reference is gone unmaps itself. */
		if (!kref_get_unless_zero(&bo->base.refcount))
			continue;
		xa_unlock(&ddev->buffers);

		dma_resv_lock(bo->base.resv, NULL);
		if (!dmashare_bo_imported(bo))
			dmashare_bo_leave_locked(bo);
		dmashare_bo_unmap_locked(bo);
		dma_resv_unlock(bo->base.resv);
		drm_gem_object_put(&bo->base);

		xa_lock(&ddev->buffers);
	}
	xa_unlock(&ddev->buffers);

	wait_event(ddev->unmapped, !atomic_read(&ddev->live_mappings));
}

/*
 * The last reference may be that of who makes room in local memory, and who does
 * that holds the lock of another buffer. To wait for a second one there would be
 * wrong; but nobody has that of a buffer without references, unless it is that of
 * another driver's dma-buf, and such a buffer is not in local memory.
 */
static void dmashare_gem_free_lock(struct drm_gem_object *obj)
{
	if (dmashare_bo_imported(to_dmashare_bo(obj)))
		dma_resv_lock(obj->resv, NULL);
	else if (drm_WARN_ON(obj->dev, !dma_resv_trylock(obj->resv)))
		dma_resv_lock(obj->resv, NULL);
}

static void dmashare_gem_free(struct drm_gem_object *obj)
{
	struct dmashare_device *ddev = to_dmashare(obj->dev);
	struct dmashare_bo *bo = to_dmashare_bo(obj);

	dmashare_local_forget(bo);
	dmashare_gem_free_lock(obj);
	dmashare_share_free(bo);
	dmashare_bo_unmap_locked(bo);
	dma_resv_unlock(obj->resv);

	dmashare_detach(ddev, &bo->self);
	dmashare_peer_bo_free(bo);
	dmashare_buffer_destroy(ddev, bo);

	/* Detaches and drops the foreign dma-buf; it was unmapped above. */
	if (obj->import_attach)
		drm_prime_gem_destroy(obj, NULL);

	drm_WARN_ON(obj->dev, bo->vmap_count);
	drm_WARN_ON(obj->dev, bo->pin_count);
	if (bo->zero_page)
		__free_page(bo->zero_page);
	dmashare_backing_put(bo->saved);
	dmashare_backing_put(bo->backing);
	dmashare_move_put(bo->move);
	dma_fence_put(bo->hold);
	drm_gem_object_release(obj);
	kfree(bo);
}

/*
 * The reservation lock for a page fault: without keeping the address space
 * locked during a long wait, if the fault may be tried again.
 */
static vm_fault_t dmashare_fault_lock(struct vm_fault *vmf, struct drm_gem_object *obj)
{
	if (dma_resv_trylock(obj->resv))
		return 0;

	if (!fault_flag_allow_retry_first(vmf->flags))
		return dma_resv_lock_interruptible(obj->resv, NULL) ? VM_FAULT_NOPAGE : 0;

	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		drm_gem_object_get(obj);
		mmap_read_unlock(vmf->vma->vm_mm);
		if (!dma_resv_lock_interruptible(obj->resv, NULL))
			dma_resv_unlock(obj->resv);
		drm_gem_object_put(obj);
	}

	return VM_FAULT_RETRY;
}

/* Waits for the bytes to be there, in the same way. On an error it is unlocked. */
static vm_fault_t dmashare_fault_wait(struct vm_fault *vmf, struct drm_gem_object *obj)
{
	vm_fault_t ret = VM_FAULT_RETRY;
	int error;

	if (dma_resv_test_signaled(obj->resv, DMA_RESV_USAGE_KERNEL))
		return 0;

	if (!fault_flag_allow_retry_first(vmf->flags)) {
		error = dmashare_bo_wait_kernel(to_dmashare_bo(obj), true);
		if (error != -ERESTARTSYS)
			return 0;
		ret = VM_FAULT_NOPAGE;
	} else if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		drm_gem_object_get(obj);
		mmap_read_unlock(vmf->vma->vm_mm);
		dmashare_bo_wait_kernel(to_dmashare_bo(obj), true);
		dma_resv_unlock(obj->resv);
		drm_gem_object_put(obj);
		return VM_FAULT_RETRY;
	}
	dma_resv_unlock(obj->resv);

	return ret;
}

/*
 * Maps one page of the buffer where it is now. When it moves, the mapping is
 * taken away under the same lock, and the next access comes here again. If the
 * bytes went with the device there is one page for all of the buffer: zeros, and
 * then whatever user space writes there, for nobody.
 */
static vm_fault_t dmashare_gem_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct dmashare_bo *bo = to_dmashare_bo(obj);
	pgoff_t pgoff = vmf->pgoff - drm_vma_node_start(&obj->vma_node);
	pgprot_t prot = vma->vm_page_prot;
	unsigned long pfn;
	vm_fault_t ret;

	if (pgoff >= dmashare_bo_num_pages(bo))
		return VM_FAULT_SIGBUS;

	ret = dmashare_fault_lock(vmf, obj);
	if (ret)
		return ret;
	ret = dmashare_fault_wait(vmf, obj);
	if (ret)
		return ret;

	if (dmashare_bo_lost(bo)) {
		if (!bo->zero_page)
			bo->zero_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!bo->zero_page) {
			ret = VM_FAULT_OOM;
			goto out_unlock;
		}
		pfn = page_to_pfn(bo->zero_page);
	} else if (dmashare_placement_bar(bo->placement)) {
		pfn = PHYS_PFN(dmashare_backing_phys(bo->backing)) + pgoff;
		prot = pgprot_decrypted(pgprot_writecombine(prot));
	} else {
		pfn = page_to_pfn(bo->pages[pgoff]);
	}
	ret = vmf_insert_pfn_prot(vma, vmf->address, pfn, prot);

out_unlock:
	dma_resv_unlock(obj->resv);

	return ret;
}

static const struct vm_operations_struct dmashare_gem_vm_ops = {
	.fault = dmashare_gem_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

/* Both for mmap of the DRM file and, by drm_gem_prime_mmap(), of a dma-buf. */
static int dmashare_gem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct dmashare_bo *bo = to_dmashare_bo(obj);

	if (dmashare_bo_imported(bo))
		return -EOPNOTSUPP;

	/* A private mapping would be a copy that no device ever sees. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;

	if (dmashare_peer_bo_stale(bo))
		return -ESTALE;
	if (dmashare_peer_bo_read_only(bo)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		/* Nor may it be made writable later. */
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	if (bo->dynamic)
		vm_flags_set(vma, VM_IO);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);

	return 0;
}

static const struct drm_gem_object_funcs dmashare_gem_funcs = {
	.close = dmashare_peer_bo_close,
	.free = dmashare_gem_free,
	.export = dmashare_gem_export,
	.mmap = dmashare_gem_mmap,
	.vm_ops = &dmashare_gem_vm_ops,
};

/**
 * dmashare_bo_alloc - a buffer without memory, not known to the device
 * @ddev: the device
 * @size: bytes, whole pages
 *
 * Returns: the buffer, or -ENOMEM
 */
struct dmashare_bo *dmashare_bo_alloc(struct dmashare_device *ddev, size_t size)
{
	struct dmashare_bo *bo;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return ERR_PTR(-ENOMEM);

	bo->base.funcs = &dmashare_gem_funcs;
	bo->dir = DMA_BIDIRECTIONAL;
	INIT_LIST_HEAD(&bo->lru);
	drm_gem_private_object_init(&ddev->drm, &bo->base, size);

	return bo;
}

/* Memory, which the device knows of and which is clear for whoever uses it. */
static int dmashare_bo_populate(struct dmashare_device *ddev, struct dmashare_bo *bo)
{
	struct dmashare_backing *backing;
	int ret;

	backing = dmashare_backing_alloc(bo, bo->placement, true);
	if (IS_ERR(backing))
		return PTR_ERR(backing);
	bo->backing = backing;
	bo->pages = backing->pages;

	ret = dmashare_buffer_create(ddev, bo);
	if (ret || bo->placement != DMASHARE_PLACEMENT_LOCAL)
		return ret;

	/* Nobody else knows the buffer. */
	dma_resv_lock(bo->base.resv, NULL);
	ret = dmashare_bo_clear_locked(bo);
	dmashare_local_touch(bo);
	dma_resv_unlock(bo->base.resv);

	return ret;
}

/**
 * dmashare_bo_create - a buffer with memory of our own
 * @ddev: the device
 * @args: of the ioctl, checked; size in whole pages
 *
 * Returns: the buffer, -ENOMEM, -EINTR, or an error of dmashare_backing_alloc(),
 * dmashare_buffer_create() or dmashare_bo_clear_locked()
 */
struct dmashare_bo *dmashare_bo_create(struct dmashare_device *ddev,
				       const struct drm_dmashare_bo_create *args)
{
	struct dmashare_bo *bo;
	int ret;

	bo = dmashare_bo_alloc(ddev, args->size);
	if (IS_ERR(bo))
		return bo;

	bo->flags = args->flags;
	bo->placement = args->placement;
	bo->dynamic = args->flags & DRM_DMASHARE_BO_DYNAMIC ||
		      (ddev->local.size && !(args->flags & DRM_DMASHARE_BO_STATIC));
	memcpy(bo->name, args->name, sizeof(bo->name));

	/*
	 * Without an offset for mmap(), until somebody asks for one: the offsets of all
	 * buffers are a tree, and most buffers are never mapped by a CPU.
	 */
	ret = dmashare_bo_populate(ddev, bo);
	if (ret) {
		drm_gem_object_put(&bo->base);
		return ERR_PTR(ret == -ERESTARTSYS ? -EINTR : ret);
	}

	return bo;
}
