// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffers that programs of the host have: the very pages, the fences both ways, and
 * what becomes of both when a buffer moves, is freed, or the device is reset. The
 * programs of the host do what a case tells them (lib/client.h).
 *
 * Where only local memory can be shared, for reading alone (VM sharelocal), buffers
 * are made there; cases that need more are skipped, as those that need less are
 * where all is permitted. tests/guest/list has each where it does something.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include <xf86drm.h>

#include "lib/client.h"
#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/share.h"
#include "lib/sleep.h"

#define PAGE	4096u
#define SIZE	(8 * PAGE)
#define ONES	0x0101010101010101ull
#define TWOS	0x0202020202020202ull
/* A client's deadline that no case reaches, and one that passes soon. */
#define LONG_NS	(600 * SEC)
#define SHORT_NS (300 * MSEC)
#define WRITE	DRM_DMASHARE_SHARE_WRITE

/* Whether the host permits pages of the system and writing. */
static bool everything_shared(void)
{
	static int known = -1;

	if (known < 0) {
		struct bo bo = dms_create(dms_open(), PAGE, "probe");
		struct drm_dmashare_bo_share s = { .flags = WRITE };

		known = !share_try(&bo, &s);
		dms_destroy(&bo);
	}
	return known;
}

/* A buffer that client 0 is connected for and has open. */
struct shared_bo {
	int fd;
	struct bo bo;
	bool bo_is_local;
	uint32_t share;
	uint32_t flags;
};

static struct shared_bo begin_in(const char *name, uint32_t placement)
{
	struct shared_bo c = { .fd = dms_open(), .flags = everything_shared() ? WRITE : 0 };
	struct drm_dmashare_bo_share s = { .flags = c.flags };

	ctl_calm(0);
	client_do(0, "connect");
	c.bo = create_mapped_in(c.fd, SIZE, placement);
	c.bo_is_local = placement == LOCAL;
	pattern_fill(c.bo.map, SIZE, 1);
	memcpy(s.name, name, strlen(name));
	ASSERT_OK(share_try(&c.bo, &s));
	c.share = s.share;
	ASSERT_EQ(client_find(0, name), c.share);
	client_do(0, "open %u%s", c.share, c.flags ? " write" : "");
	return c;
}

static struct shared_bo begin(const char *name)
{
	return begin_in(name, everything_shared() ? SYSTEM : LOCAL);
}

static void needs_everything(void)
{
	if (!everything_shared())
		SKIP("the host shares local memory alone, for reading");
}

/* Acquires; the hold, which is granted already if @granted. */
static uint32_t acquire(unsigned int client, const struct shared_bo *c, uint64_t deadline,
			const char *how, bool granted)
{
	uint32_t hold;

	client_do(client, "acquire %u %llu %s", c->share, (unsigned long long)deadline, how);
	hold = client_number("hold");
	if (granted) {
		client_do(client, "wait granted %u %u", c->share, hold);
		ASSERT_EQ(client_number("error"), 0);
	}
	return hold;
}

static void wait_granted(unsigned int client, const struct shared_bo *c, uint32_t hold, int error)
{
	client_do(client, "wait granted %u %u", c->share, hold);
	ASSERT_EQ(client_number("error"), error);
}

/* What a reader, or a writer, of the buffer has to wait for. */
static int fences_of(const struct shared_bo *c, bool write)
{
	int dmabuf = dms_export(c->fd, c->bo.handle);
	int fence = dmabuf_fences(dmabuf, write ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ);

	close(dmabuf);
	return fence;
}

static void refused(void)
{
	struct drm_dmashare_bo_share s = { 0 };
	struct drm_dmashare_bo_unmap unmap = { 0 };
	int fd = dms_open();
	struct bo bo = dms_create_in(fd, SIZE, LOCAL, 0, "refused");
	struct bo ro = dms_create_in(fd, SIZE, LOCAL, DRM_DMASHARE_BO_READ_ONLY, "read-only");
	struct bo none = { .fd = fd, .handle = 4711, .size = SIZE };

	ASSERT_REFUSED("BO_SHARE", share_try(&none, &s), ENOENT);
	ASSERT_REFUSED("BO_UNSHARE", share_try_end(&none), ENOENT);
	ASSERT_REFUSED("BO_UNSHARE", share_try_end(&bo), ENOENT);
	ASSERT_REFUSED("BO_PUBLISH", share_try_publish(&none, 1, SEC), ENOENT);
	ASSERT_REFUSED("BO_PUBLISH", share_try_publish(&bo, 1, SEC), EINVAL);
	s.flags = 1u << 7;
	ASSERT_REFUSED("BO_SHARE", share_try(&bo, &s), EINVAL);
	s.flags = 0;
	s.pad = 1;
	ASSERT_ERRNO(share_try(&bo, &s), EINVAL);
	s.pad = 0;
	s.height = 8;
	s.stride = PAGE + 1;
	ASSERT_ERRNO(share_try(&bo, &s), EINVAL);
	s.height = 1u << 31;
	s.stride = 1u << 31;
	ASSERT_ERRNO(share_try(&bo, &s), EINVAL);
	s.height = 8;
	s.stride = PAGE;
	ASSERT_OK(share_try(&bo, &s));
	s.flags = WRITE;
	ASSERT_REFUSED("BO_SHARE", share_try(&bo, &s), EBUSY);
	ASSERT_REFUSED("BO_SHARE", share_try(&ro, &s), EACCES);
	ASSERT_ERRNO(share_try_publish(&bo, 0, SEC), EINVAL);
	ASSERT_ERRNO(share_try_publish(&bo, 1, 0), EINVAL);
	ASSERT_ERRNO(share_try_publish(&bo, 1, 3601 * SEC), EINVAL);

	unmap.handle = bo.handle;
	ASSERT_REFUSED("BO_UNMAP", drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &unmap), EBUSY);
	share_end(&bo);
	ASSERT_ERRNO(share_try_end(&bo), ENOENT);
	/* Who had it may have it still, until it is somewhere else. */
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &unmap), EBUSY);
	dms_move(&bo, SYSTEM);
	ASSERT_OK(drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &unmap));
	dms_move(&bo, LOCAL);
	/* Not for ever. */
	s.flags = 0;
	ASSERT_OK(share_try(&bo, &s));
}

/* Imported buffers are their exporter's to share. */
static void imported_refused(void)
{
	struct drm_dmashare_bo_share s = { 0 };
	struct foreign f = vgem_buffer(PAGE);
	struct bo bo = dms_import(dms_open(), f.dmabuf);

	ASSERT_REFUSED("BO_SHARE", share_try(&bo, &s), EOPNOTSUPP);
	foreign_destroy(&f);
}

/* What the host does not permit. */
static void host_refuses(void)
{
	struct drm_dmashare_bo_share s = { 0 };
	int fd = dms_open();
	struct bo bo = dms_create(fd, SIZE, "system");
	struct bo local = dms_create_in(fd, SIZE, LOCAL, 0, "local");
	struct bo large = dms_create_in(fd, 2 << 20, LOCAL, 0, "large");

	if (everything_shared())
		SKIP("this host permits everything");
	/* The VM has share-max-size=1M. */
	ASSERT_REFUSED("BO_SHARE", share_try(&large, &s), ENOSPC);
	ASSERT_REFUSED("BO_SHARE", share_try(&bo, &s), EOPNOTSUPP);
	s.flags = WRITE;
	ASSERT_REFUSED("BO_SHARE", share_try(&local, &s), EACCES);
	s.flags = 0;
	ASSERT_OK(share_try(&local, &s));
	/* Nor are they shared, and have moved out of what can be. */
	dms_move(&local, SYSTEM);
	dms_run_ok(fd, dms_job_fill(&local, 0, SIZE, ONES));
	dms_move(&local, LOCAL);
	client_do(0, "connect");
	client_find(0, "local");
}

/* Not a copy: each sees what the other writes, without a message. */
static void very_pages(void)
{
	struct shared_bo c = begin("pages");
	uint8_t data[SIZE];
	unsigned int i;

	memcpy(data, c.bo.map, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	ASSERT_EQ(client_crc(0, c.share), dms_crc(c.fd, &c.bo, 0, SIZE));
	for (i = 2; i < 6; i++) {
		pattern_fill(c.bo.map, SIZE, i);
		memcpy(data, c.bo.map, SIZE);
		ASSERT(client_sees(0, c.share, 0, data, SIZE));
	}
	if (!c.flags)
		return;
	pattern_fill(data, SIZE, 7);
	client_write(0, c.share, 0, data, SIZE);
	ASSERT(pattern_check(c.bo.map, SIZE, 7));
}

static void described(void)
{
	struct shared_bo c = begin("described");
	struct drm_dmashare_bo_share s = {
		.flags = c.flags, .fourcc = 0x34325258, .width = 64, .height = 64, .stride = 256,
		.name = "picture",
	};

	ASSERT_OK(share_try(&c.bo, &s));
	ASSERT_EQ(s.share, c.share);
	client_do(0, "wait withdraw %u", c.share);
	ASSERT_EQ(client_number("reason"), 1);
	ASSERT_EQ(client_find(0, "picture"), c.share);
	ASSERT_EQ(client_number("fourcc"), 0x34325258);
	ASSERT_EQ(client_number("width"), 64);
	ASSERT_EQ(client_number("height"), 64);
	ASSERT_EQ(client_number("stride"), 256);
	ASSERT_EQ(client_number("size"), SIZE);
	client_do(0, "open %u", c.share);
	/* The same again changes nothing. */
	ASSERT_OK(share_try(&c.bo, &s));
	client_do(0, "none withdraw %u", c.share);
}

/* A job that writes waits for the client that reads; one that reads does not. */
static void client_holds(void)
{
	struct shared_bo c = begin("holds");
	struct drm_dmashare_job fill = dms_job_fill(&c.bo, 0, SIZE, ONES);
	uint8_t data[SIZE];
	uint32_t hold;
	int job, fence;

	memcpy(data, c.bo.map, SIZE);
	hold = acquire(0, &c, LONG_NS, "", true);
	dms_crc(c.fd, &c.bo, 0, SIZE);
	fence = fences_of(&c, true);
	ASSERT_EQ(fence_info(fence).count, 1);
	ASSERT(fence_pending(fence));
	job = dms_submit_fence(c.fd, 0, 0, &fill, 1);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	ASSERT(fence_pending(job));
	client_do(0, "release %u 0", hold);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(fence_finish(job), 0);
	memset(data, 1, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
}

/* A client that writes is waited for by everybody. */
static void writer_is_waited_for(void)
{
	struct shared_bo c;
	uint8_t data[SIZE];
	uint32_t hold;
	int fence;

	needs_everything();
	c = begin("writes");
	/* What the device has of it in a copy is old then. */
	dms_crc(c.fd, &c.bo, 0, SIZE);
	hold = acquire(0, &c, LONG_NS, "write", true);
	fence = fences_of(&c, false);
	ASSERT(fence_pending(fence));
	pattern_fill(data, SIZE, 9);
	client_write(0, c.share, 0, data, SIZE);
	client_do(0, "release %u 0", hold);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(dms_crc(c.fd, &c.bo, 0, SIZE), client_crc(0, c.share));
	ASSERT(pattern_check(c.bo.map, SIZE, 9));
}

/* The other way round: a client waits for the jobs there are. */
static void client_waits(void)
{
	struct shared_bo c = begin("waits");
	struct work work = work_filling(&c.bo, 0, TWOS);
	uint8_t data[SIZE];
	uint32_t hold, wait;

	hold = acquire(0, &c, LONG_NS, "", false);
	wait = acquire(0, &c, 0, "wait", false);
	client_do(0, "none granted %u", c.share);
	work_release(&work);
	wait_granted(0, &c, hold, 0);
	wait_granted(0, &c, wait, 0);
	memset(data, 2, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	client_do(0, "release %u 0", hold);
	/* Of the one that only waited nothing is left. */
	ASSERT(client_try(0, "release %u 0", wait) < 0);
	ASSERT_EQ(fence_finish(fences_of(&c, true)), 0);
}

/* A reader does not wait for readers, a writer does. */
static void writers_and_readers(void)
{
	struct shared_bo c;
	struct work work;
	uint32_t reader, writer;

	needs_everything();
	c = begin("rw");
	client_do(1, "connect");
	client_do(1, "open %u write", c.share);
	work = work_reading(&c.bo, 0);
	reader = acquire(0, &c, LONG_NS, "", true);
	writer = acquire(1, &c, LONG_NS, "write", false);
	client_do(1, "none granted %u", c.share);
	work_release(&work);
	client_do(1, "none granted %u", c.share);
	client_do(0, "release %u 0", reader);
	wait_granted(1, &c, writer, 0);
	/* And now the other way round. */
	reader = acquire(0, &c, LONG_NS, "", false);
	client_do(0, "none granted %u", c.share);
	client_do(1, "release %u 0", writer);
	wait_granted(0, &c, reader, 0);
	client_do(0, "release %u 0", reader);
}

/* How a hold ends that is not simply released. */
static void errors_of_holds(void)
{
	struct shared_bo c = begin("errors");
	uint32_t hold;
	int fence;

	hold = acquire(0, &c, LONG_NS, "", true);
	fence = fences_of(&c, true);
	client_do(0, "release %u %d", hold, EILSEQ);
	ASSERT_EQ(fence_finish(fence), EILSEQ);

	hold = acquire(0, &c, SHORT_NS, "", true);
	fence = fences_of(&c, true);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	errno_seen("BO_SHARE", ETIMEDOUT);
	client_do(0, "wait ended %u %u", c.share, hold);
	ASSERT_EQ(client_number("error"), ETIMEDOUT);

	hold = acquire(0, &c, LONG_NS, "", true);
	fence = fences_of(&c, true);
	client_do(0, "close %u", c.share);
	ASSERT_EQ(fence_finish(fence), ECANCELED);

	client_do(0, "open %u", c.share);
	hold = acquire(0, &c, LONG_NS, "", true);
	fence = fences_of(&c, true);
	client_do(0, "drop");
	ASSERT_EQ(fence_finish(fence), ECONNRESET);
	errno_seen("BO_SHARE", ECONNRESET);
	/* Whatever happened to the fences, the buffer can be used. */
	dms_run_ok(c.fd, dms_job_fill(&c.bo, 0, SIZE, ONES));
}

/* Clients that go, or change their mind, before they were let in. */
static void gone_before_granted(void)
{
	struct shared_bo c = begin("impatient");
	struct work work = work_filling(&c.bo, 0, ONES);
	uint32_t hold;
	int fence;

	client_do(1, "connect");
	client_do(1, "open %u", c.share);
	hold = acquire(0, &c, LONG_NS, "", false);
	client_do(0, "release %u 0", hold);
	hold = acquire(0, &c, LONG_NS, "", false);
	client_do(0, "drop");
	hold = acquire(1, &c, LONG_NS, "", false);
	work_release(&work);
	wait_granted(1, &c, hold, 0);
	fence = fences_of(&c, true);
	client_do(1, "release %u 0", hold);
	/* Merged fences have the error of one that failed. */
	fence_finish(fence);
	ASSERT_EQ(fence_finish(fences_of(&c, true)), 0);
}

static void published_to_nobody(void)
{
	struct shared_bo c = begin("nobody");

	ASSERT_EQ(fence_finish(share_publish(&c.bo, 7, LONG_NS)), 0);
	client_do(0, "wait content %u", c.share);
	ASSERT_EQ(client_number("sequence"), 7);
	ASSERT_EQ(client_number("hold"), 0);
}

/* The writer waits for its readers, and they for it. */
static void published(void)
{
	struct shared_bo c = begin("published");
	struct drm_dmashare_job fill = dms_job_fill(&c.bo, 0, SIZE, ONES);
	uint32_t hold[2];
	unsigned int i, k;
	int fence, job;
	uint8_t data[SIZE];

	client_do(1, "connect");
	client_do(1, "open %u", c.share);
	for (i = 0; i < 2; i++)
		client_do(i, "subscribe %u 1", c.share);
	for (k = 1; k < 5; k++) {
		fill.value = k * ONES;
		dms_submit(c.fd, 0, 0, &fill, 1);
		fence = share_publish(&c.bo, k, LONG_NS);
		memset(data, k, SIZE);
		for (i = 0; i < 2; i++) {
			client_do(i, "wait content %u", c.share);
			ASSERT_EQ(client_number("sequence"), k);
			hold[i] = client_number("hold");
			ASSERT(hold[i]);
			ASSERT(client_sees(i, c.share, 0, data, SIZE));
		}
		/* The next ones wait. */
		fill.value = 0xff * ONES;
		job = dms_submit_fence(c.fd, 0, 0, &fill, 1);
		client_do(0, "release %u 0", hold[0]);
		ASSERT(client_sees(1, c.share, 0, data, SIZE));
		ASSERT(fence_pending(fence));
		ASSERT(fence_pending(job));
		client_do(1, "release %u 0", hold[1]);
		ASSERT_EQ(fence_finish(fence), 0);
		ASSERT_EQ(fence_finish(job), 0);
	}
}

/* Contents that are published one after the other, with nobody waiting for it. */
static void published_in_order(void)
{
	struct shared_bo c = begin("order");
	int fence[4];
	unsigned int k;

	client_do(0, "subscribe %u 1", c.share);
	for (k = 0; k < 4; k++)
		fence[k] = share_publish(&c.bo, 10 + k, LONG_NS);
	for (k = 0; k < 4; k++) {
		uint32_t hold;

		client_do(0, "wait content %u", c.share);
		ASSERT_EQ(client_number("sequence"), 10 + k);
		hold = client_number("hold");
		client_do(0, "none content %u", c.share);
		ASSERT(fence_pending(fence[k]));
		client_do(0, "release %u %d", hold, k == 2 ? EILSEQ : 0);
		ASSERT_EQ(fence_finish(fence[k]), k == 2 ? EILSEQ : 0);
	}
}

static void too_many_published(void)
{
	struct shared_bo c = begin("many");
	struct work work = work_filling(&c.bo, 0, ONES);
	int fence[64];
	unsigned int k;

	for (k = 0; k < 64; k++)
		fence[k] = share_publish(&c.bo, 1 + k, LONG_NS);
	ASSERT_REFUSED("BO_PUBLISH", share_try_publish(&c.bo, 65, LONG_NS), ENOSPC);
	work_release(&work);
	for (k = 0; k < 64; k++)
		ASSERT_EQ(fence_finish(fence[k]), 0);
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 66, LONG_NS)), 0);
}

static void errors_of_contents(void)
{
	struct shared_bo c = begin("spoilt");
	int fence;

	client_do(0, "subscribe %u 1", c.share);
	fence = share_publish(&c.bo, 1, SHORT_NS);
	client_do(0, "wait content %u", c.share);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	fence = share_publish(&c.bo, 2, LONG_NS);
	client_do(0, "wait content %u", c.share);
	client_do(0, "drop");
	ASSERT_EQ(fence_finish(fence), ECONNRESET);
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 3, LONG_NS)), 0);
}

/* With holds of both kinds, and one that waits. */
static void unshared(void)
{
	struct shared_bo c = begin("unshared");
	struct work work;
	int held, contents, waiting;
	uint8_t data[SIZE];

	client_do(0, "subscribe %u 1", c.share);
	acquire(0, &c, LONG_NS, "", true);
	held = fences_of(&c, true);
	contents = share_publish(&c.bo, 1, LONG_NS);
	client_do(0, "wait content %u", c.share);
	work = work_reading(&c.bo, 0);
	client_do(1, "connect");
	client_do(1, "open %u%s", c.share, c.flags ? " write" : "");
	acquire(1, &c, LONG_NS, c.flags ? "write" : "", !c.flags);
	waiting = fences_of(&c, true);
	share_end(&c.bo);
	ASSERT_EQ(fence_finish(held), ECANCELED);
	errno_seen("BO_UNSHARE", ECANCELED);
	ASSERT_EQ(fence_finish(contents), ECANCELED);
	errno_seen("BO_PUBLISH", ECANCELED);
	/* Its status is that of the part that failed, but it is not over. */
	ASSERT_EQ(poll_now(waiting, POLLIN), 0);
	work_release(&work);
	ASSERT_EQ(fence_finish(waiting), ECANCELED);
	client_do(0, "wait withdraw %u", c.share);
	ASSERT_EQ(client_number("reason"), 0);
	/* The bytes are still the guest's. */
	ASSERT(pattern_check(c.bo.map, SIZE, 1));
	memcpy(data, c.bo.map, SIZE);
	ASSERT(client_try(0, "open %u", c.share) < 0);
	/* And shared again it is another one. */
	c.share = share_bytes(&c.bo, c.flags);
	client_do(1, "wait announce %u", c.share);
	client_do(1, "open %u", c.share);
	ASSERT(client_sees(1, c.share, 0, data, SIZE));
}

/* A buffer that is freed takes the share with it. */
static void freed(void)
{
	struct shared_bo c = begin("freed");
	int fence;

	acquire(0, &c, LONG_NS, "", true);
	fence = fences_of(&c, true);
	dms_destroy(&c.bo);
	ASSERT_EQ(fence_finish(fence), ECANCELED);
	client_do(0, "wait withdraw %u", c.share);
	ASSERT_EQ(client_number("reason"), 0);
}

/* The client sees the bytes where they are, and nothing new where they were. */
static void moves(void)
{
	struct shared_bo c;
	uint32_t generation, to = LOCAL;
	uint8_t data[SIZE];
	unsigned int k;

	needs_everything();
	c = begin("moves");
	generation = client_number("generation");
	for (k = 2; k < 8; k++, to = to == LOCAL ? SYSTEM : LOCAL) {
		int fence;

		memcpy(data, c.bo.map, SIZE);
		dms_move(&c.bo, to);
		client_do(0, "wait withdraw %u", c.share);
		ASSERT_EQ(client_number("reason"), 1);
		ASSERT_EQ(client_number("generation"), generation);
		ASSERT_EQ(client_find(0, "moves"), c.share);
		ASSERT(client_number("generation") > generation);
		generation = client_number("generation");
		ASSERT(!strcmp(client_word("path"), "local") == (to == LOCAL));
		client_do(0, "open %u write", c.share);
		ASSERT(client_sees(0, c.share, 0, data, SIZE));
		pattern_fill(c.bo.map, SIZE, k);
		memcpy(data, c.bo.map, SIZE);
		ASSERT(client_sees(0, c.share, 0, data, SIZE));
		fence = share_publish(&c.bo, k, LONG_NS);
		client_do(0, "wait content %u", c.share);
		ASSERT_EQ(client_number("sequence"), k);
		ASSERT_EQ(fence_finish(fence), 0);
	}
}

/* A move waits for the client that holds the buffer, and for its bytes. */
static void moves_behind_clients(void)
{
	struct shared_bo c;
	uint8_t data[SIZE];
	uint32_t hold;
	int fence;

	needs_everything();
	c = begin("behind");
	hold = acquire(0, &c, LONG_NS, "write", true);
	ASSERT_OK(dms_try_move(c.fd, c.bo.handle, LOCAL, 0));
	/* Contents that are published now are those of the new place. */
	fence = share_publish(&c.bo, 5, LONG_NS);
	pattern_fill(data, SIZE, 11);
	client_write(0, c.share, 0, data, SIZE);
	client_do(0, "none withdraw %u", c.share);
	ASSERT(fence_pending(fence));
	client_do(0, "release %u 0", hold);
	client_do(0, "wait withdraw %u", c.share);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(pattern_check(c.bo.map, SIZE, 11));
	client_do(0, "wait content %u", c.share);
	ASSERT_EQ(client_number("sequence"), 5);
	client_find(0, "behind");
	client_do(0, "open %u", c.share);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
}

/* Several moves that wait for each other; the last place is what is shared. */
static void moves_in_a_row(void)
{
	struct shared_bo c;
	uint8_t data[SIZE];
	uint32_t hold;
	unsigned int k;

	needs_everything();
	c = begin("row");
	memcpy(data, c.bo.map, SIZE);
	hold = acquire(0, &c, LONG_NS, "", true);
	for (k = 0; k < 5; k++)
		ASSERT_OK(dms_try_move(c.fd, c.bo.handle, k % 2 ? SYSTEM : LOCAL, 0));
	client_do(0, "release %u 0", hold);
	client_do(0, "wait withdraw %u", c.share);
	client_find(0, "row");
	ASSERT(!strcmp(client_word("path"), "local"));
	client_do(0, "open %u", c.share);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	ASSERT(pattern_check(c.bo.map, SIZE, 1));
}

/* The device forgets its clients; the driver shares again. */
static void reset_by_somebody(void)
{
	struct shared_bo c = begin("reset");
	struct work work;
	int held, contents, waiting;
	uint8_t data[SIZE];

	client_do(0, "subscribe %u 1", c.share);
	memcpy(data, c.bo.map, SIZE);
	acquire(0, &c, LONG_NS, "", true);
	held = fences_of(&c, true);
	contents = share_publish(&c.bo, 1, LONG_NS);
	client_do(0, "wait content %u", c.share);
	work = work_reading(&c.bo, 0);
	acquire(0, &c, LONG_NS, c.flags ? "write" : "", !c.flags);
	waiting = share_publish(&c.bo, 2, LONG_NS);
	device_write(c.fd, "reset", "1");
	ASSERT_EQ(fence_finish(held), ECANCELED);
	ASSERT_EQ(fence_finish(contents), ECANCELED);
	ASSERT_EQ(fence_finish(waiting), ECANCELED);
	hold_release(&work.hold);
	fence_finish(work.fence);
	client_do(0, "wait withdraw %u", c.share);
	ASSERT_EQ(client_number("reason"), 2);

	c.share = client_find(0, "reset");
	client_do(0, "open %u", c.share);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	pattern_fill(c.bo.map, SIZE, 3);
	memcpy(data, c.bo.map, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	client_do(0, "release %u 0", acquire(0, &c, LONG_NS, "", true));
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 3, LONG_NS)), 0);
}

/* A sleep is as a reset, and a client keeps nobody awake. */
static void asleep(void)
{
	struct shared_bo c = begin("asleep");
	int held, contents;
	uint32_t hold;

	client_do(0, "subscribe %u 1", c.share);
	hold = acquire(0, &c, LONG_NS, "", true);
	held = fences_of(&c, true);
	contents = share_publish(&c.bo, 1, LONG_NS);
	client_do(0, "wait content %u", c.share);
	if (c.bo_is_local) {
		/* It has to leave local memory, and so waits for who is there. */
		sleep_refused("devices");
		client_do(0, "release %llu 0", (unsigned long long)client_number("hold"));
		client_do(0, "release %u 0", hold);
		ASSERT_EQ(fence_finish(held), 0);
		ASSERT_EQ(fence_finish(contents), 0);
		sleep_to("devices");
		dms_move(&c.bo, LOCAL);
	} else {
		sleep_to("devices");
		ASSERT_EQ(fence_finish(held), ECANCELED);
		ASSERT_EQ(fence_finish(contents), ECANCELED);
	}
	ASSERT(pattern_check(c.bo.map, SIZE, 1));
	client_do(0, "connect");
	c.share = client_find(0, "asleep");
	client_do(0, "open %u", c.share);
	ASSERT(client_sees(0, c.share, 0, c.bo.map, SIZE));
	client_do(0, "release %u 0", acquire(0, &c, LONG_NS, "", true));
}

/* The device reaches the pages by others, which are not the buffer's. */
static void bounced(void)
{
	struct drm_dmashare_bo_share s = { 0 };
	int fd = dms_open();
	struct bo bo = dms_create(fd, SIZE, "bounced");
	struct bo local = dms_create_in(fd, SIZE, LOCAL, 0, "local");

	ASSERT_REFUSED("BO_SHARE", share_try(&bo, &s), EOPNOTSUPP);
	/* Of a buffer that goes there, the place where it can be shared is. */
	ASSERT_OK(share_try(&local, &s));
	dms_move(&local, SYSTEM);
	dms_run_ok(fd, dms_job_fill(&local, 0, SIZE, ONES));
	dms_move(&local, LOCAL);
	client_do(0, "connect");
	client_find(0, "local");
	client_do(0, "open %u", s.share);
	ASSERT_EQ(client_crc(0, s.share), dms_crc(fd, &local, 0, SIZE));
}

/* The driver lets the device go: whoever waits for a client here hears of it. */
static void removed(void)
{
	struct shared_bo c = begin("removed");
	struct work work = work_reading(&c.bo, 0);
	int held, contents;
	drmDevicePtr dev;
	char address[32];

	ASSERT_EQ(drmGetDevice2(c.fd, 0, &dev), 0);
	snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", dev->businfo.pci->domain,
		 dev->businfo.pci->bus, dev->businfo.pci->dev, dev->businfo.pci->func);
	drmFreeDevice(&dev);

	client_do(0, "subscribe %u 1", c.share);
	acquire(0, &c, LONG_NS, "", true);
	held = fences_of(&c, true);
	contents = share_publish(&c.bo, 1, LONG_NS);
	driver_control(address, "unbind");
	hold_release(&work.hold);
	/* Merged with those of the job. */
	ASSERT(fence_finish(held));
	ASSERT_EQ(fence_finish(contents), ENODEV);
	client_do(0, "wait withdraw %u", c.share);
	ASSERT_EQ(client_number("reason"), 2);
	ASSERT_ERRNO(share_try_publish(&c.bo, 2, LONG_NS), ENODEV);
	close(c.fd);
	driver_control(address, "bind");
	close(dms_open());
}

/* The interrupt of an event may be lost: it is found all the same. */
static void interrupts_lost(void)
{
	struct shared_bo c = begin("lost");
	uint32_t rule = ctl_fault_add(0, "'where': 'interrupt', 'action': 'drop', "
				      "'match': {'vector': 0}, 'times': 2");
	uint32_t hold;
	int fence;

	hold = acquire(0, &c, LONG_NS, "", true);
	fence = fences_of(&c, true);
	client_do(0, "release %u 0", hold);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(ctl_fault_fired(0, rule), 2);
	ctl_fault_remove(0, rule);
}

/* Refuses that command so often, 0: always. */
static uint32_t refuse(const char *opcode, int err, unsigned int times)
{
	return ctl_fault_add(0, "'where': 'command', 'action': 'fail', "
			     "'match': {'opcode': '%s'}, 'times': %u, 'error': '%s'", opcode,
			     times, ctl_errno(err));
}

/* The harness refuses commands: nobody waits for ever, and nothing is left. */
static void commands_refused(void)
{
	struct shared_bo c = begin("commanded");
	struct drm_dmashare_bo_share s = { .flags = c.flags };
	uint32_t rule, hold;

	share_end(&c.bo);
	rule = refuse("share", EIO, 0);
	ASSERT_ERRNO(share_try(&c.bo, &s), EIO);
	ctl_fault_remove(0, rule);
	ASSERT_OK(share_try(&c.bo, &s));
	c.share = s.share;
	client_do(0, "wait announce %u", c.share);
	client_do(0, "open %u", c.share);
	/* What must not fail is tried again. */
	rule = refuse("grant", ENOMEM, 2);
	hold = acquire(0, &c, LONG_NS, "", true);
	client_do(0, "release %u 0", hold);
	ctl_fault_remove(0, rule);
	rule = refuse("publish", ENOMEM, 0);
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 1, LONG_NS)), ENOMEM);
	ctl_fault_remove(0, rule);
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 2, LONG_NS)), 0);
}

/* Everything at once, from four clients, with a buffer that moves and is reset. */
static void all_at_once(void)
{
	struct shared_bo c = begin("busy");
	unsigned int k, n = rounds(100);
	uint32_t to = LOCAL;

	for (k = 0; k < n; k++) {
		unsigned int who = k % 4;
		struct drm_dmashare_job fill = dms_job_fill(&c.bo, 0, SIZE, k * ONES);

		client_do(who, "connect");
		c.share = client_find(who, "busy");
		/* It may move just now. */
		if (!client_try(who, "open %u", c.share)) {
			client_try(who, "subscribe %u 1", c.share);
			client_try(who, "acquire %u %llu", c.share, 20 * MSEC);
		}
		dms_submit(c.fd, k % 2, 0, &fill, 1);
		close(share_publish(&c.bo, k + 1, 20 * MSEC));
		if (c.flags && k % 3 == 0) {
			ASSERT_OK(dms_try_move(c.fd, c.bo.handle, to, 0));
			to = to == LOCAL ? SYSTEM : LOCAL;
		}
		if (k % 20 == 13)
			device_write(c.fd, "reset", "1");
	}
	dms_run_ok(c.fd, dms_job_fill(&c.bo, 0, SIZE, 3 * ONES));
	ASSERT(all_bytes(c.bo.map, SIZE, 3));
	client_do(0, "connect");
	c.share = client_find(0, "busy");
	client_do(0, "open %u", c.share);
	ASSERT(client_sees(0, c.share, 0, c.bo.map, SIZE));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(refused),
	KTAP_CASE(imported_refused),
	KTAP_CASE(host_refuses),
	KTAP_COVERS(very_pages, "share.pages:host"),
	KTAP_CASE(described),
	KTAP_COVERS(client_holds, "share.hold:host"),
	KTAP_COVERS(writer_is_waited_for, "share.hold:host share.pages:host"),
	KTAP_COVERS(client_waits, "share.wait:host"),
	KTAP_COVERS(writers_and_readers, "share.wait:host share.hold:host"),
	KTAP_COVERS(errors_of_holds, "share.hold:host"),
	KTAP_COVERS(gone_before_granted, "share.wait:host"),
	KTAP_COVERS(published_to_nobody, "share.publish:host"),
	KTAP_COVERS(published, "share.publish:host"),
	KTAP_COVERS(published_in_order, "share.publish:host"),
	KTAP_CASE(too_many_published),
	KTAP_COVERS(errors_of_contents, "share.publish:host"),
	KTAP_COVERS(unshared, "share.end:host"),
	KTAP_COVERS(freed, "share.end:host"),
	KTAP_COVERS(moves, "share.move:host"),
	KTAP_COVERS(moves_behind_clients, "share.move:host"),
	KTAP_COVERS(moves_in_a_row, "share.move:host"),
	KTAP_COVERS(reset_by_somebody, "share.recovery:host"),
	KTAP_COVERS(asleep, "share.recovery:host"),
	KTAP_COVERS(bounced, "share.move:host"),
	KTAP_COVERS(removed, "share.recovery:host"),
	KTAP_COVERS(interrupts_lost, "share.recovery:host"),
	KTAP_COVERS(commands_refused, "share.recovery:host"),
	KTAP_SLOW(all_at_once, 120),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
