// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: what fault rules have delayed
 */
#include "qemu/osdep.h"
#include "hw/dmashare/late.h"
#include "trace.h"

void dmashare_late_init(DmashareLate *late)
{
    QTAILQ_INIT(&late->items);
    late->n = 0;
}

static void late_remove(DmashareLate *late, DmashareLateItem *item)
{
    QTAILQ_REMOVE(&late->items, item, next);
    late->n--;
    g_free(item);
}

void dmashare_late_clear(DmashareLate *late)
{
    while (late->n) {
        late_remove(late, QTAILQ_FIRST(&late->items));
    }
}

bool dmashare_late_add(DmashareLate *late, DmashareLateKind kind, uint32_t id,
                       uint64_t value, int64_t due)
{
    DmashareLateItem *after, *item;

    if (late->n == DMASHARE_MAX_LATE) {
        trace_dmashare_late_full(kind, id);
        return false;
    }
    item = g_new(DmashareLateItem, 1);
    item->due = due;
    item->kind = kind;
    item->id = id;
    item->value = value;

    /* Nearly always it is the last one. */
    QTAILQ_FOREACH_REVERSE(after, &late->items, next) {
        if (after->due <= due) {
            QTAILQ_INSERT_AFTER(&late->items, after, item, next);
            late->n++;
            return true;
        }
    }
    QTAILQ_INSERT_HEAD(&late->items, item, next);
    late->n++;
    return true;
}

void dmashare_late_forget(DmashareLate *late, DmashareLateKind kind,
                          uint32_t id, uint64_t value)
{
    DmashareLateItem *item, *tmp;

    QTAILQ_FOREACH_SAFE(item, &late->items, next, tmp) {
        if (item->kind == kind && item->value <= value &&
            (id == DMASHARE_LATE_ANY || item->id == id)) {
            late_remove(late, item);
        }
    }
}

int64_t dmashare_late_due(const DmashareLate *late)
{
    return late->n ? QTAILQ_FIRST(&late->items)->due : INT64_MAX;
}

bool dmashare_late_take(DmashareLate *late, int64_t now,
                        DmashareLateItem *item)
{
    if (dmashare_late_due(late) > now) {
        return false;
    }
    *item = *QTAILQ_FIRST(&late->items);
    late_remove(late, QTAILQ_FIRST(&late->items));
    return true;
}
