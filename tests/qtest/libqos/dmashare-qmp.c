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
    const char *desc;
    QDict *rsp;
    va_list ap;

    va_start(ap, args);
    rsp = answer(qts, command, args, ap);
    va_end(ap);
    g_assert_true(qdict_haskey(rsp, "error"));
    desc = qdmashare_str(QOBJECT(rsp), "error.desc");
    if (!strstr(desc, text)) {
        /* Shows both. */
        g_assert_cmpstr(desc, ==, text);
    }
    qobject_unref(rsp);
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
