/*
 * libqos helpers for dmashare: what the device costs, with no guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/perf_event.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/memfd.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "dmashare-bench.h"

/* Between two looks; a test that spins would take a processor away. */
#define LOOK_US         20
#define LOOKS           (20 * 1000 * 1000 / LOOK_US)

/* Segments of a block: whole pages of them. */
#define PER_BLOCK       255

uint64_t qbench_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t qbench_own_cpu(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* How long QEMU's first thread, its main loop, has been running. */
static uint64_t qemu_cpu(QBench *b)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/schedstat",
                                            (int)qtest_pid(b->d->qts));
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_ascii_strtoull(text, NULL, 10);
}

static int counter_open(pid_t pid)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    return syscall(SYS_perf_event_open, &attr, pid, -1, -1,
                   PERF_FLAG_FD_CLOEXEC);
}

static uint64_t counter_read(QBench *b)
{
    uint64_t n = 0;

    return b->counter >= 0 && read(b->counter, &n, sizeof(n)) == sizeof(n) ?
           n : 0;
}

QBench *qbench_new(bool vtd, const char *properties)
{
    QBench *b = g_new0(QBench, 1);
    g_autofree char *args = NULL;

    b->fd = qemu_memfd_create("bench-ram", QBENCH_RAM, false, 0, 0,
                              &error_abort);
    b->ram = mmap(NULL, QBENCH_RAM, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_NORESERVE, b->fd, 0);
    g_assert(b->ram != MAP_FAILED);
    args = g_strdup_printf("%s -machine memory-backend=ram -m %" PRIu64 "M "
                           "-object memory-backend-file,id=ram,share=on,"
                           "size=%" PRIu64 ",mem-path=/proc/%d/fd/%d "
                           "-device dmashare,id=" QDMASHARE_ID ",addr=%d.0"
                           "%s%s", vtd ? "" : "-M pc",
                           (uint64_t)(QBENCH_RAM / MiB), (uint64_t)QBENCH_RAM,
                           getpid(), b->fd, QDMASHARE_SLOT,
                           *properties ? "," : "", properties);
    b->m = vtd ? qdmashare_machine_new_vtd(args) : qdmashare_machine_new(args);
    if (vtd) {
        b->m->vtd->ram = b->ram;
    }
    b->d = qdmashare_machine_device(b->m, QDMASHARE_SLOT);
    b->m->d = b->d;
    qdmashare_start(b->d);
    for (unsigned q = 0; q < 2; q++) {
        qdmashare_queue_disable(b->d, q);
        g_assert_cmphex(qdmashare_queue_setup(b->d, q, QBENCH_ENTRIES,
                                              QBENCH_ENTRIES), ==,
                        DMASHARE_QSTATUS_ENABLED);
    }
    b->next = QBENCH_POOL;
    b->counter = counter_open(qtest_pid(b->d->qts));
    return b;
}

void qbench_free(QBench *b)
{
    if (b->counter >= 0) {
        close(b->counter);
    }
    qdmashare_machine_free(b->m);
    munmap(b->ram, QBENCH_RAM);
    close(b->fd);
    g_free(b);
}

uint64_t qbench_alloc(QBench *b, uint64_t size)
{
    uint64_t at = b->next;

    b->next += ROUND_UP(size, 4 * KiB);
    g_assert_cmpuint(b->next, <=, QBENCH_RAM);
    return at;
}

void *qbench_host(QBench *b, uint64_t phys)
{
    return b->ram + phys;
}

void qbench_push(QBench *b, unsigned q, const struct dmashare_desc *desc)
{
    QDmashareQueue *queue = &b->d->queue[q];
    struct dmashare_desc *slot = qbench_host(b, queue->sq);

    g_assert_cmpuint(queue->sq_tail - queue->cq_head, <, queue->sq_entries);
    slot += queue->sq_tail++ & (queue->sq_entries - 1);
    *slot = *desc;
    slot->cookie = ++b->d->cookie;
    qdmashare_desc_to_le(slot);
}

static struct dmashare_completion *completion(QBench *b, unsigned q,
                                              uint32_t index)
{
    QDmashareQueue *queue = &b->d->queue[q];
    struct dmashare_completion *slot = qbench_host(b, queue->cq);

    return &slot[index & (queue->cq_entries - 1)];
}

uint64_t qbench_go(QBench *b, unsigned q)
{
    QDmashareQueue *queue = &b->d->queue[q];
    struct dmashare_completion *last = completion(b, q, queue->sq_tail - 1);
    uint32_t seq = cpu_to_le32(queue->sq_tail);
    uint64_t before, ns, cpu, instructions;
    unsigned looks = 0;

    /* What is done at one instant is bounded; this is another one. */
    qtest_clock_step(b->d->qts, 1);
    cpu = qemu_cpu(b);
    instructions = counter_read(b);
    /* The descriptors are there before the doorbell. */
    smp_mb();
    before = qbench_now();
    qdmashare_doorbell(b->d, q);
    while (qatomic_load_acquire(&last->seq) != seq) {
        g_usleep(LOOK_US);
        g_assert_cmpuint(++looks, <, LOOKS);
    }
    ns = qbench_now() - before;
    for (; queue->cq_head != queue->sq_tail; queue->cq_head++) {
        g_assert_cmphex(le16_to_cpu(completion(b, q, queue->cq_head)->status),
                        ==, DMASHARE_STATUS_OK);
    }
    qdmashare_writel(b->d, DMASHARE_REG_DOORBELL_CQ(q), queue->cq_head);
    b->cpu = qemu_cpu(b) - cpu;
    b->instructions = counter_read(b) - instructions;
    return ns;
}

void qbench_do(QBench *b, unsigned q, const struct dmashare_desc *desc)
{
    qbench_push(b, q, desc);
    qbench_go(b, q);
}

struct dmashare_desc qbench_map_desc(uint32_t id, uint64_t size,
                                     unsigned direction, uint32_t n_segments,
                                     uint64_t list)
{
    return (struct dmashare_desc) {
        .opcode = DMASHARE_OP_MAP,
        .map = {
            .id = id,
            .buffer = id,
            .direction = direction,
            .length = size,
            .n_segments = n_segments,
            .list = list,
        },
    };
}

uint64_t qbench_list(QBench *b, const struct dmashare_segment *seg, uint32_t n)
{
    uint64_t phys = qbench_alloc(b, DIV_ROUND_UP(n, PER_BLOCK) * 4 * KiB);
    uint64_t at = phys;

    for (uint32_t i = 0; i < n; i += PER_BLOCK, at += 4 * KiB) {
        struct dmashare_seg_block *head = qbench_host(b, at);
        struct dmashare_segment *to = (void *)(head + 1);
        uint32_t count = MIN(n - i, PER_BLOCK);

        memset(head, 0, sizeof(*head));
        head->count = cpu_to_le32(count);
        head->next = cpu_to_le64(i + count < n ?
                                 qdmashare_dma(b->d, at + 4 * KiB) : 0);
        for (uint32_t j = 0; j < count; j++) {
            to[j].addr = cpu_to_le64(seg[i + j].addr);
            to[j].len = cpu_to_le64(seg[i + j].len);
        }
    }
    return qdmashare_dma(b->d, phys);
}

static void print_samples(const char *name, const double *sample, unsigned n)
{
    printf(", \"%s\": [", name);
    for (unsigned i = 0; i < n; i++) {
        printf("%s%.6g", i ? ", " : "", sample[i]);
    }
    printf("]");
}

void qbench_take(QBench *b, const char *figure, const char *unit,
                 unsigned rounds, unsigned warm_up, QBenchSample *measured,
                 QBenchSample *floor, void *opaque, uint64_t at)
{
    g_autofree double *sample = g_new(double, rounds);
    g_autofree double *other = g_new(double, rounds);
    g_autofree double *instructions = g_new(double, rounds);

    for (unsigned i = 0; i < warm_up + rounds; i++) {
        unsigned n = i < warm_up ? 0 : i - warm_up;

        sample[n] = measured(opaque);
        instructions[n] = b ? b->instructions : 0;
        other[n] = floor ? floor(opaque) : 0;
    }
    printf("bench: {\"figure\": \"%s\", \"unit\": \"%s\"", figure, unit);
    print_samples("measured", sample, rounds);
    if (floor) {
        print_samples("floor", other, rounds);
    }
    if (b && b->counter >= 0) {
        print_samples("instructions", instructions, rounds);
    }
    if (at) {
        printf(", \"at\": %" PRIu64, at);
    }
    printf("}\n");
    fflush(stdout);
}

/* What libqtest prints is for test programs. */
static void print_nothing(const char *text)
{
}

static bool wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++) {
        if (g_str_equal(argv[i], name)) {
            return true;
        }
    }
    return argc == 1;
}

int qbench_main(int argc, char **argv, const QBenchFigure *figures, unsigned n)
{
    g_set_print_handler(print_nothing);
    /* A sleep of some microseconds is to be one. */
    prctl(PR_SET_TIMERSLACK, 1);
    for (unsigned i = 0; i < n; i++) {
        if (wanted(argc, argv, figures[i].name)) {
            figures[i].take();
        }
    }
    return 0;
}
