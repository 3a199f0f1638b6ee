/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's control plane (qapi/dmashare.json) from inside the guest: what
 * hardware does by chance, by command. Devices are told apart by their number;
 * their ids are "dmashare0" and "dmashare1".
 *
 * Arguments of commands are given as JSON with single quotes, in the manner of
 * printf(): "'timeline': %u, 'count': 1". Functions called ctl_try_* return -1
 * and EPROTO when QEMU refuses; the others end the case.
 */
#ifndef DMASHARE_TEST_CONTROL_H
#define DMASHARE_TEST_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#define CTL_NONE	UINT32_MAX	/* an id that is absent */

/*
 * Any command that has a path, and its answer (json.h), which is valid until
 * QEMU is spoken to again. @args may be "".
 */
const char *ctl(unsigned int device, const char *command, const char *args, ...)
	__attribute__((format(printf, 3, 4)));
int ctl_try(unsigned int device, const char *command, const char *args, ...)
	__attribute__((format(printf, 3, 4)));
/* Whether the last refusal's text has that word. */
bool ctl_refused_for(const char *word);

/* The device as query-dmashare has it. */
const char *ctl_device(unsigned int device);
/* The name that an errno has there ("eio"); the case fails when it has none. */
const char *ctl_errno(int err);

/* dmashare-fence-hold with these arguments; the hold's id. */
uint32_t ctl_hold(unsigned int device, const char *args, ...)
	__attribute__((format(printf, 2, 3)));
/* dmashare-fence-release; how many fences that signalled. */
uint64_t ctl_release(unsigned int device, const char *args, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * struct ctl_fence - a pending fence, and what to do with it
 * @timeline: index
 * @seqno: on the timeline
 * @buffer: that its job writes, CTL_NONE for none
 * @held: its work is over and a hold keeps it
 * @hold: the hold that concerns it, CTL_NONE for none
 * @action: "release", "signal" or "fail"
 * @error: for "fail": errno
 */
struct ctl_fence {
	uint32_t timeline;
	uint64_t seqno;
	uint32_t buffer;
	bool held;
	uint32_t hold;
	const char *action;
	int error;
};

/* All pending fences of the device; up to @n are filled in; how many there are. */
unsigned int ctl_fences(unsigned int device, struct ctl_fence *fences, unsigned int n);
/* The one pending fence of a job that names this buffer. */
struct ctl_fence ctl_fence_of(unsigned int device, uint32_t buffer);
/*
 * Waits until so many fences are pending on the device: what was submitted comes
 * to it by way of the kernel's scheduler.
 */
void ctl_wait_pending(unsigned int device, unsigned int n);
/* Waits until so many fences are held (no hold keeps what is not over). */
void ctl_wait_held(unsigned int device, uint64_t n);
/* dmashare-fence-batch: each one's @action, in this order. */
void ctl_batch(unsigned int device, const struct ctl_fence *fences, unsigned int n);
/* The same of one. */
void ctl_act(unsigned int device, struct ctl_fence fence, const char *action, int error);

/*
 * A fault rule of these members; its id. It stays until it is removed: the
 * device outlives the case.
 */
uint32_t ctl_fault_add(unsigned int device, const char *rule, ...)
	__attribute__((format(printf, 2, 3)));
void ctl_fault_remove(unsigned int device, uint32_t id);
/* How often it fired. */
uint64_t ctl_fault_fired(unsigned int device, uint32_t id);
/* Ends all rules and holds, as a case that failed may leave some. */
void ctl_calm(unsigned int device);

/* dmashare-pci-fault. */
void ctl_pci_fault(unsigned int device, const char *fault);

/* Sequence of what the journal gets next. */
uint64_t ctl_journal_end(unsigned int device);
/*
 * How many entries since @from are of this operation (NULL: all), with this
 * argument (UINT64_MAX: all). The case fails when some were lost.
 */
uint64_t ctl_journal_count(unsigned int device, uint64_t from, const char *operation,
			   uint64_t arg);

/* Waits for an event that this device sent; its data. */
const char *ctl_event(unsigned int device, const char *name);

/* Writes to an attribute of the PCI device of an open node, as "reset". */
int device_try_write(int fd, const char *attribute, const char *value);
void device_write(int fd, const char *attribute, const char *value);

#endif /* DMASHARE_TEST_CONTROL_H */
