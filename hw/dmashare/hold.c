// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: fences that signal when the harness says so
 */
#include "qemu/osdep.h"
#include "hw/dmashare/hold.h"
#include "hw/dmashare/random.h"
#include "trace.h"

/* So many held fences expire at once; see DMASHARE_SIGNAL_BATCH. */
#define EXPIRE_BATCH    4096

void dmashare_holds_init(DmashareHolds *holds, DmashareFences *fences,
                         const DmashareHoldOps *ops, void *opaque)
{
    memset(holds, 0, sizeof(*holds));
    holds->fences = fences;
    holds->ops = ops;
    holds->opaque = opaque;
    holds->alarm = INT64_MAX;
    holds->on = g_new(DmashareHoldList, fences->n_timelines);
    for (uint32_t i = 0; i < fences->n_timelines; i++) {
        QTAILQ_INIT(&holds->on[i]);
    }
    QTAILQ_INIT(&holds->all);
    QTAILQ_INIT(&holds->any);
}

static DmashareHoldList *catching_list(DmashareHolds *holds,
                                       const DmashareHold *hold)
{
    return hold->any ? &holds->any : &holds->on[hold->timeline];
}

static bool catches(const DmashareHold *hold)
{
    return hold->remaining;
}

static void stop_catching(DmashareHolds *holds, DmashareHold *hold)
{
    QTAILQ_REMOVE(catching_list(holds, hold), hold, catching);
    holds->n_catching--;
    hold->remaining = 0;
}

/* The hold ends; it has no fences any more. */
static void hold_end(DmashareHolds *holds, DmashareHold *hold)
{
    trace_dmashare_hold_end(hold->id);
    if (catches(hold)) {
        stop_catching(holds, hold);
    }
    QTAILQ_REMOVE(&holds->all, hold, next);
    holds->n--;
    g_free(hold);
}

/* It may have caught all it should, and have let go of all of them. */
static void hold_settle(DmashareHolds *holds, DmashareHold *hold)
{
    if (!catches(hold) && !hold->n_caught && !hold->n_held) {
        hold_end(holds, hold);
    }
}

void dmashare_holds_reset(DmashareHolds *holds)
{
    DmashareHold *hold, *after;
    DmashareFence *fence;

    QTAILQ_FOREACH_SAFE(hold, &holds->all, next, after) {
        QTAILQ_FOREACH(fence, &hold->caught, in_hold) {
            fence->hold = NULL;
        }
        QTAILQ_FOREACH(fence, &hold->held, in_hold) {
            fence->hold = NULL;
        }
        QTAILQ_INIT(&hold->caught);
        QTAILQ_INIT(&hold->held);
        hold->n_caught = 0;
        hold->n_held = 0;
        if (hold->seqno) {
            /* The timelines start anew: it would be another fence. */
            hold_end(holds, hold);
        } else {
            hold_settle(holds, hold);
        }
    }
    holds->alarm = INT64_MAX;
    holds->ops->alarm(holds->opaque, INT64_MAX);
}

void dmashare_holds_destroy(DmashareHolds *holds)
{
    DmashareHold *hold;

    dmashare_holds_reset(holds);
    while ((hold = QTAILQ_FIRST(&holds->all))) {
        hold_end(holds, hold);
    }
    g_clear_pointer(&holds->on, g_free);
}

DmashareHold *dmashare_hold_find(const DmashareHolds *holds, uint32_t id)
{
    DmashareHold *hold;

    QTAILQ_FOREACH(hold, &holds->all, next) {
        if (hold->id == id) {
            return hold;
        }
    }
    return NULL;
}

/*
 * Catching and letting go
 */

static void fence_record(DmashareHolds *holds, DmashareOperation operation,
                         DmashareActor actor, const DmashareFence *fence,
                         uint64_t arg, uint16_t status, uint16_t error)
{
    DmashareJournalRecord record = DMASHARE_RECORD(operation, actor);

    record.status = status;
    record.error = error;
    record.arg = arg;
    record.queue = fence->lane;
    record.timeline = fence->timeline;
    record.seqno = fence->seqno;
    dmashare_journal_add(holds->fences->journal, &record);
}

/* A caught fence is over. */
static void fence_held(DmashareHolds *holds, DmashareHold *hold,
                       DmashareFence *fence)
{
    int64_t now = holds->ops->now(holds->opaque);

    QTAILQ_REMOVE(&hold->caught, fence, in_hold);
    hold->n_caught--;
    QTAILQ_INSERT_TAIL(&hold->held, fence, in_hold);
    hold->n_held++;
    fence->held_order = holds->order++;
    fence->deadline = !hold->watchdog ||
                      hold->watchdog > (uint64_t)(INT64_MAX - now) ?
                      INT64_MAX : now + (int64_t)hold->watchdog;
    trace_dmashare_fence_held(hold->id, fence->timeline, fence->seqno);
    fence_record(holds, DMASHARE_OPERATION_FENCE_HELD, DMASHARE_ACTOR_DEVICE,
                 fence, hold->id, fence->status, fence->error);
    dmashare_notify_fence_held(holds->fences->notify, hold->id,
                               fence->timeline, fence->seqno, hold->n_held);
    if (!hold->watchdog) {
        holds->ops->held_for_ever(holds->opaque, fence);
    }
    if (fence->deadline < holds->alarm) {
        holds->alarm = fence->deadline;
        holds->ops->alarm(holds->opaque, holds->alarm);
    }
}

static void fence_catch(DmashareHolds *holds, DmashareHold *hold,
                        DmashareFence *fence)
{
    fence->hold = hold;
    QTAILQ_INSERT_TAIL(&hold->caught, fence, in_hold);
    hold->n_caught++;
    if (hold->remaining != DMASHARE_HOLD_ALL && hold->remaining-- == 1) {
        stop_catching(holds, hold);
    }
    if (fence->over) {
        fence_held(holds, hold, fence);
    }
}

/* The hold stays until hold_settle(). */
static void fence_uncatch(DmashareFence *fence)
{
    DmashareHold *hold = fence->hold;

    fence->hold = NULL;
    if (fence->over) {
        QTAILQ_REMOVE(&hold->held, fence, in_hold);
        hold->n_held--;
    } else {
        QTAILQ_REMOVE(&hold->caught, fence, in_hold);
        hold->n_caught--;
    }
}

void dmashare_hold_drop(DmashareHolds *holds, DmashareFence *fence)
{
    DmashareHold *hold = fence->hold;

    if (hold) {
        fence_uncatch(fence);
        hold_settle(holds, hold);
    }
}

void dmashare_holds_submitted(DmashareHolds *holds, DmashareFence *fence)
{
    DmashareHold *hold, *after, *best = NULL;

    if (!holds->n_catching) {
        return;
    }
    QTAILQ_FOREACH_SAFE(hold, &holds->on[fence->timeline], catching, after) {
        if (hold->seqno == fence->seqno) {
            best = hold;
        } else if (hold->seqno && hold->seqno < fence->seqno) {
            /* Its fence will never be submitted. */
            hold_end(holds, hold);
        } else if (!best && !hold->seqno) {
            best = hold;
        }
    }
    if (!best) {
        best = QTAILQ_FIRST(&holds->any);
    }
    if (best) {
        fence_catch(holds, best, fence);
    }
}

void dmashare_holds_held(DmashareHolds *holds, DmashareFence *fence)
{
    if (fence->hold != &holds->batch) {
        fence_held(holds, fence->hold, fence);
    }
}

/*
 * Setting
 */

bool dmashare_hold_room(const DmashareHolds *holds)
{
    return holds->n < DMASHARE_MAX_HOLDS && holds->last_id < UINT32_MAX;
}

DmashareHold *dmashare_hold_of(const DmashareHolds *holds, uint32_t timeline,
                               uint64_t seqno)
{
    const DmashareFence *fence = dmashare_fence_find(holds->fences, timeline,
                                                     seqno);
    DmashareHold *hold;

    if (fence) {
        return fence->hold;
    }
    QTAILQ_FOREACH(hold, &holds->on[timeline], catching) {
        if (hold->seqno && hold->seqno == seqno) {
            return hold;
        }
    }
    return NULL;
}

DmashareHold *dmashare_hold_add(DmashareHolds *holds,
                                const DmashareHoldRequest *req)
{
    DmashareJournalRecord record = DMASHARE_RECORD(
        DMASHARE_OPERATION_FENCE_HOLD, DMASHARE_ACTOR_HARNESS);
    DmashareTimeline *tl;
    DmashareHold *hold;

    hold = g_new0(DmashareHold, 1);
    hold->id = ++holds->last_id;
    hold->any = req->any;
    hold->timeline = req->any ? DMASHARE_NO_ID : req->timeline;
    hold->seqno = req->seqno;
    hold->remaining = req->seqno ? 1 :
                      req->count ? req->count : DMASHARE_HOLD_ALL;
    hold->watchdog = req->watchdog;
    QTAILQ_INIT(&hold->caught);
    QTAILQ_INIT(&hold->held);
    QTAILQ_INSERT_TAIL(&holds->all, hold, next);
    holds->n++;
    QTAILQ_INSERT_TAIL(catching_list(holds, hold), hold, catching);
    holds->n_catching++;
    trace_dmashare_hold(hold->id, hold->timeline, hold->seqno, hold->remaining,
                        hold->watchdog);
    record.arg = hold->id;
    record.timeline = hold->timeline;
    record.seqno = hold->seqno ? hold->seqno : UINT64_MAX;
    dmashare_journal_add(holds->fences->journal, &record);

    if (req->any || req->count) {
        /* Of what comes. */
        return hold;
    }
    tl = &holds->fences->timelines[hold->timeline];
    for (uint32_t i = dmashare_timeline_before(tl, hold->seqno);
         i < tl->count && catches(hold); i++) {
        DmashareFence *fence = dmashare_timeline_at(tl, i);

        if (hold->seqno && fence->seqno != hold->seqno) {
            break;
        }
        if (fence->owner && !fence->hold) {
            fence_catch(holds, hold, fence);
        }
    }
    return hold;
}

/*
 * Releasing
 */

/**
 * Slot: what is sorted, by a key that is unique
 * @timeline: comes first; 0 where it does not count
 * @key: comes next
 * @fence: of it
 */
typedef struct Slot {
    uint32_t timeline;
    uint64_t key;
    DmashareFence *fence;
} Slot;

static int slot_compare(const void *a, const void *b)
{
    const Slot *x = a, *y = b;

    if (x->timeline != y->timeline) {
        return x->timeline < y->timeline ? -1 : 1;
    }
    return x->key < y->key ? -1 : x->key > y->key;
}

static void slot_swap(Slot *a, Slot *b)
{
    Slot c = *a;

    *a = *b;
    *b = c;
}

static void slots_shuffle(Slot *slot, size_t n, DmashareFenceOrder order,
                          uint64_t seed)
{
    if (n) {
        qsort(slot, n, sizeof(*slot), slot_compare);
    }
    for (size_t i = 0; order == DMASHARE_FENCE_ORDER_REVERSE && i < n / 2;
         i++) {
        slot_swap(&slot[i], &slot[n - 1 - i]);
    }
    for (size_t i = n; order == DMASHARE_FENCE_ORDER_RANDOM && i > 1; i--) {
        slot_swap(&slot[i - 1], &slot[dmashare_random(&seed) % i]);
    }
}

/*
 * The fences in the order in which they shall signal. What the order says of
 * timelines is kept; on each of them the seqnos rise.
 */
static void slots_arrange(Slot *slot, size_t n, DmashareFence **fence)
{
    g_autofree Slot *place = g_new(Slot, n);

    if (!n) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        place[i] = (Slot) { .timeline = slot[i].fence->timeline, .key = i };
        slot[i].timeline = slot[i].fence->timeline;
        slot[i].key = slot[i].fence->seqno;
    }
    qsort(slot, n, sizeof(*slot), slot_compare);
    qsort(place, n, sizeof(*place), slot_compare);
    for (size_t i = 0; i < n; i++) {
        fence[place[i].key] = slot[i].fence;
    }
}

uint64_t dmashare_hold_release(DmashareHolds *holds, DmashareHold *hold,
                               DmashareFenceOrder order, uint64_t seed)
{
    DmashareHold *first = hold ? hold : QTAILQ_FIRST(&holds->all);
    DmashareHold *last = hold ? QTAILQ_NEXT(hold, next) : NULL;
    g_autofree DmashareFence **fence = NULL;
    g_autofree Slot *slot = NULL;
    DmashareFence *f;
    size_t n = 0, i = 0;

    for (DmashareHold *h = first; h != last; h = QTAILQ_NEXT(h, next)) {
        n += h->n_held;
    }
    slot = g_new(Slot, n);
    fence = g_new(DmashareFence *, n);
    for (DmashareHold *h = first; h != last; h = QTAILQ_NEXT(h, next)) {
        QTAILQ_FOREACH(f, &h->held, in_hold) {
            slot[i++] = (Slot) { .key = f->held_order, .fence = f };
        }
        while ((f = QTAILQ_FIRST(&h->caught))) {
            fence_uncatch(f);
        }
    }
    /* What is not over signals as if it had never been caught. */
    slots_shuffle(slot, n, order, seed);
    slots_arrange(slot, n, fence);
    for (i = 0; i < n; i++) {
        fence_uncatch(fence[i]);
        fence_record(holds, DMASHARE_OPERATION_FENCE_ACTION,
                     DMASHARE_ACTOR_HARNESS, fence[i],
                     DMASHARE_FENCE_ACTION_RELEASE, DMASHARE_STATUS_OK, 0);
        dmashare_fence_let_go(holds->fences, fence[i]);
    }

    while (first != last) {
        DmashareHold *after = QTAILQ_NEXT(first, next);

        hold_end(holds, first);
        first = after;
    }
    return n;
}

void dmashare_holds_batch(DmashareHolds *holds, const DmashareFenceAct *acts,
                          size_t n)
{
    /*
     * First of all none of them signals: one that is acted upon must not take
     * a later one of the list along, before it has got its own status.
     */
    for (size_t i = 0; i < n; i++) {
        dmashare_hold_drop(holds, acts[i].fence);
        acts[i].fence->hold = &holds->batch;
    }
    for (size_t i = 0; i < n; i++) {
        DmashareFence *fence = acts[i].fence;

        uint16_t status = acts[i].action == DMASHARE_FENCE_ACTION_FAIL ?
                          DMASHARE_STATUS_COMMANDED : DMASHARE_STATUS_OK;

        fence->hold = NULL;
        trace_dmashare_fence_act(fence->timeline, fence->seqno,
                                 acts[i].action, acts[i].error);
        fence_record(holds, DMASHARE_OPERATION_FENCE_ACTION,
                     DMASHARE_ACTOR_HARNESS, fence, acts[i].action, status,
                     acts[i].error);
        if (acts[i].action == DMASHARE_FENCE_ACTION_RELEASE) {
            dmashare_fence_let_go(holds->fences, fence);
        } else {
            holds->ops->end(holds->opaque, fence, status, acts[i].error);
        }
    }
}

/*
 * The watchdog
 */

/* Of one hold; their deadlines are in order. Returns how many it were. */
static unsigned hold_expire(DmashareHolds *holds, DmashareHold *hold,
                            int64_t now, unsigned most)
{
    DmashareFence *fence;
    unsigned n = 0;

    while (n < most && (fence = QTAILQ_FIRST(&hold->held)) &&
           fence->deadline <= now) {
        trace_dmashare_fence_expired(hold->id, fence->timeline, fence->seqno);
        fence_record(holds, DMASHARE_OPERATION_WATCHDOG, DMASHARE_ACTOR_DEVICE,
                     fence, hold->id, DMASHARE_STATUS_TIMEOUT, 0);
        dmashare_notify_watchdog(holds->fences->notify, hold->id,
                                 fence->timeline, fence->seqno);
        fence_uncatch(fence);
        holds->ops->end(holds->opaque, fence, DMASHARE_STATUS_TIMEOUT, 0);
        n++;
    }
    return n;
}

void dmashare_holds_expire(DmashareHolds *holds)
{
    int64_t now = holds->ops->now(holds->opaque);
    unsigned left = EXPIRE_BATCH;
    DmashareHold *hold, *after;

    QTAILQ_FOREACH_SAFE(hold, &holds->all, next, after) {
        left -= hold_expire(holds, hold, now, left);
        hold_settle(holds, hold);
    }

    /* One that is too early, because its fence was released, is harmless. */
    holds->alarm = INT64_MAX;
    QTAILQ_FOREACH(hold, &holds->all, next) {
        const DmashareFence *fence = QTAILQ_FIRST(&hold->held);

        if (fence) {
            holds->alarm = MIN(holds->alarm, MAX(fence->deadline, now + 1));
        }
    }
    holds->ops->alarm(holds->opaque, holds->alarm);
}
