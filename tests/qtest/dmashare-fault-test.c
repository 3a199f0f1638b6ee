/*
 * dmashare: fault rules, every action at every place
 *
 * What a rule does is seen where it would be: in completions, in fence memory,
 * in the bytes. After each fault the next job has to succeed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "libqtest.h"
#include "qobject/qjson.h"
#include "libqos/dmashare-fault.h"

/* Errors as the guest is told of them. */
#define EIO_        5
#define ENOMEM_     12
#define ENOSPC_     28
#define ETIMEDOUT_  110

/* A device with a source and a destination. */
typedef struct Setup {
    QDmashareMachine *m;
    QDmashare *d;
    QTestState *qts;
    QDmasharePair *p;
} Setup;

static void setup_free(Setup *s)
{
    qdmashare_pair_free(s->p);
    qdmashare_machine_free(s->m);
    g_free(s);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Setup, setup_free)

#define SIZE        12288

static Setup *setup_new(const char *properties)
{
    Setup *s = g_new0(Setup, 1);
    g_autofree char *all = g_strdup_printf("id=" QDMASHARE_ID "%s%s",
                                           *properties ? "," : "", properties);
    unsigned v;

    s->m = qdmashare_one("-M pc", all);
    s->d = s->m->d;
    s->qts = s->m->qts;
    s->p = qdmashare_pair_new(s->d, SIZE);
    qdmashare_settle(s->d);
    for (v = 0; v < 6; v++) {
        qdmashare_msix_fired(s->d, v);
    }
    return s;
}

static struct dmashare_desc copy(Setup *s, unsigned timeline)
{
    return qdmashare_copy(s->d, timeline, QDMASHARE_DST, 0, QDMASHARE_SRC, 0,
                          SIZE);
}

/* A job does what it should, to the byte, and says so once. */
static void assert_well(Setup *s)
{
    struct dmashare_completion c;

    qdmashare_noise(s->p->src_bytes, SIZE, qdmashare_next(s->d, 63));
    qtest_bufwrite(s->qts, s->p->src.phys, s->p->src_bytes, SIZE);
    memcpy(s->p->dst_bytes, s->p->src_bytes, SIZE);
    c = qdmashare_job(s->d, copy(s, 0));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(qdmashare_fence(s->d, 0), ==, s->d->seqno[0]);
    qdmashare_pair_check(s->d, s->p);
}

/* The device from its reset on. */
static void start_again(Setup *s)
{
    qdmashare_reset(s->d);
    g_assert_cmphex(qdmashare_readl(s->d, DMASHARE_REG_STATUS), ==, 0);
    qdmashare_start(s->d);
    qdmashare_pair_free(s->p);
    s->p = qdmashare_pair_new(s->d, SIZE);
    assert_well(s);
}

static void assert_commanded(struct dmashare_completion c, unsigned error)
{
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(c.detail, ==, error);
    g_assert_cmpuint(c.result, ==, 0);
}

static struct dmashare_completion control(Setup *s, struct dmashare_desc desc)
{
    return qdmashare_run(s->d, DMASHARE_QUEUE_CONTROL, &desc);
}

/*
 * Commands
 */

/*
 * Of each kind one that is right, in an order in which the next can be done
 * when the one before it was.
 */
static struct dmashare_desc command_of(Setup *s, unsigned i)
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
        desc = qdmashare_map_desc(s->d, 70, 77, 4096, &seg);
        desc.map.list = qdmashare_seg_list(s->d, &seg, 1, 1);
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
        desc.query.addr = qdmashare_dma(s->d, qdmashare_alloc(s->d, 4096));
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
    g_autoptr(Setup) s = setup_new("local-size=1M");
    struct dmashare_ledger before, after;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(command_names); i++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'command', 'action': 'fail', 'error': 'enomem',"
            "'match': { 'opcode': '%s' }", command_names[i]);
        struct dmashare_desc desc = command_of(s, i);
        uint32_t id;

        qdmashare_ledger(s->d, 0, &before);
        id = qdmashare_fault_add(s->qts, rule);
        /* Another command is none of its business. */
        if (i) {
            g_assert_cmphex(control(s, command_of(s, 0)).status, ==,
                            DMASHARE_STATUS_OK);
        }
        assert_commanded(control(s, desc), ENOMEM_);
        qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_COMMANDED);

        /* Nothing was done by halves: the ledger is as before, and it works. */
        qdmashare_ledger(s->d, 0, &after);
        g_assert_true(qdmashare_ledger_equal(&after, &before));
        g_assert_cmphex(control(s, desc).status, ==, DMASHARE_STATUS_OK);
        qdmashare_fault_remove(s->qts, id);
    }
    qdmashare_assert_no_event(s->d);
    assert_well(s);
}

/* A driver that asks for memory is refused three times. */
static void test_command_allocations(void)
{
    g_autoptr(Setup) s = setup_new("");
    struct dmashare_desc desc = command_of(s, 1);
    uint32_t id;
    unsigned i;

    id = qdmashare_fault_add(s->qts, "'where': 'command', 'action': 'fail',"
                             "'error': 'enospc', 'times': 3,"
                             "'match': { 'opcode': 'buffer-create' }");
    for (i = 0; i < 3; i++) {
        g_assert_true(qdmashare_rule(s->qts, id).active);
        assert_commanded(control(s, desc), ENOSPC_);
    }
    g_assert_false(qdmashare_rule(s->qts, id).active);
    g_assert_cmphex(control(s, desc).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(control(s, desc).status, ==, DMASHARE_STATUS_ID_EXISTS);
    g_assert_cmpuint(qdmashare_rule(s->qts, id).fired, ==, 3);
    g_assert_cmpuint(qdmashare_rule(s->qts, id).matched, ==, 5);
    assert_well(s);
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
    g_autoptr(Setup) s = setup_new("local-size=1M");
    unsigned i, j;

    for (j = 0; j < ARRAY_SIZE(rows); j++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'command', 'action': 'fail', 'times': 0,"
            "'match': { %s }", rows[j].match);

        for (i = 0; i < ARRAY_SIZE(command_names); i++) {
            struct dmashare_desc desc = command_of(s, i);

            g_test_message("%s: %s", rows[j].match, command_names[i]);
            qdmashare_fault_add(s->qts, rule);
            if (rows[j].hit & 1u << i) {
                assert_commanded(control(s, desc), EIO_);
                qdmashare_fault_remove_all(s->qts);
            }
            g_assert_cmphex(control(s, desc).status, ==, DMASHARE_STATUS_OK);
            qdmashare_fault_remove_all(s->qts);
        }
    }
    assert_well(s);
}

/*
 * Jobs
 */

static const char *const job_names[] = { "noop", "copy", "fill", "checksum" };

static struct dmashare_desc job_of(Setup *s, unsigned i, unsigned timeline)
{
    switch (i) {
    case 0:
        return qdmashare_noop(s->d, timeline, 0);
    case 1:
        return copy(s, timeline);
    case 2:
        return qdmashare_fill(s->d, timeline, QDMASHARE_DST, 0, SIZE, 0x55);
    default:
        return qdmashare_checksum(s->d, timeline, QDMASHARE_SRC, 0, SIZE);
    }
}

static void test_job_fail(void)
{
    g_autoptr(Setup) s = setup_new("");
    struct dmashare_ledger before, after;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(job_names); i++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'job', 'action': 'fail', 'error': 'etimedout',"
            "'match': { 'opcode': '%s' }", job_names[i]);
        struct dmashare_desc desc = job_of(s, i, 3);
        struct dmashare_completion c;
        uint32_t id;

        qdmashare_ledger(s->d, 0, &before);
        id = qdmashare_fault_add(s->qts, rule);
        c = qdmashare_job(s->d, desc);
        assert_commanded(c, ETIMEDOUT_);
        g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
        g_assert_cmpuint(qdmashare_fence(s->d, 3), ==, desc.job.seqno);
        qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_COMMANDED);

        /* Not a byte moved, and a failed fence is what it is. */
        qdmashare_pair_check(s->d, s->p);
        qdmashare_ledger(s->d, 0, &after);
        g_assert_cmpuint(after.jobs_failed, ==, before.jobs_failed + 1);
        g_assert_cmpuint(after.fences_failed, ==, before.fences_failed + 1);
        g_assert_cmpuint(after.bytes_read, ==, before.bytes_read);
        g_assert_cmpuint(after.bytes_written, ==, before.bytes_written);
        g_assert_cmpuint(after.faults, ==, before.faults);
        qdmashare_assert_no_event(s->d);
        assert_well(s);
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
    g_autoptr(Setup) s = setup_new("");
    unsigned i, j;

    for (j = 0; j < ARRAY_SIZE(rows); j++) {
        g_autofree char *rule = g_strdup_printf(
            "'where': 'job', 'action': 'fail', 'times': 0, 'match': { %s }",
            rows[j].match);
        uint32_t id = qdmashare_fault_add(s->qts, rule);

        for (i = 0; i < 8; i++) {
            struct dmashare_desc desc = job_of(s, i % 4, i < 4 ? 4 : 5);
            unsigned status = qdmashare_run(s->d, 1 + i / 4, &desc).status;

            g_test_message("%s: %u", rows[j].match, i);
            g_assert_cmphex(status, ==, rows[j].hit & 1u << i ?
                            DMASHARE_STATUS_COMMANDED : DMASHARE_STATUS_OK);
        }
        g_assert_cmpuint(qdmashare_rule(s->qts, id).matched, ==,
                         ctpop8(rows[j].hit));
        qdmashare_fault_remove(s->qts, id);
    }
    assert_well(s);
}

static void test_job_delay(void)
{
    g_autoptr(Setup) s = setup_new("latency=100");
    struct dmashare_completion c;
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'delay',"
                             "'delay': 5000, 'after': 1");
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 30));
    g_assert_cmphex(qdmashare_takes(s->d, 1, 30).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 30));
    c = qdmashare_takes(s->d, 1, 5030);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_OK);

    /* The bytes move at the end of the longer time. */
    qdmashare_fault_remove(s->qts, id);
    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'delay',"
                             "'delay': 1000");
    qdmashare_submit(s->d, 1, copy(s, 1));
    qdmashare_step(s->d, 1099);
    qdmashare_pair_check(s->d, s->p);
    qdmashare_step(s->d, 1);
    g_assert_true(qdmashare_try_pop(s->d, 1, &c));
    memcpy(s->p->dst_bytes, s->p->src_bytes, SIZE);
    qdmashare_pair_check(s->d, s->p);
    /* What is delayed stays delayed, whatever becomes of the rule. */
    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'delay',"
                             "'delay': 1000");
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 1));
    qdmashare_fault_remove(s->qts, id);
    g_assert_cmphex(qdmashare_takes(s->d, 1, 1001).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_submit(s->d, 1, copy(s, 1));
    g_assert_cmphex(qdmashare_takes(s->d, 1, 100).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_pair_check(s->d, s->p);
}

static void test_job_hang(void)
{
    g_autoptr(Setup) s = setup_new("");
    struct dmashare_desc desc = copy(s, 1);
    struct dmashare_completion c;
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'hang'");
    qdmashare_submit(s->d, 1, desc);
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 2, 0));
    qdmashare_hung_event(s->qts, id, 1, false);
    qdmashare_step(s->d, 3600ULL * NANOSECONDS_PER_SECOND);
    qdmashare_assert_idle(s->d, 1);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    g_assert_cmpuint(qdmashare_fence(s->d, 2), ==, 0);
    qdmashare_pair_check(s->d, s->p);

    /* Other engines work; and who waits for the fence waits. */
    desc = qdmashare_noop(s->d, 3, 0);
    g_assert_cmphex(qdmashare_run(s->d, 2, &desc).status, ==,
                    DMASHARE_STATUS_OK);

    qdmashare_fault_remove(s->qts, id);
    g_assert_cmphex(qdmashare_pop(s->d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(s->d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 1);
    memcpy(s->p->dst_bytes, s->p->src_bytes, SIZE);
    qdmashare_pair_check(s->d, s->p);

    /* It has its time left when it is let go before that is over. */
    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'hang'");
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 1000));
    qdmashare_step(s->d, 400);
    qdmashare_fault_remove_all(s->qts);
    c = qdmashare_takes(s->d, 1, 600);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    assert_well(s);
}

/* The driver gives the queue up, or the device. */
static void test_job_hang_recovery(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'hang',"
                             "'match': { 'queue': 1 }, 'times': 2");
    qdmashare_submit(s->d, 1, copy(s, 1));
    qdmashare_hung_event(s->qts, id, 1, false);
    qdmashare_queue_disable(s->d, 1);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 1);
    qdmashare_pair_check(s->d, s->p);
    qdmashare_queue_setup(s->d, 1, 16, 16);
    qdmashare_submit(s->d, 1, copy(s, 1));
    qdmashare_hung_event(s->qts, id, 1, false);
    qdmashare_assert_idle(s->d, 1);
    start_again(s);
    g_assert_cmpuint(qdmashare_rule(s->qts, id).fired, ==, 2);
    qdmashare_fault_remove_all(s->qts);
    assert_well(s);
}

/*
 * Fatal
 */

static void assert_fatal(Setup *s, uint32_t id, unsigned queue)
{
    QDmashare *d = s->d;
    struct dmashare_event e = qdmashare_event(d);
    struct dmashare_completion c;
    unsigned q;

    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FATAL);
    g_assert_cmphex(e.status, ==, 0);
    g_assert_cmphex(e.addr, ==, UINT64_MAX);
    g_assert_true(qdmashare_msix_fired(d, 0));
    qdmashare_hung_event(s->qts, id, queue, true);
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
    qdmashare_fault_remove_all(s->qts);
    qdmashare_assert_no_event(d);
    g_assert_false(qdmashare_msix_fired(d, 1));
    g_assert_false(qdmashare_msix_fired(d, 2));
}

static void test_job_fatal(void)
{
    g_autoptr(Setup) s = setup_new("");
    struct dmashare_desc wait;
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'fatal',"
                             "'match': { 'opcode': 'copy' }");
    /* One that waits for it, and one behind it. */
    wait = qdmashare_noop(s->d, 4, 0);
    qdmashare_wait_for(&wait, 3, 1);
    qdmashare_submit(s->d, 2, wait);
    qdmashare_submit(s->d, 1, copy(s, 3));
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 3, 0));
    assert_fatal(s, id, 1);
    g_assert_cmpuint(qdmashare_fence(s->d, 3), ==, 0);
    g_assert_cmpuint(qdmashare_fence(s->d, 4), ==, 0);
    qdmashare_pair_check(s->d, s->p);
    start_again(s);
}

static void test_command_fatal(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'command',"
                             "'action': 'fatal'");
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 1000));
    qdmashare_submit(s->d, 0, command_of(s, 1));
    assert_fatal(s, id, 0);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    start_again(s);
}

static void test_queue_fatal(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'queue', 'action': 'fatal',"
                             "'match': { 'queue': 2 }, 'after': 1");
    qdmashare_submit(s->d, 2, qdmashare_noop(s->d, 1, 0));
    g_assert_cmphex(qdmashare_pop(s->d, 2).status, ==, DMASHARE_STATUS_OK);
    qdmashare_msix_fired(s->d, 3);
    qdmashare_msix_fired(s->d, 1);
    qdmashare_msix_fired(s->d, 2);
    qdmashare_submit(s->d, 2, qdmashare_noop(s->d, 1, 0));
    g_assert_cmpuint(qdmashare_readl(s->d, DMASHARE_REG_QUEUE(2) +
                                     DMASHARE_QREG_SQ_HEAD), ==, 1);
    assert_fatal(s, id, 2);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 1);
    start_again(s);

    /* A reset of the PCI function does it as well. */
    id = qdmashare_fault_add(s->qts, "'where': 'queue', 'action': 'fatal'");
    qdmashare_submit(s->d, 0, command_of(s, 0));
    qdmashare_hung_event(s->qts, id, 0, true);
    qtest_system_reset(s->qts);
    s->d->dev.msix_enabled = false;
    qpci_device_enable(&s->d->dev);
}

/*
 * DMA
 */

/* A job that fails by a rule is a job that met an error of the bus. */
static void assert_dma(Setup *s, struct dmashare_desc desc, uint32_t id,
                       const QDmashareFault *want)
{
    struct dmashare_completion c = qdmashare_job(s->d, desc);
    struct dmashare_event e = qdmashare_event(s->d);

    assert_commanded(c, EIO_);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FAULT);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(e.queue, ==, 1);
    g_assert_cmpuint(e.cookie, ==, c.cookie);
    g_assert_cmpuint(e.mapping, ==, want->mapping);
    g_assert_cmphex(e.offset, ==, want->offset);
    g_assert_cmphex(e.addr, ==, want->addr);
    g_assert_cmphex(e.flags, ==, want->write ? DMASHARE_EVENT_F_WRITE : 0);
    qdmashare_assert_no_event(s->d);
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_COMMANDED);
}

static void test_dma_read(void)
{
    g_autoptr(Setup) s = setup_new("");
    QDmashareFault want = {
        .mapping = QDMASHARE_SRC,
        .addr = qdmashare_dma(s->d, s->p->src.phys),
    };
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'dma-read', 'action': 'fail',"
                             "'times': 2");
    assert_dma(s, copy(s, 1), id, &want);
    qdmashare_pair_check(s->d, s->p);
    assert_dma(s, qdmashare_checksum(s->d, 1, QDMASHARE_SRC, 8, 16), id,
               &(QDmashareFault) {
                   .mapping = QDMASHARE_SRC,
                   .offset = 8,
                   .addr = want.addr + 8,
               });
    assert_well(s);

    /* What only writes does not read. */
    qdmashare_fault_remove_all(s->qts);
    id = qdmashare_fault_add(s->qts, "'where': 'dma-read', 'action': 'fail'");
    qdmashare_assert_ok(s->d, qdmashare_fill(s->d, 1, QDMASHARE_DST, 0, 8, 1));
    g_assert_cmpuint(qdmashare_rule(s->qts, id).matched, ==, 0);
}

static void test_dma_write(void)
{
    g_autoptr(Setup) s = setup_new("");
    QDmashareFault want = {
        .mapping = QDMASHARE_DST,
        .addr = qdmashare_dma(s->d, s->p->dst.phys),
        .write = true,
    };
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'times': 2");
    assert_dma(s, copy(s, 1), id, &want);
    assert_dma(s, qdmashare_fill(s->d, 1, QDMASHARE_DST, 0, 8, 1), id, &want);
    qdmashare_pair_check(s->d, s->p);
    qdmashare_assert_ok(s->d, qdmashare_checksum(s->d, 1, QDMASHARE_SRC, 0,
                                                 8));
    g_assert_cmpuint(qdmashare_rule(s->qts, id).matched, ==, 2);
    assert_well(s);
}

/* An access is what a row has in one segment, however it is done. */
static void test_dma_accesses(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint64_t phys = qdmashare_alloc(s->d, 3 * 64 * 1024);
    g_autofree uint8_t *bytes = g_malloc0(3 * 64 * 1024);
    struct dmashare_segment seg[3];
    struct dmashare_desc desc;
    unsigned i;
    uint32_t id;

    for (i = 0; i < 3; i++) {
        seg[i].addr = qdmashare_dma(s->d, phys + i * 64 * 1024);
        seg[i].len = 64 * 1024;
    }
    qdmashare_buffer(s->d, 9, 3 * 64 * 1024);
    g_assert_cmphex(qdmashare_map(s->d, 9, 9, DMASHARE_DIR_BIDIRECTIONAL, seg,
                                  3), ==, DMASHARE_STATUS_OK);

    /* The third segment: what went before is written. */
    id = qdmashare_fault_add(s->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'after': 2, 'match': { 'mapping': 9 }");
    assert_dma(s, qdmashare_fill(s->d, 1, 9, 100, 3 * 64 * 1024 - 100, 0x1111),
               id, &(QDmashareFault) {
                   .mapping = 9,
                   .offset = 2 * 64 * 1024,
                   .addr = seg[2].addr,
                   .write = true,
               });
    qdmashare_pattern(bytes + 100, 2 * 64 * 1024 - 100, 0x1111);
    qdmashare_assert_bytes(s->d, phys, bytes, 3 * 64 * 1024);
    qdmashare_fault_remove_all(s->qts);

    /* The third row. */
    id = qdmashare_fault_add(s->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'after': 2, 'match': { 'buffer': 9 }");
    desc = qdmashare_fill(s->d, 1, 9, 0, 16, 0x2222);
    desc.job.rows = 4;
    desc.job.dst.pitch = 32;
    assert_dma(s, desc, id, &(QDmashareFault) {
                   .mapping = 9,
                   .offset = 64,
                   .addr = seg[0].addr + 64,
                   .write = true,
               });
    qdmashare_pattern(bytes, 16, 0x2222);
    qdmashare_pattern(bytes + 32, 16, 0x2222);
    qdmashare_assert_bytes(s->d, phys, bytes, 3 * 64 * 1024);

    /* Rows across a border have two. */
    qdmashare_fault_remove_all(s->qts);
    id = qdmashare_fault_add(s->qts, "'where': 'dma-write', 'action': 'fail',"
                             "'after': 1000");
    desc = qdmashare_fill(s->d, 1, 9, 64 * 1024 - 8, 16, 0x3333);
    desc.job.rows = 3;
    desc.job.dst.pitch = 64;
    qdmashare_assert_ok(s->d, desc);
    g_assert_cmpuint(qdmashare_rule(s->qts, id).matched, ==, 4);
    assert_well(s);
}

static void test_dma_match(void)
{
    g_autoptr(Setup) s = setup_new("local-size=1M");
    QDmashareBuf local = qdmashare_local_buf(s->d, 5, 0, 4096,
                                             DMASHARE_DIR_BIDIRECTIONAL);
    struct dmashare_desc desc;
    uint32_t other, queue;

    other = qdmashare_fault_add(s->qts, "'where': 'dma-write',"
                                "'action': 'fail', 'match': { 'buffer': 3 }");
    queue = qdmashare_fault_add(s->qts, "'where': 'dma-write',"
                                "'action': 'fail', 'match': { 'queue': 2 }");
    qdmashare_assert_ok(s->d, qdmashare_fill(s->d, 1, QDMASHARE_DST, 0, 8, 1));
    desc = qdmashare_fill(s->d, 2, QDMASHARE_DST, 0, 8, 2);
    assert_commanded(qdmashare_run(s->d, 2, &desc), EIO_);
    g_assert_cmpuint(qdmashare_event(s->d).queue, ==, 2);
    g_assert_cmpuint(qdmashare_rule(s->qts, other).matched, ==, 0);
    g_assert_cmpuint(qdmashare_rule(s->qts, queue).fired, ==, 1);
    qdmashare_fault_event(s->qts, queue, DMASHARE_STATUS_COMMANDED);
    qdmashare_fault_remove_all(s->qts);

    /* Local memory has no address that could be told. */
    queue = qdmashare_fault_add(s->qts, "'where': 'dma-write',"
                                "'action': 'fail', 'match': { 'mapping': 5 }");
    qtest_bufwrite(s->qts, local.phys, "before", 7);
    assert_dma(s, qdmashare_fill(s->d, 1, 5, 0, 4096, 1), queue,
               &(QDmashareFault) {
                   .mapping = 5,
                   .addr = UINT64_MAX,
                   .write = true,
               });
    qdmashare_assert_bytes(s->d, local.phys, "before", 7);
    assert_well(s);
}

/* Engines that work on copies access memory, too, as far as rules see it. */
static void test_dma_copies(void)
{
    g_autoptr(Setup) s = setup_new("coherent=off");
    uint32_t id;

    id = qdmashare_fault_add(s->qts, "'where': 'dma-write',"
                             "'action': 'fail'");
    assert_commanded(qdmashare_job(s->d, copy(s, 1)), EIO_);
    g_assert_cmpuint(qdmashare_event(s->d).type, ==, DMASHARE_EVENT_FAULT);
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_COMMANDED);
    qdmashare_sync(s->d, QDMASHARE_DST, DMASHARE_SYNC_F_FOR_CPU,
                   DMASHARE_DIR_FROM_DEVICE, 0, SIZE);
    qdmashare_pair_check(s->d, s->p);
    qdmashare_assert_ok(s->d, copy(s, 1));
    qdmashare_sync(s->d, QDMASHARE_DST, DMASHARE_SYNC_F_FOR_CPU,
                   DMASHARE_DIR_FROM_DEVICE, 0, SIZE);
    memcpy(s->p->dst_bytes, s->p->src_bytes, SIZE);
    qdmashare_pair_check(s->d, s->p);
}

/*
 * Interrupts
 */

/* A job on queue 1, which has vector 2; nothing has been sent before. */
static void quiet_job(Setup *s)
{
    qdmashare_settle(s->d);
    qdmashare_msix_fired(s->d, 2);
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 0));
    g_assert_cmphex(qdmashare_pop(s->d, 1).status, ==, DMASHARE_STATUS_OK);
    qdmashare_settle(s->d);
}

static void test_interrupt_drop(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t other = qdmashare_fault_add(s->qts, "'where': 'interrupt',"
                                         "'action': 'drop',"
                                         "'match': { 'vector': 3 }");
    uint32_t id = qdmashare_fault_add(s->qts, "'where': 'interrupt',"
                                      "'action': 'drop', 'times': 2,"
                                      "'match': { 'vector': 2 }");

    quiet_job(s);
    g_assert_false(qdmashare_msix_fired(s->d, 2));
    quiet_job(s);
    g_assert_false(qdmashare_msix_fired(s->d, 2));
    quiet_job(s);
    g_assert_true(qdmashare_msix_fired(s->d, 2));
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_OK);
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_rule(s->qts, other).matched, ==, 0);
    assert_well(s);
}

static void test_interrupt_delay(void)
{
    g_autoptr(Setup) s = setup_new("");

    qdmashare_fault_add(s->qts, "'where': 'interrupt', 'action': 'delay',"
                        "'delay': 700, 'match': { 'vector': 2 }");
    quiet_job(s);
    g_assert_false(qdmashare_msix_fired(s->d, 2));
    /* The next one comes before it. */
    quiet_job(s);
    g_assert_true(qdmashare_msix_fired(s->d, 2));
    qdmashare_step(s->d, 699);
    g_assert_false(qdmashare_msix_fired(s->d, 2));
    qdmashare_step(s->d, 1);
    g_assert_true(qdmashare_msix_fired(s->d, 2));
    qdmashare_step(s->d, 10000);
    g_assert_false(qdmashare_msix_fired(s->d, 2));

    /* A reset forgets it. */
    qdmashare_fault_add(s->qts, "'where': 'interrupt', 'action': 'delay',"
                        "'delay': 700, 'match': { 'vector': 2 }");
    quiet_job(s);
    qdmashare_reset(s->d);
    qdmashare_step(s->d, 10000);
    g_assert_false(qdmashare_msix_fired(s->d, 2));
    start_again(s);
}

static void test_interrupt_duplicate(void)
{
    g_autoptr(Setup) s = setup_new("");
    unsigned before;

    before = qdmashare_journal_count(s->qts, "interrupt", 2);
    quiet_job(s);
    g_assert_cmpuint(qdmashare_journal_count(s->qts, "interrupt", 2), ==,
                     before + 1);
    qdmashare_fault_add(s->qts, "'where': 'interrupt',"
                        "'action': 'duplicate', 'match': { 'vector': 2 }");
    quiet_job(s);
    g_assert_true(qdmashare_msix_fired(s->d, 2));
    g_assert_cmpuint(qdmashare_journal_count(s->qts, "interrupt", 2), ==,
                     before + 3);
    quiet_job(s);
    g_assert_cmpuint(qdmashare_journal_count(s->qts, "interrupt", 2), ==,
                     before + 4);
    assert_well(s);
}

/*
 * Queues
 */

static void test_queue_stall(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t base = DMASHARE_REG_QUEUE(1);
    struct dmashare_desc desc;
    uint32_t id;
    unsigned i;

    /* What was fetched before goes on. */
    id = qdmashare_fault_add(s->qts, "'where': 'queue', 'action': 'stall',"
                             "'match': { 'queue': 1 }, 'after': 2");
    for (i = 0; i < 4; i++) {
        desc = qdmashare_noop(s->d, 1, 10);
        qdmashare_push(s->d, 1, &desc);
    }
    qdmashare_doorbell(s->d, 1);
    qdmashare_settle(s->d);
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_readl(s->d, base + DMASHARE_QREG_SQ_HEAD), ==,
                     2);
    g_assert_cmphex(qdmashare_takes(s->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_takes(s->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_step(s->d, 3600ULL * NANOSECONDS_PER_SECOND);
    qdmashare_assert_idle(s->d, 1);
    desc = qdmashare_noop(s->d, 2, 0);
    g_assert_cmphex(qdmashare_run(s->d, 2, &desc).status, ==,
                    DMASHARE_STATUS_OK);
    /* The doorbell does not help. */
    qdmashare_doorbell(s->d, 1);
    qdmashare_assert_idle(s->d, 1);
    g_assert_cmpuint(qdmashare_rule(s->qts, id).matched, ==, 3);
    qdmashare_fault_remove(s->qts, id);
    g_assert_cmphex(qdmashare_takes(s->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_takes(s->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    assert_well(s);

    /* The queue is given up, and is a new one. */
    id = qdmashare_fault_add(s->qts, "'where': 'queue', 'action': 'stall',"
                             "'match': { 'queue': 1 }");
    qdmashare_submit(s->d, 1, qdmashare_noop(s->d, 1, 0));
    qdmashare_assert_idle(s->d, 1);
    qdmashare_queue_disable(s->d, 1);
    qdmashare_queue_setup(s->d, 1, 16, 16);
    assert_well(s);

    /* The control queue. */
    id = qdmashare_fault_add(s->qts, "'where': 'queue', 'action': 'stall',"
                             "'match': { 'queue': 0 }");
    qdmashare_submit(s->d, 0, command_of(s, 0));
    qdmashare_assert_idle(s->d, 0);
    qdmashare_fault_remove_all(s->qts);
    g_assert_cmphex(qdmashare_pop(s->d, 0).status, ==, DMASHARE_STATUS_OK);
    assert_well(s);
}

/*
 * Fence memory
 */

static void test_fence_drop(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t id = qdmashare_fault_add(s->qts, "'where': 'fence-memory',"
                                      "'action': 'drop',"
                                      "'match': { 'timeline': 1 }");

    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 2, 0));
    g_assert_cmpuint(qdmashare_fence(s->d, 2), ==, 1);
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    qdmashare_fault_event(s->qts, id, DMASHARE_STATUS_OK);
    qdmashare_step(s->d, 1000000);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 2);
    assert_well(s);
}

static void test_fence_delay(void)
{
    g_autoptr(Setup) s = setup_new("");

    qdmashare_fault_add(s->qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 500, 'times': 2,"
                        "'match': { 'timeline': 1 }");
    /* The completion is there, its value is not. */
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    qdmashare_step(s->d, 100);
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    qdmashare_step(s->d, 399);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    qdmashare_step(s->d, 1);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 1);
    qdmashare_step(s->d, 100);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 2);

    /* It never goes back: a newer value that is in time voids the late one. */
    qdmashare_fault_add(s->qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 500, 'match': { 'timeline': 1 }");
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 4);
    qtest_writeq(s->qts, s->d->fence_mem + 8, 0);
    qdmashare_step(s->d, 1000);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);

    /* Nor does it come when the memory is taken away, or after a reset. */
    qdmashare_fault_add(s->qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 500, 'times': 2,"
                        "'match': { 'timeline': 1 }");
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    qdmashare_fence_setup(s->d);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 5);
    qtest_writeq(s->qts, s->d->fence_mem + 8, 0);
    qdmashare_step(s->d, 1000);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    qdmashare_assert_ok(s->d, qdmashare_noop(s->d, 1, 0));
    qdmashare_reset(s->d);
    qdmashare_step(s->d, 1000);
    g_assert_cmpuint(qdmashare_fence(s->d, 1), ==, 0);
    start_again(s);
}

/*
 * The rules themselves
 */

/* Which of 256 jobs fail, as bits. */
static void failures(uint32_t *bits, unsigned probability, unsigned seed)
{
    g_autoptr(Setup) s = setup_new("");
    g_autofree char *rule = g_strdup_printf(
        "'where': 'job', 'action': 'fail', 'times': 0, 'after': 10,"
        "'probability': %u, 'seed': %u", probability, seed);
    unsigned i;

    memset(bits, 0, 256 / 8);
    qdmashare_fault_add(s->qts, rule);
    for (i = 0; i < 256; i++) {
        if (qdmashare_job(s->d, qdmashare_noop(s->d, 1, 0)).status) {
            bits[i / 32] |= 1u << i % 32;
        }
    }
    qdmashare_fault_remove_all(s->qts);
    assert_well(s);
}

static void test_repeatable(void)
{
    uint32_t a[8], b[8], c[8];
    unsigned i, n = 0;

    failures(a, 300, 42);
    failures(b, 300, 42);
    failures(c, 300, 43);
    g_assert_cmpmem(a, sizeof(a), b, sizeof(b));
    g_assert_cmpint(memcmp(a, c, sizeof(a)), !=, 0);
    g_assert_cmphex(a[0] & 0x3ff, ==, 0);
    for (i = 0; i < 8; i++) {
        n += ctpop32(a[i]);
    }
    g_assert_cmpuint(n, >, 40);
    g_assert_cmpuint(n, <, 110);
}

static void assert_json(QDict *got, const char *want)
{
    QObject *obj = qobject_from_json(want, &error_abort);
    QDict *dict = qobject_to(QDict, obj);

    if (!qobject_is_equal(QOBJECT(got), obj)) {
        g_autoptr(GString) text = qobject_to_json_pretty(QOBJECT(got), true);

        g_error("%s is not %s", text->str, want);
    }
    qobject_unref(dict);
}

static void test_list(void)
{
    g_autoptr(Setup) s = setup_new("");
    uint32_t a, b, c;
    QList *list;

    list = qdmashare_faults(s->qts);
    g_assert_true(qlist_empty(list));
    qobject_unref(list);

    a = qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'fail'");
    b = qdmashare_fault_add(s->qts, "'where': 'interrupt',"
                            "'action': 'delay', 'delay': 18,"
                            "'match': { 'vector': 1 }, 'after': 7,"
                            "'times': 0, 'probability': 5, 'seed': 6");
    g_assert_cmpuint(a, ==, 1);
    g_assert_cmpuint(b, ==, 2);
    assert_commanded(qdmashare_job(s->d, qdmashare_noop(s->d, 1, 0)), EIO_);
    qdmashare_fault_event(s->qts, a, DMASHARE_STATUS_COMMANDED);

    /* The driver's reset is not the harness's. */
    start_again(s);
    list = qdmashare_faults(s->qts);
    g_assert_cmpuint(qlist_size(list), ==, 2);
    assert_json(qobject_to(QDict, qlist_peek(list)),
                "{ 'id': 1, 'matched': 2, 'fired': 1, 'active': false,"
                "  'rule': { 'where': 'job', 'action': 'fail', 'match': {},"
                "            'after': 0, 'times': 1, 'probability': 1000,"
                "            'seed': 0, 'error': 'eio' } }");
    qobject_unref(qlist_pop(list));
    qdict_del(qobject_to(QDict, qlist_peek(list)), "matched");
    assert_json(qobject_to(QDict, qlist_peek(list)),
                "{ 'id': 2, 'fired': 0, 'active': true,"
                "  'rule': { 'where': 'interrupt', 'action': 'delay',"
                "            'match': { 'vector': 1 }, 'after': 7,"
                "            'times': 0, 'probability': 5, 'seed': 6,"
                "            'delay': 18 } }");
    qobject_unref(list);

    qdmashare_fault_remove(s->qts, a);
    c = qdmashare_fault_add(s->qts, "'where': 'queue', 'action': 'stall'");
    g_assert_cmpuint(c, ==, 3);
    list = qdmashare_faults(s->qts);
    g_assert_cmpint(qdict_get_int(qobject_to(QDict, qlist_peek(list)), "id"),
                    ==, b);
    qobject_unref(list);
    qdmashare_fault_remove_all(s->qts);
    list = qdmashare_faults(s->qts);
    g_assert_true(qlist_empty(list));
    qobject_unref(list);
    qdmashare_fault_remove_all(s->qts);
    g_assert_cmpuint(qdmashare_fault_add(s->qts, "'where': 'job',"
                                         "'action': 'fail', 'after': 9"), ==,
                     4);
    g_assert_cmpuint(qdmashare_journal_count(s->qts, "fault-change", -1), ==,
                     7);
    g_assert_cmpuint(qdmashare_journal_count(s->qts, "fault-rule", 1), ==, 1);
}

static void test_refused(void)
{
    static const struct {
        const char *rule;
        const char *text;
    } rows[] = {
        { "'where': 'command', 'action': 'drop'",
          "Parameter 'rule.action' expects 'fail' or 'fatal' where 'command'"
        },
        { "'where': 'interrupt', 'action': 'drop', 'match': { 'queue': 1 }",
          "Parameter 'rule.match.queue' means nothing where 'interrupt'; "
          "permitted are 'vector'" },
        { "'where': 'interrupt', 'action': 'drop', 'match': { 'vector': 6 }",
          "Parameter 'rule.match.vector' expects a value from 0 to 5" },
        { "'where': 'job', 'action': 'fail', 'match': { 'queue': 5 }",
          "Parameter 'rule.match.queue' expects a value from 1 to 4" },
        { "'where': 'job', 'action': 'fail', 'match': { 'timeline': 64 }",
          "Parameter 'rule.match.timeline' expects a value from 0 to 63" },
        { "'where': 'job', 'action': 'fail', 'error': 'none'",
          "Parameter 'rule.error' expects an error, not 'none'" },
        { "'where': 'job', 'action': 'delay'",
          "Parameter 'rule.delay' is missing, which action 'delay' needs; "
          "permitted are 1 to 3600000000000 ns" },
        { "'where': 'job', 'action': 'fail', 'probability': 1001",
          "Parameter 'rule.probability' expects a value from 1 to 1000" },
    };
    g_autoptr(Setup) s = setup_new("");
    QList *list;
    QDict *rsp;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *text = qdmashare_fault_refused(s->qts, rows[i].rule);

        g_assert_cmpstr(text, ==, rows[i].text);
    }
    rsp = qtest_qmp(s->qts, "{ 'execute': 'dmashare-fault-remove',"
                    "  'arguments': { 'path': 'dev', 'id': 1 } }");
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(rsp, "error"), "desc"), ==,
                    "Parameter 'id' expects the id of a fault rule; "
                    "query-dmashare-faults lists them");
    qobject_unref(rsp);
    list = qdmashare_faults(s->qts);
    g_assert_true(qlist_empty(list));
    qobject_unref(list);

    for (i = 0; i < 256; i++) {
        qdmashare_fault_add(s->qts, "'where': 'job', 'action': 'fail',"
                            "'match': { 'timeline': 9 }");
    }
    {
        g_autofree char *text = qdmashare_fault_refused(s->qts,
                                                        "'where': 'job',"
                                                        "'action': 'fail'");

        g_assert_cmpstr(text, ==, "dmashare: there are 256 fault rules, which "
                        "is the most; remove one");
    }
    assert_well(s);
}

/* Hold the next fences of a timeline, or let all go; a device may refuse. */
static void storm_fences(Setup *s, bool hold, unsigned timeline)
{
    QDict *rsp;

    if (hold) {
        rsp = qtest_qmp(s->qts, "{ 'execute': 'dmashare-fence-hold',"
                        "  'arguments': { 'path': 'dev', 'count': 2,"
                        "                 'timeline': %u } }", timeline);
    } else {
        rsp = qtest_qmp(s->qts, "{ 'execute': 'dmashare-fence-release',"
                        "  'arguments': { 'path': 'dev' } }");
    }
    qobject_unref(rsp);
}

/*
 * All at once: rules of every kind at random, holds, jobs and commands, queues
 * that are given up, resets; and then a device that is well.
 */
static void test_storm(void)
{
    static const char *const rules[] = {
        "'where': 'command', 'action': 'fail'",
        "'where': 'command', 'action': 'fatal', 'probability': 20",
        "'where': 'job', 'action': 'fail', 'times': 3",
        "'where': 'job', 'action': 'delay', 'delay': 900, 'times': 0",
        "'where': 'job', 'action': 'hang'",
        "'where': 'job', 'action': 'fatal', 'probability': 20",
        "'where': 'dma-read', 'action': 'fail', 'probability': 300",
        "'where': 'dma-write', 'action': 'fail', 'probability': 300",
        "'where': 'interrupt', 'action': 'drop', 'times': 0",
        "'where': 'interrupt', 'action': 'delay', 'delay': 300, 'times': 0",
        "'where': 'interrupt', 'action': 'duplicate', 'times': 0",
        "'where': 'queue', 'action': 'stall', 'after': 3",
        "'where': 'queue', 'action': 'fatal', 'probability': 20",
        "'where': 'fence-memory', 'action': 'drop', 'times': 0",
        "'where': 'fence-memory', 'action': 'delay', 'delay': 500,"
        "'times': 0",
    };
    g_autoptr(Setup) s = setup_new("");
    uint64_t state = 99;
    unsigned i, j, q;

    for (i = 0; i < 24; i++) {
        for (j = 0; j < 24; j++) {
            struct dmashare_desc desc;

            if (qdmashare_random(&state) % 3 == 0) {
                qdmashare_fault_add(s->qts, rules[qdmashare_random(&state) %
                                                  ARRAY_SIZE(rules)]);
            }
            q = qdmashare_random(&state) % 3;
            desc = q ? job_of(s, qdmashare_random(&state) % 4, q)
                     : command_of(s, 0);
            if (s->d->queue[q].sq_tail < QDMASHARE_ENTRIES) {
                qdmashare_push(s->d, q, &desc);
                qdmashare_doorbell(s->d, q);
            }
            qtest_clock_step(s->qts, 1 + qdmashare_random(&state) % 400);
            if (qdmashare_random(&state) % 16 == 0) {
                qdmashare_queue_disable(s->d, q);
            }
            if (qdmashare_random(&state) % 16 == 0) {
                qdmashare_fault_remove_all(s->qts);
            }
            if (qdmashare_random(&state) % 8 == 0) {
                storm_fences(s, qdmashare_random(&state) % 2, 1 + j % 2);
            }
        }
        qdmashare_fault_remove_all(s->qts);
        start_again(s);
        storm_fences(s, false, 0);
    }
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
    qtest_add_func("/dmashare/fault/interrupt/drop", test_interrupt_drop);
    qtest_add_func("/dmashare/fault/interrupt/delay", test_interrupt_delay);
    qtest_add_func("/dmashare/fault/interrupt/duplicate",
                   test_interrupt_duplicate);
    qtest_add_func("/dmashare/fault/queue/stall", test_queue_stall);
    qtest_add_func("/dmashare/fault/queue/fatal", test_queue_fatal);
    qtest_add_func("/dmashare/fault/fence-memory/drop", test_fence_drop);
    qtest_add_func("/dmashare/fault/fence-memory/delay", test_fence_delay);
    qtest_add_func("/dmashare/fault/rules/repeatable", test_repeatable);
    qtest_add_func("/dmashare/fault/rules/list", test_list);
    qtest_add_func("/dmashare/fault/rules/refused", test_refused);
    qtest_add_func("/dmashare/fault/storm", test_storm);
    return g_test_run();
}
