/* bytes.h -- eight bytes at a time.
** Layer: base. Uses: nothing.
**
** Plain C: a word holds 8 bytes, the first one lowest, and tests answer with bit 7 of each byte. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_EACH(b) (0x0101010101010101u * (uint64_t)(b))

/* p[0..8). */
static inline uint64_t bytes_load(const unsigned char *p) {
  uint64_t v;
  memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static inline void bytes_store(unsigned char *p, uint64_t v) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  memcpy(p, &v, 8);
}

/* p[0..n), zeros after it; n < 8. */
static inline uint64_t bytes_load_part(const unsigned char *p, size_t n) {
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++) v |= (uint64_t)p[i] << 8 * i;
  return v;
}

/* p[0..8), zeros past end; `begin` is the first byte that may be read. */
static inline uint64_t bytes_load_within(const unsigned char *begin, const unsigned char *p, const unsigned char *end) {
  size_t left = (size_t)(end - p);
  if (left >= 8) return bytes_load(p);
  if (end - begin >= 8) return bytes_load(end - 8) >> (64 - 8 * left);
  return bytes_load_part(p, left);
}

/* The first n bytes of v, n from 1 to 8. */
static inline uint64_t bytes_first(uint64_t v, unsigned n) { return v & (~(uint64_t)0 >> (64 - 8 * n)); }

/* Bit 7 of each byte that is an ASCII letter. Adding to 7 bits never carries into the next byte. */
static inline uint64_t bytes_letters(uint64_t v) {
  uint64_t low = (v & BYTES_EACH(0x7F)) | BYTES_EACH(0x20);
  uint64_t from_a = low + BYTES_EACH(0x80 - 'a'), past_z = low + BYTES_EACH(0x7F - 'z');
  return from_a & ~past_z & ~v & BYTES_EACH(0x80);
}

static inline uint64_t bytes_digits(uint64_t v) {
  uint64_t low = v & BYTES_EACH(0x7F);
  uint64_t from_0 = low + BYTES_EACH(0x80 - '0'), past_9 = low + BYTES_EACH(0x7F - '9');
  return from_0 & ~past_9 & ~v & BYTES_EACH(0x80);
}

#endif
