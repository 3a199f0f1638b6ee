/*
 * dmashare: fault rules, and what becomes of the operations themselves
 *
 * Commands, jobs and their accesses fail, are late or never end, and devices
 * die of them. After each fault the next job has to succeed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "libqtest.h"
#include "libqos/dmashare-fault.h"

static struct dmashare_desc copy(QFaulty *f, unsigned timeline)
{
    return qfaulty_job(f, DMASHARE_OP_JOB_COPY, timeline);
}

/*
 * Commands
 */

static struct dmashare_completion control(QFaulty *f, struct dmashare_desc desc)
{
    return qdmashare_run(f->d, DMASHARE_QUEUE_CONTROL, &desc);
}

/*
 * Of each kind one that is right, in an order in which the next can be done
 * when the one before it was.
 */
static struct dmashare_desc command_of(QFaulty *f, unsigned i)
{
    struct dmashare_desc desc = { 0 };
    struct dmashare_segment seg;

    switch (i) {
    case 0:
        desc.opcode = DMASHARE_OP_NOP;
        break;
    case 1:
        desc.opcode = DMASHARE_OP_BUFFER_CREATE;
        desc.buffer.id = 77;
        desc.buffer.size = 4096;
        break;
    case 2:
        desc.opcode = DMASHARE_OP_ATTACH;
        desc.attach.id = 7;
        desc.attach.buffer = 77;
        break;
    case 3:
        desc = qdmashare_map_desc(f->d, 70, 77, 4096, &seg);
        desc.map.list = qdmashare_seg_list(f->d, &seg, 1, 1);
        break;
    case 4:
        desc.opcode = DMASHARE_OP_SYNC;
        desc.sync.mapping = 70;
        desc.sync.flags = DMASHARE_SYNC_F_FOR_DEVICE;
        desc.sync.length = 4096;
        break;
    case 5:
        desc.opcode = DMASHARE_OP_NOTE;
        desc.note.buffer = 77;
        desc.note.kind = DMASHARE_NOTE_EXPORT;
        break;
    case 6:
        desc.opcode = DMASHARE_OP_QUERY_LEDGER;
        desc.query.id = 77;
        desc.query.length = sizeof(struct dmashare_ledger);
        desc.query.addr = qdmashare_dma(f->d, qdmashare_alloc(f->d, 4096));
        break;
    case 7:
        desc.opcode = DMASHARE_OP_PLACE;
        desc.place.id = 77;
        desc.place.placement = DMASHARE_PLACEMENT_LOCAL;
        break;
    case 8:
        desc.opcode = DMASHARE_OP_UNMAP;
        desc.unmap.id = 70;
        break;
    case 9:
        desc.opcode = DMASHARE_OP_DETACH;
        desc.id.id = 7;
        break;
    case 10:
        desc.opcode = DMASHARE_OP_BUFFER_DESTROY;
        desc.id.id = 77;
        break;
    default:
        g_assert_not_reached();
    }
    return desc;
}

static const char *const command_names[] = {
    "nop", "buffer-create", "attach", "map", "sync", "note", "query-ledger",
    "place", "unmap", "detach", "buffer-destroy",
};

static void test_command_fail(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("local-size=1M");
    struct dmashare_ledger before, after;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(command_names); i++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'command', 'action': 'fail', 'error': 'enomem',"
            "'match': { 'opcode': '%s' }", command_names[i]);
        struct dmashare_desc desc = command_of(f, i);
        uint32_t id;

        qdmashare_ledger(f->d, 0, &before);
        id = qdmashare_fault_add(f->qts, rule);
        /* Another command is none of its business. */
        if (i) {
            g_assert_cmphex(control(f, command_of(f, 0)).status, ==,
                            DMASHARE_STATUS_OK);
        }
        qdmashare_assert_commanded(control(f, desc), QDMASHARE_ENOMEM);
        qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_COMMANDED);

        /* Nothing was done by halves: the ledger is as before, and it works. */
        qdmashare_ledger(f->d, 0, &after);
        g_assert_true(qdmashare_ledger_equal(&after, &before));
        g_assert_cmphex(control(f, desc).status, ==, DMASHARE_STATUS_OK);
        qdmashare_fault_remove(f->qts, id);
    }
    qdmashare_assert_no_event(f->d);
    qfaulty_assert_well(f);
}

/* A driver that asks for memory is refused three times. */
static void test_command_allocations(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    struct dmashare_desc desc = command_of(f, 1);
    uint32_t id;
    unsigned i;

    id = qdmashare_fault_add(f->qts, "'where': 'command', 'action': 'fail',"
                             "'error': 'enospc', 'times': 3,"
                             "'match': { 'opcode': 'buffer-create' }");
    for (i = 0; i < 3; i++) {
        g_assert_true(qdmashare_rule(f->qts, id).active);
        qdmashare_assert_commanded(control(f, desc), QDMASHARE_ENOSPC);
    }
    g_assert_false(qdmashare_rule(f->qts, id).active);
    g_assert_cmphex(control(f, desc).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(control(f, desc).status, ==, DMASHARE_STATUS_ID_EXISTS);
    g_assert_cmpuint(qdmashare_rule(f->qts, id).fired, ==, 3);
    g_assert_cmpuint(qdmashare_rule(f->qts, id).matched, ==, 5);
    qfaulty_assert_well(f);
}

/* By the buffer and by the mapping that a command names, or means. */
static void test_command_match(void)
{
    static const struct {
        const char *match;
        unsigned hit;           /* bits of those in command_of() */
    } rows[] = {
        { "'buffer': 77", 0x7fe },
        { "'mapping': 70", 0x118 },
        { "'buffer': 78", 0 },
        { "'mapping': 77", 0 },
        { "'buffer': 77, 'mapping': 70", 0x118 },
        { "'opcode': 'map', 'buffer': 77", 0x008 },
        { "'opcode': 'map', 'buffer': 70", 0 },
    };
    g_autoptr(QFaulty) f = qfaulty_new("local-size=1M");
    unsigned i, j;

    for (j = 0; j < ARRAY_SIZE(rows); j++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'command', 'action': 'fail', 'times': 0,"
            "'match': { %s }", rows[j].match);

        for (i = 0; i < ARRAY_SIZE(command_names); i++) {
            struct dmashare_desc desc = command_of(f, i);

            g_test_message("%s: %s", rows[j].match, command_names[i]);
            qdmashare_fault_add(f->qts, rule);
            if (rows[j].hit & 1u << i) {
                qdmashare_assert_commanded(control(f, desc), QDMASHARE_EIO);
                qdmashare_fault_remove_all(f->qts);
            }
            g_assert_cmphex(control(f, desc).status, ==, DMASHARE_STATUS_OK);
            qdmashare_fault_remove_all(f->qts);
        }
    }
    qfaulty_assert_well(f);
}

/*
 * Jobs
 */

/* In the order of the opcodes. */
static const char *const job_names[] = { "noop", "copy", "fill", "checksum" };

static void test_job_fail(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    struct dmashare_ledger before, after;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(job_names); i++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'job', 'action': 'fail', 'error': 'etimedout',"
            "'match': { 'opcode': '%s' }", job_names[i]);
        struct dmashare_desc desc = qfaulty_job(f, DMASHARE_OP_JOB_NOOP + i,
                                                3);
        struct dmashare_completion c;
        uint32_t id;

        qdmashare_ledger(f->d, 0, &before);
        id = qdmashare_fault_add(f->qts, rule);
        c = qdmashare_job(f->d, desc);
        qdmashare_assert_commanded(c, QDMASHARE_ETIMEDOUT);
        g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
        g_assert_cmpuint(qdmashare_fence(f->d, 3), ==, desc.job.seqno);
        qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_COMMANDED);

        /* Not a byte moved, and a failed fence is what it is. */
        qdmashare_pair_check(f->d, f->p);
        qdmashare_ledger(f->d, 0, &after);
        g_assert_cmpuint(after.jobs_failed, ==, before.jobs_failed + 1);
        g_assert_cmpuint(after.fences_failed, ==, before.fences_failed + 1);
        g_assert_cmpuint(after.bytes_read, ==, before.bytes_read);
        g_assert_cmpuint(after.bytes_written, ==, before.bytes_written);
        g_assert_cmpuint(after.faults, ==, before.faults);
        qdmashare_assert_no_event(f->d);
        qfaulty_assert_well(f);
    }
}

static void test_job_match(void)
{
    static const struct {
        const char *match;
        unsigned hit;           /* bits of the jobs below */
    } rows[] = {
        { "", 0xff },
        { "'queue': 2", 0xf0 },
        { "'queue': 1", 0x0f },
        { "'timeline': 5", 0xf0 },
        { "'timeline': 6", 0 },
        { "'buffer': 1", 0xaa },
        { "'buffer': 2", 0x66 },
        { "'buffer': 3", 0 },
        { "'mapping': 1", 0xaa },
        { "'mapping': 2", 0x66 },
        { "'opcode': 'copy', 'mapping': 1, 'buffer': 2, 'queue': 2", 0x20 },
    };
    g_autoptr(QFaulty) f = qfaulty_new("");
    unsigned i, j;

    for (j = 0; j < ARRAY_SIZE(rows); j++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'job', 'action': 'fail', 'times': 0, 'match': { %s }",
            rows[j].match);
        uint32_t id = qdmashare_fault_add(f->qts, rule);

        for (i = 0; i < 8; i++) {
            unsigned opcode = DMASHARE_OP_JOB_NOOP + i % 4;
            struct dmashare_desc desc = qfaulty_job(f, opcode, i < 4 ? 4 : 5);
            unsigned status = qdmashare_run(f->d, 1 + i / 4, &desc).status;

            g_test_message("%s: %u", rows[j].match, i);
            g_assert_cmphex(status, ==, rows[j].hit & 1u << i ?
                            DMASHARE_STATUS_COMMANDED : DMASHARE_STATUS_OK);
        }
        g_assert_cmpuint(qdmashare_rule(f->qts, id).matched, ==,
                         ctpop8(rows[j].hit));
        qdmashare_fault_remove(f->qts, id);
    }
    qfaulty_assert_well(f);
}

static void test_job_delay(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("latency=100");
    struct dmashare_completion c;
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'delay',"
                             "'delay': 5000, 'after': 1");
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 30));
    g_assert_cmphex(qdmashare_takes(f->d, 1, 30).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 30));
    c = qdmashare_takes(f->d, 1, 5030);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_OK);

    /* The bytes move at the end of the longer time. */
    qdmashare_fault_remove(f->qts, id);
    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'delay',"
                             "'delay': 1000");
    qdmashare_submit(f->d, 1, copy(f, 1));
    qdmashare_step(f->d, 1099);
    qdmashare_pair_check(f->d, f->p);
    qdmashare_step(f->d, 1);
    g_assert_true(qdmashare_try_pop(f->d, 1, &c));
    memcpy(f->p->dst_bytes, f->p->src_bytes, QFAULTY_SIZE);
    qdmashare_pair_check(f->d, f->p);
    /* What is delayed stays delayed, whatever becomes of the rule. */
    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'delay',"
                             "'delay': 1000");
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 1));
    qdmashare_fault_remove(f->qts, id);
    g_assert_cmphex(qdmashare_takes(f->d, 1, 1001).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_submit(f->d, 1, copy(f, 1));
    g_assert_cmphex(qdmashare_takes(f->d, 1, 100).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_pair_check(f->d, f->p);
}

static void test_job_hang(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    struct dmashare_desc desc = copy(f, 1);
    struct dmashare_completion c;
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'hang'");
    qdmashare_submit(f->d, 1, desc);
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 2, 0));
    qdmashare_hung_event(f->qts, id, 1, false);
    qdmashare_step(f->d, 3600ULL * NANOSECONDS_PER_SECOND);
    qdmashare_assert_idle(f->d, 1);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    g_assert_cmpuint(qdmashare_fence(f->d, 2), ==, 0);
    qdmashare_pair_check(f->d, f->p);

    /* Other engines work; and who waits for the fence waits. */
    desc = qdmashare_noop(f->d, 3, 0);
    g_assert_cmphex(qdmashare_run(f->d, 2, &desc).status, ==,
                    DMASHARE_STATUS_OK);

    qdmashare_fault_remove(f->qts, id);
    g_assert_cmphex(qdmashare_pop(f->d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(f->d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 1);
    memcpy(f->p->dst_bytes, f->p->src_bytes, QFAULTY_SIZE);
    qdmashare_pair_check(f->d, f->p);

    /* It has its time left when it is let go before that is over. */
    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'hang'");
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 1000));
    qdmashare_step(f->d, 400);
    qdmashare_fault_remove_all(f->qts);
    c = qdmashare_takes(f->d, 1, 600);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    qfaulty_assert_well(f);
}

/* The driver gives the queue up, or the device. */
static void test_job_hang_recovery(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'hang',"
                             "'match': { 'queue': 1 }, 'times': 2");
    qdmashare_submit(f->d, 1, copy(f, 1));
    qdmashare_hung_event(f->qts, id, 1, false);
    qdmashare_queue_disable(f->d, 1);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 1);
    qdmashare_pair_check(f->d, f->p);
    qdmashare_queue_setup(f->d, 1, 16, 16);
    qdmashare_submit(f->d, 1, copy(f, 1));
    qdmashare_hung_event(f->qts, id, 1, false);
    qdmashare_assert_idle(f->d, 1);
    qfaulty_start_again(f);
    g_assert_cmpuint(qdmashare_rule(f->qts, id).fired, ==, 2);
    qdmashare_fault_remove_all(f->qts);
    qfaulty_assert_well(f);
}

/*
 * DMA
 */

/* A job that fails by a rule is a job that met an error of the bus. */
static void assert_dma(QFaulty *f, struct dmashare_desc desc, uint32_t id,
                       const QDmashareFault *want)
{
    struct dmashare_completion c = qdmashare_job(f->d, desc);
    QDmashareFault fault = *want;

    qdmashare_assert_commanded(c, QDMASHARE_EIO);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    fault.status = DMASHARE_STATUS_COMMANDED;
    qdmashare_fault_told(f->d, &c, &fault,
                         qdmashare_readq(f->d, DMASHARE_REG_TIME_LO));
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_COMMANDED);
}

static void test_dma_read(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    QDmashareFault want = {
        .mapping = QDMASHARE_SRC,
        .addr = qdmashare_dma(f->d, f->p->src.phys),
    };
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'dma-read', 'action': 'fail',"
                             "'times': 2");
    assert_dma(f, copy(f, 1), id, &want);
    qdmashare_pair_check(f->d, f->p);
    assert_dma(f, qdmashare_checksum(f->d, 1, QDMASHARE_SRC, 8, 16), id,
               &(QDmashareFault) {
                   .mapping = QDMASHARE_SRC,
                   .offset = 8,
                   .addr = want.addr + 8,
               });
    qfaulty_assert_well(f);

    /* What only writes does not read. */
    qdmashare_fault_remove_all(f->qts);
    id = qdmashare_fault_add(f->qts, "'where': 'dma-read', 'action': 'fail'");
    qdmashare_assert_ok(f->d, qdmashare_fill(f->d, 1, QDMASHARE_DST, 0, 8, 1));
    g_assert_cmpuint(qdmashare_rule(f->qts, id).matched, ==, 0);
}

static void test_dma_write(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    QDmashareFault want = {
        .mapping = QDMASHARE_DST,
        .addr = qdmashare_dma(f->d, f->p->dst.phys),
        .write = true,
    };
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'times': 2");
    assert_dma(f, copy(f, 1), id, &want);
    assert_dma(f, qdmashare_fill(f->d, 1, QDMASHARE_DST, 0, 8, 1), id, &want);
    qdmashare_pair_check(f->d, f->p);
    qdmashare_assert_ok(f->d, qdmashare_checksum(f->d, 1, QDMASHARE_SRC, 0,
                                                 8));
    g_assert_cmpuint(qdmashare_rule(f->qts, id).matched, ==, 2);
    qfaulty_assert_well(f);
}

/* An access is what a row has in one segment, however it is done. */
static void test_dma_accesses(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint64_t phys = qdmashare_alloc(f->d, 3 * 64 * 1024);
    g_autofree uint8_t *bytes = g_malloc0(3 * 64 * 1024);
    struct dmashare_segment seg[3];
    struct dmashare_desc desc;
    unsigned i;
    uint32_t id;

    for (i = 0; i < 3; i++) {
        seg[i].addr = qdmashare_dma(f->d, phys + i * 64 * 1024);
        seg[i].len = 64 * 1024;
    }
    qdmashare_buffer(f->d, 9, 3 * 64 * 1024);
    g_assert_cmphex(qdmashare_map(f->d, 9, 9, DMASHARE_DIR_BIDIRECTIONAL, seg,
                                  3), ==, DMASHARE_STATUS_OK);

    /* The third segment: what went before is written. */
    id = qdmashare_fault_add(f->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'after': 2, 'match': { 'mapping': 9 }");
    assert_dma(f, qdmashare_fill(f->d, 1, 9, 100, 3 * 64 * 1024 - 100, 0x1111),
               id, &(QDmashareFault) {
                   .mapping = 9,
                   .offset = 2 * 64 * 1024,
                   .addr = seg[2].addr,
                   .write = true,
               });
    qdmashare_pattern(bytes + 100, 2 * 64 * 1024 - 100, 0x1111);
    qdmashare_assert_bytes(f->d, phys, bytes, 3 * 64 * 1024);
    qdmashare_fault_remove_all(f->qts);

    /* The third row. */
    id = qdmashare_fault_add(f->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'after': 2, 'match': { 'buffer': 9 }");
    desc = qdmashare_fill(f->d, 1, 9, 0, 16, 0x2222);
    desc.job.rows = 4;
    desc.job.dst.pitch = 32;
    assert_dma(f, desc, id, &(QDmashareFault) {
                   .mapping = 9,
                   .offset = 64,
                   .addr = seg[0].addr + 64,
                   .write = true,
               });
    qdmashare_pattern(bytes, 16, 0x2222);
    qdmashare_pattern(bytes + 32, 16, 0x2222);
    qdmashare_assert_bytes(f->d, phys, bytes, 3 * 64 * 1024);

    /* Rows across a border have two. */
    qdmashare_fault_remove_all(f->qts);
    id = qdmashare_fault_add(f->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'after': 1000");
    desc = qdmashare_fill(f->d, 1, 9, 64 * 1024 - 8, 16, 0x3333);
    desc.job.rows = 3;
    desc.job.dst.pitch = 64;
    qdmashare_assert_ok(f->d, desc);
    g_assert_cmpuint(qdmashare_rule(f->qts, id).matched, ==, 4);
    qfaulty_assert_well(f);
}

static void test_dma_match(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("local-size=1M");
    QDmashareBuf local = qdmashare_local_buf(f->d, 5, 0, 4096,
                                             DMASHARE_DIR_BIDIRECTIONAL);
    struct dmashare_desc desc;
    uint32_t other, queue;

    other = qdmashare_fault_add(f->qts, "'where': 'dma-write',"
                                "'action': 'fail', 'match': { 'buffer': 3 }");
    queue = qdmashare_fault_add(f->qts, "'where': 'dma-write',"
                                "'action': 'fail', 'match': { 'queue': 2 }");
    qdmashare_assert_ok(f->d, qdmashare_fill(f->d, 1, QDMASHARE_DST, 0, 8, 1));
    desc = qdmashare_fill(f->d, 2, QDMASHARE_DST, 0, 8, 2);
    qdmashare_assert_commanded(qdmashare_run(f->d, 2, &desc), QDMASHARE_EIO);
    g_assert_cmpuint(qdmashare_event(f->d).queue, ==, 2);
    g_assert_cmpuint(qdmashare_rule(f->qts, other).matched, ==, 0);
    g_assert_cmpuint(qdmashare_rule(f->qts, queue).fired, ==, 1);
    qdmashare_fault_event(f->qts, queue, DMASHARE_STATUS_COMMANDED);
    qdmashare_fault_remove_all(f->qts);

    /* Local memory has no address that could be told. */
    queue = qdmashare_fault_add(f->qts, "'where': 'dma-write',"
                                "'action': 'fail', 'match': { 'mapping': 5 }");
    qtest_bufwrite(f->qts, local.phys, "before", 7);
    assert_dma(f, qdmashare_fill(f->d, 1, 5, 0, 4096, 1), queue,
               &(QDmashareFault) {
                   .mapping = 5,
                   .addr = UINT64_MAX,
                   .write = true,
               });
    qdmashare_assert_bytes(f->d, local.phys, "before", 7);
    qfaulty_assert_well(f);
}

/* Engines that work on copies access memory, too, as far as rules see it. */
static void test_dma_copies(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("coherent=off");
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'dma-write',"
                             "'action': 'fail'");
    qdmashare_assert_commanded(qdmashare_job(f->d, copy(f, 1)), QDMASHARE_EIO);
    g_assert_cmpuint(qdmashare_event(f->d).type, ==, DMASHARE_EVENT_FAULT);
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_COMMANDED);
    qdmashare_sync(f->d, QDMASHARE_DST, DMASHARE_SYNC_F_FOR_CPU,
                   DMASHARE_DIR_FROM_DEVICE, 0, QFAULTY_SIZE);
    qdmashare_pair_check(f->d, f->p);
    qdmashare_assert_ok(f->d, copy(f, 1));
    qdmashare_sync(f->d, QDMASHARE_DST, DMASHARE_SYNC_F_FOR_CPU,
                   DMASHARE_DIR_FROM_DEVICE, 0, QFAULTY_SIZE);
    memcpy(f->p->dst_bytes, f->p->src_bytes, QFAULTY_SIZE);
    qdmashare_pair_check(f->d, f->p);
}

/*
 * Fatal
 */

static void assert_fatal(QFaulty *f, uint32_t id, unsigned queue)
{
    QDmashare *d = f->d;
    struct dmashare_event e = qdmashare_event(d);
    struct dmashare_completion c;
    unsigned q;

    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FATAL);
    g_assert_cmphex(e.status, ==, 0);
    g_assert_cmphex(e.addr, ==, UINT64_MAX);
    g_assert_true(qdmashare_msix_fired(d, 0));
    qdmashare_hung_event(f->qts, id, queue, true);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==,
                    DMASHARE_STATUS_REG_READY | DMASHARE_STATUS_REG_FATAL);

    /* Nothing happens any more, and nothing can be told. */
    for (q = 0; q < 3; q++) {
        struct dmashare_desc nop = { .opcode = DMASHARE_OP_NOP };
        uint32_t base = DMASHARE_REG_QUEUE(q);
        uint32_t head = qdmashare_readl(d, base + DMASHARE_QREG_SQ_HEAD);

        qdmashare_push(d, q, &nop);
        qdmashare_doorbell(d, q);
        qdmashare_step(d, 100 * NANOSECONDS_PER_SECOND);
        g_assert_false(qdmashare_peek(d, q, &c));
        g_assert_cmpuint(qdmashare_readl(d, base + DMASHARE_QREG_SQ_HEAD), ==,
                         head);
        qdmashare_queue_disable(d, q);
        g_assert_cmphex(qdmashare_readl(d, base + DMASHARE_QREG_STATUS), ==,
                        DMASHARE_QSTATUS_ENABLED);
    }
    qdmashare_writel(d, DMASHARE_REG_CTRL, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_CTRL), ==,
                    DMASHARE_CTRL_ENABLE);
    qdmashare_writel(d, DMASHARE_REG_FENCE_CTRL, 0);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FENCE_CTRL), ==,
                    DMASHARE_FENCE_CTRL_ENABLE);
    qdmashare_fault_remove_all(f->qts);
    qdmashare_assert_no_event(d);
    g_assert_false(qdmashare_msix_fired(d, 1));
    g_assert_false(qdmashare_msix_fired(d, 2));
}

static void test_job_fatal(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    struct dmashare_desc wait;
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'fatal',"
                             "'match': { 'opcode': 'copy' }");
    /* One that waits for it, and one behind it. */
    wait = qdmashare_noop(f->d, 4, 0);
    qdmashare_wait_for(&wait, 3, 1);
    qdmashare_submit(f->d, 2, wait);
    qdmashare_submit(f->d, 1, copy(f, 3));
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 3, 0));
    assert_fatal(f, id, 1);
    g_assert_cmpuint(qdmashare_fence(f->d, 3), ==, 0);
    g_assert_cmpuint(qdmashare_fence(f->d, 4), ==, 0);
    qdmashare_pair_check(f->d, f->p);
    qfaulty_start_again(f);
}

static void test_command_fatal(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'command',"
                             "'action': 'fatal'");
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 1000));
    qdmashare_submit(f->d, 0, command_of(f, 1));
    assert_fatal(f, id, 0);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qfaulty_start_again(f);
}

static void test_queue_fatal(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t id;

    id = qdmashare_fault_add(f->qts, "'where': 'queue', 'action': 'fatal',"
                             "'match': { 'queue': 2 }, 'after': 1");
    qdmashare_submit(f->d, 2, qdmashare_noop(f->d, 1, 0));
    g_assert_cmphex(qdmashare_pop(f->d, 2).status, ==, DMASHARE_STATUS_OK);
    qdmashare_msix_fired(f->d, 3);
    qdmashare_msix_fired(f->d, 1);
    qdmashare_msix_fired(f->d, 2);
    qdmashare_submit(f->d, 2, qdmashare_noop(f->d, 1, 0));
    g_assert_cmpuint(qdmashare_readl(f->d, DMASHARE_REG_QUEUE(2) +
                                     DMASHARE_QREG_SQ_HEAD), ==, 1);
    assert_fatal(f, id, 2);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 1);
    qfaulty_start_again(f);

    /* A reset of the PCI function does it as well. */
    id = qdmashare_fault_add(f->qts, "'where': 'queue', 'action': 'fatal'");
    qdmashare_submit(f->d, 0, command_of(f, 0));
    qdmashare_hung_event(f->qts, id, 0, true);
    qtest_system_reset(f->qts);
    f->d->dev.msix_enabled = false;
    qpci_device_enable(&f->d->dev);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/fault/command/fail", test_command_fail);
    qtest_add_func("/dmashare/fault/command/allocations",
                   test_command_allocations);
    qtest_add_func("/dmashare/fault/command/match", test_command_match);
    qtest_add_func("/dmashare/fault/command/fatal", test_command_fatal);
    qtest_add_func("/dmashare/fault/job/fail", test_job_fail);
    qtest_add_func("/dmashare/fault/job/match", test_job_match);
    qtest_add_func("/dmashare/fault/job/delay", test_job_delay);
    qtest_add_func("/dmashare/fault/job/hang", test_job_hang);
    qtest_add_func("/dmashare/fault/job/hang-recovery",
                   test_job_hang_recovery);
    qtest_add_func("/dmashare/fault/job/fatal", test_job_fatal);
    qtest_add_func("/dmashare/fault/dma/read", test_dma_read);
    qtest_add_func("/dmashare/fault/dma/write", test_dma_write);
    qtest_add_func("/dmashare/fault/dma/accesses", test_dma_accesses);
    qtest_add_func("/dmashare/fault/dma/match", test_dma_match);
    qtest_add_func("/dmashare/fault/dma/copies", test_dma_copies);
    qtest_add_func("/dmashare/fault/queue/fatal", test_queue_fatal);
    return g_test_run();
}
