// SPDX-License-Identifier: GPL-2.0-or-later
/* SUBMIT and JOB_RESULT: what they refuse, and what becomes of a result. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"

#define PAGE	4096u

/* A file with two buffers and a job for each op, all of which are fine. */
struct setup {
	int fd;
	struct bo a, b;
	struct drm_dmashare_job noop, copy, fill, crc;
};

static struct setup setup(void)
{
	struct setup s = { .fd = dms_open() };

	s.a = dms_create_mapped(s.fd, 4 * PAGE, "a");
	s.b = dms_create_mapped(s.fd, 4 * PAGE, "b");
	s.noop = dms_job_noop(0);
	s.copy = dms_job_copy(&s.b, 0, &s.a, 0, PAGE);
	s.fill = dms_job_fill(&s.b, 0, PAGE, 0);
	s.crc = dms_job_crc(&s.a, 0, PAGE);
	return s;
}

static int try_one(struct setup *s, struct drm_dmashare_job job)
{
	struct drm_dmashare_submit sub = { 0 };

	return dms_try_submit(s->fd, &sub, &job, 1);
}

#define REFUSED(s, err, from, ...)					\
	do {								\
		struct drm_dmashare_job job_ = (from);			\
		struct drm_dmashare_job *j = &job_;			\
		__VA_ARGS__;						\
		ASSERT_ERRNO(try_one(&(s), *j), err);			\
	} while (0)

static void every_op(void)
{
	struct setup s = setup();

	ASSERT_OK(try_one(&s, s.noop));
	ASSERT_OK(try_one(&s, s.copy));
	ASSERT_OK(try_one(&s, s.fill));
	ASSERT_OK(try_one(&s, s.crc));
	ASSERT_EQ(dms_run(s.fd, &s.noop, 1), 0);
}

static void ids_are_unique(void)
{
	struct drm_dmashare_job jobs[64];
	struct setup s = setup();
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i] = s.noop;
	dms_submit(s.fd, 0, 0, jobs, 32);
	dms_submit(s.fd, 0, 0, jobs + 32, 32);
	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		ASSERT_NE(jobs[i].id, 0);
		for (j = 0; j < i; j++)
			ASSERT_NE(jobs[i].id, jobs[j].id);
	}
}

static void every_queue(void)
{
	struct setup s = setup();
	uint64_t q, n = dms_param(s.fd, DRM_DMASHARE_PARAM_NUM_QUEUES);

	for (q = 0; q < n; q++) {
		struct drm_dmashare_job job = dms_job_fill(&s.a, 0, PAGE, q + 1);

		ASSERT_EQ(fence_finish(dms_submit_fence(s.fd, q, 0, &job, 1)), 0);
		ASSERT_EQ(*(uint64_t *)s.a.map, q + 1);
	}
}

static void no_such_queue(void)
{
	struct setup s = setup();
	struct drm_dmashare_submit sub = {
		.queue = dms_param(s.fd, DRM_DMASHARE_PARAM_NUM_QUEUES),
	};

	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
	sub.queue = UINT32_MAX;
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
}

static void job_counts(void)
{
	struct drm_dmashare_job *jobs = calloc(DRM_DMASHARE_SUBMIT_MAX_JOBS + 1,
					       sizeof(*jobs));
	struct drm_dmashare_submit sub = { 0 };
	struct setup s = setup();

	ASSERT(jobs);
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, jobs, 0), EINVAL);
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, jobs, DRM_DMASHARE_SUBMIT_MAX_JOBS + 1), EINVAL);
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, jobs, UINT32_MAX), EINVAL);
	ASSERT_EQ(dms_run(s.fd, jobs, DRM_DMASHARE_SUBMIT_MAX_JOBS), 0);
}

static void sync_counts(void)
{
	struct drm_dmashare_sync *syncs = calloc(DRM_DMASHARE_SUBMIT_MAX_SYNCS + 1,
						 sizeof(*syncs));
	struct drm_dmashare_submit sub = { .in_syncs = (uintptr_t)syncs };
	struct setup s = setup();

	ASSERT(syncs);
	sub.n_in_syncs = DRM_DMASHARE_SUBMIT_MAX_SYNCS + 1;
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
	sub.n_in_syncs = 0;
	sub.out_syncs = (uintptr_t)syncs;
	sub.n_out_syncs = DRM_DMASHARE_SUBMIT_MAX_SYNCS + 1;
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
	sub.n_out_syncs = UINT32_MAX;
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
}

static void bad_pointers(void)
{
	struct drm_dmashare_submit sub = { .n_jobs = 1, .jobs = 8 };
	struct setup s = setup();

	ASSERT_ERRNO(drmIoctl(s.fd, DRM_IOCTL_DMASHARE_SUBMIT, &sub), EFAULT);
	sub.jobs = 0;
	ASSERT_ERRNO(drmIoctl(s.fd, DRM_IOCTL_DMASHARE_SUBMIT, &sub), EFAULT);
	sub = (struct drm_dmashare_submit){ .n_in_syncs = 1, .in_syncs = 8 };
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EFAULT);
	sub = (struct drm_dmashare_submit){ .n_out_syncs = 1, .out_syncs = 8 };
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EFAULT);
}

static void unknown_bits(void)
{
	struct setup s = setup();
	struct drm_dmashare_submit sub = { .flags = 1 << 3 };
	unsigned int bit;

	for (bit = 3; bit < 32; bit++) {
		sub.flags = 1u << bit;
		ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
	}
	for (bit = 1; bit < 32; bit++)
		REFUSED(s, EINVAL, s.noop, j->flags = 1u << bit);
	REFUSED(s, EINVAL, s.noop, j->op = DRM_DMASHARE_OP_DOWNLOAD + 1);
	REFUSED(s, EINVAL, s.noop, j->op = UINT32_MAX);
}

static void padding(void)
{
	struct setup s = setup();
	struct drm_dmashare_submit sub = { .pad = 1 };

	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
	REFUSED(s, EINVAL, s.noop, j->pad = 1);
	REFUSED(s, EINVAL, s.copy, j->src.pad = 1);
	REFUSED(s, EINVAL, s.copy, j->dst.pad = 1);
}

static void operands_missing(void)
{
	struct setup s = setup();

	REFUSED(s, EINVAL, s.copy, j->src.handle = 0);
	REFUSED(s, EINVAL, s.copy, j->dst.handle = 0);
	REFUSED(s, EINVAL, s.fill, j->dst.handle = 0);
	REFUSED(s, EINVAL, s.crc, j->src.handle = 0);
}

static void operands_not_wanted(void)
{
	struct setup s = setup();

	REFUSED(s, EINVAL, s.noop, j->src.handle = s.a.handle);
	REFUSED(s, EINVAL, s.noop, j->dst.handle = s.a.handle);
	REFUSED(s, EINVAL, s.noop, j->src.offset = 8);
	REFUSED(s, EINVAL, s.fill, j->src.handle = s.a.handle);
	REFUSED(s, EINVAL, s.crc, j->dst.handle = s.b.handle);
	REFUSED(s, EINVAL, s.crc, j->dst.pitch = 8);
}

static void no_such_handle(void)
{
	struct setup s = setup();

	REFUSED(s, ENOENT, s.copy, j->src.handle = 9999);
	REFUSED(s, ENOENT, s.copy, j->dst.handle = 9999);
	ASSERT_OK(dms_try_close(s.fd, s.b.handle));
	REFUSED(s, ENOENT, s.fill, (void)j);
}

/* Each of them one byte, or far, past the end of a buffer of four pages. */
static void past_the_end(void)
{
	struct setup s = setup();

	ASSERT_OK(try_one(&s, dms_job_crc(&s.a, 3 * PAGE, PAGE)));
	REFUSED(s, EINVAL, s.crc, j->src.offset = 3 * PAGE + 1);
	REFUSED(s, EINVAL, s.crc, j->length = 4 * PAGE + 1);
	REFUSED(s, EINVAL, s.crc, j->src.offset = 4 * PAGE, j->length = 1);
	REFUSED(s, EINVAL, s.crc, j->src.offset = UINT64_MAX);
	REFUSED(s, EINVAL, s.crc, j->length = UINT64_MAX);
	REFUSED(s, EINVAL, s.crc, j->src.offset = UINT64_MAX - PAGE + 2);
	REFUSED(s, EINVAL, s.copy, j->dst.offset = 3 * PAGE + 1);
	REFUSED(s, EINVAL, s.copy, j->src.offset = 1ull << 63, j->length = 1ull << 63);
	REFUSED(s, EINVAL, s.fill, j->dst.offset = 1ull << 40);
}

/* The last row's last byte decides, not the last row's pitch. */
static void rows_past_the_end(void)
{
	struct setup s = setup();
	struct drm_dmashare_job job = s.crc;

	job.rows = 4;
	job.length = 16;
	job.src.pitch = PAGE;
	job.src.offset = PAGE - 16;
	ASSERT_OK(try_one(&s, job));
	REFUSED(s, EINVAL, job, j->src.offset = PAGE - 15);
	REFUSED(s, EINVAL, job, j->rows = 5);
	REFUSED(s, EINVAL, job, j->rows = UINT32_MAX);
	REFUSED(s, EINVAL, job, j->src.pitch = PAGE + 1);
	REFUSED(s, EINVAL, job, j->src.pitch = UINT64_MAX / 3);
	REFUSED(s, EINVAL, job, j->src.pitch = 1ull << 63);
}

static void all_or_none(void)
{
	struct setup s = setup();
	struct drm_dmashare_job jobs[3] = {
		dms_job_fill(&s.a, 0, PAGE, 0x1111111111111111),
		dms_job_fill(&s.b, 0, PAGE, 0x2222222222222222),
		dms_job_fill(&s.b, 4 * PAGE, PAGE, 0x3333333333333333),
	};
	struct drm_dmashare_submit sub = { 0 };

	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, jobs, 3), EINVAL);
	/* What comes after on the same queue finds the buffers untouched. */
	ASSERT_EQ(dms_run(s.fd, &s.noop, 1), 0);
	ASSERT(all_bytes(s.a.map, s.a.size, 0));
	ASSERT(all_bytes(s.b.map, s.b.size, 0));
}

static void in_fence_errors(void)
{
	struct setup s = setup();
	struct drm_dmashare_submit sub = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE,
		.in_fence_fd = -1,
	};

	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EBADF);
	sub.in_fence_fd = 1000;
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EBADF);
	/* A file, but not a sync_file. */
	sub.in_fence_fd = s.fd;
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), EINVAL);
}

static void result_of_each_op(void)
{
	struct setup s = setup();
	struct drm_dmashare_job jobs[4] = { s.noop, s.fill, s.copy, s.crc };
	struct drm_dmashare_job_result r;
	unsigned int i;

	pattern_fill(s.a.map, s.a.size, 1);
	for (i = 0; i < 4; i++)
		jobs[i].flags = DRM_DMASHARE_JOB_WANT_RESULT;
	dms_submit(s.fd, 0, 0, jobs, 4);
	for (i = 0; i < 4; i++) {
		r = dms_result(s.fd, jobs[i].id);
		ASSERT_EQ(r.status, DMASHARE_STATUS_OK);
		ASSERT_EQ(r.error, 0);
		ASSERT_EQ(r.detail, 0);
		ASSERT_EQ(r.result, i == 3 ? crc32c(s.a.map, PAGE) : 0);
	}
}

static void result_is_read_once(void)
{
	struct setup s = setup();
	struct drm_dmashare_job_result r;

	dms_submit(s.fd, 0, 0, &s.crc, 1);
	dms_result(s.fd, s.crc.id);
	ASSERT_ERRNO(dms_try_result(s.fd, s.crc.id, 0, &r), ENOENT);
}

static void result_not_wanted(void)
{
	struct setup s = setup();
	struct drm_dmashare_job_result r;

	ASSERT_EQ(dms_run(s.fd, &s.noop, 1), 0);
	ASSERT_ERRNO(dms_try_result(s.fd, s.noop.id, 0, &r), ENOENT);
	ASSERT_ERRNO(dms_try_result(s.fd, 0, 0, &r), ENOENT);
	ASSERT_ERRNO(dms_try_result(s.fd, UINT64_MAX, -1, &r), ENOENT);
}

static void result_belongs_to_a_file(void)
{
	struct setup s = setup();
	struct drm_dmashare_job_result r;
	int other = dms_open();

	dms_submit(s.fd, 0, 0, &s.crc, 1);
	ASSERT_ERRNO(dms_try_result(other, s.crc.id, SOON_NS, &r), ENOENT);
	dms_result(s.fd, s.crc.id);
}

static void result_timeouts(void)
{
	struct setup s = setup();
	struct drm_dmashare_submit sub = { .flags = DRM_DMASHARE_SUBMIT_IN_FENCE };
	struct drm_dmashare_job_result r;
	struct hold h = hold_sync_file(&sub.in_fence_fd);

	ASSERT_OK(dms_try_submit(s.fd, &sub, &s.crc, 1));
	ASSERT_ERRNO(dms_try_result(s.fd, s.crc.id, 0, &r), ETIME);
	ASSERT_ERRNO(dms_try_result(s.fd, s.crc.id, 20 * MSEC, &r), ETIME);
	ASSERT(fence_pending(sub.in_fence_fd));
	hold_release(&h);
	/* Asking too early did not lose it. */
	ASSERT_OK(dms_try_result(s.fd, s.crc.id, -1, &r));
	ASSERT_EQ(r.status, DMASHARE_STATUS_OK);
	ASSERT_EQ(r.result, crc32c(s.a.map, PAGE));
}

struct wait_arg {
	int fd;
	uint64_t id;
	struct drm_dmashare_job_result r;
};

static void wait_for_ever(void *data)
{
	struct wait_arg *w = data;

	ASSERT_OK(dms_try_result(w->fd, w->id, -1, &w->r));
}

static void wait_once(void *data)
{
	struct wait_arg *w = data;

	w->r = (struct drm_dmashare_job_result){ .id = w->id, .timeout_ns = -1 };
	ASSERT_REFUSED("JOB_RESULT", ioctl(w->fd, DRM_IOCTL_DMASHARE_JOB_RESULT, &w->r), EINTR);
}

/* Somebody waits for the result of a job that is held. */
struct waiting {
	struct setup s;
	struct hold hold;
	struct blocker b;
	struct wait_arg arg;
};

static void start_waiting(struct waiting *w, void (*how)(void *data))
{
	struct drm_dmashare_submit sub = { .flags = DRM_DMASHARE_SUBMIT_IN_FENCE };

	w->s = setup();
	w->hold = hold_sync_file(&sub.in_fence_fd);
	ASSERT_OK(dms_try_submit(w->s.fd, &sub, &w->s.crc, 1));
	w->arg = (struct wait_arg){ .fd = w->s.fd, .id = w->s.crc.id };
	blocker_start(&w->b, how, &w->arg);
	ASSERT_MSG(blocker_sleeps(&w->b), "the result of a job that waits is there already");
}

static void result_wait_blocks(void)
{
	struct waiting w;

	start_waiting(&w, wait_for_ever);
	hold_release(&w.hold);
	blocker_join(&w.b);
	ASSERT_EQ(w.arg.r.result, crc32c(w.s.a.map, PAGE));
}

static void result_wait_is_interrupted(void)
{
	struct waiting w;

	start_waiting(&w, wait_once);
	blocker_interrupt(&w.b);
	blocker_join(&w.b);
	hold_release(&w.hold);
	/* It was not lost. */
	ASSERT_EQ(dms_result(w.s.fd, w.s.crc.id).result, crc32c(w.s.a.map, PAGE));
}

static void too_many_results(void)
{
	struct drm_dmashare_job jobs[DRM_DMASHARE_SUBMIT_MAX_JOBS];
	struct drm_dmashare_submit sub = { 0 };
	struct setup s = setup();
	unsigned int i, n;
	uint64_t first = 0;

	s.noop.flags = DRM_DMASHARE_JOB_WANT_RESULT;
	for (n = 0; n < DRM_DMASHARE_MAX_RESULTS; n += ARRAY_SIZE(jobs)) {
		for (i = 0; i < ARRAY_SIZE(jobs); i++)
			jobs[i] = s.noop;
		dms_submit(s.fd, 0, 0, jobs, ARRAY_SIZE(jobs));
		if (!first)
			first = jobs[0].id;
	}
	ASSERT_REFUSED("SUBMIT", dms_try_submit(s.fd, &sub, &s.noop, 1), ENOSPC);
	/* One that keeps nothing still passes, and one read makes room for one. */
	s.fill.flags = 0;
	ASSERT_OK(try_one(&s, s.fill));
	dms_result(s.fd, first);
	ASSERT_OK(dms_try_submit(s.fd, &sub, &s.noop, 1));
	ASSERT_ERRNO(dms_try_submit(s.fd, &sub, &s.noop, 1), ENOSPC);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(every_op),
	KTAP_CASE(ids_are_unique),
	KTAP_CASE(every_queue),
	KTAP_CASE(no_such_queue),
	KTAP_CASE(job_counts),
	KTAP_CASE(sync_counts),
	KTAP_CASE(bad_pointers),
	KTAP_CASE(unknown_bits),
	KTAP_CASE(padding),
	KTAP_CASE(operands_missing),
	KTAP_CASE(operands_not_wanted),
	KTAP_CASE(no_such_handle),
	KTAP_CASE(past_the_end),
	KTAP_CASE(rows_past_the_end),
	KTAP_CASE(all_or_none),
	KTAP_CASE(in_fence_errors),
	KTAP_CASE(result_of_each_op),
	KTAP_CASE(result_is_read_once),
	KTAP_CASE(result_not_wanted),
	KTAP_CASE(result_belongs_to_a_file),
	KTAP_CASE(result_timeouts),
	KTAP_CASE(result_wait_blocks),
	KTAP_CASE(result_wait_is_interrupted),
	KTAP_CASE(too_many_results),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
