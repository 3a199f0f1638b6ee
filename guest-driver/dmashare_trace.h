/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmashare: tracepoints. Buffers, attachments and jobs are named by the ids
 * that the device's own trace and ledger use.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmashare

#if !defined(DMASHARE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DMASHARE_TRACE_H

#include <linux/tracepoint.h>

#include "dmashare_drv.h"

#define dmashare_show_note(kind)				\
	__print_symbolic(kind,					\
		{ DMASHARE_NOTE_EXPORT,		"export" },	\
		{ DMASHARE_NOTE_RELEASE,	"release" },	\
		{ DMASHARE_NOTE_MAP,		"map" },	\
		{ DMASHARE_NOTE_UNMAP,		"unmap" },	\
		{ DMASHARE_NOTE_BEGIN_CPU,	"begin_cpu" },	\
		{ DMASHARE_NOTE_END_CPU,	"end_cpu" },	\
		{ DMASHARE_NOTE_MMAP,		"mmap" },	\
		{ DMASHARE_NOTE_VMAP,		"vmap" },	\
		{ DMASHARE_NOTE_VUNMAP,		"vunmap" },	\
		{ DMASHARE_NOTE_PIN,		"pin" },	\
		{ DMASHARE_NOTE_UNPIN,		"unpin" },	\
		{ DMASHARE_NOTE_MOVE,		"move" })

TRACE_EVENT(dmashare_callback,
	TP_PROTO(struct dmashare_device *ddev, u32 kind, u32 buffer, u32 attachment,
		 u32 dir, u64 length, int error),
	TP_ARGS(ddev, kind, buffer, attachment, dir, length, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(ddev->drm.dev))
		__field(u32, kind)
		__field(u32, buffer)
		__field(u32, attachment)
		__field(u32, dir)
		__field(u64, length)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->kind = kind;
		__entry->buffer = buffer;
		__entry->attachment = attachment;
		__entry->dir = dir;
		__entry->length = length;
		__entry->error = error;
	),
	TP_printk("%s %s buffer=%u attachment=%u dir=%u length=%llu error=%d",
		  __get_str(dev), dmashare_show_note(__entry->kind), __entry->buffer,
		  __entry->attachment, __entry->dir, __entry->length, __entry->error)
);

DECLARE_EVENT_CLASS(dmashare_command_class,
	TP_PROTO(struct dmashare_device *ddev, u32 opcode, int error),
	TP_ARGS(ddev, opcode, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(ddev->drm.dev))
		__field(u32, opcode)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->opcode = opcode;
		__entry->error = error;
	),
	TP_printk("%s opcode=%#x error=%d", __get_str(dev), __entry->opcode,
		  __entry->error)
);

/* Waited for. */
DEFINE_EVENT(dmashare_command_class, dmashare_command,
	TP_PROTO(struct dmashare_device *ddev, u32 opcode, int error),
	TP_ARGS(ddev, opcode, error)
);

/* Not waited for, and refused by the device. */
DEFINE_EVENT(dmashare_command_class, dmashare_posted_failed,
	TP_PROTO(struct dmashare_device *ddev, u32 opcode, int error),
	TP_ARGS(ddev, opcode, error)
);

TRACE_EVENT(dmashare_event,
	TP_PROTO(struct dmashare_device *ddev, const struct dmashare_event *event),
	TP_ARGS(ddev, event),
	TP_STRUCT__entry(
		__string(dev, dev_name(ddev->drm.dev))
		__field(u32, type)
		__field(u32, status)
		__field(u32, queue)
		__field(u32, buffer)
		__field(u32, mapping)
		__field(u64, offset)
		__field(u64, addr)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->type = le16_to_cpu(event->type);
		__entry->status = le16_to_cpu(event->status);
		__entry->queue = le16_to_cpu(event->queue);
		__entry->buffer = le32_to_cpu(event->buffer);
		__entry->mapping = le32_to_cpu(event->mapping);
		__entry->offset = le64_to_cpu(event->offset);
		__entry->addr = le64_to_cpu(event->addr);
	),
	TP_printk("%s type=%u status=%#x queue=%u buffer=%u mapping=%u offset=%#llx addr=%#llx",
		  __get_str(dev), __entry->type, __entry->status, __entry->queue,
		  __entry->buffer, __entry->mapping, __entry->offset, __entry->addr)
);

/* A move was arranged, or could not be. */
TRACE_EVENT(dmashare_move,
	TP_PROTO(struct dmashare_bo *bo, u32 placement, int error),
	TP_ARGS(bo, placement, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(bo->base.dev->dev))
		__field(u32, buffer)
		__field(u32, placement)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->buffer = bo->id;
		__entry->placement = placement;
		__entry->error = error;
	),
	TP_printk("%s buffer=%u placement=%u error=%d", __get_str(dev), __entry->buffer,
		  __entry->placement, __entry->error)
);

/* The bytes are there: @error is the jobs', @lost what came of it. */
TRACE_EVENT(dmashare_move_done,
	TP_PROTO(struct dmashare_bo *bo, int error, int lost),
	TP_ARGS(bo, error, lost),
	TP_STRUCT__entry(
		__string(dev, dev_name(bo->base.dev->dev))
		__field(u32, buffer)
		__field(int, error)
		__field(int, lost)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->buffer = bo->id;
		__entry->error = error;
		__entry->lost = lost;
	),
	TP_printk("%s buffer=%u error=%d lost=%d", __get_str(dev), __entry->buffer,
		  __entry->error, __entry->lost)
);

/* Pages were given to the device (SHARE), or taken back (UNSHARE). */
TRACE_EVENT(dmashare_share,
	TP_PROTO(struct dmashare_share *share, u32 opcode, int error),
	TP_ARGS(share, opcode, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(share->ddev->drm.dev))
		__field(u32, opcode)
		__field(u32, buffer)
		__field(u32, mapping)
		__field(u32, share)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->opcode = opcode;
		__entry->buffer = le32_to_cpu(share->body.buffer);
		__entry->mapping = le32_to_cpu(share->body.mapping);
		__entry->share = share->id;
		__entry->error = error;
	),
	TP_printk("%s opcode=%#x buffer=%u mapping=%u share=%u error=%d", __get_str(dev),
		  __entry->opcode, __entry->buffer, __entry->mapping, __entry->share,
		  __entry->error)
);

/* A client may go on, or is refused with @reason. */
TRACE_EVENT(dmashare_grant,
	TP_PROTO(struct dmashare_device *ddev, u32 hold, int reason, int error),
	TP_ARGS(ddev, hold, reason, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(ddev->drm.dev))
		__field(u32, hold)
		__field(int, reason)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->hold = hold;
		__entry->reason = reason;
		__entry->error = error;
	),
	TP_printk("%s hold=%#x reason=%d error=%d", __get_str(dev), __entry->hold,
		  __entry->reason, __entry->error)
);

/* Clients were told of new contents, which @holders of them hold. */
TRACE_EVENT(dmashare_publish,
	TP_PROTO(struct dmashare_share *share, u32 hold, u64 sequence, u64 holders, int error),
	TP_ARGS(share, hold, sequence, holders, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(share->ddev->drm.dev))
		__field(u32, buffer)
		__field(u32, hold)
		__field(u64, sequence)
		__field(u64, holders)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->buffer = le32_to_cpu(share->body.buffer);
		__entry->hold = hold;
		__entry->sequence = sequence;
		__entry->holders = holders;
		__entry->error = error;
	),
	TP_printk("%s buffer=%u hold=%#x sequence=%llu holders=%llu error=%d",
		  __get_str(dev), __entry->buffer, __entry->hold, __entry->sequence,
		  __entry->holders, __entry->error)
);

DECLARE_EVENT_CLASS(dmashare_hold_class,
	TP_PROTO(struct dmashare_hold *hold, int error),
	TP_ARGS(hold, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(hold->ddev->drm.dev))
		__field(u32, id)
		__field(u32, buffer)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->id = hold->id;
		__entry->buffer = hold->buffer;
		__entry->error = error;
	),
	TP_printk("%s hold=%#x buffer=%u error=%d", __get_str(dev), __entry->id,
		  __entry->buffer, __entry->error)
);

/* Its fence is about to be shown, unless that failed. */
DEFINE_EVENT(dmashare_hold_class, dmashare_hold_begin,
	TP_PROTO(struct dmashare_hold *hold, int error),
	TP_ARGS(hold, error)
);

/* Its fence is being signalled. */
DEFINE_EVENT(dmashare_hold_class, dmashare_hold_end,
	TP_PROTO(struct dmashare_hold *hold, int error),
	TP_ARGS(hold, error)
);

/* Something became of a foreign buffer, or could not. */
TRACE_EVENT(dmashare_peer,
	TP_PROTO(struct dmashare_device *ddev, const struct dmashare_peer *peer,
		 const char *what, int error),
	TP_ARGS(ddev, peer, what, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(ddev->drm.dev))
		__string(what, what)
		__field(u32, peer)
		__field(u32, device_id)
		__field(u32, share)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__assign_str(what);
		__entry->peer = peer->id;
		__entry->device_id = peer->device_id;
		__entry->share = le32_to_cpu(peer->info.share);
		__entry->error = error;
	),
	TP_printk("%s %s peer=%u id=%u share=%u error=%d", __get_str(dev), __get_str(what),
		  __entry->peer, __entry->device_id, __entry->share, __entry->error)
);

/* A context or resource was made (or not), lost, or is no more. */
TRACE_EVENT(dmashare_render,
	TP_PROTO(const struct dmashare_render_object *obj, const char *what, int error),
	TP_ARGS(obj, what, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(obj->ddev->drm.dev))
		__string(what, what)
		__field(bool, resource)
		__field(u32, id)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__assign_str(what);
		__entry->resource = obj->resource;
		__entry->id = obj->id;
		__entry->error = error;
	),
	TP_printk("%s %s %s=%u error=%d", __get_str(dev), __get_str(what),
		  __entry->resource ? "resource" : "context", __entry->id, __entry->error)
);

TRACE_EVENT(dmashare_reset,
	TP_PROTO(struct dmashare_device *ddev, u64 guilty),
	TP_ARGS(ddev, guilty),
	TP_STRUCT__entry(
		__string(dev, dev_name(ddev->drm.dev))
		__field(u64, guilty)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->guilty = guilty;
	),
	TP_printk("%s guilty=%llu", __get_str(dev), __entry->guilty)
);

DECLARE_EVENT_CLASS(dmashare_job_class,
	TP_PROTO(struct dmashare_job *job, u64 seqno, u32 status),
	TP_ARGS(job, seqno, status),
	TP_STRUCT__entry(
		__string(dev, dev_name(job->queue->ring.ddev->drm.dev))
		__field(u32, queue)
		__field(u32, opcode)
		__field(u64, id)
		__field(u32, timeline)
		__field(u64, seqno)
		__field(u32, status)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->queue = job->queue->ring.index;
		__entry->opcode = job->desc.opcode;
		__entry->id = job->id;
		__entry->timeline = job->fence->timeline;
		__entry->seqno = seqno;
		__entry->status = status;
	),
	TP_printk("%s queue=%u opcode=%#x job=%llu timeline=%u seqno=%llu status=%#x",
		  __get_str(dev), __entry->queue, __entry->opcode, __entry->id,
		  __entry->timeline, __entry->seqno, __entry->status)
);

/* Handed to the device. */
DEFINE_EVENT(dmashare_job_class, dmashare_job_run,
	TP_PROTO(struct dmashare_job *job, u64 seqno, u32 status),
	TP_ARGS(job, seqno, status)
);

/* The device completed it, or a reset took it (status NOT_RUN). */
DEFINE_EVENT(dmashare_job_class, dmashare_job_done,
	TP_PROTO(struct dmashare_job *job, u64 seqno, u32 status),
	TP_ARGS(job, seqno, status)
);

/* The hardware fence is being signalled. */
TRACE_EVENT(dmashare_fence_signal,
	TP_PROTO(struct dmashare_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__string(dev, dev_name(job->queue->ring.ddev->drm.dev))
		__field(u32, queue)
		__field(u32, timeline)
		__field(u64, seqno)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->queue = job->queue->ring.index;
		__entry->timeline = job->fence->timeline;
		__entry->seqno = job->fence->base.seqno;
		__entry->error = job->fence->base.error;
	),
	TP_printk("%s queue=%u timeline=%u seqno=%llu error=%d", __get_str(dev),
		  __entry->queue, __entry->timeline, __entry->seqno, __entry->error)
);

#endif /* DMASHARE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dmashare_trace
#include <trace/define_trace.h>
