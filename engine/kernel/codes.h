/* codes.h -- codes of 4 bits against the queries of a search. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h.
**
** Included after lanes.h by files that define, beside V:
**
**    C                        16 sums of 32 bits, one a row          N   4 x 16 bytes: 16 rows
**    c_zero() c_add(a, b) c_store(p, sum) n_load(p) n_low(n) n_high(n)           the halves of each byte, as bytes
**    CQ cq_set(bytes)         four bytes of a query, in every lane
**    c_dot(sum, n, q)         adds the products of four bytes; n in 0 ... 15
**    SCAN_ROWS                queries of a tile, whose sums are in registers
**
** A tile is SCAN_ROWS queries by a panel; bytes are split once for all of them. A panel of 384 dimensions (6 KiB) stays in
** L1 for the next tile. */

/* Bytes ahead that are asked for while a panel is read: rows come from memory, each once. */
enum { SCAN_AHEAD = 2048 };

INLINE void scan_tile(int rows, int32_t *sum, size_t sum_stride, const uint8_t *codes, const int8_t *q, int depth) {
  C total[SCAN_ROWS][2], other[SCAN_ROWS][2]; /* halves apart: a query alone would wait for each sum */
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < 2; v++) total[r][v] = other[r][v] = c_zero();
  for (int k = 0; k < depth; k += 8, codes += 4 * KERNEL_PANEL, q += 8) {
    N both[2] = {n_load(codes), n_load(codes + 64)};
    N low[2] = {n_low(both[0]), n_low(both[1])}, high[2] = {n_high(both[0]), n_high(both[1])};
    if (rows == 1) {
      __builtin_prefetch(codes + SCAN_AHEAD);
      __builtin_prefetch(codes + SCAN_AHEAD + 64);
    }
UNROLL
    for (int r = 0; r < rows; r++) {
      int32_t four[2];
      memcpy(four, q + (size_t)r * (size_t)depth, 8);
      CQ first = cq_set(four[0]), second = cq_set(four[1]);
UNROLL
      for (int v = 0; v < 2; v++) {
        C *into = rows == 1 ? &other[r][v] : &total[r][v];
        total[r][v] = c_dot(total[r][v], low[v], first);
        *into = c_dot(*into, high[v], second);
      }
    }
  }
UNROLL
  for (int r = 0; r < rows; r++)
UNROLL
    for (int v = 0; v < 2; v++)
      c_store(sum + (size_t)r * sum_stride + KERNEL_LANES * v, rows == 1 ? c_add(total[r][v], other[r][v]) : total[r][v]);
}

typedef void ScanTile(int32_t *sum, size_t sum_stride, const uint8_t *codes, const int8_t *q, int depth);
#define SCAN_OF(rows)                                                                                             \
  static void scan_##rows(int32_t *sum, size_t sum_stride, const uint8_t *codes, const int8_t *q, int depth) { \
    scan_tile(rows, sum, sum_stride, codes, q, depth);                                                         \
  }
SCAN_OF(1)
#if SCAN_ROWS > 1
SCAN_OF(2)
#endif
#if SCAN_ROWS > 2
SCAN_OF(3) SCAN_OF(4) SCAN_OF(5) SCAN_OF(6) SCAN_OF(7) SCAN_OF(8)
#endif
static ScanTile *const SCANS[SCAN_ROWS + 1] = {NULL,   scan_1,
#if SCAN_ROWS > 1
                                               scan_2,
#endif
#if SCAN_ROWS > 2
                                               scan_3, scan_4, scan_5, scan_6, scan_7, scan_8
#endif
};

static void scan(const KernelScan *s) {
  int strips = (s->m + SCAN_ROWS - 1) / SCAN_ROWS;
  size_t panel = (size_t)s->depth / 2 * KERNEL_PANEL;
  for (int p = 0; p < s->panels; p++)
    for (int i = 0; i < strips; i++) {
      int start = strip_start(i, strips, s->m), rows = strip_start(i + 1, strips, s->m) - start;
      SCANS[rows](s->sum + (size_t)start * s->sum_stride + (size_t)p * KERNEL_PANEL, s->sum_stride,
                  s->codes + (size_t)p * panel, s->q + (size_t)start * (size_t)s->depth, s->depth);
    }
}
