// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The personalities of a buffer (DRM_DMASHARE_BO_*), each against the importers
 * that it makes a difference to: vgem, vivid by both of its allocators, a
 * second dmashare, and a program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/vivid.h"

#define PAGE		4096u
#define HUGE_PAGE	(2u << 20)
#define WIDTH		320
#define HEIGHT		180
/* As few as vivid takes. */
#define N_FRAMES	2

static struct shared shared_buffer(uint64_t size, uint32_t flags)
{
	struct shared s = { .fd = dms_open() };

	s.bo = dms_create_in(s.fd, size, SYSTEM, flags, "personality");
	dms_map(&s.bo);
	s.dmabuf = dms_export(s.fd, s.bo.handle);
	return s;
}

static void *try_mmap(int fd, size_t size, int prot)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, 0);
}

static bool direct(int fd)
{
	return !dms_param(fd, DRM_DMASHARE_PARAM_IOMMU);
}

/*
 * Reads and writes the buffer by a second device and checks the bytes; the
 * import stays.
 */
static struct bo through_peer(const struct shared *s, int *peer)
{
	struct bo there, copy;

	*peer = dms_open_nth(1);
	there = dms_import(*peer, s->dmabuf);
	copy = dms_create_mapped(*peer, s->bo.size, "copy");
	pattern_fill(s->bo.map, s->bo.size, 1);
	dms_run_ok(*peer, dms_job_copy(&copy, 0, &there, 0, s->bo.size));
	ASSERT(pattern_check(copy.map, s->bo.size, 1));
	pattern_fill(copy.map, s->bo.size, 2);
	dms_run_ok(*peer, dms_job_copy(&there, 0, &copy, 0, s->bo.size));
	ASSERT(pattern_check(s->bo.map, s->bo.size, 2));
	ASSERT_EQ(dms_crc(s->fd, &s->bo, 0, s->bo.size), crc32c(s->bo.map, s->bo.size));
	dms_destroy(&copy);
	return there;
}

/*
 * Imports into vgem, and writes through the dma-buf that vgem makes of it: DRM
 * drivers do not map what they imported themselves.
 */
static void through_vgem(const struct shared *s)
{
	int vgem = vgem_open(), onward;
	uint32_t handle;
	uint8_t *p;

	ASSERT_OK(drmPrimeFDToHandle(vgem, s->dmabuf, &handle));
	ASSERT_EQ(ledger_get(s->fd, s->bo.handle).notes_failed, 0);
	ASSERT_OK(drmPrimeHandleToFD(vgem, handle, DRM_CLOEXEC | DRM_RDWR, &onward));
	p = try_mmap(onward, s->bo.size, PROT_READ | PROT_WRITE);
	ASSERT(p != MAP_FAILED);
	pattern_fill(p, s->bo.size, 3);
	ASSERT(pattern_check(s->bo.map, s->bo.size, 3));
	munmap(p, s->bo.size);
	close(onward);
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	close(vgem);
}

/* vivid's picture has light and dark in it; a new buffer is all zeros. */
static void assert_picture(const uint8_t *p, size_t size)
{
	uint8_t least = 255, most = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		least = p[i] < least ? p[i] : least;
		most = p[i] > most ? p[i] : most;
	}
	ASSERT_MSG(most - least > 100, "no picture: bytes of %u to %u", least, most);
}

/*
 * Lets vivid capture a frame into a buffer with these flags; 0, or the errno
 * with which it was refused.
 */
static int capture(enum vivid_memory memory, uint32_t flags)
{
	int fd = dms_open(), dmabuf[N_FRAMES], err = 0, i;
	struct bo bo[N_FRAMES];
	struct vivid v;

	vivid_load(memory);
	v = vivid_open(WIDTH, HEIGHT);
	for (i = 0; i < N_FRAMES; i++) {
		bo[i] = dms_create_in(fd, v.size, SYSTEM, flags, "frame");
		dms_map(&bo[i]);
		dmabuf[i] = dms_export(fd, bo[i].handle);
	}
	if (vivid_try_start(&v, dmabuf, N_FRAMES)) {
		err = errno;
		vivid_stop(&v);
	} else {
		assert_picture(bo[vivid_dequeue(&v, NULL)].map, v.size);
	}
	vivid_close(&v);
	for (i = 0; i < N_FRAMES; i++) {
		struct dmashare_ledger l = ledger_get(fd, bo[i].handle);

		ASSERT_EQ(l.notes[DMASHARE_NOTE_PIN], l.notes[DMASHARE_NOTE_UNPIN]);
		if (l.notes[DMASHARE_NOTE_PIN])
			covers("pin:vivid-contig unpin:vivid-contig");
		close(dmabuf[i]);
		dms_destroy(&bo[i]);
	}
	close(fd);
	vivid_unload();
	return err;
}

/* -- what the pages are */

/*
 * No IOMMU puts them together again: as many segments as pages. Else the
 * bytes are what can be seen.
 */
static void scattered(void)
{
	enum { N = 64 };
	struct shared s = shared_buffer(N * PAGE, DRM_DMASHARE_BO_SCATTERED);
	struct drm_dmashare_bo_info i;
	struct bo there;
	int peer;

	there = through_peer(&s, &peer);
	if (direct(s.fd)) {
		i = dms_info(s.fd, s.bo.handle);
		ASSERT_EQ(i.n_segments, N);
		ASSERT_EQ(i.max_segment, PAGE);
		i = dms_info(peer, there.handle);
		ASSERT_EQ(i.n_segments, N);
		ASSERT_EQ(i.max_segment, PAGE);
	}
	through_vgem(&s);
	ASSERT_EQ(dms_crc(peer, &there, 0, there.size), crc32c(s.bo.map, s.bo.size));
}

/* An importer that needs one run refuses it; one that maps by page does not. */
static void scattered_for_vivid(void)
{
	ASSERT_EQ(capture(VIVID_DMA_CONTIG, DRM_DMASHARE_BO_SCATTERED), EFAULT);
	ASSERT_EQ(capture(VIVID_VMALLOC, DRM_DMASHARE_BO_SCATTERED), 0);
}

static void contiguous(void)
{
	struct shared s = shared_buffer(48 * PAGE, DRM_DMASHARE_BO_CONTIGUOUS);
	struct drm_dmashare_bo_info i;
	int peer;

	through_peer(&s, &peer);
	through_vgem(&s);
	i = dms_info(s.fd, s.bo.handle);
	ASSERT_EQ(i.n_segments, 1);
	ASSERT_EQ(i.max_segment, s.bo.size);
}

static void contiguous_for_vivid(void)
{
	ASSERT_EQ(capture(VIVID_DMA_CONTIG, DRM_DMASHARE_BO_CONTIGUOUS), 0);
	ASSERT_EQ(capture(VIVID_VMALLOC, DRM_DMASHARE_BO_CONTIGUOUS), 0);
}

/* There is none so long; and when there are no more, the system goes on. */
static void contiguous_refused(void)
{
	int fd = dms_open();
	struct bo bo[512];
	unsigned int n = 0;

	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, 1ull << 30, SYSTEM,
						      DRM_DMASHARE_BO_CONTIGUOUS, "", &bo[0]),
		       E2BIG);
	while (n < ARRAY_SIZE(bo) &&
	       !dms_try_create_in(fd, 2 * HUGE_PAGE, SYSTEM, DRM_DMASHARE_BO_CONTIGUOUS, "",
				  &bo[n]))
		n++;
	ASSERT_MSG(n < ARRAY_SIZE(bo), "more memory than this test was made for");
	ASSERT_EQ(errno, ENOMEM);
	errno_seen("BO_CREATE", ENOMEM);
	errno_seen("any", ENOMEM);
	ASSERT(n > 0);
	/* In single pages there is still room. */
	bo[n] = dms_create_mapped(fd, 4 * PAGE, "small");
	dms_run_ok(fd, dms_job_fill(&bo[n], 0, 4 * PAGE, 0x5151515151515151));
	ASSERT(all_bytes(bo[n].map, 4 * PAGE, 0x51));
}

static void huge(void)
{
	struct shared s = shared_buffer(2 * HUGE_PAGE, DRM_DMASHARE_BO_HUGE);
	struct drm_dmashare_bo_info i;
	struct bo bad;
	int peer;

	through_peer(&s, &peer);
	if (direct(s.fd)) {
		i = dms_info(s.fd, s.bo.handle);
		ASSERT_EQ(i.dma_addr % HUGE_PAGE, 0);
		ASSERT_MSG(i.n_segments <= 2, "%u segments", i.n_segments);
		ASSERT_EQ(i.max_segment % HUGE_PAGE, 0);
	}
	through_vgem(&s);
	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(s.fd, HUGE_PAGE + PAGE, SYSTEM,
						      DRM_DMASHARE_BO_HUGE, "", &bad), EINVAL);
	ASSERT_ERRNO(dms_try_create_in(s.fd, PAGE, SYSTEM, DRM_DMASHARE_BO_HUGE, "", &bad),
		     EINVAL);
}

static void huge_for_vivid(void)
{
	int fd = dms_open(), dmabuf[N_FRAMES], i;
	struct bo bo[N_FRAMES];
	struct vivid v;

	for (i = 0; i < N_FRAMES; i++) {
		bo[i] = dms_create_in(fd, HUGE_PAGE, SYSTEM, DRM_DMASHARE_BO_HUGE, "frame");
		dms_map(&bo[i]);
		dmabuf[i] = dms_export(fd, bo[i].handle);
	}
	vivid_load(VIVID_DMA_CONTIG);
	v = vivid_open(WIDTH, HEIGHT);
	vivid_start(&v, dmabuf, N_FRAMES);
	i = vivid_dequeue(&v, NULL);
	assert_picture(bo[i].map, v.size);
	ASSERT(all_bytes(bo[i].map + v.size, HUGE_PAGE - v.size, 0));
	vivid_close(&v);
	for (i = 0; i < N_FRAMES; i++) {
		close(dmabuf[i]);
		dms_destroy(&bo[i]);
	}
	close(fd);
	vivid_unload();
}

static void exclusions(void)
{
	static const uint32_t bad[] = {
		DRM_DMASHARE_BO_SCATTERED | DRM_DMASHARE_BO_CONTIGUOUS,
		DRM_DMASHARE_BO_SCATTERED | DRM_DMASHARE_BO_HUGE,
		DRM_DMASHARE_BO_CONTIGUOUS | DRM_DMASHARE_BO_HUGE,
		DRM_DMASHARE_BO_SCATTERED | DRM_DMASHARE_BO_CONTIGUOUS | DRM_DMASHARE_BO_HUGE,
		DRM_DMASHARE_BO_STATIC | DRM_DMASHARE_BO_DYNAMIC,
	};
	int fd = dms_open();
	struct bo bo;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, HUGE_PAGE, SYSTEM, bad[i], "",
							      &bo), EINVAL);
	/* All that do not exclude each other, at once. */
	bo = dms_create_in(fd, HUGE_PAGE, SYSTEM,
			   DRM_DMASHARE_BO_SCATTERED | DRM_DMASHARE_BO_STATIC |
			   DRM_DMASHARE_BO_NO_MMAP | DRM_DMASHARE_BO_NO_VMAP |
			   DRM_DMASHARE_BO_NO_ATTACH | DRM_DMASHARE_BO_READ_ONLY, "all");
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, 1));
}

/* -- what it exports */

static void not_moved(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_STATIC);
	struct dmashare_ledger l;
	struct bo there;
	int peer;

	ASSERT_EQ(dms_info(s.fd, s.bo.handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC, 0);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(s.fd, s.bo.handle, LOCAL, 0), EOPNOTSUPP);
	ASSERT_ERRNO(dms_try_move(s.fd, s.bo.handle, SYSTEM, DRM_DMASHARE_MOVE_WAIT),
		     EOPNOTSUPP);
	there = through_peer(&s, &peer);
	through_vgem(&s);
	ASSERT_EQ(dms_info(s.fd, s.bo.handle).pins, 0);
	ASSERT_EQ(dms_info(s.fd, s.bo.handle).placement, SYSTEM);
	l = ledger_get(s.fd, s.bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_PIN], 0);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MOVE], 0);
	ASSERT_EQ(dms_info(peer, there.handle).moves, 0);
}

/* Without either flag it depends on there being anywhere to move to. */
static void moved(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_DYNAMIC);
	struct bo plain = dms_create(s.fd, PAGE, "plain"), there;
	int vgem = vgem_open(), peer;
	struct dmashare_ledger l;
	uint32_t handle;

	ASSERT(dms_info(s.fd, s.bo.handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC);
	ASSERT_EQ(dms_info(s.fd, plain.handle).flags & DRM_DMASHARE_BO_INFO_DYNAMIC,
		  dms_param(s.fd, DRM_DMASHARE_PARAM_LOCAL_SIZE) ?
		  DRM_DMASHARE_BO_INFO_DYNAMIC : 0);
	there = through_peer(&s, &peer);
	pattern_fill(s.bo.map, s.bo.size, 4);
	/* Where a dynamic importer's mapping pins as well, it has to end first. */
	if (dynamic_maps_pin()) {
		ASSERT_EQ(dms_info(s.fd, s.bo.handle).pins, 1);
		ASSERT_REFUSED("BO_MOVE", dms_try_move(s.fd, s.bo.handle, LOCAL, 0), EBUSY);
		dms_unmap(&there);
	}
	ASSERT_EQ(dms_info(s.fd, s.bo.handle).pins, 0);
	dms_move(&s.bo, LOCAL);
	ASSERT(pattern_check(s.bo.map, s.bo.size, 4));
	ASSERT_EQ(dms_crc(peer, &there, 0, there.size), crc32c(s.bo.map, s.bo.size));
	/* A static importer pins it; there it stays. */
	ASSERT_OK(dms_try_close(peer, there.handle));
	wait_unpinned(&s.bo);
	there = dms_import_as(peer, s.dmabuf, DRM_DMASHARE_IMPORT_STATIC);
	l = ledger_get(s.fd, s.bo.handle);
	ASSERT(l.notes[DMASHARE_NOTE_PIN] > l.notes[DMASHARE_NOTE_UNPIN]);
	ASSERT_EQ(dms_info(s.fd, s.bo.handle).pins, 1);
	ASSERT_EQ(dms_crc(peer, &there, 0, there.size), crc32c(s.bo.map, s.bo.size));
	ASSERT_OK(dms_try_close(peer, there.handle));
	wait_unpinned(&s.bo);
	ASSERT_EQ(ledger_get(s.fd, s.bo.handle).live_attachments, 0);
	/* So does vgem where it maps; it takes no address in local memory. */
	dms_move(&s.bo, LOCAL);
	ASSERT_OK(drmPrimeFDToHandle(vgem, s.dmabuf, &handle));
	if (vgem_maps()) {
		ASSERT_EQ(dms_info(s.fd, s.bo.handle).pins, 1);
		ASSERT_EQ(dms_info(s.fd, s.bo.handle).placement, SYSTEM);
		covers("pin:vgem unpin:vgem p2p.fallback:vgem move.to-system:vgem");
	}
	ASSERT(pattern_check(s.bo.map, s.bo.size, 4));
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	wait_unpinned(&s.bo);
	covers("personality.dynamic:vgem");
}

static void without_mmap(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_NO_MMAP);
	int vgem = vgem_open(), peer, onward;
	uint32_t handle;

	ASSERT(try_mmap(s.dmabuf, PAGE, PROT_READ) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
	ASSERT(try_mmap(s.dmabuf, PAGE, PROT_READ | PROT_WRITE) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
	/* Nor by way of an importer that hands it on. */
	ASSERT_OK(drmPrimeFDToHandle(vgem, s.dmabuf, &handle));
	ASSERT_OK(drmPrimeHandleToFD(vgem, handle, DRM_CLOEXEC | DRM_RDWR, &onward));
	ASSERT(try_mmap(onward, PAGE, PROT_READ) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
	ASSERT_EQ(ledger_get(s.fd, s.bo.handle).notes[DMASHARE_NOTE_MMAP], 0);
	/* Everything else goes. */
	through_peer(&s, &peer);
	ASSERT_EQ(dms_vmap(&s.bo, 0, s.bo.size, 1).checksum, crc32c(s.bo.map, s.bo.size));
}

static void without_vmap(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_NO_VMAP);
	struct drm_dmashare_bo_vmap v = { .handle = s.bo.handle, .count = 1, .length = PAGE };
	int peer;
	uint8_t *p;

	ASSERT_REFUSED("BO_VMAP", dms_try_vmap(s.fd, &v), EINVAL);
	ASSERT_EQ(ledger_get(s.fd, s.bo.handle).notes[DMASHARE_NOTE_VMAP], 0);
	through_peer(&s, &peer);
	through_vgem(&s);
	p = try_mmap(s.dmabuf, s.bo.size, PROT_READ);
	ASSERT(p != MAP_FAILED);
	ASSERT(pattern_check(p, s.bo.size, 3));
}

static void without_vmap_for_vivid(void)
{
	ASSERT_EQ(capture(VIVID_VMALLOC, DRM_DMASHARE_BO_NO_VMAP), EFAULT);
}

static void without_attach(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_NO_ATTACH);
	int vgem = vgem_open(), peer = dms_open_nth(1);
	uint32_t handle;
	uint8_t *p;

	ASSERT_ERRNO(drmPrimeFDToHandle(vgem, s.dmabuf, &handle), EOPNOTSUPP);
	ASSERT_REFUSED("PRIME_FD_TO_HANDLE", dms_try_import(peer, s.dmabuf, &handle),
		       EOPNOTSUPP);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(peer, s.dmabuf, 0, &handle), EOPNOTSUPP);
	ASSERT_ERRNO(dms_try_import_as(peer, s.dmabuf, DRM_DMASHARE_IMPORT_STATIC, &handle),
		     EOPNOTSUPP);
	ASSERT_EQ(ledger_get(s.fd, s.bo.handle).live_attachments, 0);
	/* The device itself needs none, nor does a program. */
	ASSERT_OK(dms_try_import(s.fd, s.dmabuf, &handle));
	ASSERT_EQ(handle, s.bo.handle);
	p = try_mmap(s.dmabuf, s.bo.size, PROT_READ);
	ASSERT(p != MAP_FAILED);
	dms_run_ok(s.fd, dms_job_fill(&s.bo, 0, s.bo.size, 0x2323232323232323));
	ASSERT(all_bytes(p, s.bo.size, 0x23));
}

/*
 * It never attaches. The other kind of vivid does, but videobuf2 never drops its
 * reference to a dma-buf that it could not attach to (__prepare_dmabuf(), in
 * 6.12 as in 7.3), and the module that exported it would be in use for ever.
 */
static void without_attach_for_vivid(void)
{
	ASSERT_EQ(capture(VIVID_VMALLOC, DRM_DMASHARE_BO_NO_ATTACH), 0);
}

static void read_only(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_READ_ONLY);
	uint8_t *p;

	pattern_fill(s.bo.map, s.bo.size, 5);
	p = try_mmap(s.dmabuf, s.bo.size, PROT_READ);
	ASSERT(p != MAP_FAILED);
	ASSERT(pattern_check(p, s.bo.size, 5));
	ASSERT_ERRNO(mprotect(p, s.bo.size, PROT_READ | PROT_WRITE), EACCES);
	ASSERT(try_mmap(s.dmabuf, PAGE, PROT_READ | PROT_WRITE) == MAP_FAILED);
	ASSERT_EQ(errno, EACCES);
	ASSERT_ERRNO(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE), EACCES);
	ASSERT_ERRNO(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW), EACCES);
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	ASSERT_EQ(ledger_get(s.fd, s.bo.handle).notes_failed, 3);
	ASSERT_EQ(dms_vmap(&s.bo, 0, s.bo.size, 1).checksum, crc32c(s.bo.map, s.bo.size));
}

static void read_only_for_a_device(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_READ_ONLY);
	int peer = dms_open_nth(1);
	struct bo there, copy = dms_create_mapped(peer, 4 * PAGE, "copy");
	struct drm_dmashare_job write;
	uint32_t handle;

	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(peer, s.dmabuf, 0, &handle), EACCES);
	ASSERT_ERRNO(dms_try_import_as(peer, s.dmabuf, DRM_DMASHARE_IMPORT_WRITE, &handle),
		     EACCES);
	ASSERT_REFUSED("PRIME_FD_TO_HANDLE", dms_try_import(peer, s.dmabuf, &handle), EACCES);
	there = dms_import_as(peer, s.dmabuf, DRM_DMASHARE_IMPORT_READ);
	pattern_fill(s.bo.map, s.bo.size, 6);
	dms_run_ok(peer, dms_job_copy(&copy, 0, &there, 0, s.bo.size));
	ASSERT(pattern_check(copy.map, s.bo.size, 6));
	/* The device sees to it that the importer keeps to its direction. */
	write = dms_job_fill(&there, 0, PAGE, 0);
	ASSERT_EQ(dms_run(peer, &write, 1), EACCES);
	ASSERT(pattern_check(s.bo.map, s.bo.size, 6));
}

/* Those who map it to write are refused; a kernel that attaches only is not. */
static void read_only_for_vgem(void)
{
	struct shared s = shared_buffer(4 * PAGE, DRM_DMASHARE_BO_READ_ONLY);
	int vgem = vgem_open();
	uint32_t handle;

	if (vgem_maps()) {
		ASSERT_ERRNO(drmPrimeFDToHandle(vgem, s.dmabuf, &handle), EACCES);
		ASSERT_EQ(ledger_get(s.fd, s.bo.handle).live_attachments, 0);
	} else {
		ASSERT_OK(drmPrimeFDToHandle(vgem, s.dmabuf, &handle));
		ASSERT_EQ(ledger_get(s.fd, s.bo.handle).live_attachments, 1);
	}
}

static void read_only_for_vivid(void)
{
	/*
	 * What refuses is the mapping. Of a buffer that may move some kernels
	 * make it when the importer attaches, and then it is as said above.
	 */
	ASSERT_EQ(capture(VIVID_DMA_CONTIG,
			  DRM_DMASHARE_BO_READ_ONLY | DRM_DMASHARE_BO_STATIC), EINVAL);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(scattered, "personality.scattered:dmashare personality.scattered:vgem"),
	KTAP_COVERS(scattered_for_vivid,
		    "personality.scattered:vivid-contig personality.scattered:vivid-vmalloc"),
	KTAP_COVERS(contiguous, "personality.contiguous:dmashare personality.contiguous:vgem"),
	KTAP_COVERS(contiguous_for_vivid,
		    "personality.contiguous:vivid-contig personality.contiguous:vivid-vmalloc"),
	KTAP_COVERS(contiguous_refused, "personality.contiguous:user"),
	KTAP_COVERS(huge, "personality.huge:dmashare personality.huge:vgem"),
	KTAP_COVERS(huge_for_vivid, "personality.huge:vivid-contig"),
	KTAP_COVERS(exclusions, "personality.scattered:user personality.huge:user"),
	KTAP_COVERS(not_moved, "personality.static:dmashare personality.static:vgem "
		    "personality.static:user"),
	KTAP_COVERS(moved, "personality.dynamic:dmashare personality.dynamic:user "
		    "pin:dmashare unpin:dmashare pin.count:dmashare"),
	KTAP_COVERS(without_mmap, "personality.no-mmap:user personality.no-mmap:vgem "
		    "personality.no-mmap:dmashare"),
	KTAP_COVERS(without_vmap, "personality.no-vmap:user personality.no-vmap:vgem "
		    "personality.no-vmap:dmashare"),
	KTAP_COVERS(without_vmap_for_vivid, "personality.no-vmap:vivid-vmalloc"),
	KTAP_COVERS(without_attach, "personality.no-attach:vgem personality.no-attach:dmashare "
		    "personality.no-attach:user"),
	KTAP_COVERS(without_attach_for_vivid, "personality.no-attach:vivid-vmalloc"),
	KTAP_COVERS(read_only, "personality.read-only:user"),
	KTAP_COVERS(read_only_for_a_device, "personality.read-only:dmashare"),
	KTAP_COVERS(read_only_for_vgem, "personality.read-only:vgem"),
	KTAP_COVERS(read_only_for_vivid, "personality.read-only:vivid-contig"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
