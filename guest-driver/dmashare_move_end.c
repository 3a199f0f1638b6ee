// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: moves on their way: who waits for them, and how they end
 *
 * A move has a fence of its own from when nothing about it can fail any more
 * (dmashare_move.c). That signals when the bytes are at the new place; the old
 * memory is free only after that, and the buffer, if nobody else had it, even later.
 * Who has no use for the fence alone waits for these.
 *
 * If the device does not copy, because it was reset or could not reach the
 * memory, the CPU does before the fence signals: what a move is asked to keep
 * is not lost. Only with the device itself its local memory is gone; the fence
 * then has the error -ENODEV, or -EIO while the device does not answer, and a CPU
 * mapping is of zeros.
 */
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "dmashare_drv.h"
#include "dmashare_move.h"
#include "dmashare_trace.h"

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

/**
 * dmashare_move_launch - nothing about the move can fail any more
 * @move: the move, with all that it is to give back at its end
 *
 * From here on it has a fence, and is one of the device's moves.
 */
void dmashare_move_launch(struct dmashare_move *move)
{
	struct dmashare_device *ddev = move->ddev;
	struct dmashare_bo *bo = move->bo;

	spin_lock_init(&move->lock);
	init_completion(&move->retired);
	init_completion(&move->dropped);
	INIT_LIST_HEAD(&move->link);
	INIT_WORK(&move->done, dmashare_move_done_work);

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
}

/**
 * dmashare_move_end_after - the move ends when its jobs have
 * @move: the move, launched
 * @last: the last job's fence
 */
void dmashare_move_end_after(struct dmashare_move *move, struct dma_fence *last)
{
	if (dma_fence_add_callback(last, &move->cb, dmashare_move_jobs_done))
		dmashare_move_jobs_done(last, &move->cb);
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
