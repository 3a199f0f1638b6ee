// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "scene.h"

#define TEXTURE_SIDE	256u
#define SQUARE_SIDE	840u
#define STREAM_BYTES	16384u

/* Handles of objects within the context. */
enum { SURFACE = 1, TEXTURED = 100, COLOURED = 200 };

/* Steps. -------------------------------------------------------------------- */

size_t scene_reads(const struct dmashare_desc *desc)
{
	return desc->opcode == DMASHARE_OP_JOB_RENDER ||
	       desc->opcode == DMASHARE_OP_JOB_UPLOAD ? desc->job.length : 0;
}

static void told(struct scene *scene, struct dmashare_desc desc, const void *data)
{
	scene->step(scene, &desc, data);
}

void scene_context(struct scene *scene, const char *name)
{
	struct dmashare_desc desc = {
		.opcode = DMASHARE_OP_CONTEXT_CREATE,
		.context.capset = DMASHARE_CAPSET_VIRGL2,
	};

	memcpy(desc.context.name, name, strnlen(name, sizeof(desc.context.name)));
	scene->step(scene, &desc, NULL);
	scene->context = desc.context.id;
}

static uint32_t resource(struct scene *scene, uint32_t target, uint32_t format,
			 uint32_t bind, uint32_t width, uint32_t height)
{
	struct dmashare_desc desc = {
		.opcode = DMASHARE_OP_RESOURCE_CREATE,
		.resource = {
			.target = target,
			.format = format,
			.bind = bind,
			.width = width,
			.height = height,
			.depth = 1,
			.array_size = 1,
		},
	};
	uint32_t id;

	scene->step(scene, &desc, NULL);
	id = desc.resource.id;
	told(scene, (struct dmashare_desc) {
		.opcode = DMASHARE_OP_RESOURCE_ADD,
		.pair = { scene->context, id },
	}, NULL);
	return id;
}

static uint32_t format(const struct scene *scene)
{
	return scene->format ? scene->format : VIRGL_FORMAT_B8G8R8A8;
}

uint32_t scene_texture(struct scene *scene, uint32_t width, uint32_t height)
{
	return resource(scene, DMASHARE_TARGET_2D, format(scene),
			VIRGL_BIND_RENDER_TARGET | VIRGL_BIND_SAMPLER_VIEW, width, height);
}

/* All of a resource. */
static struct dmashare_desc transfer(uint16_t opcode, uint32_t id, uint32_t width,
				     uint32_t height, uint32_t stride)
{
	return (struct dmashare_desc) {
		.opcode = opcode,
		.transfer = {
			.job.length = (uint64_t)stride * height,
			.resource = id,
			.stride = stride,
			.width = width,
			.height = height,
			.depth = 1,
		},
	};
}

struct dmashare_desc scene_upload(uint32_t id, uint32_t width, uint32_t height,
				  uint32_t stride)
{
	return transfer(DMASHARE_OP_JOB_UPLOAD, id, width, height, stride);
}

struct dmashare_desc scene_download(uint32_t id, uint32_t width, uint32_t height,
				    uint32_t stride)
{
	return transfer(DMASHARE_OP_JOB_DOWNLOAD, id, width, height, stride);
}

struct dmashare_desc scene_job(const struct scene *scene, const struct virgl *v)
{
	return (struct dmashare_desc) {
		.opcode = DMASHARE_OP_JOB_RENDER,
		.job = {
			.length = virgl_bytes(v),
			.value = scene->context,
		},
	};
}

uint32_t scene_vertices(struct scene *scene, const float (*vertex)[8], unsigned int n)
{
	const uint32_t bytes = n * VIRGL_VERTEX_BYTES;
	uint32_t id = resource(scene, DMASHARE_TARGET_BUFFER, VIRGL_FORMAT_R8,
			       VIRGL_BIND_VERTEX_BUFFER, bytes, 1);

	told(scene, scene_upload(id, bytes, 1, bytes), vertex);
	return id;
}

void scene_commands(struct scene *scene, const struct virgl *v)
{
	told(scene, scene_job(scene, v), v->words);
}

/* What is drawn. ------------------------------------------------------------ */

void scene_turned(float vertex[4][8], uint32_t width, uint32_t height, uint32_t across,
		  uint32_t down)
{
	for (unsigned int i = 0; i < 4; i++) {
		double x = i & 1 ? across / 2.0 : across / -2.0;
		double y = i & 2 ? down / 2.0 : down / -2.0;

		memset(vertex[i], 0, sizeof(vertex[i]));
		vertex[i][0] = (x * SCENE_COSINE - y * SCENE_SINE) / (width / 2.0);
		vertex[i][1] = (x * SCENE_SINE + y * SCENE_COSINE) / (height / 2.0);
		vertex[i][3] = 1;
		vertex[i][4] = i & 1;
		vertex[i][5] = i >> 1;
	}
}

static void clear(struct scene *scene, const float colour[4])
{
	uint32_t words[64];
	struct virgl v = virgl_begin(words, sizeof(words));

	virgl_clear(&v, colour);
	scene_commands(scene, &v);
}

/* What every scene begins with: a frame that is drawn on. */
static uint32_t frame(struct scene *scene)
{
	uint32_t words[64], id;
	struct virgl v = virgl_begin(words, sizeof(words));

	scene_context(scene, "scene");
	id = scene_texture(scene, SCENE_WIDTH, SCENE_HEIGHT);
	virgl_surface(&v, SURFACE, id, format(scene));
	virgl_draw_on(&v, SURFACE);
	scene_commands(scene, &v);
	return id;
}

static void read_frame(struct scene *scene, uint32_t id)
{
	told(scene, scene_download(id, SCENE_WIDTH, SCENE_HEIGHT, SCENE_WIDTH * 4), NULL);
}

void scene_clear(struct scene *scene)
{
	static const float red[4] = { 1, 0.5f, 0.25f, 1 };
	uint32_t id = frame(scene);

	clear(scene, red);
	read_frame(scene, id);
}

/* Squares of colours that follow each other, no two beside alike. */
static const void *pattern(void)
{
	static uint32_t pixels[TEXTURE_SIDE][TEXTURE_SIDE];

	for (uint32_t y = 0; y < TEXTURE_SIDE; y++) {
		for (uint32_t x = 0; x < TEXTURE_SIDE; x++) {
			uint32_t light = (x / 16 + y / 16) % 2 ? 255 : 96;

			pixels[y][x] = 0xff000000 | light << 16 | x * light / 255 << 8 |
				       y * light / 255;
		}
	}
	return pixels;
}

void scene_picture(struct scene *scene)
{
	static const float shaded[3][8] = {
		{ -0.95f, -0.9f, 0, 1, 1, 0, 0, 1 },
		{ -0.35f, -0.9f, 0, 1, 0, 1, 0, 1 },
		{ -0.65f, 0.1f, 0, 1, 0, 0, 1, 1 },
	};
	static const float night[4] = { 0.05f, 0.07f, 0.2f, 1 };
	static uint32_t words[STREAM_BYTES / 4];
	struct virgl_area corner = {
		0, format(scene), 1500, 60, 384, 192,
	}, whole = {
		0, format(scene), 0, 0, TEXTURE_SIDE, TEXTURE_SIDE,
	};
	struct virgl_pipeline p = {
		.width = SCENE_WIDTH,
		.height = SCENE_HEIGHT,
		.format = format(scene),
	};
	struct virgl v = virgl_begin(words, sizeof(words));
	struct dmashare_desc upload;
	float square[4][8];
	uint32_t triangle;

	corner.resource = frame(scene);
	whole.resource = scene_texture(scene, TEXTURE_SIDE, TEXTURE_SIDE);
	upload = scene_upload(whole.resource, TEXTURE_SIDE, TEXTURE_SIDE, TEXTURE_SIDE * 4);
	scene->step(scene, &upload, pattern());
	scene_turned(square, SCENE_WIDTH, SCENE_HEIGHT, SQUARE_SIDE, SQUARE_SIDE);
	p.vertices = scene_vertices(scene, square, 4);
	triangle = scene_vertices(scene, shaded, 3);

	clear(scene, night);
	p.base = TEXTURED;
	p.texture = whole.resource;
	virgl_pipeline(&v, &p);
	virgl_draw(&v, VIRGL_STRIP, 4);
	p.base = COLOURED;
	p.vertices = triangle;
	p.texture = 0;
	virgl_pipeline(&v, &p);
	virgl_draw(&v, VIRGL_TRIANGLES, 3);
	virgl_blit(&v, &corner, &whole);
	scene_commands(scene, &v);
	read_frame(scene, corner.resource);
}
