/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fence of no device, that a program signals: of sw_sync or of vgem. */
#ifndef DMASHARE_BENCH_TRIGGER_H
#define DMASHARE_BENCH_TRIGGER_H

#include <stdint.h>

/**
 * struct trigger - where such fences come from
 * @fd: sw_sync's timeline, or vgem's node
 * @handle: vgem: a buffer, to have fences on
 * @dmabuf: vgem: of that buffer
 * @fence: vgem: the present one
 */
struct trigger {
	int fd;
	uint32_t handle;
	int dmabuf;
	uint32_t fence;
};

struct trigger trigger_vgem(void);
struct trigger trigger_sw_sync(void);

/* Makes the next fence, and a sync_file of it. */
int trigger_arm(struct trigger *t);
/* Signals it. */
void trigger_fire(struct trigger *t);

#endif /* DMASHARE_BENCH_TRIGGER_H */
