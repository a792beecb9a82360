/* gemm8.h -- the product with weights in 8 bits. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
** Included after lanes.h by files that define, beside V:
**
**    Q                    16 sums of 32 bits, one a column        X   a word of a token, in every lane
**    W                    16 words of a panel, one a column
**    WIDE                 0: a word is four bytes. 1: two numbers of 16 bits, for sets that multiply no bytes; a panel's
**                         group is widened once for all rows, and the rows once for all panels
**    X_FLIP               0x80808080 where the left side of a dot product is unsigned: bytes get 128 added on their way in,
**                         and sums begin at -128 times the sum of the column; 0 where it is signed
**    q_load(p), where X_FLIP, else q_zero(); x_set(word) w_load(p) q_dot(sum, x, w) q_float(sum)
**    TILE8_ROWS, TILE8_VECTORS
**
** A tile keeps the integer sums of a group in registers; once a group they are scaled and added to y, which is in L1. */

#if X_FLIP
#define Q_START(p) q_load(p)
#else
#define Q_START(p) ((void)(p), q_zero())
#endif

INLINE void tile8(int rows, float *y, size_t y_stride, const int32_t *a, const int8_t *w, int steps, const int32_t *start,
                  const float *x_scale, size_t scale_stride, const float *w_scale, const float *from, Ahead *meanwhile) {
  Ahead ahead = *meanwhile;
  Q sum[TILE8_ROWS][TILE8_VECTORS];
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < TILE8_VECTORS; v++) sum[r][v] = Q_START(start + KERNEL_LANES * v);
  for (int i = 0; i < steps; i++, a += rows, w += 4 * KERNEL_PANEL) {
    W b[TILE8_VECTORS];
UNROLL
    for (int v = 0; v < TILE8_VECTORS; v++) b[v] = w_load(w + 4 * KERNEL_LANES * v);
    ahead_fetch(&ahead);
UNROLL
    for (int r = 0; r < rows; r++) {
      X x = x_set(a[r]);
UNROLL
      for (int v = 0; v < TILE8_VECTORS; v++) sum[r][v] = q_dot(sum[r][v], x, b[v]);
    }
  }
  *meanwhile = ahead;
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
#if TILE8_ROWS > 12
TILE8_OF(13) TILE8_OF(14)
#endif
static Tile8 *const TILES8[] = {NULL,    tile8_1, tile8_2,
#if TILE8_ROWS > 2
                                              tile8_3, tile8_4,
#endif
#if TILE8_ROWS > 4
                                              tile8_5, tile8_6,
#endif
#if TILE8_ROWS > 6
                                              tile8_7, tile8_8, tile8_9, tile8_10, tile8_11, tile8_12,
#endif
#if TILE8_ROWS > 12
                                tile8_13, tile8_14
#endif
};

enum { WORD = WIDE ? 2 : 4 }; /* numbers in a word */
enum { TILES8_A_PANEL = KERNEL_PANEL / (KERNEL_LANES * TILE8_VECTORS) };

#if WIDE
/* The bytes k … k+3 of a word as two words: k and k+2, then k+1 and k+3, on both sides, so that nothing is shuffled. `from`
** is the second half of `to`. */
static void widen_strip(int32_t *to, const int32_t *from, int rows, int words) {
  for (int i = 0; i < words; i++, to += 2 * rows)
    for (int r = 0; r < rows; r++, from++) {
      uint32_t four = (uint32_t)*from; /* the last of them lie where to[rows] does */
      to[r] = (int32_t)((uint16_t)(int8_t)four | (uint32_t)(int8_t)(four >> 16) << 16);
      to[rows + r] = (int32_t)((uint16_t)(int8_t)(four >> 8) | (uint32_t)(int8_t)(four >> 24) << 16);
    }
}

typedef int16_t Halves __attribute__((vector_size(32), aligned(2), may_alias));

static void widen_group(int8_t *to, const int8_t *from, int words) {
  for (int i = 0; i < words; i++, to += 8 * KERNEL_PANEL)
    for (int c = 0; c < 4 * KERNEL_PANEL; c += 32, from += 32) {
      Halves pairs, even, odd;
      memcpy(&pairs, from, 32);
      even = (pairs << 8) >> 8, odd = pairs >> 8;
      memcpy(to + c, &even, 32);
      memcpy(to + c + 4 * KERNEL_PANEL, &odd, 32);
    }
}
#endif

static int group_numbers(const KernelGemm8 *g, int group) {
  int left = kernel_depth8(g->k) - group * KERNEL_GROUP;
  return left < KERNEL_GROUP ? left : KERNEL_GROUP;
}

/* Rows of g, packed; `from` counts within their block. */
typedef struct {
  int row, rows, from;
  const int32_t *a;
} Strip8;

static void pack_rows8(int32_t *to, const KernelGemm8 *g, int row, int rows) {
  int words = kernel_depth8(g->k) / 4;
  int32_t *four = to + (WIDE ? rows * words : 0);
  pack_strip(four, (size_t)rows, g->x + (size_t)row * (size_t)words * 4, (size_t)words, rows, words, X_FLIP);
#if WIDE
  widen_strip(to, four, rows, words);
#endif
}

/* Whether a panel's columns are summed in y. Not where the panel is wider than what is left of it; nor where all strips come
** before the next group: y's rows are so far apart that few of them stay in L1. */
static int in_place(const KernelGemm8 *g, int panel) { return !WIDE && g->n - panel * KERNEL_PANEL >= KERNEL_PANEL; }

static float *sums_of(const KernelGemm8 *g, const Strip8 *s, int panel, size_t *stride) {
  int inside = in_place(g, panel);
  *stride = inside ? g->y_stride : KERNEL_PANEL;
  if (inside) return g->y + (size_t)s->row * g->y_stride + panel * KERNEL_PANEL;
  return g->scratch + KERNEL_PACKED + s->from * KERNEL_PANEL;
}

/* One group of one panel's columns of a strip, its weights at w. */
static void sum_group(const KernelGemm8 *g, const Strip8 *s, int panel, int group, const int8_t *w, Ahead *ahead) {
  static const float ZERO[KERNEL_PANEL];
  int groups = kernel_groups(g->k), k = group * KERNEL_GROUP, numbers = group_numbers(g, group);
  size_t at = ((size_t)panel * (size_t)groups + (size_t)group) * KERNEL_PANEL, stride;
  const float *from = group ? NULL : g->bias ? g->bias + panel * KERNEL_PANEL : ZERO;
  float *y = sums_of(g, s, panel, &stride);
  for (int c = 0; c < KERNEL_PANEL; c += KERNEL_LANES * TILE8_VECTORS)
    TILES8[s->rows](y + c, stride, s->a + (size_t)(k / WORD) * (size_t)s->rows, w + 4 * c, numbers / WORD, g->w_sum + at + c,
                    g->x_scale + (size_t)s->row * (size_t)groups + (size_t)group, (size_t)groups, g->w_scale + at + c,
                    from ? from + c : NULL, ahead);
}

/* What is left to do once a strip's sums are complete. */
static void finish_panel(const KernelGemm8 *g, const Strip8 *s, int panel) {
  int left = g->n - panel * KERNEL_PANEL, columns = left < KERNEL_PANEL ? left : KERNEL_PANEL;
  size_t stride;
  float *y = sums_of(g, s, panel, &stride), *to = g->y + (size_t)s->row * g->y_stride + panel * KERNEL_PANEL;
  for (int r = 0; r < s->rows; r++, y += stride, to += g->y_stride) {
    if (g->activation != KERNEL_NONE) activate(y, y, KERNEL_PANEL, g->activation);
    if (y != to) memcpy(to, y, (size_t)columns * sizeof *y);
  }
}

/* One panel's columns of all strips; meanwhile the next panel is fetched. */
static void panel8(const KernelGemm8 *g, const Strip8 *strip, int strips, int panel) {
  int depth = kernel_depth8(g->k), groups = kernel_groups(g->k);
  size_t bytes = (size_t)depth * KERNEL_PANEL;
  const int8_t *w = g->w + (size_t)panel * bytes;
  Ahead ahead = ahead_of(panel + 1 < g->last ? w + bytes : w, bytes, strips * TILES8_A_PANEL * depth / WORD);
#if WIDE
  int8_t *wide = (int8_t *)(g->scratch + KERNEL_PACKED + KERNEL_ROWS * KERNEL_PANEL);
  for (int group = 0; group < groups; group++, w += KERNEL_GROUP * KERNEL_PANEL) {
    widen_group(wide, w, group_numbers(g, group) / 4);
    for (int s = 0; s < strips; s++) sum_group(g, &strip[s], panel, group, wide, &ahead);
  }
  for (int s = 0; s < strips; s++) finish_panel(g, &strip[s], panel);
#else
  for (int s = 0; s < strips; s++) {
    for (int group = 0; group < groups; group++)
      sum_group(g, &strip[s], panel, group, w + group * KERNEL_GROUP * KERNEL_PANEL, &ahead);
    finish_panel(g, &strip[s], panel);
  }
#endif
}

static void gemm8_block(const KernelGemm8 *g, int row, int m) {
  Strip8 strip[KERNEL_ROWS / TILE8_ROWS + 1];
  int strips = (m + TILE8_ROWS - 1) / TILE8_ROWS;
  size_t words = (size_t)kernel_depth8(g->k) / WORD;
  for (int s = 0; s < strips; s++) {
    int start = strip_start(s, strips, m), rows = strip_start(s + 1, strips, m) - start;
    int32_t *a = (int32_t *)g->scratch + (size_t)start * words;
    pack_rows8(a, g, row + start, rows);
    strip[s] = (Strip8){row + start, rows, start, a};
  }
  for (int p = g->first; p < g->last; p++) panel8(g, strip, strips, p);
}

static void gemm8(const KernelGemm8 *g) {
  /* As many rows as the scratch holds packed, and no more than keep the packed block in L2. */
  int most = (int)((size_t)KERNEL_PACKED * WORD / (size_t)kernel_depth8(g->k));
  int block = most < KERNEL_ROWS ? most : KERNEL_ROWS;
  for (int row = 0; row < g->m; row += block) gemm8_block(g, row, g->m - row < block ? g->m - row : block);
}
