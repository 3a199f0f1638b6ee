// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another VM's buffers (lib/view.h): what is known of them, their bytes, and what
 * ends their use. What the second device shows in its window are the first one's
 * very pages: every case looks at the bytes on both sides.
 *
 * Two VMs, and what happens when one of them dies, are in scripts/two-vms.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/place.h"
#include "lib/share.h"
#include "lib/view.h"

#define PAGE	4096u
#define SIZE	VIEW_SIZE
#define ONES	0x0101010101010101ull
#define WRITE	DRM_DMASHARE_PEER_WRITE

/* --- what is known of a foreign buffer */

static void what_the_owner_says(void)
{
	struct view v = view_of_none();
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
	struct view v = view_announced("first", LOCAL, 0);
	struct drm_dmashare_peer_next next;
	struct view w = view_announced("second", LOCAL, 0);

	ASSERT_EQ(v.found.flags, 0);
	ASSERT(w.found.peer > v.found.peer);
	ASSERT_REFUSED("PEER_NEXT", peer_try_next(v.b, w.found.peer, 0, &next), ETIME);
	ASSERT_ERRNO(peer_try_next(v.b, w.found.peer, MSEC, &next), ETIME);
	ASSERT_ERRNO(peer_try_next(v.b, UINT32_MAX, 0, &next), ETIME);
	/* What is withdrawn is not listed any more. */
	share_end(&w.there);
	view_settle(&v);
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
	struct view v = view_announced("before", LOCAL, 0);
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
	struct view v = view_opened_in("reads local", LOCAL, 0);

	check_reading(&v);
}

static void reads_guest_memory(void)
{
	struct view v = view_opened_in("reads system", SYSTEM, 0);

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
	struct view v = view_opened_in("writes local", LOCAL, WRITE);

	check_writing(&v);
}

static void writes_guest_memory(void)
{
	struct view v = view_opened_in("writes system", SYSTEM, WRITE);

	check_writing(&v);
}

static void read_only_is_enforced(void)
{
	struct view v = view_opened("read only", 0);
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
	struct view v = view_opened("once", 0);
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
	struct view v = view_of_none();
	uint64_t size = dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE);
	struct bo bo;

	v.there = dms_create_in(v.a, size + PAGE, LOCAL, 0, "too large");
	view_announce(&v, "too large");
	ASSERT_REFUSED("PEER_OPEN", peer_try_open(v.b, &v.found, 0, &bo), ENOSPC);
	dms_destroy(&v.there);

	/* But for a page all of it can be used; then there is no room. */
	v.there = dms_create_in(v.a, size - PAGE, LOCAL, 0, "fits");
	view_announce(&v, "fits");
	v.here = peer_open(v.b, &v.found, 0);
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), PAGE);
	v = view_announced("no room", LOCAL, DRM_DMASHARE_SHARE_WRITE);
	ASSERT_ERRNO(peer_try_open(v.b, &v.found, 0, &bo), ENOSPC);
	/* There is in the other half. */
	view_open(&v, WRITE);
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
	struct view v = view_opened("stays", 0);

	ASSERT_ERRNO(dms_try_move(v.b, v.here.handle, SYSTEM, 0), EOPNOTSUPP);
	ASSERT_ERRNO(dms_try_move(v.b, v.here.handle, PEER, 0), EINVAL);
	ASSERT_ERRNO(share_try(&v.here, &(struct drm_dmashare_bo_share){ 0 }), EOPNOTSUPP);
	ASSERT(pattern_check(v.here.map, SIZE, 1));
}

/* --- exported on */

static void exported_on(void)
{
	struct view v = view_opened("exported on", WRITE);
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
	view_settle(&v);
	ASSERT(view_withdrawn(&v));
	ASSERT(all_bytes(map, SIZE, 0));
	ASSERT_ERRNO(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ESTALE);
	ASSERT_ERRNO(dms_try_import_as(v.a, dmabuf, 0, &own.handle), ESTALE);
	/* Nobody wrote to the owner's memory. */
	ASSERT(pattern_check(v.there.map, SIZE, 5));
}

/* --- taken back */

static void taken_back(void)
{
	struct view v = view_opened("taken back", 0);
	uint64_t free = dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE);
	struct view w;
	struct bo again;

	dms_crc(v.b, &v.here, 0, SIZE);
	share_end(&v.there);
	view_settle(&v);
	view_check_stale(&v);
	ASSERT_REFUSED("PEER_OPEN", peer_try_open(v.b, &v.found, 0, &again), ENOENT);
	/* The range is not another's as long as somebody has it mapped. */
	w = view_opened("in its place", 0);
	ASSERT(pattern_check(w.here.map, SIZE, 1));
	ASSERT(all_bytes(v.here.map, SIZE, 0));
	dms_destroy(&w.here);
	dms_destroy(&v.here);
	ASSERT_EQ(dms_param(v.b, DRM_DMASHARE_PARAM_PEER_FREE), free + SIZE);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
}

static void owner_frees_it(void)
{
	struct view v = view_opened("freed", 0);

	close(v.dmabuf);
	dms_destroy(&v.there);
	view_settle(&v);
	view_check_stale(&v);
}

/* A job that was accepted before, and runs afterwards. */
static void taken_back_from_a_job(void)
{
	struct view v = view_opened("from a job", 0);
	struct drm_dmashare_job crc = dms_job_crc(&v.here, 0, SIZE);
	struct hold h;
	int in, fence;

	ASSERT_EQ(dms_crc(v.b, &v.here, 0, SIZE), crc32c(v.there.map, SIZE));
	h = hold_sync_file(&in);
	fence = dms_submit_after(v.b, 0, 0, in, crc);
	share_end(&v.there);
	view_settle(&v);
	ASSERT(fence_pending(fence));
	hold_release(&h);
	ASSERT_EQ(fence_finish(fence), ESTALE);
	view_check_stale(&v);
}

/* Its new pages are announced as another foreign buffer. */
static void owner_moves_it(void)
{
	struct view v = view_opened("moves", 0);
	uint32_t share = v.found.share;

	dms_move(&v.there, SYSTEM);
	view_comes_again(&v, 0);
	ASSERT_EQ(v.found.share, share);
	ASSERT(pattern_check(v.there.map, SIZE, 1));
	pattern_fill(v.there.map, SIZE, 6);
	ASSERT(pattern_check(v.here.map, SIZE, 6));
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
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
