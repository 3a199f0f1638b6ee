/*
 * dmashare: render jobs among other jobs: order, and whose fences fail
 *
 * A thousand jobs of the renderer and of the device's own engines, on several
 * queues and timelines, each after those whose pixels it needs. What order they
 * had the journal says, and the pixels do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqtest.h"
#include "libqos/dmashare-qmp.h"
#include "libqos/dmashare-render.h"
#include "qobject/qlist.h"

#define JOBS            1000
#define QUEUES          3
#define TIMELINES       5
#define THINGS          4
#define SEED            0x5eed0006

/* Less than a ring has, so that there is always room. */
#define AT_ONCE         (QDMASHARE_ENTRIES - 2)

/* So many are submitted while the renderer stands still. */
#define BLOCK           24

/* Ids of what the jobs work on: buffers with pixels, and textures. */
#define BUFFER(n)       (100 + (n))
#define TEXTURE(n)      (1 + (n))

/* Where the commands of job n are, with room for those of a shader. */
#define COMMANDS(n)     ((n) * 64)

/*
 * A texture or a buffer: all of its pixels are the same. Who wrote it last, and
 * who has read it since, by timeline.
 */
typedef struct Thing {
    uint32_t pixel;
    uint64_t written[TIMELINES];
    uint64_t read[TIMELINES];
} Thing;

/* What became of a job's fence, by sequence in the journal; 0: nothing. */
typedef struct Fate {
    unsigned timeline;
    uint64_t seqno;
    uint64_t needs[TIMELINES];
    unsigned status;            /* that it must have */
    uint64_t result;            /* likewise */
    uint64_t start;
    uint64_t end;
    uint64_t signal;
} Fate;

typedef struct Mix {
    QRender r;
    pid_t renderer;
    uint64_t random;
    uint64_t cookie;            /* of the job before the first */
    unsigned jobs;
    unsigned completed;
    unsigned busy[QUEUES + 1];
    Fate fate[JOBS];
    Thing texture[THINGS];
    Thing buffer[THINGS];
} Mix;

static unsigned roll(Mix *mix, unsigned n)
{
    return qdmashare_random(&mix->random) % n;
}

static uint32_t crc_of(uint32_t pixel)
{
    g_autofree uint32_t *all = g_new(uint32_t, QRENDER_PIXELS);

    for (unsigned i = 0; i < QRENDER_PIXELS; i++) {
        all[i] = cpu_to_le32(pixel);
    }
    return qdmashare_crc32c(all, QRENDER_BYTES);
}

/*
 * Needs
 */

static void needs(Fate *fate, const uint64_t *seqno)
{
    for (unsigned t = 0; t < TIMELINES; t++) {
        fate->needs[t] = MAX(fate->needs[t], seqno[t]);
    }
}

static void reads(Fate *fate, Thing *thing)
{
    needs(fate, thing->written);
    thing->read[fate->timeline] = fate->seqno;
}

static void writes(Fate *fate, Thing *thing, uint32_t pixel)
{
    needs(fate, thing->written);
    needs(fate, thing->read);
    memset(thing->written, 0, sizeof(thing->written));
    memset(thing->read, 0, sizeof(thing->read));
    thing->written[fate->timeline] = fate->seqno;
    thing->pixel = pixel;
}

/*
 * Jobs
 */

/* The next completion of a queue is as it must be. */
static void mix_complete(Mix *mix, unsigned q)
{
    struct dmashare_completion c;
    const Fate *fate;
    uint64_t n;

    if (mix->renderer) {
        g_assert_cmpint(kill(mix->renderer, SIGCONT), ==, 0);
    }
    c = qrender_await(&mix->r, q);
    n = c.cookie - mix->cookie - 1;
    g_assert_cmpuint(n, <, mix->jobs);
    fate = &mix->fate[n];
    g_assert_cmphex(c.status, ==, fate->status);
    g_assert_cmphex(c.flags, ==, DMASHARE_COMPLETION_F_FENCE);
    if (!c.status) {
        g_assert_cmphex(c.result, ==, fate->result);
    }
    /* Its fence has signalled, and so have those before it. */
    g_assert_cmpuint(qdmashare_fence(mix->r.d, fate->timeline), >=,
                     fate->seqno);
    mix->busy[q]--;
    mix->completed++;
}

/* Behind what it needs; when it is begun is the device's affair. */
static void mix_submit(Mix *mix, unsigned q, struct dmashare_desc desc)
{
    const Fate *fate = &mix->fate[mix->jobs];

    for (unsigned t = 0; t < TIMELINES; t++) {
        if (fate->needs[t]) {
            qdmashare_wait_for(&desc, t, fate->needs[t]);
        }
    }
    while (mix->busy[q] >= AT_ONCE) {
        mix_complete(mix, q);
    }
    mix->busy[q]++;
    mix->jobs++;
    /* At once: several queues share a timeline, whose numbers must rise. */
    qrender_submit(&mix->r, q, desc);
}

static void mix_drain(Mix *mix)
{
    for (unsigned q = 1; q <= QUEUES; q++) {
        while (mix->busy[q]) {
            mix_complete(mix, q);
        }
    }
    g_assert_cmpuint(mix->completed, ==, mix->jobs);
}

/* Some job, on some queue and timeline. */
static void mix_job(Mix *mix)
{
    QDmashare *d = mix->r.d;
    Fate *fate = &mix->fate[mix->jobs];
    unsigned timeline = roll(mix, TIMELINES), q = 1 + roll(mix, QUEUES);
    unsigned from = roll(mix, THINGS), to = roll(mix, THINGS);
    Thing *texture = &mix->texture[from], *buffer = &mix->buffer[to];
    uint32_t pixel = 0xff000000 | mix->jobs;
    struct dmashare_desc desc;

    fate->timeline = timeline;
    fate->seqno = d->seqno[timeline] + 1;
    switch (roll(mix, 6)) {
    case 0:
        desc = qrender_clear(&mix->r, timeline, TEXTURE(from),
                             COMMANDS(mix->jobs), pixel);
        writes(fate, texture, pixel);
        break;
    case 1:
        desc = qrender_transfer(&mix->r, timeline, true, TEXTURE(from));
        desc.job.src.mapping = BUFFER(to);
        reads(fate, buffer);
        writes(fate, texture, buffer->pixel);
        break;
    case 2:
        desc = qrender_transfer(&mix->r, timeline, false, TEXTURE(from));
        desc.job.dst.mapping = BUFFER(to);
        reads(fate, texture);
        writes(fate, buffer, texture->pixel);
        break;
    case 3:
        if (from == to) {
            to = (to + 1) % THINGS;
            buffer = &mix->buffer[to];
        }
        desc = qdmashare_copy(d, timeline, BUFFER(to), 0, BUFFER(from), 0,
                              QRENDER_BYTES);
        reads(fate, &mix->buffer[from]);
        writes(fate, buffer, mix->buffer[from].pixel);
        break;
    case 4:
        desc = qdmashare_fill(d, timeline, BUFFER(to), 0, QRENDER_BYTES,
                              (uint64_t)pixel << 32 | pixel);
        writes(fate, buffer, pixel);
        break;
    default:
        desc = qdmashare_checksum(d, timeline, BUFFER(to), 0, QRENDER_BYTES);
        reads(fate, buffer);
        fate->result = crc_of(buffer->pixel);
        break;
    }
    mix_submit(mix, q, desc);
}

static bool mix_begin(Mix *mix, const char *properties)
{
    QDmashareBuf buf;

    memset(mix, 0, sizeof(*mix));
    mix->random = SEED;
    if (!qrender_begin(&mix->r, properties)) {
        return false;
    }
    /* One of its own, with room for all of them. */
    mix->r.cmd = qdmashare_buf(mix->r.d, 99, QEMU_ALIGN_UP(COMMANDS(JOBS),
                                                           4096),
                               DMASHARE_DIR_TO_DEVICE);
    for (unsigned i = 0; i < THINGS; i++) {
        qrender_stage(&mix->r, TEXTURE(i));
        qrender_works(&mix->r, TEXTURE(i), 0xff00ff00);
        mix->texture[i].pixel = 0xff00ff00;
        buf = qdmashare_buf(mix->r.d, BUFFER(i), QRENDER_BYTES,
                            DMASHARE_DIR_BIDIRECTIONAL);
        g_assert_cmpuint(buf.id, ==, BUFFER(i));
    }
    mix->cookie = mix->r.d->cookie;
    return true;
}

/*
 * What the journal says
 */

static Fate *fate_of(Mix *mix, QObject *entry)
{
    uint64_t timeline = qdmashare_num(entry, "timeline");
    uint64_t seqno = qdmashare_num(entry, "seqno");

    for (unsigned i = 0; i < mix->jobs; i++) {
        if (mix->fate[i].timeline == timeline &&
            mix->fate[i].seqno == seqno) {
            return &mix->fate[i];
        }
    }
    g_assert_not_reached();
}

/* When it happened to each fence, which it may only once. */
static void journal_read(Mix *mix, uint64_t from, const char *operation,
                         size_t member)
{
    QObject *page = qdmashare_journal(mix->r.d->qts,
                                      "'from': %" PRIu64 ", 'limit': 10000,"
                                      "'operation': '%s'", from, operation);
    const QListEntry *entry;

    qdmashare_assert_num(page, "lost", 0);
    QLIST_FOREACH_ENTRY(qobject_to(QList, qdmashare_at(page, "entries")),
                        entry) {
        QObject *e = qlist_entry_obj(entry);
        Fate *fate = fate_of(mix, e);
        uint64_t *at = (uint64_t *)((char *)fate + member);

        g_assert_cmpuint(*at, ==, 0);
        *at = qdmashare_num(e, "sequence");
    }
    qobject_unref(page);
}

/* The fence of another one has signalled before this. */
static void before(Mix *mix, unsigned timeline, uint64_t seqno, uint64_t when)
{
    for (unsigned i = 0; i < mix->jobs; i++) {
        const Fate *other = &mix->fate[i];

        if (other->timeline == timeline && other->seqno == seqno) {
            g_assert_cmpuint(other->signal, <, when);
            return;
        }
    }
    g_assert_not_reached();
}

static void journal_judge(Mix *mix, uint64_t from)
{
    uint64_t last[TIMELINES] = { 0 };
    uint64_t end = 0;
    unsigned mixed = 0;

    journal_read(mix, from, "job-start", offsetof(Fate, start));
    journal_read(mix, from, "job-end", offsetof(Fate, end));
    journal_read(mix, from, "fence-signal", offsetof(Fate, signal));
    for (unsigned i = 0; i < mix->jobs; i++) {
        const Fate *fate = &mix->fate[i];

        g_assert_cmpuint(fate->start, >, 0);
        g_assert_cmpuint(fate->start, <, fate->end);
        g_assert_cmpuint(fate->end, <, fate->signal);
        /* Jobs are in the order of submission, which is each timeline's. */
        g_assert_cmpuint(last[fate->timeline], <, fate->signal);
        last[fate->timeline] = fate->signal;
        for (unsigned t = 0; t < TIMELINES; t++) {
            if (fate->needs[t]) {
                before(mix, t, fate->needs[t], fate->start);
            }
        }
        mixed += fate->start < end;
        end = MAX(end, fate->end);
    }
    g_test_message("%u of %u began before one that was submitted earlier "
                   "had ended", mixed, mix->jobs);
    /* If none did it was no test of order. */
    g_assert_cmpuint(mixed, >, mix->jobs / 20);
}

static void test_order(void)
{
    g_autofree Mix *mix = g_new(Mix, 1);
    uint64_t from;

    if (!mix_begin(mix, "render=on,id=" QDMASHARE_ID)) {
        return;
    }
    mix->renderer = qrender_pid(&mix->r);
    from = qdmashare_journal_end(mix->r.d->qts);
    while (mix->jobs < JOBS) {
        if (mix->jobs % BLOCK == 0) {
            mix_drain(mix);
            g_assert_cmpint(kill(mix->renderer, SIGSTOP), ==, 0);
        }
        mix_job(mix);
    }
    mix_drain(mix);
    journal_judge(mix, from);
    for (unsigned i = 0; i < THINGS; i++) {
        struct dmashare_desc desc = qdmashare_checksum(mix->r.d, 0, BUFFER(i),
                                                       0, QRENDER_BYTES);

        qrender_submit(&mix->r, 1, desc);
        g_assert_cmphex(qrender_await(&mix->r, 1).result, ==,
                        crc_of(mix->buffer[i].pixel));
        qrender_shows(&mix->r, TEXTURE(i), mix->texture[i].pixel);
    }
    qdmashare_assert_no_event(mix->r.d);
    qrender_end(&mix->r);
}

/*
 * Exactly the affected fences
 */

/* A round on all queues: the context of each, and a copy, which is nobody's. */
static void round_of(Mix *mix, uint32_t bad, unsigned status)
{
    for (unsigned i = 0; i < THINGS; i++) {
        unsigned q = 1 + i % QUEUES, timeline = 1 + i % (TIMELINES - 1);
        Fate *fate = &mix->fate[mix->jobs];

        fate->timeline = timeline;
        fate->status = TEXTURE(i) == bad ? status : DMASHARE_STATUS_OK;
        fate->seqno = mix->r.d->seqno[timeline] + 1;
        mix_submit(mix, q, qrender_clear(&mix->r, timeline, TEXTURE(i),
                                         COMMANDS(mix->jobs),
                                         0xff000000 | mix->jobs));
        fate = &mix->fate[mix->jobs];
        fate->timeline = timeline;
        fate->seqno = mix->r.d->seqno[timeline] + 1;
        mix_submit(mix, q, qdmashare_copy(mix->r.d, timeline, BUFFER(i), 0,
                                          BUFFER((i + 1) % THINGS), 0, 4096));
    }
}

/* Context 2 gets what @desc makes, in the middle of the others' jobs. */
static void affected(struct dmashare_desc (*make)(QRender *r, unsigned timeline,
                                                  uint32_t context,
                                                  unsigned at))
{
    g_autofree Mix *mix = g_new(Mix, 1);
    struct dmashare_event e;
    uint32_t pixel[THINGS];
    Fate *fate;

    if (!mix_begin(mix, "render=on,id=" QDMASHARE_ID)) {
        return;
    }
    for (unsigned i = 0; i < 10; i++) {
        round_of(mix, 0, 0);
    }
    /* On the queue and the timeline of that context, so that it is in order. */
    fate = &mix->fate[mix->jobs];
    fate->timeline = 2;
    fate->seqno = mix->r.d->seqno[2] + 1;
    fate->status = DMASHARE_STATUS_RENDER_COMMANDS;
    mix_submit(mix, 2, make(&mix->r, 2, TEXTURE(1), COMMANDS(mix->jobs)));
    for (unsigned i = 0; i < 10; i++) {
        round_of(mix, TEXTURE(1), DMASHARE_STATUS_RENDER_LOST);
    }
    mix_drain(mix);

    e = qrender_event(&mix->r);
    g_assert_cmpuint(e.type, ==, DMASHARE_EVENT_RENDER_LOST);
    g_assert_cmphex(e.status, ==, DMASHARE_STATUS_RENDER_COMMANDS);
    g_assert_cmpuint(e.mapping, ==, TEXTURE(1));
    qdmashare_assert_no_event(mix->r.d);
    /* What each drew last: eight jobs a round, and one between. */
    for (unsigned i = 0; i < THINGS; i++) {
        pixel[i] = 0xff000000 | (i == 1 ? 9 * 8 + i * 2 : 19 * 8 + 1 + i * 2);
        qrender_shows(&mix->r, TEXTURE(i), pixel[i]);
    }
    qrender_end(&mix->r);
}

static void test_bad_shader(void)
{
    affected(qrender_bad_shader);
}

static void test_context_error(void)
{
    affected(qrender_wrong);
}

/*
 * The renderer hangs: of the jobs that it has the first is to blame, the others
 * it had with it, what comes after finds its context lost, and the device's own
 * jobs know of nothing.
 */
static void test_timeout(void)
{
    g_autofree Mix *mix = g_new(Mix, 1);
    unsigned expected[] = {
        DMASHARE_STATUS_RENDER_TIMEOUT, DMASHARE_STATUS_RENDER_GONE,
        DMASHARE_STATUS_RENDER_GONE,
    };

    if (!mix_begin(mix, "render=on,render-timeout-ms=5000,id=" QDMASHARE_ID)) {
        return;
    }
    qdmashare_qmp_do(mix->r.d->qts, "dmashare-render-fault",
                     "{ 'path': '" QDMASHARE_ID "', 'fault': 'hang' }");
    for (unsigned n = 0; n < 2; n++) {
        for (unsigned i = 0; i < QUEUES; i++) {
            Fate *fate = &mix->fate[mix->jobs];

            fate->timeline = 1 + i;
            fate->seqno = mix->r.d->seqno[1 + i] + 1;
            fate->status = n ? DMASHARE_STATUS_RENDER_LOST : expected[i];
            mix_submit(mix, 1 + i, qrender_clear(&mix->r, 1 + i, TEXTURE(i),
                                                 COMMANDS(mix->jobs), 0));
            /* It has got it before the next one's. */
            qdmashare_settle(mix->r.d);
        }
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        Fate *fate = &mix->fate[mix->jobs];

        fate->timeline = 0;
        fate->seqno = mix->r.d->seqno[0] + 1;
        mix_submit(mix, 1 + i, qdmashare_copy(mix->r.d, 0, BUFFER(0), 0,
                                              BUFFER(1), 0, 4096));
    }
    mix_drain(mix);
    g_assert_cmphex(qrender_event(&mix->r).status, ==,
                    DMASHARE_STATUS_RENDER_TIMEOUT);
    qdmashare_assert_no_event(mix->r.d);
    qrender_end(&mix->r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/render-order/thousand", test_order);
    qtest_add_func("/dmashare/render-order/bad-shader", test_bad_shader);
    qtest_add_func("/dmashare/render-order/context-error", test_context_error);
    qtest_add_func("/dmashare/render-order/timeout", test_timeout);
    return g_test_run();
}
