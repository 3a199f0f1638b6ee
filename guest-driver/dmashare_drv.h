/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: what the files of the driver share
 *
 * Lock order, outermost first:
 *
 *	mmap_lock of a process (page faults)
 *	  dma_resv of a buffer
 *	    dmashare_share.lock
 *	      dmashare_device.state_sem
 *	    dmashare_device.move_lock
 *	      dmashare_local.lock, dmashare_window.lock
 *	        dma_fence.lock (dmashare_queue.fence_lock, dmashare_move.lock,
 *			dmashare_hold.lock)
 *	          dmashare_queue.lock, dmashare_control.lock, dmashare_events.lock,
 *			dmashare_holds.lock, dmashare_acquires.lock
 *	            the lock of a dmashare_render_table's xarray
 *
 * The five above the last one never nest. Fences are signalled with none of
 * them held, because a fence's callbacks may ask about other fences.
 *
 * To make room in local memory other buffers' reservations are taken while one
 * is held, and once with dmashare_local.lock: only ever those that are free.
 *
 * The end of a move (dmashare_move_end.c) takes move_lock and what is below it,
 * but no reservation: whoever holds one may wait for a move. So nobody waits for
 * memory to be freed with move_lock held. Nor is state_sem taken with it: a
 * reset holds that while it waits for the device's fences.
 */
#ifndef DMASHARE_DRV_H
#define DMASHARE_DRV_H

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dmapool.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_mm.h>
#include <drm/dmashare_drm.h>
#include <drm/gpu_scheduler.h>

#include <dmashare/abi.h>

#include "compat.h"
#include "dmashare_hold.h"
#include "dmashare_job.h"
#include "dmashare_peer.h"
#include "dmashare_queue.h"
#include "dmashare_render.h"
#include "dmashare_share.h"

#define DMASHARE_NAME "dmashare"

struct dmashare_backing;
struct dmashare_device;
struct dmashare_move;
struct sync_file;

/**
 * struct dmashare_limits - the device's constant registers
 * @version: major << 16 | minor
 * @features: DMASHARE_FEATURE_*
 * @dma_bits: width of a DMA address
 * @max_segments: of a mapping
 * @max_seg_size: bytes of a segment; U64_MAX without a limit
 * @boundary: power of two that no segment crosses; 0 for none
 * @num_queues: job queues
 * @max_entries: of a ring
 * @num_timelines: timelines
 * @max_job_bytes: a job may touch per operand
 * @max_holds: of clients and of ours, at once, of shared buffers
 * @local_size: bytes of local memory
 * @max_peers: foreign buffers that the device knows at once
 * @peer_offset: of the window, bytes in BAR4
 * @peer_size: bytes of half of it; 0 without one
 * @max_contexts: largest id of a context; 0 of a device that does not render, as
 *	the next ones
 * @max_resources: largest id of a resource
 * @max_render: bytes of a render job's operand
 * @render_bytes: bytes of all resources
 * @render_rings: rings of a context
 */
struct dmashare_limits {
	u32 version;
	u64 features;
	u32 dma_bits;
	u32 max_segments;
	u64 max_seg_size;
	u64 boundary;
	u32 num_queues;
	u32 max_entries;
	u32 num_timelines;
	u64 max_job_bytes;
	u32 max_holds;
	u64 local_size;
	u32 max_peers;
	u64 peer_offset;
	u64 peer_size;
	u32 max_contexts;
	u32 max_resources;
	u64 max_render;
	u64 render_bytes;
	u32 render_rings;
};

/**
 * struct dmashare_local - local memory
 * @lock: protects @mm, @lru and @free
 * @mm: who has what; offsets in local memory
 * @lru: buffers that may be moved out, the one not used for longest first
 * @size: bytes, 0 without local memory; constant
 * @free: bytes in no use
 * @phys: where the CPU has it; constant
 * @provider: for peer-to-peer DMA, where the kernel has that; constant
 */
struct dmashare_local {
	struct mutex lock; /* mm, lru, free */
	struct drm_mm mm;
	struct list_head lru;
	u64 size;
	u64 free;
	phys_addr_t phys;
	struct p2pdma_provider *provider;
};

/**
 * struct dmashare_deal - how many entries of a table some pages make
 * @max: an entry has at most so many pages
 * @mask: and crosses no multiple of this one and one
 * @entries: 0: they were not counted yet
 *
 * Most importers have the same limits, and to look at every page takes a while.
 */
struct dmashare_deal {
	unsigned long max;
	unsigned long mask;
	unsigned int entries;
};

/**
 * struct dmashare_backing - the memory of a buffer
 * @ref: the buffer's, a move's, an importer's mapping's
 * @ddev: the device
 * @placement: enum dmashare_placement
 * @size: bytes
 * @pages: in the system placement
 * @deal: of @pages; protected by the buffer's reservation lock
 * @node: in local memory, or in the window
 */
struct dmashare_backing {
	struct kref ref;
	struct dmashare_device *ddev;
	u32 placement;
	u64 size;
	struct page **pages;
	struct dmashare_deal deal;
	struct drm_mm_node node;
};

/**
 * struct dmashare_request - the device wants a buffer to move
 * @buffer: buffer id
 * @placement: where to
 */
struct dmashare_request {
	u32 buffer;
	u32 placement;
};

/**
 * struct dmashare_requests - those that the driver has not looked at yet
 * @entry: ring; like the indices protected by the events' lock
 * @head: next to be looked at
 * @tail: next free one
 * @work: looks at them
 */
struct dmashare_requests {
	struct dmashare_request entry[64];
	u32 head;
	u32 tail;
	struct work_struct work;
};

/**
 * struct dmashare_counters - the driver's own ledger, since the last reset
 * @buffers: created
 * @attaches: attachments made
 * @maps: the device's own mappings made
 * @notes: posted with error 0
 * @notes_failed: posted with another error
 *
 * What debugfs compares with the device's ledger.
 */
struct dmashare_counters {
	atomic64_t buffers;
	atomic64_t attaches;
	atomic64_t maps;
	atomic64_t notes[DMASHARE_NOTE_COUNT];
	atomic64_t notes_failed;
};

/**
 * struct dmashare_device - one device
 * @drm: the DRM device; its memory lives until the last file, dma_buf and
 *	fence is gone
 * @regs: BAR0
 * @limits: constant registers
 * @bus_state: the configuration that it has as long as nobody else resets it
 * @num_vectors: MSI-X vectors in use
 * @irq: one for each vector
 * @gone: the device was removed; set once
 * @halted: it is being reset by the bus, or suspended: nobody starts it but who
 *	halted it
 * @wedged: it did not come back from a reset: commands and jobs fail with -EIO
 * @awake: woken when @halted was cleared
 * @quiet: woken when a job queue may have become idle
 * @users: the bound driver, and every job that still has its hardware fence;
 *	together they have one reference to @drm, and each job one to the module
 * @put_work: drops that reference, which may sleep
 * @events: event ring
 * @control: control queue
 * @queue: job queues, @limits.num_queues of them
 * @timelines: what their fences are numbered with, and who has which
 * @fence_mem: fence memory, one value a timeline; valid while a ring is enabled
 * @fence_dma: its DMA address
 * @seg_small: blocks of DMASHARE_SEG_SMALL segments
 * @seg_large: blocks of DMASHARE_SEG_LARGE segments
 * @state_sem: held for reading while a command changes the device's buffers,
 *	attachments or mappings and the change is recorded in the xarrays below;
 *	for writing while a reset makes the device anew from the record. No
 *	memory is allocated and no fence waited for with it held: a reset is
 *	what lets fences signal.
 * @buffers: struct dmashare_bo by id
 * @attachments: struct dmashare_attachment by id
 * @mappings: struct dmashare_mapping by id
 * @next_buffer: where the search for a free id starts
 * @next_attachment: where the search for a free id starts
 * @next_mapping: where the search for a free id starts
 * @live_mappings: present number of mappings
 * @unmapped: woken when @live_mappings becomes 0
 * @local: local memory
 * @window: where buffers of another VM are
 * @peers: those that the device knows of
 * @move_lock: protects @moves, and what a move has of the old memory
 * @moves: struct dmashare_move that are not done
 * @n_moves: those, and those that are not put yet
 * @moves_idle: woken when @n_moves becomes 0
 * @requests: what the device wants to be moved
 * @holds: fences of those who share buffers with this VM
 * @shares: struct dmashare_share by buffer id; of those that are shared, or were
 * @acquires: what clients want
 * @render: contexts and resources of the renderer
 * @kernel_file: whose the jobs of moves are
 * @reset_wq: ordered; runs everything that may reset the device
 * @reset_work: reset asked for where it cannot be done
 * @reset_error: what the jobs that the device has are to fail with, 0 for what
 *	is usual
 * @resets: number of resets
 * @failed_resets: of the last ones, how many did not bring it back
 * @watch: looks every second for lost interrupts and for a device that stopped,
 *	as long as it has jobs
 * @absent: looks in a row that found no device; of @watch alone
 * @counters: the driver's own ledger
 * @ledger_lock: one query, and one reader of the device's time, at once
 * @ledger: where the device writes a ledger, or what else it is asked
 * @ledger_dma: its DMA address
 */
struct dmashare_device {
	struct drm_device drm;
	void __iomem *regs;
	struct dmashare_limits limits;
	struct pci_saved_state *bus_state;
	u32 num_vectors;
	struct dmashare_irq *irq;
	bool gone;
	bool halted;
	bool wedged;
	wait_queue_head_t awake;
	wait_queue_head_t quiet;
	refcount_t users;
	struct work_struct put_work;

	struct dmashare_events events;
	struct dmashare_control control;
	struct dmashare_queue *queue;
	struct dmashare_timelines timelines;
	__le64 *fence_mem;
	dma_addr_t fence_dma;
	struct dma_pool *seg_small;
	struct dma_pool *seg_large;

	struct rw_semaphore state_sem;
	struct xarray buffers;
	struct xarray attachments;
	struct xarray mappings;
	u32 next_buffer;
	u32 next_attachment;
	u32 next_mapping;
	atomic_t live_mappings;
	wait_queue_head_t unmapped;

	struct dmashare_local local;
	struct dmashare_window window;
	struct dmashare_peers peers;
	struct mutex move_lock; /* moves, and their old memory */
	struct list_head moves;
	atomic_t n_moves;
	wait_queue_head_t moves_idle;
	struct dmashare_requests requests;
	struct dmashare_holds holds;
	struct xarray shares;
	struct dmashare_acquires acquires;
	struct dmashare_render render;
	struct dmashare_file *kernel_file;

	struct workqueue_struct *reset_wq;
	struct work_struct reset_work;
	int reset_error;
	unsigned long resets;
	unsigned int failed_resets;
	struct delayed_work watch;
	unsigned int absent;

	struct dmashare_counters counters;
	struct mutex ledger_lock; /* ledger, and the latch of the time register */
	void *ledger;
	dma_addr_t ledger_dma;
};

/**
 * struct dmashare_attachment - an attachment as the device knows it
 * @id: attachment id
 * @buffer: buffer id
 * @flags: DMASHARE_ATTACH_F_*
 * @name: the importer
 */
struct dmashare_attachment {
	u32 id;
	u32 buffer;
	u32 flags;
	char name[DMASHARE_NAME_LEN];
};

/**
 * struct dmashare_seg_list - the segment list of a mapping in device memory form
 * @block: CPU addresses of the blocks
 * @dma: their DMA addresses
 * @n_blocks: number of blocks
 * @pool: where they come from
 */
struct dmashare_seg_list {
	struct dmashare_seg_block **block;
	dma_addr_t *dma;
	u32 n_blocks;
	struct dma_pool *pool;
};

/**
 * struct dmashare_mapping - a mapping as the device knows it
 * @id: mapping id
 * @buffer: buffer id
 * @attachment: attachment id, 0 for a buffer of our own
 * @direction: direction
 * @placement: enum dmashare_placement of the segments
 * @flags: DMASHARE_MAP_F_*
 * @length: bytes
 * @n_segments: segments after merging
 * @first: DMA address of byte 0, or its offset in local memory or the window
 * @max_segment: bytes of the longest segment
 * @list: kept as long as the mapping, so that a reset can send it again
 *	without allocating
 */
struct dmashare_mapping {
	u32 id;
	u32 buffer;
	u32 attachment;
	enum dma_data_direction direction;
	u32 placement;
	u32 flags;
	u64 length;
	u32 n_segments;
	u64 first;
	u64 max_segment;
	struct dmashare_seg_list list;
};

/**
 * struct dmashare_bo - a buffer
 * @base: GEM object
 * @id: buffer id, 0 until the device knows it
 * @flags: DRM_DMASHARE_BO_*
 * @import_flags: DRM_DMASHARE_IMPORT_*, of an imported buffer
 * @name: for people
 * @dynamic: exports with pin and unpin; constant
 * @foreign: imported from an exporter that is not this driver; constant
 * @placement: enum dmashare_placement
 * @backing: the memory of a buffer of our own
 * @lru: in the device's list of buffers that may be moved out of local memory;
 *	protected by the list's lock
 * @pin_count: users that keep the buffer where it is
 * @system_only: attached importers that cannot reach local memory
 * @move: the latest move, or NULL; reference
 * @moves_pending: moves that are not done
 * @lost: a move failed because the device is gone; set once
 * @share: whether, and how, it is shared, or NULL
 * @saved: what it has in local memory, while the system is suspended; or NULL
 * @zero_page: what user space finds that has lost memory mapped, or NULL
 * @dmabuf: the dma_buf made of it, as long as that lives
 * @moves: moves made; imported: mappings that a move of the exporter ended
 * @pages: of @backing; NULL in local memory
 * @vaddr: where the pages are mapped for the kernel
 * @vaddr_lost: that is memory of its own, for there are no bytes any more
 * @iomem: where local memory is mapped for the kernel
 * @vmap_count: users of either
 * @self: imported: our own attachment to the foreign dma-buf
 * @map: the device's mapping
 * @dir: its direction; constant
 * @sgt: what @map was made from; of the exporter when imported
 * @stale: the IOMMU mapping under @map was taken away (BO_STALE_DMA)
 * @p2p: imported: @map is of addresses in another device's BAR
 * @peer: the foreign buffer that it is, with a reference, or NULL; constant, as are
 *	the next two, once the buffer can be found
 * @peer_flags: DRM_DMASHARE_PEER_* that it was opened with
 * @peer_mapped: it is in the window
 * @hold: the fence that says that it was acquired, until it is released; or NULL
 *
 * What is not constant is protected by the reservation lock.
 *
 * Pages are not shmem's but our own, because what kind of memory a buffer is
 * made of (see dmashare_pages.c) decides which importers can use it.
 */
struct dmashare_bo {
	struct drm_gem_object base;
	u32 id;
	u32 flags;
	u32 import_flags;
	char name[DMASHARE_NAME_LEN];
	bool dynamic;
	bool foreign;

	u32 placement;
	struct dmashare_backing *backing;
	struct list_head lru;
	unsigned int pin_count;
	unsigned int system_only;
	struct dmashare_move *move;
	atomic_t moves_pending;
	bool lost;
	struct dmashare_share *share;
	struct dmashare_backing *saved;
	struct page *zero_page;
	struct dma_buf *dmabuf;
	u64 moves;
	struct page **pages;
	void *vaddr;
	bool vaddr_lost;
	void __iomem *iomem;
	unsigned int vmap_count;

	struct dmashare_attachment self;
	struct dmashare_mapping *map;
	enum dma_data_direction dir;
	struct sg_table *sgt;
	bool stale;
	bool p2p;

	struct dmashare_peer *peer;
	u32 peer_flags;
	bool peer_mapped;
	struct dma_fence *hold;
};

static inline struct dmashare_device *to_dmashare(struct drm_device *drm)
{
	return container_of(drm, struct dmashare_device, drm);
}

static inline struct dmashare_bo *to_dmashare_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct dmashare_bo, base);
}

/* Is it somebody else's memory? Constant once the buffer can be found. */
static inline bool dmashare_bo_imported(const struct dmashare_bo *bo)
{
	return bo->base.import_attach;
}

static inline void dmashare_bo_put(struct dmashare_bo *bo)
{
	if (!IS_ERR_OR_NULL(bo))
		drm_gem_object_put(&bo->base);
}

/* A reference that ends with the variable that has it. */
DEFINE_FREE(dmashare_bo, struct dmashare_bo *, dmashare_bo_put(_T))

/* Is that behind BAR4, and so has no pages, and goes with the device? */
static inline bool dmashare_placement_bar(u32 placement)
{
	return placement != DMASHARE_PLACEMENT_SYSTEM;
}

static inline unsigned long dmashare_bo_num_pages(const struct dmashare_bo *bo)
{
	return bo->base.size >> PAGE_SHIFT;
}

/* Does the device work on copies of its own, so that SYNC is needed? */
static inline bool dmashare_noncoherent(const struct dmashare_device *ddev)
{
	return ddev->limits.features & DMASHARE_FEATURE_NONCOHERENT;
}

static inline u32 dmashare_read(struct dmashare_device *ddev, u32 reg)
{
	return readl(ddev->regs + reg);
}

static inline void dmashare_write(struct dmashare_device *ddev, u32 reg, u32 value)
{
	writel(value, ddev->regs + reg);
}

/**
 * dmashare_desc_init - begin a descriptor
 * @desc: cleared to the last byte, which the device checks; an initialiser of
 *	one member of its union would not have to
 * @opcode: enum dmashare_opcode
 */
static inline void dmashare_desc_init(struct dmashare_desc *desc, u8 opcode)
{
	memset(desc, 0, sizeof(*desc));
	desc->opcode = opcode;
}

/**
 * struct dmashare_fence_out - a fence on its way to user space
 * @sync_file: the file, NULL for none
 * @fd: what will be its descriptor
 */
struct dmashare_fence_out {
	struct sync_file *sync_file;
	int fd;
};

/* dmashare_drv.c */
bool dmashare_is_device(const struct device *dev);
bool dmashare_unsafe_allowed(void);
void dmashare_put_user(struct dmashare_device *ddev);
extern unsigned int dmashare_job_timeout_ms;
extern bool dmashare_unsafe_tests;
extern struct workqueue_struct *dmashare_wq;
extern struct workqueue_struct *dmashare_move_wq;

/* dmashare_hw.c */
int dmashare_status_to_errno(u32 status);
int dmashare_completion_to_errno(u32 status, u64 detail);
int dmashare_hw_probe(struct dmashare_device *ddev);
int dmashare_hw_start(struct dmashare_device *ddev);
void dmashare_hw_stop(struct dmashare_device *ddev);
bool dmashare_hw_present(struct dmashare_device *ddev);
bool dmashare_hw_works(struct dmashare_device *ddev);
int dmashare_hw_time(struct dmashare_device *ddev, u64 *time);
size_t dmashare_fence_bytes(const struct dmashare_device *ddev);

/* dmashare_reset.c */
int dmashare_reset_init(struct dmashare_device *ddev);
void dmashare_reset(struct dmashare_device *ddev, struct dmashare_job *first,
		    const struct dmashare_job *slow);
void dmashare_stop_and_reset(struct dmashare_device *ddev, int error);
void dmashare_halt(struct dmashare_device *ddev, int error);
int dmashare_restart(struct dmashare_device *ddev);
void dmashare_resume_jobs(struct dmashare_device *ddev);

/* dmashare_watch.c */
void dmashare_watch_work(struct work_struct *work);
void dmashare_watch_jobs(struct dmashare_device *ddev);
enum drm_gpu_sched_stat dmashare_timedout_job(struct drm_sched_job *sched_job);

/* dmashare_error.c */
extern const struct pci_error_handlers dmashare_error_handlers;
int dmashare_bus_init(struct dmashare_device *ddev);
void dmashare_bus_restore(struct dmashare_device *ddev);

/* dmashare_pm.c */
extern const struct dev_pm_ops dmashare_pm_ops;

/* dmashare_map.c */
int dmashare_map_init(struct dmashare_device *ddev);
int dmashare_buffer_create(struct dmashare_device *ddev, struct dmashare_bo *bo);
void dmashare_buffer_destroy(struct dmashare_device *ddev, struct dmashare_bo *bo);
int dmashare_attach(struct dmashare_device *ddev, struct dmashare_attachment *att,
		    u32 buffer, u32 flags, const char *name);
void dmashare_detach(struct dmashare_device *ddev, struct dmashare_attachment *att);
struct dmashare_mapping *dmashare_map(struct dmashare_device *ddev,
				      struct sg_table *sgt, u64 length,
				      u32 buffer, u32 attachment,
				      enum dma_data_direction dir, u32 flags);
struct dmashare_mapping *dmashare_map_bar(struct dmashare_device *ddev,
					  const struct dmashare_backing *backing,
					  u32 buffer, enum dma_data_direction dir);
void dmashare_unmap(struct dmashare_device *ddev, struct dmashare_mapping *map,
		    u32 flags);
void dmashare_unmapped(struct dmashare_device *ddev);
void dmashare_place(struct dmashare_device *ddev, struct dmashare_bo *bo);
int dmashare_replay(struct dmashare_device *ddev);

/* dmashare_bo.c */
struct dmashare_bo *dmashare_bo_lookup(struct drm_file *drm_file, u32 handle);
struct dmashare_bo *dmashare_bo_find(struct dmashare_device *ddev, u32 id);
struct dmashare_bo *dmashare_bo_alloc(struct dmashare_device *ddev, size_t size);
struct dmashare_bo *dmashare_bo_create(struct dmashare_device *ddev,
				       const struct drm_dmashare_bo_create *args);
bool dmashare_bo_lost(const struct dmashare_bo *bo);
int dmashare_bo_vmap_locked(struct dmashare_bo *bo, struct iosys_map *map);
void dmashare_bo_vunmap_locked(struct dmashare_bo *bo);
struct sg_table *dmashare_backing_get_sgt(struct dmashare_backing *backing,
					  struct device *dev,
					  enum dma_data_direction dir);
void dmashare_backing_put_sgt(struct device *dev, struct sg_table *sgt,
			      enum dma_data_direction dir);
int dmashare_backing_map(struct dmashare_bo *bo, struct dmashare_backing *backing,
			 struct dmashare_mapping **map, struct sg_table **sgt,
			 bool *stale);
void dmashare_backing_unmap(struct dmashare_bo *bo, struct dmashare_mapping *map,
			    struct sg_table *sgt, bool stale);
int dmashare_bo_map_locked(struct dmashare_bo *bo);
void dmashare_bo_unmap_locked(struct dmashare_bo *bo);
int dmashare_bo_wait_locked(struct dmashare_bo *bo, bool interruptible);
void dmashare_bo_revoke_all(struct dmashare_device *ddev);
bool dmashare_iommu_translates(struct dmashare_device *ddev);

/* dmashare_local.c */
int dmashare_local_init(struct dmashare_device *ddev);
u64 dmashare_local_free(struct dmashare_device *ddev);
phys_addr_t dmashare_backing_phys(const struct dmashare_backing *backing);
void dmashare_local_touch(struct dmashare_bo *bo);
void dmashare_local_forget(struct dmashare_bo *bo);
struct dmashare_backing *dmashare_backing_new(struct dmashare_bo *bo, u32 placement);
struct dmashare_backing *dmashare_backing_alloc(struct dmashare_bo *bo, u32 placement,
						bool interruptible);
struct dmashare_backing *dmashare_backing_get(struct dmashare_backing *backing);
void dmashare_backing_put(struct dmashare_backing *backing);

/* dmashare_copy.c */
int dmashare_backing_copy(struct dmashare_device *ddev, struct dmashare_backing *from,
			  struct dmashare_backing *to);

/* dmashare_move.c */
int dmashare_moves_init(struct dmashare_device *ddev);
int dmashare_bo_clear_locked(struct dmashare_bo *bo);
int dmashare_bo_move_locked(struct dmashare_bo *bo, u32 placement,
			    bool interruptible);
void dmashare_bo_leave_locked(struct dmashare_bo *bo);

/* dmashare_move_end.c */
struct dmashare_move *dmashare_move_get(struct dmashare_bo *bo);
void dmashare_move_put(struct dmashare_move *move);
struct dmashare_move *dmashare_move_pending(struct dmashare_device *ddev);
int dmashare_move_wait(struct dmashare_move *move, bool interruptible);
int dmashare_move_wait_dropped(struct dmashare_move *move, bool interruptible,
			       long timeout);
int dmashare_move_error(struct dmashare_move *move);
void dmashare_moves_revoke(struct dmashare_device *ddev);

/* dmashare_place.c */
void dmashare_requests_init(struct dmashare_device *ddev);
void dmashare_move_request(struct dmashare_device *ddev, u32 buffer, u64 placement);
int dmashare_bo_wait_kernel(struct dmashare_bo *bo, bool interruptible);
int dmashare_bo_pin_locked(struct dmashare_bo *bo);
void dmashare_bo_keep_locked(struct dmashare_bo *bo);
void dmashare_bo_unpin_locked(struct dmashare_bo *bo);
int dmashare_bo_move_ioctl(struct drm_device *drm, void *data,
			   struct drm_file *drm_file);

/* dmashare_p2p.c */
int dmashare_p2p_init(struct dmashare_device *ddev);
bool dmashare_p2p_supported(struct dmashare_device *ddev);
bool dmashare_p2p_reachable(struct dmashare_device *ddev, struct device *importer);
struct sg_table *dmashare_p2p_map(struct dma_buf_attachment *attach,
				  struct dmashare_backing *backing,
				  enum dma_data_direction dir);
void dmashare_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			enum dma_data_direction dir);

/* dmashare_export.c */
struct dma_buf *dmashare_gem_export(struct drm_gem_object *obj, int flags);
struct drm_gem_object *dmashare_own_export(struct drm_device *drm,
					   struct dma_buf *dmabuf);
struct dmashare_bo *dmashare_exported_bo(struct dma_buf *dmabuf);

/* dmashare_import.c */
struct drm_gem_object *dmashare_gem_import(struct drm_device *drm,
					   struct dma_buf *dmabuf);
int dmashare_import_map_locked(struct dmashare_bo *bo);
void dmashare_import_unmap_locked(struct dmashare_bo *bo);
struct dmashare_bo *dmashare_importer_bo(struct dma_buf_attachment *attach);
int dmashare_bo_import_ioctl(struct drm_device *drm, void *data,
			     struct drm_file *drm_file);

/* dmashare_pages.c */
int dmashare_pages_alloc(struct dmashare_bo *bo);
void dmashare_pages_free(struct page **pages, unsigned long n);
int dmashare_pages_sgt(struct sg_table *sgt, struct page **pages, unsigned long n,
		       u64 max_size, u64 boundary, struct dmashare_deal *deal);

/* dmashare_sync.c */
int dmashare_sync_locked(struct dmashare_bo *bo, enum dma_data_direction dir,
			 bool for_cpu);

/* dmashare_submit.c */
int dmashare_submit_ioctl(struct drm_device *drm, void *data,
			  struct drm_file *file);

/* dmashare_vmap.c */
int dmashare_bo_vmap_ioctl(struct drm_device *drm, void *data,
			   struct drm_file *drm_file);

/* dmashare_ioctl.c */
#define DMASHARE_NUM_IOCTLS (DRM_DMASHARE_RENDER_CAPSET + 1)
extern const struct drm_ioctl_desc dmashare_ioctls[DMASHARE_NUM_IOCTLS];
int dmashare_query(struct dmashare_device *ddev, u8 opcode, u32 id, void *data, u32 length,
		   u64 *result);
int dmashare_read_ledger(struct dmashare_device *ddev, u32 buffer, void *data, u32 length);
int dmashare_fence_out_begin(struct dmashare_fence_out *out, struct dma_fence *fence);
void dmashare_fence_out_end(struct dmashare_fence_out *out, bool given);
int dmashare_open(struct drm_device *drm, struct drm_file *file);
void dmashare_postclose(struct drm_device *drm, struct drm_file *file);

/* dmashare_heap.c */
#ifdef DMASHARE_HEAP
void dmashare_heap_bind(struct dmashare_device *ddev);
void dmashare_heap_unbind(struct dmashare_device *ddev);
#else
static inline void dmashare_heap_bind(struct dmashare_device *ddev)
{
}

static inline void dmashare_heap_unbind(struct dmashare_device *ddev)
{
}
#endif

/* dmashare_debugfs.c */
#ifdef CONFIG_DEBUG_FS
void dmashare_debugfs_init(struct dmashare_device *ddev);
#else
static inline void dmashare_debugfs_init(struct dmashare_device *ddev)
{
}
#endif

/* What dmashare_kunit_*.c test without a device, and no other file uses. */
#if IS_ENABLED(CONFIG_KUNIT)
long dmashare_seg_walk(const struct dmashare_limits *limits, struct sg_table *sgt,
		       u64 length, struct dmashare_seg_list *list, u32 per_block,
		       u64 *longest);
int dmashare_pages_fill(struct page **pages, unsigned long n, gfp_t gfp,
			unsigned int max_order, unsigned int min_order);
int dmashare_pages_scatter(struct page **pages, unsigned long n, gfp_t gfp);
int dmashare_check_job(const struct dmashare_limits *limits,
		       const struct drm_dmashare_job *job);
bool dmashare_range_ok(const struct drm_dmashare_operand *operand,
		       const struct drm_dmashare_job *job, u64 size);
int dmashare_check_transfer(const struct drm_dmashare_transfer *transfer);
#endif

#endif /* DMASHARE_DRV_H */
