// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to be given a buffer of the guest's, beside what it costs to be
 * given a memory file of that size by another process:
 *
 *     share-cost SOCKET SIZE ROUNDS
 *
 * opens the share SHARE_BIG_NAME of SIZE bytes ROUNDS times (libdmashare, OPEN),
 * and as often, turn by turn, asks a process of its own for a sealed memory file
 * whose pages are all there. Each time it maps what it got and looks at every
 * page. Prints one JSON object: microseconds until the descriptor was there, and
 * until the last page had been seen, of each round.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dmashare.h>

#include "lib/share-big.h"

#define PAGE		4096u
#define MESSAGE		128	/* bytes, as a message of the share protocol */
#define WAIT_MS		20000
#define MAX_ROUNDS	1000

struct times {
	double received, seen;	/* us */
};

static void fail(const char *what)
{
	fprintf(stderr, "share-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* Every page, so that all of it is mapped; and it must be what is meant. */
static void look(const uint8_t *p, uint64_t size)
{
	uint64_t at, word;

	for (at = 0; at < size; at += PAGE) {
		memcpy(&word, p + at, sizeof(word));
		if (word != SHARE_BIG_WORD) {
			fprintf(stderr, "share-cost: at %" PRIu64 " is %" PRIx64 "\n", at, word);
			exit(1);
		}
	}
}

/* --- the other process */

static int full_memory(uint64_t size)
{
	uint64_t *words, i;
	int fd = memfd_create("share-cost", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, size))
		fail("memory file");
	words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (words == MAP_FAILED)
		fail("mmap of the memory file");
	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = SHARE_BIG_WORD;
	/* Mapped, as QEMU has mapped its own. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		fail("seals");
	return fd;
}

static void serve(int socket, uint64_t size)
{
	char message[MESSAGE] = { 0 }, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { message, sizeof(message) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = full_memory(size);

	*c = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(fd)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (write(socket, message, 1) != 1)	/* it is there */
		fail("write");
	while (recv(socket, message, sizeof(message), MSG_WAITALL) == sizeof(message))
		if (sendmsg(socket, &m, 0) != sizeof(message))
			fail("sendmsg");
	exit(0);
}

static int start(uint64_t size, pid_t *pid)
{
	int ends[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		fail("socketpair");
	*pid = fork();
	if (*pid < 0)
		fail("fork");
	if (!*pid) {
		close(ends[0]);
		serve(ends[1], size);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		fail("the other process");
	return ends[0];
}

/* --- one round of each */

static struct times be_passed(int socket, uint64_t size)
{
	char message[MESSAGE] = { 0 }, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { message, sizeof(message) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	double begin = now_us();
	struct times t;
	struct stat st;
	void *map;
	int fd;

	if (write(socket, message, sizeof(message)) != sizeof(message) ||
	    recvmsg(socket, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(message) ||
	    !CMSG_FIRSTHDR(&m))
		fail("no memory file came");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	/* Nobody should map what can shrink. */
	if (fstat(fd, &st) || (uint64_t)st.st_size != size ||
	    !(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK))
		fail("not the memory file");
	t.received = now_us() - begin;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fail("mmap");
	look(map, size);
	t.seen = now_us() - begin;
	munmap(map, size);
	close(fd);
	return t;
}

static struct times be_shared(struct dmashare *ds, uint32_t id, uint64_t size, uint64_t *blocks)
{
	struct dmashare_buffer *buf;
	double begin = now_us();
	struct stat st;
	struct times t;
	void *map;

	if (dmashare_open(ds, id, 0, &buf))
		goto failed;
	t.received = now_us() - begin;
	if (dmashare_map(buf, &map))
		goto failed;
	look(map, size);
	t.seen = now_us() - begin;
	if (fstat(dmashare_buffer_fd(buf), &st))
		fail("fstat");
	*blocks = st.st_blocks;
	dmashare_close(buf);
	return t;
failed:
	fprintf(stderr, "share-cost: %s\n", dmashare_error(ds));
	exit(1);
}

/* KiB of that line of /proc/self/status. */
static unsigned long status_kib(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long value = 0;
	char line[200];

	if (!f)
		fail("/proc/self/status");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtoul(line + strlen(key) + 1, NULL, 10);
	fclose(f);
	return value;
}

static void print(const char *name, const struct times *t, unsigned int n)
{
	unsigned int i;

	printf("\"%s\": {\"received_us\": [", name);
	for (i = 0; i < n; i++)
		printf("%s%.1f", i ? ", " : "", t[i].received);
	printf("], \"seen_us\": [");
	for (i = 0; i < n; i++)
		printf("%s%.1f", i ? ", " : "", t[i].seen);
	printf("]}, ");
}

static uint32_t find(struct dmashare *ds, uint64_t size)
{
	struct dmashare_info info[16];
	int i, n = dmashare_list(ds, info, 16);

	for (i = 0; i < n && i < 16; i++)
		if (!strcmp(info[i].name, SHARE_BIG_NAME) && info[i].size == size)
			return info[i].id;
	fprintf(stderr, "share-cost: no share \"%s\" of %" PRIu64 " bytes\n", SHARE_BIG_NAME, size);
	exit(1);
}

int main(int argc, char **argv)
{
	static struct times passed[MAX_ROUNDS], shared[MAX_ROUNDS];
	unsigned long anon_before, anon_after;
	uint64_t size, before = 0, after = 0;
	unsigned int rounds, i;
	struct dmashare *ds;
	struct times first;
	uint32_t id;
	int socket;
	pid_t pid;

	if (argc != 4) {
		fprintf(stderr, "usage: share-cost SOCKET SIZE ROUNDS\n");
		return 2;
	}
	size = strtoull(argv[2], NULL, 0);
	rounds = strtoul(argv[3], NULL, 0);
	if (!size || size % PAGE || !rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "share-cost: SIZE is whole pages, ROUNDS 1 to %u\n", MAX_ROUNDS);
		return 2;
	}
	socket = start(size, &pid);
	if (dmashare_connect(argv[1], "share-cost", WAIT_MS, &ds)) {
		fprintf(stderr, "share-cost: %s\n", dmashare_error(NULL));
		return 1;
	}
	id = find(ds, size);
	/* Once without a clock: both then have what they keep. */
	be_passed(socket, size);
	first = be_shared(ds, id, size, &before);
	anon_before = status_kib("RssAnon:");
	for (i = 0; i < rounds; i++) {
		passed[i] = be_passed(socket, size);
		shared[i] = be_shared(ds, id, size, &after);
	}
	anon_after = status_kib("RssAnon:");
	dmashare_disconnect(ds);
	close(socket);
	waitpid(pid, NULL, 0);
	printf("{\"bytes\": %" PRIu64 ", \"rounds\": %u, ", size, rounds);
	print("passed", passed, rounds);
	print("shared", shared, rounds);
	printf("\"first_us\": {\"received\": %.1f, \"seen\": %.1f}, ", first.received, first.seen);
	printf("\"file_kib\": [%" PRIu64 ", %" PRIu64 "], \"anonymous_kib\": [%lu, %lu]}\n",
	       before / 2, after / 2, anon_before, anon_after);
	return 0;
}
