// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fence.h"
#include "lib/ktap.h"
#include "sample.h"
#include "waiters.h"

#define STACK	65536

static void *waiter_thread(void *data)
{
	struct waiter *w = data;

	for (;;) {
		struct pollfd p = { .events = POLLIN };
		uint64_t now;

		while (sem_wait(&w->go))
			;
		p.fd = w->fence;
		while (poll(&p, 1, -1) < 0 && errno == EINTR)
			;
		now = now_ns();
		if (atomic_fetch_sub(&w->all->left, 1) == 1) {
			w->all->woken = now;
			sem_post(&w->all->done);
		}
	}
	return NULL;
}

void waiters_start(struct waiters *w, unsigned int n)
{
	struct sched_param first = { .sched_priority = 1 };
	pthread_attr_t attr;
	unsigned int i;

	w->n = n;
	w->waiter = calloc(n, sizeof(*w->waiter));
	ASSERT(w->waiter);
	ASSERT_EQ(sem_init(&w->done, 0, 0), 0);
	ASSERT_EQ(pthread_attr_init(&attr), 0);
	ASSERT_EQ(pthread_attr_setstacksize(&attr, STACK), 0);
	ASSERT_EQ(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
	ASSERT_EQ(pthread_attr_setschedpolicy(&attr, SCHED_FIFO), 0);
	ASSERT_EQ(pthread_attr_setschedparam(&attr, &first), 0);
	for (i = 0; i < n; i++) {
		w->waiter[i].all = w;
		ASSERT_EQ(sem_init(&w->waiter[i].go, 0, 0), 0);
		ASSERT_EQ(pthread_create(&w->waiter[i].thread, &attr, waiter_thread,
					 &w->waiter[i]), 0);
	}
}

void waiters_sleep(struct waiters *w, int fence)
{
	unsigned int i;

	ASSERT_EQ(sysconf(_SC_NPROCESSORS_ONLN), 1);
	atomic_store(&w->left, w->n);
	for (i = 0; i < w->n; i++) {
		w->waiter[i].fence = w->n > 1 ? fence_merge(fence, fence) : dup(fence);
		ASSERT_OK(w->waiter[i].fence);
		sem_post(&w->waiter[i].go);
	}
	ASSERT(fence_pending(fence));
}

uint64_t waiters_woken(struct waiters *w)
{
	unsigned int i;

	while (sem_wait(&w->done))
		;
	for (i = 0; i < w->n; i++)
		close(w->waiter[i].fence);
	return w->woken;
}
