// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>

#include "tool.h"

int cmd_crc(struct tool *t)
{
	struct dmashare_buffer *buf = tool_open(t, t->args[0]);
	uint64_t i, length, times = t->opt.count ? t->opt.count : 1;
	const uint8_t *data = access_part(t, buf, &length);

	/* More than one: of contents that follow each other. */
	if (times > 1)
		t->opt.next = true;
	for (i = 0; i < times; i++) {
		struct access a;
		uint32_t crc;

		access_begin(t, buf, 0, &a);
		crc = dmashare_crc32c(0, data, length);
		access_end(t, buf, 0, 0, &a);
		printf("%08" PRIx32 "  %" PRIu64 " bytes, contents %" PRIu64
		       ", %s\n", crc, length, a.sequence,
		       dmashare_buffer_info(buf)->name);
		fflush(stdout);
	}
	dmashare_close(buf);
	return STATUS_DONE;
}
