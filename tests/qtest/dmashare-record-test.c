/*
 * dmashare: recordings and their replay
 *
 * Sessions are recorded, replayed to another device, and must come out equal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include <sys/resource.h>
#include "libqtest.h"
#include "qobject/qdict.h"
#include "libqos/dmashare-coherence.h"
#include "libqos/dmashare-fault.h"
#include "libqos/dmashare-hold.h"
#include "libqos/dmashare-record.h"

#define DEVICE  QDMASHARE_RECORD_DEVICE
#define LOCAL   "local-size=4M"

/*
 * Sessions
 */

static void take_vtd_fault(QDmashareMachine *m)
{
    QVtdFault fault;

    while (m->vtd && qvtd_fault(m->vtd, &fault)) {
        ;
    }
}

static void round_trip(bool vtd, const char *properties)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(vtd, properties);
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();

    qdmashare_record_begin(m->qts, place->file);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    take_vtd_fault(m);
    qdmashare_record_assert_equal(place->file);
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
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();

    qdmashare_record_begin(m->qts, place->file);
    qtest_writeb(m->qts, m->d->regs.addr + 3, 9);
    g_assert_cmphex(qtest_readw(m->qts, m->d->regs.addr + 1), ==, 0);
    qdmashare_record_session(m);
    qdmashare_reset(m->d);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    qdmashare_record_assert_equal(place->file);
}

/* Function level reset is for PCI Express alone. */
static void test_flr(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(true, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();

    qdmashare_record_begin(m->qts, place->file);
    qdmashare_record_session(m);
    qdmashare_flr(m->d);
    qdmashare_flr_recover(m->d);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    take_vtd_fault(m);
    qdmashare_record_assert_equal(place->file);
}

/* The CPU's part in local memory is seen when an engine reads it. */
static void test_local(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, LOCAL);
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    QDmashare *d = m->d;
    struct dmashare_completion c;

    qdmashare_record_begin(m->qts, place->file);
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
    qdmashare_record_end(m->qts, place->file, true);
    qdmashare_record_assert_equal(place->file);
}

/* Work in many steps, and a mapping that ends in the middle of it. */
static void test_steps(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    QDmashare *d = m->d;

    qdmashare_record_begin(m->qts, place->file);
    qdmashare_start(d);
    qdmashare_buf(d, 1, 2 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_buf(d, 2, 2 * MiB, DMASHARE_DIR_BIDIRECTIONAL);
    for (unsigned i = 0; i < 4; i++) {
        struct dmashare_desc desc = qdmashare_copy(d, i, 2, 0, 1, 0, 2 * MiB);

        qdmashare_push(d, 1 + i, &desc);
        qdmashare_doorbell(d, 1 + i);
    }
    qdmashare_unmap(d, 1);
    for (unsigned i = 0; i < 4; i++) {
        qdmashare_pop(d, 1 + i);
    }
    qdmashare_record_end(m->qts, place->file, true);
    qdmashare_record_assert_equal(place->file);
}

/* From the first instant to the last, without a command. */
static void test_property(void)
{
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autofree char *property = g_strconcat("record=", place->file, NULL);
    QDmashareMachine *m = qdmashare_record_machine(false, property);

    qdmashare_record_session(m);
    qdmashare_machine_free(m);
    qdmashare_record_assert_equal(place->file);
}

/* Everything that the harness commands is a step. */
static void test_harness(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, LOCAL);
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    QDmashare *d = m->d;
    struct dmashare_completion c;
    uint32_t rule;

    /* Ids of rules are part of what is commanded; these are used up. */
    qdmashare_fault_add(m->qts, "'where': 'queue', 'action': 'stall'");
    qdmashare_fault_add(m->qts, "'where': 'queue', 'action': 'stall'");
    qdmashare_record_refused(qdmashare_record_start(m->qts, place->file,
                                                    1 * GiB), "fault rules");
    qdmashare_fault_remove_all(m->qts);
    qdmashare_record_begin(m->qts, place->file);
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

    rule = qdmashare_fault_add(m->qts, "'where': 'job', 'action': 'fatal'");
    g_assert_cmpuint(rule, >, 3);
    qdmashare_submit(d, 1, qdmashare_noop(d, 3, 0));
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS) &
                    DMASHARE_STATUS_REG_FATAL, !=, 0);
    qdmashare_reset(d);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    qdmashare_record_assert_equal(place->file);
}

static void hold_command(QDmashareMachine *m, const char *command,
                         const char *arguments)
{
    QDict *rsp = qdmashare_hold_qmp(m->d, command, arguments);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
}

/* Fences that are held: let go in another order, failed, given up. */
static void test_holds(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    QDmashare *d = m->d;

    hold_command(m, "dmashare-fence-hold", "'count': 2");
    qdmashare_record_refused(qdmashare_record_start(m->qts, place->file,
                                                    1 * GiB), "holds");
    hold_command(m, "dmashare-fence-release", "");
    qdmashare_record_begin(m->qts, place->file);
    qdmashare_start(d);
    hold_command(m, "dmashare-fence-hold", "'count': 7");
    hold_command(m, "dmashare-fence-hold", "'timeline': 9, 'watchdog': 50000");
    for (unsigned i = 0; i < 8; i++) {
        qdmashare_submit(d, 1 + i % 4, qdmashare_noop(d, i, 10 * i));
    }
    qdmashare_submit(d, 1, qdmashare_noop(d, 9, 0));
    qdmashare_step(d, 100);
    hold_command(m, "dmashare-fence-batch", "'fences': ["
                 "  { 'timeline': 3, 'seqno': 1, 'action': 'fail',"
                 "    'error': 'etime' },"
                 "  { 'timeline': 1, 'seqno': 1, 'action': 'signal' } ]");
    qdmashare_step(d, 100);
    hold_command(m, "dmashare-fence-release",
                 "'hold': 2, 'order': 'random', 'seed': 3");
    qdmashare_step(d, 60000);
    for (unsigned i = 0; i < 9; i++) {
        g_assert_cmphex(qdmashare_pop(d, 1 + i % 4).flags, ==,
                        DMASHARE_COMPLETION_F_FENCE);
    }
    g_assert_cmpuint(qdmashare_fence(d, 9), ==, 1);
    qdmashare_record_end(m->qts, place->file, true);
    qdmashare_record_assert_equal(place->file);
}

/* Faults of the bus, as far as the device survives them. */
static void test_bus(void)
{
    static const char *const faults[] = {
        "function-reset", "link-down", "link-up",
    };
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(true, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();

    qdmashare_record_begin(m->qts, place->file);
    qdmashare_record_session(m);
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        qtest_clock_step(m->qts, 100);
        qdmashare_pci_fault(m->qts, faults[i]);
    }
    memset(m->d->seqno, 0, sizeof(m->d->seqno));
    qdmashare_flr_recover(m->d);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    take_vtd_fault(m);
    qdmashare_record_assert_equal(place->file);
}

/* And one that it does not. */
static void test_removal(void)
{
    QTestState *qts = qtest_init("-nodefaults -M q35 -global ICH9-LPC."
                                 "acpi-pci-hotplug-with-bridge-support=off "
                                 "-device pcie-root-port,id=hole,slot=1 "
                                 "-device dmashare,id=dev,bus=hole");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autoptr(QDmashareRecording) r = NULL;

    qdmashare_record_begin(qts, place->file);
    qtest_clock_step(qts, 100);
    qdmashare_pci_fault(qts, "surprise-removal");
    qtest_quit(qts);
    r = qdmashare_record_load(place->file);
    g_assert_cmpuint(r->reason, ==, DMASHARE_RECORD_GONE);
    qdmashare_record_assert_equal(place->file);
}

/*
 * What is refused
 */

static void start_refused(QDmashareMachine *m, const char *file,
                          uint64_t max_size, const char *text)
{
    qdmashare_record_refused(qdmashare_record_start(m->qts, file, max_size),
                             text);
}

static void stop_refused(QDmashareMachine *m, const char *text)
{
    qdmashare_record_refused(qdmashare_record_stop(m->qts), text);
}

static void test_refused(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();

    stop_refused(m, "not being recorded");
    start_refused(m, place->dir, 1 * GiB, "exists");
    start_refused(m, "/nowhere/at/all", 1 * GiB, "No such file");
    start_refused(m, place->file, 65535, "'max-size'");
    start_refused(m, place->file, UINT64_MAX, "'max-size'");
    g_assert_false(g_file_test(place->file, G_FILE_TEST_EXISTS));
    qdmashare_record_begin(m->qts, place->file);
    start_refused(m, "/tmp/another", 1 * GiB, "is being recorded");
    qdmashare_record_end(m->qts, place->file, true);
    start_refused(m, place->file, 1 * GiB, "exists");
    unlink(place->file);

    qdmashare_enable(m->d);
    start_refused(m, place->file, 1 * GiB, "in use");
    qdmashare_start(m->d);
    start_refused(m, place->file, 1 * GiB, "in use");
    g_assert_false(g_file_test(place->file, G_FILE_TEST_EXISTS));
    qdmashare_reset(m->d);
    qdmashare_record_begin(m->qts, place->file);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    qdmashare_record_assert_equal(place->file);
}

/* It ends in the middle, says so, and what there is can be replayed. */
static void test_full(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_record_machine(false, "");
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    g_autoptr(QDmashareReplay) replay = NULL;
    QDict *rsp = qdmashare_record_start(m->qts, place->file, 128 * KiB);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, false);
    r = qdmashare_record_load(place->file);
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
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    QDmashareMachine *m;

    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    limit = old;
    limit.rlim_cur = 100000;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    m = qdmashare_record_machine(false, "");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
    signal(SIGXFSZ, SIG_DFL);

    qdmashare_record_begin(m->qts, place->file);
    qdmashare_record_session(m);
    stop_refused(m, "File too large");
    stop_refused(m, "not being recorded");
    qdmashare_machine_free(m);
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
    qtest_add_func("/dmashare/record/holds", test_holds);
    qtest_add_func("/dmashare/record/bus", test_bus);
    qtest_add_func("/dmashare/record/removal", test_removal);
    qtest_add_func("/dmashare/record/refused", test_refused);
    qtest_add_func("/dmashare/record/full", test_full);
    qtest_add_func("/dmashare/record/disk", test_disk);
    return g_test_run();
}
