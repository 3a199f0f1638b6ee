/*
 * libqos helpers for dmashare: a device with one foreign buffer, whose owner's
 * share server the test plays
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_FOREIGN_H
#define LIBQOS_DMASHARE_FOREIGN_H

#include "qemu/units.h"
#include "dmashare-fake-server.h"

/* Of the window, of the buffer, and the server's id for it. */
#define QDMASHARE_FOREIGN_HALF      (1 * MiB)
#define QDMASHARE_FOREIGN_SIZE      (64 * KiB)
#define QDMASHARE_FOREIGN_SHARE     7

/*
 * The server has welcomed the device, and shares one buffer that can be
 * written: the second half of a memory file.
 */
typedef struct QDmashareForeign {
    QDmashareFake *s;
    QDmashareMachine *m;
    QDmashare *d;
    uint8_t *bytes;             /* of the buffer, as its owner has them */
    int fd;                     /* of the file */
    uint32_t id;                /* that the device gave the buffer */
} QDmashareForeign;

void qdmashare_foreign_start(QDmashareForeign *w, const char *properties);
/* Or one that only can be read. */
void qdmashare_foreign_start_as(QDmashareForeign *w, const char *properties,
                                bool write);
void qdmashare_foreign_stop(QDmashareForeign *w);
/* Put it into the window. */
void qdmashare_foreign_map(QDmashareForeign *w, uint32_t flags,
                           uint64_t offset);

void qdmashare_assert_zero(QDmashare *d, uint64_t phys, uint64_t len);

#endif
