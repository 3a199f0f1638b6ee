// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The renderer by itself: every pixel compared, every request answered once
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/ktap.h"
#include "lib/virgl.h"
#include "renderer.h"

#define OK		DMASHARE_STATUS_OK
#define COMMANDS	DMASHARE_STATUS_RENDER_COMMANDS
#define GONE_LOST	DMASHARE_STATUS_RENDER_LOST

#define WIDTH		1920
#define HEIGHT		1080

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* The colour whose pixel, as a little-endian word, is @pixel. */
static void colour_of(uint32_t pixel, float colour[4])
{
	colour[0] = (pixel >> 16 & 0xff) / 255.0f;
	colour[1] = (pixel >> 8 & 0xff) / 255.0f;
	colour[2] = (pixel & 0xff) / 255.0f;
	colour[3] = (pixel >> 24) / 255.0f;
}

static uint64_t send_clear(struct renderer *r, unsigned int slot,
			   uint32_t context, uint32_t pixel)
{
	struct virgl v = virgl_begin(renderer_slot(r, slot), SLOT_SIZE);
	float colour[4];

	colour_of(pixel, colour);
	virgl_clear(&v, colour);
	return renderer_commands(r, slot, context, virgl_bytes(&v));
}

static void clear(struct renderer *r, uint32_t context, uint32_t pixel)
{
	uint64_t serial = send_clear(r, 0, context, pixel);
	struct dmashare_render_answer a = renderer_answer(r);

	ASSERT_EQ(a.serial, serial);
	ASSERT_EQ(a.status, OK);
}

static void all_are(const uint32_t *pixels, size_t n, uint32_t pixel)
{
	for (size_t i = 0; i < n; i++) {
		if (pixels[i] != pixel)
			FAIL("pixel %zu is %#x, not %#x", i, pixels[i], pixel);
	}
}

static void clear_and_read(void)
{
	static const uint32_t pixels[] = {
		0xff102030, 0x00000000, 0xffffffff, 0x80ff0001,
	};
	struct renderer *r = renderer_start();
	uint32_t *out = renderer_slot(r, 1);

	renderer_canvas(r, 1, 1, WIDTH, HEIGHT);
	for (unsigned int i = 0; i < ARRAY_SIZE(pixels); i++) {
		double start = now_ms();

		clear(r, 1, pixels[i]);
		memset(out, 0x5a, WIDTH * HEIGHT * 4 + 4);
		ASSERT_EQ(renderer_transfer(r, false, 1, 1, 0, 0, WIDTH,
					    HEIGHT), OK);
		ktap_diag("clear, fence and readback: %.1f ms",
			  now_ms() - start);
		all_are(out, WIDTH * HEIGHT, pixels[i]);
		ASSERT_EQ(out[WIDTH * HEIGHT], 0x5a5a5a5a);
	}
	ASSERT_EQ(renderer_end(r), 0);
}

static void upload_and_read(void)
{
	enum { W = 64, H = 48 };
	struct renderer *r = renderer_start();
	uint32_t *slot = renderer_slot(r, 2);
	static uint32_t picture[H][W];
	uint64_t state = 1;

	renderer_canvas(r, 1, 1, W, H);
	for (unsigned int round = 0; round < 100; round++) {
		uint32_t x = round ? renderer_noise(&state) % W : 0;
		uint32_t y = round ? renderer_noise(&state) % H : 0;
		uint32_t w = round ? 1 + renderer_noise(&state) % (W - x) : W;
		uint32_t h = round ? 1 + renderer_noise(&state) % (H - y) : H;

		for (unsigned int i = 0; i < w * h; i++) {
			slot[i] = renderer_noise(&state);
			picture[y + i / w][x + i % w] = slot[i];
		}
		ASSERT_EQ(renderer_transfer(r, true, 2, 1, x, y, w, h), OK);
		memset(slot, 0, sizeof(picture));
		ASSERT_EQ(renderer_transfer(r, false, 2, 1, 0, 0, W, H), OK);
		ASSERT(!memcmp(slot, picture, sizeof(picture)));
	}
	ASSERT_EQ(renderer_end(r), 0);
}

/*
 * A download that may come in the order red, green, blue, alpha: it says which it
 * is, and is the same picture, of whichever box, level and format.
 */
static struct dmashare_render_answer read_rgba(struct renderer *r,
					       uint32_t resource,
					       const uint32_t box[4],
					       uint32_t stride, uint64_t length)
{
	struct dmashare_render_request q = {
		.type = DMASHARE_RENDER_DOWNLOAD,
		.slot = 3,
		.length = length,
		.resource = resource,
		.box = {
			.x = box[0],
			.y = box[1],
			.width = box[2],
			.height = box[3],
			.depth = 1,
			.stride = stride,
			.order = DMASHARE_RENDER_ORDER_RGBA,
		},
	};

	renderer_send(r, &q);
	return renderer_answer(r);
}

static uint32_t exchanged(uint32_t pixel)
{
	return (pixel & 0xff00ff00) | (pixel >> 16 & 0xff) |
	       (pixel & 0xff) << 16;
}

static void orders(void)
{
	enum { W = 61, H = 47, X8 = 2 };
	static const uint32_t formats[] = { VIRGL_FORMAT_B8G8R8A8, X8 };
	struct renderer *r = renderer_start();
	uint32_t *out = renderer_slot(r, 3), *ref = renderer_slot(r, 2);
	struct dmashare_render_answer a;
	uint64_t state = 5;

	for (unsigned int f = 0; f < ARRAY_SIZE(formats); f++) {
		ASSERT_EQ(renderer_texture(r, f + 1, formats[f], W, H), OK);
		for (unsigned int i = 0; i < W * H; i++)
			ref[i] = renderer_noise(&state);
		ASSERT_EQ(renderer_transfer(r, true, 2, f + 1, 0, 0, W, H), OK);
		for (unsigned int round = 0; round < 100; round++) {
			const uint32_t x = renderer_noise(&state) % W;
			const uint32_t y = renderer_noise(&state) % H;
			const uint32_t w = 1 + renderer_noise(&state) % (W - x);
			const uint32_t h = 1 + renderer_noise(&state) % (H - y);
			const uint32_t box[] = { x, y, w, h };
			bool rgba;

			ASSERT_EQ(renderer_transfer(r, false, 2, f + 1, x, y, w,
						    h), OK);
			memset(out, 0x5a, W * H * 4 + 4);
			a = read_rgba(r, f + 1, box, w * 4, w * h * 4);
			ASSERT_EQ(a.status, OK);
			rgba = a.result == DMASHARE_RENDER_ORDER_RGBA;
			if (!round)
				ktap_diag("format %u: %s order", formats[f],
					  rgba ? "another" : "its own");
			for (unsigned int i = 0; i < w * h; i++) {
				if (out[i] != (rgba ? exchanged(ref[i])
						    : ref[i]))
					FAIL("pixel %u of %ux%u+%u+%u is %#x, "
					     "not %#x", i, w, h, x, y, out[i],
					     ref[i]);
			}
			ASSERT_EQ(out[w * h], 0x5a5a5a5a);
		}
	}
	ASSERT_EQ(renderer_end(r), 0);
}

/* Whatever the order, nothing is written beyond what there is room for. */
static void orders_refused(void)
{
	static const uint32_t all[] = { 0, 0, 16, 16 };
	static const uint32_t wide[] = { 0, 0, 17, 16 };
	static const uint32_t most[] = { 0, 0, 0x40000000, 1 };
	struct renderer *r = renderer_start();
	uint32_t *out = renderer_slot(r, 3);
	struct dmashare_render_request q = {
		.type = DMASHARE_RENDER_DOWNLOAD,
		.length = 4,
		.resource = 1,
		.box = { .width = 1, .height = 1, .depth = 1, .order = 2 },
	};
	struct dmashare_render_answer a;

	ASSERT_EQ(renderer_texture(r, 1, VIRGL_FORMAT_B8G8R8A8, 16, 16), OK);
	memset(out, 0x5a, 16 * 17 * 4);
	ASSERT_EQ(read_rgba(r, 1, all, 64, 16 * 64 - 1).status, COMMANDS);
	ASSERT_EQ(read_rgba(r, 1, wide, 68, 16 * 68).status, COMMANDS);
	ASSERT_EQ(read_rgba(r, 1, most, 0, 64).status, COMMANDS);
	ASSERT_EQ(read_rgba(r, 2, all, 64, 16 * 64).status, GONE_LOST);
	all_are(out, 16 * 17, 0x5a5a5a5a);
	/* Rows that are not one after the other are the library's. */
	a = read_rgba(r, 1, all, 128, 16 * 128);
	ASSERT_EQ(a.status, OK);
	ASSERT_EQ(a.result, DMASHARE_RENDER_ORDER_FORMAT);
	ASSERT_EQ(read_rgba(r, 1, all, 64, 16 * 64).status, OK);

	renderer_send(r, &q);
	ASSERT(renderer_gone(r, &a));
	ASSERT(renderer_wait(r) != 0);
}

/*
 * Drawing: a texture on a quad, and a triangle whose edges no pixel's centre is on
 */
#define DRAW_SIDE	64

static const float corners[4][2] = { { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };

static void send_vertices(struct renderer *r, const float (*vertex)[8],
			  unsigned int n)
{
	struct dmashare_render_request create = {
		.type = DMASHARE_RENDER_RESOURCE_CREATE,
		.resource = 3,
		.image = {
			.target = DMASHARE_TARGET_BUFFER,
			.format = VIRGL_FORMAT_R8,
			.bind = VIRGL_BIND_VERTEX_BUFFER,
			.width = n * VIRGL_VERTEX_BYTES,
			.height = 1,
			.depth = 1,
			.array_size = 1,
		},
	}, upload = {
		.type = DMASHARE_RENDER_UPLOAD,
		.resource = 3,
		.length = n * VIRGL_VERTEX_BYTES,
		.box = {
			.width = n * VIRGL_VERTEX_BYTES,
			.height = 1,
			.depth = 1,
		},
	};

	ASSERT_EQ(renderer_do(r, &create), OK);
	ASSERT_EQ(renderer_add(r, 1, 3), OK);
	memcpy(renderer_slot(r, 0), vertex, n * VIRGL_VERTEX_BYTES);
	ASSERT_EQ(renderer_do(r, &upload), OK);
}

/* Resource 1 is drawn on, 2 is the texture, 3 the vertices. */
static void draw(struct renderer *r, uint32_t texture, enum virgl_shape shape,
		 unsigned int n)
{
	struct virgl v = virgl_begin(renderer_slot(r, 0), SLOT_SIZE);
	struct virgl_pipeline p = {
		.base = 100,
		.width = DRAW_SIDE,
		.height = DRAW_SIDE,
		.vertices = 3,
		.texture = texture,
		.format = VIRGL_FORMAT_B8G8R8A8,
	};

	virgl_pipeline(&v, &p);
	virgl_draw(&v, shape, n);
	renderer_commands(r, 0, 1, virgl_bytes(&v));
	ASSERT_EQ(renderer_answer(r).status, OK);
	ASSERT_EQ(renderer_transfer(r, false, 0, 1, 0, 0, DRAW_SIDE,
				    DRAW_SIDE), OK);
}

/* By half a turn, so that every pixel has its counterpart. */
static void textured_quad(void)
{
	struct renderer *r = renderer_start();
	static uint32_t picture[DRAW_SIDE * DRAW_SIDE];
	uint32_t *out = renderer_slot(r, 0);
	float vertex[4][8] = { { 0 } };
	uint64_t state = 3;

	renderer_canvas(r, 1, 1, DRAW_SIDE, DRAW_SIDE);
	ASSERT_EQ(renderer_texture(r, 2, VIRGL_FORMAT_B8G8R8A8, DRAW_SIDE,
				   DRAW_SIDE), OK);
	ASSERT_EQ(renderer_add(r, 1, 2), OK);
	for (unsigned int i = 0; i < ARRAY_SIZE(picture); i++)
		picture[i] = renderer_noise(&state);
	memcpy(renderer_slot(r, 0), picture, sizeof(picture));
	ASSERT_EQ(renderer_transfer(r, true, 0, 2, 0, 0, DRAW_SIDE, DRAW_SIDE),
		  OK);
	for (unsigned int i = 0; i < 4; i++) {
		vertex[i][0] = corners[i][0];
		vertex[i][1] = corners[i][1];
		vertex[i][3] = 1;
		vertex[i][4] = corners[i][0] < 0;
		vertex[i][5] = corners[i][1] < 0;
	}
	send_vertices(r, vertex, 4);
	draw(r, 2, VIRGL_STRIP, 4);
	for (unsigned int i = 0; i < ARRAY_SIZE(picture); i++)
		ASSERT_EQ(out[i], picture[ARRAY_SIZE(picture) - 1 - i]);
	ASSERT_EQ(renderer_end(r), 0);
}

static void triangle(void)
{
	const float t = 2.0f / DRAW_SIDE;
	const float vertex[3][8] = {
		{ -1, -1, 0, 1, 1, 0, 0, 1 },
		{ 1 - t / 2, -1, 0, 1, 1, 0, 0, 1 },
		{ -1, 1 - t / 2, 0, 1, 1, 0, 0, 1 },
	};
	struct renderer *r = renderer_start();
	uint32_t *out = renderer_slot(r, 0);

	renderer_canvas(r, 1, 1, DRAW_SIDE, DRAW_SIDE);
	clear(r, 1, 0xff0000ff);
	send_vertices(r, vertex, 3);
	draw(r, 0, VIRGL_TRIANGLES, 3);
	for (uint32_t y = 0; y < DRAW_SIDE; y++) {
		for (uint32_t x = 0; x < DRAW_SIDE; x++)
			ASSERT_EQ(out[y * DRAW_SIDE + x],
				  x + y < DRAW_SIDE - 1 ? 0xffff0000
							: 0xff0000ff);
	}
	ASSERT_EQ(renderer_end(r), 0);
}

/* Four times the size. */
static void stretched(void)
{
	enum { SIDE = 16 };
	const struct virgl_area to = {
		1, VIRGL_FORMAT_B8G8R8A8, 0, 0, DRAW_SIDE, DRAW_SIDE,
	}, from = {
		2, VIRGL_FORMAT_B8G8R8A8, 0, 0, SIDE, SIDE,
	};
	struct renderer *r = renderer_start();
	static uint32_t picture[SIDE][SIDE];
	uint32_t *out = renderer_slot(r, 0);
	uint64_t state = 5;
	struct virgl v;

	renderer_canvas(r, 1, 1, DRAW_SIDE, DRAW_SIDE);
	ASSERT_EQ(renderer_texture(r, 2, VIRGL_FORMAT_B8G8R8A8, SIDE, SIDE),
		  OK);
	ASSERT_EQ(renderer_add(r, 1, 2), OK);
	for (unsigned int i = 0; i < SIDE * SIDE; i++)
		picture[i / SIDE][i % SIDE] = renderer_noise(&state);
	memcpy(renderer_slot(r, 0), picture, sizeof(picture));
	ASSERT_EQ(renderer_transfer(r, true, 0, 2, 0, 0, SIDE, SIDE), OK);
	v = virgl_begin(renderer_slot(r, 1), SLOT_SIZE);
	virgl_blit(&v, &to, &from);
	renderer_commands(r, 1, 1, virgl_bytes(&v));
	ASSERT_EQ(renderer_answer(r).status, OK);
	ASSERT_EQ(renderer_transfer(r, false, 0, 1, 0, 0, DRAW_SIDE,
				    DRAW_SIDE), OK);
	for (unsigned int i = 0; i < DRAW_SIDE * DRAW_SIDE; i++)
		ASSERT_EQ(out[i], picture[i / DRAW_SIDE / 4]
					 [i % DRAW_SIDE / 4]);
	ASSERT_EQ(renderer_end(r), 0);
}

/*
 * Several contexts, many of their jobs on the way at once: each is answered
 * once, those of a context in order, and what a job drew is there once it is
 * answered, for another context copies it with the next.
 */
#define CONTEXTS	4
#define JOBS		1000

static void order_of_fences(void)
{
	struct renderer *r = renderer_start();
	uint64_t sent[SLOTS] = { 0 }, last[CONTEXTS] = { 0 };
	unsigned int begun = 0, ended = 0, mixed = 0;
	uint32_t drawn[CONTEXTS] = { 0 };

	for (uint32_t c = 0; c < CONTEXTS; c++)
		renderer_canvas(r, c + 1, c + 1, 256, 256);
	while (ended < JOBS) {
		struct dmashare_render_answer a;
		unsigned int slot;
		uint32_t c;

		for (slot = 0; slot < SLOTS && begun < JOBS; slot++) {
			if (sent[slot])
				continue;
			c = begun % CONTEXTS;
			drawn[c] = 0xff000000 | begun;
			sent[slot] = send_clear(r, slot, c + 1, drawn[c]);
			/* Which context it was, for the answer. */
			*(uint32_t *)(renderer_slot(r, slot) + SLOT_SIZE - 4) =
				c;
			begun++;
		}
		a = renderer_answer(r);
		ASSERT_EQ(a.status, OK);
		for (slot = 0; slot < SLOTS && sent[slot] != a.serial; slot++)
			;
		ASSERT_MSG(slot < SLOTS, "an answer to nothing");
		c = *(uint32_t *)(renderer_slot(r, slot) + SLOT_SIZE - 4);
		ASSERT(a.serial > last[c]);
		last[c] = a.serial;
		for (unsigned int i = 0; i < SLOTS; i++)
			mixed += sent[i] && sent[i] < a.serial;
		sent[slot] = 0;
		ended++;
	}
	for (uint32_t c = 0; c < CONTEXTS; c++) {
		ASSERT_EQ(renderer_transfer(r, false, 0, c + 1, 0, 0, 256,
					    256), OK);
		all_are(renderer_slot(r, 0), 256 * 256, drawn[c]);
	}
	ktap_diag("%u jobs, %u answered while an older one was not", JOBS,
		  mixed);
	ASSERT_EQ(renderer_end(r), 0);
}

/* The context is lost; others and the resource are as they were. */
static void see_lost(struct renderer *r, uint64_t serial)
{
	struct dmashare_render_answer a = renderer_answer(r);

	ASSERT_EQ(a.serial, serial);
	ASSERT_EQ(a.status, COMMANDS);
	for (unsigned int i = 0; i < 3; i++) {
		serial = send_clear(r, i, 1, 0xffffffff);
		a = renderer_answer(r);
		ASSERT_EQ(a.serial, serial);
		ASSERT_EQ(a.status, GONE_LOST);
	}
	clear(r, 2, 0xff00ff00);
	for (uint32_t c = 1; c <= 2; c++) {
		ASSERT_EQ(renderer_transfer(r, false, 0, c, 0, 0, 16, 16), OK);
		all_are(renderer_slot(r, 0), 16 * 16,
			c == 1 ? 0xff0000ff : 0xff00ff00);
	}
}

/* Two contexts, in the first of which something is wrong. */
static struct renderer *two_contexts(struct virgl *v)
{
	struct renderer *r = renderer_start();

	renderer_canvas(r, 1, 1, 16, 16);
	renderer_canvas(r, 2, 2, 16, 16);
	clear(r, 1, 0xff0000ff);
	*v = virgl_begin(renderer_slot(r, 3), SLOT_SIZE);
	return r;
}

/* The library returns no error of this. */
static void silent_error(void)
{
	struct virgl v;
	struct renderer *r = two_contexts(&v);

	virgl_draw_on(&v, 77);
	see_lost(r, renderer_commands(r, 3, 1, virgl_bytes(&v)));

	ASSERT_EQ(renderer_context_destroy(r, 1), OK);
	ASSERT_EQ(renderer_context(r, 1), OK);
	ASSERT_EQ(renderer_add(r, 1, 1), OK);
	v = virgl_begin(renderer_slot(r, 0), SLOT_SIZE);
	virgl_surface(&v, 1, 1, VIRGL_FORMAT_B8G8R8A8);
	virgl_draw_on(&v, 1);
	renderer_commands(r, 0, 1, virgl_bytes(&v));
	ASSERT_EQ(renderer_answer(r).status, OK);
	clear(r, 1, 0xff123456);
	ASSERT_EQ(renderer_transfer(r, false, 0, 1, 0, 0, 16, 16), OK);
	all_are(renderer_slot(r, 0), 16 * 16, 0xff123456);
	ASSERT_EQ(renderer_end(r), 0);
}

static void bad_shader(void)
{
	struct virgl v;
	struct renderer *r = two_contexts(&v);

	virgl_shader(&v, 5, VIRGL_FRAGMENT, "FRAG\nno such instruction\nEND\n");
	see_lost(r, renderer_commands(r, 3, 1, virgl_bytes(&v)));
	ASSERT_EQ(renderer_end(r), 0);
}

static void not_a_command(void)
{
	struct virgl v;
	struct renderer *r = two_contexts(&v);

	memset(renderer_slot(r, 3), 0xee, 64);
	see_lost(r, renderer_commands(r, 3, 1, 64));
	ASSERT_EQ(renderer_end(r), 0);
}

/* A resource that another context may use, and this one not. */
static void foreign_resource(void)
{
	struct virgl v;
	struct renderer *r = two_contexts(&v);

	virgl_surface(&v, 9, 2, VIRGL_FORMAT_B8G8R8A8);
	see_lost(r, renderer_commands(r, 3, 1, virgl_bytes(&v)));
	ASSERT_EQ(renderer_end(r), 0);
}

static void bad_transfers(void)
{
	static const uint32_t boxes[][4] = {
		{ 0, 0, 17, 16 }, { 0, 0, 16, 17 }, { 16, 0, 1, 1 },
		{ 0, 0, 0, 1 }, { 0, 0, 1, 0 }, { 0xffffffff, 0, 2, 1 },
		{ 1, 1, 0xffffffff, 1 }, { 0, 0x80000000, 1, 0x80000000 },
	};
	struct virgl v;
	struct renderer *r = two_contexts(&v);
	struct dmashare_render_request q = {
		.type = DMASHARE_RENDER_DOWNLOAD,
		.length = 16 * 16 * 4 - 1,
		.resource = 1,
		.box = { .width = 16, .height = 16, .depth = 1 },
	};

	for (unsigned int up = 0; up < 2; up++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(boxes); i++) {
			q.type = up ? DMASHARE_RENDER_UPLOAD
				    : DMASHARE_RENDER_DOWNLOAD;
			q.length = SLOT_SIZE;
			q.box.x = boxes[i][0];
			q.box.y = boxes[i][1];
			q.box.width = boxes[i][2];
			q.box.height = boxes[i][3];
			ASSERT_EQ(renderer_do(r, &q), COMMANDS);
		}
		q.box.x = q.box.y = 0;
		q.box.width = q.box.height = 16;
		q.length = 16 * 16 * 4 - 1;
		ASSERT_EQ(renderer_do(r, &q), COMMANDS);
		q.length = 16 * 16 * 4;
		q.box.level = 1;
		ASSERT_EQ(renderer_do(r, &q), COMMANDS);
		q.box.level = 0;
		q.box.z = 1;
		ASSERT_EQ(renderer_do(r, &q), COMMANDS);
		q.box.z = 0;
		/* Of these some, times 16 rows, are few in 32 bits. */
		q.length = SLOT_SIZE;
		for (uint32_t shift = 24; shift < 32; shift++) {
			q.box.stride = 1u << shift;
			ASSERT_EQ(renderer_do(r, &q), COMMANDS);
			q.box.stride--;
			ASSERT_EQ(renderer_do(r, &q), COMMANDS);
			q.box.stride = 0x11111112;
			ASSERT_EQ(renderer_do(r, &q), COMMANDS);
		}
		q.box.stride = 0;
		for (uint32_t shift = 25; shift < 32; shift++) {
			q.box.layer_stride = 1u << shift;
			ASSERT_EQ(renderer_do(r, &q), COMMANDS);
		}
		q.box.layer_stride = 0;
		q.length = 16 * 16 * 4;
	}
	q.resource = 3;
	ASSERT_EQ(renderer_do(r, &q), GONE_LOST);
	/* None of this has hurt anybody. */
	ASSERT_EQ(renderer_transfer(r, false, 0, 1, 0, 0, 16, 16), OK);
	all_are(renderer_slot(r, 0), 16 * 16, 0xff0000ff);
	ASSERT_EQ(renderer_end(r), 0);
}

/* What is made for others, and goes, has no part in what this context does. */
static void others_come_and_go(void)
{
	struct renderer *r = renderer_start();
	struct dmashare_render_request q = {
		.type = DMASHARE_RENDER_RESOURCE_DESTROY,
		.resource = 2,
	};

	renderer_canvas(r, 1, 1, 16, 16);
	for (uint32_t i = 0; i < 3; i++) {
		clear(r, 1, 0xff000000 | i);
		ASSERT_EQ(renderer_context(r, 2), OK);
		clear(r, 1, 0xff000100 | i);
		ASSERT_EQ(renderer_context(r, 3), OK);
		ASSERT_EQ(renderer_transfer(r, false, 1, 1, 0, 0, 16, 16), OK);
		all_are(renderer_slot(r, 1), 16 * 16, 0xff000100 | i);
		ASSERT_EQ(renderer_texture(r, 2, VIRGL_FORMAT_B8G8R8A8, 16,
					   16), OK);
		clear(r, 1, 0xff000200 | i);
		ASSERT_EQ(renderer_transfer(r, false, 1, 2, 0, 0, 16, 16), OK);
		clear(r, 1, 0xff000300 | i);
		ASSERT_EQ(renderer_do(r, &q), OK);
		clear(r, 1, 0xff000400 | i);
		ASSERT_EQ(renderer_context_destroy(r, 2), OK);
		clear(r, 1, 0xff000500 | i);
		ASSERT_EQ(renderer_context_destroy(r, 3), OK);
		clear(r, 1, 0xff000600 | i);
		ASSERT_EQ(renderer_transfer(r, false, 1, 1, 0, 0, 16, 16), OK);
		all_are(renderer_slot(r, 1), 16 * 16, 0xff000600 | i);
	}
	ASSERT_EQ(renderer_end(r), 0);
}

/* Textures of formats that OpenGL refuses: an error of nobody's context. */
static void odd_textures_of_others(void)
{
	struct renderer *r = renderer_start();
	struct dmashare_render_request create = {
		.type = DMASHARE_RENDER_RESOURCE_CREATE,
		.resource = 2,
		.image = {
			.bind = VIRGL_BIND_SAMPLER_VIEW,
			.width = 16,
			.height = 1,
			.depth = 1,
			.array_size = 1,
		},
	}, destroy = {
		.type = DMASHARE_RENDER_RESOURCE_DESTROY,
		.resource = 2,
	};
	uint32_t pixel = 0xff000000, refused = 0;
	bool made;

	renderer_canvas(r, 1, 1, 16, 16);
	for (uint32_t format = 0; format < 200; format++) {
		create.image.format = format;
		for (uint32_t flat = 0; flat < 2; flat++) {
			create.image.target = flat ? DMASHARE_TARGET_1D
						   : DMASHARE_TARGET_2D;
			made = !renderer_do(r, &create);
			clear(r, 1, ++pixel);
			if (made)
				ASSERT_EQ(renderer_do(r, &destroy), OK);
			refused += !made;
			clear(r, 1, ++pixel);
		}
	}
	ktap_diag("%u of 400 refused", refused);
	ASSERT(refused && refused < 400);
	ASSERT_EQ(renderer_transfer(r, false, 1, 1, 0, 0, 16, 16), OK);
	all_are(renderer_slot(r, 1), 16 * 16, pixel);
	ASSERT_EQ(renderer_end(r), 0);
}

static void reset_and_capset(void)
{
	struct virgl v;
	struct renderer *r = two_contexts(&v);
	struct dmashare_render_request q = {
		.type = DMASHARE_RENDER_CAPSET,
		.length = SLOT_SIZE,
		.capset.id = DMASHARE_CAPSET_VIRGL2,
	};
	struct dmashare_render_answer a;

	renderer_send(r, &q);
	a = renderer_answer(r);
	ASSERT_EQ(a.status, OK);
	ASSERT(a.result >= 4 && a.result <= SLOT_SIZE);
	/* The version of the set is what it begins with. */
	ASSERT_EQ(*(uint32_t *)renderer_slot(r, 0), 2);
	ktap_diag("capability set of %u bytes", (unsigned int)a.result);
	q.capset.id = 77;
	ASSERT_EQ(renderer_do(r, &q), DMASHARE_STATUS_BAD_ID);
	/* The contexts have not noticed. */
	clear(r, 1, 0xff0000ff);
	clear(r, 2, 0xff00ffff);

	q.type = DMASHARE_RENDER_RESET;
	ASSERT_EQ(renderer_do(r, &q), OK);
	send_clear(r, 0, 1, 0);
	ASSERT_EQ(renderer_answer(r).status, GONE_LOST);
	ASSERT_EQ(renderer_transfer(r, false, 0, 1, 0, 0, 16, 16), GONE_LOST);
	renderer_canvas(r, 1, 1, 32, 32);
	clear(r, 1, 0xff445566);
	ASSERT_EQ(renderer_transfer(r, false, 0, 1, 0, 0, 32, 32), OK);
	all_are(renderer_slot(r, 0), 32 * 32, 0xff445566);
	ASSERT_EQ(renderer_end(r), 0);
}

/* A context goes while its jobs are on their way: they are done before. */
static void destroyed_meanwhile(void)
{
	struct renderer *r = renderer_start();

	for (unsigned int round = 0; round < rounds(20); round++) {
		struct dmashare_render_request q = {
			.type = DMASHARE_RENDER_RESET,
		};
		bool destroyed = false;

		renderer_canvas(r, 1, 1, 512, 512);
		for (unsigned int i = 0; i < SLOTS; i++)
			send_clear(r, i, 1, i);
		q.type = DMASHARE_RENDER_CONTEXT_DESTROY;
		q.context = 1;
		renderer_send(r, &q);
		for (unsigned int i = 0; i < SLOTS + 1; i++) {
			struct dmashare_render_answer a = renderer_answer(r);

			ASSERT_EQ(a.status, OK);
			if (a.serial == r->serial)
				destroyed = true;
		}
		ASSERT(destroyed);
		q.type = DMASHARE_RENDER_RESET;
		ASSERT_EQ(renderer_do(r, &q), OK);
	}
	ASSERT_EQ(renderer_end(r), 0);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(clear_and_read),
	KTAP_CASE(upload_and_read),
	KTAP_CASE(orders),
	KTAP_CASE(orders_refused),
	KTAP_CASE(textured_quad),
	KTAP_CASE(triangle),
	KTAP_CASE(stretched),
	KTAP_SLOW(order_of_fences, 120),
	KTAP_CASE(silent_error),
	KTAP_CASE(bad_shader),
	KTAP_CASE(not_a_command),
	KTAP_CASE(foreign_resource),
	KTAP_CASE(bad_transfers),
	KTAP_CASE(others_come_and_go),
	KTAP_CASE(odd_textures_of_others),
	KTAP_CASE(reset_and_capset),
	KTAP_SLOW(destroyed_meanwhile, 60),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
