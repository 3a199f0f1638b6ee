/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the V4L2 test driver vivid, captured into dma-bufs of somebody
 * else (V4L2_MEMORY_DMABUF).
 *
 * How vivid reaches the buffer is decided when its module is loaded: with
 * allocators=0 it is vmapped and never attached, with allocators=1 it is
 * attached and mapped for DMA and must be contiguous there.
 */
#ifndef DMASHARE_TEST_VIVID_H
#define DMASHARE_TEST_VIVID_H

#include <stdbool.h>
#include <stdint.h>

#define VIVID_MAX_BUFFERS	8

enum vivid_memory {
	VIVID_VMALLOC		= 0,	/* allocators=0 */
	VIVID_DMA_CONTIG	= 1,	/* allocators=1 */
};

struct vivid {
	int fd;
	uint32_t width, height, stride;
	uint32_t size;			/* bytes of a frame */
	unsigned int n_buffers;
	int dmabuf[VIVID_MAX_BUFFERS];
	bool streaming;
	uint32_t kind;			/* enum v4l2_memory */
};

/*
 * Loads vivid with one capture node and this allocator, unloading it first
 * when it is loaded with the other. The case is skipped when the module is
 * not there.
 */
void vivid_load(enum vivid_memory memory);
/* Removes the module. */
void vivid_unload(void);

/* Opens the capture node and sets a YUYV format of about that size. */
struct vivid vivid_open(uint32_t width, uint32_t height);
/* The same with that format (V4L2_PIX_FMT_*). */
struct vivid vivid_open_as(uint32_t width, uint32_t height, uint32_t format);
/*
 * Gives it the dma-bufs to capture into, in this order, and starts; the first
 * form returns -1 when one of them, or the start, is refused.
 */
int vivid_try_start(struct vivid *v, const int *dmabufs, unsigned int n);
void vivid_start(struct vivid *v, const int *dmabufs, unsigned int n);
/*
 * Has vivid make @n buffers of its own; gives their dma-bufs (VIDIOC_EXPBUF) and how
 * many they are. None is queued.
 */
unsigned int vivid_make_own(struct vivid *v, int *dmabufs, unsigned int n);
/* Starts with what is queued, or will be. */
void vivid_stream(struct vivid *v);
/* Both, with all of them queued. */
unsigned int vivid_start_own(struct vivid *v, int *dmabufs, unsigned int n);
/*
 * Queues buffer @index; returns what the ioctl did. The kernel takes hold of
 * the dma-buf here.
 */
int vivid_try_queue(struct vivid *v, unsigned int index);
/* Waits for the next frame; its buffer's index and the frame's number. */
unsigned int vivid_dequeue(struct vivid *v, uint32_t *sequence);
/* Stops, and nothing more: the frames are there still, and nobody's but ours. */
void vivid_pause(struct vivid *v);
/* Stops, and lets go of the dma-bufs. */
void vivid_stop(struct vivid *v);
void vivid_close(struct vivid *v);

#endif /* DMASHARE_TEST_VIVID_H */
