/*
 * dmashare: the device as QEMU's user sees it
 *
 * Properties, plugging and unplugging, several devices in one machine,
 * migration.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qnum.h"
#include "libqos/dmashare-machine.h"

/* A value that must be refused. */
typedef struct BadProperty {
    const char *name;
    uint64_t value;
} BadProperty;

static const BadProperty bad_properties[] = {
    { "job-queues", 0 },
    { "job-queues", 17 },
    { "job-queues", 4294967295 },
    { "timelines", 0 },
    { "timelines", 4097 },
    { "max-entries", 0 },
    { "max-entries", 1 },
    { "max-entries", 48 },
    { "max-entries", 131072 },
    { "max-buffers", 0 },
    { "max-attachments", 0 },
    { "max-mappings", 0 },
    { "max-segments", 0 },
    { "max-total-segments", 0 },
    { "max-job-bytes", 4095 },
    { "dma-bits", 0 },
    { "dma-bits", 23 },
    { "dma-bits", 65 },
    { "boundary", 4095 },
    { "boundary", 12288 },
    { "boundary", 2048 },
    { "max-segment-size", 1 },
    { "latency", UINT64_MAX },
    { "watchdog", UINT64_MAX },
};

static void test_bad_properties(void)
{
    QDmashareMachine *m = qdmashare_machine_new("-M pc");
    size_t i;

    for (i = 0; i < ARRAY_SIZE(bad_properties); i++) {
        const BadProperty *bad = &bad_properties[i];
        g_autofree char *quoted = g_strdup_printf("'%s'", bad->name);
        g_autofree char *text = NULL;
        QDict *args = qdict_new();

        g_test_message("%s=%" PRIu64, bad->name, bad->value);
        qdict_put_str(args, "id", "bad");
        qdict_put_obj(args, bad->name,
                      QOBJECT(qnum_from_uint(bad->value)));
        /* The message says which, and what would be permitted. */
        text = qdmashare_machine_refuses(m, args);
        g_assert_nonnull(strstr(text, quoted));
        g_assert_nonnull(strstr(text, "permitted"));
    }

    /* Nothing is left of them: the id and the slot are free. */
    qtest_qmp_device_add(m->qts, "dmashare", "bad", "{'addr': '5.0'}");
    qdmashare_free(qdmashare_machine_device(m, 5));
    qdmashare_machine_free(m);
}

static void test_total_below_segments(void)
{
    QDmashareMachine *m = qdmashare_machine_new("-M pc");
    QDict *args = qdict_new();
    g_autofree char *text = NULL;

    /* One mapping of the size announced must at least be possible. */
    qdict_put_int(args, "max-segments", 1000);
    qdict_put_int(args, "max-total-segments", 999);
    text = qdmashare_machine_refuses(m, args);
    g_assert_nonnull(strstr(text, "'max-total-segments'"));
    qdmashare_machine_free(m);
}

static void run_copy(QDmashare *d)
{
    uint8_t noise[6000], got[6000];
    QDmashareBuf src, dst;
    struct dmashare_desc desc;

    src = qdmashare_buf(d, 1, sizeof(noise), DMASHARE_DIR_TO_DEVICE);
    dst = qdmashare_buf(d, 2, sizeof(noise), DMASHARE_DIR_FROM_DEVICE);
    qdmashare_noise(noise, sizeof(noise), d->dev.devfn);
    qtest_bufwrite(d->qts, src.phys, noise, sizeof(noise));
    desc = qdmashare_copy(d, 0, 2, 0, 1, 0, sizeof(noise));
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qtest_bufread(d->qts, dst.phys, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), noise, sizeof(noise));
}

static void test_hotplug(void)
{
    QDmashareMachine *m = qdmashare_machine_new("-M pc");
    unsigned i;

    for (i = 0; i < 3; i++) {
        QDmashare *d;

        qtest_qmp_device_add(m->qts, "dmashare", "hot", "{'addr': '6.0'}");
        d = qdmashare_machine_device(m, 6);
        qdmashare_start(d);
        run_copy(d);
        qdmashare_free(d);
        qpci_unplug_acpi_device_test(m->qts, "hot", 6);
    }
    qdmashare_machine_free(m);
}

static void test_unplug_in_flight(void)
{
    QDmashareMachine *m = qdmashare_machine_new("-M pc");
    QDmashare *d;
    QDmashareBuf buf;
    struct dmashare_desc desc;
    uint8_t got[4096], zero[4096] = { 0 };

    qtest_qmp_device_add(m->qts, "dmashare", "hot", "{'addr': '6.0'}");
    d = qdmashare_machine_device(m, 6);
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_fill(d, 0, 1, 0, 4096, UINT64_MAX);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_wait_for(&desc, 0, 2);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 2);
    qdmashare_settle(d);

    qpci_unplug_acpi_device_test(m->qts, "hot", 6);
    /* Where it was, nothing is; and its work ended with it. */
    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_VENDOR_ID), ==, 0xffff);
    qtest_clock_step(m->qts, 20ULL * 1000 * 1000 * 1000);
    qtest_bufread(m->qts, buf.phys, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), zero, sizeof(zero));
    g_free(d);
    qdmashare_machine_free(m);
}

static void test_two(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M pc -device dmashare,addr=4.0"
        " -device dmashare,addr=5.0,job-queues=2");
    QDmashare *a = qdmashare_machine_device(m, 4);
    QDmashare *b = qdmashare_machine_device(m, 5);
    struct dmashare_desc desc;

    /* Ids, seqnos and resets of one are nothing to the other. */
    g_assert_cmpuint(b->n_queues, ==, 3);
    qdmashare_start(a);
    qdmashare_start(b);
    run_copy(a);
    run_copy(b);
    qdmashare_reset(a);
    desc = qdmashare_checksum(b, 0, 1, 0, 100);
    qdmashare_assert_job(b, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(b, 0), ==, 2);
    qdmashare_free(a);
    qdmashare_free(b);
    qdmashare_machine_free(m);
}

static void test_shared_memory(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M pc -device dmashare,addr=4.0 -device dmashare,addr=5.0");
    QDmashare *a = qdmashare_machine_device(m, 4);
    QDmashare *b = qdmashare_machine_device(m, 5);
    struct dmashare_segment seg;
    struct dmashare_desc desc;
    uint8_t noise[4096];

    /* One writes what the other reads: the same memory in two devices. */
    qdmashare_start(a);
    qdmashare_start(b);
    seg = (struct dmashare_segment) { qdmashare_alloc(a, 4096), 4096 };
    qdmashare_buffer(a, 7, 4096);
    qdmashare_buffer(b, 9, 4096);
    g_assert_cmphex(qdmashare_map(a, 7, 7, DMASHARE_DIR_FROM_DEVICE, &seg, 1),
                    ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map(b, 9, 9, DMASHARE_DIR_TO_DEVICE, &seg, 1),
                    ==, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(a, 0, 7, 0, 4096, 0x1122334455667788ULL);
    qdmashare_assert_job(a, 1, &desc, DMASHARE_STATUS_OK);
    qtest_bufread(m->qts, seg.addr, noise, sizeof(noise));
    g_assert_cmphex(noise[4095], ==, 0x11);
    desc = qdmashare_checksum(b, 0, 9, 0, 4096);
    g_assert_cmphex(qdmashare_run(b, 1, &desc).result, ==,
                    qdmashare_crc32c(noise, sizeof(noise)));
    qdmashare_free(a);
    qdmashare_free(b);
    qdmashare_machine_free(m);
}

static void test_migration_blocked(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M pc -device dmashare,addr=4.0");
    QDict *rsp = qtest_qmp(m->qts, "{ 'execute': 'migrate', 'arguments':"
                           "  { 'uri': 'exec:cat >/dev/null' } }");
    QDict *error = qdict_get_qdict(rsp, "error");

    /* Not a migration that loses the device's state: a clear refusal. */
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "dmashare"));
    qobject_unref(rsp);
    qdmashare_machine_free(m);
}

static void test_express(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M q35 -device dmashare,addr=4.0");
    QDmashare *d = qdmashare_machine_device(m, 4);
    uint8_t cap = qpci_find_capability(&d->dev, PCI_CAP_ID_EXP, 0);

    g_assert_cmphex(cap, !=, 0);
    g_assert_cmphex(qpci_config_readl(&d->dev, cap + PCI_EXP_DEVCAP) &
                    PCI_EXP_DEVCAP_FLR, ==, PCI_EXP_DEVCAP_FLR);
    qdmashare_start(d);
    run_copy(d);
    qdmashare_free(d);
    qdmashare_machine_free(m);
}

static void test_flr(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M q35 -device dmashare,addr=4.0");
    QDmashare *d = qdmashare_machine_device(m, 4);
    uint8_t got[4096], zero[4096] = { 0 };
    struct dmashare_ledger l, none = { 0 };
    struct dmashare_desc desc;
    QDmashareBuf buf;

    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_fill(d, 0, 1, 0, 4096, UINT64_MAX);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_assert_idle(d, 1);

    qdmashare_flr(d);
    qtest_clock_step(m->qts, 20ULL * 1000 * 1000 * 1000);
    qtest_bufread(m->qts, buf.phys, got, sizeof(got));
    g_assert_cmpmem(got, sizeof(got), zero, sizeof(zero));
    qtest_bufread(m->qts, d->queue[1].cq, got,
                  QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);
    g_assert_cmpmem(got, QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE, zero,
                    QDMASHARE_ENTRIES * DMASHARE_COMPLETION_SIZE);

    /* The function is as after power-on: command register and BARs as well. */
    g_assert_cmphex(qpci_config_readw(&d->dev, PCI_COMMAND) &
                    (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), ==, 0);
    qdmashare_flr_recover(d);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==, 0);
    qdmashare_start(d);
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpmem(&l, sizeof(l), &none, sizeof(none));
    run_copy(d);
    qdmashare_free(d);
    qdmashare_machine_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/property/bad", test_bad_properties);
    qtest_add_func("/dmashare/property/total-below-segments",
                   test_total_below_segments);
    qtest_add_func("/dmashare/hotplug/repeated", test_hotplug);
    qtest_add_func("/dmashare/hotplug/unplug-in-flight",
                   test_unplug_in_flight);
    qtest_add_func("/dmashare/two/independent", test_two);
    qtest_add_func("/dmashare/two/shared-memory", test_shared_memory);
    qtest_add_func("/dmashare/migration/blocked", test_migration_blocked);
    qtest_add_func("/dmashare/express/identity", test_express);
    qtest_add_func("/dmashare/express/flr", test_flr);
    return g_test_run();
}
