/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: what the core tells those outside at once
 *
 * The journal waits to be read; this does not. Whoever is above the core
 * registers what is to be done; without that nothing is, and the core links
 * alone.
 */
#ifndef HW_DMASHARE_NOTIFY_H
#define HW_DMASHARE_NOTIFY_H

#include "qapi/qapi-types-dmashare.h"

/**
 * DmashareFaultNotice: an access was refused, or a fault rule fired
 * @rule: id of the rule, or DMASHARE_NO_ID
 * @status: enum dmashare_status, 0 for a rule that fails nothing
 * @queue: where, or DMASHARE_NO_ID
 * @buffer: that was accessed, or DMASHARE_NO_ID
 * @mapping: likewise
 * @offset: in the mapping, or UINT64_MAX
 * @write: the access was a write
 */
typedef struct DmashareFaultNotice {
    uint32_t rule;
    uint16_t status;
    uint32_t queue;
    uint32_t buffer;
    uint32_t mapping;
    uint64_t offset;
    bool write;
} DmashareFaultNotice;

/**
 * DmashareClientNotice: a client of the share server came, or went
 * @state: which of it
 * @client: its number, or DMASHARE_NO_ID if it never was one
 * @pid: of its process
 * @uid: of its user
 * @name: that it gives itself, empty if none
 * @why: it is none any more, or NULL
 */
typedef struct DmashareClientNotice {
    DmashareClientState state;
    uint32_t client;
    uint32_t pid;
    uint32_t uid;
    const char *name;
    const char *why;
} DmashareClientNotice;

/**
 * DmashareNotifyOps: what there is to tell; all of them are there
 * @exported: the driver made a dma-buf of a buffer; @name has
 *            DMASHARE_NAME_LEN bytes and need not end in zero
 * @released: the last reference to a buffer's dma-buf went away
 * @attached: an importer attached to a buffer; @importer as @name above
 * @fault: see DmashareFaultNotice
 * @fence_held: a fence's work is over and @hold keeps it from signalling;
 *              @held are kept by that now
 * @watchdog: a fence failed because it was held for too long by @hold, or
 *            (DMASHARE_NO_ID) a job because it waited for too long
 * @engine_hung: a fault rule hung the engine of a queue, or stopped the device
 * @client: see DmashareClientNotice
 * @peer: there is a connection to the share server of @device, and what it
 *        shares is known; or there is none for the reason @why
 * @renderer: it works, or there is none any more for the reason @why
 *
 * They may be called in the middle of anything, and must not call back.
 */
typedef struct DmashareNotifyOps {
    void (*exported)(void *opaque, uint32_t buffer, const char *name,
                     uint64_t size);
    void (*released)(void *opaque, uint32_t buffer);
    void (*attached)(void *opaque, uint32_t buffer, uint32_t attachment,
                     const char *importer);
    void (*fault)(void *opaque, const DmashareFaultNotice *notice);
    void (*fence_held)(void *opaque, uint32_t hold, uint32_t timeline,
                       uint64_t seqno, uint64_t held);
    void (*watchdog)(void *opaque, uint32_t hold, uint32_t timeline,
                     uint64_t seqno);
    void (*engine_hung)(void *opaque, uint32_t rule, uint32_t queue,
                        bool fatal);
    void (*client)(void *opaque, const DmashareClientNotice *notice);
    void (*peer)(void *opaque, bool connected, const char *device,
                 const char *why);
    void (*renderer)(void *opaque, bool running, const char *why);
} DmashareNotifyOps;

/**
 * DmashareNotify: who is told; a member of the core, to which rooms point
 * @ops: NULL if nobody is
 * @opaque: passed to them
 */
typedef struct DmashareNotify {
    const DmashareNotifyOps *ops;
    void *opaque;
} DmashareNotify;

static inline void dmashare_notify_exported(const DmashareNotify *n,
                                            uint32_t buffer, const char *name,
                                            uint64_t size)
{
    if (n && n->ops) {
        n->ops->exported(n->opaque, buffer, name, size);
    }
}

static inline void dmashare_notify_released(const DmashareNotify *n,
                                            uint32_t buffer)
{
    if (n && n->ops) {
        n->ops->released(n->opaque, buffer);
    }
}

static inline void dmashare_notify_attached(const DmashareNotify *n,
                                            uint32_t buffer,
                                            uint32_t attachment,
                                            const char *importer)
{
    if (n && n->ops) {
        n->ops->attached(n->opaque, buffer, attachment, importer);
    }
}

static inline void dmashare_notify_fault(const DmashareNotify *n,
                                         const DmashareFaultNotice *notice)
{
    if (n && n->ops) {
        n->ops->fault(n->opaque, notice);
    }
}

static inline void dmashare_notify_fence_held(const DmashareNotify *n,
                                              uint32_t hold,
                                              uint32_t timeline,
                                              uint64_t seqno, uint64_t held)
{
    if (n && n->ops) {
        n->ops->fence_held(n->opaque, hold, timeline, seqno, held);
    }
}

static inline void dmashare_notify_watchdog(const DmashareNotify *n,
                                            uint32_t hold, uint32_t timeline,
                                            uint64_t seqno)
{
    if (n && n->ops) {
        n->ops->watchdog(n->opaque, hold, timeline, seqno);
    }
}

static inline void dmashare_notify_engine_hung(const DmashareNotify *n,
                                               uint32_t rule, uint32_t queue,
                                               bool fatal)
{
    if (n && n->ops) {
        n->ops->engine_hung(n->opaque, rule, queue, fatal);
    }
}

static inline void dmashare_notify_client(const DmashareNotify *n,
                                          const DmashareClientNotice *notice)
{
    if (n && n->ops) {
        n->ops->client(n->opaque, notice);
    }
}

static inline void dmashare_notify_peer(const DmashareNotify *n,
                                        bool connected, const char *device,
                                        const char *why)
{
    if (n && n->ops) {
        n->ops->peer(n->opaque, connected, device, why);
    }
}

static inline void dmashare_notify_renderer(const DmashareNotify *n,
                                            bool running, const char *why)
{
    if (n && n->ops) {
        n->ops->renderer(n->opaque, running, why);
    }
}

#endif /* HW_DMASHARE_NOTIFY_H */
