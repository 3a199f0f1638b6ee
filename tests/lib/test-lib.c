// SPDX-License-Identifier: GPL-2.0-or-later
/* libdmashare with a server that obeys the protocol. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <dmashare.h>

#include "fake.h"
#include "lib/ktap.h"

#define XR24	0x34325258
#define PAGE	4096

/* What an event may take, not what it takes. */
#define SOON_MS	10000

static struct dmashare *connected(struct fake *f)
{
	struct dmashare *ds;
	int ret = dmashare_connect(fake_path(f), "test", SOON_MS, &ds);

	ASSERT_MSG(!ret, "connect: %d: %s", ret, dmashare_error(NULL));
	return ds;
}

static struct dmashare_buffer *opened(struct dmashare *ds, uint32_t id,
				      int flags)
{
	struct dmashare_buffer *buf;
	int ret = dmashare_open(ds, id, flags, &buf);

	ASSERT_MSG(!ret, "open %u: %d: %s", id, ret, dmashare_error(ds));
	return buf;
}

static struct dmashare_notice next(struct dmashare *ds,
				   enum dmashare_notice_kind kind)
{
	struct dmashare_notice n;
	int ret = dmashare_next(ds, SOON_MS, &n);

	ASSERT_MSG(ret == 1, "next: %d: %s", ret, dmashare_error(ds));
	ASSERT_EQ(n.kind, kind);
	return n;
}

static void no_event(struct dmashare *ds)
{
	struct dmashare_notice n;

	ASSERT_EQ(dmashare_next(ds, 0, &n), 0);
}

static void compare(const uint8_t *map, uint32_t id, uint64_t size)
{
	uint64_t i;

	for (i = 0; i < size; i++)
		if (map[i] != fake_pattern(id, i))
			FAIL("byte %#llx is %#x, not %#x",
			     (unsigned long long)i, map[i],
			     fake_pattern(id, i));
}

static void lists(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *a = fake_share(f, 9, 8 * PAGE, 0);
	struct fake_share *b = fake_share(f, 3, 2 * PAGE, 0);
	struct dmashare_info info[3] = { 0 };
	struct dmashare *ds;

	a->fourcc = XR24;
	a->width = 64;
	a->height = 100;
	a->stride = 256;
	a->sequence = 77;
	a->flags = DMASHARE_SHARE_F_WRITE;
	strcpy(a->name, "red\033[31m\xc2\x9b");
	/* A row too many: the picture is not handed on. */
	b->fourcc = XR24;
	b->width = 64;
	b->height = 33;
	b->stride = 256;
	memset(b->name, 'n', DMASHARE_NAME_LEN);
	fake_announce(f, a);
	fake_announce(f, b);

	ds = connected(f);
	ASSERT(!strcmp(dmashare_device(ds), "fake0"));
	ASSERT_EQ(dmashare_instance(ds), 0x1122334455667788);
	ASSERT_EQ(dmashare_list(ds, NULL, 0), 2);
	ASSERT_EQ(dmashare_list(ds, info, 1), 2);
	ASSERT_EQ(info[1].id, 0);
	ASSERT_EQ(dmashare_list(ds, info, 3), 2);
	ASSERT_EQ(info[0].id, 3);
	ASSERT_EQ(info[0].size, 2 * PAGE);
	ASSERT_EQ(info[0].fourcc | info[0].width | info[0].height |
		  info[0].stride, 0);
	ASSERT_EQ(strlen(info[0].name), DMASHARE_NAME_LEN);
	ASSERT_EQ(info[0].writable, 0);
	ASSERT_EQ(info[1].id, 9);
	ASSERT_EQ(info[1].generation, 1);
	ASSERT_EQ(info[1].size, 8 * PAGE);
	ASSERT_EQ(info[1].writable, 1);
	ASSERT_EQ(info[1].path, DMASHARE_BY_LOCAL);
	ASSERT_EQ(info[1].fourcc, XR24);
	ASSERT_EQ(info[1].width, 64);
	ASSERT_EQ(info[1].height, 100);
	ASSERT_EQ(info[1].stride, 256);
	ASSERT_EQ(info[1].sequence, 77);
	ASSERT_MSG(!strcmp(info[1].name, "red?[31m??"), "%s", info[1].name);
	no_event(ds);
	dmashare_disconnect(ds);
	fake_stop(f);
}

/* The same bytes and not a copy of them, whatever pieces they are in. */
static void same_pages(void)
{
	static const uint64_t pieces[] = { 0, 3 * PAGE, 2 * PAGE };
	struct fake *f = fake_start(NULL, NULL);
	uint64_t size = 8 * PAGE, at;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct fake_share *s = fake_share(f, i + 1, size, pieces[i]);
		uint64_t range[FAKE_MAX_RANGES][2] = { 0 };
		struct dmashare_buffer *buf;
		struct dmashare *ds;
		uint8_t *map;
		void *again;

		s->flags = DMASHARE_SHARE_F_WRITE;
		fake_announce(f, s);
		ds = connected(f);
		buf = opened(ds, i + 1, DMASHARE_WRITE);
		ASSERT_EQ(dmashare_map(buf, (void **)&map), 0);
		compare(map, i + 1, size);
		ASSERT_EQ(dmashare_buffer_ranges(buf, NULL, 0), s->n_ranges);
		ASSERT_EQ(dmashare_buffer_ranges(buf, range, FAKE_MAX_RANGES),
			  s->n_ranges);
		ASSERT_EQ(range[0][0], le64toh(s->range[0].offset));
		ASSERT_EQ(range[s->n_ranges - 1][1],
			  le64toh(s->range[s->n_ranges - 1].length));
		ASSERT_EQ(dmashare_begin_cpu(buf, DMASHARE_WRITE), 0);
		for (at = 0; at < size; at += 1021) {
			*fake_byte(s, at) ^= 0xff;
			ASSERT_EQ(map[at], *fake_byte(s, at));
			map[at] ^= 0x0f;
			ASSERT_EQ(*fake_byte(s, at), map[at]);
			map[at] ^= 0xf0;
		}
		ASSERT_EQ(dmashare_end_cpu(buf, DMASHARE_WRITE), 0);
		compare(map, i + 1, size);
		ASSERT_EQ(dmashare_map(buf, &again), 0);
		ASSERT(again == map);
		ASSERT_EQ(dmashare_buffer_writable(buf), 1);
		ASSERT_EQ(dmashare_buffer_enforced(buf), 0);
		ASSERT_EQ(fake_open_count(f), 1);
		dmashare_close(buf);
		ASSERT_EQ(fake_open_count(f), 0);
		ASSERT_ERRNO(msync(map, size, MS_ASYNC), ENOMEM);
		dmashare_disconnect(ds);
	}
	fake_stop(f);
}

static void reading_alone(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct dmashare_buffer *buf, *other;
	struct dmashare *ds;
	void *map;

	fake_announce(f, fake_share(f, 1, 2 * PAGE, 0));
	ds = connected(f);
	ASSERT_EQ(dmashare_open(ds, 1, DMASHARE_WRITE, &buf), -EACCES);
	ASSERT(!buf && strstr(dmashare_error(ds), "reading"));
	ASSERT_EQ(dmashare_open(ds, 1, 4, &buf), -EINVAL);
	ASSERT_EQ(dmashare_open(ds, 2, 0, &buf), -ENOENT);
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_OPEN), 0);
	buf = opened(ds, 1, 0);
	ASSERT_EQ(dmashare_open(ds, 1, 0, &other), -EBUSY);
	ASSERT_EQ(dmashare_buffer_writable(buf), 0);
	ASSERT_EQ(dmashare_buffer_enforced(buf), 1);
	ASSERT_EQ(dmashare_buffer_info(buf)->size, 2 * PAGE);
	ASSERT_EQ(dmashare_map(buf, &map), 0);
	ASSERT_ERRNO(mprotect(map, PAGE, PROT_READ | PROT_WRITE), EACCES);
	ASSERT_ERRNO(pwrite(dmashare_buffer_fd(buf), "x", 1, 0), EBADF);
	/* Also closes what is open. */
	dmashare_disconnect(ds);
	ASSERT_ERRNO(msync(map, PAGE, MS_ASYNC), ENOMEM);
	fake_stop(f);
}

static void announcements(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	struct dmashare_buffer *buf, *again;
	struct dmashare *ds = connected(f);
	struct dmashare_notice n;
	uint32_t hold;
	void *map;

	fake_announce(f, s);
	n = next(ds, DMASHARE_ANNOUNCED);
	ASSERT_EQ(n.info.id, 1);
	ASSERT_EQ(n.info.generation, 1);
	ASSERT(!strcmp(n.info.name, "buffer-1"));
	buf = opened(ds, 1, 0);
	ASSERT_EQ(dmashare_acquire(buf, 0, 1000, &hold, NULL), 0);
	next(ds, DMASHARE_GRANTED);
	ASSERT_EQ(dmashare_map(buf, &map), 0);

	/* It moves, and what is held of it is over. */
	fake_withdraw(f, s, DMASHARE_WITHDRAW_MOVED);
	n = next(ds, DMASHARE_ENDED);
	ASSERT_EQ(n.hold, hold);
	ASSERT_EQ(n.error, ECANCELED);
	n = next(ds, DMASHARE_WITHDRAWN);
	ASSERT_EQ(n.info.id, 1);
	ASSERT_EQ(n.info.generation, 1);
	ASSERT_EQ(n.error, EAGAIN);
	ASSERT_EQ(dmashare_map(buf, &map), -ESTALE);
	ASSERT_EQ(dmashare_subscribe(buf, 1), -ESTALE);
	ASSERT_EQ(dmashare_acquire(buf, 0, 1, &hold, NULL), -ESTALE);
	ASSERT_EQ(dmashare_open(ds, 1, 0, &again), -EAGAIN);
	ASSERT_EQ(dmashare_list(ds, NULL, 0), 1);
	fake_announce(f, s);
	n = next(ds, DMASHARE_ANNOUNCED);
	ASSERT_EQ(n.info.generation, 2);
	/* The dead one is in nobody's way. */
	again = opened(ds, 1, 0);
	ASSERT_EQ(fake_open_count(f), 1);
	dmashare_close(buf);
	ASSERT_EQ(fake_open_count(f), 1);
	ASSERT_EQ(dmashare_map(again, &map), 0);
	compare(map, 1, 2 * PAGE);

	fake_withdraw(f, s, DMASHARE_WITHDRAW_RELEASED);
	n = next(ds, DMASHARE_WITHDRAWN);
	ASSERT_EQ(n.error, 0);
	ASSERT_EQ(n.info.generation, 2);
	ASSERT_EQ(dmashare_list(ds, NULL, 0), 0);
	dmashare_close(again);
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_CLOSE), 0);

	s->id = 2;
	fake_announce(f, s);
	next(ds, DMASHARE_ANNOUNCED);
	fake_withdraw(f, s, DMASHARE_WITHDRAW_RESET);
	ASSERT_EQ(next(ds, DMASHARE_WITHDRAWN).error, ECANCELED);
	dmashare_disconnect(ds);
	fake_stop(f);
}

/* OPEN crosses a move: whoever asks for it need not know. */
static void open_while_it_moves(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	struct dmashare_buffer *buf;
	struct dmashare *ds;
	void *map;

	fake_announce(f, s);
	ds = connected(f);
	fake_withdraw(f, s, DMASHARE_WITHDRAW_MOVED);
	fake_announce(f, s);
	/* Neither was read when OPEN is sent. */
	buf = opened(ds, 1, 0);
	ASSERT_EQ(dmashare_buffer_info(buf)->generation, 2);
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_OPEN), 2);
	ASSERT_EQ(dmashare_map(buf, &map), 0);
	compare(map, 1, 2 * PAGE);
	next(ds, DMASHARE_WITHDRAWN);
	next(ds, DMASHARE_ANNOUNCED);
	no_event(ds);
	/* A server that contradicts itself is not asked for ever. */
	dmashare_close(buf);
	s->generation = 7;
	ASSERT_EQ(dmashare_open(ds, 1, 0, &buf), -ESTALE);
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_OPEN), 3);
	dmashare_disconnect(ds);
	fake_stop(f);
}

static bool can_be_read(struct dmashare *ds)
{
	struct pollfd p = { dmashare_fd(ds), POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

static void contents(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	struct dmashare_buffer *buf;
	struct dmashare_info info;
	struct dmashare_notice n;
	struct dmashare *ds;
	uint32_t hold;

	fake_announce(f, s);
	ds = connected(f);
	ASSERT(!can_be_read(ds));
	ASSERT_EQ(fake_publish(f, s, 5), 0);
	ASSERT_EQ(fake_publish(f, s, 6), 0);
	ASSERT_EQ(fake_publish(f, s, 7), 0);
	ASSERT(can_be_read(ds));
	/* They come before the answer to this, and are one event. */
	buf = opened(ds, 1, 0);
	ASSERT(can_be_read(ds));
	n = next(ds, DMASHARE_CONTENT);
	ASSERT_EQ(n.sequence, 7);
	ASSERT_EQ(n.hold, 0);
	ASSERT(!can_be_read(ds));
	no_event(ds);
	ASSERT_EQ(dmashare_list(ds, &info, 1), 1);
	ASSERT_EQ(info.sequence, 7);

	ASSERT_EQ(dmashare_subscribe(buf, 1), 0);
	ASSERT_EQ(fake_publish(f, s, 8), 1);
	n = next(ds, DMASHARE_CONTENT);
	ASSERT_EQ(n.sequence, 8);
	ASSERT_EQ(n.deadline_ns, 1000000000);
	ASSERT_NE(n.hold, 0);
	ASSERT_EQ(dmashare_release(ds, n.hold, 0), 0);
	ASSERT_EQ(fake_released(f, n.hold), 0);
	ASSERT_EQ(dmashare_release(ds, n.hold, 0), -ENOENT);

	ASSERT_EQ(fake_publish(f, s, 9), 1);
	hold = next(ds, DMASHARE_CONTENT).hold;
	ASSERT_EQ(dmashare_release(ds, hold, EIO), 0);
	ASSERT_EQ(fake_released(f, hold), EIO);

	/* Released too late. */
	ASSERT_EQ(fake_publish(f, s, 10), 1);
	hold = next(ds, DMASHARE_CONTENT).hold;
	fake_end(f, hold, ETIMEDOUT);
	ASSERT_EQ(dmashare_release(ds, hold, 0), -ENOENT);
	n = next(ds, DMASHARE_ENDED);
	ASSERT_EQ(n.hold, hold);
	ASSERT_EQ(n.error, ETIMEDOUT);

	ASSERT_EQ(fake_publish(f, s, 11), 1);
	ASSERT_EQ(dmashare_subscribe(buf, 0), 0);
	hold = next(ds, DMASHARE_CONTENT).hold;
	ASSERT_EQ(dmashare_release(ds, hold, 0), -ENOENT);
	ASSERT_EQ(fake_publish(f, s, 12), 0);
	ASSERT_EQ(next(ds, DMASHARE_CONTENT).hold, 0);
	dmashare_disconnect(ds);
	fake_stop(f);
}

/* The errno from a fence's descriptor, once it can be read; -1 at its end. */
static int fence_says(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	__le32 word;
	ssize_t n;

	ASSERT_EQ(poll(&p, 1, SOON_MS), 1);
	n = read(fd, &word, sizeof(word));
	if (!n)
		return -1;
	ASSERT_EQ(n, sizeof(word));
	return le32toh(word);
}

static void fences(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	struct dmashare_buffer *buf;
	struct dmashare_notice n;
	struct dmashare *ds;
	struct pollfd p;
	uint32_t hold;
	int fd;

	s->sequence = 4;
	fake_announce(f, s);
	fake_auto_grant(f, false);
	ds = connected(f);
	buf = opened(ds, 1, 0);
	ASSERT_EQ(dmashare_acquire(buf, 0, 0, &hold, NULL), -EINVAL);
	ASSERT_EQ(dmashare_acquire(buf, 0, DMASHARE_MAX_DEADLINE_NS + 1, &hold,
				   NULL), -EINVAL);
	ASSERT_EQ(dmashare_acquire(buf, 8, 1, &hold, NULL), -EINVAL);
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_ACQUIRE), 0);

	ASSERT_EQ(dmashare_acquire(buf, 0, 1000, &hold, &fd), 0);
	p = (struct pollfd){ fd, POLLIN, 0 };
	ASSERT_EQ(poll(&p, 1, 0), 0);
	no_event(ds);
	fake_grant(f, hold, 0);
	ASSERT_EQ(fence_says(fd), 0);
	ASSERT_EQ(fence_says(fd), -1);
	close(fd);
	n = next(ds, DMASHARE_GRANTED);
	ASSERT_EQ(n.hold, hold);
	ASSERT_EQ(n.error, 0);
	ASSERT_EQ(n.info.id, 1);
	ASSERT_EQ(n.sequence, 4);
	ASSERT_EQ(dmashare_release(ds, hold, 5000), -EINVAL);
	ASSERT_EQ(dmashare_release(ds, hold, EREMOTEIO), 0);
	ASSERT_EQ(fake_released(f, hold), EREMOTEIO);

	/* Refused: over. */
	ASSERT_EQ(dmashare_acquire(buf, 0, 1000, &hold, &fd), 0);
	fake_grant(f, hold, ETIME);
	ASSERT_EQ(fence_says(fd), ETIME);
	close(fd);
	ASSERT_EQ(next(ds, DMASHARE_GRANTED).error, ETIME);
	ASSERT_EQ(dmashare_release(ds, hold, 0), -ENOENT);

	/* Only waited for: granted, and over. */
	ASSERT_EQ(dmashare_acquire(buf, DMASHARE_WAIT_ONLY, 0, &hold, NULL), 0);
	fake_grant(f, hold, 0);
	ASSERT_EQ(next(ds, DMASHARE_GRANTED).hold, hold);
	ASSERT_EQ(dmashare_release(ds, hold, 0), -ENOENT);

	/* Cancelled before it was granted. */
	ASSERT_EQ(dmashare_acquire(buf, 0, 1000, &hold, NULL), 0);
	ASSERT_EQ(dmashare_release(ds, hold, 0), 0);
	no_event(ds);

	/* The server goes: the end of the file is all that comes. */
	ASSERT_EQ(dmashare_acquire(buf, 0, 1000, &hold, &fd), 0);
	fake_stop(f);
	ASSERT_EQ(fence_says(fd), -1);
	close(fd);
	ASSERT_EQ(dmashare_next(ds, SOON_MS, &n), -ECONNRESET);
	dmashare_disconnect(ds);
}

static void server_goes(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	struct dmashare_buffer *buf;
	struct dmashare_notice n;
	struct dmashare *ds;
	uint32_t hold;
	char path[100];
	void *map;

	fake_announce(f, s);
	ds = connected(f);
	buf = opened(ds, 1, 0);
	ASSERT_EQ(dmashare_map(buf, &map), 0);
	fake_publish(f, s, 3);
	fake_hang_up(f);
	/* What it said before is told, then that it is gone, every time. */
	ASSERT_EQ(next(ds, DMASHARE_CONTENT).sequence, 3);
	ASSERT_EQ(dmashare_next(ds, SOON_MS, &n), -ECONNRESET);
	ASSERT(can_be_read(ds));
	ASSERT_EQ(dmashare_next(ds, 0, &n), -ECONNRESET);
	ASSERT(strstr(dmashare_error(ds), "closed"));
	ASSERT_EQ(dmashare_acquire(buf, 0, 1, &hold, NULL), -ECONNRESET);
	ASSERT_EQ(dmashare_release(ds, 1, 0), -ECONNRESET);
	ASSERT_EQ(dmashare_subscribe(buf, 1), -ECONNRESET);
	/* What is mapped stays mapped. */
	compare(map, 1, 2 * PAGE);
	dmashare_close(buf);
	ASSERT_EQ(dmashare_open(ds, 1, 0, &buf), -ECONNRESET);
	dmashare_disconnect(ds);

	/* In the middle of a request. */
	ds = connected(f);
	strcpy(path, fake_path(f));
	fake_stop(f);
	ASSERT_EQ(dmashare_open(ds, 1, 0, &buf), -ECONNRESET);
	dmashare_disconnect(ds);
	ASSERT_EQ(dmashare_connect(path, NULL, SOON_MS, &ds), -ENOENT);
	ASSERT(!ds && strstr(dmashare_error(NULL), path));
}

static void nobody_there(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/share-XXXXXX", far[200];
	struct dmashare *ds;
	int fd, out;

	ASSERT(mkdtemp(dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ASSERT_OK(bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	ASSERT_EQ(dmashare_connect(addr.sun_path, NULL, SOON_MS, &ds),
		  -ECONNREFUSED);
	/* It takes one connection, and then none, and says nothing. */
	ASSERT_OK(listen(fd, 0));
	ASSERT_EQ(dmashare_connect(addr.sun_path, NULL, 50, &ds), -ETIMEDOUT);
	ASSERT(strstr(dmashare_error(NULL), "answer"));
	out = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (!connect(out, (struct sockaddr *)&addr, sizeof(addr)))
		out = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ASSERT_EQ(errno, EAGAIN);
	ASSERT_EQ(dmashare_connect(addr.sun_path, NULL, 50, &ds), -ETIMEDOUT);
	ASSERT(strstr(dmashare_error(NULL), "accept"));
	unlink(addr.sun_path);
	ASSERT_EQ(dmashare_connect(addr.sun_path, NULL, 50, &ds), -ENOENT);
	rmdir(dir);
	memset(far, 'x', sizeof(far) - 1);
	far[sizeof(far) - 1] = 0;
	ASSERT_EQ(dmashare_connect(far, NULL, 50, &ds), -ENAMETOOLONG);
	ASSERT_EQ(dmashare_connect("", NULL, 50, &ds), -ENOENT);
	dmashare_disconnect(NULL);
	dmashare_close(NULL);
}

static uint32_t bit_by_bit(uint32_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	for (; len; len--, p++) {
		unsigned int i;

		crc ^= *p;
		for (i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static void crc(void)
{
	uint8_t bytes[300];
	size_t i, len;

	ASSERT_EQ(dmashare_crc32c(0, "123456789", 9), 0xe3069283);
	ASSERT_EQ(dmashare_crc32c(0, NULL, 0), 0);
	/* RFC 3720, B.4 */
	memset(bytes, 0, 32);
	ASSERT_EQ(dmashare_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	ASSERT_EQ(dmashare_crc32c(0, bytes, 32), 0x62a8ab43);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = fake_pattern(1, i);
	for (i = 0; i < 9; i++)
		for (len = 0; len < 260; len += 7)
			ASSERT_EQ(dmashare_crc32c(len, bytes + i, len),
				  bit_by_bit(len, bytes + i, len));
	ASSERT_EQ(dmashare_crc32c(dmashare_crc32c(0, bytes, 100), bytes + 100,
				  200),
		  dmashare_crc32c(0, bytes, 300));
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(lists),
		KTAP_CASE(same_pages),
		KTAP_CASE(reading_alone),
		KTAP_CASE(announcements),
		KTAP_CASE(open_while_it_moves),
		KTAP_CASE(contents),
		KTAP_CASE(fences),
		KTAP_CASE(server_goes),
		KTAP_CASE(nobody_there),
		KTAP_CASE(crc),
	};

	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
