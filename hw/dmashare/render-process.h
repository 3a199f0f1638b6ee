/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the process that renders
 */
#ifndef HW_DMASHARE_RENDER_PROCESS_H
#define HW_DMASHARE_RENDER_PROCESS_H

#include "hw/dmashare/core.h"

typedef struct DmashareRenderProcess DmashareRenderProcess;

/*
 * For @core, the program @program or, if NULL, the one that was built with the
 * emulator. It is started, and again when it has ended and is needed; after
 * @timeout_ms of real time without a sign of life it is killed. NULL, with an
 * error, if there is no such program, or no staging memory.
 */
DmashareRenderProcess *dmashare_render_process_new(DmashareCore *core,
                                                   const char *program,
                                                   uint32_t timeout_ms,
                                                   Error **errp);
/* How far it is; @pid of the process, 0 if there is none. */
DmashareRendererState
dmashare_render_process_state(const DmashareRenderProcess *process,
                              int64_t *pid);
/* What the harness does to it. False if there is none at present. */
bool dmashare_render_process_fault(DmashareRenderProcess *process,
                                   DmashareRenderFault fault);
/* Ends it; NULL is fine. */
void dmashare_render_process_free(DmashareRenderProcess *process);

#endif /* HW_DMASHARE_RENDER_PROCESS_H */
