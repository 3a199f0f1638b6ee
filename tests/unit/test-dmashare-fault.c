/*
 * Unit test of fault rules, and of what they delay
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "dmashare/abi.h"
#include "hw/dmashare/fault.h"
#include "hw/dmashare/late.h"

#define WHERE(name)     DMASHARE_FAULT_WHERE_##name
#define ACTION(name)    DMASHARE_FAULT_ACTION_##name

static const DmashareFaultLimits limits = {
    .queues = 5,
    .timelines = 64,
    .vectors = 6,
};

typedef struct Told {
    unsigned faults;
    unsigned hangs;
    DmashareFaultNotice last;
    bool fatal;
} Told;

static void told_fault(void *opaque, const DmashareFaultNotice *notice)
{
    Told *told = opaque;

    told->faults++;
    told->last = *notice;
}

static void told_hung(void *opaque, uint32_t rule, uint32_t queue, bool fatal)
{
    Told *told = opaque;

    told->hangs++;
    told->fatal = fatal;
}

static const DmashareNotifyOps told_ops = {
    .fault = told_fault,
    .engine_hung = told_hung,
};

typedef struct World {
    DmashareFaults faults;
    DmashareJournal journal;
    DmashareNotify notify;
    Told told;
} World;

static World *world_new(void)
{
    World *w = g_new0(World, 1);

    w->notify.ops = &told_ops;
    w->notify.opaque = &w->told;
    dmashare_journal_init(&w->journal, 1024);
    dmashare_faults_init(&w->faults, &limits, &w->journal, &w->notify);
    return w;
}

static void world_free(World *w)
{
    dmashare_faults_destroy(&w->faults);
    dmashare_journal_destroy(&w->journal);
    g_free(w);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* A rule that is right in itself. */
static DmashareFaultRule rule_of(DmashareFaultWhere where,
                                 DmashareFaultAction action)
{
    DmashareFaultRule rule = {
        .where = where,
        .action = action,
        .has_delay = action == ACTION(DELAY),
        .delay = action == ACTION(DELAY) ? 1000 : 0,
    };

    return rule;
}

static uint32_t add(World *w, const DmashareFaultRule *rule)
{
    return dmashare_fault_add(&w->faults, rule, &error_abort);
}

/* Refused, with this text; nothing was added. */
static void refused(World *w, const DmashareFaultRule *rule, const char *text)
{
    unsigned n = w->faults.rules->len;
    uint32_t next = w->faults.next_id;
    Error *err = NULL;

    g_assert_cmpuint(dmashare_fault_add(&w->faults, rule, &err), ==, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, text);
    error_free(err);
    g_assert_cmpuint(w->faults.rules->len, ==, n);
    g_assert_cmpuint(w->faults.next_id, ==, next);
}

/* The id of the rule that fires, 0 for none. */
static uint32_t ask(World *w, const DmashareFaultKey *key)
{
    const DmashareRule *rule;

    if (!dmashare_faults_at(&w->faults, key->where)) {
        return 0;
    }
    rule = dmashare_fault_ask(&w->faults, key);
    return rule ? rule->id : 0;
}

static uint32_t ask_at(World *w, DmashareFaultWhere where)
{
    DmashareFaultKey key = DMASHARE_FAULT_KEY(where);

    return ask(w, &key);
}

static const DmashareRule *rule_at(World *w, unsigned i)
{
    return g_ptr_array_index(w->faults.rules, i);
}

/* What can be done where, as the schema says it. */
static const char *const actions[DMASHARE_FAULT_WHERE__MAX] = {
    [WHERE(COMMAND)] = "'fail' or 'fatal'",
    [WHERE(JOB)] = "'fail', 'delay', 'hang' or 'fatal'",
    [WHERE(DMA_READ)] = "'fail'",
    [WHERE(DMA_WRITE)] = "'fail'",
    [WHERE(INTERRUPT)] = "'drop', 'delay' or 'duplicate'",
    [WHERE(QUEUE)] = "'stall' or 'fatal'",
    [WHERE(FENCE_MEMORY)] = "'drop' or 'delay'",
};

static void test_actions(void)
{
    g_autoptr(World) w = world_new();

    for (unsigned i = 0; i < DMASHARE_FAULT_WHERE__MAX; i++) {
        for (unsigned j = 0; j < DMASHARE_FAULT_ACTION__MAX; j++) {
            DmashareFaultRule rule = rule_of(i, j);
            g_autofree char *name = g_strdup_printf(
                "'%s'", DmashareFaultAction_str(j));
            g_autofree char *text = g_strdup_printf(
                "Parameter 'rule.action' expects %s where '%s'", actions[i],
                DmashareFaultWhere_str(i));

            if (strstr(actions[i], name)) {
                uint32_t id = add(w, &rule);

                g_assert_cmpuint(ask_at(w, i), ==, id);
                g_assert_true(dmashare_fault_remove(&w->faults, id));
            } else {
                refused(w, &rule, text);
            }
        }
    }
}

static const char *const members[] = {
    "opcode", "queue", "buffer", "mapping", "timeline", "vector",
};

static const char *const permitted[DMASHARE_FAULT_WHERE__MAX] = {
    [WHERE(COMMAND)] = "'opcode', 'buffer' or 'mapping'",
    [WHERE(JOB)] = "'opcode', 'queue', 'buffer', 'mapping' or 'timeline'",
    [WHERE(DMA_READ)] = "'queue', 'buffer' or 'mapping'",
    [WHERE(DMA_WRITE)] = "'queue', 'buffer' or 'mapping'",
    [WHERE(INTERRUPT)] = "'vector'",
    [WHERE(QUEUE)] = "'queue'",
    [WHERE(FENCE_MEMORY)] = "'timeline'",
};

static DmashareFaultAction an_action(DmashareFaultWhere where)
{
    switch (where) {
    case WHERE(INTERRUPT):
    case WHERE(FENCE_MEMORY):
        return ACTION(DROP);
    case WHERE(QUEUE):
        return ACTION(STALL);
    default:
        return ACTION(FAIL);
    }
}

static void test_members(void)
{
    g_autoptr(World) w = world_new();

    for (unsigned i = 0; i < DMASHARE_FAULT_WHERE__MAX; i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(members); j++) {
            DmashareFaultRule rule = rule_of(i, an_action(i));
            DmashareFaultMatch match = {
                .has_opcode = j == 0,
                .opcode = i == WHERE(JOB) ? DMASHARE_OPCODE_COPY
                                          : DMASHARE_OPCODE_MAP,
                .has_queue = j == 1,
                .queue = 2,
                .has_buffer = j == 2,
                .buffer = 3,
                .has_mapping = j == 3,
                .mapping = 4,
                .has_timeline = j == 4,
                .timeline = 5,
                .has_vector = j == 5,
                .vector = 0,
            };
            DmashareFaultKey key = DMASHARE_FAULT_KEY(i);
            g_autofree char *name = g_strdup_printf("'%s'", members[j]);
            g_autofree char *text = g_strdup_printf(
                "Parameter 'rule.match.%s' means nothing where '%s'; "
                "permitted are %s", members[j], DmashareFaultWhere_str(i),
                permitted[i]);
            uint32_t id;

            rule.times = 0;
            rule.has_times = true;
            rule.match = &match;
            if (!strstr(permitted[i], name)) {
                refused(w, &rule, text);
                continue;
            }

            /* What has none does not match, nor does another one. */
            id = add(w, &rule);
            key.opcode = DMASHARE_OP_NOP;
            g_assert_cmpuint(ask(w, &key), ==, 0);
            key.opcode = DMASHARE_OP_JOB_FILL;
            key.queue = 3;
            key.buffer = 4;
            key.mapping = 5;
            key.timeline = 6;
            key.vector = 1;
            g_assert_cmpuint(ask(w, &key), ==, 0);
            key.opcode = i == WHERE(JOB) ? DMASHARE_OP_JOB_COPY
                                         : DMASHARE_OP_MAP;
            key.queue = 2;
            key.buffer = 3;
            key.mapping = 4;
            key.timeline = 5;
            key.vector = 0;
            g_assert_cmpuint(ask(w, &key), ==, id);

            /* The other buffer or mapping serves as well. */
            key.buffer = key.mapping = 9;
            key.buffer2 = 3;
            key.mapping2 = 4;
            g_assert_cmpuint(ask(w, &key), ==, id);
            g_assert_cmpuint(rule_at(w, 0)->matched, ==, 2);
            g_assert_true(dmashare_fault_remove(&w->faults, id));
        }
    }
}

static void test_ranges(void)
{
    g_autoptr(World) w = world_new();
    DmashareFaultRule rule = rule_of(WHERE(JOB), ACTION(FAIL));
    DmashareFaultMatch match = { .has_queue = true };

    rule.match = &match;
    refused(w, &rule, "Parameter 'rule.match.queue' expects a value from 1 "
            "to 4");
    match.queue = 5;
    refused(w, &rule, "Parameter 'rule.match.queue' expects a value from 1 "
            "to 4");
    rule.where = WHERE(QUEUE);
    rule.action = ACTION(STALL);
    refused(w, &rule, "Parameter 'rule.match.queue' expects a value from 0 "
            "to 4");
    match.queue = 0;
    add(w, &rule);

    rule = rule_of(WHERE(JOB), ACTION(FAIL));
    match = (DmashareFaultMatch) { .has_buffer = true };
    rule.match = &match;
    refused(w, &rule, "Parameter 'rule.match.buffer' expects a value from 1 "
            "to 4294967294");
    match = (DmashareFaultMatch) { .has_mapping = true,
                                   .mapping = UINT32_MAX };
    refused(w, &rule, "Parameter 'rule.match.mapping' expects a value from 1 "
            "to 4294967294");
    match = (DmashareFaultMatch) { .has_timeline = true, .timeline = 64 };
    refused(w, &rule, "Parameter 'rule.match.timeline' expects a value from 0 "
            "to 63");
    match = (DmashareFaultMatch) { .has_opcode = true,
                                   .opcode = DMASHARE_OPCODE_MAP };
    refused(w, &rule, "Parameter 'rule.match.opcode' expects 'noop', 'copy', "
            "'fill', 'checksum', 'render', 'upload' or 'download' where "
            "'job'");
    rule.where = WHERE(COMMAND);
    match.opcode = DMASHARE_OPCODE_FILL;
    refused(w, &rule, "Parameter 'rule.match.opcode' expects 'nop', "
            "'buffer-create', 'buffer-destroy', 'attach', 'detach', 'map', "
            "'unmap', 'note', 'query-ledger', 'place', 'sync', 'share', "
            "'unshare', 'publish', 'grant', 'peer-query', 'peer-map', "
            "'peer-unmap', 'peer-acquire', 'peer-release', "
            "'context-create', 'context-destroy', 'resource-create', "
            "'resource-destroy', 'resource-add', 'resource-remove' or "
            "'query-capset' where 'command'");
    rule = rule_of(WHERE(INTERRUPT), ACTION(DROP));
    match = (DmashareFaultMatch) { .has_vector = true, .vector = 6 };
    rule.match = &match;
    refused(w, &rule, "Parameter 'rule.match.vector' expects a value from 0 "
            "to 5");

    rule = rule_of(WHERE(JOB), ACTION(FAIL));
    rule.has_probability = true;
    refused(w, &rule, "Parameter 'rule.probability' expects a value from 1 to "
            "1000");
    rule.probability = 1001;
    refused(w, &rule, "Parameter 'rule.probability' expects a value from 1 to "
            "1000");

    rule = rule_of(WHERE(JOB), ACTION(FAIL));
    rule.has_error = true;
    rule.error = DMASHARE_ERRNO_NONE;
    refused(w, &rule, "Parameter 'rule.error' expects an error, not 'none'");
    rule.action = ACTION(HANG);
    rule.error = DMASHARE_ERRNO_EIO;
    refused(w, &rule, "Parameter 'rule.error' means nothing with action "
            "'hang'; permitted is 'fail'");

    rule = rule_of(WHERE(JOB), ACTION(DELAY));
    rule.has_delay = false;
    refused(w, &rule, "Parameter 'rule.delay' is missing, which action "
            "'delay' needs; permitted are 1 to 3600000000000 ns");
    rule.has_delay = true;
    rule.delay = 0;
    refused(w, &rule, "Parameter 'rule.delay' expects a value from 1 to "
            "3600000000000");
    rule.delay = DMASHARE_RULE_DELAY_MAX + 1;
    refused(w, &rule, "Parameter 'rule.delay' expects a value from 1 to "
            "3600000000000");
    rule.delay = DMASHARE_RULE_DELAY_MAX;
    add(w, &rule);
    rule.action = ACTION(FAIL);
    refused(w, &rule, "Parameter 'rule.delay' means nothing with action "
            "'fail'; permitted is 'delay'");
}

static void test_defaults(void)
{
    g_autoptr(World) w = world_new();
    DmashareFaultRule rule = rule_of(WHERE(COMMAND), ACTION(FAIL));
    const DmashareRule *live;

    add(w, &rule);
    live = rule_at(w, 0);
    g_assert_cmpuint(live->after, ==, 0);
    g_assert_cmpuint(live->times, ==, 1);
    g_assert_cmpuint(live->probability, ==, 1000);
    g_assert_cmpuint(live->seed, ==, 0);
    g_assert_cmpuint(live->error, ==, DMASHARE_ERRNO_EIO);
    g_assert_cmpuint(live->delay, ==, 0);
    g_assert_true(dmashare_fault_active(live));
    g_assert_cmpuint(ask_at(w, WHERE(COMMAND)), ==, live->id);
    g_assert_false(dmashare_fault_active(live));
    g_assert_cmpuint(ask_at(w, WHERE(COMMAND)), ==, 0);
    g_assert_cmpuint(live->matched, ==, 2);
    g_assert_cmpuint(live->fired, ==, 1);

    g_assert_cmpuint(dmashare_errno_number(DMASHARE_ERRNO_NONE), ==, 0);
    for (unsigned i = 1; i < DMASHARE_ERRNO__MAX; i++) {
        g_assert_cmpuint(dmashare_errno_number(i), >, 0);
        g_assert_cmpuint(dmashare_errno_number(i), <=, 4095);
    }
    g_assert_cmpuint(dmashare_errno_number(DMASHARE_ERRNO_ENOSPC), ==, 28);
    g_assert_cmpuint(dmashare_errno_number(DMASHARE_ERRNO_ECANCELED), ==, 125);
    g_assert_cmpuint(dmashare_errno_number(DMASHARE_ERRNO_ENOTRECOVERABLE), ==,
                     131);
}

static void test_after_times(void)
{
    g_autoptr(World) w = world_new();
    DmashareFaultRule rule = rule_of(WHERE(JOB), ACTION(FAIL));
    uint32_t first, second;

    rule.has_after = true;
    rule.after = 3;
    rule.has_times = true;
    rule.times = 2;
    first = add(w, &rule);
    rule.after = 4;
    rule.times = 0;
    second = add(w, &rule);

    /*
     * The one that was added first counts; what it takes the second one does
     * not see.
     */
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, 0);
    }
    g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, first);
    g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, first);
    g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, 0);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, second);
    }
    g_assert_cmpuint(ask_at(w, WHERE(COMMAND)), ==, 0);
    g_assert_cmpuint(rule_at(w, 0)->matched, ==, 11);
    g_assert_cmpuint(rule_at(w, 1)->matched, ==, 9);
    g_assert_cmpuint(rule_at(w, 1)->fired, ==, 5);
}

/* The pattern of 4096 operations, as a bit each. */
static GByteArray *pattern(uint32_t probability, uint64_t seed)
{
    g_autoptr(World) w = world_new();
    DmashareFaultRule rule = rule_of(WHERE(DMA_READ), ACTION(FAIL));
    GByteArray *bits = g_byte_array_new();

    rule.has_times = true;
    rule.has_probability = true;
    rule.probability = probability;
    rule.has_seed = true;
    rule.seed = seed;
    add(w, &rule);
    for (unsigned i = 0; i < 4096; i++) {
        uint8_t bit = !!ask_at(w, WHERE(DMA_READ));

        g_byte_array_append(bits, &bit, 1);
    }
    return bits;
}

static unsigned ones(const GByteArray *bits)
{
    unsigned n = 0;

    for (unsigned i = 0; i < bits->len; i++) {
        n += bits->data[i];
    }
    return n;
}

static void test_probability(void)
{
    static const uint32_t probabilities[] = { 1, 100, 500, 900, 999, 1000 };

    for (unsigned i = 0; i < ARRAY_SIZE(probabilities); i++) {
        uint32_t p = probabilities[i];
        g_autoptr(GByteArray) a = pattern(p, 7);
        g_autoptr(GByteArray) b = pattern(p, 7);
        g_autoptr(GByteArray) c = pattern(p, 8);
        double mean = 4096.0 * p / 1000;

        g_assert_cmpmem(a->data, a->len, b->data, b->len);
        g_assert_cmpfloat(ABS(ones(a) - mean), <, 130);
        g_assert_cmpfloat(ABS(ones(c) - mean), <, 130);
        if (p == 1000) {
            g_assert_cmpuint(ones(a), ==, 4096);
        } else if (p >= 100) {
            g_assert_cmpint(memcmp(a->data, c->data, a->len), !=, 0);
        }
    }
}

static void test_ids(void)
{
    g_autoptr(World) w = world_new();
    DmashareFaultRule rule = rule_of(WHERE(QUEUE), ACTION(STALL));
    uint32_t last = 0;

    for (unsigned i = 0; i < DMASHARE_MAX_RULES; i++) {
        uint32_t id = add(w, &rule);

        g_assert_cmpuint(id, >, last);
        last = id;
    }
    refused(w, &rule, "dmashare: there are 256 fault rules, which is the "
            "most; remove one");
    g_assert_true(dmashare_fault_lives(&w->faults, 7));
    g_assert_true(dmashare_fault_remove(&w->faults, 7));
    g_assert_false(dmashare_fault_lives(&w->faults, 7));
    g_assert_false(dmashare_fault_remove(&w->faults, 7));
    g_assert_cmpuint(add(w, &rule), ==, last + 1);
    g_assert_cmpuint(rule_at(w, 0)->id, ==, 1);
    g_assert_cmpuint(rule_at(w, DMASHARE_MAX_RULES - 1)->id, ==, last + 1);

    g_assert_true(dmashare_fault_remove(&w->faults, 0));
    g_assert_cmpuint(w->faults.rules->len, ==, 0);
    g_assert_false(dmashare_faults_at(&w->faults, WHERE(QUEUE)));
    g_assert_true(dmashare_fault_remove(&w->faults, 0));
    g_assert_cmpuint(add(w, &rule), ==, last + 2);

    w->faults.next_id = DMASHARE_NO_ID - 1;
    g_assert_cmpuint(add(w, &rule), ==, DMASHARE_NO_ID - 1);
    refused(w, &rule, "dmashare: there are no more ids for fault rules");
}

static void test_told(void)
{
    g_autoptr(World) w = world_new();
    DmashareFaultRule rule = rule_of(WHERE(DMA_WRITE), ACTION(FAIL));
    DmashareFaultKey key = DMASHARE_FAULT_KEY(WHERE(DMA_WRITE));
    const DmashareJournalSlot *slot;
    uint32_t id;

    rule.has_error = true;
    rule.error = DMASHARE_ERRNO_ENOMEM;
    id = add(w, &rule);
    slot = dmashare_journal_get(&w->journal, 0);
    g_assert_cmpuint(slot->record.operation, ==,
                     DMASHARE_OPERATION_FAULT_CHANGE);
    g_assert_cmpuint(slot->record.actor, ==, DMASHARE_ACTOR_HARNESS);
    g_assert_cmpuint(slot->record.arg, ==, id);

    key.queue = 1;
    key.buffer = 2;
    key.mapping = 3;
    key.offset = 4096;
    g_assert_cmpuint(ask(w, &key), ==, id);
    g_assert_cmpuint(ask(w, &key), ==, 0);
    g_assert_cmpuint(w->told.faults, ==, 1);
    g_assert_cmpuint(w->told.hangs, ==, 0);
    g_assert_cmpuint(w->told.last.rule, ==, id);
    g_assert_cmphex(w->told.last.status, ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(w->told.last.queue, ==, 1);
    g_assert_cmpuint(w->told.last.buffer, ==, 2);
    g_assert_cmpuint(w->told.last.mapping, ==, 3);
    g_assert_cmpuint(w->told.last.offset, ==, 4096);
    g_assert_true(w->told.last.write);
    slot = dmashare_journal_get(&w->journal, 1);
    g_assert_cmpuint(slot->record.operation, ==,
                     DMASHARE_OPERATION_FAULT_RULE);
    g_assert_cmpuint(slot->record.actor, ==, DMASHARE_ACTOR_DEVICE);
    g_assert_cmphex(slot->record.status, ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(slot->record.error, ==, 12);
    g_assert_cmpuint(slot->record.arg, ==, id);
    g_assert_cmpuint(slot->record.queue, ==, 1);
    g_assert_cmpuint(slot->record.buffer, ==, 2);
    g_assert_cmpuint(slot->record.object, ==, 3);

    rule = rule_of(WHERE(JOB), ACTION(HANG));
    id = add(w, &rule);
    g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, id);
    g_assert_cmpuint(w->told.hangs, ==, 1);
    g_assert_false(w->told.fatal);
    g_assert_cmphex(w->told.last.status, ==, DMASHARE_STATUS_OK);
    rule = rule_of(WHERE(JOB), ACTION(FATAL));
    id = add(w, &rule);
    g_assert_cmpuint(ask_at(w, WHERE(JOB)), ==, id);
    g_assert_cmpuint(w->told.hangs, ==, 2);
    g_assert_true(w->told.fatal);
    g_assert_cmpuint(w->told.faults, ==, 3);
}

/*
 * What is late
 */

static void test_late(void)
{
    DmashareLate late;
    DmashareLateItem item;
    static const unsigned order[] = { 3, 1, 5, 0, 2 };

    dmashare_late_init(&late);
    g_assert_cmpint(dmashare_late_due(&late), ==, INT64_MAX);
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_INTERRUPT, 0, 0,
                                    400));
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_INTERRUPT, 1, 0,
                                    200));
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_FENCE_MEMORY, 2, 9,
                                    500));
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_INTERRUPT, 3, 0,
                                    100));
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_FENCE_MEMORY, 4, 7,
                                    200));
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_INTERRUPT, 5, 0,
                                    200));
    g_assert_cmpint(dmashare_late_due(&late), ==, 100);

    /* A newer value makes an older one void, and nothing else. */
    dmashare_late_forget(&late, DMASHARE_LATE_FENCE_MEMORY, 4, 6);
    g_assert_cmpuint(late.n, ==, 6);
    dmashare_late_forget(&late, DMASHARE_LATE_FENCE_MEMORY, 4, 7);
    g_assert_cmpuint(late.n, ==, 5);

    g_assert_false(dmashare_late_take(&late, 99, &item));
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        g_assert_true(dmashare_late_take(&late, 500, &item));
        g_assert_cmpuint(item.id, ==, order[i]);
    }
    g_assert_cmpuint(item.value, ==, 9);
    g_assert_false(dmashare_late_take(&late, INT64_MAX - 1, &item));

    for (unsigned i = 0; i < DMASHARE_MAX_LATE; i++) {
        g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_FENCE_MEMORY,
                                        i % 64, i, i));
    }
    g_assert_false(dmashare_late_add(&late, DMASHARE_LATE_INTERRUPT, 0, 0, 0));
    dmashare_late_forget(&late, DMASHARE_LATE_FENCE_MEMORY, 5, UINT64_MAX);
    g_assert_cmpuint(late.n, ==, DMASHARE_MAX_LATE - DMASHARE_MAX_LATE / 64);
    g_assert_true(dmashare_late_add(&late, DMASHARE_LATE_INTERRUPT, 0, 0, 0));
    dmashare_late_forget(&late, DMASHARE_LATE_FENCE_MEMORY, DMASHARE_LATE_ANY,
                         UINT64_MAX);
    g_assert_cmpuint(late.n, ==, 1);
    dmashare_late_clear(&late);
    g_assert_cmpuint(late.n, ==, 0);
    g_assert_cmpint(dmashare_late_due(&late), ==, INT64_MAX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/fault/actions", test_actions);
    g_test_add_func("/dmashare/fault/members", test_members);
    g_test_add_func("/dmashare/fault/ranges", test_ranges);
    g_test_add_func("/dmashare/fault/defaults", test_defaults);
    g_test_add_func("/dmashare/fault/after-times", test_after_times);
    g_test_add_func("/dmashare/fault/probability", test_probability);
    g_test_add_func("/dmashare/fault/ids", test_ids);
    g_test_add_func("/dmashare/fault/told", test_told);
    g_test_add_func("/dmashare/late", test_late);
    return g_test_run();
}
