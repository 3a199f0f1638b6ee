/*
 * libqos helpers for dmashare: sessions that are recorded
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "../libqtest.h"
#include "qobject/qdict.h"
#include "dmashare-coherence.h"
#include "dmashare-record.h"

#define DEVICE  QDMASHARE_RECORD_DEVICE

QDmasharePlace *qdmashare_place_new(void)
{
    QDmasharePlace *place = g_new0(QDmasharePlace, 1);

    place->dir = g_dir_make_tmp("dmashare-record-XXXXXX", NULL);
    place->file = g_build_filename(place->dir, "recording", NULL);
    return place;
}

void qdmashare_place_free(QDmasharePlace *place)
{
    unlink(place->file);
    rmdir(place->dir);
    g_free(place->dir);
    g_free(place->file);
    g_free(place);
}

QDict *qdmashare_record_start(QTestState *qts, const char *file,
                              uint64_t max_size)
{
    return qtest_qmp(qts, "{ 'execute': 'dmashare-record-start',"
                     "  'arguments': { 'path': '" DEVICE "', 'filename': %s,"
                     "    'max-size': %" PRIu64 " } }", file, max_size);
}

void qdmashare_record_begin(QTestState *qts, const char *file)
{
    QDict *rsp = qdmashare_record_start(qts, file, 1 * GiB);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
}

void qdmashare_record_refused(QDict *rsp, const char *text)
{
    QDict *error = qdict_get_qdict(rsp, "error");

    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), text));
    qobject_unref(rsp);
}

QDict *qdmashare_record_stop(QTestState *qts)
{
    return qtest_qmp(qts, "{ 'execute': 'dmashare-record-stop',"
                     "  'arguments': { 'path': '" DEVICE "' } }");
}

/* What stopping says must be what is in the file. */
void qdmashare_record_end(QTestState *qts, const char *file, bool complete)
{
    QDict *rsp = qdmashare_record_stop(qts);
    QDict *summary = qdict_get_qdict(rsp, "return");
    g_autoptr(QDmashareRecording) r = NULL;
    g_autofree char *error = NULL;

    g_assert_nonnull(summary);
    r = qdmashare_recording_load(file, false, &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_cmpuint(qdict_get_int(summary, "records"), ==,
                     qdmashare_recording_count(r));
    g_assert_cmpuint(qdict_get_int(summary, "bytes"), ==, r->size);
    g_assert_true(qdict_get_bool(summary, "complete") == complete);
    qobject_unref(rsp);
}

QDmashareRecording *qdmashare_record_load(const char *file)
{
    char *error = NULL;
    QDmashareRecording *r = qdmashare_recording_load(file, false, &error);

    g_assert_cmpstr(error, ==, NULL);
    return r;
}

void qdmashare_record_assert_equal(const char *file)
{
    g_autoptr(QDmashareRecording) r = qdmashare_record_load(file);
    g_autoptr(QDmashareReplay) one = qdmashare_replay(r);
    g_autoptr(QDmashareReplay) two = NULL;

    g_assert_cmpstr(one->difference, ==, NULL);
    g_assert_true(one->equal);
    if (r->reason == DMASHARE_RECORD_GONE) {
        return;
    }
    two = qdmashare_replay(r);
    g_assert_cmpstr(two->difference, ==, NULL);
    g_assert_cmpstr(one->journal, ==, two->journal);
}

/* The machine is not started, for a recording has to begin before that. */
QDmashareMachine *qdmashare_record_machine(bool vtd, const char *properties)
{
    g_autofree char *device = g_strdup_printf("-device dmashare,id=dev,"
                                              "addr=%d.0%s%s", QDMASHARE_SLOT,
                                              *properties ? "," : "",
                                              properties);
    g_autofree char *pc = g_strconcat("-M pc ", device, NULL);
    QDmashareMachine *m = vtd ? qdmashare_machine_new_vtd(device)
                              : qdmashare_machine_new(pc);

    m->d = qdmashare_machine_device(m, QDMASHARE_SLOT);
    return m;
}

/* Some of everything, none of it twice the same. */
void qdmashare_record_session(QDmashareMachine *m)
{
    g_autoptr(QDmasharePair) pair = NULL;
    QDmashare *d = m->d;
    struct dmashare_ledger ledger;
    struct dmashare_desc desc;
    struct dmashare_completion c;

    qtest_clock_step(m->qts, 1000);
    pair = qdmashare_pair_start(d, 150000);
    qdmashare_attach(d, 10, QDMASHARE_SRC);
    qdmashare_note(d, DMASHARE_NOTE_EXPORT, QDMASHARE_SRC);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, QDMASHARE_DST, 5,
                                          QDMASHARE_SRC, 4000, 100001));
    qdmashare_assert_ok(d, qdmashare_fill(d, 1, QDMASHARE_DST, 120000, 9999,
                                          0x1122334455667788));
    c = qdmashare_job(d, qdmashare_checksum(d, 2, QDMASHARE_SRC, 1, 149998));
    g_assert_cmphex(c.result, ==, qdmashare_crc32c(pair->src_bytes + 1,
                                                   149998));

    /* The CPU changes what the device read before. */
    qtest_memset(m->qts, pair->src.phys, 0x5a, 5000);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, QDMASHARE_DST, 0,
                                          QDMASHARE_SRC, 0, 9000));

    /* Time, and a job that waits for one of another queue. */
    desc = qdmashare_noop(d, 3, 12345678);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    desc = qdmashare_fill(d, 4, QDMASHARE_DST, 0, 64, 7);
    qdmashare_wait_for(&desc, 3, d->seqno[3]);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 2);
    qdmashare_settle(d);
    qdmashare_step(d, 12345677);
    qdmashare_assert_idle(d, 2);
    qdmashare_step(d, 1);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);

    /* What fails. */
    c = qdmashare_job(d, qdmashare_fill(d, 5, QDMASHARE_SRC, 0, 8, 1));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_DIRECTION);
    qdmashare_event(d);
    qdmashare_bus_buf(d, 7, QDMASHARE_NOWHERE, 8192,
                      DMASHARE_DIR_BIDIRECTIONAL);
    c = qdmashare_job(d, qdmashare_fill(d, 5, 7, 0, 8, 1));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    qdmashare_event(d);
    qdmashare_bus_master(d, false);
    qdmashare_submit(d, 3, qdmashare_noop(d, 6, 0));
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(3) +
                                    DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QERR_SQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);
    qdmashare_bus_master(d, true);

    qdmashare_ledger(d, 0, &ledger);
    qdmashare_unmap(d, QDMASHARE_DST);
}
