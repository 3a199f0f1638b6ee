/*
 * libqos helpers for dmashare: a machine of the test's own
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../libqtest.h"
#include "qobject/qdict.h"
#include "malloc-pc.h"
#include "pci-pc.h"
#include "dmashare-machine.h"

QDmashareMachine *qdmashare_machine_new(const char *args)
{
    QDmashareMachine *m = g_new0(QDmashareMachine, 1);

    m->qts = qtest_initf("-nodefaults %s", args);
    m->bus = qpci_new_pc(m->qts, NULL);
    pc_alloc_init(&m->alloc, m->qts, ALLOC_NO_FLAGS);
    return m;
}

QDmashareMachine *qdmashare_machine_new_vtd(const char *args)
{
    g_autofree char *all = g_strdup_printf("-M q35 -device intel-iommu %s",
                                           args);
    QDmashareMachine *m = qdmashare_machine_new(all);

    m->vtd = qvtd_new(m->qts, &m->alloc);
    m->dom = qvtd_domain_new(m->vtd, 1);
    qvtd_map(m->dom, QDMASHARE_DMA_BASE + QDMASHARE_DMA_RAM,
             QDMASHARE_DMA_RAM, QDMASHARE_DMA_RAM_SIZE,
             QVTD_READ | QVTD_WRITE);
    qvtd_enable(m->vtd);
    return m;
}

void qdmashare_machine_free(QDmashareMachine *m)
{
    QVtdFault fault;

    if (m->d) {
        qdmashare_free(m->d);
    }
    if (m->vtd) {
        /* What a test did not expect it did not look at. */
        g_assert_false(qvtd_fault(m->vtd, &fault));
        g_free(m->dom);
        g_free(m->vtd);
    }
    alloc_destroy(&m->alloc);
    qpci_free_pc(m->bus);
    qtest_quit(m->qts);
    g_free(m);
}

QDmashare *qdmashare_machine_device(QDmashareMachine *m, int slot)
{
    QDmashare *d;

    if (m->vtd) {
        qvtd_attach(m->dom, 0, QPCI_DEVFN(slot, 0));
        qvtd_invalidate_context(m->vtd);
    }
    d = qdmashare_new(m->bus, &m->alloc, QPCI_DEVFN(slot, 0));
    d->dma_base = m->vtd ? QDMASHARE_DMA_BASE : 0;
    return d;
}

static char *one_args(const char *args, const char *properties)
{
    return g_strdup_printf("%s -device dmashare,addr=%d.0%s%s", args,
                           QDMASHARE_SLOT, *properties ? "," : "",
                           properties);
}

static QDmashareMachine *one_start(QDmashareMachine *m)
{
    m->d = qdmashare_machine_device(m, QDMASHARE_SLOT);
    qdmashare_start(m->d);
    return m;
}

QDmashareMachine *qdmashare_one(const char *args, const char *properties)
{
    g_autofree char *all = one_args(args, properties);

    return one_start(qdmashare_machine_new(all));
}

QDmashareMachine *qdmashare_one_vtd(const char *properties)
{
    g_autofree char *all = one_args("", properties);

    return one_start(qdmashare_machine_new_vtd(all));
}

void qdmashare_machine_vtd_fault(QDmashareMachine *m, QDmashare *d,
                                 uint64_t addr, bool read, unsigned reason)
{
    QVtdFault fault;

    g_assert_true(qvtd_fault(m->vtd, &fault));
    g_assert_cmphex(fault.addr, ==, addr & ~0xfffULL);
    g_assert_cmphex(fault.source, ==, d->dev.devfn);
    g_assert_cmpuint(fault.reason, ==, reason);
    g_assert_true(fault.read == read);
    g_assert_false(qvtd_fault(m->vtd, &fault));
}

char *qdmashare_machine_refuses(QDmashareMachine *m, QDict *properties)
{
    QDict *rsp, *error;
    char *text;

    qdict_put_str(properties, "driver", "dmashare");
    rsp = qtest_qmp(m->qts, "{ 'execute': 'device_add', 'arguments': %p }",
                    properties);
    error = qdict_get_qdict(rsp, "error");
    g_assert_nonnull(error);
    text = g_strdup(qdict_get_str(error, "desc"));
    qobject_unref(rsp);
    return text;
}
