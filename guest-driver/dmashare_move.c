// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: buffers that move
 *
 * A move begins under the buffer's reservation lock, where everything that can
 * fail is done, and ends in a work item:
 *
 *	1. the new memory is had, and a mapping of it for the device
 *	2. importers are told, and CPU mappings are taken away: whoever wants the
 *	   buffer has to ask again, and finds it at its new place
 *	3. copy jobs are queued that wait for every fence of the buffer, and a
 *	   fence of ours is added that everybody has to wait for (usage KERNEL)
 *	4. when the jobs are done that fence signals; the old mapping and the old
 *	   memory are given back
 *
 * If the device does not copy, because it was reset or could not reach the
 * memory, the CPU does before the fence signals: what a move is asked to keep
 * is not lost. Only with the device itself its local memory is gone; the fence
 * then has the error -ENODEV, or -EIO while the device does not answer, and a CPU
 * mapping is of zeros.
 *
 * Clearing new local memory is a move from nowhere.
 */
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/* One job's part of a move: what is done well before a job times out. */
#define DMASHARE_MOVE_CHUNK	SZ_64M

/* Moves of one buffer that may wait for each other. */
#define DMASHARE_MOVES_PENDING	16

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

static struct dmashare_move *to_dmashare_move(struct dma_fence *fence)
{
	return container_of(fence, struct dmashare_move, base);
}

static const char *dmashare_move_driver_name(struct dma_fence *fence)
{
	return DMASHARE_NAME;
}

static const char *dmashare_move_timeline_name(struct dma_fence *fence)
{
	return "dmashare-move";
}

static void dmashare_move_release(struct dma_fence *fence)
{
	kfree(to_dmashare_move(fence)->jobs);
	dma_fence_free(fence);
	/* dmashare_exit() waits for our return. */
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops dmashare_move_fence_ops = {
	DMASHARE_FENCE_OPS_64BIT
	.get_driver_name = dmashare_move_driver_name,
	.get_timeline_name = dmashare_move_timeline_name,
	.release = dmashare_move_release,
};

/**
 * dmashare_move_get - the buffer's latest move
 * @bo: the buffer; its reservation lock is held
 *
 * Returns: reference to the move, or NULL if it never moved
 */
struct dmashare_move *dmashare_move_get(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	if (bo->move)
		dma_fence_get(&bo->move->base);

	return bo->move;
}

/**
 * dmashare_move_put - drop a reference
 * @move: the move, or NULL
 */
void dmashare_move_put(struct dmashare_move *move)
{
	if (move)
		dma_fence_put(&move->base);
}

/*
 * Is it about to free local memory: what the buffer leaves, or that of a buffer
 * which nobody has any more? To be told by handles it need not be exact.
 */
static bool dmashare_move_frees(const struct dmashare_move *move)
{
	return !move->bo ||
	       (move->from && move->from->placement == DMASHARE_PLACEMENT_LOCAL) ||
	       (move->to->placement == DMASHARE_PLACEMENT_LOCAL &&
		!READ_ONCE(move->bo->base.handle_count));
}

/**
 * dmashare_move_pending - a move that is about to free local memory
 * @ddev: the device
 *
 * Returns: reference to the oldest one, or NULL if there is none
 */
struct dmashare_move *dmashare_move_pending(struct dmashare_device *ddev)
{
	struct dmashare_move *move;

	guard(mutex)(&ddev->move_lock);

	list_for_each_entry(move, &ddev->moves, link)
		if (dmashare_move_frees(move)) {
			dma_fence_get(&move->base);
			return move;
		}

	return NULL;
}

/**
 * dmashare_move_wait - wait until the move is done and the old memory is free
 * @move: the move, or NULL
 * @interruptible: whether a signal ends the wait
 *
 * May be called with reservation locks held: the move's end takes none.
 *
 * Returns: 0, also if the move failed or the device went away; -ERESTARTSYS
 */
int dmashare_move_wait(struct dmashare_move *move, bool interruptible)
{
	if (!move)
		return 0;
	if (interruptible)
		return wait_for_completion_interruptible(&move->retired);
	wait_for_completion(&move->retired);

	return 0;
}

/**
 * dmashare_move_wait_dropped - wait until the move has given everything back
 * @move: the move
 * @interruptible: whether a signal ends the wait
 * @timeout: jiffies at most
 *
 * May be called with reservation locks held: the only one that is taken after
 * the move's end is that of a buffer without any other user.
 *
 * Returns: 0, -ETIME or -ERESTARTSYS
 */
int dmashare_move_wait_dropped(struct dmashare_move *move, bool interruptible, long timeout)
{
	long ret;

	if (interruptible)
		ret = wait_for_completion_interruptible_timeout(&move->dropped, timeout);
	else
		ret = wait_for_completion_timeout(&move->dropped, timeout);

	return ret > 0 ? 0 : ret ?: -ETIME;
}

/**
 * dmashare_move_error - did the move keep the bytes?
 * @move: the move, waited for
 *
 * Returns: 0, or -ENODEV if they went with the device, -EIO if it did not answer;
 * -ENOMEM if neither the device nor the CPU could copy
 */
int dmashare_move_error(struct dmashare_move *move)
{
	/* What the device's removal ended is not signalled yet. */
	return dma_fence_is_signaled(&move->base) ? move->base.error : -ENODEV;
}

/*
 * Gives the device's mapping of the old memory back. Not with the lock held: it
 * takes a command, and a reset waits for fences while it keeps commands out.
 */
static void dmashare_move_unmap_old(struct dmashare_move *move)
{
	struct dmashare_device *ddev = move->ddev;
	struct dmashare_backing *from = NULL;
	struct dmashare_bo *bo = NULL;
	struct dmashare_mapping *map;
	struct sg_table *sgt;

	mutex_lock(&ddev->move_lock);
	map = move->old_map;
	sgt = move->old_sgt;
	move->old_map = NULL;
	move->old_sgt = NULL;
	if (map) {
		/* The device's removal does this while the move may end. */
		from = dmashare_backing_get(move->from);
		bo = move->bo;
		drm_gem_object_get(&bo->base);
	}
	mutex_unlock(&ddev->move_lock);

	if (!map)
		return;
	dmashare_backing_unmap(bo, map, sgt, move->old_stale);
	dmashare_backing_put(from);
	drm_gem_object_put(&bo->base);
}

static int dmashare_move_jobs_error(struct dmashare_move *move)
{
	u32 i;

	for (i = 0; i < move->n_jobs; i++)
		if (move->jobs[i]->error)
			return move->jobs[i]->error;

	return 0;
}

/* Gives everything back; the last reference may be the waiter's. */
static void dmashare_move_retire(struct dmashare_move *move)
{
	struct dmashare_device *ddev = move->ddev;
	struct dmashare_backing *to = move->to;
	struct dmashare_bo *bo = move->bo;
	u32 i;

	mutex_lock(&ddev->move_lock);
	dmashare_backing_put(move->from);
	move->from = NULL;
	mutex_unlock(&ddev->move_lock);
	atomic_dec(&bo->moves_pending);
	complete_all(&move->retired);

	drm_sched_entity_destroy(&move->entity);
	for (i = 0; i < move->n_jobs; i++)
		dma_fence_put(move->jobs[i]);

	/*
	 * Who looks for room finds either the move, or the room. If the buffer
	 * is freed now, nobody else can have its reservation lock.
	 */
	mutex_lock(&ddev->move_lock);
	move->bo = NULL;
	mutex_unlock(&ddev->move_lock);
	dmashare_backing_put(to);
	drm_gem_object_put(&bo->base);
	mutex_lock(&ddev->move_lock);
	list_del_init(&move->link);
	mutex_unlock(&ddev->move_lock);
	complete_all(&move->dropped);
	if (atomic_dec_and_test(&ddev->n_moves))
		wake_up_all(&ddev->moves_idle);
	dma_fence_put(&move->base);
	dmashare_put_user(ddev);
}

/* Is the old memory what others may have as well? */
static bool dmashare_move_shared(struct dmashare_move *move)
{
	struct dmashare_device *ddev = move->ddev;
	u32 mapping;

	mutex_lock(&ddev->move_lock);
	mapping = move->old_map ? move->old_map->id : 0;
	mutex_unlock(&ddev->move_lock);

	return mapping && dmashare_share_uses(move->share, mapping);
}

/*
 * Ends the move. Everybody who waits for the buffer waits for this: it takes
 * no reservation lock and allocates nothing until the fence has signalled.
 */
static void dmashare_move_done_work(struct work_struct *work)
{
	struct dmashare_move *move = container_of(work, struct dmashare_move, done);
	struct dmashare_device *ddev = move->ddev;
	int error, ret = 0;
	bool cookie, shared;

	error = dmashare_move_jobs_error(move);
	shared = dmashare_move_shared(move);

	/*
	 * Before a CPU copies from them the old pages have to be as the device
	 * sees them. And a device with copies of its own writes what it has of
	 * them to the old pages when they are unmapped: before anybody uses the
	 * new memory, which the buffer may have left again for other pages.
	 *
	 * Commands wait for a reset, which waits for the device's own fences:
	 * they are no part of what is marked below, and signal without us.
	 *
	 * What is shared stays so, and mapped, as long as it is needed: no bounce
	 * buffer is, so a device with copies of its own is all there is to it.
	 */
	if (shared && error)
		dmashare_share_flush(move->share);
	else if (!shared && (error || dmashare_noncoherent(ddev)))
		dmashare_move_unmap_old(move);

	/* The device did not do it. Nobody writes to the old memory any more. */
	if (error)
		wait_event(ddev->awake, !READ_ONCE(ddev->halted));

	cookie = dma_fence_begin_signalling();
	if (error)
		ret = dmashare_backing_copy(ddev, move->from, move->to);

	/* For a CPU that has the pages mapped, if there is something between. */
	mutex_lock(&ddev->move_lock);
	if (!error && move->new_sgt && move->to->placement == DMASHARE_PLACEMENT_SYSTEM)
		dma_sync_sgtable_for_cpu(ddev->drm.dev, move->new_sgt, DMA_FROM_DEVICE);
	move->new_sgt = NULL;
	mutex_unlock(&ddev->move_lock);
	dma_fence_end_signalling(cookie);

	if (move->share)
		dmashare_share_moved(move->share);
	if (shared && dmashare_noncoherent(ddev))
		dmashare_move_unmap_old(move);

	cookie = dma_fence_begin_signalling();
	if (ret) {
		WRITE_ONCE(move->bo->lost, true);
		dma_fence_set_error(&move->base, ret);
	}
	trace_dmashare_move_done(move->bo, error, ret);
	dma_fence_signal(&move->base);
	dma_fence_end_signalling(cookie);

	dmashare_move_unmap_old(move);
	dmashare_move_retire(move);
}

static void dmashare_move_jobs_done(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dmashare_move *move = container_of(cb, struct dmashare_move, cb);

	queue_work(dmashare_move_wq, &move->done);
}

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
	spin_lock_init(&move->lock);
	init_completion(&move->retired);
	init_completion(&move->dropped);
	INIT_LIST_HEAD(&move->link);
	INIT_WORK(&move->done, dmashare_move_done_work);

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
	struct dmashare_device *ddev = move->ddev;
	struct dmashare_bo *bo = move->bo;
	u32 i;

	__module_get(THIS_MODULE);
	refcount_inc(&ddev->users);
	atomic_inc(&ddev->n_moves);
	atomic_inc(&bo->moves_pending);
	drm_gem_object_get(&bo->base);
	dmashare_backing_get(move->to);
	dmashare_dma_fence_init(&move->base, &dmashare_move_fence_ops, &move->lock,
				dma_fence_context_alloc(1), 1);

	mutex_lock(&ddev->move_lock);
	list_add_tail(&move->link, &ddev->moves);
	mutex_unlock(&ddev->move_lock);

	dmashare_move_put(bo->move);
	bo->move = to_dmashare_move(dma_fence_get(&move->base));
	dma_resv_add_fence(bo->base.resv, &move->base, DMA_RESV_USAGE_KERNEL);

	for (i = 0; i < move->n_jobs; i++) {
		dmashare_job_arm(jobs[i]);
		move->jobs[i] = dma_fence_get(&jobs[i]->base.s_fence->finished);
		/* From here on the job may be run and freed at any time. */
		drm_sched_entity_push_job(&jobs[i]->base);
	}

	if (dma_fence_add_callback(move->jobs[i - 1], &move->cb, dmashare_move_jobs_done))
		dmashare_move_jobs_done(move->jobs[i - 1], &move->cb);
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

/**
 * dmashare_moves_revoke - end the device's part in all moves
 * @ddev: the device, unplugged, so that no move begins any more
 *
 * Its mappings are undone now. Moves that wait for a fence of somebody else end
 * later, with an error; nobody needs to wait for that.
 */
void dmashare_moves_revoke(struct dmashare_device *ddev)
{
	struct dmashare_move *move;

	mutex_lock(&ddev->move_lock);
	list_for_each_entry(move, &ddev->moves, link)
		move->new_sgt = NULL;
again:
	list_for_each_entry(move, &ddev->moves, link) {
		if (!move->old_map)
			continue;
		dma_fence_get(&move->base);
		mutex_unlock(&ddev->move_lock);
		dmashare_move_unmap_old(move);
		dma_fence_put(&move->base);
		mutex_lock(&ddev->move_lock);
		goto again;
	}
	list_for_each_entry(move, &ddev->moves, link) {
		complete_all(&move->retired);
		complete_all(&move->dropped);
	}
	mutex_unlock(&ddev->move_lock);

	/* Those that are ending unmap, too. */
	flush_workqueue(dmashare_move_wq);
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
