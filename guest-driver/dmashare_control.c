// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the control queue
 *
 * Commands execute in the order in which they were handed over. Some are waited
 * for: what they make, or take away, must be so before anything else is done.
 * The others are posted: nobody could do anything about it if one of them failed.
 *
 * A device that does not answer is stopped, and made anew by a reset.
 */
#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/*
 * A posted command that the device was told to refuse, or that is refused because
 * another one was, is given again: the driver has let go of what it names, and
 * the device would keep it until it is reset. In the order of the refusals, so
 * that what depends on each other comes again in its order.
 */
static bool dmashare_control_again(struct dmashare_control *control, u32 slot, u32 status)
{
	struct dmashare_ring *ring = &control->ring;
	struct dmashare_desc desc = ring->sq[slot];
	u32 tail = ring->tail & (ring->entries - 1);
	u8 tries = control->tries[slot] + 1;

	if (status != DMASHARE_STATUS_COMMANDED && status != DMASHARE_STATUS_BUSY)
		return false;
	if (desc.opcode == DMASHARE_OP_NOTE || tries >= DMASHARE_COMMAND_TRIES)
		return false;

	/* There is room: its own completion was taken from the ring. */
	desc.cookie = cpu_to_le64(ring->tail);
	control->waiting[tail] = NULL;
	control->tries[tail] = tries;
	dmashare_ring_push(ring, &desc);

	return true;
}

static void dmashare_control_done(struct dmashare_device *ddev,
				  const struct dmashare_completion *completion)
{
	struct dmashare_control *control = &ddev->control;
	u32 slot = le64_to_cpu(completion->cookie) & (control->ring.entries - 1);
	struct dmashare_command *command = control->waiting[slot];
	u32 status = le16_to_cpu(completion->status);
	int error;

	error = dmashare_completion_to_errno(status, le64_to_cpu(completion->detail));
	control->waiting[slot] = NULL;
	if (command) {
		command->status = status;
		command->result = le64_to_cpu(completion->result);
		command->error = error;
		WRITE_ONCE(command->done, true);
	} else if (error && !dmashare_control_again(control, slot, status)) {
		/* Nobody waits for it; debugfs shows the count. */
		atomic64_inc(&control->posted_failed);
		trace_dmashare_posted_failed(ddev, control->ring.sq[slot].opcode, error);
	}
}

/**
 * dmashare_control_poll - read the completions of commands that are there
 * @ddev: the device; any context
 */
void dmashare_control_poll(struct dmashare_device *ddev)
{
	struct dmashare_control *control = &ddev->control;
	struct dmashare_completion completion;
	unsigned long flags;
	bool any = false;

	spin_lock_irqsave(&control->lock, flags);
	while (dmashare_ring_pop(&control->ring, &completion)) {
		any = true;
		dmashare_control_done(ddev, &completion);
	}
	if (any)
		dmashare_ring_ack(&control->ring);
	spin_unlock_irqrestore(&control->lock, flags);

	if (any)
		wake_up_all(&control->room);
}

/**
 * dmashare_control_abort - end all commands after the device was stopped
 * @ddev: the device
 * @error: what the waiting ones return
 *
 * Any context.
 */
void dmashare_control_abort(struct dmashare_device *ddev, int error)
{
	struct dmashare_control *control = &ddev->control;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&control->lock, flags);
	for (i = 0; i < control->ring.entries; i++) {
		struct dmashare_command *command = control->waiting[i];

		control->waiting[i] = NULL;
		if (command) {
			command->error = error;
			WRITE_ONCE(command->done, true);
		}
	}
	spin_unlock_irqrestore(&control->lock, flags);

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
	dmashare_stop_and_reset(ddev, dmashare_hw_present(ddev) ? 0 : -EIO);
	drm_dev_exit(idx);
}

/*
 * Waits for what the interrupt of the control queue brings: a command's end, or
 * room in the ring. Each second it is looked at without an interrupt. A device
 * that is not there is not waited for any longer: but for one more second, in
 * which its removal may be heard of.
 */
static void dmashare_control_wait(struct dmashare_device *ddev,
				  bool (*done)(struct dmashare_device *ddev, void *data),
				  void *data)
{
	unsigned int i, absent = 0;
	int idx;

	for (i = 0; i < DMASHARE_COMMAND_SECONDS && absent < 2; i++) {
		if (wait_event_timeout(ddev->control.room, done(ddev, data), HZ))
			return;

		dmashare_control_poll(ddev);
		if (done(ddev, data)) {
			drm_warn(&ddev->drm, "the interrupt of a command is late\n");
			return;
		}
		if (drm_dev_enter(&ddev->drm, &idx)) {
			absent = dmashare_hw_present(ddev) ? 0 : absent + 1;
			drm_dev_exit(idx);
		}
	}

	dmashare_control_stuck(ddev);
}

static bool dmashare_control_room(struct dmashare_device *ddev, void *unused)
{
	struct dmashare_ring *ring = &ddev->control.ring;

	return !READ_ONCE(ring->enabled) ||
	       READ_ONCE(ring->tail) - READ_ONCE(ring->head) < ring->entries;
}

static bool dmashare_control_answered(struct dmashare_device *ddev, void *command)
{
	return READ_ONCE(((struct dmashare_command *)command)->done);
}

/*
 * Puts a command on the ring, in the order of the calls. Sleeps while the ring
 * is full: that only ever takes as long as the device takes to execute
 * commands, which depends on no job and no fence. Without @tell the device hears
 * of it with the next one, or when there is no room for that.
 */
static int dmashare_command_push(struct dmashare_device *ddev,
				 struct dmashare_desc *desc,
				 struct dmashare_command *command, bool tell)
{
	struct dmashare_control *control = &ddev->control;
	struct dmashare_ring *ring = &control->ring;
	u32 slot;

	lockdep_assert_held(&ddev->state_sem);
	might_sleep();

	spin_lock_irq(&control->lock);
	while (ring->enabled && dmashare_ring_full(ring)) {
		spin_unlock_irq(&control->lock);
		dmashare_control_wait(ddev, dmashare_control_room, NULL);
		spin_lock_irq(&control->lock);
	}

	if (!ring->enabled) {
		spin_unlock_irq(&control->lock);
		return READ_ONCE(ddev->gone) ? -ENODEV : -EIO;
	}

	slot = ring->tail & (ring->entries - 1);
	desc->cookie = cpu_to_le64(ring->tail);
	control->waiting[slot] = command;
	control->tries[slot] = 0;
	dmashare_ring_put(ring, desc);
	if (tell || dmashare_ring_full(ring))
		dmashare_ring_ring(ring);
	spin_unlock_irq(&control->lock);

	return 0;
}

/**
 * dmashare_command_result - have the device execute a command and wait for it
 * @ddev: the device; state_sem is held
 * @desc: the descriptor but for the cookie
 * @status: what the device answered, DMASHARE_STATUS_OK if it did not; or NULL
 * @result: of the completion, 0 if there was none; or NULL
 *
 * The wait is not interruptible: the command may name memory that the caller
 * owns, and takes no longer than the device needs for it. A device that does
 * not answer is reset.
 *
 * Returns: 0 or the negative errno of the completion's status; -EIO when the
 * device does not answer or is being reset, -ENODEV when it is gone
 */
int dmashare_command_result(struct dmashare_device *ddev, struct dmashare_desc *desc,
			    u32 *status, u64 *result)
{
	struct dmashare_control *control = &ddev->control;
	struct dmashare_command command = { .error = -EIO };
	int ret;

	if (status)
		*status = DMASHARE_STATUS_OK;
	if (result)
		*result = 0;

	ret = dmashare_command_push(ddev, desc, &command, true);
	if (ret)
		return ret;

	dmashare_control_wait(ddev, dmashare_control_answered, &command);

	/* Whoever ends it does so with the lock held, and then knows it no more. */
	spin_lock_irq(&control->lock);
	if (!command.done)
		control->waiting[le64_to_cpu(desc->cookie) & (control->ring.entries - 1)] = NULL;
	spin_unlock_irq(&control->lock);

	/* Not what the removal made of it on the way. */
	if (command.error && READ_ONCE(ddev->gone))
		command.error = -ENODEV;

	trace_dmashare_command(ddev, desc->opcode, command.error);
	if (status)
		*status = command.status;
	if (result)
		*result = command.result;

	return command.error;
}

/**
 * dmashare_command - as dmashare_command_result(), for those without a result
 * @ddev: the device; state_sem is held
 * @desc: the descriptor but for the cookie
 * @status: what the device answered, DMASHARE_STATUS_OK if it did not; or NULL
 *
 * Returns: as dmashare_command_result()
 */
int dmashare_command(struct dmashare_device *ddev, struct dmashare_desc *desc,
		     u32 *status)
{
	return dmashare_command_result(ddev, desc, status, NULL);
}

/**
 * dmashare_command_insist - as dmashare_command(), for what must not fail
 * @ddev: the device; state_sem is held
 * @desc: the descriptor but for the cookie
 * @status: what the device answered last; or NULL
 *
 * A command that the harness has refused is given again a few times.
 *
 * Returns: as dmashare_command()
 */
int dmashare_command_insist(struct dmashare_device *ddev, struct dmashare_desc *desc,
			    u32 *status)
{
	unsigned int i;
	u32 answer;
	int ret;

	for (i = 0; i < DMASHARE_COMMAND_TRIES; i++) {
		ret = dmashare_command(ddev, desc, &answer);
		if (answer != DMASHARE_STATUS_COMMANDED)
			break;
	}
	if (status)
		*status = answer;

	return ret;
}

static void dmashare_command_give(struct dmashare_device *ddev, struct dmashare_desc *desc,
				  bool tell)
{
	if (dmashare_command_push(ddev, desc, NULL, tell))
		atomic64_inc(&ddev->control.posted_lost);
	else
		atomic64_inc(&ddev->control.posted);
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
	dmashare_command_give(ddev, desc, true);
}

/**
 * dmashare_control_tell - have the device look at the ring, if it has not
 * @ddev: the device
 */
void dmashare_control_tell(struct dmashare_device *ddev)
{
	struct dmashare_control *control = &ddev->control;

	spin_lock_irq(&control->lock);
	dmashare_ring_ring(&control->ring);
	spin_unlock_irq(&control->lock);
}

static void dmashare_note_give(struct dmashare_device *ddev, enum dmashare_note kind,
			       u32 buffer, u32 attachment, enum dma_data_direction dir,
			       u64 length, int error, bool tell)
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
	dmashare_command_give(ddev, &desc, tell);
	atomic64_inc(error ? &ddev->counters.notes_failed : &ddev->counters.notes[kind]);
	up_read(&ddev->state_sem);
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
	dmashare_note_give(ddev, kind, buffer, attachment, dir, length, error, true);
}

/**
 * dmashare_note_release - tell the device that a dma-buf is gone
 * @ddev: the device
 * @buffer: buffer id
 * @length: bytes of it
 *
 * The buffer mostly goes next, by a command that the note rides with: the caller
 * calls dmashare_control_tell() when he has dropped it.
 */
void dmashare_note_release(struct dmashare_device *ddev, u32 buffer, u64 length)
{
	dmashare_note_give(ddev, DMASHARE_NOTE_RELEASE, buffer, 0, DMA_BIDIRECTIONAL, length,
			   0, false);
}
