// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thousand fences whose work is over and which signal when, and how, somebody
 * outside says so: whoever looks, by poll(), by a sync_file, by a syncobj or by
 * JOB_RESULT, sees the one that was commanded and no other.
 *
 *   test-held [fences=N] [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/host.h"
#include "lib/json.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/vgem_drm.h"

#define PAGE		4096u
#define MANY		1000
/* Longer than the case may take. */
#define LONG		"'watchdog': 3600000000000"

/**
 * struct one - a job whose fence is held
 * @fd: whose it is
 * @bo: what it has filled, mapped
 * @dmabuf: of the buffer
 * @fence: its out-fence, a sync_file
 * @syncobj: with the same fence
 * @id: of the job
 * @error: what it will end with
 */
struct one {
	int fd;
	struct bo bo;
	int dmabuf, fence;
	uint32_t syncobj;
	uint64_t id;
	int error;
};

static struct one ones[MANY];
static struct ctl_fence order[MANY];
static unsigned int n_ones;
/* How many that shall be. */
static unsigned int many = MANY;

/* A generator of its own: the same order in every run. */
static uint32_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 32;
}

/* Nothing is held that an earlier case left. */
static void start(void)
{
	ctl_calm(0);
	host_forget_events();
}

static uint64_t word_of(unsigned int i)
{
	return 0x0101010101010101ull * (i % 251 + 1) + i;
}

static void submit_one(struct one *o, int fd, uint32_t queue)
{
	struct drm_dmashare_sync out = { 0 };
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_syncs = (uintptr_t)&out,
		.n_out_syncs = 1,
		.queue = queue,
	};
	struct drm_dmashare_job job;

	o->fd = fd;
	o->bo = dms_create_mapped(fd, PAGE, "held");
	o->dmabuf = dms_export(fd, o->bo.handle);
	o->syncobj = out.handle = syncobj(fd);
	job = dms_job_fill(&o->bo, 0, PAGE, word_of(o - ones));
	job.flags |= DRM_DMASHARE_JOB_WANT_RESULT;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	o->fence = s.out_fence_fd;
	o->id = job.id;
}

/*
 * As many held fences as files times queues, each on a timeline of its own;
 * @order has them in the order of ones[].
 */
static void hold_many(unsigned int files, unsigned int queues)
{
	static struct ctl_fence found[MANY];
	struct rlimit limit = { .rlim_cur = 16384, .rlim_max = 16384 };
	unsigned int i, k, q;

	start();
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &limit));
	n_ones = files * queues;
	ASSERT(n_ones <= MANY);
	ctl_hold(0, "'count': %u, " LONG, n_ones);
	for (i = 0; i < files; i++) {
		int fd = dms_open();

		for (q = 0; q < queues; q++)
			submit_one(&ones[i * queues + q], fd, q);
	}
	ctl_wait_held(0, n_ones);
	ASSERT_EQ(ctl_fences(0, found, n_ones), n_ones);
	for (i = 0; i < n_ones; i++) {
		for (k = 0; k < n_ones && ones[k].bo.id != found[i].buffer; k++)
			;
		ASSERT(k < n_ones && found[i].held);
		order[k] = found[i];
		/* The work is over, and nobody is told. */
		ASSERT_EQ(*(uint64_t *)ones[k].bo.map, word_of(k));
	}
	for (i = 0; i < n_ones; i++)
		for (k = i + 1; k < n_ones && k < i + 8; k++)
			ASSERT(order[i].timeline != order[k].timeline);
}

/* Which one comes when, and one in four fails, with one errno or another. */
static void shuffle(unsigned int *turn)
{
	static const int errors[] = {
		EIO, ENOMEM, EFAULT, ENODEV, EINVAL, ENOSPC, ETIME, ETIMEDOUT, ECANCELED, EPERM,
	};
	unsigned int i, k, swap;

	for (i = 0; i < n_ones; i++) {
		turn[i] = i;
		ones[i].error = i % 4 ? 0 : errors[next_random() % ARRAY_SIZE(errors)];
		order[i].error = ones[i].error;
		order[i].action = ones[i].error ? "fail" : i % 2 ? "release" : "signal";
	}
	for (i = n_ones - 1; i; i--) {
		k = next_random() % (i + 1);
		swap = turn[i];
		turn[i] = turn[k];
		turn[k] = swap;
	}
}

static bool filled(const uint8_t *map, uint64_t word)
{
	const uint64_t *w = (const uint64_t *)map;
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(word); i++)
		if (w[i] != word)
			return false;
	return true;
}

/* All who can be asked agree that it is not over. */
static void check_pending(const struct one *o)
{
	struct drm_dmashare_job_result r;
	uint32_t handle = o->syncobj;

	ASSERT(fence_pending(o->fence));
	ASSERT_EQ(poll_now(o->fence, POLLIN), 0);
	ASSERT_EQ(poll_now(o->dmabuf, POLLIN), 0);
	ASSERT_EQ(drmSyncobjWait(o->fd, &handle, 1, 0, 0, NULL), -ETIME);
	ASSERT_ERRNO(dms_try_result(o->fd, o->id, 0, &r), ETIME);
}

/* And that it is, and how it ended. */
static void check_over(const struct one *o)
{
	struct drm_dmashare_job_result r;
	struct fence_info info = fence_info(o->fence);
	uint32_t handle = o->syncobj;
	int file;

	ASSERT_EQ(info.status, o->error ? -o->error : 1);
	ASSERT_EQ(info.first.status, o->error ? -o->error : 1);
	ASSERT_EQ(poll_now(o->fence, POLLIN), POLLIN);
	ASSERT_EQ(poll_now(o->dmabuf, POLLIN), POLLIN);
	ASSERT_EQ(poll_now(o->dmabuf, POLLOUT), POLLOUT);
	ASSERT_EQ(drmSyncobjWait(o->fd, &handle, 1, 0, 0, NULL), 0);
	ASSERT_OK(drmSyncobjExportSyncFile(o->fd, o->syncobj, &file));
	ASSERT_EQ(fence_finish(file), o->error);
	/* What the job did is another thing than what its fence says. */
	ASSERT_OK(dms_try_result(o->fd, o->id, 0, &r));
	ASSERT_EQ(r.error, o->error);
	ASSERT_EQ(r.status, o->error ? DMASHARE_STATUS_COMMANDED : DMASHARE_STATUS_OK);
	ASSERT(filled(o->bo.map, word_of(o - ones)));
}

static int watch_all(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned int i;

	ASSERT_OK(epoll);
	for (i = 0; i < n_ones; i++) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };

		e.data.u32 = 2 * i;
		ASSERT_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, ones[i].fence, &e));
		e.data.u32 = 2 * i + 1;
		ASSERT_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, ones[i].dmabuf, &e));
	}
	return epoll;
}

/* Both files of that one say so, and no other's. */
static void expect_one(int epoll, unsigned int i)
{
	struct epoll_event e[8];
	unsigned int seen = 0;
	int k, n;

	while (seen != 3) {
		n = epoll_wait(epoll, e, ARRAY_SIZE(e), SOON_MS);
		ASSERT_MSG(n > 0, "fence %u was told to signal and does not", i);
		for (k = 0; k < n; k++) {
			ASSERT_MSG(e[k].data.u32 / 2 == i, "fence %u signalled, not %u",
				   e[k].data.u32 / 2, i);
			seen |= 1 << e[k].data.u32 % 2;
		}
	}
	ASSERT_EQ(epoll_wait(epoll, e, ARRAY_SIZE(e), 0), 0);
}

static void one_by_one(void)
{
	static unsigned int turn[MANY];
	unsigned int i;
	int epoll;

	hold_many(many / 4, 4);
	shuffle(turn);
	epoll = watch_all();
	for (i = 0; i < n_ones; i++) {
		const struct one *o = &ones[turn[i]];

		ctl_batch(0, &order[turn[i]], 1);
		expect_one(epoll, turn[i]);
		check_over(o);
		if (i + 1 < n_ones)
			check_pending(&ones[turn[i + 1 + next_random() % (n_ones - i - 1)]]);
	}
	ASSERT_EQ(ctl_fences(0, NULL, 0), 0);
}

/* One command for all; what counts is when each fence says that it signalled. */
static void one_batch(void)
{
	static unsigned int turn[MANY];
	static struct ctl_fence batch[MANY];
	uint64_t last = 0, now;
	unsigned int i;

	/* One queue: completions of several are read queue by queue. */
	hold_many(many, 1);
	shuffle(turn);
	for (i = 0; i < n_ones; i++)
		batch[i] = order[turn[i]];
	ctl_batch(0, batch, n_ones);
	for (i = 0; i < n_ones; i++) {
		const struct one *o = &ones[turn[i]];

		poll_until(o->fence, POLLIN);
		now = fence_info(o->fence).first.timestamp_ns;
		ASSERT_MSG(now > last, "fence %u of the batch signalled at %llu, the one before at %llu",
			   i, (unsigned long long)now, (unsigned long long)last);
		last = now;
	}
	for (i = 0; i < n_ones; i++)
		check_over(&ones[i]);
	ASSERT_EQ(ctl_fences(0, NULL, 0), 0);
}

/* What holds catch. ------------------------------------------------------- */

/* A small set: one file each, all on queue 0; nothing is held by this. */
static void submit_few(unsigned int first, unsigned int n)
{
	unsigned int i;

	for (i = first; i < first + n; i++)
		submit_one(&ones[i], dms_open(), 0);
	n_ones = first + n;
}

/* The timeline of the file's jobs on queue 0, found by holding one. */
static struct ctl_fence probe_timeline(int fd)
{
	struct bo bo = dms_create(fd, PAGE, "probe");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, 1);
	struct ctl_fence f;
	uint32_t hold;
	int fence;

	hold = ctl_hold(0, "'count': 1, " LONG);
	fence = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_wait_held(0, 1);
	f = ctl_fence_of(0, bo.id);
	ASSERT_EQ(f.hold, hold);
	ASSERT_EQ(ctl_release(0, "'hold': %u", hold), 1);
	ASSERT_EQ(fence_finish(fence), 0);
	dms_destroy(&bo);
	return f;
}

/* Waits until the fence of the buffer's job is held. */
static struct ctl_fence wait_held(const struct bo *bo)
{
	time_t end = time(NULL) + SOON_MS / 1000;
	struct ctl_fence f;

	while (!(f = ctl_fence_of(0, bo->id)).held) {
		ASSERT_MSG(time(NULL) < end, "the fence is not held");
		sched_yield();
	}
	return f;
}

static void next_ones(void)
{
	unsigned int i;
	uint32_t hold;

	start();
	hold = ctl_hold(0, "'count': 3, " LONG);
	submit_few(0, 5);
	for (i = 3; i < 5; i++) {
		ASSERT_EQ(fence_wait(ones[i].fence), 0);
		check_over(&ones[i]);
	}
	ctl_wait_held(0, 3);
	for (i = 0; i < 3; i++)
		check_pending(&ones[i]);
	ASSERT_EQ(ctl_release(0, "'hold': %u", hold), 3);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(fence_wait(ones[i].fence), 0);
		check_over(&ones[i]);
	}
}

static void whole_timeline(void)
{
	int fd = dms_open();
	unsigned int i;
	uint32_t hold;

	start();
	hold = ctl_hold(0, "'timeline': %u, " LONG, probe_timeline(fd).timeline);
	for (i = 0; i < 3; i++)
		submit_one(&ones[i], fd, 0);
	submit_few(3, 2);
	for (i = 3; i < 5; i++)
		ASSERT_EQ(fence_wait(ones[i].fence), 0);
	ctl_wait_held(0, 3);
	for (i = 0; i < 3; i++)
		check_pending(&ones[i]);
	ASSERT_EQ(ctl_release(0, "'hold': %u", hold), 3);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(fence_wait(ones[i].fence), 0);
	/* It holds no more. */
	submit_one(&ones[0], fd, 0);
	ASSERT_EQ(fence_wait(ones[0].fence), 0);
}

/* A fence that does not exist yet, by its number; what is behind it waits. */
static void one_to_come(void)
{
	int fd = dms_open();
	struct ctl_fence f;
	unsigned int i;

	start();
	f = probe_timeline(fd);
	ctl_hold(0, "'timeline': %u, 'seqno': %llu, " LONG, f.timeline,
		 (unsigned long long)f.seqno + 2);
	for (i = 0; i < 3; i++)
		submit_one(&ones[i], fd, 0);
	ASSERT_EQ(fence_wait(ones[0].fence), 0);
	ctl_wait_pending(0, 2);
	f = wait_held(&ones[1].bo);
	check_pending(&ones[1]);
	check_pending(&ones[2]);
	ASSERT_EQ(ctl_fence_of(0, ones[2].bo.id).hold, CTL_NONE);
	ones[1].error = ENOSPC;
	ctl_act(0, f, "fail", ENOSPC);
	ASSERT_EQ(fence_wait(ones[1].fence), ENOSPC);
	ASSERT_EQ(fence_wait(ones[2].fence), 0);
	for (i = 0; i < 3; i++)
		check_over(&ones[i]);
}

/* On one timeline what is commanded for the second waits for the first. */
static void in_the_timelines_order(void)
{
	int fd = dms_open();
	struct ctl_fence f[3];
	unsigned int i;

	start();
	ctl_hold(0, "'count': 3, " LONG);
	for (i = 0; i < 3; i++)
		submit_one(&ones[i], fd, 0);
	ctl_wait_held(0, 3);
	for (i = 0; i < 3; i++)
		f[i] = ctl_fence_of(0, ones[i].bo.id);
	ones[1].error = ETIME;
	ctl_act(0, f[1], "fail", ETIME);
	for (i = 0; i < 3; i++)
		check_pending(&ones[i]);
	ctl_act(0, f[0], "release", 0);
	ASSERT_EQ(fence_wait(ones[1].fence), ETIME);
	check_over(&ones[0]);
	check_over(&ones[1]);
	check_pending(&ones[2]);
	ctl_act(0, f[2], "signal", 0);
	ASSERT_EQ(fence_wait(ones[2].fence), 0);
	check_over(&ones[2]);
}

/* A device that says "done" and was not: the bytes are not there. */
static void signalled_before_it_is_done(void)
{
	int busy = dms_open(), fd = dms_open(), long_fence;
	struct drm_dmashare_job noop = dms_job_noop(3000 * SEC);
	struct ctl_fence f[4];

	start();
	long_fence = dms_submit_fence(busy, 0, 0, &noop, 1);
	submit_one(&ones[0], fd, 0);
	ctl_wait_pending(0, 2);
	check_pending(&ones[0]);
	ctl_act(0, ctl_fence_of(0, ones[0].bo.id), "signal", 0);
	ASSERT_EQ(fence_wait(ones[0].fence), 0);
	ASSERT(all_bytes(ones[0].bo.map, PAGE, 0));
	ASSERT_EQ(dms_result(fd, ones[0].id).status, DMASHARE_STATUS_OK);
	/* The one on the engine as well, with an error; and the queue goes on. */
	ASSERT(fence_pending(long_fence));
	ASSERT_EQ(ctl_fences(0, f, 4), 1);
	ctl_act(0, f[0], "fail", EFAULT);
	ASSERT_EQ(fence_finish(long_fence), EFAULT);
	submit_one(&ones[0], fd, 0);
	ASSERT_EQ(fence_wait(ones[0].fence), 0);
	check_over(&ones[0]);
}

/* Held for longer than allowed: the watchdog lets it go. */
static void watchdog(void)
{
	const char *event;
	uint32_t hold;

	start();
	hold = ctl_hold(0, "'count': 1, 'watchdog': 100000000");
	submit_few(0, 1);
	event = ctl_event(0, "DMASHARE_FENCE_HELD");
	ASSERT_EQ(json_member_number(event, "hold"), hold);
	ones[0].error = ETIMEDOUT;
	ASSERT_EQ(fence_wait(ones[0].fence), ETIMEDOUT);
	event = ctl_event(0, "DMASHARE_WATCHDOG");
	ASSERT_EQ(json_member_number(event, "hold"), hold);
	ASSERT_EQ(dms_result(ones[0].fd, ones[0].id).error, ETIMEDOUT);
	submit_few(0, 1);
	ones[0].error = 0;
	ASSERT_EQ(fence_wait(ones[0].fence), 0);
	check_over(&ones[0]);
}

/* Who waits for a held fence. ---------------------------------------------- */

/* The second device's job reads what the first one's is writing. */
static void second_device_waits(void)
{
	int other = dms_open_nth(1), fence;
	struct bo there, out = dms_create_mapped(other, PAGE, "out");
	struct drm_dmashare_job job;
	unsigned int i;

	start();
	for (i = 0; i < 2; i++) {
		ctl_hold(0, "'count': 1, " LONG);
		submit_few(0, 1);
		ctl_wait_held(0, 1);
		there = dms_import(other, ones[0].dmabuf);
		job = dms_job_copy(&out, 0, &there, 0, PAGE);
		memset(out.map, 0, PAGE);
		fence = dms_submit_fence(other, 0, 0, &job, 1);
		/* What it waits for is decided in the kernel, before it returns. */
		ASSERT_EQ(ctl_fences(1, NULL, 0), 0);
		ASSERT(fence_pending(fence));
		/* One that failed is over, too. */
		ones[0].error = i ? EIO : 0;
		ctl_act(0, ctl_fence_of(0, ones[0].bo.id), i ? "fail" : "release", ones[0].error);
		ASSERT_EQ(fence_finish(fence), 0);
		ASSERT(filled(out.map, word_of(0)));
		check_over(&ones[0]);
		ASSERT_OK(dms_try_close(other, there.handle));
	}
}

/* vgem's fence cannot be added beside a writer's. */
static void vgem_waits(void)
{
	struct drm_vgem_fence_attach a = { .flags = VGEM_FENCE_WRITE };
	struct drm_vgem_fence_signal s = { 0 };
	int vgem = vgem_open();

	start();
	ctl_hold(0, "'count': 1, " LONG);
	submit_few(0, 1);
	ctl_wait_held(0, 1);
	ASSERT_OK(drmPrimeFDToHandle(vgem, ones[0].dmabuf, &a.handle));
	ASSERT_ERRNO(drmIoctl(vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &a), EBUSY);
	ctl_act(0, ctl_fence_of(0, ones[0].bo.id), "release", 0);
	ASSERT_EQ(fence_wait(ones[0].fence), 0);
	ASSERT_OK(drmIoctl(vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &a));
	s.fence = a.out_fence;
	ASSERT_OK(drmIoctl(vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &s));
	ASSERT_OK(drmCloseBufferHandle(vgem, a.handle));
}

struct cpu_access {
	int dmabuf, error;
};

static void begin_access(void *arg)
{
	struct cpu_access *a = arg;

	a->error = dmabuf_sync(a->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW) ? errno : 0;
}

/* A program that wants to read what a job of ours writes to a foreign buffer. */
static void program_waits_of(struct foreign f)
{
	int fd = dms_open(), fence;
	struct bo there = dms_import(fd, f.dmabuf);
	struct drm_dmashare_job job = dms_job_fill(&there, 0, PAGE, word_of(1));
	struct cpu_access a = { .dmabuf = f.dmabuf };
	struct blocker b;

	start();
	ctl_hold(0, "'count': 1, " LONG);
	fence = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_wait_held(0, 1);
	ASSERT_EQ(poll_now(f.dmabuf, POLLIN), 0);
	blocker_start(&b, begin_access, &a);
	ASSERT(blocker_sleeps(&b));
	ctl_act(0, ctl_fence_of(0, there.id), "release", 0);
	blocker_join(&b);
	ASSERT_EQ(a.error, 0);
	ASSERT(filled(f.map, word_of(1)));
	ASSERT_OK(dmabuf_sync(f.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_OK(dms_try_close(fd, there.handle));
	foreign_destroy(&f);
}

static void program_waits(void)
{
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++)
		program_waits_of(exporters[i].create(PAGE));
}

/* A display or encoder: a merged sync_file waits for the last of all. */
static void merged(void)
{
	int all;

	start();
	ctl_hold(0, "'count': 2, " LONG);
	submit_few(0, 2);
	ctl_wait_held(0, 2);
	all = fence_merge(ones[0].fence, ones[1].fence);
	ctl_act(0, ctl_fence_of(0, ones[1].bo.id), "fail", ENOMEM);
	ASSERT_EQ(fence_wait(ones[1].fence), ENOMEM);
	ASSERT_EQ(poll_now(all, POLLIN), 0);
	ctl_act(0, ctl_fence_of(0, ones[0].bo.id), "release", 0);
	ASSERT_EQ(fence_wait(all), ENOMEM);
}

/* Its process is killed; the device keeps what it holds, and then lets go. */
static void process_killed(void)
{
	enum { N = 8 };
	int watch = dms_open(), ready[2], status;
	struct dmashare_ledger before = ledger_get(watch, 0);
	char byte;
	pid_t pid;

	start();
	ctl_hold(0, "'count': %u, " LONG, N);
	ASSERT_OK(pipe(ready));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		submit_few(0, N);
		ASSERT_EQ(write(ready[1], "", 1), 1);
		for (;;)
			pause();
	}
	ASSERT_EQ(read(ready[0], &byte, 1), 1);
	ctl_wait_held(0, N);
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(ctl_fences(0, NULL, 0), N);
	ASSERT_EQ(ctl_release(0, "'order': 'reverse'"), N);
	ledger_wait_gone(watch, &before);
}

/* The device is reset: what it held fails with what the reset took. */
static void device_reset(void)
{
	unsigned int i;

	start();
	ctl_hold(0, "'count': 4, " LONG);
	submit_few(0, 4);
	ctl_wait_held(0, 4);
	device_write(ones[0].fd, "reset", "1");
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(fence_wait(ones[i].fence), ECANCELED);
		poll_until(ones[i].dmabuf, POLLIN | POLLOUT);
		ASSERT_EQ(dms_result(ones[i].fd, ones[i].id).status,
			  DRM_DMASHARE_STATUS_NOT_RUN);
	}
	ASSERT_EQ(ctl_fences(0, NULL, 0), 0);
	submit_few(0, 4);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(fence_wait(ones[i].fence), 0);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW_COVERS(one_by_one, 200, "hold:user hold.order:user"),
	KTAP_SLOW_COVERS(one_batch, 200, "hold:user hold.order:user"),
	KTAP_COVERS(next_ones, "hold:user"),
	KTAP_COVERS(whole_timeline, "hold:user"),
	KTAP_COVERS(one_to_come, "hold:user"),
	KTAP_COVERS(in_the_timelines_order, "hold:user hold.order:user"),
	KTAP_COVERS(signalled_before_it_is_done, "hold:user"),
	KTAP_COVERS(watchdog, "hold:user"),
	KTAP_COVERS(second_device_waits, "hold:dmashare"),
	KTAP_COVERS(vgem_waits, "hold:vgem"),
	KTAP_COVERS(program_waits, "hold:vgem hold:udmabuf hold:system-heap"),
	KTAP_COVERS(merged, "hold:user"),
	KTAP_COVERS(process_killed, "hold:user"),
	KTAP_COVERS(device_reset, "hold:user"),
};

int main(int argc, char **argv)
{
	int status;

	if (argc > 1 && sscanf(argv[1], "fences=%u", &many) == 1) {
		if (many < 4 || many > MANY) {
			fprintf(stderr, "fences= is from 4 to %u\n", MANY);
			return 2;
		}
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	status = ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
	start();
	return status;
}
