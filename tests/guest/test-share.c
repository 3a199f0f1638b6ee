// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffers that programs of the host have (lib/lent.h): the very pages, and what
 * becomes of them and of holds when a buffer moves, is taken back or freed, or the
 * device is reset. The programs of the host do what a case tells them
 * (lib/client.h).
 *
 * Cases that need more than the host permits (VM sharelocal) are skipped, as those
 * that need less are where all is permitted. tests/guest/list has each where it
 * does something.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include <dmashare/share.h>

#include "lib/client.h"
#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/lent.h"
#include "lib/module.h"
#include "lib/place.h"
#include "lib/share.h"
#include "lib/sleep.h"

#define PAGE	4096u
#define SIZE	LENT_SIZE
#define ONES	0x0101010101010101ull
#define WRITE	DRM_DMASHARE_SHARE_WRITE

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

	if (lent_everything())
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
	struct lent c = lent_begin("pages");
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
	struct lent c = lent_begin("described");
	struct drm_dmashare_bo_share s = {
		.flags = c.flags, .fourcc = 0x34325258, .width = 64, .height = 64, .stride = 256,
		.name = "picture",
	};

	ASSERT_OK(share_try(&c.bo, &s));
	ASSERT_EQ(s.share, c.share);
	lent_withdrawn(&c, DMASHARE_WITHDRAW_MOVED);
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

/* Client 0's holds, and the fences that the guest has of them. */
struct holds {
	uint32_t hold, of_contents;
	int held, contents;
};

static struct holds holds_of_both_kinds(const struct lent *c)
{
	struct holds h;

	client_do(0, "subscribe %u 1", c->share);
	h.hold = lent_hold(0, c, "");
	h.held = lent_fences(c, true);
	h.contents = share_publish(&c->bo, 1, LONG_NS);
	h.of_contents = lent_content(0, c, 1);
	return h;
}

/* Behind a job that reads; where the host forbids writing it is a reader's, at once. */
static void ask_to_write(unsigned int client, const struct lent *c)
{
	if (c->flags)
		lent_ask(client, c, LONG_NS, "write");
	else
		lent_hold(client, c, "");
}

/* With holds of both kinds, and one that waits. */
static void unshared(void)
{
	struct lent c = lent_begin("unshared");
	struct holds h = holds_of_both_kinds(&c);
	struct work work;
	uint8_t data[SIZE];
	int waiting;

	work = work_reading(&c.bo, 0);
	client_do(1, "connect");
	client_do(1, "open %u%s", c.share, c.flags ? " write" : "");
	ask_to_write(1, &c);
	waiting = lent_fences(&c, true);
	share_end(&c.bo);
	ASSERT_EQ(fence_finish(h.held), ECANCELED);
	errno_seen("BO_UNSHARE", ECANCELED);
	ASSERT_EQ(fence_finish(h.contents), ECANCELED);
	errno_seen("BO_PUBLISH", ECANCELED);
	/* Its status is that of the part that failed, but it is not over. */
	ASSERT_EQ(poll_now(waiting, POLLIN), 0);
	work_release(&work);
	ASSERT_EQ(fence_finish(waiting), ECANCELED);
	lent_withdrawn(&c, DMASHARE_WITHDRAW_RELEASED);
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
	struct lent c = lent_begin("freed");
	int fence;

	lent_hold(0, &c, "");
	fence = lent_fences(&c, true);
	dms_destroy(&c.bo);
	ASSERT_EQ(fence_finish(fence), ECANCELED);
	lent_withdrawn(&c, DMASHARE_WITHDRAW_RELEASED);
}

/* The client sees the bytes where they are, and nothing new where they were. */
static void moves(void)
{
	struct lent c;
	uint32_t generation, to = LOCAL;
	uint8_t data[SIZE];
	unsigned int k;

	lent_needs_everything();
	c = lent_begin("moves");
	generation = client_number("generation");
	for (k = 2; k < 8; k++, to = to == LOCAL ? SYSTEM : LOCAL) {
		int fence;

		memcpy(data, c.bo.map, SIZE);
		dms_move(&c.bo, to);
		lent_withdrawn(&c, DMASHARE_WITHDRAW_MOVED);
		ASSERT_EQ(client_number("generation"), generation);
		ASSERT_EQ(client_find(0, "moves"), c.share);
		ASSERT(client_number("generation") > generation);
		generation = client_number("generation");
		ASSERT(!strcmp(client_word("path"), "local") == (to == LOCAL));
		lent_again(&c);
		ASSERT(!memcmp(c.bo.map, data, SIZE));
		pattern_fill(c.bo.map, SIZE, k);
		memcpy(data, c.bo.map, SIZE);
		ASSERT(client_sees(0, c.share, 0, data, SIZE));
		fence = share_publish(&c.bo, k, LONG_NS);
		lent_content(0, &c, k);
		ASSERT_EQ(fence_finish(fence), 0);
	}
}

/* A move waits for the client that holds the buffer, and for its bytes. */
static void moves_behind_clients(void)
{
	struct lent c;
	uint8_t data[SIZE];
	uint32_t hold;
	int fence;

	lent_needs_everything();
	c = lent_begin("behind");
	hold = lent_hold(0, &c, "write");
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
	lent_content(0, &c, 5);
	lent_again(&c);
}

/* Several moves that wait for each other; the last place is what is shared. */
static void moves_in_a_row(void)
{
	struct lent c;
	uint32_t hold;
	unsigned int k;

	lent_needs_everything();
	c = lent_begin("row");
	hold = lent_hold(0, &c, "");
	for (k = 0; k < 5; k++)
		ASSERT_OK(dms_try_move(c.fd, c.bo.handle, k % 2 ? SYSTEM : LOCAL, 0));
	client_do(0, "release %u 0", hold);
	client_do(0, "wait withdraw %u", c.share);
	client_find(0, "row");
	ASSERT(!strcmp(client_word("path"), "local"));
	lent_again(&c);
	ASSERT(pattern_check(c.bo.map, SIZE, 1));
}

/* The device forgets its clients; the driver shares again. */
static void reset_by_somebody(void)
{
	struct lent c = lent_begin("reset");
	struct holds h = holds_of_both_kinds(&c);
	struct work work = work_reading(&c.bo, 0);
	uint8_t data[SIZE];
	int waiting;

	ask_to_write(0, &c);
	waiting = share_publish(&c.bo, 2, LONG_NS);
	device_write(c.fd, "reset", "1");
	ASSERT_EQ(fence_finish(h.held), ECANCELED);
	ASSERT_EQ(fence_finish(h.contents), ECANCELED);
	ASSERT_EQ(fence_finish(waiting), ECANCELED);
	hold_release(&work.hold);
	fence_finish(work.fence);
	lent_withdrawn(&c, DMASHARE_WITHDRAW_RESET);

	lent_again(&c);
	ASSERT(pattern_check(c.bo.map, SIZE, 1));
	pattern_fill(c.bo.map, SIZE, 3);
	memcpy(data, c.bo.map, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	client_do(0, "release %u 0", lent_hold(0, &c, ""));
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 3, LONG_NS)), 0);
}

/* A sleep is as a reset, and a client keeps nobody awake. */
static void asleep(void)
{
	struct lent c = lent_begin("asleep");
	struct holds h = holds_of_both_kinds(&c);

	if (c.local) {
		/* It has to leave local memory, and so waits for who is there. */
		sleep_refused("devices");
		client_do(0, "release %u 0", h.of_contents);
		client_do(0, "release %u 0", h.hold);
		ASSERT_EQ(fence_finish(h.held), 0);
		ASSERT_EQ(fence_finish(h.contents), 0);
		sleep_to("devices");
		dms_move(&c.bo, LOCAL);
	} else {
		sleep_to("devices");
		ASSERT_EQ(fence_finish(h.held), ECANCELED);
		ASSERT_EQ(fence_finish(h.contents), ECANCELED);
	}
	ASSERT(pattern_check(c.bo.map, SIZE, 1));
	client_do(0, "connect");
	lent_again(&c);
	client_do(0, "release %u 0", lent_hold(0, &c, ""));
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
	struct lent c = lent_begin("removed");
	struct work work = work_reading(&c.bo, 0);
	struct holds h = holds_of_both_kinds(&c);
	char address[BUS_ADDRESS];

	ASSERT(bus_address(c.fd, address));
	driver_control(address, "unbind");
	hold_release(&work.hold);
	/* Merged with those of the job. */
	ASSERT(fence_finish(h.held));
	ASSERT_EQ(fence_finish(h.contents), ENODEV);
	lent_withdrawn(&c, DMASHARE_WITHDRAW_RESET);
	ASSERT_ERRNO(share_try_publish(&c.bo, 2, LONG_NS), ENODEV);
	close(c.fd);
	driver_control(address, "bind");
	close(dms_open());
}

/* The interrupt of an event may be lost: it is found all the same. */
static void interrupts_lost(void)
{
	struct lent c = lent_begin("lost");
	uint32_t rule = ctl_fault_add(0, "'where': 'interrupt', 'action': 'drop', "
				      "'match': {'vector': 0}, 'times': 2");
	uint32_t hold;
	int fence;

	hold = lent_hold(0, &c, "");
	fence = lent_fences(&c, true);
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
	struct lent c = lent_begin("commanded");
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
	hold = lent_hold(0, &c, "");
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
	struct lent c = lent_begin("busy");
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
	lent_again(&c);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(refused),
	KTAP_CASE(imported_refused),
	KTAP_CASE(host_refuses),
	KTAP_COVERS(very_pages, "share.pages:host"),
	KTAP_CASE(described),
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
