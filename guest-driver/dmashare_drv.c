// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: PCI driver and DRM registration
 *
 * A DRM render node for a device whose purpose is the sharing of buffers.
 * Start reading at dmashare_export.c for what an exporter of dma-bufs does,
 * at dmashare_import.c for an importer, at dmashare_job.c for fences and jobs.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

#define CREATE_TRACE_POINTS
#include "dmashare_trace.h"

/* Longer than the device waits for a fence that is held, so that it is first. */
unsigned int dmashare_job_timeout_ms = 15000;
module_param_named(job_timeout_ms, dmashare_job_timeout_ms, uint, 0444);
MODULE_PARM_DESC(job_timeout_ms,
		 "Time a job may take before the device is reset, in ms (default 15000, 0: for ever)");

bool dmashare_unsafe_tests;
module_param_named(unsafe_tests, dmashare_unsafe_tests, bool, 0644);
MODULE_PARM_DESC(unsafe_tests,
		 "Let CAP_SYS_ADMIN make the device do what a broken driver would (default off)");

/**
 * dmashare_unsafe_allowed - may the caller do what a broken driver would?
 *
 * Returns: true with CAP_SYS_ADMIN and the module parameter unsafe_tests
 */
bool dmashare_unsafe_allowed(void)
{
	return READ_ONCE(dmashare_unsafe_tests) && capable(CAP_SYS_ADMIN);
}

/*
 * What must sleep but is asked for where it cannot: dropping a job's buffers,
 * and the last reference to a device. Of the module and not of a device,
 * because the latter ends everything that a device has.
 */
struct workqueue_struct *dmashare_wq;

/*
 * The end of moves, which signals fences, and what holds wait for: never waits
 * for a reservation lock, as what runs on the other may.
 */
struct workqueue_struct *dmashare_move_wq;

DEFINE_DRM_GEM_FOPS(dmashare_fops);

static const struct drm_driver dmashare_driver = {
	.driver_features	= DRIVER_GEM | DRIVER_RENDER |
				  DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE,
	.open			= dmashare_open,
	.postclose		= dmashare_postclose,
	.gem_prime_import	= dmashare_gem_import,
	.ioctls			= dmashare_ioctls,
	.num_ioctls		= DMASHARE_NUM_IOCTLS,
	.fops			= &dmashare_fops,
	.name			= DMASHARE_NAME,
	.desc			= "dma-buf sharing device model",
	DMASHARE_DRIVER_DATE
	.major			= 1,
	.minor			= 3,
};

static void dmashare_put_work(struct work_struct *work)
{
	struct dmashare_device *ddev =
		container_of(work, struct dmashare_device, put_work);

	drm_dev_put(&ddev->drm);
}

/**
 * dmashare_put_user - one user of the device's memory less
 * @ddev: the device; any context
 */
void dmashare_put_user(struct dmashare_device *ddev)
{
	if (refcount_dec_and_test(&ddev->users))
		queue_work(dmashare_wq, &ddev->put_work);
}

static void dmashare_unbound(void *data)
{
	dmashare_put_user(data);
}

static void dmashare_state_fini(struct drm_device *drm, void *unused)
{
	struct dmashare_device *ddev = to_dmashare(drm);

	drm_WARN_ON(drm, !xa_empty(&ddev->mappings));
	drm_WARN_ON(drm, !xa_empty(&ddev->attachments));
	drm_WARN_ON(drm, !xa_empty(&ddev->buffers));
	drm_WARN_ON(drm, !xa_empty(&ddev->shares));
	xa_destroy(&ddev->shares);
	xa_destroy(&ddev->mappings);
	xa_destroy(&ddev->attachments);
	xa_destroy(&ddev->buffers);
}

static int dmashare_state_init(struct dmashare_device *ddev)
{
	init_rwsem(&ddev->state_sem);
	xa_init_flags(&ddev->buffers, XA_FLAGS_ALLOC1);
	xa_init_flags(&ddev->attachments, XA_FLAGS_ALLOC1);
	xa_init_flags(&ddev->mappings, XA_FLAGS_ALLOC1);
	xa_init(&ddev->shares);
	init_waitqueue_head(&ddev->unmapped);
	mutex_init(&ddev->ledger_lock);

	return drmm_add_action_or_reset(&ddev->drm, dmashare_state_fini, NULL);
}

static int dmashare_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct dmashare_device *ddev;
	int ret;

	ddev = devm_drm_dev_alloc(&pdev->dev, &dmashare_driver,
				  struct dmashare_device, drm);
	if (IS_ERR(ddev))
		return PTR_ERR(ddev);
	pci_set_drvdata(pdev, ddev);

	drm_dev_get(&ddev->drm);
	refcount_set(&ddev->users, 1);
	INIT_WORK(&ddev->put_work, dmashare_put_work);
	ret = devm_add_action_or_reset(&pdev->dev, dmashare_unbound, ddev);
	if (ret)
		return ret;

	ret = dmashare_state_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_reset_init(ddev);
	if (ret)
		return ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;

	ddev->regs = pcim_iomap_region(pdev, DMASHARE_BAR_REGS, DMASHARE_NAME);
	if (IS_ERR(ddev->regs))
		return PTR_ERR(ddev->regs);

	ret = dmashare_hw_probe(ddev);
	if (ret)
		return ret;

	ret = dmashare_map_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_render_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_local_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_window_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_p2p_init(ddev);
	if (ret)
		return ret;

	dmashare_requests_init(ddev);
	dmashare_holds_init(ddev);
	ret = dmashare_acquires_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_peers_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_moves_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_job_queues_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_queues_init(ddev);
	if (ret)
		return ret;

	pci_set_master(pdev);

	ret = dmashare_irqs_init(ddev);
	if (ret)
		return ret;

	ret = dmashare_hw_start(ddev);
	if (ret)
		goto err_stop;

	ret = dmashare_bus_init(ddev);
	if (ret)
		goto err_stop;

	dmashare_debugfs_init(ddev);

	ret = drm_dev_register(&ddev->drm, 0);
	if (ret)
		goto err_stop;

	dmashare_heap_bind(ddev);

	return 0;

err_stop:
	dmashare_hw_stop(ddev);
	return ret;
}

/*
 * The device goes, or is to be left alone: orderly, with all registers in place, or
 * pulled out, in which case they read as ones and nobody sees what is written. All
 * that waits for it ends now, with -ENODEV.
 */
static void dmashare_gone(struct dmashare_device *ddev)
{
	u32 i;

	/* From here on commands and jobs fail with -ENODEV, not -ECANCELED. */
	WRITE_ONCE(ddev->gone, true);

	/*
	 * Who waits for the device may be inside drm_dev_enter(), and must not
	 * find out by itself that nobody answers.
	 */
	dmashare_hw_stop(ddev);
	dmashare_control_abort(ddev, -ENODEV);
	dmashare_acquires_drop(ddev, 0);
	dmashare_holds_close(ddev);

	/* Waits for a reset that is running; none begins afterwards. */
	drm_dev_unplug(&ddev->drm);

	/* Which may have started it again. */
	dmashare_hw_stop(ddev);
	cancel_work_sync(&ddev->reset_work);
	cancel_delayed_work_sync(&ddev->watch);
	dmashare_control_abort(ddev, -ENODEV);
	for (i = 0; i < ddev->limits.num_queues; i++)
		dmashare_queue_fail(&ddev->queue[i], NULL, -ENODEV);
	/* Jobs that wait for the end of a halt need not any more. */
	if (READ_ONCE(ddev->halted))
		dmashare_resume_jobs(ddev);
	dmashare_peers_gone(ddev);
	dmashare_moves_revoke(ddev);
	cancel_work_sync(&ddev->requests.work);
	cancel_work_sync(&ddev->acquires.work);
}

static void dmashare_remove(struct pci_dev *pdev)
{
	struct dmashare_device *ddev = pci_get_drvdata(pdev);

	dmashare_heap_unbind(ddev);
	dmashare_gone(ddev);

	/*
	 * Buffers live as long as their handles, but what was mapped for this
	 * device must be unmapped while it still is this driver's.
	 */
	dmashare_bo_revoke_all(ddev);
}

/*
 * The machine stops, or another kernel takes over: no DMA into its memory, and no
 * reset that starts the device again. What is mapped stays mapped.
 */
static void dmashare_shutdown(struct pci_dev *pdev)
{
	dmashare_gone(pci_get_drvdata(pdev));
	pci_clear_master(pdev);
}

static const struct pci_device_id dmashare_pci_ids[] = {
	{ PCI_DEVICE(DMASHARE_PCI_VENDOR_ID, DMASHARE_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, dmashare_pci_ids);

static struct pci_driver dmashare_pci_driver = {
	.name		= DMASHARE_NAME,
	.id_table	= dmashare_pci_ids,
	.probe		= dmashare_probe,
	.remove		= dmashare_remove,
	.shutdown	= dmashare_shutdown,
	.err_handler	= &dmashare_error_handlers,
	.driver.pm	= pm_sleep_ptr(&dmashare_pm_ops),
};

/**
 * dmashare_is_device - is this one of the devices that this driver drives?
 * @dev: a device
 *
 * Returns: true if so
 */
bool dmashare_is_device(const struct device *dev)
{
	return dev->driver == &dmashare_pci_driver.driver;
}

static int __init dmashare_init(void)
{
	int ret;

	dmashare_wq = alloc_workqueue("dmashare", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dmashare_wq)
		return -ENOMEM;

	ret = -ENOMEM;
	dmashare_move_wq = alloc_workqueue("dmashare-move", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dmashare_move_wq)
		goto err_wq;

	ret = pci_register_driver(&dmashare_pci_driver);
	if (ret)
		goto err_move_wq;

	return 0;

err_move_wq:
	destroy_workqueue(dmashare_move_wq);
err_wq:
	destroy_workqueue(dmashare_wq);
	return ret;
}
module_init(dmashare_init);

static void __exit dmashare_exit(void)
{
	pci_unregister_driver(&dmashare_pci_driver);
	destroy_workqueue(dmashare_move_wq);
	destroy_workqueue(dmashare_wq);
	/*
	 * The release of a fence drops its reference to the module, and may be
	 * interrupted before it has returned from our code.
	 */
	synchronize_rcu_tasks();
}
module_exit(dmashare_exit);

MODULE_DESCRIPTION("DRM driver for the dmashare device model");
MODULE_LICENSE("GPL");
DMASHARE_IMPORT_NS(DMA_BUF);
