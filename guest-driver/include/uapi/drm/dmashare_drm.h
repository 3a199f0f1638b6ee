/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * dmashare: the driver's interface to user space
 *
 * A DRM render node. Beside the ioctls below a client uses the generic ones:
 * PRIME_HANDLE_TO_FD (exports with the driver's own dma_buf_ops),
 * PRIME_FD_TO_HANDLE (imports as BO_IMPORT with flags 0 does), GEM_CLOSE and
 * the SYNCOBJ family.
 *
 * Unless an ioctl says otherwise any client of the render node may call it,
 * unknown flag bits and non-zero padding give EINVAL, a pointer that cannot be
 * read or written gives EFAULT, a GEM handle that the client does not have gives
 * ENOENT, a device that is gone gives ENODEV (also if that happens meanwhile), a
 * signal while waiting gives EINTR or a restart, and lack of kernel memory gives
 * ENOMEM. What takes a command of the device
 * (BO_CREATE, BO_IMPORT, BO_MOVE, SUBMIT of a buffer that is not mapped yet,
 * LEDGER, PRIME imports and exports) gives EIO if the device does not answer,
 * is being reset, or did not come back from a reset, and the errno that the
 * device's control plane was told to have it fail with, if it was.
 *
 * Version 1.0 of the driver; 1.1: PARAM_TIMELINE, PARAM_NUM_TIMELINES, and the
 * members timeline and seqno of JOB_RESULT; 1.2: PARAM_PEER_FREE, BO_SHARE,
 * BO_UNSHARE, BO_PUBLISH, and the PEER family; 1.3: PARAM_MAX_CONTEXTS to
 * PARAM_RENDER_RINGS, OP_RENDER to OP_DOWNLOAD, and the ioctls of rendering.
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
#define DRM_DMASHARE_BO_IMPORT		0x07
#define DRM_DMASHARE_BO_MOVE		0x08
#define DRM_DMASHARE_BO_UNMAP		0x09
#define DRM_DMASHARE_BO_VMAP		0x0a
#define DRM_DMASHARE_BO_SHARE		0x0b
#define DRM_DMASHARE_BO_UNSHARE		0x0c
#define DRM_DMASHARE_BO_PUBLISH		0x0d
#define DRM_DMASHARE_PEER_NEXT		0x0e
#define DRM_DMASHARE_PEER_OPEN		0x0f
#define DRM_DMASHARE_PEER_STATE		0x10
#define DRM_DMASHARE_PEER_ACQUIRE	0x11
#define DRM_DMASHARE_PEER_RELEASE	0x12
#define DRM_DMASHARE_CONTEXT_CREATE	0x13
#define DRM_DMASHARE_CONTEXT_DESTROY	0x14
#define DRM_DMASHARE_RESOURCE_CREATE	0x15
#define DRM_DMASHARE_RESOURCE_DESTROY	0x16
#define DRM_DMASHARE_RESOURCE_ADD	0x17
#define DRM_DMASHARE_RESOURCE_REMOVE	0x18
#define DRM_DMASHARE_RENDER_STATE	0x19
#define DRM_DMASHARE_RENDER_CAPSET	0x1a

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
 * @DRM_DMASHARE_PARAM_LOCAL_SIZE: bytes of local memory, 0 without any
 * @DRM_DMASHARE_PARAM_LOCAL_FREE: of those, bytes not in use now
 * @DRM_DMASHARE_PARAM_P2P: 1 when this driver and kernel can give importers
 *	addresses in BAR4
 * @DRM_DMASHARE_PARAM_TIMELINE: (since 1.1) on which of the device's timelines the
 *	fences of this file's jobs are; @value is the job queue to begin with. Below
 *	NUM_QUEUES it is one that is shared with other files and with moves, for
 *	the device had no other left; above it is this file's alone. The same until
 *	the file is closed.
 * @DRM_DMASHARE_PARAM_NUM_TIMELINES: (since 1.1) the device's timelines
 * @DRM_DMASHARE_PARAM_PEER_FREE: (since 1.2) bytes of the window for buffers of
 *	another VM that are in no use, of the half that can only be read
 * @DRM_DMASHARE_PARAM_MAX_CONTEXTS: (since 1.3) contexts that there can be of all
 *	clients together; 0 of a device that does not render, as all that follow
 * @DRM_DMASHARE_PARAM_MAX_RESOURCES: (since 1.3) resources, likewise
 * @DRM_DMASHARE_PARAM_MAX_RENDER: (since 1.3) bytes of one job's commands, or of
 *	one upload or download
 * @DRM_DMASHARE_PARAM_RENDER_BYTES: (since 1.3) bytes of all resources of all
 *	clients together, as the device counts them
 * @DRM_DMASHARE_PARAM_RENDER_RINGS: (since 1.3) rings of a context
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
	DRM_DMASHARE_PARAM_LOCAL_SIZE	= 8,
	DRM_DMASHARE_PARAM_LOCAL_FREE	= 9,
	DRM_DMASHARE_PARAM_P2P		= 10,
	DRM_DMASHARE_PARAM_TIMELINE	= 11,
	DRM_DMASHARE_PARAM_NUM_TIMELINES = 12,
	DRM_DMASHARE_PARAM_PEER_FREE	= 13,
	DRM_DMASHARE_PARAM_MAX_CONTEXTS	= 14,
	DRM_DMASHARE_PARAM_MAX_RESOURCES = 15,
	DRM_DMASHARE_PARAM_MAX_RENDER	= 16,
	DRM_DMASHARE_PARAM_RENDER_BYTES	= 17,
	DRM_DMASHARE_PARAM_RENDER_RINGS	= 18,
};

/**
 * struct drm_dmashare_get_param - DRM_IOCTL_DMASHARE_GET_PARAM
 * @param: in: enum drm_dmashare_param
 * @pad: in: must be zero
 * @value: out; TIMELINE: in: job queue
 *
 * EINVAL: unknown @param, no such job queue. EIO: DEVICE_TIME of a device that does
 * not answer.
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

/*
 * Personalities: each makes a buffer behave as one of some other kind of
 * exporter does, so that one device stands in for many. They can be combined
 * unless said otherwise.
 *
 * What its pages in the system placement are (at most one of the three; EINVAL):
 *  SCATTERED	single pages, no two neighbours of which are adjacent in memory
 *  CONTIGUOUS	one run of adjacent pages; BO_CREATE gives ENOMEM when there is
 *		none, E2BIG when the kernel never has one so long
 *  HUGE	naturally aligned runs of 2 MiB; size a multiple of that (EINVAL)
 *
 * What it exports:
 *  STATIC	no pin, no unpin: the buffer stays where it was created. BO_MOVE
 *		gives EOPNOTSUPP.
 *  DYNAMIC	all twelve callbacks. Without either flag a buffer is dynamic if
 *		the device has local memory, else static; with both, EINVAL.
 *  NO_MMAP	mmap of the dma-buf gives EINVAL, as from an exporter without it
 *  NO_VMAP	vmap gives EINVAL, likewise
 *  NO_ATTACH	every attachment is refused with EOPNOTSUPP
 *  READ_ONLY	only mappings of direction to-device are given (EACCES), CPU
 *		access for writing and writable mmap give EACCES
 */
#define DRM_DMASHARE_BO_SCATTERED	(1 << 1)
#define DRM_DMASHARE_BO_CONTIGUOUS	(1 << 2)
#define DRM_DMASHARE_BO_HUGE		(1 << 3)
#define DRM_DMASHARE_BO_STATIC		(1 << 4)
#define DRM_DMASHARE_BO_DYNAMIC		(1 << 5)
#define DRM_DMASHARE_BO_NO_MMAP		(1 << 6)
#define DRM_DMASHARE_BO_NO_VMAP		(1 << 7)
#define DRM_DMASHARE_BO_NO_ATTACH	(1 << 8)
#define DRM_DMASHARE_BO_READ_ONLY	(1 << 9)

/*
 * Forget one kind of sync, as a driver with that bug would: what then goes
 * wrong can be seen on a device that is not coherent. BEGIN and END: the
 * buffer's begin_cpu_access and end_cpu_access sync nothing; MAP and UNMAP: its
 * mappings for dmashare devices are made and ended with SKIP_SYNC. Permissions
 * as BO_STALE_DMA.
 */
#define DRM_DMASHARE_BO_SKIP_BEGIN	(1 << 10)
#define DRM_DMASHARE_BO_SKIP_END	(1 << 11)
#define DRM_DMASHARE_BO_SKIP_MAP	(1 << 12)
#define DRM_DMASHARE_BO_SKIP_UNMAP	(1 << 13)

/**
 * struct drm_dmashare_bo_create - DRM_IOCTL_DMASHARE_BO_CREATE
 * @size: in: bytes, not 0; out: rounded up to whole pages
 * @placement: in: enum dmashare_placement of the device interface (0: system)
 * @flags: in: DRM_DMASHARE_BO_*
 * @name: in: for people (ledger, debugfs, trace), padded with zeros
 * @handle: out: GEM handle
 * @buffer: out: the buffer's id in the device
 *
 * EINVAL: size 0 or too large to round up, unknown placement or flag, flags
 * that exclude each other. EOPNOTSUPP: the device has no such placement.
 * ENOSPC: the device's limit of buffers is reached, or no room in local memory
 * and nothing there that could be moved out. E2BIG, ENOMEM, EPERM: see the flags.
 *
 * A buffer in local memory has no pages in system memory, and gets them when
 * it is moved there. Local memory is cleared before it is given out.
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
 * EOPNOTSUPP: an imported buffer; mmap the dma-buf. ENOSPC: no offset is left.
 */
struct drm_dmashare_bo_mmap {
	__u32 handle;
	__u32 pad;
	__u64 offset;
};

#define DRM_DMASHARE_BO_INFO_IMPORTED	(1 << 0) /* made by PRIME_FD_TO_HANDLE or BO_IMPORT */
#define DRM_DMASHARE_BO_INFO_MAPPED	(1 << 1) /* the device has a mapping */
#define DRM_DMASHARE_BO_INFO_DYNAMIC	(1 << 2) /* exports, or was imported, dynamically */
#define DRM_DMASHARE_BO_INFO_P2P	(1 << 3) /* imported: mapped by BAR addresses */

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
 * @pins: out: present number of pins (static importers, vmaps)
 * @pad: out: zero
 * @max_segment: out: bytes of the longest segment of the device's mapping
 * @moves: out: moves from one placement to another that were made; imported:
 *	mappings that a move of the exporter ended
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
	__u32 pins;
	__u32 pad;
	__u64 max_segment;
	__u64 moves;
};

/**
 * enum drm_dmashare_op - what a job does; see the device specification
 * @DRM_DMASHARE_OP_NOOP: takes @value ns of device time
 * @DRM_DMASHARE_OP_COPY: src to dst
 * @DRM_DMASHARE_OP_FILL: the 8 bytes of @value repeated into dst
 * @DRM_DMASHARE_OP_CHECKSUM: CRC32C of src
 * @DRM_DMASHARE_OP_RENDER: (since 1.3) the renderer does what the commands in src
 *	say; @value is the context, and a ring << 32. length is a multiple of 4
 * @DRM_DMASHARE_OP_UPLOAD: (since 1.3) src to a box of a resource; @value points
 *	to a struct drm_dmashare_transfer
 * @DRM_DMASHARE_OP_DOWNLOAD: (since 1.3) a box of a resource to dst, likewise
 *
 * The last three take rows 0 and as many bytes as PARAM_MAX_RENDER at most.
 */
enum drm_dmashare_op {
	DRM_DMASHARE_OP_NOOP		= 0,
	DRM_DMASHARE_OP_COPY		= 1,
	DRM_DMASHARE_OP_FILL		= 2,
	DRM_DMASHARE_OP_CHECKSUM	= 3,
	DRM_DMASHARE_OP_RENDER		= 4,
	DRM_DMASHARE_OP_UPLOAD		= 5,
	DRM_DMASHARE_OP_DOWNLOAD	= 6,
};

/**
 * struct drm_dmashare_transfer - a box of one level of a resource, since 1.3
 * @resource: of this file
 * @level: of the resource
 * @stride: bytes from row to row of the operand; 0: as long as the level's rows
 * @layer_stride: bytes from layer to layer; 0: as many as the level's layers have
 * @x: pixels, or bytes of a BUFFER
 * @y: rows
 * @z: slices, or layers
 * @width: as @x; not 0
 * @height: as @y; not 0
 * @depth: as @z; not 0
 *
 * y, z, height and depth are at most 65535. What the renderer finds wrong with
 * it fails the job with EPROTO, and hurts nobody else.
 */
struct drm_dmashare_transfer {
	__u32 resource;
	__u32 level;
	__u32 stride;
	__u32 layer_stride;
	__u32 x;
	__u32 y;
	__u32 z;
	__u32 width;
	__u32 height;
	__u32 depth;
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
 * without a fence. ENOENT: also no such syncobj handle, context or resource. EBADF:
 * @in_fence_fd is not a file. EOPNOTSUPP: a job of rendering, and the device does
 * not. ENOSPC: too many results are kept; read some.
 * EFBIG: the buffer cannot be mapped within the device's constraints. An imported
 * buffer whose mapping ended is mapped again, and what the exporter says to that
 * is returned.
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

/*
 * What the driver itself has the fences of jobs fail with: ETIMEDOUT, the job
 * took longer than the module parameter job_timeout_ms; ECANCELED, the device
 * had it when it was reset for another reason (another job, a queue that
 * stopped, a function-level reset); EIO, the device failed (a fatal error, an
 * error of the bus, a link that is down) or did not come back from a reset;
 * ENODEV, it was removed; ESRCH, the file was closed before the job's turn
 * came. All other errnos are those that the device interface gives for @status;
 * with the status COMMANDED any.
 *
 * Those of rendering among them: EPROTO, the commands of this job, or its box, were
 * wrong; ENOTRECOVERABLE, its context or resource was lost before; ETIMEDOUT, the
 * renderer hung in this job; ECONNRESET, the renderer ended and this was another of
 * its jobs.
 */

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
 * @timeline: out: (since 1.1) the device's timeline that the fence is on
 * @pad: out: zero
 * @seqno: out: (since 1.1) where on it; 0 when the device never had the job. With
 *	@timeline the name of the fence for the control plane, and so there also
 *	with ETIME and EINTR; as long as the device does not have the job both are 0
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
	__u32 timeline;
	__u32 pad;
	__u64 seqno;
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
 */
struct drm_dmashare_ledger_query {
	__u32 handle;
	__u32 length;
	__u64 data;
};

/* A static attachment, mapped at once and as long as the buffer lives. */
#define DRM_DMASHARE_IMPORT_STATIC	(1 << 0)
/* A dynamic one that does not take BAR addresses. */
#define DRM_DMASHARE_IMPORT_NO_P2P	(1 << 1)
/* Map for one direction only; jobs against it fail. Neither: bidirectional. */
#define DRM_DMASHARE_IMPORT_READ	(1 << 2)	/* to-device */
#define DRM_DMASHARE_IMPORT_WRITE	(1 << 3)	/* from-device */
/* As BO_SKIP_MAP and BO_SKIP_UNMAP, for this device's mapping. */
#define DRM_DMASHARE_IMPORT_SKIP_MAP	(1 << 4)
#define DRM_DMASHARE_IMPORT_SKIP_UNMAP	(1 << 5)

/**
 * struct drm_dmashare_bo_import - DRM_IOCTL_DMASHARE_BO_IMPORT
 * @fd: in: of a dma-buf
 * @flags: in: DRM_DMASHARE_IMPORT_*
 * @handle: out: GEM handle; a new buffer each time, unless the dma-buf is this
 *	device's own, of which the handle is the exported buffer's
 * @buffer: out: the buffer's id in the device
 *
 * Imports as PRIME_FD_TO_HANDLE does, but says how. A dynamic import (without
 * STATIC) maps at once, so that what cannot work is refused here; when the
 * exporter moves the buffer the mapping ends, and the next job makes a new one.
 *
 * EBADF: @fd is not a file. EINVAL: not a dma-buf, unknown flag, READ and WRITE
 * both. EFBIG: the device cannot have such segments (too many, too long, above
 * its DMA width). ENOSPC: a limit of the device is reached. EPERM: SKIP_* as
 * BO_STALE_DMA. Otherwise what the exporter's attach or map returns: of a
 * dmashare exporter EOPNOTSUPP (NO_ATTACH), EACCES (READ_ONLY), EBUSY (pinned
 * in local memory, which the importer cannot reach).
 */
struct drm_dmashare_bo_import {
	__s32 fd;
	__u32 flags;
	__u32 handle;
	__u32 buffer;
};

/* Return when the move is done, not when it is arranged. */
#define DRM_DMASHARE_MOVE_WAIT		(1 << 0)

/**
 * struct drm_dmashare_bo_move - DRM_IOCTL_DMASHARE_BO_MOVE
 * @handle: in
 * @placement: in: enum dmashare_placement
 * @flags: in: DRM_DMASHARE_MOVE_*
 * @pad: in: must be zero
 *
 * Importers are told, the engine copies the bytes when all fences of the buffer
 * have signalled, and a KERNEL fence in its reservation holds everybody off
 * until that is done. The buffer being there already is success.
 *
 * EINVAL: unknown placement or flag. EOPNOTSUPP: no such placement, an imported
 * or a STATIC buffer, or another VM's. EBUSY: pinned. ENOSPC: no room in local
 * memory and nothing there that could be moved out. EINTR: a signal came before the
 * move was arranged, or, with WAIT, while it was waited for.
 */
struct drm_dmashare_bo_move {
	__u32 handle;
	__u32 placement;
	__u32 flags;
	__u32 pad;
};

/**
 * struct drm_dmashare_bo_unmap - DRM_IOCTL_DMASHARE_BO_UNMAP
 * @handle: in
 * @pad: in: must be zero
 *
 * Ends the device's mapping of the buffer when the jobs that use it are done;
 * the next job maps it again. What drivers that map for one transfer at a time
 * do. Not mapped is success.
 *
 * EINTR: a signal came while waiting for the jobs. EBUSY: it is shared (BO_SHARE), or
 * was and has not moved since: the device needs the mapping to put the pages out of
 * the reach of clients in the end.
 */
struct drm_dmashare_bo_unmap {
	__u32 handle;
	__u32 pad;
};

#define DRM_DMASHARE_VMAP_IOMEM		(1 << 0) /* out: it was I/O memory */
#define DRM_DMASHARE_VMAP_DIFFER	(1 << 1) /* out: see @count */
#define DRM_DMASHARE_VMAP_MAX		16

/**
 * struct drm_dmashare_bo_vmap - DRM_IOCTL_DMASHARE_BO_VMAP
 * @handle: in
 * @count: in: how often to map before the first unmap, 1..DRM_DMASHARE_VMAP_MAX;
 *	an exporter counts, so all are at one address, and with an exporter that
 *	does not do so VMAP_DIFFER is set
 * @offset: in: bytes
 * @length: in: bytes, not 0
 * @checksum: out: CRC32C of the range, read through the mapping
 * @flags: out: DRM_DMASHARE_VMAP_*
 *
 * Maps the buffer for the kernel with dma_buf_vmap(), by way of a dma-buf of it
 * if it is the device's own, brackets the read with begin_cpu_access and
 * end_cpu_access, and unmaps.
 *
 * EINVAL: @count, a range past the end; or what the exporter's vmap or
 * begin_cpu_access returns.
 */
struct drm_dmashare_bo_vmap {
	__u32 handle;
	__u32 count;
	__u64 offset;
	__u64 length;
	__u32 checksum;
	__u32 flags;
};

/* Clients may ask to write. */
#define DRM_DMASHARE_SHARE_WRITE	(1 << 0)

/**
 * struct drm_dmashare_bo_share - DRM_IOCTL_DMASHARE_BO_SHARE, since 1.2
 * @handle: in
 * @flags: in: DRM_DMASHARE_SHARE_*
 * @fourcc: in: DRM_FORMAT_* of the contents, 0 for bytes
 * @width: in: pixels, or 0
 * @height: in: rows, or 0
 * @stride: in: bytes from row to row, or 0
 * @name: in: what clients call it, padded with zeros; all zeros: the buffer's name
 * @share: out: the share's id on the host
 * @pad: in: must be zero
 *
 * Lets programs of the host, and other VMs, have the very pages of the buffer, as
 * long as it lives or until BO_UNSHARE. The buffer can still move: its pages are
 * taken back then, and those of the new place are shared. A client that wants to
 * read or write holds the buffer meanwhile: a fence in its reservation, which
 * fails with ETIMEDOUT (the client's deadline passed), ECONNRESET (the client
 * vanished) or any errno that the client gave.
 *
 * Shared already: what it says of the contents is replaced, if that is something
 * else, and clients have to open it anew; EBUSY if @flags differ.
 * EOPNOTSUPP: the device shares nothing, the buffer is imported or another VM's, the
 * host cannot pass such pages, or the device reaches them by a bounce buffer. EACCES:
 * WRITE, and the host permits reading alone, or the buffer was created with
 * READ_ONLY. EINVAL: @stride * @height over the buffer's size. ENOSPC: as many are
 * shared as can be, or it is too large.
 */
struct drm_dmashare_bo_share {
	__u32 handle;
	__u32 flags;
	__u32 fourcc;
	__u32 width;
	__u32 height;
	__u32 stride;
	__u8 name[32];
	__u32 share;
	__u32 pad;
};

/**
 * struct drm_dmashare_bo_unshare - DRM_IOCTL_DMASHARE_BO_UNSHARE, since 1.2
 * @handle: in
 * @pad: in: must be zero
 *
 * Clients are told, and their fences fail with ECANCELED. What a client has
 * still mapped it may still see, until the buffer moves or is freed. ENOENT: also
 * if it is not shared.
 */
struct drm_dmashare_bo_unshare {
	__u32 handle;
	__u32 pad;
};

/* Return a sync_file in @fence_fd. */
#define DRM_DMASHARE_FENCE_OUT		(1U << 31)

/**
 * struct drm_dmashare_bo_publish - DRM_IOCTL_DMASHARE_BO_PUBLISH, since 1.2
 * @handle: in: a buffer that is shared
 * @flags: in: DRM_DMASHARE_FENCE_OUT or 0
 * @sequence: in: the caller's number for the contents, not 0
 * @deadline_ns: in: device time that clients have, 1 ns to one hour
 * @fence_fd: out: with FENCE_OUT
 * @pad: in: must be zero
 *
 * Tells clients that the buffer has new contents, as soon as those who write to it
 * now (fences of its reservation) are done, and the clients of earlier contents.
 * Returns at once; until every client that subscribed has released the contents, a
 * fence in the reservation makes whoever wants to write wait. It signals at once
 * where nobody subscribed, and fails as said at BO_SHARE, ECANCELED if the buffer
 * moved, was not shared any more, or the device was reset meanwhile.
 *
 * EINVAL: not shared, @sequence 0, @deadline_ns. ENOSPC: 64 contents of the buffer
 * wait to be published.
 */
struct drm_dmashare_bo_publish {
	__u32 handle;
	__u32 flags;
	__u64 sequence;
	__u64 deadline_ns;
	__s32 fence_fd;
	__u32 pad;
};

#define DRM_DMASHARE_PEER_WRITE		(1 << 0) /* may be, or is to be, written */
#define DRM_DMASHARE_PEER_SUBSCRIBE	(1 << 1) /* its owner waits for us */
#define DRM_DMASHARE_PEER_WITHDRAWN	(1 << 2) /* its owner took it back, or is gone */
#define DRM_DMASHARE_PEER_CONTENT	(1 << 3) /* with the next contents */

/**
 * struct drm_dmashare_peer_next - DRM_IOCTL_DMASHARE_PEER_NEXT, since 1.2
 * @after: in: id of the last one that the caller knows, 0 to begin with
 * @peer: out: id of the first foreign buffer after that, which is not withdrawn
 * @timeout_ns: in: how long to wait for one; 0: not at all, negative: for ever
 * @size: out: bytes
 * @sequence: out: of its last contents, 0: none yet
 * @flags: out: DRM_DMASHARE_PEER_WRITE
 * @fourcc: out: as its owner says, as all that follows; nobody checked it
 * @width: out: pixels, or 0
 * @height: out: rows, or 0
 * @stride: out: bytes, or 0
 * @share: out: its id on the host
 * @name: out: its owner's name for it
 * @device: out: its owner
 *
 * Ids grow, and are never used again until the module is loaded anew. ETIME:
 * none in time. EOPNOTSUPP: the device has no window.
 */
struct drm_dmashare_peer_next {
	__u32 after;
	__u32 peer;
	__s64 timeout_ns;
	__u64 size;
	__u64 sequence;
	__u32 flags;
	__u32 fourcc;
	__u32 width;
	__u32 height;
	__u32 stride;
	__u32 share;
	__u8 name[32];
	__u8 device[32];
};

/**
 * struct drm_dmashare_peer_open - DRM_IOCTL_DMASHARE_PEER_OPEN, since 1.2
 * @peer: in: id of a foreign buffer
 * @flags: in: DRM_DMASHARE_PEER_WRITE, DRM_DMASHARE_PEER_SUBSCRIBE
 * @handle: out: GEM handle of a buffer of placement PEER
 * @buffer: out: the buffer's id in the device
 *
 * The buffer is the other VM's memory itself, in the window behind BAR4: it can
 * be used in jobs, mapped with BO_MMAP, and exported, and stays where it is: an
 * importer that does not take BAR addresses cannot attach to it (EBUSY).
 * Without WRITE jobs and mappings that write to it are refused with EACCES. It
 * is opened once at a time. When its owner takes it back it reads as zeros,
 * jobs fail with ESTALE, and new mappings of it are refused with ESTALE.
 *
 * ENOENT: no such foreign buffer, or withdrawn. EBUSY: it is open. EACCES:
 * WRITE, and its owner permits reading alone. ENOSPC: no room in the window, or
 * a limit of the device. EOPNOTSUPP: what the owner passed cannot be mapped
 * safely.
 */
struct drm_dmashare_peer_open {
	__u32 peer;
	__u32 flags;
	__u32 handle;
	__u32 buffer;
};

/**
 * struct drm_dmashare_peer_state - DRM_IOCTL_DMASHARE_PEER_STATE, since 1.2
 * @handle: in: made by PEER_OPEN
 * @flags: out: DRM_DMASHARE_PEER_*
 * @peer: out: id of the foreign buffer
 * @pad: in: must be zero
 * @sequence: out: of the last contents that were published
 * @acquired: out: of those that were last granted to PEER_ACQUIRE
 *
 * That it is WITHDRAWN takes a moment to come from the owner, who may have used the
 * memory for something else by then. Whoever has read it by the CPU, and is granted
 * a PEER_ACQUIRE that he asked for afterwards, has read the buffer's bytes.
 *
 * EINVAL: not made by PEER_OPEN.
 */
struct drm_dmashare_peer_state {
	__u32 handle;
	__u32 flags;
	__u32 peer;
	__u32 pad;
	__u64 sequence;
	__u64 acquired;
};

/**
 * struct drm_dmashare_peer_acquire - DRM_IOCTL_DMASHARE_PEER_ACQUIRE, since 1.2
 * @handle: in: made by PEER_OPEN
 * @flags: in: DRM_DMASHARE_PEER_WRITE, DRM_DMASHARE_PEER_CONTENT,
 *	DRM_DMASHARE_FENCE_OUT
 * @deadline_ns: in: how long we hold it at most, in the owner's device time, 1 ns
 *	to one hour; 0 with CONTENT, where the owner has said so
 * @fence_fd: out: with FENCE_OUT
 * @pad: in: must be zero
 *
 * Asks the owner to let us have the buffer, and returns at once. A fence is
 * added to its reservation, which all users here wait for as for a writer's; it
 * signals when the owner is done with what it did, and fails with what the
 * owner refused it with, ECONNRESET if the owner is gone, ECANCELED if it took
 * the buffer back or the device was reset. What was refused, or has ended by its
 * deadline, may be acquired again without a PEER_RELEASE.
 *
 * EINVAL: not made by PEER_OPEN, CONTENT of a buffer opened without SUBSCRIBE or
 * together with WRITE, @deadline_ns. EBUSY: it is acquired. EACCES: WRITE, and it was
 * opened without. ESTALE: withdrawn. ENOSPC: too many.
 */
struct drm_dmashare_peer_acquire {
	__u32 handle;
	__u32 flags;
	__u64 deadline_ns;
	__s32 fence_fd;
	__u32 pad;
};

/**
 * struct drm_dmashare_peer_release - DRM_IOCTL_DMASHARE_PEER_RELEASE, since 1.2
 * @handle: in: made by PEER_OPEN, and acquired
 * @error: in: 0, or the positive errno that the owner's fence is to fail with
 *
 * Gives the buffer back as soon as all that uses it now (every fence of its
 * reservation) is done; returns at once. If @error is 0 and a fence of this
 * device's jobs among them failed, its errno is passed on. Before it was granted,
 * and if nothing waits for that, it is cancelled: the fence of PEER_ACQUIRE fails
 * with ECANCELED. Closing the last handle does the same as error ECANCELED.
 *
 * EINVAL: not made by PEER_OPEN, not acquired, @error.
 */
struct drm_dmashare_peer_release {
	__u32 handle;
	__u32 error;
};

/*
 * Rendering (FEATURE_RENDER), since 1.3
 *
 * A context has state and takes commands, by jobs of OP_RENDER; a resource is a
 * texture or a buffer of the renderer's own. Both belong to the file that made
 * them, by which alone they can be named in any ioctl, and end with it. Commands
 * name resources by the number that RESOURCE_CREATE gave; a context can use those
 * that were added to it, and no others.
 *
 * Either may be lost, for ever. Jobs that name it then fail with ENOTRECOVERABLE,
 * and RENDER_STATE says why:
 *
 *	EPROTO		commands of the context were wrong, which the fence of their
 *			job has failed with; or the renderer refused to make it
 *	ETIMEDOUT	the renderer hung, and was ended
 *	ECONNRESET	the renderer ended
 *	ECANCELED	the device was reset, or slept
 *	ENOTRECOVERABLE	a job found it lost, and nothing else was heard of that
 *
 * Wrong commands take one context, a renderer or a device that ends takes all contexts
 * and resources. What is lost is still to be destroyed; its number is not given to anybody
 * before. Buffers, and jobs that do not render, have nothing to do with any of it.
 *
 * A device that does not render answers each of the ioctls with EOPNOTSUPP.
 */

/**
 * struct drm_dmashare_context_create - DRM_IOCTL_DMASHARE_CONTEXT_CREATE, since 1.3
 * @capset: in: DMASHARE_CAPSET_* of the device interface
 * @context: out: its number, not 0
 * @name: in: for people, padded with zeros
 *
 * EINVAL: unknown @capset. ENOSPC: there are as many as can be. ECONNRESET: the
 * renderer has ended; another one is started by this, but not more often than
 * once a second, so ask again.
 */
struct drm_dmashare_context_create {
	__u32 capset;
	__u32 context;
	__u8 name[32];
};

/**
 * struct drm_dmashare_context_destroy - DRM_IOCTL_DMASHARE_CONTEXT_DESTROY, since 1.3
 * @context: in: of this file
 * @pad: in: must be zero
 *
 * Jobs of the context that were submitted before are still done. ENOENT: no such
 * context of this file.
 */
struct drm_dmashare_context_destroy {
	__u32 context;
	__u32 pad;
};

/**
 * struct drm_dmashare_resource_create - DRM_IOCTL_DMASHARE_RESOURCE_CREATE, since 1.3
 * @target: in: enum dmashare_target of the device interface
 * @format: in: of the protocol "virgl", as @bind and @flags
 * @bind: in
 * @flags: in
 * @width: in: pixels; bytes of a BUFFER
 * @height: in: rows, 1 where the target has none, as the next two
 * @depth: in
 * @array_size: in
 * @last_level: in
 * @nr_samples: in
 * @resource: out: its number, not 0, for jobs and for commands
 * @pad: in: must be zero
 *
 * What is in it before something was written there is not defined. EINVAL: unknown
 * @target, or dimensions that a device cannot have of it. What else the renderer does
 * not like makes the resource one that is lost. ENOSPC: there are as many, or as many
 * bytes, as can be. ECONNRESET: as of CONTEXT_CREATE.
 */
struct drm_dmashare_resource_create {
	__u32 target;
	__u32 format;
	__u32 bind;
	__u32 flags;
	__u32 width;
	__u32 height;
	__u32 depth;
	__u32 array_size;
	__u32 last_level;
	__u32 nr_samples;
	__u32 resource;
	__u32 pad;
};

/**
 * struct drm_dmashare_resource_destroy - DRM_IOCTL_DMASHARE_RESOURCE_DESTROY, since 1.3
 * @resource: in: of this file
 * @pad: in: must be zero
 *
 * Uploads and downloads that were submitted before are still done. Commands that
 * name it are not looked into: they have to be done, or else their context is lost.
 * ENOENT: no such resource of this file.
 */
struct drm_dmashare_resource_destroy {
	__u32 resource;
	__u32 pad;
};

/**
 * struct drm_dmashare_resource_pair - DRM_IOCTL_DMASHARE_RESOURCE_ADD and
 *	DRM_IOCTL_DMASHARE_RESOURCE_REMOVE, since 1.3
 * @context: in: of this file
 * @resource: in: of this file
 *
 * The context may use the resource from now on, or may not any more. Both may be
 * done twice. ENOENT: no such context or resource of this file. ENOTRECOVERABLE:
 * one of them was lost.
 */
struct drm_dmashare_resource_pair {
	__u32 context;
	__u32 resource;
};

/**
 * struct drm_dmashare_render_state - DRM_IOCTL_DMASHARE_RENDER_STATE, since 1.3
 * @context: in: of this file; 0: a resource is asked about
 * @resource: in: of this file; 0: a context is asked about
 * @error: out: 0, or the errno that it was lost with
 * @pad: in: must be zero
 *
 * That the renderer refused it may be known later than when it was created; who
 * wants to be certain waits for a job that names it. EINVAL: both or none. ENOENT:
 * no such context or resource of this file.
 */
struct drm_dmashare_render_state {
	__u32 context;
	__u32 resource;
	__u32 error;
	__u32 pad;
};

/**
 * struct drm_dmashare_render_capset - DRM_IOCTL_DMASHARE_RENDER_CAPSET, since 1.3
 * @capset: in: DMASHARE_CAPSET_* of the device interface
 * @length: in: bytes of room at @data, a multiple of 8, 8..4096
 * @data: in: pointer to where the renderer's set of capabilities goes
 * @size: out: bytes of it, which may be more than @length; what is after it is
 *	zeros
 * @pad: in: must be zero
 *
 * EINVAL: @length. ENOENT: the renderer has no such set. EBUSY: it has just been
 * started, ask again.
 */
struct drm_dmashare_render_capset {
	__u32 capset;
	__u32 length;
	__u64 data;
	__u32 size;
	__u32 pad;
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
#define DRM_IOCTL_DMASHARE_BO_IMPORT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_IMPORT, struct drm_dmashare_bo_import)
#define DRM_IOCTL_DMASHARE_BO_MOVE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_BO_MOVE, struct drm_dmashare_bo_move)
#define DRM_IOCTL_DMASHARE_BO_UNMAP \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_BO_UNMAP, struct drm_dmashare_bo_unmap)
#define DRM_IOCTL_DMASHARE_BO_VMAP \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_VMAP, struct drm_dmashare_bo_vmap)
#define DRM_IOCTL_DMASHARE_BO_SHARE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_SHARE, struct drm_dmashare_bo_share)
#define DRM_IOCTL_DMASHARE_BO_UNSHARE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_BO_UNSHARE, struct drm_dmashare_bo_unshare)
#define DRM_IOCTL_DMASHARE_BO_PUBLISH \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_BO_PUBLISH, struct drm_dmashare_bo_publish)
#define DRM_IOCTL_DMASHARE_PEER_NEXT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_PEER_NEXT, struct drm_dmashare_peer_next)
#define DRM_IOCTL_DMASHARE_PEER_OPEN \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_PEER_OPEN, struct drm_dmashare_peer_open)
#define DRM_IOCTL_DMASHARE_PEER_STATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_PEER_STATE, struct drm_dmashare_peer_state)
#define DRM_IOCTL_DMASHARE_PEER_ACQUIRE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_PEER_ACQUIRE, struct drm_dmashare_peer_acquire)
#define DRM_IOCTL_DMASHARE_PEER_RELEASE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_PEER_RELEASE, struct drm_dmashare_peer_release)
#define DRM_IOCTL_DMASHARE_CONTEXT_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_CONTEXT_CREATE, struct drm_dmashare_context_create)
#define DRM_IOCTL_DMASHARE_CONTEXT_DESTROY \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_CONTEXT_DESTROY, \
		struct drm_dmashare_context_destroy)
#define DRM_IOCTL_DMASHARE_RESOURCE_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_RESOURCE_CREATE, \
		 struct drm_dmashare_resource_create)
#define DRM_IOCTL_DMASHARE_RESOURCE_DESTROY \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_RESOURCE_DESTROY, \
		struct drm_dmashare_resource_destroy)
#define DRM_IOCTL_DMASHARE_RESOURCE_ADD \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_RESOURCE_ADD, struct drm_dmashare_resource_pair)
#define DRM_IOCTL_DMASHARE_RESOURCE_REMOVE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_DMASHARE_RESOURCE_REMOVE, struct drm_dmashare_resource_pair)
#define DRM_IOCTL_DMASHARE_RENDER_STATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_RENDER_STATE, struct drm_dmashare_render_state)
#define DRM_IOCTL_DMASHARE_RENDER_CAPSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DMASHARE_RENDER_CAPSET, struct drm_dmashare_render_capset)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_DMASHARE_DRM_H_ */
