// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The renderer as a process: what ends it, what does not, what it may have
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ktap.h"
#include "lib/virgl.h"
#include "renderer.h"

#define OK		DMASHARE_STATUS_OK
#define COMMANDS	DMASHARE_STATUS_RENDER_COMMANDS

/* Whatever comes of noise: an answer, or the end of the process. */
static void noise_streams(void)
{
	struct renderer *r = NULL;
	unsigned int ends = 0, fine = 0, wrong = 0;
	uint64_t state = 7;

	for (unsigned int round = 0; round < rounds(300); round++) {
		struct dmashare_render_answer a;
		uint32_t n = 1 + renderer_noise(&state) % 40;
		uint32_t *words;

		if (!r) {
			r = renderer_start();
			renderer_canvas(r, 1, 1, 16, 16);
		}
		words = renderer_slot(r, 0);
		for (uint32_t i = 0; i < n;) {
			uint32_t len = renderer_noise(&state) % 12;

			words[i++] = (renderer_noise(&state) % 60) |
				     (renderer_noise(&state) % 12) << 8 | len << 16;
			for (uint32_t j = 0; j < len && i < n; j++)
				words[i++] = renderer_noise(&state) % 4;
		}
		renderer_commands(r, 0, 1, n * 4);
		if (renderer_gone(r, &a)) {
			ASSERT(renderer_wait(r));
			r = NULL;
			ends++;
			continue;
		}
		ASSERT_EQ(a.serial, r->serial);
		ASSERT(a.status == OK || a.status == COMMANDS);
		if (!a.status) {
			fine++;
			continue;
		}
		wrong++;
		ASSERT_EQ(renderer_context_destroy(r, 1), OK);
		ASSERT_EQ(renderer_context(r, 1), OK);
		ASSERT_EQ(renderer_add(r, 1, 1), OK);
	}
	ktap_diag("%u fine, %u wrong, %u ended the renderer", fine, wrong,
		  ends);
	ASSERT(wrong);
	if (r)
		ASSERT_EQ(renderer_end(r), 0);
}

static void nonsense_ends_it(void)
{
	struct dmashare_render_request q[] = {
		{ .type = 0 },
		{ .type = 99 },
		{ .type = DMASHARE_RENDER_START },
		{ .type = DMASHARE_RENDER_CONTEXT_CREATE },
		{ .type = DMASHARE_RENDER_CONTEXT_CREATE, .context = 257 },
		{ .type = DMASHARE_RENDER_RESOURCE_DESTROY, .resource = 4097 },
		{ .type = DMASHARE_RENDER_COMMANDS, .context = 1 },
		{ .type = DMASHARE_RENDER_COMMANDS, .context = 1, .length = 6 },
		{ .type = DMASHARE_RENDER_COMMANDS, .context = 1, .length = 8,
		  .slot = SLOTS },
		{ .type = DMASHARE_RENDER_COMMANDS, .context = 1,
		  .length = SLOT_SIZE + 4 },
		{ .type = DMASHARE_RENDER_COMMANDS, .context = 1, .length = 8,
		  .commands.ring = 1 },
	};
	struct renderer *r;

	for (unsigned int i = 0; i < ARRAY_SIZE(q); i++) {
		struct dmashare_render_answer a;

		r = renderer_start();
		renderer_send(r, &q[i]);
		ASSERT_MSG(renderer_gone(r, &a), "request %u was answered", i);
		ASSERT(WIFEXITED(renderer_wait(r)));
	}
	r = renderer_spawn();
	ASSERT_EQ(send(r->socket, "nonsense", 8, 0), 8);
	ASSERT_EQ(WEXITSTATUS(renderer_wait(r)), 1);
}

/* It ends with the socket, though it cannot look at it. */
static void ends_with_the_socket(void)
{
	struct renderer *r = renderer_start();

	renderer_canvas(r, 1, 1, 4096, 1024);
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct virgl v = virgl_begin(renderer_slot(r, i), SLOT_SIZE);
		const float colour[4] = { 1 };

		for (unsigned int j = 0; j < 1000; j++)
			virgl_clear(&v, colour);
		renderer_commands(r, i, 1, virgl_bytes(&v));
	}
	ASSERT_EQ(renderer_end(r), 0);
}

/* Bytes of address space that a process has. */
static uint64_t addresses(pid_t pid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (uint64_t)pages * sysconf(_SC_PAGESIZE);
}

/*
 * Memory that the device has not counted is bounded by the process's: it is
 * refused, or is the end of the process, but it is not had.
 */
static void memory_is_bounded(void)
{
	enum { SIDE = 4096, SLACK = 1 << 30 };
	struct renderer *r = renderer_start();
	const uint64_t most = addresses(r->pid) + SLACK;
	const uint32_t fit = SLACK / (SIDE * SIDE * 4);
	uint32_t made = 0, status = OK;
	struct rlimit limit;

	ASSERT_EQ(renderer_end(r), 0);
	r = renderer_start_within(most);
	ASSERT_OK(prlimit(r->pid, RLIMIT_AS, NULL, &limit));
	if (limit.rlim_cur == RLIM_INFINITY && getenv("DMASHARE_RENDERER"))
		SKIP("a renderer with sanitizers has no limit");
	ASSERT_EQ(limit.rlim_cur, most);
	ASSERT_EQ(limit.rlim_max, most);
	while (!status && made <= 4 * fit) {
		struct dmashare_render_request request = {
			.type = DMASHARE_RENDER_RESOURCE_CREATE,
			.resource = made + 1,
			.image = {
				.target = DMASHARE_TARGET_2D,
				.format = VIRGL_FORMAT_B8G8R8A8,
				.bind = VIRGL_BIND_RENDER_TARGET,
				.width = SIDE,
				.height = SIDE,
				.depth = 1,
				.array_size = 1,
			},
		};
		struct dmashare_render_answer a;

		renderer_send(r, &request);
		if (renderer_gone(r, &a)) {
			ktap_diag("ended by texture %u", made + 1);
			renderer_wait(r);
			return;
		}
		ASSERT(addresses(r->pid) <= most);
		status = a.status;
		made += !status;
	}
	ASSERT_MSG(status, "%u textures of %u bytes", made, SIDE * SIDE * 4);
	ASSERT_EQ(status, COMMANDS);
	ktap_diag("refused from texture %u on", made + 1);
	ASSERT(made > fit / 4);
	ASSERT_EQ(renderer_end(r), 0);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW(noise_streams, 120),
	KTAP_SLOW(nonsense_ends_it, 60),
	KTAP_CASE(ends_with_the_socket),
	KTAP_CASE(memory_is_bounded),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
