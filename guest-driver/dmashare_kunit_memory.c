// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: unit tests of memory: segment lists and pages
 *
 * With those of jobs (dmashare_kunit_job.c) a module of its own, built where the
 * kernel has KUnit. It needs the driver's module but no device: "modprobe
 * dmashare_kunit" runs the suites, and their results are in the kernel's log and in
 * debugfs, kunit/SUITE/results.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <kunit/test.h>
#include <kunit/visibility.h>

#include "dmashare_drv.h"

/* What an entry of a scatterlist can say at most, in whole pages. */
#define MAX_ENTRY	((u64)ALIGN_DOWN(UINT_MAX, PAGE_SIZE))

static const struct dmashare_limits no_limits = {
	.dma_bits = 64,
	.max_segments = UINT_MAX,
	.max_seg_size = U64_MAX,
};

/* A run of DMA addresses. */
struct run {
	u64 addr;
	u64 len;
};

static void free_sgt(void *sgt)
{
	sg_free_table(sgt);
}

/* A mapped table without pages, as of another device's memory. */
static struct sg_table *make_sgt(struct kunit *test, const struct run *runs, u32 n)
{
	struct sg_table *sgt = kunit_kzalloc(test, sizeof(*sgt), GFP_KERNEL);
	struct scatterlist *sg;
	u32 i, entries = 0;

	KUNIT_ASSERT_NOT_NULL(test, sgt);
	for (i = 0; i < n; i++)
		entries += DIV_ROUND_UP_ULL(runs[i].len, MAX_ENTRY);
	KUNIT_ASSERT_EQ(test, sg_alloc_table(sgt, entries, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_sgt, sgt), 0);

	sg = sgt->sgl;
	for (i = 0; i < n; i++) {
		u64 addr = runs[i].addr, left = runs[i].len;

		while (left) {
			sg_dma_address(sg) = addr;
			sg_dma_len(sg) = min(left, MAX_ENTRY);
			addr += sg_dma_len(sg);
			left -= sg_dma_len(sg);
			sg = sg_next(sg);
		}
	}

	return sgt;
}

/* A list with room for @n segments, @per_block of them in a block. */
static struct dmashare_seg_list *make_list(struct kunit *test, u32 n, u32 per_block)
{
	struct dmashare_seg_list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->n_blocks = DIV_ROUND_UP(n, per_block);
	list->block = kunit_kcalloc(test, list->n_blocks, sizeof(*list->block), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, list->block);
	for (i = 0; i < list->n_blocks; i++) {
		list->block[i] = kunit_kzalloc(test, struct_size(list->block[i], segment,
								 per_block), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, list->block[i]);
	}

	return list;
}

static struct run segment(const struct dmashare_seg_list *list, u32 per_block, u32 i)
{
	const struct dmashare_segment *seg =
		&list->block[i / per_block]->segment[i % per_block];

	return (struct run){ le64_to_cpu(seg->addr), le64_to_cpu(seg->len) };
}

/* Walks @runs, and compares with the segments that are wanted. */
static void expect_walk(struct kunit *test, const struct dmashare_limits *limits,
			const struct run *runs, u32 n_runs,
			const struct run *wanted, u32 n_wanted)
{
	struct sg_table *sgt = make_sgt(test, runs, n_runs);
	struct dmashare_seg_list *list = make_list(test, n_wanted, 2);
	u64 length = 0, longest = 0, max = 0;
	u32 i;

	for (i = 0; i < n_runs; i++)
		length += runs[i].len;
	for (i = 0; i < n_wanted; i++)
		max = max(max, wanted[i].len);

	KUNIT_ASSERT_EQ(test, dmashare_seg_walk(limits, sgt, length, NULL, 0, &longest),
			n_wanted);
	KUNIT_EXPECT_EQ(test, longest, max);
	KUNIT_ASSERT_EQ(test, dmashare_seg_walk(limits, sgt, length, list, 2, NULL), n_wanted);
	for (i = 0; i < n_wanted; i++) {
		struct run seg = segment(list, 2, i);

		KUNIT_EXPECT_EQ_MSG(test, seg.addr, wanted[i].addr, "segment %u", i);
		KUNIT_EXPECT_EQ_MSG(test, seg.len, wanted[i].len, "segment %u", i);
	}
	for (i = 0; i < list->n_blocks; i++)
		KUNIT_EXPECT_EQ(test, le32_to_cpu(list->block[i]->count),
				min(2, n_wanted - 2 * i));
}

static void neighbours_are_joined(struct kunit *test)
{
	const struct run runs[] = {
		{ 0x1000, 0x1000 }, { 0x2000, 0x3000 }, { 0x6000, 0x1000 },
		{ 0x5000, 0x1000 }, { 0x6000, 0x1000 },
	};
	const struct run wanted[] = {
		{ 0x1000, 0x4000 }, { 0x6000, 0x1000 }, { 0x5000, 0x2000 },
	};

	expect_walk(test, &no_limits, runs, ARRAY_SIZE(runs), wanted, ARRAY_SIZE(wanted));
}

static void long_ones_are_cut(struct kunit *test)
{
	struct dmashare_limits limits = no_limits;
	const struct run runs[] = { { 0x1000, 0x2000 }, { 0x3000, 0x3800 } };
	const struct run wanted[] = {
		{ 0x1000, 0x1800 }, { 0x2800, 0x1800 }, { 0x4000, 0x1800 }, { 0x5800, 0x1000 },
	};

	limits.max_seg_size = 0x1800;
	expect_walk(test, &limits, runs, ARRAY_SIZE(runs), wanted, ARRAY_SIZE(wanted));
}

static void none_crosses_a_boundary(struct kunit *test)
{
	struct dmashare_limits limits = no_limits;
	const struct run runs[] = { { 0xf000, 0x22000 }, { 0x41000, 0xf000 }, { 0x50000, 0x1000 } };
	const struct run wanted[] = {
		{ 0xf000, 0x1000 }, { 0x10000, 0x10000 }, { 0x20000, 0x10000 },
		{ 0x30000, 0x1000 }, { 0x41000, 0xf000 }, { 0x50000, 0x1000 },
	};

	limits.boundary = 0x10000;
	expect_walk(test, &limits, runs, ARRAY_SIZE(runs), wanted, ARRAY_SIZE(wanted));
}

/* An entry of a scatterlist has 32 bits for its length, a segment has 64. */
static void four_gib(struct kunit *test)
{
	const u64 sizes[] = { SZ_4G - SZ_4K, SZ_4G, SZ_4G + SZ_4K, 2ULL * SZ_4G };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct run runs[] = { { 0x100000000, sizes[i] } };

		expect_walk(test, &no_limits, runs, ARRAY_SIZE(runs), runs, ARRAY_SIZE(runs));
	}
}

static void four_gib_cut(struct kunit *test)
{
	struct dmashare_limits limits = no_limits;
	const struct run runs[] = { { SZ_4G - SZ_4K, 2ULL * SZ_4G } };
	const struct run wanted[] = {
		{ SZ_4G - SZ_4K, SZ_4K }, { SZ_4G, SZ_4G }, { 2ULL * SZ_4G, SZ_4G - SZ_4K },
	};

	limits.boundary = SZ_4G;
	expect_walk(test, &limits, runs, ARRAY_SIZE(runs), wanted, ARRAY_SIZE(wanted));
}

static void only_the_length(struct kunit *test)
{
	const struct run runs[] = { { 0x1000, 0x2000 }, { 0x8000, 0x2000 } };
	struct sg_table *sgt = make_sgt(test, runs, ARRAY_SIZE(runs));
	u64 longest;

	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&no_limits, sgt, 0x4000, NULL, 0, &longest), 2);
	KUNIT_EXPECT_EQ(test, longest, 0x2000);
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&no_limits, sgt, 0x2001, NULL, 0, NULL), 2);
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&no_limits, sgt, 0x1fff, NULL, 0, &longest), 1);
	KUNIT_EXPECT_EQ(test, longest, 0x1fff);
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&no_limits, sgt, 0x4001, NULL, 0, NULL), -EINVAL);
}

static void width_of_an_address(struct kunit *test)
{
	struct dmashare_limits limits = no_limits;
	const struct run last[] = { { SZ_4G - SZ_4K, SZ_4K } };
	const struct run over[] = { { SZ_4G - SZ_4K, SZ_4K + 1 } };
	const struct run above[] = { { 0, SZ_4K }, { SZ_4G, SZ_4K } };
	const struct run top[] = { { U64_MAX - SZ_4K + 1, SZ_4K } };

	limits.dma_bits = 32;
	expect_walk(test, &limits, last, ARRAY_SIZE(last), last, ARRAY_SIZE(last));
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&limits, make_sgt(test, over, 1), SZ_4K + 1,
						NULL, 0, NULL), -EFBIG);
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&limits, make_sgt(test, above, 2), 2 * SZ_4K,
						NULL, 0, NULL), -EFBIG);
	/* What is not used does not matter. */
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&limits, make_sgt(test, above, 2), SZ_4K,
						NULL, 0, NULL), 1);
	expect_walk(test, &no_limits, top, ARRAY_SIZE(top), top, ARRAY_SIZE(top));
}

static void number_of_segments(struct kunit *test)
{
	struct dmashare_limits limits = no_limits;
	const struct run runs[] = { { 0, SZ_4K }, { 0x10000, SZ_4K }, { 0x20000, SZ_4K } };
	const struct run huge[] = { { 0, 2ULL * SZ_4G } };

	limits.max_segments = 3;
	expect_walk(test, &limits, runs, ARRAY_SIZE(runs), runs, ARRAY_SIZE(runs));
	limits.max_segments = 2;
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&limits, make_sgt(test, runs, 3), 3 * SZ_4K,
						NULL, 0, NULL), -EFBIG);
	/* Is known early: this one would be two million. */
	limits.max_seg_size = SZ_4K;
	KUNIT_EXPECT_EQ(test, dmashare_seg_walk(&limits, make_sgt(test, huge, 1), 2ULL * SZ_4G,
						NULL, 0, NULL), -EFBIG);
}

/*
 * Whatever the runs and the limits are: the segments are the bytes in order,
 * none breaks a limit, and no two neighbours could have been one.
 */
static void any_runs(struct kunit *test)
{
	struct rnd_state rnd;
	u32 round;

	prandom_seed_state(&rnd, 0x646d7368);
	for (round = 0; round < 200; round++) {
		struct dmashare_limits limits = no_limits;
		struct run runs[12], seg, prev = { };
		u32 n = 1 + prandom_u32_state(&rnd) % ARRAY_SIZE(runs), i, k = 0;
		struct dmashare_seg_list *list;
		struct sg_table *sgt;
		u64 length = 0, used = 0;
		long count;

		limits.max_seg_size = SZ_4K + prandom_u32_state(&rnd) % SZ_64K;
		if (prandom_u32_state(&rnd) % 2)
			limits.boundary = SZ_4K << prandom_u32_state(&rnd) % 5;
		for (i = 0; i < n; i++) {
			runs[i].addr = prandom_u32_state(&rnd);
			runs[i].len = 1 + prandom_u32_state(&rnd) % SZ_128K;
			if (i && prandom_u32_state(&rnd) % 2)
				runs[i].addr = runs[i - 1].addr + runs[i - 1].len;
			length += runs[i].len;
		}

		sgt = make_sgt(test, runs, n);
		count = dmashare_seg_walk(&limits, sgt, length, NULL, 0, NULL);
		KUNIT_ASSERT_GT(test, count, 0);
		list = make_list(test, count, 15);
		KUNIT_ASSERT_EQ(test, dmashare_seg_walk(&limits, sgt, length, list, 15, NULL),
				count);

		for (i = 0; i < count; i++) {
			u64 left;

			seg = segment(list, 15, i);
			KUNIT_ASSERT_GT(test, seg.len, 0);
			KUNIT_ASSERT_LE(test, seg.len, limits.max_seg_size);
			if (limits.boundary)
				KUNIT_ASSERT_EQ(test, seg.addr / limits.boundary,
						(seg.addr + seg.len - 1) / limits.boundary);
			if (i && prev.addr + prev.len == seg.addr)
				KUNIT_ASSERT_TRUE(test, prev.len == limits.max_seg_size ||
						  (limits.boundary &&
						   !(seg.addr % limits.boundary)));
			prev = seg;

			/* The next bytes of the runs are these. */
			for (left = seg.len; left;) {
				u64 part = min(left, runs[k].len - used);

				KUNIT_ASSERT_EQ(test, seg.addr + seg.len - left,
						runs[k].addr + used);
				left -= part;
				used += part;
				if (used == runs[k].len) {
					used = 0;
					k++;
				}
			}
		}
		KUNIT_ASSERT_EQ(test, k, n);
	}
}

static struct kunit_case segment_cases[] = {
	KUNIT_CASE(neighbours_are_joined),
	KUNIT_CASE(long_ones_are_cut),
	KUNIT_CASE(none_crosses_a_boundary),
	KUNIT_CASE(four_gib),
	KUNIT_CASE(four_gib_cut),
	KUNIT_CASE(only_the_length),
	KUNIT_CASE(width_of_an_address),
	KUNIT_CASE(number_of_segments),
	KUNIT_CASE(any_runs),
	{ }
};

static struct kunit_suite segment_suite = {
	.name = "dmashare_segments",
	.test_cases = segment_cases,
};

#define GFP_TEST	(GFP_USER | __GFP_ZERO | __GFP_NOWARN)

static bool adjacent(struct page *a, struct page *b)
{
	return page_to_pfn(a) + 1 == page_to_pfn(b) || page_to_pfn(b) + 1 == page_to_pfn(a);
}

static void scattered_pages(struct kunit *test)
{
	static const u32 numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 65, 1000 };
	u32 i, k, n;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct page **pages;

		n = numbers[i];
		pages = kvcalloc(n, sizeof(*pages), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages);
		KUNIT_EXPECT_EQ(test, dmashare_pages_scatter(pages, n, GFP_TEST), 0);
		for (k = 0; k < n && pages[k]; k++) {
			KUNIT_EXPECT_EQ(test, page_count(pages[k]), 1);
			KUNIT_EXPECT_NULL(test, memchr_inv(page_address(pages[k]), 0, PAGE_SIZE));
			/* So that one that is there twice is not all zeros. */
			memset(page_address(pages[k]), 1, PAGE_SIZE);
			if (k)
				KUNIT_EXPECT_FALSE_MSG(test, adjacent(pages[k - 1], pages[k]),
						       "pages %u and %u of %u", k - 1, k, n);
		}
		KUNIT_EXPECT_EQ(test, k, n);
		dmashare_pages_free(pages, n);
	}
}

static void pages_in_runs(struct kunit *test)
{
	static const struct {
		u32 n;
		unsigned int order;
	} rows[] = { { 1, 0 }, { 3, 2 }, { 16, 4 }, { 40, 3 }, { 41, 3 }, { 1024, 9 } };
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 n = rows[i].n, run = 1 << rows[i].order;
		struct page **pages = kvcalloc(n, sizeof(*pages), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, pages);
		KUNIT_EXPECT_EQ(test, dmashare_pages_fill(pages, n, GFP_TEST, rows[i].order,
							  rows[i].order), 0);
		for (k = 0; k < n && pages[k]; k++) {
			KUNIT_EXPECT_EQ(test, page_count(pages[k]), 1);
			if (k % run)
				KUNIT_EXPECT_EQ(test, page_to_pfn(pages[k]),
						page_to_pfn(pages[k - 1]) + 1);
			else if (k + run <= n)
				KUNIT_EXPECT_EQ(test, page_to_pfn(pages[k]) % run, 0);
		}
		KUNIT_EXPECT_EQ(test, k, n);
		dmashare_pages_free(pages, n);
	}
}

/* Pages by their number; none of them is touched, so they need not exist. */
static void expect_table(struct kunit *test, const unsigned long *pfns, u32 n,
			 u64 max, u64 boundary, const u32 *wanted, u32 n_wanted)
{
	struct page **pages = kunit_kcalloc(test, n, sizeof(*pages), GFP_KERNEL);
	struct dmashare_deal deal = { 0 };
	struct sg_table sgt;
	struct scatterlist *sg;
	u32 i, page = 0;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < n; i++)
		pages[i] = pfn_to_page(pfns[i]);

	/* For other limits, then for these, then again: then they are counted. */
	KUNIT_ASSERT_EQ(test, dmashare_pages_sgt(&sgt, pages, n, 2 * PAGE_SIZE, U64_MAX, &deal),
			0);
	sg_free_table(&sgt);
	KUNIT_ASSERT_EQ(test, dmashare_pages_sgt(&sgt, pages, n, max, boundary, &deal), 0);
	KUNIT_EXPECT_EQ(test, sgt.orig_nents, n_wanted);
	sg_free_table(&sgt);
	KUNIT_ASSERT_EQ(test, dmashare_pages_sgt(&sgt, pages, n, max, boundary, &deal), 0);
	KUNIT_EXPECT_EQ(test, sgt.orig_nents, n_wanted);
	for_each_sgtable_sg(&sgt, sg, i) {
		if (i >= n_wanted)
			break;
		KUNIT_EXPECT_EQ_MSG(test, sg->length, wanted[i] * PAGE_SIZE, "entry %u", i);
		KUNIT_EXPECT_EQ_MSG(test, sg->offset, 0, "entry %u", i);
		KUNIT_EXPECT_EQ_MSG(test, page_to_pfn(sg_page(sg)), pfns[page], "entry %u", i);
		page += wanted[i];
	}
	sg_free_table(&sgt);
}

static void table_of_pages(struct kunit *test)
{
	static const unsigned long pfns[] = { 30, 31, 32, 33, 34, 40, 39, 47, 48, 64 };
	static const u32 joined[] = { 5, 1, 1, 2, 1 };
	static const u32 short_ones[] = { 2, 2, 1, 1, 1, 2, 1 };
	static const u32 bounded[] = { 2, 3, 1, 1, 1, 1, 1 };
	static const u32 single[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	u32 n = ARRAY_SIZE(pfns);

	expect_table(test, pfns, n, U64_MAX, U64_MAX, joined, ARRAY_SIZE(joined));
	expect_table(test, pfns, n, 3 * PAGE_SIZE - 1, U64_MAX, short_ones,
		     ARRAY_SIZE(short_ones));
	/* No entry crosses a multiple of 16 pages. */
	expect_table(test, pfns, n, U64_MAX, 16 * PAGE_SIZE - 1, bounded, ARRAY_SIZE(bounded));
	expect_table(test, pfns, n, PAGE_SIZE, U64_MAX, single, ARRAY_SIZE(single));
	expect_table(test, pfns, n, U64_MAX, PAGE_SIZE - 1, single, ARRAY_SIZE(single));
}

static void pages_that_are_not_there(struct kunit *test)
{
	struct page **pages = kvcalloc(4, sizeof(*pages), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	pages[0] = alloc_page(GFP_TEST);
	KUNIT_EXPECT_NOT_NULL(test, pages[0]);
	dmashare_pages_free(pages, 4);
	dmashare_pages_free(NULL, 4);
}

static struct kunit_case page_cases[] = {
	KUNIT_CASE(scattered_pages),
	KUNIT_CASE(pages_in_runs),
	KUNIT_CASE(table_of_pages),
	KUNIT_CASE(pages_that_are_not_there),
	{ }
};

static struct kunit_suite page_suite = {
	.name = "dmashare_pages",
	.test_cases = page_cases,
};

kunit_test_suites(&segment_suite, &page_suite);

MODULE_DESCRIPTION("Unit tests of the dmashare driver");
MODULE_LICENSE("GPL");
DMASHARE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
