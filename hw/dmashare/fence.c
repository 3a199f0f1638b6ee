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
    fences->ops = ops;
    fences->opaque = opaque;
}

static DmashareFence *pending_at(const DmashareTimeline *tl, uint32_t i)
{
    return tl->pending[(tl->first + i) & (tl->room - 1)];
}

static void timeline_clear(DmashareTimeline *tl)
{
    for (uint32_t i = 0; i < tl->count; i++) {
        g_free(pending_at(tl, i));
    }
    g_free(tl->pending);
    memset(tl, 0, sizeof(*tl));
}

void dmashare_fences_reset(DmashareFences *fences)
{
    for (uint32_t i = 0; i < fences->n_timelines; i++) {
        timeline_clear(&fences->timelines[i]);
    }
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
        DmashareFence *fence = pending_at(tl, i);
        bool disowned = fence->done && !fence->owner;

        if (!disowned) {
            failures = 0;
        } else if (fence->status) {
            failures++;
        }
        if (disowned && next &&
            (!fence->status || failures > DMASHARE_FAILED_KEPT)) {
            next->merged += 1 + fence->merged;
            next->merged_failed += !!fence->status + fence->merged_failed;
            g_free(fence);
        } else {
            tl->pending[(tl->first + --to) & (tl->room - 1)] = fence;
            next = disowned ? fence : NULL;
        }
    }
    tl->first += to;
    tl->count -= to;
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
        pending[i] = pending_at(tl, i);
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

void dmashare_fence_done(DmashareFences *fences, DmashareFence *fence,
                         uint16_t status)
{
    uint32_t timeline = fence->timeline;
    DmashareTimeline *tl = &fences->timelines[timeline];
    uint32_t n = 0;

    fence->status = status;
    fence->done = true;

    while (n < tl->count && pending_at(tl, n)->done) {
        n++;
    }
    if (!n) {
        return;
    }

    /* The value first: nobody may learn of a signal before it can be read. */
    tl->value = pending_at(tl, n - 1)->seqno;
    fences->ops->advanced(fences->opaque, timeline, tl->value);

    while (n--) {
        DmashareFence *f = pending_at(tl, 0);

        tl->first++;
        tl->count--;
        f->signalled = true;
        fences->signalled += 1 + f->merged;
        fences->failed += f->merged_failed;
        if (f->status) {
            fence_failed(fences, tl, f);
        }
        trace_dmashare_fence_signal(f->timeline, f->seqno, f->status);
        if (f->owner) {
            fences->ops->signalled(fences->opaque, f);
        } else {
            g_free(f);
        }
    }
}

void dmashare_fence_disown(DmashareFence *fence)
{
    if (fence->signalled) {
        g_free(fence);
    } else {
        fence->owner = NULL;
    }
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
    l->turn = NULL;
    l->n_waits = n_waits;
    memcpy(l->wait, wait, n_waits * sizeof(*wait));
}

void dmashare_lane_turn(DmashareFences *fences, unsigned lane, uint64_t order,
                        DmashareFence *fence)
{
    DmashareLane *l = &fences->lane[lane];

    l->blocked = true;
    l->order = order;
    l->turn = fence;
    l->n_waits = 0;
}

void dmashare_lane_go(DmashareFences *fences, unsigned lane)
{
    fences->lane[lane].blocked = false;
    fences->lane[lane].turn = NULL;
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

/* The pending fence whose signal reaches a point, or NULL: not submitted. */
static const DmashareFence *producer(const DmashareTimeline *tl,
                                     uint64_t seqno)
{
    uint32_t lo = 0, hi = tl->count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (pending_at(tl, mid)->seqno < seqno) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < tl->count ? pending_at(tl, lo) : NULL;
}

/* The lanes that must move before this blocked one can. */
static uint32_t lane_needs(const DmashareFences *fences, unsigned lane)
{
    const DmashareLane *l = &fences->lane[lane];
    uint32_t needs = 0;

    if (l->turn) {
        const DmashareTimeline *tl = &fences->timelines[l->turn->timeline];

        /* Its turn may have come without the job knowing yet. */
        return l->turn->signalled ? 0 : 1u << pending_at(tl, 0)->lane;
    }
    for (unsigned i = 0; i < l->n_waits; i++) {
        const DmashareTimeline *tl = &fences->timelines[l->wait[i].timeline];
        const DmashareFence *p = producer(tl, l->wait[i].seqno);

        if (!p || tl->value >= l->wait[i].seqno) {
            continue;
        }
        /*
         * The lane that holds up the timeline, and the producer's unless it is
         * done, for then it needs nothing of its lane any more: that may be
         * busy with other things. What is pending between the two is looked at
         * when it becomes the first.
         */
        needs |= 1u << pending_at(tl, 0)->lane;
        if (!p->done) {
            needs |= 1u << p->lane;
        }
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
        if ((reach[i] & 1u << i) && !fences->lane[i].turn &&
            (victim < 0 ||
             fences->lane[i].order > fences->lane[victim].order)) {
            victim = i;
        }
    }
    return victim;
}
