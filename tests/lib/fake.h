/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A share server for the tests of libdmashare and of the command: it has the
 * buffers that a test gives it, obeys the protocol, and lets a test change
 * every message before it is sent, which makes it a server of any other kind.
 * It runs in a thread; the functions below may be called from the test's.
 */
#ifndef DMASHARE_TEST_FAKE_H
#define DMASHARE_TEST_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dmashare/share.h>

#define FAKE_MAX_RANGES		8
#define FAKE_MAX_FDS		8

struct fake;

/*
 * A buffer: @memory is all of its memory file, of @memory_size bytes; @range are
 * the buffer's in it. What a client is told may be changed before
 * fake_announce(), and again before another.
 */
struct fake_share {
	uint32_t id, generation, flags, path;
	uint32_t fourcc, width, height, stride;
	uint64_t size, sequence;
	char name[DMASHARE_NAME_LEN + 1];
	int fd;
	uint8_t *memory;
	size_t memory_size;
	struct dmashare_range range[FAKE_MAX_RANGES];
	unsigned int n_ranges;
};

/*
 * A message on its way out. A test may change it in any way; @skip: it is not
 * sent; @length: how much of it is sent; @hang_up: afterwards; @again: it is
 * sent so many times more.
 */
struct fake_out {
	struct dmashare_msg msg;
	int fd[FAKE_MAX_FDS];
	unsigned int n_fds;
	size_t length;
	bool skip, hang_up;
	unsigned int again;
};

typedef void fake_change(struct fake *f, struct fake_out *out, void *opaque);

/* Listens on a socket of its own; NULL as @change: the messages as they are. */
struct fake *fake_start(fake_change *change, void *opaque);
const char *fake_path(const struct fake *f);
/* Hangs up on all clients, takes the socket away and frees everything. */
void fake_stop(struct fake *f);

/*
 * Makes a buffer of @size bytes in pieces of @piece (0: one), with a pattern
 * that fake_pattern() gives again. Clients know it after fake_announce().
 */
struct fake_share *fake_share(struct fake *f, uint32_t id, uint64_t size,
			      uint64_t piece);
uint8_t fake_pattern(uint32_t id, uint64_t at);
/* Where byte @at of the buffer is in the server's own mapping. */
uint8_t *fake_byte(struct fake_share *s, uint64_t at);
void fake_announce(struct fake *f, struct fake_share *s);
void fake_withdraw(struct fake *f, struct fake_share *s, uint32_t reason);
/* New contents; subscribers hold them. How many there were. */
unsigned int fake_publish(struct fake *f, struct fake_share *s,
			  uint64_t sequence);
/* Whether ACQUIRE is granted at once; at first it is. */
void fake_auto_grant(struct fake *f, bool on);
/* Grants, refuses or ends a hold. */
void fake_grant(struct fake *f, uint32_t hold, uint32_t error);
void fake_end(struct fake *f, uint32_t hold, uint32_t error);
/* A message of the test's own to every client. */
void fake_tell(struct fake *f, const struct dmashare_msg *msg);
void fake_hang_up(struct fake *f);

/*
 * What clients did: waits until it has been done, at most ten seconds, and
 * fails the case if it has not. The error that hold was released with; how many
 * requests of that type there have been.
 */
uint32_t fake_released(struct fake *f, uint32_t hold);
void fake_await(struct fake *f, uint32_t type, unsigned int times);
unsigned int fake_seen(struct fake *f, uint32_t type);
/* How many buffers are open, of all clients. */
unsigned int fake_open_count(struct fake *f);
/* The id of the last hold that there was. */
uint32_t fake_last_hold(struct fake *f);

#endif /* DMASHARE_TEST_FAKE_H */
