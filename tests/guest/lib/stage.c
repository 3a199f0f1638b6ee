// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client.h"
#include "fence.h"
#include "ktap.h"
#include "render.h"
#include "share.h"
#include "stage.h"

void stage_keep(struct stage *stage, const struct dmashare_desc *desc, const void *data)
{
	const size_t bytes = scene_reads(desc);

	ASSERT(stage->told + sizeof(*desc) + bytes <= stage->script.size);
	memcpy(stage->script.map + stage->told, desc, sizeof(*desc));
	stage->told += sizeof(*desc);
	if (bytes)
		memcpy(stage->script.map + stage->told, data, bytes);
	stage->told += bytes;
}

static void submit(struct stage *stage, struct drm_dmashare_job job)
{
	int fence = dms_submit_fence(stage->fd, 0, 0, &job, 1);

	if (stage->fence >= 0)
		close(stage->fence);
	stage->fence = fence;
}

static struct drm_dmashare_transfer box_of(const struct dmashare_body_transfer *t)
{
	return (struct drm_dmashare_transfer) {
		.resource = t->resource,
		.level = t->level,
		.stride = t->stride,
		.x = t->x,
		.y = t->y,
		.z = t->z,
		.width = t->width,
		.height = t->height,
		.depth = t->depth,
	};
}

/* What a job reads lies in a buffer that nobody has but the job. */
static void submit_reading(struct stage *stage, const struct dmashare_desc *desc,
			   const void *data)
{
	const struct drm_dmashare_transfer box = box_of(&desc->transfer);
	const uint64_t bytes = desc->job.length;
	struct bo bo = dms_create_mapped(stage->fd, bytes, "step");

	memcpy(bo.map, data, bytes);
	if (desc->opcode == DMASHARE_OP_JOB_RENDER)
		submit(stage, render_job(desc->job.value, &bo, 0, bytes));
	else
		submit(stage, render_upload(&box, &bo, 0, bytes));
	dms_destroy(&bo);
}

static void create(struct stage *stage, struct dmashare_desc *desc)
{
	const struct dmashare_body_resource *body = &desc->resource;
	struct drm_dmashare_resource_create r = {
		.target = body->target,
		.format = body->format,
		.bind = body->bind,
		.width = body->width,
		.height = body->height,
		.depth = body->depth,
		.array_size = body->array_size,
	};

	ASSERT_OK(render_try_resource(stage->fd, &r));
	desc->resource.id = r.resource;
}

static void step(struct scene *scene, struct dmashare_desc *desc, const void *data)
{
	struct stage *stage = (struct stage *)scene;
	struct drm_dmashare_transfer box;

	switch (desc->opcode) {
	case DMASHARE_OP_CONTEXT_CREATE:
		desc->context.id = render_context(stage->fd, (char *)desc->context.name);
		break;
	case DMASHARE_OP_RESOURCE_CREATE:
		create(stage, desc);
		break;
	case DMASHARE_OP_RESOURCE_ADD:
		ASSERT_OK(render_try_add(stage->fd, desc->pair.context, desc->pair.resource));
		break;
	case DMASHARE_OP_JOB_RENDER:
	case DMASHARE_OP_JOB_UPLOAD:
		submit_reading(stage, desc, data);
		break;
	case DMASHARE_OP_JOB_DOWNLOAD:
		box = box_of(&desc->transfer);
		submit(stage, render_download(&box, &stage->frame, 0, desc->job.length));
		break;
	default:
		FAIL("a scene has no opcode %u", desc->opcode);
	}
	stage_keep(stage, desc, data);
}

struct stage stage_begin(int fd, const struct bo *frame, size_t room)
{
	return (struct stage) {
		.scene.step = step,
		.fd = fd,
		.frame = *frame,
		.script = dms_create_mapped(fd, room, "script"),
		.fence = -1,
	};
}

int stage_wait(struct stage *stage)
{
	int fence = stage->fence;

	stage->fence = -1;
	return fence < 0 ? 0 : fence_finish(fence);
}

uint32_t stage_share(const struct bo *bo, const char *name, uint32_t width, uint32_t height)
{
	struct drm_dmashare_bo_share s = {
		.fourcc = DRM_FORMAT_XRGB8888,
		.width = width,
		.height = height,
		.stride = width * 4,
	};

	memcpy(s.name, name, strnlen(name, sizeof(s.name) - 1));
	ASSERT_OK(share_try(bo, &s));
	return s.share;
}

uint64_t stage_different(const struct stage *stage, uint32_t script, uint32_t frame,
			 size_t bytes)
{
	client_do(0, "rendered %u %zu %u", script, stage->told, frame);
	ASSERT_EQ(client_number("bytes"), bytes);
	return client_number("different");
}
