// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the order of a pixel's bytes
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/dmashare/swizzle.h"

/* The second and the fourth byte of a pixel. */
#define STAY    (HOST_BIG_ENDIAN ? 0x00ff00ff : 0xff00ff00)

/* A number that compilers know, so that they use vectors of it. */
#define BLOCK   16

static void byte_copy(uint8_t *dst, const uint8_t *pixels, uint64_t at)
{
    *dst = pixels[at & 1 ? at : at ^ 2];
}

static void block_copy(uint8_t *dst, const uint8_t *pixels)
{
    uint32_t p[BLOCK];

    memcpy(p, pixels, sizeof(p));
    for (unsigned i = 0; i < BLOCK; i++) {
        p[i] = (p[i] & STAY) | (rol32(p[i], 16) & ~STAY);
    }
    memcpy(dst, p, sizeof(p));
}

void dmashare_swizzle(uint8_t *dst, const uint8_t *pixels, uint64_t first,
                      uint64_t len)
{
    uint64_t end = first + len;

    while (first < end && first % sizeof(uint32_t)) {
        byte_copy(dst++, pixels, first++);
    }
    while (end - first >= BLOCK * sizeof(uint32_t)) {
        block_copy(dst, pixels + first);
        dst += BLOCK * sizeof(uint32_t);
        first += BLOCK * sizeof(uint32_t);
    }
    while (first < end) {
        byte_copy(dst++, pixels, first++);
    }
}
