// SPDX-License-Identifier: GPL-2.0-or-later
#include <dmashare.h>

#include "crc32c.h"

uint32_t crc32c_more(uint32_t crc, const void *data, size_t len)
{
	return dmashare_crc32c(crc, data, len);
}

uint32_t crc32c(const void *data, size_t len)
{
	return crc32c_more(0, data, len);
}
