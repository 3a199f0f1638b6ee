// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A shader that does not come to an end, as any guest may send one: the renderer is
 * as busy as a process can be, in code that it compiled of what the guest wrote, and
 * does not look at anything any more. In time it is ended, and nobody else notices.
 *
 * llvmpipe lets a shader have 65,536 rounds of all its loops and no more. So what
 * would never end elsewhere takes a second or two here, and is drawn so often that
 * it would take minutes.
 */
#include <errno.h>
#include <string.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/render.h"

#define PAGE	4096u
#define SIDE	256u
#define TIMES	200
#define ONES	0x0101010101010101ull

/* What it computes depends on the pixel, and on all rounds; it is never so large. */
static const char endless[] =
	"FRAG\n"
	"DCL IN[0], GENERIC[0], PERSPECTIVE\n"
	"DCL OUT[0], COLOR\n"
	"DCL TEMP[0..1]\n"
	"IMM[0] FLT32 { 0.7, 0.1, 1000.0, 0.0 }\n"
	"  0: MOV TEMP[0], IN[0]\n"
	"  1: BGNLOOP\n"
	"  2:   BGNLOOP\n"
	"  3:     MAD TEMP[0], TEMP[0], IMM[0].xxxx, IMM[0].yyyy\n"
	"  4:     SLT TEMP[1].x, IMM[0].zzzz, TEMP[0].xxxx\n"
	"  5:     IF TEMP[1].xxxx\n"
	"  6:       BRK\n"
	"  7:     ENDIF\n"
	"  8:   ENDLOOP\n"
	"  9:   SLT TEMP[1].x, IMM[0].zzzz, TEMP[0].xxxx\n"
	" 10:   IF TEMP[1].xxxx\n"
	" 11:     BRK\n"
	" 12:   ENDIF\n"
	" 13: ENDLOOP\n"
	" 14: MOV OUT[0], TEMP[0]\n"
	" 15: END\n";

/* A triangle of which the canvas is a part. */
static const float all[3][8] = {
	{ -1, -1, 0, 1, 0, 0, 0, 1 },
	{ 3, -1, 0, 1, 1, 0, 0, 1 },
	{ -1, 3, 0, 1, 0, 1, 0, 1 },
};

/* The job that draws it @times times with the shader @fragment. */
static struct drm_dmashare_job triangle(struct canvas *c, struct bo *commands,
					const char *fragment, unsigned int times)
{
	struct bo bytes = dms_create_mapped(c->fd, sizeof(all), "vertices");
	uint32_t vertices = render_vertices(c->fd, sizeof(all));
	struct drm_dmashare_transfer box = {
		.resource = vertices,
		.width = sizeof(all),
		.height = 1,
		.depth = 1,
	};
	struct virgl_pipeline p = {
		.base = 100,
		.width = SIDE,
		.height = SIDE,
		.vertices = vertices,
		.fragment = fragment,
	};
	struct virgl v = virgl_begin(commands->map, commands->size);

	ASSERT_OK(render_try_add(c->fd, c->context, vertices));
	memcpy(bytes.map, all, sizeof(all));
	dms_run_ok(c->fd, render_upload(&box, &bytes, 0, sizeof(all)));
	dms_destroy(&bytes);
	virgl_pipeline(&v, &p);
	for (unsigned int i = 0; i < times; i++)
		virgl_draw(&v, VIRGL_TRIANGLES, 3);
	return render_job(c->context, commands, 0, virgl_bytes(&v));
}

/* The same shader with limits that are soon reached draws, so it is no error. */
static void it_draws_otherwise(void)
{
	struct canvas c = canvas_create(dms_open(), SIDE, SIDE);
	struct bo commands = dms_create_mapped(c.fd, 4 * PAGE, "pipeline");
	const uint8_t *out = c.pixels.map;
	char text[sizeof(endless)];
	char *limit;

	memcpy(text, endless, sizeof(text));
	limit = strstr(text, "1000.0");
	ASSERT(limit);
	memcpy(limit, "-100.0", 6);
	canvas_works(&c, 0xff000001);
	dms_run_ok(c.fd, triangle(&c, &commands, text, 1));
	dms_run_ok(c.fd, canvas_download(&c));
	/* One round: 0.7 of the colour there, and 0.1. */
	for (unsigned int y = 0; y < SIDE; y++) {
		for (unsigned int x = 0; x < SIDE; x++) {
			const uint8_t *pixel = out + (y * SIDE + x) * 4;
			const int red = 255 * (0.7 * (x + 0.5) / (2 * SIDE) + 0.1);
			const int green = 255 * (0.7 * (y + 0.5) / (2 * SIDE) + 0.1);

			if (pixel[2] < red - 1 || pixel[2] > red + 2 ||
			    pixel[1] < green - 1 || pixel[1] > green + 2)
				FAIL("pixel %u, %u has red %u and green %u, not %d and %d",
				     x, y, pixel[2], pixel[1], red, green);
		}
	}
	canvas_destroy(&c);
}

static void endless_shader(void)
{
	struct canvas a = canvas_create(dms_open(), SIDE, SIDE);
	struct canvas b = canvas_create(dms_open(), SIDE, SIDE);
	struct bo commands = dms_create_mapped(a.fd, 4 * PAGE, "pipeline");
	struct bo bo = dms_create_mapped(a.fd, PAGE, "others");
	struct drm_dmashare_job job;
	struct canvas next;
	int busy, second, behind;

	ctl_calm(0);
	canvas_works(&a, 0xff0000aa);
	canvas_works(&b, 0xff0000bb);
	job = triangle(&a, &commands, endless, TIMES);
	busy = dms_submit_fence(a.fd, 0, 0, &job, 1);
	job = canvas_clear(&b, 1, 0xffffffff);
	second = dms_submit_fence(b.fd, 1, 0, &job, 1);
	job = canvas_clear(&a, 2, 0xffffffff);
	behind = dms_submit_fence(a.fd, 0, 0, &job, 1);
	/* Whoever does not render does not notice. */
	for (unsigned int q = 2; q < 4; q++) {
		job = dms_job_fill(&bo, 0, PAGE, q * ONES);
		ASSERT_EQ(fence_finish(dms_submit_fence(a.fd, q, 0, &job, 1)), 0);
		ASSERT(all_bytes(bo.map, PAGE, q));
	}
	ASSERT(fence_pending(busy));
	ASSERT_EQ(fence_finish(busy), ETIMEDOUT);
	ASSERT_EQ(fence_finish(second), ECONNRESET);
	ASSERT_EQ(fence_finish(behind), ENOTRECOVERABLE);
	ASSERT_EQ(render_context_error(a.fd, a.context), ETIMEDOUT);
	ASSERT_EQ(render_context_error(b.fd, b.context), ETIMEDOUT);
	render_all_are(a.pixels.map, SIDE * SIDE, 0xff0000aa);
	next = canvas_of_another(a.fd, SIDE, SIDE);
	canvas_works(&next, 0xff00cc00);
	canvas_destroy(&a);
	canvas_destroy(&b);
	canvas_works(&next, 0xff00dd00);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(it_draws_otherwise),
	KTAP_SLOW(endless_shader, 90),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
