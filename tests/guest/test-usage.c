// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The uses of a fence in a reservation object (enum dma_resv_usage): which one
 * each job gets, seen in debugfs, and who waits for which.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define TWOS	0x0202020202020202ull
#define BOTH	(POLLIN | POLLOUT)

static int submit_plain(int fd, struct drm_dmashare_job job)
{
	return dms_submit_fence(fd, 0, 0, &job, 1);
}

static struct drm_dmashare_job write_job(const struct shared *s)
{
	return dms_job_fill(&s->bo, 0, s->bo.size, ONES);
}

static struct drm_dmashare_job read_job(const struct shared *s)
{
	return dms_job_crc(&s->bo, 0, s->bo.size);
}

/* The fences that debugfs shows of our driver, by usage. */
static void assert_fences(int dmabuf, unsigned int kernel, unsigned int write,
			  unsigned int read)
{
	ASSERT_EQ(bufinfo_fences(dmabuf, "kernel", "dmashare"), kernel);
	ASSERT_EQ(bufinfo_fences(dmabuf, "write", "dmashare"), write);
	ASSERT_EQ(bufinfo_fences(dmabuf, "read", "dmashare"), read);
}

static void a_writer_is_write(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	int in, out;
	struct hold h = hold_sync_file(&in);

	assert_fences(s.dmabuf, 0, 0, 0);
	out = dms_submit_after(s.fd, 0, 0, in, write_job(&s));
	assert_fences(s.dmabuf, 0, 1, 0);
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	assert_fences(s.dmabuf, 0, 0, 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

static void a_reader_is_read(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, 0, in, read_job(&s));
	assert_fences(s.dmabuf, 0, 0, 1);
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	assert_fences(s.dmabuf, 0, 0, 0);
}

/* A job that reads and writes the buffer is a writer of it. */
static void both_is_write(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	int in, out;
	struct hold h = hold_sync_file(&in);

	pattern_fill(s.bo.map, PAGE, 1);
	out = dms_submit_after(s.fd, 0, 0, in, dms_job_copy(&s.bo, PAGE, &s.bo, 0, PAGE));
	assert_fences(s.dmabuf, 0, 1, 0);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(pattern_check(s.bo.map + PAGE, PAGE, 1));
}

/* Jobs of one queue are one context: the last fence stands for all. */
static void one_fence_of_a_context(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	int in, a, b;
	struct hold h = hold_sync_file(&in);

	a = dms_submit_after(s.fd, 0, 0, in, read_job(&s));
	b = dms_submit_after(s.fd, 0, 0, in, read_job(&s));
	assert_fences(s.dmabuf, 0, 0, 1);
	hold_release(&h);
	ASSERT_EQ(fence_finish(a), 0);
	ASSERT_EQ(fence_finish(b), 0);
}

static void readers_of_two_queues(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	int in, a, b;
	struct hold h = hold_sync_file(&in);

	ASSERT(dms_param(s.fd, DRM_DMASHARE_PARAM_NUM_QUEUES) > 1);
	a = dms_submit_after(s.fd, 0, 0, in, read_job(&s));
	b = dms_submit_after(s.fd, 1, 0, in, read_job(&s));
	assert_fences(s.dmabuf, 0, 0, 2);
	hold_release(&h);
	ASSERT_EQ(fence_finish(a), 0);
	ASSERT_EQ(fence_finish(b), 0);
	assert_fences(s.dmabuf, 0, 0, 0);
}

/*
 * A job that goes past the implicit rules is still known to the reservation
 * object, as bookkeeping: no reader, writer, poller nor sync_file waits for it,
 * and the kernel does when it ends the mapping.
 */
static void no_implicit_is_bookkeep(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	int in, out, fences;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, in, write_job(&s));
	assert_fences(s.dmabuf, 0, 0, 0);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), BOTH);
	fences = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_RW);
	ASSERT_EQ(fence_info(fences).status, 1);
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT(fence_pending(out));
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

struct unmapping {
	int fd;
	uint32_t handle;
};

static void unmap(void *data)
{
	struct unmapping *u = data;
	struct bo bo = { .fd = u->fd, .handle = u->handle };

	dms_unmap(&bo);
}

/* Ending the mapping waits for every kind of job, bookkeeping too. */
static void unmap_waits_for_bookkeep(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	struct unmapping u = { s.fd, s.bo.handle };
	struct blocker b;
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, in, write_job(&s));
	ASSERT_NE(dms_info(s.fd, s.bo.handle).mapping, 0);
	blocker_start(&b, unmap, &u);
	ASSERT_MSG(blocker_sleeps(&b), "the mapping ends under a job");
	ASSERT(fence_pending(out));
	hold_release(&h);
	blocker_join(&b);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
	ASSERT_EQ(dms_info(s.fd, s.bo.handle).mapping, 0);
}

/* A move's fence holds everybody, also who asked for nothing implicit. */
static void a_move_is_kernel(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	struct drm_dmashare_job late = read_job(&s);
	int in, read, past, written;
	struct hold h;

	if (!dms_param(s.fd, DRM_DMASHARE_PARAM_LOCAL_SIZE))
		SKIP("this device has no local memory");
	h = hold_sync_file(&in);
	pattern_fill(s.bo.map, s.bo.size, 7);
	read = dms_submit_after(s.fd, 0, 0, in, read_job(&s));
	ASSERT_OK(dms_try_move(s.fd, s.bo.handle, DMASHARE_PLACEMENT_LOCAL, 0));
	assert_fences(s.dmabuf, 1, 0, 1);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	past = dms_submit_fence(s.fd, 1, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, &late, 1);
	ASSERT(fence_pending(past));
	written = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_READ);
	ASSERT(fence_pending(written));
	hold_release(&h);
	ASSERT_EQ(fence_finish(read), 0);
	ASSERT_EQ(fence_finish(past), 0);
	ASSERT_EQ(fence_finish(written), 0);
	assert_fences(s.dmabuf, 0, 0, 0);
	ASSERT_EQ(dms_info(s.fd, s.bo.handle).placement, DMASHARE_PLACEMENT_LOCAL);
	ASSERT(pattern_check(s.bo.map, s.bo.size, 7));
}

/* What IMPORT_SYNC_FILE makes of a fence, by the flags that it is given. */
static void imported_fences(void)
{
	static const struct {
		uint32_t flags;
		unsigned int write, read;
	} kinds[] = {
		{ DMA_BUF_SYNC_READ, 0, 1 },
		{ DMA_BUF_SYNC_WRITE, 1, 0 },
		{ DMA_BUF_SYNC_RW, 1, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct shared s = dms_create_shared(2 * PAGE, "usage");
		int in, fences;
		struct hold h = hold_sync_file(&in);

		dmabuf_add_fence(s.dmabuf, in, kinds[i].flags);
		ASSERT_EQ(bufinfo_fences(s.dmabuf, "kernel", "vgem"), 0);
		ASSERT_EQ(bufinfo_fences(s.dmabuf, "write", "vgem"), kinds[i].write);
		ASSERT_EQ(bufinfo_fences(s.dmabuf, "read", "vgem"), kinds[i].read);
		/* A writer would have to wait for it, whichever it is. */
		fences = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_WRITE);
		ASSERT(fence_pending(fences));
		ASSERT(!strcmp(fence_info(fences).first.driver_name, "vgem"));
		hold_release(&h);
		ASSERT_EQ(fence_finish(fences), 0);
		poll_until(s.dmabuf, POLLIN);
		poll_until(s.dmabuf, POLLOUT);
	}
}

/* The fences that vgem adds to ours, and what we make of them. */
static void foreign_usages(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "usage");
	struct hold reader = hold_dmabuf(s.dmabuf, false), writer;

	ASSERT_EQ(bufinfo_fences(s.dmabuf, "read", "vgem"), 1);
	ASSERT_EQ(bufinfo_fences(s.dmabuf, "write", "vgem"), 0);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), POLLIN);
	hold_release(&reader);
	poll_until(s.dmabuf, POLLOUT);
	writer = hold_dmabuf(s.dmabuf, true);
	ASSERT_EQ(bufinfo_fences(s.dmabuf, "write", "vgem"), 1);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	hold_release(&writer);
	poll_until(s.dmabuf, BOTH);
}

/* Each pair of an earlier and a later access: does the later one wait? */
static void who_waits_for_whom(void)
{
	static const struct {
		bool first_writes, then_writes, waits;
	} pairs[] = {
		{ false, false, false },
		{ false, true, true },
		{ true, false, true },
		{ true, true, true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct shared s = dms_create_shared(2 * PAGE, "usage");
		struct drm_dmashare_job then;
		int in, first, second;
		struct hold h = hold_sync_file(&in);

		first = dms_submit_after(s.fd, 0, 0, in, pairs[i].first_writes ?
				     write_job(&s) : read_job(&s));
		then = pairs[i].then_writes ? dms_job_fill(&s.bo, 0, s.bo.size, TWOS) :
		       read_job(&s);
		second = dms_submit_fence(s.fd, 1, 0, &then, 1);
		if (pairs[i].waits)
			ASSERT(fence_pending(second));
		else
			ASSERT_EQ(fence_wait(second), 0);
		ASSERT(fence_pending(first));
		hold_release(&h);
		ASSERT_EQ(fence_finish(first), 0);
		ASSERT_EQ(fence_finish(second), 0);
		if (pairs[i].then_writes)
			ASSERT(all_bytes(s.bo.map, s.bo.size, 2));
	}
}

/* Fences of a foreign dma-buf of each exporter get the same uses. */
static void uses_on_imports(void)
{
	int fd = dms_open();
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		struct foreign f = exporters[i].create(PAGE);
		struct bo there = dms_import(fd, f.dmabuf);
		int in, read, written;
		struct hold h = hold_sync_file(&in);

		read = dms_submit_after(fd, 0, 0, in, dms_job_crc(&there, 0, PAGE));
		assert_fences(f.dmabuf, 0, 0, 1);
		ASSERT_EQ(poll_now(f.dmabuf, BOTH), POLLIN);
		written = dms_submit_after(fd, 1, 0, in, dms_job_fill(&there, 0, PAGE, TWOS));
		assert_fences(f.dmabuf, 0, 1, 1);
		ASSERT_EQ(poll_now(f.dmabuf, BOTH), 0);
		hold_release(&h);
		ASSERT_EQ(fence_finish(read), 0);
		ASSERT_EQ(fence_finish(written), 0);
		ASSERT(all_bytes(f.map, PAGE, 2));
		covers("usage.read:%s usage.write:%s poll.read:%s poll.write:%s",
		       f.exporter, f.exporter, f.exporter, f.exporter);
		close(in);
		/* A fence that a program adds holds our jobs, and is told of. */
		h = hold_sync_file(&in);
		dmabuf_add_fence(f.dmabuf, in, DMA_BUF_SYNC_WRITE);
		read = submit_plain(fd, dms_job_crc(&there, 0, PAGE));
		written = dmabuf_fences(f.dmabuf, DMA_BUF_SYNC_READ);
		ASSERT(fence_pending(read));
		ASSERT(fence_pending(written));
		hold_release(&h);
		ASSERT_EQ(fence_finish(read), 0);
		ASSERT_EQ(fence_finish(written), 0);
		covers("sync-file.import:%s sync-file.export:%s", f.exporter, f.exporter);
		close(in);
		ASSERT_OK(dms_try_close(fd, there.handle));
		foreign_destroy(&f);
	}
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(a_writer_is_write, "usage.write:user"),
	KTAP_COVERS(a_reader_is_read, "usage.read:user"),
	KTAP_COVERS(both_is_write, "usage.write:user"),
	KTAP_COVERS(one_fence_of_a_context, "usage.read:user"),
	KTAP_COVERS(readers_of_two_queues, "usage.read:user"),
	KTAP_COVERS(no_implicit_is_bookkeep, "usage.bookkeep:user"),
	KTAP_COVERS(unmap_waits_for_bookkeep, "usage.bookkeep:user import.unmap:user"),
	KTAP_COVERS(a_move_is_kernel, "usage.kernel:user move.fence:user"),
	KTAP_COVERS(imported_fences,
		    "usage.read:vgem usage.write:vgem sync-file.import:vgem "
		    "sync-file.export:vgem"),
	KTAP_COVERS(foreign_usages,
		    "usage.read:vgem usage.write:vgem poll.read:vgem poll.write:vgem"),
	KTAP_COVERS(who_waits_for_whom, "usage.read:user usage.write:user"),
	KTAP_CASE(uses_on_imports),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
