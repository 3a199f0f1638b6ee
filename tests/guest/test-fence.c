// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Implicit fences: poll() on dma-bufs, who waits for whom, CPU access, and the
 * dma-buf's own import and export of sync_files. What holds a job up is a
 * fence of vgem's, so the test decides when it goes on and no time is
 * measured.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define TWOS	0x0202020202020202ull

#define BOTH	(POLLIN | POLLOUT)

/* A second queue, or the first one again where there is only one. */
static uint32_t other_queue(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES) > 1;
}

static int submit_one(int fd, uint32_t queue, uint32_t flags, struct drm_dmashare_job job)
{
	return dms_submit_fence(fd, queue, flags, &job, 1);
}

static void idle_buffer_is_ready(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");

	ASSERT_EQ(poll_now(s.dmabuf, POLLIN), POLLIN);
	ASSERT_EQ(poll_now(s.dmabuf, POLLOUT), POLLOUT);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), BOTH);
}

static void writer_is_polled(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, 0, in, dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT_EQ(poll_now(s.dmabuf, POLLIN), 0);
	ASSERT_EQ(poll_now(s.dmabuf, POLLOUT), 0);
	ASSERT(fence_pending(out));
	ASSERT(all_bytes(s.bo.map, s.bo.size, 0));
	hold_release(&h);
	poll_until(s.dmabuf, POLLIN);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
	poll_until(s.dmabuf, POLLOUT);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), BOTH);
}

/* Others may read while it is read, but not write. */
static void reader_is_polled(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, 0, in, dms_job_crc(&s.bo, 0, PAGE));
	ASSERT_EQ(poll_now(s.dmabuf, POLLIN), POLLIN);
	ASSERT_EQ(poll_now(s.dmabuf, POLLOUT), 0);
	hold_release(&h);
	poll_until(s.dmabuf, POLLOUT);
	ASSERT_EQ(fence_finish(out), 0);
}

static void poll_wakes_a_sleeper(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(200 * MSEC),
		dms_job_fill(&s.bo, 0, s.bo.size, ONES),
	};
	uint64_t start = dms_time(s.fd);

	dms_submit(s.fd, 0, 0, jobs, 2);
	poll_until(s.dmabuf, POLLIN);
	ASSERT(dms_time(s.fd) - start >= 200 * MSEC);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

/* A timed no-op ahead of it in the same list holds the buffer, too. */
static void noop_holds_the_list(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(3 * SEC),
		dms_job_fill(&s.bo, 0, s.bo.size, ONES),
	};
	uint64_t start = dms_time(s.fd);
	short ready;

	dms_submit(s.fd, 0, 0, jobs, 2);
	ready = poll_now(s.dmabuf, BOTH);
	if (dms_time(s.fd) - start >= 3 * SEC)
		SKIP("the machine is too slow to look within 3 s");
	ASSERT_EQ(ready, 0);
	ASSERT(all_bytes(s.bo.map, 8, 0));
	poll_until(s.dmabuf, BOTH);
	ASSERT(dms_time(s.fd) - start >= 3 * SEC);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

static void no_implicit_leaves_no_fence(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, in,
			   dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), BOTH);
	ASSERT(fence_pending(out));
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

static void no_implicit_does_not_wait(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct hold h = hold_dmabuf(s.dmabuf, true);

	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	ASSERT_EQ(fence_finish(submit_one(s.fd, 0, DRM_DMASHARE_SUBMIT_NO_IMPLICIT,
					  dms_job_fill(&s.bo, 0, s.bo.size, ONES))), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	hold_release(&h);
}

/* writer, then reader on another queue: the reader sees what was written. */
static void reader_waits_for_writer(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct bo copy = dms_create_mapped(s.fd, s.bo.size, "copy");
	int in, written, read;
	struct hold h = hold_sync_file(&in);

	written = dms_submit_after(s.fd, 0, 0, in, dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	read = submit_one(s.fd, other_queue(s.fd), 0,
			  dms_job_copy(&copy, 0, &s.bo, 0, s.bo.size));
	ASSERT(fence_pending(written));
	ASSERT(fence_pending(read));
	hold_release(&h);
	ASSERT_EQ(fence_finish(read), 0);
	ASSERT_EQ(fence_info(written).status, 1);
	ASSERT(all_bytes(copy.map, copy.size, 1));
}

/* reader, then writer on another queue: the reader sees the old bytes. */
static void writer_waits_for_reader(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct bo copy = dms_create_mapped(s.fd, s.bo.size, "copy");
	int in, read, written;
	struct hold h = hold_sync_file(&in);

	memset(s.bo.map, 7, s.bo.size);
	read = dms_submit_after(s.fd, 0, 0, in, dms_job_copy(&copy, 0, &s.bo, 0, s.bo.size));
	written = submit_one(s.fd, other_queue(s.fd), 0,
			     dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT(fence_pending(read));
	ASSERT(fence_pending(written));
	ASSERT(all_bytes(s.bo.map, s.bo.size, 7));
	hold_release(&h);
	ASSERT_EQ(fence_finish(written), 0);
	ASSERT_EQ(fence_info(read).status, 1);
	ASSERT(all_bytes(copy.map, copy.size, 7));
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

static void writer_waits_for_writer(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, first, second;
	struct hold h = hold_sync_file(&in);

	first = dms_submit_after(s.fd, 0, 0, in, dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	second = submit_one(s.fd, other_queue(s.fd), 0,
			    dms_job_fill(&s.bo, 0, s.bo.size, TWOS));
	ASSERT(fence_pending(second));
	hold_release(&h);
	ASSERT_EQ(fence_finish(second), 0);
	ASSERT_EQ(fence_finish(first), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 2));
}

static void readers_run_together(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, first, second;
	struct hold h = hold_sync_file(&in);

	if (!other_queue(s.fd))
		SKIP("one job queue: its jobs run one after another");
	first = dms_submit_after(s.fd, 0, 0, in, dms_job_crc(&s.bo, 0, PAGE));
	second = submit_one(s.fd, 1, 0, dms_job_crc(&s.bo, 0, PAGE));
	ASSERT_EQ(fence_finish(second), 0);
	ASSERT(fence_pending(first));
	hold_release(&h);
	ASSERT_EQ(fence_finish(first), 0);
}

/* A job that has nothing to do with the held buffer is not held. */
static void strangers_do_not_wait(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct bo other = dms_create_mapped(s.fd, PAGE, "other");
	struct hold h = hold_dmabuf(s.dmabuf, true);
	int held;

	if (!other_queue(s.fd))
		SKIP("one job queue: its jobs run one after another");
	held = submit_one(s.fd, 0, 0, dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT_EQ(fence_finish(submit_one(s.fd, 1, 0,
					  dms_job_fill(&other, 0, PAGE, TWOS))), 0);
	ASSERT(all_bytes(other.map, PAGE, 2));
	ASSERT(fence_pending(held));
	hold_release(&h);
	ASSERT_EQ(fence_finish(held), 0);
}

/* A foreign writer of our buffer: readers and writers of ours wait. */
static void foreign_writer_holds_all(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct hold h = hold_dmabuf(s.dmabuf, true);
	int read, written;

	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	read = submit_one(s.fd, 0, 0, dms_job_crc(&s.bo, 0, PAGE));
	written = submit_one(s.fd, other_queue(s.fd), 0,
			     dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT(fence_pending(read));
	ASSERT(fence_pending(written));
	hold_release(&h);
	ASSERT_EQ(fence_finish(read), 0);
	ASSERT_EQ(fence_finish(written), 0);
}

static void foreign_reader_holds_writers(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct hold h = hold_dmabuf(s.dmabuf, false);
	int written;

	ASSERT_EQ(fence_finish(submit_one(s.fd, 0, 0, dms_job_crc(&s.bo, 0, PAGE))), 0);
	written = submit_one(s.fd, 0, 0, dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT(fence_pending(written));
	ASSERT(all_bytes(s.bo.map, s.bo.size, 0));
	hold_release(&h);
	ASSERT_EQ(fence_finish(written), 0);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

/* The same on a buffer of vgem's that we imported. */
static void fence_of_an_import(void)
{
	struct foreign f = vgem_buffer(PAGE);
	int fd = dms_open(), out;
	struct bo there = dms_import(fd, f.dmabuf);
	struct hold h = hold_dmabuf(f.dmabuf, true);

	out = submit_one(fd, 0, 0, dms_job_fill(&there, 0, PAGE, ONES));
	ASSERT(fence_pending(out));
	ASSERT(all_bytes(f.map, PAGE, 0));
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(all_bytes(f.map, PAGE, 1));
}

/* And our fence shows on each foreign exporter's dma-buf. */
static void fence_on_imports(void)
{
	int fd = dms_open();
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		struct foreign f = exporters[i].create(PAGE);
		struct bo there = dms_import(fd, f.dmabuf);
		int in, out;
		struct hold h = hold_sync_file(&in);

		out = dms_submit_after(fd, 0, 0, in, dms_job_fill(&there, 0, PAGE, ONES));
		ASSERT_MSG(!poll_now(f.dmabuf, BOTH), "%s", f.exporter);
		hold_release(&h);
		poll_until(f.dmabuf, BOTH);
		ASSERT_EQ(fence_finish(out), 0);
		ASSERT(all_bytes(f.map, PAGE, 1));
		close(in);
		ASSERT_OK(dms_try_close(fd, there.handle));
		foreign_destroy(&f);
	}
}

struct access {
	int dmabuf;
	uint64_t flags;
};

static void begin_access(void *data)
{
	struct access *a = data;

	ASSERT_OK(dmabuf_sync(a->dmabuf, DMA_BUF_SYNC_START | a->flags));
}

static void begin_blocks_for(uint64_t flags, bool by_writer)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct access a = { s.dmabuf, flags };
	struct blocker b;
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, 0, in, by_writer ?
			   dms_job_fill(&s.bo, 0, s.bo.size, ONES) :
			   dms_job_crc(&s.bo, 0, PAGE));
	blocker_start(&b, begin_access, &a);
	ASSERT_MSG(blocker_sleeps(&b), "CPU access begins with a job on the buffer");
	ASSERT(fence_pending(out));
	hold_release(&h);
	blocker_join(&b);
	ASSERT_EQ(fence_info(out).status, 1);
	ASSERT(all_bytes(s.bo.map, s.bo.size, by_writer));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | flags));
}

static void begin_read_waits_for_writer(void)
{
	begin_blocks_for(DMA_BUF_SYNC_READ, true);
}

static void begin_write_waits_for_writer(void)
{
	begin_blocks_for(DMA_BUF_SYNC_WRITE, true);
}

static void begin_write_waits_for_reader(void)
{
	begin_blocks_for(DMA_BUF_SYNC_RW, false);
}

static void begin_read_passes_reader(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, 0, in, dms_job_crc(&s.bo, 0, PAGE));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT(fence_pending(out));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
}

static void begin_waits_for_foreign_writer(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct access a = { s.dmabuf, DMA_BUF_SYNC_READ };
	struct hold h = hold_dmabuf(s.dmabuf, true);
	struct blocker b;

	blocker_start(&b, begin_access, &a);
	ASSERT_MSG(blocker_sleeps(&b), "CPU access begins while vgem writes");
	hold_release(&h);
	blocker_join(&b);
}

/* A signal ends the wait with EINTR; the device hears of it as a failure. */
static void begin_once(void *data)
{
	struct access *a = data;

	ASSERT_ERRNO(dmabuf_sync_once(a->dmabuf, DMA_BUF_SYNC_START | a->flags), EINTR);
}

static void begin_is_interrupted(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct access a = { s.dmabuf, DMA_BUF_SYNC_READ };
	struct hold h = hold_dmabuf(s.dmabuf, true);
	struct dmashare_ledger l;
	struct blocker b;

	blocker_start(&b, begin_once, &a);
	ASSERT_MSG(blocker_sleeps(&b), "CPU access begins while vgem writes");
	blocker_interrupt(&b);
	blocker_join(&b);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	hold_release(&h);
	l = ledger_get(s.fd, s.bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_BEGIN_CPU], 0);
	ASSERT_EQ(l.notes_failed, 1);
}

/* In device time: not before the timed no-op that holds the buffer is over. */
static void begin_outlasts_a_noop(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(300 * MSEC),
		dms_job_fill(&s.bo, 0, s.bo.size, ONES),
	};
	uint64_t start = dms_time(s.fd);

	dms_submit(s.fd, 0, 0, jobs, 2);
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT(dms_time(s.fd) - start >= 300 * MSEC);
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

/* What a reader and what a writer would have to wait for. */
static void export_sync_file(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out, reading, writing;
	struct hold h = hold_sync_file(&in);

	out = dms_submit_after(s.fd, 0, 0, in, dms_job_crc(&s.bo, 0, PAGE));
	reading = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_READ);
	writing = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_RW);
	ASSERT_EQ(fence_info(reading).status, 1);
	ASSERT(fence_pending(writing));
	hold_release(&h);
	ASSERT_EQ(fence_finish(writing), 0);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT_EQ(fence_finish(reading), 0);
}

static void import_sync_file_as_writer(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out;
	struct hold h = hold_sync_file(&in);

	dmabuf_add_fence(s.dmabuf, in, DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	out = submit_one(s.fd, 0, 0, dms_job_crc(&s.bo, 0, PAGE));
	ASSERT(fence_pending(out));
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
}

static void import_sync_file_as_reader(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	int in, out;
	struct hold h = hold_sync_file(&in);

	dmabuf_add_fence(s.dmabuf, in, DMA_BUF_SYNC_READ);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), POLLIN);
	ASSERT_EQ(fence_finish(submit_one(s.fd, 0, 0, dms_job_crc(&s.bo, 0, PAGE))), 0);
	out = submit_one(s.fd, 0, 0, dms_job_fill(&s.bo, 0, PAGE, ONES));
	ASSERT(fence_pending(out));
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
}

/* A chain over buffers and queues, held at its head, runs in order. */
static void chain_over_queues(void)
{
	enum { N = 20 };
	int fd = dms_open(), in, fence[N];
	struct hold h = hold_sync_file(&in);
	struct bo bo[N];
	uint64_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	unsigned int i;

	for (i = 0; i < N; i++)
		bo[i] = dms_create_mapped(fd, PAGE, "link");
	pattern_fill(bo[0].map, PAGE, 1);
	for (i = 1; i < N; i++) {
		struct drm_dmashare_job job = dms_job_copy(&bo[i], 0, &bo[i - 1], 0, PAGE);

		q = i % n;
		fence[i] = i == 1 ? dms_submit_after(fd, q, 0, in, job) :
				    submit_one(fd, q, 0, job);
	}
	for (i = 1; i < N; i++)
		ASSERT(fence_pending(fence[i]));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence[N - 1]), 0);
	for (i = 1; i < N; i++)
		ASSERT(pattern_check(bo[i].map, PAGE, 1));
}

/* Handle closed and dma-buf closed while a job is held: it still runs. */
static void buffer_outlives_its_handle(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "shared");
	struct bo copy = dms_create_mapped(s.fd, s.bo.size, "copy");
	int in, out;
	struct hold h = hold_sync_file(&in);

	pattern_fill(s.bo.map, s.bo.size, 5);
	out = dms_submit_after(s.fd, 0, 0, in, dms_job_copy(&copy, 0, &s.bo, 0, s.bo.size));
	close(s.dmabuf);
	dms_destroy(&s.bo);
	hold_release(&h);
	ASSERT_EQ(fence_finish(out), 0);
	ASSERT(pattern_check(copy.map, copy.size, 5));
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(idle_buffer_is_ready, "poll.read:user poll.write:user"),
	KTAP_COVERS(writer_is_polled, "poll.read:user poll.write:user usage.write:user"),
	KTAP_COVERS(reader_is_polled, "poll.read:user poll.write:user usage.read:user"),
	KTAP_COVERS(poll_wakes_a_sleeper, "poll.read:user"),
	KTAP_CASE(noop_holds_the_list),
	KTAP_COVERS(no_implicit_leaves_no_fence, "usage.bookkeep:user"),
	KTAP_COVERS(no_implicit_does_not_wait, "usage.bookkeep:user usage.write:vgem"),
	KTAP_COVERS(reader_waits_for_writer, "usage.write:user"),
	KTAP_COVERS(writer_waits_for_reader, "usage.read:user"),
	KTAP_COVERS(writer_waits_for_writer, "usage.write:user"),
	KTAP_COVERS(readers_run_together, "usage.read:user"),
	KTAP_CASE(strangers_do_not_wait),
	KTAP_COVERS(foreign_writer_holds_all, "usage.write:vgem"),
	KTAP_COVERS(foreign_reader_holds_writers, "usage.read:vgem"),
	KTAP_COVERS(fence_of_an_import, "usage.write:vgem"),
	KTAP_CASE(fence_on_imports),
	KTAP_COVERS(begin_read_waits_for_writer, "begin_cpu:user usage.write:user"),
	KTAP_COVERS(begin_write_waits_for_writer, "begin_cpu:user usage.write:user"),
	KTAP_COVERS(begin_write_waits_for_reader, "begin_cpu:user usage.read:user"),
	KTAP_COVERS(begin_read_passes_reader, "begin_cpu:user end_cpu:user usage.read:user"),
	KTAP_COVERS(begin_waits_for_foreign_writer, "begin_cpu:user usage.write:vgem"),
	KTAP_COVERS(begin_is_interrupted, "begin_cpu:user"),
	KTAP_COVERS(begin_outlasts_a_noop, "begin_cpu:user"),
	KTAP_COVERS(export_sync_file, "sync-file.export:user"),
	KTAP_COVERS(import_sync_file_as_writer, "sync-file.import:user sync-file.import:vgem"),
	KTAP_COVERS(import_sync_file_as_reader, "sync-file.import:user sync-file.import:vgem"),
	KTAP_CASE(chain_over_queues),
	KTAP_COVERS(buffer_outlives_its_handle, "lifetime:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
