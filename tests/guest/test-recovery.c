// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device reset from outside the driver, its link lost, its errors reported,
 * the system suspended, the driver unbound, each with everything under way: each
 * fence that was outstanding has failed, nobody waits for one any more, buffers
 * are what they were, and the next jobs succeed. In a VM with HOTPLUG=1, where
 * there is a root port that errors are reported to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/host.h"
#include "lib/hotplug.h"
#include "lib/json.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/sleep.h"

#define PAGE		4096u
#define ONES		0x0101010101010101ull
#define FOR_EVER	(3000 * SEC)
#define QUEUES		4
#define N_BUFFERS	4

/**
 * struct load - all that may be under way on a device
 * @fd: the device
 * @other: the second device, which has imported a buffer
 * @bo: buffers in both placements, with patterns
 * @dmabuf: of each
 * @there: the second device's, of the first buffer
 * @foreign: a buffer of vgem's
 * @imported: ours, of that
 * @busy: what a job of each queue is about to fill
 * @busy_dmabuf: of that
 * @running: the jobs' fences
 * @held: the fence of a job that is over, kept by a hold
 * @held_bo: what that job has filled
 * @waiting: of a job that waits for @hold
 * @in: what it waits for
 * @hold: signals @in
 * @waiting_bo: what it will fill
 */
struct load {
	int fd, other;
	struct bo bo[N_BUFFERS];
	int dmabuf[N_BUFFERS];
	struct bo there;
	struct foreign foreign;
	struct bo imported;
	struct bo busy;
	int busy_dmabuf;
	int running[QUEUES];
	int held;
	struct bo held_bo;
	int waiting, in;
	struct hold hold;
	struct bo waiting_bo;
};

static void begin(struct load *l)
{
	struct drm_dmashare_job job;
	unsigned int i;

	ctl_calm(0);
	host_forget_events();
	l->fd = hotplug_open();
	l->other = hotplug_open_second();
	for (i = 0; i < N_BUFFERS; i++) {
		l->bo[i] = dms_create_in(l->fd, 4 * PAGE, i % 2 ? LOCAL : SYSTEM, 0, "load");
		dms_map(&l->bo[i]);
		pattern_fill(l->bo[i].map, 4 * PAGE, i);
		l->dmabuf[i] = dms_export(l->fd, l->bo[i].handle);
		dms_crc(l->fd, &l->bo[i], 0, 4 * PAGE);
	}
	l->there = dms_import(l->other, l->dmabuf[0]);
	l->foreign = vgem_buffer(4 * PAGE);
	pattern_fill(l->foreign.map, 4 * PAGE, 50);
	l->imported = dms_import(l->fd, l->foreign.dmabuf);
	l->busy = dms_create_mapped(l->fd, QUEUES * PAGE, "busy");
	l->busy_dmabuf = dms_export(l->fd, l->busy.handle);
	l->held_bo = dms_create_mapped(l->fd, PAGE, "held");
	l->waiting_bo = dms_create_mapped(l->fd, PAGE, "waiting");
	/* The first queue's fence is held, behind which nothing runs for ever. */
	ctl_hold(0, "'count': 1, 'watchdog': 600000000000");
	job = dms_job_fill(&l->held_bo, 0, PAGE, ONES);
	l->held = dms_submit_fence(l->fd, 0, 0, &job, 1);
	ctl_wait_held(0, 1);
	for (i = 0; i < QUEUES; i++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(FOR_EVER),
			dms_job_fill(&l->busy, i * PAGE, PAGE, ONES),
		};

		l->running[i] = dms_submit_fence(l->fd, i, DRM_DMASHARE_SUBMIT_NO_IMPLICIT,
						 jobs, 2);
		dmabuf_add_fence(l->busy_dmabuf, l->running[i], DMA_BUF_SYNC_WRITE);
	}
	ctl_wait_pending(0, 1 + 2 * QUEUES);
	l->hold = hold_sync_file(&l->in);
	l->waiting = dms_submit_after(l->fd, 1, 0, l->in,
				      dms_job_fill(&l->waiting_bo, 0, PAGE, 2 * ONES));
	ASSERT_EQ(poll_now(l->busy_dmabuf, POLLIN), 0);
}

/* Whatever was on the device has failed with @err, and nobody waits for it. */
static void all_failed(struct load *l, int err)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(fence_finish(l->running[i]), err);
	ASSERT_EQ(fence_finish(l->held), err);
	poll_until(l->busy_dmabuf, POLLIN | POLLOUT);
	ASSERT_EQ(fence_info(dmabuf_fences(l->busy_dmabuf, DMA_BUF_SYNC_RW)).status, 1);
	ASSERT_OK(dmabuf_sync(l->busy_dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	ASSERT(all_bytes(l->busy.map, l->busy.size, 0));
	ASSERT_OK(dmabuf_sync(l->busy_dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT(all_bytes(l->held_bo.map, PAGE, 1));
}

/* What had not reached the device goes on, and buffers are what they were. */
static void all_goes_on(struct load *l)
{
	struct bo out = dms_create_mapped(l->other, 4 * PAGE, "out");
	unsigned int i;

	ASSERT(fence_pending(l->waiting));
	hold_release(&l->hold);
	ASSERT_EQ(fence_finish(l->waiting), 0);
	ASSERT(all_bytes(l->waiting_bo.map, PAGE, 2));
	for (i = 0; i < N_BUFFERS; i++) {
		ASSERT(pattern_check(l->bo[i].map, 4 * PAGE, i));
		ASSERT_EQ(dms_info(l->fd, l->bo[i].handle).placement, i % 2 ? LOCAL : SYSTEM);
		ASSERT_EQ(dms_crc(l->fd, &l->bo[i], 0, 4 * PAGE),
			  crc32c(l->bo[i].map, 4 * PAGE));
	}
	dms_run_ok(l->other, dms_job_copy(&out, 0, &l->there, 0, 4 * PAGE));
	ASSERT(pattern_check(out.map, 4 * PAGE, 0));
	ASSERT(pattern_check(l->foreign.map, 4 * PAGE, 50));
	dms_run_ok(l->fd, dms_job_copy(&l->imported, 0, &l->bo[1], 0, 4 * PAGE));
	ASSERT(pattern_check(l->foreign.map, 4 * PAGE, 1));
	for (i = 0; i < QUEUES; i++) {
		struct drm_dmashare_job job = dms_job_fill(&l->busy, i * PAGE, PAGE, 3 * ONES);

		ASSERT_EQ(fence_finish(dms_submit_fence(l->fd, i, 0, &job, 1)), 0);
	}
	ASSERT(all_bytes(l->busy.map, l->busy.size, 3));
	dms_move(&l->bo[2], LOCAL);
	ASSERT(pattern_check(l->bo[2].map, 4 * PAGE, 2));
	dms_destroy(&out);
}

/* Nothing is left over of it, counted from zero since the reset. */
static void end(struct load *l)
{
	struct dmashare_ledger zero;
	int watch = hotplug_open();
	unsigned int i;

	for (i = 0; i < N_BUFFERS; i++) {
		close(l->dmabuf[i]);
		dms_destroy(&l->bo[i]);
	}
	close(l->other);
	close(l->busy_dmabuf);
	close(l->in);
	dms_destroy(&l->busy);
	dms_destroy(&l->held_bo);
	dms_destroy(&l->waiting_bo);
	close(l->fd);
	foreign_destroy(&l->foreign);
	memset(&zero, 0, sizeof(zero));
	ledger_wait_gone(watch, &zero);
	close(watch);
	ctl_calm(0);
}

/* Somebody resets the function, by the kernel. */
static void function_reset(void)
{
	struct load l;
	unsigned int i;

	for (i = 0; i < rounds(3); i++) {
		begin(&l);
		device_write(l.fd, "reset", "1");
		all_failed(&l, ECANCELED);
		all_goes_on(&l);
		end(&l);
	}
}

/* Nobody asks the kernel: the driver has to find out. */
static void reset_behind_its_back(void)
{
	struct load l;

	begin(&l);
	ctl_pci_fault(0, "function-reset");
	all_failed(&l, EIO);
	all_goes_on(&l);
	end(&l);
}

/* Reads give all ones for a while, and nobody touches what is not there. */
static void link_lost(void)
{
	struct drm_dmashare_job noop = dms_job_noop(0);
	struct drm_dmashare_submit s = { .flags = DRM_DMASHARE_SUBMIT_OUT_FENCE };
	struct drm_dmashare_get_param time = { .param = DRM_DMASHARE_PARAM_DEVICE_TIME };
	struct load l;
	struct bo bo;

	begin(&l);
	ctl_pci_fault(0, "link-down");
	ASSERT(!json_is_true(json_member(ctl_device(0), "linked")));
	all_failed(&l, EIO);
	/* As long as it is away jobs fail, at once or soon. */
	if (!dms_try_submit(l.fd, &s, &noop, 1))
		ASSERT_EQ(fence_finish(s.out_fence_fd), EIO);
	else
		ASSERT_EQ(errno, EIO);
	ASSERT_REFUSED("any", dms_try_create(l.fd, PAGE, 0, "away", &bo), EIO);
	ASSERT_REFUSED("GET_PARAM", drmIoctl(l.fd, DRM_IOCTL_DMASHARE_GET_PARAM, &time), EIO);
	ctl_pci_fault(0, "link-up");
	device_write(l.fd, "reset", "1");
	all_goes_on(&l);
	end(&l);
}

/* Corrected, and counted: nobody is disturbed. */
static void error_corrected(void)
{
	struct load l;
	unsigned int i;

	begin(&l);
	ctl_pci_fault(0, "aer-correctable");
	for (i = 0; i < QUEUES; i++)
		ASSERT(fence_pending(l.running[i]));
	device_write(l.fd, "reset", "1");
	all_failed(&l, ECANCELED);
	all_goes_on(&l);
	end(&l);
}

static void error_recovered(const char *fault)
{
	struct load l;

	begin(&l);
	ctl_pci_fault(0, fault);
	all_failed(&l, EIO);
	all_goes_on(&l);
	end(&l);
}

static void error_nonfatal(void)
{
	error_recovered("aer-nonfatal");
}

static void error_fatal(void)
{
	error_recovered("aer-fatal");
}

/* Suspend. ----------------------------------------------------------------- */

/* In the system, in local memory, and there without leave to go. */
#define N_ASLEEP	3

static void suspended_idle(void)
{
	static const char *const depths[] = { "devices", "platform", "core" };
	int fd = hotplug_open(), other = hotplug_open_second(), dmabuf[N_ASLEEP];
	struct dmashare_ledger zero;
	struct bo bo[N_ASLEEP], there;
	unsigned int i, k;

	ctl_calm(0);
	for (i = 0; i < N_ASLEEP; i++) {
		bo[i] = dms_create_in(fd, 8 * PAGE, i ? LOCAL : SYSTEM,
				      i == 2 ? DRM_DMASHARE_BO_STATIC : 0, "asleep");
		dms_map(&bo[i]);
		dmabuf[i] = dms_export(fd, bo[i].handle);
	}
	there = dms_import(other, dmabuf[0]);
	for (k = 0; k < ARRAY_SIZE(depths); k++) {
		for (i = 0; i < N_ASLEEP; i++) {
			pattern_fill(bo[i].map, 8 * PAGE, 4 * k + i);
			dms_crc(fd, &bo[i], 0, 8 * PAGE);
		}
		sleep_to(depths[k]);
		for (i = 0; i < N_ASLEEP; i++) {
			ASSERT(pattern_check(bo[i].map, 8 * PAGE, 4 * k + i));
			ASSERT_EQ(dms_crc(fd, &bo[i], 0, 8 * PAGE), crc32c(bo[i].map, 8 * PAGE));
		}
		ASSERT_EQ(dms_crc(other, &there, 0, 8 * PAGE), crc32c(bo[0].map, 8 * PAGE));
		/* What could lose its bytes is out of local memory now. */
		ASSERT_EQ(dms_info(fd, bo[1].handle).placement, SYSTEM);
		ASSERT_EQ(dms_info(fd, bo[2].handle).placement, LOCAL);
		dms_move(&bo[1], LOCAL);
		ASSERT(pattern_check(bo[1].map, 8 * PAGE, 4 * k + 1));
	}
	ASSERT_OK(dms_try_close(other, there.handle));
	for (i = 0; i < N_ASLEEP; i++) {
		close(dmabuf[i]);
		dms_destroy(&bo[i]);
	}
	/* Since it woke up. */
	memset(&zero, 0, sizeof(zero));
	ledger_wait_gone(fd, &zero);
}

/* Jobs of a moment are waited for; who has others stays awake. */
static void suspended_with_jobs(void)
{
	struct drm_dmashare_job jobs[2] = { dms_job_noop(100 * MSEC) };
	int fd = hotplug_open(), fence;
	struct bo bo = dms_create_mapped(fd, PAGE, "short");
	unsigned int i;
	struct load l;

	ctl_calm(0);
	jobs[1] = dms_job_fill(&bo, 0, PAGE, 5 * ONES);
	fence = dms_submit_fence(fd, 0, 0, jobs, 2);
	sleep_to("platform");
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(all_bytes(bo.map, PAGE, 5));
	dms_destroy(&bo);
	close(fd);
	begin(&l);
	sleep_refused("platform");
	for (i = 0; i < QUEUES; i++)
		ASSERT(fence_pending(l.running[i]));
	ASSERT(fence_pending(l.held));
	device_write(l.fd, "reset", "1");
	all_failed(&l, ECANCELED);
	ASSERT_OK(dms_try_move(l.fd, l.bo[1].handle, LOCAL, DRM_DMASHARE_MOVE_WAIT));
	ASSERT_OK(dms_try_move(l.fd, l.bo[3].handle, LOCAL, DRM_DMASHARE_MOVE_WAIT));
	all_goes_on(&l);
	end(&l);
}

/* Unbinding. --------------------------------------------------------------- */

/*
 * The driver leaves a device as the next kernel wants to find it: after the reset
 * that is its last word the device does nothing any more.
 */
static void nothing_after_unbind(void)
{
	static const char *const works[] = {
		"command", "job-start", "job-end", "interrupt", "event",
	};
	uint64_t from, last;
	drmDevicePtr dev = NULL;
	const char *page, *e;
	char address[32];
	struct load l;
	size_t i;

	begin(&l);
	ASSERT_EQ(drmGetDevice2(l.fd, 0, &dev), 0);
	snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", dev->businfo.pci->domain,
		 dev->businfo.pci->bus, dev->businfo.pci->dev, dev->businfo.pci->func);
	drmFreeDevice(&dev);
	from = last = ctl_journal_end(0);
	driver_control(address, "unbind");
	all_failed(&l, ENODEV);
	page = ctl(0, "query-dmashare-journal", "'from': %llu, 'limit': 10000, "
		   "'operation': 'reset'", (unsigned long long)from);
	for (e = json_first(json_member(page, "entries")); e; e = json_next(e))
		last = json_member_number(e, "sequence");
	ASSERT(last > from);
	for (i = 0; i < ARRAY_SIZE(works); i++)
		ASSERT_MSG(!ctl_journal_count(0, last, works[i], UINT64_MAX),
			   "the journal has a %s after the last reset", works[i]);
	hold_release(&l.hold);
	ASSERT_EQ(fence_finish(l.waiting), ENODEV);
	close(l.other);
	close(l.fd);
	driver_control(address, "bind");
	ctl_calm(0);
	l.fd = hotplug_open();
	dms_run_ok(l.fd, dms_job_noop(0));
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(function_reset, "reset:user reset:dmashare reset:vgem hold:user"),
	KTAP_COVERS(reset_behind_its_back, "reset:user reset:dmashare reset:vgem"),
	KTAP_COVERS(link_lost, "link:user link:dmashare link:vgem"),
	KTAP_COVERS(error_corrected, "aer:user"),
	KTAP_COVERS(error_nonfatal, "aer:user aer:dmashare aer:vgem"),
	KTAP_COVERS(error_fatal, "aer:user aer:dmashare aer:vgem"),
	KTAP_COVERS(suspended_idle, "suspend:user suspend:dmashare"),
	KTAP_COVERS(suspended_with_jobs, "suspend:user suspend:dmashare suspend:vgem"),
	KTAP_COVERS(nothing_after_unbind, "reset:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
