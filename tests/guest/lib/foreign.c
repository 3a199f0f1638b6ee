// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <xf86drm.h>

#include "dms.h"
#include "foreign.h"
#include "ktap.h"
#include "ledger.h"
#include "module.h"
#include "trace.h"

#define PAGE	4096u

const struct exporter exporters[] = {
	{ "vgem", vgem_buffer },
	{ "udmabuf", udmabuf_buffer },
	{ "system-heap", heap_buffer },
};

_Static_assert(ARRAY_SIZE(exporters) == N_EXPORTERS, "count of exporters");

static void map_dmabuf(struct foreign *f)
{
	f->map = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->dmabuf, 0);
	ASSERT_MSG(f->map != MAP_FAILED, "mmap of a dma-buf of %s: %s", f->exporter,
		   strerror(errno));
}

int vgem_open(void)
{
	int fd = drm_open_driver("vgem", true, 0);

	if (fd < 0 && !module_load("vgem", ""))
		fd = drm_open_driver("vgem", true, 0);
	ASSERT_MSG(fd >= 0, "no device of the driver vgem");
	return fd;
}

unsigned int vgem_maps(void)
{
	bool helpers = false, no_map = false;
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];

	ASSERT_MSG(f, "/proc/kallsyms: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %255s", name) != 1)
			continue;
		helpers |= !strcmp(name, "drm_gem_shmem_prime_import_sg_table");
		no_map |= !strcmp(name, "drm_gem_shmem_prime_import_no_map");
	}
	fclose(f);
	ASSERT_MSG(helpers, "the helpers that vgem is made of are not loaded");
	return no_map ? 0 : 1;
}

uint32_t vgem_create(int vgem, size_t size)
{
	struct drm_mode_create_dumb c = {
		.width = PAGE / 4,
		.height = (size + PAGE - 1) / PAGE,
		.bpp = 32,
	};

	ASSERT_OK(drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &c));
	ASSERT_EQ(c.size, (size + PAGE - 1) / PAGE * PAGE);
	return c.handle;
}

uint8_t *vgem_map(int vgem, uint32_t handle, size_t size)
{
	struct drm_mode_map_dumb m = { .handle = handle };
	void *p;

	ASSERT_OK(drmIoctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &m));
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, m.offset);
	ASSERT_MSG(p != MAP_FAILED, "mmap through vgem: %s", strerror(errno));
	return p;
}

struct foreign vgem_buffer(size_t size)
{
	struct foreign f = { .exporter = "vgem", .size = size };

	f.backing = vgem_open();
	f.handle = vgem_create(f.backing, size);
	ASSERT_OK(drmPrimeHandleToFD(f.backing, f.handle, DRM_CLOEXEC | DRM_RDWR, &f.dmabuf));
	map_dmabuf(&f);
	return f;
}

static int sealed_memfd(size_t size)
{
	int fd = memfd_create("udmabuf-test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, size));
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	return fd;
}

static int open_udmabuf(void)
{
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	ASSERT_MSG(fd >= 0, "/dev/udmabuf: %s", strerror(errno));
	return fd;
}

/* The frame of the page at @at, present, of our own mapping. */
static uint64_t page_frame(int pagemap, const uint8_t *at)
{
	uint64_t entry;

	ASSERT_EQ(pread(pagemap, &entry, sizeof(entry), (uintptr_t)at / PAGE * sizeof(entry)),
		  sizeof(entry));
	ASSERT(entry >> 63);
	return entry & ((1ull << 55) - 1);
}

/*
 * Takes another page for that at @at. The spare ones stay taken until the end of
 * the process: the page that was given up is not the one that comes.
 */
static void change_page(int memfd, uint8_t *map, size_t at)
{
	int i;

	ASSERT_OK(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PAGE));
	for (i = 0; i < 2; i++) {
		uint8_t *spare = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT(spare != MAP_FAILED);
		*spare = 1;
	}
	map[at] = 0;
}

/*
 * Takes the memfd's pages such that no run of adjacent ones is longer than the
 * 64 KiB that udmabuf's own device claims to support: udmabuf joins neighbours
 * whatever it claims, and a kernel with DMA_API_DEBUG reports that.
 */
static void take_pages(int memfd, size_t size)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	size_t first, at, run = 1;

	ASSERT_OK(pagemap);
	ASSERT(map != MAP_FAILED);
	/* The even ones first: then it is mostly so already. */
	for (first = 0; first <= PAGE; first += PAGE)
		for (at = first; at < size; at += 2 * PAGE)
			map[at] = 0;
	for (at = PAGE; at < size; at += PAGE) {
		run = page_frame(pagemap, map + at) == page_frame(pagemap, map + at - PAGE) + 1 ?
		      run + 1 : 1;
		while (run > 65536 / PAGE) {
			change_page(memfd, map, at);
			if (page_frame(pagemap, map + at) !=
			    page_frame(pagemap, map + at - PAGE) + 1)
				run = 1;
		}
	}
	munmap(map, size);
	close(pagemap);
}

struct foreign udmabuf_buffer(size_t size)
{
	struct foreign f = { .exporter = "udmabuf", .size = size };
	struct udmabuf_create c = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int dev = open_udmabuf();

	f.backing = sealed_memfd(size);
	take_pages(f.backing, size);
	c.memfd = f.backing;
	f.dmabuf = ioctl(dev, UDMABUF_CREATE, &c);
	ASSERT_MSG(f.dmabuf >= 0, "UDMABUF_CREATE: %s", strerror(errno));
	close(dev);
	map_dmabuf(&f);
	return f;
}

struct foreign udmabuf_scattered(size_t size)
{
	struct foreign f = { .exporter = "udmabuf", .size = size };
	size_t i, n = size / PAGE;
	struct udmabuf_create_list *c;
	int dev = open_udmabuf();

	ASSERT(size % PAGE == 0 && n);
	/* Twice the pages, of which every second is used, last one first. */
	f.backing = sealed_memfd(2 * size);
	c = calloc(1, sizeof(*c) + n * sizeof(c->list[0]));
	ASSERT(c);
	c->flags = UDMABUF_FLAGS_CLOEXEC;
	c->count = n;
	for (i = 0; i < n; i++) {
		c->list[i].memfd = f.backing;
		c->list[i].offset = (2 * (n - 1 - i) + 1) * PAGE;
		c->list[i].size = PAGE;
	}
	f.dmabuf = ioctl(dev, UDMABUF_CREATE_LIST, c);
	ASSERT_MSG(f.dmabuf >= 0, "UDMABUF_CREATE_LIST: %s", strerror(errno));
	free(c);
	close(dev);
	map_dmabuf(&f);
	return f;
}

struct foreign heap_buffer(size_t size)
{
	struct foreign f = { .exporter = "system-heap", .size = size, .backing = -1 };
	struct dma_heap_allocation_data a = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int dev = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);

	ASSERT_MSG(dev >= 0, "/dev/dma_heap/system: %s", strerror(errno));
	ASSERT_OK(ioctl(dev, DMA_HEAP_IOCTL_ALLOC, &a));
	close(dev);
	f.dmabuf = a.fd;
	map_dmabuf(&f);
	return f;
}

void foreign_destroy(struct foreign *f)
{
	munmap(f->map, f->size);
	close(f->dmabuf);
	if (f->backing >= 0)
		close(f->backing);
	f->map = NULL;
	f->dmabuf = f->backing = -1;
}

struct unmaps {
	unsigned int all, skipped;
};

static void count_unmap(const char *line, void *arg)
{
	struct unmaps *n = arg;

	n->all++;
	n->skipped += !!strstr(line, "SKIP_CPU_SYNC");
}

bool foreign_syncs_at_unmap(int fd, const struct foreign *f)
{
	struct dmashare_ledger before = ledger_get(fd, 0);
	struct unmaps n = { 0 };
	struct bo bo;

	trace_clear();
	trace_on("dma/dma_unmap_sg", NULL);
	bo = dms_import(fd, f->dmabuf);
	dms_crc(fd, &bo, 0, f->size);
	ASSERT_OK(dms_try_close(fd, bo.handle));
	ledger_wait_gone(fd, &before);
	trace_off("dma/dma_unmap_sg");

	trace_each("dma_unmap_sg", count_unmap, &n);
	/* What else is unmapped meanwhile is our driver's, which never skips. */
	ASSERT_MSG(n.all, "no dma_unmap_sg in the trace: %s has not unmapped", f->exporter);
	ASSERT(n.skipped <= 1);
	ktap_diag("%s %s at unmap", f->exporter, n.skipped ? "skips the sync" : "syncs");
	return !n.skipped;
}
