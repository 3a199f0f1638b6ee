// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * V4L2 captures into buffers of dmashare (V4L2_MEMORY_DMABUF), on both paths:
 * vb2-vmalloc vmaps the dma-buf, vb2-dma-contig attaches and maps it. Each
 * frame is compared as the CPU and as the device see it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/vivid.h"

#define WIDTH		320
#define HEIGHT		180
#define N_BUFFERS	3
#define N_FRAMES	12

struct capture {
	int fd;
	struct vivid v;
	struct bo bo[N_BUFFERS];
	int dmabuf[N_BUFFERS];
};

static void open_capture(struct capture *c, enum vivid_memory memory)
{
	unsigned int i;

	vivid_load(memory);
	c->fd = dms_open();
	c->v = vivid_open(WIDTH, HEIGHT);
	ASSERT_EQ(c->v.width, WIDTH);
	ASSERT_EQ(c->v.height, HEIGHT);
	for (i = 0; i < N_BUFFERS; i++) {
		c->bo[i] = dms_create_mapped(c->fd, c->v.size, "frame");
		c->dmabuf[i] = dms_export(c->fd, c->bo[i].handle);
	}
}

static void close_capture(struct capture *c)
{
	unsigned int i;

	vivid_close(&c->v);
	for (i = 0; i < N_BUFFERS; i++) {
		close(c->dmabuf[i]);
		dms_destroy(&c->bo[i]);
	}
	close(c->fd);
	vivid_unload();
}

/* A picture has light and dark in it, and not the same row over and over. */
static void check_picture(const uint8_t *p, const struct vivid *v)
{
	uint8_t low = 255, high = 0;
	unsigned int x, y, differ = 0;

	for (y = 0; y < v->height; y++) {
		const uint8_t *row = p + y * v->stride;

		for (x = 0; x < 2 * v->width; x += 2) {
			low = row[x] < low ? row[x] : low;
			high = row[x] > high ? row[x] : high;
		}
		if (y)
			differ += memcmp(row, row - v->stride, 2 * v->width) != 0;
	}
	ASSERT_MSG(high - low > 64, "luma is all between %u and %u", low, high);
	ASSERT_MSG(differ, "all rows are equal");
}

static void frames_of(enum vivid_memory memory)
{
	uint32_t crc[N_FRAMES];
	unsigned int i, k, index;
	struct capture c;

	open_capture(&c, memory);
	vivid_start(&c.v, c.dmabuf, N_BUFFERS);
	for (i = 0; i < N_FRAMES; i++) {
		index = vivid_dequeue(&c.v, NULL);
		ASSERT(index < N_BUFFERS);
		check_picture(c.bo[index].map, &c.v);
		crc[i] = crc32c(c.bo[index].map, c.v.size);
		ASSERT_EQ(dms_crc(c.fd, &c.bo[index], 0, c.v.size), crc[i]);
		for (k = 0; k < i; k++)
			ASSERT_MSG(crc[k] != crc[i], "frames %u and %u are equal", k, i);
		/* Nothing of this frame may pass for the next one. */
		memset(c.bo[index].map, 0, c.bo[index].size);
		ASSERT_OK(vivid_try_queue(&c.v, index));
	}
	close_capture(&c);
}

static void vmalloc_frames(void)
{
	frames_of(VIVID_VMALLOC);
}

static void contig_frames(void)
{
	frames_of(VIVID_DMA_CONTIG);
}

/* vmapped while it captures and never attached. */
static void vmalloc_is_vmapped(void)
{
	struct dmashare_ledger l;
	struct capture c;
	unsigned int i;

	open_capture(&c, VIVID_VMALLOC);
	vivid_start(&c.v, c.dmabuf, N_BUFFERS);
	vivid_dequeue(&c.v, NULL);
	for (i = 0; i < N_BUFFERS; i++) {
		l = ledger_get(c.fd, c.bo[i].handle);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_VMAP], 1);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_VUNMAP], 0);
		ASSERT_EQ(l.attaches, 0);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], 0);
	}
	vivid_stop(&c.v);
	for (i = 0; i < N_BUFFERS; i++) {
		l = ledger_get(c.fd, c.bo[i].handle);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_VMAP], 1);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_VUNMAP], 1);
	}
	close_capture(&c);
}

/* Attached and mapped for DMA while it captures. */
static void contig_is_attached(void)
{
	struct dmashare_ledger l;
	struct capture c;
	unsigned int i;

	open_capture(&c, VIVID_DMA_CONTIG);
	vivid_start(&c.v, c.dmabuf, N_BUFFERS);
	vivid_dequeue(&c.v, NULL);
	for (i = 0; i < N_BUFFERS; i++) {
		l = ledger_get(c.fd, c.bo[i].handle);
		ASSERT_EQ(l.attaches, 1);
		ASSERT_EQ(l.live_attachments, 1);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], 1);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], 0);
	}
	vivid_stop(&c.v);
	for (i = 0; i < N_BUFFERS; i++) {
		l = ledger_get(c.fd, c.bo[i].handle);
		ASSERT_EQ(l.live_attachments, 0);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], l.notes[DMASHARE_NOTE_MAP]);
		ASSERT_EQ(l.notes[DMASHARE_NOTE_VUNMAP], l.notes[DMASHARE_NOTE_VMAP]);
		/* It writes the picture by the CPU, by a mapping for the kernel. */
		if (l.notes[DMASHARE_NOTE_VMAP])
			covers("vmap:vivid-contig vunmap:vivid-contig vmap.system:vivid-contig");
	}
	close_capture(&c);
}

/* A buffer that is too short for the frame is refused, not overrun. */
static void too_short_of(enum vivid_memory memory)
{
	struct capture c;
	int dmabufs[2];
	struct bo small;

	open_capture(&c, memory);
	small = dms_create(c.fd, 4096, "short");
	dmabufs[0] = dms_export(c.fd, small.handle);
	dmabufs[1] = c.dmabuf[1];
	ASSERT_ERRNO(vivid_try_start(&c.v, dmabufs, 2), EINVAL);
	vivid_stop(&c.v);
	vivid_start(&c.v, c.dmabuf, N_BUFFERS);
	vivid_dequeue(&c.v, NULL);
	close(dmabufs[0]);
	vivid_stop(&c.v);
	dms_destroy(&small);
	close_capture(&c);
}

static void vmalloc_too_short(void)
{
	too_short_of(VIVID_VMALLOC);
}

static void contig_too_short(void)
{
	too_short_of(VIVID_DMA_CONTIG);
}

/* vivid holds the buffers when their handles and fds are gone. */
static void kept_alive_by(enum vivid_memory memory)
{
	struct dmashare_ledger before, now, d;
	int watch = dms_open();
	struct capture c;
	unsigned int i;

	before = ledger_get(watch, 0);
	open_capture(&c, memory);
	vivid_start(&c.v, c.dmabuf, N_BUFFERS);
	for (i = 0; i < N_BUFFERS; i++) {
		close(c.dmabuf[i]);
		dms_destroy(&c.bo[i]);
	}
	close(c.fd);
	for (i = 0; i < N_BUFFERS; i++)
		vivid_dequeue(&c.v, NULL);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, N_BUFFERS);
	vivid_close(&c.v);
	ledger_wait_gone(watch, &before);
	vivid_unload();
}

static void vmalloc_keeps_them_alive(void)
{
	kept_alive_by(VIVID_VMALLOC);
}

static void contig_keeps_them_alive(void)
{
	kept_alive_by(VIVID_DMA_CONTIG);
}

/* Captured frames go on by DMA into vgem, udmabuf and the system heap. */
static void frames_travel_on(void)
{
	struct foreign there[N_EXPORTERS];
	struct bo import[N_EXPORTERS];
	unsigned int i, k, index;
	struct capture c;
	uint32_t crc;

	open_capture(&c, VIVID_VMALLOC);
	for (k = 0; k < N_EXPORTERS; k++) {
		there[k] = exporters[k].create(c.bo[0].size);
		import[k] = dms_import(c.fd, there[k].dmabuf);
	}
	vivid_start(&c.v, c.dmabuf, N_BUFFERS);
	for (i = 0; i < N_FRAMES; i++) {
		index = vivid_dequeue(&c.v, NULL);
		crc = crc32c(c.bo[index].map, c.v.size);
		for (k = 0; k < N_EXPORTERS; k++) {
			dms_run_ok(c.fd, dms_job_copy(&import[k], 0, &c.bo[index], 0,
						      c.v.size));
			ASSERT_EQ(crc32c(there[k].map, c.v.size), crc);
		}
		ASSERT_OK(vivid_try_queue(&c.v, index));
	}
	vivid_stop(&c.v);
	for (k = 0; k < N_EXPORTERS; k++) {
		ASSERT_OK(dms_try_close(c.fd, import[k].handle));
		foreign_destroy(&there[k]);
	}
	close_capture(&c);
}

/* The other way round: vivid exports, and our device reads and writes. */
static void own_frames_of(enum vivid_memory memory, const char *counterpart)
{
	int fd = dms_open(), dmabuf[VIVID_MAX_BUFFERS], i;
	uint8_t *map[VIVID_MAX_BUFFERS];
	struct bo there[VIVID_MAX_BUFFERS], copy;
	unsigned int n, k;
	struct vivid v;

	vivid_load(memory);
	v = vivid_open(WIDTH, HEIGHT);
	n = vivid_start_own(&v, dmabuf, 3);
	copy = dms_create_mapped(fd, v.size, "frame");
	for (k = 0; k < n; k++) {
		map[k] = mmap(NULL, v.size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf[k], 0);
		ASSERT_MSG(map[k] != MAP_FAILED, "mmap of vivid's dma-buf: %s", strerror(errno));
		there[k] = dms_import(fd, dmabuf[k]);
		ASSERT(there[k].size >= v.size);
	}
	for (k = 0; k < 4; k++) {
		i = vivid_dequeue(&v, NULL);
		dms_run_ok(fd, dms_job_copy(&copy, 0, &there[i], 0, v.size));
		ASSERT(!memcmp(copy.map, map[i], v.size));
		ASSERT_EQ(dms_crc(fd, &there[i], 0, v.size), crc32c(map[i], v.size));
		ASSERT(memchr(map[i], 0xeb, v.size) || memchr(map[i], 0x10, v.size));
		/* And a job's bytes reach vivid's memory. */
		dms_run_ok(fd, dms_job_fill(&there[i], 3, v.size - 9, 0x8182838485868788));
		ASSERT_EQ(map[i][3], 0x88);
		ASSERT_EQ(dms_crc(fd, &there[i], 0, v.size), crc32c(map[i], v.size));
		ASSERT_OK(vivid_try_queue(&v, i));
	}
	covers("import.read:%s import.write:%s prime:%s", counterpart, counterpart, counterpart);
	if (dms_info(fd, there[0].handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC)
		covers("import.dynamic:%s", counterpart);
	/* What is compared below are frames that vivid must not be writing. */
	vivid_pause(&v);
	for (k = 0; k < n; k++) {
		ASSERT_OK(dms_try_close(fd, there[k].handle));
		there[k] = dms_import_as(fd, dmabuf[k], DRM_DMASHARE_IMPORT_STATIC);
		ASSERT_EQ(dms_crc(fd, &there[k], 0, 64), crc32c(map[k], 64));
		ASSERT_EQ(dms_vmap(&there[k], 0, v.size, 2).checksum, crc32c(map[k], v.size));
		covers("import.static:%s import.vmap:%s vmap.system:%s vmap.count:%s",
		       counterpart, counterpart, counterpart, counterpart);
		dms_unmap(&there[k]);
		dms_run_ok(fd, dms_job_fill(&there[k], 0, 64, k));
		covers("import.unmap:%s", counterpart);
		ASSERT_OK(dms_try_close(fd, there[k].handle));
		munmap(map[k], v.size);
		close(dmabuf[k]);
	}
	vivid_close(&v);
	vivid_unload();
}

static void vmalloc_frames_imported(void)
{
	own_frames_of(VIVID_VMALLOC, "vivid-vmalloc");
}

static void contig_frames_imported(void)
{
	own_frames_of(VIVID_DMA_CONTIG, "vivid-contig");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(vmalloc_frames),
	KTAP_COVERS(vmalloc_is_vmapped,
		    "vmap:vivid-vmalloc vunmap:vivid-vmalloc vmap.system:vivid-vmalloc"),
	KTAP_CASE(vmalloc_too_short),
	KTAP_CASE(contig_frames),
	KTAP_COVERS(contig_is_attached,
		    "attach:vivid-contig detach:vivid-contig map:vivid-contig unmap:vivid-contig"),
	KTAP_CASE(contig_too_short),
	KTAP_COVERS(vmalloc_keeps_them_alive,
		    "lifetime:vivid-vmalloc release:vivid-vmalloc"),
	KTAP_COVERS(contig_keeps_them_alive,
		    "lifetime:vivid-contig release:vivid-contig"),
	KTAP_CASE(frames_travel_on),
	KTAP_CASE(vmalloc_frames_imported),
	KTAP_CASE(contig_frames_imported),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
