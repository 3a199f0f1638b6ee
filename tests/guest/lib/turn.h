/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A buffer that a program and a device use by turns, and the ways in which its
 * bytes change hands. Each is done TURN_ROUNDS times, with or without one of the
 * syncs being forgotten (DRM_DMASHARE_BO_SKIP_*).
 */
#ifndef DMASHARE_TEST_TURN_H
#define DMASHARE_TEST_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "dms.h"
#include "ktap.h"

#define TURN_SIZE	8192u
#define TURN_ROUNDS	rounds(100)

struct turn {
	int fd;			/* of the device that uses it */
	struct bo bo;		/* there */
	uint8_t *map;		/* the program's mapping, of the exporter */
	int dmabuf;
	struct bo other;	/* what the device copies from, always synced */
	uint64_t seed;		/* of what was written last */
	unsigned int stale, good;
};

/* Whether the device works on copies of its own. */
bool noncoherent(int fd);

/* DMA_BUF_IOCTL_SYNC with DMA_BUF_SYNC_READ, _WRITE or _RW. */
void turn_begin(int dmabuf, uint64_t how);
void turn_end(int dmabuf, uint64_t how);

/* Of a buffer of that device, whose exporter gave @map and @dmabuf. */
struct turn turn_of(int fd, struct bo bo, uint8_t *map, int dmabuf);
/* The first device's own, with DRM_DMASHARE_BO_* flags. */
struct turn turn_own(uint32_t flags);
/* The same buffer as the second device imports it, with ..._IMPORT_* flags. */
struct turn turn_import(const struct turn *own, uint32_t flags);

/* The CRC of what the device reads there. */
uint32_t turn_device_reads(struct turn *t);
/* The device, or the program, writes something new. */
void turn_device_writes(struct turn *t);
void turn_cpu_writes(struct turn *t);
/* Whether the program sees, or that CRC is of, what was written last. */
bool turn_cpu_has_last(struct turn *t);
bool turn_is_last(struct turn *t, uint32_t crc);
/* Counts whether it was. */
void turn_count(struct turn *t, bool good);

/* One round: the device writes, and the program reads between begin and end. */
void by_begin(struct turn *t);
/* The program writes between begin and end, and the device reads. */
void by_end(struct turn *t);
/* The program writes while it is not mapped, and the device reads. */
void by_map(struct turn *t);
/* The device writes, is unmapped, and the program reads. */
void by_unmap(struct turn *t);

/* All rounds, in each of which the bytes must be old, or new. */
void turns_all_stale(struct turn *t, void (*round)(struct turn *t));
void turns_all_good(struct turn *t, void (*round)(struct turn *t));

#endif /* DMASHARE_TEST_TURN_H */
