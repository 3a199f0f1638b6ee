// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "dms.h"
#include "fence.h"
#include "ktap.h"

#define MAX_NODES	64

int drm_open_driver(const char *driver, bool primary, unsigned int index)
{
	unsigned int i;

	for (i = 0; i < MAX_NODES; i++) {
		drmVersionPtr version;
		char path[64];
		bool same;
		int fd;

		snprintf(path, sizeof(path), primary ? "/dev/dri/card%u" :
			 "/dev/dri/renderD%u", primary ? i : 128 + i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		same = version && !strcmp(version->name, driver);
		drmFreeVersion(version);
		if (same && !index--)
			return fd;
		close(fd);
	}
	errno = ENODEV;
	return -1;
}

int dms_open_nth(unsigned int index)
{
	int fd = drm_open_driver("dmashare", false, index);

	ASSERT_MSG(fd >= 0, "no render node %u of the driver dmashare: is the module loaded?",
		   index);
	return fd;
}

int dms_open(void)
{
	return dms_open_nth(0);
}

uint64_t dms_param(int fd, uint32_t param)
{
	struct drm_dmashare_get_param p = { .param = param };

	ASSERT_OK(drmIoctl(fd, DRM_IOCTL_DMASHARE_GET_PARAM, &p));
	return p.value;
}

uint64_t dms_time(int fd)
{
	return dms_param(fd, DRM_DMASHARE_PARAM_DEVICE_TIME);
}

int dms_try_create_in(int fd, uint64_t size, uint32_t placement, uint32_t flags,
		      const char *name, struct bo *bo)
{
	struct drm_dmashare_bo_create c = {
		.size = size,
		.placement = placement,
		.flags = flags,
	};

	memcpy(c.name, name, strnlen(name, sizeof(c.name)));
	if (drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_CREATE, &c))
		return -1;
	*bo = (struct bo){ .fd = fd, .handle = c.handle, .id = c.buffer, .size = c.size };
	return 0;
}

int dms_try_create(int fd, uint64_t size, uint32_t flags, const char *name,
		   struct bo *bo)
{
	return dms_try_create_in(fd, size, DMASHARE_PLACEMENT_SYSTEM, flags, name, bo);
}

struct bo dms_create_in(int fd, uint64_t size, uint32_t placement, uint32_t flags,
			const char *name)
{
	struct bo bo;

	ASSERT_OK(dms_try_create_in(fd, size, placement, flags, name, &bo));
	return bo;
}

struct bo dms_create(int fd, uint64_t size, const char *name)
{
	return dms_create_in(fd, size, DMASHARE_PLACEMENT_SYSTEM, 0, name);
}

void dms_map(struct bo *bo)
{
	struct drm_dmashare_bo_mmap m = { .handle = bo->handle };

	ASSERT_OK(drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m));
	bo->map = mmap(NULL, bo->size, PROT_READ | PROT_WRITE, MAP_SHARED, bo->fd, m.offset);
	ASSERT_MSG(bo->map != MAP_FAILED, "mmap of a buffer: %s", strerror(errno));
}

struct bo dms_create_mapped(int fd, uint64_t size, const char *name)
{
	struct bo bo = dms_create(fd, size, name);

	dms_map(&bo);
	return bo;
}

int dms_try_close(int fd, uint32_t handle)
{
	return drmCloseBufferHandle(fd, handle) ? -1 : 0;
}

void dms_destroy(struct bo *bo)
{
	if (bo->map)
		munmap(bo->map, bo->size);
	bo->map = NULL;
	ASSERT_OK(dms_try_close(bo->fd, bo->handle));
	bo->handle = 0;
}

int dms_try_info(int fd, uint32_t handle, struct drm_dmashare_bo_info *info)
{
	*info = (struct drm_dmashare_bo_info){ .handle = handle };
	return drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_INFO, info);
}

struct drm_dmashare_bo_info dms_info(int fd, uint32_t handle)
{
	struct drm_dmashare_bo_info info;

	ASSERT_OK(dms_try_info(fd, handle, &info));
	return info;
}

int dms_try_export(int fd, uint32_t handle, uint32_t flags)
{
	int dmabuf = -1;

	if (drmPrimeHandleToFD(fd, handle, flags, &dmabuf))
		return -1;
	return dmabuf;
}

int dms_export(int fd, uint32_t handle)
{
	int dmabuf = dms_try_export(fd, handle, DRM_CLOEXEC | DRM_RDWR);

	ASSERT_MSG(dmabuf >= 0, "PRIME export: %s", strerror(errno));
	return dmabuf;
}

int dms_try_import(int fd, int dmabuf, uint32_t *handle)
{
	return drmPrimeFDToHandle(fd, dmabuf, handle) ? -1 : 0;
}

struct bo dms_import(int fd, int dmabuf)
{
	struct drm_dmashare_bo_info info;
	uint32_t handle = 0;

	ASSERT_OK(dms_try_import(fd, dmabuf, &handle));
	info = dms_info(fd, handle);
	return (struct bo){ .fd = fd, .handle = handle, .id = info.buffer, .size = info.size };
}

int dms_try_import_as(int fd, int dmabuf, uint32_t flags, uint32_t *handle)
{
	struct drm_dmashare_bo_import i = { .fd = dmabuf, .flags = flags };

	if (drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_IMPORT, &i))
		return -1;
	*handle = i.handle;
	return 0;
}

struct bo dms_import_as(int fd, int dmabuf, uint32_t flags)
{
	struct drm_dmashare_bo_info info;
	uint32_t handle = 0;

	ASSERT_OK(dms_try_import_as(fd, dmabuf, flags, &handle));
	info = dms_info(fd, handle);
	return (struct bo){ .fd = fd, .handle = handle, .id = info.buffer, .size = info.size };
}

int dms_try_move(int fd, uint32_t handle, uint32_t placement, uint32_t flags)
{
	struct drm_dmashare_bo_move m = {
		.handle = handle,
		.placement = placement,
		.flags = flags,
	};

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_MOVE, &m);
}

void dms_move(const struct bo *bo, uint32_t placement)
{
	ASSERT_OK(dms_try_move(bo->fd, bo->handle, placement, DRM_DMASHARE_MOVE_WAIT));
	ASSERT_EQ(dms_info(bo->fd, bo->handle).placement, placement);
}

void dms_unmap(const struct bo *bo)
{
	struct drm_dmashare_bo_unmap u = { .handle = bo->handle };

	ASSERT_OK(drmIoctl(bo->fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &u));
}

int dms_try_vmap(int fd, struct drm_dmashare_bo_vmap *v)
{
	return drmIoctl(fd, DRM_IOCTL_DMASHARE_BO_VMAP, v);
}

struct drm_dmashare_bo_vmap dms_vmap(const struct bo *bo, uint64_t offset,
				     uint64_t length, uint32_t count)
{
	struct drm_dmashare_bo_vmap v = {
		.handle = bo->handle,
		.count = count,
		.offset = offset,
		.length = length,
	};

	ASSERT_OK(dms_try_vmap(bo->fd, &v));
	return v;
}

struct drm_dmashare_job dms_job_noop(uint64_t ns)
{
	return (struct drm_dmashare_job){ .op = DRM_DMASHARE_OP_NOOP, .value = ns };
}

struct drm_dmashare_job dms_job_copy(const struct bo *dst, uint64_t dst_offset,
				     const struct bo *src, uint64_t src_offset,
				     uint64_t length)
{
	return (struct drm_dmashare_job){
		.op = DRM_DMASHARE_OP_COPY,
		.src = { .handle = src->handle, .offset = src_offset },
		.dst = { .handle = dst->handle, .offset = dst_offset },
		.length = length,
	};
}

struct drm_dmashare_job dms_job_fill(const struct bo *dst, uint64_t offset,
				     uint64_t length, uint64_t value)
{
	return (struct drm_dmashare_job){
		.op = DRM_DMASHARE_OP_FILL,
		.dst = { .handle = dst->handle, .offset = offset },
		.length = length,
		.value = value,
	};
}

struct drm_dmashare_job dms_job_crc(const struct bo *src, uint64_t offset,
				    uint64_t length)
{
	return (struct drm_dmashare_job){
		.op = DRM_DMASHARE_OP_CHECKSUM,
		.flags = DRM_DMASHARE_JOB_WANT_RESULT,
		.src = { .handle = src->handle, .offset = offset },
		.length = length,
	};
}

int dms_try_submit(int fd, struct drm_dmashare_submit *s,
		   struct drm_dmashare_job *jobs, unsigned int n)
{
	s->jobs = (uintptr_t)jobs;
	s->n_jobs = n;
	return drmIoctl(fd, DRM_IOCTL_DMASHARE_SUBMIT, s);
}

void dms_submit(int fd, uint32_t queue, uint32_t flags,
		struct drm_dmashare_job *jobs, unsigned int n)
{
	struct drm_dmashare_submit s = { .queue = queue, .flags = flags };

	ASSERT_OK(dms_try_submit(fd, &s, jobs, n));
}

int dms_submit_fence(int fd, uint32_t queue, uint32_t flags,
		     struct drm_dmashare_job *jobs, unsigned int n)
{
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = flags | DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_fence_fd = -1,
	};

	ASSERT_OK(dms_try_submit(fd, &s, jobs, n));
	ASSERT_MSG(s.out_fence_fd >= 0, "no out-fence though it was asked for");
	return s.out_fence_fd;
}

int dms_submit_after(int fd, uint32_t queue, uint32_t flags, int in,
		     struct drm_dmashare_job job)
{
	struct drm_dmashare_submit s = {
		.queue = queue,
		.flags = flags | DRM_DMASHARE_SUBMIT_IN_FENCE |
			 DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.in_fence_fd = in,
		.out_fence_fd = -1,
	};

	ASSERT_OK(dms_try_submit(fd, &s, &job, 1));
	return s.out_fence_fd;
}

int dms_run(int fd, struct drm_dmashare_job *jobs, unsigned int n)
{
	return fence_finish(dms_submit_fence(fd, 0, 0, jobs, n));
}

void dms_run_ok(int fd, struct drm_dmashare_job job)
{
	int err = dms_run(fd, &job, 1);

	ASSERT_MSG(!err, "job of op %u failed: %s", job.op, strerror(err));
}

int dms_try_result(int fd, uint64_t id, int64_t timeout_ns,
		   struct drm_dmashare_job_result *r)
{
	*r = (struct drm_dmashare_job_result){ .id = id, .timeout_ns = timeout_ns };
	return drmIoctl(fd, DRM_IOCTL_DMASHARE_JOB_RESULT, r);
}

struct drm_dmashare_job_result dms_result(int fd, uint64_t id)
{
	struct drm_dmashare_job_result r;

	ASSERT_OK(dms_try_result(fd, id, SOON_NS, &r));
	return r;
}

uint32_t dms_crc(int fd, const struct bo *src, uint64_t offset, uint64_t length)
{
	struct drm_dmashare_job job = dms_job_crc(src, offset, length);
	struct drm_dmashare_job_result r;

	dms_submit(fd, 0, 0, &job, 1);
	r = dms_result(fd, job.id);
	ASSERT_MSG(r.status == DMASHARE_STATUS_OK && !r.error,
		   "CHECKSUM: status %#x, errno %u", r.status, r.error);
	ASSERT_EQ(r.result >> 32, 0);
	return r.result;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ull;
	x ^= x >> 29;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

struct shared dms_create_shared(size_t size, const char *name)
{
	struct shared s = { .fd = dms_open() };

	s.bo = dms_create_mapped(s.fd, size, name);
	s.dmabuf = dms_export(s.fd, s.bo.handle);
	return s;
}

void pattern_fill(void *p, size_t len, uint64_t seed)
{
	uint64_t word = 0;
	uint8_t *b = p;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!(i & 7))
			word = mix(mix(seed + 1) + i);
		b[i] = word >> 8 * (i & 7);
	}
}

bool pattern_check(const void *p, size_t len, uint64_t seed)
{
	const uint8_t *b = p;
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		uint8_t want;

		if (!(i & 7))
			word = mix(mix(seed + 1) + i);
		want = word >> 8 * (i & 7);
		if (b[i] != want) {
			ktap_diag("byte %zu of %zu is %#x, not %#x", i, len, b[i], want);
			return false;
		}
	}
	return true;
}

bool all_bytes(const void *p, size_t len, uint8_t value)
{
	const uint8_t *b = p;
	size_t i;

	for (i = 0; i < len; i++)
		if (b[i] != value) {
			ktap_diag("byte %zu of %zu is %#x, not %#x", i, len, b[i], value);
			return false;
		}
	return true;
}

uint64_t physical_address(const void *p)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t entry = 0;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / page * sizeof(entry)) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	/* Bit 63: present; bits 0..54: page frame number. */
	if (!(entry >> 63))
		return 0;
	return (entry & ((1ull << 55) - 1)) * page + (uintptr_t)p % page;
}

void drop_privileges(void)
{
	ASSERT_OK(setgroups(0, NULL));
	ASSERT_OK(setresgid(65534, 65534, 65534));
	ASSERT_OK(setresuid(65534, 65534, 65534));
}

char *read_file(const char *path)
{
	size_t room = 65536, used = 0;
	char *text;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	text = malloc(room);
	ASSERT(text);
	while (used < room - 1 && (n = read(fd, text + used, room - 1 - used)) > 0)
		used += n;
	close(fd);
	text[used] = 0;
	return text;
}

int64_t soon(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)SEC + now.tv_nsec + SOON_NS;
}
