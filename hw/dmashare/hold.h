/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: fences that signal when the harness says so
 *
 * A hold catches fences: one, the next so many, or all of a timeline. A fence
 * that was caught, and is over, is held: it signals when it is released, or
 * when the watchdog of its hold ends it. A fence is caught by one hold at most:
 * the one that names it, else the oldest one that concerns its timeline, else
 * the oldest one that concerns any.
 */
#ifndef HW_DMASHARE_HOLD_H
#define HW_DMASHARE_HOLD_H

#include "qapi/qapi-types-dmashare.h"
#include "hw/dmashare/fence.h"

#define DMASHARE_MAX_HOLDS      1024
#define DMASHARE_BATCH_MAX      100000

/* DmashareHold.remaining: it catches any number. */
#define DMASHARE_HOLD_ALL       UINT64_MAX

typedef QTAILQ_HEAD(, DmashareFence) DmashareHeldList;
typedef QTAILQ_HEAD(, DmashareHold) DmashareHoldList;

/**
 * DmashareHold: one hold
 * @id: never used again; 0 for the one that a batch puts on its fences
 * @any: it concerns all timelines
 * @timeline: that it concerns, else
 * @seqno: the one fence that it concerns, 0 if there are more
 * @remaining: fences that it will still catch, DMASHARE_HOLD_ALL for any number
 * @watchdog: ns of virtual time a fence may be held, 0 for ever
 * @caught: fences that are not over
 * @held: fences that are, in the order in which they came to be it
 * @n_caught: of the former
 * @n_held: of the latter
 * @next: in DmashareHolds.all
 * @catching: in DmashareHolds.on or .any, while it will still catch
 */
struct DmashareHold {
    uint32_t id;
    bool any;
    uint32_t timeline;
    uint64_t seqno;
    uint64_t remaining;
    uint64_t watchdog;
    DmashareHeldList caught;
    DmashareHeldList held;
    uint64_t n_caught;
    uint64_t n_held;
    QTAILQ_ENTRY(DmashareHold) next;
    QTAILQ_ENTRY(DmashareHold) catching;
};

/**
 * DmashareHoldOps: what the holds need of those above
 * @now: virtual time
 * @alarm: let dmashare_holds_expire() be called at that time, and only then;
 *         INT64_MAX for never
 * @held_for_ever: a fence has come to be held, and no watchdog will end that
 * @end: end a fence, that has no hold any more, with this status and, for
 *       COMMANDED, errno: the rest of its job's work is dropped, and
 *       dmashare_fence_done() is called
 */
typedef struct DmashareHoldOps {
    int64_t (*now)(void *opaque);
    void (*alarm)(void *opaque, int64_t when);
    void (*held_for_ever)(void *opaque, const DmashareFence *fence);
    void (*end)(void *opaque, DmashareFence *fence, uint16_t status,
                uint16_t error);
} DmashareHoldOps;

/**
 * DmashareHolds: the holds of one device
 * @fences: that they hold; their journal is used
 * @ops: callbacks
 * @opaque: passed to them
 * @all: by rising ids
 * @n: how many
 * @last_id: the last one given
 * @on: those that will still catch on one timeline, by timeline
 * @any: those that will still catch on any
 * @n_catching: how many are in these
 * @order: of the next fence that comes to be held
 * @alarm: the time that was asked for
 * @batch: what a batch puts on its fences while it works
 */
typedef struct DmashareHolds {
    DmashareFences *fences;
    const DmashareHoldOps *ops;
    void *opaque;
    DmashareHoldList all;
    unsigned n;
    uint32_t last_id;
    DmashareHoldList *on;
    DmashareHoldList any;
    unsigned n_catching;
    uint64_t order;
    int64_t alarm;
    DmashareHold batch;
} DmashareHolds;

/**
 * DmashareHoldRequest: a hold to be set, checked
 * @any: it concerns all timelines, else
 * @timeline: this one
 * @seqno: the one fence, or 0
 * @count: how many fences, 0 for one or any number
 * @watchdog: ns, 0 for ever
 */
typedef struct DmashareHoldRequest {
    bool any;
    uint32_t timeline;
    uint64_t seqno;
    uint32_t count;
    uint64_t watchdog;
} DmashareHoldRequest;

/**
 * DmashareFenceAct: what to do with one fence of a batch
 * @fence: pending, with an owner
 * @action: what
 * @error: errno for DMASHARE_FENCE_ACTION_FAIL
 */
typedef struct DmashareFenceAct {
    DmashareFence *fence;
    DmashareFenceAction action;
    uint16_t error;
} DmashareFenceAct;

void dmashare_holds_init(DmashareHolds *holds, DmashareFences *fences,
                         const DmashareHoldOps *ops, void *opaque);
/*
 * To be called before the fences are reset: what is held is forgotten. Holds of
 * one fence are gone, and those that have caught all they should; the others
 * wait for what comes after the reset.
 */
void dmashare_holds_reset(DmashareHolds *holds);
void dmashare_holds_destroy(DmashareHolds *holds);

/* Is there room for one more, and an id that was never used? */
bool dmashare_hold_room(const DmashareHolds *holds);
/*
 * Set a hold, for which there is room. One of a single fence must be for a
 * fence that is pending or can still be submitted, and that
 * dmashare_hold_of() finds no other hold for.
 */
DmashareHold *dmashare_hold_add(DmashareHolds *holds,
                                const DmashareHoldRequest *req);
DmashareHold *dmashare_hold_find(const DmashareHolds *holds, uint32_t id);
/* The hold that has caught this fence, or that names it; NULL if none does. */
DmashareHold *dmashare_hold_of(const DmashareHolds *holds, uint32_t timeline,
                               uint64_t seqno);

/*
 * End a hold, or all if it is NULL, and signal what was held, in this order as
 * far as the order of each timeline allows. Returns how many were held.
 */
uint64_t dmashare_hold_release(DmashareHolds *holds, DmashareHold *hold,
                               DmashareFenceOrder order, uint64_t seed);
/* Act on fences, those of one timeline by rising seqno. */
void dmashare_holds_batch(DmashareHolds *holds, const DmashareFenceAct *acts,
                          size_t n);
/* Take a fence from its hold if it has one, without a signal. */
void dmashare_hold_drop(DmashareHolds *holds, DmashareFence *fence);

/* DmashareFenceOps, for whoever owns the fences. */
void dmashare_holds_submitted(DmashareHolds *holds, DmashareFence *fence);
void dmashare_holds_held(DmashareHolds *holds, DmashareFence *fence);

/* The time of the alarm has come. */
void dmashare_holds_expire(DmashareHolds *holds);

#endif /* HW_DMASHARE_HOLD_H */
