// SPDX-License-Identifier: GPL-2.0-or-later
/* Actors: vkms as the display that shows dma-bufs of others. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "act.h"
#include "ktap.h"

/* The file as vkms shows it; 0 after an error. */
static uint32_t framebuffer_of(struct act *a, struct act_thing *t, const char *word)
{
	int file = act_find_file(a, word);
	uint32_t handle;

	if (file < 0)
		return 0;
	if (drmPrimeFDToHandle(t->fd, file, &handle)) {
		act_error(a, errno, "vkms does not import %s", word);
		return 0;
	}
	return display_framebuffer(&t->display, handle);
}

static int cmd_display(struct act *a)
{
	struct act_thing *t = act_new(a, a->words[1], ACT_DISPLAY);

	if (!t)
		return -1;
	t->display = display_open();
	t->fd = t->display.fd;
	act_publish(t);
	act_say(a, t->name, "size", "%llu", (unsigned long long)t->display.size);
	return 0;
}

/* What a display that works shows of such bytes: vkms's own buffer is asked. */
static int cmd_picture(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);
	uint64_t seed;

	if (!t || !act_number(a, a->words[2], &seed))
		return -1;
	act_say(a, t->name, "picture", "0x%08x", display_own_picture(&t->display, seed));
	return 0;
}

static int cmd_show(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);
	uint32_t fb = t ? framebuffer_of(a, t, a->words[2]) : 0;

	if (!fb)
		return -1;
	display_show(&t->display, fb);
	return 0;
}

/* Asks for the flip and does not wait for it: `flipped` does. */
static int cmd_flip(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);
	uint32_t fb = t ? framebuffer_of(a, t, a->words[2]) : 0;

	if (!fb)
		return -1;
	if (drmModePageFlip(t->fd, t->display.crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, NULL))
		return act_error(a, errno, "PAGE_FLIP");
	return 0;
}

static int cmd_flipped(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);
	struct drm_event_vblank event;

	if (!t)
		return -1;
	poll_until(t->fd, POLLIN);
	ASSERT_EQ(read(t->fd, &event, sizeof(event)), sizeof(event));
	ASSERT_EQ(event.base.type, DRM_EVENT_FLIP_COMPLETE);
	return 0;
}

static int cmd_shown(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);

	if (!t)
		return -1;
	act_say(a, t->name, "shown", "0x%08x", display_shown(&t->display));
	return 0;
}

/* The picture of before may still be on its way. */
static int cmd_becomes(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);
	uint64_t want;

	if (!t || !act_number(a, a->words[2], &want))
		return -1;
	if (!display_becomes(&t->display, want))
		return act_error(a, ETIME, "%s does not show that picture", t->name);
	return 0;
}

static int cmd_dark(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_DISPLAY);

	if (!t)
		return -1;
	display_dark(&t->display);
	close(t->fd);
	act_forget(t);
	return 0;
}

const struct act_command act_display_commands[] = {
	{ "display", "NAME", 2, 2, cmd_display },
	{ "picture", "DISPLAY SEED", 3, 3, cmd_picture },
	{ "show", "DISPLAY FILE", 3, 3, cmd_show },
	{ "flip", "DISPLAY FILE", 3, 3, cmd_flip },
	{ "flipped", "DISPLAY", 2, 2, cmd_flipped },
	{ "shown", "DISPLAY", 2, 2, cmd_shown },
	{ "becomes", "DISPLAY CRC", 3, 3, cmd_becomes },
	{ "dark", "DISPLAY", 2, 2, cmd_dark },
	{ NULL },
};
