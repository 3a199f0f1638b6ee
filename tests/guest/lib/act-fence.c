// SPDX-License-Identifier: GPL-2.0-or-later
/* Actors: jobs and fences. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "act.h"
#include "dmabuf.h"
#include "ktap.h"

#define MAX_JOBS	16

/* The buffer that the next word names; NULL after an error. */
static const struct bo *operand(struct act *a, int *at)
{
	struct act_thing *t;

	if (*at >= a->n) {
		act_error(a, EINVAL, "a job lacks a buffer");
		return NULL;
	}
	t = act_find_kind(a, a->words[(*at)++], ACT_BUFFER);
	return t ? &t->bo : NULL;
}

/* The number that the next word is; false after an error. */
static bool value(struct act *a, int *at, uint64_t *v)
{
	if (*at >= a->n) {
		act_error(a, EINVAL, "a job lacks a number");
		return false;
	}
	return act_number(a, a->words[(*at)++], v);
}

/* "copy DST SRC", "fill DST BYTE", "crc SRC", "noop TIME"; false after an error. */
static bool parse_job(struct act *a, int *at, struct drm_dmashare_job *job)
{
	const char *op = a->words[(*at)++];
	const struct bo *dst, *src;
	uint64_t v;

	if (!strcmp(op, "copy")) {
		dst = operand(a, at);
		src = dst ? operand(a, at) : NULL;
		if (!src)
			return false;
		*job = dms_job_copy(dst, 0, src, 0, src->size < dst->size ? src->size :
				    dst->size);
	} else if (!strcmp(op, "fill")) {
		dst = operand(a, at);
		if (!dst || !value(a, at, &v))
			return false;
		*job = dms_job_fill(dst, 0, dst->size, (v & 0xff) * 0x0101010101010101ull);
	} else if (!strcmp(op, "crc")) {
		src = operand(a, at);
		if (!src)
			return false;
		*job = dms_job_crc(src, 0, src->size);
	} else if (!strcmp(op, "noop")) {
		if (!value(a, at, &v))
			return false;
		*job = dms_job_noop(v);
	} else {
		act_error(a, EINVAL, "%s is not one of: copy fill crc noop", op);
		return false;
	}
	job->flags |= DRM_DMASHARE_JOB_WANT_RESULT;
	return true;
}

static int cmd_submit(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[2], ACT_DEVICE), *t;
	struct drm_dmashare_submit s = {
		.flags = DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.out_fence_fd = -1,
	};
	struct drm_dmashare_job jobs[MAX_JOBS];
	unsigned int n = 0;
	const char *text;
	uint64_t v;
	int at = 3;

	if (!d)
		return -1;
	for (; at < a->n; at++)
		if (!strcmp(a->words[at], "no-implicit")) {
			s.flags |= DRM_DMASHARE_SUBMIT_NO_IMPLICIT;
		} else if ((text = act_option(a->words[at], "queue"))) {
			if (!act_number(a, text, &v))
				return -1;
			s.queue = v;
		} else if ((text = act_option(a->words[at], "after"))) {
			s.flags |= DRM_DMASHARE_SUBMIT_IN_FENCE;
			s.in_fence_fd = act_find_file(a, text);
			if (s.in_fence_fd < 0)
				return -1;
		} else {
			break;
		}
	while (at < a->n) {
		if (n == MAX_JOBS)
			return act_error(a, EINVAL, "more than %u jobs", MAX_JOBS);
		if (!parse_job(a, &at, &jobs[n++]))
			return -1;
		if (at < a->n && strcmp(a->words[at++], "+"))
			return act_error(a, EINVAL, "%s: between two jobs there is a +",
					 a->words[at - 1]);
	}
	t = act_new(a, a->words[1], ACT_JOB);
	if (!t)
		return -1;
	if (dms_try_submit(d->fd, &s, jobs, n))
		return act_error(a, errno, "SUBMIT");
	t->fd = s.out_fence_fd;
	t->device = d->fd;
	t->result = jobs[n - 1].id;
	act_publish(t);
	return 0;
}

/* Waits for the last job, and tells how it ended in the words of all three. */
static int cmd_result(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_JOB);
	struct drm_dmashare_job_result r;

	if (!t)
		return -1;
	if (dms_try_result(t->device, t->result, SOON_NS, &r))
		return act_error(a, errno, "JOB_RESULT");
	act_say(a, t->name, "error", "%s", act_errno(r.error));
	act_say(a, t->name, "crc", "0x%08x", (unsigned int)r.result);
	if (r.status == DRM_DMASHARE_STATUS_NOT_RUN)
		act_say(a, t->name, "job", "not-run");
	else
		act_say(a, t->name, "job", "%#x", r.status);
	return 0;
}

static int cmd_wait(struct act *a)
{
	int fd = act_find_file(a, a->words[1]);

	if (fd < 0)
		return -1;
	act_say(a, a->words[1], "error", "%s", act_errno(fence_wait(fd)));
	return 0;
}

static int cmd_status(struct act *a)
{
	int fd = act_find_file(a, a->words[1]);
	struct fence_info info;

	if (fd < 0)
		return -1;
	info = fence_info(fd);
	act_say(a, a->words[1], "status", "%s",
		!info.status ? "pending" : info.status > 0 ? "ok" : act_errno(info.status));
	act_say(a, a->words[1], "fences", "%u", info.count);
	return 0;
}

static int cmd_poll(struct act *a)
{
	int fd = act_find_file(a, a->words[1]);

	if (fd < 0)
		return -1;
	act_say(a, a->words[1], "readable", poll_now(fd, POLLIN) & POLLIN ? "yes" : "no");
	act_say(a, a->words[1], "writable", poll_now(fd, POLLOUT) & POLLOUT ? "yes" : "no");
	return 0;
}

static int cmd_until(struct act *a)
{
	int fd = act_find_file(a, a->words[1]);
	bool in = !strcmp(a->words[2], "readable");

	if (fd < 0)
		return -1;
	if (!in && strcmp(a->words[2], "writable"))
		return act_error(a, EINVAL, "use: until FILE readable|writable");
	poll_until(fd, in ? POLLIN : POLLOUT);
	return 0;
}

/* DMA_BUF_SYNC_READ or _WRITE; 0 after an error. */
static uint32_t access_of(struct act *a, const char *word)
{
	if (!strcmp(word, "read"))
		return DMA_BUF_SYNC_READ;
	if (!strcmp(word, "write"))
		return DMA_BUF_SYNC_WRITE;
	act_error(a, EINVAL, "%s is not one of: read write", word);
	return 0;
}

static int cmd_fences(struct act *a)
{
	int fd = act_find_file(a, a->words[2]), got;
	uint32_t how = fd >= 0 ? access_of(a, a->words[3]) : 0;
	struct act_thing *t = how ? act_new(a, a->words[1], ACT_FILE) : NULL;

	if (!t)
		return -1;
	got = dmabuf_try_fences(fd, how);
	if (got < 0)
		return act_error(a, errno, "DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
	t->fd = got;
	act_publish(t);
	return 0;
}

static int cmd_add(struct act *a)
{
	int fd = act_find_file(a, a->words[1]);
	int fence = fd >= 0 ? act_find_file(a, a->words[2]) : -1;
	uint32_t how = fence >= 0 ? access_of(a, a->words[3]) : 0;

	if (!how)
		return -1;
	if (dmabuf_try_add_fence(fd, fence, how))
		return act_error(a, errno, "DMA_BUF_IOCTL_IMPORT_SYNC_FILE");
	return 0;
}

static int cmd_hold(struct act *a)
{
	int fd = act_find_file(a, a->words[2]);
	uint32_t how = fd >= 0 ? access_of(a, a->words[3]) : 0;
	struct act_thing *t = how ? act_new(a, a->words[1], ACT_HOLD) : NULL;

	if (!t)
		return -1;
	t->hold = hold_dmabuf(fd, how == DMA_BUF_SYNC_WRITE);
	act_publish(t);
	return 0;
}

static int cmd_release(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_HOLD);

	if (!t)
		return -1;
	hold_release(&t->hold);
	act_forget(t);
	return 0;
}

const struct act_command act_fence_commands[] = {
	{ "submit", "NAME DEVICE [queue=N] [after=FENCE] [no-implicit] JOB [+ JOB...]",
	  5, ACT_MAX_WORDS, cmd_submit },
	{ "result", "JOB", 2, 2, cmd_result },
	{ "wait", "FENCE", 2, 2, cmd_wait },
	{ "status", "FENCE", 2, 2, cmd_status },
	{ "poll", "FILE", 2, 2, cmd_poll },
	{ "until", "FILE readable|writable", 3, 3, cmd_until },
	{ "fences", "NAME FILE read|write", 4, 4, cmd_fences },
	{ "add", "FILE FENCE read|write", 4, 4, cmd_add },
	{ "hold", "NAME FILE read|write", 4, 4, cmd_hold },
	{ "release", "HOLD", 2, 2, cmd_release },
	{ NULL },
};
