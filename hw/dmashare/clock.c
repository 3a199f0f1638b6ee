// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: device time
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/dmashare/clock.h"

/*
 * Timers that one access has run at once, each of which does a bounded piece of
 * work: a queue, what signals, interrupts.
 */
#define CATCH_UP_MOST   4

void dmashare_clock_init(DmashareClock *clock, bool paced)
{
    memset(clock, 0, sizeof(*clock));
    clock->paced = paced;
    clock->fired = DMASHARE_NO_TIMER;
    QLIST_INIT(&clock->timers);
}

int64_t dmashare_clock_now(const DmashareClock *clock)
{
    return clock->depth ? clock->now : qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

bool dmashare_clock_enter(DmashareClock *clock)
{
    clock->now = dmashare_clock_now(clock);
    return !clock->depth++;
}

void dmashare_clock_leave(DmashareClock *clock)
{
    clock->depth--;
}

/* The callback may be the device's end: nothing is touched after it. */
static void timer_run(void *opaque)
{
    DmashareTimer *timer = opaque;

    timer->deadline = -1;
    timer->deferred = false;
    timer->clock->fired = timer->id;
    timer->cb(timer->opaque);
}

DmashareTimer *dmashare_timer_new(DmashareClock *clock, QEMUTimerCB *cb,
                                  void *opaque)
{
    DmashareTimer *timer = g_new0(DmashareTimer, 1);

    timer->clock = clock;
    timer->id = clock->next++;
    timer->deadline = -1;
    timer->cb = cb;
    timer->opaque = opaque;
    if (!clock->paced) {
        timer->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, timer_run, timer);
    }
    QLIST_INSERT_HEAD(&clock->timers, timer, next);
    return timer;
}

void dmashare_timer_mod(DmashareTimer *timer, int64_t when)
{
    timer->deadline = MAX(when, 0);
    if (timer->timer && !timer->clock->deferred) {
        timer_mod(timer->timer, timer->deadline);
    }
    timer->deferred = timer->clock->deferred;
}

void dmashare_timer_del(DmashareTimer *timer)
{
    timer->deadline = -1;
    timer->deferred = false;
    if (timer->timer) {
        timer_del(timer->timer);
    }
}

void dmashare_timer_free(DmashareTimer *timer)
{
    if (timer) {
        QLIST_REMOVE(timer, next);
        timer_free(timer->timer);
        g_free(timer);
    }
}

bool dmashare_timer_pending(const DmashareTimer *timer)
{
    return timer->deadline >= 0;
}

/* The earliest that is due at @now, the first made of several; or NULL. */
static DmashareTimer *clock_due(const DmashareClock *clock, int64_t now)
{
    DmashareTimer *timer, *due = NULL;

    QLIST_FOREACH(timer, &clock->timers, next) {
        if (dmashare_timer_pending(timer) && timer->deadline <= now &&
            (!due || timer->deadline < due->deadline ||
             (timer->deadline == due->deadline && timer->id < due->id))) {
            due = timer;
        }
    }
    return due;
}

void dmashare_clock_defer(DmashareClock *clock)
{
    clock->deferred = true;
}

void dmashare_clock_catch_up(DmashareClock *clock)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    DmashareTimer *timer;

    for (unsigned i = 0; i < CATCH_UP_MOST; i++) {
        timer = clock_due(clock, now);
        if (!timer) {
            break;
        }
        timer_del(timer->timer);
        timer_run(timer);
    }
    clock->deferred = false;
    QLIST_FOREACH(timer, &clock->timers, next) {
        if (timer->deferred) {
            timer->deferred = false;
            timer_mod(timer->timer, timer->deadline);
        }
    }
}

bool dmashare_clock_run(DmashareClock *clock, uint32_t id, Error **errp)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    DmashareTimer *timer;

    if (!clock->paced) {
        error_setg(errp, "dmashare: timers run by themselves unless the "
                   "property 'x-paced' is on");
        return false;
    }
    QLIST_FOREACH(timer, &clock->timers, next) {
        if (timer->id == id) {
            break;
        }
    }
    if (!timer) {
        error_setg(errp, "dmashare: there is no timer %" PRIu32, id);
        return false;
    }
    if (!dmashare_timer_pending(timer)) {
        error_setg(errp, "dmashare: timer %" PRIu32 " is not set", id);
        return false;
    }
    if (timer->deadline > now) {
        error_setg(errp, "dmashare: timer %" PRIu32 " is set to %" PRId64
                   ", and it is %" PRId64, id, timer->deadline, now);
        return false;
    }
    timer_run(timer);
    return true;
}
