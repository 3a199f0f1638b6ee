/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: rings, queues, timelines and events
 *
 * Included by dmashare_drv.h, which has the order of the locks.
 */
#ifndef DMASHARE_QUEUE_H
#define DMASHARE_QUEUE_H

#include <linux/idr.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <drm/gpu_scheduler.h>

#include <dmashare/abi.h>

/*
 * Entries of the control queue's rings, the event ring, and a job queue's rings, if
 * the device allows as many. Jobs whose fences are held keep theirs, and whoever
 * wants to see a thousand fences signal in some order needs as many.
 */
#define DMASHARE_RING_ENTRIES		256
#define DMASHARE_JOB_RING_ENTRIES	1024

/*
 * How long the device may take to execute a command of the control queue, in
 * seconds. After each of them the ring is looked at, for the interrupt may be
 * what was lost.
 */
#define DMASHARE_COMMAND_SECONDS	10

/*
 * How often a command is given that the device refused because it was told to
 * (COMMANDED) or because of such a refusal (BUSY), where nobody could be told
 * that it failed.
 */
#define DMASHARE_COMMAND_TRIES		4

struct dmashare_device;
struct dmashare_file;
struct dmashare_job;

/**
 * struct dmashare_ring - a submission ring and its completion ring
 * @ddev: the device
 * @index: queue number: 0 control, 1.. job queues
 * @vector: MSI-X vector
 * @entries: of either ring, a power of two
 * @tail: next submission index
 * @rung: submission index that the device was last told
 * @head: next completion index
 * @acked: completion index that the device was last told
 * @enabled: registers and memory may be used; cleared before a reset and for
 *	ever at removal. Like the indices it is protected by the owner's lock.
 * @sq: submission ring
 * @cq: completion ring
 * @sq_dma: its DMA address
 * @cq_dma: its DMA address
 */
struct dmashare_ring {
	struct dmashare_device *ddev;
	u32 index;
	u32 vector;
	u32 entries;
	u32 tail;
	u32 rung;
	u32 head;
	u32 acked;
	bool enabled;
	struct dmashare_desc *sq;
	struct dmashare_completion *cq;
	dma_addr_t sq_dma;
	dma_addr_t cq_dma;
};

/**
 * struct dmashare_command - a command that somebody waits for
 * @done: the device answered, or was stopped; set with the lock held
 * @status: enum dmashare_status, if the device answered
 * @result: of the completion, likewise
 * @error: 0 or a negative errno
 */
struct dmashare_command {
	bool done;
	u32 status;
	u64 result;
	int error;
};

/**
 * struct dmashare_control - the control queue
 * @lock: protects the ring, @waiting and @tries
 * @ring: the rings
 * @waiting: who waits for the command in a slot; NULL for a posted one
 * @tries: how often the posted command in a slot was given before
 * @room: woken when slots become free or the queue stops
 * @posted: commands posted, not waited for
 * @posted_failed: of those, completed with a status other than OK
 * @posted_lost: not handed to the device, because it was being reset
 */
struct dmashare_control {
	spinlock_t lock; /* ring, waiting and tries */
	struct dmashare_ring ring;
	struct dmashare_command **waiting;
	u8 *tries;
	wait_queue_head_t room;
	atomic64_t posted;
	atomic64_t posted_failed;
	atomic64_t posted_lost;
};

/**
 * struct dmashare_events - the event ring
 * @lock: protects all of it
 * @entry: the ring
 * @dma: its DMA address
 * @entries: a power of two
 * @head: next index to be read
 * @vector: MSI-X vector
 * @enabled: as in struct dmashare_ring
 * @seen: events by enum dmashare_event_type, [0] unknown ones
 * @lost: events that the device dropped
 */
struct dmashare_events {
	spinlock_t lock; /* all of it */
	struct dmashare_event *entry;
	dma_addr_t dma;
	u32 entries;
	u32 head;
	u32 vector;
	bool enabled;
	u64 seen[DMASHARE_EVENT_RENDER_LOST + 1];
	u64 lost;
};

/**
 * struct dmashare_timelines - the device's timelines
 * @seqno: by timeline, of the job handed to the device last, whoever's it was;
 *	each protected by the lock of the queue whose jobs signal it
 * @context: fence context of timeline 0; those of the others follow
 * @number: of timelines
 * @n_base: of those, the first ones are the base timelines of the job queues,
 *	one each; the others are given to clients
 * @given: those that clients have
 */
struct dmashare_timelines {
	u64 *seqno;
	u64 context;
	u32 number;
	u32 n_base;
	struct ida given;
};

/**
 * struct dmashare_slot - a place for a job that the device has
 * @job: the job, NULL if the slot is free
 * @generation: how often the slot was taken
 * @next_free: the next free slot, if this one is
 */
struct dmashare_slot {
	struct dmashare_job *job;
	u32 generation;
	u32 next_free;
};

/**
 * struct dmashare_slots - which jobs the device has
 * @slot: @number slots
 * @number: as many as the ring has entries, so that whoever finds room there
 *	finds a slot
 * @free: the first free one, @number if there is none
 *
 * The cookie of a job is the number of its slot in the lower half and the slot's
 * generation in the upper one: a completion that comes twice, or of a job that a
 * reset took, finds nothing, whatever is in the slot now.
 */
struct dmashare_slots {
	struct dmashare_slot *slot;
	u32 number;
	u32 free;
};

/**
 * struct dmashare_queue - a job queue: rings, scheduler, jobs
 * @ring: the rings
 * @lock: protects @ring, @slots, @inflight, @done, the counters, and the seqnos
 *	of the timelines that the queue's jobs signal
 * @fence_lock: the lock of the queue's hardware fences
 * @slots: the jobs of @inflight by cookie
 * @inflight: jobs that the device has, in the order in which it got them
 * @done: jobs that the device completed, their fences not signalled yet
 * @sched: the scheduler
 * @submit_wq: what the scheduler works on
 * @name: of the scheduler and the timeline
 * @jobs_run: jobs handed to the device
 * @jobs_failed: of those, ended with an error
 * @looks: how often the completion ring was read by dmashare_queue_signal()
 * @looks_seen: the value at the last look for a lost interrupt
 * @late: interrupts that were lost, or took longer than a second
 */
struct dmashare_queue {
	struct dmashare_ring ring;
	spinlock_t lock; /* ring, slots, lists, counters, seqnos */
	spinlock_t fence_lock; /* dma_fence.lock of the queue's fences */
	struct dmashare_slots slots;
	struct list_head inflight;
	struct list_head done;
	struct drm_gpu_scheduler sched;
	struct workqueue_struct *submit_wq;
	char name[32];
	u64 jobs_run;
	u64 jobs_failed;
	u64 looks;
	u64 looks_seen;
	u64 late;
};

/**
 * struct dmashare_irq - what an interrupt handler is given
 * @ddev: the device
 * @vector: its MSI-X vector
 */
struct dmashare_irq {
	struct dmashare_device *ddev;
	u32 vector;
};

/* dmashare_queue.c */
int dmashare_queues_init(struct dmashare_device *ddev);
int dmashare_irqs_init(struct dmashare_device *ddev);
u32 dmashare_vector(struct dmashare_device *ddev, u32 wanted);
int dmashare_ring_start(struct dmashare_ring *ring);
bool dmashare_ring_full(const struct dmashare_ring *ring);
void dmashare_ring_put(struct dmashare_ring *ring, const struct dmashare_desc *desc);
void dmashare_ring_ring(struct dmashare_ring *ring);
void dmashare_ring_push(struct dmashare_ring *ring,
			const struct dmashare_desc *desc);
bool dmashare_ring_ready(const struct dmashare_ring *ring);
bool dmashare_ring_pop(struct dmashare_ring *ring,
		       struct dmashare_completion *completion);
void dmashare_ring_ack(struct dmashare_ring *ring);

/* dmashare_control.c */
void dmashare_control_poll(struct dmashare_device *ddev);
void dmashare_control_abort(struct dmashare_device *ddev, int error);
int dmashare_command(struct dmashare_device *ddev, struct dmashare_desc *desc,
		     u32 *status);
int dmashare_command_result(struct dmashare_device *ddev, struct dmashare_desc *desc,
			    u32 *status, u64 *result);
int dmashare_command_insist(struct dmashare_device *ddev, struct dmashare_desc *desc,
			    u32 *status);
void dmashare_command_post(struct dmashare_device *ddev,
			   struct dmashare_desc *desc);
void dmashare_note(struct dmashare_device *ddev, enum dmashare_note kind,
		   u32 buffer, u32 attachment, enum dma_data_direction dir,
		   u64 length, int error);
void dmashare_note_release(struct dmashare_device *ddev, u32 buffer, u64 length);
void dmashare_control_tell(struct dmashare_device *ddev);

/* dmashare_event.c */
int dmashare_events_init(struct dmashare_device *ddev);
int dmashare_events_start(struct dmashare_device *ddev);
void dmashare_events_poll(struct dmashare_device *ddev);

/* dmashare_timeline.c */
int dmashare_timelines_init(struct dmashare_device *ddev);
u32 dmashare_timeline_get(struct dmashare_timelines *timelines, u32 base);
void dmashare_timeline_put(struct dmashare_timelines *timelines, u32 timeline);
u32 dmashare_file_timeline(struct dmashare_file *file, u32 queue);

/* dmashare_slot.c */
void dmashare_slots_init(struct dmashare_slots *slots, struct dmashare_slot *slot,
			 u32 number);
u64 dmashare_slot_take(struct dmashare_slots *slots, struct dmashare_job *job);
struct dmashare_job *dmashare_slot_find(const struct dmashare_slots *slots, u64 cookie);
void dmashare_slot_free(struct dmashare_slots *slots, u64 cookie);

#endif /* DMASHARE_QUEUE_H */
