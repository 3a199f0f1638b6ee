// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rendering while the buffers of its commands and pixels move between placements,
 * and while the device is reset: no byte is wrong, a reset loses contexts and
 * resources and says so, buffers stay what they were, and the next context works.
 * The module is loaded anew with a short limit for jobs, so that one which hangs
 * has the device reset.
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

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/render.h"

#define PAGE		4096u
#define SIDE		128u
#define QUEUES		3
/* Far more than any other job takes here, on a busy host as well. */
#define LIMIT_MS	3000
#define FOR_EVER	(3000 * SEC)

static void limit_is_set(void)
{
	ASSERT_EQ(module_parameter("dmashare", "job_timeout_ms", -1), LIMIT_MS);
}

/* Moves. -------------------------------------------------------------------- */

static uint32_t pixel_of(unsigned int i)
{
	return 0xff000000 | i * 0x10305;
}

/* Moves are arranged between the submit and its fence, each time. */
static void moves_between(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	uint64_t before = dms_info(c.fd, c.pixels.handle).moves;
	unsigned int i, n = rounds(60);

	for (i = 0; i < n; i++) {
		struct drm_dmashare_job jobs[2] = {
			canvas_clear(&c, i, pixel_of(i)),
			canvas_download(&c),
		};
		uint32_t to = i % 2 ? SYSTEM : LOCAL;
		int fence;

		memset(c.pixels.map, 0x5a, canvas_bytes(&c));
		fence = dms_submit_fence(c.fd, i % QUEUES, 0, jobs, 2);
		ASSERT_OK(dms_try_move(c.fd, c.commands.handle, to, 0));
		ASSERT_OK(dms_try_move(c.fd, c.pixels.handle, to, 0));
		ASSERT_EQ(fence_finish(fence), 0);
		render_all_are(c.pixels.map, SIDE * SIDE, pixel_of(i));
		ASSERT_EQ(dms_info(c.fd, c.pixels.handle).placement, to);
	}
	ASSERT_EQ(dms_info(c.fd, c.pixels.handle).moves - before, n);
}

/**
 * struct mover - a thread that moves buffers to and fro
 * @c: whose
 * @stop: it is to end
 * @moves: that it made
 * @error: errno of one that it could not make
 * @thread: the thread
 */
struct mover {
	struct canvas *c;
	atomic_bool stop;
	atomic_uint moves;
	int error;
	pthread_t thread;
};

static void *move_to_and_fro(void *data)
{
	struct mover *m = data;
	uint32_t handle[] = { m->c->commands.handle, m->c->pixels.handle };
	unsigned int i;

	for (i = 0; !atomic_load(&m->stop) && !m->error; i++) {
		uint32_t to = i / 2 % 2 ? SYSTEM : LOCAL;

		if (dms_try_move(m->c->fd, handle[i % 2], to, DRM_DMASHARE_MOVE_WAIT))
			m->error = errno;
		else
			atomic_fetch_add(&m->moves, 1);
	}
	return NULL;
}

static void mover_start(struct mover *m, struct canvas *c)
{
	*m = (struct mover){ .c = c };
	ASSERT_EQ(pthread_create(&m->thread, NULL, move_to_and_fro, m), 0);
}

static void mover_stop(struct mover *m)
{
	atomic_store(&m->stop, true);
	ASSERT_EQ(pthread_join(m->thread, NULL), 0);
	ktap_diag("%u moves", atomic_load(&m->moves));
}

/* By another thread, at any time. */
static void moves_at_any_time(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	unsigned int i, seen = 0, n = rounds(100);
	struct mover m;

	mover_start(&m, &c);
	for (i = 0; i < n || seen < 4; i++) {
		struct drm_dmashare_job jobs[2] = {
			canvas_clear(&c, i % CANVAS_PLACES, pixel_of(i)),
			canvas_download(&c),
		};

		ASSERT_EQ(fence_finish(dms_submit_fence(c.fd, i % QUEUES, 0, jobs, 2)), 0);
		render_all_are(c.pixels.map, SIDE * SIDE, pixel_of(i));
		seen = atomic_load(&m.moves);
	}
	mover_stop(&m);
	ASSERT_MSG(!m.error, "BO_MOVE: %s", strerror(m.error));
}

/* What is rendered is put out of local memory by others that want its place. */
static void put_out(void)
{
	int fd = dms_open();
	uint64_t size = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE) / 4 * 3;
	struct canvas c = canvas_create(fd, SIDE, SIDE);
	unsigned int i;

	for (i = 0; i < rounds(10); i++) {
		struct drm_dmashare_job jobs[2] = {
			canvas_clear(&c, i, pixel_of(i)),
			canvas_download(&c),
		};
		struct bo hog;
		int fence;

		dms_move(&c.pixels, LOCAL);
		dms_move(&c.commands, LOCAL);
		fence = dms_submit_fence(fd, 0, 0, jobs, 2);
		hog = dms_create_in(fd, size, LOCAL, 0, "hog");
		ASSERT_EQ(fence_finish(fence), 0);
		render_all_are(c.pixels.map, SIDE * SIDE, pixel_of(i));
		dms_destroy(&hog);
	}
}

/* Resets. ------------------------------------------------------------------- */

static int hang(int fd, uint32_t queue)
{
	struct drm_dmashare_job job = dms_job_noop(FOR_EVER);

	return dms_submit_fence(fd, queue, 0, &job, 1);
}

/* What the device had, and what had not reached it, each with its errno. */
static void reset_takes_jobs(void)
{
	int fd = dms_open(), other = dms_open(), hung, behind, waits, in;
	struct canvas mine = canvas_create(fd, SIDE, SIDE), next;
	struct canvas theirs = canvas_create(other, SIDE, SIDE);
	struct bo keeps = dms_create_in(fd, 4 * PAGE, LOCAL, 0, "keeps");
	struct drm_dmashare_job job;
	struct hold h;

	ctl_calm(0);
	dms_map(&keeps);
	pattern_fill(keeps.map, keeps.size, 9);
	canvas_works(&mine, 0xff121212);
	canvas_works(&theirs, 0xff343434);
	hung = hang(fd, 0);
	job = canvas_clear(&mine, 1, 0xffffffff);
	behind = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_wait_pending(0, 2);
	h = hold_sync_file(&in);
	waits = dms_submit_after(fd, 1, 0, in, canvas_clear(&mine, 2, 0xffffffff));

	ASSERT_EQ(fence_finish(hung), ETIMEDOUT);
	ASSERT_EQ(fence_finish(behind), ECANCELED);
	/* All contexts and resources of all clients, and nothing else. */
	ASSERT_EQ(render_context_error(fd, mine.context), ECANCELED);
	ASSERT_EQ(render_resource_error(fd, mine.texture), ECANCELED);
	ASSERT_EQ(render_context_error(other, theirs.context), ECANCELED);
	ASSERT_EQ(render_resource_error(other, theirs.texture), ECANCELED);
	hold_release(&h);
	close(in);
	ASSERT_EQ(fence_finish(waits), ENOTRECOVERABLE);
	job = canvas_download(&theirs);
	ASSERT_EQ(dms_run(other, &job, 1), ENOTRECOVERABLE);
	ASSERT_ERRNO(render_try_add(fd, mine.context, mine.texture), ENOTRECOVERABLE);
	ASSERT_EQ(render_context_error(fd, mine.context), ECANCELED);
	ASSERT(pattern_check(keeps.map, keeps.size, 9));
	render_all_are(mine.pixels.map, SIDE * SIDE, 0xff121212);

	/* What was lost has its number until it is destroyed. */
	next = canvas_create(fd, SIDE, SIDE);
	ASSERT_NE(next.context, mine.context);
	ASSERT_NE(next.context, theirs.context);
	ASSERT_NE(next.texture, mine.texture);
	ASSERT_OK(render_try_context_destroy(fd, mine.context));
	ASSERT_OK(render_try_resource_destroy(fd, mine.texture));
	mine.context = mine.texture = 0;
	canvas_works(&next, 0xff565656);
	dms_run_ok(fd, dms_job_copy(&keeps, 0, &next.pixels, 0, PAGE));
	render_all_are(keeps.map, PAGE / 4, 0xff565656);
}

/* Is that what a reset makes of something that was under way? */
static bool by_a_reset(int err)
{
	return err == ECANCELED || err == ENOTRECOVERABLE || err == EIO;
}

/**
 * struct painter - a thread that renders, and begins anew when it has lost what with
 * @fd: the device
 * @stop: it is to end
 * @drawn: pictures that were right
 * @lost: how often it had to begin anew
 * @error: an errno that it should not have got
 * @thread: the thread
 */
struct painter {
	int fd;
	atomic_bool stop;
	atomic_uint drawn;
	unsigned int lost;
	int error;
	pthread_t thread;
};

/* The errno of a picture, the first of which tells of the others. */
static int paint_once(struct canvas *c, unsigned int i)
{
	struct drm_dmashare_job jobs[2] = {
		canvas_clear(c, i % CANVAS_PLACES, pixel_of(i)),
		canvas_download(c),
	};
	struct drm_dmashare_submit s = { .queue = 1 };
	struct drm_dmashare_job_result r[2];
	unsigned int k;

	jobs[0].flags = jobs[1].flags = DRM_DMASHARE_JOB_WANT_RESULT;
	if (dms_try_submit(c->fd, &s, jobs, 2))
		return errno;
	for (k = 0; k < 2; k++)
		if (dms_try_result(c->fd, jobs[k].id, SOON_NS, &r[k]))
			return errno;
	if (r[0].error || r[1].error)
		return r[0].error ? r[0].error : r[1].error;
	render_all_are(c->pixels.map, c->width * c->height, pixel_of(i));
	return 0;
}

static void *paint(void *data)
{
	struct painter *p = data;
	struct canvas c;
	unsigned int i;
	int err;

	while (!atomic_load(&p->stop) && !p->error) {
		err = canvas_try_create(p->fd, SIDE, SIDE, &c);
		for (i = 0; !err && !atomic_load(&p->stop); i++) {
			err = paint_once(&c, i);
			if (!err)
				atomic_fetch_add(&p->drawn, 1);
		}
		canvas_destroy(&c);
		if (err && !by_a_reset(err))
			p->error = err;
		p->lost += !!err;
	}
	return NULL;
}

static void painter_sees(struct painter *p, unsigned int more)
{
	unsigned int from = atomic_load(&p->drawn);
	int64_t end = soon();

	while (atomic_load(&p->drawn) - from < more && !p->error) {
		ASSERT_MSG(soon() - SOON_NS < end, "it does not draw");
		sched_yield();
	}
}

static void resets_beneath(bool moving)
{
	struct painter p = { .fd = dms_open() };
	struct canvas moved = canvas_create(p.fd, SIDE, SIDE);
	unsigned int i, n = rounds(3);
	struct mover m;

	if (moving)
		mover_start(&m, &moved);
	ASSERT_EQ(pthread_create(&p.thread, NULL, paint, &p), 0);
	for (i = 0; i < n; i++) {
		painter_sees(&p, 3);
		ASSERT_EQ(fence_finish(hang(p.fd, 2)), ETIMEDOUT);
	}
	painter_sees(&p, 3);
	atomic_store(&p.stop, true);
	ASSERT_EQ(pthread_join(p.thread, NULL), 0);
	if (moving) {
		mover_stop(&m);
		ASSERT_MSG(!m.error || by_a_reset(m.error), "BO_MOVE: %s",
			   strerror(m.error));
	}
	ASSERT_MSG(!p.error, "the thread got %s", strerror(p.error));
	ASSERT_MSG(p.lost >= n, "%u resets lost its context %u times", n, p.lost);
	ktap_diag("%u pictures, %u times begun anew", atomic_load(&p.drawn), p.lost);
	canvas_destroy(&moved);
	moved = canvas_create(p.fd, SIDE, SIDE);
	canvas_works(&moved, 0xffababab);
}

static void resets(void)
{
	resets_beneath(false);
}

static void resets_and_moves(void)
{
	resets_beneath(true);
}

/* A client that has lost everything goes. */
static void closed_after_a_reset(void)
{
	int fd = dms_open();
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE), next;

	canvas_works(&c, 0xff787878);
	ASSERT_EQ(fence_finish(hang(fd, 0)), ETIMEDOUT);
	ASSERT_EQ(render_context_error(c.fd, c.context), ECANCELED);
	munmap(c.commands.map, c.commands.size);
	munmap(c.pixels.map, c.pixels.size);
	close(c.fd);
	next = canvas_create(fd, SIDE, SIDE);
	canvas_works(&next, 0xff797979);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(limit_is_set),
	KTAP_SLOW(moves_between, 120),
	KTAP_SLOW(moves_at_any_time, 120),
	KTAP_SLOW(put_out, 120),
	KTAP_SLOW(reset_takes_jobs, 120),
	KTAP_SLOW(resets, 180),
	KTAP_SLOW(resets_and_moves, 180),
	KTAP_SLOW(closed_after_a_reset, 120),
};

int main(int argc, char **argv)
{
	return module_ktap_main_with("job_timeout_ms=3000", argc, argv, cases,
				     ARRAY_SIZE(cases));
}
