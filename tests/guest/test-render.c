// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rendering: every pixel is what was drawn, and fences signal in order. What goes
 * wrong is in test-render-lost.c, what happens to the buffers and the device
 * meanwhile in test-render-move.c and test-render-unplug.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/render.h"

#define WIDTH	1920u
#define HEIGHT	1080u
#define SIDE	64u
#define SMALL	16u

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static uint32_t noise(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 32;
}

static void limits(void)
{
	int fd = dms_open();
	uint64_t most = dms_param(fd, DRM_DMASHARE_PARAM_MAX_RENDER);

	ASSERT(render_there(fd));
	ASSERT(dms_param(fd, DRM_DMASHARE_PARAM_MAX_CONTEXTS) >= 16);
	ASSERT(dms_param(fd, DRM_DMASHARE_PARAM_MAX_RESOURCES) >= 64);
	ASSERT_MSG(most >= WIDTH * HEIGHT * 4, "a job of rendering has %llu bytes at most",
		   (unsigned long long)most);
	ASSERT(dms_param(fd, DRM_DMASHARE_PARAM_RENDER_BYTES) >= most);
	ASSERT(dms_param(fd, DRM_DMASHARE_PARAM_RENDER_RINGS) >= 1);
}

/* The version of a set is its first word. */
static void capability_sets(void)
{
	static const uint32_t sets[] = { DMASHARE_CAPSET_VIRGL, DMASHARE_CAPSET_VIRGL2 };
	int fd = dms_open();
	uint32_t whole[1024], half[2];

	for (unsigned int i = 0; i < ARRAY_SIZE(sets); i++) {
		struct drm_dmashare_render_capset c = {
			.capset = sets[i],
			.length = sizeof(whole),
			.data = (uintptr_t)whole,
		};
		uint32_t size;

		memset(whole, 0xee, sizeof(whole));
		while (drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &c))
			ASSERT_EQ(errno, EBUSY);
		size = c.size;
		ASSERT_MSG(size >= 4 && size <= sizeof(whole), "the set has %u bytes", size);
		ASSERT_EQ(whole[0], i + 1);
		ASSERT(all_bytes((uint8_t *)whole + size, sizeof(whole) - size, 0));
		/* As much as there is room for. */
		c.length = sizeof(half);
		c.data = (uintptr_t)half;
		ASSERT_OK(drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &c));
		ASSERT_EQ(c.size, size);
		ASSERT(!memcmp(half, whole, sizeof(half)));
	}
}

/* A whole frame, each byte compared. */
static void clear_and_read(void)
{
	static const uint32_t pixels[] = { 0xff102030, 0x00000000, 0xffffffff, 0x80ff0001 };
	struct canvas c = canvas_create(dms_open(), WIDTH, HEIGHT);

	for (unsigned int i = 0; i < ARRAY_SIZE(pixels); i++) {
		struct drm_dmashare_job jobs[2] = {
			canvas_clear(&c, i, pixels[i]),
			canvas_download(&c),
		};
		uint64_t start;

		memset(c.pixels.map, 0x5a, c.pixels.size);
		start = now_us();
		ASSERT_EQ(dms_run(c.fd, jobs, 2), 0);
		ktap_diag("clear, fence and readback: %llu us",
			  (unsigned long long)(now_us() - start));
		render_all_are(c.pixels.map, WIDTH * HEIGHT, pixels[i]);
		ASSERT(all_bytes(c.pixels.map + canvas_bytes(&c),
				 c.pixels.size - canvas_bytes(&c), 0x5a));
	}
}

/* Boxes anywhere, in a picture that is kept here as well. */
static void boxes(void)
{
	enum { W = 64, H = 48 };
	static uint32_t picture[H][W];
	struct canvas c = canvas_create(dms_open(), W, H);
	struct bo in = dms_create_mapped(c.fd, sizeof(picture), "in");
	uint32_t *word = (uint32_t *)in.map;
	uint64_t state = 1;

	for (unsigned int i = 0; i < rounds(100); i++) {
		struct drm_dmashare_transfer box = render_box(c.texture, W, H);
		struct drm_dmashare_job jobs[2];
		uint32_t w, h;

		if (i) {
			box.x = noise(&state) % W;
			box.y = noise(&state) % H;
			box.width = 1 + noise(&state) % (W - box.x);
			box.height = 1 + noise(&state) % (H - box.y);
			box.stride = box.width * 4;
		}
		w = box.width;
		h = box.height;
		for (unsigned int k = 0; k < w * h; k++) {
			word[k] = noise(&state);
			picture[box.y + k / w][box.x + k % w] = word[k];
		}
		jobs[0] = render_upload(&box, &in, 0, w * h * 4);
		jobs[1] = canvas_download(&c);
		ASSERT_EQ(dms_run(c.fd, jobs, 2), 0);
		ASSERT_MSG(!memcmp(c.pixels.map, picture, sizeof(picture)),
			   "round %u: %u x %u pixels at %u, %u", i, w, h, box.x, box.y);
	}
}

/* What is between the rows of a box are zeros, not what somebody else had there. */
static void gaps_are_zeros(void)
{
	enum { W = 8, H = 8, STRIDE = 100 };
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	struct drm_dmashare_transfer box = render_box(c.texture, W, H);
	uint8_t want[H * STRIDE] = { 0 };

	canvas_works(&c, 0xa5a5a5a5);
	dms_run_ok(c.fd, canvas_clear(&c, 0, 0xff112233));
	for (unsigned int i = 0; i < W * H; i++)
		memcpy(want + i / W * STRIDE + i % W * 4, &(uint32_t){ 0xff112233 }, 4);
	box.stride = STRIDE;
	memset(c.pixels.map, 0x5a, c.pixels.size);
	dms_run_ok(c.fd, render_download(&box, &c.pixels, 0, sizeof(want)));
	ASSERT(!memcmp(c.pixels.map, want, sizeof(want)));
	ASSERT(all_bytes(c.pixels.map + sizeof(want), c.pixels.size - sizeof(want), 0x5a));
}

/* Drawing. ------------------------------------------------------------------ */

static const float corners[4][2] = { { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };

/* Draws on the canvas, with a texture or without, and reads what came of it. */
static void draw(struct canvas *c, uint32_t texture, enum virgl_shape shape,
		 const float (*vertex)[8], unsigned int n)
{
	struct bo commands = dms_create_mapped(c->fd, 16384, "pipeline");
	struct bo bytes = dms_create_mapped(c->fd, n * VIRGL_VERTEX_BYTES, "vertices");
	uint32_t vertices = render_vertices(c->fd, n * VIRGL_VERTEX_BYTES);
	struct drm_dmashare_transfer box = {
		.resource = vertices,
		.width = n * VIRGL_VERTEX_BYTES,
		.height = 1,
		.depth = 1,
	};
	struct virgl_pipeline p = {
		.base = 100,
		.width = c->width,
		.height = c->height,
		.vertices = vertices,
		.texture = texture,
		.format = VIRGL_FORMAT_B8G8R8A8,
	};
	struct virgl v = virgl_begin(commands.map, commands.size);
	struct drm_dmashare_job jobs[3];

	ASSERT_OK(render_try_add(c->fd, c->context, vertices));
	memcpy(bytes.map, vertex, n * VIRGL_VERTEX_BYTES);
	virgl_pipeline(&v, &p);
	virgl_draw(&v, shape, n);
	jobs[0] = render_upload(&box, &bytes, 0, n * VIRGL_VERTEX_BYTES);
	jobs[1] = render_job(c->context, &commands, 0, virgl_bytes(&v));
	jobs[2] = canvas_download(c);
	ASSERT_EQ(dms_run(c->fd, jobs, ARRAY_SIZE(jobs)), 0);
	dms_destroy(&commands);
	dms_destroy(&bytes);
}

/* By half a turn, so that each pixel has its counterpart. */
static void textured_quad(void)
{
	static uint32_t picture[SIDE * SIDE];
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	uint32_t texture = render_texture(c.fd, SIDE, SIDE);
	struct drm_dmashare_transfer box = render_box(texture, SIDE, SIDE);
	struct bo in = dms_create_mapped(c.fd, sizeof(picture), "texture");
	const uint32_t *out = (uint32_t *)c.pixels.map;
	float vertex[4][8] = { { 0 } };
	uint64_t state = 3;

	ASSERT_OK(render_try_add(c.fd, c.context, texture));
	for (unsigned int i = 0; i < ARRAY_SIZE(picture); i++)
		picture[i] = noise(&state);
	memcpy(in.map, picture, sizeof(picture));
	dms_run_ok(c.fd, render_upload(&box, &in, 0, sizeof(picture)));
	for (unsigned int i = 0; i < 4; i++) {
		vertex[i][0] = corners[i][0];
		vertex[i][1] = corners[i][1];
		vertex[i][3] = 1;
		vertex[i][4] = corners[i][0] < 0;
		vertex[i][5] = corners[i][1] < 0;
	}
	draw(&c, texture, VIRGL_STRIP, vertex, 4);
	for (unsigned int i = 0; i < ARRAY_SIZE(picture); i++)
		ASSERT_MSG(out[i] == picture[ARRAY_SIZE(picture) - 1 - i],
			   "pixel %u is %#x, not %#x", i, out[i],
			   picture[ARRAY_SIZE(picture) - 1 - i]);
}

/* Whose edges no pixel's centre is on. */
static void shaded_triangle(void)
{
	const float t = 2.0f / SIDE;
	const float vertex[3][8] = {
		{ -1, -1, 0, 1, 1, 0, 0, 1 },
		{ 1 - t / 2, -1, 0, 1, 1, 0, 0, 1 },
		{ -1, 1 - t / 2, 0, 1, 1, 0, 0, 1 },
	};
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	const uint32_t *out = (uint32_t *)c.pixels.map;

	canvas_works(&c, 0xff0000ff);
	draw(&c, 0, VIRGL_TRIANGLES, vertex, 3);
	for (uint32_t y = 0; y < SIDE; y++)
		for (uint32_t x = 0; x < SIDE; x++)
			ASSERT_EQ(out[y * SIDE + x],
				  x + y < SIDE - 1 ? 0xffff0000 : 0xff0000ff);
}

/* Whose corners are red, green and blue: between them it is what is between these. */
static void shaded_from_corner_to_corner(void)
{
	const float vertex[3][8] = {
		{ -1, -1, 0, 1, 1, 0, 0, 1 },
		{ 3, -1, 0, 1, 0, 1, 0, 1 },
		{ -1, 3, 0, 1, 0, 0, 1, 1 },
	};
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	const uint8_t *byte = c.pixels.map;

	draw(&c, 0, VIRGL_TRIANGLES, vertex, 3);
	for (uint32_t y = 0; y < SIDE; y++) {
		for (uint32_t x = 0; x < SIDE; x++, byte += 4) {
			/* Of 4 * SIDE halves of a pixel; a step of 255 may be rounded away. */
			int green = (2 * x + 1) * 255, blue = (2 * y + 1) * 255;
			int want[4] = { blue, green, (int)SIDE * 4 * 255 - green - blue,
					(int)SIDE * 4 * 255 };

			for (unsigned int k = 0; k < 4; k++)
				ASSERT_MSG(abs(byte[k] * (int)SIDE * 4 - want[k]) <= (int)SIDE * 4,
					   "colour %u of pixel %u, %u is %u, not %d", k, x, y,
					   byte[k], want[k] / (int)SIDE / 4);
		}
	}
}

/* A part of one texture to a place in another, and nothing beside it. */
static void copied(void)
{
	enum { X = 7, Y = 20, FROM_X = 3, FROM_Y = 1, W = 11, H = 13 };
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	struct canvas from = canvas_create(c.fd, SMALL, SMALL);
	const uint32_t *out = (uint32_t *)c.pixels.map;
	uint32_t *in = (uint32_t *)from.pixels.map;
	struct virgl v = canvas_stream(&c, 1);
	struct drm_dmashare_job jobs[4];
	uint64_t state = 7;

	ASSERT_OK(render_try_add(c.fd, c.context, from.texture));
	for (unsigned int i = 0; i < SMALL * SMALL; i++)
		in[i] = noise(&state);
	virgl_copy(&v, c.texture, X, Y, from.texture, FROM_X, FROM_Y, W, H);
	jobs[0] = render_upload(&from.box, &from.pixels, 0, canvas_bytes(&from));
	jobs[1] = canvas_clear(&c, 0, 0xff123456);
	jobs[2] = canvas_job(&c, 1, &v);
	jobs[3] = canvas_download(&c);
	ASSERT_EQ(dms_run(c.fd, jobs, 4), 0);
	for (uint32_t y = 0; y < SIDE; y++)
		for (uint32_t x = 0; x < SIDE; x++)
			ASSERT_EQ(out[y * SIDE + x],
				  x - X < W && y - Y < H ?
				  in[(y - Y + FROM_Y) * SMALL + x - X + FROM_X] : 0xff123456);
}

/* One context's texture is another's, of the same file. */
static void stretched(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	struct canvas from = canvas_create(c.fd, SMALL, SMALL);
	const struct virgl_area to_area = {
		c.texture, VIRGL_FORMAT_B8G8R8A8, 0, 0, SIDE, SIDE,
	}, from_area = {
		from.texture, VIRGL_FORMAT_B8G8R8A8, 0, 0, SMALL, SMALL,
	};
	struct virgl v = canvas_stream(&c, 1);
	const uint32_t *out = (uint32_t *)c.pixels.map;
	uint32_t *in = (uint32_t *)from.pixels.map;
	struct drm_dmashare_job jobs[3];
	uint64_t state = 5;

	ASSERT_OK(render_try_add(c.fd, c.context, from.texture));
	for (unsigned int i = 0; i < SMALL * SMALL; i++)
		in[i] = noise(&state);
	virgl_blit(&v, &to_area, &from_area);
	jobs[0] = render_upload(&from.box, &from.pixels, 0, canvas_bytes(&from));
	jobs[1] = canvas_job(&c, 1, &v);
	jobs[2] = canvas_download(&c);
	ASSERT_EQ(dms_run(c.fd, jobs, 3), 0);
	for (unsigned int i = 0; i < SIDE * SIDE; i++)
		ASSERT_EQ(out[i], in[i / SIDE / 4 * SMALL + i % SIDE / 4]);
}

/* Commands and pixels in somebody else's memory. */
static void foreign_buffers(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	struct foreign f = vgem_buffer(canvas_bytes(&c));
	struct bo there = dms_import(c.fd, f.dmabuf);
	struct virgl v = virgl_begin(f.map, 256);
	struct drm_dmashare_job jobs[2];
	float colour[4];

	render_colour(0xff998877, colour);
	virgl_clear(&v, colour);
	jobs[0] = render_job(c.context, &there, 0, virgl_bytes(&v));
	jobs[1] = render_download(&c.box, &there, 0, canvas_bytes(&c));
	ASSERT_EQ(dms_run(c.fd, jobs, 2), 0);
	render_all_are(f.map, SIDE * SIDE, 0xff998877);
	foreign_destroy(&f);
}

/* Fences. ------------------------------------------------------------------- */

/*
 * A thousand jobs on three timelines, of which none is waited for by the program: copies
 * that write what is rendered, and copies of what was. Each round of each queue has its
 * commands copied to where every round has them, renders, downloads to where every round
 * does, and copies that to a place of its own. So whoever comes too early, or too late,
 * draws or keeps somebody else's.
 */
#define QUEUES	3
#define ROUNDS	84
#define SMALL_BYTES	(SMALL * SMALL * 4)

struct order {
	int fd;
	unsigned int n;			/* rounds */
	struct canvas c[QUEUES];
	struct bo commands, pixels;	/* of all */
	struct bo kept[QUEUES];
	int fence[ROUNDS][QUEUES];
	uint64_t copy[ROUNDS][QUEUES];	/* id of the last job */
};

static uint32_t pixel_of(unsigned int round, unsigned int q)
{
	return 0xff000000 | q << 16 | round;
}

/* A round of a queue, behind the fence @before (-1: none). */
static void order_submit(struct order *o, unsigned int i, unsigned int q, uint32_t flags,
			 int before)
{
	struct drm_dmashare_job render = canvas_clear(&o->c[q], i, pixel_of(i, q));
	struct drm_dmashare_job jobs[4] = {
		dms_job_copy(&o->commands, 0, &o->c[q].commands, i * CANVAS_ROOM, CANVAS_ROOM),
		render_job(o->c[q].context, &o->commands, 0, render.length),
		render_download(&o->c[q].box, &o->pixels, 0, SMALL_BYTES),
		dms_job_copy(&o->kept[q], i * SMALL_BYTES, &o->pixels, 0, SMALL_BYTES),
	};
	struct drm_dmashare_submit s = {
		.queue = q,
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE | flags,
		.in_fence_fd = before,
	};

	if (before >= 0)
		s.flags |= DRM_DMASHARE_SUBMIT_IN_FENCE;
	jobs[3].flags = DRM_DMASHARE_JOB_WANT_RESULT;
	ASSERT_OK(dms_try_submit(o->fd, &s, jobs, ARRAY_SIZE(jobs)));
	o->fence[i][q] = s.out_fence_fd;
	o->copy[i][q] = jobs[3].id;
}

/* The fence of each signalled behind the one before, on as many timelines. */
static void order_judge(struct order *o)
{
	struct drm_dmashare_job_result r[QUEUES] = { { 0 } };
	uint64_t last = 0;
	unsigned int i, q;

	for (i = 0; i < o->n; i++) {
		for (q = 0; q < QUEUES; q++) {
			uint64_t seqno = r[q].seqno;
			struct fence_info info;

			ASSERT_EQ(fence_wait(o->fence[i][q]), 0);
			info = fence_info(o->fence[i][q]);
			ASSERT_MSG(info.first.timestamp_ns >= last,
				   "the fence of queue %u in round %u signalled %llu ns before the one that it waits for",
				   q, i,
				   (unsigned long long)(last - info.first.timestamp_ns));
			last = info.first.timestamp_ns;
			close(o->fence[i][q]);
			r[q] = dms_result(o->fd, o->copy[i][q]);
			ASSERT_EQ(r[q].error, 0);
			ASSERT(r[q].seqno >= seqno + 4 || !i);
		}
		ASSERT(r[0].timeline != r[1].timeline && r[1].timeline != r[2].timeline &&
		       r[2].timeline != r[0].timeline);
	}
	for (q = 0; q < QUEUES; q++)
		for (i = 0; i < o->n; i++)
			render_all_are(o->kept[q].map + i * SMALL_BYTES, SMALL * SMALL,
				       pixel_of(i, q));
	ktap_diag("%u jobs on the timelines %u, %u and %u", o->n * QUEUES * 4, r[0].timeline,
		  r[1].timeline, r[2].timeline);
}

static void order(bool explicit)
{
	static struct order o;
	int before = -1;

	o = (struct order){ .fd = dms_open(), .n = rounds(ROUNDS) };
	ASSERT(o.n <= CANVAS_PLACES);
	o.commands = dms_create(o.fd, CANVAS_ROOM, "commands of all");
	o.pixels = dms_create(o.fd, SMALL_BYTES, "pixels of all");
	for (unsigned int q = 0; q < QUEUES; q++) {
		o.c[q] = canvas_create(o.fd, SMALL, SMALL);
		o.kept[q] = dms_create_mapped(o.fd, o.n * SMALL_BYTES, "kept");
	}
	for (unsigned int i = 0; i < o.n; i++) {
		for (unsigned int q = 0; q < QUEUES; q++) {
			order_submit(&o, i, q, explicit ? DRM_DMASHARE_SUBMIT_NO_IMPLICIT : 0,
				     before);
			if (explicit)
				before = o.fence[i][q];
		}
	}
	order_judge(&o);
}

/* Each behind the sync_file of the queue before, and nothing else orders them. */
static void order_by_sync_files(void)
{
	order(true);
}

/* The buffers alone order them. */
static void order_by_reservations(void)
{
	order(false);
}

/* Nothing between the queues: each keeps its own order. */
static void order_of_each_queue(void)
{
	enum { W = 16, BYTES = W * W * 4 };
	unsigned int n = rounds(80), q, i;
	static uint64_t id[80][QUEUES];
	uint64_t seqno[QUEUES] = { 0 };
	struct canvas c[QUEUES];
	struct bo kept[QUEUES];
	int fd = dms_open();

	for (q = 0; q < QUEUES; q++) {
		c[q] = canvas_create(fd, W, W);
		kept[q] = dms_create_mapped(fd, n * BYTES, "kept");
	}
	for (i = 0; i < n; i++) {
		for (q = 0; q < QUEUES; q++) {
			struct drm_dmashare_job jobs[3] = {
				canvas_clear(&c[q], i, pixel_of(i, q)),
				canvas_download(&c[q]),
				dms_job_copy(&kept[q], i * BYTES, &c[q].pixels, 0, BYTES),
			};

			jobs[2].flags = DRM_DMASHARE_JOB_WANT_RESULT;
			dms_submit(fd, q, 0, jobs, 3);
			id[i][q] = jobs[2].id;
		}
	}
	for (i = 0; i < n; i++) {
		for (q = 0; q < QUEUES; q++) {
			struct drm_dmashare_job_result r = dms_result(fd, id[i][q]);

			ASSERT_EQ(r.error, 0);
			ASSERT(r.seqno > seqno[q]);
			seqno[q] = r.seqno;
		}
	}
	for (q = 0; q < QUEUES; q++)
		for (i = 0; i < n; i++)
			render_all_are(kept[q].map + i * BYTES, W * W, pixel_of(i, q));
}

/* Readers and writers of the pixels wait for the renderer, by the reservation. */
static void implicit_fences(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	int dmabuf = dms_export(c.fd, c.pixels.handle);
	struct drm_dmashare_job jobs[2] = {
		canvas_clear(&c, 0, 0xff445566),
		canvas_download(&c),
	};
	struct hold h = hold_dmabuf(dmabuf, true);
	int fence, reads, writes;

	memset(c.pixels.map, 0x5a, c.pixels.size);
	/* It waits for who writes there now, and is then itself one who does. */
	fence = dms_submit_fence(c.fd, 1, 0, jobs, 2);
	reads = dmabuf_fences(dmabuf, DMA_BUF_SYNC_READ);
	writes = dmabuf_fences(dmabuf, DMA_BUF_SYNC_WRITE);
	ASSERT(fence_pending(fence) && fence_pending(reads) && fence_pending(writes));
	ASSERT(all_bytes(c.pixels.map, c.pixels.size, 0x5a));
	hold_release(&h);
	ASSERT_EQ(fence_finish(reads), 0);
	render_all_are(c.pixels.map, SIDE * SIDE, 0xff445566);
	ASSERT_EQ(fence_finish(writes), 0);
	ASSERT_EQ(fence_finish(fence), 0);
	close(dmabuf);
}

/* Commands are read: other readers of theirs need not wait, and writers do. */
static void implicit_fence_of_a_reader(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	int dmabuf = dms_export(c.fd, c.commands.handle), fence, reads, writes;
	struct drm_dmashare_job job = canvas_clear(&c, 0, 0xff000001);

	ctl_calm(0);
	ctl_hold(0, "'count': 1, 'watchdog': 600000000000");
	fence = dms_submit_fence(c.fd, 0, 0, &job, 1);
	ctl_wait_held(0, 1);
	reads = dmabuf_fences(dmabuf, DMA_BUF_SYNC_READ);
	writes = dmabuf_fences(dmabuf, DMA_BUF_SYNC_WRITE);
	ASSERT(!fence_pending(reads));
	ASSERT(fence_pending(writes));
	ctl_calm(0);
	ASSERT_EQ(fence_finish(writes), 0);
	ASSERT_EQ(fence_finish(fence), 0);
	close(reads);
	close(dmabuf);
	canvas_shows(&c, 0xff000001);
}

/* A program that may do nothing else may render. */
static void ordinary_user(void)
{
	int fd = dms_open();
	struct canvas c;

	drop_privileges();
	c = canvas_create(fd, SIDE, SIDE);
	canvas_works(&c, 0xff00ff00);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(limits),
	KTAP_CASE(capability_sets),
	KTAP_SLOW(clear_and_read, 120),
	KTAP_CASE(boxes),
	KTAP_CASE(gaps_are_zeros),
	KTAP_CASE(textured_quad),
	KTAP_CASE(shaded_triangle),
	KTAP_CASE(shaded_from_corner_to_corner),
	KTAP_CASE(copied),
	KTAP_CASE(stretched),
	KTAP_CASE(foreign_buffers),
	KTAP_SLOW(order_by_sync_files, 180),
	KTAP_SLOW(order_by_reservations, 180),
	KTAP_SLOW(order_of_each_queue, 180),
	KTAP_CASE(implicit_fences),
	KTAP_CASE(implicit_fence_of_a_reader),
	KTAP_CASE(ordinary_user),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
