/* pooling.c -- see pooling.h.
** Layer: nn. Uses: base. */
#include "nn/pooling.h"

#include <math.h>
#include <string.h>

static void add_tokens(float *out, const float *x, int n, int skip, size_t hidden, int weighted) {
  memset(out, 0, hidden * sizeof *out);
  for (int t = skip; t < n; t++) {
    const float *from = x + (size_t)t * hidden, weight = weighted ? (float)(t + 1) : 1.0f;
    for (size_t i = 0; i < hidden; i++) out[i] += from[i] * weight;
  }
}

static void divide(float *out, size_t hidden, float by) {
  for (size_t i = 0; i < hidden; i++) out[i] /= by;
}

static void largest(float *out, const float *x, int n, int skip, size_t hidden) {
  memcpy(out, x + (size_t)skip * hidden, hidden * sizeof *out);
  for (int t = skip + 1; t < n; t++) {
    const float *from = x + (size_t)t * hidden;
    for (size_t i = 0; i < hidden; i++) out[i] = from[i] > out[i] || from[i] != from[i] ? from[i] : out[i];
  }
}

static void one_kind(float *out, const float *x, int n, int skip, size_t hidden, PoolingKind kind) {
  float tokens = (float)(n - skip), weights = 0;
  switch (kind) {
    case POOLING_CLS: memcpy(out, x + (size_t)skip * hidden, hidden * sizeof *out); break;
    case POOLING_MAX: largest(out, x, n, skip, hidden); break;
    case POOLING_MEAN:
      add_tokens(out, x, n, skip, hidden, 0);
      divide(out, hidden, tokens);
      break;
    case POOLING_MEAN_SQRT_LEN:
      add_tokens(out, x, n, skip, hidden, 0);
      divide(out, hidden, sqrtf(tokens));
      break;
    case POOLING_WEIGHTED_MEAN:
      for (int t = skip; t < n; t++) weights += (float)(t + 1);
      add_tokens(out, x, n, skip, hidden, 1);
      divide(out, hidden, weights);
      break;
    case POOLING_LAST_TOKEN: memcpy(out, x + (size_t)(n - 1) * hidden, hidden * sizeof *out); break;
    case POOLING_KINDS: break;
  }
}

void pooling_apply(float *out, const float *x, int n, int skip, int hidden, const Pooling *p) {
  for (int i = 0; i < p->count; i++) one_kind(out + (size_t)i * (size_t)hidden, x, n, skip, (size_t)hidden, p->kind[i]);
}
