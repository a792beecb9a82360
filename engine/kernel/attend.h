/* attend.h -- attention of one head over one row. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h gemm.h.
**
** Weights stand transposed, a row a key, 32 queries side by side:
**
**    weight[n][32] = keys[n][d] * queries[d][32]       exp, and sums, lane by lane: a lane is a query
**    context[32][d] = weight^T * values[n][d]
**
** so the softmax has neither tails nor sums across lanes, and the second product reads the weights as they stand. Keys are
** broadcast from their rows. Nothing but the queries is transposed, and never is there an n x n matrix: the scratch is
** n (2 d + 32) floats. */

#define ATTEND_ROWS (TILE_ROWS < 8 ? TILE_ROWS : 8)

/* Keys from rows of d; the row addresses take the general registers that a packed tile leaves free. */
#define KEYS_OF(rows)                                                                                   \
  static void keys_##rows(float *weight, const float *keys, size_t d, const float *queries) {           \
    static const float ZERO[KERNEL_PANEL];                                                              \
    for (int c = 0; c < KERNEL_PANEL; c += KERNEL_LANES * TILE_VECTORS)                                 \
      tile(rows, weight + c, KERNEL_PANEL, keys, d, 1, queries + c, KERNEL_PANEL, (int)d, ZERO, NULL);  \
  }
KEYS_OF(1) KEYS_OF(2) KEYS_OF(3) KEYS_OF(4) KEYS_OF(5) KEYS_OF(6)
#if TILE_ROWS > 6
KEYS_OF(7) KEYS_OF(8)
#endif
typedef void Keys(float *weight, const float *keys, size_t d, const float *queries);
static Keys *const KEYS[] = {NULL,   keys_1, keys_2, keys_3, keys_4, keys_5, keys_6,
#if TILE_ROWS > 6
                             keys_7, keys_8
#endif
};

/* Weights from every step of 32 columns, of which `rows` queries are wanted. */
#define VALUES_OF(rows)                                                                                             \
  static void values_##rows(float *context, size_t stride, const float *weight, const float *values, size_t w_row, \
                            int n, const float *zero) {                                                             \
    tile(rows, context, stride, weight, 1, KERNEL_PANEL, values, w_row, n, zero, NULL);                             \
  }
VALUES_OF(1) VALUES_OF(2) VALUES_OF(3) VALUES_OF(4) VALUES_OF(5) VALUES_OF(6)
#if TILE_ROWS > 6
VALUES_OF(7) VALUES_OF(8) VALUES_OF(9) VALUES_OF(10) VALUES_OF(11) VALUES_OF(12) VALUES_OF(13) VALUES_OF(14)
#endif
typedef void Values(float *context, size_t stride, const float *weight, const float *values, size_t w_row, int n,
                    const float *zero);
static Values *const VALUES[] = {NULL,     values_1, values_2, values_3,  values_4,  values_5,  values_6,
#if TILE_ROWS > 6
                                 values_7, values_8, values_9, values_10, values_11, values_12, values_13, values_14
#endif
};

/* to[d][32] of m queries; the others are 0, so that what is made of them is finite. */
static void pack_queries(float *to, const float *q, size_t stride, int m, int d) {
  for (int i = 0; i < d; i++, to += KERNEL_PANEL) {
    for (int r = 0; r < m; r++) to[r] = q[(size_t)r * stride + (size_t)i];
    for (int r = m; r < KERNEL_PANEL; r++) to[r] = 0.0f;
  }
}

/* to[n][to_stride] of x[n][d], the columns from d on 0. */
static void pad_rows(float *to, size_t to_stride, const float *x, size_t stride, int n, int d) {
  for (int t = 0; t < n; t++, to += to_stride, x += stride) {
    memcpy(to, x, (size_t)d * sizeof *to);
    if (to_stride > (size_t)d) memset(to + d, 0, (to_stride - (size_t)d) * sizeof *to);
  }
}

/* weight[n][32] = exp(scale (weight - top)) down each column; shares[32] = 1 / their sums. */
static void weigh(float *weight, int n, int m, float scale, float *shares) {
  V factor = v_set(scale);
  for (int c = 0; c < m; c += KERNEL_LANES) {
    V top = v_load(weight + c), sum = v_set(0.0f);
    for (int t = 1; t < n; t++) top = v_max(top, v_load(weight + t * KERNEL_PANEL + c));
    for (int t = 0; t < n; t++) {
      V e = v_exp(v_mul(v_sub(v_load(weight + t * KERNEL_PANEL + c), top), factor));
      v_store(weight + t * KERNEL_PANEL + c, e);
      sum = v_add(sum, e);
    }
    v_store(shares + c, v_div(v_set(1.0f), sum));
  }
}

/* m queries from `first` on. */
static void attend_queries(const KernelAttend *a, int first, int m, float *queries, const float *keys,
                           const float *values, float *weight) {
  static const float ZERO[KERNEL_PANEL];
  size_t wide = (size_t)kernel_panels(a->d) * KERNEL_PANEL, d = (size_t)a->d;
  float shares[KERNEL_PANEL], out[TILE_ROWS * KERNEL_LANES * TILE_VECTORS];
  pack_queries(queries, a->q + (size_t)first * a->stride, a->stride, m, a->d);
  for (int t = 0; t < a->n; t += ATTEND_ROWS) {
    int rows = a->n - t < ATTEND_ROWS ? a->n - t : ATTEND_ROWS;
    KEYS[rows](weight + (size_t)t * KERNEL_PANEL, keys + (size_t)t * d, d, queries);
  }
  weigh(weight, a->n, m, a->scale, shares);
  int strips = (m + TILE_ROWS - 1) / TILE_ROWS;
  for (int s = 0; s < strips; s++) {
    int start = strip_start(s, strips, m), rows = strip_start(s + 1, strips, m) - start;
    for (int c = 0; c < a->d; c += KERNEL_LANES * TILE_VECTORS) {
      int part = a->d - c < KERNEL_LANES * TILE_VECTORS ? a->d - c : KERNEL_LANES * TILE_VECTORS;
      VALUES[rows](out, KERNEL_LANES * TILE_VECTORS, weight + start, values + c, wide, a->n, ZERO);
      for (int r = 0; r < rows; r++) {
        float *to = a->context + (size_t)(first + start + r) * a->context_stride + c, share = shares[start + r];
        const float *from = out + r * KERNEL_LANES * TILE_VECTORS;
        for (int i = 0; i < part; i++) to[i] = from[i] * share;
      }
    }
  }
}

static void attend(const KernelAttend *a) {
  size_t wide = (size_t)kernel_panels(a->d) * KERNEL_PANEL, d = (size_t)a->d;
  float *queries = a->scratch, *keys = queries + d * KERNEL_PANEL, *values = keys + (size_t)a->n * d;
  float *weight = values + (size_t)a->n * wide;
  pad_rows(keys, d, a->k, a->stride, a->n, a->d);
  pad_rows(values, wide, a->v, a->stride, a->n, a->d);
  for (int first = 0; first < a->n; first += KERNEL_PANEL)
    attend_queries(a, first, a->n - first < KERNEL_PANEL ? a->n - first : KERNEL_PANEL, queries, keys, values, weight);
}
