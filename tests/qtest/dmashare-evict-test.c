/*
 * dmashare: the property "evict", by which the harness asks for a move
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "libqos/dmashare-coherence.h"

static QDict *evict(QDmashareMachine *m, uint32_t id)
{
    return qtest_qmp(m->qts, "{ 'execute': 'qom-set', 'arguments':"
                     "  { 'path': '/machine/peripheral/dev',"
                     "    'property': 'evict', 'value': %" PRIu32 " } }", id);
}

static void evict_ok(QDmashareMachine *m, uint32_t id)
{
    QDict *rsp = evict(m, id);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
}

/* Refused with this text; nothing was raised and nothing counted. */
static void evict_refused(QDmashareMachine *m, uint32_t id, const char *text)
{
    QDict *rsp = evict(m, id);
    QDict *error = qdict_get_qdict(rsp, "error");

    g_assert_nonnull(error);
    g_assert_cmpstr(qdict_get_str(error, "desc"), ==, text);
    qobject_unref(rsp);
}

static void assert_request(QDmashare *d, uint32_t id)
{
    struct dmashare_event e = qdmashare_event(d);

    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_MOVE_REQUEST);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(e.buffer, ==, id);
    g_assert_cmpuint(e.offset, ==, DMASHARE_PLACEMENT_SYSTEM);
    g_assert_cmpuint(e.queue, ==, 0);
    g_assert_cmphex(e.flags, ==, 0);
    g_assert_cmpuint(e.cookie, ==, 0);
    g_assert_cmpuint(e.mapping, ==, 0);
    g_assert_cmphex(e.addr, ==, UINT64_MAX);
    g_assert_cmpuint(e.time, ==, qdmashare_readq(d, DMASHARE_REG_TIME_LO));
    g_assert_cmphex(e.reserved, ==, 0);
    g_assert_cmpuint(e.lost, ==, 0);
}

static void test_event(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "local-size=1M,id=dev");
    QDmashare *d = m->d;
    QDmashareDelta one, all;
    QDmashareBuf buf = qdmashare_local_buf(d, 7, 4096, 8192, 0);

    one = qdmashare_delta(d, 7);
    all = qdmashare_delta(d, 0);
    qdmashare_settle(d);
    qdmashare_msix_fired(d, 0);
    qtest_clock_step(d->qts, 1234);
    evict_ok(m, 7);
    assert_request(d, 7);
    g_assert_true(qdmashare_msix_fired(d, 0));
    qdmashare_assert_no_event(d);
    one.want.move_requests++;
    all.want.move_requests++;
    qdmashare_delta_check(&one);
    qdmashare_delta_check(&all);

    /* A wish: nothing moved, and it may be wished again. */
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 7, 0, 8, 0x31));
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x31);
    evict_ok(m, 7);
    evict_ok(m, 7);
    assert_request(d, 7);
    assert_request(d, 7);

    /* Granted, it is none any more; PLACE is what counts. */
    g_assert_cmphex(qdmashare_place(d, 7, DMASHARE_PLACEMENT_SYSTEM), ==,
                    DMASHARE_STATUS_OK);
    evict_refused(m, 7, "dmashare: buffer 7 is not in local memory");
    g_assert_cmphex(qdmashare_place(d, 7, DMASHARE_PLACEMENT_LOCAL), ==,
                    DMASHARE_STATUS_OK);
    evict_ok(m, 7);
    assert_request(d, 7);
}

static void test_refused(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "local-size=1M,id=dev");
    QDmashare *d = m->d;
    struct dmashare_ledger l;
    QDict *rsp;
    unsigned i;

    evict_refused(m, 1, "dmashare: there is no buffer 1");
    evict_refused(m, 0, "dmashare: there is no buffer 0");
    evict_refused(m, UINT32_MAX, "dmashare: there is no buffer 4294967295");
    qdmashare_buffer(d, 1, 4096);
    evict_refused(m, 1, "dmashare: buffer 1 is not in local memory");
    qdmashare_local_buf(d, 2, 0, 4096, 0);

    /* It cannot be read, and takes nothing but an id. */
    rsp = qtest_qmp(m->qts, "{ 'execute': 'qom-get', 'arguments':"
                    "  { 'path': '/machine/peripheral/dev',"
                    "    'property': 'evict' } }");
    g_assert_true(qdict_haskey(rsp, "error"));
    qobject_unref(rsp);
    rsp = qtest_qmp(m->qts, "{ 'execute': 'qom-set', 'arguments':"
                    "  { 'path': '/machine/peripheral/dev',"
                    "    'property': 'evict', 'value': -1 } }");
    g_assert_true(qdict_haskey(rsp, "error"));
    qobject_unref(rsp);
    rsp = qtest_qmp(m->qts, "{ 'execute': 'qom-set', 'arguments':"
                    "  { 'path': '/machine/peripheral/dev',"
                    "    'property': 'evict', 'value': 'two' } }");
    g_assert_true(qdict_haskey(rsp, "error"));
    qobject_unref(rsp);
    qdmashare_assert_no_event(d);

    /* A full ring; the next event tells that one was lost. */
    for (i = 0; i < QDMASHARE_ENTRIES; i++) {
        evict_ok(m, 2);
    }
    evict_refused(m, 2, "dmashare: the event ring is full, or cannot be "
                  "written");
    qdmashare_ledger(d, 2, &l);
    g_assert_cmpuint(l.move_requests, ==, QDMASHARE_ENTRIES);
    for (i = 0; i < QDMASHARE_ENTRIES; i++) {
        assert_request(d, 2);
    }
    evict_ok(m, 2);
    g_assert_cmpuint(qdmashare_event(d).lost, ==, 1);

    /* No bus, then no ring, then no buffer. */
    qdmashare_bus_master(d, false);
    evict_refused(m, 2, "dmashare: the event ring is full, or cannot be "
                  "written");
    qdmashare_bus_master(d, true);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    evict_refused(m, 2, "dmashare: the driver has not enabled the event "
                  "ring");
    qdmashare_reset(d);
    evict_refused(m, 2, "dmashare: there is no buffer 2");
    qdmashare_start(d);
    qdmashare_local_buf(d, 2, 0, 4096, 0);
    evict_ok(m, 2);
    assert_request(d, 2);
    qdmashare_ledger(d, 2, &l);
    g_assert_cmpuint(l.move_requests, ==, 1);
}

static void test_without_device(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_machine_new("-M pc");
    QDict *args = qdict_new();
    g_autofree char *text = NULL;

    /* As a property of device_add: there is no buffer before the device. */
    qdict_put_int(args, "evict", 1);
    text = qdmashare_machine_refuses(m, args);
    g_assert_cmpstr(text, ==, "dmashare: the device is not realized");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/evict/event", test_event);
    qtest_add_func("/dmashare/evict/refused", test_refused);
    qtest_add_func("/dmashare/evict/without-device", test_without_device);
    return g_test_run();
}
