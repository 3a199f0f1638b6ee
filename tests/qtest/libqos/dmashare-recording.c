/*
 * libqos helper for dmashare: recordings as files
 *
 * Every byte of a file is looked at before any of it is used: the sizes of
 * all records, their checksums, and whatever a value can be wrong in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/timer.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "dmashare-recording.h"

/* A month: the machine of a replay has to go through it, at a day a second. */
#define DEVICE_TIME_MAX (31ULL * 24 * 3600 * NANOSECONDS_PER_SECOND)
#define PROPERTIES_MAX  64
/* Ids that were used up before; a replay does so, too. */
#define IDS_MAX         10000

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_record_file) !=
                  DMASHARE_RECORD_FILE_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_record) != DMASHARE_RECORD_SIZE);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_record_memory) !=
                  sizeof(QDmashareAccess));

/* What a recording may have QEMU do. */
static const char *const commands[] = {
    "dmashare-evict",
    "dmashare-fault-add",
    "dmashare-fault-remove",
    "dmashare-fence-batch",
    "dmashare-fence-hold",
    "dmashare-fence-release",
    "dmashare-local-poison",
    "dmashare-pci-fault",
};

/* What a device may be made with: nothing that reaches out of it. */
static const char *const properties[] = {
    "bandwidth", "boundary", "cache-size", "coherent", "dma-bits",
    "job-queues", "journal-size", "latency", "local-size", "max-attachments",
    "max-buffers", "max-entries", "max-job-bytes", "max-mappings",
    "max-segment-size", "max-segments", "max-total-segments", "timelines",
    "watchdog",
};

static bool listed(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (g_str_equal(list[i], name)) {
            return true;
        }
    }
    return false;
}

/* Where reading is, and what is known so far. */
typedef struct Reader {
    QDmashareRecording *r;
    uint64_t pos;
    uint64_t time;
    unsigned properties;
    bool ended;
    char *error;
} Reader;

static bool G_GNUC_PRINTF(2, 3) bad(Reader *rd, const char *fmt, ...)
{
    va_list ap;

    g_free(rd->error);
    va_start(ap, fmt);
    rd->error = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return false;
}

static uint32_t crc_of(const void *bytes, size_t len)
{
    return crc32c(0xffffffff, bytes, len);
}

static bool all_zero(const uint8_t *p, size_t len)
{
    while (len--) {
        if (*p++) {
            return false;
        }
    }
    return true;
}

/*
 * Payloads
 */

static bool check_property(Reader *rd, const QDmashareRecord *rec)
{
    const struct dmashare_record_property *p = (const void *)rec->payload;
    size_t len = strnlen((const char *)p->name, sizeof(p->name));

    if (rd->r->first_step != UINT64_MAX) {
        return bad(rd, "a property after the first step");
    }
    if (++rd->properties > PROPERTIES_MAX) {
        return bad(rd, "more than %d properties", PROPERTIES_MAX);
    }
    if (len == sizeof(p->name) ||
        !all_zero(p->name + len, sizeof(p->name) - len) ||
        !listed(properties, ARRAY_SIZE(properties), (const char *)p->name)) {
        return bad(rd, "no property that is known here");
    }
    if (g_str_equal(p->name, "local-size")) {
        rd->r->local_size = ldq_le_p(&p->value);
    }
    return true;
}

static bool check_reg(Reader *rd, const QDmashareRecord *rec)
{
    const struct dmashare_record_reg *p = (const void *)rec->payload;
    uint32_t offset = ldl_le_p(&p->offset), size = ldl_le_p(&p->size);

    if ((size != 1 && size != 2 && size != 4 && size != 8) ||
        offset >= DMASHARE_REGS_SIZE || size > DMASHARE_REGS_SIZE - offset) {
        return bad(rd, "%u bytes at 0x%x are not registers", size, offset);
    }
    return true;
}

static bool check_command(Reader *rd, const QDmashareRecord *rec)
{
    const char *name = (const char *)rec->payload;
    size_t len = strnlen(name, rec->size);
    QObject *arguments;
    bool ok;

    if (len == rec->size || rec->payload[rec->size - 1] ||
        len + 1 == rec->size ||
        strnlen(name + len + 1, rec->size - len - 1) + len + 2 != rec->size) {
        return bad(rd, "a command is a name and arguments, each ending in a "
                   "zero");
    }
    if (!listed(commands, ARRAY_SIZE(commands), name)) {
        return bad(rd, "no command that a recording may have");
    }
    arguments = qobject_from_json(name + len + 1, NULL);
    ok = qobject_to(QDict, arguments) &&
         !qdict_haskey(qobject_to(QDict, arguments), "path");
    qobject_unref(arguments);
    return ok || bad(rd, "the arguments of %s are none", name);
}

static bool check_memory(Reader *rd, const QDmashareRecord *rec)
{
    QDmashareAccess m = qdmashare_record_memory(rec);
    bool local = rec->type >= DMASHARE_RECORD_LOCAL_READ;
    bool read = rec->type == DMASHARE_RECORD_DMA_READ ||
                rec->type == DMASHARE_RECORD_LOCAL_READ;
    bool zero = rec->type == DMASHARE_RECORD_LOCAL_ZERO;
    uint64_t given = 0;

    if (!m.length || m.addr + (m.length - 1) < m.addr || m.reserved) {
        return bad(rd, "a range that is none");
    }
    if (local && (m.addr >= rd->r->local_size ||
                  m.length > rd->r->local_size - m.addr)) {
        return bad(rd, "a range past the end of local memory");
    }
    if (m.status != DMASHARE_STATUS_OK &&
        (local || (m.status != DMASHARE_STATUS_FAULT_TRANSLATION &&
                   m.status != DMASHARE_STATUS_FAULT_BUS_MASTER))) {
        return bad(rd, "status 0x%x", m.status);
    }
    if ((!local || read) && m.length > DMASHARE_RECORD_DATA_MAX) {
        return bad(rd, "%" PRIu64 " bytes at once", m.length);
    }
    if (!m.status && !zero && m.length <= DMASHARE_RECORD_INLINE_MAX) {
        given = m.length;
    }
    if (rec->size - sizeof(m) != given) {
        return bad(rd, "%zu bytes of data instead of %" PRIu64,
                   rec->size - sizeof(m), given);
    }
    if (m.status || zero ? m.crc != 0
                         : given && m.crc != crc_of(rec->payload + sizeof(m),
                                                    given)) {
        return bad(rd, "the checksum of the data is wrong");
    }
    if (read && !m.status && !given) {
        QDmashareRecord data;

        if (m.data >= rd->r->data->len) {
            return bad(rd, "there is no data %" PRIu64, m.data);
        }
        data = qdmashare_recording_get(rd->r,
                                       g_array_index(rd->r->data, uint64_t,
                                                     m.data));
        if (data.size != m.length || m.crc != crc_of(data.payload, data.size)) {
            return bad(rd, "data %" PRIu64 " is not that", m.data);
        }
    } else if (m.data != UINT64_MAX) {
        return bad(rd, "data where there is none");
    }
    return true;
}

static bool check_end(Reader *rd, const QDmashareRecord *rec)
{
    const struct dmashare_record_end *p = (const void *)rec->payload;

    rd->r->reason = ldl_le_p(&p->reason);
    if (rd->r->reason > DMASHARE_RECORD_BEHIND || p->reserved) {
        return bad(rd, "an end for no known reason");
    }
    if (ldq_le_p(&p->records) != rec->number ||
        ldq_le_p(&p->steps) != rd->r->steps ||
        ldq_le_p(&p->data) != rd->r->data->len) {
        return bad(rd, "the end counts other records than there are");
    }
    rd->ended = true;
    rd->r->end_time = rec->time;
    return true;
}

static bool check_small(Reader *rd, const QDmashareRecord *rec)
{
    uint32_t value = ldl_le_p(rec->payload);

    if (rec->type == DMASHARE_RECORD_BUS_MASTER && value > 1) {
        return bad(rd, "Bus Master Enable is 0 or 1");
    }
    if (rec->type == DMASHARE_RECORD_INTERRUPT &&
        value >= DMASHARE_NUM_VECTORS(DMASHARE_MAX_JOB_QUEUES)) {
        return bad(rd, "there is no vector %u", value);
    }
    return true;
}

/* What payloads there are: of which size, and whose. */
static const struct {
    const char *name;
    uint32_t min;
    uint32_t max;
    bool step;
    bool (*check)(Reader *rd, const QDmashareRecord *rec);
} types[] = {
    [DMASHARE_RECORD_PROPERTY] = {
        "property", 40, 40, false, check_property },
    [DMASHARE_RECORD_REG_WRITE] = {
        "register write", 16, 16, true, check_reg },
    [DMASHARE_RECORD_REG_READ] = {
        "register read", 16, 16, true, check_reg },
    [DMASHARE_RECORD_TIMER] = { "timer", 4, 4, true, check_small },
    [DMASHARE_RECORD_RESET] = { "reset", 0, 0, true, NULL },
    [DMASHARE_RECORD_BUS_MASTER] = {
        "Bus Master Enable", 4, 4, true, check_small },
    [DMASHARE_RECORD_COMMAND] = {
        "command", 4, DMASHARE_RECORD_MAX, true, check_command },
    [DMASHARE_RECORD_UNKNOWN] = { "unknown step", 0, 0, true, NULL },
    [DMASHARE_RECORD_DMA_READ] = {
        "DMA read", 32, 32 + DMASHARE_RECORD_INLINE_MAX, false, check_memory },
    [DMASHARE_RECORD_DMA_WRITE] = {
        "DMA write", 32, 32 + DMASHARE_RECORD_INLINE_MAX, false,
        check_memory },
    [DMASHARE_RECORD_LOCAL_READ] = {
        "read of local memory", 32, 32 + DMASHARE_RECORD_INLINE_MAX, false,
        check_memory },
    [DMASHARE_RECORD_LOCAL_WRITE] = {
        "write of local memory", 32, 32 + DMASHARE_RECORD_INLINE_MAX, false,
        check_memory },
    [DMASHARE_RECORD_LOCAL_ZERO] = {
        "local memory given back", 32, 32, false, check_memory },
    [DMASHARE_RECORD_INTERRUPT] = { "interrupt", 4, 4, false, check_small },
    [DMASHARE_RECORD_JOURNAL] = { "journal entry", 64, 64, false, NULL },
    [DMASHARE_RECORD_DATA] = {
        "data", DMASHARE_RECORD_INLINE_MAX + 1, DMASHARE_RECORD_DATA_MAX,
        false, NULL },
    [DMASHARE_RECORD_LEDGER] = {
        "ledger", sizeof(struct dmashare_ledger),
        sizeof(struct dmashare_ledger), false, NULL },
    [DMASHARE_RECORD_END] = { "end", 32, 32, false, check_end },
};

/*
 * The file
 */

static bool read_head(Reader *rd)
{
    QDmashareRecording *r = rd->r;
    const struct dmashare_record_file *le = (const void *)r->bytes;

    if (r->size < sizeof(*le) ||
        memcmp(le->magic, DMASHARE_RECORD_MAGIC, sizeof(le->magic))) {
        return bad(rd, "it is no recording of a dmashare device");
    }
    r->head = (struct dmashare_record_file) {
        .major = lduw_le_p(&le->major),
        .minor = lduw_le_p(&le->minor),
        .size = ldl_le_p(&le->size),
        .interface = ldl_le_p(&le->interface),
        .bus_master = ldl_le_p(&le->bus_master),
        .start = ldq_le_p(&le->start),
        .granule = ldl_le_p(&le->granule),
        .next_rule = ldl_le_p(&le->next_rule),
        .next_hold = ldl_le_p(&le->next_hold),
    };
    if (r->head.major != DMASHARE_RECORD_MAJOR ||
        r->head.minor > DMASHARE_RECORD_MINOR) {
        return bad(rd, "its format has version %u.%u; this program knows "
                   "%d.0 to %d.%d", r->head.major, r->head.minor,
                   DMASHARE_RECORD_MAJOR, DMASHARE_RECORD_MAJOR,
                   DMASHARE_RECORD_MINOR);
    }
    if (r->head.size != sizeof(*le) ||
        ldl_le_p(&le->crc) != crc_of(le, offsetof(typeof(*le), crc))) {
        return bad(rd, "its header is damaged");
    }
    if (r->head.interface != (DMASHARE_VERSION_MAJOR << 16 |
                              DMASHARE_VERSION_MINOR)) {
        return bad(rd, "its device has interface %u.%u; there is %d.%d here",
                   r->head.interface >> 16, r->head.interface & 0xffff,
                   DMASHARE_VERSION_MAJOR, DMASHARE_VERSION_MINOR);
    }
    if (!r->head.next_rule || r->head.next_rule > IDS_MAX ||
        !r->head.next_hold || r->head.next_hold > IDS_MAX) {
        return bad(rd, "its first rule and hold have the ids %u and %u; "
                   "permitted are 1 to %d", r->head.next_rule,
                   r->head.next_hold, IDS_MAX);
    }
    if (r->head.bus_master > 1 || r->head.start > DEVICE_TIME_MAX ||
        !all_zero(le->reserved, sizeof(le->reserved))) {
        return bad(rd, "its header has values that cannot be");
    }
    rd->pos = sizeof(*le);
    rd->time = r->head.start;
    return true;
}

static bool check_record(Reader *rd, const QDmashareRecord *rec,
                         uint16_t flags, uint32_t reserved)
{
    QDmashareRecording *r = rd->r;

    if (rec->type >= ARRAY_SIZE(types) || !types[rec->type].name) {
        return bad(rd, "type %u is unknown", rec->type);
    }
    if (flags & ~DMASHARE_RECORD_F_STEP || reserved ||
        (rec->step && !types[rec->type].step)) {
        return bad(rd, "flags 0x%x of a %s", flags, types[rec->type].name);
    }
    if (rec->size < types[rec->type].min || rec->size > types[rec->type].max) {
        return bad(rd, "a %s of %u bytes", types[rec->type].name, rec->size);
    }
    if (rec->number != r->at->len) {
        return bad(rd, "it says that it is number %" PRIu64, rec->number);
    }
    if (rec->time < rd->time || rec->time > DEVICE_TIME_MAX) {
        return bad(rd, "time %" PRIu64 " after %" PRIu64, rec->time, rd->time);
    }
    if (r->first_step == UINT64_MAX && !rec->step &&
        types[rec->type].check == check_memory) {
        return bad(rd, "a %s before the first step", types[rec->type].name);
    }
    return !types[rec->type].check || types[rec->type].check(rd, rec);
}

/* One record. Returns false at the end, or when something is wrong. */
static bool read_record(Reader *rd)
{
    QDmashareRecording *r = rd->r;
    const struct dmashare_record *le = (const void *)(r->bytes + rd->pos);
    uint64_t left = r->size - rd->pos;
    QDmashareRecord rec;
    uint32_t payload;
    uint64_t size;
    uint32_t crc;

    if (rd->ended) {
        return left ? bad(rd, "there is more behind the end") : false;
    }
    payload = left < sizeof(*le) ? 0 : ldl_le_p(&le->size);
    size = sizeof(*le) + ROUND_UP((uint64_t)payload, 8);
    if (left < size) {
        r->cut = true;
        return bad(rd, "the file breaks off there");
    }
    rec = (QDmashareRecord) {
        .type = lduw_le_p(&le->type),
        .step = lduw_le_p(&le->flags) & DMASHARE_RECORD_F_STEP,
        .size = payload,
        .number = ldq_le_p(&le->number),
        .time = ldq_le_p(&le->time),
        .payload = (const uint8_t *)(le + 1),
    };
    crc = crc_of(le, offsetof(struct dmashare_record, crc));
    crc = crc32c(crc ^ 0xffffffff, rec.payload, rec.size);
    if (crc != ldl_le_p(&le->crc)) {
        return bad(rd, "the checksum is wrong");
    }
    if (!all_zero(rec.payload + rec.size, size - sizeof(*le) - rec.size)) {
        return bad(rd, "the padding is not zero");
    }
    if (!check_record(rd, &rec, lduw_le_p(&le->flags),
                      ldl_le_p(&le->reserved))) {
        return false;
    }

    rd->time = rec.time;
    if (rec.step) {
        r->steps++;
        r->first_step = MIN(r->first_step, rec.number);
    }
    if (rec.type == DMASHARE_RECORD_DATA) {
        g_array_append_val(r->data, rec.number);
    }
    g_array_append_val(r->at, rd->pos);
    rd->pos += size;
    return true;
}

QDmashareRecording *qdmashare_recording_load(const char *filename,
                                             bool truncated, char **error)
{
    g_autoptr(QDmashareRecording) r = g_new0(QDmashareRecording, 1);
    g_autoptr(GError) err = NULL;
    Reader rd = { .r = r };
    struct stat st;

    r->at = g_array_new(false, false, sizeof(uint64_t));
    r->data = g_array_new(false, false, sizeof(uint64_t));
    r->first_step = UINT64_MAX;
    if (stat(filename, &st) < 0) {
        *error = g_strdup_printf("%s: %s", filename, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        *error = g_strdup_printf("%s: it is not a regular file", filename);
        return NULL;
    }
    r->file = g_mapped_file_new(filename, false, &err);
    if (!r->file) {
        *error = g_strdup(err->message);
        return NULL;
    }
    r->bytes = (const uint8_t *)g_mapped_file_get_contents(r->file);
    r->size = g_mapped_file_get_length(r->file);

    if (!read_head(&rd)) {
        *error = g_strdup_printf("%s: %s", filename, rd.error);
        g_free(rd.error);
        return NULL;
    }
    while (read_record(&rd)) {
        ;
    }
    if (r->cut && truncated) {
        g_clear_pointer(&rd.error, g_free);
        r->reason = DMASHARE_RECORD_FULL;
        r->end_time = rd.time;
    }
    if (rd.error) {
        *error = g_strdup_printf("%s: record %u at byte %" PRIu64 ": %s",
                                 filename, r->at->len, rd.pos, rd.error);
        g_free(rd.error);
        return NULL;
    }
    return g_steal_pointer(&r);
}

void qdmashare_recording_free(QDmashareRecording *r)
{
    if (r->file) {
        g_mapped_file_unref(r->file);
    }
    g_array_unref(r->at);
    g_array_unref(r->data);
    g_free(r);
}

uint64_t qdmashare_recording_count(const QDmashareRecording *r)
{
    return r->at->len;
}

QDmashareRecord qdmashare_recording_get(const QDmashareRecording *r,
                                        uint64_t number)
{
    const struct dmashare_record *le =
        (const void *)(r->bytes + g_array_index(r->at, uint64_t, number));

    return (QDmashareRecord) {
        .type = lduw_le_p(&le->type),
        .step = lduw_le_p(&le->flags) & DMASHARE_RECORD_F_STEP,
        .size = ldl_le_p(&le->size),
        .number = ldq_le_p(&le->number),
        .time = ldq_le_p(&le->time),
        .payload = (const uint8_t *)(le + 1),
    };
}

bool qdmashare_record_is_memory(const QDmashareRecord *rec)
{
    return types[rec->type].check == check_memory;
}

QDmashareAccess qdmashare_record_memory(const QDmashareRecord *rec)
{
    const struct dmashare_record_memory *le = (const void *)rec->payload;

    return (QDmashareAccess) {
        .addr = ldq_le_p(&le->addr),
        .length = ldq_le_p(&le->length),
        .data = ldq_le_p(&le->data),
        .crc = ldl_le_p(&le->crc),
        .status = lduw_le_p(&le->status),
        .reserved = lduw_le_p(&le->reserved),
    };
}

const uint8_t *qdmashare_record_bytes(const QDmashareRecording *r,
                                      const QDmashareRecord *rec)
{
    QDmashareAccess m = qdmashare_record_memory(rec);

    if (rec->size > sizeof(m)) {
        return rec->payload + sizeof(m);
    }
    if (m.data == UINT64_MAX) {
        return NULL;
    }
    return qdmashare_recording_get(r, g_array_index(r->data, uint64_t,
                                                    m.data)).payload;
}

char *qdmashare_record_text(const QDmashareRecord *rec)
{
    const char *name = types[rec->type].name;
    const struct dmashare_record_reg *reg = (const void *)rec->payload;
    const struct dmashare_record_journal *j = (const void *)rec->payload;
    GString *text = g_string_new(name);

    switch (rec->type) {
    case DMASHARE_RECORD_REG_WRITE:
    case DMASHARE_RECORD_REG_READ:
        g_string_append_printf(text, " of %u bytes at 0x%x: 0x%" PRIx64,
                               ldl_le_p(&reg->size), ldl_le_p(&reg->offset),
                               ldq_le_p(&reg->value));
        break;
    case DMASHARE_RECORD_TIMER:
    case DMASHARE_RECORD_BUS_MASTER:
    case DMASHARE_RECORD_INTERRUPT:
        g_string_append_printf(text, " %u", ldl_le_p(rec->payload));
        break;
    case DMASHARE_RECORD_COMMAND:
        g_string_append_printf(text, " %s", (const char *)rec->payload);
        break;
    case DMASHARE_RECORD_JOURNAL:
        g_string_append_printf(text, " %" PRIu64 ": operation %u, actor %u, "
                               "status 0x%x, error %u, arg 0x%" PRIx64
                               ", queue %d, buffer %d, object %d, timeline %d,"
                               " seqno %" PRId64 ", bytes %" PRId64,
                               ldq_le_p(&j->sequence), ldl_le_p(&j->operation),
                               ldl_le_p(&j->actor), lduw_le_p(&j->status),
                               lduw_le_p(&j->error), ldq_le_p(&j->arg),
                               ldl_le_p(&j->queue), ldl_le_p(&j->buffer),
                               ldl_le_p(&j->object), ldl_le_p(&j->timeline),
                               ldq_le_p(&j->seqno), ldq_le_p(&j->bytes));
        break;
    default:
        break;
    }
    if (qdmashare_record_is_memory(rec)) {
        QDmashareAccess m = qdmashare_record_memory(rec);

        g_string_append_printf(text, " of %" PRIu64 " bytes at 0x%" PRIx64
                               ", status 0x%x, CRC %08x", m.length, m.addr,
                               m.status, m.crc);
    }
    return g_string_free(text, false);
}
