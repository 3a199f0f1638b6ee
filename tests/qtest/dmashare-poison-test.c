/*
 * dmashare: the command dmashare-local-poison
 *
 * What nobody has any more is poisoned, and nothing else ever is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-machine.h"
#include "libqos/dmashare-qmp.h"

#define SIZE    (64 * KiB)
#define BYTE    0xa7

static QDmashareMachine *machine(void)
{
    return qdmashare_one("-M pc", "local-size=16M,id=dev");
}

static void poison(QDmashareMachine *m, bool enable)
{
    qdmashare_qmp_do(m->qts, "dmashare-local-poison",
                     "{ 'path': 'dev', 'enable': %s, 'byte': %d }",
                     enable ? "true" : "false", BYTE);
}

/* Local memory has other bytes than before, and other ones everywhere. */
static void scribble(QDmashare *d, uint64_t offset, uint64_t len,
                     uint64_t seed)
{
    g_autofree uint8_t *bytes = g_malloc(len);

    qdmashare_noise(bytes, len, seed);
    qtest_bufwrite(d->qts, d->local + offset, bytes, len);
}

static void assert_kept(QDmashare *d, uint64_t offset, uint64_t len,
                        uint64_t seed)
{
    g_autofree uint8_t *bytes = g_malloc(len);

    qdmashare_noise(bytes, len, seed);
    qdmashare_assert_bytes(d, d->local + offset, bytes, len);
}

static void assert_poisoned(QDmashare *d, uint64_t offset, uint64_t len,
                            uint8_t byte)
{
    g_autofree uint8_t *bytes = g_malloc(len);

    memset(bytes, byte, len);
    qdmashare_assert_bytes(d, d->local + offset, bytes, len);
}

/* The buffer's mapping id + 100 leads to fresh system memory. */
static uint64_t map_system(QDmashare *d, uint32_t id, uint64_t size)
{
    uint64_t phys = qdmashare_alloc(d, size);
    struct dmashare_segment seg = {
        .addr = qdmashare_dma(d, phys),
        .len = size,
    };

    g_assert_cmphex(qdmashare_map(d, id + 100, id, DMASHARE_DIR_BIDIRECTIONAL,
                                  &seg, 1), ==, DMASHARE_STATUS_OK);
    return phys;
}

/*
 * Poison is on, and buffer 1 is noise 1 in local memory; it has a mapping of
 * the system memory that it is going to move to.
 */
static uint64_t moving(QDmashareMachine *m)
{
    poison(m, true);
    scribble(m->d, 0, SIZE, 1);
    qdmashare_local_buf(m->d, 1, 0, SIZE, 0);
    return map_system(m->d, 1, SIZE);
}

/* A part of the way from local to system memory, or back. */
static unsigned copy(QDmashare *d, uint32_t dst, uint32_t src, uint64_t offset,
                     uint64_t len)
{
    return qdmashare_job(d, qdmashare_copy(d, 0, dst, offset, src, offset,
                                           len)).status;
}

static void test_destroy(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;

    poison(m, true);
    scribble(d, 0, 3 * SIZE, 1);
    qdmashare_local_buf(d, 1, SIZE, SIZE, 0);

    /* As long as there is a buffer these are its bytes, mapped or not. */
    qdmashare_unmap(d, 1);
    assert_kept(d, 0, 3 * SIZE, 1);
    qdmashare_destroy(d, 1);
    assert_poisoned(d, SIZE, SIZE, BYTE);

    /* Not a byte before it and none after it. */
    scribble(d, 0, 3 * SIZE, 1);
    qdmashare_local_buf(d, 1, SIZE, SIZE, 0);
    qdmashare_unmap(d, 1);
    scribble(d, SIZE, SIZE, 2);
    qdmashare_destroy(d, 1);
    assert_poisoned(d, SIZE, SIZE, BYTE);
    {
        g_autofree uint8_t *bytes = g_malloc(3 * SIZE);

        qdmashare_noise(bytes, 3 * SIZE, 1);
        qdmashare_assert_bytes(d, d->local, bytes, SIZE);
        qdmashare_assert_bytes(d, d->local + 2 * SIZE, bytes + 2 * SIZE, SIZE);
    }

    /* Switched off again, nothing is touched. */
    scribble(d, 0, SIZE, 3);
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    qdmashare_unmap(d, 1);
    poison(m, false);
    qdmashare_destroy(d, 1);
    assert_kept(d, 0, SIZE, 3);
}

static void test_large(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;
    /* In two pieces, the second one first, and more than one step's work. */
    struct dmashare_segment seg[] = {
        { .addr = 3 * MiB, .len = 1 * MiB + 64 * KiB },
        { .addr = 1 * MiB, .len = 64 * KiB },
    };

    qdmashare_qmp_do(m->qts, "dmashare-local-poison",
                     "{ 'path': 'dev', 'enable': true }");
    scribble(d, 1 * MiB - SIZE, SIZE, 1);
    scribble(d, 3 * MiB, seg[0].len, 2);
    scribble(d, 1 * MiB, seg[1].len, 3);
    qdmashare_buffer(d, 1, seg[0].len + seg[1].len);
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_LOCAL);
    g_assert_cmphex(qdmashare_map_local(d, 1, 1, 0, seg, 2), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_unmap(d, 1);
    qdmashare_destroy(d, 1);
    assert_poisoned(d, seg[0].addr, seg[0].len, 0x6b);
    assert_poisoned(d, seg[1].addr, seg[1].len, 0x6b);
    assert_kept(d, 1 * MiB - SIZE, SIZE, 1);
}

static void test_move(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;
    g_autofree uint8_t *bytes = g_malloc(SIZE);
    uint64_t phys = moving(m);

    /* As the driver does it: PLACE when the move begins, then the jobs. */
    g_assert_cmphex(qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM), ==,
                    DMASHARE_STATUS_OK);
    assert_kept(d, 0, SIZE, 1);
    g_assert_cmphex(copy(d, 101, 1, 0, SIZE / 2), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(copy(d, 101, 1, SIZE / 2, SIZE / 2), ==,
                    DMASHARE_STATUS_OK);
    assert_kept(d, 0, SIZE, 1);
    qdmashare_unmap(d, 1);
    assert_poisoned(d, 0, SIZE, BYTE);
    qdmashare_noise(bytes, SIZE, 1);
    qdmashare_assert_bytes(d, phys, bytes, SIZE);

    /* It is gone from there: its end concerns that memory no more. */
    scribble(d, 0, SIZE, 2);
    qdmashare_unmap(d, 101);
    qdmashare_destroy(d, 1);
    assert_kept(d, 0, SIZE, 2);
}

/* The engines did not copy everything: who knows how the rest will be. */
static void test_move_by_cpu(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;

    moving(m);
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM);
    g_assert_cmphex(copy(d, 101, 1, 0, SIZE / 2), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(copy(d, 101, 1, SIZE / 2 + 1, SIZE / 2), ==,
                    DMASHARE_STATUS_FAULT_BOUNDS);
    qdmashare_unmap(d, 1);
    assert_kept(d, 0, SIZE, 1);

    /* The CPU has copied, and somebody else has the memory now. */
    qdmashare_unmap(d, 101);
    qdmashare_destroy(d, 1);
    assert_kept(d, 0, SIZE, 1);
}

/* The same half twice is not the whole. */
static void test_move_in_parts(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;

    moving(m);
    g_assert_cmphex(copy(d, 101, 1, 0, SIZE / 2), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(copy(d, 101, 1, 0, SIZE / 2), ==, DMASHARE_STATUS_OK);
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM);
    qdmashare_unmap(d, 1);
    assert_kept(d, 0, SIZE, 1);
}

/*
 * A buffer that went out and came in again elsewhere, before its old mapping
 * of local memory ended: the old memory is free, the new one is not.
 */
static void test_out_and_in(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;
    struct dmashare_segment seg = { .addr = SIZE, .len = SIZE };

    moving(m);
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM);
    g_assert_cmphex(copy(d, 101, 1, 0, SIZE), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_map_local(d, 2, 1, 0, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_LOCAL);
    g_assert_cmphex(copy(d, 2, 101, 0, SIZE), ==, DMASHARE_STATUS_OK);
    qdmashare_unmap(d, 1);
    assert_poisoned(d, 0, SIZE, BYTE);
    assert_kept(d, SIZE, SIZE, 1);

    /* Its home is the second place; of the first one it knows nothing. */
    scribble(d, 0, SIZE, 2);
    qdmashare_unmap(d, 101);
    qdmashare_unmap(d, 2);
    qdmashare_destroy(d, 1);
    assert_kept(d, 0, SIZE, 2);
    assert_poisoned(d, SIZE, SIZE, BYTE);
}

/* Memory that somebody else has mapped since is somebody else's. */
static void test_given_on(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;

    poison(m, true);
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    qdmashare_unmap(d, 1);
    qdmashare_local_buf(d, 2, SIZE - 4 * KiB, SIZE, 0);
    qdmashare_unmap(d, 2);
    scribble(d, 0, 2 * SIZE, 1);
    qdmashare_destroy(d, 1);
    assert_kept(d, 0, 2 * SIZE, 1);

    /* Two mappings of one buffer to the same memory: the other one counts. */
    qdmashare_local_buf(d, 3, 4 * SIZE, SIZE, 0);
    {
        struct dmashare_segment seg = { .addr = 4 * SIZE, .len = SIZE };

        g_assert_cmphex(qdmashare_map_local(d, 4, 3, 0, &seg, 1), ==,
                        DMASHARE_STATUS_OK);
    }
    scribble(d, 4 * SIZE, SIZE, 3);
    map_system(d, 3, SIZE);
    g_assert_cmphex(copy(d, 103, 3, 0, SIZE), ==, DMASHARE_STATUS_OK);
    qdmashare_unmap(d, 3);
    assert_kept(d, 4 * SIZE, SIZE, 3);
}

static void test_reset(void)
{
    g_autoptr(QDmashareMachine) m = machine();
    QDmashare *d = m->d;

    /* Local memory outlives a reset; the wish for poison does as well. */
    poison(m, true);
    scribble(d, 0, 2 * SIZE, 1);
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    qdmashare_local_buf(d, 2, SIZE, SIZE, 0);
    qdmashare_unmap(d, 1);
    qdmashare_reset(d);
    assert_kept(d, 0, 2 * SIZE, 1);
    qdmashare_start(d);

    /* What was copied before it counts for nothing. */
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    map_system(d, 1, SIZE);
    g_assert_cmphex(copy(d, 101, 1, 0, SIZE), ==, DMASHARE_STATUS_OK);
    qdmashare_reset(d);
    qdmashare_start(d);
    qdmashare_local_buf(d, 1, 0, SIZE, 0);
    qdmashare_place(d, 1, DMASHARE_PLACEMENT_SYSTEM);
    qdmashare_unmap(d, 1);
    assert_kept(d, 0, 2 * SIZE, 1);

    qdmashare_local_buf(d, 2, SIZE, SIZE, 0);
    qdmashare_unmap(d, 2);
    qdmashare_destroy(d, 2);
    assert_poisoned(d, SIZE, SIZE, BYTE);
}

static void test_refused(void)
{
    g_autoptr(QDmashareMachine) m = qdmashare_one("-M pc", "id=dev");
    g_autofree char *text = qdmashare_qmp_refusal(m->qts,
                                                  "dmashare-local-poison",
                                                  "{ 'path': 'dev',"
                                                  "  'enable': true }");

    g_assert_cmpstr(text, ==, "Parameter 'path' expects a device with local "
                    "memory; 'dev' was made without");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/poison/destroy", test_destroy);
    qtest_add_func("/dmashare/poison/large", test_large);
    qtest_add_func("/dmashare/poison/move", test_move);
    qtest_add_func("/dmashare/poison/move-by-cpu", test_move_by_cpu);
    qtest_add_func("/dmashare/poison/move-in-parts", test_move_in_parts);
    qtest_add_func("/dmashare/poison/out-and-in", test_out_and_in);
    qtest_add_func("/dmashare/poison/given-on", test_given_on);
    qtest_add_func("/dmashare/poison/reset", test_reset);
    qtest_add_func("/dmashare/poison/refused", test_refused);
    return g_test_run();
}
