// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "crc32c.h"
#include "fence.h"
#include "ktap.h"
#include "ledger.h"
#include "place.h"

#define PAGE	4096u

struct bar local_bar(int fd)
{
	unsigned long long start, end, flags;
	struct stat st;
	char path[96], *text, *line;
	struct bar bar;
	int i;

	ASSERT_OK(fstat(fd, &st));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/resource",
		 major(st.st_rdev), minor(st.st_rdev));
	text = read_file(path);
	ASSERT_MSG(text, "%s: %s", path, strerror(errno));
	for (i = 0, line = text; i < DMASHARE_BAR_LOCAL && line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	ASSERT(line && sscanf(line, "%llx %llx %llx", &start, &end, &flags) == 3);
	free(text);
	bar = (struct bar){ .start = start, .size = end ? end - start + 1 : 0 };
	ASSERT_EQ(bar.size, dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE));
	return bar;
}

bool in_bar(const struct bar *bar, uint64_t address)
{
	return address >= bar->start && address - bar->start < bar->size;
}

uint64_t bo_physical(const struct bo *bo)
{
	unsigned long long physical;
	struct stat st;
	char path[96], *text, *line;
	unsigned int id;

	ASSERT_OK(fstat(bo->fd, &st));
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%u/buffers", minor(st.st_rdev));
	text = read_file(path);
	ASSERT_MSG(text, "%s: %s", path, strerror(errno));
	for (line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
		if (sscanf(line, "%u %*s %*s %*s %*u %*u %*u %*u %*s %*s %*s %llx", &id,
			   &physical) == 2 && id == bo->id)
			break;
	ASSERT_MSG(line, "%s has no physical address of buffer %u", path, bo->id);
	free(text);
	return physical;
}

bool page_is_local(const struct bo *bo, uint8_t *map, uint64_t offset)
{
	static uint64_t word = 0x6c6f63616c3f0000;
	struct dmashare_ledger before, now;
	uint64_t old, read;

	memcpy(&old, map + offset, sizeof(old));
	word++;
	memcpy(map + offset, &word, sizeof(word));
	before = ledger_get(bo->fd, bo->handle);
	ASSERT_EQ(dms_crc(bo->fd, bo, offset, sizeof(word)), crc32c(&word, sizeof(word)));
	now = ledger_get(bo->fd, bo->handle);
	memcpy(map + offset, &old, sizeof(old));
	read = now.local_bytes_read - before.local_bytes_read;
	ASSERT_EQ(now.bytes_read - before.bytes_read, sizeof(word));
	ASSERT(!read || read == sizeof(word));
	return read;
}

struct bo create_mapped_in(int fd, uint64_t size, uint32_t placement)
{
	struct bo bo = dms_create_in(fd, size, placement, 0, "moving");

	dms_map(&bo);
	return bo;
}

void wait_unpinned(const struct bo *bo)
{
	time_t end = time(NULL) + SOON_MS / 1000;

	while (dms_info(bo->fd, bo->handle).pins) {
		ASSERT_MSG(time(NULL) < end, "still pinned");
		sched_yield();
	}
}

uint64_t local_free(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_FREE);
}

bool kernel_has(const char *function)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	bool found = false;

	ASSERT_MSG(f, "/proc/kallsyms: %s", strerror(errno));
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", name) == 1 && !strcmp(name, function);
	fclose(f);
	return found;
}

bool dynamic_maps_pin(void)
{
	/* The answer takes a while: a program asks before its cases run. */
	static int pins = -1;

	if (pins < 0)
		pins = !kernel_has("dma_buf_invalidate_mappings");
	return pins;
}

bool static_attach_pins(void)
{
	/* Both came to an end with the same rework of the dma-buf core. */
	return dynamic_maps_pin();
}

static struct work start_work(int fd, uint32_t queue, struct drm_dmashare_job job)
{
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	struct work w;

	w.hold = hold_sync_file(&w.in);
	s.in_fence_fd = w.in;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	w.fence = s.out_fence_fd;
	ASSERT(fence_pending(w.fence));
	return w;
}

struct work work_reading(const struct bo *bo, uint32_t queue)
{
	struct drm_dmashare_job job = dms_job_crc(bo, 0, PAGE);

	job.flags = 0;
	return start_work(bo->fd, queue, job);
}

struct work work_filling(const struct bo *bo, uint32_t queue, uint64_t word)
{
	return start_work(bo->fd, queue, dms_job_fill(bo, 0, bo->size, word));
}

void work_release(struct work *w)
{
	int err;

	ASSERT(fence_pending(w->fence));
	hold_release(&w->hold);
	err = fence_finish(w->fence);
	ASSERT_MSG(!err, "a job that was held: %s", strerror(err));
	close(w->in);
}

static void vmap_call(void *arg)
{
	struct vmapped *v = arg;

	v->error = dms_try_vmap(v->bo.fd, &v->vmap) ? errno : 0;
}

void vmapped_hold(struct vmapped *v, const struct bo *bo, uint64_t word)
{
	v->bo = *bo;
	v->work = work_filling(bo, 0, word);
	v->vmap = (struct drm_dmashare_bo_vmap){
		.handle = bo->handle,
		.count = 1,
		.length = bo->size,
	};
	blocker_start(&v->blocker, vmap_call, v);
	ASSERT_MSG(blocker_sleeps(&v->blocker), "BO_VMAP does not wait for a writer: %s",
		   strerror(v->error));
	/* It may still sleep on its way there. */
	while (!dms_info(bo->fd, bo->handle).pins)
		sched_yield();
}

void vmapped_release(struct vmapped *v)
{
	work_release(&v->work);
	blocker_join(&v->blocker);
	ASSERT_MSG(!v->error, "BO_VMAP: %s", strerror(v->error));
}
