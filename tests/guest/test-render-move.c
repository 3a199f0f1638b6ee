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

/**
 * struct easel - a canvas, and a picture that is put on it
 * @c: the canvas
 * @picture: other pixels each time
 * @copy: where these go from the canvas
 * @jobs: a clear, and what it made; the picture, and what it became
 */
struct easel {
	struct canvas c;
	struct bo picture;
	struct bo copy;
	struct drm_dmashare_job jobs[4];
};

static struct easel easel(int fd)
{
	struct easel e = { .c = canvas_create(fd, SIDE, SIDE) };

	e.picture = dms_create_mapped(fd, canvas_bytes(&e.c), "picture");
	e.copy = dms_create_mapped(fd, canvas_bytes(&e.c), "copy");
	return e;
}

/* What is to be submitted next. All that it writes is something else before. */
static void easel_fill(struct easel *e, unsigned int i)
{
	size_t n = canvas_bytes(&e->c);

	memset(e->c.pixels.map, 0x5a, n);
	memset(e->copy.map, 0x5a, n);
	pattern_fill(e->picture.map, n, i);
	e->jobs[0] = canvas_clear(&e->c, i % CANVAS_PLACES, pixel_of(i));
	e->jobs[1] = canvas_download(&e->c);
	e->jobs[2] = render_upload(&e->c.box, &e->picture, 0, n);
	e->jobs[3] = render_download(&e->c.box, &e->copy, 0, n);
}

static void easel_check(const struct easel *e, unsigned int i)
{
	render_all_are(e->c.pixels.map, SIDE * SIDE, pixel_of(i));
	ASSERT(pattern_check(e->picture.map, canvas_bytes(&e->c), i));
	ASSERT(pattern_check(e->copy.map, canvas_bytes(&e->c), i));
}

#define EASEL_BUFFERS	4

static void easel_buffers(const struct easel *e, uint32_t handle[EASEL_BUFFERS])
{
	handle[0] = e->c.commands.handle;
	handle[1] = e->c.pixels.handle;
	handle[2] = e->picture.handle;
	handle[3] = e->copy.handle;
}

/*
 * Moves are arranged between the submit and its fence: half of the time certainly
 * so, for the jobs wait for somebody else's, and else as it comes.
 */
static void moves_between(void)
{
	struct easel e = easel(dms_open());
	uint64_t before[EASEL_BUFFERS];
	uint32_t handle[EASEL_BUFFERS];
	unsigned int i, k, n = rounds(60);

	easel_buffers(&e, handle);
	for (k = 0; k < EASEL_BUFFERS; k++)
		before[k] = dms_info(e.c.fd, handle[k]).moves;
	for (i = 0; i < n; i++) {
		uint32_t to = i % 2 ? SYSTEM : LOCAL;
		struct drm_dmashare_submit s = {
			.queue = i % QUEUES,
			.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
		};
		bool held = i / 2 % 2;
		struct hold h;
		int fence;

		easel_fill(&e, i);
		if (held) {
			h = hold_sync_file(&s.in_fence_fd);
			s.flags |= DRM_DMASHARE_SUBMIT_IN_FENCE;
		}
		ASSERT_OK(dms_try_submit(e.c.fd, &s, e.jobs, ARRAY_SIZE(e.jobs)));
		fence = s.out_fence_fd;
		for (k = 0; k < EASEL_BUFFERS; k++)
			ASSERT_OK(dms_try_move(e.c.fd, handle[k], to, 0));
		if (held) {
			ASSERT(fence_pending(fence));
			hold_release(&h);
			close(s.in_fence_fd);
		}
		ASSERT_EQ(fence_finish(fence), 0);
		easel_check(&e, i);
		for (k = 0; k < EASEL_BUFFERS; k++)
			ASSERT_EQ(dms_info(e.c.fd, handle[k]).placement, to);
	}
	for (k = 0; k < EASEL_BUFFERS; k++)
		ASSERT_EQ(dms_info(e.c.fd, handle[k]).moves - before[k], n);
}

/* Is that what a reset makes of something that was under way? */
static bool by_a_reset(int err)
{
	return err == ECANCELED || err == ENOTRECOVERABLE || err == EIO;
}

/**
 * struct mover - a thread that moves buffers to and fro
 * @fd: the device
 * @handle: the buffers; 0: none. What is there at the time is moved, so a buffer may
 *	be gone when @others_come is set.
 * @others_come: the buffers are other ones now and then, after a reset
 * @stop: it is to end
 * @moves: that it made
 * @error: errno of one that it should have been able to make
 * @thread: the thread
 */
struct mover {
	int fd;
	atomic_uint handle[EASEL_BUFFERS];
	bool others_come;
	atomic_bool stop;
	atomic_uint moves;
	int error;
	pthread_t thread;
};

static void *move_to_and_fro(void *data)
{
	struct mover *m = data;
	unsigned int i;

	for (i = 0; !atomic_load(&m->stop) && !m->error; i++) {
		uint32_t to = i / EASEL_BUFFERS % 2 ? SYSTEM : LOCAL;
		uint32_t handle = atomic_load(&m->handle[i % EASEL_BUFFERS]);

		if (!handle)
			continue;
		if (!dms_try_move(m->fd, handle, to, DRM_DMASHARE_MOVE_WAIT))
			atomic_fetch_add(&m->moves, 1);
		else if (!m->others_come || (errno != ENOENT && !by_a_reset(errno)))
			m->error = errno;
	}
	return NULL;
}

static void mover_start(struct mover *m)
{
	ASSERT_EQ(pthread_create(&m->thread, NULL, move_to_and_fro, m), 0);
}

static void mover_stop(struct mover *m)
{
	atomic_store(&m->stop, true);
	ASSERT_EQ(pthread_join(m->thread, NULL), 0);
	ktap_diag("%u moves", atomic_load(&m->moves));
	ASSERT_MSG(!m->error, "BO_MOVE: %s", strerror(m->error));
}

/* By another thread, at any time. */
static void moves_at_any_time(void)
{
	struct easel e = easel(dms_open());
	struct mover m = { .fd = e.c.fd };
	uint32_t handle[EASEL_BUFFERS];
	unsigned int i, n = rounds(100);

	easel_buffers(&e, handle);
	for (i = 0; i < EASEL_BUFFERS; i++)
		atomic_store(&m.handle[i], handle[i]);
	mover_start(&m);
	for (i = 0; i < n || atomic_load(&m.moves) < 2 * EASEL_BUFFERS; i++) {
		int fence;

		easel_fill(&e, i);
		fence = dms_submit_fence(e.c.fd, i % QUEUES, 0, e.jobs, ARRAY_SIZE(e.jobs));
		ASSERT_EQ(fence_finish(fence), 0);
		easel_check(&e, i);
		ASSERT_MSG(!m.error, "BO_MOVE: %s", strerror(m.error));
	}
	mover_stop(&m);
}

/* What is rendered is put out of local memory by others that want its place. */
static void put_out(void)
{
	int fd = dms_open();
	uint64_t size = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);
	struct easel e = easel(fd);
	uint32_t handle[EASEL_BUFFERS];
	unsigned int i, k;

	easel_buffers(&e, handle);
	for (i = 0; i < rounds(10) + 1; i++) {
		int64_t end = soon();
		struct bo hog;
		int fence;

		for (k = 0; k < EASEL_BUFFERS; k++)
			ASSERT_OK(dms_try_move(fd, handle[k], LOCAL, DRM_DMASHARE_MOVE_WAIT));
		easel_fill(&e, i);
		fence = dms_submit_fence(fd, i % QUEUES, 0, e.jobs, ARRAY_SIZE(e.jobs));
		/* What a job is just being made of is not put out at that moment. */
		while (dms_try_create_in(fd, size, LOCAL, 0, "hog", &hog)) {
			ASSERT_EQ(errno, ENOSPC);
			ASSERT_MSG(soon() - SOON_NS < end, "nothing is put out");
		}
		ASSERT_EQ(fence_finish(fence), 0);
		for (k = 0; k < EASEL_BUFFERS; k++)
			ASSERT_EQ(dms_info(fd, handle[k]).placement, SYSTEM);
		easel_check(&e, i);
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

/**
 * struct painter - a thread that renders, and begins anew when it has lost what with
 * @fd: the device
 * @mover: moves its buffers, NULL if nobody does
 * @stop: it is to end
 * @drawn: pictures that were right
 * @lost: how often it had to begin anew
 * @error: an errno that it should not have got
 * @thread: the thread
 */
struct painter {
	int fd;
	struct mover *mover;
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
		if (!err && p->mover) {
			atomic_store(&p->mover->handle[0], c.commands.handle);
			atomic_store(&p->mover->handle[1], c.pixels.handle);
		}
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

/* The device is reset because a job hangs, or because somebody wants that. */
static void resets_beneath(struct mover *mover, bool by_a_job)
{
	struct painter p = { .fd = dms_open(), .mover = mover };
	unsigned int i, moves = 0, n = rounds(2);
	struct canvas next;

	ASSERT_EQ(pthread_create(&p.thread, NULL, paint, &p), 0);
	if (mover) {
		mover->fd = p.fd;
		mover_start(mover);
	}
	for (i = 0; i < n; i++) {
		painter_sees(&p, 3);
		if (by_a_job)
			ASSERT_EQ(fence_finish(hang(p.fd, 2)), ETIMEDOUT);
		else
			device_write(p.fd, "reset", "1");
	}
	if (mover)
		moves = atomic_load(&mover->moves);
	painter_sees(&p, 3);
	while (mover && atomic_load(&mover->moves) == moves && !mover->error)
		painter_sees(&p, 1);
	atomic_store(&p.stop, true);
	ASSERT_EQ(pthread_join(p.thread, NULL), 0);
	if (mover)
		mover_stop(mover);
	ASSERT_MSG(!p.error, "the thread got %s", strerror(p.error));
	ASSERT_MSG(p.lost >= n, "%u resets lost its context %u times", n, p.lost);
	ktap_diag("%u pictures, %u times begun anew", atomic_load(&p.drawn), p.lost);
	next = canvas_create(p.fd, SIDE, SIDE);
	canvas_works(&next, 0xffababab);
}

static void resets(void)
{
	resets_beneath(NULL, false);
}

static void resets_and_moves(void)
{
	struct mover m = { .others_come = true };

	resets_beneath(&m, true);
}

/*
 * The renderer has a job, and does nothing, when the device is reset. What it had is
 * not waited for; only who needs the same memory of the queue's waits for its end.
 */
static void reset_while_it_hangs(void)
{
	struct easel e = easel(dms_open());
	struct canvas next;
	int fence[2];

	ctl_calm(0);
	canvas_works(&e.c, 0xff454545);
	easel_fill(&e, 1);
	ctl(0, "dmashare-render-fault", "'fault': 'hang'");
	fence[0] = dms_submit_fence(e.c.fd, 0, 0, &e.jobs[0], 1);
	ctl_wait_pending(0, 1);
	fence[1] = dms_submit_fence(e.c.fd, 1, 0, &e.jobs[1], 1);
	ctl_wait_pending(0, 2);
	device_write(e.c.fd, "reset", "1");
	ASSERT_EQ(fence_finish(fence[0]), ECANCELED);
	ASSERT_EQ(fence_finish(fence[1]), ECANCELED);
	ASSERT_EQ(render_context_error(e.c.fd, e.c.context), ECANCELED);
	ASSERT_EQ(render_resource_error(e.c.fd, e.c.texture), ECANCELED);
	/* Nobody has written to what they would have. */
	ASSERT(all_bytes(e.c.pixels.map, canvas_bytes(&e.c), 0x5a));
	ASSERT(pattern_check(e.picture.map, canvas_bytes(&e.c), 1));
	ctl(0, "dmashare-render-fault", "'fault': 'end'");
	next = canvas_of_another(e.c.fd, SIDE, SIDE);
	canvas_works(&next, 0xff464646);
}

/* A client that has lost everything goes. */
static void closed_after_a_reset(void)
{
	int fd = dms_open();
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE), next;

	canvas_works(&c, 0xff787878);
	device_write(fd, "reset", "1");
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
	KTAP_SLOW(reset_while_it_hangs, 120),
	KTAP_SLOW(closed_after_a_reset, 120),
};

int main(int argc, char **argv)
{
	return module_ktap_main_with("job_timeout_ms=3000", argc, argv, cases,
				     ARRAY_SIZE(cases));
}
