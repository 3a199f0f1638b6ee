// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <dmashare/abi.h>

#include "ktap.h"
#include "trace.h"

#define TRACING	"/sys/kernel/tracing/"

/* After a failure all of them would be noise. */
#define MOST_TOLD	20

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ASSERT_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	ASSERT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void write_event(const char *event, const char *file, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), TRACING "events/%s/%s", event, file);
	write_file(path, text);
}

void trace_clear(void)
{
	write_file(TRACING "trace", "");
}

void trace_on(const char *event, const char *filter)
{
	/* A filter of "0" is none. */
	write_event(event, "filter", filter ? filter : "0");
	write_event(event, "enable", "1");
}

void trace_off(const char *event)
{
	write_event(event, "enable", "0");
	write_event(event, "filter", "0");
}

void trace_each(const char *name, void (*each)(const char *line, void *arg), void *arg)
{
	FILE *f = fopen(TRACING "trace", "re");
	char line[4096], tag[80];

	ASSERT_MSG(f, TRACING "trace: %s", strerror(errno));
	snprintf(tag, sizeof(tag), " %s: ", name);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, tag))
			continue;
		line[strcspn(line, "\n")] = 0;
		each(line, arg);
	}
	fclose(f);
}

void trace_failures_begin(void)
{
	char filter[40];

	trace_clear();
	snprintf(filter, sizeof(filter), "status != %d", DMASHARE_STATUS_OK);
	trace_on("dmashare/dmashare_job_done", filter);
	snprintf(filter, sizeof(filter), "type == %d", DMASHARE_EVENT_FAULT);
	trace_on("dmashare/dmashare_event", filter);
}

static void tell(const char *line, void *arg)
{
	unsigned int *told = arg;

	if (++*told <= MOST_TOLD)
		ktap_diag("%s", line + strspn(line, " "));
}

void trace_failures_tell(void)
{
	unsigned int told = 0;

	trace_each("dmashare_job_done", tell, &told);
	trace_each("dmashare_event", tell, &told);
	if (!told)
		ktap_diag("no job failed since the case began, and there was no fault");
	else if (told > MOST_TOLD)
		ktap_diag("and %u more", told - MOST_TOLD);
}

void trace_failures_end(void)
{
	trace_off("dmashare/dmashare_job_done");
	trace_off("dmashare/dmashare_event");
}
