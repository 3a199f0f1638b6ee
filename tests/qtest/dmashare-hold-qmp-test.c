/*
 * dmashare: what the QMP commands about fences refuse, tell and leave behind
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/dmashare-fault.h"
#include "libqos/dmashare-hold.h"
#include "libqos/dmashare-qmp.h"

#define BATCH           "dmashare-fence-batch"
#define HOLD            "dmashare-fence-hold"
#define RELEASE         "dmashare-fence-release"

static QDmashareMachine *machine(QDmashare **d)
{
    QDmashareMachine *m = qdmashare_hold_machine("");

    *d = m->d;
    return m;
}

static void test_hold_refused(void)
{
    static const struct {
        const char *args, *text;
    } refused[] = {
        { "", "'timeline'" },
        { "\"seqno\":1", "'timeline'" },
        { "\"timeline\":64", "0 to 63" },
        { "\"timeline\":4294967295", "0 to 63" },
        { "\"timeline\":-1", "timeline" },
        { "\"timeline\":\"0\"", "timeline" },
        { "\"count\":0", "1 to 4294967295" },
        { "\"count\":4294967296", "count" },
        { "\"timeline\":0,\"seqno\":9,\"count\":1", "'seqno'" },
        { "\"timeline\":0,\"seqno\":0", "more than 2" },
        { "\"timeline\":0,\"seqno\":2", "more than 2" },
        { "\"timeline\":0,\"seqno\":5", "more than 7" },
        { "\"timeline\":1,\"seqno\":1", "hold 1" },
        { "\"timeline\":1,\"seqno\":50", "hold 2" },
        { "\"count\":1,\"watchdog\":0", "'never'" },
        { "\"count\":1,\"watchdog\":1,\"never\":true", "'watchdog'" },
        { "\"count\":1,\"never\":1", "never" },
        { "\"count\":1,\"more\":1", "more" },
    };
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_desc desc;
    size_t i;

    desc = qdmashare_noop(d, 0, 0);
    desc.job.seqno = 2;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_hold(d, "\"timeline\":1,\"seqno\":1");
    qdmashare_hold(d, "\"timeline\":1,\"seqno\":50");
    qdmashare_submit(d, 2, qdmashare_noop(d, 1, 0));
    desc.job.seqno = 7;
    desc.job.value = 1000;
    qdmashare_submit(d, 1, desc);
    for (i = 0; i < ARRAY_SIZE(refused); i++) {
        qdmashare_hold_refused(d, HOLD, refused[i].args, refused[i].text);
    }
    g_assert_cmpuint(qdmashare_holds(d), ==, 2);

    /* There are so many, and no more; a refused one takes no id. */
    for (i = 3; i <= 1024; i++) {
        g_assert_cmpuint(qdmashare_hold(d, "\"timeline\":2"), ==, i);
    }
    qdmashare_hold_refused(d, HOLD, "\"count\":1", "1024");
    g_assert_cmpuint(qdmashare_release(d, "\"hold\":3"), ==, 0);
    g_assert_cmpuint(qdmashare_hold(d, "\"count\":1"), ==, 1025);

    qdmashare_hold_refused(d, RELEASE, "\"hold\":3", "live hold");
    qdmashare_hold_refused(d, RELEASE, "\"hold\":0", "live hold");
    qdmashare_hold_refused(d, RELEASE, "\"order\":\"none\"", "order");
    qdmashare_hold_refused(d, RELEASE, "\"seed\":1", "'random'");
    g_assert_cmpuint(qdmashare_holds(d), ==, 1024);
    g_assert_cmpuint(qdmashare_release(d, "\"order\":\"random\",\"seed\":"
                                       "18446744073709551615"), ==, 1);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);
}

static void test_batch_refused(void)
{
    static const struct {
        const char *list, *text;
    } refused[] = {
        { "", "1 to 100000" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"count\":3,"
          "\"action\":\"release\"}", "1 to 2" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"count\":0,"
          "\"action\":\"release\"}", "1 to 100000" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"count\":100000,"
          "\"action\":\"release\"}", "not 100001" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"count\":2,\"action\":"
          "\"release\"},{\"timeline\":1,\"seqno\":3,\"action\":"
          "\"release\"}", "[2]" },
        { "%s,{\"timeline\":64,\"seqno\":1,\"action\":\"release\"}",
          "0 to 63" },
        { "%s,{\"timeline\":1,\"seqno\":9,\"action\":\"release\"}",
          "up to 3" },
        { "%s,{\"timeline\":1,\"seqno\":0,\"action\":\"release\"}",
          "after 0" },
        { "%s,{\"timeline\":1,\"seqno\":1,\"action\":\"release\"}",
          "[1]" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"action\":\"release\"},"
          "{\"timeline\":1,\"seqno\":2,\"action\":\"release\"}",
          "[2]" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"action\":\"fail\","
          "\"error\":\"none\"}", "'none'" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"action\":\"signal\","
          "\"error\":\"eio\"}", "'fail'" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"action\":\"fail\","
          "\"error\":\"esuccess\"}", "error" },
        { "%s,{\"timeline\":1,\"seqno\":2,\"action\":\"forget\"}",
          "action" },
        { "%s,{\"timeline\":1,\"seqno\":2}", "action" },
        { "%s,1", "fences[1]" },
    };
    /* The first entry is right, and must not be done. */
    const char *good = "{\"timeline\":1,\"seqno\":1,\"action\":\"release\"}";
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    size_t i;

    qdmashare_hold(d, "\"timeline\":1");
    for (i = 0; i < 3; i++) {
        qdmashare_submit(d, 1, qdmashare_noop(d, 1, 0));
    }
    for (i = 0; i < ARRAY_SIZE(refused); i++) {
        const char *list = refused[i].list;
        g_autofree char *args = g_strdup_printf(
            "\"fences\":[%s%s]", *list ? good : "", *list ? list + 2 : "");

        qdmashare_hold_refused(d, BATCH, args, refused[i].text);
    }
    g_assert_cmpuint(qdmashare_timeline(d, 1).held, ==, 3);
    qdmashare_assert_idle(d, 1);

    /* A fence of a queue that was given up is nobody's. */
    qdmashare_submit(d, 2, qdmashare_noop(d, 2, 1000));
    qdmashare_submit(d, 3, qdmashare_noop(d, 2, 0));
    qdmashare_queue_disable(d, 3);
    g_assert_cmpuint(qdmashare_timeline(d, 2).pending, ==, 2);
    qdmashare_hold_refused(d, BATCH, "\"fences\":[{\"timeline\":2,\"seqno\":2,"
                          "\"action\":\"signal\"}]", "[0]");
}

static void test_query_refused(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);

    qdmashare_hold_refused(d, "query-dmashare-fences", "\"limit\":0", "limit");
    qdmashare_hold_refused(d, "query-dmashare-fences", "\"limit\":10001",
                          "1 to 10000");
    qdmashare_hold_refused(d, "query-dmashare-fences", "\"timeline\":64",
                          "0 to 63");
    qdmashare_hold_refused(d, "query-dmashare-fences", "\"after-seqno\":1",
                          "'after-seqno'");
    qdmashare_hold_refused(d, "query-dmashare-fences", "\"state\":\"lost\"",
                          "state");
    qdmashare_hold_refused(d, "query-dmashare-timelines", "\"limit\":1001",
                          "1 to 1000");
    qdmashare_hold_refused(d, "query-dmashare-timelines", "\"timeline\":64",
                          "0 to 63");
}

static QDict *fences(QDmashare *d, const char *args)
{
    QDict *rsp = qdmashare_hold_qmp(d, "query-dmashare-fences", args);
    QDict *page = qdict_get_qdict(rsp, "return");

    g_assert_nonnull(page);
    qobject_ref(page);
    qobject_unref(rsp);
    return page;
}

/* How many fences match. */
static unsigned total(QDmashare *d, const char *args)
{
    QDict *page = fences(d, args);
    unsigned n = qdict_get_int(page, "total");

    g_assert_cmpuint(qlist_size(qdict_get_qlist(page, "fences")), ==, n);
    g_assert_false(qdict_haskey(page, "next-timeline"));
    qobject_unref(page);
    return n;
}

static void test_query(void)
{
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    g_autofree char *args = g_strdup("\"limit\":4");
    unsigned seen = 0, pages = 0;
    uint64_t last = 0;
    QDict *page, *info;

    qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_buf(d, 2, 4096, DMASHARE_DIR_TO_DEVICE);
    qdmashare_hold(d, "\"timeline\":3");
    qdmashare_submit(d, 1, qdmashare_copy(d, 3, 1, 0, 2, 0, 8));
    qdmashare_submit(d, 1, qdmashare_fill(d, 3, 1, 0, 8, 0));
    qdmashare_submit(d, 1, qdmashare_noop(d, 2, 1000));
    qdmashare_submit(d, 1, qdmashare_checksum(d, 4, 2, 0, 8));
    qdmashare_submit(d, 2, qdmashare_noop(d, 2, 0));
    qdmashare_push_noops(d, 3, 3, 1);
    qdmashare_push_noops(d, 3, 10, 4);
    qdmashare_doorbell(d, 3);
    qdmashare_settle(d);

    g_assert_cmpuint(total(d, ""), ==, 6);
    g_assert_cmpuint(total(d, "\"timeline\":3"), ==, 3);
    g_assert_cmpuint(total(d, "\"state\":\"held\""), ==, 3);
    g_assert_cmpuint(total(d, "\"state\":\"running\""), ==, 1);
    g_assert_cmpuint(total(d, "\"state\":\"waiting\""), ==, 1);
    g_assert_cmpuint(total(d, "\"state\":\"done\""), ==, 1);
    g_assert_cmpuint(total(d, "\"buffer\":1"), ==, 2);
    g_assert_cmpuint(total(d, "\"buffer\":2"), ==, 2);
    g_assert_cmpuint(total(d, "\"buffer\":2,\"timeline\":4"), ==, 1);
    g_assert_cmpuint(total(d, "\"buffer\":3"), ==, 0);

    /* Page by page, by rising timeline and seqno. */
    do {
        QListEntry *entry;

        page = fences(d, args);
        g_assert_cmpuint(qdict_get_int(page, "total"), ==, 6);
        QLIST_FOREACH_ENTRY(qdict_get_qlist(page, "fences"), entry) {
            uint64_t key;

            info = qobject_to(QDict, qlist_entry_obj(entry));
            key = qdict_get_int(info, "timeline") << 8 |
                  qdict_get_int(info, "seqno");
            g_assert_cmpuint(key, >, last);
            last = key;
            seen++;
        }
        g_free(args);
        args = qdict_haskey(page, "next-timeline") ?
               g_strdup_printf("\"limit\":4,\"after-timeline\":%" PRId64
                               ",\"after-seqno\":%" PRId64,
                               qdict_get_int(page, "next-timeline"),
                               qdict_get_int(page, "next-seqno")) : NULL;
        qobject_unref(page);
        pages++;
    } while (args);
    g_assert_cmpuint(seen, ==, 6);
    g_assert_cmpuint(pages, ==, 2);

    page = fences(d, "\"timeline\":3,\"limit\":1");
    info = qobject_to(QDict, qlist_peek(qdict_get_qlist(page, "fences")));
    g_assert_cmpstr(qdict_get_str(info, "state"), ==, "held");
    g_assert_cmpuint(qdict_get_int(info, "queue"), ==, 1);
    g_assert_cmpuint(qdict_get_int(info, "hold"), ==, 1);
    g_assert_cmpuint(qdict_get_int(info, "src"), ==, 2);
    g_assert_cmpuint(qdict_get_int(info, "dst"), ==, 1);
    qobject_unref(page);
}

/* One entry of the journal about fences, jobs and queues. */
typedef struct Entry {
    const char *operation, *actor;
    uint64_t arg;
    unsigned status, error;
} Entry;

static void test_journal(void)
{
    static const Entry want[] = {
        { "fence-hold", "harness", 1 },
        { "job-start", "device", DMASHARE_OP_JOB_NOOP },
        { "job-end", "device", DMASHARE_OP_JOB_NOOP },
        { "fence-held", "device", 1 },
        { "fence-action", "harness", 2, DMASHARE_STATUS_COMMANDED, 19 },
        { "fence-signal", "device", 0, DMASHARE_STATUS_COMMANDED, 19 },
        { "job-start", "device", DMASHARE_OP_JOB_NOOP },
        { "job-end", "device", DMASHARE_OP_JOB_NOOP },
        { "fence-held", "device", 1 },
        { "watchdog", "device", 1, DMASHARE_STATUS_TIMEOUT, 110 },
        { "fence-signal", "device", 0, DMASHARE_STATUS_TIMEOUT, 110 },
        { "job-start", "device", DMASHARE_OP_JOB_NOOP },
        { "queue", "driver", 0 },
        { "job-end", "device", DMASHARE_OP_JOB_NOOP,
          DMASHARE_STATUS_ABORTED, 125 },
        { "fence-signal", "device", 0, DMASHARE_STATUS_ABORTED, 125 },
        { "queue", "driver", 1 },
    };
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    uint64_t from = qdmashare_journal_end(m->qts);
    QObject *r;
    unsigned i, n = 0;

    qdmashare_hold(d, "\"timeline\":3,\"watchdog\":1000");
    qdmashare_submit(d, 2, qdmashare_noop(d, 3, 100));
    qdmashare_step(d, 100);
    qdmashare_act(d, 3, 1, "fail", "enodev");
    qdmashare_submit(d, 2, qdmashare_noop(d, 3, 0));
    qdmashare_step(d, 1000);
    qdmashare_submit(d, 2, qdmashare_noop(d, 3, 100));
    qdmashare_queue_disable(d, 2);
    qdmashare_queue_setup(d, 2, QDMASHARE_ENTRIES, QDMASHARE_ENTRIES);

    r = qdmashare_journal(m->qts, "'from': %" PRIu64, from);
    for (i = 0; i < qdmashare_len(r, "entries"); i++) {
        g_autofree char *place = g_strdup_printf("entries.%u", i);
        QObject *e = qdmashare_at(r, place);

        if (!strcmp(qdmashare_str(e, "operation"), "interrupt")) {
            continue;
        }
        g_assert_cmpuint(n, <, ARRAY_SIZE(want));
        qdmashare_assert_str(e, "operation", want[n].operation);
        qdmashare_assert_str(e, "actor", want[n].actor);
        qdmashare_assert_num(e, "arg", want[n].arg);
        qdmashare_assert_num(e, "status", want[n].status);
        if (want[n].status) {
            qdmashare_assert_num(e, "error", want[n].error);
        }
        if (strcmp(want[n].operation, "fence-hold")) {
            qdmashare_assert_num(e, "queue", 2);
        }
        if (strcmp(want[n].operation, "queue")) {
            qdmashare_assert_num(e, "timeline", 3);
        }
        n++;
    }
    g_assert_cmpuint(n, ==, ARRAY_SIZE(want));
    qobject_unref(r);
}

static void test_fatal(void)
{
    static const char text[] = "only a reset helps";
    QDmashare *d;
    g_autoptr(QDmashareMachine) m = machine(&d);
    struct dmashare_desc desc;

    /* Nothing signals any more: not by command, not by the watchdog. */
    qdmashare_hold(d, "\"timeline\":0,\"watchdog\":1000");
    qdmashare_submit(d, 1, qdmashare_noop(d, 0, 0));
    qdmashare_fault_add(m->qts, "'where': 'job', 'action': 'fatal'");
    qdmashare_submit(d, 1, qdmashare_noop(d, 1, 0));
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS) &
                    DMASHARE_STATUS_REG_FATAL, !=, 0);
    qdmashare_hold_refused(d, HOLD, "\"count\":1", text);
    qdmashare_hold_refused(d, RELEASE, "", text);
    qdmashare_hold_refused(d, BATCH, "\"fences\":[{\"timeline\":0,\"seqno\":"
                           "1,\"action\":\"signal\"}]", text);
    qdmashare_step(d, 5000);
    qdmashare_assert_idle(d, 1);
    g_assert_cmpuint(qdmashare_fence(d, 0), ==, 0);
    g_assert_cmpstr(qdmashare_fence_state(d, 0, 1), ==, "held");

    qdmashare_reset(d);
    g_assert_cmpuint(qdmashare_holds(d), ==, 1);
    g_assert_cmpuint(qdmashare_release(d, ""), ==, 0);
    qdmashare_start(d);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/hold-qmp/hold-refused", test_hold_refused);
    qtest_add_func("/dmashare/hold-qmp/batch-refused", test_batch_refused);
    qtest_add_func("/dmashare/hold-qmp/query-refused", test_query_refused);
    qtest_add_func("/dmashare/hold-qmp/query", test_query);
    qtest_add_func("/dmashare/hold-qmp/journal", test_journal);
    qtest_add_func("/dmashare/hold-qmp/fatal", test_fatal);
    return g_test_run();
}
