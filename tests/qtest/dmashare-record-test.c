/*
 * dmashare: recordings and their replay
 *
 * Sessions are recorded, replayed to another device, and must come out equal;
 * a recording that was altered must not, and a damaged one is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/units.h"
#include <sys/resource.h>
#include "libqtest.h"
#include "qobject/qdict.h"
#include "libqos/dmashare-coherence.h"
#include "libqos/dmashare-fault.h"
#include "libqos/dmashare-replay.h"

#define DEVICE  "/machine/peripheral/dev"

/* A folder with a name for a recording that does not exist yet. */
typedef struct Place {
    char *dir;
    char *file;
} Place;

static Place *place_new(void)
{
    Place *place = g_new0(Place, 1);

    place->dir = g_dir_make_tmp("dmashare-record-XXXXXX", NULL);
    place->file = g_build_filename(place->dir, "recording", NULL);
    return place;
}

static void place_free(Place *place)
{
    unlink(place->file);
    rmdir(place->dir);
    g_free(place->dir);
    g_free(place->file);
    g_free(place);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Place, place_free)

static QDict *start(QTestState *qts, const char *file, uint64_t max_size)
{
    return qtest_qmp(qts, "{ 'execute': 'dmashare-record-start',"
                     "  'arguments': { 'path': '" DEVICE "', 'filename': %s,"
                     "    'max-size': %" PRIu64 " } }", file, max_size);
}

static void start_ok(QTestState *qts, const char *file)
{
    QDict *rsp = start(qts, file, 1 * GiB);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
}

static void refused(QDict *rsp, const char *text)
{
    QDict *error = qdict_get_qdict(rsp, "error");

    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), text));
    qobject_unref(rsp);
}

static QDict *stop(QTestState *qts)
{
    return qtest_qmp(qts, "{ 'execute': 'dmashare-record-stop',"
                     "  'arguments': { 'path': '" DEVICE "' } }");
}

/* What stopping says must be what is in the file. */
static void stop_ok(QTestState *qts, const char *file, bool complete)
{
    QDict *rsp = stop(qts);
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

static QDmashareRecording *load(const char *file)
{
    char *error = NULL;
    QDmashareRecording *r = qdmashare_recording_load(file, false, &error);

    g_assert_cmpstr(error, ==, NULL);
    return r;
}

static void assert_equal(const char *file)
{
    g_autoptr(QDmashareRecording) r = load(file);
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

/*
 * Sessions
 */

/* The machine is not started, for a recording has to begin before that. */
static QDmashareMachine *machine(bool vtd, const char *properties)
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
static void session(QDmashareMachine *m)
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

static void take_vtd_fault(QDmashareMachine *m)
{
    QVtdFault fault;

    while (m->vtd && qvtd_fault(m->vtd, &fault)) {
        ;
    }
}

static void round_trip(bool vtd, const char *properties)
{
    g_autoptr(QDmashareMachine) m = machine(vtd, properties);
    g_autoptr(Place) place = place_new();

    start_ok(m->qts, place->file);
    session(m);
    stop_ok(m->qts, place->file, true);
    take_vtd_fault(m);
    assert_equal(place->file);
}

static void test_plain(void)
{
    round_trip(false, "");
}

static void test_iommu(void)
{
    round_trip(true, "latency=17,bandwidth=100T");
}

static void test_cache(void)
{
    round_trip(false, "coherent=off,cache-size=64K");
}

/* A register access of a width that there is none of, a reset, the end. */
static void test_resets(void)
{
    g_autoptr(QDmashareMachine) m = machine(false, "");
    g_autoptr(Place) place = place_new();

    start_ok(m->qts, place->file);
    qtest_writeb(m->qts, m->d->regs.addr + 3, 9);
    g_assert_cmphex(qtest_readw(m->qts, m->d->regs.addr + 1), ==, 0);
    session(m);
    qdmashare_reset(m->d);
    session(m);
    stop_ok(m->qts, place->file, true);
    assert_equal(place->file);
}

/* Function level reset is for PCI Express alone. */
static void test_flr(void)
{
    g_autoptr(QDmashareMachine) m = machine(true, "");
    g_autoptr(Place) place = place_new();

    start_ok(m->qts, place->file);
    session(m);
    qdmashare_flr(m->d);
    qdmashare_flr_recover(m->d);
    session(m);
    stop_ok(m->qts, place->file, true);
    take_vtd_fault(m);
    assert_equal(place->file);
}

/* The CPU's part in local memory is seen when an engine reads it. */
static void test_local(void)
{
    g_autoptr(QDmashareMachine) m = machine(false, "local-size=4M");
    g_autoptr(Place) place = place_new();
    QDmashare *d = m->d;
    struct dmashare_completion c;

    start_ok(m->qts, place->file);
    qdmashare_start(d);
    qdmashare_local_buf(d, 1, 4096 + 8, 1 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_buf(d, 2, 1 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    qtest_memset(m->qts, d->local + 4096 + 8 + 77777, 0xe7, 100000);
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 2, 0, 1, 3, 300000));
    qdmashare_assert_ok(d, qdmashare_copy(d, 0, 1, 500000, 2, 0, 300000));
    c = qdmashare_job(d, qdmashare_checksum(d, 0, 1, 400000, 500000));
    g_assert_cmphex(c.result, !=, 0);
    /* Large enough to be given back to the host. */
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 1, 900000, 0));
    c = qdmashare_job(d, qdmashare_checksum(d, 0, 1, 0, 1 * MiB));
    stop_ok(m->qts, place->file, true);
    assert_equal(place->file);
}

/* Work in many steps, and a mapping that ends in the middle of it. */
static void test_steps(void)
{
    g_autoptr(QDmashareMachine) m = machine(false, "");
    g_autoptr(Place) place = place_new();
    QDmashare *d = m->d;

    start_ok(m->qts, place->file);
    qdmashare_start(d);
    qdmashare_buf(d, 1, 6 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_buf(d, 2, 6 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    for (unsigned i = 0; i < 4; i++) {
        struct dmashare_desc desc = qdmashare_copy(d, i, 2, 0, 1, 0, 6 * MiB);

        qdmashare_push(d, 1 + i, &desc);
        qdmashare_doorbell(d, 1 + i);
    }
    qdmashare_unmap(d, 1);
    for (unsigned i = 0; i < 4; i++) {
        qdmashare_pop(d, 1 + i);
    }
    stop_ok(m->qts, place->file, true);
    assert_equal(place->file);
}

/* From the first instant to the last, without a command. */
static void test_property(void)
{
    g_autoptr(Place) place = place_new();
    g_autofree char *property = g_strconcat("record=", place->file, NULL);
    QDmashareMachine *m = machine(false, property);

    session(m);
    qdmashare_machine_free(m);
    assert_equal(place->file);
}

/* Everything that the harness commands is a step. */
static void test_harness(void)
{
    g_autoptr(QDmashareMachine) m = machine(false, "local-size=4M");
    g_autoptr(Place) place = place_new();
    QDmashare *d = m->d;
    struct dmashare_completion c;
    uint32_t rule;

    start_ok(m->qts, place->file);
    qdmashare_start(d);
    qdmashare_local_buf(d, 1, 0, 64 * KiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_buf(d, 2, 64 * KiB, DMASHARE_DIR_BIDIRECTIONAL);

    qtest_qmp_assert_success(m->qts, "{ 'execute': 'dmashare-evict',"
                             "  'arguments': { 'path': '" DEVICE "',"
                             "    'buffer': 1 } }");
    g_assert_cmpuint(qdmashare_event(d).type, ==, DMASHARE_EVENT_MOVE_REQUEST);
    /* One that is refused has no effect in the replay either. */
    g_free(qdmashare_fault_refused(m->qts, "'where': 'queue',"
                                   " 'action': 'drop'"));

    rule = qdmashare_fault_add(m->qts, "'where': 'job', 'action': 'fail',"
                               " 'error': 'eacces', 'after': 1, 'times': 2,"
                               " 'match': { 'opcode': 'fill', 'buffer': 2 }");
    for (unsigned i = 0; i < 4; i++) {
        c = qdmashare_job(d, qdmashare_fill(d, 0, 2, 8 * i, 8, i));
        g_assert_cmphex(c.status, ==, i == 1 || i == 2 ?
                        DMASHARE_STATUS_COMMANDED : DMASHARE_STATUS_OK);
    }
    qdmashare_fault_remove(m->qts, rule);

    qdmashare_fault_add(m->qts, "'where': 'interrupt', 'action': 'delay',"
                        " 'delay': 5000, 'match': { 'vector': 2 }");
    qdmashare_fault_add(m->qts, "'where': 'dma-write', 'action': 'fail',"
                        " 'probability': 400, 'seed': 7, 'times': 0");
    for (unsigned i = 0; i < 10; i++) {
        qdmashare_job(d, qdmashare_copy(d, 1, 2, 0, 1, 0, 4096 * i + 1));
    }
    qdmashare_step(d, 10000);
    qdmashare_fault_remove_all(m->qts);

    rule = qdmashare_fault_add(m->qts, "'where': 'queue', 'action': 'stall',"
                               " 'match': { 'queue': 2 }");
    qdmashare_submit(d, 2, qdmashare_noop(d, 2, 0));
    qdmashare_assert_idle(d, 2);
    qdmashare_step(d, 777);
    qdmashare_fault_remove(m->qts, rule);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);

    qtest_qmp_assert_success(m->qts, "{ 'execute': 'dmashare-local-poison',"
                             "  'arguments': { 'path': '" DEVICE "',"
                             "    'enable': true, 'byte': 17 } }");
    qdmashare_unmap(d, 1);
    qdmashare_destroy(d, 1);
    qdmashare_settle(d);
    g_assert_cmphex(qtest_readb(m->qts, d->local + 4321), ==, 17);

    qdmashare_fault_add(m->qts, "'where': 'job', 'action': 'fatal'");
    qdmashare_submit(d, 1, qdmashare_noop(d, 3, 0));
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS) &
                    DMASHARE_STATUS_REG_FATAL, !=, 0);
    qdmashare_reset(d);
    session(m);
    stop_ok(m->qts, place->file, true);
    assert_equal(place->file);
}

/* Faults of the bus, as far as the device survives them. */
static void test_bus(void)
{
    static const char *const faults[] = {
        "function-reset", "link-down", "link-up",
    };
    g_autoptr(QDmashareMachine) m = machine(true, "");
    g_autoptr(Place) place = place_new();

    start_ok(m->qts, place->file);
    session(m);
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        qtest_clock_step(m->qts, 100);
        qdmashare_pci_fault(m->qts, faults[i]);
    }
    memset(m->d->seqno, 0, sizeof(m->d->seqno));
    qdmashare_flr_recover(m->d);
    session(m);
    stop_ok(m->qts, place->file, true);
    take_vtd_fault(m);
    assert_equal(place->file);
}

/* And one that it does not. */
static void test_removal(void)
{
    QTestState *qts = qtest_init("-nodefaults -M q35 -global ICH9-LPC."
                                 "acpi-pci-hotplug-with-bridge-support=off "
                                 "-device pcie-root-port,id=hole,slot=1 "
                                 "-device dmashare,id=dev,bus=hole");
    g_autoptr(Place) place = place_new();
    g_autoptr(QDmashareRecording) r = NULL;

    start_ok(qts, place->file);
    qtest_clock_step(qts, 100);
    qdmashare_pci_fault(qts, "surprise-removal");
    qtest_quit(qts);
    r = load(place->file);
    g_assert_cmpuint(r->reason, ==, DMASHARE_RECORD_GONE);
    assert_equal(place->file);
}

/*
 * What is refused
 */

static void test_refused(void)
{
    g_autoptr(QDmashareMachine) m = machine(false, "");
    g_autoptr(Place) place = place_new();

    refused(stop(m->qts), "not being recorded");
    refused(start(m->qts, place->dir, 1 * GiB), "exists");
    refused(start(m->qts, "/nowhere/at/all", 1 * GiB), "No such file");
    refused(start(m->qts, place->file, 65535), "'max-size'");
    refused(start(m->qts, place->file, UINT64_MAX), "'max-size'");
    g_assert_false(g_file_test(place->file, G_FILE_TEST_EXISTS));
    start_ok(m->qts, place->file);
    refused(start(m->qts, "/tmp/another", 1 * GiB), "is being recorded");
    stop_ok(m->qts, place->file, true);
    refused(start(m->qts, place->file, 1 * GiB), "exists");
    unlink(place->file);

    qdmashare_enable(m->d);
    refused(start(m->qts, place->file, 1 * GiB), "in use");
    qdmashare_start(m->d);
    refused(start(m->qts, place->file, 1 * GiB), "in use");
    g_assert_false(g_file_test(place->file, G_FILE_TEST_EXISTS));
    qdmashare_reset(m->d);
    start_ok(m->qts, place->file);
    session(m);
    stop_ok(m->qts, place->file, true);
    assert_equal(place->file);
}

/* It ends in the middle, says so, and what there is can be replayed. */
static void test_full(void)
{
    g_autoptr(QDmashareMachine) m = machine(false, "");
    g_autoptr(Place) place = place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    g_autoptr(QDmashareReplay) replay = NULL;
    QDict *rsp = start(m->qts, place->file, 128 * KiB);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    session(m);
    stop_ok(m->qts, place->file, false);
    r = load(place->file);
    g_assert_cmpuint(r->reason, ==, DMASHARE_RECORD_FULL);
    g_assert_cmpuint(r->size, <=, 128 * KiB);
    g_assert_cmpuint(r->steps, >, 50);
    replay = qdmashare_replay(r);
    g_assert_cmpstr(replay->difference, ==, NULL);
}

/* A full disk: the guest's work goes on, and stopping says what happened. */
static void test_disk(void)
{
    struct rlimit old, limit;
    g_autoptr(Place) place = place_new();
    QDmashareMachine *m;

    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    limit = old;
    limit.rlim_cur = 100000;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    m = machine(false, "");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
    signal(SIGXFSZ, SIG_DFL);

    start_ok(m->qts, place->file);
    session(m);
    refused(stop(m->qts), "File too large");
    refused(stop(m->qts), "not being recorded");
    qdmashare_machine_free(m);
}

/*
 * Altered and damaged ones
 */

/* A recording in memory, to be damaged. */
typedef struct Copy {
    uint8_t *bytes;
    gsize size;
} Copy;

static void recorded(Place *place, Copy *copy)
{
    g_autoptr(QDmashareMachine) m = machine(false, "local-size=1M");

    start_ok(m->qts, place->file);
    session(m);
    stop_ok(m->qts, place->file, true);
    g_assert_true(g_file_get_contents(place->file, (char **)&copy->bytes,
                                      &copy->size, NULL));
}

static uint64_t where(const QDmashareRecording *r, uint64_t number)
{
    return g_array_index(r->at, uint64_t, number);
}

/* Make the checksum of a record right again. */
static void mend(uint8_t *at)
{
    uint32_t crc = crc32c(0xffffffff, at,
                          offsetof(struct dmashare_record, crc));

    crc = crc32c(crc ^ 0xffffffff, at + DMASHARE_RECORD_SIZE, ldl_le_p(at));
    stl_le_p(at + offsetof(struct dmashare_record, crc), crc);
}

static void write_file(const char *file, const uint8_t *bytes, gsize size)
{
    g_assert_true(g_file_set_contents(file, (const char *)bytes, size, NULL));
}

/* The number of the n-th record that is like this. */
static uint64_t find(const QDmashareRecording *r, uint16_t type,
                     uint64_t length, unsigned n)
{
    for (uint64_t i = 0; i < qdmashare_recording_count(r); i++) {
        QDmashareRecord rec = qdmashare_recording_get(r, i);

        if (rec.type == type &&
            (!length || qdmashare_record_memory(&rec).length == length) &&
            !n--) {
            return i;
        }
    }
    g_assert_not_reached();
}

/* The n-th time that a doorbell of queue 1 was rung. */
static uint64_t find_doorbell(const QDmashareRecording *r, unsigned n)
{
    for (uint64_t i = 0; i < qdmashare_recording_count(r); i++) {
        QDmashareRecord rec = qdmashare_recording_get(r, i);

        if (rec.type == DMASHARE_RECORD_REG_WRITE &&
            ldl_le_p(rec.payload) == DMASHARE_REG_DOORBELL_SQ(1) && !n--) {
            return i;
        }
    }
    g_assert_not_reached();
}

/* Flip a bit of a payload: the replay must see it, and say where. */
static void altered(const Copy *copy, const Place *place,
                    const QDmashareRecording *r, uint64_t number,
                    unsigned offset, const char *says)
{
    g_autofree uint8_t *bytes = g_memdup2(copy->bytes, copy->size);
    uint8_t *at = bytes + where(r, number);
    g_autofree char *name = g_strdup_printf("record %" PRIu64, number);
    QDmashareRecord rec = qdmashare_recording_get(r, number);
    g_autoptr(QDmashareRecording) other = NULL;
    g_autoptr(QDmashareReplay) replay = NULL;
    struct dmashare_record_memory *m = (void *)(at + DMASHARE_RECORD_SIZE);

    at[DMASHARE_RECORD_SIZE + offset] ^= 1;
    if (qdmashare_record_is_memory(&rec) && rec.size > sizeof(*m)) {
        stl_le_p(&m->crc, crc32c(0xffffffff, (uint8_t *)(m + 1),
                                 rec.size - sizeof(*m)));
    }
    mend(at);
    write_file(place->file, bytes, copy->size);
    other = load(place->file);
    replay = qdmashare_replay(other);
    g_assert_false(replay->equal);
    g_test_message("%s", replay->difference);
    g_assert_nonnull(strstr(replay->difference, says ?: name));
}

static void test_altered(void)
{
    g_autoptr(Place) place = place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    size_t body = sizeof(struct dmashare_record_memory);
    Copy copy;

    recorded(place, &copy);
    r = load(place->file);
    unlink(place->file);

    /* What the device did: a completion's status, a value read, an engine's
       bytes, a vector, a counter. */
    altered(&copy, place, r, find(r, DMASHARE_RECORD_DMA_WRITE, 28, 3),
            body + offsetof(struct dmashare_completion, status), NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_REG_READ, 0, 0),
            offsetof(struct dmashare_record_reg, value), NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_DMA_WRITE, 4096, 2),
            offsetof(struct dmashare_record_memory, crc), NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_INTERRUPT, 0, 5), 0,
            NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_LEDGER, 0, 0), 8, NULL);
    /* What it was told: a job's opcode, and a doorbell. */
    altered(&copy, place, r, find(r, DMASHARE_RECORD_DMA_READ, 256, 9), body,
            "expected");
    altered(&copy, place, r, find_doorbell(r, 2),
            offsetof(struct dmashare_record_reg, value), "expected");
    /* A timer that the device has not got. */
    altered(&copy, place, r, find(r, DMASHARE_RECORD_TIMER, 0, 3), 1,
            "no timer");
    g_free(copy.bytes);
}

static void not_loaded(const char *file, const char *says)
{
    char *error = NULL;
    QDmashareRecording *r = qdmashare_recording_load(file, false, &error);

    g_assert_null(r);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error, says));
    g_free(error);
}

/* One value of the file's header is another, its checksum right or not. */
static void bad_header(const Copy *copy, const Place *place, size_t offset,
                       uint8_t value, bool right, const char *says)
{
    g_autofree uint8_t *bytes = g_memdup2(copy->bytes, copy->size);
    size_t crc = offsetof(struct dmashare_record_file, crc);

    bytes[offset] = value;
    if (right) {
        stl_le_p(bytes + crc, crc32c(0xffffffff, bytes, crc));
    }
    write_file(place->file, bytes, copy->size);
    not_loaded(place->file, says);
}

static void test_damaged(void)
{
    g_autoptr(Place) place = place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    g_autofree uint8_t *bytes = NULL;
    QDmashareRecording *cut;
    char *error = NULL;
    uint64_t end;
    Copy copy;

    recorded(place, &copy);
    r = load(place->file);
    end = where(r, qdmashare_recording_count(r) - 1);
    unlink(place->file);

    not_loaded(place->file, "No such file");
    not_loaded(place->dir, "not a regular file");
    not_loaded("/dev/zero", "not a regular file");
    write_file(place->file, (const uint8_t *)"", 0);
    not_loaded(place->file, "no recording");

    bad_header(&copy, place, 0, 'd', true, "no recording");
    bad_header(&copy, place, 8, 2, true, "version 2.0");
    bad_header(&copy, place, 10, 1, true, "version 1.1");
    bad_header(&copy, place, 12, 65, true, "header is damaged");
    bad_header(&copy, place, 24, 9, false, "header is damaged");
    bad_header(&copy, place, 16, 99, true, "interface 1.99");
    bad_header(&copy, place, 40, 1, true, "cannot be");
    bad_header(&copy, place, 31, 0x7f, true, "cannot be");

    /* Broken off, in a record and between two. */
    write_file(place->file, copy.bytes, end - 1);
    not_loaded(place->file, "breaks off");
    write_file(place->file, copy.bytes, end);
    not_loaded(place->file, "breaks off");
    cut = qdmashare_recording_load(place->file, true, &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_true(cut->cut);
    qdmashare_recording_free(cut);

    /* More than there is, after the end and in a record. */
    bytes = g_malloc0(copy.size + 32);
    memcpy(bytes, copy.bytes, copy.size);
    write_file(place->file, bytes, copy.size + 32);
    not_loaded(place->file, "behind the end");
    memset(bytes + where(r, 5), 0xff, 4);
    write_file(place->file, bytes, copy.size);
    not_loaded(place->file, "breaks off");
    g_free(copy.bytes);
}

/* Records that are what they say, but say what cannot be. */
static void test_absurd(void)
{
    static const struct {
        uint16_t type;
        unsigned offset;
        uint64_t value;
        unsigned width;
        const char *says;
    } cases[] = {
        { DMASHARE_RECORD_REG_WRITE, 0, 0x4000, 4, "not registers" },
        { DMASHARE_RECORD_REG_WRITE, 4, 3, 4, "not registers" },
        { DMASHARE_RECORD_REG_WRITE, 4, 0xffffffff, 4, "not registers" },
        { DMASHARE_RECORD_PROPERTY, 8, 0, 1, "no property" },
        { DMASHARE_RECORD_PROPERTY, 9, ',', 1, "no property" },
        { DMASHARE_RECORD_BUS_MASTER, 0, 2, 4, "0 or 1" },
        { DMASHARE_RECORD_DMA_READ, 8, 0, 8, "a range" },
        { DMASHARE_RECORD_DMA_READ, 8, UINT64_MAX, 8, "a range" },
        { DMASHARE_RECORD_DMA_READ, 8, 1 << 20, 8, "at once" },
        { DMASHARE_RECORD_DMA_READ, 8, 8, 8, "bytes of data" },
        { DMASHARE_RECORD_DMA_READ, 16, 5, 8, "data where" },
        { DMASHARE_RECORD_DMA_READ, 24, 5, 4, "checksum of the data" },
        { DMASHARE_RECORD_DMA_READ, 28, 9, 2, "status" },
        { DMASHARE_RECORD_INTERRUPT, 0, 18, 4, "no vector" },
        { DMASHARE_RECORD_END, 0, 4, 4, "no known reason" },
        { DMASHARE_RECORD_END, 8, 1, 8, "counts other" },
    };
    g_autoptr(Place) place = place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    Copy copy;

    recorded(place, &copy);
    r = load(place->file);
    unlink(place->file);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree uint8_t *bytes = g_memdup2(copy.bytes, copy.size);
        uint8_t *at = bytes + where(r, find(r, cases[i].type, 0, 0));

        for (unsigned k = 0; k < cases[i].width; k++) {
            at[DMASHARE_RECORD_SIZE + cases[i].offset + k] =
                cases[i].value >> (8 * k);
        }
        mend(at);
        write_file(place->file, bytes, copy.size);
        not_loaded(place->file, cases[i].says);
    }
    g_free(copy.bytes);
}

/*
 * Many small damages. Nothing may come of them but a message; where all
 * checksums were made right again the recording may be fine, and some of those
 * are played.
 */
static void test_mutated(void)
{
    g_autoptr(Place) place = place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    unsigned loaded = 0, refusals = 0, played = 0;
    uint64_t seed = 20;
    Copy copy;

    recorded(place, &copy);
    r = load(place->file);
    unlink(place->file);
    for (unsigned i = 0; i < 600; i++) {
        g_autofree uint8_t *bytes = g_memdup2(copy.bytes, copy.size);
        uint64_t n = qdmashare_random(&seed) % qdmashare_recording_count(r);
        QDmashareRecord rec = qdmashare_recording_get(r, n);
        bool right = i % 2;
        QDmashareRecording *got;
        g_autofree char *error = NULL;

        for (unsigned k = qdmashare_random(&seed) % 3 + 1; k; k--) {
            uint64_t at = qdmashare_random(&seed) %
                          (DMASHARE_RECORD_SIZE + rec.size);

            /* A size that leads past the file is what truncation is. */
            if (!right || at >= 4) {
                bytes[where(r, n) + at] = qdmashare_random(&seed);
            }
        }
        if (right) {
            mend(bytes + where(r, n));
        }
        write_file(place->file, bytes, copy.size);
        got = qdmashare_recording_load(place->file, false, &error);
        g_assert_true(!got == !!error);
        loaded += !!got;
        refusals += !got;
        if (got) {
            if (right && played < 10) {
                g_autoptr(QDmashareReplay) replay = qdmashare_replay(got);

                g_assert_true(replay->equal == !replay->difference);
                played++;
            }
            qdmashare_recording_free(got);
        }
    }
    g_test_message("%u refused, %u loaded, %u played", refusals, loaded,
                   played);
    g_assert_cmpuint(refusals, >, 300);
    g_assert_cmpuint(played, ==, 10);
    g_free(copy.bytes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/record/plain", test_plain);
    qtest_add_func("/dmashare/record/iommu", test_iommu);
    qtest_add_func("/dmashare/record/cache", test_cache);
    qtest_add_func("/dmashare/record/resets", test_resets);
    qtest_add_func("/dmashare/record/flr", test_flr);
    qtest_add_func("/dmashare/record/local", test_local);
    qtest_add_func("/dmashare/record/steps", test_steps);
    qtest_add_func("/dmashare/record/property", test_property);
    qtest_add_func("/dmashare/record/harness", test_harness);
    qtest_add_func("/dmashare/record/bus", test_bus);
    qtest_add_func("/dmashare/record/removal", test_removal);
    qtest_add_func("/dmashare/record/refused", test_refused);
    qtest_add_func("/dmashare/record/full", test_full);
    qtest_add_func("/dmashare/record/disk", test_disk);
    qtest_add_func("/dmashare/record/altered", test_altered);
    qtest_add_func("/dmashare/record/damaged", test_damaged);
    qtest_add_func("/dmashare/record/absurd", test_absurd);
    qtest_add_func("/dmashare/record/mutated", test_mutated);
    return g_test_run();
}
