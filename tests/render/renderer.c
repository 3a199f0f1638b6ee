// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ktap.h"
#include "lib/virgl.h"
#include "renderer.h"

#define SOON_MS		20000

/* Another one than the ordinary, as the sanitizers' build. */
#define OTHER		"DMASHARE_RENDERER"

static void __attribute__((noreturn)) child(int fd)
{
	const char *path = getenv(OTHER) ? getenv(OTHER) : RENDERER_PATH;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fd, 0) < 0)
		_exit(98);
	execl(path, path, (char *)NULL);
	_exit(99);
}

struct renderer *renderer_spawn(void)
{
	struct renderer *r = calloc(1, sizeof(*r));
	int fd[2];

	ASSERT(r);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd));
	r->pid = fork();
	ASSERT_OK(r->pid);
	if (!r->pid)
		child(fd[1]);
	close(fd[1]);
	r->socket = fd[0];
	return r;
}

static int staging_new(struct renderer *r)
{
	const size_t size = (size_t)SLOTS * SLOT_SIZE;
	int fd = memfd_create("staging", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, size));
	ASSERT_OK(fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	r->staging = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);
	ASSERT(r->staging != MAP_FAILED);
	return fd;
}

static void send_start(struct renderer *r, int memory, uint64_t most)
{
	struct dmashare_render_request request = {
		.magic = DMASHARE_RENDER_MAGIC,
		.type = DMASHARE_RENDER_START,
		.serial = ++r->serial,
		.version = DMASHARE_RENDER_VERSION,
		.start = {
			.n_slots = SLOTS,
			.slot_size = SLOT_SIZE,
			.memory = most,
		},
	};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { &request, sizeof(request) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &memory, sizeof(int));
	ASSERT_EQ(sendmsg(r->socket, &msg, MSG_NOSIGNAL), sizeof(request));
}

struct renderer *renderer_start(void)
{
	return renderer_start_within(0);
}

struct renderer *renderer_start_within(uint64_t most)
{
	struct renderer *r = renderer_spawn();
	struct dmashare_render_answer a;
	int memory = staging_new(r);

	send_start(r, memory, most);
	close(memory);
	a = renderer_answer(r);
	ASSERT_EQ(a.serial, r->serial);
	if (a.status && strstr(a.text, "no OpenGL"))
		SKIP("%s", a.text);
	ASSERT_MSG(!a.status, "%s", a.text);
	return r;
}

int renderer_wait(struct renderer *r)
{
	int status = -1;

	for (unsigned int i = 0; i < SOON_MS; i++) {
		ASSERT_OK(waitpid(r->pid, &status, WNOHANG));
		if (status != -1)
			break;
		/* Its end of the socket goes a little before it does. */
		poll(NULL, 0, 1);
	}
	ASSERT_MSG(status != -1, "the renderer does not end");
	if (WIFSIGNALED(status))
		ktap_diag("the renderer: %s", strsignal(WTERMSIG(status)));
	if (r->socket >= 0)
		close(r->socket);
	if (r->staging)
		munmap(r->staging, (size_t)SLOTS * SLOT_SIZE);
	free(r);
	return status;
}

int renderer_end(struct renderer *r)
{
	close(r->socket);
	r->socket = -1;
	return renderer_wait(r);
}

uint64_t renderer_send(struct renderer *r,
		       struct dmashare_render_request *request)
{
	request->magic = DMASHARE_RENDER_MAGIC;
	request->serial = ++r->serial;
	ASSERT_EQ(send(r->socket, request, sizeof(*request), MSG_NOSIGNAL),
		  sizeof(*request));
	return request->serial;
}

bool renderer_gone(struct renderer *r, struct dmashare_render_answer *a)
{
	struct pollfd p = { .fd = r->socket, .events = POLLIN };
	ssize_t n;

	ASSERT_MSG(poll(&p, 1, SOON_MS) == 1, "no answer within %d s",
		   SOON_MS / 1000);
	n = recv(r->socket, a, sizeof(*a), 0);
	if (!n || (n < 0 && errno == ECONNRESET))
		return true;
	ASSERT_EQ(n, sizeof(*a));
	ASSERT_EQ(a->magic, DMASHARE_RENDER_MAGIC);
	ASSERT(memchr(a->text, 0, sizeof(a->text)));
	return false;
}

struct dmashare_render_answer renderer_answer(struct renderer *r)
{
	struct dmashare_render_answer a;

	if (renderer_gone(r, &a)) {
		renderer_wait(r);
		FAIL("the renderer has ended");
	}
	return a;
}

uint32_t renderer_do(struct renderer *r,
		     struct dmashare_render_request *request)
{
	uint64_t serial = renderer_send(r, request);
	struct dmashare_render_answer a = renderer_answer(r);

	ASSERT_EQ(a.serial, serial);
	return a.status;
}

uint32_t renderer_context(struct renderer *r, uint32_t context)
{
	struct dmashare_render_request request = {
		.type = DMASHARE_RENDER_CONTEXT_CREATE,
		.context = context,
		.create = {
			.capset = DMASHARE_CAPSET_VIRGL2,
			.name = "test",
		},
	};

	return renderer_do(r, &request);
}

uint32_t renderer_context_destroy(struct renderer *r, uint32_t context)
{
	struct dmashare_render_request request = {
		.type = DMASHARE_RENDER_CONTEXT_DESTROY,
		.context = context,
	};

	return renderer_do(r, &request);
}

uint32_t renderer_texture(struct renderer *r, uint32_t resource,
			  uint32_t format, uint32_t width, uint32_t height)
{
	struct dmashare_render_request request = {
		.type = DMASHARE_RENDER_RESOURCE_CREATE,
		.resource = resource,
		.image = {
			.target = DMASHARE_TARGET_2D,
			.format = format,
			.bind = VIRGL_BIND_RENDER_TARGET |
				VIRGL_BIND_SAMPLER_VIEW,
			.width = width,
			.height = height,
			.depth = 1,
			.array_size = 1,
		},
	};

	return renderer_do(r, &request);
}

uint32_t renderer_add(struct renderer *r, uint32_t context, uint32_t resource)
{
	struct dmashare_render_request request = {
		.type = DMASHARE_RENDER_RESOURCE_ADD,
		.context = context,
		.resource = resource,
	};

	return renderer_do(r, &request);
}

uint64_t renderer_commands(struct renderer *r, unsigned int slot,
			   uint32_t context, uint64_t bytes)
{
	struct dmashare_render_request request = {
		.type = DMASHARE_RENDER_COMMANDS,
		.slot = slot,
		.length = bytes,
		.context = context,
	};

	return renderer_send(r, &request);
}

uint32_t renderer_transfer(struct renderer *r, bool up, unsigned int slot,
			   uint32_t resource, uint32_t x, uint32_t y,
			   uint32_t width, uint32_t height)
{
	struct dmashare_render_request request = {
		.type = up ? DMASHARE_RENDER_UPLOAD : DMASHARE_RENDER_DOWNLOAD,
		.slot = slot,
		.length = 4ull * width * height,
		.resource = resource,
		.box = {
			.x = x,
			.y = y,
			.width = width,
			.height = height,
			.depth = 1,
			.stride = width * 4,
		},
	};

	return renderer_do(r, &request);
}

void renderer_canvas(struct renderer *r, uint32_t context, uint32_t resource,
		     uint32_t width, uint32_t height)
{
	struct virgl v = virgl_begin(renderer_slot(r, 0), SLOT_SIZE);
	struct dmashare_render_answer a;

	ASSERT_EQ(renderer_context(r, context), DMASHARE_STATUS_OK);
	ASSERT_EQ(renderer_texture(r, resource, VIRGL_FORMAT_B8G8R8A8, width,
				   height), DMASHARE_STATUS_OK);
	ASSERT_EQ(renderer_add(r, context, resource), DMASHARE_STATUS_OK);
	virgl_surface(&v, 1, resource, VIRGL_FORMAT_B8G8R8A8);
	virgl_draw_on(&v, 1);
	renderer_commands(r, 0, context, virgl_bytes(&v));
	a = renderer_answer(r);
	ASSERT_EQ(a.serial, r->serial);
	ASSERT_EQ(a.status, DMASHARE_STATUS_OK);
}

uint32_t renderer_noise(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 32;
}
