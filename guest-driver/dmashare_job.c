// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: jobs and their queues
 *
 * A job goes from the client's entity (which waits for its dependencies), by
 * the queue's scheduler, to the device's ring, and is done when the device
 * says so. Fences of the same device are waited for by the scheduler as all
 * others are, on the CPU: a wait by the device (a job's waits) would have to
 * name a seqno, which a job gets only when it is handed to the device.
 *
 * What runs between handing a job to the device and signalling its fence
 * allocates no memory and takes no lock under which anybody does: reclaim may
 * be waiting for the very fence.
 */
#include <linux/dma-fence.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static void dmashare_result_free(struct kref *ref)
{
	struct dmashare_result *result = container_of(ref, struct dmashare_result, ref);

	dma_fence_put(result->finished);
	kfree(result);
}

/**
 * dmashare_result_put - drop a reference
 * @result: the result, or NULL
 */
void dmashare_result_put(struct dmashare_result *result)
{
	if (result)
		kref_put(&result->ref, dmashare_result_free);
}

/**
 * dmashare_job_drop_buffers - drop the references to the job's buffers
 * @job: the job; may sleep
 */
void dmashare_job_drop_buffers(struct dmashare_job *job)
{
	if (job->src)
		drm_gem_object_put(&job->src->base);
	if (job->dst)
		drm_gem_object_put(&job->dst->base);
	job->src = NULL;
	job->dst = NULL;
}

static void dmashare_file_free(struct kref *ref)
{
	kfree(container_of(ref, struct dmashare_file, ref));
}

/**
 * dmashare_file_put - drop a reference
 * @file: the file; any context
 */
void dmashare_file_put(struct dmashare_file *file)
{
	kref_put(&file->ref, dmashare_file_free);
}

static void dmashare_job_free(struct kref *ref)
{
	struct dmashare_job *job = container_of(ref, struct dmashare_job, ref);
	struct dmashare_file *file = job->file;

	dmashare_result_put(job->result);
	dmashare_fence_free(job->fence);
	kfree(job);
	atomic_dec(&file->jobs);
	wake_up_all(&file->idle);
	dmashare_file_put(file);
}

/**
 * dmashare_job_put - drop a reference
 * @job: the job, whose buffers were dropped; any context
 */
void dmashare_job_put(struct dmashare_job *job)
{
	kref_put(&job->ref, dmashare_job_free);
}

static void dmashare_job_release_work(struct work_struct *work)
{
	struct dmashare_job *job = container_of(work, struct dmashare_job, release);

	dmashare_job_drop_buffers(job);
	dmashare_job_put(job);
}

/*
 * Drops the buffers of a job that is done, in a work item. Not in place: the
 * interrupt cannot sleep, and the scheduler's free_job runs on the workqueue
 * that also runs jobs. The last reference to an imported buffer takes the
 * exporter's reservation lock, whose holder may be waiting for one of our
 * fences.
 */
static void dmashare_job_release(struct dmashare_job *job)
{
	if (test_and_set_bit(DMASHARE_JOB_RELEASED, &job->flags))
		return;

	kref_get(&job->ref);
	queue_work(dmashare_wq, &job->release);
}

/**
 * dmashare_job_alloc - a job that does nothing yet
 * @file: whose it is
 * @queue: where it will run
 *
 * Returns: the job, or NULL
 */
struct dmashare_job *dmashare_job_alloc(struct dmashare_file *file,
					struct dmashare_queue *queue)
{
	struct dmashare_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;

	job->fence = dmashare_fence_alloc(queue);
	if (!job->fence) {
		kfree(job);
		return NULL;
	}

	kref_init(&job->ref);
	INIT_LIST_HEAD(&job->link);
	INIT_WORK(&job->release, dmashare_job_release_work);
	kref_get(&file->ref);
	atomic_inc(&file->jobs);
	job->file = file;
	job->queue = queue;

	return job;
}

/*
 * The job is done: everything but signalling the fence. The queue's lock is
 * held, the job leaves the in-flight list for the done list.
 */
static void dmashare_job_done_locked(struct dmashare_job *job, u32 status, int error,
				     u64 result, u64 detail)
{
	struct dmashare_queue *queue = job->queue;

	lockdep_assert_held(&queue->lock);

	if (job->result) {
		job->result->result = result;
		job->result->detail = detail;
		job->result->status = status;
	}
	if (error) {
		dma_fence_set_error(&job->fence->base, error);
		queue->jobs_failed++;
	}
	job->fence->completed = true;
	list_move_tail(&job->link, &queue->done);
	atomic_dec(&job->file->on_device);
	trace_dmashare_job_done(job, job->fence->base.seqno, status);
	/*
	 * Before the fence signals: who has seen it signal and then flushes the
	 * workqueue knows that the job's buffers are free.
	 */
	dmashare_job_release(job);
}

/**
 * dmashare_queue_collect_locked - read the completions that are there
 * @queue: the queue; its lock is held
 *
 * Jobs that are done are put on the done list with their fences' errors set.
 * Their fences are signalled by dmashare_queue_signal(), which is certain to
 * be called because each completion interrupts.
 */
void dmashare_queue_collect_locked(struct dmashare_queue *queue)
{
	struct dmashare_device *ddev = queue->ring.ddev;
	struct dmashare_completion completion;
	bool any = false, lost = false;

	lockdep_assert_held(&queue->lock);

	while (dmashare_ring_pop(&queue->ring, &completion)) {
		struct dmashare_job *job =
			list_first_entry_or_null(&queue->inflight, struct dmashare_job, link);
		u32 status = le16_to_cpu(completion.status);

		any = true;
		/* A queue completes in order. */
		if (!job || job->fence->base.seqno != le64_to_cpu(completion.cookie)) {
			lost = true;
			continue;
		}
		dmashare_job_done_locked(job, status, dmashare_status_to_errno(status),
					 le64_to_cpu(completion.result),
					 le64_to_cpu(completion.detail));
	}

	if (any)
		dmashare_ring_ack(&queue->ring);
	if (lost) {
		drm_err_ratelimited(&ddev->drm, "%s: a completion of no job, resetting\n",
				    queue->name);
		queue_work(ddev->reset_wq, &ddev->reset_work);
	}
}

/**
 * dmashare_queue_signal - read completions and signal the fences of done jobs
 * @queue: the queue; any context
 */
void dmashare_queue_signal(struct dmashare_queue *queue)
{
	struct dmashare_job *job, *next;
	unsigned long flags;
	LIST_HEAD(done);
	bool cookie;

	cookie = dma_fence_begin_signalling();

	spin_lock_irqsave(&queue->lock, flags);
	dmashare_queue_collect_locked(queue);
	list_splice_init(&queue->done, &done);
	spin_unlock_irqrestore(&queue->lock, flags);

	/* Without the lock: callbacks may poll other fences of the queue. */
	list_for_each_entry_safe(job, next, &done, link) {
		list_del_init(&job->link);
		trace_dmashare_fence_signal(job);
		dma_fence_signal(&job->fence->base);
		dmashare_job_put(job);
	}

	dma_fence_end_signalling(cookie);
}

/**
 * dmashare_queue_fail - fail all jobs that the device had, after it was stopped
 * @queue: the queue
 * @guilty: a job that fails with -ETIMEDOUT instead, or NULL
 * @error: negative errno
 */
void dmashare_queue_fail(struct dmashare_queue *queue, struct dmashare_job *guilty,
			 int error)
{
	struct dmashare_job *job, *next;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	list_for_each_entry_safe(job, next, &queue->inflight, link)
		dmashare_job_done_locked(job, DRM_DMASHARE_STATUS_NOT_RUN,
					 job == guilty ? -ETIMEDOUT : error, 0, 0);
	spin_unlock_irqrestore(&queue->lock, flags);

	dmashare_queue_signal(queue);
}

/**
 * dmashare_job_fence - does a fence belong to a job of this device?
 * @ddev: the device
 * @fence: a fence, as found in a reservation object
 *
 * Returns: true if so; maybe not any more when it has signalled
 */
bool dmashare_job_fence(struct dmashare_device *ddev, struct dma_fence *fence)
{
	struct drm_sched_fence *sched_fence = to_drm_sched_fence(fence);
	u32 i;

	/* Another device's scheduler may be gone: it is only compared. */
	for (i = 0; sched_fence && i < ddev->limits.num_queues; i++)
		if (sched_fence->sched == &ddev->queue[i].sched)
			return true;

	return false;
}

static struct dma_fence *dmashare_run_job(struct drm_sched_job *sched_job)
{
	struct dmashare_job *job = to_dmashare_job(sched_job);
	struct dmashare_queue *queue = job->queue;
	struct dmashare_device *ddev = queue->ring.ddev;
	struct dma_fence *fence;
	unsigned long flags;
	bool cookie;

	cookie = dma_fence_begin_signalling();
	spin_lock_irqsave(&queue->lock, flags);

	if (!queue->ring.enabled) {
		/* Removed, being reset, or a reset did not bring it back. */
		fence = ERR_PTR(READ_ONCE(ddev->gone) ? -ENODEV : -ECANCELED);
		goto out_unlock;
	}
	/* The scheduler has as many credits as the ring has entries. */
	if (drm_WARN_ON_ONCE(&ddev->drm, dmashare_ring_full(&queue->ring))) {
		fence = ERR_PTR(-EBUSY);
		goto out_unlock;
	}

	dmashare_fence_init(job->fence, ++queue->seqno);
	job->desc.cookie = cpu_to_le64(queue->seqno);
	job->desc.job.timeline = cpu_to_le32(queue->ring.index - 1);
	job->desc.job.seqno = cpu_to_le64(queue->seqno);

	kref_get(&job->ref);
	atomic_inc(&job->file->on_device);
	list_add_tail(&job->link, &queue->inflight);
	queue->jobs_run++;
	trace_dmashare_job_run(job, queue->seqno, 0);
	fence = dma_fence_get(&job->fence->base);
	dmashare_ring_push(&queue->ring, &job->desc);

out_unlock:
	spin_unlock_irqrestore(&queue->lock, flags);
	dma_fence_end_signalling(cookie);

	return fence;
}

/*
 * A job took too long. If its completion is there and only the interrupt was
 * lost, reading it is all that is needed; else the device is reset. Restarting
 * the scheduler is what gives the job, which the scheduler took off its list to
 * call us, back to it in either case.
 */
static enum drm_gpu_sched_stat dmashare_timedout_job(struct drm_sched_job *sched_job)
{
	struct dmashare_job *job = to_dmashare_job(sched_job);
	struct dmashare_queue *queue = job->queue;
	struct dmashare_device *ddev = queue->ring.ddev;
	bool signaled;
	int idx;

	signaled = !job->fence->initialised || dma_fence_is_signaled(&job->fence->base);
	dmashare_queue_signal(queue);

	if (!signaled && drm_dev_enter(&ddev->drm, &idx)) {
		drm_err(&ddev->drm, "%s: job %llu timed out, resetting\n", queue->name,
			job->id);
		dmashare_reset(ddev, job);
		drm_dev_exit(idx);
		return DMASHARE_SCHED_STAT_RECOVERED;
	}

	if (signaled)
		drm_warn(&ddev->drm, "%s: the interrupt of job %llu is late\n",
			 queue->name, job->id);
	else
		dmashare_queue_fail(queue, NULL, -ENODEV);

	drm_sched_stop(&queue->sched, sched_job);
	dmashare_sched_start(&queue->sched);

	return DMASHARE_SCHED_STAT_RECOVERED;
}

static void dmashare_free_job(struct drm_sched_job *sched_job)
{
	struct dmashare_job *job = to_dmashare_job(sched_job);

	drm_sched_job_cleanup(sched_job);
	/* One that never ran still has its buffers. */
	dmashare_job_release(job);
	dmashare_job_put(job);
}

static const struct drm_sched_backend_ops dmashare_sched_ops = {
	.run_job = dmashare_run_job,
	.timedout_job = dmashare_timedout_job,
	.free_job = dmashare_free_job,
};

static void dmashare_sched_fini(struct drm_device *drm, void *data)
{
	struct dmashare_queue *queue = data;

	drm_sched_fini(&queue->sched);
}

/**
 * dmashare_job_queues_init - schedulers of all job queues
 * @ddev: the device, whose limits are known
 *
 * They live as long as the DRM device, because open files have entities on
 * them. Each job in a scheduler keeps the DRM device through its fence, so
 * none is left when they end.
 *
 * Returns: 0 or a negative errno
 */
int dmashare_job_queues_init(struct dmashare_device *ddev)
{
	long timeout = dmashare_job_timeout_ms ?
		       max(msecs_to_jiffies(dmashare_job_timeout_ms), 1UL) :
		       MAX_SCHEDULE_TIMEOUT;
	u32 i, credits = min_t(u32, ddev->limits.max_entries, DMASHARE_RING_ENTRIES);
	int ret;

	ddev->queue = drmm_kcalloc(&ddev->drm, ddev->limits.num_queues,
				   sizeof(*ddev->queue), GFP_KERNEL);
	if (!ddev->queue)
		return -ENOMEM;

	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];

		queue->ring.ddev = ddev;
		spin_lock_init(&queue->lock);
		spin_lock_init(&queue->fence_lock);
		INIT_LIST_HEAD(&queue->inflight);
		INIT_LIST_HEAD(&queue->done);
		queue->context = dma_fence_context_alloc(1);
		snprintf(queue->name, sizeof(queue->name), "dmashare-queue%u", i);

		ret = dmashare_sched_init(&queue->sched, &dmashare_sched_ops, credits,
					  timeout, ddev->reset_wq, queue->name,
					  ddev->drm.dev);
		if (ret)
			return ret;
		ret = drmm_add_action_or_reset(&ddev->drm, dmashare_sched_fini, queue);
		if (ret)
			return ret;
	}

	return 0;
}
