// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a camera to the host by way of the renderer, and no CPU waits in between:
 * vivid captures into a buffer of its own, the first device uploads that as a texture,
 * draws it on a turned rectangle and downloads what came of it, the second device, a
 * dynamic importer, copies it to where a program of the host has it, and that makes a
 * picture. All of this is submitted before there is a frame.
 *
 * V4L2 knows no fences. What a driver that did would do, this program does for it: a
 * fence of a writer is in the reservation of the camera's buffer before it is queued,
 * and signals when the frame has been captured. From there on each stage waits for the
 * one before, in the kernel or in the device: by the reservation (upload, copy,
 * publication) or by a sync_file (draw and download, on queues of their own).
 *
 * Several frames are under way at once. Each is compared twice: by the host, with what
 * the library draws of the same texture, byte by byte, and here, with a rectangle
 * turned by the CPU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/videodev2.h>

#include "lib/client.h"
#include "lib/control.h"
#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/place.h"
#include "lib/render.h"
#include "lib/share.h"
#include "lib/stage.h"
#include "lib/vivid.h"

#define CAMERA_WIDTH	640u
#define CAMERA_HEIGHT	360u
#define WIDTH		960u
#define HEIGHT		540u
#define BYTES		(WIDTH * HEIGHT * 4)
/* Around the rectangle. */
#define NIGHT		0xff0d1233u
/* Frames under way at once, and how often. */
#define LANES		3
#define TURNS		2

/* Handles of objects within a context. */
enum { SURFACE = 1, PIPELINE = 100 };
/* Who waits for whom; each has a fence of its own. */
enum stage_of { UPLOAD, DRAW, DOWNLOAD, COPY, PUBLISH, STAGES };

static const char * const stage_names[] = { "upload", "draw", "download", "copy", "publish" };

/**
 * struct lane - one of vivid's buffers, and where its frames go
 * @a, @b: the devices
 * @dmabuf: the camera's
 * @map: its frame, for the CPU
 * @captured: the same at @a
 * @hold: it is being written
 * @stage: the context, and the script that the host plays
 * @set_up: how much of the script is not of a frame
 * @words: the commands that draw it
 * @commands: those, for the device
 * @texture, @canvas: resources
 * @drawn: what was downloaded, at @a and, imported, at @b
 * @shown: what the host has, likewise
 * @share, @script: their ids for clients
 * @fence: of each stage
 * @crc: of the last frame
 */
struct lane {
	int a, b;
	int dmabuf;
	const uint8_t *map;
	struct bo captured;
	struct hold hold;
	struct stage stage;
	size_t set_up;
	uint32_t words[64];
	struct virgl draw;
	struct bo commands;
	uint32_t texture, canvas;
	struct bo drawn, drawn_there;
	struct bo shown, shown_there;
	uint32_t share, script;
	int fence[STAGES];
	uint32_t crc;
};

/* The context draws the texture on the turned rectangle; nothing is drawn yet. */
static void set_up(struct lane *l)
{
	static uint32_t words[4096];
	struct scene *scene = &l->stage.scene;
	struct virgl v = virgl_begin(words, sizeof(words));
	struct virgl_pipeline p = {
		.base = PIPELINE,
		.width = WIDTH,
		.height = HEIGHT,
		.format = VIRGL_FORMAT_B8G8R8A8,
	};
	float vertex[4][8], colour[4];

	scene_context(scene, "pipeline");
	l->canvas = scene_texture(scene, WIDTH, HEIGHT);
	l->texture = scene_texture(scene, CAMERA_WIDTH, CAMERA_HEIGHT);
	scene_turned(vertex, WIDTH, HEIGHT, CAMERA_WIDTH, CAMERA_HEIGHT);
	p.vertices = scene_vertices(scene, vertex, 4);
	p.texture = l->texture;
	virgl_surface(&v, SURFACE, l->canvas, VIRGL_FORMAT_B8G8R8A8);
	virgl_draw_on(&v, SURFACE);
	virgl_pipeline(&v, &p);
	scene_commands(scene, &v);
	ASSERT_EQ(stage_wait(&l->stage), 0);
	l->set_up = l->stage.told;

	render_colour(NIGHT, colour);
	l->draw = virgl_begin(l->words, sizeof(l->words));
	virgl_clear(&l->draw, colour);
	virgl_draw(&l->draw, VIRGL_STRIP, 4);
	l->commands = dms_create_mapped(l->a, sizeof(l->words), "commands");
	memcpy(l->commands.map, l->words, virgl_bytes(&l->draw));
}

/* A buffer of the first device, and what the second one has of it. */
static struct bo imported(const struct lane *l, const struct bo *bo)
{
	int dmabuf = dms_export(l->a, bo->handle);
	struct bo there = dms_import(l->b, dmabuf);

	ASSERT(dms_info(l->b, there.handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC);
	close(dmabuf);
	return there;
}

static void lane_begin(struct lane *l, int dmabuf, uint32_t size, const char *name)
{
	l->dmabuf = dmabuf;
	l->map = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	ASSERT(l->map != MAP_FAILED);
	l->captured = dms_import(l->a, dmabuf);
	l->drawn = dms_create(l->a, BYTES, "drawn");
	l->shown = dms_create_mapped(l->a, BYTES, name);
	l->drawn_there = imported(l, &l->drawn);
	l->shown_there = imported(l, &l->shown);
	l->stage = stage_begin(l->a, &l->drawn, 1 << 20);
	set_up(l);
	l->share = stage_share(&l->shown, name, WIDTH, HEIGHT);
	l->script = share_bytes(&l->stage.script, 0);
}

/* All of it, while the camera's buffer is held. */
static void lane_submit(struct lane *l, uint64_t number, uint32_t stride)
{
	const struct drm_dmashare_transfer up = {
		.resource = l->texture,
		.stride = stride,
		.width = CAMERA_WIDTH,
		.height = CAMERA_HEIGHT,
		.depth = 1,
	}, down = render_box(l->canvas, WIDTH, HEIGHT);
	struct drm_dmashare_job job;
	int camera;

	memset(l->shown.map, 0x5a, l->shown.size);
	l->hold = hold_sync_file(&camera);
	dmabuf_add_fence(l->dmabuf, camera, DMA_BUF_SYNC_WRITE);
	close(camera);

	job = render_upload(&up, &l->captured, 0, (uint64_t)stride * CAMERA_HEIGHT);
	l->fence[UPLOAD] = dms_submit_fence(l->a, 0, 0, &job, 1);
	job = render_job(l->stage.scene.context, &l->commands, 0, virgl_bytes(&l->draw));
	l->fence[DRAW] = dms_submit_after(l->a, 1, 0, l->fence[UPLOAD], job);
	job = render_download(&down, &l->drawn, 0, BYTES);
	l->fence[DOWNLOAD] = dms_submit_after(l->a, 2, 0, l->fence[DRAW], job);
	/* Where an importer lets it, the buffer moves before that reads it. */
	if (!dynamic_maps_pin())
		ASSERT_OK(dms_try_move(l->a, l->drawn.handle, number % 2 ? LOCAL : SYSTEM, 0));
	job = dms_job_copy(&l->shown_there, 0, &l->drawn_there, 0, BYTES);
	l->fence[COPY] = dms_submit_fence(l->b, 0, 0, &job, 1);
	l->fence[PUBLISH] = share_publish(&l->shown, number, LONG_NS);
}

/* Not a stage has begun, in either device, and the host was told nothing. */
static void lane_waits(const struct lane *l)
{
	ASSERT_EQ(ctl_fences(0, NULL, 0), 0);
	ASSERT_EQ(ctl_fences(1, NULL, 0), 0);
	for (unsigned int i = 0; i < STAGES; i++)
		ASSERT_MSG(fence_pending(l->fence[i]), "%s did not wait for the camera",
			   stage_names[i]);
	ASSERT(all_bytes(l->shown.map, BYTES, 0x5a));
	client_do(0, "none content %u", l->share);
}

/* The pixel of the texture at that place, in parts of 1 << 21 of a pixel. */
static uint32_t texel(const struct lane *l, uint32_t stride, int64_t u, int64_t v)
{
	if (u < 0 || v < 0 || u >> 21 >= CAMERA_WIDTH || v >> 21 >= CAMERA_HEIGHT)
		return NIGHT;
	return *(const uint32_t *)(l->map + (v >> 21) * stride + (u >> 21) * 4);
}

/*
 * Each pixel is that of the texture which the rectangle, turned back, has there. Who
 * draws reckons with floats, and may take the neighbour where the place is less than a
 * sixteenth of a pixel beside it. Returns how often it did.
 */
static unsigned int turned_back(const struct lane *l, uint32_t stride)
{
	const int64_t c = SCENE_COSINE * (1 << 20), s = SCENE_SINE * (1 << 20);
	const int64_t close = 1 << 17;
	const uint32_t *pixel = (const uint32_t *)l->shown.map;
	unsigned int other = 0;

	for (int64_t y = 0; y < HEIGHT; y++) {
		for (int64_t x = 0; x < WIDTH; x++, pixel++) {
			/* From the middle, in halves of a pixel. */
			int64_t dx = 2 * x + 1 - WIDTH, dy = 2 * y + 1 - HEIGHT;
			int64_t u = dx * c + dy * s + ((int64_t)CAMERA_WIDTH << 20);
			int64_t v = dy * c - dx * s + ((int64_t)CAMERA_HEIGHT << 20);

			if (*pixel == texel(l, stride, u, v))
				continue;
			other++;
			ASSERT_MSG(*pixel == texel(l, stride, u - close, v - close) ||
				   *pixel == texel(l, stride, u - close, v + close) ||
				   *pixel == texel(l, stride, u + close, v - close) ||
				   *pixel == texel(l, stride, u + close, v + close),
				   "pixel %lld, %lld is %#x, not %#x", (long long)x,
				   (long long)y, *pixel, texel(l, stride, u, v));
		}
	}
	return other;
}

/* The host draws the frame from the same texture. */
static void host_compares(struct lane *l, uint32_t stride)
{
	struct dmashare_desc upload = scene_upload(l->texture, CAMERA_WIDTH, CAMERA_HEIGHT,
						   stride);
	struct dmashare_desc draw = scene_job(&l->stage.scene, &l->draw);
	struct dmashare_desc download = scene_download(l->canvas, WIDTH, HEIGHT, WIDTH * 4);

	l->stage.told = l->set_up;
	stage_keep(&l->stage, &upload, l->map);
	stage_keep(&l->stage, &draw, l->words);
	stage_keep(&l->stage, &download, NULL);
	ASSERT_EQ(stage_different(&l->stage, l->script, l->share, BYTES), 0);
}

/* What comes of the camera's frame, and the order in which it came. */
static void lane_goes_on(struct lane *l, uint64_t number, uint32_t stride)
{
	uint64_t last = 0, hold;
	unsigned int other;

	/* The host is told when all is done, and nobody else was. */
	client_do(0, "wait content %u", l->share);
	ASSERT_EQ(client_number("sequence"), number);
	hold = client_number("hold");
	ASSERT(fence_pending(l->fence[PUBLISH]));
	if (number == 1)
		client_do(0, "picture pipeline1 pipeline.png");

	ASSERT_OK(dmabuf_sync(l->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	host_compares(l, stride);
	ASSERT(client_number("colours") >= 8);
	other = turned_back(l, stride);
	l->crc = crc32c(l->map, (size_t)stride * CAMERA_HEIGHT);
	ASSERT_OK(dmabuf_sync(l->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));

	client_do(0, "release %llu 0", (unsigned long long)hold);
	for (unsigned int i = 0; i < STAGES; i++) {
		struct fence_info info;

		ASSERT_EQ(fence_wait(l->fence[i]), 0);
		info = fence_info(l->fence[i]);
		ASSERT_MSG(info.first.timestamp_ns >= last, "%s was done before %s",
			   stage_names[i], stage_names[i ? i - 1 : 0]);
		last = info.first.timestamp_ns;
		close(l->fence[i]);
	}
	ktap_diag("frame %llu: the host draws the same; %u of %u pixels are a neighbour's",
		  (unsigned long long)number, other, WIDTH * HEIGHT);
}

static void from_camera_to_host(void)
{
	static struct lane lane[LANES];
	uint32_t seen[LANES * TURNS];
	int a = dms_open_nth(0), b = dms_open_nth(1), dmabuf[VIVID_MAX_BUFFERS];
	unsigned int turn, i, k;
	uint64_t number = 0;
	struct vivid v;

	vivid_load(VIVID_VMALLOC);
	v = vivid_open_as(CAMERA_WIDTH, CAMERA_HEIGHT, V4L2_PIX_FMT_XBGR32);
	ASSERT(v.width == CAMERA_WIDTH && v.height == CAMERA_HEIGHT);
	ASSERT(vivid_make_own(&v, dmabuf, LANES) >= LANES);
	for (i = 0; i < LANES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "pipeline%u", i + 1);
		lane[i] = (struct lane) { .a = a, .b = b };
		lane_begin(&lane[i], dmabuf[i], v.size, name);
	}
	client_do(0, "connect");
	for (i = 0; i < LANES; i++) {
		client_do(0, "open %u", lane[i].share);
		client_do(0, "open %u", lane[i].script);
		client_do(0, "subscribe %u 1", lane[i].share);
	}

	for (turn = 0; turn < TURNS; turn++) {
		for (i = 0; i < LANES; i++)
			lane_submit(&lane[i], number + i + 1, v.stride);
		for (i = 0; i < LANES; i++)
			ASSERT_OK(vivid_try_queue(&v, i));
		if (!turn)
			vivid_stream(&v);
		/* The frames are there, and nobody was told. */
		for (i = 0; i < LANES; i++)
			ASSERT_EQ(vivid_dequeue(&v, NULL), i);
		for (i = 0; i < LANES; i++)
			lane_waits(&lane[i]);
		for (i = 0; i < LANES; i++)
			hold_release(&lane[i].hold);
		for (i = 0; i < LANES; i++) {
			lane_goes_on(&lane[i], ++number, v.stride);
			for (k = 0; k < number - 1; k++)
				ASSERT_MSG(seen[k] != lane[i].crc, "frame %llu is frame %u again",
					   (unsigned long long)number, k + 1);
			seen[number - 1] = lane[i].crc;
		}
	}
	vivid_close(&v);
	vivid_unload();
}

static const struct ktap_case cases[] = {
	KTAP_SLOW(from_camera_to_host, 120),
};

int main(int argc, char **argv)
{
	dynamic_maps_pin();
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
