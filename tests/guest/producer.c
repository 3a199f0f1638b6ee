// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The owner of a stream that another VM receives (lib/stream.h): fills shared
 * buffers by turns, by the CPU and by the device, and publishes each. What a
 * client still holds it may not write; that whoever writes has waited is looked
 * at each time.
 *
 * It says on stdout
 *
 *     shared			the buffers are there; goes on when it is told
 *     frame N CRC		published
 *     fence N STATUS		the clients are done with it: ok, or an errno
 *     done WAITED		all published, and how often somebody had to wait
 *
 * and ends when it is told to. An errno in "fence" is no failure here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/place.h"
#include "lib/share.h"
#include "lib/stream.h"

#define DEADLINE	(60 * SEC)

struct slot {
	struct bo bo;		/* shared */
	struct bo from;		/* what the device copies from */
	int dmabuf, from_dmabuf;
	int held;		/* clients' fence of the last contents, or -1 */
	uint64_t sequence;	/* of those */
};

static struct stream stream;
static struct slot slots[STREAM_MAX_BUFFERS];
static unsigned int waited;

static void make(int fd, unsigned int i)
{
	struct drm_dmashare_bo_share s = { 0 };
	struct slot *slot = &slots[i];
	bool local = i & 1 && dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);
	char name[32];

	snprintf(name, sizeof(name), STREAM_NAME "%u", i);
	slot->bo = dms_create_in(fd, stream.size, local ? DMASHARE_PLACEMENT_LOCAL :
				 DMASHARE_PLACEMENT_SYSTEM, 0, name);
	dms_map(&slot->bo);
	slot->from = dms_create_mapped(fd, stream.size, "from");
	slot->dmabuf = dms_export(fd, slot->bo.handle);
	slot->from_dmabuf = dms_export(fd, slot->from.handle);
	slot->held = -1;
	ASSERT_OK(share_try(&slot->bo, &s));
}

/* The writer was let in: clients must be done. */
static void was_waited_for(struct slot *slot, bool pending)
{
	if (slot->held < 0)
		return;
	waited += pending;
	ASSERT_MSG(stream.rude || !fence_pending(slot->held),
		   "frame %llu is still held, and could be written",
		   (unsigned long long)slot->sequence);
	stream_say("fence %llu %s\n", (unsigned long long)slot->sequence,
		   stream_errno(fence_finish(slot->held)));
	slot->held = -1;
}

static void write_by_cpu(struct slot *slot, const uint8_t *frame)
{
	bool pending = slot->held >= 0 && fence_pending(slot->held);

	if (!stream.rude)
		ASSERT_OK(dmabuf_sync(slot->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	memcpy(slot->bo.map, frame, stream.size);
	if (!stream.rude)
		ASSERT_OK(dmabuf_sync(slot->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
	was_waited_for(slot, pending);
}

/* The job waits by itself, and BO_PUBLISH waits for the job. */
static void write_by_device(struct slot *slot, const uint8_t *frame)
{
	struct drm_dmashare_job job = dms_job_copy(&slot->bo, 0, &slot->from, 0, stream.size);
	bool pending = slot->held >= 0 && fence_pending(slot->held);

	ASSERT_OK(dmabuf_sync(slot->from_dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	memcpy(slot->from.map, frame, stream.size);
	ASSERT_OK(dmabuf_sync(slot->from_dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
	if (slot->held < 0) {
		dms_submit(slot->bo.fd, 0, 0, &job, 1);
		return;
	}
	/* With contents that are held the job's own end is to be seen. */
	ASSERT_EQ(dms_run(slot->bo.fd, &job, 1), 0);
	was_waited_for(slot, pending);
}

int main(int argc, char **argv)
{
	int fd = dms_open();
	uint8_t *frame;
	uint64_t n;
	unsigned int i;

	stream = stream_arguments(argc, argv);
	frame = malloc(stream.size);
	ASSERT(frame);
	for (i = 0; i < stream.buffers; i++)
		make(fd, i);
	stream_say("shared\n");
	stream_told(true);
	for (n = 1; stream.frames ? n <= stream.frames : !stream_told(false); n++) {
		struct slot *slot = &slots[n % stream.buffers];

		pattern_fill(frame, stream.size, n);
		if (n / stream.buffers & 1 && !stream.rude)
			write_by_device(slot, frame);
		else
			write_by_cpu(slot, frame);
		/* Said before: the other side may have it sooner than we go on. */
		stream_say("frame %llu %08x\n", (unsigned long long)n,
			   crc32c(frame, stream.size));
		slot->held = share_publish(&slot->bo, n, DEADLINE);
		slot->sequence = n;
	}
	for (i = 0; i < stream.buffers; i++) {
		ASSERT_OK(dmabuf_sync(slots[i].dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
		ASSERT_OK(dmabuf_sync(slots[i].dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
		was_waited_for(&slots[i], false);
	}
	stream_say("done %u\n", waited);
	if (stream.frames)
		stream_told(true);
	return 0;
}
