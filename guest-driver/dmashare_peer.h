/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: buffers of another VM, and the window in which they are
 *
 * Included by dmashare_drv.h, which has the order of the locks.
 */
#ifndef DMASHARE_PEER_H
#define DMASHARE_PEER_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_mm.h>

#include <dmashare/abi.h>

/* Foreign buffers that the driver keeps account of, whatever the device says. */
#define DMASHARE_PEERS_MAX		4096

struct dmashare_backing;
struct dmashare_bo;
struct dmashare_device;
struct drm_device;
struct drm_file;
struct drm_gem_object;

/**
 * struct dmashare_window - the part of BAR4 where foreign buffers are
 * @lock: protects @mm and @free
 * @mm: who has what; offsets from the start of the window
 * @size: bytes of one half, 0 without a window; constant. What is in the first
 *	half can only be read.
 * @free: bytes in no use, of either half
 * @phys: where the CPU has it; constant
 */
struct dmashare_window {
	struct mutex lock; /* mm and free */
	struct drm_mm mm;
	u64 size;
	u64 free[2];
	phys_addr_t phys;
};

/**
 * struct dmashare_peer - a foreign buffer
 * @ref: the device's list's and the opened buffer's
 * @link: in the device's list; empty when the device knows it no more and
 *	nobody has to be told of that
 * @id: what user space calls it; constant
 * @info: what its owner says of it, which nobody checked; constant
 * @device_id: what the device calls it, 0 when it has been reset. Changes with
 *	the device's state_sem held for writing.
 * @withdrawn: its owner has taken it back, or is gone, or the device was reset;
 *	set once
 * @told: the opened buffer was told of that
 * @error: with that, what holds of it fail with: ECONNRESET if the owner is gone,
 *	else ECANCELED
 * @sequence: of the last contents published
 * @bo: the opened buffer, without a reference; NULL if it is not open
 * @hold: id of its hold that was not released yet, 0: none
 * @hold_over: the device has forgotten that one
 * @acquired: sequence of the contents that were last granted
 *
 * What is not constant is protected by the events' lock. The last four are the
 * opened buffer's.
 */
struct dmashare_peer {
	struct kref ref;
	struct list_head link;
	u32 id;
	struct dmashare_peer_info info;
	u32 device_id;
	bool withdrawn;
	bool told;
	int error;
	u64 sequence;
	struct dmashare_bo *bo;
	u32 hold;
	bool hold_over;
	u64 acquired;
};

/**
 * struct dmashare_announced - a foreign buffer of which only the id is known
 * @id: the device's
 * @withdrawn: as in struct dmashare_peer
 * @error: likewise
 * @sequence: 0: as the device says
 */
struct dmashare_announced {
	u32 id;
	bool withdrawn;
	int error;
	u64 sequence;
};

/**
 * struct dmashare_peers - the foreign buffers of a device
 * @list: struct dmashare_peer, ids growing
 * @announced: ring of those that nobody has asked the device about; as many as
 *	the device ever knows
 * @entries: of @announced
 * @head: next to be asked about
 * @tail: next free one; these and the others are protected by the events' lock
 * @work: asks the device, and tells buffers that were withdrawn
 * @news: woken when there is a new one, or the device is gone, or @releases
 *	becomes 0
 * @releases: holds that wait to be released
 * @info: where the device writes what it knows; of @work alone
 * @info_dma: its DMA address
 */
struct dmashare_peers {
	struct list_head list;
	struct dmashare_announced *announced;
	u32 entries;
	u32 head;
	u32 tail;
	struct work_struct work;
	wait_queue_head_t news;
	atomic_t releases;
	struct dmashare_peer_info *info;
	dma_addr_t info_dma;
};

/* dmashare_window.c */
int dmashare_window_init(struct dmashare_device *ddev);
u64 dmashare_window_free(struct dmashare_device *ddev);
int dmashare_window_insert(struct dmashare_window *window,
			   struct dmashare_backing *backing, bool write);
void dmashare_window_remove(struct dmashare_window *window,
			    struct dmashare_backing *backing);

/* dmashare_peer.c */
int dmashare_peers_init(struct dmashare_device *ddev);
void dmashare_peer_event(struct dmashare_device *ddev,
			 const struct dmashare_event *event);
void dmashare_peers_reset(struct dmashare_device *ddev);
void dmashare_peers_gone(struct dmashare_device *ddev);
struct dmashare_peer *dmashare_peer_get(struct dmashare_device *ddev, u32 id);
struct dmashare_peer *dmashare_peer_claim(struct dmashare_device *ddev, u32 id,
					  struct dmashare_bo *bo);
void dmashare_peer_unclaim(struct dmashare_device *ddev, struct dmashare_peer *peer);
void dmashare_peer_lost(struct dmashare_device *ddev, struct dmashare_peer *peer);
void dmashare_peer_put(struct dmashare_peer *peer);
int dmashare_peer_next_ioctl(struct drm_device *drm, void *data,
			     struct drm_file *drm_file);

/* dmashare_peer_bo.c */
bool dmashare_peer_bo_stale(const struct dmashare_bo *bo);
bool dmashare_peer_bo_read_only(const struct dmashare_bo *bo);
void dmashare_peer_bo_withdrawn(struct dmashare_bo *bo);
void dmashare_peer_bo_free(struct dmashare_bo *bo);
struct dmashare_bo *dmashare_peer_lookup(struct drm_file *drm_file, u32 handle);
int dmashare_peer_open_ioctl(struct drm_device *drm, void *data,
			     struct drm_file *drm_file);
int dmashare_peer_state_ioctl(struct drm_device *drm, void *data,
			      struct drm_file *drm_file);

/* dmashare_peer_hold.c */
void dmashare_peer_hold_end(struct dmashare_bo *bo, int error);
void dmashare_peer_bo_close(struct drm_gem_object *obj, struct drm_file *drm_file);
int dmashare_peer_acquire_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file);
int dmashare_peer_release_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file);

#endif /* DMASHARE_PEER_H */
