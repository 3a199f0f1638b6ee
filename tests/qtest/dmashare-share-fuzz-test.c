/*
 * dmashare: eight hostile clients while the guest shares
 *
 * DMASHARE_FUZZ_MESSAGES says how many messages they send, DMASHARE_FUZZ_SEED
 * which.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include <glib/gstdio.h>
#include "libqtest.h"
#include "libqos/dmashare-machine.h"
#include "libqos/dmashare-share-fuzz.h"

#define CLIENTS         8
#define MESSAGES        100000
#define SEED            0x5eed0005
#define BUFFERS         12
#define LEAST           4096
#define DEADLINE        (2 * 1000 * 1000)
#define FOR_EVER        1000000

/* What the guest's driver would know of a buffer. */
typedef struct Buffer {
    bool shared;
    uint64_t sequence;
} Buffer;

/* A hold that has not ended, as far as the guest was told. */
typedef struct Hold {
    uint32_t buffer;
    bool acquired;              /* by a client, or else published */
    bool wait;                  /* to be told, and nothing held */
    bool granted;
    bool over;                  /* by UNSHARE: SHARE_DONE is no surprise */
} Hold;

typedef struct Driver {
    QDmashareMachine *m;
    QDmashare *d;
    char *folder;
    char *socket;
    uint64_t random;
    Buffer buffer[1 + BUFFERS];
    GHashTable *holds;          /* id to Hold */
    uint32_t last_hold;
    uint64_t commands;
    uint64_t events;
} Driver;

static uint64_t roll(Driver *g, uint64_t n)
{
    return qdmashare_random(&g->random) % n;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;

    return text && !qemu_strtou64(text, NULL, 0, &value) ? value : otherwise;
}

static uint64_t buffer_size(uint32_t id)
{
    return LEAST * (1 + id % 4);
}

/* Buffers of both kinds, and one that is not of whole pages. */
static void driver_start(Driver *g)
{
    qdmashare_start(g->d);
    for (uint32_t id = 1; id <= BUFFERS; id++) {
        if (id % 2) {
            qdmashare_local_buf(g->d, id, id * 16 * LEAST, buffer_size(id), 0);
        } else {
            qdmashare_buf(g->d, id, buffer_size(id), 0);
        }
        g->buffer[id] = (Buffer) { .shared = false };
    }
    g_hash_table_remove_all(g->holds);
}

static Driver *driver_new(void)
{
    Driver *g = g_new0(Driver, 1);
    g_autofree char *args = NULL;
    g_autofree char *properties = NULL;

    g->folder = g_dir_make_tmp("dmashare-XXXXXX", NULL);
    g->socket = g_build_filename(g->folder, "share", NULL);
    g->random = from_environment("DMASHARE_FUZZ_SEED", SEED) ^ 1;
    g->holds = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    properties = g_strdup_printf(
        "id=dev,local-size=16M,share=unix:%s,share-writable=on,"
        "share-guest-memory=on", g->socket);
    args = g_strdup_printf(
        "-M q35,memory-backend=ram -m 64M -object memory-backend-memfd,id=ram,"
        "size=64M,share=on -device dmashare,addr=%d.0,%s", QDMASHARE_SLOT,
        properties);
    g->m = qdmashare_machine_new(args);
    g->d = qdmashare_machine_device(g->m, QDMASHARE_SLOT);
    driver_start(g);
    return g;
}

static void driver_free(Driver *g)
{
    qdmashare_free(g->d);
    qdmashare_machine_free(g->m);
    g_assert_false(g_file_test(g->socket, G_FILE_TEST_EXISTS));
    g_assert_cmpint(g_rmdir(g->folder), ==, 0);
    g_hash_table_destroy(g->holds);
    g_free(g->socket);
    g_free(g->folder);
    g_free(g);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Driver, driver_free)

static struct dmashare_completion command(Driver *g, struct dmashare_desc desc)
{
    g->commands++;
    return qdmashare_run(g->d, 0, &desc);
}

/*
 * Events
 */

static void driver_event(Driver *g, const struct dmashare_event *e)
{
    gpointer key = GUINT_TO_POINTER(e->mapping);
    Hold *hold = g_hash_table_lookup(g->holds, key);

    g->events++;
    switch (e->type) {
    case DMASHARE_EVENT_SHARE_ACQUIRE:
        g_assert_null(hold);
        g_assert_cmphex(e->mapping, >=, DMASHARE_HOLD_DEVICE);
        g_assert_cmpuint(e->buffer, >=, 1);
        g_assert_cmpuint(e->buffer, <=, BUFFERS);
        hold = g_new0(Hold, 1);
        hold->buffer = e->buffer;
        hold->acquired = true;
        hold->wait = e->flags & DMASHARE_EVENT_F_WAIT;
        g_hash_table_insert(g->holds, key, hold);
        break;
    case DMASHARE_EVENT_SHARE_DONE:
        g_assert_nonnull(hold);
        switch (e->status) {
        case DMASHARE_STATUS_OK:
            g_assert_cmpuint(e->offset, ==, 0);
            break;
        case DMASHARE_STATUS_TIMEOUT:
            break;
        default:
            g_assert_cmphex(e->status, ==, DMASHARE_STATUS_COMMANDED);
            g_assert_cmpuint(e->offset, >=, 1);
            g_assert_cmpuint(e->offset, <=, 4095);
        }
        g_hash_table_remove(g->holds, key);
        break;
    default:
        g_test_message("event of kind %u", e->type);
        g_assert_not_reached();
    }
}

static void driver_events(Driver *g)
{
    struct dmashare_event e;

    while (qdmashare_try_event(g->d, &e)) {
        driver_event(g, &e);
    }
}

/*
 * Commands
 */

static void driver_share(Driver *g, uint32_t id)
{
    static uint32_t number;
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_SHARE,
        .share = {
            .buffer = id, .mapping = id, .width = 32, .height = 8,
            .stride = 128, .flags = roll(g, 2) ? DMASHARE_SHARE_WRITE : 0,
        },
    };
    unsigned status;

    snprintf((char *)desc.share.name, sizeof(desc.share.name), "buffer-%u",
             ++number);
    status = command(g, desc).status;
    g_assert_cmphex(status, ==, g->buffer[id].shared ?
                    DMASHARE_STATUS_ID_EXISTS : DMASHARE_STATUS_OK);
    g->buffer[id].shared = true;
}

static void holds_over(gpointer key, gpointer value, gpointer buffer)
{
    Hold *hold = value;

    hold->over |= hold->buffer == GPOINTER_TO_UINT(buffer);
}

static void driver_unshare(Driver *g, uint32_t id)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_UNSHARE,
        .unshare = { .buffer = id, .flags = roll(g, 4) },
    };
    unsigned status = command(g, desc).status;

    if (g->buffer[id].shared) {
        g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
        /* What was raised before the command was done is seen first. */
        driver_events(g);
        g_hash_table_foreach(g->holds, holds_over, GUINT_TO_POINTER(id));
    }
    g->buffer[id].shared = false;
}

static gboolean published(gpointer key, gpointer value, gpointer buffer)
{
    Hold *hold = value;

    return hold->buffer == GPOINTER_TO_UINT(buffer) && !hold->acquired &&
           !hold->over;
}

static void driver_publish(Driver *g, uint32_t id)
{
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_PUBLISH,
        .publish = {
            .buffer = id, .hold = ++g->last_hold,
            .sequence = ++g->buffer[id].sequence,
            .deadline = 1 + roll(g, DEADLINE),
        },
    };
    bool held = g_hash_table_find(g->holds, published, GUINT_TO_POINTER(id));
    struct dmashare_completion c = command(g, desc);

    if (!g->buffer[id].shared) {
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_BAD_ID);
    } else if (c.status == DMASHARE_STATUS_BUSY) {
        g_assert_true(held);
    } else {
        g_assert_cmphex(c.status, ==, DMASHARE_STATUS_OK);
        if (c.result) {
            Hold *hold = g_new0(Hold, 1);

            hold->buffer = id;
            g_hash_table_insert(g->holds, GUINT_TO_POINTER(g->last_hold),
                                hold);
        }
    }
}

static gboolean to_be_granted(gpointer key, gpointer value, gpointer unused)
{
    Hold *hold = value;

    return hold->acquired && !hold->granted;
}

static void driver_grant(Driver *g)
{
    GHashTableIter iter;
    gpointer key, value, chosen = NULL;
    struct dmashare_desc desc = { .opcode = DMASHARE_OP_GRANT };
    Hold *hold;
    unsigned status;

    g_hash_table_iter_init(&iter, g->holds);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (to_be_granted(key, value, NULL)) {
            chosen = key;
            if (roll(g, 3) == 0) {
                break;
            }
        }
    }
    if (!chosen) {
        return;
    }
    hold = g_hash_table_lookup(g->holds, chosen);
    desc.hold.hold = GPOINTER_TO_UINT(chosen);
    desc.hold.error = roll(g, 4) ? 0 : 1 + roll(g, 4095);
    status = command(g, desc).status;
    if (status == DMASHARE_STATUS_BAD_ID) {
        /* The client is gone; the event that says so may be here already. */
        hold->granted = true;
        if (hold->over) {
            g_hash_table_remove(g->holds, chosen);
        }
        return;
    }
    g_assert_cmphex(status, ==, DMASHARE_STATUS_OK);
    hold->granted = true;
    if (desc.hold.error || hold->wait) {
        g_hash_table_remove(g->holds, chosen);
    }
}

static void driver_step(Driver *g)
{
    uint32_t id = 1 + roll(g, BUFFERS);
    unsigned what = roll(g, 1000);

    driver_events(g);
    if (what < 250) {
        driver_share(g, id);
    } else if (what < 380) {
        driver_unshare(g, id);
    } else if (what < 650) {
        driver_publish(g, id);
    } else if (what < 900) {
        driver_grant(g);
    } else if (what < 998) {
        qdmashare_step(g->d, roll(g, DEADLINE / 4));
    } else {
        qdmashare_reset(g->d);
        driver_start(g);
    }
}

static gboolean not_over(gpointer key, gpointer value, gpointer unused)
{
    return !((Hold *)value)->over;
}

/* All clients have gone: nothing may be left of them. */
static void driver_end(Driver *g)
{
    for (unsigned i = 0; g_hash_table_find(g->holds, not_over, NULL); i++) {
        g_assert_cmpuint(i, <, FOR_EVER);
        qdmashare_settle(g->d);
        driver_events(g);
    }
}

static void test_clients(void)
{
    uint64_t messages = from_environment("DMASHARE_FUZZ_MESSAGES", MESSAGES);
    uint64_t seed = from_environment("DMASHARE_FUZZ_SEED", SEED);
    g_autoptr(Driver) g = driver_new();
    QDmashareFuzzCount count;
    g_autofree char *told = NULL;
    QDmashareFuzz *fuzz = qdmashare_fuzz_start(g->socket, CLIENTS, messages,
                                               seed);

    while (!qdmashare_fuzz_done(fuzz)) {
        driver_step(g);
        qdmashare_fuzz_allow(fuzz, CLIENTS / 2);
    }
    qdmashare_fuzz_join(fuzz, &count);
    driver_end(g);
    told = qdmashare_fuzz_tell(&count);
    g_test_message("%s; the guest gave %" PRIu64 " commands and had %" PRIu64
                   " events", told, g->commands, g->events);
    /* It got far enough to have tried something. */
    g_assert_cmpuint(count.messages, >=, messages);
    g_assert_cmpuint(count.connections, >, messages / 100);
    g_assert_cmpuint(count.answers, >, messages / 10);
    g_assert_cmpuint(count.refusals, >, messages / 20);
    g_assert_cmpuint(count.thrown_out, >, messages / 100);
    g_assert_cmpuint(count.opened, >, messages / 100);
    g_assert_cmpuint(count.granted, >, 0);
    g_assert_cmpuint(count.notices, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("dmashare/share-fuzz/clients", test_clients);
    return g_test_run();
}
