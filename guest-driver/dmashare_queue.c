// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: rings and interrupts
 *
 * A ring is a submission ring and a completion ring in coherent memory. Both
 * indices that matter to the driver are its own: the device tells of a new
 * completion by the seq in the entry, so no register is read on the way.
 */
#include <linux/interrupt.h>
#include <linux/pci.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static_assert(sizeof(struct dmashare_desc) == DMASHARE_DESC_SIZE);
static_assert(sizeof(struct dmashare_completion) == DMASHARE_COMPLETION_SIZE);

/**
 * dmashare_vector - which vector there is
 * @ddev: the device
 * @wanted: vector number
 *
 * With fewer vectors than the device could use, the last one is shared.
 *
 * Returns: vector number
 */
u32 dmashare_vector(struct dmashare_device *ddev, u32 wanted)
{
	return min(wanted, ddev->num_vectors - 1);
}

static int dmashare_ring_init(struct dmashare_device *ddev, struct dmashare_ring *ring,
			      u32 index, u32 entries)
{
	struct device *dev = ddev->drm.dev;

	ring->ddev = ddev;
	ring->index = index;
	ring->entries = min(ddev->limits.max_entries, entries);
	ring->sq = dmam_alloc_coherent(dev, ring->entries * sizeof(*ring->sq),
				       &ring->sq_dma, GFP_KERNEL);
	ring->cq = dmam_alloc_coherent(dev, ring->entries * sizeof(*ring->cq),
				       &ring->cq_dma, GFP_KERNEL);

	return ring->sq && ring->cq ? 0 : -ENOMEM;
}

/**
 * dmashare_ring_start - hand a ring to the device
 * @ring: the ring; its owner's lock is held
 *
 * Returns: 0, or -EIO when the device refuses the set-up
 */
int dmashare_ring_start(struct dmashare_ring *ring)
{
	struct dmashare_device *ddev = ring->ddev;
	u32 reg = DMASHARE_REG_QUEUE(ring->index);
	u32 status;

	/* An old entry must not look like a new completion. */
	memset(ring->cq, 0, ring->entries * sizeof(*ring->cq));
	ring->tail = 0;
	ring->rung = 0;
	ring->head = 0;
	ring->acked = 0;
	ring->vector = dmashare_vector(ddev, 1 + ring->index);

	dmashare_write(ddev, reg + DMASHARE_QREG_SQ_ADDR_LO, lower_32_bits(ring->sq_dma));
	dmashare_write(ddev, reg + DMASHARE_QREG_SQ_ADDR_HI, upper_32_bits(ring->sq_dma));
	dmashare_write(ddev, reg + DMASHARE_QREG_CQ_ADDR_LO, lower_32_bits(ring->cq_dma));
	dmashare_write(ddev, reg + DMASHARE_QREG_CQ_ADDR_HI, upper_32_bits(ring->cq_dma));
	dmashare_write(ddev, reg + DMASHARE_QREG_SQ_ENTRIES, ring->entries);
	dmashare_write(ddev, reg + DMASHARE_QREG_CQ_ENTRIES, ring->entries);
	dmashare_write(ddev, reg + DMASHARE_QREG_VECTOR, ring->vector);
	dmashare_write(ddev, reg + DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);

	status = dmashare_read(ddev, reg + DMASHARE_QREG_STATUS);
	if (!(status & DMASHARE_QSTATUS_ENABLED)) {
		drm_err(&ddev->drm, "queue %u does not start: error %u\n", ring->index,
			(status & DMASHARE_QSTATUS_ERROR_MASK) >> DMASHARE_QSTATUS_ERROR_SHIFT);
		return -EIO;
	}

	ring->enabled = true;

	return 0;
}

/**
 * dmashare_ring_full - is there no room for a submission?
 * @ring: the ring; its owner's lock is held
 *
 * What is counted are completions not read yet, so neither ring can overflow.
 *
 * Returns: true if full
 */
bool dmashare_ring_full(const struct dmashare_ring *ring)
{
	return ring->tail - ring->head >= ring->entries;
}

/* Gives all completion slots that were read back to the device. */
static void dmashare_ring_tell(struct dmashare_ring *ring)
{
	ring->acked = ring->head;
	dmashare_write(ring->ddev, DMASHARE_REG_DOORBELL_CQ(ring->index), ring->head);
}

/**
 * dmashare_ring_put - put a descriptor where the device will find it
 * @ring: the ring, enabled and not full; its owner's lock is held
 * @desc: copied
 *
 * The device is not told, before dmashare_ring_ring().
 */
void dmashare_ring_put(struct dmashare_ring *ring, const struct dmashare_desc *desc)
{
	/* The device fetches no more than it can complete, as far as it knows. */
	if (ring->tail - ring->acked >= ring->entries)
		dmashare_ring_tell(ring);
	ring->sq[ring->tail & (ring->entries - 1)] = *desc;
	ring->tail++;
}

/**
 * dmashare_ring_ring - tell the device of all descriptors that were put there
 * @ring: the ring; its owner's lock is held
 */
void dmashare_ring_ring(struct dmashare_ring *ring)
{
	if (!ring->enabled || ring->rung == ring->tail)
		return;

	ring->rung = ring->tail;
	/* writel() orders the descriptors before the doorbell. */
	dmashare_write(ring->ddev, DMASHARE_REG_DOORBELL_SQ(ring->index), ring->tail);
}

/**
 * dmashare_ring_push - submit a descriptor
 * @ring: the ring, enabled and not full; its owner's lock is held
 * @desc: copied
 */
void dmashare_ring_push(struct dmashare_ring *ring,
			const struct dmashare_desc *desc)
{
	dmashare_ring_put(ring, desc);
	dmashare_ring_ring(ring);
}

/**
 * dmashare_ring_ready - is there a completion to be read?
 * @ring: the ring; its owner's lock is held
 *
 * Returns: true if so
 */
bool dmashare_ring_ready(const struct dmashare_ring *ring)
{
	const struct dmashare_completion *entry = &ring->cq[ring->head & (ring->entries - 1)];

	return ring->enabled && ring->head != ring->tail &&
	       le32_to_cpu(READ_ONCE(entry->seq)) == ring->head + 1;
}

/**
 * dmashare_ring_pop - take the next completion
 * @ring: the ring; its owner's lock is held
 * @completion: filled in
 *
 * Returns: false if there is none
 */
bool dmashare_ring_pop(struct dmashare_ring *ring,
		       struct dmashare_completion *completion)
{
	if (!dmashare_ring_ready(ring))
		return false;

	/* The rest of the entry was written before its seq. */
	dma_rmb();
	*completion = ring->cq[ring->head & (ring->entries - 1)];
	ring->head++;

	return true;
}

/**
 * dmashare_ring_ack - completions were read
 * @ring: the ring, enabled; its owner's lock is held
 *
 * The device hears of it when it is worth a register access: a quarter of the ring
 * at a time, or when the next descriptor would find no room.
 */
void dmashare_ring_ack(struct dmashare_ring *ring)
{
	if (ring->head - ring->acked >= ring->entries / 4)
		dmashare_ring_tell(ring);
}

static irqreturn_t dmashare_irq(int irq, void *data)
{
	struct dmashare_irq *source = data;
	struct dmashare_device *ddev = source->ddev;
	u32 i;

	if (ddev->events.vector == source->vector)
		dmashare_events_poll(ddev);
	if (ddev->control.ring.vector == source->vector)
		dmashare_control_poll(ddev);
	for (i = 0; i < ddev->limits.num_queues; i++)
		if (ddev->queue[i].ring.vector == source->vector)
			dmashare_queue_signal(&ddev->queue[i]);

	return IRQ_HANDLED;
}

static void dmashare_irqs_fini(void *data)
{
	pci_free_irq_vectors(data);
}

/**
 * dmashare_irqs_init - get MSI-X vectors and their handlers
 * @ddev: the device, whose rings are allocated
 *
 * Handlers are hard interrupt handlers: they read a few ring entries and
 * signal fences, and a fence's waiters should not wait for a thread as well.
 *
 * Returns: 0 or a negative errno
 */
int dmashare_irqs_init(struct dmashare_device *ddev)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);
	u32 i;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 1,
				    DMASHARE_NUM_VECTORS(ddev->limits.num_queues),
				    PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	ddev->num_vectors = ret;

	ret = devm_add_action_or_reset(&pdev->dev, dmashare_irqs_fini, pdev);
	if (ret)
		return ret;

	ddev->irq = drmm_kcalloc(&ddev->drm, ddev->num_vectors, sizeof(*ddev->irq),
				 GFP_KERNEL);
	if (!ddev->irq)
		return -ENOMEM;

	for (i = 0; i < ddev->num_vectors; i++) {
		ddev->irq[i].ddev = ddev;
		ddev->irq[i].vector = i;
		ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, i),
				       dmashare_irq, 0, DMASHARE_NAME, &ddev->irq[i]);
		if (ret)
			return ret;
	}

	return 0;
}

/**
 * dmashare_queues_init - memory of rings and fences
 * @ddev: the device
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_queues_init(struct dmashare_device *ddev)
{
	struct dmashare_control *control = &ddev->control;
	struct device *dev = ddev->drm.dev;
	u32 i;
	int ret;

	ret = dmashare_events_init(ddev);
	if (ret)
		return ret;
	ddev->fence_mem = dmam_alloc_coherent(dev, dmashare_fence_bytes(ddev),
					      &ddev->fence_dma, GFP_KERNEL);
	ddev->ledger = dmam_alloc_coherent(dev, DMASHARE_LEDGER_MAX_LENGTH,
					   &ddev->ledger_dma, GFP_KERNEL);
	if (!ddev->fence_mem || !ddev->ledger)
		return -ENOMEM;

	spin_lock_init(&control->lock);
	init_waitqueue_head(&control->room);
	ret = dmashare_ring_init(ddev, &control->ring, DMASHARE_QUEUE_CONTROL,
				 DMASHARE_RING_ENTRIES);
	if (ret)
		return ret;
	control->waiting = drmm_kcalloc(&ddev->drm, control->ring.entries,
					sizeof(*control->waiting), GFP_KERNEL);
	control->tries = drmm_kzalloc(&ddev->drm, control->ring.entries, GFP_KERNEL);
	if (!control->waiting || !control->tries)
		return -ENOMEM;

	for (i = 0; i < ddev->limits.num_queues; i++) {
		ret = dmashare_ring_init(ddev, &ddev->queue[i].ring, i + 1,
					 DMASHARE_JOB_RING_ENTRIES);
		if (ret)
			return ret;
	}

	return 0;
}
