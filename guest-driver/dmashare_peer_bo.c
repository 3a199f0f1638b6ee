// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: a buffer of another VM that is open here
 *
 * It is a buffer like another, of placement PEER: jobs use it, user space maps it,
 * and it can be exported on. Its memory is a range of the window, where the device
 * shows the other VM's pages themselves. It never moves: an importer that cannot
 * reach a BAR cannot have it, for there is no other place for it.
 *
 * When its owner takes it back there are zeros in that range from one moment to the
 * next; a moment before, that is, the memory may be something else of the owner's.
 * Nobody here can be asked first: who uses it while it is acquired has the owner's
 * word that this does not happen, until a deadline, and words take time to cross. So
 * whoever wants to know whether what he read are the buffer's bytes asks the owner
 * again (PEER_ACQUIRE). The range stays the buffer's as long as the buffer lives, so
 * what is still mapped of it never shows another one.
 */
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/**
 * dmashare_peer_bo_stale - is there nothing behind it any more?
 * @bo: a buffer
 *
 * Returns: true for one of another VM that was taken back, or whose device was
 * reset
 */
bool dmashare_peer_bo_stale(const struct dmashare_bo *bo)
{
	return bo->peer && READ_ONCE(bo->peer->withdrawn);
}

/**
 * dmashare_peer_bo_read_only - are writes to it refused?
 * @bo: a buffer
 *
 * Returns: true for one of another VM that was opened without PEER_WRITE
 */
bool dmashare_peer_bo_read_only(const struct dmashare_bo *bo)
{
	return bo->peer && !(bo->peer_flags & DRM_DMASHARE_PEER_WRITE);
}

/**
 * dmashare_peer_bo_withdrawn - its owner took it back
 * @bo: the buffer, or what is to be one
 *
 * Importers are told, and CPU mappings are taken away: the next access is one of
 * zeros.
 */
void dmashare_peer_bo_withdrawn(struct dmashare_bo *bo)
{
	/* First: who waits for it may have the lock. */
	dmashare_peer_hold_end(bo, -bo->peer->error);

	dma_resv_lock(bo->base.resv, NULL);
	dmashare_bo_leave_locked(bo);
	dma_resv_unlock(bo->base.resv);
}

/**
 * dmashare_peer_bo_free - give a foreign buffer back
 * @bo: without any user, unmapped for the device; or what was to be one
 */
void dmashare_peer_bo_free(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_desc desc;
	u32 status = DMASHARE_STATUS_OK;

	if (!bo->peer)
		return;

	down_read(&ddev->state_sem);
	if (bo->peer_mapped && bo->peer->device_id) {
		dmashare_desc_init(&desc, DMASHARE_OP_PEER_UNMAP);
		desc.id.id = cpu_to_le32(bo->peer->device_id);
		dmashare_command_insist(ddev, &desc, &status);
	}
	if (status == DMASHARE_STATUS_COMMANDED) {
		/* The next buffer in that range would be this one. */
		drm_err(&ddev->drm, "foreign buffer %u does not go, resetting\n",
			bo->peer->id);
		dmashare_stop_and_reset(ddev, 0);
	}
	up_read(&ddev->state_sem);
	/* Which the device has done with that. */
	dmashare_peer_hold_end(bo, -ECANCELED);

	trace_dmashare_peer(ddev, bo->peer, "closed", 0);
	dmashare_peer_unclaim(ddev, bo->peer);
}

/* Has the device put it into the window. */
static int dmashare_peer_map(struct dmashare_bo *bo, u32 flags)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_desc desc;
	int ret = -ENOENT;
	u32 status = DMASHARE_STATUS_OK;

	dmashare_desc_init(&desc, DMASHARE_OP_PEER_MAP);
	if (flags & DRM_DMASHARE_PEER_WRITE)
		desc.peer_map.flags |= cpu_to_le32(DMASHARE_PEER_MAP_F_WRITE);
	if (flags & DRM_DMASHARE_PEER_SUBSCRIBE)
		desc.peer_map.flags |= cpu_to_le32(DMASHARE_PEER_MAP_F_SUBSCRIBE);
	desc.peer_map.offset = cpu_to_le64(bo->backing->node.start);

	down_read(&ddev->state_sem);
	if (bo->peer->device_id) {
		desc.peer_map.peer = cpu_to_le32(bo->peer->device_id);
		ret = dmashare_command(ddev, &desc, &status);
		bo->peer_mapped = !ret;
	}
	up_read(&ddev->state_sem);

	/* What its event has not said yet, or never will. */
	if (status == DMASHARE_STATUS_BAD_ID)
		dmashare_peer_lost(ddev, bo->peer);

	return ret;
}

static struct dmashare_backing *dmashare_peer_backing(struct dmashare_bo *bo, bool write)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_backing *backing;
	int ret;

	backing = dmashare_backing_new(bo, DMASHARE_PLACEMENT_PEER);
	if (!backing)
		return ERR_PTR(-ENOMEM);

	ret = dmashare_window_insert(&ddev->window, backing, write);
	if (ret) {
		kfree(backing);
		return ERR_PTR(ret);
	}

	return backing;
}

/* On an error what there is of it is freed with the buffer. */
static int dmashare_peer_fill(struct dmashare_bo *bo, u32 id, u32 flags)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	struct dmashare_backing *backing;
	struct dmashare_peer *peer;
	int ret;

	peer = dmashare_peer_claim(ddev, id, bo);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	bo->peer = peer;
	memcpy(bo->name, peer->info.name, sizeof(bo->name));
	if (flags & DRM_DMASHARE_PEER_WRITE &&
	    !(le32_to_cpu(peer->info.flags) & DMASHARE_PEER_F_WRITE))
		return -EACCES;

	backing = dmashare_peer_backing(bo, flags & DRM_DMASHARE_PEER_WRITE);
	if (IS_ERR(backing))
		return PTR_ERR(backing);
	bo->backing = backing;

	ret = drm_gem_create_mmap_offset(&bo->base);
	if (!ret)
		ret = dmashare_buffer_create(ddev, bo);
	if (!ret)
		ret = dmashare_peer_map(bo, flags);

	return ret;
}

/* How large it is; that it fits is found out later. */
static int dmashare_peer_size(struct dmashare_device *ddev, u32 id, u64 *size)
{
	struct dmashare_peer *peer;

	/* Open or not: its size is constant. */
	peer = dmashare_peer_get(ddev, id);
	if (!peer)
		return -ENOENT;
	*size = le64_to_cpu(peer->info.size);
	dmashare_peer_put(peer);

	if (!*size || !PAGE_ALIGNED(*size))
		return -EOPNOTSUPP;

	return *size > ddev->window.size ? -ENOSPC : 0;
}

/**
 * dmashare_peer_open_ioctl - DRM_IOCTL_DMASHARE_PEER_OPEN
 * @drm: the device
 * @data: struct drm_dmashare_peer_open
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_peer_open_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_peer_open *args = data;
	u64 size;
	int ret;

	if (args->flags & ~(DRM_DMASHARE_PEER_WRITE | DRM_DMASHARE_PEER_SUBSCRIBE))
		return -EINVAL;
	ret = dmashare_peer_size(ddev, args->peer, &size);
	if (ret)
		return ret;

	struct dmashare_bo *bo __free(dmashare_bo) = dmashare_bo_alloc(ddev, size);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	bo->placement = DMASHARE_PLACEMENT_PEER;
	bo->dynamic = true;
	bo->peer_flags = args->flags;
	if (!(args->flags & DRM_DMASHARE_PEER_WRITE)) {
		bo->flags = DRM_DMASHARE_BO_READ_ONLY;
		bo->dir = DMA_TO_DEVICE;
	}

	ret = dmashare_peer_fill(bo, args->peer, args->flags);
	if (bo->peer)
		trace_dmashare_peer(ddev, bo->peer, "opened", ret);
	if (ret)
		return ret;

	args->buffer = bo->id;
	/* The handle keeps the buffer then. */
	return drm_gem_handle_create(drm_file, &bo->base, &args->handle);
}

/**
 * dmashare_peer_lookup - the buffer of another VM that a handle names
 * @drm_file: the client
 * @handle: GEM handle
 *
 * Returns: reference to the buffer, -ENOENT for no such handle, -EINVAL for one not
 * made by PEER_OPEN
 */
struct dmashare_bo *dmashare_peer_lookup(struct drm_file *drm_file, u32 handle)
{
	struct dmashare_bo *bo = dmashare_bo_lookup(drm_file, handle);

	if (IS_ERR(bo) || bo->peer)
		return bo;
	drm_gem_object_put(&bo->base);

	return ERR_PTR(-EINVAL);
}

/**
 * dmashare_peer_state_ioctl - DRM_IOCTL_DMASHARE_PEER_STATE
 * @drm: the device
 * @data: struct drm_dmashare_peer_state
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_peer_state_ioctl(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_peer_state *args = data;
	int idx;

	if (args->pad)
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_peer_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	/*
	 * Who has read zeros is to be told why, whether or not the interrupt has
	 * come: after a register was read all that the device has done has its
	 * event. A device that is stopped shows zeros, too.
	 */
	if (drm_dev_enter(drm, &idx)) {
		dmashare_hw_present(ddev);
		dmashare_events_poll(ddev);
		drm_dev_exit(idx);
	}

	args->peer = bo->peer->id;
	args->flags = bo->peer_flags;
	spin_lock_irq(&ddev->events.lock);
	if (bo->peer->withdrawn || !ddev->events.enabled)
		args->flags |= DRM_DMASHARE_PEER_WITHDRAWN;
	args->sequence = bo->peer->sequence;
	args->acquired = bo->peer->acquired;
	spin_unlock_irq(&ddev->events.lock);

	return 0;
}
