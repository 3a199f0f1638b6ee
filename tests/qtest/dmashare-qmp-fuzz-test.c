/*
 * dmashare: QMP commands with arguments that make no sense
 *
 * What commands there are, and what they take, QEMU itself says: a command
 * that is added is tested from then on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include <glib/gstdio.h>
#include "libqtest.h"
#include "qobject/qbool.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qnull.h"
#include "qobject/qnum.h"
#include "qobject/qstring.h"
#include "libqos/dmashare-machine.h"
#include "libqos/dmashare-qmp.h"

#define COMMANDS    1500
#define ROUND       100
#define SEED        0x5eed0004

/* A machine, the schema of its QMP, and a file that may be written. */
typedef struct Fuzz {
    QDmashareMachine *m;
    QObject *schema;
    GHashTable *types;          /* name to schema entry */
    GPtrArray *commands;        /* schema entries of ours */
    char *folder;
    uint64_t random;
} Fuzz;

static Fuzz *fuzz_new(void)
{
    Fuzz *f = g_new0(Fuzz, 1);
    const QListEntry *entry;

    f->m = qdmashare_one("-M q35", "id=dev,local-size=1M,timelines=8,"
                                   "latency=1000,journal-size=50");
    f->folder = g_dir_make_tmp("dmashare-XXXXXX", NULL);
    f->random = SEED;
    f->types = g_hash_table_new(g_str_hash, g_str_equal);
    f->commands = g_ptr_array_new();
    f->schema = qdmashare_qmp(f->m->qts, "query-qmp-schema", "{}");
    QLIST_FOREACH_ENTRY(qobject_to(QList, f->schema), entry) {
        QObject *e = qlist_entry_obj(entry);
        const char *name = qdmashare_str(e, "name");

        g_hash_table_insert(f->types, (gpointer)name, e);
        if (!strcmp(qdmashare_str(e, "meta-type"), "command") &&
            strstr(name, "dmashare")) {
            g_ptr_array_add(f->commands, e);
        }
    }
    g_assert_cmpuint(f->commands->len, >=, 18);
    return f;
}

static void fuzz_free(Fuzz *f)
{
    g_autofree char *file = g_build_filename(f->folder, "recording", NULL);

    qdmashare_machine_free(f->m);
    g_unlink(file);
    g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    g_free(f->folder);
    g_ptr_array_free(f->commands, true);
    g_hash_table_destroy(f->types);
    qobject_unref(f->schema);
    g_free(f);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fuzz, fuzz_free)

static QObject *type_of(Fuzz *f, const char *name)
{
    QObject *type = g_hash_table_lookup(f->types, name);

    g_assert_nonnull(type);
    return type;
}

static uint64_t roll(Fuzz *f, uint64_t n)
{
    return qdmashare_random(&f->random) % n;
}

/*
 * Values
 */

static QObject *value_right(Fuzz *f, const char *member, const char *type);

/* An object of a type: what must be there, and of the rest something. */
static QObject *object_right(Fuzz *f, QObject *type, unsigned percent)
{
    QDict *dict = qdict_new();
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(type, "members")),
                        entry) {
        QObject *member = qlist_entry_obj(entry);
        const char *name = qdmashare_str(member, "name");

        if (!qdmashare_at(member, "default") || roll(f, 100) < percent) {
            qdict_put_obj(dict, name,
                          value_right(f, name, qdmashare_str(member,
                                                             "type")));
        }
    }
    return QOBJECT(dict);
}

static QObject *value_right(Fuzz *f, const char *member, const char *type)
{
    QObject *t = type_of(f, type);
    const char *meta = qdmashare_str(t, "meta-type");

    if (!strcmp(meta, "enum")) {
        g_autofree char *place = g_strdup_printf(
            "members.%u.name",
            (unsigned)roll(f, qdmashare_len(t, "members")));

        return QOBJECT(qstring_from_str(qdmashare_str(t, place)));
    }
    if (!strcmp(meta, "array")) {
        QList *list = qlist_new();

        for (uint64_t n = 1 + roll(f, 3); n; n--) {
            qlist_append_obj(list, value_right(f, member,
                                               qdmashare_str(t,
                                                             "element-type")));
        }
        return QOBJECT(list);
    }
    if (!strcmp(meta, "object")) {
        return object_right(f, t, 30);
    }
    g_assert_cmpstr(meta, ==, "builtin");
    if (!strcmp(type, "bool")) {
        return QOBJECT(qbool_from_bool(roll(f, 2)));
    }
    if (!strcmp(type, "int")) {
        return QOBJECT(qnum_from_uint(roll(f, 2) ? roll(f, 9) :
                                      roll(f, 2000)));
    }
    g_assert_cmpstr(type, ==, "str");
    if (!strcmp(member, "path")) {
        return QOBJECT(qstring_from_str("dev"));
    }
    if (!strcmp(member, "filename")) {
        g_autofree char *file = g_build_filename(f->folder, "recording",
                                                 NULL);

        return QOBJECT(qstring_from_str(file));
    }
    return QOBJECT(qstring_from_str("qtest"));
}

#define WRONG_TYPES     7

/* One of the values that are of no or of another type; NULL if it fits. */
static QObject *value_wrong(Fuzz *f, const char *type, unsigned which)
{
    const char *meta = qdmashare_str(type_of(f, type), "meta-type");
    bool str = !strcmp(meta, "enum") || !strcmp(type, "str");

    switch (which) {
    case 0:
        return QOBJECT(qnull());
    case 1:
        return !strcmp(type, "bool") ? NULL : QOBJECT(qbool_from_bool(true));
    case 2:
        return !strcmp(type, "int") ? NULL : QOBJECT(qnum_from_int(1));
    case 3:
        return QOBJECT(qnum_from_double(1.5));
    case 4:
        return str ? NULL : QOBJECT(qstring_from_str("nonsense"));
    case 5:
        return !strcmp(meta, "object") ? NULL : QOBJECT(qdict_new());
    default:
        return !strcmp(meta, "array") ? NULL : QOBJECT(qlist_new());
    }
}

/* Of the right type, and mostly nonsense. */
static QObject *value_extreme(Fuzz *f, const char *member, const char *type)
{
    static const int64_t ints[] = {
        -1, INT64_MIN, INT64_MAX, INT32_MAX, (int64_t)INT32_MAX + 1,
        UINT32_MAX, (int64_t)UINT32_MAX + 1, 0, 1, 255, 256, 65535, 65536,
        100000, 100001, 4095, 4096,
    };
    static const char *const strings[] = {
        "", "/", "//", "dev/", "/machine", "/machine/peripheral/dev/",
        "/machine/peripheral/dev/dmashare-regs[0]", "..", "dev\n", "%s%n",
    };
    QObject *t = type_of(f, type);

    if (!strcmp(type, "int")) {
        return roll(f, 8) ?
               QOBJECT(qnum_from_int(ints[roll(f, ARRAY_SIZE(ints))])) :
               QOBJECT(qnum_from_uint(UINT64_MAX - roll(f, 2)));
    }
    if (!strcmp(type, "str") && strcmp(member, "filename")) {
        uint64_t n = roll(f, ARRAY_SIZE(strings) + 1);
        g_autofree char *text = g_strnfill(40000, 'x');

        return QOBJECT(qstring_from_str(n < ARRAY_SIZE(strings) ? strings[n] :
                                        text));
    }
    if (!strcmp(qdmashare_str(t, "meta-type"), "enum")) {
        return QOBJECT(qstring_from_str(roll(f, 2) ? "" : "nonsense"));
    }
    if (!strcmp(qdmashare_str(t, "meta-type"), "array")) {
        return QOBJECT(qlist_new());
    }
    return value_right(f, member, type);
}

/* Arguments that may or may not be all right. */
static QObject *object_fuzzed(Fuzz *f, QObject *type)
{
    QDict *dict = qdict_new();
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(type, "members")),
                        entry) {
        QObject *member = qlist_entry_obj(entry);
        const char *name = qdmashare_str(member, "name");
        const char *t = qdmashare_str(member, "type");
        bool optional = qdmashare_at(member, "default");
        uint64_t n = roll(f, 100);
        QObject *value;

        if (n < (optional ? 50 : 2)) {
            continue;
        }
        value = value_right(f, name, t);
        if (n >= 98) {
            qobject_unref(value);
            value = value_wrong(f, t, roll(f, WRONG_TYPES));
            value = value ?: QOBJECT(qnull());
        } else if (n >= 88) {
            qobject_unref(value);
            value = value_extreme(f, name, t);
        } else if (n >= 70 && !strcmp(qdmashare_str(type_of(f, t),
                                                    "meta-type"), "object")) {
            qobject_unref(value);
            value = object_fuzzed(f, type_of(f, t));
        }
        qdict_put_obj(dict, name, value);
    }
    if (!roll(f, 50)) {
        qdict_put_str(dict, "nonsense", "");
    }
    return QOBJECT(dict);
}

/* Gives a command and takes @args. The answer; one that fails says why. */
static QDict *give(Fuzz *f, const char *command, QObject *args)
{
    QDict *rsp = qtest_qmp(f->m->qts, "{ 'execute': %s, 'arguments': %p }",
                           command, args);

    g_assert_true(qdict_haskey(rsp, "return") || qdict_haskey(rsp, "error"));
    if (qdict_haskey(rsp, "error")) {
        g_assert_cmpstr(qdmashare_str(QOBJECT(rsp), "error.desc"), !=, "");
    }
    return rsp;
}

/* It is refused, and what it says has this in it. */
static void refused(Fuzz *f, const char *command, QObject *args,
                    const char *text)
{
    QDict *rsp = give(f, command, args);
    const char *desc;

    g_assert_true(qdict_haskey(rsp, "error"));
    desc = qdmashare_str(QOBJECT(rsp), "error.desc");
    if (!strstr(desc, text)) {
        g_test_message("%s", command);
        g_assert_cmpstr(desc, ==, text);
    }
    qobject_unref(rsp);
}

/*
 * Tests
 */

/* Each member of the arguments, one after the other, in each wrong way. */
static void members_wrong(Fuzz *f, QObject *command)
{
    const char *name = qdmashare_str(command, "name");
    QObject *type = type_of(f, qdmashare_str(command, "arg-type"));
    const QListEntry *entry;
    QObject *args;

    QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(type, "members")),
                        entry) {
        QObject *member = qlist_entry_obj(entry);
        const char *what = qdmashare_str(member, "name");
        const char *t = qdmashare_str(member, "type");
        g_autofree char *quoted = g_strdup_printf("'%s", what);

        for (unsigned i = 0; i < WRONG_TYPES; i++) {
            QObject *wrong = value_wrong(f, t, i);

            if (wrong) {
                args = object_right(f, type, 0);
                qdict_put_obj(qobject_to(QDict, args), what, wrong);
                refused(f, name, args, quoted);
            }
        }
        if (!qdmashare_at(member, "default")) {
            args = object_right(f, type, 0);
            qdict_del(qobject_to(QDict, args), what);
            refused(f, name, args, quoted);
        }
        if (!strcmp(qdmashare_str(type_of(f, t), "meta-type"), "enum")) {
            args = object_right(f, type, 0);
            qdict_put_str(qobject_to(QDict, args), what, "nonsense");
            refused(f, name, args, quoted);
        }
        if (!strcmp(what, "path")) {
            args = object_right(f, type, 0);
            qdict_put_str(qobject_to(QDict, args), what, "nonsense");
            refused(f, name, args, "Parameter 'path' expects the QOM path of "
                    "a dmashare device, not 'nonsense'; there are: "
                    "/machine/peripheral/dev");
        }
    }
    args = object_right(f, type, 0);
    qdict_put_str(qobject_to(QDict, args), "surplus", "");
    refused(f, name, args, "'surplus'");
}

static void test_wrong(void)
{
    g_autoptr(Fuzz) f = fuzz_new();
    QObject *r;

    for (guint i = 0; i < f->commands->len; i++) {
        members_wrong(f, f->commands->pdata[i]);
    }
    /* And nothing was done. */
    r = qdmashare_qmp(f->m->qts, "query-dmashare", "{}");
    qdmashare_assert_num(r, "0.holds", 0);
    qdmashare_assert_num(r, "0.fault-rules", 0);
    qdmashare_assert_num(r, "0.recording", 0);
    qdmashare_assert_num(r, "0.linked", 1);
    qobject_unref(r);
}

/* Buffers, mappings, an attachment, jobs that run, wait, and are held. */
static void make_state(Fuzz *f)
{
    QDmashare *d = f->m->d;
    struct dmashare_desc job;

    qdmashare_buf(d, 1, 8 * KiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_buf(d, 2, 8 * KiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_local_buf(d, 3, 0, 64 * KiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_local_buf(d, 4, 64 * KiB, 4 * KiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_attach(d, 5, 1);
    for (unsigned i = 0; i < 4; i++) {
        qdmashare_submit(d, 1, qdmashare_copy(d, 1, 2, 0, 1, 0, 4096));
        qdmashare_submit(d, 2, qdmashare_fill(d, 2, 3, 0, 4096, i));
    }
    job = qdmashare_noop(d, 3, 0);
    qdmashare_wait_for(&job, 7, 1000);
    qdmashare_submit(d, 3, job);
}

/* Whatever was done to it, the device can be had back, and then works. */
static void recover(Fuzz *f)
{
    g_autofree char *file = g_build_filename(f->folder, "recording", NULL);
    QDmashare *d = f->m->d;
    struct dmashare_event event;
    QDmashareBuf buf;
    uint8_t bytes[64];
    QObject *r;

    r = qdmashare_qmp(f->m->qts, "query-dmashare", "{ 'path': 'dev' }");
    if (qdmashare_num(r, "0.recording")) {
        qdmashare_qmp_do(f->m->qts, "dmashare-record-stop",
                         "{ 'path': 'dev' }");
    }
    if (!qdmashare_num(r, "0.linked")) {
        qdmashare_qmp_do(f->m->qts, "dmashare-pci-fault",
                         "{ 'path': 'dev', 'fault': 'link-up' }");
    }
    qobject_unref(r);
    g_unlink(file);
    qdmashare_qmp_do(f->m->qts, "dmashare-fault-remove", "{ 'path': 'dev' }");
    qdmashare_qmp_do(f->m->qts, "dmashare-fence-release",
                     "{ 'path': 'dev' }");
    qdmashare_qmp_do(f->m->qts, "dmashare-local-poison",
                     "{ 'path': 'dev', 'enable': false }");

    /* A link that was down, or a reset of the function, took the BARs away. */
    qdmashare_flr_recover(d);
    qdmashare_reset(d);
    qdmashare_start(d);
    while (qdmashare_try_event(d, &event)) {
        /* Of before. */
    }
    buf = qdmashare_buf(d, 77, 4096, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_submit(d, 1, qdmashare_fill(d, 1, 77, 0, sizeof(bytes),
                                          0x1122334455667788));
    g_assert_cmphex(qdmashare_takes(d, 1, 1000).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_pattern(bytes, sizeof(bytes), 0x1122334455667788);
    qdmashare_assert_bytes(d, buf.phys, bytes, sizeof(bytes));
    qdmashare_reset(d);
    qdmashare_start(d);
}

static void test_fuzz(void)
{
    g_autoptr(Fuzz) f = fuzz_new();
    unsigned succeeded = 0;

    for (unsigned i = 0; i < COMMANDS; i++) {
        QObject *command = f->commands->pdata[roll(f, f->commands->len)];
        QObject *type = type_of(f, qdmashare_str(command, "arg-type"));
        QDict *rsp;

        if (i % ROUND == 0) {
            make_state(f);
        }
        rsp = give(f, qdmashare_str(command, "name"), object_fuzzed(f, type));
        succeeded += qdict_haskey(rsp, "return");
        qobject_unref(rsp);
        if (!roll(f, 4)) {
            qtest_clock_step(f->m->qts, 1 + roll(f, 2000));
        }
        if (i % ROUND == ROUND - 1) {
            recover(f);
        }
    }
    /* Not all of it was nonsense, or this would be a test of QEMU's parser. */
    g_test_message("%u of %u succeeded", succeeded, COMMANDS);
    g_assert_cmpuint(succeeded, >, COMMANDS / 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/qmp-fuzz/wrong", test_wrong);
    qtest_add_func("/dmashare/qmp-fuzz/random", test_fuzz);
    return g_test_run();
}
