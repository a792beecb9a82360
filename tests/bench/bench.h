/* bench.h -- what the measurements share: a clock, and the machine's own limits to measure against. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

/* Seconds since some moment. */
double bench_now(void);

/* Seconds of one call of run(context): the best of several rounds, each long enough for the clock. The best, since
** other programs on the machine only ever add. */
double bench_time(void (*run)(void *context), void *context);

/* Most single-precision operations a second that one core does in fused multiply-adds, by the widest registers there are. */
double bench_peak_flops(void);

/* Bytes a second that one core reads from memory, far past every cache. */
double bench_peak_bytes(void);

/* y[m][n] = x[m][k] w[n][k]^T by OpenBLAS on one thread, the yardstick; 0 where there is no OpenBLAS. */
int bench_blas(int m, int n, int k, const float *x, const float *w, float *y);

#endif
