/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the control plane
 *
 * What QMP and HMP commands need of a device. Above everything else: no room
 * of the core knows this.
 */
#ifndef HW_DMASHARE_CONTROL_H
#define HW_DMASHARE_CONTROL_H

#include "qapi/error.h"
#include "hw/dmashare/render-process.h"
#include "hw/dmashare/server.h"

/**
 * DMASHARE_EXPECTS: refuse an argument
 * @errp: where the error goes
 * @name: of the argument, a string constant
 * @fmt: printf format of what would be right, a string constant
 */
#define DMASHARE_EXPECTS(errp, name, fmt, ...)                          \
    error_setg(errp, "Parameter '" name "' expects " fmt, ##__VA_ARGS__)

/*
 * The device that @path names, canonically or by an unambiguous part of its
 * QOM path; NULL, with an error that lists the devices there are, if it names
 * none that works.
 */
DmashareCore *dmashare_core_find(const char *path, Error **errp);

/* The canonical paths of all devices that work, sorted. */
GPtrArray *dmashare_core_paths(void);

/* Of one device: its canonical path (to be freed), and its id or NULL. */
char *dmashare_core_path(DmashareCore *core);
const char *dmashare_core_id(DmashareCore *core);

/* Its share server, or NULL. */
DmashareServer *dmashare_core_server(DmashareCore *core);

/* Who renders for it, or NULL. */
DmashareRenderProcess *dmashare_core_renderer(DmashareCore *core);

/*
 * Check the argument "limit" of a command that returns pages: @max at most, and
 * @none if it was not given.
 */
bool dmashare_page_limit(bool has_limit, uint32_t *limit, uint32_t none,
                         uint32_t max, Error **errp);

/* How many of one kind of event are sent in a second of real time. */
#define DMASHARE_EVENTS_PER_SECOND      100

/**
 * DmashareNotifyKind: the kinds of QMP events, each with its own limit
 */
typedef enum DmashareNotifyKind {
    DMASHARE_NOTIFY_EXPORTED,
    DMASHARE_NOTIFY_RELEASED,
    DMASHARE_NOTIFY_ATTACHED,
    DMASHARE_NOTIFY_FAULT,
    DMASHARE_NOTIFY_FENCE_HELD,
    DMASHARE_NOTIFY_WATCHDOG,
    DMASHARE_NOTIFY_ENGINE_HUNG,
    DMASHARE_NOTIFY_CLIENT,
    DMASHARE_NOTIFY_PEER,
    DMASHARE_NOTIFY_RENDERER,
    DMASHARE_NOTIFY__MAX,
} DmashareNotifyKind;

/**
 * DmashareNotifyLimit: the limit of one kind
 * @at: ring of the times, in ms of real time, at which the last ones were sent
 * @sent: how many ever were
 * @suppressed: how many were not since the last one that was
 */
typedef struct DmashareNotifyLimit {
    int64_t at[DMASHARE_EVENTS_PER_SECOND];
    uint64_t sent;
    uint64_t suppressed;
} DmashareNotifyLimit;

/**
 * DmashareNotifier: QMP events of one device
 * @core: of which
 * @limit: of each kind
 */
typedef struct DmashareNotifier {
    DmashareCore *core;
    DmashareNotifyLimit limit[DMASHARE_NOTIFY__MAX];
} DmashareNotifier;

/* From now on @core's notices become QMP events. */
void dmashare_notifier_init(DmashareNotifier *notifier, DmashareCore *core);

#endif /* HW_DMASHARE_CONTROL_H */
