// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves and resets of the device. The module is loaded anew with a short limit
 * for jobs; one that hangs has the device reset, and whatever moves were on
 * their way, no byte of a buffer is lost and nothing is left over.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"

#define PAGE		4096u
#define ONES		0x0101010101010101ull
/* Far more than any other job takes here, on a busy host as well. */
#define LIMIT_MS	1500
#define FOR_EVER	(3000 * SEC)
#define WAIT		DRM_DMASHARE_MOVE_WAIT

/* Keeps a queue busy until the reset; its fence. */
static int hang(int fd, uint32_t queue)
{
	struct drm_dmashare_job job = dms_job_noop(FOR_EVER);

	return dms_submit_fence(fd, queue, 0, &job, 1);
}

/* Buffers in both places, with their bytes and their checksums. */
#define N_BUFFERS	6

struct buffers {
	int fd;
	struct bo bo[N_BUFFERS];
	uint32_t crc[N_BUFFERS];
};

static struct buffers make_buffers(int fd)
{
	struct buffers b = { .fd = fd };
	unsigned int i;

	for (i = 0; i < N_BUFFERS; i++) {
		b.bo[i] = dms_create_in(fd, (4 + i) * PAGE, i % 2, 0, "reset");
		dms_map(&b.bo[i]);
		pattern_fill(b.bo[i].map, b.bo[i].size, i);
		b.crc[i] = dms_crc(fd, &b.bo[i], 0, b.bo[i].size);
	}
	return b;
}

static void check_buffers(struct buffers *b)
{
	unsigned int i;

	for (i = 0; i < N_BUFFERS; i++) {
		ASSERT(pattern_check(b->bo[i].map, b->bo[i].size, i));
		ASSERT_EQ(dms_crc(b->fd, &b->bo[i], 0, b->bo[i].size), b->crc[i]);
	}
}

static void limit_is_set(void)
{
	ASSERT_EQ(module_parameter("dmashare", "job_timeout_ms", -1), LIMIT_MS);
}

/* What is in local memory stays there. */
static void local_memory_survives(void)
{
	int fd = dms_open_nth(0);
	struct buffers b = make_buffers(fd);
	uint64_t free = local_free(fd);
	unsigned int i;

	ASSERT_EQ(fence_finish(hang(fd, 0)), ETIMEDOUT);
	check_buffers(&b);
	ASSERT_EQ(local_free(fd), free);
	for (i = 0; i < N_BUFFERS; i++) {
		ASSERT_EQ(dms_info(fd, b.bo[i].handle).placement, i % 2);
		ASSERT_EQ(page_is_local(&b.bo[i], b.bo[i].map, 0), i % 2);
		dms_move(&b.bo[i], !(i % 2));
	}
	check_buffers(&b);
}

/* Moves that wait for jobs which the reset ends. */
static void moves_behind_what_hangs(void)
{
	int fd = dms_open_nth(0), fence[N_BUFFERS];
	struct buffers b = make_buffers(fd);
	unsigned int i, errors = 0;

	for (i = 0; i < N_BUFFERS; i++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(FOR_EVER),
			dms_job_crc(&b.bo[i], 0, PAGE),
		};

		jobs[1].flags = 0;
		fence[i] = dms_submit_fence(fd, i % 4, 0, jobs, 2);
	}
	for (i = 0; i < N_BUFFERS; i++)
		ASSERT_OK(dms_try_move(fd, b.bo[i].handle, !(i % 2), 0));
	for (i = 0; i < N_BUFFERS; i++)
		errors += fence_finish(fence[i]) != 0;
	ASSERT_EQ(errors, N_BUFFERS);
	check_buffers(&b);
	for (i = 0; i < N_BUFFERS; i++)
		ASSERT_EQ(dms_info(fd, b.bo[i].handle).placement, !(i % 2));
}

/* Every queue hangs, so the copy is on the device when the reset comes. */
static void copies_taken_by_the_reset(void)
{
	int fd = dms_open_nth(0), fence[16];
	uint64_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct buffers b = make_buffers(fd);
	unsigned int i;

	ASSERT(n <= 16);
	for (q = 0; q < n; q++)
		fence[q] = hang(fd, q);
	for (i = 0; i < N_BUFFERS; i++)
		ASSERT_OK(dms_try_move(fd, b.bo[i].handle, !(i % 2), 0));
	for (q = 0; q < n; q++)
		ASSERT(fence_finish(fence[q]));
	check_buffers(&b);
	for (i = 0; i < N_BUFFERS; i++) {
		ASSERT_EQ(dms_info(fd, b.bo[i].handle).placement, !(i % 2));
		dms_move(&b.bo[i], i % 2);
	}
	check_buffers(&b);
}

/* The same when a program waits for the move. */
static void wait_sees_the_bytes(void)
{
	int fd = dms_open_nth(0), fence[16];
	uint64_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct buffers b = make_buffers(fd);

	for (q = 0; q < n; q++)
		fence[q] = hang(fd, q);
	dms_move(&b.bo[0], LOCAL);
	ASSERT(pattern_check(b.bo[0].map, b.bo[0].size, 0));
	for (q = 0; q < n; q++)
		ASSERT(fence_finish(fence[q]));
	check_buffers(&b);
}

/* New local memory is clean although the device did not clear it. */
static void clearing_taken_by_the_reset(void)
{
	int fd = dms_open_nth(0), fence[16];
	uint64_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	uint64_t at, size = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE) / 16;
	struct bo dirty, bo;

	/* What the case before had is given back when its moves are done. */
	while (local_free(fd) != 16 * size)
		sched_yield();
	dirty = dms_create_in(fd, 16 * size, LOCAL, 0, "dirty");
	/* Piece by piece, none of which takes as long as the limit. */
	for (at = 0; at < dirty.size; at += size)
		dms_run_ok(fd, dms_job_fill(&dirty, at, size, ~0ull));
	size = 16 * PAGE;
	dms_destroy(&dirty);
	for (q = 0; q < n; q++)
		fence[q] = hang(fd, q);
	bo = dms_create_in(fd, size, LOCAL, 0, "clean");
	dms_map(&bo);
	ASSERT(all_bytes(bo.map, size, 0));
	for (q = 0; q < n; q++)
		ASSERT(fence_finish(fence[q]));
	ASSERT(all_bytes(bo.map, size, 0));
}

/* The importer's device resets, or the exporter's, and the other goes on. */
static void one_of_two(void)
{
	int fd[2] = { dms_open_nth(0), dms_open_nth(1) };
	struct buffers b = make_buffers(fd[0]);
	struct bo here[N_BUFFERS];
	unsigned int i, k;

	for (i = 0; i < N_BUFFERS; i++)
		here[i] = dms_import(fd[1], dms_export(fd[0], b.bo[i].handle));
	for (k = 0; k < 2; k++) {
		int fence = hang(fd[k], 0);

		for (i = 0; i < N_BUFFERS; i++) {
			uint32_t to = (i + k + 1) % 2;

			if (dynamic_maps_pin())
				dms_unmap(&here[i]);
			ASSERT_OK(dms_try_move(fd[0], b.bo[i].handle, to, 0));
		}
		ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
		check_buffers(&b);
		for (i = 0; i < N_BUFFERS; i++)
			ASSERT_EQ(dms_crc(fd[1], &here[i], 0, here[i].size), b.crc[i]);
	}
}

/* Files are closed with moves pending, and the reset comes then. */
static void closed_meanwhile(void)
{
	int watch = dms_open_nth(0), fence[16];
	uint64_t free = local_free(watch), q, n;
	struct dmashare_ledger now;

	n = dms_param(watch, DRM_DMASHARE_PARAM_NUM_QUEUES);
	for (q = 0; q < n; q++) {
		int fd = dms_open_nth(0);
		struct bo bo = dms_create_in(fd, 4 * PAGE, q % 2, 0, "closed");
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(FOR_EVER),
			dms_job_fill(&bo, 0, PAGE, ONES),
		};

		fence[q] = dms_submit_fence(fd, q, 0, jobs, 2);
		ASSERT_OK(dms_try_move(fd, bo.handle, !(q % 2), 0));
		close(fd);
	}
	for (q = 0; q < n; q++)
		fence_finish(fence[q]);
	/* Counted from zero: the reset began a new ledger. */
	memset(&now, 0, sizeof(now));
	ledger_wait_gone(watch, &now);
	while (local_free(watch) != free)
		sched_yield();
}

static const struct ktap_case cases[] = {
	KTAP_CASE(limit_is_set),
	KTAP_COVERS(local_memory_survives, "move.reset:user"),
	KTAP_COVERS(moves_behind_what_hangs, "move.reset:user move.fence:user"),
	KTAP_COVERS(copies_taken_by_the_reset, "move.reset:user"),
	KTAP_COVERS(wait_sees_the_bytes, "move.reset:user"),
	KTAP_COVERS(clearing_taken_by_the_reset, "move.reset:user"),
	KTAP_COVERS(one_of_two, "move.reset:dmashare"),
	KTAP_COVERS(closed_meanwhile, "move.reset:user"),
};

int main(int argc, char **argv)
{
	char options[40];

	snprintf(options, sizeof(options), "job_timeout_ms=%d", LIMIT_MS);
	dynamic_maps_pin();
	return module_ktap_main_with(options, argc, argv, cases, ARRAY_SIZE(cases));
}
