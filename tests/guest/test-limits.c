// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device with tight limits (the VM "limits"): what is over them is refused
 * with the documented errno, and there is room again when something goes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE		4096u
#define FIND_MOST	1000

static void buffers(void)
{
	int fd = dms_open();
	uint32_t handle[FIND_MOST];
	unsigned int n = 0, i;
	struct bo bo;

	while (n < FIND_MOST && !dms_try_create(fd, PAGE, 0, "many", &bo))
		handle[n++] = bo.handle;
	ASSERT_MSG(n < FIND_MOST, "%u buffers and no end", n);
	ASSERT_EQ(errno, ENOSPC);
	ASSERT_MSG(n > 1, "only %u buffers", n);
	ASSERT_EQ(ledger_get(fd, 0).live_buffers, n);
	ASSERT_OK(dms_try_close(fd, handle[--n]));
	ASSERT_OK(dms_try_create(fd, PAGE, 0, "again", &bo));
	ASSERT_ERRNO(dms_try_create(fd, PAGE, 0, "again", &bo), ENOSPC);
	for (i = 0; i < n; i++)
		ASSERT_OK(dms_try_close(fd, handle[i]));
}

/* An import takes a buffer, an attachment and a mapping. */
static void imports(void)
{
	struct foreign f[64];
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0);
	uint32_t handle[64], again;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(f); n++) {
		f[n] = heap_buffer(PAGE);
		if (dms_try_import(fd, f[n].dmabuf, &handle[n]))
			break;
	}
	ASSERT_MSG(n < ARRAY_SIZE(f), "%u imports and no end", n);
	ASSERT_EQ(errno, ENOSPC);
	ASSERT_MSG(n > 1, "only %u imports", n);
	errno_seen("PRIME_FD_TO_HANDLE", ENOSPC);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(fd, f[n].dmabuf, 0, &again), ENOSPC);
	/* The refused one left nothing half done. */
	ASSERT_EQ(ledger_get(fd, 0).live_buffers - before.live_buffers, n);
	ASSERT_EQ(ledger_get(fd, 0).live_attachments - before.live_attachments, n);
	ASSERT_OK(dms_try_close(fd, handle[0]));
	ASSERT_OK(dms_try_import(fd, f[n].dmabuf, &again));
	close(fd);
	fd = dms_open();
	ledger_wait_gone(fd, &before);
}

/* A foreign importer is told, too. */
static void attachments(void)
{
	int fd = dms_open(), vgem[64], dmabuf;
	struct bo bo = dms_create(fd, PAGE, "popular");
	uint32_t handle;
	unsigned int n;

	dmabuf = dms_export(fd, bo.handle);
	for (n = 0; n < ARRAY_SIZE(vgem); n++) {
		vgem[n] = vgem_open();
		if (drmPrimeFDToHandle(vgem[n], dmabuf, &handle))
			break;
	}
	ASSERT_MSG(n < ARRAY_SIZE(vgem), "%u attachments and no end", n);
	ASSERT_EQ(errno, ENOSPC);
	ASSERT_EQ(ledger_get(fd, bo.handle).live_attachments, n);
	close(vgem[0]);
	ASSERT_OK(drmPrimeFDToHandle(vgem[n], dmabuf, &handle));
}

/* Runs longer than a segment may be are cut; the bytes are all there. */
static void long_runs_are_cut(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 32 * PAGE, "a");
	struct bo b = dms_create_mapped(fd, 32 * PAGE, "b");

	pattern_fill(a.map, a.size, 1);
	dms_run_ok(fd, dms_job_copy(&b, 0, &a, 0, a.size));
	ASSERT(pattern_check(b.map, b.size, 1));
	ASSERT_EQ(dms_crc(fd, &b, 0, b.size), crc32c(b.map, b.size));
	ASSERT_MSG(dms_info(fd, b.handle).n_segments >= 2, "%u segments",
		   dms_info(fd, b.handle).n_segments);
}

/* More segments than a mapping may have: EFBIG, at SUBMIT or at import. */
static void too_many_segments(void)
{
	int fd = dms_open();
	uint64_t most = dms_param(fd, DRM_DMASHARE_PARAM_MAX_SEGMENTS);
	struct bo bo = dms_create(fd, (most + 1) * 64 * 1024, "long");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, 1);
	struct drm_dmashare_submit s = { 0 };
	struct foreign f = heap_buffer((most + 1) * 64 * 1024);
	uint32_t handle;

	ASSERT_REFUSED("SUBMIT", dms_try_submit(fd, &s, &job, 1), EFBIG);
	ASSERT_REFUSED("PRIME_FD_TO_HANDLE", dms_try_import(fd, f.dmabuf, &handle), EFBIG);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(fd, f.dmabuf, 0, &handle), EFBIG);
	ASSERT_ERRNO(dms_try_import_as(fd, f.dmabuf, DRM_DMASHARE_IMPORT_STATIC, &handle),
		     EFBIG);
	/* One that just fits. */
	bo = dms_create_mapped(fd, most * 64 * 1024 / 2, "fits");
	dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, 0x0101010101010101));
	ASSERT(all_bytes(bo.map, bo.size, 1));
}

/* Every address the device gets is within its reach. */
static void address_width(void)
{
	int fd = dms_open();
	uint64_t bits = dms_param(fd, DRM_DMASHARE_PARAM_DMA_BITS);
	struct foreign f = heap_buffer(16 * PAGE);
	struct bo bo = dms_create(fd, 16 * PAGE, "low"), there = dms_import(fd, f.dmabuf);

	ASSERT_EQ(bits, 28);
	dms_run_ok(fd, dms_job_copy(&there, 0, &bo, 0, bo.size));
	ASSERT_EQ(dms_info(fd, bo.handle).dma_addr >> bits, 0);
	ASSERT_EQ(dms_info(fd, there.handle).dma_addr >> bits, 0);
}

static void job_bytes(void)
{
	int fd = dms_open();
	uint64_t most = dms_param(fd, DRM_DMASHARE_PARAM_MAX_JOB_BYTES);
	struct bo bo = dms_create(fd, most + PAGE, "long");
	struct drm_dmashare_job job = dms_job_crc(&bo, 0, most);
	struct drm_dmashare_submit s = { 0 };

	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	job.length++;
	ASSERT_ERRNO(dms_try_submit(fd, &s, &job, 1), EINVAL);
}

static void one_queue(void)
{
	struct drm_dmashare_job noop = dms_job_noop(0);
	struct drm_dmashare_submit s = { .queue = 1 };
	int fd = dms_open();

	ASSERT_EQ(dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES), 1);
	ASSERT_ERRNO(dms_try_submit(fd, &s, &noop, 1), EINVAL);
	ASSERT_EQ(dms_run(fd, &noop, 1), 0);
}

/* Rings of few entries, and many more jobs than they hold. */
static void small_rings(void)
{
	enum { N = 200 };
	static struct drm_dmashare_job jobs[N];
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, (N + 1) * 8, "shift");
	uint64_t *word = (uint64_t *)bo.map;
	unsigned int i;

	word[0] = 0xfeed;
	for (i = 0; i < N; i++)
		jobs[i] = dms_job_copy(&bo, 8 * (i + 1), &bo, 8 * i, 8);
	ASSERT_EQ(dms_run(fd, jobs, N), 0);
	for (i = 0; i <= N; i++)
		ASSERT_EQ(word[i], 0xfeed);
}

/* Latency and bandwidth of the device take their time. */
static void jobs_take_time(void)
{
	int fd = dms_open();
	struct bo a = dms_create(fd, 16 * PAGE, "a"), b = dms_create(fd, 16 * PAGE, "b");
	uint64_t start;

	dms_run_ok(fd, dms_job_fill(&a, 0, 8, 0));
	start = dms_time(fd);
	dms_run_ok(fd, dms_job_copy(&b, 0, &a, 0, a.size));
	/* 64 KiB at 16 MiB/s, and 1 ms. */
	ASSERT(dms_time(fd) - start >= 1 * MSEC + 3900 * 1000);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(buffers),
	KTAP_COVERS(imports, "import.read:vgem"),
	KTAP_CASE(attachments),
	KTAP_COVERS(long_runs_are_cut, "constraint.max-segment-size:user"),
	KTAP_COVERS(too_many_segments, "constraint.max-segments:udmabuf"),
	KTAP_COVERS(address_width, "constraint.dma-bits:user"),
	KTAP_CASE(job_bytes),
	KTAP_CASE(one_queue),
	KTAP_CASE(small_rings),
	KTAP_CASE(jobs_take_time),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
