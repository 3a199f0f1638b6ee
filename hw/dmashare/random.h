/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: numbers that look random and repeat
 */
#ifndef HW_DMASHARE_RANDOM_H
#define HW_DMASHARE_RANDOM_H

/*
 * The next number of a sequence that its seed decides, on every host and for
 * ever: a Weyl sequence whose members are mixed (Stafford's variant 13 of the
 * MurmurHash3 finalizer).
 */
static inline uint64_t dmashare_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

#endif /* HW_DMASHARE_RANDOM_H */
