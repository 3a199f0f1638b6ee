/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: timelines, fences and who waits for them
 *
 * A timeline is a 64-bit counter. A fence is a point on it that somebody
 * submitted: pending, then done (its work is over), then over (so is that of
 * everything before it on the timeline), then signalled, unless it or one
 * before it is held. Fences are submitted in the order of their seqnos, hence
 * the pending ones of a timeline are a queue, and those that are over are the
 * front part of it.
 *
 * A lane is where jobs stand in line: one per hardware queue. Only the job in
 * front of a lane can be blocked, so that a deadlock is a cycle among at most
 * DMASHARE_MAX_LANES blocked lanes, however many jobs stand behind them.
 */
#ifndef HW_DMASHARE_FENCE_H
#define HW_DMASHARE_FENCE_H

#include "qemu/queue.h"
#include "dmashare/abi.h"
#include "hw/dmashare/journal.h"
#include "hw/dmashare/notify.h"

#define DMASHARE_MAX_LANES      (DMASHARE_MAX_JOB_QUEUES + 1)

/*
 * So many fences of a timeline signal at once. As many jobs as the rings have
 * entries can wait for one fence; neither the main loop nor a vCPU that wants
 * the big lock waits until all of them have been told.
 */
#define DMASHARE_SIGNAL_BATCH   4096

typedef struct DmashareHold DmashareHold;

/**
 * DmashareFence: one submitted fence
 * @seqno: point on the timeline
 * @timeline: index
 * @lane: where its job stands
 * @status: enum dmashare_status, valid when @done
 * @error: errno that goes with STATUS_COMMANDED, for the journal
 * @done: the work is over
 * @over: and so is the work of all before it on the timeline
 * @signalled: and nothing holds it, nor held those before it
 * @merged: disowned fences just before it that it stands for
 * @merged_failed: those among them that failed
 * @owner: passed to the DmashareFenceOps; NULL once nobody cares
 * @hold: does not let it signal, NULL if nothing does
 * @in_hold: the others of @hold
 * @held_order: hold.c: the larger, the later it came to be held
 * @deadline: hold.c: when the watchdog ends that, INT64_MAX for never
 *
 * Freed when it is signalled and has no owner, whichever comes last.
 */
typedef struct DmashareFence {
    uint64_t seqno;
    uint32_t timeline;
    uint16_t lane;
    uint16_t status;
    uint16_t error;
    bool done;
    bool over;
    bool signalled;
    uint64_t merged;
    uint64_t merged_failed;
    void *owner;
    DmashareHold *hold;
    QTAILQ_ENTRY(DmashareFence) in_hold;
    uint64_t held_order;
    int64_t deadline;
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
 * @over: how many of them, from the first on, are over
 * @merged: fences that those pending stand for besides themselves
 * @more: it is in DmashareFences.more
 * @next: there
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
    uint32_t over;
    uint64_t merged;
    bool more;
    QTAILQ_ENTRY(DmashareTimeline) next;
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
 * @n_waits: for these fences
 * @wait: the fences
 * @order: the larger, the later the job was fetched
 */
typedef struct DmashareLane {
    bool blocked;
    unsigned n_waits;
    DmashareWait wait[DMASHARE_MAX_WAITS];
    uint64_t order;
} DmashareLane;

/**
 * DmashareFenceOps: how the fences report upwards
 * @submitted: a new fence; it may be given a hold now
 * @held: a fence with a hold is over
 * @advanced: a timeline has a new value
 * @signalled: a fence with an owner has signalled; called after @advanced
 * @more: there is more to signal than may be done at once; let
 *        dmashare_fences_go_on() be called later
 *
 * None of them may submit, finish, release or disown a fence.
 */
typedef struct DmashareFenceOps {
    void (*submitted)(void *opaque, DmashareFence *fence);
    void (*held)(void *opaque, DmashareFence *fence);
    void (*advanced)(void *opaque, uint32_t timeline, uint64_t value);
    void (*signalled)(void *opaque, DmashareFence *fence);
    void (*more)(void *opaque);
} DmashareFenceOps;

/**
 * DmashareFences: the timelines of one device
 * @timelines: @n_timelines of them
 * @n_timelines: constant
 * @lane: indexed by queue
 * @more: timelines on which there is more to signal
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
    QTAILQ_HEAD(, DmashareTimeline) more;
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
 * The work of a fence is over, or is declared to be; one that was done
 * already gets another status. Signals it and its followers that are done, as
 * far as their turn has come.
 */
void dmashare_fence_done(DmashareFences *fences, DmashareFence *fence,
                         uint16_t status);
/* Its hold has been taken away: signals what that kept from signalling. */
void dmashare_fence_let_go(DmashareFences *fences, DmashareFence *fence);
/* The owner loses interest. The fence is done and has no hold. */
void dmashare_fence_disown(DmashareFence *fence);
/* Signal more of what was left. Returns whether there is still something. */
bool dmashare_fences_go_on(DmashareFences *fences);

/* The pending fence of a valid timeline with this seqno and an owner. */
DmashareFence *dmashare_fence_find(const DmashareFences *fences,
                                   uint32_t timeline, uint64_t seqno);
/* How many pending fences have smaller seqnos: the index of the first other. */
uint32_t dmashare_timeline_before(const DmashareTimeline *tl, uint64_t seqno);
/* The pending fence of this index, which is below DmashareTimeline.count. */
static inline DmashareFence *dmashare_timeline_at(const DmashareTimeline *tl,
                                                  uint32_t i)
{
    return tl->pending[(tl->first + i) & (tl->room - 1)];
}
/* Pending fences, and how many of them nothing but holds keeps pending. */
uint64_t dmashare_timeline_pending(const DmashareTimeline *tl);
uint32_t dmashare_timeline_held(const DmashareTimeline *tl);

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

/* The front job of a lane waits for fences. */
void dmashare_lane_wait(DmashareFences *fences, unsigned lane, uint64_t order,
                        const DmashareWait *wait, unsigned n_waits);
/* It goes on. */
void dmashare_lane_go(DmashareFences *fences, unsigned lane);
/* Have all the fences that the front job waits for been reached? */
bool dmashare_lane_ready(const DmashareFences *fences, unsigned lane);

/*
 * Look for blocked lanes that wait for each other. Returns the lane whose job
 * has to fail, the one fetched last among those in a cycle; or -1. To be
 * called when a lane blocked, a fence was submitted while one is blocked, or a
 * timeline advanced. A fence that is held closes no cycle: whoever holds it can
 * always let go.
 */
int dmashare_fences_deadlock(const DmashareFences *fences);

#endif /* HW_DMASHARE_FENCE_H */
