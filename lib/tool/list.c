// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdlib.h>

#include "tool.h"

/* Names have printable ASCII alone; two characters of it mean more in JSON. */
static void print_json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void print_json(const struct dmashare_info *i, int n)
{
	char fourcc[5];

	puts("[");
	for (; n > 0; n--, i++) {
		printf("  { \"id\": %u, \"name\": ", i->id);
		print_json_string(i->name);
		printf(", \"generation\": %u, \"size\": %" PRIu64
		       ", \"writable\": %s, \"path\": \"%s\", \"fourcc\": ",
		       i->generation, i->size, i->writable ? "true" : "false",
		       path_name(i->path));
		print_json_string(i->fourcc ? fourcc_name(i->fourcc, fourcc) :
				  "");
		printf(", \"width\": %u, \"height\": %u, \"stride\": %u, "
		       "\"sequence\": %" PRIu64 " }%s\n", i->width, i->height,
		       i->stride, i->sequence, n > 1 ? "," : "");
	}
	puts("]");
}

static void print_table(const struct dmashare_info *i, int n)
{
	if (!n) {
		fputs("nothing is shared\n", stderr);
		return;
	}
	printf("%6s  %10s  %-7s  %-2s  %4s  %8s  %-18s %s\n", "ID", "SIZE",
	       "PATH", "RW", "GEN", "CONTENTS", "PICTURE", "NAME");
	for (; n > 0; n--, i++) {
		char picture[64] = "-", fourcc[5];

		if (i->fourcc)
			snprintf(picture, sizeof(picture), "%ux%u %s/%u",
				 i->width, i->height,
				 fourcc_name(i->fourcc, fourcc), i->stride);
		printf("%6u  %10" PRIu64 "  %-7s  %-2s  %4u  %8" PRIu64
		       "  %-18s %s\n", i->id, i->size, path_name(i->path),
		       mode_name(i), i->generation, i->sequence, picture,
		       i->name);
	}
}

int cmd_list(struct tool *t)
{
	int n = dmashare_list(t->ds, NULL, 0);
	struct dmashare_info *info = calloc(n + 1, sizeof(*info));

	if (!info)
		die(STATUS_FAILED, "no memory for a list of %d buffers", n);
	dmashare_list(t->ds, info, n);
	if (t->opt.json)
		print_json(info, n);
	else
		print_table(info, n);
	free(info);
	return STATUS_DONE;
}
