// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: timelines, fences and who waits for them
 */
#include "qemu/osdep.h"
#include "hw/dmashare/fence.h"
#include "trace.h"

#define PENDING_ROOM_MIN        16

void dmashare_fences_init(DmashareFences *fences, uint32_t n_timelines,
                          const DmashareFenceOps *ops, void *opaque)
{
    memset(fences, 0, sizeof(*fences));
    fences->n_timelines = n_timelines;
    fences->timelines = g_new0(DmashareTimeline, n_timelines);
    QTAILQ_INIT(&fences->more);
    fences->ops = ops;
    fences->opaque = opaque;
}

static void timeline_clear(DmashareTimeline *tl)
{
    for (uint32_t i = 0; i < tl->count; i++) {
        g_free(dmashare_timeline_at(tl, i));
    }
    g_free(tl->pending);
    memset(tl, 0, sizeof(*tl));
}

void dmashare_fences_reset(DmashareFences *fences)
{
    for (uint32_t i = 0; i < fences->n_timelines; i++) {
        /* What was never used was never touched, and costs no memory. */
        if (fences->timelines[i].submitted) {
            timeline_clear(&fences->timelines[i]);
        }
    }
    QTAILQ_INIT(&fences->more);
    memset(fences->lane, 0, sizeof(fences->lane));
    fences->signalled = 0;
    fences->failed = 0;
}

void dmashare_fences_destroy(DmashareFences *fences)
{
    if (fences->timelines) {
        dmashare_fences_reset(fences);
        g_clear_pointer(&fences->timelines, g_free);
    }
}

bool dmashare_fence_valid(const DmashareFences *fences, uint32_t timeline,
                          uint64_t seqno)
{
    return timeline < fences->n_timelines &&
           seqno > fences->timelines[timeline].submitted;
}

/*
 * A guest can disable and enable a queue for as long as another one holds up
 * the timeline, and leaves behind the fences of the dropped jobs each time.
 * Neighbours among them will signal at once, and then only the last failures
 * are remembered: what came before those, and what did not fail, need not be
 * kept apart.
 */
static void pending_merge(DmashareTimeline *tl)
{
    DmashareFence *next = NULL;
    uint32_t failures = 0, to = tl->count;

    for (uint32_t i = tl->count; i-- > 0;) {
        DmashareFence *fence = dmashare_timeline_at(tl, i);
        bool disowned = fence->done && !fence->owner;

        if (!disowned) {
            failures = 0;
        } else if (fence->status) {
            failures++;
        }
        if (disowned && next &&
            (!fence->status || failures > DMASHARE_FAILED_KEPT)) {
            next->merged += 1 + fence->merged;
            tl->merged++;
            next->merged_failed += !!fence->status + fence->merged_failed;
            g_free(fence);
        } else {
            tl->pending[(tl->first + --to) & (tl->room - 1)] = fence;
            next = disowned ? fence : NULL;
        }
    }
    tl->first += to;
    tl->count -= to;
    for (tl->over = 0; tl->over < tl->count; tl->over++) {
        if (!dmashare_timeline_at(tl, tl->over)->over) {
            break;
        }
    }
}

/*
 * Room for one more. When merging did not free a good part of the ring, what
 * is pending moves to the start of a larger one.
 */
static void pending_grow(DmashareTimeline *tl)
{
    uint32_t room = MAX(tl->room * 2, PENDING_ROOM_MIN);
    DmashareFence **pending;

    pending_merge(tl);
    if (tl->count < tl->room / 2) {
        return;
    }
    pending = g_new(DmashareFence *, room);

    for (uint32_t i = 0; i < tl->count; i++) {
        pending[i] = dmashare_timeline_at(tl, i);
    }
    g_free(tl->pending);
    tl->pending = pending;
    tl->room = room;
    tl->first = 0;
}

DmashareFence *dmashare_fence_submit(DmashareFences *fences, uint32_t timeline,
                                     uint64_t seqno, unsigned lane,
                                     void *owner)
{
    DmashareTimeline *tl = &fences->timelines[timeline];
    DmashareFence *fence = g_new0(DmashareFence, 1);

    fence->seqno = seqno;
    fence->timeline = timeline;
    fence->lane = lane;
    fence->owner = owner;

    if (tl->count == tl->room) {
        pending_grow(tl);
    }
    tl->pending[(tl->first + tl->count) & (tl->room - 1)] = fence;
    tl->count++;
    tl->submitted = seqno;
    trace_dmashare_fence_submit(timeline, seqno, lane);
    fences->ops->submitted(fences->opaque, fence);
    return fence;
}

static void fence_failed(DmashareFences *fences, DmashareTimeline *tl,
                         const DmashareFence *fence)
{
    DmashareFailure *f = &tl->failed[tl->n_failed % DMASHARE_FAILED_KEPT];

    f->seqno = fence->seqno;
    f->status = fence->status;
    tl->n_failed++;
    fences->failed++;
}

/* How many fences from the first on have nothing that keeps them pending. */
static uint32_t timeline_free(const DmashareTimeline *tl, uint32_t most)
{
    uint32_t n = 0;

    while (n < MIN(tl->over, most) && !dmashare_timeline_at(tl, n)->hold) {
        n++;
    }
    return n;
}

static void signal_record(DmashareFences *fences, const DmashareFence *fence)
{
    DmashareJournalRecord record = DMASHARE_RECORD(
        DMASHARE_OPERATION_FENCE_SIGNAL, DMASHARE_ACTOR_DEVICE);

    record.status = fence->status;
    record.error = fence->error;
    record.queue = fence->lane;
    record.timeline = fence->timeline;
    record.seqno = fence->seqno;
    dmashare_journal_add(fences->journal, &record);
}

static void timeline_signal(DmashareFences *fences, uint32_t timeline,
                            uint32_t n)
{
    DmashareTimeline *tl = &fences->timelines[timeline];

    /* The value first: nobody may learn of a signal before it can be read. */
    tl->value = dmashare_timeline_at(tl, n - 1)->seqno;
    fences->ops->advanced(fences->opaque, timeline, tl->value);

    while (n--) {
        DmashareFence *f = dmashare_timeline_at(tl, 0);

        tl->first++;
        tl->count--;
        tl->over--;
        tl->merged -= f->merged;
        f->signalled = true;
        fences->signalled += 1 + f->merged;
        fences->failed += f->merged_failed;
        if (f->status) {
            fence_failed(fences, tl, f);
        }
        trace_dmashare_fence_signal(f->timeline, f->seqno, f->status);
        signal_record(fences, f);
        if (f->owner) {
            fences->ops->signalled(fences->opaque, f);
        } else {
            g_free(f);
        }
    }
}

/* Something has changed on the timeline: find what is over, signal what can. */
static void timeline_settle(DmashareFences *fences, uint32_t timeline)
{
    DmashareTimeline *tl = &fences->timelines[timeline];
    uint32_t n;

    for (n = 0; n < DMASHARE_SIGNAL_BATCH && tl->over < tl->count; n++) {
        DmashareFence *f = dmashare_timeline_at(tl, tl->over);

        if (!f->done) {
            break;
        }
        tl->over++;
        f->over = true;
        if (f->hold) {
            fences->ops->held(fences->opaque, f);
        }
    }

    n = timeline_free(tl, DMASHARE_SIGNAL_BATCH);
    if (n) {
        timeline_signal(fences, timeline, n);
    }
    if (!tl->more &&
        ((tl->over < tl->count && dmashare_timeline_at(tl, tl->over)->done) ||
         timeline_free(tl, 1))) {
        tl->more = true;
        QTAILQ_INSERT_TAIL(&fences->more, tl, next);
        fences->ops->more(fences->opaque);
    }
}

bool dmashare_fences_go_on(DmashareFences *fences)
{
    DmashareTimeline *tl = QTAILQ_FIRST(&fences->more);

    if (tl) {
        QTAILQ_REMOVE(&fences->more, tl, next);
        tl->more = false;
        timeline_settle(fences, tl - fences->timelines);
    }
    return !QTAILQ_EMPTY(&fences->more);
}

void dmashare_fence_done(DmashareFences *fences, DmashareFence *fence,
                         uint16_t status)
{
    fence->status = status;
    fence->done = true;
    timeline_settle(fences, fence->timeline);
}

void dmashare_fence_let_go(DmashareFences *fences, DmashareFence *fence)
{
    timeline_settle(fences, fence->timeline);
}

void dmashare_fence_disown(DmashareFence *fence)
{
    if (fence->signalled) {
        g_free(fence);
    } else {
        fence->owner = NULL;
    }
}

uint32_t dmashare_timeline_before(const DmashareTimeline *tl, uint64_t seqno)
{
    uint32_t lo = 0, hi = tl->count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (dmashare_timeline_at(tl, mid)->seqno < seqno) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

DmashareFence *dmashare_fence_find(const DmashareFences *fences,
                                   uint32_t timeline, uint64_t seqno)
{
    const DmashareTimeline *tl = &fences->timelines[timeline];
    uint32_t at = dmashare_timeline_before(tl, seqno);
    DmashareFence *fence;

    if (at == tl->count) {
        return NULL;
    }
    fence = dmashare_timeline_at(tl, at);
    return fence->seqno == seqno && fence->owner ? fence : NULL;
}

uint64_t dmashare_timeline_pending(const DmashareTimeline *tl)
{
    return tl->count + tl->merged;
}

uint32_t dmashare_timeline_held(const DmashareTimeline *tl)
{
    return tl->over && dmashare_timeline_at(tl, 0)->hold ? tl->over : 0;
}

bool dmashare_fence_reached(const DmashareFences *fences, uint32_t timeline,
                            uint64_t seqno)
{
    return fences->timelines[timeline].value >= seqno;
}

uint16_t dmashare_fence_failure(const DmashareFences *fences,
                                uint32_t timeline, uint64_t seqno)
{
    const DmashareTimeline *tl = &fences->timelines[timeline];
    uint64_t n = MIN(tl->n_failed, DMASHARE_FAILED_KEPT);

    for (uint64_t i = 0; i < n; i++) {
        if (tl->failed[i].seqno == seqno) {
            return tl->failed[i].status;
        }
    }
    return DMASHARE_STATUS_OK;
}

bool dmashare_fence_waits_for_itself(const DmashareFences *fences,
                                     uint32_t timeline, uint64_t seqno,
                                     const DmashareWait *wait,
                                     unsigned n_waits)
{
    for (unsigned i = 0; i < n_waits; i++) {
        /*
         * A point after the last one submitted is reached by this very fence
         * or by one that signals after it.
         */
        if (wait[i].timeline == timeline &&
            wait[i].seqno > fences->timelines[timeline].submitted) {
            return true;
        }
    }
    return false;
}

void dmashare_lane_wait(DmashareFences *fences, unsigned lane, uint64_t order,
                        const DmashareWait *wait, unsigned n_waits)
{
    DmashareLane *l = &fences->lane[lane];

    l->blocked = true;
    l->order = order;
    l->n_waits = n_waits;
    memcpy(l->wait, wait, n_waits * sizeof(*wait));
}

void dmashare_lane_go(DmashareFences *fences, unsigned lane)
{
    fences->lane[lane].blocked = false;
}

bool dmashare_lane_ready(const DmashareFences *fences, unsigned lane)
{
    const DmashareLane *l = &fences->lane[lane];

    for (unsigned i = 0; i < l->n_waits; i++) {
        if (!dmashare_fence_reached(fences, l->wait[i].timeline,
                                    l->wait[i].seqno)) {
            return false;
        }
    }
    return true;
}

/* The lane that a fence needs, as a mask; none once its work is over. */
static uint32_t lane_of(const DmashareFence *fence)
{
    return fence->done ? 0 : 1u << fence->lane;
}

/* The lanes that must move before this blocked one can. */
static uint32_t lane_needs(const DmashareFences *fences, unsigned lane)
{
    const DmashareLane *l = &fences->lane[lane];
    uint32_t needs = 0;

    for (unsigned i = 0; i < l->n_waits; i++) {
        const DmashareTimeline *tl = &fences->timelines[l->wait[i].timeline];
        uint32_t at = dmashare_timeline_before(tl, l->wait[i].seqno);

        if (tl->value >= l->wait[i].seqno || at == tl->count) {
            /* Reached, or not submitted. */
            continue;
        }
        /*
         * The lane that keeps the timeline from going on, and that of the
         * fence which reaches the point. One that is done needs nothing of its
         * lane any more: that may be busy with other things. What is pending
         * between the two is looked at when it keeps the timeline.
         */
        if (tl->over < tl->count && tl->over < at) {
            needs |= lane_of(dmashare_timeline_at(tl, tl->over));
        }
        needs |= lane_of(dmashare_timeline_at(tl, at));
    }
    return needs;
}

int dmashare_fences_deadlock(const DmashareFences *fences)
{
    uint32_t reach[DMASHARE_MAX_LANES];
    bool blocked = false;
    int victim = -1;

    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        reach[i] = fences->lane[i].blocked ? lane_needs(fences, i) : 0;
        blocked |= reach[i] != 0;
    }
    if (!blocked) {
        return -1;
    }
    /* Transitive closure; a lane that reaches itself is in a cycle. */
    for (unsigned k = 0; k < DMASHARE_MAX_LANES; k++) {
        for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
            if (reach[i] & 1u << k) {
                reach[i] |= reach[k];
            }
        }
    }
    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        if ((reach[i] & 1u << i) &&
            (victim < 0 ||
             fences->lane[i].order > fences->lane[victim].order)) {
            victim = i;
        }
    }
    return victim;
}
