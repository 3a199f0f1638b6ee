/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests/guest/share-big.c and tests/perf/share-cost.c agree upon. */
#ifndef DMASHARE_TEST_SHARE_BIG_H
#define DMASHARE_TEST_SHARE_BIG_H

#define SHARE_BIG_NAME	"big"
/* Every 64-bit word of the buffer. */
#define SHARE_BIG_WORD	0x6269676269676269ull

#endif /* DMASHARE_TEST_SHARE_BIG_H */
