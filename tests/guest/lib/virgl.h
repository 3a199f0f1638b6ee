/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the protocol "virgl", as a render job takes them. The encoder knows
 * nothing of how they get there: the same stream goes through the driver in a VM
 * and straight to the renderer on the host.
 */
#ifndef DMASHARE_TEST_VIRGL_H
#define DMASHARE_TEST_VIRGL_H

#include <stddef.h>
#include <stdint.h>

#define VIRGL_FORMAT_B8G8R8A8	1
#define VIRGL_FORMAT_R8		64
#define VIRGL_FORMAT_R8G8B8A8	67

#define VIRGL_BIND_RENDER_TARGET	(1 << 1)
#define VIRGL_BIND_SAMPLER_VIEW	(1 << 3)
#define VIRGL_BIND_VERTEX_BUFFER	(1 << 4)

/* A stream that is being written; what does not fit fails the test. */
struct virgl {
	uint32_t *words;
	size_t n;
	size_t room;
};

static inline struct virgl virgl_begin(void *memory, size_t bytes)
{
	return (struct virgl) { .words = memory, .room = bytes / 4 };
}

static inline size_t virgl_bytes(const struct virgl *v)
{
	return v->n * 4;
}

/* A surface: a resource's first level and layer, to be drawn on. */
void virgl_surface(struct virgl *v, uint32_t handle, uint32_t resource,
		   uint32_t format);
/* What is drawn goes there. */
void virgl_draw_on(struct virgl *v, uint32_t surface);
/* All of it, in red, green, blue, alpha. */
void virgl_clear(struct virgl *v, const float colour[4]);
/* A part of a resource's first level to a place in another's. */
void virgl_copy(struct virgl *v, uint32_t to, uint32_t to_x, uint32_t to_y,
		uint32_t from, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height);

enum virgl_stage {
	VIRGL_VERTEX	= 0,
	VIRGL_FRAGMENT	= 1,
};

/* A shader, in the text form of TGSI. */
void virgl_shader(struct virgl *v, uint32_t handle, enum virgl_stage stage,
		  const char *text);
/*
 * Drawing. The state objects are made by virgl_pipeline(), with handles from
 * @base to @base + VIRGL_PIPELINE - 1, and used from then on: nothing is blended,
 * cut off or hidden, the viewport is @width by @height, a vertex is a position
 * and a second vector, four floats each, of the buffer @vertices. With @texture
 * the second vector is where to look in it, else it is the colour.
 */
#define VIRGL_PIPELINE	8
#define VIRGL_VERTEX_BYTES	32

struct virgl_pipeline {
	uint32_t base;
	uint32_t width;
	uint32_t height;
	uint32_t vertices;
	uint32_t texture;	/* 0: none */
	uint32_t format;	/* of the texture */
	const char *fragment;	/* a fragment shader of one's own, or NULL */
};

void virgl_pipeline(struct virgl *v, const struct virgl_pipeline *p);

enum virgl_shape {
	VIRGL_TRIANGLES	= 4,
	VIRGL_STRIP	= 5,
};

/* The first @count vertices. */
void virgl_draw(struct virgl *v, enum virgl_shape shape, uint32_t count);

/* A part of a resource, stretched to a part of another, without a filter. */
struct virgl_area {
	uint32_t resource;
	uint32_t format;
	uint32_t x, y, width, height;
};

void virgl_blit(struct virgl *v, const struct virgl_area *to,
		const struct virgl_area *from);

/* It is needed no more. */
void virgl_destroy_surface(struct virgl *v, uint32_t handle);

#endif /* DMASHARE_TEST_VIRGL_H */
