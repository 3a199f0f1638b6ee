// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device taken from its driver (unbind) while it is used: later calls give
 * ENODEV, what waits is released, bytes stay, nothing is left behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

static char address[32];

/* Finds out which device this is, before it is taken away. */
static int open_device(void)
{
	drmDevicePtr dev = NULL;
	int fd;

	fd = drm_open_driver("dmashare", false, 0);
	if (fd < 0 && address[0]) {
		/* A case that failed left it unbound. */
		driver_control(address, "bind");
		fd = dms_open();
	}
	ASSERT(fd >= 0);
	ASSERT_EQ(drmGetDevice2(fd, 0, &dev), 0);
	snprintf(address, sizeof(address), "%04x:%02x:%02x.%x",
		 dev->businfo.pci->domain, dev->businfo.pci->bus,
		 dev->businfo.pci->dev, dev->businfo.pci->func);
	drmFreeDevice(&dev);
	return fd;
}

/* It works again, and has nothing of before. */
static void bind_again(void)
{
	struct dmashare_ledger l;
	struct bo bo;
	int fd;

	driver_control(address, "bind");
	fd = dms_open();
	l = ledger_get(fd, 0);
	ASSERT_EQ(l.live_buffers, 0);
	bo = dms_create_mapped(fd, PAGE, "again");
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, ONES));
	ASSERT(all_bytes(bo.map, PAGE, 1));
}

static void calls_give_enodev(void)
{
	struct drm_dmashare_get_param p = { 0 };
	struct drm_dmashare_job noop = dms_job_noop(0);
	struct drm_dmashare_submit s = { 0 };
	struct drm_dmashare_bo_info info;
	struct dmashare_ledger l;
	int fd = open_device();
	struct bo bo = dms_create(fd, PAGE, "gone"), other;

	driver_control(address, "unbind");
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p), ENODEV);
	ASSERT_REFUSED("any", dms_try_create(fd, PAGE, 0, "", &other), ENODEV);
	ASSERT_ERRNO(dms_try_info(fd, bo.handle, &info), ENODEV);
	ASSERT_ERRNO(dms_try_submit(fd, &s, &noop, 1), ENODEV);
	ASSERT_ERRNO(ledger_try_get(fd, 0, sizeof(l), &l), ENODEV);
	ASSERT_ERRNO(dms_try_export(fd, bo.handle, DRM_CLOEXEC), ENODEV);
	close(fd);
	bind_again();
}

static void bytes_stay(void)
{
	int fd = open_device(), dmabuf;
	struct bo bo = dms_create_mapped(fd, 8 * PAGE, "stays");
	uint8_t *p;

	dmabuf = dms_export(fd, bo.handle);
	pattern_fill(bo.map, bo.size, 1);
	dms_crc(fd, &bo, 0, bo.size);
	driver_control(address, "unbind");
	ASSERT(pattern_check(bo.map, bo.size, 1));
	p = mmap(NULL, bo.size, PROT_READ, MAP_SHARED, dmabuf, 0);
	if (p != MAP_FAILED)
		ASSERT(pattern_check(p, bo.size, 1));
	else
		ASSERT_EQ(errno, ENODEV);
	bind_again();
	ASSERT(pattern_check(bo.map, bo.size, 1));
}

static void job_on_the_device(void)
{
	int fd = open_device(), fence, dmabuf;
	struct bo bo = dms_create_mapped(fd, PAGE, "held");
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(3000 * SEC),
		dms_job_fill(&bo, 0, PAGE, ONES),
	};

	dmabuf = dms_export(fd, bo.handle);
	fence = dms_submit_fence(fd, 0, 0, jobs, 2);
	ASSERT_EQ(poll_now(dmabuf, POLLIN), 0);
	driver_control(address, "unbind");
	ASSERT_EQ(fence_finish(fence), ENODEV);
	poll_until(dmabuf, POLLIN | POLLOUT);
	ASSERT(all_bytes(bo.map, PAGE, 0));
	bind_again();
}

static void job_that_waits(void)
{
	int fd = open_device();
	struct bo bo = dms_create_mapped(fd, PAGE, "waits");
	struct drm_dmashare_job job = dms_job_fill(&bo, 0, PAGE, ONES);
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
	};
	struct hold h = hold_sync_file(&s.in_fence_fd);

	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	driver_control(address, "unbind");
	hold_release(&h);
	ASSERT_EQ(fence_finish(s.out_fence_fd), ENODEV);
	ASSERT(all_bytes(bo.map, PAGE, 0));
	bind_again();
}

static void while_vgem_has_it(void)
{
	int fd = open_device(), vgem = vgem_open(), dmabuf;
	struct bo bo = dms_create(fd, PAGE, "at vgem");
	uint32_t handle;

	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	driver_control(address, "unbind");
	close(fd);
	close(dmabuf);
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	bind_again();
}

/* A new importer comes too late. */
static void refuses_importers(void)
{
	int fd = open_device(), vgem = vgem_open(), dmabuf;
	struct bo bo = dms_create(fd, PAGE, "late");
	uint32_t handle;

	dmabuf = dms_export(fd, bo.handle);
	driver_control(address, "unbind");
	ASSERT_ERRNO(drmPrimeFDToHandle(vgem, dmabuf, &handle), ENODEV);
	bind_again();
}

static void with_imports(void)
{
	struct foreign f[N_EXPORTERS];
	int fd = open_device();
	struct bo there;
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		f[i] = exporters[i].create(4 * PAGE);
		there = dms_import(fd, f[i].dmabuf);
		dms_run_ok(fd, dms_job_fill(&there, 0, 4 * PAGE, ONES));
	}
	driver_control(address, "unbind");
	for (i = 0; i < N_EXPORTERS; i++)
		ASSERT(all_bytes(f[i].map, 4 * PAGE, 1));
	close(fd);
	for (i = 0; i < N_EXPORTERS; i++)
		foreign_destroy(&f[i]);
	bind_again();
}

static const struct ktap_case cases[] = {
	KTAP_CASE(calls_give_enodev),
	KTAP_CASE(bytes_stay),
	KTAP_CASE(job_on_the_device),
	KTAP_CASE(job_that_waits),
	KTAP_CASE(while_vgem_has_it),
	KTAP_CASE(refuses_importers),
	KTAP_CASE(with_imports),
};

int main(int argc, char **argv)
{
	int fd = open_device(), status;

	/* The children inherit the address; the file is theirs alone. */
	close(fd);
	status = ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
	close(open_device());
	return status;
}
