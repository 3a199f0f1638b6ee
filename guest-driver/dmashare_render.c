// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: contexts and resources of the renderer
 *
 * Both are numbers that the device knows and the renderer as well, for commands
 * name resources, and nobody looks into commands. So the numbers are the device's
 * and not the file's, but only the file that made an object finds it here; what
 * commands may name is kept apart by the renderer, which lets a context use what
 * was added to it and nothing else.
 *
 * A job keeps what it names: a number is given back to the device when the client
 * has destroyed the object and the last job that names it is done. Otherwise a job
 * that waits could meet somebody else's object of the same number.
 *
 * Nothing is made again after a reset, as buffers are: a context has state that
 * only the renderer had. What the device has lost is remembered, with the reason, and
 * its number stays taken until it is destroyed. Whether a job may still use it is not
 * decided here. The device fails the job, and is always right.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <kunit/visibility.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"
#include "dmashare_trace.h"

static struct dmashare_render_table *dmashare_render_table(struct dmashare_device *ddev,
							   bool resource)
{
	return resource ? &ddev->render.resources : &ddev->render.contexts;
}

static struct dmashare_render_table *
dmashare_render_table_of(const struct dmashare_render_object *obj)
{
	return dmashare_render_table(obj->ddev, obj->resource);
}

static void dmashare_render_fini(struct drm_device *drm, void *unused)
{
	struct dmashare_render *render = &to_dmashare(drm)->render;

	drm_WARN_ON(drm, !xa_empty(&render->contexts.objects));
	drm_WARN_ON(drm, !xa_empty(&render->resources.objects));
	xa_destroy(&render->contexts.objects);
	xa_destroy(&render->resources.objects);
}

/**
 * dmashare_render_init - there are no contexts and no resources
 * @ddev: the device, whose limits are known
 *
 * Returns: 0 or a negative errno
 */
int dmashare_render_init(struct dmashare_device *ddev)
{
	struct dmashare_render *render = &ddev->render;

	/* Events, which interrupts bring, look into them. */
	xa_init_flags(&render->contexts.objects, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_IRQ);
	xa_init_flags(&render->resources.objects, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_IRQ);
	render->contexts.max = ddev->limits.max_contexts;
	render->resources.max = ddev->limits.max_resources;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_render_fini, NULL);
}

/*
 * What was lost
 */

/**
 * dmashare_render_lost - an object is of no use any more
 * @obj: the object; any context
 * @error: why, a negative errno
 */
void dmashare_render_lost(struct dmashare_render_object *obj, int error)
{
	if (!cmpxchg(&obj->error, 0, error))
		trace_dmashare_render(obj, "lost", error);
}

/**
 * dmashare_render_error - is it of use?
 * @obj: the object
 *
 * What a job found says less than what the device tells of it, and may come
 * earlier.
 *
 * Returns: 0, or the negative errno that it was lost with
 */
int dmashare_render_error(const struct dmashare_render_object *obj)
{
	int error = READ_ONCE(obj->error);

	if (error)
		return error;

	return READ_ONCE(obj->found_lost) ? -ENOTRECOVERABLE : 0;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_render_error);

/* All of them; with @forgotten the device does not know them any more. */
static void dmashare_render_lose_all(struct dmashare_render_table *table, int error,
				     bool forgotten)
{
	struct dmashare_render_object *obj;
	unsigned long index, flags;

	xa_lock_irqsave(&table->objects, flags);
	xa_for_each(&table->objects, index, obj) {
		if (forgotten)
			obj->known = false;
		dmashare_render_lost(obj, error);
	}
	xa_unlock_irqrestore(&table->objects, flags);
}

/**
 * dmashare_render_event - the device says that something was lost
 * @ddev: the device
 * @event: any event
 *
 * The events' lock is held: who has asked for the events that are there knows that
 * none of them is about to be obeyed later.
 */
void dmashare_render_event(struct dmashare_device *ddev, const struct dmashare_event *event)
{
	int error = dmashare_status_to_errno(le16_to_cpu(event->status)) ?: -ENOTRECOVERABLE;
	bool resource = le16_to_cpu(event->flags) & DMASHARE_EVENT_F_RESOURCE;
	struct dmashare_render_table *table = dmashare_render_table(ddev, resource);
	u32 id = le32_to_cpu(event->mapping);
	struct dmashare_render_object *obj;
	unsigned long flags;

	if (le16_to_cpu(event->type) != DMASHARE_EVENT_RENDER_LOST)
		return;

	if (!id) {
		dmashare_render_lose_all(&ddev->render.contexts, error, false);
		dmashare_render_lose_all(&ddev->render.resources, error, false);
		return;
	}

	xa_lock_irqsave(&table->objects, flags);
	obj = xa_load(&table->objects, id);
	if (obj)
		dmashare_render_lost(obj, error);
	xa_unlock_irqrestore(&table->objects, flags);
}

/**
 * dmashare_render_reset - the device was stopped, and has forgotten everything
 * @ddev: the device; state_sem is held for writing
 */
void dmashare_render_reset(struct dmashare_device *ddev)
{
	lockdep_assert_held_write(&ddev->state_sem);

	dmashare_render_lose_all(&ddev->render.contexts, -ECANCELED, true);
	dmashare_render_lose_all(&ddev->render.resources, -ECANCELED, true);
}

/*
 * Life
 */

/**
 * dmashare_render_get - find an object of a client
 * @file: the client
 * @resource: a resource, not a context
 * @id: what user space calls it
 *
 * Returns: the object with a reference, or NULL
 */
struct dmashare_render_object *dmashare_render_get(struct dmashare_file *file, bool resource,
						   u32 id)
{
	struct dmashare_render_table *table = dmashare_render_table(file->ddev, resource);
	struct dmashare_render_object *obj;

	xa_lock_irq(&table->objects);
	obj = xa_load(&table->objects, id);
	if (obj && obj->file == file)
		kref_get(&obj->ref);
	else
		obj = NULL;
	xa_unlock_irq(&table->objects);

	return obj;
}

/* The device has it no more when this is done, nor anything to say of it. */
static void dmashare_render_unmake(struct dmashare_render_object *obj)
{
	struct dmashare_device *ddev = obj->ddev;
	u32 status = DMASHARE_STATUS_OK;
	struct dmashare_desc desc;
	int ret = 0;

	dmashare_desc_init(&desc, obj->resource ? DMASHARE_OP_RESOURCE_DESTROY :
						  DMASHARE_OP_CONTEXT_DESTROY);
	desc.id.id = cpu_to_le32(obj->id);

	down_read(&ddev->state_sem);
	if (obj->known)
		ret = dmashare_command_insist(ddev, &desc, &status);
	if (status == DMASHARE_STATUS_COMMANDED) {
		/* Its number could never be used again. */
		drm_err(&ddev->drm, "%s %u does not end, resetting\n",
			obj->resource ? "resource" : "context", obj->id);
		dmashare_stop_and_reset(ddev, 0);
	}
	obj->known = false;
	up_read(&ddev->state_sem);

	trace_dmashare_render(obj, "destroy", ret);
	dmashare_events_poll(ddev);
}

static void dmashare_render_free(struct kref *ref)
{
	struct dmashare_render_object *obj =
		container_of(ref, struct dmashare_render_object, ref);

	dmashare_render_unmake(obj);
	xa_erase_irq(&dmashare_render_table_of(obj)->objects, obj->id);
	kfree(obj);
}

/**
 * dmashare_render_put - drop a reference
 * @obj: the object, or NULL; may sleep, and must not be called with state_sem held
 */
void dmashare_render_put(struct dmashare_render_object *obj)
{
	if (obj)
		kref_put(&obj->ref, dmashare_render_free);
}

/* A reference that ends with the variable that has it. */
DEFINE_FREE(dmashare_render, struct dmashare_render_object *, dmashare_render_put(_T))

/* One that nobody finds, and the device does not know; with a number. */
static struct dmashare_render_object *dmashare_render_alloc(struct dmashare_device *ddev,
							    bool resource, u8 opcode)
{
	struct dmashare_render_table *table = dmashare_render_table(ddev, resource);
	struct dmashare_render_object *obj;
	int ret;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	kref_init(&obj->ref);
	obj->ddev = ddev;
	obj->resource = resource;
	dmashare_desc_init(&obj->desc, opcode);
	ret = xa_alloc_cyclic_irq(&table->objects, &obj->id, obj, XA_LIMIT(1, table->max),
				  &table->next, GFP_KERNEL);
	if (ret < 0) {
		kfree(obj);
		/* EBUSY is what an xarray calls it. */
		return ERR_PTR(ret == -EBUSY ? -ENOSPC : ret);
	}

	return obj;
}

/*
 * Has the device make it, and gives it to the client. Consumes the caller's
 * reference if that fails.
 */
static int dmashare_render_make(struct dmashare_render_object *obj, struct dmashare_file *file)
{
	struct dmashare_render_table *table = dmashare_render_table_of(obj);
	struct dmashare_device *ddev = obj->ddev;
	struct dmashare_desc desc = obj->desc;
	int ret;

	/*
	 * Another renderer may be started for it: that the last one ended is not
	 * to be heard later. If one ends in between it is lost for nothing, and
	 * its owner makes another, as the others do whose objects were lost then.
	 */
	dmashare_events_poll(ddev);

	down_read(&ddev->state_sem);
	/* A reset before this has not lost it. */
	WRITE_ONCE(obj->error, 0);
	ret = dmashare_command(ddev, &desc, NULL);
	if (!ret)
		obj->known = true;
	up_read(&ddev->state_sem);

	trace_dmashare_render(obj, "create", ret);
	if (ret) {
		dmashare_render_put(obj);
		return ret;
	}

	xa_lock_irq(&table->objects);
	obj->file = file;
	xa_unlock_irq(&table->objects);

	return 0;
}

/* Takes an object from its client: nobody finds it any more. */
static struct dmashare_render_object *dmashare_render_take(struct dmashare_file *file,
							   bool resource, u32 id)
{
	struct dmashare_render_table *table = dmashare_render_table(file->ddev, resource);
	struct dmashare_render_object *obj;

	xa_lock_irq(&table->objects);
	obj = xa_load(&table->objects, id);
	if (obj && obj->file == file)
		obj->file = NULL;
	else
		obj = NULL;
	xa_unlock_irq(&table->objects);

	return obj;
}

static int dmashare_render_destroy(struct dmashare_file *file, bool resource, u32 id)
{
	struct dmashare_render_object *obj = dmashare_render_take(file, resource, id);

	if (!obj)
		return -ENOENT;
	/* The client's. */
	dmashare_render_put(obj);

	return 0;
}

/* The first one of the client from @id on; then that is its number. */
static bool dmashare_render_next(struct dmashare_file *file, struct dmashare_render_table *table,
				 u32 *id)
{
	struct dmashare_render_object *obj;
	unsigned long index;
	bool found = false;

	xa_lock_irq(&table->objects);
	xa_for_each_start(&table->objects, index, obj, *id) {
		found = obj->file == file;
		if (found) {
			*id = index;
			break;
		}
	}
	xa_unlock_irq(&table->objects);

	return found;
}

static void dmashare_render_close_all(struct dmashare_file *file, bool resource)
{
	struct dmashare_render_table *table = dmashare_render_table(file->ddev, resource);
	u32 id = 1;

	while (dmashare_render_next(file, table, &id))
		dmashare_render_destroy(file, resource, id++);
}

/**
 * dmashare_render_close - a client goes, and with it what it has made
 * @file: the client, which submits nothing any more
 */
void dmashare_render_close(struct dmashare_file *file)
{
	/* Contexts first: they use the others. */
	dmashare_render_close_all(file, false);
	dmashare_render_close_all(file, true);
}

/*
 * Ioctls
 */

static bool dmashare_renders(const struct dmashare_device *ddev)
{
	return ddev->limits.features & DMASHARE_FEATURE_RENDER;
}

/**
 * dmashare_context_create_ioctl - DRM_IOCTL_DMASHARE_CONTEXT_CREATE
 * @drm: the device
 * @data: struct drm_dmashare_context_create
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_context_create_ioctl(struct drm_device *drm, void *data,
				  struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_context_create *args = data;
	struct dmashare_render_object *obj;

	if (!dmashare_renders(ddev))
		return -EOPNOTSUPP;

	obj = dmashare_render_alloc(ddev, false, DMASHARE_OP_CONTEXT_CREATE);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	obj->desc.context.id = cpu_to_le32(obj->id);
	obj->desc.context.capset = cpu_to_le32(args->capset);
	memcpy(obj->desc.context.name, args->name, sizeof(obj->desc.context.name));
	args->context = obj->id;

	return dmashare_render_make(obj, drm_file->driver_priv);
}

/**
 * dmashare_context_destroy_ioctl - DRM_IOCTL_DMASHARE_CONTEXT_DESTROY
 * @drm: the device
 * @data: struct drm_dmashare_context_destroy
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_context_destroy_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file)
{
	struct drm_dmashare_context_destroy *args = data;

	if (!dmashare_renders(to_dmashare(drm)))
		return -EOPNOTSUPP;
	if (args->pad)
		return -EINVAL;

	return dmashare_render_destroy(drm_file->driver_priv, false, args->context);
}

/**
 * dmashare_resource_create_ioctl - DRM_IOCTL_DMASHARE_RESOURCE_CREATE
 * @drm: the device
 * @data: struct drm_dmashare_resource_create
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_resource_create_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_resource_create *args = data;
	struct dmashare_render_object *obj;
	struct dmashare_body_resource *body;

	if (!dmashare_renders(ddev))
		return -EOPNOTSUPP;
	if (args->pad)
		return -EINVAL;

	obj = dmashare_render_alloc(ddev, true, DMASHARE_OP_RESOURCE_CREATE);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	body = &obj->desc.resource;
	body->id = cpu_to_le32(obj->id);
	body->target = cpu_to_le32(args->target);
	body->format = cpu_to_le32(args->format);
	body->bind = cpu_to_le32(args->bind);
	body->width = cpu_to_le32(args->width);
	body->height = cpu_to_le32(args->height);
	body->depth = cpu_to_le32(args->depth);
	body->array_size = cpu_to_le32(args->array_size);
	body->last_level = cpu_to_le32(args->last_level);
	body->nr_samples = cpu_to_le32(args->nr_samples);
	body->flags = cpu_to_le32(args->flags);
	args->resource = obj->id;

	return dmashare_render_make(obj, drm_file->driver_priv);
}

/**
 * dmashare_resource_destroy_ioctl - DRM_IOCTL_DMASHARE_RESOURCE_DESTROY
 * @drm: the device
 * @data: struct drm_dmashare_resource_destroy
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_resource_destroy_ioctl(struct drm_device *drm, void *data,
				    struct drm_file *drm_file)
{
	struct drm_dmashare_resource_destroy *args = data;

	if (!dmashare_renders(to_dmashare(drm)))
		return -EOPNOTSUPP;
	if (args->pad)
		return -EINVAL;

	return dmashare_render_destroy(drm_file->driver_priv, true, args->resource);
}

static int dmashare_resource_pair(struct dmashare_device *ddev, struct dmashare_file *file,
				  const struct drm_dmashare_resource_pair *args, u8 opcode)
{
	struct dmashare_desc desc;
	int ret = -ENOTRECOVERABLE;

	if (!dmashare_renders(ddev))
		return -EOPNOTSUPP;

	struct dmashare_render_object *context __free(dmashare_render) =
		dmashare_render_get(file, false, args->context);
	struct dmashare_render_object *resource __free(dmashare_render) =
		dmashare_render_get(file, true, args->resource);
	if (!context || !resource)
		return -ENOENT;

	dmashare_desc_init(&desc, opcode);
	desc.pair.context = cpu_to_le32(context->id);
	desc.pair.resource = cpu_to_le32(resource->id);
	down_read(&ddev->state_sem);
	if (!dmashare_render_error(context) && !dmashare_render_error(resource))
		ret = dmashare_command(ddev, &desc, NULL);
	up_read(&ddev->state_sem);

	return ret;
}

/**
 * dmashare_resource_add_ioctl - DRM_IOCTL_DMASHARE_RESOURCE_ADD
 * @drm: the device
 * @data: struct drm_dmashare_resource_pair
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_resource_add_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file)
{
	return dmashare_resource_pair(to_dmashare(drm), drm_file->driver_priv, data,
				      DMASHARE_OP_RESOURCE_ADD);
}

/**
 * dmashare_resource_remove_ioctl - DRM_IOCTL_DMASHARE_RESOURCE_REMOVE
 * @drm: the device
 * @data: struct drm_dmashare_resource_pair
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_resource_remove_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file)
{
	return dmashare_resource_pair(to_dmashare(drm), drm_file->driver_priv, data,
				      DMASHARE_OP_RESOURCE_REMOVE);
}

/**
 * dmashare_render_state_ioctl - DRM_IOCTL_DMASHARE_RENDER_STATE
 * @drm: the device
 * @data: struct drm_dmashare_render_state
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_render_state_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_render_state *args = data;

	if (!dmashare_renders(ddev))
		return -EOPNOTSUPP;
	if (args->pad || !args->context == !args->resource)
		return -EINVAL;

	struct dmashare_render_object *obj __free(dmashare_render) =
		dmashare_render_get(drm_file->driver_priv, args->resource,
				    args->context ?: args->resource);
	if (!obj)
		return -ENOENT;

	/* Who has seen a fence fail wants to know what is behind it. */
	dmashare_events_poll(ddev);
	args->error = -dmashare_render_error(obj);

	return 0;
}

/**
 * dmashare_render_capset_ioctl - DRM_IOCTL_DMASHARE_RENDER_CAPSET
 * @drm: the device
 * @data: struct drm_dmashare_render_capset
 * @drm_file: the client
 *
 * Returns: 0 or an errno; see the uapi header
 */
int dmashare_render_capset_ioctl(struct drm_device *drm, void *data,
				 struct drm_file *drm_file)
{
	struct dmashare_device *ddev = to_dmashare(drm);
	struct drm_dmashare_render_capset *args = data;
	void *copy;
	u64 size;
	int ret, idx;

	if (!dmashare_renders(ddev))
		return -EOPNOTSUPP;
	if (args->pad || args->length < 8 || args->length % 8 ||
	    args->length > DMASHARE_LEDGER_MAX_LENGTH)
		return -EINVAL;

	copy = kzalloc(args->length, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	ret = -ENODEV;
	if (drm_dev_enter(drm, &idx)) {
		ret = dmashare_query(ddev, DMASHARE_OP_QUERY_CAPSET, args->capset, copy,
				     args->length, &size);
		drm_dev_exit(idx);
	}
	if (!ret && copy_to_user(u64_to_user_ptr(args->data), copy, args->length))
		ret = -EFAULT;
	if (!ret)
		args->size = size;
	kfree(copy);

	return ret;
}
