// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare-render: the library
 *
 * A context of the library remembers its first error for good, and from then on
 * does nothing, successfully: submissions return 0, and their fences signal. Few
 * errors are returned; all are logged, in the call that made them. So whatever
 * is logged of an error during a call is an error of that call, and of the
 * context it was for. That the library does log them is tried out at the start.
 * Of textures and transfers it does not look whether OpenGL could do them: gl.c.
 *
 * What is not a context's commands the library does in whatever context of OpenGL
 * it finds itself, and an error of that is the next that this context is found to
 * have. Nor does it notice that making a context has taken it into that one: more
 * commands of the context it believes to be in would be those of the new one. So
 * before all but commands it is called back to a context that is nobody's.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define VIRGL_RENDERER_UNSTABLE_APIS
#include <virgl/virglrenderer.h>

#include "answer.h"
#include "gl.h"
#include "virgl.h"

/* The library's, which has no header for it. */
struct virgl_box {
	uint32_t x, y, z;
	uint32_t w, h, d;
};

enum state {
	NONE,
	LIVE,
	LOST,
};

struct image {
	enum state state;
	uint32_t target;
	uint32_t width, height, depth, layers;
	uint32_t last_level;
	uint32_t samples;
	uint32_t flags;
	uint32_t texture;	/* OpenGL's, 0: not known */
	bool asked;		/* for that */
};

/* The capability sets 1 and 2. */
static struct {
	uint32_t size;
	uint8_t bytes[4096];
} capsets[2];

/* Textures can be read in another order than their formats'. */
static bool can_read;

/* The library is in nobody's context, and knows. */
static bool home;

static enum state contexts[DMASHARE_RENDER_MAX_CONTEXTS + 1];
static struct image images[DMASHARE_RENDER_MAX_RESOURCES + 1];

/* The thread that calls the library, and what it has logged in this call. */
static __thread bool calling;
static bool call_failed;

static void call_begin(void)
{
	calling = true;
	call_failed = false;
}

static bool call_end(void)
{
	calling = false;
	return !call_failed;
}

static void logged(const char *fmt, va_list ap)
{
	char text[256];

	if (!calling)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (strstr(text, "context error reported"))
		call_failed = true;
}

static void write_fence(void *cookie, uint32_t fence)
{
	(void)cookie;
	(void)fence;
}

static void write_context_fence(void *cookie, uint32_t context, uint32_t ring,
				uint64_t fence)
{
	(void)cookie;
	(void)context;
	(void)ring;
	fence_signalled(fence);
}

static struct virgl_renderer_callbacks callbacks = {
	.version = 3,
	.write_fence = write_fence,
	.write_context_fence = write_context_fence,
};

/*
 * An error that the library does not return: there is no such surface as the
 * frame buffer's.
 */
static bool errors_are_seen(void)
{
	uint32_t stream[] = {
		5 | 3 << 16,	/* SET_FRAMEBUFFER_STATE, three words */
		1, 0, 12345,
	};
	const uint32_t context = DMASHARE_RENDER_MAX_CONTEXTS;
	bool seen;

	home = false;
	if (virgl_renderer_context_create(context, 5, "probe"))
		return false;
	call_begin();
	virgl_renderer_submit_cmd(stream, context,
				  sizeof(stream) / sizeof(stream[0]));
	seen = !call_end();
	virgl_renderer_context_destroy(context);
	return seen;
}

/*
 * The library finds out what it can do by doing it, in whatever context of OpenGL
 * it finds itself: an error would be that of a guest's. So it does that before
 * there are any.
 */
static void find_capsets(void)
{
	for (uint32_t i = 0; i < sizeof(capsets) / sizeof(capsets[0]); i++) {
		uint32_t version = 0, size = 0;

		virgl_renderer_get_cap_set(i + 1, &version, &size);
		if (size <= sizeof(capsets[i].bytes)) {
			virgl_renderer_fill_caps(i + 1, version,
						 capsets[i].bytes);
			capsets[i].size = size;
		}
	}
}

static void go_home(void)
{
	if (!home)
		virgl_renderer_force_ctx_0();
	home = true;
}

const char *virgl_start(void)
{
	static int cookie;

	virgl_set_debug_callback(logged);
	if (virgl_renderer_init(&cookie, VIRGL_RENDERER_USE_EGL |
				VIRGL_RENDERER_USE_SURFACELESS |
				VIRGL_RENDERER_THREAD_SYNC |
				VIRGL_RENDERER_ASYNC_FENCE_CB, &callbacks))
		return "virglrenderer finds no OpenGL without a display";
	if (!gl_start())
		return "this OpenGL does not tell of errors";
	find_capsets();
	go_home();
	can_read = gl_can_read();
	if (!errors_are_seen())
		return "this virglrenderer does not tell of a context's errors";
	return NULL;
}

/*
 * Contexts
 */

static bool context_valid(uint32_t context)
{
	return context && context <= DMASHARE_RENDER_MAX_CONTEXTS;
}

static uint32_t context_create(const struct dmashare_render_request *r)
{
	int ret;

	if (contexts[r->context] != NONE)
		return DMASHARE_STATUS_RENDER_COMMANDS;
	go_home();
	ret = virgl_renderer_context_create_with_flags(
		r->context, r->create.capset &
		VIRGL_RENDERER_CONTEXT_FLAG_CAPSET_ID_MASK,
		strnlen((const char *)r->create.name, sizeof(r->create.name)),
		(const char *)r->create.name);
	home = false;
	if (ret)
		return DMASHARE_STATUS_RENDER_COMMANDS;
	contexts[r->context] = LIVE;
	return DMASHARE_STATUS_OK;
}

static void context_destroy(uint32_t context)
{
	if (contexts[context] == NONE)
		return;
	fence_drain(context);
	go_home();
	virgl_renderer_context_destroy(context);
	home = false;
	contexts[context] = NONE;
}

/* Answers by itself. */
static void context_commands(const struct dmashare_render_request *r,
			     void *stream)
{
	uint32_t status = DMASHARE_STATUS_OK;

	if (contexts[r->context] != LIVE) {
		answer(r->serial, DMASHARE_STATUS_RENDER_LOST, 0, NULL);
		return;
	}
	fence_expect(r->slot, r->serial, r->context);
	home = false;
	call_begin();
	if (virgl_renderer_submit_cmd(stream, r->context, r->length / 4))
		call_failed = true;
	if (!call_failed &&
	    virgl_renderer_context_create_fence(r->context, 0, r->commands.ring,
						r->serial))
		call_failed = true;
	if (!call_end()) {
		contexts[r->context] = LOST;
		status = DMASHARE_STATUS_RENDER_COMMANDS;
	}
	if (status && fence_forget(r->serial))
		answer(r->serial, status, 0, NULL);
}

/*
 * Resources
 */

static bool image_valid(uint32_t resource)
{
	return resource && resource <= DMASHARE_RENDER_MAX_RESOURCES;
}

static uint32_t image_create(const struct dmashare_render_request *r)
{
	struct image *im = &images[r->resource];
	struct virgl_renderer_resource_create_args args = {
		.handle = r->resource,
		.target = r->image.target,
		.format = r->image.format,
		.bind = r->image.bind,
		.width = r->image.width,
		.height = r->image.height,
		.depth = r->image.depth,
		.array_size = r->image.array_size,
		.last_level = r->image.last_level,
		.nr_samples = r->image.nr_samples,
		.flags = r->image.flags,
	};

	if (im->state != NONE)
		return DMASHARE_STATUS_RENDER_COMMANDS;
	go_home();
	gl_failed();
	call_begin();
	if (virgl_renderer_resource_create(&args, NULL, 0)) {
		call_failed = true;
	} else if (gl_failed()) {
		/* It has no memory, or no such format. */
		virgl_renderer_resource_unref(r->resource);
		call_failed = true;
	}
	if (!call_end())
		return DMASHARE_STATUS_RENDER_COMMANDS;
	*im = (struct image) {
		.state = LIVE,
		.target = args.target,
		.width = args.width,
		.height = args.height,
		.depth = args.depth,
		.layers = args.array_size,
		.last_level = args.last_level,
		.samples = args.nr_samples,
		.flags = args.flags,
	};
	return DMASHARE_STATUS_OK;
}

static void image_destroy(uint32_t resource)
{
	if (images[resource].state != NONE) {
		go_home();
		virgl_renderer_resource_unref(resource);
		images[resource].state = NONE;
	}
}

static uint32_t image_pair(const struct dmashare_render_request *r)
{
	if (contexts[r->context] == NONE || images[r->resource].state == NONE)
		return DMASHARE_STATUS_RENDER_LOST;
	go_home();
	if (r->type == DMASHARE_RENDER_RESOURCE_ADD)
		virgl_renderer_ctx_attach_resource(r->context, r->resource);
	else
		virgl_renderer_ctx_detach_resource(r->context, r->resource);
	return DMASHARE_STATUS_OK;
}

static bool inside(uint32_t at, uint32_t len, uint32_t size, uint32_t level)
{
	size = size >> level ? size >> level : 1;
	return len && at <= size && len <= size - at;
}

/* The library remembers a box that it does not like as it does other errors. */
static bool box_fits(const struct image *im,
		     const struct dmashare_render_request *r)
{
	bool deep = im->target == DMASHARE_TARGET_3D;

	return im->samples < 2 && r->box.level <= im->last_level &&
	       inside(r->box.x, r->box.width, im->width, r->box.level) &&
	       inside(r->box.y, r->box.height, im->height, r->box.level) &&
	       inside(r->box.z, r->box.depth, deep ? im->depth : im->layers,
		      deep ? r->box.level : 0);
}

/*
 * The library reckons with 32 bits how much of the memory a transfer takes, and
 * believes what comes of it. Rows of blocks are fewer than rows of pixels.
 */
static bool strides_fit(const struct dmashare_render_request *r)
{
	const uint64_t most = INT32_MAX;
	const uint64_t layer = (uint64_t)r->box.stride * r->box.height;

	return r->box.stride <= r->length && r->box.layer_stride <= r->length &&
	       layer <= most && layer * r->box.depth <= most &&
	       (uint64_t)r->box.layer_stride * r->box.depth <= most;
}

/*
 * The library looks whether others could have the texture as well, and fails if not.
 * So it is asked for those alone that are read.
 */
static void image_ask(uint32_t resource)
{
	struct image *im = &images[resource];
	struct virgl_renderer_resource_info info = { 0 };

	if (!im->asked && can_read &&
	    !virgl_renderer_resource_get_info(resource, &info))
		im->texture = info.tex_id;
	im->asked = true;
}

/*
 * The flags of a resource are about which row is the first. What does not fit into
 * @r->length is an error of OpenGL's.
 */
static bool image_read(const struct image *im,
		       const struct dmashare_render_request *r, void *staging)
{
	if (r->box.order != DMASHARE_RENDER_ORDER_RGBA || !im->texture ||
	    im->target != DMASHARE_TARGET_2D || im->flags ||
	    r->box.stride != r->box.width * 4ULL)
		return false;
	gl_read(im->texture, r->box.level, r->box.x, r->box.y, r->box.width,
		r->box.height, r->length, staging);
	return true;
}

static int image_transfer(const struct dmashare_render_request *r,
			  void *staging)
{
	struct iovec iov = { staging, r->length };
	struct virgl_box box = {
		r->box.x, r->box.y, r->box.z,
		r->box.width, r->box.height, r->box.depth,
	};

	return r->type == DMASHARE_RENDER_UPLOAD ?
	       virgl_renderer_transfer_write_iov(
			r->resource, 0, r->box.level, r->box.stride,
			r->box.layer_stride, &box, 0, &iov, 1) :
	       virgl_renderer_transfer_read_iov(
			r->resource, 0, r->box.level, r->box.stride,
			r->box.layer_stride, &box, 0, &iov, 1);
}

/* Answers by itself. */
static void image_bytes(const struct dmashare_render_request *r, void *staging)
{
	const struct image *im = &images[r->resource];
	uint32_t order = DMASHARE_RENDER_ORDER_FORMAT;

	if (im->state != LIVE) {
		answer(r->serial, DMASHARE_STATUS_RENDER_LOST, 0, NULL);
		return;
	}
	if (!box_fits(im, r) || !strides_fit(r)) {
		answer(r->serial, DMASHARE_STATUS_RENDER_COMMANDS, 0, NULL);
		return;
	}
	go_home();
	if (r->box.order == DMASHARE_RENDER_ORDER_RGBA)
		image_ask(r->resource);
	gl_failed();
	call_begin();
	if (r->type == DMASHARE_RENDER_DOWNLOAD && image_read(im, r, staging))
		order = DMASHARE_RENDER_ORDER_RGBA;
	else if (image_transfer(r, staging))
		call_failed = true;
	/* What could not be read would be what there was in the slot before. */
	if (gl_failed())
		call_failed = true;
	if (call_end())
		answer(r->serial, DMASHARE_STATUS_OK, order, NULL);
	else
		answer(r->serial, DMASHARE_STATUS_RENDER_COMMANDS, 0, NULL);
}

/*
 * All of them
 */

static void capset(const struct dmashare_render_request *r, void *staging)
{
	uint32_t i = r->capset.id - 1;

	if (i >= sizeof(capsets) / sizeof(capsets[0]) || !capsets[i].size ||
	    capsets[i].size > r->length) {
		answer(r->serial, DMASHARE_STATUS_BAD_ID, 0, NULL);
		return;
	}
	memcpy(staging, capsets[i].bytes, capsets[i].size);
	answer(r->serial, DMASHARE_STATUS_OK, capsets[i].size, NULL);
}

static void reset(void)
{
	for (uint32_t i = 1; i <= DMASHARE_RENDER_MAX_CONTEXTS; i++)
		context_destroy(i);
	for (uint32_t i = 1; i <= DMASHARE_RENDER_MAX_RESOURCES; i++)
		image_destroy(i);
}

bool virgl_request(const struct dmashare_render_request *r, void *staging)
{
	uint32_t status = DMASHARE_STATUS_OK;

	switch (r->type) {
	case DMASHARE_RENDER_RESET:
		reset();
		break;
	case DMASHARE_RENDER_CONTEXT_CREATE:
		if (!context_valid(r->context))
			return false;
		status = context_create(r);
		break;
	case DMASHARE_RENDER_CONTEXT_DESTROY:
		if (!context_valid(r->context))
			return false;
		context_destroy(r->context);
		break;
	case DMASHARE_RENDER_RESOURCE_CREATE:
		if (!image_valid(r->resource))
			return false;
		status = image_create(r);
		break;
	case DMASHARE_RENDER_RESOURCE_DESTROY:
		if (!image_valid(r->resource))
			return false;
		image_destroy(r->resource);
		break;
	case DMASHARE_RENDER_RESOURCE_ADD:
	case DMASHARE_RENDER_RESOURCE_REMOVE:
		if (!context_valid(r->context) || !image_valid(r->resource))
			return false;
		status = image_pair(r);
		break;
	case DMASHARE_RENDER_COMMANDS:
		if (!context_valid(r->context) || !staging ||
		    r->length % 4 || r->commands.ring >= DMASHARE_RENDER_RINGS)
			return false;
		context_commands(r, staging);
		return true;
	case DMASHARE_RENDER_UPLOAD:
	case DMASHARE_RENDER_DOWNLOAD:
		if (!image_valid(r->resource) || !staging ||
		    r->box.order > DMASHARE_RENDER_ORDER_RGBA)
			return false;
		image_bytes(r, staging);
		return true;
	case DMASHARE_RENDER_CAPSET:
		if (!staging)
			return false;
		capset(r, staging);
		return true;
	default:
		return false;
	}
	answer(r->serial, status, 0, NULL);
	return true;
}
