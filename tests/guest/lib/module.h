/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel modules: load, unload, parameters. */
#ifndef DMASHARE_TEST_MODULE_H
#define DMASHARE_TEST_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#include "ktap.h"

bool module_loaded(const char *name);
/*
 * Loads a module and what it needs by modprobe(8); -1 and errno on failure.
 * Options are separated by blanks.
 */
int module_load(const char *name, const char *options);
/* Unloads that one module; -1 and errno (EBUSY, EWOULDBLOCK) when it is used. */
int module_unload(const char *name);
/*
 * The same for a module whose last use has just ended: what it frees late (a
 * fence after an RCU grace period) may keep it for a moment.
 */
int module_unload_soon(const char *name);
/* The same, with another idea of a moment. */
int module_unload_within(const char *name, unsigned int seconds);
/* A number from /sys/module/NAME/parameters; @missing when there is none. */
long module_parameter(const char *name, const char *parameter, long missing);

/* Sets one; -1 and errno on failure. */
int module_set_parameter(const char *name, const char *parameter, const char *value);

/*
 * ktap_main() for programs that unload dmashare: it is there again at the end,
 * without options.
 */
int module_ktap_main(int argc, char **argv, const struct ktap_case *cases, size_t n);
/*
 * The same with dmashare loaded with these options. When it cannot be, the cases
 * run nevertheless and have to notice.
 */
int module_ktap_main_with(const char *options, int argc, char **argv,
			  const struct ktap_case *cases, size_t n);

#define BUS_ADDRESS	32

/* Where the device of an open node is on the bus; false when it is not any more. */
bool bus_address(int fd, char address[BUS_ADDRESS]);
/* Writes a device's address to "bind" or "unbind" of the dmashare driver. */
void driver_control(const char *address, const char *what);

#endif /* DMASHARE_TEST_MODULE_H */
