// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A script of render-scene played to the library itself, in this process: what
 * the device is compared with, in pixels and in time.
 *
 *   render-native SCRIPT FRAME REPEAT LAST
 *
 * The last LAST descriptors are played REPEAT times; FRAME gets what was read
 * last. A line is printed for each time: how many microseconds each of them took,
 * with its fence.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define VIRGL_RENDERER_UNSTABLE_APIS
#include <virgl/virglrenderer.h>

#include "dmashare/abi.h"

/* The library's, which has no header for it. */
struct virgl_box {
	uint32_t x, y, z;
	uint32_t w, h, d;
};

#define MAX_STEPS	64

static struct step {
	struct dmashare_desc desc;
	uint8_t *data;
} steps[MAX_STEPS];
static unsigned int n_steps;

static uint8_t *frame;
static size_t frame_bytes;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t signalled = PTHREAD_COND_INITIALIZER;
static uint64_t last_fence;

static void __attribute__((noreturn)) end(const char *what)
{
	fprintf(stderr, "render-native: %s\n", what);
	exit(1);
}

/*
 * The script
 */

static bool reads(const struct dmashare_desc *desc)
{
	return desc->opcode == DMASHARE_OP_JOB_RENDER ||
	       desc->opcode == DMASHARE_OP_JOB_UPLOAD;
}

static void load(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct step *s = steps;

	if (!f)
		end("no such script");
	for (; fread(&s->desc, sizeof(s->desc), 1, f) == 1; s++) {
		const uint64_t bytes = s->desc.job.length;

		if (++n_steps == MAX_STEPS)
			end("the script is too long");
		if (reads(&s->desc)) {
			s->data = malloc(bytes);
			if (!s->data || fread(s->data, bytes, 1, f) != 1)
				end("the script breaks off");
		} else if (s->desc.opcode == DMASHARE_OP_JOB_DOWNLOAD) {
			free(frame);
			frame_bytes = bytes;
			frame = malloc(bytes);
			if (!frame)
				end("no memory");
		}
	}
	fclose(f);
}

/*
 * The library
 */

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
	pthread_mutex_lock(&lock);
	last_fence = fence;
	pthread_cond_broadcast(&signalled);
	pthread_mutex_unlock(&lock);
}

static struct virgl_renderer_callbacks callbacks = {
	.version = 3,
	.write_fence = write_fence,
	.write_context_fence = write_context_fence,
};

/* 0, or what the library says. */
static int commands(const struct step *s)
{
	static uint64_t fence;
	const uint32_t context = s->desc.job.value;
	int ret = virgl_renderer_submit_cmd(s->data, context,
					    s->desc.job.length / 4);

	if (!ret)
		ret = virgl_renderer_context_create_fence(context, 0, 0,
							  ++fence);
	pthread_mutex_lock(&lock);
	while (!ret && last_fence < fence)
		pthread_cond_wait(&signalled, &lock);
	pthread_mutex_unlock(&lock);
	return ret;
}

static int transfer(const struct step *s)
{
	const struct dmashare_body_transfer *t = &s->desc.transfer;
	const bool up = s->desc.opcode == DMASHARE_OP_JOB_UPLOAD;
	struct iovec iov = { up ? s->data : frame, t->job.length };
	struct virgl_box box = {
		t->x, t->y, t->z, t->width, t->height, t->depth,
	};

	return up ? virgl_renderer_transfer_write_iov(
			    t->resource, 0, t->level, t->stride, t->job.value,
			    &box, 0, &iov, 1)
		  : virgl_renderer_transfer_read_iov(
			    t->resource, 0, t->level, t->stride, t->job.value,
			    &box, 0, &iov, 1);
}

static int resource(const struct dmashare_body_resource *body)
{
	struct virgl_renderer_resource_create_args args = {
		.handle = body->id,
		.target = body->target,
		.format = body->format,
		.bind = body->bind,
		.width = body->width,
		.height = body->height,
		.depth = body->depth,
		.array_size = body->array_size,
		.last_level = body->last_level,
		.nr_samples = body->nr_samples,
		.flags = body->flags,
	};

	return virgl_renderer_resource_create(&args, NULL, 0);
}

static int play(const struct step *s)
{
	switch (s->desc.opcode) {
	case DMASHARE_OP_CONTEXT_CREATE:
		return virgl_renderer_context_create_with_flags(
			s->desc.context.id, s->desc.context.capset,
			strnlen((const char *)s->desc.context.name,
				DMASHARE_NAME_LEN),
			(const char *)s->desc.context.name);
	case DMASHARE_OP_RESOURCE_CREATE:
		return resource(&s->desc.resource);
	case DMASHARE_OP_RESOURCE_ADD:
		virgl_renderer_ctx_attach_resource(s->desc.pair.context,
						   s->desc.pair.resource);
		return 0;
	case DMASHARE_OP_JOB_RENDER:
		return commands(s);
	case DMASHARE_OP_JOB_UPLOAD:
	case DMASHARE_OP_JOB_DOWNLOAD:
		return transfer(s);
	default:
		return 1;
	}
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void play_from(unsigned int first, unsigned int until, bool tell)
{
	for (unsigned int i = first; i < until; i++) {
		double start = now_us();

		if (play(&steps[i])) {
			fprintf(stderr, "render-native: descriptor %u of the "
				"script failed\n", i + 1);
			exit(1);
		}
		if (tell)
			printf("%.1f%c", now_us() - start,
			       i + 1 < until ? ' ' : '\n');
	}
}

int main(int argc, char **argv)
{
	unsigned int repeat, last;
	static int cookie;
	FILE *f;

	if (argc != 5)
		end("usage: render-native SCRIPT FRAME REPEAT LAST");
	repeat = strtoul(argv[3], NULL, 0);
	last = strtoul(argv[4], NULL, 0);
	load(argv[1]);
	if (!frame || last > n_steps)
		end("that is no scene");
	/* As the renderer does, so that both have the same. */
	unsetenv("DISPLAY");
	unsetenv("WAYLAND_DISPLAY");
	unsetenv("VIRGL_DISABLE_MT");
	setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	setenv("MESA_GLSL_CACHE_DISABLE", "true", 1);
	if (virgl_renderer_init(&cookie, VIRGL_RENDERER_USE_EGL |
				VIRGL_RENDERER_USE_SURFACELESS |
				VIRGL_RENDERER_THREAD_SYNC |
				VIRGL_RENDERER_ASYNC_FENCE_CB, &callbacks))
		end("there is no OpenGL without a display");
	play_from(0, n_steps - last, false);
	for (unsigned int i = 0; i < repeat; i++)
		play_from(n_steps - last, n_steps, true);
	fflush(stdout);

	f = fopen(argv[2], "wb");
	if (!f || fwrite(frame, frame_bytes, 1, f) != 1 || fclose(f))
		end("the frame cannot be written");
	/* Nobody waits for what the library would do at an exit. */
	_Exit(0);
}
