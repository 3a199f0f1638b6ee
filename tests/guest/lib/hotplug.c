// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "dms.h"
#include "fence.h"
#include "host.h"
#include "hotplug.h"
#include "ktap.h"
#include "module.h"

/* What scripts/lib/hardware.py gives the first slot. */
#define SLOT	"/sys/bus/pci/slots/1/"
#define PORT	"/sys/bus/pci/devices/0000:00:10.0/"

/* The kernel calls what is behind the port so, as long as it is there. */
static const char *address(void)
{
	static char text[32];
	char *bus = read_file(PORT "secondary_bus_number");

	ASSERT_MSG(bus, "no root port at " PORT ": is this a VM with HOTPLUG=1?");
	snprintf(text, sizeof(text), "0000:%02lx:00.0", strtoul(bus, NULL, 10));
	free(bus);
	return text;
}

bool hotplug_there(void)
{
	char path[96];

	snprintf(path, sizeof(path), PORT "%s", address());
	return !access(path, F_OK);
}

static bool is_in_slot(int fd)
{
	char found[BUS_ADDRESS];

	return bus_address(fd, found) && !strcmp(found, address());
}

/* The first or the second device; -1 if it has no node. */
static int try_open(bool first)
{
	unsigned int i;
	int fd;

	for (i = 0; (fd = drm_open_driver("dmashare", false, i)) >= 0; i++) {
		if (is_in_slot(fd) == first)
			return fd;
		close(fd);
	}
	return -1;
}

/* The driver has it, and has made a node for it. */
static bool driven(void)
{
	int fd = try_open(true);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void wait_until(bool (*is_there)(void), bool wanted, const char *what)
{
	time_t end = time(NULL) + 2 * SOON_MS / 1000;

	while (is_there() != wanted) {
		ASSERT_MSG(time(NULL) < end, "%s", what);
		sched_yield();
	}
}

/* The kernel's thread for the slots has nothing to do. */
static bool slots_idle(void)
{
	unsigned int found = 0, idle = 0;
	char *text, *paren;
	glob_t g;
	size_t i;

	ASSERT_EQ(glob("/proc/[0-9]*/stat", 0, NULL, &g), 0);
	for (i = 0; i < g.gl_pathc; i++) {
		text = read_file(g.gl_pathv[i]);
		paren = text ? strstr(text, "-pciehp) ") : NULL;
		if (paren) {
			found++;
			idle += paren[strlen("-pciehp) ")] == 'S';
		}
		free(text);
	}
	globfree(&g);
	ASSERT_MSG(found, "the kernel has no slots: is this a VM with HOTPLUG=1?");
	return idle == found;
}

/*
 * QEMU tells of a new device by pressing the slot's power button as well, which
 * is taken for a wish to switch off when the kernel has seen the device before
 * it comes to the button: so it must be idle.
 */
static void wait_for_slots(void)
{
	wait_until(slots_idle, true, "the kernel does not come to an end with its slots");
}

/*
 * The slot's power button asks the driver to give the device up, which it does
 * five seconds later: who pressed it may have been wrong. Being told to switch
 * the power off it does so at once.
 */
static void switch_off(void)
{
	int fd = open(SLOT "power", O_WRONLY | O_CLOEXEC);

	ASSERT_MSG(fd >= 0, SLOT "power: %s", strerror(errno));
	ASSERT_MSG(write(fd, "0", 1) == 1, SLOT "power: %s", strerror(errno));
	close(fd);
}

void hotplug_removed(void)
{
	wait_until(hotplug_there, false, "the kernel does not let go of the device");
	wait_for_slots();
}

void hotplug_remove(enum unplug how)
{
	host_forget_events();
	if (how == SURPRISE) {
		ctl_pci_fault(0, "surprise-removal");
	} else {
		ASSERT_MSG(!host_qmp("{\"execute\": \"device_del\", \"arguments\": "
				     "{\"id\": \"dmashare0\"}}", NULL, 0),
			   "device_del: %.300s", host_answer());
		switch_off();
	}
	ASSERT_MSG(!host_event("DEVICE_DELETED", SOON_MS / 1000),
		   "QEMU does not let go of the device: %s", strerror(errno));
	hotplug_removed();
}

void hotplug_add(const char *properties)
{
	char *json, *at;

	ASSERT_OK(asprintf(&json, "{'execute': 'device_add', 'arguments': {'driver': "
			   "'dmashare', 'id': 'dmashare0', 'bus': 'port0'%s%s}}",
			   *properties ? ", " : "", properties));
	for (at = json; *at; at++)
		if (*at == '\'')
			*at = '"';
	ASSERT_MSG(!host_qmp(json, NULL, 0), "device_add: %.300s", host_answer());
	free(json);
	wait_until(driven, true, "the driver does not take the device");
	wait_for_slots();
}

int hotplug_open(void)
{
	int fd = try_open(true);

	ASSERT_MSG(fd >= 0, "no dmashare device in the slot");
	return fd;
}

int hotplug_open_second(void)
{
	int fd = try_open(false);

	ASSERT_MSG(fd >= 0, "no second dmashare device");
	return fd;
}

int hotplug_try_copy(int fd, const struct bo *dst, const struct bo *src, uint64_t length)
{
	struct drm_dmashare_job job = dms_job_copy(dst, 0, src, 0, length);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_fence_fd = -1,
	};

	if (dms_try_submit(fd, &s, &job, 1))
		return errno;
	return fence_finish(s.out_fence_fd);
}
