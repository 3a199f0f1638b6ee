/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What producer.c and consumer.c have in common, which scripts/two-vms runs in a
 * VM each: frame n goes through the buffer number n % the number of buffers,
 * called STREAM_NAME and that number.
 */
#ifndef DMASHARE_TEST_STREAM_H
#define DMASHARE_TEST_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_NAME		"frame-"
#define STREAM_MAX_BUFFERS	8

/**
 * struct stream - what is asked for, as arguments KEY=NUMBER
 * @frames: how many; 0: until somebody says something on stdin
 * @buffers: how many take turns
 * @size: bytes of a frame; of the producer
 * @slow: every so many frames the consumer's device keeps one for a while; 0: never
 * @rude: the producer does not wait for anybody, to see that this is noticed
 */
struct stream {
	uint64_t frames, buffers, size, slow, rude;
};

struct stream stream_arguments(int argc, char **argv);
/* Whether the host has said something, or hung up; waits for that if @wait. */
bool stream_told(bool wait);
/* A line for the host, at once. */
void stream_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "ok" or the errno's name. */
const char *stream_errno(int err);

#endif /* DMASHARE_TEST_STREAM_H */
