// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare-render: errors of OpenGL
 *
 * The library does not look whether OpenGL had memory for a texture, or could read
 * it: both are done, and nothing was. Its own OpenGL is asked, in the context that
 * the library is in.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "gl.h"

/* A context remembers one error of each kind; a broken one never ends. */
#define MOST_ERRORS	16

static unsigned int (*get_error)(void);

bool gl_start(void)
{
	void *egl = dlopen("libEGL.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *(*find)(const char *name) = NULL;

	if (egl)
		*(void **)&find = dlsym(egl, "eglGetProcAddress");
	if (find)
		*(void **)&get_error = find("glGetError");
	return get_error;
}

bool gl_failed(void)
{
	bool any = false;

	for (unsigned int i = 0; i < MOST_ERRORS && get_error(); i++)
		any = true;
	return any;
}
