/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scenes (scene.h) through the driver, and the script of what was drawn, in a buffer
 * that the host can have: so it plays the very bytes that the device got, with the
 * ids that the driver chose, to the library itself (scripts/share-client, rendered).
 */
#ifndef DMASHARE_TEST_STAGE_H
#define DMASHARE_TEST_STAGE_H

#include <stddef.h>
#include <stdint.h>

#include "dms.h"
#include "scene.h"

/**
 * struct stage - a scene's listener
 * @scene: what to give to scene_*(): each job is submitted as it is told, on queue 0,
 *	and none is waited for
 * @fd: the device
 * @frame: what the scene reads goes there
 * @script: descriptors, each followed by the bytes that it reads
 * @told: how many bytes that are
 * @fence: sync_file of the last job, or -1
 */
struct stage {
	struct scene scene;
	int fd;
	struct bo frame;
	struct bo script;
	size_t told;
	int fence;
};

/* With room for a script of so many bytes. */
struct stage stage_begin(int fd, const struct bo *frame, size_t room);
/* One more step of the script; its job is the caller's. */
void stage_keep(struct stage *stage, const struct dmashare_desc *desc, const void *data);
/* Waits for the last job, and with it for all: 0 or a positive errno. */
int stage_wait(struct stage *stage);

/* Shares a picture of four bytes a pixel under that name; its id for clients. */
uint32_t stage_share(const struct bo *bo, const char *name, uint32_t width,
		     uint32_t height);
/*
 * Client 0 (client.h), which has both shares open, plays the script to the library
 * and compares: how many bytes of the frame are others than those that it drew, of
 * @bytes. Of how many colours it is, is told as client_number("colours").
 */
uint64_t stage_different(const struct stage *stage, uint32_t script, uint32_t frame,
			 size_t bytes);

#endif /* DMASHARE_TEST_STAGE_H */
