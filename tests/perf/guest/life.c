// SPDX-License-Identifier: GPL-2.0-or-later
/* A buffer's life, and whether it takes longer with many others about. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "figures.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "sample.h"

#define PAGE	4096u

/* Two files of each driver: one creates and exports, the other imports. */
struct life {
	int ours[2], vgem[2];
};

/* From the handle of @fd on: exports, imports into @other, and ends all of it. */
static void share_and_end(int fd, int other, uint32_t handle)
{
	uint32_t imported;
	int dmabuf;

	ASSERT_OK(drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf));
	ASSERT_OK(drmPrimeFDToHandle(other, dmabuf, &imported));
	ASSERT_OK(drmCloseBufferHandle(other, imported));
	close(dmabuf);
	ASSERT_OK(drmCloseBufferHandle(fd, handle));
}

static uint64_t our_life(void *arg)
{
	struct life *l = arg;
	uint64_t begin = now_ns();

	share_and_end(l->ours[0], l->ours[1], dms_create(l->ours[0], PAGE, "life").handle);
	return now_ns() - begin;
}

static uint64_t vgem_life(void *arg)
{
	struct life *l = arg;
	uint64_t begin = now_ns();

	share_and_end(l->vgem[0], l->vgem[1], vgem_create(l->vgem[0], PAGE));
	return now_ns() - begin;
}

void take_lifecycle(void)
{
	struct life l = {
		.ours = { dms_open(), dms_open() },
		.vgem = { vgem_open(), vgem_open() },
	};

	figure_take(&(struct figure){
		.name = "lifecycle",
		.measured = our_life,
		.floor = vgem_life,
		.arg = &l,
		.rounds = 500,
		.warm_up = 50,
		.note = "4 KiB, imported into another file of the same device",
	});
}

/**
 * struct crowd - two devices, one of which has many buffers, and the other one
 * @device: both
 * @foreign: a dma-buf to be imported
 * @now: which of them the next operation is done with
 */
struct crowd {
	struct crowded {
		int fd;
		struct bo bo;		/* of this one operations are about */
	} device[2];
	int foreign;
	struct crowded *now;
};

/* One operation, of which only what is between the two is measured. */
struct operation {
	const char *name;
	uint64_t (*take)(struct crowd *c);
};

static uint64_t op_create(struct crowd *c)
{
	uint64_t begin = now_ns(), end;
	struct bo bo = dms_create(c->now->fd, PAGE, "crowd");

	end = now_ns();
	dms_destroy(&bo);
	return end - begin;
}

static uint64_t op_destroy(struct crowd *c)
{
	struct bo bo = dms_create(c->now->fd, PAGE, "crowd");
	uint64_t begin = now_ns();

	dms_destroy(&bo);
	return now_ns() - begin;
}

/* A handle keeps its dma-buf: only the first export makes one. */
static uint64_t op_export(struct crowd *c)
{
	struct bo bo = dms_create(c->now->fd, PAGE, "crowd");
	uint64_t begin = now_ns(), end;
	int dmabuf = dms_export(c->now->fd, bo.handle);

	end = now_ns();
	close(dmabuf);
	dms_destroy(&bo);
	return end - begin;
}

static uint64_t op_import(struct crowd *c)
{
	uint64_t begin = now_ns(), end;
	uint32_t handle;

	ASSERT_OK(dms_try_import(c->now->fd, c->foreign, &handle));
	end = now_ns();
	ASSERT_OK(dms_try_close(c->now->fd, handle));
	return end - begin;
}

static uint64_t op_submit(struct crowd *c)
{
	struct drm_dmashare_job job = dms_job_fill(&c->now->bo, 0, PAGE, 1);
	uint64_t begin = now_ns();

	ASSERT_EQ(dms_run(c->now->fd, &job, 1), 0);
	return now_ns() - begin;
}

static uint64_t op_map(struct crowd *c)
{
	struct drm_dmashare_job job = dms_job_fill(&c->now->bo, 0, PAGE, 1);
	uint64_t begin = now_ns(), end;

	dms_unmap(&c->now->bo);
	ASSERT_EQ(dms_run(c->now->fd, &job, 1), 0);
	end = now_ns();
	return end - begin;
}

struct in_crowd {
	struct crowd *crowd;
	const struct operation *op;
};

static uint64_t take_in(struct in_crowd *in, unsigned int device)
{
	in->crowd->now = &in->crowd->device[device];
	return in->op->take(in->crowd);
}

static uint64_t in_the_crowd(void *arg)
{
	return take_in(arg, 0);
}

static uint64_t nearly_alone(void *arg)
{
	return take_in(arg, 1);
}

/* Creates and maps so many more, the last of which is operated on. */
static void crowd_grow(struct crowded *d, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++) {
		struct drm_dmashare_job job;

		d->bo = dms_create(d->fd, PAGE, "crowd");
		job = dms_job_fill(&d->bo, 0, PAGE, 1);
		dms_submit(d->fd, 0, 0, &job, 1);
	}
	if (n)
		dms_run_ok(d->fd, dms_job_noop(0));
}

static const struct operation operations[] = {
	{ "live-create", op_create },
	{ "live-export", op_export },
	{ "live-import", op_import },
	{ "live-submit", op_submit },
	{ "live-map", op_map },
	{ "live-destroy", op_destroy },
};

void take_live_buffers(void)
{
	static const unsigned long counts[] = { 1, 1000, 100000 };
	struct crowd c = { .foreign = heap_buffer(PAGE).dmabuf };
	unsigned long have = 0;
	unsigned int i, k;

	c.device[0].fd = dms_open_nth(0);
	c.device[1].fd = drm_open_driver("dmashare", false, 1);
	if (c.device[1].fd < 0) {
		for (k = 0; k < ARRAY_SIZE(operations); k++)
			figure_skip(operations[k].name, "there is no second dmashare device");
		return;
	}
	crowd_grow(&c.device[1], 1);

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned long want = bench_brief() ? (counts[i] + 9) / 10 : counts[i];

		crowd_grow(&c.device[0], want - have);
		have = want;
		for (k = 0; k < ARRAY_SIZE(operations); k++) {
			struct in_crowd in = { &c, &operations[k] };

			figure_take(&(struct figure){
				.name = operations[k].name,
				.measured = in_the_crowd,
				.floor = nearly_alone,
				.arg = &in,
				.rounds = 200,
				.warm_up = 20,
				.at = have,
				.note = "every buffer is mapped for the device",
			});
		}
	}
}
