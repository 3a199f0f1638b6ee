// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "crc32c.h"
#include "fence.h"
#include "ktap.h"
#include "module.h"
#include "place.h"
#include "turn.h"

#define R	DMA_BUF_SYNC_READ
#define W	DMA_BUF_SYNC_WRITE

bool noncoherent(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_FEATURES) & DMASHARE_FEATURE_NONCOHERENT;
}

void turn_begin(int dmabuf, uint64_t how)
{
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | how));
}

void turn_end(int dmabuf, uint64_t how)
{
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | how));
}

struct turn turn_of(int fd, struct bo bo, uint8_t *map, int dmabuf)
{
	struct turn t = { .fd = fd, .bo = bo, .map = map, .dmabuf = dmabuf, .seed = 1 };

	t.other = dms_create_mapped(fd, TURN_SIZE, "other");
	return t;
}

struct turn turn_own(uint32_t flags)
{
	int fd = dms_open_nth(0);
	struct bo bo;

	if (flags)
		ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "Y"));
	bo = dms_create_in(fd, TURN_SIZE, SYSTEM, flags, "turns");
	dms_map(&bo);
	return turn_of(fd, bo, bo.map, dms_export(fd, bo.handle));
}

struct turn turn_import(const struct turn *own, uint32_t flags)
{
	int fd = dms_open_nth(1);

	return turn_of(fd, dms_import_as(fd, own->dmabuf, flags), own->map, own->dmabuf);
}

uint32_t turn_device_reads(struct turn *t)
{
	return dms_crc(t->fd, &t->bo, 0, TURN_SIZE);
}

/* The device writes a new pattern, which comes by way of a synced buffer. */
void turn_device_writes(struct turn *t)
{
	int dmabuf = dms_export(t->fd, t->other.handle);

	turn_begin(dmabuf, W);
	pattern_fill(t->other.map, TURN_SIZE, ++t->seed);
	turn_end(dmabuf, W);
	close(dmabuf);
	dms_run_ok(t->fd, dms_job_copy(&t->bo, 0, &t->other, 0, TURN_SIZE));
}

void turn_cpu_writes(struct turn *t)
{
	pattern_fill(t->map, TURN_SIZE, ++t->seed);
}

void turn_count(struct turn *t, bool good)
{
	if (good)
		t->good++;
	else
		t->stale++;
}

bool turn_cpu_has_last(struct turn *t)
{
	uint8_t want[TURN_SIZE];

	pattern_fill(want, TURN_SIZE, t->seed);
	return !memcmp(t->map, want, TURN_SIZE);
}

bool turn_is_last(struct turn *t, uint32_t crc)
{
	uint8_t want[TURN_SIZE];

	pattern_fill(want, TURN_SIZE, t->seed);
	return crc == crc32c(want, TURN_SIZE);
}

void by_begin(struct turn *t)
{
	turn_device_writes(t);
	turn_begin(t->dmabuf, R);
	turn_count(t, turn_cpu_has_last(t));
	turn_end(t->dmabuf, R);
}

void by_end(struct turn *t)
{
	turn_device_reads(t);
	turn_begin(t->dmabuf, W);
	turn_cpu_writes(t);
	turn_end(t->dmabuf, W);
	turn_count(t, turn_is_last(t, turn_device_reads(t)));
}

void by_map(struct turn *t)
{
	turn_device_reads(t);
	dms_unmap(&t->bo);
	turn_cpu_writes(t);
	turn_count(t, turn_is_last(t, turn_device_reads(t)));
}

void by_unmap(struct turn *t)
{
	turn_device_writes(t);
	dms_unmap(&t->bo);
	turn_count(t, turn_cpu_has_last(t));
}

void turns_all_stale(struct turn *t, void (*round)(struct turn *t))
{
	unsigned int i;

	t->stale = t->good = 0;
	for (i = 0; i < TURN_ROUNDS; i++)
		round(t);
	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "N"));
	ASSERT_MSG(t->stale == TURN_ROUNDS, "%u of %u were stale", t->stale, TURN_ROUNDS);
}

void turns_all_good(struct turn *t, void (*round)(struct turn *t))
{
	unsigned int i;

	t->stale = t->good = 0;
	for (i = 0; i < TURN_ROUNDS; i++)
		round(t);
	ASSERT_MSG(!t->stale, "%u of %u were stale", t->stale, TURN_ROUNDS);
	ASSERT_EQ(t->good, TURN_ROUNDS);
}
