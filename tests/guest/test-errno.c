// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The errnos that the driver's header documents, each asked for by the shortest
 * way. Those that take a device with small limits, a second one or one that
 * went away are seen by other tests; scripts/conformance looks that none is
 * left out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/pci_regs.h>
#include <xf86drm.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"

#define PAGE	4096u
#define NOWHERE	((void *)16)
#define NO_HANDLE	4711u

/* As drmIoctl(), but a signal ends it. */
static int ioctl_once(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static void every_ioctl(void)
{
	static const unsigned long requests[] = {
		DRM_IOCTL_DMASHARE_GET_PARAM, DRM_IOCTL_DMASHARE_BO_CREATE,
		DRM_IOCTL_DMASHARE_BO_MMAP, DRM_IOCTL_DMASHARE_BO_INFO,
		DRM_IOCTL_DMASHARE_SUBMIT, DRM_IOCTL_DMASHARE_JOB_RESULT,
		DRM_IOCTL_DMASHARE_LEDGER, DRM_IOCTL_DMASHARE_BO_IMPORT,
		DRM_IOCTL_DMASHARE_BO_MOVE, DRM_IOCTL_DMASHARE_BO_UNMAP,
		DRM_IOCTL_DMASHARE_BO_VMAP,
	};
	int fd = dms_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		ASSERT_REFUSED("any", drmIoctl(fd, requests[i], NOWHERE), EFAULT);
}

static void get_param(void)
{
	struct drm_dmashare_get_param p = { .param = 4711 };
	int fd = dms_open();

	ASSERT_REFUSED("GET_PARAM", drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p), EINVAL);
	p = (struct drm_dmashare_get_param){ .pad = 1 };
	ASSERT_REFUSED("any", drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p), EINVAL);
}

static void bo_create(void)
{
	int fd = dms_open();
	uint64_t room = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);
	struct bo bo;

	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, 0, SYSTEM, 0, "", &bo), EINVAL);
	ASSERT_ERRNO(dms_try_create_in(fd, ~0ull, SYSTEM, 0, "", &bo), EINVAL);
	ASSERT_ERRNO(dms_try_create_in(fd, PAGE, 2, 0, "", &bo), EINVAL);
	ASSERT_ERRNO(dms_try_create_in(fd, PAGE, SYSTEM, 1u << 31, "", &bo), EINVAL);
	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, room + PAGE, LOCAL, 0, "", &bo),
		       ENOSPC);
	ASSERT_REFUSED("BO_CREATE", dms_try_create_in(fd, PAGE, SYSTEM,
						      DRM_DMASHARE_BO_SKIP_BEGIN, "", &bo),
		       EPERM);
	ASSERT_ERRNO(dms_try_create_in(fd, PAGE, SYSTEM, DRM_DMASHARE_BO_STALE_DMA, "", &bo),
		     EPERM);
	/* Nothing of these is left. */
	ledger_wait_empty(fd);
}

static void bo_mmap_and_info(void)
{
	struct drm_dmashare_bo_mmap m = { .handle = NO_HANDLE };
	struct drm_dmashare_bo_info i;
	int fd = dms_open();

	ASSERT_REFUSED("any", drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m), ENOENT);
	ASSERT_REFUSED("any", dms_try_info(fd, NO_HANDLE, &i), ENOENT);
}

static void submit(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "submit"), none = { .handle = NO_HANDLE };
	struct drm_dmashare_job job = dms_job_fill(&none, 0, 8, 0);
	struct drm_dmashare_submit s = { 0 };

	ASSERT_REFUSED("SUBMIT", dms_try_submit(fd, &s, &job, 1), ENOENT);
	job = dms_job_fill(&bo, 0, PAGE + 1, 0);
	ASSERT_REFUSED("SUBMIT", dms_try_submit(fd, &s, &job, 1), EINVAL);
	job = dms_job_noop(0);
	s = (struct drm_dmashare_submit){
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE,
		.in_fence_fd = 9999,
	};
	ASSERT_REFUSED("SUBMIT", dms_try_submit(fd, &s, &job, 1), EBADF);
	s.in_fence_fd = fd;
	ASSERT_ERRNO(dms_try_submit(fd, &s, &job, 1), EINVAL);
}

/* Of a device that has no renderer. */
static void no_renderer(void)
{
	static const unsigned long requests[] = {
		DRM_IOCTL_DMASHARE_CONTEXT_CREATE, DRM_IOCTL_DMASHARE_CONTEXT_DESTROY,
		DRM_IOCTL_DMASHARE_RESOURCE_CREATE, DRM_IOCTL_DMASHARE_RESOURCE_DESTROY,
		DRM_IOCTL_DMASHARE_RESOURCE_ADD, DRM_IOCTL_DMASHARE_RESOURCE_REMOVE,
		DRM_IOCTL_DMASHARE_RENDER_STATE, DRM_IOCTL_DMASHARE_RENDER_CAPSET,
	};
	uint8_t zeros[256] = { 0 };
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "submit");
	struct drm_dmashare_submit s = { 0 };
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, 8, 0);
	uint32_t param;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		ASSERT_ERRNO(drmIoctl(fd, requests[i], zeros), EOPNOTSUPP);
	job.op = DRM_DMASHARE_OP_DOWNLOAD;
	ASSERT_REFUSED("SUBMIT", dms_try_submit(fd, &s, &job, 1), EOPNOTSUPP);
	for (param = DRM_DMASHARE_PARAM_MAX_CONTEXTS;
	     param <= DRM_DMASHARE_PARAM_RENDER_RINGS; param++)
		ASSERT_EQ(dms_param(fd, param), 0);
}

static void job_result(void)
{
	struct drm_dmashare_job_result r;
	struct drm_dmashare_job job = dms_job_noop(200 * MSEC);
	int fd = dms_open();

	job.flags = DRM_DMASHARE_JOB_WANT_RESULT;
	ASSERT_REFUSED("JOB_RESULT", dms_try_result(fd, 12345, 0, &r), ENOENT);
	dms_submit(fd, 0, 0, &job, 1);
	ASSERT_REFUSED("JOB_RESULT", dms_try_result(fd, job.id, 0, &r), ETIME);
	ASSERT_EQ(dms_result(fd, job.id).status, DMASHARE_STATUS_OK);
}

static void ledger(void)
{
	struct dmashare_ledger l;
	int fd = dms_open();

	ASSERT_REFUSED("LEDGER", ledger_try_get(fd, 0, 7, &l), EINVAL);
	ASSERT_ERRNO(ledger_try_get(fd, 0, 0, &l), EINVAL);
	ASSERT_ERRNO(ledger_try_get(fd, 0, DMASHARE_LEDGER_MAX_LENGTH + 8, &l), EINVAL);
	ASSERT_REFUSED("any", ledger_try_get(fd, NO_HANDLE, sizeof(l), &l), ENOENT);
}

/* Bus Master Enable of the device behind @fd. */
static void bus_master(int fd, bool on)
{
	uint16_t command;
	struct stat st;
	char path[96];
	int config;

	ASSERT_OK(fstat(fd, &st));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/config",
		 major(st.st_rdev), minor(st.st_rdev));
	config = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_OK(config);
	ASSERT_EQ(pread(config, &command, sizeof(command), PCI_COMMAND), sizeof(command));
	command = on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER;
	ASSERT_EQ(pwrite(config, &command, sizeof(command), PCI_COMMAND), sizeof(command));
	close(config);
}

/*
 * A device that may not master the bus cannot fetch the question. The driver
 * gives up after ten seconds and resets it; once it may again, all is well.
 */
static void no_answer(void)
{
	struct dmashare_ledger l;
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "survivor");

	bus_master(fd, false);
	ASSERT_REFUSED("LEDGER", ledger_try_get(fd, bo.handle, sizeof(l), &l), EIO);
	bus_master(fd, true);
	/* The first reset may have come too early; the driver tries again. */
	while (ledger_try_get(fd, bo.handle, sizeof(l), &l) && errno == EIO)
		sched_yield();
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, 7));
	ASSERT_EQ(ledger_get(fd, bo.handle).bytes_written, PAGE);
}

static void bo_import(void)
{
	int fd = dms_open(), memfd = memfd_create("plain", MFD_CLOEXEC);
	struct foreign f = vgem_buffer(PAGE);
	uint32_t handle;

	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(fd, 9999, 0, &handle), EBADF);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(fd, memfd, 0, &handle), EINVAL);
	ASSERT_ERRNO(dms_try_import_as(fd, f.dmabuf, 1u << 31, &handle), EINVAL);
	ASSERT_ERRNO(dms_try_import_as(fd, f.dmabuf, DRM_DMASHARE_IMPORT_READ |
				       DRM_DMASHARE_IMPORT_WRITE, &handle), EINVAL);
	ASSERT_REFUSED("BO_IMPORT", dms_try_import_as(fd, f.dmabuf,
						      DRM_DMASHARE_IMPORT_SKIP_MAP, &handle),
		       EPERM);
	ASSERT_ERRNO(dms_try_import_as(fd, f.dmabuf, DRM_DMASHARE_IMPORT_SKIP_UNMAP, &handle),
		     EPERM);
	ledger_wait_empty(fd);
}

static void prime(void)
{
	int fd = dms_open(), memfd = memfd_create("plain", MFD_CLOEXEC);
	struct bo bo = dms_create(fd, PAGE, "prime");
	uint32_t handle;

	ASSERT_REFUSED("PRIME_HANDLE_TO_FD", dms_try_export(fd, NO_HANDLE, DRM_CLOEXEC), ENOENT);
	ASSERT_REFUSED("PRIME_HANDLE_TO_FD", dms_try_export(fd, bo.handle, O_APPEND), EINVAL);
	ASSERT_REFUSED("PRIME_FD_TO_HANDLE", dms_try_import(fd, 9999, &handle), EBADF);
	ASSERT_REFUSED("PRIME_FD_TO_HANDLE", dms_try_import(fd, memfd, &handle), EINVAL);
	ASSERT_REFUSED("GEM_CLOSE", dms_try_close(fd, NO_HANDLE), EINVAL);
}

static void bo_move(void)
{
	int fd = dms_open();
	uint64_t room = dms_param(fd, DRM_DMASHARE_PARAM_LOCAL_SIZE);
	struct bo bo = dms_create(fd, PAGE, "move"), big, there;
	struct drm_dmashare_bo_move m = { .handle = bo.handle, .pad = 1 };
	struct foreign f = vgem_buffer(PAGE);

	ASSERT_REFUSED("any", dms_try_move(fd, NO_HANDLE, LOCAL, 0), ENOENT);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, 2, 0), EINVAL);
	ASSERT_ERRNO(dms_try_move(fd, bo.handle, LOCAL, 2), EINVAL);
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_MOVE, &m), EINVAL);
	there = dms_import(fd, f.dmabuf);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, there.handle, LOCAL, 0), EOPNOTSUPP);
	big = dms_create(fd, room + PAGE, "big");
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, big.handle, LOCAL, DRM_DMASHARE_MOVE_WAIT),
		       ENOSPC);
	ASSERT_EQ(dms_info(fd, big.handle).placement, SYSTEM);
}

static void bo_move_of_a_pinned_one(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, PAGE, "pinned");
	struct vmapped v;

	vmapped_hold(&v, &bo, 0x0101010101010101);
	ASSERT_EQ(dms_info(fd, bo.handle).pins, 1);
	ASSERT_REFUSED("BO_MOVE", dms_try_move(fd, bo.handle, LOCAL, 0), EBUSY);
	vmapped_release(&v);
	ASSERT_EQ(dms_info(fd, bo.handle).pins, 0);
	dms_move(&bo, LOCAL);
	ASSERT(all_bytes(bo.map, PAGE, 1));
}

/* A call that waits for a job, and a signal that ends it. */
struct waiting {
	int fd;
	unsigned long request;
	void *arg;
	int error;
};

static void wait_call(void *data)
{
	struct waiting *w = data;

	w->error = ioctl_once(w->fd, w->request, w->arg) ? errno : 0;
}

static void assert_interrupted(const char *name, int fd, unsigned long request, void *arg)
{
	struct waiting w = { fd, request, arg, -1 };
	struct blocker b;

	blocker_start(&b, wait_call, &w);
	ASSERT_MSG(blocker_sleeps(&b), "%s does not wait", name);
	blocker_interrupt(&b);
	blocker_join(&b);
	ASSERT_EQ(w.error, EINTR);
	errno_seen(name, EINTR);
	errno_seen("any", EINTR);
}

static void interrupted(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, PAGE, "waiting");
	struct work work = work_filling(&bo, 0, 0x0202020202020202);
	struct drm_dmashare_bo_unmap u = { .handle = bo.handle };
	struct drm_dmashare_bo_move m = {
		.handle = bo.handle,
		.placement = LOCAL,
		.flags = DRM_DMASHARE_MOVE_WAIT,
	};

	assert_interrupted("BO_UNMAP", fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &u);
	assert_interrupted("BO_MOVE", fd, DRM_IOCTL_DMASHARE_BO_MOVE, &m);
	work_release(&work);
	ASSERT_OK(dmabuf_sync(dms_export(fd, bo.handle),
			      DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT(all_bytes(bo.map, PAGE, 2));
}

static void bo_unmap(void)
{
	struct drm_dmashare_bo_unmap u = { .handle = NO_HANDLE };
	int fd = dms_open();

	ASSERT_REFUSED("any", drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &u), ENOENT);
	u = (struct drm_dmashare_bo_unmap){ .handle = NO_HANDLE, .pad = 1 };
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &u), EINVAL);
}

static void bo_vmap(void)
{
	static const struct {
		uint32_t count;
		uint64_t offset, length;
	} bad[] = {
		{ 0, 0, PAGE },
		{ DRM_DMASHARE_VMAP_MAX + 1, 0, PAGE },
		{ 1, 0, 0 },
		{ 1, 0, PAGE + 1 },
		{ 1, PAGE, 1 },
		{ 1, 8, ~0ull - 4 },
		{ 1, ~0ull, 2 },
	};
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "vmap");
	struct drm_dmashare_bo_vmap v = { .handle = NO_HANDLE, .count = 1, .length = PAGE };
	size_t i;

	ASSERT_REFUSED("any", dms_try_vmap(fd, &v), ENOENT);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		v = (struct drm_dmashare_bo_vmap){
			.handle = bo.handle,
			.count = bad[i].count,
			.offset = bad[i].offset,
			.length = bad[i].length,
		};
		ASSERT_REFUSED("BO_VMAP", dms_try_vmap(fd, &v), EINVAL);
	}
	ASSERT_EQ(ledger_get(fd, bo.handle).notes[DMASHARE_NOTE_VMAP], 0);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(every_ioctl),
	KTAP_CASE(get_param),
	KTAP_CASE(bo_create),
	KTAP_CASE(bo_mmap_and_info),
	KTAP_CASE(submit),
	KTAP_CASE(no_renderer),
	KTAP_CASE(job_result),
	KTAP_CASE(ledger),
	KTAP_SLOW(no_answer, 100),
	KTAP_CASE(bo_import),
	KTAP_CASE(prime),
	KTAP_CASE(bo_move),
	KTAP_COVERS(bo_move_of_a_pinned_one, "move.busy:user pin.count:user"),
	KTAP_COVERS(interrupted, "import.unmap:user"),
	KTAP_CASE(bo_unmap),
	KTAP_CASE(bo_vmap),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
