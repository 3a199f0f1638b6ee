// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One buffer moves a thousand times between system and local memory (with --brief a
 * quarter of that, in which everybody still has a turn) while three importers use it,
 * a dynamic one (the second dmashare device), a static one (vgem) and one that
 * captures into it (vivid), and while programs read and write their mappings of it.
 * Nobody ever finds a wrong byte.
 *
 * Everybody does a little after each move, or after a few, while the next is
 * under way. An importer that keeps the buffer where it is comes and goes. Which
 * ones those are depends on the kernel, see dynamic_maps_pin() and vgem_maps().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
#include "lib/trace.h"
#include "lib/vivid.h"

#define PAGE		4096u

/* The buffer: what vivid captures, and then pages that belong to one each. */
#define FRAME_WIDTH	320
#define FRAME_HEIGHT	180
#define FRAME_SIZE	(2 * FRAME_WIDTH * FRAME_HEIGHT)
#define FRAME_PAGES	((FRAME_SIZE + PAGE - 1) / PAGE)

enum part {
	PART_PATTERN,		/* never written again */
	PART_CPU,		/* counted up through the DRM file's mapping */
	PART_DMABUF,		/* through the dma-buf's */
	PART_VGEM,		/* through vgem's */
	PART_IMPORTER,		/* by jobs of the second device */
	PART_OWN,		/* by jobs of the first */
	N_PARTS,
};

#define PART_AT(part)	((FRAME_PAGES + (part)) * PAGE)
#define SIZE		PART_AT(N_PARTS)

struct moving {
	int fd, other;		/* the exporter, the dynamic importer */
	int dmabuf;
	struct bo bo;
	uint8_t *dmabuf_map;

	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t moves;
	bool done;

	/* What each did, so that nobody passes by doing nothing. */
	unsigned int patterns, cpu_words, dmabuf_words, vgem_words, frames, imports, jobs,
		     own_jobs, vmaps_local, vmaps_system, busy;
	atomic_uint refused;
};

/* Whether an attachment of vgem's pins, asked once. */
static bool vgem_pins;

static bool done(struct moving *m)
{
	bool is;

	pthread_mutex_lock(&m->lock);
	is = m->done;
	pthread_mutex_unlock(&m->lock);
	return is;
}

/* Waits for that many more moves; false when there are no more to come. */
static bool wait_moves(struct moving *m, uint64_t n)
{
	uint64_t until;
	bool more;

	pthread_mutex_lock(&m->lock);
	until = m->moves + n;
	while (!m->done && m->moves < until)
		pthread_cond_wait(&m->moved, &m->lock);
	more = !m->done;
	pthread_mutex_unlock(&m->lock);
	return more;
}

static void *read_pattern(void *data)
{
	struct moving *m = data;

	while (!done(m)) {
		ASSERT(pattern_check(m->bo.map + PART_AT(PART_PATTERN), PAGE, 77));
		ASSERT(pattern_check(m->dmabuf_map + PART_AT(PART_PATTERN), PAGE, 77));
		m->patterns++;
		wait_moves(m, 1);
	}
	return NULL;
}

/* Each word must be what was written last, and becomes one more. */
static void count_up(volatile uint32_t *words, unsigned int *rounds)
{
	unsigned int i;

	for (i = 0; i < PAGE / 4; i += 16) {
		uint32_t is = words[i];

		ASSERT_MSG(is == *rounds, "word %u is %u, %u was written last", i, is, *rounds);
		words[i] = *rounds + 1;
	}
	++*rounds;
}

static void *write_cpu(void *data)
{
	struct moving *m = data;

	while (!done(m)) {
		count_up((uint32_t *)(m->bo.map + PART_AT(PART_CPU)), &m->cpu_words);
		count_up((uint32_t *)(m->dmabuf_map + PART_AT(PART_DMABUF)), &m->dmabuf_words);
		wait_moves(m, 1);
	}
	return NULL;
}

/*
 * After an importer that takes no BAR addresses was refused: right if another
 * one, or the kernel's mapping, pins the buffer in local memory.
 */
static void try_again(struct moving *m)
{
	ASSERT_MSG(errno == EBUSY, "an importer is refused: %s", strerror(errno));
	atomic_fetch_add(&m->refused, 1);
	sched_yield();
}

/*
 * A static importer. Its attachment pins where the kernel has it map. Fences of
 * its own on the buffer hold off everybody for a moment.
 */
static void *use_vgem(void *data)
{
	struct moving *m = data;
	unsigned int i;

	do {
		int vgem = vgem_open();
		uint32_t handle;

		while (drmPrimeFDToHandle(vgem, m->dmabuf, &handle))
			try_again(m);
		for (i = 0; i < 4; i++) {
			int fence;
			struct hold h = hold_sync_file(&fence);

			/* Its own ioctl for this wants a buffer that nobody uses. */
			dmabuf_add_fence(m->dmabuf, fence, DMA_BUF_SYNC_WRITE);
			ASSERT(fence_pending(fence));
			hold_release(&h);
			ASSERT_EQ(fence_finish(fence), 0);
			/* Not before: a page fault waits for a move, which waits for it. */
			count_up((uint32_t *)(m->dmabuf_map + PART_AT(PART_VGEM)), &m->vgem_words);
			ASSERT(pattern_check(m->dmabuf_map + PART_AT(PART_PATTERN), PAGE, 77));
			if (!vgem_pins && !wait_moves(m, 5))
				break;
		}
		ASSERT_OK(drmCloseBufferHandle(vgem, handle));
		close(vgem);
	} while (wait_moves(m, 10));
	return NULL;
}

/* Reads what does not change through the kernel's mapping of the import. */
static void *use_vmap(void *data)
{
	struct moving *m = data;
	struct bo there = dms_import_as(m->other, m->dmabuf, 0);
	uint8_t pattern[PAGE];

	pattern_fill(pattern, PAGE, 77);
	do {
		struct drm_dmashare_bo_vmap v = dms_vmap(&there, PART_AT(PART_PATTERN), PAGE, 2);

		ASSERT_EQ(v.checksum, crc32c(pattern, PAGE));
		if (v.flags & DRM_DMASHARE_VMAP_IOMEM)
			m->vmaps_local++;
		else
			m->vmaps_system++;
		if (dynamic_maps_pin())
			dms_unmap(&there);
	} while (wait_moves(m, 7));
	ASSERT_OK(dms_try_close(m->other, there.handle));
	return NULL;
}

/*
 * Runs jobs and checks the outcome of each, not of the last one's fence alone.
 * Returns the result of the last.
 */
static uint64_t run_jobs(int fd, struct drm_dmashare_job *jobs, unsigned int n)
{
	struct drm_dmashare_job_result r = { 0 };
	unsigned int i;
	int fence;

	for (i = 0; i < n; i++)
		jobs[i].flags |= DRM_DMASHARE_JOB_WANT_RESULT;
	fence = dms_submit_fence(fd, 0, 0, jobs, n);
	for (i = 0; i < n; i++) {
		r = dms_result(fd, jobs[i].id);
		if (r.error || r.status != DMASHARE_STATUS_OK) {
			trace_failures_tell();
			FAIL("job %llu of op %u: status %#x, %s, address %#llx",
			     (unsigned long long)jobs[i].id, jobs[i].op, r.status,
			     strerror(r.error), (unsigned long long)r.detail);
		}
	}
	ASSERT_EQ(fence_finish(fence), 0);
	return r.result;
}

/* A word written into the buffer by a job and copied out by the next. */
static void pass_word(int fd, const struct bo *bo, const struct bo *out, uint64_t at,
		      uint64_t value)
{
	struct drm_dmashare_job jobs[2] = {
		dms_job_fill(bo, at, 8, value),
		dms_job_copy(out, 0, bo, at, 8),
	};

	run_jobs(fd, jobs, 2);
	ASSERT_EQ(*(uint64_t *)out->map, value);
}

static void *use_importer(void *data)
{
	struct moving *m = data;
	struct bo out = dms_create_mapped(m->other, PAGE, "out");
	bool pins = dynamic_maps_pin();
	struct drm_dmashare_job checksum;
	uint8_t pattern[PAGE];
	unsigned int i;
	uint32_t crc;

	pattern_fill(pattern, PAGE, 77);
	crc = crc32c(pattern, PAGE);
	do {
		struct bo there = dms_import_as(m->other, m->dmabuf, 0);

		m->imports++;
		for (i = 0; i < 16 && !done(m); i++) {
			m->jobs++;
			pass_word(m->other, &there, &out,
				  PART_AT(PART_IMPORTER) + m->jobs % 512 * 8, m->jobs * 3);
			checksum = dms_job_crc(&there, PART_AT(PART_PATTERN), PAGE);
			ASSERT_EQ(run_jobs(m->other, &checksum, 1), crc);
			if (pins)
				dms_unmap(&there);
			if (!wait_moves(m, 2))
				break;
		}
		ASSERT_OK(dms_try_close(m->other, there.handle));
	} while (!done(m));
	return NULL;
}

static void *use_own(void *data)
{
	struct moving *m = data;
	struct bo out = dms_create_mapped(m->fd, PAGE, "out");

	while (!done(m)) {
		m->own_jobs++;
		pass_word(m->fd, &m->bo, &out, PART_AT(PART_OWN) + m->own_jobs % 512 * 8,
			  m->own_jobs * 5);
		wait_moves(m, 1);
	}
	return NULL;
}

/* Captures a frame, lets go, and finds the frame later where the bytes are. */
static void *use_vivid(void *data)
{
	struct moving *m = data;
	struct vivid v = vivid_open(FRAME_WIDTH, FRAME_HEIGHT);
	struct bo second;
	uint32_t crc, none, handle;
	int dmabufs[2];

	ASSERT_EQ(v.size, FRAME_SIZE);
	second = dms_create_in(m->fd, SIZE, SYSTEM, DRM_DMASHARE_BO_CONTIGUOUS, "other frame");
	dmabufs[0] = m->dmabuf;
	dmabufs[1] = dms_export(m->fd, second.handle);
	do {
		/* It begins with the same picture each time. */
		memset(m->bo.map, 0xee, FRAME_SIZE);
		none = crc32c(m->bo.map, FRAME_SIZE);
		/*
		 * Another static importer first: where that one is, vivid is not
		 * refused. Of each refusal videobuf2 keeps the dma-buf for good.
		 */
		while (dms_try_import_as(m->other, m->dmabuf, DRM_DMASHARE_IMPORT_STATIC, &handle))
			try_again(m);
		vivid_start(&v, dmabufs, 2);
		ASSERT_OK(dms_try_close(m->other, handle));
		while (vivid_dequeue(&v, NULL))
			ASSERT_OK(vivid_try_queue(&v, 1));
		crc = crc32c(m->bo.map, FRAME_SIZE);
		ASSERT_MSG(crc != none, "vivid captured nothing");
		vivid_stop(&v);
		m->frames++;
		wait_moves(m, 20);
		ASSERT_EQ(crc32c(m->bo.map, FRAME_SIZE), crc);
		ASSERT_EQ(dms_crc(m->fd, &m->bo, 0, FRAME_SIZE), crc);
	} while (wait_moves(m, 20));
	vivid_close(&v);
	return NULL;
}

/* Until it has moved so often; a move that is not one does not count. */
static void move_on(struct moving *m, uint64_t n)
{
	uint64_t moves = 0;

	while (moves < n) {
		uint32_t to = dms_info(m->fd, m->bo.handle).placement == LOCAL ? SYSTEM : LOCAL;

		if (dms_try_move(m->fd, m->bo.handle, to, DRM_DMASHARE_MOVE_WAIT)) {
			ASSERT_MSG(errno == EBUSY, "BO_MOVE: %s", strerror(errno));
			m->busy++;
			sched_yield();
			continue;
		}
		moves = dms_info(m->fd, m->bo.handle).moves;
		pthread_mutex_lock(&m->lock);
		m->moves = moves;
		pthread_cond_broadcast(&m->moved);
		pthread_mutex_unlock(&m->lock);
	}
	pthread_mutex_lock(&m->lock);
	m->done = true;
	pthread_cond_broadcast(&m->moved);
	pthread_mutex_unlock(&m->lock);
}

/* The proof. */
static void many_moves(void)
{
	enum { N = 1000, FEWEST = 250 };
	unsigned int n = rounds(N) < FEWEST ? FEWEST : N;
	static struct moving m = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER,
	};
	void *(*const users[])(void *) = {
		read_pattern, write_cpu, use_vgem, use_importer, use_vmap, use_own, use_vivid,
	};
	pthread_t thread[ARRAY_SIZE(users)];
	struct dmashare_ledger l, device[2];
	uint64_t failed = 0;
	unsigned int i;

	/* Loads it, if it has to be. */
	close(vgem_open());
	vgem_pins = vgem_maps();
	vivid_load(VIVID_DMA_CONTIG);
	m.fd = dms_open_nth(0);
	m.other = dms_open_nth(1);
	/* The devices' own go on from what earlier programs had them do. */
	device[0] = ledger_get(m.fd, 0);
	device[1] = ledger_get(m.other, 0);
	trace_failures_begin();
	m.bo = dms_create_in(m.fd, SIZE, SYSTEM, DRM_DMASHARE_BO_CONTIGUOUS, "moving");
	dms_map(&m.bo);
	m.dmabuf = dms_export(m.fd, m.bo.handle);
	m.dmabuf_map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m.dmabuf, 0);
	ASSERT(m.dmabuf_map != MAP_FAILED);
	pattern_fill(m.bo.map + PART_AT(PART_PATTERN), PAGE, 77);
	for (i = 0; i < ARRAY_SIZE(users); i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, users[i], &m), 0);
	move_on(&m, n);
	for (i = 0; i < ARRAY_SIZE(users); i++)
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
	l = ledger_get(m.fd, m.bo.handle);
	for (i = 0; i < 2; i++) {
		struct dmashare_ledger now = ledger_get(i ? m.other : m.fd, 0);

		device[i] = ledger_since(&device[i], &now);
		failed += device[i].jobs_failed + device[i].faults;
	}
	ktap_diag("%llu moves (%llu times EBUSY, importers %u times), notifications %llu; patterns %u, words %u+%u+%u, frames %u, imports %u, vmaps %u+%u, jobs %u+%u",
		  (unsigned long long)l.places, (unsigned long long)m.busy, m.refused,
		  (unsigned long long)l.notes[DMASHARE_NOTE_MOVE], m.patterns, m.cpu_words,
		  m.dmabuf_words, m.vgem_words, m.frames, m.imports, m.vmaps_local, m.vmaps_system, m.jobs, m.own_jobs);
	ASSERT(l.places >= n);
	ASSERT_EQ(dms_info(m.fd, m.bo.handle).moves, l.places);
	if (failed)
		trace_failures_tell();
	trace_failures_end();
	for (i = 0; i < 2; i++) {
		ASSERT_MSG(!device[i].jobs_failed && !device[i].faults,
			   "device %u: %llu jobs failed, %llu faults", i,
			   (unsigned long long)device[i].jobs_failed,
			   (unsigned long long)device[i].faults);
	}
	ASSERT_EQ(l.live_attachments, 0);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_PIN], l.notes[DMASHARE_NOTE_UNPIN]);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], l.notes[DMASHARE_NOTE_UNMAP]);
	ASSERT_EQ(dms_info(m.fd, m.bo.handle).pins, 0);
	ASSERT(m.patterns && m.cpu_words && m.dmabuf_words && m.vgem_words);
	ASSERT(m.frames >= 2 && m.imports && m.jobs >= 10 && m.own_jobs >= 10);
	if (dynamic_maps_pin())
		ASSERT(m.busy);
	else
		covers("import.invalidate:dmashare");
	ASSERT(m.vmaps_local + m.vmaps_system >= 10);
	ASSERT(l.notes[DMASHARE_NOTE_PIN] >= m.frames);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW_COVERS(many_moves, 280,
			 "move.load:dmashare move.load:vgem move.load:vivid-contig "
			 "import.dynamic:dmashare import.vmap:dmashare"),
};

int main(int argc, char **argv)
{
	int status;

	dynamic_maps_pin();
	status = ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
	vivid_unload();
	return status;
}
