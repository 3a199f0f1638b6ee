/*
 * dmashare-replay: play a recording of a dmashare device to a new one
 *
 * See docs/recording.rst. Exit status: 0 equal, 1 different, 2 no recording.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/dmashare-replay.h"

#define REPEAT_MAX      1000000

static int repeat = 1;
static gboolean truncated;
static gboolean verbose;
static char *journal;

/* Where we say what is wrong; what QEMU says is kept until it is wanted. */
static FILE *messages;
static FILE *qemu_says;

static const GOptionEntry options[] = {
    { "repeat", 'r', 0, G_OPTION_ARG_INT, &repeat,
      "play it N times; the journals must be identical", "N" },
    { "truncated", 't', 0, G_OPTION_ARG_NONE, &truncated,
      "take a file that breaks off, as far as it goes", NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose,
      "show what QEMU says meanwhile", NULL },
    { "journal", 'j', 0, G_OPTION_ARG_FILENAME, &journal,
      "write the device's journal to this file, one entry a line", "FILE" },
    { NULL }
};

static int no_recording(const char *text)
{
    fprintf(messages, "dmashare-replay: %s\n", text);
    return 2;
}

/* An IOMMU reports each address that it has not got: many a job wants that. */
static bool expected(const char *line)
{
    static const char *const noise[] = {
        "vtd_", "Interrupt Mask set", "New fault is not recorded",
    };

    for (size_t i = 0; i < ARRAY_SIZE(noise); i++) {
        if (strstr(line, noise[i])) {
            return true;
        }
    }
    return false;
}

static void tell(void *opaque)
{
    char line[1024];

    if (qemu_says) {
        rewind(qemu_says);
        while (fgets(line, sizeof(line), qemu_says)) {
            if (!expected(line)) {
                fputs(line, messages);
            }
        }
        fflush(messages);
    }
}

static void be_quiet(void)
{
    qemu_says = tmpfile();
    if (qemu_says) {
        dup2(fileno(qemu_says), STDERR_FILENO);
        qtest_add_abrt_handler(tell, NULL);
    }
}

/* What libqtest prints is for test programs. */
static void print_nothing(const char *text)
{
}

static int different(const char *file, int round, const char *text)
{
    printf("dmashare-replay: %s: DIFFERENT, replay %d: %s\n", file, round,
           text);
    tell(NULL);
    return 1;
}

static int play(const char *file, const QDmashareRecording *r)
{
    double seconds = (r->end_time - r->head.start) / 1e9;
    g_autoptr(GTimer) timer = g_timer_new();
    g_autofree char *first = NULL;
    g_autofree char *digest = NULL;
    uint64_t entries = 0;

    for (int i = 1; i <= repeat; i++) {
        g_autoptr(QDmashareReplay) replay = qdmashare_replay(r);
        const char *text = replay->journal ?: "";

        if (!replay->equal) {
            return different(file, i, replay->difference);
        }
        if (!first) {
            first = g_strdup(text);
            entries = replay->entries;
            digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text,
                                                   -1);
        } else if (!g_str_equal(first, text)) {
            return different(file, i, "its journal is not that of replay 1");
        }
    }
    if (journal && !g_file_set_contents(journal, first, -1, NULL)) {
        return no_recording("the journal could not be written");
    }
    printf("dmashare-replay: %s: equal: %" PRIu64 " steps, %" PRIu64
           " records, %.3f s of device time%s; %.3f s a replay\n", file,
           r->steps, qdmashare_recording_count(r), seconds,
           r->reason == DMASHARE_RECORD_STOPPED ||
           r->reason == DMASHARE_RECORD_GONE ? "" : " (it is not whole)",
           g_timer_elapsed(timer, NULL) / repeat);
    printf("dmashare-replay: %d of %d journals are identical: %" PRIu64
           " entries, SHA-256 %s\n", repeat, repeat, entries, digest);
    return 0;
}

int main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context =
        g_option_context_new("FILE - play a recording of a dmashare device");
    g_autoptr(QDmashareRecording) r = NULL;
    g_autoptr(GError) err = NULL;
    g_autofree char *error = NULL;

    messages = fdopen(dup(STDERR_FILENO), "w");
    setvbuf(messages, NULL, _IOLBF, 0);
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &err)) {
        return no_recording(err->message);
    }
    if (argc != 2 || repeat < 1 || repeat > REPEAT_MAX) {
        return no_recording(argc != 2 ? "give one FILE; --help says more"
                                      : "--repeat takes 1 to 1000000");
    }
    if (!getenv("QTEST_QEMU_BINARY")) {
        return no_recording("QTEST_QEMU_BINARY must name the emulator");
    }
    r = qdmashare_recording_load(argv[1], truncated, &error);
    if (!r) {
        return no_recording(error);
    }
    if (!verbose) {
        g_set_print_handler(print_nothing);
        be_quiet();
    }
    return play(argv[1], r);
}
