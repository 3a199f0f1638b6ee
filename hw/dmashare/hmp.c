// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what a person types in the monitor
 *
 * Each of these is a QMP command, with less to type and less to say. Their
 * entries in QEMU's tables are in patches/; without this file they are "not
 * available".
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-dmashare.h"
#include "qobject/qdict.h"
#include "hw/dmashare/control.h"

/* What `info` shows of a list that can be long. */
#define INFO_LIMIT      100
#define JOURNAL_DEFAULT 20

/* A number that a person may leave out. False if it is none of 32 bits. */
static bool get_u32(Monitor *mon, const QDict *qdict, const char *name,
                    bool *has, uint32_t *value)
{
    int64_t n = qdict_get_try_int(qdict, name, 0);

    *has = qdict_haskey(qdict, name);
    if (n < 0 || n > UINT32_MAX) {
        monitor_printf(mon, "%s expects a number from 0 to %" PRIu32 "\n",
                       name, UINT32_MAX);
        return false;
    }
    *value = n;
    return true;
}

/* An enum by its name. False, and the permitted ones are told, if it is none */
static bool get_enum(Monitor *mon, const QDict *qdict, const char *name,
                     const QEnumLookup *lookup, int none, int *value)
{
    const char *text = qdict_get_try_str(qdict, name);

    *value = text ? qapi_enum_parse(lookup, text, -1, NULL) : none;
    if (*value >= 0) {
        return true;
    }
    monitor_printf(mon, "%s expects one of:", name);
    for (int i = 0; i < lookup->size; i++) {
        monitor_printf(mon, " %s", lookup->array[i]);
    }
    monitor_printf(mon, "\n");
    return false;
}

/*
 * info
 */

static void print_device(Monitor *mon, const DmashareDeviceInfo *d)
{
    const DmashareCounters *c = d->counters;

    monitor_printf(mon, "%s: interface %s%s%s%s%s%s\n", d->path, d->version,
                   d->enabled ? ", enabled" : ", not enabled",
                   d->coherent ? "" : ", not coherent",
                   d->fatal ? ", fatal" : "", d->linked ? "" : ", link down",
                   d->recording ? ", recording" : "");
    monitor_printf(mon, "    buffers %" PRIu64 " attachments %" PRIu64
                   " mappings %" PRIu64 " faults %" PRIu64 "\n",
                   c->live_buffers, c->live_attachments, c->live_mappings,
                   c->faults);
    monitor_printf(mon, "    jobs %" PRIu64 " failed %" PRIu64
                   " fences pending %" PRIu64 " held %" PRIu64
                   " holds %" PRIu32 " fault rules %" PRIu32 "\n",
                   c->jobs, c->jobs_failed, d->fences_pending, d->fences_held,
                   d->holds, d->fault_rules);
}

static void print_queues(Monitor *mon, const char *path)
{
    g_autoptr(DmashareQueueInfoList) list = qmp_query_dmashare_queues(path,
                                                                      NULL);

    for (DmashareQueueInfoList *l = list; l; l = l->next) {
        const DmashareQueueInfo *q = l->value;

        monitor_printf(mon, "    queue %" PRIu32 ": %s error %u fetched %"
                       PRIu32 " of %" PRIu32 " completed %" PRIu32
                       " jobs %" PRIu32 "%s%s\n", q->queue,
                       q->enabled ? "enabled" : "disabled", q->error,
                       q->fetched, q->submitted, q->completed, q->jobs,
                       q->stalled ? " stalled" : "", q->hung ? " hung" : "");
    }
}

static void print_holds(Monitor *mon, const char *path)
{
    g_autoptr(DmashareHoldInfoList) list = qmp_query_dmashare_holds(path,
                                                                    NULL);

    for (DmashareHoldInfoList *l = list; l; l = l->next) {
        const DmashareHoldInfo *h = l->value;

        monitor_printf(mon, "    hold %" PRIu32 ": held %" PRIu64, h->hold,
                       h->held);
        if (h->has_timeline) {
            monitor_printf(mon, " timeline %" PRIu32, h->timeline);
        }
        if (h->has_seqno) {
            monitor_printf(mon, " seqno %" PRIu64, h->seqno);
        }
        if (h->has_remaining) {
            monitor_printf(mon, " remaining %" PRIu64, h->remaining);
        }
        monitor_printf(mon, "%s\n", h->watchdog ? "" : " for ever");
    }
}

static void print_faults(Monitor *mon, const char *path)
{
    g_autoptr(DmashareFaultInfoList) list = qmp_query_dmashare_faults(path,
                                                                      NULL);

    for (DmashareFaultInfoList *l = list; l; l = l->next) {
        const DmashareFaultInfo *f = l->value;

        monitor_printf(mon, "    fault rule %" PRIu32 ": %s %s matched %"
                       PRIu64 " fired %" PRIu64 "%s\n", f->id,
                       DmashareFaultWhere_str(f->rule->where),
                       DmashareFaultAction_str(f->rule->action), f->matched,
                       f->fired, f->active ? "" : " (over)");
    }
}

/* Nothing if the device has nothing to do with another VM. */
static void print_peers(Monitor *mon, const char *path)
{
    g_autoptr(DmasharePeersInfo) peers = qmp_query_dmashare_peers(path, NULL);

    if (!peers) {
        return;
    }
    monitor_printf(mon, "    peer %s: %s%s%s%s%s shares %" PRIu32 "\n",
                   peers->address, DmasharePeerState_str(peers->state),
                   peers->device ? " device " : "", peers->device ?: "",
                   peers->why ? ": " : "", peers->why ?: "", peers->shares);
    for (DmashareForeignInfoList *l = peers->buffers; l; l = l->next) {
        const DmashareForeignInfo *f = l->value;

        monitor_printf(mon, "    foreign buffer %" PRIu32 ": share %" PRIu32
                       " size %" PRIu64 " holds %" PRIu32 "%s%s%s", f->id,
                       f->share, f->size, f->holds,
                       f->writable ? " writable" : "",
                       f->withdrawn ? " withdrawn" : "",
                       f->subscribed ? " subscribed" : "");
        if (f->has_offset) {
            monitor_printf(mon, " at 0x%" PRIx64, f->offset);
        }
        monitor_printf(mon, "%s%s\n", f->refused ? ": " : "",
                       f->refused ?: "");
    }
}

/* Nothing if the device shares nothing. */
static void print_shares(Monitor *mon, const char *path)
{
    g_autoptr(DmashareShareInfoList) shares = qmp_query_dmashare_shares(path,
                                                                        NULL);
    g_autoptr(DmashareClientInfoList) clients =
        qmp_query_dmashare_clients(path, NULL);

    for (DmashareShareInfoList *l = shares; l; l = l->next) {
        const DmashareShareInfo *s = l->value;

        monitor_printf(mon, "    share %" PRIu32 ": '%s' buffer %" PRIu32
                       " generation %" PRIu32 " via %s%s, %" PRIu64
                       " bytes, sequence %" PRIu64 ", opens %" PRIu32
                       " holds %" PRIu32 "\n", s->share, s->name, s->buffer,
                       s->generation, DmashareSharePath_str(s->via),
                       s->writable ? ", writable" : "", s->size, s->sequence,
                       s->opens, s->holds);
    }
    for (DmashareClientInfoList *l = clients; l; l = l->next) {
        const DmashareClientInfo *c = l->value;

        monitor_printf(mon, "    client %" PRIu32 ": '%s' process %" PRIu32
                       " user %" PRIu32 ", opens %" PRIu32 " holds %" PRIu32
                       " unread %" PRIu32 "\n", c->client, c->name, c->pid,
                       c->uid, c->opens, c->holds, c->unread);
    }
}

/* Nothing if the device does not render. */
static void print_renderer(Monitor *mon, const DmashareRendererInfo *r)
{
    if (!r) {
        return;
    }
    monitor_printf(mon, "    renderer: %s",
                   DmashareRendererState_str(r->state));
    if (r->has_pid) {
        monitor_printf(mon, " process %" PRId64, r->pid);
    }
    monitor_printf(mon, " starts %" PRIu64 " unanswered %" PRIu32
                   " contexts %" PRIu32 " lost %" PRIu32 " resources %" PRIu32
                   " lost %" PRIu32 " bytes %" PRIu64 " of %" PRIu64 "\n",
                   r->starts, r->unanswered, r->contexts, r->contexts_lost,
                   r->resources, r->resources_lost, r->bytes, r->max_bytes);
}

static void hmp_info_dmashare(Monitor *mon, const QDict *qdict)
{
    const char *path = qdict_get_try_str(qdict, "path");
    g_autoptr(DmashareDeviceInfoList) list = NULL;
    Error *err = NULL;

    list = qmp_query_dmashare(path, &err);
    for (DmashareDeviceInfoList *l = list; l; l = l->next) {
        print_device(mon, l->value);
        if (path) {
            print_queues(mon, path);
            print_holds(mon, path);
            print_faults(mon, path);
            print_shares(mon, path);
            print_peers(mon, path);
            print_renderer(mon, l->value->renderer);
        }
    }
    hmp_handle_error(mon, err);
}

static void print_buffer(Monitor *mon, const DmashareBufferInfo *b)
{
    monitor_printf(mon, "%" PRIu32 ": '%s' %" PRIu64 " bytes, %s%s, pinned %"
                   PRId64 ", pending fences %" PRIu64 "\n", b->id, b->name,
                   b->size, DmasharePlacement_str(b->placement),
                   b->imported ? ", imported" : "", b->pinned, b->fences);
    for (DmashareAttachmentInfoList *l = b->attachments; l; l = l->next) {
        const DmashareAttachmentInfo *a = l->value;

        monitor_printf(mon, "    attachment %" PRIu32 ": '%s'%s%s%s, mappings "
                       "%" PRIu32 "\n", a->id, a->importer,
                       a->dynamic ? ", dynamic" : "",
                       a->peer_to_peer ? ", peer-to-peer" : "",
                       a->self ? ", self" : "", a->mappings);
    }
    for (DmashareMappingInfoList *l = b->mappings; l; l = l->next) {
        const DmashareMappingInfo *m = l->value;

        monitor_printf(mon, "    mapping %" PRIu32 ": %s, %s, %" PRIu64
                       " bytes in %" PRIu32 " segments\n", m->id,
                       DmashareDirection_str(m->direction),
                       DmasharePlacement_str(m->placement), m->length,
                       m->segments);
    }
}

static void hmp_info_dmashare_buffers(Monitor *mon, const QDict *qdict)
{
    g_autoptr(DmashareBufferPage) page = NULL;
    Error *err = NULL;
    uint32_t after;
    bool has_after;

    if (!get_u32(mon, qdict, "after", &has_after, &after)) {
        return;
    }
    page = qmp_query_dmashare_buffers(qdict_get_str(qdict, "path"), false, 0,
                                      false, 0, NULL, NULL, has_after, after,
                                      true, INFO_LIMIT, &err);
    for (DmashareBufferInfoList *l = page ? page->buffers : NULL; l;
         l = l->next) {
        print_buffer(mon, l->value);
    }
    if (page && page->has_next) {
        monitor_printf(mon, "(of %" PRIu64 "; the next are those after %"
                       PRIu32 ")\n", page->total, page->next);
    }
    hmp_handle_error(mon, err);
}

static void hmp_info_dmashare_fences(Monitor *mon, const QDict *qdict)
{
    g_autoptr(DmashareFencePage) page = NULL;
    Error *err = NULL;

    page = qmp_query_dmashare_fences(qdict_get_str(qdict, "path"), false, 0,
                                     false, 0, false, 0, false, 0, false, 0,
                                     true, INFO_LIMIT, &err);
    for (DmashareFenceInfoList *l = page ? page->fences : NULL; l;
         l = l->next) {
        const DmashareFenceInfo *f = l->value;

        monitor_printf(mon, "timeline %" PRIu32 " seqno %" PRIu64 ": %s, queue "
                       "%" PRIu32, f->timeline, f->seqno,
                       DmashareFenceState_str(f->state), f->queue);
        if (f->has_hold) {
            monitor_printf(mon, ", hold %" PRIu32, f->hold);
        }
        if (f->has_src) {
            monitor_printf(mon, ", reads buffer %" PRIu32, f->src);
        }
        if (f->has_dst) {
            monitor_printf(mon, ", writes buffer %" PRIu32, f->dst);
        }
        monitor_printf(mon, "\n");
    }
    if (page && page->has_next_seqno) {
        monitor_printf(mon, "(%" PRIu64 " in all)\n", page->total);
    }
    hmp_handle_error(mon, err);
}

static void print_entry(Monitor *mon, const DmashareJournalEntry *e)
{
    monitor_printf(mon, "%" PRIu64 " at %" PRIu64 " ns: %s %s 0x%" PRIx64,
                   e->sequence, e->time, DmashareActor_str(e->actor),
                   DmashareOperation_str(e->operation), e->arg);
    if (e->status) {
        monitor_printf(mon, " status 0x%x", e->status);
    }
    if (e->has_queue) {
        monitor_printf(mon, " queue %" PRIu32, e->queue);
    }
    if (e->has_buffer) {
        monitor_printf(mon, " buffer %" PRIu32, e->buffer);
    }
    if (e->has_object) {
        monitor_printf(mon, " object %" PRIu32, e->object);
    }
    if (e->has_timeline) {
        monitor_printf(mon, " timeline %" PRIu32, e->timeline);
    }
    if (e->has_seqno) {
        monitor_printf(mon, " seqno %" PRIu64, e->seqno);
    }
    if (e->has_bytes) {
        monitor_printf(mon, " bytes %" PRIu64, e->bytes);
    }
    monitor_printf(mon, "\n");
}

static void hmp_info_dmashare_journal(Monitor *mon, const QDict *qdict)
{
    const char *path = qdict_get_str(qdict, "path");
    uint32_t count = JOURNAL_DEFAULT;
    g_autoptr(DmashareJournalPage) page = NULL;
    DmashareCore *core;
    Error *err = NULL;
    uint64_t from = 0;
    bool has_count;

    if (qdict_haskey(qdict, "count") &&
        !get_u32(mon, qdict, "count", &has_count, &count)) {
        return;
    }
    core = dmashare_core_find(path, &err);
    if (core) {
        from = core->journal.end - MIN(core->journal.end, count);
        from = MAX(from, dmashare_journal_oldest(&core->journal));
        page = qmp_query_dmashare_journal(path, true, from, true, count, false,
                                          0, false, 0, &err);
    }
    for (DmashareJournalEntryList *l = page ? page->entries : NULL; l;
         l = l->next) {
        print_entry(mon, l->value);
    }
    hmp_handle_error(mon, err);
}

/*
 * Commands
 */

static void hmp_dmashare_hold(Monitor *mon, const QDict *qdict)
{
    bool never = qdict_get_try_bool(qdict, "never", false);
    bool has_seqno = qdict_haskey(qdict, "seqno");
    uint64_t seqno = qdict_get_try_int(qdict, "seqno", 0);
    g_autoptr(DmashareHoldId) id = NULL;
    Error *err = NULL;
    uint32_t timeline;
    bool has_timeline;

    if (!get_u32(mon, qdict, "timeline", &has_timeline, &timeline)) {
        return;
    }
    id = qmp_dmashare_fence_hold(qdict_get_str(qdict, "path"), has_timeline,
                                 timeline, has_seqno, seqno, !has_timeline,
                                 UINT32_MAX, false, 0, never, never, &err);
    if (id) {
        monitor_printf(mon, "hold %" PRIu32 "\n", id->hold);
    }
    hmp_handle_error(mon, err);
}

static void hmp_dmashare_release(Monitor *mon, const QDict *qdict)
{
    g_autoptr(DmashareCount) count = NULL;
    Error *err = NULL;
    uint32_t hold;
    bool has_hold;

    if (!get_u32(mon, qdict, "hold", &has_hold, &hold)) {
        return;
    }
    count = qmp_dmashare_fence_release(qdict_get_str(qdict, "path"), has_hold,
                                       hold, false, 0, false, 0, &err);
    if (count) {
        monitor_printf(mon, "%" PRIu64 " fences were held\n", count->count);
    }
    hmp_handle_error(mon, err);
}

static void hmp_dmashare_fence(Monitor *mon, const QDict *qdict)
{
    DmashareFenceCommand command = { };
    DmashareFenceCommandList list = { .value = &command };
    Error *err = NULL;
    int action, error;
    bool has_timeline;

    if (!get_u32(mon, qdict, "timeline", &has_timeline, &command.timeline) ||
        !get_enum(mon, qdict, "action", &DmashareFenceAction_lookup, 0,
                  &action) ||
        !get_enum(mon, qdict, "error", &DmashareErrno_lookup,
                  DMASHARE_ERRNO_EIO, &error)) {
        return;
    }
    command.seqno = qdict_get_int(qdict, "seqno");
    command.action = action;
    command.has_error = qdict_haskey(qdict, "error");
    command.error = error;
    qmp_dmashare_fence_batch(qdict_get_str(qdict, "path"), &list, &err);
    hmp_handle_error(mon, err);
}

static void hmp_dmashare_evict(Monitor *mon, const QDict *qdict)
{
    const char *what = qdict_get_str(qdict, "what");
    g_autoptr(DmashareCount) count = NULL;
    Error *err = NULL;
    const char *end;
    unsigned int n;

    if (qemu_strtoui(what, &end, 10, &n) || (*end && strcmp(end, "%")) ||
        (*end && n > UINT8_MAX)) {
        monitor_printf(mon, "what expects the id of a buffer, or a percentage "
                       "from 1%% to 100%%\n");
        return;
    }
    count = qmp_dmashare_evict(qdict_get_str(qdict, "path"), !*end, n, *end, n,
                               &err);
    if (count) {
        monitor_printf(mon, "asked for %" PRIu64 " buffers\n", count->count);
    }
    hmp_handle_error(mon, err);
}

static void hmp_dmashare_fault(Monitor *mon, const QDict *qdict)
{
    DmashareFaultRule rule = { };
    g_autoptr(DmashareFaultId) id = NULL;
    int where, action, error;
    Error *err = NULL;

    if (!get_enum(mon, qdict, "where", &DmashareFaultWhere_lookup, 0,
                  &where) ||
        !get_enum(mon, qdict, "action", &DmashareFaultAction_lookup, 0,
                  &action) ||
        !get_enum(mon, qdict, "error", &DmashareErrno_lookup,
                  DMASHARE_ERRNO_EIO, &error)) {
        return;
    }
    rule.where = where;
    rule.action = action;
    rule.has_times = qdict_haskey(qdict, "times");
    rule.times = qdict_get_try_int(qdict, "times", 0);
    rule.has_error = qdict_haskey(qdict, "error");
    rule.error = error;
    id = qmp_dmashare_fault_add(qdict_get_str(qdict, "path"), &rule, &err);
    if (id) {
        monitor_printf(mon, "fault rule %" PRIu32 "\n", id->id);
    }
    hmp_handle_error(mon, err);
}

static void hmp_dmashare_fault_remove(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;
    uint32_t id;
    bool has_id;

    if (get_u32(mon, qdict, "id", &has_id, &id)) {
        qmp_dmashare_fault_remove(qdict_get_str(qdict, "path"), has_id, id,
                                  &err);
        hmp_handle_error(mon, err);
    }
}

static void dmashare_register_hmp(void)
{
    monitor_register_hmp("dmashare", true, hmp_info_dmashare);
    monitor_register_hmp("dmashare-buffers", true, hmp_info_dmashare_buffers);
    monitor_register_hmp("dmashare-fences", true, hmp_info_dmashare_fences);
    monitor_register_hmp("dmashare-journal", true, hmp_info_dmashare_journal);
    monitor_register_hmp("dmashare_hold", false, hmp_dmashare_hold);
    monitor_register_hmp("dmashare_release", false, hmp_dmashare_release);
    monitor_register_hmp("dmashare_fence", false, hmp_dmashare_fence);
    monitor_register_hmp("dmashare_evict", false, hmp_dmashare_evict);
    monitor_register_hmp("dmashare_fault", false, hmp_dmashare_fault);
    monitor_register_hmp("dmashare_fault_remove", false,
                         hmp_dmashare_fault_remove);
}

type_init(dmashare_register_hmp)
