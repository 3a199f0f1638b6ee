// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device asks for its local memory back, as hardware does that is about to
 * lose it: from outside the guest, by the QMP command dmashare-evict. The driver
 * moves the buffer to system memory if it can.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/host.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

static int try_evict(unsigned int device, uint32_t buffer)
{
	char json[128];

	snprintf(json, sizeof(json),
		 "{\"execute\": \"dmashare-evict\", \"arguments\": "
		 "{\"path\": \"dmashare%u\", \"buffer\": %u}}", device, buffer);
	return host_qmp(json, NULL, 0);
}

static void evict(const struct bo *bo)
{
	ASSERT_MSG(!try_evict(0, bo->id), "buffer %u is not asked for: %s", bo->id,
		   strerror(errno));
}

/* Waits until the driver has done it. */
static void gone_out(const struct bo *bo)
{
	time_t end = time(NULL) + SOON_MS / 1000;

	while (dms_info(bo->fd, bo->handle).placement != SYSTEM) {
		ASSERT_MSG(time(NULL) < end, "buffer %u does not move out", bo->id);
		sched_yield();
	}
}

static struct bo local_bo(int fd, uint64_t size, uint64_t seed)
{
	struct bo bo = dms_create_in(fd, size, LOCAL, 0, "evicted");

	dms_map(&bo);
	pattern_fill(bo.map, size, seed);
	return bo;
}

static void moves_on_request(void)
{
	int fd = dms_open_nth(0);
	struct bo bo = local_bo(fd, 8 * PAGE, 1);
	struct dmashare_ledger l;
	unsigned int i;

	for (i = 1; i <= 4; i++) {
		ASSERT(page_is_local(&bo, bo.map, 0));
		evict(&bo);
		gone_out(&bo);
		ASSERT(!page_is_local(&bo, bo.map, 0));
		ASSERT(pattern_check(bo.map, bo.size, i));
		ASSERT_EQ(dms_crc(fd, &bo, 0, bo.size), crc32c(bo.map, bo.size));
		l = ledger_get(fd, bo.handle);
		ASSERT_EQ(l.move_requests, i);
		ASSERT_EQ(l.places, 2 * i - 1);
		dms_move(&bo, LOCAL);
		pattern_fill(bo.map, bo.size, i + 1);
	}
}

static void wrong_requests(void)
{
	int fd = dms_open_nth(0);
	struct bo system = dms_create(fd, PAGE, "system"), bo = local_bo(fd, PAGE, 1);

	ASSERT_ERRNO(try_evict(0, system.id), EPROTO);
	ASSERT_ERRNO(try_evict(0, 999999), EPROTO);
	ASSERT_ERRNO(try_evict(0, 0), EPROTO);
	ASSERT_EQ(ledger_get(fd, system.handle).move_requests, 0);
	evict(&bo);
	gone_out(&bo);
	ASSERT_ERRNO(try_evict(0, bo.id), EPROTO);
}

/* A wish, and a pinned buffer stays. The next one is granted all the same. */
static void pinned_stays(void)
{
	int fd = dms_open_nth(0);
	struct bo held = local_bo(fd, 4 * PAGE, 1), loose = local_bo(fd, 4 * PAGE, 2);
	struct bo fixed = dms_create_in(fd, PAGE, LOCAL, DRM_DMASHARE_BO_STATIC, "fixed");
	struct vmapped v;

	vmapped_hold(&v, &held, ONES);
	evict(&held);
	evict(&fixed);
	evict(&loose);
	/* Requests are heard in their order: when this one was, all were. */
	gone_out(&loose);
	ASSERT_EQ(dms_info(fd, held.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(fd, fixed.handle).placement, LOCAL);
	ASSERT_EQ(ledger_get(fd, held.handle).move_requests, 1);
	ASSERT_EQ(ledger_get(fd, held.handle).places, 0);
	vmapped_release(&v);
	ASSERT(all_bytes(held.map, held.size, 1));
	ASSERT(pattern_check(loose.map, loose.size, 2));
	evict(&held);
	gone_out(&held);
	ASSERT(all_bytes(held.map, held.size, 1));
}

static void many_at_once(void)
{
	enum { N = 32 };
	int fd = dms_open_nth(0);
	uint64_t free = local_free(fd);
	struct bo bo[N];
	unsigned int i;

	for (i = 0; i < N; i++)
		bo[i] = local_bo(fd, (1 + i % 4) * PAGE, i);
	for (i = 0; i < N; i++)
		evict(&bo[i]);
	for (i = 0; i < N; i++) {
		gone_out(&bo[i]);
		ASSERT(pattern_check(bo[i].map, bo[i].size, i));
	}
	while (local_free(fd) != free)
		sched_yield();
}

/* With a job on it that is not done: it waits, and what that writes comes along. */
static void while_a_job_writes(void)
{
	int fd = dms_open_nth(0);
	struct bo bo = local_bo(fd, 4 * PAGE, 1);
	struct work w = work_filling(&bo, 0, 3 * ONES);

	evict(&bo);
	gone_out(&bo);
	ASSERT(fence_pending(w.fence));
	work_release(&w);
	ASSERT(all_bytes(bo.map, bo.size, 3));
}

/* An importer in the BAR is told, unless its mapping is what holds it. */
static void importer_is_told(void)
{
	int a = dms_open_nth(0), b = dms_open_nth(1);
	struct bo bo = local_bo(a, 4 * PAGE, 1), loose = local_bo(a, PAGE, 2);
	struct bo here = dms_import(b, dms_export(a, bo.handle));

	ASSERT(dms_info(b, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
	if (dynamic_maps_pin()) {
		evict(&bo);
		evict(&loose);
		gone_out(&loose);
		ASSERT_EQ(dms_info(a, bo.handle).placement, LOCAL);
		dms_unmap(&here);
	}
	evict(&bo);
	gone_out(&bo);
	ASSERT_EQ(dms_info(b, here.handle).mapping, 0);
	ASSERT_EQ(dms_crc(b, &here, 0, 4 * PAGE), crc32c(bo.map, 4 * PAGE));
	ASSERT_EQ(dms_info(b, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P, 0);
	ASSERT(pattern_check(bo.map, 4 * PAGE, 1));
	ASSERT_EQ(dms_info(b, here.handle).moves, dynamic_maps_pin() ? 0 : 1);
}

struct worker {
	struct bo bo, out;
	unsigned int rounds;
	atomic_bool *stop;
};

static void *work(void *data)
{
	struct worker *w = data;

	while (!atomic_load(w->stop)) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_fill(&w->bo, 8, 8, ++w->rounds),
			dms_job_copy(&w->out, 0, &w->bo, 8, 8),
		};

		ASSERT_EQ(fence_finish(dms_submit_fence(w->bo.fd, 1, 0, jobs, 2)), 0);
		ASSERT_EQ(*(uint64_t *)w->out.map, w->rounds);
	}
	return NULL;
}

/* Asked for again and again while it is used and moved back. */
static void under_load(void)
{
	enum { N = 40 };
	int fd = dms_open_nth(0);
	atomic_bool stop = false;
	struct worker w = {
		.bo = local_bo(fd, 4 * PAGE, 1),
		.out = dms_create_mapped(fd, PAGE, "out"),
		.stop = &stop,
	};
	struct dmashare_ledger l;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(pthread_create(&thread, NULL, work, &w), 0);
	for (i = 0; i < N; i++) {
		evict(&w.bo);
		gone_out(&w.bo);
		dms_move(&w.bo, LOCAL);
	}
	atomic_store(&stop, true);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	ASSERT(w.rounds);
	l = ledger_get(fd, w.bo.handle);
	ASSERT_EQ(l.move_requests, N);
	ASSERT_EQ(l.places, 2 * N);
	ASSERT_EQ(l.jobs_failed, 0);
	dms_run_ok(fd, dms_job_copy(&w.bo, 8, &w.bo, 16, 8));
	ASSERT(pattern_check(w.bo.map, 8, 1));
}

/* The buffer's handle is closed as soon as it has been asked for. */
static void closed_at_once(void)
{
	int fd = dms_open_nth(0);
	struct dmashare_ledger before = ledger_get(fd, 0);
	uint64_t free = local_free(fd);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct bo bo = local_bo(fd, 2 * PAGE, i);

		evict(&bo);
		dms_destroy(&bo);
	}
	ledger_wait_gone(fd, &before);
	while (local_free(fd) != free)
		sched_yield();
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(moves_on_request, "move.request:user move.to-system:user move.cpu:user"),
	KTAP_CASE(wrong_requests),
	KTAP_COVERS(pinned_stays, "move.request:user move.busy:user"),
	KTAP_COVERS(many_at_once, "move.request:user"),
	KTAP_COVERS(while_a_job_writes, "move.request:user move.fence:user"),
	KTAP_COVERS(importer_is_told, "move.request:dmashare"),
	KTAP_COVERS(under_load, "move.request:user move.load:user"),
	KTAP_CASE(closed_at_once),
};

int main(int argc, char **argv)
{
	dynamic_maps_pin();
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
