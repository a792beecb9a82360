/* ref.c -- the kernels as the formulas read: the definition that every instruction set must equal, bit for bit.
** Layer: kernel. Uses: kernel.h formula.h.
**
** Plain C: fmaf is fused by definition (emulated exactly where the processor has no such instruction), the compiler may not
** contract or reorder (-ffp-contract=off, no -ffast-math). About 30 times slower than lanes.h on AVX-512. */
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"

static float horner(const float *c, int n, float x) {
  float sum = c[n - 1];
  for (int i = n - 2; i >= 0; i--) sum = fmaf(sum, x, c[i]);
  return sum;
}

static float larger(float a, float b) { return a > b ? a : b; }
static float smaller(float a, float b) { return a < b ? a : b; }

static float exp_of(float x) {
  static const float E[] = EXP_E;
  x = smaller(EXP_HIGH, larger(EXP_LOW, x)); /* in this order, which lets NaN through */
  float shifted = fmaf(x, EXP_LOG2E, EXP_ROUND), n = shifted - EXP_ROUND;
  float r = fmaf(n, -EXP_LN2_HIGH, x);
  r = fmaf(n, -EXP_LN2_LOW, r);
  float e = fmaf(r * r, horner(E, EXP_COUNT, r), r) + 1.0f;
  uint32_t power, bits;
  memcpy(&power, &shifted, 4);
  memcpy(&bits, &e, 4);
  bits += (power - EXP_ROUND_BITS) << 23;
  memcpy(&e, &bits, 4);
  return e;
}

static float gelu_of(float x) {
  static const float P[] = PHI_P, Q[] = PHI_Q;
  float c = smaller(larger(x, -PHI_EDGE), PHI_EDGE), s = c * c;
  float phi = fmaf(c, horner(P, PHI_COUNT, s) / horner(Q, PHI_COUNT, s), 0.5f);
  return x * smaller(larger(phi, 0.0f), 1.0f);
}

static float gelu_tanh_of(float x) {
  float cube = x * x * x, u = GELU_TANH_SCALE * fmaf(GELU_TANH_CUBE, cube, x);
  return x / (1.0f + exp_of(u));
}

static float tanh_of(float x) {
  static const float T[] = TANH_T;
  float s = x * x, near = fmaf(x * s, horner(T, TANH_COUNT, s), x);
  float far = 1.0f - 2.0f / (exp_of(x + x) + 1.0f);
  return s < TANH_EDGE * TANH_EDGE ? near : far;
}

static float activation_of(float x, KernelActivation a) {
  switch (a) {
    case KERNEL_GELU: return gelu_of(x);
    case KERNEL_GELU_TANH: return gelu_tanh_of(x);
    case KERNEL_RELU: return larger(0.0f, x);
    case KERNEL_TANH: return tanh_of(x);
    case KERNEL_NONE: break;
  }
  return x;
}

static float gelu_slope(float x) {
  static const float P[] = PHI_P, Q[] = PHI_Q;
  float c = smaller(larger(x, -PHI_EDGE), PHI_EDGE), s = c * c;
  float phi = fmaf(c, horner(P, PHI_COUNT, s) / horner(Q, PHI_COUNT, s), 0.5f);
  float density = PHI_DENSITY * exp_of(x * -0.5f * x);
  return fmaf(x, density, smaller(larger(phi, 0.0f), 1.0f));
}

static float gelu_tanh_slope(float x) {
  float square = x * x, u = GELU_TANH_SCALE * fmaf(GELU_TANH_CUBE, square * x, x);
  float s = 1.0f / (1.0f + exp_of(u)), inner = -GELU_TANH_SCALE * fmaf(3.0f * GELU_TANH_CUBE, square, 1.0f);
  return fmaf(x * s * (1.0f - s), inner, s);
}

static float slope_of(float x, KernelActivation a) {
  switch (a) {
    case KERNEL_GELU: return gelu_slope(x);
    case KERNEL_GELU_TANH: return gelu_tanh_slope(x);
    case KERNEL_RELU: return x > 0.0f ? 1.0f : 0.0f;
    case KERNEL_TANH: return 1.0f - tanh_of(x) * tanh_of(x);
    case KERNEL_NONE: break;
  }
  return 1.0f;
}

/* Sixteen lane sums to one: 8, 4, 2, 1. */
static float folded(float *lane) {
  for (int width = KERNEL_LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  return lane[0];
}

static void activate(float *y, const float *x, size_t n, KernelActivation activation) {
  for (size_t i = 0; i < n; i++) y[i] = activation_of(x[i], activation);
}

static void gemm(const KernelGemm *g) {
  size_t step = g->transposed ? g->x_stride : 1;
  for (int i = 0; i < g->m; i++)
    for (int j = g->first * KERNEL_PANEL; j < g->n && j < g->last * KERNEL_PANEL; j++) {
      const float *x = g->x + (size_t)i * (g->transposed ? 1 : g->x_stride);
      const float *w = g->w + (size_t)(j / KERNEL_PANEL) * (size_t)g->k * KERNEL_PANEL + j % KERNEL_PANEL;
      float *y = g->y + (size_t)i * g->y_stride + (size_t)j, sum = g->add ? *y : g->bias ? g->bias[j] : 0.0f;
      for (int k = 0; k < g->k; k++) sum = fmaf(x[(size_t)k * step], w[(size_t)k * KERNEL_PANEL], sum);
      *y = activation_of(sum, g->activation);
    }
}

static void pack(float *panels, const float *w, size_t stride, int first, int rows, int k) {
  for (int r = 0; r < rows; r++) {
    size_t panel = (size_t)((first + r) / KERNEL_PANEL), column = (size_t)((first + r) % KERNEL_PANEL);
    for (int i = 0; i < k; i++)
      panels[(panel * (size_t)k + (size_t)i) * KERNEL_PANEL + column] = w[(size_t)r * stride + (size_t)i];
  }
}

static void pack_rows(float *panels, const float *w, size_t stride, int n, int k) {
  for (int p = 0; p < kernel_panels(n); p++)
    for (int i = 0; i < k; i++)
      for (int c = p * KERNEL_PANEL; c < (p + 1) * KERNEL_PANEL; c++)
        *panels++ = c < n ? w[(size_t)i * stride + (size_t)c] : 0.0f;
}

static void softmax(float *x, size_t stride, int m, int n, float scale) {
  for (int i = 0; i < m; i++, x += stride) {
    float top = x[0], lane[KERNEL_LANES] = {0};
    for (int j = 1; j < n; j++) top = larger(top, x[j]);
    for (int j = 0; j < n; j++) {
      x[j] = exp_of((x[j] - top) * scale);
      lane[j % KERNEL_LANES] += x[j];
    }
    float share = 1.0f / folded(lane);
    for (int j = 0; j < n; j++) x[j] *= share;
  }
}

static void layernorm(float *y, const float *x, const float *residual, const float *gamma, const float *beta, int m, int h,
                      float epsilon) {
  for (int i = 0; i < m; i++, x += h, y += h) {
    float lane[KERNEL_LANES] = {0}, square[KERNEL_LANES] = {0};
    for (int j = 0; j < h; j++) {
      y[j] = residual ? x[j] + residual[(size_t)i * (size_t)h + (size_t)j] : x[j];
      lane[j % KERNEL_LANES] += y[j];
    }
    float mean = folded(lane) / (float)h;
    for (int j = 0; j < h; j++) {
      y[j] -= mean;
      square[j % KERNEL_LANES] = fmaf(y[j], y[j], square[j % KERNEL_LANES]);
    }
    float scale = 1.0f / sqrtf(folded(square) / (float)h + epsilon);
    for (int j = 0; j < h; j++) y[j] = fmaf(y[j] * scale, gamma[j], beta[j]);
  }
}

static void dot(float *sum, const float *v, const float *w, int n) {
  float lane[KERNEL_LANES] = {0};
  for (int i = 0; i < n; i++) lane[i % KERNEL_LANES] = fmaf(v[i], w[i], lane[i % KERNEL_LANES]);
  *sum = folded(lane);
}

/* ---- attention ------------------------------------------------------------------------------------------------------ */

/* One query's weights, not yet divided by their sum, which is returned. */
static float attend_weights(float *weight, const KernelAttend *a, const float *q) {
  float top = -INFINITY, sum = 0;
  for (int t = 0; t < a->n; t++) {
    weight[t] = 0;
    for (int i = 0; i < a->d; i++) weight[t] = fmaf(a->k[(size_t)t * a->stride + (size_t)i], q[i], weight[t]);
    top = larger(top, weight[t]);
  }
  for (int t = 0; t < a->n; t++) {
    weight[t] = exp_of((weight[t] - top) * a->scale);
    sum += weight[t];
  }
  return sum;
}

static void attend(const KernelAttend *a) {
  float *weight = a->scratch;
  for (int i = 0; i < a->n; i++) {
    float share = 1.0f / attend_weights(weight, a, a->q + (size_t)i * a->stride);
    for (int j = 0; j < a->d; j++) {
      float sum = 0;
      for (int t = 0; t < a->n; t++) sum = fmaf(weight[t], a->v[(size_t)t * a->stride + (size_t)j], sum);
      a->context[(size_t)i * a->context_stride + (size_t)j] = sum * share;
    }
  }
}

/* ---- 8 bits ---------------------------------------------------------------------------------------------------------- */

static void gemm8(const KernelGemm8 *g) {
  int depth = kernel_depth8(g->k), groups = kernel_groups(g->k);
  for (int i = 0; i < g->m; i++)
    for (int j = g->first * KERNEL_PANEL; j < g->n && j < g->last * KERNEL_PANEL; j++) {
      int panel = j / KERNEL_PANEL, column = j % KERNEL_PANEL;
      const int8_t *x = g->x + (size_t)i * (size_t)depth, *w = g->w + (size_t)panel * (size_t)depth * KERNEL_PANEL;
      float sum = g->bias ? g->bias[j] : 0.0f;
      for (int group = 0; group < groups; group++) {
        int32_t exact = 0;
        for (int k = group * KERNEL_GROUP; k < (group + 1) * KERNEL_GROUP && k < depth; k++)
          exact += x[k] * w[(k / 4 * KERNEL_PANEL + column) * 4 + k % 4];
        float scale = g->x_scale[i * groups + group] * g->w_scale[(panel * groups + group) * KERNEL_PANEL + column];
        sum = fmaf((float)exact, scale, sum);
      }
      g->y[(size_t)i * g->y_stride + (size_t)j] = activation_of(sum, g->activation);
    }
}

static void quantize_group(int8_t *q, float *scale, const float *x, int n) {
  float top = 0, poison = 0;
  for (int i = 0; i < n; i++) {
    top = larger(top, fabsf(x[i]));
    poison = fmaf(x[i], 0.0f, poison); /* not a number once an x is not, or is infinite */
  }
  if (isnan(poison)) {
    *scale = NAN;
    memset(q, 0, (size_t)n);
    return;
  }
  float inverse = top < QUANTIZE_ZERO ? 0.0f : 127.0f / top;
  *scale = top < QUANTIZE_ZERO ? 1.0f : top / 127.0f;
  for (int i = 0; i < n; i++) {
    float shifted = fmaf(x[i], inverse, EXP_ROUND);
    uint32_t bits;
    memcpy(&bits, &shifted, 4);
    q[i] = (int8_t)(uint8_t)bits;
  }
}

static void quantize(int8_t *q, float *scale, const float *x, size_t stride, int m, int k) {
  int depth = kernel_depth8(k);
  for (int i = 0; i < m; i++, q += depth, x += stride) {
    for (int at = 0; at < k; at += KERNEL_GROUP)
      quantize_group(q + at, scale++, x + at, k - at < KERNEL_GROUP ? k - at : KERNEL_GROUP);
    memset(q + k, 0, (size_t)(depth - k));
  }
}

/* ---- training -------------------------------------------------------------------------------------------------------- */

static void layernorm_keep(float *y, float *hat, float *scale, const float *x, const float *residual, const float *gamma,
                           const float *beta, int m, int h, float epsilon) {
  for (int i = 0; i < m; i++, x += h, y += h, hat += h) {
    float lane[KERNEL_LANES] = {0}, square[KERNEL_LANES] = {0};
    for (int j = 0; j < h; j++) {
      hat[j] = residual ? x[j] + residual[(size_t)i * (size_t)h + (size_t)j] : x[j];
      lane[j % KERNEL_LANES] += hat[j];
    }
    float mean = folded(lane) / (float)h;
    for (int j = 0; j < h; j++) {
      hat[j] -= mean;
      square[j % KERNEL_LANES] = fmaf(hat[j], hat[j], square[j % KERNEL_LANES]);
    }
    scale[i] = 1.0f / sqrtf(folded(square) / (float)h + epsilon);
    for (int j = 0; j < h; j++) {
      hat[j] *= scale[i];
      y[j] = fmaf(hat[j], gamma[j], beta[j]);
    }
  }
}

static void layernorm_back(float *dx, const float *dy, const float *hat, const float *scale, const float *gamma, int m,
                           int h) {
  for (int i = 0; i < m; i++, dx += h, dy += h, hat += h) {
    float sum[KERNEL_LANES] = {0}, product[KERNEL_LANES] = {0};
    for (int j = 0; j < h; j++) {
      dx[j] = dy[j] * gamma[j];
      sum[j % KERNEL_LANES] += dx[j];
      product[j % KERNEL_LANES] = fmaf(dx[j], hat[j], product[j % KERNEL_LANES]);
    }
    float mean = folded(sum) / (float)h, slope = -(folded(product) / (float)h);
    for (int j = 0; j < h; j++) dx[j] = scale[i] * fmaf(hat[j], slope, dx[j] - mean);
  }
}

static void activate_back(float *dx, const float *x, size_t n, KernelActivation activation) {
  for (size_t i = 0; i < n; i++) dx[i] *= slope_of(x[i], activation);
}

static void softmax_back(float *dx, const float *p, const float *w, size_t stride, int m, int n, float scale) {
  for (int i = 0; i < m; i++, dx += stride, p += stride, w += stride) {
    float sum;
    dot(&sum, dx, w, n);
    for (int j = 0; j < n; j++) dx[j] = fmaf(dx[j], w[j], -(sum * p[j])) * scale;
  }
}

static void column_sums(float *sum, const float *x, const float *times, size_t stride, int m, int n) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      size_t at = (size_t)i * stride + (size_t)j;
      sum[j] = times ? fmaf(x[at], times[at], sum[j]) : sum[j] + x[at];
    }
}

static uint32_t drop_hash(const KernelDrop *d, uint32_t h) {
  for (int round = 0; round < 2; round++) {
    h ^= d->key[round];
    h ^= h >> 16;
    h *= DROP_FIRST;
    h ^= h >> 15;
    h *= DROP_SECOND;
    h ^= h >> 16;
  }
  return h;
}

static void dropout(float *y, const float *x, size_t n, const KernelDrop *d, uint32_t first) {
  for (size_t i = 0; i < n; i++) y[i] = drop_hash(d, first + (uint32_t)i) >= d->threshold ? x[i] * d->scale : 0.0f;
}

static void adam(const KernelAdam *a) {
  for (size_t i = 0; i < a->n; i++) {
    float g = a->g[i] * a->scale;
    a->m[i] = fmaf(a->new1, g - a->m[i], a->m[i]);
    a->v[i] = fmaf(a->new2, g * g - a->v[i], a->v[i]);
    float below = fmaf(sqrtf(a->v[i]), a->root, a->epsilon);
    a->w[i] = fmaf(-a->rate, a->m[i] / below, a->w[i] * a->keep);
  }
}

/* ---- codes of 4 and 8 bits -------------------------------------------------------------------------------------------- */

static void scan_panel(KernelPassed *p, const KernelScan *s) {
  const uint8_t *code = s->codes + (size_t)p->panel * (size_t)s->depth / 2 * KERNEL_PANEL;
  for (int r = 0; r < KERNEL_PANEL; r++) {
    p->sum[r] = 0;
    for (int k = 0; k < s->depth; k++) {
      int both = code[(size_t)(k / 8) * 4 * KERNEL_PANEL + (size_t)(4 * r + k % 4)];
      p->sum[r] += s->q[kernel_query_at(p->query, k, s->depth)] * (k % 8 < 4 ? both & 15 : both >> 4);
    }
  }
}

static void screen(uint32_t *rows, const int32_t *sum, const float *scale, const float *cosine, const float *sine,
                   const KernelBound *b) {
  *rows = 0;
  for (int r = 0; r < KERNEL_PANEL; r++) {
    float reached = ((float)sum[r] - b->zero) * (b->factor * scale[r]);
    float least = fmaf(-b->s, sine[r], fmaf(b->c, cosine[r], b->offset));
    if (reached >= least) *rows |= 1u << r;
  }
}

static void scan(KernelScan *s) {
  s->count = 0;
  for (int panel = 0; panel < s->panels; panel++)
    for (int query = 0; query < s->m; query++) {
      KernelPassed *p = &s->passed[s->count];
      size_t row = (size_t)panel * KERNEL_PANEL;
      p->query = query, p->panel = panel;
      scan_panel(p, s);
      screen(&p->rows, p->sum, s->scale + row, s->cosine + row, s->sine + row, &s->bound[query]);
      if (p->rows) s->count++;
    }
}

static void dot_code(float *sum, const float *q, const uint8_t *code, int n) {
  enum { LANES = 4 * KERNEL_LANES };
  float lane[LANES] = {0};
  for (int i = 0; i < n; i++) lane[i % LANES] = fmaf(q[i], (float)code[i] - 127.5f, lane[i % LANES]);
  for (int i = 0; i < KERNEL_LANES; i++)
    lane[i] = (lane[i] + lane[i + 2 * KERNEL_LANES]) + (lane[i + KERNEL_LANES] + lane[i + 3 * KERNEL_LANES]);
  *sum = folded(lane);
}

#define SET_NAME kernels_ref
#include "kernel/set.h"
