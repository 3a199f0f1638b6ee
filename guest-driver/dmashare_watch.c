// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: what is late
 *
 * The device says when a job is done, by an interrupt. What the driver does if it
 * does not:
 *
 *	the interrupt was lost, or takes its time
 *		The completion is in the ring. As long as the device has jobs the
 *		rings are looked at every second; what is found there, and no
 *		interrupt came for it from one look to the next, is taken.
 *		So are events, as long as buffers are shared or there are holds.
 *	an interrupt comes twice, or after that look
 *		There is nothing in the ring.
 *	fence memory is written late, or not at all
 *		Whoever polls a fence hears later of it. It is only ever a hint.
 *	the engine hangs, the queue is stalled
 *		After job_timeout_ms the device is reset.
 *	the device met a fatal error, somebody else reset it, or it is not there
 *		It is stopped and reset. If it is not there that is in vain, and the
 *		device is left alone until somebody resets it (sysfs), or it is
 *		removed.
 *	the fence is held by the harness
 *		The device ends that, after a time of its own (its watchdog, 10 s
 *		unless told otherwise), which is why the driver's is longer. If it
 *		said that it never will, the job is left alone; this is what the
 *		kernel is tainted for.
 */
#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

/* Is there something to be read, and was there no interrupt since the last look? */
static bool dmashare_queue_late(struct dmashare_queue *queue)
{
	unsigned long flags;
	bool late;

	spin_lock_irqsave(&queue->lock, flags);
	late = dmashare_ring_ready(&queue->ring) || !list_empty(&queue->done);
	if (late && queue->looks != queue->looks_seen) {
		queue->looks_seen = queue->looks;
		late = false;
	}
	queue->late += late;
	spin_unlock_irqrestore(&queue->lock, flags);

	return late;
}

/* A device that stopped by itself, and could not say so. */
static void dmashare_watch_device(struct dmashare_device *ddev)
{
	/* Somebody stopped it, and has asked for a reset. */
	if (!READ_ONCE(ddev->control.ring.enabled))
		return;

	if (!dmashare_hw_present(ddev)) {
		/* Its removal may be on the way. */
		if (!ddev->absent++)
			return;
		drm_err(&ddev->drm, "the device does not answer, resetting\n");
	} else if (!dmashare_hw_works(ddev)) {
		drm_err(&ddev->drm, "the device stopped, resetting\n");
	} else {
		ddev->absent = 0;
		return;
	}

	ddev->absent = 0;
	dmashare_stop_and_reset(ddev, -EIO);
}

/**
 * dmashare_watch_work - look for what is late
 * @work: dmashare_device.watch
 */
void dmashare_watch_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(to_delayed_work(work), struct dmashare_device, watch);
	bool busy = false;
	int idx;
	u32 i;

	if (!drm_dev_enter(&ddev->drm, &idx))
		return;
	if (READ_ONCE(ddev->halted) || READ_ONCE(ddev->wedged))
		goto out_exit;

	dmashare_events_poll(ddev);
	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];

		if (dmashare_queue_late(queue)) {
			drm_warn(&ddev->drm, "%s: an interrupt is late\n", queue->name);
			dmashare_queue_signal(queue);
		}
		busy |= !dmashare_queue_idle(queue);
	}
	busy |= dmashare_holds_busy(ddev) || !xa_empty(&ddev->shares);
	if (busy) {
		dmashare_watch_device(ddev);
		dmashare_watch_jobs(ddev);
	}

out_exit:
	drm_dev_exit(idx);
}

/**
 * dmashare_watch_jobs - the device has jobs, or holds
 * @ddev: the device; any context
 */
void dmashare_watch_jobs(struct dmashare_device *ddev)
{
	queue_delayed_work(dmashare_wq, &ddev->watch, HZ);
}

/* Is it a job that only the harness can end, or one behind it on its timeline? */
static bool dmashare_job_held(struct dmashare_queue *queue, const struct dmashare_job *job)
{
	const struct dmashare_job *other;

	list_for_each_entry(other, &queue->inflight, link)
		if (other->fence->held && other->fence->timeline == job->fence->timeline &&
		    other->fence->base.seqno <= job->fence->base.seqno)
			return true;

	return false;
}

/*
 * The first job that the device has for too long and could end, or NULL; to be
 * compared only. The one that the scheduler asks for is the first that is not
 * done. The scheduler began to count a little earlier.
 */
static struct dmashare_job *dmashare_queue_hangs(struct dmashare_queue *queue)
{
	unsigned long limit = queue->sched.timeout - queue->sched.timeout / 8;
	struct dmashare_job *job, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	list_for_each_entry(job, &queue->inflight, link) {
		if (!time_before(jiffies, job->handed + limit) && !dmashare_job_held(queue, job)) {
			found = job;
			break;
		}
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	return found;
}

static bool dmashare_job_completed(struct dmashare_job *job)
{
	unsigned long flags;
	bool completed;

	spin_lock_irqsave(&job->queue->lock, flags);
	completed = !job->fence->initialised || job->fence->completed;
	spin_unlock_irqrestore(&job->queue->lock, flags);

	return completed;
}

/**
 * dmashare_timedout_job - drm_sched_backend_ops.timedout_job
 * @sched_job: the first job that is not done; nobody else has it now
 *
 * If its completion is there and only the interrupt was lost, reading it is all
 * that is needed; else the device is reset, unless it is held.
 *
 * Returns: what became of the job
 */
enum drm_gpu_sched_stat dmashare_timedout_job(struct drm_sched_job *sched_job)
{
	struct dmashare_job *job = to_dmashare_job(sched_job);
	struct dmashare_queue *queue = job->queue;
	struct dmashare_device *ddev = queue->ring.ddev;
	struct dmashare_job *slow;
	int idx;

	dmashare_events_poll(ddev);
	dmashare_queue_signal(queue);
	if (dmashare_job_completed(job)) {
		drm_warn(&ddev->drm, "%s: the interrupt of job %llu is late\n",
			 queue->name, job->id);
		/* Ours to free: it is not in the scheduler's list. */
		dmashare_queue_signal(queue);
		dma_fence_wait(&sched_job->s_fence->finished, false);
		sched_job->sched->ops->free_job(sched_job);
		return DMASHARE_SCHED_STAT_RECOVERED;
	}

	slow = dmashare_queue_hangs(queue);
	if (!slow || !drm_dev_enter(&ddev->drm, &idx))
		return dmashare_sched_no_hang(sched_job);

	if (READ_ONCE(ddev->halted)) {
		drm_dev_exit(idx);
		return dmashare_sched_no_hang(sched_job);
	}
	drm_err(&ddev->drm, "%s: job %llu timed out, resetting\n", queue->name, job->id);
	dmashare_reset(ddev, job, slow);
	drm_dev_exit(idx);

	return DMASHARE_SCHED_STAT_RECOVERED;
}
