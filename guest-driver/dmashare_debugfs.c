// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: debugfs: buffers, queues, and the driver's own ledger
 */
#include <linux/mm.h>
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static void dmashare_show_buffer(struct seq_file *m, struct dmashare_bo *bo)
{
	struct dma_buf *dmabuf = dmashare_bo_imported(bo) ? NULL : bo->base.dma_buf;
	struct dma_buf_attachment *attach;
	unsigned int attachments = 0;

	dma_resv_lock(bo->base.resv, NULL);
	if (dmabuf)
		list_for_each_entry(attach, &dmabuf->attachments, node)
			attachments++;
	seq_printf(m, "%6u %-8s %-8s %12zu %11u", bo->id,
		   bo->placement == DMASHARE_PLACEMENT_LOCAL ? "local" : "system",
		   dmashare_bo_imported(bo) ? "imported" : "own", bo->base.size, attachments);
	if (bo->map)
		seq_printf(m, " %7u %8u %#14llx", bo->map->id, bo->map->n_segments,
			   bo->map->first);
	else
		seq_printf(m, " %7s %8s %14s", "-", "-", "-");
	if (bo->pages)
		seq_printf(m, " %#14llx", (u64)page_to_phys(bo->pages[0]));
	else if (bo->backing)
		seq_printf(m, " %#14llx", (u64)dmashare_local_phys(bo->backing));
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

	seq_puts(m, "buffer place    kind             size attachments mapping segments    dma address  physical addr name\n");

	xa_lock(&ddev->buffers);
	xa_for_each(&ddev->buffers, index, bo) {
		if (!kref_get_unless_zero(&bo->base.refcount))
			continue;
		xa_unlock(&ddev->buffers);
		/* Against an export just being made or given up. */
		mutex_lock(&ddev->drm.object_name_lock);
		dmashare_show_buffer(m, bo);
		mutex_unlock(&ddev->drm.object_name_lock);
		drm_gem_object_put(&bo->base);
		xa_lock(&ddev->buffers);
	}
	xa_unlock(&ddev->buffers);

	return 0;
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

		spin_lock_irq(&queue->lock);
		seq_printf(m, "%s: enabled %d tail %u head %u seqno %llu memory %llu run %llu failed %llu\n",
			   queue->name, queue->ring.enabled, queue->ring.tail,
			   queue->ring.head, queue->seqno,
			   queue->ring.enabled ? le64_to_cpu(READ_ONCE(ddev->fence_mem[i])) : 0,
			   queue->jobs_run, queue->jobs_failed);
		spin_unlock_irq(&queue->lock);
	}

	spin_lock_irq(&ddev->events.lock);
	seq_printf(m, "events: fault %llu queue_error %llu fence_memory %llu watchdog %llu unknown %llu lost %llu\n",
		   ddev->events.seen[DMASHARE_EVENT_FAULT],
		   ddev->events.seen[DMASHARE_EVENT_QUEUE_ERROR],
		   ddev->events.seen[DMASHARE_EVENT_FENCE_MEMORY],
		   ddev->events.seen[DMASHARE_EVENT_WATCHDOG],
		   ddev->events.seen[0], ddev->events.lost);
	spin_unlock_irq(&ddev->events.lock);
	seq_printf(m, "resets: %lu\n", ddev->resets);

	return 0;
}

/* One name and value a line, named as in struct dmashare_ledger. */
static int dmashare_ledger_show(struct seq_file *m, void *unused)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dmashare_device *ddev = to_dmashare(entry->dev);
	struct dmashare_counters *counters = &ddev->counters;
	int i;

	seq_printf(m, "buffers %lld\n", atomic64_read(&counters->buffers));
	seq_printf(m, "attaches %lld\n", atomic64_read(&counters->attaches));
	seq_printf(m, "maps %lld\n", atomic64_read(&counters->maps));
	for (i = 0; i < DMASHARE_NOTE_COUNT; i++)
		seq_printf(m, "notes[%d] %lld\n", i, atomic64_read(&counters->notes[i]));
	seq_printf(m, "notes_failed %lld\n", atomic64_read(&counters->notes_failed));
	seq_printf(m, "posted %lld\n", atomic64_read(&ddev->control.posted));
	seq_printf(m, "posted_failed %lld\n", atomic64_read(&ddev->control.posted_failed));
	seq_printf(m, "posted_lost %lld\n", atomic64_read(&ddev->control.posted_lost));

	return 0;
}

static const struct drm_debugfs_info dmashare_debugfs_files[] = {
	{ "buffers", dmashare_buffers_show, 0, NULL },
	{ "queues", dmashare_queues_show, 0, NULL },
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
