// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "events.h"

static void print_announced(const struct dmashare_info *i)
{
	char fourcc[5];

	printf("announced %u generation %u %" PRIu64 " bytes %s %s", i->id,
	       i->generation, i->size, path_name(i->path), mode_name(i));
	if (i->fourcc)
		printf(" %ux%u %s/%u", i->width, i->height,
		       fourcc_name(i->fourcc, fourcc), i->stride);
	printf(" %s\n", i->name);
}

const char *withdrawn_name(int error)
{
	return !error ? "released" : error == EAGAIN ? "moved" : "reset";
}

void event_print(const struct dmashare_notice *n)
{
	switch (n->kind) {
	case DMASHARE_ANNOUNCED:
		print_announced(&n->info);
		break;
	case DMASHARE_WITHDRAWN:
		printf("withdrawn %u generation %u %s\n", n->info.id,
		       n->info.generation, withdrawn_name(n->error));
		break;
	case DMASHARE_CONTENT:
		printf("content %u sequence %" PRIu64 "\n", n->info.id,
		       n->sequence);
		break;
	case DMASHARE_GRANTED:
	case DMASHARE_ENDED:
		/* Of holds, which those who look on have none of. */
		break;
	}
	fflush(stdout);
}
