/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what fault rules have delayed
 *
 * Interrupts and values of fence memory that are due later than they should
 * be. The guest decides how many there would be, so there is a limit; what
 * comes when it is reached is not delayed.
 */
#ifndef HW_DMASHARE_LATE_H
#define HW_DMASHARE_LATE_H

#include "qemu/queue.h"

#define DMASHARE_MAX_LATE       4096

/* Whatever the id is. */
#define DMASHARE_LATE_ANY       UINT32_MAX

/**
 * DmashareLateKind: what can be late
 * @DMASHARE_LATE_INTERRUPT: a message; the id is its vector
 * @DMASHARE_LATE_FENCE_MEMORY: a value; the id is its timeline
 */
typedef enum DmashareLateKind {
    DMASHARE_LATE_INTERRUPT,
    DMASHARE_LATE_FENCE_MEMORY,
} DmashareLateKind;

/**
 * DmashareLateItem: one thing that is late
 * @next: the one that is due after it
 * @due: when it happens
 * @kind: what it is
 * @id: of that
 * @value: of fence memory
 */
typedef struct DmashareLateItem {
    QTAILQ_ENTRY(DmashareLateItem) next;
    int64_t due;
    DmashareLateKind kind;
    uint32_t id;
    uint64_t value;
} DmashareLateItem;

/**
 * DmashareLate: what is late on one device
 * @items: in the order in which they are due
 * @n: how many
 */
typedef struct DmashareLate {
    QTAILQ_HEAD(, DmashareLateItem) items;
    unsigned n;
} DmashareLate;

void dmashare_late_init(DmashareLate *late);
/* None of it happens. */
void dmashare_late_clear(DmashareLate *late);

/* It happens at @due. False if the limit is reached. */
bool dmashare_late_add(DmashareLate *late, DmashareLateKind kind, uint32_t id,
                       uint64_t value, int64_t due);
/* What has a value up to this one does not happen. */
void dmashare_late_forget(DmashareLate *late, DmashareLateKind kind,
                          uint32_t id, uint64_t value);
/* When the first is due, INT64_MAX if there is none. */
int64_t dmashare_late_due(const DmashareLate *late);
/* Take the first one; false if it is not due by @now. */
bool dmashare_late_take(DmashareLate *late, int64_t now,
                        DmashareLateItem *item);

#endif /* HW_DMASHARE_LATE_H */
