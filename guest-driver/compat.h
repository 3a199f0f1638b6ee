/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only file with kernel version checks.
 *
 * The driver is written for Linux 6.12 and for 7.3; each helper here is named
 * after what the driver wants, and hides how one of the two spells it.
 */
#ifndef DMASHARE_COMPAT_H
#define DMASHARE_COMPAT_H

#include <linux/crc32.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/module.h>
#include <linux/version.h>

#include <drm/gpu_scheduler.h>

/* Symbol namespaces became strings in 6.13. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define DMASHARE_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#else
#define DMASHARE_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#endif

/* drm_driver.date went away in 6.14; before, the version ioctl wants one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define DMASHARE_DRIVER_DATE
#else
#define DMASHARE_DRIVER_DATE	.date = "20261121",
#endif

/* What timedout_job returns when the job was dealt with. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define DMASHARE_SCHED_STAT_RECOVERED	DRM_GPU_SCHED_STAT_RESET
#else
#define DMASHARE_SCHED_STAT_RECOVERED	DRM_GPU_SCHED_STAT_NOMINAL
#endif

/*
 * What timedout_job returns when there is nothing wrong with the job. Before the
 * scheduler could be told, one had to put the job back where it was taken from; and
 * to look whether it was done meanwhile, for nobody could free it then.
 */
static inline enum drm_gpu_sched_stat dmashare_sched_no_hang(struct drm_sched_job *job)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return DRM_GPU_SCHED_STAT_NO_HANG;
#else
	struct drm_gpu_scheduler *sched = job->sched;

	spin_lock(&sched->job_list_lock);
	list_add(&job->list, &sched->pending_list);
	spin_unlock(&sched->job_list_lock);
	if (!READ_ONCE(sched->pause_submit))
		queue_work(sched->submit_wq, &sched->work_free_job);

	return DRM_GPU_SCHED_STAT_NOMINAL;
#endif
}

/* dma_fence_ops.use_64bit_seqno became an initialiser of its own in 6.17. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define DMASHARE_FENCE_OPS_64BIT
#else
#define DMASHARE_FENCE_OPS_64BIT	.use_64bit_seqno = true,
#endif

/* The importer's callback for memory that moves has a new name since 7.0. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define DMASHARE_INVALIDATE	invalidate_mappings
#else
#define DMASHARE_INVALIDATE	move_notify
#endif

/* And so has the exporter's call for it. The reservation lock is held. */
static inline void dmashare_dma_buf_invalidate(struct dma_buf *dmabuf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	dma_buf_invalidate_mappings(dmabuf);
#else
	dma_buf_move_notify(dmabuf);
#endif
}

/*
 * Providers of peer-to-peer memory without struct pages, and a helper that maps
 * their addresses for an importer, came with 6.19.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0) && IS_ENABLED(CONFIG_PCI_P2PDMA)
#define DMASHARE_P2P_PROVIDER	1
#endif

/* Drivers may have dma-heaps of their own since 7.0. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0) && IS_ENABLED(CONFIG_DMABUF_HEAPS)
#define DMASHARE_HEAP		1
#endif

/*
 * Would the core map a dynamic attachment to this dma-buf at once, and for both
 * directions? Before 6.16 it did if the exporter is not dynamic; a static
 * attachment is then the better one, for there is nothing to be told of.
 */
static inline bool dmashare_attach_maps(struct dma_buf *dmabuf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	return false;
#else
	return !dma_buf_is_dynamic(dmabuf);
#endif
}

/* CRC32C without inversions; before 6.15 the one of the library was a module. */
static inline u32 dmashare_crc32c(u32 crc, const void *p, size_t length)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	return crc32c(crc, p, length);
#else
	return __crc32c_le(crc, p, length);
#endif
}

static inline void dmashare_dma_fence_init(struct dma_fence *fence,
					   const struct dma_fence_ops *ops,
					   spinlock_t *lock, u64 context,
					   u64 seqno)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	dma_fence_init64(fence, ops, lock, context, seqno);
#else
	dma_fence_init(fence, ops, lock, context, seqno);
#endif
}

/* Somebody waits for it; the function has a shorter name in 7.3. */
static inline void dmashare_dma_fence_enable(struct dma_fence *fence)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	dma_fence_enable_signaling(fence);
#else
	dma_fence_enable_sw_signaling(fence);
#endif
}

/* One run queue: every client of a job queue has the same priority. */
static inline int dmashare_sched_init(struct drm_gpu_scheduler *sched,
				      const struct drm_sched_backend_ops *ops,
				      struct workqueue_struct *submit_wq,
				      u32 credits, long timeout,
				      struct workqueue_struct *timeout_wq,
				      const char *name, struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	const struct drm_sched_init_args args = {
		.ops = ops,
		.submit_wq = submit_wq,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = credits,
		.timeout = timeout,
		.timeout_wq = timeout_wq,
		.name = name,
		.dev = dev,
	};

	return drm_sched_init(sched, &args);
#else
	return drm_sched_init(sched, ops, submit_wq, DRM_SCHED_PRIORITY_COUNT,
			      credits, 0, timeout, timeout_wq, NULL, name, dev);
#endif
}

/* Jobs left without a hardware fence end with -ECANCELED on every kernel. */
static inline void dmashare_sched_start(struct drm_gpu_scheduler *sched)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	drm_sched_start(sched, -ECANCELED);
#else
	drm_sched_start(sched);
#endif
}

/*
 * The client id came with 6.17 and was taken into some stable kernels as well,
 * so it is the type of the function that tells, not the version.
 */
static inline int dmashare_sched_job_init(struct drm_sched_job *job,
					  struct drm_sched_entity *entity,
					  u64 client_id)
{
	typedef int with_id(struct drm_sched_job *job,
			    struct drm_sched_entity *entity, u32 credits,
			    void *owner, u64 client_id);
	typedef int without_id(struct drm_sched_job *job,
			       struct drm_sched_entity *entity, u32 credits,
			       void *owner);
	void *init = &drm_sched_job_init;

	BUILD_BUG_ON(!__same_type(drm_sched_job_init, with_id) &&
		     !__same_type(drm_sched_job_init, without_id));
	if (__same_type(drm_sched_job_init, with_id))
		return ((with_id *)init)(job, entity, 1, NULL, client_id);
	return ((without_id *)init)(job, entity, 1, NULL);
}

#endif /* DMASHARE_COMPAT_H */
