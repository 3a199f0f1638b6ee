// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: submission and completion rings
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/log.h"
#include "qemu/units.h"
#include "hw/dmashare/queue.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct dmashare_completion) !=
                  DMASHARE_COMPLETION_SIZE);

/*
 * Costs in copied bytes: of a fetch, of a job that is done, of a completion, of
 * one timer callback.
 */
#define FETCH_COST      512
#define DONE_COST       512
#define COMPLETE_COST   1024
#define STEP_BUDGET     (1 * MiB)

/*
 * Where virtual time stands still while timers run (qtest, icount), a timer
 * set to now runs in the same pass of the main loop. So that an enormous job
 * cannot keep the main loop for good, time goes on after this much work.
 */
#define INSTANT_BUDGET  (1 * GiB)

/* What the journal says of a queue, an error being added to the last. */
enum {
    QUEUE_RECORD_DISABLED = 0,
    QUEUE_RECORD_ENABLED = 1,
    QUEUE_RECORD_ERROR = 256,
};

static int64_t queue_now(const DmashareQueue *q)
{
    return dmashare_clock_now(q->queues->clock);
}

static void queue_kick(DmashareQueue *q)
{
    if (q->enabled && !q->working && !q->queues->stopped) {
        dmashare_timer_mod(q->timer, queue_now(q));
    }
}

static void queue_timer(void *opaque)
{
    DmashareQueue *q = opaque;

    q->queues->work(q->queues->work_opaque, q);
}

static void signal_timer(void *opaque)
{
    DmashareQueues *qs = opaque;

    qs->signal_work(qs->work_opaque);
}

void dmashare_queues_init(DmashareQueues *qs)
{
    qs->signal_timer = dmashare_timer_new(qs->clock, signal_timer, qs);
    for (unsigned i = 0; i < qs->n_queues; i++) {
        DmashareQueue *q = &qs->queue[i];

        q->queues = qs;
        q->index = i;
        QTAILQ_INIT(&q->jobs);
        QTAILQ_INIT(&q->aside);
        QTAILQ_INIT(&q->over);
        q->timer = dmashare_timer_new(qs->clock, queue_timer, q);
    }
}

void dmashare_queues_destroy(DmashareQueues *qs)
{
    dmashare_timer_free(qs->signal_timer);
    qs->signal_timer = NULL;
    for (unsigned i = 0; i < qs->n_queues; i++) {
        dmashare_timer_free(qs->queue[i].timer);
        qs->queue[i].timer = NULL;
    }
}

/* What it is, and which context or resource it is about, if it is. */
static uint64_t job_argument(const DmashareJob *job)
{
    const struct dmashare_desc *desc = &job->desc;
    uint64_t what = 0;

    if (desc->opcode == DMASHARE_OP_JOB_RENDER) {
        what = (uint32_t)le64_to_cpu(desc->job.value);
    } else if (desc->opcode == DMASHARE_OP_JOB_UPLOAD ||
               desc->opcode == DMASHARE_OP_JOB_DOWNLOAD) {
        what = le32_to_cpu(desc->transfer.resource);
    }
    return desc->opcode | what << 8;
}

/* A control command has a record of its own. */
static void job_record(DmashareQueue *q, const DmashareJob *job,
                       DmashareOperation operation)
{
    DmashareJournalRecord record = DMASHARE_RECORD(operation,
                                                   DMASHARE_ACTOR_DEVICE);
    const DmashareMapping *src = job->src.map, *dst = job->dst.map;

    if (!dmashare_command_is_job(job)) {
        return;
    }
    record.status = job->status;
    record.error = job->error;
    record.queue = q->index;
    if (operation != DMASHARE_OPERATION_WATCHDOG) {
        record.arg = job_argument(job);
        record.bytes = !job->refused && job->engine->piece ?
                       job->length * job->rows : UINT64_MAX;
    }
    if (dst) {
        record.buffer = dst->buffer->id;
        record.object = src ? src->buffer->id : DMASHARE_NO_ID;
    } else if (src) {
        record.buffer = src->buffer->id;
    }
    if (job->fence) {
        record.timeline = job->fence->timeline;
        record.seqno = job->fence->seqno;
    }
    dmashare_journal_add(q->queues->journal, &record);
}

static DmashareJobList *job_list(DmashareQueue *q, const DmashareJob *job)
{
    switch (job->state) {
    case DMASHARE_JOB_DONE:
        return &q->aside;
    case DMASHARE_JOB_OVER:
        return &q->over;
    default:
        return &q->jobs;
    }
}

static void job_move(DmashareQueue *q, DmashareJob *job,
                     DmashareJobState state)
{
    QTAILQ_REMOVE(job_list(q, job), job, next);
    job->state = state;
    QTAILQ_INSERT_TAIL(job_list(q, job), job, next);
}

static void job_free(DmashareQueue *q, DmashareJob *job)
{
    QTAILQ_REMOVE(job_list(q, job), job, next);
    if (job->fence) {
        dmashare_fence_disown(job->fence);
    }
    dmashare_command_free(q->queues->commands, job);
}

/* One that is fetched and not completed, or NULL. */
static DmashareJob *queue_any(DmashareQueue *q)
{
    DmashareJob *job = QTAILQ_FIRST(&q->jobs);

    if (!job) {
        job = QTAILQ_FIRST(&q->aside);
    }
    return job ? job : QTAILQ_FIRST(&q->over);
}

void dmashare_queues_reset(DmashareQueues *qs)
{
    dmashare_timer_del(qs->signal_timer);
    for (unsigned i = 0; i < qs->n_queues; i++) {
        DmashareQueue *q = &qs->queue[i];
        DmashareJob *job;

        dmashare_timer_del(q->timer);
        while ((job = queue_any(q))) {
            job_free(q, job);
        }
        q->sq_addr = 0;
        q->cq_addr = 0;
        q->sq_entries = 0;
        q->cq_entries = 0;
        q->vector = 0;
        q->enabled = false;
        q->stalled = 0;
        q->error = DMASHARE_QERR_NONE;
        q->sq_head = 0;
        q->sq_tail = 0;
        q->cq_head = 0;
        q->cq_tail = 0;
    }
    qs->stopped = false;
}

void dmashare_queues_stop(DmashareQueues *qs)
{
    qs->stopped = true;
    dmashare_timer_del(qs->signal_timer);
    for (unsigned i = 0; i < qs->n_queues; i++) {
        dmashare_timer_del(qs->queue[i].timer);
    }
}

void dmashare_queues_wake(DmashareQueues *qs, unsigned lane)
{
    if (lane < qs->n_queues) {
        queue_kick(&qs->queue[lane]);
    }
}

void dmashare_queues_look_again(DmashareQueues *qs)
{
    for (unsigned i = 0; i < qs->n_queues; i++) {
        queue_kick(&qs->queue[i]);
    }
}

/* @arg as DmashareOperation has it: enabled, disabled, or an error. */
static void queue_record(DmashareQueue *q, unsigned arg)
{
    DmashareJournalRecord record = DMASHARE_RECORD(
        DMASHARE_OPERATION_QUEUE, arg >= QUEUE_RECORD_ERROR ?
        DMASHARE_ACTOR_DEVICE : DMASHARE_ACTOR_DRIVER);

    record.arg = arg;
    record.queue = q->index;
    dmashare_journal_add(q->queues->journal, &record);
}

static void queue_abort(DmashareQueue *q)
{
    DmashareQueues *qs = q->queues;
    DmashareJob *job;

    q->enabled = false;
    q->stalled = 0;
    dmashare_timer_del(q->timer);
    dmashare_lane_go(qs->fences, q->index);
    while ((job = queue_any(q))) {
        DmashareFence *fence = job->fence;

        if (fence && !fence->signalled) {
            /* The driver has given it up, and with it whoever holds it. */
            dmashare_hold_drop(qs->holds, fence);
            if (!fence->done) {
                job->status = DMASHARE_STATUS_ABORTED;
                job_record(q, job, DMASHARE_OPERATION_JOB_END);
            }
            dmashare_fence_done(qs->fences, fence, job->status);
        }
        job_free(q, job);
    }
    /* Let somebody look whether those who wait still wait for something. */
    for (unsigned i = 0; i < qs->n_queues; i++) {
        if (qs->fences->lane[i].blocked) {
            queue_kick(&qs->queue[i]);
        }
    }
}

static void queue_fail(DmashareQueue *q, uint8_t error, uint64_t addr)
{
    DmashareEvent event = {
        .type = DMASHARE_EVENT_QUEUE_ERROR,
        .status = error,
        .queue = q->index,
        .flags = error == DMASHARE_QERR_CQ_FAULT ? DMASHARE_EVENT_F_WRITE : 0,
        .addr = addr,
    };

    qemu_log_mask(LOG_GUEST_ERROR, "dmashare: queue %u stopped: error %u\n",
                  q->index, error);
    trace_dmashare_queue_error(q->index, error, addr);
    queue_record(q, QUEUE_RECORD_ERROR + error);
    queue_abort(q);
    q->error = error;
    dmashare_event_raise(q->queues->events, &event);
}

bool dmashare_queue_hung(const DmashareQueue *q)
{
    const DmashareJob *job = QTAILQ_FIRST(&q->jobs);

    return job && job->hung;
}

void dmashare_queue_enable(DmashareQueue *q, bool allowed)
{
    const DmashareRingLimits *limits = &q->queues->limits;

    if (q->enabled) {
        return;
    }
    if (!allowed) {
        q->error = DMASHARE_QERR_DISABLED;
    } else if (q->sq_addr % DMASHARE_RING_ALIGN ||
               q->cq_addr % DMASHARE_RING_ALIGN) {
        q->error = DMASHARE_QERR_ALIGN;
    } else if (!dmashare_ring_entries_ok(limits, q->sq_entries) ||
               !dmashare_ring_entries_ok(limits, q->cq_entries)) {
        q->error = DMASHARE_QERR_ENTRIES;
    } else if (q->vector >= limits->n_vectors) {
        q->error = DMASHARE_QERR_VECTOR;
    } else {
        q->error = DMASHARE_QERR_NONE;
        q->enabled = true;
        q->sq_head = 0;
        q->sq_tail = 0;
        q->cq_head = 0;
        q->cq_tail = 0;
        queue_record(q, QUEUE_RECORD_ENABLED);
    }
    if (q->error) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: queue %u not enabled: error %u\n",
                      q->index, q->error);
    }
    trace_dmashare_queue_enable(q->index, q->sq_entries, q->cq_entries,
                                q->vector, q->error);
}

void dmashare_queue_disable(DmashareQueue *q)
{
    if (q->enabled) {
        trace_dmashare_queue_disable(q->index);
        queue_record(q, QUEUE_RECORD_DISABLED);
        queue_abort(q);
    }
}

void dmashare_queue_doorbell_sq(DmashareQueue *q, uint32_t tail)
{
    uint32_t room = q->sq_entries - (q->sq_tail - q->sq_head);

    trace_dmashare_doorbell(q->index, tail);
    if (!q->enabled) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: doorbell of the disabled queue %u\n",
                      q->index);
    } else if (tail - q->sq_tail > room) {
        queue_fail(q, DMASHARE_QERR_DOORBELL, ~0ULL);
    } else {
        q->sq_tail = tail;
        queue_kick(q);
    }
}

void dmashare_queue_doorbell_cq(DmashareQueue *q, uint32_t head)
{
    if (!q->enabled) {
        qemu_log_mask(LOG_GUEST_ERROR,
                      "dmashare: doorbell of the disabled queue %u\n",
                      q->index);
    } else if (head - q->cq_head > q->cq_tail - q->cq_head) {
        queue_fail(q, DMASHARE_QERR_DOORBELL, ~0ULL);
    } else {
        q->cq_head = head;
        if (q->sq_head != q->sq_tail) {
            queue_kick(q);
        }
    }
}

/* Does a fault rule let it fetch one more? It may stop the device. */
static bool queue_may_fetch(DmashareQueue *q)
{
    DmashareQueues *qs = q->queues;
    DmashareFaultKey key = DMASHARE_FAULT_KEY(DMASHARE_FAULT_WHERE_QUEUE);
    const DmashareRule *rule;

    if (q->stalled && dmashare_fault_lives(qs->faults, q->stalled)) {
        return false;
    }
    q->stalled = 0;
    if (!dmashare_faults_at(qs->faults, key.where)) {
        return true;
    }
    key.queue = q->index;
    rule = dmashare_fault_ask(qs->faults, &key);
    if (!rule) {
        return true;
    }
    if (rule->action == DMASHARE_FAULT_ACTION_STALL) {
        q->stalled = rule->id;
    } else {
        qs->fatal(qs->fatal_opaque);
    }
    return false;
}

/*
 * Fetch while there is something, and a completion ring slot for it. Returns
 * false when the queue was stopped, or the device.
 */
static bool queue_fetch(DmashareQueue *q, int64_t *budget)
{
    DmashareQueues *qs = q->queues;

    while (q->sq_head != q->sq_tail &&
           q->sq_head - q->cq_head < q->cq_entries && *budget > 0 &&
           queue_may_fetch(q)) {
        DmashareJob *job = g_new0(DmashareJob, 1);
        uint64_t at = dmashare_ring_slot(q->sq_addr, q->sq_entries,
                                         q->sq_head, sizeof(job->desc));

        if (dmashare_bus_read(qs->bus, at, &job->desc, sizeof(job->desc))) {
            g_free(job);
            queue_fail(q, DMASHARE_QERR_SQ_FAULT, at);
            return false;
        }
        q->sq_head++;
        job->lane = q->index;
        job->order = qs->order++;
        job->fault.addr = ~0ULL;
        QTAILQ_INSERT_TAIL(&q->jobs, job, next);
        dmashare_command_take(qs->commands, job);
        trace_dmashare_fetch(q->index, q->sq_head - 1, job->desc.opcode,
                             job->status);
        *budget -= FETCH_COST;
    }
    return !qs->stopped;
}

static void job_raise(DmashareQueue *q, const DmashareJob *job, uint16_t type)
{
    const DmashareFault *fault = &job->fault;
    DmashareEvent event = {
        .type = type,
        .status = job->status,
        .queue = q->index,
        .flags = fault->write ? DMASHARE_EVENT_F_WRITE : 0,
        .cookie = le64_to_cpu(job->desc.cookie),
        .buffer = fault->buffer,
        .mapping = fault->mapping,
        .offset = fault->offset,
        .addr = fault->addr,
    };

    dmashare_event_raise(q->queues->events, &event);
}

/*
 * The work of a job is over; its fence signals if its turn has come. The queue
 * goes on with the next job, whether or not it has.
 */
static void job_done(DmashareQueue *q, DmashareJob *job, uint16_t status)
{
    DmashareQueues *qs = q->queues;

    job->status = status;
    job_move(q, job, job->fence ? DMASHARE_JOB_DONE : DMASHARE_JOB_OVER);
    job_record(q, job, DMASHARE_OPERATION_JOB_END);

    if (job->fault.status) {
        DmashareBuffers *bufs = qs->commands->buffers;
        DmashareOperand *op = job->fault.write ? &job->dst : &job->src;

        DMASHARE_COUNT(bufs, op->map ? op->map->buffer : NULL, faults, 1);
        trace_dmashare_job_fault(q->index, job->order, status,
                                 job->fault.mapping, job->fault.offset,
                                 job->fault.addr);
        job_raise(q, job, DMASHARE_EVENT_FAULT);
    }
    if (job->fence) {
        job->fence->error = job->error;
        dmashare_fence_done(qs->fences, job->fence, status);
    }
}

/* Returns OK, or what it failed with; unless the device has stopped. */
static uint16_t job_start(DmashareQueue *q, DmashareJob *job, int64_t now)
{
    uint16_t status = dmashare_command_start(q->queues->commands, job, now);

    if (job->fatal) {
        q->queues->fatal(q->queues->fatal_opaque);
    } else if (!status) {
        job->state = DMASHARE_JOB_RUNNING;
        job_record(q, job, DMASHARE_OPERATION_JOB_START);
    }
    return status;
}

/* Does a fault rule keep a running job from its end? */
static bool job_hangs(DmashareQueue *q, DmashareJob *job)
{
    if (job->hung && !dmashare_fault_lives(q->queues->faults, job->hung)) {
        job->hung = 0;
    }
    return job->hung;
}

static void job_wait(DmashareQueue *q, DmashareJob *job, int64_t now)
{
    uint64_t watchdog = q->queues->watchdog;

    dmashare_lane_wait(q->queues->fences, q->index, job->order, job->wait,
                       job->n_waits);
    job->deadline = !watchdog || watchdog > (uint64_t)(INT64_MAX - now) ?
                    INT64_MAX : now + (int64_t)watchdog;
    job->state = DMASHARE_JOB_WAITING;
    trace_dmashare_job_wait(q->index, job->order, job->n_waits);
}

/*
 * Bring the front job forward. Returns true when it is done; if not, *@next is
 * when to look again, unless somebody kicks before.
 */
static bool job_advance(DmashareQueue *q, DmashareJob *job, int64_t now,
                        int64_t *budget, int64_t *next)
{
    DmashareFences *fences = q->queues->fences;

    if (job->state == DMASHARE_JOB_NEW) {
        if (job->refused) {
            job_done(q, job, job->status);
            return true;
        }
        job_wait(q, job, now);
    }
    if (job->state == DMASHARE_JOB_WAITING) {
        uint16_t status = DMASHARE_STATUS_OK;

        if (job->deadlocked) {
            trace_dmashare_job_deadlock(q->index, job->order);
            status = DMASHARE_STATUS_DEADLOCK;
        } else if (dmashare_lane_ready(fences, q->index)) {
            status = job_start(q, job, now);
        } else if (now >= job->deadline) {
            trace_dmashare_job_watchdog(q->index, job->order);
            status = DMASHARE_STATUS_TIMEOUT;
            job->status = status;
            job_raise(q, job, DMASHARE_EVENT_WATCHDOG);
            job_record(q, job, DMASHARE_OPERATION_WATCHDOG);
            dmashare_notify_watchdog(q->queues->notify, DMASHARE_NO_ID,
                                     job->fence->timeline, job->fence->seqno);
        } else {
            *next = job->deadline;
            return false;
        }
        if (q->queues->stopped) {
            return false;
        }
        dmashare_lane_go(fences, q->index);
        if (status) {
            job_done(q, job, status);
            return true;
        }
    }
    if (job_hangs(q, job)) {
        /* Whoever removes the rule will kick. */
        return false;
    }
    if (now < job->ready) {
        *next = job->ready;
        return false;
    }
    job->asleep = false;
    if (!dmashare_command_step(q->queues->commands, job, budget)) {
        if (!job->asleep) {
            *next = now;
        }
        return false;
    }
    job_done(q, job, job->status);
    return true;
}

/* What the completion says beyond the status. */
static uint64_t job_detail(const DmashareJob *job)
{
    if (job->status == DMASHARE_STATUS_COMMANDED) {
        return job->error;
    }
    return job->status >= DMASHARE_STATUS_FAULT_TRANSLATION &&
           job->status <= DMASHARE_STATUS_FAULT_BUS_MASTER ?
           job->fault.addr : 0;
}

/* Post the completion of a job. Returns false when that failed. */
static bool job_complete(DmashareQueue *q, DmashareJob *job)
{
    DmashareQueues *qs = q->queues;
    struct dmashare_completion entry = {
        .cookie = job->desc.cookie,
        .result = cpu_to_le64(job->status ? 0 : job->result),
        .detail = cpu_to_le64(job_detail(job)),
        .status = cpu_to_le16(job->status),
        .flags = cpu_to_le16(job->fence ? DMASHARE_COMPLETION_F_FENCE : 0),
    };
    size_t body = offsetof(struct dmashare_completion, seq);
    uint64_t at = dmashare_ring_slot(q->cq_addr, q->cq_entries, q->cq_tail,
                                     sizeof(entry));

    if (dmashare_bus_write(qs->bus, at, &entry, body)) {
        queue_fail(q, DMASHARE_QERR_CQ_FAULT, at);
        return false;
    }
    /* Who sees the sequence number sees the entry. */
    smp_wmb();
    if (dmashare_bus_write32(qs->bus, at + body, q->cq_tail + 1)) {
        queue_fail(q, DMASHARE_QERR_CQ_FAULT, at + body);
        return false;
    }
    trace_dmashare_complete(q->index, q->cq_tail, job->desc.opcode,
                            job->status);
    q->cq_tail++;

    if (dmashare_command_is_job(job)) {
        dmashare_engine_account(qs->commands->engines, job);
    }
    job_free(q, job);
    qs->interrupt->raise(qs->interrupt->opaque, q->vector);
    return true;
}

/* Jobs that wait for each other: the chosen one learns it from its timer. */
static void queues_break_deadlocks(DmashareQueues *qs)
{
    int lane;

    while ((lane = dmashare_fences_deadlock(qs->fences)) >= 0) {
        DmashareQueue *q = &qs->queue[lane];

        QTAILQ_FIRST(&q->jobs)->deadlocked = true;
        dmashare_lane_go(qs->fences, lane);
        queue_kick(q);
    }
}

/* Work goes on now, or a tick later if too much was done in this one. */
static int64_t queues_again(DmashareQueues *qs, int64_t now, int64_t spent)
{
    if (qs->instant != now) {
        qs->instant = now;
        qs->spent = 0;
    }
    qs->spent += spent;
    return qs->spent >= INSTANT_BUDGET ? now + 1 : now;
}

/*
 * Post what can be posted, then work on. Returns false when there is nothing
 * to be done now.
 */
static bool queue_go_on(DmashareQueue *q, int64_t now, int64_t *budget,
                        int64_t *next)
{
    DmashareJob *job = QTAILQ_FIRST(&q->over);

    if (job) {
        *budget -= COMPLETE_COST;
        return job_complete(q, job);
    }
    job = QTAILQ_FIRST(&q->jobs);
    if (!job || !job_advance(q, job, now, budget, next)) {
        return false;
    }
    *budget -= DONE_COST;
    return true;
}

void dmashare_queue_work(DmashareQueue *q)
{
    DmashareQueues *qs = q->queues;
    int64_t now = queue_now(q);
    int64_t budget = STEP_BUDGET;
    int64_t next = INT64_MAX;
    int64_t again;

    if (!q->enabled || qs->stopped) {
        return;
    }
    q->working = true;
    if (queue_fetch(q, &budget)) {
        while (queue_go_on(q, now, &budget, &next)) {
            if (budget <= 0) {
                next = now;
                break;
            }
        }
        if (budget <= 0 && q->sq_head != q->sq_tail) {
            /* There may be more to fetch. */
            next = now;
        }
    }
    q->working = false;

    again = queues_again(qs, now, STEP_BUDGET - budget);
    if (qs->stopped) {
        return;
    }
    if (q->enabled && next != INT64_MAX) {
        dmashare_timer_mod(q->timer, MAX(next, again));
    }
    queues_break_deadlocks(qs);
}

void dmashare_queues_signal_work(DmashareQueues *qs)
{
    int64_t now = dmashare_clock_now(qs->clock);
    int64_t again = queues_again(qs, now, DMASHARE_SIGNAL_BATCH * DONE_COST);

    if (dmashare_fences_go_on(qs->fences)) {
        dmashare_timer_mod(qs->signal_timer, again);
    }
}

void dmashare_queues_signal_more(DmashareQueues *qs)
{
    if (!qs->stopped) {
        dmashare_timer_mod(qs->signal_timer, dmashare_clock_now(qs->clock));
    }
}

void dmashare_queues_end_fence(DmashareQueues *qs, DmashareFence *fence,
                               uint16_t status, uint16_t error)
{
    DmashareQueue *q = &qs->queue[fence->lane];
    DmashareJob *job = fence->owner;

    if (job->state != DMASHARE_JOB_DONE) {
        if (job == QTAILQ_FIRST(&q->jobs)) {
            dmashare_lane_go(qs->fences, q->index);
            queue_kick(q);
        }
        job_move(q, job, DMASHARE_JOB_DONE);
    }
    job->status = status;
    job->error = error;
    if (!fence->done) {
        job_record(q, job, DMASHARE_OPERATION_JOB_END);
    }
    fence->error = error;
    dmashare_fence_done(qs->fences, fence, status);
}

void dmashare_queues_timeline_advanced(DmashareQueues *qs)
{
    for (unsigned i = 0; i < qs->n_queues; i++) {
        if (qs->fences->lane[i].blocked &&
            dmashare_lane_ready(qs->fences, i)) {
            queue_kick(&qs->queue[i]);
        }
    }
}

void dmashare_queues_fence_signalled(DmashareQueues *qs, DmashareFence *fence)
{
    DmashareQueue *q = &qs->queue[fence->lane];

    if (QTAILQ_EMPTY(&q->over)) {
        queue_kick(q);
    }
    job_move(q, fence->owner, DMASHARE_JOB_OVER);
}
