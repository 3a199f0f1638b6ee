// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device that is not coherent, and what only its own copies show: mapping and
 * unmapping as syncs, what the ledger makes of a forgotten one, local memory,
 * which is never copied, and moves, which take the copies along.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/turn.h"

#define PAGE	4096u

#define R	DMA_BUF_SYNC_READ
#define W	DMA_BUF_SYNC_WRITE
#define RW	DMA_BUF_SYNC_RW

static void devices_are_not_coherent(void)
{
	ASSERT(noncoherent(dms_open_nth(0)));
	ASSERT(noncoherent(dms_open_nth(1)));
}

static void map_left_out(void)
{
	struct turn t = turn_own(DRM_DMASHARE_BO_SKIP_MAP);

	turns_all_stale(&t, by_map);
}

static void unmap_left_out(void)
{
	struct turn t = turn_own(DRM_DMASHARE_BO_SKIP_UNMAP);
	struct dmashare_ledger l;

	turns_all_stale(&t, by_unmap);
	/* What the device wrote is nowhere any more. */
	l = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(l.cache_discarded, TURN_ROUNDS * TURN_SIZE);
	ASSERT_EQ(l.cache_written_back, 0);
}

static struct turn importer_skipping(uint32_t flags)
{
	struct turn own = turn_own(0);

	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "Y"));
	return turn_import(&own, flags);
}

static void importer_map_left_out(void)
{
	struct turn t = importer_skipping(DRM_DMASHARE_IMPORT_SKIP_MAP);

	turns_all_stale(&t, by_map);
}

static void importer_unmap_left_out(void)
{
	struct turn t = importer_skipping(DRM_DMASHARE_IMPORT_SKIP_UNMAP);

	turns_all_stale(&t, by_unmap);
}

/* Each says what it forgets, and does all the others. */
static void only_the_one_left_out(void)
{
	struct turn begin = turn_own(DRM_DMASHARE_BO_SKIP_BEGIN);
	struct turn end = turn_own(DRM_DMASHARE_BO_SKIP_END);
	struct turn map = turn_own(DRM_DMASHARE_BO_SKIP_MAP);
	struct turn unmap = turn_own(DRM_DMASHARE_BO_SKIP_UNMAP);

	turns_all_good(&begin, by_map);
	turns_all_good(&begin, by_unmap);
	turns_all_good(&begin, by_end);
	turns_all_good(&end, by_map);
	turns_all_good(&end, by_unmap);
	turns_all_good(&end, by_begin);
	turns_all_good(&map, by_begin);
	turns_all_good(&map, by_end);
	turns_all_good(&map, by_unmap);
	turns_all_good(&unmap, by_begin);
	turns_all_good(&unmap, by_end);
	turns_all_good(&unmap, by_map);
	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "N"));
}

/* The device says how often it was asked, and finds what was forgotten. */
static void ledger_counts(void)
{
	struct turn t = turn_own(DRM_DMASHARE_BO_SKIP_END);
	struct dmashare_ledger before, now;

	turn_device_reads(&t);
	before = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(before.cache_bytes, TURN_SIZE);
	ASSERT_EQ(before.cache_dirty, 0);
	turn_begin(t.dmabuf, W);
	memset(t.map, 1, TURN_SIZE);
	turn_end(t.dmabuf, W);
	now = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(now.syncs_for_cpu - before.syncs_for_cpu, 1);
	ASSERT_EQ(now.syncs_for_device, before.syncs_for_device);
	ASSERT_EQ(now.stale_bytes, 0);
	turn_device_reads(&t);
	now = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(now.stale_bytes, TURN_SIZE);
	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "N"));

	t = turn_own(0);
	turn_device_writes(&t);
	before = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(before.cache_dirty, TURN_SIZE);
	turn_begin(t.dmabuf, RW);
	now = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(now.syncs_for_cpu - before.syncs_for_cpu, 1);
	ASSERT_EQ(now.cache_dirty, 0);
	ASSERT_EQ(now.cache_written_back - before.cache_written_back, TURN_SIZE);
	turn_end(t.dmabuf, RW);
	now = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(now.syncs_for_device - before.syncs_for_device, 1);
	ASSERT_EQ(now.cache_bytes, 0);
	ASSERT_EQ(now.cache_discarded, 0);
	ASSERT_EQ(now.stale_bytes, 0);
}

/* A reader's end has nothing to hand to the device, which keeps its copy. */
static void readers_keep_the_copy(void)
{
	struct turn t = turn_own(0);
	struct dmashare_ledger l;

	turn_device_reads(&t);
	turn_begin(t.dmabuf, R);
	turn_end(t.dmabuf, R);
	l = ledger_get(t.fd, t.bo.handle);
	ASSERT_EQ(l.syncs_for_cpu, 1);
	ASSERT_EQ(l.syncs_for_device, 1);
	ASSERT_EQ(l.cache_bytes, TURN_SIZE);
}

/* BAR addresses are not memory that anybody has a copy of. */
static void local_needs_no_sync(void)
{
	int a = dms_open_nth(0), b = dms_open_nth(1);
	struct bo bo = dms_create_in(a, TURN_SIZE, LOCAL, 0, "local"), here;
	unsigned int i;

	dms_map(&bo);
	here = dms_import(b, dms_export(a, bo.handle));
	ASSERT(dms_info(b, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
	for (i = 0; i < TURN_ROUNDS; i++) {
		pattern_fill(bo.map, TURN_SIZE, i);
		ASSERT_EQ(dms_crc(a, &bo, 0, TURN_SIZE), crc32c(bo.map, TURN_SIZE));
		ASSERT_EQ(dms_crc(b, &here, 0, TURN_SIZE), crc32c(bo.map, TURN_SIZE));
		dms_run_ok(b, dms_job_fill(&here, 0, PAGE, i));
		ASSERT_EQ(*(uint64_t *)bo.map, i);
		dms_run_ok(a, dms_job_fill(&bo, 0, PAGE, i + 7));
		ASSERT_EQ(*(uint64_t *)bo.map, i + 7);
	}
	ASSERT_EQ(ledger_get(a, bo.handle).cache_bytes, 0);
	ASSERT_EQ(ledger_get(b, here.handle).cache_bytes, 0);
}

/* A move takes what the device wrote along, and what the CPU wrote. */
static void moves_take_the_copies_along(void)
{
	enum { N = 20 };
	struct turn t = turn_own(0);
	unsigned int i;

	for (i = 0; i < N; i++) {
		turn_device_writes(&t);
		dms_move(&t.bo, LOCAL);
		turn_count(&t, turn_cpu_has_last(&t));
		turn_cpu_writes(&t);
		dms_move(&t.bo, SYSTEM);
		turn_count(&t, turn_is_last(&t, turn_device_reads(&t)));
		turn_count(&t, turn_cpu_has_last(&t));
		turn_begin(t.dmabuf, W);
		turn_cpu_writes(&t);
		turn_end(t.dmabuf, W);
		dms_move(&t.bo, LOCAL);
		turn_count(&t, turn_is_last(&t, turn_device_reads(&t)));
		turn_device_writes(&t);
		dms_move(&t.bo, SYSTEM);
		turn_begin(t.dmabuf, R);
		turn_count(&t, turn_cpu_has_last(&t));
		turn_end(t.dmabuf, R);
	}
	ASSERT_EQ(t.stale, 0);
	ASSERT_EQ(t.good, 5 * N);
	ASSERT_EQ(ledger_get(t.fd, t.bo.handle).places, 4 * N);
	ASSERT_EQ(ledger_get(t.fd, t.bo.handle).cache_discarded, 0);
}

/* What the importer's device wrote is not lost when the exporter moves it. */
static void moves_take_the_importers_copies_along(void)
{
	struct turn own = turn_own(0), t = turn_import(&own, 0);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		turn_device_writes(&t);
		if (dynamic_maps_pin())
			dms_unmap(&t.bo);
		dms_move(&own.bo, LOCAL);
		turn_count(&t, turn_cpu_has_last(&t));
		turn_device_writes(&t);
		if (dynamic_maps_pin())
			dms_unmap(&t.bo);
		dms_move(&own.bo, SYSTEM);
		turn_begin(t.dmabuf, R);
		turn_count(&t, turn_cpu_has_last(&t));
		turn_end(t.dmabuf, R);
	}
	ASSERT_EQ(t.stale, 0);
	ASSERT_EQ(ledger_get(t.fd, t.bo.handle).cache_discarded, 0);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(devices_are_not_coherent),
	KTAP_COVERS(map_left_out, "sync.map:user"),
	KTAP_COVERS(unmap_left_out, "sync.unmap:user"),
	KTAP_COVERS(importer_map_left_out, "sync.map:dmashare"),
	KTAP_COVERS(importer_unmap_left_out, "sync.unmap:dmashare"),
	KTAP_CASE(only_the_one_left_out),
	KTAP_CASE(ledger_counts),
	KTAP_COVERS(readers_keep_the_copy, "sync.end:user"),
	KTAP_COVERS(local_needs_no_sync, "p2p.map:dmashare"),
	KTAP_COVERS(moves_take_the_copies_along, "move.to-local:user move.to-system:user"),
	KTAP_COVERS(moves_take_the_importers_copies_along,
		    "move.to-local:dmashare move.to-system:dmashare"),
};

int main(int argc, char **argv)
{
	dynamic_maps_pin();
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
