/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: contexts and resources, and what the renderer has to do for them
 *
 * What the device knows of the renderer's objects, and which requests are on
 * their way; whoever owns the process sends them. Nothing here waits: what
 * there is no room for, or no answer to, is looked at again when somebody was
 * woken.
 *
 * The renderer is not to be trusted: an answer to what was not asked is an
 * error.
 */
#ifndef HW_DMASHARE_RENDER_H
#define HW_DMASHARE_RENDER_H

#include "dmashare/render.h"
#include "hw/dmashare/event.h"
#include "hw/dmashare/fence.h"
#include "hw/dmashare/journal.h"

/**
 * DmashareRenderObject: a context or a resource
 * @id: the driver's and the renderer's, for commands name resources by it
 * @resource: it is one
 * @lost: the renderer has none of it, or it does nothing any more
 * @tight: a resource: a pixel has four bytes
 * @swapped: a resource: these are blue, green, red, and a fourth
 * @bytes: a resource: what it counts
 * @serial: of the request that made it, 0 once that was answered
 * @name: a context: for people, need not end
 * @target: a resource: enum dmashare_target; for people, like the next ones
 * @format: a resource
 * @width: a resource
 * @height: a resource
 */
typedef struct DmashareRenderObject {
    uint32_t id;
    bool resource;
    bool lost;
    bool tight;
    bool swapped;
    uint64_t bytes;
    uint64_t serial;
    uint8_t name[DMASHARE_NAME_LEN];
    uint32_t target;
    uint32_t format;
    uint32_t width;
    uint32_t height;
} DmashareRenderObject;

/* Requests of one slot that may be unanswered. */
#define DMASHARE_RENDER_PARTS       4

/**
 * DmashareRenderSlot: a queue's part of the staging memory, and its requests
 * @owner: whose it is, or NULL
 * @serial: of the unanswered requests, by their numbers in its job
 * @asked: how many of these there were
 * @answered: and how many of them were answered
 * @context: whose commands these are, NULL if nobody's, or it is gone
 * @order: of the answered requests, by the same: of the bytes of their pixels
 * @status: the first that was not OK
 */
typedef struct DmashareRenderSlot {
    void *owner;
    uint64_t serial[DMASHARE_RENDER_PARTS];
    uint8_t order[DMASHARE_RENDER_PARTS];
    unsigned asked;
    unsigned answered;
    DmashareRenderObject *context;
    uint16_t status;
} DmashareRenderSlot;

/**
 * DmashareRenderOps: the process
 * @start: there is none; start one. False if that cannot be, or not yet.
 * @send: a request. False if there is no room for it: dmashare_render_room()
 *        will be called.
 * @linger: an answer is expected in next to no time: take it before the thread
 *          goes to sleep, but wait for microseconds only. False if none came.
 */
typedef struct DmashareRenderOps {
    bool (*start)(void *opaque);
    bool (*send)(void *opaque, const struct dmashare_render_request *request);
    bool (*linger)(void *opaque);
} DmashareRenderOps;

#define DMASHARE_RENDER_CAPSETS     2
#define DMASHARE_RENDER_CAPSET_SIZE 4096

/**
 * DmashareRender: of one device
 * @enabled: there is the feature
 * @max_contexts: largest id
 * @max_resources: largest id
 * @max_bytes: of the resources together
 * @slot_size: bytes of one slot
 * @staging: the slots
 * @ops: the process
 * @opaque: passed to them
 * @wake: a queue may go on
 * @wake_opaque: passed to it
 * @events: for what is lost
 * @journal: for that as well
 * @context: by id, NULL if there is none
 * @resource: the same
 * @bytes: what the resources count
 * @running: there is a process
 * @starts: how often there came to be one
 * @reset_owed: it has objects that there are no more
 * @full: somebody could not send
 * @counter: of requests
 * @unanswered: requests
 * @capset: what the renderer can do
 * @capset_size: bytes of each, 0 if there is none
 * @capsets: answers to these that came, or need not come any more
 * @slot: by queue
 */
typedef struct DmashareRender {
    bool enabled;
    uint32_t max_contexts;
    uint32_t max_resources;
    uint64_t max_bytes;
    uint64_t slot_size;
    uint8_t *staging;
    const DmashareRenderOps *ops;
    void *opaque;
    void (*wake)(void *opaque, unsigned lane);
    void *wake_opaque;
    DmashareEvents *events;
    DmashareJournal *journal;

    DmashareRenderObject *context[DMASHARE_RENDER_MAX_CONTEXTS + 1];
    DmashareRenderObject *resource[DMASHARE_RENDER_MAX_RESOURCES + 1];
    uint64_t bytes;

    bool running;
    uint64_t starts;
    bool reset_owed;
    bool full;
    uint32_t counter;
    uint32_t unanswered;
    uint8_t capset[DMASHARE_RENDER_CAPSETS][DMASHARE_RENDER_CAPSET_SIZE];
    uint32_t capset_size[DMASHARE_RENDER_CAPSETS];
    unsigned capsets;
    DmashareRenderSlot slot[DMASHARE_MAX_LANES];
} DmashareRender;

void dmashare_render_destroy(DmashareRender *render);
/* No contexts and no resources; slots have no owners. */
void dmashare_render_reset(DmashareRender *render);

/*
 * Commands. They return a status, and set @again if there was no room: they
 * have done nothing and are to be called again.
 */
uint16_t dmashare_context_create(DmashareRender *render, uint32_t id,
                                 uint32_t capset, const uint8_t *name,
                                 bool *again);
uint16_t dmashare_context_destroy(DmashareRender *render, uint32_t id,
                                  bool *again);
uint16_t dmashare_resource_create(DmashareRender *render,
                                  const struct dmashare_body_resource *body,
                                  bool *again);
uint16_t dmashare_resource_destroy(DmashareRender *render, uint32_t id,
                                   bool *again);
uint16_t dmashare_resource_pair(DmashareRender *render, uint32_t context,
                                uint32_t resource, bool add, bool *again);

/* NULL if there is none that anything can be done with. */
DmashareRenderObject *dmashare_render_context(DmashareRender *render,
                                              uint32_t id);
DmashareRenderObject *dmashare_render_resource(DmashareRender *render,
                                               uint32_t id);

/*
 * Jobs. Take the slot of a queue: false if it is not yet free, then the queue
 * is woken when it is. Give it back, with or without a request that is on its
 * way.
 */
bool dmashare_render_take(DmashareRender *render, unsigned lane, void *owner);
void dmashare_render_give(DmashareRender *render, unsigned lane, void *owner);

static inline uint8_t *dmashare_render_memory(const DmashareRender *render,
                                              unsigned lane)
{
    return render->staging + lane * render->slot_size;
}

/* Of the @n-th request, which is one of the last. */
static inline uint64_t *dmashare_render_serial(DmashareRenderSlot *slot,
                                               unsigned n)
{
    return &slot->serial[n % DMASHARE_RENDER_PARTS];
}

static inline bool dmashare_render_busy(const DmashareRenderSlot *slot)
{
    return slot->answered < slot->asked;
}

/*
 * A request of the slot's owner, one more: its serial is set. False if there is
 * no room; then, and when it is answered, the queue is woken. Status is
 * RENDER_GONE at once if there is no renderer. @context is that of commands, or
 * NULL: if they are wrong it is lost.
 */
bool dmashare_render_ask(DmashareRender *render, unsigned lane,
                         DmashareRenderObject *context,
                         struct dmashare_render_request *request);

/*
 * From the owner of the process. It was started, and can be sent requests; an
 * answer came, false if it makes no sense; there is room for requests again; it
 * is gone, having hung or not.
 */
void dmashare_render_started(DmashareRender *render);
bool dmashare_render_answer(DmashareRender *render,
                            const struct dmashare_render_answer *answer);
void dmashare_render_room(DmashareRender *render);
void dmashare_render_gone(DmashareRender *render, bool hung);

#endif /* HW_DMASHARE_RENDER_H */
