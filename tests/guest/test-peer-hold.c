// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another VM's buffers (lib/view.h) by turns: each side waits until the other gives
 * the buffer back, contents are told of, and a hold ends with whoever has it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/json.h"
#include "lib/ktap.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/share.h"
#include "lib/sleep.h"
#include "lib/view.h"

#define PAGE	4096u
#define SIZE	VIEW_SIZE
#define ONES	0x0101010101010101ull
#define WRITE	DRM_DMASHARE_PEER_WRITE
#define CONTENT	DRM_DMASHARE_PEER_CONTENT

/* fence_finish() in the kernel's manner. */
static int fence_try_finish(int fence)
{
	errno = fence_finish(fence);
	return errno ? -1 : 0;
}

/* --- taking turns */

static void the_owner_waits(void)
{
	struct view v = view_opened("owner waits", 0);
	struct drm_dmashare_job fill = dms_job_fill(&v.there, 0, SIZE, ONES);
	int granted, owners, fence;

	granted = peer_acquire(&v.here, 0, LONG_NS);
	ASSERT_EQ(fence_wait(granted), 0);
	owners = view_owners_fences(&v);
	ASSERT(fence_pending(owners));
	/* It may read, but not write. */
	ASSERT_EQ(dms_crc(v.a, &v.there, 0, SIZE), crc32c(v.here.map, SIZE));
	fence = dms_submit_fence(v.a, 0, 0, &fill, 1);
	view_settle(&v);
	ASSERT(fence_pending(fence));
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&v.here, 0, LONG_NS), EBUSY);
	peer_release(&v.here, 0);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(fence_finish(owners), 0);
	ASSERT(all_bytes(v.here.map, SIZE, 1));
	ASSERT_REFUSED("PEER_RELEASE", peer_try_release(&v.here, 0), EINVAL);
	/* And again. */
	view_turn(&v, 0);
}

static void we_wait_for_the_owner(void)
{
	struct view v = view_opened_system("we wait", WRITE);
	struct bo own = dms_create_mapped(v.b, SIZE, "own");
	struct drm_dmashare_job jobs[] = {
		dms_job_copy(&own, 0, &v.here, 0, SIZE),
	};
	struct hold h = hold_dmabuf(v.dmabuf, true);
	int granted, fence;

	granted = peer_acquire(&v.here, 0, LONG_NS);
	/* By the reservation, without knowing what for. */
	fence = dms_submit_fence(v.b, 0, 0, jobs, 1);
	view_settle(&v);
	ASSERT(fence_pending(granted));
	ASSERT(fence_pending(fence));
	pattern_fill(v.there.map, SIZE, 7);
	hold_release(&h);
	ASSERT_EQ(fence_finish(granted), 0);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(pattern_check(own.map, SIZE, 7));
	peer_release(&v.here, 0);

	/* A reader of the owner's is waited for by who wants to write. */
	h = hold_dmabuf(v.dmabuf, false);
	view_turn(&v, 0);
	granted = peer_acquire(&v.here, WRITE, LONG_NS);
	view_settle(&v);
	ASSERT(fence_pending(granted));
	hold_release(&h);
	ASSERT_EQ(fence_finish(granted), 0);
	pattern_fill(v.here.map, SIZE, 8);
	peer_release(&v.here, 0);
	ASSERT(pattern_check(v.there.map, SIZE, 8));
}

/* What was given to the device before is done before the owner goes on. */
static void released_when_all_is_done(void)
{
	struct view v = view_opened("all is done", WRITE);
	struct bo own = dms_create_mapped(v.b, SIZE, "own");
	struct drm_dmashare_job jobs[] = {
		dms_job_noop(200 * MSEC),
		dms_job_copy(&own, 0, &v.here, 0, SIZE),
	};
	struct drm_dmashare_job fill = dms_job_fill(&v.there, 0, SIZE, ONES);
	int fence;

	view_take(&v, 0);
	dms_submit(v.b, 0, 0, jobs, 2);
	peer_release(&v.here, 0);
	fence = dms_submit_fence(v.a, 0, 0, &fill, 1);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(pattern_check(own.map, SIZE, 1));
	ASSERT(all_bytes(v.there.map, SIZE, 1));
}

static void errors_cross(void)
{
	struct view v = view_opened("errors", WRITE);
	struct drm_dmashare_job fill = dms_job_fill(&v.here, 0, SIZE, ONES);
	int owners, fence;

	/* Ours, as we say. */
	view_take(&v, WRITE);
	owners = view_owners_fences(&v);
	ASSERT_ERRNO(peer_try_release(&v.here, 4096), EINVAL);
	peer_release(&v.here, EILSEQ);
	ASSERT_EQ(fence_finish(owners), EILSEQ);

	/* Our job's. */
	view_take(&v, WRITE);
	owners = view_owners_fences(&v);
	ctl_hold(1, "'count': 1, 'watchdog': %llu", LONG_NS);
	fence = dms_submit_fence(v.b, 0, 0, &fill, 1);
	ctl_wait_held(1, 1);
	peer_release(&v.here, 0);
	view_settle(&v);
	ASSERT(fence_pending(owners));
	ctl_act(1, ctl_fence_of(1, v.here.id), "fail", EIO);
	ASSERT_EQ(fence_finish(fence), EIO);
	ASSERT_EQ(fence_finish(owners), EIO);
}

/* Whether we give it back or not. */
static void held_too_long(void)
{
	struct view v = view_opened("too long", 0);
	int owners, granted;

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, SEC)), 0);
	owners = view_owners_fences(&v);
	ASSERT_EQ(fence_finish(owners), ETIMEDOUT);
	view_settle(&v);
	peer_release(&v.here, 0);

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, MSEC)), 0);
	while ((granted = peer_try_acquire(&v.here, 0, LONG_NS)) < 0) {
		ASSERT_EQ(errno, EBUSY);
		view_settle(&v);
	}
	ASSERT_EQ(fence_finish(granted), 0);
	peer_release(&v.here, 0);
}

static void closing_gives_it_back(void)
{
	struct view v = view_opened_system("closing", 0);
	int granted, owners;

	view_take(&v, 0);
	owners = view_owners_fences(&v);
	dms_destroy(&v.here);
	ASSERT_REFUSED("PEER_RELEASE", fence_try_finish(owners), ECANCELED);

	/* Before it was granted. */
	v.here = peer_open(v.b, &v.found, 0);
	struct hold h = hold_dmabuf(v.dmabuf, true);

	granted = peer_acquire(&v.here, 0, LONG_NS);
	dms_destroy(&v.here);
	ASSERT_EQ(fence_finish(granted), ECANCELED);
	hold_release(&h);
	owners = view_owners_fences(&v);
	fence_finish(owners);

	/* And without any handle, when the file is closed. */
	v.here = peer_open(v.b, &v.found, 0);
	view_take(&v, 0);
	owners = view_owners_fences(&v);
	close(v.b);
	ASSERT_EQ(fence_finish(owners), ECANCELED);
}

/*
 * Each waits for contents, which nobody publishes, and then for a job of ours, so
 * that it can be given up by PEER_RELEASE but is not over. On several buffers, for
 * to be given up it waits for all that were there before.
 */
static void too_many_holds(void)
{
	struct view v = view_of_none();
	struct drm_dmashare_peer_acquire a = { .flags = CONTENT };
	struct bo there, here[64];
	struct hold h;
	int in, fence = -1;
	unsigned int i, n;

	h = hold_sync_file(&in);
	for (i = 0; i < ARRAY_SIZE(here); i++) {
		there = dms_create_in(v.a, PAGE, LOCAL, 0, "too many");
		share_bytes(&there, 0);
		ASSERT_OK(peer_try_find(v.b, "too many", v.found.peer, SOON_NS, &v.found));
		here[i] = peer_open(v.b, &v.found, DRM_DMASHARE_PEER_SUBSCRIBE);
		if (fence >= 0)
			close(fence);
		fence = dms_submit_after(v.b, 0, 0, in, dms_job_crc(&here[i], 0, PAGE));
	}
	for (n = 0; n < 1u << 14; n++) {
		a.handle = here[n % ARRAY_SIZE(here)].handle;
		if (drmIoctl(v.b, DRM_IOCTL_DMASHARE_PEER_ACQUIRE, &a))
			break;
		peer_release(&here[n % ARRAY_SIZE(here)], 0);
	}
	ASSERT_REFUSED("PEER_ACQUIRE", drmIoctl(v.b, DRM_IOCTL_DMASHARE_PEER_ACQUIRE, &a), ENOSPC);
	ktap_diag("%u holds", n);
	ASSERT(n > ARRAY_SIZE(here));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence), 0);
	/* All are given up, one after the other. */
	while ((fence = peer_try_acquire(&here[0], 0, LONG_NS)) < 0)
		ASSERT_EQ(errno, ENOSPC);
	ASSERT_EQ(fence_finish(fence), 0);
	peer_release(&here[0], 0);
}

static void acquire_is_checked(void)
{
	struct view v = view_opened("checked", WRITE);

	ASSERT_ERRNO(peer_try_acquire(&v.here, 0, 0), EINVAL);
	ASSERT_ERRNO(peer_try_acquire(&v.here, 0, DMASHARE_MAX_HOLD_NS + 1), EINVAL);
	ASSERT_ERRNO(peer_try_acquire(&v.here, 1 << 7, SEC), EINVAL);
	/* Not opened with SUBSCRIBE. */
	ASSERT_ERRNO(peer_try_acquire(&v.here, CONTENT, 0), EINVAL);
	ASSERT_ERRNO(peer_try_acquire(&v.here, CONTENT | WRITE, 0), EINVAL);
	dms_destroy(&v.here);
	v.here = peer_open(v.b, &v.found, DRM_DMASHARE_PEER_SUBSCRIBE);
	ASSERT_ERRNO(peer_try_acquire(&v.here, CONTENT, SEC), EINVAL);
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&v.here, WRITE, SEC), EACCES);
}

/* --- contents */

static void each_content_once(void)
{
	struct view v = view_opened("contents", DRM_DMASHARE_PEER_SUBSCRIBE);
	uint64_t i;

	/* The owner's server has heard of us when it has granted something. */
	view_turn(&v, 0);
	for (i = 1; i <= rounds(40); i++) {
		struct drm_dmashare_job fill = dms_job_fill(&v.there, 0, SIZE, i * ONES);
		int granted = -1, published, written;

		/* Asked for before, or after. */
		if (i % 2)
			granted = peer_acquire(&v.here, CONTENT, 0);
		written = dms_submit_fence(v.a, 0, 0, &fill, 1);
		published = share_publish(&v.there, i, LONG_NS);
		if (granted < 0)
			granted = peer_acquire(&v.here, CONTENT, 0);
		ASSERT_EQ(fence_finish(granted), 0);
		ASSERT_EQ(fence_finish(written), 0);
		ASSERT_EQ(peer_state(&v.here).acquired, i);
		ASSERT_EQ(peer_state(&v.here).sequence, i);
		ASSERT(all_bytes(v.here.map, SIZE, i));
		ASSERT(fence_pending(published));
		peer_release(&v.here, i % 5 ? 0 : EIO);
		ASSERT_EQ(fence_finish(published), i % 5 ? 0 : EIO);
	}
}

static void content_is_told(void)
{
	struct view v = view_opened("told", 0);
	struct drm_dmashare_peer_next again;

	/* Nobody subscribed: the owner need not wait. */
	ASSERT_EQ(fence_finish(share_publish(&v.there, 77, LONG_NS)), 0);
	view_settle(&v);
	ASSERT_EQ(peer_state(&v.here).sequence, 77);
	ASSERT_EQ(peer_state(&v.here).acquired, 0);
	ASSERT_OK(peer_try_find(v.b, "told", 0, 0, &again));
	ASSERT_EQ(again.sequence, 77);
}

/* --- the end of holds that nobody here chose */

static void taken_back_while_held(void)
{
	struct view v = view_opened("while held", 0);
	struct hold h;
	int granted;

	view_take(&v, 0);
	share_end(&v.there);
	view_settle(&v);
	view_check_stale(&v);
	/* There is nothing to be given back, which is no error. */
	peer_release(&v.here, 0);

	v = view_opened_system("while waiting", 0);
	h = hold_dmabuf(v.dmabuf, true);
	granted = peer_acquire(&v.here, 0, LONG_NS);
	share_end(&v.there);
	ASSERT_REFUSED("PEER_ACQUIRE", fence_try_finish(granted), ECANCELED);
	hold_release(&h);
}

/* The server throws us out: we come again, and all is announced anew. */
static void connection_is_lost(void)
{
	struct view v = view_opened_system("lost", 0);
	uint32_t share = v.found.share;
	struct hold h = hold_dmabuf(v.dmabuf, true);
	int granted = peer_acquire(&v.here, 0, LONG_NS);
	uint64_t us;

	view_settle(&v);
	/* The only client in this VM. */
	us = json_member_number(json_first(ctl(0, "query-dmashare-clients", "%s", "")), "client");
	ctl(0, "dmashare-client-disconnect", "'client': %llu", (unsigned long long)us);
	ASSERT_REFUSED("PEER_ACQUIRE", fence_try_finish(granted), ECONNRESET);
	hold_release(&h);
	view_comes_again(&v, 0);
	ASSERT_EQ(v.found.share, share);
	view_turn(&v, 0);
}

/* All that was known is announced anew, and none of it is what it was. */
static void our_device_is_reset(void)
{
	struct view v = view_opened_system("our reset", WRITE);
	struct hold h = hold_dmabuf(v.dmabuf, true);
	struct bo own = dms_create_mapped(v.b, SIZE, "own");
	int granted, dmabuf = dms_export(v.b, v.here.handle);

	pattern_fill(own.map, SIZE, 9);
	dms_crc(v.b, &v.here, 0, SIZE);
	granted = peer_acquire(&v.here, 0, LONG_NS);
	device_write(v.b, "reset", "1");
	ASSERT_EQ(fence_finish(granted), ECANCELED);
	hold_release(&h);
	view_check_stale(&v);
	peer_release(&v.here, 0);
	ASSERT_ERRNO(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ESTALE);
	close(dmabuf);
	/* Ours are as they were. */
	ASSERT_EQ(dms_crc(v.b, &own, 0, SIZE), crc32c(own.map, SIZE));
	view_comes_again(&v, WRITE);
	dms_run_ok(v.b, dms_job_copy(&v.here, 0, &own, 0, SIZE));
	ASSERT(pattern_check(v.there.map, SIZE, 9));
	view_turn(&v, WRITE);
}

/* As from a reset; the owner is on a device that sleeps as well. */
static void the_system_sleeps(void)
{
	struct view v = view_opened_system("asleep", WRITE);

	view_take(&v, 0);
	sleep_to("devices");
	/* There is nothing to be given back, which is no error. */
	peer_release(&v.here, 0);
	view_comes_again(&v, WRITE);
	pattern_fill(v.here.map, SIZE, 2);
	ASSERT(pattern_check(v.there.map, SIZE, 2));
	view_turn(&v, WRITE);
}

static void owners_device_is_reset(void)
{
	struct view v = view_opened("owner's reset", 0);

	view_take(&v, 0);
	device_write(v.a, "reset", "1");
	view_settle(&v);
	view_check_stale(&v);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
}

static void our_device_goes(void)
{
	struct view v = view_opened("we go", WRITE);
	char address[BUS_ADDRESS];
	int owners;

	ASSERT(bus_address(v.b, address));
	view_take(&v, WRITE);
	owners = view_owners_fences(&v);
	driver_control(address, "unbind");
	/* The device was reset on the way: its holds are given up. */
	ASSERT_EQ(fence_finish(owners), ECANCELED);
	ASSERT(all_bytes(v.here.map, SIZE, 0));
	memset(v.here.map, 1, SIZE);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
	munmap(v.here.map, SIZE);
	close(v.b);
	driver_control(address, "bind");
	v.b = dms_open_nth(1);
	ASSERT_OK(peer_try_find(v.b, "we go", v.found.peer, SOON_NS, &v.found));
	view_open(&v, 0);
}

/* --- all at once */

/*
 * Shares a buffer, has it move, and takes it back or frees it, at any time; but every
 * fourth one stays until it was used, as a byte from @used says.
 */
static void restless_owner(unsigned int n, int used)
{
	int a = dms_open_nth(0);
	unsigned int i;
	char byte;

	for (i = 0; i < n; i++) {
		bool patient = i % 4 == 0;
		struct drm_dmashare_bo_share s = { .flags = DRM_DMASHARE_SHARE_WRITE };
		struct bo bo = create_mapped_in(a, SIZE, i % 3 ? LOCAL : SYSTEM);

		memset(bo.map, 0x55, SIZE);
		snprintf((char *)s.name, sizeof(s.name), patient ? "patient" : "restless");
		ASSERT_OK(share_try(&bo, &s));
		if (patient)
			ASSERT(read(used, &byte, 1) == 1);
		else
			close(share_publish(&bo, i, 10 * MSEC));
		if (!patient && i % 5 == 0)
			dms_try_move(a, bo.handle, i % 3 ? SYSTEM : LOCAL, 0);
		dms_run_ok(a, dms_job_noop((i % 7) * MSEC));
		if (i % 2)
			share_end(&bo);
		dms_destroy(&bo);
	}
}

/* Whether it failed; because the owner was faster, then. */
static bool lost_the_race(const char *what, int err)
{
	ASSERT_MSG(!err || err == ENOENT || err == ESTALE || err == ECANCELED ||
		   err == ETIMEDOUT, "%s: %s", what, strerror(err));
	return err;
}

/*
 * What was seen before the owner lets us have the buffer (again) are its bytes: it
 * would not if it were not there.
 */
static bool use_restless(struct bo *bo, bool content)
{
	struct drm_dmashare_job crc = dms_job_crc(bo, 0, SIZE);
	struct drm_dmashare_submit s = { .flags = DRM_DMASHARE_SUBMIT_OUT_FENCE };
	int granted;
	bool good;

	if (peer_try_map(bo, !content))
		return !lost_the_race("BO_MMAP", errno);
	granted = peer_try_acquire(bo, content ? CONTENT : WRITE, content ? 0 : 10 * MSEC);
	if (granted < 0)
		return !lost_the_race("PEER_ACQUIRE", errno);
	if (!dms_try_submit(bo->fd, &s, &crc, 1))
		lost_the_race("a job", fence_finish(s.out_fence_fd));
	else
		ASSERT_EQ(errno, ESTALE);
	good = all_bytes(bo->map, SIZE, 0x55);
	peer_release(bo, 0);
	lost_the_race("PEER_ACQUIRE", fence_finish(granted));

	granted = peer_try_acquire(bo, 0, 10 * MSEC);
	if (granted < 0)
		return !lost_the_race("PEER_ACQUIRE", errno);
	if (lost_the_race("PEER_ACQUIRE", fence_finish(granted)))
		return false;
	ASSERT(good);
	peer_release(bo, 0);
	return true;
}

static void an_owner_without_rest(void)
{
	int b = dms_open_nth(1), status;
	uint64_t free = dms_param(b, DRM_DMASHARE_PARAM_PEER_FREE);
	struct drm_dmashare_peer_next next;
	unsigned int seen = 0, good = 0;
	uint32_t known = 0;
	int used[2];
	struct bo bo;
	pid_t child;

	ASSERT_OK(pipe(used));
	child = fork();
	ASSERT_OK(child);
	if (!child) {
		restless_owner(rounds(120), used[0]);
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG)) {
		bool patient, content;

		if (peer_try_next(b, known, 10 * MSEC, &next)) {
			ASSERT_EQ(errno, ETIME);
			continue;
		}
		known = next.peer;
		patient = !strcmp((const char *)next.name, "patient");
		content = !patient && seen % 3 == 0;
		seen++;
		if (patient) {
			bo = peer_open(b, &next, WRITE);
			ASSERT(use_restless(&bo, false));
			good++;
			dms_destroy(&bo);
			ASSERT(write(used[1], "", 1) == 1);
			continue;
		}
		if (peer_try_open(b, &next, content ? DRM_DMASHARE_PEER_SUBSCRIBE : WRITE,
				  &bo)) {
			lost_the_race("PEER_OPEN", errno);
			continue;
		}
		good += use_restless(&bo, content);
		dms_destroy(&bo);
	}
	ASSERT(WIFEXITED(status) && !WEXITSTATUS(status));
	ktap_diag("%u seen, %u with their bytes", seen, good);
	ASSERT(good);
	ASSERT_EQ(dms_param(b, DRM_DMASHARE_PARAM_PEER_FREE), free);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(the_owner_waits),
	KTAP_CASE(we_wait_for_the_owner),
	KTAP_CASE(released_when_all_is_done),
	KTAP_CASE(errors_cross),
	KTAP_CASE(held_too_long),
	KTAP_CASE(closing_gives_it_back),
	KTAP_SLOW(too_many_holds, 120),
	KTAP_CASE(acquire_is_checked),
	KTAP_CASE(each_content_once),
	KTAP_CASE(content_is_told),
	KTAP_CASE(taken_back_while_held),
	KTAP_CASE(connection_is_lost),
	KTAP_CASE(our_device_is_reset),
	KTAP_CASE(owners_device_is_reset),
	KTAP_CASE(the_system_sleeps),
	KTAP_CASE(our_device_goes),
	KTAP_SLOW(an_owner_without_rest, 120),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
