// SPDX-License-Identifier: GPL-2.0-or-later
/* dmashare as exporter: PRIME, the life of a dma-buf, its file operations. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u

static uint8_t *map_dmabuf(int dmabuf, size_t size, int prot)
{
	uint8_t *p = mmap(NULL, size, prot, MAP_SHARED, dmabuf, 0);

	ASSERT_MSG(p != MAP_FAILED, "mmap of our dma-buf: %s", strerror(errno));
	return p;
}

static bool same_dmabuf(int a, int b)
{
	struct stat sa, sb;

	ASSERT_OK(fstat(a, &sa));
	ASSERT_OK(fstat(b, &sb));
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static void export_gives_a_dmabuf(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, 3 * PAGE, "exported");
	int dmabuf = dms_export(fd, bo.handle);
	char path[64], *info;

	ASSERT(fcntl(dmabuf, F_GETFD) & FD_CLOEXEC);
	ASSERT_EQ(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDWR);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	info = read_file(path);
	ASSERT(info && strstr(info, "exp_name:\tdmashare"));
}

static void export_read_only(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "read-only");
	int dmabuf = dms_try_export(fd, bo.handle, DRM_CLOEXEC);

	ASSERT_OK(dmabuf);
	ASSERT_EQ(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
	map_dmabuf(dmabuf, PAGE, PROT_READ);
	ASSERT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	ASSERT_EQ(errno, EACCES);
}

static void export_errors(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "closed");

	ASSERT_ERRNO(dms_try_export(fd, 4711, DRM_CLOEXEC), ENOENT);
	ASSERT_OK(dms_try_close(fd, bo.handle));
	ASSERT_ERRNO(dms_try_export(fd, bo.handle, DRM_CLOEXEC), ENOENT);
	bo = dms_create(fd, PAGE, "flags");
	ASSERT_ERRNO(dms_try_export(fd, bo.handle, O_APPEND), EINVAL);
}

static void export_twice_is_one_dmabuf(void)
{
	int fd = dms_open();
	struct bo a = dms_create(fd, PAGE, "a"), b = dms_create(fd, PAGE, "b");
	int first = dms_export(fd, a.handle), second = dms_export(fd, a.handle);
	int other = dms_export(fd, b.handle);

	ASSERT(first != second);
	ASSERT(same_dmabuf(first, second));
	ASSERT(!same_dmabuf(first, other));
	ASSERT_EQ(ledger_get(fd, a.handle).notes[DMASHARE_NOTE_EXPORT], 1);
}

/* The handle keeps the dma-buf: its fd closed, it is still the same one. */
static void export_again_after_close(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, PAGE, "again");
	int dmabuf = dms_export(fd, bo.handle);
	uint8_t *p;

	pattern_fill(bo.map, PAGE, 1);
	close(dmabuf);
	dmabuf = dms_export(fd, bo.handle);
	p = map_dmabuf(dmabuf, PAGE, PROT_READ);
	ASSERT(pattern_check(p, PAGE, 1));
	ASSERT_EQ(ledger_get(fd, bo.handle).notes[DMASHARE_NOTE_EXPORT], 1);
	ASSERT_EQ(ledger_get(fd, bo.handle).notes[DMASHARE_NOTE_RELEASE], 0);
}

static void size_by_lseek(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, 5 * PAGE + 1, "size");
	int dmabuf = dms_export(fd, bo.handle);

	ASSERT_EQ(lseek(dmabuf, 0, SEEK_END), 6 * PAGE);
	ASSERT_EQ(lseek(dmabuf, 0, SEEK_SET), 0);
	ASSERT_ERRNO(lseek(dmabuf, 1, SEEK_SET), EINVAL);
	ASSERT_ERRNO(lseek(dmabuf, 0, SEEK_CUR), EINVAL);
}

static void map_shows_the_same_bytes(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 7 * PAGE, "bytes");
	int dmabuf = dms_export(fd, bo.handle);
	uint8_t *p = map_dmabuf(dmabuf, bo.size, PROT_READ | PROT_WRITE);

	pattern_fill(bo.map, bo.size, 2);
	ASSERT(pattern_check(p, bo.size, 2));
	pattern_fill(p, bo.size, 3);
	ASSERT(pattern_check(bo.map, bo.size, 3));
	ASSERT_EQ(dms_crc(fd, &bo, 0, bo.size), crc32c(p, bo.size));
	dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, 0x0807060504030201));
	ASSERT_EQ(((uint64_t *)p)[bo.size / 8 - 1], 0x0807060504030201);
}

static void map_part(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 4 * PAGE, "part");
	int dmabuf = dms_export(fd, bo.handle);
	uint8_t *p;

	pattern_fill(bo.map, bo.size, 4);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dmabuf, 2 * PAGE);
	ASSERT(p != MAP_FAILED);
	ASSERT(!memcmp(p, bo.map + 2 * PAGE, PAGE));
}

static void map_past_the_end(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, 2 * PAGE, "end");
	int dmabuf = dms_export(fd, bo.handle);

	ASSERT(mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
	ASSERT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dmabuf, 2 * PAGE) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
	ASSERT(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, dmabuf, PAGE) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
}

/* It would be a copy that no device ever sees. */
static void map_private(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "private");
	int dmabuf = dms_export(fd, bo.handle);

	ASSERT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, dmabuf, 0) == MAP_FAILED);
	ASSERT_EQ(errno, EINVAL);
}

static void handle_closed_first(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 2 * PAGE, "first"), again;
	int dmabuf = dms_export(fd, bo.handle);

	pattern_fill(bo.map, bo.size, 6);
	dms_destroy(&bo);
	ASSERT(pattern_check(map_dmabuf(dmabuf, 2 * PAGE, PROT_READ), 2 * PAGE, 6));
	again = dms_import(fd, dmabuf);
	ASSERT_EQ(again.id, bo.id);
	ASSERT_EQ(dms_info(fd, again.handle).flags & DRM_DMASHARE_BO_INFO_IMPORTED, 0);
}

static void drm_file_closed_first(void)
{
	int watch = dms_open(), fd = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0);
	struct bo bo = dms_create_mapped(fd, 2 * PAGE, "file");
	int dmabuf = dms_export(fd, bo.handle);
	uint8_t *p;

	pattern_fill(bo.map, bo.size, 7);
	munmap(bo.map, bo.size);
	close(fd);
	p = map_dmabuf(dmabuf, 2 * PAGE, PROT_READ | PROT_WRITE);
	ASSERT(pattern_check(p, 2 * PAGE, 7));
	munmap(p, 2 * PAGE);
	close(dmabuf);
	ledger_wait_gone(watch, &before);
}

static void map_outlives_the_dmabuf(void)
{
	int fd = dms_open();
	struct bo bo = dms_create_mapped(fd, 2 * PAGE, "outlives");
	int dmabuf = dms_export(fd, bo.handle);
	uint8_t *p = map_dmabuf(dmabuf, bo.size, PROT_READ | PROT_WRITE);

	pattern_fill(bo.map, bo.size, 8);
	dms_destroy(&bo);
	close(dmabuf);
	close(fd);
	ASSERT(pattern_check(p, 2 * PAGE, 8));
	memset(p, 0, 2 * PAGE);
}

static void import_gives_the_same_handle(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "self");
	int dmabuf = dms_export(fd, bo.handle);
	uint32_t handle;

	ASSERT_OK(dms_try_import(fd, dmabuf, &handle));
	ASSERT_EQ(handle, bo.handle);
	ASSERT_EQ(ledger_get(fd, bo.handle).attaches, 0);
}

/* Another file of the same device: the same buffer, without an attachment. */
static void import_in_another_file(void)
{
	int a = dms_open(), b = dms_open();
	struct bo bo = dms_create_mapped(a, 2 * PAGE, "shared"), there;
	int dmabuf = dms_export(a, bo.handle);

	there = dms_import(b, dmabuf);
	ASSERT_EQ(there.id, bo.id);
	ASSERT_EQ(there.size, bo.size);
	ASSERT_EQ(ledger_get(b, there.handle).attaches, 0);
	dms_run_ok(b, dms_job_fill(&there, 0, there.size, 0x1122334455667788));
	ASSERT_EQ(((uint64_t *)bo.map)[0], 0x1122334455667788);
	dms_map(&there);
	pattern_fill(there.map, there.size, 9);
	ASSERT(pattern_check(bo.map, bo.size, 9));
}

/* A dma-buf given to another process by a socket, used there, and back. */
static void pass_to_another_process(void)
{
	int fd = dms_open(), pair[2], dmabuf, status;
	struct bo bo = dms_create_mapped(fd, 4 * PAGE, "passed");
	pid_t pid;

	pattern_fill(bo.map, bo.size, 10);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		struct bo there;
		int own;

		dmabuf = socket_take(pair[1]);
		own = dms_open();
		there = dms_import(own, dmabuf);
		dms_map(&there);
		ASSERT(pattern_check(there.map, there.size, 10));
		ASSERT_EQ(dms_crc(own, &there, 0, there.size), crc32c(there.map, there.size));
		pattern_fill(there.map, there.size, 11);
		_exit(0);
	}
	dmabuf = dms_export(fd, bo.handle);
	socket_put(pair[0], dmabuf);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	ASSERT(pattern_check(bo.map, bo.size, 11));
}

static void cpu_access_flags(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "sync");
	int dmabuf = dms_export(fd, bo.handle);
	static const uint64_t good[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	struct dmashare_ledger l;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | good[i]));
		ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | good[i]));
	}
	ASSERT_ERRNO(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START), EINVAL);
	ASSERT_ERRNO(dmabuf_sync(dmabuf, 1ull << 32 | DMA_BUF_SYNC_RW), EINVAL);
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_BEGIN_CPU], 3);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_END_CPU], 3);
}

static void set_name(void)
{
	int fd = dms_open();
	struct bo bo = dms_create(fd, PAGE, "named");
	int dmabuf = dms_export(fd, bo.handle);
	char path[64], *info;

	ASSERT_OK(ioctl(dmabuf, DMA_BUF_SET_NAME_B, "frame"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	info = read_file(path);
	ASSERT(info && strstr(info, "name:\tframe"));
}

/*
 * vgem attaches to it until its handle is closed, and in kernels whose vgem
 * does maps it for its device as long.
 */
static void import_by_vgem(void)
{
	int fd = dms_open(), vgem = vgem_open(), dmabuf;
	struct bo bo = dms_create(fd, 8 * PAGE, "to vgem");
	unsigned int maps = vgem_maps();
	struct dmashare_ledger l;
	uint32_t handle;

	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.attaches, 1);
	ASSERT_EQ(l.live_attachments, 1);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], maps);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], 0);
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	l = ledger_get(fd, bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_MAP], maps);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], maps);
	ASSERT_EQ(l.live_attachments, 0);
	ASSERT_EQ(l.attaches, 1);
	covers("attach:vgem detach:vgem");
	if (maps)
		covers("map:vgem unmap:vgem");
}

/* Two importers at once, each with an attachment of its own. */
static void import_by_two(void)
{
	int fd = dms_open(), a = vgem_open(), b = vgem_open(), dmabuf;
	struct bo bo = dms_create_mapped(fd, PAGE, "to two");
	uint32_t in_a, in_b;

	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(a, dmabuf, &in_a));
	ASSERT_OK(drmPrimeFDToHandle(b, dmabuf, &in_b));
	ASSERT_EQ(ledger_get(fd, bo.handle).live_attachments, 2);
	ASSERT_OK(drmCloseBufferHandle(a, in_a));
	ASSERT_EQ(ledger_get(fd, bo.handle).live_attachments, 1);
	dms_run_ok(fd, dms_job_fill(&bo, 0, PAGE, 0x4242424242424242));
	ASSERT(all_bytes(bo.map, PAGE, 0x42));
	close(b);
	ASSERT_EQ(ledger_get(fd, bo.handle).live_attachments, 0);
}

/* vgem holds the last reference: everything of ours is closed before. */
static void vgem_keeps_it_alive(void)
{
	int watch = dms_open(), fd = dms_open(), vgem = vgem_open(), dmabuf;
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	struct bo bo = dms_create_mapped(fd, 4 * PAGE, "kept");
	uint32_t handle;
	uint8_t *p;

	pattern_fill(bo.map, bo.size, 14);
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	munmap(bo.map, bo.size);
	close(dmabuf);
	close(fd);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, 1);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 0);
	ASSERT_OK(drmPrimeHandleToFD(vgem, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf));
	p = map_dmabuf(dmabuf, 4 * PAGE, PROT_READ);
	ASSERT(pattern_check(p, 4 * PAGE, 14));
	munmap(p, 4 * PAGE);
	close(dmabuf);
	close(vgem);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 1);
}

/* What vgem exports on of ours is our own dma-buf. */
static void vgem_hands_it_on(void)
{
	int fd = dms_open(), vgem = vgem_open(), dmabuf, onward;
	struct bo bo = dms_create(fd, PAGE, "onward");
	uint32_t handle, back;

	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	ASSERT_OK(drmPrimeHandleToFD(vgem, handle, DRM_CLOEXEC | DRM_RDWR, &onward));
	ASSERT(same_dmabuf(dmabuf, onward));
	ASSERT_OK(dms_try_import(fd, onward, &back));
	ASSERT_EQ(back, bo.handle);
}

/* udmabuf takes sealed memfds and nothing else. */
static void udmabuf_refuses_it(void)
{
	struct {
		uint32_t memfd, flags;
		uint64_t offset, size;
	} create = { .size = PAGE };
	int fd = dms_open(), dev;
	struct bo bo = dms_create(fd, PAGE, "refused");

	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	ASSERT_OK(dev);
	create.memfd = dms_export(fd, bo.handle);
	ASSERT(ioctl(dev, _IOW('u', 0x42, create), &create) < 0);
	ASSERT_EQ(ledger_get(fd, bo.handle).attaches, 0);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(export_gives_a_dmabuf, "prime:user fdinfo:user"),
	KTAP_COVERS(export_read_only, "prime:user mmap:user"),
	KTAP_COVERS(export_errors, "prime:user"),
	KTAP_COVERS(export_twice_is_one_dmabuf, "prime:user"),
	KTAP_COVERS(export_again_after_close, "prime:user lifetime:user"),
	KTAP_COVERS(size_by_lseek, "llseek:user"),
	KTAP_COVERS(map_shows_the_same_bytes, "mmap:user"),
	KTAP_COVERS(map_part, "mmap:user"),
	KTAP_COVERS(map_past_the_end, "mmap.end:user"),
	KTAP_COVERS(map_private, "mmap:user"),
	KTAP_COVERS(handle_closed_first, "lifetime:user mmap:user"),
	KTAP_COVERS(drm_file_closed_first, "lifetime:user release:user"),
	KTAP_COVERS(map_outlives_the_dmabuf, "lifetime:user mmap:user"),
	KTAP_COVERS(import_gives_the_same_handle, "prime:user"),
	KTAP_COVERS(import_in_another_file, "prime:user"),
	KTAP_COVERS(pass_to_another_process, "prime:user lifetime:user"),
	KTAP_COVERS(cpu_access_flags, "cpu-sync:user begin_cpu:user end_cpu:user"),
	KTAP_COVERS(set_name, "set-name:user"),
	KTAP_CASE(import_by_vgem),
	KTAP_COVERS(import_by_two, "attach:vgem detach:vgem"),
	KTAP_COVERS(vgem_keeps_it_alive, "lifetime:vgem release:vgem"),
	KTAP_COVERS(vgem_hands_it_on, "prime:vgem"),
	KTAP_CASE(udmabuf_refuses_it),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
