/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A buffer that client 0 of the host (client.h) is connected for and has open, and
 * what each side says of it. Where the host shares local memory alone, for reading
 * (VM sharelocal), it is made there.
 */
#ifndef DMASHARE_TEST_LENT_H
#define DMASHARE_TEST_LENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dms.h"
#include "place.h"
#include "share.h"

#define LENT_SIZE	32768u

/**
 * struct lent - such a buffer
 * @fd: the device
 * @bo: the buffer, mapped
 * @name: for clients
 * @local: it was made in local memory
 * @share: its id for clients
 * @flags: DRM_DMASHARE_SHARE_*
 */
struct lent {
	int fd;
	struct bo bo;
	const char *name;
	bool local;
	uint32_t share;
	uint32_t flags;
};

/* Whether the host permits pages of the system and writing; else the case is skipped. */
bool lent_everything(void);
void lent_needs_everything(void);

/* Of LENT_SIZE and pattern 1, for writing if the host permits that. */
struct lent lent_begin(const char *name);
/*
 * Client 0 finds it under its name and opens it, anew, and sees what the guest has
 * mapped.
 */
void lent_again(struct lent *c);
/* Client 0 is told that it is withdrawn: DMASHARE_WITHDRAW_* says why. */
void lent_withdrawn(const struct lent *c, unsigned int reason);

/* A client asks for a hold, until the deadline; @how is "write", "wait" or "". */
uint32_t lent_ask(unsigned int client, const struct lent *c, uint64_t deadline,
		  const char *how);
/* It is granted. */
void lent_granted(unsigned int client, const struct lent *c, uint32_t hold);
/* Both, with a deadline that no case reaches. */
uint32_t lent_hold(unsigned int client, const struct lent *c, const char *how);
/* A client is told of contents of that number; the hold that it has of them. */
uint32_t lent_content(unsigned int client, const struct lent *c, uint64_t sequence);

/* What a reader, or a writer, of the buffer has to wait for. */
int lent_fences(const struct lent *c, bool write);

#endif /* DMASHARE_TEST_LENT_H */
