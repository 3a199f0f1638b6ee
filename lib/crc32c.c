// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include <dmashare.h>

/* The Castagnoli polynomial 0x1edc6f41, bits reversed. */
#define POLY	0x82f63b78u

/* table[k][b]: byte b, followed by k zero bytes. Eight bytes a step. */
static uint32_t table[8][256];

static void __attribute__((constructor)) make_table(void)
{
	unsigned int b, k, i;

	for (b = 0; b < 256; b++) {
		uint32_t c = b;

		for (i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? POLY : 0);
		table[0][b] = c;
	}
	for (k = 1; k < 8; k++)
		for (b = 0; b < 256; b++)
			table[k][b] = table[k - 1][b] >> 8 ^
				      table[0][table[k - 1][b] & 0xff];
}

static uint32_t by_table(uint32_t c, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8)
		c = table[7][(p[0] ^ c) & 0xff] ^
		    table[6][(p[1] ^ c >> 8) & 0xff] ^
		    table[5][(p[2] ^ c >> 16) & 0xff] ^
		    table[4][p[3] ^ c >> 24] ^
		    table[3][p[4]] ^ table[2][p[5]] ^
		    table[1][p[6]] ^ table[0][p[7]];
	for (; len; len--, p++)
		c = c >> 8 ^ table[0][(c ^ *p) & 0xff];
	return c;
}

#if defined(__x86_64__)
/* By the instruction that the processor has for it. */
static uint32_t __attribute__((target("sse4.2")))
by_processor(uint32_t c, const uint8_t *p, size_t len)
{
	uint64_t wide = c, word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	c = wide;
	for (; len; len--, p++)
		c = __builtin_ia32_crc32qi(c, *p);
	return c;
}
#endif

uint32_t dmashare_crc32c(uint32_t crc, const void *data, size_t length)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_processor(~crc, data, length);
#endif
	return ~by_table(~crc, data, length);
}
