// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any exporter of dma-bufs, by name, beside what a memfd of the same size costs: the
 * least that the kernel has to do for memory that a file leads to. Needs no dmashare.
 *
 *	bench-exporter [--brief] [--exporter=NAME] [FIGURE...]
 *
 * Names are those of exporter.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "exporter.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "sample.h"

#define PAGE	4096u

/**
 * struct bench - what is measured
 * @maker: the exporter
 * @importer: DRM node, or -1
 * @size: of a buffer
 * @dmabuf: one that stays
 * @memfd: the same without an exporter
 */
struct bench {
	struct maker *maker;
	int importer;
	size_t size;
	int dmabuf;
	int memfd;
};

static int make(struct bench *b)
{
	int dmabuf = b->maker->ops->make(b->maker, b->size);

	ASSERT_MSG(dmabuf >= 0, "%s makes no dma-buf of %zu bytes: %s", b->maker->name,
		   b->size, strerror(errno));
	return dmabuf;
}

static void end(struct bench *b, int dmabuf)
{
	close(dmabuf);
	if (b->maker->ops->end)
		b->maker->ops->end(b->maker);
}

/* With its pages, as most exporters have them from the beginning. */
static int make_memfd(struct bench *b)
{
	int fd = memfd_create("floor", MFD_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, b->size));
	ASSERT_OK(fallocate(fd, 0, 0, b->size));
	return fd;
}

static uint64_t sample_make(void *arg)
{
	struct bench *b = arg;
	uint64_t begin = now_ns(), took;
	int dmabuf = make(b);

	took = now_ns() - begin;
	end(b, dmabuf);
	return took;
}

static uint64_t floor_make(void *arg)
{
	uint64_t begin = now_ns(), took;
	int fd = make_memfd(arg);

	took = now_ns() - begin;
	close(fd);
	return took;
}

static uint64_t sample_end(void *arg)
{
	struct bench *b = arg;
	int dmabuf = make(b);
	uint64_t begin = now_ns();

	end(b, dmabuf);
	return now_ns() - begin;
}

static uint64_t floor_end(void *arg)
{
	int fd = make_memfd(arg);
	uint64_t begin = now_ns();

	close(fd);
	return now_ns() - begin;
}

static uint64_t sample_import(void *arg)
{
	struct bench *b = arg;
	uint64_t begin = now_ns();
	uint32_t handle;

	ASSERT_OK(drmPrimeFDToHandle(b->importer, b->dmabuf, &handle));
	ASSERT_OK(drmCloseBufferHandle(b->importer, handle));
	return now_ns() - begin;
}

/* Writes to each page, and looks whether it is there. */
static uint64_t map_and_touch(int fd, size_t size)
{
	uint64_t begin = now_ns();
	volatile uint8_t *p;
	size_t at;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_MSG(p != MAP_FAILED, "mmap: %s", strerror(errno));
	for (at = 0; at < size; at += PAGE)
		p[at] = at / PAGE + 1;
	for (at = 0; at < size; at += PAGE)
		ASSERT(p[at] == (uint8_t)(at / PAGE + 1));
	munmap((void *)p, size);
	return now_ns() - begin;
}

static uint64_t sample_mmap(void *arg)
{
	struct bench *b = arg;

	return map_and_touch(b->dmabuf, b->size);
}

static uint64_t floor_mmap(void *arg)
{
	struct bench *b = arg;

	return map_and_touch(b->memfd, b->size);
}

static uint64_t sample_access(void *arg)
{
	struct bench *b = arg;
	uint64_t begin = now_ns();

	ASSERT_OK(dmabuf_sync(b->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START));
	ASSERT_OK(dmabuf_sync(b->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END));
	return now_ns() - begin;
}

/* A memfd answers neither. */
static uint64_t floor_access(void *arg)
{
	struct bench *b = arg;
	uint64_t begin = now_ns();

	ASSERT(dmabuf_sync_once(b->memfd, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START) < 0);
	ASSERT(dmabuf_sync_once(b->memfd, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END) < 0);
	return now_ns() - begin;
}

static struct bench bench = { .importer = -1, .size = 1 << 20 };

static void take(const char *name, sample_fn measured, sample_fn floor)
{
	char note[256];

	snprintf(note, sizeof(note), "%s, %zu bytes%s", bench.maker->name, bench.size,
		 floor ? "" : ", imported by vgem and let go of");
	figure_take(&(struct figure){
		.name = name,
		.measured = measured,
		.floor = floor,
		.arg = &bench,
		.rounds = 200,
		.warm_up = 20,
		.note = note,
	});
}

static void take_make(void)
{
	take("exporter-make", sample_make, floor_make);
}

static void take_import(void)
{
	if (bench.importer >= 0)
		take("exporter-import", sample_import, NULL);
	else
		figure_skip("exporter-import", "there is no vgem, to import it");
}

static void take_mmap(void)
{
	void *p = mmap(NULL, bench.size, PROT_READ | PROT_WRITE, MAP_SHARED, bench.dmabuf, 0);

	if (p == MAP_FAILED) {
		figure_skip("exporter-mmap", "it cannot be mapped: %s", strerror(errno));
		return;
	}
	munmap(p, bench.size);
	take("exporter-mmap", sample_mmap, floor_mmap);
}

static void take_access(void)
{
	take("exporter-access", sample_access, floor_access);
}

static void take_end(void)
{
	take("exporter-end", sample_end, floor_end);
}

static const struct taker takers[] = {
	{ "exporter-make", take_make },
	{ "exporter-import", take_import },
	{ "exporter-mmap", take_mmap },
	{ "exporter-access", take_access },
	{ "exporter-end", take_end },
};

static void open_exporter(const char *name)
{
	bench.maker = maker_open(name);
	if (!bench.maker)
		exit(2);
	bench.importer = importer_open("vgem");
	bench.dmabuf = make(&bench);
	bench.memfd = make_memfd(&bench);
}

int main(int argc, char **argv)
{
	return bench_main(argc, argv, takers, ARRAY_SIZE(takers), open_exporter);
}
