// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define DEFAULT_TIMEOUT		60
#define PATIENCE		5
/* How long a killed case may take to go away before it counts as stuck. */
#define GRACE_MS		10000
/* A case that took longer says so. */
#define SLOW_MS			1000

#define EXIT_FAILED		1
#define EXIT_SKIPPED		4

static bool in_case, brief, patient;
static int skip_pipe = -1;
static pid_t case_pid;

void ktap_diag(const char *fmt, ...)
{
	char line[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!in_case) {
		fprintf(stderr, "%s\n", line);
		return;
	}
	/* One write per line: cases, threads and children share the stream. */
	fflush(stdout);
	dprintf(STDOUT_FILENO, "# %s\n", line);
}

void covers(const char *fmt, ...)
{
	char words[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	ktap_diag("covers: %s", words);
}

void errno_seen(const char *ioctl, int err)
{
	ktap_diag("errno: %s %s", ioctl, strerrorname_np(err));
}

/* Leaves the case, from whichever of its processes or threads this is. */
static void __attribute__((noreturn)) leave(int status)
{
	_exit(status);
}

void ktap_fail(const char *file, int line, const char *fmt, ...)
{
	char text[500];
	va_list ap;
	const char *base = strrchr(file, '/');

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (in_case)
		ktap_diag("%s:%d: %s%s", base ? base + 1 : file, line, text,
			  getpid() == case_pid ? "" : " (in a child)");
	else
		fprintf(stderr, "%s:%d: %s\n", base ? base + 1 : file, line, text);
	leave(EXIT_FAILED);
}

void ktap_skip(const char *fmt, ...)
{
	char text[200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!in_case) {
		fprintf(stderr, "not possible here: %s\n", text);
		leave(EXIT_FAILED);
	}
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (write(skip_pipe, text, n) != n)
		leave(EXIT_FAILED);
	leave(EXIT_SKIPPED);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Waits for the process to end; false when it did not within ms. */
static bool wait_end(int pidfd, long long ms)
{
	long long start = now_ms();

	for (;;) {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };
		long long gone = now_ms() - start;

		if (gone >= ms)
			return poll(&p, 1, 0) == 1;
		if (poll(&p, 1, ms - gone) == 1)
			return true;
	}
}

static void __attribute__((noreturn)) child(const struct ktap_case *c, int skip)
{
	in_case = true;
	skip_pipe = skip;
	case_pid = getpid();
	/* A group of its own, so that what it forks can be ended with it. */
	setpgid(0, 0);
	if (c->covers)
		covers("%s", c->covers);
	c->run();
	leave(0);
}

/* Runs one case; returns 0 passed, 1 failed, 2 skipped. */
static int run_case(const struct ktap_case *c, size_t number)
{
	unsigned int seconds = c->timeout ? c->timeout : DEFAULT_TIMEOUT;
	int fds[2], pidfd, status = 0;
	char reason[256] = "";
	long long started = now_ms();
	bool ended;
	ssize_t n;
	pid_t pid;

	if (patient)
		seconds *= PATIENCE;
	fflush(stdout);
	if (pipe2(fds, O_CLOEXEC)) {
		printf("not ok %zu %s # no pipe: %s\n", number, c->name, strerror(errno));
		return 1;
	}
	pid = fork();
	if (pid < 0) {
		printf("not ok %zu %s # no process: %s\n", number, c->name, strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return 1;
	}
	if (!pid) {
		close(fds[0]);
		child(c, fds[1]);
	}
	setpgid(pid, pid);
	close(fds[1]);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ended = pidfd >= 0 && wait_end(pidfd, seconds * 1000LL);
	/* Also ends what the case forked and forgot. */
	kill(-pid, SIGKILL);
	if (!ended && pidfd >= 0 && !wait_end(pidfd, GRACE_MS)) {
		printf("not ok %zu %s # hangs and cannot be killed\n", number, c->name);
		close(pidfd);
		close(fds[0]);
		return 1;
	}
	waitpid(pid, &status, 0);
	n = read(fds[0], reason, sizeof(reason) - 1);
	reason[n > 0 ? n : 0] = 0;
	close(fds[0]);
	if (pidfd >= 0)
		close(pidfd);
	if (!ended) {
		printf("not ok %zu %s # not done in %u s\n", number, c->name, seconds);
		return 1;
	}
	if (now_ms() - started > SLOW_MS)
		printf("# %s took %.1f s\n", c->name, (now_ms() - started) / 1000.0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("ok %zu %s\n", number, c->name);
		return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
		printf("ok %zu %s # SKIP %s\n", number, c->name, reason);
		return 2;
	}
	if (WIFSIGNALED(status))
		printf("not ok %zu %s # died of signal %d (%s)\n", number, c->name,
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		printf("not ok %zu %s\n", number, c->name);
	return 1;
}

static bool wanted(const char *name, int argc, char **argv)
{
	bool named = false, any = false;
	int i;

	for (i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			if (!fnmatch(argv[i] + 1, name, 0))
				return false;
			continue;
		}
		any = true;
		named |= !fnmatch(argv[i], name, 0);
	}
	return named || !any;
}

unsigned int rounds(unsigned int n)
{
	return brief ? (n + 9) / 10 : n;
}

int ktap_main(int argc, char **argv, const struct ktap_case *cases, size_t n)
{
	size_t i, number = 0, plan = 0, count[3] = { 0 };

	for (bool *option; argc > 1; argc--) {
		option = !strcmp(argv[1], "--brief") ? &brief :
			 !strcmp(argv[1], "--patient") ? &patient : NULL;
		if (!option)
			break;
		*option = true;
		argv[1] = argv[0];
		argv++;
	}
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (i = 0; i < n; i++)
			puts(cases[i].name);
		return 0;
	}
	for (i = 0; i < n; i++)
		plan += wanted(cases[i].name, argc, argv);
	if (!plan) {
		fprintf(stderr, "%s: no case of that name; --list prints them\n", argv[0]);
		return 2;
	}
	printf("KTAP version 1\n1..%zu\n", plan);
	for (i = 0; i < n; i++) {
		if (wanted(cases[i].name, argc, argv))
			count[run_case(&cases[i], ++number)]++;
		fflush(stdout);
	}
	printf("# %zu passed, %zu failed, %zu skipped\n", count[0], count[1], count[2]);
	fflush(stdout);
	return count[1] ? 1 : 0;
}
