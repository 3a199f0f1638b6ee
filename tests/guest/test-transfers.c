// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many transfers with every sync in its place: in the VM "noncoherent" the devices
 * work on copies of their own, in the VM "bounce" every mapping is a copy that
 * the DMA API makes. What happens when one is left out is in test-coherence.c.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include <linux/dma-buf.h>

#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/ledger.h"
#include "lib/place.h"
#include "lib/turn.h"

#define PAGE	4096u

#define R	DMA_BUF_SYNC_READ
#define RW	DMA_BUF_SYNC_RW

static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

/*
 * Transfers of all lengths, between two buffers and between CPU accesses of every
 * kind. Not one byte differs. In the VM "noncoherent" each of two devices exports
 * one and imports the other; see every_attachment() of test-coherence.c for why
 * with bounce buffers both are the first device's.
 */
static void run_transfers(unsigned int count)
{
	enum { BUFFER = 8 * PAGE, N = 8 };
	int fd[2] = { dms_open_nth(0), dms_open_nth(1) }, dmabuf[2];
	bool copies = noncoherent(fd[0]);
	struct bo here[2], there[2];
	uint8_t *want[2] = { malloc(BUFFER), malloc(BUFFER) };
	unsigned int i, k, transfers = 0, differ = 0;
	uint64_t random = 1;

	ASSERT(want[0] && want[1]);
	for (i = 0; i < 2; i++) {
		here[i] = dms_create_mapped(fd[copies && i], BUFFER, "transfers");
		dmabuf[i] = dms_export(here[i].fd, here[i].handle);
		there[i] = copies ? dms_import(fd[!i], dmabuf[i]) : here[i];
		pattern_fill(here[i].map, BUFFER, i);
		pattern_fill(want[i], BUFFER, i);
	}
	for (i = 0; i < count / N; i++) {
		struct drm_dmashare_job jobs[N];
		unsigned int f = next(&random) % 2, how = next(&random) % 4;
		/* The device that copies from buffer f to the other one. */
		unsigned int d = next(&random) % 2;
		const struct bo *from = f == d ? &here[f] : &there[f];
		const struct bo *to = f == d ? &there[!f] : &here[!f];

		/* The CPU writes a piece of the source ... */
		turn_begin(dmabuf[f], RW);
		k = next(&random) % (BUFFER - 64);
		memset(here[f].map + k, i, 64);
		memset(want[f] + k, i, 64);
		turn_end(dmabuf[f], RW);
		/* ... the destination changes hands ... */
		if (how == 0) {
			turn_begin(dmabuf[!f], RW);
			turn_end(dmabuf[!f], RW);
		} else {
			dms_unmap(&here[!f]);
			dms_unmap(&there[!f]);
		}
		if (how == 1)
			dms_unmap(from);
		/* ... the device copies ... */
		for (k = 0; k < N; k++) {
			uint32_t len = 1 + next(&random) % (k % 4 ? 300 : BUFFER / 2);
			uint32_t a = next(&random) % (BUFFER - len);
			uint32_t b = next(&random) % (BUFFER - len);

			jobs[k] = dms_job_copy(to, b, from, a, len);
			memcpy(want[!f] + b, want[f] + a, len);
		}
		ASSERT_EQ(fence_finish(dms_submit_fence(to->fd, i % 4, 0, jobs, N)), 0);
		/* ... and the CPU reads. */
		if (how == 2)
			dms_unmap(to);
		else
			turn_begin(dmabuf[!f], R);
		if (memcmp(here[!f].map, want[!f], BUFFER))
			differ++;
		if (how != 2)
			turn_end(dmabuf[!f], R);
		transfers += N;
	}
	ktap_diag("%u transfers, %u of %u looks at them found a difference", transfers, differ,
		  count / N);
	ASSERT_EQ(transfers, count);
	ASSERT_EQ(differ, 0);
	for (i = 0; i < 2; i++) {
		struct dmashare_ledger h = ledger_get(here[i].fd, here[i].handle);
		struct dmashare_ledger t = ledger_get(there[i].fd, there[i].handle);

		ASSERT_EQ(h.jobs_failed + t.jobs_failed, 0);
		ASSERT_EQ(h.stale_bytes + t.stale_bytes, 0);
		ASSERT_EQ(h.cache_discarded + t.cache_discarded, 0);
	}
}

static void ten_thousand(void)
{
	run_transfers(10000);
}

static void one_thousand(void)
{
	run_transfers(1000);
}

static const struct ktap_case cases[] = {
	KTAP_SLOW_COVERS(ten_thousand, 180, "sync.all:user sync.all:dmashare"),
	KTAP_SLOW_COVERS(one_thousand, 50, "sync.all:user sync.all:dmashare"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
