// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: what the bus says: errors, and resets that are not the driver's
 *
 * A reset that user space asked for (sysfs, a function-level reset) comes in two
 * calls around it, between which nothing else happens to the device; commands
 * wait that long.
 *
 * An error (AER) is reported, and what follows depends on all devices below the
 * link that had it: a reset of the link or not, and then either "resume" or the
 * verdict that there will be none. The calls are no pair, so no lock is kept
 * between them: commands fail with -EIO, jobs wait for the verdict.
 *
 * Whatever the reset was, the device may have lost its configuration with it; the
 * PCI core restores what it saved just before, which is nothing if the link had been
 * down. So the driver has a copy of its own.
 */
#include <linux/pci.h>

#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "dmashare_drv.h"

static void dmashare_bus_fini(struct drm_device *drm, void *bus_state)
{
	kfree(bus_state);
}

/**
 * dmashare_bus_init - remember how the bus has the device configured
 * @ddev: the device, set up but for the driver's own registers
 *
 * Returns: 0 or -ENOMEM
 */
int dmashare_bus_init(struct dmashare_device *ddev)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);

	pci_save_state(pdev);
	ddev->bus_state = pci_store_saved_state(pdev);
	if (!ddev->bus_state)
		return -ENOMEM;

	return drmm_add_action_or_reset(&ddev->drm, dmashare_bus_fini, ddev->bus_state);
}

/**
 * dmashare_bus_restore - configure the device as it was
 * @ddev: the device, which does not answer; not removed
 *
 * A reset that nobody told the PCI core of, or a link that was down, leaves it
 * without addresses. It may not even have a configuration: then it is out of
 * reach, and stays so.
 */
void dmashare_bus_restore(struct dmashare_device *ddev)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);

	if (!pci_device_is_present(pdev) || pci_load_saved_state(pdev, ddev->bus_state))
		return;
	pci_restore_state(pdev);
	drm_info(&ddev->drm, "the configuration was lost, and is restored\n");
}

static void dmashare_reset_prepare(struct pci_dev *pdev)
{
	struct dmashare_device *ddev = pci_get_drvdata(pdev);

	dmashare_halt(ddev, -ECANCELED);
}

static void dmashare_reset_done(struct pci_dev *pdev)
{
	struct dmashare_device *ddev = pci_get_drvdata(pdev);

	if (!dmashare_restart(ddev))
		drm_info(&ddev->drm, "reset by the bus\n");
	up_write(&ddev->state_sem);
	dmashare_resume_jobs(ddev);
}

static pci_ers_result_t dmashare_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct dmashare_device *ddev = pci_get_drvdata(pdev);

	if (!READ_ONCE(ddev->halted)) {
		dmashare_halt(ddev, -EIO);
		up_write(&ddev->state_sem);
	}
	if (state != pci_channel_io_perm_failure)
		return state == pci_channel_io_normal ? PCI_ERS_RESULT_CAN_RECOVER :
							PCI_ERS_RESULT_NEED_RESET;

	/* The verdict: there it stays, and what waits for it fails. */
	WRITE_ONCE(ddev->wedged, true);
	dmashare_resume_jobs(ddev);

	return PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t dmashare_mmio_enabled(struct pci_dev *pdev)
{
	return dmashare_hw_present(pci_get_drvdata(pdev)) ? PCI_ERS_RESULT_RECOVERED :
							     PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t dmashare_slot_reset(struct pci_dev *pdev)
{
	struct dmashare_device *ddev = pci_get_drvdata(pdev);

	dmashare_bus_restore(ddev);

	return dmashare_hw_present(ddev) ? PCI_ERS_RESULT_RECOVERED : PCI_ERS_RESULT_DISCONNECT;
}

static void dmashare_error_resume(struct pci_dev *pdev)
{
	struct dmashare_device *ddev = pci_get_drvdata(pdev);

	if (!READ_ONCE(ddev->halted))
		return;

	down_write(&ddev->state_sem);
	if (!dmashare_restart(ddev))
		drm_info(&ddev->drm, "recovered from an error of the bus\n");
	up_write(&ddev->state_sem);
	dmashare_resume_jobs(ddev);
}

const struct pci_error_handlers dmashare_error_handlers = {
	.error_detected = dmashare_error_detected,
	.mmio_enabled = dmashare_mmio_enabled,
	.slot_reset = dmashare_slot_reset,
	.reset_prepare = dmashare_reset_prepare,
	.reset_done = dmashare_reset_done,
	.resume = dmashare_error_resume,
};
