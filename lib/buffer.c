// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

#define PAGE_MASK_4K	4095
/* How often a buffer may move while it is being opened. */
#define OPEN_TRIES	16

struct dmashare_buffer *ds_buffer_find(struct dmashare *ds, uint32_t id)
{
	struct dmashare_buffer *buf;

	for (buf = ds->buffers; buf; buf = buf->next)
		if (buf->info.id == id && !buf->dead)
			return buf;
	return NULL;
}

void ds_buffer_free(struct dmashare_buffer *buf)
{
	struct dmashare_buffer **at;

	for (at = &buf->ds->buffers; *at; at = &(*at)->next) {
		if (*at == buf) {
			*at = buf->next;
			break;
		}
	}
	if (buf->addr)
		munmap(buf->addr, buf->info.size);
	if (buf->fd >= 0)
		close(buf->fd);
	free(buf->range);
	free(buf);
}

/* For what is asked of the server about a buffer that it has closed itself. */
static int usable(struct dmashare_buffer *buf)
{
	if (buf->ds->dead)
		return buf->ds->dead;
	if (buf->dead)
		return ds_fail(buf->ds, -ESTALE, "buffer %u was withdrawn",
			       buf->info.id);
	return 0;
}

/*
 * How long the memory is, once it is certain that it stays so: else a server
 * could make us die of SIGBUS. A memory file must be sealed; a dma-buf cannot
 * change its size. (The seals are asked for first, because nothing but memory
 * files has any, and other files may block whoever asks them anything.)
 */
static int memory_size(struct dmashare *ds, int fd, enum dmashare_path path,
		       uint64_t *size)
{
	struct statfs fs;
	struct stat st;
	off_t end;
	int seals;

	if (path == DMASHARE_BY_UDMABUF) {
		if (fstatfs(fd, &fs) || fs.f_type != DMA_BUF_MAGIC)
			return ds_lie(ds, "no dma-buf, as was said");
		end = lseek(fd, 0, SEEK_END);
		if (end < 0)
			return ds_lie(ds, "a dma-buf without a size");
		*size = end;
		return 0;
	}
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return ds_lie(ds, "no memory file, as was said");
	if (!(seals & F_SEAL_SHRINK))
		return ds_lie(ds, "a memory file that could shrink");
	if (fstat(fd, &st))
		return ds_lie(ds, "a memory file without a size");
	*size = st.st_size;
	return 0;
}

/* The list of ranges: copied, so that it does not change once it is checked. */
static int read_ranges(struct dmashare_buffer *buf, int fd)
{
	size_t n = buf->n_ranges, want = n * sizeof(struct dmashare_range);
	struct dmashare_range *list;
	size_t i, have = 0;
	ssize_t got = 1;

	if (fcntl(fd, F_GET_SEALS) < 0)
		return ds_lie(buf->ds, "a list of ranges in no memory file");
	list = malloc(want);
	if (!list)
		return ds_fail(buf->ds, -ENOMEM, "no memory for %zu ranges", n);
	while (have < want && got > 0) {
		got = pread(fd, (char *)list + have, want - have, have);
		if (got > 0)
			have += got;
	}
	for (i = 0; have == want && i < n; i++) {
		buf->range[i][0] = le64toh(list[i].offset);
		buf->range[i][1] = le64toh(list[i].length);
	}
	free(list);
	return have == want ? 0 :
		ds_lie(buf->ds, "a list of ranges that ends early");
}

static int check_ranges(struct dmashare_buffer *buf, uint64_t memory)
{
	uint64_t left = buf->info.size;
	size_t i;

	for (i = 0; i < buf->n_ranges; i++) {
		uint64_t offset = buf->range[i][0], length = buf->range[i][1];

		if ((offset | length) & PAGE_MASK_4K || !length)
			return ds_lie(buf->ds, "a range of no whole pages");
		if (offset > memory || length > memory - offset)
			return ds_lie(buf->ds, "a range outside of the memory");
		if (length > left)
			return ds_lie(buf->ds, "ranges longer than the buffer");
		left -= length;
	}
	return left ? ds_lie(buf->ds, "ranges shorter than the buffer") : 0;
}

/* Takes what OPENED says, and its descriptors, into @buf. */
static int take_opened(struct dmashare_buffer *buf, struct ds_message *m)
{
	const struct dmashare_msg_opened *o = &m->msg.opened;
	uint32_t flags = le32toh(o->flags), path = le32toh(o->path);
	struct dmashare *ds = buf->ds;
	uint64_t memory = 0;
	int ret;

	if (le32toh(o->share) != buf->info.id ||
	    le32toh(o->generation) != buf->info.generation ||
	    le64toh(o->size) != buf->info.size)
		return ds_lie(ds, "another buffer than was asked for");
	if (path == DMASHARE_PATH_NONE || path > DMASHARE_PATH_GUEST)
		return ds_lie(ds, "a buffer passed in no known way");
	if (o->reserved || flags & ~(DMASHARE_OPENED_F_WRITE |
				     DMASHARE_OPENED_F_ENFORCED))
		return ds_lie(ds, "an OPENED with unknown flags");
	if (buf->write && !(flags & DMASHARE_OPENED_F_WRITE))
		return ds_lie(ds, "a buffer to read in place of one to write");
	buf->n_ranges = le32toh(o->n_ranges);
	if (!buf->n_ranges || buf->n_ranges > DMASHARE_MAX_RANGES ||
	    buf->n_ranges > buf->info.size / (PAGE_MASK_4K + 1))
		return ds_lie(ds, "%zu ranges", buf->n_ranges);
	if (m->n_fds != (buf->n_ranges > 1 ? 2 : 1))
		return ds_lie(ds, "the wrong number of descriptors");
	buf->info.path = path;
	buf->enforced = !buf->write && flags & DMASHARE_OPENED_F_ENFORCED;
	buf->fd = m->fd[0];
	m->fd[0] = -1;
	ret = memory_size(ds, buf->fd, path, &memory);
	if (ret)
		return ret;
	buf->range = calloc(buf->n_ranges, sizeof(*buf->range));
	if (!buf->range)
		return ds_fail(ds, -ENOMEM, "no memory for %zu ranges",
			       buf->n_ranges);
	if (buf->n_ranges == 1) {
		buf->range[0][0] = le64toh(o->offset);
		buf->range[0][1] = buf->info.size;
	} else {
		ret = read_ranges(buf, m->fd[1]);
	}
	return ret ? ret : check_ranges(buf, memory);
}

/* Says CLOSE of what is open there. What comes back is of no interest. */
static void say_close(struct dmashare *ds, uint32_t share)
{
	struct dmashare_msg msg = { .share.share = htole32(share) };
	struct ds_message answer;

	ds_request(ds, DMASHARE_MSG_CLOSE, &msg, DMASHARE_MSG_DONE, &answer);
}

static int open_once(struct dmashare *ds, struct ds_share *s, bool write,
		     struct dmashare_buffer **out)
{
	struct dmashare_msg msg = {
		.open.share = htole32(s->info.id),
		.open.generation = htole32(s->info.generation),
		.open.flags = htole32(write ? DMASHARE_OPEN_F_WRITE : 0),
	};
	struct dmashare_buffer *buf;
	struct ds_message answer;
	int ret;

	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return ds_fail(ds, -ENOMEM, "no memory for a buffer");
	buf->ds = ds;
	buf->fd = -1;
	buf->write = write;
	/* The share itself may be gone when the answer comes. */
	buf->info = s->info;
	ret = ds_request(ds, DMASHARE_MSG_OPEN, &msg, DMASHARE_MSG_OPENED,
			 &answer);
	if (ret) {
		free(buf);
		return ret;
	}
	buf->next = ds->buffers;
	ds->buffers = buf;
	ret = take_opened(buf, &answer);
	ds_message_drop(&answer);
	if (ret) {
		if (!ds->dead)
			say_close(ds, buf->info.id);
		ds_buffer_free(buf);
		return ret;
	}
	*out = buf;
	return 0;
}

int dmashare_open(struct dmashare *ds, uint32_t id, int flags,
		  struct dmashare_buffer **out)
{
	struct ds_share *s;
	unsigned int tries = 0;
	uint32_t tried;
	int ret;

	*out = NULL;
	if (flags & ~DMASHARE_WRITE)
		return ds_fail(ds, -EINVAL,
			       "dmashare_open: flags may be DMASHARE_WRITE");
	do {
		if (ds->dead)
			return ds->dead;
		s = ds_share_find(ds, id);
		if (!s)
			return ds_fail(ds, -ENOENT, "no buffer %u is shared",
				       id);
		if (ds_buffer_find(ds, id))
			return ds_fail(ds, -EBUSY, "buffer %u is open", id);
		if (s->info.path == DMASHARE_BY_NONE)
			return ds_fail(ds, -EAGAIN,
				       "buffer %u has no pages now", id);
		if (flags & DMASHARE_WRITE && !s->info.writable)
			return ds_fail(ds, -EACCES,
				       "buffer %u is shared for reading alone",
				       id);
		tried = s->info.generation;
		ret = open_once(ds, s, flags & DMASHARE_WRITE, out);
		/* It has moved, and we have been told before the answer. */
		s = ds_share_find(ds, id);
	} while (ret == -ESTALE && ++tries < OPEN_TRIES &&
		 !(s && s->info.generation == tried &&
		   s->info.path != DMASHARE_BY_NONE));
	return ret;
}

void dmashare_close(struct dmashare_buffer *buf)
{
	struct dmashare *ds;
	uint32_t id;

	if (!buf)
		return;
	ds = buf->ds;
	if (!buf->dead && !ds->dead) {
		id = buf->info.id;
		/* Until this is answered contents may come with a hold. */
		say_close(ds, id);
		if (!buf->dead)
			ds_hold_forget(ds, id);
	}
	ds_buffer_free(buf);
}

const struct dmashare_info *
dmashare_buffer_info(const struct dmashare_buffer *buf)
{
	return &buf->info;
}

int dmashare_buffer_writable(const struct dmashare_buffer *buf)
{
	return buf->write;
}

int dmashare_buffer_enforced(const struct dmashare_buffer *buf)
{
	return buf->enforced;
}

int dmashare_buffer_fd(const struct dmashare_buffer *buf)
{
	return buf->fd;
}

int dmashare_buffer_ranges(const struct dmashare_buffer *buf,
			   uint64_t (*range)[2], size_t max)
{
	if (max > buf->n_ranges)
		max = buf->n_ranges;
	if (max)
		memcpy(range, buf->range, max * sizeof(*range));
	return buf->n_ranges;
}

int dmashare_map(struct dmashare_buffer *buf, void **addr)
{
	int prot = buf->write ? PROT_READ | PROT_WRITE : PROT_READ;
	char *base, *at;
	size_t i;
	int ret;

	*addr = NULL;
	if (buf->dead)
		return ds_fail(buf->ds, -ESTALE, "buffer %u was withdrawn",
			       buf->info.id);
	if (!buf->addr) {
		if (buf->info.size > SIZE_MAX / 2)
			return ds_fail(buf->ds, -ENOMEM, "buffer %u is too big",
				       buf->info.id);
		/* Addresses first, so that ranges come to lie side by side. */
		base = mmap(NULL, buf->info.size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		at = base;
		for (i = 0; base != MAP_FAILED && i < buf->n_ranges; i++) {
			if (mmap(at, buf->range[i][1], prot,
				 MAP_SHARED | MAP_FIXED, buf->fd,
				 buf->range[i][0]) == MAP_FAILED)
				break;
			at += buf->range[i][1];
		}
		if (base == MAP_FAILED || i < buf->n_ranges) {
			ret = -errno;
			if (base != MAP_FAILED)
				munmap(base, buf->info.size);
			return ds_fail(buf->ds, ret, "cannot map buffer %u: %s",
				       buf->info.id, strerror(-ret));
		}
		buf->addr = base;
	}
	*addr = buf->addr;
	return 0;
}

static int sync_cpu(struct dmashare_buffer *buf, int flags, uint64_t what)
{
	struct dma_buf_sync sync = { .flags = what | DMA_BUF_SYNC_READ };
	int ret;

	if (flags & ~DMASHARE_WRITE)
		return ds_fail(buf->ds, -EINVAL,
			       "CPU access: flags may be DMASHARE_WRITE");
	if (buf->info.path != DMASHARE_BY_UDMABUF)
		return 0;
	if (flags & DMASHARE_WRITE)
		sync.flags |= DMA_BUF_SYNC_WRITE;
	do {
		ret = ioctl(buf->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret ? ds_fail(buf->ds, -errno, "DMA_BUF_IOCTL_SYNC: %s",
			     strerror(errno)) : 0;
}

int dmashare_begin_cpu(struct dmashare_buffer *buf, int flags)
{
	return sync_cpu(buf, flags, DMA_BUF_SYNC_START);
}

int dmashare_end_cpu(struct dmashare_buffer *buf, int flags)
{
	return sync_cpu(buf, flags, DMA_BUF_SYNC_END);
}

int dmashare_subscribe(struct dmashare_buffer *buf, int on)
{
	struct dmashare_msg msg = {
		.subscribe.share = htole32(buf->info.id),
		.subscribe.on = htole32(!!on),
	};
	struct ds_message answer;
	bool before = buf->subscribed;
	struct dmashare *ds = buf->ds;
	size_t i = 0;
	int ret;

	ret = usable(buf);
	if (ret)
		return ret;
	/* From when it is sent on contents may have a hold, or still may. */
	buf->subscribed = before || on;
	ret = ds_request(ds, DMASHARE_MSG_SUBSCRIBE, &msg, DMASHARE_MSG_DONE,
			 &answer);
	if (ret)
		buf->subscribed = before;
	else
		buf->subscribed = on;
	/* It lets go of those of contents, not of those that were asked for. */
	while (!ret && !on && i < ds->n_holds) {
		if (ds->hold[i].share == buf->info.id && ds->hold[i].content)
			ds_hold_remove(ds, &ds->hold[i]);
		else
			i++;
	}
	return ret;
}

static uint32_t acquire_flags(int flags, bool fd)
{
	return (flags & DMASHARE_WRITE ? DMASHARE_ACQUIRE_F_WRITE : 0) |
	       (flags & DMASHARE_WAIT_ONLY ? DMASHARE_ACQUIRE_F_WAIT : 0) |
	       (fd ? DMASHARE_ACQUIRE_F_FD : 0);
}

int dmashare_acquire(struct dmashare_buffer *buf, int flags,
		     uint64_t deadline_ns, uint32_t *hold, int *fence_fd)
{
	bool wait = flags & DMASHARE_WAIT_ONLY;
	struct dmashare_msg msg = {
		.acquire.share = htole32(buf->info.id),
		.acquire.flags = htole32(acquire_flags(flags, fence_fd)),
		.acquire.deadline = htole64(wait ? 0 : deadline_ns),
	};
	struct dmashare *ds = buf->ds;
	struct ds_message answer;
	int ret;

	*hold = 0;
	if (fence_fd)
		*fence_fd = -1;
	if (flags & ~(DMASHARE_WRITE | DMASHARE_WAIT_ONLY))
		return ds_fail(ds, -EINVAL,
			       "acquire: unknown flags %#x", flags);
	if (!wait && (!deadline_ns || deadline_ns > DMASHARE_MAX_DEADLINE_NS))
		return ds_fail(ds, -EINVAL,
			       "a deadline is 1 ns to one hour, not %llu ns",
			       (unsigned long long)deadline_ns);
	ret = usable(buf);
	if (ret)
		return ret;
	ret = ds_request(ds, DMASHARE_MSG_ACQUIRE, &msg, DMASHARE_MSG_ACQUIRED,
			 &answer);
	if (ret)
		return ret;
	if (le32toh(answer.msg.hold.share) != buf->info.id)
		ret = ds_lie(ds, "a hold of another buffer");
	else if (answer.n_fds != !!fence_fd)
		ret = ds_lie(ds, "the wrong number of descriptors");
	else if (fence_fd && fcntl(answer.fd[0], F_GETPIPE_SZ) < 0)
		ret = ds_lie(ds, "a fence that is no pipe");
	else
		ret = ds_hold_add(ds, &(struct ds_hold){
			.id = le32toh(answer.msg.hold.hold),
			.share = buf->info.id, .wait = wait });
	if (!ret) {
		*hold = le32toh(answer.msg.hold.hold);
		if (fence_fd) {
			*fence_fd = answer.fd[0];
			answer.fd[0] = -1;
		}
	}
	ds_message_drop(&answer);
	return ret;
}

int dmashare_release(struct dmashare *ds, uint32_t hold, int error)
{
	struct dmashare_msg msg = {
		.release.hold = htole32(hold),
		.release.error = htole32(error),
	};
	struct ds_message answer;
	struct ds_hold *h;
	int ret;

	if (ds->dead)
		return ds->dead;
	if (error < 0 || error > 4095)
		return ds_fail(ds, -EINVAL,
			       "an errno is 0 to 4095, not %d", error);
	if (!ds_hold_find(ds, hold))
		return ds_fail(ds, -ENOENT, "hold %u is over", hold);
	ret = ds_request(ds, DMASHARE_MSG_RELEASE, &msg, DMASHARE_MSG_DONE,
			 &answer);
	h = ds_hold_find(ds, hold);
	if (h && (!ret || ret == -ENOENT))
		ds_hold_remove(ds, h);
	return ret;
}
