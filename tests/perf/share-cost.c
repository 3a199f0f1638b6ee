// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to be given a buffer of the guest's by the share server, beside
 * what it costs to be given the same memory by another process:
 *
 *     share-cost SOCKET SIZE ROUNDS
 *
 * opens the share SHARE_BIG_NAME of SIZE bytes ROUNDS times (libdmashare, OPEN),
 * and as often, turn by turn, asks a process of its own, which has that memory
 * file as well: other pages would lie elsewhere, and be slower or quicker. It does
 * what any server of memory has to do and no more: it waits for several
 * descriptors, opens the file once more so that it can only be read, passes that,
 * and closes its own. (A dma-buf cannot be opened once more, and is passed as it
 * is.) Each time the client maps what it got and looks at every page.
 *
 * Then, without a look at the pages, the steps of which either consists: an
 * answer with no descriptor, one with the descriptor as it is, one with the file
 * opened anew; and of the share server, an answer with none, and OPEN. Once as
 * fast as it goes (warm), and once as in those rounds, in which a gibibyte has
 * gone through the caches since whoever answers ran last (cold).
 *
 * Prints one JSON object: microseconds until the descriptor was there, and until
 * the last page had been seen, of each round; and of each step.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
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
#define WARM_STEPS	1000	/* of each */
#define COLD_STEPS	100
#define CACHES		(64u << 20)	/* twice as much as most have */
#define LINE		64

/* The first byte of a request to the other process: what comes with the answer. */
enum ask {
	ASK_NOTHING,
	ASK_PASS,	/* the descriptor that it has */
	ASK_REOPEN,	/* another one, of the file opened for reading */
};

/*
 * In us. To map and to look is nobody's work but ours, so that it is counted in
 * processor time: what else the host does would be the larger part of it.
 */
struct times {
	double received, seen;
};

/* What is passed: the pages of the buffer in @fd, once somebody has passed it. */
struct memory {
	uint64_t size;
	uint64_t (*range)[2];
	int n_ranges;
	bool dma_buf;
	int fd;
};

static void fail(const char *what)
{
	fprintf(stderr, "share-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static double now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

/* Of this program's own, the kernel's for it included. */
static double cpu_us(void)
{
	return clock_us(CLOCK_THREAD_CPUTIME_ID);
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

/* The whole message, with that descriptor if it is one. */
static void answer(int socket, const char *message, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (char *)message, MESSAGE };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(fd)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	if (sendmsg(socket, &m, MSG_NOSIGNAL) != MESSAGE)
		fail("sendmsg");
}

/*
 * @more is where others would connect: who has one client alone, and waits for it
 * in recv(), serves nobody else.
 */
static void serve(int socket, int more, int fd)
{
	struct pollfd p[] = { { socket, POLLIN, 0 }, { more, POLLIN, 0 } };
	char message[MESSAGE] = { 0 }, path[40];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (;;) {
		if (poll(p, 2, -1) < 0)
			fail("poll");
		if (recv(socket, message, sizeof(message), 0) != sizeof(message))
			exit(0);
		switch (message[0]) {
		case ASK_NOTHING:
			answer(socket, message, -1);
			break;
		case ASK_PASS:
			answer(socket, message, fd);
			break;
		default:
			other = open(path, O_RDONLY | O_CLOEXEC);
			if (other < 0)
				fail(path);
			answer(socket, message, other);
			close(other);
		}
	}
}

static int start(int fd, pid_t *pid)
{
	int ends[2], others[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, others))
		fail("socketpair");
	*pid = fork();
	if (*pid < 0)
		fail("fork");
	if (!*pid) {
		close(ends[0]);
		serve(ends[1], others[1], fd);
	}
	close(ends[1]);
	close(others[1]);
	return ends[0];
}

/* Asks the other process; its descriptor, or -1. Nobody waits for ever. */
static int ask(int socket, enum ask what)
{
	char message[MESSAGE] = { what }, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { message, sizeof(message) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct pollfd p = { socket, POLLIN, 0 };
	int fd = -1;

	if (write(socket, message, sizeof(message)) != sizeof(message) ||
	    poll(&p, 1, WAIT_MS) != 1 ||
	    recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(message) ||
	    !CMSG_FIRSTHDR(&m) != (what == ASK_NOTHING))
		fail("no memory file came");
	if (what != ASK_NOTHING)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Nobody should map what can shrink. */
static void check(const struct memory *m, int fd)
{
	struct stat st;

	if (m->dma_buf ? lseek(fd, 0, SEEK_END) != (off_t)m->size :
	    fstat(fd, &st) || !(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK))
		fail("not the memory file");
}

/* As the library does: addresses first, so that ranges come to lie side by side. */
static void *map_ranges(const struct memory *m, int fd)
{
	uint8_t *base = mmap(NULL, m->size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at = base;
	int i;

	if (base == MAP_FAILED)
		fail("mmap");
	for (i = 0; i < m->n_ranges; i++) {
		if (mmap(at, m->range[i][1], PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			 m->range[i][0]) == MAP_FAILED)
			fail("mmap");
		at += m->range[i][1];
	}
	return base;
}

/* What the share server passes, kept; once the buffer is closed it is as good. */
static void keep(struct dmashare *ds, uint32_t id, struct memory *m)
{
	struct dmashare_buffer *buf;

	if (dmashare_open(ds, id, 0, &buf)) {
		fprintf(stderr, "share-cost: %s\n", dmashare_error(ds));
		exit(1);
	}
	m->n_ranges = dmashare_buffer_ranges(buf, NULL, 0);
	m->range = calloc(m->n_ranges, sizeof(*m->range));
	m->fd = dup(dmashare_buffer_fd(buf));
	if (!m->range || m->fd < 0)
		fail("memory");
	dmashare_buffer_ranges(buf, m->range, m->n_ranges);
	m->dma_buf = dmashare_buffer_info(buf)->path == DMASHARE_BY_UDMABUF;
	dmashare_close(buf);
}

/* --- one round of each */

static struct times be_passed(int socket, const struct memory *m)
{
	double begin = now_us(), mapping;
	struct times t;
	void *map;
	int fd = ask(socket, m->dma_buf ? ASK_PASS : ASK_REOPEN);

	check(m, fd);
	t.received = now_us() - begin;
	mapping = cpu_us();
	map = map_ranges(m, fd);
	look(map, m->size);
	t.seen = t.received + cpu_us() - mapping;
	munmap(map, m->size);
	close(fd);
	return t;
}

static struct times be_shared(struct dmashare *ds, uint32_t id, uint64_t size, uint64_t *blocks)
{
	double begin = now_us(), mapping;
	struct dmashare_buffer *buf;
	struct stat st;
	struct times t;
	void *map;

	if (dmashare_open(ds, id, 0, &buf))
		goto failed;
	t.received = now_us() - begin;
	mapping = cpu_us();
	if (dmashare_map(buf, &map))
		goto failed;
	look(map, size);
	t.seen = t.received + cpu_us() - mapping;
	if (fstat(dmashare_buffer_fd(buf), &st))
		fail("fstat");
	*blocks = st.st_blocks;
	dmashare_close(buf);
	return t;
failed:
	fprintf(stderr, "share-cost: %s\n", dmashare_error(ds));
	exit(1);
}

/* --- the steps */

enum step { STEP_ANSWER, STEP_PASS, STEP_REOPEN, STEP_SERVER, STEP_OPEN, N_STEPS };

static const char *const step_names[N_STEPS] = {
	"answer", "pass", "reopen", "server", "open",
};

static double warm_us[N_STEPS][WARM_STEPS], cold_us[N_STEPS][COLD_STEPS];

/* So that nothing of anybody is left in the caches; NULL: it may be. */
static double begin_step(const volatile uint8_t *caches)
{
	size_t at;

	for (at = 0; caches && at < CACHES; at += LINE)
		(void)caches[at];
	return now_us();
}

static double asked(int socket, enum ask what, const struct memory *m, const uint8_t *caches)
{
	double begin = begin_step(caches), us;
	int fd = ask(socket, what);

	if (fd >= 0)
		check(m, fd);
	us = now_us() - begin;
	if (fd >= 0)
		close(fd);
	return us;
}

static void one_of_each(int socket, struct dmashare *ds, uint32_t id, const struct memory *m,
			const uint8_t *caches, double *us[N_STEPS])
{
	struct dmashare_buffer *buf;
	double begin;

	*us[STEP_ANSWER] = asked(socket, ASK_NOTHING, m, caches);
	*us[STEP_PASS] = asked(socket, ASK_PASS, m, caches);
	*us[STEP_REOPEN] = asked(socket, m->dma_buf ? ASK_PASS : ASK_REOPEN, m, caches);
	begin = begin_step(caches);
	if (dmashare_open(ds, id, 0, &buf))
		goto failed;
	*us[STEP_OPEN] = now_us() - begin;
	/* It is not subscribed: a message each way, and nothing comes of it. */
	begin = begin_step(caches);
	if (dmashare_subscribe(buf, 0))
		goto failed;
	*us[STEP_SERVER] = now_us() - begin;
	dmashare_close(buf);
	return;
failed:
	fprintf(stderr, "share-cost: %s\n", dmashare_error(ds));
	exit(1);
}

static void steps(int socket, struct dmashare *ds, uint32_t id, const struct memory *m)
{
	uint8_t *caches = malloc(CACHES);
	double *us[N_STEPS];
	unsigned int i, s;

	if (!caches)
		fail("memory");
	memset(caches, 1, CACHES);
	for (i = 0; i < WARM_STEPS; i++) {
		for (s = 0; s < N_STEPS; s++)
			us[s] = &warm_us[s][i];
		one_of_each(socket, ds, id, m, NULL, us);
	}
	for (i = 0; i < COLD_STEPS; i++) {
		for (s = 0; s < N_STEPS; s++)
			us[s] = &cold_us[s][i];
		one_of_each(socket, ds, id, m, caches, us);
	}
	free(caches);
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

static void print_list(const char *name, const double *us, unsigned int n, size_t stride)
{
	unsigned int i;

	printf("\"%s\": [", name);
	for (i = 0; i < n; i++)
		printf("%s%.1f", i ? ", " : "", us[i * stride]);
	printf("]");
}

static void print(const char *name, const struct times *t, unsigned int n)
{
	size_t stride = sizeof(*t) / sizeof(double);

	printf("\"%s\": {", name);
	print_list("received_us", &t->received, n, stride);
	printf(", ");
	print_list("seen_us", &t->seen, n, stride);
	printf("}, ");
}

static void print_steps(const char *name, const double *us, unsigned int n)
{
	unsigned int s;

	printf("\"%s\": {", name);
	for (s = 0; s < N_STEPS; s++) {
		print_list(step_names[s], us + s * n, n, 1);
		printf(s + 1 < N_STEPS ? ", " : "}, ");
	}
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
	uint64_t before = 0, after = 0;
	struct memory m = { 0 };
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
	m.size = strtoull(argv[2], NULL, 0);
	rounds = strtoul(argv[3], NULL, 0);
	if (!m.size || m.size % PAGE || !rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "share-cost: SIZE is whole pages, ROUNDS 1 to %u\n", MAX_ROUNDS);
		return 2;
	}
	if (dmashare_connect(argv[1], "share-cost", WAIT_MS, &ds)) {
		fprintf(stderr, "share-cost: %s\n", dmashare_error(NULL));
		return 1;
	}
	id = find(ds, m.size);
	keep(ds, id, &m);
	socket = start(m.fd, &pid);
	/* Once without a clock: both then have what they keep. */
	be_passed(socket, &m);
	first = be_shared(ds, id, m.size, &before);
	anon_before = status_kib("RssAnon:");
	for (i = 0; i < rounds; i++) {
		passed[i] = be_passed(socket, &m);
		shared[i] = be_shared(ds, id, m.size, &after);
	}
	anon_after = status_kib("RssAnon:");
	steps(socket, ds, id, &m);
	dmashare_disconnect(ds);
	close(socket);
	waitpid(pid, NULL, 0);
	printf("{\"bytes\": %" PRIu64 ", \"rounds\": %u, ", m.size, rounds);
	print("passed", passed, rounds);
	print("shared", shared, rounds);
	print_steps("warm_us", warm_us[0], WARM_STEPS);
	print_steps("cold_us", cold_us[0], COLD_STEPS);
	printf("\"first_us\": {\"received\": %.1f, \"seen\": %.1f}, ", first.received, first.seen);
	printf("\"file_kib\": [%" PRIu64 ", %" PRIu64 "], \"anonymous_kib\": [%lu, %lu]}\n",
	       before / 2, after / 2, anon_before, anon_after);
	return 0;
}
