/* rows.h -- the kernels that go along rows: softmax, layernorm, dot, quantize, dot_code. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
** Bound by loads and stores within cache; a row is read two or three times while it is in L1. */
static void softmax_row(float *x, int n, float scale) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole;
  V top = v_set(x[0]), sum = v_set(0.0f), factor = v_set(scale);
  for (int j = 0; j < whole; j += KERNEL_LANES) top = v_max(top, v_load(x + j));
  if (part) top = v_max(top, v_load_part(x + whole, part, x[0]));
  top = v_set(v_largest(top));
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

static void quantize_group(int8_t *q, float *scale, const float *x, int n) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole;
  V most = v_set(0.0f), zero = v_set(0.0f), poison = v_set(0.0f);
  for (int i = 0; i < whole; i += KERNEL_LANES) {
    V v = v_load(x + i);
    most = v_max(most, v_max(v, v_sub(zero, v)));
    poison = v_fma(v, zero, poison); /* not a number once an x is not, or is infinite */
  }
  if (part) {
    V v = v_load_part(x + whole, part, 0.0f);
    most = v_max(most, v_max(v, v_sub(zero, v)));
    poison = v_fma(v, zero, poison);
  }
  if (isnan(v_fold(poison))) {
    *scale = NAN;
    memset(q, 0, (size_t)n);
    return;
  }
  float top = v_largest(most);
  V inverse = v_set(top < QUANTIZE_ZERO ? 0.0f : 127.0f / top), shift = v_set(EXP_ROUND);
  *scale = top < QUANTIZE_ZERO ? 1.0f : top / 127.0f;
  for (int i = 0; i < whole; i += KERNEL_LANES) v_store_bytes(q + i, v_fma(v_load(x + i), inverse, shift));
  if (part) {
    int8_t last[KERNEL_LANES];
    v_store_bytes(last, v_fma(v_load_part(x + whole, part, 0.0f), inverse, shift));
    memcpy(q + whole, last, (size_t)part);
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

/* Four sums, each of every fourth 16 numbers: one would wait for itself, 35 ns instead of 15 in 384 dimensions. */
static void dot_code(float *sum, const float *q, const uint8_t *code, int n) {
  int whole = n / KERNEL_LANES * KERNEL_LANES, part = n - whole, i = 0;
  V middle = v_set(127.5f), lanes[4] = {v_set(0.0f), v_set(0.0f), v_set(0.0f), v_set(0.0f)};
  for (; i + 4 * KERNEL_LANES <= n; i += 4 * KERNEL_LANES)
UNROLL
    for (int v = 0; v < 4; v++)
      lanes[v] = v_fma(v_load(q + i + KERNEL_LANES * v), v_sub(v_bytes(code + i + KERNEL_LANES * v), middle), lanes[v]);
UNROLL
  for (int v = 0; v < 4; v++) {
    int at = i + KERNEL_LANES * v;
    if (at < whole) {
      lanes[v] = v_fma(v_load(q + at), v_sub(v_bytes(code + at), middle), lanes[v]);
    } else if (at < n) {
      uint8_t last[KERNEL_LANES] = {0};
      memcpy(last, code + whole, (size_t)part);
      lanes[v] = v_fma(v_load_part(q + whole, part, 0.0f), v_keep(v_sub(v_bytes(last), middle), part), lanes[v]);
    }
  }
  *sum = v_fold(v_add(v_add(lanes[0], lanes[2]), v_add(lanes[1], lanes[3])));
}
