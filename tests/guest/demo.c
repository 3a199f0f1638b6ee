// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The demonstration: what `make demo` runs in the VM.
 *
 *   a. dmashare exports buffers of guest pages, vivid captures its test pattern
 *      into them; the device's checksum of each frame is compared with the
 *      CPU's. Half of the frames reach the buffer by vmap, half by attachment
 *      and mapping, the two ways in which a V4L2 driver gets at a dma-buf.
 *   b. The device copies each frame into imported buffers of vgem, udmabuf and
 *      the system heap; both sides' checksums are compared.
 *   c. A job is held by a timed no-op: poll() and begin_cpu_access wait for it.
 *   d. A DMA to an address that the IOMMU does not map fails its job and
 *      nothing else.
 *   e. The device's ledger is compared with what this program counted.
 *   f. With the argument "share": programs of the host, and another VM, have
 *      the frames in place. Each is published, and not written before whoever
 *      has it gave it back. While frame 15 is held the host looks at it, and
 *      the guest and the host write to it by turns.
 *
 * A table for people goes to stderr as it happens, the report as one JSON
 * object to stdout at the end (docs/demo-report.rst has its members). Where
 * something is not as it should be the report says so and scripts/demo fails;
 * where the demonstration cannot go on it ends with a line on stderr and
 * without a report. With "share" lines of stdout that begin with "@" come before
 * the report, and are for scripts/demo, which answers by a line when to go on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <linux/dma-buf.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/kmsg.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"
#include "lib/share.h"
#include "lib/stream.h"
#include "lib/vivid.h"

#define WIDTH		640
#define HEIGHT		360
#define N_BUFFERS	3
#define N_FRAMES	30
#define PAGE		4096u

/* What the host looks at while it is held. */
#define SHOWN		15
/* Whoever has a frame has it no longer than that. */
#define DEADLINE	(60 * SEC)
/* Where guest and host write to it by turns, and what. */
#define GUEST_AT	0x1000u
#define HOST_AT		0x2000u
#define GUEST_SEED	0x6775657374ull
#define MARK		64u

#define say(...)	fprintf(stderr, __VA_ARGS__)

static const struct {
	const char *name;
	enum vivid_memory memory;
	unsigned int frames;
} paths[] = {
	{ "vmap", VIVID_VMALLOC, N_FRAMES / 2 },
	{ "attach", VIVID_DMA_CONTIG, N_FRAMES - N_FRAMES / 2 },
};

struct frame {
	unsigned int path;
	uint32_t sequence;		/* vivid's number */
	uint32_t cpu, device;		/* CRCs of the captured bytes */
	uint32_t copy_cpu[N_EXPORTERS];	/* through the foreign exporter's mmap */
	uint32_t copy_device[N_EXPORTERS];
};

struct importer {
	struct foreign f;
	struct bo bo;
	unsigned int frames_copied;	/* the bytes there are the frame's */
};

static struct {
	int fd;				/* what works */
	int watch;			/* what reads the device's ledger */
	uint32_t frame_size;
	struct frame frame[N_FRAMES];
	struct importer importer[N_EXPORTERS];
	unsigned int mismatches, distinct;
	uint64_t dma_address, physical_address;
	struct {
		uint64_t noop_ns, poll_ns, begin_ns;
		bool before_pending, after_signalled, begin_blocked, bytes_right;
	} hold;
	struct {
		uint32_t status, error;
		uint64_t address, expected;
		bool recovered, sync_file_agrees;
	} fault;
	struct {
		bool on, host_seen;
		int held[N_BUFFERS];	/* fence of who has it, or -1 */
		unsigned int published, waited, failed;
		uint8_t host_wrote[MARK];
		uint32_t host_crc;	/* of those, by the device */
	} share;
	struct dmashare_ledger before, device, counted;
} demo;

/* What the program does, counted where it does it. */
static void count_buffer(bool imported)
{
	demo.counted.buffers++;
	demo.counted.maps++;	/* each buffer here is used by the device */
	demo.counted.attaches += imported;
}

static void count_job(uint64_t read, uint64_t written)
{
	demo.counted.jobs++;
	demo.counted.fences_signalled++;
	demo.counted.bytes_read += read;
	demo.counted.bytes_written += written;
}

static struct bo new_buffer(uint64_t size, const char *name)
{
	count_buffer(false);
	return dms_create_mapped(demo.fd, size, name);
}

static int export_buffer(const struct bo *bo)
{
	demo.counted.notes[DMASHARE_NOTE_EXPORT]++;
	return dms_export(demo.fd, bo->handle);
}

static void destroy_exported(struct bo *bo, int dmabuf)
{
	demo.counted.notes[DMASHARE_NOTE_RELEASE]++;
	close(dmabuf);
	dms_destroy(bo);
}

static void begin_cpu(int dmabuf, uint64_t flags)
{
	demo.counted.notes[DMASHARE_NOTE_BEGIN_CPU]++;
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | flags));
}

static void end_cpu(int dmabuf, uint64_t flags)
{
	demo.counted.notes[DMASHARE_NOTE_END_CPU]++;
	ASSERT_OK(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | flags));
}

/* --- where things are */

static void open_importers(uint64_t size)
{
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		struct importer *im = &demo.importer[i];

		im->f = exporters[i].create(size);
		im->bo = dms_import(demo.fd, im->f.dmabuf);
		count_buffer(true);
	}
}

static void close_importers(void)
{
	unsigned int i;

	for (i = 0; i < N_EXPORTERS; i++) {
		ASSERT_OK(dms_try_close(demo.fd, demo.importer[i].bo.handle));
		foreign_destroy(&demo.importer[i].f);
	}
}

/*
 * One page, where the kernel says it is and where the device says it is. The
 * page is udmabuf's, because pagemap tells of a memfd's pages but not of pages
 * that a driver maps.
 */
static void compare_addresses(void)
{
	struct importer *udmabuf = &demo.importer[1];
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			     udmabuf->f.backing, 0);

	ASSERT(page != MAP_FAILED);
	ASSERT_OK(mlock(page, PAGE));
	demo.physical_address = physical_address(page);
	demo.dma_address = dms_info(demo.fd, udmabuf->bo.handle).dma_addr;
	munmap(page, PAGE);
	say("IOMMU: %s; one page of udmabuf's is at %#llx for the CPU and at %#llx for the device\n\n",
	    dms_param(demo.fd, DRM_DMASHARE_PARAM_IOMMU) ? "translating" : "none",
	    (unsigned long long)demo.physical_address,
	    (unsigned long long)demo.dma_address);
}

/* --- f: sharing */

static void share_begin(struct bo *bo, const struct vivid *v)
{
	struct drm_dmashare_bo_share s = {
		.flags = DRM_DMASHARE_SHARE_WRITE,
		.fourcc = DRM_FORMAT_YUYV,
		.width = v->width,
		.height = v->height,
		.stride = v->stride,
	};
	unsigned int i;

	for (i = 0; i < N_BUFFERS; i++) {
		snprintf((char *)s.name, sizeof(s.name), STREAM_NAME "%u", (i + 1) % N_BUFFERS);
		ASSERT_OK(share_try(&bo[i], &s));
		demo.share.held[i] = -1;
	}
	stream_say("@buffers\n");
	stream_told(true);
}

/* The bytes behind the frame are shared as well: a buffer is whole pages. */
static void share_publish_frame(unsigned int number, struct frame *f, const struct bo *bo,
				unsigned int index)
{
	uint32_t crc = crc32c_more(f->cpu, bo->map + demo.frame_size,
				   bo->size - demo.frame_size);

	stream_say("@frame %u %08x %08x\n", number, f->cpu, crc);
	demo.share.held[index] = share_publish(bo, number + 1, DEADLINE);
	demo.share.published++;
}

/* What is written there, and by whom, nobody is told but by these lines. */
static void share_show(const struct bo *bo, int dmabuf)
{
	stream_say("@show " STREAM_NAME "%u\n", (SHOWN + 1) % N_BUFFERS);
	stream_told(true);
	begin_cpu(dmabuf, DMA_BUF_SYNC_WRITE);
	pattern_fill(bo->map + GUEST_AT, MARK, GUEST_SEED);
	end_cpu(dmabuf, DMA_BUF_SYNC_WRITE);
	stream_say("@wrote %u %08x\n", GUEST_AT, crc32c(bo->map + GUEST_AT, MARK));
	stream_told(true);
	/* The host has written meanwhile. */
	begin_cpu(dmabuf, DMA_BUF_SYNC_READ);
	memcpy(demo.share.host_wrote, bo->map + HOST_AT, MARK);
	end_cpu(dmabuf, DMA_BUF_SYNC_READ);
	demo.share.host_crc = dms_crc(demo.fd, bo, HOST_AT, MARK);
	count_job(MARK, 0);
	demo.share.host_seen = true;
}

/* Before a frame is written anew: whoever has it must have given it back. */
static void share_wait(unsigned int index, bool pending)
{
	int fence = demo.share.held[index];

	if (fence < 0)
		return;
	demo.share.held[index] = -1;
	demo.share.waited += pending;
	ASSERT_MSG(!fence_pending(fence), "a frame that is still held could be written");
	demo.share.failed += fence_finish(fence) != 0;
}

/* --- a and b: frames */

/* The classic mistake is to compare two buffers of zeros and be content. */
static bool is_picture(const uint8_t *p, const struct vivid *v)
{
	uint8_t low = 255, high = 0;
	size_t i;

	for (i = 0; i < v->size; i += 2) {
		low = p[i] < low ? p[i] : low;
		high = p[i] > high ? p[i] : high;
	}
	return high - low > 64;
}

static uint32_t crc_result(uint64_t id)
{
	struct drm_dmashare_job_result r = dms_result(demo.fd, id);

	ASSERT_MSG(!r.error, "a job failed: status %#x, %s", r.status, strerror(r.error));
	return r.result;
}

/* One submit: a checksum of the frame, and a copy and its checksum for each. */
static void share_frame(struct frame *f, const struct bo *bo)
{
	struct drm_dmashare_job jobs[1 + 2 * N_EXPORTERS];
	uint32_t size = demo.frame_size;
	unsigned int i;
	int fence;

	jobs[0] = dms_job_crc(bo, 0, size);
	count_job(size, 0);
	for (i = 0; i < N_EXPORTERS; i++) {
		jobs[1 + 2 * i] = dms_job_copy(&demo.importer[i].bo, 0, bo, 0, size);
		count_job(size, size);
		jobs[2 + 2 * i] = dms_job_crc(&demo.importer[i].bo, 0, size);
		count_job(size, 0);
	}
	fence = dms_submit_fence(demo.fd, 0, 0, jobs, ARRAY_SIZE(jobs));
	ASSERT_EQ(fence_finish(fence), 0);
	f->device = crc_result(jobs[0].id);
	for (i = 0; i < N_EXPORTERS; i++)
		f->copy_device[i] = crc_result(jobs[2 + 2 * i].id);
}

static void check_frame(unsigned int number, struct frame *f)
{
	unsigned int i, k;
	bool seen = false;

	say("%5u  %-6s  %08x %s %08x ", number, paths[f->path].name, f->cpu,
	    f->cpu == f->device ? "=" : "!", f->device);
	demo.mismatches += f->cpu != f->device;
	for (i = 0; i < N_EXPORTERS; i++) {
		bool right = f->copy_cpu[i] == f->cpu && f->copy_device[i] == f->cpu;

		demo.importer[i].frames_copied += right;
		demo.mismatches += !right;
		say("  %08x %s  ", f->copy_cpu[i], right ? "=" : "!");
	}
	say("\n");
	for (k = 0; k < number; k++)
		seen = seen || demo.frame[k].cpu == f->cpu;
	demo.distinct += !seen;
}

static void capture(unsigned int path, unsigned int *number)
{
	unsigned int i, k, index, notes;
	int dmabuf[N_BUFFERS];
	struct bo bo[N_BUFFERS];
	struct vivid v;
	bool pending;

	vivid_load(paths[path].memory);
	v = vivid_open(WIDTH, HEIGHT);
	demo.frame_size = v.size;
	for (i = 0; i < N_BUFFERS; i++) {
		bo[i] = new_buffer(v.size, "frame");
		dmabuf[i] = export_buffer(&bo[i]);
	}
	if (!*number)
		open_importers(bo[0].size);
	if (demo.share.on)
		share_begin(bo, &v);
	vivid_start(&v, dmabuf, N_BUFFERS);
	for (k = 0; k < paths[path].frames; k++, ++*number) {
		struct frame *f = &demo.frame[*number];

		f->path = path;
		index = vivid_dequeue(&v, &f->sequence);
		begin_cpu(dmabuf[index], DMA_BUF_SYNC_READ);
		ASSERT_MSG(is_picture(bo[index].map, &v), "frame %u is no picture", *number);
		f->cpu = crc32c(bo[index].map, v.size);
		end_cpu(dmabuf[index], DMA_BUF_SYNC_READ);
		share_frame(f, &bo[index]);
		for (i = 0; i < N_EXPORTERS; i++) {
			struct foreign *there = &demo.importer[i].f;

			ASSERT_OK(dmabuf_sync(there->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
			f->copy_cpu[i] = crc32c(there->map, v.size);
			ASSERT_OK(dmabuf_sync(there->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
		}
		check_frame(*number, f);
		if (demo.share.on)
			share_publish_frame(*number, f, &bo[index], index);
		if (demo.share.on && *number == SHOWN)
			share_show(&bo[index], dmabuf[index]);
		pending = demo.share.held[index] >= 0 && fence_pending(demo.share.held[index]);
		/* What is found here next time was captured next time. */
		begin_cpu(dmabuf[index], DMA_BUF_SYNC_WRITE);
		share_wait(index, pending);
		memset(bo[index].map, 0, bo[index].size);
		end_cpu(dmabuf[index], DMA_BUF_SYNC_WRITE);
		ASSERT_OK(vivid_try_queue(&v, index));
	}
	/* V4L2 lets go of the buffers; what it did to each of them, once: */
	vivid_close(&v);
	for (notes = 0; notes < N_BUFFERS; notes++) {
		demo.counted.notes[DMASHARE_NOTE_VMAP]++;
		demo.counted.notes[DMASHARE_NOTE_VUNMAP]++;
		if (paths[path].memory == VIVID_VMALLOC)
			continue;
		demo.counted.attaches++;
		demo.counted.notes[DMASHARE_NOTE_MAP]++;
		demo.counted.notes[DMASHARE_NOTE_UNMAP]++;
	}
	for (i = 0; i < N_BUFFERS; i++)
		destroy_exported(&bo[i], dmabuf[i]);
	vivid_unload();
}

static void frames(void)
{
	unsigned int i, number = 0;

	say("frame  path    CPU      device      ");
	for (i = 0; i < N_EXPORTERS; i++)
		say("  %-12s", exporters[i].name);
	say("\n");
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		capture(i, &number);
	say("%u frames of %u bytes, %u different ones, %u checksum mismatches\n\n", number,
	    demo.frame_size, demo.distinct, demo.mismatches);
	compare_addresses();
	close_importers();
}

/* --- c: a held fence */

struct access {
	int dmabuf;
	uint64_t returned_at;
};

static void begin_access(void *data)
{
	struct access *a = data;

	begin_cpu(a->dmabuf, DMA_BUF_SYNC_READ);
	a->returned_at = dms_time(demo.fd);
}

/* Once, with a job held for that long; false when the machine was too slow. */
static bool hold_once(uint64_t ns)
{
	struct bo bo = new_buffer(PAGE, "held");
	int dmabuf = export_buffer(&bo);
	struct drm_dmashare_job jobs[2] = {
		dms_job_noop(ns),
		dms_job_fill(&bo, 0, PAGE, 0x6464646464646464),
	};
	struct access a = { .dmabuf = dmabuf };
	struct blocker b;
	bool sleeps, in_time;
	uint64_t start;
	short before;

	start = dms_time(demo.fd);
	dms_submit(demo.fd, 0, 0, jobs, 2);
	count_job(0, 0);
	count_job(0, PAGE);
	before = poll_now(dmabuf, POLLIN | POLLOUT);
	blocker_start(&b, begin_access, &a);
	sleeps = blocker_sleeps(&b);
	in_time = dms_time(demo.fd) - start < ns;

	poll_until(dmabuf, POLLIN | POLLOUT);
	demo.hold.poll_ns = dms_time(demo.fd) - start;
	demo.hold.after_signalled =
		poll_now(dmabuf, POLLIN | POLLOUT) == (POLLIN | POLLOUT);
	blocker_join(&b);
	demo.hold.noop_ns = ns;
	demo.hold.before_pending = !before;
	demo.hold.begin_blocked = sleeps && a.returned_at - start >= ns;
	demo.hold.begin_ns = a.returned_at - start;
	demo.hold.bytes_right = all_bytes(bo.map, PAGE, 0x64);
	end_cpu(dmabuf, DMA_BUF_SYNC_READ);
	destroy_exported(&bo, dmabuf);
	return in_time;
}

static void held_fence(void)
{
	uint64_t ns;

	/* Longer when this machine cannot look that fast. */
	for (ns = SEC / 2; ns <= 8 * SEC && !hold_once(ns); ns *= 2)
		;
	say("held for %llu ms: poll() says %s, then %s after %llu ms; begin_cpu_access %s, back after %llu ms\n\n",
	    (unsigned long long)(demo.hold.noop_ns / MSEC),
	    demo.hold.before_pending ? "pending" : "signalled",
	    demo.hold.after_signalled ? "signalled" : "pending",
	    (unsigned long long)(demo.hold.poll_ns / MSEC),
	    demo.hold.begin_blocked ? "blocks" : "does not block",
	    (unsigned long long)(demo.hold.begin_ns / MSEC));
}

/* --- d: a fault */

static const char *status_name(uint32_t status)
{
	switch (status) {
#define NAME(name, err) case DMASHARE_STATUS_##name: return #name;
	DMASHARE_STATUS_ERRNO_LIST(NAME)
#undef NAME
	default:
		return "NOT_RUN";
	}
}

static const char *errno_name(uint32_t err)
{
	return err ? strerrorname_np(err) : "none";
}

static void fault(void)
{
	struct bo good = new_buffer(PAGE, "good"), stale;
	struct drm_dmashare_job job;
	struct drm_dmashare_job_result r;
	int fence;

	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "Y"));
	ASSERT_OK(dms_try_create(demo.fd, PAGE, DRM_DMASHARE_BO_STALE_DMA, "stale", &stale));
	ASSERT_OK(module_set_parameter("dmashare", "unsafe_tests", "N"));
	count_buffer(false);

	expect_dmar_begin();
	job = dms_job_copy(&good, 0, &stale, 0, PAGE);
	job.flags = DRM_DMASHARE_JOB_WANT_RESULT;
	fence = dms_submit_fence(demo.fd, 0, 0, &job, 1);
	r = dms_result(demo.fd, job.id);
	demo.fault.sync_file_agrees = fence_finish(fence) == (int)r.error;
	expect_dmar_end();
	demo.counted.jobs_failed++;
	demo.counted.faults++;
	demo.counted.fences_signalled++;
	demo.counted.fences_failed++;
	demo.fault.status = r.status;
	demo.fault.error = r.error;
	demo.fault.address = r.detail;
	demo.fault.expected = dms_info(demo.fd, stale.handle).dma_addr;

	job = dms_job_fill(&good, 0, PAGE, 0x6767676767676767);
	demo.fault.recovered = !dms_run(demo.fd, &job, 1) && all_bytes(good.map, PAGE, 0x67);
	count_job(0, PAGE);
	dms_destroy(&stale);
	dms_destroy(&good);
	say("DMA to %#llx, which the IOMMU does not map: %s, fence ends with %s; the next job %s\n\n",
	    (unsigned long long)demo.fault.address, status_name(demo.fault.status),
	    errno_name(demo.fault.error), demo.fault.recovered ? "succeeds" : "fails");
}

/* --- e: the ledger */

static bool compare_ledger(void)
{
	struct dmashare_ledger now;
	size_t i;
	bool equal = true;

	ledger_wait_gone(demo.watch, &demo.before);
	now = ledger_get(demo.watch, 0);
	demo.device = ledger_since(&demo.before, &now);
	say("%-18s  %12s  %12s\n", "ledger", "device", "guest");
	for (i = 0; i < LEDGER_COUNTERS; i++) {
		uint64_t d = ledger_value(&demo.device, i), g = ledger_value(&demo.counted, i);

		equal = equal && d == g;
		if (d || g)
			say("%-18s  %12lld  %12lld%s\n", ledger_name(i), (long long)d,
			    (long long)g, d == g ? "" : "  differs");
	}
	say("\n");
	return equal;
}

/* --- the report */

static const char *yes(bool b)
{
	return b ? "true" : "false";
}

static void report_frames(void)
{
	unsigned int n, i;

	printf("  \"frame_details\": [\n");
	for (n = 0; n < N_FRAMES; n++) {
		struct frame *f = &demo.frame[n];

		printf("    {\"number\": %u, \"path\": \"%s\", \"sequence\": %u, \"crc_cpu\": \"%08x\", \"crc_device\": \"%08x\", \"copies\": {",
		       n, paths[f->path].name, f->sequence, f->cpu, f->device);
		for (i = 0; i < N_EXPORTERS; i++)
			printf("%s\"%s\": {\"crc_cpu\": \"%08x\", \"crc_device\": \"%08x\"}",
			       i ? ", " : "", exporters[i].name, f->copy_cpu[i],
			       f->copy_device[i]);
		printf("}}%s\n", n + 1 < N_FRAMES ? "," : "");
	}
	printf("  ],\n");
}

static void report_share(void)
{
	unsigned int i;

	if (!demo.share.on)
		return;
	printf("  \"share\": {\"published\": %u, \"waited\": %u, \"fences_failed\": %u, \"host_wrote_crc\": \"%08x\", \"host_wrote\": \"",
	       demo.share.published, demo.share.waited, demo.share.failed,
	       demo.share.host_crc);
	for (i = 0; i < MARK; i++)
		printf("%02x", demo.share.host_wrote[i]);
	printf("\"},\n");
}

static void report(bool equal)
{
	unsigned int i;

	printf("{\n  \"schema\": \"dmashare-demo-1\",\n");
	printf("  \"frames\": %u,\n  \"crc_mismatches\": %u,\n  \"distinct_frames\": %u,\n",
	       N_FRAMES, demo.mismatches, demo.distinct);
	printf("  \"format\": {\"width\": %u, \"height\": %u, \"fourcc\": \"YUYV\", \"bytes\": %u},\n",
	       WIDTH, HEIGHT, demo.frame_size);
	printf("  \"capture\": [");
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		printf("%s{\"path\": \"%s\", \"frames\": %u}", i ? ", " : "", paths[i].name,
		       paths[i].frames);
	printf("],\n  \"importers\": [");
	for (i = 0; i < N_EXPORTERS; i++)
		printf("%s\"%s\"", i ? ", " : "", exporters[i].name);
	printf("],\n  \"frames_copied\": {");
	for (i = 0; i < N_EXPORTERS; i++)
		printf("%s\"%s\": %u", i ? ", " : "", exporters[i].name,
		       demo.importer[i].frames_copied);
	printf("},\n");
	printf("  \"poll_before\": \"%s\",\n  \"poll_after\": \"%s\",\n",
	       demo.hold.before_pending ? "pending" : "signalled",
	       demo.hold.after_signalled ? "signalled" : "pending");
	printf("  \"hold\": {\"noop_ns\": %llu, \"poll_ready_ns\": %llu, \"bytes_right\": %s},\n",
	       (unsigned long long)demo.hold.noop_ns,
	       (unsigned long long)demo.hold.poll_ns, yes(demo.hold.bytes_right));
	printf("  \"begin_cpu_access\": {\"blocked\": %s, \"returned_ns\": %llu},\n",
	       yes(demo.hold.begin_blocked), (unsigned long long)demo.hold.begin_ns);
	printf("  \"iommu\": \"%s\",\n",
	       dms_param(demo.watch, DRM_DMASHARE_PARAM_IOMMU) ? "translating" : "none");
	printf("  \"dma_address\": \"%#llx\",\n  \"physical_address\": \"%#llx\",\n",
	       (unsigned long long)demo.dma_address,
	       (unsigned long long)demo.physical_address);
	printf("  \"fault\": {\"status\": \"%s\", \"errno\": \"%s\", \"address\": \"%#llx\", \"expected_address\": \"%#llx\", \"sync_file_agrees\": %s, \"recovered\": %s},\n",
	       status_name(demo.fault.status), errno_name(demo.fault.error),
	       (unsigned long long)demo.fault.address,
	       (unsigned long long)demo.fault.expected, yes(demo.fault.sync_file_agrees),
	       yes(demo.fault.recovered));
	printf("  \"ledger\": \"%s\",\n  \"ledger_counters\": {\n", equal ? "equal" : "different");
	for (i = 0; i < LEDGER_COUNTERS; i++)
		printf("    \"%s\": {\"device\": %lld, \"guest\": %lld}%s\n", ledger_name(i),
		       (long long)ledger_value(&demo.device, i),
		       (long long)ledger_value(&demo.counted, i),
		       i + 1 < LEDGER_COUNTERS ? "," : "");
	printf("  },\n");
	report_frames();
	report_share();
	printf("  \"device\": {\"version\": \"%llu.%llu\", \"job_queues\": %llu}\n}\n",
	       (unsigned long long)dms_param(demo.watch, DRM_DMASHARE_PARAM_VERSION) >> 16,
	       (unsigned long long)dms_param(demo.watch, DRM_DMASHARE_PARAM_VERSION) & 0xffff,
	       (unsigned long long)dms_param(demo.watch, DRM_DMASHARE_PARAM_NUM_QUEUES));
}

int main(int argc, char **argv)
{
	unsigned int i;

	setvbuf(stderr, NULL, _IOLBF, 0);
	demo.share.on = argc > 1 && !strcmp(argv[1], "share");
	for (i = 0; i < N_BUFFERS; i++)
		demo.share.held[i] = -1;
	demo.watch = dms_open();
	demo.fd = dms_open();
	ASSERT_MSG(dms_param(demo.fd, DRM_DMASHARE_PARAM_IOMMU),
		   "there is no translating IOMMU: the demonstration needs one");
	demo.before = ledger_get(demo.watch, 0);
	frames();
	held_fence();
	fault();
	close(demo.fd);
	report(compare_ledger());
	return 0;
}
