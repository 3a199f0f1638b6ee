// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a frame costs the guest, for scripts/render-cost: render-cost N has a frame
 * of 1920x1080 cleared and read N times, by two jobs of one submission, and says of
 * each
 *
 *     frame SUBMIT ALL		in microseconds: the submit ioctl, and from before it
 *				until the last job's fence has woken us
 *
 * Every pixel of each frame is compared, after the clock was read.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/render.h"
#include "lib/stream.h"

#define WIDTH	1920u
#define HEIGHT	1080u

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	struct canvas c = canvas_create(dms_open(), WIDTH, HEIGHT);
	unsigned int frames;

	ASSERT_MSG(argc == 2, "usage: render-cost FRAMES");
	frames = strtoul(argv[1], NULL, 0);
	for (unsigned int i = 0; i < frames; i++) {
		const uint32_t pixel = 0xff000000 | i * 0x010305;
		struct drm_dmashare_job jobs[2] = {
			canvas_clear(&c, i % CANVAS_PLACES, pixel),
			canvas_download(&c),
		};
		double start = now_us(), submitted, woken;
		int fence = dms_submit_fence(c.fd, 0, 0, jobs, 2);

		submitted = now_us();
		ASSERT_EQ(fence_finish(fence), 0);
		woken = now_us();
		render_all_are(c.pixels.map, WIDTH * HEIGHT, pixel);
		stream_say("frame %.0f %.0f\n", submitted - start, woken - start);
	}
	return 0;
}
