/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What takes the figures of tests/perf/figures that are measured in a guest. */
#ifndef DMASHARE_BENCH_FIGURES_H
#define DMASHARE_BENCH_FIGURES_H

/* fences.c */
void take_submit_wake(void);
void take_submit_batch(void);
void take_fence_waiters(void);

/* maps.c */
void take_map_4k(void);
void take_map_page(void);
void take_map_huge(void);
void take_map_4k_device(void);
void take_map_huge_device(void);

/* life.c */
void take_lifecycle(void);
void take_live_buffers(void);

#endif /* DMASHARE_BENCH_FIGURES_H */
