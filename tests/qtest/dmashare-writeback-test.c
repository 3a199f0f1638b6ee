/*
 * dmashare: dirty bytes on their way to memory, and what may be in that way
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-coherence.h"

#define PIECE           QDMASHARE_PIECE
#define IOVA            (5ULL * GiB)

/* Three pages of memory behind the IOMMU, buffer and mapping 1. */
typedef struct Rig {
    QDmashareMachine *m;
    QDmashare *d;
    uint64_t mem;
    QDmashareDelta delta;
    uint8_t bytes[3 * PIECE];   /* what is in memory */
} Rig;

static Rig *rig_new(unsigned perm, unsigned direction, const char *properties)
{
    Rig *r = g_new0(Rig, 1);

    r->m = qdmashare_one_vtd(properties);
    r->d = r->m->d;
    r->mem = qdmashare_alloc(r->d, sizeof(r->bytes));
    qdmashare_noise(r->bytes, sizeof(r->bytes), 1);
    qtest_bufwrite(r->d->qts, r->mem, r->bytes, sizeof(r->bytes));
    qvtd_map(r->m->dom, IOVA, r->mem, sizeof(r->bytes), perm);
    qdmashare_bus_buf(r->d, 1, IOVA, sizeof(r->bytes), direction);
    r->delta = qdmashare_delta(r->d, 1);
    return r;
}

static void rig_free(Rig *r)
{
    qdmashare_machine_free(r->m);
    g_free(r);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rig, rig_free)

static void fill(Rig *r, uint64_t at, uint64_t len, uint64_t pattern)
{
    qdmashare_assert_ok(r->d, qdmashare_fill(r->d, 0, 1, at, len, pattern));
    r->delta.want.jobs++;
    r->delta.want.bytes_written += len;
}

static void page_goes(Rig *r, unsigned page)
{
    qvtd_unmap(r->m->dom, IOVA + page * PIECE, PIECE);
    qvtd_invalidate_iotlb(r->m->vtd);
}

static void page_comes(Rig *r, unsigned page)
{
    qvtd_map(r->m->dom, IOVA + page * PIECE, r->mem + page * PIECE, PIECE,
             QVTD_READ | QVTD_WRITE);
    qvtd_invalidate_iotlb(r->m->vtd);
}

static void assert_memory(Rig *r)
{
    qdmashare_assert_bytes(r->d, r->mem, r->bytes, sizeof(r->bytes));
}

static void test_sync_faults(void)
{
    g_autoptr(Rig) r = rig_new(QVTD_READ | QVTD_WRITE, 0, "coherent=off");
    struct dmashare_completion c;

    /*
     * The second of three pages is gone: what comes before it is written,
     * and what could not be stays dirty until it can.
     */
    fill(r, 0, sizeof(r->bytes), 0x1a1a1a1a1a1a1a1aULL);
    r->delta.want.cache_bytes = 3 * PIECE;
    page_goes(r, 1);
    c = qdmashare_sync(r->d, 1, DMASHARE_SYNC_F_FOR_CPU, 0, 100,
                       sizeof(r->bytes) - 100);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, IOVA + PIECE);
    g_assert_cmphex(c.flags, ==, 0);
    qdmashare_machine_vtd_fault(r->m, r->d, IOVA + PIECE, false,
                                QVTD_FAULT_WRITE);
    /* The event is for jobs; a SYNC that failed is not counted. */
    qdmashare_assert_no_event(r->d);
    memset(r->bytes + 100, 0x1a, PIECE - 100);
    assert_memory(r);
    r->delta.want.cache_dirty = 2 * PIECE + 100;
    r->delta.want.cache_written_back = PIECE - 100;
    qdmashare_delta_check(&r->delta);

    page_comes(r, 1);
    qdmashare_sync_for_cpu(r->d, 1, 0, sizeof(r->bytes));
    memset(r->bytes, 0x1a, sizeof(r->bytes));
    assert_memory(r);
    r->delta.want.syncs_for_cpu = 1;
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 3 * PIECE;
    qdmashare_delta_check(&r->delta);
}

/* A piece that lies on two pages: a buffer that begins in their middle. */
static void in_a_piece(bool by_unmap)
{
    g_autoptr(Rig) r = rig_new(QVTD_READ | QVTD_WRITE, 0, "coherent=off");
    QDmashare *d = r->d;
    struct dmashare_completion c;
    QDmashareDelta delta;

    qdmashare_bus_buf(d, 2, IOVA + 2000, PIECE, 0);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 2, 100, PIECE - 200, 0));
    delta = qdmashare_delta(d, 2);
    g_assert_cmpuint(delta.want.cache_dirty, ==, PIECE - 200);
    page_goes(r, 1);
    c = by_unmap ? qdmashare_unmap_with(d, 2, 0) :
        qdmashare_sync(d, 2, DMASHARE_SYNC_F_FOR_CPU, 0, 0, PIECE);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, IOVA + PIECE);
    qdmashare_machine_vtd_fault(r->m, d, IOVA + PIECE, false,
                                QVTD_FAULT_WRITE);
    /* On the first page all of it arrived; no byte of that is dirty. */
    memset(r->bytes + 2100, 0, PIECE - 2100);
    assert_memory(r);
    delta.want.cache_written_back = PIECE - 2100;
    delta.want.cache_dirty -= PIECE - 2100;
    if (by_unmap) {
        delta.want.live_mappings = delta.want.live_segments = 0;
        delta.want.cache_discarded = delta.want.cache_dirty;
        delta.want.cache_dirty = 0;
    }
    qdmashare_delta_check(&delta);
}

static void test_fault_in_piece(void)
{
    in_a_piece(false);
    in_a_piece(true);
}

static void test_sync_read_only(void)
{
    g_autoptr(Rig) r = rig_new(QVTD_READ, 0, "coherent=off");
    struct dmashare_completion c;

    /* The job has its copy to write to; memory is asked only by SYNC. */
    fill(r, PIECE + 50, 10, 0x2b);
    c = qdmashare_sync(r->d, 1, DMASHARE_SYNC_F_FOR_CPU, 0, 0,
                       sizeof(r->bytes));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, IOVA + PIECE + 50);
    assert_memory(r);
    r->delta.want.cache_bytes = PIECE;
    r->delta.want.cache_dirty = 10;
    qdmashare_delta_check(&r->delta);

    /* SYNC for the device forgets them instead. */
    qdmashare_sync_for_device(r->d, 1, PIECE, 1);
    r->delta.want.syncs_for_device = 1;
    r->delta.want.cache_bytes = 0;
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_discarded = 10;
    qdmashare_delta_check(&r->delta);
    qdmashare_assert_checksum(r->d, 1, 0, r->bytes, sizeof(r->bytes));
}

static void test_unmap_faults(void)
{
    g_autoptr(Rig) r = rig_new(QVTD_READ | QVTD_WRITE, 0, "coherent=off");
    struct dmashare_completion c;
    struct dmashare_desc desc;

    /* UNMAP goes on past the hole, ends the mapping, and what is lost is. */
    fill(r, 0, sizeof(r->bytes), 0x3c3c3c3c3c3c3c3cULL);
    page_goes(r, 1);
    c = qdmashare_unmap_with(r->d, 1, 0);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.detail, ==, IOVA + PIECE);
    qdmashare_machine_vtd_fault(r->m, r->d, IOVA + PIECE, false,
                                QVTD_FAULT_WRITE);
    qdmashare_assert_no_event(r->d);
    memset(r->bytes, 0x3c, PIECE);
    memset(r->bytes + 2 * PIECE, 0x3c, PIECE);
    assert_memory(r);
    r->delta.want.live_mappings = 0;
    r->delta.want.live_segments = 0;
    r->delta.want.cache_written_back = 2 * PIECE;
    r->delta.want.cache_discarded = PIECE;
    /* Of the piece that was lost nothing clean was left. */
    r->delta.want.cache_bytes = 2 * PIECE;
    qdmashare_delta_check(&r->delta);
    g_assert_cmphex(qdmashare_unmap_with(r->d, 1, 0).status, ==,
                    DMASHARE_STATUS_BAD_ID);
    desc = qdmashare_checksum(r->d, 0, 1, 0, 1);
    qdmashare_assert_job(r->d, 1, &desc,
                         DMASHARE_STATUS_FAULT_DEAD_MAPPING);
}

static void test_write_only(void)
{
    g_autoptr(Rig) r = rig_new(QVTD_WRITE, DMASHARE_DIR_FROM_DEVICE,
                               "coherent=off");

    /*
     * What drivers map from-device the IOMMU lets nobody read: no access of
     * the device may try, not for the rest of a piece either.
     */
    fill(r, PIECE - 10, 30, 0x4d4d4d4d4d4d4d4dULL);
    fill(r, PIECE + 100, 1, 0x4e);
    r->delta.want.cache_bytes = 2 * PIECE;
    r->delta.want.cache_dirty = 31;
    qdmashare_delta_check(&r->delta);
    assert_memory(r);
    memset(r->bytes + PIECE - 10, 0x4d, 30);
    r->bytes[PIECE + 100] = 0x4e;
    qdmashare_sync_for_cpu(r->d, 1, 0, sizeof(r->bytes));
    assert_memory(r);
    fill(r, 2 * PIECE + 7, PIECE - 7, 0);
    memset(r->bytes + 2 * PIECE + 7, 0, PIECE - 7);
    qdmashare_unmap(r->d, 1);
    assert_memory(r);
    r->delta.want.syncs_for_cpu = 1;
    r->delta.want.live_mappings = 0;
    r->delta.want.live_segments = 0;
    r->delta.want.cache_bytes = 3 * PIECE;
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 31 + PIECE - 7;
    qdmashare_delta_check(&r->delta);
    /* The end finds no fault on record. */
}

static void test_absent_is_read_later(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    uint8_t copy[QCOH_SIZE];

    /* What such a write left absent is copied when it is first read. */
    qcoh_unmap(r, 1, 0);
    qcoh_map_more(r, 2, DMASHARE_DIR_FROM_DEVICE, 0);
    memcpy(copy, r->old, QCOH_SIZE);
    qcoh_device_writes_via(r, 2, copy, 500, 16, 0x5f);
    qcoh_map_more(r, 1, DMASHARE_DIR_TO_DEVICE, 0);
    qcoh_cpu_writes(r, r->new, 0, QCOH_SIZE);
    memcpy(copy, r->new, 500);
    memcpy(copy + 516, r->new + 516, PIECE - 516);
    qcoh_assert_reads(r, copy, 0, PIECE);
    r->delta.want.cache_bytes = PIECE;
    r->delta.want.cache_dirty = 16;
    qdmashare_delta_check(&r->delta);
    /* And from then on it is a copy like any other. */
    qcoh_cpu_writes(r, r->old, 0, QCOH_SIZE);
    qcoh_assert_reads(r, copy, 0, PIECE);
    r->delta.want.stale_bytes = PIECE - 16;
    qdmashare_delta_check(&r->delta);
}

static void test_fill_faults(void)
{
    g_autoptr(Rig) r = rig_new(QVTD_READ | QVTD_WRITE, 0, "coherent=off");
    struct dmashare_completion c;
    struct dmashare_event e;

    /* The first read of a page that is gone faults; a copied one does not. */
    qdmashare_assert_checksum(r->d, 1, 0, r->bytes, PIECE);
    page_goes(r, 0);
    page_goes(r, 1);
    c = qdmashare_job(r->d, qdmashare_checksum(r->d, 0, 1, PIECE - 5, 10));
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    e = qdmashare_event(r->d);
    g_assert_cmphex(e.addr, ==, IOVA + PIECE);
    g_assert_cmphex(e.offset, ==, PIECE);
    g_assert_cmphex(c.detail, ==, e.addr);
    r->delta.want.jobs = 1;
    r->delta.want.jobs_failed = 1;
    r->delta.want.faults = 1;
    r->delta.want.bytes_read = PIECE + 5;
    r->delta.want.cache_bytes = PIECE;
    qdmashare_delta_check(&r->delta);
    qdmashare_assert_checksum(r->d, 1, 0, r->bytes, PIECE);
    r->delta.want.jobs++;
    r->delta.want.bytes_read += PIECE;
    qdmashare_delta_check(&r->delta);
    /* Looking whether it is stale may be on record: it is no harm. */
    while (qvtd_fault(r->m->vtd, &(QVtdFault) { 0 })) {
        continue;
    }
}

static void test_evict_faults(void)
{
    g_autoptr(Rig) r = rig_new(QVTD_READ | QVTD_WRITE, 0,
                               "coherent=off,cache-size=8192");

    /* No room, and nowhere to write: lost and counted; the job is fine. */
    fill(r, 5, 100, 0x6a);
    fill(r, PIECE, 10, 0x6b6b6b6b6b6b6b6bULL);
    page_goes(r, 0);
    fill(r, 2 * PIECE, 1, 0x6c);
    qdmashare_machine_vtd_fault(r->m, r->d, IOVA, false, QVTD_FAULT_WRITE);
    qdmashare_assert_no_event(r->d);
    assert_memory(r);
    r->delta.want.cache_bytes = 2 * PIECE;
    r->delta.want.cache_dirty = 11;
    r->delta.want.cache_discarded = 100;
    qdmashare_delta_check(&r->delta);
    qdmashare_unmap(r->d, 1);
    memset(r->bytes + PIECE, 0x6b, 10);
    r->bytes[2 * PIECE] = 0x6c;
    assert_memory(r);
}

static void test_by_another_mapping(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    QDmashare *d = r->d;
    uint8_t copy[QCOH_SIZE];
    struct dmashare_completion c;

    /* The mapping that wrote is gone; the one left may only be read. */
    memcpy(copy, r->old, QCOH_SIZE);
    qcoh_map_more(r, 2, DMASHARE_DIR_TO_DEVICE, 0);
    qcoh_device_writes(r, copy, 300, 20, 0x7878787878787878ULL);
    qcoh_unmap(r, 1, DMASHARE_UNMAP_F_SKIP_SYNC);
    r->delta.want.cache_bytes = PIECE;
    r->delta.want.cache_dirty = 20;
    qdmashare_delta_check(&r->delta);
    c = qdmashare_sync(d, 2, DMASHARE_SYNC_F_FOR_CPU, 0, 0, QCOH_SIZE);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_DIRECTION);
    g_assert_cmphex(c.detail, ==, r->buf.phys + 300);
    qcoh_assert_cpu_sees(r, r->old, 0, QCOH_SIZE);
    qdmashare_delta_check(&r->delta);

    /* With one that may be written the same SYNC finds its way. */
    qcoh_map_more(r, 3, DMASHARE_DIR_FROM_DEVICE, 0);
    qdmashare_sync_for_cpu(d, 2, 0, QCOH_SIZE);
    qcoh_assert_cpu_sees(r, copy, 0, QCOH_SIZE);
    r->delta.want.syncs_for_cpu++;
    r->delta.want.cache_dirty = 0;
    r->delta.want.cache_written_back = 20;
    qdmashare_delta_check(&r->delta);

    /* UNMAP of the last one that may not be written loses them. */
    qcoh_device_writes_via(r, 3, copy, 600, 5, 0x79);
    qcoh_unmap(r, 3, DMASHARE_UNMAP_F_SKIP_SYNC);
    c = qdmashare_unmap_with(d, 2, 0);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_DIRECTION);
    g_assert_cmphex(c.detail, ==, r->buf.phys + 600);
    r->delta.want.live_mappings--;
    r->delta.want.live_segments--;
    r->delta.want.cache_discarded = 5;
    qdmashare_delta_check(&r->delta);
    g_assert_cmphex(qtest_readb(d->qts, r->buf.phys + 600), ==,
                    r->old[600]);
}

static void test_by_the_mapping_named(void)
{
    g_autoptr(QCoh) r = qcoh_new("-M pc", "coherent=off");
    QDmashare *d = r->d;
    uint64_t twin = qdmashare_alloc(d, QCOH_SIZE);
    struct dmashare_segment seg = { twin, QCOH_SIZE };
    uint8_t copy[QCOH_SIZE];

    /* Two mappings of one buffer that lead to two places, as in a move. */
    memcpy(copy, r->old, QCOH_SIZE);
    g_assert_cmphex(qdmashare_map(d, 2, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    qcoh_device_writes(r, copy, 10, 8, 0x1234);
    qdmashare_sync_for_cpu(d, 1, 0, QCOH_SIZE);
    qcoh_assert_cpu_sees(r, copy, 0, QCOH_SIZE);
    g_assert_cmphex(qtest_readq(d->qts, twin + 10), ==, 0);
    qcoh_device_writes(r, copy, 10, 8, 0x5678);
    qdmashare_sync_for_cpu(d, 2, 0, QCOH_SIZE);
    g_assert_cmphex(qtest_readq(d->qts, r->buf.phys + 10), ==, 0x1234);
    g_assert_cmphex(qtest_readq(d->qts, twin + 10), ==, 0x5678);
    qcoh_device_writes(r, copy, 10, 8, 0x9abc);
    qdmashare_unmap(d, 1);
    g_assert_cmphex(qtest_readq(d->qts, r->buf.phys + 10), ==, 0x9abc);
    g_assert_cmphex(qtest_readq(d->qts, twin + 10), ==, 0x5678);
}

/*
 * A cache full of one buffer's dirty bytes, whose second half is older; and a
 * device that has done all it does in one instant, by a job in local memory
 * that is not done yet. A command then does no more than a part of its work,
 * as long as time stands still.
 */
#define MUCH            (4 * MiB)
#define LONG_JOB        (300 * MiB)

static QDmashareMachine *much_new(QDmashareBuf *buf, uint8_t *want)
{
    QDmashareMachine *m = qdmashare_one("-M pc", "coherent=off,cache-size=4M,"
                                        "local-size=512M");
    QDmashare *d = m->d;
    struct dmashare_completion c;

    *buf = qdmashare_buf(d, 1, MUCH, 0);
    qdmashare_buf(d, 2, MUCH, 0);
    qdmashare_local_buf(d, 3, 0, LONG_JOB, 0);
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, MUCH / 2, MUCH / 2,
                                          0x8182838485868788ULL));
    qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 0, MUCH / 2,
                                          0x9192939495969798ULL));
    qdmashare_pattern(want + MUCH / 2, MUCH / 2, 0x8182838485868788ULL);
    qdmashare_pattern(want, MUCH / 2, 0x9192939495969798ULL);
    qdmashare_submit(d, 4, qdmashare_checksum(d, 9, 3, 0, LONG_JOB));
    g_assert_false(qdmashare_peek(d, 4, &c));
    return m;
}

/* The command has begun; nothing was completed. */
static void push_part(QDmashare *d, const struct dmashare_desc *desc)
{
    struct dmashare_completion c;

    qdmashare_push(d, 0, desc);
    qdmashare_doorbell(d, 0);
    qdmashare_settle(d);
    g_assert_false(qdmashare_peek(d, 0, &c));
}

static void test_evicted_in_unmap(void)
{
    g_autofree uint8_t *want = g_malloc(MUCH);
    QDmashareBuf buf;
    g_autoptr(QDmashareMachine) m = much_new(&buf, want);
    QDmashare *d = m->d;
    struct dmashare_desc desc;
    struct dmashare_ledger l;

    /*
     * While UNMAP writes back from the beginning, a job in another buffer
     * pushes the oldest pieces out, at the end: neither loses a byte.
     */
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_UNMAP, .unmap.id = 1,
    };
    push_part(d, &desc);
    qdmashare_submit(d, 1, qdmashare_fill(d, 1, 2, 0, MUCH, 0x11));
    g_assert_cmphex(qdmashare_pop(d, 0).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    qdmashare_assert_bytes(d, buf.phys, want, MUCH);
    qdmashare_ledger(d, 1, &l);
    g_assert_cmpuint(l.cache_discarded, ==, 0);
    g_assert_cmpuint(l.cache_written_back, ==, MUCH);
}

/* Every dirty byte is somewhere: in memory, dirty still, or counted as lost. */
static void assert_sum(QDmashare *d, const QDmashareBuf *buf,
                       const uint8_t *want)
{
    g_autofree uint8_t *got = g_malloc(MUCH);
    struct dmashare_ledger l;
    uint64_t written = 0, i;
    bool other = false;

    qdmashare_ledger(d, 1, &l);
    g_assert_cmpuint(l.cache_written_back + l.cache_dirty +
                     l.cache_discarded, ==, MUCH);
    qdmashare_read(d, buf->phys, got, MUCH);
    for (i = 0; i < MUCH; i++) {
        written += got[i] == want[i];
        other |= got[i] && got[i] != want[i];
    }
    g_assert_false(other);
    g_assert_cmpuint(written, ==, l.cache_written_back);
}

/* A command that takes long is interrupted by what takes its queue away. */
static void interrupted(struct dmashare_desc desc, bool by_bus, bool other)
{
    g_autofree uint8_t *want = g_malloc(MUCH);
    QDmashareBuf buf;
    g_autoptr(QDmashareMachine) m = much_new(&buf, want);
    QDmashare *d = m->d;
    struct dmashare_ledger l;

    if (other) {
        g_assert_cmphex(qdmashare_map_flags(d, 5, &buf, 0, 0), ==,
                        DMASHARE_STATUS_OK);
    }
    push_part(d, &desc);
    if (by_bus) {
        /* It goes on with no bus, and then cannot say so. */
        qdmashare_bus_master(d, false);
        qdmashare_step(d, 1);
        qdmashare_bus_master(d, true);
    }
    qdmashare_queue_disable(d, 0);
    qdmashare_step(d, 1);
    qdmashare_queue_setup(d, 0, QDMASHARE_ENTRIES, QDMASHARE_ENTRIES);
    assert_sum(d, &buf, want);
    qdmashare_ledger(d, 1, &l);
    if (desc.opcode == DMASHARE_OP_UNMAP) {
        /* Ended all the same. With nobody left nothing can be dirty. */
        g_assert_cmphex(qdmashare_unmap_with(d, 1, 0).status, ==,
                        DMASHARE_STATUS_BAD_ID);
        g_assert_cmpuint(l.live_mappings, ==, other);
        g_assert_cmpuint(l.live_segments, ==, other);
        if (!other) {
            g_assert_cmpuint(l.cache_dirty, ==, 0);
        }
    } else {
        qdmashare_unmap(d, 1);
        assert_sum(d, &buf, want);
    }
    if (other) {
        qdmashare_unmap(d, 5);
    }
    qdmashare_destroy(d, 1);
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.cache_bytes, ==, 0);
    g_assert_cmpuint(l.cache_dirty, ==, 0);
    g_assert_cmpuint(l.live_mappings, ==, 2);
}

static const struct dmashare_desc long_unmap = {
    .opcode = DMASHARE_OP_UNMAP, .unmap.id = 1,
};
static const struct dmashare_desc long_sync = {
    .opcode = DMASHARE_OP_SYNC,
    .sync = {
        .mapping = 1, .flags = DMASHARE_SYNC_F_FOR_CPU, .length = MUCH,
    },
};
static void test_interrupted_unmap(void)
{
    interrupted(long_unmap, false, false);
    interrupted(long_unmap, true, false);
    interrupted(long_unmap, false, true);
    interrupted(long_unmap, true, true);
}

static void test_interrupted_sync(void)
{
    interrupted(long_sync, false, false);
    interrupted(long_sync, true, false);
    interrupted(long_sync, true, true);
}

static void test_reset_in_command(void)
{
    const struct dmashare_desc commands[] = { long_unmap, long_sync };
    size_t i;

    /* The whole device goes in the middle of it, and comes back empty. */
    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        g_autofree uint8_t *want = g_malloc(MUCH);
        QDmashareBuf buf;
        g_autoptr(QDmashareMachine) m = much_new(&buf, want);
        QDmashare *d = m->d;
        struct dmashare_ledger l, none = { 0 };

        push_part(d, &commands[i]);
        qdmashare_reset(d);
        qdmashare_start(d);
        qdmashare_ledger(d, 0, &l);
        g_assert_true(qdmashare_ledger_equal(&l, &none));
        qdmashare_buf(d, 1, MUCH, 0);
        qdmashare_assert_ok(d, qdmashare_fill(d, 0, 1, 0, MUCH, 1));
        qdmashare_ledger(d, 0, &l);
        g_assert_cmpuint(l.cache_bytes, ==, MUCH);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/writeback/sync-faults", test_sync_faults);
    qtest_add_func("/dmashare/writeback/fault-in-piece", test_fault_in_piece);
    qtest_add_func("/dmashare/writeback/sync-read-only", test_sync_read_only);
    qtest_add_func("/dmashare/writeback/unmap-faults", test_unmap_faults);
    qtest_add_func("/dmashare/writeback/write-only", test_write_only);
    qtest_add_func("/dmashare/writeback/absent-is-read-later",
                   test_absent_is_read_later);
    qtest_add_func("/dmashare/writeback/fill-faults", test_fill_faults);
    qtest_add_func("/dmashare/writeback/evict-faults", test_evict_faults);
    qtest_add_func("/dmashare/writeback/by-another-mapping",
                   test_by_another_mapping);
    qtest_add_func("/dmashare/writeback/by-the-mapping-named",
                   test_by_the_mapping_named);
    qtest_add_func("/dmashare/writeback/evicted-in-unmap",
                   test_evicted_in_unmap);
    qtest_add_func("/dmashare/writeback/interrupted-unmap",
                   test_interrupted_unmap);
    qtest_add_func("/dmashare/writeback/interrupted-sync",
                   test_interrupted_sync);
    qtest_add_func("/dmashare/writeback/reset-in-command",
                   test_reset_in_command);
    return g_test_run();
}
