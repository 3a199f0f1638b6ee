// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vkms, the kernel's virtual display, shows buffers of ours: it maps them for
 * the kernel and composes a picture, of which debugfs tells the checksum. The
 * same picture from a buffer of vkms's own must have the same one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "lib/crc32c.h"
#include "lib/display.h"
#include "lib/dms.h"
#include "lib/dumb.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

static void shows_our_buffer(void)
{
	struct display d = display_open();
	int fd = dms_open(), dmabuf;
	struct bo bo = dms_create_mapped(fd, d.size, "picture"), from;
	struct dmashare_ledger l;
	uint32_t handle, fb, one, two;

	one = display_own_picture(&d, 1);
	two = display_own_picture(&d, 2);
	ASSERT_NE(one, two);
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(d.fd, dmabuf, &handle));
	ASSERT_EQ(ledger_get(fd, bo.handle).live_attachments, 1);
	covers("attach:vkms detach:vkms");
	fb = display_framebuffer(&d, handle);
	display_paint(&d, bo.map, 1);
	display_show(&d, fb);
	ASSERT(display_becomes(&d, one));
	l = ledger_get(fd, bo.handle);
	ASSERT(l.notes[DMASHARE_NOTE_VMAP] > l.notes[DMASHARE_NOTE_VUNMAP]);
	/* What a job writes while it is shown, is shown. */
	from = dms_create_mapped(fd, d.size, "paint");
	display_paint(&d, from.map, 2);
	dms_run_ok(fd, dms_job_copy(&bo, 0, &from, 0, d.size));
	ASSERT(display_becomes(&d, two));
	display_dark(&d);
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

	display_show(s->d, s->fb);
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
	uint32_t handle, want = display_own_picture(&d, 3);
	struct blocker b;
	struct hold h;

	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(d.fd, dmabuf, &handle));
	showing.fb = display_framebuffer(&d, handle);
	display_paint(&d, from.map, 3);
	h = hold_sync_file(&in);
	s.in_fence_fd = in;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	blocker_start(&b, show_call, &showing);
	ASSERT_MSG(blocker_sleeps(&b), "shown before it is painted");
	ASSERT(fence_pending(s.out_fence_fd));
	hold_release(&h);
	blocker_join(&b);
	ASSERT_EQ(fence_finish(s.out_fence_fd), 0);
	ASSERT(display_becomes(&d, want));
	display_dark(&d);
}

/* Everything of ours is closed: the picture stays. */
static void keeps_it_alive(void)
{
	int watch = dms_open(), fd = dms_open(), dmabuf;
	struct dmashare_ledger before = ledger_get(watch, 0), now, l;
	struct display d = display_open();
	uint32_t handle, fb, want = display_own_picture(&d, 4);
	struct bo bo = dms_create_mapped(fd, d.size, "kept");

	display_paint(&d, bo.map, 4);
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(d.fd, dmabuf, &handle));
	fb = display_framebuffer(&d, handle);
	display_show(&d, fb);
	dms_destroy(&bo);
	close(dmabuf);
	close(fd);
	ASSERT_OK(drmCloseBufferHandle(d.fd, handle));
	ASSERT(display_becomes(&d, want));
	now = ledger_get(watch, 0);
	l = ledger_since(&before, &now);
	ASSERT_EQ(l.live_buffers, 1);
	display_dark(&d);
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
