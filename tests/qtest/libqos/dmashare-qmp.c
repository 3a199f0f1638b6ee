/*
 * libqos helpers for dmashare: QMP commands and their answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qbool.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qnum.h"
#include "qobject/qstring.h"
#include "dmashare-machine.h"
#include "dmashare-qmp.h"

static QDict *G_GNUC_PRINTF(3, 0) answer(QTestState *qts, const char *command,
                                         const char *args, va_list ap)
{
    g_autofree char *json = g_strdup_vprintf(args, ap);
    QObject *arguments = qobject_from_json(json, &error_abort);

    return qtest_qmp(qts, "{ 'execute': %s, 'arguments': %p }", command,
                     arguments);
}

static QObject *succeed(QDict *rsp, const char *command)
{
    QObject *ret = qdict_get(rsp, "return");

    if (!ret) {
        g_test_message("%s: %s", command,
                       qdmashare_str(QOBJECT(rsp), "error.desc"));
    }
    g_assert_nonnull(ret);
    qobject_ref(ret);
    qobject_unref(rsp);
    return ret;
}

static char *fail(QDict *rsp)
{
    char *desc;

    g_assert_true(qdict_haskey(rsp, "error"));
    desc = g_strdup(qdmashare_str(QOBJECT(rsp), "error.desc"));
    qobject_unref(rsp);
    return desc;
}

QObject *qdmashare_qmp(QTestState *qts, const char *command, const char *args,
                       ...)
{
    QDict *rsp;
    va_list ap;

    va_start(ap, args);
    rsp = answer(qts, command, args, ap);
    va_end(ap);
    return succeed(rsp, command);
}

void qdmashare_qmp_do(QTestState *qts, const char *command, const char *args,
                      ...)
{
    QDict *rsp;
    va_list ap;

    va_start(ap, args);
    rsp = answer(qts, command, args, ap);
    va_end(ap);
    qobject_unref(succeed(rsp, command));
}

void qdmashare_qmp_refused(QTestState *qts, const char *text,
                           const char *command, const char *args, ...)
{
    g_autofree char *desc = NULL;
    va_list ap;

    va_start(ap, args);
    desc = fail(answer(qts, command, args, ap));
    va_end(ap);
    if (!strstr(desc, text)) {
        /* Shows both. */
        g_assert_cmpstr(desc, ==, text);
    }
}

char *qdmashare_qmp_refusal(QTestState *qts, const char *command,
                            const char *args, ...)
{
    char *desc;
    va_list ap;

    va_start(ap, args);
    desc = fail(answer(qts, command, args, ap));
    va_end(ap);
    return desc;
}

QObject *qdmashare_at(QObject *obj, const char *place)
{
    g_auto(GStrv) part = g_strsplit(place, ".", -1);

    for (char **p = part; obj && *p; p++) {
        if (qobject_type(obj) == QTYPE_QLIST) {
            const QListEntry *entry = qlist_first(qobject_to(QList, obj));

            for (int i = atoi(*p); entry && i; i--) {
                entry = qlist_next(entry);
            }
            obj = entry ? qlist_entry_obj(entry) : NULL;
        } else {
            obj = qdict_get(qobject_to(QDict, obj), *p);
        }
    }
    return obj;
}

/* It has to be there, or the place is told. */
static QObject *there(QObject *obj, const char *place)
{
    obj = qdmashare_at(obj, place);
    if (!obj) {
        g_test_message("nothing at %s", place);
    }
    g_assert_nonnull(obj);
    return obj;
}

uint64_t qdmashare_num(QObject *obj, const char *place)
{
    uint64_t value;

    obj = there(obj, place);
    if (qobject_type(obj) == QTYPE_QBOOL) {
        return qbool_get_bool(qobject_to(QBool, obj));
    }
    return qnum_get_try_uint(qobject_to(QNum, obj), &value) ? value :
           qnum_get_int(qobject_to(QNum, obj));
}

const char *qdmashare_str(QObject *obj, const char *place)
{
    return qstring_get_str(qobject_to(QString, there(obj, place)));
}

unsigned qdmashare_len(QObject *obj, const char *place)
{
    return qlist_size(qobject_to(QList, *place ? there(obj, place) : obj));
}

QObject *qdmashare_journal(QTestState *qts, const char *filter, ...)
{
    g_autofree char *members = NULL;
    va_list ap;

    va_start(ap, filter);
    members = g_strdup_vprintf(filter, ap);
    va_end(ap);
    return qdmashare_qmp(qts, "query-dmashare-journal",
                         "{ 'path': '" QDMASHARE_ID "', %s }", members);
}

uint64_t qdmashare_journal_end(QTestState *qts)
{
    QObject *page = qdmashare_journal(qts, "'limit': 1");
    uint64_t end = qdmashare_num(page, "end");

    qobject_unref(page);
    return end;
}

unsigned qdmashare_journal_count(QTestState *qts, const char *operation,
                                 int64_t arg)
{
    QObject *page = qdmashare_journal(qts, "'operation': '%s',"
                                      "'limit': 10000", operation);
    const QListEntry *entry;
    unsigned n = 0;

    QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(page, "entries")),
                        entry) {
        n += arg < 0 || qdmashare_num(qlist_entry_obj(entry), "arg") == arg;
    }
    qobject_unref(page);
    return n;
}
