// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The figures of dmashare that are measured in a guest, beside their floors. The VM
 * has one processor, two dmashare devices, and 1.5 GiB for a hundred thousand buffers.
 */
#include "figures.h"
#include "lib/ktap.h"
#include "sample.h"

static const struct taker takers[] = {
	{ "submit-wake", take_submit_wake },
	{ "submit-batch", take_submit_batch },
	{ "fence-waiters", take_fence_waiters },
	{ "map-4k", take_map_4k },
	{ "map-page", take_map_page },
	{ "map-huge", take_map_huge },
	{ "map-4k-device", take_map_4k_device },
	{ "map-huge-device", take_map_huge_device },
	{ "lifecycle", take_lifecycle },
	{ "live-create", take_live_buffers },
	{ "live-export", take_live_buffers },
	{ "live-import", take_live_buffers },
	{ "live-submit", take_live_buffers },
	{ "live-map", take_live_buffers },
	{ "live-destroy", take_live_buffers },
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, takers, ARRAY_SIZE(takers), NULL);
}
