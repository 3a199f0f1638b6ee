/*
 * libqos helpers for dmashare: faults on command
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "qobject/qnum.h"
#include "dmashare-fault.h"

static QDict *execute(QTestState *qts, const char *command, QDict *args)
{
    qdict_put_str(args, "path", QDMASHARE_ID);
    return qtest_qmp(qts, "{ 'execute': %s, 'arguments': %p }", command, args);
}

static QObject *returned(QDict *rsp)
{
    QObject *ret = qdict_get(rsp, "return");

    if (!ret) {
        g_error("refused: %s", qdict_get_str(qdict_get_qdict(rsp, "error"),
                                             "desc"));
    }
    qobject_ref(ret);
    qobject_unref(rsp);
    return ret;
}

static char *refused(QDict *rsp)
{
    QDict *error = qdict_get_qdict(rsp, "error");
    char *text;

    g_assert_nonnull(error);
    text = g_strdup(qdict_get_str(error, "desc"));
    qobject_unref(rsp);
    return text;
}

static QDict *add(QTestState *qts, const char *rule)
{
    g_autofree char *json = g_strdup_printf("{ 'rule': { %s } }", rule);
    QObject *args = qobject_from_json(json, &error_abort);

    return execute(qts, "dmashare-fault-add", qobject_to(QDict, args));
}

uint32_t qdmashare_fault_add(QTestState *qts, const char *rule)
{
    QObject *ret = returned(add(qts, rule));
    uint32_t id = qdict_get_int(qobject_to(QDict, ret), "id");

    qobject_unref(ret);
    return id;
}

char *qdmashare_fault_refused(QTestState *qts, const char *rule)
{
    return refused(add(qts, rule));
}

void qdmashare_fault_remove(QTestState *qts, uint32_t id)
{
    QDict *args = qdict_new();

    qdict_put_int(args, "id", id);
    qobject_unref(returned(execute(qts, "dmashare-fault-remove", args)));
}

void qdmashare_fault_remove_all(QTestState *qts)
{
    qobject_unref(returned(execute(qts, "dmashare-fault-remove",
                                   qdict_new())));
}

QList *qdmashare_faults(QTestState *qts)
{
    return qobject_to(QList, returned(execute(qts, "query-dmashare-faults",
                                              qdict_new())));
}

QDmashareRule qdmashare_rule(QTestState *qts, uint32_t id)
{
    QList *list = qdmashare_faults(qts);
    QDmashareRule rule = { 0 };
    bool found = false;
    QListEntry *entry;

    QLIST_FOREACH_ENTRY(list, entry) {
        QDict *info = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(info, "id") == id) {
            rule.matched = qdict_get_int(info, "matched");
            rule.fired = qdict_get_int(info, "fired");
            rule.active = qdict_get_bool(info, "active");
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

unsigned qdmashare_journal_count(QTestState *qts, const char *operation,
                                 int64_t arg)
{
    QDict *args = qdict_new();
    QDict *page;
    QListEntry *entry;
    unsigned n = 0;

    qdict_put_str(args, "operation", operation);
    qdict_put_int(args, "limit", 10000);
    page = qobject_to(QDict, returned(execute(qts, "query-dmashare-journal",
                                              args)));
    QLIST_FOREACH_ENTRY(qdict_get_qlist(page, "entries"), entry) {
        QDict *op = qobject_to(QDict, qlist_entry_obj(entry));

        n += arg < 0 || qdict_get_int(op, "arg") == arg;
    }
    qobject_unref(page);
    return n;
}

static QDict *pci_fault(QTestState *qts, const char *fault)
{
    QDict *args = qdict_new();

    qdict_put_str(args, "fault", fault);
    return execute(qts, "dmashare-pci-fault", args);
}

void qdmashare_pci_fault(QTestState *qts, const char *fault)
{
    qobject_unref(returned(pci_fault(qts, fault)));
}

char *qdmashare_pci_fault_refused(QTestState *qts, const char *fault)
{
    return refused(pci_fault(qts, fault));
}
