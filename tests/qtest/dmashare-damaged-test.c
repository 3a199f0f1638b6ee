/*
 * dmashare: recordings that are not what they were
 *
 * One that was altered must not come out equal, and a damaged one is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "libqtest.h"
#include "libqos/dmashare-job.h"
#include "libqos/dmashare-record.h"

/* A recording in memory, to be damaged. */
typedef struct Copy {
    uint8_t *bytes;
    gsize size;
} Copy;

static void recorded(QDmasharePlace *place, Copy *copy)
{
    g_autoptr(QDmashareMachine) m = NULL;

    m = qdmashare_record_machine(false, "local-size=1M");
    qdmashare_record_begin(m->qts, place->file);
    qdmashare_record_session(m);
    qdmashare_record_end(m->qts, place->file, true);
    g_assert_true(g_file_get_contents(place->file, (char **)&copy->bytes,
                                      &copy->size, NULL));
}

static uint64_t where(const QDmashareRecording *r, uint64_t number)
{
    return g_array_index(r->at, uint64_t, number);
}

/* Make the checksum of a record right again. */
static void mend(uint8_t *at)
{
    uint32_t crc = crc32c(0xffffffff, at,
                          offsetof(struct dmashare_record, crc));

    crc = crc32c(crc ^ 0xffffffff, at + DMASHARE_RECORD_SIZE, ldl_le_p(at));
    stl_le_p(at + offsetof(struct dmashare_record, crc), crc);
}

static void write_file(const char *file, const uint8_t *bytes, gsize size)
{
    g_assert_true(g_file_set_contents(file, (const char *)bytes, size, NULL));
}

/* The number of the n-th record that is like this. */
static uint64_t find(const QDmashareRecording *r, uint16_t type,
                     uint64_t length, unsigned n)
{
    for (uint64_t i = 0; i < qdmashare_recording_count(r); i++) {
        QDmashareRecord rec = qdmashare_recording_get(r, i);

        if (rec.type == type &&
            (!length || qdmashare_record_memory(&rec).length == length) &&
            !n--) {
            return i;
        }
    }
    g_assert_not_reached();
}

/* The n-th time that a doorbell of queue 1 was rung. */
static uint64_t find_doorbell(const QDmashareRecording *r, unsigned n)
{
    for (uint64_t i = 0; i < qdmashare_recording_count(r); i++) {
        QDmashareRecord rec = qdmashare_recording_get(r, i);

        if (rec.type == DMASHARE_RECORD_REG_WRITE &&
            ldl_le_p(rec.payload) == DMASHARE_REG_DOORBELL_SQ(1) && !n--) {
            return i;
        }
    }
    g_assert_not_reached();
}

/* Flip a bit of a payload: the replay must see it, and say where. */
static void altered(const Copy *copy, const QDmasharePlace *place,
                    const QDmashareRecording *r, uint64_t number,
                    unsigned offset, const char *says)
{
    g_autofree uint8_t *bytes = g_memdup2(copy->bytes, copy->size);
    uint8_t *at = bytes + where(r, number);
    g_autofree char *name = g_strdup_printf("record %" PRIu64, number);
    QDmashareRecord rec = qdmashare_recording_get(r, number);
    g_autoptr(QDmashareRecording) other = NULL;
    g_autoptr(QDmashareReplay) replay = NULL;
    struct dmashare_record_memory *m = (void *)(at + DMASHARE_RECORD_SIZE);

    at[DMASHARE_RECORD_SIZE + offset] ^= 1;
    if (qdmashare_record_is_memory(&rec) && rec.size > sizeof(*m)) {
        stl_le_p(&m->crc, crc32c(0xffffffff, (uint8_t *)(m + 1),
                                 rec.size - sizeof(*m)));
    }
    mend(at);
    write_file(place->file, bytes, copy->size);
    other = qdmashare_record_load(place->file);
    replay = qdmashare_replay(other);
    g_assert_false(replay->equal);
    g_test_message("%s", replay->difference);
    g_assert_nonnull(strstr(replay->difference, says ?: name));
}

static void test_altered(void)
{
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    size_t body = sizeof(struct dmashare_record_memory);
    Copy copy;

    recorded(place, &copy);
    r = qdmashare_record_load(place->file);
    unlink(place->file);

    /*
     * What the device did: a completion's status, a value read, an engine's
     * bytes, a vector, a counter.
     */
    altered(&copy, place, r, find(r, DMASHARE_RECORD_DMA_WRITE, 28, 3),
            body + offsetof(struct dmashare_completion, status), NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_REG_READ, 0, 0),
            offsetof(struct dmashare_record_reg, value), NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_DMA_WRITE, 4096, 2),
            offsetof(struct dmashare_record_memory, crc), NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_INTERRUPT, 0, 5), 0,
            NULL);
    altered(&copy, place, r, find(r, DMASHARE_RECORD_LEDGER, 0, 0), 8, NULL);
    /* What it was told: a job's opcode, and a doorbell. */
    altered(&copy, place, r, find(r, DMASHARE_RECORD_DMA_READ, 256, 9), body,
            "expected");
    altered(&copy, place, r, find_doorbell(r, 2),
            offsetof(struct dmashare_record_reg, value), "expected");
    /* A timer that the device has not got. */
    altered(&copy, place, r, find(r, DMASHARE_RECORD_TIMER, 0, 3), 1,
            "no timer");
    g_free(copy.bytes);
}

static void not_loaded(const char *file, const char *says)
{
    char *error = NULL;
    QDmashareRecording *r = qdmashare_recording_load(file, false, &error);

    g_assert_null(r);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error, says));
    g_free(error);
}

/* One value of the file's header is another, its checksum right or not. */
static void bad_header(const Copy *copy, const QDmasharePlace *place,
                       size_t offset, uint8_t value, bool right,
                       const char *says)
{
    g_autofree uint8_t *bytes = g_memdup2(copy->bytes, copy->size);
    size_t crc = offsetof(struct dmashare_record_file, crc);

    bytes[offset] = value;
    if (right) {
        stl_le_p(bytes + crc, crc32c(0xffffffff, bytes, crc));
    }
    write_file(place->file, bytes, copy->size);
    not_loaded(place->file, says);
}

static void test_damaged(void)
{
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    g_autofree uint8_t *bytes = NULL;
    QDmashareRecording *cut;
    char *error = NULL;
    uint64_t end;
    Copy copy;

    recorded(place, &copy);
    r = qdmashare_record_load(place->file);
    end = where(r, qdmashare_recording_count(r) - 1);
    unlink(place->file);

    not_loaded(place->file, "No such file");
    not_loaded(place->dir, "not a regular file");
    not_loaded("/dev/zero", "not a regular file");
    write_file(place->file, (const uint8_t *)"", 0);
    not_loaded(place->file, "no recording");

    bad_header(&copy, place, 0, 'd', true, "no recording");
    bad_header(&copy, place, 8, 2, true, "version 2.0");
    bad_header(&copy, place, 10, 1, true, "version 1.1");
    bad_header(&copy, place, 12, 65, true, "header is damaged");
    bad_header(&copy, place, 24, 9, false, "header is damaged");
    bad_header(&copy, place, 16, 99, true, "interface 1.99");
    bad_header(&copy, place, 50, 1, true, "cannot be");
    bad_header(&copy, place, 36, 0, true, "ids 0 and 1");
    bad_header(&copy, place, 42, 9, true, "permitted are 1 to");
    bad_header(&copy, place, 31, 0x7f, true, "cannot be");

    /* Broken off, in a record and between two. */
    write_file(place->file, copy.bytes, end - 1);
    not_loaded(place->file, "breaks off");
    write_file(place->file, copy.bytes, end);
    not_loaded(place->file, "breaks off");
    cut = qdmashare_recording_load(place->file, true, &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_true(cut->cut);
    qdmashare_recording_free(cut);

    /* More than there is, after the end and in a record. */
    bytes = g_malloc0(copy.size + 32);
    memcpy(bytes, copy.bytes, copy.size);
    write_file(place->file, bytes, copy.size + 32);
    not_loaded(place->file, "behind the end");
    memset(bytes + where(r, 5), 0xff, 4);
    write_file(place->file, bytes, copy.size);
    not_loaded(place->file, "breaks off");
    g_free(copy.bytes);
}

/* Records that are what they say, but say what cannot be. */
static void test_absurd(void)
{
    static const struct {
        uint16_t type;
        unsigned offset;
        uint64_t value;
        unsigned width;
        const char *says;
    } cases[] = {
        { DMASHARE_RECORD_REG_WRITE, 0, 0x4000, 4, "not registers" },
        { DMASHARE_RECORD_REG_WRITE, 4, 3, 4, "not registers" },
        { DMASHARE_RECORD_REG_WRITE, 4, 0xffffffff, 4, "not registers" },
        { DMASHARE_RECORD_PROPERTY, 8, 0, 1, "no property" },
        { DMASHARE_RECORD_PROPERTY, 9, ',', 1, "no property" },
        { DMASHARE_RECORD_BUS_MASTER, 0, 2, 4, "0 or 1" },
        { DMASHARE_RECORD_DMA_READ, 8, 0, 8, "a range" },
        { DMASHARE_RECORD_DMA_READ, 8, UINT64_MAX, 8, "a range" },
        { DMASHARE_RECORD_DMA_READ, 8, 1 << 20, 8, "at once" },
        { DMASHARE_RECORD_DMA_READ, 8, 8, 8, "bytes of data" },
        { DMASHARE_RECORD_DMA_READ, 16, 5, 8, "data where" },
        { DMASHARE_RECORD_DMA_READ, 24, 5, 4, "checksum of the data" },
        { DMASHARE_RECORD_DMA_READ, 28, 9, 2, "status" },
        { DMASHARE_RECORD_INTERRUPT, 0, 18, 4, "no vector" },
        { DMASHARE_RECORD_END, 0, 4, 4, "no known reason" },
        { DMASHARE_RECORD_END, 8, 1, 8, "counts other" },
    };
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    Copy copy;

    recorded(place, &copy);
    r = qdmashare_record_load(place->file);
    unlink(place->file);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree uint8_t *bytes = g_memdup2(copy.bytes, copy.size);
        uint8_t *at = bytes + where(r, find(r, cases[i].type, 0, 0));

        for (unsigned k = 0; k < cases[i].width; k++) {
            at[DMASHARE_RECORD_SIZE + cases[i].offset + k] =
                cases[i].value >> (8 * k);
        }
        mend(at);
        write_file(place->file, bytes, copy.size);
        not_loaded(place->file, cases[i].says);
    }
    g_free(copy.bytes);
}

/*
 * Many small damages. Nothing may come of them but a message; where all
 * checksums were made right again the recording may be fine, and some of those
 * are played.
 */
static void test_mutated(void)
{
    g_autoptr(QDmasharePlace) place = qdmashare_place_new();
    g_autoptr(QDmashareRecording) r = NULL;
    unsigned loaded = 0, refusals = 0, played = 0;
    uint64_t seed = 20;
    Copy copy;

    recorded(place, &copy);
    r = qdmashare_record_load(place->file);
    unlink(place->file);
    for (unsigned i = 0; i < 300; i++) {
        g_autofree uint8_t *bytes = g_memdup2(copy.bytes, copy.size);
        uint64_t n = qdmashare_random(&seed) % qdmashare_recording_count(r);
        QDmashareRecord rec = qdmashare_recording_get(r, n);
        bool right = i % 2;
        QDmashareRecording *got;
        g_autofree char *error = NULL;

        for (unsigned k = qdmashare_random(&seed) % 3 + 1; k; k--) {
            uint64_t at = qdmashare_random(&seed) %
                          (DMASHARE_RECORD_SIZE + rec.size);

            /* A size that leads past the file is what truncation is. */
            if (!right || at >= 4) {
                bytes[where(r, n) + at] = qdmashare_random(&seed);
            }
        }
        if (right) {
            mend(bytes + where(r, n));
        }
        write_file(place->file, bytes, copy.size);
        got = qdmashare_recording_load(place->file, false, &error);
        g_assert_true(!got == !!error);
        loaded += !!got;
        refusals += !got;
        if (got) {
            if (right && played < 5) {
                g_autoptr(QDmashareReplay) replay = qdmashare_replay(got);

                g_assert_true(replay->equal == !replay->difference);
                played++;
            }
            qdmashare_recording_free(got);
        }
    }
    g_test_message("%u refused, %u loaded, %u played", refusals, loaded,
                   played);
    g_assert_cmpuint(refusals, >, 150);
    g_assert_cmpuint(played, ==, 5);
    g_free(copy.bytes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/damaged/altered", test_altered);
    qtest_add_func("/dmashare/damaged/damaged", test_damaged);
    qtest_add_func("/dmashare/damaged/absurd", test_absurd);
    qtest_add_func("/dmashare/damaged/mutated", test_mutated);
    return g_test_run();
}
