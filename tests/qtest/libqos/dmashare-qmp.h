/*
 * libqos helpers for dmashare: QMP commands and their answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_QMP_H
#define LIBQOS_DMASHARE_QMP_H

#include "../libqtest.h"
#include "qobject/qobject.h"

/*
 * A command with its arguments as JSON (single quotes will do), made like by
 * printf. What it returned; free with qobject_unref(). It must succeed.
 */
QObject *qdmashare_qmp(QTestState *qts, const char *command, const char *args,
                       ...) G_GNUC_PRINTF(3, 4);
/* The same when the answer does not matter. */
void qdmashare_qmp_do(QTestState *qts, const char *command, const char *args,
                      ...) G_GNUC_PRINTF(3, 4);
/* The command fails, with this text in what it says. */
void qdmashare_qmp_refused(QTestState *qts, const char *text,
                           const char *command, const char *args, ...)
    G_GNUC_PRINTF(4, 5);
/* The command fails; all that it says. Free with g_free(). */
char *qdmashare_qmp_refusal(QTestState *qts, const char *command,
                            const char *args, ...) G_GNUC_PRINTF(3, 4);

/*
 * What is at a place in an answer: names of members and indices of lists with
 * dots between them, as in "buffers.0.counters.exports". qdmashare_at() returns
 * NULL if it is not there; true is 1.
 */
QObject *qdmashare_at(QObject *obj, const char *place);
uint64_t qdmashare_num(QObject *obj, const char *place);
const char *qdmashare_str(QObject *obj, const char *place);
unsigned qdmashare_len(QObject *obj, const char *place);

#define qdmashare_assert_num(obj, place, value) \
    g_assert_cmpuint(qdmashare_num(QOBJECT(obj), place), ==, value)
#define qdmashare_assert_str(obj, place, value) \
    g_assert_cmpstr(qdmashare_str(QOBJECT(obj), place), ==, value)
#define qdmashare_assert_absent(obj, place) \
    g_assert_null(qdmashare_at(QOBJECT(obj), place))

/*
 * The journal of the device QDMASHARE_ID. A page of it: the filter is at least
 * one member of the arguments, as JSON without the braces, made like by
 * printf; free with qobject_unref().
 */
QObject *qdmashare_journal(QTestState *qts, const char *filter, ...)
    G_GNUC_PRINTF(2, 3);
/* The sequence of the next operation. */
uint64_t qdmashare_journal_end(QTestState *qts);
/* How many operations of this kind and, unless it is -1, @arg are kept. */
unsigned qdmashare_journal_count(QTestState *qts, const char *operation,
                                 int64_t arg);

#endif
