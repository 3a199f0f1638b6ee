// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <xf86drm.h>

#include "ktap.h"
#include "render.h"

bool render_there(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_FEATURES) & DMASHARE_FEATURE_RENDER;
}

/* Contexts and resources. --------------------------------------------------- */

int render_try_context(int fd, uint32_t capset, const char *name, uint32_t *context)
{
	struct drm_dmashare_context_create c = { .capset = capset };

	memcpy(c.name, name, strnlen(name, sizeof(c.name)));
	if (drmIoctl(fd, DRM_IOCTL_DMASHARE_CONTEXT_CREATE, &c))
		return -1;
	*context = c.context;
	return 0;
}

uint32_t render_context(int fd, const char *name)
{
	uint32_t context = 0;

	ASSERT_OK(render_try_context(fd, DMASHARE_CAPSET_VIRGL2, name, &context));
	ASSERT(context);
	return context;
}

int render_try_context_destroy(int fd, uint32_t context)
{
	struct drm_dmashare_context_destroy d = { .context = context };

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_CONTEXT_DESTROY, &d);
}

struct drm_dmashare_resource_create render_2d(uint32_t width, uint32_t height)
{
	return (struct drm_dmashare_resource_create){
		.target = DMASHARE_TARGET_2D,
		.format = VIRGL_FORMAT_B8G8R8A8,
		.bind = VIRGL_BIND_RENDER_TARGET | VIRGL_BIND_SAMPLER_VIEW,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
	};
}

int render_try_resource(int fd, struct drm_dmashare_resource_create *r)
{
	return drmIoctl(fd, DRM_IOCTL_DMASHARE_RESOURCE_CREATE, r);
}

uint32_t render_texture(int fd, uint32_t width, uint32_t height)
{
	struct drm_dmashare_resource_create r = render_2d(width, height);

	ASSERT_OK(render_try_resource(fd, &r));
	ASSERT(r.resource);
	return r.resource;
}

uint32_t render_vertices(int fd, uint32_t bytes)
{
	struct drm_dmashare_resource_create r = {
		.target = DMASHARE_TARGET_BUFFER,
		.format = VIRGL_FORMAT_R8,
		.bind = VIRGL_BIND_VERTEX_BUFFER,
		.width = bytes,
		.height = 1,
		.depth = 1,
		.array_size = 1,
	};

	ASSERT_OK(render_try_resource(fd, &r));
	return r.resource;
}

int render_try_resource_destroy(int fd, uint32_t resource)
{
	struct drm_dmashare_resource_destroy d = { .resource = resource };

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_RESOURCE_DESTROY, &d);
}

int render_try_add(int fd, uint32_t context, uint32_t resource)
{
	struct drm_dmashare_resource_pair p = { .context = context, .resource = resource };

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_RESOURCE_ADD, &p);
}

int render_try_remove(int fd, uint32_t context, uint32_t resource)
{
	struct drm_dmashare_resource_pair p = { .context = context, .resource = resource };

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_RESOURCE_REMOVE, &p);
}

int render_try_state(int fd, uint32_t context, uint32_t resource, uint32_t *error)
{
	struct drm_dmashare_render_state s = { .context = context, .resource = resource };

	if (drmIoctl(fd, DRM_IOCTL_DMASHARE_RENDER_STATE, &s))
		return -1;
	*error = s.error;
	return 0;
}

uint32_t render_context_error(int fd, uint32_t context)
{
	uint32_t error = 0;

	ASSERT_OK(render_try_state(fd, context, 0, &error));
	return error;
}

uint32_t render_resource_error(int fd, uint32_t resource)
{
	uint32_t error = 0;

	ASSERT_OK(render_try_state(fd, 0, resource, &error));
	return error;
}

/* Jobs. --------------------------------------------------------------------- */

struct drm_dmashare_job render_job(uint32_t context, const struct bo *bo, uint64_t offset,
				   uint64_t length)
{
	return (struct drm_dmashare_job){
		.op = DRM_DMASHARE_OP_RENDER,
		.src = { .handle = bo->handle, .offset = offset },
		.length = length,
		.value = context,
	};
}

struct drm_dmashare_transfer render_box(uint32_t resource, uint32_t width, uint32_t height)
{
	return (struct drm_dmashare_transfer){
		.resource = resource,
		.stride = width * 4,
		.width = width,
		.height = height,
		.depth = 1,
	};
}

struct drm_dmashare_job render_upload(const struct drm_dmashare_transfer *box,
				      const struct bo *bo, uint64_t offset, uint64_t length)
{
	return (struct drm_dmashare_job){
		.op = DRM_DMASHARE_OP_UPLOAD,
		.src = { .handle = bo->handle, .offset = offset },
		.length = length,
		.value = (uintptr_t)box,
	};
}

struct drm_dmashare_job render_download(const struct drm_dmashare_transfer *box,
					const struct bo *bo, uint64_t offset,
					uint64_t length)
{
	return (struct drm_dmashare_job){
		.op = DRM_DMASHARE_OP_DOWNLOAD,
		.dst = { .handle = bo->handle, .offset = offset },
		.length = length,
		.value = (uintptr_t)box,
	};
}

/* Pixels. ------------------------------------------------------------------- */

void render_colour(uint32_t pixel, float colour[4])
{
	colour[0] = (pixel >> 16 & 0xff) / 255.0f;
	colour[1] = (pixel >> 8 & 0xff) / 255.0f;
	colour[2] = (pixel & 0xff) / 255.0f;
	colour[3] = (pixel >> 24) / 255.0f;
}

void render_all_are(const void *pixels, size_t n, uint32_t pixel)
{
	const uint32_t *p = pixels;

	for (size_t i = 0; i < n; i++)
		ASSERT_MSG(p[i] == pixel, "pixel %zu of %zu is %#x, not %#x", i, n, p[i],
			   pixel);
}

/* Canvases. ----------------------------------------------------------------- */

size_t canvas_bytes(const struct canvas *c)
{
	return (size_t)c->width * c->height * 4;
}

struct virgl canvas_stream(struct canvas *c, unsigned int place)
{
	ASSERT(place < CANVAS_PLACES);
	return virgl_begin(c->commands.map + place * CANVAS_ROOM, CANVAS_ROOM);
}

struct drm_dmashare_job canvas_job(struct canvas *c, unsigned int place,
				   const struct virgl *v)
{
	return render_job(c->context, &c->commands, place * CANVAS_ROOM, virgl_bytes(v));
}

static int try_map(struct bo *bo)
{
	struct drm_dmashare_bo_mmap m = { .handle = bo->handle };
	void *map;

	if (drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m))
		return -1;
	map = mmap(NULL, bo->size, PROT_READ | PROT_WRITE, MAP_SHARED, bo->fd, m.offset);
	if (map == MAP_FAILED)
		return -1;
	bo->map = map;
	return 0;
}

static int try_create(int fd, uint64_t size, const char *name, struct bo *bo)
{
	return dms_try_create(fd, size, 0, name, bo) || try_map(bo) ? -1 : 0;
}

/* Submits and waits; -1 and errno of the ioctl, or of the fence. */
static int try_run(struct canvas *c, struct drm_dmashare_job job)
{
	struct drm_dmashare_submit s = { 0 };
	struct drm_dmashare_job_result r;

	job.flags = DRM_DMASHARE_JOB_WANT_RESULT;
	if (dms_try_submit(c->fd, &s, &job, 1) ||
	    dms_try_result(c->fd, job.id, SOON_NS, &r))
		return -1;
	errno = r.error;
	return r.error ? -1 : 0;
}

int canvas_try_create(int fd, uint32_t width, uint32_t height, struct canvas *c)
{
	struct drm_dmashare_resource_create r = render_2d(width, height);
	struct virgl v;
	int err;

	*c = (struct canvas){ .fd = fd, .width = width, .height = height };
	if (render_try_context(fd, DMASHARE_CAPSET_VIRGL2, "canvas", &c->context) ||
	    render_try_resource(fd, &r))
		goto failed;
	c->texture = r.resource;
	c->box = render_box(c->texture, width, height);
	if (render_try_add(fd, c->context, c->texture) ||
	    try_create(fd, CANVAS_ROOM * CANVAS_PLACES, "commands", &c->commands) ||
	    try_create(fd, canvas_bytes(c), "pixels", &c->pixels))
		goto failed;
	v = canvas_stream(c, 0);
	virgl_surface(&v, 1, c->texture, VIRGL_FORMAT_B8G8R8A8);
	virgl_draw_on(&v, 1);
	if (try_run(c, canvas_job(c, 0, &v)))
		goto failed;
	return 0;

failed:
	err = errno;
	canvas_destroy(c);
	return err;
}

struct canvas canvas_create(int fd, uint32_t width, uint32_t height)
{
	struct canvas c;
	int err = canvas_try_create(fd, width, height, &c);

	ASSERT_MSG(!err, "a context that draws on a texture: %s", strerror(err));
	return c;
}

struct canvas canvas_of_another(int fd, uint32_t width, uint32_t height)
{
	int64_t end = soon();
	struct canvas c;
	int err;

	while ((err = canvas_try_create(fd, width, height, &c))) {
		ASSERT_EQ(err, ECONNRESET);
		ASSERT_MSG(soon() - SOON_NS < end, "there is no other renderer");
	}
	return c;
}

/* What there is of it; the device may be gone, and refuse it. */
static void drop(struct bo *bo)
{
	if (bo->map)
		munmap(bo->map, bo->size);
	if (bo->handle)
		dms_try_close(bo->fd, bo->handle);
	*bo = (struct bo){ .fd = bo->fd };
}

void canvas_destroy(struct canvas *c)
{
	if (c->context)
		render_try_context_destroy(c->fd, c->context);
	if (c->texture)
		render_try_resource_destroy(c->fd, c->texture);
	drop(&c->commands);
	drop(&c->pixels);
	c->context = c->texture = 0;
}

struct drm_dmashare_job canvas_clear(struct canvas *c, unsigned int place, uint32_t pixel)
{
	struct virgl v = canvas_stream(c, place);
	float colour[4];

	render_colour(pixel, colour);
	virgl_clear(&v, colour);
	return canvas_job(c, place, &v);
}

struct drm_dmashare_job canvas_download(struct canvas *c)
{
	return render_download(&c->box, &c->pixels, 0, canvas_bytes(c));
}

void canvas_shows(struct canvas *c, uint32_t pixel)
{
	memset(c->pixels.map, 0x5a, c->pixels.size);
	dms_run_ok(c->fd, canvas_download(c));
	render_all_are(c->pixels.map, canvas_bytes(c) / 4, pixel);
	/* Not a byte more. */
	ASSERT(all_bytes(c->pixels.map + canvas_bytes(c),
			 c->pixels.size - canvas_bytes(c), 0x5a));
}

void canvas_works(struct canvas *c, uint32_t pixel)
{
	dms_run_ok(c->fd, canvas_clear(c, 0, pixel));
	canvas_shows(c, pixel);
}

struct drm_dmashare_job canvas_wrong(struct canvas *c, unsigned int place)
{
	struct virgl v = canvas_stream(c, place);

	virgl_draw_on(&v, 77);
	return canvas_job(c, place, &v);
}

struct drm_dmashare_job canvas_bad_shader(struct canvas *c, unsigned int place)
{
	struct virgl v = canvas_stream(c, place);

	virgl_shader(&v, 5, VIRGL_FRAGMENT, "FRAG\nno such instruction\nEND\n");
	return canvas_job(c, place, &v);
}
