/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: timelines, fences and who waits for them
 *
 * A timeline is a 64-bit counter. A fence is a point on it that somebody
 * submitted: pending, then done (its work is over), then signalled (done, and
 * so is everything before it on the timeline). Fences are submitted in the
 * order of their seqnos, hence the pending ones of a timeline are a queue.
 *
 * A lane is where jobs stand in line: one per hardware queue. Only the job in
 * front of a lane can be blocked, so that a deadlock is a cycle among at most
 * DMASHARE_MAX_LANES blocked lanes, however many jobs stand behind them.
 */
#ifndef HW_DMASHARE_FENCE_H
#define HW_DMASHARE_FENCE_H

#include "dmashare/abi.h"
#include "hw/dmashare/journal.h"
#include "hw/dmashare/notify.h"

#define DMASHARE_MAX_LANES      (DMASHARE_MAX_JOB_QUEUES + 1)

/**
 * DmashareFence: one submitted fence
 * @seqno: point on the timeline
 * @timeline: index
 * @lane: where its job stands
 * @status: enum dmashare_status, valid when @done
 * @done: the work is over
 * @signalled: and its turn has come
 * @merged: disowned fences just before it that it stands for
 * @merged_failed: those among them that failed
 * @owner: passed to DmashareFenceOps.signalled; NULL once nobody cares
 *
 * Freed when it is signalled and has no owner, whichever comes last.
 */
typedef struct DmashareFence {
    uint64_t seqno;
    uint32_t timeline;
    uint16_t lane;
    uint16_t status;
    bool done;
    bool signalled;
    uint64_t merged;
    uint64_t merged_failed;
    void *owner;
} DmashareFence;

/**
 * DmashareFailure: a fence that failed
 * @seqno: which
 * @status: how
 */
typedef struct DmashareFailure {
    uint64_t seqno;
    uint16_t status;
} DmashareFailure;

/**
 * DmashareTimeline: one counter and what is pending on it
 * @value: every fence up to here has signalled
 * @submitted: largest seqno ever submitted
 * @pending: ring of @room (a power of two) pointers, oldest at @first
 * @room: grows with need; bounded because a fence with an owner takes a queue
 *        entry, and of the disowned ones between two of those only the last
 *        DMASHARE_FAILED_KEPT stay
 * @first: free-running index of the oldest pending fence
 * @count: pending fences
 * @failed: the last DMASHARE_FAILED_KEPT failures, @n_failed ever counted
 * @n_failed: failures so far
 */
typedef struct DmashareTimeline {
    uint64_t value;
    uint64_t submitted;
    DmashareFence **pending;
    uint32_t room;
    uint32_t first;
    uint32_t count;
    DmashareFailure failed[DMASHARE_FAILED_KEPT];
    uint64_t n_failed;
} DmashareTimeline;

/**
 * DmashareWait: a fence to wait for
 * @seqno: point on the timeline
 * @timeline: index
 */
typedef struct DmashareWait {
    uint64_t seqno;
    uint32_t timeline;
} DmashareWait;

/**
 * DmashareLane: the front job of a queue, when it cannot go on
 * @blocked: it waits
 * @n_waits: for these fences; 0 when it is done and waits for @turn
 * @wait: the fences
 * @turn: its own fence, which is not yet the first of its timeline
 * @order: the larger, the later the job was fetched
 */
typedef struct DmashareLane {
    bool blocked;
    unsigned n_waits;
    DmashareWait wait[DMASHARE_MAX_WAITS];
    DmashareFence *turn;
    uint64_t order;
} DmashareLane;

/**
 * DmashareFenceOps: how the fences report upwards
 * @advanced: a timeline has a new value
 * @signalled: a fence with an owner has signalled; called after @advanced,
 *             and must not submit, finish or disown a fence
 */
typedef struct DmashareFenceOps {
    void (*advanced)(void *opaque, uint32_t timeline, uint64_t value);
    void (*signalled)(void *opaque, DmashareFence *fence);
} DmashareFenceOps;

/**
 * DmashareFences: the timelines of one device
 * @timelines: @n_timelines of them
 * @n_timelines: constant
 * @lane: indexed by queue
 * @ops: callbacks
 * @opaque: passed to them
 * @journal: where what happens is written
 * @notify: who is told of it at once
 * @signalled: fences that signalled since reset
 * @failed: those among them with another status than OK
 */
typedef struct DmashareFences {
    DmashareTimeline *timelines;
    uint32_t n_timelines;
    DmashareLane lane[DMASHARE_MAX_LANES];
    const DmashareFenceOps *ops;
    void *opaque;
    DmashareJournal *journal;
    const DmashareNotify *notify;
    uint64_t signalled;
    uint64_t failed;
} DmashareFences;

void dmashare_fences_init(DmashareFences *fences, uint32_t n_timelines,
                          const DmashareFenceOps *ops, void *opaque);
/*
 * Back to zero: pending fences are gone without a signal. Owners must have
 * disowned theirs.
 */
void dmashare_fences_reset(DmashareFences *fences);
void dmashare_fences_destroy(DmashareFences *fences);

/* Is there such a timeline, and may @seqno be submitted on it now? */
bool dmashare_fence_valid(const DmashareFences *fences, uint32_t timeline,
                          uint64_t seqno);
/* Submit a valid fence for a job of @lane. */
DmashareFence *dmashare_fence_submit(DmashareFences *fences, uint32_t timeline,
                                     uint64_t seqno, unsigned lane,
                                     void *owner);
/*
 * The work of a fence is over. Signals it and its followers that are done,
 * as far as their turn has come.
 */
void dmashare_fence_done(DmashareFences *fences, DmashareFence *fence,
                         uint16_t status);
/* The owner loses interest. The fence is done. */
void dmashare_fence_disown(DmashareFence *fence);

/* Has this point of a valid timeline been reached? */
bool dmashare_fence_reached(const DmashareFences *fences, uint32_t timeline,
                            uint64_t seqno);
/* The status of a fence if it is among the last failures, else OK. */
uint16_t dmashare_fence_failure(const DmashareFences *fences,
                                uint32_t timeline, uint64_t seqno);

/*
 * Would a job that signals (@timeline, @seqno) and waits for @wait wait for
 * itself or for what can only come after it on its own timeline?
 */
bool dmashare_fence_waits_for_itself(const DmashareFences *fences,
                                     uint32_t timeline, uint64_t seqno,
                                     const DmashareWait *wait,
                                     unsigned n_waits);

/* The front job of a lane waits for fences, or for its turn. */
void dmashare_lane_wait(DmashareFences *fences, unsigned lane, uint64_t order,
                        const DmashareWait *wait, unsigned n_waits);
void dmashare_lane_turn(DmashareFences *fences, unsigned lane, uint64_t order,
                        DmashareFence *fence);
/* It goes on. */
void dmashare_lane_go(DmashareFences *fences, unsigned lane);
/* Have all the fences that the front job waits for been reached? */
bool dmashare_lane_ready(const DmashareFences *fences, unsigned lane);

/*
 * Look for blocked lanes that wait for each other. Returns the lane whose job
 * has to fail, the one fetched last among those that wait for a fence in a
 * cycle; or -1. To be called when a lane blocked, a fence was submitted while
 * one is blocked, or a timeline advanced.
 */
int dmashare_fences_deadlock(const DmashareFences *fences);

#endif /* HW_DMASHARE_FENCE_H */
