// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vkms, the kernel's virtual display, shows buffers of ours: it maps them for
 * the kernel and composes a picture, of which debugfs tells the checksum. The
 * same picture from a buffer of vkms's own must have the same one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/dumb.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"

#define PAGE		4096u
#define MAX_PICTURES	100

struct display {
	int fd;
	uint32_t connector, crtc;
	drmModeModeInfo mode;
	uint32_t pitch;
	uint64_t size;		/* bytes of a picture */
	char crc[96];		/* folder of the checksums */
};

/* The smallest mode: every picture is composed by an emulated processor. */
static struct display display_open(void)
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

static uint32_t framebuffer(const struct display *d, uint32_t handle)
{
	uint32_t handles[4] = { handle }, pitches[4] = { d->pitch }, offsets[4] = { 0 }, fb;

	ASSERT_OK(drmModeAddFB2(d->fd, d->mode.hdisplay, d->mode.vdisplay, 0x34325258 /* XR24 */,
				handles, pitches, offsets, &fb, 0));
	return fb;
}

static void show(struct display *d, uint32_t fb)
{
	ASSERT_OK(drmModeSetCrtc(d->fd, d->crtc, fb, 0, 0, &d->connector, 1, &d->mode));
}

static void dark(struct display *d)
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

/* Of a picture that does not change: what two in a row have. */
static uint32_t shown(const struct display *d)
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

/* Whether that one is shown soon; the one before may still be on its way. */
static bool becomes(const struct display *d, uint32_t want)
{
	int data = checksums(d), i;

	for (i = 0; i < MAX_PICTURES && next_checksum(data) != want; i++)
		;
	close(data);
	return i < MAX_PICTURES;
}

/* A picture of that seed, opaque, in memory. */
static void paint(const struct display *d, uint8_t *p, uint64_t seed)
{
	pattern_fill(p, (size_t)d->pitch * d->mode.vdisplay, seed);
}

static uint32_t own_picture(struct display *d, uint64_t seed)
{
	struct dumb dumb = dumb_create(d->fd, d->mode.hdisplay, d->mode.vdisplay);
	uint32_t fb, crc;

	ASSERT_EQ(dumb.pitch, d->pitch);
	paint(d, dumb.map, seed);
	fb = framebuffer(d, dumb.handle);
	show(d, fb);
	crc = shown(d);
	dark(d);
	ASSERT_OK(drmModeRmFB(d->fd, fb));
	munmap(dumb.map, dumb.size);
	ASSERT_OK(drmCloseBufferHandle(d->fd, dumb.handle));
	return crc;
}

static void shows_our_buffer(void)
{
	struct display d = display_open();
	int fd = dms_open(), dmabuf;
	struct bo bo = dms_create_mapped(fd, d.size, "picture"), from;
	struct dmashare_ledger l;
	uint32_t handle, fb, one, two;

	one = own_picture(&d, 1);
	two = own_picture(&d, 2);
	ASSERT_NE(one, two);
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(d.fd, dmabuf, &handle));
	ASSERT_EQ(ledger_get(fd, bo.handle).live_attachments, 1);
	covers("attach:vkms detach:vkms");
	fb = framebuffer(&d, handle);
	paint(&d, bo.map, 1);
	show(&d, fb);
	ASSERT(becomes(&d, one));
	l = ledger_get(fd, bo.handle);
	ASSERT(l.notes[DMASHARE_NOTE_VMAP] > l.notes[DMASHARE_NOTE_VUNMAP]);
	/* What a job writes while it is shown, is shown. */
	from = dms_create_mapped(fd, d.size, "paint");
	paint(&d, from.map, 2);
	dms_run_ok(fd, dms_job_copy(&bo, 0, &from, 0, d.size));
	ASSERT(becomes(&d, two));
	dark(&d);
	ASSERT_OK(drmModeRmFB(d.fd, fb));
	ASSERT_OK(drmCloseBufferHandle(d.fd, handle));
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_VMAP], l.notes[DMASHARE_NOTE_VUNMAP]);
	ASSERT_EQ(l.live_attachments, 0);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], l.notes[DMASHARE_NOTE_UNMAP]);
	if (l.notes[DMASHARE_NOTE_MAP])
		covers("map:vkms unmap:vkms");
}

struct showing {
	struct display *d;
	uint32_t fb;
};

static void show_call(void *data)
{
	struct showing *s = data;

	show(s->d, s->fb);
}

/* The picture is not shown before the job that paints it is done. */
static void waits_for_the_painter(void)
{
	struct display d = display_open();
	int fd = dms_open(), dmabuf, in;
	struct bo bo = dms_create_mapped(fd, d.size, "painted");
	struct bo from = dms_create_mapped(fd, d.size, "paint");
	struct drm_dmashare_job job = dms_job_copy(&bo, 0, &from, 0, d.size);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	struct showing showing = { .d = &d };
	uint32_t handle, want = own_picture(&d, 3);
	struct blocker b;
	struct hold h;

	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(d.fd, dmabuf, &handle));
	showing.fb = framebuffer(&d, handle);
	paint(&d, from.map, 3);
	h = hold_sync_file(&in);
	s.in_fence_fd = in;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	blocker_start(&b, show_call, &showing);
	ASSERT_MSG(blocker_sleeps(&b), "shown before it is painted");
	ASSERT(fence_pending(s.out_fence_fd));
	hold_release(&h);
	blocker_join(&b);
	ASSERT_EQ(fence_finish(s.out_fence_fd), 0);
	ASSERT(becomes(&d, want));
	dark(&d);
}

/* Everything of ours is closed: the picture stays. */
static void keeps_it_alive(void)
{
	int watch = dms_open(), fd = dms_open(), dmabuf;
	struct dmashare_ledger before = ledger_get(watch, 0), now, l;
	struct display d = display_open();
	uint32_t handle, fb, want = own_picture(&d, 4);
	struct bo bo = dms_create_mapped(fd, d.size, "kept");

	paint(&d, bo.map, 4);
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(d.fd, dmabuf, &handle));
	fb = framebuffer(&d, handle);
	show(&d, fb);
	dms_destroy(&bo);
	close(dmabuf);
	close(fd);
	ASSERT_OK(drmCloseBufferHandle(d.fd, handle));
	ASSERT(becomes(&d, want));
	now = ledger_get(watch, 0);
	l = ledger_since(&before, &now);
	ASSERT_EQ(l.live_buffers, 1);
	dark(&d);
	ASSERT_OK(drmModeRmFB(d.fd, fb));
	close(d.fd);
	ledger_wait_gone(watch, &before);
}

/* A buffer of vkms's own, in our device. */
static void exports_to_us(void)
{
	struct display d = display_open();
	struct dumb dumb = dumb_create(d.fd, 256, 32);

	dumb_imported(dms_open(), &dumb, dumb_export(&dumb), "vkms");
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(shows_our_buffer,
		    "vmap:vkms vunmap:vkms vmap.system:vkms prime:vkms"),
	KTAP_COVERS(waits_for_the_painter, "usage.write:vkms"),
	KTAP_COVERS(keeps_it_alive, "lifetime:vkms release:vkms"),
	KTAP_COVERS(exports_to_us, "import.read:vkms import.write:vkms import.static:vkms "
		    "import.dynamic:vkms import.vmap:vkms import.unmap:vkms vmap.count:vkms"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
