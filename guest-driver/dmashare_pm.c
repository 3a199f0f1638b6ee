// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the system sleeps
 *
 * User space is frozen, so nothing new comes but what is in the schedulers. What
 * the device has is waited for, for two seconds; with a job that takes longer, or
 * whose fence is held, there is no sleep (-EBUSY), and everything goes on.
 *
 * Then the device is stopped, and made anew afterwards as from any reset: in the
 * meantime it may have lost its power, and all that it knew. Jobs that were not on
 * the device yet run when it is awake.
 *
 * Local memory may be lost likewise. As graphics drivers do, buffers that can be
 * moved are, to the system, while everything still works; they stay there until
 * somebody moves them back. What has to stay where it is (pinned, static) is copied
 * out, and back to the same place.
 */
#include <linux/dma-resv.h>
#include <linux/pci.h>
#include <linux/pm.h>

#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

/* How long what is under way is waited for. */
#define DMASHARE_SUSPEND_WAIT	(2 * HZ)

/* Calls @func, until it fails, for each buffer of our own, locked. */
static int dmashare_each_buffer(struct dmashare_device *ddev,
				int (*func)(struct dmashare_bo *bo))
{
	struct dmashare_bo *bo;
	unsigned long index;
	int ret = 0;

	xa_lock(&ddev->buffers);
	xa_for_each(&ddev->buffers, index, bo) {
		if (!kref_get_unless_zero(&bo->base.refcount))
			continue;
		xa_unlock(&ddev->buffers);

		dma_resv_lock(bo->base.resv, NULL);
		if (!dmashare_bo_imported(bo))
			ret = func(bo);
		dma_resv_unlock(bo->base.resv);
		drm_gem_object_put(&bo->base);

		xa_lock(&ddev->buffers);
		if (ret)
			break;
	}
	xa_unlock(&ddev->buffers);

	return ret;
}

/* What cannot be moved is saved later; what fails is as well. */
static int dmashare_suspend_evict(struct dmashare_bo *bo)
{
	if (bo->placement == DMASHARE_PLACEMENT_LOCAL)
		dmashare_bo_move_locked(bo, DMASHARE_PLACEMENT_SYSTEM, false);

	return 0;
}

static int dmashare_suspend_save(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_backing *saved;
	int ret;

	if (bo->placement != DMASHARE_PLACEMENT_LOCAL || dmashare_bo_lost(bo))
		return 0;

	saved = dmashare_backing_alloc(bo, DMASHARE_PLACEMENT_SYSTEM, false);
	if (IS_ERR(saved))
		return PTR_ERR(saved);
	ret = dmashare_backing_copy(ddev, bo->backing, saved);
	if (!ret) {
		bo->saved = saved;
		return 0;
	}

	/* A device that does not answer has nothing to be saved. */
	dmashare_backing_put(saved);
	if (ret == -ENOMEM)
		return ret;
	WRITE_ONCE(bo->lost, true);

	return 0;
}

static int dmashare_resume_restore(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);

	if (!bo->saved)
		return 0;

	/* If it cannot be, the others are none the worse for that. */
	if (dmashare_backing_copy(ddev, bo->saved, bo->backing)) {
		drm_err(&ddev->drm, "buffer %u lost its bytes\n", bo->id);
		WRITE_ONCE(bo->lost, true);
	}
	dmashare_backing_put(bo->saved);
	bo->saved = NULL;

	return 0;
}

/* Nothing is suspended yet: importers can be told, and moves made. */
static int dmashare_prepare(struct device *dev)
{
	struct dmashare_device *ddev = dev_get_drvdata(dev);

	if (!wait_event_timeout(ddev->quiet, dmashare_idle(ddev), DMASHARE_SUSPEND_WAIT)) {
		drm_warn(&ddev->drm, "jobs on the device keep the system awake\n");
		return -EBUSY;
	}

	dmashare_each_buffer(ddev, dmashare_suspend_evict);
	/* Each waits for the fences of its buffer, of whomever they are. */
	if (!wait_event_timeout(ddev->moves_idle, !atomic_read(&ddev->n_moves),
				DMASHARE_SUSPEND_WAIT)) {
		drm_warn(&ddev->drm, "buffers that wait for fences keep the system awake\n");
		return -EBUSY;
	}

	return 0;
}

static void dmashare_awake(struct dmashare_device *ddev)
{
	down_write(&ddev->state_sem);
	dmashare_restart(ddev);
	up_write(&ddev->state_sem);
	/* Before any job can see what is in local memory. */
	dmashare_each_buffer(ddev, dmashare_resume_restore);
	dmashare_resume_jobs(ddev);
}

static int dmashare_suspend(struct device *dev)
{
	struct dmashare_device *ddev = dev_get_drvdata(dev);
	int ret;
	u32 i;

	/* What came from the schedulers since dmashare_prepare(). */
	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_wqueue_stop(&ddev->queue[i].sched);
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_queue_ring(&ddev->queue[i]);
	if (!wait_event_timeout(ddev->quiet, dmashare_idle(ddev), DMASHARE_SUSPEND_WAIT)) {
		for (i = 0; i < ddev->limits.num_queues; i++)
			drm_sched_wqueue_start(&ddev->queue[i].sched);
		drm_warn(&ddev->drm, "jobs on the device keep the system awake\n");
		return -EBUSY;
	}

	/* Nobody makes commands now; the buffers' locks come before state_sem. */
	dmashare_halt(ddev, -ECANCELED);
	up_write(&ddev->state_sem);

	/* What the harness wished for at the last moment. */
	cancel_work_sync(&ddev->requests.work);
	ret = atomic_read(&ddev->n_moves) ? -EBUSY : 0;
	if (!ret)
		ret = dmashare_each_buffer(ddev, dmashare_suspend_save);
	if (ret)
		dmashare_awake(ddev);

	return ret;
}

static int dmashare_resume(struct device *dev)
{
	struct dmashare_device *ddev = dev_get_drvdata(dev);

	dmashare_awake(ddev);

	return ddev->wedged ? -EIO : 0;
}

const struct dev_pm_ops dmashare_pm_ops = {
	.prepare = pm_sleep_ptr(dmashare_prepare),
	SYSTEM_SLEEP_PM_OPS(dmashare_suspend, dmashare_resume)
};
