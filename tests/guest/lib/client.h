/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of the host that use this VM's buffers, from inside the guest: in a
 * VM whose device has share=unix:{share} a virtio port leads to clients that do
 * what a test says (scripts/share-client has the commands), so that one program
 * tells of both sides and knows when each step has been done.
 */
#ifndef DMASHARE_TEST_CLIENT_H
#define DMASHARE_TEST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this VM has the port. */
bool client_there(void);

/*
 * One command of client @number, as "open 3 write". Returns 0 when it was done; -1
 * and the errno that the client, or the server, gave it. Any other failure ends
 * the case.
 */
int client_try(unsigned int number, const char *command, ...)
	__attribute__((format(printf, 2, 3)));
/* The same; the case fails when it was not done. */
void client_do(unsigned int number, const char *command, ...)
	__attribute__((format(printf, 2, 3)));

/* The answer of the last command: what came after "ok", or the error's text. */
const char *client_answer(void);
/* Of that answer: the number, or the word (valid until the next command), of KEY=. */
uint64_t client_number(const char *key);
const char *client_word(const char *key);

/*
 * Closes the port, which somebody takes away; clients keep what they have until
 * they are spoken to again, and then begin anew.
 */
void client_leave(void);

/* open, and what the client then sees of it. */
uint32_t client_find(unsigned int number, const char *name);
/* Whether the client sees these bytes there. */
bool client_sees(unsigned int number, uint32_t share, uint64_t offset, const void *data,
		 size_t length);
/* Has the client write these bytes. */
void client_write(unsigned int number, uint32_t share, uint64_t offset, const void *data,
		  size_t length);
/* CRC32C of all that the client sees. */
uint32_t client_crc(unsigned int number, uint32_t share);

#endif /* DMASHARE_TEST_CLIENT_H */
