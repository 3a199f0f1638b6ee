/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU itself, from inside the guest: a virtio port leads to a monitor that
 * speaks QMP, so that a test can steer the machine it runs on (set a device's
 * property, unplug it, ...) and knows when that has been done.
 */
#ifndef DMASHARE_TEST_HOST_H
#define DMASHARE_TEST_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this VM has the port; one without a virtio console has none. */
bool host_there(void);

/*
 * One QMP command, as '{"execute": "qom-get", "arguments": {...}}', in one
 * line and without an "id". Returns 0 when QEMU did it; -1 and EPROTO when it
 * answered with an error. Either way the whole answer, one line of JSON, is in
 * @answer (cut off at @size; NULL when it is not wanted). Any other errno
 * tells that there was no answer: ENODEV without a port, ETIMEDOUT.
 */
int host_qmp(const char *json, char *answer, size_t size);

/* The whole answer of the last host_qmp(), until QEMU is spoken to again. */
const char *host_answer(void);

/*
 * Sets a property of a device (@device is its id: "dmashare0", "dmashare1"),
 * where @value is JSON: a number, true, or a string with its quotes.
 */
int host_set(const char *device, const char *property, const char *value);

/*
 * Waits until QEMU tells of an event (as "DEVICE_DELETED") after the program's
 * first call of this library; one that has come already counts, once. The first
 * form gives its data (json.h), valid until the next call of either, the second
 * one 0. NULL or -1, and ETIMEDOUT, when it does not come.
 */
const char *host_wait_event(const char *name, unsigned int seconds);
int host_event(const char *name, unsigned int seconds);

/* What has come so far counts no more. */
void host_forget_events(void);

#endif /* DMASHARE_TEST_HOST_H */
