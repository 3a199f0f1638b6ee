// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DMA to an address that the IOMMU does not map (BO_STALE_DMA): the job fails
 * with the right errno everywhere one can look, and nothing else stops.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/kmsg.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

static void allow_unsafe(bool on)
{
	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", on ? "Y" : "N"));
}

static struct bo stale_buffer(int fd, uint64_t size)
{
	struct bo bo;

	allow_unsafe(true);
	ASSERT_OK(dms_try_create(fd, size, DRM_DMASHARE_BO_STALE_DMA, "stale", &bo));
	return bo;
}

/* Runs one job that is to fault; its result. */
static struct drm_dmashare_job_result fault(int fd, struct drm_dmashare_job job)
{
	struct drm_dmashare_job_result r;

	job.flags |= DRM_DMASHARE_JOB_WANT_RESULT;
	dms_submit(fd, 0, 0, &job, 1);
	r = dms_result(fd, job.id);
	return r;
}

static void needs_the_parameter(void)
{
	int fd = dms_open();
	struct bo bo;

	allow_unsafe(false);
	ASSERT_ERRNO(dms_try_create(fd, PAGE, DRM_DMASHARE_BO_STALE_DMA, "", &bo), EPERM);
	allow_unsafe(true);
	ASSERT_OK(dms_try_create(fd, PAGE, DRM_DMASHARE_BO_STALE_DMA, "", &bo));
}

static void needs_the_capability(void)
{
	int fd = dms_open();
	struct bo bo;

	allow_unsafe(true);
	drop_privileges();
	ASSERT_ERRNO(dms_try_create(fd, PAGE, DRM_DMASHARE_BO_STALE_DMA, "", &bo), EPERM);
}

static void read_faults(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, 2 * PAGE);
	struct drm_dmashare_job_result r = fault(fd, dms_job_crc(&stale, 0, PAGE));

	ASSERT_EQ(r.status, DMASHARE_STATUS_FAULT_TRANSLATION);
	ASSERT_EQ(r.error, EFAULT);
	ASSERT_EQ(r.result, 0);
}

static void write_faults(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, 2 * PAGE);
	struct drm_dmashare_job_result r = fault(fd, dms_job_fill(&stale, 0, PAGE, ONES));

	ASSERT_EQ(r.status, DMASHARE_STATUS_FAULT_TRANSLATION);
	ASSERT_EQ(r.error, EFAULT);
	dms_map(&stale);
	ASSERT(all_bytes(stale.map, stale.size, 0));
}

/* The address in the result is the one the device was given. */
static void address_is_told(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, 4 * PAGE);
	struct drm_dmashare_job_result r = fault(fd, dms_job_crc(&stale, PAGE + 8, PAGE));
	struct drm_dmashare_bo_info info = dms_info(fd, stale.handle);

	ASSERT_NE(info.dma_addr, 0);
	ASSERT_EQ(r.detail, info.dma_addr + PAGE + 8);
}

static void address_is_hidden_from_users(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE);
	struct drm_dmashare_job job = dms_job_crc(&stale, 0, PAGE);
	struct drm_dmashare_job_result r;

	dms_submit(fd, 0, 0, &job, 1);
	ASSERT_EQ(fence_finish(dms_submit_fence(fd, 0, 0,
		  &(struct drm_dmashare_job){ .op = DRM_DMASHARE_OP_NOOP }, 1)), 0);
	drop_privileges();
	r = dms_result(fd, job.id);
	ASSERT_EQ(r.status, DMASHARE_STATUS_FAULT_TRANSLATION);
	ASSERT_EQ(r.error, EFAULT);
	ASSERT_EQ(r.detail, 0);
}

/* A copy that faults on one side leaves the other side's bytes alone. */
static void copy_from_stale(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE), good = dms_create_mapped(fd, PAGE, "good");
	struct drm_dmashare_job_result r;

	pattern_fill(good.map, PAGE, 1);
	r = fault(fd, dms_job_copy(&good, 0, &stale, 0, PAGE));
	ASSERT_EQ(r.error, EFAULT);
	ASSERT(pattern_check(good.map, PAGE, 1));
}

static void copy_to_stale(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE), good = dms_create_mapped(fd, PAGE, "good");
	struct drm_dmashare_job_result r;

	pattern_fill(good.map, PAGE, 2);
	r = fault(fd, dms_job_copy(&stale, 0, &good, 0, PAGE));
	ASSERT_EQ(r.error, EFAULT);
	ASSERT(pattern_check(good.map, PAGE, 2));
	dms_map(&stale);
	ASSERT(all_bytes(stale.map, PAGE, 0));
}

static void next_job_succeeds(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE), good = dms_create_mapped(fd, PAGE, "good");
	unsigned int i;

	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(fault(fd, dms_job_fill(&stale, 0, PAGE, ONES)).error, EFAULT);
		dms_run_ok(fd, dms_job_fill(&good, 0, PAGE, i * ONES));
		ASSERT(all_bytes(good.map, PAGE, i));
		ASSERT_EQ(dms_crc(fd, &good, 0, PAGE), crc32c(good.map, PAGE));
	}
}

/* In one list: only the job in the middle fails. */
static void list_goes_on(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE), good = dms_create_mapped(fd, PAGE, "good");
	struct drm_dmashare_job jobs[3] = {
		dms_job_fill(&good, 0, 8, 1),
		dms_job_fill(&stale, 0, 8, 2),
		dms_job_fill(&good, 8, 8, 3),
	};

	ASSERT_EQ(dms_run(fd, jobs, 3), 0);
	ASSERT_EQ(((uint64_t *)good.map)[0], 1);
	ASSERT_EQ(((uint64_t *)good.map)[1], 3);
}

static void other_queues_go_on(void)
{
	int fd = dms_open(), fence;
	struct bo stale = stale_buffer(fd, PAGE), good = dms_create_mapped(fd, PAGE, "good");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(100 * MSEC),
		dms_job_fill(&good, 0, PAGE, ONES),
	};

	if (dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) < 2)
		SKIP("one job queue");
	fence = dms_submit_fence(fd, 1, 0, jobs, 2);
	ASSERT_EQ(fault(fd, dms_job_fill(&stale, 0, PAGE, ONES)).error, EFAULT);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(all_bytes(good.map, PAGE, 1));
}

static void sync_file_has_the_errno(void)
{
	int fd = dms_open(), fence, merged, good;
	struct bo stale = stale_buffer(fd, PAGE);
	struct drm_dmashare_job job = dms_job_fill(&stale, 0, PAGE, ONES);
	struct drm_dmashare_job noop = dms_job_noop(0);

	fence = dms_submit_fence(fd, 0, 0, &job, 1);
	ASSERT_EQ(fence_wait(fence), EFAULT);
	ASSERT_EQ(fence_info(fence).first.status, -EFAULT);
	/* Merging it with one that ended well does not hide it. */
	good = dms_submit_fence(fd, dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1, 0,
				&noop, 1);
	ASSERT_EQ(fence_wait(good), 0);
	merged = fence_merge(good, fence);
	ASSERT(poll_now(merged, POLLIN) == POLLIN);
}

static void syncobj_has_the_errno(void)
{
	int fd = dms_open(), file;
	struct bo stale = stale_buffer(fd, PAGE);
	struct drm_dmashare_job job = dms_job_fill(&stale, 0, PAGE, ONES);
	struct drm_dmashare_sync out = { 0 };
	struct drm_dmashare_submit s = { .out_syncs = (uintptr_t)&out, .n_out_syncs = 1 };

	ASSERT_OK(drmSyncobjCreate(fd, 0, &out.handle));
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	ASSERT_OK(drmSyncobjExportSyncFile(fd, out.handle, &file));
	ASSERT_EQ(fence_finish(file), EFAULT);
}

/* The stale buffer exported: its fence ends, poll() says ready. */
static void dmabuf_becomes_ready(void)
{
	int fd = dms_open(), dmabuf;
	struct bo stale = stale_buffer(fd, PAGE);
	struct drm_dmashare_job job = dms_job_fill(&stale, 0, PAGE, ONES);

	dmabuf = dms_export(fd, stale.handle);
	dms_submit(fd, 0, 0, &job, 1);
	poll_until(dmabuf, POLLIN | POLLOUT);
}

/* A job that waited for the failed one, as implicit fences do, runs. */
static void who_waited_goes_on(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE), good = dms_create_mapped(fd, PAGE, "good");
	struct drm_dmashare_job first = dms_job_copy(&good, 0, &stale, 0, PAGE);
	struct drm_dmashare_job second = dms_job_fill(&good, 0, PAGE, ONES);

	dms_submit(fd, 0, 0, &first, 1);
	ASSERT_EQ(fence_finish(dms_submit_fence(fd,
		  dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) - 1, 0, &second, 1)), 0);
	ASSERT(all_bytes(good.map, PAGE, 1));
}

static void ledger_counts_it(void)
{
	int fd = dms_open();
	struct bo stale = stale_buffer(fd, PAGE);
	struct dmashare_ledger before = ledger_get(fd, 0), now, d;

	ASSERT_EQ(fault(fd, dms_job_fill(&stale, 0, PAGE, ONES)).error, EFAULT);
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.jobs, 0);
	ASSERT_EQ(d.jobs_failed, 1);
	ASSERT_EQ(d.faults, 1);
	ASSERT_EQ(d.bytes_written, 0);
	ASSERT_EQ(d.fences_signalled, 1);
	ASSERT_EQ(d.fences_failed, 1);
	now = ledger_get(fd, stale.handle);
	ASSERT_EQ(now.faults, 1);
	ASSERT_EQ(now.jobs_failed, 1);
	ASSERT_EQ(now.jobs, 0);
}

static void closes_cleanly(void)
{
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0);
	struct bo stale = stale_buffer(fd, 16 * PAGE);

	ASSERT_EQ(fault(fd, dms_job_fill(&stale, 0, PAGE, ONES)).error, EFAULT);
	dms_destroy(&stale);
	ledger_wait_gone(fd, &before);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(needs_the_parameter),
	KTAP_CASE(needs_the_capability),
	KTAP_CASE(read_faults),
	KTAP_CASE(write_faults),
	KTAP_CASE(address_is_told),
	KTAP_CASE(address_is_hidden_from_users),
	KTAP_CASE(copy_from_stale),
	KTAP_CASE(copy_to_stale),
	KTAP_CASE(next_job_succeeds),
	KTAP_CASE(list_goes_on),
	KTAP_CASE(other_queues_go_on),
	KTAP_CASE(sync_file_has_the_errno),
	KTAP_CASE(syncobj_has_the_errno),
	KTAP_CASE(dmabuf_becomes_ready),
	KTAP_CASE(who_waited_goes_on),
	KTAP_CASE(ledger_counts_it),
	KTAP_CASE(closes_cleanly),
};

int main(int argc, char **argv)
{
	int status;

	/* Once for all: the kernel does not report each of many faults. */
	expect_dmar_begin();
	status = ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
	expect_dmar_end();
	/* As it was found. */
	module_set_parameter("dmashare", "unsafe_tests", "N");
	return status;
}
