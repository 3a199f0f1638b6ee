/*
 * dmashare: what is shared and who holds it, without sockets and a device
 *
 * Guest and clients do whatever they like, at random, and each believes nothing
 * but what it is told. What that may be, in which order and how much of it, is
 * checked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "hw/dmashare/share.h"
#include "dmashare-world.h"

#define BUFFERS         6
#define CLIENTS         4
#define MAX_HOLDS       24
#define STEPS           200000

/* What a client has been told of a share. */
typedef struct Told {
    uint32_t generation;
    bool pages;
    bool open;
    uint64_t sequence;
} Told;

/* A client, and what it knows. */
typedef struct Client {
    DmashareShareClient *client;
    GHashTable *shares;         /* id to Told */
    GHashTable *holds;          /* ids that are not over: to 1 + granted */
    bool ready;
    unsigned kicks;
} Client;

/**
 * Sharing: everything
 * @w: buffers and mappings
 * @shares: under test
 * @events: a ring that is disabled; the driver asks the source itself
 * @host: of the pages
 * @ops: of a bus that pages can be put back to
 * @bus: that one
 * @now: device time
 * @alarm: that was asked for
 * @file: of all pages
 * @client: those that are connected have a DmashareShareClient
 * @asked: holds that the driver was asked for, and has not heard the end of
 * @published: the driver's own, likewise
 * @next_publish: the driver's next id
 * @sequence: of the last contents of all
 * @notices: that clients have taken
 * @told: events that the driver has
 */
typedef struct Sharing {
    World *w;
    DmashareShares shares;
    DmashareEvents events;
    DmasharePageHost host;
    DmashareBusOps ops;
    DmashareBus bus;
    int64_t now;
    int64_t alarm;
    int file;
    Client client[CLIENTS];
    GHashTable *asked;
    GHashTable *published;
    uint32_t next_publish;
    uint64_t sequence;
    uint64_t notices;
    uint64_t told;
} Sharing;

static int64_t share_now(void *opaque)
{
    Sharing *s = opaque;

    return s->now;
}

static void share_alarm(void *opaque, int64_t when)
{
    Sharing *s = opaque;

    s->alarm = when;
}

static const DmashareShareOps share_ops = {
    .now = share_now,
    .alarm = share_alarm,
};

static void share_put(void *opaque, DmashareMemory *mem)
{
}

static void client_kick(void *opaque)
{
    Client *c = opaque;

    c->kicks++;
}

static const DmashareShareClientOps client_ops = {
    .kick = client_kick,
};

static Sharing *sharing_new(void)
{
    static const uint8_t name[DMASHARE_NAME_LEN] = "buffer";
    Sharing *s = g_new0(Sharing, 1);

    s->w = world_new(&world_limits, 4096, 0);
    s->ops.put = share_put;
    s->bus.ops = &s->ops;
    s->host.bus = &s->bus;
    s->alarm = INT64_MAX;
    s->next_publish = 1;
    s->asked = g_hash_table_new(NULL, NULL);
    s->published = g_hash_table_new(NULL, NULL);
    s->file = memfd_create("dmashare-test", MFD_CLOEXEC);
    g_assert_cmpint(s->file, >=, 0);
    for (uint32_t i = WORLD_BUFFER + 1; i < WORLD_BUFFER + BUFFERS; i++) {
        g_assert_cmphex(dmashare_buffer_create(&s->w->bufs, i, 4096, 0,
                                               DMASHARE_PLACEMENT_SYSTEM,
                                               name), ==,
                        DMASHARE_STATUS_OK);
    }
    dmashare_events_init(&s->events);
    s->shares.limits = (DmashareShareLimits) {
        .enabled = true,
        .max_shares = BUFFERS - 1,
        .max_holds = MAX_HOLDS,
        .max_size = 1 << 20,
    };
    s->shares.host = &s->host;
    s->shares.buffers = &s->w->bufs;
    s->shares.mappings = &s->w->maps;
    s->shares.events = &s->events;
    s->shares.ops = &share_ops;
    s->shares.opaque = s;
    dmashare_shares_init(&s->shares);
    return s;
}

/* Pages that were found. */
static DmasharePages *pages_new(Sharing *s, bool write)
{
    DmasharePages *pages = g_new0(DmasharePages, 1);

    pages->host = &s->host;
    pages->refs = 1;
    pages->write = write;
    pages->path = DMASHARE_PATH_LOCAL;
    pages->size = 4096;
    pages->n_files = 1;
    pages->files[0].fd = s->file;
    pages->ranges = g_new0(DmasharePageRange, 1);
    pages->n_ranges = 1;
    pages->dma_buf = -1;
    pages->list = -1;
    return pages;
}

/*
 * What is told
 */

static Told *told_of(Client *c, __le32 share)
{
    return g_hash_table_lookup(c->shares, GUINT_TO_POINTER(le32_to_cpu(share)));
}

static void hear_announce(Client *c, const struct dmashare_msg_announce *a)
{
    uint32_t generation = le32_to_cpu(a->generation);
    Told *told = told_of(c, a->share);

    if (!told) {
        told = g_new0(Told, 1);
        g_hash_table_insert(c->shares,
                            GUINT_TO_POINTER(le32_to_cpu(a->share)), told);
    } else {
        g_assert_false(told->pages);
        g_assert_cmpuint(generation, >, told->generation);
    }
    told->generation = generation;
    told->pages = a->path != cpu_to_le32(DMASHARE_PATH_NONE);
    g_assert_cmpuint(le64_to_cpu(a->sequence), >=, told->sequence);
    told->sequence = le64_to_cpu(a->sequence);
}

static void hear_withdraw(Client *c, const struct dmashare_msg_withdraw *m)
{
    Told *told = told_of(c, m->share);

    g_assert_nonnull(told);
    g_assert_cmpuint(le32_to_cpu(m->generation), ==, told->generation);
    told->open = false;
    if (le32_to_cpu(m->reason) == DMASHARE_WITHDRAW_MOVED) {
        g_assert_true(told->pages);
        told->pages = false;
    } else {
        g_hash_table_remove(c->shares,
                            GUINT_TO_POINTER(le32_to_cpu(m->share)));
    }
}

static void hear_content(Client *c, const struct dmashare_msg_content *m)
{
    Told *told = told_of(c, m->share);

    g_assert_nonnull(told);
    g_assert_true(told->pages);
    g_assert_cmpuint(le32_to_cpu(m->generation), ==, told->generation);
    g_assert_cmpuint(le64_to_cpu(m->sequence), >=, told->sequence);
    told->sequence = le64_to_cpu(m->sequence);
    if (m->hold) {
        g_assert_true(told->open);
        g_assert_cmpuint(m->deadline, !=, 0);
        g_assert_true(g_hash_table_insert(
                          c->holds, GUINT_TO_POINTER(le32_to_cpu(m->hold)),
                          GUINT_TO_POINTER(2)));
    }
}

static void hear_granted(Client *c, const struct dmashare_msg_granted *m)
{
    gpointer id = GUINT_TO_POINTER(le32_to_cpu(m->hold));

    g_assert_cmpuint(GPOINTER_TO_UINT(g_hash_table_lookup(c->holds, id)), ==,
                     1);
    if (m->error) {
        g_hash_table_remove(c->holds, id);
    } else {
        g_hash_table_insert(c->holds, id, GUINT_TO_POINTER(2));
    }
}

static void hear_ended(Client *c, const struct dmashare_msg_ended *m)
{
    g_assert_cmpuint(m->error, !=, 0);
    g_assert_true(g_hash_table_remove(c->holds,
                                      GUINT_TO_POINTER(le32_to_cpu(m->hold))));
}

/* One notice. False if there is none. */
static bool hear(Sharing *s, Client *c)
{
    struct dmashare_msg msg;

    if (!dmashare_share_client_next(c->client, &msg)) {
        g_assert_true(c->ready);
        return false;
    }
    s->notices++;
    g_assert_cmpuint(msg.serial, ==, 0);
    switch (le32_to_cpu(msg.type)) {
    case DMASHARE_MSG_ANNOUNCE:
        hear_announce(c, &msg.announce);
        break;
    case DMASHARE_MSG_WITHDRAW:
        hear_withdraw(c, &msg.withdraw);
        break;
    case DMASHARE_MSG_CONTENT:
        hear_content(c, &msg.content);
        break;
    case DMASHARE_MSG_GRANTED:
        hear_granted(c, &msg.granted);
        break;
    case DMASHARE_MSG_ENDED:
        hear_ended(c, &msg.ended);
        break;
    case DMASHARE_MSG_READY:
        g_assert_false(c->ready);
        c->ready = true;
        break;
    default:
        g_assert_not_reached();
    }
    return true;
}

/* One event for the driver. */
static bool hear_event(Sharing *s)
{
    DmashareEvent e = { };
    gpointer id;

    if (!s->shares.source.next(s->shares.source.opaque, &e)) {
        return false;
    }
    s->told++;
    id = GUINT_TO_POINTER(e.mapping);
    if (e.type == DMASHARE_EVENT_SHARE_ACQUIRE) {
        g_assert_cmphex(e.mapping, >=, DMASHARE_HOLD_DEVICE);
        g_assert_true(g_hash_table_insert(s->asked, id,
                                          GUINT_TO_POINTER(e.buffer)));
        return true;
    }
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_SHARE_DONE);
    g_assert_true(g_hash_table_remove(e.mapping >= DMASHARE_HOLD_DEVICE
                                      ? s->asked : s->published, id));
    g_assert_cmpint(e.status == DMASHARE_STATUS_OK, ==, e.offset == 0);
    return true;
}

static gboolean of_buffer(gpointer id, gpointer buffer, gpointer which)
{
    return buffer == which;
}

/* The driver ends all holds of a buffer when a command has. */
static void forget(Sharing *s, uint32_t buffer)
{
    g_hash_table_foreach_remove(s->asked, of_buffer, GUINT_TO_POINTER(buffer));
    g_hash_table_foreach_remove(s->published, of_buffer,
                                GUINT_TO_POINTER(buffer));
}

/*
 * What is done
 */

static gpointer any_key(GHashTable *table)
{
    guint n = g_hash_table_size(table);
    GHashTableIter iter;
    gpointer key = NULL;

    if (n) {
        g_hash_table_iter_init(&iter, table);
        for (int i = g_test_rand_int_range(0, n); i >= 0; i--) {
            g_hash_table_iter_next(&iter, &key, NULL);
        }
    }
    return key;
}

static void driver(Sharing *s)
{
    uint32_t buffer = WORLD_BUFFER + g_test_rand_int_range(0, BUFFERS);
    DmashareShare *share = dmashare_share_find(&s->shares, buffer);
    DmashareShareRequest req = {
        .buffer = buffer,
        .flags = g_test_rand_int_range(0, 2),
    };
    uint32_t hold, holders;
    uint16_t status;

    switch (g_test_rand_int_range(0, 10)) {
    case 0:
    case 1:
        if (share ? !share->pages :
            g_hash_table_size(s->shares.by_buffer) < BUFFERS - 1) {
            dmashare_share_commit(&s->shares, &req, pages_new(s, req.flags));
        }
        break;
    case 2:
        if (share) {
            dmashare_share_stop(&s->shares, share);
            dmashare_share_withdraw(&s->shares, share,
                                    DMASHARE_WITHDRAW_MOVED);
            forget(s, buffer);
        }
        break;
    case 3:
        if (share && g_test_rand_int_range(0, 2)) {
            dmashare_share_retire(&s->shares, share);
            forget(s, buffer);
        } else if (!share) {
            dmashare_pages_unref(dmashare_share_retired(&s->shares, buffer));
        }
        break;
    case 4:
    case 5:
        hold = GPOINTER_TO_UINT(any_key(s->asked));
        if (hold) {
            uint32_t error = g_test_rand_int_range(0, 3) ? 0 : EPERM;

            status = dmashare_share_grant(&s->shares, hold, error);
            if (!status && error) {
                g_hash_table_remove(s->asked, GUINT_TO_POINTER(hold));
            }
        }
        break;
    case 6:
    case 7:
        hold = s->next_publish++;
        status = dmashare_share_publish(&s->shares, buffer, hold,
                                        ++s->sequence,
                                        g_test_rand_int_range(1, 1000),
                                        &holders);
        if (!status && holders) {
            g_hash_table_insert(s->published, GUINT_TO_POINTER(hold),
                                GUINT_TO_POINTER(buffer));
        }
        break;
    default:
        for (int n = g_test_rand_int_range(0, 8); n && hear_event(s); n--) {
            ;
        }
        break;
    }
}

static void client_connect(Sharing *s, Client *c)
{
    c->shares = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    c->holds = g_hash_table_new(NULL, NULL);
    c->ready = false;
    c->client = dmashare_share_client_new(&s->shares, &client_ops, c);
}

static void client_vanish(Client *c)
{
    dmashare_share_client_free(c->client);
    c->client = NULL;
    g_hash_table_destroy(c->shares);
    g_hash_table_destroy(c->holds);
}

static void client_open(Client *c, uint32_t id, Told *told)
{
    struct dmashare_msg_opened opened;
    g_autoptr(Error) err = NULL;
    unsigned n_fds;
    int fds[2];

    if (!dmashare_share_client_open(c->client, id, told->generation, 0,
                                    &opened, fds, &n_fds, &err)) {
        g_assert_true(told->pages);
        g_assert_false(told->open);
        g_assert_cmpuint(n_fds, ==, 1);
        close(fds[0]);
        told->open = true;
    } else {
        g_assert_nonnull(err);
    }
}

static void client_acquire(Client *c, uint32_t id, Told *told)
{
    g_autoptr(Error) err = NULL;
    uint32_t hold;
    int fd;

    if (!dmashare_share_client_acquire(c->client, id,
                                       g_test_rand_int_range(0, 4)
                                       ? 0 : DMASHARE_ACQUIRE_F_FD,
                                       g_test_rand_int_range(1, 1000), &hold,
                                       &fd, &err)) {
        g_assert_true(told->open);
        g_assert_true(g_hash_table_insert(c->holds, GUINT_TO_POINTER(hold),
                                          GUINT_TO_POINTER(1)));
        if (fd >= 0) {
            close(fd);
        }
    }
}

static void client_release(Client *c)
{
    uint32_t hold = GPOINTER_TO_UINT(any_key(c->holds));
    g_autoptr(Error) err = NULL;

    if (hold && !dmashare_share_client_release(
                    c->client, hold, g_test_rand_int_range(0, 2) ? EIO : 0,
                    &err)) {
        g_hash_table_remove(c->holds, GUINT_TO_POINTER(hold));
    }
}

static void client(Sharing *s)
{
    Client *c = &s->client[g_test_rand_int_range(0, CLIENTS)];
    g_autoptr(Error) err = NULL;
    uint32_t id;
    Told *told;

    if (!c->client) {
        client_connect(s, c);
        return;
    }
    id = GPOINTER_TO_UINT(any_key(c->shares));
    told = id ? g_hash_table_lookup(c->shares, GUINT_TO_POINTER(id)) : NULL;
    switch (g_test_rand_int_range(0, 40)) {
    case 0:
        client_vanish(c);
        break;
    case 1 ... 8:
        if (told) {
            client_open(c, id, told);
        }
        break;
    case 9 ... 16:
        if (told) {
            client_acquire(c, id, told);
        }
        break;
    case 17 ... 22:
        client_release(c);
        break;
    case 23 ... 28:
        if (told) {
            dmashare_share_client_subscribe(c->client, id, true, &err);
        }
        break;
    default:
        for (int n = g_test_rand_int_range(0, 6); n && hear(s, c); n--) {
            ;
        }
        break;
    }
}

/* In the end everybody knows the same, and nothing is left of anything. */
static void finish(Sharing *s)
{
    GHashTableIter iter;
    gpointer key;

    while (hear_event(s)) {
        ;
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        Client *c = &s->client[i];

        if (!c->client) {
            client_connect(s, c);
        }
        while (hear(s, c)) {
            ;
        }
        g_assert_cmpuint(g_hash_table_size(c->shares), ==,
                         g_hash_table_size(s->shares.by_buffer));
        g_hash_table_iter_init(&iter, c->holds);
        while (g_hash_table_iter_next(&iter, &key, NULL)) {
            g_assert_nonnull(g_hash_table_lookup(s->shares.holds, key));
        }
    }
    s->now += DMASHARE_MAX_HOLD_NS;
    dmashare_shares_expire(&s->shares);
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_vanish(&s->client[i]);
    }
    while (hear_event(s)) {
        ;
    }
    /* The driver has heard the end of everything that it heard of. */
    g_assert_cmpuint(g_hash_table_size(s->published), ==, 0);
    g_assert_cmpuint(g_hash_table_size(s->asked), ==, 0);
    g_assert_cmpuint(s->shares.n_holds, ==, 0);
    g_assert_cmpuint(g_hash_table_size(s->shares.holds), ==, 0);
    g_assert_cmpuint(g_hash_table_size(s->shares.publications), ==, 0);
    dmashare_shares_destroy(&s->shares);
    g_assert_cmpuint(s->host.total_ranges, ==, 0);
    g_hash_table_destroy(s->asked);
    g_hash_table_destroy(s->published);
    close(s->file);
    world_free(s->w);
    g_free(s);
}

static void test_random(void)
{
    Sharing *s = sharing_new();

    for (unsigned i = 0; i < STEPS; i++) {
        switch (g_test_rand_int_range(0, 8)) {
        case 0 ... 2:
            driver(s);
            break;
        case 3 ... 6:
            client(s);
            break;
        default:
            s->now += g_test_rand_int_range(0, 100);
            if (s->now >= s->alarm) {
                s->alarm = INT64_MAX;
                dmashare_shares_expire(&s->shares);
                g_assert_cmpint(s->alarm, >, s->now);
            }
            break;
        }
        g_assert_cmpuint(s->shares.n_holds, <=, MAX_HOLDS);
    }
    g_test_message("%" PRIu64 " notices, %" PRIu64 " events", s->notices,
                   s->told);
    g_assert_cmpuint(s->notices, >, STEPS / 20);
    g_assert_cmpuint(s->told, >, STEPS / 100);
    finish(s);
}

int main(int argc, char **argv)
{
    /* As QEMU: a pipe's reader may be gone. */
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/shares/random", test_random);
    return g_test_run();
}
