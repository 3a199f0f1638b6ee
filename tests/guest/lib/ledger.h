/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's ledger against what a program did. A test keeps a struct
 * dmashare_ledger of its own in which it counts what it does, and compares.
 */
#ifndef DMASHARE_TEST_LEDGER_H
#define DMASHARE_TEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dmashare/abi.h>

#define LEDGER_COUNTERS	(sizeof(struct dmashare_ledger) / 8)

/* The name of counter @i, in the order of struct dmashare_ledger. */
const char *ledger_name(size_t i);
/* Its value. */
uint64_t ledger_value(const struct dmashare_ledger *l, size_t i);
/* Whether it is a present number and not one that only grows. */
bool ledger_is_live(size_t i);

/* The ledger of a buffer (GEM handle), or of the device with handle 0. */
struct dmashare_ledger ledger_get(int fd, uint32_t handle);
int ledger_try_get(int fd, uint32_t handle, uint32_t length, void *data);

/* What was counted from @before to @now; live numbers as a difference, too. */
struct dmashare_ledger ledger_since(const struct dmashare_ledger *before,
				    const struct dmashare_ledger *now);

/* Names every counter that differs; true when none does. */
bool ledger_equal(const struct dmashare_ledger *device,
		  const struct dmashare_ledger *counted);

/*
 * Waits until the device's ledger, since @before, has no live objects left
 * over; what the kernel frees late (a killed process's files) is an event
 * that can only be seen here. Fails the case when it takes too long.
 */
void ledger_wait_gone(int fd, const struct dmashare_ledger *before);
/* The same until the device has none at all: what earlier programs had, too. */
void ledger_wait_empty(int fd);

#endif /* DMASHARE_TEST_LEDGER_H */
