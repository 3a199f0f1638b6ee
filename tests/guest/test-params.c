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

static void unknown_param(void)
{
	int fd = dms_open();

	ASSERT_ERRNO(try_param(fd, DRM_DMASHARE_PARAM_P2P + 1, 0), EINVAL);
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
