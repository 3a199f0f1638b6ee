// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <linux/dma-buf.h>

#include "dmabuf.h"
#include "dms.h"
#include "ktap.h"

#define BUFINFO	"/sys/kernel/debug/dma_buf/bufinfo"

char *fdinfo_value(int fd, const char *key)
{
	char path[64], *text, *line, *next, *value = NULL;
	size_t n = strlen(key);

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = read_file(path);
	ASSERT_MSG(text, "no %s", path);
	for (line = text; !value && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = 0;
		if (!strncmp(line, key, n) && !strncmp(line + n, ":\t", 2))
			value = strdup(line + n + 2);
	}
	free(text);
	return value;
}

long fdinfo_number(int fd, const char *key)
{
	char *value = fdinfo_value(fd, key);
	long n;

	ASSERT_MSG(value, "fdinfo has no %s", key);
	n = atol(value);
	free(value);
	return n;
}

unsigned long inode_of(int fd)
{
	struct stat s;

	ASSERT_OK(fstat(fd, &s));
	return s.st_ino;
}

/*
 * An entry begins with a line "SIZE FLAGS MODE COUNT EXPORTER INODE NAME" and
 * ends at an empty line.
 */
static char *find_entry(unsigned long inode)
{
	char *text = read_file(BUFINFO), *at, *end, *entry = NULL;

	ASSERT_MSG(text, "no %s: is debugfs mounted?", BUFINFO);
	for (at = text; at && *at && !entry; at = strchr(at, '\n') ?
	     strchr(at, '\n') + 1 : NULL) {
		unsigned long found;

		if (sscanf(at, "%*u %*x %*x %*u %*s %lu", &found) != 1 || found != inode)
			continue;
		end = strstr(at, "\n\n");
		entry = strndup(at, end ? (size_t)(end - at) : strlen(at));
	}
	free(text);
	return entry;
}

char *bufinfo_entry(int dmabuf)
{
	return find_entry(inode_of(dmabuf));
}

bool bufinfo_lists(unsigned long inode)
{
	char *entry = find_entry(inode);

	free(entry);
	return entry;
}

unsigned int bufinfo_fences(int dmabuf, const char *usage, const char *driver)
{
	char *entry = bufinfo_entry(dmabuf), *line, *rest, start[32];
	unsigned int n = 0;

	ASSERT_MSG(entry, "the dma-buf is not in %s", BUFINFO);
	snprintf(start, sizeof(start), "\t%s fence:", usage);
	for (line = strtok_r(entry, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line, start, strlen(start)) && strstr(line, driver) &&
		    strstr(line, "unsignalled"))
			n++;
	free(entry);
	return n;
}

bool mixed_attach_maps(void)
{
	unsigned int major, minor;
	struct utsname u;

	ASSERT_OK(uname(&u));
	ASSERT_EQ(sscanf(u.release, "%u.%u", &major, &minor), 2);
	return major < 6 || (major == 6 && minor < 16);
}

int dmabuf_try_fences(int dmabuf, unsigned int flags)
{
	struct dma_buf_export_sync_file e = { .flags = flags, .fd = -1 };

	return ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e) ? -1 : e.fd;
}

int dmabuf_try_add_fence(int dmabuf, int fence, unsigned int flags)
{
	struct dma_buf_import_sync_file i = { .flags = flags, .fd = fence };

	return ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &i);
}

/* A message of one byte and room for one file. */
struct file_message {
	char byte;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr msg;
};

static void file_message(struct file_message *m)
{
	memset(m, 0, sizeof(*m));
	m->iov = (struct iovec){ .iov_base = &m->byte, .iov_len = 1 };
	m->msg = (struct msghdr){
		.msg_iov = &m->iov,
		.msg_iovlen = 1,
		.msg_control = m->control,
		.msg_controllen = sizeof(m->control),
	};
}

void socket_put(int socket, int fd)
{
	struct file_message m;
	struct cmsghdr *c;

	file_message(&m);
	c = CMSG_FIRSTHDR(&m.msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	ASSERT_EQ(sendmsg(socket, &m.msg, 0), 1);
}

int socket_take(int socket)
{
	struct file_message m;
	struct cmsghdr *c;
	int fd;

	file_message(&m);
	ASSERT_EQ(recvmsg(socket, &m.msg, MSG_CMSG_CLOEXEC), 1);
	c = CMSG_FIRSTHDR(&m.msg);
	ASSERT(c && c->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}
