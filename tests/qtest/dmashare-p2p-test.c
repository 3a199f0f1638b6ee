/*
 * dmashare: one device's engines in another device's local memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-coherence.h"

#define SLOT_A          4
#define SLOT_B          5
#define SIZE            (100 * KiB + 3)
/* Where A's local memory is used, and where B finds it behind the IOMMU. */
#define AT              (3 * MiB + 4096)
#define IOVA            (5ULL * GiB)

typedef struct Rig {
    QDmashareMachine *m;
    QDmashare *a, *b;
    QVtdFault fault;
    uint8_t noise[SIZE];
} Rig;

static Rig *rig_start(QDmashareMachine *m)
{
    Rig *r = g_new0(Rig, 1);

    r->m = m;
    r->a = qdmashare_machine_device(m, SLOT_A);
    r->b = qdmashare_machine_device(m, SLOT_B);
    qdmashare_start(r->a);
    qdmashare_start(r->b);
    qdmashare_noise(r->noise, SIZE, 1);
    return r;
}

static Rig *rig_new(const char *b_properties)
{
    g_autofree char *args = g_strdup_printf(
        "-M pc -device dmashare,addr=%d.0,local-size=16M,id=a"
        " -device dmashare,addr=%d.0,%s", SLOT_A, SLOT_B, b_properties);

    return rig_start(qdmashare_machine_new(args));
}

static void rig_free(Rig *r)
{
    if (r->a) {
        qdmashare_free(r->a);
    }
    qdmashare_free(r->b);
    qdmashare_machine_free(r->m);
    g_free(r);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)

static void assert_fault(QDmashare *d, struct dmashare_desc desc,
                         uint64_t offset, uint64_t addr, bool write)
{
    qdmashare_fault(d, desc, &(QDmashareFault) {
        .status = DMASHARE_STATUS_FAULT_TRANSLATION,
        .mapping = 10,
        .offset = offset,
        .addr = addr,
        .write = write,
    });
}

/* From B's memory to A's local memory, and back by either of the two. */
static void there_and_back(Rig *r, uint64_t bus)
{
    QDmashare *a = r->a, *b = r->b;
    QDmashareBuf src = qdmashare_buf(b, 1, SIZE, DMASHARE_DIR_TO_DEVICE);
    QDmashareBuf dst = qdmashare_buf(b, 2, SIZE, DMASHARE_DIR_FROM_DEVICE);
    QDmashareBuf own;
    QDmashareDelta la, lb;
    unsigned i;

    own = qdmashare_local_buf(a, 1, AT, SIZE, 0);
    qdmashare_bus_buf(b, 10, bus, SIZE, 0);
    la = qdmashare_delta(a, 0);
    lb = qdmashare_delta(b, 10);
    for (i = 0; i < 10; i++) {
        qdmashare_noise(r->noise, SIZE, i + 1);
        qtest_bufwrite(b->qts, src.phys, r->noise, SIZE);
        qdmashare_assert_ok(b, qdmashare_copy(b, 0, 10, 0, 1, 0, SIZE));
        qdmashare_assert_bytes(a, own.phys, r->noise, SIZE);
        qdmashare_assert_checksum(a, 1, 0, r->noise, SIZE);
        /* A writes locally what B then reads over the bus. */
        qdmashare_assert_ok(a, qdmashare_fill(a, 0, 1, 777, 5000, ~i));
        qdmashare_pattern(r->noise + 777, 5000, (uint32_t)~i);
        qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);
        qdmashare_assert_ok(b, qdmashare_copy(b, 0, 2, 1, 10, 1, SIZE - 1));
        qdmashare_assert_bytes(b, dst.phys + 1, r->noise + 1, SIZE - 1);
    }
    /* To B it is memory of the bus; A counts what A did. */
    lb.want.jobs = 30;
    lb.want.bytes_written = 10 * SIZE;
    lb.want.bytes_read = 10 * (2 * SIZE - 1);
    qdmashare_delta_check(&lb);
    la.want.jobs = 20;
    la.want.fences_signalled = 20;
    la.want.bytes_read = la.want.local_bytes_read = 10 * SIZE;
    la.want.bytes_written = la.want.local_bytes_written = 50000;
    qdmashare_delta_check(&la);
}

static void test_copies(void)
{
    g_autoptr(Rig) r = rig_new("job-queues=4");

    there_and_back(r, r->a->local + AT);
}

static Rig *rig_vtd(void)
{
    return rig_start(qdmashare_machine_new_vtd(
        "-device dmashare,addr=4.0,local-size=16M"
        " -device dmashare,addr=5.0,local-size=16M"));
}

static void test_behind_iommu(void)
{
    g_autoptr(Rig) r = rig_vtd();
    uint64_t pages = ROUND_UP(SIZE, 4096);

    /* The address on the bus is translated like that of memory. */
    qvtd_map(r->m->dom, IOVA, r->a->local + AT, pages,
             QVTD_READ | QVTD_WRITE);
    there_and_back(r, IOVA);
}

static void test_iommu_refuses(void)
{
    g_autoptr(Rig) r = rig_vtd();
    QDmashare *b = r->b;

    /* Where the BAR is means nothing behind the IOMMU. */
    qdmashare_bus_buf(b, 10, r->a->local, 4096, 0);
    assert_fault(b, qdmashare_fill(b, 0, 10, 8, 64, 1), 8, r->a->local + 8,
                 true);
    qdmashare_machine_vtd_fault(r->m, b, r->a->local, false,
                                QVTD_FAULT_WRITE);
    qdmashare_unmap(b, 10);
    qdmashare_destroy(b, 10);

    /* And what may be read may not be written. */
    qvtd_map(r->m->dom, IOVA, r->a->local, 4096, QVTD_READ);
    qtest_bufwrite(b->qts, r->a->local, r->noise, 4096);
    qdmashare_bus_buf(b, 10, IOVA, 4096, 0);
    assert_fault(b, qdmashare_fill(b, 0, 10, 8, 64, 1), 8, IOVA + 8, true);
    qdmashare_machine_vtd_fault(r->m, b, IOVA, false, QVTD_FAULT_WRITE);
    qdmashare_assert_checksum(b, 10, 0, r->noise, 4096);
    qdmashare_assert_bytes(b, r->a->local, r->noise, 4096);

    /* Taken away: the next access knows. */
    qvtd_unmap(r->m->dom, IOVA, 4096);
    qvtd_invalidate_iotlb(r->m->vtd);
    assert_fault(b, qdmashare_checksum(b, 0, 10, 0, 64), 0, IOVA, false);
    qdmashare_machine_vtd_fault(r->m, b, IOVA, true, QVTD_FAULT_READ);
}

static void test_local_to_local(void)
{
    g_autoptr(Rig) r = rig_new("local-size=16M");
    QDmashare *a = r->a, *b = r->b;
    QDmashareBuf in_a = qdmashare_local_buf(a, 1, AT, SIZE, 0);
    QDmashareBuf in_b = qdmashare_local_buf(b, 1, 77, SIZE, 0);
    unsigned i;

    /* Each engine pulls from the other's memory, then pushes into it. */
    qdmashare_bus_buf(b, 10, in_a.phys, SIZE, 0);
    qdmashare_bus_buf(a, 10, in_b.phys, SIZE, 0);
    for (i = 0; i < 20; i++) {
        QDmashareBuf *from = i % 4 < 2 ? &in_a : &in_b;
        QDmashareBuf *to = i % 4 < 2 ? &in_b : &in_a;
        QDmashare *engine = i % 2 ? a : b;
        bool pull = (engine == b) == (to == &in_b);

        qdmashare_noise(r->noise, SIZE, 100 + i);
        qtest_bufwrite(a->qts, from->phys, r->noise, SIZE);
        qdmashare_assert_ok(engine, qdmashare_copy(engine, 0, pull ? 1 : 10,
                                                   0, pull ? 10 : 1, 0,
                                                   SIZE));
        qdmashare_assert_bytes(a, to->phys, r->noise, SIZE);
    }
}

static void test_large_lengths(void)
{
    static const uint64_t lengths[] = {
        4 * GiB - 4096, 4 * GiB, 8 * GiB,
    };
    g_autoptr(Rig) r = rig_start(qdmashare_machine_new(
        "-M pc -device dmashare,addr=4.0,local-size=16G"
        " -device dmashare,addr=5.0"));
    QDmashare *a = r->a, *b = r->b;
    uint64_t base = a->local + 2 * GiB + 4096;
    size_t i;

    /* One segment of a length that 32 bits do not hold, and its two ends. */
    for (i = 0; i < ARRAY_SIZE(lengths); i++) {
        uint64_t len = lengths[i];
        uint64_t end = base + len;

        qdmashare_bus_buf(b, 10, base, len, 0);
        qdmashare_noise(r->noise, SIZE, 50 + i);
        qtest_bufwrite(b->qts, end - SIZE, r->noise, SIZE);
        qdmashare_assert_checksum(b, 10, len - SIZE, r->noise, SIZE);
        qdmashare_assert_ok(b, qdmashare_fill(b, 0, 10, len - 8, 8, 0x1212));
        g_assert_cmphex(qtest_readq(b->qts, end - 8), ==, 0x1212);
        qdmashare_assert_ok(b, qdmashare_copy(b, 0, 10, 1, 10, len - 5000,
                                              4000));
        qdmashare_assert_bytes(b, base + 1, r->noise + SIZE - 5000, 4000);
        qdmashare_fault(b, qdmashare_fill(b, 0, 10, len - 8, 9, 0),
                        &(QDmashareFault) {
                            .status = DMASHARE_STATUS_FAULT_BOUNDS,
                            .mapping = 10, .offset = len - 8,
                            .addr = end - 8, .write = true,
                        });
        qdmashare_unmap(b, 10);
        qdmashare_destroy(b, 10);
        qtest_memset(b->qts, base, 0, 4096);
        qtest_memset(b->qts, end - SIZE, 0, SIZE);
    }
}

static void test_decoding_off(void)
{
    g_autoptr(Rig) r = rig_new("job-queues=4");
    QDmashare *b = r->b;
    uint64_t addr = r->a->local + AT;

    qdmashare_bus_buf(b, 10, addr, SIZE, 0);
    qtest_bufwrite(b->qts, addr, r->noise, SIZE);
    qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);

    /* Nobody answers while A does not decode; then A has kept it all. */
    qdmashare_decoding(r->a, false);
    assert_fault(b, qdmashare_checksum(b, 0, 10, 5, 100), 5, addr + 5, false);
    assert_fault(b, qdmashare_fill(b, 0, 10, 6, 100, 1), 6, addr + 6, true);
    qdmashare_decoding(r->a, true);
    qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);

    /* A's Bus Master Enable is about A's own accesses only. */
    qdmashare_bus_master(r->a, false);
    qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);
    qdmashare_bus_master(r->a, true);

    /* The BAR goes somewhere else: what was there is not followed. */
    qdmashare_local_move(r->a, r->a->local + 64 * MiB);
    assert_fault(b, qdmashare_checksum(b, 0, 10, 0, 100), 0, addr, false);
    qdmashare_bus_buf(b, 11, r->a->local + AT, SIZE, 0);
    qdmashare_assert_checksum(b, 11, 0, r->noise, SIZE);
}

static void test_past_bar(void)
{
    g_autoptr(Rig) r = rig_new("job-queues=4");
    QDmashare *b = r->b;
    uint64_t end = r->a->local + 16 * MiB;

    /* What was written up to the end of the BAR stays. */
    qdmashare_bus_buf(b, 10, end - 100, 200, 0);
    assert_fault(b, qdmashare_fill(b, 0, 10, 0, 200, 0x6b6b6b6b6b6b6b6bULL),
                 100, end, true);
    g_assert_cmphex(qtest_readl(b->qts, end - 4), ==, 0x6b6b6b6b);
    g_assert_cmphex(qtest_readl(b->qts, end - 100), ==, 0x6b6b6b6b);
    g_assert_cmphex(qtest_readb(b->qts, end - 101), ==, 0);
}

static void test_own_bars(void)
{
    g_autoptr(Rig) r = rig_new("local-size=16M");
    QDmashare *b = r->b;
    struct dmashare_segment seg = { 4096, SIZE };
    uint64_t list;

    /*
     * Its own local memory over the bus: the same bytes, once with a bus
     * address and once with an offset.
     */
    qdmashare_local_buf(b, 1, 4096, SIZE, 0);
    qdmashare_bus_buf(b, 2, b->local + 4096, SIZE, 0);
    qtest_bufwrite(b->qts, b->local + 4096, r->noise, SIZE);
    qdmashare_assert_checksum(b, 2, 0, r->noise, SIZE);
    qdmashare_assert_ok(b, qdmashare_fill(b, 0, 2, 50, 60, 0x99));
    qdmashare_pattern(r->noise + 50, 60, 0x99);
    qdmashare_assert_checksum(b, 1, 0, r->noise, SIZE);
    /* From itself to itself through the two, overlapping: as memmove(). */
    qdmashare_assert_ok(b, qdmashare_copy(b, 0, 1, 100, 2, 0, 4000));
    memmove(r->noise + 100, r->noise, 4000);
    qdmashare_assert_bytes(b, b->local + 4096, r->noise, SIZE);

    /* Registers are no memory, its own or another's. */
    qdmashare_bus_buf(b, 10, b->regs.addr, DMASHARE_REGS_SIZE, 0);
    assert_fault(b, qdmashare_fill(b, 0, 10, DMASHARE_REG_CTRL, 4,
                                   DMASHARE_CTRL_RESET), DMASHARE_REG_CTRL,
                 b->regs.addr + DMASHARE_REG_CTRL, true);
    qdmashare_unmap(b, 10);
    qdmashare_destroy(b, 10);
    qdmashare_bus_buf(b, 10, r->a->regs.addr, DMASHARE_REGS_SIZE, 0);
    assert_fault(b, qdmashare_fill(b, 0, 10, DMASHARE_REG_CTRL, 4,
                                   DMASHARE_CTRL_RESET), DMASHARE_REG_CTRL,
                 r->a->regs.addr + DMASHARE_REG_CTRL, true);
    g_assert_cmphex(qdmashare_readl(r->a, DMASHARE_REG_STATUS), ==,
                    DMASHARE_STATUS_REG_READY);

    /* A segment list in local memory is read like any other. */
    list = qdmashare_seg_list(b, &seg, 1, 1);
    {
        uint8_t block[32];
        struct dmashare_desc desc = {
            .opcode = DMASHARE_OP_MAP,
            .map = {
                .id = 20, .buffer = 1, .length = SIZE, .n_segments = 1,
                .placement = DMASHARE_PLACEMENT_LOCAL, .list = b->local,
            },
        };

        qtest_bufread(b->qts, list, block, sizeof(block));
        qtest_bufwrite(b->qts, b->local, block, sizeof(block));
        qdmashare_assert_command(b, &desc, DMASHARE_STATUS_OK);
        qdmashare_assert_checksum(b, 20, 0, r->noise, SIZE);
    }
}

static void test_rings_in_local(void)
{
    g_autoptr(Rig) r = rig_new("job-queues=4");
    QDmashare *b = r->b;
    uint32_t base = DMASHARE_REG_QUEUE(1);
    QDmashareQueue *q = &b->queue[1];
    uint64_t ring = r->a->local + AT;
    unsigned i;

    /* B's rings and fence memory live in A's local memory. */
    qdmashare_queue_disable(b, 1);
    q->sq = ring;
    q->cq = ring + 64 * KiB;
    q->sq_tail = q->cq_head = 0;
    qdmashare_writeq(b, base + DMASHARE_QREG_SQ_ADDR_LO, q->sq);
    qdmashare_writeq(b, base + DMASHARE_QREG_CQ_ADDR_LO, q->cq);
    qdmashare_writel(b, base + DMASHARE_QREG_CTRL, DMASHARE_QCTRL_ENABLE);
    qdmashare_writel(b, DMASHARE_REG_FENCE_CTRL, 0);
    b->fence_mem = ring + 128 * KiB;
    qdmashare_writeq(b, DMASHARE_REG_FENCE_ADDR_LO, b->fence_mem);
    qdmashare_writel(b, DMASHARE_REG_FENCE_CTRL, DMASHARE_FENCE_CTRL_ENABLE);
    for (i = 0; i < 40; i++) {
        qdmashare_assert_ok(b, qdmashare_noop(b, 3, 0));
    }
    g_assert_cmpuint(qdmashare_fence(b, 3), ==, 40);

    /* They go away with a job in flight: the queue stops, B does not. */
    {
        struct dmashare_desc desc = qdmashare_noop(b, 3, 1000);
        struct dmashare_event e;

        qdmashare_submit(b, 1, desc);
        qdmashare_decoding(r->a, false);
        qdmashare_step(b, 1000);
        e = qdmashare_event(b);
        g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FENCE_MEMORY);
        e = qdmashare_event(b);
        g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_QUEUE_ERROR);
        g_assert_cmpuint(e.status, ==, DMASHARE_QERR_CQ_FAULT);
        desc = qdmashare_noop(b, 4, 0);
        qdmashare_assert_job(b, 2, &desc, DMASHARE_STATUS_OK);
        qdmashare_decoding(r->a, true);
    }
}

static void unplug_a(Rig *r)
{
    qpci_unplug_acpi_device_test(r->m->qts, "a", SLOT_A);
    g_clear_pointer(&r->a, g_free);
}

static Rig *rig_hot(void)
{
    QDmashareMachine *m = qdmashare_machine_new(
        "-M pc -device dmashare,addr=5.0");

    qtest_qmp_device_add(m->qts, "dmashare", "a",
                         "{'addr': '4.0', 'local-size': 536870912}");
    return rig_start(m);
}

static void test_unplugged(void)
{
    g_autoptr(Rig) r = rig_hot();
    QDmashare *b = r->b;
    uint64_t addr = r->a->local + AT;
    struct dmashare_desc desc;

    qdmashare_bus_buf(b, 10, addr, SIZE, 0);
    qdmashare_assert_ok(b, qdmashare_fill(b, 0, 10, 0, SIZE, 0x42));

    /* A job is waiting to write there when the device goes. */
    desc = qdmashare_noop(b, 1, 1000);
    qdmashare_submit(b, 2, desc);
    desc = qdmashare_fill(b, 0, 10, 0, SIZE, 0x43);
    qdmashare_wait_for(&desc, 1, 1);
    qdmashare_submit(b, 1, desc);
    unplug_a(r);
    qdmashare_step(b, 1000);
    g_assert_cmphex(qdmashare_pop(b, 2).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(b, 1).status, ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(qdmashare_event(b).addr, ==, addr);
    assert_fault(b, qdmashare_checksum(b, 0, 10, 9, 1), 9, addr + 9, false);

    /* Another device at the same address is another memory: all zeros. */
    qtest_qmp_device_add(r->m->qts, "dmashare", "a",
                         "{'addr': '4.0', 'local-size': 536870912}");
    r->a = qdmashare_machine_device(r->m, SLOT_A);
    memset(r->noise, 0, SIZE);
    qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);
}

/*
 * A job larger than what the device does in one instant: it is at work for as
 * long as time stands still. Reading untouched memory costs the host none.
 */
#define LONG_JOB        (384 * MiB)

static void test_unplugged_at_work(void)
{
    g_autoptr(Rig) r = rig_hot();
    QDmashare *b = r->b;
    uint64_t addr = r->a->local;
    struct dmashare_completion c;
    struct dmashare_event e;

    qdmashare_bus_buf(b, 10, addr, LONG_JOB, 0);
    qdmashare_submit(b, 1, qdmashare_checksum(b, 0, 10, 0, LONG_JOB));
    g_assert_false(qdmashare_peek(b, 1, &c));
    unplug_a(r);
    g_assert_cmphex(qdmashare_pop(b, 1).status, ==,
                    DMASHARE_STATUS_FAULT_TRANSLATION);
    e = qdmashare_event(b);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(e.offset, >, 0);
    g_assert_cmphex(e.offset, <, LONG_JOB);
    g_assert_cmphex(e.addr, ==, addr + e.offset);
    qdmashare_assert_ok(b, qdmashare_noop(b, 2, 0));
}

static void test_unplugged_itself(void)
{
    g_autoptr(Rig) r = rig_hot();
    QDmashare *a = r->a;
    struct dmashare_completion c;

    /* In the middle of its own job in its own local memory. */
    qdmashare_local_buf(a, 1, 0, LONG_JOB, 0);
    qdmashare_submit(a, 1, qdmashare_checksum(a, 0, 1, 0, LONG_JOB));
    g_assert_false(qdmashare_peek(a, 1, &c));
    unplug_a(r);
    qdmashare_step(r->b, 1000);
    qdmashare_assert_ok(r->b, qdmashare_noop(r->b, 2, 0));
}

static void test_not_coherent(void)
{
    g_autoptr(Rig) r = rig_new("coherent=off");
    QDmashare *a = r->a, *b = r->b;
    QDmashareBuf own = qdmashare_local_buf(a, 1, AT, SIZE, 0);
    uint8_t other[SIZE];
    struct dmashare_ledger l;

    /* Memory of a peer is copied like any other; only SYNC helps. */
    qdmashare_bus_buf(b, 10, own.phys, SIZE, 0);
    qtest_bufwrite(b->qts, own.phys, r->noise, SIZE);
    qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);
    qdmashare_assert_ok(a, qdmashare_fill(a, 0, 1, 0, SIZE, 0x31));
    qdmashare_pattern(other, SIZE, 0x31);
    qdmashare_assert_checksum(b, 10, 0, r->noise, SIZE);
    qdmashare_sync_for_device(b, 10, 0, SIZE);
    qdmashare_assert_checksum(b, 10, 0, other, SIZE);
    qdmashare_assert_ok(b, qdmashare_fill(b, 0, 10, 0, SIZE, 0x32));
    qdmashare_assert_checksum(a, 1, 0, other, SIZE);
    qdmashare_sync_for_cpu(b, 10, 0, SIZE);
    qdmashare_pattern(other, SIZE, 0x32);
    qdmashare_assert_checksum(a, 1, 0, other, SIZE);
    qdmashare_ledger(b, 10, &l);
    g_assert_cmpuint(l.cache_written_back, ==, SIZE);
    g_assert_cmpuint(l.stale_bytes, >, SIZE - SIZE / 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/p2p/copies", test_copies);
    qtest_add_func("/dmashare/p2p/behind-iommu", test_behind_iommu);
    qtest_add_func("/dmashare/p2p/iommu-refuses", test_iommu_refuses);
    qtest_add_func("/dmashare/p2p/local-to-local", test_local_to_local);
    qtest_add_func("/dmashare/p2p/large-lengths", test_large_lengths);
    qtest_add_func("/dmashare/p2p/decoding-off", test_decoding_off);
    qtest_add_func("/dmashare/p2p/past-bar", test_past_bar);
    qtest_add_func("/dmashare/p2p/own-bars", test_own_bars);
    qtest_add_func("/dmashare/p2p/rings-in-local", test_rings_in_local);
    qtest_add_func("/dmashare/p2p/unplugged", test_unplugged);
    qtest_add_func("/dmashare/p2p/unplugged-at-work", test_unplugged_at_work);
    qtest_add_func("/dmashare/p2p/unplugged-itself", test_unplugged_itself);
    qtest_add_func("/dmashare/p2p/not-coherent", test_not_coherent);
    return g_test_run();
}
