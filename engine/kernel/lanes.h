/* lanes.h -- the kernels once, for every instruction set: written over a vector V of 16 floats.
** Layer: kernel. Uses: kernel.h formula.h.
**
** A file of an instruction set opens its target region, defines V and the operations below, and includes this, then
** those of rows.h, train.h, gemm.h and gemm8.h that it wants. Sixteen lanes everywhere (one AVX-512 register, two of AVX2,
** four of NEON) is what makes sums along a row the same bits everywhere: element i is always in lane i mod 16.
**
**    v_load v_store v_set v_add v_sub v_mul v_div v_sqrt v_fma
**    v_max v_min              the second operand where one of the two is not a number
**    v_load_part(p, n, fill) v_store_part(p, n, v)   the first n of 16, 0 < n < 16
**    v_store_bytes(p, v)      the low byte of each lane
**    v_keep(v, n)             lanes from n on become 0
**    v_power(e, shifted)      e * 2^n by adding to the exponent; n stands in the low bits of `shifted` (formula.h)
**    v_less(a, b, x, y)       lane by lane a < b ? x : y
**    v_ints(p) v_bytes(p)     16 int32, 16 uint8 as floats
**    v_reaches(a, b)          bit i: lane i of a >= that of b
**    v_fold(v)                the sum of the lanes: 8, 4, 2, 1 */
#include <math.h>
#include <string.h>

#include "kernel/square.h"
#include "kernel/target.h"

INLINE V v_horner(const float *c, int n, V x) {
  V sum = v_set(c[n - 1]);
  for (int i = n - 2; i >= 0; i--) sum = v_fma(sum, x, v_set(c[i]));
  return sum;
}

INLINE V v_exp(V x) {
  static const float E[] = EXP_E;
  x = v_min(v_set(EXP_HIGH), v_max(v_set(EXP_LOW), x)); /* in this order, which lets NaN through */
  V shifted = v_fma(x, v_set(EXP_LOG2E), v_set(EXP_ROUND)), n = v_sub(shifted, v_set(EXP_ROUND));
  V r = v_fma(n, v_set(-EXP_LN2_HIGH), x);
  r = v_fma(n, v_set(-EXP_LN2_LOW), r);
  V e = v_add(v_fma(v_mul(r, r), v_horner(E, EXP_COUNT, r), r), v_set(1.0f));
  return v_power(e, shifted);
}

INLINE V v_gelu(V x) {
  static const float ABOVE[] = PHI_P, BELOW[] = PHI_Q;
  V c = v_min(v_max(x, v_set(-PHI_EDGE)), v_set(PHI_EDGE)), s = v_mul(c, c);
  V phi = v_fma(c, v_div(v_horner(ABOVE, PHI_COUNT, s), v_horner(BELOW, PHI_COUNT, s)), v_set(0.5f));
  return v_mul(x, v_min(v_max(phi, v_set(0.0f)), v_set(1.0f)));
}

INLINE V v_gelu_tanh(V x) {
  V cube = v_mul(v_mul(x, x), x), u = v_mul(v_set(GELU_TANH_SCALE), v_fma(v_set(GELU_TANH_CUBE), cube, x));
  return v_div(x, v_add(v_set(1.0f), v_exp(u)));
}

INLINE V v_tanh(V x) {
  static const float T[] = TANH_T;
  V s = v_mul(x, x), near = v_fma(v_mul(x, s), v_horner(T, TANH_COUNT, s), x);
  V far = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(v_exp(v_add(x, x)), v_set(1.0f))));
  return v_less(s, v_set(TANH_EDGE * TANH_EDGE), near, far);
}

INLINE V v_activation(V x, KernelActivation a) {
  switch (a) {
    case KERNEL_GELU: return v_gelu(x);
    case KERNEL_GELU_TANH: return v_gelu_tanh(x);
    case KERNEL_RELU: return v_max(v_set(0.0f), x);
    case KERNEL_TANH: return v_tanh(x);
    case KERNEL_NONE: break;
  }
  return x;
}

static void activate(float *y, const float *x, size_t n, KernelActivation activation) {
  size_t i = 0;
  for (; i + KERNEL_LANES <= n; i += KERNEL_LANES) v_store(y + i, v_activation(v_load(x + i), activation));
  int part = (int)(n - i);
  if (part) v_store_part(y + i, part, v_activation(v_load_part(x + i, part, 0.0f), activation));
}

/* The largest lane. */
INLINE float v_largest(V v) {
  float lanes[KERNEL_LANES];
  v_store(lanes, v);
  for (int i = 1; i < KERNEL_LANES; i++)
    if (lanes[i] > lanes[0]) lanes[0] = lanes[i];
  return lanes[0];
}

/* What a tile fetches while it multiplies: a step of memory in each of its steps along k. A tile that reads its weights from
** L3 or memory would else wait at the start of every page; with the panel that comes next fetched into L2, batches gain 12 to
** 16 % and a sentence alone 40 % on Emerald Rapids. */
typedef struct {
  const char *at;
  size_t step;
} Ahead;

/* The bytes at `next`, to be fetched in so many steps. */
INLINE Ahead ahead_of(const void *next, size_t bytes, int steps) {
  return (Ahead){next, (bytes + (size_t)steps - 1) / (size_t)steps};
}

INLINE void ahead_fetch(Ahead *a) {
  __builtin_prefetch(a->at, 0, 2);
  a->at += a->step;
}

/* The rows of strip s of `strips`: m rows dealt as evenly as they go, so that none is a thin one. */
INLINE int strip_start(int s, int strips, int m) { return (int)((int64_t)s * m / strips); }
