/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: clients, jobs and fences
 *
 * Included by dmashare_drv.h, which has the order of the locks.
 */
#ifndef DMASHARE_JOB_H
#define DMASHARE_JOB_H

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/gpu_scheduler.h>

#include <dmashare/abi.h>

#include "dmashare_queue.h"

struct dmashare_bo;
struct dmashare_render_object;

/* Not chosen yet. */
#define DMASHARE_NO_TIMELINE	U32_MAX

/**
 * struct dmashare_file - an open file
 * @ref: the file's, and one for each of its jobs
 * @ddev: the device, of which the file is a user; but for the kernel's own
 * @entity: one scheduler entity a job queue
 * @timeline: the timeline a job queue, or DMASHARE_NO_TIMELINE; protected by
 *	@submit_lock until it is chosen
 * @submit_lock: keeps arming and pushing of jobs in one order
 * @next_job: id of the next job
 * @results: struct dmashare_result by job id
 * @n_results: entries of @results
 * @jobs: jobs not freed yet
 * @on_device: of those, how many the device has
 * @idle: woken when the two may have become equal
 */
struct dmashare_file {
	struct kref ref;
	struct dmashare_device *ddev;
	struct drm_sched_entity entity[DMASHARE_MAX_JOB_QUEUES];
	u32 timeline[DMASHARE_MAX_JOB_QUEUES];
	struct mutex submit_lock; /* arming and pushing, choice of timelines */
	atomic64_t next_job;
	struct xarray results;
	atomic_t n_results;
	atomic_t jobs;
	atomic_t on_device;
	wait_queue_head_t idle;
};

/**
 * struct dmashare_result - a job's outcome, kept for JOB_RESULT
 * @ref: the job's and the file's
 * @finished: the job's fence as user space knows it
 * @result: CRC of a checksum
 * @detail: of the completion
 * @seqno: of the job's fence on @timeline, 0 before the device has the job
 * @timeline: which the job signals
 * @status: enum dmashare_status, or DRM_DMASHARE_STATUS_NOT_RUN
 */
struct dmashare_result {
	struct kref ref;
	struct dma_fence *finished;
	u64 result;
	u64 detail;
	u64 seqno;
	u32 timeline;
	u32 status;
};

/**
 * struct dmashare_fence - a hardware fence
 * @base: the fence; must be first, dma_fence_free() frees it
 * @queue: where the job runs; the fence is one of the device's users
 * @timeline: which it is on
 * @initialised: @base was initialised, which run_job does
 * @completed: the completion was read and any error set; protected by the
 *	queue's lock, as is the next
 * @held: the device said that nothing but the harness will ever signal it
 */
struct dmashare_fence {
	struct dma_fence base;
	struct dmashare_queue *queue;
	u32 timeline;
	bool initialised;
	bool completed;
	bool held;
};

/**
 * struct dmashare_job - a job
 * @base: the scheduler's part
 * @ref: the scheduler's, the in-flight list's and the release work's
 * @file: whose it is
 * @queue: where it runs
 * @fence: the hardware fence, allocated with the job because run_job must not
 * @more: another job of the same submit is handed to the device right after it
 * @result: where its outcome goes, or NULL
 * @src: buffer read, or NULL
 * @dst: buffer written, or NULL
 * @context: whose commands they are, or NULL
 * @resource: what is transferred to or from, or NULL
 * @id: for user space
 * @desc: the descriptor but for the fence's seqno and the cookie
 * @handed: when the device got it, in jiffies
 * @link: in the queue's inflight or done list
 * @flags: DMASHARE_JOB_*
 * @release: drops the buffers, and what is rendered with; see dmashare_job_release()
 */
struct dmashare_job {
	struct drm_sched_job base;
	struct kref ref;
	struct dmashare_file *file;
	struct dmashare_queue *queue;
	struct dmashare_fence *fence;
	bool more;
	struct dmashare_result *result;
	struct dmashare_bo *src;
	struct dmashare_bo *dst;
	struct dmashare_render_object *context;
	struct dmashare_render_object *resource;
	u64 id;
	struct dmashare_desc desc;
	unsigned long handed;
	struct list_head link;
	unsigned long flags;
	struct work_struct release;
};

#define DMASHARE_JOB_RELEASED	0	/* the release work was queued */

static inline struct dmashare_job *to_dmashare_job(struct drm_sched_job *job)
{
	return container_of(job, struct dmashare_job, base);
}

/* dmashare_fence.c */
struct dmashare_fence *dmashare_fence_alloc(struct dmashare_queue *queue, u32 timeline);
void dmashare_fence_init(struct dmashare_fence *fence, u64 seqno);
void dmashare_fence_free(struct dmashare_fence *fence);

/* dmashare_job.c */
int dmashare_job_queues_init(struct dmashare_device *ddev);
struct dmashare_job *dmashare_job_alloc(struct dmashare_file *file,
					struct dmashare_queue *queue);
struct dmashare_file *dmashare_file_alloc(struct dmashare_device *ddev);
void dmashare_file_put(struct dmashare_file *file);
void dmashare_job_arm(struct dmashare_job *job);
void dmashare_job_put(struct dmashare_job *job);
void dmashare_job_drop_buffers(struct dmashare_job *job);
void dmashare_result_put(struct dmashare_result *result);
void dmashare_queue_collect_locked(struct dmashare_queue *queue);
void dmashare_queue_signal(struct dmashare_queue *queue);
bool dmashare_job_fence(struct dmashare_device *ddev, struct dma_fence *fence);
void dmashare_queue_fail(struct dmashare_queue *queue,
			 const struct dmashare_job *slow, int error);
void dmashare_queue_ring(struct dmashare_queue *queue);
bool dmashare_queue_idle(struct dmashare_queue *queue);
bool dmashare_idle(struct dmashare_device *ddev);
void dmashare_fence_held(struct dmashare_device *ddev, u32 timeline, u64 seqno);

#endif /* DMASHARE_JOB_H */
