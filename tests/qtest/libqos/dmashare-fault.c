/*
 * libqos helpers for dmashare: faults on command
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "qobject/qdict.h"
#include "dmashare-fault.h"

uint32_t qdmashare_fault_add(QTestState *qts, const char *rule)
{
    QObject *ret = qdmashare_qmp(qts, "dmashare-fault-add",
                                 "{ 'path': '" QDMASHARE_ID "',"
                                 "  'rule': { %s } }", rule);
    uint32_t id = qdmashare_num(ret, "id");

    qobject_unref(ret);
    return id;
}

char *qdmashare_fault_refused(QTestState *qts, const char *rule)
{
    return qdmashare_qmp_refusal(qts, "dmashare-fault-add",
                                 "{ 'path': '" QDMASHARE_ID "',"
                                 "  'rule': { %s } }", rule);
}

void qdmashare_fault_remove(QTestState *qts, uint32_t id)
{
    qdmashare_qmp_do(qts, "dmashare-fault-remove",
                     "{ 'path': '" QDMASHARE_ID "', 'id': %" PRIu32 " }", id);
}

void qdmashare_fault_remove_all(QTestState *qts)
{
    qdmashare_qmp_do(qts, "dmashare-fault-remove",
                     "{ 'path': '" QDMASHARE_ID "' }");
}

QList *qdmashare_faults(QTestState *qts)
{
    return qobject_to(QList, qdmashare_qmp(qts, "query-dmashare-faults",
                                           "{ 'path': '" QDMASHARE_ID "' }"));
}

QDmashareRule qdmashare_rule(QTestState *qts, uint32_t id)
{
    QList *list = qdmashare_faults(qts);
    QDmashareRule rule = { 0 };
    bool found = false;
    QListEntry *entry;

    QLIST_FOREACH_ENTRY(list, entry) {
        QObject *info = qlist_entry_obj(entry);

        if (qdmashare_num(info, "id") == id) {
            rule.matched = qdmashare_num(info, "matched");
            rule.fired = qdmashare_num(info, "fired");
            rule.active = qdmashare_num(info, "active");
            found = true;
        }
    }
    g_assert_true(found);
    qobject_unref(list);
    return rule;
}

void qdmashare_fault_event(QTestState *qts, uint32_t id, unsigned status)
{
    QDict *event = qtest_qmp_eventwait_ref(qts, "DMASHARE_FAULT");
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpint(qdict_get_int(data, "rule"), ==, id);
    g_assert_cmphex(qdict_get_int(data, "status"), ==, status);
    qobject_unref(event);
}

void qdmashare_hung_event(QTestState *qts, uint32_t id, unsigned queue,
                          bool fatal)
{
    QDict *event = qtest_qmp_eventwait_ref(qts, "DMASHARE_ENGINE_HUNG");
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpint(qdict_get_int(data, "rule"), ==, id);
    g_assert_cmpint(qdict_get_int(data, "queue"), ==, queue);
    g_assert_true(qdict_get_bool(data, "fatal") == fatal);
    qobject_unref(event);
}

void qdmashare_assert_commanded(struct dmashare_completion c, unsigned error)
{
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(c.detail, ==, error);
    g_assert_cmpuint(c.result, ==, 0);
}

void qdmashare_pci_fault(QTestState *qts, const char *fault)
{
    qdmashare_qmp_do(qts, "dmashare-pci-fault",
                     "{ 'path': '" QDMASHARE_ID "', 'fault': '%s' }", fault);
}

char *qdmashare_pci_fault_refused(QTestState *qts, const char *fault)
{
    return qdmashare_qmp_refusal(qts, "dmashare-pci-fault",
                                 "{ 'path': '" QDMASHARE_ID "',"
                                 "  'fault': '%s' }", fault);
}

/* A device and a pair */

QFaulty *qfaulty_new(const char *properties)
{
    QFaulty *f = g_new0(QFaulty, 1);
    g_autofree char *all = g_strdup_printf("id=" QDMASHARE_ID "%s%s",
                                           *properties ? "," : "", properties);
    unsigned v;

    f->m = qdmashare_one("-M pc", all);
    f->d = f->m->d;
    f->qts = f->m->qts;
    f->p = qdmashare_pair_new(f->d, QFAULTY_SIZE);
    qdmashare_settle(f->d);
    for (v = 0; v <= f->d->n_queues; v++) {
        qdmashare_msix_fired(f->d, v);
    }
    return f;
}

void qfaulty_free(QFaulty *f)
{
    qdmashare_pair_free(f->p);
    qdmashare_machine_free(f->m);
    g_free(f);
}

void qfaulty_assert_well(QFaulty *f)
{
    qdmashare_pair_works(f->d, f->p);
}

void qfaulty_start_again(QFaulty *f)
{
    qdmashare_reset(f->d);
    g_assert_cmphex(qdmashare_readl(f->d, DMASHARE_REG_STATUS), ==, 0);
    qdmashare_pair_free(f->p);
    f->p = qdmashare_pair_start(f->d, QFAULTY_SIZE);
    qfaulty_assert_well(f);
}

struct dmashare_desc qfaulty_job(QFaulty *f, unsigned opcode,
                                 unsigned timeline)
{
    switch (opcode) {
    case DMASHARE_OP_JOB_NOOP:
        return qdmashare_noop(f->d, timeline, 0);
    case DMASHARE_OP_JOB_COPY:
        return qdmashare_copy(f->d, timeline, QDMASHARE_DST, 0, QDMASHARE_SRC,
                              0, QFAULTY_SIZE);
    case DMASHARE_OP_JOB_FILL:
        return qdmashare_fill(f->d, timeline, QDMASHARE_DST, 0, QFAULTY_SIZE,
                              0x55);
    case DMASHARE_OP_JOB_CHECKSUM:
        return qdmashare_checksum(f->d, timeline, QDMASHARE_SRC, 0,
                                  QFAULTY_SIZE);
    default:
        g_assert_not_reached();
    }
}
