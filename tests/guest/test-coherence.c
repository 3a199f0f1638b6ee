// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Syncs. In the VM "noncoherent" the devices work on copies of their own, in
 * the VM "bounce" every mapping is a copy that the DMA API makes. In both, who
 * forgets one of begin, end, map and unmap sees old bytes, each time and not
 * once in a while; and with all in place nobody ever does.
 *
 * To forget one is a flag of the buffer (DRM_DMASHARE_BO_SKIP_*), so that all
 * else is as in the cases where nothing is forgotten. What only a device with
 * copies of its own can show is in test-copies.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"
#include "lib/turn.h"

#define PAGE	4096u

#define R	DMA_BUF_SYNC_READ
#define W	DMA_BUF_SYNC_WRITE
#define RW	DMA_BUF_SYNC_RW

/* The exporter's own device, and a second one that imports the buffer. */
static struct turn own_turn(uint32_t flags, bool imported)
{
	struct turn t = turn_own(flags);

	return imported ? turn_import(&t, 0) : t;
}

static void good(bool imported, void (*round)(struct turn *t))
{
	struct turn t = own_turn(0, imported);

	turns_all_good(&t, round);
}

static void stale(uint32_t flags, bool imported, void (*round)(struct turn *t))
{
	struct turn t = own_turn(flags, imported);

	turns_all_stale(&t, round);
}

static void begin_left_out(void)
{
	stale(DRM_DMASHARE_BO_SKIP_BEGIN, false, by_begin);
}

static void end_left_out(void)
{
	stale(DRM_DMASHARE_BO_SKIP_END, false, by_end);
}

static void begin_in_place(void)
{
	good(false, by_begin);
}

static void end_in_place(void)
{
	good(false, by_end);
}

static void map_in_place(void)
{
	good(false, by_map);
}

static void unmap_in_place(void)
{
	good(false, by_unmap);
}

static void importer_begin_left_out(void)
{
	stale(DRM_DMASHARE_BO_SKIP_BEGIN, true, by_begin);
}

static void importer_end_left_out(void)
{
	stale(DRM_DMASHARE_BO_SKIP_END, true, by_end);
}

static void importer_begin_in_place(void)
{
	good(true, by_begin);
}

static void importer_end_in_place(void)
{
	good(true, by_end);
}

static void importer_map_in_place(void)
{
	good(true, by_map);
}

static void importer_unmap_in_place(void)
{
	good(true, by_unmap);
}

static void static_importer(void)
{
	struct turn own = turn_own(0), t = turn_import(&own, DRM_DMASHARE_IMPORT_STATIC);

	turns_all_good(&t, by_begin);
	turns_all_good(&t, by_end);
}

/* Ends as a reader what was a writer's access: the device keeps what it had. */
static void by_wrong_end(struct turn *t)
{
	turn_device_reads(t);
	turn_begin(t->dmabuf, R);
	turn_cpu_writes(t);
	turn_end(t->dmabuf, R);
	turn_count(t, turn_is_last(t, turn_device_reads(t)));
}

static void wrong_direction(void)
{
	stale(0, false, by_wrong_end);
}

static void importer_wrong_direction(void)
{
	stale(0, true, by_wrong_end);
}

/*
 * A program that writes a part of what the device wrote finds the rest, though
 * it only said that it would write.
 */
static void part_by_part(bool imported)
{
	struct turn t = own_turn(0, imported);
	uint8_t want[TURN_SIZE];
	unsigned int i;

	for (i = 0; i < TURN_ROUNDS; i++) {
		uint32_t at = i * 79 % (TURN_SIZE - 100);

		turn_device_writes(&t);
		turn_begin(t.dmabuf, RW);
		memset(t.map + at, i, 100);
		turn_end(t.dmabuf, RW);
		pattern_fill(want, TURN_SIZE, t.seed);
		memset(want + at, i, 100);
		ASSERT_EQ(turn_device_reads(&t), crc32c(want, TURN_SIZE));
		turn_begin(t.dmabuf, R);
		ASSERT(!memcmp(t.map, want, TURN_SIZE));
		turn_end(t.dmabuf, R);
	}
}

static void written_in_parts(void)
{
	part_by_part(false);
}

static void importer_written_in_parts(void)
{
	part_by_part(true);
}

/*
 * One CPU access hands the buffer from one device to the other. Not with bounce
 * buffers: a sync copies that of every device, and those that did not write
 * have what was there before. So there only the CPU writes.
 */
static void every_attachment(void)
{
	struct turn a = turn_own(0), b = turn_import(&a, 0);
	bool copies = noncoherent(a.fd);
	unsigned int i;

	for (i = 0; i < TURN_ROUNDS; i++) {
		struct turn *from = i % 2 ? &a : &b, *to = i % 2 ? &b : &a;

		/* Both have copies of what was there before. */
		turn_device_reads(from);
		turn_device_reads(to);
		if (copies) {
			from->seed = 1000 + i;
			turn_device_writes(from);
			to->seed = from->seed;
			turn_begin(a.dmabuf, RW);
			turn_count(from, turn_cpu_has_last(from));
			turn_end(a.dmabuf, RW);
			turn_count(to, turn_is_last(to, turn_device_reads(to)));
		}
		/* And the CPU to both. */
		turn_begin(a.dmabuf, RW);
		turn_cpu_writes(&a);
		turn_end(a.dmabuf, RW);
		b.seed = a.seed;
		turn_count(from, turn_is_last(from, turn_device_reads(from)));
		turn_count(to, turn_is_last(to, turn_device_reads(to)));
	}
	ASSERT_EQ(a.stale + b.stale, 0);
	ASSERT_EQ(a.good + b.good, (copies ? 4 : 2) * TURN_ROUNDS);
}

/* Longer than a bounce buffer can be in one piece. */
static void long_buffer(void)
{
	enum { LONG = 1024 * 1024 };
	int fd = dms_open_nth(0), dmabuf;
	struct bo bo = dms_create_mapped(fd, LONG, "long");
	unsigned int i;

	dmabuf = dms_export(fd, bo.handle);
	for (i = 1; i <= 4; i++) {
		turn_begin(dmabuf, RW);
		pattern_fill(bo.map, LONG, i);
		turn_end(dmabuf, RW);
		ASSERT_EQ(dms_crc(fd, &bo, 0, LONG), crc32c(bo.map, LONG));
		dms_run_ok(fd, dms_job_fill(&bo, LONG / 2, LONG / 2, i));
		turn_begin(dmabuf, R);
		ASSERT(pattern_check(bo.map, LONG / 2, i));
		ASSERT_EQ(*(uint64_t *)(bo.map + LONG / 2), i);
		ASSERT_EQ(*(uint64_t *)(bo.map + LONG - 8), i);
		turn_end(dmabuf, R);
		if (i % 2)
			dms_unmap(&bo);
	}
}

/* As by_begin() and by_end(), for reading and writing both. */
static void by_begin_rw(struct turn *t)
{
	turn_device_writes(t);
	turn_begin(t->dmabuf, RW);
	turn_count(t, turn_cpu_has_last(t));
	turn_end(t->dmabuf, RW);
}

static void by_end_rw(struct turn *t)
{
	turn_device_reads(t);
	turn_begin(t->dmabuf, RW);
	turn_cpu_writes(t);
	turn_end(t->dmabuf, RW);
	turn_count(t, turn_is_last(t, turn_device_reads(t)));
}

/* The device has it anew for each look, as drivers do that map for a transfer. */
static void by_leaving(struct turn *t)
{
	struct dmashare_ledger before = ledger_get(t->fd, 0);

	t->bo = dms_import(t->fd, t->dmabuf);
	turn_device_writes(t);
	ASSERT_OK(dms_try_close(t->fd, t->bo.handle));
	/* The job may have it a little longer. */
	ledger_wait_gone(t->fd, &before);
	turn_count(t, turn_cpu_has_last(t));
}

static void by_joining(struct turn *t)
{
	struct dmashare_ledger before = ledger_get(t->fd, 0);

	turn_cpu_writes(t);
	t->bo = dms_import(t->fd, t->dmabuf);
	turn_count(t, turn_is_last(t, turn_device_reads(t)));
	ASSERT_OK(dms_try_close(t->fd, t->bo.handle));
	ledger_wait_gone(t->fd, &before);
}

/*
 * Exporters of the stock kernel. With bounce buffers only the system heap does
 * all that it should. The begin and end of udmabuf sync a mapping of its own and
 * nothing of an importer's, and vgem has none: what is written on one side is
 * never seen on the other. At map there always is a copy. At unmap vgem, and
 * udmabuf in newer kernels, say DMA_ATTR_SKIP_CPU_SYNC: what the device wrote is
 * lost. Each kernel is asked which it does, and then it must be just that, each
 * time. That it is not our importer which forgets something is shown by the same
 * rounds with the heap, and by those with our own exporter above.
 */
static void foreign_of(const struct exporter *e)
{
	int fd = dms_open_nth(0);
	struct foreign f = e->create(TURN_SIZE);
	struct turn t = turn_of(fd, (struct bo){ 0 }, f.map, f.dmabuf);
	bool copies = noncoherent(fd), heap = !strcmp(e->name, "system-heap");

	/* Its own buffer stays mapped from here on. */
	dms_run_ok(fd, dms_job_fill(&t.other, 0, TURN_SIZE, 0));
	turns_all_good(&t, by_joining);
	covers("sync.map:%s", e->name);
	if (copies || foreign_syncs_at_unmap(fd, &f)) {
		turns_all_good(&t, by_leaving);
		covers("sync.unmap:%s", e->name);
	} else {
		/* The heap never does, so it shows that our importer unmaps. */
		ASSERT(!heap);
		turns_all_stale(&t, by_leaving);
	}
	t.bo = dms_import(fd, f.dmabuf);
	if (!copies && !heap) {
		turns_all_stale(&t, by_begin_rw);
		turns_all_stale(&t, by_end_rw);
		return;
	}
	turns_all_good(&t, by_map);
	turns_all_good(&t, by_unmap);
	/* udmabuf maps for itself in whichever direction it was first asked for. */
	turns_all_good(&t, by_begin_rw);
	turns_all_good(&t, by_end_rw);
	covers("sync.begin:%s sync.end:%s", e->name, e->name);
}

static void foreign_vgem(void)
{
	foreign_of(&exporters[0]);
}

static void foreign_udmabuf(void)
{
	foreign_of(&exporters[1]);
}

static void foreign_heap(void)
{
	foreign_of(&exporters[2]);
}

/* The kernel's reading is bracketed by begin and end as a program's is. */
static void vmap_is_synced(void)
{
	struct turn t = turn_own(0);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		turn_device_writes(&t);
		ASSERT(turn_is_last(&t, dms_vmap(&t.bo, 0, TURN_SIZE, 1).checksum));
	}
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(begin_left_out, "sync.begin:user"),
	KTAP_COVERS(end_left_out, "sync.end:user"),
	KTAP_COVERS(begin_in_place, "sync.all:user begin_cpu:user"),
	KTAP_COVERS(end_in_place, "sync.all:user end_cpu:user"),
	KTAP_COVERS(map_in_place, "sync.all:user"),
	KTAP_COVERS(unmap_in_place, "sync.all:user"),
	KTAP_COVERS(importer_begin_left_out, "sync.begin:dmashare"),
	KTAP_COVERS(importer_end_left_out, "sync.end:dmashare"),
	KTAP_COVERS(importer_begin_in_place, "sync.all:dmashare begin_cpu:dmashare"),
	KTAP_COVERS(importer_end_in_place, "sync.all:dmashare end_cpu:dmashare"),
	KTAP_COVERS(importer_map_in_place, "sync.all:dmashare"),
	KTAP_COVERS(importer_unmap_in_place, "sync.all:dmashare"),
	KTAP_COVERS(static_importer, "sync.all:dmashare import.static:dmashare"),
	KTAP_COVERS(wrong_direction, "sync.end:user"),
	KTAP_COVERS(importer_wrong_direction, "sync.end:dmashare"),
	KTAP_COVERS(written_in_parts, "sync.all:user"),
	KTAP_COVERS(importer_written_in_parts, "sync.all:dmashare"),
	KTAP_COVERS(every_attachment, "sync.attachments:dmashare"),
	KTAP_COVERS(long_buffer, "sync.all:user"),
	KTAP_CASE(foreign_vgem),
	KTAP_CASE(foreign_udmabuf),
	KTAP_CASE(foreign_heap),
	KTAP_COVERS(vmap_is_synced, "vmap:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
