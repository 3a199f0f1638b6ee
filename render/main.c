// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare-render: renders for the render engine of one device
 *
 * Started by the emulator, with a socket as standard input; see
 * include/dmashare/render.h. It fails as a whole: what it does not understand,
 * or cannot do without, ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "virgl.h"

static uint8_t *staging;
static uint32_t n_slots;
static uint64_t slot_size;

/* A shader that loops for ever is no reason to outlive the emulator. */
static void *watch(void *unused)
{
	struct pollfd p = { .fd = RENDER_SOCKET };

	(void)unused;
	do {
		poll(&p, 1, -1);
	} while (!(p.revents & (POLLHUP | POLLERR | POLLNVAL)));
	_exit(0);
}

/* Returns false at the end. @fd is what came with it, or -1. */
static bool receive(struct dmashare_render_request *r, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { r, sizeof(*r) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(RENDER_SOCKET, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*fd = -1;
	for (c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL; c;
	     c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(fd, CMSG_DATA(c), sizeof(int));
	}
	return n == sizeof(*r) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	       r->magic == DMASHARE_RENDER_MAGIC;
}

static const char *map_staging(const struct dmashare_render_request *r, int fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct stat st;
	uint64_t size;

	if (r->type != DMASHARE_RENDER_START ||
	    r->version != DMASHARE_RENDER_VERSION)
		return "the emulator is of another version";
	n_slots = r->start.n_slots;
	slot_size = r->start.slot_size;
	if (!n_slots || n_slots > DMASHARE_RENDER_MAX_SLOTS ||
	    __builtin_mul_overflow(n_slots, slot_size, &size) ||
	    fstat(fd, &st) || (uint64_t)st.st_size < size ||
	    (fcntl(fd, F_GET_SEALS) & seals) != seals)
		return "that is no staging memory";
	staging = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return staging == MAP_FAILED ? "no addresses for staging memory" : NULL;
}

/* A sanitizer has terabytes of addresses, of which it uses few. */
#ifdef __SANITIZE_ADDRESS__
#define ADDRESSES_LIMITED	0
#else
#define ADDRESSES_LIMITED	1
#endif

static void limit(int resource, uint64_t value)
{
	struct rlimit l = { value, value };

	if (setrlimit(resource, &l))
		_exit(1);
}

/*
 * What the user has in the environment is meant for programs that they look at.
 * The cache of shaders would be files that nobody asked for.
 */
static void environment(void)
{
	unsetenv("DISPLAY");
	unsetenv("WAYLAND_DISPLAY");
	unsetenv("VIRGL_DISABLE_MT");
	setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	setenv("MESA_GLSL_CACHE_DISABLE", "true", 1);
}

int main(int argc, char **argv)
{
	struct dmashare_render_request r;
	const char *why;
	pthread_t thread;
	int fd;

	if (argc > 1 || !receive(&r, &fd)) {
		fprintf(stderr, "%s: is started by the emulator, for a device "
			"with render=on\n", argv[0]);
		return 1;
	}
	if (pthread_create(&thread, NULL, watch, NULL))
		return 1;
	limit(RLIMIT_CORE, 0);
	environment();
	why = map_staging(&r, fd);
	if (!why)
		why = virgl_start();
	if (!why && r.start.memory && ADDRESSES_LIMITED)
		limit(RLIMIT_AS, r.start.memory);
	answer(r.serial, why ? DMASHARE_STATUS_RENDER_GONE : DMASHARE_STATUS_OK,
	       0, why);
	if (why)
		return 1;

	while (receive(&r, &fd)) {
		bool has = r.slot < n_slots && r.length &&
			   r.length <= slot_size &&
			   r.offset <= slot_size - r.length;

		if (fd >= 0 ||
		    !virgl_request(&r, has ? staging + r.slot * slot_size +
					     r.offset : NULL))
			return 1;
	}
	/* Nobody waits for what the library would do at an exit. */
	_exit(0);
}
