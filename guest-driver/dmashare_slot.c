// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: which jobs the device has
 *
 * Jobs of one queue may complete in another order than that of their
 * submission: the fence of one is held, its timeline is behind. So a completion
 * names its job, by a cookie that the driver chose. The device gives it back as
 * it was, and nothing in a table that is looked at in an interrupt may depend on
 * that being so: a cookie is checked, and finds a job or nothing.
 *
 * The table is as large as the ring, and allocates nothing: to submit a job is on
 * the way to a fence that somebody waits for.
 */
#include <kunit/visibility.h>

#include "dmashare_drv.h"

static u32 dmashare_cookie_slot(u64 cookie)
{
	return lower_32_bits(cookie);
}

static u32 dmashare_cookie_generation(u64 cookie)
{
	return upper_32_bits(cookie);
}

/**
 * dmashare_slots_init - all slots are free
 * @slots: filled in
 * @slot: @number slots, cleared
 * @number: at least 1
 */
void dmashare_slots_init(struct dmashare_slots *slots, struct dmashare_slot *slot,
			 u32 number)
{
	u32 i;

	slots->slot = slot;
	slots->number = number;
	slots->free = 0;
	for (i = 0; i < number; i++)
		slot[i].next_free = i + 1;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_slots_init);

/**
 * dmashare_slot_take - put a job into a slot
 * @slots: the slots, one of which is free
 * @job: the job
 *
 * Returns: the cookie
 */
u64 dmashare_slot_take(struct dmashare_slots *slots, struct dmashare_job *job)
{
	u32 i = slots->free;

	slots->free = slots->slot[i].next_free;
	slots->slot[i].job = job;
	slots->slot[i].generation++;

	return (u64)slots->slot[i].generation << 32 | i;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_slot_take);

/**
 * dmashare_slot_find - whose cookie is this?
 * @slots: the slots
 * @cookie: anything
 *
 * Returns: the job, or NULL if no job has this cookie
 */
struct dmashare_job *dmashare_slot_find(const struct dmashare_slots *slots, u64 cookie)
{
	u32 i = dmashare_cookie_slot(cookie);

	if (i >= slots->number || slots->slot[i].generation != dmashare_cookie_generation(cookie))
		return NULL;

	return slots->slot[i].job;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_slot_find);

/**
 * dmashare_slot_free - take a job out of its slot
 * @slots: the slots
 * @cookie: of a job that dmashare_slot_find() finds
 */
void dmashare_slot_free(struct dmashare_slots *slots, u64 cookie)
{
	u32 i = dmashare_cookie_slot(cookie);

	slots->slot[i].job = NULL;
	slots->slot[i].next_free = slots->free;
	slots->free = i;
}
EXPORT_SYMBOL_IF_KUNIT(dmashare_slot_free);
