// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The second device has addresses of 32 bits, and the machine has memory above
 * 4 GiB. With an IOMMU its addresses are below that wherever the memory is.
 * Without one the kernel puts bounce buffers in between. Either way the device
 * never receives an address that it does not have (it would refuse the mapping,
 * whichever of its segments that is in), and the bytes are right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096u
#define SIZE	(32 * PAGE)
#define LIMIT	(1ull << 32)

#define R	DMA_BUF_SYNC_READ
#define W	DMA_BUF_SYNC_WRITE
#define RW	DMA_BUF_SYNC_RW

static int narrow_open(void)
{
	int fd = dms_open_nth(1);

	ASSERT_EQ(dms_param(fd, DRM_DMASHARE_PARAM_DMA_BITS), 32);
	ASSERT_EQ(dms_param(dms_open_nth(0), DRM_DMASHARE_PARAM_DMA_BITS), 64);
	return fd;
}

static bool translated(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_IOMMU);
}

static void sync_start(int dmabuf, uint64_t how)
{
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | how));
}

static void sync_end(int dmabuf, uint64_t how)
{
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | how));
}

static void check_address(int fd, const struct bo *bo)
{
	struct drm_dmashare_bo_info info = dms_info(fd, bo->handle);

	ASSERT(info.flags & DRM_DMASHARE_BO_INFO_MAPPED);
	ASSERT(info.dma_addr);
	ASSERT_MSG(info.dma_addr + info.max_segment <= LIMIT, "address %#llx, segment of %#llx",
		   (unsigned long long)info.dma_addr, (unsigned long long)info.max_segment);
}

/*
 * Bytes both ways, with the syncs that bounce buffers need: @r for a program
 * that reads, @w for one that writes.
 */
static void check_bytes_by(int fd, const struct bo *bo, uint8_t *map, int dmabuf, uint64_t r,
			   uint64_t w)
{
	struct bo own = dms_create_mapped(fd, SIZE, "own");
	int own_dmabuf = dms_export(fd, own.handle);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		sync_start(dmabuf, w);
		pattern_fill(map, SIZE, i);
		sync_end(dmabuf, w);
		ASSERT_EQ(dms_crc(fd, bo, 0, SIZE), crc32c(map, SIZE));
		sync_start(own_dmabuf, W);
		pattern_fill(own.map, SIZE, i + 10);
		sync_end(own_dmabuf, W);
		dms_run_ok(fd, dms_job_copy(bo, 0, &own, 0, SIZE));
		sync_start(dmabuf, r);
		ASSERT(pattern_check(map, SIZE, i + 10));
		sync_end(dmabuf, r);
		check_address(fd, bo);
		check_address(fd, &own);
	}
	close(own_dmabuf);
	dms_destroy(&own);
}

static void check_bytes(int fd, const struct bo *bo, uint8_t *map, int dmabuf)
{
	check_bytes_by(fd, bo, map, dmabuf, R, W);
}

/* The wide device's buffers lie high; else this would prove nothing. */
static void memory_above_4g(void)
{
	struct bo bo = dms_create(dms_open_nth(0), SIZE, "high");

	ASSERT(bo_physical(&bo) >= LIMIT);
}

static void imports_high_memory(void)
{
	int wide = dms_open_nth(0), narrow = narrow_open(), dmabuf;
	struct bo there = dms_create_mapped(wide, SIZE, "high"), here;

	ASSERT(bo_physical(&there) >= LIMIT);
	dmabuf = dms_export(wide, there.handle);
	here = dms_import(narrow, dmabuf);
	check_address(narrow, &here);
	check_bytes(narrow, &here, there.map, dmabuf);
	ASSERT_EQ(ledger_get(narrow, here.handle).faults, 0);
	ASSERT(bo_physical(&there) >= LIMIT);
}

static void static_import(void)
{
	int wide = dms_open_nth(0), narrow = narrow_open(), dmabuf;
	struct bo there = dms_create_in(wide, SIZE, SYSTEM, DRM_DMASHARE_BO_SCATTERED, "high");
	struct bo here;

	dms_map(&there);
	dmabuf = dms_export(wide, there.handle);
	here = dms_import_as(narrow, dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	check_address(narrow, &here);
	check_bytes(narrow, &here, there.map, dmabuf);
}

static void own_buffers(void)
{
	int narrow = narrow_open(), dmabuf;
	struct bo bo = dms_create_mapped(narrow, SIZE, "own");

	dmabuf = dms_export(narrow, bo.handle);
	check_bytes(narrow, &bo, bo.map, dmabuf);
}

static void foreign_of(const struct exporter *e)
{
	int narrow = narrow_open();
	struct dmashare_ledger before = ledger_get(narrow, 0);
	struct foreign f = e->create(SIZE);
	struct bo here;

	pattern_fill(f.map, SIZE, 5);
	here = dms_import(narrow, f.dmabuf);
	check_address(narrow, &here);
	ASSERT_EQ(dms_crc(narrow, &here, 0, SIZE), crc32c(f.map, SIZE));
	/*
	 * Bounce buffers are synced by begin and end of the heap alone, and by
	 * others when the importer leaves, if at all. See test-coherence.c.
	 */
	if (translated(narrow) || !strcmp(e->name, "system-heap")) {
		/* udmabuf keeps the direction of the first sync, and so must all. */
		check_bytes_by(narrow, &here, f.map, f.dmabuf, RW, RW);
	} else {
		dms_run_ok(narrow, dms_job_fill(&here, 0, SIZE, 7));
		ASSERT_OK(dms_try_close(narrow, here.handle));
		ledger_wait_gone(narrow, &before);
		if (foreign_syncs_at_unmap(narrow, &f)) {
			ASSERT_EQ(*(uint64_t *)f.map, 7);
			ASSERT_EQ(*(uint64_t *)(f.map + SIZE - 8), 7);
		}
	}
	covers("constraint.dma-bits:%s", e->name);
}

static void foreign_vgem(void)
{
	foreign_of(&exporters[0]);
}

static void foreign_udmabuf(void)
{
	foreign_of(&exporters[1]);
}

static void foreign_heap(void)
{
	foreign_of(&exporters[2]);
}

/* The BAR is above 4 GiB: reached through the IOMMU, or not at all. */
static void local_memory_of_the_other(void)
{
	int wide = dms_open_nth(0), narrow = narrow_open(), dmabuf;
	struct bo there = dms_create_in(wide, SIZE, LOCAL, 0, "peer"), here;
	struct bar bar = local_bar(wide);
	struct drm_dmashare_bo_info info;

	ASSERT(bar.start >= LIMIT);
	dms_map(&there);
	pattern_fill(there.map, SIZE, 1);
	dmabuf = dms_export(wide, there.handle);
	here = dms_import(narrow, dmabuf);
	check_address(narrow, &here);
	info = dms_info(wide, there.handle);
	if (translated(narrow)) {
		ASSERT_EQ(info.placement, LOCAL);
		ASSERT(dms_info(narrow, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
		covers("p2p.map:dmashare");
	} else {
		ASSERT_EQ(info.placement, SYSTEM);
		ASSERT_EQ(info.moves, 1);
		ASSERT(!(dms_info(narrow, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P));
		covers("p2p.fallback:dmashare");
	}
	sync_start(dmabuf, R);
	ASSERT(pattern_check(there.map, SIZE, 1));
	sync_end(dmabuf, R);
	check_bytes(narrow, &here, there.map, dmabuf);
}

/*
 * The same while the other device writes. Without an IOMMU the importer's bounce
 * buffer must not have what was there before the buffer came.
 */
static void local_memory_that_is_written(void)
{
	int wide = dms_open_nth(0), narrow = narrow_open(), dmabuf, fence;
	struct bo there = dms_create_in(wide, SIZE, LOCAL, 0, "written"), here;
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(300 * MSEC),
		dms_job_fill(&there, SIZE - PAGE, PAGE, 7),
	};

	dms_map(&there);
	pattern_fill(there.map, SIZE, 2);
	dmabuf = dms_export(wide, there.handle);
	fence = dms_submit_fence(wide, 0, 0, jobs, 2);
	here = dms_import(narrow, dmabuf);
	check_address(narrow, &here);
	sync_start(dmabuf, RW);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(pattern_check(there.map, SIZE - PAGE, 2));
	ASSERT_EQ(*(uint64_t *)(there.map + SIZE - PAGE), 7);
	ASSERT_EQ(*(uint64_t *)(there.map + SIZE - 8), 7);
	sync_end(dmabuf, RW);
	check_bytes(narrow, &here, there.map, dmabuf);
}

/* Its own local memory has no DMA addresses to be too long. */
static void own_local_memory(void)
{
	int narrow = narrow_open();
	struct bo bo = dms_create_in(narrow, SIZE, LOCAL, 0, "own");

	dms_map(&bo);
	pattern_fill(bo.map, SIZE, 1);
	ASSERT_EQ(dms_crc(narrow, &bo, 0, SIZE), crc32c(bo.map, SIZE));
	dms_move(&bo, SYSTEM);
	ASSERT(pattern_check(bo.map, SIZE, 1));
	dms_move(&bo, LOCAL);
	ASSERT(pattern_check(bo.map, SIZE, 1));
}

/*
 * A bounce buffer is 256 KiB at most in one piece and there are 64 MiB of them:
 * a buffer of which not all can be had is refused, and nothing is left of it.
 */
static void more_than_can_bounce(void)
{
	int wide = dms_open_nth(0), narrow = narrow_open(), dmabuf;
	struct dmashare_ledger before = ledger_get(narrow, 0);
	struct bo there = dms_create(wide, 96u << 20, "long"), here;
	uint32_t handle;

	dmabuf = dms_export(wide, there.handle);
	if (translated(narrow)) {
		here = dms_import(narrow, dmabuf);
		check_address(narrow, &here);
		dms_run_ok(narrow, dms_job_fill(&here, there.size - PAGE, PAGE, 3));
		ASSERT_OK(dms_try_close(narrow, here.handle));
	} else {
		ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(narrow, dmabuf, 0, &handle), EFBIG);
	}
	ledger_wait_gone(narrow, &before);
	close(dmabuf);
	dms_destroy(&there);
	/* And what is shorter can still be had. */
	imports_high_memory();
}

static const struct ktap_case cases[] = {
	KTAP_CASE(memory_above_4g),
	KTAP_COVERS(imports_high_memory, "constraint.dma-bits:dmashare import.dynamic:dmashare"),
	KTAP_COVERS(static_import, "constraint.dma-bits:dmashare import.static:dmashare"),
	KTAP_COVERS(own_buffers, "constraint.dma-bits:user"),
	KTAP_CASE(foreign_vgem),
	KTAP_CASE(foreign_udmabuf),
	KTAP_CASE(foreign_heap),
	KTAP_COVERS(local_memory_of_the_other, "p2p.reach:dmashare"),
	KTAP_CASE(local_memory_that_is_written),
	KTAP_CASE(own_local_memory),
	KTAP_COVERS(more_than_can_bounce, "constraint.dma-bits:dmashare"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
