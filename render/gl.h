/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare-render: errors of OpenGL
 */
#ifndef DMASHARE_RENDER_GL_H
#define DMASHARE_RENDER_GL_H

#include <stdbool.h>

/* After the library has opened OpenGL. False if it cannot be asked. */
bool gl_start(void);
/* Was there an error in this context since the last call? */
bool gl_failed(void);

#endif /* DMASHARE_RENDER_GL_H */
