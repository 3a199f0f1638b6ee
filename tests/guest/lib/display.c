// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "display.h"
#include "dms.h"
#include "dumb.h"
#include "ktap.h"
#include "module.h"

#define PAGE		4096u
#define MAX_PICTURES	100

/* The smallest mode: every picture is composed by an emulated processor. */
struct display display_open(void)
{
	struct display d = { .fd = drm_open_driver("vkms", true, 0) };
	drmModeConnector *c;
	drmModeRes *r;
	struct stat st;
	int i;

	if (d.fd < 0 && !module_load("vkms", ""))
		d.fd = drm_open_driver("vkms", true, 0);
	ASSERT_MSG(d.fd >= 0, "no vkms");
	r = drmModeGetResources(d.fd);
	ASSERT(r && r->count_connectors && r->count_crtcs);
	d.connector = r->connectors[0];
	d.crtc = r->crtcs[0];
	c = drmModeGetConnector(d.fd, d.connector);
	ASSERT(c && c->count_modes);
	d.mode = c->modes[0];
	for (i = 1; i < c->count_modes; i++)
		if (c->modes[i].hdisplay * c->modes[i].vdisplay <
		    d.mode.hdisplay * d.mode.vdisplay)
			d.mode = c->modes[i];
	drmModeFreeConnector(c);
	drmModeFreeResources(r);
	d.pitch = d.mode.hdisplay * 4;
	d.size = (d.pitch * d.mode.vdisplay + PAGE - 1) / PAGE * PAGE;
	ASSERT_OK(fstat(d.fd, &st));
	snprintf(d.crc, sizeof(d.crc), "/sys/kernel/debug/dri/%u/crtc-0/crc", minor(st.st_rdev));
	return d;
}

uint32_t display_framebuffer(const struct display *d, uint32_t handle)
{
	uint32_t handles[4] = { handle }, pitches[4] = { d->pitch }, offsets[4] = { 0 }, fb;

	ASSERT_OK(drmModeAddFB2(d->fd, d->mode.hdisplay, d->mode.vdisplay, 0x34325258 /* XR24 */,
				handles, pitches, offsets, &fb, 0));
	return fb;
}

void display_show(struct display *d, uint32_t fb)
{
	ASSERT_OK(drmModeSetCrtc(d->fd, d->crtc, fb, 0, 0, &d->connector, 1, &d->mode));
}

void display_dark(struct display *d)
{
	ASSERT_OK(drmModeSetCrtc(d->fd, d->crtc, 0, 0, 0, NULL, 0, NULL));
}

/* The checksums of the pictures from now on, one a line. */
static int checksums(const struct display *d)
{
	char path[128];
	int control, data;

	snprintf(path, sizeof(path), "%s/control", d->crc);
	control = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_MSG(control >= 0, "%s: %s", path, strerror(errno));
	ASSERT_EQ(write(control, "auto", 4), 4);
	close(control);
	snprintf(path, sizeof(path), "%s/data", d->crc);
	data = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_MSG(data >= 0, "%s: %s", path, strerror(errno));
	return data;
}

static uint32_t next_checksum(int data)
{
	unsigned int crc = 0;
	char line[64];
	ssize_t n;

	n = read(data, line, sizeof(line) - 1);
	ASSERT(n > 0);
	line[n] = 0;
	ASSERT_EQ(sscanf(line, "%*s %x", &crc), 1);
	return crc;
}

uint32_t display_shown(const struct display *d)
{
	int data = checksums(d), i;
	uint32_t last = next_checksum(data), crc;

	for (i = 0; i < MAX_PICTURES; i++) {
		crc = next_checksum(data);
		if (crc == last)
			break;
		last = crc;
	}
	close(data);
	ASSERT_MSG(i < MAX_PICTURES, "no two pictures are the same");
	return last;
}

bool display_becomes(const struct display *d, uint32_t want)
{
	int data = checksums(d), i;

	for (i = 0; i < MAX_PICTURES && next_checksum(data) != want; i++)
		;
	close(data);
	return i < MAX_PICTURES;
}

void display_paint(const struct display *d, uint8_t *p, uint64_t seed)
{
	pattern_fill(p, (size_t)d->pitch * d->mode.vdisplay, seed);
}

uint32_t display_own_picture(struct display *d, uint64_t seed)
{
	struct dumb dumb = dumb_create(d->fd, d->mode.hdisplay, d->mode.vdisplay);
	uint32_t fb, crc;

	ASSERT_EQ(dumb.pitch, d->pitch);
	display_paint(d, dumb.map, seed);
	fb = display_framebuffer(d, dumb.handle);
	display_show(d, fb);
	crc = display_shown(d);
	display_dark(d);
	ASSERT_OK(drmModeRmFB(d->fd, fb));
	munmap(dumb.map, dumb.size);
	ASSERT_OK(drmCloseBufferHandle(d->fd, dumb.handle));
	return crc;
}
