// SPDX-License-Identifier: GPL-2.0-or-later
/* The command dmashare: what it prints, and its exit statuses. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dmashare.h>
#include <drm_fourcc.h>
#include <png.h>

#include "fake.h"
#include "lib/ktap.h"
#include "spawn.h"

#define PAGE	4096
#define GREY	fourcc_code('G', 'R', 'E', 'Y')

static void run(struct fake *f, int status, const char *words, const char *out,
		const char *err)
{
	struct command c = command_run(fake_path(f), status, words);

	ASSERT_MSG(!out || !strcmp(c.out.text, out),
		   "%s: printed \"%s\", not \"%s\"", words, c.out.text, out);
	ASSERT_MSG(!err || strstr(c.err.text, err),
		   "%s: said \"%s\", without \"%s\"", words, c.err.text, err);
	/* A refusal is one line. */
	if (status)
		ASSERT_MSG(strchr(c.err.text, '\n') ==
			   c.err.text + c.err.length - 1, "%s: \"%s\"", words,
			   c.err.text);
	command_free(&c);
}

static void wrong_arguments(void)
{
	static const char *const wrong[][2] = {
		{ "", "no command" },
		{ "lst", "permitted: list" },
		{ "list --png", "list does not take --png" },
		{ "list --nonsense", "--nonsense: no such option" },
		{ "list 3", "usage: dmashare list" },
		{ "dump", "usage: dmashare dump" },
		{ "dump 1", "one of --png" },
		{ "dump 1 --png --raw", "one of --png" },
		{ "dump 1 --raw --size 3x4", "are for --png" },
		{ "dump 1 --raw --output", "needs a value" },
		{ "dump 1 --raw --offset -5", "--offset: \"-5\"" },
		{ "dump 1 --raw --offset 9000", "has 8192 bytes" },
		{ "dump 1 --raw --offset 8000 --length 200", "has 8192 bytes" },
		{ "dump 1 --raw --timeout x", "number of seconds" },
		{ "dump 1 --png --format XYZZY", "no fourcc" },
		{ "dump 1 --png --size 12", "as 640x480" },
		{ "dump 1 --png --matrix 2020", "601 or 709" },
		{ "crc 1 --count 0", "1 or more" },
		{ "fence 1 1", "wait, signal or fail" },
		{ "fence fail 1", "ERRNO" },
		{ "fence fail 1 EWHAT", "no errno" },
		{ "fence signal 1 EIO", "usage" },
		{ "fence signal 1 --next --write", "not with --write" },
		{ "fence wait 1 --next", "signal and fail" },
		{ "fence signal 1 --after 1 --until-input", "not both" },
	};
	struct fake *f = fake_start(NULL, NULL);
	unsigned int i;

	fake_announce(f, fake_share(f, 1, 2 * PAGE, 0));
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		run(f, 2, wrong[i][0], "", wrong[i][1]);
	fake_stop(f);
}

static void no_server(void)
{
	struct command c;

	unsetenv("DMASHARE_SOCKET");
	c = command_run("", 2, "list");
	ASSERT(strstr(c.err.text, "which server"));
	command_free(&c);
	c = command_run("/nowhere/at/all", 3, "list");
	ASSERT(strstr(c.err.text, "/nowhere/at/all: No such file"));
	command_free(&c);
	c = command_run("unix:/nowhere", 3, "list --wait 0.2");
	ASSERT(strstr(c.err.text, "/nowhere: No such file"));
	command_free(&c);
}

static void list(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *a = fake_share(f, 7, 2 * PAGE, 0);
	struct fake_share *b = fake_share(f, 12, 400 * PAGE, 0);

	run(f, 0, "list", "", "nothing is shared");
	run(f, 0, "list --json", "[\n]\n", "");
	strcpy(a->name, "a \"b\\");
	a->sequence = 3;
	b->fourcc = DRM_FORMAT_YUYV;
	b->width = 640;
	b->height = 480;
	b->stride = 1280;
	b->flags = DMASHARE_SHARE_F_WRITE;
	b->generation = 4;
	strcpy(b->name, "camera");
	fake_announce(f, a);
	fake_announce(f, b);
	run(f, 0, "list",
	    "    ID        SIZE  PATH     RW   GEN  CONTENTS  PICTURE            NAME\n"
	    "     7        8192  local    r-     1         3  -                  a \"b\\\n"
	    "    12     1638400  local    rw     4         0  640x480 YUYV/1280  camera\n",
	    "");
	run(f, 0, "list --json",
	    "[\n"
	    "  { \"id\": 7, \"name\": \"a \\\"b\\\\\", \"generation\": 1, \"size\": 8192, \"writable\": false, \"path\": \"local\", \"fourcc\": \"\", \"width\": 0, \"height\": 0, \"stride\": 0, \"sequence\": 3 },\n"
	    "  { \"id\": 12, \"name\": \"camera\", \"generation\": 4, \"size\": 1638400, \"writable\": true, \"path\": \"local\", \"fourcc\": \"YUYV\", \"width\": 640, \"height\": 480, \"stride\": 1280, \"sequence\": 0 }\n"
	    "]\n", "");
	fake_stop(f);
}

static void which_buffer(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *a = fake_share(f, 1, PAGE, 0);
	struct fake_share *b = fake_share(f, 2, PAGE, 0);
	struct fake_share *late = fake_share(f, 3, PAGE, 0);
	struct command c;
	char text[100];

	strcpy(a->name, "same");
	strcpy(b->name, "same");
	fake_announce(f, a);
	fake_announce(f, b);
	run(f, 2, "crc same", "", "more than one buffer, 1 and 2");
	run(f, 4, "crc 9", "", "no buffer \"9\" is shared");
	run(f, 4, "crc other", "", "no buffer \"other\" is shared");
	run(f, 4, "crc 3 --wait 0.05", "", "no buffer \"3\"");
	snprintf(text, sizeof(text),
		 "%08" PRIx32 "  4096 bytes, contents 0, same\n",
		 dmashare_crc32c(0, fake_byte(b, 0), PAGE));
	run(f, 0, "crc 2", text, "");
	/* It waits for one that is not there yet. */
	c = command_start(fake_path(f), false, "crc buffer-3 --wait 20");
	fake_await(f, DMASHARE_MSG_HELLO, 6);
	fake_announce(f, late);
	ASSERT_EQ(command_end(&c), 0);
	ASSERT(strstr(c.out.text, "buffer-3"));
	command_free(&c);
	fake_withdraw(f, b, DMASHARE_WITHDRAW_MOVED);
	b->path = DMASHARE_PATH_NONE;
	run(f, 4, "crc 2", "", "no pages now");
	fake_stop(f);
}

static void dump_bytes(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 4 * PAGE, PAGE);
	struct command c;
	uint64_t at;

	fake_announce(f, s);
	c = command_run(fake_path(f), 0, "dump 1 --raw");
	ASSERT_EQ(c.out.length, 4 * PAGE);
	for (at = 0; at < 4 * PAGE; at++)
		ASSERT_EQ((uint8_t)c.out.text[at], fake_pattern(1, at));
	command_free(&c);
	c = command_run(fake_path(f), 0,
			"dump 1 --raw --offset 0xffe --length 5");
	ASSERT_EQ(c.out.length, 5);
	for (at = 0; at < 5; at++)
		ASSERT_EQ((uint8_t)c.out.text[at], fake_pattern(1, 0xffe + at));
	command_free(&c);

	memset(fake_byte(s, PAGE), 0, PAGE);
	memcpy(fake_byte(s, PAGE + 64), "This is a share\n\x7f\xff", 18);
	run(f, 0, "dump 1 --hex --offset 4096 --length 83",
	    "00001000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
	    "*\n"
	    "00001040  54 68 69 73 20 69 73 20  61 20 73 68 61 72 65 0a  |This is a share.|\n"
	    "00001050  7f ff 00                                          |...|\n"
	    "00001053\n", "");
	/* It reads when the guest lets it, and the guest waits meanwhile. */
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_ACQUIRE), 3);
	ASSERT_EQ(fake_released(f, fake_last_hold(f)), 0);
	run(f, 0, "dump 1 --hex --no-fence --length 0", "00000000\n", "");
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_ACQUIRE), 3);
	fake_auto_grant(f, false);
	run(f, 5, "dump 1 --raw --timeout 0.05", "", "--timeout");
	run(f, 1, "dump 1 --raw --output /nowhere/at/all", "",
	    "/nowhere/at/all");
	fake_stop(f);
}

/* The picture in @text, as RGBA; its colour type. */
static int decode(const char *text, size_t length, uint32_t width,
		  uint32_t height, uint8_t *rgba)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	int type;

	ASSERT(length > 30);
	type = text[25];
	ASSERT_MSG(png_image_begin_read_from_memory(&image, text, length),
		   "no PNG: %s", image.message);
	ASSERT_EQ(image.width, width);
	ASSERT_EQ(image.height, height);
	image.format = PNG_FORMAT_RGBA;
	ASSERT_MSG(png_image_finish_read(&image, NULL, rgba, 0, NULL),
		   "half a PNG: %s", image.message);
	return type;
}

#define WIDTH	5
#define HEIGHT	3

/* What pixel (x, y) of the RGB pictures is. */
static void colour_at(uint32_t x, uint32_t y, uint8_t *c)
{
	c[0] = 40 * x + 3;
	c[1] = 80 * y + 5;
	c[2] = 255 - 20 * x - y;
	c[3] = 255 - 30 * y;
}

/* Bytes of a pixel in memory, by the names of the components. */
static const struct {
	uint32_t fourcc;
	const char *bytes;
	int type;
} rgb_formats[] = {
	{ DRM_FORMAT_XRGB8888, "bgrx", 2 },
	{ DRM_FORMAT_ARGB8888, "bgra", 6 },
	{ DRM_FORMAT_XBGR8888, "rgbx", 2 },
	{ DRM_FORMAT_ABGR8888, "rgba", 6 },
	{ DRM_FORMAT_RGB888, "bgr", 2 },
	{ DRM_FORMAT_BGR888, "rgb", 2 },
	{ DRM_FORMAT_R8, "r", 0 },
	{ GREY, "r", 0 },
};

static void describe(struct fake_share *s, uint32_t fourcc, uint32_t width,
		     uint32_t height, uint32_t stride)
{
	s->fourcc = fourcc;
	s->width = width;
	s->height = height;
	s->stride = stride;
}

static void dump_rgb(void)
{
	struct fake *f = fake_start(NULL, NULL);
	unsigned int i, k;
	uint32_t x, y;

	for (i = 0; i < ARRAY_SIZE(rgb_formats); i++) {
		struct fake_share *s = fake_share(f, i, PAGE, 0);
		const char *bytes = rgb_formats[i].bytes;
		uint8_t out[WIDTH * HEIGHT * 4], c[4], *p;
		struct command command;
		char words[40];

		describe(s, rgb_formats[i].fourcc, WIDTH, HEIGHT, 64);
		for (y = 0; y < HEIGHT; y++) {
			p = fake_byte(s, 64 * y);
			for (x = 0; x < WIDTH; x++) {
				colour_at(x, y, c);
				for (k = 0; bytes[k]; k++)
					*p++ = bytes[k] == 'x' ? 0 :
					       c[strchr("rgba", bytes[k]) -
						 "rgba"];
			}
		}
		fake_announce(f, s);
		snprintf(words, sizeof(words), "dump %u --png", i);
		command = command_run(fake_path(f), 0, words);
		ASSERT_EQ(decode(command.out.text, command.out.length, WIDTH,
				 HEIGHT, out), rgb_formats[i].type);
		for (y = 0, p = out; y < HEIGHT; y++) {
			for (x = 0; x < WIDTH; x++, p += 4) {
				colour_at(x, y, c);
				if (!bytes[1])
					c[1] = c[2] = c[0];
				if (rgb_formats[i].type != 6)
					c[3] = 255;
				ASSERT_MSG(!memcmp(p, c, 4),
					   "format %u, (%u, %u)", i, x, y);
			}
		}
		command_free(&command);
	}
	fake_stop(f);
}

/* 100 percent colours: R, G, B, and Y, U, V by either matrix. */
static const uint8_t primaries[][3][3] = {
	{ { 255, 255, 255 }, { 235, 128, 128 }, { 235, 128, 128 } },
	{ { 0, 0, 0 },	     { 16, 128, 128 },  { 16, 128, 128 } },
	{ { 255, 0, 0 },     { 81, 90, 240 },   { 63, 102, 240 } },
	{ { 0, 255, 0 },     { 145, 54, 34 },   { 173, 42, 26 } },
	{ { 0, 0, 255 },     { 41, 240, 110 },  { 32, 240, 118 } },
	{ { 255, 255, 0 },   { 210, 16, 146 },  { 219, 16, 138 } },
};

/* Two pixels of each colour beside another, and two rows. */
#define YUV_WIDTH	(2 * ARRAY_SIZE(primaries))

static void fill_yuv(struct fake_share *s, bool bt709, uint32_t stride)
{
	uint32_t x, y;

	for (y = 0; y < 2; y++) {
		for (x = 0; x < YUV_WIDTH; x++) {
			const uint8_t *c = primaries[x / 2][1 + bt709];
			uint8_t *p = fake_byte(s, y * stride);

			switch (s->fourcc) {
			case DRM_FORMAT_YUYV:
				p[2 * x] = c[0];
				p[2 * x + 1] = c[1 + (x & 1)];
				break;
			case DRM_FORMAT_UYVY:
				p[2 * x + 1] = c[0];
				p[2 * x] = c[1 + (x & 1)];
				break;
			default:
				p[x] = c[0];
				*fake_byte(s, 2 * stride + x) = c[1 + (x & 1)];
			}
		}
	}
}

static void dump_yuv(void)
{
	static const uint32_t fourcc[] = {
		DRM_FORMAT_YUYV, DRM_FORMAT_UYVY, DRM_FORMAT_NV12,
	};
	struct fake *f = fake_start(NULL, NULL);
	unsigned int i, k;
	uint32_t x;

	for (i = 0; i < 2 * ARRAY_SIZE(fourcc); i++) {
		struct fake_share *s = fake_share(f, i, PAGE, 0);
		uint8_t out[YUV_WIDTH * 2 * 4];
		struct command c;
		char words[60];

		describe(s, fourcc[i / 2], YUV_WIDTH, 2, 64);
		fill_yuv(s, i & 1, 64);
		fake_announce(f, s);
		snprintf(words, sizeof(words), "dump %u --png --matrix %s", i,
			 i & 1 ? "709" : "601");
		c = command_run(fake_path(f), 0, words);
		ASSERT_EQ(decode(c.out.text, c.out.length, YUV_WIDTH, 2, out),
			  2);
		for (x = 0; x < 2 * YUV_WIDTH; x++)
			for (k = 0; k < 3; k++)
				ASSERT_MSG(abs(out[4 * x + k] -
					       primaries[x % YUV_WIDTH / 2]
							[0][k]) <= 3,
					   "buffer %u, pixel %u: %u %u %u", i,
					   x, out[4 * x], out[4 * x + 1],
					   out[4 * x + 2]);
		command_free(&c);
	}
	fake_stop(f);
}

static void dump_png(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, PAGE, 0);
	char file[100], words[200], png[5000] = "";
	uint8_t out[4 * 4 * 4];
	uint16_t *pixel = (void *)fake_byte(s, 0);
	struct stat st;
	int fd;

	fake_announce(f, s);
	run(f, 1, "dump 1 --png", "", "says of no picture");
	/* RG16, from the command line, to a file. */
	pixel[0] = 0xf800;
	pixel[1] = 0x07e0;
	pixel[2] = 0x001f;
	pixel[3] = 0xffff;
	snprintf(file, sizeof(file), "%.80s.png", fake_path(f));
	snprintf(words, sizeof(words), "dump 1 --png --format RG16 --size 4x4 "
		 "--stride 512 --output %s", file);
	run(f, 0, words, "", "contents 0 of buffer-1");
	fd = open(file, O_RDONLY);
	ASSERT_OK(fd);
	ASSERT_OK(fstat(fd, &st));
	ASSERT_EQ(read(fd, png, sizeof(png)), st.st_size);
	close(fd);
	decode(png, st.st_size, 4, 4, out);
	ASSERT(!memcmp(out, "\xff\0\0\xff\0\xff\0\xff\0\0\xff\xff\xff\xff\xff\xff",
		       16));
	unlink(file);
	run(f, 1, "dump 1 --png --format RG16 --size 5x5 --stride 9", "",
	    "do not fit");
	run(f, 1, "dump 1 --png --format RG16 --size 4x9 --stride 512", "",
	    "do not fit");
	run(f, 1, "dump 1 --png --format NV12 --size 64x64 --stride 64", "",
	    "do not fit");
	describe(s, fourcc_code('X', 'R', '3', '0'), 4, 4, 16);
	fake_announce(f, s);
	run(f, 1, "dump 1 --png", "", "format XR30 is not known; those that "
	    "are: XR24 AR24 XB24 AB24 RG24 BG24 RG16 YUYV UYVY NV12 R8 GREY;");
	/* Nothing is left of a dump that did not succeed. */
	fake_auto_grant(f, false);
	strcat(words, " --timeout 0.05");
	run(f, 5, words, "", "--timeout");
	ASSERT_ERRNO(stat(file, &st), ENOENT);
	fake_stop(f);
}

static void crc(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	uint64_t sequence;
	struct command c;
	char text[100];

	fake_announce(f, s);
	snprintf(text, sizeof(text),
		 "%08" PRIx32 "  100 bytes, contents 0, buffer-1\n",
		 dmashare_crc32c(0, fake_byte(s, 50), 100));
	run(f, 0, "crc 1 --offset 50 --length 100", text, "");

	/* Of contents that follow each other, each held while it is read. */
	c = command_start(fake_path(f), false, "crc 1 --count 3");
	for (sequence = 4; sequence < 7; sequence++) {
		fake_await(f, DMASHARE_MSG_SUBSCRIBE, sequence - 3);
		memset(fake_byte(s, 0), sequence, 2 * PAGE);
		ASSERT_EQ(fake_publish(f, s, sequence), 1);
		ASSERT_EQ(fake_released(f, fake_last_hold(f)), 0);
		snprintf(text, sizeof(text),
			 "%08" PRIx32 "  8192 bytes, contents %" PRIu64 ", ",
			 dmashare_crc32c(0, fake_byte(s, 0), 2 * PAGE),
			 sequence);
		command_await(&c, text);
	}
	ASSERT_EQ(command_end(&c), 0);
	command_free(&c);

	/* Those of a number, and none other. */
	c = command_start(fake_path(f), false, "crc 1 --sequence 9");
	fake_await(f, DMASHARE_MSG_SUBSCRIBE, 4);
	fake_publish(f, s, 8);
	ASSERT_EQ(fake_released(f, fake_last_hold(f)), 0);
	fake_publish(f, s, 9);
	ASSERT_EQ(command_end(&c), 0);
	ASSERT(strstr(c.out.text, "contents 9"));
	command_free(&c);
	c = command_start(fake_path(f), false, "crc 1 --sequence 10");
	fake_await(f, DMASHARE_MSG_SUBSCRIBE, 5);
	fake_publish(f, s, 11);
	ASSERT_EQ(command_end(&c), 1);
	ASSERT(strstr(c.err.text, "10 are past"));
	command_free(&c);
	fake_stop(f);
}

static void fence(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, PAGE, 0);
	struct command c;

	s->flags = DMASHARE_SHARE_F_WRITE;
	s->sequence = 5;
	fake_announce(f, s);
	fake_auto_grant(f, false);
	c = command_start(fake_path(f), false, "fence wait 1 --write");
	fake_await(f, DMASHARE_MSG_ACQUIRE, 1);
	ASSERT_EQ(c.out.length, 0);
	fake_grant(f, 1, 0);
	ASSERT_EQ(command_end(&c), 0);
	ASSERT(!strcmp(c.out.text, "granted contents 5\n"));
	command_free(&c);
	c = command_start(fake_path(f), false, "fence wait 1");
	fake_await(f, DMASHARE_MSG_ACQUIRE, 2);
	fake_grant(f, 2, EIO);
	ASSERT_EQ(command_end(&c), 6);
	ASSERT(strstr(c.err.text, "refuses: Input/output error"));
	command_free(&c);
	run(f, 5, "fence wait 1 --timeout 0.05", "", "--timeout");

	/* Held until somebody says so. */
	c = command_start(fake_path(f), false, "fence signal 1 --until-input");
	fake_await(f, DMASHARE_MSG_ACQUIRE, 4);
	fake_grant(f, 4, 0);
	command_await(&c, "granted contents 5\n");
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_RELEASE), 0);
	command_tell(&c, "go\n");
	ASSERT_EQ(fake_released(f, 4), 0);
	ASSERT_EQ(command_end(&c), 0);
	ASSERT(strstr(c.out.text, "\nsignalled\n"));
	command_free(&c);

	fake_auto_grant(f, true);
	run(f, 0, "fence fail 1 EREMOTEIO", "granted contents 5\nfailed\n", "");
	ASSERT_EQ(fake_released(f, 5), EREMOTEIO);
	run(f, 0, "fence fail 1 33 --after 0.01",
	    "granted contents 5\nfailed\n", "");
	ASSERT_EQ(fake_released(f, 6), 33);

	/* The next contents. */
	c = command_start(fake_path(f), false, "fence fail 1 EIO --next");
	fake_await(f, DMASHARE_MSG_SUBSCRIBE, 1);
	ASSERT_EQ(fake_publish(f, s, 6), 1);
	ASSERT_EQ(fake_released(f, 7), EIO);
	ASSERT_EQ(command_end(&c), 0);
	command_free(&c);

	/* It is too late. */
	c = command_start(fake_path(f), false, "fence signal 1 --until-input");
	command_await(&c, "granted");
	fake_end(f, 8, ETIMEDOUT);
	ASSERT_EQ(command_end(&c), 6);
	command_free(&c);
	c = command_start(fake_path(f), false, "fence signal 1 --after 60");
	command_await(&c, "granted");
	fake_withdraw(f, s, DMASHARE_WITHDRAW_RELEASED);
	ASSERT_EQ(command_end(&c), 4);
	command_free(&c);
	fake_stop(f);
}

static void map(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 4 * PAGE, 2 * PAGE);
	struct command c;
	char text[100];

	fake_announce(f, s);
	c = command_start(fake_path(f), false, "map buffer-1");
	command_await(&c, "mapped 1 generation 1 16384 bytes local r- enforced "
		      "buffer-1\n");
	/* What the other side writes is there, with no message. */
	memcpy(fake_byte(s, 2 * PAGE), "\x11\x22\x33\xfe", 4);
	command_tell(&c, "read 0x2000 4\n");
	command_await(&c, "read 112233fe\n");
	snprintf(text, sizeof(text), "crc %08" PRIx32 "\n",
		 dmashare_crc32c(0, fake_byte(s, 0), PAGE));
	command_tell(&c, "crc 0 4096\n");
	command_await(&c, text);
	command_tell(&c, "write 0 00\n");
	command_await(&c, "error it is mapped for reading");
	command_tell(&c, "read 16380 5\n");
	command_await(&c, "error read OFFSET");
	command_tell(&c, "read 18446744073709551615 2\nfly\n");
	command_await(&c, "error permitted: crc");
	fake_publish(f, s, 8);
	command_await(&c, "content 1 sequence 8\n");
	fake_withdraw(f, s, DMASHARE_WITHDRAW_MOVED);
	command_await(&c, "withdrawn 1 generation 1 moved\n");
	ASSERT_EQ(command_end(&c), 4);
	command_free(&c);

	s->flags = DMASHARE_SHARE_F_WRITE;
	fake_announce(f, s);
	c = command_start(fake_path(f), false, "map 1 --write");
	command_await(&c, "mapped 1 generation 2 16384 bytes local rw buffer-1\n");
	command_tell(&c, "write 0x1fff 5 bad\nwrite 8191 a0\nwrite 8192 0bfF\n");
	command_await(&c, "error write OFFSET HEX within");
	command_await(&c, "written 1\n");
	ASSERT_EQ(*fake_byte(s, 8191), 0xa0);
	command_tell(&c, "write 8192 0b7f\n");
	command_await(&c, "written 2\n");
	ASSERT_EQ(*fake_byte(s, 8192), 0x0b);
	ASSERT_EQ(*fake_byte(s, 8193), 0x7f);
	command_tell(&c, "quit\n");
	ASSERT_EQ(command_end(&c), 0);
	command_free(&c);

	/* The end of its input ends it, the end of the server as well. */
	run(f, 0, "map 1", NULL, "");
	c = command_start(fake_path(f), false, "map 1");
	command_await(&c, "mapped");
	fake_hang_up(f);
	ASSERT_EQ(command_end(&c), 3);
	command_free(&c);
	fake_stop(f);
}

static void watch_lines(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, PAGE, 0);
	struct fake_share *b = fake_share(f, 2, PAGE, 0);
	struct command c;

	fake_announce(f, s);
	c = command_start(fake_path(f), false, "watch --count 3");
	command_await(&c, "announced 1 generation 1 4096 bytes local r- "
		      "buffer-1\n");
	describe(b, DRM_FORMAT_R8, 16, 16, 16);
	fake_announce(f, b);
	command_await(&c, "announced 2 generation 1 4096 bytes local r- 16x16 "
		      "R8/16 buffer-2\n");
	fake_publish(f, s, 2);
	command_await(&c, "content 1 sequence 2\n");
	fake_withdraw(f, b, DMASHARE_WITHDRAW_RESET);
	ASSERT_EQ(command_end(&c), 0);
	command_await(&c, "withdrawn 2 generation 1 reset\n");
	command_free(&c);
	fake_stop(f);
}

static void watch_table(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 200 * PAGE, 0);
	struct fake_share *b = fake_share(f, 2, PAGE, 0);
	struct command c;

	describe(s, DRM_FORMAT_YUYV, 640, 480, 1280);
	strcpy(s->name, "camera");
	setenv("LC_ALL", "C.UTF-8", 1);
	fake_announce(f, s);
	c = command_start(fake_path(f), true, "watch");
	command_await(&c, "1 buffer, 800 KiB shared");
	command_await(&c, "640x480 YUYV");
	fake_announce(f, b);
	command_await(&c, "buffer-2");
	fake_publish(f, s, 4242);
	command_await(&c, "4242");
	command_await(&c, "\u2588");
	fake_withdraw(f, b, DMASHARE_WITHDRAW_RELEASED);
	command_await(&c, "gone");
	/* It comes back when the server does. */
	fake_hang_up(f);
	command_await(&c, "trying again");
	fake_await(f, DMASHARE_MSG_HELLO, 2);
	command_tell(&c, "q");
	ASSERT_EQ(command_end(&c), 0);
	command_await(&c, "\033[?1049l");
	command_free(&c);
	fake_stop(f);
}

static void server_goes(void)
{
	struct fake *f = fake_start(NULL, NULL);
	struct command c;

	fake_announce(f, fake_share(f, 1, PAGE, 0));
	fake_auto_grant(f, false);
	c = command_start(fake_path(f), false, "fence wait 1");
	fake_await(f, DMASHARE_MSG_ACQUIRE, 1);
	fake_hang_up(f);
	ASSERT_EQ(command_end(&c), 3);
	ASSERT(strstr(c.err.text, "closed the connection"));
	command_free(&c);
	c = command_start(fake_path(f), false, "watch --plain");
	command_await(&c, "announced 1");
	fake_stop(f);
	ASSERT_EQ(command_end(&c), 3);
	command_free(&c);
}

static void bench(void)
{
	static const char *const members[] = {
		"\"size\": 8192", "\"open_ns\": { \"min\": ", "\"map_ns\"",
		"\"read_bytes_per_s\"", "\"crc_bytes_per_s\"",
		"\"write_bytes_per_s\"", "\"fence_ns\"", "\n}\n",
	};
	struct fake *f = fake_start(NULL, NULL);
	struct fake_share *s = fake_share(f, 1, 2 * PAGE, 0);
	struct command c;
	unsigned int i;

	s->flags = DMASHARE_SHARE_F_WRITE;
	fake_announce(f, s);
	c = command_run(fake_path(f), 0, "bench 1 --write --json --count 20");
	for (i = 0; i < ARRAY_SIZE(members); i++)
		command_await(&c, members[i]);
	command_free(&c);
	/* 20 to be measured, one to measure with, and it leaves the bytes. */
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_OPEN), 21);
	ASSERT_EQ(fake_seen(f, DMASHARE_MSG_ACQUIRE), 21);
	for (i = 0; i < 2 * PAGE; i++)
		ASSERT_EQ(*fake_byte(s, i), fake_pattern(1, i));
	fake_stop(f);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(wrong_arguments),
		KTAP_CASE(no_server),
		KTAP_CASE(list),
		KTAP_CASE(which_buffer),
		KTAP_CASE(dump_bytes),
		KTAP_CASE(dump_rgb),
		KTAP_CASE(dump_yuv),
		KTAP_CASE(dump_png),
		KTAP_CASE(crc),
		KTAP_CASE(fence),
		KTAP_CASE(map),
		KTAP_CASE(watch_lines),
		KTAP_CASE(watch_table),
		KTAP_CASE(server_goes),
		KTAP_CASE(bench),
	};

	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
