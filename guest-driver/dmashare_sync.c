// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: a device that is not coherent
 *
 * Such a device works on copies of its own of a buffer's bytes. What it wrote
 * is not in memory, and what was written to memory it does not see, until one
 * of the calls that the DMA API has for this tells it:
 *
 *	dma_map_sgtable()		the device drops its copies: MAP
 *	dma_sync_sgtable_for_cpu()	it writes what it wrote to memory: SYNC
 *	dma_sync_sgtable_for_device()	it drops its copies: SYNC
 *	dma_unmap_sgtable()		it writes what it wrote to memory: UNMAP
 *
 * Elsewhere the DMA API does this by operating on the CPU's caches. On x86 the
 * calls do nothing (devices are coherent there), and there is no hook by which
 * they could reach our device. So where a buffer is ours, or of another device
 * of this driver, the driver's own exporter has the device do it along with the
 * DMA API's calls. Nobody would do it for a buffer of a foreign exporter: that
 * one is mapped with MAP_F_UNCACHED, past the copies.
 */
#include <drm/drm_drv.h>

#include "dmashare_drv.h"

/**
 * dmashare_sync_locked - hand a buffer from its device to the CPU or back
 * @bo: the buffer; its reservation lock is held
 * @dir: direction, named from the device
 * @for_cpu: to the CPU, else back
 *
 * Does nothing for a device that is coherent or gone, and for a buffer that it
 * has not mapped. Waits for the device to be done with it, but not for jobs:
 * who wants to see their writes has waited for their fences.
 *
 * Returns: 0, or why the bytes are not where they should be: the command's error
 */
int dmashare_sync_locked(struct dmashare_bo *bo, enum dma_data_direction dir,
			 bool for_cpu)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_desc desc;
	int ret, idx;

	dma_resv_assert_held(bo->base.resv);

	if (!dmashare_noncoherent(ddev) || !bo->map ||
	    bo->map->placement != DMASHARE_PLACEMENT_SYSTEM)
		return 0;
	if (!drm_dev_enter(&ddev->drm, &idx))
		return 0;

	dmashare_desc_init(&desc, DMASHARE_OP_SYNC);
	desc.sync.mapping = cpu_to_le32(bo->map->id);
	desc.sync.flags = cpu_to_le32(for_cpu ? DMASHARE_SYNC_F_FOR_CPU :
						DMASHARE_SYNC_F_FOR_DEVICE);
	desc.sync.direction = cpu_to_le32(dir);
	desc.sync.length = cpu_to_le64(bo->map->length);

	down_read(&ddev->state_sem);
	ret = dmashare_command(ddev, &desc, NULL);
	up_read(&ddev->state_sem);
	drm_dev_exit(idx);

	/* The copies went with the device. */
	return ret == -ENODEV ? 0 : ret;
}
