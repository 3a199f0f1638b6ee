/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command dmashare: what its subcommands have in common. Whatever cannot be
 * done ends the program with one line on stderr and a status that says what
 * kind of failure it was; dmashare(1) documents them.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <dmashare.h>

enum {
	STATUS_DONE	= 0,
	STATUS_FAILED	= 1,	/* none of those below */
	STATUS_USAGE	= 2,	/* wrong arguments */
	STATUS_SERVER	= 3,	/* no server, or it went away */
	STATUS_BUFFER	= 4,	/* no such buffer, or it was withdrawn */
	STATUS_TIMEOUT	= 5,	/* what was waited for did not come */
	STATUS_FENCE	= 6,	/* the guest refused, or the hold ended early */
};

/* What was given on the command line. */
struct options {
	const char *socket;
	int64_t wait_ms;	/* for server and buffer to appear */
	int64_t timeout_ms;	/* for fences and contents; -1: for ever */
	bool write, next, no_fence, plain, json;
	bool png, raw, hex;
	const char *output;
	uint64_t offset, length;
	bool has_length;
	uint64_t sequence;	/* 0: any */
	uint64_t count;		/* 0: not given */
	uint32_t fourcc, width, height, stride;
	bool bt709;
	int64_t after_ms;
	bool until_input;
	uint64_t deadline_ns;
};

struct tool {
	struct options opt;
	struct dmashare *ds;
	int n_args;
	char **args;
};

/* main.c */

void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...);
/* For what the library said no to: @what failed with @error. */
void __attribute__((noreturn))
die_by(struct tool *t, int error, const char *what);
/* The errno of that name or number, 1..4095; dies otherwise. */
int parse_errno(const char *text);
int64_t now_ms(void);
/* Connects as the options say. */
void tool_connect(struct tool *t);
/* The buffer that is meant by an id or a name, awaited as the options say. */
struct dmashare_info tool_find(struct tool *t, const char *which);
struct dmashare_buffer *tool_open(struct tool *t, const char *which);
/* The next event; dies at @until (-1: never), as @what did not come. */
struct dmashare_notice tool_next(struct tool *t, int64_t until,
				 const char *what);
/* "r-" or "rw", "udmabuf", ...; for people and scripts alike. */
const char *mode_name(const struct dmashare_info *i);
const char *path_name(enum dmashare_path path);
/* "XR24"; "-" for bytes. @text has room for 5. */
const char *fourcc_name(uint32_t fourcc, char *text);

/* access.c */

/*
 * The right time: when the guest has done what it was doing with the buffer, or
 * has published what the options ask for, until access_end(). @flags are those
 * of dmashare_acquire(); with DMASHARE_WAIT_ONLY nothing is held.
 */
struct access {
	uint32_t hold;
	uint64_t sequence;	/* of the contents */
};

void access_begin(struct tool *t, struct dmashare_buffer *buf, int flags,
		  struct access *a);
/* Lets go of it, as failed with @error (an errno) if not 0. */
void access_end(struct tool *t, struct dmashare_buffer *buf, int flags,
		int error, struct access *a);
/* The part of it that --offset and --length name. */
const uint8_t *access_part(struct tool *t, struct dmashare_buffer *buf,
			   uint64_t *length);

/* pixels.c */

/* A picture in memory: its rows, and how they are made into RGB. */
struct picture {
	const uint8_t *data;
	uint32_t fourcc, width, height, stride;
	bool bt709;
};

/* The formats that there are, for messages. */
const char *pixels_formats(void);
/* How many bytes it takes from @data on; 0: no such format, or no such size. */
uint64_t pixels_size(const struct picture *p);
bool pixels_known(uint32_t fourcc);
bool pixels_have_alpha(uint32_t fourcc);
bool pixels_are_grey(uint32_t fourcc);
/* Row @y as 8-bit grey, RGB or RGBA. */
void pixels_row(const struct picture *p, uint32_t y, uint8_t *out);

/* png.c */

/* Writes it to @f; 0, or -1 and @why. */
int png_save(FILE *f, const struct picture *p, char *why, size_t size);

/* The subcommands: each returns the exit status. */
int cmd_list(struct tool *t);
int cmd_watch(struct tool *t);
int cmd_map(struct tool *t);
int cmd_dump(struct tool *t);
int cmd_crc(struct tool *t);
int cmd_fence(struct tool *t);
int cmd_bench(struct tool *t);

#endif /* TOOL_H */
