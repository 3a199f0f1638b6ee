// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the CPU copies between the system and local memory
 *
 * Which it does only where the device cannot: when a reset took the jobs of a
 * move, or while the system goes to sleep.
 */
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include <drm/drm_drv.h>

#include "dmashare_drv.h"

/* What is mapped of local memory at once, if the kernel can. */
#define DMASHARE_COPY_WINDOW	SZ_64M

/* The same part of @from and @to; or zeros, to new local memory. */
static int dmashare_copy_window(struct dmashare_backing *from, struct dmashare_backing *to,
				u64 offset, u64 length)
{
	const bool out = to->placement == DMASHARE_PLACEMENT_SYSTEM;
	struct dmashare_backing *local = out ? from : to;
	struct dmashare_backing *system = out ? to : from;
	void __iomem *iomem;
	u64 done;

	iomem = ioremap_wc(dmashare_backing_phys(local) + offset, length);
	if (!iomem)
		return -ENOMEM;

	for (done = 0; done < length; done += PAGE_SIZE) {
		void *vaddr;

		if (!system) {
			memset_io(iomem + done, 0, PAGE_SIZE);
			continue;
		}
		vaddr = kmap_local_page(system->pages[(offset + done) >> PAGE_SHIFT]);
		if (out)
			memcpy_fromio(vaddr, iomem + done, PAGE_SIZE);
		else
			memcpy_toio(iomem + done, vaddr, PAGE_SIZE);
		kunmap_local(vaddr);
		cond_resched();
	}
	iounmap(iomem);

	return 0;
}

/**
 * dmashare_backing_copy - copy from or to local memory
 * @ddev: the device
 * @from: NULL for zeros
 * @to: as large; one of the two is in local memory, the other is not
 *
 * Nobody writes to @from meanwhile. What little memory it takes to have local
 * memory mapped comes from the reserves: this may be on the way to a fence, and to
 * wait for memory could be to wait for ourselves.
 *
 * Returns: 0; -ENOMEM; -ENODEV if the device is gone, -EIO if it does not answer,
 * so that what was read are no bytes of its
 */
int dmashare_backing_copy(struct dmashare_device *ddev, struct dmashare_backing *from,
			  struct dmashare_backing *to)
{
	u64 offset, length = DMASHARE_COPY_WINDOW;
	unsigned int noreclaim;
	int ret = 0, idx;

	if (!drm_dev_enter(&ddev->drm, &idx))
		return -ENODEV;

	noreclaim = memalloc_noreclaim_save();
	for (offset = 0; !ret && offset < to->size; ) {
		length = min(length, to->size - offset);
		ret = dmashare_copy_window(from, to, offset, length);
		if (!ret) {
			offset += length;
		} else if (length > PAGE_SIZE) {
			length = PAGE_ALIGN(length / 2);
			ret = 0;
		}
	}
	memalloc_noreclaim_restore(noreclaim);
	if (!ret && !dmashare_hw_present(ddev))
		ret = -EIO;
	drm_dev_exit(idx);

	return ret;
}
