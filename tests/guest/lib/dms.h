/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare for test programs: the driver's ioctls with as little in between
 * as possible. Functions called dms_try_* return what the kernel said (-1 and
 * errno on failure), so that a test can ask for a failure; the others end the
 * case when they fail.
 */
#ifndef DMASHARE_TEST_DMS_H
#define DMASHARE_TEST_DMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <drm/dmashare_drm.h>
#include <dmashare/abi.h>

#define MSEC		1000000ull
#define SEC		1000000000ull

/* How long anything that should happen soon may take on a slow machine. */
#define SOON_MS		20000
#define SOON_NS		(SOON_MS * (int64_t)MSEC)

/* The monotonic clock's time that far from now. */
int64_t soon(void);

/* A buffer of the device, mapped for the CPU when @map is not NULL. */
struct bo {
	int fd;
	uint32_t handle;
	uint32_t id;		/* in the device */
	uint64_t size;
	uint8_t *map;
};

/* Opens DRM node @index, from 0, of the driver; -1 when there is none. */
int drm_open_driver(const char *driver, bool primary, unsigned int index);

/* Opens the first dmashare render node; the case fails when there is none. */
int dms_open(void);
/* The same of dmashare render node @index, from 0. */
int dms_open_nth(unsigned int index);

uint64_t dms_param(int fd, uint32_t param);

/* Device (virtual) time in ns. */
uint64_t dms_time(int fd);

int dms_try_create(int fd, uint64_t size, uint32_t flags, const char *name,
		   struct bo *bo);
struct bo dms_create(int fd, uint64_t size, const char *name);
/* In a placement, with DRM_DMASHARE_BO_* flags. */
int dms_try_create_in(int fd, uint64_t size, uint32_t placement, uint32_t flags,
		      const char *name, struct bo *bo);
struct bo dms_create_in(int fd, uint64_t size, uint32_t placement, uint32_t flags,
			const char *name);
/* As dms_create() and dms_map(). */
struct bo dms_create_mapped(int fd, uint64_t size, const char *name);
/* Maps the buffer through the DRM file. */
void dms_map(struct bo *bo);
/* Unmaps and closes the handle. */
void dms_destroy(struct bo *bo);
int dms_try_close(int fd, uint32_t handle);

int dms_try_info(int fd, uint32_t handle, struct drm_dmashare_bo_info *info);
struct drm_dmashare_bo_info dms_info(int fd, uint32_t handle);

/* PRIME: a dma-buf of the handle, readable and writable. */
int dms_export(int fd, uint32_t handle);
int dms_try_export(int fd, uint32_t handle, uint32_t flags);
/* PRIME: the handle of a dma-buf; @bo gets id and size, no CPU mapping. */
struct bo dms_import(int fd, int dmabuf);
int dms_try_import(int fd, int dmabuf, uint32_t *handle);
/* BO_IMPORT, with DRM_DMASHARE_IMPORT_* flags. */
int dms_try_import_as(int fd, int dmabuf, uint32_t flags, uint32_t *handle);
struct bo dms_import_as(int fd, int dmabuf, uint32_t flags);

/* BO_MOVE; the second form waits until the buffer is there. */
int dms_try_move(int fd, uint32_t handle, uint32_t placement, uint32_t flags);
void dms_move(const struct bo *bo, uint32_t placement);

/* BO_UNMAP: ends the device's mapping. */
void dms_unmap(const struct bo *bo);

/* BO_VMAP of the range, @count times at once. */
int dms_try_vmap(int fd, struct drm_dmashare_bo_vmap *v);
struct drm_dmashare_bo_vmap dms_vmap(const struct bo *bo, uint64_t offset,
				     uint64_t length, uint32_t count);

/* Jobs. */
struct drm_dmashare_job dms_job_noop(uint64_t ns);
struct drm_dmashare_job dms_job_copy(const struct bo *dst, uint64_t dst_offset,
				     const struct bo *src, uint64_t src_offset,
				     uint64_t length);
struct drm_dmashare_job dms_job_fill(const struct bo *dst, uint64_t offset,
				     uint64_t length, uint64_t value);
struct drm_dmashare_job dms_job_crc(const struct bo *src, uint64_t offset,
				    uint64_t length);

/* Submits as the struct says; jobs and n_jobs are filled in. */
int dms_try_submit(int fd, struct drm_dmashare_submit *s,
		   struct drm_dmashare_job *jobs, unsigned int n);
/* The same with @flags on @queue and nothing else. */
void dms_submit(int fd, uint32_t queue, uint32_t flags,
		struct drm_dmashare_job *jobs, unsigned int n);
/* Submits and returns the sync_file of the last job. */
int dms_submit_fence(int fd, uint32_t queue, uint32_t flags,
		     struct drm_dmashare_job *jobs, unsigned int n);

/* Submits one job that waits for the sync_file @in besides; returns its own. */
int dms_submit_after(int fd, uint32_t queue, uint32_t flags, int in,
		     struct drm_dmashare_job job);

/*
 * Submits on queue 0, waits for the last job and returns the status of its
 * fence: 0 or a positive errno.
 */
int dms_run(int fd, struct drm_dmashare_job *jobs, unsigned int n);
/* As dms_run(), of one job; the case fails when the job does. */
void dms_run_ok(int fd, struct drm_dmashare_job job);

/* The outcome of a job that was submitted with WANT_RESULT. */
int dms_try_result(int fd, uint64_t id, int64_t timeout_ns,
		   struct drm_dmashare_job_result *r);
struct drm_dmashare_job_result dms_result(int fd, uint64_t id);

/* CRC32C of a range, computed by the device. */
uint32_t dms_crc(int fd, const struct bo *src, uint64_t offset, uint64_t length);

/**
 * struct shared - a buffer of the first device, and a dma-buf of it
 * @fd: the device
 * @bo: the buffer, mapped
 * @dmabuf: the dma-buf
 */
struct shared {
	int fd;
	struct bo bo;
	int dmabuf;
};

/* Opens the first device and makes one; @name is the buffer's. */
struct shared dms_create_shared(size_t size, const char *name);

/* Fills memory with a pattern that depends on every bit of @seed. */
void pattern_fill(void *p, size_t len, uint64_t seed);
/* Whether the bytes are that pattern; says where they first differ. */
bool pattern_check(const void *p, size_t len, uint64_t seed);
/* Whether every byte is @value. */
bool all_bytes(const void *p, size_t len, uint8_t value);

/*
 * Physical address of a page that this process has mapped and touched, from
 * /proc/self/pagemap; 0 when it cannot be told. Needs CAP_SYS_ADMIN.
 */
uint64_t physical_address(const void *p);

/* Becomes an ordinary user for the rest of the process. */
void drop_privileges(void);

/* Reads a small file (of /proc or /sys) as a string; NULL when it is absent. */
char *read_file(const char *path);

#endif /* DMASHARE_TEST_DMS_H */
