// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: buffers, attachments and mappings as the device knows them
 *
 * Each has an id of ours, is made and ended by a command, and is recorded so
 * that it can be made again after a reset. Ids are taken round-robin: one that
 * was just given back is not used again soon, so a stale use is noticed.
 */
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

/* Segments of a small and of a large block: 256 bytes and 4 KiB. */
#define DMASHARE_SEG_SMALL	15
#define DMASHARE_SEG_LARGE	255

#define DMASHARE_IDS		XA_LIMIT(1, INT_MAX)

/**
 * dmashare_map_init - pools for segment lists
 * @ddev: the device
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_map_init(struct dmashare_device *ddev)
{
	struct dmashare_seg_block *block;

	ddev->seg_small = dmam_pool_create("dmashare-small", ddev->drm.dev,
					   struct_size(block, segment, DMASHARE_SEG_SMALL),
					   8, 0);
	ddev->seg_large = dmam_pool_create("dmashare-large", ddev->drm.dev,
					   struct_size(block, segment, DMASHARE_SEG_LARGE),
					   8, 0);

	return ddev->seg_small && ddev->seg_large ? 0 : -ENOMEM;
}

/* Reserves an id: a later store of the object under it needs no memory. */
static int dmashare_id_reserve(struct xarray *xa, u32 *id, u32 *next)
{
	int ret = xa_alloc_cyclic(xa, id, NULL, DMASHARE_IDS, next, GFP_KERNEL);

	return min(ret, 0);
}

/*
 * Executes a command that makes an object, and records the object. Either both
 * or none is true when the device is reset afterwards.
 */
static int dmashare_make(struct dmashare_device *ddev, struct dmashare_desc *desc,
			 struct xarray *xa, u32 id, void *object,
			 atomic64_t *counter)
{
	int ret;

	down_read(&ddev->state_sem);
	ret = dmashare_command(ddev, desc, NULL);
	if (!ret) {
		drm_WARN_ON(&ddev->drm, xa_is_err(xa_store(xa, id, object, GFP_NOWAIT)));
		atomic64_inc(counter);
	}
	up_read(&ddev->state_sem);

	if (ret)
		xa_erase(xa, id);

	return ret;
}

static void dmashare_id_desc(struct dmashare_desc *desc, u8 opcode, u32 id)
{
	dmashare_desc_init(desc, opcode);
	desc->id.id = cpu_to_le32(id);
}

static void dmashare_buffer_desc(struct dmashare_desc *desc, struct dmashare_bo *bo)
{
	dmashare_desc_init(desc, DMASHARE_OP_BUFFER_CREATE);
	desc->buffer.id = cpu_to_le32(bo->id);
	desc->buffer.flags = cpu_to_le32(dmashare_bo_imported(bo) ?
					 DMASHARE_BUFFER_F_IMPORTED : 0);
	desc->buffer.size = cpu_to_le64(bo->base.size);
	desc->buffer.placement = cpu_to_le32(bo->placement);
	memcpy(desc->buffer.name, bo->name, sizeof(desc->buffer.name));
}

/**
 * dmashare_buffer_create - make a buffer known to the device
 * @ddev: the device
 * @bo: the buffer; its id is set
 *
 * Returns: 0, -ENOSPC at the device's limit of buffers, or another negative
 * errno
 */
int dmashare_buffer_create(struct dmashare_device *ddev, struct dmashare_bo *bo)
{
	struct dmashare_desc desc;
	int ret;

	ret = dmashare_id_reserve(&ddev->buffers, &bo->id, &ddev->next_buffer);
	if (ret) {
		bo->id = 0;
		return ret;
	}

	dmashare_buffer_desc(&desc, bo);
	ret = dmashare_make(ddev, &desc, &ddev->buffers, bo->id, bo,
			    &ddev->counters.buffers);
	if (ret)
		bo->id = 0;

	return ret;
}

/**
 * dmashare_buffer_destroy - end a buffer; posted
 * @ddev: the device
 * @bo: the buffer, without attachments and mappings
 */
void dmashare_buffer_destroy(struct dmashare_device *ddev, struct dmashare_bo *bo)
{
	struct dmashare_desc desc;

	if (!bo->id)
		return;

	dmashare_id_desc(&desc, DMASHARE_OP_BUFFER_DESTROY, bo->id);
	down_read(&ddev->state_sem);
	xa_erase(&ddev->buffers, bo->id);
	dmashare_command_post(ddev, &desc);
	up_read(&ddev->state_sem);
}

static void dmashare_attach_desc(struct dmashare_desc *desc,
				 const struct dmashare_attachment *att)
{
	dmashare_desc_init(desc, DMASHARE_OP_ATTACH);
	desc->attach.id = cpu_to_le32(att->id);
	desc->attach.buffer = cpu_to_le32(att->buffer);
	desc->attach.flags = cpu_to_le32(att->flags);
	memcpy(desc->attach.name, att->name, sizeof(desc->attach.name));
}

/**
 * dmashare_attach - make an attachment known to the device
 * @ddev: the device
 * @att: the attachment, filled in
 * @buffer: buffer id
 * @flags: DMASHARE_ATTACH_F_*
 * @name: the importer
 *
 * Returns: 0, -ENOSPC at the device's limit of attachments, or another
 * negative errno
 */
int dmashare_attach(struct dmashare_device *ddev, struct dmashare_attachment *att,
		    u32 buffer, u32 flags, const char *name)
{
	struct dmashare_desc desc;
	int ret;

	ret = dmashare_id_reserve(&ddev->attachments, &att->id,
				  &ddev->next_attachment);
	if (ret) {
		att->id = 0;
		return ret;
	}

	att->buffer = buffer;
	att->flags = flags;
	strscpy_pad(att->name, name, sizeof(att->name));

	dmashare_attach_desc(&desc, att);
	ret = dmashare_make(ddev, &desc, &ddev->attachments, att->id, att,
			    &ddev->counters.attaches);
	if (ret)
		att->id = 0;

	return ret;
}

/**
 * dmashare_detach - end an attachment; posted
 * @ddev: the device
 * @att: the attachment
 */
void dmashare_detach(struct dmashare_device *ddev, struct dmashare_attachment *att)
{
	struct dmashare_desc desc;

	if (!att->id)
		return;

	dmashare_id_desc(&desc, DMASHARE_OP_DETACH, att->id);
	down_read(&ddev->state_sem);
	xa_erase(&ddev->attachments, att->id);
	dmashare_command_post(ddev, &desc);
	up_read(&ddev->state_sem);
	att->id = 0;
}

/*
 * By how much the limits let a segment of @len bytes at @addr grow: it may get
 * no longer than @max_seg_size and not cross a multiple of @boundary.
 */
static u64 dmashare_seg_room(const struct dmashare_limits *limits, u64 addr, u64 len)
{
	u64 room = limits->max_seg_size - len;

	if (limits->boundary)
		room = min(room, limits->boundary - (addr & (limits->boundary - 1)) - len);

	return room;
}

/**
 * dmashare_seg_walk - the fewest segments of which the limits allow a mapping
 * @limits: of the device
 * @sgt: mapped for the device
 * @length: bytes of it to be used
 * @list: where the segments are written, or NULL
 * @per_block: segments of a block of @list
 * @longest: if not NULL, set to the bytes of the longest segment
 *
 * Neighbours are joined, and what is too long is cut: not every exporter knows
 * what dma_set_max_seg_size() asks for, and an entry of a scatterlist cannot
 * say a length of 4 GiB. The pages of @sgt are not looked at: it may have none.
 *
 * Returns: the number of segments, -EINVAL if @sgt is shorter than @length, or
 * -EFBIG if there are more segments than the device can have, or an address
 * that it cannot say
 */
VISIBLE_IF_KUNIT
long dmashare_seg_walk(const struct dmashare_limits *limits, struct sg_table *sgt,
		       u64 length, struct dmashare_seg_list *list, u32 per_block,
		       u64 *longest)
{
	u64 seg_addr = 0, seg_len = 0, left = length, max = 0;
	u64 last = DMA_BIT_MASK(limits->dma_bits);
	struct scatterlist *sg;
	long n = 0;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 addr = sg_dma_address(sg);
		u64 len = min_t(u64, sg_dma_len(sg), left);

		if (len && (addr > last || len - 1 > last - addr))
			return -EFBIG;

		left -= len;
		while (len) {
			u64 room = 0;

			if (n && seg_addr + seg_len == addr)
				room = dmashare_seg_room(limits, seg_addr, seg_len);
			if (!room) {
				seg_addr = addr;
				seg_len = 0;
				if (++n > limits->max_segments)
					return -EFBIG;
				room = dmashare_seg_room(limits, addr, 0);
			}
			room = min(room, len);
			seg_len += room;
			addr += room;
			len -= room;
			max = max(max, seg_len);

			if (list) {
				struct dmashare_seg_block *block =
					list->block[(n - 1) / per_block];
				u32 k = (n - 1) % per_block;

				block->segment[k].addr = cpu_to_le64(seg_addr);
				block->segment[k].len = cpu_to_le64(seg_len);
				block->count = cpu_to_le32(k + 1);
			}
		}
	}

	if (longest)
		*longest = max;

	return left ? -EINVAL : n;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_seg_walk);

static void dmashare_seg_free(struct dmashare_seg_list *list)
{
	u32 i;

	for (i = 0; i < list->n_blocks; i++)
		if (list->block[i])
			dma_pool_free(list->pool, list->block[i], list->dma[i]);
	kvfree(list->block);
	kvfree(list->dma);
	memset(list, 0, sizeof(*list));
}

/* Blocks for as many segments. */
static int dmashare_seg_alloc(struct dmashare_device *ddev,
			      struct dmashare_seg_list *list, u32 n, u32 *per_block)
{
	u32 i;

	*per_block = n <= DMASHARE_SEG_SMALL ? DMASHARE_SEG_SMALL : DMASHARE_SEG_LARGE;
	list->pool = n <= DMASHARE_SEG_SMALL ? ddev->seg_small : ddev->seg_large;
	list->n_blocks = DIV_ROUND_UP(n, *per_block);
	list->block = kvcalloc(list->n_blocks, sizeof(*list->block), GFP_KERNEL);
	list->dma = kvcalloc(list->n_blocks, sizeof(*list->dma), GFP_KERNEL);
	if (!list->block || !list->dma) {
		list->n_blocks = 0;
		goto err_free;
	}

	for (i = 0; i < list->n_blocks; i++) {
		list->block[i] = dma_pool_zalloc(list->pool, GFP_KERNEL, &list->dma[i]);
		if (!list->block[i])
			goto err_free;
		if (i)
			list->block[i - 1]->next = cpu_to_le64(list->dma[i]);
	}

	return 0;

err_free:
	dmashare_seg_free(list);
	return -ENOMEM;
}

/* Builds the segment list of @map from the beginning of @sgt. */
static int dmashare_seg_build(struct dmashare_device *ddev,
			      struct dmashare_mapping *map, struct sg_table *sgt)
{
	const struct dmashare_limits *limits = &ddev->limits;
	u32 per_block;
	long n;
	int ret;

	n = dmashare_seg_walk(limits, sgt, map->length, NULL, 0, &map->max_segment);
	if (n < 0)
		return n;

	ret = dmashare_seg_alloc(ddev, &map->list, n, &per_block);
	if (ret)
		return ret;

	dmashare_seg_walk(limits, sgt, map->length, &map->list, per_block, NULL);
	map->n_segments = n;
	map->first = sg_dma_address(sgt->sgl);

	return 0;
}

static void dmashare_map_desc(struct dmashare_desc *desc,
			      const struct dmashare_mapping *map)
{
	dmashare_desc_init(desc, DMASHARE_OP_MAP);
	desc->map.id = cpu_to_le32(map->id);
	desc->map.buffer = cpu_to_le32(map->buffer);
	desc->map.attachment = cpu_to_le32(map->attachment);
	desc->map.direction = cpu_to_le32(map->direction);
	desc->map.length = cpu_to_le64(map->length);
	desc->map.n_segments = cpu_to_le32(map->n_segments);
	desc->map.placement = cpu_to_le32(map->placement);
	desc->map.list = cpu_to_le64(map->list.dma[0]);
	desc->map.flags = cpu_to_le32(map->flags);
}

static struct dmashare_mapping *dmashare_mapping_alloc(u32 buffer, u32 attachment,
						       enum dma_data_direction dir,
						       u64 length)
{
	struct dmashare_mapping *map = kzalloc(sizeof(*map), GFP_KERNEL);

	if (!map)
		return NULL;

	map->buffer = buffer;
	map->attachment = attachment;
	map->direction = dir;
	map->length = length;

	return map;
}

static void dmashare_mapping_free(struct dmashare_mapping *map)
{
	dmashare_seg_free(&map->list);
	kfree(map);
}

/* Gives the mapping, which has its segments, to the device, or frees it. */
static struct dmashare_mapping *dmashare_mapping_make(struct dmashare_device *ddev,
						      struct dmashare_mapping *map)
{
	struct dmashare_desc desc;
	int ret;

	ret = dmashare_id_reserve(&ddev->mappings, &map->id, &ddev->next_mapping);
	if (ret)
		goto err_free;

	atomic_inc(&ddev->live_mappings);
	dmashare_map_desc(&desc, map);
	ret = dmashare_make(ddev, &desc, &ddev->mappings, map->id, map,
			    &ddev->counters.maps);
	if (ret)
		goto err_dead;

	return map;

err_dead:
	dmashare_unmapped(ddev);
err_free:
	dmashare_mapping_free(map);
	return ERR_PTR(ret);
}

/**
 * dmashare_map - let the device's engines use system memory
 * @ddev: the device
 * @sgt: mapped for the device; at least @length bytes
 * @length: bytes, the size of the buffer
 * @buffer: buffer id
 * @attachment: attachment id for an imported buffer, else 0
 * @dir: direction
 * @flags: DMASHARE_MAP_F_*, which a coherent device is not told
 *
 * Returns: the mapping; -EINVAL if @sgt is too short, -EFBIG if it takes more
 * segments than the device can have in a mapping or breaks another of its
 * limits, -ENOSPC at the limit of mappings or segments, or another error
 */
struct dmashare_mapping *dmashare_map(struct dmashare_device *ddev,
				      struct sg_table *sgt, u64 length,
				      u32 buffer, u32 attachment,
				      enum dma_data_direction dir, u32 flags)
{
	struct dmashare_mapping *map;
	int ret;

	map = dmashare_mapping_alloc(buffer, attachment, dir, length);
	if (!map)
		return ERR_PTR(-ENOMEM);

	map->placement = DMASHARE_PLACEMENT_SYSTEM;
	map->flags = dmashare_noncoherent(ddev) ? flags : 0;
	ret = dmashare_seg_build(ddev, map, sgt);
	if (ret) {
		dmashare_mapping_free(map);
		return ERR_PTR(ret);
	}

	return dmashare_mapping_make(ddev, map);
}

/**
 * dmashare_map_bar - let the device's engines use memory behind its BAR
 * @ddev: the device
 * @backing: in local memory, or in the window
 * @buffer: buffer id
 * @dir: direction
 *
 * None of the limits of DMA apply.
 *
 * Returns: the mapping, or an error as dmashare_map()
 */
struct dmashare_mapping *dmashare_map_bar(struct dmashare_device *ddev,
					  const struct dmashare_backing *backing,
					  u32 buffer, enum dma_data_direction dir)
{
	u64 start = backing->node.start, length = backing->size;
	struct dmashare_mapping *map;
	u32 per_block;
	int ret;

	map = dmashare_mapping_alloc(buffer, 0, dir, length);
	if (!map)
		return ERR_PTR(-ENOMEM);

	ret = dmashare_seg_alloc(ddev, &map->list, 1, &per_block);
	if (ret) {
		dmashare_mapping_free(map);
		return ERR_PTR(ret);
	}
	map->placement = backing->placement;
	map->first = start;
	map->max_segment = length;
	map->n_segments = 1;
	map->list.block[0]->count = cpu_to_le32(1);
	map->list.block[0]->segment[0].addr = cpu_to_le64(start);
	map->list.block[0]->segment[0].len = cpu_to_le64(length);

	return dmashare_mapping_make(ddev, map);
}

/**
 * dmashare_unmap - take memory from the device's engines
 * @ddev: the device
 * @map: the mapping; freed
 * @flags: DMASHARE_UNMAP_F_*, which a coherent device is not told
 *
 * When this returns the device does not touch the memory any more: it said so,
 * or it was reset, or it is gone. The caller gives the memory back, and then calls
 * dmashare_unmapped().
 */
void dmashare_unmap(struct dmashare_device *ddev, struct dmashare_mapping *map,
		    u32 flags)
{
	struct dmashare_desc desc;
	u32 status;

	dmashare_desc_init(&desc, DMASHARE_OP_UNMAP);
	desc.unmap.id = cpu_to_le32(map->id);
	desc.unmap.flags = cpu_to_le32(dmashare_noncoherent(ddev) ? flags : 0);
	down_read(&ddev->state_sem);
	xa_erase(&ddev->mappings, map->id);
	dmashare_command_insist(ddev, &desc, &status);
	if (status == DMASHARE_STATUS_COMMANDED) {
		/* It would keep addresses of memory that is somebody else's soon. */
		drm_err(&ddev->drm, "mapping %u does not end, resetting\n", map->id);
		dmashare_stop_and_reset(ddev, 0);
	}
	up_read(&ddev->state_sem);

	dmashare_mapping_free(map);
}

/**
 * dmashare_unmapped - what was mapped for the device is so no more
 * @ddev: the device
 *
 * The device's removal waits for this.
 */
void dmashare_unmapped(struct dmashare_device *ddev)
{
	if (atomic_dec_and_test(&ddev->live_mappings))
		wake_up_all(&ddev->unmapped);
}

/**
 * dmashare_place - tell the device where a buffer's bytes are now; posted
 * @ddev: the device
 * @bo: the buffer, with its new placement; its reservation lock is held
 *
 * A reset at any time does no harm: what is made anew has the new placement.
 */
void dmashare_place(struct dmashare_device *ddev, struct dmashare_bo *bo)
{
	struct dmashare_desc desc;

	dmashare_desc_init(&desc, DMASHARE_OP_PLACE);
	desc.place.id = cpu_to_le32(bo->id);
	desc.place.placement = cpu_to_le32(bo->placement);
	down_read(&ddev->state_sem);
	dmashare_command_post(ddev, &desc);
	up_read(&ddev->state_sem);
}

/**
 * dmashare_replay - make everything again that the device knew before a reset
 * @ddev: the device; state_sem is held for writing
 *
 * Returns: 0 or a negative errno
 */
int dmashare_replay(struct dmashare_device *ddev)
{
	struct dmashare_attachment *att;
	struct dmashare_mapping *map;
	struct dmashare_desc desc;
	struct dmashare_bo *bo;
	unsigned long index;
	int ret;

	lockdep_assert_held_write(&ddev->state_sem);

	xa_for_each(&ddev->buffers, index, bo) {
		dmashare_buffer_desc(&desc, bo);
		ret = dmashare_command_insist(ddev, &desc, NULL);
		if (ret)
			return ret;
		atomic64_inc(&ddev->counters.buffers);
	}

	xa_for_each(&ddev->attachments, index, att) {
		dmashare_attach_desc(&desc, att);
		ret = dmashare_command_insist(ddev, &desc, NULL);
		if (ret)
			return ret;
		atomic64_inc(&ddev->counters.attaches);
	}

	xa_for_each(&ddev->mappings, index, map) {
		/* Nothing is behind it: what the device knew is announced anew. */
		if (map->placement == DMASHARE_PLACEMENT_PEER)
			continue;
		dmashare_map_desc(&desc, map);
		ret = dmashare_command_insist(ddev, &desc, NULL);
		if (ret)
			return ret;
		atomic64_inc(&ddev->counters.maps);
	}
	dmashare_shares_replay(ddev);

	return 0;
}
