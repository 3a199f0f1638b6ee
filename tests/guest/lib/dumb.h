/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumb buffers of stock DRM drivers, and what our device makes of them. */
#ifndef DMASHARE_TEST_DUMB_H
#define DMASHARE_TEST_DUMB_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct dumb - a dumb buffer, mapped for the CPU
 * @fd: the driver's node, not owned
 * @handle: GEM handle there
 * @pitch: bytes of a row
 * @size: bytes
 * @map: its mapping
 */
struct dumb {
	int fd;
	uint32_t handle;
	uint32_t pitch;
	size_t size;
	uint8_t *map;
};

/* Makes one of 32 bits a pixel. */
struct dumb dumb_create(int fd, uint32_t width, uint32_t height);
/* A dma-buf of it, readable and writable. */
int dumb_export(const struct dumb *d);

/*
 * Imports the dma-buf @dmabuf of it into the dmashare node @fd, with the flags a
 * driver may choose from, and lets the device read and write it, the kernel map it
 * and the mapping be remade. Every byte is compared. Says what @counterpart proved.
 */
void dumb_imported(int fd, const struct dumb *d, int dmabuf, const char *counterpart);

#endif /* DMASHARE_TEST_DUMB_H */
