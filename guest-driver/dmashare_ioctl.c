// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: open, close and the ioctls but for SUBMIT
 *
 * Errnos are documented in the uapi header; what only the DRM core can say
 * (ENODEV after removal, EFAULT for the argument) it says before we are called.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_utils.h>
#include <drm/drm_vma_manager.h>

#include "dmashare_drv.h"

/**
 * dmashare_open - a client opens the device
 * @drm: the device
 * @drm_file: the client
 *
 * Returns: 0 or a negative errno
 */
int dmashare_open(struct drm_device *drm, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct dmashare_file *file;
	u32 i;
	int ret;

	file = dmashare_file_alloc(ddev);
	if (!file)
		return -ENOMEM;

	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct drm_gpu_scheduler *sched = &ddev->queue[i].sched;

		ret = drm_sched_entity_init(&file->entity[i], DRM_SCHED_PRIORITY_NORMAL,
					    &sched, 1, NULL);
		if (ret)
			goto err_entities;
	}

	/* The file's timelines are the device's, and its jobs may outlive both. */
	refcount_inc(&ddev->users);
	drm_file->driver_priv = file;

	return 0;

err_entities:
	while (i--)
		drm_sched_entity_destroy(&file->entity[i]);
	kfree(file);
	return ret;
}

/**
 * dmashare_postclose - the last reference to a client's file is gone
 * @drm: the device
 * @drm_file: the client
 *
 * Jobs that have not been handed to the device yet are given a second, then
 * they end with -ESRCH. Results that nobody read are forgotten.
 */
void dmashare_postclose(struct drm_device *drm, struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct dmashare_file *file = drm_file->driver_priv;
	struct dmashare_result *result;
	unsigned long id;
	u32 i;

	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_entity_destroy(&file->entity[i]);
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_queue_ring(&ddev->queue[i]);

	xa_for_each(&file->results, id, result)
		dmashare_result_put(result);
	xa_destroy(&file->results);
	dmashare_render_close(file);

	/*
	 * Jobs that are done are freed by the scheduler's worker, and keep this
	 * module until they are. Who has closed the last file expects to be
	 * able to unload it; what the device still has is not waited for. So it
	 * is with moves. As long as the device has jobs, of whomever, there may
	 * be one before ours that keeps ours from being freed; and it keeps the
	 * module, too.
	 */
	wait_event_timeout(file->idle,
			   atomic_read(&file->jobs) == atomic_read(&file->on_device),
			   dmashare_idle(ddev) ? HZ : HZ / 20);
	wait_event_timeout(ddev->moves_idle, !atomic_read(&ddev->n_moves), HZ);
	wait_event_timeout(ddev->peers.news, !atomic_read(&ddev->peers.releases), HZ);
	dmashare_file_put(file);
}

/**
 * dmashare_fence_out_begin - get a file ready that a fence is returned in
 * @out: what is had, all zeros
 * @fence: the fence; the file has a reference to it
 *
 * That is done before anything else, so that nothing has to be taken back when the
 * ioctl has done what it was called for.
 *
 * Returns: 0 or a negative errno; then there is nothing to be ended, but it may be
 */
int dmashare_fence_out_begin(struct dmashare_fence_out *out, struct dma_fence *fence)
{
	int fd;

	out->sync_file = sync_file_create(fence);
	if (!out->sync_file)
		return -ENOMEM;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(out->sync_file->file);
		out->sync_file = NULL;
		return fd;
	}
	out->fd = fd;

	return 0;
}

/**
 * dmashare_fence_out_end - give the file to the client, or take it back
 * @out: of dmashare_fence_out_begin(), or all zeros: then nothing is done
 * @given: whether the client gets it, as @out->fd
 */
void dmashare_fence_out_end(struct dmashare_fence_out *out, bool given)
{
	if (!out->sync_file)
		return;

	if (given) {
		fd_install(out->fd, out->sync_file->file);
	} else {
		put_unused_fd(out->fd);
		fput(out->sync_file->file);
	}
}

static int dmashare_get_param_ioctl(struct drm_device *drm, void *data,
				    struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_get_param *args = data;
	int idx, ret;

	if (args->pad)
		return -EINVAL;

	switch (args->param) {
	case DRM_DMASHARE_PARAM_VERSION:
		args->value = ddev->limits.version;
		return 0;
	case DRM_DMASHARE_PARAM_FEATURES:
		args->value = ddev->limits.features;
		return 0;
	case DRM_DMASHARE_PARAM_NUM_QUEUES:
		args->value = ddev->limits.num_queues;
		return 0;
	case DRM_DMASHARE_PARAM_MAX_SEGMENTS:
		args->value = ddev->limits.max_segments;
		return 0;
	case DRM_DMASHARE_PARAM_DMA_BITS:
		args->value = ddev->limits.dma_bits;
		return 0;
	case DRM_DMASHARE_PARAM_MAX_JOB_BYTES:
		args->value = ddev->limits.max_job_bytes;
		return 0;
	case DRM_DMASHARE_PARAM_IOMMU:
		args->value = dmashare_iommu_translates(ddev);
		return 0;
	case DRM_DMASHARE_PARAM_DEVICE_TIME:
		if (!drm_dev_enter(drm, &idx))
			return -ENODEV;
		ret = dmashare_hw_time(ddev, &args->value);
		drm_dev_exit(idx);
		return ret;
	case DRM_DMASHARE_PARAM_LOCAL_SIZE:
		args->value = ddev->local.size;
		return 0;
	case DRM_DMASHARE_PARAM_LOCAL_FREE:
		args->value = dmashare_local_free(ddev);
		return 0;
	case DRM_DMASHARE_PARAM_P2P:
		args->value = dmashare_p2p_supported(ddev);
		return 0;
	case DRM_DMASHARE_PARAM_TIMELINE:
		if (args->value >= ddev->limits.num_queues)
			return -EINVAL;
		args->value = dmashare_file_timeline(drm_file->driver_priv, args->value);
		return 0;
	case DRM_DMASHARE_PARAM_NUM_TIMELINES:
		args->value = ddev->limits.num_timelines;
		return 0;
	case DRM_DMASHARE_PARAM_PEER_FREE:
		args->value = ddev->window.size ? dmashare_window_free(ddev) : 0;
		return 0;
	case DRM_DMASHARE_PARAM_MAX_CONTEXTS:
		args->value = ddev->limits.max_contexts;
		return 0;
	case DRM_DMASHARE_PARAM_MAX_RESOURCES:
		args->value = ddev->limits.max_resources;
		return 0;
	case DRM_DMASHARE_PARAM_MAX_RENDER:
		args->value = ddev->limits.max_render;
		return 0;
	case DRM_DMASHARE_PARAM_RENDER_BYTES:
		args->value = ddev->limits.render_bytes;
		return 0;
	case DRM_DMASHARE_PARAM_RENDER_RINGS:
		args->value = ddev->limits.render_rings;
		return 0;
	default:
		return -EINVAL;
	}
}

/* What only a broken driver does. */
#define DMASHARE_BO_UNSAFE	(DRM_DMASHARE_BO_STALE_DMA |	\
				 DRM_DMASHARE_BO_SKIP_BEGIN |	\
				 DRM_DMASHARE_BO_SKIP_END |	\
				 DRM_DMASHARE_BO_SKIP_MAP |	\
				 DRM_DMASHARE_BO_SKIP_UNMAP)
#define DMASHARE_BO_PAGES	(DRM_DMASHARE_BO_SCATTERED |	\
				 DRM_DMASHARE_BO_CONTIGUOUS |	\
				 DRM_DMASHARE_BO_HUGE)
#define DMASHARE_BO_EXPORTS	(DRM_DMASHARE_BO_STATIC | DRM_DMASHARE_BO_DYNAMIC)
#define DMASHARE_BO_FLAGS	(DMASHARE_BO_UNSAFE |		\
				 DMASHARE_BO_PAGES |		\
				 DMASHARE_BO_EXPORTS |		\
				 DRM_DMASHARE_BO_NO_MMAP |	\
				 DRM_DMASHARE_BO_NO_VMAP |	\
				 DRM_DMASHARE_BO_NO_ATTACH |	\
				 DRM_DMASHARE_BO_READ_ONLY)

/* Known ones, and of those that exclude each other one at most. */
static bool dmashare_bo_flags_ok(u32 flags)
{
	return !(flags & ~DMASHARE_BO_FLAGS) &&
	       hweight32(flags & DMASHARE_BO_PAGES) <= 1 &&
	       hweight32(flags & DMASHARE_BO_EXPORTS) <= 1;
}

static int dmashare_bo_create_ioctl(struct drm_device *drm, void *data,
				    struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_bo_create *args = data;

	if (!dmashare_bo_flags_ok(args->flags) ||
	    !args->size || args->size > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	if (args->flags & DRM_DMASHARE_BO_HUGE && args->size % SZ_2M)
		return -EINVAL;

	switch (args->placement) {
	case DMASHARE_PLACEMENT_SYSTEM:
		break;
	case DMASHARE_PLACEMENT_LOCAL:
		if (!ddev->local.size)
			return -EOPNOTSUPP;
		break;
	default:
		return -EINVAL;
	}

	if (args->flags & DMASHARE_BO_UNSAFE && !dmashare_unsafe_allowed())
		return -EPERM;
	if (args->flags & DRM_DMASHARE_BO_STALE_DMA && !dmashare_iommu_translates(ddev))
		return -EOPNOTSUPP;

	args->size = PAGE_ALIGN(args->size);

	struct dmashare_bo *bo __free(dmashare_bo) = dmashare_bo_create(ddev, args);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	args->buffer = bo->id;
	/* The handle keeps the buffer then. */
	return drm_gem_handle_create(drm_file, &bo->base, &args->handle);
}

static int dmashare_bo_mmap_ioctl(struct drm_device *drm, void *data,
				  struct drm_file *drm_file)
{
	struct drm_dmashare_bo_mmap *args = data;
	int ret;

	if (args->pad)
		return -EINVAL;

	struct dmashare_bo *bo __free(dmashare_bo) =
		dmashare_bo_lookup(drm_file, args->handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	if (dmashare_bo_imported(bo))
		return -EOPNOTSUPP;
	/* The first one makes it, and it stays as long as the buffer. */
	ret = drm_gem_create_mmap_offset(&bo->base);
	if (ret)
		return ret;
	args->offset = drm_vma_node_offset_addr(&bo->base.vma_node);

	return 0;
}

static int dmashare_bo_info_ioctl(struct drm_device *drm, void *data,
				  struct drm_file *drm_file)
{
	struct drm_dmashare_bo_info *args = data;
	u32 handle = args->handle;
	int ret;

	struct dmashare_bo *bo __free(dmashare_bo) = dmashare_bo_lookup(drm_file, handle);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = dma_resv_lock_interruptible(bo->base.resv, NULL);
	if (ret)
		return ret;

	*args = (struct drm_dmashare_bo_info){
		.handle = handle,
		.size = bo->base.size,
		.placement = bo->placement,
		.buffer = bo->id,
		.pins = bo->pin_count,
		.moves = bo->moves,
	};
	if (dmashare_bo_imported(bo))
		args->flags |= DRM_DMASHARE_BO_INFO_IMPORTED;
	if (bo->dynamic)
		args->flags |= DRM_DMASHARE_BO_INFO_DYNAMIC;
	if (bo->p2p)
		args->flags |= DRM_DMASHARE_BO_INFO_P2P;
	if (bo->map) {
		args->flags |= DRM_DMASHARE_BO_INFO_MAPPED;
		args->n_segments = bo->map->n_segments;
		args->max_segment = bo->map->max_segment;
		args->mapping = bo->map->id;
		if (capable(CAP_SYS_ADMIN))
			args->dma_addr = bo->map->first;
	}
	dma_resv_unlock(bo->base.resv);

	return 0;
}

static int dmashare_bo_unmap_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file)
{
	struct drm_dmashare_bo_unmap *args = data;
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
	if (dmashare_share_keeps_map(bo))
		ret = -EBUSY;
	else if (bo->map)
		ret = dmashare_bo_wait_locked(bo, true);
	if (!ret)
		dmashare_bo_unmap_locked(bo);
	dma_resv_unlock(bo->base.resv);

	return ret;
}

/* Waits as long as the ioctl says; -ETIME when that was not enough. */
static int dmashare_wait_result(struct dmashare_result *result, s64 timeout_ns)
{
	signed long timeout, ret;

	if (timeout_ns < 0) {
		ret = dma_fence_wait(result->finished, true);
		return ret;
	}

	if (!timeout_ns)
		return dma_fence_is_signaled(result->finished) ? 0 : -ETIME;

	/* At least one tick, or a short wait would only poll. */
	timeout = clamp_t(u64, nsecs_to_jiffies64(timeout_ns), 1,
			  MAX_SCHEDULE_TIMEOUT - 1);
	ret = dma_fence_wait_timeout(result->finished, true, timeout);
	if (!ret)
		return -ETIME;
	if (ret > 0)
		return 0;

	/* A restart would begin to wait anew. */
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

static int dmashare_job_result_ioctl(struct drm_device *drm, void *data,
				     struct drm_file *drm_file)
{
	struct dmashare_file *file = drm_file->driver_priv;
	struct drm_dmashare_job_result *args = data;
	struct dmashare_result *result;
	int ret;

	if (args->id > ULONG_MAX)
		return -ENOENT;

	xa_lock(&file->results);
	result = xa_load(&file->results, args->id);
	if (result)
		kref_get(&result->ref);
	xa_unlock(&file->results);
	if (!result)
		return -ENOENT;

	ret = dmashare_wait_result(result, args->timeout_ns);
	/* Also when it is not done yet: then it is to be told which fence that is. */
	args->seqno = smp_load_acquire(&result->seqno);
	args->timeline = args->seqno ? result->timeline : 0;
	args->pad = 0;
	if (ret)
		goto out_put;

	/* Of several that waited, one gets it. */
	if (!xa_erase(&file->results, args->id)) {
		ret = -ENOENT;
		goto out_put;
	}
	atomic_dec(&file->n_results);

	/* The outcome was stored before the fence signalled. */
	smp_rmb();
	args->result = result->result;
	args->detail = capable(CAP_SYS_ADMIN) ? result->detail : 0;
	args->status = result->status;
	args->error = -result->finished->error;
	/* What the file had. */
	dmashare_result_put(result);

out_put:
	dmashare_result_put(result);

	return ret;
}

/**
 * dmashare_query - ask the device something whose answer it writes to memory
 * @ddev: the device; the caller is inside drm_dev_enter()
 * @opcode: enum dmashare_opcode, whose body is a query
 * @id: what is asked about
 * @data: where to put the answer
 * @length: bytes of room there, at most DMASHARE_LEDGER_MAX_LENGTH
 * @result: of the completion
 *
 * The device writes into coherent memory that is kept for this.
 *
 * Returns: 0, -EINTR, or the command's error
 */
int dmashare_query(struct dmashare_device *ddev, u8 opcode, u32 id, void *data, u32 length,
		   u64 *result)
{
	struct dmashare_desc desc;
	int ret;

	dmashare_desc_init(&desc, opcode);
	desc.query.id = cpu_to_le32(id);
	desc.query.length = cpu_to_le32(length);
	desc.query.addr = cpu_to_le64(ddev->ledger_dma);

	ret = mutex_lock_interruptible(&ddev->ledger_lock);
	if (ret)
		return ret;
	memset(ddev->ledger, 0, length);
	down_read(&ddev->state_sem);
	ret = dmashare_command_result(ddev, &desc, NULL, result);
	up_read(&ddev->state_sem);
	if (!ret)
		memcpy(data, ddev->ledger, length);
	mutex_unlock(&ddev->ledger_lock);

	return ret;
}

/**
 * dmashare_read_ledger - ask the device for its ledger
 * @ddev: the device; the caller is inside drm_dev_enter()
 * @buffer: buffer id, 0 for the device as a whole
 * @data: where to put it
 * @length: bytes of room there, at most DMASHARE_LEDGER_MAX_LENGTH
 *
 * Returns: 0, -EINTR, or the command's error
 */
int dmashare_read_ledger(struct dmashare_device *ddev, u32 buffer, void *data, u32 length)
{
	u64 written;

	return dmashare_query(ddev, DMASHARE_OP_QUERY_LEDGER, buffer, data, length, &written);
}

static int dmashare_query_ledger(struct dmashare_device *ddev, u32 buffer, u32 length,
				 void __user *data)
{
	void *copy;
	int ret;

	copy = kzalloc(length, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	ret = dmashare_read_ledger(ddev, buffer, copy, length);
	if (!ret && copy_to_user(data, copy, length))
		ret = -EFAULT;
	kfree(copy);

	return ret;
}

static int dmashare_ledger_ioctl(struct drm_device *drm, void *data,
				 struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_ledger_query *args = data;
	struct dmashare_bo *bo __free(dmashare_bo) = NULL;
	int ret, idx;

	if (args->length < 8 || args->length > DMASHARE_LEDGER_MAX_LENGTH ||
	    args->length % 8)
		return -EINVAL;

	if (args->handle) {
		bo = dmashare_bo_lookup(drm_file, args->handle);
		if (IS_ERR(bo))
			return PTR_ERR(bo);
	}

	/* Moves that are done, and jobs, drop what they had from here. */
	flush_workqueue(dmashare_move_wq);
	flush_workqueue(dmashare_wq);

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = dmashare_query_ledger(ddev, bo ? bo->id : 0, args->length,
				    u64_to_user_ptr(args->data));
	drm_dev_exit(idx);

	return ret;
}

const struct drm_ioctl_desc dmashare_ioctls[DMASHARE_NUM_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(DMASHARE_GET_PARAM, dmashare_get_param_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_CREATE, dmashare_bo_create_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_MMAP, dmashare_bo_mmap_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_INFO, dmashare_bo_info_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_SUBMIT, dmashare_submit_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_JOB_RESULT, dmashare_job_result_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_LEDGER, dmashare_ledger_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_IMPORT, dmashare_bo_import_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_MOVE, dmashare_bo_move_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_UNMAP, dmashare_bo_unmap_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_VMAP, dmashare_bo_vmap_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_SHARE, dmashare_bo_share_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_UNSHARE, dmashare_bo_unshare_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_BO_PUBLISH, dmashare_bo_publish_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_PEER_NEXT, dmashare_peer_next_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_PEER_OPEN, dmashare_peer_open_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_PEER_STATE, dmashare_peer_state_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_PEER_ACQUIRE, dmashare_peer_acquire_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_PEER_RELEASE, dmashare_peer_release_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_CONTEXT_CREATE, dmashare_context_create_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_CONTEXT_DESTROY, dmashare_context_destroy_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_RESOURCE_CREATE, dmashare_resource_create_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_RESOURCE_DESTROY, dmashare_resource_destroy_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_RESOURCE_ADD, dmashare_resource_add_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_RESOURCE_REMOVE, dmashare_resource_remove_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_RENDER_STATE, dmashare_render_state_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DMASHARE_RENDER_CAPSET, dmashare_render_capset_ioctl, DRM_RENDER_ALLOW),
};
