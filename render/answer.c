// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare-render: answers, and the fences that some of them wait for
 *
 * Fences signal on a thread of the library's. Each slot has at most one request
 * that waits for one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"

static struct expected {
	uint64_t serial;	/* 0: none */
	uint32_t context;
} expected[DMASHARE_RENDER_MAX_SLOTS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fewer = PTHREAD_COND_INITIALIZER;

void answer(uint64_t serial, uint32_t status, uint64_t result,
	    const char *text)
{
	struct dmashare_render_answer a = {
		.magic = DMASHARE_RENDER_MAGIC,
		.status = status,
		.serial = serial,
		.result = result,
	};

	if (text)
		snprintf(a.text, sizeof(a.text), "%s", text);
	while (send(RENDER_SOCKET, &a, sizeof(a), MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			_exit(1);
	}
}

void fence_expect(unsigned int slot, uint64_t serial, uint32_t context)
{
	pthread_mutex_lock(&lock);
	expected[slot] = (struct expected) { serial, context };
	pthread_mutex_unlock(&lock);
}

bool fence_forget(uint64_t serial)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < DMASHARE_RENDER_MAX_SLOTS; i++) {
		if (expected[i].serial == serial) {
			expected[i].serial = 0;
			found = true;
		}
	}
	pthread_cond_broadcast(&fewer);
	pthread_mutex_unlock(&lock);
	return found;
}

void fence_signalled(uint64_t serial)
{
	if (fence_forget(serial))
		answer(serial, DMASHARE_STATUS_OK, 0, NULL);
}

static bool pending(uint32_t context)
{
	for (unsigned int i = 0; i < DMASHARE_RENDER_MAX_SLOTS; i++) {
		if (expected[i].serial && expected[i].context == context)
			return true;
	}
	return false;
}

void fence_drain(uint32_t context)
{
	pthread_mutex_lock(&lock);
	while (pending(context))
		pthread_cond_wait(&fewer, &lock);
	pthread_mutex_unlock(&lock);
}
