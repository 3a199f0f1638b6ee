/*
 * Unit tests of dmashare's journal
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/dmashare/journal.h"

static void add(DmashareJournal *journal, uint64_t arg)
{
    DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_COMMAND, DMASHARE_ACTOR_DRIVER);

    record.arg = arg;
    dmashare_journal_add(journal, &record);
}

static void test_record(void)
{
    const DmashareJournalRecord record =
        DMASHARE_RECORD(DMASHARE_OPERATION_EVICT, DMASHARE_ACTOR_HARNESS);

    g_assert_cmpint(record.operation, ==, DMASHARE_OPERATION_EVICT);
    g_assert_cmpint(record.actor, ==, DMASHARE_ACTOR_HARNESS);
    g_assert_cmpuint(record.status, ==, 0);
    g_assert_cmpuint(record.error, ==, 0);
    g_assert_cmpuint(record.arg, ==, 0);
    g_assert_cmpuint(record.queue, ==, DMASHARE_NO_ID);
    g_assert_cmpuint(record.buffer, ==, DMASHARE_NO_ID);
    g_assert_cmpuint(record.object, ==, DMASHARE_NO_ID);
    g_assert_cmpuint(record.timeline, ==, DMASHARE_NO_ID);
    g_assert_cmpuint(record.seqno, ==, UINT64_MAX);
    g_assert_cmpuint(record.bytes, ==, UINT64_MAX);
}

static void test_empty(void)
{
    DmashareJournal journal;

    dmashare_journal_init(&journal, 4);
    g_assert_cmpuint(journal.end, ==, 0);
    g_assert_cmpuint(dmashare_journal_oldest(&journal), ==, 0);
    g_assert_null(dmashare_journal_get(&journal, 0));
    g_assert_null(dmashare_journal_get(&journal, UINT64_MAX));
    dmashare_journal_destroy(&journal);

    /* It may be read, and written in vain, after its end. */
    add(&journal, 1);
    g_assert_null(dmashare_journal_get(&journal, 0));
    dmashare_journal_destroy(&journal);
    add(NULL, 1);
}

/* At each length the last @size are there, the others not. */
static void test_ring(gconstpointer opaque)
{
    uint32_t size = GPOINTER_TO_UINT(opaque);
    DmashareJournal journal;

    dmashare_journal_init(&journal, size);
    for (uint64_t n = 0; n <= 3 * size + 1; n++) {
        uint64_t oldest = n > size ? n - size : 0;

        g_assert_cmpuint(journal.end, ==, n);
        g_assert_cmpuint(dmashare_journal_oldest(&journal), ==, oldest);
        for (uint64_t i = 0; i < n + 2; i++) {
            const DmashareJournalSlot *slot =
                dmashare_journal_get(&journal, i);

            if (i < oldest || i >= n) {
                g_assert_null(slot);
            } else {
                g_assert_nonnull(slot);
                g_assert_cmpuint(slot->record.arg, ==, i * i);
            }
        }
        add(&journal, n * n);
    }
    dmashare_journal_destroy(&journal);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/journal/record", test_record);
    g_test_add_func("/dmashare/journal/empty", test_empty);
    g_test_add_data_func("/dmashare/journal/ring-1", GUINT_TO_POINTER(1),
                         test_ring);
    g_test_add_data_func("/dmashare/journal/ring-2", GUINT_TO_POINTER(2),
                         test_ring);
    g_test_add_data_func("/dmashare/journal/ring-7", GUINT_TO_POINTER(7),
                         test_ring);
    g_test_add_data_func("/dmashare/journal/ring-64", GUINT_TO_POINTER(64),
                         test_ring);
    return g_test_run();
}
