// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dms.h"
#include "host.h"
#include "json.h"

#define PORTS		"/sys/class/virtio-ports"
#define PORT_NAME	"org.dmashare.qmp"
#define DRIVER		"/sys/bus/virtio/drivers/virtio_console/"
/* What QEMU needs for an answer is microseconds; this is for a busy host. */
#define ANSWER_SECONDS	60
#define MAX_EVENTS	256
#define MAX_LINE	(64u << 20)

/*
 * The port is one for the whole VM and takes one opener at a time; it stays
 * open in the process that used it first, and its children have it as well.
 */
static int port = -1;
static char *line;
static size_t have, used, room;

/* What has the ports, as long as they are taken from it. */
static char virtio_device[128];

/* Events that nobody has asked for yet, the oldest first; the last that somebody had. */
static char *events[MAX_EVENTS];
static unsigned int n_events;
static char *asked_for;

int host_find_port(const char *port_name, char *path, size_t size)
{
	size_t length = strlen(port_name);
	struct dirent *d;
	char file[300], *name;
	DIR *dir = opendir(PORTS);
	int ret = -1;

	errno = ENODEV;
	if (!dir)
		return -1;
	while (ret && (d = readdir(dir))) {
		snprintf(file, sizeof(file), PORTS "/%s/name", d->d_name);
		name = d->d_name[0] == '.' ? NULL : read_file(file);
		if (name && !strncmp(name, port_name, length) && !strcmp(name + length, "\n")) {
			snprintf(path, size, "/dev/%s", d->d_name);
			ret = 0;
		}
		free(name);
	}
	closedir(dir);
	if (ret)
		errno = ENODEV;
	return ret;
}

bool host_there(void)
{
	char path[300];

	return port >= 0 || !host_find_port(PORT_NAME, path, sizeof(path));
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int make_room(void)
{
	size_t more = room ? 2 * room : 65536;
	char *moved;

	if (more > MAX_LINE) {
		errno = EOVERFLOW;
		return -1;
	}
	moved = realloc(line, more);
	if (!moved)
		return -1;
	line = moved;
	room = more;
	return 0;
}

/* The next line of the monitor, without its end; valid until the next call. */
static char *next_line(long long deadline)
{
	struct pollfd p = { .fd = port, .events = POLLIN };
	size_t looked = 0;
	char *end;
	ssize_t n;

	if (used)
		memmove(line, line + used, have - used);
	have -= used;
	used = 0;
	while (!have || !(end = memchr(line + looked, '\n', have - looked))) {
		long long left = deadline - now_ms();

		looked = have;
		if (have == room && make_room())
			return NULL;
		if (left <= 0 || poll(&p, 1, left) == 0) {
			errno = ETIMEDOUT;
			return NULL;
		}
		n = read(port, line + have, room - have);
		if (n == 0)
			errno = EPIPE;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return NULL;
		have += n > 0 ? n : 0;
	}
	used = end + 1 - line;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

static bool is_event(const char *text, const char *name)
{
	return json_is(json_get(text, "event"), name);
}

/* Some events have none. */
static const char *event_data(const char *text)
{
	const char *data = json_get(text, "data");

	return data ? data : "{}";
}

static void drop_event(unsigned int i)
{
	free(events[i]);
	n_events--;
	memmove(events + i, events + i + 1, (n_events - i) * sizeof(events[0]));
}

static void remember_event(const char *text)
{
	char *copy;

	if (!json_get(text, "event"))
		return;
	copy = strdup(text);
	if (!copy)
		return;
	if (n_events == MAX_EVENTS)
		drop_event(0);
	events[n_events++] = copy;
}

/* Writes a command with an id, and returns the line that answers it. */
static const char *ask(const char *json)
{
	static unsigned int count;
	long long deadline = now_ms() + ANSWER_SECONDS * 1000;
	const char *rest = strchr(json, '{');
	char id[48], *command, *text;
	ssize_t n, at, length;

	if (!rest) {
		errno = EINVAL;
		return NULL;
	}
	/* What an earlier program asked for may still come: a word of our own. */
	snprintf(id, sizeof(id), "\"id\": \"guest-%d-%u\"", getpid(), count++);
	length = asprintf(&command, "{%s, %s\n", id, rest + 1);
	if (length < 0)
		return NULL;
	for (at = 0; at < length; at += n) {
		n = write(port, command + at, length - at);
		if (n < 0 && errno != EINTR) {
			free(command);
			return NULL;
		}
		n = n < 0 ? 0 : n;
	}
	free(command);
	while ((text = next_line(deadline))) {
		if (strstr(text, id))
			return text;
		remember_event(text);
	}
	return NULL;
}

static int open_port(void)
{
	char path[300];

	if (port >= 0)
		return 0;
	if (host_find_port(PORT_NAME, path, sizeof(path)))
		return -1;
	port = open(path, O_RDWR | O_CLOEXEC);
	if (port < 0)
		return -1;
	/*
	 * Needed once in the life of the monitor, and refused afterwards; either
	 * answer comes after everything that was meant for somebody else.
	 */
	if (!ask("{\"execute\": \"qmp_capabilities\"}")) {
		int err = errno;

		close(port);
		port = -1;
		errno = err;
		return -1;
	}
	host_forget_events();
	return 0;
}

int host_qmp(const char *json, char *answer, size_t size)
{
	const char *text;

	if (open_port())
		return -1;
	text = ask(json);
	if (!text)
		return -1;
	if (answer)
		snprintf(answer, size, "%s", text);
	if (!json_get(text, "return")) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

int host_set(const char *device, const char *property, const char *value)
{
	char *json;
	int ret;

	if (asprintf(&json, "{\"execute\": \"qom-set\", \"arguments\": "
		     "{\"path\": \"/machine/peripheral/%s\", "
		     "\"property\": \"%s\", \"value\": %s}}",
		     device, property, value) < 0)
		return -1;
	ret = host_qmp(json, NULL, 0);
	free(json);
	return ret;
}

const char *host_answer(void)
{
	return line;
}

void host_forget_events(void)
{
	while (n_events)
		drop_event(0);
}

const char *host_wait_event(const char *name, unsigned int seconds)
{
	long long deadline = now_ms() + seconds * 1000LL;
	unsigned int i;
	char *text;

	if (open_port())
		return NULL;
	for (;;) {
		for (i = 0; i < n_events && !is_event(events[i], name); i++)
			;
		if (i < n_events) {
			free(asked_for);
			asked_for = strdup(events[i]);
			drop_event(i);
			return asked_for ? event_data(asked_for) : NULL;
		}
		text = next_line(deadline);
		if (!text)
			return NULL;
		remember_event(text);
	}
}

int host_event(const char *name, unsigned int seconds)
{
	return host_wait_event(name, seconds) ? 0 : -1;
}

/* Tells the driver of the ports to let go of their device, or to take it. */
static int control_driver(const char *what)
{
	ssize_t length = strlen(virtio_device);
	char file[sizeof(DRIVER) + 8];
	int fd, ret;

	snprintf(file, sizeof(file), DRIVER "%s", what);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = write(fd, virtio_device, length) == length ? 0 : -1;
	close(fd);
	return ret;
}

int host_leave(void)
{
	char path[300], link[400], target[sizeof(virtio_device)];
	const char *name;
	ssize_t n;

	if (host_find_port(PORT_NAME, path, sizeof(path)))
		return 0;
	snprintf(link, sizeof(link), PORTS "%s/device", path + strlen("/dev"));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	name = strrchr(target, '/');
	strcpy(virtio_device, name ? name + 1 : target);
	if (port >= 0)
		close(port);
	port = -1;
	have = used = 0;
	return control_driver("unbind");
}

int host_return(void)
{
	long long deadline = now_ms() + ANSWER_SECONDS * 1000;

	if (!virtio_device[0])
		return 0;
	if (control_driver("bind"))
		return -1;
	virtio_device[0] = '\0';
	/* They come one by one, as QEMU tells of them. */
	while (!host_there()) {
		if (now_ms() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
		sched_yield();
	}
	return 0;
}
