/* gemm.h -- the product with weights in float. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
**    TILE_ROWS, TILE_VECTORS  the accumulators of a tile: as many as registers hold beside a row of w
**
** Rows of x are packed, KERNEL_ROWS by KERNEL_DEPTH at a time (224 KiB, which stays in L2), into strips [k][rows of a tile], so
** that a tile reads both sides end to end. Every panel then meets every strip; a tile keeps its sums in registers over
** the whole depth. A longer k goes through y between blocks, which loses nothing: floats stored and loaded are the same
** floats. 91 % of the peak of Zen 4 at MiniLM's shapes, 84 to 87 % at BERT-large's (make bench). */
/* y[rows][16 TILE_VECTORS] = (from ? from : y) + a[rows][k] * w[k][…]; a's rows are a_row floats apart, its columns a_step.
** from: a bias for every row. ahead: what to fetch meanwhile, or NULL. */
INLINE void tile(int rows, float *y, size_t y_stride, const float *a, size_t a_row, size_t a_step, const float *w,
                 size_t w_row, int k, const float *from, Ahead *ahead) {
  V sum[TILE_ROWS][TILE_VECTORS];
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < TILE_VECTORS; v++)
      sum[r][v] = v_load(from ? from + KERNEL_LANES * v : y + (size_t)r * y_stride + KERNEL_LANES * v);
  for (int i = 0; i < k; i++, a += a_step, w += w_row) {
    V b[TILE_VECTORS];
UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) b[v] = v_load(w + KERNEL_LANES * v);
    if (ahead) ahead_fetch(ahead);
UNROLL
    for (int r = 0; r < rows; r++) {
      V x = v_set(a[(size_t)r * a_row]);
UNROLL
      for (int v = 0; v < TILE_VECTORS; v++) sum[r][v] = v_fma(x, b[v], sum[r][v]);
    }
  }
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) v_store(y + (size_t)r * y_stride + KERNEL_LANES * v, sum[r][v]);
}

typedef void Tile(float *y, size_t y_stride, const float *a, const float *w, int k, const float *from, Ahead *ahead);
#define TILE_OF(rows)                                                                                      \
  static void tile_##rows(float *y, size_t y_stride, const float *a, const float *w, int k,                \
                          const float *from, Ahead *ahead) {                                               \
    Ahead mine = *ahead; /* in registers */                                                                \
    tile(rows, y, y_stride, a, 1, rows, w, KERNEL_PANEL, k, from, &mine);                                  \
    *ahead = mine;                                                                                         \
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

enum { TILES_A_PANEL = KERNEL_PANEL / (KERNEL_LANES * TILE_VECTORS) };

/* Rows of g, packed from depth k0 to k0+k-1. */
typedef struct {
  int row, rows, k0, k;
  const float *a;
} Strip;

/* One panel's columns of a strip. At the right edge, where a whole tile would write past the row, they go through `edge`. */
static void strip_panel(const KernelGemm *g, const Strip *s, int panel, Ahead *ahead) {
  static const float ZERO[KERNEL_PANEL];
  int left = g->n - panel * KERNEL_PANEL, part = left < KERNEL_PANEL, last = s->k0 + s->k == g->k;
  int first = s->k0 == 0 && !g->add; /* else the sum goes on from what stands in y */
  size_t part_bytes = (size_t)left * sizeof(float), stride = part ? KERNEL_PANEL : g->y_stride;
  const float *w = g->w + ((size_t)panel * (size_t)g->k + (size_t)s->k0) * KERNEL_PANEL;
  const float *bias = g->bias ? g->bias + panel * KERNEL_PANEL : ZERO;
  float *y = g->y + (size_t)s->row * g->y_stride + panel * KERNEL_PANEL;
  float *edge = g->scratch + KERNEL_PACKED, *to = part ? edge : y;
  if (part && !first)
    for (int r = 0; r < s->rows; r++) memcpy(edge + r * KERNEL_PANEL, y + (size_t)r * g->y_stride, part_bytes);
  for (int t = 0; t < TILES_A_PANEL; t++) {
    int c = t * KERNEL_LANES * TILE_VECTORS;
    TILES[s->rows](to + c, stride, s->a, w + c, s->k, first ? bias + c : NULL, ahead);
  }
  if (last && g->activation != KERNEL_NONE)
    for (int r = 0; r < s->rows; r++) activate(to + (size_t)r * stride, to + (size_t)r * stride, KERNEL_PANEL, g->activation);
  if (part)
    for (int r = 0; r < s->rows; r++) memcpy(y + (size_t)r * g->y_stride, edge + r * KERNEL_PANEL, part_bytes);
}

/* Strips of a transposed x, which lies as they do: a few of its rows into all of them, then the next, so that it is read from
** end to end. */
static void copy_strips(const KernelGemm *g, const Strip *strip, int strips) {
  enum { STEPS = 8 };
  for (int i = 0; i < strip->k; i += STEPS)
    for (int s = 0; s < strips; s++) {
      int rows = strip[s].rows, last = strip->k - i < STEPS ? strip->k : i + STEPS;
      const float *x = g->x + (size_t)(strip->k0 + i) * g->x_stride + strip[s].row;
      float *to = (float *)strip[s].a + (size_t)i * (size_t)rows;
      for (int step = i; step < last; step++, to += rows, x += g->x_stride) {
        if (rows == TILE_ROWS) memcpy(to, x, TILE_ROWS * sizeof *to);
        else v_store_part(to, rows, v_load_part(x, rows, 0.0f));
      }
    }
}

/* Rows row … row+m-1 and depth k0 … k0+k-1 of g, all its panels. */
static void gemm_block(const KernelGemm *g, int row, int m, int k0, int k) {
  Strip strip[KERNEL_ROWS / TILE_ROWS + 1];
  int strips = (m + TILE_ROWS - 1) / TILE_ROWS;
  for (int s = 0; s < strips; s++) {
    int start = strip_start(s, strips, m), rows = strip_start(s + 1, strips, m) - start;
    float *a = g->scratch + (size_t)start * (size_t)k;
    strip[s] = (Strip){row + start, rows, k0, k, a};
    if (!g->transposed) pack_strip(a, (size_t)rows, g->x + (size_t)(row + start) * g->x_stride + k0, g->x_stride, rows, k, 0);
  }
  if (g->transposed) copy_strips(g, strip, strips);
  for (int p = g->first; p < g->last; p++) {
    const float *next = g->w + ((size_t)(p + 1 < g->last ? p + 1 : p) * (size_t)g->k + (size_t)k0) * KERNEL_PANEL;
    Ahead ahead = ahead_of(next, (size_t)k * KERNEL_PANEL * sizeof *next, strips * TILES_A_PANEL * k);
    for (int s = 0; s < strips; s++) strip_panel(g, &strip[s], p, &ahead);
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

