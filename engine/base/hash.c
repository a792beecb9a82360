/* hash.c -- see hash.h.
** Layer: base. Uses: bert.h. */
#include "base/hash.h"

#include "base/bytes.h"

/* Odd constants with as many ones as zeros: fractional digits of sqrt(2), sqrt(3), sqrt(5), sqrt(7). */
static const uint64_t SALT[4] = {0x6A09E667F3BCC909u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u};

/* The 128-bit product folded to 64: every bit of either factor reaches every bit of the result. */
static uint64_t fold(uint64_t a, uint64_t b) {
  unsigned __int128 p = (unsigned __int128)a * b;
  return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed) {
  const unsigned char *p = bytes;
  uint64_t lane[4] = {seed ^ SALT[0], seed ^ SALT[1], seed ^ SALT[2], seed ^ SALT[3]};
  size_t left = n;
  for (; left >= 64; p += 64, left -= 64)
    for (int i = 0; i < 4; i++) lane[i] = fold(bytes_load(p + 16 * i) ^ SALT[i], bytes_load(p + 16 * i + 8) ^ lane[i]);
  /* Lanes are multiplied, not xored, with one another: each begins with the seed, which an xor would cancel. */
  uint64_t h = fold(lane[0] ^ SALT[1], lane[1] ^ SALT[2]) ^ fold(lane[2] ^ SALT[3], lane[3] ^ SALT[0]);
  for (; left >= 8; p += 8, left -= 8) h = fold(h ^ bytes_load(p), SALT[0] ^ left);
  h = fold(h ^ bytes_load_part(p, left), SALT[1]);
  return fold(h ^ (uint64_t)n, SALT[2]);
}
