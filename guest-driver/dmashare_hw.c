// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: registers, start, stop and reset
 */
#include <linux/pci.h>

#include <kunit/visibility.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

#define DMASHARE_STATUS_ENTRY(name, value)	\
	[DMASHARE_STATUS_##name] = (value),

static const u8 dmashare_errno[] = {
	DMASHARE_STATUS_ERRNO_LIST(DMASHARE_STATUS_ENTRY)
};

/**
 * dmashare_status_to_errno - what user space is told
 * @status: enum dmashare_status
 *
 * Returns: 0 or a negative errno; -EIO for a status that only a newer device
 * has
 */
int dmashare_status_to_errno(u32 status)
{
	if (status == DMASHARE_STATUS_OK)
		return 0;
	if (status >= ARRAY_SIZE(dmashare_errno) || !dmashare_errno[status])
		return -EIO;

	return -dmashare_errno[status];
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_status_to_errno);

static u64 dmashare_read64(struct dmashare_device *ddev, u32 lo)
{
	u64 value = dmashare_read(ddev, lo);

	return value | (u64)dmashare_read(ddev, lo + 4) << 32;
}

/**
 * dmashare_hw_time - device (virtual) time
 * @ddev: the device, which must not be unplugged
 *
 * Returns: nanoseconds
 */
u64 dmashare_hw_time(struct dmashare_device *ddev)
{
	/* Reading the low half latches the high one: no two readers at once. */
	guard(mutex)(&ddev->ledger_lock);

	return dmashare_read64(ddev, DMASHARE_REG_TIME_LO);
}

/**
 * dmashare_hw_probe - identify the device, reset it and read its limits
 * @ddev: the device
 *
 * Returns: 0, or -ENODEV if this is no device that we can drive
 */
int dmashare_hw_probe(struct dmashare_device *ddev)
{
	struct dmashare_limits *limits = &ddev->limits;
	struct device *dev = ddev->drm.dev;
	u32 id;
	int ret;

	id = dmashare_read(ddev, DMASHARE_REG_ID);
	limits->version = dmashare_read(ddev, DMASHARE_REG_VERSION);
	if (id != DMASHARE_ID_MAGIC ||
	    limits->version >> 16 != DMASHARE_VERSION_MAJOR) {
		drm_err(&ddev->drm, "id %#x version %#x: not a device for this driver\n",
			id, limits->version);
		return -ENODEV;
	}

	/* Whoever had it before us may have left it running (kexec). */
	dmashare_write(ddev, DMASHARE_REG_CTRL, DMASHARE_CTRL_RESET);

	limits->features = dmashare_read64(ddev, DMASHARE_REG_FEATURES_LO);
	limits->dma_bits = dmashare_read(ddev, DMASHARE_REG_DMA_BITS);
	limits->max_segments = dmashare_read(ddev, DMASHARE_REG_MAX_SEGMENTS);
	limits->max_seg_size = dmashare_read64(ddev, DMASHARE_REG_MAX_SEG_SIZE_LO);
	limits->boundary = dmashare_read64(ddev, DMASHARE_REG_BOUNDARY_LO);
	limits->num_queues = dmashare_read(ddev, DMASHARE_REG_NUM_JOB_QUEUES);
	limits->max_entries = dmashare_read(ddev, DMASHARE_REG_MAX_ENTRIES);
	limits->num_timelines = dmashare_read(ddev, DMASHARE_REG_NUM_TIMELINES);
	limits->max_job_bytes = dmashare_read64(ddev, DMASHARE_REG_MAX_JOB_BYTES_LO);
	limits->local_size = dmashare_read64(ddev, DMASHARE_REG_LOCAL_SIZE_LO);

	if (!limits->max_seg_size)
		limits->max_seg_size = U64_MAX;

	if (limits->dma_bits < 24 || limits->dma_bits > 64 ||
	    !limits->max_segments || !limits->num_queues ||
	    limits->num_queues > DMASHARE_MAX_JOB_QUEUES ||
	    limits->num_timelines < limits->num_queues ||
	    limits->num_timelines > DMASHARE_MAX_TIMELINES ||
	    limits->max_entries < DMASHARE_MIN_ENTRIES ||
	    !is_power_of_2(limits->max_entries) ||
	    limits->max_seg_size < PAGE_SIZE ||
	    (limits->boundary && (limits->boundary < PAGE_SIZE ||
				  !is_power_of_2(limits->boundary)))) {
		drm_err(&ddev->drm, "the device's limits make no sense\n");
		return -ENODEV;
	}

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(limits->dma_bits));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, min_t(u64, limits->max_seg_size, UINT_MAX));
	/* The PCI core assumes one of 4 GiB. */
	dma_set_seg_boundary(dev, limits->boundary ? limits->boundary - 1 : ULONG_MAX);

	return 0;
}

/**
 * dmashare_hw_start - set up and enable everything after a reset
 * @ddev: the device
 *
 * The caller makes sure that no job is being submitted.
 *
 * Returns: 0, or -EIO when the device does not take the set-up
 */
int dmashare_hw_start(struct dmashare_device *ddev)
{
	u32 i;
	int ret;

	dmashare_write(ddev, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
	if (!(dmashare_read(ddev, DMASHARE_REG_STATUS) & DMASHARE_STATUS_REG_READY)) {
		drm_err(&ddev->drm, "the device does not start\n");
		return -EIO;
	}

	memset(ddev->fence_mem, 0, DMASHARE_FENCE_ADDR_ALIGN);
	dmashare_write(ddev, DMASHARE_REG_FENCE_ADDR_LO, lower_32_bits(ddev->fence_dma));
	dmashare_write(ddev, DMASHARE_REG_FENCE_ADDR_HI, upper_32_bits(ddev->fence_dma));
	dmashare_write(ddev, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);

	ret = dmashare_events_start(ddev);
	if (ret)
		return ret;

	spin_lock_irq(&ddev->control.lock);
	ret = dmashare_ring_start(&ddev->control.ring);
	spin_unlock_irq(&ddev->control.lock);

	for (i = 0; !ret && i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];

		spin_lock_irq(&queue->lock);
		ret = dmashare_ring_start(&queue->ring);
		spin_unlock_irq(&queue->lock);
	}

	return ret;
}

/**
 * dmashare_hw_stop - stop all DMA at once
 * @ddev: the device
 *
 * When this returns the device is in its power-on state and nobody will use
 * its registers or rings until dmashare_hw_start(). Commands and jobs that it
 * had are still recorded; the caller ends them. May be called in any context
 * and more than once.
 */
void dmashare_hw_stop(struct dmashare_device *ddev)
{
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&ddev->events.lock, flags);
	ddev->events.enabled = false;
	spin_unlock_irqrestore(&ddev->events.lock, flags);

	spin_lock_irqsave(&ddev->control.lock, flags);
	ddev->control.ring.enabled = false;
	spin_unlock_irqrestore(&ddev->control.lock, flags);

	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];

		spin_lock_irqsave(&queue->lock, flags);
		queue->ring.enabled = false;
		spin_unlock_irqrestore(&queue->lock, flags);
	}

	dmashare_write(ddev, DMASHARE_REG_CTRL, DMASHARE_CTRL_RESET);
	/* A write is posted on a real bus; a read is not answered before it. */
	dmashare_read(ddev, DMASHARE_REG_ID);
}

static void dmashare_counters_clear(struct dmashare_counters *counters)
{
	int i;

	atomic64_set(&counters->buffers, 0);
	atomic64_set(&counters->attaches, 0);
	atomic64_set(&counters->maps, 0);
	atomic64_set(&counters->notes_failed, 0);
	for (i = 0; i < DMASHARE_NOTE_COUNT; i++)
		atomic64_set(&counters->notes[i], 0);
}

/**
 * dmashare_reset - reset the device and make it anew
 * @ddev: the device; the caller is inside drm_dev_enter()
 * @guilty: the job that timed out, or NULL
 *
 * Runs on the device's ordered reset workqueue only, so resets never overlap.
 *
 * A reset takes all jobs that the device has. The guilty one fails with
 * -ETIMEDOUT, the others with -ECANCELED: none is submitted a second time,
 * because the part of it that did run may have overwritten its own input. Jobs
 * still waiting in the schedulers run after the reset. Buffers, attachments
 * and mappings keep their ids.
 *
 * Hardware fences are failed, in this order, while the scheduler's callbacks
 * are still on them: drm_sched_stop() would take the callbacks off and
 * drm_sched_start() would end every job with the same errno.
 */
void dmashare_reset(struct dmashare_device *ddev, struct dmashare_job *guilty)
{
	u32 i;
	int ret;

	ddev->resets++;
	trace_dmashare_reset(ddev, guilty ? guilty->id : 0);

	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_wqueue_stop(&ddev->queue[i].sched);

	/*
	 * Waits for commands that are under way, which the device answers or
	 * dmashare_control_stuck() ends; later ones wait for us.
	 */
	down_write(&ddev->state_sem);
	dmashare_hw_stop(ddev);
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_queue_fail(&ddev->queue[i], guilty, -ECANCELED);

	for (i = 0; i < ddev->limits.num_queues; i++)
		drm_sched_stop(&ddev->queue[i].sched,
			       guilty ? &guilty->base : NULL);

	dmashare_counters_clear(&ddev->counters);
	ret = dmashare_hw_start(ddev);
	if (!ret)
		ret = dmashare_replay(ddev);
	if (ret) {
		/* Later commands fail with -EIO, and jobs with -ECANCELED. */
		drm_err(&ddev->drm, "the device did not come back from reset (%d)\n", ret);
		dmashare_hw_stop(ddev);
		dmashare_control_abort(ddev, -EIO);
	}
	up_write(&ddev->state_sem);

	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_sched_start(&ddev->queue[i].sched);
}

/**
 * dmashare_reset_work - reset asked for where it cannot be done
 * @work: dmashare_device.reset_work
 */
void dmashare_reset_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(work, struct dmashare_device, reset_work);
	int idx;

	if (!drm_dev_enter(&ddev->drm, &idx))
		return;

	dmashare_reset(ddev, NULL);
	drm_dev_exit(idx);
}
