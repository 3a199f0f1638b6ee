// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"
#include "ktap.h"

/* One record of the kernel's log is one write(). */
static void mark(const char *record)
{
	ssize_t n = strlen(record);
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	ASSERT_MSG(fd >= 0, "/dev/kmsg: %s", strerror(errno));
	ASSERT_EQ(write(fd, record, n), n);
	close(fd);
}

void expect_dmar_begin(void)
{
	mark("<5>dmashare-test: expect-dmar begin\n");
}

void expect_dmar_end(void)
{
	mark("<5>dmashare-test: expect-dmar end\n");
}
