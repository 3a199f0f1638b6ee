// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VM itself: that it is what `make vm` promises. Without this a test that
 * passes could have passed without an IOMMU, or on another driver.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <dmashare/abi.h>

#include "lib/dms.h"
#include "lib/host.h"
#include "lib/ktap.h"
#include "lib/module.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"

/* A PCI function of the guest by its sysfs name; a file in it as a number. */
static unsigned long pci_number(const char *name, const char *file)
{
	char path[PATH_MAX];
	unsigned long value;
	char *text;

	snprintf(path, sizeof(path), "%s/%s/%s", PCI_DEVICES, name, file);
	text = read_file(path);
	ASSERT_MSG(text, "%s: cannot be read", path);
	value = strtoul(text, NULL, 0);
	free(text);
	return value;
}

/* The last part of where a link in its folder points to; NULL without one. */
static const char *pci_link(const char *name, const char *file)
{
	static char target[PATH_MAX];
	char path[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%s/%s", PCI_DEVICES, name, file);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return NULL;
	target[len] = '\0';
	return strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
}

/* Calls @check for each dmashare device and returns how many there are. */
static unsigned int each_device(void (*check)(const char *name))
{
	DIR *dir = opendir(PCI_DEVICES);
	unsigned int found = 0;
	struct dirent *d;

	ASSERT_MSG(dir, "%s: %s", PCI_DEVICES, strerror(errno));
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' ||
		    pci_number(d->d_name, "vendor") != DMASHARE_PCI_VENDOR_ID ||
		    pci_number(d->d_name, "device") != DMASHARE_PCI_DEVICE_ID)
			continue;
		found++;
		if (check)
			check(d->d_name);
	}
	closedir(dir);
	return found;
}

static void has_driver(const char *name)
{
	const char *driver = pci_link(name, "driver");

	ASSERT_MSG(driver && !strcmp(driver, "dmashare"),
		   "%s is driven by %s", name, driver ? driver : "nobody");
}

static void driver_bound(void)
{
	ASSERT_NE(each_device(has_driver), 0);
}

static void is_translated(const char *name)
{
	const char *wanted = getenv("vm_iommu");
	const char *group = pci_link(name, "iommu_group");
	char path[PATH_MAX];
	char *type;

	ASSERT_MSG(wanted, "vm_iommu is not set: not started by scripts/vm?");
	if (!strcmp(wanted, "none")) {
		ASSERT_MSG(!group, "%s is in IOMMU group %s", name, group);
		return;
	}
	ASSERT_MSG(group, "%s is behind no IOMMU", name);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/type", group);
	type = read_file(path);
	ASSERT_MSG(type, "%s: cannot be read", path);
	/* "DMA" is translated and strict; "DMA-FQ" lazy; "identity" neither. */
	ASSERT_MSG(!strcmp(type, "DMA\n"), "the domain of %s is of type %s",
		   name, type);
	free(type);
}

static void iommu_translates(void)
{
	ASSERT_NE(each_device(is_translated), 0);
}

/*
 * Exactly what a module from outside the tree sets (O), and an unsigned one (E)
 * where the kernel looks for signatures.
 */
static void taint_is_ours(void)
{
	char *text = read_file("/proc/sys/kernel/tainted");

	ASSERT(text);
	ASSERT_EQ(strtoul(text, NULL, 0) & ~(1ul << 13), 1 << 12);
	free(text);
}

static void vgem_loads(void)
{
	ASSERT_OK(module_load("vgem", ""));
	ASSERT(drm_open_driver("vgem", true, 0) >= 0);
}

static void udmabuf_is_there(void)
{
	ASSERT_OK(access("/dev/udmabuf", R_OK | W_OK));
}

static void system_heap_is_there(void)
{
	ASSERT_OK(access("/dev/dma_heap/system", R_OK));
}

static void vivid_loads_and_unloads(void)
{
	ASSERT_OK(module_load("vivid", "n_devs=2 allocators=0,1"));
	ASSERT(module_loaded("vivid"));
	ASSERT_EQ(module_parameter("vivid", "n_devs", -1), 2);
	ASSERT_OK(module_unload("vivid"));
}

static bool has_pci(unsigned long vendor, unsigned long number)
{
	DIR *dir = opendir(PCI_DEVICES);
	bool found = false;
	struct dirent *d;

	ASSERT_MSG(dir, "%s: %s", PCI_DEVICES, strerror(errno));
	while ((d = readdir(dir)))
		found = found || (d->d_name[0] != '.' &&
				  pci_number(d->d_name, "vendor") == vendor &&
				  pci_number(d->d_name, "device") == number);
	closedir(dir);
	return found;
}

/* Its driver is loaded where the device is, and nowhere else. */
static void virtio_gpu_is_driven(void)
{
	ASSERT_EQ(drm_open_driver("virtio_gpu", false, 0) >= 0,
		  has_pci(0x1af4, 0x1050));
}

/* The port to QEMU's monitor: what comes back is what was asked for. */
static void qemu_answers(void)
{
	char answer[4096];

	if (!host_there())
		SKIP("a kernel without a virtio console");
	ASSERT_OK(host_qmp("{\"execute\": \"query-status\"}", answer, sizeof(answer)));
	ASSERT_MSG(strstr(answer, "\"status\": \"running\""), "%s", answer);
	ASSERT_ERRNO(host_qmp("{\"execute\": \"no-such-command\"}", answer, sizeof(answer)),
		     EPROTO);
	ASSERT_MSG(strstr(answer, "CommandNotFound"), "%s", answer);
	ASSERT_OK(host_qmp("{\"execute\": \"qom-get\", \"arguments\": "
			   "{\"path\": \"/machine/peripheral/dmashare0\", "
			   "\"property\": \"type\"}}", answer, sizeof(answer)));
	ASSERT_MSG(strstr(answer, "\"return\": \"dmashare\""), "%s", answer);
	ASSERT_ERRNO(host_set("dmashare0", "no-such-property", "1"), EPROTO);
}

/* An event that comes by itself after the command; and one that never does. */
static void qemu_tells_of_events(void)
{
	if (!host_there())
		SKIP("a kernel without a virtio console");
	ASSERT_OK(host_qmp("{\"execute\": \"device_add\", \"arguments\": "
			   "{\"driver\": \"virtserialport\", \"id\": \"extra\"}}", NULL, 0));
	ASSERT_OK(host_qmp("{\"execute\": \"device_del\", \"arguments\": "
			   "{\"id\": \"extra\"}}", NULL, 0));
	ASSERT_OK(host_event("DEVICE_DELETED", 60));
	ASSERT_ERRNO(host_event("DEVICE_DELETED", 1), ETIMEDOUT);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(driver_bound),
	KTAP_CASE(iommu_translates),
	KTAP_CASE(taint_is_ours),
	KTAP_CASE(vgem_loads),
	KTAP_CASE(udmabuf_is_there),
	KTAP_CASE(system_heap_is_there),
	KTAP_CASE(vivid_loads_and_unloads),
	KTAP_CASE(virtio_gpu_is_driven),
	KTAP_CASE(qemu_answers),
	KTAP_CASE(qemu_tells_of_events),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
