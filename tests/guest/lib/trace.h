/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's trace events: what happened that no call reports. One program at
 * a time may use them.
 */
#ifndef DMASHARE_TEST_TRACE_H
#define DMASHARE_TEST_TRACE_H

/* Forgets what was traced so far. */
void trace_clear(void);
/* Traces an event (GROUP/NAME), where the filter is true; NULL is always. */
void trace_on(const char *event, const char *filter);
void trace_off(const char *event);
/* Calls for each line of the event @name (without its group). */
void trace_each(const char *name, void (*each)(const char *line, void *arg), void *arg);

/* From now on jobs that fail are remembered, of every device, and their faults. */
void trace_failures_begin(void);
/* Says what they were: which job, with which status; where the fault was. */
void trace_failures_tell(void);
void trace_failures_end(void);

#endif /* DMASHARE_TEST_TRACE_H */
