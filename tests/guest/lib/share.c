// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <xf86drm.h>

#include "ktap.h"
#include "share.h"

int share_try(const struct bo *bo, struct drm_dmashare_bo_share *s)
{
	s->handle = bo->handle;
	return drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_SHARE, s);
}

uint32_t share_bytes(const struct bo *bo, uint32_t flags)
{
	struct drm_dmashare_bo_share s = { .flags = flags };

	ASSERT_OK(share_try(bo, &s));
	return s.share;
}

int share_try_end(const struct bo *bo)
{
	struct drm_dmashare_bo_unshare u = { .handle = bo->handle };

	return drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_UNSHARE, &u);
}

void share_end(const struct bo *bo)
{
	ASSERT_OK(share_try_end(bo));
}

int share_try_publish(const struct bo *bo, uint64_t sequence, uint64_t deadline_ns)
{
	struct drm_dmashare_bo_publish p = {
		.handle = bo->handle,
		.flags = DRM_DMASHARE_FENCE_OUT,
		.sequence = sequence,
		.deadline_ns = deadline_ns,
		.fence_fd = -1,
	};

	if (drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_PUBLISH, &p))
		return -1;
	ASSERT_MSG(p.fence_fd >= 0, "no fence of BO_PUBLISH though it was asked for");
	return p.fence_fd;
}

int share_publish(const struct bo *bo, uint64_t sequence, uint64_t deadline_ns)
{
	int fence = share_try_publish(bo, sequence, deadline_ns);

	ASSERT_MSG(fence >= 0, "BO_PUBLISH: %s", strerror(errno));
	return fence;
}

int peer_try_next(int fd, uint32_t after, int64_t timeout_ns,
		  struct drm_dmashare_peer_next *next)
{
	*next = (struct drm_dmashare_peer_next){ .after = after, .timeout_ns = timeout_ns };
	return drmIoctl(fd, DRM_IOCTL_DMASHARE_PEER_NEXT, next);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)SEC + ts.tv_nsec;
}

int peer_try_find(int fd, const char *name, uint32_t after, int64_t timeout_ns,
		  struct drm_dmashare_peer_next *found)
{
	int64_t end = now_ns() + timeout_ns;

	for (;;) {
		int64_t left = end - now_ns();

		if (peer_try_next(fd, after, left > 0 ? left : 0, found))
			return -1;
		if (!strncmp((const char *)found->name, name, sizeof(found->name)))
			return 0;
		after = found->peer;
	}
}

int peer_try_open(int fd, const struct drm_dmashare_peer_next *peer, uint32_t flags,
		  struct bo *bo)
{
	struct drm_dmashare_peer_open o = { .peer = peer->peer, .flags = flags };

	if (drmIoctl(fd, DRM_IOCTL_DMASHARE_PEER_OPEN, &o))
		return -1;
	*bo = (struct bo){
		.fd = fd,
		.handle = o.handle,
		.id = o.buffer,
		.size = peer->size,
	};
	return 0;
}

struct bo peer_open(int fd, const struct drm_dmashare_peer_next *peer, uint32_t flags)
{
	struct bo bo;

	ASSERT_OK(peer_try_open(fd, peer, flags, &bo));
	return bo;
}

int peer_try_map(struct bo *bo, bool write)
{
	struct drm_dmashare_bo_mmap m = { .handle = bo->handle };
	void *map;

	if (drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m))
		return -1;
	map = mmap(NULL, bo->size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, bo->fd,
		   m.offset);
	if (map == MAP_FAILED)
		return -1;
	bo->map = map;
	return 0;
}

void peer_map(struct bo *bo, bool write)
{
	ASSERT_OK(peer_try_map(bo, write));
}

int peer_try_state(const struct bo *bo, struct drm_dmashare_peer_state *state)
{
	*state = (struct drm_dmashare_peer_state){ .handle = bo->handle };
	return drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_PEER_STATE, state);
}

struct drm_dmashare_peer_state peer_state(const struct bo *bo)
{
	struct drm_dmashare_peer_state state;

	ASSERT_OK(peer_try_state(bo, &state));
	return state;
}

int peer_try_acquire(const struct bo *bo, uint32_t flags, uint64_t deadline_ns)
{
	struct drm_dmashare_peer_acquire a = {
		.handle = bo->handle,
		.flags = flags | DRM_DMASHARE_FENCE_OUT,
		.deadline_ns = deadline_ns,
		.fence_fd = -1,
	};

	if (drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_PEER_ACQUIRE, &a))
		return -1;
	ASSERT_MSG(a.fence_fd >= 0, "no fence of PEER_ACQUIRE though it was asked for");
	return a.fence_fd;
}

int peer_acquire(const struct bo *bo, uint32_t flags, uint64_t deadline_ns)
{
	int fence = peer_try_acquire(bo, flags, deadline_ns);

	ASSERT_MSG(fence >= 0, "PEER_ACQUIRE: %s", strerror(errno));
	return fence;
}

int peer_try_release(const struct bo *bo, int error)
{
	struct drm_dmashare_peer_release r = { .handle = bo->handle, .error = error };

	return drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_PEER_RELEASE, &r);
}

void peer_release(const struct bo *bo, int error)
{
	ASSERT_OK(peer_try_release(bo, error));
}
