/*
 * libqos helpers for dmashare: descriptors and the commands they give
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "../libqtest.h"
#include "dmashare-command.h"

/* Byte order of descriptors */

static void swap_operand(struct dmashare_operand *op)
{
    op->mapping = cpu_to_le32(op->mapping);
    op->reserved = cpu_to_le32(op->reserved);
    op->offset = cpu_to_le64(op->offset);
    op->pitch = cpu_to_le64(op->pitch);
}

/* Of nothing but 32-bit words. */
static void swap_words(void *body, size_t len)
{
    uint32_t *word = body;
    size_t i;

    for (i = 0; i < len / sizeof(*word); i++) {
        word[i] = cpu_to_le32(word[i]);
    }
}

/* What it has besides what every job has. */
static void swap_transfer(struct dmashare_body_transfer *t)
{
    t->resource = cpu_to_le32(t->resource);
    t->level = cpu_to_le32(t->level);
    t->stride = cpu_to_le32(t->stride);
    t->x = cpu_to_le32(t->x);
    t->width = cpu_to_le32(t->width);
    t->y = cpu_to_le16(t->y);
    t->height = cpu_to_le16(t->height);
    t->z = cpu_to_le16(t->z);
    t->depth = cpu_to_le16(t->depth);
    t->reserved = cpu_to_le32(t->reserved);
}

void qdmashare_desc_to_le(struct dmashare_desc *desc)
{
    unsigned i;

    desc->flags = cpu_to_le16(desc->flags);
    desc->reserved = cpu_to_le32(desc->reserved);
    desc->cookie = cpu_to_le64(desc->cookie);
    switch (desc->opcode) {
    case DMASHARE_OP_BUFFER_CREATE:
        desc->buffer.id = cpu_to_le32(desc->buffer.id);
        desc->buffer.flags = cpu_to_le32(desc->buffer.flags);
        desc->buffer.size = cpu_to_le64(desc->buffer.size);
        desc->buffer.placement = cpu_to_le32(desc->buffer.placement);
        desc->buffer.reserved = cpu_to_le32(desc->buffer.reserved);
        break;
    case DMASHARE_OP_ATTACH:
        desc->attach.id = cpu_to_le32(desc->attach.id);
        desc->attach.buffer = cpu_to_le32(desc->attach.buffer);
        desc->attach.flags = cpu_to_le32(desc->attach.flags);
        desc->attach.reserved = cpu_to_le32(desc->attach.reserved);
        break;
    case DMASHARE_OP_BUFFER_DESTROY:
    case DMASHARE_OP_DETACH:
    case DMASHARE_OP_PEER_UNMAP:
    case DMASHARE_OP_CONTEXT_DESTROY:
    case DMASHARE_OP_RESOURCE_DESTROY:
        desc->id.id = cpu_to_le32(desc->id.id);
        desc->id.reserved = cpu_to_le32(desc->id.reserved);
        break;
    case DMASHARE_OP_UNMAP:
        desc->unmap.id = cpu_to_le32(desc->unmap.id);
        desc->unmap.flags = cpu_to_le32(desc->unmap.flags);
        break;
    case DMASHARE_OP_PLACE:
        desc->place.id = cpu_to_le32(desc->place.id);
        desc->place.placement = cpu_to_le32(desc->place.placement);
        break;
    case DMASHARE_OP_SYNC:
        desc->sync.mapping = cpu_to_le32(desc->sync.mapping);
        desc->sync.flags = cpu_to_le32(desc->sync.flags);
        desc->sync.direction = cpu_to_le32(desc->sync.direction);
        desc->sync.reserved = cpu_to_le32(desc->sync.reserved);
        desc->sync.offset = cpu_to_le64(desc->sync.offset);
        desc->sync.length = cpu_to_le64(desc->sync.length);
        break;
    case DMASHARE_OP_MAP:
        desc->map.id = cpu_to_le32(desc->map.id);
        desc->map.buffer = cpu_to_le32(desc->map.buffer);
        desc->map.attachment = cpu_to_le32(desc->map.attachment);
        desc->map.direction = cpu_to_le32(desc->map.direction);
        desc->map.length = cpu_to_le64(desc->map.length);
        desc->map.n_segments = cpu_to_le32(desc->map.n_segments);
        desc->map.placement = cpu_to_le32(desc->map.placement);
        desc->map.list = cpu_to_le64(desc->map.list);
        desc->map.flags = cpu_to_le32(desc->map.flags);
        desc->map.reserved = cpu_to_le32(desc->map.reserved);
        break;
    case DMASHARE_OP_NOTE:
        desc->note.kind = cpu_to_le32(desc->note.kind);
        desc->note.buffer = cpu_to_le32(desc->note.buffer);
        desc->note.attachment = cpu_to_le32(desc->note.attachment);
        desc->note.direction = cpu_to_le32(desc->note.direction);
        desc->note.error = cpu_to_le32(desc->note.error);
        desc->note.reserved = cpu_to_le32(desc->note.reserved);
        desc->note.length = cpu_to_le64(desc->note.length);
        break;
    case DMASHARE_OP_QUERY_LEDGER:
        desc->query.id = cpu_to_le32(desc->query.id);
        desc->query.length = cpu_to_le32(desc->query.length);
        desc->query.addr = cpu_to_le64(desc->query.addr);
        break;
    case DMASHARE_OP_SHARE:
        desc->share.buffer = cpu_to_le32(desc->share.buffer);
        desc->share.mapping = cpu_to_le32(desc->share.mapping);
        desc->share.flags = cpu_to_le32(desc->share.flags);
        desc->share.fourcc = cpu_to_le32(desc->share.fourcc);
        desc->share.width = cpu_to_le32(desc->share.width);
        desc->share.height = cpu_to_le32(desc->share.height);
        desc->share.stride = cpu_to_le32(desc->share.stride);
        desc->share.reserved = cpu_to_le32(desc->share.reserved);
        break;
    case DMASHARE_OP_UNSHARE:
        desc->unshare.buffer = cpu_to_le32(desc->unshare.buffer);
        desc->unshare.flags = cpu_to_le32(desc->unshare.flags);
        break;
    case DMASHARE_OP_PUBLISH:
        desc->publish.buffer = cpu_to_le32(desc->publish.buffer);
        desc->publish.hold = cpu_to_le32(desc->publish.hold);
        desc->publish.sequence = cpu_to_le64(desc->publish.sequence);
        desc->publish.deadline = cpu_to_le64(desc->publish.deadline);
        break;
    case DMASHARE_OP_PEER_QUERY:
        desc->query.id = cpu_to_le32(desc->query.id);
        desc->query.length = cpu_to_le32(desc->query.length);
        desc->query.addr = cpu_to_le64(desc->query.addr);
        break;
    case DMASHARE_OP_PEER_MAP:
        desc->peer_map.peer = cpu_to_le32(desc->peer_map.peer);
        desc->peer_map.flags = cpu_to_le32(desc->peer_map.flags);
        desc->peer_map.offset = cpu_to_le64(desc->peer_map.offset);
        break;
    case DMASHARE_OP_PEER_ACQUIRE:
        desc->peer_acquire.peer = cpu_to_le32(desc->peer_acquire.peer);
        desc->peer_acquire.flags = cpu_to_le32(desc->peer_acquire.flags);
        desc->peer_acquire.hold = cpu_to_le32(desc->peer_acquire.hold);
        desc->peer_acquire.reserved = cpu_to_le32(desc->peer_acquire.reserved);
        desc->peer_acquire.deadline = cpu_to_le64(desc->peer_acquire.deadline);
        break;
    case DMASHARE_OP_CONTEXT_CREATE:
        desc->context.id = cpu_to_le32(desc->context.id);
        desc->context.capset = cpu_to_le32(desc->context.capset);
        break;
    case DMASHARE_OP_RESOURCE_CREATE:
        swap_words(&desc->resource, sizeof(desc->resource));
        break;
    case DMASHARE_OP_RESOURCE_ADD:
    case DMASHARE_OP_RESOURCE_REMOVE:
        swap_words(&desc->pair, sizeof(desc->pair));
        break;
    case DMASHARE_OP_GRANT:
    case DMASHARE_OP_PEER_RELEASE:
        desc->hold.hold = cpu_to_le32(desc->hold.hold);
        desc->hold.error = cpu_to_le32(desc->hold.error);
        break;
    default:
        if (desc->opcode < DMASHARE_OP_JOB_NOOP) {
            break;              /* no body */
        }
        /* A job, perhaps an unknown one: it still names a fence. */
        desc->job.timeline = cpu_to_le32(desc->job.timeline);
        desc->job.rows = cpu_to_le32(desc->job.rows);
        desc->job.seqno = cpu_to_le64(desc->job.seqno);
        swap_operand(&desc->job.src);
        swap_operand(&desc->job.dst);
        desc->job.length = cpu_to_le64(desc->job.length);
        desc->job.value = cpu_to_le64(desc->job.value);
        for (i = 0; i < DMASHARE_MAX_WAITS; i++) {
            struct dmashare_wait *w = &desc->job.wait[i];

            w->timeline = cpu_to_le32(w->timeline);
            w->reserved = cpu_to_le32(w->reserved);
            w->seqno = cpu_to_le64(w->seqno);
        }
        if (desc->opcode == DMASHARE_OP_JOB_UPLOAD ||
            desc->opcode == DMASHARE_OP_JOB_DOWNLOAD) {
            swap_transfer(&desc->transfer);
        }
        break;
    }
}

/* Commands */

void qdmashare_buffer(QDmashare *d, uint32_t id, uint64_t size)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = { .id = id, .size = size, .name = "qtest" },
    };

    g_assert_cmphex(qdmashare_command(d, &desc), ==, DMASHARE_STATUS_OK);
}

void qdmashare_attach(QDmashare *d, uint32_t id, uint32_t buffer)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_ATTACH,
        .attach = { .id = id, .buffer = buffer, .name = "importer" },
    };

    g_assert_cmphex(qdmashare_command(d, &desc), ==, DMASHARE_STATUS_OK);
}

void qdmashare_destroy(QDmashare *d, uint32_t id)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_DESTROY,
        .id.id = id,
    };

    g_assert_cmphex(qdmashare_command(d, &desc), ==, DMASHARE_STATUS_OK);
}

struct dmashare_completion qdmashare_unmap_with(QDmashare *d, uint32_t id,
                                                uint32_t flags)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_UNMAP,
        .unmap = { .id = id, .flags = flags },
    };

    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc);
}

void qdmashare_unmap(QDmashare *d, uint32_t id)
{
    g_assert_cmphex(qdmashare_unmap_with(d, id, 0).status, ==,
                    DMASHARE_STATUS_OK);
}

unsigned qdmashare_place(QDmashare *d, uint32_t id, unsigned placement)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PLACE,
        .place = { .id = id, .placement = placement },
    };

    return qdmashare_command(d, &desc);
}

struct dmashare_completion qdmashare_sync(QDmashare *d, uint32_t mapping,
                                          unsigned flags, unsigned direction,
                                          uint64_t offset, uint64_t length)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_SYNC,
        .sync = {
            .mapping = mapping,
            .flags = flags,
            .direction = direction,
            .offset = offset,
            .length = length,
        },
    };

    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, &desc);
}

void qdmashare_note(QDmashare *d, unsigned kind, uint32_t buffer)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_NOTE,
        .note = { .kind = kind, .buffer = buffer },
    };

    g_assert_cmphex(qdmashare_command(d, &desc), ==, DMASHARE_STATUS_OK);
}

void qdmashare_ledger(QDmashare *d, uint32_t id, struct dmashare_ledger *l)
{
    uint64_t mem = qdmashare_alloc(d, sizeof(*l));
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_QUERY_LEDGER,
        .query = {
            .id = id,
            .length = sizeof(*l),
            .addr = qdmashare_dma(d, mem),
        },
    };
    struct dmashare_completion c = qdmashare_run(d, DMASHARE_QUEUE_CONTROL,
                                                 &desc);
    uint64_t *word = (uint64_t *)l;
    unsigned i;

    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(c.result, ==, sizeof(*l));
    qtest_bufread(d->qts, mem, l, sizeof(*l));
    /* The ledger is 64-bit counters throughout. */
    for (i = 0; i < sizeof(*l) / sizeof(*word); i++) {
        word[i] = le64_to_cpu(word[i]);
    }
    guest_free(d->alloc, mem);
}

/* As the 64-bit counters that struct dmashare_ledger consists of. */
static const char *const ledger_fields[] = {
    "buffers", "live_buffers", "attaches", "live_attachments", "maps",
    "live_mappings", "live_segments",
    "notes[EXPORT]", "notes[RELEASE]", "notes[MAP]", "notes[UNMAP]",
    "notes[BEGIN_CPU]", "notes[END_CPU]", "notes[MMAP]", "notes[VMAP]",
    "notes[VUNMAP]", "notes[PIN]", "notes[UNPIN]", "notes[MOVE]",
    "notes_failed", "jobs", "jobs_failed", "bytes_read", "bytes_written",
    "faults", "fences_signalled", "fences_failed", "places",
    "local_bytes_read", "local_bytes_written", "syncs_for_cpu",
    "syncs_for_device", "cache_bytes", "cache_dirty", "cache_written_back",
    "cache_discarded", "stale_bytes", "move_requests",
};

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_ledger) !=
                  ARRAY_SIZE(ledger_fields) * sizeof(uint64_t));

bool qdmashare_ledger_equal(const struct dmashare_ledger *got,
                            const struct dmashare_ledger *want)
{
    const uint64_t *g = (const uint64_t *)got;
    const uint64_t *w = (const uint64_t *)want;
    bool equal = true;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(ledger_fields); i++) {
        if (g[i] != w[i]) {
            g_test_message("ledger: %s is %" PRIu64 ", must be %" PRIu64,
                           ledger_fields[i], g[i], w[i]);
            equal = false;
        }
    }
    return equal;
}

uint64_t qdmashare_seg_list(QDmashare *d, const struct dmashare_segment *seg,
                            unsigned n, unsigned per_block)
{
    unsigned blocks = DIV_ROUND_UP(n, per_block);
    size_t bytes = sizeof(struct dmashare_seg_block) +
                   per_block * sizeof(struct dmashare_segment);
    g_autofree struct dmashare_seg_block *block = g_malloc0(bytes);
    g_autofree uint64_t *phys = g_new0(uint64_t, blocks + 1);
    unsigned b, i;

    for (b = 0; b < blocks; b++) {
        phys[b] = qdmashare_alloc(d, bytes);
    }
    for (b = 0; b < blocks; b++) {
        unsigned count = MIN(per_block, n - b * per_block);

        block->next = b + 1 < blocks ?
                      cpu_to_le64(qdmashare_dma(d, phys[b + 1])) : 0;
        block->count = cpu_to_le32(count);
        for (i = 0; i < count; i++) {
            block->segment[i].addr = cpu_to_le64(seg->addr);
            block->segment[i].len = cpu_to_le64(seg->len);
            seg++;
        }
        qtest_bufwrite(d->qts, phys[b], block, bytes);
    }
    return qdmashare_dma(d, phys[0]);
}

unsigned qdmashare_map_with(QDmashare *d, struct dmashare_desc desc,
                            const struct dmashare_segment *seg, unsigned n)
{
    unsigned status, i;

    desc.opcode = DMASHARE_OP_MAP;
    desc.map.n_segments = n;
    desc.map.list = qdmashare_seg_list(d, seg, n, n);
    desc.map.length = 0;
    for (i = 0; i < n; i++) {
        desc.map.length += seg[i].len;
    }
    status = qdmashare_command(d, &desc);
    /* The list was read for the last time. */
    guest_free(d->alloc, desc.map.list - qdmashare_dma(d, 0));
    return status;
}

unsigned qdmashare_map(QDmashare *d, uint32_t id, uint32_t buffer,
                       unsigned direction,
                       const struct dmashare_segment *seg, unsigned n)
{
    struct dmashare_desc desc = {
        .map = { .id = id, .buffer = buffer, .direction = direction },
    };

    return qdmashare_map_with(d, desc, seg, n);
}

unsigned qdmashare_map_local(QDmashare *d, uint32_t id, uint32_t buffer,
                             unsigned direction,
                             const struct dmashare_segment *seg, unsigned n)
{
    struct dmashare_desc desc = {
        .map = {
            .id = id,
            .buffer = buffer,
            .direction = direction,
            .placement = DMASHARE_PLACEMENT_LOCAL,
        },
    };

    return qdmashare_map_with(d, desc, seg, n);
}

struct dmashare_desc qdmashare_map_desc(QDmashare *d, uint32_t id,
                                        uint32_t buffer, uint64_t size,
                                        struct dmashare_segment *seg)
{
    *seg = (struct dmashare_segment) {
        .addr = qdmashare_dma(d, qdmashare_alloc(d, size)),
        .len = size,
    };
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = id,
            .buffer = buffer,
            .length = size,
            .n_segments = 1,
            .list = qdmashare_seg_list(d, seg, 1, 1),
        },
    };
}

void qdmashare_bus_buf(QDmashare *d, uint32_t id, uint64_t addr,
                       uint64_t size, unsigned direction)
{
    struct dmashare_segment seg = { addr, size };

    qdmashare_buffer(d, id, size);
    g_assert_cmphex(qdmashare_map(d, id, id, direction, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
}

QDmashareBuf qdmashare_buf(QDmashare *d, uint32_t id, uint64_t size,
                           unsigned direction)
{
    QDmashareBuf buf = {
        .id = id,
        .phys = qdmashare_alloc(d, size),
        .size = size,
    };

    qdmashare_bus_buf(d, id, qdmashare_dma(d, buf.phys), size, direction);
    return buf;
}

QDmashareBuf qdmashare_local_buf(QDmashare *d, uint32_t id, uint64_t offset,
                                 uint64_t size, unsigned direction)
{
    QDmashareBuf buf = {
        .id = id,
        .phys = d->local + offset,
        .size = size,
    };
    struct dmashare_segment seg = { offset, size };
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = {
            .id = id,
            .size = size,
            .placement = DMASHARE_PLACEMENT_LOCAL,
            .name = "local",
        },
    };

    g_assert_cmphex(qdmashare_command(d, &desc), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map_local(d, id, id, direction, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    return buf;
}
