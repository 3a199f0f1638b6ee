/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare-render: what OpenGL is asked beside the library
 */
#ifndef DMASHARE_RENDER_GL_H
#define DMASHARE_RENDER_GL_H

#include <stdbool.h>
#include <stdint.h>

/* After the library has opened OpenGL. False if it cannot be asked. */
bool gl_start(void);
/* Was there an error in this context since the last call? */
bool gl_failed(void);


/* In the context that the library is in when it starts: can gl_read() be called? */
bool gl_can_read(void);
/*
 * Pixels of the two-dimensional texture @texture, four bytes each in the order red,
 * green, blue, alpha, and row by row with nothing between them. @bytes is what there
 * is room for at @to: with less than is needed it is an error, as gl_failed() has it.
 */
void gl_read(uint32_t texture, uint32_t level, uint32_t x, uint32_t y,
	     uint32_t width, uint32_t height, uint64_t bytes, void *to);

#endif /* DMASHARE_RENDER_GL_H */
