/* codes.h -- codes of 4 bits against the queries of a search. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
** Included after lanes.h by files that define, beside V:
**
**    C                        16 sums of 32 bits, one a row          N   4 x 16 bytes: 16 rows
**    c_zero() c_add(a, b) c_store(p, sum) n_load(p) n_store(p, n) n_low(n) n_high(n)   the halves of each byte, as bytes
**    CQ cq_set(bytes)         four bytes of a query, in every lane
**    c_dot(sum, n, q)         adds the products of four bytes; n in 0 ... 15
**    SCAN_ROWS                queries of a tile whose sums are in registers, 4, 8 or 12
**    SCAN_WIDE                up to so many, a tile is a whole panel, else half of one
**
** A panel meets SCAN_ROWS queries at a time: tiles leave their sums in L1, where the bound reads them; few pairs of panel
** and query pass, and only those are written. Bytes are split once for the queries of a tile; where there are more, once for
** all (7 % faster with VNNI). A panel of 384 dimensions (6 KiB, split 12) stays in L1 for the next tile. */

/* Bytes ahead that are asked for while a panel is read by one query: rows come from memory, each once. */
enum { SCAN_AHEAD = 2048 };
/* The deepest panel that is split beforehand: 32 KiB. */
enum { SPLIT_DEPTH = 1024 };

/* is_split: codes come as split_panel leaves them. */
INLINE void scan_tile(int rows, int vectors, int is_split, int32_t *sum, const uint8_t *codes, const int8_t *q, int depth) {
  C total[SCAN_ROWS][2], other[SCAN_ROWS][2]; /* halves apart: a query alone would wait for each sum */
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < vectors; v++) total[r][v] = other[r][v] = c_zero();
  for (int k = 0; k < depth; k += 8, codes += (is_split ? 8 : 4) * KERNEL_PANEL, q += 32) {
    N both[2], half[2];
UNROLL
    for (int v = 0; v < vectors; v++) {
      both[v] = n_load(codes + 64 * v), half[v] = is_split ? both[v] : n_low(both[v]);
      if (rows == 1) __builtin_prefetch(codes + SCAN_AHEAD + 64 * v);
    }
UNROLL
    for (int h = 0; h < 2; h++) {
UNROLL
      for (int r = 0; r < rows; r++) {
        int32_t four;
        memcpy(&four, q + (size_t)(r / 4) * 4 * (size_t)depth + 16 * h + 4 * (r % 4), 4);
        CQ x = cq_set(four);
UNROLL
        for (int v = 0; v < vectors; v++) {
          C *into = rows == 1 && h ? &other[r][v] : &total[r][v];
          *into = c_dot(*into, half[v], x);
        }
      }
UNROLL
      for (int v = 0; v < vectors; v++) half[v] = is_split ? n_load(codes + 4 * KERNEL_PANEL + 64 * v) : n_high(both[v]);
    }
  }
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < vectors; v++)
      c_store(sum + r * KERNEL_PANEL + KERNEL_LANES * v, rows == 1 ? c_add(total[r][v], other[r][v]) : total[r][v]);
}

typedef void ScanTile(int32_t *sum, const uint8_t *codes, const int8_t *q, int depth);
#define SCAN_OF(name, rows, is_split)                                                       \
  static void name(int32_t *sum, const uint8_t *codes, const int8_t *q, int depth) {        \
    enum { VECTORS = (rows) <= SCAN_WIDE ? 2 : 1 };                                         \
    for (int at = 0; at < KERNEL_PANEL; at += KERNEL_LANES * VECTORS)                       \
      scan_tile(rows, VECTORS, is_split, sum + at, codes + 4 * at, q, depth);               \
  }
SCAN_OF(scan_1, 1, 0) SCAN_OF(scan_4, 4, 0) SCAN_OF(split_4, 4, 1)
#if SCAN_ROWS > 4
SCAN_OF(scan_8, 8, 0) SCAN_OF(split_8, 8, 1)
#endif
#if SCAN_ROWS > 8
SCAN_OF(scan_12, 12, 0) SCAN_OF(split_12, 12, 1)
#endif
/* Of so many groups of 4 queries. */
static ScanTile *const SCAN_TILES[2][SCAN_ROWS / 4 + 1] = {{scan_1, scan_4,
#if SCAN_ROWS > 4
                                                       scan_8,
#endif
#if SCAN_ROWS > 8
                                                       scan_12
#endif
                                                      }, {NULL, split_4,
#if SCAN_ROWS > 4
                                                       split_8,
#endif
#if SCAN_ROWS > 8
                                                       split_12
#endif
                                                      }};

static void split_panel(uint8_t *split, const uint8_t *codes, int depth) {
  for (int k = 0; k < depth; k += 8, codes += 4 * KERNEL_PANEL, split += 8 * KERNEL_PANEL)
    for (int at = 0; at < 4 * KERNEL_PANEL; at += 64) {
      N both = n_load(codes + at);
      n_store(split + at, n_low(both)), n_store(split + 4 * KERNEL_PANEL + at, n_high(both));
    }
}

/* What rows of a panel have. */
typedef struct {
  V scale[2], cosine[2], sine[2];
} PanelRows;

INLINE PanelRows panel_rows(const float *scale, const float *cosine, const float *sine) {
  PanelRows p;
UNROLL
  for (int h = 0; h < 2; h++) {
    int at = h * KERNEL_LANES;
    p.scale[h] = v_load(scale + at), p.cosine[h] = v_load(cosine + at), p.sine[h] = v_load(sine + at);
  }
  return p;
}

INLINE uint32_t rows_reaching(const int32_t *sum, const PanelRows *p, const KernelBound *b) {
  V zero = v_set(b->zero), factor = v_set(b->factor), c = v_set(b->c), minus_s = v_set(-b->s), offset = v_set(b->offset);
  uint32_t rows = 0;
UNROLL
  for (int h = 0; h < 2; h++) {
    V reached = v_mul(v_sub(v_ints(sum + h * KERNEL_LANES), zero), v_mul(factor, p->scale[h]));
    V least = v_fma(minus_s, p->sine[h], v_fma(c, p->cosine[h], offset));
    rows |= v_reaches(reached, least) << (h * KERNEL_LANES);
  }
  return rows;
}

static void screen(uint32_t *rows, const int32_t *sum, const float *scale, const float *cosine, const float *sine,
                   const KernelBound *b) {
  PanelRows p = panel_rows(scale, cosine, sine);
  *rows = rows_reaching(sum, &p, b);
}

/* Asks for a share of the next panel, so that it is in L2 when it is its turn. */
INLINE void fetch_share(const uint8_t *next, size_t bytes, int share, int shares) {
  size_t end = bytes * (size_t)(share + 1) / (size_t)shares;
  for (size_t i = bytes * (size_t)share / (size_t)shares / 64 * 64; i < end; i += 64) __builtin_prefetch(next + i, 0, 2);
}

/* A panel whose codes stand at `codes`, split or not, against all queries. */
INLINE KernelPassed *scan_panel(KernelPassed *to, const KernelScan *s, int panel, const uint8_t *codes, int is_split) {
  int32_t sum[SCAN_ROWS * KERNEL_PANEL];
  int row = panel * KERNEL_PANEL, groups = (s->m + 3) / 4, most = SCAN_ROWS / 4, strips = (groups + most - 1) / most;
  size_t bytes = (size_t)s->depth / 2 * KERNEL_PANEL;
  PanelRows p = panel_rows(s->scale + row, s->cosine + row, s->sine + row);
  for (int i = 0; i < strips; i++) {
    int first = strip_start(i, strips, groups), n = strip_start(i + 1, strips, groups) - first;
    if (is_split) fetch_share(s->codes + (size_t)(panel + 1) * bytes, bytes, i, strips);
    SCAN_TILES[is_split][s->m == 1 ? 0 : n](sum, codes, s->q + kernel_query_at(first * 4, 0, s->depth), s->depth);
    for (int q = first * 4; q < (first + n) * 4 && q < s->m; q++) {
      const int32_t *own = sum + (q - first * 4) * KERNEL_PANEL;
      uint32_t rows = rows_reaching(own, &p, &s->bound[q]);
      if (!rows) continue;
      to->rows = rows, to->query = q, to->panel = panel;
      memcpy(to->sum, own, sizeof to->sum);
      to++;
    }
  }
  return to;
}

static void scan(KernelScan *s) {
  size_t bytes = (size_t)s->depth / 2 * KERNEL_PANEL;
  KernelPassed *to = s->passed;
  if (s->m > SCAN_ROWS && s->depth <= SPLIT_DEPTH) {
    _Alignas(64) uint8_t split[SPLIT_DEPTH * KERNEL_PANEL];
    for (int p = 0; p < s->panels; p++) {
      split_panel(split, s->codes + (size_t)p * bytes, s->depth);
      to = scan_panel(to, s, p, split, 1);
    }
  } else {
    for (int p = 0; p < s->panels; p++) to = scan_panel(to, s, p, s->codes + (size_t)p * bytes, 0);
  }
  s->count = (int)(to - s->passed);
}
