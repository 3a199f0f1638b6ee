// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

#define DEFAULT_ROUNDS	100
/* The bandwidths are means over this long, at least one pass. */
#define PASS_NS		500000000LL

struct series {
	int64_t *ns;
	size_t n;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_series(const struct tool *t, const char *name,
			 const char *what, struct series *s)
{
	qsort(s->ns, s->n, sizeof(s->ns[0]), compare);
	if (t->opt.json)
		printf(",\n  \"%s_ns\": { \"min\": %" PRId64 ", \"median\": %"
		       PRId64 ", \"p99\": %" PRId64 " }", name, s->ns[0],
		       s->ns[s->n / 2], s->ns[s->n * 99 / 100]);
	else
		printf("%-34s %9.1f us   (least %.1f, 99 of 100 below %.1f)\n",
		       what, s->ns[s->n / 2] / 1e3, s->ns[0] / 1e3,
		       s->ns[s->n * 99 / 100] / 1e3);
}

static void print_rate(const struct tool *t, const char *name,
		       const char *what, double bytes_per_second)
{
	if (t->opt.json)
		printf(",\n  \"%s_bytes_per_s\": %.0f", name,
		       bytes_per_second);
	else
		printf("%-34s %9.1f MiB/s\n", what,
		       bytes_per_second / (1 << 20));
}

/* Bytes a second of @pass, which goes over all of the buffer. */
static double rate(uint64_t size, void (*pass)(uint8_t *map, uint64_t size),
		   uint8_t *map)
{
	int64_t start = now_ns(), spent;
	uint64_t passes = 0;

	do {
		pass(map, size);
		passes++;
		spent = now_ns() - start;
	} while (spent < PASS_NS);
	return (double)passes * size * 1e9 / spent;
}

static void read_pass(uint8_t *map, uint64_t size)
{
	const volatile uint64_t *p = (void *)map;
	uint64_t i, sum = 0;

	for (i = 0; i < size / 8; i += 4)
		sum += p[i] + p[i + 1] + p[i + 2] + p[i + 3];
	__asm__ volatile("" : : "r"(sum));
}

static void crc_pass(uint8_t *map, uint64_t size)
{
	uint32_t crc = dmashare_crc32c(0, map, size);

	__asm__ volatile("" : : "r"(crc));
}

/* Writes what is there, while the guest waits: no bytes are lost by it. */
static void write_pass(uint8_t *map, uint64_t size)
{
	volatile uint64_t *p = (void *)map;
	uint64_t i;

	for (i = 0; i < size / 8; i++)
		p[i] = p[i];
}

static void bench_open(struct tool *t, uint32_t id, struct series *open,
		       struct series *map)
{
	int flags = t->opt.write ? DMASHARE_WRITE : 0, ret;
	size_t i;

	for (i = 0; i < open->n; i++) {
		struct dmashare_buffer *buf;
		int64_t start = now_ns(), middle;
		void *addr;

		ret = dmashare_open(t->ds, id, flags, &buf);
		if (ret)
			die_by(t, ret, "bench");
		middle = now_ns();
		ret = dmashare_map(buf, &addr);
		if (ret)
			die_by(t, ret, "bench");
		open->ns[i] = middle - start;
		map->ns[i] = now_ns() - middle;
		dmashare_close(buf);
	}
}

static void bench_fence(struct tool *t, struct dmashare_buffer *buf,
			struct series *s)
{
	struct access a;
	size_t i;

	for (i = 0; i < s->n; i++) {
		int64_t start = now_ns();

		access_begin(t, buf, DMASHARE_WAIT_ONLY, &a);
		s->ns[i] = now_ns() - start;
		access_end(t, buf, DMASHARE_WAIT_ONLY, 0, &a);
	}
}

int cmd_bench(struct tool *t)
{
	size_t rounds = t->opt.count ? t->opt.count : DEFAULT_ROUNDS, i;
	struct dmashare_info info = tool_find(t, t->args[0]);
	struct series s[3];
	struct dmashare_buffer *buf;
	struct access a;
	int64_t start;
	void *map;
	int ret;

	for (i = 0; i < 3; i++) {
		s[i].n = rounds;
		s[i].ns = calloc(rounds, sizeof(s[i].ns[0]));
		if (!s[i].ns)
			die(STATUS_FAILED, "no memory for %zu rounds", rounds);
	}
	bench_open(t, info.id, &s[0], &s[1]);
	buf = tool_open(t, t->args[0]);
	ret = dmashare_map(buf, &map);
	if (ret)
		die_by(t, ret, "cannot map it");
	dmashare_begin_cpu(buf, 0);
	start = now_ns();
	for (i = 0; i < info.size; i += 4096)
		((volatile uint8_t *)map)[i];
	start = now_ns() - start;
	if (t->opt.json)
		printf("{\n  \"size\": %" PRIu64 ",\n  \"path\": \"%s\",\n"
		       "  \"rounds\": %zu", info.size, path_name(info.path),
		       rounds);
	else
		printf("buffer %u (%s), %" PRIu64 " bytes by %s; %zu rounds\n",
		       info.id, info.name, info.size, path_name(info.path),
		       rounds);
	print_series(t, "open", "to be given the pages", &s[0]);
	print_series(t, "map", "to map them", &s[1]);
	if (t->opt.json)
		printf(",\n  \"first_touch_ns\": %" PRId64, start);
	else
		printf("%-34s %9.1f us\n", "to touch every page at first",
		       start / 1e3);
	print_rate(t, "read", "to read them", rate(info.size, read_pass, map));
	print_rate(t, "crc", "CRC32C of them", rate(info.size, crc_pass, map));
	dmashare_end_cpu(buf, 0);
	if (t->opt.write) {
		access_begin(t, buf, DMASHARE_WRITE, &a);
		print_rate(t, "write", "to write them",
			   rate(info.size, write_pass, map));
		access_end(t, buf, DMASHARE_WRITE, 0, &a);
	}
	bench_fence(t, buf, &s[2]);
	print_series(t, "fence", "for a fence, there and back", &s[2]);
	if (t->opt.json)
		puts("\n}");
	for (i = 0; i < 3; i++)
		free(s[i].ns);
	dmashare_close(buf);
	return STATUS_DONE;
}
