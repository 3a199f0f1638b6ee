/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: a move, between where it begins and where it ends
 */
#ifndef DMASHARE_MOVE_H
#define DMASHARE_MOVE_H

#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "dmashare_drv.h"

/**
 * struct dmashare_move - a move on its way, or one whose fence is still kept
 * @base: the fence; must be first, dma_fence_free() frees it
 * @lock: of the fence
 * @ddev: the device; the move is one of its users until it is retired
 * @bo: the buffer; reference, given up when the move is retired
 * @from: old memory; NULL when new memory is cleared, or when it is given back
 * @to: new memory; reference, as for @bo
 * @old_map: the device's mapping of the old memory
 * @old_sgt: what it was made from
 * @old_stale: it was made stale
 * @share: the buffer's, if it is shared or was; reference, until it was told
 * @new_sgt: what the mapping of the new memory was made from; the buffer's.
 *	These and the three before are protected by the device's move_lock
 * @entity: for the jobs. Each move has its own, because those of one entity run
 *	in order, and this buffer's fences are no other buffer's concern
 * @jobs: the jobs' fences
 * @n_jobs: number of jobs
 * @cb: on the last one's
 * @done: the jobs are done
 * @retired: the old memory is free
 * @dropped: and so is the buffer, if nobody else had it
 * @link: in the device's list of moves
 */
struct dmashare_move {
	struct dma_fence base;
	spinlock_t lock; /* dma_fence.lock */
	struct dmashare_device *ddev;
	struct dmashare_bo *bo;
	struct dmashare_backing *from;
	struct dmashare_backing *to;
	struct dmashare_mapping *old_map;
	struct sg_table *old_sgt;
	bool old_stale;
	struct dmashare_share *share;
	struct sg_table *new_sgt;
	struct drm_sched_entity entity;
	struct dma_fence **jobs;
	u32 n_jobs;
	struct dma_fence_cb cb;
	struct work_struct done;
	struct completion retired;
	struct completion dropped;
	struct list_head link;
};

static inline struct dmashare_move *to_dmashare_move(struct dma_fence *fence)
{
	return container_of(fence, struct dmashare_move, base);
}

/* dmashare_move_end.c */
void dmashare_move_launch(struct dmashare_move *move);
void dmashare_move_end_after(struct dmashare_move *move, struct dma_fence *last);

#endif /* DMASHARE_MOVE_H */
