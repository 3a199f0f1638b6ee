// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "tool.h"

/* libpng reports by a long jump; this is where to. */
struct failure {
	char *why;
	size_t size;
};

static void __attribute__((noreturn))
on_error(png_structp png, const char *text)
{
	struct failure *f = png_get_error_ptr(png);

	snprintf(f->why, f->size, "%s", text);
	longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, const char *text)
{
	(void)png;
	(void)text;
}

/* Apart, so that no variable of it is needed after a jump. */
static int write_rows(png_structp png, png_infop info, FILE *f,
		      const struct picture *p, uint8_t *row)
{
	int type = pixels_are_grey(p->fourcc) ? PNG_COLOR_TYPE_GRAY :
		   pixels_have_alpha(p->fourcc) ? PNG_COLOR_TYPE_RGBA :
		   PNG_COLOR_TYPE_RGB;
	uint32_t y;

	if (setjmp(png_jmpbuf(png)))
		return -1;
	png_init_io(png, f);
	png_set_IHDR(png, info, p->width, p->height, 8, type,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (y = 0; y < p->height; y++) {
		pixels_row(p, y, row);
		png_write_row(png, row);
	}
	png_write_end(png, info);
	return 0;
}

int png_save(FILE *f, const struct picture *p, char *why, size_t size)
{
	struct failure failure = { why, size };
	uint8_t *row = malloc((size_t)p->width * 4);
	png_structp png = NULL;
	png_infop info = NULL;
	int ret = -1;

	snprintf(why, size, "no memory");
	if (row)
		png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure,
					      on_error, on_warning);
	if (png)
		info = png_create_info_struct(png);
	if (info)
		ret = write_rows(png, info, f, p, row);
	png_destroy_write_struct(&png, &info);
	free(row);
	return ret;
}
