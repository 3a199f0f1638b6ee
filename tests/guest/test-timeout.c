// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job that takes longer than the driver allows: its fence fails with
 * ETIMEDOUT, the device is reset, and everything that existed goes on working
 * on the same bytes. The module is loaded anew with a short limit for this.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"

#define PAGE		4096u
#define ONES		0x0101010101010101ull
#define LIMIT_MS	400
#define FOR_EVER	(3000 * SEC)

static int hang(int fd, uint32_t queue)
{
	struct drm_dmashare_job job = dms_job_noop(FOR_EVER);

	return dms_submit_fence(fd, queue, 0, &job, 1);
}

static void limit_is_set(void)
{
	ASSERT_EQ(module_parameter("dmashare", "job_timeout_ms", -1), LIMIT_MS);
}

static void fence_fails(void)
{
	int fd = dms_open(), fence = hang(fd, 0);

	ASSERT(fence_pending(fence));
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
}

static void result_tells(void)
{
	int fd = dms_open();
	struct drm_dmashare_job job = dms_job_noop(FOR_EVER);
	struct drm_dmashare_job_result r;

	job.flags = DRM_DMASHARE_JOB_WANT_RESULT;
	dms_submit(fd, 0, 0, &job, 1);
	r = dms_result(fd, job.id);
	ASSERT_EQ(r.error, ETIMEDOUT);
	ASSERT_EQ(r.status, DRM_DMASHARE_STATUS_NOT_RUN);
	ASSERT_EQ(r.result, 0);
}

/* A job that takes most of the limit is not harmed. */
static void within_the_limit(void)
{
	struct drm_dmashare_job job = dms_job_noop(LIMIT_MS / 8 * MSEC);
	int fd = dms_open();

	ASSERT_EQ(dms_run(fd, &job, 1), 0);
}

static void next_job_succeeds(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 4 * PAGE, "after");
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(fence_finish(hang(fd, 0)), ETIMEDOUT);
		dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, i * ONES));
		ASSERT(all_bytes(bo.map, bo.size, i));
	}
}

/* Buffers, imports and their bytes are what they were. */
static void buffers_survive(void)
{
	int fd = dms_open(), i;
	struct foreign f[N_EXPORTERS];
	struct bo there[N_EXPORTERS];
	struct bo ours = dms_create_mapped(fd, 8 * PAGE, "ours");
	struct bo never_used = dms_create_mapped(fd, PAGE, "never used");
	uint32_t id = ours.id;

	pattern_fill(ours.map, ours.size, 1);
	ASSERT_EQ(dms_crc(fd, &ours, 0, ours.size), crc32c(ours.map, ours.size));
	for (i = 0; i < N_EXPORTERS; i++) {
		f[i] = exporters[i].create(8 * PAGE);
		there[i] = dms_import(fd, f[i].dmabuf);
		pattern_fill(f[i].map, f[i].size, 10 + i);
	}
	ASSERT_EQ(fence_finish(hang(fd, 0)), ETIMEDOUT);
	ASSERT_EQ(dms_info(fd, ours.handle).buffer, id);
	ASSERT(pattern_check(ours.map, ours.size, 1));
	ASSERT_EQ(dms_crc(fd, &ours, 0, ours.size), crc32c(ours.map, ours.size));
	for (i = 0; i < N_EXPORTERS; i++) {
		ASSERT_EQ(dms_crc(fd, &there[i], 0, f[i].size), crc32c(f[i].map, f[i].size));
		dms_run_ok(fd, dms_job_copy(&there[i], 0, &ours, 0, ours.size));
		ASSERT(pattern_check(f[i].map, f[i].size, 1));
	}
	dms_run_ok(fd, dms_job_fill(&never_used, 0, PAGE, ONES));
	ASSERT(all_bytes(never_used.map, PAGE, 1));
}

/* What is not on the device yet runs when the hung job is gone. */
static void queued_jobs_run(void)
{
	int fd = dms_open(), other = dms_open(), hung, fence;
	struct bo bo = dms_create_mapped(fd, PAGE, "queued");
	struct bo there = dms_create_mapped(other, PAGE, "other file");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	struct drm_dmashare_job second = dms_job_fill(&there, 0, PAGE, 2 * ONES);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	struct hold h = hold_sync_file(&s.in_fence_fd);

	hung = hang(fd, 0);
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	fence = s.out_fence_fd;
	ASSERT_OK(dms_try_submit(other, &s, &second, 1));
	ASSERT_EQ(fence_finish(hung), ETIMEDOUT);
	ASSERT(fence_pending(fence));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(fence_finish(s.out_fence_fd), 0);
	ASSERT(all_bytes(bo.map, PAGE, 1));
	ASSERT(all_bytes(there.map, PAGE, 2));
}

/* What is on the device behind the hung job is taken by the reset. */
static void reset_takes_the_others(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, PAGE, "behind");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(FOR_EVER),
		dms_job_fill(&bo, 0, PAGE, ONES),
	};
	struct drm_dmashare_job_result r;

	jobs[1].flags = DRM_DMASHARE_JOB_WANT_RESULT;
	ASSERT_EQ(dms_run(fd, jobs, 2), ECANCELED);
	r = dms_result(fd, jobs[1].id);
	ASSERT_EQ(r.error, ECANCELED);
	ASSERT_EQ(r.status, DRM_DMASHARE_STATUS_NOT_RUN);
	ASSERT(all_bytes(bo.map, PAGE, 0));
}

/* poll() and CPU access of a buffer of the hung job come back. */
static void buffer_is_released(void)
{
	int fd = dms_open(), dmabuf;
	struct bo bo = dms_create_mapped(fd, PAGE, "hung");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(FOR_EVER),
		dms_job_fill(&bo, 0, PAGE, ONES),
	};

	dmabuf = dms_export(fd, bo.handle);
	dms_submit(fd, 0, 0, jobs, 2);
	ASSERT_EQ(poll_now(dmabuf, POLLIN), 0);
	poll_until(dmabuf, POLLIN | POLLOUT);
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
}

static void every_queue(void)
{
	int fd = dms_open();
	uint64_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct drm_dmashare_job noop = dms_job_noop(0);

	for (q = 0; q < n; q++) {
		ASSERT_EQ(fence_finish(hang(fd, q)), ETIMEDOUT);
		ASSERT_EQ(fence_finish(dms_submit_fence(fd, q, 0, &noop, 1)), 0);
	}
}

static void every_queue_at_once(void)
{
	int fd = dms_open(), fence[DMASHARE_MAX_JOB_QUEUES], err;
	uint64_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct drm_dmashare_job noop = dms_job_noop(0);

	for (q = 0; q < n; q++)
		fence[q] = hang(fd, q);
	for (q = 0; q < n; q++) {
		/* One is found out first; a reset takes the others with it. */
		err = fence_finish(fence[q]);
		ASSERT_MSG(err == ETIMEDOUT || err == ECANCELED, "queue %llu: %s",
			   (unsigned long long)q, strerror(err));
	}
	for (q = 0; q < n; q++)
		ASSERT_EQ(fence_finish(dms_submit_fence(fd, q, 0, &noop, 1)), 0);
}

/* Closing the file with a hung job leaves nothing. */
static void file_closed_meanwhile(void)
{
	int watch = dms_open(), fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "left");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(FOR_EVER),
		dms_job_fill(&bo, 0, PAGE, ONES),
	};
	struct dmashare_ledger now;
	int fence = dms_submit_fence(fd, 0, 0, jobs, 2);

	close(fd);
	fence_finish(fence);
	/* Counted from zero: the reset began a new ledger. */
	memset(&now, 0, sizeof(now));
	ledger_wait_gone(watch, &now);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(limit_is_set),
	KTAP_CASE(fence_fails),
	KTAP_CASE(result_tells),
	KTAP_CASE(within_the_limit),
	KTAP_CASE(next_job_succeeds),
	KTAP_CASE(buffers_survive),
	KTAP_CASE(queued_jobs_run),
	KTAP_CASE(reset_takes_the_others),
	KTAP_CASE(buffer_is_released),
	KTAP_CASE(every_queue),
	KTAP_CASE(every_queue_at_once),
	KTAP_CASE(file_closed_meanwhile),
};

int main(int argc, char **argv)
{
	char options[40];

	snprintf(options, sizeof(options), "job_timeout_ms=%d", LIMIT_MS);
	return module_ktap_main_with(options, argc, argv, cases, ARRAY_SIZE(cases));
}
