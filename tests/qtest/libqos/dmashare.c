/*
 * libqos driver for the dmashare device
 *
 * Drives the device as a guest driver would, with guest memory from the
 * machine's allocator. Device time is the test's: a wait that finds nothing
 * for long moves it by a nanosecond, nothing else here does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "hw/pci/pci_regs.h"
#include "../libqtest.h"
#include "dmashare.h"

/* Polls of a wait; each runs QEMU's main loop at least once. */
#define QDMASHARE_POLLS         20000
/*
 * Polls after which a wait lets one nanosecond of device time pass: the device
 * does a bounded amount of work in one instant and goes on in the next.
 */
#define QDMASHARE_TICK          256
/*
 * Exchanges after which a device has done all it could. Work is handed on by
 * bottom halves, a job in a few of them; this is far more than any test has.
 */
#define QDMASHARE_SETTLE        32

#define MSI_DATA(vector)        (0x5a000000u | (vector))

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_desc) != DMASHARE_DESC_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_completion) !=
                  DMASHARE_COMPLETION_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_event) != DMASHARE_EVENT_SIZE);

/* Registers */

uint32_t qdmashare_readl(QDmashare *d, uint32_t reg)
{
    return qpci_io_readl(&d->dev, d->regs, reg);
}

uint64_t qdmashare_readq(QDmashare *d, uint32_t reg)
{
    return qpci_io_readq(&d->dev, d->regs, reg);
}

void qdmashare_writel(QDmashare *d, uint32_t reg, uint32_t value)
{
    qpci_io_writel(&d->dev, d->regs, reg, value);
}

void qdmashare_writeq(QDmashare *d, uint32_t reg, uint64_t value)
{
    qpci_io_writeq(&d->dev, d->regs, reg, value);
}

/* Memory */

uint64_t qdmashare_dma(QDmashare *d, uint64_t phys)
{
    return d->dma_base + phys;
}

uint64_t qdmashare_alloc(QDmashare *d, uint64_t size)
{
    uint64_t phys = guest_alloc(d->alloc, size);

    /* RAM keeps what an earlier test left in it. */
    qtest_memset(d->qts, phys, 0, size);
    return phys;
}

/* Bring-up */

void qdmashare_enable(QDmashare *d)
{
    qdmashare_writel(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==,
                    DMASHARE_STATUS_REG_READY);
}

uint32_t qdmashare_queue_setup(QDmashare *d, unsigned q,
                               uint32_t sq_entries, uint32_t cq_entries)
{
    QDmashareQueue *queue = &d->queue[q];
    uint32_t base = DMASHARE_REG_QUEUE(q);

    queue->sq_entries = sq_entries;
    queue->cq_entries = cq_entries;
    queue->sq_tail = 0;
    queue->cq_head = 0;
    queue->sq = qdmashare_alloc(d, sq_entries * DMASHARE_DESC_SIZE);
    queue->cq = qdmashare_alloc(d, cq_entries * DMASHARE_COMPLETION_SIZE);

    qdmashare_writeq(d, base + DMASHARE_QREG_SQ_ADDR_LO,
                     qdmashare_dma(d, queue->sq));
    qdmashare_writeq(d, base + DMASHARE_QREG_CQ_ADDR_LO,
                     qdmashare_dma(d, queue->cq));
    qdmashare_writel(d, base + DMASHARE_QREG_SQ_ENTRIES, sq_entries);
    qdmashare_writel(d, base + DMASHARE_QREG_CQ_ENTRIES, cq_entries);
    qdmashare_writel(d, base + DMASHARE_QREG_VECTOR, 1 + q);
    qdmashare_writel(d, base + DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    return qdmashare_readl(d, base + DMASHARE_QREG_STATUS);
}

void qdmashare_queue_disable(QDmashare *d, unsigned q)
{
    qdmashare_writel(d, DMASHARE_REG_QUEUE(q) + DMASHARE_QREG_CTRL, 0);
}

uint32_t qdmashare_events_setup(QDmashare *d, uint32_t entries)
{
    d->events.cq_entries = entries;
    d->events.cq_head = 0;
    d->events.cq = qdmashare_alloc(d, entries * DMASHARE_EVENT_SIZE);

    qdmashare_writeq(d, DMASHARE_REG_EVQ_ADDR_LO,
                     qdmashare_dma(d, d->events.cq));
    qdmashare_writel(d, DMASHARE_REG_EVQ_ENTRIES, entries);
    qdmashare_writel(d, DMASHARE_REG_EVQ_VECTOR, 0);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, DMASHARE_QCTRL_ENABLE);
    return qdmashare_readl(d, DMASHARE_REG_EVQ_STATUS);
}

void qdmashare_fence_setup(QDmashare *d)
{
    d->fence_mem = qdmashare_alloc(d, DMASHARE_FENCE_ADDR_ALIGN);
    /* It outlives CTRL.ENABLE, and its address is locked while it is on. */
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
    qdmashare_writeq(d, DMASHARE_REG_FENCE_ADDR_LO,
                     qdmashare_dma(d, d->fence_mem));
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FENCE_CTRL), ==,
                    DMASHARE_FENCE_CTRL_ENABLE);
}

void qdmashare_start(QDmashare *d)
{
    unsigned q;

    qdmashare_enable(d);
    qdmashare_msix_setup(d);
    g_assert_cmphex(qdmashare_events_setup(d, QDMASHARE_ENTRIES), ==,
                    DMASHARE_QSTATUS_ENABLED);
    qdmashare_fence_setup(d);
    for (q = 0; q < d->n_queues; q++) {
        g_assert_cmphex(qdmashare_queue_setup(d, q, QDMASHARE_ENTRIES,
                                              QDMASHARE_ENTRIES), ==,
                        DMASHARE_QSTATUS_ENABLED);
    }
}

void qdmashare_reset(QDmashare *d)
{
    qdmashare_writel(d, DMASHARE_REG_CTRL, DMASHARE_CTRL_RESET);
    memset(d->seqno, 0, sizeof(d->seqno));
}

void qdmashare_bus_master(QDmashare *d, bool on)
{
    uint16_t cmd = qpci_config_readw(&d->dev, PCI_COMMAND);

    cmd = on ? cmd | PCI_COMMAND_MASTER : cmd & ~PCI_COMMAND_MASTER;
    qpci_config_writew(&d->dev, PCI_COMMAND, cmd);
}

/* MSI-X */

static uint64_t msix_entry(QDmashare *d, unsigned vector)
{
    return d->dev.msix_table_off + vector * PCI_MSIX_ENTRY_SIZE;
}

void qdmashare_msix_mask(QDmashare *d, unsigned vector, bool masked)
{
    qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                   msix_entry(d, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL,
                   masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

void qdmashare_msix_setup(QDmashare *d)
{
    unsigned vectors = DMASHARE_NUM_VECTORS(d->n_queues - 1);
    unsigned v;

    if (!d->dev.msix_enabled) {
        qpci_msix_enable(&d->dev);
    }
    d->msi_mem = qdmashare_alloc(d, vectors * 4);
    for (v = 0; v < vectors; v++) {
        uint64_t entry = msix_entry(d, v);
        uint64_t addr = qdmashare_dma(d, d->msi_mem + v * 4);

        qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                       entry + PCI_MSIX_ENTRY_LOWER_ADDR, addr);
        qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                       entry + PCI_MSIX_ENTRY_UPPER_ADDR, addr >> 32);
        qpci_io_writel(&d->dev, d->dev.msix_table_bar,
                       entry + PCI_MSIX_ENTRY_DATA, MSI_DATA(v));
        qdmashare_msix_mask(d, v, false);
    }
}

bool qdmashare_msix_fired(QDmashare *d, unsigned vector)
{
    uint32_t word = qtest_readl(d->qts, d->msi_mem + vector * 4);

    if (!word) {
        return false;
    }
    g_assert_cmphex(word, ==, MSI_DATA(vector));
    qtest_writel(d->qts, d->msi_mem + vector * 4, 0);
    return true;
}

/* Byte order of descriptors */

static void swap_operand(struct dmashare_operand *op)
{
    op->mapping = cpu_to_le32(op->mapping);
    op->reserved = cpu_to_le32(op->reserved);
    op->offset = cpu_to_le64(op->offset);
    op->pitch = cpu_to_le64(op->pitch);
}

static void desc_to_le(struct dmashare_desc *desc)
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
    case DMASHARE_OP_UNMAP:
        desc->id.id = cpu_to_le32(desc->id.id);
        desc->id.reserved = cpu_to_le32(desc->id.reserved);
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
        break;
    }
}

/* Rings */

void qdmashare_push_raw(QDmashare *d, unsigned q, const void *desc)
{
    QDmashareQueue *queue = &d->queue[q];
    uint32_t slot = queue->sq_tail++ & (queue->sq_entries - 1);

    qtest_bufwrite(d->qts, queue->sq + slot * DMASHARE_DESC_SIZE, desc,
                   DMASHARE_DESC_SIZE);
}

uint64_t qdmashare_push(QDmashare *d, unsigned q,
                        const struct dmashare_desc *desc)
{
    struct dmashare_desc le = *desc;

    le.cookie = ++d->cookie;
    desc_to_le(&le);
    qdmashare_push_raw(d, q, &le);
    return d->cookie;
}

void qdmashare_doorbell(QDmashare *d, unsigned q)
{
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(q), d->queue[q].sq_tail);
}

void qdmashare_settle(QDmashare *d)
{
    unsigned i;

    for (i = 0; i < QDMASHARE_SETTLE; i++) {
        qdmashare_readl(d, DMASHARE_REG_ID);
    }
}

bool qdmashare_peek(QDmashare *d, unsigned q, struct dmashare_completion *c)
{
    QDmashareQueue *queue = &d->queue[q];
    uint32_t slot = queue->cq_head & (queue->cq_entries - 1);
    struct dmashare_completion le;

    qtest_bufread(d->qts, queue->cq + slot * DMASHARE_COMPLETION_SIZE, &le,
                  sizeof(le));
    if (le32_to_cpu(le.seq) != queue->cq_head + 1) {
        return false;
    }
    *c = (struct dmashare_completion) {
        .cookie = le64_to_cpu(le.cookie),
        .result = le64_to_cpu(le.result),
        .detail = le64_to_cpu(le.detail),
        .status = le16_to_cpu(le.status),
        .flags = le16_to_cpu(le.flags),
        .seq = le32_to_cpu(le.seq),
    };
    return true;
}

bool qdmashare_try_pop(QDmashare *d, unsigned q,
                       struct dmashare_completion *c)
{
    if (!qdmashare_peek(d, q, c)) {
        return false;
    }
    d->queue[q].cq_head++;
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_CQ(q), d->queue[q].cq_head);
    return true;
}

struct dmashare_completion qdmashare_pop(QDmashare *d, unsigned q)
{
    struct dmashare_completion c;
    unsigned i;

    for (i = 0; i < QDMASHARE_POLLS; i++) {
        if (qdmashare_try_pop(d, q, &c)) {
            return c;
        }
        if (i % QDMASHARE_TICK == QDMASHARE_TICK - 1) {
            qtest_clock_step(d->qts, 1);
        }
    }
    g_error("queue %u: no completion of index %u", q, d->queue[q].cq_head);
}

void qdmashare_assert_idle(QDmashare *d, unsigned q)
{
    struct dmashare_completion c;

    qdmashare_settle(d);
    g_assert_false(qdmashare_peek(d, q, &c));
}

struct dmashare_completion qdmashare_run(QDmashare *d, unsigned q,
                                         const struct dmashare_desc *desc)
{
    uint64_t cookie = qdmashare_push(d, q, desc);
    struct dmashare_completion c;

    qdmashare_doorbell(d, q);
    c = qdmashare_pop(d, q);
    g_assert_cmphex(c.cookie, ==, cookie);
    return c;
}

unsigned qdmashare_command(QDmashare *d, const struct dmashare_desc *desc)
{
    return qdmashare_run(d, DMASHARE_QUEUE_CONTROL, desc).status;
}

bool qdmashare_try_event(QDmashare *d, struct dmashare_event *e)
{
    uint32_t slot = d->events.cq_head & (d->events.cq_entries - 1);
    struct dmashare_event le;

    qtest_bufread(d->qts, d->events.cq + slot * DMASHARE_EVENT_SIZE, &le,
                  sizeof(le));
    if (le32_to_cpu(le.seq) != d->events.cq_head + 1) {
        return false;
    }
    *e = (struct dmashare_event) {
        .type = le16_to_cpu(le.type),
        .status = le16_to_cpu(le.status),
        .queue = le16_to_cpu(le.queue),
        .flags = le16_to_cpu(le.flags),
        .cookie = le64_to_cpu(le.cookie),
        .buffer = le32_to_cpu(le.buffer),
        .mapping = le32_to_cpu(le.mapping),
        .offset = le64_to_cpu(le.offset),
        .addr = le64_to_cpu(le.addr),
        .time = le64_to_cpu(le.time),
        .reserved = le64_to_cpu(le.reserved),
        .lost = le32_to_cpu(le.lost),
        .seq = le32_to_cpu(le.seq),
    };
    d->events.cq_head++;
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_EVQ, d->events.cq_head);
    return true;
}

struct dmashare_event qdmashare_event(QDmashare *d)
{
    struct dmashare_event e;
    unsigned i;

    for (i = 0; i < QDMASHARE_POLLS; i++) {
        if (qdmashare_try_event(d, &e)) {
            return e;
        }
    }
    g_error("no event of index %u", d->events.cq_head);
}

void qdmashare_assert_no_event(QDmashare *d)
{
    struct dmashare_event e;

    qdmashare_settle(d);
    g_assert_false(qdmashare_try_event(d, &e));
}

uint64_t qdmashare_fence(QDmashare *d, unsigned timeline)
{
    return qtest_readq(d->qts, d->fence_mem + timeline * 8);
}

uint64_t qdmashare_next(QDmashare *d, unsigned timeline)
{
    return ++d->seqno[timeline];
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

void qdmashare_unmap(QDmashare *d, uint32_t id)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_UNMAP,
        .id.id = id,
    };

    g_assert_cmphex(qdmashare_command(d, &desc), ==, DMASHARE_STATUS_OK);
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

unsigned qdmashare_map(QDmashare *d, uint32_t id, uint32_t buffer,
                       unsigned direction,
                       const struct dmashare_segment *seg, unsigned n)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = id,
            .buffer = buffer,
            .direction = direction,
            .n_segments = n,
            .list = qdmashare_seg_list(d, seg, n, n),
        },
    };
    unsigned i;

    for (i = 0; i < n; i++) {
        desc.map.length += seg[i].len;
    }
    return qdmashare_command(d, &desc);
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

QDmashareBuf qdmashare_buf(QDmashare *d, uint32_t id, uint64_t size,
                           unsigned direction)
{
    QDmashareBuf buf = {
        .id = id,
        .phys = qdmashare_alloc(d, size),
        .size = size,
    };
    struct dmashare_segment seg = {
        .addr = qdmashare_dma(d, buf.phys),
        .len = size,
    };

    qdmashare_buffer(d, id, size);
    g_assert_cmphex(qdmashare_map(d, id, id, direction, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    return buf;
}

/* The graph */

/*
 * What tests consume: one interface a suite, all of them the device. QEMU's
 * graph walk keeps the tests of one interface on a stack of 128, which is less
 * than there are.
 */
static const char *const qdmashare_suites[] = {
    "dmashare-regs",
    "dmashare-queue",
    "dmashare-command",
    "dmashare-map",
    "dmashare-engine",
    "dmashare-job",
    "dmashare-fence",
    "dmashare-wait",
    "dmashare-msix",
    "dmashare-event",
    "dmashare-reset",
    "dmashare-ledger",
    "dmashare-hostile",
};

static void qdmashare_init(QDmashare *d, QPCIBus *bus, QGuestAllocator *alloc,
                           QPCIAddress *addr)
{
    qpci_device_init(&d->dev, bus, addr);
    d->qts = bus->qts;
    d->alloc = alloc;
}

static void qdmashare_start_hw(QOSGraphObject *obj)
{
    QDmashare *d = (QDmashare *)obj;

    qpci_device_enable(&d->dev);
    d->regs = qpci_iomap(&d->dev, DMASHARE_BAR_REGS, NULL);
    d->n_queues = 1 + qdmashare_readl(d, DMASHARE_REG_NUM_JOB_QUEUES);
    g_assert_cmpuint(d->n_queues, <=, ARRAY_SIZE(d->queue));
}

static void qdmashare_destructor(QOSGraphObject *obj)
{
    QDmashare *d = (QDmashare *)obj;

    /*
     * A test may end with work in flight, and the machine may live on for the
     * next: leave no device that writes into memory that is somebody else's.
     */
    qdmashare_reset(d);
    qpci_iounmap(&d->dev, d->regs);
}

static void *qdmashare_get_driver(void *obj, const char *interface)
{
    QDmashare *d = obj;
    size_t i;

    if (!g_strcmp0(interface, "pci-device")) {
        return &d->dev;
    }
    for (i = 0; i < ARRAY_SIZE(qdmashare_suites); i++) {
        if (!g_strcmp0(interface, qdmashare_suites[i])) {
            return d;
        }
    }
    fprintf(stderr, "%s not present in dmashare\n", interface);
    g_assert_not_reached();
}

static void *qdmashare_create(void *pci_bus, QGuestAllocator *alloc,
                              void *addr)
{
    QDmashare *d = g_new0(QDmashare, 1);

    qdmashare_init(d, pci_bus, alloc, addr);
    d->obj.get_driver = qdmashare_get_driver;
    d->obj.start_hw = qdmashare_start_hw;
    d->obj.destructor = qdmashare_destructor;
    return &d->obj;
}

QDmashare *qdmashare_new(QPCIBus *bus, QGuestAllocator *alloc, int devfn)
{
    QDmashare *d = g_new0(QDmashare, 1);
    QPCIAddress addr = {
        .devfn = devfn,
        .vendor_id = DMASHARE_PCI_VENDOR_ID,
        .device_id = DMASHARE_PCI_DEVICE_ID,
    };

    qdmashare_init(d, bus, alloc, &addr);
    qdmashare_start_hw(&d->obj);
    return d;
}

void qdmashare_free(QDmashare *d)
{
    qdmashare_destructor(&d->obj);
    g_free(d);
}

static void qdmashare_register_nodes(void)
{
    QOSGraphEdgeOptions opts = {
        .extra_device_opts = "addr=" stringify(QDMASHARE_SLOT) ".0",
    };
    size_t i;

    add_qpci_address(&opts, &(QPCIAddress) {
        .devfn = QPCI_DEVFN(QDMASHARE_SLOT, 0),
        .vendor_id = DMASHARE_PCI_VENDOR_ID,
        .device_id = DMASHARE_PCI_DEVICE_ID,
    });

    qos_node_create_driver("dmashare", qdmashare_create);
    qos_node_consumes("dmashare", "pci-bus", &opts);
    qos_node_produces("dmashare", "pci-device");
    for (i = 0; i < ARRAY_SIZE(qdmashare_suites); i++) {
        qos_node_produces("dmashare", qdmashare_suites[i]);
    }
}

libqos_init(qdmashare_register_nodes);
