// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: jobs that render
 *
 * A job like any other: the commands, or the pixels, are in a buffer that is its
 * source or its destination, so that locks, moves and fences see nothing new. What
 * such a job has besides is a context or a resource, which it keeps until it is
 * done.
 */
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include <kunit/visibility.h>

#include "dmashare_drv.h"

/**
 * dmashare_check_render_job - is what is special in a job of rendering well-formed?
 * @limits: of the device, which renders
 * @job: as user space gave it
 *
 * Returns: 0 or -EINVAL
 */
int dmashare_check_render_job(const struct dmashare_limits *limits,
			      const struct drm_dmashare_job *job)
{
	if (job->rows || job->length > limits->max_render)
		return -EINVAL;
	/* The value of the others is a pointer. */
	if (job->op != DRM_DMASHARE_OP_RENDER)
		return 0;
	if (job->length % sizeof(u32) || upper_32_bits(job->value) >= limits->render_rings)
		return -EINVAL;

	return 0;
}

/**
 * dmashare_check_transfer - is a box one that the device can be told?
 * @transfer: as user space gave it
 *
 * Whether it is inside of its resource the renderer knows.
 *
 * Returns: 0 or -EINVAL
 */
VISIBLE_IF_KUNIT
int dmashare_check_transfer(const struct drm_dmashare_transfer *transfer)
{
	if (!transfer->width || !transfer->height || !transfer->depth)
		return -EINVAL;
	if (transfer->y > U16_MAX || transfer->z > U16_MAX ||
	    transfer->height > U16_MAX || transfer->depth > U16_MAX)
		return -EINVAL;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_check_transfer);

static int dmashare_fill_transfer(struct dmashare_job *job, u64 pointer)
{
	struct dmashare_body_transfer *body = &job->desc.transfer;
	struct drm_dmashare_transfer transfer;
	int ret;

	if (copy_from_user(&transfer, u64_to_user_ptr(pointer), sizeof(transfer)))
		return -EFAULT;
	ret = dmashare_check_transfer(&transfer);
	if (ret)
		return ret;

	job->resource = dmashare_render_get(job->file, true, transfer.resource);
	if (!job->resource)
		return -ENOENT;
	atomic_inc(&job->resource->jobs);

	body->job.value = cpu_to_le64(transfer.layer_stride);
	body->resource = cpu_to_le32(job->resource->id);
	body->level = cpu_to_le32(transfer.level);
	body->stride = cpu_to_le32(transfer.stride);
	body->x = cpu_to_le32(transfer.x);
	body->width = cpu_to_le32(transfer.width);
	body->y = cpu_to_le16(transfer.y);
	body->height = cpu_to_le16(transfer.height);
	body->z = cpu_to_le16(transfer.z);
	body->depth = cpu_to_le16(transfer.depth);

	return 0;
}

/**
 * dmashare_render_job_fill - what a job of rendering has and others have not
 * @job: the job, whose descriptor has all the rest but the mappings
 * @args: as user space gave it, and well-formed
 *
 * Of any other job nothing is done.
 *
 * Returns: 0 or a negative errno; the job is dropped in either case the same way
 */
int dmashare_render_job_fill(struct dmashare_job *job, const struct drm_dmashare_job *args)
{
	switch (args->op) {
	case DRM_DMASHARE_OP_RENDER:
		/* The ring is in the other half, and the descriptor has both. */
		job->context = dmashare_render_get(job->file, false,
						   lower_32_bits(args->value));
		if (!job->context)
			return -ENOENT;
		atomic_inc(&job->context->jobs);
		return 0;
	case DRM_DMASHARE_OP_UPLOAD:
	case DRM_DMASHARE_OP_DOWNLOAD:
		return dmashare_fill_transfer(job, args->value);
	default:
		return 0;
	}
}

/**
 * dmashare_render_job_done - what a job's end says of its context or resource
 * @job: any job; its queue's lock is held
 * @status: enum dmashare_status, or DRM_DMASHARE_STATUS_NOT_RUN
 *
 * That the renderer ended, or hung, an event tells, which was there before the
 * completion.
 */
void dmashare_render_job_done(struct dmashare_job *job, u32 status)
{
	if (status == DMASHARE_STATUS_RENDER_COMMANDS) {
		/* A box that is wrong is wrong for itself. */
		if (job->context)
			dmashare_render_lost(job->context, -EPROTO);
	} else if (status == DMASHARE_STATUS_RENDER_LOST) {
		if (job->context)
			WRITE_ONCE(job->context->found_lost, true);
		if (job->resource)
			WRITE_ONCE(job->resource->found_lost, true);
	}
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_render_job_done);

static void dmashare_render_job_put(struct dmashare_render_object **obj)
{
	if (*obj)
		atomic_dec(&(*obj)->jobs);
	dmashare_render_put(*obj);
	*obj = NULL;
}

/**
 * dmashare_render_job_drop - drop what a job of rendering has
 * @job: any job; may sleep
 */
void dmashare_render_job_drop(struct dmashare_job *job)
{
	dmashare_render_job_put(&job->context);
	dmashare_render_job_put(&job->resource);
}
