// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: buffers that programs of the host, and other VMs, have
 *
 * BO_SHARE names a buffer's mapping to the device, which lets clients on the host
 * have the very pages. From then on until BO_UNSHARE, or as long as the buffer
 * lives, the driver sees to it that what is shared is where the bytes are:
 *
 *	a move	The old pages stay shared until the bytes are at the new place:
 *		clients that hold the buffer are waited for as all its fences are.
 *		Before anybody uses the new memory (dmashare_move.c) the old pages
 *		are taken back, and the new ones are shared.
 *	a reset	The device forgets its shares. They are made again from the
 *		driver's record, with other ids on the host.
 *
 * Whoever has pages mapped that were taken back could go on to see what the guest
 * does with them next. So before they are given back (the end of a move, the end of
 * the buffer) the device is told to put others in their place, where it can; also if
 * BO_UNSHARE came before that, for it leaves the bytes where they are.
 *
 * A buffer whose DMA addresses are those of a bounce buffer is not shared: nothing
 * says when its bytes are there, and the memory is not its own.
 */
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static void dmashare_share_release(struct kref *ref)
{
	struct dmashare_share *share = container_of(ref, struct dmashare_share, ref);

	mutex_destroy(&share->lock);
	kfree(share);
}

/**
 * dmashare_share_put - drop a reference
 * @share: the share, or NULL; any context
 */
void dmashare_share_put(struct dmashare_share *share)
{
	if (share)
		kref_put(&share->ref, dmashare_share_release);
}

/**
 * dmashare_share_sync - dirty copies to memory, or away with all of them
 * @share: the share; its lock is held
 * @flags: DMASHARE_SYNC_F_*
 *
 * For those who share the pages what dmashare_sync_locked() is for importers, but
 * without the reservation lock. Does nothing for a coherent device.
 *
 * Returns: 0 or the command's error
 */
int dmashare_share_sync(struct dmashare_share *share, u32 flags)
{
	struct dmashare_device *ddev = share->ddev;
	struct dmashare_desc desc;
	int ret;

	lockdep_assert_held(&share->lock);

	if (!dmashare_noncoherent(ddev) || share->placement != DMASHARE_PLACEMENT_SYSTEM)
		return 0;

	dmashare_desc_init(&desc, DMASHARE_OP_SYNC);
	desc.sync.mapping = share->body.mapping;
	desc.sync.flags = cpu_to_le32(flags);
	desc.sync.direction = cpu_to_le32(DMA_BIDIRECTIONAL);
	desc.sync.length = cpu_to_le64(share->size);

	down_read(&ddev->state_sem);
	ret = dmashare_command(ddev, &desc, NULL);
	up_read(&ddev->state_sem);

	return ret;
}

/* Gives the pages to the device. What the harness refuses is tried again if @insist. */
static int dmashare_share_give(struct dmashare_share *share, bool insist)
{
	struct dmashare_device *ddev = share->ddev;
	unsigned int i, tries = insist ? DMASHARE_COMMAND_TRIES : 1;
	struct dmashare_desc desc;
	u32 status;
	u64 id;
	int ret;

	lockdep_assert_held(&share->lock);

	down_read(&ddev->state_sem);
	for (i = 0; i < tries; i++) {
		dmashare_desc_init(&desc, DMASHARE_OP_SHARE);
		desc.share = share->body;
		ret = dmashare_command_result(ddev, &desc, &status, &id);
		if (status != DMASHARE_STATUS_COMMANDED)
			break;
	}
	if (!ret) {
		share->id = id;
		share->exposed = true;
	}
	/* If the device was stopped just now its reset does it. */
	share->live = !ret || (insist && ret == -EIO);
	up_read(&ddev->state_sem);
	trace_dmashare_share(share, DMASHARE_OP_SHARE, ret);

	return ret;
}

/*
 * Takes the pages back: after that nobody is given them, and no client holds the
 * buffer. With DISCARD those who have them keep them, and the guest has others.
 * Also for a share that is over.
 */
static void dmashare_share_take(struct dmashare_share *share, u32 flags)
{
	struct dmashare_device *ddev = share->ddev;
	struct dmashare_desc desc;
	int ret;

	lockdep_assert_held(&share->lock);

	dmashare_desc_init(&desc, DMASHARE_OP_UNSHARE);
	desc.unshare.buffer = share->body.buffer;
	desc.unshare.flags = cpu_to_le32(flags);

	down_read(&ddev->state_sem);
	ret = dmashare_command_insist(ddev, &desc, NULL);
	share->live = false;
	up_read(&ddev->state_sem);
	if (flags & DMASHARE_UNSHARE_F_DISCARD)
		share->exposed = false;
	trace_dmashare_share(share, DMASHARE_OP_UNSHARE, ret);

	/* Whoever comes too late finds that the device knows the hold no more. */
	dmashare_acquires_drop(ddev, le32_to_cpu(share->body.buffer));
	dmashare_share_end_holds(share, !(flags & DMASHARE_UNSHARE_F_SUSPEND));
}

/*
 * Are the DMA addresses those of a bounce buffer? Without an IOMMU that can be told
 * by their not being the pages'.
 */
static bool dmashare_share_bounced(struct dmashare_device *ddev, struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	if (!sgt || dmashare_iommu_translates(ddev))
		return false;

	for_each_sgtable_sg(sgt, sg, i)
		if (sg_dma_address(sg) != sg_phys(sg))
			return true;

	return false;
}

/**
 * dmashare_share_moving - a move of the buffer begins
 * @bo: the buffer; its reservation lock is held
 * @next: the device's mapping of the new memory
 * @sgt: what that was made from, or NULL
 *
 * Cannot fail. Whoever calls this calls dmashare_share_moved() when the bytes are
 * there.
 *
 * Returns: reference to the buffer's share, NULL if it was never shared
 */
struct dmashare_share *dmashare_share_moving(struct dmashare_bo *bo,
					     const struct dmashare_mapping *next,
					     struct sg_table *sgt)
{
	struct dmashare_share *share = bo->share;

	dma_resv_assert_held(bo->base.resv);

	if (!share)
		return NULL;

	mutex_lock(&share->lock);
	share->moves++;
	share->next = dmashare_share_bounced(share->ddev, sgt) ? 0 : next->id;
	share->next_placement = next->placement;
	mutex_unlock(&share->lock);
	kref_get(&share->ref);

	return share;
}

/**
 * dmashare_share_uses - may others have the pages of a mapping?
 * @share: the share, or NULL
 * @mapping: mapping id
 *
 * Returns: true if so
 */
bool dmashare_share_uses(struct dmashare_share *share, u32 mapping)
{
	bool uses;

	if (!share)
		return false;

	mutex_lock(&share->lock);
	uses = (share->live || share->exposed) &&
	       le32_to_cpu(share->body.mapping) == mapping;
	mutex_unlock(&share->lock);

	return uses;
}

/**
 * dmashare_share_flush - the CPU is about to copy from the pages
 * @share: the share
 */
void dmashare_share_flush(struct dmashare_share *share)
{
	mutex_lock(&share->lock);
	/* If that fails the device was reset: its copies are gone. */
	dmashare_share_sync(share, DMASHARE_SYNC_F_FOR_CPU);
	mutex_unlock(&share->lock);
}

/**
 * dmashare_share_moved - the bytes are at the new place
 * @share: of dmashare_share_moving(); the reference is dropped
 *
 * On the way to the move's fence: the old pages are given back after it has
 * signalled, and nobody uses the new ones before. If the buffer is on its way to
 * yet another place, what is there is shared then.
 */
void dmashare_share_moved(struct dmashare_share *share)
{
	struct dmashare_device *ddev = share->ddev;

	mutex_lock(&share->lock);
	if (share->live)
		dmashare_share_take(share, DMASHARE_UNSHARE_F_SUSPEND |
					   DMASHARE_UNSHARE_F_DISCARD);
	else if (share->exposed)
		dmashare_share_take(share, DMASHARE_UNSHARE_F_DISCARD);

	if (!--share->moves) {
		down_read(&ddev->state_sem);
		share->body.mapping = cpu_to_le32(share->next);
		share->placement = share->next_placement;
		up_read(&ddev->state_sem);
		if (!share->over && share->next)
			dmashare_share_give(share, true);
	}
	mutex_unlock(&share->lock);

	dmashare_share_put(share);
}

/**
 * dmashare_share_on - is the buffer shared?
 * @bo: the buffer; its reservation lock is held
 *
 * Returns: true if so, maybe without pages at present
 */
bool dmashare_share_on(struct dmashare_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);

	return bo->share && !READ_ONCE(bo->share->over);
}

/**
 * dmashare_share_keeps_map - is the device's mapping of the buffer needed?
 * @bo: the buffer; its reservation lock is held
 *
 * By the mapping the device knows which pages clients may have, also when the
 * buffer is shared no more.
 *
 * Returns: true if so
 */
bool dmashare_share_keeps_map(struct dmashare_bo *bo)
{
	struct dmashare_share *share = bo->share;
	bool keeps;

	dma_resv_assert_held(bo->base.resv);

	if (!share)
		return false;

	mutex_lock(&share->lock);
	keeps = !share->over || share->exposed;
	mutex_unlock(&share->lock);

	return keeps;
}

/* Forgets it; nothing is left to be told to the device. */
static void dmashare_share_forget(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_share *share = bo->share;

	down_read(&ddev->state_sem);
	xa_erase(&ddev->shares, bo->id);
	up_read(&ddev->state_sem);
	bo->share = NULL;
	/* Which has a reference to the share in turn. */
	dma_fence_put(share->published);
	share->published = NULL;
	dmashare_share_put(share);
}

/**
 * dmashare_share_free - the buffer, and its memory, are about to be freed
 * @bo: the buffer; its reservation lock is held, and nobody else has it
 */
void dmashare_share_free(struct dmashare_bo *bo)
{
	struct dmashare_share *share = bo->share;

	if (!share)
		return;

	mutex_lock(&share->lock);
	WRITE_ONCE(share->over, true);
	if (share->live || share->exposed)
		dmashare_share_take(share, DMASHARE_UNSHARE_F_DISCARD);
	mutex_unlock(&share->lock);
	dmashare_share_forget(bo);
}

/**
 * dmashare_shares_replay - share again what was shared before a reset
 * @ddev: the device, which knows its mappings; state_sem is held for writing
 *
 * If the host does not want to any more, the buffer is shared when it moves next;
 * the device works all the same.
 */
void dmashare_shares_replay(struct dmashare_device *ddev)
{
	struct dmashare_share *share;
	struct dmashare_desc desc;
	unsigned long index;
	unsigned int i;
	u32 status;
	u64 id;
	int ret;

	lockdep_assert_held_write(&ddev->state_sem);

	xa_for_each(&ddev->shares, index, share) {
		if (!share->live)
			continue;
		for (i = 0; i < DMASHARE_COMMAND_TRIES; i++) {
			dmashare_desc_init(&desc, DMASHARE_OP_SHARE);
			desc.share = share->body;
			ret = dmashare_command_result(ddev, &desc, &status, &id);
			if (status != DMASHARE_STATUS_COMMANDED)
				break;
		}
		trace_dmashare_share(share, DMASHARE_OP_SHARE, ret);
		if (ret)
			drm_warn(&ddev->drm, "buffer %lu is shared no more after a reset (%d)\n",
				 index, ret);
		else
			share->id = id;
		/* The device failed again: the next reset does it. */
		share->live = !ret || ret == -EIO;
	}
}

static void dmashare_share_fill(struct dmashare_body_share *body, struct dmashare_bo *bo,
				const struct drm_dmashare_bo_share *args)
{
	*body = (struct dmashare_body_share){
		.buffer = cpu_to_le32(bo->id),
		.mapping = cpu_to_le32(bo->map->id),
		.flags = cpu_to_le32(args->flags & DRM_DMASHARE_SHARE_WRITE ?
				     DMASHARE_SHARE_WRITE : 0),
		.fourcc = cpu_to_le32(args->fourcc),
		.width = cpu_to_le32(args->width),
		.height = cpu_to_le32(args->height),
		.stride = cpu_to_le32(args->stride),
	};
	memcpy(body->name, args->name, sizeof(body->name));
}

/* It is shared, or was: says something else of it, or shares it again. */
static int dmashare_share_again(struct dmashare_share *share,
				const struct dmashare_body_share *body, u32 placement)
{
	int ret = 0;

	mutex_lock(&share->lock);
	if (!share->over && share->body.flags != body->flags) {
		ret = -EBUSY;
		goto out_unlock;
	}
	if (share->live && !memcmp(&share->body, body, sizeof(*body)))
		goto out_unlock;

	if (share->live)
		dmashare_share_take(share, DMASHARE_UNSHARE_F_SUSPEND);
	down_read(&share->ddev->state_sem);
	share->body = *body;
	share->placement = placement;
	up_read(&share->ddev->state_sem);
	ret = dmashare_share_give(share, false);
	/* Without pages it is of no use to clients. */
	if (ret && !share->over)
		dmashare_share_take(share, 0);
	WRITE_ONCE(share->over, ret);

out_unlock:
	mutex_unlock(&share->lock);

	return ret;
}

static int dmashare_share_first(struct dmashare_bo *bo, const struct dmashare_body_share *body)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_share *share;
	int ret;

	share = kzalloc(sizeof(*share), GFP_KERNEL);
	if (!share)
		return -ENOMEM;

	kref_init(&share->ref);
	mutex_init(&share->lock);
	share->ddev = ddev;
	share->body = *body;
	share->size = bo->base.size;

	/* Not live: a reset leaves it alone. */
	ret = xa_insert(&ddev->shares, bo->id, share, GFP_KERNEL);
	if (ret) {
		dmashare_share_put(share);
		return ret;
	}
	bo->share = share;

	mutex_lock(&share->lock);
	share->placement = bo->map->placement;
	ret = dmashare_share_give(share, false);
	mutex_unlock(&share->lock);
	if (ret)
		dmashare_share_forget(bo);

	return ret;
}

static int dmashare_share_locked(struct dmashare_bo *bo, struct drm_dmashare_bo_share *args)
{
	struct dmashare_body_share body;
	int ret;

	/* What is shared is what stays; and new local memory is clear. */
	ret = dmashare_move_wait(bo->move, true);
	if (ret)
		return ret;
	if (dmashare_bo_lost(bo))
		return -ENODEV;

	ret = dmashare_bo_map_locked(bo);
	if (ret)
		return ret;
	if (dmashare_share_bounced(to_dmashare(bo->base.dev), bo->sgt))
		return -EOPNOTSUPP;

	dmashare_share_fill(&body, bo, args);
	if (bo->share)
		ret = dmashare_share_again(bo->share, &body, bo->map->placement);
	else
		ret = dmashare_share_first(bo, &body);
	if (ret)
		return ret;

	args->share = bo->share->id;
	dmashare_watch_jobs(bo->share->ddev);

	return 0;
}

static bool dmashare_share_args_ok(const struct drm_dmashare_bo_share *args)
{
	return !args->pad && !(args->flags & ~DRM_DMASHARE_SHARE_WRITE);
}

/**
 * dmashare_bo_share_ioctl - DRM_IOCTL_DMASHARE_BO_SHARE
 * @drm: the device
 * @data: struct drm_dmashare_bo_share
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_bo_share_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_bo_share *args = data;
	int ret, idx;

	if (!dmashare_share_args_ok(args))
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_bo_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	if ((u64)args->stride * args->height > bo->base.size)
		return -EINVAL;
	if (!(ddev->limits.features & DMASHARE_FEATURE_SHARE) || dmashare_bo_imported(bo) ||
	    READ_ONCE(bo->placement) > DMASHARE_PLACEMENT_LOCAL)
		return -EOPNOTSUPP;
	if (args->flags & DRM_DMASHARE_SHARE_WRITE && bo->flags & DRM_DMASHARE_BO_READ_ONLY)
		return -EACCES;

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;
	ret = -ENODEV;
	if (drm_dev_enter(drm, &idx)) {
		ret = dmashare_share_locked(bo, args);
		drm_dev_exit(idx);
	}
	dma_resv_unlock(bo->base.resv);

	return ret;
}

static int dmashare_unshare_locked(struct dmashare_bo *bo)
{
	struct dmashare_share *share = bo->share;

	if (!share)
		return -ENOENT;

	guard(mutex)(&share->lock);

	if (share->over)
		return -ENOENT;
	WRITE_ONCE(share->over, true);
	/* The bytes stay: the buffer is in use. */
	dmashare_share_take(share, 0);

	return 0;
}

/**
 * dmashare_bo_unshare_ioctl - DRM_IOCTL_DMASHARE_BO_UNSHARE
 * @drm: the device
 * @data: struct drm_dmashare_bo_unshare
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_bo_unshare_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct drm_dmashare_bo_unshare *args = data;
	int ret;

	if (args->pad)
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_bo_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;
	ret = dmashare_unshare_locked(bo);
	dma_resv_unlock(bo->base.resv);

	return ret;
}
