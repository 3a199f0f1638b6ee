// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ktap.h"
#include "sw-sync.h"

#define SW_SYNC		"/sys/kernel/debug/sync/sw_sync"

/* As the kernel's drivers/dma-buf/sw_sync.c has them; no header is installed. */
struct sw_sync_create_fence_data {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_IOC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC			_IOW('W', 1, uint32_t)

bool sw_there(void)
{
	return !access(SW_SYNC, F_OK);
}

int sw_timeline(void)
{
	int fd = open(SW_SYNC, O_RDWR | O_CLOEXEC);

	ASSERT_MSG(fd >= 0, "sw_sync: %s", strerror(errno));
	return fd;
}

int sw_fence(int timeline, uint32_t value)
{
	struct sw_sync_create_fence_data c = { .value = value, .name = "test" };

	ASSERT_OK(ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &c));
	return c.fence;
}

void sw_signal(int timeline, uint32_t count)
{
	ASSERT_OK(ioctl(timeline, SW_SYNC_IOC_INC, &count));
}
