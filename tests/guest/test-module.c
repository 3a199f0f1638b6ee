// SPDX-License-Identifier: GPL-2.0-or-later
/* The module: not unloaded while anything of it is used, and cleanly after. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/foreign.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/module.h"

#define PAGE	4096u
#define ONES	0x0101010101010101ull

static void need_module(void)
{
	if (!module_loaded("dmashare"))
		ASSERT_OK(module_load("dmashare", ""));
}

static void unload_and_load(void)
{
	ASSERT_OK(module_unload_soon("dmashare"));
	ASSERT(!module_loaded("dmashare"));
	ASSERT_OK(module_load("dmashare", ""));
}

static void refused_while_open(void)
{
	int fd;

	need_module();
	fd = dms_open();
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	dms_run_ok(fd, dms_job_noop(0));
	close(fd);
	unload_and_load();
}

static void refused_while_exported(void)
{
	struct bo bo;
	uint8_t *p;
	int fd, dmabuf;

	need_module();
	fd = dms_open();
	bo = dms_create(fd, PAGE, "exported");
	dmabuf = dms_export(fd, bo.handle);
	close(fd);
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dmabuf, 0);
	ASSERT(p != MAP_FAILED);
	close(dmabuf);
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	ASSERT(all_bytes(p, PAGE, 0));
	munmap(p, PAGE);
	unload_and_load();
}

static void refused_while_mapped(void)
{
	struct bo bo;
	int fd;

	need_module();
	fd = dms_open();
	bo = dms_create_mapped(fd, PAGE, "mapped");
	close(fd);
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	bo.map[0] = 1;
	munmap(bo.map, PAGE);
	unload_and_load();
}

static void refused_while_vgem_has_it(void)
{
	struct bo bo;
	int fd, vgem, dmabuf;
	uint32_t handle;

	need_module();
	fd = dms_open();
	vgem = vgem_open();
	bo = dms_create(fd, PAGE, "at vgem");
	dmabuf = dms_export(fd, bo.handle);
	ASSERT_OK(drmPrimeFDToHandle(vgem, dmabuf, &handle));
	close(dmabuf);
	close(fd);
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	close(vgem);
	unload_and_load();
}

/* A sync_file keeps what its fence needs to answer: the module. */
static void refused_while_a_sync_file_lives(void)
{
	struct drm_dmashare_job noop = dms_job_noop(0);
	int fd, fence;

	need_module();
	fd = dms_open();
	fence = dms_submit_fence(fd, 0, 0, &noop, 1);
	ASSERT_EQ(fence_wait(fence), 0);
	close(fd);
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	ASSERT_EQ(fence_info(fence).status, 1);
	ASSERT_EQ(poll_now(fence, POLLIN), POLLIN);
	close(fence);
	unload_and_load();
}

/* So does a foreign dma-buf on whose reservation our fence was left. */
static void refused_while_a_foreign_buffer_has_our_fence(void)
{
	struct foreign f;
	struct bo there;
	int fd;

	need_module();
	f = heap_buffer(PAGE);
	fd = dms_open();
	there = dms_import(fd, f.dmabuf);
	dms_run_ok(fd, dms_job_fill(&there, 0, PAGE, ONES));
	close(fd);
	ASSERT_ERRNO(module_unload("dmashare"), EWOULDBLOCK);
	ASSERT(all_bytes(f.map, PAGE, 1));
	ASSERT_EQ(poll_now(f.dmabuf, POLLIN | POLLOUT), POLLIN | POLLOUT);
	foreign_destroy(&f);
	unload_and_load();
}

/* One that was imported and not used keeps nothing. */
static void foreign_buffer_outlives(void)
{
	struct foreign f;
	struct bo there;
	int fd;

	need_module();
	f = heap_buffer(PAGE);
	pattern_fill(f.map, PAGE, 1);
	fd = dms_open();
	dms_import(fd, f.dmabuf);
	close(fd);
	unload_and_load();
	ASSERT(pattern_check(f.map, PAGE, 1));
	fd = dms_open();
	there = dms_import(fd, f.dmabuf);
	dms_run_ok(fd, dms_job_fill(&there, 0, PAGE, 2 * ONES));
	ASSERT(all_bytes(f.map, PAGE, 2));
}

static void reload_often(void)
{
	unsigned int i;
	struct bo bo;
	int fd;

	need_module();
	for (i = 0; i < rounds(10); i++) {
		fd = dms_open();
		ledger_wait_empty(fd);
		bo = dms_create_mapped(fd, 16 * PAGE, "reload");
		dms_run_ok(fd, dms_job_fill(&bo, 0, bo.size, i * ONES));
		ASSERT(all_bytes(bo.map, bo.size, i));
		munmap(bo.map, bo.size);
		close(fd);
		unload_and_load();
	}
}

static const struct ktap_case cases[] = {
	KTAP_CASE(refused_while_open),
	KTAP_COVERS(refused_while_exported, "lifetime:user"),
	KTAP_COVERS(refused_while_mapped, "lifetime:user"),
	KTAP_COVERS(refused_while_vgem_has_it, "lifetime:vgem"),
	KTAP_CASE(refused_while_a_sync_file_lives),
	KTAP_CASE(refused_while_a_foreign_buffer_has_our_fence),
	KTAP_CASE(foreign_buffer_outlives),
	KTAP_CASE(reload_often),
};

int main(int argc, char **argv)
{
	return module_ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
