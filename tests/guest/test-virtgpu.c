// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio-gpu: exports a dumb buffer to our device; cannot import from it, for
 * that takes blob resources, which QEMU has only where the host has udmabuf.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/crc32c.h"
#include "lib/dms.h"
#include "lib/dumb.h"
#include "lib/ktap.h"
#include "lib/ledger.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

static int gpu_open(void)
{
	int fd = drm_open_driver("virtio_gpu", true, 0);

	ASSERT_MSG(fd >= 0, "no virtio GPU");
	return fd;
}

/* A dumb buffer of its own, through our device and back. */
static void gpu_buffer_imported(void)
{
	int gpu = gpu_open(), fd = dms_open();
	struct dumb d = dumb_create(gpu, 256, 64);
	int dmabuf = dumb_export(&d);
	struct bo there;
	uint32_t want;

	dumb_imported(fd, &d, dmabuf, "virtio-gpu");
	/* Closed there, it lives on here. */
	there = dms_import(fd, dmabuf);
	pattern_fill(d.map, d.size, 20);
	want = crc32c(d.map, d.size);
	munmap(d.map, d.size);
	close(dmabuf);
	ASSERT_OK(drmCloseBufferHandle(gpu, d.handle));
	close(gpu);
	ASSERT_EQ(dms_crc(fd, &there, 0, there.size), want);
	covers("lifetime:virtio-gpu");
}

/* The refusal leaves everything as it was before. */
static void gpu_refuses_ours(void)
{
	int gpu = gpu_open();
	struct shared s = dms_create_shared(4 * PAGE, "others");
	struct dmashare_ledger l;
	uint32_t handle;

	ASSERT_ERRNO(drmPrimeFDToHandle(gpu, s.dmabuf, &handle), ENODEV);
	l = ledger_get(s.fd, s.bo.handle);
	ASSERT_EQ(l.live_attachments, 0);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNMAP], l.notes[DMASHARE_NOTE_MAP]);
	ASSERT_EQ(l.notes[DMASHARE_NOTE_UNPIN], l.notes[DMASHARE_NOTE_PIN]);
	if (l.attaches)
		covers("attach:virtio-gpu detach:virtio-gpu");
	if (l.notes[DMASHARE_NOTE_MAP])
		covers("map:virtio-gpu unmap:virtio-gpu");
	dms_run_ok(s.fd, dms_job_fill(&s.bo, 0, s.bo.size, ONES));
	ASSERT(all_bytes(s.bo.map, s.bo.size, 1));
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(gpu_buffer_imported, "import.read:virtio-gpu import.write:virtio-gpu "
		    "import.vmap:virtio-gpu import.unmap:virtio-gpu prime:virtio-gpu "
		    "vmap.system:virtio-gpu vmap.count:virtio-gpu"),
	KTAP_CASE(gpu_refuses_ours),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
