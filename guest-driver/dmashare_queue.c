// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: rings, the control queue, events and interrupts
 *
 * A ring is a submission ring and a completion ring in coherent memory. Both
 * indices that matter to the driver are its own: the device tells of a new
 * completion by the seq in the entry, so no register is read on the way.
 */
#include <linux/interrupt.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static_assert(sizeof(struct dmashare_desc) == DMASHARE_DESC_SIZE);
static_assert(sizeof(struct dmashare_completion) == DMASHARE_COMPLETION_SIZE);
static_assert(sizeof(struct dmashare_event) == DMASHARE_EVENT_SIZE);

/* With fewer vectors than the device could use, the last one is shared. */
static u32 dmashare_vector(struct dmashare_device *ddev, u32 wanted)
{
	return min(wanted, ddev->num_vectors - 1);
}

/**
 * dmashare_ring_init - allocate the memory of a ring
 * @ddev: the device
 * @ring: the ring
 * @index: queue number
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_ring_init(struct dmashare_device *ddev, struct dmashare_ring *ring,
		       u32 index)
{
	struct device *dev = ddev->drm.dev;

	ring->ddev = ddev;
	ring->index = index;
	ring->entries = min_t(u32, ddev->limits.max_entries, DMASHARE_RING_ENTRIES);
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
	ring->head = 0;
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

/**
 * dmashare_ring_push - submit a descriptor
 * @ring: the ring, enabled and not full; its owner's lock is held
 * @desc: copied
 */
void dmashare_ring_push(struct dmashare_ring *ring,
			const struct dmashare_desc *desc)
{
	ring->sq[ring->tail & (ring->entries - 1)] = *desc;
	ring->tail++;
	/* writel() orders the descriptor before the doorbell. */
	dmashare_write(ring->ddev, DMASHARE_REG_DOORBELL_SQ(ring->index), ring->tail);
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
	struct dmashare_completion *entry;

	if (!ring->enabled || ring->head == ring->tail)
		return false;

	entry = &ring->cq[ring->head & (ring->entries - 1)];
	if (le32_to_cpu(READ_ONCE(entry->seq)) != ring->head + 1)
		return false;

	/* The rest of the entry was written before its seq. */
	dma_rmb();
	*completion = *entry;
	ring->head++;

	return true;
}

/**
 * dmashare_ring_ack - give completion slots back to the device
 * @ring: the ring, enabled; its owner's lock is held
 */
void dmashare_ring_ack(struct dmashare_ring *ring)
{
	dmashare_write(ring->ddev, DMASHARE_REG_DOORBELL_CQ(ring->index), ring->head);
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

/* Hard interrupt. */
static void dmashare_event_irq(struct dmashare_device *ddev)
{
	struct dmashare_events *events = &ddev->events;
	bool stopped = false, any = false;
	struct dmashare_event event;

	spin_lock(&events->lock);
	while (events->enabled) {
		struct dmashare_event *entry =
			&events->entry[events->head & (events->entries - 1)];
		u32 type;

		if (le32_to_cpu(READ_ONCE(entry->seq)) != events->head + 1)
			break;
		/* The rest of the entry was written before its seq. */
		dma_rmb();
		event = *entry;
		events->head++;
		any = true;

		type = le16_to_cpu(event.type);
		events->seen[type < ARRAY_SIZE(events->seen) ? type : 0]++;
		events->lost += le32_to_cpu(event.lost);
		trace_dmashare_event(ddev, &event);
		if (type == DMASHARE_EVENT_QUEUE_ERROR)
			stopped = true;
		if (type == DMASHARE_EVENT_MOVE_REQUEST)
			dmashare_move_request(ddev, le32_to_cpu(event.buffer),
					      le64_to_cpu(event.offset));
	}
	if (any)
		dmashare_write(ddev, DMASHARE_REG_DOORBELL_EVQ, events->head);
	spin_unlock(&events->lock);

	/* A queue that stopped stays so; only a reset sets it up again. */
	if (stopped) {
		drm_err_ratelimited(&ddev->drm, "a queue stopped with an error, resetting\n");
		queue_work(ddev->reset_wq, &ddev->reset_work);
	}
}

/* Hard interrupt. */
static void dmashare_control_irq(struct dmashare_device *ddev)
{
	struct dmashare_control *control = &ddev->control;
	struct dmashare_ring *ring = &control->ring;
	struct dmashare_completion completion;
	bool any = false;

	spin_lock(&control->lock);
	while (dmashare_ring_pop(ring, &completion)) {
		u32 slot = le64_to_cpu(completion.cookie) & (ring->entries - 1);
		struct dmashare_command *command = control->waiting[slot];
		int error = dmashare_status_to_errno(le16_to_cpu(completion.status));

		any = true;
		control->waiting[slot] = NULL;
		if (command) {
			command->result = le64_to_cpu(completion.result);
			command->error = error;
			complete(&command->done);
		} else if (error) {
			/* Nobody waits for it; debugfs shows the count. */
			atomic64_inc(&control->posted_failed);
			trace_dmashare_posted_failed(ddev, ring->sq[slot].opcode, error);
		}
	}
	if (any)
		dmashare_ring_ack(ring);
	spin_unlock(&control->lock);

	if (any)
		wake_up_all(&control->room);
}

/**
 * dmashare_control_abort - end all commands after the device was stopped
 * @ddev: the device
 * @error: what the waiting ones return
 */
void dmashare_control_abort(struct dmashare_device *ddev, int error)
{
	struct dmashare_control *control = &ddev->control;
	u32 i;

	spin_lock_irq(&control->lock);
	for (i = 0; i < control->ring.entries; i++) {
		struct dmashare_command *command = control->waiting[i];

		control->waiting[i] = NULL;
		if (command) {
			command->error = error;
			complete(&command->done);
		}
	}
	spin_unlock_irq(&control->lock);

	wake_up_all(&control->room);
}

/* The device does not execute commands: stop it now, make it anew later. */
static void dmashare_control_stuck(struct dmashare_device *ddev)
{
	int idx;

	if (!drm_dev_enter(&ddev->drm, &idx))
		return;

	/*
	 * At once, because our caller is about to free memory that the command
	 * may have named; and the others that wait will wait in vain.
	 */
	drm_err(&ddev->drm, "the control queue does not answer, resetting\n");
	dmashare_hw_stop(ddev);
	dmashare_control_abort(ddev, -EIO);
	queue_work(ddev->reset_wq, &ddev->reset_work);
	drm_dev_exit(idx);
}

/*
 * Puts a command on the ring, in the order of the calls. Sleeps while the ring
 * is full: that only ever takes as long as the device takes to execute
 * commands, which depends on no job and no fence.
 */
static int dmashare_command_push(struct dmashare_device *ddev,
				 struct dmashare_desc *desc,
				 struct dmashare_command *command)
{
	struct dmashare_control *control = &ddev->control;
	struct dmashare_ring *ring = &control->ring;

	lockdep_assert_held(&ddev->state_sem);
	might_sleep();

	spin_lock_irq(&control->lock);
	while (ring->enabled && dmashare_ring_full(ring)) {
		spin_unlock_irq(&control->lock);
		if (!wait_event_timeout(control->room,
					!READ_ONCE(ring->enabled) ||
					READ_ONCE(ring->tail) - READ_ONCE(ring->head) <
						ring->entries,
					DMASHARE_COMMAND_TIMEOUT))
			dmashare_control_stuck(ddev);
		spin_lock_irq(&control->lock);
	}

	if (!ring->enabled) {
		spin_unlock_irq(&control->lock);
		return READ_ONCE(ddev->gone) ? -ENODEV : -EIO;
	}

	desc->cookie = cpu_to_le64(ring->tail);
	control->waiting[ring->tail & (ring->entries - 1)] = command;
	dmashare_ring_push(ring, desc);
	spin_unlock_irq(&control->lock);

	return 0;
}

/**
 * dmashare_command - have the device execute a command and wait for it
 * @ddev: the device; state_sem is held
 * @desc: the descriptor but for the cookie
 * @result: the completion's result, or NULL
 *
 * The wait is not interruptible: the command may name memory that the caller
 * owns, and takes no longer than the device needs for it. A device that does
 * not answer is reset.
 *
 * Returns: 0 or the negative errno of the completion's status; -EIO when the
 * device does not answer or is being reset, -ENODEV when it is gone
 */
int dmashare_command(struct dmashare_device *ddev, struct dmashare_desc *desc,
		     u64 *result)
{
	struct dmashare_control *control = &ddev->control;
	struct dmashare_command command = { .error = -EIO };
	int ret;

	init_completion(&command.done);

	ret = dmashare_command_push(ddev, desc, &command);
	if (ret)
		return ret;

	if (!wait_for_completion_timeout(&command.done, DMASHARE_COMMAND_TIMEOUT)) {
		u32 slot = le64_to_cpu(desc->cookie) & (control->ring.entries - 1);

		dmashare_control_stuck(ddev);
		spin_lock_irq(&control->lock);
		if (control->waiting[slot] == &command)
			control->waiting[slot] = NULL;
		spin_unlock_irq(&control->lock);
	}

	trace_dmashare_command(ddev, desc->opcode, command.error);
	if (result)
		*result = command.result;

	return command.error;
}

/**
 * dmashare_command_post - hand the device a command and do not wait for it
 * @ddev: the device; state_sem is held
 * @desc: the descriptor but for the cookie; it names no memory
 *
 * Commands execute in the order in which they were handed over, so whoever
 * waits for a later one knows that this one is done as well.
 */
void dmashare_command_post(struct dmashare_device *ddev,
			   struct dmashare_desc *desc)
{
	if (dmashare_command_push(ddev, desc, NULL))
		atomic64_inc(&ddev->control.posted_lost);
	else
		atomic64_inc(&ddev->control.posted);
}

/**
 * dmashare_note - tell the device what happened to a buffer
 * @ddev: the device
 * @kind: what happened
 * @buffer: buffer id
 * @attachment: attachment id, or 0
 * @dir: direction, DMA_BIDIRECTIONAL where it means nothing
 * @length: bytes concerned
 * @error: 0, or the negative errno that the callback returns
 *
 * Posted; may sleep when the ring is full.
 */
void dmashare_note(struct dmashare_device *ddev, enum dmashare_note kind,
		   u32 buffer, u32 attachment, enum dma_data_direction dir,
		   u64 length, int error)
{
	struct dmashare_desc desc;

	dmashare_desc_init(&desc, DMASHARE_OP_NOTE);
	desc.note.kind = cpu_to_le32(kind);
	desc.note.buffer = cpu_to_le32(buffer);
	desc.note.attachment = cpu_to_le32(attachment);
	desc.note.direction = cpu_to_le32(dir);
	desc.note.error = cpu_to_le32(-error);
	desc.note.length = cpu_to_le64(length);

	trace_dmashare_callback(ddev, kind, buffer, attachment, dir, length, error);

	down_read(&ddev->state_sem);
	dmashare_command_post(ddev, &desc);
	atomic64_inc(error ? &ddev->counters.notes_failed : &ddev->counters.notes[kind]);
	up_read(&ddev->state_sem);
}

static irqreturn_t dmashare_irq(int irq, void *data)
{
	struct dmashare_irq *source = data;
	struct dmashare_device *ddev = source->ddev;
	u32 i;

	if (ddev->events.vector == source->vector)
		dmashare_event_irq(ddev);
	if (ddev->control.ring.vector == source->vector)
		dmashare_control_irq(ddev);
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
	struct dmashare_events *events = &ddev->events;
	struct device *dev = ddev->drm.dev;
	u32 i;
	int ret;

	spin_lock_init(&events->lock);
	events->entries = min_t(u32, ddev->limits.max_entries, DMASHARE_RING_ENTRIES);
	events->entry = dmam_alloc_coherent(dev,
					    events->entries * sizeof(*events->entry),
					    &events->dma, GFP_KERNEL);
	ddev->fence_mem = dmam_alloc_coherent(dev, DMASHARE_FENCE_ADDR_ALIGN,
					      &ddev->fence_dma, GFP_KERNEL);
	ddev->ledger = dmam_alloc_coherent(dev, DMASHARE_LEDGER_MAX_LENGTH,
					   &ddev->ledger_dma, GFP_KERNEL);
	if (!events->entry || !ddev->fence_mem || !ddev->ledger)
		return -ENOMEM;

	spin_lock_init(&control->lock);
	init_waitqueue_head(&control->room);
	ret = dmashare_ring_init(ddev, &control->ring, DMASHARE_QUEUE_CONTROL);
	if (ret)
		return ret;
	control->waiting = drmm_kcalloc(&ddev->drm, control->ring.entries,
					sizeof(*control->waiting), GFP_KERNEL);
	if (!control->waiting)
		return -ENOMEM;

	for (i = 0; i < ddev->limits.num_queues; i++) {
		ret = dmashare_ring_init(ddev, &ddev->queue[i].ring, i + 1);
		if (ret)
			return ret;
	}

	return 0;
}
