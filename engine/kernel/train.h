/* train.h -- the kernels of training: derivatives, dropout, Adam. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
** Bound by loads and stores, as those of rows.h. A tail of fewer than 16 numbers is loaded, computed and stored in part. */

/* ---- layer normalisation -------------------------------------------------------------------------------------------- */

static void layernorm_keep(float *y, float *hat, float *scale, const float *x, const float *residual, const float *gamma,
                           const float *beta, int m, int h, float epsilon) {
  int whole = h / KERNEL_LANES * KERNEL_LANES, part = h - whole;
  for (int i = 0; i < m; i++, y += h, hat += h, x += h, residual = residual ? residual + h : NULL) {
    V sum = v_set(0.0f), square = v_set(0.0f);
    for (int j = 0; j < whole; j += KERNEL_LANES) {
      V v = residual ? v_add(v_load(x + j), v_load(residual + j)) : v_load(x + j);
      v_store(hat + j, v);
      sum = v_add(sum, v);
    }
    if (part) {
      V v = v_load_part(x + whole, part, 0.0f);
      if (residual) v = v_add(v, v_load_part(residual + whole, part, 0.0f));
      v_store_part(hat + whole, part, v);
      sum = v_add(sum, v);
    }
    V mean = v_set(v_fold(sum) / (float)h);
    for (int j = 0; j < whole; j += KERNEL_LANES) {
      V v = v_sub(v_load(hat + j), mean);
      v_store(hat + j, v);
      square = v_fma(v, v, square);
    }
    if (part) {
      V v = v_keep(v_sub(v_load_part(hat + whole, part, 0.0f), mean), part);
      v_store_part(hat + whole, part, v);
      square = v_fma(v, v, square);
    }
    scale[i] = 1.0f / sqrtf(v_fold(square) / (float)h + epsilon);
    V factor = v_set(scale[i]);
    for (int j = 0; j < whole; j += KERNEL_LANES) {
      V v = v_mul(v_load(hat + j), factor);
      v_store(hat + j, v);
      v_store(y + j, v_fma(v, v_load(gamma + j), v_load(beta + j)));
    }
    if (part) {
      V v = v_mul(v_load_part(hat + whole, part, 0.0f), factor);
      v_store_part(hat + whole, part, v);
      v_store_part(y + whole, part,
                   v_fma(v, v_load_part(gamma + whole, part, 0.0f), v_load_part(beta + whole, part, 0.0f)));
    }
  }
}

static void layernorm_back(float *dx, const float *dy, const float *hat, const float *scale, const float *gamma, int m,
                           int h) {
  int whole = h / KERNEL_LANES * KERNEL_LANES, part = h - whole;
  V zero = v_set(0.0f);
  for (int i = 0; i < m; i++, dx += h, dy += h, hat += h) {
    V sum = zero, product = zero;
    for (int j = 0; j < whole; j += KERNEL_LANES) {
      V d = v_mul(v_load(dy + j), v_load(gamma + j));
      v_store(dx + j, d);
      sum = v_add(sum, d);
      product = v_fma(d, v_load(hat + j), product);
    }
    if (part) {
      V d = v_mul(v_load_part(dy + whole, part, 0.0f), v_load_part(gamma + whole, part, 0.0f));
      v_store_part(dx + whole, part, d);
      sum = v_add(sum, d);
      product = v_fma(d, v_load_part(hat + whole, part, 0.0f), product);
    }
    V mean = v_set(v_fold(sum) / (float)h), slope = v_set(-(v_fold(product) / (float)h)), factor = v_set(scale[i]);
    for (int j = 0; j < whole; j += KERNEL_LANES)
      v_store(dx + j, v_mul(factor, v_fma(v_load(hat + j), slope, v_sub(v_load(dx + j), mean))));
    if (part)
      v_store_part(dx + whole, part, v_mul(factor, v_fma(v_load_part(hat + whole, part, 0.0f), slope,
                                                         v_sub(v_load_part(dx + whole, part, 0.0f), mean))));
  }
}

/* ---- activations and softmax ---------------------------------------------------------------------------------------- */

INLINE V v_gelu_slope(V x) {
  static const float ABOVE[] = PHI_P, BELOW[] = PHI_Q;
  V c = v_min(v_max(x, v_set(-PHI_EDGE)), v_set(PHI_EDGE)), s = v_mul(c, c);
  V phi = v_fma(c, v_div(v_horner(ABOVE, PHI_COUNT, s), v_horner(BELOW, PHI_COUNT, s)), v_set(0.5f));
  phi = v_min(v_max(phi, v_set(0.0f)), v_set(1.0f));
  V density = v_mul(v_set(PHI_DENSITY), v_exp(v_mul(v_mul(x, v_set(-0.5f)), x)));
  return v_fma(x, density, phi);
}

INLINE V v_gelu_tanh_slope(V x) {
  V square = v_mul(x, x), one = v_set(1.0f);
  V u = v_mul(v_set(GELU_TANH_SCALE), v_fma(v_set(GELU_TANH_CUBE), v_mul(square, x), x));
  V s = v_div(one, v_add(one, v_exp(u)));
  V inner = v_mul(v_set(-GELU_TANH_SCALE), v_fma(v_set(3.0f * GELU_TANH_CUBE), square, one));
  return v_fma(v_mul(v_mul(x, s), v_sub(one, s)), inner, s);
}

INLINE V v_slope(V x, KernelActivation a) {
  V one = v_set(1.0f);
  switch (a) {
    case KERNEL_GELU: return v_gelu_slope(x);
    case KERNEL_GELU_TANH: return v_gelu_tanh_slope(x);
    case KERNEL_RELU: return v_less(v_set(0.0f), x, one, v_set(0.0f));
    case KERNEL_TANH: {
      V y = v_tanh(x);
      return v_sub(one, v_mul(y, y));
    }
    case KERNEL_NONE: break;
  }
  return one;
}

static void activate_back(float *dx, const float *x, size_t n, KernelActivation activation) {
  size_t i = 0;
  for (; i + KERNEL_LANES <= n; i += KERNEL_LANES)
    v_store(dx + i, v_mul(v_load(dx + i), v_slope(v_load(x + i), activation)));
  int part = (int)(n - i);
  if (part)
    v_store_part(dx + i, part,
                 v_mul(v_load_part(dx + i, part, 0.0f), v_slope(v_load_part(x + i, part, 0.0f), activation)));
}

INLINE V softmax_slope(V dx, V p, V w, V sum, V factor) {
  return v_mul(v_fma(dx, w, v_mul(v_mul(sum, p), v_set(-1.0f))), factor);
}

static void softmax_back(float *dx, const float *p, const float *w, size_t stride, int m, int n, float scale) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole;
  V factor = v_set(scale);
  for (int i = 0; i < m; i++, dx += stride, p += stride, w += stride) {
    float sum;
    dot(&sum, dx, w, n);
    V all = v_set(sum);
    for (int j = 0; j < whole; j += KERNEL_LANES)
      v_store(dx + j, softmax_slope(v_load(dx + j), v_load(p + j), v_load(w + j), all, factor));
    if (part)
      v_store_part(dx + whole, part, softmax_slope(v_load_part(dx + whole, part, 0.0f), v_load_part(p + whole, part, 0.0f),
                                                   v_load_part(w + whole, part, 0.0f), all, factor));
  }
}

/* ---- sums, dropout, Adam ---------------------------------------------------------------------------------------------- */

static void column_sums(float *sum, const float *x, const float *times, size_t stride, int m, int n) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole;
  for (int i = 0; i < m; i++, x += stride, times = times ? times + stride : NULL) {
    for (int j = 0; j < whole; j += KERNEL_LANES)
      v_store(sum + j, times ? v_fma(v_load(x + j), v_load(times + j), v_load(sum + j))
                             : v_add(v_load(sum + j), v_load(x + j)));
    if (!part) continue;
    V s = v_load_part(sum + whole, part, 0.0f), v = v_load_part(x + whole, part, 0.0f);
    v_store_part(sum + whole, part, times ? v_fma(v, v_load_part(times + whole, part, 0.0f), s) : v_add(s, v));
  }
}

typedef uint32_t Counters __attribute__((vector_size(64)));
typedef float Kept __attribute__((vector_size(64)));

/* y[16] = x[16], elements `first` … of what is dropped. */
INLINE void drop_sixteen(float *y, const float *x, const KernelDrop *d, uint32_t first_element) {
  Counters h = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  h += first_element;
UNROLL
  for (int round = 0; round < 2; round++) {
    h ^= d->key[round];
    h ^= h >> 16;
    h *= DROP_FIRST;
    h ^= h >> 15;
    h *= DROP_SECOND;
    h ^= h >> 16;
  }
  Counters keep = (Counters)(h >= d->threshold), bits;
  Kept v;
  memcpy(&v, x, sizeof v);
  v *= d->scale;
  memcpy(&bits, &v, sizeof bits);
  bits &= keep;
  memcpy(y, &bits, sizeof bits);
}

static void dropout(float *y, const float *x, size_t n, const KernelDrop *d, uint32_t first_element) {
  size_t i = 0;
  for (; i + KERNEL_LANES <= n; i += KERNEL_LANES) drop_sixteen(y + i, x + i, d, first_element + (uint32_t)i);
  if (i == n) return;
  float last[KERNEL_LANES] = {0};
  memcpy(last, x + i, (n - i) * sizeof *x);
  drop_sixteen(last, last, d, first_element + (uint32_t)i);
  memcpy(y + i, last, (n - i) * sizeof *y);
}

/* Sixteen weights, of which a tail may be unused. */
INLINE void adam_step(const KernelAdam *a, V *w, V *m, V *v, V g) {
  g = v_mul(g, v_set(a->scale));
  *m = v_fma(v_set(a->new1), v_sub(g, *m), *m);
  *v = v_fma(v_set(a->new2), v_sub(v_mul(g, g), *v), *v);
  V below = v_fma(v_sqrt(*v), v_set(a->root), v_set(a->epsilon));
  *w = v_fma(v_set(-a->rate), v_div(*m, below), v_mul(*w, v_set(a->keep)));
}

static void adam(const KernelAdam *a) {
  size_t i = 0;
  for (; i + KERNEL_LANES <= a->n; i += KERNEL_LANES) {
    V w = v_load(a->w + i), m = v_load(a->m + i), v = v_load(a->v + i);
    adam_step(a, &w, &m, &v, v_load(a->g + i));
    v_store(a->w + i, w);
    v_store(a->m + i, m);
    v_store(a->v + i, v);
  }
  int part = (int)(a->n - i);
  if (!part) return;
  V w = v_load_part(a->w + i, part, 0.0f), m = v_load_part(a->m + i, part, 0.0f), v = v_load_part(a->v + i, part, 0.0f);
  adam_step(a, &w, &m, &v, v_load_part(a->g + i, part, 0.0f));
  v_store_part(a->w + i, part, w);
  v_store_part(a->m + i, part, m);
  v_store_part(a->v + i, part, v);
}
