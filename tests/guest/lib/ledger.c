// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <xf86drm.h>

#include "dms.h"
#include "ktap.h"
#include "ledger.h"

static const char * const names[] = {
	"buffers", "live_buffers", "attaches", "live_attachments", "maps",
	"live_mappings", "live_segments",
	"note_export", "note_release", "note_map", "note_unmap",
	"note_begin_cpu", "note_end_cpu", "note_mmap", "note_vmap",
	"note_vunmap", "note_pin", "note_unpin", "note_move",
	"notes_failed", "jobs", "jobs_failed", "bytes_read", "bytes_written",
	"faults", "fences_signalled", "fences_failed",
	"places", "local_bytes_read", "local_bytes_written",
	"syncs_for_cpu", "syncs_for_device",
	"cache_bytes", "cache_dirty", "cache_written_back", "cache_discarded",
	"stale_bytes", "move_requests",
};

_Static_assert(ARRAY_SIZE(names) == LEDGER_COUNTERS, "a counter without a name");

const char *ledger_name(size_t i)
{
	return names[i];
}

uint64_t ledger_value(const struct dmashare_ledger *l, size_t i)
{
	uint64_t v;

	memcpy(&v, (const char *)l + 8 * i, sizeof(v));
	return v;
}

static void ledger_set(struct dmashare_ledger *l, size_t i, uint64_t v)
{
	memcpy((char *)l + 8 * i, &v, sizeof(v));
}

bool ledger_is_live(size_t i)
{
	return !strncmp(names[i], "live_", 5) || !strcmp(names[i], "cache_bytes") ||
	       !strcmp(names[i], "cache_dirty");
}

int ledger_try_get(int fd, uint32_t handle, uint32_t length, void *data)
{
	struct drm_dmashare_ledger_query q = {
		.handle = handle,
		.length = length,
		.data = (uintptr_t)data,
	};

	return drmIoctl(fd, DRM_IOCTL_DMASHARE_LEDGER, &q);
}

struct dmashare_ledger ledger_get(int fd, uint32_t handle)
{
	struct dmashare_ledger l;

	memset(&l, 0xa5, sizeof(l));
	ASSERT_OK(ledger_try_get(fd, handle, sizeof(l), &l));
	return l;
}

struct dmashare_ledger ledger_since(const struct dmashare_ledger *before,
				    const struct dmashare_ledger *now)
{
	struct dmashare_ledger d;
	size_t i;

	for (i = 0; i < LEDGER_COUNTERS; i++)
		ledger_set(&d, i, ledger_value(now, i) - ledger_value(before, i));
	return d;
}

bool ledger_equal(const struct dmashare_ledger *device,
		  const struct dmashare_ledger *counted)
{
	bool equal = true;
	size_t i;

	for (i = 0; i < LEDGER_COUNTERS; i++) {
		uint64_t d = ledger_value(device, i), c = ledger_value(counted, i);

		if (d == c)
			continue;
		ktap_diag("ledger: %s: the device says %lld, the program %lld", names[i],
			  (long long)d, (long long)c);
		equal = false;
	}
	return equal;
}

void ledger_wait_gone(int fd, const struct dmashare_ledger *before)
{
	time_t end = time(NULL) + SOON_MS / 1000;

	for (;;) {
		struct dmashare_ledger now = ledger_get(fd, 0);
		struct dmashare_ledger d = ledger_since(before, &now);

		if (!d.live_buffers && !d.live_attachments && !d.live_mappings &&
		    !d.live_segments)
			return;
		ASSERT_MSG(time(NULL) < end,
			   "left over: %lld buffers, %lld attachments, %lld mappings, %lld segments",
			   (long long)d.live_buffers, (long long)d.live_attachments,
			   (long long)d.live_mappings, (long long)d.live_segments);
		sched_yield();
	}
}

void ledger_wait_empty(int fd)
{
	static const struct dmashare_ledger none;

	ledger_wait_gone(fd, &none);
}
