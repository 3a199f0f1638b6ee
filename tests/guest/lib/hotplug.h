/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device taken out of its slot and put in again, in a VM with HOTPLUG=1.
 */
#ifndef DMASHARE_TEST_HOTPLUG_H
#define DMASHARE_TEST_HOTPLUG_H

#include <stdbool.h>

#include "dms.h"

enum unplug {
	ORDERLY,	/* somebody asks first, and the driver gives it up */
	SURPRISE,	/* it is pulled out */
};

/*
 * Takes the first device away, and returns when neither the kernel nor QEMU has
 * it any more.
 */
void hotplug_remove(enum unplug how);
/* The same of one that QEMU was told to take away. */
void hotplug_removed(void);
/*
 * Puts another one into the slot, with these properties ("'local-size': 4096",
 * or ""), and returns when its driver has it.
 */
void hotplug_add(const char *properties);
/* Whether the kernel sees a device in the slot. */
bool hotplug_there(void);

/*
 * Opens the device in the first slot, and the one that is not there: nodes are
 * not numbered by slots.
 */
int hotplug_open(void);
int hotplug_open_second(void);
/*
 * Copies, with a device, from a buffer that it has imported; 0 or the errno of
 * whatever refused it.
 */
int hotplug_try_copy(int fd, const struct bo *dst, const struct bo *src, uint64_t length);

#endif /* DMASHARE_TEST_HOTPLUG_H */
