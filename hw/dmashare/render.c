// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: contexts and resources, and what the renderer has to do for them
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "hw/dmashare/render.h"
#include "trace.h"

/*
 * A serial says what it is of, so that its answer needs no table: kind, id or
 * lane, and a number that makes it another than the one before.
 */
typedef enum RequestKind {
    KIND_OTHER = 1,
    KIND_SLOT,
    KIND_CONTEXT,
    KIND_RESOURCE,
    KIND_CAPSET,
} RequestKind;

static uint64_t serial_make(DmashareRender *render, RequestKind kind,
                            uint32_t id)
{
    return (uint64_t)kind << 56 | (uint64_t)id << 32 | ++render->counter;
}

static void render_record(DmashareRender *render, DmashareOperation operation,
                          uint16_t status, uint64_t arg, uint32_t object)
{
    DmashareJournalRecord record = DMASHARE_RECORD(operation,
                                                   DMASHARE_ACTOR_DEVICE);

    record.status = status;
    record.arg = arg;
    record.object = object;
    dmashare_journal_add(render->journal, &record);
}

static bool render_send(DmashareRender *render,
                        struct dmashare_render_request *request,
                        RequestKind kind, uint32_t id)
{
    request->magic = DMASHARE_RENDER_MAGIC;
    request->serial = serial_make(render, kind, id);
    if (!render->ops->send(render->opaque, request)) {
        trace_dmashare_render_full(request->type);
        render->full = true;
        return false;
    }
    render->unanswered++;
    trace_dmashare_render_request(request->serial, request->type);
    return true;
}

/* What there was before the reset has to go before there is something new. */
static bool render_settle(DmashareRender *render)
{
    struct dmashare_render_request request = {
        .type = DMASHARE_RENDER_RESET,
    };

    if (render->running && render->reset_owed) {
        if (!render_send(render, &request, KIND_OTHER, 0)) {
            return false;
        }
        render->reset_owed = false;
    }
    return true;
}

/* Send in order; without a renderer there is nobody to tell. */
static bool render_tell(DmashareRender *render,
                        struct dmashare_render_request *request,
                        RequestKind kind, uint32_t id)
{
    if (!render_settle(render)) {
        return false;
    }
    return !render->running || render_send(render, request, kind, id);
}

static void render_wake_all(DmashareRender *render)
{
    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        render->wake(render->wake_opaque, i);
    }
}

/*
 * Life
 */

/* By id, from 1 to *@n. */
static DmashareRenderObject **object_table(DmashareRender *render,
                                           bool resource, uint32_t *n)
{
    *n = resource ? render->max_resources : render->max_contexts;
    return resource ? render->resource : render->context;
}

/* Returns whether there were any. */
static bool table_clear(DmashareRender *render, bool resource)
{
    uint32_t n;
    DmashareRenderObject **table = object_table(render, resource, &n);
    bool any = false;

    for (uint32_t i = 1; i <= n; i++) {
        any |= table[i] != NULL;
        g_clear_pointer(&table[i], g_free);
    }
    return any;
}

static bool render_clear(DmashareRender *render)
{
    bool contexts = table_clear(render, false);
    bool resources = table_clear(render, true);

    render->bytes = 0;
    return contexts || resources;
}

void dmashare_render_reset(DmashareRender *render)
{
    bool had = render_clear(render);

    trace_dmashare_render_reset(had);
    render->reset_owed |= had && render->running;
    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        render->slot[i].owner = NULL;
        render->slot[i].context = NULL;
    }
    render_settle(render);
}

void dmashare_render_destroy(DmashareRender *render)
{
    render_clear(render);
}

/*
 * Objects
 */

static DmashareRenderObject *object_find(DmashareRender *render, uint32_t id,
                                         bool resource)
{
    uint32_t n;
    DmashareRenderObject **table = object_table(render, resource, &n);

    return id && id <= n ? table[id] : NULL;
}

static DmashareRenderObject *object_alive(DmashareRender *render, uint32_t id,
                                          bool resource)
{
    DmashareRenderObject *obj = object_find(render, id, resource);

    return obj && !obj->lost ? obj : NULL;
}

DmashareRenderObject *dmashare_render_context(DmashareRender *render,
                                              uint32_t id)
{
    return object_alive(render, id, false);
}

DmashareRenderObject *dmashare_render_resource(DmashareRender *render,
                                               uint32_t id)
{
    return object_alive(render, id, true);
}

static void object_lost(DmashareRender *render, DmashareRenderObject *obj,
                        uint16_t status)
{
    DmashareEvent event = {
        .type = DMASHARE_EVENT_RENDER_LOST,
        .status = status,
        .flags = obj->resource ? DMASHARE_EVENT_F_RESOURCE : 0,
        .mapping = obj->id,
        .addr = ~0ULL,
    };

    if (!obj->lost) {
        obj->lost = true;
        trace_dmashare_render_lost(obj->resource, obj->id, status);
        render_record(render, DMASHARE_OPERATION_RENDER_LOST, status,
                      obj->resource, obj->id);
        dmashare_event_raise(render->events, &event);
    }
}

/* May there be one of this id? */
static uint16_t object_permitted(DmashareRender *render, uint32_t id,
                                 bool resource)
{
    uint32_t n;

    object_table(render, resource, &n);
    if (!id || id > n) {
        return DMASHARE_STATUS_BAD_ID;
    }
    return object_find(render, id, resource) ? DMASHARE_STATUS_ID_EXISTS
                                             : DMASHARE_STATUS_OK;
}

static void request_name(struct dmashare_render_request *request, uint32_t id,
                         bool resource)
{
    if (resource) {
        request->resource = id;
    } else {
        request->context = id;
    }
}

/* Make it, if the request that does can be sent. */
static uint16_t object_create(DmashareRender *render, uint32_t id,
                              bool resource,
                              struct dmashare_render_request *request,
                              DmashareRenderObject **out, bool *again)
{
    DmashareRenderObject *obj;
    uint32_t n;

    if (!render->running && !render->ops->start(render->opaque)) {
        return DMASHARE_STATUS_RENDER_GONE;
    }
    request_name(request, id, resource);
    if (!render_tell(render, request,
                     resource ? KIND_RESOURCE : KIND_CONTEXT, id)) {
        *again = true;
        return DMASHARE_STATUS_OK;
    }
    obj = g_new0(DmashareRenderObject, 1);
    obj->id = id;
    obj->resource = resource;
    obj->serial = request->serial;
    object_table(render, resource, &n)[id] = obj;
    trace_dmashare_render_create(resource, id);
    *out = obj;
    return DMASHARE_STATUS_OK;
}

static uint16_t object_destroy(DmashareRender *render, uint32_t id,
                               bool resource, bool *again)
{
    DmashareRenderObject *obj = object_find(render, id, resource);
    struct dmashare_render_request request = {
        .type = resource ? DMASHARE_RENDER_RESOURCE_DESTROY
                         : DMASHARE_RENDER_CONTEXT_DESTROY,
    };
    uint32_t n;

    if (!obj) {
        return DMASHARE_STATUS_BAD_ID;
    }
    request_name(&request, id, resource);
    if (!render_tell(render, &request, KIND_OTHER, 0)) {
        *again = true;
        return DMASHARE_STATUS_OK;
    }
    trace_dmashare_render_destroy(resource, id, obj->lost);
    object_table(render, resource, &n)[id] = NULL;
    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        if (render->slot[i].context == obj) {
            render->slot[i].context = NULL;
        }
    }
    render->bytes -= obj->bytes;
    g_free(obj);
    return DMASHARE_STATUS_OK;
}

/*
 * Commands
 */

uint16_t dmashare_context_create(DmashareRender *render, uint32_t id,
                                 uint32_t capset, const uint8_t *name,
                                 bool *again)
{
    uint16_t status = object_permitted(render, id, false);
    struct dmashare_render_request request = {
        .type = DMASHARE_RENDER_CONTEXT_CREATE,
        .create.capset = capset,
    };
    DmashareRenderObject *obj = NULL;

    if (capset != DMASHARE_CAPSET_VIRGL && capset != DMASHARE_CAPSET_VIRGL2) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    memcpy(request.create.name, name, sizeof(request.create.name));
    if (!status) {
        status = object_create(render, id, false, &request, &obj, again);
    }
    if (obj) {
        memcpy(obj->name, name, sizeof(obj->name));
    }
    return status;
}

uint16_t dmashare_context_destroy(DmashareRender *render, uint32_t id,
                                  bool *again)
{
    return object_destroy(render, id, false, again);
}

/* Those that are certain; it does not hurt if one is missing. */
static bool format_of_four_bytes(uint32_t format)
{
    return (format >= 1 && format <= 4) || format == 67;
}

/* B8G8R8A8 and B8G8R8X8. */
static bool format_of_blue_first(uint32_t format)
{
    return format == 1 || format == 2;
}

static bool dimension_valid(uint32_t value, uint32_t most)
{
    return value && value <= most;
}

static uint16_t resource_valid(const struct dmashare_render_request *r)
{
    bool buffer = r->image.target == DMASHARE_TARGET_BUFFER;
    bool flat = buffer || r->image.target == DMASHARE_TARGET_1D ||
                r->image.target == DMASHARE_TARGET_1D_ARRAY;
    bool array = r->image.target >= DMASHARE_TARGET_1D_ARRAY ||
                 r->image.target == DMASHARE_TARGET_CUBE;

    if (r->image.target > DMASHARE_TARGET_CUBE_ARRAY) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    if (!dimension_valid(r->image.width, buffer ? DMASHARE_MAX_BUFFER_WIDTH
                                                : DMASHARE_MAX_DIMENSION) ||
        !dimension_valid(r->image.height, flat ? 1 : DMASHARE_MAX_DIMENSION) ||
        !dimension_valid(r->image.depth,
                         r->image.target == DMASHARE_TARGET_3D ?
                         DMASHARE_MAX_DIMENSION : 1) ||
        !dimension_valid(r->image.array_size,
                         array ? DMASHARE_MAX_DIMENSION : 1) ||
        r->image.last_level > 14 || r->image.nr_samples > 16) {
        return DMASHARE_STATUS_BAD_LENGTH;
    }
    return DMASHARE_STATUS_OK;
}

/* UINT64_MAX if there is no such number. */
static uint64_t resource_bytes(const struct dmashare_render_request *r,
                               bool tight)
{
    uint64_t n = r->image.width;

    if (r->image.target == DMASHARE_TARGET_BUFFER) {
        return n;
    }
    /* All dimensions are at most 2^14, and samples and bytes 2^4. */
    n *= (uint64_t)r->image.height * MAX(r->image.nr_samples, 1) *
         (tight ? 4 : 16);
    if (umul64_overflow(n, (uint64_t)r->image.depth * r->image.array_size,
                        &n) ||
        (r->image.last_level && uadd64_overflow(n, n / 2, &n))) {
        return UINT64_MAX;
    }
    return n;
}

uint16_t dmashare_resource_create(DmashareRender *render,
                                  const struct dmashare_body_resource *body,
                                  bool *again)
{
    uint32_t id = le32_to_cpu(body->id);
    struct dmashare_render_request request = {
        .type = DMASHARE_RENDER_RESOURCE_CREATE,
        .image = {
            .target = le32_to_cpu(body->target),
            .format = le32_to_cpu(body->format),
            .bind = le32_to_cpu(body->bind),
            .width = le32_to_cpu(body->width),
            .height = le32_to_cpu(body->height),
            .depth = le32_to_cpu(body->depth),
            .array_size = le32_to_cpu(body->array_size),
            .last_level = le32_to_cpu(body->last_level),
            .nr_samples = le32_to_cpu(body->nr_samples),
            .flags = le32_to_cpu(body->flags),
        },
    };
    bool tight = request.image.target != DMASHARE_TARGET_BUFFER &&
                 format_of_four_bytes(request.image.format);
    DmashareRenderObject *obj = NULL;
    uint16_t status;
    uint64_t bytes;

    if (body->reserved) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    status = object_permitted(render, id, true);
    if (!status) {
        status = resource_valid(&request);
    }
    if (status) {
        return status;
    }
    bytes = resource_bytes(&request, tight);
    if (bytes > render->max_bytes - render->bytes) {
        return DMASHARE_STATUS_LIMIT;
    }
    status = object_create(render, id, true, &request, &obj, again);
    if (obj) {
        obj->tight = tight;
        obj->swapped = tight && format_of_blue_first(request.image.format);
        obj->bytes = bytes;
        obj->target = request.image.target;
        obj->format = request.image.format;
        obj->width = request.image.width;
        obj->height = request.image.height;
        render->bytes += bytes;
        trace_dmashare_render_bytes(id, bytes, render->bytes);
    }
    return status;
}

uint16_t dmashare_resource_destroy(DmashareRender *render, uint32_t id,
                                   bool *again)
{
    return object_destroy(render, id, true, again);
}

uint16_t dmashare_resource_pair(DmashareRender *render, uint32_t context,
                                uint32_t resource, bool add, bool *again)
{
    DmashareRenderObject *ctx = object_find(render, context, false);
    DmashareRenderObject *res = object_find(render, resource, true);
    struct dmashare_render_request request = {
        .type = add ? DMASHARE_RENDER_RESOURCE_ADD
                    : DMASHARE_RENDER_RESOURCE_REMOVE,
    };

    if (!ctx || !res) {
        return DMASHARE_STATUS_BAD_ID;
    }
    /* Where one is lost there is nothing to say, and jobs will be told. */
    if (!ctx->lost && !res->lost) {
        request.context = context;
        request.resource = resource;
        *again = !render_tell(render, &request, KIND_OTHER, 0);
    }
    return DMASHARE_STATUS_OK;
}

/*
 * Jobs
 */

bool dmashare_render_take(DmashareRender *render, unsigned lane, void *owner)
{
    DmashareRenderSlot *slot = &render->slot[lane];

    if (dmashare_render_busy(slot)) {
        /* With a job that was dropped. */
        trace_dmashare_render_busy(lane, *dmashare_render_serial(
                                             slot, slot->answered));
        return false;
    }
    slot->asked = 0;
    slot->answered = 0;
    slot->status = DMASHARE_STATUS_OK;
    slot->owner = owner;
    return true;
}

void dmashare_render_give(DmashareRender *render, unsigned lane, void *owner)
{
    if (render->slot[lane].owner == owner) {
        render->slot[lane].owner = NULL;
    }
}

bool dmashare_render_ask(DmashareRender *render, unsigned lane,
                         DmashareRenderObject *context,
                         struct dmashare_render_request *request)
{
    DmashareRenderSlot *slot = &render->slot[lane];

    if (!render->running) {
        slot->status = DMASHARE_STATUS_RENDER_GONE;
        return true;
    }
    request->slot = lane;
    if (!render_tell(render, request, KIND_SLOT, lane)) {
        return false;
    }
    *dmashare_render_serial(slot, slot->asked++) = request->serial;
    slot->context = context;
    return true;
}

/*
 * The process
 */

/* Ask for the next set that is not known. */
static void capset_ask(DmashareRender *render)
{
    struct dmashare_render_request request = {
        .type = DMASHARE_RENDER_CAPSET,
        .slot = DMASHARE_QUEUE_CONTROL,
        .length = MIN(render->slot_size, DMASHARE_RENDER_CAPSET_SIZE),
        .capset.id = render->capsets + DMASHARE_CAPSET_VIRGL,
    };

    if (render->capsets < DMASHARE_RENDER_CAPSETS &&
        !render_send(render, &request, KIND_CAPSET, render->capsets)) {
        render->capsets = DMASHARE_RENDER_CAPSETS;
    }
}

static bool capset_answer(DmashareRender *render, uint32_t n,
                          const struct dmashare_render_answer *answer)
{
    if (n != render->capsets || n >= DMASHARE_RENDER_CAPSETS ||
        answer->result > DMASHARE_RENDER_CAPSET_SIZE) {
        return false;
    }
    if (!answer->status) {
        memcpy(render->capset[n],
               dmashare_render_memory(render, DMASHARE_QUEUE_CONTROL),
               answer->result);
        render->capset_size[n] = answer->result;
    }
    render->capsets++;
    capset_ask(render);
    return true;
}

void dmashare_render_started(DmashareRender *render)
{
    render->running = true;
    render->starts++;
    render->reset_owed = false;
    render_record(render, DMASHARE_OPERATION_RENDERER, DMASHARE_STATUS_OK,
                  render->starts, DMASHARE_NO_ID);
    if (!render->capset_size[0]) {
        render->capsets = 0;
    }
    capset_ask(render);
}

static bool answer_status_valid(uint32_t status)
{
    return status == DMASHARE_STATUS_OK ||
           status == DMASHARE_STATUS_RENDER_COMMANDS ||
           status == DMASHARE_STATUS_RENDER_LOST;
}

/*
 * The oldest request of a slot is answered. A context whose commands were wrong
 * does nothing any more, which is so whether or not the job is still there.
 */
static void slot_answer(DmashareRender *render, unsigned lane, uint16_t status,
                        uint8_t order)
{
    DmashareRenderSlot *slot = &render->slot[lane];
    DmashareRenderObject *context = slot->context;

    slot->order[slot->answered++ % DMASHARE_RENDER_PARTS] = order;
    slot->context = NULL;
    slot->status = slot->status ? slot->status : status;
    if (status && context) {
        object_lost(render, context, status);
    }
    render->wake(render->wake_opaque, lane);
}

/* What an object was made by was answered; it may be gone again. */
static void object_answer(DmashareRender *render, bool resource, uint32_t id,
                          const struct dmashare_render_answer *answer)
{
    DmashareRenderObject *obj = object_find(render, id, resource);

    if (obj && obj->serial == answer->serial) {
        obj->serial = 0;
        if (answer->status) {
            object_lost(render, obj, answer->status);
        }
    }
}

bool dmashare_render_answer(DmashareRender *render,
                            const struct dmashare_render_answer *answer)
{
    RequestKind kind = answer->serial >> 56;
    uint32_t id = answer->serial >> 32 & 0xffffff;
    DmashareRenderSlot *slot;

    if (answer->magic != DMASHARE_RENDER_MAGIC || !render->unanswered) {
        return false;
    }
    render->unanswered--;
    trace_dmashare_render_answer(answer->serial, answer->status);
    if (kind == KIND_CAPSET) {
        return capset_answer(render, id, answer);
    }
    if (!answer_status_valid(answer->status)) {
        return false;
    }
    switch (kind) {
    case KIND_OTHER:
        return true;
    case KIND_CONTEXT:
    case KIND_RESOURCE:
        object_answer(render, kind == KIND_RESOURCE, id, answer);
        return true;
    case KIND_SLOT:
        slot = id < DMASHARE_MAX_LANES ? &render->slot[id] : NULL;
        if (!slot || !dmashare_render_busy(slot) ||
            answer->result > DMASHARE_RENDER_ORDER_RGBA ||
            *dmashare_render_serial(slot, slot->answered) != answer->serial) {
            return false;
        }
        slot_answer(render, id, answer->status, answer->result);
        return true;
    default:
        return false;
    }
}

void dmashare_render_room(DmashareRender *render)
{
    if (render->full && render_settle(render)) {
        render->full = false;
        render_wake_all(render);
    }
}

static void table_lost(DmashareRender *render, bool resource)
{
    uint32_t n;
    DmashareRenderObject **table = object_table(render, resource, &n);

    for (uint32_t i = 1; i <= n; i++) {
        if (table[i]) {
            table[i]->lost = true;
            table[i]->serial = 0;
        }
    }
}

static uint32_t slot_counter(DmashareRenderSlot *slot)
{
    return *dmashare_render_serial(slot, slot->answered);
}

/* The slot whose request has been on its way the longest, or NULL. */
static DmashareRenderSlot *slot_oldest(DmashareRender *render)
{
    DmashareRenderSlot *oldest = NULL;

    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        DmashareRenderSlot *slot = &render->slot[i];

        if (dmashare_render_busy(slot) &&
            (!oldest ||
             (int32_t)(slot_counter(slot) - slot_counter(oldest)) < 0)) {
            oldest = slot;
        }
    }
    return oldest;
}

void dmashare_render_gone(DmashareRender *render, bool hung)
{
    DmashareRenderSlot *oldest = hung ? slot_oldest(render) : NULL;
    DmashareEvent event = {
        .type = DMASHARE_EVENT_RENDER_LOST,
        .status = hung ? DMASHARE_STATUS_RENDER_TIMEOUT
                       : DMASHARE_STATUS_RENDER_GONE,
        .addr = ~0ULL,
    };

    trace_dmashare_render_gone(hung);
    if (render->running) {
        render_record(render, DMASHARE_OPERATION_RENDERER, event.status,
                      render->starts, DMASHARE_NO_ID);
    }
    render->running = false;
    render->reset_owed = false;
    render->full = false;
    render->unanswered = 0;
    render->capsets = DMASHARE_RENDER_CAPSETS;
    for (unsigned i = 0; i < DMASHARE_MAX_LANES; i++) {
        DmashareRenderSlot *slot = &render->slot[i];

        if (dmashare_render_busy(slot)) {
            slot->answered = slot->asked;
            slot->context = NULL;
            slot->status = slot == oldest ? DMASHARE_STATUS_RENDER_TIMEOUT
                                          : DMASHARE_STATUS_RENDER_GONE;
        }
    }
    table_lost(render, false);
    table_lost(render, true);
    dmashare_event_raise(render->events, &event);
    render_wake_all(render);
}
