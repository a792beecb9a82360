/* lanes.h -- the kernels once, for every instruction set: written over a vector V of 16 floats.
** Layer: kernel. Uses: kernel.h formula.h.
**
** A file of an instruction set opens its target region, defines V and the operations below, the tile's shape, and includes
** this. Sixteen lanes everywhere (one AVX-512 register, two of AVX2, four of NEON) is what makes sums along a row the
** same bits everywhere: element i is always in lane i mod 16.
**
**    v_load v_store v_set v_add v_sub v_mul v_div v_fma v_max v_min v_sqrt1
**    v_load_part(p, n, fill) v_store_part(p, n, v)   the first n of 16, 0 < n < 16
**    v_keep(v, n)             lanes from n on become 0
**    v_power(e, shifted)      e * 2^n by adding to the exponent; n stands in the low bits of `shifted` (formula.h)
**    v_less(a, b, x, y)       lane by lane a < b ? x : y
**    v_fold(v)                the sum of the lanes: 8, 4, 2, 1
**    TILE_ROWS, TILE_VECTORS  the accumulators of a tile: as many as registers hold beside a row of w
**
** gemm: rows of x are packed, KERNEL_ROWS by KERNEL_DEPTH at a time (224 KiB, which stays in L2), into strips [k][rows of a
** tile], so that a tile reads both sides end to end. Every panel then meets every strip; a tile keeps its sums in
** registers over the whole depth. A longer k goes through y between blocks, which loses nothing: floats stored and
** loaded are the same floats. */
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* A tile's loops unroll whole, or its sums would live in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

INLINE V v_horner(const float *c, int n, V x) {
  V sum = v_set(c[n - 1]);
  for (int i = n - 2; i >= 0; i--) sum = v_fma(sum, x, v_set(c[i]));
  return sum;
}

INLINE V v_exp(V x) {
  static const float E[] = EXP_E;
  x = v_min(v_max(x, v_set(EXP_LOW)), v_set(EXP_HIGH));
  V shifted = v_fma(x, v_set(EXP_LOG2E), v_set(EXP_ROUND)), n = v_sub(shifted, v_set(EXP_ROUND));
  V r = v_fma(n, v_set(-EXP_LN2_HIGH), x);
  r = v_fma(n, v_set(-EXP_LN2_LOW), r);
  V e = v_add(v_fma(v_mul(r, r), v_horner(E, EXP_COUNT, r), r), v_set(1.0f));
  return v_power(e, shifted);
}

INLINE V v_gelu(V x) {
  static const float P[] = PHI_P, Q[] = PHI_Q;
  V c = v_min(v_max(x, v_set(-PHI_EDGE)), v_set(PHI_EDGE)), s = v_mul(c, c);
  V phi = v_fma(c, v_div(v_horner(P, PHI_COUNT, s), v_horner(Q, PHI_COUNT, s)), v_set(0.5f));
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
    case KERNEL_RELU: return v_max(x, v_set(0.0f));
    case KERNEL_TANH: return v_tanh(x);
    case KERNEL_NONE: break;
  }
  return x;
}

static void activate(float *x, size_t n, KernelActivation activation) {
  size_t i = 0;
  for (; i + KERNEL_LANES <= n; i += KERNEL_LANES) v_store(x + i, v_activation(v_load(x + i), activation));
  int part = (int)(n - i);
  if (part) v_store_part(x + i, part, v_activation(v_load_part(x + i, part, 0.0f), activation));
}

/* ---- gemm ---------------------------------------------------------------------------------------------------------- */

/* y[rows][16 TILE_VECTORS] = (from ? from : y) + a[k][rows] * w[k][…]. from: a bias for every row. */
INLINE void tile(int rows, float *y, size_t y_stride, const float *a, const float *w, size_t w_row, int k,
                 const float *from) {
  V sum[TILE_ROWS][TILE_VECTORS];
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < TILE_VECTORS; v++)
      sum[r][v] = v_load(from ? from + KERNEL_LANES * v : y + (size_t)r * y_stride + KERNEL_LANES * v);
  for (int i = 0; i < k; i++, a += rows, w += w_row) {
    V b[TILE_VECTORS];
UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) b[v] = v_load(w + KERNEL_LANES * v);
UNROLL
    for (int r = 0; r < rows; r++) {
      V x = v_set(a[r]);
UNROLL
      for (int v = 0; v < TILE_VECTORS; v++) sum[r][v] = v_fma(x, b[v], sum[r][v]);
    }
  }
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) v_store(y + (size_t)r * y_stride + KERNEL_LANES * v, sum[r][v]);
}

typedef void Tile(float *y, size_t y_stride, const float *a, const float *w, size_t w_row, int k, const float *from);
#define TILE_OF(rows)                                                                                                \
  static void tile_##rows(float *y, size_t y_stride, const float *a, const float *w, size_t w_row, int k, \
                          const float *from) { \
    tile(rows, y, y_stride, a, w, w_row, k, from); \
  }
TILE_OF(1) TILE_OF(2) TILE_OF(3) TILE_OF(4) TILE_OF(5) TILE_OF(6)
#if TILE_ROWS > 6
TILE_OF(7) TILE_OF(8) TILE_OF(9) TILE_OF(10) TILE_OF(11) TILE_OF(12) TILE_OF(13) TILE_OF(14)
#endif
static Tile *const TILES[TILE_ROWS + 1] = {NULL,   tile_1, tile_2, tile_3, tile_4,  tile_5,  tile_6,
#if TILE_ROWS > 6
                                           tile_7, tile_8, tile_9, tile_10, tile_11, tile_12, tile_13, tile_14
#endif
};

/* to[k][rows] = x[rows][k]. */
static void pack_strip(float *to, const float *x, size_t stride, int rows, int k) {
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < k; i++) to[(size_t)i * (size_t)rows + (size_t)r] = x[(size_t)r * stride + (size_t)i];
}

/* The rows of strip s of `strips`: m rows dealt as evenly as they go, so that none is a thin one. */
INLINE int strip_start(int s, int strips, int m) { return (int)((int64_t)s * m / strips); }

/* One panel's columns of a strip; `part` of them at the right edge, where a whole tile would write past the row. */
static void strip_panel(float *y, size_t y_stride, const float *a, const float *w, size_t w_row, int rows, int k,
                        const float *from, int part, float *edge, KernelActivation activation) {
  float *to = part < KERNEL_PANEL ? edge : y;
  size_t stride = part < KERNEL_PANEL ? KERNEL_PANEL : y_stride;
  if (part < KERNEL_PANEL && !from)
    for (int r = 0; r < rows; r++) memcpy(edge + r * KERNEL_PANEL, y + (size_t)r * y_stride, (size_t)part * sizeof *y);
  for (int c = 0; c < KERNEL_PANEL; c += KERNEL_LANES * TILE_VECTORS)
    TILES[rows](to + c, stride, a, w + c, w_row, k, from ? from + c : NULL);
  if (activation != KERNEL_NONE)
    for (int r = 0; r < rows; r++) activate(to + (size_t)r * stride, KERNEL_PANEL, activation);
  if (part < KERNEL_PANEL)
    for (int r = 0; r < rows; r++) memcpy(y + (size_t)r * y_stride, edge + r * KERNEL_PANEL, (size_t)part * sizeof *y);
}

/* Rows row … row+m-1 and depth k0 … k0+k-1 of g, all its panels. */
static void gemm_block(const KernelGemm *g, int row, int m, int k0, int k) {
  static const float ZERO[KERNEL_PANEL];
  float *edge = g->scratch + (size_t)KERNEL_ROWS * KERNEL_DEPTH;
  int strips = (m + TILE_ROWS - 1) / TILE_ROWS, ends = k0 + k == g->k;
  for (int s = 0; s < strips; s++) {
    int start = strip_start(s, strips, m), rows = strip_start(s + 1, strips, m) - start;
    pack_strip(g->scratch + (size_t)start * (size_t)k, g->x + (size_t)(row + start) * g->x_stride + k0, g->x_stride, rows,
               k);
  }
  for (int p = g->first; p < g->last; p++) {
    const float *w = g->w + (size_t)p * g->w_panel + (size_t)k0 * g->w_row;
    const float *from = k0 ? NULL : g->bias ? g->bias + p * KERNEL_PANEL : ZERO;
    int part = g->n - p * KERNEL_PANEL < KERNEL_PANEL ? g->n - p * KERNEL_PANEL : KERNEL_PANEL;
    for (int s = 0; s < strips; s++) {
      int start = strip_start(s, strips, m), rows = strip_start(s + 1, strips, m) - start;
      strip_panel(g->y + (size_t)(row + start) * g->y_stride + p * KERNEL_PANEL, g->y_stride,
                  g->scratch + (size_t)start * (size_t)k, w, g->w_row, rows, k, from, part, edge,
                  ends ? g->activation : KERNEL_NONE);
    }
  }
}

static void gemm(const KernelGemm *g) {
  int blocks = (g->k + KERNEL_DEPTH - 1) / KERNEL_DEPTH;
  for (int row = 0; row < g->m; row += KERNEL_ROWS) {
    int m = g->m - row < KERNEL_ROWS ? g->m - row : KERNEL_ROWS;
    for (int b = 0; b < blocks; b++) {
      int k0 = (int)((int64_t)b * g->k / blocks), k1 = (int)((int64_t)(b + 1) * g->k / blocks);
      gemm_block(g, row, m, k0, k1 - k0);
    }
  }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static void softmax_row(float *x, int n, float scale) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole;
  V top = v_set(x[0]), sum = v_set(0.0f), factor = v_set(scale);
  for (int j = 0; j < whole; j += KERNEL_LANES) top = v_max(top, v_load(x + j));
  if (part) top = v_max(top, v_load_part(x + whole, part, x[0]));
  float lanes[KERNEL_LANES];
  v_store(lanes, top);
  for (int i = 1; i < KERNEL_LANES; i++)
    if (lanes[i] > lanes[0]) lanes[0] = lanes[i];
  top = v_set(lanes[0]);
  for (int j = 0; j < whole; j += KERNEL_LANES) {
    V e = v_exp(v_mul(v_sub(v_load(x + j), top), factor));
    v_store(x + j, e);
    sum = v_add(sum, e);
  }
  if (part) {
    V e = v_exp(v_mul(v_sub(v_load_part(x + whole, part, 0.0f), top), factor));
    v_store_part(x + whole, part, e);
    sum = v_add(sum, v_keep(e, part));
  }
  float share = 1.0f / v_fold(sum);
  for (int j = 0; j < whole; j += KERNEL_LANES) v_store(x + j, v_mul(v_load(x + j), v_set(share)));
  for (int j = whole; j < n; j++) x[j] *= share;
}

static void softmax(float *x, size_t stride, int m, int n, float scale) {
  for (int i = 0; i < m; i++) softmax_row(x + (size_t)i * stride, n, scale);
}

static void layernorm_row(float *y, const float *x, const float *residual, const float *gamma, const float *beta, int h,
                          float epsilon) {
  int whole = h / KERNEL_LANES * KERNEL_LANES, part = h - whole;
  V sum = v_set(0.0f), square = v_set(0.0f);
  for (int j = 0; j < whole; j += KERNEL_LANES) {
    V v = residual ? v_add(v_load(x + j), v_load(residual + j)) : v_load(x + j);
    v_store(y + j, v);
    sum = v_add(sum, v);
  }
  if (part) {
    V v = v_load_part(x + whole, part, 0.0f);
    if (residual) v = v_add(v, v_load_part(residual + whole, part, 0.0f));
    v_store_part(y + whole, part, v);
    sum = v_add(sum, v);
  }
  V mean = v_set(v_fold(sum) / (float)h);
  for (int j = 0; j < whole; j += KERNEL_LANES) {
    V v = v_sub(v_load(y + j), mean);
    v_store(y + j, v);
    square = v_fma(v, v, square);
  }
  if (part) {
    V v = v_keep(v_sub(v_load_part(y + whole, part, 0.0f), mean), part);
    v_store_part(y + whole, part, v);
    square = v_fma(v, v, square);
  }
  V scale = v_set(1.0f / sqrtf(v_fold(square) / (float)h + epsilon));
  for (int j = 0; j < whole; j += KERNEL_LANES)
    v_store(y + j, v_fma(v_mul(v_load(y + j), scale), v_load(gamma + j), v_load(beta + j)));
  if (part)
    v_store_part(y + whole, part,
                 v_fma(v_mul(v_load_part(y + whole, part, 0.0f), scale), v_load_part(gamma + whole, part, 0.0f),
                       v_load_part(beta + whole, part, 0.0f)));
}

static void layernorm(float *y, const float *x, const float *residual, const float *gamma, const float *beta, int m, int h,
                      float epsilon) {
  for (int i = 0; i < m; i++)
    layernorm_row(y + (size_t)i * (size_t)h, x + (size_t)i * (size_t)h, residual ? residual + (size_t)i * (size_t)h : NULL,
                  gamma, beta, h, epsilon);
}

static void dot(float *sum, const float *v, const float *w, int n) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole;
  V lanes = v_set(0.0f);
  for (int i = 0; i < whole; i += KERNEL_LANES) lanes = v_fma(v_load(v + i), v_load(w + i), lanes);
  if (part) lanes = v_fma(v_load_part(v + whole, part, 0.0f), v_load_part(w + whole, part, 0.0f), lanes);
  *sum = v_fold(lanes);
}

#include "kernel/set.h"
