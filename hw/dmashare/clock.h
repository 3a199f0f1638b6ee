/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: device time
 *
 * Device time is QEMU_CLOCK_VIRTUAL, with one difference: it stands still
 * while the device works. Everything that one register access, one timer or
 * one command of the harness sets off happens at the same time, so that what
 * comes of it is a function of what was given and of when it began. A
 * recording can then be replayed to the nanosecond.
 *
 * A paced device goes one step further: its timers do not run by themselves
 * but when they are told to, which is how a replay has the device take its
 * steps in the order of the recording.
 */
#ifndef HW_DMASHARE_CLOCK_H
#define HW_DMASHARE_CLOCK_H

#include "qemu/queue.h"
#include "qemu/timer.h"

typedef struct DmashareTimer DmashareTimer;

/* No timer has this number. */
#define DMASHARE_NO_TIMER   UINT32_MAX

/**
 * DmashareClock: the time of one device
 * @now: time of the present work, valid while @depth is not 0
 * @depth: nested pieces of work
 * @paced: timers run when they are told to; constant
 * @deferred: what is due is about to be run, whoever sets a timer
 * @fired: number of the timer that the next piece of work belongs to, or
 *         DMASHARE_NO_TIMER
 * @next: number of the next timer that is made
 * @timers: all of them
 */
typedef struct DmashareClock {
    int64_t now;
    unsigned depth;
    bool paced;
    bool deferred;
    uint32_t fired;
    uint32_t next;
    QLIST_HEAD(, DmashareTimer) timers;
} DmashareClock;

/**
 * DmashareTimer: a timer of a device
 * @clock: of the device
 * @id: a number that no other timer of the device ever has; they are counted
 *      as they are made
 * @deadline: when it runs, -1 if it does not
 * @deferred: it was set, and @timer was not
 * @timer: that runs it, unless the device is paced
 * @cb: what it does, in brackets of dmashare_core_enter() and _leave()
 * @opaque: passed to it
 * @next: in DmashareClock.timers
 */
struct DmashareTimer {
    DmashareClock *clock;
    uint32_t id;
    int64_t deadline;
    bool deferred;
    QEMUTimer *timer;
    QEMUTimerCB *cb;
    void *opaque;
    QLIST_ENTRY(DmashareTimer) next;
};

void dmashare_clock_init(DmashareClock *clock, bool paced);

/* Device time, in ns. */
int64_t dmashare_clock_now(const DmashareClock *clock);

/*
 * Brackets around a piece of work: device time stands still inside. Enter
 * returns true for the outermost one.
 */
bool dmashare_clock_enter(DmashareClock *clock);
void dmashare_clock_leave(DmashareClock *clock);

/* As QEMU's own, in device time. */
DmashareTimer *dmashare_timer_new(DmashareClock *clock, QEMUTimerCB *cb,
                                  void *opaque);
void dmashare_timer_mod(DmashareTimer *timer, int64_t when);
void dmashare_timer_del(DmashareTimer *timer);
/* NULL is fine. */
void dmashare_timer_free(DmashareTimer *timer);
bool dmashare_timer_pending(const DmashareTimer *timer);

/*
 * Timers that are set from now on may well run in dmashare_clock_catch_up(),
 * which follows: QEMU's own are set only if they have not by then, for to set
 * one that is due wakes the main loop.
 */
void dmashare_clock_defer(DmashareClock *clock);

/*
 * Run timers that are due at once, and not when the main loop comes to it: as
 * many as make a short piece of work. It is for the end of a piece of work, of
 * a device that exists until this returns, is not paced, and whose clock runs.
 */
void dmashare_clock_catch_up(DmashareClock *clock);

/*
 * Have a timer of a paced device run now. False, and nothing happens, if there
 * is no such timer or it is not its time.
 */
bool dmashare_clock_run(DmashareClock *clock, uint32_t id, Error **errp);

#endif /* HW_DMASHARE_CLOCK_H */
