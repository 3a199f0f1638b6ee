/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of dmashare/share.h over a socket, whole ones, with their
 * descriptors. Nothing here knows what they mean.
 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include <stdint.h>

#include <dmashare/share.h>

/* No message has more of them. */
#define DS_MAX_FDS	2

/* A message that came; who takes a descriptor out puts -1 in its place. */
struct ds_message {
	struct dmashare_msg msg;
	int fd[DS_MAX_FDS];
	unsigned int n_fds;
};

/* One that is coming: @have bytes of it are there. */
struct ds_wire {
	int fd;
	struct ds_message in;
	unsigned int have;
	const char *why;	/* what was wrong, after -EPROTO */
};

/* Closes what of its descriptors nobody took. */
void ds_message_drop(struct ds_message *m);

/*
 * Milliseconds of a clock that is never set, and what is left until @end of
 * it, as poll() takes it; @end negative: for ever.
 */
int64_t ds_now_ms(void);
int64_t ds_end_ms(int timeout_ms);
int ds_left_ms(int64_t end);

int ds_wire_connect(struct ds_wire *w, const char *path, int64_t end);
void ds_wire_close(struct ds_wire *w);

/*
 * Sends as much of @msg from @done on as the socket takes now; how much of it
 * is sent by then, or -ECONNRESET.
 */
int ds_wire_send(struct ds_wire *w, const struct dmashare_msg *msg,
		 unsigned int done);
/*
 * 1: @m is a message that is well-formed as such; 0: not all of it has come;
 * -ECONNRESET: the other end is gone; -EPROTO: it is none.
 */
int ds_wire_receive(struct ds_wire *w, struct ds_message *m);

#endif /* LIB_WIRE_H */
