// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device that takes few segments, none of them long and none across a
 * boundary, as importer of each exporter and with buffers of its own. It is the
 * second one of the VM; the first has no limits. That a job succeeds shows that
 * no segment broke a rule, for the device refuses such a mapping as a whole.
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

#define PAGE		4096u
/* Of the VM rows strict and strictdirect. */
#define MAX_SEGMENTS	8u
#define MAX_SEGMENT	(32u << 10)
#define BOUNDARY	(16u << 10)
/* As many pages as fit if each is a segment, and as many as cannot fit at all. */
#define FEW		(MAX_SEGMENTS * PAGE)
#define MANY		((MAX_SEGMENTS + 1) * BOUNDARY)

static int strict_open(void)
{
	int fd = dms_open_nth(1);

	if (dms_param(fd, DRM_DMASHARE_PARAM_MAX_SEGMENTS) == MAX_SEGMENTS)
		return fd;
	close(fd);
	fd = dms_open_nth(0);
	ASSERT_EQ(dms_param(fd, DRM_DMASHARE_PARAM_MAX_SEGMENTS), MAX_SEGMENTS);
	return fd;
}

/* The one that has no limits. */
static int plain_open(void)
{
	int fd = dms_open_nth(0);

	if (dms_param(fd, DRM_DMASHARE_PARAM_MAX_SEGMENTS) != MAX_SEGMENTS)
		return fd;
	close(fd);
	return dms_open_nth(1);
}

/* What the device was given keeps to its limits, and the bytes are right. */
static void check(int strict, const struct bo *there, uint8_t *map)
{
	struct bo copy = dms_create_mapped(strict, FEW, "copy");
	struct drm_dmashare_bo_info i;
	uint64_t at, n;

	/* Its own buffers a device maps when a job wants them. */
	dms_crc(strict, there, 0, there->size);
	i = dms_info(strict, there->handle);
	ASSERT_MSG(i.n_segments <= MAX_SEGMENTS, "%u segments", i.n_segments);
	ASSERT_MSG(i.max_segment <= BOUNDARY, "a segment of %llu bytes",
		   (unsigned long long)i.max_segment);
	ASSERT(i.n_segments >= i.size / BOUNDARY);
	for (at = 0; at < there->size; at += n) {
		n = there->size - at < FEW ? there->size - at : FEW;
		pattern_fill(map + at, n, at);
		dms_run_ok(strict, dms_job_copy(&copy, 0, there, at, n));
		ASSERT(pattern_check(copy.map, n, at));
		pattern_fill(copy.map, n, at + 1);
		dms_run_ok(strict, dms_job_copy(there, at, &copy, 0, n));
		ASSERT(pattern_check(map + at, n, at + 1));
	}
	dms_destroy(&copy);
}

static void fits_of_each(void)
{
	int fd = strict_open();
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		struct foreign f = exporters[i].create(FEW);
		struct bo there = dms_import(fd, f.dmabuf);

		check(fd, &there, f.map);
		covers("constraint.max-segments:%s constraint.max-segment-size:%s "
		       "constraint.boundary:%s", f.exporter, f.exporter, f.exporter);
		ASSERT_OK(dms_try_close(fd, there.handle));
		foreign_destroy(&f);
	}
}

/* Whatever the IOMMU makes of it: more boundaries than segments. */
static void too_much_of_each(void)
{
	static const uint32_t flags[] = {
		0, DRM_DMASHARE_IMPORT_NO_P2P, DRM_DMASHARE_IMPORT_STATIC,
		DRM_DMASHARE_IMPORT_READ, DRM_DMASHARE_IMPORT_WRITE,
	};
	int fd = strict_open();
	struct dmashare_ledger before = ledger_get(fd, 0), now, d;
	unsigned int i;
	size_t k;

	for (i = 0; i < N_EXPORTERS; i++) {
		struct foreign f = exporters[i].create(MANY);
		uint32_t handle;

		for (k = 0; k < ARRAY_SIZE(flags); k++)
			ASSERT_REFUSED("BO_IMPORT",
				       dms_try_import_as(fd, f.dmabuf, flags[k], &handle), EFBIG);
		ASSERT_REFUSED("PRIME_FD_TO_HANDLE", dms_try_import(fd, f.dmabuf, &handle), EFBIG);
		covers("constraint.max-segments:%s constraint.boundary:%s", f.exporter,
		       f.exporter);
		foreign_destroy(&f);
	}
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, 0);
	ASSERT_EQ(d.live_attachments, 0);
	ASSERT_EQ(d.live_mappings, 0);
}

/* Every kind of pages of another dmashare. */
static void kinds_of_pages(void)
{
	static const struct {
		uint32_t flags;
		uint64_t size;
	} kinds[] = {
		{ DRM_DMASHARE_BO_SCATTERED, FEW },
		{ DRM_DMASHARE_BO_CONTIGUOUS, FEW },
		{ DRM_DMASHARE_BO_CONTIGUOUS, MAX_SEGMENTS * BOUNDARY },
		{ 0, FEW },
	};
	int strict = strict_open(), plain = plain_open();
	uint32_t handle;
	size_t k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct bo bo = dms_create_in(plain, kinds[k].size, DMASHARE_PLACEMENT_SYSTEM,
					     kinds[k].flags, "kind"), there;

		dms_map(&bo);
		there = dms_import(strict, dms_export(plain, bo.handle));
		check(strict, &there, bo.map);
		ASSERT_OK(dms_try_close(strict, there.handle));
		dms_destroy(&bo);
	}
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct bo bo = dms_create_in(plain, MANY, DMASHARE_PLACEMENT_SYSTEM,
					     kinds[k].flags, "too much");

		ASSERT_REFUSED("BO_IMPORT",
			       dms_try_import_as(strict, dms_export(plain, bo.handle), 0, &handle),
			       EFBIG);
		/* The exporter is none the worse for it. */
		dms_run_ok(plain, dms_job_fill(&bo, 0, MANY, 0x6363636363636363));
		ASSERT_EQ(ledger_get(plain, bo.handle).live_attachments, 0);
		ASSERT_EQ(dms_info(plain, bo.handle).pins, 0);
		dms_destroy(&bo);
	}
	if (dms_param(strict, DRM_DMASHARE_PARAM_IOMMU))
		return;
	/* No IOMMU makes long runs of single pages. */
	{
		struct bo bo = dms_create_in(plain, FEW + PAGE, DMASHARE_PLACEMENT_SYSTEM,
					     DRM_DMASHARE_BO_SCATTERED, "pages");

		ASSERT_ERRNO(dms_try_import_as(strict, dms_export(plain, bo.handle), 0, &handle),
			     EFBIG);
	}
}

static void own_buffers(void)
{
	int fd = strict_open();
	struct bo bo = dms_create_mapped(fd, FEW, "fits"), big = dms_create(fd, MANY, "big");
	struct drm_dmashare_job job = dms_job_fill(&big, 0, PAGE, 0);
	struct drm_dmashare_submit s = { 0 };

	check(fd, &bo, bo.map);
	/* A buffer may be as it likes until the device is to use it. */
	dms_map(&big);
	pattern_fill(big.map, MANY, 3);
	ASSERT_REFUSED("SUBMIT", dms_try_submit(fd, &s, &job, 1), EFBIG);
	ASSERT(pattern_check(big.map, MANY, 3));
	dms_run_ok(fd, dms_job_fill(&bo, 0, FEW, 0x6464646464646464));
	ASSERT(all_bytes(bo.map, FEW, 0x64));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(fits_of_each),
	KTAP_CASE(too_much_of_each),
	KTAP_COVERS(kinds_of_pages, "constraint.max-segments:dmashare "
		    "constraint.max-segment-size:dmashare constraint.boundary:dmashare"),
	KTAP_COVERS(own_buffers, "constraint.max-segments:user constraint.max-segment-size:user "
		    "constraint.boundary:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
