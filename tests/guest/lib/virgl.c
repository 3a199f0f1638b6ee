// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "lib/ktap.h"
#include "lib/virgl.h"

enum command {
	CREATE_OBJECT		= 1,
	DESTROY_OBJECT		= 3,
	SET_FRAMEBUFFER_STATE	= 5,
	CLEAR			= 7,
	RESOURCE_COPY_REGION	= 17,
};

enum object {
	NO_OBJECT	= 0,
	SHADER		= 4,
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

void virgl_destroy_surface(struct virgl *v, uint32_t handle)
{
	head(v, DESTROY_OBJECT, SURFACE, 1);
	put(v, handle);
}
