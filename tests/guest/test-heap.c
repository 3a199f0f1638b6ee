// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dma-heaps of the devices' local memory (the VM "heap"): what they give out
 * is a buffer like any other in local memory, and who asks needs no ioctl of the
 * driver's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"

#define SIZE	(5u << 16)
#define ONES	0x0101010101010101ull

/* The heap of device @index, which is open as @fd. */
static int heap_open(unsigned int index)
{
	char path[64] = "/dev/dma_heap/dmashare-local";
	int heap;

	if (index)
		snprintf(path, sizeof(path), "/dev/dma_heap/dmashare-local%u", index);
	heap = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_MSG(heap >= 0, "%s: %s", path, strerror(errno));
	return heap;
}

/* A dma-buf, or -1 and errno. */
static int heap_try_alloc(int heap, uint64_t size)
{
	struct dma_heap_allocation_data a = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &a) ? -1 : (int)a.fd;
}

static int heap_alloc(int heap, uint64_t size)
{
	int dmabuf = heap_try_alloc(heap, size);

	ASSERT_OK(dmabuf);
	return dmabuf;
}

static uint8_t *map(int dmabuf, uint64_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	ASSERT_MSG(p != MAP_FAILED, "mmap: %s", strerror(errno));
	return p;
}

/* Its own device finds the buffer that it is, in local memory and clear. */
static void gives_local_memory(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		int fd = dms_open_nth(i), dmabuf = heap_alloc(heap_open(i), SIZE);
		uint8_t *p = map(dmabuf, SIZE);
		struct bo bo = dms_import(fd, dmabuf);
		struct drm_dmashare_bo_info info = dms_info(fd, bo.handle);

		covers("heap:user");
		ASSERT_EQ(info.flags & ~DRM_DMASHARE_BO_INFO_MAPPED,
			  DRM_DMASHARE_BO_INFO_DYNAMIC);
		ASSERT_EQ(info.placement, LOCAL);
		ASSERT_EQ(info.size, SIZE);
		ASSERT(all_bytes(p, SIZE, 0));
		pattern_fill(p, SIZE, i);
		ASSERT_EQ(dms_crc(fd, &bo, 0, SIZE), crc32c(p, SIZE));
		dms_run_ok(fd, dms_job_fill(&bo, 0, SIZE, ONES));
		ASSERT(all_bytes(p, SIZE, 1));
		ASSERT_EQ(ledger_get(fd, bo.handle).local_bytes_written, 2 * SIZE);
	}
}

/* What one program put into it the next one does not find. */
static void is_cleared(void)
{
	int fd = dms_open(), heap = heap_open(0), dmabuf;
	uint64_t room = local_free(fd);
	uint8_t *p;

	dmabuf = heap_alloc(heap, room);
	ASSERT_EQ(local_free(fd), 0);
	p = map(dmabuf, room);
	memset(p, 0x5a, room);
	munmap(p, room);
	close(dmabuf);
	ASSERT_EQ(local_free(fd), room);
	p = map(heap_alloc(heap, room), room);
	ASSERT(all_bytes(p, room, 0));
}

/* The other device imports it. */
static void imported(void)
{
	int other = dms_open_nth(1), dmabuf = heap_alloc(heap_open(0), SIZE);
	uint8_t *p = map(dmabuf, SIZE);
	struct bo here = dms_import(other, dmabuf);

	ASSERT(dms_info(other, here.handle).flags & DRM_DMASHARE_BO_INFO_IMPORTED);
	pattern_fill(p, SIZE, 2);
	ASSERT_EQ(dms_crc(other, &here, 0, SIZE), crc32c(p, SIZE));
	dms_run_ok(other, dms_job_fill(&here, 16, SIZE - 16, ONES));
	ASSERT(all_bytes(p + 16, SIZE - 16, 1));
}

/* It moves as any other, and importers and mappings with it. */
static void moves(void)
{
	int fd = dms_open(), other = dms_open_nth(1);
	int dmabuf = heap_alloc(heap_open(0), SIZE);
	uint8_t *p = map(dmabuf, SIZE);
	struct bo bo = dms_import(fd, dmabuf);
	struct bo here = dms_import(other, dmabuf);
	unsigned int i;

	for (i = 0; i < 10; i++) {
		dms_move(&bo, i % 2 ? LOCAL : SYSTEM);
		pattern_fill(p, SIZE, i);
		ASSERT_EQ(dms_crc(other, &here, 0, SIZE), crc32c(p, SIZE));
		ASSERT_EQ(dms_crc(fd, &bo, 0, SIZE), crc32c(p, SIZE));
	}
	ASSERT_EQ(dms_info(fd, bo.handle).moves, 10);
	ASSERT_EQ(dms_info(other, here.handle).moves, 10);
}

/* The dma-buf alone keeps it, without a handle anywhere. */
static void lifetime(void)
{
	int fd = dms_open(), dmabuf = heap_alloc(heap_open(0), SIZE);
	uint64_t room = local_free(fd);
	struct bo bo = dms_import(fd, dmabuf);
	uint8_t *p = map(dmabuf, SIZE);

	pattern_fill(p, SIZE, 3);
	ASSERT_OK(dms_try_close(fd, bo.handle));
	ASSERT(pattern_check(p, SIZE, 3));
	munmap(p, SIZE);
	bo = dms_import(fd, dmabuf);
	ASSERT_EQ(ledger_get(fd, bo.handle).notes[DMASHARE_NOTE_EXPORT], 1);
	close(dmabuf);
	p = map(dms_export(fd, bo.handle), SIZE);
	ASSERT(pattern_check(p, SIZE, 3));
	ASSERT_EQ(local_free(fd), room);
}

static void too_large(void)
{
	int fd = dms_open(), heap = heap_open(0);
	uint64_t size = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);

	ASSERT_ERRNO(heap_try_alloc(heap, size + 1), ENOSPC);
	ASSERT_ERRNO(heap_try_alloc(heap, 1ull << 50), ENOSPC);
	ASSERT_ERRNO(heap_try_alloc(heap, 0), EINVAL);
}

/* Others' buffers make room, as for BO_CREATE. */
static void pressure(void)
{
	int fd = dms_open(), heap = heap_open(0);
	uint64_t size = local_free(fd) / 4 * 3 / SIZE * SIZE;
	struct bo first = dms_import(fd, heap_alloc(heap, size));
	struct bo second = dms_import(fd, heap_alloc(heap, size));

	ASSERT_EQ(dms_info(fd, first.handle).placement, SYSTEM);
	ASSERT_EQ(dms_info(fd, second.handle).placement, LOCAL);
}

/* The heap stays when its device goes, and is the next one's. */
static void without_device(void)
{
	int fd = dms_open(), heap = heap_open(0), dmabuf = heap_alloc(heap, SIZE);
	char address[BUS_ADDRESS];

	ASSERT(bus_address(fd, address));
	close(fd);

	driver_control(address, "unbind");
	ASSERT_ERRNO(heap_try_alloc(heap, SIZE), ENODEV);
	driver_control(address, "bind");
	close(dmabuf);
	dmabuf = heap_alloc(heap, SIZE);
	ASSERT(all_bytes(map(dmabuf, SIZE), SIZE, 0));
}

/* The kernel has no way to take a heap away. */
static void module_stays(void)
{
	ASSERT(module_unload("dmashare") < 0);
	ASSERT(errno == EBUSY || errno == EWOULDBLOCK);
	heap_alloc(heap_open(0), SIZE);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(gives_local_memory),
	KTAP_CASE(is_cleared),
	KTAP_COVERS(imported, "heap:dmashare"),
	KTAP_CASE(moves),
	KTAP_CASE(lifetime),
	KTAP_CASE(too_large),
	KTAP_CASE(pressure),
	KTAP_CASE(without_device),
	KTAP_CASE(module_stays),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
