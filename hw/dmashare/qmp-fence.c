// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about fences
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/harness.h"
#include "hw/dmashare/status.h"

#define TIMELINES_LIMIT         1000
#define FENCES_LIMIT            10000
#define FENCES_LIMIT_DEFAULT    1000

static bool timeline_check(const DmashareCore *core, uint32_t timeline,
                           Error **errp)
{
    if (timeline >= core->fences.n_timelines) {
        DMASHARE_EXPECTS(errp, "timeline", "0 to %" PRIu32 ", not %" PRIu32,
                         core->fences.n_timelines - 1, timeline);
        return false;
    }
    return true;
}

/*
 * Looking
 */

static DmashareTimelineInfo *timeline_info(const DmashareCore *core,
                                           uint32_t timeline)
{
    const DmashareTimeline *tl = &core->fences.timelines[timeline];
    DmashareTimelineInfo *info = g_new0(DmashareTimelineInfo, 1);

    info->timeline = timeline;
    info->value = tl->value;
    info->submitted = tl->submitted;
    info->pending = MIN(dmashare_timeline_pending(tl), UINT32_MAX);
    info->held = dmashare_timeline_held(tl);
    info->failed = tl->n_failed;
    return info;
}

DmashareTimelineInfoList *qmp_query_dmashare_timelines(const char *path,
                                                       bool has_timeline,
                                                       uint32_t timeline,
                                                       bool has_after,
                                                       uint32_t after,
                                                       bool has_limit,
                                                       uint32_t limit,
                                                       Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareTimelineInfoList *list = NULL, **tail = &list;
    uint64_t from = has_after ? (uint64_t)after + 1 : 0;

    if (!core ||
        !dmashare_page_limit(has_limit, &limit, TIMELINES_LIMIT,
                             TIMELINES_LIMIT, errp) ||
        (has_timeline && !timeline_check(core, timeline, errp))) {
        return NULL;
    }
    if (has_timeline) {
        if (timeline >= from) {
            QAPI_LIST_APPEND(tail, timeline_info(core, timeline));
        }
        return list;
    }
    for (; limit && from < core->fences.n_timelines; from++) {
        if (core->fences.timelines[from].submitted) {
            QAPI_LIST_APPEND(tail, timeline_info(core, from));
            limit--;
        }
    }
    return list;
}

/**
 * FenceFilter: which fences are wanted
 * @core: of this device
 * @has_state: only those in @state
 * @state: see above
 * @has_buffer: only those whose job names @buffer
 * @buffer: see above
 */
typedef struct FenceFilter {
    DmashareCore *core;
    bool has_state;
    DmashareFenceState state;
    bool has_buffer;
    uint32_t buffer;
} FenceFilter;

static DmashareFenceState fence_state(const DmashareCore *core,
                                      const DmashareFence *fence)
{
    const DmashareTimeline *tl = &core->fences.timelines[fence->timeline];
    const DmashareJob *job = fence->owner;

    if (!fence->done) {
        return job->state == DMASHARE_JOB_RUNNING ?
               DMASHARE_FENCE_STATE_RUNNING : DMASHARE_FENCE_STATE_WAITING;
    }
    return fence->over && dmashare_timeline_held(tl) ?
           DMASHARE_FENCE_STATE_HELD : DMASHARE_FENCE_STATE_DONE;
}

static bool names(FenceFilter *filter, const DmashareOperand *op)
{
    const DmashareBuffer *buf =
        dmashare_operand_buffer(&filter->core->engines, op);

    return buf && buf->id == filter->buffer;
}

static bool fence_wanted(FenceFilter *filter, const DmashareFence *fence)
{
    const DmashareJob *job = fence->owner;

    /* One without an owner only keeps a place. */
    return job &&
           (!filter->has_state ||
            filter->state == fence_state(filter->core, fence)) &&
           (!filter->has_buffer ||
            names(filter, &job->src) || names(filter, &job->dst));
}

static DmashareFenceInfo *fence_info(DmashareCore *core,
                                     const DmashareFence *fence)
{
    const DmashareJob *job = fence->owner;
    const DmashareBuffer *src = dmashare_operand_buffer(&core->engines,
                                                        &job->src);
    const DmashareBuffer *dst = dmashare_operand_buffer(&core->engines,
                                                        &job->dst);
    DmashareFenceInfo *info = g_new0(DmashareFenceInfo, 1);

    info->timeline = fence->timeline;
    info->seqno = fence->seqno;
    info->state = fence_state(core, fence);
    info->queue = fence->lane;
    info->cookie = le64_to_cpu(job->desc.cookie);
    info->has_hold = fence->hold;
    info->hold = fence->hold ? fence->hold->id : 0;
    info->has_src = src;
    info->src = src ? src->id : 0;
    info->has_dst = dst;
    info->dst = dst ? dst->id : 0;
    return info;
}

DmashareFencePage *qmp_query_dmashare_fences(const char *path,
                                             bool has_timeline,
                                             uint32_t timeline, bool has_state,
                                             DmashareFenceState state,
                                             bool has_buffer, uint32_t buffer,
                                             bool has_after_timeline,
                                             uint32_t after_timeline,
                                             bool has_after_seqno,
                                             uint64_t after_seqno,
                                             bool has_limit, uint32_t limit,
                                             Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    FenceFilter filter = {
        .core = core,
        .has_state = has_state,
        .state = state,
        .has_buffer = has_buffer,
        .buffer = buffer,
    };
    const DmashareFence *last = NULL;
    DmashareFencePage *page;
    DmashareFenceInfoList **tail;
    uint32_t first, end, given = 0;

    if (!core ||
        !dmashare_page_limit(has_limit, &limit, FENCES_LIMIT_DEFAULT,
                             FENCES_LIMIT, errp) ||
        (has_timeline && !timeline_check(core, timeline, errp))) {
        return NULL;
    }
    if (has_after_timeline != has_after_seqno) {
        DMASHARE_EXPECTS(errp, "after-timeline", "'after-seqno' to go with "
                         "it, and the other way round");
        return NULL;
    }

    page = g_new0(DmashareFencePage, 1);
    tail = &page->fences;
    first = has_timeline ? timeline : 0;
    end = has_timeline ? timeline + 1 : core->fences.n_timelines;
    for (uint32_t t = first; t < end; t++) {
        const DmashareTimeline *tl = &core->fences.timelines[t];

        for (uint32_t i = 0; i < tl->count; i++) {
            const DmashareFence *fence = dmashare_timeline_at(tl, i);

            if (!fence_wanted(&filter, fence)) {
                continue;
            }
            page->total++;
            if (has_after_timeline &&
                (t < after_timeline ||
                 (t == after_timeline && fence->seqno <= after_seqno))) {
                continue;
            }
            if (given < limit) {
                QAPI_LIST_APPEND(tail, fence_info(core, fence));
                last = fence;
            } else if (given == limit) {
                page->has_next_timeline = page->has_next_seqno = true;
                page->next_timeline = last->timeline;
                page->next_seqno = last->seqno;
            }
            given++;
        }
    }
    return page;
}

DmashareHoldInfoList *qmp_query_dmashare_holds(const char *path, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareHoldInfoList *list = NULL, **tail = &list;
    const DmashareHold *hold;

    if (!core) {
        return NULL;
    }
    QTAILQ_FOREACH(hold, &core->holds.all, next) {
        DmashareHoldInfo *info = g_new0(DmashareHoldInfo, 1);

        info->hold = hold->id;
        info->has_timeline = !hold->any;
        info->timeline = hold->any ? 0 : hold->timeline;
        info->has_seqno = hold->seqno;
        info->seqno = hold->seqno;
        info->has_remaining = hold->remaining != DMASHARE_HOLD_ALL;
        info->remaining = info->has_remaining ? hold->remaining : 0;
        info->held = hold->n_caught + hold->n_held;
        info->watchdog = hold->watchdog;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

/* The device that @path names, if anything can still happen to its fences. */
static DmashareCore *find_alive(const char *path, Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);

    if (core && core->fatal) {
        DMASHARE_EXPECTS(errp, "path", "a device that works; this one has met "
                         "a fatal error, and only a reset helps");
        return NULL;
    }
    return core;
}

/*
 * Holding
 */

/* What 'seqno' may be, the timeline being right. */
static bool seqno_check(const DmashareCore *core, uint32_t timeline,
                        uint64_t seqno, Error **errp)
{
    const DmashareTimeline *tl = &core->fences.timelines[timeline];
    const DmashareHold *hold;

    if (seqno <= tl->value) {
        DMASHARE_EXPECTS(errp, "seqno", "a point that timeline %" PRIu32
                         " has not reached, more than %" PRIu64 ", not %"
                         PRIu64, timeline, tl->value, seqno);
        return false;
    }
    if (seqno <= tl->submitted &&
        !dmashare_fence_find(&core->fences, timeline, seqno)) {
        DMASHARE_EXPECTS(errp, "seqno", "that of a pending fence of timeline %"
                         PRIu32 ", or more than %" PRIu64 ", not %" PRIu64,
                         timeline, tl->submitted, seqno);
        return false;
    }
    hold = dmashare_hold_of(&core->holds, timeline, seqno);
    if (hold) {
        DMASHARE_EXPECTS(errp, "seqno", "that of a fence which no hold has "
                         "caught or names, not %" PRIu64 ", which is that of "
                         "hold %" PRIu32, seqno, hold->id);
        return false;
    }
    return true;
}

static bool hold_check(const DmashareCore *core, bool has_timeline,
                       uint32_t timeline, bool has_seqno, uint64_t seqno,
                       bool has_count, uint32_t count, bool has_watchdog,
                       uint64_t watchdog, bool never, Error **errp)
{
    if (has_seqno && has_count) {
        DMASHARE_EXPECTS(errp, "count", "'seqno' not to be given as well");
        return false;
    }
    if (has_seqno && !has_timeline) {
        DMASHARE_EXPECTS(errp, "seqno", "'timeline' to go with it");
        return false;
    }
    if (!has_timeline && !has_count) {
        DMASHARE_EXPECTS(errp, "timeline", "to be given, unless 'count' is");
        return false;
    }
    if (has_count && !count) {
        DMASHARE_EXPECTS(errp, "count", "1 to %" PRIu32 ", not 0", UINT32_MAX);
        return false;
    }
    if (has_watchdog && !watchdog) {
        DMASHARE_EXPECTS(errp, "watchdog", "1 to %" PRIu64 " ns, not 0; see "
                         "'never'", UINT64_MAX);
        return false;
    }
    if (has_watchdog && never) {
        DMASHARE_EXPECTS(errp, "never", "'watchdog' not to be given as well");
        return false;
    }
    if (has_timeline && !timeline_check(core, timeline, errp)) {
        return false;
    }
    if (has_seqno && !seqno_check(core, timeline, seqno, errp)) {
        return false;
    }
    if (!dmashare_hold_room(&core->holds)) {
        DMASHARE_EXPECTS(errp, "path", "a device with fewer than %d live "
                         "holds; this one has %u", DMASHARE_MAX_HOLDS,
                         core->holds.n);
        return false;
    }
    return true;
}

DmashareHoldId *qmp_dmashare_fence_hold(const char *path, bool has_timeline,
                                        uint32_t timeline, bool has_seqno,
                                        uint64_t seqno, bool has_count,
                                        uint32_t count, bool has_watchdog,
                                        uint64_t watchdog, bool has_never,
                                        bool never, Error **errp)
{
    DmashareCore *core = find_alive(path, errp);
    DmashareHoldRequest req = {
        .any = !has_timeline,
        .timeline = timeline,
        .seqno = has_seqno ? seqno : 0,
        .count = has_count ? count : 0,
    };
    g_autoptr(DmashareHarness) harness = NULL;
    DmashareHoldId *id;

    never = has_never && never;
    if (!core || !hold_check(core, has_timeline, timeline, has_seqno, seqno,
                             has_count, count, has_watchdog, watchdog, never,
                             errp)) {
        return NULL;
    }
    if (!never) {
        req.watchdog = has_watchdog ? watchdog : core->cfg.watchdog;
    }
    harness = DMASHARE_HARNESS(core, fence_hold, .has_timeline = has_timeline,
                               .timeline = timeline, .has_seqno = has_seqno,
                               .seqno = seqno, .has_count = has_count,
                               .count = count, .has_watchdog = has_watchdog,
                               .watchdog = watchdog, .has_never = has_never,
                               .never = never);
    id = g_new0(DmashareHoldId, 1);
    dmashare_core_enter(core);
    id->hold = dmashare_hold_add(&core->holds, &req)->id;
    dmashare_core_leave(core, true);
    return id;
}

/*
 * Acting
 */

/* Only the fences that follow each other from the first one on. */
static bool acts_find(const DmashareCore *core, size_t i,
                      const DmashareFenceCommand *cmd, uint32_t count,
                      DmashareFenceAct *act, Error **errp)
{
    const DmashareTimeline *tl = &core->fences.timelines[cmd->timeline];
    uint32_t at = dmashare_timeline_before(tl, cmd->seqno);

    if (!dmashare_fence_find(&core->fences, cmd->timeline, cmd->seqno)) {
        DMASHARE_EXPECTS(errp, "fences", "pending fences, not 'seqno' %" PRIu64
                         " of timeline %" PRIu32 " as in [%zu]; there are %"
                         PRIu64 " after %" PRIu64 " and up to %" PRIu64,
                         cmd->seqno, cmd->timeline, i,
                         dmashare_timeline_pending(tl), tl->value,
                         tl->submitted);
        return false;
    }
    for (uint32_t n = 0; n < count; n++, at++) {
        /* Those of a queue that was given up are nobody's. */
        while (at < tl->count && !dmashare_timeline_at(tl, at)->owner) {
            at++;
        }
        if (at == tl->count) {
            DMASHARE_EXPECTS(errp, "fences", "1 to %" PRIu32 " as 'count', "
                             "not %" PRIu32 " as in [%zu]; there are no more "
                             "on timeline %" PRIu32, n, count, i,
                             cmd->timeline);
            return false;
        }
        act[n].fence = dmashare_timeline_at(tl, at);
    }
    return true;
}

static bool acts_check(const DmashareCore *core, size_t i,
                       const DmashareFenceCommand *cmd, uint64_t *before,
                       uint32_t count, DmashareFenceAct *act, Error **errp)
{
    if (cmd->timeline >= core->fences.n_timelines) {
        DMASHARE_EXPECTS(errp, "fences", "0 to %" PRIu32 " as 'timeline', not "
                         "%" PRIu32 " as in [%zu]",
                         core->fences.n_timelines - 1, cmd->timeline, i);
        return false;
    }
    if (!acts_find(core, i, cmd, count, act, errp)) {
        return false;
    }
    if (cmd->seqno <= before[cmd->timeline]) {
        DMASHARE_EXPECTS(errp, "fences", "'seqno' to rise on each timeline; "
                         "[%zu] has %" PRIu64 " after %" PRIu64 " on timeline %"
                         PRIu32, i, cmd->seqno, before[cmd->timeline],
                         cmd->timeline);
        return false;
    }
    before[cmd->timeline] = act[count - 1].fence->seqno;
    if (cmd->has_error && cmd->action != DMASHARE_FENCE_ACTION_FAIL) {
        DMASHARE_EXPECTS(errp, "fences", "'error' only where 'action' is "
                         "'fail'; in [%zu] it is '%s'", i,
                         DmashareFenceAction_str(cmd->action));
        return false;
    }
    if (cmd->has_error && cmd->error == DMASHARE_ERRNO_NONE) {
        DMASHARE_EXPECTS(errp, "fences", "'error' to be any but 'none'; see "
                         "[%zu]", i);
        return false;
    }
    for (uint32_t n = 0; n < count; n++) {
        act[n].action = cmd->action;
        if (cmd->action == DMASHARE_FENCE_ACTION_FAIL) {
            act[n].error = dmashare_errno(cmd->has_error ? cmd->error :
                                          DMASHARE_ERRNO_EIO);
        }
    }
    return true;
}

static uint32_t command_count(const DmashareFenceCommand *cmd)
{
    return cmd->has_count ? cmd->count : 1;
}

void qmp_dmashare_fence_batch(const char *path,
                              DmashareFenceCommandList *fences, Error **errp)
{
    DmashareCore *core = find_alive(path, errp);
    g_autoptr(DmashareHarness) harness = NULL;
    g_autofree DmashareFenceAct *acts = NULL;
    g_autofree uint64_t *before = NULL;
    size_t n = 0, i = 0, at = 0;

    if (!core) {
        return;
    }
    for (DmashareFenceCommandList *l = fences; l; l = l->next, i++) {
        if (!command_count(l->value)) {
            DMASHARE_EXPECTS(errp, "fences", "1 to %d as 'count', not 0 as in "
                             "[%zu]", DMASHARE_BATCH_MAX, i);
            return;
        }
        n += command_count(l->value);
    }
    if (!n || n > DMASHARE_BATCH_MAX) {
        DMASHARE_EXPECTS(errp, "fences", "1 to %d fences altogether, not %zu",
                         DMASHARE_BATCH_MAX, n);
        return;
    }

    acts = g_new0(DmashareFenceAct, n);
    /* The largest seqno so far, by timeline. */
    before = g_new0(uint64_t, core->fences.n_timelines);
    i = 0;
    for (DmashareFenceCommandList *l = fences; l; l = l->next, i++) {
        uint32_t count = command_count(l->value);

        if (!acts_check(core, i, l->value, before, count, &acts[at], errp)) {
            return;
        }
        at += count;
    }
    harness = DMASHARE_HARNESS(core, fence_batch, .fences = fences);
    dmashare_core_enter(core);
    dmashare_holds_batch(&core->holds, acts, n);
    dmashare_core_leave(core, true);
}

DmashareCount *qmp_dmashare_fence_release(const char *path, bool has_hold,
                                          uint32_t hold, bool has_order,
                                          DmashareFenceOrder order,
                                          bool has_seed, uint64_t seed,
                                          Error **errp)
{
    DmashareCore *core = find_alive(path, errp);
    g_autoptr(DmashareHarness) harness = NULL;
    DmashareHold *found = NULL;
    DmashareCount *count;

    if (!core) {
        return NULL;
    }
    if (!has_order) {
        order = DMASHARE_FENCE_ORDER_HELD;
    }
    if (has_hold) {
        found = dmashare_hold_find(&core->holds, hold);
        if (!found) {
            DMASHARE_EXPECTS(errp, "hold", "the id of a live hold, not %"
                             PRIu32 "; there are %u", hold, core->holds.n);
            return NULL;
        }
    }
    if (has_seed && order != DMASHARE_FENCE_ORDER_RANDOM) {
        DMASHARE_EXPECTS(errp, "seed", "'order' to be 'random', not '%s'",
                         DmashareFenceOrder_str(order));
        return NULL;
    }
    harness = DMASHARE_HARNESS(core, fence_release, .has_hold = has_hold,
                               .hold = hold, .has_order = has_order,
                               .order = order, .has_seed = has_seed,
                               .seed = seed);
    count = g_new0(DmashareCount, 1);
    dmashare_core_enter(core);
    count->count = dmashare_hold_release(&core->holds, found, order,
                                         has_seed ? seed : 0);
    dmashare_core_leave(core, true);
    return count;
}
