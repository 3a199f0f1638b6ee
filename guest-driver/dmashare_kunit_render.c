// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: unit tests of jobs that render: what SUBMIT refuses of them, and what
 * their end says of a context or a resource
 */
#include <linux/limits.h>
#include <linux/slab.h>

#include <kunit/test.h>

#include "dmashare_drv.h"

static const struct dmashare_limits renderer = {
	.features = DMASHARE_FEATURE_RENDER,
	.max_job_bytes = U64_MAX,
	.max_render = 65536,
	.render_rings = 2,
};

/* What a job of this op is refused with. */
static int check(const struct dmashare_limits *limits, u32 op, u64 length, u64 value)
{
	struct drm_dmashare_job job = { .op = op, .length = length, .value = value };

	if (op == DRM_DMASHARE_OP_DOWNLOAD)
		job.dst.handle = 1;
	else
		job.src.handle = 1;

	return dmashare_check_job(limits, &job);
}

static void lengths_and_rings(struct kunit *test)
{
	static const struct {
		u32 op;
		u64 length, value;
		int error;
	} rows[] = {
		{ DRM_DMASHARE_OP_RENDER, 4, 1, 0 },
		{ DRM_DMASHARE_OP_RENDER, 65536, U32_MAX, 0 },
		{ DRM_DMASHARE_OP_RENDER, 65536 + 4, 1, -EINVAL },
		{ DRM_DMASHARE_OP_RENDER, 0, 1, -EINVAL },
		{ DRM_DMASHARE_OP_RENDER, 5, 1, -EINVAL },
		{ DRM_DMASHARE_OP_RENDER, 4, 1ULL << 32 | 1, 0 },
		{ DRM_DMASHARE_OP_RENDER, 4, 2ULL << 32 | 1, -EINVAL },
		{ DRM_DMASHARE_OP_RENDER, 4, U64_MAX, -EINVAL },
		{ DRM_DMASHARE_OP_UPLOAD, 1, U64_MAX, 0 },
		{ DRM_DMASHARE_OP_UPLOAD, 65536, 0, 0 },
		{ DRM_DMASHARE_OP_UPLOAD, 65537, 0, -EINVAL },
		{ DRM_DMASHARE_OP_DOWNLOAD, 65535, 0, 0 },
		{ DRM_DMASHARE_OP_DOWNLOAD, U64_MAX, 0, -EINVAL },
		{ DRM_DMASHARE_OP_DOWNLOAD, 0, 0, -EINVAL },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, check(&renderer, rows[i].op, rows[i].length,
						rows[i].value), rows[i].error, "row %u", i);
}

static void operands(struct kunit *test)
{
	u32 op;

	for (op = DRM_DMASHARE_OP_RENDER; op <= DRM_DMASHARE_OP_DOWNLOAD; op++) {
		bool down = op == DRM_DMASHARE_OP_DOWNLOAD;
		struct drm_dmashare_job good = { .op = op, .length = 64, .value = 1 }, job;

		good.src.handle = !down;
		good.dst.handle = down;
		KUNIT_EXPECT_EQ(test, dmashare_check_job(&renderer, &good), 0);

		job = good;
		job.src.handle = 1;
		job.dst.handle = 1;
		KUNIT_EXPECT_EQ(test, dmashare_check_job(&renderer, &job), -EINVAL);
		job = good;
		job.src.handle = down;
		job.dst.handle = !down;
		KUNIT_EXPECT_EQ(test, dmashare_check_job(&renderer, &job), -EINVAL);
		job = good;
		job.rows = 1;
		KUNIT_EXPECT_EQ(test, dmashare_check_job(&renderer, &job), -EINVAL);
		job = good;
		job.pad = 1;
		KUNIT_EXPECT_EQ(test, dmashare_check_job(&renderer, &job), -EINVAL);
	}
}

/* A device that cannot says so, whatever else is wrong. */
static void no_renderer(struct kunit *test)
{
	struct dmashare_limits limits = renderer;
	u32 op;

	limits.features = ~(u64)DMASHARE_FEATURE_RENDER;
	for (op = DRM_DMASHARE_OP_RENDER; op <= DRM_DMASHARE_OP_DOWNLOAD; op++) {
		KUNIT_EXPECT_EQ(test, check(&limits, op, 4, 1), -EOPNOTSUPP);
		KUNIT_EXPECT_EQ(test, check(&limits, op, 0, U64_MAX), -EOPNOTSUPP);
	}
	KUNIT_EXPECT_EQ(test, check(&limits, op, 4, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(&limits, DRM_DMASHARE_OP_CHECKSUM, 4, 0), 0);
}

static void boxes(struct kunit *test)
{
	static const struct drm_dmashare_transfer good = {
		.resource = U32_MAX,
		.level = U32_MAX,
		.stride = U32_MAX,
		.layer_stride = U32_MAX,
		.x = U32_MAX,
		.y = U16_MAX,
		.z = U16_MAX,
		.width = U32_MAX,
		.height = U16_MAX,
		.depth = U16_MAX,
	};
	struct drm_dmashare_transfer box;

#define EXPECT_BOX(member, value, error) do {					\
	box = good;								\
	box.member = value;							\
	KUNIT_EXPECT_EQ(test, dmashare_check_transfer(&box), error);		\
} while (0)
	EXPECT_BOX(width, 1, 0);
	EXPECT_BOX(width, 0, -EINVAL);
	EXPECT_BOX(height, 0, -EINVAL);
	EXPECT_BOX(depth, 0, -EINVAL);
	EXPECT_BOX(y, U16_MAX + 1, -EINVAL);
	EXPECT_BOX(z, U32_MAX, -EINVAL);
	EXPECT_BOX(height, U16_MAX + 1, -EINVAL);
	EXPECT_BOX(depth, 1 << 31, -EINVAL);
	EXPECT_BOX(y, 0, 0);
	EXPECT_BOX(resource, 0, 0);
#undef EXPECT_BOX
}

/* Which ends of a job say that what it named is lost; the first reason stays. */
static void found_lost(struct kunit *test)
{
	static const struct {
		u32 status;
		int error;
	} rows[] = {
		{ DMASHARE_STATUS_OK, 0 },
		{ DMASHARE_STATUS_COMMANDED, 0 },
		{ DMASHARE_STATUS_TIMEOUT, 0 },
		{ DMASHARE_STATUS_FAULT_BOUNDS, 0 },
		/* An event has said so, for all of them. */
		{ DMASHARE_STATUS_RENDER_TIMEOUT, 0 },
		{ DMASHARE_STATUS_RENDER_GONE, 0 },
		{ DRM_DMASHARE_STATUS_NOT_RUN, 0 },
		{ DMASHARE_STATUS_RENDER_LOST, -ENOTRECOVERABLE },
	};
	struct dmashare_render_object *obj = kunit_kzalloc(test, sizeof(*obj), GFP_KERNEL);
	struct dmashare_job *job = kunit_kzalloc(test, sizeof(*job), GFP_KERNEL);
	u32 i, resource;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_NOT_NULL(test, job);

	for (resource = 0; resource < 2; resource++) {
		obj->found_lost = false;
		obj->error = 0;
		job->context = resource ? NULL : obj;
		job->resource = resource ? obj : NULL;
		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			dmashare_render_job_done(job, rows[i].status);
			KUNIT_EXPECT_EQ_MSG(test, dmashare_render_error(obj), rows[i].error,
					    "row %u", i);
		}
		obj->error = -ECANCELED;
		KUNIT_EXPECT_EQ(test, dmashare_render_error(obj), -ECANCELED);
	}

	/* What is wrong with a box is not the resource's fault. */
	obj->found_lost = false;
	obj->error = 0;
	dmashare_render_job_done(job, DMASHARE_STATUS_RENDER_COMMANDS);
	KUNIT_EXPECT_EQ(test, dmashare_render_error(obj), 0);

	/* A job that does not render. */
	job->resource = NULL;
	dmashare_render_job_done(job, DMASHARE_STATUS_RENDER_LOST);
	dmashare_render_job_done(job, DMASHARE_STATUS_RENDER_COMMANDS);
}

static struct kunit_case render_cases[] = {
	KUNIT_CASE(lengths_and_rings),
	KUNIT_CASE(operands),
	KUNIT_CASE(no_renderer),
	KUNIT_CASE(boxes),
	KUNIT_CASE(found_lost),
	{ }
};

static struct kunit_suite render_suite = {
	.name = "dmashare_render",
	.test_cases = render_cases,
};

kunit_test_suites(&render_suite);
