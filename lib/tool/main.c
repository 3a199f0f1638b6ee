// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

/* Options; a command names those that it takes by their letters. */
static const struct option long_options[] = {
	{ "socket",	required_argument, NULL, 'S' },
	{ "wait",	required_argument, NULL, 'W' },
	{ "help",	no_argument,	   NULL, 'h' },
	{ "version",	no_argument,	   NULL, 'V' },
	{ "timeout",	required_argument, NULL, 't' },
	{ "write",	no_argument,	   NULL, 'w' },
	{ "next",	no_argument,	   NULL, 'n' },
	{ "sequence",	required_argument, NULL, 's' },
	{ "no-fence",	no_argument,	   NULL, 'N' },
	{ "offset",	required_argument, NULL, 'f' },
	{ "length",	required_argument, NULL, 'l' },
	{ "png",	no_argument,	   NULL, 'p' },
	{ "raw",	no_argument,	   NULL, 'r' },
	{ "hex",	no_argument,	   NULL, 'x' },
	{ "output",	required_argument, NULL, 'o' },
	{ "format",	required_argument, NULL, 'F' },
	{ "size",	required_argument, NULL, 'z' },
	{ "stride",	required_argument, NULL, 'd' },
	{ "matrix",	required_argument, NULL, 'm' },
	{ "after",	required_argument, NULL, 'a' },
	{ "until-input", no_argument,	   NULL, 'u' },
	{ "deadline",	required_argument, NULL, 'D' },
	{ "count",	required_argument, NULL, 'c' },
	{ "plain",	no_argument,	   NULL, 'P' },
	{ "json",	no_argument,	   NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

static const struct command {
	const char *name;
	int (*run)(struct tool *t);
	const char *takes;
	int least, most;
	const char *arguments, *help;
} commands[] = {
	{ "list", cmd_list, "j", 0, 0, "[--json]",
	  "what the guest shares" },
	{ "watch", cmd_watch, "Pc", 0, 0, "[--plain] [--count N]",
	  "a table that keeps up with it; lines where there is no terminal" },
	{ "map", cmd_map, "w", 1, 1, "BUFFER [--write]",
	  "maps it and obeys lines: crc, read, write, quit" },
	{ "dump", cmd_dump, "prxoflnsNtFzdm", 1, 1,
	  "BUFFER --png|--raw|--hex [--output FILE]",
	  "its contents, as a picture, bytes, or text" },
	{ "crc", cmd_crc, "flnsNtc", 1, 1, "BUFFER [--next] [--count N]",
	  "CRC32C of its contents" },
	{ "fence", cmd_fence, "wntauD", 2, 3,
	  "wait|signal|fail BUFFER [ERRNO]",
	  "waits for the guest, or makes it wait" },
	{ "bench", cmd_bench, "wcj", 1, 1, "BUFFER [--write] [--json]",
	  "what mapping, reading and fences cost" },
};

#define N_COMMANDS	(sizeof(commands) / sizeof(commands[0]))
/* These go with every command. */
#define COMMON		"SW"

void die(int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("dmashare: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

void die_by(struct tool *t, int error, const char *what)
{
	int status = STATUS_FAILED;

	switch (-error) {
	case ENOENT:
	case ESTALE:
	case EAGAIN:
		status = STATUS_BUFFER;
		break;
	case ECONNRESET:
	case EPROTO:
		status = STATUS_SERVER;
		break;
	case ETIMEDOUT:
		status = STATUS_TIMEOUT;
		break;
	}
	die(status, "%s: %s", what, dmashare_error(t->ds));
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static uint64_t parse_number(const char *option, const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (text[0] < '0' || text[0] > '9' || *end || errno || n > max)
		die(STATUS_USAGE, "--%s: \"%s\" is not a number of 0 to %llu",
		    option, text, (unsigned long long)max);
	return n;
}

static double parse_seconds(const char *option, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= 0 && s <= 1e6))
		die(STATUS_USAGE,
		    "--%s: \"%s\" is not a number of seconds, 0 to 1000000",
		    option, text);
	return s;
}

int parse_errno(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end != text && !*end && n >= 1 && n <= 4095)
		return n;
	for (n = 1; n <= 4095; n++)
		if (strerrorname_np(n) && !strcmp(strerrorname_np(n), text))
			return n;
	die(STATUS_USAGE,
	    "\"%s\" is no errno: give a name as EIO, or a number of 1 to 4095",
	    text);
}

static uint32_t parse_fourcc(const char *text)
{
	char c[4] = { ' ', ' ', ' ', ' ' };
	size_t n = strlen(text);

	if (!n || n > 4)
		die(STATUS_USAGE, "--format: \"%s\" is no fourcc; known are %s",
		    text, pixels_formats());
	memcpy(c, text, n);
	return c[0] | c[1] << 8 | c[2] << 16 | (uint32_t)c[3] << 24;
}

static void parse_size(struct options *o, const char *text)
{
	char end;

	if (sscanf(text, "%ux%u%c", &o->width, &o->height, &end) != 2 ||
	    !o->width || !o->height)
		die(STATUS_USAGE, "--size: \"%s\" is not as 640x480", text);
}

static const struct option *option_of(int letter)
{
	const struct option *o;

	for (o = long_options; o->name; o++)
		if (o->val == letter)
			return o;
	return NULL;
}

static void take_option(struct options *o, int letter, const char *arg)
{
	const char *name = option_of(letter)->name;

	switch (letter) {
	case 'S':
		o->socket = arg;
		break;
	case 'W':
		o->wait_ms = parse_seconds(name, arg) * 1000;
		break;
	case 't':
		o->timeout_ms = parse_seconds(name, arg) * 1000;
		break;
	case 'w':
		o->write = true;
		break;
	case 'n':
		o->next = true;
		break;
	case 's':
		o->sequence = parse_number(name, arg, UINT64_MAX);
		break;
	case 'N':
		o->no_fence = true;
		break;
	case 'f':
		o->offset = parse_number(name, arg, UINT64_MAX);
		break;
	case 'l':
		o->length = parse_number(name, arg, UINT64_MAX);
		o->has_length = true;
		break;
	case 'p':
		o->png = true;
		break;
	case 'r':
		o->raw = true;
		break;
	case 'x':
		o->hex = true;
		break;
	case 'o':
		o->output = arg;
		break;
	case 'F':
		o->fourcc = parse_fourcc(arg);
		break;
	case 'z':
		parse_size(o, arg);
		break;
	case 'd':
		o->stride = parse_number(name, arg, UINT32_MAX);
		break;
	case 'm':
		o->bt709 = !strcmp(arg, "709");
		if (!o->bt709 && strcmp(arg, "601"))
			die(STATUS_USAGE, "--matrix: \"%s\" is not 601 or 709",
			    arg);
		break;
	case 'a':
		o->after_ms = parse_seconds(name, arg) * 1000;
		break;
	case 'u':
		o->until_input = true;
		break;
	case 'D':
		o->deadline_ns = parse_seconds(name, arg) * 1e9;
		break;
	case 'c':
		o->count = parse_number(name, arg, UINT32_MAX);
		if (!o->count)
			die(STATUS_USAGE, "--count: 0 is not 1 or more");
		break;
	case 'P':
		o->plain = true;
		break;
	case 'j':
		o->json = true;
		break;
	}
}

static void __attribute__((noreturn)) help(void)
{
	size_t i;

	puts("usage: dmashare [--socket PATH] [--wait SECONDS] COMMAND ...\n\n"
	     "The buffers that a guest shares by its dmashare device, "
	     "in place.\n");
	for (i = 0; i < N_COMMANDS; i++)
		printf("  %-6s %-42s\n         %s\n", commands[i].name,
		       commands[i].arguments, commands[i].help);
	puts("\nBUFFER is an id or a name of `dmashare list`. The socket is "
	     "that of the\ndevice's property share=unix:PATH; without --socket "
	     "it is $DMASHARE_SOCKET.\nAll options are in dmashare(1).");
	exit(STATUS_DONE);
}

static const struct command *command_of(const char *name)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	die(STATUS_USAGE, "no command \"%s\"; permitted: list watch map dump "
	    "crc fence bench; dmashare --help says more", name);
}

static const struct command *parse(struct tool *t, int argc, char **argv)
{
	const struct command *c;
	char given[64] = "";
	size_t n = 0, i;
	int letter;

	t->opt.timeout_ms = 10000;
	t->opt.deadline_ns = 10ULL * 1000 * 1000 * 1000;
	t->opt.socket = getenv("DMASHARE_SOCKET");
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":ho:", long_options,
				     NULL)) != -1) {
		if (letter == ':')
			die(STATUS_USAGE, "%s needs a value", argv[optind - 1]);
		if (letter == 'h')
			help();
		if (letter == 'V') {
			puts("dmashare " DMASHARE_VERSION);
			exit(STATUS_DONE);
		}
		if (letter == '?')
			die(STATUS_USAGE,
			    "%s: no such option; dmashare --help names them",
			    argv[optind - 1]);
		take_option(&t->opt, letter, optarg);
		if (!strchr(given, letter) && n + 1 < sizeof(given))
			given[n++] = letter;
	}
	if (optind == argc)
		die(STATUS_USAGE, "no command given; permitted: list watch map "
		    "dump crc fence bench; dmashare --help says more");
	c = command_of(argv[optind++]);
	for (i = 0; i < n; i++)
		if (!strchr(COMMON, given[i]) && !strchr(c->takes, given[i]))
			die(STATUS_USAGE, "%s does not take --%s", c->name,
			    option_of(given[i])->name);
	t->args = argv + optind;
	t->n_args = argc - optind;
	if (t->n_args < c->least || t->n_args > c->most)
		die(STATUS_USAGE, "usage: dmashare %s %s", c->name,
		    c->arguments);
	if (!t->opt.socket || !t->opt.socket[0])
		die(STATUS_USAGE, "which server? give --socket PATH, or set "
		    "DMASHARE_SOCKET");
	if (!strncmp(t->opt.socket, "unix:", 5))
		t->opt.socket += 5;
	return c;
}

/* What is not there yet is tried for again, this long apart. */
#define RETRY_MS	50

void tool_connect(struct tool *t)
{
	int64_t until = now_ms() + t->opt.wait_ms;
	struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	int ret;

	for (;;) {
		ret = dmashare_connect(t->opt.socket, NULL, 10000, &t->ds);
		if (!ret)
			return;
		if ((ret != -ENOENT && ret != -ECONNREFUSED) ||
		    now_ms() >= until)
			die(STATUS_SERVER, "%s", dmashare_error(NULL));
		nanosleep(&pause, NULL);
	}
}

static bool is_meant(const struct dmashare_info *i, const char *which)
{
	char *end;
	unsigned long n = strtoul(which, &end, 10);

	if (!strcmp(i->name, which))
		return true;
	return end != which && !*end && n <= UINT32_MAX && i->id == n;
}

/* Looks for it among all; false when there is none. */
static bool find_now(struct tool *t, const char *which,
		     struct dmashare_info *out)
{
	int i, n = dmashare_list(t->ds, NULL, 0), found = 0;
	struct dmashare_info *info = calloc(n + 1, sizeof(*info));

	if (!info)
		die(STATUS_FAILED, "no memory for a list of %d buffers", n);
	dmashare_list(t->ds, info, n);
	for (i = 0; i < n; i++) {
		if (!is_meant(&info[i], which))
			continue;
		if (found++)
			die(STATUS_USAGE, "\"%s\" is more than one buffer, %u "
			    "and %u among them: give an id", which, out->id,
			    info[i].id);
		*out = info[i];
	}
	free(info);
	return found;
}

struct dmashare_info tool_find(struct tool *t, const char *which)
{
	int64_t until = now_ms() + t->opt.wait_ms;
	struct dmashare_notice notice;
	struct dmashare_info info;
	int ret;

	while (!find_now(t, which, &info) || info.path == DMASHARE_BY_NONE) {
		int64_t left = until - now_ms();

		ret = left <= 0 ? 0 : dmashare_next(t->ds, left, &notice);
		if (ret < 0 && ret != -EINTR)
			die_by(t, ret, which);
		if (ret)
			continue;
		if (find_now(t, which, &info))
			die(STATUS_BUFFER,
			    "buffer \"%s\" has no pages now; --wait SECONDS "
			    "waits for them", which);
		die(STATUS_BUFFER, "no buffer \"%s\" is shared; dmashare list "
		    "shows those that are", which);
	}
	return info;
}

struct dmashare_buffer *tool_open(struct tool *t, const char *which)
{
	struct dmashare_info info = tool_find(t, which);
	struct dmashare_buffer *buf;
	int ret;

	ret = dmashare_open(t->ds, info.id, t->opt.write ? DMASHARE_WRITE : 0,
			    &buf);
	if (ret)
		die_by(t, ret, which);
	return buf;
}

struct dmashare_notice tool_next(struct tool *t, int64_t until,
				 const char *what)
{
	struct dmashare_notice n;
	int ret;

	do {
		int64_t left = until < 0 ? -1 : until - now_ms();

		if (until >= 0 && left < 0)
			left = 0;
		if (left > INT_MAX)
			left = INT_MAX;
		ret = dmashare_next(t->ds, left, &n);
	} while (ret == -EINTR);
	if (ret < 0)
		die_by(t, ret, what);
	if (!ret)
		die(STATUS_TIMEOUT, "%s: not within the time of --timeout",
		    what);
	return n;
}

const char *mode_name(const struct dmashare_info *i)
{
	return i->writable ? "rw" : "r-";
}

const char *path_name(enum dmashare_path path)
{
	switch (path) {
	case DMASHARE_BY_UDMABUF:
		return "udmabuf";
	case DMASHARE_BY_LOCAL:
		return "local";
	case DMASHARE_BY_GUEST:
		return "guest";
	default:
		return "moving";
	}
}

const char *fourcc_name(uint32_t fourcc, char *text)
{
	unsigned int i, n = 0;

	for (i = 0; i < 4; i++) {
		text[i] = fourcc >> 8 * i;
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
		if (text[i] != ' ')
			n = i + 1;
	}
	text[n] = 0;
	return fourcc ? text : strcpy(text, "-");
}

int main(int argc, char **argv)
{
	const struct command *c;
	struct tool t = { 0 };
	int status;

	c = parse(&t, argc, argv);
	tool_connect(&t);
	status = c->run(&t);
	dmashare_disconnect(t.ds);
	if (fflush(stdout) || ferror(stdout))
		die(STATUS_FAILED, "cannot write what was found: %s",
		    strerror(errno));
	return status;
}
