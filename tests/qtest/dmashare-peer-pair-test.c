/*
 * dmashare: two VMs, of which one has the other's buffers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-client.h"
#include "libqos/dmashare-fake-server.h"
#include "libqos/dmashare-qmp.h"
#include "libqos/pci-pc.h"

#define HALF        (1 * MiB)
#define SIZE        (64 * KiB)
#define BUF         7
#define SECOND      1000000000ULL

/* The owner's device shares, the user's device has a window. */
typedef struct Pair {
    QDmashareSocket *socket;
    QDmashareMachine *owner;
    QDmashareMachine *user;
    QDmashare *o;
    QDmashare *u;
} Pair;

static void pair_start(Pair *p, const char *args, const char *properties)
{
    g_autofree char *share = NULL, *peer = NULL;

    p->socket = qdmashare_socket_new();
    share = g_strdup_printf("id=owner,share=unix:%s,%s", p->socket->path,
                            properties);
    peer = g_strdup_printf("id=" QDMASHARE_ID ",peer=unix:%s,peer-size=1M,"
                           "peer-reconnect-ms=10", p->socket->path);
    p->owner = qdmashare_one(args, share);
    p->user = qdmashare_one("-M q35", peer);
    p->o = p->owner->d;
    p->u = p->user->d;
}

static void pair_stop(Pair *p)
{
    if (p->user) {
        qdmashare_machine_free(p->user);
    }
    if (p->owner) {
        qdmashare_machine_free(p->owner);
    }
    qdmashare_socket_free(p->socket);
}

/* The owner shares it; what the user knows it as, in its window at @offset. */
static uint32_t pair_share(Pair *p, bool write, bool subscribe, uint64_t offset)
{
    uint32_t flags = (write ? DMASHARE_PEER_MAP_F_WRITE : 0) |
                     (subscribe ? DMASHARE_PEER_MAP_F_SUBSCRIBE : 0);
    struct dmashare_event e;

    g_assert_cmphex(qdmashare_share(p->o, BUF, BUF,
                                    write ? DMASHARE_SHARE_WRITE : 0).status,
                    ==, DMASHARE_STATUS_OK);
    e = qdmashare_fake_event(p->u, DMASHARE_EVENT_PEER_ANNOUNCE);
    g_assert_cmphex(qdmashare_peer_map(p->u, e.mapping, flags, offset), ==,
                    DMASHARE_STATUS_OK);
    return e.mapping;
}

static struct dmashare_event owner_done(Pair *p, uint32_t hold, unsigned status)
{
    struct dmashare_event e = qdmashare_fake_event(p->o,
                                                   DMASHARE_EVENT_SHARE_DONE);

    g_assert_cmpuint(e.mapping, ==, hold);
    g_assert_cmphex(e.status, ==, status);
    return e;
}

/* The same pages, in both directions, by CPUs and by engines. */
static void test_bytes(void)
{
    g_autofree uint8_t *noise = g_malloc(SIZE);
    QDmashareBuf buf;
    uint32_t id;
    Pair p;

    pair_start(&p, "-M pc", "local-size=1M,share-writable=on");
    buf = qdmashare_local_buf(p.o, BUF, 3 * SIZE, SIZE,
                              DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_noise(noise, SIZE, 1);
    qtest_bufwrite(p.o->qts, buf.phys, noise, SIZE);
    id = pair_share(&p, true, false, HALF + SIZE);
    g_assert_cmphex(qdmashare_peer_info(p.u, id).flags, ==,
                    DMASHARE_PEER_F_WRITE);
    g_assert_cmpstr((char *)qdmashare_peer_info(p.u, id).device, ==, "owner");
    qdmashare_assert_bytes(p.u, p.u->window + HALF + SIZE, noise, SIZE);

    qdmashare_noise(noise, SIZE, 2);
    qtest_bufwrite(p.u->qts, p.u->window + HALF + SIZE, noise, SIZE);
    qdmashare_assert_bytes(p.o, buf.phys, noise, SIZE);
    qdmashare_peer_buf(p.u, 1, HALF + SIZE, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    qdmashare_assert_ok(p.u, qdmashare_fill(p.u, 0, 1, 8, 1000, 0x1122));
    qdmashare_pattern(noise + 8, 1000, 0x1122);
    qdmashare_assert_checksum(p.o, BUF, 0, noise, SIZE);
    qdmashare_assert_ok(p.o, qdmashare_fill(p.o, 0, BUF, 0, SIZE, 0x3344));
    qdmashare_pattern(noise, SIZE, 0x3344);
    qdmashare_assert_checksum(p.u, 1, 0, noise, SIZE);
    pair_stop(&p);
}

/* Pages of the owner's memory that do not follow each other. */
static void test_scattered(void)
{
    static const unsigned place[] = { 5, 1, 2, 9 };
    uint64_t size = ARRAY_SIZE(place) * 4 * KiB;
    struct dmashare_segment seg[ARRAY_SIZE(place)];
    g_autofree uint8_t *noise = g_malloc(size);
    uint64_t at;
    Pair p;

    pair_start(&p, "-object memory-backend-memfd,id=ram,size=128M "
               "-M pc,memory-backend=ram -m 128M", "share-guest-memory=on");
    at = qdmashare_alloc(p.o, 16 * 4 * KiB);
    qdmashare_noise(noise, size, 3);
    for (unsigned i = 0; i < ARRAY_SIZE(place); i++) {
        seg[i].addr = at + place[i] * 4 * KiB;
        seg[i].len = 4 * KiB;
        qtest_bufwrite(p.o->qts, seg[i].addr, noise + i * 4 * KiB, 4 * KiB);
    }
    qdmashare_buffer(p.o, BUF, size);
    g_assert_cmphex(qdmashare_map(p.o, BUF, BUF, DMASHARE_DIR_BIDIRECTIONAL,
                                  seg, ARRAY_SIZE(seg)),
                    ==, DMASHARE_STATUS_OK);
    pair_share(&p, false, false, 4096);
    qdmashare_assert_bytes(p.u, p.u->window + 4096, noise, size);
    qdmashare_peer_buf(p.u, 1, 4096, size, DMASHARE_DIR_TO_DEVICE);
    qdmashare_assert_checksum(p.u, 1, 0, noise, size);
    pair_stop(&p);
}

/* Fences in both directions. */
static void test_holds(void)
{
    struct dmashare_completion c;
    struct dmashare_event e;
    uint32_t id;
    Pair p;

    pair_start(&p, "-M pc", "local-size=1M,share-writable=on");
    qdmashare_local_buf(p.o, BUF, 0, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
    id = pair_share(&p, true, true, HALF);

    /* The user's, which the owner grants. */
    g_assert_cmphex(qdmashare_peer_acquire(p.u, id,
                                           DMASHARE_PEER_ACQUIRE_F_WRITE, 3,
                                           SECOND),
                    ==, DMASHARE_STATUS_OK);
    e = qdmashare_fake_event(p.o, DMASHARE_EVENT_SHARE_ACQUIRE);
    g_assert_cmpuint(e.buffer, ==, BUF);
    g_assert_cmpuint(e.offset, ==, SECOND);
    g_assert_cmphex(e.flags, ==, DMASHARE_EVENT_F_WRITE);
    g_assert_cmphex(qdmashare_grant(p.o, e.mapping, 0).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_fake_event_of(p.u, DMASHARE_EVENT_PEER_GRANTED, 3, 0);
    g_assert_cmphex(qdmashare_peer_release(p.u, 3, EIO), ==,
                    DMASHARE_STATUS_OK);
    g_assert_cmpuint(owner_done(&p, e.mapping, DMASHARE_STATUS_COMMANDED)
                     .offset, ==, EIO);

    /* Too long. */
    g_assert_cmphex(qdmashare_peer_acquire(p.u, id, 0, 3, SECOND), ==,
                    DMASHARE_STATUS_OK);
    e = qdmashare_fake_event(p.o, DMASHARE_EVENT_SHARE_ACQUIRE);
    g_assert_cmphex(qdmashare_grant(p.o, e.mapping, 0).status, ==,
                    DMASHARE_STATUS_OK);
    qdmashare_fake_event(p.u, DMASHARE_EVENT_PEER_GRANTED);
    qdmashare_step(p.o, SECOND);
    owner_done(&p, e.mapping, DMASHARE_STATUS_TIMEOUT);
    qdmashare_fake_event_of(p.u, DMASHARE_EVENT_PEER_GRANTED, 3, ETIMEDOUT);

    /* The owner's contents, which the user holds. */
    c = qdmashare_publish(p.o, BUF, 5, 42, SECOND);
    g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(c.result, ==, 1);
    qdmashare_fake_event_of(p.u, DMASHARE_EVENT_PEER_CONTENT, id, 42);
    g_assert_cmphex(qdmashare_publish(p.o, BUF, 6, 43, SECOND).status, ==,
                    DMASHARE_STATUS_BUSY);
    g_assert_cmphex(qdmashare_peer_acquire(p.u, id,
                                           DMASHARE_PEER_ACQUIRE_F_CONTENT, 4,
                                           0),
                    ==, DMASHARE_STATUS_OK);
    e = qdmashare_fake_event(p.u, DMASHARE_EVENT_PEER_GRANTED);
    g_assert_cmpuint(e.addr, ==, 42);
    qdmashare_assert_no_event(p.o);
    g_assert_cmphex(qdmashare_peer_release(p.u, 4, 0), ==, DMASHARE_STATUS_OK);
    owner_done(&p, 5, DMASHARE_STATUS_OK);

    /* Out of the window with contents that nobody has acquired. */
    g_assert_cmpuint(qdmashare_publish(p.o, BUF, 6, 43, SECOND).result, ==, 1);
    qdmashare_fake_event(p.u, DMASHARE_EVENT_PEER_CONTENT);
    g_assert_cmphex(qdmashare_peer_unmap(p.u, id), ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(owner_done(&p, 6, DMASHARE_STATUS_COMMANDED).offset, ==,
                     ECANCELED);

    /* Its buffer is withdrawn, and comes again. */
    g_assert_cmphex(qdmashare_peer_map(p.u, id, 0, 0), ==, DMASHARE_STATUS_OK);
    g_assert_cmphex(qdmashare_unshare(p.o, BUF, 0).status, ==,
                    DMASHARE_STATUS_OK);
    e = qdmashare_fake_event_of(p.u, DMASHARE_EVENT_PEER_WITHDRAW, id, 0);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_OK);
    g_assert_cmpuint(pair_share(&p, false, false, 0), !=, id);
    pair_stop(&p);
}

/* QEMU ends as it is, and is not told to tidy up before. */
static void machine_end(QDmashareMachine *m)
{
    qtest_qmp_assert_success(m->qts, "{ 'execute': 'quit' }");
    qtest_wait_qemu(m->qts);
    g_free(m->d);
    alloc_destroy(&m->alloc);
    qpci_free_pc(m->bus);
    qtest_quit(m->qts);
    g_free(m);
}

/* Either of them ends with a hold of the other's. */
static void test_end(void)
{
    for (unsigned owner_ends = 0; owner_ends < 2; owner_ends++) {
        struct dmashare_event e;
        uint32_t id, hold;
        Pair p;

        pair_start(&p, "-M pc", "local-size=1M,share-writable=on");
        qdmashare_local_buf(p.o, BUF, 0, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
        id = pair_share(&p, true, true, HALF);
        qdmashare_peer_buf(p.u, 1, HALF, SIZE, DMASHARE_DIR_BIDIRECTIONAL);
        g_assert_cmphex(qdmashare_peer_acquire(p.u, id, 0, 3, SECOND), ==,
                        DMASHARE_STATUS_OK);
        hold = qdmashare_fake_event(p.o, DMASHARE_EVENT_SHARE_ACQUIRE).mapping;
        g_assert_cmphex(qdmashare_grant(p.o, hold, 0).status, ==,
                        DMASHARE_STATUS_OK);
        qdmashare_fake_event(p.u, DMASHARE_EVENT_PEER_GRANTED);
        if (owner_ends) {
            machine_end(g_steal_pointer(&p.owner));
            qdmashare_fake_event_of(p.u, DMASHARE_EVENT_PEER_GRANTED, 3,
                                    ECONNRESET);
            qdmashare_fake_event_of(p.u, DMASHARE_EVENT_PEER_WITHDRAW, id,
                                    ECONNRESET);
            qdmashare_fault(p.u, qdmashare_checksum(p.u, 0, 1, 0, SIZE),
                            &(QDmashareFault) {
                                .status = DMASHARE_STATUS_FAULT_DEAD_MAPPING,
                                .mapping = 1, .addr = ~0ULL,
                            });
            g_assert_cmphex(qtest_readq(p.u->qts, p.u->window + HALF), ==, 0);
        } else {
            machine_end(g_steal_pointer(&p.user));
            e = owner_done(&p, hold, DMASHARE_STATUS_COMMANDED);
            g_assert_cmpuint(e.offset, ==, ECONNRESET);
            g_assert_cmphex(qdmashare_unshare(p.o, BUF, 0).status, ==,
                            DMASHARE_STATUS_OK);
        }
        pair_stop(&p);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/peer/pair/bytes", test_bytes);
    qtest_add_func("/dmashare/peer/pair/scattered", test_scattered);
    qtest_add_func("/dmashare/peer/pair/holds", test_holds);
    qtest_add_func("/dmashare/peer/pair/end", test_end);
    return g_test_run();
}
