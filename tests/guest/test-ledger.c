// SPDX-License-Identifier: GPL-2.0-or-later
/* The device's ledger against what the program did, counter by counter. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u

static void lengths(void)
{
	static const uint32_t bad[] = { 0, 1, 4, 7, 9, 12, 4097, 4104, UINT32_MAX & ~7u };
	uint64_t data[512], full[512];
	int fd = dms_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_ERRNO(ledger_try_get(fd, 0, bad[i], data), EINVAL);
	memset(full, 0xee, sizeof(full));
	ASSERT_OK(ledger_try_get(fd, 0, sizeof(full), full));
	for (i = LEDGER_COUNTERS; i < 512; i++)
		ASSERT_EQ(full[i], 0);
	memset(data, 0xee, sizeof(data));
	ASSERT_OK(ledger_try_get(fd, 0, 24, data));
	ASSERT(!memcmp(data, full, 24));
	ASSERT_EQ(data[3], 0xeeeeeeeeeeeeeeee);
}

static void errors(void)
{
	struct dmashare_ledger l;
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "closed");

	ASSERT_ERRNO(ledger_try_get(fd, 4711, sizeof(l), &l), ENOENT);
	ASSERT_OK(dms_try_close(fd, bo.handle));
	ASSERT_ERRNO(ledger_try_get(fd, bo.handle, sizeof(l), &l), ENOENT);
	ASSERT_ERRNO(ledger_try_get(fd, 0, sizeof(l), NULL), EFAULT);
}

static void new_buffer(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, 3 * PAGE, "new");
	struct drm_dmashare_bo_info info = dms_info(fd, bo.handle);
	struct dmashare_ledger l = ledger_get(fd, bo.handle), counted = {
		.buffers = 1,
		.live_buffers = 1,
		.maps = info.mapping != 0,
		.live_mappings = info.mapping != 0,
		.live_segments = info.n_segments,
	};

	ASSERT(ledger_equal(&l, &counted));
}

/* What one buffer's ledger has after the device has used it. */
static struct dmashare_ledger used(int fd, const struct bo *bo)
{
	return (struct dmashare_ledger){
		.buffers = 1,
		.live_buffers = 1,
		.maps = 1,
		.live_mappings = 1,
		.live_segments = dms_info(fd, bo->handle).n_segments,
	};
}

static void jobs_and_bytes(void)
{
	int fd = dms_open();
	struct bo a = dms_create(fd, 8 * PAGE, "a"), b = dms_create(fd, 8 * PAGE, "b");
	struct dmashare_ledger l, in_a, in_b;
	struct drm_dmashare_job rows = dms_job_copy(&b, 0, &a, 0, 100);

	rows.rows = 7;
	rows.src.pitch = 130;
	rows.dst.pitch = 200;
	dms_run_ok(fd, dms_job_fill(&a, 3, 1001, 1));
	dms_run_ok(fd, dms_job_copy(&b, 5, &a, 9, 5000));
	dms_run_ok(fd, rows);
	dms_crc(fd, &b, 0, 777);
	dms_run_ok(fd, dms_job_noop(0));
	in_a = used(fd, &a);
	in_a.jobs = 3;
	in_a.bytes_written = 1001;
	in_a.bytes_read = 5000 + 700;
	l = ledger_get(fd, a.handle);
	ASSERT(ledger_equal(&l, &in_a));
	in_b = used(fd, &b);
	in_b.jobs = 3;
	in_b.bytes_written = 5000 + 700;
	in_b.bytes_read = 777;
	l = ledger_get(fd, b.handle);
	ASSERT(ledger_equal(&l, &in_b));
}

/* A job with both operands in one buffer is one job of that buffer. */
static void copy_within_counts_once(void)
{
	int fd = dms_open();
	struct bo a = dms_create(fd, PAGE, "a");
	struct dmashare_ledger l, counted;

	dms_run_ok(fd, dms_job_copy(&a, 2048, &a, 0, 64));
	counted = used(fd, &a);
	counted.jobs = 1;
	counted.bytes_read = 64;
	counted.bytes_written = 64;
	l = ledger_get(fd, a.handle);
	ASSERT(ledger_equal(&l, &counted));
}

static void failed_job(void)
{
	int fd = dms_open();
	struct bo a = dms_create(fd, PAGE, "a");
	struct drm_dmashare_job overlap = dms_job_copy(&a, 8, &a, 0, 64);
	struct dmashare_ledger l, counted;

	ASSERT_EQ(dms_run(fd, &overlap, 1), EINVAL);
	counted = used(fd, &a);
	counted.jobs_failed = 1;
	l = ledger_get(fd, a.handle);
	ASSERT(ledger_equal(&l, &counted));
}

static void notes_of_an_export(void)
{
	int fd = dms_open(), dmabuf, again;
	struct bo bo = dms_create(fd, 2 * PAGE, "noted");
	struct dmashare_ledger before = ledger_get(fd, bo.handle), now, d, counted = { 0 };
	struct dmashare_ledger device;
	void *p;

	dmabuf = dms_export(fd, bo.handle);
	again = dms_export(fd, bo.handle);
	counted.notes[DMASHARE_NOTE_EXPORT] = 1;
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, dmabuf, 0);
	ASSERT(p != MAP_FAILED);
	counted.notes[DMASHARE_NOTE_MMAP] = 1;
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	counted.notes[DMASHARE_NOTE_BEGIN_CPU] = 1;
	now = ledger_get(fd, bo.handle);
	d = ledger_since(&before, &now);
	ASSERT(ledger_equal(&d, &counted));

	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	counted.notes[DMASHARE_NOTE_END_CPU] = 1;
	munmap(p, 2 * PAGE);
	close(dmabuf);
	close(again);
	/* The handle keeps the dma-buf: nothing is released yet. */
	now = ledger_get(fd, bo.handle);
	d = ledger_since(&before, &now);
	ASSERT(ledger_equal(&d, &counted));
	device = ledger_get(fd, 0);
	ASSERT_OK(dms_try_close(fd, bo.handle));
	now = ledger_get(fd, 0);
	ASSERT_EQ(now.notes[DMASHARE_NOTE_RELEASE], device.notes[DMASHARE_NOTE_RELEASE] + 1);
	ASSERT_EQ(now.live_buffers, device.live_buffers - 1);
}

/* A foreign importer's life: attach, map (if it does), unmap, detach. */
static void foreign_importer(void)
{
	int fd = dms_open(), vgem = vgem_open(), dmabuf;
	struct bo bo = dms_create(fd, 2 * PAGE, "imported");
	struct dmashare_ledger before, now, d, counted = { 0 };
	unsigned int maps = vgem_maps(), pins;
	uint32_t handle;

	/* What might move is pinned for who maps it and is not told. */
	pins = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE) ? maps : 0;
	dmabuf = dms_export(fd, bo.handle);
	before = ledger_get(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	counted.attaches = 1;
	counted.live_attachments = 1;
	counted.notes[DMASHARE_NOTE_MAP] = maps;
	counted.notes[DMASHARE_NOTE_PIN] = pins;
	now = ledger_get(fd, bo.handle);
	d = ledger_since(&before, &now);
	ASSERT(ledger_equal(&d, &counted));
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	counted.live_attachments = 0;
	counted.notes[DMASHARE_NOTE_UNMAP] = maps;
	counted.notes[DMASHARE_NOTE_UNPIN] = pins;
	now = ledger_get(fd, bo.handle);
	d = ledger_since(&before, &now);
	ASSERT(ledger_equal(&d, &counted));
}

/* The device as a whole over a little program's whole life. */
static void whole_device(void)
{
	int watch = dms_open(), fd = dms_open(), vgem, dmabuf;
	struct dmashare_ledger before = ledger_get(watch, 0), now, d, counted = { 0 };
	struct foreign f = heap_buffer(4 * PAGE);
	struct bo a = dms_create(fd, 4 * PAGE, "a"), there = dms_import(fd, f.dmabuf);
	struct drm_dmashare_job overlap = dms_job_copy(&a, 8, &a, 0, 64);
	uint32_t handle;
	unsigned int i;

	counted.buffers = 2;
	counted.attaches = 1;
	counted.maps = 2;
	for (i = 0; i < 10; i++)
		dms_run_ok(fd, dms_job_copy(&there, 0, &a, 0, 4 * PAGE));
	dms_crc(fd, &there, 0, 4 * PAGE);
	dms_run_ok(fd, dms_job_noop(0));
	ASSERT_EQ(dms_run(fd, &overlap, 1), EINVAL);
	counted.jobs = 12;
	counted.jobs_failed = 1;
	counted.fences_signalled = 13;
	counted.fences_failed = 1;
	counted.bytes_read = 11 * 4 * PAGE;
	counted.bytes_written = 10 * 4 * PAGE;
	dmabuf = dms_export(fd, a.handle);
	vgem = vgem_open();
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	close(vgem);
	close(dmabuf);
	counted.attaches++;
	counted.notes[DMASHARE_NOTE_EXPORT] = 1;
	counted.notes[DMASHARE_NOTE_MAP] = vgem_maps();
	counted.notes[DMASHARE_NOTE_UNMAP] = vgem_maps();
	counted.notes[DMASHARE_NOTE_RELEASE] = 1;
	close(fd);
	foreign_destroy(&f);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT(ledger_equal(&d, &counted));
}

/* Asking changes nothing, and needs no privilege. */
static void asking_is_free(void)
{
	struct dmashare_ledger first, last;
	int fd = dms_open();
	unsigned int i;

	drop_privileges();
	first = ledger_get(fd, 0);
	for (i = 0; i < 100; i++)
		last = ledger_get(fd, 0);
	ASSERT(ledger_equal(&last, &first));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(lengths),
	KTAP_CASE(errors),
	KTAP_CASE(new_buffer),
	KTAP_CASE(jobs_and_bytes),
	KTAP_CASE(copy_within_counts_once),
	KTAP_CASE(failed_job),
	KTAP_CASE(notes_of_an_export),
	KTAP_CASE(foreign_importer),
	KTAP_CASE(whole_device),
	KTAP_CASE(asking_is_free),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
