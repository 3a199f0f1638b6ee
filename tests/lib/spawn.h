/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command dmashare as a process, for its tests. */
#ifndef DMASHARE_TEST_SPAWN_H
#define DMASHARE_TEST_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What it prints is kept, with a zero at the end, as far as it was read. */
struct output {
	int fd;
	char *text;
	size_t length;
};

struct command {
	pid_t pid;
	int input;		/* what it reads; -1 once it is closed */
	struct output out, err;
};

/*
 * Starts `dmashare --socket PATH` with @words, separated by blanks. With @tty
 * its input and output are a terminal.
 */
struct command command_start(const char *path, bool tty, const char *words);
/* Gives it a line. */
void command_tell(struct command *c, const char *line);
/* Reads until @text is in what it has printed; fails the case when it ends. */
void command_await(struct command *c, const char *text);
/* Closes its input, reads all, waits for its end: the exit status. */
int command_end(struct command *c);
void command_free(struct command *c);
/* Start and end; fails the case if the status is another. */
struct command command_run(const char *path, int status, const char *words);

#endif /* DMASHARE_TEST_SPAWN_H */
