// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KUnit suites of the kernel's, or of the driver's, as a guest test:
 *
 *     kunit MODULE [SUITE[.CASE]]...
 *
 * A module's suites run while it is loaded, and leave what they found in
 * debugfs for as long as it is; each becomes a subtest here. With patterns it is
 * loaded once for each of them and only what it names runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/module.h"

#define RESULTS	"/sys/kernel/debug/kunit/*/results"

static bool known(const glob_t *before, const char *path)
{
	size_t i;

	for (i = 0; i < before->gl_pathc; i++)
		if (!strcmp(before->gl_pathv[i], path))
			return true;
	return false;
}

/*
 * A file of results is KTAP with one test, the suite: "KTAP version 1", "1..1",
 * the indented cases, "ok 1 NAME". All but its frame is passed on, under the
 * number that the suite has here.
 */
static bool pass_on(const char *path, size_t number)
{
	char *line = NULL, word[16];
	bool good = false, seen = false;
	size_t room = 0;
	unsigned int one;
	FILE *f = fopen(path, "re");
	int name;

	if (!f) {
		printf("not ok %zu %s # %s\n", number, path, strerror(errno));
		return false;
	}
	while (getline(&line, &room, f) > 0) {
		name = 0;
		if (!strcmp(line, "KTAP version 1\n") || !strcmp(line, "1..1\n"))
			continue;
		if (!strncmp(line, "ok ", 3))
			sscanf(line, "%15s %u %n", word, &one, &name);
		else if (!strncmp(line, "not ok ", 7))
			sscanf(line, "not %15s %u %n", word, &one, &name);
		if (!name) {
			fputs(line, stdout);
			continue;
		}
		seen = true;
		good = line[0] == 'o';
		printf("%s %zu %s", good ? "ok" : "not ok", number, line + name);
	}
	free(line);
	fclose(f);
	if (!seen)
		printf("not ok %zu %s # no result in it\n", number, path);
	return seen && good;
}

/* Runs the suites that @pattern names; how many they were, -1 on failure. */
static int run_suites(const char *module, const char *pattern, size_t number, bool *good)
{
	glob_t before, after;
	size_t i, first = number;

	if (module_set_parameter("kunit", "filter_glob", pattern)) {
		fprintf(stderr, "%s: this kernel has no KUnit, or one without filters\n",
			pattern);
		return -1;
	}
	glob(RESULTS, 0, NULL, &before);
	if (module_load(module, "")) {
		fprintf(stderr, "%s cannot be loaded\n", module);
		return -1;
	}
	glob(RESULTS, 0, NULL, &after);
	for (i = 0; i < after.gl_pathc; i++)
		if (!known(&before, after.gl_pathv[i]))
			*good = pass_on(after.gl_pathv[i], ++number) && *good;
	globfree(&before);
	globfree(&after);
	if (number == first) {
		fprintf(stderr, "%s has no suite %s\n", module, pattern);
		return -1;
	}
	if (module_unload_soon(module)) {
		fprintf(stderr, "%s cannot be unloaded: %s\n", module, strerror(errno));
		return -1;
	}
	return number - first;
}

/* Who loads a module waits for its suites, however long: that is no hang. */
static void expect_to_wait(void)
{
	FILE *f = fopen("/proc/sys/kernel/hung_task_timeout_secs", "we");

	if (f) {
		fputs("0", f);
		fclose(f);
	}
}

int main(int argc, char **argv)
{
	size_t number = 0;
	bool good = true;
	int i, n;

	if (argc < 2) {
		fprintf(stderr, "usage: kunit MODULE [SUITE[.CASE]]...\n");
		return 2;
	}
	if (module_loaded(argv[1])) {
		fprintf(stderr, "%s is loaded already: its suites have run\n", argv[1]);
		return 1;
	}
	module_load("kunit", "");
	expect_to_wait();
	printf("KTAP version 1\n");
	for (i = argc > 2 ? 2 : 1; i < argc; i++) {
		n = run_suites(argv[1], argc > 2 ? argv[i] : "*", number, &good);
		if (n < 0)
			return 1;
		number += n;
	}
	printf("1..%zu\n", number);
	return good ? 0 : 1;
}
