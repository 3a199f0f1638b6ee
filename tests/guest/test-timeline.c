// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timeline syncobjs, whose points are links of a dma_fence_chain, with our jobs
 * as their fences; and what becomes of fences that are put together: merged
 * sync_files (dma_fence_array) and chains, unwrapped again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"

#define PAGE		4096u
#define NOWHERE		((void *)16)
#define MAX_FENCES	16

/* 0, or a negative errno as libdrm gives it here. */
static int wait_point(int fd, uint32_t handle, uint64_t point, int64_t until, uint32_t flags)
{
	return drmSyncobjTimelineWait(fd, &handle, &point, 1, until, flags, NULL);
}

static uint64_t query(int fd, uint32_t handle)
{
	uint64_t value = ~0ull;

	ASSERT_OK(drmSyncobjQuery(fd, &handle, &value, 1));
	return value;
}

/* The last point that was handed in, signalled or not. */
static uint64_t query_submitted(int fd, uint32_t handle)
{
	uint64_t value = ~0ull;

	ASSERT_OK(drmSyncobjQuery2(fd, &handle, &value, 1,
				   DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED));
	return value;
}

/*
 * A job on @queue that waits for @in (-1: for nothing) and signals point
 * @point of @out (0: none); its sync_file.
 */
static int job_after(int fd, uint32_t queue, int in, uint32_t out, uint64_t point)
{
	struct drm_dmashare_sync sync = { .handle = out, .point = point };
	struct drm_dmashare_job job = dms_job_noop(0);
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE |
			 (in >= 0 ? DRM_DMASHARE_SUBMIT_IN_FENCE : 0),
		.in_fence_fd = in >= 0 ? in : 0,
		.out_syncs = (uintptr_t)&sync,
		.n_out_syncs = out != 0,
		.out_fence_fd = -1,
	};

	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	return s.out_fence_fd;
}

static int held_job(int fd, uint32_t queue, struct hold *h, uint32_t out, uint64_t point)
{
	int in, fence;

	*h = hold_sync_file(&in);
	fence = job_after(fd, queue, in, out, point);
	close(in);
	return fence;
}

/* All that SYNC_IOC_FILE_INFO says. */
static struct sync_file_info all_info(int fd, struct sync_fence_info *fences)
{
	struct sync_file_info info = {
		.num_fences = MAX_FENCES,
		.sync_fence_info = (uintptr_t)fences,
	};

	memset(fences, 0, MAX_FENCES * sizeof(*fences));
	ASSERT_OK(ioctl(fd, SYNC_IOC_FILE_INFO, &info));
	return info;
}

static unsigned int count(int fence)
{
	struct sync_fence_info fences[MAX_FENCES];

	return all_info(fence, fences).num_fences;
}

/* -- timelines */

static void points_from_the_host(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd);
	uint64_t point = 3;

	ASSERT_EQ(query(fd, sync), 0);
	ASSERT_EQ(wait_point(fd, sync, 3, 0, 0), -EINVAL);
	ASSERT_OK(drmSyncobjTimelineSignal(fd, &sync, &point, 1));
	ASSERT_EQ(query(fd, sync), 3);
	ASSERT_EQ(wait_point(fd, sync, 1, 0, 0), 0);
	ASSERT_EQ(wait_point(fd, sync, 3, 0, 0), 0);
	ASSERT_EQ(wait_point(fd, sync, 4, 0, 0), -EINVAL);
	point = 1ull << 40;
	ASSERT_OK(drmSyncobjTimelineSignal(fd, &sync, &point, 1));
	ASSERT_EQ(query(fd, sync), 1ull << 40);
}

/* A point is not reached before those in front of it, whoever is done first. */
static void points_signal_in_order(void)
{
	struct hold h;
	int fd = dms_open(), first, second;
	uint32_t sync = syncobj(fd);

	first = held_job(fd, 0, &h, sync, 1);
	second = job_after(fd, 1, -1, sync, 2);
	ASSERT_EQ(fence_finish(second), 0);
	ASSERT_EQ(query(fd, sync), 0);
	ASSERT_EQ(query_submitted(fd, sync), 2);
	ASSERT_EQ(wait_point(fd, sync, 2, 0, 0), -ETIME);
	ASSERT_EQ(wait_point(fd, sync, 1, 0, 0), -ETIME);
	hold_release(&h);
	ASSERT_EQ(wait_point(fd, sync, 2, soon(), 0), 0);
	ASSERT_EQ(query(fd, sync), 2);
	ASSERT_EQ(fence_finish(first), 0);
}

static void a_point_in_between(void)
{
	struct hold a, b;
	int fd = dms_open();
	uint32_t sync = syncobj(fd);

	close(held_job(fd, 0, &a, sync, 10));
	close(held_job(fd, 1, &b, sync, 20));
	/* 15 is reached when 20 is: nobody else will signal it. */
	hold_release(&a);
	ASSERT_EQ(wait_point(fd, sync, 10, soon(), 0), 0);
	ASSERT_EQ(query(fd, sync), 10);
	ASSERT_EQ(wait_point(fd, sync, 15, 0, 0), -ETIME);
	hold_release(&b);
	ASSERT_EQ(wait_point(fd, sync, 15, soon(), 0), 0);
	ASSERT_EQ(query(fd, sync), 20);
}

/* Handed in backwards: both are waited for, and the value does not fall. */
static void points_out_of_order(void)
{
	struct hold a, b;
	int fd = dms_open(), five, three;
	uint32_t sync = syncobj(fd);

	five = held_job(fd, 0, &a, sync, 5);
	three = held_job(fd, 1, &b, sync, 3);
	ASSERT_EQ(query_submitted(fd, sync), 5);
	ASSERT_EQ(wait_point(fd, sync, 3, 0, 0), -ETIME);
	hold_release(&a);
	ASSERT_EQ(fence_finish(five), 0);
	ASSERT_EQ(wait_point(fd, sync, 5, 0, 0), -ETIME);
	hold_release(&b);
	ASSERT_EQ(fence_finish(three), 0);
	ASSERT_EQ(wait_point(fd, sync, 3, soon(), 0), 0);
	ASSERT_EQ(wait_point(fd, sync, 5, soon(), 0), 0);
	ASSERT_EQ(query(fd, sync), 5);
}

static void a_long_chain(void)
{
	enum { N = 100 };
	struct hold h;
	int fd = dms_open();
	uint32_t sync = syncobj(fd), i;

	close(held_job(fd, 0, &h, sync, 1));
	for (i = 2; i <= N; i++)
		close(job_after(fd, i & 1, -1, sync, i));
	ASSERT_EQ(query(fd, sync), 0);
	ASSERT_EQ(query_submitted(fd, sync), N);
	hold_release(&h);
	ASSERT_EQ(wait_point(fd, sync, N, soon(), 0), 0);
	ASSERT_EQ(query(fd, sync), N);
}

struct waiting {
	int fd;
	uint32_t sync, flags;
	uint64_t point;
	int result;
};

static void wait_call(void *data)
{
	struct waiting *w = data;

	w->result = wait_point(w->fd, w->sync, w->point, soon(), w->flags);
}

/* Waiting for a point that nobody has handed in yet. */
static void wait_before_submit(void)
{
	struct waiting w = {
		.fd = dms_open(),
		.point = 4,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
		.result = 1,
	};
	struct blocker b;
	struct hold h;

	w.sync = syncobj(w.fd);
	blocker_start(&b, wait_call, &w);
	ASSERT(blocker_sleeps(&b));
	close(held_job(w.fd, 0, &h, w.sync, 4));
	ASSERT(blocker_sleeps(&b));
	hold_release(&h);
	blocker_join(&b);
	ASSERT_EQ(w.result, 0);
}

/* Waiting only until there is a fence: the job itself may go on. */
static void wait_until_available(void)
{
	struct waiting w = {
		.fd = dms_open(),
		.point = 2,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT |
			 DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
		.result = 1,
	};
	struct blocker b;
	struct hold h;
	int fence;

	w.sync = syncobj(w.fd);
	blocker_start(&b, wait_call, &w);
	ASSERT(blocker_sleeps(&b));
	fence = held_job(w.fd, 0, &h, w.sync, 2);
	blocker_join(&b);
	ASSERT_EQ(w.result, 0);
	ASSERT(fence_pending(fence));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence), 0);
}

static void wait_for_any(void)
{
	struct hold h;
	int fd = dms_open();
	uint32_t sync[2] = { syncobj(fd), syncobj(fd) }, first = 99;
	uint64_t points[2] = { 1, 1 };

	close(held_job(fd, 0, &h, sync[0], 1));
	close(job_after(fd, 1, -1, sync[1], 1));
	ASSERT_EQ(drmSyncobjTimelineWait(fd, sync, points, 2, soon(), 0, &first), 0);
	ASSERT_EQ(first, 1);
	ASSERT_EQ(drmSyncobjTimelineWait(fd, sync, points, 2, 0,
					 DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL), -ETIME);
	hold_release(&h);
	ASSERT_EQ(drmSyncobjTimelineWait(fd, sync, points, 2, soon(),
					 DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL), 0);
}

static void transfers(void)
{
	struct hold h;
	int fd = dms_open(), fence;
	uint32_t binary = syncobj(fd), line = syncobj(fd), other = syncobj(fd);

	/* Binary to a point, the point on to another timeline, that to binary. */
	fence = held_job(fd, 0, &h, binary, 0);
	ASSERT_OK(drmSyncobjTransfer(fd, line, 7, binary, 0, 0));
	ASSERT_OK(drmSyncobjTransfer(fd, other, 70, line, 7, 0));
	ASSERT_OK(drmSyncobjReset(fd, &binary, 1));
	ASSERT_OK(drmSyncobjTransfer(fd, binary, 0, other, 70, 0));
	ASSERT_EQ(query(fd, line), 0);
	ASSERT_EQ(query_submitted(fd, other), 70);
	ASSERT_EQ(wait_point(fd, other, 70, 0, 0), -ETIME);
	ASSERT_EQ(wait_point(fd, binary, 0, 0, 0), -ETIME);
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(wait_point(fd, other, 70, soon(), 0), 0);
	ASSERT_EQ(wait_point(fd, binary, 0, soon(), 0), 0);
	ASSERT_EQ(query(fd, line), 7);
	ASSERT_EQ(query(fd, other), 70);
}

static void reset_begins_anew(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd);
	uint64_t point = 9;

	ASSERT_OK(drmSyncobjTimelineSignal(fd, &sync, &point, 1));
	ASSERT_EQ(query(fd, sync), 9);
	ASSERT_OK(drmSyncobjReset(fd, &sync, 1));
	ASSERT_EQ(query(fd, sync), 0);
	ASSERT_EQ(wait_point(fd, sync, 9, 0, 0), -EINVAL);
	close(job_after(fd, 0, -1, sync, 2));
	ASSERT_EQ(wait_point(fd, sync, 2, soon(), 0), 0);
	ASSERT_EQ(query(fd, sync), 2);
}

/* The syncobj itself, handed to another file of the device. */
static void shared_between_files(void)
{
	struct hold h;
	int a = dms_open(), b = dms_open(), obj;
	uint32_t ours = syncobj(a), theirs;

	ASSERT_OK(drmSyncobjHandleToFD(a, ours, &obj));
	ASSERT_OK(drmSyncobjFDToHandle(b, obj, &theirs));
	close(obj);
	close(held_job(a, 0, &h, ours, 6));
	ASSERT_EQ(wait_point(b, theirs, 6, 0, 0), -ETIME);
	hold_release(&h);
	ASSERT_EQ(wait_point(b, theirs, 6, soon(), 0), 0);
	/* And back: what the other signals, a job here waits for. */
	close(held_job(b, 1, &h, theirs, 8));
	ASSERT_OK(drmSyncobjDestroy(b, theirs));
	ASSERT_EQ(query_submitted(a, ours), 8);
	hold_release(&h);
	ASSERT_EQ(wait_point(a, ours, 8, soon(), 0), 0);
}

static void timeline_errors(void)
{
	int fd = dms_open();
	uint32_t sync = syncobj(fd), none = 4711;
	uint64_t point = 1, value;

	ASSERT_ERRNO(drmSyncobjCreate(fd, 0xf0, &none), EINVAL);
	none = 4711;
	ASSERT_ERRNO(drmSyncobjQuery(fd, &none, &value, 1), ENOENT);
	ASSERT_ERRNO(drmSyncobjTimelineSignal(fd, &none, &point, 1), ENOENT);
	ASSERT_ERRNO(drmSyncobjReset(fd, &none, 1), ENOENT);
	ASSERT_ERRNO(drmSyncobjTransfer(fd, sync, 1, none, 0, 0), ENOENT);
	ASSERT_ERRNO(drmSyncobjTransfer(fd, none, 1, sync, 0, 0), ENOENT);
	/* Without a fence there is nothing to transfer. */
	ASSERT_ERRNO(drmSyncobjTransfer(fd, syncobj(fd), 1, sync, 0, 0), EINVAL);
	ASSERT_ERRNO(drmSyncobjDestroy(fd, none), EINVAL);
	ASSERT_EQ(wait_point(fd, none, 1, 0, 0), -ENOENT);
	ASSERT_EQ(wait_point(fd, sync, 1, 0, 0x80), -EINVAL);
}

/* -- fences put together */

static void merge_of_two_queues(void)
{
	struct hold a, b;
	int fd = dms_open(), one, two, both;

	one = held_job(fd, 0, &a, 0, 0);
	two = held_job(fd, 1, &b, 0, 0);
	both = fence_merge(one, two);
	ASSERT_EQ(count(both), 2);
	hold_release(&a);
	ASSERT_EQ(fence_finish(one), 0);
	ASSERT(fence_pending(both));
	hold_release(&b);
	ASSERT_EQ(fence_finish(two), 0);
	ASSERT_EQ(fence_finish(both), 0);
}

/* Of one queue the later fence stands for both. */
static void merge_of_one_queue(void)
{
	struct hold h;
	int fd = dms_open(), one, two, both;
	struct sync_fence_info f[MAX_FENCES], last[MAX_FENCES];

	one = held_job(fd, 0, &h, 0, 0);
	two = job_after(fd, 0, -1, 0, 0);
	both = fence_merge(two, one);
	ASSERT_EQ(all_info(both, f).num_fences, 1);
	ASSERT_EQ(all_info(two, last).num_fences, 1);
	ASSERT(!strcmp(f[0].obj_name, last[0].obj_name));
	hold_release(&h);
	ASSERT_EQ(fence_finish(both), 0);
	ASSERT_EQ(fence_info(two).status, 1);
	ASSERT_EQ(fence_info(one).status, 1);
}

/* A merge of merges is flat, and names nobody twice. */
static void merge_of_merges(void)
{
	struct hold h[3];
	int fd = dms_open(), in[3], ab, bc, all, again, i;

	in[0] = held_job(fd, 0, &h[0], 0, 0);
	in[1] = held_job(fd, 1, &h[1], 0, 0);
	h[2] = hold_sync_file(&in[2]);
	ab = fence_merge(in[0], in[1]);
	bc = fence_merge(in[1], in[2]);
	all = fence_merge(ab, bc);
	again = fence_merge(all, ab);
	ASSERT_EQ(count(ab), 2);
	ASSERT_EQ(count(bc), 2);
	ASSERT_EQ(count(all), 3);
	ASSERT_EQ(count(again), 3);
	for (i = 0; i < 3; i++) {
		ASSERT(fence_pending(again));
		hold_release(&h[i]);
		ASSERT_EQ(fence_wait(in[i]), 0);
	}
	ASSERT_EQ(fence_finish(again), 0);
	ASSERT_EQ(fence_finish(all), 0);
	ASSERT_EQ(fence_info(ab).status, 1);
}

/* What has signalled is left out; of nothing but such, one is left. */
static void merge_drops_the_signalled(void)
{
	struct hold h;
	int fd = dms_open(), done, held, both, none;

	done = job_after(fd, 0, -1, 0, 0);
	ASSERT_EQ(fence_wait(done), 0);
	held = held_job(fd, 1, &h, 0, 0);
	both = fence_merge(done, held);
	ASSERT_EQ(count(both), 1);
	ASSERT(fence_pending(both));
	none = fence_merge(done, done);
	ASSERT_EQ(count(none), 1);
	ASSERT_EQ(fence_info(none).status, 1);
	hold_release(&h);
	ASSERT_EQ(fence_finish(both), 0);
}

static void names_of_fences(void)
{
	struct hold a, b;
	int fd = dms_open(), ours, theirs, both;
	struct sync_fence_info f[MAX_FENCES];
	struct sync_file_info info;
	unsigned int i, found = 0;

	ours = held_job(fd, 0, &a, 0, 0);
	b = hold_sync_file(&theirs);
	both = fence_merge(ours, theirs);
	info = all_info(both, f);
	ASSERT_MSG(!strcmp(info.name, "merged"), "named %s", info.name);
	ASSERT_EQ(info.num_fences, 2);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(f[i].status, 0);
		ASSERT_NE(f[i].obj_name[0], 0);
		found |= !strcmp(f[i].driver_name, "vgem") ? 1 : 0;
		found |= !strcmp(f[i].driver_name, "dmashare") ? 2 : 0;
		found |= !strcmp(f[i].driver_name, "drm_sched") ? 2 : 0;
	}
	ASSERT_EQ(found, 3);
	/* Of one fence the name is made of its driver's and its timeline's. */
	info = all_info(ours, f);
	ASSERT_MSG(!strncmp(info.name, f[0].driver_name, strlen(f[0].driver_name)),
		   "named %s", info.name);
	hold_release(&a);
	hold_release(&b);
	ASSERT_EQ(fence_finish(both), 0);
}

/* The job that failed is seen in the merge, whatever the others did. */
static void merge_keeps_the_error(void)
{
	struct hold h;
	int fd = dms_open(), bad, good, both;
	struct bo bo = dms_create(fd, PAGE, "overlap");
	/* Refused by the device: the operands overlap. */
	struct drm_dmashare_job job = dms_job_copy(&bo, 0, &bo, 8, 64);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	struct sync_fence_info f[MAX_FENCES];
	struct sync_file_info info;
	int in;

	h = hold_sync_file(&in);
	s.in_fence_fd = in;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	bad = s.out_fence_fd;
	good = job_after(fd, 1, in, 0, 0);
	both = fence_merge(good, bad);
	hold_release(&h);
	ASSERT_EQ(fence_wait(good), 0);
	ASSERT_EQ(fence_wait(bad), EINVAL);
	poll_until(both, POLLIN);
	info = all_info(both, f);
	ASSERT_EQ(info.num_fences, 2);
	ASSERT_EQ(info.status, (uint64_t)-EINVAL);
	ASSERT(f[0].status == -EINVAL || f[1].status == -EINVAL);
	ASSERT(f[0].status == 1 || f[1].status == 1);
}

static void sync_file_errors(void)
{
	struct hold h;
	int fd = dms_open(), held = held_job(fd, 0, &h, 0, 0), other, both, fence;
	struct hold h2 = hold_sync_file(&other);
	struct sync_fence_info f[MAX_FENCES];
	struct sync_merge_data m = { .name = "x", .fd2 = other };
	struct sync_file_info info;

	ASSERT_ERRNO(ioctl(held, SYNC_IOC_MERGE, NOWHERE), EFAULT);
	m.flags = 1;
	ASSERT_ERRNO(ioctl(held, SYNC_IOC_MERGE, &m), EINVAL);
	m.flags = 0;
	m.pad = 1;
	ASSERT_ERRNO(ioctl(held, SYNC_IOC_MERGE, &m), EINVAL);
	m.pad = 0;
	m.fd2 = fd;
	ASSERT_ERRNO(ioctl(held, SYNC_IOC_MERGE, &m), ENOENT);
	m.fd2 = -1;
	ASSERT_ERRNO(ioctl(held, SYNC_IOC_MERGE, &m), ENOENT);
	both = fence_merge(held, other);

	ASSERT_ERRNO(ioctl(both, SYNC_IOC_FILE_INFO, NOWHERE), EFAULT);
	info = (struct sync_file_info){ .flags = 1 };
	ASSERT_ERRNO(ioctl(both, SYNC_IOC_FILE_INFO, &info), EINVAL);
	info = (struct sync_file_info){ .pad = 1 };
	ASSERT_ERRNO(ioctl(both, SYNC_IOC_FILE_INFO, &info), EINVAL);
	/* Room for fewer than there are; then only the number asked for. */
	info = (struct sync_file_info){ .num_fences = 1, .sync_fence_info = (uintptr_t)f };
	ASSERT_ERRNO(ioctl(both, SYNC_IOC_FILE_INFO, &info), EINVAL);
	info = (struct sync_file_info){ .num_fences = 2, .sync_fence_info = 16 };
	ASSERT_ERRNO(ioctl(both, SYNC_IOC_FILE_INFO, &info), EFAULT);
	info = (struct sync_file_info){ 0 };
	ASSERT_OK(ioctl(both, SYNC_IOC_FILE_INFO, &info));
	ASSERT_EQ(info.num_fences, 2);
	ASSERT_EQ(info.status, 0);
	ASSERT_ERRNO(ioctl(both, _IO('>', 99)), ENOTTY);
	hold_release(&h);
	hold_release(&h2);
	fence = fence_finish(both);
	ASSERT_EQ(fence, 0);
}

/* A chain in a sync_file: each link's fence is told of. */
static void chain_in_a_sync_file(void)
{
	struct hold h[2];
	int fd = dms_open(), file, fence[2], merged;
	uint32_t line = syncobj(fd), binary = syncobj(fd);

	fence[0] = held_job(fd, 0, &h[0], line, 1);
	fence[1] = held_job(fd, 1, &h[1], line, 2);
	ASSERT_OK(drmSyncobjTransfer(fd, binary, 0, line, 2, 0));
	ASSERT_OK(drmSyncobjExportSyncFile(fd, binary, &file));
	ASSERT_EQ(count(file), 2);
	/* Merged with a fence that is in it already, nothing is added. */
	merged = fence_merge(file, fence[0]);
	ASSERT_EQ(count(merged), 2);
	hold_release(&h[1]);
	ASSERT_EQ(fence_finish(fence[1]), 0);
	ASSERT(fence_pending(file));
	ASSERT(fence_pending(merged));
	hold_release(&h[0]);
	ASSERT_EQ(fence_finish(fence[0]), 0);
	ASSERT_EQ(fence_finish(file), 0);
	ASSERT_EQ(fence_finish(merged), 0);
}

/* IMPORT_SYNC_FILE adds each fence of a merge and of a chain by itself. */
static void unwrapped_into_a_dmabuf(void)
{
	struct hold h[2];
	int fd = dms_open(), dmabuf, fence[2], file, chain;
	struct bo bo = dms_create(fd, PAGE, "unwrapped"), bo2;
	uint32_t line = syncobj(fd), binary = syncobj(fd);

	dmabuf = dms_export(fd, bo.handle);
	fence[0] = held_job(fd, 0, &h[0], line, 1);
	fence[1] = held_job(fd, 1, &h[1], line, 2);
	file = fence_merge(fence[0], fence[1]);
	dmabuf_add_fence(dmabuf, file, DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(bufinfo_fences(dmabuf, "write", "dmashare"), 2);
	ASSERT_EQ(count(dmabuf_fences(dmabuf, DMA_BUF_SYNC_READ)), 2);

	bo2 = dms_create(fd, PAGE, "unchained");
	chain = dms_export(fd, bo2.handle);
	ASSERT_OK(drmSyncobjTransfer(fd, binary, 0, line, 2, 0));
	ASSERT_OK(drmSyncobjExportSyncFile(fd, binary, &file));
	dmabuf_add_fence(chain, file, DMA_BUF_SYNC_READ);
	ASSERT_EQ(bufinfo_fences(chain, "read", "dmashare"), 2);
	hold_release(&h[0]);
	ASSERT_EQ(fence_finish(fence[0]), 0);
	ASSERT_EQ(poll_now(dmabuf, POLLIN), 0);
	hold_release(&h[1]);
	poll_until(dmabuf, POLLIN);
	poll_until(chain, POLLOUT);
}

/* A job waits for all of a chain, and for all of a merge. */
static void jobs_wait_for_all(void)
{
	struct hold h[2];
	int fd = dms_open(), fence[2], merged, file, by_merge, by_chain;
	uint32_t line = syncobj(fd), binary = syncobj(fd);

	fence[0] = held_job(fd, 0, &h[0], line, 1);
	fence[1] = held_job(fd, 0, &h[1], line, 2);
	merged = fence_merge(fence[0], fence[1]);
	ASSERT_OK(drmSyncobjTransfer(fd, binary, 0, line, 2, 0));
	ASSERT_OK(drmSyncobjExportSyncFile(fd, binary, &file));
	by_merge = job_after(fd, 1, merged, 0, 0);
	by_chain = job_after(fd, 1, file, 0, 0);
	hold_release(&h[0]);
	ASSERT_EQ(fence_finish(fence[0]), 0);
	ASSERT(fence_pending(by_merge));
	ASSERT(fence_pending(by_chain));
	hold_release(&h[1]);
	ASSERT_EQ(fence_finish(by_merge), 0);
	ASSERT_EQ(fence_finish(by_chain), 0);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(points_from_the_host, "timeline:user"),
	KTAP_COVERS(points_signal_in_order, "timeline:user chain:user"),
	KTAP_COVERS(a_point_in_between, "timeline:user chain:user"),
	KTAP_COVERS(points_out_of_order, "timeline:user chain:user"),
	KTAP_COVERS(a_long_chain, "timeline:user chain:user"),
	KTAP_COVERS(wait_before_submit, "timeline:user"),
	KTAP_COVERS(wait_until_available, "timeline:user"),
	KTAP_COVERS(wait_for_any, "timeline:user"),
	KTAP_COVERS(transfers, "timeline:user chain:user"),
	KTAP_COVERS(reset_begins_anew, "timeline:user"),
	KTAP_COVERS(shared_between_files, "timeline:user"),
	KTAP_COVERS(timeline_errors, "timeline:user"),
	KTAP_COVERS(merge_of_two_queues, "unwrap:user"),
	KTAP_COVERS(merge_of_one_queue, "unwrap:user"),
	KTAP_COVERS(merge_of_merges, "unwrap:user unwrap:vgem"),
	KTAP_COVERS(merge_drops_the_signalled, "unwrap:user"),
	KTAP_COVERS(names_of_fences, "unwrap:user unwrap:vgem"),
	KTAP_COVERS(merge_keeps_the_error, "unwrap:user"),
	KTAP_COVERS(sync_file_errors, "unwrap:user unwrap:vgem"),
	KTAP_COVERS(chain_in_a_sync_file, "chain:user unwrap:user"),
	KTAP_COVERS(unwrapped_into_a_dmabuf,
		    "chain:user unwrap:user sync-file.import:user sync-file.export:user"),
	KTAP_COVERS(jobs_wait_for_all, "chain:user unwrap:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
