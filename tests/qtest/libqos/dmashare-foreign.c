/*
 * libqos helpers for dmashare: a device with one foreign buffer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/memfd.h"
#include "../libqtest.h"
#include "dmashare-foreign.h"

#define SIZE        QDMASHARE_FOREIGN_SIZE

void qdmashare_foreign_start_as(QDmashareForeign *w, const char *properties,
                                bool write)
{
    w->s = qdmashare_fake_new();
    w->m = qdmashare_fake_machine(w->s, properties);
    w->d = w->m->d;
    w->fd = qdmashare_fake_memory(SIZE * 2, F_SEAL_SHRINK | F_SEAL_GROW,
                                  &w->bytes);
    qdmashare_fake_welcome(w->s);
    qdmashare_fake_ready(w->s);
    w->id = qdmashare_fake_share(w->s, w->d, QDMASHARE_FOREIGN_SHARE, w->fd,
                                 SIZE, SIZE, write);
    w->bytes += SIZE;
}

void qdmashare_foreign_start(QDmashareForeign *w, const char *properties)
{
    qdmashare_foreign_start_as(w, properties, true);
}

void qdmashare_foreign_stop(QDmashareForeign *w)
{
    qdmashare_machine_free(w->m);
    qdmashare_fake_free(w->s);
    munmap(w->bytes - SIZE, SIZE * 2);
    close(w->fd);
}

void qdmashare_foreign_map(QDmashareForeign *w, uint32_t flags,
                           uint64_t offset)
{
    g_assert_cmphex(qdmashare_peer_map(w->d, w->id, flags, offset), ==,
                    DMASHARE_STATUS_OK);
}

void qdmashare_assert_zero(QDmashare *d, uint64_t phys, uint64_t len)
{
    g_autofree uint8_t *zero = g_malloc0(len);

    qdmashare_assert_bytes(d, phys, zero, len);
}
