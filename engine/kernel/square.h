/* square.h -- transposes words of 32 bits, in squares: how rows become the strips and panels of a product.
** Layer: kernel. Uses: target.h.
**
** Included by lanes.h within the region of each instruction set, and by kernel.c outside of any. */
#ifndef KERNEL_SQUARE_H
#define KERNEL_SQUARE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/target.h"

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
