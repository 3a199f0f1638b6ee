// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: unit tests of fences that somebody outside of the VM signals
 */
#include <linux/completion.h>
#include <linux/slab.h>

#include <kunit/device.h>
#include <kunit/test.h>

#include "dmashare_drv.h"

static void no_watch(struct work_struct *work)
{
}

static void stop_watch(void *ddev)
{
	cancel_delayed_work_sync(&((struct dmashare_device *)ddev)->watch);
}

/* As much of a device as holds need. */
static struct dmashare_device *make_device(struct kunit *test)
{
	struct dmashare_device *ddev = kunit_kzalloc(test, sizeof(*ddev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ddev);
	ddev->drm.dev = kunit_device_register(test, "dmashare-hold");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ddev->drm.dev);
	refcount_set(&ddev->users, 1);
	INIT_DELAYED_WORK(&ddev->watch, no_watch);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, stop_watch, ddev), 0);
	dmashare_holds_init(ddev);

	return ddev;
}

static unsigned int released;

static void count_release(struct dmashare_hold *hold)
{
	released++;
}

static struct dmashare_hold *make_hold(struct kunit *test, struct dmashare_device *ddev,
				       u32 id, u32 buffer)
{
	struct dmashare_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hold);
	dmashare_hold_init(ddev, hold, id, buffer, count_release);

	return hold;
}

static struct dmashare_hold *begin_hold(struct kunit *test, struct dmashare_device *ddev,
					u32 id, u32 buffer)
{
	struct dmashare_hold *hold = make_hold(test, ddev, id, buffer);

	KUNIT_ASSERT_EQ(test, dmashare_hold_begin(hold), 0);

	return hold;
}

/* Whoever is first ends it, and it has that one's error. */
static void ended_once(struct kunit *test)
{
	struct dmashare_device *ddev = make_device(test);
	struct dmashare_hold *a, *b;

	released = 0;
	a = begin_hold(test, ddev, 5, 1);
	b = begin_hold(test, ddev, 5 + (1 << DMASHARE_HOLD_BITS), 1);
	KUNIT_EXPECT_EQ(test, ddev->holds.live, 2);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&a->base));
	KUNIT_EXPECT_FALSE(test, dmashare_hold_end(ddev, 6, 0));
	KUNIT_EXPECT_TRUE(test, dmashare_hold_end(ddev, 5, -ETIMEDOUT));
	KUNIT_EXPECT_FALSE(test, dmashare_hold_end(ddev, 5, 0));
	KUNIT_EXPECT_FALSE(test, dmashare_hold_finish(a, -EIO));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&a->base), -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&b->base));
	KUNIT_EXPECT_TRUE(test, dmashare_hold_finish(b, 0));
	KUNIT_EXPECT_FALSE(test, dmashare_hold_finish(b, -EIO));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(&b->base), 1);
	KUNIT_EXPECT_EQ(test, ddev->holds.live, 0);
	KUNIT_EXPECT_EQ(test, ddev->holds.ended, 2);
	KUNIT_EXPECT_EQ(test, ddev->holds.failed, 1);
	KUNIT_EXPECT_EQ(test, released, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&ddev->users), 3);
	dma_fence_put(&a->base);
	dma_fence_put(&b->base);
	KUNIT_EXPECT_EQ(test, released, 2);
	KUNIT_EXPECT_EQ(test, refcount_read(&ddev->users), 1);
}

static void same_id_twice(struct kunit *test)
{
	struct dmashare_device *ddev = make_device(test);
	struct dmashare_hold *first = begin_hold(test, ddev, 9, 1);
	struct dmashare_hold *second = make_hold(test, ddev, 9, 1);

	KUNIT_EXPECT_EQ(test, dmashare_hold_begin(second), -EEXIST);
	KUNIT_EXPECT_FALSE(test, dmashare_hold_finish(second, 0));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&first->base));
	dma_fence_put(&second->base);
	dmashare_hold_end(ddev, 9, 0);
	dma_fence_put(&first->base);
}

static void ids_go_round(struct kunit *test)
{
	struct dmashare_device *ddev = make_device(test);
	struct dmashare_hold *hold;

	KUNIT_EXPECT_EQ(test, dmashare_hold_new_id(ddev), 1);
	KUNIT_EXPECT_EQ(test, dmashare_hold_new_id(ddev), 2);
	hold = begin_hold(test, ddev, 1, 1);
	ddev->holds.last_id = DMASHARE_HOLD_DEVICE - 2;
	KUNIT_EXPECT_EQ(test, dmashare_hold_new_id(ddev), DMASHARE_HOLD_DEVICE - 1);
	/* Neither 0 nor the device's own, nor one in use. */
	KUNIT_EXPECT_EQ(test, dmashare_hold_new_id(ddev), 2);
	dmashare_hold_finish(hold, 0);
	dma_fence_put(&hold->base);
}

static bool of_buffer(const struct dmashare_hold *hold, const void *data)
{
	return hold->buffer == *(const u32 *)data;
}

static void several_end(struct kunit *test)
{
	struct dmashare_device *ddev = make_device(test);
	struct dmashare_hold *hold[64];
	u32 i, buffer = 2;

	for (i = 0; i < 64; i++)
		hold[i] = begin_hold(test, ddev, 100 + i, i % 4);
	dmashare_holds_end(ddev, of_buffer, &buffer, -ECANCELED);
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(&hold[i]->base),
				i % 4 == 2 ? -ECANCELED : 0);
	dmashare_holds_close(ddev);
	for (i = 0; i < 64; i++) {
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(&hold[i]->base),
				i % 4 == 2 ? -ECANCELED : -ENODEV);
		dma_fence_put(&hold[i]->base);
	}
	KUNIT_EXPECT_EQ(test, ddev->holds.live, 0);
	hold[0] = make_hold(test, ddev, 1, 1);
	KUNIT_EXPECT_EQ(test, dmashare_hold_begin(hold[0]), -ENODEV);
	dma_fence_put(&hold[0]->base);
	KUNIT_EXPECT_EQ(test, refcount_read(&ddev->users), 1);
}

struct waiter {
	struct dmashare_after after;
	struct completion done;
};

static void waiter_done(struct dmashare_after *after)
{
	complete(&container_of(after, struct waiter, after)->done);
}

/* All of them, in whatever order they signal; and not later fences. */
static void after_all(struct kunit *test)
{
	struct dmashare_device *ddev = make_device(test);
	struct waiter *waiter = kunit_kzalloc(test, sizeof(*waiter), GFP_KERNEL);
	static const u32 order[] = { 3, 1, 0, 2, 4 };
	struct dmashare_hold *hold[6];
	struct dma_resv resv;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, waiter);
	init_completion(&waiter->done);
	dma_resv_init(&resv);
	for (i = 0; i < 6; i++)
		hold[i] = begin_hold(test, ddev, 1 + i, 1);
	KUNIT_ASSERT_EQ(test, dma_resv_lock(&resv, NULL), 0);
	KUNIT_ASSERT_EQ(test, dma_resv_reserve_fences(&resv, 6), 0);
	for (i = 0; i < 4; i++)
		dma_resv_add_fence(&resv, &hold[i]->base, DMA_RESV_USAGE_WRITE);
	/* A reader's is not waited for. */
	dma_resv_add_fence(&resv, &hold[5]->base, DMA_RESV_USAGE_READ);
	KUNIT_ASSERT_EQ(test, dmashare_after_collect(&waiter->after, &resv, DMA_RESV_USAGE_WRITE,
						     &hold[4]->base), 0);
	KUNIT_EXPECT_EQ(test, waiter->after.count, 5);
	dmashare_after_start(&waiter->after, waiter_done);
	dma_resv_unlock(&resv);

	for (i = 0; i < 5; i++) {
		flush_work(&waiter->after.work);
		KUNIT_EXPECT_FALSE(test, completion_done(&waiter->done));
		KUNIT_EXPECT_TRUE(test, dmashare_hold_finish(hold[order[i]], i ? 0 : -EIO));
	}
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&waiter->done, 10 * HZ), 0);
	flush_work(&waiter->after.work);
	dmashare_after_fini(&waiter->after);

	dmashare_hold_finish(hold[5], 0);
	dma_resv_fini(&resv);
	for (i = 0; i < 6; i++)
		dma_fence_put(&hold[i]->base);
	KUNIT_EXPECT_EQ(test, refcount_read(&ddev->users), 1);
}

static void after_nothing(struct kunit *test)
{
	struct waiter *waiter = kunit_kzalloc(test, sizeof(*waiter), GFP_KERNEL);
	struct dma_resv resv;

	KUNIT_ASSERT_NOT_NULL(test, waiter);
	init_completion(&waiter->done);
	dma_resv_init(&resv);
	KUNIT_ASSERT_EQ(test, dma_resv_lock(&resv, NULL), 0);
	KUNIT_ASSERT_EQ(test, dmashare_after_collect(&waiter->after, &resv,
						     DMA_RESV_USAGE_BOOKKEEP, NULL), 0);
	dma_resv_unlock(&resv);
	dmashare_after_start(&waiter->after, waiter_done);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&waiter->done, 10 * HZ), 0);
	flush_work(&waiter->after.work);
	dmashare_after_fini(&waiter->after);
	dma_resv_fini(&resv);
}

static struct kunit_case hold_cases[] = {
	KUNIT_CASE(ended_once),
	KUNIT_CASE(same_id_twice),
	KUNIT_CASE(ids_go_round),
	KUNIT_CASE(several_end),
	KUNIT_CASE(after_all),
	KUNIT_CASE(after_nothing),
	{ }
};

static struct kunit_suite hold_suite = {
	.name = "dmashare_hold",
	.test_cases = hold_cases,
};

kunit_test_suites(&hold_suite);
