// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "dms.h"
#include "host.h"
#include "ktap.h"

#define PORT_NAME	"org.dmashare.client"
/* A client waits 20 s for what should happen soon; this is for a busy host. */
#define ANSWER_MS	60000
#define MAX_ANSWER	(64u << 10)
/* What one command reads or writes. */
#define PIECE		4096u

static int port = -1;
static char buffer[MAX_ANSWER], answer[MAX_ANSWER], word[MAX_ANSWER];
static size_t have;

bool client_there(void)
{
	char path[300];

	return port >= 0 || !host_find_port(PORT_NAME, path, sizeof(path));
}

/* The next line, without its end, into @answer. */
static void next_line(void)
{
	struct pollfd p = { .fd = port, .events = POLLIN };
	char *end;
	ssize_t n;

	while (!(end = memchr(buffer, '\n', have))) {
		ASSERT_MSG(have < sizeof(buffer), "the clients' answer is too long");
		ASSERT_MSG(poll(&p, 1, ANSWER_MS) == 1, "the clients of the host do not answer");
		n = read(port, buffer + have, sizeof(buffer) - have);
		ASSERT_MSG(n > 0 || (n < 0 && errno == EAGAIN), "the clients of the host are gone");
		have += n > 0 ? n : 0;
	}
	memcpy(answer, buffer, end - buffer);
	answer[end - buffer] = '\0';
	have -= end + 1 - buffer;
	memmove(buffer, end + 1, have);
}

/* Sends a line and takes its answer, without the id. */
static void ask(const char *line)
{
	static unsigned int count;
	size_t at, length, id_length;
	char id[40], *whole;
	ssize_t n;

	/* What an earlier program asked for may still come: a word of our own. */
	id_length = snprintf(id, sizeof(id), "%d-%u ", getpid(), count++);
	ASSERT(asprintf(&whole, "%s%s\n", id, line) > 0);
	length = strlen(whole);
	for (at = 0; at < length; at += n) {
		n = write(port, whole + at, length - at);
		ASSERT_MSG(n > 0 || (n < 0 && errno == EINTR), "the clients of the host are gone");
		n = n < 0 ? 0 : n;
	}
	free(whole);
	do
		next_line();
	while (strncmp(answer, id, id_length));
	memmove(answer, answer + id_length, strlen(answer + id_length) + 1);
}

static void open_port(void)
{
	char path[300];

	if (port >= 0)
		return;
	if (host_find_port(PORT_NAME, path, sizeof(path)))
		SKIP("this VM has no clients on the host (share=unix:{share})");
	port = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_MSG(port >= 0, "%s: %s", path, strerror(errno));
	/* Those of the case before are still connected. */
	ask("0 reset");
	ASSERT_MSG(!strcmp(answer, "ok"), "reset of the clients: %s", answer);
}

void client_leave(void)
{
	if (port >= 0)
		close(port);
	port = -1;
	have = 0;
}

static int errno_of(const char *name, size_t length)
{
	int err;

	for (err = 1; err < 4096; err++) {
		const char *known = strerrorname_np(err);

		if (known && strlen(known) == length && !memcmp(known, name, length))
			return err;
	}
	return EPROTO;
}

static int command(unsigned int number, const char *format, va_list ap)
{
	char *text, *line, *name;

	open_port();
	ASSERT(vasprintf(&text, format, ap) >= 0);
	ASSERT(asprintf(&line, "%u %s", number, text) > 0);
	ask(line);
	free(line);
	free(text);
	if (!strncmp(answer, "ok", 2) && (!answer[2] || answer[2] == ' ')) {
		memmove(answer, answer + 2, strlen(answer + 2) + 1);
		return 0;
	}
	name = answer + strlen("error ");
	ASSERT_MSG(!strncmp(answer, "error ", strlen("error ")), "answer of a client: %s", answer);
	errno = errno_of(name, strcspn(name, " "));
	memmove(answer, name, strlen(name) + 1);
	return -1;
}

int client_try(unsigned int number, const char *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = command(number, format, ap);
	va_end(ap);
	return ret;
}

void client_do(unsigned int number, const char *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = command(number, format, ap);
	va_end(ap);
	ASSERT_MSG(!ret, "client %u, %.60s: %.200s", number, format, answer);
}

const char *client_answer(void)
{
	return answer;
}

const char *client_word(const char *key)
{
	size_t length = strlen(key);
	const char *at = answer;

	while ((at = strchr(at, ' '))) {
		at++;
		if (!strncmp(at, key, length) && at[length] == '=') {
			at += length + 1;
			memcpy(word, at, strcspn(at, " "));
			word[strcspn(at, " ")] = '\0';
			return word;
		}
	}
	FAIL("no %s in the answer of a client: %.200s", key, answer);
}

uint64_t client_number(const char *key)
{
	const char *text = client_word(key);
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	ASSERT_MSG(end != text && !*end, "%s=%s is not a number", key, text);
	return value;
}

uint32_t client_find(unsigned int number, const char *name)
{
	client_do(number, "find %s", name);
	return client_number("share");
}

static void hex(char *out, const uint8_t *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		sprintf(out + 2 * i, "%02x", data[i]);
	out[2 * length] = '\0';
}

bool client_sees(unsigned int number, uint32_t share, uint64_t offset, const void *data,
		 size_t length)
{
	char text[2 * PIECE + 1];
	size_t at, n;

	for (at = 0; at < length; at += n) {
		n = length - at < PIECE ? length - at : PIECE;
		client_do(number, "read %u %llu %zu", share, (unsigned long long)(offset + at), n);
		hex(text, (const uint8_t *)data + at, n);
		if (strcmp(client_word("data"), text)) {
			ktap_diag("client %u sees other bytes in %llu..%llu of share %u", number,
				  (unsigned long long)(offset + at),
				  (unsigned long long)(offset + at + n), share);
			return false;
		}
	}
	return true;
}

void client_write(unsigned int number, uint32_t share, uint64_t offset, const void *data,
		  size_t length)
{
	char text[2 * PIECE + 1];
	size_t at, n;

	for (at = 0; at < length; at += n) {
		n = length - at < PIECE ? length - at : PIECE;
		hex(text, (const uint8_t *)data + at, n);
		client_do(number, "write %u %llu %s", share, (unsigned long long)(offset + at), text);
	}
}

uint32_t client_crc(unsigned int number, uint32_t share)
{
	client_do(number, "crc %u", share);
	return client_number("crc");
}
