// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the window, a part of BAR4 in which buffers of another VM are
 *
 * It has two halves. What the device maps into the first can only be read: it
 * drops what a CPU, or another device, writes there. So nobody has to be trusted
 * with a buffer whose owner permits reading alone, and which half a buffer is in
 * is decided once, when it is opened.
 *
 * As with local memory, the device keeps no account of what is free; that is in a
 * drm_mm here. Unlike there nothing can be moved out to make room: the bytes are
 * another VM's.
 */
#include <linux/io.h>
#include <linux/pci.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static void dmashare_window_fini(struct drm_device *drm, void *unused)
{
	struct dmashare_window *window = &to_dmashare(drm)->window;

	drm_WARN_ON(drm, !drm_mm_clean(&window->mm));
	drm_mm_takedown(&window->mm);
}

/**
 * dmashare_window_init - find the device's window
 * @ddev: the device, whose limits are known
 *
 * Its bytes are memory of some other VM, and have no side effects. The host's
 * kernel keeps them coherent with how that VM has them mapped; here they are
 * mapped as local memory is, write-combined, for a CPU whose MTRRs say that a BAR
 * is not to be cached obeys no page table that says it is.
 *
 * Returns: 0, also when there is none; -EBUSY if that part of BAR4 is somebody
 * else's, -ENODEV if BAR4 is not as the registers say, or -ENOMEM
 */
int dmashare_window_init(struct dmashare_device *ddev)
{
	const struct dmashare_limits *limits = &ddev->limits;
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);
	struct dmashare_window *window = &ddev->window;
	u64 bar = pci_resource_len(pdev, DMASHARE_BAR_LOCAL);
	u64 size = limits->peer_size;
	int ret;

	mutex_init(&window->lock);
	if (!(limits->features & DMASHARE_FEATURE_PEER))
		return 0;

	if (!(pci_resource_flags(pdev, DMASHARE_BAR_LOCAL) & IORESOURCE_MEM) ||
	    !size || !PAGE_ALIGNED(size) || !PAGE_ALIGNED(limits->peer_offset) ||
	    limits->peer_offset < limits->local_size || limits->peer_offset > bar ||
	    size > (bar - limits->peer_offset) / 2) {
		drm_err(&ddev->drm, "no window of twice %llu bytes at %#llx of BAR%d\n",
			size, limits->peer_offset, DMASHARE_BAR_LOCAL);
		return -ENODEV;
	}

	window->phys = pci_resource_start(pdev, DMASHARE_BAR_LOCAL) + limits->peer_offset;
	if (!devm_request_mem_region(&pdev->dev, window->phys, 2 * size, DMASHARE_NAME))
		return -EBUSY;
	ret = devm_arch_io_reserve_memtype_wc(&pdev->dev, window->phys, 2 * size);
	if (ret)
		return ret;

	drm_mm_init(&window->mm, 0, 2 * size);
	window->size = size;
	window->free[0] = size;
	window->free[1] = size;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_window_fini, NULL);
}

/**
 * dmashare_window_free - bytes in no use, of the half that can only be read
 * @ddev: the device
 *
 * Returns: bytes
 */
u64 dmashare_window_free(struct dmashare_device *ddev)
{
	guard(mutex)(&ddev->window.lock);

	return ddev->window.free[0];
}

/**
 * dmashare_window_insert - find a place
 * @window: the window
 * @backing: its node is set
 * @write: in the half that can be written
 *
 * Returns: 0, -ENOSPC or -ENOMEM
 */
int dmashare_window_insert(struct dmashare_window *window,
			   struct dmashare_backing *backing, bool write)
{
	u64 start = write ? window->size : 0;
	int ret;

	guard(mutex)(&window->lock);

	ret = drm_mm_insert_node_in_range(&window->mm, &backing->node, backing->size,
					  PAGE_SIZE, 0, start, start + window->size,
					  DRM_MM_INSERT_BEST);
	if (!ret)
		window->free[write] -= backing->size;

	return ret;
}

/**
 * dmashare_window_remove - give a place back
 * @window: the window
 * @backing: of dmashare_window_insert()
 */
void dmashare_window_remove(struct dmashare_window *window,
			    struct dmashare_backing *backing)
{
	guard(mutex)(&window->lock);

	window->free[backing->node.start >= window->size] += backing->size;
	drm_mm_remove_node(&backing->node);
}
