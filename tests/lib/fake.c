// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"
#include "lib/ktap.h"

#define MAX_CLIENTS	8
#define MAX_SHARES	64
#define MAX_HOLDS	64
#define MAX_TYPES	128
#define WAIT_SECONDS	10

struct opened {
	uint32_t share;
	bool subscribed;
};

struct client {
	int fd;
	bool greeted;
	struct opened open[DMASHARE_MAX_OPEN];
	unsigned int n_open;
};

/* @error: what it was released with, when @released. */
struct hold {
	uint32_t id, share, error;
	int client;
	bool wait, released;
	int pipe;
};

struct fake {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char dir[64], path[96];
	int listener, stop;
	fake_change *change;
	void *opaque;
	bool auto_grant;

	struct client client[MAX_CLIENTS];
	struct fake_share *share[MAX_SHARES];
	bool announced[MAX_SHARES];
	unsigned int n_shares;
	/* A ring: holds are only looked for while a test knows of them. */
	struct hold hold[MAX_HOLDS];
	uint32_t last_hold;
	unsigned int seen[MAX_TYPES];
};

static struct hold *hold_of(struct fake *f, uint32_t id)
{
	struct hold *h = &f->hold[id % MAX_HOLDS];

	return id && h->id == id ? h : NULL;
}

static int index_of(struct fake *f, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < f->n_shares; i++)
		if (f->share[i]->id == id && f->announced[i])
			return i;
	return -1;
}

static void drop_client(struct fake *f, int c)
{
	if (f->client[c].fd >= 0)
		close(f->client[c].fd);
	f->client[c].fd = -1;
	f->client[c].greeted = false;
	f->client[c].n_open = 0;
	pthread_cond_broadcast(&f->changed);
}

static void raw_send(int fd, const struct fake_out *out)
{
	char control[CMSG_SPACE(sizeof(out->fd))] = { 0 };
	struct iovec iov = {
		.iov_base = (void *)&out->msg,
		.iov_len = out->length,
	};
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (out->n_fds) {
		struct cmsghdr *c;

		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(out->n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(out->n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), out->fd, out->n_fds * sizeof(int));
	}
	/* A client that has gone is seen when it is read from. */
	if (sendmsg(fd, &h, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		FAIL("sendmsg: %s", strerror(errno));
}

/* Closes the descriptors of @out. */
static void send_out(struct fake *f, int c, struct fake_out *out)
{
	unsigned int i;

	out->length = sizeof(out->msg);
	out->msg.length = htole32(DMASHARE_MSG_SIZE);
	if (f->change)
		f->change(f, out, f->opaque);
	for (i = 0; !out->skip && i <= out->again; i++)
		raw_send(f->client[c].fd, out);
	for (i = 0; i < out->n_fds; i++)
		close(out->fd[i]);
	if (out->hang_up)
		shutdown(f->client[c].fd, SHUT_RDWR);
}

static void answer(struct fake *f, int c, const struct dmashare_msg *req,
		   uint32_t type, struct fake_out *out)
{
	out->msg.type = htole32(type);
	out->msg.serial = req->serial;
	send_out(f, c, out);
}

static void refuse(struct fake *f, int c, const struct dmashare_msg *req,
		   int error, const char *text)
{
	struct fake_out out = { .msg.error.error = htole32(error) };

	strncpy((char *)out.msg.error.text, text,
		sizeof(out.msg.error.text) - 1);
	answer(f, c, req, DMASHARE_MSG_ERROR, &out);
}

static void done(struct fake *f, int c, const struct dmashare_msg *req)
{
	struct fake_out out = { 0 };

	answer(f, c, req, DMASHARE_MSG_DONE, &out);
}

static void announce_to(struct fake *f, int c, const struct fake_share *s)
{
	struct fake_out out = { .msg.type = htole32(DMASHARE_MSG_ANNOUNCE) };
	struct dmashare_msg_announce *a = &out.msg.announce;

	a->share = htole32(s->id);
	a->generation = htole32(s->generation);
	a->size = htole64(s->size);
	a->flags = htole32(s->flags);
	a->path = htole32(s->path);
	a->fourcc = htole32(s->fourcc);
	a->width = htole32(s->width);
	a->height = htole32(s->height);
	a->stride = htole32(s->stride);
	a->sequence = htole64(s->sequence);
	memcpy(a->name, s->name, strnlen(s->name, sizeof(a->name)));
	send_out(f, c, &out);
}

static void hello(struct fake *f, int c, const struct dmashare_msg *req)
{
	struct fake_out out = { 0 }, ready = {
		.msg.type = htole32(DMASHARE_MSG_READY),
	};
	struct dmashare_msg_welcome *w = &out.msg.welcome;
	unsigned int i;

	w->magic = htole32(DMASHARE_MSG_MAGIC);
	w->version = htole32(DMASHARE_PROTOCOL_MAJOR << 16 |
			     DMASHARE_PROTOCOL_MINOR);
	w->instance = htole64(0x1122334455667788);
	w->max_open = htole32(DMASHARE_MAX_OPEN);
	w->max_holds = htole32(DMASHARE_MAX_CLIENT_HOLDS);
	strcpy((char *)w->device, "fake0");
	answer(f, c, req, DMASHARE_MSG_WELCOME, &out);
	for (i = 0; i < f->n_shares; i++)
		if (f->announced[i])
			announce_to(f, c, f->share[i]);
	send_out(f, c, &ready);
	f->client[c].greeted = true;
}

static struct opened *opened_of(struct client *client, uint32_t share)
{
	unsigned int i;

	for (i = 0; i < client->n_open; i++)
		if (client->open[i].share == share)
			return &client->open[i];
	return NULL;
}

static int ranges_fd(const struct fake_share *s)
{
	size_t size = s->n_ranges * sizeof(s->range[0]);
	int fd = memfd_create("ranges", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ASSERT_EQ(write(fd, s->range, size), size);
	ASSERT_OK(fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	return fd;
}

static int memory_fd(const struct fake_share *s, bool write)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	ASSERT_OK(fd);
	return fd;
}

static void open_share(struct fake *f, int c, const struct dmashare_msg *req)
{
	struct client *client = &f->client[c];
	int i = index_of(f, le32toh(req->open.share));
	bool write = le32toh(req->open.flags) & DMASHARE_OPEN_F_WRITE;
	struct fake_share *s;
	struct fake_out out = { 0 };
	struct dmashare_msg_opened *o = &out.msg.opened;

	if (i < 0) {
		refuse(f, c, req, ENOENT, "no such buffer");
		return;
	}
	s = f->share[i];
	if (le32toh(req->open.generation) != s->generation) {
		refuse(f, c, req, ESTALE, "it has moved");
		return;
	}
	if (s->path == DMASHARE_PATH_NONE) {
		refuse(f, c, req, EAGAIN, "it moves");
		return;
	}
	o->share = htole32(s->id);
	o->generation = htole32(s->generation);
	o->size = htole64(s->size);
	o->offset = s->n_ranges == 1 ? s->range[0].offset : 0;
	o->n_ranges = htole32(s->n_ranges);
	o->path = htole32(s->path);
	o->flags = htole32(write ? DMASHARE_OPENED_F_WRITE :
			   DMASHARE_OPENED_F_ENFORCED);
	out.fd[out.n_fds++] = memory_fd(s, write);
	if (s->n_ranges > 1)
		out.fd[out.n_fds++] = ranges_fd(s);
	client->open[client->n_open++].share = s->id;
	answer(f, c, req, DMASHARE_MSG_OPENED, &out);
}

static void tell_fence(struct hold *h, uint32_t error)
{
	__le32 word = htole32(error);

	if (h->pipe < 0)
		return;
	/* Whoever waited for it may have gone. */
	if (write(h->pipe, &word, sizeof(word)) < 0)
		ASSERT_EQ(errno, EPIPE);
	close(h->pipe);
	h->pipe = -1;
}

static struct hold *new_hold(struct fake *f, int c, uint32_t share)
{
	struct hold *h = &f->hold[++f->last_hold % MAX_HOLDS];

	*h = (struct hold){ .id = f->last_hold, .share = share, .client = c,
			    .pipe = -1 };
	return h;
}

static void grant(struct fake *f, struct hold *h, uint32_t error)
{
	struct fake_out out = { .msg.type = htole32(DMASHARE_MSG_GRANTED) };
	int i = index_of(f, h->share);

	out.msg.granted.share = htole32(h->share);
	out.msg.granted.hold = htole32(h->id);
	out.msg.granted.error = htole32(error);
	out.msg.granted.sequence = htole64(i < 0 ? 0 : f->share[i]->sequence);
	tell_fence(h, error);
	send_out(f, h->client, &out);
	if (h->wait || error)
		h->id = 0;
}

static void acquire(struct fake *f, int c, const struct dmashare_msg *req)
{
	uint32_t flags = le32toh(req->acquire.flags);
	struct fake_out out = { 0 };
	struct hold *h;
	int fds[2];

	if (!opened_of(&f->client[c], le32toh(req->acquire.share))) {
		refuse(f, c, req, ENOENT, "not open");
		return;
	}
	h = new_hold(f, c, le32toh(req->acquire.share));
	h->wait = flags & DMASHARE_ACQUIRE_F_WAIT;
	if (flags & DMASHARE_ACQUIRE_F_FD) {
		ASSERT_OK(pipe2(fds, O_CLOEXEC));
		h->pipe = fds[1];
		out.fd[out.n_fds++] = fds[0];
	}
	out.msg.hold.share = req->acquire.share;
	out.msg.hold.hold = htole32(h->id);
	answer(f, c, req, DMASHARE_MSG_ACQUIRED, &out);
	if (f->auto_grant)
		grant(f, h, 0);
}

static void release_hold(struct fake *f, int c, const struct dmashare_msg *req)
{
	struct hold *h = hold_of(f, le32toh(req->release.hold));

	if (!h || h->released || h->client != c) {
		refuse(f, c, req, ENOENT, "it is over");
		return;
	}
	h->released = true;
	h->error = le32toh(req->release.error);
	done(f, c, req);
}

static void handle(struct fake *f, int c, const struct dmashare_msg *req)
{
	struct client *client = &f->client[c];
	uint32_t type = le32toh(req->type);
	struct opened *o;

	/* The client of this project breaks no rule. */
	ASSERT(type < MAX_TYPES && req->serial && !req->reserved);
	ASSERT_EQ(le32toh(req->length), DMASHARE_MSG_SIZE);
	switch (type) {
	case DMASHARE_MSG_HELLO:
		ASSERT_EQ(le32toh(req->hello.magic), DMASHARE_MSG_MAGIC);
		hello(f, c, req);
		break;
	case DMASHARE_MSG_OPEN:
		open_share(f, c, req);
		break;
	case DMASHARE_MSG_CLOSE:
		o = opened_of(client, le32toh(req->share.share));
		if (!o) {
			refuse(f, c, req, ENOENT, "not open");
			break;
		}
		*o = client->open[--client->n_open];
		done(f, c, req);
		break;
	case DMASHARE_MSG_SUBSCRIBE:
		o = opened_of(client, le32toh(req->subscribe.share));
		if (!o) {
			refuse(f, c, req, ENOENT, "not open");
			break;
		}
		o->subscribed = le32toh(req->subscribe.on);
		done(f, c, req);
		break;
	case DMASHARE_MSG_ACQUIRE:
		acquire(f, c, req);
		break;
	case DMASHARE_MSG_RELEASE:
		release_hold(f, c, req);
		break;
	default:
		FAIL("a request of type %u", type);
	}
	f->seen[type]++;
	pthread_cond_broadcast(&f->changed);
}

static void take_client(struct fake *f)
{
	int c, fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

	ASSERT_OK(fd);
	for (c = 0; c < MAX_CLIENTS && f->client[c].fd >= 0; c++)
		;
	ASSERT(c < MAX_CLIENTS);
	f->client[c].fd = fd;
}

static void serve(struct fake *f, int c)
{
	struct dmashare_msg req;
	ssize_t n = recv(f->client[c].fd, &req, sizeof(req), MSG_WAITALL);

	if (n == (ssize_t)sizeof(req))
		handle(f, c, &req);
	else
		drop_client(f, c);
}

static void *run(void *opaque)
{
	struct fake *f = opaque;

	for (;;) {
		struct pollfd p[MAX_CLIENTS + 2];
		int c;

		p[MAX_CLIENTS] = (struct pollfd){ f->listener, POLLIN, 0 };
		p[MAX_CLIENTS + 1] = (struct pollfd){ f->stop, POLLIN, 0 };
		pthread_mutex_lock(&f->lock);
		for (c = 0; c < MAX_CLIENTS; c++)
			p[c] = (struct pollfd){ f->client[c].fd, POLLIN, 0 };
		pthread_mutex_unlock(&f->lock);
		ASSERT(poll(p, MAX_CLIENTS + 2, -1) > 0);
		if (p[MAX_CLIENTS + 1].revents)
			return NULL;
		pthread_mutex_lock(&f->lock);
		for (c = 0; c < MAX_CLIENTS; c++)
			if (p[c].revents && f->client[c].fd == p[c].fd)
				serve(f, c);
		if (p[MAX_CLIENTS].revents)
			take_client(f);
		pthread_mutex_unlock(&f->lock);
	}
}

struct fake *fake_start(fake_change *change, void *opaque)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct fake *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");
	int c;

	ASSERT(f);
	signal(SIGPIPE, SIG_IGN);
	f->change = change;
	f->opaque = opaque;
	f->auto_grant = true;
	for (c = 0; c < MAX_CLIENTS; c++)
		f->client[c].fd = -1;
	/* Somewhere short: the path of a socket has little room. */
	snprintf(f->dir, sizeof(f->dir), "%.40s/share-XXXXXX",
		 tmp && strlen(tmp) <= 40 ? tmp : "/tmp");
	ASSERT_MSG(mkdtemp(f->dir), "mkdtemp: %s", strerror(errno));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	strcpy(addr.sun_path, f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_OK(bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)));
	ASSERT_OK(listen(f->listener, MAX_CLIENTS));
	f->stop = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	ASSERT_EQ(pthread_create(&f->thread, NULL, run, f), 0);
	return f;
}

const char *fake_path(const struct fake *f)
{
	return f->path;
}

void fake_stop(struct fake *f)
{
	unsigned int i;

	ASSERT_OK(eventfd_write(f->stop, 1));
	pthread_join(f->thread, NULL);
	for (i = 0; i < MAX_CLIENTS; i++)
		drop_client(f, i);
	close(f->listener);
	close(f->stop);
	unlink(f->path);
	rmdir(f->dir);
	for (i = 0; i < MAX_HOLDS; i++)
		if (f->hold[i].id && f->hold[i].pipe >= 0)
			close(f->hold[i].pipe);
	for (i = 0; i < f->n_shares; i++) {
		munmap(f->share[i]->memory, f->share[i]->memory_size);
		close(f->share[i]->fd);
		free(f->share[i]);
	}
	free(f);
}

uint8_t fake_pattern(uint32_t id, uint64_t at)
{
	return (at * 7 + (at >> 8) * 13 + (at >> 16) * 31 + id * 101) ^ 0x5a;
}

uint8_t *fake_byte(struct fake_share *s, uint64_t at)
{
	unsigned int i;

	for (i = 0; i < s->n_ranges; i++) {
		if (at < le64toh(s->range[i].length))
			return s->memory + le64toh(s->range[i].offset) + at;
		at -= le64toh(s->range[i].length);
	}
	FAIL("no byte %#llx in buffer %u", (unsigned long long)at, s->id);
}

/*
 * The pieces lie in reverse order in the memory file, with a page before each
 * that is not the buffer's.
 */
static void lay_out(struct fake_share *s, uint64_t piece)
{
	unsigned int i;

	s->n_ranges = piece ? (s->size + piece - 1) / piece : 1;
	ASSERT(s->n_ranges <= FAKE_MAX_RANGES);
	for (i = 0; i < s->n_ranges; i++) {
		uint64_t left = s->size - i * piece;
		uint64_t length = piece && piece < left ? piece : left;

		s->range[i].length = htole64(length);
		s->range[i].offset = htole64(4096 + (s->n_ranges - 1 - i) *
					     (piece + 4096));
	}
	s->memory_size = 4096 + s->n_ranges *
			 (4096 + (piece ? piece : s->size));
}

struct fake_share *fake_share(struct fake *f, uint32_t id, uint64_t size,
			      uint64_t piece)
{
	struct fake_share *s = calloc(1, sizeof(*s));
	uint64_t at;

	ASSERT(s);
	s->id = id;
	s->generation = 1;
	s->size = size;
	s->path = DMASHARE_PATH_LOCAL;
	snprintf(s->name, sizeof(s->name), "buffer-%u", id);
	lay_out(s, piece);
	s->fd = memfd_create("share", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ASSERT_OK(s->fd);
	ASSERT_OK(ftruncate(s->fd, s->memory_size));
	ASSERT_OK(fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	s->memory = mmap(NULL, s->memory_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, s->fd, 0);
	ASSERT(s->memory != MAP_FAILED);
	memset(s->memory, 0xee, s->memory_size);
	for (at = 0; at < size; at++)
		*fake_byte(s, at) = fake_pattern(id, at);
	pthread_mutex_lock(&f->lock);
	ASSERT(f->n_shares < MAX_SHARES);
	f->share[f->n_shares++] = s;
	pthread_mutex_unlock(&f->lock);
	return s;
}

void fake_announce(struct fake *f, struct fake_share *s)
{
	unsigned int i;
	int c;

	pthread_mutex_lock(&f->lock);
	for (i = 0; i < f->n_shares; i++)
		if (f->share[i] == s)
			f->announced[i] = true;
	for (c = 0; c < MAX_CLIENTS; c++)
		if (f->client[c].greeted)
			announce_to(f, c, s);
	pthread_mutex_unlock(&f->lock);
}

static void withdraw_from(struct fake *f, int c, const struct fake_share *s,
			  uint32_t reason)
{
	struct fake_out out = { .msg.type = htole32(DMASHARE_MSG_WITHDRAW) };
	struct opened *o = opened_of(&f->client[c], s->id);

	out.msg.withdraw.share = htole32(s->id);
	out.msg.withdraw.generation = htole32(s->generation);
	out.msg.withdraw.reason = htole32(reason);
	if (o)
		*o = f->client[c].open[--f->client[c].n_open];
	send_out(f, c, &out);
}

void fake_withdraw(struct fake *f, struct fake_share *s, uint32_t reason)
{
	unsigned int i;
	int c;

	pthread_mutex_lock(&f->lock);
	for (c = 0; c < MAX_CLIENTS; c++)
		if (f->client[c].greeted)
			withdraw_from(f, c, s, reason);
	for (i = 0; i < f->n_shares; i++)
		if (f->share[i] == s)
			f->announced[i] = reason == DMASHARE_WITHDRAW_MOVED;
	for (i = 0; i < MAX_HOLDS; i++)
		if (f->hold[i].share == s->id)
			f->hold[i].id = 0;
	s->generation++;
	pthread_mutex_unlock(&f->lock);
}

unsigned int fake_publish(struct fake *f, struct fake_share *s,
			  uint64_t sequence)
{
	unsigned int holders = 0;
	int c;

	pthread_mutex_lock(&f->lock);
	s->sequence = sequence;
	for (c = 0; c < MAX_CLIENTS; c++) {
		struct fake_out out = {
			.msg.type = htole32(DMASHARE_MSG_CONTENT),
		};
		struct opened *o = opened_of(&f->client[c], s->id);

		if (!f->client[c].greeted)
			continue;
		out.msg.content.share = htole32(s->id);
		out.msg.content.generation = htole32(s->generation);
		out.msg.content.sequence = htole64(sequence);
		if (o && o->subscribed) {
			out.msg.content.hold =
				htole32(new_hold(f, c, s->id)->id);
			out.msg.content.deadline = htole64(1000000000);
			holders++;
		}
		send_out(f, c, &out);
	}
	pthread_mutex_unlock(&f->lock);
	return holders;
}

void fake_auto_grant(struct fake *f, bool on)
{
	pthread_mutex_lock(&f->lock);
	f->auto_grant = on;
	pthread_mutex_unlock(&f->lock);
}

void fake_grant(struct fake *f, uint32_t hold, uint32_t error)
{
	struct hold *h;

	pthread_mutex_lock(&f->lock);
	h = hold_of(f, hold);
	ASSERT(h);
	grant(f, h, error);
	pthread_mutex_unlock(&f->lock);
}

void fake_end(struct fake *f, uint32_t hold, uint32_t error)
{
	struct fake_out out = { .msg.type = htole32(DMASHARE_MSG_ENDED) };
	struct hold *h;

	pthread_mutex_lock(&f->lock);
	h = hold_of(f, hold);
	ASSERT(h);
	out.msg.ended.share = htole32(h->share);
	out.msg.ended.hold = htole32(hold);
	out.msg.ended.error = htole32(error);
	h->id = 0;
	send_out(f, h->client, &out);
	pthread_mutex_unlock(&f->lock);
}

void fake_tell(struct fake *f, const struct dmashare_msg *msg)
{
	int c;

	pthread_mutex_lock(&f->lock);
	for (c = 0; c < MAX_CLIENTS; c++) {
		struct fake_out out = { .msg = *msg };

		if (f->client[c].greeted)
			send_out(f, c, &out);
	}
	pthread_mutex_unlock(&f->lock);
}

void fake_hang_up(struct fake *f)
{
	int c;

	pthread_mutex_lock(&f->lock);
	for (c = 0; c < MAX_CLIENTS; c++)
		if (f->client[c].fd >= 0)
			shutdown(f->client[c].fd, SHUT_RDWR);
	pthread_mutex_unlock(&f->lock);
}

/* Waits, with the lock, for something to change. */
static void await_change(struct fake *f, const struct timespec *until,
			 const char *what)
{
	ASSERT_MSG(!pthread_cond_timedwait(&f->changed, &f->lock, until),
		   "not in %d s: %s", WAIT_SECONDS, what);
}

static struct timespec in_a_while(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += WAIT_SECONDS;
	return t;
}

uint32_t fake_released(struct fake *f, uint32_t hold)
{
	struct timespec until = in_a_while();
	struct hold *h;
	uint32_t error;

	pthread_mutex_lock(&f->lock);
	h = &f->hold[hold % MAX_HOLDS];
	while (h->id != hold || !h->released)
		await_change(f, &until, "a RELEASE");
	error = h->error;
	pthread_mutex_unlock(&f->lock);
	return error;
}

void fake_await(struct fake *f, uint32_t type, unsigned int times)
{
	struct timespec until = in_a_while();

	pthread_mutex_lock(&f->lock);
	while (f->seen[type] < times)
		await_change(f, &until, "a request");
	pthread_mutex_unlock(&f->lock);
}

unsigned int fake_seen(struct fake *f, uint32_t type)
{
	unsigned int n;

	pthread_mutex_lock(&f->lock);
	n = f->seen[type];
	pthread_mutex_unlock(&f->lock);
	return n;
}

unsigned int fake_open_count(struct fake *f)
{
	unsigned int n = 0;
	int c;

	pthread_mutex_lock(&f->lock);
	for (c = 0; c < MAX_CLIENTS; c++)
		n += f->client[c].n_open;
	pthread_mutex_unlock(&f->lock);
	return n;
}

uint32_t fake_last_hold(struct fake *f)
{
	uint32_t id;

	pthread_mutex_lock(&f->lock);
	id = f->last_hold;
	pthread_mutex_unlock(&f->lock);
	return id;
}
