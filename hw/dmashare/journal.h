/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the journal
 *
 * What happened on the device, in order, in a ring of constant size: the last
 * operations are kept, and who reads too late is told how many he missed. Every
 * room may write; whoever steers the device from outside reads. A reset of the
 * device is an entry like any other and ends nothing.
 */
#ifndef HW_DMASHARE_JOURNAL_H
#define HW_DMASHARE_JOURNAL_H

#include "qapi/qapi-types-dmashare.h"
#include "hw/dmashare/clock.h"

/* "Means nothing" for an id; for 64-bit members it is UINT64_MAX. */
#define DMASHARE_NO_ID  UINT32_MAX

/**
 * DmashareJournalRecord: one operation; begin with DMASHARE_RECORD()
 * @operation: what
 * @actor: who
 * @status: enum dmashare_status, 0 is success
 * @error: the errno that goes with @status where that alone does not say it
 *         (DMASHARE_STATUS_COMMANDED), else 0
 * @arg: see DmashareOperation in qapi/dmashare.json
 * @queue: where, or DMASHARE_NO_ID
 * @buffer: which, or DMASHARE_NO_ID
 * @object: attachment, mapping or other buffer, or DMASHARE_NO_ID
 * @timeline: of the fence, or DMASHARE_NO_ID
 * @seqno: of the fence, or UINT64_MAX
 * @bytes: concerned, or UINT64_MAX
 */
typedef struct DmashareJournalRecord {
    DmashareOperation operation;
    DmashareActor actor;
    uint16_t status;
    uint16_t error;
    uint64_t arg;
    uint32_t queue;
    uint32_t buffer;
    uint32_t object;
    uint32_t timeline;
    uint64_t seqno;
    uint64_t bytes;
} DmashareJournalRecord;

/* A record of which nothing but operation and actor is set. */
#define DMASHARE_RECORD(what, who)              \
    ((DmashareJournalRecord) {                  \
        .operation = (what),                    \
        .actor = (who),                         \
        .queue = DMASHARE_NO_ID,                \
        .buffer = DMASHARE_NO_ID,               \
        .object = DMASHARE_NO_ID,               \
        .timeline = DMASHARE_NO_ID,             \
        .seqno = UINT64_MAX,                    \
        .bytes = UINT64_MAX,                    \
    })

/**
 * DmashareJournalSlot: a record that was written
 * @time: ns of virtual time when it was
 * @record: what was written
 */
typedef struct DmashareJournalSlot {
    int64_t time;
    DmashareJournalRecord record;
} DmashareJournalSlot;

/**
 * DmashareJournal: the journal of one device
 * @slots: ring of @size, the operation with sequence number n in n % @size;
 *         NULL if none is kept
 * @size: slots, constant
 * @end: sequence number of the next operation
 * @clock: device time; NULL where there is none but QEMU's
 * @watch: called with each record that is written, or NULL
 * @watch_opaque: passed to it
 */
typedef struct DmashareJournal {
    DmashareJournalSlot *slots;
    uint32_t size;
    uint64_t end;
    const DmashareClock *clock;
    void (*watch)(void *opaque, uint64_t sequence,
                  const DmashareJournalSlot *slot);
    void *watch_opaque;
} DmashareJournal;

/*
 * An empty journal of @size entries. Of 0 none is kept, and unless somebody
 * watches none is counted either.
 */
void dmashare_journal_init(DmashareJournal *journal, uint32_t size);
void dmashare_journal_destroy(DmashareJournal *journal);

/*
 * Write a record: stamps it with the next sequence number and the time, and
 * tells the trace backends. @journal may be NULL: a room that runs alone in a
 * unit test keeps none.
 */
void dmashare_journal_add(DmashareJournal *journal,
                          const DmashareJournalRecord *record);

/* Sequence number of the oldest entry that is kept; the end if there is none */
uint64_t dmashare_journal_oldest(const DmashareJournal *journal);

/* The entry with this sequence number, or NULL if it is not kept. */
const DmashareJournalSlot *dmashare_journal_get(const DmashareJournal *journal,
                                                uint64_t sequence);

#endif /* HW_DMASHARE_JOURNAL_H */
