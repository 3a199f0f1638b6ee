// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: QMP events
 *
 * The guest decides how many there would be, so each kind has a limit.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "qapi/qapi-events-dmashare.h"
#include "hw/dmashare/control.h"

/*
 * May one more be sent? The path of the device if so, with the number of those
 * that could not be since the last one.
 */
static char *notify_path(DmashareNotifier *n, DmashareNotifyKind kind,
                         uint64_t *suppressed)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    DmashareNotifyLimit *limit = &n->limit[kind];
    int64_t *at = &limit->at[limit->sent % DMASHARE_EVENTS_PER_SECOND];

    /* The oldest of the last so many is overwritten when it is old enough. */
    if (limit->sent >= DMASHARE_EVENTS_PER_SECOND && now - *at < 1000) {
        limit->suppressed++;
        return NULL;
    }
    *at = now;
    limit->sent++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return dmashare_core_path(n->core);
}

static void notify_exported(void *opaque, uint32_t buffer, const char *name,
                            uint64_t size)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_EXPORTED,
                                        &suppressed);
    g_autofree char *text = NULL;

    if (path) {
        text = g_strndup(name, DMASHARE_NAME_LEN);
        qapi_event_send_dmashare_buffer_exported(path, buffer, text, size,
                                                 suppressed);
    }
}

static void notify_released(void *opaque, uint32_t buffer)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_RELEASED,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_buffer_released(path, buffer, suppressed);
    }
}

static void notify_attached(void *opaque, uint32_t buffer, uint32_t attachment,
                            const char *importer)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_ATTACHED,
                                        &suppressed);
    g_autofree char *text = NULL;

    if (path) {
        text = g_strndup(importer, DMASHARE_NAME_LEN);
        qapi_event_send_dmashare_attached(path, buffer, attachment, text,
                                          suppressed);
    }
}

static void notify_fault(void *opaque, const DmashareFaultNotice *notice)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_FAULT,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_fault(path, notice->rule != DMASHARE_NO_ID,
                                       notice->rule, notice->status,
                                       notice->queue != DMASHARE_NO_ID,
                                       notice->queue,
                                       notice->buffer != DMASHARE_NO_ID,
                                       notice->buffer,
                                       notice->mapping != DMASHARE_NO_ID,
                                       notice->mapping,
                                       notice->offset != UINT64_MAX,
                                       notice->offset, notice->write,
                                       suppressed);
    }
}

static void notify_fence_held(void *opaque, uint32_t hold, uint32_t timeline,
                              uint64_t seqno, uint64_t held)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_FENCE_HELD,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_fence_held(path, hold, timeline, seqno, held,
                                            suppressed);
    }
}

static void notify_watchdog(void *opaque, uint32_t hold, uint32_t timeline,
                            uint64_t seqno)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_WATCHDOG,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_watchdog(path, hold != DMASHARE_NO_ID, hold,
                                          timeline, seqno, suppressed);
    }
}

static void notify_engine_hung(void *opaque, uint32_t rule, uint32_t queue,
                               bool fatal)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_ENGINE_HUNG,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_engine_hung(path, rule, queue, fatal,
                                             suppressed);
    }
}

static void notify_client(void *opaque, const DmashareClientNotice *notice)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_CLIENT,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_client(path, notice->state,
                                        notice->client != DMASHARE_NO_ID,
                                        notice->client, notice->pid,
                                        notice->uid, notice->name,
                                        notice->why, suppressed);
    }
}

static void notify_peer(void *opaque, bool connected, const char *device,
                        const char *why)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_PEER,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_peer(path, connected, device, why,
                                      suppressed);
    }
}

static void notify_renderer(void *opaque, bool running, const char *why)
{
    uint64_t suppressed;
    g_autofree char *path = notify_path(opaque, DMASHARE_NOTIFY_RENDERER,
                                        &suppressed);

    if (path) {
        qapi_event_send_dmashare_renderer(path, running, why, suppressed);
    }
}

static const DmashareNotifyOps notify_ops = {
    .exported = notify_exported,
    .released = notify_released,
    .attached = notify_attached,
    .fault = notify_fault,
    .fence_held = notify_fence_held,
    .watchdog = notify_watchdog,
    .engine_hung = notify_engine_hung,
    .client = notify_client,
    .peer = notify_peer,
    .renderer = notify_renderer,
};

void dmashare_notifier_init(DmashareNotifier *notifier, DmashareCore *core)
{
    memset(notifier, 0, sizeof(*notifier));
    notifier->core = core;
    core->notify.ops = &notify_ops;
    core->notify.opaque = notifier;
}
