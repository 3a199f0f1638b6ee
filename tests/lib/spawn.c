// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ktap.h"
#include "spawn.h"

#define MAX_WORDS	24
#define SOON_MS		20000

static void __attribute__((noreturn))
child(const char *path, char *words, int in, int out, int err)
{
	char *args[MAX_WORDS + 4] = { TOOL_PATH, "--socket", (char *)path };
	unsigned int n = 3;

	for (words = strtok(words, " "); words; words = strtok(NULL, " "))
		args[n++] = words;
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(98);
	execv(TOOL_PATH, args);
	_exit(99);
}

struct command command_start(const char *path, bool tty, const char *words)
{
	struct winsize size = { .ws_col = 120, .ws_row = 20 };
	struct command c = { .input = -1 };
	char copy[1000];
	int in[2], out[2], err[2];

	snprintf(copy, sizeof(copy), "%s", words);
	ASSERT_OK(pipe2(err, O_CLOEXEC));
	if (tty) {
		ASSERT_OK(openpty(&in[1], &in[0], NULL, NULL, &size));
		out[0] = fcntl(in[1], F_DUPFD_CLOEXEC, 0);
		out[1] = fcntl(in[0], F_DUPFD_CLOEXEC, 0);
		fcntl(in[0], F_SETFD, FD_CLOEXEC);
		fcntl(in[1], F_SETFD, FD_CLOEXEC);
	} else {
		ASSERT_OK(pipe2(in, O_CLOEXEC));
		ASSERT_OK(pipe2(out, O_CLOEXEC));
	}
	c.pid = fork();
	ASSERT_OK(c.pid);
	if (!c.pid)
		child(path, copy, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c.input = in[1];
	c.out.fd = out[0];
	c.err.fd = err[0];
	c.out.text = calloc(1, 1);
	c.err.text = calloc(1, 1);
	return c;
}

void command_tell(struct command *c, const char *line)
{
	ASSERT_EQ(write(c->input, line, strlen(line)), strlen(line));
}

/* Reads what is there; the end (of a terminal: EIO) closes it. */
static void take(struct output *o)
{
	char bytes[65536];
	ssize_t n = read(o->fd, bytes, sizeof(bytes));

	if (n <= 0) {
		close(o->fd);
		o->fd = -1;
		return;
	}
	o->text = realloc(o->text, o->length + n + 1);
	ASSERT(o->text);
	memcpy(o->text + o->length, bytes, n);
	o->length += n;
	o->text[o->length] = 0;
}

/* Waits for output; false when both have ended. */
static bool take_some(struct command *c)
{
	struct pollfd p[] = {
		{ c->out.fd, POLLIN, 0 }, { c->err.fd, POLLIN, 0 },
	};

	if (c->out.fd < 0 && c->err.fd < 0)
		return false;
	ASSERT_MSG(poll(p, 2, SOON_MS) > 0, "it says nothing more after \"%s\"",
		   c->out.text);
	if (p[0].revents)
		take(&c->out);
	if (p[1].revents)
		take(&c->err);
	return true;
}

void command_await(struct command *c, const char *text)
{
	while (!memmem(c->out.text, c->out.length, text, strlen(text)))
		ASSERT_MSG(take_some(c), "it ends without \"%s\": \"%s\", \"%s\"",
			   text, c->out.text, c->err.text);
}

int command_end(struct command *c)
{
	int status;

	close(c->input);
	c->input = -1;
	while (take_some(c))
		;
	ASSERT_EQ(waitpid(c->pid, &status, 0), c->pid);
	ASSERT_MSG(WIFEXITED(status), "it died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

void command_free(struct command *c)
{
	free(c->out.text);
	free(c->err.text);
}

struct command command_run(const char *path, int status, const char *words)
{
	struct command c = command_start(path, false, words);
	int ret = command_end(&c);

	ASSERT_MSG(ret == status, "%s: status %d, not %d: \"%s\", \"%s\"", words,
		   ret, status, c.out.text, c.err.text);
	return c;
}
