/*
 * dmashare: what QMP sees of a device
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "libqos/dmashare-machine.h"
#include "libqos/dmashare-qmp.h"

/*
 * Devices
 */

static void test_devices(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_machine_new(
        "-M pc -device dmashare,id=zero,addr=4.0"
        " -device dmashare,id=one,addr=5.0,job-queues=2,timelines=7,"
        "max-entries=64,max-buffers=11,max-attachments=12,max-mappings=13,"
        "max-segments=14,max-total-segments=15,max-job-bytes=64K,dma-bits=33,"
        "max-segment-size=1M,boundary=64K,local-size=2M,watchdog=99,"
        "journal-size=17,coherent=off");
    QDmashare *d = qdmashare_machine_device(m, 5);
    QObject *r;

    /* In the order of the paths, which is not that of the slots. */
    r = qdmashare_qmp(m->qts, "query-dmashare", "{}");
    g_assert_cmpuint(qdmashare_len(r, ""), ==, 2);
    qdmashare_assert_str(r, "0.path", "/machine/peripheral/one");
    qdmashare_assert_str(r, "0.id", "one");
    qdmashare_assert_num(r, "0.coherent", 0);
    qdmashare_assert_num(r, "0.enabled", 0);
    qdmashare_assert_str(r, "1.path", "/machine/peripheral/zero");
    qdmashare_assert_num(r, "1.coherent", 1);
    qobject_unref(r);

    qdmashare_start(d);
    r = qdmashare_qmp(m->qts, "query-dmashare",
                      "{ 'path': '/machine/peripheral/one' }");
    g_assert_cmpuint(qdmashare_len(r, ""), ==, 1);
    qdmashare_assert_num(r, "0.enabled", 1);
    qdmashare_assert_num(r, "0.linked", 1);
    qdmashare_assert_num(r, "0.fatal", 0);
    qdmashare_assert_num(r, "0.recording", 0);
    qdmashare_assert_num(r, "0.limits.job-queues", 2);
    qdmashare_assert_num(r, "0.limits.timelines", 7);
    qdmashare_assert_num(r, "0.limits.max-entries", 64);
    qdmashare_assert_num(r, "0.limits.max-buffers", 11);
    qdmashare_assert_num(r, "0.limits.max-attachments", 12);
    qdmashare_assert_num(r, "0.limits.max-mappings", 13);
    qdmashare_assert_num(r, "0.limits.max-segments", 14);
    qdmashare_assert_num(r, "0.limits.max-total-segments", 15);
    qdmashare_assert_num(r, "0.limits.max-job-bytes", 64 * KiB);
    qdmashare_assert_num(r, "0.limits.dma-bits", 33);
    qdmashare_assert_num(r, "0.limits.max-segment-size", 1 * MiB);
    qdmashare_assert_num(r, "0.limits.boundary", 64 * KiB);
    qdmashare_assert_num(r, "0.limits.local-size", 2 * MiB);
    qdmashare_assert_num(r, "0.limits.watchdog", 99);
    qdmashare_assert_num(r, "0.limits.journal-size", 17);
    qobject_unref(r);

    /* Both are "dmashare devices"; neither has a third one's name. */
    qdmashare_qmp_refused(m->qts, "Parameter 'path' expects the QOM path of a "
                          "dmashare device, not 'two'; there are: "
                          "/machine/peripheral/one, /machine/peripheral/zero",
                          "query-dmashare", "{ 'path': 'two' }");
    qdmashare_qmp_refused(m->qts, "not '', which is part of several; there "
                          "are: /machine/peripheral/one, "
                          "/machine/peripheral/zero",
                          "query-dmashare-queues", "{ 'path': '' }");
    qdmashare_qmp_refused(m->qts, "not '/machine'; there are",
                          "query-dmashare", "{ 'path': '/machine' }");
    qdmashare_free(d);
}

static void test_no_device(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_machine_new("-M pc");
    QObject *r = qdmashare_qmp(m->qts, "query-dmashare", "{}");

    g_assert_cmpuint(qdmashare_len(r, ""), ==, 0);
    qobject_unref(r);
    qdmashare_qmp_refused(m->qts, "not 'dev'; there is none", "query-dmashare",
                          "{ 'path': 'dev' }");
}

/*
 * Buffers
 */

static void create(QDmashare *d, uint32_t id, uint64_t size, uint32_t flags,
                   const char *name)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_BUFFER_CREATE,
        .buffer = { .id = id, .size = size, .flags = flags },
    };

    memcpy(desc.buffer.name, name, MIN(strlen(name), DMASHARE_NAME_LEN));
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

static void attach(QDmashare *d, uint32_t id, uint32_t buffer, uint32_t flags,
                   const char *name)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_ATTACH,
        .attach = { .id = id, .buffer = buffer, .flags = flags },
    };

    memcpy(desc.attach.name, name, MIN(strlen(name), DMASHARE_NAME_LEN));
    qdmashare_assert_command(d, &desc, DMASHARE_STATUS_OK);
}

/* Every counter that QMP shows of a buffer is the one of the ledger. */
static void assert_counters(QDmashare *d, uint32_t id, QObject *info)
{
    static const struct {
        const char *name;
        size_t offset;
    } counter[] = {
#define COUNTER(name, field) { name, offsetof(struct dmashare_ledger, field) }
#define NOTE(name, kind) COUNTER(name, notes[DMASHARE_NOTE_##kind])
        COUNTER("buffers", buffers), COUNTER("live-buffers", live_buffers),
        COUNTER("attaches", attaches),
        COUNTER("live-attachments", live_attachments),
        COUNTER("maps", maps), COUNTER("live-mappings", live_mappings),
        COUNTER("live-segments", live_segments),
        NOTE("exports", EXPORT), NOTE("releases", RELEASE),
        NOTE("foreign-maps", MAP), NOTE("foreign-unmaps", UNMAP),
        NOTE("begin-cpu", BEGIN_CPU), NOTE("end-cpu", END_CPU),
        NOTE("mmaps", MMAP), NOTE("vmaps", VMAP), NOTE("vunmaps", VUNMAP),
        NOTE("pins", PIN), NOTE("unpins", UNPIN), NOTE("moves", MOVE),
        COUNTER("notes-failed", notes_failed),
        COUNTER("jobs", jobs), COUNTER("jobs-failed", jobs_failed),
        COUNTER("bytes-read", bytes_read),
        COUNTER("bytes-written", bytes_written),
        COUNTER("faults", faults),
        COUNTER("fences-signalled", fences_signalled),
        COUNTER("fences-failed", fences_failed),
        COUNTER("places", places),
        COUNTER("local-bytes-read", local_bytes_read),
        COUNTER("local-bytes-written", local_bytes_written),
        COUNTER("syncs-for-cpu", syncs_for_cpu),
        COUNTER("syncs-for-device", syncs_for_device),
        COUNTER("cache-bytes", cache_bytes),
        COUNTER("cache-dirty", cache_dirty),
        COUNTER("cache-written-back", cache_written_back),
        COUNTER("cache-discarded", cache_discarded),
        COUNTER("stale-bytes", stale_bytes),
        COUNTER("move-requests", move_requests),
#undef COUNTER
#undef NOTE
    };
    struct dmashare_ledger ledger;
    QObject *counters = qdmashare_at(info, "counters");

    QEMU_BUILD_BUG_ON(ARRAY_SIZE(counter) != sizeof(ledger) / 8);
    g_assert_cmpuint(qdict_size(qobject_to(QDict, counters)), ==,
                     ARRAY_SIZE(counter));
    qdmashare_ledger(d, id, &ledger);
    for (size_t i = 0; i < ARRAY_SIZE(counter); i++) {
        uint64_t want;

        memcpy(&want, (char *)&ledger + counter[i].offset, sizeof(want));
        g_test_message("%s", counter[i].name);
        qdmashare_assert_num(counters, counter[i].name, want);
    }
}

static void test_buffers(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,local-size=1M,"
                                                  "latency=1000");
    QDmashare *d = m->d;
    uint64_t mem = qdmashare_alloc(d, 8 * KiB);
    struct dmashare_segment seg[] = {
        { .addr = qdmashare_dma(d, mem), .len = 4 * KiB },
        { .addr = qdmashare_dma(d, mem) + 4 * KiB, .len = 4 * KiB },
    };
    struct dmashare_desc map = {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = 31, .buffer = 9, .attachment = 22, .length = 8 * KiB,
            .direction = DMASHARE_DIR_TO_DEVICE,
        },
    };
    QObject *r;
    unsigned kind;

    r = qdmashare_qmp(m->qts, "query-dmashare-buffers", "{ 'path': 'dev' }");
    g_assert_cmpuint(qdmashare_len(r, "buffers"), ==, 0);
    qdmashare_assert_num(r, "total", 0);
    qdmashare_assert_absent(r, "next");
    qobject_unref(r);

    /* Ids that no hash would have in this order. */
    create(d, 4000000000u, 4096, 0, "last");
    create(d, 9, 8 * KiB, DMASHARE_BUFFER_F_IMPORTED, "camera \\ \"frame\"");
    create(d, 3, 1, 0, "a name of more than 32 characters in all");
    create(d, 5, 4096, 0, "");
    qdmashare_local_buf(d, 7, 0, 16 * KiB, DMASHARE_DIR_FROM_DEVICE);
    attach(d, 21, 9, DMASHARE_ATTACH_F_DYNAMIC, "vivid");
    attach(d, 22, 9, DMASHARE_ATTACH_F_P2P | DMASHARE_ATTACH_F_SELF, "self");
    attach(d, 23, 3, 0, "vivid");
    g_assert_cmphex(qdmashare_map_with(d, map, seg, 2), ==,
                    DMASHARE_STATUS_OK);
    for (kind = 0; kind < DMASHARE_NOTE_COUNT; kind++) {
        for (unsigned n = 0; n < 2 + kind; n++) {
            qdmashare_note(d, kind, 9);
        }
    }

    r = qdmashare_qmp(m->qts, "query-dmashare-buffers", "{ 'path': 'dev' }");
    g_assert_cmpuint(qdmashare_len(r, "buffers"), ==, 5);
    qdmashare_assert_num(r, "total", 5);
    qdmashare_assert_absent(r, "next");
    qdmashare_assert_num(r, "buffers.0.id", 3);
    qdmashare_assert_str(r, "buffers.0.name",
                         "a name of more than 32 character");
    qdmashare_assert_num(r, "buffers.0.size", 1);
    qdmashare_assert_num(r, "buffers.1.id", 5);
    qdmashare_assert_str(r, "buffers.1.name", "");
    g_assert_cmpuint(qdmashare_len(r, "buffers.1.attachments"), ==, 0);
    g_assert_cmpuint(qdmashare_len(r, "buffers.1.mappings"), ==, 0);
    qdmashare_assert_num(r, "buffers.2.id", 7);
    qdmashare_assert_str(r, "buffers.2.placement", "local");
    qdmashare_assert_num(r, "buffers.2.mappings.0.id", 7);
    qdmashare_assert_absent(r, "buffers.2.mappings.0.attachment");
    qdmashare_assert_str(r, "buffers.2.mappings.0.direction", "from-device");
    qdmashare_assert_str(r, "buffers.2.mappings.0.placement", "local");
    qdmashare_assert_num(r, "buffers.2.mappings.0.length", 16 * KiB);
    qdmashare_assert_num(r, "buffers.2.mappings.0.segments", 1);

    qdmashare_assert_num(r, "buffers.3.id", 9);
    qdmashare_assert_str(r, "buffers.3.name", "camera \\ \"frame\"");
    qdmashare_assert_str(r, "buffers.3.placement", "system");
    qdmashare_assert_num(r, "buffers.3.imported", 1);
    qdmashare_assert_num(r, "buffers.3.pinned",
                         (uint64_t)DMASHARE_NOTE_PIN - DMASHARE_NOTE_UNPIN);
    qdmashare_assert_num(r, "buffers.3.fences", 0);
    g_assert_cmpuint(qdmashare_len(r, "buffers.3.attachments"), ==, 2);
    qdmashare_assert_num(r, "buffers.3.attachments.0.id", 21);
    qdmashare_assert_str(r, "buffers.3.attachments.0.importer", "vivid");
    qdmashare_assert_num(r, "buffers.3.attachments.0.dynamic", 1);
    qdmashare_assert_num(r, "buffers.3.attachments.0.peer-to-peer", 0);
    qdmashare_assert_num(r, "buffers.3.attachments.0.self", 0);
    qdmashare_assert_num(r, "buffers.3.attachments.0.mappings", 0);
    qdmashare_assert_num(r, "buffers.3.attachments.1.id", 22);
    qdmashare_assert_num(r, "buffers.3.attachments.1.dynamic", 0);
    qdmashare_assert_num(r, "buffers.3.attachments.1.peer-to-peer", 1);
    qdmashare_assert_num(r, "buffers.3.attachments.1.self", 1);
    qdmashare_assert_num(r, "buffers.3.attachments.1.mappings", 1);
    qdmashare_assert_num(r, "buffers.3.mappings.0.id", 31);
    qdmashare_assert_num(r, "buffers.3.mappings.0.attachment", 22);
    qdmashare_assert_str(r, "buffers.3.mappings.0.direction", "to-device");
    qdmashare_assert_num(r, "buffers.3.mappings.0.segments", 2);
    assert_counters(d, 9, qdmashare_at(r, "buffers.3"));
    qdmashare_assert_num(r, "buffers.4.id", 4000000000u);
    qobject_unref(r);

    /* Jobs that are on their way concern the buffers they name, once each. */
    for (unsigned i = 0; i < 3; i++) {
        struct dmashare_desc job = qdmashare_copy(d, 0, 7, 0, 31, 0, 4096);

        qdmashare_submit(d, 1, job);
    }
    qdmashare_submit(d, 2, qdmashare_fill(d, 1, 7, 0, 8, 1));
    r = qdmashare_qmp(m->qts, "query-dmashare-buffers", "{ 'path': 'dev' }");
    qdmashare_assert_num(r, "buffers.1.fences", 0);
    qdmashare_assert_num(r, "buffers.2.fences", 4);
    qdmashare_assert_num(r, "buffers.3.fences", 3);
    qobject_unref(r);
    r = qdmashare_qmp(m->qts, "query-dmashare", "{}");
    qdmashare_assert_num(r, "0.fences-pending", 4);
    qobject_unref(r);
    qdmashare_step(d, 5000);
    r = qdmashare_qmp(m->qts, "query-dmashare-buffers",
                      "{ 'path': 'dev', 'buffer': 7 }");
    g_assert_cmpuint(qdmashare_len(r, "buffers"), ==, 1);
    qdmashare_assert_num(r, "buffers.0.fences", 0);
    qdmashare_assert_num(r, "buffers.0.counters.jobs", 4);
    assert_counters(d, 7, qdmashare_at(r, "buffers.0"));
    qobject_unref(r);

    /* What ended is not there. */
    qdmashare_unmap(d, 31);
    {
        struct dmashare_desc detach = {
            .opcode = DMASHARE_OP_DETACH,
            .id.id = 21,
        };

        qdmashare_assert_command(d, &detach, DMASHARE_STATUS_OK);
    }
    r = qdmashare_qmp(m->qts, "query-dmashare-buffers",
                      "{ 'path': 'dev', 'buffer': 9 }");
    g_assert_cmpuint(qdmashare_len(r, "buffers.0.mappings"), ==, 0);
    g_assert_cmpuint(qdmashare_len(r, "buffers.0.attachments"), ==, 1);
    qdmashare_assert_num(r, "buffers.0.attachments.0.id", 22);
    qobject_unref(r);
    r = qdmashare_qmp(m->qts, "query-dmashare", "{}");
    assert_counters(d, 0, qdmashare_at(r, "0"));
    qobject_unref(r);
}

/* The ids on a page of buffers, with spaces between, and how many in all. */
static void buffers_are(QDmashareMachine *m, const char *filter,
                        const char *ids, unsigned total)
{
    g_autoptr(GString) got = g_string_new("");
    QObject *r = qdmashare_qmp(m->qts, "query-dmashare-buffers",
                               "{ 'path': 'dev', %s }", filter);

    if (strstr(filter, "after")) {
        qdmashare_assert_absent(r, "total");
    } else {
        qdmashare_assert_num(r, "total", total);
    }
    for (unsigned i = 0; i < qdmashare_len(r, "buffers"); i++) {
        g_autofree char *place = g_strdup_printf("buffers.%u.id", i);

        g_string_append_printf(got, "%s%" PRIu64, i ? " " : "",
                               qdmashare_num(r, place));
    }
    g_assert_cmpstr(got->str, ==, ids);
    qobject_unref(r);
}

static void test_filters(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,local-size=1M");
    QDmashare *d = m->d;

    for (uint32_t id = 1; id <= 8; id++) {
        create(d, id, 4096, 0, id & 1 ? "odd" : "even");
        if (id & 4) {
            qdmashare_place(d, id, DMASHARE_PLACEMENT_LOCAL);
        }
        if (id & 2) {
            attach(d, id, id, 0, "two");
        }
    }
    attach(d, 10, 2, 0, "ten");
    buffers_are(m, "'placement': 'local'", "4 5 6 7", 4);
    buffers_are(m, "'placement': 'system', 'limit': 2", "1 2", 4);
    buffers_are(m, "'importer': 'two'", "2 3 6 7", 4);
    buffers_are(m, "'importer': 'ten'", "2", 1);
    buffers_are(m, "'importer': 't'", "", 0);
    buffers_are(m, "'name': 'odd', 'after': 3", "5 7", 4);
    buffers_are(m, "'name': 'odd', 'after': 4294967295", "", 4);
    buffers_are(m, "'name': 'odd', 'importer': 'two', 'placement': 'local'",
                "7", 1);
    buffers_are(m, "'buffer': 6, 'name': 'odd'", "", 0);
    buffers_are(m, "'buffer': 6, 'name': 'even'", "6", 1);
    buffers_are(m, "'after': 7", "8", 8);
    buffers_are(m, "'after': 8", "", 8);
    qdmashare_qmp_refused(m->qts, "Parameter 'buffer' expects the id of one "
                          "of the 8 buffers of the device; there is no "
                          "buffer 9", "query-dmashare-buffers",
                          "{ 'path': 'dev', 'buffer': 9 }");
    qdmashare_qmp_refused(m->qts, "Parameter 'limit' expects a number from 1 "
                          "to 1000, not 0", "query-dmashare-buffers",
                          "{ 'path': 'dev', 'limit': 0 }");
    qdmashare_qmp_refused(m->qts, "Parameter 'limit' expects a number from 1 "
                          "to 1000, not 1001", "query-dmashare-buffers",
                          "{ 'path': 'dev', 'limit': 1001 }");
}

/*
 * Many buffers
 */

#define RING    4096u

/* A ring's worth of commands at once, or less. */
static void run_many(QDmashare *d, const struct dmashare_desc *le, unsigned n)
{
    QDmashareQueue *queue = &d->queue[0];
    struct dmashare_completion c;

    qtest_bufwrite(d->qts, queue->sq, le, n * sizeof(*le));
    queue->sq_tail = n;
    qdmashare_doorbell(d, 0);
    do {
        qdmashare_step(d, 1);
        qtest_memread(d->qts, queue->cq + (n - 1) * sizeof(c), &c, sizeof(c));
    } while (le32_to_cpu(c.seq) != n);
    g_assert_cmphex(c.status, ==, 0);
    qdmashare_queue_disable(d, 0);
}

/* Buffers of which every third is local, and every second is called "b". */
static void create_many(QDmashare *d, unsigned n)
{
    g_autofree struct dmashare_desc *desc = g_new(struct dmashare_desc, RING);

    qdmashare_queue_disable(d, 0);
    for (unsigned at = 0; at < n; at += RING) {
        unsigned now = MIN(n - at, RING);

        for (unsigned i = 0; i < now; i++) {
            /* Any order will do as long as no id comes twice. */
            uint32_t id = 1 + (uint32_t)((at + i) * 2654435761u);

            desc[i] = (struct dmashare_desc) {
                .opcode = DMASHARE_OP_BUFFER_CREATE,
                .buffer = {
                    .id = id, .size = 4096,
                    .placement = (at + i) % 3 ? DMASHARE_PLACEMENT_SYSTEM :
                                                DMASHARE_PLACEMENT_LOCAL,
                    .name = { (at + i) & 1 ? 'b' : 'a' },
                },
            };
            qdmashare_desc_to_le(&desc[i]);
        }
        g_assert_cmphex(qdmashare_queue_setup(d, 0, RING, RING), ==,
                        DMASHARE_QSTATUS_ENABLED);
        run_many(d, desc, now);
    }
}

/* Walks through all; how many there were, and that each page is right. */
static unsigned walk(QDmashareMachine *m, const char *filter, unsigned limit,
                     unsigned total)
{
    uint64_t after = 0;
    unsigned n = 0;
    bool more = true;

    while (more) {
        g_autofree char *from = !after ? g_strdup("") :
            g_strdup_printf(", 'after': %" PRIu64, after);
        QObject *r = qdmashare_qmp(m->qts, "query-dmashare-buffers",
                                   "{ 'path': 'dev', 'limit': %u%s%s }", limit,
                                   filter, from);
        unsigned len = qdmashare_len(r, "buffers");
        const QListEntry *entry;

        if (!after) {
            qdmashare_assert_num(r, "total", total);
        }
        QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(r, "buffers")),
                            entry) {
            uint64_t id = qdmashare_num(qlist_entry_obj(entry), "id");

            g_assert_cmpuint(id, >, after);
            after = id;
        }
        more = qdmashare_at(r, "next");
        if (more) {
            g_assert_cmpuint(len, ==, limit);
            qdmashare_assert_num(r, "next", after);
        }
        n += len;
        qobject_unref(r);
    }
    return n;
}

static void test_paging(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "id=dev,"
                                                  "local-size=64K");
    unsigned n = 600;

    /* libqtest reads answers byte by byte, so it cannot be very many. */
    create_many(m->d, n);
    g_assert_cmpuint(walk(m, "", 250, n), ==, n);
    g_assert_cmpuint(walk(m, "", 100, n), ==, n);
    g_assert_cmpuint(walk(m, ", 'name': 'b', 'placement': 'local'", 7,
                          n / 6), ==, n / 6);
}

/*
 * Queues
 */

static void test_queues(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,job-queues=3");
    QDmashare *d = m->d;
    QObject *r;

    qdmashare_queue_disable(d, 3);
    g_assert_cmphex(qdmashare_job(d, qdmashare_noop(d, 0, 0)).status, ==,
                    DMASHARE_STATUS_OK);
    for (unsigned i = 0; i < 5; i++) {
        qdmashare_submit(d, 2, qdmashare_noop(d, 1, 100));
    }
    /* A doorbell beyond the ring stops it: QERR_DOORBELL. */
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_SQ(1), 1000);

    r = qdmashare_qmp(m->qts, "query-dmashare-queues", "{ 'path': 'dev' }");
    g_assert_cmpuint(qdmashare_len(r, ""), ==, 4);
    qdmashare_assert_num(r, "0.queue", 0);
    qdmashare_assert_num(r, "0.enabled", 1);
    qdmashare_assert_num(r, "0.entries", QDMASHARE_ENTRIES);
    qdmashare_assert_num(r, "0.fetched", 0);
    qdmashare_assert_num(r, "1.enabled", 0);
    qdmashare_assert_num(r, "1.error", DMASHARE_QERR_DOORBELL);
    qdmashare_assert_num(r, "2.queue", 2);
    qdmashare_assert_num(r, "2.enabled", 1);
    qdmashare_assert_num(r, "2.error", 0);
    qdmashare_assert_num(r, "2.fetched", 5);
    qdmashare_assert_num(r, "2.submitted", 5);
    qdmashare_assert_num(r, "2.completed", 0);
    qdmashare_assert_num(r, "2.jobs", 5);
    qdmashare_assert_num(r, "2.stalled", 0);
    qdmashare_assert_num(r, "2.hung", 0);
    qdmashare_assert_num(r, "3.enabled", 0);
    qdmashare_assert_num(r, "3.error", 0);
    qobject_unref(r);

    qdmashare_step(d, 100);
    r = qdmashare_qmp(m->qts, "query-dmashare-queues", "{ 'path': 'dev' }");
    qdmashare_assert_num(r, "2.completed", 1);
    qdmashare_assert_num(r, "2.jobs", 4);
    qobject_unref(r);
}

/*
 * The manual
 */

/* An answer is as the manual has it, where "..." is anything. */
static bool as_documented(QObject *got, QObject *want)
{
    const char *text = qobject_type(want) == QTYPE_QSTRING ?
                       qstring_get_str(qobject_to(QString, want)) : NULL;
    const QDict *dict;
    const QDictEntry *e;

    if (text && !strcmp(text, "...")) {
        return true;
    }
    if (!got || qobject_type(got) != qobject_type(want)) {
        return false;
    }
    if (qobject_type(want) == QTYPE_QLIST) {
        unsigned n = qdmashare_len(want, "");

        for (unsigned i = 0; i < n; i++) {
            g_autofree char *place = g_strdup_printf("%u", i);

            if (!as_documented(qdmashare_at(got, place),
                               qdmashare_at(want, place))) {
                return false;
            }
        }
        return n == qdmashare_len(got, "");
    }
    if (qobject_type(want) != QTYPE_QDICT) {
        return qobject_is_equal(got, want);
    }
    dict = qobject_to(QDict, want);
    for (e = qdict_first(dict); e; e = qdict_next(dict, e)) {
        if (strcmp(qdict_entry_key(e), "...") &&
            !as_documented(qdict_get(qobject_to(QDict, got),
                                     qdict_entry_key(e)),
                           qdict_entry_value(e))) {
            return false;
        }
    }
    return qdict_haskey(dict, "...") ||
           qdict_size(dict) == qdict_size(qobject_to(QDict, got));
}

/* JSON of the manual, in which three dots stand for a value or for members. */
static QObject *documented(const char *text)
{
    g_auto(GStrv) values = g_strsplit(text, ": ...", -1);
    g_autofree char *one = g_strjoinv(": \"...\"", values);
    g_auto(GStrv) members = g_strsplit(one, ", ... }", -1);
    g_autofree char *two = g_strjoinv(", \"...\": 0 }", members);

    return qobject_from_json(two, &error_abort);
}

static void example(QDmashareMachine *m, const char *question,
                    const char *answer)
{
    QObject *command = documented(question), *want = documented(answer);
    QDict *rsp = qtest_qmp(m->qts, "%p", command);

    if (!as_documented(QOBJECT(rsp), want)) {
        g_autoptr(GString) got = qobject_to_json(QOBJECT(rsp));

        g_test_message("%s is answered by %s", question, got->str);
        g_test_fail();
    }
    qobject_unref(rsp);
    qobject_unref(want);
}

/* Every example of the manual: "-> question", then "<- answer". */
static void test_manual(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc",
                                                  "id=dev,local-size=1M");
    /* The sources are links to where the manual is as well. */
    g_autofree char *source = g_build_filename(g_getenv("G_TEST_SRCDIR"),
                                               "dmashare-qmp-test.c", NULL);
    g_autofree char *real = realpath(source, NULL);
    g_autofree char *folder = g_path_get_dirname(real);
    g_autofree char *file = g_build_filename(folder, "..", "..", "docs",
                                             "control.rst", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) line = NULL;
    g_autoptr(GString) question = NULL;
    g_autoptr(GString) answer = NULL;
    unsigned n = 0;
    struct dmashare_segment seg = { .addr = 0, .len = 8 * KiB };

    create(m->d, 3, 8 * KiB, 0, "frame 0");
    qdmashare_place(m->d, 3, DMASHARE_PLACEMENT_LOCAL);
    g_assert_cmphex(qdmashare_map_local(m->d, 3, 3, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_note(m->d, DMASHARE_NOTE_PIN, 3);
    attach(m->d, 30, 3, DMASHARE_ATTACH_F_P2P, "vivid");
    qdmashare_buf(m->d, 4, 4 * KiB, 0);
    attach(m->d, 40, 4, 0, "vivid");
    create(m->d, 5, 4 * KiB, 0, "frame 1");

    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    line = g_strsplit(text, "\n", -1);
    for (char **l = line; *l; l++) {
        const char *at = *l + strspn(*l, " ");
        GString *open;

        if (answer && (!*at || g_str_has_prefix(at, "->"))) {
            example(m, question->str, answer->str);
            n++;
            g_string_free(g_steal_pointer(&question), true);
            g_string_free(g_steal_pointer(&answer), true);
        }
        if (g_str_has_prefix(at, "->")) {
            g_assert_null(question);
            question = g_string_new(at + 2);
            continue;
        }
        if (g_str_has_prefix(at, "<-")) {
            g_assert_null(answer);
            answer = g_string_new(at + 2);
            continue;
        }
        open = answer ?: question;
        if (open) {
            g_string_append_c(open, ' ');
            g_string_append(open, at);
        }
    }
    g_assert_cmpuint(n, >=, 8);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/qmp/devices", test_devices);
    qtest_add_func("/dmashare/qmp/no-device", test_no_device);
    qtest_add_func("/dmashare/qmp/buffers", test_buffers);
    qtest_add_func("/dmashare/qmp/filters", test_filters);
    qtest_add_func("/dmashare/qmp/paging", test_paging);
    qtest_add_func("/dmashare/qmp/queues", test_queues);
    qtest_add_func("/dmashare/qmp/manual", test_manual);
    return g_test_run();
}
