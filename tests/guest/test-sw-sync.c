// SPDX-License-Identifier: GPL-2.0-or-later
/* Fences of the kernel's sw_sync, which a program makes and signals. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/sw-sync.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define BOTH	(POLLIN | POLLOUT)

static int submit_after(int fd, uint32_t queue, int in, struct drm_dmashare_job job)
{
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.in_fence_fd = in,
	};

	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	return s.out_fence_fd;
}

static void holds_a_job(void)
{
	int line = sw_timeline(), one = sw_fence(line, 1), two = sw_fence(line, 2), a, b;
	struct shared s = dms_create_shared(4 * PAGE, "others");

	a = submit_after(s.fd, 0, one, dms_job_fill(&s.bo, 0, PAGE, ONES));
	b = submit_after(s.fd, 1, two, dms_job_fill(&s.bo, PAGE, PAGE, 2 * ONES));
	ASSERT(fence_pending(a));
	sw_signal(line, 1);
	ASSERT_EQ(fence_finish(a), 0);
	ASSERT(fence_pending(b));
	ASSERT(all_bytes(s.bo.map, PAGE, 1));
	ASSERT(all_bytes(s.bo.map + PAGE, PAGE, 0));
	sw_signal(line, 1);
	ASSERT_EQ(fence_finish(b), 0);
	ASSERT(all_bytes(s.bo.map + PAGE, PAGE, 2));
}

static void on_a_dmabuf(void)
{
	int line = sw_timeline(), read, written;
	struct shared s = dms_create_shared(4 * PAGE, "others");

	dmabuf_add_fence(s.dmabuf, sw_fence(line, 1), DMA_BUF_SYNC_READ);
	ASSERT_EQ(bufinfo_fences(s.dmabuf, "read", "sw_sync"), 1);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), POLLIN);
	read = submit_after(s.fd, 0, sw_fence(line, 0), dms_job_crc(&s.bo, 0, PAGE));
	ASSERT_EQ(fence_finish(read), 0);
	written = submit_after(s.fd, 1, sw_fence(line, 0),
			       dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT(fence_pending(written));
	sw_signal(line, 1);
	ASSERT_EQ(fence_finish(written), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));

	dmabuf_add_fence(s.dmabuf, sw_fence(line, 2), DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(bufinfo_fences(s.dmabuf, "write", "sw_sync"), 1);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	read = submit_after(s.fd, 0, sw_fence(line, 0), dms_job_crc(&s.bo, 0, PAGE));
	ASSERT(fence_pending(read));
	sw_signal(line, 1);
	poll_until(s.dmabuf, POLLIN);
	ASSERT_EQ(fence_finish(read), 0);
	poll_until(s.dmabuf, POLLOUT);
}

static void merged_with_ours(void)
{
	int line = sw_timeline(), other = sw_timeline(), merged, out, ours;
	struct shared s = dms_create_shared(4 * PAGE, "others");

	ours = submit_after(s.fd, 0, sw_fence(line, 1), dms_job_noop(0));
	merged = fence_merge(ours, sw_fence(other, 1));
	ASSERT_EQ(fence_info(merged).count, 2);
	/* Of one timeline the later one stands for both. */
	ASSERT_EQ(fence_info(fence_merge(sw_fence(other, 5), sw_fence(other, 6))).count, 1);
	out = submit_after(s.fd, 1, merged, dms_job_fill(&s.bo, 0, PAGE, ONES));
	sw_signal(line, 1);
	ASSERT_EQ(fence_finish(ours), 0);
	ASSERT(fence_pending(out));
	sw_signal(other, 1);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(all_bytes(s.bo.map, PAGE, 1));
}

static void exported(void)
{
	int line = sw_timeline(), fences;
	struct shared s = dms_create_shared(4 * PAGE, "others");

	dmabuf_add_fence(s.dmabuf, sw_fence(line, 1), DMA_BUF_SYNC_READ);
	ASSERT_EQ(fence_info(dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_READ)).status, 1);
	fences = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_WRITE);
	ASSERT(fence_pending(fences));
	ASSERT(!strcmp(fence_info(fences).first.driver_name, "sw_sync"));
	sw_signal(line, 1);
	ASSERT_EQ(fence_finish(fences), 0);
}

/*
 * The timeline goes away under a waiting job: its fences fail, and who waited
 * goes on.
 */
static void goes_away(void)
{
	int line = sw_timeline(), fence = sw_fence(line, 1), out;
	struct shared s = dms_create_shared(4 * PAGE, "others");

	out = submit_after(s.fd, 0, fence, dms_job_fill(&s.bo, 0, PAGE, ONES));
	ASSERT(fence_pending(out));
	close(line);
	ASSERT_EQ(fence_wait(fence), ENOENT);
	fence_wait(out);
	poll_until(s.dmabuf, BOTH);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(holds_a_job, "usage.write:sw_sync"),
	KTAP_COVERS(on_a_dmabuf, "usage.read:sw_sync usage.write:sw_sync "
		    "poll.read:sw_sync poll.write:sw_sync sync-file.import:sw_sync"),
	KTAP_COVERS(merged_with_ours, "unwrap:sw_sync"),
	KTAP_COVERS(exported, "sync-file.export:sw_sync sync-file.import:sw_sync"),
	KTAP_COVERS(goes_away, "lifetime:sw_sync"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
