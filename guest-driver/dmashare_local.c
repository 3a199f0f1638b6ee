// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: what buffers are made of, and the device's local memory
 *
 * A backing is the memory behind a buffer: pages of the system, a range of local
 * memory, or one of the window (dmashare_window.c). It is counted, for it has to
 * outlive the buffer's stay in it: while the buffer moves the engine still reads
 * the old one, and an importer may keep a mapping of it for a while after it was
 * told of the move.
 *
 * Local memory is behind BAR4. The device keeps no account of it; who has what
 * is in a drm_mm here. When it is full, buffers that nobody keeps there are
 * moved to the system, the one that was not used for the longest time first.
 */
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static void dmashare_local_fini(struct drm_device *drm, void *unused)
{
	struct dmashare_local *local = &to_dmashare(drm)->local;

	drm_WARN_ON(drm, !drm_mm_clean(&local->mm));
	drm_mm_takedown(&local->mm);
}

/**
 * dmashare_local_init - find the device's local memory
 * @ddev: the device, whose limits are known
 *
 * It may be much more than what the kernel wants to have mapped: that is done
 * for a buffer where it is needed.
 *
 * Returns: 0, also when there is none; -EBUSY if BAR4 is somebody else's,
 * -ENODEV if it is not as the registers say, or -ENOMEM
 */
int dmashare_local_init(struct dmashare_device *ddev)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);
	struct dmashare_local *local = &ddev->local;
	u64 size = ddev->limits.local_size;
	int ret;

	mutex_init(&local->lock);
	INIT_LIST_HEAD(&local->lru);

	if (!(ddev->limits.features & DMASHARE_FEATURE_LOCAL) || !size)
		return 0;

	if (!(pci_resource_flags(pdev, DMASHARE_BAR_LOCAL) & IORESOURCE_MEM) ||
	    pci_resource_len(pdev, DMASHARE_BAR_LOCAL) < size ||
	    !PAGE_ALIGNED(size)) {
		drm_err(&ddev->drm, "no BAR%d of %llu bytes\n", DMASHARE_BAR_LOCAL, size);
		return -ENODEV;
	}

	local->phys = pci_resource_start(pdev, DMASHARE_BAR_LOCAL);
	if (!devm_request_mem_region(&pdev->dev, local->phys, size, DMASHARE_NAME))
		return -EBUSY;

	/* Memory without side effects: writes of user space may be put together. */
	ret = devm_arch_io_reserve_memtype_wc(&pdev->dev, local->phys, size);
	if (ret)
		return ret;

	drm_mm_init(&local->mm, 0, size);
	local->size = size;
	local->free = size;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_local_fini, NULL);
}

/**
 * dmashare_local_free - bytes of local memory that are in no use
 * @ddev: the device
 *
 * What a move, or the clearing of a buffer that was freed meanwhile, is about to
 * give back is waited for, for a second at most.
 *
 * Returns: bytes
 */
u64 dmashare_local_free(struct dmashare_device *ddev)
{
	struct dmashare_move *move;
	int ret = 0;

	while (!ret) {
		move = dmashare_move_pending(ddev);
		if (!move)
			break;
		ret = dmashare_move_wait_dropped(move, true, HZ);
		dmashare_move_put(move);
	}

	guard(mutex)(&ddev->local.lock);

	return ddev->local.free;
}

/**
 * dmashare_backing_phys - where the CPU finds a range of local memory
 * @backing: in local memory, or in the window
 *
 * Returns: physical address
 */
phys_addr_t dmashare_backing_phys(const struct dmashare_backing *backing)
{
	const struct dmashare_device *ddev = backing->ddev;

	if (backing->placement == DMASHARE_PLACEMENT_PEER)
		return ddev->window.phys + backing->node.start;

	return ddev->local.phys + backing->node.start;
}

/**
 * dmashare_local_touch - the buffer was used
 * @bo: a buffer of our own; its reservation lock is held
 *
 * Whoever makes a buffer, moves it, or gives a job its mapping calls this.
 */
void dmashare_local_touch(struct dmashare_bo *bo)
{
	struct dmashare_local *local = &to_dmashare(bo->base.dev)->local;

	dma_resv_assert_held(bo->base.resv);

	if (!local->size || dmashare_bo_imported(bo))
		return;

	mutex_lock(&local->lock);
	if (bo->placement == DMASHARE_PLACEMENT_LOCAL && bo->dynamic)
		list_move_tail(&bo->lru, &local->lru);
	else
		list_del_init(&bo->lru);
	mutex_unlock(&local->lock);
}

/**
 * dmashare_local_forget - the buffer is about to be freed
 * @bo: a buffer without references
 *
 * When this returns nobody finds it any more on the way to make room.
 */
void dmashare_local_forget(struct dmashare_bo *bo)
{
	struct dmashare_local *local = &to_dmashare(bo->base.dev)->local;

	mutex_lock(&local->lock);
	list_del_init(&bo->lru);
	mutex_unlock(&local->lock);
}

/*
 * A buffer that could be moved out: its lock is held, and a reference. Only
 * locks that are free are taken: ours are held already, in no order.
 */
static struct dmashare_bo *dmashare_local_victim(struct dmashare_local *local)
{
	struct dmashare_bo *bo;

	guard(mutex)(&local->lock);

	list_for_each_entry(bo, &local->lru, lru) {
		/* It stays in memory as long as it is in the list. */
		if (!dma_resv_trylock(bo->base.resv))
			continue;
		if (!bo->pin_count && kref_get_unless_zero(&bo->base.refcount)) {
			/* If it cannot be moved, others are asked first. */
			list_move_tail(&bo->lru, &local->lru);
			return bo;
		}
		dma_resv_unlock(bo->base.resv);
	}

	return NULL;
}

/*
 * Moves one buffer out and waits until its range is free. The wait is for the
 * fences of that buffer; none of them can depend on a lock that we hold.
 */
static int dmashare_local_evict(struct dmashare_device *ddev, bool interruptible)
{
	struct dmashare_move *move;
	struct dmashare_bo *bo;
	int ret;

	bo = dmashare_local_victim(&ddev->local);
	if (bo) {
		ret = dmashare_bo_move_locked(bo, DMASHARE_PLACEMENT_SYSTEM, interruptible);
		move = ret ? NULL : dmashare_move_get(bo);
		dma_resv_unlock(bo->base.resv);
		drm_gem_object_put(&bo->base);
		if (!move)
			return ret;
		ret = dmashare_move_wait(move, interruptible);
	} else {
		/* Somebody else may be about to make room. */
		move = dmashare_move_pending(ddev);
		if (!move)
			return -ENOSPC;
		ret = dmashare_move_wait_dropped(move, interruptible, MAX_SCHEDULE_TIMEOUT);
	}
	dmashare_move_put(move);

	return ret;
}

static int dmashare_local_insert(struct dmashare_local *local,
				 struct dmashare_backing *backing)
{
	int ret;

	guard(mutex)(&local->lock);

	ret = drm_mm_insert_node_generic(&local->mm, &backing->node, backing->size,
					 PAGE_SIZE, 0, DRM_MM_INSERT_BEST);
	if (!ret)
		local->free -= backing->size;

	return ret;
}

static int dmashare_local_alloc(struct dmashare_device *ddev,
				struct dmashare_backing *backing, bool interruptible)
{
	int ret;

	if (backing->size > ddev->local.size)
		return -ENOSPC;

	do {
		if (READ_ONCE(ddev->gone))
			return -ENODEV;
		ret = dmashare_local_insert(&ddev->local, backing);
		if (ret != -ENOSPC)
			return ret;
		ret = dmashare_local_evict(ddev, interruptible);
	} while (!ret);

	return ret;
}

/**
 * dmashare_backing_new - a backing that has no memory yet
 * @bo: the buffer it is to be of
 * @placement: where the memory will be
 *
 * Returns: the backing, for kfree() as long as it has none; or NULL
 */
struct dmashare_backing *dmashare_backing_new(struct dmashare_bo *bo, u32 placement)
{
	struct dmashare_backing *backing = kzalloc(sizeof(*backing), GFP_KERNEL);

	if (!backing)
		return NULL;

	kref_init(&backing->ref);
	backing->ddev = to_dmashare(bo->base.dev);
	backing->placement = placement;
	backing->size = bo->base.size;

	return backing;
}

/**
 * dmashare_backing_alloc - memory for a buffer
 * @bo: the buffer, of which flags and size count; it has no pages
 * @placement: where
 * @interruptible: whether a signal ends waits
 *
 * Buffers are moved out of local memory when there is no room. New pages are
 * cleared, local memory is not: see dmashare_bo_clear_locked().
 *
 * Returns: the backing; -ENOSPC if there is no room in local memory and nothing
 * there that could be moved out, -ERESTARTSYS, -ENODEV, -ENOMEM or an error of
 * dmashare_pages_alloc()
 */
struct dmashare_backing *dmashare_backing_alloc(struct dmashare_bo *bo, u32 placement,
						bool interruptible)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_backing *backing;
	int ret;

	backing = dmashare_backing_new(bo, placement);
	if (!backing)
		return ERR_PTR(-ENOMEM);

	if (placement == DMASHARE_PLACEMENT_LOCAL) {
		ret = dmashare_local_alloc(ddev, backing, interruptible);
	} else {
		ret = dmashare_pages_alloc(bo);
		if (!ret)
			swap(backing->pages, bo->pages);
	}
	if (ret) {
		kfree(backing);
		return ERR_PTR(ret);
	}

	return backing;
}

static void dmashare_backing_free(struct kref *ref)
{
	struct dmashare_backing *backing = container_of(ref, struct dmashare_backing, ref);
	struct dmashare_local *local = &backing->ddev->local;

	if (backing->placement == DMASHARE_PLACEMENT_LOCAL) {
		mutex_lock(&local->lock);
		drm_mm_remove_node(&backing->node);
		local->free += backing->size;
		mutex_unlock(&local->lock);
	} else if (backing->placement == DMASHARE_PLACEMENT_PEER) {
		dmashare_window_remove(&backing->ddev->window, backing);
	} else {
		dmashare_pages_free(backing->pages, backing->size >> PAGE_SHIFT);
	}
	kfree(backing);
}

/**
 * dmashare_backing_get - take a reference
 * @backing: the backing
 *
 * Returns: @backing
 */
struct dmashare_backing *dmashare_backing_get(struct dmashare_backing *backing)
{
	kref_get(&backing->ref);

	return backing;
}

/**
 * dmashare_backing_put - drop a reference; the last one frees the memory
 * @backing: the backing, or NULL; no device may use it any more
 */
void dmashare_backing_put(struct dmashare_backing *backing)
{
	if (backing)
		kref_put(&backing->ref, dmashare_backing_free);
}
