// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frame of 1920x1080, drawn by the device into the guest's pages, is what the same
 * commands draw without it: a program of the host has the very pages, plays the
 * commands that the driver submitted to the renderer's library, and compares each
 * byte. It also makes a picture of them, render.png.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lib/client.h"
#include "lib/dms.h"
#include "lib/ktap.h"
#include "lib/render.h"
#include "lib/share.h"
#include "lib/stage.h"

#define BYTES	((size_t)SCENE_WIDTH * SCENE_HEIGHT * 4)
#define PIECE	4096u

static void same_as_by_the_library(void)
{
	int fd = dms_open();
	struct bo frame = dms_create_mapped(fd, BYTES, "render");
	struct stage stage = stage_begin(fd, &frame, 1 << 20);
	const size_t places[] = { 0, BYTES / 2, BYTES - PIECE };
	uint32_t script, shown;

	client_do(0, "connect");
	memset(frame.map, 0x5a, frame.size);
	scene_picture(&stage.scene);
	ASSERT_EQ(stage_wait(&stage), 0);

	shown = stage_share(&frame, "render", SCENE_WIDTH, SCENE_HEIGHT);
	script = share_bytes(&stage.script, 0);
	ASSERT_EQ(client_find(0, "render"), shown);
	client_do(0, "open %u", shown);
	/* The system's, whichever way the host got them. */
	ASSERT(strcmp(client_word("path"), "local"));
	ASSERT_EQ(client_find(0, "script"), script);
	client_do(0, "open %u", script);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++)
		ASSERT(client_sees(0, shown, places[i], frame.map + places[i], PIECE));

	ASSERT_EQ(stage_different(&stage, script, shown, BYTES), 0);
	ASSERT(client_number("colours") > 1000);
	ktap_diag("%zu bytes are those that the library draws, of %llu colours", BYTES,
		  (unsigned long long)client_number("colours"));
	client_do(0, "picture render render.png");
	/* Who compares would have seen a single bit. */
	frame.map[BYTES / 3] ^= 1;
	ASSERT_EQ(stage_different(&stage, script, shown, BYTES), 1);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW(same_as_by_the_library, 120),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
