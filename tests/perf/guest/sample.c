// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/ktap.h"
#include "sample.h"

/* Files that a group may have open: a fence each for a thousand waiters, and more. */
#define MOST_FILES	8192
#define MOST_FIGURES	32
#define EXPORTER	"--exporter="

static bool brief;
/* The figures that there are, and which of them are wanted. */
static const struct taker *all;
static unsigned int n_all;
static bool wanted[MOST_FIGURES];

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

bool bench_brief(void)
{
	return brief;
}

static void print_samples(const char *name, const uint64_t *sample, unsigned int n)
{
	unsigned int i;

	printf(", \"%s\": [", name);
	for (i = 0; i < n; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)sample[i]);
	printf("]");
}

/* Marks @name, or all if it is NULL; false if there is no such. */
static bool choose(const char *name)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i < n_all; i++) {
		if (name && strcmp(all[i].name, name))
			continue;
		wanted[i] = true;
		found = true;
	}
	return found;
}

static bool is_wanted(const char *name)
{
	unsigned int i;

	for (i = 0; i < n_all; i++)
		if (wanted[i] && !strcmp(all[i].name, name))
			return true;
	return false;
}

void figure_take(const struct figure *f)
{
	unsigned int i, n = brief ? (f->rounds + 9) / 10 : f->rounds;
	uint64_t *measured, *floor;

	if (!is_wanted(f->name))
		return;
	measured = calloc(n, sizeof(*measured));
	floor = calloc(n, sizeof(*floor));
	ASSERT(measured && floor);
	for (i = 0; i < f->warm_up; i++) {
		f->measured(f->arg);
		if (f->floor)
			f->floor(f->arg);
	}
	for (i = 0; i < n; i++) {
		measured[i] = f->measured(f->arg);
		if (f->floor)
			floor[i] = f->floor(f->arg);
	}

	printf("bench: {\"figure\": \"%s\", \"unit\": \"ns\"", f->name);
	if (f->at)
		printf(", \"at\": %lu", f->at);
	print_samples("measured", measured, n);
	if (f->floor)
		print_samples("floor", floor, n);
	if (f->note)
		printf(", \"note\": \"%s\"", f->note);
	printf("}\n");
	fflush(stdout);
	free(measured);
	free(floor);
}

void figure_skip(const char *name, const char *why, ...)
{
	va_list args;

	if (!is_wanted(name))
		return;
	printf("bench: {\"figure\": \"%s\", \"skipped\": \"", name);
	va_start(args, why);
	vprintf(why, args);
	va_end(args);
	printf("\"}\n");
	fflush(stdout);
}

/* Returns whether it came to its end. */
static bool take_alone(const struct taker *taker)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		taker->take();
		exit(0);
	}
	ASSERT(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	fprintf(stderr, "%s ended with status %#x\n", taker->name, status);
	return false;
}

/* Whether what takes it has not been run for another one. */
static bool first_wanted(unsigned int i)
{
	unsigned int k;

	for (k = 0; k < i; k++)
		if (wanted[k] && all[k].take == all[i].take)
			return false;
	return true;
}

static int list(const struct taker *takers, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		puts(takers[i].name);
	return 0;
}

int bench_main(int argc, char **argv, const struct taker *takers, unsigned int n,
	       void (*exporter)(const char *name))
{
	struct rlimit files = { MOST_FILES, MOST_FILES };
	bool any = false, good = true;
	const char *other = NULL;
	unsigned int i;
	int a;

	ASSERT(n <= MOST_FIGURES);
	all = takers;
	n_all = n;
	for (a = 1; a < argc; a++) {
		if (!strcmp(argv[a], "--list"))
			return list(takers, n);
		if (!strcmp(argv[a], "--brief")) {
			brief = true;
		} else if (!strncmp(argv[a], EXPORTER, strlen(EXPORTER))) {
			other = argv[a] + strlen(EXPORTER);
		} else if (choose(argv[a])) {
			any = true;
		} else {
			fprintf(stderr, "%s: no figure %s (--list)\n", argv[0], argv[a]);
			return 2;
		}
	}
	if (!any)
		choose(NULL);
	if (exporter)
		exporter(other ?: "dmashare");
	else if (other && !strcmp(other, "dmashare"))
		other = NULL;

	setrlimit(RLIMIT_NOFILE, &files);
	for (i = 0; i < n; i++) {
		if (!wanted[i])
			continue;
		if (other && !exporter)
			figure_skip(takers[i].name, "is about dmashare, not about %s", other);
		else if (first_wanted(i))
			good = take_alone(&takers[i]) && good;
	}
	return good ? 0 : 1;
}
