// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: unit tests of jobs: statuses, what SUBMIT refuses, slots, timelines
 */
#include <linux/bits.h>
#include <linux/idr.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <kunit/test.h>

#include "dmashare_drv.h"

static const struct dmashare_limits no_limits = {
	.max_job_bytes = U64_MAX,
};

#define STATUS_ROW(name, value)	{ DMASHARE_STATUS_##name, value },

static void every_status(struct kunit *test)
{
	static const struct {
		u32 status;
		int error;
	} rows[] = { DMASHARE_STATUS_ERRNO_LIST(STATUS_ROW) };
	u32 i, known = 0, status;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, dmashare_status_to_errno(rows[i].status),
				    -rows[i].error, "status %#x", rows[i].status);

	/* All others are of a newer device. */
	for (status = 0; status <= U16_MAX; status++)
		known += dmashare_status_to_errno(status) != -EIO;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		known += rows[i].error == EIO;
	KUNIT_EXPECT_EQ(test, known, ARRAY_SIZE(rows));
	KUNIT_EXPECT_EQ(test, dmashare_status_to_errno(U32_MAX), -EIO);
}

/* What the harness commands is in the detail, if it is an errno. */
static void commanded_errno(struct kunit *test)
{
	u64 detail;

	for (detail = 1; detail <= MAX_ERRNO; detail++)
		KUNIT_ASSERT_EQ(test,
				dmashare_completion_to_errno(DMASHARE_STATUS_COMMANDED, detail),
				-(int)detail);
	KUNIT_EXPECT_EQ(test, dmashare_completion_to_errno(DMASHARE_STATUS_COMMANDED, 0), -EIO);
	KUNIT_EXPECT_EQ(test,
			dmashare_completion_to_errno(DMASHARE_STATUS_COMMANDED, MAX_ERRNO + 1),
			-EIO);
	KUNIT_EXPECT_EQ(test,
			dmashare_completion_to_errno(DMASHARE_STATUS_COMMANDED, U64_MAX), -EIO);
	/* More than 32 bits, of which the lower ones are an errno. */
	KUNIT_EXPECT_EQ(test,
			dmashare_completion_to_errno(DMASHARE_STATUS_COMMANDED,
						     BIT_ULL(32) | ENOSPC), -EIO);

	/* The detail of any other status is something else. */
	KUNIT_EXPECT_EQ(test, dmashare_completion_to_errno(DMASHARE_STATUS_OK, ENOSPC), 0);
	KUNIT_EXPECT_EQ(test,
			dmashare_completion_to_errno(DMASHARE_STATUS_FAULT_TRANSLATION, ENOSPC),
			-EFAULT);
}

static struct kunit_case status_cases[] = {
	KUNIT_CASE(every_status),
	KUNIT_CASE(commanded_errno),
	{ }
};

static struct kunit_suite status_suite = {
	.name = "dmashare_status",
	.test_cases = status_cases,
};

static const struct drm_dmashare_job good_copy = {
	.op = DRM_DMASHARE_OP_COPY,
	.src = { .handle = 1 },
	.dst = { .handle = 2 },
	.length = 4096,
};

/* Is the job refused once a member has another value? */
#define EXPECT_BAD(test, good, member, value) do {				\
	struct drm_dmashare_job job_ = good;					\
										\
	job_.member = value;							\
	KUNIT_EXPECT_EQ(test, dmashare_check_job(&no_limits, &job_), -EINVAL);	\
} while (0)

#define EXPECT_GOOD(test, good, member, value) do {				\
	struct drm_dmashare_job job_ = good;					\
										\
	job_.member = value;							\
	KUNIT_EXPECT_EQ(test, dmashare_check_job(&no_limits, &job_), 0);	\
} while (0)

static void job_fields(struct kunit *test)
{
	struct drm_dmashare_job noop = { .op = DRM_DMASHARE_OP_NOOP };
	struct drm_dmashare_job fill = good_copy, crc = good_copy;

	fill.op = DRM_DMASHARE_OP_FILL;
	memset(&fill.src, 0, sizeof(fill.src));
	crc.op = DRM_DMASHARE_OP_CHECKSUM;
	memset(&crc.dst, 0, sizeof(crc.dst));

	EXPECT_GOOD(test, good_copy, flags, DRM_DMASHARE_JOB_WANT_RESULT);
	EXPECT_GOOD(test, fill, value, U64_MAX);
	EXPECT_GOOD(test, crc, rows, 1);
	EXPECT_GOOD(test, noop, value, DMASHARE_NOOP_MAX_NS);
	EXPECT_GOOD(test, good_copy, src.offset, U64_MAX);

	EXPECT_BAD(test, good_copy, op, 7);
	EXPECT_BAD(test, good_copy, op, U32_MAX);
	EXPECT_BAD(test, good_copy, pad, 1);
	EXPECT_BAD(test, good_copy, flags, 2);
	EXPECT_BAD(test, good_copy, value, 1);
	EXPECT_BAD(test, good_copy, length, 0);
	EXPECT_BAD(test, good_copy, src.handle, 0);
	EXPECT_BAD(test, good_copy, dst.handle, 0);
	EXPECT_BAD(test, good_copy, src.pad, 1);
	EXPECT_BAD(test, good_copy, dst.pitch, 1);
	EXPECT_BAD(test, fill, src.handle, 1);
	EXPECT_BAD(test, fill, src.offset, 1);
	EXPECT_BAD(test, fill, src.pitch, 1);
	EXPECT_BAD(test, crc, dst.handle, 1);
	EXPECT_BAD(test, crc, value, 1);
	EXPECT_BAD(test, noop, value, DMASHARE_NOOP_MAX_NS + 1);
	EXPECT_BAD(test, noop, length, 1);
	EXPECT_BAD(test, noop, rows, 2);
	EXPECT_BAD(test, noop, src.handle, 1);
}

static void job_rows(struct kunit *test)
{
	struct drm_dmashare_job job = good_copy;
	struct dmashare_limits limits = no_limits;

	job.rows = 3;
	job.src.pitch = 4096;
	job.dst.pitch = 5000;
	KUNIT_EXPECT_EQ(test, dmashare_check_job(&no_limits, &job), 0);
	EXPECT_BAD(test, job, src.pitch, 4095);
	EXPECT_BAD(test, job, dst.pitch, 0);
	EXPECT_BAD(test, job, rows, 1);

	limits.max_job_bytes = 3 * 4096;
	KUNIT_EXPECT_EQ(test, dmashare_check_job(&limits, &job), 0);
	limits.max_job_bytes--;
	KUNIT_EXPECT_EQ(test, dmashare_check_job(&limits, &job), -EINVAL);

	/* length * rows wraps. */
	job.rows = U32_MAX;
	job.length = 1ULL << 33;
	job.src.pitch = U64_MAX;
	job.dst.pitch = U64_MAX;
	KUNIT_EXPECT_EQ(test, dmashare_check_job(&no_limits, &job), -EINVAL);
}

static void job_ranges(struct kunit *test)
{
	static const struct {
		u64 offset, pitch, length, size;
		u32 rows;
		bool ok;
	} rows[] = {
		{ 0, 0, 4096, 4096, 0, true },
		{ 1, 0, 4095, 4096, 1, true },
		{ 1, 0, 4096, 4096, 1, false },
		{ 4096, 0, 1, 4096, 0, false },
		{ U64_MAX, 0, 1, 4096, 0, false },
		{ U64_MAX, 0, U64_MAX, U64_MAX, 0, false },
		{ 0, 1000, 96, 3096, 4, true },
		{ 0, 1000, 97, 3096, 4, false },
		{ 1, 1000, 96, 3096, 4, false },
		{ 0, 1ULL << 33, 1, U64_MAX, U32_MAX, false },
		{ 0, U64_MAX, 1, U64_MAX, 2, false },
		{ 0, U64_MAX - 1, 1, U64_MAX, 2, true },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drm_dmashare_job job = { .length = rows[i].length, .rows = rows[i].rows };
		struct drm_dmashare_operand operand = {
			.offset = rows[i].offset, .pitch = rows[i].pitch,
		};

		KUNIT_EXPECT_EQ_MSG(test, dmashare_range_ok(&operand, &job, rows[i].size),
				    rows[i].ok, "row %u", i);
	}
}

static struct kunit_case job_cases[] = {
	KUNIT_CASE(job_fields),
	KUNIT_CASE(job_rows),
	KUNIT_CASE(job_ranges),
	{ }
};

static struct kunit_suite job_suite = {
	.name = "dmashare_jobs",
	.test_cases = job_cases,
};

#define SLOTS	5

static struct dmashare_slots *make_slots(struct kunit *test)
{
	struct dmashare_slots *slots = kunit_kzalloc(test, sizeof(*slots), GFP_KERNEL);
	struct dmashare_slot *slot = kunit_kcalloc(test, SLOTS, sizeof(*slot), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, slots);
	KUNIT_ASSERT_NOT_NULL(test, slot);
	dmashare_slots_init(slots, slot, SLOTS);

	return slots;
}

/* Jobs that are never looked into. */
static struct dmashare_job *make_jobs(struct kunit *test, u32 n)
{
	struct dmashare_job *jobs = kunit_kcalloc(test, n, sizeof(*jobs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, jobs);

	return jobs;
}

/* All slots are taken, and given back in another order. */
static void slots_in_any_order(struct kunit *test)
{
	static const u32 order[SLOTS] = { 3, 0, 4, 2, 1 };
	struct dmashare_slots *slots = make_slots(test);
	struct dmashare_job *jobs = make_jobs(test, SLOTS);
	u64 cookie[SLOTS];
	u32 i, k, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < SLOTS; i++) {
			KUNIT_ASSERT_LT(test, slots->free, SLOTS);
			cookie[i] = dmashare_slot_take(slots, &jobs[i]);
			for (k = 0; k < i; k++)
				KUNIT_EXPECT_NE(test, cookie[i], cookie[k]);
		}
		KUNIT_EXPECT_EQ(test, slots->free, SLOTS);
		for (i = 0; i < SLOTS; i++) {
			k = order[i];
			KUNIT_EXPECT_PTR_EQ(test, dmashare_slot_find(slots, cookie[k]), &jobs[k]);
			dmashare_slot_free(slots, cookie[k]);
			KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, cookie[k]));
		}
	}
}

/* A cookie is good for one job, and once. */
static void slot_of_an_old_job(struct kunit *test)
{
	struct dmashare_slots *slots = make_slots(test);
	struct dmashare_job *jobs = make_jobs(test, 2);
	u64 old, new;

	old = dmashare_slot_take(slots, &jobs[0]);
	dmashare_slot_free(slots, old);
	new = dmashare_slot_take(slots, &jobs[1]);
	KUNIT_ASSERT_EQ(test, lower_32_bits(old), lower_32_bits(new));
	KUNIT_EXPECT_NE(test, old, new);
	KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, old));
	KUNIT_EXPECT_PTR_EQ(test, dmashare_slot_find(slots, new), &jobs[1]);

	/* Also when the generation begins anew. */
	dmashare_slot_free(slots, new);
	slots->slot[lower_32_bits(new)].generation = U32_MAX;
	new = dmashare_slot_take(slots, &jobs[0]);
	KUNIT_EXPECT_EQ(test, upper_32_bits(new), 0);
	KUNIT_EXPECT_PTR_EQ(test, dmashare_slot_find(slots, new), &jobs[0]);
}

/* What a device that is out of its mind may say. */
static void slot_of_nonsense(struct kunit *test)
{
	struct dmashare_slots *slots = make_slots(test);
	struct dmashare_job *jobs = make_jobs(test, 1);
	u64 cookie = dmashare_slot_take(slots, jobs);
	u32 i;

	KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, U64_MAX));
	KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, cookie + BIT_ULL(32)));
	KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, cookie - BIT_ULL(32)));
	for (i = 0; i < 2 * SLOTS; i++) {
		u64 other = (cookie & ~(u64)U32_MAX) | i;

		if (other != cookie)
			KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, other));
	}
	/* Slots that nobody ever took are of generation 0. */
	for (i = 0; i < SLOTS; i++)
		KUNIT_EXPECT_NULL(test, dmashare_slot_find(slots, i));
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE(slots_in_any_order),
	KUNIT_CASE(slot_of_an_old_job),
	KUNIT_CASE(slot_of_nonsense),
	{ }
};

static struct kunit_suite slot_suite = {
	.name = "dmashare_slot",
	.test_cases = slot_cases,
};

static void end_timelines(void *timelines)
{
	ida_destroy(&((struct dmashare_timelines *)timelines)->given);
}

static struct dmashare_timelines *make_timelines(struct kunit *test, u32 n_base, u32 number)
{
	struct dmashare_timelines *timelines =
		kunit_kzalloc(test, sizeof(*timelines), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, timelines);
	timelines->n_base = n_base;
	timelines->number = number;
	ida_init(&timelines->given);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_timelines, timelines), 0);

	return timelines;
}

/* One each as long as there are some, and one for all the others. */
static void timelines_run_out(struct kunit *test)
{
	struct dmashare_timelines *timelines = make_timelines(test, 4, 10);
	u32 i, seen = 0;

	for (i = 0; i < 6; i++) {
		u32 timeline = dmashare_timeline_get(timelines, i % 4);

		KUNIT_EXPECT_GE(test, timeline, 4);
		KUNIT_EXPECT_LT(test, timeline, 10);
		seen |= BIT(timeline);
	}
	KUNIT_EXPECT_EQ(test, hweight32(seen), 6);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, dmashare_timeline_get(timelines, i), i);

	/* What was shared is not given to anybody when it comes back. */
	for (i = 0; i < 4; i++)
		dmashare_timeline_put(timelines, i);
	KUNIT_EXPECT_EQ(test, dmashare_timeline_get(timelines, 2), 2);

	dmashare_timeline_put(timelines, 7);
	KUNIT_EXPECT_EQ(test, dmashare_timeline_get(timelines, 2), 7);
	KUNIT_EXPECT_EQ(test, dmashare_timeline_get(timelines, 2), 2);
	for (i = 4; i < 10; i++)
		dmashare_timeline_put(timelines, i);
	KUNIT_EXPECT_TRUE(test, ida_is_empty(&timelines->given));
}

/* A device that has no more timelines than queues. */
static void timelines_of_queues_only(struct kunit *test)
{
	struct dmashare_timelines *timelines = make_timelines(test, 4, 4);
	u32 i;

	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, dmashare_timeline_get(timelines, i % 4), i % 4);
	KUNIT_EXPECT_TRUE(test, ida_is_empty(&timelines->given));
}

static struct kunit_case timeline_cases[] = {
	KUNIT_CASE(timelines_run_out),
	KUNIT_CASE(timelines_of_queues_only),
	{ }
};

static struct kunit_suite timeline_suite = {
	.name = "dmashare_timeline",
	.test_cases = timeline_cases,
};

kunit_test_suites(&status_suite, &job_suite, &slot_suite, &timeline_suite);
