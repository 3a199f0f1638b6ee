// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the order of a pixel's bytes
 */
#include "qemu/osdep.h"
#include "hw/dmashare/swizzle.h"

#define PIXELS  80
#define BYTES   (PIXELS * 4)

/* Red and blue, whatever the host's order of bytes. */
static uint8_t swapped(const uint8_t *pixels, unsigned at)
{
    static const unsigned of[4] = { 2, 1, 0, 3 };

    return pixels[at / 4 * 4 + of[at % 4]];
}

static void fill(uint8_t *pixels)
{
    for (unsigned i = 0; i < BYTES; i++) {
        pixels[i] = i * 7 + i / 256;
    }
}

/* Every beginning and every end, and nothing beside it. */
static void test_ranges(void)
{
    uint8_t pixels[BYTES], dst[BYTES + 2];

    fill(pixels);
    for (unsigned first = 0; first < BYTES; first++) {
        for (unsigned len = 0; len <= BYTES - first; len++) {
            memset(dst, 0xa5, sizeof(dst));
            dmashare_swizzle(dst + 1, pixels, first, len);
            g_assert_cmphex(dst[0], ==, 0xa5);
            g_assert_cmphex(dst[len + 1], ==, 0xa5);
            for (unsigned i = 0; i < len; i++) {
                g_assert_cmphex(dst[i + 1], ==, swapped(pixels, first + i));
            }
        }
    }
}

/* It ends where the pixels do, and so may their memory. */
static void test_bounds(void)
{
    g_autofree uint8_t *pixels = g_malloc(BYTES);
    g_autofree uint8_t *dst = g_malloc(BYTES);

    fill(pixels);
    dmashare_swizzle(dst, pixels, 0, BYTES);
    for (unsigned i = 0; i < BYTES; i++) {
        g_assert_cmphex(dst[i], ==, swapped(pixels, i));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmashare/swizzle/ranges", test_ranges);
    g_test_add_func("/dmashare/swizzle/bounds", test_bounds);
    return g_test_run();
}
