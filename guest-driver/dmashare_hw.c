// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: registers, start and stop
 */
#include <linux/pci.h>

#include <kunit/visibility.h>

#include <drm/drm_print.h>

#include "dmashare_drv.h"

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

/**
 * dmashare_completion_to_errno - what the fence of a job fails with
 * @status: enum dmashare_status
 * @detail: of the completion
 *
 * Returns: 0 or a negative errno; what the harness commanded, if it did
 */
int dmashare_completion_to_errno(u32 status, u64 detail)
{
	if (status == DMASHARE_STATUS_COMMANDED && detail && detail <= MAX_ERRNO)
		return -(int)detail;

	return dmashare_status_to_errno(status);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_completion_to_errno);

static u64 dmashare_read64(struct dmashare_device *ddev, u32 lo)
{
	u64 value = dmashare_read(ddev, lo);

	return value | (u64)dmashare_read(ddev, lo + 4) << 32;
}

/**
 * dmashare_hw_time - device (virtual) time
 * @ddev: the device; the caller is inside drm_dev_enter()
 * @time: out: nanoseconds
 *
 * Returns: 0, or -EIO if nobody answers
 */
int dmashare_hw_time(struct dmashare_device *ddev, u64 *time)
{
	/* Reading the low half latches the high one: no two readers at once. */
	guard(mutex)(&ddev->ledger_lock);

	*time = dmashare_read64(ddev, DMASHARE_REG_TIME_LO);

	return dmashare_hw_present(ddev) ? 0 : -EIO;
}

/**
 * dmashare_hw_present - does the device answer?
 * @ddev: the device; the caller is inside drm_dev_enter(), or is its bus
 *
 * What nobody answers reads as all ones: the device was pulled out, or its link
 * is down. No register is polled, or used as a number, without a look at this.
 *
 * Returns: true if so
 */
bool dmashare_hw_present(struct dmashare_device *ddev)
{
	return dmashare_read(ddev, DMASHARE_REG_ID) == DMASHARE_ID_MAGIC;
}

/**
 * dmashare_hw_works - is the device as the driver left it?
 * @ddev: the device, which is present and was started
 *
 * Returns: false if it stopped for an error of its own, or was reset by somebody
 * else; only a reset helps
 */
bool dmashare_hw_works(struct dmashare_device *ddev)
{
	u32 status = dmashare_read(ddev, DMASHARE_REG_STATUS);

	return status & DMASHARE_STATUS_REG_READY && !(status & DMASHARE_STATUS_REG_FATAL);
}

/**
 * dmashare_fence_bytes - how much memory fences take
 * @ddev: the device
 *
 * Returns: bytes
 */
size_t dmashare_fence_bytes(const struct dmashare_device *ddev)
{
	return ddev->limits.num_timelines * sizeof(*ddev->fence_mem);
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
	if (limits->features & DMASHARE_FEATURE_SHARE)
		limits->max_holds = dmashare_read(ddev, DMASHARE_REG_MAX_HOLDS);
	limits->local_size = dmashare_read64(ddev, DMASHARE_REG_LOCAL_SIZE_LO);
	limits->max_peers = dmashare_read(ddev, DMASHARE_REG_MAX_PEERS);
	limits->peer_offset = dmashare_read64(ddev, DMASHARE_REG_PEER_OFFSET_LO);
	limits->peer_size = dmashare_read64(ddev, DMASHARE_REG_PEER_SIZE_LO);

	if (limits->features & DMASHARE_FEATURE_RENDER) {
		limits->max_contexts = dmashare_read(ddev, DMASHARE_REG_MAX_CONTEXTS);
		limits->max_resources = dmashare_read(ddev, DMASHARE_REG_MAX_RESOURCES);
		limits->max_render = dmashare_read64(ddev, DMASHARE_REG_MAX_RENDER_LO);
		limits->render_bytes = dmashare_read64(ddev, DMASHARE_REG_RENDER_BYTES_LO);
		limits->render_rings = dmashare_read(ddev, DMASHARE_REG_RENDER_RINGS);
	}

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
 * The caller makes sure that no job is being submitted. Whoever stops the device
 * meanwhile, in an interrupt, finds that queues which are enabled later do not
 * start.
 *
 * Returns: 0, or -EIO when the device does not take the set-up
 */
int dmashare_hw_start(struct dmashare_device *ddev)
{
	u32 i;
	int ret;

	if (!dmashare_hw_present(ddev)) {
		drm_err(&ddev->drm, "the device does not answer\n");
		return -EIO;
	}

	dmashare_write(ddev, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
	if (!(dmashare_read(ddev, DMASHARE_REG_STATUS) & DMASHARE_STATUS_REG_READY)) {
		drm_err(&ddev->drm, "the device does not start\n");
		return -EIO;
	}

	memset(ddev->fence_mem, 0, dmashare_fence_bytes(ddev));
	dmashare_write(ddev, DMASHARE_REG_FENCE_ADDR_LO, lower_32_bits(ddev->fence_dma));
	dmashare_write(ddev, DMASHARE_REG_FENCE_ADDR_HI, upper_32_bits(ddev->fence_dma));
	dmashare_write(ddev, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);

	spin_lock_irq(&ddev->control.lock);
	ret = dmashare_ring_start(&ddev->control.ring);
	spin_unlock_irq(&ddev->control.lock);

	for (i = 0; !ret && i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];

		spin_lock_irq(&queue->lock);
		ret = dmashare_ring_start(&queue->ring);
		spin_unlock_irq(&queue->lock);
	}
	if (ret)
		return ret;

	/* The last one: what the first event says may need a command at once. */
	return dmashare_events_start(ddev);
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
