// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "events.h"

/* The history of a buffer: how many contents came in each of the last spans. */
#define SPANS		24
#define SPAN_MS		500
/* How long it shows that something is new, moved or gone. */
#define MARK_MS		3000
/* No oftener is it drawn, and at least so often. */
#define DRAW_MS		100
#define IDLE_MS		500

enum mark { MARK_NONE, MARK_NEW, MARK_MOVED, MARK_GONE };

struct row {
	struct dmashare_info info;
	enum mark mark;
	int64_t marked;
	unsigned int came[SPANS];	/* [0]: in the present span */
};

struct screen {
	struct tool *t;
	struct row *row;
	size_t n_rows, max_rows;
	int64_t span;			/* number of the present one */
	int64_t drawn;
	char trouble[256];		/* why there is no server, or "" */
	bool colour, utf8, quit;
	int columns, lines;
	char *text;			/* of one line, being made */
	size_t used;
};

/* Gives the terminal back as it was, however the program ends. */
static struct termios before;
static bool raw;

static void leave_screen(void)
{
	static const char text[] = "\033[?25h\033[?1049l";
	ssize_t done = write(STDOUT_FILENO, text, sizeof(text) - 1);

	(void)done;
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void enter_screen(void)
{
	struct termios now;

	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before)) {
		now = before;
		now.c_lflag &= ~(ICANON | ECHO);
		now.c_cc[VMIN] = 1;
		now.c_cc[VTIME] = 0;
		/* Stopped, it would leave the terminal as it is now. */
		now.c_cc[VSUSP] = _POSIX_VDISABLE;
		raw = !tcsetattr(STDIN_FILENO, TCSANOW, &now);
	}
	atexit(leave_screen);
	fputs("\033[?1049h\033[?25l", stdout);
}

static struct row *row_find(struct screen *s, uint32_t id)
{
	size_t i;

	for (i = 0; i < s->n_rows; i++)
		if (s->row[i].info.id == id)
			return &s->row[i];
	return NULL;
}

static struct row *row_add(struct screen *s, const struct dmashare_info *info)
{
	size_t i;

	if (s->n_rows == s->max_rows) {
		s->max_rows = s->max_rows ? 2 * s->max_rows : 16;
		s->row = realloc(s->row, s->max_rows * sizeof(*s->row));
		if (!s->row)
			die(STATUS_FAILED, "no memory for %zu buffers",
			    s->max_rows);
	}
	for (i = s->n_rows; i && s->row[i - 1].info.id > info->id; i--)
		s->row[i] = s->row[i - 1];
	s->n_rows++;
	memset(&s->row[i], 0, sizeof(s->row[i]));
	s->row[i].info = *info;
	return &s->row[i];
}

static void row_mark(struct row *r, enum mark mark)
{
	r->mark = mark;
	r->marked = now_ms();
}

/* Marks are taken away in time, and rows of what is gone with them. */
static void age(struct screen *s)
{
	int64_t now = now_ms(), span = now / SPAN_MS;
	size_t i, kept = 0;

	for (i = 0; i < s->n_rows; i++) {
		struct row *r = &s->row[i];
		int64_t passed = span - s->span;

		if (passed > SPANS)
			passed = SPANS;
		memmove(r->came + passed, r->came,
			(SPANS - passed) * sizeof(r->came[0]));
		memset(r->came, 0, passed * sizeof(r->came[0]));
		if (r->mark && now - r->marked > MARK_MS) {
			if (r->mark == MARK_GONE)
				continue;
			r->mark = MARK_NONE;
		}
		s->row[kept++] = *r;
	}
	s->n_rows = kept;
	s->span = span;
}

static void take_event(struct screen *s, const struct dmashare_notice *n)
{
	struct row *r = row_find(s, n->info.id);

	age(s);
	r = row_find(s, n->info.id);
	switch (n->kind) {
	case DMASHARE_ANNOUNCED:
		if (!r) {
			row_mark(row_add(s, &n->info), MARK_NEW);
			break;
		}
		if (r->info.generation != n->info.generation)
			row_mark(r, MARK_MOVED);
		r->info = n->info;
		break;
	case DMASHARE_WITHDRAWN:
		if (!r)
			break;
		r->info.path = DMASHARE_BY_NONE;
		row_mark(r, n->error == EAGAIN ? MARK_MOVED : MARK_GONE);
		break;
	case DMASHARE_CONTENT:
		if (!r)
			break;
		r->info.sequence = n->sequence;
		r->came[0]++;
		break;
	case DMASHARE_GRANTED:
	case DMASHARE_ENDED:
		break;
	}
}

/* The rows are those that there are, without marks. */
static void fill(struct screen *s)
{
	int i, n = dmashare_list(s->t->ds, NULL, 0);
	struct dmashare_info *info = calloc(n + 1, sizeof(*info));

	if (!info)
		die(STATUS_FAILED, "no memory for a list of %d buffers", n);
	dmashare_list(s->t->ds, info, n);
	s->n_rows = 0;
	for (i = 0; i < n; i++)
		row_add(s, &info[i]);
	free(info);
	s->trouble[0] = 0;
}

static void __attribute__((format(printf, 2, 3)))
put(struct screen *s, const char *fmt, ...)
{
	size_t left = s->columns - s->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->used, left + 1, fmt, ap);
	va_end(ap);
	s->used += n < 0 ? 0 : (size_t)n < left ? (size_t)n : left;
}

static const char *colour(const struct screen *s, const char *code)
{
	return s->colour ? code : "";
}

/* Ends the line that was put together; @tail is as wide as @wide columns. */
static void end_line(struct screen *s, const char *code, const char *tail)
{
	printf("%s%.*s%s%s\033[K\r\n", colour(s, code), (int)s->used, s->text,
	       colour(s, "\033[0m"), tail);
	s->used = 0;
}

static void human_size(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "KMGT";
	double v = bytes / 1024.0;
	unsigned int u = 0;

	while (v >= 1024 && u < 3) {
		v /= 1024;
		u++;
	}
	snprintf(text, size, v < 10 && v != (int)v ? "%.1f %ciB" : "%.0f %ciB",
		 v, units[u]);
}

/* Contents a second, over what is shown of the history but the present. */
static double row_rate(const struct row *r)
{
	unsigned int i, sum = 0;

	for (i = 1; i <= 4; i++)
		sum += r->came[i];
	return sum / (4 * SPAN_MS / 1000.0);
}

/* The history as a row of bars, the newest at the right. */
static void history(const struct screen *s, const struct row *r, char *text)
{
	static const char *const bars[] = {
		" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585",
		"\u2586", "\u2587", "\u2588",
	};
	static const char ascii[] = " .:-=+*#%";
	unsigned int most = 1;
	int i;

	for (i = 0; i < SPANS; i++)
		if (r->came[i] > most)
			most = r->came[i];
	for (i = SPANS - 1; i >= 0; i--) {
		unsigned int level = (r->came[i] * 8 + most - 1) / most;

		if (s->utf8)
			text = stpcpy(text, bars[level]);
		else
			*text++ = ascii[level];
	}
	*text = 0;
}

#define TABLE_WIDE	91	/* what is before the history */

static void draw_row(struct screen *s, const struct row *r)
{
	static const char *const codes[] = {
		[MARK_NONE] = "", [MARK_NEW] = "\033[32m",
		[MARK_MOVED] = "\033[33m", [MARK_GONE] = "\033[31m",
	};
	char size[24], picture[48] = "bytes", fourcc[5], bars[4 * SPANS + 1];
	const struct dmashare_info *i = &r->info;

	human_size(i->size, size, sizeof(size));
	if (i->fourcc)
		snprintf(picture, sizeof(picture), "%ux%u %s", i->width,
			 i->height, fourcc_name(i->fourcc, fourcc));
	put(s, " %5u  %-20.20s %9s  %-16s %-8s %-2s %4u %9" PRIu64 " %6.1f ",
	    i->id, i->name, size, picture,
	    r->mark == MARK_GONE ? "gone" : path_name(i->path), mode_name(i),
	    i->generation, i->sequence, row_rate(r));
	history(s, r, bars);
	end_line(s, codes[r->mark],
		 s->columns >= TABLE_WIDE + SPANS ? bars : "");
}

static void draw_top(struct screen *s)
{
	uint64_t bytes = 0;
	double rate = 0;
	char size[24], clock[16];
	time_t now = time(NULL);
	struct tm tm;
	size_t i;

	for (i = 0; i < s->n_rows; i++) {
		bytes += s->row[i].info.size;
		rate += row_rate(&s->row[i]);
	}
	human_size(bytes, size, sizeof(size));
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	put(s, " dmashare  %s  %s", s->t->ds ? dmashare_device(s->t->ds) : "-",
	    s->t->opt.socket);
	end_line(s, "\033[1m", "");
	if (s->trouble[0]) {
		put(s, " %s  %s; trying again", clock, s->trouble);
		end_line(s, "\033[31m", "");
	} else {
		put(s, " %s  %zu buffer%s, %s shared in place, %.1f contents/s",
		    clock, s->n_rows, s->n_rows == 1 ? "" : "s", size, rate);
		end_line(s, "", "");
	}
	end_line(s, "", "");
	put(s, " %5s  %-20s %9s  %-16s %-8s %-2s %4s %9s %6s ", "ID", "NAME",
	    "SIZE", "PICTURE", "PATH", "RW", "GEN", "CONTENTS", "PER S");
	end_line(s, "\033[7m", "");
}

static void draw(struct screen *s)
{
	struct winsize w;
	size_t i, room;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col && w.ws_row) {
		s->columns = w.ws_col;
		s->lines = w.ws_row;
	}
	if (s->columns > 400)
		s->columns = 400;
	age(s);
	fputs("\033[H", stdout);
	draw_top(s);
	/* Four lines are above, one below, and the last one stays empty. */
	room = s->lines > 7 ? s->lines - 7 : 1;
	for (i = 0; i < s->n_rows && i < room; i++)
		draw_row(s, &s->row[i]);
	if (i < s->n_rows)
		put(s, " and %zu more", s->n_rows - i);
	else if (!s->n_rows && !s->trouble[0])
		put(s, " nothing is shared");
	end_line(s, "\033[2m", "");
	put(s, raw ? " q quits" : " ");
	printf("%s%.*s%s\033[K\033[J", colour(s, "\033[2m"), (int)s->used,
	       s->text, colour(s, "\033[0m"));
	s->used = 0;
	fflush(stdout);
	s->drawn = now_ms();
}

static void lose(struct screen *s, const char *why)
{
	snprintf(s->trouble, sizeof(s->trouble), "%s", why);
	dmashare_disconnect(s->t->ds);
	s->t->ds = NULL;
	s->n_rows = 0;
}

static void take_events(struct screen *s)
{
	struct dmashare_notice n;
	int ret;

	while ((ret = dmashare_next(s->t->ds, 0, &n)) > 0)
		take_event(s, &n);
	if (ret < 0 && ret != -EINTR)
		lose(s, dmashare_error(s->t->ds));
}

static void try_again(struct screen *s)
{
	int ret = dmashare_connect(s->t->opt.socket, NULL, 1000, &s->t->ds);

	if (ret)
		snprintf(s->trouble, sizeof(s->trouble), "%s",
			 dmashare_error(NULL));
	else
		fill(s);
}

static void take_key(struct screen *s)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q')
		s->quit = true;
}

static int signal_fd(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGWINCH);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static void take_signal(struct screen *s, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_signo != SIGWINCH)
		s->quit = true;
	s->drawn = 0;
}

static int on_screen(struct tool *t)
{
	struct screen s = { .t = t, .columns = 80, .lines = 24 };
	int fd = signal_fd();

	setlocale(LC_CTYPE, "");
	s.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	s.colour = !getenv("NO_COLOR");
	s.text = calloc(1, 401);
	if (!s.text)
		die(STATUS_FAILED, "no memory");
	s.span = now_ms() / SPAN_MS;
	fill(&s);
	enter_screen();
	draw(&s);
	while (!s.quit) {
		struct pollfd p[] = {
			{ .fd = t->ds ? dmashare_fd(t->ds) : -1,
			  .events = POLLIN },
			{ .fd = raw ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = fd, .events = POLLIN },
		};
		int64_t wait = s.drawn + (p[0].fd < 0 ? 1000 : IDLE_MS) -
			       now_ms();

		poll(p, 3, wait < 0 ? 0 : wait);
		if (p[0].revents)
			take_events(&s);
		if (p[1].revents)
			take_key(&s);
		if (p[2].revents)
			take_signal(&s, fd);
		if (!t->ds && now_ms() - s.drawn >= 1000)
			try_again(&s);
		wait = s.drawn + DRAW_MS - now_ms();
		/* More may come meanwhile, and is drawn with it. */
		if (wait > 0 && !s.quit)
			poll(&p[1], 2, wait);
		draw(&s);
	}
	free(s.row);
	free(s.text);
	return STATUS_DONE;
}

static int as_lines(struct tool *t)
{
	int i, n = dmashare_list(t->ds, NULL, 0);
	struct dmashare_info *info = calloc(n + 1, sizeof(*info));
	struct dmashare_notice notice = { .kind = DMASHARE_ANNOUNCED };
	uint64_t left = t->opt.count;

	if (!info)
		die(STATUS_FAILED, "no memory for a list of %d buffers", n);
	dmashare_list(t->ds, info, n);
	for (i = 0; i < n; i++) {
		notice.info = info[i];
		event_print(&notice);
	}
	free(info);
	/* What was there at first is not counted: nothing has happened. */
	do {
		notice = tool_next(t, -1, "watch");
		event_print(&notice);
	} while (!t->opt.count || --left);
	return STATUS_DONE;
}

int cmd_watch(struct tool *t)
{
	if (!t->opt.plain && !t->opt.count && isatty(STDOUT_FILENO))
		return on_screen(t);
	return as_lines(t);
}
