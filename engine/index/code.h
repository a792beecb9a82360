/* code.h -- a vector as a byte a dimension, and what can be proved about the angle between the two.
** Layer: index. Uses: bert.h.
**
** A vector u of length 1 is turned by a fixed rotation R (signs and Hadamard matrices, which spread what stands in few
** dimensions over many), so that one step serves all dimensions. Of y = R u, dimension i is coded as
**
**    b = floor(y / step + 128) in 0 … 255        which stands for (b - 127.5) step        step = max |y| / 127.5
**    n = b >> 4                in 0 …  15        which stands for (n -   7.5) 16 step
**
** so that the high half of the bytes is a coarser code of the same vector. Only the direction of a code counts, so
** steps are not kept: the fine code v8 is the direction of b - 127.5, the coarse one v4 that of n - 7.5.
**
** The bound. Angles are distances on the sphere. With p4 the angle between y and v4 (measured when the row is coded),
** and pq the one between the turned query q and q8, its own code of 8 bits,
**
**    angle(q, y) >= angle(q8, v4) - p4 - pq                                                   (1)
**    angle(q, v8) - p8 <= angle(q, y) <= angle(q, v8) + p8                                    (2)
**
** Cosine falls from 0 to pi, so a row can only have a cosine of t = cos(a) or more if
**
**    cos(q8, v4) >= cos(a + pq + p4) = cos(a + pq) cos p4 - sin(a + pq) sin p4   where a + pq + p4 <= pi      (3)
**
** which is two multiplications a row, cos(a + pq) and sin(a + pq) being the query's; a query whose angles may exceed pi
** takes every row. Where the answer is to be the nearest of the fine codes themselves, a code may be p8 farther from v4 than
** its row: a grows by the largest p8. What is computed is not quite what is proved of; the difference is bounded by slack:
**
**    p4, p8       sines are rounded up (SINE_SLACK), from sums in double over the same y that is coded
**    R            in double: within 1e-13 of a rotation, for up to 65,536 dimensions; within SINE_SLACK
**    cos(q8, v4)  an integer sum, exact below 2^31; then in float four roundings of terms of size at most 16: 2^-19 (code_slack)
**    cos(q, v8)   a dot product in float: (d / 16 + 8) 2^-24 |q| |v8|, since sums run in 16 lanes
**    t            is computed by the same dot products (cosine_of): twice (d / 16 + 8) 2^-24 and the roundings of lengths
**
** Tests hold the bounds, and the whole search to brute force (tests/unit/test_search.c). */
#ifndef INDEX_CODE_H
#define INDEX_CODE_H

#include <stddef.h>
#include <stdint.h>

/* What is known of a row's code. scale: of b - 127.5 and n - 7.5 to length 1. */
typedef struct {
  float scale4, sine4, scale8, sine8;
} CodeBound;

/* Bytes of a code that scanning reads: dimensions rounded up to a multiple of 8. */
static inline int code_depth(int dimensions) { return (dimensions + 7) / 8 * 8; }

/* More than any difference between what is proved and what is computed, of cosines. */
static inline double code_slack(int dimensions) { return 4e-6 + (dimensions / 16 + 8) * 2.4e-7; }

/* turned[dimensions] = R x / |x|; returns 0 where x is all zeros. x is finite. */
int code_turn(double *turned, const float *x, int dimensions);

/* code[dimensions] of what code_turn gave; turned is spoiled. */
CodeBound code_encode(uint8_t *code, double *turned, int dimensions);

/* A query: itself, and what its code in 8 bits with sign stands for. */
typedef struct {
  float *q;     /* [depth], length 1; padded with zeros */
  float factor; /* of q8 to length 1 */
  float zero;   /* 7.5 times the sum of q8: what n = 7.5 everywhere would sum to */
  double angle; /* pq */
} CodeQuery;

/* Fills a query whose array stands ready, zeroed, and q8[dimensions], its code; turned is spoiled. */
void code_query(CodeQuery *query, int8_t *q8, double *turned, int dimensions);

#endif
