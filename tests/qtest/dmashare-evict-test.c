/*
 * dmashare: the command dmashare-evict, by which the harness asks for moves
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
    return qtest_qmp(m->qts, "{ 'execute': 'dmashare-evict', 'arguments':"
                     "  { 'path': 'dev', 'buffer': %" PRIu32 " } }", id);
}

static QDict *evict_percent(QDmashareMachine *m, unsigned percent)
{
    return qtest_qmp(m->qts, "{ 'execute': 'dmashare-evict', 'arguments':"
                     "  { 'path': 'dev', 'percent': %u } }", percent);
}

static void evict_ok(QDmashareMachine *m, uint32_t id)
{
    QDict *rsp = evict(m, id);

    g_assert_cmpint(qdict_get_int(qdict_get_qdict(rsp, "return"), "count"), ==,
                    1);
    qobject_unref(rsp);
}

/* Refused with this text; the answer is taken. */
static void refused(QDict *rsp, const char *text)
{
    QDict *error = qdict_get_qdict(rsp, "error");

    g_assert_nonnull(error);
    g_assert_cmpstr(qdict_get_str(error, "desc"), ==, text);
    qobject_unref(rsp);
}

static void evict_refused(QDmashareMachine *m, uint32_t id, const char *text)
{
    refused(evict(m, id), text);
}

/* Refused, since this is what is known of the buffer. */
static void evict_none(QDmashareMachine *m, uint32_t id, const char *what)
{
    g_autofree char *text = g_strdup_printf(
        "Parameter 'buffer' expects the id of a buffer in local memory; %s",
        what);

    evict_refused(m, id, text);
}

/* So many percent are these buffers, in this order. */
static void evict_is(QDmashareMachine *m, unsigned percent, const uint32_t *id,
                     unsigned n)
{
    QDict *rsp = evict_percent(m, percent);

    g_assert_cmpint(qdict_get_int(qdict_get_qdict(rsp, "return"), "count"), ==,
                    n);
    qobject_unref(rsp);
    for (unsigned i = 0; i < n; i++) {
        struct dmashare_event e = qdmashare_event(m->d);

        g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_MOVE_REQUEST);
        g_assert_cmpuint(e.buffer, ==, id[i]);
    }
    qdmashare_assert_no_event(m->d);
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
    evict_none(m, 7, "buffer 7 is in system memory");
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
    unsigned i;

    evict_none(m, 1, "there is no buffer 1");
    evict_none(m, 0, "there is no buffer 0");
    evict_none(m, UINT32_MAX, "there is no buffer 4294967295");
    qdmashare_buffer(d, 1, 4096);
    evict_none(m, 1, "buffer 1 is in system memory");
    qdmashare_local_buf(d, 2, 0, 4096, 0);

    /* One of the two, and only what makes sense. */
    refused(qtest_qmp(m->qts, "{ 'execute': 'dmashare-evict', 'arguments':"
                      "  { 'path': 'dev' } }"),
            "One of the parameters 'buffer' and 'percent' is expected, not "
            "none");
    refused(qtest_qmp(m->qts, "{ 'execute': 'dmashare-evict', 'arguments':"
                      "  { 'path': 'dev', 'buffer': 2, 'percent': 1 } }"),
            "One of the parameters 'buffer' and 'percent' is expected, not "
            "both");
    refused(evict_percent(m, 0),
            "Parameter 'percent' expects a number from 1 to 100, not 0");
    refused(evict_percent(m, 101),
            "Parameter 'percent' expects a number from 1 to 100, not 101");
    qdmashare_assert_no_event(d);

    /* A full ring; the next event tells that one was lost. */
    for (i = 0; i < QDMASHARE_ENTRIES; i++) {
        evict_ok(m, 2);
    }
    evict_refused(m, 2, "The event ring is full, or cannot be written");
    qdmashare_ledger(d, 2, &l);
    g_assert_cmpuint(l.move_requests, ==, QDMASHARE_ENTRIES);
    for (i = 0; i < QDMASHARE_ENTRIES; i++) {
        assert_request(d, 2);
    }
    evict_ok(m, 2);
    g_assert_cmpuint(qdmashare_event(d).lost, ==, 1);

    /* No bus, then no ring, then no buffer. */
    qdmashare_bus_master(d, false);
    evict_refused(m, 2, "The event ring is full, or cannot be written");
    qdmashare_bus_master(d, true);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    evict_refused(m, 2, "The driver has not enabled the event ring");
    qdmashare_reset(d);
    evict_none(m, 2, "there is no buffer 2");
    qdmashare_start(d);
    qdmashare_local_buf(d, 2, 0, 4096, 0);
    evict_ok(m, 2);
    assert_request(d, 2);
    qdmashare_ledger(d, 2, &l);
    g_assert_cmpuint(l.move_requests, ==, 1);
}

static void test_percent(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "local-size=1M,id=dev");
    static const uint32_t all[] = { 4, 2, 3, 9, 1 };
    QDmashare *d = m->d;
    unsigned i;

    /* Nothing there, nothing to ask for. */
    evict_is(m, 100, NULL, 0);
    qdmashare_buffer(d, 5, 1024 * KiB);
    evict_is(m, 100, NULL, 0);

    /* 400 KiB, of which 200, 96, 48, 48 and 8. */
    qdmashare_local_buf(d, 1, 0, 8 * KiB, 0);
    qdmashare_local_buf(d, 2, 8 * KiB, 96 * KiB, 0);
    qdmashare_local_buf(d, 9, 104 * KiB, 48 * KiB, 0);
    qdmashare_local_buf(d, 3, 152 * KiB, 48 * KiB, 0);
    qdmashare_local_buf(d, 4, 200 * KiB, 200 * KiB, 0);
    evict_is(m, 1, all, 1);
    evict_is(m, 50, all, 1);
    evict_is(m, 51, all, 2);
    evict_is(m, 74, all, 2);
    evict_is(m, 75, all, 3);
    evict_is(m, 86, all, 3);
    evict_is(m, 87, all, 4);
    evict_is(m, 98, all, 4);
    evict_is(m, 99, all, 5);
    evict_is(m, 100, all, 5);

    /* A size that the driver lies about makes nothing overflow. */
    qdmashare_place(d, 5, DMASHARE_PLACEMENT_LOCAL);
    for (i = 0; i < 3; i++) {
        struct dmashare_desc desc = {
            .opcode = DMASHARE_OP_BUFFER_CREATE,
            .buffer.id = 20 + i,
            .buffer.placement = DMASHARE_PLACEMENT_LOCAL,
            .buffer.size = UINT64_MAX - i,
        };

        g_assert_cmphex(qdmashare_command(d, &desc), ==,
                        DMASHARE_STATUS_OK);
    }
    evict_is(m, 1, (const uint32_t []) { 20 }, 1);
    evict_is(m, 30, (const uint32_t []) { 20, 21 }, 2);
    evict_is(m, 100, (const uint32_t []) { 20, 21, 22, 5, 4, 2, 3, 9, 1 }, 9);

    /* All or nothing. */
    for (i = 0; i < QDMASHARE_ENTRIES - 8; i++) {
        evict_ok(m, 1);
    }
    refused(evict_percent(m, 100),
            "The event ring has room for 8 requests, and this would be 9: "
            "ask for a smaller 'percent'");
    for (i = 0; i < QDMASHARE_ENTRIES - 8; i++) {
        assert_request(d, 1);
    }
    qdmashare_assert_no_event(d);
    qdmashare_writel(d, DMASHARE_REG_EVQ_CTRL, 0);
    refused(evict_percent(m, 100),
            "The driver has not enabled the event ring");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/evict/event", test_event);
    qtest_add_func("/dmashare/evict/refused", test_refused);
    qtest_add_func("/dmashare/evict/percent", test_percent);
    return g_test_run();
}
