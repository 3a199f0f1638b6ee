/*
 * dmashare: the control queue's commands and everything they refuse
 *
 * MAP has a suite of its own, dmashare-map-test.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"

#define NOWHERE         QDMASHARE_NOWHERE

/*
 * What every descriptor has in common: a good one is refused as soon as one
 * bit is set where none may be, and nothing of it is done.
 */
static void assert_reserved_checked(QDmashare *d,
                                    const struct dmashare_desc *good,
                                    size_t body_size)
{
    struct dmashare_desc desc = *good;

    desc.flags = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = *good;
    desc.flags = 0x8000;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = *good;
    desc.n_waits = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = *good;
    desc.reserved = 0x80000000;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = *good;
    desc.body[body_size] = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = *good;
    desc.body[sizeof(desc.body) - 1] = 0x80;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);

    qdmashare_assert_command(d, good, DMASHARE_STATUS_OK);
}

static void test_nop(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;

    qdmashare_start(d);
    assert_reserved_checked(d, &(struct dmashare_desc) {
        .opcode = DMASHARE_OP_NOP,
    }, 0);
}

static void test_bad_opcode(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    unsigned op;

    /* Those of sharing need a feature that this device has not. */
    qdmashare_start(d);
    for (op = DMASHARE_OP_SYNC + 1; op < 0x100; op++) {
        struct dmashare_desc desc = { .opcode = op };

        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_OPCODE);
    }
}

static struct dmashare_desc create(uint32_t id, uint64_t size)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = { .id = id, .size = size, .name = "a name" },
    };
}

static struct dmashare_desc with_id(unsigned opcode, uint32_t id)
{
    return (struct dmashare_desc) { .opcode = opcode, .id.id = id };
}

static struct dmashare_desc attach(uint32_t id, uint32_t buffer)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_ATTACH,
        .attach = { .id = id, .buffer = buffer, .name = "an importer" },
    };
}

static void test_create(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc = create(1, 4096);

    qdmashare_start(d);
    assert_reserved_checked(d, &desc, sizeof(desc.buffer));
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_ID_EXISTS);

    /* Any id but 0, any size but 0, a name that uses all its bytes. */
    desc = create(0xffffffff, UINT64_MAX);
    memset(desc.buffer.name, 0xff, sizeof(desc.buffer.name));
    desc.buffer.flags = DMASHARE_BUFFER_F_IMPORTED;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    desc = create(2, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_create_refused(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    struct dmashare_ledger l;

    qdmashare_start(d);
    desc = create(0, 4096);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = create(1, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    desc = create(1, 4096);
    desc.buffer.flags = DMASHARE_BUFFER_F_IMPORTED << 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc.buffer.flags = 0x80000000;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = create(1, 4096);
    desc.buffer.placement = DMASHARE_PLACEMENT_LOCAL + 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = create(1, 4096);
    desc.buffer.reserved = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    if (!(qdmashare_readl(d, DMASHARE_REG_FEATURES_LO) &
          DMASHARE_FEATURE_LOCAL)) {
        desc = create(1, 4096);
        desc.buffer.placement = DMASHARE_PLACEMENT_LOCAL;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    }

    /* Refused means that nothing was done. */
    qdmashare_ledger(d, 0, &l);
    g_assert_cmpuint(l.buffers, ==, 0);
    g_assert_cmpuint(l.live_buffers, ==, 0);
    qdmashare_buffer(d, 1, 4096);
}

/* Pushes n commands that differ in their id, as many at once as fit. */
static void run_many(QDmashare *d, struct dmashare_desc desc, uint32_t n)
{
    uint32_t id = 1;

    while (id <= n) {
        unsigned now = MIN(n - id + 1, QDMASHARE_ENTRIES);
        unsigned i;

        for (i = 0; i < now; i++) {
            desc.id.id = id + i;    /* the first field of every body used */
            qdmashare_push(d, 0, &desc);
        }
        qdmashare_doorbell(d, 0);
        for (i = 0; i < now; i++) {
            g_assert_cmphex(qdmashare_pop(d, 0).status, ==,
                            DMASHARE_STATUS_OK);
        }
        id += now;
    }
}

static void test_create_limit(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_BUFFERS);
    struct dmashare_desc desc = create(max + 1, 4096);
    struct dmashare_desc destroy = with_id(DMASHARE_OP_BUFFER_DESTROY, 1);

    qdmashare_start(d);
    run_many(d, create(0, 4096), max);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_LIMIT);
    qdmashare_assert_command(d, &destroy, DMASHARE_STATUS_OK);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    desc = create(max + 2, 4096);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_LIMIT);
}

static void test_destroy(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc destroy = with_id(DMASHARE_OP_BUFFER_DESTROY, 1);
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_assert_command(d, &destroy, DMASHARE_STATUS_BAD_ID);
    desc = with_id(DMASHARE_OP_BUFFER_DESTROY, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);

    /* An attachment keeps it, then a mapping does. */
    qdmashare_buf(d, 1, 4096, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_attach(d, 5, 1);
    qdmashare_assert_command(d, &destroy, DMASHARE_STATUS_BUSY);
    desc = with_id(DMASHARE_OP_DETACH, 5);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    qdmashare_assert_command(d, &destroy, DMASHARE_STATUS_BUSY);
    qdmashare_unmap(d, 1);
    desc = destroy;
    desc.id.reserved = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    assert_reserved_checked(d, &destroy, sizeof(desc.id));

    /* Gone, and the id is free. */
    qdmashare_assert_command(d, &destroy, DMASHARE_STATUS_BAD_ID);
    qdmashare_buffer(d, 1, 100);
}

static void test_attach(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_buffer(d, 1, 4096);
    desc = attach(1, 1);
    desc.attach.flags = DMASHARE_ATTACH_F_DYNAMIC | DMASHARE_ATTACH_F_P2P |
                        DMASHARE_ATTACH_F_SELF;
    assert_reserved_checked(d, &desc, sizeof(desc.attach));
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_ID_EXISTS);

    /* Attachments have ids of their own, and a buffer has many. */
    desc = attach(0xffffffff, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);

    desc = attach(0, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = attach(2, 2);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = attach(2, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = attach(2, 1);
    desc.attach.flags = DMASHARE_ATTACH_F_SELF << 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = attach(2, 1);
    desc.attach.reserved = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = attach(2, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_attach_limit(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint32_t max = qdmashare_readl(d, DMASHARE_REG_MAX_ATTACHMENTS);
    struct dmashare_desc desc = attach(max + 1, 1);
    struct dmashare_desc detach = with_id(DMASHARE_OP_DETACH, max);

    qdmashare_start(d);
    qdmashare_buffer(d, 1, 4096);
    run_many(d, attach(0, 1), max);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_LIMIT);
    qdmashare_assert_command(d, &detach, DMASHARE_STATUS_OK);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void test_detach(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc detach = with_id(DMASHARE_OP_DETACH, 9);
    struct dmashare_segment seg = { .len = 4096 };
    struct dmashare_desc desc;

    qdmashare_start(d);
    qdmashare_assert_command(d, &detach, DMASHARE_STATUS_BAD_ID);
    qdmashare_buffer(d, 1, 4096);
    qdmashare_attach(d, 9, 1);
    seg.addr = qdmashare_alloc(d, 4096);
    desc = (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 3, .buffer = 1, .attachment = 9, .length = 4096,
            .n_segments = 1, .list = qdmashare_seg_list(d, &seg, 1, 1),
        },
    };
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    qdmashare_assert_command(d, &detach, DMASHARE_STATUS_BUSY);
    qdmashare_unmap(d, 3);
    desc = detach;
    desc.id.reserved = 0x10000;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    assert_reserved_checked(d, &detach, sizeof(detach.id));
    qdmashare_assert_command(d, &detach, DMASHARE_STATUS_BAD_ID);
    qdmashare_attach(d, 9, 1);
}

static void test_unmap(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc unmap = with_id(DMASHARE_OP_UNMAP, 1);
    struct dmashare_desc desc = unmap;

    qdmashare_start(d);
    qdmashare_assert_command(d, &unmap, DMASHARE_STATUS_BAD_ID);
    qdmashare_buf(d, 1, 4096, DMASHARE_DIR_BIDIRECTIONAL);
    desc.unmap.flags = DMASHARE_UNMAP_F_SKIP_SYNC << 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    assert_reserved_checked(d, &unmap, sizeof(unmap.unmap));
    qdmashare_assert_command(d, &unmap, DMASHARE_STATUS_BAD_ID);
}

static struct dmashare_desc note(unsigned kind, uint32_t buffer,
                                 uint32_t attachment)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_NOTE,
        .note = { .kind = kind, .buffer = buffer, .attachment = attachment },
    };
}

static void test_note(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    unsigned kind, direction;

    qdmashare_start(d);
    qdmashare_buffer(d, 1, 4096);
    qdmashare_attach(d, 2, 1);
    desc = note(DMASHARE_NOTE_EXPORT, 1, 0);
    assert_reserved_checked(d, &desc, sizeof(desc.note));
    for (kind = 0; kind < DMASHARE_NOTE_COUNT; kind++) {
        desc = note(kind, 1, 2);
        desc.note.length = UINT64_MAX;
        desc.note.error = 110;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    }
    for (direction = 0; direction < 3; direction++) {
        desc = note(DMASHARE_NOTE_BEGIN_CPU, 1, 0);
        desc.note.direction = direction;
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
    }
}

static void test_note_refused(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_ledger l;
    struct dmashare_desc desc;
    unsigned kind;

    qdmashare_start(d);
    qdmashare_buffer(d, 1, 4096);
    desc = note(DMASHARE_NOTE_MMAP, 0, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = note(DMASHARE_NOTE_MMAP, 2, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = note(DMASHARE_NOTE_MMAP, 1, 1);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    desc = note(DMASHARE_NOTE_COUNT, 1, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = note(0xffffffff, 1, 0);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    desc = note(DMASHARE_NOTE_MMAP, 1, 0);
    desc.note.direction = 3;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DIRECTION);
    desc.note.direction = 0xffffffff;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DIRECTION);
    desc = note(DMASHARE_NOTE_MMAP, 1, 0);
    desc.note.reserved = 1;
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);

    qdmashare_ledger(d, 1, &l);
    for (kind = 0; kind < DMASHARE_NOTE_COUNT; kind++) {
        g_assert_cmpuint(l.notes[kind], ==, 0);
    }
    g_assert_cmpuint(l.notes_failed, ==, 0);
}

static struct dmashare_desc query(uint32_t id, uint32_t length, uint64_t addr)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_QUERY_LEDGER,
        .query = { .id = id, .length = length, .addr = addr },
    };
}

static void test_query_lengths(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    uint64_t mem;
    uint32_t length;

    qdmashare_start(d);
    qdmashare_buffer(d, 1, 4096);
    mem = qdmashare_alloc(d, DMASHARE_LEDGER_MAX_LENGTH * 2);
    for (length = 8; length <= DMASHARE_LEDGER_MAX_LENGTH; length += 8) {
        struct dmashare_desc desc = query(1, length, mem);
        struct dmashare_completion c;

        if (length > 512 && length != DMASHARE_LEDGER_MAX_LENGTH) {
            continue;           /* enough of them between */
        }
        qtest_memset(d->qts, mem, 0xee, length + 8);
        c = qdmashare_run(d, 0, &desc);
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
        g_assert_cmpuint(c.result, ==, length);
        g_assert_cmphex(qtest_readq(d->qts, mem), ==, 1);
        if (length > sizeof(struct dmashare_ledger)) {
            g_assert_cmphex(qtest_readq(d->qts, mem + length - 8), ==, 0);
        }
        /* Not one byte more. */
        g_assert_cmphex(qtest_readq(d->qts, mem + length), ==,
                        0xeeeeeeeeeeeeeeeeULL);
    }
}

static void test_query_refused(void *obj, void *data, QGuestAllocator *alloc)
{
    static const uint32_t bad_length[] = { 0, 4, 7, 9, 12, 0xffffffff };
    QDmashare *d = obj;
    struct dmashare_completion c;
    struct dmashare_desc desc;
    uint64_t mem;
    size_t i;

    qdmashare_start(d);
    mem = qdmashare_alloc(d, DMASHARE_LEDGER_MAX_LENGTH * 2);
    qtest_memset(d->qts, mem, 0xee, DMASHARE_LEDGER_MAX_LENGTH * 2);
    desc = query(1, 64, mem);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_ID);
    for (i = 0; i < ARRAY_SIZE(bad_length); i++) {
        desc = query(0, bad_length[i], mem);
        qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_LENGTH);
    }
    desc = query(0, 64, mem + 4);
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_BAD_DESCRIPTOR);
    g_assert_cmphex(qtest_readq(d->qts, mem), ==, 0xeeeeeeeeeeeeeeeeULL);
    g_assert_cmphex(qtest_readq(d->qts, mem + 8), ==, 0xeeeeeeeeeeeeeeeeULL);

    desc = query(0, 64, NOWHERE);
    c = qdmashare_run(d, 0, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_FAULT_TRANSLATION);
    g_assert_cmphex(c.result, ==, 0);
    g_assert_cmphex(c.detail, ==, NOWHERE);

    /* More room than there will ever be counters is not more to write. */
    desc = query(0, DMASHARE_LEDGER_MAX_LENGTH + 8, mem);
    c = qdmashare_run(d, 0, &desc);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(c.result, ==, DMASHARE_LEDGER_MAX_LENGTH);
    g_assert_cmphex(qtest_readq(d->qts, mem + DMASHARE_LEDGER_MAX_LENGTH), ==,
                    0xeeeeeeeeeeeeeeeeULL);

    desc = query(0, 8, mem);
    assert_reserved_checked(d, &desc, sizeof(desc.query));
}

static void test_order(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    struct dmashare_desc desc;
    unsigned round;

    /* Commands that depend on each other need no waiting in between. */
    qdmashare_start(d);
    for (round = 0; round < 4; round++) {
        desc = create(1, 4096);
        qdmashare_push(d, 0, &desc);
        desc = attach(2, 1);
        qdmashare_push(d, 0, &desc);
        desc = with_id(DMASHARE_OP_DETACH, 2);
        qdmashare_push(d, 0, &desc);
        desc = with_id(DMASHARE_OP_BUFFER_DESTROY, 1);
        qdmashare_push(d, 0, &desc);
    }
    qdmashare_doorbell(d, 0);
    for (round = 0; round < 16; round++) {
        struct dmashare_completion c = qdmashare_pop(d, 0);

        g_assert_cmpuint(c.cookie, ==, round + 1);
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    }
}

static void test_fetched_once(void *obj, void *data, QGuestAllocator *alloc)
{
    QDmashare *d = obj;
    QDmashareBuf buf;
    struct dmashare_desc desc;

    /*
     * A descriptor changed after its fetch is not looked at again: the job
     * waits in device time while its slot is overwritten with garbage.
     */
    qdmashare_start(d);
    buf = qdmashare_buf(d, 1, 4096, DMASHARE_DIR_FROM_DEVICE);
    desc = qdmashare_noop(d, 0, 1000);
    qdmashare_push(d, 1, &desc);
    qdmashare_doorbell(d, 1);
    desc = qdmashare_fill(d, 1, 1, 0, 8, 0x1122334455667788ULL);
    qdmashare_wait_for(&desc, 0, 1);
    qdmashare_push(d, 2, &desc);
    qdmashare_doorbell(d, 2);
    qdmashare_settle(d);
    g_assert_cmpuint(qtest_readq(d->qts, buf.phys), ==, 0);
    qtest_memset(d->qts, d->queue[1].sq, 0xff, DMASHARE_DESC_SIZE);
    qtest_memset(d->qts, d->queue[2].sq, 0xff, DMASHARE_DESC_SIZE);
    qtest_clock_step(d->qts, 1000);
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_pop(d, 2).status, ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qtest_readq(d->qts, buf.phys), ==, 0x1122334455667788ULL);
}

static void register_dmashare_command_test(void)
{
    QOSGraphTestOptions limits = {
        .edge.extra_device_opts = "max-buffers=100,max-attachments=77",
    };

    qos_add_test("nop", "dmashare-command", test_nop, NULL);
    qos_add_test("bad-opcode", "dmashare-command", test_bad_opcode, NULL);
    qos_add_test("create", "dmashare-command", test_create, NULL);
    qos_add_test("create-refused", "dmashare-command", test_create_refused,
                 NULL);
    qos_add_test("create-limit", "dmashare-command", test_create_limit,
                 &limits);
    qos_add_test("destroy", "dmashare-command", test_destroy, NULL);
    qos_add_test("attach", "dmashare-command", test_attach, NULL);
    qos_add_test("attach-limit", "dmashare-command", test_attach_limit,
                 &limits);
    qos_add_test("detach", "dmashare-command", test_detach, NULL);
    qos_add_test("unmap", "dmashare-command", test_unmap, NULL);
    qos_add_test("note", "dmashare-command", test_note, NULL);
    qos_add_test("note-refused", "dmashare-command", test_note_refused, NULL);
    qos_add_test("query-lengths", "dmashare-command", test_query_lengths,
                 NULL);
    qos_add_test("query-refused", "dmashare-command", test_query_refused,
                 NULL);
    qos_add_test("order", "dmashare-command", test_order, NULL);
    qos_add_test("fetched-once", "dmashare-command", test_fetched_once, NULL);
}

libqos_init(register_dmashare_command_test);
