// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fence that nothing but a command will ever end. It can lock up a kernel that
 * waits for it, which the driver says by tainting it: so this program has a VM of
 * its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/json.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"

#define PAGE		4096u
#define ONES		0x0101010101010101ull
/* As sw_sync's fences do: the kernel has no better word for it. */
#define TAINT_LOCKUP	(1ul << 14)
#define LIMIT_MS	500

static bool tainted(void)
{
	char *text = read_file("/proc/sys/kernel/tainted");
	bool is;

	ASSERT(text);
	is = strtoul(text, NULL, 10) & TAINT_LOCKUP;
	free(text);
	return is;
}

/* A hold that ends taints nothing, nor does one that was not reached. */
static void others_do_not_taint(void)
{
	int fd = dms_open(), fence;
	struct drm_dmashare_job noop = dms_job_noop(0);

	ASSERT(!tainted());
	ctl_hold(0, "'count': 1, 'watchdog': 50000000");
	fence = dms_submit_fence(fd, 0, 0, &noop, 1);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	ctl_hold(0, "'count': 1, 'never': true");
	ASSERT_EQ(ctl_release(0, "%s", ""), 0);
	ASSERT_EQ(dms_run(fd, &noop, 1), 0);
	ASSERT(!tainted());
}

/*
 * It stays although the driver allows jobs less than that, and other clients'
 * jobs go on; until somebody lets it go.
 */
static void taints_and_stays(void)
{
	int fd = dms_open(), other = dms_open(), fence;
	struct bo bo = dms_create_mapped(fd, PAGE, "for ever");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	struct drm_dmashare_job noop = dms_job_noop(0);
	time_t end = time(NULL) + SOON_MS / 1000;
	uint64_t start, before;

	ASSERT(!tainted());
	before = json_member_number(json_get(ctl_device(0), "counters"), "fences-failed");
	ctl_hold(0, "'count': 1, 'never': true");
	fence = dms_submit_fence(fd, 0, 0, &job, 1);
	ctl_event(0, "DMASHARE_FENCE_HELD");
	while (!tainted()) {
		ASSERT_MSG(time(NULL) < end, "the kernel is not tainted");
		sched_yield();
	}
	start = dms_time(fd);
	while (dms_time(fd) - start < 3 * LIMIT_MS * MSEC)
		ASSERT_EQ(dms_run(other, &noop, 1), 0);
	ASSERT(fence_pending(fence));
	ctl_act(0, ctl_fence_of(0, bo.id), "fail", ESTALE);
	ASSERT_EQ(fence_finish(fence), ESTALE);
	ASSERT(all_bytes(bo.map, PAGE, 1));
	ASSERT_EQ(json_member_number(json_get(ctl_device(0), "counters"), "fences-failed"),
		  before + 1);
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, 2 * ONES));
	ASSERT(all_bytes(bo.map, PAGE, 2));
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(others_do_not_taint, "hold:user"),
	KTAP_COVERS(taints_and_stays, "hold:user"),
};

int main(int argc, char **argv)
{
	return module_ktap_main_with("job_timeout_ms=500", argc, argv, cases,
				     ARRAY_SIZE(cases));
}
