/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers of one device as another one sees them: in VMs whose second device is a
 * client of the first one's share server, one program has both sides.
 */
#ifndef DMASHARE_TEST_VIEW_H
#define DMASHARE_TEST_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "dms.h"
#include "place.h"
#include "share.h"

#define VIEW_SIZE	65536u
#define PEER		DMASHARE_PLACEMENT_PEER

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

/* Both devices, and no buffer. */
struct view view_of_none(void);
/*
 * Makes the buffer, of VIEW_SIZE and pattern 1, shares it by DRM_DMASHARE_SHARE_*
 * flags, and waits until it is known.
 */
struct view view_announced(const char *name, uint32_t placement, uint32_t share_flags);
/* Shares one that the caller has made, as plain bytes, and waits for it. */
void view_announce(struct view *v, const char *name);
/*
 * Opens what was found by DRM_DMASHARE_PEER_* flags and maps it, for writing if it
 * is opened so: it must have pattern 1.
 */
void view_open(struct view *v, uint32_t flags);
/* view_announced() and view_open(); the owner permits writing if it is asked for. */
struct view view_opened_in(const char *name, uint32_t placement, uint32_t flags);
struct view view_opened(const char *name, uint32_t flags);
/* Where a fence of vgem can be put on it: vgem reaches no local memory. */
struct view view_opened_system(const char *name, uint32_t flags);
/*
 * Waits until the owner's buffer is announced anew, which makes what was opened
 * stale, and opens that.
 */
void view_comes_again(struct view *v, uint32_t flags);

/*
 * Everything that the owner said so far has come: messages come in order, and
 * so do what is announced and what is withdrawn.
 */
void view_settle(const struct view *v);
bool view_withdrawn(const struct view *v);
/* Taken back: nobody can use it, and what is mapped reads as zeroes. */
void view_check_stale(struct view *v);

/* PEER_ACQUIRE with DRM_DMASHARE_PEER_* flags, granted. */
void view_take(const struct view *v, uint32_t flags);
/* And given back. */
void view_turn(const struct view *v, uint32_t flags);
/* What whoever wants to write to the owner's buffer now has to wait for. */
int view_owners_fences(const struct view *v);

#endif /* DMASHARE_TEST_VIEW_H */
