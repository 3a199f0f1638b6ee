// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/videodev2.h>

#include "dms.h"
#include "fence.h"
#include "ktap.h"
#include "module.h"
#include "vivid.h"

#define MAX_NODES	64
#define CAPTURE		V4L2_BUF_TYPE_VIDEO_CAPTURE

static int xioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret;
}

void vivid_load(enum vivid_memory memory)
{
	char options[80];

	vivid_unload();
	/* One webcam input, capture only: nothing but the node that is used. */
	snprintf(options, sizeof(options),
		 "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 allocators=%d", memory);
	if (module_load("vivid", options))
		SKIP("module vivid: %s", strerror(errno));
}

void vivid_unload(void)
{
	if (module_loaded("vivid"))
		ASSERT_MSG(!module_unload("vivid"), "vivid cannot be unloaded: %s",
			   strerror(errno));
}

/* The moving parts that make every frame different. */
static void set_control(int fd, const char *name, int value)
{
	struct v4l2_queryctrl q = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };

	while (!xioctl(fd, VIDIOC_QUERYCTRL, &q)) {
		if (!strcmp((const char *)q.name, name)) {
			struct v4l2_control c = { .id = q.id, .value = value };

			ASSERT_OK(xioctl(fd, VIDIOC_S_CTRL, &c));
			return;
		}
		q.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
	}
	FAIL("vivid has no control \"%s\"", name);
}

struct vivid vivid_open(uint32_t width, uint32_t height)
{
	return vivid_open_as(width, height, V4L2_PIX_FMT_YUYV);
}

struct vivid vivid_open_as(uint32_t width, uint32_t height, uint32_t format)
{
	struct v4l2_format f = { .type = CAPTURE };
	struct v4l2_streamparm p = { .type = CAPTURE };
	struct v4l2_capability cap;
	struct vivid v = { .fd = -1 };
	unsigned int i;
	char path[32];

	for (i = 0; i < MAX_NODES && v.fd < 0; i++) {
		snprintf(path, sizeof(path), "/dev/video%u", i);
		v.fd = open(path, O_RDWR | O_CLOEXEC);
		if (v.fd < 0)
			continue;
		memset(&cap, 0, sizeof(cap));
		if (xioctl(v.fd, VIDIOC_QUERYCAP, &cap) ||
		    strcmp((const char *)cap.driver, "vivid") ||
		    !(cap.device_caps & V4L2_CAP_VIDEO_CAPTURE)) {
			close(v.fd);
			v.fd = -1;
		}
	}
	ASSERT_MSG(v.fd >= 0, "no capture node of vivid");
	f.fmt.pix.width = width;
	f.fmt.pix.height = height;
	f.fmt.pix.pixelformat = format;
	f.fmt.pix.field = V4L2_FIELD_NONE;
	ASSERT_OK(xioctl(v.fd, VIDIOC_S_FMT, &f));
	ASSERT_EQ(f.fmt.pix.pixelformat, format);
	v.width = f.fmt.pix.width;
	v.height = f.fmt.pix.height;
	v.stride = f.fmt.pix.bytesperline;
	v.size = f.fmt.pix.sizeimage;
	/*
	 * Slow on purpose. When vivid's thread comes late for a frame, as it
	 * does at 60 a second on an emulated processor, it may ask for a
	 * negative timeout (it reads jiffies twice and expects the same), and
	 * the kernel reports that with a stack.
	 */
	p.parm.capture.timeperframe.numerator = 1;
	p.parm.capture.timeperframe.denominator = 10;
	ASSERT_OK(xioctl(v.fd, VIDIOC_S_PARM, &p));
	set_control(v.fd, "Horizontal Movement", 6);
	return v;
}

int vivid_try_queue(struct vivid *v, unsigned int index)
{
	struct v4l2_buffer b = {
		.type = CAPTURE,
		.memory = v->kind,
		.index = index,
	};

	if (v->kind == V4L2_MEMORY_DMABUF)
		b.m.fd = v->dmabuf[index];

	return xioctl(v->fd, VIDIOC_QBUF, &b);
}

int vivid_try_start(struct vivid *v, const int *dmabufs, unsigned int n)
{
	struct v4l2_requestbuffers r = {
		.type = CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.count = n,
	};
	int type = CAPTURE;
	unsigned int i;

	ASSERT(n <= VIVID_MAX_BUFFERS);
	ASSERT_OK(xioctl(v->fd, VIDIOC_REQBUFS, &r));
	ASSERT_MSG(r.count == n, "vivid gives %u buffers, %u were asked for", r.count, n);
	v->n_buffers = n;
	v->kind = V4L2_MEMORY_DMABUF;
	for (i = 0; i < n; i++) {
		v->dmabuf[i] = dmabufs[i];
		if (vivid_try_queue(v, i))
			return -1;
	}
	if (xioctl(v->fd, VIDIOC_STREAMON, &type))
		return -1;
	v->streaming = true;
	return 0;
}

void vivid_start(struct vivid *v, const int *dmabufs, unsigned int n)
{
	ASSERT_OK(vivid_try_start(v, dmabufs, n));
}

unsigned int vivid_make_own(struct vivid *v, int *dmabufs, unsigned int n)
{
	struct v4l2_requestbuffers r = {
		.type = CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
		.count = n,
	};
	unsigned int i;

	ASSERT(n <= VIVID_MAX_BUFFERS);
	ASSERT_OK(xioctl(v->fd, VIDIOC_REQBUFS, &r));
	ASSERT(r.count >= 1 && r.count <= VIVID_MAX_BUFFERS);
	v->n_buffers = r.count;
	v->kind = V4L2_MEMORY_MMAP;
	for (i = 0; i < r.count; i++) {
		struct v4l2_exportbuffer e = {
			.type = CAPTURE,
			.index = i,
			.flags = O_RDWR | O_CLOEXEC,
		};

		ASSERT_OK(xioctl(v->fd, VIDIOC_EXPBUF, &e));
		dmabufs[i] = e.fd;
	}
	return r.count;
}

void vivid_stream(struct vivid *v)
{
	int type = CAPTURE;

	ASSERT_OK(xioctl(v->fd, VIDIOC_STREAMON, &type));
	v->streaming = true;
}

unsigned int vivid_start_own(struct vivid *v, int *dmabufs, unsigned int n)
{
	unsigned int made = vivid_make_own(v, dmabufs, n), i;

	for (i = 0; i < made; i++)
		ASSERT_OK(vivid_try_queue(v, i));
	vivid_stream(v);
	return made;
}

unsigned int vivid_dequeue(struct vivid *v, uint32_t *sequence)
{
	struct v4l2_buffer b = { .type = CAPTURE, .memory = v->kind };

	poll_until(v->fd, POLLIN);
	ASSERT_OK(xioctl(v->fd, VIDIOC_DQBUF, &b));
	ASSERT_MSG(!(b.flags & V4L2_BUF_FLAG_ERROR), "vivid reports an error in frame %u",
		   b.sequence);
	ASSERT_EQ(b.bytesused, v->size);
	if (sequence)
		*sequence = b.sequence;
	return b.index;
}

void vivid_pause(struct vivid *v)
{
	int type = CAPTURE;

	ASSERT_OK(xioctl(v->fd, VIDIOC_STREAMOFF, &type));
	v->streaming = false;
}

void vivid_stop(struct vivid *v)
{
	struct v4l2_requestbuffers r = { .type = CAPTURE, .memory = v->kind };

	if (v->streaming)
		vivid_pause(v);
	ASSERT_OK(xioctl(v->fd, VIDIOC_REQBUFS, &r));
}

void vivid_close(struct vivid *v)
{
	if (v->streaming)
		vivid_stop(v);
	close(v->fd);
	v->fd = -1;
}
