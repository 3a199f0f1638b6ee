// SPDX-License-Identifier: GPL-2.0-or-later
/* Actors: vivid as the camera whose frames go into dma-bufs of others. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "act.h"
#include "ktap.h"

static int cmd_camera(struct act *a)
{
	struct act_thing *t;
	unsigned int width, height;
	bool dma = !strcmp(a->words[2], "dma");

	if (!dma && strcmp(a->words[2], "vmap"))
		return act_error(a, EINVAL, "%s is not one of: dma vmap", a->words[2]);
	if (sscanf(a->words[3], "%ux%u", &width, &height) != 2)
		return act_error(a, EINVAL, "%s is not WIDTHxHEIGHT", a->words[3]);
	t = act_new(a, a->words[1], ACT_CAMERA);
	if (!t)
		return -1;
	vivid_load(dma ? VIVID_DMA_CONTIG : VIVID_VMALLOC);
	t->camera = vivid_open(width, height);
	act_publish(t);
	act_say(a, t->name, "size", "%u", t->camera.size);
	return 0;
}

static int cmd_stream(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_CAMERA);
	int files[VIVID_MAX_BUFFERS], i;

	if (!t)
		return -1;
	for (i = 0; i + 2 < a->n; i++) {
		files[i] = act_find_file(a, a->words[i + 2]);
		if (files[i] < 0)
			return -1;
	}
	if (vivid_try_start(&t->camera, files, i))
		return act_error(a, errno, "the camera does not take its buffers");
	return 0;
}

/* The next frame; the file that it is in is given back to the camera later. */
static int cmd_frame(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_CAMERA);
	unsigned int index;
	uint32_t sequence;

	if (!t)
		return -1;
	index = vivid_dequeue(&t->camera, &sequence);
	act_say(a, t->name, "index", "%u", index);
	act_say(a, t->name, "frame", "%u", sequence);
	return 0;
}

static int cmd_again(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_CAMERA);
	uint64_t index;

	if (!t || !act_number(a, a->words[2], &index))
		return -1;
	if (index >= t->camera.n_buffers)
		return act_error(a, EINVAL, "the camera has %u buffers", t->camera.n_buffers);
	if (vivid_try_queue(&t->camera, index))
		return act_error(a, errno, "VIDIOC_QBUF");
	return 0;
}

static int cmd_stop(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_CAMERA);

	if (!t)
		return -1;
	vivid_close(&t->camera);
	vivid_unload();
	act_forget(t);
	return 0;
}

const struct act_command act_camera_commands[] = {
	{ "camera", "NAME dma|vmap WIDTHxHEIGHT", 4, 4, cmd_camera },
	{ "stream", "CAMERA FILE...", 3, 2 + VIVID_MAX_BUFFERS, cmd_stream },
	{ "frame", "CAMERA", 2, 2, cmd_frame },
	{ "again", "CAMERA INDEX", 3, 3, cmd_again },
	{ "stop", "CAMERA", 2, 2, cmd_stop },
	{ NULL },
};
