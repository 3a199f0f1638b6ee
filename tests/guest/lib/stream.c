// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "stream.h"

struct stream stream_arguments(int argc, char **argv)
{
	struct stream s = { .frames = 300, .buffers = 3, .size = 128 << 10, .slow = 10 };
	const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {
		{ "frames", &s.frames }, { "buffers", &s.buffers }, { "size", &s.size },
		{ "slow", &s.slow }, { "rude", &s.rude },
	};
	size_t k;
	int i;

	for (i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '='), *end;

		for (k = 0; k < ARRAY_SIZE(keys); k++)
			if (equals && strlen(keys[k].key) == (size_t)(equals - argv[i]) &&
			    !strncmp(argv[i], keys[k].key, equals - argv[i]))
				break;
		ASSERT_MSG(k < ARRAY_SIZE(keys), "%s: no argument of a stream", argv[i]);
		*keys[k].value = strtoull(equals + 1, &end, 0);
		ASSERT_MSG(end != equals + 1 && !*end, "%s: not a number", argv[i]);
	}
	ASSERT(s.buffers >= 1 && s.buffers <= STREAM_MAX_BUFFERS && s.size);
	return s;
}

bool stream_told(bool wait)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char c = 0;
	int n;

	do
		n = poll(&p, 1, wait ? -1 : 0);
	while (n < 0 && errno == EINTR);
	ASSERT_OK(n);
	/* One line: there may be another for whoever looks next. */
	while (n && c != '\n') {
		ssize_t got = read(STDIN_FILENO, &c, 1);

		ASSERT_MSG(got >= 0 || errno == EINTR, "stdin: %s", strerror(errno));
		if (!got)
			break;
	}
	return n;
}

void stream_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(STDOUT_FILENO, fmt, ap);
	va_end(ap);
}

const char *stream_errno(int err)
{
	return err ? strerrorname_np(abs(err)) : "ok";
}
