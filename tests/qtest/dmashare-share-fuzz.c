/*
 * dmashare: hostile clients of any share server
 *
 * usage: dmashare-share-fuzz SOCKET [CLIENTS [MESSAGES [SEED [RATE]]]]
 *
 * Goes on until so many messages were sent, or without a number (0) until it
 * is told to terminate or its input ends; then tells of it in a line. RATE is
 * how many messages a second all clients together send, 0 for as many as they
 * can, which on a small host leaves the guest little to run with. If the server
 * is at fault it says how, and aborts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include <poll.h>
#include "libqos/dmashare-share-fuzz.h"

#define TICKS   20          /* a second */

static uint64_t argument(int argc, char **argv, int i, uint64_t otherwise)
{
    uint64_t value;

    if (i >= argc) {
        return otherwise;
    }
    if (qemu_strtou64(argv[i], NULL, 0, &value)) {
        fprintf(stderr, "dmashare-share-fuzz: %s is not a number\n", argv[i]);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    g_autofree char *told = NULL;
    QDmashareFuzzCount count;
    QDmashareFuzz *fuzz;
    uint64_t messages, rate;

    if (argc < 2 || argc > 6) {
        fprintf(stderr,
                "usage: %s SOCKET [CLIENTS [MESSAGES [SEED [RATE]]]]\n",
                argv[0]);
        return 2;
    }
    messages = argument(argc, argv, 3, 0);
    fuzz = qdmashare_fuzz_start(argv[1], argument(argc, argv, 2, 8),
                                messages ? messages : UINT64_MAX,
                                argument(argc, argv, 4, 0x5eed0005));
    rate = argument(argc, argv, 5, 0);
    while (!qdmashare_fuzz_done(fuzz)) {
        char c;

        if (rate) {
            qdmashare_fuzz_allow(fuzz, MAX(rate / TICKS, 1));
        }
        if (poll(&input, 1, 1000 / TICKS) > 0 && read(input.fd, &c, 1) <= 0) {
            if (!messages) {
                qdmashare_fuzz_stop(fuzz);
            }
            input.fd = -1;
        }
    }
    qdmashare_fuzz_join(fuzz, &count);
    told = qdmashare_fuzz_tell(&count);
    puts(told);
    return 0;
}
