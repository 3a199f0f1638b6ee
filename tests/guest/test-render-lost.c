// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rendering that fails: each errno is that of exactly the fences which it concerns,
 * what is lost is told of, and nobody else notices; clients that have nothing to do
 * with each other; numbers that outlive what they name; and what the ioctls refuse.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/render.h"

#define PAGE	4096u
#define SIDE	32u
#define ONES	0x0101010101010101ull
#define NOWHERE	((void *)16)

/* What went wrong. ---------------------------------------------------------- */

/*
 * Jobs of two contexts and copies on three queues, held back until all are
 * submitted. One job of the first context is wrong.
 */
static void wrong_among_others(struct drm_dmashare_job (*wrong)(struct canvas *c,
								 unsigned int place))
{
	int fd = dms_open(), in, fence[8], n = 0;
	struct canvas bad = canvas_create(fd, SIDE, SIDE);
	struct canvas good = canvas_create(fd, SIDE, SIDE);
	struct bo bo = dms_create_mapped(fd, PAGE, "copy");
	static const int want[8] = { 0, 0, 0, EPROTO, ENOTRECOVERABLE, 0, 0, ENOTRECOVERABLE };
	static const char * const what[8] = {
		"of the context before", "of another context", "a fill", "that is wrong",
		"of the context after", "of another context after", "a fill after",
		"of the context, later",
	};
	struct hold h;

	canvas_works(&bad, 0xff0000ff);
	h = hold_sync_file(&in);
	/* The first queue does its jobs in order, the others theirs meanwhile. */
	fence[n++] = dms_submit_after(fd, 0, 0, in, canvas_clear(&bad, 1, 0xff00ff00));
	fence[n++] = dms_submit_after(fd, 1, 0, in, canvas_clear(&good, 1, 0xff111111));
	fence[n++] = dms_submit_after(fd, 2, 0, in, dms_job_fill(&bo, 0, PAGE, ONES));
	fence[n++] = dms_submit_after(fd, 0, 0, in, wrong(&bad, 2));
	fence[n++] = dms_submit_after(fd, 0, 0, in, canvas_clear(&bad, 3, 0xffffffff));
	fence[n++] = dms_submit_after(fd, 1, 0, in, canvas_clear(&good, 2, 0xff222222));
	fence[n++] = dms_submit_after(fd, 2, 0, in, dms_job_fill(&bo, 0, PAGE, 2 * ONES));
	ASSERT_EQ(render_context_error(fd, bad.context), 0);
	hold_release(&h);
	for (int i = 0; i < n; i++) {
		int err = fence_finish(fence[i]);

		ASSERT_MSG(err == want[i], "the fence of a job %s: %s, not %s", what[i],
			   strerror(err), strerror(want[i]));
	}
	ASSERT_EQ(dms_run(fd, (struct drm_dmashare_job[]){
			  canvas_clear(&bad, 4, 0xffffffff) }, 1), want[n]);

	ASSERT_EQ(render_context_error(fd, bad.context), EPROTO);
	ASSERT_EQ(render_resource_error(fd, bad.texture), 0);
	ASSERT_EQ(render_context_error(fd, good.context), 0);
	/* The texture is what it was made before, and can still be transferred. */
	canvas_shows(&bad, 0xff00ff00);
	canvas_shows(&good, 0xff222222);
	ASSERT(all_bytes(bo.map, PAGE, 2));
	canvas_works(&good, 0xff333333);
	close(in);

	/* Another context draws on that texture. */
	ASSERT_OK(render_try_add(fd, good.context, bad.texture));
	ASSERT_REFUSED("RESOURCE_ADD", render_try_add(fd, bad.context, good.texture),
		       ENOTRECOVERABLE);
	ASSERT_REFUSED("RESOURCE_REMOVE", render_try_remove(fd, bad.context, good.texture),
		       ENOTRECOVERABLE);
	ASSERT_OK(render_try_context_destroy(fd, bad.context));
	bad.context = 0;
}

static void silent_error(void)
{
	wrong_among_others(canvas_wrong);
}

static void bad_shader(void)
{
	wrong_among_others(canvas_bad_shader);
}

static struct drm_dmashare_job no_commands(struct canvas *c, unsigned int place)
{
	struct virgl v = canvas_stream(c, place);

	memset(v.words, 0xee, 64);
	return render_job(c->context, &c->commands, place * CANVAS_ROOM, 64);
}

static void not_a_command(void)
{
	wrong_among_others(no_commands);
}

/* That a box is wrong is no fault of the resource. */
static void wrong_boxes(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	static const struct {
		uint32_t level, x, y, z, width, height, depth;
	} boxes[] = {
		{ 0, 0, 0, 0, SIDE + 1, SIDE, 1 },
		{ 0, 0, 0, 0, SIDE, SIDE + 1, 1 },
		{ 0, SIDE, 0, 0, 1, 1, 1 },
		{ 0, 0, SIDE - 1, 0, 1, 2, 1 },
		{ 0, UINT32_MAX, 0, 0, 2, 1, 1 },
		{ 0, 1, 1, 0, UINT32_MAX, 1, 1 },
		{ 0, 0, 0, 1, SIDE, SIDE, 1 },
		{ 0, 0, 0, 0, SIDE, SIDE, 2 },
		{ 1, 0, 0, 0, SIDE, SIDE, 1 },
	};

	canvas_works(&c, 0xff123456);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(boxes); i++) {
		struct drm_dmashare_transfer box = render_box(c.texture, SIDE, SIDE);
		unsigned int k = i / 2;
		struct drm_dmashare_job job;

		box.level = boxes[k].level;
		box.x = boxes[k].x;
		box.y = boxes[k].y;
		box.z = boxes[k].z;
		box.width = boxes[k].width;
		box.height = boxes[k].height;
		box.depth = boxes[k].depth;
		job = i % 2 ? render_upload(&box, &c.pixels, 0, canvas_bytes(&c)) :
			      render_download(&box, &c.pixels, 0, canvas_bytes(&c));
		ASSERT_EQ(dms_run(c.fd, &job, 1), EPROTO);
	}
	/* Nor that the operand is too small. */
	ASSERT_EQ(dms_run(c.fd, (struct drm_dmashare_job[]){
			  render_download(&c.box, &c.pixels, 0, canvas_bytes(&c) - 1) }, 1),
		  EPROTO);
	ASSERT_EQ(render_resource_error(c.fd, c.texture), 0);
	ASSERT_EQ(render_context_error(c.fd, c.context), 0);
	canvas_shows(&c, 0xff123456);
}

/* A resource that the renderer refuses, which it says later. */
static void refused_later(void)
{
	int fd = dms_open();
	struct canvas c = canvas_create(fd, SIDE, SIDE);
	struct drm_dmashare_resource_create r = render_2d(SIDE, SIDE);
	struct drm_dmashare_transfer box;
	struct drm_dmashare_job job;

	r.format = 0x7fff;
	ASSERT_OK(render_try_resource(fd, &r));
	box = render_box(r.resource, SIDE, SIDE);
	job = render_download(&box, &c.pixels, 0, canvas_bytes(&c));
	ASSERT_EQ(dms_run(fd, &job, 1), ENOTRECOVERABLE);
	ASSERT_EQ(render_resource_error(fd, r.resource), EPROTO);
	ASSERT_EQ(render_context_error(fd, c.context), 0);
	ASSERT_OK(render_try_resource_destroy(fd, r.resource));
	canvas_works(&c, 0xff00ffff);
}

/* One job of several ends as a rule says, and its context goes on. */
static void commanded(void)
{
	static const int errors[] = { ETIMEDOUT, ECONNRESET, EPROTO, ENOTRECOVERABLE, EIO };
	int fd = dms_open(), fence[3];
	struct canvas a = canvas_create(fd, SIDE, SIDE);
	struct canvas b = canvas_create(fd, SIDE, SIDE);

	ctl_calm(0);
	canvas_works(&a, 0xff010101);
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		uint32_t rule = ctl_fault_add(0, "'where': 'job', 'action': 'fail', "
					      "'match': {'buffer': %u}, 'times': 1, "
					      "'error': '%s'", a.commands.id,
					      ctl_errno(errors[i]));
		struct drm_dmashare_job jobs[3] = {
			canvas_clear(&a, 1, 0xffffffff),
			canvas_clear(&b, 1, 0xff020202 + i),
			canvas_clear(&a, 2, 0xff030303 + i),
		};

		for (unsigned int k = 0; k < 3; k++)
			fence[k] = dms_submit_fence(fd, k == 1, 0, &jobs[k], 1);
		ASSERT_EQ(fence_finish(fence[0]), errors[i]);
		ASSERT_EQ(fence_finish(fence[1]), 0);
		ASSERT_EQ(fence_finish(fence[2]), 0);
		ASSERT_EQ(ctl_fault_fired(0, rule), 1);
		ctl_fault_remove(0, rule);
		ASSERT_EQ(render_context_error(fd, a.context), 0);
		canvas_shows(&a, 0xff030303 + i);
		canvas_shows(&b, 0xff020202 + i);
	}
}

/*
 * A job's fence is held for longer than the watchdog allows. Its work was done, and
 * that of another client, whose timeline is its own, is not delayed by it.
 */
static void timed_out(void)
{
	int fd = dms_open(), other = dms_open(), fence, later;
	struct canvas a = canvas_create(fd, SIDE, SIDE);
	struct canvas b = canvas_create(other, SIDE, SIDE);
	struct drm_dmashare_job job = canvas_clear(&a, 1, 0xff0a0b0c);

	ctl_calm(0);
	ctl_hold(0, "'count': 1, 'watchdog': 500000000");
	fence = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_wait_held(0, 1);
	job = canvas_clear(&a, 2, 0xff0d0e0f);
	later = dms_submit_fence(fd, 0, 0, &job, 1);
	canvas_works(&b, 0xff777777);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	ASSERT_EQ(fence_finish(later), 0);
	ASSERT_EQ(render_context_error(fd, a.context), 0);
	canvas_shows(&a, 0xff0d0e0f);
}

/* A buffer that the device cannot reach fails the job, and not the context. */
static void fault_of_a_buffer(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	uint32_t rule;

	ctl_calm(0);
	canvas_works(&c, 0xff313131);
	rule = ctl_fault_add(0, "'where': 'dma-read', 'action': 'fail', "
			     "'match': {'buffer': %u}, 'times': 1, 'error': 'efault'",
			     c.commands.id);
	ASSERT_EQ(dms_run(c.fd, (struct drm_dmashare_job[]){
			  canvas_clear(&c, 1, 0xffffffff) }, 1), EFAULT);
	ctl_fault_remove(0, rule);
	rule = ctl_fault_add(0, "'where': 'dma-write', 'action': 'fail', "
			     "'match': {'buffer': %u}, 'times': 1, 'error': 'efault'",
			     c.pixels.id);
	ASSERT_EQ(dms_run(c.fd, (struct drm_dmashare_job[]){ canvas_download(&c) }, 1),
		  EFAULT);
	ctl_fault_remove(0, rule);
	ASSERT_EQ(render_context_error(c.fd, c.context), 0);
	canvas_shows(&c, 0xff313131);
}

/* The renderer. ------------------------------------------------------------- */

/* All that there was is lost with this, whoever's it is. */
static void all_lost(const struct canvas *c, int err)
{
	ASSERT_EQ(render_context_error(c->fd, c->context), err);
	ASSERT_EQ(render_resource_error(c->fd, c->texture), err);
	ASSERT_ERRNO(render_try_add(c->fd, c->context, c->texture), ENOTRECOVERABLE);
}

/**
 * struct scene - jobs that a renderer which does nothing has, and others
 * @a: of the first job and of the one behind it
 * @b: another client's, of the second job
 * @first: what the renderer was given first
 * @second: what it was given then, on another queue
 * @behind: what it was not given yet
 * @bo: that a job which does not render has filled
 */
struct scene {
	struct canvas a, b;
	int first, second, behind;
	struct bo bo;
};

static struct scene stuck(void)
{
	struct scene s = {
		.a = canvas_create(dms_open(), SIDE, SIDE),
		.b = canvas_create(dms_open(), SIDE, SIDE),
	};
	struct drm_dmashare_job job;

	ctl_calm(0);
	s.bo = dms_create_mapped(s.a.fd, PAGE, "others");
	canvas_works(&s.a, 0xff0000aa);
	canvas_works(&s.b, 0xff0000bb);
	ctl(0, "dmashare-render-fault", "'fault': 'hang'");
	job = canvas_clear(&s.a, 1, 0xffffffff);
	s.first = dms_submit_fence(s.a.fd, 0, 0, &job, 1);
	ctl_wait_pending(0, 1);
	job = canvas_clear(&s.b, 1, 0xffffffff);
	s.second = dms_submit_fence(s.b.fd, 1, 0, &job, 1);
	job = canvas_clear(&s.a, 2, 0xffffffff);
	s.behind = dms_submit_fence(s.a.fd, 0, 0, &job, 1);
	ctl_wait_pending(0, 3);
	/* Whoever does not render does not notice. */
	for (unsigned int q = 2; q < 4; q++) {
		job = dms_job_fill(&s.bo, 0, PAGE, q * ONES);
		ASSERT_EQ(fence_finish(dms_submit_fence(s.a.fd, q, 0, &job, 1)), 0);
		ASSERT(all_bytes(s.bo.map, PAGE, q));
	}
	ASSERT(fence_pending(s.first) && fence_pending(s.second));
	return s;
}

/* What was there before is what it was, and the next context works. */
static void goes_on(struct scene *s)
{
	struct canvas next = canvas_of_another(s->a.fd, SIDE, SIDE);

	ASSERT_NE(next.context, s->a.context);
	ASSERT_NE(next.context, s->b.context);
	render_all_are(s->a.pixels.map, SIDE * SIDE, 0xff0000aa);
	canvas_works(&next, 0xff00cc00);
	ASSERT_EQ(dms_run(s->b.fd, (struct drm_dmashare_job[]){
			  canvas_download(&s->b) }, 1), ENOTRECOVERABLE);
	canvas_destroy(&s->a);
	canvas_destroy(&s->b);
	canvas_works(&next, 0xff00dd00);
}

static void renderer_ends(void)
{
	struct scene s = stuck();

	ctl(0, "dmashare-render-fault", "'fault': 'end'");
	ASSERT_EQ(fence_finish(s.first), ECONNRESET);
	ASSERT_EQ(fence_finish(s.second), ECONNRESET);
	ASSERT_EQ(fence_finish(s.behind), ENOTRECOVERABLE);
	all_lost(&s.a, ECONNRESET);
	all_lost(&s.b, ECONNRESET);
	goes_on(&s);
}

static void renderer_hangs(void)
{
	struct scene s = stuck();

	ASSERT_EQ(fence_finish(s.first), ETIMEDOUT);
	ASSERT_EQ(fence_finish(s.second), ECONNRESET);
	ASSERT_EQ(fence_finish(s.behind), ENOTRECOVERABLE);
	all_lost(&s.a, ETIMEDOUT);
	all_lost(&s.b, ETIMEDOUT);
	goes_on(&s);
}

/* It ends as soon as it was started: nobody can have another one at once. */
static void not_so_soon(void)
{
	int fd = dms_open();
	struct drm_dmashare_resource_create r;
	struct canvas c = canvas_create(fd, SIDE, SIDE);
	bool seen[2] = { false, false };
	int64_t end = soon();
	uint32_t context;

	while (!seen[0] || !seen[1]) {
		ctl(0, "dmashare-render-fault", "'fault': 'end'");
		if (render_try_context(fd, DMASHARE_CAPSET_VIRGL2, "", &context)) {
			ASSERT_EQ(errno, ECONNRESET);
			errno_seen("CONTEXT_CREATE", ECONNRESET);
			seen[0] = true;
		}
		r = render_2d(SIDE, SIDE);
		if (render_try_resource(fd, &r)) {
			ASSERT_EQ(errno, ECONNRESET);
			errno_seen("RESOURCE_CREATE", ECONNRESET);
			seen[1] = true;
		}
		canvas_destroy(&c);
		c = canvas_of_another(fd, SIDE, SIDE);
		ASSERT_MSG(soon() - SOON_NS < end, "another one was there at once each time");
	}
	canvas_works(&c, 0xff00ee00);
}

/* Clients. ------------------------------------------------------------------ */

static void submit_is_refused(int fd, struct drm_dmashare_job job, int err)
{
	struct drm_dmashare_submit s = { 0 };

	ASSERT_MSG(dms_try_submit(fd, &s, &job, 1) && errno == err,
		   "SUBMIT of op %u: %s, not %s", job.op, strerror(errno), strerror(err));
	errno_seen("SUBMIT", err);
}

static void clients_apart(void)
{
	struct canvas mine = canvas_create(dms_open(), SIDE, SIDE);
	struct canvas theirs = canvas_create(dms_open(), SIDE, SIDE);
	struct drm_dmashare_job job;
	uint32_t error;
	struct virgl v;

	ASSERT_NE(mine.context, theirs.context);
	ASSERT_NE(mine.texture, theirs.texture);
	canvas_works(&mine, 0xff101010);
	canvas_works(&theirs, 0xff202020);

	/* No ioctl finds what is another file's. */
	ASSERT_REFUSED("RENDER_STATE", render_try_state(theirs.fd, mine.context, 0, &error),
		       ENOENT);
	ASSERT_ERRNO(render_try_state(theirs.fd, 0, mine.texture, &error), ENOENT);
	ASSERT_REFUSED("CONTEXT_DESTROY", render_try_context_destroy(theirs.fd, mine.context),
		       ENOENT);
	ASSERT_REFUSED("RESOURCE_DESTROY",
		       render_try_resource_destroy(theirs.fd, mine.texture), ENOENT);
	ASSERT_REFUSED("RESOURCE_ADD",
		       render_try_add(theirs.fd, theirs.context, mine.texture), ENOENT);
	ASSERT_ERRNO(render_try_add(theirs.fd, mine.context, theirs.texture), ENOENT);
	ASSERT_REFUSED("RESOURCE_REMOVE",
		       render_try_remove(theirs.fd, mine.context, mine.texture), ENOENT);
	job = canvas_clear(&theirs, 1, 0xffffffff);
	job.value = mine.context;
	submit_is_refused(theirs.fd, job, ENOENT);
	job = render_download(&mine.box, &theirs.pixels, 0, canvas_bytes(&theirs));
	submit_is_refused(theirs.fd, job, ENOENT);

	/* Nor do commands. */
	v = canvas_stream(&theirs, 1);
	virgl_surface(&v, 9, mine.texture, VIRGL_FORMAT_B8G8R8A8);
	job = canvas_job(&theirs, 1, &v);
	ASSERT_EQ(dms_run(theirs.fd, &job, 1), EPROTO);
	ASSERT_EQ(render_context_error(theirs.fd, theirs.context), EPROTO);

	canvas_shows(&mine, 0xff101010);
	canvas_works(&mine, 0xff303030);
	ASSERT_EQ(render_context_error(mine.fd, mine.context), 0);
	/* And what the other had lives on without its context. */
	canvas_shows(&theirs, 0xff202020);
}

/* A client goes while its jobs are on the device. What others have is not touched. */
static void client_leaves(void)
{
	struct canvas stays = canvas_create(dms_open(), SIDE, SIDE);

	canvas_works(&stays, 0xff515151);
	for (unsigned int i = 0; i < rounds(10); i++) {
		struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
		struct drm_dmashare_job job = canvas_clear(&c, 1, 0xff606060);

		for (unsigned int k = 0; k < 8; k++)
			dms_submit(c.fd, k % 3, 0, &job, 1);
		munmap(c.commands.map, c.commands.size);
		munmap(c.pixels.map, c.pixels.size);
		close(c.fd);
	}
	canvas_shows(&stays, 0xff515151);
	canvas_works(&stays, 0xff525252);
}

/* One ends, while a job of its waits for somebody else's fence. */
static void client_ends(void)
{
	struct canvas stays = canvas_create(dms_open(), SIDE, SIDE);

	canvas_works(&stays, 0xff616161);
	for (unsigned int i = 0; i < rounds(2); i++) {
		int in, status;
		struct hold h = hold_sync_file(&in);
		pid_t pid = fork();

		ASSERT_OK(pid);
		if (!pid) {
			struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
			struct drm_dmashare_job job = canvas_clear(&c, 1, 0xff606060);

			dms_submit(c.fd, 1, 0, &job, 1);
			dms_submit_after(c.fd, 0, 0, in, job);
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_EQ(status, 0);
		hold_release(&h);
		close(in);
	}
	canvas_shows(&stays, 0xff616161);
	canvas_works(&stays, 0xff626262);
}

/* Numbers. ------------------------------------------------------------------ */

/* Destroyed with jobs that name them on the way: those are done nevertheless. */
static void destroyed_with_jobs(void)
{
	int fd = dms_open(), in, drawn, read;
	struct canvas c = canvas_create(fd, SIDE, SIDE);
	uint32_t context = c.context, texture = c.texture;
	uint64_t n = rounds(dms_param(fd, DRM_DMASHARE_PARAM_MAX_CONTEXTS) + 10);
	struct drm_dmashare_job job = dms_job_noop(0);

	ctl_calm(0);
	ctl_hold(0, "'count': 1, 'watchdog': 600000000000");
	in = dms_submit_fence(fd, 1, 0, &job, 1);
	ctl_wait_held(0, 1);
	memset(c.pixels.map, 0x5a, c.pixels.size);
	drawn = dms_submit_after(fd, 0, 0, in, canvas_clear(&c, 1, 0xff414243));
	read = dms_submit_after(fd, 0, 0, in, canvas_download(&c));
	ASSERT_OK(render_try_context_destroy(fd, context));
	ASSERT_OK(render_try_resource_destroy(fd, texture));
	ASSERT_ERRNO(render_try_context_destroy(fd, context), ENOENT);
	submit_is_refused(fd, canvas_clear(&c, 2, 0), ENOENT);
	submit_is_refused(fd, canvas_download(&c), ENOENT);

	/* Nobody gets their numbers as long as that is so. */
	for (uint64_t i = 0; i < n; i++) {
		uint32_t other = render_context(fd, "other");

		ASSERT_NE(other, context);
		ASSERT_OK(render_try_context_destroy(fd, other));
	}
	ASSERT(fence_pending(drawn));
	ctl_calm(0);
	ASSERT_EQ(fence_finish(drawn), 0);
	ASSERT_EQ(fence_finish(read), 0);
	render_all_are(c.pixels.map, SIDE * SIDE, 0xff414243);
	close(in);
}

/* So many that every number is used more than once. */
static void numbers_come_round(void)
{
	int fd = dms_open();
	uint64_t most = dms_param(fd, DRM_DMASHARE_PARAM_MAX_CONTEXTS);
	struct canvas stays = canvas_create(fd, SIDE, SIDE);
	unsigned int n = rounds(most * 2 + 10);

	canvas_works(&stays, 0xff818181);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t context = render_context(fd, "round");

		ASSERT_NE(context, stays.context);
		ASSERT(context <= most);
		ASSERT_OK(render_try_context_destroy(fd, context));
	}
	canvas_works(&stays, 0xff828282);
}

/* Limits. ------------------------------------------------------------------- */

static void all_contexts(void)
{
	int fd = dms_open(), other = dms_open();
	uint64_t most = dms_param(fd, DRM_DMASHARE_PARAM_MAX_CONTEXTS), n;
	uint32_t context = 0;

	for (n = 0; n <= most; n++)
		if (render_try_context(fd, DMASHARE_CAPSET_VIRGL2, "many", &context))
			break;
	ASSERT_EQ(n, most);
	ASSERT_EQ(errno, ENOSPC);
	ASSERT_REFUSED("CONTEXT_CREATE",
		       render_try_context(other, DMASHARE_CAPSET_VIRGL2, "late", &context),
		       ENOSPC);
	close(fd);
	canvas_create(other, SIDE, SIDE);
}

static void all_bytes_of_resources(void)
{
	int fd = dms_open(), other = dms_open();
	uint64_t most = dms_param(fd, DRM_DMASHARE_PARAM_RENDER_BYTES), bytes = 0;
	struct drm_dmashare_resource_create r = render_2d(1024, 1024);
	struct drm_dmashare_resource_create small = render_2d(1, 1);

	while (!render_try_resource(fd, &r))
		bytes += 1024 * 1024 * 4;
	ASSERT_EQ(errno, ENOSPC);
	errno_seen("RESOURCE_CREATE", ENOSPC);
	ASSERT(bytes <= most && bytes + 1024 * 1024 * 4 > most);
	ASSERT_ERRNO(render_try_resource(other, &r), ENOSPC);
	if (bytes == most)
		ASSERT_ERRNO(render_try_resource(other, &small), ENOSPC);
	close(fd);
	ASSERT_OK(render_try_resource(other, &r));
}

/* Refusals. ----------------------------------------------------------------- */

static void bad_contexts(void)
{
	struct drm_dmashare_context_destroy d = { .pad = 1 };
	int fd = dms_open();
	uint32_t context;

	ASSERT_REFUSED("CONTEXT_CREATE", render_try_context(fd, 0, "", &context), EINVAL);
	ASSERT_ERRNO(render_try_context(fd, 77, "", &context), EINVAL);
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_CONTEXT_DESTROY, &d), EINVAL);
	ASSERT_ERRNO(render_try_context_destroy(fd, 0), ENOENT);
	ASSERT_ERRNO(render_try_context_destroy(fd, UINT32_MAX), ENOENT);
}

static void bad_resources(void)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} bad[] = {
#define MEMBER(name, value) { offsetof(struct drm_dmashare_resource_create, name), value }
		MEMBER(target, 9), MEMBER(target, UINT32_MAX), MEMBER(width, 0),
		MEMBER(width, 16385), MEMBER(height, 0), MEMBER(height, UINT32_MAX),
		MEMBER(depth, 0), MEMBER(depth, 2), MEMBER(array_size, 0),
		MEMBER(array_size, 2), MEMBER(last_level, 15), MEMBER(nr_samples, 17),
		MEMBER(pad, 1),
#undef MEMBER
	};
	struct drm_dmashare_resource_destroy d = { .pad = 1 };
	int fd = dms_open();

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dmashare_resource_create r = render_2d(SIDE, SIDE);

		memcpy((uint8_t *)&r + bad[i].offset, &bad[i].value, 4);
		ASSERT_REFUSED("RESOURCE_CREATE", render_try_resource(fd, &r), EINVAL);
	}
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_RESOURCE_DESTROY, &d), EINVAL);
	ASSERT_ERRNO(render_try_resource_destroy(fd, 0), ENOENT);
}

static void bad_states(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	struct drm_dmashare_render_state s = { .context = c.context, .pad = 1 };
	uint32_t error;

	ASSERT_REFUSED("RENDER_STATE", render_try_state(c.fd, 0, 0, &error), EINVAL);
	ASSERT_ERRNO(render_try_state(c.fd, c.context, c.texture, &error), EINVAL);
	ASSERT_ERRNO(drmIoctl(c.fd, DRM_IOCTL_DMASHARE_RENDER_STATE, &s), EINVAL);
}

static void bad_capsets(void)
{
	uint64_t room[512];
	struct drm_dmashare_render_capset good = {
		.capset = DMASHARE_CAPSET_VIRGL,
		.length = 64,
		.data = (uintptr_t)room,
	}, c;
	static const uint32_t lengths[] = { 0, 4, 12, 4104, UINT32_MAX };
	int fd = dms_open();

	while (drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &good))
		ASSERT_EQ(errno, EBUSY);
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		c = good;
		c.length = lengths[i];
		ASSERT_REFUSED("RENDER_CAPSET",
			       drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &c), EINVAL);
	}
	c = good;
	c.capset = 77;
	ASSERT_REFUSED("RENDER_CAPSET", drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &c),
		       ENOENT);
	c = good;
	c.pad = 1;
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &c), EINVAL);
	c = good;
	c.data = 16;
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &c), EFAULT);
}

static void bad_jobs(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	uint64_t most = dms_param(c.fd, DRM_DMASHARE_PARAM_MAX_RENDER);
	uint64_t rings = dms_param(c.fd, DRM_DMASHARE_PARAM_RENDER_RINGS);
	struct bo big = dms_create(c.fd, most + PAGE, "too much");
	struct drm_dmashare_job good = canvas_clear(&c, 1, 0xffffffff), job;
	struct drm_dmashare_transfer box;

	canvas_works(&c, 0xff919191);
	job = good;
	job.length -= 2;
	submit_is_refused(c.fd, job, EINVAL);
	job = good;
	job.rows = 1;
	submit_is_refused(c.fd, job, EINVAL);
	job = good;
	job.value |= rings << 32;
	submit_is_refused(c.fd, job, EINVAL);
	job = good;
	job.value = 0;
	submit_is_refused(c.fd, job, ENOENT);
	job = good;
	job.dst = job.src;
	submit_is_refused(c.fd, job, EINVAL);
	job = render_job(c.context, &big, 0, most + 4);
	submit_is_refused(c.fd, job, EINVAL);

	job = canvas_download(&c);
	job.value = (uintptr_t)NOWHERE;
	submit_is_refused(c.fd, job, EFAULT);
	job = canvas_download(&c);
	job.length = c.pixels.size + 1;
	submit_is_refused(c.fd, job, EINVAL);
	box = c.box;
	box.height = 0;
	submit_is_refused(c.fd, render_download(&box, &c.pixels, 0, PAGE), EINVAL);
	box = c.box;
	box.z = 65536;
	submit_is_refused(c.fd, render_upload(&box, &c.pixels, 0, PAGE), EINVAL);
	box = c.box;
	box.resource = 0;
	submit_is_refused(c.fd, render_upload(&box, &c.pixels, 0, PAGE), ENOENT);

	/* The context has heard of none of it. */
	canvas_works(&c, 0xff929292);
}

static void bad_pointers(void)
{
	static const unsigned long requests[] = {
		DRM_IOCTL_DMASHARE_CONTEXT_CREATE, DRM_IOCTL_DMASHARE_CONTEXT_DESTROY,
		DRM_IOCTL_DMASHARE_RESOURCE_CREATE, DRM_IOCTL_DMASHARE_RESOURCE_DESTROY,
		DRM_IOCTL_DMASHARE_RESOURCE_ADD, DRM_IOCTL_DMASHARE_RESOURCE_REMOVE,
		DRM_IOCTL_DMASHARE_RENDER_STATE, DRM_IOCTL_DMASHARE_RENDER_CAPSET,
	};
	int fd = dms_open();

	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++)
		ASSERT_REFUSED("any", drmIoctl(fd, requests[i], NOWHERE), EFAULT);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(silent_error),
	KTAP_CASE(bad_shader),
	KTAP_CASE(not_a_command),
	KTAP_CASE(wrong_boxes),
	KTAP_CASE(refused_later),
	KTAP_CASE(commanded),
	KTAP_CASE(timed_out),
	KTAP_CASE(fault_of_a_buffer),
	KTAP_SLOW(renderer_ends, 60),
	KTAP_SLOW(renderer_hangs, 90),
	KTAP_SLOW(not_so_soon, 60),
	KTAP_CASE(clients_apart),
	KTAP_SLOW(client_leaves, 120),
	KTAP_SLOW(client_ends, 120),
	KTAP_CASE(destroyed_with_jobs),
	KTAP_SLOW(numbers_come_round, 120),
	KTAP_SLOW(all_contexts, 120),
	KTAP_CASE(all_bytes_of_resources),
	KTAP_CASE(bad_contexts),
	KTAP_CASE(bad_resources),
	KTAP_CASE(bad_states),
	KTAP_CASE(bad_capsets),
	KTAP_CASE(bad_jobs),
	KTAP_CASE(bad_pointers),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
