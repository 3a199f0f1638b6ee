// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include <drm_fourcc.h>

#include "tool.h"

/* As V4L2 calls it; DRM has R8 for the same. */
#define FORMAT_GREY	fourcc_code('G', 'R', 'E', 'Y')

enum layout { RGB, RGB16, PACKED_YUV, NV12, GREY };

/*
 * @bytes: of one pixel in the (first) plane. @at: where in a pixel red, green,
 * blue and alpha are; for packed YUV where in two pixels Y of the first and the
 * second, U, and V are.
 */
static const struct format {
	uint32_t fourcc;
	enum layout layout;
	unsigned int bytes;
	unsigned char at[4];
	bool alpha;
} formats[] = {
	{ DRM_FORMAT_XRGB8888,	RGB,	4, { 2, 1, 0, 3 }, false },
	{ DRM_FORMAT_ARGB8888,	RGB,	4, { 2, 1, 0, 3 }, true },
	{ DRM_FORMAT_XBGR8888,	RGB,	4, { 0, 1, 2, 3 }, false },
	{ DRM_FORMAT_ABGR8888,	RGB,	4, { 0, 1, 2, 3 }, true },
	{ DRM_FORMAT_RGB888,	RGB,	3, { 2, 1, 0 }, false },
	{ DRM_FORMAT_BGR888,	RGB,	3, { 0, 1, 2 }, false },
	{ DRM_FORMAT_RGB565,	RGB16,	2, { 0 }, false },
	{ DRM_FORMAT_YUYV,	PACKED_YUV, 2, { 0, 2, 1, 3 }, false },
	{ DRM_FORMAT_UYVY,	PACKED_YUV, 2, { 1, 3, 0, 2 }, false },
	{ DRM_FORMAT_NV12,	NV12,	1, { 0 }, false },
	{ DRM_FORMAT_R8,	GREY,	1, { 0 }, false },
	{ FORMAT_GREY,		GREY,	1, { 0 }, false },
};

#define N_FORMATS	(sizeof(formats) / sizeof(formats[0]))

static const struct format *format_of(uint32_t fourcc)
{
	unsigned int i;

	for (i = 0; i < N_FORMATS; i++)
		if (formats[i].fourcc == fourcc)
			return &formats[i];
	return NULL;
}

const char *pixels_formats(void)
{
	static char text[N_FORMATS * 5 + 1];
	unsigned int i;

	if (text[0])
		return text;
	for (i = 0; i < N_FORMATS; i++) {
		char name[5];

		if (i)
			strcat(text, " ");
		strcat(text, fourcc_name(formats[i].fourcc, name));
	}
	return text;
}

bool pixels_known(uint32_t fourcc)
{
	return format_of(fourcc);
}

bool pixels_have_alpha(uint32_t fourcc)
{
	const struct format *f = format_of(fourcc);

	return f && f->alpha;
}

bool pixels_are_grey(uint32_t fourcc)
{
	const struct format *f = format_of(fourcc);

	return f && f->layout == GREY;
}

/* Bytes of a row that has @width pixels; pairs share their colour. */
static uint64_t row_bytes(const struct format *f, uint32_t width)
{
	uint64_t w = width;

	if (f->layout == PACKED_YUV || f->layout == NV12)
		w = (w + 1) / 2 * 2;
	return w * f->bytes;
}

uint64_t pixels_size(const struct picture *p)
{
	const struct format *f = format_of(p->fourcc);
	uint64_t rows = p->height;

	if (!f || !p->width || !p->height || row_bytes(f, p->width) > p->stride)
		return 0;
	if (f->layout == NV12)
		rows += (rows + 1) / 2;
	/* Nothing needs what the last row has after its pixels. */
	return (rows - 1) * p->stride + row_bytes(f, p->width);
}

static uint8_t clamp(int v)
{
	return v < 0 ? 0 : v > 255 ? 255 : v;
}

/*
 * Limited range (16..235) to full, coefficients times 65536: from the luminance
 * weights Kr, Kb of BT.601 (0.299, 0.114) and BT.709 (0.2126, 0.0722).
 */
static void from_yuv(uint8_t *rgb, int y, int u, int v, bool bt709)
{
	static const int c[2][4] = {
		/* V to red, U to green, V to green, U to blue */
		{ 104597, 25675, 53279, 132201 },
		{ 117489, 13975, 34925, 138438 },
	};
	const int *k = c[bt709];
	int luma = (y - 16) * 76309 + 32768;

	u -= 128;
	v -= 128;
	rgb[0] = clamp((luma + v * k[0]) >> 16);
	rgb[1] = clamp((luma - u * k[1] - v * k[2]) >> 16);
	rgb[2] = clamp((luma + u * k[3]) >> 16);
}

static void row_rgb(const struct format *f, const uint8_t *row, uint32_t width,
		    uint8_t *out)
{
	unsigned int i, channels = f->alpha ? 4 : 3;
	uint32_t x;

	for (x = 0; x < width; x++, row += f->bytes)
		for (i = 0; i < channels; i++)
			*out++ = row[f->at[i]];
}

static void row_rgb16(const uint8_t *row, uint32_t width, uint8_t *out)
{
	uint32_t x;

	for (x = 0; x < width; x++, row += 2) {
		unsigned int v = row[0] | row[1] << 8;
		unsigned int r = v >> 11, g = v >> 5 & 63, b = v & 31;

		/* The highest bits again below, so that white is white. */
		*out++ = r << 3 | r >> 2;
		*out++ = g << 2 | g >> 4;
		*out++ = b << 3 | b >> 2;
	}
}

void pixels_row(const struct picture *p, uint32_t y, uint8_t *out)
{
	const struct format *f = format_of(p->fourcc);
	const uint8_t *row = p->data + (uint64_t)y * p->stride;
	const uint8_t *uv = p->data + ((uint64_t)p->height + y / 2) * p->stride;
	uint32_t x;

	switch (f->layout) {
	case RGB:
		row_rgb(f, row, p->width, out);
		break;
	case RGB16:
		row_rgb16(row, p->width, out);
		break;
	case PACKED_YUV:
		for (x = 0; x < p->width; x++) {
			const uint8_t *two = row + x / 2 * 4;

			from_yuv(out + 3 * x, two[f->at[x & 1]], two[f->at[2]],
				 two[f->at[3]], p->bt709);
		}
		break;
	case NV12:
		for (x = 0; x < p->width; x++)
			from_yuv(out + 3 * x, row[x], uv[x & ~1u],
				 uv[(x & ~1u) + 1], p->bt709);
		break;
	case GREY:
		memcpy(out, row, p->width);
		break;
	}
}
