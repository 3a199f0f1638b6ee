// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "dms.h"
#include "fence.h"
#include "foreign.h"
#include "ktap.h"
#include "vgem_drm.h"

short poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	ASSERT_OK(poll(&p, 1, 0));
	return p.revents;
}

void poll_until(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	/*
	 * poll() of a dma-buf reports what is ready of what was asked, so all
	 * of it takes a call each.
	 */
	while (events) {
		p.events = events;
		do
			n = poll(&p, 1, SOON_MS);
		while (n < 0 && errno == EINTR);
		ASSERT_OK(n);
		ASSERT_MSG(n, "poll() reports nothing within %u ms", SOON_MS);
		ASSERT_MSG(!(p.revents & (POLLERR | POLLNVAL)), "poll() reports %#x", p.revents);
		events &= ~p.revents;
	}
}

struct fence_info fence_info(int fd)
{
	struct sync_fence_info fences[64];
	struct sync_file_info file = {
		.num_fences = ARRAY_SIZE(fences),
		.sync_fence_info = (uintptr_t)fences,
	};
	struct fence_info info;

	memset(fences, 0, sizeof(fences));
	ASSERT_OK(ioctl(fd, SYNC_IOC_FILE_INFO, &file));
	info.status = file.status;
	info.count = file.num_fences;
	info.first = fences[0];
	return info;
}

bool fence_pending(int fd)
{
	return fence_info(fd).status == 0;
}

int fence_wait(int fd)
{
	int status;

	poll_until(fd, POLLIN);
	status = fence_info(fd).status;
	ASSERT_MSG(status, "poll() reports a sync_file whose status is pending");
	return status < 0 ? -status : 0;
}

int fence_finish(int fd)
{
	int err = fence_wait(fd);

	close(fd);
	return err;
}

int fence_merge(int a, int b)
{
	struct sync_merge_data m = { .name = "merged", .fd2 = b };

	ASSERT_OK(ioctl(a, SYNC_IOC_MERGE, &m));
	return m.fence;
}

int dmabuf_sync_once(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync s = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &s);
}

int dmabuf_sync(int dmabuf, uint64_t flags)
{
	int ret;

	do
		ret = dmabuf_sync_once(dmabuf, flags);
	while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret;
}

int dmabuf_fences(int dmabuf, uint32_t flags)
{
	struct dma_buf_export_sync_file e = { .flags = flags, .fd = -1 };

	ASSERT_OK(ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e));
	return e.fd;
}

void dmabuf_add_fence(int dmabuf, int fence, uint32_t flags)
{
	struct dma_buf_import_sync_file i = { .flags = flags, .fd = fence };

	ASSERT_OK(ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &i));
}

static void hold_attach(struct hold *h, bool write)
{
	struct drm_vgem_fence_attach a = {
		.handle = h->handle,
		.flags = write ? VGEM_FENCE_WRITE : 0,
	};

	ASSERT_OK(drmIoctl(h->vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &a));
	h->fence = a.out_fence;
}

struct hold hold_dmabuf(int dmabuf, bool write)
{
	struct hold h = { .vgem = vgem_open() };

	ASSERT_OK(drmPrimeFDToHandle(h.vgem, dmabuf, &h.handle));
	hold_attach(&h, write);
	return h;
}

struct hold hold_sync_file(int *fence)
{
	struct hold h = { .vgem = vgem_open() };
	int dmabuf;

	h.handle = vgem_create(h.vgem, 4096);
	ASSERT_OK(drmPrimeHandleToFD(h.vgem, h.handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf));
	hold_attach(&h, true);
	*fence = dmabuf_fences(dmabuf, DMA_BUF_SYNC_RW);
	ASSERT(fence_pending(*fence));
	close(dmabuf);
	return h;
}

void hold_release(struct hold *h)
{
	struct drm_vgem_fence_signal s = { .fence = h->fence };

	ASSERT_OK(drmIoctl(h->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &s));
	ASSERT_OK(drmCloseBufferHandle(h->vgem, h->handle));
	close(h->vgem);
	h->vgem = -1;
}

static void *blocker_thread(void *data)
{
	struct blocker *b = data;

	atomic_store(&b->tid, (int)syscall(SYS_gettid));
	atomic_store(&b->entered, true);
	b->call(b->arg);
	atomic_store(&b->returned, true);
	return NULL;
}

void blocker_start(struct blocker *b, void (*call)(void *arg), void *arg)
{
	b->call = call;
	b->arg = arg;
	atomic_store(&b->entered, false);
	atomic_store(&b->returned, false);
	ASSERT_EQ(pthread_create(&b->thread, NULL, blocker_thread, b), 0);
}

bool blocker_returned(struct blocker *b)
{
	return atomic_load(&b->returned);
}

bool blocker_sleeps(struct blocker *b)
{
	char path[64], *text, *paren, state = 'R';
	time_t end = time(NULL) + SOON_MS / 1000;

	for (;;) {
		if (blocker_returned(b))
			return false;
		if (atomic_load(&b->entered)) {
			snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
				 atomic_load(&b->tid));
			text = read_file(path);
			paren = text ? strrchr(text, ')') : NULL;
			state = paren && paren[1] ? paren[2] : 'R';
			free(text);
			if (state == 'S' || state == 'D')
				return !blocker_returned(b);
		}
		ASSERT_MSG(time(NULL) < end, "thread neither sleeps nor returns (state %c)", state);
		sched_yield();
	}
}

static void nothing(int sig)
{
	(void)sig;
}

void blocker_interrupt(struct blocker *b)
{
	struct sigaction sa = { .sa_handler = nothing };

	ASSERT_OK(sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(pthread_kill(b->thread, SIGUSR1), 0);
}

void blocker_join(struct blocker *b)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += SOON_MS / 1000;
	ASSERT_MSG(!pthread_timedjoin_np(b->thread, NULL, &end),
		   "a call that should come back does not");
}

uint32_t syncobj(int fd)
{
	uint32_t handle;

	ASSERT_OK(drmSyncobjCreate(fd, 0, &handle));
	return handle;
}
