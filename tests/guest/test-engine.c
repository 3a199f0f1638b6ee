// SPDX-License-Identifier: GPL-2.0-or-later
/* The engines, byte by byte: copy, fill, checksum, timed no-op; 1-D and 2-D. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"

#define PAGE	4096u

static const uint64_t lengths[] = {
	1, 2, 7, 8, 9, 63, 4095, 4096, 4097, 8192, 12345, 65536, 65537, 262144,
};

/* The reference the device is measured with, against published values. */
static void crc_reference(void)
{
	uint8_t data[48];
	unsigned int i;

	ASSERT_EQ(crc32c("123456789", 9), 0xe3069283);
	memset(data, 0, 32);
	ASSERT_EQ(crc32c(data, 32), 0x8a9136aa);
	memset(data, 0xff, 32);
	ASSERT_EQ(crc32c(data, 32), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		data[i] = i;
	ASSERT_EQ(crc32c(data, 32), 0x46dd794e);
	ASSERT_EQ(crc32c("", 0), 0);
	for (i = 0; i <= 9; i++)
		ASSERT_EQ(crc32c_more(crc32c("123456789", i), &"123456789"[i], 9 - i),
			  0xe3069283);
}

static void copy_lengths(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 262144 + PAGE, "a");
	struct bo b = dms_create_mapped(fd, 262144 + PAGE, "b");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		pattern_fill(a.map, a.size, i);
		memset(b.map, 0xaa, b.size);
		dms_run_ok(fd, dms_job_copy(&b, 0, &a, 0, lengths[i]));
		ASSERT_MSG(pattern_check(b.map, lengths[i], i), "length %llu",
			   (unsigned long long)lengths[i]);
		ASSERT(all_bytes(b.map + lengths[i], b.size - lengths[i], 0xaa));
		ASSERT(pattern_check(a.map, a.size, i));
	}
}

/* Every pairing of misalignments within a word and around a page's end. */
static void copy_offsets(void)
{
	static const uint64_t offsets[] = { 0, 1, 3, 7, 8, 4090, 4095, 4096, 4097 };
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 6 * PAGE, "a");
	struct bo b = dms_create_mapped(fd, 6 * PAGE, "b");
	const uint64_t len = 2 * PAGE + 5;
	size_t i, j;

	pattern_fill(a.map, a.size, 11);
	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		for (j = 0; j < ARRAY_SIZE(offsets); j++) {
			uint64_t from = offsets[i], to = offsets[j];

			memset(b.map, 0x55, b.size);
			dms_run_ok(fd, dms_job_copy(&b, to, &a, from, len));
			ASSERT_MSG(!memcmp(b.map + to, a.map + from, len),
				   "from %llu to %llu", (unsigned long long)from,
				   (unsigned long long)to);
			ASSERT(all_bytes(b.map, to, 0x55));
			ASSERT(all_bytes(b.map + to + len, b.size - to - len, 0x55));
		}
}

static void copy_whole_megabytes(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 4 << 20, "a");
	struct bo b = dms_create_mapped(fd, 4 << 20, "b");

	pattern_fill(a.map, a.size, 12);
	dms_run_ok(fd, dms_job_copy(&b, 0, &a, 0, a.size));
	ASSERT(pattern_check(b.map, b.size, 12));
}

static void copy_within_a_buffer(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 4 * PAGE, "a");

	pattern_fill(a.map, 2 * PAGE, 13);
	dms_run_ok(fd, dms_job_copy(&a, 2 * PAGE, &a, 0, 2 * PAGE));
	ASSERT(pattern_check(a.map, 2 * PAGE, 13));
	ASSERT(pattern_check(a.map + 2 * PAGE, 2 * PAGE, 13));
}

static void copy_overlapping(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 4 * PAGE, "a");
	struct drm_dmashare_job job = dms_job_copy(&a, PAGE - 1, &a, 0, PAGE);

	pattern_fill(a.map, a.size, 14);
	ASSERT_EQ(dms_run(fd, &job, 1), EINVAL);
	ASSERT(pattern_check(a.map, a.size, 14));
	job.dst.offset = PAGE;
	ASSERT_EQ(dms_run(fd, &job, 1), 0);
}

static void copy_rows(void)
{
	enum { W = 100, H = 37, SP = 129, DP = 251, SO = 5, DO = 17 };
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 4 * PAGE, "a");
	struct bo b = dms_create_mapped(fd, 4 * PAGE, "b");
	struct drm_dmashare_job job = dms_job_copy(&b, DO, &a, SO, W);
	uint8_t *want = malloc(b.size);
	unsigned int y;

	ASSERT(want);
	pattern_fill(a.map, a.size, 15);
	memset(b.map, 0x33, b.size);
	memset(want, 0x33, b.size);
	for (y = 0; y < H; y++)
		memcpy(want + DO + y * DP, a.map + SO + y * SP, W);
	job.rows = H;
	job.src.pitch = SP;
	job.dst.pitch = DP;
	dms_run_ok(fd, job);
	ASSERT(!memcmp(b.map, want, b.size));
}

/* Rows that touch, and two rows, the least that makes it 2-D. */
static void copy_dense_rows(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 2 * PAGE, "a");
	struct bo b = dms_create_mapped(fd, 2 * PAGE, "b");
	struct drm_dmashare_job job = dms_job_copy(&b, 0, &a, 0, PAGE);

	pattern_fill(a.map, a.size, 16);
	job.rows = 2;
	job.src.pitch = PAGE;
	job.dst.pitch = PAGE;
	dms_run_ok(fd, job);
	ASSERT(pattern_check(b.map, b.size, 16));
}

static void one_row_is_one_dimensional(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, PAGE, "a");
	struct bo b = dms_create_mapped(fd, PAGE, "b");
	struct drm_dmashare_job job = dms_job_copy(&b, 0, &a, 0, PAGE);

	pattern_fill(a.map, a.size, 17);
	job.rows = 1;
	dms_run_ok(fd, job);
	ASSERT(pattern_check(b.map, b.size, 17));
}

static void fill_lengths(void)
{
	const uint64_t value = 0x0102030405060708;
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 262144 + PAGE, "a");
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint64_t off = i * 3 % 11;

		memset(a.map, 0xcc, a.size);
		dms_run_ok(fd, dms_job_fill(&a, off, lengths[i], value));
		for (k = 0; k < lengths[i]; k++)
			ASSERT_EQ(a.map[off + k], value >> 8 * (k & 7) & 0xff);
		ASSERT(all_bytes(a.map, off, 0xcc));
		ASSERT(all_bytes(a.map + off + lengths[i], a.size - off - lengths[i], 0xcc));
	}
}

/* The pattern starts anew in each row and is cut off at its end. */
static void fill_rows(void)
{
	enum { W = 13, H = 50, P = 77, O = 3 };
	const uint64_t value = 0xf1f2f3f4f5f6f7f8;
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 2 * PAGE, "a");
	struct drm_dmashare_job job = dms_job_fill(&a, O, W, value);
	uint8_t *want = calloc(1, a.size);
	unsigned int y, x;

	ASSERT(want);
	for (y = 0; y < H; y++)
		for (x = 0; x < W; x++)
			want[O + y * P + x] = value >> 8 * (x & 7);
	job.rows = H;
	job.dst.pitch = P;
	dms_run_ok(fd, job);
	ASSERT(!memcmp(a.map, want, a.size));
}

static void checksum_lengths(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 262144 + PAGE, "a");
	size_t i;

	pattern_fill(a.map, a.size, 18);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint64_t off = i * 5 % 13;

		ASSERT_EQ(dms_crc(fd, &a, off, lengths[i]), crc32c(a.map + off, lengths[i]));
	}
}

/* One changed bit anywhere changes it. */
static void checksum_sees_each_page(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 16 * PAGE, "a");
	uint32_t before;
	unsigned int i;

	pattern_fill(a.map, a.size, 19);
	before = dms_crc(fd, &a, 0, a.size);
	for (i = 0; i < 16; i++) {
		a.map[i * PAGE + i * 251] ^= 1 << (i & 7);
		ASSERT_NE(dms_crc(fd, &a, 0, a.size), before);
		a.map[i * PAGE + i * 251] ^= 1 << (i & 7);
	}
	ASSERT_EQ(dms_crc(fd, &a, 0, a.size), before);
}

static void checksum_rows(void)
{
	enum { W = 61, H = 40, P = 100, O = 9 };
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 2 * PAGE, "a");
	struct drm_dmashare_job job = dms_job_crc(&a, O, W);
	uint32_t want = 0;
	unsigned int y;

	pattern_fill(a.map, a.size, 20);
	for (y = 0; y < H; y++)
		want = crc32c_more(want, a.map + O + y * P, W);
	job.rows = H;
	job.src.pitch = P;
	dms_submit(fd, 0, 0, &job, 1);
	ASSERT_EQ(dms_result(fd, job.id).result, want);
}

static void noop_takes_its_time(void)
{
	static const uint64_t durations[] = { 0, 1000, MSEC, 50 * MSEC };
	int fd = dms_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(durations); i++) {
		struct drm_dmashare_job job = dms_job_noop(durations[i]);
		uint64_t start = dms_time(fd);

		ASSERT_EQ(dms_run(fd, &job, 1), 0);
		ASSERT(dms_time(fd) - start >= durations[i]);
	}
}

/* Each job sees what the one before it in the list wrote. */
static void list_in_order(void)
{
	enum { N = 100 };
	struct drm_dmashare_job jobs[2 * N];
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, PAGE, "a");
	struct bo b = dms_create_mapped(fd, N * 8, "b");
	unsigned int i;

	for (i = 0; i < N; i++) {
		jobs[2 * i] = dms_job_fill(&a, 0, 8, 0xabcd0000 + i);
		jobs[2 * i + 1] = dms_job_copy(&b, 8 * i, &a, 0, 8);
	}
	ASSERT_EQ(dms_run(fd, jobs, 2 * N), 0);
	for (i = 0; i < N; i++)
		ASSERT_EQ(((uint64_t *)b.map)[i], 0xabcd0000 + i);
}

/* A refused job fails alone; what stands before and after it runs. */
static void list_goes_on_after_a_failure(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, PAGE, "a");
	struct drm_dmashare_job jobs[3] = {
		dms_job_fill(&a, 0, 8, 1),
		dms_job_copy(&a, 1, &a, 0, 8),
		dms_job_fill(&a, 16, 8, 3),
	};
	struct drm_dmashare_job_result r;
	unsigned int i;

	for (i = 0; i < 3; i++)
		jobs[i].flags = DRM_DMASHARE_JOB_WANT_RESULT;
	dms_submit(fd, 0, 0, jobs, 3);
	ASSERT_EQ(dms_result(fd, jobs[0].id).status, DMASHARE_STATUS_OK);
	r = dms_result(fd, jobs[1].id);
	ASSERT_EQ(r.status, DMASHARE_STATUS_OVERLAP);
	ASSERT_EQ(r.error, EINVAL);
	ASSERT_EQ(dms_result(fd, jobs[2].id).status, DMASHARE_STATUS_OK);
	ASSERT_EQ(((uint64_t *)a.map)[0], 1);
	ASSERT_EQ(((uint64_t *)a.map)[2], 3);
}

static void cpu_and_device_take_turns(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, PAGE, "a");
	uint64_t i, *word = (uint64_t *)a.map;

	for (i = 1; i < 100; i++) {
		word[0] = i;
		dms_run_ok(fd, dms_job_copy(&a, 8, &a, 0, 8));
		ASSERT_EQ(word[1], i);
		dms_run_ok(fd, dms_job_fill(&a, 0, 8, ~i));
		ASSERT_EQ(word[0], ~i);
	}
}

static const struct ktap_case cases[] = {
	KTAP_CASE(crc_reference),
	KTAP_CASE(copy_lengths),
	KTAP_CASE(copy_offsets),
	KTAP_CASE(copy_whole_megabytes),
	KTAP_CASE(copy_within_a_buffer),
	KTAP_CASE(copy_overlapping),
	KTAP_CASE(copy_rows),
	KTAP_CASE(copy_dense_rows),
	KTAP_CASE(one_row_is_one_dimensional),
	KTAP_CASE(fill_lengths),
	KTAP_CASE(fill_rows),
	KTAP_CASE(checksum_lengths),
	KTAP_CASE(checksum_sees_each_page),
	KTAP_CASE(checksum_rows),
	KTAP_CASE(noop_takes_its_time),
	KTAP_CASE(list_in_order),
	KTAP_CASE(list_goes_on_after_a_failure),
	KTAP_CASE(cpu_and_device_take_turns),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
