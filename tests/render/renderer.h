/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A renderer of one's own, driven as the emulator would
 */
#ifndef DMASHARE_TEST_RENDERER_H
#define DMASHARE_TEST_RENDERER_H

#include <stdbool.h>
#include <sys/types.h>

#include "dmashare/render.h"

#define SLOTS		DMASHARE_RENDER_MAX_SLOTS
#define SLOT_SIZE	(16u << 20)

/**
 * struct renderer: the process
 * @pid: its id
 * @socket: to it
 * @staging: SLOTS slots of SLOT_SIZE
 * @serial: of the last request
 */
struct renderer {
	pid_t pid;
	int socket;
	uint8_t *staging;
	uint64_t serial;
};

/* Start one; skips the test if there is no OpenGL for it. */
struct renderer *renderer_start(void);
/* Likewise, with so many bytes of address space at most. */
struct renderer *renderer_start_within(uint64_t most);
/* Without START: what comes of whatever is sent first. */
struct renderer *renderer_spawn(void);
/* Hang up, and see it end. Returns what wait() says. */
int renderer_end(struct renderer *r);
/* It has ended: see that it did so, soon. */
int renderer_wait(struct renderer *r);

static inline void *renderer_slot(struct renderer *r, unsigned int slot)
{
	return r->staging + (size_t)slot * SLOT_SIZE;
}

/* Send a request, with a serial that this sets and returns. */
uint64_t renderer_send(struct renderer *r,
		       struct dmashare_render_request *request);
/* The next answer, whichever it is; fails the test when none comes. */
struct dmashare_render_answer renderer_answer(struct renderer *r);
/* Has it ended, rather than answered? Waits for one of the two. */
bool renderer_gone(struct renderer *r, struct dmashare_render_answer *a);
/* Both, with nothing else being on its way. Returns the status. */
uint32_t renderer_do(struct renderer *r,
		     struct dmashare_render_request *request);

/* Short ways to the commonest requests; those that return a status wait. */
uint32_t renderer_context(struct renderer *r, uint32_t context);
uint32_t renderer_context_destroy(struct renderer *r, uint32_t context);
/* A texture to draw on and to draw with. */
uint32_t renderer_texture(struct renderer *r, uint32_t resource,
			  uint32_t format, uint32_t width, uint32_t height);
uint32_t renderer_add(struct renderer *r, uint32_t context, uint32_t resource);
uint64_t renderer_commands(struct renderer *r, unsigned int slot,
			   uint32_t context, uint64_t bytes);
/* A part of a texture to or from slot @slot, four bytes a pixel. */
uint32_t renderer_transfer(struct renderer *r, bool up, unsigned int slot,
			   uint32_t resource, uint32_t x, uint32_t y,
			   uint32_t width, uint32_t height);
/* A texture that the new context @context can draw on, by surface 1. */
void renderer_canvas(struct renderer *r, uint32_t context, uint32_t resource,
		     uint32_t width, uint32_t height);
/* The same numbers each time, of the same @state. */
uint32_t renderer_noise(uint64_t *state);

#endif /* DMASHARE_TEST_RENDERER_H */
