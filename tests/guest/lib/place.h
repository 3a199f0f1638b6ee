/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a buffer's bytes are: what moves them, what keeps them where they are,
 * and how to tell from outside the driver.
 */
#ifndef DMASHARE_TEST_PLACE_H
#define DMASHARE_TEST_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "dms.h"
#include "fence.h"

#define SYSTEM	DMASHARE_PLACEMENT_SYSTEM
#define LOCAL	DMASHARE_PLACEMENT_LOCAL

/*
 * Whether the byte at @offset of the program's mapping @map of the buffer is in
 * local memory: a word written there is what the device finds in its local
 * memory, or else in the system's. What was there is put back.
 */
bool page_is_local(const struct bo *bo, uint8_t *map, uint64_t offset);

/* A range of physical addresses. */
struct bar {
	uint64_t start;
	uint64_t size;
};

/* Local memory as it is on the bus: BAR4 of the device, from sysfs. */
struct bar local_bar(int fd);
bool in_bar(const struct bar *bar, uint64_t address);
/* Where the buffer begins in physical memory, as the driver's debugfs tells. */
uint64_t bo_physical(const struct bo *bo);

/* A buffer in that placement, mapped by the CPU. */
struct bo create_mapped_in(int fd, uint64_t size, uint32_t placement);
/*
 * Waits until nobody pins the buffer: an importer's job that has just ended may
 * hold it for a moment, and on Linux 6.12 a mapping that is held is a pin.
 */
void wait_unpinned(const struct bo *bo);
/* Bytes of local memory that no buffer has. */
uint64_t local_free(int fd);

/* Whether the running kernel has that function. */
bool kernel_has(const char *function);
/*
 * Whether a mapping that a dynamic importer makes keeps the buffer where it is.
 * It does in kernels that are built without move notifications for importers
 * that are not experimental; from the function's new name on there is no such
 * choice. It takes a while the first time: call it in main(), once for all
 * cases.
 */
bool dynamic_maps_pin(void);
/* Whether a static importer pins when it attaches, and not when it maps. */
bool static_attach_pins(void);

/*
 * A job on the buffer that is not done before work_release(): nothing that
 * waits for such accesses to the buffer goes on before.
 */
struct work {
	struct hold hold;
	int in;			/* the sync_file that the job waits for */
	int fence;		/* the job's own */
};

/* Reads the buffer's first page. */
struct work work_reading(const struct bo *bo, uint32_t queue);
/* Fills the buffer with the word. */
struct work work_filling(const struct bo *bo, uint32_t queue, uint64_t word);
/* Lets it run; the case fails when it does not succeed. */
void work_release(struct work *w);

/*
 * A buffer mapped for the kernel (BO_VMAP) and so pinned, until
 * vmapped_release(): the call sleeps while a writer's job on it is held.
 */
struct vmapped {
	struct bo bo;
	struct work work;
	struct blocker blocker;
	struct drm_dmashare_bo_vmap vmap;
	int error;		/* errno of the call */
};

void vmapped_hold(struct vmapped *v, const struct bo *bo, uint64_t word);
void vmapped_release(struct vmapped *v);

#endif /* DMASHARE_TEST_PLACE_H */
