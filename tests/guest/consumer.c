// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receives the stream of another VM (producer.c, lib/stream.h): opens its buffers
 * in place, and of each frame that is published takes the checksum by the CPU
 * through the window, by the device, and of a copy that the device made. The
 * buffer is given back while the device is still at work on it: the owner must
 * see it only when that is done.
 *
 * It says on stdout
 *
 *     ready			the buffers are open, and subscribed to
 *     frame N CPU DEVICE COPY	the checksums
 *     lost ERRNO SEEN		the owner is gone, or took a buffer back, as the
 *				fence of PEER_ACQUIRE says; frames seen so far
 *     freed			nothing of it is left, and the device does its work
 *     done SEEN		all frames
 *
 * and ends when it is told to. With frames=0 it looks for the buffers anew when they
 * were lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/share.h"
#include "lib/stream.h"

/* For how long the device keeps a frame when it is to be slow. */
#define SLOW_NS		(50 * MSEC)
#define NEVER_NS	(3600 * (int64_t)SEC)

struct slot {
	struct bo bo;		/* the owner's */
	struct bo copy;		/* ours */
	int dmabuf;
	int granted;		/* fence of PEER_ACQUIRE */
	uint64_t last;		/* sequence seen there, 0: none */
};

static struct stream stream;
static struct slot slots[STREAM_MAX_BUFFERS];
static int fd;
static uint32_t known;		/* id of the last foreign buffer that we had */
static uint64_t seen;

/* Waits for a foreign buffer; false when we are told to end before there is one. */
static bool find(const char *name, struct drm_dmashare_peer_next *found)
{
	while (peer_try_find(fd, name, known, SEC, found)) {
		ASSERT_EQ(errno, ETIME);
		if (stream_told(false))
			return false;
	}
	return true;
}

static bool open_all(void)
{
	struct drm_dmashare_peer_next found[STREAM_MAX_BUFFERS];
	unsigned int i;

	for (i = 0; i < stream.buffers; i++) {
		char name[32];

		snprintf(name, sizeof(name), STREAM_NAME "%u", i);
		if (!find(name, &found[i]))
			return false;
	}
	for (i = 0; i < stream.buffers; i++) {
		struct slot *slot = &slots[i];

		/* Gone again already: look for its successor. */
		if (peer_try_open(fd, &found[i], DRM_DMASHARE_PEER_SUBSCRIBE, &slot->bo)) {
			ASSERT_EQ(errno, ENOENT);
			return true;
		}
		known = found[i].peer > known ? found[i].peer : known;
		slot->copy = dms_create_mapped(fd, slot->bo.size, "copy");
		slot->dmabuf = -1;
		slot->granted = -1;
		slot->last = 0;
	}
	return true;
}

static void close_all(void)
{
	unsigned int i;

	for (i = 0; i < stream.buffers; i++) {
		struct slot *slot = &slots[i];

		if (!slot->bo.handle)
			continue;
		if (slot->granted >= 0)
			close(slot->granted);
		if (slot->dmabuf >= 0)
			close(slot->dmabuf);
		dms_destroy(&slot->bo);
		dms_destroy(&slot->copy);
	}
}

static bool withdrawn(const struct slot *slot)
{
	return peer_state(&slot->bo).flags & DRM_DMASHARE_PEER_WITHDRAWN;
}

/* What is refused because the owner is gone must be refused with that errno. */
static bool stale(const struct slot *slot, int err)
{
	ASSERT_MSG(err == ESTALE && withdrawn(slot), "%s of a buffer that is %s", strerror(err),
		   withdrawn(slot) ? "withdrawn" : "there");
	return true;
}

/* Maps, exports and asks for contents; false when the owner has gone meanwhile. */
static bool begin(struct slot *slot)
{
	if (peer_try_map(&slot->bo, false))
		return !stale(slot, errno);
	slot->dmabuf = dms_try_export(fd, slot->bo.handle, DRM_CLOEXEC);
	if (slot->dmabuf < 0)
		return !stale(slot, errno);
	slot->granted = peer_try_acquire(&slot->bo, DRM_DMASHARE_PEER_CONTENT, 0);
	return slot->granted >= 0 || !stale(slot, errno);
}

/* One frame; false when the owner has gone. */
static bool receive(struct slot *slot)
{
	struct drm_dmashare_job jobs[] = {
		dms_job_noop(SLOW_NS),
		dms_job_copy(&slot->copy, 0, &slot->bo, 0, slot->bo.size),
		dms_job_crc(&slot->bo, 0, slot->bo.size),
		dms_job_crc(&slot->copy, 0, slot->bo.size),
	};
	uint64_t sequence = peer_state(&slot->bo).acquired;
	bool slow = stream.slow && !(sequence % stream.slow);
	struct drm_dmashare_job_result direct, copied;
	struct drm_dmashare_submit submit = { 0 };
	unsigned int skip = slow ? 0 : 1;
	uint32_t crc;

	/* Each one that was published, and in order. */
	ASSERT_EQ(sequence % stream.buffers, slot - slots);
	if (slot->last)
		ASSERT_EQ(sequence, slot->last + stream.buffers);
	slot->last = sequence;

	if (dmabuf_sync(slot->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ))
		return !stale(slot, errno);
	crc = crc32c(slot->bo.map, slot->bo.size);
	ASSERT_OK(dmabuf_sync(slot->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	if (dms_try_submit(fd, &submit, jobs + skip, ARRAY_SIZE(jobs) - skip))
		return !stale(slot, errno);
	if (peer_try_release(&slot->bo, 0))
		ASSERT_MSG(withdrawn(slot), "PEER_RELEASE: %s", strerror(errno));
	direct = dms_result(fd, jobs[2].id);
	copied = dms_result(fd, jobs[3].id);
	/*
	 * Of what was taken back meanwhile the bytes are anybody's. But an owner that
	 * has waited for us may take it back before we have looked: then the device has
	 * had it to the end, after the CPU had, and both have read the same.
	 */
	if (withdrawn(slot) && (direct.error || copied.error || direct.result != crc ||
				copied.result != crc))
		return false;
	ASSERT_EQ(direct.error, 0);
	ASSERT_EQ(copied.error, 0);
	ASSERT_EQ(crc32c(slot->copy.map, slot->bo.size), copied.result);
	stream_say("frame %llu %08x %08x %08x\n", (unsigned long long)sequence, crc,
		   (uint32_t)direct.result, (uint32_t)copied.result);
	seen++;
	slot->granted = peer_try_acquire(&slot->bo, DRM_DMASHARE_PEER_CONTENT, 0);
	return slot->granted >= 0 || !stale(slot, errno);
}

/* Until the owner is gone (true), or there is no more to do. */
static bool run(void)
{
	struct pollfd p[STREAM_MAX_BUFFERS + 1];
	unsigned int i;

	for (i = 0; i < stream.buffers; i++) {
		if (!slots[i].bo.handle || !begin(&slots[i])) {
			stream_say("lost ESTALE %llu\n", (unsigned long long)seen);
			return true;
		}
	}
	stream_say("ready\n");
	while (!stream.frames || seen < stream.frames) {
		for (i = 0; i < stream.buffers; i++)
			p[i] = (struct pollfd){ .fd = slots[i].granted, .events = POLLIN };
		p[i] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
		ASSERT_OK(poll(p, stream.buffers + 1, -1));
		if (p[i].revents)
			return false;
		for (i = 0; i < stream.buffers; i++) {
			struct slot *slot = &slots[i];
			int err;

			if (!p[i].revents)
				continue;
			err = fence_finish(slot->granted);
			slot->granted = -1;
			if (err || !receive(slot)) {
				stream_say("lost %s %llu\n", err ? stream_errno(err) : "ESTALE",
					   (unsigned long long)seen);
				return true;
			}
		}
	}
	return false;
}

/* The device is as it was before, and does what it should. */
static void look_around(uint64_t room)
{
	struct bo bo = dms_create_mapped(fd, 4096, "own");
	time_t end = time(NULL) + SOON_MS / 1000;
	uint8_t want[4096];

	/* What was released has a reference until the device has heard of that. */
	while (dms_param(fd, DRM_DMASHARE_PARAM_PEER_FREE) != room && time(NULL) < end)
		sched_yield();
	ASSERT_EQ(dms_param(fd, DRM_DMASHARE_PARAM_PEER_FREE), room);
	memset(want, 0x5a, sizeof(want));
	dms_run_ok(fd, dms_job_fill(&bo, 0, 4096, 0x5a5a5a5a5a5a5a5a));
	ASSERT(all_bytes(bo.map, 4096, 0x5a));
	ASSERT_EQ(dms_crc(fd, &bo, 0, 4096), crc32c(want, sizeof(want)));
	dms_destroy(&bo);
}

int main(int argc, char **argv)
{
	uint64_t room;
	bool lost;

	stream = stream_arguments(argc, argv);
	fd = dms_open();
	room = dms_param(fd, DRM_DMASHARE_PARAM_PEER_FREE);
	ASSERT_MSG(room, "the device has no window for another VM's buffers");
	do {
		if (!open_all())
			return 0;
		lost = run();
		if (!lost)
			stream_say("done %llu\n", (unsigned long long)seen);
		if (!lost && stream.frames)
			stream_told(true);
		close_all();
		look_around(room);
		stream_say("freed\n");
	} while (lost && !stream.frames);
	return lost;
}
