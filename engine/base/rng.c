/* rng.c -- see rng.h.
** Layer: base. Uses: bert.h. */
#include "base/rng.h"

uint32_t rng_below(Rng *r, uint32_t n) {
  uint32_t few = -n % n; /* 2^32 mod n: products whose low half is less come up once too often */
  for (;;) {
    uint64_t product = (uint64_t)rng_next(r) * n;
    if ((uint32_t)product >= few) return (uint32_t)(product >> 32);
  }
}

void rng_shuffle(Rng *r, int32_t *order, int n) {
  for (int i = n - 1; i > 0; i--) {
    uint32_t k = rng_below(r, (uint32_t)i + 1);
    int32_t swap = order[i];
    order[i] = order[k];
    order[k] = swap;
  }
}
