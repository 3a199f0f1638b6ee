/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * dmashare: the driver's interface to user space
 *
 * A DRM render node. Beside the ioctls below a client uses the generic ones:
 * PRIME_HANDLE_TO_FD (exports with the driver's own dma_buf_ops),
 * PRIME_FD_TO_HANDLE (imports, attached and mapped for the device, both
 * directions), GEM_CLOSE and the SYNCOBJ family.
 *
 * Unless an ioctl says otherwise any client of the render node may call it,
 * unknown flag bits and non-zero padding give EINVAL, a pointer that cannot
 * be read or written gives EFAULT, a device that is gone gives ENODEV, a
 * signal while waiting gives EINTR or a restart, and lack of kernel memory
 * gives ENOMEM.
 */
#ifndef _UAPI_DMASHARE_DRM_H_
#define _UAPI_DMASHARE_DRM_H_

/* A distribution may have the DRM headers only where libdrm puts them. */
#if defined(__KERNEL__)
#include <drm/drm.h>
#else
#include <drm.h>
#endif

#if defined(__cplusplus)
extern "C" {
#endif

#define DRM_DMASHARE_GET_PARAM		0x00
#define DRM_DMASHARE_BO_CREATE		0x01
#define DRM_DMASHARE_BO_MMAP		0x02
#define DRM_DMASHARE_BO_INFO		0x03
#define DRM_DMASHARE_SUBMIT		0x04
#define DRM_DMASHARE_JOB_RESULT		0x05
#define DRM_DMASHARE_LEDGER		0x06

/**
 * enum drm_dmashare_param - what GET_PARAM can be asked
 * @DRM_DMASHARE_PARAM_VERSION: device interface version, major << 16 | minor
 * @DRM_DMASHARE_PARAM_FEATURES: DMASHARE_FEATURE_* bits of the device
 * @DRM_DMASHARE_PARAM_NUM_QUEUES: number of job queues
 * @DRM_DMASHARE_PARAM_MAX_SEGMENTS: per mapping
 * @DRM_DMASHARE_PARAM_DMA_BITS: width of a DMA address
 * @DRM_DMASHARE_PARAM_MAX_JOB_BYTES: bytes a job may touch per operand
 * @DRM_DMASHARE_PARAM_IOMMU: 1 when an IOMMU translates the device's DMA,
 *	0 when DMA addresses are physical ones
 * @DRM_DMASHARE_PARAM_DEVICE_TIME: device (virtual) time in ns
 */
enum drm_dmashare_param {
	DRM_DMASHARE_PARAM_VERSION	= 0,
	DRM_DMASHARE_PARAM_FEATURES	= 1,
	DRM_DMASHARE_PARAM_NUM_QUEUES	= 2,
	DRM_DMASHARE_PARAM_MAX_SEGMENTS	= 3,
	DRM_DMASHARE_PARAM_DMA_BITS	= 4,
	DRM_DMASHARE_PARAM_MAX_JOB_BYTES = 5,
	DRM_DMASHARE_PARAM_IOMMU	= 6,
	DRM_DMASHARE_PARAM_DEVICE_TIME	= 7,
};

/**
 * struct drm_dmashare_get_param - DRM_IOCTL_DMASHARE_GET_PARAM
 * @param: in: enum drm_dmashare_param
 * @pad: in: must be zero
 * @value: out
 *
 * EINVAL: unknown @param.
 */
struct drm_dmashare_get_param {
	__u32 param;
	__u32 pad;
	__u64 value;
};

/*
 * Makes every job that uses the buffer hit an address which the IOMMU does
 * not map: the driver hands the device a DMA address and then takes the
 * IOMMU mapping away again, as a driver with a use-after-unmap bug would.
 * Needs CAP_SYS_ADMIN and the module parameter unsafe_tests (EPERM), and an
 * IOMMU that translates (EOPNOTSUPP).
 */
#define DRM_DMASHARE_BO_STALE_DMA	(1 << 0)

/**
 * struct drm_dmashare_bo_create - DRM_IOCTL_DMASHARE_BO_CREATE
 * @size: in: bytes, not 0; out: rounded up to whole pages
 * @placement: in: enum dmashare_placement of the device interface (0: system)
 * @flags: in: DRM_DMASHARE_BO_*
 * @name: in: for people (ledger, debugfs, trace), padded with zeros
 * @handle: out: GEM handle
 * @buffer: out: the buffer's id in the device
 *
 * EINVAL: size 0 or too large to round up, unknown placement or flag.
 * EOPNOTSUPP: the device has no such placement. ENOSPC: the device's limit
 * of buffers is reached. EPERM: see the flag.
 */
struct drm_dmashare_bo_create {
	__u64 size;
	__u32 placement;
	__u32 flags;
	__u8 name[32];
	__u32 handle;
	__u32 buffer;
};

/**
 * struct drm_dmashare_bo_mmap - DRM_IOCTL_DMASHARE_BO_MMAP
 * @handle: in
 * @pad: in: must be zero
 * @offset: out: what to give mmap() on the DRM file as offset
 *
 * ENOENT: no such handle. EOPNOTSUPP: an imported buffer; mmap the dma-buf.
 */
struct drm_dmashare_bo_mmap {
	__u32 handle;
	__u32 pad;
	__u64 offset;
};

#define DRM_DMASHARE_BO_INFO_IMPORTED	(1 << 0) /* made by PRIME_FD_TO_HANDLE */
#define DRM_DMASHARE_BO_INFO_MAPPED	(1 << 1) /* the device has a mapping */

/**
 * struct drm_dmashare_bo_info - DRM_IOCTL_DMASHARE_BO_INFO
 * @handle: in
 * @flags: out: DRM_DMASHARE_BO_INFO_*
 * @size: out: bytes
 * @dma_addr: out: DMA address of byte 0 as the device sees it; 0 when not
 *	mapped, or for callers without CAP_SYS_ADMIN
 * @n_segments: out: segments in the device's mapping
 * @placement: out: enum dmashare_placement
 * @buffer: out: the buffer's id in the device
 * @mapping: out: the mapping's id in the device, 0 when not mapped
 *
 * ENOENT: no such handle.
 */
struct drm_dmashare_bo_info {
	__u32 handle;
	__u32 flags;
	__u64 size;
	__u64 dma_addr;
	__u32 n_segments;
	__u32 placement;
	__u32 buffer;
	__u32 mapping;
};

/**
 * enum drm_dmashare_op - what a job does; see the device specification
 * @DRM_DMASHARE_OP_NOOP: takes @value ns of device time
 * @DRM_DMASHARE_OP_COPY: src to dst
 * @DRM_DMASHARE_OP_FILL: the 8 bytes of @value repeated into dst
 * @DRM_DMASHARE_OP_CHECKSUM: CRC32C of src
 */
enum drm_dmashare_op {
	DRM_DMASHARE_OP_NOOP		= 0,
	DRM_DMASHARE_OP_COPY		= 1,
	DRM_DMASHARE_OP_FILL		= 2,
	DRM_DMASHARE_OP_CHECKSUM	= 3,
};

/**
 * struct drm_dmashare_operand - a range of a buffer
 * @handle: GEM handle; 0 for an operand that is not used
 * @pad: must be zero
 * @offset: bytes
 * @pitch: bytes from row to row, 0 with fewer than two rows
 */
struct drm_dmashare_operand {
	__u32 handle;
	__u32 pad;
	__u64 offset;
	__u64 pitch;
};

/* Keep the job's outcome for DRM_IOCTL_DMASHARE_JOB_RESULT. */
#define DRM_DMASHARE_JOB_WANT_RESULT	(1 << 0)

/**
 * struct drm_dmashare_job - one job of a submit
 * @op: in: enum drm_dmashare_op
 * @flags: in: DRM_DMASHARE_JOB_*
 * @src: in: read
 * @dst: in: written
 * @length: in: bytes, or bytes of a row
 * @value: in: by @op
 * @rows: in: 0 or 1 for one run of bytes
 * @pad: in: must be zero
 * @id: out: names the job in JOB_RESULT; not 0, unique in the file
 */
struct drm_dmashare_job {
	__u32 op;
	__u32 flags;
	struct drm_dmashare_operand src;
	struct drm_dmashare_operand dst;
	__u64 length;
	__u64 value;
	__u32 rows;
	__u32 pad;
	__u64 id;
};

/**
 * struct drm_dmashare_sync - a syncobj to wait for or to signal
 * @handle: syncobj handle
 * @pad: must be zero
 * @point: timeline point, 0 for a binary syncobj
 */
struct drm_dmashare_sync {
	__u32 handle;
	__u32 pad;
	__u64 point;
};

/* Neither wait for the buffers' reservations nor add the jobs' fences to them. */
#define DRM_DMASHARE_SUBMIT_NO_IMPLICIT	(1 << 0)
/* @in_fence_fd is a sync_file to wait for. */
#define DRM_DMASHARE_SUBMIT_IN_FENCE	(1 << 1)
/* Return a sync_file of the last job in @out_fence_fd. */
#define DRM_DMASHARE_SUBMIT_OUT_FENCE	(1 << 2)

#define DRM_DMASHARE_SUBMIT_MAX_JOBS	256
#define DRM_DMASHARE_SUBMIT_MAX_SYNCS	256

/**
 * struct drm_dmashare_submit - DRM_IOCTL_DMASHARE_SUBMIT
 * @jobs: in: pointer to @n_jobs struct drm_dmashare_job (ids are written)
 * @in_syncs: in: pointer to @n_in_syncs struct drm_dmashare_sync
 * @out_syncs: in: pointer to @n_out_syncs struct drm_dmashare_sync
 * @n_jobs: in: 1..DRM_DMASHARE_SUBMIT_MAX_JOBS
 * @n_in_syncs: in: 0..DRM_DMASHARE_SUBMIT_MAX_SYNCS
 * @n_out_syncs: in: 0..DRM_DMASHARE_SUBMIT_MAX_SYNCS
 * @queue: in: job queue, 0..NUM_QUEUES-1
 * @flags: in: DRM_DMASHARE_SUBMIT_*
 * @in_fence_fd: in: with IN_FENCE
 * @out_fence_fd: out: with OUT_FENCE
 * @pad: in: must be zero
 *
 * All jobs of the list are submitted or none. They run in order, after the
 * in-fences and, unless NO_IMPLICIT, after the fences of their buffers'
 * reservations that reading (src) or writing (dst) must wait for; then each
 * job's fence is added there as a reader's or a writer's. The out-fences
 * signal when the last job is done.
 *
 * EINVAL: unknown op or flag, counts out of range, an operand missing or not
 * wanted, a range past the end of its buffer, a bad sync_file or an in-sync
 * without a fence. ENOENT: no such GEM or syncobj handle. EBADF:
 * @in_fence_fd is not a file. ENOSPC: too many results are kept; read some.
 * EFBIG: the buffer cannot be mapped within the device's constraints.
 *
 * What fails later fails the fence, with the errno that the device's
 * specification gives for the status.
 */
struct drm_dmashare_submit {
	__u64 jobs;
	__u64 in_syncs;
	__u64 out_syncs;
	__u32 n_jobs;
	__u32 n_in_syncs;
	__u32 n_out_syncs;
	__u32 queue;
	__u32 flags;
	__s32 in_fence_fd;
	__s32 out_fence_fd;
	__u32 pad;
};

/* Results kept for one file before SUBMIT says ENOSPC. */
#define DRM_DMASHARE_MAX_RESULTS	4096

/**
 * struct drm_dmashare_job_result - DRM_IOCTL_DMASHARE_JOB_RESULT
 * @id: in: of a job submitted from this file with WANT_RESULT
 * @timeout_ns: in: how long to wait; 0 polls, negative waits for ever
 * @result: out: CHECKSUM: the CRC32C; else 0
 * @detail: out: DMA address a fault is about, else 0; 0 for callers without
 *	CAP_SYS_ADMIN
 * @status: out: enum dmashare_status of the device interface, or
 *	DRM_DMASHARE_STATUS_NOT_RUN
 * @error: out: 0 or the errno of the job's fence, positive
 *
 * The result is forgotten once it was returned. ENOENT: no such job, or its
 * result was read before. ETIME: not done in time; ask again.
 */
struct drm_dmashare_job_result {
	__u64 id;
	__s64 timeout_ns;
	__u64 result;
	__u64 detail;
	__u32 status;
	__u32 error;
};

/* The job never reached the device, or a reset took it. */
#define DRM_DMASHARE_STATUS_NOT_RUN	0xffffffff

/**
 * struct drm_dmashare_ledger_query - DRM_IOCTL_DMASHARE_LEDGER
 * @handle: in: GEM handle, or 0 for the device as a whole
 * @length: in: bytes of room at @data, a multiple of 8, 8..4096
 * @data: in: pointer to struct dmashare_ledger of the device interface
 *
 * Asks the device, after every note posted so far, for its ledger. A longer
 * @length than the device knows is filled with zeros. EINVAL: @length.
 * ENOENT: no such handle. EIO: the device did not answer.
 */
struct drm_dmashare_ledger_query {
	__u32 handle;
	__u32 length;
	__u64 data;
};

#define DRM_IOCTL_DMASHARE_GET_PARAM \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_GET_PARAM, struct drm_dmashare_get_param)
#define DRM_IOCTL_DMASHARE_BO_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_CREATE, struct drm_dmashare_bo_create)
#define DRM_IOCTL_DMASHARE_BO_MMAP \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_MMAP, struct drm_dmashare_bo_mmap)
#define DRM_IOCTL_DMASHARE_BO_INFO \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_INFO, struct drm_dmashare_bo_info)
#define DRM_IOCTL_DMASHARE_SUBMIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_SUBMIT, struct drm_dmashare_submit)
#define DRM_IOCTL_DMASHARE_JOB_RESULT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_JOB_RESULT, struct drm_dmashare_job_result)
#define DRM_IOCTL_DMASHARE_LEDGER \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_LEDGER, struct drm_dmashare_ledger_query)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_DMASHARE_DRM_H_ */
