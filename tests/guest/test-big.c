// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffers around and above 4 GiB, where lengths of 32 bits end. They are in
 * local memory, which in this VM is long and sparse: only the pages that a test
 * writes exist.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096ull
#define GIB	(1ull << 30)
#define ONES	0x0101010101010101ull

struct big {
	int a, b, dmabuf;
	struct bo there, here;
};

/* Of device a, mapped for the CPU, and as device b has it. */
static struct big big_of(uint64_t size)
{
	struct big x = { .a = dms_open_nth(0), .b = dms_open_nth(1) };

	x.there = dms_create_in(x.a, size, LOCAL, 0, "big");
	ASSERT_EQ(x.there.size, size);
	dms_map(&x.there);
	x.dmabuf = dms_export(x.a, x.there.handle);
	ASSERT_EQ(lseek(x.dmabuf, 0, SEEK_END), size);
	x.here = dms_import(x.b, x.dmabuf);
	ASSERT_EQ(x.here.size, size);
	return x;
}

/*
 * @bo sees at @at what the CPU wrote there, and the CPU sees what a job of
 * @bo's device writes there; @at is the middle of two pages' worth of bytes.
 */
static void check_around(struct big *x, const struct bo *bo, uint64_t at, uint64_t seed)
{
	uint64_t from = at - PAGE;
	uint8_t *p = x->there.map + from;

	pattern_fill(p, 2 * PAGE, seed);
	ASSERT_EQ(dms_crc(bo->fd, bo, from, 2 * PAGE), crc32c(p, 2 * PAGE));
	dms_run_ok(bo->fd, dms_job_fill(bo, at - 8, 16, seed * ONES));
	ASSERT(pattern_check(p, PAGE - 8, seed));
	ASSERT(all_bytes(p + PAGE - 8, 16, seed));
}

static void check_big(uint64_t size)
{
	struct big x = big_of(size);
	const struct bo *side[2] = { &x.there, &x.here };
	struct dmashare_ledger a, b;
	unsigned int i;
	uint64_t at;
	uint8_t *end;

	for (i = 0; i < 2; i++) {
		const struct bo *bo = side[i];
		struct drm_dmashare_bo_info info;

		/* The last pages. */
		check_around(&x, bo, size - PAGE, 10 + i);
		/* Where a length, and where a sum of lengths, overflows. */
		for (at = 4 * GIB - PAGE; at <= 4 * GIB + PAGE; at += PAGE)
			if (at + PAGE <= size)
				check_around(&x, bo, at, 20 + i);
		for (at = 2 * GIB; at + PAGE <= size; at += 2 * GIB)
			check_around(&x, bo, at, 30 + at / GIB + i);
		/* The last byte; and no two of these places are one. */
		dms_run_ok(bo->fd, dms_job_fill(bo, size - 3, 3, 0x333333));
		ASSERT_EQ(x.there.map[size - 1], 0x33);
		ASSERT_EQ(x.there.map[size - 3], 0x33);
		ASSERT_EQ(x.there.map[0], 0);
		x.there.map[0] = 1;
		dms_run_ok(bo->fd, dms_job_copy(bo, 8, bo, size - 3, 3));
		ASSERT_EQ(x.there.map[8], 0x33);
		ASSERT_EQ(x.there.map[0], 1);
		memset(x.there.map, 0, 16);
		info = dms_info(bo->fd, bo->handle);
		ASSERT_EQ(info.size, size);
		ktap_diag("%s: %u segments, the longest of %#llx", i ? "importer" : "own device",
			  info.n_segments, (unsigned long long)info.max_segment);
		ASSERT(info.n_segments);
		ASSERT_EQ(info.max_segment % PAGE, 0);
		ASSERT(info.max_segment <= size);
		ASSERT(info.n_segments * info.max_segment >= size);
		/* The device checked that the segments' sum is the size. */
		ASSERT_EQ(ledger_get(bo->fd, bo->handle).live_mappings, 1);
		ASSERT_EQ(ledger_get(bo->fd, bo->handle).live_segments, info.n_segments);
	}
	/* Its own memory is one run, whatever it takes to say that to others. */
	ASSERT_EQ(dms_info(x.a, x.there.handle).n_segments, 1);
	ASSERT_EQ(dms_info(x.a, x.there.handle).max_segment, size);
	ASSERT(dms_info(x.b, x.here.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
	ASSERT_EQ(dms_info(x.a, x.there.handle).placement, LOCAL);
	/* The dma-buf's own mmap, of its last page and not past it. */
	end = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, x.dmabuf, size - PAGE);
	ASSERT(end != MAP_FAILED);
	ASSERT_EQ(end[PAGE - 1], 0x33);
	end[PAGE - 2] = 0x77;
	ASSERT_EQ(x.there.map[size - 2], 0x77);
	ASSERT(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, x.dmabuf, size - PAGE) == MAP_FAILED);
	/* One byte further is refused, by either device. */
	for (i = 0; i < 2; i++) {
		struct drm_dmashare_job job = dms_job_fill(side[i], size - 7, 8, 1);
		struct drm_dmashare_submit s = { 0 };

		ASSERT_ERRNO(dms_try_submit(side[i]->fd, &s, &job, 1), EINVAL);
	}
	a = ledger_get(x.a, x.there.handle);
	b = ledger_get(x.b, x.here.handle);
	ASSERT_EQ(a.jobs_failed + b.jobs_failed + a.faults + b.faults, 0);
	ASSERT_EQ(a.places, 0);
}

static void page_below_4g(void)
{
	check_big(4 * GIB - PAGE);
}

static void exactly_4g(void)
{
	check_big(4 * GIB);
}

static void page_above_4g(void)
{
	check_big(4 * GIB + PAGE);
}

static void eight_gib(void)
{
	check_big(8 * GIB);
}

/* Two that do not begin at the start of local memory. */
static void behind_another(void)
{
	int a = dms_open_nth(0);
	struct bo first = dms_create_in(a, 5 * GIB + PAGE, LOCAL, 0, "first");

	check_big(8 * GIB);
	ASSERT_EQ(dms_info(a, first.handle).placement, LOCAL);
}

/* The notes about it carry the length. */
static void ledger_has_the_bytes(void)
{
	struct big x = big_of(8 * GIB);
	struct dmashare_ledger before = ledger_get(x.b, x.here.handle), now;
	uint64_t free = local_free(x.a);

	dms_run_ok(x.b, dms_job_fill(&x.here, 8 * GIB - 64 * PAGE, 64 * PAGE, 0));
	now = ledger_get(x.b, x.here.handle);
	ASSERT_EQ(now.bytes_written - before.bytes_written, 64 * PAGE);
	ASSERT_EQ(now.jobs - before.jobs, 1);
	ASSERT_OK(dms_try_close(x.b, x.here.handle));
	close(x.dmabuf);
	dms_destroy(&x.there);
	ASSERT_EQ(local_free(x.a), free + 8 * GIB);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(page_below_4g, "length.below-4g:dmashare length.below-4g:user p2p.map:dmashare"),
	KTAP_COVERS(exactly_4g, "length.4g:dmashare length.4g:user p2p.map:dmashare"),
	KTAP_COVERS(page_above_4g, "length.above-4g:dmashare length.above-4g:user"),
	KTAP_COVERS(eight_gib, "length.above-4g:dmashare length.above-4g:user p2p.map:dmashare"),
	KTAP_COVERS(behind_another, "length.above-4g:dmashare length.above-4g:user"),
	KTAP_CASE(ledger_has_the_bytes),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
