/*
 * dmashare-bench-command: what commands cost in the device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-bench.h"

#define PAGE            (4 * KiB)

/*
 * MAP, by the number of segments. So many mappings are made by one doorbell
 * that this costs nothing any more.
 */

#define MAP_MOST        1000000
#define MAP_AT_ONCE     100000
#define MAP_ROUNDS      15
#define MAP_WARM_UP     2

typedef struct Map {
    QBench *b;
    uint32_t segments;
    uint32_t mappings;          /* at once */
    uint64_t phys;              /* of the list */
    uint64_t list;              /* its DMA address */
    uint64_t sum;               /* of what the floor read */
} Map;

static double map_device(void *opaque)
{
    Map *m = opaque;
    uint64_t ns;

    for (uint32_t id = 1; id <= m->mappings; id++) {
        struct dmashare_desc desc =
            qbench_map_desc(id, m->segments * PAGE,
                            DMASHARE_DIR_BIDIRECTIONAL, m->segments, m->list);

        qbench_push(m->b, DMASHARE_QUEUE_CONTROL, &desc);
    }
    qbench_go(m->b, DMASHARE_QUEUE_CONTROL);
    ns = m->b->cpu;
    for (uint32_t id = 1; id <= m->mappings; id++) {
        struct dmashare_desc desc = {
            .opcode = DMASHARE_OP_UNMAP,
            .unmap.id = id,
        };

        qbench_push(m->b, DMASHARE_QUEUE_CONTROL, &desc);
    }
    qbench_go(m->b, DMASHARE_QUEUE_CONTROL);
    return (double)ns / m->segments / m->mappings;
}

/* Block after block, as the device has to. */
static double map_reads(void *opaque)
{
    Map *m = opaque;
    uint64_t before = qbench_own_cpu();

    for (uint32_t i = 0; i < m->mappings; i++) {
        uint64_t at = m->phys;

        while (at) {
            const struct dmashare_seg_block *head = qbench_host(m->b, at);
            const struct dmashare_segment *seg = (const void *)(head + 1);
            uint32_t count = le32_to_cpu(head->count);

            for (uint32_t j = 0; j < count; j++) {
                m->sum += le64_to_cpu(seg[j].addr) ^ le64_to_cpu(seg[j].len);
            }
            at = le64_to_cpu(head->next);
        }
    }
    return (double)(qbench_own_cpu() - before) / m->segments / m->mappings;
}

static void take_map(void)
{
    g_autofree struct dmashare_segment *seg =
        g_new(struct dmashare_segment, MAP_MOST);
    Map m = { .b = qbench_new(false, "max-segments=1048576,"
                              "max-total-segments=4194304") };

    for (uint32_t i = 0; i < MAP_MOST; i++) {
        seg[i].addr = GiB + i * 2ULL * PAGE;
        seg[i].len = PAGE;
    }
    for (m.segments = 1; m.segments <= MAP_MOST; m.segments *= 10) {
        m.mappings = MIN(MAX(MAP_AT_ONCE / m.segments, 1), 2000);
        m.list = qbench_list(m.b, seg, m.segments);
        m.phys = m.list - m.b->d->dma_base;
        for (uint32_t id = 1; id <= m.mappings; id++) {
            qdmashare_buffer(m.b->d, id, m.segments * PAGE);
        }
        qbench_take(m.b, "map-command", "ns", MAP_ROUNDS, MAP_WARM_UP,
                    map_device, map_reads, &m, m.segments);
        for (uint32_t id = 1; id <= m.mappings; id++) {
            qdmashare_destroy(m.b->d, id);
        }
    }
    g_assert_cmphex(m.sum, !=, 0);
    qbench_free(m.b);
}

/*
 * The journal: the same operations by two devices, one of which keeps none
 */

#define JOURNAL_LIVES   500
#define JOURNAL_COPIES  1000
#define JOURNAL_ROUNDS  60
#define JOURNAL_WARM_UP 5

typedef struct Journal {
    QBench *on;
    QBench *off;
    uint64_t list;
} Journal;

static void push_id(QBench *b, uint8_t opcode, uint32_t id)
{
    struct dmashare_desc desc = { .opcode = opcode, .id.id = id };

    qbench_push(b, DMASHARE_QUEUE_CONTROL, &desc);
}

/* A buffer is made, attached to, mapped, unmapped, detached and destroyed. */
static void push_life(QBench *b, uint32_t id, uint64_t list)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = { .id = id, .size = PAGE },
    };

    qbench_push(b, DMASHARE_QUEUE_CONTROL, &desc);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_ATTACH,
        .attach = { .id = id, .buffer = id },
    };
    qbench_push(b, DMASHARE_QUEUE_CONTROL, &desc);
    desc = qbench_map_desc(id, PAGE, DMASHARE_DIR_BIDIRECTIONAL, 1, list);
    desc.map.attachment = id;
    qbench_push(b, DMASHARE_QUEUE_CONTROL, &desc);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_UNMAP,
        .unmap.id = id,
    };
    qbench_push(b, DMASHARE_QUEUE_CONTROL, &desc);
    push_id(b, DMASHARE_OP_DETACH, id);
    push_id(b, DMASHARE_OP_BUFFER_DESTROY, id);
}

static double operations(QBench *b, uint64_t list)
{
    uint64_t ns;

    for (uint32_t i = 0; i < JOURNAL_LIVES; i++) {
        push_life(b, 100 + i, list);
    }
    qbench_go(b, DMASHARE_QUEUE_CONTROL);
    ns = b->cpu;
    for (uint32_t i = 0; i < JOURNAL_COPIES; i++) {
        struct dmashare_desc desc = qdmashare_copy(b->d, 0, QDMASHARE_DST, 0,
                                                   QDMASHARE_SRC, 0, PAGE);

        qbench_push(b, 1, &desc);
    }
    qbench_go(b, 1);
    ns += b->cpu;
    return (double)ns / (6 * JOURNAL_LIVES + JOURNAL_COPIES);
}

static double journal_on(void *opaque)
{
    Journal *j = opaque;

    return operations(j->on, j->list);
}

static double journal_off(void *opaque)
{
    Journal *j = opaque;

    return operations(j->off, j->list);
}

/* Two buffers, and the list of a third one; the list is where it always is. */
static uint64_t journal_buffers(QBench *b)
{
    struct dmashare_segment seg = { .len = PAGE };

    for (uint32_t id = QDMASHARE_SRC; id <= QDMASHARE_DST; id++) {
        struct dmashare_desc desc;

        seg.addr = qbench_alloc(b, PAGE);
        desc = qbench_map_desc(id, PAGE, DMASHARE_DIR_BIDIRECTIONAL, 1,
                               qbench_list(b, &seg, 1));
        qdmashare_buffer(b->d, id, PAGE);
        qbench_do(b, DMASHARE_QUEUE_CONTROL, &desc);
    }
    seg.addr = qbench_alloc(b, PAGE);
    return qbench_list(b, &seg, 1);
}

static void take_journal(void)
{
    Journal j = {
        .on = qbench_new(false, ""),
        .off = qbench_new(false, "journal-size=0"),
    };

    j.list = journal_buffers(j.on);
    g_assert_cmphex(journal_buffers(j.off), ==, j.list);
    qbench_take(j.on, "journal", "ns", JOURNAL_ROUNDS, JOURNAL_WARM_UP,
                journal_on, journal_off, &j, 0);
    qbench_free(j.on);
    qbench_free(j.off);
}

/*
 * Twenty operations of a test
 */

#define BATCH           20
#define BATCH_ROUNDS    200
#define BATCH_WARM_UP   20

static struct dmashare_desc batch_copy(QBench *b)
{
    return qdmashare_copy(b->d, 0, QDMASHARE_DST, 0, QDMASHARE_SRC, 0, PAGE);
}

/* The test has guest memory mapped: only the doorbell is a message. */
static double batch_doorbell(void *opaque)
{
    QBench *b = opaque;
    uint64_t before = qbench_now();

    for (unsigned i = 0; i < BATCH; i++) {
        struct dmashare_desc desc = batch_copy(b);

        qbench_push(b, 1, &desc);
    }
    before = qbench_now() - before;
    return before + qbench_go(b, 1);
}

/* It is not: descriptors, doorbell and completions are a message each. */
static double batch_messages(void *opaque)
{
    QBench *b = opaque;
    QDmashareQueue *queue = &b->d->queue[1];
    struct dmashare_desc desc[BATCH] = { 0 };
    struct dmashare_completion done[BATCH];
    uint64_t before, ns;

    /* No ring ends in the middle of it. */
    while (queue->sq_tail % QBENCH_ENTRIES + BATCH > QBENCH_ENTRIES) {
        struct dmashare_desc noop = qdmashare_noop(b->d, 0, 0);

        qbench_push(b, 1, &noop);
        qbench_go(b, 1);
    }
    before = qbench_now();
    for (unsigned i = 0; i < BATCH; i++) {
        desc[i] = batch_copy(b);
        desc[i].cookie = ++b->d->cookie;
        qdmashare_desc_to_le(&desc[i]);
    }
    qtest_bufwrite(b->d->qts, queue->sq + queue->sq_tail % QBENCH_ENTRIES *
                   sizeof(desc[0]), desc, sizeof(desc));
    queue->sq_tail += BATCH;
    qdmashare_doorbell(b->d, 1);
    do {
        qtest_bufread(b->d->qts, queue->cq + queue->cq_head % QBENCH_ENTRIES *
                      sizeof(done[0]), done, sizeof(done));
    } while (le32_to_cpu(done[BATCH - 1].seq) != queue->sq_tail);
    ns = qbench_now() - before;
    for (unsigned i = 0; i < BATCH; i++) {
        g_assert_cmphex(le16_to_cpu(done[i].status), ==, DMASHARE_STATUS_OK);
    }
    queue->cq_head += BATCH;
    qdmashare_writel(b->d, DMASHARE_REG_DOORBELL_CQ(1), queue->cq_head);
    return ns;
}

/* What twenty questions cost that are answered at once. */
static double batch_round_trips(void *opaque)
{
    QBench *b = opaque;
    uint64_t before = qbench_now();

    for (unsigned i = 0; i < BATCH; i++) {
        g_assert_cmphex(qdmashare_readl(b->d, DMASHARE_REG_STATUS), ==,
                        DMASHARE_STATUS_REG_READY);
    }
    return qbench_now() - before;
}

static void take_batch_with(const char *figure, QBenchSample *measured)
{
    QBench *b = qbench_new(false, "");

    journal_buffers(b);
    qbench_take(NULL, figure, "ns", BATCH_ROUNDS, BATCH_WARM_UP, measured,
                batch_round_trips, b, 0);
    qbench_free(b);
}

static void take_batch(void)
{
    take_batch_with("qtest-batch", batch_doorbell);
}

static void take_messages(void)
{
    take_batch_with("qtest-messages", batch_messages);
}

static const QBenchFigure figures[] = {
    { "map-command", take_map },
    { "journal", take_journal },
    { "qtest-batch", take_batch },
    { "qtest-messages", take_messages },
};

int main(int argc, char **argv)
{
    return qbench_main(argc, argv, figures, ARRAY_SIZE(figures));
}
