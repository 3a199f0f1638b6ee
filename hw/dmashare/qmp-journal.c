// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP command that reads the journal
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"
#include "hw/dmashare/status.h"

/* What a page of the journal has if nobody says, and at most. */
#define ENTRIES_DEFAULT 1000
#define ENTRIES_MAX     10000

/* The errno that goes with a status; 0 for those that have none. */
static uint16_t record_errno(const DmashareJournalRecord *record)
{
    if (record->error) {
        return record->error;
    }
    return dmashare_status_errno(record->status);
}

/* Jobs have two buffers, and the other one is their object. */
static bool concerns(const DmashareJournalRecord *record, uint32_t buffer)
{
    return record->buffer == buffer ||
           (record->object == buffer &&
            (record->operation == DMASHARE_OPERATION_JOB_START ||
             record->operation == DMASHARE_OPERATION_JOB_END));
}

static DmashareJournalEntry *entry_info(uint64_t sequence,
                                        const DmashareJournalSlot *slot)
{
    const DmashareJournalRecord *record = &slot->record;
    DmashareJournalEntry *entry = g_new(DmashareJournalEntry, 1);

    *entry = (DmashareJournalEntry) {
        .sequence = sequence,
        .time = slot->time,
        .actor = record->actor,
        .operation = record->operation,
        .status = record->status,
        .has_error = record->status,
        .error = record_errno(record),
        .arg = record->arg,
        .has_queue = record->queue != DMASHARE_NO_ID,
        .queue = record->queue,
        .has_buffer = record->buffer != DMASHARE_NO_ID,
        .buffer = record->buffer,
        .has_object = record->object != DMASHARE_NO_ID,
        .object = record->object,
        .has_timeline = record->timeline != DMASHARE_NO_ID,
        .timeline = record->timeline,
        .has_seqno = record->seqno != UINT64_MAX,
        .seqno = record->seqno,
        .has_bytes = record->bytes != UINT64_MAX,
        .bytes = record->bytes,
    };
    return entry;
}

DmashareJournalPage *qmp_query_dmashare_journal(const char *path,
                                                bool has_from, uint64_t from,
                                                bool has_limit, uint32_t limit,
                                                bool has_buffer,
                                                uint32_t buffer,
                                                bool has_operation,
                                                DmashareOperation operation,
                                                Error **errp)
{
    DmashareCore *core = dmashare_core_find(path, errp);
    DmashareJournalEntryList **tail;
    const DmashareJournal *journal;
    DmashareJournalPage *page;
    uint64_t oldest, i;
    uint32_t n = 0;

    if (!core || !dmashare_page_limit(has_limit, &limit, ENTRIES_DEFAULT,
                                      ENTRIES_MAX, errp)) {
        return NULL;
    }
    journal = &core->journal;
    if (has_from && from > journal->end) {
        DMASHARE_EXPECTS(errp, "from", "a sequence from 0 to %" PRIu64
                         ", which is that of the next operation, not %" PRIu64,
                         journal->end, from);
        return NULL;
    }

    page = g_new0(DmashareJournalPage, 1);
    tail = &page->entries;
    oldest = dmashare_journal_oldest(journal);
    page->lost = has_from && from < oldest ? oldest - from : 0;
    page->end = journal->end;
    for (i = has_from ? MAX(from, oldest) : oldest;
         i < journal->end && n < limit; i++) {
        const DmashareJournalSlot *slot = dmashare_journal_get(journal, i);

        if ((!has_buffer || concerns(&slot->record, buffer)) &&
            (!has_operation || slot->record.operation == operation)) {
            QAPI_LIST_APPEND(tail, entry_info(i, slot));
            n++;
        }
    }
    page->next = i;
    return page;
}
