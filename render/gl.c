// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare-render: what OpenGL is asked beside the library
 *
 * The library does not look whether OpenGL had memory for a texture, or could read
 * it: both are done, and nothing was. Its own OpenGL is asked, in the context that
 * the library is in.
 *
 * And the library reads a texture in the order of bytes that its format has. Where
 * OpenGL keeps it in another, Mesa exchanges them in a loop of its own, which takes
 * longer than to copy them (docs/render.rst).
 */
#include <dlfcn.h>
#include <stddef.h>

#include "gl.h"

/* A context remembers one error of each kind; a broken one never ends. */
#define MOST_ERRORS	16

/* Its names, of which there need not be a header. */
#define GL_UNSIGNED_BYTE	0x1401
#define GL_RGBA			0x1908
#define GL_MAJOR_VERSION	0x821b
#define GL_MINOR_VERSION	0x821c

static unsigned int (*get_error)(void);
static void (*get_integer)(unsigned int name, int *value);
static void (*get_texture)(unsigned int texture, int level, int x, int y, int z,
			   int width, int height, int depth, unsigned int format,
			   unsigned int type, int size, void *pixels);

bool gl_start(void)
{
	void *egl = dlopen("libEGL.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *(*find)(const char *name) = NULL;

	if (egl)
		*(void **)&find = dlsym(egl, "eglGetProcAddress");
	if (find) {
		*(void **)&get_error = find("glGetError");
		*(void **)&get_integer = find("glGetIntegerv");
		*(void **)&get_texture = find("glGetTextureSubImage");
	}
	return get_error;
}

bool gl_failed(void)
{
	bool any = false;

	for (unsigned int i = 0; i < MOST_ERRORS && get_error(); i++)
		any = true;
	return any;
}

/* A name is found whether or not it can be called; it is of OpenGL 4.5. */
bool gl_can_read(void)
{
	int major = 0, minor = 0;

	if (!get_integer || !get_texture)
		return false;
	get_integer(GL_MAJOR_VERSION, &major);
	get_integer(GL_MINOR_VERSION, &minor);
	return !gl_failed() && major * 10 + minor >= 45;
}

void gl_read(uint32_t texture, uint32_t level, uint32_t x, uint32_t y,
	     uint32_t width, uint32_t height, uint64_t bytes, void *to)
{
	get_texture(texture, level, x, y, 0, width, height, 1, GL_RGBA,
		    GL_UNSIGNED_BYTE, bytes > INT32_MAX ? INT32_MAX : bytes, to);
}
