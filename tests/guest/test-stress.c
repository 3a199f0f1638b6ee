// SPDX-License-Identifier: GPL-2.0-or-later
/* Many at once: buffers, jobs, threads, processes, and sudden ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE		4096u
#define N_THREADS	4

static unsigned int n_queues(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
}

/* Random numbers that are the same in each run. */
static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

static void many_buffers(void)
{
	enum { N = 400 };
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0), now, d;
	static struct bo bo[N];
	unsigned int n = rounds(N), i;

	for (i = 0; i < n; i++) {
		bo[i] = dms_create_mapped(fd, PAGE, "many");
		dms_run_ok(fd, dms_job_fill(&bo[i], 0, PAGE, i * 0x100000001ull));
	}
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, n);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(((uint64_t *)bo[i].map)[0], i * 0x100000001ull);
		ASSERT_EQ(((uint64_t *)bo[i].map)[511], i * 0x100000001ull);
		dms_destroy(&bo[i]);
	}
	ledger_wait_gone(fd, &before);
}

/* Jobs in lists, each of which moves one word of a shift register. */
static void many_jobs(void)
{
	enum { LISTS = 40, N = 128 };
	static struct drm_dmashare_job jobs[N];
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, (N + 1) * 8, "shift");
	uint64_t *word = (uint64_t *)bo.map;
	unsigned int i, k;

	for (i = 0; i < rounds(LISTS); i++) {
		for (k = 0; k < N; k++)
			jobs[k] = dms_job_copy(&bo, 8 * (k + 1), &bo, 8 * k, 8);
		word[0] = 0x5000 + i;
		ASSERT_EQ(fence_finish(dms_submit_fence(fd, i % n_queues(fd), 0, jobs, N)), 0);
		for (k = 0; k <= N; k++)
			ASSERT_EQ(word[k], 0x5000 + i);
	}
}

/* More jobs outstanding than the rings hold. */
static void more_than_the_rings_hold(void)
{
	enum { LISTS = 24, N = 256 };
	static struct drm_dmashare_job jobs[N];
	int fd = dms_open(), in, fence[LISTS];
	struct dmashare_ledger before, now, d;
	struct hold h = hold_sync_file(&in);
	unsigned int i, k;

	before = ledger_get(fd, 0);
	for (i = 0; i < LISTS; i++) {
		struct drm_dmashare_submit s = {
			.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
			.in_fence_fd = in,
		};

		if (!i)
			s.flags |= DRM_DMASHARE_SUBMIT_IN_FENCE;
		for (k = 0; k < N; k++)
			jobs[k] = dms_job_noop(0);
		ASSERT_OK(dms_try_submit(fd, &s, jobs, N));
		fence[i] = s.out_fence_fd;
		ASSERT(fence_pending(fence[i]));
	}
	hold_release(&h);
	for (i = 0; i < LISTS; i++)
		ASSERT_EQ(fence_finish(fence[i]), 0);
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.jobs, LISTS * N);
}

struct worker {
	int fd;
	uint32_t queue;
	uint64_t seed;
};

/* Random copies between two buffers, and the same on the CPU. */
static void *copy_worker(void *data)
{
	enum { SIZE = 4 * PAGE };
	struct worker *w = data;
	struct bo a = dms_create_mapped(w->fd, SIZE, "a"), b = dms_create_mapped(w->fd, SIZE, "b");
	uint8_t *want = calloc(1, SIZE);
	unsigned int i;

	ASSERT(want);
	pattern_fill(a.map, SIZE, w->seed);
	for (i = 0; i < rounds(100); i++) {
		uint32_t len = 1 + next(&w->seed) % (SIZE / 2);
		uint32_t from = next(&w->seed) % (SIZE - len);
		uint32_t to = next(&w->seed) % (SIZE - len);
		struct drm_dmashare_job job = dms_job_copy(&b, to, &a, from, len);

		memcpy(want + to, a.map + from, len);
		ASSERT_EQ(fence_finish(dms_submit_fence(w->fd, w->queue, 0, &job, 1)), 0);
		ASSERT(!memcmp(b.map, want, SIZE));
		ASSERT_EQ(dms_crc(w->fd, &b, 0, SIZE), crc32c(want, SIZE));
	}
	dms_destroy(&a);
	dms_destroy(&b);
	free(want);
	return NULL;
}

static void run_workers(struct worker *w, void *(*fn)(void *))
{
	pthread_t thread[N_THREADS];
	unsigned int i;

	for (i = 0; i < N_THREADS; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, fn, &w[i]), 0);
	for (i = 0; i < N_THREADS; i++)
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
}

static void threads_with_files(void)
{
	struct worker w[N_THREADS];
	unsigned int i;

	for (i = 0; i < N_THREADS; i++)
		w[i] = (struct worker){ .fd = dms_open(), .seed = 100 + i };
	for (i = 0; i < N_THREADS; i++)
		w[i].queue = i % n_queues(w[i].fd);
	run_workers(w, copy_worker);
}

static void threads_with_one_file(void)
{
	struct worker w[N_THREADS];
	int fd = dms_open();
	unsigned int i;

	for (i = 0; i < N_THREADS; i++)
		w[i] = (struct worker){ .fd = fd, .seed = 200 + i, .queue = i % n_queues(fd) };
	run_workers(w, copy_worker);
}

/* Handles made, used and closed under each other's hands. */
static void *chaos_worker(void *data)
{
	struct worker *w = data;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		uint32_t handle = 1 + next(&w->seed) % 8, other;
		struct drm_dmashare_submit s = { .queue = w->queue };
		struct drm_dmashare_job job = {
			.op = DRM_DMASHARE_OP_FILL,
			.dst = { .handle = handle },
			.length = PAGE,
		};
		struct bo bo;
		int fd;

		switch (next(&w->seed) % 4) {
		case 0:
			if (!dms_try_create(w->fd, PAGE, 0, "chaos", &bo) && bo.handle > 8)
				dms_try_close(w->fd, bo.handle);
			break;
		case 1:
			ASSERT(!dms_try_close(w->fd, handle) || errno == EINVAL);
			break;
		case 2:
			ASSERT(!dms_try_submit(w->fd, &s, &job, 1) || errno == ENOENT);
			break;
		case 3:
			fd = dms_try_export(w->fd, handle, DRM_CLOEXEC | DRM_RDWR);
			ASSERT(fd >= 0 || errno == ENOENT);
			if (fd >= 0) {
				ASSERT_OK(dms_try_import(w->fd, fd, &other));
				close(fd);
			}
			break;
		}
	}
	return NULL;
}

static void handles_under_each_others_hands(void)
{
	int watch = dms_open(), fd = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0);
	struct worker w[N_THREADS];
	unsigned int i;

	for (i = 0; i < N_THREADS; i++)
		w[i] = (struct worker){ .fd = fd, .seed = 300 + i, .queue = i % n_queues(fd) };
	run_workers(w, chaos_worker);
	close(fd);
	ledger_wait_gone(watch, &before);
}

/* One foreign buffer imported and let go by many at the same time. */
static void *import_worker(void *data)
{
	struct worker *w = data;
	int fd = dms_open();
	unsigned int i;

	for (i = 0; i < rounds(60); i++) {
		struct bo bo = dms_import(fd, w->fd);

		dms_run_ok(fd, dms_job_fill(&bo, PAGE * w->queue, PAGE, w->seed));
		ASSERT_OK(dms_try_close(fd, bo.handle));
	}
	close(fd);
	return NULL;
}

static void many_importers(void)
{
	struct foreign f = heap_buffer(N_THREADS * PAGE);
	int watch = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0);
	struct worker w[N_THREADS];
	unsigned int i;

	for (i = 0; i < N_THREADS; i++)
		w[i] = (struct worker){
			.fd = f.dmabuf,
			.queue = i,
			.seed = 0x0101010101010101ull * (i + 1),
		};
	run_workers(w, import_worker);
	for (i = 0; i < N_THREADS; i++)
		ASSERT(all_bytes(f.map + i * PAGE, PAGE, i + 1));
	ledger_wait_gone(watch, &before);
}

/* Processes that share one dma-buf, each writing its own part of it. */
static void processes_share(void)
{
	enum { N = 4 };
	int fd = dms_open(), dmabuf, status;
	struct bo bo = dms_create_mapped(fd, N * PAGE, "shared");
	pid_t pid[N];
	unsigned int i;

	dmabuf = dms_export(fd, bo.handle);
	for (i = 0; i < N; i++) {
		pid[i] = fork();
		ASSERT_OK(pid[i]);
		if (!pid[i]) {
			int own = dms_open();
			struct bo there = dms_import(own, dmabuf);
			unsigned int k;

			for (k = 0; k < 50; k++)
				dms_run_ok(own, dms_job_fill(&there, i * PAGE, PAGE, k << 8 | i));
			_exit(0);
		}
	}
	for (i = 0; i < N; i++) {
		ASSERT_EQ(waitpid(pid[i], &status, 0), pid[i]);
		ASSERT_EQ(status, 0);
		ASSERT_EQ(((uint64_t *)bo.map)[512 * i], 49 << 8 | i);
		ASSERT_EQ(((uint64_t *)bo.map)[512 * i + 511], 49 << 8 | i);
	}
}

/* Starts a process that works until it is killed; returns when it does work. */
static pid_t start_victim(void (*work)(int ready))
{
	int fds[2];
	pid_t pid;
	char c;

	ASSERT_OK(pipe(fds));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		work(fds[1]);
		_exit(1);
	}
	close(fds[1]);
	ASSERT_EQ(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void kill_victim(pid_t pid)
{
	int status;

	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void victim_busy(int ready)
{
	int fd = dms_open(), vgem = vgem_open();
	struct foreign f = udmabuf_scattered(16 * PAGE);
	struct bo there = dms_import(fd, f.dmabuf);
	struct bo bo = dms_create_mapped(fd, 16 * PAGE, "victim");
	int dmabuf = dms_export(fd, bo.handle);
	bool told = false;
	uint32_t handle;

	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	for (;;) {
		struct drm_dmashare_job job = dms_job_copy(&there, 0, &bo, 0, bo.size);

		dms_submit(fd, 0, 0, &job, 1);
		dms_run_ok(fd, dms_job_copy(&bo, 0, &there, 0, bo.size));
		if (!told)
			ASSERT_EQ(write(ready, "", 1), 1);
		told = true;
	}
}

static void victim_held(int ready)
{
	int fd = dms_open(), in;
	struct bo bo = dms_create_mapped(fd, 16 * PAGE, "victim");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, bo.size, 1);
	struct drm_dmashare_submit s = { .flags = DRM_DMASHARE_SUBMIT_IN_FENCE };

	hold_sync_file(&in);
	s.in_fence_fd = in;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	ASSERT_EQ(write(ready, "", 1), 1);
	for (;;)
		pause();
}

static void killed_while_busy(void)
{
	int watch = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0);
	unsigned int i;

	for (i = 0; i < 5; i++) {
		kill_victim(start_victim(victim_busy));
		ledger_wait_gone(watch, &before);
	}
	dms_run_ok(watch, dms_job_noop(0));
}

/* Its job waits for a foreign fence that goes with the process. */
static void killed_while_held(void)
{
	int watch = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0);

	kill_victim(start_victim(victim_held));
	ledger_wait_gone(watch, &before);
	dms_run_ok(watch, dms_job_noop(0));
}

static void create_export_import_teardown(void)
{
	int fd = dms_open(), vgem = vgem_open();
	struct dmashare_ledger before = ledger_get(fd, 0), now, d;
	unsigned int n = rounds(200), i;

	for (i = 0; i < n; i++) {
		struct bo bo = dms_create(fd, PAGE, "round");
		int dmabuf = dms_export(fd, bo.handle);
		uint32_t handle;

		ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
		ASSERT_OK(drmCloseBufferHandle(vgem, handle));
		close(dmabuf);
		dms_destroy(&bo);
	}
	ledger_wait_gone(fd, &before);
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.buffers, n);
	ASSERT_EQ(d.attaches, n);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_MAP], n * vgem_maps());
	ASSERT_EQ(d.notes[DMASHARE_NOTE_UNMAP], n * vgem_maps());
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], n);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(many_buffers),
	KTAP_CASE(many_jobs),
	KTAP_CASE(more_than_the_rings_hold),
	KTAP_CASE(threads_with_files),
	KTAP_CASE(threads_with_one_file),
	KTAP_CASE(handles_under_each_others_hands),
	KTAP_COVERS(many_importers, "attach:vgem detach:vgem"),
	KTAP_CASE(processes_share),
	KTAP_CASE(killed_while_busy),
	KTAP_CASE(killed_while_held),
	KTAP_CASE(create_export_import_teardown),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
