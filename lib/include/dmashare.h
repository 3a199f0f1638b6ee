/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * libdmashare: a guest's buffers on the host
 *
 * A program connects to the share server of a dmashare device (QEMU's
 * -device dmashare,share=unix:PATH), learns which buffers the guest shares,
 * maps their very pages, waits for the guest's fences and holds fences of its
 * own.
 *
 * No function but those that say so waits. What the server sends is read by
 * dmashare_next(), to be called when dmashare_fd() can be read; a program with
 * a loop of its own adds that to what it polls. Every function returns 0 or
 * more, or a negative errno; dmashare_error() then has a line for people. A
 * connection, and what was made from it, is used by one thread at a time;
 * separate connections are independent.
 *
 * The library checks all that a server says before it is believed: what it
 * hands on is of the buffer's size, sealed so that it cannot shrink under a
 * mapping, and a picture's rows (stride times height) lie inside of it. Names
 * and errors have nothing but printable ASCII in them.
 */
#ifndef LIB_DMASHARE_H
#define LIB_DMASHARE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/* A connection; a buffer that is open; both opaque. */
struct dmashare;
struct dmashare_buffer;

#define DMASHARE_NAME_MAX	33	/* with the zero at the end */

/* How the pages got here; see enum dmashare_share_path of dmashare/share.h. */
enum dmashare_path {
	DMASHARE_BY_NONE	= 0,
	DMASHARE_BY_UDMABUF	= 1,
	DMASHARE_BY_LOCAL	= 2,
	DMASHARE_BY_GUEST	= 3,
};

/**
 * struct dmashare_info - what the guest shares
 * @id: names it as long as it is shared
 * @generation: grows each time that its pages are others
 * @size: bytes
 * @writable: it may be opened for writing
 * @path: how its pages are passed; NONE while it has none
 * @fourcc: DRM_FORMAT_* as the guest says, as all that follows; 0: bytes, and
 *	so if its picture does not fit into the buffer
 * @width: pixels
 * @height: rows
 * @stride: bytes from row to row
 * @sequence: of the last contents published, 0: none yet
 * @name: for people
 */
struct dmashare_info {
	uint32_t id;
	uint32_t generation;
	uint64_t size;
	int writable;
	enum dmashare_path path;
	uint32_t fourcc;
	uint32_t width;
	uint32_t height;
	uint32_t stride;
	uint64_t sequence;
	char name[DMASHARE_NAME_MAX];
};

/* What dmashare_next() tells. */
enum dmashare_notice_kind {
	DMASHARE_ANNOUNCED	= 1,	/* info; new, or changed */
	/*
	 * info.id, info.generation; error: 0 released, EAGAIN moved, ECANCELED
	 * the device was reset. A buffer that is open is dead: close it, which
	 * unmaps it. Its holds have ENDED before.
	 */
	DMASHARE_WITHDRAWN	= 2,
	/* info.id, sequence; hold if subscribed, else 0 */
	DMASHARE_CONTENT	= 3,
	/* info.id, hold, sequence; error: 0, or why not, and it is over */
	DMASHARE_GRANTED	= 4,
	/* info.id, hold; error: ETIMEDOUT, ECANCELED */
	DMASHARE_ENDED		= 5,
};

/**
 * struct dmashare_notice - something happened
 * @kind: what
 * @error: by @kind; positive errno
 * @hold: of this connection, 0: none
 * @sequence: of the contents
 * @deadline_ns: CONTENT with a hold: how long it lasts, in the guest's time
 * @info: of the share; only id and generation unless ANNOUNCED
 */
struct dmashare_notice {
	enum dmashare_notice_kind kind;
	int error;
	uint32_t hold;
	uint64_t sequence;
	uint64_t deadline_ns;
	struct dmashare_info info;
};

/*
 * Connect to the server at @path (of a socket, without "unix:"), as @name (for
 * people; NULL: the program's), and wait, at most @timeout_ms (negative: for
 * ever), until it has welcomed us and announced all that there is.
 * -ENOENT, -ECONNREFUSED: nobody there. -EACCES: it does not serve this user.
 * -EUSERS: it has enough clients. -EPROTO: it does not speak this protocol,
 * -EPROTONOSUPPORT: no version of it that we know. -ENAMETOOLONG: over 107
 * characters. -ETIMEDOUT. -ENOMEM. What was there at first is in
 * dmashare_list() and is no event.
 */
int dmashare_connect(const char *path, const char *name, int timeout_ms,
		     struct dmashare **out);
/* Ends it and frees all that was made from it, mappings too. NULL: nothing. */
void dmashare_disconnect(struct dmashare *ds);
/* To be polled for POLLIN; belongs to the connection. */
int dmashare_fd(const struct dmashare *ds);
/* The server's device, and which start of it. */
const char *dmashare_device(const struct dmashare *ds);
uint64_t dmashare_instance(const struct dmashare *ds);
/*
 * A line on the last error of this connection; with NULL, of the last
 * dmashare_connect() of this thread.
 */
const char *dmashare_error(const struct dmashare *ds);

/*
 * The next event; wait for it for at most @timeout_ms (0: not at all, negative:
 * for ever). 1: there was one, 0: none.
 * -EINTR: a signal came. -ECONNRESET: the server is gone: nothing that was held
 * is held any more. -EPROTO: it said something that it may not; the connection
 * is dead.
 */
int dmashare_next(struct dmashare *ds, int timeout_ms,
		  struct dmashare_notice *notice);

/*
 * What is shared now: writes at most @max into @info, returns how many there
 * are. In the order of their ids.
 */
int dmashare_list(const struct dmashare *ds, struct dmashare_info *info,
		  size_t max);

/*
 * The functions below that ask the server wait for its answer, 10 s at most
 * (-ETIMEDOUT, and the connection is dead). Events that come meanwhile are kept
 * for dmashare_next().
 */
#define DMASHARE_WRITE		(1 << 0)	/* for writing as well */
#define DMASHARE_WAIT_ONLY	(1 << 1)	/* acquire: nothing is held */

/*
 * Open share @id. -ENOENT, -EACCES, -EBUSY, -EMFILE, -EAGAIN, -EOPNOTSUPP: see
 * OPEN in dmashare/share.h. -EPROTO: what came is not what was announced, and
 * the connection is dead. dmashare_close(NULL) is nothing.
 */
int dmashare_open(struct dmashare *ds, uint32_t id, int flags,
		  struct dmashare_buffer **out);
void dmashare_close(struct dmashare_buffer *buf);
const struct dmashare_info *
dmashare_buffer_info(const struct dmashare_buffer *buf);
/* Whether it may be written, and, if not, whether the kernel sees to that. */
int dmashare_buffer_writable(const struct dmashare_buffer *buf);
int dmashare_buffer_enforced(const struct dmashare_buffer *buf);
/*
 * The descriptor (belongs to the buffer) and the buffer's ranges in it: writes
 * at most @max pairs of offset and length, returns how many there are. With
 * UDMABUF it is a dma-buf that can be imported into any driver of the host.
 */
int dmashare_buffer_fd(const struct dmashare_buffer *buf);
int dmashare_buffer_ranges(const struct dmashare_buffer *buf,
			   uint64_t (*range)[2], size_t max);
/*
 * Map all of it, contiguously whatever its ranges are; the same address each
 * time, until it is closed.
 * -ESTALE: it was withdrawn.
 */
int dmashare_map(struct dmashare_buffer *buf, void **addr);
/*
 * CPU access through a dma-buf must be between these two; they are nothing for
 * the other paths. @flags: DMASHARE_WRITE to write as well.
 */
int dmashare_begin_cpu(struct dmashare_buffer *buf, int flags);
int dmashare_end_cpu(struct dmashare_buffer *buf, int flags);

/* Contents published from now on come with a hold (CONTENT), or no more. */
int dmashare_subscribe(struct dmashare_buffer *buf, int on);
/*
 * Ask to hold it: writes the hold's id; GRANTED follows. With @fence_fd not
 * NULL a descriptor of the caller's that becomes readable then; see ACQUIRE in
 * dmashare/share.h.
 */
int dmashare_acquire(struct dmashare_buffer *buf, int flags,
		     uint64_t deadline_ns, uint32_t *hold, int *fence_fd);
/*
 * Let go of it: the guest's fence signals, as failed with @error (positive) if
 * not 0. -ENOENT: it was over.
 */
int dmashare_release(struct dmashare *ds, uint32_t hold, int error);

/*
 * CRC32C of the bytes, as the device's CHECKSUM job computes it; @crc is that
 * of the bytes before, at first 0.
 */
uint32_t dmashare_crc32c(uint32_t crc, const void *data, size_t length);

#if defined(__cplusplus)
}
#endif

#endif /* LIB_DMASHARE_H */
