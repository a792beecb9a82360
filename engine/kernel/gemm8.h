/* gemm8.h -- the product with weights in 8 bits. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
** Included after lanes.h by files that define, beside V:
**
**    Q                    16 sums of 32 bits, one a column        X   four bytes of a token, in every lane
**    W                    4 x 16 bytes of a panel: 16 columns
**    X_FLIP               0x80808080 where the left side of a dot product is unsigned: bytes get 128 added on their way in,
**                         and sums begin at -128 times the sum of the column; 0 where it is signed
**    q_load(p), where X_FLIP, else q_zero(); x_set(bytes) w_load(p) q_dot(sum, x, w) q_float(sum)
**    TILE8_ROWS, TILE8_VECTORS
**
** A tile keeps the integer sums of a group in registers; once a group they are scaled and added to y, which is in L1. */

#if X_FLIP
#define Q_START(p) q_load(p)
#else
#define Q_START(p) ((void)(p), q_zero())
#endif

INLINE void tile8(int rows, float *y, size_t y_stride, const int32_t *a, const int8_t *w, int steps, const int32_t *start,
                  const float *x_scale, size_t scale_stride, const float *w_scale, const float *from, Ahead *ahead) {
  Q sum[TILE8_ROWS][TILE8_VECTORS];
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < TILE8_VECTORS; v++) sum[r][v] = Q_START(start + KERNEL_LANES * v);
  for (int i = 0; i < steps; i++, a += rows, w += 4 * KERNEL_PANEL) {
    W b[TILE8_VECTORS];
UNROLL
    for (int v = 0; v < TILE8_VECTORS; v++) b[v] = w_load(w + 4 * KERNEL_LANES * v);
    ahead_fetch(ahead);
UNROLL
    for (int r = 0; r < rows; r++) {
      X x = x_set(a[r]);
UNROLL
      for (int v = 0; v < TILE8_VECTORS; v++) sum[r][v] = q_dot(sum[r][v], x, b[v]);
    }
  }
UNROLL
  for (int r = 0; r < rows; r++) {
    V scale = v_set(x_scale[(size_t)r * scale_stride]);
UNROLL
    for (int v = 0; v < TILE8_VECTORS; v++) {
      float *to = y + (size_t)r * y_stride + KERNEL_LANES * v;
      V factor = v_mul(scale, v_load(w_scale + KERNEL_LANES * v));
      v_store(to, v_fma(q_float(sum[r][v]), factor, v_load(from ? from + KERNEL_LANES * v : to)));
    }
  }
}

typedef void Tile8(float *y, size_t y_stride, const int32_t *a, const int8_t *w, int steps, const int32_t *start,
                   const float *x_scale, size_t scale_stride, const float *w_scale, const float *from, Ahead *ahead);
#define TILE8_OF(rows)                                                                                              \
  static void tile8_##rows(float *y, size_t y_stride, const int32_t *a, const int8_t *w, int steps,                 \
                           const int32_t *start, const float *x_scale, size_t scale_stride, const float *w_scale, \
                           const float *from, Ahead *ahead) {                                                       \
    tile8(rows, y, y_stride, a, w, steps, start, x_scale, scale_stride, w_scale, from, ahead);                      \
  }
TILE8_OF(1) TILE8_OF(2)
#if TILE8_ROWS > 2
TILE8_OF(3) TILE8_OF(4)
#endif
#if TILE8_ROWS > 4
TILE8_OF(5) TILE8_OF(6)
#endif
#if TILE8_ROWS > 6
TILE8_OF(7) TILE8_OF(8) TILE8_OF(9) TILE8_OF(10) TILE8_OF(11) TILE8_OF(12)
#endif
static Tile8 *const TILES8[TILE8_ROWS + 1] = {NULL,    tile8_1, tile8_2,
#if TILE8_ROWS > 2
                                              tile8_3, tile8_4,
#endif
#if TILE8_ROWS > 4
                                              tile8_5, tile8_6,
#endif
#if TILE8_ROWS > 6
                                              tile8_7, tile8_8, tile8_9, tile8_10, tile8_11, tile8_12
#endif
};

enum { TILES8_A_PANEL = KERNEL_PANEL / (KERNEL_LANES * TILE8_VECTORS) };

/* Rows of g, packed; the i-th strip of n. */
typedef struct {
  int i, n, row, rows;
  const int32_t *a;
} Strip8;

/* One panel's columns of a strip, all groups; `to` has room for the whole panel. */
static void strip_groups(const KernelGemm8 *g, const Strip8 *s, int panel, float *to, size_t stride, Ahead ahead) {
  static const float ZERO[KERNEL_PANEL];
  int depth = kernel_depth8(g->k), groups = kernel_groups(g->k);
  const int8_t *w = g->w + (size_t)panel * (size_t)depth * KERNEL_PANEL;
  const float *bias = g->bias ? g->bias + panel * KERNEL_PANEL : ZERO;
  for (int group = 0; group < groups; group++) {
    int k = group * KERNEL_GROUP, steps = (depth - k < KERNEL_GROUP ? depth - k : KERNEL_GROUP) / 4;
    size_t at = ((size_t)panel * (size_t)groups + (size_t)group) * KERNEL_PANEL;
    for (int c = 0; c < KERNEL_PANEL; c += KERNEL_LANES * TILE8_VECTORS)
      TILES8[s->rows](to + c, stride, s->a + (size_t)k / 4 * (size_t)s->rows, w + ((size_t)k * KERNEL_PANEL + 4 * (size_t)c),
                      steps, g->w_sum + at + c, g->x_scale + (size_t)s->row * (size_t)groups + (size_t)group, (size_t)groups,
                      g->w_scale + at + c, group ? NULL : bias + c, &ahead);
  }
}

static void strip_panel8(const KernelGemm8 *g, const Strip8 *s, int panel, const int8_t *next) {
  int depth = kernel_depth8(g->k), left = g->n - panel * KERNEL_PANEL, part = left < KERNEL_PANEL;
  float *y = g->y + (size_t)s->row * g->y_stride + panel * KERNEL_PANEL;
  float *edge = g->scratch + (size_t)KERNEL_ROWS * KERNEL_DEPTH, *to = part ? edge : y;
  size_t stride = part ? KERNEL_PANEL : g->y_stride;
  strip_groups(g, s, panel, to, stride,
               ahead_of(next, (size_t)depth * KERNEL_PANEL, s->i, s->n, TILES8_A_PANEL * depth / 4));
  for (int r = 0; r < s->rows; r++) {
    if (g->activation != KERNEL_NONE) activate(to + (size_t)r * stride, KERNEL_PANEL, g->activation);
    if (part) memcpy(y + (size_t)r * g->y_stride, edge + r * KERNEL_PANEL, (size_t)left * sizeof *y);
  }
}

static void gemm8_block(const KernelGemm8 *g, int row, int m) {
  Strip8 strip[KERNEL_ROWS / TILE8_ROWS + 1];
  int depth = kernel_depth8(g->k), strips = (m + TILE8_ROWS - 1) / TILE8_ROWS;
  for (int s = 0; s < strips; s++) {
    int start = strip_start(s, strips, m), rows = strip_start(s + 1, strips, m) - start;
    int32_t *a = (int32_t *)g->scratch + (size_t)start * (size_t)depth / 4; /* four bytes are a word */
    pack_strip(a, g->x + (size_t)(row + start) * (size_t)depth, (size_t)depth / 4, rows, depth / 4, X_FLIP);
    strip[s] = (Strip8){s, strips, row + start, rows, a};
  }
  for (int p = g->first; p < g->last; p++) {
    int following = p + 1 < g->last ? p + 1 : p;
    const int8_t *next = g->w + (size_t)following * (size_t)depth * KERNEL_PANEL;
    for (int s = 0; s < strips; s++) strip_panel8(g, &strip[s], p, next);
  }
}

static void gemm8(const KernelGemm8 *g) {
  /* As many rows as the scratch holds packed, and no more than keep the packed block in L2. */
  int most = (int)((size_t)KERNEL_ROWS * KERNEL_DEPTH * 4 / (size_t)kernel_depth8(g->k));
  int block = most < KERNEL_ROWS ? most : KERNEL_ROWS;
  for (int row = 0; row < g->m; row += block) gemm8_block(g, row, g->m - row < block ? g->m - row : block);
}
