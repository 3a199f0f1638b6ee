// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

int64_t ds_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int64_t ds_end_ms(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : ds_now_ms() + timeout_ms;
}

int ds_left_ms(int64_t end)
{
	int64_t left;

	if (end < 0)
		return -1;
	left = end - ds_now_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
}

void ds_message_drop(struct ds_message *m)
{
	unsigned int i;

	for (i = 0; i < m->n_fds; i++)
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	m->n_fds = 0;
}

int ds_wire_connect(struct ds_wire *w, const char *path, int64_t end)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int left = ds_left_ms(end);
	struct timeval tv;
	int ret;

	w->have = 0;
	w->in.n_fds = 0;
	w->fd = -1;
	if (!path[0])
		return -ENOENT;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	/*
	 * While the server's queue of connections is full, connect() waits, and
	 * only this bounds it: there is no descriptor to poll. Zero would be
	 * for ever.
	 */
	if (left >= 0) {
		tv.tv_sec = left / 1000;
		tv.tv_usec = left % 1000 * 1000;
		if (!left)
			tv.tv_usec = 1;
		setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	}
	do {
		ret = connect(w->fd, (struct sockaddr *)&addr, sizeof(addr));
	} while (ret && errno == EINTR);
	if (ret) {
		ret = errno == EAGAIN ? -ETIMEDOUT : -errno;
		ds_wire_close(w);
		return ret;
	}
	if (fcntl(w->fd, F_SETFL, O_NONBLOCK)) {
		ret = -errno;
		ds_wire_close(w);
		return ret;
	}
	return 0;
}

void ds_wire_close(struct ds_wire *w)
{
	ds_message_drop(&w->in);
	w->have = 0;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

int ds_wire_send(struct ds_wire *w, const struct dmashare_msg *msg,
		 unsigned int done)
{
	ssize_t n;

	do {
		n = send(w->fd, (const char *)msg + done, sizeof(*msg) - done,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return done;
	return n < 0 ? -ECONNRESET : (int)(done + n);
}

/*
 * How much of the body each type uses, in which @fewest to @most descriptors
 * come with it. Only what a server may say is here.
 */
static const struct form {
	unsigned char used, fewest, most;
} forms[] = {
#define BODY(name)	sizeof(((struct dmashare_msg *)0)->name)
	[DMASHARE_MSG_WELCOME]	= { BODY(welcome), 0, 0 },
	[DMASHARE_MSG_OPENED]	= { BODY(opened), 1, 2 },
	[DMASHARE_MSG_DONE]	= { 0, 0, 0 },
	[DMASHARE_MSG_ACQUIRED]	= { BODY(hold), 0, 1 },
	[DMASHARE_MSG_ERROR]	= { BODY(error), 0, 0 },
	[DMASHARE_MSG_ANNOUNCE]	= { BODY(announce), 0, 0 },
	[DMASHARE_MSG_WITHDRAW]	= { BODY(withdraw), 0, 0 },
	[DMASHARE_MSG_CONTENT]	= { BODY(content), 0, 0 },
	[DMASHARE_MSG_GRANTED]	= { BODY(granted), 0, 0 },
	[DMASHARE_MSG_ENDED]	= { BODY(ended), 0, 0 },
	[DMASHARE_MSG_READY]	= { 0, 0, 0 },
#undef BODY
};

/* What is wrong with it, NULL: nothing. */
static const char *ill_formed(const struct ds_message *m)
{
	uint32_t type = le32toh(m->msg.type), serial = le32toh(m->msg.serial);
	const struct form *form = &forms[0];
	unsigned int i;

	if (le32toh(m->msg.length) != DMASHARE_MSG_SIZE)
		return "a message of another length";
	if (type >= sizeof(forms) / sizeof(forms[0]))
		return "a message of an unknown type";
	if (type < DMASHARE_MSG_WELCOME ||
	    (type > DMASHARE_MSG_ERROR && type < DMASHARE_MSG_ANNOUNCE))
		return "a message of an unknown type";
	form = &forms[type];
	if (type >= DMASHARE_MSG_ANNOUNCE && serial)
		return "a notice with a serial";
	if (m->msg.reserved)
		return "reserved bits";
	for (i = form->used; i < sizeof(m->msg.body); i++)
		if (m->msg.body[i])
			return "bytes after the end of a message's body";
	if (m->n_fds < form->fewest || m->n_fds > form->most)
		return "the wrong number of descriptors";
	return NULL;
}

/* Takes over the descriptors that came, all of them: also those not wanted. */
static void take_fds(struct ds_wire *w, struct msghdr *h)
{
	static const char too_many[] = "more descriptors than any message has";
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n, i;
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (w->in.n_fds < DS_MAX_FDS) {
				w->in.fd[w->in.n_fds++] = fd;
			} else {
				close(fd);
				w->why = too_many;
			}
		}
	}
	if (h->msg_flags & MSG_CTRUNC)
		w->why = too_many;
}

/* Reads no further than to the end of the message: the next has its own. */
static int read_some(struct ds_wire *w)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(DS_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {
		.iov_base = (char *)&w->in.msg + w->have,
		.iov_len = sizeof(w->in.msg) - w->have,
	};
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	unsigned int before = w->in.n_fds;
	ssize_t n;

	do {
		n = recvmsg(w->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	take_fds(w, &h);
	if (w->have && w->in.n_fds > before)
		w->why = "descriptors in the middle of a message";
	w->have += n;
	return n;
}

int ds_wire_receive(struct ds_wire *w, struct ds_message *m)
{
	int n;

	w->why = NULL;
	while (w->have < sizeof(w->in.msg)) {
		n = read_some(w);
		if (n <= 0)
			return n;
		if (w->why)
			return -EPROTO;
	}
	w->have = 0;
	*m = w->in;
	w->in.n_fds = 0;
	w->why = ill_formed(m);
	if (w->why) {
		ds_message_drop(m);
		return -EPROTO;
	}
	return 1;
}
