/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: submission and completion rings
 *
 * A queue fetches as many descriptors as its completion ring has room for and
 * works on the first. When that is done and its fence cannot signal yet, it is
 * set aside and the next one has its turn; completions are posted in the order
 * in which the fences signal. Everything happens in a timer of its own on
 * QEMU_CLOCK_VIRTUAL: a doorbell sets it to now, waiting for device time sets
 * it to later. So the order of everything is decided by virtual time and by
 * the order of the doorbells.
 */
#ifndef HW_DMASHARE_QUEUE_H
#define HW_DMASHARE_QUEUE_H

#include "hw/dmashare/clock.h"
#include "hw/dmashare/command.h"
#include "hw/dmashare/event.h"
#include "hw/dmashare/hold.h"

typedef struct DmashareQueues DmashareQueues;
typedef QTAILQ_HEAD(, DmashareJob) DmashareJobList;

/**
 * DmashareQueue: one queue
 * @queues: all of them
 * @index: 0 is the control queue
 * @sq_addr: register
 * @cq_addr: register
 * @sq_entries: register
 * @cq_entries: register
 * @vector: register
 * @enabled: it runs
 * @working: its timer's callback is running
 * @stalled: id of the fault rule that does not let it fetch, 0 for none
 * @error: enum dmashare_queue_error
 * @sq_head: next index to be fetched
 * @sq_tail: producer index
 * @cq_head: consumer index
 * @cq_tail: next index to be posted
 * @jobs: fetched and not yet done, the front one being worked on
 * @aside: done; their fences cannot signal yet
 * @over: what there are completions to be posted for, in that order
 * @timer: that does the work
 */
typedef struct DmashareQueue {
    DmashareQueues *queues;
    unsigned index;
    uint64_t sq_addr;
    uint64_t cq_addr;
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t vector;
    bool enabled;
    bool working;
    uint32_t stalled;
    uint8_t error;
    uint32_t sq_head;
    uint32_t sq_tail;
    uint32_t cq_head;
    uint32_t cq_tail;
    DmashareJobList jobs;
    DmashareJobList aside;
    DmashareJobList over;
    DmashareTimer *timer;
} DmashareQueue;

/**
 * DmashareQueues: the queues of one device
 * @bus: where the rings are
 * @clock: device time
 * @interrupt: for the vectors
 * @events: for faults and errors
 * @journal: where what happens is written
 * @notify: who is told of it at once
 * @fences: that jobs wait for and signal
 * @holds: of these fences
 * @commands: what descriptors do
 * @faults: fault rules
 * @stopped: the device has met a fatal error; nothing goes on
 * @fatal: a fault rule says that it shall, and this calls
 *         dmashare_queues_stop()
 * @fatal_opaque: passed to it
 * @limits: constant
 * @n_queues: control queue included
 * @watchdog: ns a job may wait for fences, 0 for ever
 * @order: number of the next fetch
 * @instant: virtual time of the last work
 * @spent: cost of the work done at that instant
 * @work: bracket around a timer's work: calls dmashare_queue_work()
 * @signal_work: the same: calls dmashare_queues_signal_work()
 * @work_opaque: passed to these
 * @signal_timer: goes on with what was too much to signal at once
 * @queue: the queues
 */
struct DmashareQueues {
    const DmashareBus *bus;
    DmashareClock *clock;
    const DmashareInterrupt *interrupt;
    DmashareEvents *events;
    DmashareJournal *journal;
    const DmashareNotify *notify;
    DmashareFences *fences;
    DmashareHolds *holds;
    DmashareCommands *commands;
    DmashareFaults *faults;
    bool stopped;
    void (*fatal)(void *opaque);
    void *fatal_opaque;
    DmashareRingLimits limits;
    unsigned n_queues;
    uint64_t watchdog;
    uint64_t order;
    int64_t instant;
    int64_t spent;
    void (*work)(void *opaque, DmashareQueue *q);
    void (*signal_work)(void *opaque);
    void *work_opaque;
    DmashareTimer *signal_timer;
    DmashareQueue queue[DMASHARE_MAX_LANES];
};

void dmashare_queues_init(DmashareQueues *qs);
void dmashare_queues_destroy(DmashareQueues *qs);
/* Power-on state: rings disabled, registers zero, jobs gone without a word. */
void dmashare_queues_reset(DmashareQueues *qs);

/* Nothing goes on until the reset: neither fetches, nor jobs, nor fences. */
void dmashare_queues_stop(DmashareQueues *qs);
/* What a job that is asleep waited for has happened, or may have. */
void dmashare_queues_wake(DmashareQueues *qs, unsigned lane);
/* A fault rule was removed: what it stalled or hung goes on. */
void dmashare_queues_look_again(DmashareQueues *qs);

/* Does a fault rule keep its engine from finishing? */
bool dmashare_queue_hung(const DmashareQueue *q);

/* Check the registers and start, @allowed being CTRL.ENABLE. */
void dmashare_queue_enable(DmashareQueue *q, bool allowed);
/*
 * Drop what is not completed; the fences of fetched jobs that are not done are
 * ABORTED, and no hold keeps any of them from signalling.
 */
void dmashare_queue_disable(DmashareQueue *q);
void dmashare_queue_doorbell_sq(DmashareQueue *q, uint32_t tail);
void dmashare_queue_doorbell_cq(DmashareQueue *q, uint32_t head);

/* What a queue's timer does, between the brackets of DmashareQueues.work. */
void dmashare_queue_work(DmashareQueue *q);

/* What the signal timer does, between the brackets of .signal_work. */
void dmashare_queues_signal_work(DmashareQueues *qs);

/*
 * A fence, that has an owner and no hold, is over by command: the rest of its
 * job's work is dropped.
 */
void dmashare_queues_end_fence(DmashareQueues *qs, DmashareFence *fence,
                               uint16_t status, uint16_t error);

/* DmashareFenceOps, for whoever owns the fences. */
void dmashare_queues_timeline_advanced(DmashareQueues *qs);
void dmashare_queues_fence_signalled(DmashareQueues *qs, DmashareFence *fence);
void dmashare_queues_signal_more(DmashareQueues *qs);

#endif /* HW_DMASHARE_QUEUE_H */
