/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare-render: the library
 *
 * Everything here is called by one thread, the one that called
 * virgl_start(): OpenGL contexts belong to threads.
 */
#ifndef DMASHARE_RENDER_VIRGL_H
#define DMASHARE_RENDER_VIRGL_H

#include <stdbool.h>
#include <stdint.h>
#include "dmashare/render.h"

/* NULL, or what keeps it from rendering. */
const char *virgl_start(void);

/*
 * One request, of any type but START. @staging is the beginning of its slot, or
 * NULL if it has none. Returns false if the request makes no sense.
 */
bool virgl_request(const struct dmashare_render_request *request,
		   void *staging);

#endif /* DMASHARE_RENDER_VIRGL_H */
