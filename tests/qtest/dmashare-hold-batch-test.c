/*
 * dmashare: thousands of held fences, and what it costs to let them go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/dmashare-hold.h"

#define QUEUES          4
#define ENTRIES         4096
#define TIMELINES       2500
#define FENCES          10000

/* One fence, and where its completion comes. */
typedef struct Fence {
    unsigned timeline;
    uint64_t seqno;
    unsigned queue;
    uint64_t cookie;
} Fence;

static QDmashareMachine *machine_new(void)
{
    QDmashareMachine *m = qdmashare_hold_machine(
        "job-queues=4,max-entries=4096,timelines=2500");
    unsigned q;

    for (q = 1; q <= QUEUES; q++) {
        qdmashare_queue_disable(m->d, q);
        g_assert_cmphex(qdmashare_queue_setup(m->d, q, ENTRIES, ENTRIES), ==,
                        DMASHARE_QSTATUS_ENABLED);
    }
    return m;
}

/*
 * On each queue and timeline one fence, all of them held. Those of a timeline
 * are submitted one queue after the other.
 */
static void hold_all(QDmashare *d, Fence *f, unsigned queues,
                     unsigned timelines)
{
    unsigned q, t, i = 0;

    for (q = 1; q <= queues; q++) {
        for (t = 0; t < timelines; t++) {
            struct dmashare_desc desc = qdmashare_noop(d, t, 0);

            f[i++] = (Fence) {
                .timeline = t,
                .seqno = desc.job.seqno,
                .queue = q,
                .cookie = qdmashare_push(d, q, &desc),
            };
        }
        qdmashare_doorbell(d, q);
        qdmashare_settle(d);
    }
    g_assert_cmpuint(qdmashare_timeline(d, timelines - 1).held, ==, queues);
    g_assert_cmpuint(qdmashare_timeline(d, timelines - 1).value, <,
                     qdmashare_timeline(d, timelines - 1).submitted);
}

/* The completions of one queue, in order; all of them are there already. */
static void pop_all(QDmashare *d, unsigned q, struct dmashare_completion *c,
                    unsigned n)
{
    QDmashareQueue *queue = &d->queue[q];
    unsigned i;

    qdmashare_settle(d);
    for (i = 0; i < n; i++) {
        g_assert_true(qdmashare_peek(d, q, &c[i]));
        queue->cq_head++;
    }
    qdmashare_writel(d, DMASHARE_REG_DOORBELL_CQ(q), queue->cq_head);
    qdmashare_assert_idle(d, q);
}

static void shuffle(Fence *f, unsigned n, uint64_t seed)
{
    unsigned i;

    for (i = n; i > 1; i--) {
        unsigned j = qdmashare_random(&seed) % i;
        Fence swap = f[j];

        f[j] = f[i - 1];
        f[i - 1] = swap;
    }
}

/* The argument of a batch that does the same to each. */
static char *batch(const Fence *f, unsigned n, const char *action)
{
    GString *list = g_string_new("\"fences\":[");
    unsigned i;

    for (i = 0; i < n; i++) {
        g_string_append_printf(list, "%s{\"timeline\":%u,\"seqno\":%" PRIu64
                               ",\"action\":\"%s\"}", i ? "," : "",
                               f[i].timeline, f[i].seqno, action);
    }
    g_string_append(list, "]");
    return g_string_free(list, false);
}

static void run_batch(QDmashare *d, const char *args)
{
    QDict *rsp = qdmashare_hold_qmp(d, "dmashare-fence-batch", args);

    g_assert_true(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
}

/* A list in no order decides the order of what signals. */
static void test_random_list(void)
{
    const unsigned n = 1024;
    g_autoptr(QDmashareMachine) m = machine_new();
    g_autofree Fence *f = g_new(Fence, n);
    g_autofree struct dmashare_completion *c =
        g_new(struct dmashare_completion, n);
    g_autofree char *args = NULL;
    QDmashare *d = m->d;
    unsigned i, moved = 0;

    qdmashare_hold(d, "\"count\":1024");
    hold_all(d, f, 1, n);
    shuffle(f, n, 1);
    args = batch(f, n, "fail");
    run_batch(d, args);
    pop_all(d, 1, c, n);
    for (i = 0; i < n; i++) {
        g_assert_cmpuint(c[i].cookie, ==, f[i].cookie);
        g_assert_cmphex(c[i].status, ==, DMASHARE_STATUS_COMMANDED);
        g_assert_cmpuint(c[i].detail, ==, 5);
        moved += f[i].timeline != i;
    }
    g_assert_cmpuint(moved, >, n / 2);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);
}

/* The same, where the device makes the order by a seed. */
static void test_random_seed(void)
{
    const unsigned n = 1500;
    g_autoptr(QDmashareMachine) m = machine_new();
    g_autofree Fence *f = g_new(Fence, n);
    g_autofree struct dmashare_completion *c =
        g_new(struct dmashare_completion, n);
    g_autofree uint64_t *order = g_new(uint64_t, n);
    g_autofree bool *seen = NULL;
    QDmashare *d = m->d;
    unsigned round, i;

    qdmashare_hold(d, "\"count\":4500");
    for (round = 0; round < 3; round++) {
        unsigned same = 0;

        /* Each hold has had its fences when it is released. */
        hold_all(d, f, 1, n);
        g_assert_cmpuint(qdmashare_release(d, round < 2 ?
                                           "\"order\":\"random\",\"seed\":7" :
                                           "\"order\":\"random\",\"seed\":8"),
                         ==, n);
        pop_all(d, 1, c, n);
        g_free(seen);
        seen = g_new0(bool, n);
        for (i = 0; i < n; i++) {
            uint64_t at = c[i].cookie - f[0].cookie;

            g_assert_cmpuint(at, <, n);
            g_assert_false(seen[at]);
            seen[at] = true;
            same += round && at == order[i];
            order[i] = at;
        }
        /* The same seed gives the same order. */
        if (round == 1) {
            g_assert_cmpuint(same, ==, n);
        } else {
            g_assert_cmpuint(same, <, n / 20);
        }
        qdmashare_hold(d, "\"count\":4500");
    }
}

/*
 * Ten thousand held fences: so many of them on each of these timelines, which
 * take turns with the queues.
 */
#define ROWS            10
#define PER_ROW         (FENCES / ROWS)

static void hold_rows(QDmashare *d, Fence *f)
{
    unsigned row, i;

    for (row = 0; row < ROWS; row++) {
        unsigned q = 1 + row % QUEUES;

        for (i = 0; i < PER_ROW; i++) {
            struct dmashare_desc desc = qdmashare_noop(d, row, 0);

            *f++ = (Fence) {
                .timeline = row,
                .seqno = desc.job.seqno,
                .queue = q,
                .cookie = qdmashare_push(d, q, &desc),
            };
        }
        qdmashare_doorbell(d, q);
        qdmashare_settle(d);
        g_assert_cmpuint(qdmashare_timeline(d, row).held, ==, PER_ROW);
    }
}

/* All of them have completed, on each queue in the order of f. */
static void check_rows(QDmashare *d, const Fence *f)
{
    g_autofree struct dmashare_completion *c =
        g_new(struct dmashare_completion, ENTRIES);
    unsigned q, i, n;

    for (q = 1; q <= QUEUES; q++) {
        n = 0;
        for (i = 0; i < FENCES; i++) {
            n += f[i].queue == q;
        }
        pop_all(d, q, c, n);
        for (i = 0, n = 0; i < FENCES; i++) {
            if (f[i].queue == q) {
                g_assert_cmpuint(c[n].cookie, ==, f[i].cookie);
                g_assert_cmphex(c[n++].status, ==, DMASHARE_STATUS_OK);
            }
        }
    }
    for (i = 0; i < ROWS; i++) {
        g_assert_cmpuint(qdmashare_timeline(d, i).pending, ==, 0);
    }
}

/* One batch that names all of them, row by row. */
static char *batch_rows(const Fence *f)
{
    GString *list = g_string_new("\"fences\":[");
    unsigned row;

    for (row = 0; row < ROWS; row++) {
        g_string_append_printf(list, "%s{\"timeline\":%u,\"seqno\":%" PRIu64
                               ",\"count\":%u,\"action\":\"release\"}",
                               row ? "," : "", row, f[row * PER_ROW].seqno,
                               PER_ROW);
    }
    g_string_append(list, "]");
    return g_string_free(list, false);
}

/* Ten thousand held fences, let go by one command or by ten thousand. */
static void test_cost(void)
{
    g_autoptr(QDmashareMachine) m = machine_new();
    g_autofree Fence *f = g_new(Fence, FENCES);
    g_autofree char *all = NULL;
    g_autoptr(GPtrArray) single = g_ptr_array_new_with_free_func(g_free);
    QDmashare *d = m->d;
    int64_t singly, batched, released;
    uint32_t hold;
    unsigned i;

    qdmashare_hold(d, "\"count\":20000");
    hold_rows(d, f);
    for (i = 0; i < FENCES; i++) {
        g_ptr_array_add(single, batch(&f[i], 1, "release"));
    }
    singly = g_get_monotonic_time();
    for (i = 0; i < FENCES; i++) {
        run_batch(d, g_ptr_array_index(single, i));
    }
    singly = g_get_monotonic_time() - singly;
    check_rows(d, f);

    hold_rows(d, f);
    all = batch_rows(f);
    batched = g_get_monotonic_time();
    run_batch(d, all);
    batched = g_get_monotonic_time() - batched;
    check_rows(d, f);
    g_assert_cmpuint(qdmashare_holds(d), ==, 0);

    hold = qdmashare_hold(d, "\"count\":10000");
    hold_rows(d, f);
    released = g_get_monotonic_time();
    g_assert_cmpuint(qdmashare_release(d, ""), ==, FENCES);
    released = g_get_monotonic_time() - released;
    check_rows(d, f);
    g_assert_cmpuint(hold, ==, 2);

    g_test_message("%d fences: singly %" PRId64 " us, by a batch %" PRId64
                   " us (%.0f times less), by their hold %" PRId64
                   " us (%.0f times less)", FENCES, singly, batched,
                   (double)singly / batched, released,
                   (double)singly / released);
    g_assert_cmpint(batched * 20, <, singly);
    g_assert_cmpint(released * 20, <, singly);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/hold-batch/random-list", test_random_list);
    qtest_add_func("/dmashare/hold-batch/random-seed", test_random_seed);
    qtest_add_func("/dmashare/hold-batch/cost", test_cost);
    return g_test_run();
}
