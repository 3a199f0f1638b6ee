// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dma-buf of ours as a file: its name, what fdinfo, bufinfo and sysfs say of
 * it, the calls that a dma-buf refuses, and who may close what when.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/dmabuf.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull
/* An address where no program has anything. */
#define NOWHERE	((void *)16)
/* The longest name, with its end: DMA_BUF_NAME_LEN of the kernel. */
#define NAME_ROOM	32

static bool is_named(int dmabuf, const char *name)
{
	char *now = fdinfo_value(dmabuf, "name");
	bool same = now && !strcmp(now, name);

	if (!same)
		ktap_diag("the name is %s, not %s", now ? now : "(none)", name);
	free(now);
	return same;
}

/* The two numbers that the ioctl has on 32-bit and 64-bit. */
static void name_by_either_number(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	char link[64], target[64] = "";

	ASSERT(!fdinfo_value(s.dmabuf, "name"));
	ASSERT_NE(DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B);
	ASSERT_OK(ioctl(s.dmabuf, DMA_BUF_SET_NAME_A, "first"));
	ASSERT(is_named(s.dmabuf, "first"));
	ASSERT_OK(ioctl(s.dmabuf, DMA_BUF_SET_NAME_B, "second"));
	ASSERT(is_named(s.dmabuf, "second"));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", s.dmabuf);
	ASSERT_OK(readlink(link, target, sizeof(target) - 1));
	ASSERT_MSG(!strcmp(target, "/dmabuf:second"), "the link says %s", target);
}

static void name_lengths(void)
{
	static const unsigned long numbers[] = { DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B };
	struct shared s = dms_create_shared(4 * PAGE, "file");
	char name[NAME_ROOM + 1];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		memset(name, 'a' + i, sizeof(name));
		name[NAME_ROOM - 1] = 0;
		ASSERT_OK(ioctl(s.dmabuf, numbers[i], name));
		ASSERT(is_named(s.dmabuf, name));
		name[NAME_ROOM - 1] = 'x';
		name[NAME_ROOM] = 0;
		ASSERT_ERRNO(ioctl(s.dmabuf, numbers[i], name), EINVAL);
		ASSERT_ERRNO(ioctl(s.dmabuf, numbers[i], NOWHERE), EFAULT);
		name[NAME_ROOM - 1] = 0;
		ASSERT(is_named(s.dmabuf, name));
	}
	ASSERT_OK(ioctl(s.dmabuf, DMA_BUF_SET_NAME_B, ""));
	ASSERT(is_named(s.dmabuf, ""));
}

/* The name is the dma-buf's, not the descriptor's nor the importer's. */
static void name_is_shared(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	int vgem = vgem_open(), again, copy, onward;
	uint32_t handle;

	again = dms_try_export(s.fd, s.bo.handle, DRM_CLOEXEC);
	ASSERT_OK(again);
	copy = dup(s.dmabuf);
	ASSERT_OK(copy);
	ASSERT_OK(drmPrimeFDToHandle(vgem, s.dmabuf, &handle));
	ASSERT_OK(ioctl(s.dmabuf, DMA_BUF_SET_NAME_B, "ours"));
	ASSERT(is_named(again, "ours"));
	ASSERT(is_named(copy, "ours"));
	ASSERT_OK(drmPrimeHandleToFD(vgem, handle, DRM_CLOEXEC | DRM_RDWR, &onward));
	ASSERT_OK(ioctl(onward, DMA_BUF_SET_NAME_A, "vgem's"));
	ASSERT(is_named(s.dmabuf, "vgem's"));
}

static void fdinfo_of_ours(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	int vgem = vgem_open(), copy;
	uint32_t handle;
	char *value;
	long count;

	ASSERT_EQ(fdinfo_number(s.dmabuf, "size"), 4 * PAGE);
	ASSERT_EQ(fdinfo_number(s.dmabuf, "ino"), inode_of(s.dmabuf));
	value = fdinfo_value(s.dmabuf, "exp_name");
	ASSERT(value && !strcmp(value, "dmashare"));
	count = fdinfo_number(s.dmabuf, "count");
	ASSERT(count >= 1);
	/* A descriptor of the same file is the same reference. */
	copy = dup(s.dmabuf);
	ASSERT_OK(copy);
	ASSERT(fdinfo_number(copy, "count") >= count);
	close(copy);
	ASSERT_EQ(fdinfo_number(s.dmabuf, "count"), count);
	ASSERT_OK(drmPrimeFDToHandle(vgem, s.dmabuf, &handle));
	ASSERT_MSG(fdinfo_number(s.dmabuf, "count") > count,
		   "an import takes no reference");
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	ASSERT_EQ(fdinfo_number(s.dmabuf, "count"), count);
}

static void bufinfo_of_ours(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	int vgem = vgem_open();
	unsigned long inode = inode_of(s.dmabuf);
	char *entry, name[64] = "";
	unsigned int size;
	uint32_t handle;

	ASSERT_OK(ioctl(s.dmabuf, DMA_BUF_SET_NAME_B, "listed"));
	entry = bufinfo_entry(s.dmabuf);
	ASSERT(entry);
	ASSERT_EQ(sscanf(entry, "%u %*x %*x %*u %*s %*u %63s", &size, name), 2);
	ASSERT_EQ(size, 4 * PAGE);
	ASSERT(!strcmp(name, "listed"));
	ASSERT(strstr(entry, "\tdmashare\t"));
	ASSERT(strstr(entry, "Total 0 devices attached"));
	ASSERT_OK(drmPrimeFDToHandle(vgem, s.dmabuf, &handle));
	entry = bufinfo_entry(s.dmabuf);
	ASSERT(strstr(entry, "Total 1 devices attached"));
	ASSERT_OK(drmCloseBufferHandle(vgem, handle));
	entry = bufinfo_entry(s.dmabuf);
	ASSERT(strstr(entry, "Total 0 devices attached"));
	close(s.dmabuf);
	dms_destroy(&s.bo);
	ASSERT_MSG(!bufinfo_lists(inode), "a dma-buf that was released is still listed");
}

/* A job that has just ended may hold its buffers, and what they attach to. */
static void wait_detached(int dmabuf)
{
	time_t end = time(NULL) + SOON_MS / 1000;
	bool gone;

	do {
		char *entry = bufinfo_entry(dmabuf);

		gone = strstr(entry, "Total 0 devices attached");
		free(entry);
		ASSERT_MSG(gone || time(NULL) < end, "still attached");
		sched_yield();
	} while (!gone);
}

/* Of a foreign dma-buf: our device among those attached, and our fence. */
static void bufinfo_of_an_import(void)
{
	unsigned int i;
	int fd = dms_open();

	for (i = 0; i < N_EXPORTERS; i++) {
		struct foreign f = exporters[i].create(PAGE);
		struct bo there = dms_import(fd, f.dmabuf);
		struct drm_dmashare_job jobs[2] = {
			dms_job_noop(SEC),
			dms_job_fill(&there, 0, PAGE, ONES),
		};
		uint64_t start = dms_time(fd);
		unsigned int fences;
		char *entry;

		entry = bufinfo_entry(f.dmabuf);
		ASSERT(strstr(entry, "Total 1 devices attached"));
		/* Our device is on the PCI bus: domain:bus:slot.function. */
		ASSERT(strstr(entry, "\t0000:"));
		free(entry);
		dms_submit(fd, 0, 0, jobs, 2);
		fences = bufinfo_fences(f.dmabuf, "write", "dmashare");
		if (dms_time(fd) - start >= SEC)
			SKIP("the machine is too slow to look within 1 s");
		ASSERT_EQ(fences, 1);
		poll_until(f.dmabuf, POLLIN);
		ASSERT(all_bytes(f.map, PAGE, 1));
		ASSERT_OK(dms_try_close(fd, there.handle));
		wait_detached(f.dmabuf);
		covers("bufinfo:%s", f.exporter);
		foreign_destroy(&f);
	}
}

static void sysfs_of_ours(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	char path[96], *text;

	if (access("/sys/kernel/dmabuf", F_OK))
		SKIP("this kernel has no statistics of dma-bufs in sysfs");
	snprintf(path, sizeof(path), "/sys/kernel/dmabuf/buffers/%lu/size", inode_of(s.dmabuf));
	text = read_file(path);
	ASSERT(text && atol(text) == 4 * PAGE);
	snprintf(path, sizeof(path), "/sys/kernel/dmabuf/buffers/%lu/exporter_name",
		 inode_of(s.dmabuf));
	text = read_file(path);
	ASSERT(text && !strcmp(text, "dmashare\n"));
	close(s.dmabuf);
	dms_destroy(&s.bo);
	ASSERT_ERRNO(access(path, F_OK), ENOENT);
}

static void seek_finds_the_size(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");

	ASSERT_EQ(lseek(s.dmabuf, 0, SEEK_END), 4 * PAGE);
	ASSERT_EQ(lseek(s.dmabuf, 0, SEEK_SET), 0);
	ASSERT_ERRNO(lseek(s.dmabuf, 1, SEEK_SET), EINVAL);
	ASSERT_ERRNO(lseek(s.dmabuf, -1, SEEK_END), EINVAL);
	ASSERT_ERRNO(lseek(s.dmabuf, 0, SEEK_CUR), EINVAL);
	ASSERT_ERRNO(lseek(s.dmabuf, 0, SEEK_DATA), EINVAL);
	ASSERT_ERRNO(lseek(s.dmabuf, 0, SEEK_HOLE), EINVAL);
}

/* What files can do and dma-bufs cannot. */
static void not_an_ordinary_file(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	char byte = 0;

	ASSERT_ERRNO(read(s.dmabuf, &byte, 1), EINVAL);
	ASSERT_ERRNO(write(s.dmabuf, &byte, 1), EINVAL);
	ASSERT_ERRNO(ftruncate(s.dmabuf, 0), EINVAL);
	ASSERT_ERRNO(ioctl(s.dmabuf, _IO('b', 99)), ENOTTY);
	ASSERT_EQ(lseek(s.dmabuf, 0, SEEK_END), 4 * PAGE);
}

static void cpu_access_errors(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	struct dmashare_ledger l;

	ASSERT_ERRNO(ioctl(s.dmabuf, DMA_BUF_IOCTL_SYNC, NOWHERE), EFAULT);
	ASSERT_ERRNO(dmabuf_sync_once(s.dmabuf, DMA_BUF_SYNC_START), EINVAL);
	ASSERT_ERRNO(dmabuf_sync_once(s.dmabuf, DMA_BUF_SYNC_END), EINVAL);
	ASSERT_ERRNO(dmabuf_sync_once(s.dmabuf, DMA_BUF_SYNC_RW | 8), EINVAL);
	ASSERT_ERRNO(dmabuf_sync_once(s.dmabuf, DMA_BUF_SYNC_RW | 1ull << 63), EINVAL);
	/* None of these reached the exporter. */
	l = ledger_get(s.fd, s.bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_BEGIN_CPU], 0);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_END_CPU], 0);
	ASSERT_EQ(l.notes_failed, 0);
	/* Nobody counts: an end alone, two begins. */
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	ASSERT_OK(dmabuf_sync(s.dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	l = ledger_get(s.fd, s.bo.handle);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_BEGIN_CPU], 2);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_END_CPU], 1);
}

static void export_sync_file_errors(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	struct rlimit limit, none;
	int fence;

	ASSERT_ERRNO(ioctl(s.dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, NOWHERE), EFAULT);
	ASSERT_ERRNO(dmabuf_try_fences(s.dmabuf, 0), EINVAL);
	ASSERT_ERRNO(dmabuf_try_fences(s.dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), EINVAL);
	ASSERT_OK(getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &none));
	ASSERT_ERRNO(dmabuf_try_fences(s.dmabuf, DMA_BUF_SYNC_RW), EMFILE);
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &limit));
	fence = dmabuf_try_fences(s.dmabuf, DMA_BUF_SYNC_RW);
	ASSERT_OK(fence);
	ASSERT_EQ(fence_info(fence).status, 1);
	ASSERT(fcntl(fence, F_GETFD) & FD_CLOEXEC);
}

static void import_sync_file_errors(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	int fence = dmabuf_fences(s.dmabuf, DMA_BUF_SYNC_RW);

	ASSERT_ERRNO(ioctl(s.dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, NOWHERE), EFAULT);
	ASSERT_ERRNO(dmabuf_try_add_fence(s.dmabuf, fence, 0), EINVAL);
	ASSERT_ERRNO(dmabuf_try_add_fence(s.dmabuf, fence, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW),
		     EINVAL);
	ASSERT_ERRNO(dmabuf_try_add_fence(s.dmabuf, -1, DMA_BUF_SYNC_RW), EINVAL);
	ASSERT_ERRNO(dmabuf_try_add_fence(s.dmabuf, s.dmabuf, DMA_BUF_SYNC_RW), EINVAL);
	ASSERT_ERRNO(dmabuf_try_add_fence(s.dmabuf, s.fd, DMA_BUF_SYNC_RW), EINVAL);
	ASSERT_OK(dmabuf_try_add_fence(s.dmabuf, fence, DMA_BUF_SYNC_RW));
}

/* Read-only: the protection of mappings, also later; CPU access is not one. */
static void read_only_descriptor(void)
{
	struct shared s = dms_create_shared(4 * PAGE, "file");
	int fd = dms_try_export(s.fd, s.bo.handle, DRM_CLOEXEC);
	uint8_t *p;

	ASSERT_OK(fd);
	/* One dma-buf has one file: who exported first said how it is open. */
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	close(s.dmabuf);
	dms_destroy(&s.bo);
	s.bo = dms_create_mapped(s.fd, PAGE, "read-only");
	fd = dms_try_export(s.fd, s.bo.handle, DRM_CLOEXEC);
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	pattern_fill(s.bo.map, PAGE, 1);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	ASSERT(pattern_check(p, PAGE, 1));
	ASSERT_ERRNO(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	ASSERT(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	ASSERT_EQ(errno, EACCES);
	ASSERT(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	ASSERT_EQ(errno, EACCES);
	ASSERT_OK(dmabuf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	ASSERT_OK(dmabuf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
}

static void a_copy_of_the_descriptor(void)
{
	int watch = dms_open();
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	struct shared s = dms_create_shared(4 * PAGE, "file");
	int copy = fcntl(s.dmabuf, F_DUPFD_CLOEXEC, 100);
	uint8_t *p;

	ASSERT(copy >= 100);
	pattern_fill(s.bo.map, s.bo.size, 2);
	close(s.dmabuf);
	dms_destroy(&s.bo);
	close(s.fd);
	p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, copy, 0);
	ASSERT(p != MAP_FAILED);
	ASSERT(pattern_check(p, 4 * PAGE, 2));
	munmap(p, 4 * PAGE);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 0);
	close(copy);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 1);
}

/* Sent, everything closed, and only then received. */
static void in_a_socket_only(void)
{
	int watch = dms_open(), pair[2], fd;
	struct dmashare_ledger before = ledger_get(watch, 0);
	struct shared s = dms_create_shared(4 * PAGE, "file");
	uint8_t *p;

	pattern_fill(s.bo.map, s.bo.size, 3);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	socket_put(pair[0], s.dmabuf);
	close(s.dmabuf);
	dms_destroy(&s.bo);
	close(s.fd);
	close(pair[0]);
	fd = socket_take(pair[1]);
	p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT(p != MAP_FAILED);
	ASSERT(pattern_check(p, 4 * PAGE, 3));
	munmap(p, 4 * PAGE);
	close(fd);
	ledger_wait_gone(watch, &before);
}

/* The same, and nobody ever receives it. */
static void lost_in_a_socket(void)
{
	int watch = dms_open(), pair[2];
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	struct shared s = dms_create_shared(4 * PAGE, "file");

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	socket_put(pair[0], s.dmabuf);
	close(s.dmabuf);
	dms_destroy(&s.bo);
	close(s.fd);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.live_buffers, 1);
	close(pair[0]);
	close(pair[1]);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 1);
}

/* Everything closed while a job writes: it ends well, and then all is freed. */
static void closed_with_fences_pending(void)
{
	int watch = dms_open(), in;
	struct dmashare_ledger before = ledger_get(watch, 0), now, d;
	struct shared s = dms_create_shared(4 * PAGE, "file");
	struct hold h = hold_sync_file(&in);
	struct drm_dmashare_job job = dms_job_fill(&s.bo, 0, s.bo.size, ONES);
	struct drm_dmashare_submit submit = {
		.flags = DRM_DMASHARE_SUBMIT_IN_FENCE | DRM_DMASHARE_SUBMIT_OUT_FENCE,
		.in_fence_fd = in,
	};
	uint8_t *p;

	p = mmap(NULL, s.bo.size, PROT_READ, MAP_SHARED, s.dmabuf, 0);
	ASSERT(p != MAP_FAILED);
	ASSERT_OK(dms_try_submit(s.fd, &submit, &job, 1));
	dms_destroy(&s.bo);
	close(s.dmabuf);
	ASSERT(fence_pending(submit.out_fence_fd));
	hold_release(&h);
	ASSERT_EQ(fence_finish(submit.out_fence_fd), 0);
	ASSERT(all_bytes(p, 4 * PAGE, 1));
	munmap(p, 4 * PAGE);
	close(s.fd);
	ledger_wait_gone(watch, &before);
	now = ledger_get(watch, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.notes[DMASHARE_NOTE_RELEASE], 1);
	ASSERT_EQ(d.bytes_written, 4 * PAGE);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(name_by_either_number, "set-name:user"),
	KTAP_COVERS(name_lengths, "set-name:user"),
	KTAP_COVERS(name_is_shared, "set-name:vgem"),
	KTAP_COVERS(fdinfo_of_ours, "fdinfo:user fdinfo:vgem"),
	KTAP_COVERS(bufinfo_of_ours, "bufinfo:user bufinfo:vgem"),
	KTAP_CASE(bufinfo_of_an_import),
	KTAP_COVERS(sysfs_of_ours, "sysfs:user"),
	KTAP_COVERS(seek_finds_the_size, "llseek:user"),
	KTAP_CASE(not_an_ordinary_file),
	KTAP_COVERS(cpu_access_errors, "cpu-sync:user begin_cpu:user end_cpu:user"),
	KTAP_COVERS(export_sync_file_errors, "sync-file.export:user"),
	KTAP_COVERS(import_sync_file_errors, "sync-file.import:user"),
	KTAP_COVERS(read_only_descriptor, "mmap:user"),
	KTAP_COVERS(a_copy_of_the_descriptor, "lifetime:user release:user"),
	KTAP_COVERS(in_a_socket_only, "lifetime:user"),
	KTAP_COVERS(lost_in_a_socket, "lifetime:user release:user"),
	KTAP_COVERS(closed_with_fences_pending, "lifetime:user release:user"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
