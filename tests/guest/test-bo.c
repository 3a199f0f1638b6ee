// SPDX-License-Identifier: GPL-2.0-or-later
/* Buffers: BO_CREATE, BO_MMAP, BO_INFO, GEM_CLOSE. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u

static int try_mmap_offset(int fd, uint32_t handle, uint32_t pad, uint64_t *offset)
{
	struct drm_dmashare_bo_mmap m = { .handle = handle, .pad = pad };

	if (drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m))
		return -1;
	*offset = m.offset;
	return 0;
}

static void create_and_close(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "one");

	ASSERT_NE(bo.handle, 0);
	ASSERT_NE(bo.id, 0);
	ASSERT_EQ(bo.size, PAGE);
	dms_destroy(&bo);
}

static void size_is_rounded_up(void)
{
	static const uint64_t sizes[] = { 1, 4095, 4096, 4097, 8192, 65537, 1048575 };
	int fd = dms_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bo bo = dms_create_mapped(fd, sizes[i], "rounded");

		ASSERT_EQ(bo.size, (sizes[i] + PAGE - 1) / PAGE * PAGE);
		ASSERT_EQ(dms_info(fd, bo.handle).size, bo.size);
		/* The last byte is there, for the CPU and for the device. */
		bo.map[bo.size - 1] = 0x5a;
		ASSERT_EQ(dms_crc(fd, &bo, bo.size - 1, 1), crc32c("\x5a", 1));
		dms_destroy(&bo);
	}
}

static void size_zero(void)
{
	struct bo bo;

	ASSERT_ERRNO(dms_try_create(dms_open(), 0, 0, "", &bo), EINVAL);
}

static void size_too_large_to_round(void)
{
	int fd = dms_open();
	struct bo bo;

	ASSERT_ERRNO(dms_try_create(fd, UINT64_MAX, 0, "", &bo), EINVAL);
	ASSERT_ERRNO(dms_try_create(fd, UINT64_MAX - PAGE + 2, 0, "", &bo), EINVAL);
}

/* More than the machine can have: an errno, not a crash or an OOM kill. */
static void size_beyond_memory(void)
{
	int fd = dms_open();
	struct bo bo;

	ASSERT(dms_try_create(fd, 1ull << 46, 0, "", &bo) < 0);
	ASSERT_MSG(errno == ENOMEM || errno == ENOSPC || errno == EINVAL, "%s",
		   strerror(errno));
	bo = dms_create(fd, PAGE, "after");
	dms_destroy(&bo);
}

static void unknown_flag(void)
{
	int fd = dms_open();
	struct bo bo;
	unsigned int bit;

	for (bit = 14; bit < 32; bit++)
		ASSERT_ERRNO(dms_try_create(fd, PAGE, 1u << bit, "", &bo), EINVAL);
}

static int create_placed(int fd, uint32_t placement)
{
	struct drm_dmashare_bo_create c = { .size = PAGE, .placement = placement };

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_CREATE, &c);
}

static void unknown_placement(void)
{
	int fd = dms_open();

	ASSERT_ERRNO(create_placed(fd, DMASHARE_PLACEMENT_LOCAL + 1), EINVAL);
	ASSERT_ERRNO(create_placed(fd, UINT32_MAX), EINVAL);
}

static void no_local_memory(void)
{
	int fd = dms_open();

	if (dms_param(fd, DRM_DMASHARE_PARAM_FEATURES) & DMASHARE_FEATURE_LOCAL)
		SKIP("the device has local memory");
	ASSERT_REFUSED("BO_CREATE", create_placed(fd, DMASHARE_PLACEMENT_LOCAL), EOPNOTSUPP);
}

static void starts_as_zeros(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 64 * PAGE, "dirty");

	/* Pages that were used come back; what was in them must not. */
	memset(bo.map, 0xee, bo.size);
	dms_destroy(&bo);
	bo = dms_create_mapped(fd, 64 * PAGE, "zeros");
	ASSERT(all_bytes(bo.map, bo.size, 0));
	dms_destroy(&bo);
}

/* As the device sees it, before any CPU mapping has touched a page. */
static void starts_as_zeros_for_the_device(void)
{
	uint8_t *zeros = calloc(1, 16 * PAGE);
	int fd = dms_open();
	struct bo bo = dms_create(fd, 16 * PAGE, "zeros"), copy;

	copy = dms_create_mapped(fd, 16 * PAGE, "copy");
	ASSERT(zeros);
	memset(copy.map, 0xee, copy.size);
	dms_run_ok(fd, dms_job_copy(&copy, 0, &bo, 0, bo.size));
	ASSERT(!memcmp(copy.map, zeros, copy.size));
}

static void buffers_are_distinct(void)
{
	int fd = dms_open();
	struct bo a = dms_create_mapped(fd, 8 * PAGE, "a");
	struct bo b = dms_create_mapped(fd, 8 * PAGE, "b");

	ASSERT_NE(a.handle, b.handle);
	ASSERT_NE(a.id, b.id);
	pattern_fill(a.map, a.size, 1);
	pattern_fill(b.map, b.size, 2);
	ASSERT(pattern_check(a.map, a.size, 1));
	ASSERT(pattern_check(b.map, b.size, 2));
}

static void handles_belong_to_a_file(void)
{
	int a = dms_open(), b = dms_open();
	struct bo bo = dms_create(a, PAGE, "a");
	struct drm_dmashare_bo_info info;

	ASSERT_ERRNO(dms_try_info(b, bo.handle, &info), ENOENT);
}

static void map_twice(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 2 * PAGE, "twice"), again = bo;

	dms_map(&again);
	ASSERT(again.map != bo.map);
	pattern_fill(bo.map, bo.size, 3);
	ASSERT(pattern_check(again.map, bo.size, 3));
}

static void map_outlives_handle_and_file(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 4 * PAGE, "outlives");

	pattern_fill(bo.map, bo.size, 4);
	ASSERT_OK(dms_try_close(fd, bo.handle));
	ASSERT(pattern_check(bo.map, bo.size, 4));
	close(fd);
	ASSERT(pattern_check(bo.map, bo.size, 4));
	pattern_fill(bo.map, bo.size, 5);
	ASSERT(pattern_check(bo.map, bo.size, 5));
	ASSERT_OK(munmap(bo.map, bo.size));
}

/*
 * From the start as little as one likes. From the middle only through a
 * dma-buf: on a DRM file the offset names the buffer and nothing in it.
 */
static void map_part(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 4 * PAGE, "part");
	uint64_t offset;
	uint8_t *first;

	ASSERT_OK(try_mmap_offset(fd, bo.handle, 0, &offset));
	pattern_fill(bo.map, bo.size, 6);
	first = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset);
	ASSERT(first != MAP_FAILED);
	ASSERT(!memcmp(first, bo.map, PAGE));
	ASSERT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset + 2 * PAGE) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
}

static void map_private(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "private");
	uint64_t offset;

	ASSERT_OK(try_mmap_offset(fd, bo.handle, 0, &offset));
	ASSERT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
}

static void map_past_the_end(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "short");
	uint64_t offset;
	void *p;

	ASSERT_OK(try_mmap_offset(fd, bo.handle, 0, &offset));
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, offset);
	ASSERT_MSG(p == MAP_FAILED, "two pages of a buffer of one can be mapped");
	ASSERT_EQ(errno, EINVAL);
}

static void map_of_another_file(void)
{
	int a = dms_open(), b = dms_open();
	struct bo bo = dms_create(a, PAGE, "private");
	uint64_t offset;

	ASSERT_OK(try_mmap_offset(a, bo.handle, 0, &offset));
	ASSERT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, b, offset) == MAP_FAILED);
	ASSERT_EQ(errno, EACCES);
}

static void mmap_ioctl_errors(void)
{
	struct foreign f = vgem_buffer(PAGE);
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "bo"), import = dms_import(fd, f.dmabuf);
	uint64_t offset;

	ASSERT_ERRNO(try_mmap_offset(fd, bo.handle + 1000, 0, &offset), ENOENT);
	ASSERT_ERRNO(try_mmap_offset(fd, 0, 0, &offset), ENOENT);
	ASSERT_ERRNO(try_mmap_offset(fd, bo.handle, 1, &offset), EINVAL);
	ASSERT_ERRNO(try_mmap_offset(fd, import.handle, 0, &offset), EOPNOTSUPP);
}

static void info(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, 5 * PAGE, "info");
	struct drm_dmashare_bo_info i;

	dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, 0));
	i = dms_info(fd, bo.handle);
	ASSERT_EQ(i.size, 5 * PAGE);
	ASSERT_EQ(i.placement, DMASHARE_PLACEMENT_SYSTEM);
	ASSERT_EQ(i.buffer, bo.id);
	/* The device has just used it, so it has a mapping. */
	ASSERT(i.flags & DRM_DMASHARE_BO_INFO_MAPPED);
	/* It can move where there is more than one place. */
	ASSERT_EQ(i.flags & ~DRM_DMASHARE_BO_INFO_MAPPED,
		  dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE) ?
		  DRM_DMASHARE_BO_INFO_DYNAMIC : 0);
	ASSERT_NE(i.mapping, 0);
	ASSERT_MSG(i.n_segments >= 1 && i.n_segments <= 5, "%u segments", i.n_segments);
	ASSERT_EQ(i.dma_addr % PAGE, 0);
	ASSERT_NE(i.dma_addr, 0);
}

static void info_errors(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "closed");
	struct drm_dmashare_bo_info i;

	ASSERT_OK(dms_try_close(fd, bo.handle));
	ASSERT_ERRNO(dms_try_info(fd, bo.handle, &i), ENOENT);
	ASSERT_ERRNO(dms_try_info(fd, 0, &i), ENOENT);
}

static void info_hides_addresses(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "hidden");

	dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, 0));
	ASSERT_NE(dms_info(fd, bo.handle).dma_addr, 0);
	drop_privileges();
	ASSERT_EQ(dms_info(fd, bo.handle).dma_addr, 0);
}

static void stale_needs_privilege(void)
{
	int fd = dms_open();
	struct bo bo;

	drop_privileges();
	ASSERT_ERRNO(dms_try_create(fd, PAGE, DRM_DMASHARE_BO_STALE_DMA, "", &bo), EPERM);
}

static void close_errors(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "once");

	ASSERT_OK(dms_try_close(fd, bo.handle));
	ASSERT_ERRNO(dms_try_close(fd, bo.handle), EINVAL);
	ASSERT_ERRNO(dms_try_close(fd, 12345), EINVAL);
}

static void close_frees_the_buffer(void)
{
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0), now, d;
	struct bo bo = dms_create_mapped(fd, 3 * PAGE, "freed");

	dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, 0));
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, 1);
	ASSERT_EQ(d.live_mappings, 1);
	dms_destroy(&bo);
	ledger_wait_gone(fd, &before);
}

static void closing_the_file_frees_all(void)
{
	int watch = dms_open(), fd = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct bo bo = dms_create(fd, PAGE * (i + 1), "left");

		dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, i));
	}
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, 20);
	close(fd);
	ledger_wait_gone(watch, &before);
}

static void name_of_full_length(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "a name of thirty-two characters!");

	dms_destroy(&bo);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(create_and_close),
	KTAP_CASE(size_is_rounded_up),
	KTAP_CASE(size_zero),
	KTAP_CASE(size_too_large_to_round),
	KTAP_CASE(size_beyond_memory),
	KTAP_CASE(unknown_flag),
	KTAP_CASE(unknown_placement),
	KTAP_CASE(no_local_memory),
	KTAP_CASE(starts_as_zeros),
	KTAP_CASE(starts_as_zeros_for_the_device),
	KTAP_CASE(buffers_are_distinct),
	KTAP_CASE(handles_belong_to_a_file),
	KTAP_CASE(map_twice),
	KTAP_CASE(map_outlives_handle_and_file),
	KTAP_CASE(map_part),
	KTAP_CASE(map_private),
	KTAP_CASE(map_past_the_end),
	KTAP_CASE(map_of_another_file),
	KTAP_CASE(mmap_ioctl_errors),
	KTAP_CASE(info),
	KTAP_CASE(info_errors),
	KTAP_CASE(info_hides_addresses),
	KTAP_CASE(stale_needs_privilege),
	KTAP_CASE(close_errors),
	KTAP_CASE(close_frees_the_buffer),
	KTAP_CASE(closing_the_file_frees_all),
	KTAP_CASE(name_of_full_length),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
