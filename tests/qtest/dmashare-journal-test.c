/*
 * dmashare: the journal, and QMP's events
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libqos/dmashare-machine.h"
#include "libqos/dmashare-qmp.h"

/* So many operations are kept that the filter lets through. */
static void kept(QDmashareMachine *m, const char *filter, unsigned n)
{
    QObject *r = qdmashare_journal(m->qts, "%s", filter);

    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, n);
    qobject_unref(r);
}

static unsigned run(QDmashareMachine *m, struct dmashare_desc desc)
{
    qtest_clock_step(m->qts, 10);
    return qdmashare_command(m->d, &desc);
}

/* What entry i of a page says of a command. */
static void entry_is(QObject *r, unsigned i, uint64_t arg, unsigned status,
                     unsigned error, int64_t buffer, int64_t object,
                     int64_t bytes)
{
    g_autofree char *place = g_strdup_printf("entries.%u", i);
    QObject *e = qdmashare_at(r, place);

    g_assert_nonnull(e);
    qdmashare_assert_str(e, "operation", "command");
    qdmashare_assert_str(e, "actor", "driver");
    qdmashare_assert_num(e, "arg", arg);
    qdmashare_assert_num(e, "queue", 0);
    qdmashare_assert_num(e, "status", status);
    if (status) {
        qdmashare_assert_num(e, "error", error);
    } else {
        qdmashare_assert_absent(e, "error");
    }
    if (buffer < 0) {
        qdmashare_assert_absent(e, "buffer");
    } else {
        qdmashare_assert_num(e, "buffer", buffer);
    }
    if (object < 0) {
        qdmashare_assert_absent(e, "object");
    } else {
        qdmashare_assert_num(e, "object", object);
    }
    if (bytes < 0) {
        qdmashare_assert_absent(e, "bytes");
    } else {
        qdmashare_assert_num(e, "bytes", bytes);
    }
    qdmashare_assert_absent(e, "timeline");
    qdmashare_assert_absent(e, "seqno");
}

static void test_commands(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,local-size=1M");
    QDmashare *d = m->d;
    uint64_t begin = qdmashare_journal_end(m->qts), time, last;
    struct dmashare_segment seg;
    struct dmashare_desc map;
    const QListEntry *entry;
    QObject *r;
    unsigned i = 0;

    time = qdmashare_readq(d, DMASHARE_REG_TIME_LO);
#define RUN(...) run(m, (struct dmashare_desc) { __VA_ARGS__ })
    RUN(.opcode = DMASHARE_OP_NOP);
    RUN(.opcode = DMASHARE_OP_BUFFER_CREATE, .buffer = { .id = 5,
                                                         .size = 4096 });
    RUN(.opcode = DMASHARE_OP_BUFFER_CREATE, .buffer = { .id = 5,
                                                         .size = 8192 });
    RUN(.opcode = DMASHARE_OP_ATTACH, .attach = { .id = 7, .buffer = 5,
                                                  .name = "importer" });
    map = qdmashare_map_desc(d, 9, 5, 4096, &seg);
    map.map.attachment = 7;
    qdmashare_map_with(d, map, &seg, 1);
    RUN(.opcode = DMASHARE_OP_SYNC, .sync = {
        .mapping = 9, .flags = DMASHARE_SYNC_F_FOR_CPU, .length = 64 });
    RUN(.opcode = DMASHARE_OP_NOTE, .note = {
        .kind = DMASHARE_NOTE_VMAP, .buffer = 5, .length = 123 });
    RUN(.opcode = DMASHARE_OP_NOTE, .note = {
        .kind = DMASHARE_NOTE_MAP, .buffer = 5, .attachment = 7,
        .length = 4096 });
    RUN(.opcode = DMASHARE_OP_PLACE, .place = {
        .id = 5, .placement = DMASHARE_PLACEMENT_LOCAL });
    RUN(.opcode = DMASHARE_OP_DETACH, .id.id = 7);
    RUN(.opcode = DMASHARE_OP_UNMAP, .unmap.id = 9);
    RUN(.opcode = DMASHARE_OP_UNMAP, .unmap.id = 9);
    RUN(.opcode = DMASHARE_OP_DETACH, .id.id = 7);
    RUN(.opcode = DMASHARE_OP_BUFFER_DESTROY, .id.id = 5);
    RUN(.opcode = 0x3f);
#undef RUN

    r = qdmashare_journal(m->qts, "'from': %" PRIu64
                          ", 'operation': 'command'", begin);
    entry_is(r, i++, DMASHARE_OP_NOP, 0, 0, -1, -1, -1);
    entry_is(r, i++, DMASHARE_OP_BUFFER_CREATE, 0, 0, 5, -1, 4096);
    entry_is(r, i++, DMASHARE_OP_BUFFER_CREATE, DMASHARE_STATUS_ID_EXISTS, 17,
             5, -1, 8192);
    entry_is(r, i++, DMASHARE_OP_ATTACH, 0, 0, 5, 7, -1);
    entry_is(r, i++, DMASHARE_OP_MAP, 0, 0, 5, 9, 4096);
    entry_is(r, i++, DMASHARE_OP_SYNC, 0, 0, 5, 9, 64);
    entry_is(r, i++, DMASHARE_OP_NOTE | DMASHARE_NOTE_VMAP << 8, 0, 0, 5, -1,
             123);
    entry_is(r, i++, DMASHARE_OP_NOTE | DMASHARE_NOTE_MAP << 8, 0, 0, 5, 7,
             4096);
    entry_is(r, i++, DMASHARE_OP_PLACE, 0, 0, 5, -1, -1);
    entry_is(r, i++, DMASHARE_OP_DETACH, DMASHARE_STATUS_BUSY, 16, 5, 7, -1);
    entry_is(r, i++, DMASHARE_OP_UNMAP, 0, 0, 5, 9, -1);
    entry_is(r, i++, DMASHARE_OP_UNMAP, DMASHARE_STATUS_BAD_ID, 2, -1, 9, -1);
    entry_is(r, i++, DMASHARE_OP_DETACH, 0, 0, 5, 7, -1);
    entry_is(r, i++, DMASHARE_OP_BUFFER_DESTROY, 0, 0, 5, -1, -1);
    entry_is(r, i++, 0x3f, DMASHARE_STATUS_BAD_OPCODE, 95, -1, -1, -1);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, i);
    qdmashare_assert_num(r, "lost", 0);

    /* In order, at the time at which they were given. */
    last = begin;
    QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(r, "entries")), entry) {
        QObject *e = qlist_entry_obj(entry);

        g_assert_cmpuint(qdmashare_num(e, "sequence"), >=, last);
        last = qdmashare_num(e, "sequence") + 1;
        g_assert_cmpuint(qdmashare_num(e, "time"), >=, time);
        time = qdmashare_num(e, "time");
    }
    g_assert_cmpuint(time, ==, qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    qobject_unref(r);

    /* The buffer's own, which is all but the first and the last. */
    kept(m, "'buffer': 5, 'operation': 'command'", 12);
    kept(m, "'buffer': 6", 0);
}

static void test_device(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,local-size=1M");
    QDmashare *d = m->d;
    uint64_t end;
    QObject *r;

    /* One command has one entry and one interrupt, after it. */
    end = qdmashare_journal_end(m->qts);
    qdmashare_local_buf(d, 1, 0, 4096, 0);
    r = qdmashare_journal(m->qts, "'from': %" PRIu64, end);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 4);
    qdmashare_assert_str(r, "entries.0.operation", "command");
    qdmashare_assert_str(r, "entries.1.operation", "interrupt");
    qdmashare_assert_str(r, "entries.1.actor", "device");
    qdmashare_assert_num(r, "entries.1.arg", 1);
    qdmashare_assert_num(r, "entries.1.sequence", end + 1);
    qdmashare_assert_num(r, "end", end + 4);
    qdmashare_assert_num(r, "next", end + 4);
    qobject_unref(r);

    /* A wish, the event that it is, and its interrupt. */
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_LOCAL);
    end = qdmashare_journal_end(m->qts);
    qdmashare_qmp_do(m->qts, "dmashare-evict",
                     "{ 'path': 'dev', 'buffer': 1 }");
    r = qdmashare_journal(m->qts, "'from': %" PRIu64, end);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 3);
    qdmashare_assert_str(r, "entries.0.operation", "evict");
    qdmashare_assert_str(r, "entries.0.actor", "harness");
    qdmashare_assert_num(r, "entries.0.buffer", 1);
    qdmashare_assert_num(r, "entries.0.bytes", 4096);
    qdmashare_assert_str(r, "entries.1.operation", "event");
    qdmashare_assert_num(r, "entries.1.arg", DMASHARE_EVENT_MOVE_REQUEST);
    qdmashare_assert_num(r, "entries.1.buffer", 1);
    qdmashare_assert_num(r, "entries.1.status", 0);
    qdmashare_assert_absent(r, "entries.1.queue");
    qdmashare_assert_str(r, "entries.2.operation", "interrupt");
    qdmashare_assert_num(r, "entries.2.arg", 0);
    qobject_unref(r);

    /* What is lost because the ring is full is not lost here. */
    for (unsigned i = 1; i < QDMASHARE_ENTRIES; i++) {
        qdmashare_qmp_do(m->qts, "dmashare-evict",
                         "{ 'path': 'dev', 'buffer': 1 }");
    }
    qdmashare_qmp_refused(m->qts, "The event ring is full", "dmashare-evict",
                          "{ 'path': 'dev', 'buffer': 1 }");
    r = qdmashare_journal(m->qts, "'operation': 'event'");
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, QDMASHARE_ENTRIES + 1);
    qdmashare_assert_num(r, "entries.16.status", DMASHARE_STATUS_LIMIT);
    qdmashare_assert_num(r, "entries.16.error", 28);
    QEMU_BUILD_BUG_ON(QDMASHARE_ENTRIES != 16);
    qobject_unref(r);

    /* A reset is an entry, and ends nothing. */
    end = qdmashare_journal_end(m->qts);
    qdmashare_reset(d);
    r = qdmashare_journal(m->qts, "'operation': 'reset'");
    qdmashare_assert_num(r, "end", end + 1);
    qdmashare_assert_num(r, "entries.0.sequence", 0);
    qobject_unref(r);
    kept(m, "'buffer': 1, 'operation': 'evict'", QDMASHARE_ENTRIES + 1);
}

/* A job from its start to its fence, beside one that waits and one refused. */
static void test_jobs(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,latency=500");
    static const char *const operation[] = {
        "job-start", "job-end", "fence-signal", "interrupt",
    };
    QDmashare *d = m->d;
    struct dmashare_desc bad = qdmashare_fill(d, 5, 2, 4096, 1, 0);
    uint64_t from, now;
    QObject *r;

    qdmashare_buf(d, 1, 4096, DMASHARE_DIR_TO_DEVICE);
    qdmashare_buf(d, 2, 4096, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_settle(d);
    from = qdmashare_journal_end(m->qts);
    now = qdmashare_readq(d, DMASHARE_REG_TIME_LO);
    qdmashare_submit(d, 1, qdmashare_copy(d, 3, 2, 8, 1, 16, 100));
    qdmashare_step(d, 500);
    r = qdmashare_journal(m->qts, "'from': %" PRIu64, from);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 4);
    for (unsigned i = 0; i < 4; i++) {
        g_autofree char *place = g_strdup_printf("entries.%u", i);
        QObject *e = qdmashare_at(r, place);

        qdmashare_assert_str(e, "operation", operation[i]);
        qdmashare_assert_str(e, "actor", "device");
        qdmashare_assert_num(e, "time", i ? now + 500 : now);
        qdmashare_assert_num(e, "status", 0);
        if (i < 2) {
            qdmashare_assert_num(e, "arg", DMASHARE_OP_JOB_COPY);
            qdmashare_assert_num(e, "buffer", 2);
            qdmashare_assert_num(e, "object", 1);
            qdmashare_assert_num(e, "bytes", 100);
        }
        if (i < 3) {
            qdmashare_assert_num(e, "queue", 1);
            qdmashare_assert_num(e, "timeline", 3);
            qdmashare_assert_num(e, "seqno", 1);
        } else {
            qdmashare_assert_num(e, "arg", 2);
        }
    }
    qobject_unref(r);

    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);

    /* It concerns both of its buffers. */
    kept(m, "'operation': 'job-end', 'buffer': 1", 1);
    kept(m, "'operation': 'job-end', 'buffer': 2", 1);

    /* One byte past the end: it never starts, its fence fails. */
    bad.job.dst.mapping = 2;
    g_assert_cmphex(qdmashare_job(d, bad).status, ==,
                    DMASHARE_STATUS_FAULT_BOUNDS);
    kept(m, "'operation': 'job-start'", 1);
    r = qdmashare_journal(m->qts, "'operation': 'job-end'");
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 2);
    qdmashare_assert_num(r, "entries.1.status", DMASHARE_STATUS_FAULT_BOUNDS);
    qdmashare_assert_num(r, "entries.1.error", 34);
    qobject_unref(r);
    r = qdmashare_journal(m->qts, "'operation': 'fence-signal'");
    qdmashare_assert_num(r, "entries.1.status", DMASHARE_STATUS_FAULT_BOUNDS);
    qdmashare_assert_num(r, "entries.1.timeline", 5);
    qobject_unref(r);

    /* Queues come, go and fail. */
    qdmashare_queue_disable(d, 2);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 1000);
    r = qdmashare_journal(m->qts, "'operation': 'queue'");
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, d->n_queues + 2);
    qdmashare_assert_num(r, "entries.0.queue", 0);
    qdmashare_assert_num(r, "entries.0.arg", 1);
    qdmashare_assert_str(r, "entries.0.actor", "driver");
    qdmashare_assert_num(r, "entries.5.queue", 2);
    qdmashare_assert_num(r, "entries.5.arg", 0);
    qdmashare_assert_num(r, "entries.6.queue", 1);
    qdmashare_assert_num(r, "entries.6.arg", 256 + DMASHARE_QERR_DOORBELL);
    qdmashare_assert_str(r, "entries.6.actor", "device");
    qobject_unref(r);
}

/* A ring of ten entries: what is lost is told. */
static void test_lost(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,journal-size=10");
    QDmashare *d = m->d;
    uint64_t end, next;
    QObject *r;

    /* A command is two entries. */
    for (unsigned i = 1; i <= 20; i++) {
        qdmashare_buffer(d, i, 4096);
    }
    end = qdmashare_journal_end(m->qts);
    g_assert_cmpuint(end, >=, 40);

    r = qdmashare_qmp(m->qts, "query-dmashare-journal", "{ 'path': 'dev' }");
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 10);
    qdmashare_assert_num(r, "lost", 0);
    qdmashare_assert_num(r, "next", end);
    qdmashare_assert_num(r, "entries.0.sequence", end - 10);
    qdmashare_assert_num(r, "entries.0.buffer", 16);
    qdmashare_assert_num(r, "entries.8.buffer", 20);
    qobject_unref(r);

    /* Who wants all is told how many there are no more. */
    r = qdmashare_journal(m->qts, "'from': 0");
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 10);
    qdmashare_assert_num(r, "lost", end - 10);
    qobject_unref(r);
    r = qdmashare_journal(m->qts, "'from': %" PRIu64 ", 'limit': 3", end - 12);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 3);
    qdmashare_assert_num(r, "lost", 2);
    qdmashare_assert_num(r, "next", end - 7);
    next = qdmashare_num(r, "next");
    qobject_unref(r);

    /* Paging goes on where it was, and notices what came between. */
    for (unsigned i = 21; i <= 24; i++) {
        qdmashare_buffer(d, i, 4096);
    }
    r = qdmashare_journal(m->qts, "'from': %" PRIu64, next);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 10);
    qdmashare_assert_num(r, "lost", 5);
    qdmashare_assert_num(r, "next", end + 8);
    qdmashare_assert_num(r, "end", end + 8);
    qdmashare_assert_num(r, "entries.9.sequence", end + 7);
    qobject_unref(r);

    /* Nothing new: an empty page. What will come is not permitted yet. */
    r = qdmashare_journal(m->qts, "'from': %" PRIu64, end + 8);
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 0);
    qdmashare_assert_num(r, "next", end + 8);
    qobject_unref(r);
    qdmashare_qmp_refused(m->qts, "Parameter 'from' expects a sequence from 0 "
                          "to ", "query-dmashare-journal",
                          "{ 'path': 'dev', 'from': %" PRIu64 " }", end + 9);
    qdmashare_qmp_refused(m->qts, "Parameter 'limit' expects a number from 1 "
                          "to 10000, not 10001", "query-dmashare-journal",
                          "{ 'path': 'dev', 'limit': 10001 }");
    qdmashare_qmp_refused(m->qts, "Parameter 'limit' expects a number from 1 "
                          "to 10000, not 0", "query-dmashare-journal",
                          "{ 'path': 'dev', 'limit': 0 }");
}

/* A filter does not make a page stop before it looked at everything. */
static void test_filter(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "id=dev");
    uint64_t from = 0;
    unsigned n = 0;

    for (unsigned i = 1; i <= 12; i++) {
        qdmashare_buffer(m->d, i, 4096);
    }
    for (unsigned pages = 0;; pages++) {
        QObject *r = qdmashare_journal(m->qts, "'operation': 'command',"
                                       "'limit': 5, 'from': %" PRIu64, from);
        unsigned len = qdmashare_len(r, "entries");

        for (unsigned i = 0; i < len; i++) {
            g_autofree char *place = g_strdup_printf("entries.%u.buffer", i);

            qdmashare_assert_num(r, place, ++n);
        }
        from = qdmashare_num(r, "next");
        if (from == qdmashare_num(r, "end")) {
            g_assert_cmpuint(len, ==, 2);
            g_assert_cmpuint(pages, ==, 2);
            qobject_unref(r);
            break;
        }
        g_assert_cmpuint(len, ==, 5);
        qobject_unref(r);
    }
    g_assert_cmpuint(n, ==, 12);
}

/*
 * Events
 */

static void test_events(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "id=dev");
    QDmashare *d = m->d;
    struct dmashare_desc failed = {
        .opcode = DMASHARE_OP_NOTE,
        .note = { .kind = DMASHARE_NOTE_EXPORT, .buffer = 6, .error = 12 },
    };
    QDict *event;

    qdmashare_buffer(d, 6, 12345);
    /* An export that failed is none. */
    qdmashare_assert_command(d, &failed, DMASHARE_STATUS_OK);
    qdmashare_note(d, DMASHARE_NOTE_EXPORT, 6);
    event = qtest_qmp_eventwait_ref(m->qts, "DMASHARE_BUFFER_EXPORTED");
    qdmashare_assert_str(event, "data.path", "/machine/peripheral/dev");
    qdmashare_assert_num(event, "data.buffer", 6);
    qdmashare_assert_str(event, "data.name", "qtest");
    qdmashare_assert_num(event, "data.size", 12345);
    qdmashare_assert_num(event, "data.suppressed", 0);
    qobject_unref(event);

    qdmashare_attach(d, 3, 6);
    event = qtest_qmp_eventwait_ref(m->qts, "DMASHARE_ATTACHED");
    qdmashare_assert_str(event, "data.path", "/machine/peripheral/dev");
    qdmashare_assert_num(event, "data.buffer", 6);
    qdmashare_assert_num(event, "data.attachment", 3);
    qdmashare_assert_str(event, "data.importer", "importer");
    qdmashare_assert_num(event, "data.suppressed", 0);
    qobject_unref(event);

    qdmashare_note(d, DMASHARE_NOTE_RELEASE, 6);
    event = qtest_qmp_eventwait_ref(m->qts, "DMASHARE_BUFFER_RELEASED");
    qdmashare_assert_num(event, "data.buffer", 6);
    qdmashare_assert_num(event, "data.suppressed", 0);
    qobject_unref(event);

    /* An access that is refused; the mapping is 9, and there is no other. */
    qdmashare_buf(d, 9, 4096, DMASHARE_DIR_TO_DEVICE);
    g_assert_cmphex(qdmashare_job(d, qdmashare_fill(d, 1, 9, 64, 8, 0)).status,
                    ==, DMASHARE_STATUS_FAULT_DIRECTION);
    event = qtest_qmp_eventwait_ref(m->qts, "DMASHARE_FAULT");
    qdmashare_assert_str(event, "data.path", "/machine/peripheral/dev");
    qdmashare_assert_absent(event, "data.rule");
    qdmashare_assert_num(event, "data.status", DMASHARE_STATUS_FAULT_DIRECTION);
    qdmashare_assert_num(event, "data.queue", 1);
    qdmashare_assert_num(event, "data.buffer", 9);
    qdmashare_assert_num(event, "data.mapping", 9);
    qdmashare_assert_num(event, "data.offset", 64);
    qdmashare_assert_num(event, "data.write", 1);
    qdmashare_assert_num(event, "data.suppressed", 0);
    qobject_unref(event);

    /* One of each. An answer comes after all events before it. */
    g_assert_cmpuint(qdmashare_journal_end(m->qts), >, 0);
    g_assert_null(qtest_qmp_event_ref(m->qts, "DMASHARE_BUFFER_EXPORTED"));
    g_assert_null(qtest_qmp_event_ref(m->qts, "DMASHARE_BUFFER_RELEASED"));
    g_assert_null(qtest_qmp_event_ref(m->qts, "DMASHARE_ATTACHED"));
    g_assert_null(qtest_qmp_event_ref(m->qts, "DMASHARE_FAULT"));
}

/* Of a flood of events some come, and they say how many did not. */
static void test_rate(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "id=dev");
    struct dmashare_desc note = {
        .opcode = DMASHARE_OP_NOTE,
        .note = { .kind = DMASHARE_NOTE_EXPORT, .buffer = 1 },
    };
    int64_t start = g_get_monotonic_time(), seconds;
    uint64_t made = 0, sent = 0, suppressed = 0;

    qdmashare_buffer(m->d, 1, 4096);
    while (!suppressed) {
        QDict *event;

        for (unsigned i = 0; i < 64; i++) {
            qdmashare_assert_command(m->d, &note, DMASHARE_STATUS_OK);
            made++;
        }
        qdmashare_journal_end(m->qts);
        while ((event = qtest_qmp_event_ref(m->qts,
                                            "DMASHARE_BUFFER_EXPORTED"))) {
            sent++;
            /* All before this one were sent, or this one counts them. */
            suppressed += qdmashare_num(QOBJECT(event), "data.suppressed");
            qobject_unref(event);
            g_assert_cmpuint(sent + suppressed, <=, made);
        }
        /* Another kind has its own limit, and the first 100 always come. */
        g_assert_cmpuint(sent, >=, MIN(made, 100));
    }
    seconds = (g_get_monotonic_time() - start) / G_USEC_PER_SEC;
    g_assert_cmpuint(sent, <=, 100 * (seconds + 1));
    qdmashare_attach(m->d, 1, 1);
    qobject_unref(qtest_qmp_eventwait_ref(m->qts, "DMASHARE_ATTACHED"));
}

/* Of no entries: everything works, and nothing is told. */
static void test_none(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,journal-size=0");
    g_autoptr(QDmasharePair) p = qdmashare_pair_new(m->d, 4096);
    QObject *r;

    qdmashare_pair_works(m->d, p);
    r = qdmashare_journal(m->qts, "'from': 0");
    g_assert_cmpuint(qdmashare_len(r, "entries"), ==, 0);
    qdmashare_assert_num(r, "lost", 0);
    qdmashare_assert_num(r, "next", 0);
    qdmashare_assert_num(r, "end", 0);
    qobject_unref(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/journal/commands", test_commands);
    qtest_add_func("/dmashare/journal/device", test_device);
    qtest_add_func("/dmashare/journal/jobs", test_jobs);
    qtest_add_func("/dmashare/journal/lost", test_lost);
    qtest_add_func("/dmashare/journal/none", test_none);
    qtest_add_func("/dmashare/journal/filter", test_filter);
    qtest_add_func("/dmashare/events/each", test_events);
    qtest_add_func("/dmashare/events/rate", test_rate);
    return g_test_run();
}
