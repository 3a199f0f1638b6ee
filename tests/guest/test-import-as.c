// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BO_IMPORT in each of its ways, of each stock exporter: what the kernel does
 * is the same, what the import says of itself and may do is not. Mapped for one
 * use at a time, mapped for the kernel, and not mapped for programs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u
#define SIZE	(6 * PAGE)

/*
 * Reads and writes the import by jobs, compares by the exporter's mapping. The
 * CPU access is always for both: udmabuf keeps the direction of the first one
 * for its own mapping.
 */
static void check_bytes(const struct foreign *f, const struct bo *there, uint64_t seed)
{
	struct bo ours = dms_create_mapped(there->fd, SIZE, "ours");

	ASSERT_OK(dmabuf_sync(f->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	pattern_fill(f->map, SIZE, seed);
	ASSERT_OK(dmabuf_sync(f->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	dms_run_ok(there->fd, dms_job_copy(&ours, 0, there, 0, SIZE));
	ASSERT(pattern_check(ours.map, SIZE, seed));
	pattern_fill(ours.map, SIZE, seed + 1);
	dms_run_ok(there->fd, dms_job_copy(there, 0, &ours, 0, SIZE));
	ASSERT_OK(dmabuf_sync(f->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	ASSERT(pattern_check(f->map, SIZE, seed + 1));
	ASSERT_OK(dmabuf_sync(f->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	dms_destroy(&ours);
	covers("import.read:%s import.write:%s", f->exporter, f->exporter);
}

typedef void (*with_import)(int fd, struct foreign *f);

static void for_each_exporter(with_import call)
{
	int fd = dms_open();
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		struct foreign f = exporters[i].create(SIZE);

		ktap_diag("%s", f.exporter);
		call(fd, &f);
		foreign_destroy(&f);
	}
}

static void statically(int fd, struct foreign *f)
{
	struct bo there = dms_import_as(fd, f->dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	struct drm_dmashare_bo_info i = dms_info(fd, there.handle);

	ASSERT(i.flags & DRM_DMASHARE_BO_INFO_IMPORTED);
	ASSERT_EQ(i.flags & DRM_DMASHARE_BO_INFO_DYNAMIC, 0);
	ASSERT(i.flags & DRM_DMASHARE_BO_INFO_MAPPED);
	check_bytes(f, &there, 10);
	ASSERT_EQ(ledger_get(fd, there.handle).maps, 1);
	ASSERT_OK(dms_try_close(fd, there.handle));
	covers("import.static:%s", f->exporter);
}

/*
 * Where the kernel maps an attachment to an exporter that moves nothing at once,
 * the driver attaches statically.
 */
static void dynamically(int fd, struct foreign *f)
{
	static const uint32_t flags[] = { 0, DRM_DMASHARE_IMPORT_NO_P2P };
	bool dynamic = !mixed_attach_maps();
	size_t k;

	for (k = 0; k < ARRAY_SIZE(flags); k++) {
		struct bo there = dms_import_as(fd, f->dmabuf, flags[k]);
		struct drm_dmashare_bo_info i = dms_info(fd, there.handle);

		ASSERT_EQ(i.flags & DRM_DMASHARE_BO_INFO_DYNAMIC,
			  dynamic ? DRM_DMASHARE_BO_INFO_DYNAMIC : 0);
		/* Mapped at once, so that what cannot work is refused. */
		ASSERT(i.flags & DRM_DMASHARE_BO_INFO_MAPPED);
		ASSERT_EQ(i.flags & DRM_DMASHARE_BO_INFO_P2P, 0);
		ASSERT_EQ(i.moves, 0);
		check_bytes(f, &there, 20);
		ASSERT_OK(dms_try_close(fd, there.handle));
	}
	if (dynamic)
		covers("import.dynamic:%s", f->exporter);
}

static void for_one_direction(int fd, struct foreign *f)
{
	struct bo read = dms_import_as(fd, f->dmabuf, DRM_DMASHARE_IMPORT_READ);
	struct bo write = dms_import_as(fd, f->dmabuf, DRM_DMASHARE_IMPORT_WRITE);
	struct bo ours = dms_create_mapped(fd, SIZE, "ours");
	struct drm_dmashare_job job;

	ASSERT_NE(read.handle, write.handle);
	pattern_fill(f->map, SIZE, 30);
	dms_run_ok(fd, dms_job_copy(&ours, 0, &read, 0, SIZE));
	ASSERT(pattern_check(ours.map, SIZE, 30));
	job = dms_job_fill(&read, 0, SIZE, 0);
	ASSERT_EQ(dms_run(fd, &job, 1), EACCES);
	ASSERT(pattern_check(f->map, SIZE, 30));
	dms_run_ok(fd, dms_job_fill(&write, 0, SIZE, 0x3131313131313131));
	ASSERT(all_bytes(f->map, SIZE, 0x31));
	memset(ours.map, 0, SIZE);
	job = dms_job_copy(&ours, 0, &write, 0, SIZE);
	ASSERT_EQ(dms_run(fd, &job, 1), EACCES);
	ASSERT(all_bytes(ours.map, SIZE, 0));
	dms_destroy(&ours);
	ASSERT_OK(dms_try_close(fd, read.handle));
	ASSERT_OK(dms_try_close(fd, write.handle));
	covers("import.read:%s import.write:%s", f->exporter, f->exporter);
}

/* BO_IMPORT makes a buffer each time; PRIME knows the one that it made. */
static void several_times(int fd, struct foreign *f)
{
	struct bo prime = dms_import(fd, f->dmabuf), a, b;

	a = dms_import_as(fd, f->dmabuf, 0);
	b = dms_import_as(fd, f->dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	ASSERT_NE(a.handle, b.handle);
	ASSERT_NE(a.id, b.id);
	ASSERT_NE(a.handle, prime.handle);
	ASSERT_EQ(dms_import(fd, f->dmabuf).handle, prime.handle);
	dms_run_ok(fd, dms_job_fill(&a, 0, PAGE, 0x4141414141414141));
	dms_run_ok(fd, dms_job_copy(&prime, PAGE, &b, 0, PAGE));
	ASSERT(all_bytes(f->map, 2 * PAGE, 0x41));
	ASSERT_OK(dms_try_close(fd, a.handle));
	ASSERT_OK(dms_try_close(fd, prime.handle));
	dms_run_ok(fd, dms_job_fill(&b, 0, PAGE, 0x4242424242424242));
	ASSERT(all_bytes(f->map, PAGE, 0x42));
	ASSERT_OK(dms_try_close(fd, b.handle));
	covers("prime:%s", f->exporter);
}

/* Unmapped after each use and mapped again by the next. */
static void for_one_use(int fd, struct foreign *f)
{
	static const uint32_t flags[] = { 0, DRM_DMASHARE_IMPORT_STATIC };
	size_t k;

	for (k = 0; k < ARRAY_SIZE(flags); k++) {
		struct bo there = dms_import_as(fd, f->dmabuf, flags[k]);
		unsigned int i;

		for (i = 1; i <= 5; i++) {
			check_bytes(f, &there, 100 * i);
			dms_unmap(&there);
			ASSERT_EQ(dms_info(fd, there.handle).mapping, 0);
			ASSERT_EQ(dms_info(fd, there.handle).flags & DRM_DMASHARE_BO_INFO_MAPPED,
				  0);
			/* Not mapped is success. */
			dms_unmap(&there);
		}
		ASSERT_EQ(ledger_get(fd, there.handle).maps, 5);
		ASSERT_EQ(ledger_get(fd, there.handle).live_mappings, 0);
		check_bytes(f, &there, 7);
		ASSERT_OK(dms_try_close(fd, there.handle));
	}
	covers("import.unmap:%s", f->exporter);
}

/* Through the exporter's vmap, several at once, any range. */
static void for_the_kernel(int fd, struct foreign *f)
{
	struct bo there = dms_import(fd, f->dmabuf);
	struct drm_dmashare_bo_vmap v;

	pattern_fill(f->map, SIZE, 50);
	v = dms_vmap(&there, 0, SIZE, 1);
	ASSERT_EQ(v.checksum, crc32c(f->map, SIZE));
	ASSERT_EQ(v.flags, 0);
	v = dms_vmap(&there, PAGE - 3, PAGE + 7, DRM_DMASHARE_VMAP_MAX);
	ASSERT_EQ(v.checksum, crc32c(f->map + PAGE - 3, PAGE + 7));
	v = dms_vmap(&there, SIZE - 1, 1, 3);
	ASSERT_EQ(v.checksum, crc32c(f->map + SIZE - 1, 1));
	ASSERT_OK(dms_try_close(fd, there.handle));
	covers("import.vmap:%s vmap.system:%s vmap.count:%s", f->exporter, f->exporter,
	       f->exporter);
}

/* A program maps the exporter's dma-buf, not our import of it. */
static void not_for_programs(int fd, struct foreign *f)
{
	struct bo there = dms_import(fd, f->dmabuf);
	struct drm_dmashare_bo_mmap m = { .handle = there.handle };
	int onward;
	uint8_t *p;

	ASSERT_REFUSED("BO_MMAP", drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m), EOPNOTSUPP);
	/* The dma-buf that we hand on is theirs, and so is its mmap. */
	onward = dms_export(fd, there.handle);
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, onward, 0);
	ASSERT(p != MAP_FAILED);
	pattern_fill(p, SIZE, 60);
	ASSERT(pattern_check(f->map, SIZE, 60));
	munmap(p, SIZE);
	close(onward);
	ASSERT_OK(dms_try_close(fd, there.handle));
	covers("import.mmap:%s", f->exporter);
}

static void import_statically(void) { for_each_exporter(statically); }
static void import_dynamically(void) { for_each_exporter(dynamically); }
static void import_for_one_direction(void) { for_each_exporter(for_one_direction); }
static void import_several_times(void) { for_each_exporter(several_times); }
static void import_for_one_use(void) { for_each_exporter(for_one_use); }
static void import_for_the_kernel(void) { for_each_exporter(for_the_kernel); }
static void import_not_for_programs(void) { for_each_exporter(not_for_programs); }

/* Nor do other drivers map for programs what they import of ours. */
static void vgem_maps_no_import(void)
{
	int fd = dms_open(), vgem = vgem_open();
	struct bo bo = dms_create(fd, PAGE, "ours");
	struct drm_mode_map_dumb m = { 0 };

	ASSERT_OK(drmPrimeFDToHandle(vgem, dms_export(fd, bo.handle), &m.handle));
	ASSERT_ERRNO(drmIoctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &m), EINVAL);
}

/* The kernel's and ours: the same buffer, the same bytes. */
static void own_buffer(void)
{
	int fd = dms_open(), dmabuf;
	struct bo bo = dms_create_mapped(fd, SIZE, "own");
	struct drm_dmashare_bo_vmap v;
	struct dmashare_ledger l;
	uint32_t handle;

	dmabuf = dms_export(fd, bo.handle);
	/* The device's own: the handle that it has, whatever is asked for. */
	ASSERT_OK(dms_try_import_as(fd, dmabuf, DRM_DMASHARE_IMPORT_STATIC, &handle));
	ASSERT_EQ(handle, bo.handle);
	pattern_fill(bo.map, SIZE, 70);
	v = dms_vmap(&bo, 0, SIZE, 5);
	ASSERT_EQ(v.checksum, crc32c(bo.map, SIZE));
	ASSERT_EQ(v.flags, 0);
	v = dms_vmap(&bo, 5, 11, 1);
	ASSERT_EQ(v.checksum, crc32c(bo.map + 5, 11));
	l = ledger_get(fd, bo.handle);
	/* Of several at once the exporter hears only of the first and the last. */
	ASSERT_EQ(l.notes[DMASHARE_NOTE_VMAP], 2);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_VUNMAP], 2);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_BEGIN_CPU], 2);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_END_CPU], 2);
	ASSERT_EQ(dms_info(fd, bo.handle).pins, 0);
	dms_run_ok(fd, dms_job_fill(&bo, 0, SIZE, 0x7171717171717171));
	dms_unmap(&bo);
	ASSERT_EQ(dms_info(fd, bo.handle).mapping, 0);
	ASSERT(all_bytes(bo.map, SIZE, 0x71));
	dms_run_ok(fd, dms_job_fill(&bo, 0, SIZE, 0x7272727272727272));
	ASSERT(all_bytes(bo.map, SIZE, 0x72));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(import_statically),
	KTAP_CASE(import_dynamically),
	KTAP_CASE(import_for_one_direction),
	KTAP_CASE(import_several_times),
	KTAP_CASE(import_for_one_use),
	KTAP_CASE(import_for_the_kernel),
	KTAP_CASE(import_not_for_programs),
	KTAP_CASE(vgem_maps_no_import),
	KTAP_COVERS(own_buffer, "vmap:user vunmap:user vmap.system:user vmap.count:user "
		    "import.unmap:user begin_cpu:user end_cpu:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
