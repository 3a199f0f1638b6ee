// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "lib/ktap.h"
#include "lib/virgl.h"

enum command {
	CREATE_OBJECT		= 1,
	BIND_OBJECT		= 2,
	DESTROY_OBJECT		= 3,
	SET_VIEWPORT_STATE	= 4,
	SET_FRAMEBUFFER_STATE	= 5,
	SET_VERTEX_BUFFERS	= 6,
	CLEAR			= 7,
	DRAW_VBO		= 8,
	SET_SAMPLER_VIEWS	= 10,
	BLIT			= 16,
	RESOURCE_COPY_REGION	= 17,
	BIND_SAMPLER_STATES	= 18,
	BIND_SHADER		= 31,
};

enum object {
	NO_OBJECT	= 0,
	BLEND		= 1,
	RASTERIZER	= 2,
	DSA		= 3,
	SHADER		= 4,
	VERTEX_ELEMENTS	= 5,
	SAMPLER_VIEW	= 6,
	SAMPLER_STATE	= 7,
	SURFACE		= 8,
};

#define CLEAR_COLOUR0	(1 << 2)

static void put(struct virgl *v, uint32_t word)
{
	ASSERT(v->n < v->room);
	v->words[v->n++] = word;
}

static void put_float(struct virgl *v, float value)
{
	uint32_t word;

	memcpy(&word, &value, sizeof(word));
	put(v, word);
}

/* @length words follow. */
static void head(struct virgl *v, enum command command, enum object object,
		 uint32_t length)
{
	ASSERT(length <= 0xffff);
	put(v, command | object << 8 | length << 16);
}

void virgl_surface(struct virgl *v, uint32_t handle, uint32_t resource,
		   uint32_t format)
{
	head(v, CREATE_OBJECT, SURFACE, 5);
	put(v, handle);
	put(v, resource);
	put(v, format);
	put(v, 0);		/* level */
	put(v, 0);		/* first and last layer */
}

void virgl_draw_on(struct virgl *v, uint32_t surface)
{
	head(v, SET_FRAMEBUFFER_STATE, NO_OBJECT, 3);
	put(v, 1);
	put(v, 0);		/* no depth */
	put(v, surface);
}

void virgl_clear(struct virgl *v, const float colour[4])
{
	head(v, CLEAR, NO_OBJECT, 8);
	put(v, CLEAR_COLOUR0);
	for (unsigned int i = 0; i < 4; i++)
		put_float(v, colour[i]);
	put(v, 0);		/* depth, a double */
	put(v, 0);
	put(v, 0);		/* stencil */
}

void virgl_copy(struct virgl *v, uint32_t to, uint32_t to_x, uint32_t to_y,
		uint32_t from, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height)
{
	const uint32_t words[] = {
		to, 0, to_x, to_y, 0, from, 0, x, y, 0, width, height, 1,
	};

	head(v, RESOURCE_COPY_REGION, NO_OBJECT, ARRAY_SIZE(words));
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		put(v, words[i]);
}

void virgl_shader(struct virgl *v, uint32_t handle, enum virgl_stage stage,
		  const char *text)
{
	size_t bytes = strlen(text) + 1;
	size_t words = (bytes + 3) / 4;

	head(v, CREATE_OBJECT, SHADER, 5 + words);
	put(v, handle);
	put(v, stage);
	put(v, bytes);
	put(v, 300);		/* tokens, to reserve room for */
	put(v, 0);		/* outputs to stream */
	for (size_t i = 0; i < words; i++) {
		uint32_t word = 0;

		memcpy(&word, text + i * 4, bytes - i * 4 < 4 ? bytes - i * 4 : 4);
		put(v, word);
	}
}

static void put_words(struct virgl *v, enum command command,
		      enum object object, const uint32_t *words, size_t n)
{
	head(v, command, object, n);
	for (size_t i = 0; i < n; i++)
		put(v, words[i]);
}

#define PUT(v, command, object, ...)					\
	do {								\
		const uint32_t words_[] = { __VA_ARGS__ };		\
		put_words(v, command, object, words_, ARRAY_SIZE(words_)); \
	} while (0)

#define ONE_FLOAT		0x3f800000
#define FORMAT_FOUR_FLOATS	31
#define WRITE_ALL_COLOURS	(0xfu << 27)
#define CLIP_DEPTH		(1u << 1)
#define PIXEL_CENTRE_AT_HALF	(1u << 29)
#define LOWER_EDGES_BELONG	(1u << 30)
#define CLAMP_TO_EDGE		2u
#define NO_LEVELS		2u
#define RED_GREEN_BLUE_ALPHA	(0 | 1 << 3 | 2 << 6 | 3 << 9)

static const char vertex_shader[] =
	"VERT\n"
	"DCL IN[0]\n"
	"DCL IN[1]\n"
	"DCL OUT[0], POSITION\n"
	"DCL OUT[1], GENERIC[0]\n"
	"  0: MOV OUT[0], IN[0]\n"
	"  1: MOV OUT[1], IN[1]\n"
	"  2: END\n";

static const char colour_shader[] =
	"FRAG\n"
	"DCL IN[0], GENERIC[0], PERSPECTIVE\n"
	"DCL OUT[0], COLOR\n"
	"  0: MOV OUT[0], IN[0]\n"
	"  1: END\n";

static const char texture_shader[] =
	"FRAG\n"
	"DCL IN[0], GENERIC[0], PERSPECTIVE\n"
	"DCL OUT[0], COLOR\n"
	"DCL SAMP[0]\n"
	"DCL SVIEW[0], 2D, FLOAT\n"
	"  0: TEX OUT[0], IN[0], SAMP[0], 2D\n"
	"  1: END\n";

static void pipeline_texture(struct virgl *v, const struct virgl_pipeline *p,
			     uint32_t view, uint32_t sampler)
{
	PUT(v, CREATE_OBJECT, SAMPLER_VIEW, view, p->texture, p->format, 0, 0,
	    RED_GREEN_BLUE_ALPHA);
	PUT(v, SET_SAMPLER_VIEWS, NO_OBJECT, VIRGL_FRAGMENT, 0, view);
	PUT(v, CREATE_OBJECT, SAMPLER_STATE, sampler,
	    CLAMP_TO_EDGE | CLAMP_TO_EDGE << 3 | CLAMP_TO_EDGE << 6 |
	    NO_LEVELS << 11, 0, 0, 0, 0, 0, 0, 0);
	PUT(v, BIND_SAMPLER_STATES, NO_OBJECT, VIRGL_FRAGMENT, 0, sampler);
}

void virgl_pipeline(struct virgl *v, const struct virgl_pipeline *p)
{
	const uint32_t blend = p->base, rasterizer = blend + 1;
	const uint32_t dsa = blend + 2, elements = blend + 3;
	const uint32_t vertex = blend + 4, fragment = blend + 5;

	PUT(v, CREATE_OBJECT, BLEND, blend, 0, 0, WRITE_ALL_COLOURS,
	    0, 0, 0, 0, 0, 0, 0);
	PUT(v, BIND_OBJECT, BLEND, blend);
	PUT(v, CREATE_OBJECT, RASTERIZER, rasterizer,
	    CLIP_DEPTH | PIXEL_CENTRE_AT_HALF | LOWER_EDGES_BELONG, ONE_FLOAT,
	    0, 0, ONE_FLOAT, 0, 0, 0);
	PUT(v, BIND_OBJECT, RASTERIZER, rasterizer);
	PUT(v, CREATE_OBJECT, DSA, dsa, 0, 0, 0, 0);
	PUT(v, BIND_OBJECT, DSA, dsa);
	PUT(v, CREATE_OBJECT, VERTEX_ELEMENTS, elements,
	    0, 0, 0, FORMAT_FOUR_FLOATS, 16, 0, 0, FORMAT_FOUR_FLOATS);
	PUT(v, BIND_OBJECT, VERTEX_ELEMENTS, elements);
	PUT(v, SET_VERTEX_BUFFERS, NO_OBJECT, VIRGL_VERTEX_BYTES, 0,
	    p->vertices);

	virgl_shader(v, vertex, VIRGL_VERTEX, vertex_shader);
	virgl_shader(v, fragment, VIRGL_FRAGMENT,
		     p->fragment ? p->fragment :
		     p->texture ? texture_shader : colour_shader);
	PUT(v, BIND_SHADER, NO_OBJECT, vertex, VIRGL_VERTEX);
	PUT(v, BIND_SHADER, NO_OBJECT, fragment, VIRGL_FRAGMENT);
	if (p->texture)
		pipeline_texture(v, p, blend + 6, blend + 7);

	head(v, SET_VIEWPORT_STATE, NO_OBJECT, 7);
	put(v, 0);
	put_float(v, p->width / 2.0f);
	put_float(v, p->height / 2.0f);
	put_float(v, 0.5f);
	put_float(v, p->width / 2.0f);
	put_float(v, p->height / 2.0f);
	put_float(v, 0.5f);
}

void virgl_draw(struct virgl *v, enum virgl_shape shape, uint32_t count)
{
	PUT(v, DRAW_VBO, NO_OBJECT, 0, count, shape, 0, 1, 0, 0, 0, 0, 0,
	    count - 1, 0);
}

void virgl_blit(struct virgl *v, const struct virgl_area *to,
		const struct virgl_area *from)
{
	PUT(v, BLIT, NO_OBJECT, 0xf, 0, 0,
	    to->resource, 0, to->format, to->x, to->y, 0, to->width,
	    to->height, 1,
	    from->resource, 0, from->format, from->x, from->y, 0, from->width,
	    from->height, 1);
}

void virgl_destroy_surface(struct virgl *v, uint32_t handle)
{
	head(v, DESTROY_OBJECT, SURFACE, 1);
	put(v, handle);
}
