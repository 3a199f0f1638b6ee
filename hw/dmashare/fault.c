// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: fault rules
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qapi/error.h"
#include "dmashare/abi.h"
#include "hw/dmashare/fault.h"
#include "hw/dmashare/random.h"
#include "trace.h"

/*
 * What can be said of what
 */

typedef enum MatchMember {
    MATCH_OPCODE,
    MATCH_QUEUE,
    MATCH_BUFFER,
    MATCH_MAPPING,
    MATCH_TIMELINE,
    MATCH_VECTOR,
    MATCH__MAX,
} MatchMember;

static const char *const match_names[MATCH__MAX] = {
    [MATCH_OPCODE] = "opcode",
    [MATCH_QUEUE] = "queue",
    [MATCH_BUFFER] = "buffer",
    [MATCH_MAPPING] = "mapping",
    [MATCH_TIMELINE] = "timeline",
    [MATCH_VECTOR] = "vector",
};

#define ACTION(name)    (1u << DMASHARE_FAULT_ACTION_##name)
#define MATCH(name)     (1u << MATCH_##name)

/**
 * @actions: that mean something there
 * @members: of the match that do
 */
static const struct {
    unsigned actions;
    unsigned members;
} permitted[DMASHARE_FAULT_WHERE__MAX] = {
    [DMASHARE_FAULT_WHERE_COMMAND] = {
        .actions = ACTION(FAIL) | ACTION(FATAL),
        .members = MATCH(OPCODE) | MATCH(BUFFER) | MATCH(MAPPING),
    },
    [DMASHARE_FAULT_WHERE_JOB] = {
        .actions = ACTION(FAIL) | ACTION(DELAY) | ACTION(HANG) |
                   ACTION(FATAL),
        .members = MATCH(OPCODE) | MATCH(QUEUE) | MATCH(BUFFER) |
                   MATCH(MAPPING) | MATCH(TIMELINE),
    },
    [DMASHARE_FAULT_WHERE_DMA_READ] = {
        .actions = ACTION(FAIL),
        .members = MATCH(QUEUE) | MATCH(BUFFER) | MATCH(MAPPING),
    },
    [DMASHARE_FAULT_WHERE_DMA_WRITE] = {
        .actions = ACTION(FAIL),
        .members = MATCH(QUEUE) | MATCH(BUFFER) | MATCH(MAPPING),
    },
    [DMASHARE_FAULT_WHERE_INTERRUPT] = {
        .actions = ACTION(DROP) | ACTION(DELAY) | ACTION(DUPLICATE),
        .members = MATCH(VECTOR),
    },
    [DMASHARE_FAULT_WHERE_QUEUE] = {
        .actions = ACTION(STALL) | ACTION(FATAL),
        .members = MATCH(QUEUE),
    },
    [DMASHARE_FAULT_WHERE_FENCE_MEMORY] = {
        .actions = ACTION(DROP) | ACTION(DELAY),
        .members = MATCH(TIMELINE),
    },
};

static const uint8_t opcodes[DMASHARE_OPCODE__MAX] = {
    [DMASHARE_OPCODE_NOP] = DMASHARE_OP_NOP,
    [DMASHARE_OPCODE_BUFFER_CREATE] = DMASHARE_OP_BUFFER_CREATE,
    [DMASHARE_OPCODE_BUFFER_DESTROY] = DMASHARE_OP_BUFFER_DESTROY,
    [DMASHARE_OPCODE_ATTACH] = DMASHARE_OP_ATTACH,
    [DMASHARE_OPCODE_DETACH] = DMASHARE_OP_DETACH,
    [DMASHARE_OPCODE_MAP] = DMASHARE_OP_MAP,
    [DMASHARE_OPCODE_UNMAP] = DMASHARE_OP_UNMAP,
    [DMASHARE_OPCODE_NOTE] = DMASHARE_OP_NOTE,
    [DMASHARE_OPCODE_QUERY_LEDGER] = DMASHARE_OP_QUERY_LEDGER,
    [DMASHARE_OPCODE_PLACE] = DMASHARE_OP_PLACE,
    [DMASHARE_OPCODE_SYNC] = DMASHARE_OP_SYNC,
    [DMASHARE_OPCODE_SHARE] = DMASHARE_OP_SHARE,
    [DMASHARE_OPCODE_UNSHARE] = DMASHARE_OP_UNSHARE,
    [DMASHARE_OPCODE_PUBLISH] = DMASHARE_OP_PUBLISH,
    [DMASHARE_OPCODE_GRANT] = DMASHARE_OP_GRANT,
    [DMASHARE_OPCODE_PEER_QUERY] = DMASHARE_OP_PEER_QUERY,
    [DMASHARE_OPCODE_PEER_MAP] = DMASHARE_OP_PEER_MAP,
    [DMASHARE_OPCODE_PEER_UNMAP] = DMASHARE_OP_PEER_UNMAP,
    [DMASHARE_OPCODE_PEER_ACQUIRE] = DMASHARE_OP_PEER_ACQUIRE,
    [DMASHARE_OPCODE_PEER_RELEASE] = DMASHARE_OP_PEER_RELEASE,
    [DMASHARE_OPCODE_CONTEXT_CREATE] = DMASHARE_OP_CONTEXT_CREATE,
    [DMASHARE_OPCODE_CONTEXT_DESTROY] = DMASHARE_OP_CONTEXT_DESTROY,
    [DMASHARE_OPCODE_RESOURCE_CREATE] = DMASHARE_OP_RESOURCE_CREATE,
    [DMASHARE_OPCODE_RESOURCE_DESTROY] = DMASHARE_OP_RESOURCE_DESTROY,
    [DMASHARE_OPCODE_RESOURCE_ADD] = DMASHARE_OP_RESOURCE_ADD,
    [DMASHARE_OPCODE_RESOURCE_REMOVE] = DMASHARE_OP_RESOURCE_REMOVE,
    [DMASHARE_OPCODE_QUERY_CAPSET] = DMASHARE_OP_QUERY_CAPSET,
    [DMASHARE_OPCODE_NOOP] = DMASHARE_OP_JOB_NOOP,
    [DMASHARE_OPCODE_COPY] = DMASHARE_OP_JOB_COPY,
    [DMASHARE_OPCODE_FILL] = DMASHARE_OP_JOB_FILL,
    [DMASHARE_OPCODE_CHECKSUM] = DMASHARE_OP_JOB_CHECKSUM,
    [DMASHARE_OPCODE_RENDER] = DMASHARE_OP_JOB_RENDER,
    [DMASHARE_OPCODE_UPLOAD] = DMASHARE_OP_JOB_UPLOAD,
    [DMASHARE_OPCODE_DOWNLOAD] = DMASHARE_OP_JOB_DOWNLOAD,
};

static const uint16_t errnos[DMASHARE_ERRNO__MAX] = {
    [DMASHARE_ERRNO_EPERM] = 1,
    [DMASHARE_ERRNO_ENOENT] = 2,
    [DMASHARE_ERRNO_EIO] = 5,
    [DMASHARE_ERRNO_EAGAIN] = 11,
    [DMASHARE_ERRNO_ENOMEM] = 12,
    [DMASHARE_ERRNO_EACCES] = 13,
    [DMASHARE_ERRNO_EFAULT] = 14,
    [DMASHARE_ERRNO_EBUSY] = 16,
    [DMASHARE_ERRNO_ENODEV] = 19,
    [DMASHARE_ERRNO_EINVAL] = 22,
    [DMASHARE_ERRNO_ENOSPC] = 28,
    [DMASHARE_ERRNO_ERANGE] = 34,
    [DMASHARE_ERRNO_EDEADLK] = 35,
    [DMASHARE_ERRNO_ETIME] = 62,
    [DMASHARE_ERRNO_EPROTO] = 71,
    [DMASHARE_ERRNO_EOPNOTSUPP] = 95,
    [DMASHARE_ERRNO_ECONNRESET] = 104,
    [DMASHARE_ERRNO_ETIMEDOUT] = 110,
    [DMASHARE_ERRNO_ESTALE] = 116,
    [DMASHARE_ERRNO_ECANCELED] = 125,
    [DMASHARE_ERRNO_ENOTRECOVERABLE] = 131,
};

uint16_t dmashare_errno_number(DmashareErrno error)
{
    return errnos[error];
}

static bool opcode_is_job(DmashareOpcode opcode)
{
    return opcodes[opcode] >= DMASHARE_OP_JOB_NOOP;
}

/* The names of the bits that are set, for people. */
static char *names(uint64_t set, unsigned n, const char *(*name)(unsigned))
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < n; i++) {
        if (!(set & (1ULL << i))) {
            continue;
        }
        set &= ~(1ULL << i);
        g_string_append_printf(text, "%s'%s'",
                               !text->len ? "" : set ? ", " : " or ", name(i));
    }
    return g_string_free(text, false);
}

static const char *action_name(unsigned action)
{
    return DmashareFaultAction_str(action);
}

static const char *match_name(unsigned member)
{
    return match_names[member];
}

static const char *opcode_name(unsigned opcode)
{
    return DmashareOpcode_str(opcode);
}

static bool action_check(const DmashareFaultRule *rule, Error **errp)
{
    unsigned actions = permitted[rule->where].actions;
    g_autofree char *text = NULL;

    if (actions & (1u << rule->action)) {
        return true;
    }
    text = names(actions, DMASHARE_FAULT_ACTION__MAX, action_name);
    error_setg(errp, "Parameter 'rule.action' expects %s where '%s'", text,
               DmashareFaultWhere_str(rule->where));
    return false;
}

static unsigned match_members(const DmashareFaultMatch *match)
{
    return (match->has_opcode ? MATCH(OPCODE) : 0) |
           (match->has_queue ? MATCH(QUEUE) : 0) |
           (match->has_buffer ? MATCH(BUFFER) : 0) |
           (match->has_mapping ? MATCH(MAPPING) : 0) |
           (match->has_timeline ? MATCH(TIMELINE) : 0) |
           (match->has_vector ? MATCH(VECTOR) : 0);
}

static bool in_range(const char *name, bool present, uint64_t value,
                     uint64_t min, uint64_t max, Error **errp)
{
    if (present && (value < min || value > max)) {
        error_setg(errp, "Parameter 'rule.%s' expects a value from %" PRIu64
                   " to %" PRIu64, name, min, max);
        return false;
    }
    return true;
}

static bool opcode_check(DmashareFaultWhere where, DmashareOpcode opcode,
                         Error **errp)
{
    bool job = where == DMASHARE_FAULT_WHERE_JOB;
    g_autofree char *text = NULL;
    uint64_t set = 0;

    QEMU_BUILD_BUG_ON(DMASHARE_OPCODE__MAX > 64);
    if (opcode_is_job(opcode) == job) {
        return true;
    }
    for (unsigned i = 0; i < DMASHARE_OPCODE__MAX; i++) {
        if (opcode_is_job(i) == job) {
            set |= 1ULL << i;
        }
    }
    text = names(set, DMASHARE_OPCODE__MAX, opcode_name);
    error_setg(errp, "Parameter 'rule.match.opcode' expects %s where '%s'",
               text, DmashareFaultWhere_str(where));
    return false;
}

static bool match_check(const DmashareFaults *faults,
                        const DmashareFaultRule *rule, Error **errp)
{
    const DmashareFaultMatch *match = rule->match;
    bool control = rule->where == DMASHARE_FAULT_WHERE_QUEUE;
    unsigned stray;

    if (!match) {
        return true;
    }
    stray = match_members(match) & ~permitted[rule->where].members;
    if (stray) {
        g_autofree char *text = names(permitted[rule->where].members,
                                      MATCH__MAX, match_name);

        error_setg(errp, "Parameter 'rule.match.%s' means nothing where '%s'; "
                   "permitted are %s", match_names[ctz32(stray)],
                   DmashareFaultWhere_str(rule->where), text);
        return false;
    }
    if (match->has_opcode && !opcode_check(rule->where, match->opcode, errp)) {
        return false;
    }
    /* Jobs, and with them engines, are on job queues. */
    return in_range("match.queue", match->has_queue, match->queue,
                    control ? 0 : 1, faults->limits.queues - 1, errp) &&
           in_range("match.buffer", match->has_buffer, match->buffer, 1,
                    DMASHARE_NO_ID - 1, errp) &&
           in_range("match.mapping", match->has_mapping, match->mapping, 1,
                    DMASHARE_NO_ID - 1, errp) &&
           in_range("match.timeline", match->has_timeline, match->timeline, 0,
                    faults->limits.timelines - 1, errp) &&
           in_range("match.vector", match->has_vector, match->vector, 0,
                    faults->limits.vectors - 1, errp);
}

static bool error_check(const DmashareFaultRule *rule, Error **errp)
{
    if (rule->has_error && rule->action != DMASHARE_FAULT_ACTION_FAIL) {
        error_setg(errp, "Parameter 'rule.error' means nothing with action "
                   "'%s'; permitted is 'fail'",
                   DmashareFaultAction_str(rule->action));
        return false;
    }
    if (rule->has_error && rule->error == DMASHARE_ERRNO_NONE) {
        error_setg(errp, "Parameter 'rule.error' expects an error, not "
                   "'none'");
        return false;
    }
    return true;
}

static bool delay_check(const DmashareFaultRule *rule, Error **errp)
{
    bool wanted = rule->action == DMASHARE_FAULT_ACTION_DELAY;

    if (rule->has_delay && !wanted) {
        error_setg(errp, "Parameter 'rule.delay' means nothing with action "
                   "'%s'; permitted is 'delay'",
                   DmashareFaultAction_str(rule->action));
        return false;
    }
    if (wanted && !rule->has_delay) {
        error_setg(errp, "Parameter 'rule.delay' is missing, which action "
                   "'delay' needs; permitted are 1 to %" PRIu64 " ns",
                   (uint64_t)DMASHARE_RULE_DELAY_MAX);
        return false;
    }
    return in_range("delay", rule->has_delay, rule->delay, 1,
                    DMASHARE_RULE_DELAY_MAX, errp);
}

/*
 * The rules
 */

void dmashare_faults_init(DmashareFaults *faults,
                          const DmashareFaultLimits *limits,
                          DmashareJournal *journal,
                          const DmashareNotify *notify)
{
    memset(faults, 0, sizeof(*faults));
    faults->limits = *limits;
    faults->journal = journal;
    faults->notify = notify;
    faults->rules = g_ptr_array_new_with_free_func(g_free);
    faults->next_id = 1;
}

void dmashare_faults_destroy(DmashareFaults *faults)
{
    g_clear_pointer(&faults->rules, g_ptr_array_unref);
    memset(faults->at, 0, sizeof(faults->at));
}

static DmashareRule *rule_at(const DmashareFaults *faults, unsigned i)
{
    return g_ptr_array_index(faults->rules, i);
}

static void fault_changed(DmashareFaults *faults, uint32_t id, bool added)
{
    DmashareJournalRecord record = DMASHARE_RECORD(
        DMASHARE_OPERATION_FAULT_CHANGE, DMASHARE_ACTOR_HARNESS);

    record.arg = id;
    trace_dmashare_fault_change(id, added);
    dmashare_journal_add(faults->journal, &record);
}

uint32_t dmashare_fault_add(DmashareFaults *faults,
                            const DmashareFaultRule *from, Error **errp)
{
    DmashareRule *rule;

    if (faults->rules->len == DMASHARE_MAX_RULES) {
        error_setg(errp, "dmashare: there are %u fault rules, which is the "
                   "most; remove one", DMASHARE_MAX_RULES);
        return 0;
    }
    if (faults->next_id == DMASHARE_NO_ID) {
        error_setg(errp, "dmashare: there are no more ids for fault rules");
        return 0;
    }
    if (!action_check(from, errp) || !match_check(faults, from, errp) ||
        !in_range("probability", from->has_probability, from->probability, 1,
                  1000, errp) ||
        !error_check(from, errp) || !delay_check(from, errp)) {
        return 0;
    }

    rule = g_new0(DmashareRule, 1);
    rule->id = faults->next_id++;
    rule->where = from->where;
    rule->action = from->action;
    if (from->match) {
        rule->match = *from->match;
        rule->opcode = rule->match.has_opcode ? opcodes[rule->match.opcode]
                                              : 0;
    }
    rule->after = from->has_after ? from->after : 0;
    rule->times = from->has_times ? from->times : 1;
    rule->probability = from->has_probability ? from->probability : 1000;
    rule->seed = from->has_seed ? from->seed : 0;
    rule->random = rule->seed;
    if (rule->action == DMASHARE_FAULT_ACTION_FAIL) {
        rule->error = from->has_error ? from->error : DMASHARE_ERRNO_EIO;
    }
    rule->delay = from->has_delay ? from->delay : 0;
    g_ptr_array_add(faults->rules, rule);
    faults->at[rule->where]++;
    fault_changed(faults, rule->id, true);
    return rule->id;
}

bool dmashare_fault_remove(DmashareFaults *faults, uint32_t id)
{
    bool found = !id;

    for (unsigned i = 0; i < faults->rules->len;) {
        DmashareRule *rule = rule_at(faults, i);

        if (id && rule->id != id) {
            i++;
            continue;
        }
        found = true;
        fault_changed(faults, rule->id, false);
        faults->at[rule->where]--;
        g_ptr_array_remove_index(faults->rules, i);
    }
    return found;
}

bool dmashare_fault_lives(const DmashareFaults *faults, uint32_t id)
{
    for (unsigned i = 0; i < faults->rules->len; i++) {
        if (rule_at(faults, i)->id == id) {
            return true;
        }
    }
    return false;
}

bool dmashare_fault_active(const DmashareRule *rule)
{
    return !rule->times || rule->fired < rule->times;
}

/*
 * Asking
 */

static bool rule_matches(const DmashareRule *rule, const DmashareFaultKey *key)
{
    const DmashareFaultMatch *m = &rule->match;

    return rule->where == key->where &&
           (!m->has_opcode || rule->opcode == key->opcode) &&
           (!m->has_queue || m->queue == key->queue) &&
           (!m->has_buffer || m->buffer == key->buffer ||
            m->buffer == key->buffer2) &&
           (!m->has_mapping || m->mapping == key->mapping ||
            m->mapping == key->mapping2) &&
           (!m->has_timeline || m->timeline == key->timeline) &&
           (!m->has_vector || m->vector == key->vector);
}

/* One more operation that it concerns: does it fire? */
static bool rule_fires(DmashareRule *rule)
{
    if (rule->matched++ < rule->after || !dmashare_fault_active(rule) ||
        dmashare_random(&rule->random) % 1000 >= rule->probability) {
        return false;
    }
    rule->fired++;
    return true;
}

static void fault_fired(DmashareFaults *faults, const DmashareRule *rule,
                        const DmashareFaultKey *key)
{
    bool fatal = rule->action == DMASHARE_FAULT_ACTION_FATAL;
    DmashareJournalRecord record = DMASHARE_RECORD(
        DMASHARE_OPERATION_FAULT_RULE, DMASHARE_ACTOR_DEVICE);
    DmashareFaultNotice notice = {
        .rule = rule->id,
        .status = rule->error ? DMASHARE_STATUS_COMMANDED : 0,
        .queue = key->queue,
        .buffer = key->buffer,
        .mapping = key->mapping,
        .offset = key->offset,
        .write = key->where == DMASHARE_FAULT_WHERE_DMA_WRITE,
    };

    trace_dmashare_fault_fired(rule->id, DmashareFaultWhere_str(rule->where),
                               DmashareFaultAction_str(rule->action),
                               rule->fired);
    record.status = notice.status;
    record.error = dmashare_errno_number(rule->error);
    record.arg = rule->id;
    record.queue = key->queue;
    record.buffer = key->buffer;
    record.object = key->mapping != DMASHARE_NO_ID ? key->mapping
                                                   : key->buffer2;
    record.timeline = key->timeline;
    dmashare_journal_add(faults->journal, &record);

    dmashare_notify_fault(faults->notify, &notice);
    if (fatal || rule->action == DMASHARE_FAULT_ACTION_HANG) {
        dmashare_notify_engine_hung(faults->notify, rule->id, key->queue,
                                    fatal);
    }
}

const DmashareRule *dmashare_fault_ask(DmashareFaults *faults,
                                       const DmashareFaultKey *key)
{
    for (unsigned i = 0; i < faults->rules->len; i++) {
        DmashareRule *rule = rule_at(faults, i);

        if (rule_matches(rule, key) && rule_fires(rule)) {
            fault_fired(faults, rule, key);
            return rule;
        }
    }
    return NULL;
}
