/* product.c -- see product.h.
** Layer: nn. Uses: base kernel. */
#include "nn/product.h"

/* Panels of columns first … of n, depth from … from+k-1. */
static void pack(const Product *p, float *panels, int first, int n, int from, int k) {
  if (p->w_transposed) {
    kernels()->pack(panels, p->w + (size_t)first * p->w_stride + from, p->w_stride, 0, n, k);
    return;
  }
  kernels()->pack_rows(panels, p->w + (size_t)from * p->w_stride + first, p->w_stride, n, k);
  if (p->w_activation != KERNEL_NONE)
    kernels()->activate(panels, panels, kernel_panel_floats(k, n), p->w_activation);
}

/* What is done to the sums once they are complete. */
static void finish(const Product *p, int row, int rows, int column, int n) {
  for (int r = row; r < row + rows; r++) {
    size_t at = (size_t)r * p->y_stride + (size_t)column;
    if (p->activated) kernels()->activate(p->activated + at, p->y + at, (size_t)n, p->activation);
    if (p->slope) kernels()->activate_back(p->y + at, p->slope + at, (size_t)n, p->activation);
  }
}

/* What a rank computes of y. */
typedef struct {
  int row, past_row, panel, past_panel;
} Share;

static Share share_of(const Product *p, const Team *team) {
  int panels = kernel_panels(p->n), by_rows = p->m > p->n;
  if (by_rows) return (Share){team_start(team, p->m, team->rank), team_start(team, p->m, team->rank + 1), 0, panels};
  return (Share){0, p->m, team_start(team, panels, team->rank), team_start(team, panels, team->rank + 1)};
}

/* Columns `column` … column+n-1 of the rank's rows, depth from … from+k-1, out of panels. */
static void multiply(const Product *p, const Share *s, const float *panels, int column, int n, int from, int k,
                     float *scratch) {
  KernelGemm g = {.y_stride = p->y_stride,
                  .x_stride = p->x_stride,
                  .w = panels,
                  .bias = p->bias ? p->bias + column : NULL,
                  .n = n,
                  .k = k,
                  .last = kernel_panels(n),
                  .scratch = scratch,
                  .transposed = p->x_transposed,
                  .add = p->add || from > 0};
  int finishes = from + k == p->k && (p->activated || p->slope), step = finishes ? KERNEL_ROWS : p->m;
  for (int row = s->row; row < s->past_row; row += step) { /* what is done to the sums is done while they are in cache */
    g.m = s->past_row - row < step ? s->past_row - row : step;
    g.y = p->y + (size_t)row * p->y_stride + (size_t)column;
    g.x = p->x + (p->x_transposed ? (size_t)from * p->x_stride + (size_t)row : (size_t)row * p->x_stride + (size_t)from);
    kernels()->gemm(&g);
    if (finishes) finish(p, row, g.m, column, n);
  }
}

void product(const Product *p, float *own, const Team *team) {
  Share s = share_of(p, team);
  int depth = p->k < PRODUCT_DEPTH ? p->k : PRODUCT_DEPTH, last = s.past_panel;
  int group = PRODUCT_PACKED / (depth * KERNEL_PANEL);
  float *packed = own + KERNEL_SCRATCH;
  for (int at = s.panel; at < last; at += group) {
    int column = at * KERNEL_PANEL, count = last - at < group ? last - at : group;
    int n = p->n - column < count * KERNEL_PANEL ? p->n - column : count * KERNEL_PANEL;
    for (int from = 0; from < p->k; from += depth) {
      int k = p->k - from < depth ? p->k - from : depth;
      pack(p, packed, column, n, from, k);
      multiply(p, &s, packed, column, n, from, k, own);
    }
  }
}
