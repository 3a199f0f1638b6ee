// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "dms.h"
#include "host.h"
#include "json.h"
#include "ktap.h"

#define PAGE_OF_JOURNAL	1000

static const struct {
	int err;
	const char *name;
} errnos[] = {
	{ EPERM, "eperm" }, { ENOENT, "enoent" }, { EIO, "eio" }, { EAGAIN, "eagain" },
	{ ENOMEM, "enomem" }, { EACCES, "eacces" }, { EFAULT, "efault" }, { EBUSY, "ebusy" },
	{ ENODEV, "enodev" }, { EINVAL, "einval" }, { ENOSPC, "enospc" },
	{ ERANGE, "erange" }, { EDEADLK, "edeadlk" }, { ETIME, "etime" },
	{ EPROTO, "eproto" }, { EOPNOTSUPP, "eopnotsupp" }, { ECONNRESET, "econnreset" },
	{ ETIMEDOUT, "etimedout" }, { ESTALE, "estale" }, { ECANCELED, "ecanceled" },
	{ ENOTRECOVERABLE, "enotrecoverable" },
};

const char *ctl_errno(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].err == err)
			return errnos[i].name;
	FAIL("the control plane has no %s", strerror(err));
}

static int vtry(unsigned int device, const char *command, const char *args, va_list ap)
{
	char *text, *json, *at;
	int ret;

	ASSERT_OK(vasprintf(&text, args, ap));
	ASSERT_OK(asprintf(&json, "{'execute': '%s', 'arguments': {'path': 'dmashare%u'%s%s}}",
			   command, device, *text ? ", " : "", text));
	for (at = json; *at; at++)
		if (*at == '\'')
			*at = '"';
	ret = host_qmp(json, NULL, 0);
	free(json);
	free(text);
	return ret;
}

int ctl_try(unsigned int device, const char *command, const char *args, ...)
{
	va_list ap;
	int ret;

	va_start(ap, args);
	ret = vtry(device, command, args, ap);
	va_end(ap);
	return ret;
}

bool ctl_refused_for(const char *word)
{
	const char *error = json_get(host_answer(), "error");

	return error && strstr(error, word);
}

static const char *vctl(unsigned int device, const char *command, const char *args,
			va_list ap)
{
	if (vtry(device, command, args, ap))
		FAIL("%s: %s: %.300s", command, strerror(errno),
		     errno == EPROTO ? host_answer() : "");
	return json_member(host_answer(), "return");
}

const char *ctl(unsigned int device, const char *command, const char *args, ...)
{
	const char *answer;
	va_list ap;

	va_start(ap, args);
	answer = vctl(device, command, args, ap);
	va_end(ap);
	return answer;
}

const char *ctl_device(unsigned int device)
{
	const char *found = json_first(ctl(device, "query-dmashare", "%s", ""));

	ASSERT(found);
	return found;
}

uint32_t ctl_hold(unsigned int device, const char *args, ...)
{
	const char *answer;
	va_list ap;

	va_start(ap, args);
	answer = vctl(device, "dmashare-fence-hold", args, ap);
	va_end(ap);
	return json_member_number(answer, "hold");
}

uint64_t ctl_release(unsigned int device, const char *args, ...)
{
	const char *answer;
	va_list ap;

	va_start(ap, args);
	answer = vctl(device, "dmashare-fence-release", args, ap);
	va_end(ap);
	return json_member_number(answer, "count");
}

static struct ctl_fence read_fence(const char *f)
{
	return (struct ctl_fence){
		.timeline = json_member_number(f, "timeline"),
		.seqno = json_member_number(f, "seqno"),
		.buffer = json_number(json_get(f, "dst"), CTL_NONE),
		.held = json_is(json_member(f, "state"), "held"),
		.hold = json_number(json_get(f, "hold"), CTL_NONE),
	};
}

unsigned int ctl_fences(unsigned int device, struct ctl_fence *fences, unsigned int n)
{
	const char *page = ctl(device, "query-dmashare-fences", "'limit': 10000"), *f;
	unsigned int count = 0;

	for (f = json_first(json_member(page, "fences")); f; f = json_next(f), count++)
		if (count < n)
			fences[count] = read_fence(f);
	ASSERT_EQ(json_member_number(page, "total"), count);
	return count;
}

struct ctl_fence ctl_fence_of(unsigned int device, uint32_t buffer)
{
	const char *page = ctl(device, "query-dmashare-fences", "'buffer': %u", buffer), *f;

	ASSERT_EQ(json_member_number(page, "total"), 1);
	f = json_first(json_member(page, "fences"));
	ASSERT(f);
	return read_fence(f);
}

void ctl_wait_pending(unsigned int device, unsigned int n)
{
	time_t end = time(NULL) + SOON_MS / 1000;
	unsigned int pending;

	while ((pending = ctl_fences(device, NULL, 0)) != n) {
		ASSERT_MSG(time(NULL) < end, "%u fences are pending, not %u", pending, n);
		sched_yield();
	}
}

void ctl_wait_held(unsigned int device, uint64_t n)
{
	time_t end = time(NULL) + SOON_MS / 1000;
	uint64_t held;

	/* The event for it may be one of those that are too many to be sent. */
	while ((held = json_member_number(ctl_device(device), "fences-held")) != n) {
		ASSERT_MSG(time(NULL) < end, "%llu fences are held, not %llu",
			   (unsigned long long)held, (unsigned long long)n);
		sched_yield();
	}
}

void ctl_batch(unsigned int device, const struct ctl_fence *fences, unsigned int n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	unsigned int i;

	ASSERT(f);
	for (i = 0; i < n; i++) {
		fprintf(f, "%s{'timeline': %u, 'seqno': %llu, 'action': '%s'", i ? ", " : "",
			fences[i].timeline, (unsigned long long)fences[i].seqno,
			fences[i].action);
		if (fences[i].error)
			fprintf(f, ", 'error': '%s'", ctl_errno(fences[i].error));
		fputc('}', f);
	}
	fclose(f);
	ctl(device, "dmashare-fence-batch", "'fences': [%s]", text);
	free(text);
}

void ctl_act(unsigned int device, struct ctl_fence fence, const char *action, int error)
{
	fence.action = action;
	fence.error = error;
	ctl_batch(device, &fence, 1);
}

uint32_t ctl_fault_add(unsigned int device, const char *rule, ...)
{
	uint32_t id;
	va_list ap;
	char *text;

	va_start(ap, rule);
	ASSERT_OK(vasprintf(&text, rule, ap));
	va_end(ap);
	id = json_member_number(ctl(device, "dmashare-fault-add", "'rule': {%s}", text), "id");
	free(text);
	return id;
}

void ctl_fault_remove(unsigned int device, uint32_t id)
{
	ctl(device, "dmashare-fault-remove", "'id': %u", id);
}

uint64_t ctl_fault_fired(unsigned int device, uint32_t id)
{
	const char *f = json_first(ctl(device, "query-dmashare-faults", "%s", ""));

	for (; f; f = json_next(f))
		if (json_member_number(f, "id") == id)
			return json_member_number(f, "fired");
	FAIL("there is no fault rule %u", id);
}

void ctl_calm(unsigned int device)
{
	ctl(device, "dmashare-fault-remove", "%s", "");
	ctl_release(device, "%s", "");
}

void ctl_pci_fault(unsigned int device, const char *fault)
{
	ctl(device, "dmashare-pci-fault", "'fault': '%s'", fault);
}

uint64_t ctl_journal_end(unsigned int device)
{
	return json_member_number(ctl(device, "query-dmashare-journal", "'limit': 1"), "end");
}

uint64_t ctl_journal_count(unsigned int device, uint64_t from, const char *operation,
			   uint64_t arg)
{
	uint64_t next = from, end, count = 0;
	const char *page, *e;

	do {
		page = ctl(device, "query-dmashare-journal", "'from': %llu, 'limit': %u%s%s%s",
			   (unsigned long long)next, PAGE_OF_JOURNAL,
			   operation ? ", 'operation': '" : "", operation ? operation : "",
			   operation ? "'" : "");
		ASSERT_EQ(json_member_number(page, "lost"), 0);
		for (e = json_first(json_member(page, "entries")); e; e = json_next(e))
			count += arg == UINT64_MAX || json_member_number(e, "arg") == arg;
		next = json_member_number(page, "next");
		end = json_member_number(page, "end");
	} while (next != end);
	return count;
}

const char *ctl_event(unsigned int device, const char *name)
{
	char id[16];
	const char *data, *path;

	snprintf(id, sizeof(id), "/dmashare%u\"", device);
	for (;;) {
		data = host_wait_event(name, SOON_MS / 1000);
		ASSERT_MSG(data, "the event %s does not come: %s", name, strerror(errno));
		path = json_member(data, "path");
		path = path + strcspn(path + 1, "\"") + 2 - strlen(id);
		if (!strncmp(path, id, strlen(id)))
			return data;
	}
}

int device_try_write(int fd, const char *attribute, const char *value)
{
	ssize_t n = strlen(value);
	struct stat st;
	char path[128];
	int file, err;

	ASSERT_OK(fstat(fd, &st));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/%s", major(st.st_rdev),
		 minor(st.st_rdev), attribute);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	err = write(file, value, n) == n ? 0 : errno;
	close(file);
	errno = err;
	return err ? -1 : 0;
}

void device_write(int fd, const char *attribute, const char *value)
{
	ASSERT_MSG(!device_try_write(fd, attribute, value), "%s: %s", attribute,
		   strerror(errno));
}
