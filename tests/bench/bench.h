/* bench.h -- what the measurements share: a clock, and the machine's own limits to measure against. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

/* Seconds since some moment. */
double bench_now(void);

/* Seconds of one call of run(context): the best of several rounds, each long enough for the clock. The best, since
** other programs on the machine only ever add. */
double bench_time(void (*run)(void *context), void *context);

/* Most operations a second of one core with an instruction set that runs here: in fused multiply-adds of floats, and in the
** instructions by which the set multiplies numbers of 8 bits and adds them up. 0 where that is not known. */
double bench_peak_flops(const char *isa);
double bench_peak_ops8(const char *isa);

/* Bytes a second that one core reads from memory, far past every cache. */
double bench_peak_bytes(void);

/* y[m][n] = x[m][k] w[n][k]^T by OpenBLAS on one thread, the yardstick; 0 where there is no OpenBLAS. */
int bench_blas(int m, int n, int k, const float *x, const float *w, float *y);

#endif
