/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system sleeps, and wakes up at once (/sys/power/pm_test). */
#ifndef DMASHARE_TEST_SLEEP_H
#define DMASHARE_TEST_SLEEP_H

/*
 * As far as @depth: from "devices", where drivers are suspended and resumed, to
 * "core", where the next step would be that of the firmware. All ports to QEMU are
 * left meanwhile; clients of the host go on, and end when they are spoken to next.
 */
void sleep_to(const char *depth);
/* The same, where a driver has to refuse it with EBUSY. */
void sleep_refused(const char *depth);

#endif /* DMASHARE_TEST_SLEEP_H */
