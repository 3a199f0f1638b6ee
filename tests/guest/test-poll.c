// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * poll() of a dma-buf: what a reader and what a writer would wait for, many
 * pollers at once, and pollers whose dma-buf goes away under them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
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
#define BOTH	(POLLIN | POLLOUT)

/* A fence that is held, as a reader's or a writer's of the dma-buf. */
static struct hold hold_as(int dmabuf, uint32_t flags)
{
	int fence;
	struct hold h = hold_sync_file(&fence);

	dmabuf_add_fence(dmabuf, fence, flags);
	close(fence);
	return h;
}

/* A poll() in a thread. */
struct poller {
	struct blocker b;
	int fd;
	short events, got;
};

static void poll_once(void *data)
{
	struct poller *p = data;
	struct pollfd f = { .fd = p->fd, .events = p->events };

	ASSERT_EQ(poll(&f, 1, SOON_MS), 1);
	p->got = f.revents;
}

static void poller_start(struct poller *p, int fd, short events)
{
	p->fd = fd;
	p->events = events;
	blocker_start(&p->b, poll_once, p);
}

/* A reader's part is ready before the writer's, and each when its time comes. */
static void reading_before_writing(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold reader = hold_as(s.dmabuf, DMA_BUF_SYNC_READ);
	struct hold writer = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);

	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	hold_release(&writer);
	poll_until(s.dmabuf, POLLIN);
	ASSERT_EQ(poll_now(s.dmabuf, POLLOUT), 0);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), POLLIN);
	hold_release(&reader);
	poll_until(s.dmabuf, POLLOUT);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), BOTH);
}

/* The other way round: the reader's end changes nothing. */
static void writer_ends_last(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold reader = hold_as(s.dmabuf, DMA_BUF_SYNC_READ);
	struct hold writer = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);

	hold_release(&reader);
	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	hold_release(&writer);
	poll_until(s.dmabuf, BOTH);
}

static void asked_for_nothing(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h;

	ASSERT_EQ(poll_now(s.dmabuf, 0), 0);
	ASSERT_EQ(poll_now(s.dmabuf, POLLPRI | POLLRDHUP), 0);
	h = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(poll_now(s.dmabuf, 0), 0);
	hold_release(&h);
}

/* Readers and writers, all asleep at once; one signal wakes them all. */
static void many_pollers(void)
{
	enum { N = 8 };
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);
	struct poller p[N];
	int i;

	for (i = 0; i < N; i++)
		poller_start(&p[i], s.dmabuf, i & 1 ? POLLOUT : POLLIN);
	for (i = 0; i < N; i++)
		ASSERT_MSG(blocker_sleeps(&p[i].b), "poller %d does not wait", i);
	hold_release(&h);
	for (i = 0; i < N; i++) {
		blocker_join(&p[i].b);
		ASSERT_EQ(p[i].got, i & 1 ? POLLOUT : POLLIN);
	}
}

/* One that waits to write sleeps on while one that waits to read goes. */
static void pollers_wake_apart(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold reader = hold_as(s.dmabuf, DMA_BUF_SYNC_READ);
	struct hold writer = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);
	struct poller in, out;

	poller_start(&in, s.dmabuf, POLLIN);
	poller_start(&out, s.dmabuf, POLLOUT);
	ASSERT(blocker_sleeps(&in.b));
	ASSERT(blocker_sleeps(&out.b));
	hold_release(&writer);
	blocker_join(&in.b);
	ASSERT_EQ(in.got, POLLIN);
	ASSERT(blocker_sleeps(&out.b));
	hold_release(&reader);
	blocker_join(&out.b);
	ASSERT_EQ(out.got, POLLOUT);
}

/* Through two descriptions of the buffer: ours and the importer's. */
static void importers_poll_the_same(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_dmabuf(s.dmabuf, true);
	struct poller p;
	int onward;

	ASSERT_OK(drmPrimeHandleToFD(h.vgem, h.handle, DRM_CLOEXEC | DRM_RDWR, &onward));
	ASSERT_EQ(poll_now(onward, BOTH), 0);
	poller_start(&p, onward, POLLIN);
	ASSERT(blocker_sleeps(&p.b));
	hold_release(&h);
	blocker_join(&p.b);
	poll_until(s.dmabuf, BOTH);
}

/* The descriptor is closed while a poll() of it sleeps. */
static void closed_under_a_poller(void)
{
	int watch = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);
	struct poller p;

	poller_start(&p, s.dmabuf, POLLOUT);
	ASSERT(blocker_sleeps(&p.b));
	close(s.dmabuf);
	dms_destroy(&s.bo);
	close(s.fd);
	ASSERT(blocker_sleeps(&p.b));
	hold_release(&h);
	blocker_join(&p.b);
	/* It looks the number up again, and that is closed. */
	ASSERT_EQ(p.got, POLLNVAL);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 1);
}

/*
 * A poll() that did not wait leaves a callback on the fence, and that holds the
 * dma-buf until the fence has signalled.
 */
static void released_after_the_fence(void)
{
	int watch = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);

	ASSERT_EQ(poll_now(s.dmabuf, BOTH), 0);
	close(s.dmabuf);
	dms_destroy(&s.bo);
	close(s.fd);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, 1);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 0);
	hold_release(&h);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 1);
}

static void by_epoll(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 42 };

	ASSERT_OK(ep);
	ASSERT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, s.dmabuf, &e));
	ASSERT_EQ(epoll_wait(ep, &e, 1, 0), 0);
	hold_release(&h);
	ASSERT_EQ(epoll_wait(ep, &e, 1, SOON_MS), 1);
	ASSERT_EQ(e.data.u32, 42);
	ASSERT_EQ(e.events, EPOLLIN);
	/* It tells of it as long as it is so. */
	ASSERT_EQ(epoll_wait(ep, &e, 1, SOON_MS), 1);
	h = hold_as(s.dmabuf, DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(epoll_wait(ep, &e, 1, 0), 0);
	hold_release(&h);
	ASSERT_EQ(epoll_wait(ep, &e, 1, SOON_MS), 1);
}

static void by_select(void)
{
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_as(s.dmabuf, DMA_BUF_SYNC_READ);
	struct timeval none = { 0 };
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(s.dmabuf, &in);
	FD_SET(s.dmabuf, &out);
	ASSERT_EQ(select(s.dmabuf + 1, &in, &out, NULL, &none), 1);
	ASSERT(FD_ISSET(s.dmabuf, &in));
	ASSERT(!FD_ISSET(s.dmabuf, &out));
	hold_release(&h);
	poll_until(s.dmabuf, POLLOUT);
}

/* Two dma-bufs in one call: only the one that is ready is told of. */
static void several_in_one_call(void)
{
	struct shared a = dms_create_shared(2 * PAGE, "polled"), b = dms_create_shared(2 * PAGE, "polled");
	struct hold h = hold_as(a.dmabuf, DMA_BUF_SYNC_WRITE);
	struct pollfd p[2] = {
		{ .fd = a.dmabuf, .events = BOTH },
		{ .fd = b.dmabuf, .events = BOTH },
	};

	ASSERT_EQ(poll(p, 2, SOON_MS), 1);
	ASSERT_EQ(p[0].revents, 0);
	ASSERT_EQ(p[1].revents, BOTH);
	hold_release(&h);
	poll_until(a.dmabuf, BOTH);
}

/* A job that comes while a poll() waits for another holds nobody up twice. */
static void ready_means_the_bytes_are_there(void)
{
	enum { N = 20 };
	struct shared s = dms_create_shared(2 * PAGE, "polled");
	unsigned int i;

	for (i = 1; i <= N; i++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(2 * MSEC),
			dms_job_fill(&s.bo, 0, s.bo.size, i * ONES),
		};

		dms_submit(s.fd, i & 1, 0, jobs, 2);
		poll_until(s.dmabuf, POLLIN);
		ASSERT(all_bytes(s.bo.map, s.bo.size, i));
	}
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(reading_before_writing, "poll.read:user poll.write:user"),
	KTAP_COVERS(writer_ends_last, "poll.read:user poll.write:user"),
	KTAP_COVERS(asked_for_nothing, "poll.read:user"),
	KTAP_COVERS(many_pollers, "poll.read:user poll.write:user"),
	KTAP_COVERS(pollers_wake_apart, "poll.read:user poll.write:user"),
	KTAP_COVERS(importers_poll_the_same, "poll.read:vgem poll.write:vgem"),
	KTAP_COVERS(closed_under_a_poller, "poll.write:user lifetime:user release:user"),
	KTAP_COVERS(released_after_the_fence,
		    "poll.read:user poll.write:user lifetime:user release:user"),
	KTAP_COVERS(by_epoll, "poll.read:user"),
	KTAP_COVERS(by_select, "poll.read:user poll.write:user"),
	KTAP_COVERS(several_in_one_call, "poll.read:user poll.write:user"),
	KTAP_COVERS(ready_means_the_bytes_are_there, "poll.read:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
