// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local memory, and buffers that move between it and system memory: by
 * BO_MOVE and for want of room. The bytes stay what they are for whoever looks
 * at them, and nobody sees them half-way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define WAIT	DRM_DMASHARE_MOVE_WAIT

static uint64_t local_size(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);
}

static void created_in_local(void)
{
	int fd = dms_open();
	uint64_t before = local_free(fd);
	struct bo bo = create_mapped_in(fd, 3 * PAGE, LOCAL);
	struct drm_dmashare_bo_info info = dms_info(fd, bo.handle);

	ASSERT_EQ(info.placement, LOCAL);
	ASSERT_EQ(info.moves, 0);
	ASSERT_EQ(local_free(fd), before - 3 * PAGE);
	ASSERT(page_is_local(&bo, bo.map, 0));
	ASSERT(page_is_local(&bo, bo.map, 2 * PAGE));
	pattern_fill(bo.map, bo.size, 1);
	ASSERT_EQ(dms_crc(fd, &bo, 0, bo.size), crc32c(bo.map, bo.size));
	dms_run_ok(fd, dms_job_fill(&bo, PAGE, PAGE, ONES));
	ASSERT(all_bytes(bo.map + PAGE, PAGE, 1));
	ASSERT(pattern_check(bo.map, PAGE, 1));
	info = dms_info(fd, bo.handle);
	ASSERT_EQ(info.n_segments, 1);
	ASSERT_EQ(info.max_segment, bo.size);
	dms_destroy(&bo);
	/* A job that has just ended may hold it for a moment. */
	while (local_free(fd) != before)
		sched_yield();
}

/*
 * What maps the dma-buf is the first that maps the buffer at all: the page that it sees
 * is of this buffer, and follows it. Another one is mapped so as well, at once.
 */
static void dmabuf_mapped_first(void)
{
	int fd = dms_open();
	struct bo bo[2];
	uint8_t *map[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		bo[i] = dms_create_in(fd, 3 * PAGE, SYSTEM, 0, "first");
		map[i] = mmap(NULL, bo[i].size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      dms_export(fd, bo[i].handle), 0);
		ASSERT(map[i] != MAP_FAILED);
		pattern_fill(map[i], bo[i].size, i + 1);
	}
	for (i = 0; i < 2; i++) {
		dms_move(&bo[i], LOCAL);
		ASSERT(pattern_check(map[i], bo[i].size, i + 1));
		/* Had the mapping stayed behind, the device would not see this. */
		pattern_fill(map[i], bo[i].size, i + 3);
		ASSERT_EQ(dms_crc(fd, &bo[i], 0, bo[i].size), crc32c(map[i], bo[i].size));
		dms_run_ok(fd, dms_job_fill(&bo[i], PAGE, PAGE, ONES));
		ASSERT(all_bytes(map[i] + PAGE, PAGE, 1));
	}
	for (i = 0; i < 2; i++)
		munmap(map[i], bo[i].size);
}

/* All of local memory is filled, given back and handed out again. */
static void given_out_clean(void)
{
	enum { N = 8 };
	int fd = dms_open();
	uint64_t size = local_free(fd) / N / PAGE * PAGE;
	struct bo bo[N];
	unsigned int i;

	for (i = 0; i < N; i++) {
		bo[i] = dms_create_in(fd, size, LOCAL, 0, "dirty");
		dms_run_ok(fd, dms_job_fill(&bo[i], 0, size, ~0ull));
	}
	for (i = 0; i < N; i++)
		dms_destroy(&bo[i]);
	for (i = 0; i < N; i++) {
		uint8_t *zeros = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT(zeros != MAP_FAILED);
		bo[i] = create_mapped_in(fd, size, LOCAL);
		ASSERT(all_bytes(bo[i].map, PAGE, 0));
		ASSERT(all_bytes(bo[i].map + size - PAGE, PAGE, 0));
		ASSERT_EQ(dms_crc(fd, &bo[i], 0, size), crc32c(zeros, size));
		munmap(zeros, size);
	}
	for (i = 0; i < N; i++)
		ASSERT_EQ(dms_info(fd, bo[i].handle).placement, LOCAL);
}

/* What a page of system memory held before is not seen either. */
static void moved_out_is_whole(void)
{
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 5 * PAGE, LOCAL);

	bo.map[2 * PAGE] = 7;
	dms_move(&bo, SYSTEM);
	ASSERT(all_bytes(bo.map, 2 * PAGE, 0));
	ASSERT_EQ(bo.map[2 * PAGE], 7);
	ASSERT(all_bytes(bo.map + 2 * PAGE + 1, 3 * PAGE - 1, 0));
}

/* Through the DRM file and through the dma-buf, before and after each move. */
static void cpu_mappings_follow(void)
{
	enum { SIZE = 9 * PAGE };
	int fd = dms_open(), dmabuf;
	struct bo bo = create_mapped_in(fd, SIZE, SYSTEM);
	uint8_t *other;
	unsigned int i;

	dmabuf = dms_export(fd, bo.handle);
	other = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	ASSERT(other != MAP_FAILED);
	pattern_fill(bo.map, SIZE, 100);
	for (i = 0; i < 12; i++) {
		uint32_t placement = i % 2 ? SYSTEM : LOCAL;

		dms_move(&bo, placement);
		ASSERT_EQ(page_is_local(&bo, bo.map, 0), placement == LOCAL);
		ASSERT_EQ(page_is_local(&bo, other, SIZE - PAGE), placement == LOCAL);
		ASSERT(pattern_check(bo.map, SIZE, 100 + i));
		ASSERT(pattern_check(other, SIZE, 100 + i));
		pattern_fill(i % 3 ? bo.map : other, SIZE, 100 + i + 1);
		ASSERT_EQ(dms_crc(fd, &bo, 0, SIZE), crc32c(bo.map, SIZE));
	}
	ASSERT_EQ(dms_info(fd, bo.handle).moves, 12);
}

/* The device's jobs find the bytes, and what they use is where it should be. */
static void jobs_follow(void)
{
	enum { SIZE = 16 * PAGE };
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, SIZE, SYSTEM);
	struct dmashare_ledger l, before = ledger_get(fd, bo.handle);
	uint32_t crc;

	pattern_fill(bo.map, SIZE, 1);
	crc = crc32c(bo.map, SIZE);
	dms_move(&bo, LOCAL);
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.places - before.places, 1);
	ASSERT_EQ(l.local_bytes_written - before.local_bytes_written, SIZE);
	before = l;
	ASSERT_EQ(dms_crc(fd, &bo, 0, SIZE), crc);
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, ONES));
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.local_bytes_read - before.local_bytes_read, SIZE);
	ASSERT_EQ(l.local_bytes_written - before.local_bytes_written, PAGE);
	before = l;
	crc = crc32c(bo.map, SIZE);
	dms_move(&bo, SYSTEM);
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.places - before.places, 1);
	ASSERT_EQ(l.local_bytes_read - before.local_bytes_read, SIZE);
	before = l;
	ASSERT_EQ(dms_crc(fd, &bo, 0, SIZE), crc);
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.local_bytes_read, before.local_bytes_read);
	ASSERT_EQ(l.bytes_read - before.bytes_read, SIZE);
	ASSERT_EQ(l.faults, 0);
}

/* Moving it to where it is already is success, and no move. */
static void already_there(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_in(fd, PAGE, LOCAL, 0, "there");
	struct dmashare_ledger before = ledger_get(fd, bo.handle), now;

	dms_move(&bo, LOCAL);
	dms_move(&bo, LOCAL);
	dms_move(&bo, SYSTEM);
	dms_move(&bo, SYSTEM);
	now = ledger_get(fd, bo.handle);
	ASSERT_EQ(now.places - before.places, 1);
	ASSERT_EQ(dms_info(fd, bo.handle).moves, 1);
}

static void wrong_arguments(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "wrong");
	struct drm_dmashare_bo_move m = { .handle = bo.handle, .placement = LOCAL, .pad = 1 };

	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, 2, 0), EINVAL);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, ~0u, 0), EINVAL);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, LOCAL, 2), EINVAL);
	ASSERT_REFUSED("BO_MOVE", drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_MOVE, &m), EINVAL);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, 12345, LOCAL, 0), ENOENT);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, 0, LOCAL, 0), ENOENT);
	ASSERT_EQ(dms_info(fd, bo.handle).placement, SYSTEM);
	ASSERT_EQ(dms_info(fd, bo.handle).moves, 0);
}

static void imported_or_static(void)
{
	int fd = dms_open();
	struct foreign f = heap_buffer(PAGE);
	struct bo there = dms_import(fd, f.dmabuf);
	struct bo fixed = dms_create_in(fd, PAGE, SYSTEM, DRM_DMASHARE_BO_STATIC, "fixed");
	struct bo local = dms_create_in(fd, PAGE, LOCAL, DRM_DMASHARE_BO_STATIC, "fixed");

	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, there.handle, LOCAL, 0), EOPNOTSUPP);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, fixed.handle, LOCAL, 0), EOPNOTSUPP);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, local.handle, SYSTEM, 0), EOPNOTSUPP);
	ASSERT_EQ(dms_info(fd, local.handle).placement, LOCAL);
}

static void no_room(void)
{
	int fd = dms_open();
	uint64_t size = local_size(fd) + PAGE, free = local_free(fd);
	struct bo big = dms_create(fd, size, "bigger than local memory"), fixed, bo;

	dms_map(&big);
	big.map[size - 1] = 9;
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, big.handle, LOCAL, WAIT), ENOSPC);
	ASSERT_EQ(dms_info(fd, big.handle).placement, SYSTEM);
	ASSERT_EQ(big.map[size - 1], 9);
	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, size, LOCAL, 0, "too big", &bo), ENOSPC);
	/* Room there is, but of what cannot be moved. */
	fixed = dms_create_in(fd, free, LOCAL, DRM_DMASHARE_BO_STATIC, "all of it");
	ASSERT_EQ(local_free(fd), 0);
	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, PAGE, LOCAL, 0, "none", &bo), ENOSPC);
	bo = dms_create(fd, PAGE, "outside");
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, LOCAL, 0), ENOSPC);
	dms_destroy(&fixed);
	ASSERT_EQ(local_free(fd), free);
	dms_move(&bo, LOCAL);
}

static void pinned(void)
{
	int fd = dms_open();
	struct bo in = create_mapped_in(fd, 4 * PAGE, LOCAL);
	struct bo out = create_mapped_in(fd, 4 * PAGE, SYSTEM);
	struct vmapped a, b;

	vmapped_hold(&a, &in, ONES);
	vmapped_hold(&b, &out, 2 * ONES);
	ASSERT_EQ(dms_info(fd, in.handle).pins, 1);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, in.handle, SYSTEM, 0), EBUSY);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, out.handle, LOCAL, WAIT), EBUSY);
	/* It is there, so nothing has to move. */
	ASSERT_OK(dms_try_move(fd, in.handle, LOCAL, 0));
	vmapped_release(&a);
	vmapped_release(&b);
	ASSERT_EQ(dms_info(fd, in.handle).pins, 0);
	ASSERT_EQ(dms_info(fd, in.handle).moves, 0);
	ASSERT_EQ(a.vmap.flags, DRM_DMASHARE_VMAP_IOMEM);
	ASSERT_EQ(b.vmap.flags, 0);
	ASSERT_EQ(a.vmap.checksum, crc32c(in.map, in.size));
	ASSERT_EQ(b.vmap.checksum, crc32c(out.map, out.size));
	ASSERT(all_bytes(in.map, in.size, 1));
	dms_move(&in, SYSTEM);
	dms_move(&out, LOCAL);
	ASSERT(all_bytes(in.map, in.size, 1));
	ASSERT(all_bytes(out.map, out.size, 2));
}

/* The kernel's mapping is of the bytes, wherever they are. */
static void vmap_follows(void)
{
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, 8 * PAGE, LOCAL);
	struct drm_dmashare_bo_vmap v;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		pattern_fill(bo.map, bo.size, i);
		v = dms_vmap(&bo, PAGE, 5 * PAGE, 1 + i);
		ASSERT_EQ(v.checksum, crc32c(bo.map + PAGE, 5 * PAGE));
		ASSERT_EQ(v.flags, i % 2 ? 0 : DRM_DMASHARE_VMAP_IOMEM);
		dms_move(&bo, i % 2 ? LOCAL : SYSTEM);
	}
}

/* vgem holds the buffer as long as this kernel lets an attachment do that. */
static void vgem_attached(void)
{
	int fd = dms_open(), vgem = vgem_open(), dmabuf;
	struct bo bo = create_mapped_in(fd, 4 * PAGE, LOCAL);
	uint32_t handle;

	pattern_fill(bo.map, bo.size, 1);
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	if (vgem_maps()) {
		/* vgem takes no BAR addresses, so the bytes came out. */
		ASSERT_EQ(dms_info(fd, bo.handle).placement, SYSTEM);
		ASSERT_EQ(dms_info(fd, bo.handle).pins, 1);
		ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, LOCAL, WAIT), EBUSY);
		covers("move.busy:vgem p2p.fallback:vgem");
	} else {
		ASSERT_EQ(dms_info(fd, bo.handle).pins, 0);
		dms_move(&bo, SYSTEM);
		ASSERT(pattern_check(bo.map, bo.size, 1));
		dms_move(&bo, LOCAL);
	}
	ASSERT(pattern_check(bo.map, bo.size, 1));
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	ASSERT_EQ(dms_info(fd, bo.handle).pins, 0);
	dms_move(&bo, SYSTEM);
	dms_move(&bo, LOCAL);
	ASSERT(pattern_check(bo.map, bo.size, 1));
}

/*
 * More is asked for than local memory holds: what was used least lately makes
 * room.
 */
static void pressure(void)
{
	enum { N = 8 };
	int fd = dms_open();
	uint64_t size = local_free(fd) / N / PAGE * PAGE;
	struct dmashare_ledger l;
	struct bo bo[N + 2];
	unsigned int i, k, in = 0;
	uint32_t crc[N];

	for (i = 0; i < N; i++) {
		bo[i] = create_mapped_in(fd, size, LOCAL);
		dms_run_ok(fd, dms_job_fill(&bo[i], 0, size, (i + 1) * ONES));
		pattern_fill(bo[i].map + size - PAGE, PAGE, i);
		crc[i] = dms_crc(fd, &bo[i], 0, size);
	}
	/* In use again, so the next in turn is the second. */
	ASSERT_EQ(dms_crc(fd, &bo[0], 0, size), crc[0]);
	for (; i < N + 2; i++) {
		bo[i] = create_mapped_in(fd, size, LOCAL);
		ASSERT(all_bytes(bo[i].map, PAGE, 0));
		ASSERT(all_bytes(bo[i].map + size - PAGE, PAGE, 0));
		dms_run_ok(fd, dms_job_fill(&bo[i], 0, size, ~0ull));
	}
	for (i = 0; i < N + 2; i++)
		in += dms_info(fd, bo[i].handle).placement == LOCAL;
	ASSERT_EQ(in, N);
	ASSERT_EQ(dms_info(fd, bo[0].handle).placement, LOCAL);
	ASSERT_EQ(dms_info(fd, bo[1].handle).placement, SYSTEM);
	ASSERT_EQ(dms_info(fd, bo[2].handle).placement, SYSTEM);
	for (i = 0; i < N; i++) {
		bool out = i == 1 || i == 2;

		ASSERT_EQ(page_is_local(&bo[i], bo[i].map, 0), !out);
		ASSERT(all_bytes(bo[i].map, PAGE, i + 1));
		ASSERT(pattern_check(bo[i].map + size - PAGE, PAGE, i));
		ASSERT_EQ(dms_crc(fd, &bo[i], 0, size), crc[i]);
		l = ledger_get(fd, bo[i].handle);
		ASSERT_EQ(l.places, out);
		ASSERT_EQ(dms_info(fd, bo[i].handle).moves, out);
	}
	/* And by a move: one comes in and another goes. */
	dms_move(&bo[1], LOCAL);
	ASSERT_EQ(dms_crc(fd, &bo[1], 0, size), crc[1]);
	for (i = 0, in = 0; i < N + 2; i++)
		in += dms_info(fd, bo[i].handle).placement == LOCAL;
	ASSERT_EQ(in, N);
	for (k = 0; k < N; k++)
		ASSERT_EQ(dms_crc(fd, &bo[k], 0, size), crc[k]);
}

/* What is pinned, static or at work stays where it is. */
static void pressure_spares_the_pinned(void)
{
	int fd = dms_open();
	uint64_t size = local_free(fd) / 4 / PAGE * PAGE;
	struct bo fixed = dms_create_in(fd, size, LOCAL, DRM_DMASHARE_BO_STATIC, "fixed");
	struct bo held = dms_create_in(fd, size, LOCAL, 0, "held");
	struct bo loose = dms_create_in(fd, size, LOCAL, 0, "loose");
	struct bo rest = dms_create_in(fd, size, LOCAL, 0, "rest"), more, none;
	struct vmapped v;

	dms_map(&held);
	vmapped_hold(&v, &held, ONES);
	more = dms_create_in(fd, 2 * size, LOCAL, 0, "two of them");
	ASSERT_EQ(dms_info(fd, fixed.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(fd, held.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(fd, more.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(fd, loose.handle).placement, SYSTEM);
	ASSERT_EQ(dms_info(fd, rest.handle).placement, SYSTEM);
	ASSERT_REFUSED("BO_CREATE",
		       dms_try_create_in(fd, 3 * size, LOCAL, 0, "three", &none), ENOSPC);
	vmapped_release(&v);
	ASSERT(all_bytes(held.map, size, 1));
}

struct writer {
	volatile uint32_t *word;	/* one every page */
	unsigned int pages;
	uint32_t rounds;
	atomic_bool *stop;
};

/* Counts up in words of its own; a write that a move lost shows at the next. */
static void *write_words(void *data)
{
	struct writer *w = data;
	unsigned int i;

	while (!atomic_load(w->stop)) {
		for (i = 0; i < w->pages; i++) {
			volatile uint32_t *word = &w->word[i * PAGE / 4];

			ASSERT_MSG(*word == w->rounds, "page %u holds %u, %u was written last",
				   i, *word, w->rounds);
			*word = w->rounds + 1;
		}
		w->rounds++;
	}
	return NULL;
}

/* Programs that write all the time lose nothing when it moves under them. */
static void writers_meanwhile(void)
{
	enum { PAGES = 8, N = 3 };
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, PAGES * PAGE, SYSTEM);
	atomic_bool stop = false;
	struct writer w[N];
	pthread_t thread[N];
	unsigned int i, k;

	for (i = 0; i < N; i++) {
		w[i] = (struct writer){
			.word = (uint32_t *)bo.map + i,
			.pages = PAGES,
			.stop = &stop,
		};
		ASSERT_EQ(pthread_create(&thread[i], NULL, write_words, &w[i]), 0);
	}
	for (i = 0; i < 100; i++)
		dms_move(&bo, i % 2 ? SYSTEM : LOCAL);
	atomic_store(&stop, true);
	for (i = 0; i < N; i++) {
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
		ASSERT(w[i].rounds);
		for (k = 0; k < PAGES; k++)
			ASSERT_EQ(w[i].word[k * PAGE / 4], w[i].rounds);
	}
}

struct worker {
	struct bo bo, out;
	uint32_t queue;
	unsigned int rounds;
	atomic_bool *stop;
};

/* Passes a word on through the buffer, by jobs on a queue of its own. */
static void *pass_words(void *data)
{
	struct worker *w = data;
	uint64_t *word = (uint64_t *)w->out.map;

	while (!atomic_load(w->stop)) {
		uint64_t value = ++w->rounds * 0x100000001ull + w->queue;
		uint64_t offset = w->queue * PAGE + w->rounds % 511 * 8;
		struct drm_dmashare_job jobs[2] = {
			dms_job_fill(&w->bo, offset, 8, value),
			dms_job_copy(&w->out, 0, &w->bo, offset, 8),
		};

		ASSERT_EQ(fence_finish(dms_submit_fence(w->bo.fd, w->queue, 0, jobs, 2)), 0);
		ASSERT_EQ(*word, value);
	}
	return NULL;
}

static void jobs_meanwhile(void)
{
	enum { N = 3 };
	int fd = dms_open();
	struct bo bo = create_mapped_in(fd, N * PAGE, SYSTEM);
	struct dmashare_ledger l;
	atomic_bool stop = false;
	struct worker w[N];
	pthread_t thread[N];
	unsigned int i;

	for (i = 0; i < N; i++) {
		w[i] = (struct worker){
			.bo = bo,
			.out = dms_create_mapped(fd, PAGE, "out"),
			.queue = i,
			.stop = &stop,
		};
		ASSERT_EQ(pthread_create(&thread[i], NULL, pass_words, &w[i]), 0);
	}
	for (i = 0; i < 60; i++)
		dms_move(&bo, i % 2 ? SYSTEM : LOCAL);
	atomic_store(&stop, true);
	for (i = 0; i < N; i++) {
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
		ASSERT(w[i].rounds);
	}
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.places, 60);
	ASSERT_EQ(l.jobs_failed, 0);
}

/**
 * struct closer - makes buffers in local memory, and closes them
 * @fd: of the device
 * @size: of one
 * @closed: how many of them
 * @stop: it is enough
 */
struct closer {
	int fd;
	uint64_t size;
	atomic_uint closed;
	atomic_bool stop;
};

static void *make_and_close(void *data)
{
	struct closer *c = data;
	struct bo bo[3] = { 0 };
	unsigned int i;
	int err;

	for (i = 0; !atomic_load(&c->stop); i++) {
		if (bo[i % 3].handle) {
			dms_destroy(&bo[i % 3]);
			atomic_fetch_add(&c->closed, 1);
		}
		err = dms_try_create_in(c->fd, c->size, LOCAL, 0, "closed", &bo[i % 3]);
		/* For a moment all that could make room may be in others' hands. */
		ASSERT_MSG(!err || errno == ENOSPC, "BO_CREATE: %s", strerror(errno));
		if (err)
			bo[i % 3].handle = 0;
	}
	for (i = 0; i < 3; i++) {
		if (bo[i].handle)
			dms_destroy(&bo[i]);
	}
	return NULL;
}

/*
 * Who makes room for a buffer may be the last to know of the one that makes room,
 * and has the lock of the first.
 */
static void closed_while_it_makes_room(void)
{
	int fd = dms_open();
	uint64_t free = local_free(fd);
	struct closer c = { .fd = dms_open(), .size = free / 3 / PAGE * PAGE };
	struct bo bo = create_mapped_in(fd, c.size, SYSTEM);
	unsigned int i, came = 0;
	pthread_t thread;

	pattern_fill(bo.map, PAGE, 7);
	ASSERT_EQ(pthread_create(&thread, NULL, make_and_close, &c), 0);
	for (i = 0; i < 200 || atomic_load(&c.closed) < 100; i++) {
		int err = dms_try_move(fd, bo.handle, LOCAL, 0);

		ASSERT_MSG(!err || errno == ENOSPC, "BO_MOVE: %s", strerror(errno));
		came += !err;
		ASSERT(pattern_check(bo.map, PAGE, 7));
		dms_move(&bo, SYSTEM);
		ASSERT(pattern_check(bo.map, PAGE, 7));
	}
	atomic_store(&c.stop, true);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	ktap_diag("%u of %u moves into it, %u closed", came, i, atomic_load(&c.closed));
	ASSERT(came);
	dms_destroy(&bo);
	while (local_free(fd) != free)
		sched_yield();
}

/* A process that moves its buffers back and forth and is killed at that. */
static void killed_while_moving(void)
{
	int watch = dms_open(), fds[2], status;
	struct dmashare_ledger before = ledger_get(watch, 0);
	uint64_t free = local_free(watch);
	unsigned int i, k;
	pid_t pid;
	char c;

	for (i = 0; i < 5; i++) {
		ASSERT_OK(pipe(fds));
		pid = fork();
		ASSERT_OK(pid);
		if (!pid) {
			int fd = dms_open();
			struct bo bo = create_mapped_in(fd, 64 * PAGE, LOCAL);

			for (k = 0;; k++) {
				struct drm_dmashare_job job = dms_job_fill(&bo, 0, bo.size, k);

				dms_submit(fd, 0, 0, &job, 1);
				ASSERT_OK(dms_try_move(fd, bo.handle, k % 2, 0));
				if (k == 4 + i)
					ASSERT_EQ(write(fds[1], "", 1), 1);
			}
		}
		close(fds[1]);
		ASSERT_EQ(read(fds[0], &c, 1), 1);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT(WIFSIGNALED(status));
		close(fds[0]);
		ledger_wait_gone(watch, &before);
		while (local_free(watch) != free)
			sched_yield();
	}
	dms_run_ok(watch, dms_job_noop(0));
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(created_in_local, "mmap:user"),
	KTAP_CASE(given_out_clean),
	KTAP_CASE(dmabuf_mapped_first),
	KTAP_COVERS(moved_out_is_whole, "move.to-system:user"),
	KTAP_COVERS(cpu_mappings_follow, "move.cpu:user move.to-local:user mmap:user"),
	KTAP_COVERS(jobs_follow, "move.to-local:user move.to-system:user"),
	KTAP_CASE(already_there),
	KTAP_CASE(wrong_arguments),
	KTAP_CASE(imported_or_static),
	KTAP_CASE(no_room),
	KTAP_COVERS(pinned, "move.busy:user vmap.iomem:user vmap.system:user pin:user unpin:user"),
	KTAP_COVERS(vmap_follows, "vmap.iomem:user vmap.system:user vmap:user vunmap:user"),
	KTAP_COVERS(vgem_attached, "attach:vgem detach:vgem move.to-system:vgem"),
	KTAP_COVERS(pressure, "move.pressure:user"),
	KTAP_COVERS(pressure_spares_the_pinned, "move.pressure:user move.busy:user"),
	KTAP_COVERS(writers_meanwhile, "move.load:user move.cpu:user"),
	KTAP_COVERS(jobs_meanwhile, "move.load:user"),
	KTAP_SLOW(closed_while_it_makes_room, 120),
	KTAP_CASE(killed_while_moving),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
