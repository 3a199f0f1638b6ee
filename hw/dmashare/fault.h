/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: fault rules
 *
 * What hardware does wrong by chance, by rule. A room that can do something
 * wrong builds a key of what it is about to do and asks; it gets the rule that
 * fires, and does what that says. Where no rule waits that costs one test.
 *
 * Rules belong to the harness and not to the guest's driver: a reset of the
 * device leaves them alone.
 */
#ifndef HW_DMASHARE_FAULT_H
#define HW_DMASHARE_FAULT_H

#include "hw/dmashare/journal.h"
#include "hw/dmashare/notify.h"

/* Live rules of one device. */
#define DMASHARE_MAX_RULES      256

/* The longest delay of a rule, in ns. */
#define DMASHARE_RULE_DELAY_MAX (3600ULL * 1000 * 1000 * 1000)

/**
 * DmashareFaultKey: what is about to be done; begin with DMASHARE_FAULT_KEY()
 * @where: what kind of thing it is
 * @opcode: enum dmashare_opcode, of a command or job
 * @queue: on which, or DMASHARE_NO_ID
 * @buffer: that it names, or DMASHARE_NO_ID
 * @buffer2: the other one that it names, or DMASHARE_NO_ID
 * @mapping: that it names, or DMASHARE_NO_ID
 * @mapping2: the other one that it names, or DMASHARE_NO_ID
 * @timeline: of the fence, or DMASHARE_NO_ID
 * @vector: MSI-X vector, or DMASHARE_NO_ID
 * @offset: in @mapping, for people only; UINT64_MAX if that means nothing
 */
typedef struct DmashareFaultKey {
    DmashareFaultWhere where;
    uint8_t opcode;
    uint32_t queue;
    uint32_t buffer;
    uint32_t buffer2;
    uint32_t mapping;
    uint32_t mapping2;
    uint32_t timeline;
    uint32_t vector;
    uint64_t offset;
} DmashareFaultKey;

/* A key of which nothing but the place is set. */
#define DMASHARE_FAULT_KEY(place)               \
    ((DmashareFaultKey) {                       \
        .where = (place),                       \
        .queue = DMASHARE_NO_ID,                \
        .buffer = DMASHARE_NO_ID,               \
        .buffer2 = DMASHARE_NO_ID,              \
        .mapping = DMASHARE_NO_ID,              \
        .mapping2 = DMASHARE_NO_ID,             \
        .timeline = DMASHARE_NO_ID,             \
        .vector = DMASHARE_NO_ID,               \
        .offset = UINT64_MAX,                   \
    })

/**
 * DmashareRule: a live fault rule; what it means is in qapi/dmashare.json
 * @id: never used again
 * @where: what it concerns
 * @action: what it does
 * @match: which operations; what is absent matches all
 * @opcode: enum dmashare_opcode of @match
 * @after: so many matching operations pass before it
 * @times: it fires at most so often, 0 for always
 * @probability: in thousandths
 * @seed: of its random numbers
 * @error: for DMASHARE_FAULT_ACTION_FAIL, else none
 * @delay: ns, for DMASHARE_FAULT_ACTION_DELAY, else 0
 * @random: state of its generator
 * @matched: operations that matched so far
 * @fired: how often it fired
 */
typedef struct DmashareRule {
    uint32_t id;
    DmashareFaultWhere where;
    DmashareFaultAction action;
    DmashareFaultMatch match;
    uint8_t opcode;
    uint64_t after;
    uint64_t times;
    uint32_t probability;
    uint64_t seed;
    DmashareErrno error;
    uint64_t delay;
    uint64_t random;
    uint64_t matched;
    uint64_t fired;
} DmashareRule;

/**
 * DmashareFaultLimits: what a match can name
 * @queues: of the device, control queue included
 * @timelines: of the device
 * @vectors: of the device
 */
typedef struct DmashareFaultLimits {
    uint32_t queues;
    uint32_t timelines;
    uint32_t vectors;
} DmashareFaultLimits;

/**
 * DmashareFaults: the fault rules of one device
 * @limits: constant
 * @journal: where firings are recorded, or NULL
 * @notify: who is told of them, or NULL
 * @rules: in the order in which they were added
 * @at: how many of them concern each place
 * @next_id: of the next rule
 */
typedef struct DmashareFaults {
    DmashareFaultLimits limits;
    DmashareJournal *journal;
    const DmashareNotify *notify;
    GPtrArray *rules;
    uint16_t at[DMASHARE_FAULT_WHERE__MAX];
    uint32_t next_id;
} DmashareFaults;

void dmashare_faults_init(DmashareFaults *faults,
                          const DmashareFaultLimits *limits,
                          DmashareJournal *journal,
                          const DmashareNotify *notify);
void dmashare_faults_destroy(DmashareFaults *faults);

/* Is there any rule for this place? If not there is nothing to ask. */
static inline bool dmashare_faults_at(const DmashareFaults *faults,
                                      DmashareFaultWhere where)
{
    return faults && faults->at[where];
}

/*
 * The rule that fires, or NULL. That it did is counted, recorded and told. It
 * is valid until a rule is removed.
 */
const DmashareRule *dmashare_fault_ask(DmashareFaults *faults,
                                       const DmashareFaultKey *key);

/*
 * Add a rule; its id, or 0 with an error that names the argument and what is
 * permitted.
 */
uint32_t dmashare_fault_add(DmashareFaults *faults,
                            const DmashareFaultRule *rule, Error **errp);
/* Remove a rule, or with id 0 all. False if there is no such rule. */
bool dmashare_fault_remove(DmashareFaults *faults, uint32_t id);
/* Has it not been removed? */
bool dmashare_fault_lives(const DmashareFaults *faults, uint32_t id);
/* May it still fire? */
bool dmashare_fault_active(const DmashareRule *rule);

/* The number of an error, as Linux has it on x86. */
uint16_t dmashare_errno_number(DmashareErrno error);

#endif /* HW_DMASHARE_FAULT_H */
