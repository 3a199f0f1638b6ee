// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare as importer: dma-bufs of vgem, udmabuf and the system heap. Every
 * case runs once per exporter; the bytes are compared through the exporter's
 * own mapping.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u

typedef struct foreign (*create_fn)(size_t size);

/* CPU access through the exporter's mapping, as its rules want it. */
static void cpu_begin(const struct foreign *f)
{
	ASSERT_OK(dmabuf_sync(f->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
}

static void cpu_end(const struct foreign *f)
{
	ASSERT_OK(dmabuf_sync(f->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
}

static void info_of(create_fn create)
{
	struct foreign f = create(5 * PAGE);
	int fd = dms_open();
	struct bo bo = dms_import(fd, f.dmabuf);
	struct drm_dmashare_bo_info i = dms_info(fd, bo.handle);

	ASSERT_EQ(i.size, 5 * PAGE);
	/* Dynamic or not depends on the kernel. */
	ASSERT_EQ(i.flags & ~DRM_DMASHARE_BO_INFO_DYNAMIC,
		  DRM_DMASHARE_BO_INFO_IMPORTED | DRM_DMASHARE_BO_INFO_MAPPED);
	ASSERT_EQ(i.placement, DMASHARE_PLACEMENT_SYSTEM);
	ASSERT_NE(i.mapping, 0);
	ASSERT_NE(i.dma_addr, 0);
	ASSERT_MSG(i.n_segments >= 1 && i.n_segments <= 5, "%u segments", i.n_segments);
	covers("prime:%s", f.exporter);
}

static void read_of(create_fn create)
{
	static const size_t sizes[] = { PAGE, 3 * PAGE, 64 * PAGE, 257 * PAGE };
	int fd = dms_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct foreign f = create(sizes[i]);
		struct bo there = dms_import(fd, f.dmabuf);
		struct bo ours = dms_create_mapped(fd, sizes[i], "ours");

		cpu_begin(&f);
		pattern_fill(f.map, f.size, i);
		cpu_end(&f);
		dms_run_ok(fd, dms_job_copy(&ours, 0, &there, 0, f.size));
		ASSERT(pattern_check(ours.map, f.size, i));
		ASSERT_EQ(dms_crc(fd, &there, 0, f.size), crc32c(f.map, f.size));
		covers("import.read:%s", f.exporter);
		dms_destroy(&ours);
		ASSERT_OK(dms_try_close(fd, there.handle));
		foreign_destroy(&f);
	}
}

static void write_of(create_fn create)
{
	static const size_t sizes[] = { PAGE, 3 * PAGE, 64 * PAGE, 257 * PAGE };
	int fd = dms_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct foreign f = create(sizes[i]);
		struct bo there = dms_import(fd, f.dmabuf);
		struct bo ours = dms_create_mapped(fd, sizes[i], "ours");

		pattern_fill(ours.map, ours.size, i);
		dms_run_ok(fd, dms_job_copy(&there, 0, &ours, 0, f.size));
		cpu_begin(&f);
		ASSERT(pattern_check(f.map, f.size, i));
		cpu_end(&f);
		ASSERT_EQ(dms_crc(fd, &ours, 0, f.size), crc32c(f.map, f.size));
		covers("import.write:%s", f.exporter);
		dms_destroy(&ours);
		ASSERT_OK(dms_try_close(fd, there.handle));
		foreign_destroy(&f);
	}
}

static void fill_of(create_fn create)
{
	const uint64_t value = 0x8877665544332211;
	struct foreign f = create(4 * PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	size_t i;

	memset(f.map, 0x11, f.size);
	dms_run_ok(fd, dms_job_fill(&there, PAGE - 3, PAGE + 7, value));
	cpu_begin(&f);
	ASSERT(all_bytes(f.map, PAGE - 3, 0x11));
	for (i = 0; i < PAGE + 7; i++)
		ASSERT_EQ(f.map[PAGE - 3 + i], value >> 8 * (i & 7) & 0xff);
	ASSERT(all_bytes(f.map + 2 * PAGE + 4, 2 * PAGE - 4, 0x11));
	cpu_end(&f);
	covers("import.write:%s", f.exporter);
}

/* Whether both are the same; says where they first and last differ. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t first, last;

	if (!memcmp(a, b, len))
		return true;
	for (first = 0; a[first] == b[first]; first++)
		;
	for (last = len - 1; a[last] == b[last]; last--)
		;
	ktap_diag("bytes %zu to %zu of %zu differ: %#x and %#x in the first", first, last,
		  len, a[first], b[first]);
	return false;
}

/*
 * QEMU's virtio-iommu (10.0) looks an address up together with the byte after
 * it, and so may take the last byte of a mapping to be in the next one: then an
 * access that begins there goes astray. A copy has such accesses as well where
 * its operands are one byte apart in their pages.
 */
static uint64_t last_offset(void)
{
	const char *iommu = getenv("vm_iommu");

	return iommu && !strcmp(iommu, "virtio") ? 4091 : 4095;
}

/* Offsets that cross pages off their boundaries, both ways. */
static void unaligned_of(create_fn create)
{
	const uint64_t offsets[] = { 1, 7, 4093, last_offset(), 4097 };
	struct foreign f = create(8 * PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	struct bo ours = dms_create_mapped(fd, 8 * PAGE, "ours");
	const uint64_t len = 3 * PAGE + 11;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		for (j = 0; j < ARRAY_SIZE(offsets); j++) {
			pattern_fill(f.map, f.size, i);
			memset(ours.map, 0, ours.size);
			dms_run_ok(fd, dms_job_copy(&ours, offsets[j], &there, offsets[i], len));
			ASSERT(same_bytes(ours.map + offsets[j], f.map + offsets[i], len));
			pattern_fill(ours.map, ours.size, 100 + j);
			dms_run_ok(fd, dms_job_copy(&there, offsets[i], &ours, offsets[j], len));
			ASSERT(same_bytes(ours.map + offsets[j], f.map + offsets[i], len));
		}
	covers("import.read:%s import.write:%s", f.exporter, f.exporter);
}

static void rows_of(create_fn create)
{
	enum { W = 200, H = 60, SP = 301, DP = 256 };
	struct foreign f = create(8 * PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	struct bo ours = dms_create_mapped(fd, 8 * PAGE, "ours");
	struct drm_dmashare_job job = dms_job_copy(&ours, 9, &there, 33, W);
	unsigned int y;

	pattern_fill(f.map, f.size, 1);
	job.rows = H;
	job.src.pitch = SP;
	job.dst.pitch = DP;
	dms_run_ok(fd, job);
	for (y = 0; y < H; y++) {
		ASSERT(!memcmp(ours.map + 9 + y * DP, f.map + 33 + y * SP, W));
		ASSERT(y == H - 1 || all_bytes(ours.map + 9 + y * DP + W, DP - W, 0));
	}
	covers("import.read:%s", f.exporter);
}

/* dma-buf fd closed, then the foreign buffer itself: the import holds it. */
static void kept_alive_of(create_fn create)
{
	struct foreign f = create(4 * PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	uint32_t crc;

	pattern_fill(f.map, f.size, 2);
	crc = crc32c(f.map, f.size);
	covers("lifetime:%s", f.exporter);
	foreign_destroy(&f);
	ASSERT_EQ(dms_crc(fd, &there, 0, 4 * PAGE), crc);
}

/* Twice the same dma-buf: one handle, one attachment, one mapping. */
static void twice_of(create_fn create)
{
	struct foreign f = create(PAGE);
	int fd = dms_open();
	struct bo first = dms_import(fd, f.dmabuf), second = dms_import(fd, f.dmabuf);
	struct dmashare_ledger l = ledger_get(fd, first.handle);

	ASSERT_EQ(first.handle, second.handle);
	ASSERT_EQ(l.attaches, 1);
	ASSERT_EQ(l.maps, 1);
	covers("prime:%s", f.exporter);
}

/* The dma-buf that an import is exported as is the exporter's. */
static void export_on_of(create_fn create)
{
	struct foreign f = create(PAGE);
	int fd = dms_open(), other = dms_open(), onward;
	struct bo there = dms_import(fd, f.dmabuf), again;

	onward = dms_export(fd, there.handle);
	ASSERT_EQ(lseek(onward, 0, SEEK_END), PAGE);
	again = dms_import(other, onward);
	ASSERT_EQ(dms_info(other, again.handle).flags & DRM_DMASHARE_BO_INFO_IMPORTED,
		  DRM_DMASHARE_BO_INFO_IMPORTED);
	dms_run_ok(other, dms_job_fill(&again, 0, PAGE, 0x7777777777777777));
	ASSERT(all_bytes(f.map, PAGE, 0x77));
	covers("prime:%s import.write:%s", f.exporter, f.exporter);
}

static void ledger_of(create_fn create)
{
	struct foreign f = create(3 * PAGE);
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0), now, d, counted = { 0 };
	struct bo there = dms_import(fd, f.dmabuf);
	struct drm_dmashare_bo_info i = dms_info(fd, there.handle);

	counted.buffers = 1;
	counted.live_buffers = 1;
	counted.attaches = 1;
	counted.live_attachments = 1;
	counted.maps = 1;
	counted.live_mappings = 1;
	counted.live_segments = i.n_segments;
	now = ledger_get(fd, there.handle);
	ASSERT(ledger_equal(&now, &counted));

	dms_run_ok(fd, dms_job_fill(&there, 0, 3 * PAGE, 0));
	counted.jobs = 1;
	counted.bytes_written = 3 * PAGE;
	now = ledger_get(fd, there.handle);
	ASSERT(ledger_equal(&now, &counted));

	ASSERT_OK(dms_try_close(fd, there.handle));
	counted.live_buffers = 0;
	counted.live_attachments = 0;
	counted.live_mappings = 0;
	counted.live_segments = 0;
	counted.fences_signalled = 1;
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT(ledger_equal(&d, &counted));
}

#define FOR_EXPORTER(which, create)					\
	static void which##_info(void) { info_of(create); }		\
	static void which##_read(void) { read_of(create); }		\
	static void which##_write(void) { write_of(create); }		\
	static void which##_fill(void) { fill_of(create); }		\
	static void which##_unaligned(void) { unaligned_of(create); }	\
	static void which##_rows(void) { rows_of(create); }		\
	static void which##_kept_alive(void) { kept_alive_of(create); }	\
	static void which##_twice(void) { twice_of(create); }		\
	static void which##_export_on(void) { export_on_of(create); }	\
	static void which##_ledger(void) { ledger_of(create); }

#define CASES_OF(which)							\
	KTAP_CASE(which##_info),					\
	KTAP_CASE(which##_read),					\
	KTAP_CASE(which##_write),					\
	KTAP_CASE(which##_fill),					\
	KTAP_CASE(which##_unaligned),					\
	KTAP_CASE(which##_rows),					\
	KTAP_CASE(which##_kept_alive),					\
	KTAP_CASE(which##_twice),					\
	KTAP_CASE(which##_export_on),					\
	KTAP_CASE(which##_ledger)

FOR_EXPORTER(vgem, vgem_buffer)
FOR_EXPORTER(udmabuf, udmabuf_buffer)
FOR_EXPORTER(udmabuf_scattered, udmabuf_scattered)
FOR_EXPORTER(heap, heap_buffer)

/* Straight from one foreign exporter's buffer into another's, every pair. */
static void between_exporters(void)
{
	const size_t size = 16 * PAGE;
	int fd = dms_open();
	size_t i, j;

	for (i = 0; i < N_EXPORTERS; i++)
		for (j = 0; j < N_EXPORTERS; j++) {
			struct foreign from = exporters[i].create(size);
			struct foreign to = exporters[j].create(size);
			struct bo a = dms_import(fd, from.dmabuf), b = dms_import(fd, to.dmabuf);

			pattern_fill(from.map, size, 10 * i + j);
			dms_run_ok(fd, dms_job_copy(&b, 0, &a, 0, size));
			ASSERT_MSG(pattern_check(to.map, size, 10 * i + j), "%s to %s",
				   exporters[i].name, exporters[j].name);
			ASSERT_OK(dms_try_close(fd, a.handle));
			ASSERT_OK(dms_try_close(fd, b.handle));
			foreign_destroy(&from);
			foreign_destroy(&to);
		}
}

/*
 * The pages of the memfd, seen as the file has them, against their places in
 * the dma-buf: the list's order must reach the device.
 */
static void scattered_order(void)
{
	enum { N = 32 };
	struct foreign f = udmabuf_scattered(N * PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	uint64_t word;
	unsigned int i;

	for (i = 0; i < N; i++)
		dms_run_ok(fd, dms_job_fill(&there, i * PAGE, PAGE, 0x1000 + i));
	for (i = 0; i < N; i++) {
		off_t at = (2 * (N - 1 - i) + 1) * PAGE;

		ASSERT_EQ(pread(f.backing, &word, 8, at), 8);
		ASSERT_EQ(word, 0x1000 + i);
		ASSERT_EQ(pread(f.backing, &word, 8, at + PAGE - 8), 8);
		ASSERT_EQ(word, 0x1000 + i);
		/* The pages in between belong to nobody and stay empty. */
		ASSERT_EQ(pread(f.backing, &word, 8, at - PAGE), 8);
		ASSERT_EQ(word, 0);
	}
}

/*
 * Behind the IOMMU the device's address is not where the bytes are. The page
 * is one of udmabuf's memfd, for whose mapping the kernel tells where it is.
 */
static void address_is_translated(void)
{
	struct foreign f = udmabuf_buffer(PAGE);
	int fd = dms_open();
	struct bo there = dms_import(fd, f.dmabuf);
	uint8_t *file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f.backing, 0);
	uint64_t physical;

	if (!dms_param(fd, DRM_DMASHARE_PARAM_IOMMU))
		SKIP("no IOMMU");
	ASSERT(file != MAP_FAILED);
	ASSERT_OK(mlock(file, PAGE));
	dms_run_ok(fd, dms_job_fill(&there, 0, PAGE, 0x6161616161616161));
	ASSERT(all_bytes(file, PAGE, 0x61));
	physical = physical_address(file);
	ASSERT_MSG(physical, "/proc/self/pagemap does not tell");
	ASSERT_NE(physical, dms_info(fd, there.handle).dma_addr);
}

static void not_a_dmabuf(void)
{
	int fd = dms_open(), file;
	uint32_t handle;

	ASSERT_ERRNO(dms_try_import(fd, -1, &handle), EBADF);
	file = memfd_create("plain", MFD_CLOEXEC);
	ASSERT_OK(file);
	ASSERT_ERRNO(dms_try_import(fd, file, &handle), EINVAL);
	ASSERT_ERRNO(dms_try_import(fd, fd, &handle), EINVAL);
}

/* Import, close, import, ...: nothing may pile up in the device. */
static void import_and_close_again(void)
{
	struct foreign f = vgem_buffer(16 * PAGE);
	int fd = dms_open();
	struct dmashare_ledger before = ledger_get(fd, 0), now, d;
	unsigned int n = rounds(200), i;

	for (i = 0; i < n; i++) {
		struct bo there = dms_import(fd, f.dmabuf);

		ASSERT_OK(dms_try_close(fd, there.handle));
	}
	now = ledger_get(fd, 0);
	d = ledger_since(&before, &now);
	ASSERT_EQ(d.attaches, n);
	ASSERT_EQ(d.maps, n);
	ASSERT_EQ(d.live_buffers, 0);
	ASSERT_EQ(d.live_attachments, 0);
	ASSERT_EQ(d.live_mappings, 0);
	ASSERT_EQ(d.live_segments, 0);
}

static const struct ktap_case cases[] = {
	CASES_OF(vgem),
	CASES_OF(udmabuf),
	CASES_OF(udmabuf_scattered),
	CASES_OF(heap),
	KTAP_COVERS(between_exporters,
		    "import.read:vgem import.read:udmabuf import.read:system-heap "
		    "import.write:vgem import.write:udmabuf import.write:system-heap"),
	KTAP_COVERS(scattered_order, "import.write:udmabuf"),
	KTAP_COVERS(address_is_translated, "import.write:udmabuf"),
	KTAP_COVERS(not_a_dmabuf, "prime:user"),
	KTAP_CASE(import_and_close_again),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
