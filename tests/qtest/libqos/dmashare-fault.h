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

/* A fault of the bus, by its name. */
void qdmashare_pci_fault(QTestState *qts, const char *fault);
/* It is refused; what is said of it. Free with g_free(). */
char *qdmashare_pci_fault_refused(QTestState *qts, const char *fault);

#endif
