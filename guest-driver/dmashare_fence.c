// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: hardware fences
 *
 * One for each job that the device has, on the client's timeline. User
 * space and other drivers never hold these: they hold the scheduler's fences,
 * which exist before a job's turn comes and signal when its hardware fence does.
 *
 * A scheduler fence keeps its hardware fence, and may be kept itself (in a
 * sync_file, in somebody's reservation object) long after the device is gone,
 * while it still points to the scheduler's name. So the hardware fence keeps
 * the memory of the device and this module. It drops them at once when it is
 * released and not after a grace period: a module should be free to go as soon
 * as its last user has closed the last file.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static struct dmashare_fence *to_dmashare_fence(struct dma_fence *fence)
{
	return container_of(fence, struct dmashare_fence, base);
}

static const char *dmashare_fence_driver_name(struct dma_fence *fence)
{
	return DMASHARE_NAME;
}

static const char *dmashare_fence_timeline_name(struct dma_fence *fence)
{
	return to_dmashare_fence(fence)->queue->name;
}

static bool dmashare_fence_enable_signaling(struct dma_fence *fence)
{
	/* Completions always interrupt. */
	return true;
}

/*
 * Polling. The fence memory says early that the fence signalled, but not
 * whether the job succeeded; that is in the completion, and the error must be
 * set before the fence signals. So the memory only tells whether it is worth
 * looking at the completion ring, and what counts is what the ring says. When
 * the completion is not there yet neither is the answer.
 *
 * Called with and without the fence's lock held, in any context.
 */
static bool dmashare_fence_signaled(struct dma_fence *base)
{
	struct dmashare_fence *fence = to_dmashare_fence(base);
	struct dmashare_queue *queue = fence->queue;
	struct dmashare_device *ddev = queue->ring.ddev;
	unsigned long flags;
	bool completed;

	spin_lock_irqsave(&queue->lock, flags);
	/* The memory is there as long as the ring is enabled. */
	if (!fence->completed && queue->ring.enabled &&
	    le64_to_cpu(READ_ONCE(ddev->fence_mem[fence->timeline])) >= base->seqno)
		dmashare_queue_collect_locked(queue);
	completed = fence->completed;
	spin_unlock_irqrestore(&queue->lock, flags);

	return completed;
}

static void dmashare_fence_release(struct dma_fence *base)
{
	dmashare_put_user(to_dmashare_fence(base)->queue->ring.ddev);
	dma_fence_free(base);
	/* dmashare_exit() waits for our return. */
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops dmashare_fence_ops = {
	DMASHARE_FENCE_OPS_64BIT
	.get_driver_name = dmashare_fence_driver_name,
	.get_timeline_name = dmashare_fence_timeline_name,
	.enable_signaling = dmashare_fence_enable_signaling,
	.signaled = dmashare_fence_signaled,
	.release = dmashare_fence_release,
};

/**
 * dmashare_fence_alloc - allocate the fence of a job
 * @queue: where the job will run
 * @timeline: which it will signal
 *
 * Returns: the fence, to be initialised when the job runs; or NULL
 */
struct dmashare_fence *dmashare_fence_alloc(struct dmashare_queue *queue, u32 timeline)
{
	struct dmashare_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;

	/* The client has its file open, so neither is at its end. */
	refcount_inc(&queue->ring.ddev->users);
	__module_get(THIS_MODULE);
	fence->queue = queue;
	fence->timeline = timeline;

	return fence;
}

/**
 * dmashare_fence_init - give a fence its place on the timeline
 * @fence: of dmashare_fence_alloc()
 * @seqno: on its timeline
 *
 * Allocates nothing: run_job is on the way to a fence that others wait for.
 */
void dmashare_fence_init(struct dmashare_fence *fence, u64 seqno)
{
	struct dmashare_queue *queue = fence->queue;

	dmashare_dma_fence_init(&fence->base, &dmashare_fence_ops, &queue->fence_lock,
				queue->ring.ddev->timelines.context + fence->timeline, seqno);
	fence->initialised = true;
}

/**
 * dmashare_fence_free - drop the reference of dmashare_fence_alloc()
 * @fence: the fence; any context
 */
void dmashare_fence_free(struct dmashare_fence *fence)
{
	struct dmashare_device *ddev = fence->queue->ring.ddev;

	if (fence->initialised) {
		dma_fence_put(&fence->base);
		return;
	}

	dmashare_put_user(ddev);
	kfree(fence);
	module_put(THIS_MODULE);
}
