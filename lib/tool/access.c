// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tool.h"

/* Waits for the answer to an ACQUIRE; dies if it is a refusal. */
static void granted(struct tool *t, struct access *a, int64_t until)
{
	for (;;) {
		struct dmashare_notice n = tool_next(t, until,
						     "the guest's fence");

		if (n.kind == DMASHARE_WITHDRAWN)
			die(STATUS_BUFFER, "buffer %u was withdrawn",
			    n.info.id);
		if (n.hold != a->hold || n.kind == DMASHARE_CONTENT)
			continue;
		if (n.error)
			die(STATUS_FENCE, "the guest refuses: %s",
			    strerror(n.error));
		a->sequence = n.sequence;
		return;
	}
}

/* Waits for contents that come with a hold. */
static void published(struct tool *t, struct dmashare_buffer *buf,
		      struct access *a, int64_t until)
{
	uint64_t wanted = t->opt.sequence;

	for (;;) {
		struct dmashare_notice n = tool_next(t, until, "new contents");

		if (n.info.id != dmashare_buffer_info(buf)->id)
			continue;
		if (n.kind == DMASHARE_WITHDRAWN)
			die(STATUS_BUFFER, "buffer %u was withdrawn",
			    n.info.id);
		if (n.kind != DMASHARE_CONTENT || !n.hold)
			continue;
		if (wanted && n.sequence > wanted)
			die(STATUS_FAILED, "contents %" PRIu64 " are there, "
			    "%" PRIu64 " are past", n.sequence, wanted);
		if (!wanted || n.sequence == wanted) {
			a->hold = n.hold;
			a->sequence = n.sequence;
			return;
		}
		/* Over already, perhaps: nothing is lost by that. */
		dmashare_release(t->ds, n.hold, 0);
	}
}

void access_begin(struct tool *t, struct dmashare_buffer *buf, int flags,
		  struct access *a)
{
	int64_t until = t->opt.timeout_ms < 0 ? -1 :
			now_ms() + t->opt.timeout_ms;
	int ret = 0;

	a->hold = 0;
	a->sequence = dmashare_buffer_info(buf)->sequence;
	if (t->opt.no_fence) {
		/* As it is. */
	} else if (t->opt.next ||
		   (t->opt.sequence && t->opt.sequence != a->sequence)) {
		ret = dmashare_subscribe(buf, 1);
		if (!ret)
			published(t, buf, a, until);
	} else {
		ret = dmashare_acquire(buf, flags, t->opt.deadline_ns,
				       &a->hold, NULL);
		if (!ret)
			granted(t, a, until);
		if (flags & DMASHARE_WAIT_ONLY)
			a->hold = 0;
	}
	if (!ret)
		ret = dmashare_begin_cpu(buf, flags & DMASHARE_WRITE);
	if (ret)
		die_by(t, ret, "cannot wait for the guest");
}

void access_end(struct tool *t, struct dmashare_buffer *buf, int flags,
		int error, struct access *a)
{
	int ret = dmashare_end_cpu(buf, flags & DMASHARE_WRITE);

	if (ret)
		die_by(t, ret, "cannot end the access");
	if (!a->hold)
		return;
	ret = dmashare_release(t->ds, a->hold, error);
	if (ret == -ENOENT)
		die(STATUS_FENCE, "the hold was over before it was released: "
		    "what was read may be of other contents");
	if (ret)
		die_by(t, ret, "cannot release it");
}

const uint8_t *access_part(struct tool *t, struct dmashare_buffer *buf,
			   uint64_t *length)
{
	uint64_t size = dmashare_buffer_info(buf)->size;
	void *map;
	int ret;

	if (t->opt.offset > size || (t->opt.has_length &&
				     t->opt.length > size - t->opt.offset))
		die(STATUS_USAGE, "--offset, --length: the buffer has %" PRIu64
		    " bytes", size);
	ret = dmashare_map(buf, &map);
	if (ret)
		die_by(t, ret, "cannot map it");
	*length = t->opt.has_length ? t->opt.length : size - t->opt.offset;
	return (const uint8_t *)map + t->opt.offset;
}
