// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two dmashare devices are each other's dynamic exporter and importer while
 * their buffers move.
 *
 * In kernels where a dynamic importer's mapping pins (dynamic_maps_pin()) a
 * buffer that is mapped there stays where it is and BO_MOVE says so; in the
 * others the importer is told, its mapping ends, and its next job makes a new
 * one. Both are expected here, each where it belongs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define WAIT	DRM_DMASHARE_MOVE_WAIT

/* A buffer of device a, mapped for the CPU, imported by device b. */
struct share {
	int a, b, dmabuf;
	struct bo there;	/* at a */
	struct bo here;		/* at b */
};

static struct share share_as(uint64_t size, uint32_t placement, uint32_t flags)
{
	struct share s = { .a = dms_open_nth(0), .b = dms_open_nth(1) };

	s.there = dms_create_in(s.a, size, placement, 0, "exported");
	dms_map(&s.there);
	pattern_fill(s.there.map, size, 1);
	s.dmabuf = dms_export(s.a, s.there.handle);
	s.here = dms_import_as(s.b, s.dmabuf, flags);
	return s;
}

/*
 * Moves the exporter's buffer, which the importer has mapped: where that pins,
 * not before the mapping was given up.
 */
static void move_shared(struct share *s, uint32_t placement)
{
	if (dynamic_maps_pin() && dms_info(s->b, s->here.handle).mapping) {
		ASSERT_ERRNO(dms_try_move(s->a, s->there.handle, placement, WAIT), EBUSY);
		dms_unmap(&s->here);
	}
	dms_move(&s->there, placement);
}

static void told_as_dynamic(void)
{
	struct share s = share_as(3 * PAGE, SYSTEM, 0);
	struct drm_dmashare_bo_info info = dms_info(s.b, s.here.handle);
	struct dmashare_ledger l = ledger_get(s.a, s.there.handle);

	ASSERT_EQ(info.flags, DRM_DMASHARE_BO_INFO_IMPORTED | DRM_DMASHARE_BO_INFO_MAPPED |
		  DRM_DMASHARE_BO_INFO_DYNAMIC);
	ASSERT(dms_info(s.a, s.there.handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC);
	ASSERT_EQ(l.attaches, 1);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], 1);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_PIN], dynamic_maps_pin());
	ASSERT_EQ(dms_info(s.a, s.there.handle).pins, dynamic_maps_pin());
	ASSERT_OK(dms_try_close(s.b, s.here.handle));
	l = ledger_get(s.a, s.there.handle);
	ASSERT_EQ(l.live_attachments, 0);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], 1);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNPIN], dynamic_maps_pin());
	ASSERT_EQ(dms_info(s.a, s.there.handle).pins, 0);
}

/* A buffer whose handle was closed is let go of when its last job is freed. */
static void wait_pins(const struct bo *bo, uint32_t pins)
{
	time_t end = time(NULL) + SOON_MS / 1000;

	while (dms_info(bo->fd, bo->handle).pins != pins) {
		ASSERT_MSG(time(NULL) < end, "%u pins are left, not %u",
			   dms_info(bo->fd, bo->handle).pins, pins);
		sched_yield();
	}
}

/* A static importer keeps it where it is as long as it lives, everywhere. */
static void static_importer_pins(void)
{
	struct share s = share_as(3 * PAGE, SYSTEM, DRM_DMASHARE_IMPORT_STATIC);
	struct bo second = dms_import_as(s.b, s.dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	struct dmashare_ledger l;

	ASSERT_EQ(dms_info(s.b, s.here.handle).flags,
		  DRM_DMASHARE_BO_INFO_IMPORTED | DRM_DMASHARE_BO_INFO_MAPPED);
	ASSERT_EQ(dms_info(s.a, s.there.handle).pins, 2);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(s.a, s.there.handle, LOCAL, WAIT), EBUSY);
	ASSERT_EQ(dms_crc(s.b, &s.here, 0, 3 * PAGE), crc32c(s.there.map, 3 * PAGE));
	ASSERT_OK(dms_try_close(s.b, s.here.handle));
	wait_pins(&s.there, 1);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(s.a, s.there.handle, LOCAL, WAIT), EBUSY);
	ASSERT_EQ(dms_crc(s.b, &second, 0, 3 * PAGE), crc32c(s.there.map, 3 * PAGE));
	ASSERT_OK(dms_try_close(s.b, second.handle));
	wait_pins(&s.there, 0);
	dms_move(&s.there, LOCAL);
	ASSERT(pattern_check(s.there.map, 3 * PAGE, 1));
	l = ledger_get(s.a, s.there.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_PIN], 2);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNPIN], 2);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MOVE], 0);
	ASSERT_EQ(l.places, 1);
}

/* The mapping ends with the move; the next job makes another, elsewhere. */
static void mapping_is_remade(void)
{
	enum { N = 10 };
	struct share s = share_as(4 * PAGE, SYSTEM, DRM_DMASHARE_IMPORT_NO_P2P);
	bool pins = dynamic_maps_pin();
	struct dmashare_ledger a, b;
	unsigned int i;

	/* To and fro, so that an importer without BAR addresses can map it. */
	for (i = 1; i <= N; i++) {
		uint32_t mapping = dms_info(s.b, s.here.handle).mapping;
		struct drm_dmashare_bo_info info;

		ASSERT(mapping);
		move_shared(&s, LOCAL);
		info = dms_info(s.b, s.here.handle);
		ASSERT_EQ(info.mapping, 0);
		ASSERT_EQ(info.n_segments, 0);
		ASSERT_EQ(info.flags & DRM_DMASHARE_BO_INFO_MAPPED, 0);
		ASSERT_EQ(info.moves, pins ? 0 : i);
		ASSERT_EQ(ledger_get(s.b, s.here.handle).live_mappings, 0);
		dms_move(&s.there, SYSTEM);
		pattern_fill(s.there.map, 4 * PAGE, i);
		ASSERT_EQ(dms_crc(s.b, &s.here, 0, 4 * PAGE), crc32c(s.there.map, 4 * PAGE));
		info = dms_info(s.b, s.here.handle);
		ASSERT_NE(info.mapping, mapping);
		ASSERT(info.flags & DRM_DMASHARE_BO_INFO_MAPPED);
		dms_run_ok(s.b, dms_job_fill(&s.here, PAGE, PAGE, i * ONES));
		ASSERT(all_bytes(s.there.map + PAGE, PAGE, i));
	}
	a = ledger_get(s.a, s.there.handle);
	b = ledger_get(s.b, s.here.handle);
	ASSERT_EQ(a.places, 2 * N);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_MOVE], 2 * N);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_MAP], 1 + N);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_UNMAP], N);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_PIN], pins ? 1 + N : 0);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_UNPIN], pins ? N : 0);
	ASSERT_EQ(b.maps, 1 + N);
	ASSERT_EQ(b.jobs_failed, 0);
	ASSERT_EQ(b.faults, 0);
	if (!pins)
		covers("import.invalidate:dmashare");
}

static void move_to_local(void *arg)
{
	dms_move(arg, LOCAL);
}

/* The importer's job that is pending uses the bytes before they move. */
static void importers_job_is_waited_for(void)
{
	struct share s = share_as(4 * PAGE, SYSTEM, 0);
	struct work w = work_filling(&s.here, 0, ONES);
	struct dmashare_ledger b;
	struct blocker blocker;

	if (dynamic_maps_pin()) {
		ASSERT_ERRNO(dms_try_move(s.a, s.there.handle, LOCAL, 0), EBUSY);
		work_release(&w);
		dms_unmap(&s.here);
		dms_move(&s.there, LOCAL);
	} else {
		blocker_start(&blocker, move_to_local, &s.there);
		ASSERT(blocker_sleeps(&blocker));
		work_release(&w);
		blocker_join(&blocker);
	}
	ASSERT(all_bytes(s.there.map, 4 * PAGE, 1));
	ASSERT_EQ(dms_info(s.a, s.there.handle).placement, LOCAL);
	b = ledger_get(s.b, s.here.handle);
	ASSERT_EQ(b.jobs, 1);
	ASSERT_EQ(b.jobs_failed, 0);
}

struct submit_call {
	int fd;
	uint32_t flags;
	struct drm_dmashare_job job;
	int fence;
};

static void submit_call(void *arg)
{
	struct submit_call *c = arg;

	c->fence = dms_submit_fence(c->fd, 0, c->flags, &c->job, 1);
}

/* A job that the importer submits while the buffer is on its way waits. */
static void importer_waits_for_the_move(void)
{
	struct share s = share_as(4 * PAGE, SYSTEM, 0);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		uint32_t to = i % 2 ? SYSTEM : LOCAL;
		struct submit_call call = {
			.fd = s.b,
			.flags = i & 2 ? DRM_DMASHARE_SUBMIT_NO_IMPLICIT : 0,
			.job = dms_job_crc(&s.here, 0, 4 * PAGE),
		};
		struct blocker blocker;
		struct work w;

		dms_unmap(&s.here);
		pattern_fill(s.there.map, 4 * PAGE, i);
		w = work_reading(&s.there, 0);
		ASSERT_OK(dms_try_move(s.a, s.there.handle, to, 0));
		blocker_start(&blocker, submit_call, &call);
		/* Where mapping pins, mapping waits, and so does SUBMIT. */
		if (dynamic_maps_pin()) {
			ASSERT(blocker_sleeps(&blocker));
		} else {
			blocker_join(&blocker);
			ASSERT(fence_pending(call.fence));
		}
		work_release(&w);
		if (dynamic_maps_pin())
			blocker_join(&blocker);
		ASSERT_EQ(fence_finish(call.fence), 0);
		ASSERT_EQ(dms_result(s.b, call.job.id).result, crc32c(s.there.map, 4 * PAGE));
		ASSERT_EQ(dms_info(s.a, s.there.handle).placement, to);
	}
}

/* Several importers of one buffer: each is told, each comes back. */
static void many_importers(void)
{
	enum { N = 6 };
	struct share s = share_as(2 * PAGE, SYSTEM, 0);
	bool pins = dynamic_maps_pin();
	struct dmashare_ledger l;
	struct bo here[N];
	unsigned int i, k;

	for (i = 0; i < N; i++)
		here[i] = dms_import(dms_open_nth(1), s.dmabuf);
	for (k = 1; k <= 4; k++) {
		if (pins) {
			for (i = 0; i < N; i++) {
				ASSERT_ERRNO(dms_try_move(s.a, s.there.handle, k % 2, 0), EBUSY);
				dms_unmap(&here[i]);
			}
		}
		move_shared(&s, k % 2);
		pattern_fill(s.there.map, 2 * PAGE, k);
		for (i = 0; i < N; i++) {
			ASSERT_EQ(dms_crc(here[i].fd, &here[i], 0, 2 * PAGE),
				  crc32c(s.there.map, 2 * PAGE));
			ASSERT_EQ(dms_info(here[i].fd, here[i].handle).moves, pins ? 0 : k);
		}
		dms_crc(s.b, &s.here, 0, PAGE);
	}
	l = ledger_get(s.a, s.there.handle);
	ASSERT_EQ(l.live_attachments, N + 1);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], (N + 1) * 5);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], (N + 1) * 4);
}

/* Want of room moves it as well, unless the importer's mapping pins it. */
static void pressure(void)
{
	int a = dms_open_nth(0), b = dms_open_nth(1), dmabuf;
	uint64_t size = local_free(a) / 4 / PAGE * PAGE;
	struct bo there = dms_create_in(a, size, LOCAL, 0, "shared"), here, more, none;
	uint32_t crc;

	if (!dms_param(a, DRM_DMASHARE_PARAM_P2P))
		SKIP("no BAR addresses for importers here");
	dms_map(&there);
	pattern_fill(there.map, PAGE, 1);
	pattern_fill(there.map + size - PAGE, PAGE, 2);
	dmabuf = dms_export(a, there.handle);
	here = dms_import(b, dmabuf);
	ASSERT_EQ(dms_info(a, there.handle).placement, LOCAL);
	crc = dms_crc(a, &there, 0, size);
	ASSERT_EQ(dms_crc(b, &here, 0, size), crc);
	if (dynamic_maps_pin()) {
		ASSERT_ERRNO(dms_try_create_in(a, 4 * size, LOCAL, 0, "all", &none), ENOSPC);
		ASSERT_EQ(dms_info(a, there.handle).placement, LOCAL);
		dms_unmap(&here);
	}
	more = dms_create_in(a, 4 * size, LOCAL, 0, "all");
	ASSERT_EQ(dms_info(a, more.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(a, there.handle).placement, SYSTEM);
	ASSERT_EQ(dms_crc(b, &here, 0, size), crc);
	ASSERT(pattern_check(there.map, PAGE, 1));
	ASSERT(pattern_check(there.map + size - PAGE, PAGE, 2));
}

/* The importer's process dies with jobs and moves on their way. */
static void importer_killed(void)
{
	int a = dms_open_nth(0), b = dms_open_nth(1), fds[2], status, dmabuf;
	struct bo there = dms_create_mapped(a, 16 * PAGE, "exported");
	struct dmashare_ledger before = ledger_get(b, 0);
	unsigned int i, k;
	pid_t pid;
	char c;

	pattern_fill(there.map, there.size, 1);
	dmabuf = dms_export(a, there.handle);
	for (i = 0; i < 6; i++) {
		ASSERT_OK(pipe(fds));
		pid = fork();
		ASSERT_OK(pid);
		if (!pid) {
			int fd = dms_open_nth(1);
			struct bo here = dms_import(fd, dmabuf);

			for (k = 0;; k++) {
				struct drm_dmashare_job job = dms_job_crc(&here, 0, here.size);

				job.flags = 0;
				dms_submit(fd, k % 4, 0, &job, 1);
				if (k == 3)
					ASSERT_EQ(write(fds[1], "", 1), 1);
				if (dynamic_maps_pin())
					dms_unmap(&here);
			}
		}
		close(fds[1]);
		ASSERT_EQ(read(fds[0], &c, 1), 1);
		for (k = 0; k < 3; k++)
			ASSERT(!dms_try_move(a, there.handle, k % 2 ? SYSTEM : LOCAL, 0) ||
			       errno == EBUSY);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT(WIFSIGNALED(status));
		close(fds[0]);
		ledger_wait_gone(b, &before);
		dms_move(&there, LOCAL);
		dms_move(&there, SYSTEM);
		ASSERT(pattern_check(there.map, there.size, 1));
	}
	ASSERT_EQ(ledger_get(a, there.handle).live_attachments, 0);
}

/*
 * The load: either device has a buffer that moves without end, and the other
 * imports it. Workers of both pass words through both; the bytes that nobody
 * writes keep their checksum.
 */
#define N_QUEUES	2
#define FIXED_PAGES	4
#define LOAD_SIZE	((FIXED_PAGES + 2 * N_QUEUES) * PAGE)

struct side {
	struct bo own, import;		/* of this device, at the other one */
	uint32_t crc;			/* of the pages that nobody writes */
	uint64_t moves;
	unsigned int busy;
};

static atomic_bool stop;

struct load_worker {
	struct bo *bo;			/* works on this */
	const struct side *side;	/* whose buffer that is */
	bool importer;
	unsigned int queue, rounds;
};

static void *load_work(void *data)
{
	struct load_worker *w = data;
	struct bo out = dms_create_mapped(w->bo->fd, PAGE, "out");
	uint64_t page = FIXED_PAGES + 2 * w->queue + w->importer;

	while (!atomic_load(&stop)) {
		uint64_t value = ++w->rounds * 7919ull + w->queue;
		uint64_t offset = page * PAGE + w->rounds % 512 * 8;
		struct drm_dmashare_job jobs[3] = {
			dms_job_fill(w->bo, offset, 8, value),
			dms_job_copy(&out, 0, w->bo, offset, 8),
			dms_job_crc(w->bo, 0, FIXED_PAGES * PAGE),
		};

		ASSERT_EQ(fence_finish(dms_submit_fence(w->bo->fd, w->queue, 0, jobs, 3)), 0);
		ASSERT_EQ(*(uint64_t *)out.map, value);
		ASSERT_EQ(dms_result(w->bo->fd, jobs[2].id).result, w->side->crc);
		if (w->importer && dynamic_maps_pin()) {
			dms_unmap(w->bo);
			sched_yield();
		}
	}
	return NULL;
}

static void *load_move(void *data)
{
	struct side *s = data;

	while (s->moves < rounds(150)) {
		if (dms_try_move(s->own.fd, s->own.handle, s->moves % 2 ? SYSTEM : LOCAL, 0)) {
			ASSERT_MSG(errno == EBUSY, "BO_MOVE: %s", strerror(errno));
			s->busy++;
		} else {
			s->moves++;
		}
		sched_yield();
	}
	return NULL;
}

static void both_ways_under_load(void)
{
	int fd[2] = { dms_open_nth(0), dms_open_nth(1) };
	static struct load_worker worker[2][N_QUEUES][2];
	pthread_t mover[2], thread[2][N_QUEUES][2];
	bool pins = dynamic_maps_pin();
	struct side side[2] = { 0 };
	unsigned int i, q, k;

	for (i = 0; i < 2; i++) {
		struct side *s = &side[i];

		s->own = dms_create_mapped(fd[i], LOAD_SIZE, "load");
		pattern_fill(s->own.map, LOAD_SIZE, i);
		s->crc = crc32c(s->own.map, FIXED_PAGES * PAGE);
		s->import = dms_import(fd[!i], dms_export(fd[i], s->own.handle));
	}
	for (i = 0; i < 2; i++) {
		for (q = 0; q < N_QUEUES; q++) {
			for (k = 0; k < 2; k++) {
				/* Where a mapping pins, one importer leaves gaps and two do not. */
				if (pins && k && q)
					continue;
				worker[i][q][k] = (struct load_worker){
					.bo = k ? &side[i].import : &side[i].own,
					.side = &side[i],
					.importer = k,
					.queue = q,
				};
				ASSERT_EQ(pthread_create(&thread[i][q][k], NULL, load_work,
							 &worker[i][q][k]), 0);
			}
		}
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&mover[i], NULL, load_move, &side[i]), 0);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_join(mover[i], NULL), 0);
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++) {
		unsigned int jobs = 0;

		for (q = 0; q < N_QUEUES; q++) {
			for (k = 0; k < 2; k++) {
				if (pins && k && q)
					continue;
				ASSERT_EQ(pthread_join(thread[i][q][k], NULL), 0);
				ASSERT(worker[i][q][k].rounds);
				jobs += worker[i][q][k].rounds;
			}
		}
		ktap_diag("device %u: %u rounds, %llu moves, %u times EBUSY", i, jobs,
			  (unsigned long long)side[i].moves, side[i].busy);
	}
	for (i = 0; i < 2; i++) {
		struct side *s = &side[i];
		struct dmashare_ledger own = ledger_get(fd[i], s->own.handle);
		struct dmashare_ledger import = ledger_get(fd[!i], s->import.handle);
		uint64_t told = dms_info(fd[!i], s->import.handle).moves;

		ASSERT_EQ(own.places, s->moves);
		ASSERT_EQ(dms_info(fd[i], s->own.handle).moves, s->moves);
		ASSERT_EQ(own.notes[DMASHARE_NOTE_MOVE], s->moves);
		ASSERT_EQ(own.jobs_failed + import.jobs_failed, 0);
		ASSERT_EQ(own.faults + import.faults, 0);
		if (pins) {
			ASSERT(s->busy);
			ASSERT_EQ(told, 0);
		} else {
			ASSERT_EQ(s->busy, 0);
			ASSERT(told);
			ASSERT(told <= s->moves);
			/* One mapping at first, one for each that ended, if one came after. */
			ASSERT(import.maps == told + 1 || import.maps == told);
			covers("import.invalidate:dmashare");
		}
		ASSERT_EQ(crc32c(s->own.map, FIXED_PAGES * PAGE), s->crc);
	}
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(told_as_dynamic, "import.dynamic:dmashare attach:dmashare detach:dmashare "
		    "map:dmashare unmap:dmashare"),
	KTAP_COVERS(static_importer_pins, "import.static:dmashare pin:dmashare unpin:dmashare "
		    "move.busy:dmashare pin.count:dmashare"),
	KTAP_COVERS(mapping_is_remade, "import.dynamic:dmashare import.unmap:dmashare "
		    "move.to-local:dmashare move.to-system:dmashare"),
	KTAP_COVERS(importers_job_is_waited_for, "move.fence:dmashare"),
	KTAP_COVERS(importer_waits_for_the_move, "move.fence:dmashare"),
	KTAP_COVERS(many_importers, "import.dynamic:dmashare"),
	KTAP_COVERS(pressure, "move.pressure:dmashare"),
	KTAP_CASE(importer_killed),
	KTAP_SLOW_COVERS(both_ways_under_load, 120,
			 "move.load:dmashare import.read:dmashare import.write:dmashare"),
};

int main(int argc, char **argv)
{
	dynamic_maps_pin();
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
