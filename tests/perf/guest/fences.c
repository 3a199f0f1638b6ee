// SPDX-License-Identifier: GPL-2.0-or-later
/* From a submit, or a signal, to whoever waits for the fence. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "figures.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/sw-sync.h"
#include "sample.h"
#include "trigger.h"
#include "waiters.h"

#define BATCH		64
#define WAITERS		1000

struct fences {
	int fd;
	struct trigger trigger;
	struct waiters waiters;
};

/* Submits @n empty jobs and waits for the last one. */
static uint64_t submit_and_wait(int fd, unsigned int n)
{
	struct drm_dmashare_submit s = { .flags = DRM_DMASHARE_SUBMIT_OUT_FENCE };
	struct drm_dmashare_job jobs[BATCH];
	struct pollfd p = { .events = POLLIN };
	uint64_t begin, end;
	unsigned int i;

	for (i = 0; i < n; i++)
		jobs[i] = dms_job_noop(0);

	begin = now_ns();
	ASSERT_OK(dms_try_submit(fd, &s, jobs, n));
	p.fd = s.out_fence_fd;
	ASSERT_EQ(poll(&p, 1, SOON_MS), 1);
	end = now_ns();

	ASSERT_EQ(fence_info(s.out_fence_fd).status, 1);
	close(s.out_fence_fd);
	return end - begin;
}

static uint64_t one_job(void *arg)
{
	return submit_and_wait(((struct fences *)arg)->fd, 1);
}

static uint64_t one_of_a_batch(void *arg)
{
	return submit_and_wait(((struct fences *)arg)->fd, BATCH) / BATCH;
}

/* What wakes whoever waits for @fence is the trigger. */
static uint64_t fire(struct fences *f, int fence)
{
	uint64_t begin;

	waiters_sleep(&f->waiters, fence);
	begin = now_ns();
	trigger_fire(&f->trigger);
	return waiters_woken(&f->waiters) - begin;
}

static uint64_t no_device(void *arg)
{
	struct fences *f = arg;
	int fence = trigger_arm(&f->trigger);
	uint64_t took = fire(f, fence);

	close(fence);
	return took;
}

/* The waiters' fence is that of an empty job, which waits for the trigger's. */
static uint64_t by_a_job(void *arg)
{
	struct fences *f = arg;
	int in = trigger_arm(&f->trigger);
	int out = dms_submit_after(f->fd, 0, 0, in, dms_job_noop(0));
	uint64_t took = fire(f, out);

	ASSERT_EQ(fence_info(out).status, 1);
	close(out);
	close(in);
	return took;
}

void take_submit_wake(void)
{
	struct fences f = { .fd = dms_open(), .trigger = trigger_vgem() };

	waiters_start(&f.waiters, 1);
	figure_take(&(struct figure){
		.name = "submit-wake",
		.measured = one_job,
		.floor = no_device,
		.arg = &f,
		.rounds = 500,
		.warm_up = 50,
	});
}

void take_submit_batch(void)
{
	struct fences f = { .fd = dms_open() };

	figure_take(&(struct figure){
		.name = "submit-batch",
		.measured = one_of_a_batch,
		.floor = one_job,
		.arg = &f,
		.rounds = 200,
		.warm_up = 20,
	});
}

void take_fence_waiters(void)
{
	struct fences f = { .fd = dms_open() };

	f.trigger = sw_there() ? trigger_sw_sync() : trigger_vgem();
	waiters_start(&f.waiters, WAITERS);
	figure_take(&(struct figure){
		.name = "fence-waiters",
		.measured = by_a_job,
		.floor = no_device,
		.arg = &f,
		.rounds = 20,
		.warm_up = 3,
		.note = sw_there() ? "a job that waits for a fence of sw_sync, beside that fence" :
			"this kernel has no sw_sync: a job that waits for a fence of vgem, "
			"beside that fence",
	});
}
