/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what the emulator and the renderer say to each other
 *
 * The renderer (render/) is a process that the emulator starts, with one end of
 * a socket pair as its standard input. Both are built together: the version is
 * there to find out that they were not.
 *
 * Transport: AF_UNIX, SOCK_SEQPACKET. A request is one struct
 * dmashare_render_request, an answer one struct dmashare_render_answer, in the
 * byte order of the host that both run on. Whoever gets anything else ends the
 * connection, and with it the renderer.
 *
 * The first request is START, with the file descriptor of the staging memory:
 * n_slots slots of slot_size bytes, sealed against any change of its size. Every
 * request gets exactly one answer with its serial, which is of the emulator's
 * choice. Requests are begun in order. Those with a fence (RENDER) are answered
 * when it has signalled, hence in another order; at most DMASHARE_RENDER_MAX_SLOTS
 * of them may be unanswered. A slot belongs to the renderer from the request
 * that names it until its answer.
 *
 * The renderer ends with the socket.
 */
#ifndef DMASHARE_RENDER_H
#define DMASHARE_RENDER_H

#include <stdint.h>
#include "dmashare/abi.h"

#define DMASHARE_RENDER_MAGIC		0x52444d53	/* "SMDR" */
#define DMASHARE_RENDER_VERSION		3
#define DMASHARE_RENDER_MAX_SLOTS	(DMASHARE_MAX_JOB_QUEUES + 1)	/* one a queue */
#define DMASHARE_RENDER_MAX_CONTEXTS	256	/* their ids are 1..n, as the driver chose them */
#define DMASHARE_RENDER_MAX_RESOURCES	4096
#define DMASHARE_RENDER_RINGS		1

enum dmashare_render_type {
	DMASHARE_RENDER_START		= 1,
	DMASHARE_RENDER_RESET		= 2,	/* no context and no resource any more */
	DMASHARE_RENDER_CONTEXT_CREATE	= 3,
	DMASHARE_RENDER_CONTEXT_DESTROY	= 4,
	DMASHARE_RENDER_RESOURCE_CREATE	= 5,
	DMASHARE_RENDER_RESOURCE_DESTROY = 6,
	DMASHARE_RENDER_RESOURCE_ADD	= 7,
	DMASHARE_RENDER_RESOURCE_REMOVE	= 8,
	DMASHARE_RENDER_COMMANDS	= 9,	/* length bytes of the slot */
	DMASHARE_RENDER_UPLOAD		= 10,	/* slot to resource */
	DMASHARE_RENDER_DOWNLOAD	= 11,	/* resource to slot */
	DMASHARE_RENDER_CAPSET		= 12,	/* capability set id to the slot */
};

/*
 * What the bytes of a pixel of four are. A DOWNLOAD may say RGBA if the resource is
 * two-dimensional, its format B8G8R8A8 or B8G8R8X8, and rows follow each other with
 * nothing between them. The renderer then gives red, green, blue, alpha or the
 * format's order, whichever is less work; the answer says which.
 */
enum dmashare_render_order {
	DMASHARE_RENDER_ORDER_FORMAT	= 0,
	DMASHARE_RENDER_ORDER_RGBA	= 1,
};

/* Fields as of the command or job; those that a type does not use are not read. */
struct dmashare_render_request {
	uint32_t magic;
	uint32_t type;			/* enum dmashare_render_type */
	uint64_t serial;
	uint32_t version;		/* START */
	uint32_t slot;
	uint64_t offset;		/* in the slot */
	uint64_t length;		/* bytes of it from there */
	uint32_t context;
	uint32_t resource;
	union {
		struct {
			uint32_t n_slots;
			uint32_t reserved;
			uint64_t slot_size;
			uint64_t memory;	/* bytes of address space, 0: no limit */
		} start;
		struct {
			uint32_t capset;
			uint8_t name[DMASHARE_NAME_LEN];
		} create;
		struct {
			uint32_t target;
			uint32_t format;
			uint32_t bind;
			uint32_t width;
			uint32_t height;
			uint32_t depth;
			uint32_t array_size;
			uint32_t last_level;
			uint32_t nr_samples;
			uint32_t flags;
		} image;
		struct {
			uint32_t ring;
		} commands;
		struct {
			uint32_t level;
			uint32_t stride;
			uint32_t layer_stride;
			uint32_t x;
			uint32_t y;
			uint32_t z;
			uint32_t width;
			uint32_t height;
			uint32_t depth;
			uint32_t order;	/* enum dmashare_render_order; UPLOAD: 0 */
		} box;
		struct {
			uint32_t id;
		} capset;
		uint8_t body[64];
	};
};

/*
 * status is OK; RENDER_COMMANDS: the renderer found it wrong, and with a context
 * or resource that was to be created, there is none; RENDER_LOST: the context or
 * resource was lost before, or does not exist. Of START anything but OK means
 * that there is no renderer, and text says why.
 */
struct dmashare_render_answer {
	uint32_t magic;
	uint32_t status;		/* enum dmashare_status */
	uint64_t serial;
	uint64_t result;		/* CAPSET: its size; DOWNLOAD: enum dmashare_render_order */
	char text[72];			/* ends in zero */
};

#endif /* DMASHARE_RENDER_H */
