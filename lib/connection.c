// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* How long a server may take to answer. */
#define ANSWER_MS	10000

/* Of the last dmashare_connect() that failed. */
static __thread char connect_error[DS_TEXT];

static void note(struct dmashare *ds, const char *fmt, va_list ap)
{
	vsnprintf(ds->error, sizeof(ds->error), fmt, ap);
}

int ds_fail(struct dmashare *ds, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(ds, fmt, ap);
	va_end(ap);
	return error;
}

/*
 * The socket stays open, so that its number is nobody else's while the program
 * polls it; there is only the end of it left to read.
 */
static int end(struct dmashare *ds, int error)
{
	ds->dead = error;
	shutdown(ds->wire.fd, SHUT_RDWR);
	return error;
}

int ds_kill(struct dmashare *ds, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(ds, fmt, ap);
	va_end(ap);
	return end(ds, error);
}

int ds_lie(struct dmashare *ds, const char *fmt, ...)
{
	size_t used;
	va_list ap;

	ds_fail(ds, 0, "the server breaks the protocol: ");
	used = strlen(ds->error);
	va_start(ap, fmt);
	vsnprintf(ds->error + used, sizeof(ds->error) - used, fmt, ap);
	va_end(ap);
	return end(ds, -EPROTO);
}

void ds_text(char *out, size_t size, const uint8_t *in, size_t length)
{
	size_t i;

	for (i = 0; i < length && i + 1 < size && in[i]; i++)
		out[i] = in[i] < 0x20 || in[i] > 0x7e ? '?' : in[i];
	out[i] = 0;
}

/* The refusal in an ERROR, noted. */
static int refusal(struct dmashare *ds, const struct dmashare_msg *msg)
{
	uint32_t error = le32toh(msg->error.error);
	char text[DMASHARE_MSG_TEXT_LEN + 1];

	if (!error || error > 4095)
		return ds_lie(ds, "an ERROR with errno %u", error);
	ds_text(text, sizeof(text), msg->error.text, sizeof(msg->error.text));
	return ds_fail(ds, -(int)error, "%s", text[0] ? text :
		       strerror(error));
}

/*
 * Reads one message. Notices are taken in, an answer is given to the caller if
 * he waits for one (@answer not NULL) with that serial. 1: it was the answer, 2:
 * a notice, 0: nothing whole has come.
 */
static int read_one(struct dmashare *ds, uint32_t serial,
		    struct ds_message *answer)
{
	struct ds_message m;
	uint32_t type;
	int ret;

	ret = ds_wire_receive(&ds->wire, &m);
	if (ret == -EPROTO)
		return ds_lie(ds, "%s", ds->wire.why);
	if (ret < 0)
		return ds_kill(ds, -ECONNRESET,
			       "the server has closed the connection");
	if (!ret)
		return 0;
	type = le32toh(m.msg.type);
	if (type >= DMASHARE_MSG_ANNOUNCE) {
		ret = ds_notice(ds, &m.msg);
		return ret ? ret : 2;
	}
	/* Serial 0: it is about to hang up, and says why. */
	if (type == DMASHARE_MSG_ERROR && !m.msg.serial) {
		ret = refusal(ds, &m.msg);
		return end(ds, ret);
	}
	if (!answer || le32toh(m.msg.serial) != serial) {
		ds_message_drop(&m);
		return ds_lie(ds, "an answer to nothing that was asked");
	}
	*answer = m;
	return 1;
}

/* Waits for the socket; what is ready, 0 at the end of the time, -EINTR. */
static int wait_for(struct dmashare *ds, short events, int64_t until)
{
	struct pollfd p = { .fd = ds->wire.fd, .events = events };
	int ret = poll(&p, 1, ds_left_ms(until));

	if (ret < 0)
		return errno == EINTR ? -EINTR :
			ds_kill(ds, -errno, "poll: %s", strerror(errno));
	return ret ? p.revents : 0;
}

static int send_all(struct dmashare *ds, const struct dmashare_msg *msg,
		    int64_t until)
{
	unsigned int done = 0;
	int ret;

	for (;;) {
		ret = ds_wire_send(&ds->wire, msg, done);
		if (ret < 0) {
			/* It may have said why before it hung up. */
			do {
				ret = read_one(ds, 0, NULL);
			} while (ret > 0);
			return ret ? ret : ds_kill(ds, -ECONNRESET,
				"the server has closed the connection");
		}
		done = ret;
		if (done == sizeof(*msg))
			return 0;
		ret = wait_for(ds, POLLIN | POLLOUT, until);
		if (!ret)
			return ds_kill(ds, -ETIMEDOUT,
				       "the server reads nothing");
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return ret;
		if (ret & POLLIN) {
			ret = read_one(ds, 0, NULL);
			if (ret < 0)
				return ret;
		}
	}
}

static int request(struct dmashare *ds, uint32_t type, struct dmashare_msg *msg,
		   uint32_t answer_type, struct ds_message *answer,
		   int64_t until)
{
	uint32_t serial;
	int ret;

	if (ds->dead)
		return ds->dead;
	serial = ++ds->serial ? ds->serial : ++ds->serial;
	msg->type = htole32(type);
	msg->length = htole32(DMASHARE_MSG_SIZE);
	msg->serial = htole32(serial);
	ret = send_all(ds, msg, until);
	while (!ret) {
		ret = read_one(ds, serial, answer);
		if (ret == 1)
			break;
		if (ret < 0)
			return ret;
		/* A server that goes on and on must not keep us for ever. */
		if (until >= 0 && ds_now_ms() >= until)
			return ds_kill(ds, -ETIMEDOUT,
				       "the server does not answer");
		ret = ret == 2 ? 0 : wait_for(ds, POLLIN, until);
		ret = ret == -EINTR || ret >= 0 ? 0 : ret;
	}
	if (ret < 0)
		return ret;
	if (le32toh(answer->msg.type) == DMASHARE_MSG_ERROR)
		return refusal(ds, &answer->msg);
	if (le32toh(answer->msg.type) != answer_type) {
		ds_message_drop(answer);
		return ds_lie(ds, "the answer to something else");
	}
	return 0;
}

int ds_request(struct dmashare *ds, uint32_t type, struct dmashare_msg *msg,
	       uint32_t answer_type, struct ds_message *answer)
{
	return request(ds, type, msg, answer_type, answer,
		       ds_end_ms(ANSWER_MS));
}

/* HELLO, and all until READY. */
static int greet(struct dmashare *ds, const char *name, int64_t until)
{
	struct dmashare_msg msg = { 0 };
	const struct dmashare_msg_welcome *w;
	struct ds_message answer;
	uint32_t version;
	int ret;

	msg.hello.magic = htole32(DMASHARE_MSG_MAGIC);
	msg.hello.version = htole32(DMASHARE_PROTOCOL_MAJOR << 16 |
				    DMASHARE_PROTOCOL_MINOR);
	memcpy(msg.hello.name, name, strnlen(name, sizeof(msg.hello.name)));
	ret = request(ds, DMASHARE_MSG_HELLO, &msg, DMASHARE_MSG_WELCOME,
		      &answer, until);
	if (ret)
		return ret;
	w = &answer.msg.welcome;
	version = le32toh(w->version);
	if (le32toh(w->magic) != DMASHARE_MSG_MAGIC)
		return ds_lie(ds, "a WELCOME without its magic number");
	if (version >> 16 != DMASHARE_PROTOCOL_MAJOR ||
	    (version & 0xffff) > DMASHARE_PROTOCOL_MINOR)
		return ds_kill(ds, -EPROTONOSUPPORT,
			       "the server's protocol is %u.%u, not %u.%u",
			       version >> 16, version & 0xffff,
			       DMASHARE_PROTOCOL_MAJOR,
			       DMASHARE_PROTOCOL_MINOR);
	ds->instance = le64toh(w->instance);
	ds->max_holds = le32toh(w->max_holds);
	if (!ds->max_holds || ds->max_holds > DMASHARE_MAX_CLIENT_HOLDS)
		return ds_lie(ds, "%u holds for a client, not 1 to %u",
			      ds->max_holds, DMASHARE_MAX_CLIENT_HOLDS);
	ds_text(ds->device, sizeof(ds->device), w->device, sizeof(w->device));
	while (!ds->ready) {
		ret = read_one(ds, 0, NULL);
		if (ret < 0)
			return ret;
		if (until >= 0 && ds_now_ms() >= until)
			ret = 0;
		else if (ret != 2)
			ret = wait_for(ds, POLLIN, until);
		if (!ret)
			return ds_kill(ds, -ETIMEDOUT,
				       "the server does not say what it has");
		if (ret < 0 && ret != -EINTR)
			return ret;
	}
	return 0;
}

static int make_poll_fd(struct dmashare *ds)
{
	struct epoll_event e = { .events = EPOLLIN };

	ds->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ds->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ds->event_fd < 0 || ds->poll_fd < 0 ||
	    epoll_ctl(ds->poll_fd, EPOLL_CTL_ADD, ds->wire.fd, &e) ||
	    epoll_ctl(ds->poll_fd, EPOLL_CTL_ADD, ds->event_fd, &e))
		return ds_fail(ds, -errno, "cannot make a descriptor: %s",
			       strerror(errno));
	return 0;
}

static int connect_failed(struct dmashare *ds, const char *path, int error)
{
	const char *why = strerror(-error);

	if (error == -ECONNREFUSED)
		why = "nobody listens there; is that QEMU gone?";
	else if (error == -ENAMETOOLONG)
		why = "the path of a socket has at most 107 characters";
	else if (error == -ETIMEDOUT)
		why = "it does not accept the connection";
	return ds_fail(ds, error, "%s: %s", path, why);
}

int dmashare_connect(const char *path, const char *name, int timeout_ms,
		     struct dmashare **out)
{
	int64_t until = ds_end_ms(timeout_ms);
	struct dmashare *ds;
	int ret;

	*out = NULL;
	ds = calloc(1, sizeof(*ds));
	if (!ds) {
		snprintf(connect_error, sizeof(connect_error), "%s",
			 strerror(ENOMEM));
		return -ENOMEM;
	}
	ds->wire.fd = ds->event_fd = ds->poll_fd = -1;
	ret = ds_wire_connect(&ds->wire, path, until);
	if (ret)
		ret = connect_failed(ds, path, ret);
	else
		ret = make_poll_fd(ds);
	if (!ret)
		ret = greet(ds, name ? name : program_invocation_short_name,
			    until);
	if (ret) {
		memcpy(connect_error, ds->error, sizeof(connect_error));
		dmashare_disconnect(ds);
		return ret;
	}
	*out = ds;
	return 0;
}

void dmashare_disconnect(struct dmashare *ds)
{
	if (!ds)
		return;
	while (ds->buffers)
		ds_buffer_free(ds->buffers);
	ds_notices_free(ds);
	ds_wire_close(&ds->wire);
	if (ds->event_fd >= 0)
		close(ds->event_fd);
	if (ds->poll_fd >= 0)
		close(ds->poll_fd);
	free(ds);
}

int dmashare_fd(const struct dmashare *ds)
{
	return ds->poll_fd;
}

const char *dmashare_device(const struct dmashare *ds)
{
	return ds->device;
}

uint64_t dmashare_instance(const struct dmashare *ds)
{
	return ds->instance;
}

const char *dmashare_error(const struct dmashare *ds)
{
	return ds ? ds->error : connect_error;
}

int dmashare_next(struct dmashare *ds, int timeout_ms,
		  struct dmashare_notice *notice)
{
	int64_t until = ds_end_ms(timeout_ms);
	int ret;

	for (;;) {
		if (ds_event_pop(ds, notice))
			return 1;
		if (ds->dead)
			return ds->dead;
		ret = read_one(ds, 0, NULL);
		if (ret > 0)
			/* Not every notice is an event, but takes time. */
			ret = !ds->n_events && until >= 0 &&
			      ds_now_ms() > until ? 0 : 1;
		else if (!ret)
			ret = wait_for(ds, POLLIN, until);
		if (!ret)
			return 0;
		/* What was queued before the end is told first. */
		if (ret < 0 && !ds->n_events)
			return ret;
	}
}
