// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A scene, as a script: descriptors as they are in a submission ring, each
 * followed by the bytes that it reads. Who plays it (render-native without a
 * device, dmashare-render-play with one) chooses mappings and fences.
 *
 *   render-scene clear|picture >FILE
 *
 * The last descriptors of either read the frame, of 1920x1080: two of "clear"
 * (clear it and read it), three of "picture" (clear, draw, read).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmashare/abi.h"
#include "lib/virgl.h"

#define WIDTH		1920
#define HEIGHT		1080
#define TEXTURE_SIDE	256
#define STREAM_BYTES	16384

enum { CONTEXT = 1 };
enum { FRAME = 1, TEXTURE, QUAD, TRIANGLE };
enum { SURFACE = 1, TEXTURED = 100, COLOURED = 200 };

static void step(const struct dmashare_desc *desc, const void *data,
		 size_t bytes)
{
	if (fwrite(desc, sizeof(*desc), 1, stdout) != 1 ||
	    (bytes && fwrite(data, bytes, 1, stdout) != 1)) {
		perror("render-scene");
		exit(1);
	}
}

static void context(void)
{
	struct dmashare_desc desc = {
		.opcode = DMASHARE_OP_CONTEXT_CREATE,
		.context = {
			.id = CONTEXT,
			.capset = DMASHARE_CAPSET_VIRGL2,
			.name = "scene",
		},
	};

	step(&desc, NULL, 0);
}

static void resource(uint32_t id, uint32_t target, uint32_t format,
		     uint32_t bind, uint32_t width, uint32_t height)
{
	struct dmashare_desc desc = {
		.opcode = DMASHARE_OP_RESOURCE_CREATE,
		.resource = {
			.id = id,
			.target = target,
			.format = format,
			.bind = bind,
			.width = width,
			.height = height,
			.depth = 1,
			.array_size = 1,
		},
	};

	step(&desc, NULL, 0);
	desc = (struct dmashare_desc) {
		.opcode = DMASHARE_OP_RESOURCE_ADD,
		.pair = { CONTEXT, id },
	};
	step(&desc, NULL, 0);
}

static void texture(uint32_t id, uint32_t width, uint32_t height)
{
	resource(id, DMASHARE_TARGET_2D, VIRGL_FORMAT_B8G8R8A8,
		 VIRGL_BIND_RENDER_TARGET | VIRGL_BIND_SAMPLER_VIEW, width,
		 height);
}

/* All of a resource; @data NULL: it is read. */
static void transfer(uint32_t id, uint32_t width, uint32_t height,
		     uint32_t stride, const void *data)
{
	struct dmashare_desc desc = {
		.opcode = data ? DMASHARE_OP_JOB_UPLOAD
			       : DMASHARE_OP_JOB_DOWNLOAD,
		.transfer = {
			.job.length = (uint64_t)stride * height,
			.resource = id,
			.stride = stride,
			.width = width,
			.height = height,
			.depth = 1,
		},
	};

	step(&desc, data, data ? desc.job.length : 0);
}

static void vertices(uint32_t id, const float (*vertex)[8], unsigned int n)
{
	const uint32_t bytes = n * VIRGL_VERTEX_BYTES;

	resource(id, DMASHARE_TARGET_BUFFER, VIRGL_FORMAT_R8,
		 VIRGL_BIND_VERTEX_BUFFER, bytes, 1);
	transfer(id, bytes, 1, bytes, vertex);
}

static void commands(const struct virgl *v)
{
	struct dmashare_desc desc = {
		.opcode = DMASHARE_OP_JOB_RENDER,
		.job = {
			.length = virgl_bytes(v),
			.value = CONTEXT,
		},
	};

	step(&desc, v->words, desc.job.length);
}

static void clear(const float colour[4])
{
	static uint32_t words[64];
	struct virgl v = virgl_begin(words, sizeof(words));

	virgl_clear(&v, colour);
	commands(&v);
}

/* What every scene begins with: a frame that is drawn on. */
static void frame(void)
{
	static uint32_t words[64];
	struct virgl v = virgl_begin(words, sizeof(words));

	context();
	texture(FRAME, WIDTH, HEIGHT);
	virgl_surface(&v, SURFACE, FRAME, VIRGL_FORMAT_B8G8R8A8);
	virgl_draw_on(&v, SURFACE);
	commands(&v);
}

/* Squares of colours that follow each other, no two beside alike. */
static const void *pattern(void)
{
	static uint32_t pixels[TEXTURE_SIDE][TEXTURE_SIDE];

	for (uint32_t y = 0; y < TEXTURE_SIDE; y++) {
		for (uint32_t x = 0; x < TEXTURE_SIDE; x++) {
			uint32_t light = (x / 16 + y / 16) % 2 ? 255 : 96;

			pixels[y][x] = 0xff000000 | light << 16 |
				       x * light / 255 << 8 | y * light / 255;
		}
	}
	return pixels;
}

/* A square, turned by a sixth of a right angle, in the middle of the frame. */
static void turned_square(float (*vertex)[8])
{
	const double angle = M_PI / 12, half = 420;

	for (unsigned int i = 0; i < 4; i++) {
		double x = i & 1 ? half : -half, y = i & 2 ? half : -half;

		vertex[i][0] = (x * cos(angle) - y * sin(angle)) / (WIDTH / 2);
		vertex[i][1] = (x * sin(angle) + y * cos(angle)) / (HEIGHT / 2);
		vertex[i][3] = 1;
		vertex[i][4] = i & 1;
		vertex[i][5] = i >> 1;
	}
}

static void picture(void)
{
	static const float shaded[3][8] = {
		{ -0.95f, -0.9f, 0, 1, 1, 0, 0, 1 },
		{ -0.35f, -0.9f, 0, 1, 0, 1, 0, 1 },
		{ -0.65f, 0.1f, 0, 1, 0, 0, 1, 1 },
	};
	static const float night[4] = { 0.05f, 0.07f, 0.2f, 1 };
	static uint32_t words[STREAM_BYTES / 4];
	const struct virgl_area corner = {
		FRAME, VIRGL_FORMAT_B8G8R8A8, 1500, 60, 384, 192,
	}, whole = {
		TEXTURE, VIRGL_FORMAT_B8G8R8A8, 0, 0, TEXTURE_SIDE,
		TEXTURE_SIDE,
	};
	struct virgl_pipeline p = {
		.width = WIDTH,
		.height = HEIGHT,
		.format = VIRGL_FORMAT_B8G8R8A8,
	};
	struct virgl v = virgl_begin(words, sizeof(words));
	static float square[4][8];

	texture(TEXTURE, TEXTURE_SIDE, TEXTURE_SIDE);
	transfer(TEXTURE, TEXTURE_SIDE, TEXTURE_SIDE, TEXTURE_SIDE * 4,
		 pattern());
	turned_square(square);
	vertices(QUAD, square, 4);
	vertices(TRIANGLE, shaded, 3);

	clear(night);
	p.base = TEXTURED;
	p.vertices = QUAD;
	p.texture = TEXTURE;
	virgl_pipeline(&v, &p);
	virgl_draw(&v, VIRGL_STRIP, 4);
	p.base = COLOURED;
	p.vertices = TRIANGLE;
	p.texture = 0;
	virgl_pipeline(&v, &p);
	virgl_draw(&v, VIRGL_TRIANGLES, 3);
	virgl_blit(&v, &corner, &whole);
	commands(&v);
}

int main(int argc, char **argv)
{
	static const float red[4] = { 1, 0.5f, 0.25f, 1 };

	if (argc != 2 ||
	    (strcmp(argv[1], "clear") && strcmp(argv[1], "picture"))) {
		fprintf(stderr, "usage: render-scene clear|picture >FILE\n");
		return 2;
	}
	frame();
	if (!strcmp(argv[1], "clear"))
		clear(red);
	else
		picture();
	transfer(FRAME, WIDTH, HEIGHT, WIDTH * 4, NULL);
	if (fflush(stdout)) {
		perror("render-scene");
		return 1;
	}
	return 0;
}
