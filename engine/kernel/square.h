/* square.h -- transposes words of 32 bits, in squares: how rows become the strips and panels of a product.
** Layer: kernel. Uses: target.h.
**
** Included by lanes.h within the region of each instruction set. One with registers of sixteen words says SQUARE 16, and
**
**    s_load(p, n) s_store(p, s, n)    n of the words, 0 < n <= 16; the others become 0, or are left alone
**
** A square of 16 is four rounds of 16 shuffles, a quarter of a cycle a word; squares of 4 take more than twice that. */
#ifndef KERNEL_SQUARE_H
#define KERNEL_SQUARE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/target.h"

#if SQUARE == 16
typedef uint32_t Words __attribute__((vector_size(64), may_alias));

/* Which lanes of rows i and i + step make up those rows once their blocks of `step` lanes have changed places. */
#define SQUARE_UPPER(step, lane) ((lane) & (step) ? 16 + (lane) - (step) : (lane))
#define SQUARE_LOWER(step, lane) ((lane) & (step) ? 16 + (lane) : (lane) + (step))
#define SQUARE_LANES(of, s)                                                                                        \
  of(s, 0), of(s, 1), of(s, 2), of(s, 3), of(s, 4), of(s, 5), of(s, 6), of(s, 7), of(s, 8), of(s, 9), of(s, 10),    \
      of(s, 11), of(s, 12), of(s, 13), of(s, 14), of(s, 15)
#define SQUARE_ROUND(x, step)                                                                                      \
  UNROLL for (int i = 0; i < 16; i++) if (!(i & (step))) {                                                         \
    Words upper = x[i], lower = x[i + (step)];                                                                     \
    x[i] = __builtin_shufflevector(upper, lower, SQUARE_LANES(SQUARE_UPPER, step));                                \
    x[i + (step)] = __builtin_shufflevector(upper, lower, SQUARE_LANES(SQUARE_LOWER, step));                       \
  }

/* to[n][across], its first m columns = the transposed x[m][n] ^ flip; m, n <= 16. */
INLINE void pack_square(uint32_t *to, size_t across, const uint32_t *x, size_t stride, int m, int n, uint32_t flip) {
  Words s[16];
UNROLL
  for (int i = 0; i < 16; i++) s[i] = (Words)s_load(x + (size_t)(i < m ? i : m - 1) * stride, n);
  SQUARE_ROUND(s, 1)
  SQUARE_ROUND(s, 2)
  SQUARE_ROUND(s, 4)
  SQUARE_ROUND(s, 8)
UNROLL
  for (int i = 0; i < 16; i++)
    if (i < n) s_store(to + (size_t)i * across, (__m512i)(s[i] ^ flip), m);
}

/* to[k][across], its first `rows` columns = x[rows][k] ^ flip, of words of 32 bits. */
static void pack_strip(void *packed, size_t across, const void *from, size_t stride, int rows, int k, uint32_t flip) {
  for (int r = 0; r < rows; r += 16)
    for (int i = 0; i < k; i += 16)
      pack_square((uint32_t *)packed + (size_t)i * across + r, across, (const uint32_t *)from + (size_t)r * stride + i, stride,
                  rows - r < 16 ? rows - r : 16, k - i < 16 ? k - i : 16, flip);
}
#else
/* Words of 32 bits, four at a time, whatever they hold and however they lie. */
typedef uint32_t Words __attribute__((vector_size(16), aligned(4), may_alias));

/* to[4][across], its first four columns = the transposed x[4][4]. */
INLINE void pack_square(uint32_t *to, size_t across, const uint32_t *x, size_t stride, Words flip) {
  Words a, b, c, d;
  memcpy(&a, x, 16), memcpy(&b, x + stride, 16), memcpy(&c, x + 2 * stride, 16), memcpy(&d, x + 3 * stride, 16);
  Words ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  Words AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  Words out[4] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5) ^ flip, __builtin_shufflevector(ab, cd, 2, 3, 6, 7) ^ flip,
                  __builtin_shufflevector(AB, CD, 0, 1, 4, 5) ^ flip, __builtin_shufflevector(AB, CD, 2, 3, 6, 7) ^ flip};
UNROLL
  for (int i = 0; i < 4; i++) memcpy(to + (size_t)i * across, &out[i], 16);
}

/* to[k][across], its first `rows` columns = x[rows][k] ^ flip, of words of 32 bits; squares of 4 by 4 first, then what is
** left of rows and k. */
static void pack_strip(void *packed, size_t across, const void *from, size_t stride, int rows, int k, uint32_t flip) {
  uint32_t *to = packed;
  const uint32_t *x = from;
  Words flips = {flip, flip, flip, flip};
  int whole_rows = rows / 4 * 4, whole_k = k / 4 * 4;
  for (int r = 0; r < whole_rows; r += 4)
    for (int i = 0; i < whole_k; i += 4)
      pack_square(to + (size_t)i * across + r, across, x + (size_t)r * stride + i, stride, flips);
  for (int r = 0; r < rows; r++)
    for (int i = r < whole_rows ? whole_k : 0; i < k; i++) {
      uint32_t word;
      memcpy(&word, x + (size_t)r * stride + i, 4);
      word ^= flip;
      memcpy(to + (size_t)i * across + r, &word, 4);
    }
}

#endif

#endif
