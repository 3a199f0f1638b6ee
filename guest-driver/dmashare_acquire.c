// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: clients that hold a buffer
 *
 * A client that wants to read or write asks for it (event SHARE_ACQUIRE). A fence is
 * put into the buffer's reservation, so that users here wait for the client; the
 * client waits for the fences that were there before, and then is told to go on
 * (GRANT), which is when its deadline begins. Contents that the guest publishes are
 * the same thing the other way round: a fence at once, PUBLISH when the writers are
 * done, and then all clients that have subscribed hold the buffer. Both end with the
 * event SHARE_DONE; see dmashare_hold.c for why these are fences at all.
 *
 *	BO_PUBLISH, SHARE_ACQUIRE	ioctl, dmashare_wq: reservation lock, memory;
 *					the fence is in the reservation
 *	earlier fences signal		their callbacks
 *	PUBLISH, GRANT			dmashare_move_wq: share lock, one or two commands
 *	SHARE_DONE			interrupt: the fence signals
 *
 * On a device that is not coherent what it wrote goes to memory before a client is
 * told of it, and before a client writes the device's copies are dropped: nobody
 * makes others while the client holds the buffer. What importers have in bounce
 * buffers, or in copies of their own, is theirs to sync, as for any other user.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/* More than any device has holds. */
#define DMASHARE_ACQUIRES_MAX	4096

/**
 * struct dmashare_share_hold - a hold of a client's, or of all subscribers
 * @hold: the fence; must be first
 * @share: of which buffer; reference
 * @after: what has to be waited for; has a reference to the fence
 * @flags: of the event, if a client asked
 * @publish: the guest publishes contents
 * @sent: the device knows of it; protected by the share's lock
 * @sequence: of the contents
 * @deadline: in ns
 */
struct dmashare_share_hold {
	struct dmashare_hold hold;
	struct dmashare_share *share;
	struct dmashare_after after;
	u32 flags;
	bool publish;
	bool sent;
	u64 sequence;
	u64 deadline;
};

static void dmashare_share_hold_release(struct dmashare_hold *hold)
{
	struct dmashare_share_hold *self = container_of(hold, struct dmashare_share_hold, hold);

	dmashare_share_put(self->share);
}

static struct dmashare_share_hold *dmashare_share_hold_alloc(struct dmashare_device *ddev,
							     u32 id, u32 buffer)
{
	struct dmashare_share_hold *self = kzalloc(sizeof(*self), GFP_KERNEL);

	if (self)
		dmashare_hold_init(ddev, &self->hold, id, buffer,
				   dmashare_share_hold_release);

	return self;
}

static void dmashare_share_hold_put(struct dmashare_share_hold *self)
{
	dma_fence_put(&self->hold.base);
}

struct dmashare_hold_match {
	const struct dmashare_share *share;
	bool all;
};

static bool dmashare_share_hold_matches(const struct dmashare_hold *hold, const void *data)
{
	const struct dmashare_hold_match *match = data;
	const struct dmashare_share_hold *self;

	if (hold->release != dmashare_share_hold_release)
		return false;
	self = container_of(hold, struct dmashare_share_hold, hold);

	return self->share == match->share && (match->all || self->sent || !self->publish);
}

/**
 * dmashare_share_end_holds - the device has ended the holds of a share
 * @share: the share; its lock is held
 * @all: also contents that the device was not told of yet
 */
void dmashare_share_end_holds(struct dmashare_share *share, bool all)
{
	const struct dmashare_hold_match match = { share, all };

	lockdep_assert_held(&share->lock);

	dmashare_holds_end(share->ddev, dmashare_share_hold_matches, &match, -ECANCELED);
}

/* What a hold's fence fails with if the device did not take the command for it. */
static int dmashare_hold_refused(struct dmashare_device *ddev, u32 status, int error)
{
	/* It ended the hold before that, and said so, or was told to. */
	if (status == DMASHARE_STATUS_BAD_ID)
		dmashare_events_poll(ddev);

	return status == DMASHARE_STATUS_BAD_ID || error == -EIO ? -ECANCELED : error;
}

static int dmashare_grant(struct dmashare_device *ddev, u32 id, int error, u32 *status)
{
	struct dmashare_desc desc;
	int ret;

	dmashare_desc_init(&desc, DMASHARE_OP_GRANT);
	desc.hold.hold = cpu_to_le32(id);
	desc.hold.error = cpu_to_le32(-error);
	down_read(&ddev->state_sem);
	ret = dmashare_command_insist(ddev, &desc, status);
	up_read(&ddev->state_sem);
	trace_dmashare_grant(ddev, id, error, ret);

	return ret;
}

/* All that the client had to wait for is done. */
static void dmashare_share_grant(struct dmashare_share_hold *self)
{
	struct dmashare_device *ddev = self->hold.ddev;
	u32 status;
	int error, ret;

	error = dmashare_share_sync(self->share, DMASHARE_SYNC_F_FOR_CPU);
	if (!error && self->flags & DMASHARE_EVENT_F_WRITE)
		error = dmashare_share_sync(self->share, DMASHARE_SYNC_F_FOR_DEVICE);

	ret = dmashare_grant(ddev, self->hold.id, error, &status);
	if (ret)
		dmashare_hold_finish(&self->hold, dmashare_hold_refused(ddev, status, ret));
	else if (error || self->flags & DMASHARE_EVENT_F_WAIT)
		dmashare_hold_finish(&self->hold, error);
}

/* All that the contents had to wait for is done. */
static void dmashare_share_publish(struct dmashare_share_hold *self)
{
	struct dmashare_device *ddev = self->hold.ddev;
	struct dmashare_share *share = self->share;
	struct dmashare_desc desc;
	u64 holders = 0;
	u32 status;
	int ret;

	ret = dmashare_share_sync(share, DMASHARE_SYNC_F_FOR_CPU);
	if (ret)
		goto out_finish;

	dmashare_desc_init(&desc, DMASHARE_OP_PUBLISH);
	desc.publish.buffer = share->body.buffer;
	desc.publish.hold = cpu_to_le32(self->hold.id);
	desc.publish.sequence = cpu_to_le64(self->sequence);
	desc.publish.deadline = cpu_to_le64(self->deadline);
	down_read(&ddev->state_sem);
	ret = dmashare_command_result(ddev, &desc, &status, &holders);
	up_read(&ddev->state_sem);
	trace_dmashare_publish(share, self->hold.id, self->sequence, holders, ret);
	if (ret)
		ret = dmashare_hold_refused(ddev, status, ret);
	self->sent = true;

out_finish:
	if (ret || !holders)
		dmashare_hold_finish(&self->hold, ret);
}

static void dmashare_share_hold_ready(struct dmashare_after *after)
{
	struct dmashare_share_hold *self =
		container_of(after, struct dmashare_share_hold, after);
	struct dmashare_share *share = self->share;
	bool over;

	mutex_lock(&share->lock);
	if (self->publish)
		share->waiting--;
	/* It may have been ended meanwhile. */
	over = dma_fence_is_signaled(&self->hold.base);
	if (!over && self->publish)
		dmashare_share_publish(self);
	else if (!over)
		dmashare_share_grant(self);
	mutex_unlock(&share->lock);

	dmashare_after_fini(after);
	dmashare_share_hold_put(self);
}

/* The fence is shown, and something is done when those before it have signalled. */
static void dmashare_share_hold_start(struct dmashare_share_hold *self, struct dma_resv *resv,
				      enum dma_resv_usage usage)
{
	if (!(self->flags & DMASHARE_EVENT_F_WAIT))
		dma_resv_add_fence(resv, &self->hold.base, usage);
	dma_fence_get(&self->hold.base);
	dmashare_after_start(&self->after, dmashare_share_hold_ready);
}

/* False: the client has gone meanwhile. */
static bool dmashare_acquire_take(struct dmashare_device *ddev, u32 id)
{
	struct dmashare_acquires *acquires = &ddev->acquires;
	struct dmashare_acquire *acquire;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&acquires->lock, flags);
	list_for_each_entry(acquire, &acquires->pending, link)
		if (acquire->id == id) {
			list_move(&acquire->link, &acquires->free);
			found = true;
			break;
		}
	spin_unlock_irqrestore(&acquires->lock, flags);

	return found;
}

/**
 * dmashare_acquires_drop - forget what clients asked for
 * @ddev: the device; any context
 * @buffer: buffer id, 0 for all
 *
 * The device has ended it.
 */
void dmashare_acquires_drop(struct dmashare_device *ddev, u32 buffer)
{
	struct dmashare_acquires *acquires = &ddev->acquires;
	struct dmashare_acquire *acquire, *next;
	unsigned long flags;

	spin_lock_irqsave(&acquires->lock, flags);
	list_for_each_entry_safe(acquire, next, &acquires->pending, link)
		if (!buffer || acquire->buffer == buffer)
			list_move(&acquire->link, &acquires->free);
	spin_unlock_irqrestore(&acquires->lock, flags);
}

/* The hold begins, or a negative errno is what the client is refused with. */
static int dmashare_acquire_locked(struct dmashare_bo *bo, struct dmashare_share_hold *self)
{
	const bool write = self->flags & DMASHARE_EVENT_F_WRITE;
	struct dmashare_device *ddev = self->hold.ddev;
	struct dma_resv *resv = bo->base.resv;
	int ret;

	if (!dmashare_share_on(bo))
		return -ENOENT;
	if (dmashare_bo_lost(bo))
		return -ENODEV;

	kref_get(&bo->share->ref);
	self->share = bo->share;
	ret = dmashare_after_collect(&self->after, resv, dma_resv_usage_rw(write), NULL);
	if (!ret)
		ret = dma_resv_reserve_fences(resv, 1);
	if (!ret)
		ret = dmashare_hold_begin(&self->hold);
	if (ret) {
		dmashare_after_fini(&self->after);
		return ret;
	}

	/* In this order, so that SHARE_DONE finds the one or the other. */
	if (!dmashare_acquire_take(ddev, self->hold.id)) {
		dmashare_hold_finish(&self->hold, -ECANCELED);
		dmashare_after_fini(&self->after);
		return 0;
	}
	dmashare_share_hold_start(self, resv, write ? DMA_RESV_USAGE_WRITE :
						      DMA_RESV_USAGE_READ);

	return 0;
}

static int dmashare_acquire_try(struct dmashare_device *ddev,
				const struct dmashare_acquire *acquire)
{
	struct dmashare_share_hold *self;
	int ret;

	struct dmashare_bo *bo __free(dmashare_bo) = dmashare_bo_find(ddev, acquire->buffer);
	if (!bo)
		return -ENOENT;

	self = dmashare_share_hold_alloc(ddev, acquire->id, acquire->buffer);
	if (!self)
		return -ENOMEM;
	self->flags = acquire->flags;
	dma_resv_lock(bo->base.resv, NULL);
	ret = dmashare_acquire_locked(bo, self);
	dma_resv_unlock(bo->base.resv);
	dmashare_share_hold_put(self);

	return ret;
}

static bool dmashare_acquire_peek(struct dmashare_device *ddev, struct dmashare_acquire *copy)
{
	struct dmashare_acquires *acquires = &ddev->acquires;
	struct dmashare_acquire *first;

	spin_lock_irq(&acquires->lock);
	first = list_first_entry_or_null(&acquires->pending, struct dmashare_acquire, link);
	if (first)
		*copy = *first;
	spin_unlock_irq(&acquires->lock);

	return first;
}

static void dmashare_acquires_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(work, struct dmashare_device, acquires.work);
	struct dmashare_acquire acquire;
	int ret;

	while (dmashare_acquire_peek(ddev, &acquire)) {
		ret = dmashare_acquire_try(ddev, &acquire);
		if (ret && dmashare_acquire_take(ddev, acquire.id))
			dmashare_grant(ddev, acquire.id, ret, NULL);
	}
}

static void dmashare_acquire_queue(struct dmashare_device *ddev,
				   const struct dmashare_event *event)
{
	struct dmashare_acquires *acquires = &ddev->acquires;
	struct dmashare_acquire *acquire;
	unsigned long flags;

	spin_lock_irqsave(&acquires->lock, flags);
	acquire = list_first_entry_or_null(&acquires->free, struct dmashare_acquire, link);
	if (acquire) {
		acquire->id = le32_to_cpu(event->mapping);
		acquire->buffer = le32_to_cpu(event->buffer);
		acquire->flags = le16_to_cpu(event->flags);
		list_move_tail(&acquire->link, &acquires->pending);
	}
	spin_unlock_irqrestore(&acquires->lock, flags);

	if (acquire)
		queue_work(dmashare_wq, &acquires->work);
	else
		drm_err_ratelimited(&ddev->drm, "more holds than the device can have\n");
}

/**
 * dmashare_share_event - obey an event about a client of ours
 * @ddev: the device; any context
 * @event: SHARE_ACQUIRE or SHARE_DONE
 */
void dmashare_share_event(struct dmashare_device *ddev, const struct dmashare_event *event)
{
	u32 id = le32_to_cpu(event->mapping);
	int error;

	if (le16_to_cpu(event->type) == DMASHARE_EVENT_SHARE_ACQUIRE) {
		dmashare_acquire_queue(ddev, event);
		return;
	}

	error = dmashare_completion_to_errno(le16_to_cpu(event->status),
					     le64_to_cpu(event->offset));
	/* In this order; see dmashare_acquire_locked(). */
	dmashare_acquire_take(ddev, id);
	dmashare_hold_end(ddev, id, error);
}

/**
 * dmashare_acquires_init - be ready for clients
 * @ddev: the device, whose limits are known
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_acquires_init(struct dmashare_device *ddev)
{
	struct dmashare_acquires *acquires = &ddev->acquires;
	u32 i, n;

	spin_lock_init(&acquires->lock);
	INIT_LIST_HEAD(&acquires->pending);
	INIT_LIST_HEAD(&acquires->free);
	INIT_WORK(&acquires->work, dmashare_acquires_work);
	if (!(ddev->limits.features & DMASHARE_FEATURE_SHARE))
		return 0;

	/* All that there can be, and what is in the ring of some that are over. */
	n = min_t(u32, ddev->limits.max_holds, DMASHARE_ACQUIRES_MAX) + DMASHARE_RING_ENTRIES;
	acquires->entry = drmm_kcalloc(&ddev->drm, n, sizeof(*acquires->entry), GFP_KERNEL);
	if (!acquires->entry)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		list_add_tail(&acquires->entry[i].link, &acquires->free);

	return 0;
}

/* Everything that can fail, and then the fence. */
static int dmashare_publish_locked(struct dmashare_bo *bo, struct dmashare_share_hold *self)
{
	struct dmashare_share *share = bo->share;
	struct dma_resv *resv = bo->base.resv;
	int ret;

	if (!dmashare_share_on(bo))
		return -EINVAL;

	kref_get(&share->ref);
	self->share = share;
	ret = dmashare_after_collect(&self->after, resv, DMA_RESV_USAGE_WRITE,
				     share->published);
	if (ret)
		return ret;
	ret = dma_resv_reserve_fences(resv, 1);
	if (ret)
		goto err_fini;

	mutex_lock(&share->lock);
	ret = share->waiting < DMASHARE_MAX_PUBLISH ? 0 : -ENOSPC;
	if (!ret)
		ret = dmashare_hold_begin(&self->hold);
	share->waiting += !ret;
	mutex_unlock(&share->lock);
	if (ret)
		goto err_fini;

	dma_fence_put(share->published);
	share->published = dma_fence_get(&self->hold.base);
	/* As a reader: those who write wait for it. */
	dmashare_share_hold_start(self, resv, DMA_RESV_USAGE_READ);

	return 0;

err_fini:
	dmashare_after_fini(&self->after);
	return ret;
}

static int dmashare_publish(struct dmashare_bo *bo, struct dmashare_share_hold *self)
{
	int ret;

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;
	ret = dmashare_publish_locked(bo, self);
	dma_resv_unlock(bo->base.resv);

	return ret;
}

/**
 * dmashare_bo_publish_ioctl - DRM_IOCTL_DMASHARE_BO_PUBLISH
 * @drm: the device
 * @data: struct drm_dmashare_bo_publish
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_bo_publish_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_bo_publish *args = data;
	struct dmashare_fence_out out = { };
	struct dmashare_share_hold *self;
	int ret = 0;

	if (args->pad || args->flags & ~DRM_DMASHARE_FENCE_OUT || !args->sequence ||
	    !args->deadline_ns || args->deadline_ns > DMASHARE_MAX_HOLD_NS)
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_bo_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	self = dmashare_share_hold_alloc(ddev, dmashare_hold_new_id(ddev), bo->id);
	if (!self)
		return -ENOMEM;
	self->publish = true;
	self->sequence = args->sequence;
	self->deadline = args->deadline_ns;

	if (args->flags & DRM_DMASHARE_FENCE_OUT)
		ret = dmashare_fence_out_begin(&out, &self->hold.base);
	if (!ret)
		ret = dmashare_publish(bo, self);
	if (!ret && args->flags & DRM_DMASHARE_FENCE_OUT)
		args->fence_fd = out.fd;
	dmashare_fence_out_end(&out, !ret);
	dmashare_share_hold_put(self);

	return ret;
}
