/*
 * dmashare behind a translating IOMMU (Intel VT-d), with no guest OS
 *
 * Everything the device is given is an I/O virtual address that is not the
 * physical one: rings, lists, fence memory, interrupt messages, data.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-machine.h"

#define PAGE            4096ULL
#define DEVFN           QPCI_DEVFN(QDMASHARE_SLOT, 0)

/* Where tests put data; nothing is mapped there at first. */
#define IOVA            (5 * GiB)

typedef struct Rig {
    QDmashareMachine *m;
    QTestState *qts;            /* of the machine, as the next two */
    QVtd *vtd;
    QVtdDomain *dom;
    QDmashare *d;
} Rig;

/* With what follows on the command line: properties, other devices. */
static Rig *rig_new(const char *extra)
{
    Rig *r = g_new0(Rig, 1);

    r->m = qdmashare_one_vtd(extra);
    r->qts = r->m->qts;
    r->vtd = r->m->vtd;
    r->dom = r->m->dom;
    r->d = r->m->d;
    return r;
}

static void rig_free(Rig *r)
{
    qdmashare_machine_free(r->m);
    g_free(r);
}

static void assert_vtd_fault(Rig *r, uint64_t addr, bool read,
                             unsigned reason)
{
    qdmashare_machine_vtd_fault(r->m, r->d, addr, read, reason);
}

/* The job fails at this address, and says so in every place there is. */
static void assert_job_fault(Rig *r, struct dmashare_desc *desc,
                             uint32_t mapping, uint64_t offset, uint64_t iova,
                             bool write)
{
    qdmashare_fault(r->d, *desc, &(QDmashareFault) {
        .status = DMASHARE_STATUS_FAULT_TRANSLATION,
        .mapping = mapping,
        .offset = offset,
        .addr = iova,
        .write = write,
    });
}

static void test_translate(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t src = qdmashare_alloc(d, 8 * PAGE);
    uint64_t dst = qdmashare_alloc(d, 8 * PAGE);
    uint8_t noise[8 * PAGE], got[8 * PAGE];
    struct dmashare_desc desc;
    unsigned i;

    /* One range for the device, pages in reverse order in memory. */
    for (i = 0; i < 8; i++) {
        qvtd_map(r->dom, IOVA + i * PAGE, src + (7 - i) * PAGE, PAGE,
                 QVTD_READ);
        qvtd_map(r->dom, IOVA + MiB + i * PAGE, dst + (i * 3 % 8) * PAGE,
                 PAGE, QVTD_WRITE);
    }
    qdmashare_noise(noise, sizeof(noise), 1);
    for (i = 0; i < 8; i++) {
        qtest_bufwrite(r->qts, src + (7 - i) * PAGE, noise + i * PAGE, PAGE);
    }
    qdmashare_bus_buf(d, 1, IOVA, 8 * PAGE, DMASHARE_DIR_TO_DEVICE);
    qdmashare_bus_buf(d, 2, IOVA + MiB, 8 * PAGE, DMASHARE_DIR_FROM_DEVICE);

    /* Not page to page: the seams of the two fall apart. */
    desc = qdmashare_copy(d, 0, 2, 0, 1, 100, 8 * PAGE - 100);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (i = 0; i < 8; i++) {
        qtest_bufread(r->qts, dst + (i * 3 % 8) * PAGE, got + i * PAGE, PAGE);
    }
    g_assert_cmpmem(got, sizeof(got) - 100, noise + 100, sizeof(noise) - 100);

    desc = qdmashare_checksum(d, 0, 1, 1, 8 * PAGE - 2);
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(noise + 1, 8 * PAGE - 2));

    /* The physical addresses mean nothing here, and memory there is whole. */
    g_assert_cmphex(IOVA, !=, src);
    qdmashare_bus_buf(d, 3, src, PAGE, DMASHARE_DIR_TO_DEVICE);
    desc = qdmashare_checksum(d, 0, 3, 0, PAGE);
    assert_job_fault(r, &desc, 3, 0, src, false);
    assert_vtd_fault(r, src, true, QVTD_FAULT_READ);
    rig_free(r);
}

static void test_rows(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_alloc(d, 4 * PAGE);
    uint8_t got[100], want[100];
    struct dmashare_desc desc;
    unsigned row;

    /* Rows over page seams whose halves lie far apart in memory. */
    qvtd_map(r->dom, IOVA, mem + 3 * PAGE, PAGE, QVTD_READ | QVTD_WRITE);
    qvtd_map(r->dom, IOVA + PAGE, mem + PAGE, PAGE, QVTD_READ | QVTD_WRITE);
    qvtd_map(r->dom, IOVA + 2 * PAGE, mem, PAGE, QVTD_READ | QVTD_WRITE);
    qdmashare_bus_buf(d, 1, IOVA, 3 * PAGE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 0, 1, PAGE - 50, 100, 0xabababababababab);
    desc.job.rows = 2;
    desc.job.dst.pitch = PAGE;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    memset(want, 0xab, sizeof(want));
    for (row = 0; row < 2; row++) {
        uint64_t first = row ? mem + PAGE : mem + 3 * PAGE;
        uint64_t second = row ? mem : mem + PAGE;

        qtest_bufread(r->qts, first + PAGE - 50, got, 50);
        qtest_bufread(r->qts, second, got + 50, 50);
        g_assert_cmpmem(got, sizeof(got), want, sizeof(want));
    }
    /* The page in memory that no address leads to. */
    g_assert_cmphex(qtest_readq(r->qts, mem + 2 * PAGE), ==, 0);
    rig_free(r);
}

static void test_unmapped(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_alloc(d, PAGE);
    struct dmashare_desc desc;

    qdmashare_bus_buf(d, 1, IOVA, PAGE, DMASHARE_DIR_BIDIRECTIONAL);
    desc = qdmashare_checksum(d, 0, 1, 16, 64);
    assert_job_fault(r, &desc, 1, 16, IOVA + 16, false);
    assert_vtd_fault(r, IOVA, true, QVTD_FAULT_READ);
    desc = qdmashare_fill(d, 0, 1, 32, 64, 1);
    assert_job_fault(r, &desc, 1, 32, IOVA + 32, true);
    assert_vtd_fault(r, IOVA, false, QVTD_FAULT_WRITE);

    /* The next job succeeds; and this one does, once there is a page. */
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qvtd_map(r->dom, IOVA, mem, PAGE, QVTD_READ | QVTD_WRITE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_fill(d, 0, 1, 32, 8, 0x1234);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(r->qts, mem + 32), ==, 0x1234);
    rig_free(r);
}

static void test_read_only(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_alloc(d, PAGE);
    struct dmashare_desc desc;

    /* The device was told that it may write; the IOMMU knows better. */
    qvtd_map(r->dom, IOVA, mem, PAGE, QVTD_READ);
    qdmashare_bus_buf(d, 1, IOVA, PAGE, DMASHARE_DIR_BIDIRECTIONAL);
    desc = qdmashare_fill(d, 0, 1, 8, 64, UINT64_MAX);
    assert_job_fault(r, &desc, 1, 8, IOVA + 8, true);
    assert_vtd_fault(r, IOVA, false, QVTD_FAULT_WRITE);
    g_assert_cmphex(qtest_readq(r->qts, mem + 8), ==, 0);
    desc = qdmashare_checksum(d, 0, 1, 0, PAGE);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* Nor after it has been read, when the IOMMU remembers the page. */
    desc = qdmashare_fill(d, 0, 1, 8, 64, UINT64_MAX);
    assert_job_fault(r, &desc, 1, 8, IOVA + 8, true);
    g_assert_cmphex(qtest_readq(r->qts, mem + 8), ==, 0);
    rig_free(r);
}

static void test_write_only(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_alloc(d, PAGE);
    struct dmashare_desc desc;

    qvtd_map(r->dom, IOVA, mem, PAGE, QVTD_WRITE);
    qdmashare_bus_buf(d, 1, IOVA, PAGE, DMASHARE_DIR_BIDIRECTIONAL);
    desc = qdmashare_checksum(d, 0, 1, 0, 64);
    assert_job_fault(r, &desc, 1, 0, IOVA, false);
    assert_vtd_fault(r, IOVA, true, QVTD_FAULT_READ);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x77);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(r->qts, mem), ==, 0x77);
    rig_free(r);
}

static void test_partial(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_alloc(d, 2 * PAGE);
    struct dmashare_desc desc;

    /* Page, hole, page: what was done before the hole stays done. */
    qvtd_map(r->dom, IOVA, mem, PAGE, QVTD_READ | QVTD_WRITE);
    qvtd_map(r->dom, IOVA + 2 * PAGE, mem + PAGE, PAGE,
             QVTD_READ | QVTD_WRITE);
    qdmashare_bus_buf(d, 1, IOVA, 3 * PAGE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(d, 0, 1, 0, 3 * PAGE, 0x5555555555555555ULL);
    assert_job_fault(r, &desc, 1, PAGE, IOVA + PAGE, true);
    assert_vtd_fault(r, IOVA + PAGE, false, QVTD_FAULT_WRITE);
    g_assert_cmphex(qtest_readq(r->qts, mem), ==, 0x5555555555555555ULL);
    g_assert_cmphex(qtest_readq(r->qts, mem + PAGE - 8), ==,
                    0x5555555555555555ULL);
    g_assert_cmphex(qtest_readq(r->qts, mem + PAGE), ==, 0);
    rig_free(r);
}

static void test_stale(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t old = qdmashare_alloc(d, PAGE);
    uint64_t new = qdmashare_alloc(d, PAGE);
    struct dmashare_desc desc;

    /*
     * The driver forgets UNMAP: the device's mapping outlives the page. The
     * device itself must keep no translation.
     */
    qvtd_map(r->dom, IOVA, old, PAGE, QVTD_READ | QVTD_WRITE);
    qdmashare_bus_buf(d, 1, IOVA, PAGE, DMASHARE_DIR_BIDIRECTIONAL);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x1111);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(r->qts, old), ==, 0x1111);

    qvtd_unmap(r->dom, IOVA, PAGE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x2222);
    assert_job_fault(r, &desc, 1, 0, IOVA, true);
    assert_vtd_fault(r, IOVA, false, QVTD_FAULT_WRITE);
    g_assert_cmphex(qtest_readq(r->qts, old), ==, 0x1111);

    /* Somebody else's page is at the address now. */
    qvtd_map(r->dom, IOVA, new, PAGE, QVTD_READ | QVTD_WRITE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x3333);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(r->qts, old), ==, 0x1111);
    g_assert_cmphex(qtest_readq(r->qts, new), ==, 0x3333);
    rig_free(r);
}

static void test_unmapped_in_flight(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_alloc(d, PAGE);
    struct dmashare_desc desc;

    /* The page goes while the job waits for its fence. */
    qvtd_map(r->dom, IOVA, mem, PAGE, QVTD_READ | QVTD_WRITE);
    qdmashare_bus_buf(d, 1, IOVA, PAGE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_noop(d, 1, 1000);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 2);
    desc = qdmashare_fill(d, 0, 1, 0, PAGE, UINT64_MAX);
    qdmashare_wait_for(&desc, 1, 1);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_assert_idle(d, 1);
    qvtd_unmap(r->dom, IOVA, PAGE);
    qvtd_invalidate_iotlb(r->vtd);
    qtest_clock_step(r->qts, 1000);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    assert_vtd_fault(r, IOVA, false, QVTD_FAULT_WRITE);
    g_assert_cmphex(qtest_readq(r->qts, mem), ==, 0);
    rig_free(r);
}

static void test_ring_unmapped(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t sq = qdmashare_dma(d, d->queue[1].sq);
    uint64_t cq = qdmashare_dma(d, d->queue[2].cq);
    struct dmashare_event e;
    struct dmashare_desc desc;

    /* The submission ring of one queue, the completion ring of another. */
    qvtd_unmap(r->dom, sq, PAGE);
    qvtd_unmap(r->dom, cq, PAGE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_QUEUE_ERROR);
    g_assert_cmpuint(e.status, ==, DMASHARE_QERR_SQ_FAULT);
    g_assert_cmpuint(e.queue, ==, 1);
    g_assert_cmphex(e.addr, ==, sq);
    assert_vtd_fault(r, sq, true, QVTD_FAULT_READ);

    desc = qdmashare_noop(d, 0, 0);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 2);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.status, ==, DMASHARE_QERR_CQ_FAULT);
    g_assert_cmpuint(e.queue, ==, 2);
    g_assert_cmphex(e.addr, ==, cq);
    assert_vtd_fault(r, cq, false, QVTD_FAULT_WRITE);
    g_assert_cmpuint(qtest_readq(r->qts, d->queue[2].cq), ==, 0);

    /* Nothing else stops. */
    desc = qdmashare_noop(d, 1, 0);
    qdmashare_assert_job(d, 3, &desc, DMASHARE_STATUS_OK);
    rig_free(r);
}

static void test_list_unmapped(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    struct dmashare_completion c;
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 1, .buffer = 1, .length = PAGE, .n_segments = 1,
            .list = IOVA + 64,
        },
    };

    qdmashare_buffer(d, 1, PAGE);
    c = qdmashare_run(d, 0, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, IOVA + 64);
    assert_vtd_fault(r, IOVA, true, QVTD_FAULT_READ);
    rig_free(r);
}

static void test_fence_unmapped(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_dma(d, d->fence_mem);
    struct dmashare_event e;
    struct dmashare_desc desc;

    /* Fence memory goes while fences use it; jobs complete without. */
    qvtd_unmap(r->dom, mem, PAGE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_noop(d, 3, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    e = qdmashare_event(d);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FENCE_MEMORY);
    g_assert_cmphex(e.addr, ==, mem + 3 * 8);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_FENCE_CTRL), ==, 0);
    assert_vtd_fault(r, mem, false, QVTD_FAULT_WRITE);
    desc = qdmashare_noop(d, 3, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmpuint(qdmashare_fence(d, 3), ==, 0);
    rig_free(r);
}

static void test_msi_translated(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t mem = qdmashare_dma(d, d->msi_mem);
    struct dmashare_desc desc;

    /* A message to memory is a write like any other. */
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_settle(d);
    g_assert_true(qdmashare_msix_fired(d, 2));
    qvtd_unmap(r->dom, mem, PAGE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qdmashare_settle(d);
    g_assert_false(qdmashare_msix_fired(d, 2));
    assert_vtd_fault(r, mem, false, QVTD_FAULT_WRITE);
    rig_free(r);
}

static void test_no_context(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    QVtdFault fault;
    struct dmashare_desc desc;

    /* The function belongs to nobody: it reaches nothing at all. */
    qvtd_detach(r->vtd, 0, DEVFN);
    qvtd_invalidate_context(r->vtd);
    qvtd_invalidate_iotlb(r->vtd);
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 1);
    qdmashare_settle(d);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_QUEUE(1) +
                                    DMASHARE_QREG_STATUS), ==,
                    DMASHARE_QERR_SQ_FAULT << DMASHARE_QSTATUS_ERROR_SHIFT);
    g_assert_true(qvtd_fault(r->vtd, &fault));
    g_assert_cmpuint(fault.reason, ==, QVTD_FAULT_CONTEXT_ENTRY_P);
    g_assert_cmphex(fault.source, ==, DEVFN);
    /* The event could not be written either; that may be on record, too. */
    qvtd_fault(r->vtd, &fault);

    qvtd_attach(r->dom, 0, DEVFN);
    qvtd_invalidate_context(r->vtd);
    qdmashare_reset(d);
    qdmashare_start(d);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    rig_free(r);
}

static void test_two_domains(void)
{
    Rig *r = rig_new("job-queues=4 -device dmashare,addr=5.0");
    QDmashare *a = r->d, *b;
    QVtdDomain *dom_b = qvtd_domain_new(r->vtd, 2);
    uint64_t mem_a = qdmashare_alloc(a, PAGE);
    uint64_t mem_b = qdmashare_alloc(a, PAGE);
    struct dmashare_completion c;
    struct dmashare_desc desc;
    QVtdFault fault;

    /* The same address leads each device to a page of its own. */
    qvtd_map(dom_b, QDMASHARE_DMA_BASE + QDMASHARE_DMA_RAM,
             QDMASHARE_DMA_RAM, QDMASHARE_DMA_RAM_SIZE,
             QVTD_READ | QVTD_WRITE);
    qvtd_map(r->dom, IOVA, mem_a, PAGE, QVTD_READ | QVTD_WRITE);
    qvtd_map(dom_b, IOVA, mem_b, PAGE, QVTD_READ | QVTD_WRITE);
    b = qdmashare_machine_device(r->m, 5);
    qvtd_attach(dom_b, 0, b->dev.devfn);
    qvtd_invalidate_context(r->vtd);
    qvtd_invalidate_iotlb(r->vtd);
    qdmashare_start(b);

    qdmashare_bus_buf(a, 1, IOVA, PAGE, DMASHARE_DIR_FROM_DEVICE);
    qdmashare_bus_buf(b, 1, IOVA, PAGE, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_fill(a, 0, 1, 0, 8, 0xaaaa);
    qdmashare_assert_job(a, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_fill(b, 0, 1, 0, 8, 0xbbbb);
    qdmashare_assert_job(b, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(r->qts, mem_a), ==, 0xaaaa);
    g_assert_cmphex(qtest_readq(r->qts, mem_b), ==, 0xbbbb);

    /* What one loses the other keeps. */
    qvtd_unmap(r->dom, IOVA, PAGE);
    qvtd_invalidate_iotlb(r->vtd);
    desc = qdmashare_fill(b, 0, 1, 0, 8, 0xcccc);
    qdmashare_assert_job(b, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(r->qts, mem_b), ==, 0xcccc);
    g_assert_false(qvtd_fault(r->vtd, &fault));
    desc = qdmashare_fill(a, 0, 1, 0, 8, 0xdddd);
    c = qdmashare_run(a, 1, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    assert_vtd_fault(r, IOVA, false, QVTD_FAULT_WRITE);
    g_assert_cmphex(qtest_readq(r->qts, mem_a), ==, 0xaaaa);
    qdmashare_free(b);
    g_free(dom_b);
    rig_free(r);
}

static void test_large(void)
{
    Rig *r = rig_new("");
    QDmashare *d = r->d;
    uint64_t size = 2 * MiB;
    uint64_t src = qdmashare_alloc(d, size);
    uint64_t dst = qdmashare_alloc(d, size);
    g_autofree uint8_t *noise = g_malloc(size);
    g_autofree uint8_t *got = g_malloc(size);
    struct dmashare_desc desc;
    uint64_t i;

    /* More pages than fit one table, every second one swapped. */
    for (i = 0; i < size / PAGE; i++) {
        qvtd_map(r->dom, IOVA + i * PAGE, src + (i ^ 1) * PAGE, PAGE,
                 QVTD_READ);
    }
    qvtd_map(r->dom, 3 * IOVA + 511 * PAGE, dst, size, QVTD_WRITE);
    qdmashare_noise(noise, size, 3);
    for (i = 0; i < size / PAGE; i++) {
        qtest_bufwrite(r->qts, src + (i ^ 1) * PAGE, noise + i * PAGE, PAGE);
    }
    qdmashare_bus_buf(d, 1, IOVA, size, DMASHARE_DIR_TO_DEVICE);
    qdmashare_bus_buf(d, 2, 3 * IOVA + 511 * PAGE, size,
                      DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_copy(d, 0, 2, 0, 1, 0, size);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    qtest_bufread(r->qts, dst, got, size);
    g_assert_cmpmem(got, size, noise, size);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/iommu/translate", test_translate);
    qtest_add_func("/dmashare/iommu/rows", test_rows);
    qtest_add_func("/dmashare/iommu/large", test_large);
    qtest_add_func("/dmashare/iommu/unmapped", test_unmapped);
    qtest_add_func("/dmashare/iommu/read-only", test_read_only);
    qtest_add_func("/dmashare/iommu/write-only", test_write_only);
    qtest_add_func("/dmashare/iommu/partial", test_partial);
    qtest_add_func("/dmashare/iommu/stale", test_stale);
    qtest_add_func("/dmashare/iommu/unmapped-in-flight",
                   test_unmapped_in_flight);
    qtest_add_func("/dmashare/iommu/ring-unmapped", test_ring_unmapped);
    qtest_add_func("/dmashare/iommu/list-unmapped", test_list_unmapped);
    qtest_add_func("/dmashare/iommu/fence-unmapped", test_fence_unmapped);
    qtest_add_func("/dmashare/iommu/msi-translated", test_msi_translated);
    qtest_add_func("/dmashare/iommu/no-context", test_no_context);
    qtest_add_func("/dmashare/iommu/two-domains", test_two_domains);
    return g_test_run();
}
