/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC32C (Castagnoli) on the CPU, the reference for the device's CHECKSUM:
 * RFC 3720 B.4, initial value and final xor 0xffffffff.
 */
#ifndef DMASHARE_TEST_CRC32C_H
#define DMASHARE_TEST_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of @len bytes. */
uint32_t crc32c(const void *data, size_t len);

/*
 * Of more bytes after those that gave @crc; crc32c_more(0, d, n) is
 * crc32c(d, n), so the rows of a 2-D range can be added one by one.
 */
uint32_t crc32c_more(uint32_t crc, const void *data, size_t len);

#endif /* DMASHARE_TEST_CRC32C_H */
