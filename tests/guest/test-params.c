// SPDX-License-Identifier: GPL-2.0-or-later
/* The device node, GET_PARAM, and what every ioctl refuses in common. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"

static int try_param(int fd, uint32_t param, uint32_t pad)
{
	struct drm_dmashare_get_param p = { .param = param, .pad = pad };

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p);
}

static void driver_name(void)
{
	int fd = dms_open();
	drmVersionPtr v = drmGetVersion(fd);

	ASSERT(v);
	ASSERT_MSG(!strcmp(v->name, "dmashare"), "driver is called %s", v->name);
	ASSERT(v->desc_len > 0);
	drmFreeVersion(v);
}

static void render_node(void)
{
	int fd = dms_open();

	ASSERT_EQ(drmGetNodeTypeFromFd(fd), DRM_NODE_RENDER);
}

static void bus_is_pci(void)
{
	drmDevicePtr dev = NULL;
	int fd = dms_open();

	ASSERT_EQ(drmGetDevice2(fd, 0, &dev), 0);
	ASSERT_EQ(dev->bustype, DRM_BUS_PCI);
	ASSERT_EQ(dev->deviceinfo.pci->vendor_id, DMASHARE_PCI_VENDOR_ID);
	ASSERT_EQ(dev->deviceinfo.pci->device_id, DMASHARE_PCI_DEVICE_ID);
	drmFreeDevice(&dev);
}

static void capabilities(void)
{
	uint64_t value = 0;
	int fd = dms_open();

	ASSERT_OK(drmGetCap(fd, DRM_CAP_PRIME, &value));
	ASSERT_EQ(value, DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT);
	ASSERT_OK(drmGetCap(fd, DRM_CAP_SYNCOBJ, &value));
	ASSERT_EQ(value, 1);
	ASSERT_OK(drmGetCap(fd, DRM_CAP_SYNCOBJ_TIMELINE, &value));
	ASSERT_EQ(value, 1);
}

static void version(void)
{
	uint64_t v = dms_param(dms_open(), DRM_DMASHARE_PARAM_VERSION);

	ASSERT_EQ(v >> 16, DMASHARE_VERSION_MAJOR);
	/* Any minor will do; nothing else may be in the value. */
	ASSERT_EQ(v >> 32, 0);
}

static void features(void)
{
	uint64_t known = DMASHARE_FEATURE_LOCAL | DMASHARE_FEATURE_NONCOHERENT |
			 DMASHARE_FEATURE_RENDER | DMASHARE_FEATURE_SHARE;

	ASSERT_EQ(dms_param(dms_open(), DRM_DMASHARE_PARAM_FEATURES) & ~known, 0);
}

static void limits(void)
{
	int fd = dms_open();
	uint64_t queues = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	uint64_t bits = dms_param(fd, DRM_DMASHARE_PARAM_DMA_BITS);

	ASSERT_MSG(queues >= 1 && queues <= DMASHARE_MAX_JOB_QUEUES, "%llu job queues",
		   (unsigned long long)queues);
	ASSERT_MSG(bits >= 24 && bits <= 64, "%llu DMA bits", (unsigned long long)bits);
	ASSERT(dms_param(fd, DRM_DMASHARE_PARAM_MAX_SEGMENTS) >= 1);
	ASSERT(dms_param(fd, DRM_DMASHARE_PARAM_MAX_JOB_BYTES) >= 4096);
}

static void iommu_translates(void)
{
	ASSERT_EQ(dms_param(dms_open(), DRM_DMASHARE_PARAM_IOMMU), 1);
}

static void device_time_runs(void)
{
	int fd = dms_open();
	uint64_t before = dms_time(fd), now;
	unsigned int i;

	/* A clock that stands still would never get past this many readings. */
	for (i = 0; i < 1000; i++) {
		now = dms_time(fd);
		ASSERT(now >= before);
		if (now > before)
			return;
	}
	FAIL("device time stands still at %llu ns", (unsigned long long)before);
}

static uint64_t timeline_of(int fd, uint64_t queue)
{
	struct drm_dmashare_get_param p = {
		.param = DRM_DMASHARE_PARAM_TIMELINE,
		.value = queue,
	};

	ASSERT_OK(drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p));
	return p.value;
}

/* Each file has its own on each queue, the same until it is closed. */
static void timelines(void)
{
	struct drm_dmashare_get_param p = { .param = DRM_DMASHARE_PARAM_TIMELINE };
	int fd = dms_open(), other = dms_open();
	uint64_t q, queues = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES);
	uint64_t n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_TIMELINES), mine, theirs;
	struct drm_dmashare_job noop = dms_job_noop(0);
	struct drm_dmashare_job_result r;

	ASSERT(n > 3 * queues);
	for (q = 0; q < queues; q++) {
		mine = timeline_of(fd, q);
		theirs = timeline_of(other, q);
		ASSERT(mine >= queues && mine < n && theirs >= queues && theirs < n);
		ASSERT_NE(mine, theirs);
		ASSERT_EQ(timeline_of(fd, q), mine);
		noop.flags = DRM_DMASHARE_JOB_WANT_RESULT;
		ASSERT_EQ(fence_finish(dms_submit_fence(fd, q, 0, &noop, 1)), 0);
		r = dms_result(fd, noop.id);
		ASSERT_EQ(r.timeline, mine);
		ASSERT(r.seqno > 0);
	}
	p.value = queues;
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p), EINVAL);
	p.value = UINT64_MAX;
	ASSERT_ERRNO(drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p), EINVAL);
}

/* As many as there are; who comes later shares, and gets one when it is free. */
static void timelines_run_out(void)
{
	int fd = dms_open(), file[512], late;
	uint64_t n = dms_param(fd, DRM_DMASHARE_PARAM_NUM_TIMELINES);
	uint64_t queues = dms_param(fd, DRM_DMASHARE_PARAM_NUM_QUEUES), i, shared = 0;

	ASSERT(n <= ARRAY_SIZE(file));
	for (i = 0; i < n; i++) {
		file[i] = dms_open();
		shared += timeline_of(file[i], 0) < queues;
	}
	ASSERT(shared >= queues);
	ASSERT_EQ(timeline_of(file[n - 1], 0), 0);
	close(file[0]);
	/* The one that shares goes on doing so. */
	ASSERT_EQ(timeline_of(file[n - 1], 0), 0);
	late = dms_open();
	ASSERT(timeline_of(late, 1) >= queues);
	for (i = 1; i < n; i++)
		close(file[i]);
}

static void unknown_param(void)
{
	int fd = dms_open();

	ASSERT_ERRNO(try_param(fd, DRM_DMASHARE_PARAM_RENDER_RINGS + 1, 0), EINVAL);
	ASSERT_ERRNO(try_param(fd, UINT32_MAX, 0), EINVAL);
}

static void param_padding(void)
{
	int fd = dms_open();

	ASSERT_OK(try_param(fd, DRM_DMASHARE_PARAM_VERSION, 0));
	ASSERT_ERRNO(try_param(fd, DRM_DMASHARE_PARAM_VERSION, 1), EINVAL);
}

static void bad_pointer(void)
{
	int fd = dms_open();

	ASSERT_ERRNO(ioctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, (void *)8), EFAULT);
	ASSERT_ERRNO(ioctl(fd, DRM_IOCTL_DMASHARE_BO_CREATE, NULL), EFAULT);
	ASSERT_ERRNO(ioctl(fd, DRM_IOCTL_DMASHARE_SUBMIT, (void *)-4096L), EFAULT);
}

/* The struct lies across the end of what the process may read. */
static void half_a_struct(void)
{
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = dms_open();

	ASSERT(p != MAP_FAILED);
	ASSERT_OK(munmap(p + page, page));
	ASSERT_ERRNO(ioctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, p + page - 8), EFAULT);
}

static void read_only_struct(void)
{
	struct drm_dmashare_get_param *p;
	int fd = dms_open();

	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(p != MAP_FAILED);
	ASSERT_ERRNO(ioctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, p), EFAULT);
}

static void unknown_ioctl(void)
{
	struct drm_dmashare_get_param p = { 0 };
	int fd = dms_open();

	ASSERT_ERRNO(ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_LEDGER + 1,
					struct drm_dmashare_get_param), &p), EINVAL);
}

static void ordinary_user(void)
{
	int fd = dms_open();

	drop_privileges();
	ASSERT_EQ(dms_param(fd, DRM_DMASHARE_PARAM_VERSION) >> 16, DMASHARE_VERSION_MAJOR);
	ASSERT_EQ(dms_create(fd, 4096, "user").size, 4096);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(driver_name),
	KTAP_CASE(render_node),
	KTAP_CASE(bus_is_pci),
	KTAP_CASE(capabilities),
	KTAP_CASE(version),
	KTAP_CASE(features),
	KTAP_CASE(limits),
	KTAP_CASE(iommu_translates),
	KTAP_CASE(device_time_runs),
	KTAP_CASE(timelines),
	KTAP_CASE(timelines_run_out),
	KTAP_CASE(unknown_param),
	KTAP_CASE(param_padding),
	KTAP_CASE(bad_pointer),
	KTAP_CASE(half_a_struct),
	KTAP_CASE(read_only_struct),
	KTAP_CASE(unknown_ioctl),
	KTAP_CASE(ordinary_user),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
