// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "events.h"

/* Lines of more are not obeyed; a write has at most half of it. */
#define LINE	8192

struct session {
	struct tool *t;
	struct dmashare_buffer *buf;
	uint8_t *map;
	uint64_t size;
	char line[LINE];
	size_t used;
	bool done;
};

/* An answer to a line that could not be obeyed; the session goes on. */
static void wrong(const char *why)
{
	printf("error %s\n", why);
}

/* "OFFSET LENGTH" within the buffer. */
static bool parse_part(const struct session *s, char *words, uint64_t *offset,
		       uint64_t *length)
{
	char end;

	if (!words || sscanf(words, "%" SCNi64 " %" SCNi64 "%c",
			     (int64_t *)offset, (int64_t *)length, &end) != 2)
		return false;
	return *offset <= s->size && *length <= s->size - *offset;
}

static void obey_crc(struct session *s, char *words)
{
	uint64_t offset = 0, length = s->size;

	if (words && !parse_part(s, words, &offset, &length)) {
		wrong("crc [OFFSET LENGTH] within the buffer");
		return;
	}
	dmashare_begin_cpu(s->buf, 0);
	printf("crc %08" PRIx32 "\n",
	       dmashare_crc32c(0, s->map + offset, length));
	dmashare_end_cpu(s->buf, 0);
}

static void obey_read(struct session *s, char *words)
{
	uint64_t offset, length, i;

	if (!parse_part(s, words, &offset, &length) || length > LINE / 4) {
		wrong("read OFFSET LENGTH within the buffer, 2048 at most");
		return;
	}
	dmashare_begin_cpu(s->buf, 0);
	fputs("read ", stdout);
	for (i = 0; i < length; i++)
		printf("%02x", s->map[offset + i]);
	putchar('\n');
	dmashare_end_cpu(s->buf, 0);
}

/* Pairs of digits at @text, into @bytes; how many, or -1. */
static int parse_hex(const char *text, uint8_t *bytes, size_t max)
{
	static const char digits[] = "0123456789abcdef";
	size_t n;

	for (n = 0; text[2 * n]; n++) {
		const char *high = strchr(digits, text[2 * n]);
		const char *low = strchr(digits, text[2 * n + 1]);

		if (n == max || !high || !low || !*low)
			return -1;
		bytes[n] = (high - digits) << 4 | (low - digits);
	}
	return n;
}

static void obey_write(struct session *s, char *words)
{
	uint8_t bytes[LINE / 2];
	uint64_t offset;
	int at = 0, n = -1;

	if (words &&
	    sscanf(words, "%" SCNi64 " %n", (int64_t *)&offset, &at) == 1 && at)
		n = parse_hex(words + at, bytes, sizeof(bytes));
	if (n < 1 || offset > s->size || (uint64_t)n > s->size - offset) {
		wrong("write OFFSET HEX within the buffer, as 0x100 00ff");
		return;
	}
	if (!dmashare_buffer_writable(s->buf)) {
		wrong("it is mapped for reading: map BUFFER --write");
		return;
	}
	dmashare_begin_cpu(s->buf, DMASHARE_WRITE);
	memcpy(s->map + offset, bytes, n);
	dmashare_end_cpu(s->buf, DMASHARE_WRITE);
	printf("written %d\n", n);
}

static void obey(struct session *s, char *line)
{
	char *words = strchr(line, ' ');

	if (words)
		*words++ = 0;
	if (!strcmp(line, "crc"))
		obey_crc(s, words);
	else if (!strcmp(line, "read"))
		obey_read(s, words);
	else if (!strcmp(line, "write"))
		obey_write(s, words);
	else if (!strcmp(line, "quit"))
		s->done = true;
	else if (line[0])
		wrong("permitted: crc, read, write, quit");
	fflush(stdout);
}

/* Reads what is there; the end of it ends the session. */
static void take_input(struct session *s)
{
	ssize_t n = read(STDIN_FILENO, s->line + s->used, LINE - 1 - s->used);
	char *from = s->line, *end;

	if (n <= 0) {
		s->done = true;
		return;
	}
	s->used += n;
	while (!s->done &&
	       (end = memchr(from, '\n', s->used - (from - s->line)))) {
		*end = 0;
		obey(s, from);
		from = end + 1;
	}
	s->used -= from - s->line;
	memmove(s->line, from, s->used);
	if (s->used == LINE - 1) {
		wrong("a line is too long");
		fflush(stdout);
		s->used = 0;
	}
}

/* Prints what happened to the buffer; dies when it is withdrawn. */
static void take_events(struct session *s)
{
	struct dmashare_notice n;
	int ret;

	while ((ret = dmashare_next(s->t->ds, 0, &n)) > 0) {
		if (n.info.id != dmashare_buffer_info(s->buf)->id)
			continue;
		event_print(&n);
		if (n.kind == DMASHARE_WITHDRAWN)
			die(STATUS_BUFFER, "buffer %u was withdrawn (%s)",
			    n.info.id, withdrawn_name(n.error));
	}
	if (ret < 0 && ret != -EINTR)
		die_by(s->t, ret, "map");
}

int cmd_map(struct tool *t)
{
	struct session *s = calloc(1, sizeof(*s));
	const struct dmashare_info *info;
	sigset_t signals;
	int ret, fd;

	if (!s)
		die(STATUS_FAILED, "no memory");
	s->t = t;
	s->buf = tool_open(t, t->args[0]);
	info = dmashare_buffer_info(s->buf);
	s->size = info->size;
	ret = dmashare_map(s->buf, (void **)&s->map);
	if (ret)
		die_by(t, ret, "cannot map it");
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	printf("mapped %u generation %u %" PRIu64 " bytes %s %s%s %s\n",
	       info->id, info->generation, info->size, path_name(info->path),
	       dmashare_buffer_writable(s->buf) ? "rw" : "r-",
	       dmashare_buffer_enforced(s->buf) ? " enforced" : "", info->name);
	fflush(stdout);
	while (!s->done) {
		struct pollfd p[] = {
			{ .fd = dmashare_fd(t->ds), .events = POLLIN },
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = fd, .events = POLLIN },
		};

		if (poll(p, 3, -1) < 0)
			die(STATUS_FAILED, "poll: %s", strerror(errno));
		if (p[0].revents)
			take_events(s);
		if (p[1].revents)
			take_input(s);
		if (p[2].revents)
			s->done = true;
	}
	dmashare_close(s->buf);
	free(s);
	return STATUS_DONE;
}
