/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that sleep in poll() for a fence, and when the last of them has woken.
 * They are of the class SCHED_FIFO: with one processor, when another thread runs they
 * all sleep, and nothing has to be asked or waited for to know it.
 */
#ifndef DMASHARE_BENCH_WAITERS_H
#define DMASHARE_BENCH_WAITERS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

struct waiters;

/**
 * struct waiter - one thread
 * @all: whose it is
 * @thread: the thread
 * @go: posted when there is a fence
 * @fence: a sync_file of its own
 */
struct waiter {
	struct waiters *all;
	pthread_t thread;
	sem_t go;
	int fence;
};

/**
 * struct waiters - some threads
 * @n: how many
 * @waiter: each
 * @left: how many have not woken yet
 * @woken: when the last one woke
 * @done: posted by the last one
 */
struct waiters {
	unsigned int n;
	struct waiter *waiter;
	atomic_uint left;
	uint64_t woken;
	sem_t done;
};

/* Starts them; they are there until the process ends. */
void waiters_start(struct waiters *w, unsigned int n);
/* Has each sleep until the fence of @fence signals; returns when they do. */
void waiters_sleep(struct waiters *w, int fence);
/* Waits until all have woken; returns when the last one had. */
uint64_t waiters_woken(struct waiters *w);

#endif /* DMASHARE_BENCH_WAITERS_H */
