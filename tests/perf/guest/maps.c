// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 64 MiB, or a page, mapped for an importer and taken from it again: a buffer of ours,
 * and one of udmabuf, by the same importer. That is vgem where it maps what it
 * imports, a driver that nobody wrote for this; and the second dmashare device in any
 * case, which has an IOMMU in front of it and tells its hardware.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>
#include <xf86drm.h>

#include "figures.h"
#include "lib/dms.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "sample.h"

#define MAP_BYTES	(64u << 20)
#define HUGE_BYTES	(2u << 20)
#define HUGE_PAGES	"/proc/sys/vm/nr_hugepages"

/**
 * struct maps - the importer and what it imports
 * @importer: DRM node
 * @ours: dma-buf of dmashare
 * @theirs: dma-buf of udmabuf
 */
struct maps {
	int importer;
	int ours, theirs;
};

/* An import attaches and maps, and closing the handle undoes both. */
static uint64_t import_and_close(int importer, int dmabuf)
{
	uint64_t begin = now_ns();
	uint32_t handle;

	ASSERT_OK(drmPrimeFDToHandle(importer, dmabuf, &handle));
	ASSERT_OK(drmCloseBufferHandle(importer, handle));
	return now_ns() - begin;
}

static uint64_t map_ours(void *arg)
{
	struct maps *m = arg;

	return import_and_close(m->importer, m->ours);
}

static uint64_t map_theirs(void *arg)
{
	struct maps *m = arg;

	return import_and_close(m->importer, m->theirs);
}

static int our_buffer(uint64_t bytes, uint32_t flags)
{
	int fd = dms_open();
	struct bo bo = dms_create_in(fd, bytes, DMASHARE_PLACEMENT_SYSTEM, flags, "maps");

	return dms_export(fd, bo.handle);
}

static void take_maps(const char *name, struct maps *m)
{
	figure_take(&(struct figure){
		.name = name,
		.measured = map_ours,
		.floor = map_theirs,
		.arg = m,
		.rounds = 40,
		.warm_up = 4,
	});
}

static bool vgem_importer(const char *name, struct maps *m)
{
	m->importer = vgem_open();
	if (vgem_maps())
		return true;
	figure_skip(name, "this kernel's vgem maps nothing that it imports");
	return false;
}

static bool device_importer(const char *name, struct maps *m)
{
	m->importer = drm_open_driver("dmashare", false, 1);
	if (m->importer >= 0)
		return true;
	figure_skip(name, "there is no second dmashare device, to import");
	return false;
}

static void small_pages(struct maps *m, uint64_t bytes)
{
	struct foreign theirs = udmabuf_buffer(bytes);

	m->ours = our_buffer(bytes, DRM_DMASHARE_BO_SCATTERED);
	m->theirs = theirs.dmabuf;
}

void take_map_4k(void)
{
	struct maps m;

	if (!vgem_importer("map-4k", &m))
		return;
	small_pages(&m, MAP_BYTES);
	take_maps("map-4k", &m);
}

/* What a mapping costs that has no pages to speak of. */
void take_map_page(void)
{
	struct maps m;

	if (!vgem_importer("map-page", &m))
		return;
	small_pages(&m, sysconf(_SC_PAGESIZE));
	take_maps("map-page", &m);
}

void take_map_4k_device(void)
{
	struct maps m;

	if (!device_importer("map-4k-device", &m))
		return;
	small_pages(&m, MAP_BYTES);
	take_maps("map-4k-device", &m);
}

/* Huge pages of the kernel's pool; -1 when there are none. */
static int huge_memfd(void)
{
	FILE *f = fopen(HUGE_PAGES, "we");
	void *p;
	int fd;

	if (!f)
		return -1;
	fprintf(f, "%u\n", MAP_BYTES / HUGE_BYTES);
	fclose(f);
	fd = memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	ASSERT_OK(ftruncate(fd, MAP_BYTES));
	p = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	munmap(p, MAP_BYTES);
	ASSERT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	return fd;
}

/* Says why not, if there are none. */
static bool huge_pages(const char *name, struct maps *m)
{
	struct udmabuf_create c = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = MAP_BYTES };
	int dev, memfd = huge_memfd();

	if (memfd < 0) {
		figure_skip(name, "this kernel has no huge pages to be had: %s",
			    strerror(errno));
		return false;
	}
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	ASSERT_OK(dev);
	c.memfd = memfd;
	m->theirs = ioctl(dev, UDMABUF_CREATE, &c);
	if (m->theirs < 0) {
		figure_skip(name, "this kernel's udmabuf takes no huge pages: %s",
			    strerror(errno));
		return false;
	}
	m->ours = our_buffer(MAP_BYTES, DRM_DMASHARE_BO_HUGE);
	return true;
}

void take_map_huge(void)
{
	struct maps m;

	if (vgem_importer("map-huge", &m) && huge_pages("map-huge", &m))
		take_maps("map-huge", &m);
}

void take_map_huge_device(void)
{
	struct maps m;

	if (device_importer("map-huge-device", &m) && huge_pages("map-huge-device", &m))
		take_maps("map-huge-device", &m);
}
