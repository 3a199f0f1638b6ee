// SPDX-License-Identifier: GPL-2.0-or-later
/* libdmashare with servers that lie, break off, or are broken. */
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/lsan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <dmashare.h>

#include "fake.h"
#include "lib/ktap.h"

#define PAGE	4096
#define SOON_MS	10000

/* What becomes of a message of type @type, which is changed by @change. */
struct lie {
	const char *name;
	uint32_t type;
	void (*change)(struct fake_out *out);
	int expected;
	const char *says;
};

static int memory_file(size_t size, int seals)
{
	int fd = memfd_create("lie", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, size));
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static void replace_fd(struct fake_out *out, unsigned int i, int fd)
{
	ASSERT_OK(fd);
	close(out->fd[i]);
	out->fd[i] = fd;
}

/* Leaves the first @keep. */
static void drop_fds(struct fake_out *out, unsigned int keep)
{
	while (out->n_fds > keep)
		close(out->fd[--out->n_fds]);
}

/* Another message, with an empty body. */
static void become(struct fake_out *out, uint32_t type)
{
	memset(out->msg.body, 0, sizeof(out->msg.body));
	out->msg.type = htole32(type);
}

/* A memory file of ranges in place of those that belong there. */
static void replace_ranges(struct fake_out *out, size_t n,
			   const uint64_t (*range)[2])
{
	struct dmashare_range list[4];
	size_t i;
	int fd;

	for (i = 0; i < n; i++) {
		list[i].offset = htole64(range[i][0]);
		list[i].length = htole64(range[i][1]);
	}
	fd = memory_file(0, 0);
	ASSERT_EQ(write(fd, list, n * sizeof(list[0])), n * sizeof(list[0]));
	replace_fd(out, 1, fd);
}

#define LIE(name, type, expected, says, statement)			\
	static void change_##name(struct fake_out *out)			\
	{								\
		statement;						\
	}								\
	static const struct lie lie_##name = {				\
		#name, DMASHARE_MSG_##type, change_##name, expected, says }

LIE(length, WELCOME, -EPROTO, "another length",
    out->msg.length = htole32(64));
LIE(type, WELCOME, -EPROTO, "unknown type", out->msg.type = htole32(200));
LIE(type_of_client, WELCOME, -EPROTO, "unknown type",
    out->msg.type = htole32(DMASHARE_MSG_HELLO));
LIE(type_between, READY, -EPROTO, "unknown type", out->msg.type = htole32(40));
LIE(reserved, WELCOME, -EPROTO, "reserved", out->msg.reserved = htole32(1));
LIE(tail, WELCOME, -EPROTO, "after the end",
    out->msg.body[sizeof(out->msg.body) - 1] = 1);
LIE(magic, WELCOME, -EPROTO, "magic", out->msg.welcome.magic ^= 1);
LIE(major, WELCOME, -EPROTONOSUPPORT, "2.0",
    out->msg.welcome.version = htole32(2 << 16));
LIE(minor, WELCOME, -EPROTONOSUPPORT, "1.7",
    out->msg.welcome.version = htole32(1 << 16 | 7));
LIE(no_holds, WELCOME, -EPROTO, "holds", out->msg.welcome.max_holds = 0);
LIE(many_holds, WELCOME, -EPROTO, "holds",
    out->msg.welcome.max_holds = htole32(65));
LIE(welcome_twice, WELCOME, -EPROTO, "nothing that was asked",
    out->again = 1);
LIE(other_serial, WELCOME, -EPROTO, "nothing that was asked",
    out->msg.serial ^= htole32(6));
LIE(other_answer, WELCOME, -EPROTO, "something else",
    become(out, DMASHARE_MSG_DONE));
LIE(half_welcome, WELCOME, -ECONNRESET, "closed",
    out->length = 60; out->hang_up = true);
LIE(no_welcome, WELCOME, -ECONNRESET, "closed",
    out->skip = out->hang_up = true);
LIE(refused, WELCOME, -EACCES, "not you?[2J",
    become(out, DMASHARE_MSG_ERROR);
    out->msg.serial = 0;
    out->msg.error.error = htole32(EACCES);
    strcpy((char *)out->msg.error.text, "not you\033[2J");
    out->hang_up = true);
LIE(full, WELCOME, -EUSERS, "16 of them",
    become(out, DMASHARE_MSG_ERROR);
    out->msg.error.error = htole32(EUSERS);
    strcpy((char *)out->msg.error.text, "16 of them"));
LIE(error_none, WELCOME, -EPROTO, "errno 0",
    become(out, DMASHARE_MSG_ERROR));
LIE(error_huge, WELCOME, -EPROTO, "errno 4294967295",
    become(out, DMASHARE_MSG_ERROR);
    out->msg.error.error = htole32(0xffffffff));
LIE(notice_serial, ANNOUNCE, -EPROTO, "with a serial",
    out->msg.serial = htole32(1));
LIE(announce_flags, ANNOUNCE, -EPROTO, "flags",
    out->msg.announce.flags = htole32(2));
LIE(announce_path, ANNOUNCE, -EPROTO, "path",
    out->msg.announce.path = htole32(4));
LIE(announce_empty, ANNOUNCE, -EPROTO, "pages", out->msg.announce.size = 0);
LIE(announce_odd, ANNOUNCE, -EPROTO, "pages",
    out->msg.announce.size = htole64(PAGE + 1));
LIE(announce_fd, ANNOUNCE, -EPROTO, "descriptors",
    out->fd[out->n_fds++] = memory_file(PAGE, 0));
LIE(many_fds, ANNOUNCE, -EPROTO, "more descriptors",
    while (out->n_fds < FAKE_MAX_FDS)
	out->fd[out->n_fds++] = memory_file(PAGE, 0));
LIE(ready_twice, READY, -EPROTO, "READY", out->again = 1);

/* Those of OPENED. The buffer's ranges are two of two pages. */
LIE(open_share, OPENED, -EPROTO, "another buffer",
    out->msg.opened.share = htole32(2));
LIE(open_generation, OPENED, -EPROTO, "another buffer",
    out->msg.opened.generation = htole32(2));
LIE(open_size, OPENED, -EPROTO, "another buffer",
    out->msg.opened.size = htole64(5 * PAGE));
LIE(open_path, OPENED, -EPROTO, "known way", out->msg.opened.path = 0);
LIE(open_path_new, OPENED, -EPROTO, "known way",
    out->msg.opened.path = htole32(4));
LIE(open_flags, OPENED, -EPROTO, "flags",
    out->msg.opened.flags = htole32(4));
LIE(open_reserved, OPENED, -EPROTO, "flags",
    out->msg.opened.reserved = htole32(1));
LIE(open_read_only, OPENED, -EPROTO, "in place of one to write",
    out->msg.opened.flags = 0);
LIE(open_no_ranges, OPENED, -EPROTO, "ranges", out->msg.opened.n_ranges = 0);
LIE(open_many_ranges, OPENED, -EPROTO, "ranges",
    out->msg.opened.n_ranges = htole32(5));
LIE(open_endless_ranges, OPENED, -EPROTO, "ranges",
    out->msg.opened.n_ranges = htole32(0xffffffff));
LIE(open_no_fd, OPENED, -EPROTO, "descriptors",
    drop_fds(out, 0));
LIE(open_one_fd, OPENED, -EPROTO, "descriptors",
    drop_fds(out, 1));
LIE(open_two_fds, OPENED, -EPROTO, "descriptors",
    out->msg.opened.n_ranges = htole32(1));
LIE(open_socket, OPENED, -EPROTO, "no memory file",
    replace_fd(out, 0, open("/dev/zero", O_RDWR | O_CLOEXEC)));
LIE(open_shrinks, OPENED, -EPROTO, "could shrink",
    replace_fd(out, 0, memory_file(16 * PAGE, F_SEAL_GROW)));
LIE(open_fake_udmabuf, OPENED, -EPROTO, "no dma-buf",
    out->msg.opened.path = htole32(DMASHARE_PATH_UDMABUF));
LIE(open_small, OPENED, -EPROTO, "outside",
    replace_fd(out, 0, memory_file(PAGE, F_SEAL_SHRINK)));
LIE(ranges_no_file, OPENED, -EPROTO, "list of ranges",
    replace_fd(out, 1, open("/dev/zero", O_RDONLY | O_CLOEXEC)));
LIE(ranges_end, OPENED, -EPROTO, "ends early",
    replace_fd(out, 1, memory_file(16, F_SEAL_SHRINK)));
LIE(ranges_zero, OPENED, -EPROTO, "whole pages",
    replace_fd(out, 1, memory_file(32, F_SEAL_SHRINK)));
#define RANGES(...)							\
	do {								\
		static const uint64_t r[][2] = { __VA_ARGS__ };		\
		replace_ranges(out, ARRAY_SIZE(r), r);			\
	} while (0)
LIE(ranges_odd, OPENED, -EPROTO, "whole pages",
    RANGES({ 0, 2 * PAGE }, { 5, 2 * PAGE }));
LIE(ranges_odd_length, OPENED, -EPROTO, "whole pages",
    RANGES({ 0, 2 * PAGE }, { 0, PAGE + 1 }));
LIE(ranges_outside, OPENED, -EPROTO, "outside",
    RANGES({ 0, 2 * PAGE }, { 1 << 20, 2 * PAGE }));
LIE(ranges_wrap, OPENED, -EPROTO, "outside",
    RANGES({ 0, 2 * PAGE }, { -2ULL * PAGE, 2 * PAGE }));
LIE(ranges_long, OPENED, -EPROTO, "longer",
    RANGES({ 0, 2 * PAGE }, { 0, 3 * PAGE }));
LIE(ranges_short, OPENED, -EPROTO, "shorter",
    RANGES({ 0, 2 * PAGE }, { 0, PAGE }));
LIE(open_done, OPENED, -EPROTO, "something else",
    drop_fds(out, 0);
    become(out, DMASHARE_MSG_DONE));
LIE(open_breaks_off, OPENED, -ECONNRESET, "closed",
    out->length = 100; out->hang_up = true);

/* Those of ACQUIRED, and of notices that may not come. */
LIE(acquired_share, ACQUIRED, -EPROTO, "another buffer",
    out->msg.hold.share = htole32(2));
LIE(acquired_zero, ACQUIRED, -EPROTO, "hold 0", out->msg.hold.hold = 0);
LIE(acquired_no_fd, ACQUIRED, -EPROTO, "descriptors",
    drop_fds(out, 0));
LIE(acquired_file, ACQUIRED, -EPROTO, "no pipe",
    replace_fd(out, 0, memory_file(PAGE, 0)));
LIE(granted_reserved, GRANTED, -EPROTO, "reserved",
    out->msg.granted.reserved = htole32(1));
LIE(granted_error, GRANTED, -EPROTO, "errno 4096",
    out->msg.granted.error = htole32(4096));
LIE(ended_without, GRANTED, -EPROTO, "errno 0",
    out->msg.type = htole32(DMASHARE_MSG_ENDED);
    out->msg.granted.sequence = 0);
LIE(content_hold, GRANTED, -EPROTO, "nobody subscribed",
    become(out, DMASHARE_MSG_CONTENT);
    out->msg.content.share = htole32(1);
    out->msg.content.sequence = htole64(1);
    out->msg.content.hold = htole32(77));
LIE(content_zero, GRANTED, -EPROTO, "number",
    become(out, DMASHARE_MSG_CONTENT));
LIE(withdraw_reason, GRANTED, -EPROTO, "reason",
    become(out, DMASHARE_MSG_WITHDRAW);
    out->msg.withdraw.reason = htole32(3));
LIE(withdraw_flags, GRANTED, -EPROTO, "flags",
    become(out, DMASHARE_MSG_WITHDRAW);
    out->msg.withdraw.flags = htole32(2));
LIE(announce_grows, GRANTED, -EPROTO, "size",
    become(out, DMASHARE_MSG_ANNOUNCE);
    out->msg.announce.share = htole32(1);
    out->msg.announce.size = htole64(PAGE));
LIE(announce_back, GRANTED, -EPROTO, "generation",
    become(out, DMASHARE_MSG_ANNOUNCE);
    out->msg.announce.share = htole32(1);
    out->msg.announce.size = htole64(4 * PAGE));
/* It cannot make us remember without end. */
LIE(flood, GRANTED, -EPROTO, "events at once",
    become(out, DMASHARE_MSG_WITHDRAW);
    out->msg.withdraw.share = htole32(1);
    out->msg.withdraw.generation = htole32(1);
    out->msg.withdraw.reason = htole32(DMASHARE_WITHDRAW_MOVED);
    out->again = 70000);

static const struct lie *const lies[] = {
	&lie_length, &lie_type, &lie_type_of_client, &lie_type_between,
	&lie_reserved, &lie_tail, &lie_magic, &lie_major, &lie_minor,
	&lie_no_holds, &lie_many_holds, &lie_welcome_twice, &lie_other_serial,
	&lie_other_answer, &lie_half_welcome, &lie_no_welcome, &lie_refused,
	&lie_full, &lie_error_none, &lie_error_huge, &lie_notice_serial,
	&lie_announce_flags, &lie_announce_path, &lie_announce_empty,
	&lie_announce_odd, &lie_announce_fd, &lie_many_fds, &lie_ready_twice,
	&lie_open_share, &lie_open_generation, &lie_open_size, &lie_open_path,
	&lie_open_path_new, &lie_open_flags, &lie_open_reserved,
	&lie_open_read_only, &lie_open_no_ranges, &lie_open_many_ranges,
	&lie_open_endless_ranges, &lie_open_no_fd, &lie_open_one_fd,
	&lie_open_two_fds, &lie_open_socket, &lie_open_shrinks,
	&lie_open_fake_udmabuf, &lie_open_small, &lie_ranges_no_file,
	&lie_ranges_end, &lie_ranges_zero, &lie_ranges_odd,
	&lie_ranges_odd_length, &lie_ranges_outside, &lie_ranges_wrap,
	&lie_ranges_long, &lie_ranges_short, &lie_open_done,
	&lie_open_breaks_off, &lie_acquired_share, &lie_acquired_zero,
	&lie_acquired_no_fd, &lie_acquired_file, &lie_granted_reserved,
	&lie_granted_error, &lie_ended_without, &lie_content_hold,
	&lie_content_zero, &lie_withdraw_reason, &lie_withdraw_flags,
	&lie_announce_grows, &lie_announce_back, &lie_flood,
};

static void tell_lie(struct fake *f, struct fake_out *out, void *opaque)
{
	const struct lie *lie = opaque;

	(void)f;
	if (le32toh(out->msg.type) == lie->type)
		lie->change(out);
}

static unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ASSERT(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* All that a client does, until something fails; that, and what is said. */
static int try_everything(const char *path, char *said, size_t size)
{
	struct dmashare_buffer *buf = NULL;
	struct dmashare_notice n;
	struct dmashare *ds = NULL;
	int ret, fd = -1, i;
	uint32_t hold;
	void *map;

	ret = dmashare_connect(path, "test", SOON_MS, &ds);
	if (ret) {
		snprintf(said, size, "%s", dmashare_error(NULL));
		return ret;
	}
	ret = dmashare_open(ds, 1, DMASHARE_WRITE, &buf);
	if (!ret)
		ret = dmashare_map(buf, &map);
	if (!ret)
		ret = dmashare_acquire(buf, 0, 1000, &hold, &fd);
	/* GRANTED may be read with either of these. */
	if (!ret)
		ret = dmashare_subscribe(buf, 0);
	for (i = 0; ret >= 0 && i < 2; i++)
		ret = dmashare_next(ds, 0, &n);
	if (ret < 0)
		snprintf(said, size, "%s", dmashare_error(ds));
	if (fd >= 0)
		close(fd);
	dmashare_disconnect(ds);
	return ret;
}

/* A server with buffer 1, of two ranges of two pages each, for writing as well. */
static struct fake *serve(fake_change *change, void *opaque)
{
	struct fake *f = fake_start(change, opaque);
	struct fake_share *s = fake_share(f, 1, 4 * PAGE, 2 * PAGE);

	s->flags = DMASHARE_SHARE_F_WRITE;
	fake_announce(f, s);
	return f;
}

static void hostile_servers(void)
{
	unsigned int i, files = open_files();

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		const struct lie *lie = lies[i];
		struct fake *f = serve(tell_lie, (void *)lie);
		char said[300] = "";
		int ret;

		ret = try_everything(fake_path(f), said, sizeof(said));
		ASSERT_MSG(ret == lie->expected, "%s: %d (%s), not %d",
			   lie->name, ret, said, lie->expected);
		ASSERT_MSG(strstr(said, lie->says), "%s: \"%s\" has no \"%s\"",
			   lie->name, said, lie->says);
		fake_stop(f);
		ASSERT_MSG(open_files() == files, "%s: a descriptor is left",
			   lie->name);
	}
	/* A case ends without the check at the end of a program. */
	ASSERT(!__lsan_do_recoverable_leak_check());
}

/* The same without a lie: what is above fails for the reason that it names. */
static void honest_server(void)
{
	struct fake *f = serve(NULL, NULL);
	char said[300];

	ASSERT_EQ(try_everything(fake_path(f), said, sizeof(said)), 0);
	fake_stop(f);
}

/* Changes a few bits of one message in four. */
static void noise(struct fake *f, struct fake_out *out, void *opaque)
{
	unsigned int *seed = opaque, n;

	(void)f;
	if (rand_r(seed) % 4)
		return;
	for (n = rand_r(seed) % 4; n < 4; n++)
		((uint8_t *)&out->msg)[rand_r(seed) % DMASHARE_MSG_SIZE] ^=
			1 << rand_r(seed) % 8;
	/* Never short without the end: that would take the client's 10 s. */
	if (!(rand_r(seed) % 32)) {
		out->length = rand_r(seed) % DMASHARE_MSG_SIZE;
		out->hang_up = true;
	} else {
		out->hang_up = !(rand_r(seed) % 8);
	}
	out->again = rand_r(seed) % 16 ? 0 : rand_r(seed) % 8;
}

static void noisy_servers(void)
{
	unsigned int i, files = open_files(), failed = 0, seed;

	for (i = 0; i < 1000; i++) {
		struct fake *f;
		char said[300];

		seed = i;
		f = serve(noise, &seed);
		failed += try_everything(fake_path(f), said, sizeof(said)) < 0;
		fake_stop(f);
		ASSERT_MSG(open_files() == files,
			   "seed %u: a descriptor is left", i);
	}
	ktap_diag("%u of 1000 connections met with an error", failed);
	ASSERT(failed > 300 && failed < 1000);
	ASSERT(!__lsan_do_recoverable_leak_check());
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(honest_server),
		KTAP_CASE(hostile_servers),
		KTAP_CASE(noisy_servers),
	};

	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
