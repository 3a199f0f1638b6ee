// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A scene (tests/guest/lib/scene.h), as a script: descriptors, each followed by the
 * bytes that it reads. Who plays it (render-native without a device,
 * dmashare-render-play with one) chooses mappings and fences.
 *
 *   render-scene clear|clear-rgba|picture >FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/scene.h"

static void step(struct scene *scene, struct dmashare_desc *desc, const void *data)
{
	static uint32_t contexts, resources;
	const size_t bytes = scene_reads(desc);

	(void)scene;
	if (desc->opcode == DMASHARE_OP_CONTEXT_CREATE)
		desc->context.id = ++contexts;
	if (desc->opcode == DMASHARE_OP_RESOURCE_CREATE)
		desc->resource.id = ++resources;
	if (fwrite(desc, sizeof(*desc), 1, stdout) != 1 ||
	    (bytes && fwrite(data, bytes, 1, stdout) != 1)) {
		perror("render-scene");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct scene scene = { .step = step };

	if (argc == 2 && !strcmp(argv[1], "clear")) {
		scene_clear(&scene);
	} else if (argc == 2 && !strcmp(argv[1], "clear-rgba")) {
		scene.format = VIRGL_FORMAT_R8G8B8A8;
		scene_clear(&scene);
	} else if (argc == 2 && !strcmp(argv[1], "picture")) {
		scene_picture(&scene);
	} else {
		fprintf(stderr, "usage: render-scene clear|clear-rgba|picture >FILE\n");
		return 2;
	}
	if (fflush(stdout)) {
		perror("render-scene");
		return 1;
	}
	return 0;
}
