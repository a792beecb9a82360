/* test_kernels.c -- every instruction set gives the bits of ref.c, and ref.c the values of the formulas.
**
** kernels.def asks for check_NAME of every operation: a row without a check does not link. */
#include <math.h>
#include <stdlib.h>

#include "kernel/kernel.h"
#include "test.h"

/* ---- inputs --------------------------------------------------------------------------------------------------------- */

static uint32_t state;
static float next_float(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(int32_t)state / 536870912.0f; /* -4 … 4 */
}

static float *floats(size_t n, bert_err *e) {
  float *p = mem_pages(mem_size(n, sizeof *p, 0), e);
  for (size_t i = 0; p && i < n; i++) p[i] = next_float();
  return p;
}
static void drop(float *p, size_t n) { mem_pages_free(p, n * sizeof *p); }

static int same(const float *a, const float *b, size_t n) { return memcmp(a, b, n * sizeof *a) == 0; }

/* ---- each operation against ref ------------------------------------------------------------------------------------- */

/* y of m x n in a row of `stride`, from a k-deep product, on panels first … last-1: fast and ref agree in every byte, also
** in those that are not to be written. */
static void gemm_case(const Kernels *fast, const Kernels *ref, int m, int n, int k, int first, int last, int with_bias,
                      KernelActivation activation) {
  bert_err e = {0};
  size_t stride = (size_t)n + 3, columns = (size_t)kernel_panels(n) * KERNEL_PANEL;
  float *x = floats((size_t)m * (size_t)k, &e), *w = floats(kernel_panel_floats(k, n), &e), *bias = floats(columns, &e);
  float *a = floats((size_t)m * stride, &e), *b = floats((size_t)m * stride, &e), *own = floats(KERNEL_SCRATCH, &e);
  GOOD(e);
  memcpy(b, a, (size_t)m * stride * sizeof *a);
  KernelGemm g = {a, stride, x, (size_t)k, w, with_bias ? bias : NULL, m, n, k, first,
                  last, activation, own, 0, 0};
  fast->gemm(&g);
  g.y = b;
  ref->gemm(&g);
  if (!same(a, b, (size_t)m * stride)) test_failed(__FILE__, __LINE__, "gemm m %d, n %d, k %d differs from ref", m, n, k);
  drop(x, (size_t)m * (size_t)k), drop(w, kernel_panel_floats(k, n)), drop(bias, columns);
  drop(a, (size_t)m * stride), drop(b, (size_t)m * stride), drop(own, KERNEL_SCRATCH);
}

/* x as it lies for a product with its transposed self, and sums that begin with what stands in y. */
static void gemm_transposed(const Kernels *fast, const Kernels *ref, int m, int n, int k) {
  bert_err e = {0};
  size_t wide = (size_t)m + 5, count = (size_t)m * (size_t)n;
  float *x = floats(wide * (size_t)k, &e), *w = floats(kernel_panel_floats(k, n), &e);
  float *a = floats(count, &e), *b = floats(count, &e), *own = floats(KERNEL_SCRATCH, &e);
  GOOD(e);
  memcpy(b, a, count * sizeof *a);
  KernelGemm g = {.y = a, .y_stride = (size_t)n, .x = x, .x_stride = wide, .w = w, .bias = own, .m = m, .n = n, .k = k,
                  .last = kernel_panels(n), .scratch = own, .transposed = 1, .add = 1};
  fast->gemm(&g);
  g.y = b;
  ref->gemm(&g);
  if (!same(a, b, count)) test_failed(__FILE__, __LINE__, "transposed gemm m %d, n %d, k %d differs from ref", m, n, k);
  drop(x, wide * (size_t)k), drop(w, kernel_panel_floats(k, n));
  drop(a, count), drop(b, count), drop(own, KERNEL_SCRATCH);
}

static void check_gemm(const Kernels *fast, const Kernels *ref) {
  for (int m = 1; m <= 30; m++) gemm_transposed(fast, ref, m, 33, 7);
  gemm_transposed(fast, ref, KERNEL_ROWS + 9, 64, KERNEL_DEPTH + 3);
  for (int m = 1; m <= 30; m++) gemm_case(fast, ref, m, 32, 5, 0, 1, 1, KERNEL_NONE);
  static const int WIDTHS[] = {1, 15, 16, 17, 31, 33, 48, 70, 96};
  for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++)
    gemm_case(fast, ref, 17, WIDTHS[i], 37, 0, kernel_panels(WIDTHS[i]), (int)i & 1, (KernelActivation)(i % 5));
  gemm_case(fast, ref, 9, 160, 20, 1, 3, 1, KERNEL_GELU);                      /* a rank's share of the panels */
  gemm_case(fast, ref, 5, 40, KERNEL_DEPTH + 1, 0, 2, 1, KERNEL_RELU);         /* sums that go through y */
  gemm_case(fast, ref, 3, 33, 2 * KERNEL_DEPTH + 7, 0, 2, 0, KERNEL_TANH);
  gemm_case(fast, ref, 2 * KERNEL_ROWS + 5, 33, 11, 0, 2, 1, KERNEL_GELU_TANH); /* several blocks of rows */
}

static void check_pack(const Kernels *fast, const Kernels *ref) {
  bert_err e = {0};
  enum { STRIDE = 41, N = 70 };
  float *w = floats(N * STRIDE, &e), *a = floats(kernel_panel_floats(STRIDE, N), &e), *b = floats(kernel_panel_floats(STRIDE, N), &e);
  size_t all = kernel_panel_floats(STRIDE, N);
  GOOD(e);
  for (int k = 1; k <= STRIDE; k++)
    for (int rows = 1; rows <= 40; rows++) {
      memcpy(b, a, all * sizeof *a);
      fast->pack(a, w, STRIDE, k % 30, rows, k);
      ref->pack(b, w, STRIDE, k % 30, rows, k);
      if (!same(a, b, all)) test_failed(__FILE__, __LINE__, "pack of %d rows of %d differs from ref", rows, k);
    }
  drop(w, N * STRIDE), drop(a, all), drop(b, all);
}

static void check_pack_rows(const Kernels *fast, const Kernels *ref) {
  bert_err e = {0};
  enum { STRIDE = 75, K = 35 };
  size_t all = kernel_panel_floats(K, STRIDE);
  float *w = floats(K * STRIDE, &e), *a = floats(all, &e), *b = floats(all, &e);
  GOOD(e);
  for (int n = 1; n <= STRIDE; n++)
    for (int k = 1; k <= K; k += 17) {
      memcpy(b, a, all * sizeof *a);
      fast->pack_rows(a, w, STRIDE, n, k);
      ref->pack_rows(b, w, STRIDE, n, k);
      if (!same(a, b, all)) test_failed(__FILE__, __LINE__, "pack_rows of %d columns of %d differs from ref", n, k);
    }
  drop(w, K * STRIDE), drop(a, all), drop(b, all);
}

static void check_softmax(const Kernels *fast, const Kernels *ref) {
  bert_err e = {0};
  enum { STRIDE = 80, ROWS = 3 };
  for (int n = 1; n <= 70; n++) {
    float *a = floats(STRIDE * ROWS, &e), b[STRIDE * ROWS];
    for (int i = 0; i < STRIDE; i++) a[i] *= 40; /* one row whose small ends vanish */
    memcpy(b, a, sizeof b);
    fast->softmax(a, STRIDE, ROWS, n, 0.37f);
    ref->softmax(b, STRIDE, ROWS, n, 0.37f);
    if (!same(a, b, STRIDE * ROWS)) test_failed(__FILE__, __LINE__, "softmax of %d differs from ref", n);
    drop(a, STRIDE * ROWS);
  }
}

static void check_layernorm(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 70, ROWS = 3 };
  float x[MOST * ROWS], r[MOST * ROWS], gamma[MOST], beta[MOST], a[MOST * ROWS], b[MOST * ROWS];
  for (int i = 0; i < MOST * ROWS; i++) x[i] = next_float(), r[i] = next_float();
  for (int i = 0; i < MOST; i++) gamma[i] = next_float(), beta[i] = next_float();
  for (int h = 1; h <= MOST; h++)
    for (int with = 0; with < 2; with++) {
      fast->layernorm(a, x, with ? r : NULL, gamma, beta, ROWS, h, 1e-12f);
      ref->layernorm(b, x, with ? r : NULL, gamma, beta, ROWS, h, 1e-12f);
      if (!same(a, b, (size_t)(h * ROWS))) test_failed(__FILE__, __LINE__, "layernorm of %d differs from ref", h);
      memcpy(a, r, sizeof a);
      fast->layernorm(a, x, a, gamma, beta, ROWS, h, 1e-12f); /* y may be the residual */
      ref->layernorm(b, x, r, gamma, beta, ROWS, h, 1e-12f);
      if (!same(a, b, (size_t)(h * ROWS))) test_failed(__FILE__, __LINE__, "layernorm of %d in place differs", h);
    }
}

static void check_activate(const Kernels *fast, const Kernels *ref) {
  static const float EDGES[] = {0.0f, -0.0f, 1e-40f, -1e-40f, 1e-20f, 0.625f, -0.625f, 5.5f, -5.5f, 5.4999995f, 44.0f,
                                -44.0f, 88.0f, -88.0f, 1e4f, -1e4f, 1e30f, -1e30f, INFINITY, -INFINITY};
  enum { EDGE_COUNT = sizeof EDGES / sizeof *EDGES, MOST = 1000 };
  float a[MOST], b[MOST];
  for (int kind = KERNEL_NONE; kind <= KERNEL_TANH; kind++)
    for (size_t n = 1; n <= MOST; n = n < 40 ? n + 1 : n * 5) {
      for (size_t i = 0; i < n; i++) a[i] = b[i] = i < EDGE_COUNT ? EDGES[i] : 3 * next_float();
      fast->activate(a, a, n, (KernelActivation)kind);
      ref->activate(b, b, n, (KernelActivation)kind);
      for (size_t i = 0; i < n; i++)
        if (!same(&a[i], &b[i], 1) && !(isnan(a[i]) && isnan(b[i])))
          test_failed(__FILE__, __LINE__, "activation %d: %a, ref %a", kind, (double)a[i], (double)b[i]);
    }
}

static void check_dot(const Kernels *fast, const Kernels *ref) {
  float v[400], w[400], a, b;
  for (int i = 0; i < 400; i++) v[i] = next_float(), w[i] = next_float();
  for (int n = 0; n <= 400; n++) {
    fast->dot(&a, v, w, n);
    ref->dot(&b, v, w, n);
    if (!same(&a, &b, 1)) test_failed(__FILE__, __LINE__, "dot of %d differs from ref", n);
  }
}

/* ---- training ---- */

static void check_layernorm_keep(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 70, ROWS = 3, ALL = MOST * ROWS };
  float x[ALL], r[ALL], gamma[MOST], beta[MOST], y[2][ALL], hat[2][ALL], scale[2][ROWS], plain[ALL];
  for (int i = 0; i < ALL; i++) x[i] = next_float(), r[i] = next_float();
  for (int i = 0; i < MOST; i++) gamma[i] = next_float(), beta[i] = next_float();
  for (int h = 1; h <= MOST; h++)
    for (int with = 0; with < 2; with++) {
      size_t n = (size_t)(h * ROWS);
      fast->layernorm_keep(y[0], hat[0], scale[0], x, with ? r : NULL, gamma, beta, ROWS, h, 1e-12f);
      ref->layernorm_keep(y[1], hat[1], scale[1], x, with ? r : NULL, gamma, beta, ROWS, h, 1e-12f);
      ref->layernorm(plain, x, with ? r : NULL, gamma, beta, ROWS, h, 1e-12f);
      if (!same(y[0], y[1], n) || !same(hat[0], hat[1], n) || !same(scale[0], scale[1], ROWS))
        test_failed(__FILE__, __LINE__, "layernorm_keep of %d differs from ref", h);
      if (!same(y[0], plain, n)) test_failed(__FILE__, __LINE__, "layernorm_keep of %d is not what inference has", h);
    }
}

static void check_layernorm_back(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 70, ROWS = 3, ALL = MOST * ROWS };
  float dy[ALL], hat[ALL], scale[ROWS], gamma[MOST], a[ALL], b[ALL];
  for (int i = 0; i < ALL; i++) dy[i] = next_float(), hat[i] = next_float();
  for (int i = 0; i < MOST; i++) gamma[i] = next_float();
  for (int i = 0; i < ROWS; i++) scale[i] = next_float();
  for (int h = 1; h <= MOST; h++) {
    fast->layernorm_back(a, dy, hat, scale, gamma, ROWS, h);
    ref->layernorm_back(b, dy, hat, scale, gamma, ROWS, h);
    if (!same(a, b, (size_t)(h * ROWS))) test_failed(__FILE__, __LINE__, "layernorm_back of %d differs from ref", h);
  }
}

static void check_activate_back(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 300 };
  static const float EDGES[] = {0.0f, -0.0f, 1e-40f, 0.625f, -0.625f, 5.5f, -5.5f, 13.5f, -13.5f, 88.0f, -88.0f, 1e4f, -1e4f};
  float x[MOST], a[MOST], b[MOST];
  for (int kind = KERNEL_NONE; kind <= KERNEL_TANH; kind++)
    for (size_t n = 1; n <= MOST; n = n < 40 ? n + 1 : n * 5) {
      for (size_t i = 0; i < n; i++) {
        x[i] = i < sizeof EDGES / sizeof *EDGES ? EDGES[i] : 3 * next_float();
        a[i] = b[i] = next_float();
      }
      fast->activate_back(a, x, n, (KernelActivation)kind);
      ref->activate_back(b, x, n, (KernelActivation)kind);
      if (!same(a, b, n)) test_failed(__FILE__, __LINE__, "the slope of activation %d differs from ref", kind);
    }
}

static void check_softmax_back(const Kernels *fast, const Kernels *ref) {
  enum { STRIDE = 80, ROWS = 3, ALL = STRIDE * ROWS };
  float p[ALL], w[ALL], a[ALL], b[ALL];
  for (int n = 1; n <= 70; n++) {
    for (int i = 0; i < ALL; i++) p[i] = next_float(), w[i] = next_float(), a[i] = b[i] = next_float();
    fast->softmax_back(a, p, w, STRIDE, ROWS, n, 0.37f);
    ref->softmax_back(b, p, w, STRIDE, ROWS, n, 0.37f);
    if (!same(a, b, ALL)) test_failed(__FILE__, __LINE__, "softmax_back of %d differs from ref", n);
  }
}

static void check_column_sums(const Kernels *fast, const Kernels *ref) {
  enum { STRIDE = 80, ROWS = 9, ALL = STRIDE * ROWS };
  float x[ALL], times[ALL], a[STRIDE], b[STRIDE];
  for (int i = 0; i < ALL; i++) x[i] = next_float(), times[i] = next_float();
  for (int n = 1; n <= 70; n++)
    for (int with = 0; with < 2; with++) {
      for (int i = 0; i < STRIDE; i++) a[i] = b[i] = next_float();
      fast->column_sums(a, x, with ? times : NULL, STRIDE, ROWS, n);
      ref->column_sums(b, x, with ? times : NULL, STRIDE, ROWS, n);
      if (!same(a, b, STRIDE)) test_failed(__FILE__, __LINE__, "column_sums of %d differs from ref", n);
    }
}

static void check_dropout(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 100 };
  KernelDrop d = {{0x12345678u, 0x9ABCDEF0u}, 0x40000000u, 4.0f / 3.0f};
  float x[MOST], a[MOST] = {0}, b[MOST] = {0};
  for (size_t i = 0; i < MOST; i++) x[i] = next_float();
  for (size_t n = 0; n <= MOST; n++) {
    fast->dropout(a, x, n, &d, 0xFFFFFFF0u); /* the counter goes round */
    ref->dropout(b, x, n, &d, 0xFFFFFFF0u);
    if (!same(a, b, MOST)) test_failed(__FILE__, __LINE__, "dropout of %d differs from ref", (int)n);
  }
  fast->dropout(x, x, MOST, &d, 0xFFFFFFF0u); /* in place */
  OK(same(x, b, MOST));
}

static void check_adam(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 70 };
  float w[2][MOST], m[2][MOST], v[2][MOST], g[MOST];
  for (size_t n = 1; n <= MOST; n++) {
    for (size_t i = 0; i < MOST; i++) {
      w[0][i] = w[1][i] = next_float(), m[0][i] = m[1][i] = next_float(), g[i] = next_float();
      v[0][i] = v[1][i] = fabsf(next_float());
    }
    for (int which = 0; which < 2; which++) {
      KernelAdam a = {w[which], m[which], v[which], g, n, 0.7f, 0.1f, 0.001f, 1e-6f, 0.9999f, 1e-3f, 1.3f};
      (which ? ref : fast)->adam(&a);
    }
    if (!same(w[0], w[1], MOST) || !same(m[0], m[1], MOST) || !same(v[0], v[1], MOST))
      test_failed(__FILE__, __LINE__, "adam of %d differs from ref", (int)n);
  }
}

static void gemm8_case(const Kernels *fast, const Kernels *ref, int m, int n, int k, int first, int last, int with_bias,
                       KernelActivation activation) {
  bert_err e = {0};
  size_t stride = (size_t)n + 3, columns = (size_t)kernel_panels(n) * KERNEL_PANEL, groups = (size_t)kernel_groups(k);
  size_t depth = (size_t)kernel_depth8(k), scales = kernel_panel_scales(k, n), bytes = kernel_panel_bytes8(k, n);
  float *x = floats((size_t)m * (size_t)k, &e), *w = floats((size_t)n * (size_t)k, &e), *bias = floats(columns, &e);
  float *a = floats((size_t)m * stride, &e), *b = floats((size_t)m * stride, &e), *own = floats(KERNEL_SCRATCH, &e);
  float *x_scale = floats((size_t)m * groups, &e);
  int8_t *q = mem_pages((size_t)m * depth, &e);
  Panels8 p = {mem_pages(bytes, &e), mem_pages(scales * 4, &e), mem_pages(scales * 4, &e)};
  GOOD(e);
  memcpy(b, a, (size_t)m * stride * sizeof *a);
  x[0] = 100; /* an outlier; and a group of the largest negative numbers */
  for (int i = 0; i < k && i < KERNEL_GROUP; i++) w[i] = -4, x[(m - 1) * k + i] = -4;
  ref->quantize(q, x_scale, x, (size_t)k, m, k);
  kernel_pack8(&p, w, (size_t)k, 0, n, k);
  KernelGemm8 g = {a, stride, q, x_scale, p.panels, p.scale, p.sum, with_bias ? bias : NULL, m, n, k, first, last, activation, own};
  fast->gemm8(&g);
  g.y = b;
  ref->gemm8(&g);
  if (!same(a, b, (size_t)m * stride)) test_failed(__FILE__, __LINE__, "gemm8 m %d, n %d, k %d differs from ref", m, n, k);
  drop(x, (size_t)m * (size_t)k), drop(w, (size_t)n * (size_t)k), drop(bias, columns), drop(x_scale, (size_t)m * groups);
  drop(a, (size_t)m * stride), drop(b, (size_t)m * stride), drop(own, KERNEL_SCRATCH);
  mem_pages_free(q, (size_t)m * depth), mem_pages_free(p.panels, bytes);
  mem_pages_free(p.scale, scales * 4), mem_pages_free(p.sum, scales * 4);
}

static void check_gemm8(const Kernels *fast, const Kernels *ref) {
  for (int m = 1; m <= 26; m++) gemm8_case(fast, ref, m, 32, 5, 0, 1, 1, KERNEL_NONE);
  static const int WIDTHS[] = {1, 15, 16, 17, 31, 33, 48, 70, 96};
  for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++)
    gemm8_case(fast, ref, 17, WIDTHS[i], 37, 0, kernel_panels(WIDTHS[i]), (int)i & 1, (KernelActivation)(i % 5));
  gemm8_case(fast, ref, 9, 160, 20, 1, 3, 1, KERNEL_GELU);
  for (int k = 126; k <= 130; k++) gemm8_case(fast, ref, 5, 40, k, 0, 2, 1, KERNEL_RELU); /* a group, and the next */
  gemm8_case(fast, ref, 3, 33, 3 * KERNEL_GROUP + 7, 0, 2, 0, KERNEL_TANH);
  gemm8_case(fast, ref, 2 * KERNEL_ROWS + 5, 33, 11, 0, 2, 1, KERNEL_GELU_TANH);
  gemm8_case(fast, ref, KERNEL_ROWS, 33, 2500, 0, 2, 1, KERNEL_NONE); /* deeper than the scratch packs at once */
  gemm8_case(fast, ref, 2, 3, 1 << 17, 0, 1, 1, KERNEL_NONE);            /* the deepest that a model may have */
}

static void attend_case(const Kernels *fast, const Kernels *ref, int n, int d, int heads) {
  bert_err e = {0};
  size_t H = (size_t)(d * heads), stride = 3 * H, count = (size_t)n * stride, room = kernel_attend_floats(n, d);
  float *x = floats(count, &e), *a = floats((size_t)n * H, &e), *b = floats((size_t)n * H, &e), *own = floats(room, &e);
  GOOD(e);
  memcpy(b, a, (size_t)n * H * sizeof *a);
  KernelAttend k = {a + d, H, x + d, x + H + (size_t)d, x + 2 * H + (size_t)d, stride, n, d, 0.7f, own};
  fast->attend(&k);
  k.context = b + d;
  ref->attend(&k);
  if (!same(a, b, (size_t)n * H)) test_failed(__FILE__, __LINE__, "attend n %d, d %d differs from ref", n, d);
  drop(x, count), drop(a, (size_t)n * H), drop(b, (size_t)n * H), drop(own, room);
}

static void check_attend(const Kernels *fast, const Kernels *ref) {
  for (int n = 1; n <= 40; n++) attend_case(fast, ref, n, 32, 3);
  static const int WIDTHS[] = {1, 6, 7, 8, 15, 16, 17, 31, 33, 48, 64, 80, 128};
  for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++) attend_case(fast, ref, 33 + (int)i, WIDTHS[i], 2);
  attend_case(fast, ref, 300, 32, 2);
}

static void check_quantize(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 300, ROWS = 3 };
  float x[MOST * ROWS], a_scale[3 * ROWS], b_scale[3 * ROWS];
  int8_t a[(MOST + 4) * ROWS], b[(MOST + 4) * ROWS];
  for (int k = 1; k <= MOST; k++) {
    for (int i = 0; i < MOST * ROWS; i++) x[i] = next_float();
    for (int i = 0; i < k && k % 3 == 0; i++) x[MOST + i] = k % 2 ? 0.0f : 1e-38f; /* a row of zeros, or all but */
    fast->quantize(a, a_scale, x, MOST, ROWS, k);
    ref->quantize(b, b_scale, x, MOST, ROWS, k);
    if (memcmp(a, b, (size_t)kernel_depth8(k) * ROWS) || !same(a_scale, b_scale, (size_t)kernel_groups(k) * ROWS))
      test_failed(__FILE__, __LINE__, "quantize of %d differs from ref", k);
  }
}

static void fill_bytes(void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) ((uint8_t *)bytes)[i] = (uint8_t)(next_float() * 64);
}

/* Numbers about a bound: sums, and what rows have; every seventh row is empty, and every seventh right at the bound. */
static void fill_rows(int32_t *sum, float *scale, float *cosine, float *sine, int n) {
  for (int i = 0; i < n; i++) {
    sum[i] = (int32_t)(next_float() * 1e6f), scale[i] = next_float() / 1e6f, cosine[i] = next_float(), sine[i] = next_float();
    if (i % 7 == 3) scale[i] = NAN;
    if (i % 7 == 4) sum[i] = (int32_t)0x41414141, cosine[i] = 0, sine[i] = 0, scale[i] = 0;
  }
}

static KernelBound next_bound(int i) {
  if (i % 8 == 0 || i % 8 == 5) return (KernelBound){0, 1, 0, 0, i % 8 ? INFINITY : -INFINITY};
  return (KernelBound){1000.0f, next_float(), next_float(), next_float(), (float)(i % 2)};
}

static void check_scan(const Kernels *fast, const Kernels *ref) {
  enum { PANELS = 3, ROWS = PANELS * KERNEL_PANEL, DEPTH = 72, QUERIES = 27 };
  static uint8_t codes[ROWS * DEPTH / 2];
  static int8_t q[(QUERIES + 1) * DEPTH];
  static KernelPassed a[PANELS * QUERIES], b[PANELS * QUERIES];
  float scale[ROWS], cosine[ROWS], sine[ROWS];
  int32_t sum[ROWS];
  KernelBound bound[QUERIES];
  int passed = 0, out = 0;
  fill_bytes(codes, sizeof codes);
  for (size_t i = 0; i < sizeof q; i++) q[i] = (int8_t)(next_float() * 31);
  memset(codes, 0xFF, 100); /* the largest products */
  memset(q, 127, 200);
  fill_rows(sum, scale, cosine, sine, ROWS);
  for (int i = 0; i < ROWS; i++) scale[i] *= 100;
  for (int m = 1; m <= QUERIES; m++)
    for (int depth = 8; depth <= DEPTH; depth += 32) {
      for (int i = 0; i < m; i++) bound[i] = next_bound(i);
      KernelScan s = {a, 0, codes, scale, cosine, sine, q, bound, m, PANELS, depth}, t = s;
      t.passed = b;
      fast->scan(&s);
      ref->scan(&t);
      if (s.count != t.count || memcmp(a, b, (size_t)s.count * sizeof *a))
        test_failed(__FILE__, __LINE__, "scan of %d queries, %d deep, differs from ref", m, depth);
      passed += s.count, out += PANELS * m - s.count;
    }
  OK(passed != 0 && out != 0);
}

static void check_screen(const Kernels *fast, const Kernels *ref) {
  int32_t sum[KERNEL_PANEL];
  float scale[KERNEL_PANEL], cosine[KERNEL_PANEL], sine[KERNEL_PANEL];
  uint32_t a, b, all = 0, none = UINT32_MAX;
  for (int round = 0; round < 50; round++) {
    KernelBound bound = next_bound(round);
    fill_rows(sum, scale, cosine, sine, KERNEL_PANEL);
    fast->screen(&a, sum, scale, cosine, sine, &bound);
    ref->screen(&b, sum, scale, cosine, sine, &bound);
    if (a != b) test_failed(__FILE__, __LINE__, "screen differs from ref: %08x, wanted %08x", a, b);
    for (int i = 3; i < KERNEL_PANEL; i += 7) OK(!(b >> i & 1));
    all |= b, none &= b;
  }
  OK(all != 0 && none == 0);
}

static void check_dot_code(const Kernels *fast, const Kernels *ref) {
  enum { MOST = 300 };
  float q[MOST], a, b;
  uint8_t code[MOST];
  for (int i = 0; i < MOST; i++) q[i] = next_float();
  fill_bytes(code, MOST);
  for (int n = 1; n <= MOST; n++) {
    fast->dot_code(&a, q, code, n);
    ref->dot_code(&b, q, code, n);
    if (!same(&a, &b, 1)) test_failed(__FILE__, __LINE__, "dot_code of %d differs from ref", n);
  }
}

#define KERNEL(name, parameters, cost)                                        \
  TEST(kernel_##name##_of_every_set_equals_ref) {                             \
    state = 1;                                                                \
    for (int i = 1; kernels_name(i); i++)                                     \
      if (kernels_at(i)) check_##name(kernels_at(i), kernels_at(0));          \
  }
#include "kernel/kernels.def"
#undef KERNEL

/* ---- ref against the formulas ----------------------------------------------------------------------------------------- */

static float activated(float x, KernelActivation a) {
  kernels_at(0)->activate(&x, &x, 1, a);
  return x;
}

TEST(kernel_gelu_is_the_erf_form) {
  for (double x = -12; x <= 12; x += 0.0037)
    NEAR(activated((float)x, KERNEL_GELU), (double)(float)x * 0.5 * erfc(-(double)(float)x / sqrt(2)), 1.2e-6);
  EQ(activated(-100.0f, KERNEL_GELU), 0);
  NEAR(activated(100.0f, KERNEL_GELU), 100, 0);
}

TEST(kernel_gelu_tanh_is_the_tanh_form) {
  for (double x = -12; x <= 12; x += 0.0037) {
    double f = (float)x, want = 0.5 * f * (1 + tanh(sqrt(2 / acos(-1)) * (f + 0.044715 * f * f * f)));
    NEAR(activated((float)x, KERNEL_GELU_TANH), want, 2e-6);
  }
}

TEST(kernel_tanh_is_tanh_relatively) {
  for (double x = -12; x <= 12; x += 0.0037) {
    double f = (float)x;
    NEAR(activated((float)x, KERNEL_TANH), tanh(f), 3e-7 * fabs(tanh(f)) + 1e-30);
  }
}

TEST(kernel_softmax_sums_to_one_and_keeps_the_order) {
  float x[23], sum = 0;
  for (int i = 0; i < 23; i++) x[i] = (float)i;
  kernels_at(0)->softmax(x, 23, 1, 23, 1.0f);
  for (int i = 0; i < 23; i++) sum += x[i];
  NEAR(sum, 1, 1e-6);
  for (int i = 1; i < 23; i++) NEAR(x[i] / x[i - 1], exp(1), 2e-6);
}

TEST(kernel_attend_is_softmax_of_products_times_values) {
  enum { N = 5, D = 3 };
  float x[N * 3 * D], y[N * D], own[400];
  state = 3;
  for (int i = 0; i < N * 3 * D; i++) x[i] = next_float() / 2;
  KernelAttend a = {y, D, x, x + D, x + 2 * D, 3 * D, N, D, 0.5f, own};
  kernels_at(0)->attend(&a);
  for (int i = 0; i < N; i++) {
    double w[N], sum = 0, want[D] = {0};
    for (int t = 0; t < N; t++) {
      double s = 0;
      for (int k = 0; k < D; k++) s += (double)x[i * 3 * D + k] * x[t * 3 * D + D + k];
      sum += w[t] = exp(0.5 * s);
    }
    for (int t = 0; t < N; t++)
      for (int k = 0; k < D; k++) want[k] += w[t] / sum * x[t * 3 * D + 2 * D + k];
    for (int k = 0; k < D; k++) NEAR(y[i * D + k], want[k], 1e-6);
  }
}

TEST(kernel_layernorm_has_mean_zero_and_variance_one) {
  float x[100], one[100], zero[100] = {0}, y[100];
  double mean = 0, square = 0;
  for (int i = 0; i < 100; i++) x[i] = 1000 + (float)i, one[i] = 1;
  kernels_at(0)->layernorm(y, x, NULL, one, zero, 1, 100, 1e-12f);
  for (int i = 0; i < 100; i++) mean += y[i] / 100.0, square += y[i] * y[i] / 100.0;
  NEAR(mean, 0, 1e-6);
  NEAR(square, 1, 1e-5);
}

TEST(kernel_quantize_keeps_each_number_within_half_a_step) {
  float x[150], scale[2];
  int8_t q[152];
  state = 5;
  for (int i = 0; i < 150; i++) x[i] = next_float();
  x[3] = 1000; /* coarsens its own group of 128, not the next */
  kernels_at(0)->quantize(q, scale, x, 150, 1, 150);
  for (int i = 0; i < 150; i++) NEAR(q[i] * (double)scale[i / 128], x[i], 0.5001 * scale[i / 128]);
  EQ(q[3], 127);
  OK(scale[1] < 0.04f);
}

TEST(kernel_what_is_not_a_number_stays_so_in_every_set) {
  for (int i = 0; kernels_name(i); i++) {
    const Kernels *k = kernels_at(i);
    float x[40], scale[1];
    int8_t q[40];
    if (!k) continue;
    for (int bad = 0; bad < 40; bad += 13)
      for (int kind = KERNEL_GELU; kind <= KERNEL_TANH; kind++) {
        for (int j = 0; j < 40; j++) x[j] = (float)(40 - j);
        x[bad] = NAN;
        k->quantize(q, scale, x, 40, 1, 40);
        OK(isnan(scale[0]) && q[3] == 0);
        k->activate(x, x, 40, (KernelActivation)kind);
        OK(isnan(x[bad]) && !isnan(x[bad + 1 < 40 ? bad + 1 : 0]));
        k->softmax(x, 40, 1, 40, 1.0f);
        OK(isnan(x[bad]));
      }
    x[0] = INFINITY;
    k->quantize(q, scale, x, 40, 1, 1);
    OK(isnan(scale[0]));
  }
}

TEST(kernel_pack_puts_row_n_into_column_n) {
  float w[40 * 3], panels[2 * 3 * KERNEL_PANEL] = {0};
  for (int i = 0; i < 120; i++) w[i] = (float)i;
  kernels()->pack(panels, w, 3, 0, 25, 3); /* in two parts, as load.c does */
  kernels()->pack(panels, w + 25 * 3, 3, 25, 15, 3);
  for (int n = 0; n < 40; n++)
    for (int k = 0; k < 3; k++) EQ(panels[(n / 32) * 96 + k * 32 + n % 32], w[n * 3 + k]);
  EQ(panels[96 + 8], 0);
}

/* ---- the choice ------------------------------------------------------------------------------------------------------- */

TEST(kernel_choice_is_the_best_that_runs_here) {
  int best = 0, rows = 0, gemm_of_best = 0;
  KernelRow row;
  for (int i = 0; kernels_name(i); i++)
    if (kernels_at(i)) best = i;
  for (int i = 0; kernels_row(i, &row); i++, rows++) {
    OK(row.reason && *row.reason);
    if (row.chosen && !strcmp(row.operation, "gemm8")) gemm_of_best = !strcmp(row.isa, kernels_name(best));
  }
  OK(rows > 0);
  if (getenv("BERT_ISA")) return;
  OK(gemm_of_best);
  OK(kernels() == kernels_at(best));
}
