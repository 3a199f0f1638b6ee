// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who waits for whom when a buffer moves: the move for what was submitted before
 * it, and everything that comes after for the move, be it a job, a program's access
 * or another move. Signals and closed handles in the middle of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define WAIT	DRM_DMASHARE_MOVE_WAIT

/*
 * A move with a reader pending: done when that is, and until then a KERNEL
 * fence holds off readers, which do not wait for readers.
 */
static void waits_for_readers(void)
{
	int fd = dms_open(), dmabuf, before, after, late;
	struct bo bo = create_mapped_in(fd, 4 * PAGE, SYSTEM);
	struct drm_dmashare_job job;
	struct dmashare_ledger l;
	struct work w;

	pattern_fill(bo.map, bo.size, 1);
	dmabuf = dms_export(fd, bo.handle);
	w = work_reading(&bo, 0);
	before = dmabuf_fences(dmabuf, DMA_BUF_SYNC_READ);
	ASSERT(!fence_pending(before));
	ASSERT_EQ(poll_now(dmabuf, POLLIN), POLLIN);
	ASSERT_OK(dms_try_move(fd, bo.handle, LOCAL, 0));
	after = dmabuf_fences(dmabuf, DMA_BUF_SYNC_READ);
	ASSERT(fence_pending(after));
	ASSERT_EQ(poll_now(dmabuf, POLLIN), 0);
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.local_bytes_written, 0);
	/* Nobody gets at the new place before the bytes are there. */
	job = dms_job_crc(&bo, 0, bo.size);
	late = dms_submit_fence(fd, 1, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, &job, 1);
	ASSERT(fence_pending(late));
	ASSERT(fence_pending(w.fence));
	work_release(&w);
	ASSERT_EQ(fence_finish(after), 0);
	ASSERT_EQ(fence_finish(late), 0);
	ASSERT_EQ(dms_result(fd, job.id).result, crc32c(bo.map, bo.size));
	poll_until(dmabuf, POLLIN);
	ASSERT_EQ(dms_info(fd, bo.handle).placement, LOCAL);
	ASSERT(pattern_check(bo.map, bo.size, 1));
	close(before);
}

/* What a job that was submitted before writes is part of what moves. */
static void waits_for_writers(void)
{
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 4 * PAGE, SYSTEM);
	unsigned int i;

	for (i = 1; i <= 4; i++) {
		struct work w = work_filling(&bo, i % 2, i * ONES);
		struct drm_dmashare_job again;
		int fence;

		ASSERT_OK(dms_try_move(fd, bo.handle, i % 2 ? LOCAL : SYSTEM, 0));
		/* Comes after it, wherever it writes. */
		again = dms_job_fill(&bo, 2 * PAGE, PAGE, (i + 100) * ONES);
		fence = dms_submit_fence(fd, 2, 0, &again, 1);
		ASSERT(fence_pending(fence));
		work_release(&w);
		ASSERT_EQ(fence_finish(fence), 0);
		ASSERT(all_bytes(bo.map, 2 * PAGE, i));
		ASSERT(all_bytes(bo.map + 2 * PAGE, PAGE, i + 100));
		ASSERT(all_bytes(bo.map + 3 * PAGE, PAGE, i));
	}
}

static void touch(void *p)
{
	volatile uint8_t *b = p;

	b[1]++;
}

/* A program that touches the buffer meanwhile waits, and finds its bytes. */
static void page_fault_waits(void)
{
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 2 * PAGE, SYSTEM);
	struct blocker b;
	struct work w;

	pattern_fill(bo.map, bo.size, 5);
	w = work_reading(&bo, 0);
	ASSERT_OK(dms_try_move(fd, bo.handle, LOCAL, 0));
	blocker_start(&b, touch, bo.map);
	ASSERT(blocker_sleeps(&b));
	work_release(&w);
	blocker_join(&b);
	ASSERT(page_is_local(&bo, bo.map, 0));
	bo.map[1]--;
	ASSERT(pattern_check(bo.map, bo.size, 5));
}

static void begin(void *arg)
{
	int dmabuf = *(int *)arg;

	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
}

static void begin_cpu_access_waits(void)
{
	int fd = dms_open(), dmabuf;
	struct bo bo = create_mapped_in(fd, 2 * PAGE, LOCAL);
	struct blocker b;
	struct work w;

	pattern_fill(bo.map, bo.size, 6);
	dmabuf = dms_export(fd, bo.handle);
	w = work_reading(&bo, 0);
	ASSERT_OK(dms_try_move(fd, bo.handle, SYSTEM, 0));
	blocker_start(&b, begin, &dmabuf);
	ASSERT(blocker_sleeps(&b));
	work_release(&w);
	blocker_join(&b);
	ASSERT(pattern_check(bo.map, bo.size, 6));
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

/* There and back again with everything still pending. */
static void several_moves_pending(void)
{
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 4 * PAGE, SYSTEM);
	struct dmashare_ledger before = ledger_get(fd, bo.handle), now;
	struct work w;
	unsigned int i;

	pattern_fill(bo.map, bo.size, 7);
	w = work_reading(&bo, 0);
	for (i = 0; i < 6; i++)
		ASSERT_OK(dms_try_move(fd, bo.handle, i % 2 ? SYSTEM : LOCAL, 0));
	work_release(&w);
	ASSERT(pattern_check(bo.map, bo.size, 7));
	dms_move(&bo, LOCAL);
	ASSERT(pattern_check(bo.map, bo.size, 7));
	now = ledger_get(fd, bo.handle);
	ASSERT_EQ(now.places - before.places, 7);
}

/* The handle goes while the move waits; nothing is left over. */
static void closed_while_moving(void)
{
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0);
	uint64_t free = local_free(fd);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		struct bo bo = dms_create_in(fd, 8 * PAGE, i & 2 ? LOCAL : SYSTEM, 0, "closed");
		struct work w = work_reading(&bo, i % 4);

		ASSERT_OK(dms_try_move(fd, bo.handle, i & 2 ? SYSTEM : LOCAL, 0));
		if (i & 1)
			dms_destroy(&bo);
		work_release(&w);
		if (!(i & 1))
			dms_destroy(&bo);
	}
	ledger_wait_gone(fd, &before);
	while (local_free(fd) != free)
		sched_yield();
}

struct mover {
	struct bo bo;
	uint32_t placement;
	int error;
};

static void move_and_wait(void *arg)
{
	struct mover *m = arg;
	struct drm_dmashare_bo_move move = {
		.handle = m->bo.handle,
		.placement = m->placement,
		.flags = WAIT,
	};

	/* Not drmIoctl(), which would begin anew. */
	m->error = ioctl(m->bo.fd, DRM_IOCTL_DMASHARE_BO_MOVE, &move) ? errno : 0;
}

/* A signal ends the wait and not the move. */
static void interrupted(void)
{
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 4 * PAGE, SYSTEM);
	struct mover m = { .bo = bo, .placement = LOCAL };
	struct blocker b;
	struct work w;

	pattern_fill(bo.map, bo.size, 8);
	w = work_reading(&bo, 0);
	blocker_start(&b, move_and_wait, &m);
	ASSERT(blocker_sleeps(&b));
	blocker_interrupt(&b);
	blocker_join(&b);
	ASSERT_EQ(m.error, EINTR);
	errno_seen("BO_MOVE", EINTR);
	ASSERT(fence_pending(w.fence));
	work_release(&w);
	dms_move(&bo, LOCAL);
	ASSERT(pattern_check(bo.map, bo.size, 8));
	ASSERT_EQ(dms_info(fd, bo.handle).moves, 1);
}

static atomic_uint alarms;

static void on_alarm(int sig)
{
	(void)sig;
	atomic_fetch_add(&alarms, 1);
}

/* Signals that come all the time, and a program that tries again. */
static void signals_all_the_time(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 16 * PAGE, SYSTEM);
	unsigned int i;

	pattern_fill(bo.map, bo.size, 9);
	ASSERT_OK(sigaction(SIGALRM, &sa, NULL));
	ASSERT_OK(setitimer(ITIMER_REAL, &often, NULL));
	for (i = 0; i < 100; i++) {
		dms_move(&bo, i % 2 ? SYSTEM : LOCAL);
		ASSERT(pattern_check(bo.map, 256, 9));
	}
	ASSERT_OK(setitimer(ITIMER_REAL, &never, NULL));
	ASSERT(atomic_load(&alarms));
	ASSERT(pattern_check(bo.map, bo.size, 9));
	ASSERT_EQ(dms_info(fd, bo.handle).moves, 100);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(waits_for_readers, "move.fence:user usage.kernel:user poll.read:user sync-file.export:user"),
	KTAP_COVERS(waits_for_writers, "move.fence:user"),
	KTAP_COVERS(page_fault_waits, "move.cpu:user move.fence:user"),
	KTAP_COVERS(begin_cpu_access_waits, "move.fence:user begin_cpu:user"),
	KTAP_CASE(several_moves_pending),
	KTAP_CASE(closed_while_moving),
	KTAP_CASE(interrupted),
	KTAP_CASE(signals_all_the_time),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
