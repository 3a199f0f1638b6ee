// SPDX-License-Identifier: GPL-2.0-or-later
/* Explicit fences: sync_files and syncobjs, binary and timeline, in and out. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

static int try_wait(int fd, uint32_t handle, int64_t until)
{
	return drmSyncobjWait(fd, &handle, 1, until, 0, NULL);
}

static int try_point(int fd, uint32_t handle, uint64_t point, int64_t until, uint32_t flags)
{
	return drmSyncobjTimelineWait(fd, &handle, &point, 1, until, flags, NULL);
}

/* Submits one job with syncs; what is 0 is not used. */
static int try_synced(int fd, uint32_t queue, struct drm_dmashare_job job,
		      struct drm_dmashare_sync in, struct drm_dmashare_sync out)
{
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = DRM_DMASHARE_SUBMIT_NO_IMPLICIT,
		.in_syncs = (uintptr_t)&in,
		.out_syncs = (uintptr_t)&out,
		.n_in_syncs = in.handle != 0,
		.n_out_syncs = out.handle != 0,
	};

	return dms_try_submit(fd, &s, &job, 1);
}

#define NO_SYNC		((struct drm_dmashare_sync){ 0 })
#define BINARY(h)	((struct drm_dmashare_sync){ .handle = (h) })
#define POINT(h, p)	((struct drm_dmashare_sync){ .handle = (h), .point = (p) })

static int held_job(int fd, struct hold *h, uint32_t out, uint64_t point)
{
	struct drm_dmashare_sync sync = { .handle = out, .point = point };
	struct drm_dmashare_job job = dms_job_noop(0);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_syncs = (uintptr_t)&sync,
		.n_out_syncs = out != 0,
		.out_fence_fd = -1,
	};

	*h = hold_sync_file(&s.in_fence_fd);
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	close(s.in_fence_fd);
	return s.out_fence_fd;
}

static void sync_file_out(void)
{
	struct hold h;
	int fd = dms_open(), out = held_job(fd, &h, 0, 0);
	struct fence_info info = fence_info(out);

	ASSERT_EQ(info.status, 0);
	ASSERT_EQ(info.count, 1);
	ASSERT_MSG(!strcmp(info.first.driver_name, "dmashare") ||
		   !strcmp(info.first.driver_name, "drm_sched"), "driver %s",
		   info.first.driver_name);
	ASSERT_EQ(poll_now(out, POLLIN), 0);
	hold_release(&h);
	ASSERT_EQ(fence_wait(out), 0);
	info = fence_info(out);
	ASSERT_EQ(info.status, 1);
	ASSERT_NE(info.first.timestamp_ns, 0);
}

static void sync_file_in(void)
{
	struct hold h;
	int fd = dms_open(), first = held_job(fd, &h, 0, 0);
	struct bo bo = dms_create_mapped(fd, PAGE, "bo");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	struct drm_dmashare_submit s = {
		.queue = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1,
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.in_fence_fd = first,
	};

	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	ASSERT(fence_pending(s.out_fence_fd));
	ASSERT(all_bytes(bo.map, PAGE, 0));
	/* The job holds its in-fence itself. */
	close(first);
	hold_release(&h);
	ASSERT_EQ(fence_finish(s.out_fence_fd), 0);
	ASSERT(all_bytes(bo.map, PAGE, 1));
}

static void sync_file_merged(void)
{
	struct hold a, b;
	int fd = dms_open(), first = held_job(fd, &a, 0, 0), in, merged;
	struct drm_dmashare_job job = dms_job_noop(0);
	struct drm_dmashare_submit s = {
		.queue = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1,
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};

	b = hold_sync_file(&in);
	merged = fence_merge(first, in);
	ASSERT_EQ(fence_info(merged).count, 2);
	s.in_fence_fd = merged;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	hold_release(&a);
	ASSERT_EQ(fence_wait(first), 0);
	ASSERT(fence_pending(merged));
	ASSERT(fence_pending(s.out_fence_fd));
	hold_release(&b);
	ASSERT_EQ(fence_finish(s.out_fence_fd), 0);
	ASSERT_EQ(fence_finish(merged), 0);
}

static void binary_out(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd);
	struct hold h;
	int out = held_job(fd, &h, sync, 0);

	ASSERT_EQ(try_wait(fd, sync, 0), -ETIME);
	hold_release(&h);
	ASSERT_EQ(try_wait(fd, sync, soon()), 0);
	ASSERT_EQ(fence_finish(out), 0);
}

static void binary_in(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd), done = syncobj(fd);
	struct bo bo = dms_create_mapped(fd, PAGE, "bo");
	struct hold h;

	close(held_job(fd, &h, sync, 0));
	ASSERT_OK(try_synced(fd, dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1,
			     dms_job_fill(&bo, 0, PAGE, ONES), BINARY(sync), BINARY(done)));
	ASSERT_EQ(try_wait(fd, done, 0), -ETIME);
	ASSERT(all_bytes(bo.map, PAGE, 0));
	hold_release(&h);
	ASSERT_EQ(try_wait(fd, done, soon()), 0);
	ASSERT(all_bytes(bo.map, PAGE, 1));
}

/* The out-fence replaces what the syncobj had. */
static void binary_replaced(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd);
	struct hold h;

	ASSERT_OK(drmSyncobjSignal(fd, &sync, 1));
	ASSERT_EQ(try_wait(fd, sync, 0), 0);
	close(held_job(fd, &h, sync, 0));
	ASSERT_EQ(try_wait(fd, sync, 0), -ETIME);
	hold_release(&h);
	ASSERT_EQ(try_wait(fd, sync, soon()), 0);
}

static void timeline_out(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd);
	uint64_t value = 99;
	struct hold h;

	ASSERT_OK(try_synced(fd, 0, dms_job_noop(0), NO_SYNC, POINT(sync, 5)));
	ASSERT_EQ(try_point(fd, sync, 5, soon(), 0), 0);
	close(held_job(fd, &h, sync, 10));
	ASSERT_EQ(try_point(fd, sync, 5, 0, 0), 0);
	ASSERT_EQ(try_point(fd, sync, 6, 0, 0), -ETIME);
	ASSERT_EQ(try_point(fd, sync, 10, 0, 0), -ETIME);
	ASSERT_EQ(try_point(fd, sync, 11, 0, 0), -EINVAL);
	ASSERT_OK(drmSyncobjQuery(fd, &sync, &value, 1));
	ASSERT_EQ(value, 5);
	hold_release(&h);
	ASSERT_EQ(try_point(fd, sync, 10, soon(), 0), 0);
	ASSERT_OK(drmSyncobjQuery(fd, &sync, &value, 1));
	ASSERT_EQ(value, 10);
}

static void timeline_in(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd), done = syncobj(fd), last;
	struct bo bo = dms_create_mapped(fd, PAGE, "bo");
	struct hold h;

	last = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1;
	if (!last)
		SKIP("one job queue: its jobs run one after another");
	ASSERT_OK(try_synced(fd, 0, dms_job_noop(0), NO_SYNC, POINT(sync, 1)));
	close(held_job(fd, &h, sync, 2));
	/* Of the first point only: runs. Of the second: waits. */
	ASSERT_OK(try_synced(fd, last, dms_job_fill(&bo, 0, 8, 1), POINT(sync, 1),
			     POINT(done, 1)));
	ASSERT_EQ(try_point(fd, done, 1, soon(), 0), 0);
	ASSERT_OK(try_synced(fd, last, dms_job_fill(&bo, 0, 8, 2), POINT(sync, 2),
			     POINT(done, 2)));
	ASSERT_EQ(try_point(fd, done, 2, 0, 0), -ETIME);
	ASSERT_EQ(*(uint64_t *)bo.map, 1);
	hold_release(&h);
	ASSERT_EQ(try_point(fd, done, 2, soon(), 0), 0);
	ASSERT_EQ(*(uint64_t *)bo.map, 2);
}

/* Many in and many out in one submit: all of them are waited for, all signal. */
static void many_syncs(void)
{
	enum { N = 64 };
	struct drm_dmashare_sync in[N], out[N];
	struct drm_dmashare_job job = dms_job_noop(0);
	struct drm_dmashare_submit s = {
		.in_syncs = (uintptr_t)in,
		.out_syncs = (uintptr_t)out,
		.n_in_syncs = N,
		.n_out_syncs = N,
	};
	int fd = dms_open();
	struct hold h;
	unsigned int i;

	s.queue = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1;
	for (i = 0; i < N; i++) {
		in[i] = BINARY(syncobj(fd));
		out[i] = POINT(syncobj(fd), i % 3 ? i : 0);
		if (i != N - 1)
			ASSERT_OK(drmSyncobjSignal(fd, &in[i].handle, 1));
	}
	close(held_job(fd, &h, in[N - 1].handle, 0));
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	for (i = 0; i < N; i++)
		ASSERT_EQ(try_point(fd, out[i].handle, out[i].point, 0, 0), -ETIME);
	hold_release(&h);
	for (i = 0; i < N; i++)
		ASSERT_EQ(try_point(fd, out[i].handle, out[i].point, soon(), 0), 0);
}

static void wait_for_submit(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd);

	ASSERT_OK(try_synced(fd, 0, dms_job_noop(20 * MSEC), NO_SYNC, POINT(sync, 3)));
	ASSERT_EQ(try_point(fd, sync, 3, soon(), DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT), 0);
}

/* Of a list, the out-fence is the last job's. */
static void out_fence_is_the_last(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, PAGE, "bo");
	struct drm_dmashare_job jobs[3] = {
		dms_job_noop(0),
		dms_job_noop(30 * MSEC),
		dms_job_fill(&bo, 0, PAGE, ONES),
	};
	struct drm_dmashare_sync out = BINARY(syncobj(fd));
	struct drm_dmashare_submit s = { .out_syncs = (uintptr_t)&out, .n_out_syncs = 1 };

	ASSERT_OK(dms_try_submit(fd, &s, jobs, 3));
	ASSERT_EQ(try_wait(fd, out.handle, soon()), 0);
	ASSERT(all_bytes(bo.map, PAGE, 1));
}

static void errors(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd), empty = syncobj(fd);
	struct drm_dmashare_sync padded = { .handle = sync, .pad = 1 };
	struct drm_dmashare_job noop = dms_job_noop(0);

	ASSERT_OK(drmSyncobjSignal(fd, &sync, 1));
	ASSERT_OK(try_synced(fd, 0, noop, BINARY(sync), NO_SYNC));
	ASSERT_ERRNO(try_synced(fd, 0, noop, BINARY(4711), NO_SYNC), ENOENT);
	ASSERT_ERRNO(try_synced(fd, 0, noop, NO_SYNC, BINARY(4711)), ENOENT);
	ASSERT_ERRNO(try_synced(fd, 0, noop, padded, NO_SYNC), EINVAL);
	ASSERT_ERRNO(try_synced(fd, 0, noop, NO_SYNC, padded), EINVAL);
	/* A syncobj without a fence, a point that nobody will signal. */
	ASSERT_ERRNO(try_synced(fd, 0, noop, BINARY(empty), NO_SYNC), EINVAL);
	ASSERT_ERRNO(try_synced(fd, 0, noop, POINT(empty, 7), NO_SYNC), EINVAL);
	/* None of the refused ones signalled its out-sync. */
	ASSERT_ERRNO(try_synced(fd, 0, noop, BINARY(4711), BINARY(empty)), ENOENT);
	ASSERT_EQ(try_wait(fd, empty, 0), -EINVAL);
}

static void syncobj_to_sync_file(void)
{
	int fd = dms_open(), file = -1;
	uint32_t sync = syncobj(fd), again = syncobj(fd);
	struct hold h;

	close(held_job(fd, &h, sync, 0));
	ASSERT_OK(drmSyncobjExportSyncFile(fd, sync, &file));
	ASSERT(fence_pending(file));
	ASSERT_OK(drmSyncobjImportSyncFile(fd, again, file));
	ASSERT_EQ(try_wait(fd, again, 0), -ETIME);
	hold_release(&h);
	ASSERT_EQ(fence_finish(file), 0);
	ASSERT_EQ(try_wait(fd, again, soon()), 0);
}

/* Jobs of one queue finish in the order in which they were submitted. */
static void one_queue_in_order(void)
{
	enum { N = 40 };
	int fd = dms_open(), fence[N];
	unsigned int i, k;

	for (i = 0; i < N; i++) {
		struct drm_dmashare_job job = dms_job_noop(i % 4 ? 0 : MSEC);

		fence[i] = dms_submit_fence(fd, 0, 0, &job, 1);
	}
	for (i = N; i-- > 0; ) {
		ASSERT_EQ(fence_wait(fence[i]), 0);
		for (k = 0; k < i; k++)
			ASSERT_MSG(!fence_pending(fence[k]), "job %u done before job %u", i, k);
	}
}

/* A chain of fences across the queues: each job adds to what it finds. */
static void order_across_queues(void)
{
	enum { N = 60 };
	int fd = dms_open(), last = -1;
	uint64_t n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct bo bo = dms_create_mapped(fd, (N + 1) * 8, "bo");
	uint64_t *word = (uint64_t *)bo.map;
	unsigned int i;

	word[0] = 0x1234567890abcdef;
	for (i = 0; i < N; i++) {
		struct drm_dmashare_job job = dms_job_copy(&bo, 8 * (i + 1), &bo, 8 * i, 8);
		struct drm_dmashare_submit s = {
			.queue = i % n,
			.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE | DRM_DMASHARE_SUBMIT_NO_IMPLICIT,
			.in_fence_fd = last,
		};

		if (last >= 0)
			s.flags |= DRM_DMASHARE_SUBMIT_IN_FENCE;
		ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
		if (last >= 0)
			close(last);
		last = s.out_fence_fd;
	}
	ASSERT_EQ(fence_finish(last), 0);
	for (i = 0; i <= N; i++)
		ASSERT_EQ(word[i], 0x1234567890abcdef);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(sync_file_out),
	KTAP_CASE(sync_file_in),
	KTAP_COVERS(sync_file_merged, "unwrap:user unwrap:vgem"),
	KTAP_CASE(binary_out),
	KTAP_CASE(binary_in),
	KTAP_CASE(binary_replaced),
	KTAP_COVERS(timeline_out, "timeline:user"),
	KTAP_COVERS(timeline_in, "timeline:user"),
	KTAP_COVERS(many_syncs, "timeline:user"),
	KTAP_COVERS(wait_for_submit, "timeline:user"),
	KTAP_CASE(out_fence_is_the_last),
	KTAP_CASE(errors),
	KTAP_CASE(syncobj_to_sync_file),
	KTAP_CASE(one_queue_in_order),
	KTAP_CASE(order_across_queues),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
