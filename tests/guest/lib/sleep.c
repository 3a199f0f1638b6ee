// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "host.h"
#include "ktap.h"
#include "sleep.h"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ASSERT_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	ASSERT_MSG(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: \"%s\": %s",
		   path, text, strerror(errno));
	close(fd);
}

/*
 * The next sleep goes as far as @depth of /sys/power/pm_test: from "devices", where
 * drivers are suspended and resumed, to "core", where the next step would be that of
 * the firmware.
 */
static int sleep_begin(const char *depth)
{
	int fd;

	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	write_file("/sys/power/pm_test", depth);
	fd = open("/sys/power/state", O_WRONLY | O_CLOEXEC);
	ASSERT_OK(fd);
	return fd;
}

static void sleep_end(int fd)
{
	close(fd);
	write_file("/sys/power/pm_test", "none");
}

void sleep_to(const char *depth)
{
	int fd = sleep_begin(depth), err;

	client_leave();
	ASSERT_OK(host_leave());
	/* Nobody would hear of a failure before they are back. */
	err = write(fd, "mem", 3) == 3 ? 0 : errno;
	ASSERT_OK(host_return());
	sleep_end(fd);
	ASSERT_MSG(!err, "a sleep to \"%s\": %s", depth, strerror(err));
}

/* The driver says so before anybody sleeps, so the ports to QEMU may stay. */
void sleep_refused(const char *depth)
{
	int fd = sleep_begin(depth);

	ASSERT_ERRNO(write(fd, "mem", 3), EBUSY);
	sleep_end(fd);
}
