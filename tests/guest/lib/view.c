// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "fence.h"
#include "ktap.h"
#include "view.h"

#define PAGE	4096u

struct view view_of_none(void)
{
	return (struct view){ .a = dms_open_nth(0), .b = dms_open_nth(1) };
}

struct view view_announced(const char *name, uint32_t placement, uint32_t share_flags)
{
	struct drm_dmashare_bo_share s = { .flags = share_flags };
	struct view v = view_of_none();

	v.there = create_mapped_in(v.a, VIEW_SIZE, placement);
	v.dmabuf = dms_export(v.a, v.there.handle);
	pattern_fill(v.there.map, VIEW_SIZE, 1);
	memcpy(s.name, name, strlen(name));
	ASSERT_OK(share_try(&v.there, &s));
	ASSERT_OK(peer_try_find(v.b, name, 0, SOON_NS, &v.found));
	ASSERT_EQ(v.found.share, s.share);
	return v;
}

void view_announce(struct view *v, const char *name)
{
	uint32_t share = share_bytes(&v->there, 0);

	ASSERT_OK(peer_try_find(v->b, name, v->found.peer, SOON_NS, &v->found));
	ASSERT_EQ(v->found.share, share);
}

void view_open(struct view *v, uint32_t flags)
{
	v->here = peer_open(v->b, &v->found, flags);
	peer_map(&v->here, flags & DRM_DMASHARE_PEER_WRITE);
	ASSERT(pattern_check(v->here.map, VIEW_SIZE, 1));
}

struct view view_opened_in(const char *name, uint32_t placement, uint32_t flags)
{
	struct view v = view_announced(name, placement, flags & DRM_DMASHARE_PEER_WRITE ?
				       DRM_DMASHARE_SHARE_WRITE : 0);

	view_open(&v, flags);
	return v;
}

struct view view_opened(const char *name, uint32_t flags)
{
	return view_opened_in(name, LOCAL, flags);
}

struct view view_opened_system(const char *name, uint32_t flags)
{
	return view_opened_in(name, SYSTEM, flags);
}

void view_comes_again(struct view *v, uint32_t flags)
{
	struct drm_dmashare_peer_next next;

	ASSERT_OK(peer_try_find(v->b, (const char *)v->found.name, v->found.peer, SOON_NS,
				&next));
	ASSERT(next.peer > v->found.peer);
	view_check_stale(v);
	dms_destroy(&v->here);
	v->found = next;
	view_open(v, flags);
}

void view_settle(const struct view *v)
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

bool view_withdrawn(const struct view *v)
{
	return peer_state(&v->here).flags & DRM_DMASHARE_PEER_WITHDRAWN;
}

void view_check_stale(struct view *v)
{
	struct drm_dmashare_job crc = dms_job_crc(&v->here, 0, VIEW_SIZE);
	struct drm_dmashare_submit s = { 0 };

	ASSERT(view_withdrawn(v));
	ASSERT(all_bytes(v->here.map, VIEW_SIZE, 0));
	ASSERT_REFUSED("PEER_OPEN", dms_try_submit(v->b, &s, &crc, 1), ESTALE);
	ASSERT_ERRNO(peer_try_map(&v->here, false), ESTALE);
	ASSERT_REFUSED("PEER_ACQUIRE", peer_try_acquire(&v->here, 0, SEC), ESTALE);
}

void view_take(const struct view *v, uint32_t flags)
{
	ASSERT_EQ(fence_finish(peer_acquire(&v->here, flags, LONG_NS)), 0);
}

void view_turn(const struct view *v, uint32_t flags)
{
	view_take(v, flags);
	peer_release(&v->here, 0);
}

int view_owners_fences(const struct view *v)
{
	return dmabuf_fences(v->dmabuf, DMA_BUF_SYNC_WRITE);
}
