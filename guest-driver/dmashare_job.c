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
 * Jobs of one queue complete in any order: each names its slot (dmashare_slot.c).
 * The scheduler frees them in the order in which they ran, though: what is done
 * behind a job that is not, is freed after that one.
 *
 * What runs between handing a job to the device and signalling its fence
 * allocates no memory and takes no lock under which anybody does: reclaim may
 * be waiting for the very fence.
 */
#include <linux/dma-fence.h>
#include <linux/slab.h>

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
 * dmashare_job_drop_buffers - drop the references to the job's buffers, and to what it
 *	renders with
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
	dmashare_render_job_drop(job);
}

/**
 * dmashare_file_alloc - a client without scheduler entities
 * @ddev: the device; must not end before the client, whose user it may be
 *
 * Returns: the client, or NULL
 */
struct dmashare_file *dmashare_file_alloc(struct dmashare_device *ddev)
{
	struct dmashare_file *file = kzalloc(sizeof(*file), GFP_KERNEL);
	u32 i;

	if (!file)
		return NULL;

	kref_init(&file->ref);
	init_waitqueue_head(&file->idle);
	mutex_init(&file->submit_lock);
	xa_init(&file->results);
	file->ddev = ddev;
	for (i = 0; i < ARRAY_SIZE(file->timeline); i++)
		file->timeline[i] = DMASHARE_NO_TIMELINE;

	return file;
}

/* The file and its last job are gone: nothing comes on its timelines any more. */
static void dmashare_file_free(struct kref *ref)
{
	struct dmashare_file *file = container_of(ref, struct dmashare_file, ref);
	struct dmashare_device *ddev = file->ddev;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(file->timeline); i++)
		if (file->timeline[i] != DMASHARE_NO_TIMELINE)
			dmashare_timeline_put(&ddev->timelines, file->timeline[i]);
	/* The kernel's own file ends with the device. */
	if (file != ddev->kernel_file)
		dmashare_put_user(ddev);
	kfree(file);
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
	if (!job->src && !job->dst && !job->context && !job->resource)
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

	job->fence = dmashare_fence_alloc(queue,
					  dmashare_file_timeline(file, queue->ring.index - 1));
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

/**
 * dmashare_job_arm - drm_sched_job_arm(), and wait for fences as they are
 * @job: the job
 *
 * Of a fence of the same queue the scheduler thinks that it is enough to have its
 * job handed over first, since a queue runs in order. The work does; but a fence
 * may be held when its work is over, and who waits for it has to wait.
 */
void dmashare_job_arm(struct dmashare_job *job)
{
	drm_sched_job_arm(&job->base);
	set_bit(DRM_SCHED_FENCE_DONT_PIPELINE, &job->base.s_fence->finished.flags);
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
	dmashare_render_job_done(job, status);
	job->fence->completed = true;
	dmashare_slot_free(&queue->slots, le64_to_cpu(job->desc.cookie));
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
			dmashare_slot_find(&queue->slots, le64_to_cpu(completion.cookie));
		u32 status = le16_to_cpu(completion.status);
		u64 detail = le64_to_cpu(completion.detail);

		any = true;
		if (!job) {
			lost = true;
			continue;
		}
		dmashare_job_done_locked(job, status,
					 dmashare_completion_to_errno(status, detail),
					 le64_to_cpu(completion.result), detail);
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
	bool cookie, idle;

	cookie = dma_fence_begin_signalling();

	spin_lock_irqsave(&queue->lock, flags);
	queue->looks++;
	dmashare_queue_collect_locked(queue);
	list_splice_init(&queue->done, &done);
	idle = list_empty(&queue->inflight);
	spin_unlock_irqrestore(&queue->lock, flags);

	if (idle)
		wake_up_all(&queue->ring.ddev->quiet);

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
 * @slow: a job that fails with -ETIMEDOUT instead, or NULL
 * @error: negative errno
 */
void dmashare_queue_fail(struct dmashare_queue *queue, const struct dmashare_job *slow,
			 int error)
{
	struct dmashare_job *job, *next;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	list_for_each_entry_safe(job, next, &queue->inflight, link)
		dmashare_job_done_locked(job, DRM_DMASHARE_STATUS_NOT_RUN,
					 job == slow ? -ETIMEDOUT : error, 0, 0);
	spin_unlock_irqrestore(&queue->lock, flags);

	dmashare_queue_signal(queue);
}

/**
 * dmashare_queue_ring - the job that another one was to follow is the last one
 * @queue: the queue
 */
void dmashare_queue_ring(struct dmashare_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	dmashare_ring_ring(&queue->ring);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/**
 * dmashare_queue_idle - has the device no job of this queue?
 * @queue: the queue
 *
 * Returns: true if so
 */
bool dmashare_queue_idle(struct dmashare_queue *queue)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&queue->lock, flags);
	idle = list_empty(&queue->inflight);
	spin_unlock_irqrestore(&queue->lock, flags);

	return idle;
}

/**
 * dmashare_idle - has the device no job at all?
 * @ddev: the device
 *
 * Returns: true if so
 */
bool dmashare_idle(struct dmashare_device *ddev)
{
	u32 i;

	for (i = 0; i < ddev->limits.num_queues; i++)
		if (!dmashare_queue_idle(&ddev->queue[i]))
			return false;

	return true;
}

/**
 * dmashare_fence_held - nothing but the harness will ever signal a fence
 * @ddev: the device
 * @timeline: its timeline, as the device said
 * @seqno: of the fence
 *
 * Any context. It may be signalled by now.
 */
void dmashare_fence_held(struct dmashare_device *ddev, u32 timeline, u64 seqno)
{
	struct dmashare_job *job;
	unsigned long flags;
	u32 i;

	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];

		spin_lock_irqsave(&queue->lock, flags);
		list_for_each_entry(job, &queue->inflight, link)
			if (job->fence->timeline == timeline && job->fence->base.seqno == seqno)
				job->fence->held = true;
		spin_unlock_irqrestore(&queue->lock, flags);
	}
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

/* What a job that the device cannot have fails with. */
static int dmashare_run_error(struct dmashare_device *ddev)
{
	if (READ_ONCE(ddev->gone))
		return -ENODEV;
	/* It did not come back from a reset. */
	if (READ_ONCE(ddev->wedged))
		return -EIO;

	/* It is about to be reset, for a reason that may have a name. */
	return READ_ONCE(ddev->reset_error) ?: -ECANCELED;
}

/* Puts the job on its timeline; the queue's lock is held. */
static void dmashare_number_job(struct dmashare_job *job)
{
	struct dmashare_queue *queue = job->queue;
	struct dmashare_timelines *timelines = &queue->ring.ddev->timelines;
	u32 timeline = job->fence->timeline;
	u64 seqno = ++timelines->seqno[timeline];

	lockdep_assert_held(&queue->lock);

	dmashare_fence_init(job->fence, seqno);
	job->desc.cookie = cpu_to_le64(dmashare_slot_take(&queue->slots, job));
	job->desc.job.timeline = cpu_to_le32(timeline);
	job->desc.job.seqno = cpu_to_le64(seqno);
	if (job->result) {
		job->result->timeline = timeline;
		/* Who sees the one sees the other. */
		smp_store_release(&job->result->seqno, seqno);
	}
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
		fence = ERR_PTR(dmashare_run_error(ddev));
		goto out_unlock;
	}
	/* The scheduler has as many credits as the ring has entries. */
	if (drm_WARN_ON_ONCE(&ddev->drm, dmashare_ring_full(&queue->ring))) {
		fence = ERR_PTR(-EBUSY);
		goto out_unlock;
	}

	dmashare_number_job(job);
	kref_get(&job->ref);
	atomic_inc(&job->file->on_device);
	job->handed = jiffies;
	list_add_tail(&job->link, &queue->inflight);
	queue->jobs_run++;
	trace_dmashare_job_run(job, job->fence->base.seqno, 0);
	fence = dma_fence_get(&job->fence->base);
	/*
	 * One doorbell for the jobs of a submit: the scheduler hands over the next
	 * one right after this, or will not because its file is being closed, or
	 * the queue stopped. Both ring the doorbell themselves.
	 */
	dmashare_ring_put(&queue->ring, &job->desc);
	if (!job->more || dmashare_ring_full(&queue->ring))
		dmashare_ring_ring(&queue->ring);
	dmashare_watch_jobs(ddev);

out_unlock:
	spin_unlock_irqrestore(&queue->lock, flags);
	dma_fence_end_signalling(cookie);

	return fence;
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

static void dmashare_submit_wq_fini(struct drm_device *drm, void *data)
{
	destroy_workqueue(data);
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
	u32 i, credits = min_t(u32, ddev->limits.max_entries, DMASHARE_JOB_RING_ENTRIES);
	int ret;

	ret = dmashare_timelines_init(ddev);
	if (ret)
		return ret;

	ddev->queue = drmm_kcalloc(&ddev->drm, ddev->limits.num_queues,
				   sizeof(*ddev->queue), GFP_KERNEL);
	if (!ddev->queue)
		return -ENOMEM;

	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];
		struct dmashare_slot *slot;

		queue->ring.ddev = ddev;
		spin_lock_init(&queue->lock);
		spin_lock_init(&queue->fence_lock);
		INIT_LIST_HEAD(&queue->inflight);
		INIT_LIST_HEAD(&queue->done);
		slot = drmm_kcalloc(&ddev->drm, credits, sizeof(*slot), GFP_KERNEL);
		if (!slot)
			return -ENOMEM;
		dmashare_slots_init(&queue->slots, slot, credits);
		snprintf(queue->name, sizeof(queue->name), "dmashare-queue%u", i);

		/* Who submits, and has nothing else to do, waits for what runs there. */
		queue->submit_wq = alloc_ordered_workqueue("%s", WQ_MEM_RECLAIM | WQ_HIGHPRI,
							   queue->name);
		if (!queue->submit_wq)
			return -ENOMEM;
		ret = drmm_add_action_or_reset(&ddev->drm, dmashare_submit_wq_fini,
					       queue->submit_wq);
		if (ret)
			return ret;
		ret = dmashare_sched_init(&queue->sched, &dmashare_sched_ops,
					  queue->submit_wq, credits,
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
