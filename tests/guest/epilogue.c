// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last program in a VM: what those before it left behind, and whether the
 * kernel's checks were on until now. It unloads the modules of the tests.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/dms.h"
#include "lib/ktap.h"
#include "lib/module.h"

/* Only in a VM with HOTPLUG=1. */
#define SLOT		"/sys/bus/pci/devices/0000:00:10.0/secondary_bus_number"

#define DEBUGFS		"/sys/kernel/debug/"
#define KMEMLEAK	DEBUGFS "kmemleak"
/* kmemleak does not look at what is younger than five seconds. */
#define LEAK_AGE_MS	6000
/* Scanning takes long with KASAN, less than what the runner allows this program. */
#define KMEMLEAK_SECONDS	110
/* How much of what was found is shown. */
#define MOST_LINES	60

/* Whoever uses the next is before it. */
static const char *const modules[] = { "vivid", "vgem", "vkms", "dmashare" };

/* Lockdep switches itself off for good at its first report, or when full. */
static void lockdep_was_on(void)
{
	char *text = read_file("/proc/lockdep_stats"), *at;

	if (!text)
		SKIP("a kernel without lockdep");
	at = strstr(text, "debug_locks:");
	ASSERT(at);
	/* scripts/lib/console.py knows that report, and fails for any other. */
	if (!strtoul(at + strlen("debug_locks:"), NULL, 10) && !access(SLOT, F_OK))
		SKIP("the kernel's own driver of slots has an order of locks that lockdep reports");
	ASSERT_EQ(strtoul(at + strlen("debug_locks:"), NULL, 10), 1);
	free(text);
}

/* So does the debugging of the DMA API, when it runs out of memory. */
static void dma_debugging_was_on(void)
{
	char *text = read_file(DEBUGFS "dma-api/disabled");

	if (!text)
		SKIP("a kernel without CONFIG_DMA_API_DEBUG");
	ASSERT_EQ(text[0], 'N');
	free(text);
}

static unsigned long shared_buffers(void)
{
	char *text = read_file(DEBUGFS "dma_buf/bufinfo"), *at;
	unsigned long n;

	if (!text)
		SKIP("a kernel that does not list its dma-bufs");
	at = strstr(text, "\nTotal ");
	ASSERT(at);
	n = strtoul(at + strlen("\nTotal "), NULL, 10);
	free(text);
	return n;
}

/*
 * How many seconds what is on its way out may take. A tenth, with "--brief", is
 * for who has left something behind on purpose.
 */
static unsigned int patience(void)
{
	return rounds(SOON_MS / 1000);
}

static void no_shared_buffer_is_left(void)
{
	time_t end = time(NULL) + patience();
	unsigned long n;

	/* A file is closed for good a moment after its process is gone. */
	while ((n = shared_buffers()) && time(NULL) < end)
		sched_yield();
	ASSERT_EQ(n, 0);
}

/* Where the code of a module is, or was until it was unloaded. */
static struct {
	unsigned long begin, end;
} code[ARRAY_SIZE(modules)];

static void note_code(size_t i)
{
	unsigned long size, begin;
	char *text = read_file("/proc/modules"), *line, *save;
	char name[64];

	ASSERT(text);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size, &begin) == 3 &&
		    !strcmp(name, modules[i])) {
			code[i].begin = begin;
			code[i].end = begin + size;
		}
	free(text);
}

static void modules_unload(void)
{
	/* A dma-heap keeps its module, and what that uses, for ever. */
	bool heap = !access("/dev/dma_heap/dmashare-local", F_OK);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modules); i++)
		if (heap && !strcmp(modules[i], "dmashare"))
			break;
		else if (module_loaded(modules[i])) {
			note_code(i);
			ASSERT_MSG(!module_unload_within(modules[i], patience()),
				   "%s: %s", modules[i], strerror(errno));
		}
}

/*
 * Code of a module that is gone has no name any more: in a stack trace it is a
 * bare address of the upper half.
 */
static bool names_unloaded_code(const char *line)
{
	const char *at = line;

	while ((at = strstr(at, "0xffffffff"))) {
		if (at == line || at[-1] == ' ')
			return true;
		at += 10;
	}
	return strstr(line, "[dmashare]");
}

/* Is one of the addresses of @line where a module of the tests was? */
static bool names_code_of_theirs(const char *line)
{
	const char *at = line;
	unsigned long address;
	size_t i;

	while ((at = strstr(at, "0xffffffff"))) {
		address = strtoul(at, NULL, 16);
		for (i = 0; i < ARRAY_SIZE(code); i++)
			if (address >= code[i].begin && address < code[i].end)
				return true;
		at += 10;
	}
	return false;
}

/*
 * Goes through a file of records, each begun by a line for which @begins is
 * true. Returns how many of them have code of ours, and shows these with @show;
 * those with a line that is @excused do not count.
 */
static unsigned int our_records(const char *path, bool (*begins)(const char *line),
				bool (*excused)(const char *line), bool show)
{
	char *line = NULL, record[8192] = "", *save, *part;
	unsigned int found = 0, shown = 0;
	bool ours = false, maybe = false, theirs = false, more = true, counts = true;
	size_t room = 0, used = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	while (more) {
		more = getline(&line, &room, f) > 0;
		if (!more || begins(line)) {
			ours = (ours || maybe) && counts;
			found += ours;
			for (part = strtok_r(record, "\n", &save);
			     show && ours && part && shown < MOST_LINES;
			     part = strtok_r(NULL, "\n", &save), shown++)
				ktap_diag("%s", part);
			ours = maybe = theirs = false;
			counts = true;
			used = 0;
			record[0] = '\0';
		}
		if (more && excused && excused(line))
			counts = false;
		/*
		 * The initial code of any module is gone, and this is its caller:
		 * a function of it, or several that call each other, are nobody's
		 * unless they call what a module of the tests kept.
		 */
		if (more && strstr(line, " do_one_initcall+")) {
			maybe = theirs = false;
		} else if (more && names_unloaded_code(line)) {
			ours = ours || theirs;
			maybe = true;
			theirs = names_code_of_theirs(line);
		} else {
			ours = ours || maybe;
			maybe = theirs = false;
		}
		if (more && used + strlen(line) < sizeof(record))
			used += sprintf(record + used, "%s", line);
	}
	free(line);
	fclose(f);
	return found;
}

static bool begins_trace(const char *line)
{
	/* "     12 function+0x..."; the stack below it is indented further. */
	return strspn(line, " ") < 7 && line[strspn(line, " ")] != '\n';
}

/*
 * KASAN keeps what was freed, for a while, and the lists count it as allocated;
 * a cache that is shrunk lets go of it. @path is ".../slab/CACHE/alloc_traces".
 */
static void shrink(const char *path)
{
	const char *name = strstr(path, "/slab/") + strlen("/slab/");
	char control[192];
	int fd;

	snprintf(control, sizeof(control), "/sys/kernel/slab/%.*s/shrink",
		 (int)strcspn(name, "/"), name);
	fd = open(control, O_WRONLY | O_CLOEXEC);
	ASSERT_MSG(fd >= 0 && write(fd, "1", 1) == 1, "%s: %s", control, strerror(errno));
	close(fd);
}

/*
 * What the kernel allocates for itself: of a device that was looked for in sysfs it
 * keeps the names of a few directories, as many when it came and went ten times as
 * after the first time; and what it notes of a module's initial code it frees in
 * its own time.
 */
static bool is_of_kernel(const char *line)
{
	return strstr(line, " __kernfs_new_node+") ||
	       (begins_trace(line) && strstr(line, " do_init_module+"));
}

static unsigned int our_slabs(const glob_t *g, bool show)
{
	unsigned int found = 0, n;
	size_t i;

	for (i = 0; i < g->gl_pathc; i++) {
		shrink(g->gl_pathv[i]);
		n = our_records(g->gl_pathv[i], begins_trace, is_of_kernel, show);
		if (n && show)
			ktap_diag("%u in %s", n, g->gl_pathv[i]);
		found += n;
	}
	return found;
}

/* Needs slab_debug=U on the kernel's command line. */
static void slab_has_nothing_of_theirs(void)
{
	time_t end = time(NULL) + patience();
	glob_t g;

	if (glob(DEBUGFS "slab/kmalloc-*/alloc_traces", 0, NULL, &g))
		SKIP("the kernel does not keep who allocated what");
	/* What waits for RCU is freed in batches, seconds later. */
	while (our_slabs(&g, false) && time(NULL) < end)
		sched_yield();
	ASSERT_EQ(our_slabs(&g, true), 0);
	globfree(&g);
}

static bool begins_leak(const char *line)
{
	return !strncmp(line, "unreferenced object", 19);
}

static void scan(void)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		SKIP("a kernel without kmemleak");
	if (write(fd, "scan", 4) != 4) {
		ASSERT_EQ(errno, EPERM);
		SKIP("kmemleak is off");
	}
	close(fd);
}

/* Needs kmemleak=on on the kernel's command line. */
static void kmemleak_finds_nothing_of_theirs(void)
{
	/* One scan finds what looks unused, the next that it stayed so. */
	scan();
	poll(NULL, 0, LEAK_AGE_MS);
	scan();
	ASSERT_EQ(our_records(KMEMLEAK, begins_leak, NULL, true), 0);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(lockdep_was_on),
	KTAP_CASE(dma_debugging_was_on),
	KTAP_CASE(no_shared_buffer_is_left),
	KTAP_CASE(modules_unload),
	KTAP_CASE(slab_has_nothing_of_theirs),
	KTAP_SLOW(kmemleak_finds_nothing_of_theirs, KMEMLEAK_SECONDS),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
