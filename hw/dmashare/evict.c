// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: memory pressure
 *
 * The harness wants buffers out of local memory, and the driver is asked.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "hw/dmashare/control.h"
#include "trace.h"

static bool evict_one(DmashareCore *core, DmashareBuffer *buf, Error **errp)
{
    DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_EVICT, DMASHARE_ACTOR_HARNESS);
    DmashareEvent event = {
        .type = DMASHARE_EVENT_MOVE_REQUEST,
        .buffer = buf->id,
        .offset = DMASHARE_PLACEMENT_SYSTEM,
        .addr = ~0ULL,
    };
    bool raised;

    record.buffer = buf->id;
    record.bytes = buf->size;
    dmashare_journal_add(&core->journal, &record);
    trace_dmashare_move_request(buf->id, DMASHARE_PLACEMENT_SYSTEM);
    raised = dmashare_event_raise(&core->events, &event);
    if (raised) {
        DMASHARE_COUNT(&core->buffers, buf, move_requests, 1);
    } else {
        error_setg(errp, "The event ring is full, or cannot be written");
    }
    return raised;
}

static bool ring_enabled(const DmashareCore *core, Error **errp)
{
    if (core->fatal) {
        error_setg(errp, "The device has met a fatal error; only a reset "
                   "helps");
        return false;
    }
    if (!core->events.enabled) {
        error_setg(errp, "The driver has not enabled the event ring");
        return false;
    }
    return true;
}

bool dmashare_core_evict(DmashareCore *core, uint32_t id, Error **errp)
{
    DmashareBuffer *buf = dmashare_buffer_find(&core->buffers, id);
    bool raised;

    if (!buf || buf->placement != DMASHARE_PLACEMENT_LOCAL) {
        DMASHARE_EXPECTS(errp, "buffer", "the id of a buffer in local memory; "
                         "%s %" PRIu32 "%s",
                         buf ? "buffer" : "there is no buffer", id,
                         buf ? " is in system memory" : "");
        return false;
    }
    if (!ring_enabled(core, errp)) {
        return false;
    }

    dmashare_core_enter(core);
    raised = evict_one(core, buf, errp);
    dmashare_core_leave(core, true);
    return raised;
}

/* The largest first; which of two equal ones must not depend on chance. */
static int compare_sizes(const void *a, const void *b)
{
    const DmashareBuffer *x = *(DmashareBuffer *const *)a;
    const DmashareBuffer *y = *(DmashareBuffer *const *)b;

    if (x->size != y->size) {
        return x->size > y->size ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/*
 * What a buffer counts for. The driver says how large it is; more than there is
 * of local memory it cannot take.
 */
static uint64_t local_bytes(const DmashareCore *core, const DmashareBuffer *buf)
{
    return MIN(buf->size, core->local.size);
}

/* How many of @local, which is sorted, are @percent of the bytes of all. */
static guint count_for(const DmashareCore *core, const GPtrArray *local,
                       unsigned percent)
{
    uint64_t used = 0, wanted, sum = 0;
    guint n = 0;

    for (guint i = 0; i < local->len; i++) {
        if (uadd64_overflow(used, local_bytes(core, local->pdata[i]), &used)) {
            used = UINT64_MAX;
        }
    }
    wanted = used / 100 * percent + DIV_ROUND_UP(used % 100 * percent, 100);
    while (n < local->len && sum < wanted) {
        sum += MIN(local_bytes(core, local->pdata[n]), wanted - sum);
        n++;
    }
    return n;
}

bool dmashare_core_evict_percent(DmashareCore *core, unsigned percent,
                                 uint64_t *count, Error **errp)
{
    g_autoptr(GPtrArray) local = g_ptr_array_new();
    DmashareEvents *ev = &core->events;
    GHashTableIter iter;
    bool raised = true;
    gpointer buf;
    guint n;

    g_hash_table_iter_init(&iter, core->buffers.buffers);
    while (g_hash_table_iter_next(&iter, NULL, &buf)) {
        if (((DmashareBuffer *)buf)->placement == DMASHARE_PLACEMENT_LOCAL) {
            g_ptr_array_add(local, buf);
        }
    }
    g_ptr_array_sort(local, compare_sizes);
    n = count_for(core, local, percent);
    *count = n;
    if (!n) {
        return true;
    }
    if (!ring_enabled(core, errp)) {
        return false;
    }
    if (n > ev->entries - (ev->tail - ev->head)) {
        error_setg(errp, "The event ring has room for %" PRIu32 " requests, "
                   "and this would be %u: ask for a smaller 'percent'",
                   ev->entries - (ev->tail - ev->head), n);
        return false;
    }

    dmashare_core_enter(core);
    for (guint i = 0; i < n && raised; i++) {
        raised = evict_one(core, local->pdata[i], errp);
    }
    dmashare_core_leave(core, true);
    return raised;
}
