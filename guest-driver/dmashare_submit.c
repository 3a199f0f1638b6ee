// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the SUBMIT ioctl
 *
 * Up to the point where the first job is armed everything can fail and is
 * undone; from there on nothing can. So all memory, file descriptors and fence
 * slots are had first.
 */
#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include <kunit/visibility.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>

#include "dmashare_drv.h"

/**
 * struct dmashare_out_sync - a syncobj to be given the out-fence
 * @syncobj: reference
 * @chain: for a timeline point, else NULL
 * @point: timeline point
 */
struct dmashare_out_sync {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

/**
 * struct dmashare_submit - a SUBMIT on its way
 * @ddev: the device
 * @file: the client
 * @drm_file: the client, as DRM knows it
 * @queue: job queue
 * @entity: the client's entity on it
 * @jobs: @n_jobs jobs; NULL where not made yet
 * @args: what user space asked for
 * @out: out-syncs
 * @n_jobs: number of jobs
 * @n_ready: of those, how many the scheduler knows
 * @n_out: number of out-syncs
 * @fence_out: file for the out-fence, if one is wanted
 * @implicit: implicit fencing
 */
struct dmashare_submit {
	struct dmashare_device *ddev;
	struct dmashare_file *file;
	struct drm_file *drm_file;
	struct dmashare_queue *queue;
	struct drm_sched_entity *entity;
	struct dmashare_job **jobs;
	struct drm_dmashare_job *args;
	struct dmashare_out_sync *out;
	u32 n_jobs;
	u32 n_ready;
	u32 n_out;
	struct dmashare_fence_out fence_out;
	bool implicit;
};

/* What an op needs, and whether it needs the renderer. */
static const struct {
	u8 opcode;
	bool src;
	bool dst;
	bool value;
	bool render;
} dmashare_ops[] = {
	[DRM_DMASHARE_OP_NOOP]		= { DMASHARE_OP_JOB_NOOP, .value = true },
	[DRM_DMASHARE_OP_COPY]		= { DMASHARE_OP_JOB_COPY, .src = true, .dst = true },
	[DRM_DMASHARE_OP_FILL]		= { DMASHARE_OP_JOB_FILL, .dst = true, .value = true },
	[DRM_DMASHARE_OP_CHECKSUM]	= { DMASHARE_OP_JOB_CHECKSUM, .src = true },
	[DRM_DMASHARE_OP_RENDER]	= { DMASHARE_OP_JOB_RENDER, .src = true, .value = true,
					    .render = true },
	[DRM_DMASHARE_OP_UPLOAD]	= { DMASHARE_OP_JOB_UPLOAD, .src = true, .value = true,
					    .render = true },
	[DRM_DMASHARE_OP_DOWNLOAD]	= { DMASHARE_OP_JOB_DOWNLOAD, .dst = true, .value = true,
					    .render = true },
};

/* Is the operand there if and only if it is wanted, and well-formed? */
static bool dmashare_operand_ok(const struct drm_dmashare_operand *operand,
				const struct drm_dmashare_job *job, bool wanted)
{
	if (operand->pad)
		return false;
	if (!wanted)
		return !operand->handle && !operand->offset && !operand->pitch;
	if (!operand->handle)
		return false;
	if (job->rows < 2)
		return !operand->pitch;

	return operand->pitch >= job->length;
}

/**
 * dmashare_check_job - is a job well-formed?
 * @limits: of the device
 * @job: as user space gave it
 *
 * Returns: 0, -EINVAL, or -EOPNOTSUPP if the device does not render
 */
VISIBLE_IF_KUNIT
int dmashare_check_job(const struct dmashare_limits *limits,
		       const struct drm_dmashare_job *job)
{
	u64 bytes;

	if (job->op >= ARRAY_SIZE(dmashare_ops) || job->pad ||
	    job->flags & ~DRM_DMASHARE_JOB_WANT_RESULT)
		return -EINVAL;
	if (dmashare_ops[job->op].render && !(limits->features & DMASHARE_FEATURE_RENDER))
		return -EOPNOTSUPP;
	if (!dmashare_operand_ok(&job->src, job, dmashare_ops[job->op].src) ||
	    !dmashare_operand_ok(&job->dst, job, dmashare_ops[job->op].dst))
		return -EINVAL;
	if (job->value && !dmashare_ops[job->op].value)
		return -EINVAL;

	if (job->op == DRM_DMASHARE_OP_NOOP)
		return job->length || job->rows > 1 ||
		       job->value > DMASHARE_NOOP_MAX_NS ? -EINVAL : 0;

	if (!job->length ||
	    check_mul_overflow(job->length, (u64)max(job->rows, 1), &bytes) ||
	    bytes > limits->max_job_bytes)
		return -EINVAL;

	return dmashare_ops[job->op].render ? dmashare_check_render_job(limits, job) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_check_job);

/**
 * dmashare_range_ok - does an operand end within its buffer?
 * @operand: of @job
 * @job: the job, well-formed
 * @size: bytes of the buffer
 *
 * Returns: true if so
 */
VISIBLE_IF_KUNIT
bool dmashare_range_ok(const struct drm_dmashare_operand *operand,
		       const struct drm_dmashare_job *job, u64 size)
{
	u64 end = 0;

	if (job->rows >= 2 &&
	    check_mul_overflow(operand->pitch, (u64)job->rows - 1, &end))
		return false;
	if (check_add_overflow(end, operand->offset, &end) ||
	    check_add_overflow(end, job->length, &end))
		return false;

	return end <= size;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_range_ok);

/*
 * Looks up and checks an operand's buffer; fills in the descriptor but for the
 * mapping, which must not end any more when it is filled in.
 */
static int dmashare_get_operand(struct dmashare_submit *submit,
				const struct drm_dmashare_job *args,
				const struct drm_dmashare_operand *operand,
				struct dmashare_operand *out, struct dmashare_bo **bo)
{
	struct dmashare_bo *found;

	if (!operand->handle)
		return 0;

	found = dmashare_bo_lookup(submit->drm_file, operand->handle);
	if (IS_ERR(found))
		return PTR_ERR(found);
	/* The job's now, on an error as well. */
	*bo = found;

	if (!dmashare_range_ok(operand, args, found->base.size))
		return -EINVAL;

	out->offset = cpu_to_le64(operand->offset);
	out->pitch = cpu_to_le64(operand->pitch);

	return 0;
}

/* A place for the outcome in the file, until JOB_RESULT takes it. */
static int dmashare_add_result(struct dmashare_submit *submit, struct dmashare_job *job)
{
	struct dmashare_file *file = submit->file;
	struct dmashare_result *result;
	int ret;

	if (atomic_inc_return(&file->n_results) > DRM_DMASHARE_MAX_RESULTS) {
		atomic_dec(&file->n_results);
		return -ENOSPC;
	}

	result = kzalloc(sizeof(*result), GFP_KERNEL);
	if (!result) {
		atomic_dec(&file->n_results);
		return -ENOMEM;
	}
	kref_init(&result->ref);
	result->status = DRM_DMASHARE_STATUS_NOT_RUN;

	/* Reserved: not to be found before the fence is there to be waited for. */
	ret = xa_insert(&file->results, job->id, NULL, GFP_KERNEL);
	if (ret) {
		atomic_dec(&file->n_results);
		kfree(result);
		return ret;
	}
	job->result = result;

	return 0;
}

static int dmashare_make_job(struct dmashare_submit *submit, u32 i)
{
	const struct drm_dmashare_job *args = &submit->args[i];
	struct dmashare_job *job;
	int ret;

	ret = dmashare_check_job(&submit->ddev->limits, args);
	if (ret)
		return ret;

	job = dmashare_job_alloc(submit->file, submit->queue);
	if (!job)
		return -ENOMEM;
	submit->jobs[i] = job;
	job->id = atomic64_inc_return(&submit->file->next_job);
	job->desc.opcode = dmashare_ops[args->op].opcode;
	job->desc.job.rows = cpu_to_le32(args->rows);
	job->desc.job.length = cpu_to_le64(args->length);
	job->desc.job.value = cpu_to_le64(args->value);

	ret = dmashare_render_job_fill(job, args);
	if (!ret)
		ret = dmashare_get_operand(submit, args, &args->src, &job->desc.job.src,
					   &job->src);
	if (!ret)
		ret = dmashare_get_operand(submit, args, &args->dst, &job->desc.job.dst,
					   &job->dst);
	if (!ret && job->dst && dmashare_peer_bo_read_only(job->dst))
		ret = -EACCES;
	if (!ret && args->flags & DRM_DMASHARE_JOB_WANT_RESULT)
		ret = dmashare_add_result(submit, job);
	if (!ret)
		ret = dmashare_sched_job_init(&job->base, submit->entity,
					      submit->drm_file->client_id);
	if (!ret)
		submit->n_ready++;

	return ret;
}

/* Undoes a submit of which no job was armed. */
static void dmashare_undo(struct dmashare_submit *submit)
{
	u32 i;

	for (i = 0; i < submit->n_jobs && submit->jobs[i]; i++) {
		struct dmashare_job *job = submit->jobs[i];

		if (job->result) {
			xa_release(&submit->file->results, job->id);
			atomic_dec(&submit->file->n_results);
		}
		if (i < submit->n_ready)
			drm_sched_job_cleanup(&job->base);
		dmashare_job_drop_buffers(job);
		dmashare_job_put(job);
	}

	for (i = 0; i < submit->n_out; i++) {
		dma_fence_chain_free(submit->out[i].chain);
		drm_syncobj_put(submit->out[i].syncobj);
	}

	dmashare_fence_out_end(&submit->fence_out, false);
}

/* In-fences: dependencies of the first job; the others run after it anyway. */
static int dmashare_add_in_fences(struct dmashare_submit *submit,
				  const struct drm_dmashare_submit *args)
{
	struct drm_dmashare_sync __user *user = u64_to_user_ptr(args->in_syncs);
	struct drm_sched_job *job = &submit->jobs[0]->base;
	struct dma_fence *fence;
	u32 i;
	int ret;

	for (i = 0; i < args->n_in_syncs; i++) {
		struct drm_dmashare_sync sync;

		if (copy_from_user(&sync, user + i, sizeof(sync)))
			return -EFAULT;
		if (sync.pad)
			return -EINVAL;
		ret = drm_syncobj_find_fence(submit->drm_file, sync.handle, sync.point, 0,
					     &fence);
		if (ret)
			return ret;
		/* Takes the reference in any case. */
		ret = drm_sched_job_add_dependency(job, fence);
		if (ret)
			return ret;
	}

	if (args->flags & DRM_DMASHARE_SUBMIT_IN_FENCE) {
		struct file *file = fget(args->in_fence_fd);

		/* sync_file_get_fence() does not tell the two apart. */
		if (!file)
			return -EBADF;
		fput(file);
		fence = sync_file_get_fence(args->in_fence_fd);
		if (!fence)
			return -EINVAL;
		ret = drm_sched_job_add_dependency(job, fence);
		if (ret)
			return ret;
	}

	return 0;
}

static int dmashare_get_out_syncs(struct dmashare_submit *submit,
				  const struct drm_dmashare_submit *args)
{
	struct drm_dmashare_sync __user *user = u64_to_user_ptr(args->out_syncs);
	u32 i;

	for (i = 0; i < args->n_out_syncs; i++) {
		struct dmashare_out_sync *out = &submit->out[i];
		struct drm_dmashare_sync sync;

		if (copy_from_user(&sync, user + i, sizeof(sync)))
			return -EFAULT;
		if (sync.pad)
			return -EINVAL;
		out->syncobj = drm_syncobj_find(submit->drm_file, sync.handle);
		if (!out->syncobj)
			return -ENOENT;
		submit->n_out++;
		out->point = sync.point;
		if (sync.point) {
			out->chain = dma_fence_chain_alloc();
			if (!out->chain)
				return -ENOMEM;
		}
	}

	return 0;
}

/*
 * The file is made now, with a fence that stands in: the real one exists only
 * once the last job is armed, when nothing may fail any more.
 */
static int dmashare_get_fence_out(struct dmashare_submit *submit)
{
	struct dma_fence *stub = dma_fence_get_stub();
	int ret;

	ret = dmashare_fence_out_begin(&submit->fence_out, stub);
	dma_fence_put(stub);

	return ret;
}

static int dmashare_copy_ids(struct dmashare_submit *submit,
			     struct drm_dmashare_job __user *user)
{
	u32 i;

	for (i = 0; i < submit->n_jobs; i++)
		if (put_user(submit->jobs[i]->id, &user[i].id))
			return -EFAULT;

	return 0;
}

/* Locks the reservations of all buffers. */
static int dmashare_lock_buffers(struct dmashare_submit *submit, struct drm_exec *exec)
{
	int ret = 0;
	u32 i, k;

	drm_exec_until_all_locked(exec) {
		/* The last round may have ended with a lock to be waited for. */
		ret = 0;
		for (i = 0; i < submit->n_jobs; i++) {
			struct dmashare_job *job = submit->jobs[i];
			struct dmashare_bo *bo[] = { job->src, job->dst };

			/*
			 * To be asked after a lock only: until the first one of
			 * a new round the answer is still that of the last.
			 */
			for (k = 0; k < ARRAY_SIZE(bo); k++) {
				if (!bo[k])
					continue;
				ret = drm_exec_lock_obj(exec, &bo[k]->base);
				drm_exec_retry_on_contention(exec);
				if (ret)
					return ret;
			}
		}
	}

	return ret;
}

/*
 * Has all buffers mapped for the device. An exporter that is asked for a mapping
 * may move the memory, and so end one that we had of the same memory by another
 * import. It does not move it back for that one, so a second round is enough.
 */
static int dmashare_map_buffers(struct dmashare_submit *submit)
{
	u32 i, k, round;
	int ret;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < submit->n_jobs; i++) {
			struct dmashare_job *job = submit->jobs[i];
			struct dmashare_bo *bo[] = { job->src, job->dst };

			for (k = 0; k < ARRAY_SIZE(bo); k++) {
				ret = bo[k] ? dmashare_bo_map_locked(bo[k]) : 0;
				if (ret)
					return ret;
			}
		}
	}

	return 0;
}

/*
 * The last that can fail for a buffer of a job: room for our fences, one as a
 * reader's and one as a writer's, for a later fence of the same entity takes the
 * place of an earlier one. After the mapping, which may have used up what there
 * was. From here until the reservations are unlocked the mapping stays, and
 * after that it is the job's fence that keeps it.
 */
static int dmashare_ready_buffer(struct dmashare_bo *bo, struct dmashare_operand *operand)
{
	if (!bo)
		return 0;
	if (!bo->map)
		return -EBUSY;

	operand->mapping = cpu_to_le32(bo->map->id);

	return dma_resv_reserve_fences(bo->base.resv, 2);
}

/*
 * Without implicit fencing a job still waits for the kernel's own fences: they
 * say when the memory is where it should be, which is nobody's choice.
 */
static int dmashare_add_implicit(struct dmashare_submit *submit,
				 struct dmashare_job *job, struct dmashare_bo *bo,
				 bool write)
{
	if (!bo)
		return 0;
	if (submit->implicit)
		return drm_sched_job_add_implicit_dependencies(&job->base, &bo->base,
							       write);

	return drm_sched_job_add_resv_dependencies(&job->base, bo->base.resv,
						   DMA_RESV_USAGE_KERNEL);
}

/* And its fence is there for whoever moves or frees memory, and nobody else. */
static void dmashare_publish(struct dmashare_submit *submit, struct dmashare_bo *bo,
			     struct dma_fence *fence, bool write)
{
	if (bo)
		dma_resv_add_fence(bo->base.resv, fence,
				   !submit->implicit ? DMA_RESV_USAGE_BOOKKEEP :
				   dma_resv_usage_rw(!write));
}

/* Nothing here fails. The reservations are locked. */
static void dmashare_commit(struct dmashare_submit *submit)
{
	struct dma_fence *last = NULL;
	u32 i;

	/* Jobs of an entity have to be pushed in the order of their arming. */
	mutex_lock(&submit->file->submit_lock);
	for (i = 0; i < submit->n_jobs; i++) {
		struct dmashare_job *job = submit->jobs[i];
		struct dma_fence *fence;

		job->more = i + 1 < submit->n_jobs &&
			    xa_empty(&submit->jobs[i + 1]->base.dependencies);
		dmashare_job_arm(job);
		fence = dma_fence_get(&job->base.s_fence->finished);

		dmashare_publish(submit, job->src, fence, false);
		dmashare_publish(submit, job->dst, fence, true);
		if (job->result) {
			job->result->finished = dma_fence_get(fence);
			kref_get(&job->result->ref);
			/* Into the reserved entry: needs no memory. */
			xa_store(&submit->file->results, job->id, job->result, GFP_NOWAIT);
		}

		dma_fence_put(last);
		last = fence;
		/* From here on the job may be run and freed at any time. */
		drm_sched_entity_push_job(&job->base);
	}
	mutex_unlock(&submit->file->submit_lock);

	for (i = 0; i < submit->n_out; i++) {
		struct dmashare_out_sync *out = &submit->out[i];

		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, last, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, last);
		drm_syncobj_put(out->syncobj);
	}

	if (submit->fence_out.sync_file) {
		dma_fence_put(submit->fence_out.sync_file->fence);
		submit->fence_out.sync_file->fence = dma_fence_get(last);
	}
	dmashare_fence_out_end(&submit->fence_out, true);

	dma_fence_put(last);
}

static int dmashare_prepare(struct dmashare_submit *submit,
			    const struct drm_dmashare_submit *args)
{
	u32 i;
	int ret;

	for (i = 0; i < submit->n_jobs; i++) {
		ret = dmashare_make_job(submit, i);
		if (ret)
			return ret;
	}

	ret = dmashare_add_in_fences(submit, args);
	if (!ret)
		ret = dmashare_get_out_syncs(submit, args);
	if (!ret && args->flags & DRM_DMASHARE_SUBMIT_OUT_FENCE)
		ret = dmashare_get_fence_out(submit);
	if (!ret)
		ret = dmashare_copy_ids(submit, u64_to_user_ptr(args->jobs));

	return ret;
}

/*
 * The buffers of all jobs, each with a reference.  A job that was committed may
 * be done and drop its own at any time, and drm_exec_fini() would then put the
 * last one of a buffer while the locks of others are held; freeing a buffer
 * takes its lock.
 */
static struct drm_gem_object **dmashare_hold_buffers(struct dmashare_submit *submit,
						     u32 *n_held)
{
	struct drm_gem_object **held;
	u32 i, n = 0;

	held = kvmalloc_array(submit->n_jobs, 2 * sizeof(*held), GFP_KERNEL);
	if (!held)
		return NULL;

	for (i = 0; i < submit->n_jobs; i++) {
		struct dmashare_job *job = submit->jobs[i];

		if (job->src)
			held[n++] = &job->src->base;
		if (job->dst)
			held[n++] = &job->dst->base;
	}
	for (i = 0; i < n; i++)
		drm_gem_object_get(held[i]);
	*n_held = n;

	return held;
}

/* With all reservations locked. */
static int dmashare_commit_locked(struct dmashare_submit *submit)
{
	int ret, idx;
	u32 i;

	/* Removal waits for us, and then undoes our mappings. */
	if (!drm_dev_enter(&submit->ddev->drm, &idx))
		return -ENODEV;

	ret = dmashare_map_buffers(submit);
	for (i = 0; !ret && i < submit->n_jobs; i++) {
		struct dmashare_job *job = submit->jobs[i];

		ret = dmashare_ready_buffer(job->src, &job->desc.job.src);
		if (!ret)
			ret = dmashare_ready_buffer(job->dst, &job->desc.job.dst);
		if (!ret)
			ret = dmashare_add_implicit(submit, job, job->src, false);
		if (!ret)
			ret = dmashare_add_implicit(submit, job, job->dst, true);
	}
	if (!ret)
		dmashare_commit(submit);
	drm_dev_exit(idx);

	return ret;
}

static int dmashare_lock_and_commit(struct dmashare_submit *submit)
{
	struct drm_gem_object **held;
	struct drm_exec exec;
	u32 i, n_held;
	int ret;

	held = dmashare_hold_buffers(submit, &n_held);
	if (!held)
		return -ENOMEM;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 0);
	ret = dmashare_lock_buffers(submit, &exec);
	if (!ret)
		ret = dmashare_commit_locked(submit);
	drm_exec_fini(&exec);

	for (i = 0; i < n_held; i++)
		drm_gem_object_put(held[i]);
	kvfree(held);

	return ret;
}

/**
 * dmashare_submit_ioctl - DRM_IOCTL_DMASHARE_SUBMIT
 * @drm: the device
 * @data: struct drm_dmashare_submit
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_submit_ioctl(struct drm_device *drm, void *data,
			  struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_submit *args = data;
	struct dmashare_submit submit = {
		.ddev = ddev,
		.file = drm_file->driver_priv,
		.drm_file = drm_file,
		.n_jobs = args->n_jobs,
		.fence_out.fd = -1,
		.implicit = !(args->flags & DRM_DMASHARE_SUBMIT_NO_IMPLICIT),
	};
	int ret;

	if (args->pad || args->queue >= ddev->limits.num_queues ||
	    args->flags & ~(DRM_DMASHARE_SUBMIT_NO_IMPLICIT |
			    DRM_DMASHARE_SUBMIT_IN_FENCE |
			    DRM_DMASHARE_SUBMIT_OUT_FENCE) ||
	    !args->n_jobs || args->n_jobs > DRM_DMASHARE_SUBMIT_MAX_JOBS ||
	    args->n_in_syncs > DRM_DMASHARE_SUBMIT_MAX_SYNCS ||
	    args->n_out_syncs > DRM_DMASHARE_SUBMIT_MAX_SYNCS)
		return -EINVAL;

	submit.queue = &ddev->queue[args->queue];
	submit.entity = &submit.file->entity[args->queue];

	submit.args = vmemdup_array_user(u64_to_user_ptr(args->jobs), args->n_jobs,
					 sizeof(*submit.args));
	if (IS_ERR(submit.args))
		return PTR_ERR(submit.args);
	submit.jobs = kvcalloc(args->n_jobs, sizeof(*submit.jobs), GFP_KERNEL);
	submit.out = kvcalloc(args->n_out_syncs, sizeof(*submit.out), GFP_KERNEL);
	if (!submit.jobs || !submit.out) {
		ret = -ENOMEM;
		goto out_free;
	}

	ret = dmashare_prepare(&submit, args);
	if (!ret)
		ret = dmashare_lock_and_commit(&submit);
	if (ret)
		dmashare_undo(&submit);
	else
		args->out_fence_fd = submit.fence_out.fd;

out_free:
	kvfree(submit.out);
	kvfree(submit.jobs);
	kvfree(submit.args);

	return ret;
}
