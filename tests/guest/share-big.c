// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A large buffer for tests/perf: share-big SIZE local|system makes one, has the
 * device fill all of it with SHARE_BIG_WORD, shares it as SHARE_BIG_NAME, says
 * "shared", and keeps it until it is told to end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ktap.h"
#include "lib/share.h"
#include "lib/share-big.h"
#include "lib/stream.h"

/* Bytes of one job. */
#define PIECE		(16ull << 20)

int main(int argc, char **argv)
{
	uint32_t placement = DMASHARE_PLACEMENT_LOCAL;
	struct drm_dmashare_bo_share s = { 0 };
	uint64_t size, at;
	struct bo bo;
	int fd = dms_open();

	ASSERT_MSG(argc == 3, "usage: share-big SIZE local|system");
	size = strtoull(argv[1], NULL, 0);
	if (!strcmp(argv[2], "system"))
		placement = DMASHARE_PLACEMENT_SYSTEM;
	bo = dms_create_in(fd, size, placement, 0, SHARE_BIG_NAME);
	for (at = 0; at < size; at += PIECE)
		dms_run_ok(fd, dms_job_fill(&bo, at, size - at < PIECE ? size - at : PIECE,
					    SHARE_BIG_WORD));
	ASSERT_OK(share_try(&bo, &s));
	stream_say("shared\n");
	stream_told(true);
	dms_destroy(&bo);
	return 0;
}
