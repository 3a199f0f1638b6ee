// SPDX-License-Identifier: GPL-2.0-or-later
/* Without an IOMMU (the VM "noiommu"): DMA addresses are physical ones. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/module.h"

#define PAGE	4096u

static void iommu_is_not_claimed(void)
{
	ASSERT_EQ(dms_param(dms_open(), DRM_DMASHARE_PARAM_IOMMU), 0);
}

static void address_is_physical(void)
{
	struct foreign f = udmabuf_buffer(PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	uint8_t *file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f.backing, 0);

	ASSERT(file != MAP_FAILED);
	ASSERT_OK(mlock(file, PAGE));
	dms_run_ok(fd, dms_job_fill(&there, 0, PAGE, 0x6161616161616161));
	ASSERT(all_bytes(file, PAGE, 0x61));
	ASSERT_EQ(dms_info(fd, there.handle).dma_addr, physical_address(file));
}

/* Scattered for real: nothing merges the pages here. */
static void scattered_pages(void)
{
	enum { N = 64 };
	struct foreign f = udmabuf_scattered(N * PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	struct bo ours = dms_create_mapped(fd, N * PAGE, "ours");

	pattern_fill(f.map, f.size, 1);
	dms_run_ok(fd, dms_job_copy(&ours, 0, &there, 0, ours.size));
	ASSERT(pattern_check(ours.map, ours.size, 1));
	pattern_fill(ours.map, ours.size, 2);
	dms_run_ok(fd, dms_job_copy(&there, 0, &ours, 0, ours.size));
	ASSERT(pattern_check(f.map, f.size, 2));
	ASSERT_MSG(dms_info(fd, there.handle).n_segments > 1, "one segment");
}

/* Pieces of all sizes from anywhere to anywhere: each finds its segments. */
static void scattered_at_random(void)
{
	enum { N = 61, SIZE = N * PAGE };
	struct foreign f = udmabuf_scattered(SIZE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	struct bo ours = dms_create_mapped(fd, SIZE, "ours");
	uint8_t *want = malloc(SIZE);
	uint64_t x = 1;
	unsigned int i;

	ASSERT(want);
	pattern_fill(ours.map, SIZE, 3);
	pattern_fill(f.map, SIZE, 4);
	memcpy(want, f.map, SIZE);
	for (i = 0; i < rounds(300); i++) {
		uint64_t len, from, to;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		len = 1 + (x >> 33) % (i % 3 ? 64 : 9 * PAGE);
		from = (x >> 20) % (SIZE - len);
		to = (x >> 40) % (SIZE - len);
		memcpy(want + to, ours.map + from, len);
		dms_run_ok(fd, dms_job_copy(&there, to, &ours, from, len));
		ASSERT_EQ(dms_crc(fd, &there, to, len), crc32c(ours.map + from, len));
	}
	ASSERT(!memcmp(f.map, want, SIZE));
}

static void no_stale_dma(void)
{
	int fd = dms_open();
	struct bo bo;
	int ret, err;

	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "Y"));
	ret = dms_try_create(fd, PAGE, DRM_DMASHARE_BO_STALE_DMA, "", &bo);
	err = errno;
	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "N"));
	ASSERT_EQ(ret, -1);
	ASSERT_EQ(err, EOPNOTSUPP);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(iommu_is_not_claimed),
	KTAP_COVERS(address_is_physical, "import.write:udmabuf"),
	KTAP_COVERS(scattered_pages, "import.read:udmabuf import.write:udmabuf"),
	KTAP_COVERS(scattered_at_random, "import.read:udmabuf import.write:udmabuf"),
	KTAP_CASE(no_stale_dma),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
