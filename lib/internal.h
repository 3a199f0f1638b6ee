/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rooms of libdmashare know of one another:
 *
 *  wire.c		whole messages in and out
 *  connection.c	HELLO, requests and their answers, errors
 *  notices.c		what the server says unasked: shares, holds, events
 *  buffer.c		buffers that are open: what was passed is checked here
 */
#ifndef LIB_INTERNAL_H
#define LIB_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dmashare.h>
#include <dmashare/share.h>

#include "wire.h"

/* More than any device has; a server that says more lies. */
#define DS_MAX_SHARES	65536
#define DS_MAX_EVENTS	65536
/* Those that were asked for, and one of the contents of each open buffer. */
#define DS_MAX_HOLDS	(DMASHARE_MAX_CLIENT_HOLDS + DMASHARE_MAX_OPEN)

#define DS_TEXT		256

/* An event that nobody has asked for yet. */
struct ds_event {
	struct ds_event *next;
	struct dmashare_notice notice;
};

/*
 * @announced, @content: events of this share that wait, and can be brought up
 * to date instead of making another; NULL: there is none.
 */
struct ds_share {
	struct dmashare_info info;
	struct ds_event *announced;
	struct ds_event *content;
};

/* @wait: its GRANTED is the end of it; @content: it came with contents. */
struct ds_hold {
	uint32_t id;
	uint32_t share;
	bool wait, content;
};

/*
 * @dead: withdrawn, and so closed for the server. @range: @n_ranges of them, of
 * the memory file @fd.
 */
struct dmashare_buffer {
	struct dmashare_buffer *next;
	struct dmashare *ds;
	struct dmashare_info info;
	bool write, enforced, subscribed, dead;
	int fd;
	void *addr;
	uint64_t (*range)[2];
	size_t n_ranges;
};

/*
 * @poll_fd is an epoll of the socket and of @event_fd, which can be read while
 * there are events: they may have come while an answer was awaited, and then
 * nothing is left in the socket. @dead: a negative errno once the connection
 * can be used no more.
 */
struct dmashare {
	struct ds_wire wire;
	int poll_fd, event_fd;
	bool ready;
	int dead;
	uint32_t serial;
	uint64_t instance;
	uint32_t max_holds;
	char device[DMASHARE_NAME_MAX];
	char error[DS_TEXT];

	struct ds_share *share;
	size_t n_shares, max_shares;
	struct ds_hold hold[DS_MAX_HOLDS];
	size_t n_holds;
	struct ds_event *first, *last;
	size_t n_events;
	struct dmashare_buffer *buffers;
};

/* connection.c */

/* Notes the line that dmashare_error() gives; returns @error. */
int ds_fail(struct dmashare *ds, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for what ends the connection. */
int ds_kill(struct dmashare *ds, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* That server broke a rule. */
int ds_lie(struct dmashare *ds, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Sends @request, whose body alone is filled in, and waits for the answer, of
 * type @answer_type. A refusal is its errno, and noted.
 */
int ds_request(struct dmashare *ds, uint32_t type, struct dmashare_msg *request,
	       uint32_t answer_type, struct ds_message *answer);
/* Text of the wire, of at most @length bytes, with nothing a terminal obeys. */
void ds_text(char *out, size_t size, const uint8_t *in, size_t length);

/* notices.c */

/* Takes in a message of type ANNOUNCE or above; 0, or as ds_lie(). */
int ds_notice(struct dmashare *ds, const struct dmashare_msg *msg);
/* Moves the oldest event to @notice; false when there is none. */
bool ds_event_pop(struct dmashare *ds, struct dmashare_notice *notice);
struct ds_share *ds_share_find(struct dmashare *ds, uint32_t id);
struct ds_hold *ds_hold_find(struct dmashare *ds, uint32_t id);
/* 0, or what ds_lie() returned. */
int ds_hold_add(struct dmashare *ds, const struct ds_hold *hold);
void ds_hold_remove(struct dmashare *ds, struct ds_hold *hold);
/* Forgets all holds of the share, in silence. */
void ds_hold_forget(struct dmashare *ds, uint32_t share);
void ds_notices_free(struct dmashare *ds);

/* buffer.c */

/* The buffer of that share which is open and alive, or NULL. */
struct dmashare_buffer *ds_buffer_find(struct dmashare *ds, uint32_t id);
/* Unmaps it, closes its descriptor, frees it: nothing is said to the server. */
void ds_buffer_free(struct dmashare_buffer *buf);

#endif /* LIB_INTERNAL_H */
