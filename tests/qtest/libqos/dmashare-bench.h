/*
 * libqos helpers for dmashare: what the device costs, with no guest
 *
 * The test and QEMU have guest memory mapped both. Descriptors are written to
 * it and completions seen there, so that what is timed is from one doorbell to
 * the last completion, and nothing in between needs the test.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_BENCH_H
#define LIBQOS_DMASHARE_BENCH_H

#include "dmashare-machine.h"

/* Guest memory, and where in it the measured bytes begin. */
#define QBENCH_RAM      (1ULL << 30)
#define QBENCH_POOL     (64ULL << 20)

/* Entries of the rings. */
#define QBENCH_ENTRIES  4096

typedef struct QBench {
    QDmashareMachine *m;
    QDmashare *d;
    uint8_t *ram;               /* guest memory, as the test has it mapped */
    int fd;                     /* of it */
    uint64_t next;              /* guest-physical, of what is not used yet */
    uint64_t cpu;               /* ns of processor time of the last _go() */
    int counter;                /* of QEMU's instructions, or -1 */
    uint64_t instructions;      /* of the last _go() */
} QBench;

/* A machine with one device with these properties, behind VT-d if @vtd. */
QBench *qbench_new(bool vtd, const char *properties);
void qbench_free(QBench *b);

/* Guest memory that nobody else uses, and where it is for the test. */
uint64_t qbench_alloc(QBench *b, uint64_t size);
void *qbench_host(QBench *b, uint64_t phys);

/* Puts a descriptor into the ring; the rest is up to qbench_go(). */
void qbench_push(QBench *b, unsigned q, const struct dmashare_desc *desc);

/*
 * The doorbell, and the end of all that was pushed, each of which must have
 * succeeded: the ns in between. How much of them QEMU's main loop was running
 * is in b->cpu, which others that use the processors do not change.
 */
uint64_t qbench_go(QBench *b, unsigned q);

/* One command or job that is not measured. */
void qbench_do(QBench *b, unsigned q, const struct dmashare_desc *desc);

/*
 * A buffer and a mapping of it, both with this id, of a list of segments that
 * is in guest memory already.
 */
struct dmashare_desc qbench_map_desc(uint32_t id, uint64_t size,
                                     unsigned direction, uint32_t n_segments,
                                     uint64_t list);
/* Writes such a list; the DMA address of its first block. */
uint64_t qbench_list(QBench *b, const struct dmashare_segment *seg,
                     uint32_t n);

/* ns of a clock that only goes on, and of this process on a processor */
uint64_t qbench_now(void);
uint64_t qbench_own_cpu(void);

/* Takes a sample of what is measured, or of its floor. */
typedef double QBenchSample(void *opaque);

/*
 * Takes @rounds samples of each in turns, after @warm_up of each that do not
 * count, and prints the line of `make bench`. @floor may be NULL, @at 0. If @b
 * is not and the host can count them, so are the instructions of the last
 * qbench_go() of each sample.
 */
void qbench_take(QBench *b, const char *figure, const char *unit,
                 unsigned rounds, unsigned warm_up, QBenchSample *measured,
                 QBenchSample *floor, void *opaque, uint64_t at);

typedef struct QBenchFigure {
    const char *name;
    void (*take)(void);
} QBenchFigure;

/* main() of a program that measures these, or those that it is given. */
int qbench_main(int argc, char **argv, const QBenchFigure *figures,
                unsigned n);

#endif
