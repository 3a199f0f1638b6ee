/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fences as a program sees them: poll() on dma-bufs and sync_files, the
 * sync_file ioctls, and a fence that the test itself signals.
 */
#ifndef DMASHARE_TEST_FENCE_H
#define DMASHARE_TEST_FENCE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/sync_file.h>

/* What poll() says of the file at this moment, of @events. */
short poll_now(int fd, short events);

/* Waits until poll() reports @events; the case fails when it takes too long. */
void poll_until(int fd, short events);

/* What SYNC_IOC_FILE_INFO says of the first fence, and how many there are. */
struct fence_info {
	int status;		/* 0 pending, 1 signalled, negative errno */
	unsigned int count;
	struct sync_fence_info first;
};

struct fence_info fence_info(int fd);
bool fence_pending(int fd);

/* Waits for the sync_file; 0 or the positive errno it ended with. */
int fence_wait(int fd);
/* The same, and closes it. */
int fence_finish(int fd);

/* A sync_file of both (SYNC_IOC_MERGE). */
int fence_merge(int a, int b);

/* A new DRM syncobj. */
uint32_t syncobj(int fd);

/*
 * DMA_BUF_IOCTL_SYNC with these DMA_BUF_SYNC_* flags; the second form does not
 * begin anew after a signal.
 */
int dmabuf_sync(int dmabuf, uint64_t flags);
int dmabuf_sync_once(int dmabuf, uint64_t flags);

/* DMA_BUF_IOCTL_EXPORT_SYNC_FILE: what one would wait for to access so. */
int dmabuf_fences(int dmabuf, uint32_t flags);
/* DMA_BUF_IOCTL_IMPORT_SYNC_FILE: add a fence of such an access. */
void dmabuf_add_fence(int dmabuf, int fence, uint32_t flags);

/*
 * A fence of a foreign driver (vgem) on the reservation of a dma-buf: it
 * stays pending until hold_release(), so that a test decides when what waits
 * for it may go on. vgem ends it with an error after 10 s, so that a test
 * that dies holds nobody up.
 */
struct hold {
	int vgem;
	uint32_t handle;
	uint32_t fence;
};

/* Puts a held fence on the dma-buf, as a writer's or as a reader's. */
struct hold hold_dmabuf(int dmabuf, bool write);
/*
 * A sync_file that stays pending until hold_release(); it is a fence of a
 * vgem buffer that nobody else uses.
 */
struct hold hold_sync_file(int *fence);
void hold_release(struct hold *h);

/*
 * A call in a thread of its own, to show that it blocks and what ends that.
 * @entered and @returned are set around @call.
 */
struct blocker {
	void (*call)(void *arg);
	void *arg;
	pthread_t thread;
	atomic_int tid;
	atomic_bool entered, returned;
};

void blocker_start(struct blocker *b, void (*call)(void *arg), void *arg);
/*
 * Waits until the thread sleeps in the kernel inside its call, or has come
 * back from it; true when it sleeps.
 */
bool blocker_sleeps(struct blocker *b);
bool blocker_returned(struct blocker *b);
/* Interrupts the call by a signal that has a handler and does not restart it. */
void blocker_interrupt(struct blocker *b);
/* Waits for the call to come back. */
void blocker_join(struct blocker *b);

#endif /* DMASHARE_TEST_FENCE_H */
