// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An actor of a scenario (docs/scenarios.rst): a process that does what it
 * reads, and keeps what it made by name from one command to the next.
 *
 *     act PROCESS
 *
 * reads lines "ID COMMAND WORD..." and answers each with lines
 *
 *     ID NAME.KEY=VALUE	what the scenario may refer to from now on
 *     ID ok			the end of a command that was done
 *     ID error ENAME TEXT	... and of one that was not
 *
 * A command whose first word begins with "&" runs beside those that follow. The
 * kernel closes everything when the process ends: at "quit", or with its input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/act.h"
#include "lib/ktap.h"

#define MAX_THINGS	256

static const struct act_command *const commands[] = {
	act_buffer_commands, act_fence_commands, act_camera_commands,
	act_display_commands, act_system_commands,
};

/* Things are never freed: a command beside others may still use one. */
static struct act_thing *things[MAX_THINGS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int act_error(struct act *a, int err, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDOUT_FILENO, "%lu error %s %s\n", a->id, act_errno(err), text);
	return -1;
}

void act_say(struct act *a, const char *name, const char *key, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDOUT_FILENO, "%lu %s.%s=%s\n", a->id, name, key, text);
}

const char *act_errno(int err)
{
	const char *name = err ? strerrorname_np(abs(err)) : "ok";

	return name ? name : "unknown";
}

static struct act_thing *lookup(const char *name)
{
	size_t i;

	for (i = 0; i < MAX_THINGS; i++)
		if (things[i] && !strcmp(things[i]->name, name))
			return things[i];
	return NULL;
}

struct act_thing *act_new(struct act *a, const char *name, enum act_kind kind)
{
	struct act_thing *t = NULL, *there;

	pthread_mutex_lock(&lock);
	there = lookup(name);
	pthread_mutex_unlock(&lock);
	if (there || strlen(name) >= ACT_NAME) {
		act_error(a, EEXIST, "%s: %s", name,
			  there ? "there is one of that name" : "the name is too long");
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	ASSERT(t);
	strcpy(t->name, name);
	t->kind = kind;
	t->fd = t->device = -1;
	return t;
}

void act_publish(struct act_thing *t)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MAX_THINGS && things[i]; i++)
		;
	ASSERT_MSG(i < MAX_THINGS, "more than %u things", MAX_THINGS);
	things[i] = t;
	pthread_mutex_unlock(&lock);
}

void act_forget(struct act_thing *t)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MAX_THINGS; i++)
		if (things[i] == t)
			things[i] = NULL;
	pthread_mutex_unlock(&lock);
}

struct act_thing *act_find(struct act *a, const char *name)
{
	struct act_thing *t;

	pthread_mutex_lock(&lock);
	t = lookup(name);
	pthread_mutex_unlock(&lock);
	if (!t)
		act_error(a, ENOENT, "%s: nothing has that name", name);
	return t;
}

struct act_thing *act_find_kind(struct act *a, const char *name, enum act_kind kind)
{
	static const char *const kinds[] = {
		"a device", "a buffer", "a foreign buffer", "a file", "a job",
		"a hold", "a camera", "a display",
	};
	struct act_thing *t = act_find(a, name);

	if (t && t->kind != kind) {
		act_error(a, EINVAL, "%s is %s, not %s", name, kinds[t->kind], kinds[kind]);
		return NULL;
	}
	return t;
}

int act_find_file(struct act *a, const char *name)
{
	struct act_thing *t = act_find(a, name);

	if (!t)
		return -1;
	if (t->kind == ACT_FOREIGN)
		return t->foreign.dmabuf;
	if (t->kind == ACT_FILE || t->kind == ACT_JOB || t->kind == ACT_DISPLAY)
		return t->fd;
	return act_error(a, EINVAL, "%s is neither a dma-buf nor a fence", name);
}

bool act_number(struct act *a, const char *word, uint64_t *value)
{
	static const struct {
		const char *unit;
		uint64_t factor;
	} units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 },
		{ "ns", 1 }, { "us", 1000 }, { "ms", MSEC }, { "s", SEC },
	};
	char *end;
	size_t i;

	*value = strtoull(word, &end, 0);
	for (i = 0; end != word && i < ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit)) {
			*value *= units[i].factor;
			return true;
		}
	act_error(a, EINVAL, "%s is not a number, as 64K or 10ms", word);
	return false;
}

const char *act_option(const char *word, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(word, key, n) && word[n] == '=' ? word + n + 1 : NULL;
}

static void run(struct act *a)
{
	const struct act_command *c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		for (c = commands[i]; c->name; c++) {
			if (strcmp(c->name, a->words[0]))
				continue;
			if (a->n < c->least || a->n > c->most) {
				act_error(a, EINVAL, "use: %s %s", c->name, c->usage);
				return;
			}
			if (!c->run(a))
				dprintf(STDOUT_FILENO, "%lu ok\n", a->id);
			return;
		}
	act_error(a, EINVAL, "%s: no such command", a->words[0]);
}

static void *beside(void *data)
{
	struct act *a = data;

	run(a);
	return NULL;
}

/* Its words are in memory that stays as long as the process. */
static struct act *parse(const char *line)
{
	struct act *a = calloc(1, sizeof(*a));
	char *copy = strdup(line), *save = NULL, *word;

	ASSERT(a && copy);
	word = strtok_r(copy, " \t\n", &save);
	a->id = word ? strtoul(word, NULL, 10) : 0;
	while ((word = strtok_r(NULL, " \t\n", &save)) && a->n < ACT_MAX_WORDS)
		a->words[a->n++] = word;
	return a;
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: act PROCESS\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	act_listen(argv[1]);
	while (getline(&line, &room, stdin) > 0) {
		struct act *a = parse(line);
		pthread_t thread;

		if (!a->n) {
			act_error(a, EINVAL, "no command");
		} else if (!strcmp(a->words[0], "quit")) {
			break;
		} else if (a->words[0][0] == '&') {
			a->words[0]++;
			ASSERT_EQ(pthread_create(&thread, NULL, beside, a), 0);
			pthread_detach(thread);
		} else {
			run(a);
		}
	}
	free(line);
	return 0;
}
