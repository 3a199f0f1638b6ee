// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device leaves its slot, announced or by surprise, while it is used: by a
 * program that exports, by one that imports, mapped by importers, mapped by a
 * program, with jobs on it, with held fences, with V4L2 streaming into its
 * buffers. Whoever uses it gets an errno or zeros, what waits is released, and
 * the next device in the slot works.
 *
 *   test-unplug [times=N] [CASE...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"
#include "lib/vivid.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
/* What the VM's devices are made with (tests/guest/vms). */
#define PROPERTIES	"'local-size': 67108864"

static unsigned int times = 1;

/* Everything that a program may ask of a device that is gone. */
static void check_gone(int fd, const struct bo *bo)
{
	struct drm_dmashare_get_param p = { .param = DRM_DMASHARE_PARAM_DEVICE_TIME };
	struct drm_dmashare_job noop = dms_job_noop(0);
	struct drm_dmashare_submit s = { 0 };
	struct drm_dmashare_bo_info info;
	struct dmashare_ledger l;
	struct bo other;

	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p), ENODEV);
	ASSERT_REFUSED("any", dms_try_create(fd, PAGE, 0, "", &other), ENODEV);
	ASSERT_ERRNO(dms_try_info(fd, bo->handle, &info), ENODEV);
	ASSERT_ERRNO(dms_try_submit(fd, &s, &noop, 1), ENODEV);
	ASSERT_ERRNO(ledger_try_get(fd, 0, sizeof(l), &l), ENODEV);
	ASSERT_ERRNO(dms_try_export(fd, bo->handle, DRM_CLOEXEC), ENODEV);
}

/* The next one in the slot works, and has nothing of the last one. */
static void plug_again(void)
{
	struct dmashare_ledger l;
	struct bo bo, local;
	int fd, dmabuf;

	hotplug_add(PROPERTIES);
	fd = hotplug_open();
	l = ledger_get(fd, 0);
	ASSERT_EQ(l.live_buffers + l.live_attachments + l.live_mappings, 0);
	bo = dms_create_mapped(fd, 4 * PAGE, "again");
	local = dms_create_in(fd, 4 * PAGE, LOCAL, 0, "again");
	pattern_fill(bo.map, bo.size, 7);
	dms_run_ok(fd, dms_job_copy(&local, 0, &bo, 0, bo.size));
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, ONES));
	ASSERT(all_bytes(bo.map, PAGE, 1));
	dms_run_ok(fd, dms_job_copy(&bo, 0, &local, 0, bo.size));
	ASSERT(pattern_check(bo.map, bo.size, 7));
	dmabuf = dms_export(fd, bo.handle);
	close(dmabuf);
	dms_destroy(&bo);
	dms_destroy(&local);
	close(fd);
}

/**
 * struct worker - a thread that does the same again and again
 * @turn: once; the errno that ends the thread, or 0
 * @fd: the device that goes
 * @other: for @turn
 * @turns: so many have succeeded
 * @error: what ended it
 */
struct worker {
	int (*turn)(struct worker *w);
	int fd, other;
	atomic_uint turns;
	int error;
	pthread_t thread;
};

static void *work(void *data)
{
	struct worker *w = data;

	while (!(w->error = w->turn(w)))
		atomic_fetch_add(&w->turns, 1);
	return NULL;
}

/* Takes the device away while it works; it must be told so. */
static void unplug_under(struct worker *w, enum unplug how)
{
	time_t end = time(NULL) + SOON_MS / 1000;

	ASSERT_EQ(pthread_create(&w->thread, NULL, work, w), 0);
	while (atomic_load(&w->turns) < 3)
		ASSERT_MSG(time(NULL) < end, "it does not begin");
	hotplug_remove(how);
	ASSERT_EQ(pthread_join(w->thread, NULL), 0);
	ASSERT_MSG(w->error == ENODEV, "the thread got %s", strerror(w->error));
}

/* Makes a buffer, shares it with vgem, and drops it. */
static int export_once(struct worker *w)
{
	uint32_t handle;
	struct bo bo;
	int dmabuf, err = 0;

	if (dms_try_create_in(w->fd, 4 * PAGE, atomic_load(&w->turns) % 2, 0, "export", &bo))
		return errno;
	dmabuf = dms_try_export(w->fd, bo.handle, DRM_CLOEXEC | DRM_RDWR);
	if (dmabuf < 0) {
		err = errno;
	} else {
		if (drmPrimeFDToHandle(w->other, dmabuf, &handle))
			err = errno;
		else
			ASSERT_OK(drmCloseBufferHandle(w->other, handle));
		close(dmabuf);
	}
	/* It can always be closed. */
	if (dms_try_close(w->fd, bo.handle) && !err)
		err = errno;
	return err;
}

static void exporting(enum unplug how)
{
	struct worker w = { .turn = export_once, .fd = hotplug_open(), .other = vgem_open() };
	struct bo bo = dms_create(w.fd, PAGE, "stays");
	int dmabuf = dms_export(w.fd, bo.handle);
	uint32_t handle;

	unplug_under(&w, how);
	check_gone(w.fd, &bo);
	ASSERT_ERRNO(drmPrimeFDToHandle(w.other, dmabuf, &handle), ENODEV);
	close(dmabuf);
	close(w.other);
	close(w.fd);
}

/* Imports foreign buffers, has a job read each, and drops them. */
static int import_once(struct worker *w)
{
	static struct foreign f[N_EXPORTERS];
	unsigned int i = atomic_load(&w->turns) % N_EXPORTERS;
	struct drm_dmashare_submit s = { 0 };
	struct drm_dmashare_job job;
	struct bo bo = { .fd = w->fd };
	int err = 0;

	if (f[i].dmabuf <= 0 || !f[i].map)
		f[i] = exporters[i].create(4 * PAGE);
	if (dms_try_import(w->fd, f[i].dmabuf, &bo.handle)) {
		err = errno;
	} else {
		job = dms_job_crc(&bo, 0, 4 * PAGE);
		job.flags = 0;
		if (dms_try_submit(w->fd, &s, &job, 1))
			err = errno;
		if (dms_try_close(w->fd, bo.handle) && !err)
			err = errno;
	}
	if (err)
		for (i = 0; i < N_EXPORTERS; i++)
			if (f[i].map)
				foreign_destroy(&f[i]);
	return err;
}

static void importing(enum unplug how)
{
	struct worker w = { .turn = import_once, .fd = hotplug_open() };
	struct foreign f = vgem_buffer(4 * PAGE);
	struct bo bo = dms_import(w.fd, f.dmabuf);
	uint32_t handle;

	pattern_fill(f.map, f.size, 3);
	unplug_under(&w, how);
	check_gone(w.fd, &bo);
	ASSERT_ERRNO(dms_try_import(w.fd, f.dmabuf, &handle), ENODEV);
	/* The exporter's memory is as it was. */
	ASSERT(pattern_check(f.map, f.size, 3));
	close(w.fd);
	foreign_destroy(&f);
}

/* The second device has mapped buffers of the first, in both placements. */
static void mapped(enum unplug how)
{
	int fd = hotplug_open(), second = hotplug_open_second(), vgem = vgem_open();
	struct bo bo[2], there[2], out = dms_create_mapped(second, 4 * PAGE, "out");
	uint32_t handle;
	int dmabuf[2], err;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		bo[i] = dms_create_in(fd, 4 * PAGE, i ? LOCAL : SYSTEM, 0, "mapped");
		dms_map(&bo[i]);
		pattern_fill(bo[i].map, 4 * PAGE, 10 + i);
		dmabuf[i] = dms_export(fd, bo[i].handle);
		there[i] = dms_import(second, dmabuf[i]);
		dms_run_ok(second, dms_job_copy(&out, 0, &there[i], 0, 4 * PAGE));
		ASSERT(pattern_check(out.map, 4 * PAGE, 10 + i));
	}
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf[0], &handle));
	hotplug_remove(how);
	check_gone(fd, &bo[0]);
	/* The pages of the one in system memory are still there. */
	dms_run_ok(second, dms_job_copy(&out, 0, &there[0], 0, 4 * PAGE));
	ASSERT(pattern_check(out.map, 4 * PAGE, 10));
	/* Those of the other are not: an error of some kind, and nobody crashes. */
	err = hotplug_try_copy(second, &out, &there[1], 4 * PAGE);
	ASSERT_MSG(err, "a job has read local memory of a device that is gone");
	dms_run_ok(second, dms_job_fill(&out, 0, PAGE, ONES));
	ASSERT(all_bytes(out.map, PAGE, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_OK(dms_try_close(second, there[i].handle));
		close(dmabuf[i]);
	}
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	dms_destroy(&out);
	close(vgem);
	close(second);
	close(fd);
}

/* A program has both mapped, by the DRM file and by the dma-buf. */
static void mmapped(enum unplug how)
{
	int fd = hotplug_open(), dmabuf[2];
	uint8_t *map[2], *late;
	struct bo bo[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		bo[i] = dms_create_in(fd, 4 * PAGE, i ? LOCAL : SYSTEM, 0, "mmapped");
		dms_map(&bo[i]);
		dmabuf[i] = dms_export(fd, bo[i].handle);
		map[i] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf[i], 0);
		ASSERT(map[i] != MAP_FAILED);
		pattern_fill(map[i], 4 * PAGE, 20 + i);
	}
	hotplug_remove(how);
	check_gone(fd, &bo[0]);
	ASSERT(pattern_check(bo[0].map, 4 * PAGE, 20));
	ASSERT(pattern_check(map[0], 4 * PAGE, 20));
	ASSERT(all_bytes(bo[1].map, 4 * PAGE, 0));
	ASSERT(all_bytes(map[1], 4 * PAGE, 0));
	late = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dmabuf[1], 0);
	if (late == MAP_FAILED)
		ASSERT_EQ(errno, ENODEV);
	else
		ASSERT(all_bytes(late, PAGE, 0));
	/* Writing there goes nowhere and hurts nobody. */
	memset(map[1], 0xee, 4 * PAGE);
	map[0][0]++;
	ASSERT_EQ(map[0][0], bo[0].map[0]);
	ASSERT_ERRNO(dmabuf_sync(dmabuf[1], DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW), ENODEV);
	for (i = 0; i < 2; i++) {
		munmap(map[i], 4 * PAGE);
		munmap(bo[i].map, 4 * PAGE);
		close(dmabuf[i]);
	}
	close(fd);
}

/* On every queue a job that takes long, and one behind it; a third waits. */
static void in_a_job(enum unplug how)
{
	int fd = hotplug_open(), fence[DMASHARE_MAX_JOB_QUEUES], dmabuf;
	uint32_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct bo bo = dms_create_mapped(fd, n * PAGE, "job");
	struct drm_dmashare_job waits = dms_job_fill(&bo, 0, PAGE, ONES);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE |
			 DRM_DMASHARE_SUBMIT_NO_IMPLICIT,
	};
	struct drm_dmashare_job_result r;
	uint64_t id = 0;
	struct hold h;

	dmabuf = dms_export(fd, bo.handle);
	for (q = 0; q < n; q++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(3000 * SEC),
			dms_job_fill(&bo, q * PAGE, PAGE, ONES),
		};

		jobs[0].flags = DRM_DMASHARE_JOB_WANT_RESULT;
		fence[q] = dms_submit_fence(fd, q, 0, jobs, 2);
		id = jobs[0].id;
	}
	h = hold_sync_file(&s.in_fence_fd);
	ASSERT_OK(dms_try_submit(fd, &s, &waits, 1));
	ASSERT_EQ(poll_now(dmabuf, POLLIN), 0);
	hotplug_remove(how);
	for (q = 0; q < n; q++)
		ASSERT_EQ(fence_finish(fence[q]), ENODEV);
	hold_release(&h);
	close(s.in_fence_fd);
	ASSERT_EQ(fence_finish(s.out_fence_fd), ENODEV);
	poll_until(dmabuf, POLLIN | POLLOUT);
	ASSERT(all_bytes(bo.map, bo.size, 0));
	ASSERT_ERRNO(dms_try_result(fd, id, 0, &r), ENODEV);
	check_gone(fd, &bo);
	munmap(bo.map, bo.size);
	close(dmabuf);
	close(fd);
}

/* Work that is over, and whose fences a hold keeps; vgem waits for one. */
static void held_fence(enum unplug how)
{
	int fd = hotplug_open(), fence[DMASHARE_MAX_JOB_QUEUES], dmabuf, merged, other;
	uint32_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct bo bo = dms_create_mapped(fd, n * PAGE, "held");
	struct hold h = hold_sync_file(&other);

	ctl_hold(0, "'count': %u, 'watchdog': 600000000000", n);
	dmabuf = dms_export(fd, bo.handle);
	for (q = 0; q < n; q++) {
		struct drm_dmashare_job job = dms_job_fill(&bo, q * PAGE, PAGE, ONES);

		fence[q] = dms_submit_fence(fd, q, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, &job, 1);
		dmabuf_add_fence(dmabuf, fence[q], DMA_BUF_SYNC_WRITE);
	}
	ctl_wait_held(0, n);
	ASSERT(all_bytes(bo.map, bo.size, 1));
	ASSERT_EQ(poll_now(dmabuf, POLLIN), 0);
	merged = fence_merge(other, fence[0]);
	hotplug_remove(how);
	for (q = 0; q < n; q++)
		ASSERT_EQ(fence_finish(fence[q]), ENODEV);
	poll_until(dmabuf, POLLIN | POLLOUT);
	/* It waits for the other one as well. */
	ASSERT_EQ(poll_now(merged, POLLIN), 0);
	hold_release(&h);
	fence_finish(merged);
	close(other);
	check_gone(fd, &bo);
	munmap(bo.map, bo.size);
	close(dmabuf);
	close(fd);
}

static bool has_picture(const uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size && !p[i]; i++)
		;
	return i < size;
}

/* V4L2 captures into buffers of the device, before and after. */
static void streaming(enum unplug how)
{
	static unsigned int turn;
	/* Once each in a short run, whatever the way. */
	enum vivid_memory memory = (turn++ + how) % 2 ? VIVID_DMA_CONTIG : VIVID_VMALLOC;
	int fd = hotplug_open(), dmabuf[2];
	struct bo bo[2];
	unsigned int i, k;
	struct vivid v;

	vivid_load(memory);
	v = vivid_open(160, 90);
	for (i = 0; i < 2; i++) {
		bo[i] = dms_create_mapped(fd, v.size, "frame");
		dmabuf[i] = dms_export(fd, bo[i].handle);
	}
	vivid_start(&v, dmabuf, 2);
	for (i = 0; i < 2; i++)
		ASSERT_OK(vivid_try_queue(&v, vivid_dequeue(&v, NULL)));
	hotplug_remove(how);
	/* Its pages are there, and frames go on coming into them. */
	for (i = 0; i < 4; i++) {
		k = vivid_dequeue(&v, NULL);
		ASSERT(has_picture(bo[k].map, v.size));
		memset(bo[k].map, 0, v.size);
		ASSERT_OK(vivid_try_queue(&v, k));
	}
	check_gone(fd, &bo[0]);
	vivid_close(&v);
	covers("unplug:%s", memory == VIVID_VMALLOC ? "vivid-vmalloc" : "vivid-contig");
	for (i = 0; i < 2; i++) {
		munmap(bo[i].map, bo[i].size);
		close(dmabuf[i]);
	}
	close(fd);
	vivid_unload();
}

static void again_and_again(void (*situation)(enum unplug how), enum unplug how)
{
	unsigned int i;

	/* A case that failed may have left the slot empty. */
	if (!hotplug_there())
		hotplug_add(PROPERTIES);
	for (i = 0; i < times; i++) {
		situation(how);
		plug_again();
	}
}

#define SITUATION(name)							\
static void name##_surprise(void) { again_and_again(name, SURPRISE); }	\
static void name##_orderly(void) { again_and_again(name, ORDERLY); }

SITUATION(exporting)
SITUATION(importing)
SITUATION(mapped)
SITUATION(mmapped)
SITUATION(in_a_job)
SITUATION(held_fence)
SITUATION(streaming)

#define MOST_SECONDS	3000

static const struct ktap_case cases[] = {
	KTAP_SLOW_COVERS(exporting_surprise, MOST_SECONDS, "unplug:user unplug:vgem"),
	KTAP_SLOW_COVERS(exporting_orderly, MOST_SECONDS, "unplug:user unplug:vgem"),
	KTAP_SLOW_COVERS(importing_surprise, MOST_SECONDS,
			 "unplug:vgem unplug:udmabuf unplug:system-heap"),
	KTAP_SLOW_COVERS(importing_orderly, MOST_SECONDS,
			 "unplug:vgem unplug:udmabuf unplug:system-heap"),
	KTAP_SLOW_COVERS(mapped_surprise, MOST_SECONDS, "unplug:dmashare unplug:vgem"),
	KTAP_SLOW_COVERS(mapped_orderly, MOST_SECONDS, "unplug:dmashare unplug:vgem"),
	KTAP_SLOW_COVERS(mmapped_surprise, MOST_SECONDS, "unplug:user"),
	KTAP_SLOW_COVERS(mmapped_orderly, MOST_SECONDS, "unplug:user"),
	KTAP_SLOW_COVERS(in_a_job_surprise, MOST_SECONDS, "unplug:user"),
	KTAP_SLOW_COVERS(in_a_job_orderly, MOST_SECONDS, "unplug:user"),
	KTAP_SLOW_COVERS(held_fence_surprise, MOST_SECONDS, "unplug:user hold:vgem"),
	KTAP_SLOW_COVERS(held_fence_orderly, MOST_SECONDS, "unplug:user hold:vgem"),
	KTAP_SLOW(streaming_surprise, MOST_SECONDS),
	KTAP_SLOW(streaming_orderly, MOST_SECONDS),
};

int main(int argc, char **argv)
{
	if (argc > 1 && sscanf(argv[1], "times=%u", &times) == 1) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
