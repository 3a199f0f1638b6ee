/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: fences that somebody outside of this VM signals
 *
 * Included by dmashare_drv.h, which has the order of the locks.
 */
#ifndef DMASHARE_HOLD_H
#define DMASHARE_HOLD_H

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/hashtable.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#define DMASHARE_HOLD_BITS	7

struct dmashare_device;

/**
 * struct dmashare_after - something to be done when fences have signalled
 * @func: does it, once, in a work item of dmashare_move_wq; others wait for fences
 *	that depend on it, so it allocates no memory and takes no reservation lock.
 *	May free @self, after dmashare_after_fini().
 * @fence: what is waited for; references, until dmashare_after_fini()
 * @count: number of those
 * @next: the first one that has not signalled, as far as was looked
 * @cb: on that
 * @work: looks further
 */
struct dmashare_after {
	void (*func)(struct dmashare_after *self);
	struct dma_fence **fence;
	unsigned int count;
	unsigned int next;
	struct dma_fence_cb cb;
	struct work_struct work;
};

/**
 * struct dmashare_hold - a fence that the device ends by its id
 * @base: the fence; must be first in whatever this is the first member of,
 *	dma_fence_free() frees it
 * @lock: of the fence
 * @ddev: the device; the hold is one of its users until it is released
 * @id: hold id
 * @buffer: id of the buffer (of the foreign buffer) that it is of
 * @release: called before the memory is freed, in any context; or NULL
 * @link: in the device's table, until it is over
 * @ending: in a list of those that are ended together
 */
struct dmashare_hold {
	struct dma_fence base;
	spinlock_t lock; /* dma_fence.lock */
	struct dmashare_device *ddev;
	u32 id;
	u32 buffer;
	void (*release)(struct dmashare_hold *hold);
	struct hlist_node link;
	struct hlist_node ending;
};

/**
 * struct dmashare_holds - those that are not over
 * @lock: protects all of it
 * @table: struct dmashare_hold by id; each with a reference
 * @live: how many there are
 * @last_id: the last one that dmashare_hold_new_id() gave
 * @closed: the device is gone, no hold begins any more
 * @ended: how many there were, for debugfs
 * @failed: of those, with an error
 */
struct dmashare_holds {
	spinlock_t lock; /* all of it */
	DECLARE_HASHTABLE(table, DMASHARE_HOLD_BITS);
	unsigned int live;
	u32 last_id;
	bool closed;
	u64 ended;
	u64 failed;
};

/* dmashare_hold.c */
void dmashare_holds_init(struct dmashare_device *ddev);
u32 dmashare_hold_new_id(struct dmashare_device *ddev);
void dmashare_hold_init(struct dmashare_device *ddev, struct dmashare_hold *hold,
			u32 id, u32 buffer,
			void (*release)(struct dmashare_hold *hold));
int dmashare_hold_begin(struct dmashare_hold *hold);
bool dmashare_hold_finish(struct dmashare_hold *hold, int error);
bool dmashare_hold_end(struct dmashare_device *ddev, u32 id, int error);
void dmashare_holds_end(struct dmashare_device *ddev,
			bool (*match)(const struct dmashare_hold *hold, const void *data),
			const void *data, int error);
void dmashare_holds_close(struct dmashare_device *ddev);
bool dmashare_holds_busy(struct dmashare_device *ddev);

int dmashare_after_collect(struct dmashare_after *after, struct dma_resv *resv,
			   enum dma_resv_usage usage, struct dma_fence *also);
void dmashare_after_start(struct dmashare_after *after,
			  void (*func)(struct dmashare_after *self));
void dmashare_after_fini(struct dmashare_after *after);

#endif /* DMASHARE_HOLD_H */
