/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what a process does that the device has started
 */
#ifndef HW_DMASHARE_CHILD_H
#define HW_DMASHARE_CHILD_H

/**
 * DmashareThreads: what the threads of a process do, by number
 * @run: they work, or would if they had a processor
 * @sleep: they wait for something that may never come
 * @blocked: they wait for the kernel
 * @stopped: by a signal
 * @other: any other state
 */
typedef struct DmashareThreads {
    unsigned run;
    unsigned sleep;
    unsigned blocked;
    unsigned stopped;
    unsigned other;
} DmashareThreads;

/* None, of a process that has gone or where nobody can be asked. */
DmashareThreads dmashare_child_threads(GPid pid);

/* Processor time of all its threads so far, in ns; 0 if nobody knows. */
int64_t dmashare_child_used(GPid pid);

#endif /* HW_DMASHARE_CHILD_H */
