/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vkms, the kernel's virtual display. It composes a picture of the buffer that
 * it shows, and debugfs tells the checksum of each.
 */
#ifndef DMASHARE_TEST_DISPLAY_H
#define DMASHARE_TEST_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include <xf86drmMode.h>

struct display {
	int fd;
	uint32_t connector, crtc;
	drmModeModeInfo mode;
	uint32_t pitch;
	uint64_t size;		/* bytes of a picture */
	char crc[96];		/* folder of the checksums */
};

/* Loads vkms if need be; the case fails when there is none. */
struct display display_open(void);
/* A framebuffer of a GEM handle of vkms's. */
uint32_t display_framebuffer(const struct display *d, uint32_t handle);
/* Shows it when its fences have signalled, or nothing. */
void display_show(struct display *d, uint32_t fb);
void display_dark(struct display *d);
/* The checksum of a picture that does not change: what two in a row have. */
uint32_t display_shown(const struct display *d);
/* Whether that one is shown soon; the one before may still be on its way. */
bool display_becomes(const struct display *d, uint32_t want);
/* A picture of that seed, opaque, in memory. */
void display_paint(const struct display *d, uint8_t *p, uint64_t seed);
/* Shows it from a buffer of vkms's own, once; its checksum. */
uint32_t display_own_picture(struct display *d, uint64_t seed);

#endif /* DMASHARE_TEST_DISPLAY_H */
