/*
 * dmashare: the ledger counts exactly what was done
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define NOWHERE         QDMASHARE_NOWHERE

/* Every counter, so that none moves unseen. */
static void assert_ledger(QDmashare *d, uint32_t id,
                          const struct dmashare_ledger *want)
{
    struct dmashare_ledger got;

    qdmashare_ledger(d, id, &got);
    g_assert_true(qdmashare_ledger_equal(&got, want));
}

static unsigned command_id(QDmashare *d, unsigned opcode, uint32_t id)
{
    return qdmashare_command(d, &(struct dmashare_desc) {
        .opcode = opcode, .id.id = id,
    });
}

static void test_objects(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_ledger all = { 0 }, one = { 0 };
    struct dmashare_segment seg[3];
    uint64_t mem;
    unsigned i;

    qdmashare_start(d);
    assert_ledger(d, 0, &all);

    qdmashare_buffer(d, 1, 3000);
    qdmashare_buffer(d, 2, 3000);
    all.buffers = all.live_buffers = 2;
    one.buffers = one.live_buffers = 1;
    assert_ledger(d, 0, &all);
    assert_ledger(d, 1, &one);

    qdmashare_attach(d, 10, 1);
    qdmashare_attach(d, 11, 1);
    qdmashare_attach(d, 12, 2);
    all.attaches = all.live_attachments = 3;
    one.attaches = one.live_attachments = 2;
    assert_ledger(d, 0, &all);
    assert_ledger(d, 1, &one);

    mem = qdmashare_alloc(d, 4096);
    for (i = 0; i < 3; i++) {
        seg[i] = (struct dmashare_segment) { mem + i, 1000 };
    }
    g_assert_cmphex(qdmashare_map(d, 20, 1, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map(d, 21, 1, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map(d, 22, 2, 0, seg, 3), ==,
                    DMASHARE_STATUS_OK);
    all.maps = all.live_mappings = 3;
    all.live_segments = 9;
    one.maps = one.live_mappings = 2;
    one.live_segments = 6;
    assert_ledger(d, 0, &all);
    assert_ledger(d, 1, &one);

    /* What is refused is not counted. */
    g_assert_cmphex(qdmashare_map(d, 20, 1, 0, seg, 3), ==,
                    DMASHARE_STATUS_ID_EXISTS);
    g_assert_cmphex(command_id(d, DMASHARE_OP_BUFFER_DESTROY, 1), ==,
                    DMASHARE_STATUS_BUSY);
    assert_ledger(d, 0, &all);
    assert_ledger(d, 1, &one);

    qdmashare_unmap(d, 20);
    all.live_mappings--;
    all.live_segments -= 3;
    one.live_mappings--;
    one.live_segments -= 3;
    g_assert_cmphex(command_id(d, DMASHARE_OP_DETACH, 11), ==,
                    DMASHARE_STATUS_OK);
    all.live_attachments--;
    one.live_attachments--;
    assert_ledger(d, 0, &all);
    assert_ledger(d, 1, &one);

    /* The whole device remembers what is gone. */
    qdmashare_unmap(d, 22);
    g_assert_cmphex(command_id(d, DMASHARE_OP_DETACH, 12), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmphex(command_id(d, DMASHARE_OP_BUFFER_DESTROY, 2), ==,
                    DMASHARE_STATUS_OK);
    all.live_mappings--;
    all.live_segments -= 3;
    all.live_attachments--;
    all.live_buffers--;
    assert_ledger(d, 0, &all);
    assert_ledger(d, 1, &one);

    /* A new buffer of an old id starts from nothing. */
    qdmashare_buffer(d, 2, 1);
    one = (struct dmashare_ledger) { .buffers = 1, .live_buffers = 1 };
    assert_ledger(d, 2, &one);
}

static void test_notes(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_ledger all = { .buffers = 2, .live_buffers = 2 };
    struct dmashare_ledger one = { .buffers = 1, .live_buffers = 1 };
    struct dmashare_desc failed = {
        .opcode = DMASHARE_OP_NOTE,
        .note = { .kind = DMASHARE_NOTE_MAP, .buffer = 1, .error = 12 },
    };
    unsigned kind, i;

    /* Another number of each kind, so that none is counted for another. */
    qdmashare_start(d);
    qdmashare_buffer(d, 1, 4096);
    qdmashare_buffer(d, 2, 4096);
    for (kind = 0; kind < DMASHARE_NOTE_COUNT; kind++) {
        for (i = 0; i <= kind; i++) {
            qdmashare_note(d, kind, 1);
        }
        one.notes[kind] = kind + 1;
        all.notes[kind] = kind + 1;
    }
    qdmashare_note(d, DMASHARE_NOTE_VMAP, 2);
    all.notes[DMASHARE_NOTE_VMAP]++;
    qdmashare_assert_command(d, &failed, DMASHARE_STATUS_OK);
    one.notes_failed = 1;
    all.notes_failed = 1;
    assert_ledger(d, 1, &one);
    assert_ledger(d, 0, &all);
}

static void test_jobs(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_ledger all = {
        .buffers = 2, .live_buffers = 2, .maps = 2, .live_mappings = 2,
        .live_segments = 2,
    };
    struct dmashare_ledger src = {
        .buffers = 1, .live_buffers = 1, .maps = 1, .live_mappings = 1,
        .live_segments = 1,
    };
    struct dmashare_ledger dst = src;
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_buf(d, 1, 8192, DMASHARE_DIR_TO_DEVICE);
    qdmashare_buf(d, 2, 8192, DMASHARE_DIR_BIDIRECTIONAL);

    desc = qdmashare_copy(d, 0, 2, 5, 1, 3, 1001);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    src.jobs = 1;
    src.bytes_read = 1001;
    dst.jobs = 1;
    dst.bytes_written = 1001;
    all.jobs = 1;
    all.bytes_read = all.bytes_written = 1001;
    all.fences_signalled = 1;
    assert_ledger(d, 1, &src);
    assert_ledger(d, 2, &dst);
    assert_ledger(d, 0, &all);

    /* Rows count without what lies between them. */
    desc = qdmashare_fill(d, 0, 2, 0, 10, 1);
    desc.job.rows = 7;
    desc.job.dst.pitch = 100;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    desc = qdmashare_checksum(d, 0, 2, 0, 500);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* Both operands in one buffer: one job. */
    desc = qdmashare_copy(d, 0, 2, 0, 2, 4096, 20);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* A no-op concerns no buffer. */
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    dst.jobs += 3;
    dst.bytes_written += 70 + 20;
    dst.bytes_read += 500 + 20;
    all.jobs += 4;
    all.bytes_written += 70 + 20;
    all.bytes_read += 500 + 20;
    all.fences_signalled += 4;
    assert_ledger(d, 1, &src);
    assert_ledger(d, 2, &dst);
    assert_ledger(d, 0, &all);
}

static void test_faults(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_ledger all = {
        .buffers = 2, .live_buffers = 2, .maps = 2, .live_mappings = 2,
        .live_segments = 3,
    };
    struct dmashare_ledger one = {
        .buffers = 1, .live_buffers = 1, .maps = 1, .live_mappings = 1,
        .live_segments = 1,
    };
    struct dmashare_ledger hole = one;
    struct dmashare_segment seg[2];
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_buf(d, 1, 4096, DMASHARE_DIR_TO_DEVICE);
    qdmashare_buffer(d, 2, 8192);
    seg[0] = (struct dmashare_segment) { qdmashare_alloc(d, 4096), 4096 };
    seg[1] = (struct dmashare_segment) { NOWHERE, 4096 };
    g_assert_cmphex(qdmashare_map(d, 2, 2, 0, seg, 2), ==,
                    DMASHARE_STATUS_OK);
    hole.live_segments = 2;

    desc = qdmashare_fill(d, 0, 1, 0, 8, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DIRECTION);
    desc = qdmashare_checksum(d, 0, 1, 4090, 8);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_BOUNDS);
    one.jobs_failed = 2;
    one.faults = 2;

    /* What was written before the fault is in the book. */
    desc = qdmashare_fill(d, 0, 2, 4000, 200, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_TRANSLATION);
    hole.jobs_failed = 1;
    hole.faults = 1;
    hole.bytes_written = 96;

    /* No such mapping: nobody's fault but the device's whole. */
    desc = qdmashare_checksum(d, 0, 77, 0, 8);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_FAULT_DEAD_MAPPING);

    all.jobs_failed = 4;
    all.faults = 4;
    all.bytes_written = 96;
    all.fences_signalled = 4;
    all.fences_failed = 4;
    assert_ledger(d, 1, &one);
    assert_ledger(d, 2, &hole);
    assert_ledger(d, 0, &all);
}

static void test_fences(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_ledger all = { 0 };
    struct dmashare_desc desc;

    qdmashare_start(d);
    desc = qdmashare_noop(d, 0, 0);
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_OK);
    /* Refused with a fence, and without one. */
    desc = qdmashare_noop(d, 0, 0);
    desc.job.length = 1;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = qdmashare_noop(d, 0, 0);
    desc.job.seqno = 1;
    qdmashare_assert_job(d, 1, &desc, DMASHARE_STATUS_BAD_FENCE);
    all.jobs = 1;
    all.jobs_failed = 2;
    all.fences_signalled = 2;
    all.fences_failed = 1;
    assert_ledger(d, 0, &all);

    /* Aborted ones: signalled and failed. */
    desc = qdmashare_noop(d, 1, 1000);
    qdmashare_push(d, 1, &desc);
    desc = qdmashare_noop(d, 1, 1000);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    qdmashare_settle(d);
    qdmashare_queue_disable(d, 1);
    all.fences_signalled += 2;
    all.fences_failed += 2;
    assert_ledger(d, 0, &all);
}

static void register_dmashare_ledger_test(void)
{
    qos_add_test("objects", "dmashare-ledger", test_objects, NULL);
    qos_add_test("notes", "dmashare-ledger", test_notes, NULL);
    qos_add_test("jobs", "dmashare-ledger", test_jobs, NULL);
    qos_add_test("faults", "dmashare-ledger", test_faults, NULL);
    qos_add_test("fences", "dmashare-ledger", test_fences, NULL);
}

libqos_init(register_dmashare_ledger_test);
