// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "dms.h"
#include "ktap.h"
#include "module.h"

#define MAX_WORDS	32

extern char **environ;

bool module_loaded(const char *name)
{
	char path[128], *state;
	bool live;

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	state = read_file(path);
	live = state && !strncmp(state, "live", 4);
	free(state);
	return live;
}

int module_load(const char *name, const char *options)
{
	char *words[MAX_WORDS] = { "modprobe", (char *)name };
	char *copy = strdup(options ? options : "");
	char *word, *save = NULL;
	int n = 2, status, err;
	pid_t pid;

	ASSERT(copy);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		ASSERT(n < MAX_WORDS - 1);
		words[n++] = word;
	}
	err = posix_spawnp(&pid, "modprobe", NULL, NULL, words, environ);
	free(copy);
	if (err) {
		errno = err;
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		ASSERT_EQ(errno, EINTR);
	if (status || !module_loaded(name)) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

int module_unload_soon(const char *name)
{
	return module_unload_within(name, SOON_MS / 1000);
}

int module_unload_within(const char *name, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;

	while (module_unload(name)) {
		if (errno != EWOULDBLOCK || time(NULL) >= end)
			return -1;
		sched_yield();
	}
	return 0;
}

long module_parameter(const char *name, const char *parameter, long missing)
{
	char path[192], *text;
	long value = missing;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", name, parameter);
	text = read_file(path);
	if (text)
		value = text[0] == 'Y' ? 1 : text[0] == 'N' ? 0 : strtol(text, NULL, 0);
	free(text);
	return value;
}

int module_set_parameter(const char *name, const char *parameter, const char *value)
{
	ssize_t n = strlen(value);
	char path[192];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", name, parameter);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = write(fd, value, n) == n ? 0 : -1;
	close(fd);
	return ret;
}

int module_ktap_main(int argc, char **argv, const struct ktap_case *cases, size_t n)
{
	int status = ktap_main(argc, argv, cases, n);

	if (!module_loaded("dmashare") && module_load("dmashare", "")) {
		fprintf(stderr, "dmashare cannot be loaded again: %s\n", strerror(errno));
		status = 1;
	}
	return status;
}

static int reload(const char *options)
{
	if (module_loaded("dmashare") && module_unload_soon("dmashare"))
		return -1;
	return module_load("dmashare", options);
}

int module_ktap_main_with(const char *options, int argc, char **argv,
			  const struct ktap_case *cases, size_t n)
{
	int status;

	if (reload(options))
		fprintf(stderr, "dmashare cannot be reloaded: %s\n", strerror(errno));
	status = ktap_main(argc, argv, cases, n);
	if (reload("")) {
		fprintf(stderr, "dmashare cannot be reloaded: %s\n", strerror(errno));
		status = 1;
	}
	return status;
}

bool bus_address(int fd, char address[BUS_ADDRESS])
{
	drmDevicePtr dev = NULL;
	drmPciBusInfoPtr at;

	/* A node whose device is gone has no place. */
	if (drmGetDevice2(fd, 0, &dev))
		return false;
	at = dev->businfo.pci;
	snprintf(address, BUS_ADDRESS, "%04x:%02x:%02x.%x", at->domain, at->bus, at->dev,
		 at->func);
	drmFreeDevice(&dev);
	return true;
}

void driver_control(const char *address, const char *what)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/dmashare/%s", what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	ASSERT_MSG(write(fd, address, strlen(address)) > 0, "%s: %s", path, strerror(errno));
	close(fd);
}
