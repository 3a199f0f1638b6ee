// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define PAGE_MASK_4K	4095

/* Makes dmashare_fd() readable, or no more so. */
static void show_events(struct dmashare *ds, bool any)
{
	uint64_t n = 1;
	ssize_t done;

	done = any ? write(ds->event_fd, &n, sizeof(n)) :
		     read(ds->event_fd, &n, sizeof(n));
	(void)done;	/* a counter of 0 or 1 that cannot fail */
}

/* An event at the end of the queue; NULL and the connection is dead. */
static struct ds_event *push(struct dmashare *ds,
			     enum dmashare_notice_kind kind, uint32_t share,
			     uint32_t generation)
{
	struct ds_event *e;

	if (ds->n_events >= DS_MAX_EVENTS) {
		ds_lie(ds, "more than %u events at once", DS_MAX_EVENTS);
		return NULL;
	}
	e = calloc(1, sizeof(*e));
	if (!e) {
		ds_kill(ds, -ENOMEM, "no memory for an event");
		return NULL;
	}
	e->notice.kind = kind;
	e->notice.info.id = share;
	e->notice.info.generation = generation;
	if (ds->last)
		ds->last->next = e;
	else
		ds->first = e;
	ds->last = e;
	if (!ds->n_events++)
		show_events(ds, true);
	return e;
}

bool ds_event_pop(struct dmashare *ds, struct dmashare_notice *notice)
{
	struct ds_event *e = ds->first;
	struct ds_share *s;

	if (!e)
		return false;
	*notice = e->notice;
	s = ds_share_find(ds, e->notice.info.id);
	if (s && s->announced == e)
		s->announced = NULL;
	if (s && s->content == e)
		s->content = NULL;
	ds->first = e->next;
	if (!ds->first)
		ds->last = NULL;
	free(e);
	if (!--ds->n_events)
		show_events(ds, false);
	return true;
}

/* Where share @id is, or would be put. */
static size_t position(const struct dmashare *ds, uint32_t id)
{
	size_t low = 0, high = ds->n_shares;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ds->share[middle].info.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ds_share *ds_share_find(struct dmashare *ds, uint32_t id)
{
	size_t at = position(ds, id);

	return at < ds->n_shares && ds->share[at].info.id == id ?
	       &ds->share[at] : NULL;
}

static struct ds_share *share_add(struct dmashare *ds, uint32_t id)
{
	size_t at = position(ds, id);
	struct ds_share *more;

	if (ds->n_shares == DS_MAX_SHARES) {
		ds_lie(ds, "more than %u buffers", DS_MAX_SHARES);
		return NULL;
	}
	if (ds->n_shares == ds->max_shares) {
		size_t max = ds->max_shares ? 2 * ds->max_shares : 16;

		more = realloc(ds->share, max * sizeof(*more));
		if (!more) {
			ds_kill(ds, -ENOMEM, "no memory for a buffer");
			return NULL;
		}
		ds->share = more;
		ds->max_shares = max;
	}
	memmove(&ds->share[at + 1], &ds->share[at],
		(ds->n_shares - at) * sizeof(*ds->share));
	ds->n_shares++;
	memset(&ds->share[at], 0, sizeof(*ds->share));
	ds->share[at].info.id = id;
	return &ds->share[at];
}

static void share_remove(struct dmashare *ds, struct ds_share *s)
{
	size_t at = s - ds->share;

	ds->n_shares--;
	memmove(s, s + 1, (ds->n_shares - at) * sizeof(*s));
}

struct ds_hold *ds_hold_find(struct dmashare *ds, uint32_t id)
{
	size_t i;

	for (i = 0; i < ds->n_holds; i++)
		if (ds->hold[i].id == id)
			return &ds->hold[i];
	return NULL;
}

int ds_hold_add(struct dmashare *ds, const struct ds_hold *hold)
{
	size_t most = hold->content ? DMASHARE_MAX_OPEN : ds->max_holds;
	size_t i, n = 0;

	for (i = 0; i < ds->n_holds; i++)
		n += ds->hold[i].content == hold->content;
	if (!hold->id || ds_hold_find(ds, hold->id))
		return ds_lie(ds, "hold %u anew", hold->id);
	if (n >= most)
		return ds_lie(ds, "more than %zu holds", most);
	ds->hold[ds->n_holds++] = *hold;
	return 0;
}

void ds_hold_remove(struct dmashare *ds, struct ds_hold *hold)
{
	*hold = ds->hold[--ds->n_holds];
}

void ds_hold_forget(struct dmashare *ds, uint32_t share)
{
	size_t i = 0;

	while (i < ds->n_holds) {
		if (ds->hold[i].share == share)
			ds_hold_remove(ds, &ds->hold[i]);
		else
			i++;
	}
}

/*
 * The pages are the buffer's no more: what is open of it is dead, and what is
 * held is over, whether or not the server has said so of each hold.
 */
static int bury(struct dmashare *ds, uint32_t share, uint32_t generation)
{
	struct dmashare_buffer *buf = ds_buffer_find(ds, share);
	size_t i = 0;

	if (buf)
		buf->dead = true;
	while (i < ds->n_holds) {
		struct ds_hold h = ds->hold[i];
		struct ds_event *e;

		if (h.share != share) {
			i++;
			continue;
		}
		ds_hold_remove(ds, &ds->hold[i]);
		e = push(ds, DMASHARE_ENDED, share, generation);
		if (!e)
			return ds->dead;
		e->notice.hold = h.id;
		e->notice.error = ECANCELED;
	}
	return 0;
}

/*
 * What the guest says of a picture is handed on only if its rows are in the
 * buffer: a pixel has at least a bit.
 */
static bool picture_fits(const struct dmashare_info *i)
{
	return i->fourcc && i->width && i->height && i->stride &&
	       i->width <= 8ULL * i->stride &&
	       (uint64_t)i->stride * i->height <= i->size;
}

static int announce(struct dmashare *ds, const struct dmashare_msg_announce *a)
{
	struct dmashare_info info = {
		.id = le32toh(a->share),
		.generation = le32toh(a->generation),
		.size = le64toh(a->size),
		.writable = !!(le32toh(a->flags) & DMASHARE_SHARE_F_WRITE),
		.path = le32toh(a->path),
		.fourcc = le32toh(a->fourcc),
		.width = le32toh(a->width),
		.height = le32toh(a->height),
		.stride = le32toh(a->stride),
		.sequence = le64toh(a->sequence),
	};
	struct ds_share *s;
	int ret;

	if (le32toh(a->flags) & ~DMASHARE_SHARE_F_WRITE)
		return ds_lie(ds, "an ANNOUNCE with unknown flags");
	if (le32toh(a->path) > DMASHARE_PATH_GUEST)
		return ds_lie(ds, "an ANNOUNCE with an unknown path");
	if (!info.size || info.size & PAGE_MASK_4K)
		return ds_lie(ds, "a buffer of no whole number of pages");
	if (!picture_fits(&info))
		info.fourcc = info.width = info.height = info.stride = 0;
	ds_text(info.name, sizeof(info.name), a->name, sizeof(a->name));

	s = ds_share_find(ds, info.id);
	if (!s) {
		s = share_add(ds, info.id);
		if (!s)
			return ds->dead;
	} else if (info.size != s->info.size) {
		return ds_lie(ds, "a buffer that changes its size");
	} else if ((int32_t)(info.generation - s->info.generation) < 0) {
		return ds_lie(ds, "a generation of before");
	} else if (info.generation != s->info.generation) {
		ret = bury(ds, info.id, s->info.generation);
		if (ret)
			return ret;
	}
	s->info = info;
	if (!ds->ready)
		return 0;
	if (!s->announced) {
		s->announced = push(ds, DMASHARE_ANNOUNCED, info.id,
				    info.generation);
		if (!s->announced)
			return ds->dead;
	}
	s->announced->notice.info = info;
	s->announced->notice.sequence = info.sequence;
	return 0;
}

static int withdraw(struct dmashare *ds, const struct dmashare_msg_withdraw *w)
{
	static const int errors[] = {
		[DMASHARE_WITHDRAW_RELEASED] = 0,
		[DMASHARE_WITHDRAW_MOVED] = EAGAIN,
		[DMASHARE_WITHDRAW_RESET] = ECANCELED,
	};
	uint32_t id = le32toh(w->share), reason = le32toh(w->reason);
	uint32_t generation = le32toh(w->generation);
	struct ds_share *s = ds_share_find(ds, id);
	struct ds_event *e;
	int ret;

	if (reason > DMASHARE_WITHDRAW_RESET)
		return ds_lie(ds, "a WITHDRAW for an unknown reason");
	if (le32toh(w->flags) & ~DMASHARE_WITHDRAW_F_CUT)
		return ds_lie(ds, "a WITHDRAW with unknown flags");
	/* Told late of something that has been replaced since, or never was. */
	if (!s || (reason == DMASHARE_WITHDRAW_MOVED &&
		   generation != s->info.generation))
		return 0;
	ret = bury(ds, id, s->info.generation);
	if (ret)
		return ret;
	s->announced = s->content = NULL;
	generation = s->info.generation;
	if (reason == DMASHARE_WITHDRAW_MOVED)
		s->info.path = DMASHARE_BY_NONE;
	else
		share_remove(ds, s);
	if (!ds->ready)
		return 0;
	e = push(ds, DMASHARE_WITHDRAWN, id, generation);
	if (!e)
		return ds->dead;
	e->notice.error = errors[reason];
	return 0;
}

static int content(struct dmashare *ds, const struct dmashare_msg_content *c)
{
	uint32_t id = le32toh(c->share), hold = le32toh(c->hold);
	struct ds_share *s = ds_share_find(ds, id);
	struct dmashare_buffer *buf = ds_buffer_find(ds, id);
	struct ds_event *e;
	int ret;

	if (!c->sequence)
		return ds_lie(ds, "contents without a number");
	if (c->reserved)
		return ds_lie(ds, "reserved bits");
	if (hold && (!buf || !buf->subscribed))
		return ds_lie(ds, "a hold that nobody subscribed to");
	if (!s)
		return 0;
	s->info.sequence = le64toh(c->sequence);
	if (s->announced) {
		s->announced->notice.info.sequence = s->info.sequence;
		s->announced->notice.sequence = s->info.sequence;
	}
	if (hold) {
		ret = ds_hold_add(ds, &(struct ds_hold){
			.id = hold, .share = id, .content = true });
		if (ret)
			return ret;
	}
	if (!ds->ready)
		return 0;
	e = hold ? NULL : s->content;
	if (!e) {
		e = push(ds, DMASHARE_CONTENT, id, le32toh(c->generation));
		if (!e)
			return ds->dead;
	}
	if (!hold)
		s->content = e;
	e->notice.info.generation = le32toh(c->generation);
	e->notice.sequence = s->info.sequence;
	e->notice.hold = hold;
	e->notice.deadline_ns = hold ? le64toh(c->deadline) : 0;
	return 0;
}

/* GRANTED and ENDED. One of a hold that was let go of meanwhile is nothing. */
static int hold_event(struct dmashare *ds, enum dmashare_notice_kind kind,
		      uint32_t id, uint32_t error, uint64_t sequence)
{
	struct ds_hold *h = ds_hold_find(ds, id);
	struct ds_share *s;
	struct ds_event *e;

	if (error > 4095 || (kind == DMASHARE_ENDED && !error))
		return ds_lie(ds, "a hold with errno %u", error);
	if (!h)
		return 0;
	s = ds_share_find(ds, h->share);
	e = push(ds, kind, h->share, s ? s->info.generation : 0);
	if (!e)
		return ds->dead;
	e->notice.hold = id;
	e->notice.error = error;
	e->notice.sequence = sequence;
	if (error || h->wait)
		ds_hold_remove(ds, h);
	return 0;
}

int ds_notice(struct dmashare *ds, const struct dmashare_msg *msg)
{
	switch (le32toh(msg->type)) {
	case DMASHARE_MSG_ANNOUNCE:
		return announce(ds, &msg->announce);
	case DMASHARE_MSG_WITHDRAW:
		return withdraw(ds, &msg->withdraw);
	case DMASHARE_MSG_CONTENT:
		return content(ds, &msg->content);
	case DMASHARE_MSG_GRANTED:
		if (msg->granted.reserved)
			return ds_lie(ds, "reserved bits");
		return hold_event(ds, DMASHARE_GRANTED,
				  le32toh(msg->granted.hold),
				  le32toh(msg->granted.error),
				  le64toh(msg->granted.sequence));
	case DMASHARE_MSG_ENDED:
		if (msg->ended.reserved)
			return ds_lie(ds, "reserved bits");
		return hold_event(ds, DMASHARE_ENDED, le32toh(msg->ended.hold),
				  le32toh(msg->ended.error), 0);
	case DMASHARE_MSG_READY:
		if (ds->ready)
			return ds_lie(ds, "READY once more");
		ds->ready = true;
		return 0;
	default:
		return ds_lie(ds, "an unknown notice");
	}
}

int dmashare_list(const struct dmashare *ds, struct dmashare_info *info,
		  size_t max)
{
	size_t i;

	for (i = 0; i < ds->n_shares && i < max; i++)
		info[i] = ds->share[i].info;
	return ds->n_shares;
}

void ds_notices_free(struct dmashare *ds)
{
	struct ds_event *e;

	while ((e = ds->first)) {
		ds->first = e->next;
		free(e);
	}
	free(ds->share);
}
