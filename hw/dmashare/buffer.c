// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: buffers, their attachments, and the ledger
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/poison.h"
#include "trace.h"

/* With what the allocator and the table of all of them add it is 512. */
QEMU_BUILD_BUG_ON(sizeof(DmashareBuffer) > 456);
QEMU_BUILD_BUG_ON(sizeof(DmashareLedger) % sizeof(uint64_t));
QEMU_BUILD_BUG_ON(sizeof(DmashareLedger) > DMASHARE_LEDGER_MAX_LENGTH);

static void attachment_free(gpointer data)
{
    DmashareAttachment *att = data;

    QTAILQ_REMOVE(&att->buffer->attachments, att, next);
    dmashare_buffer_unref(att->buffer);
    g_free(att);
}

/* Nobody can find it any more: what may still refer to it has no copies. */
static void buffer_drop(gpointer data)
{
    DmashareBuffer *buf = data;

    dmashare_copies_clear(&buf->copies);
    dmashare_home_forget(buf);
    dmashare_buffer_unref(data);
}

void dmashare_buffers_init(DmashareBuffers *bufs, DmashareCache *cache,
                           uint32_t max_buffers, uint32_t max_attachments)
{
    memset(bufs, 0, sizeof(*bufs));
    bufs->cache = cache;
    bufs->max_buffers = max_buffers;
    bufs->max_attachments = max_attachments;
    bufs->buffers = g_hash_table_new_full(NULL, NULL, NULL, buffer_drop);
    bufs->attachments = g_hash_table_new_full(NULL, NULL, NULL,
                                              attachment_free);
}

void dmashare_buffers_reset(DmashareBuffers *bufs)
{
    g_hash_table_remove_all(bufs->attachments);
    memset(&bufs->by_id, 0, sizeof(bufs->by_id));
    g_hash_table_remove_all(bufs->buffers);
    dmashare_cache_reset(bufs->cache);
    memset(&bufs->ledger, 0, sizeof(bufs->ledger));
}

void dmashare_buffers_destroy(DmashareBuffers *bufs)
{
    g_clear_pointer(&bufs->attachments, g_hash_table_destroy);
    g_clear_pointer(&bufs->buffers, g_hash_table_destroy);
}

DmashareBuffer *dmashare_buffer_find(DmashareBuffers *bufs, uint32_t id)
{
    return g_hash_table_lookup(bufs->buffers, GUINT_TO_POINTER(id));
}

DmashareBuffer *dmashare_buffer_after(DmashareBuffers *bufs, uint32_t id)
{
    IntervalTreeNode *node = id == UINT32_MAX ? NULL :
        interval_tree_iter_first(&bufs->by_id, id + 1, UINT32_MAX);

    return node ? container_of(node, DmashareBuffer, by_id) : NULL;
}

DmashareAttachment *dmashare_attachment_find(DmashareBuffers *bufs,
                                             uint32_t id)
{
    return g_hash_table_lookup(bufs->attachments, GUINT_TO_POINTER(id));
}

DmashareBuffer *dmashare_buffer_ref(DmashareBuffer *buf)
{
    buf->refs++;
    return buf;
}

void dmashare_buffer_unref(DmashareBuffer *buf)
{
    if (--buf->refs == 0) {
        g_free(buf);
    }
}

uint16_t dmashare_buffer_create(DmashareBuffers *bufs, uint32_t id,
                                uint64_t size, uint32_t flags,
                                uint32_t placement, const uint8_t *name)
{
    DmashareBuffer *buf;

    if (!id) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (dmashare_buffer_find(bufs, id)) {
        return DMASHARE_STATUS_ID_EXISTS;
    }
    if (!size) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    if (g_hash_table_size(bufs->buffers) >= bufs->max_buffers) {
        return DMASHARE_STATUS_LIMIT;
    }

    buf = g_new0(DmashareBuffer, 1);
    buf->id = id;
    buf->size = size;
    buf->flags = flags;
    buf->placement = placement;
    buf->refs = 1;
    QLIST_INIT(&buf->writers);
    QTAILQ_INIT(&buf->attachments);
    QTAILQ_INIT(&buf->mappings);
    dmashare_copies_init(&buf->copies, bufs->cache, id, size);
    memcpy(buf->name, name, sizeof(buf->name));
    g_hash_table_insert(bufs->buffers, GUINT_TO_POINTER(id), buf);
    buf->by_id.start = id;
    buf->by_id.last = id;
    interval_tree_insert(&buf->by_id, &bufs->by_id);

    bufs->ledger.buffers++;
    bufs->ledger.live_buffers++;
    trace_dmashare_buffer_create(id, size, flags, placement);
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_buffer_removable(DmashareBuffers *bufs, uint32_t id)
{
    DmashareBuffer *buf = dmashare_buffer_find(bufs, id);

    if (!buf) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (buf->ledger.live_attachments || buf->ledger.live_mappings) {
        return DMASHARE_STATUS_BUSY;
    }
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_buffer_remove(DmashareBuffers *bufs, uint32_t id)
{
    DmashareBuffer *buf = dmashare_buffer_find(bufs, id);
    uint16_t status = dmashare_buffer_removable(bufs, id);

    if (status) {
        return status;
    }

    bufs->ledger.live_buffers--;
    interval_tree_remove(&buf->by_id, &bufs->by_id);
    g_hash_table_remove(bufs->buffers, GUINT_TO_POINTER(id));
    trace_dmashare_buffer_destroy(id);
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_attach(DmashareBuffers *bufs, uint32_t id, uint32_t buffer,
                         uint32_t flags, const uint8_t *name)
{
    DmashareBuffer *buf = dmashare_buffer_find(bufs, buffer);
    DmashareAttachment *att;

    if (!id || !buf) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (dmashare_attachment_find(bufs, id)) {
        return DMASHARE_STATUS_ID_EXISTS;
    }
    if (g_hash_table_size(bufs->attachments) >= bufs->max_attachments) {
        return DMASHARE_STATUS_LIMIT;
    }

    att = g_new0(DmashareAttachment, 1);
    att->id = id;
    att->flags = flags;
    att->buffer = dmashare_buffer_ref(buf);
    memcpy(att->name, name, sizeof(att->name));
    g_hash_table_insert(bufs->attachments, GUINT_TO_POINTER(id), att);
    QTAILQ_INSERT_TAIL(&buf->attachments, att, next);

    DMASHARE_COUNT(bufs, buf, attaches, 1);
    DMASHARE_COUNT(bufs, buf, live_attachments, 1);
    trace_dmashare_attach(id, buffer, flags);
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_detach(DmashareBuffers *bufs, uint32_t id)
{
    DmashareAttachment *att = dmashare_attachment_find(bufs, id);

    if (!att) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (att->mappings) {
        return DMASHARE_STATUS_BUSY;
    }

    trace_dmashare_detach(id, att->buffer->id);
    DMASHARE_COUNT(bufs, att->buffer, live_attachments, -1);
    g_hash_table_remove(bufs->attachments, GUINT_TO_POINTER(id));
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_place(DmashareBuffers *bufs, uint32_t id, uint32_t placement)
{
    DmashareBuffer *buf = dmashare_buffer_find(bufs, id);

    if (!buf) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (placement == DMASHARE_PLACEMENT_LOCAL &&
        buf->flags & DMASHARE_BUFFER_F_IMPORTED) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (placement == DMASHARE_PLACEMENT_PEER ||
        buf->placement == DMASHARE_PLACEMENT_PEER) {
        /* What is another VM's stays there. */
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }

    trace_dmashare_place(id, buf->placement, placement);
    if (buf->placement != placement) {
        buf->placement = placement;
        DMASHARE_COUNT(bufs, buf, places, 1);
    }
    return DMASHARE_STATUS_OK;
}

uint16_t dmashare_note(DmashareBuffers *bufs, uint32_t kind, uint32_t buffer,
                       uint32_t attachment, uint32_t error)
{
    DmashareBuffer *buf = dmashare_buffer_find(bufs, buffer);

    if (!buf) {
        return DMASHARE_STATUS_BAD_ID;
    }
    if (attachment) {
        DmashareAttachment *att = dmashare_attachment_find(bufs, attachment);

        if (!att || att->buffer != buf) {
            return DMASHARE_STATUS_BAD_ID;
        }
    }

    if (error) {
        DMASHARE_COUNT(bufs, buf, notes_failed, 1);
    } else {
        DMASHARE_COUNT(bufs, buf, notes[kind], 1);
    }
    trace_dmashare_note(kind, buffer, attachment, error);
    return DMASHARE_STATUS_OK;
}

static DmashareLedger buffer_ledger(const DmashareBufferLedger *kept)
{
    DmashareLedger ledger = {
        .buffers = 1,
        .live_buffers = 1,
        .attaches = kept->attaches,
        .live_attachments = kept->live_attachments,
        .maps = kept->maps,
        .live_mappings = kept->live_mappings,
        .live_segments = kept->live_segments,
        .notes_failed = kept->notes_failed,
        .jobs = kept->jobs,
        .jobs_failed = kept->jobs_failed,
        .bytes_read = kept->bytes_read,
        .bytes_written = kept->bytes_written,
        .faults = kept->faults,
        .places = kept->places,
        .local_bytes_read = kept->local_bytes_read,
        .local_bytes_written = kept->local_bytes_written,
        .syncs_for_cpu = kept->syncs_for_cpu,
        .syncs_for_device = kept->syncs_for_device,
        .move_requests = kept->move_requests,
    };

    memcpy(ledger.notes, kept->notes, sizeof(ledger.notes));
    return ledger;
}

DmashareLedger dmashare_ledger_get(const DmashareBuffers *bufs,
                                   const DmashareBuffer *buf)
{
    const DmashareCacheStats *cache = buf ? &buf->copies.stats :
                                      &bufs->cache->stats;
    DmashareLedger ledger = buf ? buffer_ledger(&buf->ledger) : bufs->ledger;

    ledger.cache_bytes = cache->bytes;
    ledger.cache_dirty = cache->dirty;
    ledger.cache_written_back = cache->written_back;
    ledger.cache_discarded = cache->discarded;
    ledger.stale_bytes = cache->stale;
    return ledger;
}

uint16_t dmashare_ledger_write(DmashareBuffers *bufs, uint32_t id,
                               void *out, size_t len)
{
    DmashareBuffer *buf = id ? dmashare_buffer_find(bufs, id) : NULL;
    DmashareLedger ledger;
    uint64_t counters[sizeof(ledger) / sizeof(uint64_t)];
    size_t known = MIN(len, sizeof(counters));

    if (id && !buf) {
        return DMASHARE_STATUS_BAD_ID;
    }

    ledger = dmashare_ledger_get(bufs, buf);
    memcpy(counters, &ledger, sizeof(counters));
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
        counters[i] = cpu_to_le64(counters[i]);
    }
    memcpy(out, counters, known);
    memset((uint8_t *)out + known, 0, len - known);
    return DMASHARE_STATUS_OK;
}
