/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: buffers that programs of the host, and other VMs, have
 *
 * Included by dmashare_drv.h, which has the order of the locks.
 */
#ifndef DMASHARE_SHARE_H
#define DMASHARE_SHARE_H

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <dmashare/abi.h>

struct dmashare_bo;
struct dmashare_device;
struct dmashare_mapping;
struct drm_device;
struct drm_file;
struct sg_table;

/* Contents of one buffer that may wait to be published. */
#define DMASHARE_MAX_PUBLISH	64

/**
 * struct dmashare_share - a buffer that is shared, or was
 * @ref: the buffer's, a move's, a hold's
 * @ddev: the device; whoever has a reference is one of its users
 * @lock: protects all of it but @published, and keeps GRANT and PUBLISH apart from
 *	UNSHARE. Taken on the way to fences: nobody waits for memory or a fence with
 *	it held. What a reset looks at is changed with state_sem held as well
 * @body: what the device was told, or will be
 * @size: bytes of the buffer
 * @placement: enum dmashare_placement of the mapping in @body
 * @id: on the host, of the latest SHARE
 * @live: the device has its pages, or would have but for a reset
 * @over: the user wants it to be shared no more
 * @exposed: clients may have the present pages, which have to be cut off before
 *	they are used for something else
 * @moves: moves that have not ended
 * @next: the mapping that is to be shared when the last of them has, 0: none can be
 * @next_placement: its placement
 * @waiting: contents that are to be published
 * @published: the fence of the last contents; protected by the buffer's reservation
 */
struct dmashare_share {
	struct kref ref;
	struct dmashare_device *ddev;
	struct mutex lock; /* all but published */
	struct dmashare_body_share body;
	u64 size;
	u32 placement;
	u32 id;
	bool live;
	bool over;
	bool exposed;
	unsigned int moves;
	u32 next;
	u32 next_placement;
	unsigned int waiting;
	struct dma_fence *published;
};

/**
 * struct dmashare_acquire - a client wants to hold a buffer
 * @id: hold id
 * @buffer: buffer id
 * @flags: DMASHARE_EVENT_F_*
 * @link: in the list of those that the driver has not looked at, or of free ones
 */
struct dmashare_acquire {
	u32 id;
	u32 buffer;
	u32 flags;
	struct list_head link;
};

/**
 * struct dmashare_acquires - those that the driver has not looked at
 * @lock: protects all of it
 * @pending: in the order in which they came
 * @free: as many as the device can have asked for; interrupts do not allocate
 * @entry: all of them
 * @work: looks at them
 */
struct dmashare_acquires {
	spinlock_t lock; /* all of it */
	struct list_head pending;
	struct list_head free;
	struct dmashare_acquire *entry;
	struct work_struct work;
};

/* dmashare_share.c */
void dmashare_share_put(struct dmashare_share *share);
int dmashare_share_sync(struct dmashare_share *share, u32 flags);
struct dmashare_share *dmashare_share_moving(struct dmashare_bo *bo,
					     const struct dmashare_mapping *next,
					     struct sg_table *sgt);
bool dmashare_share_uses(struct dmashare_share *share, u32 mapping);
void dmashare_share_flush(struct dmashare_share *share);
void dmashare_share_moved(struct dmashare_share *share);
bool dmashare_share_on(struct dmashare_bo *bo);
bool dmashare_share_keeps_map(struct dmashare_bo *bo);
void dmashare_share_free(struct dmashare_bo *bo);
void dmashare_shares_replay(struct dmashare_device *ddev);
int dmashare_bo_share_ioctl(struct drm_device *drm, void *data,
			    struct drm_file *drm_file);
int dmashare_bo_unshare_ioctl(struct drm_device *drm, void *data,
			      struct drm_file *drm_file);

/* dmashare_acquire.c */
int dmashare_acquires_init(struct dmashare_device *ddev);
void dmashare_acquires_drop(struct dmashare_device *ddev, u32 buffer);
void dmashare_share_event(struct dmashare_device *ddev,
			  const struct dmashare_event *event);
void dmashare_share_end_holds(struct dmashare_share *share, bool all);
int dmashare_bo_publish_ioctl(struct drm_device *drm, void *data,
			      struct drm_file *drm_file);

#endif /* DMASHARE_SHARE_H */
