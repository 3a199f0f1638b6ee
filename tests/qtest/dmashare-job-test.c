/*
 * dmashare: what jobs are refused for, and the faults they end with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define NOWHERE         QDMASHARE_NOWHERE

#define SRC             QDMASHARE_SRC
#define DST             QDMASHARE_DST

/* Refused jobs still signal their fence, and touch nothing. */
static void assert_refused(QDmashare *d, QDmasharePair *p,
                           struct dmashare_desc desc, unsigned status)
{
    struct dmashare_completion c;

    desc.job.seqno = qdmashare_next(d, desc.job.timeline);
    c = qdmashare_run(d, 1, &desc);
    g_assert_cmphex(c.status, ==, status);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmphex(c.result, ==, 0);
    g_assert_cmpuint(qdmashare_fence(d, desc.job.timeline), ==,
                     desc.job.seqno);
    qdmashare_pair_check(d, p);
}

static void test_refused_reserved(void *obj, void *data,
                                  QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc good, desc;

    good = qdmashare_copy(d, 0, DST, 0, SRC, 0, 64);

    desc = good;
    desc.flags = DMASHARE_JOB_F_UNCACHED << 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.job.src.reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.job.dst.reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.n_waits = DMASHARE_MAX_WAITS + 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.n_waits = 255;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.n_waits = 1;
    desc.job.wait[0].reserved = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.job.wait[0].seqno = 1;     /* past n_waits */
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.body[sizeof(desc.job)] = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = good;
    desc.body[sizeof(desc.body) - 1] = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    qdmashare_assert_no_event(d);
}

static void test_refused_unused(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc desc;

    /* What an opcode has no use for must be zero. */
    desc = qdmashare_noop(d, 0, 0);
    desc.job.length = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.dst.mapping = DST;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.src.offset = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, DMASHARE_NOOP_MAX_NS + 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, UINT64_MAX);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_fill(d, 0, DST, 0, 64, 1);
    desc.job.src.mapping = SRC;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_fill(d, 0, DST, 0, 64, 1);
    desc.job.src.pitch = 64;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_checksum(d, 0, SRC, 0, 64);
    desc.job.dst.mapping = DST;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_checksum(d, 0, SRC, 0, 64);
    desc.job.value = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 64);
    desc.job.value = 1;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 64);
    desc.job.dst.pitch = 64;    /* with no second row */
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
}

static void test_refused_lengths(void *obj, void *data,
                                 QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t max = qdmashare_readq(d, DMASHARE_REG_MAX_JOB_BYTES_LO);
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc desc;

    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 0);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, 0, 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_checksum(d, 0, SRC, 0, 0);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, max + 1, 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, UINT64_MAX, 1);
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);

    /* rows * length: too much, and so much that it is little again. */
    desc = qdmashare_fill(d, 0, DST, 0, max / 2 + 1, 1);
    desc.job.rows = 2;
    desc.job.dst.pitch = max;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_fill(d, 0, DST, 0, 1ULL << 62, 1);
    desc.job.rows = 4;
    desc.job.dst.pitch = 1ULL << 62;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = qdmashare_checksum(d, 0, SRC, 0, 1ULL << 33);
    desc.job.rows = 1U << 31;
    desc.job.src.pitch = 1ULL << 33;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_LENGTH);

    desc = qdmashare_fill(d, 0, DST, 0, 8, 1);
    desc.job.rows = 2;
    desc.job.dst.pitch = 7;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 8);
    desc.job.rows = 2;
    desc.job.dst.pitch = 8;
    desc.job.src.pitch = 7;
    assert_refused(d, p, desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
}

static void test_refused_opcode(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 64);
    struct dmashare_desc desc;
    unsigned op;

    /* Unknown jobs have a fence all the same. */
    for (op = DMASHARE_OP_JOB_CHECKSUM + 1; op < 0x100; op += 17) {
        desc = qdmashare_noop(d, 0, 0);
        desc.opcode = op;
        assert_refused(d, p, desc, DMASHARE_STATUS_BAD_OPCODE);
    }
}

static void test_direction(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc desc;
    QDmashareFault fault = { .status = DMASHARE_STATUS_FAULT_DIRECTION };

    /* SRC is to-device: the device may not write it. */
    fault.mapping = SRC;
    fault.write = true;
    fault.offset = 16;
    fault.addr = p->src.phys + 16;
    desc = qdmashare_fill(d, 0, SRC, 16, 64, 1);
    qdmashare_fault(d, desc, &fault);
    qdmashare_pair_check(d, p);

    /* DST is from-device: it may not read it. */
    fault.mapping = DST;
    fault.write = false;
    fault.offset = 32;
    fault.addr = p->dst.phys + 32;
    desc = qdmashare_checksum(d, 0, DST, 32, 64);
    qdmashare_fault(d, desc, &fault);
    desc = qdmashare_copy(d, 0, SRC, 16, DST, 32, 64);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DIRECTION);
    qdmashare_pair_check(d, p);

    /* The right way round. */
    desc = qdmashare_copy(d, 0, DST, 32, SRC, 16, 64);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    memcpy(p->dst_bytes + 32, p->src_bytes + 16, 64);
    qdmashare_pair_check(d, p);
}

static void test_bidirectional(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    QDmashareBuf buf;

    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_BIDIRECTIONAL);
    desc = qdmashare_fill(d, 0, 1, 0, 8, 0x1020304050607080ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_copy(d, 0, 1, 100, 1, 0, 8);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys + 100), ==,
                    0x1020304050607080ULL);
}

/* A job whose operand ends past its mapping: nothing moves. */
static void assert_bounds(QDmashare *d, QDmasharePair *p,
                          struct dmashare_desc desc, uint32_t mapping,
                          bool write)
{
    struct dmashare_completion c;
    struct dmashare_event e;

    desc.job.seqno = qdmashare_next(d, 0);
    c = qdmashare_run(d, 1, &desc);
    e = qdmashare_event(d);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_FAULT);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_FAULT_BOUNDS);
    g_assert_cmpuint(e.mapping, ==, mapping);
    g_assert_cmpuint(e.cookie, ==, c.cookie);
    g_assert_cmphex(e.flags, ==, write ? DMASHARE_EVENT_F_WRITE : 0);
    g_assert_cmphex(e.offset, ==, write ? desc.job.dst.offset
                                        : desc.job.src.offset);
    g_assert_cmphex(e.addr, ==, c.detail);
    qdmashare_pair_check(d, p);
}

static void test_bounds(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t past[][2] = {
        /* offset, length */
        { 8191, 2 }, { 8192, 1 }, { 0, 8193 }, { UINT64_MAX, 1 },
        { UINT64_MAX - 3, 8 }, { 1ULL << 32, 8 }, { -8192ULL, 8192 },
    };
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    size_t i;

    for (i = 0; i < ARRAY_SIZE(past); i++) {
        uint64_t off = past[i][0], len = past[i][1];

        assert_bounds(d, p, qdmashare_fill(d, 0, DST, off, len, 1), DST,
                      true);
        assert_bounds(d, p, qdmashare_checksum(d, 0, SRC, off, len), SRC,
                      false);
        /* The source is looked at first. */
        assert_bounds(d, p, qdmashare_copy(d, 0, DST, off, SRC, 0, len),
                      len > 8192 ? SRC : DST, len <= 8192);
    }
}

static void test_bounds_2d(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 8192);
    struct dmashare_desc desc;
    unsigned row;

    /* The last row ends with the mapping though its pitch does not. */
    desc = qdmashare_fill(d, 0, DST, 2, 10, 0x33);
    desc.job.rows = 8;
    desc.job.dst.pitch = 1168;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    for (row = 0; row < 8; row++) {
        qdmashare_pattern(p->dst_bytes + 2 + row * 1168, 10, 0x33);
    }
    qdmashare_pair_check(d, p);

    /* One byte more of offset, length, pitch or rows does not fit. */
    desc = qdmashare_fill(d, 0, DST, 7, 10, 0x44);
    desc.job.rows = 8;
    desc.job.dst.pitch = 1168;
    assert_bounds(d, p, desc, DST, true);
    desc.job.dst.offset = 2;
    desc.job.length = 15;
    assert_bounds(d, p, desc, DST, true);
    desc.job.length = 10;
    desc.job.dst.pitch = 1169;
    assert_bounds(d, p, desc, DST, true);
    desc.job.dst.pitch = 1168;
    desc.job.rows = 9;
    assert_bounds(d, p, desc, DST, true);

    /* Pitches whose sum wraps back into the mapping. */
    desc.job.rows = 3;
    desc.job.dst.pitch = 1ULL << 63;
    assert_bounds(d, p, desc, DST, true);
    desc.job.rows = 5;
    desc.job.dst.pitch = 1ULL << 62;
    assert_bounds(d, p, desc, DST, true);
}

static void test_no_mapping(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 4096);
    struct dmashare_desc desc;
    QDmashareFault fault = {
        .status = DMASHARE_STATUS_FAULT_DEAD_MAPPING,
        .addr = UINT64_MAX,
    };

    fault.mapping = 77;
    fault.write = true;
    desc = qdmashare_copy(d, 0, 77, 0, SRC, 0, 64);
    qdmashare_fault(d, desc, &fault);
    fault.write = false;
    desc = qdmashare_copy(d, 0, DST, 0, 77, 0, 64);
    qdmashare_fault(d, desc, &fault);
    fault.mapping = 0;
    desc = qdmashare_checksum(d, 0, 0, 0, 64);
    qdmashare_fault(d, desc, &fault);
    qdmashare_pair_check(d, p);
}

static void test_translation(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg[3];
    struct dmashare_desc desc;
    uint8_t got[64];
    uint64_t mem;
    QDmashareFault fault = {
        .status = DMASHARE_STATUS_FAULT_TRANSLATION,
        .mapping = 1,
    };

    /* Memory, a hole, memory. */
    qdmashare_start(d);
    mem = qdmashare_alloc(d, 4096);
    seg[0] = (struct dmashare_segment) { mem, 40 };
    seg[1] = (struct dmashare_segment) { NOWHERE, 40 };
    seg[2] = (struct dmashare_segment) { mem + 64, 40 };
    qdmashare_buffer(d, 1, 120);
    g_assert_cmphex(qdmashare_map(d, 1, 1, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);

    /* What was written before the fault stays, behind it nothing is. */
    fault.offset = 40;
    fault.addr = NOWHERE;
    fault.write = true;
    desc = qdmashare_fill(d, 0, 1, 8, 112, 0x5555555555555555ULL);
    qdmashare_fault(d, desc, &fault);
    qtest_memread(d->qts, mem, got, sizeof(got));
    g_assert_cmphex(got[7], ==, 0);
    g_assert_cmphex(got[8], ==, 0x55);
    g_assert_cmphex(got[39], ==, 0x55);
    g_assert_cmphex(qtest_readb(d->qts, mem + 64), ==, 0);

    /* From its middle, and reading. */
    fault.offset = 57;
    fault.addr = NOWHERE + 17;
    fault.write = false;
    desc = qdmashare_checksum(d, 0, 1, 57, 8);
    qdmashare_fault(d, desc, &fault);

    desc = qdmashare_fill(d, 0, 1, 80, 40, 0x6666666666666666ULL);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, mem + 64), ==, 0x6666666666666666ULL);
}

static void test_rom(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint64_t rom = 0xffff0000;
    QDmashare *d = obj;
    struct dmashare_segment seg = { rom, 4096 };
    struct dmashare_desc desc;
    uint8_t before[4096], after[4096];
    QDmashareFault fault = {
        .status = DMASHARE_STATUS_FAULT_TRANSLATION,
        .mapping = 1,
        .offset = 16,
        .addr = rom + 16,
        .write = true,
    };

    /* Firmware: memory to read from, and not to write to. */
    qdmashare_start(d);
    qtest_bufread(d->qts, rom, before, sizeof(before));
    qdmashare_buffer(d, 1, 4096);
    g_assert_cmphex(qdmashare_map(d, 1, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    desc = qdmashare_checksum(d, 0, 1, 0, 4096);
    g_assert_cmphex(qdmashare_run(d, 1, &desc).result, ==,
                    qdmashare_crc32c(before, sizeof(before)));
    desc = qdmashare_fill(d, 0, 1, 16, 64, 0x0123456789abcdefULL);
    qdmashare_fault(d, desc, &fault);
    qtest_bufread(d->qts, rom, after, sizeof(after));
    g_assert_cmpmem(after, sizeof(after), before, sizeof(before));
}

static void test_registers(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_segment seg = { d->regs.addr, DMASHARE_REGS_SIZE };
    struct dmashare_desc desc;
    QDmashareFault fault = {
        .status = DMASHARE_STATUS_FAULT_TRANSLATION,
        .mapping = 1,
        .offset = DMASHARE_REG_CTRL,
        .addr = d->regs.addr + DMASHARE_REG_CTRL,
        .write = true,
    };

    /* Its own: a job must not be able to reset the device under itself. */
    qdmashare_start(d);
    qdmashare_buffer(d, 1, DMASHARE_REGS_SIZE);
    g_assert_cmphex(qdmashare_map(d, 1, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    desc = qdmashare_fill(d, 0, 1, DMASHARE_REG_CTRL, 4,
                          DMASHARE_CTRL_RESET);
    qdmashare_fault(d, desc, &fault);
    desc = qdmashare_checksum(d, 0, 1, DMASHARE_REG_CTRL, 4);
    fault.write = false;
    qdmashare_fault(d, desc, &fault);
    g_assert_cmphex(qdmashare_readl(d, DMASHARE_REG_STATUS), ==,
                    DMASHARE_STATUS_REG_READY);
}

static void test_refused_flood(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    g_autoptr(QDmasharePair) p = qdmashare_pair_start(d, 4096);
    struct dmashare_desc desc;
    unsigned round, i;

    /* A good job between many bad ones is still a good one. */
    for (round = 0; round < 20; round++) {
        for (i = 0; i < QDMASHARE_ENTRIES; i++) {
            if (i == 7) {
                desc = qdmashare_copy(d, 0, DST, round, SRC, round * 3, 1);
                p->dst_bytes[round] = p->src_bytes[round * 3];
            } else {
                desc = qdmashare_copy(d, 0, DST, 0, SRC, 0, 0);
            }
            qdmashare_push(d, 1, &desc);
        }
        qdmashare_doorbell(d, 1);
        for (i = 0; i < QDMASHARE_ENTRIES; i++) {
            g_assert_cmphex(qdmashare_pop(d, 1).status, ==,
                            i == 7 ? DMASHARE_STATUS_OK
                                   : DMASHARE_STATUS_BAD_LENGTH);
        }
    }
    qdmashare_pair_check(d, p);
}

static void register_dmashare_job_test(void)
{
    qos_add_test("refused-reserved", "dmashare-job",
                 test_refused_reserved, NULL);
    qos_add_test("refused-unused", "dmashare-job", test_refused_unused,
                 NULL);
    qos_add_test("refused-lengths", "dmashare-job", test_refused_lengths,
                 NULL);
    qos_add_test("refused-opcode", "dmashare-job", test_refused_opcode,
                 NULL);
    qos_add_test("refused-flood", "dmashare-job", test_refused_flood,
                 NULL);
    qos_add_test("direction", "dmashare-job", test_direction, NULL);
    qos_add_test("bidirectional", "dmashare-job", test_bidirectional,
                 NULL);
    qos_add_test("bounds", "dmashare-job", test_bounds, NULL);
    qos_add_test("bounds-2d", "dmashare-job", test_bounds_2d, NULL);
    qos_add_test("no-mapping", "dmashare-job", test_no_mapping, NULL);
    qos_add_test("rom", "dmashare-job", test_rom, NULL);
    qos_add_test("registers", "dmashare-job", test_registers, NULL);
    qos_add_test("translation", "dmashare-job", test_translation, NULL);
}

libqos_init(register_dmashare_job_test);
