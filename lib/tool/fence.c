// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

/* Dies if the notice says that @hold is over, or the buffer gone. */
static void check_over(const struct dmashare_notice *n, uint32_t id,
		       uint32_t hold)
{
	/* This comes after the end of its holds, and says more. */
	if (n->kind == DMASHARE_WITHDRAWN && n->info.id == id)
		die(STATUS_BUFFER, "buffer %u was withdrawn", id);
	if (n->kind == DMASHARE_ENDED && n->hold == hold &&
	    n->error != ECANCELED)
		die(STATUS_FENCE, "the hold is over: %s", strerror(n->error));
}

/* Holds it as long as the options say. */
static void keep(struct tool *t, uint32_t id, uint32_t hold)
{
	int64_t until = now_ms() + t->opt.after_ms;
	char line[256];

	for (;;) {
		struct pollfd p[] = {
			{ .fd = dmashare_fd(t->ds), .events = POLLIN },
			{ .fd = t->opt.until_input ? STDIN_FILENO : -1,
			  .events = POLLIN },
		};
		int64_t left = until - now_ms();
		struct dmashare_notice n;
		int ret;

		if (t->opt.until_input)
			left = -1;
		else if (left <= 0)
			return;
		ret = poll(p, 2, left);
		if (ret < 0 && errno != EINTR)
			die(STATUS_FAILED, "poll: %s", strerror(errno));
		if (ret <= 0)
			continue;
		if (p[1].revents) {
			/* A line, or its end. */
			ret = read(STDIN_FILENO, line, sizeof(line));
			(void)ret;
			return;
		}
		while ((ret = dmashare_next(t->ds, 0, &n)) > 0)
			check_over(&n, id, hold);
		if (ret < 0 && ret != -EINTR)
			die_by(t, ret, "fence");
	}
}

int cmd_fence(struct tool *t)
{
	const char *what = t->args[0];
	bool wait = !strcmp(what, "wait"), fail = !strcmp(what, "fail");
	struct dmashare_buffer *buf;
	struct access a;
	int error = 0, flags;

	if (!wait && !fail && strcmp(what, "signal"))
		die(STATUS_USAGE, "fence: \"%s\" is not wait, signal or fail",
		    what);
	if (t->n_args != (fail ? 3 : 2))
		die(STATUS_USAGE, fail ? "usage: dmashare fence fail BUFFER "
		    "ERRNO" : "usage: dmashare fence %s BUFFER", what);
	if (fail)
		error = parse_errno(t->args[2]);
	if (t->opt.next && (t->opt.write || wait))
		die(STATUS_USAGE, "fence: --next is for signal and fail, and "
		    "contents are for reading: not with --write");
	if (t->opt.after_ms && t->opt.until_input)
		die(STATUS_USAGE, "fence: --after or --until-input, not both");
	buf = tool_open(t, t->args[1]);
	flags = (t->opt.write ? DMASHARE_WRITE : 0) |
		(wait ? DMASHARE_WAIT_ONLY : 0);
	access_begin(t, buf, flags, &a);
	printf("granted contents %" PRIu64 "\n", a.sequence);
	fflush(stdout);
	if (!wait)
		keep(t, dmashare_buffer_info(buf)->id, a.hold);
	access_end(t, buf, flags, error, &a);
	if (!wait)
		puts(fail ? "failed" : "signalled");
	dmashare_close(buf);
	return STATUS_DONE;
}
