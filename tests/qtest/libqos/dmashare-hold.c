/*
 * libqos helpers for dmashare: fences on command
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "qobject/qjson.h"
#include "qobject/qstring.h"
#include "dmashare-hold.h"

QDmashareMachine *qdmashare_hold_machine(const char *properties)
{
    g_autofree char *all = g_strdup_printf("id=" QDMASHARE_ID "%s%s",
                                           *properties ? "," : "",
                                           properties);

    return qdmashare_one("-M q35", all);
}

QDict *qdmashare_hold_qmp(QDmashare *d, const char *command, const char *args)
{
    g_autofree char *json = g_strdup_printf(
        "{\"execute\":\"%s\",\"arguments\":{\"path\":\"" QDMASHARE_ID
        "\"%s%s}}", command, *args ? "," : "", args);

    /* What is sent is what stands here: wrong types included. */
    qtest_qmp_send_raw(d->qts, "%s", json);
    return qtest_qmp_receive(d->qts);
}

void qdmashare_hold_refused(QDmashare *d, const char *command,
                           const char *args, const char *text)
{
    QDict *rsp = qdmashare_hold_qmp(d, command, args);
    QDict *error = qdict_get_qdict(rsp, "error");

    g_assert_nonnull(error);
    if (!strstr(qdict_get_str(error, "desc"), text)) {
        g_error("%s: %s: '%s' must have '%s'", command, args,
                qdict_get_str(error, "desc"), text);
    }
    qobject_unref(rsp);
}

/* The reply to a command that succeeds. */
static QDict *qmp_ok(QDmashare *d, const char *command, const char *args)
{
    QDict *rsp = qdmashare_hold_qmp(d, command, args);

    if (!qdict_haskey(rsp, "return")) {
        g_error("%s: %s: %s", command, args,
                qdict_get_str(qdict_get_qdict(rsp, "error"), "desc"));
    }
    return rsp;
}

static int64_t qmp_number(QDmashare *d, const char *command, const char *args,
                          const char *member)
{
    QDict *rsp = qmp_ok(d, command, args);
    int64_t number = qdict_get_int(qdict_get_qdict(rsp, "return"), member);

    qobject_unref(rsp);
    return number;
}

uint32_t qdmashare_hold(QDmashare *d, const char *args)
{
    return qmp_number(d, "dmashare-fence-hold", args, "hold");
}

uint64_t qdmashare_release(QDmashare *d, const char *args)
{
    return qmp_number(d, "dmashare-fence-release", args, "count");
}

void qdmashare_act(QDmashare *d, unsigned timeline, uint64_t seqno,
                   const char *action, const char *error)
{
    g_autofree char *args = g_strdup_printf(
        "\"fences\":[{\"timeline\":%u,\"seqno\":%" PRIu64 ",\"action\":\"%s\""
        "%s%s%s}]", timeline, seqno, action, *error ? ",\"error\":\"" : "",
        error, *error ? "\"" : "");

    qobject_unref(qmp_ok(d, "dmashare-fence-batch", args));
}

unsigned qdmashare_holds(QDmashare *d)
{
    QDict *rsp = qmp_ok(d, "query-dmashare-holds", "");
    unsigned n = qlist_size(qdict_get_qlist(rsp, "return"));

    qobject_unref(rsp);
    return n;
}

void qdmashare_hold_info(QDmashare *d, uint32_t hold, uint64_t *caught,
                         int64_t *remaining)
{
    QDict *rsp = qmp_ok(d, "query-dmashare-holds", "");
    QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(rsp, "return"), entry) {
        QDict *info = qobject_to(QDict, qlist_entry_obj(entry));

        if (qdict_get_int(info, "hold") == hold) {
            *caught = qdict_get_int(info, "held");
            *remaining = qdict_get_try_int(info, "remaining", -1);
            qobject_unref(rsp);
            return;
        }
    }
    g_error("there is no hold %u", hold);
}

const char *qdmashare_fence_state(QDmashare *d, unsigned timeline,
                                  uint64_t seqno)
{
    static const char *const states[] = {
        "waiting", "running", "done", "held"
    };
    g_autofree char *args = g_strdup_printf(
        "\"timeline\":%u,\"after-timeline\":%u,\"after-seqno\":%" PRIu64
        ",\"limit\":1", timeline, timeline, seqno - 1);
    QDict *rsp = qmp_ok(d, "query-dmashare-fences", args);
    QList *list = qdict_get_qlist(qdict_get_qdict(rsp, "return"), "fences");
    const char *state = NULL;
    size_t i;

    if (!qlist_empty(list)) {
        QDict *info = qobject_to(QDict, qlist_peek(list));

        if (qdict_get_int(info, "seqno") == seqno) {
            for (i = 0; i < ARRAY_SIZE(states); i++) {
                if (!strcmp(states[i], qdict_get_str(info, "state"))) {
                    state = states[i];
                }
            }
            g_assert_nonnull(state);
        }
    }
    qobject_unref(rsp);
    return state;
}

QDmashareTimeline qdmashare_timeline(QDmashare *d, unsigned timeline)
{
    g_autofree char *args = g_strdup_printf("\"timeline\":%u", timeline);
    QDict *rsp = qmp_ok(d, "query-dmashare-timelines", args);
    QList *list = qdict_get_qlist(rsp, "return");
    QDict *info = qobject_to(QDict, qlist_peek(list));
    QDmashareTimeline tl = {
        .value = qdict_get_int(info, "value"),
        .submitted = qdict_get_int(info, "submitted"),
        .pending = qdict_get_int(info, "pending"),
        .held = qdict_get_int(info, "held"),
        .failed = qdict_get_int(info, "failed"),
    };

    g_assert_cmpuint(qlist_size(list), ==, 1);
    g_assert_cmpuint(qdict_get_int(info, "timeline"), ==, timeline);
    qobject_unref(rsp);
    return tl;
}

void qdmashare_push_noops(QDmashare *d, unsigned q, unsigned first_timeline,
                          unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        struct dmashare_desc desc = qdmashare_noop(d, first_timeline + i, 0);

        qdmashare_push(d, q, &desc);
    }
}
