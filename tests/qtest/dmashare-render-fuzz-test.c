/*
 * dmashare: a driver that renders nonsense
 *
 * Commands and jobs of rendering with whatever is in their fields, among such
 * that are right, while the renderer is killed and the device is reset. Each
 * has its one completion with a status that there may be, what there is is what
 * the completions said, and at the end the device renders.
 *
 * DMASHARE_FUZZ_MESSAGES says how many there are, DMASHARE_FUZZ_SEED which.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "libqtest.h"
#include "libqos/dmashare-qmp.h"
#include "libqos/dmashare-render.h"
#include "dmashare/render.h"

#define STEPS           2000
#define SEED            0x5eed0007
#define QUEUES          3
#define AT_ONCE         (QDMASHARE_ENTRIES - 2)

/* Ids that are used much; others are wrong, or just not there. */
#define IDS             6

/* Where the commands of each queue are: nobody changes what is being read. */
#define PART            (QRENDER_CMD_BYTES / (QUEUES + 1))

typedef struct Fuzz {
    QRender r;
    uint64_t random;
    uint8_t *noise;             /* what is in r.src */
    bool context[DMASHARE_RENDER_MAX_CONTEXTS + 1];
    bool resource[DMASHARE_RENDER_MAX_RESOURCES + 1];
    unsigned busy[QUEUES + 1];
    unsigned commands;
    unsigned done;              /* of these, successfully */
    unsigned jobs;
    unsigned rendered;
    unsigned lost;              /* events */
} Fuzz;

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;

    return text && !qemu_strtou64(text, NULL, 0, &value) ? value : otherwise;
}

static uint32_t roll(Fuzz *f, uint32_t n)
{
    return qdmashare_random(&f->random) % n;
}

static bool chance(Fuzz *f, unsigned percent)
{
    return roll(f, 100) < percent;
}

static uint32_t pick_extreme(Fuzz *f)
{
    static const uint32_t extreme[] = {
        0, 1, 2, 255, 256, 257, 4096, 4097, 16383, 16384, 16385, 0x7fffffff,
        0x80000000, 0xfffffffe, 0xffffffff,
    };

    return extreme[roll(f, ARRAY_SIZE(extreme))];
}

static uint32_t pick_id(Fuzz *f)
{
    return chance(f, 95) ? 1 + roll(f, IDS) : pick_extreme(f);
}

static uint32_t pick_size(Fuzz *f)
{
    return chance(f, 90) ? 1 + roll(f, QRENDER_SIDE) : pick_extreme(f);
}

/*
 * Commands, one at a time: what they say has to agree with what there is
 */

static void judge_create(bool *table, uint32_t max, uint32_t id,
                         unsigned status)
{
    bool valid = id && id <= max;

    switch (status) {
    case DMASHARE_STATUS_OK:
        g_assert_true(valid && !table[id]);
        table[id] = true;
        break;
    case DMASHARE_STATUS_ID_EXISTS:
        g_assert_true(valid && table[id]);
        break;
    case DMASHARE_STATUS_BAD_ID:
        g_assert_false(valid);
        break;
    default:
        g_assert_true(status == DMASHARE_STATUS_BAD_DESCRIPTOR ||
                      status == DMASHARE_STATUS_BAD_LENGTH ||
                      status == DMASHARE_STATUS_LIMIT ||
                      status == DMASHARE_STATUS_RENDER_GONE);
    }
}

static void judge_destroy(bool *table, uint32_t max, uint32_t id,
                          unsigned status)
{
    bool there = id && id <= max && table[id];

    g_assert_cmphex(status, ==, there ? DMASHARE_STATUS_OK
                                      : DMASHARE_STATUS_BAD_ID);
    if (there) {
        table[id] = false;
    }
}

static struct dmashare_desc resource_of(Fuzz *f)
{
    static const uint32_t formats[] = { 1, 1, 1, 2, 64, 67, 31 };
    struct dmashare_desc desc = qrender_texture(pick_id(f));

    if (chance(f, 60)) {
        desc.resource.target = roll(f, 10);
        desc.resource.format = chance(f, 80) ?
                               formats[roll(f, ARRAY_SIZE(formats))] :
                               roll(f, 500);
        desc.resource.bind = chance(f, 80) ? QRENDER_BIND :
                             1u << roll(f, 22);
        desc.resource.width = pick_size(f);
        desc.resource.height = chance(f, 50) ? 1 : pick_size(f);
        desc.resource.depth = chance(f, 80) ? 1 : pick_size(f);
        desc.resource.array_size = chance(f, 70) ? 1 : pick_size(f);
        desc.resource.last_level = chance(f, 80) ? 0 : roll(f, 17);
        desc.resource.nr_samples = chance(f, 90) ? 0 : roll(f, 18);
        desc.resource.flags = chance(f, 90) ? 0 : roll(f, 8);
        desc.resource.reserved = chance(f, 99) ? 0 : 1;
    }
    return desc;
}

static void capset(Fuzz *f)
{
    uint64_t at = qdmashare_dma(f->r.d, f->r.dst.phys);
    struct dmashare_desc desc = {
        .opcode = DMASHARE_OP_QUERY_CAPSET,
        .query = {
            .id = chance(f, 80) ? 1 + roll(f, 2) : pick_extreme(f),
            .length = chance(f, 80) ? 8 * (1 + roll(f, 512)) : pick_extreme(f),
            .addr = chance(f, 90) ? at : at + roll(f, 8),
        },
    };
    unsigned status;

    /* It is for the device to cut it off, and here for memory. */
    desc.query.length = MIN(desc.query.length, QRENDER_BYTES);
    status = qrender_run(&f->r, 0, desc);
    g_assert_true(status == DMASHARE_STATUS_OK ||
                  status == DMASHARE_STATUS_BAD_ID ||
                  status == DMASHARE_STATUS_BAD_LENGTH ||
                  status == DMASHARE_STATUS_BAD_DESCRIPTOR ||
                  status == DMASHARE_STATUS_BUSY);
}

static unsigned fuzz_pair(Fuzz *f)
{
    uint32_t ctx = pick_id(f), res = pick_id(f);
    unsigned status = qrender_run(&f->r, 0, qrender_pair(
        chance(f, 70) ? DMASHARE_OP_RESOURCE_ADD
                      : DMASHARE_OP_RESOURCE_REMOVE, ctx, res));
    bool there = ctx && ctx < ARRAY_SIZE(f->context) && f->context[ctx] &&
                 res && res < ARRAY_SIZE(f->resource) && f->resource[res];

    g_assert_cmphex(status, ==, there ? DMASHARE_STATUS_OK
                                      : DMASHARE_STATUS_BAD_ID);
    return status;
}

static void fuzz_command(Fuzz *f)
{
    unsigned status = DMASHARE_STATUS_OK;
    struct dmashare_desc desc;
    uint32_t id = pick_id(f);

    f->commands++;
    switch (roll(f, 9)) {
    case 0:
    case 1:
        desc = qrender_context(id);
        if (chance(f, 10)) {
            desc.context.capset = pick_extreme(f);
        }
        status = qrender_run(&f->r, 0, desc);
        judge_create(f->context, DMASHARE_RENDER_MAX_CONTEXTS, id, status);
        break;
    case 2:
        status = qrender_run(&f->r, 0, qrender_by_id(
            DMASHARE_OP_CONTEXT_DESTROY, id));
        judge_destroy(f->context, DMASHARE_RENDER_MAX_CONTEXTS, id, status);
        break;
    case 3:
    case 4:
        desc = resource_of(f);
        status = qrender_run(&f->r, 0, desc);
        judge_create(f->resource, DMASHARE_RENDER_MAX_RESOURCES,
                     desc.resource.id, status);
        break;
    case 5:
        status = qrender_run(&f->r, 0, qrender_by_id(
            DMASHARE_OP_RESOURCE_DESTROY, id));
        judge_destroy(f->resource, DMASHARE_RENDER_MAX_RESOURCES, id, status);
        break;
    case 6:
    case 7:
        status = fuzz_pair(f);
        break;
    default:
        capset(f);
        break;
    }
    f->done += !status;
}

/*
 * Jobs
 */

static bool job_may_end_so(unsigned status)
{
    switch (status) {
    case DMASHARE_STATUS_OK:
    case DMASHARE_STATUS_BAD_DESCRIPTOR:
    case DMASHARE_STATUS_BAD_LENGTH:
    case DMASHARE_STATUS_FAULT_DIRECTION:
    case DMASHARE_STATUS_FAULT_BOUNDS:
    case DMASHARE_STATUS_FAULT_DEAD_MAPPING:
    case DMASHARE_STATUS_RENDER_COMMANDS:
    case DMASHARE_STATUS_RENDER_LOST:
    case DMASHARE_STATUS_RENDER_TIMEOUT:
    case DMASHARE_STATUS_RENDER_GONE:
        return true;
    default:
        return false;
    }
}

static void fuzz_complete(Fuzz *f, unsigned q)
{
    struct dmashare_completion c = qrender_await(&f->r, q);

    if (!job_may_end_so(c.status)) {
        g_test_message("a job ended with 0x%x", c.status);
    }
    g_assert_true(job_may_end_so(c.status));
    f->rendered += !c.status;
    f->busy[q]--;
}

static void fuzz_drain(Fuzz *f)
{
    for (unsigned q = 1; q <= QUEUES; q++) {
        while (f->busy[q]) {
            fuzz_complete(f, q);
        }
    }
}

/* What there may be is made anew, and right. */
static void fuzz_stage(Fuzz *f)
{
    uint32_t id = 1 + roll(f, IDS);
    unsigned status;

    status = qrender_run(&f->r, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY,
                                                 id));
    judge_destroy(f->context, DMASHARE_RENDER_MAX_CONTEXTS, id, status);
    status = qrender_run(&f->r, 0, qrender_by_id(DMASHARE_OP_RESOURCE_DESTROY,
                                                 id));
    judge_destroy(f->resource, DMASHARE_RENDER_MAX_RESOURCES, id, status);
    status = qrender_run(&f->r, 0, qrender_context(id));
    judge_create(f->context, DMASHARE_RENDER_MAX_CONTEXTS, id, status);
    status = qrender_run(&f->r, 0, qrender_texture(id));
    judge_create(f->resource, DMASHARE_RENDER_MAX_RESOURCES, id, status);
    qrender_run(&f->r, 0, qrender_pair(DMASHARE_OP_RESOURCE_ADD, id, id));
    while (f->busy[1]) {
        fuzz_complete(f, 1);
    }
    qrender_run(&f->r, 1, qrender_canvas(&f->r, 1, id, id));
}

/* Words that look like commands, with small numbers for arguments. */
static struct dmashare_desc noise_of(Fuzz *f, unsigned timeline, uint32_t ctx,
                                     unsigned at)
{
    uint32_t word[64];
    unsigned n = 1 + roll(f, ARRAY_SIZE(word));

    for (unsigned i = 0; i < n;) {
        uint32_t len = roll(f, 12);

        word[i++] = roll(f, 60) | roll(f, 12) << 8 | len << 16;
        while (len-- && i < n) {
            word[i++] = roll(f, 4);
        }
    }
    return qrender_commands(&f->r, timeline, ctx, at, word, n);
}

static struct dmashare_desc commands_of(Fuzz *f, unsigned q)
{
    uint32_t ctx = pick_id(f);
    unsigned dice = roll(f, 100);

    /* Only one of them may be read at a time. */
    while (f->busy[q]) {
        fuzz_complete(f, q);
    }
    if (dice < 55) {
        return qrender_clear(&f->r, q, ctx, PART * q,
                             qdmashare_random(&f->random));
    }
    if (dice < 96) {
        const uint32_t texture = chance(f, 90) ? ctx : pick_id(f);
        const uint32_t word[] = {
            1 | 8 << 8 | 5 << 16, 2 + roll(f, 200), texture, QRENDER_FORMAT,
            0, 0,
        };

        return qrender_commands(&f->r, q, ctx, PART * q, word,
                                ARRAY_SIZE(word));
    }
    if (dice < 99) {
        return qrender_wrong(&f->r, q, ctx, PART * q);
    }
    return noise_of(f, q, ctx, PART * q);
}

static struct dmashare_desc transfer_of(Fuzz *f, unsigned q)
{
    bool up = chance(f, 50);
    struct dmashare_desc desc = qrender_transfer(&f->r, q, up, pick_id(f));
    struct dmashare_body_transfer *t = &desc.transfer;
    struct dmashare_operand *op = up ? &t->job.src : &t->job.dst;

    if (chance(f, 50)) {
        t->level = chance(f, 80) ? 0 : roll(f, 17);
        t->x = chance(f, 70) ? roll(f, 32) : pick_extreme(f);
        t->y = chance(f, 70) ? roll(f, 32) : pick_extreme(f);
        t->z = chance(f, 90) ? 0 : pick_extreme(f);
        t->width = pick_size(f);
        t->height = pick_size(f);
        t->depth = chance(f, 90) ? 1 : pick_size(f);
        t->stride = chance(f, 60) ? t->width * 4 : pick_extreme(f);
        t->job.value = chance(f, 90) ? 0 : pick_extreme(f);
        t->reserved = chance(f, 98) ? 0 : pick_extreme(f);
    }
    if (chance(f, 20)) {
        op->offset = pick_extreme(f);
        t->job.length = chance(f, 50) ? roll(f, QRENDER_BYTES)
                                      : pick_extreme(f);
    }
    if (chance(f, 5)) {
        /* The wrong way round, or none. */
        op->mapping = chance(f, 50) ? (up ? f->r.dst.id : f->r.src.id) :
                      pick_id(f) + 50;
    }
    return desc;
}

static void fuzz_job(Fuzz *f)
{
    unsigned q = 1 + roll(f, QUEUES);
    struct dmashare_desc desc = chance(f, 50) ? commands_of(f, q)
                                              : transfer_of(f, q);

    if (desc.opcode == DMASHARE_OP_JOB_RENDER && chance(f, 5)) {
        desc.job.length = pick_extreme(f);
    }
    if (desc.opcode == DMASHARE_OP_JOB_RENDER && chance(f, 2)) {
        desc.job.value |= (uint64_t)pick_extreme(f) << 32;
    }
    while (f->busy[q] >= AT_ONCE) {
        fuzz_complete(f, q);
    }
    f->busy[q]++;
    f->jobs++;
    qrender_submit(&f->r, q, desc);
}

/*
 * What happens to the device
 */

static void fuzz_events(Fuzz *f)
{
    struct dmashare_event e;

    while (qdmashare_try_event(f->r.d, &e)) {
        if (e.type == DMASHARE_EVENT_FAULT) {
            continue;
        }
        g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_RENDER_LOST);
        g_assert_cmpuint(e.mapping, <=, e.flags & DMASHARE_EVENT_F_RESOURCE ?
                         DMASHARE_RENDER_MAX_RESOURCES :
                         DMASHARE_RENDER_MAX_CONTEXTS);
        f->lost++;
    }
}

static void fuzz_reset(Fuzz *f)
{
    struct dmashare_event e;

    qdmashare_reset(f->r.d);
    qdmashare_start(f->r.d);
    while (qdmashare_try_event(f->r.d, &e)) {
        /* Of before. */
    }
    qrender_memory(&f->r);
    qtest_bufwrite(f->r.d->qts, f->r.src.phys, f->noise, QRENDER_BYTES);
    memset(f->context, 0, sizeof(f->context));
    memset(f->resource, 0, sizeof(f->resource));
    memset(f->busy, 0, sizeof(f->busy));
}

static void fuzz_mapping(Fuzz *f)
{
    struct dmashare_segment seg = {
        .addr = qdmashare_dma(f->r.d, f->r.dst.phys),
        .len = QRENDER_BYTES,
    };

    qdmashare_unmap(f->r.d, f->r.dst.id);
    g_assert_cmphex(qdmashare_map(f->r.d, f->r.dst.id, f->r.dst.id,
                                  DMASHARE_DIR_FROM_DEVICE, &seg, 1), ==,
                    DMASHARE_STATUS_OK);
}

static void fuzz_kill(Fuzz *f)
{
    QDict *rsp = qtest_qmp(f->r.d->qts,
                           "{ 'execute': 'dmashare-render-fault',"
                           "  'arguments': { 'path': '" QDMASHARE_ID "',"
                           "                 'fault': 'end' } }");

    /* There may be none at the moment. */
    g_assert_true(qdict_haskey(rsp, "return") || qdict_haskey(rsp, "error"));
    qobject_unref(rsp);
}

static unsigned count(const bool *table, unsigned n)
{
    unsigned set = 0;

    while (n--) {
        set += table[n];
    }
    return set;
}

/* After its end it takes up to a second of real time until there is another. */
static void fuzz_revive(Fuzz *f)
{
    const uint32_t id = DMASHARE_RENDER_MAX_CONTEXTS - 1;
    unsigned status;

    while ((status = qrender_run(&f->r, 0, qrender_context(id))) ==
           DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    judge_create(f->context, DMASHARE_RENDER_MAX_CONTEXTS, id, status);
    status = qrender_run(&f->r, 0, qrender_by_id(DMASHARE_OP_CONTEXT_DESTROY,
                                                 id));
    judge_destroy(f->context, DMASHARE_RENDER_MAX_CONTEXTS, id, status);
}

/* It has what its completions said, and its data is what it was. */
static void fuzz_check(Fuzz *f)
{
    QObject *r = qdmashare_qmp(f->r.d->qts, "query-dmashare", "{}");

    qdmashare_assert_num(r, "0.renderer.contexts",
                         count(f->context, ARRAY_SIZE(f->context)));
    qdmashare_assert_num(r, "0.renderer.resources",
                         count(f->resource, ARRAY_SIZE(f->resource)));
    g_assert_cmpuint(qdmashare_num(r, "0.renderer.bytes"), <=,
                     qdmashare_num(r, "0.renderer.max-bytes"));
    qobject_unref(r);
    qdmashare_assert_bytes(f->r.d, f->r.src.phys, f->noise, QRENDER_BYTES);
}

static void test_fuzz(void)
{
    uint64_t steps = from_environment("DMASHARE_FUZZ_MESSAGES", STEPS);
    g_autofree uint8_t *noise = g_malloc(QRENDER_BYTES);
    g_autofree Fuzz *f = g_new0(Fuzz, 1);
    QObject *r;

    f->random = from_environment("DMASHARE_FUZZ_SEED", SEED);
    f->noise = noise;
    qdmashare_noise(noise, QRENDER_BYTES, 1);
    if (!qrender_begin(&f->r, "render=on,render-bytes=16M,"
                              "render-timeout-ms=5000,id=" QDMASHARE_ID)) {
        return;
    }
    qtest_bufwrite(f->r.d->qts, f->r.src.phys, noise, QRENDER_BYTES);
    for (uint64_t i = 0; i < steps; i++) {
        unsigned dice = roll(f, 1000);

        if (dice < 3) {
            fuzz_reset(f);
        } else if (dice < 5) {
            fuzz_kill(f);
        } else if (dice < 15) {
            fuzz_mapping(f);
        } else if (dice < 60) {
            fuzz_stage(f);
        } else if (dice < 350) {
            fuzz_command(f);
        } else {
            fuzz_job(f);
        }
        fuzz_events(f);
        if (i % 100 == 99) {
            fuzz_check(f);
            fuzz_revive(f);
        }
    }
    fuzz_drain(f);
    fuzz_events(f);
    fuzz_check(f);
    r = qdmashare_qmp(f->r.d->qts, "query-dmashare", "{}");
    g_test_message("commands %u, done %u; jobs %u, done %u; lost %u; "
                   "renderers %" PRIu64, f->commands, f->done, f->jobs,
                   f->rendered, f->lost, qdmashare_num(r, "0.renderer.starts"));
    qobject_unref(r);
    /* Not all of it was nonsense. */
    g_assert_cmpuint(f->done, >, f->commands / 10);
    g_assert_cmpuint(f->rendered, >, f->jobs / 10);

    fuzz_reset(f);
    while (qrender_run(&f->r, 0, qrender_context(7)) ==
           DMASHARE_STATUS_RENDER_GONE) {
        continue;
    }
    qrender_stage(&f->r, 1);
    qrender_works(&f->r, 1, 0xff123456);
    qrender_end(&f->r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/render-fuzz/driver", test_fuzz);
    return g_test_run();
}
