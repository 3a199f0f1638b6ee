/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's sw_sync: fences that a program makes and signals. */
#ifndef DMASHARE_TEST_SW_SYNC_H
#define DMASHARE_TEST_SW_SYNC_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this kernel has it. */
bool sw_there(void);
/* A new timeline, at 0. */
int sw_timeline(void);
/* A sync_file that signals when the timeline is at @value. */
int sw_fence(int timeline, uint32_t value);
/* Moves the timeline on. */
void sw_signal(int timeline, uint32_t count);

#endif /* DMASHARE_TEST_SW_SYNC_H */
