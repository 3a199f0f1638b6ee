// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the journal
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/dmashare/journal.h"
#include "trace.h"

/* A power of two, so that a slot never straddles a cache line's end. */
QEMU_BUILD_BUG_ON(sizeof(DmashareJournalSlot) != 64);

void dmashare_journal_init(DmashareJournal *journal, uint32_t size)
{
    memset(journal, 0, sizeof(*journal));
    journal->slots = size ? g_new0(DmashareJournalSlot, size) : NULL;
    journal->size = size;
}

void dmashare_journal_destroy(DmashareJournal *journal)
{
    g_clear_pointer(&journal->slots, g_free);
}

/* The members that not every operation has, as text. */
static char *record_details(const DmashareJournalRecord *record)
{
    GString *text = g_string_new(NULL);
    const struct {
        const char *name;
        uint64_t value;
        bool present;
    } member[] = {
        { "error", record->error, record->error },
        { "queue", record->queue, record->queue != DMASHARE_NO_ID },
        { "buffer", record->buffer, record->buffer != DMASHARE_NO_ID },
        { "object", record->object, record->object != DMASHARE_NO_ID },
        { "timeline", record->timeline, record->timeline != DMASHARE_NO_ID },
        { "seqno", record->seqno, record->seqno != UINT64_MAX },
        { "bytes", record->bytes, record->bytes != UINT64_MAX },
    };

    for (size_t i = 0; i < ARRAY_SIZE(member); i++) {
        if (member[i].present) {
            g_string_append_printf(text, " %s %" PRIu64, member[i].name,
                                   member[i].value);
        }
    }
    return g_string_free(text, false);
}

void dmashare_journal_add(DmashareJournal *journal,
                          const DmashareJournalRecord *record)
{
    DmashareJournalSlot once, *slot = &once;

    if (!journal || (!journal->slots && !journal->watch)) {
        return;
    }

    if (journal->slots) {
        slot = &journal->slots[journal->end % journal->size];
    }
    slot->time = journal->clock ? dmashare_clock_now(journal->clock)
                                : qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    slot->record = *record;
    if (trace_event_get_state_backends(TRACE_DMASHARE_JOURNAL)) {
        g_autofree char *details = record_details(record);

        trace_dmashare_journal(journal->end, slot->time,
                               DmashareActor_str(record->actor),
                               DmashareOperation_str(record->operation),
                               record->status, record->arg, details);
    }
    if (journal->watch) {
        journal->watch(journal->watch_opaque, journal->end, slot);
    }
    journal->end++;
}

uint64_t dmashare_journal_oldest(const DmashareJournal *journal)
{
    return journal->end > journal->size ? journal->end - journal->size : 0;
}

const DmashareJournalSlot *dmashare_journal_get(const DmashareJournal *journal,
                                                uint64_t sequence)
{
    if (!journal->slots || sequence >= journal->end ||
        sequence < dmashare_journal_oldest(journal)) {
        return NULL;
    }
    return &journal->slots[sequence % journal->size];
}
