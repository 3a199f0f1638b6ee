// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program of the host that looks at what a guest publishes, as dma-bufs.
 *
 * usage: nested-viewer SOCKET BUFFERS FRAMES
 *
 * It opens so many buffers and holds each of their contents while it takes the
 * checksum of them. It says on stdout
 *
 *     buffer NAME SIZE PATH CONFINED	one for each; CONFINED is 1 if nothing
 *					but its own pages can be reached by its
 *					descriptor
 *     ready				all are there
 *     frame N CRC			of contents that were published
 *     withdrawn ID ERRNO		after the last frame
 *
 * and ends when all are withdrawn. What goes wrong is said on stderr, and ends
 * it with status 1.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmashare.h"

#define PAGE		4096
#define MAX_BUFFERS	16
#define PATIENCE_MS	300000

struct view {
	struct dmashare_buffer *buf;
	uint32_t id;
	const uint8_t *map;
	uint64_t size;
};

static struct dmashare *ds;
static struct view views[MAX_BUFFERS];
static int n_views;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", dmashare_error(ds));
	exit(1);
}

static const char *path_name(enum dmashare_path path)
{
	static const char * const names[] = { "none", "udmabuf", "local", "guest" };

	return path < sizeof(names) / sizeof(names[0]) ? names[path] : "unknown";
}

/* Is what the descriptor leads to exactly as long as the buffer? */
static int confined(int fd, uint64_t size)
{
	void *map;

	if (lseek(fd, 0, SEEK_END) != (off_t)size)
		return 0;
	map = mmap(NULL, size + PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		return 0;
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, size);
	if (map != MAP_FAILED)
		return 0;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return 0;
	if (mremap(map, size, size + PAGE, MREMAP_MAYMOVE) != MAP_FAILED)
		return 0;
	munmap(map, size);
	return 1;
}

static void view_new(const struct dmashare_info *info)
{
	struct view *view = &views[n_views++];
	void *map;

	view->id = info->id;
	view->size = info->size;
	if (dmashare_open(ds, info->id, 0, &view->buf))
		fail("cannot open %s", info->name);
	if (dmashare_map(view->buf, &map))
		fail("cannot map %s", info->name);
	view->map = map;
	if (dmashare_subscribe(view->buf, 1))
		fail("cannot subscribe to %s", info->name);
	printf("buffer %s %llu %s %d\n", info->name, (unsigned long long)info->size,
	       path_name(info->path), confined(dmashare_buffer_fd(view->buf), info->size));
}

static struct view *view_of(uint32_t id)
{
	int i;

	for (i = 0; i < n_views; i++)
		if (views[i].buf && views[i].id == id)
			return &views[i];
	return NULL;
}

/* True if it was one. */
static int look(const struct dmashare_notice *notice)
{
	struct view *view = view_of(notice->info.id);
	uint32_t crc;

	if (notice->kind != DMASHARE_CONTENT || !notice->hold || !view)
		return 0;
	if (dmashare_begin_cpu(view->buf, 0))
		fail("cannot begin to read");
	crc = dmashare_crc32c(0, view->map, view->size);
	if (dmashare_end_cpu(view->buf, 0))
		fail("cannot end reading");
	printf("frame %llu %08x\n", (unsigned long long)notice->sequence, crc);
	if (dmashare_release(ds, notice->hold, 0))
		fail("cannot release frame %llu", (unsigned long long)notice->sequence);
	return 1;
}

static void next(struct dmashare_notice *notice)
{
	int ret = dmashare_next(ds, PATIENCE_MS, notice);

	if (ret < 0)
		fail("the server");
	if (!ret)
		fail("nothing came");
}

int main(int argc, char **argv)
{
	struct dmashare_info info[MAX_BUFFERS];
	struct dmashare_notice notice;
	int buffers, i, n;
	long frames;

	if (argc != 4 || (buffers = atoi(argv[2])) < 1 || buffers > MAX_BUFFERS) {
		fprintf(stderr, "usage: %s SOCKET BUFFERS FRAMES\n", argv[0]);
		return 2;
	}
	frames = atol(argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (dmashare_connect(argv[1], "nested-viewer", PATIENCE_MS, &ds))
		fail("%s", argv[1]);
	while ((n = dmashare_list(ds, info, MAX_BUFFERS)) < buffers)
		next(&notice);
	for (i = 0; i < buffers; i++)
		view_new(&info[i]);
	printf("ready\n");
	while (frames) {
		next(&notice);
		frames -= look(&notice);
	}
	while (n_views) {
		struct view *view;

		next(&notice);
		view = view_of(notice.info.id);
		if (notice.kind != DMASHARE_WITHDRAWN || !view)
			continue;
		printf("withdrawn %u %d\n", notice.info.id, notice.error);
		dmashare_close(view->buf);
		*view = views[--n_views];
	}
	dmashare_disconnect(ds);
	return 0;
}
