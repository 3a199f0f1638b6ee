/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers that leave the VM, and another VM's buffers: the ioctls BO_SHARE,
 * BO_UNSHARE, BO_PUBLISH and PEER_*. As in dms.h, functions called *_try_*
 * return what the kernel said, the others end the case when they fail.
 */
#ifndef DMASHARE_TEST_SHARE_H
#define DMASHARE_TEST_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "dms.h"

/* A deadline that no case reaches. */
#define LONG_NS		(600 * SEC)

/* --- this VM's buffers */

/* BO_SHARE as the struct says; the handle is filled in. */
int share_try(const struct bo *bo, struct drm_dmashare_bo_share *s);
/* Plain bytes under the buffer's own name; its id on the host. */
uint32_t share_bytes(const struct bo *bo, uint32_t flags);
int share_try_end(const struct bo *bo);
void share_end(const struct bo *bo);
/*
 * BO_PUBLISH; the sync_file of the clients that hold the contents, as the
 * kernel says or to be closed by the caller.
 */
int share_try_publish(const struct bo *bo, uint64_t sequence, uint64_t deadline_ns);
int share_publish(const struct bo *bo, uint64_t sequence, uint64_t deadline_ns);

/* --- another VM's */

/* PEER_NEXT: the first foreign buffer after that one. */
int peer_try_next(int fd, uint32_t after, int64_t timeout_ns,
		  struct drm_dmashare_peer_next *next);
/*
 * Waits for one of that name, as its owner calls it, with an id after @after; of
 * those that came meanwhile nothing is said. ETIME after @timeout_ns.
 */
int peer_try_find(int fd, const char *name, uint32_t after, int64_t timeout_ns,
		  struct drm_dmashare_peer_next *found);
/* PEER_OPEN with DRM_DMASHARE_PEER_* flags; not mapped for the CPU. */
int peer_try_open(int fd, const struct drm_dmashare_peer_next *peer, uint32_t flags,
		  struct bo *bo);
struct bo peer_open(int fd, const struct drm_dmashare_peer_next *peer, uint32_t flags);
/* Maps it through the DRM file, for writing as well if @write. */
int peer_try_map(struct bo *bo, bool write);
void peer_map(struct bo *bo, bool write);
int peer_try_state(const struct bo *bo, struct drm_dmashare_peer_state *state);
struct drm_dmashare_peer_state peer_state(const struct bo *bo);
/*
 * PEER_ACQUIRE with DRM_DMASHARE_PEER_* flags; the sync_file that says when the
 * owner lets us have it.
 */
int peer_try_acquire(const struct bo *bo, uint32_t flags, uint64_t deadline_ns);
int peer_acquire(const struct bo *bo, uint32_t flags, uint64_t deadline_ns);
int peer_try_release(const struct bo *bo, int error);
void peer_release(const struct bo *bo, int error);

#endif /* DMASHARE_TEST_SHARE_H */
