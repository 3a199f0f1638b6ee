// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: fences that somebody outside of this VM signals
 *
 * A program of the host, or another VM, that uses a buffer holds it: for this VM
 * that is a dma_fence in the buffer's reservation. Nobody here can make a stranger
 * signal it. What makes it a fence all the same is the device: each hold has a
 * deadline in device time, at which the device ends it, and the device ends it at
 * once when the stranger goes away. So it signals in finite time, whatever they do,
 * as long as the device works; and when it does not, because it is reset or
 * removed, the driver ends it.
 *
 * Two kinds begin before the device knows of them: those where the stranger has to
 * wait for the fences that were there before (struct dmashare_after). They depend on
 * those, which signal in finite time, and on one command to the device, given by a
 * work item that takes no reservation lock and allocates nothing.
 *
 * A hold keeps no buffer: it is found by its id, and the buffer may be freed, move
 * or be shared no more while it is there. Whoever arranges that ends it.
 *
 * What fences fail with:
 *
 *	ETIMEDOUT	the deadline passed
 *	ECONNRESET	the stranger vanished
 *	ECANCELED	the buffer moved, or is shared no more, or the device was reset
 *	ENODEV		the device was removed
 *	any other	what the stranger said
 */
#include <linux/module.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static struct dmashare_hold *to_dmashare_hold(struct dma_fence *fence)
{
	return container_of(fence, struct dmashare_hold, base);
}

static const char *dmashare_hold_driver_name(struct dma_fence *fence)
{
	return DMASHARE_NAME;
}

static const char *dmashare_hold_timeline_name(struct dma_fence *fence)
{
	return "dmashare-hold";
}

static void dmashare_hold_release(struct dma_fence *fence)
{
	struct dmashare_hold *hold = to_dmashare_hold(fence);

	if (hold->release)
		hold->release(hold);
	dmashare_put_user(hold->ddev);
	dma_fence_free(fence);
	/* dmashare_exit() waits for our return. */
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops dmashare_hold_ops = {
	DMASHARE_FENCE_OPS_64BIT
	.get_driver_name = dmashare_hold_driver_name,
	.get_timeline_name = dmashare_hold_timeline_name,
	.release = dmashare_hold_release,
};

/**
 * dmashare_holds_init - the device has no holds yet
 * @ddev: the device
 */
void dmashare_holds_init(struct dmashare_device *ddev)
{
	struct dmashare_holds *holds = &ddev->holds;

	spin_lock_init(&holds->lock);
	hash_init(holds->table);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_holds_init);

static struct dmashare_hold *dmashare_hold_find(struct dmashare_holds *holds, u32 id)
{
	struct dmashare_hold *hold;

	lockdep_assert_held(&holds->lock);

	hash_for_each_possible(holds->table, hold, link, id)
		if (hold->id == id)
			return hold;

	return NULL;
}

/**
 * dmashare_hold_new_id - an id for a hold that the driver begins
 * @ddev: the device
 *
 * Ids go round: one that is over is not used again soon.
 *
 * Returns: an id that no hold in the table has
 */
u32 dmashare_hold_new_id(struct dmashare_device *ddev)
{
	struct dmashare_holds *holds = &ddev->holds;
	unsigned long flags;
	u32 id;

	spin_lock_irqsave(&holds->lock, flags);
	id = holds->last_id;
	do {
		id = id + 1 < DMASHARE_HOLD_DEVICE ? id + 1 : 1;
	} while (dmashare_hold_find(holds, id));
	holds->last_id = id;
	spin_unlock_irqrestore(&holds->lock, flags);

	return id;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_hold_new_id);

/**
 * dmashare_hold_init - initialise a hold that has not begun
 * @ddev: the device; the caller has a file, a buffer or a work item of it
 * @hold: the hold, zeroed, allocated with kzalloc()
 * @id: hold id
 * @buffer: what it is of
 * @release: called before the memory is freed, or NULL
 *
 * From here on it is given back by dma_fence_put(), also if it never begins.
 */
void dmashare_hold_init(struct dmashare_device *ddev, struct dmashare_hold *hold,
			u32 id, u32 buffer,
			void (*release)(struct dmashare_hold *hold))
{
	__module_get(THIS_MODULE);
	refcount_inc(&ddev->users);
	spin_lock_init(&hold->lock);
	hold->ddev = ddev;
	hold->id = id;
	hold->buffer = buffer;
	hold->release = release;
	/* A context for each: strangers go on in no order. */
	dmashare_dma_fence_init(&hold->base, &dmashare_hold_ops, &hold->lock,
				dma_fence_context_alloc(1), 1);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_hold_init);

/**
 * dmashare_hold_begin - from now on it will be ended
 * @hold: the hold
 *
 * Before it is shown to anybody, or the device is told.
 *
 * Returns: 0, -EEXIST if there is one with its id, -ENODEV if the device is gone
 */
int dmashare_hold_begin(struct dmashare_hold *hold)
{
	struct dmashare_holds *holds = &hold->ddev->holds;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&holds->lock, flags);
	if (holds->closed) {
		ret = -ENODEV;
	} else if (dmashare_hold_find(holds, hold->id)) {
		ret = -EEXIST;
	} else {
		dma_fence_get(&hold->base);
		hash_add(holds->table, &hold->link, hold->id);
		holds->live++;
	}
	spin_unlock_irqrestore(&holds->lock, flags);

	trace_dmashare_hold_begin(hold, ret);
	/* The interrupt of the event that ends it may be lost. */
	if (!ret)
		dmashare_watch_jobs(hold->ddev);

	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_hold_begin);

/* The hold is over; it is the caller's who found it in the table. */
static void dmashare_hold_remove(struct dmashare_holds *holds, struct dmashare_hold *hold,
				 int error)
{
	lockdep_assert_held(&holds->lock);

	hash_del(&hold->link);
	holds->live--;
	holds->ended++;
	holds->failed += !!error;
}

/* Without the table's lock: a fence's callbacks may do anything. */
static void dmashare_hold_signal(struct dmashare_hold *hold, int error)
{
	if (error)
		dma_fence_set_error(&hold->base, error);
	trace_dmashare_hold_end(hold, error);
	dma_fence_signal(&hold->base);
	dma_fence_put(&hold->base);
}

/**
 * dmashare_hold_finish - end a hold
 * @hold: the hold, which has begun and may be over; any context
 * @error: what its fence fails with, negative, or 0
 *
 * Returns: false if it was over
 */
bool dmashare_hold_finish(struct dmashare_hold *hold, int error)
{
	struct dmashare_holds *holds = &hold->ddev->holds;
	unsigned long flags;
	bool found;

	spin_lock_irqsave(&holds->lock, flags);
	found = !hlist_unhashed(&hold->link);
	if (found)
		dmashare_hold_remove(holds, hold, error);
	spin_unlock_irqrestore(&holds->lock, flags);

	if (found)
		dmashare_hold_signal(hold, error);

	return found;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_hold_finish);

/**
 * dmashare_hold_end - end a hold by its id
 * @ddev: the device; any context
 * @id: hold id
 * @error: as of dmashare_hold_finish()
 *
 * Returns: false if there is none, or none any more
 */
bool dmashare_hold_end(struct dmashare_device *ddev, u32 id, int error)
{
	struct dmashare_holds *holds = &ddev->holds;
	struct dmashare_hold *hold;
	unsigned long flags;

	spin_lock_irqsave(&holds->lock, flags);
	hold = dmashare_hold_find(holds, id);
	if (hold)
		dmashare_hold_remove(holds, hold, error);
	spin_unlock_irqrestore(&holds->lock, flags);

	if (hold)
		dmashare_hold_signal(hold, error);

	return hold;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_hold_end);

/**
 * dmashare_holds_end - end several holds
 * @ddev: the device; any context
 * @match: which ones, called with the table's lock held; NULL: all
 * @data: for @match
 * @error: as of dmashare_hold_finish()
 */
void dmashare_holds_end(struct dmashare_device *ddev,
			bool (*match)(const struct dmashare_hold *hold, const void *data),
			const void *data, int error)
{
	struct dmashare_holds *holds = &ddev->holds;
	struct dmashare_hold *hold;
	struct hlist_node *next;
	HLIST_HEAD(over);
	unsigned long flags;
	int i;

	spin_lock_irqsave(&holds->lock, flags);
	hash_for_each_safe(holds->table, i, next, hold, link) {
		if (match && !match(hold, data))
			continue;
		dmashare_hold_remove(holds, hold, error);
		hlist_add_head(&hold->ending, &over);
	}
	spin_unlock_irqrestore(&holds->lock, flags);

	hlist_for_each_entry_safe(hold, next, &over, ending) {
		hlist_del(&hold->ending);
		dmashare_hold_signal(hold, error);
	}
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_holds_end);

/**
 * dmashare_holds_close - the device is gone: end all, and let none begin
 * @ddev: the device
 */
void dmashare_holds_close(struct dmashare_device *ddev)
{
	spin_lock_irq(&ddev->holds.lock);
	ddev->holds.closed = true;
	spin_unlock_irq(&ddev->holds.lock);

	dmashare_holds_end(ddev, NULL, NULL, -ENODEV);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_holds_close);

/**
 * dmashare_holds_busy - are there holds?
 * @ddev: the device
 *
 * Returns: true if so: an event is to come, whose interrupt may be lost
 */
bool dmashare_holds_busy(struct dmashare_device *ddev)
{
	return READ_ONCE(ddev->holds.live);
}

static void dmashare_after_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dmashare_after *after = container_of(cb, struct dmashare_after, cb);

	queue_work(dmashare_move_wq, &after->work);
}

static void dmashare_after_work(struct work_struct *work)
{
	struct dmashare_after *after = container_of(work, struct dmashare_after, work);

	for (; after->next < after->count; after->next++)
		if (!dma_fence_add_callback(after->fence[after->next], &after->cb,
					    dmashare_after_signalled))
			return;

	after->func(after);
}

/**
 * dmashare_after_collect - which fences are to be waited for
 * @after: filled in
 * @resv: a buffer's reservation, locked
 * @usage: those of this usage and the stronger ones
 * @also: one more, or NULL
 *
 * Allocates memory: before the fence is begun that will depend on it.
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_after_collect(struct dmashare_after *after, struct dma_resv *resv,
			   enum dma_resv_usage usage, struct dma_fence *also)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	unsigned int n = !!also;

	dma_resv_assert_held(resv);

	*after = (struct dmashare_after){ };
	dma_resv_for_each_fence(&cursor, resv, usage, fence)
		n++;
	if (!n)
		return 0;

	after->fence = kcalloc(n, sizeof(*after->fence), GFP_KERNEL);
	if (!after->fence)
		return -ENOMEM;

	if (also)
		after->fence[after->count++] = dma_fence_get(also);
	dma_resv_for_each_fence(&cursor, resv, usage, fence)
		after->fence[after->count++] = dma_fence_get(fence);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_after_collect);

/**
 * dmashare_after_start - do something when all fences have signalled
 * @after: of dmashare_after_collect(); the caller keeps it until @func was called
 * @func: what
 */
void dmashare_after_start(struct dmashare_after *after,
			  void (*func)(struct dmashare_after *self))
{
	unsigned int i;

	after->func = func;
	INIT_WORK(&after->work, dmashare_after_work);
	/* They are looked at one by one, but all of them should get on with it. */
	for (i = 0; i < after->count; i++)
		dmashare_dma_fence_enable(after->fence[i]);
	queue_work(dmashare_move_wq, &after->work);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_after_start);

/**
 * dmashare_after_fini - drop the fences
 * @after: not started, or from @func
 */
void dmashare_after_fini(struct dmashare_after *after)
{
	while (after->count)
		dma_fence_put(after->fence[--after->count]);
	kfree(after->fence);
	after->fence = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_after_fini);
