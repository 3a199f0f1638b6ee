// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device leaves its slot while it renders, announced or by surprise, its function
 * is reset by the kernel, or the system sleeps: whoever renders gets an errno, what
 * waits is released, and the next renderer works. In a VM with HOTPLUG=1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/hotplug.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"
#include "lib/render.h"
#include "lib/sleep.h"

#define SIDE		64u
#define QUEUES		3
/* What the VM's device is made with (tests/guest/vms). */
#define PROPERTIES	"'local-size': 67108864, 'render': true"

/* One that is there, and works. */
static void plugged_in(void)
{
	struct dmashare_ledger l;
	struct canvas c;
	int fd;

	if (!hotplug_there())
		hotplug_add(PROPERTIES);
	fd = hotplug_open();
	l = ledger_get(fd, 0);
	ASSERT_EQ(l.live_buffers + l.live_attachments + l.live_mappings, 0);
	c = canvas_of_another(fd, SIDE, SIDE);
	canvas_works(&c, 0xff2468ac);
	canvas_destroy(&c);
	close(fd);
}

/* What a program may still ask of it, and is told. */
static void all_gone(struct canvas *c)
{
	struct drm_dmashare_resource_create r = render_2d(SIDE, SIDE);
	struct drm_dmashare_job job = canvas_clear(c, 0, 0);
	struct drm_dmashare_render_capset set = { .capset = 1, .length = 8 };
	struct drm_dmashare_submit s = { 0 };
	uint32_t number;

	ASSERT_REFUSED("any", render_try_context(c->fd, DMASHARE_CAPSET_VIRGL2, "", &number),
		       ENODEV);
	ASSERT_ERRNO(render_try_resource(c->fd, &r), ENODEV);
	ASSERT_ERRNO(render_try_add(c->fd, c->context, c->texture), ENODEV);
	ASSERT_ERRNO(render_try_remove(c->fd, c->context, c->texture), ENODEV);
	ASSERT_ERRNO(render_try_state(c->fd, c->context, 0, &number), ENODEV);
	ASSERT_ERRNO(render_try_context_destroy(c->fd, c->context), ENODEV);
	ASSERT_ERRNO(render_try_resource_destroy(c->fd, c->texture), ENODEV);
	ASSERT_ERRNO(drmIoctl(c->fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &set), ENODEV);
	ASSERT_ERRNO(dms_try_submit(c->fd, &s, &job, 1), ENODEV);
}

static uint32_t pixel_of(unsigned int i)
{
	return 0xff000000 | i * 0x20101;
}

/**
 * struct painter - a thread that renders until it is told that it cannot
 * @c: on what
 * @queue: by which job queue
 * @drawn: pictures that were right
 * @error: what ended it
 * @thread: the thread
 */
struct painter {
	struct canvas c;
	uint32_t queue;
	atomic_uint drawn;
	int error;
	pthread_t thread;
};

/* The errno of the ioctl, or 0 and the job's fence. */
static int submit(struct painter *p, struct drm_dmashare_job job, int *fence)
{
	struct drm_dmashare_submit s = {
		.queue = p->queue,
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_fence_fd = -1,
	};

	if (dms_try_submit(p->c.fd, &s, &job, 1))
		return errno;
	*fence = s.out_fence_fd;
	return 0;
}

static void *paint(void *data)
{
	struct painter *p = data;
	struct canvas *c = &p->c;
	unsigned int i;

	for (i = 0; !p->error; i++) {
		int fence[2] = { -1, -1 };

		p->error = submit(p, canvas_clear(c, i % CANVAS_PLACES, pixel_of(i)), &fence[0]);
		if (!p->error)
			p->error = submit(p, canvas_download(c), &fence[1]);
		/* The first one that failed tells why. */
		for (unsigned int k = 0; k < 2; k++) {
			int err = fence[k] < 0 ? 0 : fence_finish(fence[k]);

			if (!p->error)
				p->error = err;
		}
		if (!p->error) {
			render_all_are(c->pixels.map, SIDE * SIDE, pixel_of(i));
			atomic_fetch_add(&p->drawn, 1);
		}
	}
	return NULL;
}

static void painters_start(struct painter *p, unsigned int n, int fd)
{
	time_t end = time(NULL) + SOON_MS / 1000;
	unsigned int i;

	for (i = 0; i < n; i++) {
		p[i] = (struct painter){ .c = canvas_create(fd, SIDE, SIDE), .queue = i };
		ASSERT_EQ(pthread_create(&p[i].thread, NULL, paint, &p[i]), 0);
	}
	for (i = 0; i < n; i++)
		while (atomic_load(&p[i].drawn) < 3)
			ASSERT_MSG(time(NULL) < end && !p[i].error,
				   "queue %u has drawn %u times: %s", i,
				   atomic_load(&p[i].drawn), strerror(p[i].error));
}

static void painters_end(struct painter *p, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ASSERT_EQ(pthread_join(p[i].thread, NULL), 0);
}

static void rendering(enum unplug how)
{
	struct painter p[QUEUES];
	unsigned int i;
	int fd;

	plugged_in();
	fd = hotplug_open();
	painters_start(p, QUEUES, fd);
	hotplug_remove(how);
	painters_end(p, QUEUES);
	for (i = 0; i < QUEUES; i++)
		ASSERT_MSG(p[i].error == ENODEV, "the thread got %s", strerror(p[i].error));
	all_gone(&p[0].c);
	for (i = 0; i < QUEUES; i++)
		canvas_destroy(&p[i].c);
	close(fd);
	plugged_in();
}

static void rendering_surprise(void)
{
	rendering(SURPRISE);
}

static void rendering_orderly(void)
{
	rendering(ORDERLY);
}

/* Jobs on the device whose fences are held, and one that waits for another's. */
static void waiting(enum unplug how)
{
	int fd, held, waits, in, dmabuf;
	struct drm_dmashare_job job;
	struct canvas c;
	struct hold h;

	plugged_in();
	ctl_calm(0);
	fd = hotplug_open();
	c = canvas_create(fd, SIDE, SIDE);
	canvas_works(&c, 0xff010101);
	dmabuf = dms_export(fd, c.pixels.handle);
	ctl_hold(0, "'count': 1, 'watchdog': 600000000000");
	job = canvas_download(&c);
	held = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_wait_held(0, 1);
	h = hold_sync_file(&in);
	waits = dms_submit_after(fd, 1, 0, in, canvas_clear(&c, 1, 0xffffffff));
	hotplug_remove(how);
	ASSERT_EQ(fence_finish(held), ENODEV);
	poll_until(dmabuf, POLLIN | POLLOUT);
	hold_release(&h);
	close(in);
	ASSERT_EQ(fence_finish(waits), ENODEV);
	render_all_are(c.pixels.map, SIDE * SIDE, 0xff010101);
	all_gone(&c);
	close(dmabuf);
	canvas_destroy(&c);
	close(fd);
	plugged_in();
}

static void waiting_surprise(void)
{
	waiting(SURPRISE);
}

static void waiting_orderly(void)
{
	waiting(ORDERLY);
}

/*
 * What the renderer was given, and says nothing of, for it is a program that reads and
 * never answers: that is certainly on the way when the device goes.
 */
static void unanswered(void)
{
	struct drm_dmashare_render_capset set = { .capset = DMASHARE_CAPSET_VIRGL, .length = 8 };
	struct canvas c = { .width = SIDE, .height = SIDE };
	struct drm_dmashare_job job;
	int drawn, read;

	plugged_in();
	hotplug_remove(SURPRISE);
	hotplug_add(PROPERTIES ", 'render-program': '/bin/cat', 'render-timeout-ms': 3600000");
	c.fd = hotplug_open();
	ASSERT_REFUSED("RENDER_CAPSET", drmIoctl(c.fd, DRM_IOCTL_DMASHARE_RENDER_CAPSET, &set),
		       EBUSY);
	c.context = render_context(c.fd, "unanswered");
	c.texture = render_texture(c.fd, SIDE, SIDE);
	c.box = render_box(c.texture, SIDE, SIDE);
	ASSERT_OK(render_try_add(c.fd, c.context, c.texture));
	c.commands = dms_create_mapped(c.fd, CANVAS_ROOM, "commands");
	c.pixels = create_mapped_in(c.fd, canvas_bytes(&c), LOCAL);
	memset(c.pixels.map, 0x5a, c.pixels.size);
	job = canvas_clear(&c, 0, 0xffffffff);
	drawn = dms_submit_fence(c.fd, 0, 0, &job, 1);
	job = canvas_download(&c);
	read = dms_submit_fence(c.fd, 1, 0, &job, 1);
	ctl_wait_pending(0, 2);
	ASSERT(fence_pending(drawn) && fence_pending(read));
	hotplug_remove(SURPRISE);
	ASSERT_EQ(fence_finish(drawn), ENODEV);
	ASSERT_EQ(fence_finish(read), ENODEV);
	all_gone(&c);
	canvas_destroy(&c);
	close(c.fd);
	plugged_in();
}

/* Painters whose contexts are lost, by something that leaves the device. */
static void painters_lose(unsigned int n, void (*lose)(int fd))
{
	struct painter p[QUEUES];
	struct bo keeps;
	unsigned int i;
	int fd;

	plugged_in();
	ctl_calm(0);
	fd = hotplug_open();
	keeps = create_mapped_in(fd, SIDE * SIDE * 4, LOCAL);
	pattern_fill(keeps.map, keeps.size, 7);
	painters_start(p, n, fd);
	lose(fd);
	painters_end(p, n);
	for (i = 0; i < n; i++) {
		ASSERT_MSG(p[i].error == ECANCELED || p[i].error == ENOTRECOVERABLE,
			   "the thread got %s", strerror(p[i].error));
		ASSERT_EQ(render_context_error(fd, p[i].c.context), ECANCELED);
		ASSERT_EQ(render_resource_error(fd, p[i].c.texture), ECANCELED);
		canvas_destroy(&p[i].c);
	}
	ASSERT(pattern_check(keeps.map, keeps.size, 7));
	p[0].c = canvas_create(fd, SIDE, SIDE);
	canvas_works(&p[0].c, 0xff13579b);
	/* A picture from where it was kept, and back. */
	dms_run_ok(fd, render_upload(&p[0].c.box, &keeps, 0, keeps.size));
	memset(keeps.map, 0x5a, keeps.size);
	dms_run_ok(fd, render_download(&p[0].c.box, &keeps, 0, keeps.size));
	ASSERT(pattern_check(keeps.map, keeps.size, 7));
	canvas_destroy(&p[0].c);
	dms_destroy(&keeps);
	close(fd);
	plugged_in();
}

static void reset_function(int fd)
{
	device_write(fd, "reset", "1");
}

/* The kernel resets the function: contexts and resources are lost, and no more. */
static void function_reset(void)
{
	painters_lose(QUEUES, reset_function);
}

static void sleep_a_while(int fd)
{
	(void)fd;
	sleep_to("devices");
}

/* What is under way is done before; afterwards it is as after a reset. */
static void asleep(void)
{
	painters_lose(1, sleep_a_while);
}

/* With a job that the renderer does not come to an end with there is no sleep. */
static void no_sleep(void)
{
	struct drm_dmashare_job job;
	struct canvas c;
	int fd, fence;

	plugged_in();
	ctl_calm(0);
	fd = hotplug_open();
	c = canvas_create(fd, SIDE, SIDE);
	canvas_works(&c, 0xff757575);
	ctl(0, "dmashare-render-fault", "'fault': 'hang'");
	job = canvas_clear(&c, 1, 0xffffffff);
	fence = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_wait_pending(0, 1);
	sleep_refused("devices");
	ASSERT(fence_pending(fence));
	ASSERT_EQ(render_context_error(fd, c.context), 0);
	ctl(0, "dmashare-render-fault", "'fault': 'end'");
	ASSERT_EQ(fence_finish(fence), ECONNRESET);
	ASSERT_EQ(render_context_error(fd, c.context), ECONNRESET);
	render_all_are(c.pixels.map, SIDE * SIDE, 0xff757575);
	canvas_destroy(&c);
	close(fd);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW(function_reset, 200),
	KTAP_SLOW(asleep, 200),
	KTAP_SLOW(no_sleep, 200),
	KTAP_SLOW(unanswered, 200),
	KTAP_SLOW(rendering_surprise, 200),
	KTAP_SLOW(rendering_orderly, 200),
	KTAP_SLOW(waiting_surprise, 200),
	KTAP_SLOW(waiting_orderly, 200),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
