// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: who decides where a buffer is
 *
 * User space by BO_MOVE, the device by an event, and whoever pins it: a pinned
 * buffer stays. Want of room in local memory does, too (dmashare_local.c), and
 * importers that cannot reach that (dmashare_export.c). How a buffer moves is in
 * dmashare_move.c.
 */
#include <linux/dma-resv.h>
#include <linux/workqueue.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

/**
 * dmashare_bo_wait_kernel - wait for moves and clearing
 * @bo: the buffer
 * @interruptible: whether a signal ends the wait
 *
 * Returns: 0, -ERESTARTSYS, or -ENODEV if the bytes went with the device
 */
int dmashare_bo_wait_kernel(struct dmashare_bo *bo, bool interruptible)
{
	long ret;

	ret = dma_resv_wait_timeout(bo->base.resv, DMA_RESV_USAGE_KERNEL, interruptible,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	return dmashare_bo_lost(bo) ? -ENODEV : 0;
}

/**
 * dmashare_bo_pin_locked - keep a buffer where it is
 * @bo: a buffer of our own; its reservation lock is held
 *
 * While an importer is attached that cannot reach local memory, that is the
 * system; only without one a buffer can be kept in local memory.
 *
 * Returns: 0, the bytes being there; -ERESTARTSYS, -ENODEV, or an error of
 * dmashare_bo_move_locked()
 */
int dmashare_bo_pin_locked(struct dmashare_bo *bo)
{
	int ret = 0;

	dma_resv_assert_held(bo->base.resv);

	if (!bo->pin_count && bo->system_only && bo->dynamic)
		ret = dmashare_bo_move_locked(bo, DMASHARE_PLACEMENT_SYSTEM, true);
	if (!ret)
		ret = dmashare_bo_wait_kernel(bo, true);
	if (!ret)
		bo->pin_count++;

	return ret;
}

/**
 * dmashare_bo_keep_locked - as dmashare_bo_pin_locked(), for who cannot fail
 * @bo: a buffer of our own; its reservation lock is held
 *
 * If the buffer cannot be moved to where every importer finds it, it is kept
 * where it is; such an importer is then refused a mapping for as long.
 */
void dmashare_bo_keep_locked(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (!bo->pin_count && bo->system_only && bo->dynamic)
		dmashare_bo_move_locked(bo, DMASHARE_PLACEMENT_SYSTEM, false);
	dmashare_bo_wait_kernel(bo, false);
	bo->pin_count++;
}

/**
 * dmashare_bo_unpin_locked - undo dmashare_bo_pin_locked()
 * @bo: the buffer; its reservation lock is held
 */
void dmashare_bo_unpin_locked(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (!drm_WARN_ON(bo->base.dev, !bo->pin_count))
		bo->pin_count--;
}

/**
 * dmashare_move_request - the device wants a buffer to move
 * @ddev: the device
 * @buffer: buffer id
 * @placement: where to
 *
 * For the interrupt handler, which holds the events' lock. A wish that finds no
 * room is dropped.
 */
void dmashare_move_request(struct dmashare_device *ddev, u32 buffer, u64 placement)
{
	struct dmashare_requests *requests = &ddev->requests;

	lockdep_assert_held(&ddev->events.lock);

	if (requests->tail - requests->head >= ARRAY_SIZE(requests->entry))
		return;
	requests->entry[requests->tail % ARRAY_SIZE(requests->entry)] =
		(struct dmashare_request){ buffer, min_t(u64, placement, U32_MAX) };
	requests->tail++;
	queue_work(dmashare_wq, &requests->work);
}

static bool dmashare_request_pop(struct dmashare_device *ddev, struct dmashare_request *request)
{
	struct dmashare_requests *requests = &ddev->requests;
	bool found;

	spin_lock_irq(&ddev->events.lock);
	found = requests->head != requests->tail;
	if (found) {
		*request = requests->entry[requests->head % ARRAY_SIZE(requests->entry)];
		requests->head++;
	}
	spin_unlock_irq(&ddev->events.lock);

	return found;
}

static void dmashare_requests_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(work, struct dmashare_device, requests.work);
	struct dmashare_request request;

	while (dmashare_request_pop(ddev, &request)) {
		if (request.placement > DMASHARE_PLACEMENT_LOCAL)
			continue;

		struct dmashare_bo *bo __free(dmashare_bo) =
			dmashare_bo_find(ddev, request.buffer);
		if (!bo)
			continue;

		/* A wish: if it cannot be, that is that; the trace tells. */
		dma_resv_lock(bo->base.resv, NULL);
		if (!dmashare_bo_imported(bo))
			dmashare_bo_move_locked(bo, request.placement, false);
		dma_resv_unlock(bo->base.resv);
	}
}

/**
 * dmashare_requests_init - be ready for what the device wants to be moved
 * @ddev: the device
 */
void dmashare_requests_init(struct dmashare_device *ddev)
{
	INIT_WORK(&ddev->requests.work, dmashare_requests_work);
}

/**
 * dmashare_bo_move_ioctl - DRM_IOCTL_DMASHARE_BO_MOVE
 * @drm: the device
 * @data: struct drm_dmashare_bo_move
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_bo_move_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct drm_dmashare_bo_move *args = data;
	struct dmashare_move *move = NULL;
	int ret;

	if (args->pad || args->flags & ~DRM_DMASHARE_MOVE_WAIT ||
	    args->placement > DMASHARE_PLACEMENT_LOCAL)
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_bo_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	if (dmashare_bo_imported(bo))
		return -EOPNOTSUPP;

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (!ret) {
		ret = dmashare_bo_move_locked(bo, args->placement, true);
		if (!ret && args->flags & DRM_DMASHARE_MOVE_WAIT)
			move = dmashare_move_get(bo);
		dma_resv_unlock(bo->base.resv);
	}

	if (!ret)
		ret = dmashare_move_wait(move, true);
	if (!ret && move)
		ret = dmashare_move_error(move);
	dmashare_move_put(move);

	/* A restart would find the move arranged, and say that it was there. */
	return ret == -ERESTARTSYS ? -EINTR : ret;
}
