/*
 * dmashare: fault rules, and what becomes of the telling
 *
 * The rules themselves, and those that have an effect on how device and driver
 * hear of each other: queues, interrupts, fence memory. After each fault the
 * next job has to succeed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libqos/dmashare-fault.h"

/*
 * Interrupts
 */

/* A job on queue 1, which has vector 2; nothing has been sent before. */
static void quiet_job(QFaulty *f)
{
    qdmashare_settle(f->d);
    qdmashare_msix_fired(f->d, 2);
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 0));
    g_assert_cmphex(qdmashare_pop(f->d, 1).status, ==, DMASHARE_STATUS_OK);
    qdmashare_settle(f->d);
}

static void test_interrupt_drop(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t other = qdmashare_fault_add(f->qts, "'where': 'interrupt',"
                                         "'action': 'drop',"
                                         "'match': { 'vector': 3 }");
    uint32_t id = qdmashare_fault_add(f->qts, "'where': 'interrupt',"
                                      "'action': 'drop', 'times': 2,"
                                      "'match': { 'vector': 2 }");

    quiet_job(f);
    g_assert_false(qdmashare_msix_fired(f->d, 2));
    quiet_job(f);
    g_assert_false(qdmashare_msix_fired(f->d, 2));
    quiet_job(f);
    g_assert_true(qdmashare_msix_fired(f->d, 2));
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_OK);
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_rule(f->qts, other).matched, ==, 0);
    qfaulty_assert_well(f);
}

static void test_interrupt_delay(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");

    qdmashare_fault_add(f->qts, "'where': 'interrupt', 'action': 'delay',"
                        "'delay': 700, 'match': { 'vector': 2 }");
    quiet_job(f);
    g_assert_false(qdmashare_msix_fired(f->d, 2));
    /* The next one comes before it. */
    quiet_job(f);
    g_assert_true(qdmashare_msix_fired(f->d, 2));
    qdmashare_step(f->d, 699);
    g_assert_false(qdmashare_msix_fired(f->d, 2));
    qdmashare_step(f->d, 1);
    g_assert_true(qdmashare_msix_fired(f->d, 2));
    qdmashare_step(f->d, 10000);
    g_assert_false(qdmashare_msix_fired(f->d, 2));

    /* A reset forgets it. */
    qdmashare_fault_add(f->qts, "'where': 'interrupt', 'action': 'delay',"
                        "'delay': 700, 'match': { 'vector': 2 }");
    quiet_job(f);
    qdmashare_reset(f->d);
    qdmashare_step(f->d, 10000);
    g_assert_false(qdmashare_msix_fired(f->d, 2));
    qfaulty_start_again(f);
}

static void test_interrupt_duplicate(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    unsigned before;

    before = qdmashare_journal_count(f->qts, "interrupt", 2);
    quiet_job(f);
    g_assert_cmpuint(qdmashare_journal_count(f->qts, "interrupt", 2), ==,
                     before + 1);
    qdmashare_fault_add(f->qts, "'where': 'interrupt',"
                        "'action': 'duplicate', 'match': { 'vector': 2 }");
    quiet_job(f);
    g_assert_true(qdmashare_msix_fired(f->d, 2));
    g_assert_cmpuint(qdmashare_journal_count(f->qts, "interrupt", 2), ==,
                     before + 3);
    quiet_job(f);
    g_assert_cmpuint(qdmashare_journal_count(f->qts, "interrupt", 2), ==,
                     before + 4);
    qfaulty_assert_well(f);
}

/*
 * Queues
 */

static void test_queue_stall(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t base = DMASHARE_REG_QUEUE(1);
    struct dmashare_desc desc;
    uint32_t id;
    unsigned i;

    /* What was fetched before goes on. */
    id = qdmashare_fault_add(f->qts, "'where': 'queue', 'action': 'stall',"
                             "'match': { 'queue': 1 }, 'after': 2");
    for (i = 0; i < 4; i++) {
        desc = qdmashare_noop(f->d, 1, 10);
        qdmashare_push(f->d, 1, &desc);
    }
    qdmashare_doorbell(f->d, 1);
    qdmashare_settle(f->d);
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_readl(f->d, base + DMASHARE_QREG_SQ_HEAD), ==,
                     2);
    g_assert_cmphex(qdmashare_takes(f->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_takes(f->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_step(f->d, 3600ULL * NANOSECONDS_PER_SECOND);
    qdmashare_assert_idle(f->d, 1);
    desc = qdmashare_noop(f->d, 2, 0);
    g_assert_cmphex(qdmashare_run(f->d, 2, &desc).status, ==,
                    DMASHARE_STATUS_OK);
    /* The doorbell does not help. */
    qdmashare_doorbell(f->d, 1);
    qdmashare_assert_idle(f->d, 1);
    g_assert_cmpuint(qdmashare_rule(f->qts, id).matched, ==, 3);
    qdmashare_fault_remove(f->qts, id);
    g_assert_cmphex(qdmashare_takes(f->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_takes(f->d, 1, 10).status, ==,
                    DMASHARE_STATUS_OK);
    qfaulty_assert_well(f);

    /* The queue is given up, and is a new one. */
    id = qdmashare_fault_add(f->qts, "'where': 'queue', 'action': 'stall',"
                             "'match': { 'queue': 1 }");
    qdmashare_submit(f->d, 1, qdmashare_noop(f->d, 1, 0));
    qdmashare_assert_idle(f->d, 1);
    qdmashare_queue_disable(f->d, 1);
    qdmashare_queue_setup(f->d, 1, 16, 16);
    qfaulty_assert_well(f);

    /* The control queue. */
    id = qdmashare_fault_add(f->qts, "'where': 'queue', 'action': 'stall',"
                             "'match': { 'queue': 0 }");
    qdmashare_submit(f->d, 0, (struct dmashare_desc) {
                         .opcode = DMASHARE_OP_NOP,
                     });
    qdmashare_assert_idle(f->d, 0);
    qdmashare_fault_remove_all(f->qts);
    g_assert_cmphex(qdmashare_pop(f->d, 0).status, ==, DMASHARE_STATUS_OK);
    qfaulty_assert_well(f);
}

/*
 * Fence memory
 */

static void test_fence_drop(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t id = qdmashare_fault_add(f->qts, "'where': 'fence-memory',"
                                      "'action': 'drop',"
                                      "'match': { 'timeline': 1 }");

    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 2, 0));
    g_assert_cmpuint(qdmashare_fence(f->d, 2), ==, 1);
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qdmashare_fault_event(f->qts, id, DMASHARE_STATUS_OK);
    qdmashare_step(f->d, 1000000);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 2);
    qfaulty_assert_well(f);
}

static void test_fence_delay(void)
{
    g_autoptr(QFaulty) f = qfaulty_new("");

    qdmashare_fault_add(f->qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 500, 'times': 2,"
                        "'match': { 'timeline': 1 }");
    /* The completion is there, its value is not. */
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qdmashare_step(f->d, 100);
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    qdmashare_step(f->d, 399);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qdmashare_step(f->d, 1);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 1);
    qdmashare_step(f->d, 100);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 2);

    /* It never goes back: a newer value that is in time voids the late one. */
    qdmashare_fault_add(f->qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 500, 'match': { 'timeline': 1 }");
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 4);
    qtest_writeq(f->qts, f->d->fence_mem + 8, 0);
    qdmashare_step(f->d, 1000);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);

    /* Nor does it come when the memory is taken away, or after a reset. */
    qdmashare_fault_add(f->qts, "'where': 'fence-memory', 'action': 'delay',"
                        "'delay': 500, 'times': 2,"
                        "'match': { 'timeline': 1 }");
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    qdmashare_fence_setup(f->d);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 5);
    qtest_writeq(f->qts, f->d->fence_mem + 8, 0);
    qdmashare_step(f->d, 1000);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qdmashare_assert_ok(f->d, qdmashare_noop(f->d, 1, 0));
    qdmashare_reset(f->d);
    qdmashare_step(f->d, 1000);
    g_assert_cmpuint(qdmashare_fence(f->d, 1), ==, 0);
    qfaulty_start_again(f);
}

/*
 * The rules themselves
 */

/* Which of 256 jobs fail, as bits. */
static void failures(uint32_t *bits, unsigned probability, unsigned seed)
{
    g_autoptr(QFaulty) f = qfaulty_new("");
    g_autofree char *rule = g_strdup_printf(
        "'where': 'job', 'action': 'fail', 'times': 0, 'after': 10,"
        "'probability': %u, 'seed': %u", probability, seed);
    unsigned i;

    memset(bits, 0, 256 / 8);
    qdmashare_fault_add(f->qts, rule);
    for (i = 0; i < 256; i++) {
        if (qdmashare_job(f->d, qdmashare_noop(f->d, 1, 0)).status) {
            bits[i / 32] |= 1u << i % 32;
        }
    }
    qdmashare_fault_remove_all(f->qts);
    qfaulty_assert_well(f);
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
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint32_t a, b, c;
    QList *list;

    list = qdmashare_faults(f->qts);
    g_assert_true(qlist_empty(list));
    qobject_unref(list);

    a = qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'fail'");
    b = qdmashare_fault_add(f->qts, "'where': 'interrupt',"
                            "'action': 'delay', 'delay': 18,"
                            "'match': { 'vector': 1 }, 'after': 7,"
                            "'times': 0, 'probability': 5, 'seed': 6");
    g_assert_cmpuint(a, ==, 1);
    g_assert_cmpuint(b, ==, 2);
    qdmashare_assert_commanded(qdmashare_job(f->d, qdmashare_noop(f->d, 1, 0)),
                               QDMASHARE_EIO);
    qdmashare_fault_event(f->qts, a, DMASHARE_STATUS_COMMANDED);

    /* The driver's reset is not the harness's. */
    qfaulty_start_again(f);
    list = qdmashare_faults(f->qts);
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

    qdmashare_fault_remove(f->qts, a);
    c = qdmashare_fault_add(f->qts, "'where': 'queue', 'action': 'stall'");
    g_assert_cmpuint(c, ==, 3);
    list = qdmashare_faults(f->qts);
    g_assert_cmpint(qdict_get_int(qobject_to(QDict, qlist_peek(list)), "id"),
                    ==, b);
    qobject_unref(list);
    qdmashare_fault_remove_all(f->qts);
    list = qdmashare_faults(f->qts);
    g_assert_true(qlist_empty(list));
    qobject_unref(list);
    qdmashare_fault_remove_all(f->qts);
    g_assert_cmpuint(qdmashare_fault_add(f->qts, "'where': 'job',"
                                         "'action': 'fail', 'after': 9"), ==,
                     4);
    g_assert_cmpuint(qdmashare_journal_count(f->qts, "fault-change", -1), ==,
                     7);
    g_assert_cmpuint(qdmashare_journal_count(f->qts, "fault-rule", 1), ==, 1);
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
    g_autoptr(QFaulty) f = qfaulty_new("");
    g_autofree char *remove = NULL;
    g_autofree char *add = NULL;
    QList *list;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *text = qdmashare_fault_refused(f->qts, rows[i].rule);

        g_assert_cmpstr(text, ==, rows[i].text);
    }
    remove = qdmashare_qmp_refusal(f->qts, "dmashare-fault-remove",
                                   "{ 'path': 'dev', 'id': 1 }");
    g_assert_cmpstr(remove, ==, "Parameter 'id' expects the id of a fault "
                    "rule; query-dmashare-faults lists them");
    list = qdmashare_faults(f->qts);
    g_assert_true(qlist_empty(list));
    qobject_unref(list);

    for (i = 0; i < 256; i++) {
        qdmashare_fault_add(f->qts, "'where': 'job', 'action': 'fail',"
                            "'match': { 'timeline': 9 }");
    }
    add = qdmashare_fault_refused(f->qts, "'where': 'job', 'action': 'fail'");
    g_assert_cmpstr(add, ==, "dmashare: there are 256 fault rules, which is "
                    "the most; remove one");
    qfaulty_assert_well(f);
}

/* Hold the next fences of a timeline, or let all go; a device may refuse. */
static void storm_fences(QFaulty *f, bool hold, unsigned timeline)
{
    QDict *rsp;

    if (hold) {
        rsp = qtest_qmp(f->qts, "{ 'execute': 'dmashare-fence-hold',"
                        "  'arguments': { 'path': 'dev', 'count': 2,"
                        "                 'timeline': %u } }", timeline);
    } else {
        rsp = qtest_qmp(f->qts, "{ 'execute': 'dmashare-fence-release',"
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
    g_autoptr(QFaulty) f = qfaulty_new("");
    uint64_t state = 99;
    unsigned i, j, q;

    for (i = 0; i < 24; i++) {
        for (j = 0; j < 24; j++) {
            struct dmashare_desc desc;

            if (qdmashare_random(&state) % 3 == 0) {
                qdmashare_fault_add(f->qts, rules[qdmashare_random(&state) %
                                                  ARRAY_SIZE(rules)]);
            }
            q = qdmashare_random(&state) % 3;
            desc = q ? qfaulty_job(f, DMASHARE_OP_JOB_NOOP +
                                      qdmashare_random(&state) % 4, q)
                     : (struct dmashare_desc) { .opcode = DMASHARE_OP_NOP };
            if (f->d->queue[q].sq_tail < QDMASHARE_ENTRIES) {
                qdmashare_push(f->d, q, &desc);
                qdmashare_doorbell(f->d, q);
            }
            qtest_clock_step(f->qts, 1 + qdmashare_random(&state) % 400);
            if (qdmashare_random(&state) % 16 == 0) {
                qdmashare_queue_disable(f->d, q);
            }
            if (qdmashare_random(&state) % 16 == 0) {
                qdmashare_fault_remove_all(f->qts);
            }
            if (qdmashare_random(&state) % 8 == 0) {
                storm_fences(f, qdmashare_random(&state) % 2, 1 + j % 2);
            }
        }
        qdmashare_fault_remove_all(f->qts);
        qfaulty_start_again(f);
        storm_fences(f, false, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/fault/interrupt/drop", test_interrupt_drop);
    qtest_add_func("/dmashare/fault/interrupt/delay", test_interrupt_delay);
    qtest_add_func("/dmashare/fault/interrupt/duplicate",
                   test_interrupt_duplicate);
    qtest_add_func("/dmashare/fault/queue/stall", test_queue_stall);
    qtest_add_func("/dmashare/fault/fence-memory/drop", test_fence_drop);
    qtest_add_func("/dmashare/fault/fence-memory/delay", test_fence_delay);
    qtest_add_func("/dmashare/fault/rules/repeatable", test_repeatable);
    qtest_add_func("/dmashare/fault/rules/list", test_list);
    qtest_add_func("/dmashare/fault/rules/refused", test_refused);
    qtest_add_func("/dmashare/fault/storm", test_storm);
    return g_test_run();
}
