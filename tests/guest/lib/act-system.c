// SPDX-License-Identifier: GPL-2.0-or-later
/* Actors: modules, drivers, time, and what one process gives to another. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "act.h"
#include "control.h"
#include "dmabuf.h"
#include "hotplug.h"
#include "kmsg.h"
#include "ktap.h"
#include "module.h"

/* Device time; false after an error. */
static bool time_of(struct act *a, struct act_thing *d, uint64_t *ns)
{
	struct drm_dmashare_get_param p = { .param = DRM_DMASHARE_PARAM_DEVICE_TIME };

	if (drmIoctl(d->fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p)) {
		act_error(a, errno, "GET_PARAM");
		return false;
	}
	*ns = p.value;
	return true;
}

static int cmd_time(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[1], ACT_DEVICE);
	uint64_t now;

	if (!d || !time_of(a, d, &now))
		return -1;
	act_say(a, d->name, "time", "%llu", (unsigned long long)now);
	return 0;
}

/* Comes back when so much virtual time has gone by. */
static int cmd_pass(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[1], ACT_DEVICE);
	uint64_t length, start, now;

	if (!d || !act_number(a, a->words[2], &length) || !time_of(a, d, &start))
		return -1;
	for (now = start; now - start < length;) {
		uint64_t left = length - (now - start);
		struct timespec ts = { .tv_sec = left / SEC, .tv_nsec = left % SEC };

		/* The guest's clock need not be the device's: look again. */
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
		if (!time_of(a, d, &now))
			return -1;
	}
	return 0;
}

static int cmd_load(struct act *a)
{
	char options[400] = "";
	int i;

	for (i = 2; i < a->n; i++) {
		if (strlen(options) + strlen(a->words[i]) + 2 > sizeof(options))
			return act_error(a, E2BIG, "too many options");
		strcat(strcat(options, " "), a->words[i]);
	}
	if (module_load(a->words[1], options))
		return act_error(a, errno, "modprobe %s", a->words[1]);
	return 0;
}

static int cmd_unload(struct act *a)
{
	bool soon = a->n > 2;

	if (soon && strcmp(a->words[2], "soon"))
		return act_error(a, EINVAL, "use: unload MODULE [soon]");
	if (soon ? module_unload_soon(a->words[1]) : module_unload(a->words[1]))
		return act_error(a, errno, "delete_module %s", a->words[1]);
	return 0;
}

/* Takes the device from its driver; `bind` of its address gives it back. */
static int cmd_unbind(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[1], ACT_DEVICE);
	char address[BUS_ADDRESS];

	if (!d)
		return -1;
	if (!bus_address(d->fd, address))
		return act_error(a, ENODEV, "%s has no place on the bus", d->name);
	act_say(a, d->name, "address", "%s", address);
	driver_control(address, "unbind");
	return 0;
}

static int cmd_bind(struct act *a)
{
	driver_control(a->words[1], "bind");
	return 0;
}

/* Comes back when the kernel has let go of the device in the first slot. */
static int cmd_unplugged(struct act *a)
{
	(void)a;
	hotplug_removed();
	return 0;
}

/* Another one for that slot, with these properties as device_add has them. */
static int cmd_plug(struct act *a)
{
	hotplug_add(a->n > 1 ? a->words[1] : "");
	return 0;
}

/* A function-level reset, by the kernel and with its driver's knowledge. */
static int cmd_reset(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[1], ACT_DEVICE);

	if (!d)
		return -1;
	device_write(d->fd, "reset", "1");
	return 0;
}

/* As poweroff -f: drivers are told, and then there is no guest any more. */
static int cmd_poweroff(struct act *a)
{
	sync();
	reboot(RB_POWER_OFF);
	return act_error(a, errno, "reboot");
}

/* IOMMU faults that the scenario provokes. */
static int cmd_faults(struct act *a)
{
	if (!strcmp(a->words[1], "begin"))
		expect_dmar_begin();
	else if (!strcmp(a->words[1], "end"))
		expect_dmar_end();
	else
		return act_error(a, EINVAL, "use: faults begin|end");
	return 0;
}

static int cmd_timeline(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[1], ACT_DEVICE);
	struct drm_dmashare_get_param p = { .param = DRM_DMASHARE_PARAM_TIMELINE };
	uint64_t queue = 0;

	if (!d || (a->n > 2 && !act_number(a, a->words[2], &queue)))
		return -1;
	p.value = queue;
	if (drmIoctl(d->fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p))
		return act_error(a, errno, "GET_PARAM");
	act_say(a, d->name, "timeline", "%llu", (unsigned long long)p.value);
	return 0;
}

/* Files go from process to process by a socket that is named after the latter. */
static socklen_t process_address(struct sockaddr_un *un, const char *process)
{
	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* An abstract name: it goes with the process. */
	return offsetof(struct sockaddr_un, sun_path) + 1 +
	       snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "act-%s", process);
}

static int cmd_give(struct act *a)
{
	int s, fd = act_find_file(a, a->words[1]), err;
	struct sockaddr_un un;
	socklen_t length = process_address(&un, a->words[2]);
	char ack;

	if (fd < 0)
		return -1;
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ASSERT_OK(s);
	if (connect(s, (struct sockaddr *)&un, length)) {
		err = errno;
		close(s);
		return act_error(a, err, "there is no process %s", a->words[2]);
	}
	ASSERT_OK(send(s, a->words[1], strlen(a->words[1]) + 1, 0));
	socket_put(s, fd);
	/* The answer says that the other one has it. */
	err = read(s, &ack, 1) == 1 ? 0 : EEXIST;
	close(s);
	return err ? act_error(a, err, "%s does not take %s", a->words[2], a->words[1]) : 0;
}

static void take(int s)
{
	struct act a = { 0 };
	struct act_thing *t;
	char name[ACT_NAME];
	int fd;

	if (recv(s, name, sizeof(name), 0) < 1)
		return;
	name[sizeof(name) - 1] = 0;
	fd = socket_take(s);
	t = act_new(&a, name, ACT_FILE);
	if (!t)
		return;		/* who gives it gets no answer */
	t->fd = fd;
	act_publish(t);
	ASSERT_EQ(write(s, "", 1), 1);
}

static void *listener(void *data)
{
	int s = (intptr_t)data, one;

	while ((one = accept4(s, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		take(one);
		close(one);
	}
	return NULL;
}

void act_listen(const char *process)
{
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un un;
	socklen_t length = process_address(&un, process);
	pthread_t thread;

	ASSERT_OK(s);
	ASSERT_OK(bind(s, (struct sockaddr *)&un, length));
	ASSERT_OK(listen(s, 8));
	ASSERT_EQ(pthread_create(&thread, NULL, listener, (void *)(intptr_t)s), 0);
	pthread_detach(thread);
}

const struct act_command act_system_commands[] = {
	{ "time", "DEVICE", 2, 2, cmd_time },
	{ "pass", "DEVICE TIME", 3, 3, cmd_pass },
	{ "timeline", "DEVICE [QUEUE]", 2, 3, cmd_timeline },
	{ "load", "MODULE [OPTION...]", 2, 20, cmd_load },
	{ "unload", "MODULE [soon]", 2, 3, cmd_unload },
	{ "unbind", "DEVICE", 2, 2, cmd_unbind },
	{ "bind", "ADDRESS", 2, 2, cmd_bind },
	{ "reset", "DEVICE", 2, 2, cmd_reset },
	{ "unplugged", "", 1, 1, cmd_unplugged },
	{ "plug", "[PROPERTIES]", 1, 2, cmd_plug },
	{ "poweroff", "", 1, 1, cmd_poweroff },
	{ "faults", "begin|end", 2, 2, cmd_faults },
	{ "give", "FILE PROCESS", 3, 3, cmd_give },
	{ NULL },
};
