/*
 * libqos helpers for dmashare: faults on command
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_FAULT_H
#define LIBQOS_DMASHARE_FAULT_H

#include "dmashare-machine.h"
#include "dmashare-qmp.h"
#include "qobject/qlist.h"

/* Errors as the guest is told of them, whatever the host has. */
#define QDMASHARE_EIO           5
#define QDMASHARE_ENOMEM        12
#define QDMASHARE_ENOSPC        28
#define QDMASHARE_ETIMEDOUT     110

/*
 * All this is about the device QDMASHARE_ID. Members of a rule, as JSON
 * without the braces; the rule's id.
 */
uint32_t qdmashare_fault_add(QTestState *qts, const char *rule);
/* It is refused; what is said of it. Free with g_free(). */
char *qdmashare_fault_refused(QTestState *qts, const char *rule);
void qdmashare_fault_remove(QTestState *qts, uint32_t id);
void qdmashare_fault_remove_all(QTestState *qts);
/* Of query-dmashare-faults; to be freed with qobject_unref(). */
QList *qdmashare_faults(QTestState *qts);

/* One rule: how many operations matched, how often it fired, may it again? */
typedef struct QDmashareRule {
    uint64_t matched;
    uint64_t fired;
    bool active;
} QDmashareRule;

QDmashareRule qdmashare_rule(QTestState *qts, uint32_t id);

/* The next DMASHARE_FAULT event is of this rule, and has this status. */
void qdmashare_fault_event(QTestState *qts, uint32_t id, unsigned status);
/* The next DMASHARE_ENGINE_HUNG event is of this rule. */
void qdmashare_hung_event(QTestState *qts, uint32_t id, unsigned queue,
                          bool fatal);

/* What a rule that fails makes of a command or job. */
void qdmashare_assert_commanded(struct dmashare_completion c, unsigned error);

/* A fault of the bus, by its name. */
void qdmashare_pci_fault(QTestState *qts, const char *fault);
/* It is refused; what is said of it. Free with g_free(). */
char *qdmashare_pci_fault_refused(QTestState *qts, const char *fault);

/*
 * A device of its own machine, called QDMASHARE_ID, and a pair. The interrupts
 * that it has sent so far are forgotten.
 */
typedef struct QFaulty {
    QDmashareMachine *m;
    QDmashare *d;
    QTestState *qts;
    QDmasharePair *p;
} QFaulty;

#define QFAULTY_SIZE            12288

/* On "-M pc", as qdmashare_one(); free with qfaulty_free(). */
QFaulty *qfaulty_new(const char *properties);
void qfaulty_free(QFaulty *f);
/* What happened to it has no effect on the next job. */
void qfaulty_assert_well(QFaulty *f);
/* From its reset on, with a new pair. */
void qfaulty_start_again(QFaulty *f);
/* A job of this kind that is right, on all of the pair if it is on any. */
struct dmashare_desc qfaulty_job(QFaulty *f, unsigned opcode,
                                 unsigned timeline);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QFaulty, qfaulty_free)

#endif
