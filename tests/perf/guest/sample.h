/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples of a figure and of its floor, in one VM and in turns, and how they are
 * told: a line of standard output for each figure, which is "bench: " and an object,
 *
 *	figure		as in tests/perf/figures
 *	unit		of the samples
 *	measured	array of numbers
 *	floor		as many, where the figure has a floor; number i of either is of
 *			the same round
 *	at		the count of something that they were taken at, where there is one
 *	note		what a reader has to know of how it was taken, where there is such
 *
 * or, of what cannot be measured here, figure and "skipped", the reason why.
 * Everything else on standard output is for people.
 */
#ifndef DMASHARE_BENCH_SAMPLE_H
#define DMASHARE_BENCH_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* Time of a clock that nobody sets, in ns. */
uint64_t now_ns(void);

/* Takes one sample: the ns that what is measured took. */
typedef uint64_t (*sample_fn)(void *arg);

/**
 * struct figure - what to sample
 * @name: of tests/perf/figures
 * @measured: takes a sample
 * @floor: takes one of the floor; NULL without one
 * @arg: of both
 * @rounds: samples of each; with --brief a tenth of it
 * @warm_up: samples of each that are thrown away before
 * @at: the count that this is taken at, 0: none
 * @note: or NULL
 */
struct figure {
	const char *name;
	sample_fn measured, floor;
	void *arg;
	unsigned int rounds, warm_up;
	unsigned long at;
	const char *note;
};

/* Takes the samples, one of each in turns, and prints them; if the figure is wanted. */
void figure_take(const struct figure *f);

/* Says why there is none, likewise. */
void figure_skip(const char *name, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * struct taker - what takes a figure
 * @name: the figure
 * @take: takes it, in a process of its own: what it leaves behind is gone afterwards.
 *	One that takes several figures stands with each, and is run once.
 */
struct taker {
	const char *name;
	void (*take)(void);
};

/*
 * main() of a program with these figures. Its arguments are the names of those to be
 * taken (none: all), "--brief", "--list", and "--exporter=NAME", of which @exporter is
 * told before any is taken; if that is NULL, they are about dmashare and skipped for
 * any other. Its status is 0 if all were taken, or skipped.
 */
int bench_main(int argc, char **argv, const struct taker *takers, unsigned int n,
	       void (*exporter)(const char *name));

/* Whether it was told to be brief. */
bool bench_brief(void);

#endif /* DMASHARE_BENCH_SAMPLE_H */
