// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: the pages of a buffer in the system placement
 *
 * What kind of memory a buffer is made of decides which importers can use it,
 * and how much of their code is tried by it. So a buffer can be told to be made
 * of one kind: of single pages, as from shmem after a long uptime; of one run,
 * as from a contiguous allocator; or of huge pages.
 *
 * Runs are split into single pages, for that is what a page fault maps and what
 * is freed.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/sort.h>

#include <kunit/visibility.h>

#include "dmashare_drv.h"

/* With as many pages or more, dealing them in two halves parts neighbours. */
#define DMASHARE_SCATTER_MIN	6

/**
 * dmashare_pages_free - give pages back
 * @pages: the pages, the first @n or fewer; what is missing is NULL. Or NULL.
 * @n: number of pages
 */
void dmashare_pages_free(struct page **pages, unsigned long n)
{
	unsigned long i;

	if (!pages)
		return;

	for (i = 0; i < n && pages[i]; i++) {
		__free_page(pages[i]);
		if (!(i & 1023))
			cond_resched();
	}
	kvfree(pages);
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_pages_free);

static int dmashare_page_cmp(const void *a, const void *b)
{
	unsigned long pfn_a = page_to_pfn(*(struct page **)a);
	unsigned long pfn_b = page_to_pfn(*(struct page **)b);

	return pfn_a < pfn_b ? -1 : pfn_a > pfn_b;
}

/**
 * dmashare_pages_fill - get pages in runs
 * @pages: where to put them
 * @n: how many
 * @gfp: of what kind
 * @max_order: runs are at most so long
 * @min_order: and, but for the last one, at least so long
 *
 * Runs are as long as can be had without effort. The tail of the last one is
 * given back.
 *
 * Returns: 0, -ENOMEM, or -EINTR when the process is being killed; in either
 * case what was got is in @pages
 */
VISIBLE_IF_KUNIT
int dmashare_pages_fill(struct page **pages, unsigned long n, gfp_t gfp,
			unsigned int max_order, unsigned int min_order)
{
	unsigned int order = max_order;
	unsigned long done = 0;

	while (done < n) {
		unsigned long i, use;
		struct page *page;

		if (fatal_signal_pending(current))
			return -EINTR;

		order = min_t(unsigned int, order, get_order((n - done) << PAGE_SHIFT));
		page = alloc_pages(gfp | (order > min_order ? __GFP_NORETRY :
							      __GFP_RETRY_MAYFAIL),
				   order);
		if (!page && order > min_order) {
			order--;
			continue;
		}
		if (!page)
			return -ENOMEM;

		split_page(page, order);
		use = min(1UL << order, n - done);
		for (i = 0; i < use; i++)
			pages[done + i] = page + i;
		for (; i < 1UL << order; i++)
			__free_page(page + i);
		done += use;
		cond_resched();
	}

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_pages_fill);

/**
 * dmashare_pages_scatter - single pages, no two neighbours adjacent in memory
 * @pages: where to put them
 * @n: how many
 * @gfp: of what kind
 *
 * Sorted by address and dealt alternately from the lower and the upper half,
 * two neighbours have at least n / 2 - 1 pages between them. For a few pages
 * that is not enough: of twice as many every other one is taken.
 *
 * Returns: as dmashare_pages_fill()
 */
VISIBLE_IF_KUNIT
int dmashare_pages_scatter(struct page **pages, unsigned long n, gfp_t gfp)
{
	unsigned long step = n < DMASHARE_SCATTER_MIN ? 2 : 1;
	unsigned long half = (n + 1) / 2, i;
	struct page **all;
	int ret;

	all = kvcalloc(n * step, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;

	ret = dmashare_pages_fill(all, n * step, gfp, 0, 0);
	if (ret) {
		dmashare_pages_free(all, n * step);
		return ret;
	}

	sort(all, n * step, sizeof(*all), dmashare_page_cmp, NULL);
	for (i = 0; i < n; i++) {
		if (step == 1) {
			pages[i] = all[i % 2 ? half + i / 2 : i / 2];
		} else {
			pages[i] = all[2 * i];
			__free_page(all[2 * i + 1]);
		}
	}
	kvfree(all);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_pages_scatter);

/* Where the device can reach them by itself, if there is no IOMMU to help. */
static gfp_t dmashare_pages_gfp(struct dmashare_bo *bo)
{
	struct dmashare_device *ddev = to_dmashare(bo->base.dev);
	gfp_t gfp = GFP_USER | __GFP_ZERO | __GFP_NOWARN | __GFP_ACCOUNT;

	if (ddev->limits.dma_bits <= 32 && !dmashare_iommu_translates(ddev))
		gfp |= GFP_DMA32;

	return gfp;
}

/**
 * dmashare_pages_alloc - get a buffer's pages, of the kind that its flags say
 * @bo: the buffer, without pages; nobody else knows it, or its reservation lock
 *	is held
 *
 * The pages are zeroed. By default they are in runs as long as can be had
 * without effort, the whole buffer in one if possible: an importer without an
 * IOMMU in front of it and without scatter-gather can use nothing else.
 *
 * Returns: 0; -ENOMEM; -E2BIG for one run longer than the kernel ever has;
 * -EINTR when the process is being killed
 */
int dmashare_pages_alloc(struct dmashare_bo *bo)
{
	unsigned int huge = get_order(SZ_2M), order = get_order(bo->base.size);
	unsigned long n = dmashare_bo_num_pages(bo);
	gfp_t gfp = dmashare_pages_gfp(bo);
	struct page **pages;
	int ret;

	if (bo->flags & DRM_DMASHARE_BO_CONTIGUOUS && order > MAX_PAGE_ORDER)
		return -E2BIG;
	if (n > totalram_pages())
		return -ENOMEM;

	pages = kvcalloc(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;

	if (bo->flags & DRM_DMASHARE_BO_SCATTERED)
		ret = dmashare_pages_scatter(pages, n, gfp);
	else if (bo->flags & DRM_DMASHARE_BO_CONTIGUOUS)
		ret = dmashare_pages_fill(pages, n, gfp, order, order);
	else if (bo->flags & DRM_DMASHARE_BO_HUGE)
		ret = dmashare_pages_fill(pages, n, gfp, huge, huge);
	else
		ret = dmashare_pages_fill(pages, n, gfp, MAX_PAGE_ORDER, 0);
	if (ret) {
		dmashare_pages_free(pages, n);
		return ret;
	}
	bo->pages = pages;

	return 0;
}

/*
 * Deals @n pages, one at least, to entries of a table, of at most @max pages each,
 * none of which crosses the mask @boundary. Returns how many there are; with @sg they
 * are written there. Each page is looked at once, for there may be very many; and
 * inlined, so that counting and writing have nothing of each other in the loop.
 */
static __always_inline
unsigned int dmashare_pages_deal(struct page **pages, unsigned long n, unsigned long max,
				 unsigned long boundary, struct scatterlist *sg)
{
	unsigned long i, first = 0, next = page_to_pfn(pages[0]) + 1;
	unsigned int entries = 1;

	for (i = 1; i < n; i++) {
		unsigned long pfn = page_to_pfn(pages[i]);
		bool follows = pfn == next && i - first < max && pfn & boundary;

		next = pfn + 1;
		if (follows)
			continue;
		if (sg) {
			sg_set_page(sg, pages[first], (i - first) << PAGE_SHIFT, 0);
			sg = sg_next(sg);
		}
		entries++;
		first = i;
	}
	if (sg)
		sg_set_page(sg, pages[first], (n - first) << PAGE_SHIFT, 0);

	return entries;
}

/**
 * dmashare_pages_sgt - a table of pages, for a device with limits
 * @sgt: filled in; to be freed with sg_free_table()
 * @pages: the pages
 * @n: how many
 * @max_size: bytes that an entry may be long, at least a page
 * @boundary: mask of a power of two, at least a page, that no entry crosses
 * @deal: of these very pages, zeroed before the first time; or what was dealt last
 *
 * As sg_alloc_table_from_pages_segment(), which knows no boundary: an IOMMU sees
 * to that when it maps the table, but without one the entries are what the
 * device gets.
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_pages_sgt(struct sg_table *sgt, struct page **pages, unsigned long n,
		       u64 max_size, u64 boundary, struct dmashare_deal *deal)
{
	unsigned long max = min_t(u64, max_size, UINT_MAX) >> PAGE_SHIFT;
	unsigned long mask = boundary >> PAGE_SHIFT;
	int ret;

	if (!deal->entries || deal->max != max || deal->mask != mask) {
		deal->max = max;
		deal->mask = mask;
		deal->entries = dmashare_pages_deal(pages, n, max, mask, NULL);
	}

	ret = sg_alloc_table(sgt, deal->entries, GFP_KERNEL);
	if (ret)
		return ret;

	dmashare_pages_deal(pages, n, max, mask, sgt->sgl);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_pages_sgt);
