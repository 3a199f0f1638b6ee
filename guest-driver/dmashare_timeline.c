// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: timelines, and which of them a client has
 *
 * Fences of one timeline signal in the order of their seqnos. Clients that share
 * one wait for each other: where the harness holds a fence of the one, those that
 * the other submitted later on the same timeline are held as well. So each client
 * (an open file) gets a timeline of its own on each job queue that it uses, as
 * long as the device has some left. Those that come too late share the queue's
 * base timeline with each other and with the kernel's own jobs (moves), as on a
 * device with one timeline a queue.
 *
 * A timeline is given back when the file and the last of its jobs are gone. Its
 * seqnos go on where they were: the device refuses one that it had before.
 */
#include <linux/slab.h>

#include <kunit/visibility.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static void dmashare_timelines_fini(struct drm_device *drm, void *unused)
{
	struct dmashare_timelines *timelines = &to_dmashare(drm)->timelines;

	drm_WARN_ON(drm, !ida_is_empty(&timelines->given));
	ida_destroy(&timelines->given);
	kvfree(timelines->seqno);
}

/**
 * dmashare_timelines_init - all timelines are free
 * @ddev: the device, whose limits are known
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_timelines_init(struct dmashare_device *ddev)
{
	struct dmashare_timelines *timelines = &ddev->timelines;

	timelines->number = ddev->limits.num_timelines;
	timelines->n_base = ddev->limits.num_queues;
	timelines->context = dma_fence_context_alloc(timelines->number);
	timelines->seqno = kvcalloc(timelines->number, sizeof(*timelines->seqno), GFP_KERNEL);
	if (!timelines->seqno)
		return -ENOMEM;
	ida_init(&timelines->given);

	return drmm_add_action_or_reset(&ddev->drm, dmashare_timelines_fini, NULL);
}

/**
 * dmashare_timeline_get - a timeline for a client
 * @timelines: the device's
 * @base: what the client shares with others if there is none left
 *
 * Returns: the timeline
 */
u32 dmashare_timeline_get(struct dmashare_timelines *timelines, u32 base)
{
	int id;

	if (timelines->number == timelines->n_base)
		return base;

	id = ida_alloc_range(&timelines->given, timelines->n_base, timelines->number - 1,
			     GFP_KERNEL);

	return id < 0 ? base : id;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_timeline_get);

/**
 * dmashare_timeline_put - a client needs its timeline no more
 * @timelines: the device's
 * @timeline: of dmashare_timeline_get(); any context
 */
void dmashare_timeline_put(struct dmashare_timelines *timelines, u32 timeline)
{
	if (timeline >= timelines->n_base)
		ida_free(&timelines->given, timeline);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_timeline_put);

/**
 * dmashare_file_timeline - which timeline a client's jobs signal
 * @file: the client
 * @queue: job queue
 *
 * Chosen when it is first asked for, and the same until the file is closed.
 *
 * Returns: the timeline
 */
u32 dmashare_file_timeline(struct dmashare_file *file, u32 queue)
{
	guard(mutex)(&file->submit_lock);

	if (file->timeline[queue] == DMASHARE_NO_TIMELINE)
		file->timeline[queue] = dmashare_timeline_get(&file->ddev->timelines, queue);

	return file->timeline[queue];
}
