// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KUnit suites of the kernel's, or of the driver's, as a guest test:
 *
 *     kunit MODULE
 *
 * A module's suites run while it is loaded, and leave what they found in
 * debugfs for as long as it is; each becomes a subtest here.
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

int main(int argc, char **argv)
{
	size_t i, number = 0, plan = 0;
	glob_t before, after;
	bool good = true;

	if (argc != 2) {
		fprintf(stderr, "usage: kunit MODULE\n");
		return 2;
	}
	if (module_loaded(argv[1])) {
		fprintf(stderr, "%s is loaded already: its suites have run\n", argv[1]);
		return 1;
	}
	module_load("kunit", "");
	glob(RESULTS, 0, NULL, &before);
	if (module_load(argv[1], "")) {
		fprintf(stderr, "%s cannot be loaded\n", argv[1]);
		return 1;
	}
	glob(RESULTS, 0, NULL, &after);
	for (i = 0; i < after.gl_pathc; i++)
		plan += !known(&before, after.gl_pathv[i]);
	if (!plan) {
		fprintf(stderr, "%s has no suite in debugfs\n", argv[1]);
		return 1;
	}
	printf("KTAP version 1\n1..%zu\n", plan);
	for (i = 0; i < after.gl_pathc; i++)
		if (!known(&before, after.gl_pathv[i]))
			good = pass_on(after.gl_pathv[i], ++number) && good;
	if (module_unload_soon(argv[1])) {
		fprintf(stderr, "%s cannot be unloaded: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return good ? 0 : 1;
}
