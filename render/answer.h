/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare-render: answers, and the fences that some of them wait for
 */
#ifndef DMASHARE_RENDER_ANSWER_H
#define DMASHARE_RENDER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include "dmashare/render.h"

#define RENDER_SOCKET	0

/* From any thread; may block, and does not return if the emulator is gone. */
void answer(uint64_t serial, uint32_t status, uint64_t result,
	    const char *text);

/*
 * The request that has @slot is answered when the fence of this number signals.
 * To be called before there is such a fence.
 */
void fence_expect(unsigned int slot, uint64_t serial, uint32_t context);
/* It has signalled, of which any thread may tell. */
void fence_signalled(uint64_t serial);
/* There will be no such fence; true if nobody has answered the request. */
bool fence_forget(uint64_t serial);
/*
 * Wait until all fences of a context have signalled. The library ends with a
 * segmentation fault if a context goes before them (0.10.4).
 */
void fence_drain(uint32_t context);

#endif /* DMASHARE_RENDER_ANSWER_H */
