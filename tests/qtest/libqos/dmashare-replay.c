/*
 * libqos helper for dmashare: play a recording to a device
 *
 * The device has a machine to itself, and is paced: time stands still, and
 * what it does by itself it does when it is told to. So each step of the
 * recording can be prepared: every page that the device will touch is mapped
 * at the address that it will use, by VT-d, and holds what the device read
 * when it was recorded. Then the step is taken. The device is recorded once
 * more meanwhile, and in the end the two recordings must say the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "dmashare-stage.h"

#define DEVICE  QDMASHARE_STAGE_DEVICE

/*
 * Steps
 */

static bool qmp_step(QDmashareStage *p, const QDmashareRecord *rec, QDict *rsp)
{
    QDict *error = qdict_get_qdict(rsp, "error");

    if (error) {
        qdmashare_differs(p, rec->number, "%s",
                          qdict_get_str(error, "desc"));
    }
    qobject_unref(rsp);
    return !p->replay->difference;
}

static void take_command(QDmashareStage *p, const QDmashareRecord *rec)
{
    const char *name = (const char *)rec->payload;
    QObject *parsed = qobject_from_json(name + strlen(name) + 1, &error_abort);
    QDict *arguments = qobject_to(QDict, parsed);

    qdict_put_str(arguments, "path", DEVICE);
    /* One that fails has failed before, or its effects are missing now. */
    qobject_unref(qtest_qmp(p->qts, "{ 'execute': %s, 'arguments': %p }", name,
                            arguments));
}

static void take_access(QDmashareStage *p, const QDmashareRecord *rec)
{
    const struct dmashare_record_reg *reg = (const void *)rec->payload;
    uint64_t at = QDMASHARE_STAGE_REGS + ldl_le_p(&reg->offset);
    uint64_t value = ldq_le_p(&reg->value);
    uint32_t size = ldl_le_p(&reg->size);

    if (rec->type == DMASHARE_RECORD_REG_READ) {
        switch (size) {
        case 1:
            qtest_readb(p->qts, at);
            break;
        case 2:
            qtest_readw(p->qts, at);
            break;
        case 4:
            qtest_readl(p->qts, at);
            break;
        default:
            qtest_readq(p->qts, at);
            break;
        }
        return;
    }
    switch (size) {
    case 1:
        qtest_writeb(p->qts, at, value);
        break;
    case 2:
        qtest_writew(p->qts, at, value);
        break;
    case 4:
        qtest_writel(p->qts, at, value);
        break;
    default:
        qtest_writeq(p->qts, at, value);
        break;
    }
}

static void take_reset(QDmashareStage *p)
{
    const int devfn = QDMASHARE_STAGE_DEVFN;
    QPCIBus *bus = p->bus;
    uint8_t at = bus->config_readb(bus, devfn, PCI_CAPABILITY_LIST);

    while (at && bus->config_readb(bus, devfn, at) != PCI_CAP_ID_EXP) {
        at = bus->config_readb(bus, devfn, at + PCI_CAP_LIST_NEXT);
    }
    g_assert_cmphex(at, !=, 0);
    at += PCI_EXP_DEVCTL;
    bus->config_writew(bus, devfn, at, bus->config_readw(bus, devfn, at) |
                                       PCI_EXP_DEVCTL_BCR_FLR);
}

static bool take_step(QDmashareStage *p, const QDmashareRecord *rec)
{
    switch (rec->type) {
    case DMASHARE_RECORD_REG_WRITE:
    case DMASHARE_RECORD_REG_READ:
        take_access(p, rec);
        return true;
    case DMASHARE_RECORD_TIMER:
        return qmp_step(p, rec, qtest_qmp(p->qts,
                        "{ 'execute': 'qom-set', 'arguments': {"
                        "  'path': '" DEVICE "', 'property': 'x-run-timer',"
                        "  'value': %u } }", ldl_le_p(rec->payload)));
    case DMASHARE_RECORD_RESET:
        take_reset(p);
        return true;
    case DMASHARE_RECORD_BUS_MASTER:
        qdmashare_stage_command(p, PCI_COMMAND_MEMORY |
                                   (ldl_le_p(rec->payload) ?
                                    PCI_COMMAND_MASTER : 0));
        return true;
    case DMASHARE_RECORD_COMMAND:
        take_command(p, rec);
        return true;
    default:
        return qdmashare_differs(p, rec->number,
                                 "nothing says why the device did this");
    }
}

/* Returns false when there is no sense in going on. */
static bool play_step(QDmashareStage *p, uint64_t first, uint64_t end)
{
    QDmashareRecord rec = qdmashare_recording_get(p->r, first);
    bool outer = rec.type == DMASHARE_RECORD_RESET ||
                 rec.type == DMASHARE_RECORD_COMMAND;
    bool reset = false;

    if (!qdmashare_stage_prepare(p, first, end)) {
        return false;
    }
    if (rec.time > p->now) {
        qtest_clock_set(p->qts, rec.time);
        p->now = rec.time;
    }
    if (!take_step(p, &rec)) {
        return false;
    }
    for (uint64_t i = end; i-- > first;) {
        QDmashareRecord effect = qdmashare_recording_get(p->r, i);

        /* One by register leaves configuration space alone. */
        reset |= outer && effect.type == DMASHARE_RECORD_RESET;
        if (effect.type == DMASHARE_RECORD_DMA_WRITE &&
            !qdmashare_record_memory(&effect).status &&
            !qdmashare_stage_check(p, &effect)) {
            return false;
        }
    }
    if (reset) {
        qdmashare_stage_setup(p);
    }
    return true;
}

/* Where the step that begins at @first ends. */
static uint64_t step_end(const QDmashareRecording *r, uint64_t first)
{
    uint64_t end = first + 1;

    while (end < qdmashare_recording_count(r)) {
        QDmashareRecord rec = qdmashare_recording_get(r, end);

        if (rec.step || rec.type == DMASHARE_RECORD_LEDGER ||
            rec.type == DMASHARE_RECORD_END) {
            break;
        }
        end++;
    }
    return end;
}

/*
 * The result
 */

/* Entries of the journal, one a line. */
static void fetch_journal(QDmashareStage *p)
{
    GString *text = g_string_new(NULL);
    uint64_t next = 0, end;

    do {
        QDict *rsp = qtest_qmp(p->qts, "{ 'execute': 'query-dmashare-journal',"
                               "  'arguments': { 'path': '" DEVICE "',"
                               "    'from': %" PRIu64 ", 'limit': 10000 } }",
                               next);
        QDict *page = qdict_get_qdict(rsp, "return");
        const QListEntry *entry;

        g_assert_nonnull(page);
        QLIST_FOREACH_ENTRY(qdict_get_qlist(page, "entries"), entry) {
            g_autoptr(GString) line = qobject_to_json(entry->value);

            g_string_append_printf(text, "%s\n", line->str);
            p->replay->entries++;
        }
        next = qdict_get_int(page, "next");
        end = qdict_get_int(page, "end");
        qobject_unref(rsp);
    } while (next < end);
    p->replay->journal = g_string_free(text, false);
}

static bool is_data(const QDmashareRecording *r, uint64_t at)
{
    uint16_t type = qdmashare_recording_get(r, at).type;

    return type == DMASHARE_RECORD_DATA || type == DMASHARE_RECORD_PROPERTY;
}

static bool same(const QDmashareRecord *a, const QDmashareRecord *b)
{
    if (a->type != b->type || a->step != b->step || a->time != b->time ||
        a->size != b->size) {
        return false;
    }
    if (qdmashare_record_is_memory(a)) {
        QDmashareAccess m = qdmashare_record_memory(a);
        QDmashareAccess n = qdmashare_record_memory(b);

        /* Which DATA record it was does not matter. */
        m.data = n.data = 0;
        return !memcmp(&m, &n, sizeof(m)) &&
               !memcmp(a->payload + sizeof(m), b->payload + sizeof(m),
                       a->size - sizeof(m));
    }
    return a->type == DMASHARE_RECORD_END ||
           !memcmp(a->payload, b->payload, a->size);
}

char *qdmashare_recording_compare(const QDmashareRecording *want,
                                  const QDmashareRecording *got,
                                  uint64_t records)
{
    uint64_t count = qdmashare_recording_count(got);
    uint64_t i = 0, k = 0;

    for (;; i++, k++) {
        g_autofree char *expected = NULL;
        g_autofree char *came = NULL;
        QDmashareRecord a, b;

        while (i < records && is_data(want, i)) {
            i++;
        }
        while (k < count && is_data(got, k)) {
            k++;
        }
        if (i >= records) {
            return NULL;
        }
        a = qdmashare_recording_get(want, i);
        expected = qdmashare_record_text(&a);
        if (k >= count) {
            return g_strdup_printf("record %" PRIu64 ": expected %s at %"
                                   PRIu64 " ns; nothing came", i, expected,
                                   a.time);
        }
        b = qdmashare_recording_get(got, k);
        if (!same(&a, &b)) {
            came = qdmashare_record_text(&b);
            return g_strdup_printf("record %" PRIu64 ": expected %s at %"
                                   PRIu64 " ns; there came %s at %" PRIu64
                                   " ns", i, expected, a.time, came, b.time);
        }
    }
}

/* The recording of the replay, which is over. */
static void compare(QDmashareStage *p, const char *filename, uint64_t records)
{
    g_autoptr(QDmashareRecording) got = NULL;
    g_autofree char *error = NULL;
    char *difference;

    got = qdmashare_recording_load(filename, p->replay->difference, &error);
    if (!got) {
        if (!p->replay->difference) {
            p->replay->difference = g_steal_pointer(&error);
        }
        return;
    }
    if (got->head.granule != p->r->head.granule) {
        difference = g_strdup_printf("local memory was given back by %u bytes "
                                     "(0: not at all), and is by %u here",
                                     p->r->head.granule, got->head.granule);
    } else {
        difference = qdmashare_recording_compare(p->r, got, records);
    }
    if (difference) {
        /* It came first: what was seen from outside follows from it. */
        if (p->replay->difference) {
            g_autofree char *old = p->replay->difference;

            p->replay->difference = g_strdup_printf("%s\n  and then %s",
                                                    difference, old);
            g_free(difference);
        } else {
            p->replay->difference = difference;
        }
    }
}

/* A step that a recording may have lost the end of is not played. */
static uint64_t play(QDmashareStage *p)
{
    bool whole = p->r->reason == DMASHARE_RECORD_STOPPED ||
                 p->r->reason == DMASHARE_RECORD_GONE;
    uint64_t count = qdmashare_recording_count(p->r);
    uint64_t at = p->r->first_step;

    while (at < count && qdmashare_recording_get(p->r, at).step) {
        uint64_t end = step_end(p->r, at);

        if (!whole &&
            (end == count || !qdmashare_recording_get(p->r, end).step)) {
            return at;
        }
        if (!play_step(p, at, end)) {
            return end;
        }
        at = end;
    }
    if (p->r->end_time > p->now) {
        qtest_clock_set(p->qts, p->r->end_time);
    }
    p->gone = p->r->reason == DMASHARE_RECORD_GONE;
    return whole ? count : at;
}

/* Ids are never used again: those from before the recording are gone. */
static void use_up_ids(QDmashareStage *p)
{
    for (uint32_t i = 1; i < p->r->head.next_rule; i++) {
        qtest_qmp_assert_success(p->qts, "{ 'execute': 'dmashare-fault-add',"
                                 "  'arguments': { 'path': '" DEVICE "',"
                                 "    'rule': { 'where': 'interrupt',"
                                 "              'action': 'drop' } } }");
        qtest_qmp_assert_success(p->qts, "{ 'execute':"
                                 "  'dmashare-fault-remove', 'arguments':"
                                 "    { 'path': '" DEVICE "' } }");
    }
    for (uint32_t i = 1; i < p->r->head.next_hold; i++) {
        qtest_qmp_assert_success(p->qts, "{ 'execute': 'dmashare-fence-hold',"
                                 "  'arguments': { 'path': '" DEVICE "',"
                                 "    'count': 1 } }");
        qtest_qmp_assert_success(p->qts, "{ 'execute':"
                                 "  'dmashare-fence-release', 'arguments':"
                                 "    { 'path': '" DEVICE "' } }");
    }
}

QDmashareReplay *qdmashare_replay(const QDmashareRecording *r)
{
    QDmashareReplay *replay = g_new0(QDmashareReplay, 1);
    QDmashareStage p = { .r = r, .replay = replay };
    g_autofree char *dir = g_dir_make_tmp("dmashare-replay-XXXXXX", NULL);
    g_autofree char *filename = g_build_filename(dir, "again", NULL);
    uint64_t records = 0;

    if (qdmashare_stage_new(&p)) {
        use_up_ids(&p);
        qtest_clock_set(p.qts, r->head.start);
        p.now = r->head.start;
        qdmashare_stage_command(&p, PCI_COMMAND_MEMORY |
                       (r->head.bus_master ? PCI_COMMAND_MASTER : 0));
        qtest_qmp_assert_success(p.qts, "{ 'execute': 'dmashare-record-start',"
                                 "  'arguments': { 'path': '" DEVICE "',"
                                 "    'filename': %s, 'max-size': %" PRIu64
                                 " } }", filename, r->size * 2 + 1 * MiB);
        records = play(&p);
        /* What is gone has no journal, and has ended its recording. */
        if (!p.gone) {
            fetch_journal(&p);
            qtest_qmp_assert_success(p.qts, "{ 'execute':"
                                     "  'dmashare-record-stop', 'arguments':"
                                     "    { 'path': '" DEVICE "' } }");
        }
    }
    qdmashare_stage_free(&p);
    if (p.qts) {
        compare(&p, filename, records);
    }
    replay->equal = !replay->difference;
    unlink(filename);
    rmdir(dir);
    return replay;
}

void qdmashare_replay_free(QDmashareReplay *replay)
{
    g_free(replay->difference);
    g_free(replay->journal);
    g_free(replay);
}
