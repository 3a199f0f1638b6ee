/*
 * dmashare: what a person types in the monitor
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-machine.h"

/* A command says this and nothing else; newlines are plain ones. */
static void says(QDmashareMachine *m, const char *command, const char *text)
{
    g_autofree char *got = qtest_hmp(m->qts, "%s", command);
    char *to = got;

    for (char *from = got; *from; from++) {
        if (*from != '\r') {
            *to++ = *from;
        }
    }
    *to = '\0';
    g_test_message("%s", command);
    g_assert_cmpstr(got, ==, text);
}

static QDmashareMachine *machine(void)
{
    return qdmashare_one("-M pc", "id=dev,local-size=1M,job-queues=1,"
                                  "latency=1000");
}

static void test_info(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;

    qdmashare_buf(d, 2, 8 * KiB, DMASHARE_DIR_TO_DEVICE);
    qdmashare_local_buf(d, 3, 0, 4 * KiB, 0);
    qdmashare_attach(d, 5, 2);
    says(m, "info dmashare",
         "/machine/peripheral/dev: interface 1.4, enabled\n"
         "    buffers 2 attachments 1 mappings 2 faults 0\n"
         "    jobs 0 failed 0 fences pending 0 held 0 holds 0 fault rules 0\n");
    says(m, "info dmashare dev",
         "/machine/peripheral/dev: interface 1.4, enabled\n"
         "    buffers 2 attachments 1 mappings 2 faults 0\n"
         "    jobs 0 failed 0 fences pending 0 held 0 holds 0 fault rules 0\n"
         "    queue 0: enabled error 0 fetched 5 of 5 completed 5 jobs 0\n"
         "    queue 1: enabled error 0 fetched 0 of 0 completed 0 jobs 0\n");
    says(m, "info dmashare-buffers dev",
         "2: 'qtest' 8192 bytes, system, pinned 0, pending fences 0\n"
         "    attachment 5: 'importer', mappings 0\n"
         "    mapping 2: to-device, system, 8192 bytes in 1 segments\n"
         "3: 'local' 4096 bytes, local, pinned 0, pending fences 0\n"
         "    mapping 3: bidirectional, local, 4096 bytes in 1 segments\n");
    says(m, "info dmashare-buffers dev 2",
         "3: 'local' 4096 bytes, local, pinned 0, pending fences 0\n"
         "    mapping 3: bidirectional, local, 4096 bytes in 1 segments\n");
    says(m, "info dmashare-buffers dev -1",
         "after expects a number from 0 to 4294967295\n");
    says(m, "info dmashare nobody",
         "Error: Parameter 'path' expects the QOM path of a dmashare device, "
         "not 'nobody'; there are: /machine/peripheral/dev\n");
}

static void test_journal(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    char *all, *line;
    unsigned n = 0;

    for (unsigned i = 1; i <= 20; i++) {
        qdmashare_buffer(m->d, i, 4096);
    }
    says(m, "info dmashare-journal dev 0",
         "Error: Parameter 'limit' expects a number from 1 to 10000, not 0\n");
    all = qtest_hmp(m->qts, "info dmashare-journal dev 3");
    /* The last command with its interrupt, and the interrupt before it. */
    g_assert_nonnull(strstr(all, "ns: driver command 0x1 queue 0 buffer 20 "
                            "bytes 4096\r\n"));
    g_assert_null(strstr(all, "buffer 19"));
    g_free(all);
    all = qtest_hmp(m->qts, "info dmashare-journal dev");
    for (line = all; (line = strchr(line, '\n')); line++) {
        n++;
    }
    g_assert_cmpuint(n, ==, 20);
    g_free(all);
}

static void test_evict(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    const char *what = "what expects the id of a buffer, or a percentage from "
                       "1% to 100%\n";

    qdmashare_local_buf(m->d, 3, 0, 4 * KiB, 0);
    says(m, "dmashare_evict dev 3", "asked for 1 buffers\n");
    g_assert_cmpuint(qdmashare_event(m->d).buffer, ==, 3);
    says(m, "dmashare_evict dev 100%", "asked for 1 buffers\n");
    g_assert_cmpuint(qdmashare_event(m->d).buffer, ==, 3);
    says(m, "dmashare_evict dev 4",
         "Error: Parameter 'buffer' expects the id of a buffer in local "
         "memory; there is no buffer 4\n");
    says(m, "dmashare_evict dev 101%",
         "Error: Parameter 'percent' expects a number from 1 to 100, not "
         "101\n");
    says(m, "dmashare_evict dev 256%", what);
    says(m, "dmashare_evict dev all", what);
    says(m, "dmashare_evict dev 3x", what);
    qdmashare_assert_no_event(m->d);
}

static void test_fault(void)
{
    g_autoptr(QDmashareMachine) m = machine();

    says(m, "dmashare_fault dev command fail 2 enomem", "fault rule 1\n");
    says(m, "dmashare_fault dev interrupt drop", "fault rule 2\n");
    says(m, "info dmashare dev",
         "/machine/peripheral/dev: interface 1.4, enabled\n"
         "    buffers 0 attachments 0 mappings 0 faults 0\n"
         "    jobs 0 failed 0 fences pending 0 held 0 holds 0 fault rules 2\n"
         "    queue 0: enabled error 0 fetched 0 of 0 completed 0 jobs 0\n"
         "    queue 1: enabled error 0 fetched 0 of 0 completed 0 jobs 0\n"
         "    fault rule 1: command fail matched 0 fired 0\n"
         "    fault rule 2: interrupt drop matched 0 fired 0\n");
    says(m, "dmashare_fault dev nowhere fail",
         "where expects one of: command job dma-read dma-write interrupt queue "
         "fence-memory\n");
    says(m, "dmashare_fault dev job break",
         "action expects one of: fail drop delay duplicate stall hang "
         "fatal\n");
    says(m, "dmashare_fault dev job fail 1 ebadf",
         "error expects one of: none eperm enoent eio eagain enomem eacces "
         "efault ebusy enodev einval enospc erange edeadlk etime eproto "
         "eopnotsupp econnreset etimedout estale ecanceled "
         "enotrecoverable\n");
    says(m, "dmashare_fault_remove dev 1", "");
    says(m, "dmashare_fault_remove dev -1",
         "id expects a number from 0 to 4294967295\n");
    says(m, "dmashare_fault_remove dev", "");
    says(m, "info dmashare",
         "/machine/peripheral/dev: interface 1.4, enabled\n"
         "    buffers 0 attachments 0 mappings 0 faults 0\n"
         "    jobs 0 failed 0 fences pending 0 held 0 holds 0 fault rules "
         "0\n");
}

static void test_fence(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;
    struct dmashare_completion c;

    qdmashare_buf(d, 2, 8 * KiB, 0);
    says(m, "dmashare_hold dev 5 1", "hold 1\n");
    says(m, "dmashare_hold -n dev 6", "hold 2\n");
    qdmashare_submit(d, 1, qdmashare_fill(d, 5, 2, 0, 8, 1));
    qdmashare_submit(d, 1, qdmashare_checksum(d, 6, 2, 0, 8));
    qdmashare_submit(d, 1, qdmashare_noop(d, 6, 100000));
    qdmashare_step(d, 2000);
    says(m, "info dmashare-fences dev",
         "timeline 5 seqno 1: held, queue 1, hold 1, writes buffer 2\n"
         "timeline 6 seqno 1: held, queue 1, hold 2, reads buffer 2\n"
         "timeline 6 seqno 2: running, queue 1, hold 2\n");
    says(m, "info dmashare dev",
         "/machine/peripheral/dev: interface 1.4, enabled\n"
         "    buffers 1 attachments 0 mappings 1 faults 0\n"
         "    jobs 0 failed 0 fences pending 3 held 2 holds 2 fault rules 0\n"
         "    queue 0: enabled error 0 fetched 2 of 2 completed 2 jobs 0\n"
         "    queue 1: enabled error 0 fetched 3 of 3 completed 0 jobs 3\n"
         "    hold 1: held 1 timeline 5 seqno 1 remaining 0\n"
         "    hold 2: held 2 timeline 6 for ever\n");

    says(m, "dmashare_fence dev 5 1 fail enomem", "");
    c = qdmashare_pop(d, 1);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_COMMANDED);
    g_assert_cmpuint(c.detail, ==, 12);
    says(m, "dmashare_release dev 2", "1 fences were held\n");
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    says(m, "dmashare_fence dev 6 2 signal", "");
    g_assert_cmphex(qdmashare_pop(d, 1).status, ==, DMASHARE_STATUS_OK);
    says(m, "dmashare_release dev", "0 fences were held\n");
    says(m, "info dmashare-fences dev", "");

    says(m, "dmashare_fence dev 6 2 delay",
         "action expects one of: release signal fail\n");
    says(m, "dmashare_hold dev -2",
         "timeline expects a number from 0 to 4294967295\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/hmp/info", test_info);
    qtest_add_func("/dmashare/hmp/journal", test_journal);
    qtest_add_func("/dmashare/hmp/evict", test_evict);
    qtest_add_func("/dmashare/hmp/fault", test_fault);
    qtest_add_func("/dmashare/hmp/fence", test_fence);
    return g_test_run();
}
