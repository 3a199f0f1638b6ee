// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffers that programs of the host have (lib/lent.h), and who waits for whom: holds
 * of clients and jobs of the guest, and contents that are published to clients.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lib/client.h"
#include "lib/dms.h"
#include "lib/fence.h"
#include "lib/ktap.h"
#include "lib/lent.h"
#include "lib/place.h"
#include "lib/share.h"

#define SIZE	LENT_SIZE
#define ONES	0x0101010101010101ull
#define TWOS	0x0202020202020202ull
/* A deadline that passes soon. */
#define SHORT_NS (300 * MSEC)

/* A job that writes waits for the client that reads; one that reads does not. */
static void client_holds(void)
{
	struct lent c = lent_begin("holds");
	struct drm_dmashare_job fill = dms_job_fill(&c.bo, 0, SIZE, ONES);
	uint8_t data[SIZE];
	uint32_t hold;
	int job, fence;

	memcpy(data, c.bo.map, SIZE);
	hold = lent_hold(0, &c, "");
	dms_crc(c.fd, &c.bo, 0, SIZE);
	fence = lent_fences(&c, true);
	ASSERT_EQ(fence_info(fence).count, 1);
	ASSERT(fence_pending(fence));
	job = dms_submit_fence(c.fd, 0, 0, &fill, 1);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	ASSERT(fence_pending(job));
	client_do(0, "release %u 0", hold);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(fence_finish(job), 0);
	memset(data, 1, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
}

/* A client that writes is waited for by everybody. */
static void writer_is_waited_for(void)
{
	struct lent c;
	uint8_t data[SIZE];
	uint32_t hold;
	int fence;

	lent_needs_everything();
	c = lent_begin("writes");
	/* What the device has of it in a copy is old then. */
	dms_crc(c.fd, &c.bo, 0, SIZE);
	hold = lent_hold(0, &c, "write");
	fence = lent_fences(&c, false);
	ASSERT(fence_pending(fence));
	pattern_fill(data, SIZE, 9);
	client_write(0, c.share, 0, data, SIZE);
	client_do(0, "release %u 0", hold);
	ASSERT_EQ(fence_finish(fence), 0);
	ASSERT_EQ(dms_crc(c.fd, &c.bo, 0, SIZE), client_crc(0, c.share));
	ASSERT(pattern_check(c.bo.map, SIZE, 9));
}

/* The other way round: a client waits for the jobs there are. */
static void client_waits(void)
{
	struct lent c = lent_begin("waits");
	struct work work = work_filling(&c.bo, 0, TWOS);
	uint8_t data[SIZE];
	uint32_t hold, wait;

	hold = lent_ask(0, &c, LONG_NS, "");
	wait = lent_ask(0, &c, 0, "wait");
	client_do(0, "none granted %u", c.share);
	work_release(&work);
	lent_granted(0, &c, hold);
	lent_granted(0, &c, wait);
	memset(data, 2, SIZE);
	ASSERT(client_sees(0, c.share, 0, data, SIZE));
	client_do(0, "release %u 0", hold);
	/* Of the one that only waited nothing is left. */
	ASSERT(client_try(0, "release %u 0", wait) < 0);
	ASSERT_EQ(fence_finish(lent_fences(&c, true)), 0);
}

/* A reader does not wait for readers, a writer does. */
static void writers_and_readers(void)
{
	struct lent c;
	struct work work;
	uint32_t reader, writer;

	lent_needs_everything();
	c = lent_begin("rw");
	client_do(1, "connect");
	client_do(1, "open %u write", c.share);
	work = work_reading(&c.bo, 0);
	reader = lent_hold(0, &c, "");
	writer = lent_ask(1, &c, LONG_NS, "write");
	client_do(1, "none granted %u", c.share);
	work_release(&work);
	client_do(1, "none granted %u", c.share);
	client_do(0, "release %u 0", reader);
	lent_granted(1, &c, writer);
	/* And now the other way round. */
	reader = lent_ask(0, &c, LONG_NS, "");
	client_do(0, "none granted %u", c.share);
	client_do(1, "release %u 0", writer);
	lent_granted(0, &c, reader);
	client_do(0, "release %u 0", reader);
}

/* How a hold ends that is not simply released. */
static void errors_of_holds(void)
{
	struct lent c = lent_begin("errors");
	uint32_t hold;
	int fence;

	hold = lent_hold(0, &c, "");
	fence = lent_fences(&c, true);
	client_do(0, "release %u %d", hold, EILSEQ);
	ASSERT_EQ(fence_finish(fence), EILSEQ);

	hold = lent_ask(0, &c, SHORT_NS, "");
	lent_granted(0, &c, hold);
	fence = lent_fences(&c, true);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	errno_seen("BO_SHARE", ETIMEDOUT);
	client_do(0, "wait ended %u %u", c.share, hold);
	ASSERT_EQ(client_number("error"), ETIMEDOUT);

	hold = lent_hold(0, &c, "");
	fence = lent_fences(&c, true);
	client_do(0, "close %u", c.share);
	ASSERT_EQ(fence_finish(fence), ECANCELED);

	client_do(0, "open %u", c.share);
	hold = lent_hold(0, &c, "");
	fence = lent_fences(&c, true);
	client_do(0, "drop");
	ASSERT_EQ(fence_finish(fence), ECONNRESET);
	errno_seen("BO_SHARE", ECONNRESET);
	/* Whatever happened to the fences, the buffer can be used. */
	dms_run_ok(c.fd, dms_job_fill(&c.bo, 0, SIZE, ONES));
}

/* Clients that go, or change their mind, before they were let in. */
static void gone_before_granted(void)
{
	struct lent c = lent_begin("impatient");
	struct work work = work_filling(&c.bo, 0, ONES);
	uint32_t hold;
	int fence;

	client_do(1, "connect");
	client_do(1, "open %u", c.share);
	hold = lent_ask(0, &c, LONG_NS, "");
	client_do(0, "release %u 0", hold);
	hold = lent_ask(0, &c, LONG_NS, "");
	client_do(0, "drop");
	hold = lent_ask(1, &c, LONG_NS, "");
	work_release(&work);
	lent_granted(1, &c, hold);
	fence = lent_fences(&c, true);
	client_do(1, "release %u 0", hold);
	/* Merged fences have the error of one that failed. */
	fence_finish(fence);
	ASSERT_EQ(fence_finish(lent_fences(&c, true)), 0);
}

static void published_to_nobody(void)
{
	struct lent c = lent_begin("nobody");

	ASSERT_EQ(fence_finish(share_publish(&c.bo, 7, LONG_NS)), 0);
	ASSERT_EQ(lent_content(0, &c, 7), 0);
}

/* The writer waits for its readers, and they for it. */
static void published(void)
{
	struct lent c = lent_begin("published");
	struct drm_dmashare_job fill = dms_job_fill(&c.bo, 0, SIZE, ONES);
	uint32_t hold[2];
	unsigned int i, k;
	int fence, job;
	uint8_t data[SIZE];

	client_do(1, "connect");
	client_do(1, "open %u", c.share);
	for (i = 0; i < 2; i++)
		client_do(i, "subscribe %u 1", c.share);
	for (k = 1; k < 5; k++) {
		fill.value = k * ONES;
		dms_submit(c.fd, 0, 0, &fill, 1);
		fence = share_publish(&c.bo, k, LONG_NS);
		memset(data, k, SIZE);
		for (i = 0; i < 2; i++) {
			hold[i] = lent_content(i, &c, k);
			ASSERT(hold[i]);
			ASSERT(client_sees(i, c.share, 0, data, SIZE));
		}
		/* The next ones wait. */
		fill.value = 0xff * ONES;
		job = dms_submit_fence(c.fd, 0, 0, &fill, 1);
		client_do(0, "release %u 0", hold[0]);
		ASSERT(client_sees(1, c.share, 0, data, SIZE));
		ASSERT(fence_pending(fence));
		ASSERT(fence_pending(job));
		client_do(1, "release %u 0", hold[1]);
		ASSERT_EQ(fence_finish(fence), 0);
		ASSERT_EQ(fence_finish(job), 0);
	}
}

/* Contents that are published one after the other, with nobody waiting for it. */
static void published_in_order(void)
{
	struct lent c = lent_begin("order");
	int fence[4];
	unsigned int k;

	client_do(0, "subscribe %u 1", c.share);
	for (k = 0; k < 4; k++)
		fence[k] = share_publish(&c.bo, 10 + k, LONG_NS);
	for (k = 0; k < 4; k++) {
		uint32_t hold = lent_content(0, &c, 10 + k);

		client_do(0, "none content %u", c.share);
		ASSERT(fence_pending(fence[k]));
		client_do(0, "release %u %d", hold, k == 2 ? EILSEQ : 0);
		ASSERT_EQ(fence_finish(fence[k]), k == 2 ? EILSEQ : 0);
	}
}

static void too_many_published(void)
{
	struct lent c = lent_begin("many");
	struct work work = work_filling(&c.bo, 0, ONES);
	int fence[64];
	unsigned int k;

	for (k = 0; k < 64; k++)
		fence[k] = share_publish(&c.bo, 1 + k, LONG_NS);
	ASSERT_REFUSED("BO_PUBLISH", share_try_publish(&c.bo, 65, LONG_NS), ENOSPC);
	work_release(&work);
	for (k = 0; k < 64; k++)
		ASSERT_EQ(fence_finish(fence[k]), 0);
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 66, LONG_NS)), 0);
}

static void errors_of_contents(void)
{
	struct lent c = lent_begin("spoilt");
	int fence;

	client_do(0, "subscribe %u 1", c.share);
	fence = share_publish(&c.bo, 1, SHORT_NS);
	client_do(0, "wait content %u", c.share);
	ASSERT_EQ(fence_finish(fence), ETIMEDOUT);
	fence = share_publish(&c.bo, 2, LONG_NS);
	client_do(0, "wait content %u", c.share);
	client_do(0, "drop");
	ASSERT_EQ(fence_finish(fence), ECONNRESET);
	ASSERT_EQ(fence_finish(share_publish(&c.bo, 3, LONG_NS)), 0);
}

static const struct ktap_case cases[] = {
	KTAP_COVERS(client_holds, "share.hold:host"),
	KTAP_COVERS(writer_is_waited_for, "share.hold:host share.pages:host"),
	KTAP_COVERS(client_waits, "share.wait:host"),
	KTAP_COVERS(writers_and_readers, "share.wait:host share.hold:host"),
	KTAP_COVERS(errors_of_holds, "share.hold:host"),
	KTAP_COVERS(gone_before_granted, "share.wait:host"),
	KTAP_COVERS(published_to_nobody, "share.publish:host"),
	KTAP_COVERS(published, "share.publish:host"),
	KTAP_COVERS(published_in_order, "share.publish:host"),
	KTAP_CASE(too_many_published),
	KTAP_COVERS(errors_of_contents, "share.publish:host"),
};

int main(int argc, char **argv)
{
	return ktap_main(argc, argv, cases, ARRAY_SIZE(cases));
}
