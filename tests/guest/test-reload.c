// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The module goes and comes again, each time with work under way: jobs that are not done, moves that wait for them, imports of the other
 * device's buffers. In the VM "leaks" what that leaves allocated is looked for
 * at the end, which a few times show as well as many.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

/* Jobs on every queue and a move, none of them done when it returns. */
static void start_work(int fd, int other, unsigned int round)
{
	uint32_t q, n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	bool local = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);
	struct bo bo = dms_create_in(fd, 8 * PAGE, local && round % 2 ? LOCAL : SYSTEM, 0,
				     "reload");
	int dmabuf = dms_export(fd, bo.handle);
	struct bo there = dms_import(other, dmabuf);

	for (q = 0; q < n; q++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(20 * MSEC),
			dms_job_fill(&bo, q * PAGE, PAGE, ONES),
		};

		dms_submit(fd, q, 0, jobs, 2);
		jobs[1] = dms_job_fill(&there, q * PAGE, PAGE, 2 * ONES);
		dms_submit(other, q, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, jobs, 2);
	}
	/* Pinned by the import where that pins; then it waits for nothing. */
	if (local && dms_try_move(fd, bo.handle, round % 2 ? SYSTEM : LOCAL, 0))
		ASSERT_EQ(errno, EBUSY);
	close(dmabuf);
}

static void reload(unsigned int times)
{
	unsigned int i;

	if (!module_loaded("dmashare"))
		ASSERT_OK(module_load("dmashare", ""));
	for (i = 0; i < times; i++) {
		int fd = dms_open_nth(0), other = dms_open_nth(1);

		ledger_wait_empty(fd);
		ledger_wait_empty(other);
		while (local_free(fd) != dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE))
			sched_yield();
		start_work(fd, other, i);
		start_work(other, fd, i + 1);
		close(fd);
		close(other);
		ASSERT_MSG(!module_unload_soon("dmashare"), "time %u: %s", i, strerror(errno));
		ASSERT(!module_loaded("dmashare"));
		ASSERT_OK(module_load("dmashare", ""));
	}
	dms_run_ok(dms_open_nth(1), dms_job_noop(0));
}

static void hundred_times(void)
{
	reload(100);
}

static void ten_times(void)
{
	reload(10);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW_COVERS(hundred_times, 560, "lifetime:user lifetime:dmashare"),
	KTAP_SLOW_COVERS(ten_times, 200, "lifetime:user lifetime:dmashare"),
};

int main(int argc, char **argv)
{
	return module_ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
