// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define COLUMNS	16

static void hex_line(FILE *f, uint64_t at, const uint8_t *p, unsigned int n)
{
	unsigned int i;

	fprintf(f, "%08" PRIx64 " ", at);
	for (i = 0; i < COLUMNS; i++) {
		if (i == COLUMNS / 2)
			fputc(' ', f);
		if (i < n)
			fprintf(f, " %02x", p[i]);
		else
			fputs("   ", f);
	}
	fputs("  |", f);
	for (i = 0; i < n; i++)
		fputc(p[i] >= 0x20 && p[i] <= 0x7e ? p[i] : '.', f);
	fputs("|\n", f);
}

/* Lines that are as the one before are a single star. */
static void hex(FILE *f, uint64_t offset, const uint8_t *data, uint64_t length)
{
	uint8_t before[COLUMNS], line[COLUMNS];
	bool starred = false;
	uint64_t at;

	for (at = 0; at < length; at += COLUMNS) {
		unsigned int n = length - at < COLUMNS ? length - at : COLUMNS;

		/* A copy, because the guest may be writing. */
		memcpy(line, data + at, n);
		if (at && n == COLUMNS && !memcmp(line, before, COLUMNS)) {
			if (!starred)
				fputs("*\n", f);
			starred = true;
			continue;
		}
		starred = false;
		hex_line(f, offset + at, line, n);
		memcpy(before, line, n);
	}
	fprintf(f, "%08" PRIx64 "\n", offset + length);
}

/* The picture of which guest or options speak; dies if there is none. */
static struct picture picture_of(struct tool *t,
				 const struct dmashare_info *info,
				 const uint8_t *data, uint64_t length)
{
	const struct options *o = &t->opt;
	struct picture p = {
		.data = data,
		.fourcc = o->fourcc ? o->fourcc : info->fourcc,
		.width = o->width ? o->width : info->width,
		.height = o->width ? o->height : info->height,
		.stride = o->stride ? o->stride : info->stride,
		.bt709 = o->bt709,
	};
	char name[5];
	uint64_t size;

	if (!p.fourcc || !p.width)
		die(STATUS_FAILED, "buffer %u (%s): the guest says of no "
		    "picture in it; give --format, --size and --stride, or use "
		    "--raw", info->id, info->name);
	fourcc_name(p.fourcc, name);
	if (!pixels_known(p.fourcc))
		die(STATUS_FAILED, "buffer %u (%s): format %s is not known; "
		    "those that are: %s; --raw writes any", info->id,
		    info->name, name, pixels_formats());
	size = pixels_size(&p);
	if (!size || size > length)
		die(STATUS_FAILED, "buffer %u (%s): %ux%u of %s with %u bytes "
		    "from row to row do not fit into %" PRIu64 " bytes",
		    info->id, info->name, p.width, p.height, name, p.stride,
		    length);
	return p;
}

/* What is half written is taken away, so that nobody takes it for a result. */
static const char *half_written;

static void remove_half_written(void)
{
	if (half_written)
		unlink(half_written);
}

static FILE *open_output(const struct options *o)
{
	FILE *f = stdout;

	if (o->output && strcmp(o->output, "-")) {
		f = fopen(o->output, "wbe");
		if (!f)
			die(STATUS_FAILED, "cannot write %s: %s", o->output,
			    strerror(errno));
		half_written = o->output;
		atexit(remove_half_written);
	} else if (!o->hex && isatty(STDOUT_FILENO)) {
		die(STATUS_USAGE, "bytes are not for a terminal: give --output "
		    "FILE, or --hex");
	}
	return f;
}

static void __attribute__((noreturn))
output_failed(const struct options *o, const char *why)
{
	die(STATUS_FAILED, "cannot write %s: %s", o->output ? o->output :
	    "the dump", why);
}

int cmd_dump(struct tool *t)
{
	const struct options *o = &t->opt;
	const struct dmashare_info *info;
	struct dmashare_buffer *buf;
	struct picture picture;
	const uint8_t *data;
	struct access a;
	uint64_t length;
	char why[160];
	FILE *f;

	if (o->png + o->raw + o->hex != 1)
		die(STATUS_USAGE, "dump: give one of --png, --raw and --hex");
	if (!o->png && (o->fourcc || o->width || o->stride || o->bt709))
		die(STATUS_USAGE, "dump: --format, --size, --stride and "
		    "--matrix are for --png");
	buf = tool_open(t, t->args[0]);
	info = dmashare_buffer_info(buf);
	data = access_part(t, buf, &length);
	/* What cannot be done is said before anything is waited for. */
	if (o->png)
		picture = picture_of(t, info, data, length);
	f = open_output(o);
	access_begin(t, buf, 0, &a);
	if (o->png && png_save(f, &picture, why, sizeof(why)))
		output_failed(o, why);
	if (o->raw)
		fwrite(data, 1, length, f);
	if (o->hex)
		hex(f, o->offset, data, length);
	if (fflush(f) || ferror(f))
		output_failed(o, strerror(errno));
	access_end(t, buf, 0, 0, &a);
	if (f != stdout && fclose(f))
		output_failed(o, strerror(errno));
	half_written = NULL;
	if (o->output && strcmp(o->output, "-"))
		fprintf(stderr, "%s: contents %" PRIu64 " of %s\n", o->output,
			a.sequence, info->name);
	dmashare_close(buf);
	return STATUS_DONE;
}
