/* code.c -- see code.h.
** Layer: index. Uses: nothing. */
#include "index/code.h"

#include <math.h>
#include <string.h>

/* More than what sums in double, and the rounding to float, take from a sine. */
#define SINE_SLACK 1e-7

/* Four doubles; what is computed is what the loop over one would, as additions keep their order. */
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

/* Signs of round r, one a bit: of dimensions 64 w and on, the same everywhere. */
static uint64_t signs_of(int w, int r) {
  uint64_t h = ((uint64_t)w * 2 + (uint64_t)r + 1) * 0x9E3779B97F4A7C15u;
  h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
  h = (h ^ h >> 27) * 0x94D049BB133111EBu;
  return h ^ h >> 31;
}

static void change_signs(double *y, int n, int r) {
  for (int w = 0; w * 64 < n; w++) {
    uint64_t signs = signs_of(w, r);
    for (int i = w * 64; i < n && i < w * 64 + 64; i++, signs >>= 1) {
      uint64_t bits;
      memcpy(&bits, &y[i], 8);
      bits ^= signs << 63;
      memcpy(&y[i], &bits, 8);
    }
  }
}

/* Two levels of butterflies at once, which halves the ways to memory and back. */
#define BUTTERFLIES(T, a, b, c, d)                                            \
  do {                                                                        \
    T sum = (a) + (b), rest = (a) - (b), more = (c) + (d), less = (c) - (d);  \
    (a) = sum + more, (b) = rest + less, (c) = sum - more, (d) = rest - less; \
  } while (0)

/* y[n] = H y / sqrt(n), n a power of two. */
static void hadamard(double *y, int n) {
  int half = 1;
  for (int i = 0; n >= 4 && i < n; i += 4) BUTTERFLIES(double, y[i], y[i + 1], y[i + 2], y[i + 3]);
  if (n >= 4) half = 4;
  for (; half * 4 <= n; half *= 4)
    for (int i = 0; i < n; i += 4 * half)
      for (Four *p = (Four *)(y + i), *end = p + half / 4; p < end; p++)
        BUTTERFLIES(Four, p[0], p[half / 4], p[half / 2], p[half / 4 * 3]);
  for (int i = 0; half < n && i < half; i++) {
    double a = y[i], b = y[i + half];
    y[i] = a + b, y[i + half] = a - b;
  }
  double scale = 1 / sqrt((double)n);
  for (int i = 0; i < n; i++) y[i] *= scale;
}

/* Two rounds, of the first dimensions and of the last, as many as a power of two has: each dimension meets most others. */
static void rotate(double *y, int dimensions) {
  int n = 1;
  while (n <= dimensions / 2) n *= 2;
  for (int r = 0; r < 2; r++) {
    double *part = r ? y + dimensions - n : y;
    change_signs(part, n, r);
    hadamard(part, n);
  }
}

int code_turn(double *turned, const float *x, int dimensions) {
  double square = 0;
  for (int i = 0; i < dimensions; i++) square += (double)x[i] * x[i];
  if (square == 0) return 0; /* the least float's square is still a double: only zeros sum to 0 */
  double scale = 1 / sqrt(square);
  for (int i = 0; i < dimensions; i++) turned[i] = x[i] * scale;
  rotate(turned, dimensions);
  return 1;
}

/* The largest magnitude; in four lanes, as each comparison waits for the one before. */
static double largest(const double *y, int n) {
  double top[4] = {0};
  for (int i = 0; i < n; i++) {
    double x = fabs(y[i]);
    top[i % 4] = x > top[i % 4] ? x : top[i % 4];
  }
  return fmax(fmax(top[0], top[1]), fmax(top[2], top[3]));
}

/* The sine of the angle between y and w, from what is left of y beside its share along w: no cancellation where it is
** small. dot = y . w, square = w . w. */
typedef struct {
  double dot, square;
} Along;
static double share_of(Along a) { return a.dot / a.square; }
static float sine_up(double rest, double length) {
  double sine = sqrt(rest / length) + SINE_SLACK;
  return sine < 1 ? (float)sine : 1.0f;
}

CodeBound code_encode(uint8_t *code, double *y, int dimensions) {
  double inverse = 127.5 / largest(y, dimensions);
  Along four = {0, 0}, eight = {0, 0};
  double rest4 = 0, rest8 = 0, length = 0;
  for (int i = 0; i < dimensions; i++) {
    int b = (int)(y[i] * inverse + 128); /* positive, so this is the floor */
    code[i] = (uint8_t)(b > 255 ? 255 : b);
    double w4 = (code[i] >> 4) - 7.5, w8 = code[i] - 127.5;
    four.dot += y[i] * w4, four.square += w4 * w4;
    eight.dot += y[i] * w8, eight.square += w8 * w8;
  }
  double share4 = share_of(four), share8 = share_of(eight);
  for (int i = 0; i < dimensions; i++) {
    double r4 = y[i] - share4 * ((code[i] >> 4) - 7.5), r8 = y[i] - share8 * (code[i] - 127.5);
    rest4 += r4 * r4, rest8 += r8 * r8, length += y[i] * y[i];
  }
  return (CodeBound){(float)(1 / sqrt(four.square)), sine_up(rest4, length), (float)(1 / sqrt(eight.square)),
                     sine_up(rest8, length)};
}

void code_query(CodeQuery *query, int8_t *q8, double *y, int dimensions) {
  double inverse = 127 / largest(y, dimensions), rest = 0, length = 0;
  Along eight = {0, 0};
  int64_t sum = 0;
  for (int i = 0; i < dimensions; i++) {
    q8[i] = (int8_t)lrint(y[i] * inverse);
    query->q[i] = (float)y[i];
    sum += q8[i];
    eight.dot += y[i] * q8[i], eight.square += (double)q8[i] * q8[i];
  }
  double share = share_of(eight);
  for (int i = 0; i < dimensions; i++) {
    double r = y[i] - share * q8[i];
    rest += r * r, length += y[i] * y[i];
  }
  query->factor = (float)(1 / sqrt(eight.square));
  query->zero = (float)(7.5 * (double)sum);
  query->angle = asin(sine_up(rest, length));
}
