/*
 * dmashare: holds of buffers of another VM, whose share server the test plays
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqtest.h"
#include "libqos/dmashare-foreign.h"

#define SHARE       QDMASHARE_FOREIGN_SHARE
#define SECOND      1000000000ULL

#define WRITE       DMASHARE_PEER_ACQUIRE_F_WRITE
#define CONTENT     DMASHARE_PEER_ACQUIRE_F_CONTENT

typedef QDmashareForeign World;

/* The buffer is in the window. */
static void world_start(World *w, bool write, bool subscribe)
{
    qdmashare_foreign_start_as(w, "", write);
    qdmashare_foreign_map(w, subscribe ? DMASHARE_PEER_MAP_F_SUBSCRIBE : 0, 0);
    if (subscribe) {
        qdmashare_fake_subscribed(w->s, SHARE, true);
    }
}

static void world_stop(World *w)
{
    qdmashare_fake_sync(w->s);
    qdmashare_assert_no_event(w->d);
    qdmashare_foreign_stop(w);
}

static void acquire(World *w, uint32_t flags, uint32_t hold)
{
    g_assert_cmphex(qdmashare_peer_acquire(w->d, w->id, flags, hold,
                                           flags & CONTENT ? 0 : SECOND),
                    ==, DMASHARE_STATUS_OK);
}

static void assert_release(World *w, uint32_t hold, uint32_t error,
                           unsigned status)
{
    g_assert_cmphex(qdmashare_peer_release(w->d, hold, error), ==, status);
}

/* The ACQUIRE that comes, and that the server has as this hold. */
static void acquired(World *w, uint32_t flags, uint32_t server)
{
    struct dmashare_msg msg = qdmashare_fake_expect(w->s,
                                                    DMASHARE_MSG_ACQUIRE);

    g_assert_cmpuint(le32_to_cpu(msg.acquire.share), ==, SHARE);
    g_assert_cmphex(le32_to_cpu(msg.acquire.flags), ==, flags);
    g_assert_cmpuint(le64_to_cpu(msg.acquire.deadline), ==, SECOND);
    qdmashare_fake_acquired(w->s, &msg, SHARE, server);
}

static void released(World *w, uint32_t server, uint32_t error)
{
    struct dmashare_msg msg = qdmashare_fake_expect(w->s,
                                                    DMASHARE_MSG_RELEASE);

    g_assert_cmpuint(le32_to_cpu(msg.release.hold), ==, server);
    g_assert_cmpuint(le32_to_cpu(msg.release.error), ==, error);
    qdmashare_fake_done(w->s, &msg);
}

/* PEER_GRANTED of a hold: with contents, or with an errno. */
static void granted(World *w, uint32_t hold, uint32_t error, uint64_t sequence)
{
    struct dmashare_event e = qdmashare_fake_event_of(
        w->d, DMASHARE_EVENT_PEER_GRANTED, hold, error);

    g_assert_cmphex(e.status, ==, error ? DMASHARE_STATUS_COMMANDED
                                        : DMASHARE_STATUS_OK);
    g_assert_cmpuint(e.addr, ==, sequence);
}

static void content(World *w, uint64_t sequence, uint32_t hold)
{
    qdmashare_fake_content(w->s, SHARE, 1, sequence, hold);
    qdmashare_fake_event_of(w->d, DMASHARE_EVENT_PEER_CONTENT, w->id,
                            sequence);
}

static void test_life(void)
{
    World w;

    world_start(&w, true, false);
    acquire(&w, 0, 1);
    acquired(&w, 0, 100);
    acquire(&w, WRITE, 2);
    acquired(&w, DMASHARE_ACQUIRE_F_WRITE, 101);
    qdmashare_fake_sync(w.s);
    qdmashare_assert_no_event(w.d);

    /* In another order, and with what it says of the contents. */
    qdmashare_fake_granted(w.s, SHARE, 101, 0, 55);
    granted(&w, 2, 0, 55);
    qdmashare_fake_granted(w.s, SHARE, 100, 0, 56);
    granted(&w, 1, 0, 56);
    assert_release(&w, 1, 0, DMASHARE_STATUS_OK);
    released(&w, 100, 0);
    assert_release(&w, 2, EIO, DMASHARE_STATUS_OK);
    released(&w, 101, EIO);
    assert_release(&w, 2, 0, DMASHARE_STATUS_BAD_ID);

    /* The id is free again. */
    acquire(&w, 0, 2);
    acquired(&w, 0, 100);
    qdmashare_fake_granted(w.s, SHARE, 100, 0, 57);
    granted(&w, 2, 0, 57);
    assert_release(&w, 2, 0, DMASHARE_STATUS_OK);
    released(&w, 100, 0);
    world_stop(&w);
}

static void test_cancel(void)
{
    struct dmashare_msg msg;
    World w;

    world_start(&w, true, false);
    /* Granted never. */
    acquire(&w, 0, 1);
    acquired(&w, 0, 100);
    qdmashare_fake_sync(w.s);
    assert_release(&w, 1, 0, DMASHARE_STATUS_OK);
    released(&w, 100, 0);

    /* Not even known to the server by a number. */
    acquire(&w, 0, 1);
    msg = qdmashare_fake_expect(w.s, DMASHARE_MSG_ACQUIRE);
    assert_release(&w, 1, EINTR, DMASHARE_STATUS_OK);
    acquire(&w, 0, 1);
    qdmashare_fake_acquired(w.s, &msg, SHARE, 101);
    acquired(&w, 0, 102);
    released(&w, 101, EINTR);
    /* Both crossed with a grant. */
    qdmashare_fake_granted(w.s, SHARE, 101, 0, 1);
    qdmashare_fake_granted(w.s, SHARE, 102, 0, 2);
    granted(&w, 1, 0, 2);
    assert_release(&w, 1, 0, DMASHARE_STATUS_OK);
    released(&w, 102, 0);
    world_stop(&w);
}

static void test_ended(void)
{
    struct dmashare_msg msg;
    World w;

    world_start(&w, true, false);
    /* Refused by the server, and by the owner. */
    acquire(&w, 0, 1);
    msg = qdmashare_fake_expect(w.s, DMASHARE_MSG_ACQUIRE);
    qdmashare_fake_error(w.s, &msg, ENOSPC);
    granted(&w, 1, ENOSPC, 0);
    assert_release(&w, 1, 0, DMASHARE_STATUS_BAD_ID);
    acquire(&w, 0, 1);
    acquired(&w, 0, 100);
    qdmashare_fake_granted(w.s, SHARE, 100, EPERM, 0);
    granted(&w, 1, EPERM, 0);

    /* Ended before it was granted, and after. */
    acquire(&w, 0, 1);
    acquired(&w, 0, 101);
    qdmashare_fake_ended(w.s, SHARE, 101, ECANCELED);
    granted(&w, 1, ECANCELED, 0);
    acquire(&w, 0, 1);
    acquired(&w, 0, 102);
    qdmashare_fake_granted(w.s, SHARE, 102, 0, 9);
    granted(&w, 1, 0, 9);
    qdmashare_fake_ended(w.s, SHARE, 102, ETIMEDOUT);
    granted(&w, 1, ETIMEDOUT, 0);
    assert_release(&w, 1, 0, DMASHARE_STATUS_BAD_ID);

    /* While the driver hears of nothing: the last word alone. */
    acquire(&w, 0, 1);
    acquired(&w, 0, 103);
    acquire(&w, 0, 2);
    acquired(&w, 0, 104);
    qdmashare_writel(w.d, DMASHARE_REG_EVQ_CTRL, 0);
    qdmashare_fake_granted(w.s, SHARE, 103, 0, 9);
    qdmashare_fake_ended(w.s, SHARE, 103, ETIMEDOUT);
    qdmashare_fake_granted(w.s, SHARE, 104, 0, 9);
    qdmashare_fake_ended(w.s, SHARE, 104, ETIMEDOUT);
    qdmashare_fake_sync(w.s);
    assert_release(&w, 2, 0, DMASHARE_STATUS_OK);
    qdmashare_events_setup(w.d, QDMASHARE_ENTRIES);
    granted(&w, 1, ETIMEDOUT, 0);
    world_stop(&w);
}

static void test_content(void)
{
    World w;

    world_start(&w, true, true);
    /* Somebody waits for them. */
    acquire(&w, CONTENT, 1);
    acquire(&w, CONTENT, 2);
    content(&w, 10, 200);
    granted(&w, 1, 0, 10);
    assert_release(&w, 1, 0, DMASHARE_STATUS_OK);
    released(&w, 200, 0);
    /* Without a hold there is nothing to be granted. */
    content(&w, 11, 0);
    content(&w, 12, 201);
    granted(&w, 2, 0, 12);
    assert_release(&w, 2, EIO, DMASHARE_STATUS_OK);
    released(&w, 201, EIO);

    /* They are there before. */
    content(&w, 13, 202);
    qdmashare_fake_sync(w.s);
    acquire(&w, CONTENT, 3);
    granted(&w, 3, 0, 13);
    /* Ended by the deadline. */
    qdmashare_fake_ended(w.s, SHARE, 202, ETIMEDOUT);
    granted(&w, 3, ETIMEDOUT, 0);

    /* There before, and over before. */
    content(&w, 14, 203);
    qdmashare_fake_ended(w.s, SHARE, 203, ETIMEDOUT);
    acquire(&w, CONTENT, 3);
    qdmashare_fake_sync(w.s);
    qdmashare_assert_no_event(w.d);
    /* No more wanted. */
    assert_release(&w, 3, 0, DMASHARE_STATUS_OK);
    content(&w, 15, 204);

    /* Out of the window: nothing is held any more. */
    acquire(&w, 0, 4);
    acquired(&w, 0, 100);
    qdmashare_fake_sync(w.s);
    g_assert_cmphex(qdmashare_peer_unmap(w.d, w.id), ==, DMASHARE_STATUS_OK);
    released(&w, 204, ECANCELED);
    released(&w, 100, ECANCELED);
    qdmashare_fake_subscribed(w.s, SHARE, false);
    assert_release(&w, 4, 0, DMASHARE_STATUS_BAD_ID);
    /* One that crossed with that. */
    content(&w, 16, 205);
    released(&w, 205, ECANCELED);
    world_stop(&w);
}

static void test_withdrawn(void)
{
    World w;

    world_start(&w, true, true);
    acquire(&w, CONTENT, 1);
    acquire(&w, 0, 2);
    acquired(&w, 0, 100);
    qdmashare_fake_granted(w.s, SHARE, 100, 0, 3);
    granted(&w, 2, 0, 3);
    qdmashare_fake_withdraw(w.s, SHARE, 1, DMASHARE_WITHDRAW_RELEASED);
    /* The last one first, and all of them before the buffer. */
    granted(&w, 2, ECANCELED, 0);
    granted(&w, 1, ECANCELED, 0);
    qdmashare_fake_event_of(w.d, DMASHARE_EVENT_PEER_WITHDRAW, w.id, 0);
    /* What the server says of them now is old. */
    qdmashare_fake_ended(w.s, SHARE, 100, ECANCELED);
    assert_release(&w, 1, 0, DMASHARE_STATUS_BAD_ID);
    world_stop(&w);
}

static void test_refused(void)
{
    const uint64_t hour = 3600 * SECOND;
    static const uint32_t device = DMASHARE_HOLD_DEVICE;
    const struct {
        uint32_t flags, hold;
        uint64_t deadline;
        unsigned status;
    } cases[] = {
        { 0, 0, SECOND, DMASHARE_STATUS_BAD_ID },
        { 0, device, SECOND, DMASHARE_STATUS_BAD_ID },
        { 0, UINT32_MAX, SECOND, DMASHARE_STATUS_BAD_ID },
        { 4, 1, SECOND, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { CONTENT, 1, 0, DMASHARE_STATUS_BAD_DESCRIPTOR },
        { 0, 1, 0, DMASHARE_STATUS_BAD_LENGTH },
        { 0, 1, hour + 1, DMASHARE_STATUS_BAD_LENGTH },
        { WRITE, 1, SECOND, DMASHARE_STATUS_READ_ONLY },
        { 0, device - 1, SECOND, DMASHARE_STATUS_OK },
        { 0, device - 1, SECOND, DMASHARE_STATUS_ID_EXISTS },
    };
    World w;

    world_start(&w, false, false);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_test_message("case %u", i);
        g_assert_cmphex(qdmashare_peer_acquire(w.d, w.id, cases[i].flags,
                                               cases[i].hold,
                                               cases[i].deadline),
                        ==, cases[i].status);
    }
    acquired(&w, 0, 100);
    assert_release(&w, device - 1, 4096, DMASHARE_STATUS_BAD_LENGTH);
    assert_release(&w, 1, 0, DMASHARE_STATUS_BAD_ID);
    qdmashare_fake_sync(w.s);
    assert_release(&w, device - 1, 4095, DMASHARE_STATUS_OK);
    released(&w, 100, 4095);
    g_assert_cmphex(qdmashare_peer_unmap(w.d, w.id), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_peer_acquire(w.d, w.id, 0, 1, SECOND), ==,
                    DMASHARE_STATUS_BAD_ID);
    world_stop(&w);

    world_start(&w, true, true);
    g_assert_cmphex(qdmashare_peer_acquire(w.d, w.id, CONTENT, 1, 1), ==,
                    DMASHARE_STATUS_BAD_LENGTH);
    g_assert_cmphex(qdmashare_peer_acquire(w.d, w.id, CONTENT | WRITE, 1, 0),
                    ==, DMASHARE_STATUS_BAD_DESCRIPTOR);
    world_stop(&w);
}

/* No more than the register says, and of each the server hears in the end. */
static void test_limit(void)
{
    uint32_t max, n;
    World w;

    world_start(&w, true, false);
    max = qdmashare_readl(w.d, DMASHARE_REG_MAX_HOLDS);
    for (n = 1; n <= max; n++) {
        acquire(&w, 0, n);
    }
    g_assert_cmphex(qdmashare_peer_acquire(w.d, w.id, 0, n, SECOND), ==,
                    DMASHARE_STATUS_LIMIT);
    for (n = 1; n <= max; n++) {
        acquired(&w, 0, n + 1000);
    }
    qdmashare_fake_sync(w.s);
    g_assert_cmphex(qdmashare_peer_unmap(w.d, w.id), ==, DMASHARE_STATUS_OK);
    for (n = 1; n <= max; n++) {
        struct dmashare_msg msg = qdmashare_fake_expect(w.s,
                                                        DMASHARE_MSG_RELEASE);

        qdmashare_fake_done(w.s, &msg);
    }
    world_stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/peer/hold/life", test_life);
    qtest_add_func("/dmashare/peer/hold/cancel", test_cancel);
    qtest_add_func("/dmashare/peer/hold/ended", test_ended);
    qtest_add_func("/dmashare/peer/hold/content", test_content);
    qtest_add_func("/dmashare/peer/hold/withdrawn", test_withdrawn);
    qtest_add_func("/dmashare/peer/hold/refused", test_refused);
    qtest_add_func("/dmashare/peer/hold/limit", test_limit);
    return g_test_run();
}
