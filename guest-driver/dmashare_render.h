/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: contexts and resources of the renderer, and jobs that use them
 *
 * Included by dmashare_drv.h, which has the order of the locks.
 */
#ifndef DMASHARE_RENDER_H
#define DMASHARE_RENDER_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <dmashare/abi.h>

struct dmashare_device;
struct dmashare_file;
struct dmashare_job;
struct dmashare_limits;
struct drm_device;
struct drm_dmashare_job;
struct drm_file;

/**
 * struct dmashare_render_object - a context or a resource
 * @ref: the client's, and one for each job that names it
 * @ddev: the device
 * @file: whose it is; NULL before it can be found, and once it was destroyed.
 *	Protected by the table's lock.
 * @resource: it is one; constant, as the next two
 * @id: the device's number for it, and user space's
 * @desc: what the device was told to make
 * @known: the device has it; changes with state_sem held
 * @error: 0, or the negative errno that it was lost with; the first one stays
 * @found_lost: a job found that it was
 * @jobs: submitted jobs that name it
 */
struct dmashare_render_object {
	struct kref ref;
	struct dmashare_device *ddev;
	struct dmashare_file *file;
	bool resource;
	u32 id;
	struct dmashare_desc desc;
	bool known;
	int error;
	bool found_lost;
	atomic_t jobs;
};

/**
 * struct dmashare_render_table - all contexts, or all resources, of a device
 * @objects: struct dmashare_render_object by id
 * @max: largest id
 * @next: where the search for a free id starts; an id that was given back is not
 *	used again soon, so a stale use is noticed
 */
struct dmashare_render_table {
	struct xarray objects;
	u32 max;
	u32 next;
};

/**
 * struct dmashare_render - what a device renders with
 * @contexts: of all clients
 * @resources: of all clients
 */
struct dmashare_render {
	struct dmashare_render_table contexts;
	struct dmashare_render_table resources;
};

/* dmashare_render.c */
int dmashare_render_init(struct dmashare_device *ddev);
void dmashare_render_event(struct dmashare_device *ddev, const struct dmashare_event *event);
void dmashare_render_reset(struct dmashare_device *ddev);
void dmashare_render_close(struct dmashare_file *file);
struct dmashare_render_object *dmashare_render_get(struct dmashare_file *file, bool resource,
						   u32 id);
void dmashare_render_put(struct dmashare_render_object *obj);
void dmashare_render_lost(struct dmashare_render_object *obj, int error);
int dmashare_render_error(const struct dmashare_render_object *obj);
int dmashare_context_create_ioctl(struct drm_device *drm, void *data,
				  struct drm_file *drm_file);
int dmashare_context_destroy_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file);
int dmashare_resource_create_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file);
int dmashare_resource_destroy_ioctl(struct drm_device *drm, void *data,
				    struct drm_file *drm_file);
int dmashare_resource_add_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file);
int dmashare_resource_remove_ioctl(struct drm_device *drm, void *data,
				   struct drm_file *drm_file);
int dmashare_render_state_ioctl(struct drm_device *drm, void *data,
				struct drm_file *drm_file);
int dmashare_render_capset_ioctl(struct drm_device *drm, void *data,
				 struct drm_file *drm_file);

/* dmashare_render_job.c */
int dmashare_check_render_job(const struct dmashare_limits *limits,
			      const struct drm_dmashare_job *job);
int dmashare_render_job_fill(struct dmashare_job *job, const struct drm_dmashare_job *args);
void dmashare_render_job_done(struct dmashare_job *job, u32 status);
void dmashare_render_job_drop(struct dmashare_job *job);

#endif /* DMASHARE_RENDER_H */
