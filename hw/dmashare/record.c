// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: recording
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/dmashare/record.h"
#include "hw/dmashare/record-file.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_record_file) !=
                  DMASHARE_RECORD_FILE_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_record) != DMASHARE_RECORD_SIZE);

/* Digests of data that are remembered, so that it is written once. */
#define KNOWN_MAX       (64 * KiB)

/* Room that is kept for what ends a file. */
#define END_ROOM        (4 * KiB)

/* Of data. What is taken for the same must be the same. */
typedef struct DataDigest {
    uint8_t bytes[32];
} DataDigest;

/**
 * DmashareRecorder: a recording that goes on
 * @core: of the device
 * @bus: the core's way to the bus before it led through here
 * @file: where it goes
 * @max_size: bytes that it may have
 * @bytes: that it has
 * @records: in it
 * @steps: records among them that begin a step
 * @n_data: DATA records among them
 * @known: digest to the number of the DATA record
 * @in_step: the present work has its first record
 * @first_entry: sequence number of the first journal entry in it
 * @bus_master: Bus Master Enable, as recorded last
 * @ended: nothing is recorded any more
 * @why: enum dmashare_record_reason, if it @ended by itself
 * @copy: what the engine sees of memory that it reads
 * @behind: the memory itself
 * @zero: offset in local memory of what was given back just now
 * @zero_len: bytes of it
 */
struct DmashareRecorder {
    DmashareCore *core;
    DmashareBus bus;
    DmashareRecordFile *file;
    uint64_t max_size;
    uint64_t bytes;
    uint64_t records;
    uint64_t steps;
    uint64_t n_data;
    GHashTable *known;
    uint64_t first_entry;
    bool in_step;
    bool bus_master;
    bool ended;
    enum dmashare_record_reason why;
    uint8_t copy[DMASHARE_RECORD_DATA_MAX];
    void *behind;
    uint64_t zero;
    uint64_t zero_len;
};

static uint32_t crc_of(const void *bytes, size_t len)
{
    return crc32c(0xffffffff, bytes, len);
}

/*
 * Records
 */

static const uint8_t padding[8];

/* The header goes into the first part, what fills it up into the last. */
static void record_fill(DmashareRecorder *rec, struct dmashare_record *head,
                        uint16_t type, bool step, struct iovec *iov,
                        unsigned n)
{
    uint64_t size = iov_size(iov + 1, n - 2);
    uint32_t crc;

    *head = (struct dmashare_record) {
        .size = cpu_to_le32(size),
        .type = cpu_to_le16(type),
        .flags = cpu_to_le16(step ? DMASHARE_RECORD_F_STEP : 0),
        .number = cpu_to_le64(rec->records),
        .time = cpu_to_le64(dmashare_clock_now(&rec->core->clock)),
    };
    iov[0] = (struct iovec) { head, sizeof(*head) };
    crc = crc_of(head, offsetof(struct dmashare_record, crc));
    for (unsigned i = 1; i < n - 1; i++) {
        /* crc32c() inverts what it returns; undone, it goes on. */
        crc = crc32c(crc ^ 0xffffffff, iov[i].iov_base, iov[i].iov_len);
    }
    head->crc = cpu_to_le32(crc);
    iov[n - 1] = (struct iovec) { (void *)padding,
                                  ROUND_UP(size, sizeof(padding)) - size };
    rec->bytes += iov_size(iov, n);
    rec->records++;
    rec->steps += step;
    rec->n_data += type == DMASHARE_RECORD_DATA;
}

/* The last record, for which there is always room. */
static void record_end(DmashareRecorder *rec, enum dmashare_record_reason why)
{
    struct dmashare_record_end end = {
        .reason = cpu_to_le32(why),
        .records = cpu_to_le64(rec->records),
        .steps = cpu_to_le64(rec->steps),
        .data = cpu_to_le64(rec->n_data),
    };
    struct dmashare_record head;
    struct iovec iov[3] = { [1] = { &end, sizeof(end) } };

    trace_dmashare_record_end(why, rec->records, rec->bytes);
    rec->ended = true;
    rec->why = why;
    record_fill(rec, &head, DMASHARE_RECORD_END, false, iov, 3);
    dmashare_record_file_finish(rec->file, iov, 3);
}

/* A record with a payload in up to two parts. */
static void record_put(DmashareRecorder *rec, uint16_t type, bool step,
                       const void *part1, size_t len1,
                       const void *part2, size_t len2)
{
    struct dmashare_record head;
    struct iovec iov[4] = {
        [1] = { (void *)part1, len1 },
        [2] = { (void *)part2, len2 },
    };
    uint64_t before = rec->bytes;

    if (rec->ended) {
        return;
    }
    if (sizeof(head) + len1 + len2 + END_ROOM > rec->max_size - rec->bytes) {
        record_end(rec, DMASHARE_RECORD_FULL);
        return;
    }
    record_fill(rec, &head, type, step, iov, 4);
    if (!dmashare_record_file_append(rec->file, iov, 4)) {
        /* Undo what was counted: it is not in the file. */
        rec->bytes = before;
        rec->records--;
        rec->steps -= step;
        rec->n_data -= type == DMASHARE_RECORD_DATA;
        record_end(rec, DMASHARE_RECORD_BEHIND);
    }
}

/* A record that a step begins with, unless one is under way. */
static void record_step(DmashareRecorder *rec, uint16_t type,
                        const void *payload, size_t len)
{
    bool first = !rec->in_step && rec->core->clock.depth == 1;

    rec->in_step = true;
    record_put(rec, type, first, payload, len, NULL, 0);
}

/* What the device does is part of a step, even if nobody said of which. */
static void record_effect(DmashareRecorder *rec, uint16_t type,
                          const void *part1, size_t len1,
                          const void *part2, size_t len2)
{
    if (!rec->in_step) {
        rec->in_step = true;
        record_put(rec, DMASHARE_RECORD_UNKNOWN, true, NULL, 0, NULL, 0);
    }
    record_put(rec, type, false, part1, len1, part2, len2);
}

/*
 * Data
 */

static guint digest_hash(gconstpointer key)
{
    return ldl_he_p(key);
}

static gboolean digest_equal(gconstpointer a, gconstpointer b)
{
    return !memcmp(a, b, sizeof(DataDigest));
}

/*
 * What a replay records is compared by its CRC and then thrown away, so there
 * that is enough.
 */
static void digest_of(const DmashareRecorder *rec, const void *bytes,
                      size_t len, uint32_t crc, DataDigest *digest)
{
    g_autoptr(GChecksum) sum = NULL;
    gsize size = sizeof(*digest);

    if (rec->core->clock.paced) {
        memset(digest, 0, sizeof(*digest));
        stl_he_p(digest->bytes, crc);
        stl_he_p(digest->bytes + 4, len);
        return;
    }
    sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, bytes, len);
    g_checksum_get_digest(sum, digest->bytes, &size);
}

/* The number of the DATA record with these bytes. */
static uint64_t record_data(DmashareRecorder *rec, const void *bytes,
                            size_t len, uint32_t crc)
{
    DataDigest digest;
    gpointer found;
    uint64_t number;

    digest_of(rec, bytes, len, crc, &digest);
    if (g_hash_table_lookup_extended(rec->known, &digest, NULL, &found)) {
        return GPOINTER_TO_SIZE(found);
    }

    number = rec->n_data;
    record_effect(rec, DMASHARE_RECORD_DATA, bytes, len, NULL, 0);
    if (g_hash_table_size(rec->known) >= KNOWN_MAX) {
        g_hash_table_remove_all(rec->known);
    }
    g_hash_table_insert(rec->known, g_memdup2(&digest, sizeof(digest)),
                        GSIZE_TO_POINTER(number));
    return number;
}

static void record_memory(DmashareRecorder *rec, uint16_t type, uint64_t addr,
                          const void *bytes, uint64_t len, uint16_t status)
{
    bool read = type == DMASHARE_RECORD_DMA_READ ||
                type == DMASHARE_RECORD_LOCAL_READ;
    bool small = len <= DMASHARE_RECORD_INLINE_MAX;
    struct dmashare_record_memory body = {
        .addr = cpu_to_le64(addr),
        .length = cpu_to_le64(len),
        .data = ~0ULL,
        .status = cpu_to_le16(status),
    };
    size_t given = 0;

    if (rec->ended) {
        return;
    }
    if (!status && bytes) {
        uint32_t crc = crc_of(bytes, len);

        body.crc = cpu_to_le32(crc);
        if (small) {
            given = len;
        } else if (read) {
            body.data = cpu_to_le64(record_data(rec, bytes, len, crc));
        }
    }
    record_effect(rec, type, &body, sizeof(body), bytes, given);
}

/*
 * The bus
 */

static uint16_t rec_read(void *opaque, uint64_t addr, void *buf, uint64_t len)
{
    DmashareRecorder *rec = opaque;
    uint16_t status = rec->bus.ops->read(rec->bus.opaque, addr, buf, len);

    for (uint64_t at = 0; at < len; at += DMASHARE_RECORD_DATA_MAX) {
        record_memory(rec, DMASHARE_RECORD_DMA_READ, addr + at,
                      (uint8_t *)buf + at,
                      MIN(len - at, DMASHARE_RECORD_DATA_MAX), status);
    }
    return status;
}

static uint16_t rec_write(void *opaque, uint64_t addr, const void *buf,
                          uint64_t len)
{
    DmashareRecorder *rec = opaque;
    uint16_t status = rec->bus.ops->write(rec->bus.opaque, addr, buf, len);

    record_memory(rec, DMASHARE_RECORD_DMA_WRITE, addr, buf, len, status);
    return status;
}

static uint16_t rec_write32(void *opaque, uint64_t addr, uint32_t value)
{
    DmashareRecorder *rec = opaque;
    uint16_t status = rec->bus.ops->write32(rec->bus.opaque, addr, value);
    uint32_t bytes = cpu_to_le32(value);

    record_memory(rec, DMASHARE_RECORD_DMA_WRITE, addr, &bytes, sizeof(bytes),
                  status);
    return status;
}

static uint16_t rec_write64(void *opaque, uint64_t addr, uint64_t value)
{
    DmashareRecorder *rec = opaque;
    uint16_t status = rec->bus.ops->write64(rec->bus.opaque, addr, value);
    uint64_t bytes = cpu_to_le64(value);

    record_memory(rec, DMASHARE_RECORD_DMA_WRITE, addr, &bytes, sizeof(bytes),
                  status);
    return status;
}

/* What an engine reads is a copy, so that it is what was recorded. */
static void window_copy(DmashareRecorder *rec, DmashareWindow *win)
{
    rec->behind = win->host;
    memcpy(rec->copy, win->host, win->len);
    win->host = rec->copy;
}

static uint16_t rec_open(void *opaque, uint64_t addr, uint64_t len, bool write,
                         DmashareWindow *win)
{
    DmashareRecorder *rec = opaque;
    uint64_t page = DMASHARE_RECORD_PAGE - addr % DMASHARE_RECORD_PAGE;
    uint16_t status;

    len = MIN(len, page);
    status = rec->bus.ops->open(rec->bus.opaque, addr, len, write, win);
    if (status) {
        record_memory(rec, write ? DMASHARE_RECORD_DMA_WRITE
                                 : DMASHARE_RECORD_DMA_READ,
                      addr, NULL, len, status);
    } else if (!write) {
        window_copy(rec, win);
        record_memory(rec, DMASHARE_RECORD_DMA_READ, addr, win->host, win->len,
                      status);
    }
    return status;
}

static uint16_t rec_close(void *opaque, DmashareWindow *win, uint64_t used)
{
    DmashareRecorder *rec = opaque;
    uint64_t addr = win->addr;
    bool write = win->write && used;
    uint16_t status;

    if (write) {
        /* Afterwards the bytes are out of reach. */
        memcpy(rec->copy, win->host, used);
    } else if (!win->write) {
        win->host = rec->behind;
    }
    status = rec->bus.ops->close(rec->bus.opaque, win, used);
    if (write) {
        record_memory(rec, DMASHARE_RECORD_DMA_WRITE, addr, rec->copy, used,
                      status);
    }
    return status;
}

static void rec_local_read(void *opaque, uint64_t offset, DmashareWindow *win)
{
    DmashareRecorder *rec = opaque;

    win->len = MIN(win->len, DMASHARE_RECORD_DATA_MAX);
    window_copy(rec, win);
    record_memory(rec, DMASHARE_RECORD_LOCAL_READ, offset, win->host, win->len,
                  DMASHARE_STATUS_OK);
}

static void local_write(DmashareRecorder *rec, uint64_t from, uint64_t to)
{
    if (from < to) {
        record_memory(rec, DMASHARE_RECORD_LOCAL_WRITE, from,
                      rec->core->local.host + from, to - from,
                      DMASHARE_STATUS_OK);
    }
}

static void rec_local_written(void *opaque, uint64_t offset, uint64_t len)
{
    DmashareRecorder *rec = opaque;
    uint64_t zero = rec->zero, zero_len = rec->zero_len;
    uint64_t end = offset + len;

    rec->bus.ops->local_written(rec->bus.opaque, offset, len);
    rec->zero_len = 0;
    if (zero_len && zero >= offset && zero + zero_len <= end) {
        /* What was given back need not be read to be known. */
        local_write(rec, offset, zero);
        record_memory(rec, DMASHARE_RECORD_LOCAL_ZERO, zero, NULL, zero_len,
                      DMASHARE_STATUS_OK);
        local_write(rec, zero + zero_len, end);
    } else {
        local_write(rec, offset, end);
    }
}

static bool rec_local_discard(void *opaque, uint64_t offset, uint64_t len)
{
    DmashareRecorder *rec = opaque;
    bool done = rec->bus.ops->local_discard(rec->bus.opaque, offset, len);

    rec->zero = offset;
    rec->zero_len = done ? len : 0;
    return done;
}

static void rec_notify(void *opaque, unsigned vector)
{
    DmashareRecorder *rec = opaque;
    uint32_t number = cpu_to_le32(vector);

    record_effect(rec, DMASHARE_RECORD_INTERRUPT, &number, sizeof(number),
                  NULL, 0);
    rec->bus.ops->notify(rec->bus.opaque, vector);
}

static void rec_enter(void *opaque)
{
    DmashareRecorder *rec = opaque;

    rec->bus.ops->enter(rec->bus.opaque);
}

static void rec_leave(void *opaque)
{
    DmashareRecorder *rec = opaque;

    rec->bus.ops->leave(rec->bus.opaque);
}

static const DmashareBusOps recorder_ops = {
    .read = rec_read,
    .write = rec_write,
    .write32 = rec_write32,
    .write64 = rec_write64,
    .open = rec_open,
    .close = rec_close,
    .local_read = rec_local_read,
    .local_written = rec_local_written,
    .local_discard = rec_local_discard,
    .notify = rec_notify,
    .enter = rec_enter,
    .leave = rec_leave,
};

/* An entry of the journal, as it is written. */
static void rec_journal(void *opaque, uint64_t sequence,
                        const DmashareJournalSlot *slot)
{
    DmashareRecorder *rec = opaque;
    const DmashareJournalRecord *entry = &slot->record;
    struct dmashare_record_journal body = {
        .sequence = cpu_to_le64(sequence - rec->first_entry),
        .arg = cpu_to_le64(entry->arg),
        .seqno = cpu_to_le64(entry->seqno),
        .bytes = cpu_to_le64(entry->bytes),
        .operation = cpu_to_le32(entry->operation),
        .actor = cpu_to_le32(entry->actor),
        .status = cpu_to_le16(entry->status),
        .error = cpu_to_le16(entry->error),
        .queue = cpu_to_le32(entry->queue),
        .buffer = cpu_to_le32(entry->buffer),
        .object = cpu_to_le32(entry->object),
        .timeline = cpu_to_le32(entry->timeline),
    };

    record_effect(rec, DMASHARE_RECORD_JOURNAL, &body, sizeof(body), NULL, 0);
}

/*
 * Steps
 */

void dmashare_record_enter(DmashareRecorder *rec, uint32_t timer)
{
    uint32_t number = cpu_to_le32(timer);

    rec->in_step = false;
    if (timer != DMASHARE_NO_TIMER) {
        record_step(rec, DMASHARE_RECORD_TIMER, &number, sizeof(number));
    }
}

void dmashare_record_reg(DmashareRecorder *rec, bool write, uint64_t addr,
                         unsigned size, uint64_t value)
{
    struct dmashare_record_reg body = {
        .offset = cpu_to_le32(addr),
        .size = cpu_to_le32(size),
        .value = cpu_to_le64(value),
    };

    record_step(rec, write ? DMASHARE_RECORD_REG_WRITE
                           : DMASHARE_RECORD_REG_READ, &body, sizeof(body));
}

void dmashare_record_reset(DmashareRecorder *rec)
{
    record_step(rec, DMASHARE_RECORD_RESET, NULL, 0);
}

void dmashare_record_bus_master(DmashareRecorder *rec, bool on)
{
    uint32_t value = cpu_to_le32(on);

    if (on != rec->bus_master) {
        rec->bus_master = on;
        record_step(rec, DMASHARE_RECORD_BUS_MASTER, &value, sizeof(value));
    }
}

void dmashare_record_bus_master_reset(DmashareRecorder *rec)
{
    rec->bus_master = false;
}

void dmashare_record_command(DmashareRecorder *rec, const char *name,
                             const char *arguments)
{
    g_autofree char *text = g_strconcat(name, "\n", arguments, NULL);
    size_t len = strlen(text) + 1;

    text[strlen(name)] = '\0';
    if (len > DMASHARE_RECORD_MAX) {
        record_end(rec, DMASHARE_RECORD_FULL);
        return;
    }
    record_step(rec, DMASHARE_RECORD_COMMAND, text, len);
}

/*
 * Start and stop
 */

static bool pristine(DmashareCore *core)
{
    DmashareTimer *timer;

    if (core->ctrl || core->busy || core->irq_pending || core->held ||
        core->fence_ctrl || core->fence_addr || core->events.addr ||
        core->events.entries || core->events.vector ||
        core->buffers.ledger.buffers || core->poison.enabled || core->gone) {
        return false;
    }
    for (unsigned i = 0; i < core->queues.n_queues; i++) {
        const DmashareQueue *q = &core->queues.queue[i];

        if (q->enabled || q->sq_addr || q->cq_addr || q->sq_entries ||
            q->cq_entries || q->vector) {
            return false;
        }
    }
    for (uint32_t i = 0; i < core->fences.n_timelines; i++) {
        if (core->fences.timelines[i].submitted) {
            return false;
        }
    }
    QLIST_FOREACH(timer, &core->clock.timers, next) {
        if (dmashare_timer_pending(timer)) {
            return false;
        }
    }
    return true;
}

static void record_begin(DmashareRecorder *rec,
                         const DmashareRecordProperty *props, size_t n_props)
{
    struct dmashare_record_file head = {
        .magic = DMASHARE_RECORD_MAGIC,
        .major = cpu_to_le16(DMASHARE_RECORD_MAJOR),
        .minor = cpu_to_le16(DMASHARE_RECORD_MINOR),
        .size = cpu_to_le32(sizeof(head)),
        .interface = cpu_to_le32(DMASHARE_VERSION_MAJOR << 16 |
                                 DMASHARE_VERSION_MINOR),
        .bus_master = cpu_to_le32(rec->bus_master),
        .start = cpu_to_le64(dmashare_clock_now(&rec->core->clock)),
        .granule = cpu_to_le32(rec->core->local.granule),
        .next_rule = cpu_to_le32(rec->core->faults.next_id),
        .next_hold = cpu_to_le32(rec->core->holds.last_id + 1),
    };
    struct iovec iov = { &head, sizeof(head) };

    head.crc = cpu_to_le32(crc_of(&head,
                                  offsetof(struct dmashare_record_file, crc)));
    dmashare_record_file_append(rec->file, &iov, 1);
    rec->bytes = sizeof(head);
    for (size_t i = 0; i < n_props; i++) {
        struct dmashare_record_property body = {
            .value = cpu_to_le64(props[i].value),
        };

        pstrcpy((char *)body.name, sizeof(body.name), props[i].name);
        record_put(rec, DMASHARE_RECORD_PROPERTY, false, &body, sizeof(body),
                   NULL, 0);
    }
}

bool dmashare_record_start(DmashareCore *core, const char *filename,
                           uint64_t max_size, bool bus_master,
                           const DmashareRecordProperty *props, size_t n_props,
                           Error **errp)
{
    DmashareRecordFile *file;
    DmashareRecorder *rec;

    if (core->recorder) {
        error_setg(errp, "dmashare: the device is being recorded");
        return false;
    }
    if (core->faults.rules->len || core->holds.n) {
        error_setg(errp, "dmashare: there are %s: a recording begins without",
                   core->holds.n ? "holds" : "fault rules");
        return false;
    }
    if (!pristine(core)) {
        error_setg(errp, "dmashare: the device is in use: a recording begins "
                   "before the driver does, or after a reset");
        return false;
    }
    file = dmashare_record_file_new(filename, errp);
    if (!file) {
        return false;
    }

    rec = g_new0(DmashareRecorder, 1);
    rec->core = core;
    rec->bus = core->bus;
    rec->file = file;
    rec->max_size = max_size;
    rec->first_entry = core->journal.end;
    rec->bus_master = bus_master;
    rec->known = g_hash_table_new_full(digest_hash, digest_equal, g_free,
                                       NULL);
    trace_dmashare_record_start(filename, max_size);
    record_begin(rec, props, n_props);
    core->recorder = rec;
    core->bus.ops = &recorder_ops;
    core->bus.opaque = rec;
    core->journal.watch = rec_journal;
    core->journal.watch_opaque = rec;
    return true;
}

/* The device as it is at the end. */
static void record_state(DmashareRecorder *rec)
{
    struct dmashare_ledger ledger;

    dmashare_core_ledger(rec->core, &ledger);
    record_put(rec, DMASHARE_RECORD_LEDGER, false, &ledger, sizeof(ledger),
               NULL, 0);
}

bool dmashare_record_stop(DmashareCore *core, enum dmashare_record_reason why,
                          DmashareRecordSummary *summary, Error **errp)
{
    DmashareRecorder *rec = core->recorder;
    bool ok;

    if (!rec) {
        error_setg(errp, "dmashare: the device is not being recorded");
        return false;
    }
    /* At one time, as everything that belongs together. */
    dmashare_clock_enter(&core->clock);
    if (!rec->ended) {
        record_state(rec);
    }
    if (!rec->ended) {
        record_end(rec, why);
    }
    dmashare_clock_leave(&core->clock);
    core->bus.ops = rec->bus.ops;
    core->bus.opaque = rec->bus.opaque;
    core->journal.watch = NULL;
    core->recorder = NULL;
    *summary = (DmashareRecordSummary) {
        .records = rec->records,
        .bytes = rec->bytes,
        .complete = rec->why == DMASHARE_RECORD_STOPPED ||
                    rec->why == DMASHARE_RECORD_GONE,
    };
    ok = dmashare_record_file_close(rec->file, errp);
    g_hash_table_destroy(rec->known);
    g_free(rec);
    return ok;
}
