// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device whose link is lost and found again, beside one that nobody touches: what
 * one of them does to the machine's address space is no business of the other's.
 * Without a driver, so that nothing but the registers is looked at.
 *
 * QEMU changes the address space from another thread than the one that runs the
 * guest, which reads all the while. QEMU 10.0 ends then, now and then, unless it has
 * the second patch of patches/qemu-10.0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <dmashare/abi.h>

#include "lib/control.h"
#include "lib/dms.h"
#include "lib/ktap.h"
#include "lib/module.h"

#define PAGE	4096u
#define HEADER	64	/* bytes of a standard header */
#define DEVICES	"/sys/bus/pci/devices/"

/**
 * struct watch - a process that reads a device's registers until it is killed
 * @reads: how often it did
 * @wrong: how often it did not see what is always there
 * @seen: what it saw instead, last
 */
struct watch {
	uint64_t reads;
	uint64_t wrong;
	uint32_t seen;
};

/* Opens a file of the nth dmashare device of the bus. */
static int open_file(unsigned int nth, const char *name)
{
	char path[128], *id;
	glob_t found;
	int fd = -1;

	ASSERT_OK(glob(DEVICES "*/modalias", 0, NULL, &found));
	for (size_t i = 0; i < found.gl_pathc && fd < 0; i++) {
		bool ours;

		id = read_file(found.gl_pathv[i]);
		ours = id && !strncmp(id, "pci:v00001AF4d000010F0", 22);
		free(id);
		if (!ours || nth--)
			continue;
		snprintf(path, sizeof(path), "%.*s%s",
			 (int)(strlen(found.gl_pathv[i]) - strlen("modalias")),
			 found.gl_pathv[i], name);
		fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
		ASSERT_MSG(fd >= 0, "%s: %s", path, strerror(errno));
	}
	globfree(&found);
	ASSERT_MSG(fd >= 0, "no such device");
	return fd;
}

/* Its registers, for as long as the case. */
static const volatile uint32_t *registers(unsigned int nth)
{
	int fd = open_file(nth, "resource0");
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_MSG(map != MAP_FAILED, "resource0: %s", strerror(errno));
	close(fd);
	return map;
}

/*
 * The header of a device's configuration space, which is lost with the link: the
 * addresses of its BARs first, then that they are decoded.
 */
static void read_header(int config, uint8_t *header)
{
	ASSERT_EQ(pread(config, header, HEADER, 0), HEADER);
}

static void write_header(int config, const uint8_t *header)
{
	ASSERT_EQ(pwrite(config, header + PCI_BASE_ADDRESS_0, PCI_CARDBUS_CIS -
			 PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_0),
		  PCI_CARDBUS_CIS - PCI_BASE_ADDRESS_0);
	ASSERT_EQ(pwrite(config, header + PCI_COMMAND, 2, PCI_COMMAND), 2);
}

static void watch(const volatile uint32_t *regs, struct watch *w)
{
	for (;;) {
		uint32_t id = regs[DMASHARE_REG_ID / 4];

		if (id != DMASHARE_ID_MAGIC) {
			w->seen = id;
			w->wrong++;
		}
		__atomic_store_n(&w->reads, w->reads + 1, __ATOMIC_RELEASE);
	}
}

static void others_are_read_right(void)
{
	const volatile uint32_t *regs, *other;
	struct watch *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);
	unsigned int n = rounds(250), i;
	uint8_t header[HEADER];
	int config, status;
	pid_t pid;

	ASSERT(w != MAP_FAILED);
	ASSERT_OK(module_unload_soon("dmashare"));
	regs = registers(0);
	other = registers(1);
	ASSERT_EQ(regs[DMASHARE_REG_ID / 4], DMASHARE_ID_MAGIC);
	ASSERT_EQ(other[DMASHARE_REG_ID / 4], DMASHARE_ID_MAGIC);
	config = open_file(1, "config");
	read_header(config, header);

	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		watch(regs, w);
	}
	for (i = 0; i < n; i++) {
		/* While this process waits for QEMU to answer, the other one reads. */
		ctl_pci_fault(1, "link-down");
		ASSERT_EQ(other[DMASHARE_REG_ID / 4], UINT32_MAX);
		ctl_pci_fault(1, "link-up");
		write_header(config, header);
		ASSERT_EQ(other[DMASHARE_REG_ID / 4], DMASHARE_ID_MAGIC);
	}
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ktap_diag("%u times away and back, %llu reads meanwhile", n,
		  (unsigned long long)w->reads);
	ASSERT(w->reads > n);
	ASSERT_MSG(!w->wrong, "%llu of %llu reads wrong, the last gave 0x%x",
		   (unsigned long long)w->wrong, (unsigned long long)w->reads, w->seen);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW(others_are_read_right, 60),
};

int main(int argc, char **argv)
{
	return module_ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
