/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rendering by the driver's ioctls: contexts, resources, and jobs whose commands
 * are those of virgl.h. As in dms.h, *_try_* tell what the kernel said and the
 * others end the case when they fail.
 */
#ifndef DMASHARE_TEST_RENDER_H
#define DMASHARE_TEST_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dms.h"
#include "virgl.h"

/* Whether the device renders. */
bool render_there(int fd);

int render_try_context(int fd, uint32_t capset, const char *name, uint32_t *context);
uint32_t render_context(int fd, const char *name);
int render_try_context_destroy(int fd, uint32_t context);

/* A texture of B8G8R8A8 that can be drawn on and drawn with. */
struct drm_dmashare_resource_create render_2d(uint32_t width, uint32_t height);
int render_try_resource(int fd, struct drm_dmashare_resource_create *r);
uint32_t render_texture(int fd, uint32_t width, uint32_t height);
/* A buffer for vertices. */
uint32_t render_vertices(int fd, uint32_t bytes);
int render_try_resource_destroy(int fd, uint32_t resource);

int render_try_add(int fd, uint32_t context, uint32_t resource);
int render_try_remove(int fd, uint32_t context, uint32_t resource);
/* Both may be 0; @error is what it was lost with. */
int render_try_state(int fd, uint32_t context, uint32_t resource, uint32_t *error);
/* Of a context, or of a resource: 0, or the errno that it was lost with. */
uint32_t render_context_error(int fd, uint32_t context);
uint32_t render_resource_error(int fd, uint32_t resource);

/* Jobs. A box must be there until the job is submitted. */
struct drm_dmashare_job render_job(uint32_t context, const struct bo *bo, uint64_t offset,
				   uint64_t length);
struct drm_dmashare_transfer render_box(uint32_t resource, uint32_t width, uint32_t height);
struct drm_dmashare_job render_upload(const struct drm_dmashare_transfer *box,
				      const struct bo *bo, uint64_t offset, uint64_t length);
struct drm_dmashare_job render_download(const struct drm_dmashare_transfer *box,
					const struct bo *bo, uint64_t offset,
					uint64_t length);

/* The colour whose pixel, as a little-endian word, is @pixel. */
void render_colour(uint32_t pixel, float colour[4]);
/* Fails the case with the first pixel that is another one. */
void render_all_are(const void *pixels, size_t n, uint32_t pixel);

/*
 * A context with a texture that it draws on by surface 1, and buffers for its
 * commands and its pixels. Commands of jobs that are not done are kept apart by
 * their place, one of CANVAS_PLACES of CANVAS_ROOM bytes.
 */
#define CANVAS_ROOM	256u
#define CANVAS_PLACES	256u

struct canvas {
	int fd;
	uint32_t context;
	uint32_t texture;
	uint32_t width;
	uint32_t height;
	struct bo commands;
	struct bo pixels;
	struct drm_dmashare_transfer box;	/* all of it */
};

struct canvas canvas_create(int fd, uint32_t width, uint32_t height);
/* 0, or the errno of what did not work; nothing is left of it then. */
int canvas_try_create(int fd, uint32_t width, uint32_t height, struct canvas *c);
/*
 * Of another renderer, after the one there was has ended: what is made starts it,
 * but not more often than once a second. Fails the case if there is none soon.
 */
struct canvas canvas_of_another(int fd, uint32_t width, uint32_t height);
void canvas_destroy(struct canvas *c);
size_t canvas_bytes(const struct canvas *c);

/* A stream at a place, and the job of it. */
struct virgl canvas_stream(struct canvas *c, unsigned int place);
struct drm_dmashare_job canvas_job(struct canvas *c, unsigned int place,
				   const struct virgl *v);
/* One that makes all of it this pixel. */
struct drm_dmashare_job canvas_clear(struct canvas *c, unsigned int place, uint32_t pixel);
/* One that gets all of it to @pixels. */
struct drm_dmashare_job canvas_download(struct canvas *c);

/* Downloads it; all of it is that pixel. */
void canvas_shows(struct canvas *c, uint32_t pixel);
/* Makes it so first. */
void canvas_works(struct canvas *c, uint32_t pixel);

/* Commands that name what there is not: the library says nothing of that. */
struct drm_dmashare_job canvas_wrong(struct canvas *c, unsigned int place);
/* A shader that does not compile. */
struct drm_dmashare_job canvas_bad_shader(struct canvas *c, unsigned int place);

#endif /* DMASHARE_TEST_RENDER_H */
