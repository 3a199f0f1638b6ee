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

/* The device file of the virtio port of that name; -1 and ENODEV without one. */
int host_find_port(const char *port_name, char *path, size_t size);

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

/*
 * Around a sleep of the system: takes all virtio ports from the kernel, and gives
 * them back. virtio-console of Linux 7.3 would wake up deaf: it asks QEMU whether
 * its ports are open before it has room for the answer, and waits for that for ever.
 *
 * In between a program has nobody who hears it; what it prints arrives afterwards,
 * and what QEMU tells of meanwhile may not. It must not end there: the agent has
 * lost its channel as well, and waits for it two minutes before it stops the machine.
 * Both return -1 and errno when it cannot be done; without a port there is nothing to
 * do.
 */
int host_leave(void);
int host_return(void);

#endif /* DMASHARE_TEST_HOST_H */
