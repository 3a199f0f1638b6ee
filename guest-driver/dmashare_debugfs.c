// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: debugfs: buffers, local memory, queues, the renderer's objects, and both
 * ledgers
 */
#include <linux/mm.h>
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static void dmashare_show_buffer(struct seq_file *m, struct dmashare_bo *bo)
{
	struct dma_buf_attachment *attach;
	unsigned int attachments = 0;

	dma_resv_lock(bo->base.resv, NULL);
	if (bo->dmabuf)
		list_for_each_entry(attach, &bo->dmabuf->attachments, node)
			attachments++;
	seq_printf(m, "%6u %-8s %-8s %-7s %12zu %4u %5llu %11u", bo->id,
		   bo->placement == DMASHARE_PLACEMENT_SYSTEM ? "system" :
		   bo->placement == DMASHARE_PLACEMENT_LOCAL ? "local" : "peer",
		   dmashare_bo_imported(bo) ? "imported" : "own",
		   bo->dynamic ? "dynamic" : "static", bo->base.size, bo->pin_count,
		   bo->moves, attachments);
	if (bo->map)
		seq_printf(m, " %7u %8u %#14llx", bo->map->id, bo->map->n_segments,
			   bo->map->first);
	else
		seq_printf(m, " %7s %8s %14s", "-", "-", "-");
	if (bo->pages)
		seq_printf(m, " %#14llx", (u64)page_to_phys(bo->pages[0]));
	else if (bo->backing)
		seq_printf(m, " %#14llx", (u64)dmashare_backing_phys(bo->backing));
	else
		seq_printf(m, " %14s", "-");
	dma_resv_unlock(bo->base.resv);
	seq_printf(m, " %.*s\n", (int)sizeof(bo->name), bo->name);
}

static int dmashare_buffers_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);
	struct dmashare_bo *bo;
	unsigned long index;

	seq_puts(m, "buffer place    kind     mode            size pins moves attachments mapping segments          first  physical addr name\n");

	xa_lock(&ddev->buffers);
	xa_for_each(&ddev->buffers, index, bo) {
		if (!kref_get_unless_zero(&bo->base.refcount))
			continue;
		xa_unlock(&ddev->buffers);
		dmashare_show_buffer(m, bo);
		drm_gem_object_put(&bo->base);
		xa_lock(&ddev->buffers);
	}
	xa_unlock(&ddev->buffers);

	return 0;
}

/* Who has what of local memory: ranges, and their sum. */
static int dmashare_local_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_local *local = &to_dmashare(entry->dev)->local;
	struct drm_printer p = drm_seq_file_printer(m);

	if (!local->size) {
		seq_puts(m, "no local memory\n");
		return 0;
	}

	seq_printf(m, "size %llu free %llu\n", local->size,
		   dmashare_local_free(to_dmashare(entry->dev)));
	mutex_lock(&local->lock);
	drm_mm_print(&local->mm, &p);
	mutex_unlock(&local->lock);

	return 0;
}

/* What the device says there is of another VM, and what of that is open here. */
static int dmashare_peers_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);
	struct dmashare_window *window = &ddev->window;
	struct drm_printer p = drm_seq_file_printer(m);
	struct dmashare_peer *peer;

	if (!window->size) {
		seq_puts(m, "no window\n");
		return 0;
	}

	seq_puts(m, "  peer device  share generation         size sequence state     buffer name\n");
	spin_lock_irq(&ddev->events.lock);
	list_for_each_entry(peer, &ddev->peers.list, link) {
		const struct dmashare_peer_info *info = &peer->info;

		seq_printf(m, "%6u %6u %6u %10u %12llu %8llu %-9s %6u %.*s of %.*s\n",
			   peer->id, peer->device_id, le32_to_cpu(info->share),
			   le32_to_cpu(info->generation), le64_to_cpu(info->size),
			   peer->sequence, peer->withdrawn ? "withdrawn" : "there",
			   peer->bo ? peer->bo->id : 0,
			   (int)sizeof(info->name), info->name,
			   (int)sizeof(info->device), info->device);
	}
	spin_unlock_irq(&ddev->events.lock);

	mutex_lock(&window->lock);
	seq_printf(m, "size %llu twice free %llu and %llu\n", window->size,
		   window->free[0], window->free[1]);
	drm_mm_print(&window->mm, &p);
	mutex_unlock(&window->lock);

	return 0;
}

/* What is shared with the host and other VMs, and was. */
static int dmashare_shares_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);
	struct dmashare_holds *holds = &ddev->holds;
	struct dmashare_share *share;
	unsigned long index;

	spin_lock_irq(&holds->lock);
	seq_printf(m, "holds: live %u ended %llu failed %llu\n", holds->live, holds->ended,
		   holds->failed);
	spin_unlock_irq(&holds->lock);

	seq_puts(m, "buffer share mapping state     exposed moves waiting\n");
	/* Nobody frees one without erasing its entry, or does that, without this. */
	down_write(&ddev->state_sem);
	xa_for_each(&ddev->shares, index, share)
		seq_printf(m, "%6lu %5u %7u %-9s %7d %5u %7u\n", index, share->id,
			   le32_to_cpu(share->body.mapping),
			   share->over ? "over" : share->live ? "shared" : "no pages",
			   share->exposed, share->moves, share->waiting);
	up_write(&ddev->state_sem);

	return 0;
}

static void dmashare_show_object(struct seq_file *m, const struct dmashare_render_object *obj)
{
	const struct dmashare_body_context *context = &obj->desc.context;
	const struct dmashare_body_resource *resource = &obj->desc.resource;

	seq_printf(m, "%-8s %5u %-9s %6d %4d ", obj->resource ? "resource" : "context", obj->id,
		   obj->file ? "there" : obj->known ? "destroyed" : "begins",
		   -dmashare_render_error(obj), atomic_read(&obj->jobs));
	if (obj->resource)
		seq_printf(m, "target %u format %u, %u x %u x %u, %u layers\n",
			   le32_to_cpu(resource->target), le32_to_cpu(resource->format),
			   le32_to_cpu(resource->width), le32_to_cpu(resource->height),
			   le32_to_cpu(resource->depth), le32_to_cpu(resource->array_size));
	else
		seq_printf(m, "%.*s\n", (int)sizeof(context->name), context->name);
}

static void dmashare_show_objects(struct seq_file *m, struct dmashare_render_table *table)
{
	struct dmashare_render_object *obj;
	unsigned long index;

	xa_lock_irq(&table->objects);
	xa_for_each(&table->objects, index, obj)
		dmashare_show_object(m, obj);
	xa_unlock_irq(&table->objects);
}

/* What there is of the renderer's: lost with an errno, or 0, and jobs that name it. */
static int dmashare_render_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);

	if (!(ddev->limits.features & DMASHARE_FEATURE_RENDER)) {
		seq_puts(m, "no renderer\n");
		return 0;
	}

	seq_puts(m, "kind        id state       lost jobs what\n");
	dmashare_show_objects(m, &ddev->render.contexts);
	dmashare_show_objects(m, &ddev->render.resources);

	return 0;
}

static u64 dmashare_fence_value(struct dmashare_device *ddev, struct dmashare_job *job)
{
	return le64_to_cpu(READ_ONCE(ddev->fence_mem[job->fence->timeline]));
}

static int dmashare_queues_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);
	u32 i;

	seq_printf(m, "control: enabled %d tail %u head %u\n",
		   READ_ONCE(ddev->control.ring.enabled),
		   READ_ONCE(ddev->control.ring.tail), READ_ONCE(ddev->control.ring.head));

	for (i = 0; i < ddev->limits.num_queues; i++) {
		struct dmashare_queue *queue = &ddev->queue[i];
		struct dmashare_job *job;

		spin_lock_irq(&queue->lock);
		seq_printf(m, "%s: enabled %d tail %u head %u run %llu failed %llu late %llu\n",
			   queue->name, queue->ring.enabled, queue->ring.tail,
			   queue->ring.head, queue->jobs_run, queue->jobs_failed,
			   queue->late);
		list_for_each_entry(job, &queue->inflight, link)
			seq_printf(m, "  job %llu timeline %u seqno %llu memory %llu%s\n", job->id,
				   job->fence->timeline, job->fence->base.seqno,
				   queue->ring.enabled ? dmashare_fence_value(ddev, job) : 0,
				   job->fence->held ? " held for ever" : "");
		spin_unlock_irq(&queue->lock);
	}

	spin_lock_irq(&ddev->events.lock);
	seq_printf(m, "events: fault %llu queue_error %llu fence_memory %llu watchdog %llu move_request %llu held_for_ever %llu fatal %llu share_acquire %llu share_done %llu render_lost %llu unknown %llu lost %llu\n",
		   ddev->events.seen[DMASHARE_EVENT_FAULT],
		   ddev->events.seen[DMASHARE_EVENT_QUEUE_ERROR],
		   ddev->events.seen[DMASHARE_EVENT_FENCE_MEMORY],
		   ddev->events.seen[DMASHARE_EVENT_WATCHDOG],
		   ddev->events.seen[DMASHARE_EVENT_MOVE_REQUEST],
		   ddev->events.seen[DMASHARE_EVENT_HELD_FOR_EVER],
		   ddev->events.seen[DMASHARE_EVENT_FATAL],
		   ddev->events.seen[DMASHARE_EVENT_SHARE_ACQUIRE],
		   ddev->events.seen[DMASHARE_EVENT_SHARE_DONE],
		   ddev->events.seen[DMASHARE_EVENT_RENDER_LOST],
		   ddev->events.seen[0], ddev->events.lost);
	spin_unlock_irq(&ddev->events.lock);
	seq_printf(m, "resets: %lu%s%s\n", ddev->resets,
		   READ_ONCE(ddev->halted) ? " halted" : "",
		   READ_ONCE(ddev->wedged) ? " wedged" : "");

	return 0;
}

static const char * const dmashare_note_names[DMASHARE_NOTE_COUNT] = {
	[DMASHARE_NOTE_EXPORT]		= "export",
	[DMASHARE_NOTE_RELEASE]		= "release",
	[DMASHARE_NOTE_MAP]		= "map",
	[DMASHARE_NOTE_UNMAP]		= "unmap",
	[DMASHARE_NOTE_BEGIN_CPU]	= "begin_cpu",
	[DMASHARE_NOTE_END_CPU]		= "end_cpu",
	[DMASHARE_NOTE_MMAP]		= "mmap",
	[DMASHARE_NOTE_VMAP]		= "vmap",
	[DMASHARE_NOTE_VUNMAP]		= "vunmap",
	[DMASHARE_NOTE_PIN]		= "pin",
	[DMASHARE_NOTE_UNPIN]		= "unpin",
	[DMASHARE_NOTE_MOVE]		= "move",
};

/* What the driver counted and what the device did, and whether that differs. */
static void dmashare_show_count(struct seq_file *m, const char *prefix, const char *name,
				const atomic64_t *driver, const __le64 *device)
{
	s64 count = atomic64_read(driver);

	seq_printf(m, "%s%s %lld", prefix, name, count);
	if (device)
		seq_printf(m, " %llu%s", le64_to_cpu(*device),
			   le64_to_cpu(*device) == count ? "" : " differs");
	seq_putc(m, '\n');
}

/*
 * The driver's ledger and the device's, a name and two values a line. The device
 * is asked after everything that was posted so far; what is done meanwhile makes
 * a difference that is none.
 */
static int dmashare_ledger_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);
	struct dmashare_counters *counters = &ddev->counters;
	struct dmashare_ledger ledger, *device = NULL;
	int i, idx;

	if (drm_dev_enter(&ddev->drm, &idx)) {
		if (!dmashare_read_ledger(ddev, 0, &ledger, sizeof(ledger)))
			device = &ledger;
		drm_dev_exit(idx);
	}

	dmashare_show_count(m, "", "buffers", &counters->buffers,
			    device ? &device->buffers : NULL);
	dmashare_show_count(m, "", "attaches", &counters->attaches,
			    device ? &device->attaches : NULL);
	dmashare_show_count(m, "", "maps", &counters->maps, device ? &device->maps : NULL);
	for (i = 0; i < DMASHARE_NOTE_COUNT; i++)
		dmashare_show_count(m, "notes.", dmashare_note_names[i], &counters->notes[i],
				    device ? &device->notes[i] : NULL);
	dmashare_show_count(m, "", "notes_failed", &counters->notes_failed,
			    device ? &device->notes_failed : NULL);
	seq_printf(m, "posted %lld\n", atomic64_read(&ddev->control.posted));
	seq_printf(m, "posted_failed %lld\n", atomic64_read(&ddev->control.posted_failed));
	seq_printf(m, "posted_lost %lld\n", atomic64_read(&ddev->control.posted_lost));

	return 0;
}

static const struct drm_debugfs_info dmashare_debugfs_files[] = {
	{ "buffers", dmashare_buffers_show, 0, NULL },
	{ "local", dmashare_local_show, 0, NULL },
	{ "peers", dmashare_peers_show, 0, NULL },
	{ "queues", dmashare_queues_show, 0, NULL },
	{ "render", dmashare_render_show, 0, NULL },
	{ "shares", dmashare_shares_show, 0, NULL },
	{ "ledger", dmashare_ledger_show, 0, NULL },
};

/**
 * dmashare_debugfs_init - add our files to those of the DRM device
 * @ddev: the device, not registered yet
 */
void dmashare_debugfs_init(struct dmashare_device *ddev)
{
	drm_debugfs_add_files(&ddev->drm, dmashare_debugfs_files,
			      ARRAY_SIZE(dmashare_debugfs_files));
}
