// SPDX-License-Identifier: GPL-2.0-or-later
/* Actors: devices, buffers, dma-bufs, and the bytes in them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "act.h"
#include "crc32c.h"
#include "ktap.h"
#include "place.h"

#define PAGE	4096u

/* How many dmashare devices are before that one on the bus; -1: it has no place. */
static int position(int fd)
{
	drmDevicePtr device = NULL, other;
	int before = 0, i, at, node;

	if (drmGetDevice2(fd, 0, &device))
		return -1;
	at = device->businfo.pci->bus << 8 | device->businfo.pci->dev;
	drmFreeDevice(&device);
	for (i = 0; (node = drm_open_driver("dmashare", false, i)) >= 0; i++) {
		if (!drmGetDevice2(node, 0, &other)) {
			before += (other->businfo.pci->bus << 8 |
				   other->businfo.pci->dev) < at;
			drmFreeDevice(&other);
		}
		close(node);
	}
	return before;
}

/* By its place on the bus: nodes are numbered as devices come and go. */
static int cmd_open(struct act *a)
{
	struct act_thing *t;
	uint64_t index = 0;
	int i;

	if (a->n > 2 && !act_number(a, a->words[2], &index))
		return -1;
	t = act_new(a, a->words[1], ACT_DEVICE);
	if (!t)
		return -1;
	for (i = 0; (t->fd = drm_open_driver("dmashare", false, i)) >= 0; i++) {
		if (position(t->fd) == (int)index)
			break;
		close(t->fd);
	}
	if (t->fd < 0)
		return act_error(a, ENODEV, "no dmashare device %llu",
				 (unsigned long long)index);
	act_publish(t);
	return 0;
}

struct flag {
	const char *word;
	uint32_t flag;
};

/* The flag that the word is; 0 after an error. */
static uint32_t flag_of(struct act *a, const char *word, const struct flag *flags, size_t n)
{
	char known[300] = "";
	size_t i;

	for (i = 0; i < n; i++) {
		if (!strcmp(word, flags[i].word))
			return flags[i].flag;
		strcat(strcat(known, " "), flags[i].word);
	}
	act_error(a, EINVAL, "%s is not one of:%s", word, known);
	return 0;
}

static const struct flag create_flags[] = {
	/* The placement is no flag of the kernel's: a bit that it has not. */
#define IN_LOCAL	(1u << 31)
	{ "local", IN_LOCAL },
	{ "scattered", DRM_DMASHARE_BO_SCATTERED },
	{ "contiguous", DRM_DMASHARE_BO_CONTIGUOUS },
	{ "static", DRM_DMASHARE_BO_STATIC },
	{ "dynamic", DRM_DMASHARE_BO_DYNAMIC },
	{ "no-mmap", DRM_DMASHARE_BO_NO_MMAP },
	{ "no-vmap", DRM_DMASHARE_BO_NO_VMAP },
	{ "no-attach", DRM_DMASHARE_BO_NO_ATTACH },
	{ "read-only", DRM_DMASHARE_BO_READ_ONLY },
};

static int cmd_create(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[2], ACT_DEVICE), *t;
	uint32_t flags = 0, flag;
	uint64_t size;
	int i;

	if (!d || !act_number(a, a->words[3], &size))
		return -1;
	for (i = 4; i < a->n; i++) {
		flag = flag_of(a, a->words[i], create_flags, ARRAY_SIZE(create_flags));
		if (!flag)
			return -1;
		flags |= flag;
	}
	t = act_new(a, a->words[1], ACT_BUFFER);
	if (!t)
		return -1;
	if (dms_try_create_in(d->fd, size, flags & IN_LOCAL ? LOCAL : SYSTEM,
			      flags & ~IN_LOCAL, t->name, &t->bo))
		return act_error(a, errno, "BO_CREATE");
	act_publish(t);
	act_say(a, t->name, "buffer", "%u", t->bo.id);
	return 0;
}

static int cmd_foreign(struct act *a)
{
	struct act_thing *t;
	uint64_t size;
	size_t i;

	if (!act_number(a, a->words[3], &size))
		return -1;
	for (i = 0; i < N_EXPORTERS; i++)
		if (!strcmp(exporters[i].name, a->words[2]))
			break;
	if (i == N_EXPORTERS)
		return act_error(a, EINVAL, "%s is not one of: vgem udmabuf system-heap",
				 a->words[2]);
	t = act_new(a, a->words[1], ACT_FOREIGN);
	if (!t)
		return -1;
	t->foreign = exporters[i].create(size);
	t->map = t->foreign.map;
	t->size = size;
	act_publish(t);
	return 0;
}

static int cmd_export(struct act *a)
{
	struct act_thing *b = act_find_kind(a, a->words[2], ACT_BUFFER), *t;

	t = b ? act_new(a, a->words[1], ACT_FILE) : NULL;
	if (!t)
		return -1;
	t->fd = dms_try_export(b->bo.fd, b->bo.handle, DRM_CLOEXEC | DRM_RDWR);
	if (t->fd < 0)
		return act_error(a, errno, "PRIME_HANDLE_TO_FD");
	t->size = b->bo.size;
	act_publish(t);
	return 0;
}

static const struct flag import_flags[] = {
	{ "static", DRM_DMASHARE_IMPORT_STATIC },
	{ "no-p2p", DRM_DMASHARE_IMPORT_NO_P2P },
	{ "read", DRM_DMASHARE_IMPORT_READ },
	{ "write", DRM_DMASHARE_IMPORT_WRITE },
};

static int cmd_import(struct act *a)
{
	struct act_thing *d = act_find_kind(a, a->words[2], ACT_DEVICE), *t;
	int file = d ? act_find_file(a, a->words[3]) : -1, i;
	struct drm_dmashare_bo_info info;
	uint32_t flags = 0, flag;

	for (i = 4; i < a->n; i++) {
		flag = flag_of(a, a->words[i], import_flags, ARRAY_SIZE(import_flags));
		if (!flag)
			return -1;
		flags |= flag;
	}
	t = file >= 0 ? act_new(a, a->words[1], ACT_BUFFER) : NULL;
	if (!t)
		return -1;
	if (dms_try_import_as(d->fd, file, flags, &t->bo.handle))
		return act_error(a, errno, "BO_IMPORT");
	if (dms_try_info(d->fd, t->bo.handle, &info))
		return act_error(a, errno, "BO_INFO");
	t->bo.fd = d->fd;
	t->bo.id = info.buffer;
	t->bo.size = info.size;
	act_publish(t);
	act_say(a, t->name, "buffer", "%u", t->bo.id);
	return 0;
}

static int cmd_info(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_BUFFER);
	struct drm_dmashare_bo_info info;

	if (!t)
		return -1;
	if (dms_try_info(t->bo.fd, t->bo.handle, &info))
		return act_error(a, errno, "BO_INFO");
	act_say(a, t->name, "placement", info.placement == LOCAL ? "local" : "system");
	act_say(a, t->name, "mapped", info.flags & DRM_DMASHARE_BO_INFO_MAPPED ? "yes" : "no");
	act_say(a, t->name, "dynamic",
		info.flags & DRM_DMASHARE_BO_INFO_DYNAMIC ? "yes" : "no");
	act_say(a, t->name, "segments", "%u", info.n_segments);
	act_say(a, t->name, "mapping", "%u", info.mapping);
	act_say(a, t->name, "pins", "%u", info.pins);
	act_say(a, t->name, "moves", "%llu", (unsigned long long)info.moves);
	return 0;
}

static int cmd_move(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_BUFFER);
	bool local = !strcmp(a->words[2], "local"), nowait = a->n > 3;

	if (!t)
		return -1;
	if ((!local && strcmp(a->words[2], "system")) ||
	    (nowait && strcmp(a->words[3], "nowait")))
		return act_error(a, EINVAL, "use: move BUFFER local|system [nowait]");
	if (dms_try_move(t->bo.fd, t->bo.handle, local ? LOCAL : SYSTEM,
			 nowait ? 0 : DRM_DMASHARE_MOVE_WAIT))
		return act_error(a, errno, "BO_MOVE");
	return 0;
}

static int cmd_unmap(struct act *a)
{
	struct act_thing *t = act_find_kind(a, a->words[1], ACT_BUFFER);
	struct drm_dmashare_bo_unmap u = { 0 };

	if (!t)
		return -1;
	u.handle = t->bo.handle;
	if (drmIoctl(t->bo.fd, DRM_IOCTL_DMASHARE_BO_UNMAP, &u))
		return act_error(a, errno, "BO_UNMAP");
	return 0;
}

static int cmd_mmap(struct act *a)
{
	struct act_thing *t = act_find(a, a->words[1]);
	struct drm_dmashare_bo_mmap m = { 0 };
	uint64_t offset = 0;
	void *map;
	int fd;

	if (!t)
		return -1;
	if (t->map)
		return act_error(a, EEXIST, "%s is mapped", t->name);
	if (t->kind == ACT_BUFFER) {
		m.handle = t->bo.handle;
		if (drmIoctl(t->bo.fd, DRM_IOCTL_DMASHARE_BO_MMAP, &m))
			return act_error(a, errno, "BO_MMAP");
		fd = t->bo.fd;
		offset = m.offset;
		t->size = t->bo.size;
	} else {
		off_t size;

		fd = act_find_file(a, t->name);
		if (fd < 0)
			return -1;
		size = lseek(fd, 0, SEEK_END);
		if (size <= 0)
			return act_error(a, EINVAL, "%s is no dma-buf", t->name);
		t->size = size;
	}
	map = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (map == MAP_FAILED)
		return act_error(a, errno, "mmap");
	t->map = map;
	return 0;
}

static int cmd_munmap(struct act *a)
{
	struct act_thing *t = act_find(a, a->words[1]);

	if (!t)
		return -1;
	if (t->map)
		munmap(t->map, t->size);
	t->map = NULL;
	return 0;
}

/*
 * A mapping whose device is gone may have no pages any more; then the access
 * ends here.
 */
static __thread sigjmp_buf *no_page;

static void on_sigbus(int sig)
{
	(void)sig;
	if (no_page)
		siglongjmp(*no_page, 1);
	_exit(3);
}

static void catch_sigbus(void)
{
	struct sigaction sa = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	ASSERT_OK(sigaction(SIGBUS, &sa, NULL));
}

/*
 * Accesses all bytes of the thing: writes the pattern of that seed when it
 * shall, then copies everything to @copy. Of a dma-buf this is between begin
 * and end, as it has to be.
 */
static int access_bytes(struct act *a, struct act_thing *t, const uint64_t *seed, uint8_t *copy)
{
	bool bracket = t->kind == ACT_FILE || t->kind == ACT_FOREIGN;
	uint64_t how = seed ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ;
	int fd = bracket ? act_find_file(a, t->name) : -1;
	sigjmp_buf jump;

	if (bracket && dmabuf_sync(fd, DMA_BUF_SYNC_START | how))
		return act_error(a, errno, "DMA_BUF_IOCTL_SYNC");
	catch_sigbus();
	if (sigsetjmp(jump, 1)) {
		no_page = NULL;
		return act_error(a, EFAULT, "SIGBUS: %s has no memory behind it", t->name);
	}
	no_page = &jump;
	if (seed)
		pattern_fill(t->map, t->size, *seed);
	memcpy(copy, t->map, t->size);
	no_page = NULL;
	if (bracket && dmabuf_sync(fd, DMA_BUF_SYNC_END | how))
		return act_error(a, errno, "DMA_BUF_IOCTL_SYNC");
	return 0;
}

static int look(struct act *a, const uint64_t *seed)
{
	struct act_thing *t = act_find(a, a->words[1]);
	uint8_t *copy;
	size_t i;
	int ret;

	if (!t)
		return -1;
	if (!t->map)
		return act_error(a, EINVAL, "%s is not mapped: use mmap %s", t->name, t->name);
	copy = malloc(t->size);
	ASSERT(copy);
	ret = access_bytes(a, t, seed, copy);
	if (!ret) {
		act_say(a, t->name, "crc", "0x%08x", crc32c(copy, t->size));
		for (i = 1; i < t->size && copy[i] == copy[0]; i++)
			;
		if (i == t->size)
			act_say(a, t->name, "bytes", "0x%02x", copy[0]);
		else
			act_say(a, t->name, "bytes", "different");
	}
	free(copy);
	return ret;
}

static int cmd_paint(struct act *a)
{
	uint64_t seed;

	return act_number(a, a->words[2], &seed) ? look(a, &seed) : -1;
}

static int cmd_look(struct act *a)
{
	return look(a, NULL);
}

/* Where its first byte is in the guest's physical memory, for QEMU's monitor. */
static int cmd_where(struct act *a)
{
	struct act_thing *b = act_find_kind(a, a->words[1], ACT_BUFFER);

	if (!b)
		return -1;
	act_say(a, b->name, "physical", "%#llx", (unsigned long long)bo_physical(&b->bo));
	return 0;
}

static int cmd_close(struct act *a)
{
	struct act_thing *t = act_find(a, a->words[1]);
	int ret = 0;

	if (!t)
		return -1;
	if (t->kind == ACT_BUFFER)
		ret = dms_try_close(t->bo.fd, t->bo.handle);
	else if (t->kind == ACT_FOREIGN)
		foreign_destroy(&t->foreign);
	else if (t->kind == ACT_DEVICE || t->kind == ACT_FILE || t->kind == ACT_JOB)
		ret = close(t->fd);
	else
		return act_error(a, EINVAL, "%s has another end: release, stop or dark",
				 t->name);
	if (ret)
		return act_error(a, errno, "close");
	act_forget(t);
	return 0;
}

const struct act_command act_buffer_commands[] = {
	{ "open", "NAME [INDEX]", 2, 3, cmd_open },
	{ "create", "NAME DEVICE SIZE [FLAG...]", 4, 12, cmd_create },
	{ "foreign", "NAME vgem|udmabuf|system-heap SIZE", 4, 4, cmd_foreign },
	{ "export", "NAME BUFFER", 3, 3, cmd_export },
	{ "import", "NAME DEVICE FILE [static] [no-p2p] [read] [write]", 4, 8, cmd_import },
	{ "info", "BUFFER", 2, 2, cmd_info },
	{ "move", "BUFFER local|system [nowait]", 3, 4, cmd_move },
	{ "unmap", "BUFFER", 2, 2, cmd_unmap },
	{ "mmap", "BUFFER|FILE", 2, 2, cmd_mmap },
	{ "munmap", "NAME", 2, 2, cmd_munmap },
	{ "paint", "NAME SEED", 3, 3, cmd_paint },
	{ "look", "NAME", 2, 2, cmd_look },
	{ "where", "BUFFER", 2, 2, cmd_where },
	{ "close", "NAME", 2, 2, cmd_close },
	{ NULL },
};
