// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: buffers that move
 *
 * A move begins here, under the buffer's reservation lock, where everything that
 * can fail is done, and ends in a work item (dmashare_move_end.c):
 *
 *	1. the new memory is had, and a mapping of it for the device
 *	2. importers are told, and CPU mappings are taken away: whoever wants the
 *	   buffer has to ask again, and finds it at its new place
 *	3. copy jobs are queued that wait for every fence of the buffer, and a
 *	   fence of ours is added that everybody has to wait for (usage KERNEL)
 *	4. when the jobs are done that fence signals; the old mapping and the old
 *	   memory are given back
 *
 * Clearing new local memory is a move from nowhere.
 */
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "dmashare_drv.h"
#include "dmashare_move.h"
#include "dmashare_trace.h"

/* One job's part of a move: what is done well before a job times out. */
#define DMASHARE_MOVE_CHUNK	SZ_64M

/* Moves of one buffer that may wait for each other. */
#define DMASHARE_MOVES_PENDING	16

/* A move without jobs; until it is armed, dmashare_move_discard() undoes it. */
static struct dmashare_move *dmashare_move_alloc(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	u64 chunk = min_t(u64, ddev->limits.max_job_bytes, DMASHARE_MOVE_CHUNK);
	struct drm_gpu_scheduler *sched;
	struct dmashare_move *move;
	u64 n;

	chunk = ALIGN_DOWN(chunk, PAGE_SIZE);
	n = chunk ? DIV64_U64_ROUND_UP(bo->base.size, chunk) : 0;
	if (!n || n > INT_MAX)
		return ERR_PTR(-EFBIG);

	move = kzalloc(sizeof(*move), GFP_KERNEL);
	if (!move)
		return ERR_PTR(-ENOMEM);

	move->n_jobs = n;
	move->jobs = kcalloc(n, sizeof(*move->jobs), GFP_KERNEL);
	/* The last one: clients are likely to use the first. */
	sched = &ddev->queue[ddev->limits.num_queues - 1].sched;
	if (!move->jobs || drm_sched_entity_init(&move->entity, DRM_SCHED_PRIORITY_NORMAL,
						 &sched, 1, NULL)) {
		kfree(move->jobs);
		kfree(move);
		return ERR_PTR(-ENOMEM);
	}

	move->ddev = ddev;
	move->bo = bo;

	return move;
}

static void dmashare_move_discard(struct dmashare_move *move)
{
	drm_sched_entity_destroy(&move->entity);
	kfree(move->jobs);
	kfree(move);
}

/* The jobs, the first of which waits for all fences of the buffer. */
static int dmashare_move_make_jobs(struct dmashare_move *move, struct dmashare_job **jobs,
				   const struct dmashare_mapping *src,
				   const struct dmashare_mapping *dst)
{
	struct dmashare_device *ddev = move->ddev;
	struct dmashare_queue *queue = &ddev->queue[ddev->limits.num_queues - 1];
	u64 chunk = DIV64_U64_ROUND_UP(move->bo->base.size, move->n_jobs);
	u64 offset = 0;
	u32 i;
	int ret;

	chunk = PAGE_ALIGN(chunk);
	for (i = 0; i < move->n_jobs; i++) {
		struct dmashare_job *job = dmashare_job_alloc(ddev->kernel_file, queue);
		u64 length = min(chunk, move->bo->base.size - offset);

		if (!job)
			return -ENOMEM;
		job->desc.opcode = src ? DMASHARE_OP_JOB_COPY : DMASHARE_OP_JOB_FILL;
		/* What both the CPU and the device wrote last is wanted. */
		if (dmashare_noncoherent(ddev))
			job->desc.flags = cpu_to_le16(DMASHARE_JOB_F_UNCACHED);
		if (src) {
			job->desc.job.src.mapping = cpu_to_le32(src->id);
			job->desc.job.src.offset = cpu_to_le64(offset);
		}
		job->desc.job.dst.mapping = cpu_to_le32(dst->id);
		job->desc.job.dst.offset = cpu_to_le64(offset);
		job->desc.job.length = cpu_to_le64(length);
		offset += length;

		ret = dmashare_sched_job_init(&job->base, &move->entity, 0);
		if (ret) {
			dmashare_job_put(job);
			return ret;
		}
		jobs[i] = job;
		if (!i)
			ret = drm_sched_job_add_resv_dependencies(&job->base,
								  move->bo->base.resv,
								  DMA_RESV_USAGE_BOOKKEEP);
		if (ret)
			return ret;
	}

	return 0;
}

static void dmashare_move_undo_jobs(struct dmashare_job **jobs, u32 n)
{
	u32 i;

	for (i = 0; i < n && jobs[i]; i++) {
		drm_sched_job_cleanup(&jobs[i]->base);
		dmashare_job_put(jobs[i]);
	}
}

/* Nothing here fails. */
static void dmashare_move_arm(struct dmashare_move *move, struct dmashare_job **jobs)
{
	struct dmashare_bo *bo = move->bo;
	u32 i;

	dmashare_move_launch(move);
	dmashare_move_put(bo->move);
	bo->move = to_dmashare_move(dma_fence_get(&move->base));
	dma_resv_add_fence(bo->base.resv, &move->base, DMA_RESV_USAGE_KERNEL);

	for (i = 0; i < move->n_jobs; i++) {
		dmashare_job_arm(jobs[i]);
		move->jobs[i] = dma_fence_get(&jobs[i]->base.s_fence->finished);
		/* From here on the job may be run and freed at any time. */
		drm_sched_entity_push_job(&jobs[i]->base);
	}

	dmashare_move_end_after(move, move->jobs[i - 1]);
}

/*
 * Queues the jobs from @src (or clearing) to the mapping @dst. On success the
 * old mapping belongs to the move, and the old memory if there is any.
 */
static int dmashare_move_queue(struct dmashare_bo *bo, struct dmashare_backing *from,
			       struct dmashare_backing *to,
			       const struct dmashare_mapping *dst, struct sg_table *dst_sgt)
{
	struct dmashare_job **jobs;
	struct dmashare_move *move;
	int ret;

	move = dmashare_move_alloc(bo);
	if (IS_ERR(move))
		return PTR_ERR(move);
	jobs = kcalloc(move->n_jobs, sizeof(*jobs), GFP_KERNEL);
	if (!jobs) {
		dmashare_move_discard(move);
		return -ENOMEM;
	}

	ret = dmashare_move_make_jobs(move, jobs, from ? bo->map : NULL, dst);
	if (!ret)
		ret = dma_resv_reserve_fences(bo->base.resv, 1);
	if (ret) {
		dmashare_move_undo_jobs(jobs, move->n_jobs);
		dmashare_move_discard(move);
		goto out_free;
	}

	move->to = to;
	move->new_sgt = dst_sgt;
	if (from) {
		move->from = from;
		move->old_map = bo->map;
		move->old_sgt = bo->sgt;
		move->old_stale = bo->stale;
		move->share = dmashare_share_moving(bo, dst, dst_sgt);
	}
	dmashare_move_arm(move, jobs);

out_free:
	kfree(jobs);

	return ret;
}

/**
 * dmashare_bo_clear_locked - clear the local memory of a new buffer
 * @bo: the buffer, in local memory; its reservation lock is held
 *
 * Whatever uses the buffer waits for it, by its KERNEL fence.
 *
 * Returns: 0, -ENODEV, -ENOMEM, or an error of dmashare_map()
 */
int dmashare_bo_clear_locked(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	int ret, idx;

	dma_resv_assert_held(bo->base.resv);

	if (!drm_dev_enter(&ddev->drm, &idx))
		return -ENODEV;
	ret = dmashare_bo_map_locked(bo);
	if (!ret)
		ret = dmashare_move_queue(bo, NULL, bo->backing, bo->map, bo->sgt);
	drm_dev_exit(idx);

	return ret;
}

/* Is there anybody to be told? Static importers are not. */
static bool dmashare_move_has_listeners(struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	if (dmabuf)
		list_for_each_entry(attach, &dmabuf->attachments, node)
			if (attach->importer_ops)
				return true;

	return false;
}

/* Importers and CPU mappings have to ask for the buffer again. */
static void dmashare_move_notify(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);

	if (dmashare_move_has_listeners(bo->dmabuf)) {
		dmashare_dma_buf_invalidate(bo->dmabuf);
		dmashare_note(ddev, DMASHARE_NOTE_MOVE, bo->id, 0, DMA_BIDIRECTIONAL,
			      bo->base.size, 0);
	}
	drm_vma_node_unmap(&bo->base.vma_node, ddev->drm.anon_inode->i_mapping);
}

/* Maps the new memory, queues the jobs, and makes the new memory the buffer's. */
static int dmashare_move_begin(struct dmashare_bo *bo, struct dmashare_backing *to)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_mapping *map;
	struct sg_table *sgt;
	bool stale;
	int ret;

	ret = dmashare_bo_map_locked(bo);
	if (ret)
		return ret;

	ret = dmashare_backing_map(bo, to, &map, &sgt, &stale);
	if (ret)
		return ret;

	ret = dmashare_move_queue(bo, bo->backing, to, map, sgt);
	if (ret) {
		dmashare_backing_unmap(bo, map, sgt, stale);
		return ret;
	}

	/* What was the buffer's is the move's now. */
	bo->backing = to;
	bo->pages = to->pages;
	bo->placement = to->placement;
	bo->map = map;
	bo->sgt = sgt;
	bo->stale = stale;
	bo->moves++;
	dmashare_place(ddev, bo);
	dmashare_local_touch(bo);

	return 0;
}

/**
 * dmashare_bo_move_locked - move a buffer to another placement
 * @bo: the buffer; its reservation lock is held
 * @placement: enum dmashare_placement; where it is already is success
 * @interruptible: whether a signal ends waits for memory
 *
 * When this returns the move is arranged, and its fence is in the reservation.
 * The next one may be arranged before it is done, up to a number.
 *
 * Returns: 0; -EOPNOTSUPP for an imported or a static buffer, or another VM's, or
 * without local memory; -EBUSY if it is pinned; -ERESTARTSYS; -ENODEV; or an error of
 * dmashare_backing_alloc() or dmashare_map()
 */
int dmashare_bo_move_locked(struct dmashare_bo *bo, u32 placement, bool interruptible)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_backing *to;
	int ret, idx;

	dma_resv_assert_held(bo->base.resv);

	if (!bo->dynamic || bo->peer ||
	    (placement == DMASHARE_PLACEMENT_LOCAL && !ddev->local.size))
		return -EOPNOTSUPP;
	if (placement == bo->placement)
		return 0;
	if (bo->pin_count)
		return -EBUSY;

	/* Each has memory that it waits to give back. */
	if (atomic_read(&bo->moves_pending) >= DMASHARE_MOVES_PENDING) {
		ret = dmashare_move_wait(bo->move, interruptible);
		if (ret)
			return ret;
	}

	to = dmashare_backing_alloc(bo, placement, interruptible);
	if (IS_ERR(to))
		return PTR_ERR(to);

	dmashare_move_notify(bo);

	/* Removal waits for us, and then undoes what we do. */
	ret = -ENODEV;
	if (drm_dev_enter(&ddev->drm, &idx)) {
		ret = dmashare_move_begin(bo, to);
		drm_dev_exit(idx);
	}
	trace_dmashare_move(bo, placement, ret);
	if (ret)
		dmashare_backing_put(to);

	return ret;
}

/**
 * dmashare_bo_leave_locked - nobody reaches a buffer's memory any more
 * @bo: a buffer of our own, of a device that is gone, or of another VM that took it
 *	back; its reservation lock is held
 *
 * Importers are told as of a move, and CPU mappings are taken away: user space then
 * finds zeros.
 */
void dmashare_bo_leave_locked(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (dmashare_placement_bar(bo->placement))
		dmashare_move_notify(bo);
}

static void dmashare_kernel_file_put(struct drm_device *drm, void *file)
{
	dmashare_file_put(file);
}

/**
 * dmashare_moves_init - what moves need
 * @ddev: the device
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_moves_init(struct dmashare_device *ddev)
{
	struct dmashare_file *file;
	u32 i;

	mutex_init(&ddev->move_lock);
	INIT_LIST_HEAD(&ddev->moves);
	init_waitqueue_head(&ddev->moves_idle);

	/* Whose jobs the copies are. */
	file = dmashare_file_alloc(ddev);
	if (!file)
		return -ENOMEM;
	/* What clients without a timeline of their own share with it. */
	for (i = 0; i < ddev->limits.num_queues; i++)
		file->timeline[i] = i;
	ddev->kernel_file = file;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_kernel_file_put, file);
}
