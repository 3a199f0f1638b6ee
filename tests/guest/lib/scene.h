/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is drawn, told step by step to whoever draws it: a device with or without a
 * driver, or the library itself. A step is a descriptor as it is in a submission
 * ring, and the bytes that it reads; mappings and fences are not a scene's business.
 */
#ifndef DMASHARE_TEST_SCENE_H
#define DMASHARE_TEST_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include <dmashare/abi.h>

#include "virgl.h"

#define SCENE_WIDTH	1920u
#define SCENE_HEIGHT	1080u

/**
 * struct scene - a listener, who embeds this
 * @step: does, or keeps, what the descriptor says, after all that came before;
 *	fills in the id of a context and of a resource that it makes
 * @context: of the scene; scene_context() sets it
 * @format: of all textures, VIRGL_FORMAT_*; 0 is B8G8R8A8
 */
struct scene {
	void (*step)(struct scene *scene, struct dmashare_desc *desc, const void *data);
	uint32_t context;
	uint32_t format;
};

/* How many bytes follow the descriptor. */
size_t scene_reads(const struct dmashare_desc *desc);

/* The context that all else is for. */
void scene_context(struct scene *scene, const char *name);
/* A texture of the scene's format, to draw on and to draw with; its id. */
uint32_t scene_texture(struct scene *scene, uint32_t width, uint32_t height);
/* Vertices, as virgl_pipeline() takes them; the buffer's id. */
uint32_t scene_vertices(struct scene *scene, const float (*vertex)[8], unsigned int n);
void scene_commands(struct scene *scene, const struct virgl *v);

/* The steps of a job that others submit: to be told when there are bytes. */
struct dmashare_desc scene_job(const struct scene *scene, const struct virgl *v);
struct dmashare_desc scene_upload(uint32_t resource, uint32_t width, uint32_t height,
				  uint32_t stride);
struct dmashare_desc scene_download(uint32_t resource, uint32_t width, uint32_t height,
				    uint32_t stride);

/*
 * A rectangle of @across by @down pixels in the middle of a frame of that size,
 * turned by a sixth of a right angle, with all of a texture on it: four vertices of
 * a strip.
 */
#define SCENE_COSINE	0.96592582628906829
#define SCENE_SINE	0.25881904510252076

void scene_turned(float vertex[4][8], uint32_t width, uint32_t height, uint32_t across,
		  uint32_t down);

/*
 * Scenes of SCENE_WIDTH by SCENE_HEIGHT. The last steps read the frame: of the first
 * one two (clear it and read it), of the second three (clear, draw, read).
 */
void scene_clear(struct scene *scene);
/*
 * A turned square with a texture, a triangle whose corners are red, green and blue,
 * and the texture again, stretched into a corner.
 */
void scene_picture(struct scene *scene);

#endif /* DMASHARE_TEST_SCENE_H */
