// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two dmashare devices (the VM "pair") are each other's exporter and importer:
 * here a second device really does DMA into a buffer that ours exported.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

/* A buffer of device a, imported by device b. */
struct share {
	int a, b, dmabuf;
	struct bo there;	/* at a */
	struct bo here;		/* at b */
};

static struct share share(uint64_t size)
{
	struct share s = { .a = dms_open_nth(0), .b = dms_open_nth(1) };

	s.there = dms_create_mapped(s.a, size, "exported");
	s.dmabuf = dms_export(s.a, s.there.handle);
	s.here = dms_import(s.b, s.dmabuf);
	return s;
}

static void importer_is_another_device(void)
{
	struct share s = share(4 * PAGE);

	/* Dynamic or not depends on the kernel. */
	ASSERT_EQ(dms_info(s.b, s.here.handle).flags & ~DRM_DMASHARE_BO_INFO_DYNAMIC,
		  DRM_DMASHARE_BO_INFO_IMPORTED | DRM_DMASHARE_BO_INFO_MAPPED);
	ASSERT_EQ(s.here.size, s.there.size);
}

static void importer_reads(void)
{
	struct share s = share(64 * PAGE);
	struct bo own = dms_create_mapped(s.b, 64 * PAGE, "own");

	pattern_fill(s.there.map, s.there.size, 1);
	ASSERT_EQ(dms_crc(s.b, &s.here, 0, s.here.size), crc32c(s.there.map, s.there.size));
	dms_run_ok(s.b, dms_job_copy(&own, 0, &s.here, 0, own.size));
	ASSERT(pattern_check(own.map, own.size, 1));
}

static void importer_writes(void)
{
	struct share s = share(64 * PAGE);
	struct bo own = dms_create_mapped(s.b, 64 * PAGE, "own");

	pattern_fill(own.map, own.size, 2);
	dms_run_ok(s.b, dms_job_copy(&s.here, 0, &own, 0, own.size));
	ASSERT(pattern_check(s.there.map, s.there.size, 2));
	ASSERT_EQ(dms_crc(s.a, &s.there, 0, own.size), crc32c(own.map, own.size));
}

/* The exporter writes, the importer waits for it and reads; and back. */
static void fences_cross(void)
{
	struct share s = share(PAGE);
	struct bo own = dms_create_mapped(s.b, PAGE, "own");
	struct drm_dmashare_job write = dms_job_fill(&s.there, 0, PAGE, ONES);
	struct drm_dmashare_job read = dms_job_copy(&own, 0, &s.here, 0, PAGE);
	struct drm_dmashare_job again = dms_job_fill(&s.there, 0, PAGE, 2 * ONES);
	struct drm_dmashare_submit sub = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	struct hold h = hold_sync_file(&sub.in_fence_fd);
	int first, second, third;

	ASSERT_OK(dms_try_submit(s.a, &sub, &write, 1));
	first = sub.out_fence_fd;
	second = dms_submit_fence(s.b, 0, 0, &read, 1);
	third = dms_submit_fence(s.a, 1, 0, &again, 1);
	ASSERT(fence_pending(first));
	ASSERT(fence_pending(second));
	ASSERT(fence_pending(third));
	hold_release(&h);
	ASSERT_EQ(fence_finish(third), 0);
	ASSERT_EQ(fence_finish(second), 0);
	ASSERT_EQ(fence_finish(first), 0);
	ASSERT(all_bytes(own.map, PAGE, 1));
	ASSERT(all_bytes(s.there.map, PAGE, 2));
}

static void both_ledgers(void)
{
	struct share s = share(3 * PAGE);
	struct dmashare_ledger a = ledger_get(s.a, s.there.handle);
	struct dmashare_ledger b = ledger_get(s.b, s.here.handle);

	ASSERT_EQ(a.attaches, 1);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_EXPORT], 1);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_MAP], 1);
	ASSERT_EQ(b.attaches, 1);
	ASSERT_EQ(b.maps, 1);
	ASSERT_EQ(b.notes[DMASHARE_NOTE_EXPORT], 0);
	ASSERT_OK(dms_try_close(s.b, s.here.handle));
	a = ledger_get(s.a, s.there.handle);
	ASSERT_EQ(a.live_attachments, 0);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_UNMAP], 1);
}

/* The exporter lets go of everything; the importer still has the bytes. */
static void importer_keeps_it_alive(void)
{
	struct share s = share(4 * PAGE);
	uint32_t crc;

	pattern_fill(s.there.map, s.there.size, 3);
	crc = crc32c(s.there.map, s.there.size);
	close(s.dmabuf);
	dms_destroy(&s.there);
	close(s.a);
	ASSERT_EQ(dms_crc(s.b, &s.here, 0, 4 * PAGE), crc);
}

/* A round: a's buffer at b, b's buffer at a, bytes passed on and on. */
static void ping_pong(void)
{
	struct share s = share(PAGE);
	struct bo at_b = dms_create_mapped(s.b, PAGE, "of b");
	struct bo at_a = dms_import(s.a, dms_export(s.b, at_b.handle));
	uint64_t *first = (uint64_t *)s.there.map, i;

	for (i = 0; i < 100; i++) {
		struct drm_dmashare_job forth = dms_job_copy(&at_a, 0, &s.there, 0, 8);
		struct drm_dmashare_job back = dms_job_copy(&s.here, 8, &at_b, 0, 8);

		first[0] = 0xabc000 + i;
		dms_submit(s.a, 0, 0, &forth, 1);
		ASSERT_EQ(fence_finish(dms_submit_fence(s.b, 0, 0, &back, 1)), 0);
		ASSERT_EQ(first[1], 0xabc000 + i);
	}
}

static void begin_waits_for_the_importer(void)
{
	struct share s = share(PAGE);
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(100 * MSEC),
		dms_job_fill(&s.here, 0, PAGE, ONES),
	};

	dms_submit(s.b, 0, 0, jobs, 2);
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT(all_bytes(s.there.map, PAGE, 1));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

/* The importer maps it for its kernel: the exporter hears of all of it. */
static void importer_maps_for_the_kernel(void)
{
	struct share s = share(4 * PAGE);
	struct dmashare_ledger before = ledger_get(s.a, s.there.handle), now, d;
	struct drm_dmashare_bo_vmap v;

	pattern_fill(s.there.map, s.there.size, 21);
	v = dms_vmap(&s.here, PAGE, 2 * PAGE, 4);
	ASSERT_EQ(v.checksum, crc32c(s.there.map + PAGE, 2 * PAGE));
	ASSERT_EQ(v.flags, 0);
	now = ledger_get(s.a, s.there.handle);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_VMAP], 1);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_VUNMAP], 1);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_BEGIN_CPU], 1);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_END_CPU], 1);
}

/* A fence of the importer's device, as those see it who have the dma-buf. */
static void importers_fence_is_polled(void)
{
	struct share s = share(PAGE);
	struct drm_dmashare_job job = dms_job_fill(&s.here, 0, PAGE, ONES);
	struct drm_dmashare_submit submit = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	int in, fences;
	struct hold h = hold_sync_file(&in);

	submit.in_fence_fd = in;
	ASSERT_OK(dms_try_submit(s.b, &submit, &job, 1));
	ASSERT_EQ(poll_now(s.dmabuf, POLLIN | POLLOUT), 0);
	fences = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_READ);
	ASSERT(fence_pending(fences));
	hold_release(&h);
	poll_until(s.dmabuf, POLLIN);
	poll_until(s.dmabuf, POLLOUT);
	ASSERT_EQ(fence_finish(fences), 0);
	ASSERT(all_bytes(s.there.map, PAGE, 1));
	/* And a fence that a program adds holds the importer's jobs. */
	h = hold_sync_file(&in);
	dmabuf_add_fence(s.dmabuf, in, DMA_BUF_SYNC_WRITE);
	job = dms_job_fill(&s.here, 0, PAGE, 2 * ONES);
	fences = dms_submit_fence(s.b, 0, 0, &job, 1);
	ASSERT(fence_pending(fences));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fences), 0);
	ASSERT(all_bytes(s.there.map, PAGE, 2));
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(importer_is_another_device, "prime:dmashare"),
	KTAP_COVERS(importer_reads, "map:dmashare import.read:dmashare"),
	KTAP_COVERS(importer_writes, "map:dmashare import.write:dmashare"),
	KTAP_COVERS(fences_cross, "usage.write:dmashare usage.read:dmashare"),
	KTAP_COVERS(both_ledgers, "attach:dmashare detach:dmashare map:dmashare unmap:dmashare"),
	KTAP_COVERS(importer_keeps_it_alive, "lifetime:dmashare release:dmashare"),
	KTAP_COVERS(ping_pong, "import.read:dmashare import.write:dmashare"),
	KTAP_COVERS(begin_waits_for_the_importer, "begin_cpu:dmashare"),
	KTAP_COVERS(importer_maps_for_the_kernel, "vmap:dmashare vunmap:dmashare "
		    "begin_cpu:dmashare end_cpu:dmashare vmap.system:dmashare "
		    "vmap.count:dmashare import.vmap:dmashare"),
	KTAP_COVERS(importers_fence_is_polled, "poll.read:dmashare poll.write:dmashare "
		    "sync-file.export:dmashare sync-file.import:dmashare"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
