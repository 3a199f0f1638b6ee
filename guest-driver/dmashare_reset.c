// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: stopping the device, and making it anew
 *
 * Whatever went wrong, and whoever asked for it, recovery is the same: no job is
 * handed to the device any more, the device is stopped, every job that it had
 * fails, and then the device is started and told again, from the driver's record,
 * what it knew. Buffers, attachments and mappings keep their ids, and buffers
 * their bytes; contexts and resources of the renderer are lost. Jobs that waited in
 * the schedulers run afterwards.
 *
 * A reset of the driver's own (a job that takes too long, a queue that stopped, a
 * fatal error) does all of that in one go, on the device's reset workqueue, where
 * two never overlap. Where the bus resets the device, or the system sleeps, the
 * two halves are called one by one: dmashare_halt() and dmashare_restart(). In
 * between the device is halted, and nobody else touches it.
 *
 * What the fences of jobs fail with:
 *
 *	ETIMEDOUT	the job took too long
 *	ECANCELED	the device had it when it was reset for something else
 *	EIO		the device failed: a fatal error, an error of the bus, a link
 *			that is down; or it did not come back from a reset
 *	ENODEV		the device was removed
 */
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/* Resets in a row that do not bring the device back, before it is left alone. */
#define DMASHARE_RESET_TRIES	3

static void dmashare_counters_clear(struct dmashare_counters *counters)
{
	int i;

	atomic64_set(&counters->buffers, 0);
	atomic64_set(&counters->attaches, 0);
	atomic64_set(&counters->maps, 0);
	atomic64_set(&counters->notes_failed, 0);
	for (i = 0; i < DMASHARE_NOTE_COUNT; i++)
		atomic64_set(&counters->notes[i], 0);
}

/**
 * dmashare_stop_and_reset - stop the device now, and have it made anew
 * @ddev: the device; any context, but not after removal
 * @error: what the jobs that it has are to fail with; 0 for what is usual
 *
 * When this returns the device does no DMA, and commands that are waited for
 * have ended.
 */
void dmashare_stop_and_reset(struct dmashare_device *ddev, int error)
{
	if (error)
		WRITE_ONCE(ddev->reset_error, error);
	dmashare_hw_stop(ddev);
	dmashare_control_abort(ddev, -EIO);
	queue_work(ddev->reset_wq, &ddev->reset_work);
}

/*
 * Hardware fences are failed while the scheduler's callbacks are still on them:
 * drm_sched_stop() would take the callbacks off and drm_sched_start() would end
 * every job with the same errno. Returns with state_sem held for writing.
 */
static void dmashare_stop_jobs(struct dmashare_device *ddev, struct dmashare_job *first,
			       const struct dmashare_job *slow, int error)
{
	u32 i;

	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_wqueue_stop(&ddev->queue[i].sched);

	/* What is done is done, whether or not its interrupt has come. */
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_queue_signal(&ddev->queue[i]);

	/* A device that failed answers nobody. Of such a one no job is guilty. */
	if (error == -EIO) {
		dmashare_hw_stop(ddev);
		dmashare_control_abort(ddev, error);
		slow = NULL;
	}

	/*
	 * Waits for commands that are under way, which the device answers or
	 * dmashare_control_wait() ends; later ones wait for us.
	 */
	down_write(&ddev->state_sem);
	dmashare_hw_stop(ddev);
	/* Before a fence fails: who sees that may ask what was lost with it. */
	dmashare_render_reset(ddev);
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_queue_fail(&ddev->queue[i], slow, error);
	/* The device has forgotten who held what, and who asked. */
	dmashare_acquires_drop(ddev, 0);
	dmashare_peers_reset(ddev);
	dmashare_holds_end(ddev, NULL, NULL, -ECANCELED);

	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_stop(&ddev->queue[i].sched, first ? &first->base : NULL);
}

/**
 * dmashare_restart - start a device that was stopped, and tell it what it knew
 * @ddev: the device; state_sem is held for writing
 *
 * If that fails commands and jobs fail with -EIO from now on, until somebody
 * resets the device with success.
 *
 * Returns: 0 or a negative errno
 */
int dmashare_restart(struct dmashare_device *ddev)
{
	int ret;

	lockdep_assert_held_write(&ddev->state_sem);

	dmashare_counters_clear(&ddev->counters);
	if (!dmashare_hw_present(ddev))
		dmashare_bus_restore(ddev);
	ret = dmashare_hw_start(ddev);
	if (!ret)
		ret = dmashare_replay(ddev);
	if (ret) {
		drm_err(&ddev->drm, "the device did not come back from reset (%d)\n", ret);
		dmashare_hw_stop(ddev);
		dmashare_control_abort(ddev, -EIO);
		ddev->failed_resets++;
	} else {
		ddev->failed_resets = 0;
	}
	WRITE_ONCE(ddev->wedged, ret);

	return ret;
}

/**
 * dmashare_resume_jobs - let the schedulers hand jobs to the device again
 * @ddev: the device, after dmashare_restart(); or one that will not be started
 *	again, which makes them fail
 *
 * What did not come back is reset once more, a few times.
 */
void dmashare_resume_jobs(struct dmashare_device *ddev)
{
	u32 i;

	WRITE_ONCE(ddev->halted, false);
	wake_up_all(&ddev->awake);
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_sched_start(&ddev->queue[i].sched);
	if (READ_ONCE(ddev->wedged))
		queue_work(ddev->reset_wq, &ddev->reset_work);
}

/**
 * dmashare_reset - reset the device and make it anew
 * @ddev: the device, not halted; the caller is inside drm_dev_enter()
 * @first: the job that the scheduler has given us, or NULL
 * @slow: the one that took too long, or NULL; to be compared only
 *
 * Runs on the device's ordered reset workqueue only, so resets never overlap.
 *
 * A reset takes all jobs that the device has: none is submitted a second time,
 * because the part of it that did run may have overwritten its own input.
 */
void dmashare_reset(struct dmashare_device *ddev, struct dmashare_job *first,
		    const struct dmashare_job *slow)
{
	int error = xchg(&ddev->reset_error, 0);

	ddev->resets++;
	trace_dmashare_reset(ddev, first ? first->id : 0);

	/* Unless it was us who stopped it. */
	if (!error && READ_ONCE(ddev->control.ring.enabled) &&
	    (!dmashare_hw_present(ddev) || !dmashare_hw_works(ddev)))
		error = -EIO;
	dmashare_stop_jobs(ddev, first, slow, error ?: -ECANCELED);
	dmashare_restart(ddev);
	up_write(&ddev->state_sem);
	dmashare_resume_jobs(ddev);
}

/*
 * Reset asked for where it cannot be done. A device that fails again each time
 * is left alone in the end.
 */
static void dmashare_reset_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(work, struct dmashare_device, reset_work);
	int idx;

	if (!drm_dev_enter(&ddev->drm, &idx))
		return;

	if (!READ_ONCE(ddev->halted) && ddev->failed_resets < DMASHARE_RESET_TRIES)
		dmashare_reset(ddev, NULL, NULL);
	drm_dev_exit(idx);
}

/**
 * dmashare_halt - stop the device until dmashare_restart()
 * @ddev: the device; the caller has its device_lock(), so it is not removed
 * @error: what the jobs that it has fail with
 *
 * Returns with state_sem held for writing: commands wait, as long as the caller
 * keeps it, and fail with -EIO after that. Jobs wait until
 * dmashare_resume_jobs().
 */
void dmashare_halt(struct dmashare_device *ddev, int error)
{
	u32 i;

	WRITE_ONCE(ddev->halted, true);

	/* Those that see this are left; those that do not are waited for. */
	cancel_work_sync(&ddev->reset_work);
	cancel_delayed_work_sync(&ddev->watch);
	for (i = 0; i < ddev->limits.num_queues; i++)
		cancel_delayed_work_sync(&ddev->queue[i].sched.work_tdr);
	/* What a scheduler was about to do may have set its timer again. */
	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_wqueue_stop(&ddev->queue[i].sched);
	for (i = 0; i < ddev->limits.num_queues; i++)
		cancel_delayed_work_sync(&ddev->queue[i].sched.work_tdr);

	dmashare_stop_jobs(ddev, NULL, NULL, error);
	WRITE_ONCE(ddev->reset_error, 0);
}

static void dmashare_reset_fini(struct drm_device *drm, void *unused)
{
	destroy_workqueue(to_dmashare(drm)->reset_wq);
}

/**
 * dmashare_reset_init - what resets need
 * @ddev: the device
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_reset_init(struct dmashare_device *ddev)
{
	INIT_WORK(&ddev->reset_work, dmashare_reset_work);
	INIT_DELAYED_WORK(&ddev->watch, dmashare_watch_work);
	init_waitqueue_head(&ddev->awake);
	init_waitqueue_head(&ddev->quiet);

	ddev->reset_wq = alloc_ordered_workqueue("dmashare-reset", WQ_MEM_RECLAIM);
	if (!ddev->reset_wq)
		return -ENOMEM;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_reset_fini, NULL);
}
