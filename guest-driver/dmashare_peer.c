// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the buffers of another VM that the device knows of
 *
 * The device says by events which there are, which are no more, and which have
 * new contents. What comes in an interrupt is put down without memory: an id of
 * its own in a ring that has room for all that the device ever knows, the rest at
 * the foreign buffer that it is about. A work item then asks the device for what
 * else there is to be known, and gives the foreign buffer an id of the driver's.
 * Those are never used twice, as the device's are after a reset: for whoever
 * remembers one it names the same memory, or nothing.
 *
 * A foreign buffer lives until its owner takes it back, is gone, or the device is
 * reset. Opened, it is a buffer of placement PEER (dmashare_peer_bo.c), which
 * outlives that: there are zeros in it then.
 *
 * What the owner says of its buffer (name, format, size of a picture) goes to user
 * space as it is, but for the control characters in names, and is used for
 * nothing. The size in bytes is the device's word.
 */
#include <linux/atomic.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/* Of all devices, for as long as the module is loaded. */
static atomic_t dmashare_last_peer = ATOMIC_INIT(0);

static void dmashare_peer_free(struct kref *ref)
{
	kfree(container_of(ref, struct dmashare_peer, ref));
}

/**
 * dmashare_peer_put - drop a reference
 * @peer: the foreign buffer
 */
void dmashare_peer_put(struct dmashare_peer *peer)
{
	kref_put(&peer->ref, dmashare_peer_free);
}

static struct dmashare_peer *dmashare_peer_find(struct dmashare_device *ddev, u32 device_id)
{
	struct dmashare_peer *peer;

	lockdep_assert_held(&ddev->events.lock);

	list_for_each_entry(peer, &ddev->peers.list, link)
		if (peer->device_id == device_id)
			return peer;

	return NULL;
}

static struct dmashare_announced *dmashare_announced_find(struct dmashare_peers *peers,
							  u32 device_id)
{
	u32 i;

	for (i = peers->head; i != peers->tail; i++) {
		struct dmashare_announced *entry = &peers->announced[i % peers->entries];

		if (entry->id == device_id)
			return entry;
	}

	return NULL;
}

static void dmashare_peer_announced(struct dmashare_device *ddev, u32 device_id)
{
	struct dmashare_peers *peers = &ddev->peers;

	if (!device_id || dmashare_announced_find(peers, device_id) ||
	    dmashare_peer_find(ddev, device_id) ||
	    peers->tail - peers->head >= peers->entries) {
		dev_warn_ratelimited(ddev->drm.dev,
				     "foreign buffer %u makes no sense, ignored\n", device_id);
		return;
	}
	peers->announced[peers->tail % peers->entries] =
		(struct dmashare_announced){ .id = device_id };
	peers->tail++;
	queue_work(dmashare_wq, &peers->work);
}

static void dmashare_peer_withdrawn(struct dmashare_device *ddev, u32 device_id, int error)
{
	struct dmashare_peer *peer = dmashare_peer_find(ddev, device_id);
	struct dmashare_announced *entry;

	if (peer) {
		peer->error = error;
		WRITE_ONCE(peer->withdrawn, true);
		queue_work(dmashare_wq, &ddev->peers.work);
		return;
	}
	entry = dmashare_announced_find(&ddev->peers, device_id);
	if (entry) {
		entry->error = error;
		entry->withdrawn = true;
	}
}

static void dmashare_peer_content(struct dmashare_device *ddev, u32 device_id, u64 sequence)
{
	struct dmashare_peer *peer = dmashare_peer_find(ddev, device_id);
	struct dmashare_announced *entry;

	if (peer) {
		peer->sequence = sequence;
		return;
	}
	entry = dmashare_announced_find(&ddev->peers, device_id);
	if (entry)
		entry->sequence = sequence;
}

/* The device's half of a hold; its fence is signalled without the lock. */
static void dmashare_peer_granted(struct dmashare_device *ddev, u32 hold, int error,
				  u64 sequence)
{
	struct dmashare_peer *peer;

	list_for_each_entry(peer, &ddev->peers.list, link) {
		if (!hold || peer->hold != hold)
			continue;
		if (error)
			peer->hold_over = true;
		else
			peer->acquired = sequence;
		break;
	}
}

/**
 * dmashare_peer_event - the device says something of a foreign buffer
 * @ddev: the device
 * @event: of any kind
 *
 * For the interrupt handler, which holds the events' lock: what one event says
 * must not overtake what the one before said.
 */
void dmashare_peer_event(struct dmashare_device *ddev, const struct dmashare_event *event)
{
	bool ok = le16_to_cpu(event->status) == DMASHARE_STATUS_OK;
	u32 id = le32_to_cpu(event->mapping);
	u64 offset = le64_to_cpu(event->offset);

	lockdep_assert_held(&ddev->events.lock);

	if (!ddev->window.size)
		return;

	switch (le16_to_cpu(event->type)) {
	case DMASHARE_EVENT_PEER_ANNOUNCE:
		dmashare_peer_announced(ddev, id);
		break;
	case DMASHARE_EVENT_PEER_WITHDRAW:
		dmashare_peer_withdrawn(ddev, id, ok ? ECANCELED : ECONNRESET);
		break;
	case DMASHARE_EVENT_PEER_CONTENT:
		dmashare_peer_content(ddev, id, offset);
		break;
	case DMASHARE_EVENT_PEER_GRANTED:
		dmashare_peer_granted(ddev, id, ok ? 0 : EIO, le64_to_cpu(event->addr));
		break;
	}
}

/* A name is shown to people, on terminals. */
static void dmashare_peer_clean(__u8 *name)
{
	u32 i;

	for (i = 0; i < DMASHARE_NAME_LEN; i++)
		if (name[i] && (name[i] < ' ' || name[i] == 0x7f))
			name[i] = '?';
}

/* What the device says of @device_id; false if it is not to be had. */
static bool dmashare_peer_query(struct dmashare_device *ddev, u32 device_id,
				struct dmashare_peer *peer)
{
	struct dmashare_peers *peers = &ddev->peers;
	struct dmashare_desc desc;
	int ret;

	lockdep_assert_held(&ddev->state_sem);

	memset(peers->info, 0, sizeof(*peers->info));
	dmashare_desc_init(&desc, DMASHARE_OP_PEER_QUERY);
	desc.query.id = cpu_to_le32(device_id);
	desc.query.length = cpu_to_le32(sizeof(*peers->info));
	desc.query.addr = cpu_to_le64(peers->info_dma);
	ret = dmashare_command_insist(ddev, &desc, NULL);
	if (ret) {
		/* What is being reset is announced again. */
		if (ret != -EIO && ret != -ENODEV)
			drm_warn(&ddev->drm, "nothing to be known of foreign buffer %u (%d)\n",
				 device_id, ret);
		return false;
	}

	peer->info = *peers->info;
	dmashare_peer_clean(peer->info.name);
	dmashare_peer_clean(peer->info.device);

	return true;
}

/* Takes the oldest one that was announced, and makes it known; false: none. */
static bool dmashare_peers_learn(struct dmashare_device *ddev)
{
	struct dmashare_peers *peers = &ddev->peers;
	struct dmashare_announced *entry;
	struct dmashare_peer *peer;
	u32 device_id = 0;
	bool known;

	/* Not with state_sem held, see there. */
	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (peer)
		kref_init(&peer->ref);

	down_read(&ddev->state_sem);
	spin_lock_irq(&ddev->events.lock);
	if (peers->head != peers->tail)
		device_id = peers->announced[peers->head % peers->entries].id;
	spin_unlock_irq(&ddev->events.lock);
	known = peer && device_id && dmashare_peer_query(ddev, device_id, peer);

	/* No reset came meanwhile: it is still the first one. */
	spin_lock_irq(&ddev->events.lock);
	if (known) {
		entry = &peers->announced[peers->head % peers->entries];
		peer->id = atomic_inc_return(&dmashare_last_peer);
		peer->device_id = device_id;
		peer->sequence = max(entry->sequence, le64_to_cpu(peer->info.sequence));
		peer->error = entry->error;
		peer->withdrawn = entry->withdrawn ||
				  le32_to_cpu(peer->info.flags) & DMASHARE_PEER_F_WITHDRAWN;
		list_add_tail(&peer->link, &peers->list);
	}
	if (device_id)
		peers->head++;
	spin_unlock_irq(&ddev->events.lock);
	up_read(&ddev->state_sem);

	if (known)
		trace_dmashare_peer(ddev, peer, "known", 0);
	else if (peer)
		dmashare_peer_put(peer);

	return device_id;
}

/* Has the device forget a foreign buffer that was withdrawn; or take it away. */
static void dmashare_peer_forget(struct dmashare_device *ddev, struct dmashare_peer *peer)
{
	struct dmashare_desc desc;

	down_read(&ddev->state_sem);
	if (peer->device_id) {
		dmashare_desc_init(&desc, DMASHARE_OP_PEER_UNMAP);
		desc.id.id = cpu_to_le32(peer->device_id);
		/* It may know it no more already. */
		dmashare_command_insist(ddev, &desc, NULL);
	}
	up_read(&ddev->state_sem);
	trace_dmashare_peer(ddev, peer, "forgotten", 0);
}

/* Sees to one that was withdrawn; false if there is none. */
static bool dmashare_peers_tell(struct dmashare_device *ddev)
{
	struct dmashare_peer *peer, *found = NULL;
	struct dmashare_bo *bo = NULL;
	bool open = false;

	spin_lock_irq(&ddev->events.lock);
	list_for_each_entry(peer, &ddev->peers.list, link) {
		if (!peer->withdrawn || peer->told)
			continue;
		peer->told = true;
		open = peer->bo;
		if (open && kref_get_unless_zero(&peer->bo->base.refcount))
			bo = peer->bo;
		/* What is open is forgotten when it is closed. */
		if (open)
			kref_get(&peer->ref);
		else
			list_del_init(&peer->link);
		found = peer;
		break;
	}
	spin_unlock_irq(&ddev->events.lock);
	if (!found)
		return false;

	trace_dmashare_peer(ddev, found, "withdrawn", -found->error);
	if (bo) {
		dmashare_peer_bo_withdrawn(bo);
		drm_gem_object_put(&bo->base);
	}
	if (!open)
		dmashare_peer_forget(ddev, found);
	dmashare_peer_put(found);

	return true;
}

static void dmashare_peers_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(work, struct dmashare_device, peers.work);
	int idx;

	if (!drm_dev_enter(&ddev->drm, &idx))
		return;

	while (dmashare_peers_learn(ddev))
		;
	wake_up_all(&ddev->peers.news);
	while (dmashare_peers_tell(ddev))
		;
	drm_dev_exit(idx);
}

/**
 * dmashare_peer_get - find a foreign buffer
 * @ddev: the device
 * @id: what user space calls it
 *
 * Returns: reference, or NULL if there is none that is not withdrawn
 */
struct dmashare_peer *dmashare_peer_get(struct dmashare_device *ddev, u32 id)
{
	struct dmashare_peer *peer, *found = NULL;

	spin_lock_irq(&ddev->events.lock);
	list_for_each_entry(peer, &ddev->peers.list, link)
		if (peer->id == id && !peer->withdrawn) {
			kref_get(&peer->ref);
			found = peer;
			break;
		}
	spin_unlock_irq(&ddev->events.lock);

	return found;
}

/**
 * dmashare_peer_lost - the device knows a foreign buffer no more
 * @ddev: the device
 * @peer: the foreign buffer
 *
 * What its event has not said yet.
 */
void dmashare_peer_lost(struct dmashare_device *ddev, struct dmashare_peer *peer)
{
	spin_lock_irq(&ddev->events.lock);
	if (!peer->withdrawn)
		peer->error = ECANCELED;
	WRITE_ONCE(peer->withdrawn, true);
	spin_unlock_irq(&ddev->events.lock);
	queue_work(dmashare_wq, &ddev->peers.work);
}

/**
 * dmashare_peer_claim - open a foreign buffer
 * @ddev: the device
 * @id: what user space calls it
 * @bo: what it is to be opened as
 *
 * Returns: the foreign buffer, with a reference; -ENOENT if there is none of that
 * name that is not withdrawn, -EBUSY if it is open
 */
struct dmashare_peer *dmashare_peer_claim(struct dmashare_device *ddev, u32 id,
					  struct dmashare_bo *bo)
{
	struct dmashare_peer *peer, *found = ERR_PTR(-ENOENT);

	spin_lock_irq(&ddev->events.lock);
	list_for_each_entry(peer, &ddev->peers.list, link) {
		if (peer->id != id)
			continue;
		if (peer->bo) {
			found = ERR_PTR(-EBUSY);
		} else if (!peer->withdrawn) {
			kref_get(&peer->ref);
			peer->bo = bo;
			peer->hold = 0;
			peer->hold_over = false;
			peer->acquired = 0;
			found = peer;
		}
		break;
	}
	spin_unlock_irq(&ddev->events.lock);

	return found;
}

/**
 * dmashare_peer_unclaim - undo dmashare_peer_claim()
 * @ddev: the device
 * @peer: the foreign buffer, in the window no more; its reference is dropped
 */
void dmashare_peer_unclaim(struct dmashare_device *ddev, struct dmashare_peer *peer)
{
	bool forget;

	spin_lock_irq(&ddev->events.lock);
	peer->bo = NULL;
	/* What was not told yet is seen to by the work item. */
	forget = peer->told && !list_empty(&peer->link);
	if (forget)
		list_del_init(&peer->link);
	spin_unlock_irq(&ddev->events.lock);

	if (forget) {
		dmashare_peer_forget(ddev, peer);
		dmashare_peer_put(peer);
	}
	dmashare_peer_put(peer);
}

/**
 * dmashare_peers_reset - the device is being reset, and forgets all
 * @ddev: the device, stopped; state_sem is held for writing
 *
 * When it is started again, all foreign buffers are announced anew.
 */
void dmashare_peers_reset(struct dmashare_device *ddev)
{
	struct dmashare_peers *peers = &ddev->peers;
	struct dmashare_peer *peer;

	lockdep_assert_held_write(&ddev->state_sem);

	if (!ddev->window.size)
		return;

	spin_lock_irq(&ddev->events.lock);
	peers->head = peers->tail;
	list_for_each_entry(peer, &peers->list, link) {
		peer->device_id = 0;
		peer->hold_over = true;
		if (!peer->withdrawn)
			peer->error = ECANCELED;
		WRITE_ONCE(peer->withdrawn, true);
	}
	spin_unlock_irq(&ddev->events.lock);
	queue_work(dmashare_wq, &peers->work);
}

/**
 * dmashare_peers_gone - the device is gone
 * @ddev: the device, unplugged
 */
void dmashare_peers_gone(struct dmashare_device *ddev)
{
	struct dmashare_peers *peers = &ddev->peers;
	struct dmashare_peer *peer;

	if (!ddev->window.size)
		return;

	cancel_work_sync(&peers->work);
	spin_lock_irq(&ddev->events.lock);
	list_for_each_entry(peer, &peers->list, link)
		WRITE_ONCE(peer->withdrawn, true);
	spin_unlock_irq(&ddev->events.lock);
	wake_up_all(&peers->news);
}

/* The first one after @args->after that is not withdrawn. */
static bool dmashare_peer_after(struct dmashare_device *ddev,
				struct drm_dmashare_peer_next *args)
{
	struct dmashare_peer *peer;
	bool found = false;

	spin_lock_irq(&ddev->events.lock);
	list_for_each_entry(peer, &ddev->peers.list, link) {
		const struct dmashare_peer_info *info = &peer->info;

		if (peer->id <= args->after || peer->withdrawn)
			continue;
		found = true;
		args->peer = peer->id;
		args->size = le64_to_cpu(info->size);
		args->sequence = peer->sequence;
		args->flags = le32_to_cpu(info->flags) & DMASHARE_PEER_F_WRITE ?
			      DRM_DMASHARE_PEER_WRITE : 0;
		args->fourcc = le32_to_cpu(info->fourcc);
		args->width = le32_to_cpu(info->width);
		args->height = le32_to_cpu(info->height);
		args->stride = le32_to_cpu(info->stride);
		args->share = le32_to_cpu(info->share);
		memcpy(args->name, info->name, sizeof(args->name));
		memcpy(args->device, info->device, sizeof(args->device));
		break;
	}
	spin_unlock_irq(&ddev->events.lock);

	return found;
}

/**
 * dmashare_peer_next_ioctl - DRM_IOCTL_DMASHARE_PEER_NEXT
 * @drm: the device
 * @data: struct drm_dmashare_peer_next
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_peer_next_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_peer_next *args = data;
	signed long timeout = MAX_SCHEDULE_TIMEOUT;
	long ret;

	if (!ddev->window.size)
		return -EOPNOTSUPP;

	/* At least one tick, or a short wait would only poll. */
	if (args->timeout_ns > 0)
		timeout = clamp_t(u64, nsecs_to_jiffies64(args->timeout_ns), 1,
				  MAX_SCHEDULE_TIMEOUT - 1);
	if (!args->timeout_ns)
		return dmashare_peer_after(ddev, args) ? 0 : -ETIME;

	ret = wait_event_interruptible_timeout(ddev->peers.news,
					       READ_ONCE(ddev->gone) ||
					       dmashare_peer_after(ddev, args),
					       timeout);
	if (READ_ONCE(ddev->gone))
		return -ENODEV;
	if (!ret)
		return -ETIME;

	/* A restart would begin to wait anew. */
	return ret == -ERESTARTSYS ? -EINTR : min(ret, 0);
}

static void dmashare_peers_fini(struct drm_device *drm, void *unused)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct dmashare_peer *peer, *next;

	/* Queued by somebody who opened one while the device went, it does nothing. */
	cancel_work_sync(&ddev->peers.work);
	/* No buffer of this device is left that could have one open. */
	list_for_each_entry_safe(peer, next, &ddev->peers.list, link) {
		drm_WARN_ON(drm, peer->bo);
		list_del(&peer->link);
		dmashare_peer_put(peer);
	}
}

/**
 * dmashare_peers_init - be ready for what the device says of foreign buffers
 * @ddev: the device, whose window was found
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_peers_init(struct dmashare_device *ddev)
{
	struct dmashare_peers *peers = &ddev->peers;

	INIT_LIST_HEAD(&peers->list);
	INIT_WORK(&peers->work, dmashare_peers_work);
	init_waitqueue_head(&peers->news);
	if (!ddev->window.size)
		return 0;

	/* Indices wrap round; only a power of two goes with that. */
	peers->entries = roundup_pow_of_two(clamp(ddev->limits.max_peers, 1,
						  DMASHARE_PEERS_MAX));
	peers->announced = drmm_kcalloc(&ddev->drm, peers->entries,
					sizeof(*peers->announced), GFP_KERNEL);
	peers->info = dmam_alloc_coherent(ddev->drm.dev, sizeof(*peers->info),
					  &peers->info_dma, GFP_KERNEL);
	if (!peers->announced || !peers->info)
		return -ENOMEM;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_peers_fini, NULL);
}
