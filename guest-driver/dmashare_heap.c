// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: a dma-heap of local memory
 *
 * /dev/dma_heap/dmashare-local gives out dma-bufs in local memory, for programs
 * that know nothing of this driver's ioctls. A second device with local memory
 * has dmashare-local1, and so on.
 *
 * The kernel has no way to take a heap away: its node stays until the machine is
 * switched off, and opens into the code of this module. So once there is a heap
 * this module cannot be unloaded any more, which is why there is none unless
 * the module parameter "heap" asks for it. A device can go: its heap then gives
 * ENODEV, and is the heap of the next one that comes.
 */
#include "compat.h"

#ifdef DMASHARE_HEAP
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static bool dmashare_heap_wanted;
module_param_named(heap, dmashare_heap_wanted, bool, 0444);
MODULE_PARM_DESC(heap,
		 "Make a dma-heap of local memory, and the module impossible to unload (default off)");

/**
 * struct dmashare_heap - a heap; never freed
 * @link: in dmashare_heaps
 * @ddev: the device it gives out the memory of, NULL while that is absent;
 *	protected by dmashare_heap_lock
 * @name: of the node
 */
struct dmashare_heap {
	struct list_head link;
	struct dmashare_device *ddev;
	char name[32];
};

static DEFINE_MUTEX(dmashare_heap_lock);
static LIST_HEAD(dmashare_heaps);

/* The heap's device, which does not end before the reference is dropped. */
static struct dmashare_device *dmashare_heap_device(struct dmashare_heap *heap)
{
	guard(mutex)(&dmashare_heap_lock);

	if (heap->ddev)
		drm_dev_get(&heap->ddev->drm);

	return heap->ddev;
}

static struct dma_buf *dmashare_heap_allocate(struct dma_heap *dma_heap,
					      unsigned long len, u32 fd_flags,
					      u64 heap_flags)
{
	struct dmashare_heap *heap = dma_heap_get_drvdata(dma_heap);
	struct dmashare_device *ddev = dmashare_heap_device(heap);
	struct drm_dmashare_bo_create args = {
		.size = len,
		.placement = DMASHARE_PLACEMENT_LOCAL,
	};
	struct dma_buf *dmabuf;
	struct dmashare_bo *bo;

	if (!ddev)
		return ERR_PTR(-ENODEV);

	strscpy_pad(args.name, heap->name, sizeof(args.name));
	bo = dmashare_bo_create(ddev, &args);
	if (IS_ERR(bo)) {
		dmabuf = ERR_CAST(bo);
	} else {
		dmabuf = dmashare_gem_export(&bo->base, fd_flags);
		/* The dma-buf keeps the buffer now. */
		drm_gem_object_put(&bo->base);
	}
	drm_dev_put(&ddev->drm);

	return dmabuf;
}

static const struct dma_heap_ops dmashare_heap_ops = {
	.allocate = dmashare_heap_allocate,
};

/* Adds a heap that has no device yet. */
static struct dmashare_heap *dmashare_heap_add(void)
{
	struct dmashare_heap *heap;
	struct dma_heap_export_info info = { .ops = &dmashare_heap_ops };
	unsigned int n = list_count_nodes(&dmashare_heaps);
	struct dma_heap *dma_heap;

	lockdep_assert_held(&dmashare_heap_lock);

	heap = kzalloc(sizeof(*heap), GFP_KERNEL);
	if (!heap)
		return ERR_PTR(-ENOMEM);

	if (n)
		snprintf(heap->name, sizeof(heap->name), "dmashare-local%u", n);
	else
		strscpy(heap->name, "dmashare-local");
	info.name = heap->name;
	info.priv = heap;
	/* For ever; before anybody can open the node. */
	__module_get(THIS_MODULE);
	dma_heap = dma_heap_add(&info);
	if (IS_ERR(dma_heap)) {
		module_put(THIS_MODULE);
		kfree(heap);
		return ERR_CAST(dma_heap);
	}
	list_add_tail(&heap->link, &dmashare_heaps);

	return heap;
}

/**
 * dmashare_heap_bind - make a heap give out the device's local memory
 * @ddev: the device, registered
 *
 * Without local memory, or the module parameter, there is none. If there cannot
 * be one the device works without.
 */
void dmashare_heap_bind(struct dmashare_device *ddev)
{
	struct dmashare_heap *heap;

	if (!dmashare_heap_wanted || !ddev->local.size)
		return;

	guard(mutex)(&dmashare_heap_lock);

	list_for_each_entry(heap, &dmashare_heaps, link)
		if (!heap->ddev)
			goto found;

	heap = dmashare_heap_add();
	if (IS_ERR(heap)) {
		drm_warn(&ddev->drm, "no dma-heap (%ld)\n", PTR_ERR(heap));
		return;
	}

found:
	heap->ddev = ddev;
}

/**
 * dmashare_heap_unbind - the device is about to go
 * @ddev: the device
 *
 * What was given out stays what it is.
 */
void dmashare_heap_unbind(struct dmashare_device *ddev)
{
	struct dmashare_heap *heap;

	guard(mutex)(&dmashare_heap_lock);

	list_for_each_entry(heap, &dmashare_heaps, link)
		if (heap->ddev == ddev)
			heap->ddev = NULL;
}

DMASHARE_IMPORT_NS(DMA_BUF_HEAP);
#endif /* DMASHARE_HEAP */
