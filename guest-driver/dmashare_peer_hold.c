// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: taking turns with the owner of a buffer
 *
 * To acquire a foreign buffer is to hold a fence of its owner's VM, and to have one
 * here (dmashare_hold.c) that signals when the owner is done: it is in the
 * reservation, and everybody here waits for it without knowing where it comes from.
 * To release the buffer is to have the owner's fence signal, when all that used the
 * buffer here is done.
 *
 * The owner may end a hold at any time, and the device says so: before it is
 * granted the fence here fails, afterwards there is nothing more to be released.
 */
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/**
 * struct dmashare_peer_release - a hold that waits to be released
 * @after: for whom
 * @bo: the buffer; reference
 * @hold: the hold's id
 * @error: what the owner's fence is to fail with, positive, or 0
 * @put: drops the buffer, which takes its reservation lock
 */
struct dmashare_peer_release {
	struct dmashare_after after;
	struct dmashare_bo *bo;
	u32 hold;
	int error;
	struct work_struct put;
};

/**
 * dmashare_peer_hold_end - the device has forgotten the buffer's hold
 * @bo: a buffer of another VM
 * @error: what the fence fails with if it has not signalled; negative
 */
void dmashare_peer_hold_end(struct dmashare_bo *bo, int error)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	u32 hold;

	spin_lock_irq(&ddev->events.lock);
	hold = bo->peer->bo == bo ? bo->peer->hold : 0;
	if (hold)
		bo->peer->hold_over = true;
	spin_unlock_irq(&ddev->events.lock);
	if (hold)
		dmashare_hold_end(ddev, hold, error);
}

/* Has the device ask the owner. The hold has begun; on an error it never did. */
static int dmashare_peer_acquire(struct dmashare_bo *bo, struct dmashare_hold *hold,
				 const struct drm_dmashare_peer_acquire *args)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_peer *peer = bo->peer;
	u32 flags = 0, status = DMASHARE_STATUS_OK;
	struct dmashare_desc desc;
	int ret = -ESTALE;

	if (args->flags & DRM_DMASHARE_PEER_WRITE)
		flags |= DMASHARE_PEER_ACQUIRE_F_WRITE;
	if (args->flags & DRM_DMASHARE_PEER_CONTENT)
		flags |= DMASHARE_PEER_ACQUIRE_F_CONTENT;
	dmashare_desc_init(&desc, DMASHARE_OP_PEER_ACQUIRE);
	desc.peer_acquire.flags = cpu_to_le32(flags);
	desc.peer_acquire.hold = cpu_to_le32(hold->id);
	desc.peer_acquire.deadline = cpu_to_le64(args->deadline_ns);

	/* A reset ends what has begun, and waits for us until it has. */
	down_read(&ddev->state_sem);
	if (peer->device_id) {
		ret = dmashare_hold_begin(hold);
		if (ret)
			goto out_up;
		/* It may be granted before the command returns. */
		spin_lock_irq(&ddev->events.lock);
		peer->hold = hold->id;
		peer->hold_over = false;
		spin_unlock_irq(&ddev->events.lock);

		desc.peer_acquire.peer = cpu_to_le32(peer->device_id);
		ret = dmashare_command(ddev, &desc, &status);
		if (ret) {
			spin_lock_irq(&ddev->events.lock);
			peer->hold = 0;
			spin_unlock_irq(&ddev->events.lock);
			dmashare_hold_finish(hold, ret);
		}
	}
out_up:
	up_read(&ddev->state_sem);

	/* Withdrawn, though its event has not come. */
	return status == DMASHARE_STATUS_BAD_ID ? -ESTALE : ret;
}

/* What can be refused without the device. */
static int dmashare_peer_may_acquire(struct dmashare_bo *bo, u32 flags)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	bool held;

	if (flags & DRM_DMASHARE_PEER_WRITE && dmashare_peer_bo_read_only(bo))
		return -EACCES;
	if (flags & DRM_DMASHARE_PEER_CONTENT &&
	    !(bo->peer_flags & DRM_DMASHARE_PEER_SUBSCRIBE))
		return -EINVAL;
	if (dmashare_peer_bo_stale(bo))
		return -ESTALE;

	/* What its owner ended need not be released. */
	spin_lock_irq(&ddev->events.lock);
	held = bo->peer->hold && !bo->peer->hold_over;
	spin_unlock_irq(&ddev->events.lock);

	return held ? -EBUSY : 0;
}

static int dmashare_peer_acquire_locked(struct dmashare_bo *bo, struct dmashare_hold *hold,
					const struct drm_dmashare_peer_acquire *args)
{
	int ret;

	ret = dmashare_peer_may_acquire(bo, args->flags);
	if (!ret)
		ret = dma_resv_reserve_fences(bo->base.resv, 1);
	if (!ret)
		ret = dmashare_peer_acquire(bo, hold, args);
	if (ret)
		return ret;

	dma_resv_add_fence(bo->base.resv, &hold->base, DMA_RESV_USAGE_WRITE);
	dma_fence_put(bo->hold);
	bo->hold = dma_fence_get(&hold->base);

	return 0;
}

static bool dmashare_peer_acquire_ok(const struct drm_dmashare_peer_acquire *args)
{
	const u32 content = DRM_DMASHARE_PEER_CONTENT;

	if (args->pad || args->flags & ~(DRM_DMASHARE_PEER_WRITE | content |
					 DRM_DMASHARE_FENCE_OUT))
		return false;
	if (args->flags & content)
		return !(args->flags & DRM_DMASHARE_PEER_WRITE) && !args->deadline_ns;

	return args->deadline_ns && args->deadline_ns <= DMASHARE_MAX_HOLD_NS;
}

/**
 * dmashare_peer_acquire_ioctl - DRM_IOCTL_DMASHARE_PEER_ACQUIRE
 * @drm: the device
 * @data: struct drm_dmashare_peer_acquire
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_peer_acquire_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_peer_acquire *args = data;
	struct dmashare_fence_out out = { };
	struct dmashare_hold *hold;
	int ret = 0;

	if (!dmashare_peer_acquire_ok(args))
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_peer_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	if (!hold)
		return -ENOMEM;
	dmashare_hold_init(ddev, hold, dmashare_hold_new_id(ddev), bo->id, NULL);

	if (args->flags & DRM_DMASHARE_FENCE_OUT)
		ret = dmashare_fence_out_begin(&out, &hold->base);
	if (!ret)
		ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (!ret) {
		ret = dmashare_peer_acquire_locked(bo, hold, args);
		dma_resv_unlock(bo->base.resv);
		trace_dmashare_peer(ddev, bo->peer, "acquired", ret);
	}
	if (!ret && args->flags & DRM_DMASHARE_FENCE_OUT)
		args->fence_fd = out.fd;
	dmashare_fence_out_end(&out, !ret);
	dma_fence_put(&hold->base);

	return ret;
}

/* What used the buffer is done. Others' fences may depend on what is done here. */
static void dmashare_peer_release_send(struct dmashare_peer_release *release)
{
	struct dmashare_device *ddev = to_dmashare(release->bo->base.dev);
	struct dmashare_after *after = &release->after;
	struct dmashare_desc desc;
	unsigned int i;

	for (i = 0; !release->error && i < after->count; i++)
		if (dmashare_job_fence(ddev, after->fence[i]))
			release->error = -after->fence[i]->error;

	dmashare_desc_init(&desc, DMASHARE_OP_PEER_RELEASE);
	desc.hold.hold = cpu_to_le32(release->hold);
	desc.hold.error = cpu_to_le32(release->error);
	down_read(&ddev->state_sem);
	/* It may be over, and no such hold. */
	dmashare_command_insist(ddev, &desc, NULL);
	up_read(&ddev->state_sem);
	/* Before it was granted that has cancelled it. */
	dmashare_hold_end(ddev, release->hold, -ECANCELED);

	trace_dmashare_peer(ddev, release->bo->peer, "released", -release->error);
}

static void dmashare_peer_release_now(struct dmashare_after *after)
{
	struct dmashare_peer_release *release =
		container_of(after, struct dmashare_peer_release, after);

	dmashare_peer_release_send(release);
	queue_work(dmashare_wq, &release->put);
}

static void dmashare_peer_release_put(struct work_struct *work)
{
	struct dmashare_peer_release *release =
		container_of(work, struct dmashare_peer_release, put);
	struct dmashare_device *ddev = to_dmashare(release->bo->base.dev);

	dmashare_after_fini(&release->after);
	drm_gem_object_put(&release->bo->base);
	kfree(release);
	if (atomic_dec_and_test(&ddev->peers.releases))
		wake_up_all(&ddev->peers.news);
	dmashare_put_user(ddev);
	/* dmashare_exit() waits for our return. */
	module_put(THIS_MODULE);
}

/*
 * The fence that says that it was granted is none that is waited for: who waits
 * for the buffer waits for that himself, and if nobody does it is cancelled.
 */
static void dmashare_peer_release_skip(struct dmashare_after *after, struct dma_fence *skip)
{
	unsigned int i;

	for (i = 0; i < after->count; i++)
		if (after->fence[i] == skip) {
			dma_fence_put(skip);
			after->fence[i] = after->fence[--after->count];
			return;
		}
}

static bool dmashare_peer_release_ready(struct dmashare_after *after)
{
	unsigned int i;

	for (i = 0; i < after->count; i++)
		if (!dma_fence_is_signaled(after->fence[i]))
			return false;

	return true;
}

static int dmashare_peer_release_locked(struct dmashare_bo *bo, int error)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_peer_release *release;
	bool over;
	int ret;

	dma_resv_assert_held(bo->base.resv);

	if (!bo->hold)
		return -EINVAL;

	release = kzalloc(sizeof(*release), GFP_KERNEL);
	if (!release)
		return -ENOMEM;
	ret = dmashare_after_collect(&release->after, bo->base.resv, DMA_RESV_USAGE_BOOKKEEP,
				     NULL);
	if (ret) {
		kfree(release);
		return ret;
	}
	dmashare_peer_release_skip(&release->after, bo->hold);

	spin_lock_irq(&ddev->events.lock);
	release->hold = bo->peer->hold;
	over = bo->peer->hold_over;
	bo->peer->hold = 0;
	spin_unlock_irq(&ddev->events.lock);
	dma_fence_put(bo->hold);
	bo->hold = NULL;
	release->bo = bo;
	release->error = error;
	/* Nothing to be waited for: whoever closed it may open it again at once. */
	if (over || dmashare_peer_release_ready(&release->after)) {
		if (!over)
			dmashare_peer_release_send(release);
		dmashare_after_fini(&release->after);
		kfree(release);
		return 0;
	}

	__module_get(THIS_MODULE);
	refcount_inc(&ddev->users);
	atomic_inc(&ddev->peers.releases);
	drm_gem_object_get(&bo->base);
	INIT_WORK(&release->put, dmashare_peer_release_put);
	dmashare_after_start(&release->after, dmashare_peer_release_now);

	return 0;
}

/**
 * dmashare_peer_release_ioctl - DRM_IOCTL_DMASHARE_PEER_RELEASE
 * @drm: the device
 * @data: struct drm_dmashare_peer_release
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_peer_release_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file)
{
	struct drm_dmashare_peer_release *args = data;
	int ret;

	if (args->error > MAX_ERRNO)
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_peer_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;
	ret = dmashare_peer_release_locked(bo, args->error);
	dma_resv_unlock(bo->base.resv);

	return ret;
}

/**
 * dmashare_peer_bo_close - a handle of a buffer is closed
 * @obj: the buffer, of any kind
 * @drm_file: whose handle it is
 *
 * With the last one goes who could release it. What of the buffer is left (an
 * export of it, jobs) keeps it, and the owner from getting it back; if the memory
 * for that is not to be had, until the buffer is freed.
 */
void dmashare_peer_bo_close(struct drm_gem_object *obj, struct drm_file *drm_file)
{
	struct dmashare_bo *bo = to_dmashare_bo(obj);

	if (!bo->peer || READ_ONCE(obj->handle_count) > 1)
		return;

	dma_resv_lock(obj->resv, NULL);
	dmashare_peer_release_locked(bo, ECANCELED);
	dma_resv_unlock(obj->resv);
}
