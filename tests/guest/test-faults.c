// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hardware does on a bad day, one thing a case, by the fault rules of the
 * control plane: the errno that a program gets, that the next job succeeds and
 * its bytes are right, and that nothing is left behind. The module is loaded anew
 * with a short limit for jobs; the second device is not coherent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/control.h"
#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/host.h"
#include "lib/json.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/place.h"

#define PAGE		4096u
#define ONES		0x0101010101010101ull
#define FOR_EVER	(3000 * SEC)
#define LIMIT_MS	1000

/* Message vectors of the device. */
#define CONTROL_VECTOR	1
#define QUEUE_VECTOR(q)	(2 + (q))

/**
 * struct patient - a device and what it had before the fault
 * @fd: an open file of it
 * @device: its number
 * @before: its ledger
 */
struct patient {
	int fd;
	unsigned int device;
	struct dmashare_ledger before;
};

/* A device on which no rule of an earlier case is left. */
static struct patient admit(unsigned int device)
{
	struct patient p = { .fd = dms_open_nth(device), .device = device };

	ctl_calm(device);
	host_forget_events();
	p.before = ledger_get(p.fd, 0);
	return p;
}

/* Every engine does what it is told, and memory is what it was. */
static void next_jobs_succeed(const struct patient *p)
{
	struct bo a = dms_create_mapped(p->fd, 4 * PAGE, "after");
	struct bo b = dms_create_mapped(p->fd, 4 * PAGE, "after");
	uint64_t q, n = dms_param(p->fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	int dmabuf = dms_export(p->fd, b.handle);

	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	for (q = 0; q < n; q++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_fill(&a, 0, a.size, (q + 1) * ONES),
			dms_job_copy(&b, 0, &a, 0, a.size),
		};

		ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
		ASSERT_EQ(fence_finish(dms_submit_fence(p->fd, q, 0, jobs, 2)), 0);
		ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
		ASSERT(all_bytes(b.map, b.size, q + 1));
	}
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_EQ(dms_crc(p->fd, &b, 0, b.size), crc32c(b.map, b.size));
	close(dmabuf);
	dms_destroy(&a);
	dms_destroy(&b);
}

/* Waits until the device answers, which it does not while it is being reset. */
static void answer(int fd)
{
	time_t end = time(NULL) + SOON_MS / 1000;
	struct dmashare_ledger l;

	while (ledger_try_get(fd, 0, sizeof(l), &l)) {
		ASSERT_EQ(errno, EIO);
		ASSERT_MSG(time(NULL) < end, "the device does not answer");
	}
}

/* It fired so often; afterwards all is well and nothing is left over. */
static void discharge(const struct patient *p, uint32_t rule, uint64_t fired)
{
	ASSERT_EQ(ctl_fault_fired(p->device, rule), fired);
	ctl_fault_remove(p->device, rule);
	next_jobs_succeed(p);
	ledger_wait_gone(p->fd, &p->before);
}

/* The same after a reset, which begins a new ledger. */
static void discharge_reset(struct patient *p, uint32_t rule, uint64_t fired)
{
	memset(&p->before, 0, sizeof(p->before));
	discharge(p, rule, fired);
}

/* Commands. ---------------------------------------------------------------- */

static uint32_t fail_command(const struct patient *p, const char *opcode, int err,
			     unsigned int times)
{
	return ctl_fault_add(p->device, "'where': 'command', 'action': 'fail', "
			     "'match': {'opcode': '%s'}, 'times': %u, 'error': '%s'", opcode,
			     times, ctl_errno(err));
}

static void allocation_refused(void)
{
	struct patient p = admit(0);
	uint32_t rule = fail_command(&p, "buffer-create", ENOSPC, 2);
	struct bo bo;

	ASSERT_REFUSED("BO_CREATE", dms_try_create(p.fd, PAGE, 0, "", &bo), ENOSPC);
	ASSERT_ERRNO(dms_try_create_in(p.fd, PAGE, LOCAL, 0, "", &bo), ENOSPC);
	ASSERT_OK(dms_try_create(p.fd, PAGE, 0, "", &bo));
	dms_destroy(&bo);
	discharge(&p, rule, 2);
}

/* Not the first ones: the device fills up. */
static void allocation_refused_later(void)
{
	struct patient p = admit(0);
	uint32_t rule = ctl_fault_add(0, "'where': 'command', 'action': 'fail', 'after': 3, "
				      "'times': 0, 'match': {'opcode': 'buffer-create'}, "
				      "'error': 'enomem'");
	struct bo bo[3], other;
	unsigned int i;

	for (i = 0; i < 3; i++)
		bo[i] = dms_create_mapped(p.fd, PAGE, "before");
	for (i = 0; i < 5; i++)
		ASSERT_ERRNO(dms_try_create(p.fd, PAGE, 0, "", &other), ENOMEM);
	for (i = 0; i < 3; i++) {
		dms_run_ok(p.fd, dms_job_fill(&bo[i], 0, PAGE, ONES));
		ASSERT(all_bytes(bo[i].map, PAGE, 1));
		dms_destroy(&bo[i]);
	}
	discharge(&p, rule, 5);
}

/* Of the commands that an import takes each one fails once. */
static void import_refused(void)
{
	static const struct {
		const char *opcode;
		int err;
	} commands[] = {
		{ "buffer-create", ENOSPC }, { "attach", ENOMEM }, { "map", EFAULT },
	};
	struct patient p = admit(0);
	struct foreign f = vgem_buffer(4 * PAGE);
	uint32_t handle, rule;
	struct bo bo;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		rule = fail_command(&p, commands[i].opcode, commands[i].err, 1);
		ASSERT_ERRNO(dms_try_import(p.fd, f.dmabuf, &handle), commands[i].err);
		bo = dms_import(p.fd, f.dmabuf);
		pattern_fill(f.map, f.size, i);
		ASSERT_EQ(dms_crc(p.fd, &bo, 0, f.size), crc32c(f.map, f.size));
		ASSERT_OK(dms_try_close(p.fd, bo.handle));
		discharge(&p, rule, 1);
	}
	foreign_destroy(&f);
}

/* The exporter's device does not take the attachment of another importer. */
static void attach_refused(void)
{
	struct patient p = admit(0), other = admit(1);
	uint32_t rule = fail_command(&p, "attach", EBUSY, 1), handle;
	struct bo bo = dms_create_mapped(p.fd, 4 * PAGE, "shared"), there;
	int dmabuf = dms_export(p.fd, bo.handle);

	pattern_fill(bo.map, bo.size, 1);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(other.fd, dmabuf, 0, &handle), EBUSY);
	there = dms_import(other.fd, dmabuf);
	ASSERT_EQ(dms_crc(other.fd, &there, 0, there.size), crc32c(bo.map, bo.size));
	ASSERT_OK(dms_try_close(other.fd, there.handle));
	close(dmabuf);
	dms_destroy(&bo);
	discharge(&p, rule, 1);
	next_jobs_succeed(&other);
	ledger_wait_gone(other.fd, &other.before);
}

/* A buffer of its own is mapped by the first job. */
static void map_refused(void)
{
	struct patient p = admit(0);
	uint32_t rule = fail_command(&p, "map", ENOSPC, 2);
	struct bo bo = dms_create_mapped(p.fd, 4 * PAGE, "unmapped");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, bo.size, 5 * ONES);
	struct drm_dmashare_submit s = { 0 };

	ASSERT_REFUSED("SUBMIT", dms_try_submit(p.fd, &s, &job, 1), ENOSPC);
	ASSERT_ERRNO(dms_try_submit(p.fd, &s, &job, 1), ENOSPC);
	ASSERT(all_bytes(bo.map, bo.size, 0));
	dms_run_ok(p.fd, job);
	ASSERT(all_bytes(bo.map, bo.size, 5));
	dms_destroy(&bo);
	discharge(&p, rule, 2);
}

static void ledger_refused(void)
{
	struct patient p = admit(0);
	uint32_t rule = fail_command(&p, "query-ledger", EBUSY, 1);
	struct dmashare_ledger l;

	ASSERT_ERRNO(ledger_try_get(p.fd, 0, sizeof(l), &l), EBUSY);
	ASSERT_OK(ledger_try_get(p.fd, 0, sizeof(l), &l));
	discharge(&p, rule, 1);
}

/* What is only told to the device may be lost: nobody depends on it. */
static void note_lost(void)
{
	struct patient p = admit(0);
	uint32_t rule = fail_command(&p, "note", EINVAL, 1);
	struct bo bo = dms_create(p.fd, PAGE, "noted");
	int dmabuf = dms_export(p.fd, bo.handle);

	ASSERT_EQ(ledger_get(p.fd, bo.handle).notes[DMASHARE_NOTE_EXPORT], 0);
	close(dmabuf);
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

/*
 * A device that does not let go of something at once is asked again, and one that
 * does not at all is reset: only then do both sides agree again. So often it says
 * no, 0 for always.
 */
static void end_refused(const char *opcode, unsigned int times)
{
	struct patient p = admit(0);
	struct bo bo = dms_create_in(p.fd, 4 * PAGE, SYSTEM, 0, "ends"), kept;
	struct foreign f = vgem_buffer(4 * PAGE);
	struct bo there = dms_import(p.fd, f.dmabuf);
	uint32_t rule;

	kept = dms_create_mapped(p.fd, 4 * PAGE, "kept");
	pattern_fill(kept.map, kept.size, 1);
	dms_run_ok(p.fd, dms_job_copy(&bo, 0, &kept, 0, kept.size));
	rule = fail_command(&p, opcode, EIO, times);
	ASSERT_OK(dms_try_close(p.fd, there.handle));
	dms_destroy(&bo);
	/* Commands run in order: when this is answered, those are over. */
	answer(p.fd);
	ASSERT(pattern_check(kept.map, kept.size, 1));
	ASSERT_EQ(dms_crc(p.fd, &kept, 0, kept.size), crc32c(kept.map, kept.size));
	if (!times) {
		ASSERT(ctl_fault_fired(0, rule) > 1);
		ctl_fault_remove(0, rule);
		rule = fail_command(&p, opcode, EIO, 1);
	}
	dms_destroy(&kept);
	foreign_destroy(&f);
	if (times)
		discharge(&p, rule, times);
	else
		discharge_reset(&p, rule, 1);
}

static void unmap_refused(void)
{
	end_refused("unmap", 1);
}

static void unmap_refused_for_good(void)
{
	end_refused("unmap", 0);
}

static void detach_refused(void)
{
	end_refused("detach", 1);
}

static void destroy_refused(void)
{
	end_refused("buffer-destroy", 1);
}

static void move_refused(void)
{
	struct patient p = admit(0);
	struct bo bo = dms_create_in(p.fd, 4 * PAGE, SYSTEM, 0, "moves");
	uint32_t rule;

	dms_map(&bo);
	pattern_fill(bo.map, bo.size, 4);
	rule = fail_command(&p, "place", EIO, 1);
	ASSERT_OK(dms_try_move(p.fd, bo.handle, LOCAL, DRM_DMASHARE_MOVE_WAIT));
	ASSERT(pattern_check(bo.map, bo.size, 4));
	dms_move(&bo, SYSTEM);
	ASSERT(pattern_check(bo.map, bo.size, 4));
	ASSERT_EQ(dms_crc(p.fd, &bo, 0, bo.size), crc32c(bo.map, bo.size));
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

/* Of the device that is not coherent. */
static void sync_refused(void)
{
	struct patient p = admit(1);
	struct bo bo = dms_create_mapped(p.fd, 4 * PAGE, "synced");
	int dmabuf = dms_export(p.fd, bo.handle);
	uint32_t rule;

	dms_run_ok(p.fd, dms_job_fill(&bo, 0, bo.size, 3 * ONES));
	rule = fail_command(&p, "sync", EIO, 1);
	/* The kernel does not look at what it gets for this; the next one does. */
	dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT(all_bytes(bo.map, bo.size, 3));
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	close(dmabuf);
	dms_destroy(&bo);
	ASSERT_EQ(ctl_fault_fired(1, rule), 1);
	ctl_fault_remove(1, rule);
	next_jobs_succeed(&p);
}

/* Jobs. -------------------------------------------------------------------- */

/* Runs a job whose outcome is to be @err, and looks everywhere. */
static void job_ends_with(int fd, uint32_t queue, struct drm_dmashare_job job, int err)
{
	struct drm_dmashare_sync out = { .handle = syncobj(fd) };
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_syncs = (uintptr_t)&out,
		.n_out_syncs = 1,
	};
	int file;

	job.flags |= DRM_DMASHARE_JOB_WANT_RESULT;
	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	ASSERT_EQ(fence_wait(s.out_fence_fd), err);
	ASSERT_EQ(fence_info(s.out_fence_fd).first.status, err ? -err : 1);
	ASSERT_OK(drmSyncobjExportSyncFile(fd, out.handle, &file));
	ASSERT_EQ(fence_finish(file), err);
	ASSERT_EQ(dms_result(fd, job.id).error, err);
	close(s.out_fence_fd);
	ASSERT_OK(drmSyncobjDestroy(fd, out.handle));
}

/* With every errno there is; only jobs that match. */
static void job_fails(void)
{
	static const int errors[] = {
		EPERM, ENOENT, EIO, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, ENODEV, EINVAL,
		ENOSPC, ERANGE, EDEADLK, ETIME, EOPNOTSUPP, ETIMEDOUT, ESTALE, ECANCELED,
	};
	struct patient p = admit(0);
	struct bo bo = dms_create_mapped(p.fd, PAGE, "fails");
	uint32_t rule = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		rule = ctl_fault_add(0, "'where': 'job', 'action': 'fail', 'match': {'opcode': "
				     "'fill', 'queue': 2, 'buffer': %u}, 'error': '%s'", bo.id,
				     ctl_errno(errors[i]));
		job_ends_with(p.fd, 0, dms_job_fill(&bo, 0, PAGE, ONES), 0);
		ASSERT(all_bytes(bo.map, PAGE, 1));
		job_ends_with(p.fd, 1, dms_job_crc(&bo, 0, PAGE), 0);
		job_ends_with(p.fd, 1, dms_job_fill(&bo, 0, PAGE, 2 * ONES), errors[i]);
		ASSERT(all_bytes(bo.map, PAGE, 1));
		job_ends_with(p.fd, 1, dms_job_fill(&bo, 0, PAGE, 0), 0);
		ASSERT_EQ(ctl_fault_fired(0, rule), 1);
		if (i + 1 < ARRAY_SIZE(errors))
			ctl_fault_remove(0, rule);
	}
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

/* The same jobs fail in every run with the same seed. */
static void job_fails_by_chance(void)
{
	enum { N = 64 };
	struct patient p = admit(0);
	struct drm_dmashare_job noop = dms_job_noop(0);
	uint64_t failed[3] = { 0 };
	unsigned int run, i, count;
	uint32_t rule = 0;

	for (run = 0; run < 3; run++) {
		rule = ctl_fault_add(0, "'where': 'job', 'action': 'fail', 'times': 0, "
				     "'probability': 300, 'seed': %u", run == 2 ? 99 : 7);
		for (i = 0; i < N; i++)
			failed[run] |= (uint64_t)!!dms_run(p.fd, &noop, 1) << i;
		count = __builtin_popcountll(failed[run]);
		ASSERT_EQ(ctl_fault_fired(0, rule), count);
		ASSERT_MSG(count > 4 && count < 40, "%u of %u jobs failed, not some 300 in 1000",
			   count, N);
		ctl_fault_remove(0, rule);
	}
	ASSERT_EQ(failed[0], failed[1]);
	ASSERT_NE(failed[0], failed[2]);
	next_jobs_succeed(&p);
	ledger_wait_gone(p.fd, &p.before);
}

static void job_is_late(void)
{
	struct patient p = admit(0);
	uint32_t rule = ctl_fault_add(0, "'where': 'job', 'action': 'delay', 'delay': 200000000");
	struct bo bo = dms_create_mapped(p.fd, PAGE, "late");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	uint64_t start = dms_time(p.fd);
	int fence = dms_submit_fence(p.fd, 0, 0, &job, 1);

	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(dms_time(p.fd) - start >= 200 * MSEC);
	ASSERT(all_bytes(bo.map, PAGE, 1));
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

/* An access in the middle of a job: it fails, and says where. */
static void access_fails(const char *where, bool write)
{
	struct patient p = admit(0);
	struct bo a = dms_create_mapped(p.fd, 4 * PAGE, "from");
	struct bo b = dms_create_mapped(p.fd, 4 * PAGE, "to");
	int64_t end = soon();
	uint32_t rule;
	const char *event;

	pattern_fill(a.map, a.size, 1);
	dms_run_ok(p.fd, dms_job_copy(&b, 0, &a, 0, PAGE));
	for (;;) {
		rule = ctl_fault_add(0, "'where': '%s', 'action': 'fail', "
				     "'match': {'buffer': %u}, 'error': 'efault'", where,
				     write ? b.id : a.id);
		job_ends_with(p.fd, 0, dms_job_copy(&b, 0, &a, 0, a.size), EFAULT);
		/* This answer comes after the event. */
		ASSERT_EQ(ctl_fault_fired(0, rule), 1);
		event = host_wait_event("DMASHARE_FAULT", 0);
		if (event)
			break;
		/* The cases before have had all that are sent in a second. */
		ASSERT_MSG(soon() - SOON_NS < end, "no event is sent any more");
		ctl_fault_remove(0, rule);
	}
	ASSERT_EQ(json_member_number(event, "rule"), rule);
	ASSERT_EQ(json_member_number(event, "buffer"), write ? b.id : a.id);
	ASSERT_EQ(json_is_true(json_member(event, "write")), write);
	ASSERT(pattern_check(a.map, a.size, 1));
	dms_run_ok(p.fd, dms_job_copy(&b, 0, &a, 0, a.size));
	ASSERT(pattern_check(b.map, b.size, 1));
	dms_destroy(&a);
	dms_destroy(&b);
	discharge(&p, rule, 1);
}

static void read_fails(void)
{
	access_fails("dma-read", false);
}

static void write_fails(void)
{
	access_fails("dma-write", true);
}

/* Interrupts. -------------------------------------------------------------- */

static uint32_t harm_interrupt(const char *action, unsigned int vector)
{
	return ctl_fault_add(0, "'where': 'interrupt', 'action': '%s', 'match': {'vector': %u}%s",
			     action, vector,
			     strcmp(action, "delay") ? "" : ", 'delay': 100000000");
}

/* The job is done; its fence signals when the driver looks by itself. */
static void interrupt_lost(void)
{
	struct patient p = admit(0);
	uint32_t rule = harm_interrupt("drop", QUEUE_VECTOR(0));
	struct bo bo = dms_create_mapped(p.fd, PAGE, "silent");

	dms_run_ok(p.fd, dms_job_fill(&bo, 0, PAGE, ONES));
	ASSERT(all_bytes(bo.map, PAGE, 1));
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

/* Of the control queue: who waits for a command looks by himself, too. */
static void control_interrupt_lost(void)
{
	struct patient p = admit(0);
	uint32_t rule = harm_interrupt("drop", CONTROL_VECTOR);
	struct bo bo = dms_create_mapped(p.fd, PAGE, "silent");

	dms_run_ok(p.fd, dms_job_fill(&bo, 0, PAGE, ONES));
	ASSERT(all_bytes(bo.map, PAGE, 1));
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

static void interrupt_harmed(const char *action)
{
	struct patient p = admit(0);
	uint32_t rule = harm_interrupt(action, QUEUE_VECTOR(0));
	struct bo bo = dms_create_mapped(p.fd, PAGE, "harmed");

	dms_run_ok(p.fd, dms_job_fill(&bo, 0, PAGE, ONES));
	ASSERT(all_bytes(bo.map, PAGE, 1));
	ASSERT_EQ(ctl_fault_fired(0, rule), 1);
	ctl_fault_remove(0, rule);
	rule = harm_interrupt(action, CONTROL_VECTOR);
	dms_destroy(&bo);
	bo = dms_create_mapped(p.fd, PAGE, "harmed");
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

static void interrupt_late(void)
{
	interrupt_harmed("delay");
}

static void interrupt_twice(void)
{
	interrupt_harmed("duplicate");
}

/* Queues and engines. ------------------------------------------------------ */

static const char *queue_info(unsigned int queue)
{
	const char *q = json_first(ctl(0, "query-dmashare-queues", "%s", ""));

	for (; q; q = json_next(q))
		if (json_member_number(q, "queue") == queue)
			return q;
	FAIL("no queue %u", queue);
}

static void queue_stalls(void)
{
	struct patient p = admit(0);
	uint32_t rule = ctl_fault_add(0, "'where': 'queue', 'action': 'stall', "
				      "'match': {'queue': 1}");
	struct bo bo = dms_create_mapped(p.fd, 2 * PAGE, "stalled");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	struct drm_dmashare_job other = dms_job_fill(&bo, PAGE, PAGE, 2 * ONES);
	int fence = dms_submit_fence(p.fd, 0, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, &job, 1);

	/* The second queue goes on. */
	ASSERT_EQ(fence_finish(dms_submit_fence(p.fd, 1, DRM_DMASHARE_SUBMIT_NO_IMPLICIT,
						&other, 1)), 0);
	ASSERT(fence_pending(fence));
	ASSERT(json_is_true(json_member(queue_info(1), "stalled")));
	ASSERT(all_bytes(bo.map, PAGE, 0));
	ASSERT_EQ(ctl_fault_fired(0, rule), 1);
	ctl_fault_remove(0, rule);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(all_bytes(bo.map, PAGE, 1));
	ASSERT(all_bytes(bo.map + PAGE, PAGE, 2));
	dms_destroy(&bo);
	next_jobs_succeed(&p);
	ledger_wait_gone(p.fd, &p.before);
}

static uint32_t hang_next(uint32_t times)
{
	return ctl_fault_add(0, "'where': 'job', 'action': 'hang', 'times': %u, "
			     "'match': {'opcode': 'fill'}", times);
}

/* The rule goes before the driver loses its patience. */
static void engine_hangs_for_a_while(void)
{
	struct patient p = admit(0);
	uint32_t rule = hang_next(1);
	struct bo bo = dms_create_mapped(p.fd, PAGE, "hung");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	int fence = dms_submit_fence(p.fd, 0, 0, &job, 1);
	const char *event = ctl_event(0, "DMASHARE_ENGINE_HUNG");

	ASSERT_EQ(json_member_number(event, "rule"), rule);
	ASSERT(!json_is_true(json_member(event, "fatal")));
	ASSERT(fence_pending(fence));
	ctl_fault_remove(0, rule);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT(all_bytes(bo.map, PAGE, 1));
	dms_destroy(&bo);
	next_jobs_succeed(&p);
	ledger_wait_gone(p.fd, &p.before);
}

/* It does not: the job fails, and the device is reset. */
static void engine_hangs(void)
{
	struct patient p = admit(0);
	struct bo bo = dms_create_mapped(p.fd, PAGE, "hung"), kept;
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	int dmabuf = dms_export(p.fd, bo.handle), fence;
	uint32_t rule;

	kept = dms_create_in(p.fd, 4 * PAGE, LOCAL, 0, "kept");
	dms_map(&kept);
	pattern_fill(kept.map, kept.size, 1);
	rule = hang_next(1);
	fence = dms_submit_fence(p.fd, 0, 0, &job, 1);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	poll_until(dmabuf, POLLIN | POLLOUT);
	ASSERT(all_bytes(bo.map, PAGE, 0));
	ASSERT(pattern_check(kept.map, kept.size, 1));
	ASSERT_EQ(dms_crc(p.fd, &kept, 0, kept.size), crc32c(kept.map, kept.size));
	close(dmabuf);
	dms_destroy(&bo);
	dms_destroy(&kept);
	discharge_reset(&p, rule, 1);
}

/* The device stops altogether: all that it had fails, and it comes back. */
static void device_is_fatal(const char *where, const char *match)
{
	struct patient p = admit(0);
	uint32_t q, n = dms_param(p.fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	struct bo bo = dms_create_mapped(p.fd, n * PAGE, "fatal");
	int fence[DMASHARE_MAX_JOB_QUEUES], last;
	uint64_t from = ctl_journal_end(0);
	struct drm_dmashare_job job;
	uint32_t rule;

	dms_run_ok(p.fd, dms_job_fill(&bo, 0, 8, 0));
	for (q = 0; q + 1 < n; q++) {
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(FOR_EVER),
			dms_job_fill(&bo, q * PAGE, PAGE, ONES),
		};

		fence[q] = dms_submit_fence(p.fd, q, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, jobs, 2);
	}
	ctl_wait_pending(0, 2 * (n - 1));
	rule = ctl_fault_add(0, "'where': '%s', 'action': 'fatal'%s", where, match);
	if (!strcmp(where, "command")) {
		struct dmashare_ledger l;

		/* Answered by a reset, or by the device after it. */
		if (ledger_try_get(p.fd, 0, sizeof(l), &l))
			ASSERT_EQ(errno, EIO);
	} else {
		job = dms_job_fill(&bo, q * PAGE, PAGE, ONES);
		last = dms_submit_fence(p.fd, q, DRM_DMASHARE_SUBMIT_NO_IMPLICIT, &job, 1);
		ASSERT_EQ(fence_finish(last), EIO);
	}
	for (q = 0; q + 1 < n; q++)
		ASSERT_EQ(fence_finish(fence[q]), EIO);
	ASSERT(all_bytes(bo.map, bo.size, 0));
	ASSERT_EQ(ctl_journal_count(0, from, "fatal", UINT64_MAX), 1);
	ASSERT(!json_is_true(json_member(ctl_device(0), "fatal")));
	dms_run_ok(p.fd, dms_job_fill(&bo, 0, bo.size, 9 * ONES));
	ASSERT(all_bytes(bo.map, bo.size, 9));
	dms_destroy(&bo);
	discharge_reset(&p, rule, 1);
}

static void fatal_by_a_job(void)
{
	device_is_fatal("job", ", 'match': {'opcode': 'fill', 'queue': 4}");
}

static void fatal_by_a_command(void)
{
	device_is_fatal("command", ", 'match': {'opcode': 'query-ledger'}");
}

static void fatal_by_a_queue(void)
{
	device_is_fatal("queue", ", 'match': {'queue': 4}");
}

/* Fence memory. ------------------------------------------------------------ */

static void fence_memory(const char *action)
{
	struct patient p = admit(0);
	uint32_t rule = ctl_fault_add(0, "'where': 'fence-memory', %s", action);
	struct bo bo = dms_create_mapped(p.fd, PAGE, "fenced");

	dms_run_ok(p.fd, dms_job_fill(&bo, 0, PAGE, ONES));
	ASSERT(all_bytes(bo.map, PAGE, 1));
	dms_destroy(&bo);
	discharge(&p, rule, 1);
}

static void fence_memory_not_written(void)
{
	fence_memory("'action': 'drop'");
}

static void fence_memory_late(void)
{
	fence_memory("'action': 'delay', 'delay': 300000000");
}

static void limit_is_set(void)
{
	ASSERT_EQ(module_parameter("dmashare", "job_timeout_ms", -1), LIMIT_MS);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(limit_is_set),
	KTAP_COVERS(allocation_refused, "fault.command:user"),
	KTAP_COVERS(allocation_refused_later, "fault.command:user"),
	KTAP_COVERS(import_refused, "fault.command:vgem"),
	KTAP_COVERS(attach_refused, "fault.command:dmashare"),
	KTAP_COVERS(map_refused, "fault.command:user"),
	KTAP_COVERS(ledger_refused, "fault.command:user"),
	KTAP_COVERS(note_lost, "fault.command:user"),
	KTAP_COVERS(unmap_refused, "fault.command:user fault.command:vgem"),
	KTAP_COVERS(unmap_refused_for_good, "fault.command:user fault.command:vgem reset:user"),
	KTAP_COVERS(detach_refused, "fault.command:vgem"),
	KTAP_COVERS(destroy_refused, "fault.command:user"),
	KTAP_COVERS(move_refused, "fault.command:user"),
	KTAP_COVERS(sync_refused, "fault.command:user"),
	KTAP_COVERS(job_fails, "fault.job:user"),
	KTAP_COVERS(job_fails_by_chance, "fault.job:user"),
	KTAP_COVERS(job_is_late, "fault.job:user"),
	KTAP_COVERS(read_fails, "fault.dma:user"),
	KTAP_COVERS(write_fails, "fault.dma:user"),
	KTAP_COVERS(interrupt_lost, "fault.interrupt:user"),
	KTAP_COVERS(control_interrupt_lost, "fault.interrupt:user"),
	KTAP_COVERS(interrupt_late, "fault.interrupt:user"),
	KTAP_COVERS(interrupt_twice, "fault.interrupt:user"),
	KTAP_COVERS(queue_stalls, "fault.queue:user"),
	KTAP_COVERS(engine_hangs_for_a_while, "fault.queue:user"),
	KTAP_COVERS(engine_hangs, "fault.queue:user reset:user"),
	KTAP_COVERS(fatal_by_a_job, "fault.fatal:user reset:user"),
	KTAP_COVERS(fatal_by_a_command, "fault.fatal:user reset:user"),
	KTAP_COVERS(fatal_by_a_queue, "fault.fatal:user reset:user"),
	KTAP_COVERS(fence_memory_not_written, "fault.fence:user"),
	KTAP_COVERS(fence_memory_late, "fault.fence:user"),
};

int main(int argc, char **argv)
{
	char options[40];

	snprintf(options, sizeof(options), "job_timeout_ms=%d", LIMIT_MS);
	return module_ktap_main_with(options, argc, argv, cases, ARRAY_SIZE(cases));
}
