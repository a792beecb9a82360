/* dtype.c -- see dtype.h.
** Layer: file. Uses: dtype.h.
**
** A block of the quantised types, q the integers, d and m its scale and minimum (f16), x the numbers:
**
**    Q4_0  d, 32 x 4 bits          x = d(q - 8)         Q4_1  d, m, 32 x 4 bits          x = dq + m
**    Q5_0  d, 32 high bits, 4s     x = d(q - 16)        Q5_1  d, m, 32 high bits, 4s     x = dq + m
**    Q8_0  d, 32 x 8 bits          x = dq               IQ4_NL  d, 32 x 4 bits           x = d * LEVEL[q]
**    Qn_K  256 numbers in groups of 16 or 32, each with a scale s (and minimum m) of 4 to 8 bits:  x = ds * q - dm * m
**
** Four-bit integers lie as halves: the low nibbles of 16 (32) bytes are the first numbers, the high ones the next. */
#include "file/dtype.h"

#include <string.h>

enum { SMALL = 32, LARGE = 256 };

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint32_t word16(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t word32(const unsigned char *p) { return word16(p) | word16(p + 2) << 16; }

/* Exact. No subnormal number is computed with, so it does not matter whether the host's threads flush them. */
static float half_of(const unsigned char *p) {
  uint32_t h = word16(p), bits = (h & 0x7FFF) << 13, sign = (h & 0x8000) << 16, exponent = bits & 0x0F800000;
  float x;
  if (exponent == 0x0F800000) x = float_of(bits | 0x7F800000);                        /* infinity, NaN */
  else if (exponent) x = float_of(bits + ((127 - 15) << 23));
  else x = float_of(bits + (113u << 23)) - float_of(113u << 23);                      /* 0.m * 2^-14 */
  memcpy(&bits, &x, sizeof bits);
  return float_of(bits | sign);
}

/* Past the range of a float it becomes an infinity, which weights_read refuses. */
static float double_of(const unsigned char *p) {
  uint64_t bits = word32(p) | (uint64_t)word32(p + 4) << 32;
  double wide;
  memcpy(&wide, &bits, sizeof wide);
  return (float)wide;
}

/* ---- 32 numbers a block ---------------------------------------------------------------------------------------- */

static void decode_q4_0(const unsigned char *in, float *x) {
  float d = half_of(in);
  for (int i = 0; i < SMALL / 2; i++) {
    x[i] = d * (float)((in[2 + i] & 15) - 8);
    x[i + SMALL / 2] = d * (float)((in[2 + i] >> 4) - 8);
  }
}

static void decode_q4_1(const unsigned char *in, float *x) {
  float d = half_of(in), m = half_of(in + 2);
  for (int i = 0; i < SMALL / 2; i++) {
    x[i] = d * (float)(in[4 + i] & 15) + m;
    x[i + SMALL / 2] = d * (float)(in[4 + i] >> 4) + m;
  }
}

/* q[32] of 5 bits: nibbles, and a word of the fifth bits. */
static void five_bits(const unsigned char *high, const unsigned char *nibbles, int *q) {
  uint32_t h = word32(high);
  for (int i = 0; i < SMALL / 2; i++) {
    q[i] = (nibbles[i] & 15) | (int)(h >> i & 1) << 4;
    q[i + SMALL / 2] = nibbles[i] >> 4 | (int)(h >> (i + SMALL / 2) & 1) << 4;
  }
}

static void decode_q5_0(const unsigned char *in, float *x) {
  float d = half_of(in);
  int q[SMALL];
  five_bits(in + 2, in + 6, q);
  for (int i = 0; i < SMALL; i++) x[i] = d * (float)(q[i] - 16);
}

static void decode_q5_1(const unsigned char *in, float *x) {
  float d = half_of(in), m = half_of(in + 2);
  int q[SMALL];
  five_bits(in + 4, in + 8, q);
  for (int i = 0; i < SMALL; i++) x[i] = d * (float)q[i] + m;
}

static int signed_byte(unsigned char c) { return c < 128 ? c : c - 256; }

static void decode_q8_0(const unsigned char *in, float *x) {
  float d = half_of(in);
  for (int i = 0; i < SMALL; i++) x[i] = (float)signed_byte(in[2 + i]) * d;
}

/* What the four bits of IQ4 stand for: closer together near zero, where weights are. */
static const signed char LEVEL[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void levels(float d, const unsigned char *nibbles, float *x) {
  for (int i = 0; i < SMALL / 2; i++) {
    x[i] = d * (float)LEVEL[nibbles[i] & 15];
    x[i + SMALL / 2] = d * (float)LEVEL[nibbles[i] >> 4];
  }
}

static void decode_iq4_nl(const unsigned char *in, float *x) { levels(half_of(in), in + 2, x); }

/* ---- 256 numbers a block --------------------------------------------------------------------------------------- */

/* 16 groups of 16: scales and minima of 4 bits, numbers of 2; bits 2j and 2j + 1 of 32 bytes are groups 2j, 2j + 1. */
static void decode_q2_k(const unsigned char *in, float *x) {
  const unsigned char *scale = in, *q = in + 16;
  float d = half_of(in + 80), m = half_of(in + 82);
  for (int g = 0; g < 16; g++, x += 16) {
    const unsigned char *from = q + g / 8 * 32 + g % 2 * 16;
    float step = d * (float)(scale[g] & 15), low = m * (float)(scale[g] >> 4);
    for (int i = 0; i < 16; i++) x[i] = step * (float)(from[i] >> g % 8 / 2 * 2 & 3) - low;
  }
}

/* The same, with a third bit that takes 4 away where it is 0, and scales of 6 bits: nibbles of 8 bytes, then two bits
** of each in 4 more. */
static void decode_q3_k(const unsigned char *in, float *x) {
  const unsigned char *high = in, *q = in + 32, *scale = in + 96;
  float d = half_of(in + 108);
  for (int g = 0; g < 16; g++, x += 16) {
    const unsigned char *from = q + g / 8 * 32 + g % 2 * 16, *bit = high + g % 2 * 16;
    int s = (scale[g % 8] >> g / 8 * 4 & 15) | (scale[8 + g % 4] >> g / 4 * 2 & 3) << 4;
    float step = d * (float)(s - 32);
    for (int i = 0; i < 16; i++) {
      int three = (from[i] >> g % 8 / 2 * 2 & 3) - (bit[i] >> g / 2 & 1 ? 0 : 4);
      x[i] = step * (float)three;
    }
  }
}

/* Scale and minimum of group g of 8, 6 bits each, in 12 bytes p: six bits of the first four in p[0..4) and p[4..8), the
** low halves of the others in p[8..12), their high bits in the top of the first eight bytes. */
static void group_scale(const unsigned char *p, int g, int *scale, int *minimum) {
  if (g < 4) {
    *scale = p[g] & 63;
    *minimum = p[g + 4] & 63;
  } else {
    *scale = (p[g + 4] & 15) | p[g - 4] >> 6 << 4;
    *minimum = p[g + 4] >> 4 | p[g] >> 6 << 4;
  }
}

/* 8 groups of 32. */
static void decode_q4_k(const unsigned char *in, float *x) {
  float d = half_of(in), m = half_of(in + 2);
  for (int g = 0; g < 8; g++, x += SMALL) {
    const unsigned char *from = in + 16 + g / 2 * 32;
    int scale, minimum;
    group_scale(in + 4, g, &scale, &minimum);
    float step = d * (float)scale, low = m * (float)minimum;
    for (int i = 0; i < SMALL; i++) x[i] = step * (float)(from[i] >> g % 2 * 4 & 15) - low;
  }
}

/* Likewise; bit g of 32 bytes more is the fifth bit of group g. */
static void decode_q5_k(const unsigned char *in, float *x) {
  const unsigned char *high = in + 16;
  float d = half_of(in), m = half_of(in + 2);
  for (int g = 0; g < 8; g++, x += SMALL) {
    const unsigned char *from = in + 48 + g / 2 * 32;
    int scale, minimum;
    group_scale(in + 4, g, &scale, &minimum);
    float step = d * (float)scale, low = m * (float)minimum;
    for (int i = 0; i < SMALL; i++)
      x[i] = step * (float)((from[i] >> g % 2 * 4 & 15) | (high[i] >> g & 1) << 4) - low;
  }
}

/* 16 groups of 16 with scales of 8 bits; numbers of 6: nibbles in 128 bytes, two bits more in 64. */
static void decode_q6_k(const unsigned char *in, float *x) {
  const unsigned char *high = in + 128, *scale = in + 192;
  float d = half_of(in + 208);
  for (int g = 0; g < 16; g++, x += 16) {
    int half = g / 8, part = g % 8 / 2; /* four parts of 32 numbers in each half */
    const unsigned char *low = in + half * 64 + part % 2 * 32 + g % 2 * 16, *top = high + half * 32 + g % 2 * 16;
    float step = d * (float)signed_byte(scale[g]);
    for (int i = 0; i < 16; i++)
      x[i] = step * (float)(((low[i] >> part / 2 * 4 & 15) | (top[i] >> part * 2 & 3) << 4) - 32);
  }
}

/* 8 groups of 32 with scales of 6 bits. */
static void decode_iq4_xs(const unsigned char *in, float *x) {
  uint32_t high = word16(in + 2);
  float d = half_of(in);
  for (int g = 0; g < 8; g++, x += SMALL) {
    int scale = (in[4 + g / 2] >> g % 2 * 4 & 15) | (int)(high >> 2 * g & 3) << 4;
    levels(d * (float)(scale - 32), in + 8 + g * 16, x);
  }
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

static const struct {
  int block, bytes;
  void (*decode)(const unsigned char *in, float *x); /* a block; NULL where it is one number */
} ROWS[] = {
    [DTYPE_F32] = {1, 4, NULL},                 [DTYPE_F16] = {1, 2, NULL},
    [DTYPE_BF16] = {1, 2, NULL},                [DTYPE_F64] = {1, 8, NULL},
    [DTYPE_Q4_0] = {SMALL, 18, decode_q4_0},    [DTYPE_Q4_1] = {SMALL, 20, decode_q4_1},
    [DTYPE_Q5_0] = {SMALL, 22, decode_q5_0},    [DTYPE_Q5_1] = {SMALL, 24, decode_q5_1},
    [DTYPE_Q8_0] = {SMALL, 34, decode_q8_0},    [DTYPE_IQ4_NL] = {SMALL, 18, decode_iq4_nl},
    [DTYPE_Q2_K] = {LARGE, 84, decode_q2_k},    [DTYPE_Q3_K] = {LARGE, 110, decode_q3_k},
    [DTYPE_Q4_K] = {LARGE, 144, decode_q4_k},   [DTYPE_Q5_K] = {LARGE, 176, decode_q5_k},
    [DTYPE_Q6_K] = {LARGE, 210, decode_q6_k},   [DTYPE_IQ4_XS] = {LARGE, 136, decode_iq4_xs},
    [DTYPE_OTHER] = {0, 0, NULL},
};

int dtype_block(DType t) { return ROWS[t].block; }
int dtype_bytes(DType t) { return ROWS[t].bytes; }

void dtype_decode(DType t, const void *in, size_t blocks, float *out) {
  const unsigned char *p = in;
  size_t block = (size_t)ROWS[t].block, bytes = (size_t)ROWS[t].bytes;
  for (size_t i = 0; ROWS[t].decode && i < blocks; i++) ROWS[t].decode(p + i * bytes, out + i * block);
  if (t == DTYPE_F32)
    for (size_t i = 0; i < blocks; i++) out[i] = float_of(word32(p + 4 * i));
  if (t == DTYPE_F16)
    for (size_t i = 0; i < blocks; i++) out[i] = half_of(p + 2 * i);
  if (t == DTYPE_BF16)
    for (size_t i = 0; i < blocks; i++) out[i] = float_of(word16(p + 2 * i) << 16);
  if (t == DTYPE_F64)
    for (size_t i = 0; i < blocks; i++) out[i] = double_of(p + 8 * i);
}

void dtype_little_endian(float *x, size_t n) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    bits = __builtin_bswap32(bits);
    memcpy(&x[i], &bits, sizeof bits);
  }
#else
  (void)x, (void)n;
#endif
}
