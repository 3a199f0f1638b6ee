// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another VM's buffers: the second device is a client of the first one's share
 * server, so one program sees both sides. What the second device shows in its
 * window are the first one's very pages: every case looks at the bytes on both
 * sides.
 *
 * Two VMs, and what happens when one of them dies, are in scripts/two-vms.
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
#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/json.h"
#include "lib/ktap.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/share.h"
#include "lib/sleep.h"

#define PAGE	4096u
#define SIZE	(16 * PAGE)
#define ONES	0x0101010101010101ull
#define PEER	DMASHARE_PLACEMENT_PEER
#define WRITE	DRM_DMASHARE_PEER_WRITE
#define CONTENT	DRM_DMASHARE_PEER_CONTENT
#define LONG_NS	(60 * SEC)

/**
 * struct view - a buffer of the first device, seen from the second
 * @a: the owner's device
 * @b: ours
 * @there: the buffer, mapped
 * @dmabuf: of @there
 * @found: what is known of it at ours
 * @here: the buffer at ours, mapped
 */
struct view {
	int a, b;
	struct bo there;
	int dmabuf;
	struct drm_dmashare_peer_next found;
	struct bo here;
};

/* Makes the buffer, shares it, and waits until it is known. */
static struct view announced(const char *name, uint32_t placement, uint32_t share_flags)
{
	struct view v = { .a = dms_open_nth(0), .b = dms_open_nth(1) };

	v.there = create_mapped_in(v.a, SIZE, placement);
	v.dmabuf = dms_export(v.a, v.there.handle);
	pattern_fill(v.there.map, SIZE, 1);
	struct drm_dmashare_bo_share s = { .flags = share_flags };
	memcpy(s.name, name, strlen(name));
	ASSERT_OK(share_try(&v.there, &s));
	ASSERT_OK(peer_try_find(v.b, name, 0, SOON_NS, &v.found));
	ASSERT_EQ(v.found.share, s.share);
	return v;
}

/* And opened, mapped for writing if it is opened so. */
static struct view opened_in(const char *name, uint32_t placement, uint32_t flags)
{
	struct view v = announced(name, placement,
				  flags & WRITE ? DRM_DMASHARE_SHARE_WRITE : 0);

	v.here = peer_open(v.b, &v.found, flags);
	peer_map(&v.here, flags & WRITE);
	return v;
}

static struct view opened(const char *name, uint32_t flags)
{
	return opened_in(name, LOCAL, flags);
}

/* Where a fence of vgem can be put on it: vgem reaches no local memory. */
static struct view opened_system(const char *name, uint32_t flags)
{
	return opened_in(name, SYSTEM, flags);
}

/*
 * Everything that the owner said so far has come: messages come in order, and
 * so do what is announced and what is withdrawn.
 */
static void settle(const struct view *v)
{
	struct bo last = dms_create_in(v->a, PAGE, LOCAL, 0, "settle");
	struct drm_dmashare_peer_next found;
	struct drm_dmashare_bo_share s = { 0 };
	static unsigned int number;

	snprintf((char *)s.name, sizeof(s.name), "settle %d.%u", getpid(), number++);
	ASSERT_OK(share_try(&last, &s));
	ASSERT_OK(peer_try_find(v->b, (const char *)s.name, 0, SOON_NS, &found));
	dms_destroy(&last);
}

static bool withdrawn(const struct view *v)
{
	return peer_state(&v->here).flags & DRM_DMASHARE_PEER_WITHDRAWN;
}

/* fence_finish() in the kernel's manner. */
static int fence_try_finish(int fence)
{
	errno = fence_finish(fence);
	return errno ? -1 : 0;
}

/* What whoever wants to write to the owner's buffer now has to wait for. */
static int owners_fences(const struct view *v)
{
	return dmabuf_fences(v->dmabuf, DMA_BUF_SYNC_WRITE);
}

/* --- what is known of a foreign buffer */

static void what_the_owner_says(void)
{
	struct view v = { .a = dms_open_nth(0), .b = dms_open_nth(1) };
	struct drm_dmashare_bo_share s = {
		.flags = DRM_DMASHARE_SHARE_WRITE,
		.fourcc = 0x34325258,
		.width = 64,
		.height = 48,
		.stride = 256,
		.name = "a\033[31m picture",
	};

	v.there = dms_create_in(v.a, SIZE, LOCAL, 0, "said");
	ASSERT_OK(share_try(&v.there, &s));
	/* Not for a terminal to obey. */
	ASSERT_OK(peer_try_find(v.b, "a?[31m picture", 0, SOON_NS, &v.found));
	ASSERT_EQ(v.found.size, SIZE);
	ASSERT_EQ(v.found.flags, WRITE);
	ASSERT_EQ(v.found.fourcc, s.fourcc);
	ASSERT_EQ(v.found.width, 64);
	ASSERT_EQ(v.found.height, 48);
	ASSERT_EQ(v.found.stride, 256);
	ASSERT_EQ(v.found.share, s.share);
	ASSERT_EQ(v.found.sequence, 0);
	ASSERT(!strncmp((const char *)v.found.device, "dmashare0", sizeof(v.found.device)));
}

static void none_and_next(void)
{
	struct view v = announced("first", LOCAL, 0);
	struct drm_dmashare_peer_next next;
	struct view w = announced("second", LOCAL, 0);

	ASSERT_EQ(v.found.flags, 0);
	ASSERT(w.found.peer > v.found.peer);
	ASSERT_REFUSED("PEER_NEXT", peer_try_next(v.b, w.found.peer, 0, &next), ETIME);
	ASSERT_ERRNO(peer_try_next(v.b, w.found.peer, MSEC, &next), ETIME);
	ASSERT_ERRNO(peer_try_next(v.b, UINT32_MAX, 0, &next), ETIME);
	/* What is withdrawn is not listed any more. */
	share_end(&w.there);
	settle(&v);
	ASSERT_ERRNO(peer_try_find(v.b, "second", 0, 0, &next), ETIME);
	ASSERT_OK(peer_try_find(v.b, "first", 0, 0, &next));
	/* And what is shared anew has another id. */
	ASSERT_NE(share_bytes(&w.there, 0), w.found.share);
	ASSERT_REFUSED("PEER_NEXT", peer_try_next(v.a, 0, 0, &next), EOPNOTSUPP);
}

static void wait_for_one(void *arg)
{
	struct view *v = arg;

	ASSERT_OK(peer_try_next(v->b, v->found.peer, -1, &v->found));
}

static void waits_for_one(void)
{
	struct view v = announced("before", LOCAL, 0);
	struct blocker b;
	struct bo later;

	blocker_start(&b, wait_for_one, &v);
	ASSERT(blocker_sleeps(&b));
	later = dms_create_in(v.a, 3 * PAGE, LOCAL, 0, "later");
	share_bytes(&later, 0);
	blocker_join(&b);
	ASSERT(!strcmp((const char *)v.found.name, "later"));
	ASSERT_EQ(v.found.size, 3 * PAGE);
}

/* --- the bytes */

/* Both look at the same memory: nobody says anything to anybody. */
static void check_reading(struct view *v)
{
	struct bo own = dms_create_mapped(v->b, SIZE, "own");
	struct drm_dmashare_bo_info info = dms_info(v->b, v->here.handle);

	ASSERT_EQ(info.placement, PEER);
	ASSERT_EQ(info.size, SIZE);
	ASSERT(pattern_check(v->here.map, SIZE, 1));
	pattern_fill(v->there.map, SIZE, 2);
	ASSERT(pattern_check(v->here.map, SIZE, 2));
	/* The device of here reads it, and that of there writes it. */
	ASSERT_EQ(dms_crc(v->b, &v->here, 0, SIZE), crc32c(v->there.map, SIZE));
	dms_run_ok(v->a, dms_job_fill(&v->there, PAGE - 3, 9, ONES));
	ASSERT(all_bytes(v->here.map + PAGE - 3, 9, 1));
	dms_run_ok(v->b, dms_job_copy(&own, 0, &v->here, 0, SIZE));
	ASSERT(!memcmp(own.map, v->there.map, SIZE));
	/* And the kernel. */
	ASSERT_EQ(dms_vmap(&v->here, 5, SIZE - 9, 2).checksum,
		  crc32c(v->there.map + 5, SIZE - 9));
	ASSERT_EQ(dms_info(v->b, v->here.handle).moves, 0);
	dms_destroy(&own);
}

static void reads_local_memory(void)
{
	struct view v = opened_in("reads local", LOCAL, 0);

	check_reading(&v);
}

static void reads_guest_memory(void)
{
	struct view v = opened_in("reads system", SYSTEM, 0);

	check_reading(&v);
}

static void check_writing(struct view *v)
{
	struct bo own = dms_create_mapped(v->b, SIZE, "own");

	check_reading(v);
	pattern_fill(v->here.map, SIZE, 3);
	ASSERT(pattern_check(v->there.map, SIZE, 3));
	pattern_fill(own.map, SIZE, 4);
	dms_run_ok(v->b, dms_job_copy(&v->here, 0, &own, 0, SIZE));
	ASSERT(pattern_check(v->there.map, SIZE, 4));
	dms_run_ok(v->b, dms_job_fill(&v->here, 2 * PAGE - 5, 11, ONES));
	ASSERT(all_bytes(v->there.map + 2 * PAGE - 5, 11, 1));
	ASSERT_EQ(dms_crc(v->a, &v->there, 0, SIZE), crc32c(v->here.map, SIZE));
}

static void writes_local_memory(void)
{
	struct view v = opened_in("writes local", LOCAL, WRITE);

	check_writing(&v);
}

static void writes_guest_memory(void)
{
	struct view v = opened_in("writes system", SYSTEM, WRITE);

	check_writing(&v);
}

static void read_only_is_enforced(void)
{
	struct view v = opened("read only", 0);
	struct drm_dmashare_job fill = dms_job_fill(&v.here, 0, PAGE, ONES);
	struct drm_dmashare_submit s = { 0 };
	struct bo again;
	int dmabuf;

	ASSERT_ERRNO(peer_try_map(&v.here, true), EACCES);
	ASSERT_ERRNO(mprotect(v.here.map, SIZE, PROT_READ | PROT_WRITE), EACCES);
	ASSERT_REFUSED("PEER_OPEN", dms_try_submit(v.b, &s, &fill, 1), EACCES);
	dmabuf = dms_export(v.b, v.here.handle);
	ASSERT(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	ASSERT_EQ(errno, EACCES);
	ASSERT_ERRNO(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE), EACCES);
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	ASSERT_ERRNO(dms_try_import_as(v.a, dmabuf, DRM_DMASHARE_IMPORT_WRITE, &again.handle),
		     EACCES);
	ASSERT_ERRNO(peer_try_acquire(&v.here, WRITE, SEC), EACCES);
	dms_destroy(&v.here);
	close(dmabuf);
	ASSERT_REFUSED("PEER_OPEN", peer_try_open(v.b, &v.found, WRITE, &again), EACCES);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
}

/* --- handles, files, and the room in the window */

static void opened_once(void)
{
	struct view v = opened("once", 0);
	uint64_t free = dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE);
	struct drm_dmashare_peer_open o = { .peer = v.found.peer, .flags = 1u << 31 };
	struct bo again;
	int other = dms_open_nth(1), dmabuf;

	ASSERT_REFUSED("PEER_OPEN", peer_try_open(other, &v.found, 0, &again), EBUSY);
	ASSERT_ERRNO(drmIoctl(v.b, DRM_IOCTL_DMASHARE_PEER_OPEN, &o), EINVAL);
	v.found.peer++;
	ASSERT_REFUSED("PEER_OPEN", peer_try_open(v.b, &v.found, 0, &again), ENOENT);
	v.found.peer--;

	/* By a dma-buf another file has the very same buffer. */
	dmabuf = dms_export(v.b, v.here.handle);
	again = dms_import(other, dmabuf);
	ASSERT_EQ(again.id ? again.id : v.here.id, v.here.id);
	ASSERT_EQ(dms_info(other, again.handle).buffer, v.here.id);
	ASSERT_EQ(peer_state(&again).peer, v.found.peer);
	dms_destroy(&v.here);
	close(dmabuf);
	again.size = SIZE;
	peer_map(&again, false);
	ASSERT(pattern_check(again.map, SIZE, 1));
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), free);
	dms_destroy(&again);
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), free + SIZE);

	v.here = peer_open(other, &v.found, 0);
	peer_map(&v.here, false);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), free);
	close(other);
	/* What is mapped keeps it. */
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	munmap(v.here.map, SIZE);
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), free + SIZE);
}

static void what_is_too_large(void)
{
	struct view v = { .a = dms_open_nth(0), .b = dms_open_nth(1) };
	uint64_t size = dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE);
	struct bo bo;

	v.there = dms_create_in(v.a, size + PAGE, LOCAL, 0, "too large");
	share_bytes(&v.there, 0);
	ASSERT_OK(peer_try_find(v.b, "too large", 0, SOON_NS, &v.found));
	ASSERT_REFUSED("PEER_OPEN", peer_try_open(v.b, &v.found, 0, &bo), ENOSPC);
	dms_destroy(&v.there);

	/* But for a page all of it can be used; then there is no room. */
	v.there = dms_create_in(v.a, size - PAGE, LOCAL, 0, "fits");
	share_bytes(&v.there, 0);
	ASSERT_OK(peer_try_find(v.b, "fits", 0, SOON_NS, &v.found));
	v.here = peer_open(v.b, &v.found, 0);
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), PAGE);
	v = announced("no room", LOCAL, DRM_DMASHARE_SHARE_WRITE);
	ASSERT_ERRNO(peer_try_open(v.b, &v.found, 0, &bo), ENOSPC);
	/* There is in the other half. */
	bo = peer_open(v.b, &v.found, WRITE);
	peer_map(&bo, true);
	ASSERT(pattern_check(bo.map, SIZE, 1));
}

static void not_a_foreign_buffer(void)
{
	int b = dms_open_nth(1);
	struct bo bo = dms_create(b, PAGE, "ours"), none = { .fd = b, .handle = 4711 };
	struct drm_dmashare_peer_state state;

	ASSERT_REFUSED("PEER_STATE", peer_try_state(&none, &state), ENOENT);
	ASSERT_REFUSED("PEER_STATE", peer_try_state(&bo, &state), EINVAL);
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&none, 0, SEC), ENOENT);
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&bo, 0, SEC), EINVAL);
	ASSERT_REFUSED("PEER_RELEASE", peer_try_release(&none, 0), ENOENT);
	ASSERT_REFUSED("PEER_RELEASE", peer_try_release(&bo, 0), EINVAL);
}

static void stays_where_it_is(void)
{
	struct view v = opened("stays", 0);

	ASSERT_ERRNO(dms_try_move(v.b, v.here.handle, SYSTEM, 0), EOPNOTSUPP);
	ASSERT_ERRNO(dms_try_move(v.b, v.here.handle, PEER, 0), EINVAL);
	ASSERT_ERRNO(share_try(&v.here, &(struct drm_dmashare_bo_share){ 0 }), EOPNOTSUPP);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
}

/* --- exported on */

static void exported_on(void)
{
	struct view v = opened("exported on", WRITE);
	int dmabuf = dms_export(v.b, v.here.handle);
	struct bo third, own = dms_create_mapped(v.a, SIZE, "own");
	uint8_t *map;

	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	ASSERT(map != MAP_FAILED);
	ASSERT(pattern_check(map, SIZE, 1));
	/* The owner's own device, by way of our BAR. */
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_P2P), 1);
	third = dms_import(v.a, dmabuf);
	ASSERT(dms_info(v.a, third.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
	dms_run_ok(v.a, dms_job_copy(&own, 0, &third, 0, SIZE));
	ASSERT(pattern_check(own.map, SIZE, 1));
	pattern_fill(own.map, SIZE, 5);
	dms_run_ok(v.a, dms_job_copy(&third, 0, &own, 0, SIZE));
	ASSERT(pattern_check(v.there.map, SIZE, 5));
	ASSERT(pattern_check(map, SIZE, 5));
	/* One that takes no BAR addresses finds no other place. */
	ASSERT_ERRNO(dms_try_import_as(v.a, dmabuf, DRM_DMASHARE_IMPORT_NO_P2P, &own.handle),
		     EBUSY);

	share_end(&v.there);
	settle(&v);
	ASSERT(withdrawn(&v));
	ASSERT(all_bytes(map, SIZE, 0));
	ASSERT_ERRNO(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ESTALE);
	ASSERT_ERRNO(dms_try_import_as(v.a, dmabuf, 0, &own.handle), ESTALE);
	/* Nobody wrote to the owner's memory. */
	ASSERT(pattern_check(v.there.map, SIZE, 5));
}

/* --- taken back */

static void check_stale(struct view *v)
{
	struct drm_dmashare_job crc = dms_job_crc(&v->here, 0, SIZE);
	struct drm_dmashare_submit s = { 0 };
	uint8_t *map = v->here.map;

	ASSERT(withdrawn(v));
	ASSERT(all_bytes(map, SIZE, 0));
	ASSERT_REFUSED("PEER_OPEN", dms_try_submit(v->b, &s, &crc, 1), ESTALE);
	ASSERT_ERRNO(peer_try_map(&v->here, false), ESTALE);
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&v->here, 0, SEC), ESTALE);
	v->here.map = map;
}

static void taken_back(void)
{
	struct view v = opened("taken back", 0);
	uint64_t free = dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE);
	struct view w;
	struct bo again;

	dms_crc(v.b, &v.here, 0, SIZE);
	share_end(&v.there);
	settle(&v);
	check_stale(&v);
	ASSERT_REFUSED("PEER_OPEN", peer_try_open(v.b, &v.found, 0, &again), ENOENT);
	/* The range is not another's as long as somebody has it mapped. */
	w = opened("in its place", 0);
	ASSERT(pattern_check(w.here.map, SIZE, 1));
	ASSERT(all_bytes(v.here.map, SIZE, 0));
	dms_destroy(&w.here);
	dms_destroy(&v.here);
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), free + SIZE);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
}

static void owner_frees_it(void)
{
	struct view v = opened("freed", 0);

	close(v.dmabuf);
	dms_destroy(&v.there);
	settle(&v);
	check_stale(&v);
}

/* A job that was accepted before, and runs afterwards. */
static void taken_back_from_a_job(void)
{
	struct view v = opened("from a job", 0);
	struct drm_dmashare_job crc = dms_job_crc(&v.here, 0, SIZE);
	struct hold h;
	int in, fence;

	ASSERT_EQ(dms_crc(v.b, &v.here, 0, SIZE), crc32c(v.there.map, SIZE));
	h = hold_sync_file(&in);
	fence = dms_submit_after(v.b, 0, 0, in, crc);
	share_end(&v.there);
	settle(&v);
	ASSERT(fence_pending(fence));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence), ESTALE);
	check_stale(&v);
}

/* Its new pages are announced as another foreign buffer. */
static void owner_moves_it(void)
{
	struct view v = opened("moves", 0);
	struct drm_dmashare_peer_next next;

	dms_move(&v.there, SYSTEM);
	ASSERT_OK(peer_try_find(v.b, "moves", v.found.peer, SOON_NS, &next));
	ASSERT_EQ(next.share, v.found.share);
	ASSERT(next.peer > v.found.peer);
	check_stale(&v);
	dms_destroy(&v.here);
	v.here = peer_open(v.b, &next, 0);
	peer_map(&v.here, false);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	pattern_fill(v.there.map, SIZE, 6);
	ASSERT(pattern_check(v.here.map, SIZE, 6));
}

/* --- taking turns */

static void the_owner_waits(void)
{
	struct view v = opened("owner waits", 0);
	struct drm_dmashare_job fill = dms_job_fill(&v.there, 0, SIZE, ONES);
	int granted, owners, fence;

	granted = peer_acquire(&v.here, 0, LONG_NS);
	ASSERT_EQ(fence_wait(granted), 0);
	owners = owners_fences(&v);
	ASSERT(fence_pending(owners));
	/* It may read, but not write. */
	ASSERT_EQ(dms_crc(v.a, &v.there, 0, SIZE), crc32c(v.here.map, SIZE));
	fence = dms_submit_fence(v.a, 0, 0, &fill, 1);
	settle(&v);
	ASSERT(fence_pending(fence));
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&v.here, 0, LONG_NS), EBUSY);
	peer_release(&v.here, 0);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(fence_finish(owners), 0);
	ASSERT(all_bytes(v.here.map, SIZE, 1));
	ASSERT_REFUSED("PEER_RELEASE", peer_try_release(&v.here, 0), EINVAL);
	/* And again. */
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	peer_release(&v.here, 0);
}

static void we_wait_for_the_owner(void)
{
	struct view v = opened_system("we wait", WRITE);
	struct bo own = dms_create_mapped(v.b, SIZE, "own");
	struct drm_dmashare_job jobs[] = {
		dms_job_copy(&own, 0, &v.here, 0, SIZE),
	};
	struct hold h = hold_dmabuf(v.dmabuf, true);
	int granted, fence;

	granted = peer_acquire(&v.here, 0, LONG_NS);
	/* By the reservation, without knowing what for. */
	fence = dms_submit_fence(v.b, 0, 0, jobs, 1);
	settle(&v);
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
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	peer_release(&v.here, 0);
	granted = peer_acquire(&v.here, WRITE, LONG_NS);
	settle(&v);
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
	struct view v = opened("all is done", WRITE);
	struct bo own = dms_create_mapped(v.b, SIZE, "own");
	struct drm_dmashare_job jobs[] = {
		dms_job_noop(200 * MSEC),
		dms_job_copy(&own, 0, &v.here, 0, SIZE),
	};
	struct drm_dmashare_job fill = dms_job_fill(&v.there, 0, SIZE, ONES);
	int fence;

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	dms_submit(v.b, 0, 0, jobs, 2);
	peer_release(&v.here, 0);
	fence = dms_submit_fence(v.a, 0, 0, &fill, 1);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(pattern_check(own.map, SIZE, 1));
	ASSERT(all_bytes(v.there.map, SIZE, 1));
}

static void errors_cross(void)
{
	struct view v = opened("errors", WRITE);
	struct drm_dmashare_job fill = dms_job_fill(&v.here, 0, SIZE, ONES);
	int owners, fence;

	/* Ours, as we say. */
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, WRITE, LONG_NS)), 0);
	owners = owners_fences(&v);
	ASSERT_ERRNO(peer_try_release(&v.here, 4096), EINVAL);
	peer_release(&v.here, EILSEQ);
	ASSERT_EQ(fence_finish(owners), EILSEQ);

	/* Our job's. */
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, WRITE, LONG_NS)), 0);
	owners = owners_fences(&v);
	ctl_hold(1, "'count': 1, 'watchdog': %llu", LONG_NS);
	fence = dms_submit_fence(v.b, 0, 0, &fill, 1);
	ctl_wait_held(1, 1);
	peer_release(&v.here, 0);
	settle(&v);
	ASSERT(fence_pending(owners));
	ctl_act(1, ctl_fence_of(1, v.here.id), "fail", EIO);
	ASSERT_EQ(fence_finish(fence), EIO);
	ASSERT_EQ(fence_finish(owners), EIO);
}

/* Whether we give it back or not. */
static void held_too_long(void)
{
	struct view v = opened("too long", 0);
	int owners, granted;

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, SEC)), 0);
	owners = owners_fences(&v);
	ASSERT_EQ(fence_finish(owners), ETIMEDOUT);
	settle(&v);
	peer_release(&v.here, 0);

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, MSEC)), 0);
	while ((granted = peer_try_acquire(&v.here, 0, LONG_NS)) < 0) {
		ASSERT_EQ(errno, EBUSY);
		settle(&v);
	}
	ASSERT_EQ(fence_finish(granted), 0);
	peer_release(&v.here, 0);
}

static void closing_gives_it_back(void)
{
	struct view v = opened_system("closing", 0);
	int granted, owners;

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	owners = owners_fences(&v);
	dms_destroy(&v.here);
	ASSERT_REFUSED("PEER_RELEASE", fence_try_finish(owners), ECANCELED);

	/* Before it was granted. */
	v.here = peer_open(v.b, &v.found, 0);
	struct hold h = hold_dmabuf(v.dmabuf, true);

	granted = peer_acquire(&v.here, 0, LONG_NS);
	dms_destroy(&v.here);
	ASSERT_EQ(fence_finish(granted), ECANCELED);
	hold_release(&h);
	owners = owners_fences(&v);
	fence_finish(owners);

	/* And without any handle, when the file is closed. */
	v.here = peer_open(v.b, &v.found, 0);
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	owners = owners_fences(&v);
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
	struct view v = { .a = dms_open_nth(0), .b = dms_open_nth(1) };
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
	struct view v = opened("checked", WRITE);

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
	struct view v = opened("contents", DRM_DMASHARE_PEER_SUBSCRIBE);
	uint64_t i;

	/* The owner's server has heard of us when it has granted something. */
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	peer_release(&v.here, 0);
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
	struct view v = opened("told", 0);
	struct drm_dmashare_peer_next again;

	/* Nobody subscribed: the owner need not wait. */
	ASSERT_EQ(fence_finish(share_publish(&v.there, 77, LONG_NS)), 0);
	settle(&v);
	ASSERT_EQ(peer_state(&v.here).sequence, 77);
	ASSERT_EQ(peer_state(&v.here).acquired, 0);
	ASSERT_OK(peer_try_find(v.b, "told", 0, 0, &again));
	ASSERT_EQ(again.sequence, 77);
}

/* --- the end of holds that nobody here chose */

static void taken_back_while_held(void)
{
	struct view v = opened("while held", 0);
	struct hold h;
	int granted;

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	share_end(&v.there);
	settle(&v);
	check_stale(&v);
	/* There is nothing to be given back, which is no error. */
	peer_release(&v.here, 0);

	v = opened_system("while waiting", 0);
	h = hold_dmabuf(v.dmabuf, true);
	granted = peer_acquire(&v.here, 0, LONG_NS);
	share_end(&v.there);
	ASSERT_REFUSED("PEER_ACQUIRE", fence_try_finish(granted), ECANCELED);
	hold_release(&h);
}

/* The server throws us out: we come again, and all is announced anew. */
static void connection_is_lost(void)
{
	struct view v = opened_system("lost", 0);
	struct hold h = hold_dmabuf(v.dmabuf, true);
	struct drm_dmashare_peer_next next;
	int granted = peer_acquire(&v.here, 0, LONG_NS);
	uint64_t us;

	settle(&v);
	/* The only client in this VM. */
	us = json_member_number(json_first(ctl(0, "query-dmashare-clients", "%s", "")), "client");
	ctl(0, "dmashare-client-disconnect", "'client': %llu", (unsigned long long)us);
	ASSERT_REFUSED("PEER_ACQUIRE", fence_try_finish(granted), ECONNRESET);
	hold_release(&h);
	ASSERT_OK(peer_try_find(v.b, "lost", v.found.peer, SOON_NS, &next));
	ASSERT_EQ(next.share, v.found.share);
	check_stale(&v);
	dms_destroy(&v.here);
	v.here = peer_open(v.b, &next, 0);
	peer_map(&v.here, false);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	peer_release(&v.here, 0);
}

/* All that was known is announced anew, and none of it is what it was. */
static void our_device_is_reset(void)
{
	struct view v = opened_system("our reset", WRITE);
	struct hold h = hold_dmabuf(v.dmabuf, true);
	struct drm_dmashare_peer_next next;
	struct bo own = dms_create_mapped(v.b, SIZE, "own");
	int granted, dmabuf = dms_export(v.b, v.here.handle);

	pattern_fill(own.map, SIZE, 9);
	dms_crc(v.b, &v.here, 0, SIZE);
	granted = peer_acquire(&v.here, 0, LONG_NS);
	device_write(v.b, "reset", "1");
	ASSERT_EQ(fence_finish(granted), ECANCELED);
	hold_release(&h);
	check_stale(&v);
	peer_release(&v.here, 0);
	ASSERT_OK(peer_try_find(v.b, "our reset", v.found.peer, SOON_NS, &next));
	ASSERT_ERRNO(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ESTALE);
	close(dmabuf);
	/* Ours are as they were. */
	ASSERT_EQ(dms_crc(v.b, &own, 0, SIZE), crc32c(own.map, SIZE));
	dms_destroy(&v.here);
	v.here = peer_open(v.b, &next, WRITE);
	peer_map(&v.here, true);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	dms_run_ok(v.b, dms_job_copy(&v.here, 0, &own, 0, SIZE));
	ASSERT(pattern_check(v.there.map, SIZE, 9));
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, WRITE, LONG_NS)), 0);
	peer_release(&v.here, 0);
}

/* As from a reset; the owner is on a device that sleeps as well. */
static void the_system_sleeps(void)
{
	struct view v = opened_system("asleep", WRITE);
	struct drm_dmashare_peer_next next;

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	sleep_to("devices");
	ASSERT_OK(peer_try_find(v.b, "asleep", v.found.peer, SOON_NS, &next));
	check_stale(&v);
	peer_release(&v.here, 0);
	dms_destroy(&v.here);
	v.here = peer_open(v.b, &next, WRITE);
	peer_map(&v.here, true);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
	pattern_fill(v.here.map, SIZE, 2);
	ASSERT(pattern_check(v.there.map, SIZE, 2));
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, WRITE, LONG_NS)), 0);
	peer_release(&v.here, 0);
}

static void owners_device_is_reset(void)
{
	struct view v = opened("owner's reset", 0);

	ASSERT_EQ(fence_finish(peer_acquire(&v.here, 0, LONG_NS)), 0);
	device_write(v.a, "reset", "1");
	settle(&v);
	check_stale(&v);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
}

/* The address of the second device, for the driver's bind and unbind. */
static void our_device_goes(void)
{
	struct view v = opened("we go", WRITE);
	drmDevicePtr info;
	char address[32];
	int owners;

	ASSERT_EQ(drmGetDevice2(v.b, 0, &info), 0);
	snprintf(address, sizeof(address), "%04x:%02x:%02x.%u", info->businfo.pci->domain,
		 info->businfo.pci->bus, info->businfo.pci->dev, info->businfo.pci->func);
	drmFreeDevice(&info);
	ASSERT_EQ(fence_finish(peer_acquire(&v.here, WRITE, LONG_NS)), 0);
	owners = owners_fences(&v);
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
	v.here = peer_open(v.b, &v.found, 0);
	peer_map(&v.here, false);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
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

/* What may come of it when the owner is faster. */
static bool lost_the_race(int err)
{
	return err == ENOENT || err == ESTALE || err == ECANCELED || err == ETIMEDOUT;
}

/*
 * What was seen before the owner lets us have the buffer (again) are its bytes: it
 * would not if it were not there.
 */
static bool use_restless(struct bo *bo, bool content)
{
	struct drm_dmashare_job crc = dms_job_crc(bo, 0, SIZE);
	struct drm_dmashare_submit s = { .flags = DRM_DMASHARE_SUBMIT_OUT_FENCE };
	int granted, error;
	bool good;

	if (peer_try_map(bo, !content) && lost_the_race(errno))
		return false;
	ASSERT(bo->map);
	granted = peer_try_acquire(bo, content ? CONTENT : WRITE, content ? 0 : 10 * MSEC);
	if (granted < 0) {
		ASSERT_MSG(lost_the_race(errno), "PEER_ACQUIRE: %s", strerror(errno));
		return false;
	}
	if (!dms_try_submit(bo->fd, &s, &crc, 1)) {
		error = fence_finish(s.out_fence_fd);
		ASSERT_MSG(!error || lost_the_race(error), "a job: %s", strerror(error));
	} else {
		ASSERT_EQ(errno, ESTALE);
	}
	good = all_bytes(bo->map, SIZE, 0x55);
	peer_release(bo, 0);
	error = fence_finish(granted);
	ASSERT_MSG(!error || lost_the_race(error), "PEER_ACQUIRE: %s", strerror(error));

	granted = peer_try_acquire(bo, 0, 10 * MSEC);
	if (granted < 0) {
		ASSERT_MSG(lost_the_race(errno), "PEER_ACQUIRE: %s", strerror(errno));
		return false;
	}
	error = fence_finish(granted);
	ASSERT_MSG(!error || lost_the_race(error), "PEER_ACQUIRE: %s", strerror(error));
	if (error)
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
			ASSERT_MSG(lost_the_race(errno), "PEER_OPEN: %s", strerror(errno));
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
	KTAP_CASE(what_the_owner_says),
	KTAP_CASE(none_and_next),
	KTAP_CASE(waits_for_one),
	KTAP_CASE(reads_local_memory),
	KTAP_CASE(reads_guest_memory),
	KTAP_CASE(writes_local_memory),
	KTAP_CASE(writes_guest_memory),
	KTAP_CASE(read_only_is_enforced),
	KTAP_CASE(opened_once),
	KTAP_CASE(what_is_too_large),
	KTAP_CASE(not_a_foreign_buffer),
	KTAP_CASE(stays_where_it_is),
	KTAP_CASE(exported_on),
	KTAP_CASE(taken_back),
	KTAP_CASE(owner_frees_it),
	KTAP_CASE(taken_back_from_a_job),
	KTAP_CASE(owner_moves_it),
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
