/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exporters of dma-bufs, by name. */
#ifndef DMASHARE_BENCH_EXPORTER_H
#define DMASHARE_BENCH_EXPORTER_H

#include <stddef.h>
#include <stdint.h>

struct maker;

/**
 * struct maker_ops - one kind of exporter
 * @name: by which it is asked for, "" for the node of a DRM driver; one that ends with
 *	a colon is followed by what the exporter makes of it
 * @open: makes ready what all buffers are made with; NULL: nothing
 * @make: makes a dma-buf of so many bytes; -1 and errno on failure
 * @end: ends what make() left beside the dma-buf, which is closed by then; or NULL
 */
struct maker_ops {
	const char *name;
	void (*open)(struct maker *m, const char *rest);
	int (*make)(struct maker *m, size_t size);
	void (*end)(struct maker *m);
};

/**
 * struct maker - an exporter that is open
 * @ops: its kind
 * @name: as it was asked for
 * @fd: what buffers are made with
 * @backing: beside the present dma-buf: a memfd
 * @handle: or a GEM handle
 */
struct maker {
	const struct maker_ops *ops;
	const char *name;
	int fd;
	int backing;
	uint32_t handle;
};

/*
 * "udmabuf", "heap:NAME", the name of a DRM driver with dumb buffers ("vgem"), or the
 * path of a node of one; "dmashare". Modules of the first two are loaded. NULL and a
 * message if there is none such.
 */
struct maker *maker_open(const char *name);

/*
 * A DRM node that imports by PRIME: the path of one or a driver's name, another file
 * than that of any maker. -1 and a message.
 */
int importer_open(const char *name);

#endif /* DMASHARE_BENCH_EXPORTER_H */
