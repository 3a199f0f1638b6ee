// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: events: what the device says that no completion reports
 */
#include <linux/dma-mapping.h>
#include <linux/panic.h>

#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static_assert(sizeof(struct dmashare_event) == DMASHARE_EVENT_SIZE);

/**
 * dmashare_events_init - memory of the event ring
 * @ddev: the device
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_events_init(struct dmashare_device *ddev)
{
	struct dmashare_events *events = &ddev->events;

	spin_lock_init(&events->lock);
	events->entries = min_t(u32, ddev->limits.max_entries, DMASHARE_RING_ENTRIES);
	events->entry = dmam_alloc_coherent(ddev->drm.dev,
					    events->entries * sizeof(*events->entry),
					    &events->dma, GFP_KERNEL);

	return events->entry ? 0 : -ENOMEM;
}

/**
 * dmashare_events_start - hand the event ring to the device
 * @ddev: the device
 *
 * Returns: 0, or -EIO when the device refuses the set-up
 */
int dmashare_events_start(struct dmashare_device *ddev)
{
	struct dmashare_events *events = &ddev->events;
	u32 status;

	spin_lock_irq(&events->lock);
	memset(events->entry, 0, events->entries * sizeof(*events->entry));
	events->head = 0;
	events->vector = dmashare_vector(ddev, 0);

	dmashare_write(ddev, DMASHARE_REG_EVQ_ADDR_LO, lower_32_bits(events->dma));
	dmashare_write(ddev, DMASHARE_REG_EVQ_ADDR_HI, upper_32_bits(events->dma));
	dmashare_write(ddev, DMASHARE_REG_EVQ_ENTRIES, events->entries);
	dmashare_write(ddev, DMASHARE_REG_EVQ_VECTOR, events->vector);
	dmashare_write(ddev, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);

	status = dmashare_read(ddev, DMASHARE_REG_EVQ_STATUS);
	events->enabled = status & DMASHARE_QSTATUS_ENABLED;
	spin_unlock_irq(&events->lock);

	if (!(status & DMASHARE_QSTATUS_ENABLED)) {
		drm_err(&ddev->drm, "the event ring does not start: status %#x\n", status);
		return -EIO;
	}

	return 0;
}

/* Takes the next event; false if there is none. */
static bool dmashare_event_pop(struct dmashare_device *ddev, struct dmashare_event *event)
{
	struct dmashare_events *events = &ddev->events;
	struct dmashare_event *entry;
	unsigned long flags;
	bool found = false;
	u32 type;

	spin_lock_irqsave(&events->lock, flags);
	entry = &events->entry[events->head & (events->entries - 1)];
	if (!events->enabled || le32_to_cpu(READ_ONCE(entry->seq)) != events->head + 1)
		goto out_unlock;

	/* The rest of the entry was written before its seq. */
	dma_rmb();
	*event = *entry;
	found = true;
	events->head++;
	type = le16_to_cpu(event->type);
	events->seen[type < ARRAY_SIZE(events->seen) ? type : 0]++;
	events->lost += le32_to_cpu(event->lost);
	if (type == DMASHARE_EVENT_MOVE_REQUEST)
		dmashare_move_request(ddev, le32_to_cpu(event->buffer),
				      le64_to_cpu(event->offset));
	dmashare_peer_event(ddev, event);
	dmashare_render_event(ddev, event);
	dmashare_write(ddev, DMASHARE_REG_DOORBELL_EVQ, events->head);

out_unlock:
	spin_unlock_irqrestore(&events->lock, flags);

	return found;
}

/*
 * A fence that may never signal breaks what every user of dma-buf relies on:
 * memory may be waited for that is not given back until it signals, so anything
 * may hang from now on, and a report of a hang in this kernel need not be believed.
 * The taint is that of sw_sync, whose fences are no better.
 */
static void dmashare_event_held(struct dmashare_device *ddev, const struct dmashare_event *event)
{
	u32 timeline = min_t(u64, le64_to_cpu(event->offset), U32_MAX);
	u64 seqno = le64_to_cpu(event->addr);

	dev_warn_ratelimited(ddev->drm.dev,
			     "fence %llu of timeline %u is held for ever, which taints the kernel\n",
			     seqno, timeline);
	add_taint(TAINT_SOFTLOCKUP, LOCKDEP_STILL_OK);
	dmashare_fence_held(ddev, timeline, seqno);
}

/**
 * dmashare_events_poll - read and obey the events that are there
 * @ddev: the device; any context
 */
void dmashare_events_poll(struct dmashare_device *ddev)
{
	bool stopped = false, fatal = false;
	struct dmashare_event event;

	/* Without the lock: what is done about one takes others. */
	while (dmashare_event_pop(ddev, &event)) {
		trace_dmashare_event(ddev, &event);
		switch (le16_to_cpu(event.type)) {
		case DMASHARE_EVENT_QUEUE_ERROR:
			stopped = true;
			break;
		case DMASHARE_EVENT_HELD_FOR_EVER:
			dmashare_event_held(ddev, &event);
			break;
		case DMASHARE_EVENT_FATAL:
			fatal = true;
			break;
		case DMASHARE_EVENT_SHARE_ACQUIRE:
		case DMASHARE_EVENT_SHARE_DONE:
			dmashare_share_event(ddev, &event);
			break;
		case DMASHARE_EVENT_PEER_GRANTED:
			dmashare_hold_end(ddev, le32_to_cpu(event.mapping),
					  dmashare_completion_to_errno(le16_to_cpu(event.status),
								       le64_to_cpu(event.offset)));
			break;
		}
	}

	if (fatal) {
		drm_err_ratelimited(&ddev->drm, "the device met a fatal error, resetting\n");
		dmashare_stop_and_reset(ddev, -EIO);
	} else if (stopped) {
		/* A queue that stopped stays so; only a reset sets it up again. */
		drm_err_ratelimited(&ddev->drm, "a queue stopped with an error, resetting\n");
		queue_work(ddev->reset_wq, &ddev->reset_work);
	}
}
