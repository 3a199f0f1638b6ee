// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Peer to peer: a second dmashare device reaches the first one's local memory
 * through its BAR, if it can and wants to. If not, the buffer moves to system
 * memory for it; and if it cannot do that either, the importer is refused.
 *
 * Runs with an IOMMU, where the importer's addresses are of the IOMMU's making,
 * and without one, where they are the BAR's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"
#include "lib/vivid.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
#define SIZE	(16 * PAGE)
#define WAIT	DRM_DMASHARE_MOVE_WAIT

struct pair {
	int a, b, dmabuf;
	struct bar bar;		/* of a */
	struct bo there;	/* at a, in local memory */
};

static struct pair pair_in(uint32_t placement)
{
	struct pair p = { .a = dms_open_nth(0), .b = dms_open_nth(1) };

	p.bar = local_bar(p.a);
	p.there = dms_create_in(p.a, SIZE, placement, 0, "peer");
	dms_map(&p.there);
	pattern_fill(p.there.map, SIZE, 1);
	p.dmabuf = dms_export(p.a, p.there.handle);
	return p;
}

/* Bytes go both ways, as the CPU and as the two devices see them. */
static void check_bytes(struct pair *p, struct bo *here, uint64_t seed)
{
	struct bo own = dms_create_mapped(p->b, SIZE, "own");

	pattern_fill(p->there.map, SIZE, seed);
	ASSERT_EQ(dms_crc(p->b, here, 0, SIZE), crc32c(p->there.map, SIZE));
	dms_run_ok(p->b, dms_job_copy(&own, 0, here, 0, SIZE));
	ASSERT(pattern_check(own.map, SIZE, seed));
	pattern_fill(own.map, SIZE, seed + 1);
	dms_run_ok(p->b, dms_job_copy(here, 0, &own, 0, SIZE));
	ASSERT(pattern_check(p->there.map, SIZE, seed + 1));
	ASSERT_EQ(dms_crc(p->a, &p->there, 0, SIZE), crc32c(own.map, SIZE));
	/* Less than a page, across the end of one. */
	dms_run_ok(p->b, dms_job_fill(here, 2 * PAGE - 5, 11, ONES));
	ASSERT(all_bytes(p->there.map + 2 * PAGE - 5, 11, 1));
	dms_destroy(&own);
}

/*
 * Whether a device whose DMA an IOMMU translates, or not, is given addresses in
 * the BAR is the kernel's decision in the end, but in none of our machines is
 * there a reason against it.
 */
static void need_p2p(int fd)
{
	ASSERT_EQ(dms_param(fd, DRM_DMASHARE_PARAM_P2P), 1);
}

static void bar_addresses(void)
{
	struct pair p = pair_in(LOCAL);
	struct dmashare_ledger a, b;
	struct drm_dmashare_bo_info info;
	struct bo here;

	need_p2p(p.a);
	here = dms_import(p.b, p.dmabuf);
	info = dms_info(p.b, here.handle);
	ASSERT_EQ(info.flags, DRM_DMASHARE_BO_INFO_IMPORTED | DRM_DMASHARE_BO_INFO_MAPPED |
		  DRM_DMASHARE_BO_INFO_DYNAMIC | DRM_DMASHARE_BO_INFO_P2P);
	ASSERT(info.dma_addr);
	if (dms_param(p.b, DRM_DMASHARE_PARAM_IOMMU)) {
		ASSERT_EQ(in_bar(&p.bar, info.dma_addr), 0);
	} else {
		ASSERT_EQ(info.dma_addr, bo_physical(&p.there));
		ASSERT(in_bar(&p.bar, info.dma_addr));
	}
	ASSERT_EQ(info.max_segment, SIZE);
	ASSERT_EQ(info.n_segments, 1);
	check_bytes(&p, &here, 2);
	/* It never left. */
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, LOCAL);
	ASSERT(page_is_local(&p.there, p.there.map, 0));
	ASSERT_EQ(dms_info(p.a, p.there.handle).moves, 0);
	a = ledger_get(p.a, p.there.handle);
	b = ledger_get(p.b, here.handle);
	ASSERT_EQ(a.places, 0);
	ASSERT_EQ(a.notes[DMASHARE_NOTE_MAP], 1);
	/* To the importer it is memory on the bus like any other. */
	ASSERT_EQ(b.local_bytes_read + b.local_bytes_written, 0);
	ASSERT_EQ(b.bytes_read, 2 * SIZE);
	ASSERT_EQ(b.bytes_written, SIZE + 11);
	ASSERT_EQ(b.faults, 0);
}

/* One that takes no BAR addresses has the buffer moved to where it can. */
static void fallback_of(uint32_t flags)
{
	struct pair p = pair_in(LOCAL);
	struct drm_dmashare_bo_info info;
	struct bo here;

	here = dms_import_as(p.b, p.dmabuf, flags);
	info = dms_info(p.b, here.handle);
	ASSERT_EQ(info.flags & DRM_DMASHARE_BO_INFO_P2P, 0);
	ASSERT(info.flags & DRM_DMASHARE_BO_INFO_MAPPED);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, SYSTEM);
	ASSERT_EQ(dms_info(p.a, p.there.handle).moves, 1);
	ASSERT_EQ(ledger_get(p.a, p.there.handle).places, 1);
	ASSERT(!page_is_local(&p.there, p.there.map, 0));
	ASSERT(pattern_check(p.there.map, SIZE, 1));
	ASSERT_EQ(dms_crc(p.b, &here, 0, SIZE), crc32c(p.there.map, SIZE));
	check_bytes(&p, &here, 2);
}

static void without_p2p_it_moves(void)
{
	fallback_of(DRM_DMASHARE_IMPORT_NO_P2P);
}

static void for_a_static_importer_it_moves(void)
{
	fallback_of(DRM_DMASHARE_IMPORT_STATIC);
}

/* One of each kind, in either order. */
static void first_without_then_with(void)
{
	struct pair p = pair_in(LOCAL);
	struct bo plain = dms_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_NO_P2P);
	struct bo peer = dms_import(p.b, p.dmabuf);

	ASSERT_EQ(dms_info(p.b, peer.handle).flags & DRM_DMASHARE_BO_INFO_P2P, 0);
	check_bytes(&p, &peer, 3);
	check_bytes(&p, &plain, 5);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, SYSTEM);
	if (dynamic_maps_pin())
		return;
	/* It follows the buffer back, the other then brings it out again. */
	dms_move(&p.there, LOCAL);
	check_bytes(&p, &peer, 7);
	ASSERT(dms_info(p.b, peer.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, LOCAL);
	check_bytes(&p, &plain, 9);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, SYSTEM);
	check_bytes(&p, &peer, 11);
}

/* Pinned in local memory: nothing is left but to refuse. */
static void refused_while_pinned(void)
{
	struct pair p = pair_in(LOCAL);
	uint32_t handle;
	struct vmapped v;
	struct bo here;

	vmapped_hold(&v, &p.there, ONES);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_NO_P2P,
						      &handle), EBUSY);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_STATIC,
						      &handle), EBUSY);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, LOCAL);
	ASSERT_EQ(ledger_get(p.a, p.there.handle).live_attachments, 0);
	/* Who takes it where it is may have it. */
	here = dms_import(p.b, p.dmabuf);
	ASSERT(dms_info(p.b, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P);
	vmapped_release(&v);
	ASSERT_EQ(v.vmap.flags, DRM_DMASHARE_VMAP_IOMEM);
	check_bytes(&p, &here, 2);
	ASSERT_OK(dms_try_close(p.b, here.handle));
	wait_unpinned(&p.there);
	here = dms_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, SYSTEM);
	check_bytes(&p, &here, 4);
}

/* Where a dynamic mapping pins, one with BAR addresses pins in local memory. */
static void refused_while_a_peer_maps(void)
{
	struct pair p = pair_in(LOCAL);
	struct bo peer = dms_import(p.b, p.dmabuf), plain;
	uint32_t handle;

	if (dynamic_maps_pin()) {
		ASSERT_REFUSED("BO_IMPORT",
			       dms_try_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_NO_P2P,
						 &handle), EBUSY);
		ASSERT_REFUSED("BO_IMPORT",
			       dms_try_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_STATIC,
						 &handle), EBUSY);
		ASSERT_REFUSED("BO_MOVE", dms_try_move(p.a, p.there.handle, SYSTEM, WAIT), EBUSY);
		check_bytes(&p, &peer, 2);
		dms_unmap(&peer);
		covers("p2p.refused:dmashare");
	}
	/* Else it is told, and takes other addresses the next time. */
	plain = dms_import_as(p.b, p.dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, SYSTEM);
	ASSERT_EQ(dms_info(p.b, peer.handle).mapping, 0);
	check_bytes(&p, &peer, 4);
	ASSERT_EQ(dms_info(p.b, peer.handle).flags & DRM_DMASHARE_BO_INFO_P2P, 0);
	check_bytes(&p, &plain, 6);
}

/* The importer's addresses change with the buffer's place. */
static void moves_while_imported(void)
{
	struct pair p = pair_in(SYSTEM);
	struct bo here = dms_import(p.b, p.dmabuf);
	unsigned int i;

	ASSERT_EQ(dms_info(p.b, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P, 0);
	for (i = 0; i < 6; i++) {
		uint32_t to = i % 2 ? SYSTEM : LOCAL;

		if (dynamic_maps_pin())
			dms_unmap(&here);
		dms_move(&p.there, to);
		check_bytes(&p, &here, 10 + 2 * i);
		ASSERT_EQ(!!(dms_info(p.b, here.handle).flags & DRM_DMASHARE_BO_INFO_P2P),
			  to == LOCAL);
		ASSERT_EQ(dms_info(p.a, p.there.handle).placement, to);
	}
}

/* From one device's local memory to the other's, and nothing in between. */
static void local_to_local(void)
{
	struct pair p = pair_in(LOCAL);
	struct bo here = dms_import(p.b, p.dmabuf);
	struct bo own = dms_create_in(p.b, SIZE, LOCAL, 0, "own");
	struct dmashare_ledger l;

	dms_map(&own);
	dms_run_ok(p.b, dms_job_copy(&own, 0, &here, 0, SIZE));
	ASSERT(pattern_check(own.map, SIZE, 1));
	l = ledger_get(p.b, own.handle);
	ASSERT(l.local_bytes_written >= SIZE);
	pattern_fill(own.map, SIZE, 2);
	dms_run_ok(p.b, dms_job_copy(&here, 0, &own, 0, SIZE));
	ASSERT(pattern_check(p.there.map, SIZE, 2));
	ASSERT_EQ(dms_info(p.a, p.there.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(p.b, own.handle).placement, LOCAL);
}

/* Both ways at once, each device in the other's memory. */
static void each_others_memory(void)
{
	int a = dms_open_nth(0), b = dms_open_nth(1);
	struct bo of_a = dms_create_in(a, SIZE, LOCAL, 0, "of a");
	struct bo of_b = dms_create_in(b, SIZE, LOCAL, 0, "of b");
	struct bo at_b = dms_import(b, dms_export(a, of_a.handle));
	struct bo at_a = dms_import(a, dms_export(b, of_b.handle));
	unsigned int i;

	dms_map(&of_a);
	dms_map(&of_b);
	for (i = 1; i <= 50; i++) {
		struct drm_dmashare_job forth = dms_job_copy(&at_a, 0, &of_a, 0, PAGE);
		struct drm_dmashare_job back = dms_job_copy(&at_b, PAGE, &of_b, 0, PAGE);

		memset(of_a.map, i, PAGE);
		dms_submit(a, 0, 0, &forth, 1);
		ASSERT_EQ(fence_finish(dms_submit_fence(b, 0, 0, &back, 1)), 0);
		ASSERT(all_bytes(of_a.map + PAGE, PAGE, i));
	}
	ASSERT_EQ(dms_info(a, of_a.handle).placement, LOCAL);
	ASSERT_EQ(dms_info(b, of_b.handle).placement, LOCAL);
}

/* Many small ones: each has the addresses of its own place. */
static void many_at_once(void)
{
	enum { N = 64 };
	int a = dms_open_nth(0), b = dms_open_nth(1);
	struct bo there[N], here[N];
	unsigned int i;

	for (i = 0; i < N; i++) {
		there[i] = dms_create_in(a, (1 + i % 5) * PAGE, LOCAL, 0, "one of many");
		here[i] = dms_import(b, dms_export(a, there[i].handle));
	}
	for (i = 0; i < N; i++)
		dms_run_ok(b, dms_job_fill(&here[i], 0, here[i].size, (i + 1) * ONES));
	for (i = 0; i < N; i++) {
		dms_map(&there[i]);
		ASSERT(all_bytes(there[i].map, there[i].size, i + 1));
	}
}

/*
 * The importer's driver reads the exporter's BAR with the CPU. (vivid does not:
 * videobuf2-vmalloc takes all memory for ordinary, and the kernel stops when it
 * unmaps what is not.)
 */
static void vmapped_by_the_importer(void)
{
	struct pair p = pair_in(LOCAL);
	struct bo here = dms_import(p.b, p.dmabuf);
	struct drm_dmashare_bo_vmap v;
	struct dmashare_ledger l;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		uint32_t to = i % 2 ? LOCAL : SYSTEM;

		pattern_fill(p.there.map, SIZE, i);
		v = dms_vmap(&here, PAGE, SIZE - 2 * PAGE, 3);
		ASSERT_EQ(v.checksum, crc32c(p.there.map + PAGE, SIZE - 2 * PAGE));
		ASSERT_EQ(v.flags, i % 2 ? 0 : DRM_DMASHARE_VMAP_IOMEM);
		ASSERT_EQ(dms_info(p.a, p.there.handle).placement, !to);
		dms_unmap(&here);
		dms_move(&p.there, to);
	}
	l = ledger_get(p.a, p.there.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_VMAP], l.notes[DMASHARE_NOTE_VUNMAP]);
	ASSERT(l.notes[DMASHARE_NOTE_VMAP] >= 4);
}

/* DMA to the platform device needs pages, and contiguous ones. */
static void vivid_by_dma_from_local(void)
{
	struct bo bo[2];
	int fd = dms_open_nth(0), dmabuf[2];
	unsigned int i, index;
	struct vivid v;

	vivid_load(VIVID_DMA_CONTIG);
	v = vivid_open(320, 180);
	for (i = 0; i < 2; i++) {
		bo[i] = dms_create_in(fd, v.size, LOCAL, DRM_DMASHARE_BO_CONTIGUOUS, "frame");
		dms_map(&bo[i]);
		dmabuf[i] = dms_export(fd, bo[i].handle);
	}
	vivid_start(&v, dmabuf, 2);
	for (i = 0; i < 2; i++) {
		index = vivid_dequeue(&v, NULL);
		ASSERT_EQ(dms_info(fd, bo[index].handle).placement, SYSTEM);
		ASSERT(dms_info(fd, bo[index].handle).pins);
		ASSERT_EQ(dms_crc(fd, &bo[index], 0, v.size), crc32c(bo[index].map, v.size));
		ASSERT_OK(vivid_try_queue(&v, index));
	}
	vivid_close(&v);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(bar_addresses, "p2p.map:dmashare import.read:dmashare import.write:dmashare"),
	KTAP_COVERS(without_p2p_it_moves, "p2p.fallback:dmashare move.to-system:dmashare"),
	KTAP_COVERS(for_a_static_importer_it_moves, "p2p.fallback:dmashare import.static:dmashare"),
	KTAP_COVERS(first_without_then_with, "p2p.fallback:dmashare"),
	KTAP_COVERS(refused_while_pinned, "p2p.refused:dmashare move.busy:dmashare"),
	KTAP_COVERS(refused_while_a_peer_maps, "p2p.fallback:dmashare"),
	KTAP_COVERS(moves_while_imported, "p2p.map:dmashare move.to-local:dmashare move.to-system:dmashare"),
	KTAP_COVERS(local_to_local, "p2p.map:dmashare"),
	KTAP_COVERS(each_others_memory, "p2p.map:dmashare"),
	KTAP_COVERS(many_at_once, "p2p.map:dmashare"),
	KTAP_COVERS(vmapped_by_the_importer, "import.vmap:dmashare vmap.iomem:dmashare vmap:dmashare vunmap:dmashare"),
	KTAP_COVERS(vivid_by_dma_from_local, "p2p.fallback:vivid-contig"),
};

int main(int argc, char **argv)
{
	int status;

	dynamic_maps_pin();
	status = ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
	vivid_unload();
	return status;
}
