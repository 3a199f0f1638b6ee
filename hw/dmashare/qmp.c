// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about the device, its buffers and its queues
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

/* The numbers of the interface are those of QMP's enums. */
QEMU_BUILD_BUG_ON((int)DMASHARE_DIRECTION_BIDIRECTIONAL !=
                  DMASHARE_DIR_BIDIRECTIONAL);
QEMU_BUILD_BUG_ON((int)DMASHARE_DIRECTION_TO_DEVICE !=
                  DMASHARE_DIR_TO_DEVICE);
QEMU_BUILD_BUG_ON((int)DMASHARE_DIRECTION_FROM_DEVICE !=
                  DMASHARE_DIR_FROM_DEVICE);
QEMU_BUILD_BUG_ON((int)DMASHARE_PLACED_SYSTEM != DMASHARE_PLACEMENT_SYSTEM);
QEMU_BUILD_BUG_ON((int)DMASHARE_PLACED_LOCAL != DMASHARE_PLACEMENT_LOCAL);
QEMU_BUILD_BUG_ON((int)DMASHARE_PLACED_PEER != DMASHARE_PLACEMENT_PEER);

/* What a page of buffers has if nobody says, and at most. */
#define BUFFERS_DEFAULT 100
#define BUFFERS_MAX     1000

static DmashareCounters *counters_info(const DmashareLedger *l)
{
    DmashareCounters *c = g_new(DmashareCounters, 1);

    *c = (DmashareCounters) {
        .buffers = l->buffers,
        .live_buffers = l->live_buffers,
        .attaches = l->attaches,
        .live_attachments = l->live_attachments,
        .maps = l->maps,
        .live_mappings = l->live_mappings,
        .live_segments = l->live_segments,
        .exports = l->notes[DMASHARE_NOTE_EXPORT],
        .releases = l->notes[DMASHARE_NOTE_RELEASE],
        .foreign_maps = l->notes[DMASHARE_NOTE_MAP],
        .foreign_unmaps = l->notes[DMASHARE_NOTE_UNMAP],
        .begin_cpu = l->notes[DMASHARE_NOTE_BEGIN_CPU],
        .end_cpu = l->notes[DMASHARE_NOTE_END_CPU],
        .mmaps = l->notes[DMASHARE_NOTE_MMAP],
        .vmaps = l->notes[DMASHARE_NOTE_VMAP],
        .vunmaps = l->notes[DMASHARE_NOTE_VUNMAP],
        .pins = l->notes[DMASHARE_NOTE_PIN],
        .unpins = l->notes[DMASHARE_NOTE_UNPIN],
        .moves = l->notes[DMASHARE_NOTE_MOVE],
        .notes_failed = l->notes_failed,
        .jobs = l->jobs,
        .jobs_failed = l->jobs_failed,
        .bytes_read = l->bytes_read,
        .bytes_written = l->bytes_written,
        .faults = l->faults,
        .fences_signalled = l->fences_signalled,
        .fences_failed = l->fences_failed,
        .places = l->places,
        .local_bytes_read = l->local_bytes_read,
        .local_bytes_written = l->local_bytes_written,
        .syncs_for_cpu = l->syncs_for_cpu,
        .syncs_for_device = l->syncs_for_device,
        .cache_bytes = l->cache_bytes,
        .cache_dirty = l->cache_dirty,
        .cache_written_back = l->cache_written_back,
        .cache_discarded = l->cache_discarded,
        .stale_bytes = l->stale_bytes,
        .move_requests = l->move_requests,
    };
    return c;
}

/*
 * Devices
 */

static DmashareLimits *limits_info(const DmashareCore *core)
{
    const DmashareConfig *cfg = &core->cfg;
    DmashareLimits *limits = g_new(DmashareLimits, 1);

    *limits = (DmashareLimits) {
        .job_queues = cfg->job_queues,
        .timelines = cfg->timelines,
        .max_entries = cfg->max_entries,
        .max_buffers = cfg->max_buffers,
        .max_attachments = cfg->max_attachments,
        .max_mappings = cfg->max_mappings,
        .max_segments = cfg->max_segments,
        .max_total_segments = cfg->max_total_segments,
        .max_job_bytes = cfg->max_job_bytes,
        .dma_bits = cfg->dma_bits,
        .max_segment_size = cfg->max_segment_size,
        .boundary = cfg->boundary,
        .local_size = core->local.size,
        .watchdog = cfg->watchdog,
        .journal_size = cfg->journal_size,
    };
    return limits;
}

static void count_objects(DmashareRenderObject *const *table, uint32_t max,
                          uint32_t *all, uint32_t *lost)
{
    for (uint32_t i = 1; i <= max; i++) {
        *all += table[i] != NULL;
        *lost += table[i] && table[i]->lost;
    }
}

static DmashareRendererInfo *renderer_info(DmashareCore *core)
{
    DmashareRenderProcess *process = dmashare_core_renderer(core);
    const DmashareRender *render = &core->render;
    DmashareRendererInfo *info;

    if (!process) {
        return NULL;
    }
    info = g_new0(DmashareRendererInfo, 1);
    info->state = dmashare_render_process_state(process, &info->pid);
    info->has_pid = info->pid;
    info->starts = render->starts;
    info->unanswered = render->unanswered;
    count_objects(render->context, render->max_contexts, &info->contexts,
                  &info->contexts_lost);
    count_objects(render->resource, render->max_resources, &info->resources,
                  &info->resources_lost);
    info->bytes = render->bytes;
    info->max_bytes = render->max_bytes;
    return info;
}

static DmashareDeviceInfo *device_info(DmashareCore *core)
{
    DmashareDeviceInfo *info = g_new0(DmashareDeviceInfo, 1);
    DmashareLedger ledger;

    core->buffers.ledger.fences_signalled = core->fences.signalled;
    core->buffers.ledger.fences_failed = core->fences.failed;
    ledger = dmashare_ledger_get(&core->buffers, NULL);

    info->path = dmashare_core_path(core);
    info->id = g_strdup(dmashare_core_id(core));
    info->version = g_strdup_printf("%d.%d", DMASHARE_VERSION_MAJOR,
                                    DMASHARE_VERSION_MINOR);
    info->coherent = core->cfg.coherent;
    info->enabled = core->ctrl & DMASHARE_CTRL_ENABLE;
    info->fatal = core->fatal;
    info->linked = !core->gone;
    info->fault_rules = core->faults.rules->len;
    for (uint32_t i = 0; i < core->fences.n_timelines; i++) {
        const DmashareTimeline *tl = &core->fences.timelines[i];

        info->fences_pending += dmashare_timeline_pending(tl);
        info->fences_held += dmashare_timeline_held(tl);
    }
    info->recording = core->recorder;
    info->renderer = renderer_info(core);
    info->holds = core->holds.n;
    info->limits = limits_info(core);
    info->counters = counters_info(&ledger);
    return info;
}

DmashareDeviceInfoList *qmp_query_dmashare(const char *path, Error **errp)
{
    g_autoptr(GPtrArray) paths = NULL;
    DmashareDeviceInfoList *list = NULL, **tail = &list;
    DmashareCore *core;

    if (path) {
        core = dmashare_core_find(path, errp);
        if (core) {
            QAPI_LIST_APPEND(tail, device_info(core));
        }
        return list;
    }

    paths = dmashare_core_paths();
    for (guint i = 0; i < paths->len; i++) {
        core = dmashare_core_find(g_ptr_array_index(paths, i), &error_abort);
        QAPI_LIST_APPEND(tail, device_info(core));
    }
    return list;
}

/*
 * Buffers
 */

/**
 * BufferFilter: which buffers are wanted
 * @placement: in this one, or DMASHARE_PLACED__MAX for any
 * @importer: with an importer of this name, or NULL
 * @name: of this name, or NULL
 */
typedef struct BufferFilter {
    DmasharePlacement placement;
    const char *importer;
    const char *name;
} BufferFilter;

/* @name as the guest gave it, which need not end. */
static bool name_is(const char *name, const char *wanted)
{
    size_t len = strnlen(name, DMASHARE_NAME_LEN);

    return strlen(wanted) == len && !memcmp(name, wanted, len);
}

static bool has_importer(const DmashareBuffer *buf, const char *wanted)
{
    const DmashareAttachment *att;

    QTAILQ_FOREACH(att, &buf->attachments, next) {
        if (name_is(att->name, wanted)) {
            return true;
        }
    }
    return false;
}

static bool filter_empty(const BufferFilter *filter)
{
    return filter->placement == DMASHARE_PLACED__MAX && !filter->importer &&
           !filter->name;
}

static bool filter_match(const BufferFilter *filter, const DmashareBuffer *buf)
{
    return (filter->placement == DMASHARE_PLACED__MAX ||
            filter->placement == buf->placement) &&
           (!filter->name || name_is(buf->name, filter->name)) &&
           (!filter->importer || has_importer(buf, filter->importer));
}

static uint64_t filter_total(const DmashareBuffers *bufs,
                             const BufferFilter *filter)
{
    GHashTableIter iter;
    uint64_t total = 0;
    gpointer buf;

    if (filter_empty(filter)) {
        return g_hash_table_size(bufs->buffers);
    }
    g_hash_table_iter_init(&iter, bufs->buffers);
    while (g_hash_table_iter_next(&iter, NULL, &buf)) {
        total += filter_match(filter, buf);
    }
    return total;
}

static DmashareAttachmentInfoList *attachments_info(const DmashareBuffer *buf)
{
    DmashareAttachmentInfoList *list = NULL, **tail = &list;
    const DmashareAttachment *att;

    QTAILQ_FOREACH(att, &buf->attachments, next) {
        DmashareAttachmentInfo *info = g_new0(DmashareAttachmentInfo, 1);

        info->id = att->id;
        info->importer = g_strndup(att->name, sizeof(att->name));
        info->dynamic = att->flags & DMASHARE_ATTACH_F_DYNAMIC;
        info->peer_to_peer = att->flags & DMASHARE_ATTACH_F_P2P;
        info->self = att->flags & DMASHARE_ATTACH_F_SELF;
        info->mappings = att->mappings;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

static DmashareMappingInfoList *mappings_info(const DmashareBuffer *buf)
{
    DmashareMappingInfoList *list = NULL, **tail = &list;
    const DmashareMapping *map;

    QTAILQ_FOREACH(map, &buf->mappings, next) {
        DmashareMappingInfo *info = g_new0(DmashareMappingInfo, 1);

        info->id = map->id;
        info->has_attachment = map->attachment;
        info->attachment = map->attachment ? map->attachment->id : 0;
        info->direction = map->direction;
        info->placement = map->placement;
        info->length = map->length;
        info->segments = map->n_segments;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

static DmashareBufferInfo *buffer_info(const DmashareCore *core,
                                       const DmashareBuffer *buf)
{
    DmashareLedger ledger = dmashare_ledger_get(&core->buffers, buf);
    DmashareBufferInfo *info = g_new0(DmashareBufferInfo, 1);

    info->id = buf->id;
    info->name = g_strndup(buf->name, sizeof(buf->name));
    info->size = buf->size;
    info->placement = buf->placement;
    info->imported = buf->flags & DMASHARE_BUFFER_F_IMPORTED;
    info->pinned = ledger.notes[DMASHARE_NOTE_PIN] -
                   ledger.notes[DMASHARE_NOTE_UNPIN];
    info->attachments = attachments_info(buf);
    info->mappings = mappings_info(buf);
    info->counters = counters_info(&ledger);
    return info;
}

static void count_fence(GHashTable *wanted, const DmashareBuffer *buf)
{
    DmashareBufferInfo *info = !buf ? NULL :
        g_hash_table_lookup(wanted, GUINT_TO_POINTER(buf->id));

    if (info) {
        info->fences++;
    }
}

/* Tell each buffer of the page how many pending fences concern it. */
static void count_fences(const DmashareCore *core,
                         DmashareBufferInfoList *list)
{
    const DmashareEngines *eng = &core->engines;
    g_autoptr(GHashTable) wanted = g_hash_table_new(NULL, NULL);

    for (; list; list = list->next) {
        g_hash_table_insert(wanted, GUINT_TO_POINTER(list->value->id),
                            list->value);
    }
    for (uint32_t i = 0; i < core->fences.n_timelines; i++) {
        const DmashareTimeline *tl = &core->fences.timelines[i];

        for (uint32_t n = 0; n < tl->count; n++) {
            const DmashareFence *fence = dmashare_timeline_at(tl, n);
            const DmashareJob *job = fence->owner;
            const DmashareBuffer *src, *dst;

            if (job) {
                src = dmashare_operand_buffer(eng, &job->src);
                dst = dmashare_operand_buffer(eng, &job->dst);
                count_fence(wanted, src);
                count_fence(wanted, dst != src ? dst : NULL);
            }
        }
    }
}

DmashareBufferPage *qmp_query_dmashare_buffers(const char *path,
                                               bool has_buffer,
                                               uint32_t buffer,
                                               bool has_placement,
                                               DmasharePlacement placement,
                                               const char *importer,
                                               const char *name,
                                               bool has_after, uint32_t after,
                                               bool has_limit, uint32_t limit,
                                               Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    BufferFilter filter = {
        .placement = has_placement ? placement : DMASHARE_PLACED__MAX,
        .importer = importer,
        .name = name,
    };
    DmashareBufferInfoList **tail;
    DmashareBufferPage *page;
    DmashareBuffer *buf;
    uint32_t n = 0;

    if (!core || !dmashare_page_limit(has_limit, &limit, BUFFERS_DEFAULT,
                                      BUFFERS_MAX, errp)) {
        return NULL;
    }
    if (has_buffer && !dmashare_buffer_find(&core->buffers, buffer)) {
        DMASHARE_EXPECTS(errp, "buffer", "the id of one of the %u buffers of "
                         "the device; there is no buffer %" PRIu32,
                         g_hash_table_size(core->buffers.buffers), buffer);
        return NULL;
    }

    page = g_new0(DmashareBufferPage, 1);
    page->has_total = !has_after;
    tail = &page->buffers;
    if (has_buffer) {
        buf = dmashare_buffer_find(&core->buffers, buffer);
        if (filter_match(&filter, buf) && (!has_after || buffer > after)) {
            page->total = 1;
            QAPI_LIST_APPEND(tail, buffer_info(core, buf));
        }
    } else {
        page->total = has_after ? 0 : filter_total(&core->buffers, &filter);
        buf = dmashare_buffer_after(&core->buffers, has_after ? after : 0);
        for (; buf; buf = dmashare_buffer_after(&core->buffers, buf->id)) {
            if (!filter_match(&filter, buf)) {
                continue;
            }
            if (n == limit) {
                page->has_next = true;
                break;
            }
            page->next = buf->id;
            n++;
            QAPI_LIST_APPEND(tail, buffer_info(core, buf));
        }
    }
    count_fences(core, page->buffers);
    return page;
}

/*
 * Queues
 */

DmashareQueueInfoList *qmp_query_dmashare_queues(const char *path,
                                                 Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareQueueInfoList *list = NULL, **tail = &list;

    for (unsigned i = 0; core && i < core->queues.n_queues; i++) {
        const DmashareQueue *q = &core->queues.queue[i];
        DmashareQueueInfo *info = g_new0(DmashareQueueInfo, 1);

        info->queue = i;
        info->enabled = q->enabled;
        info->error = q->error;
        info->entries = q->sq_entries;
        info->fetched = q->sq_head;
        info->submitted = q->sq_tail;
        info->completed = q->cq_tail;
        info->jobs = q->enabled ? q->sq_head - q->cq_tail : 0;
        info->stalled = q->stalled;
        info->hung = dmashare_queue_hung(q);
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}
