/* product.c -- see product.h.
** Layer: nn. Uses: base kernel. */
#include "nn/product.h"

/* Panels of columns first … of n, depth from … from+k-1. */
static void pack(const Product *p, float *panels, int first, int n, int from, int k) {
  if (!p->w_transposed) {
    kernels()->pack_rows(panels, p->w + (size_t)from * p->w_stride + first, p->w_stride, n, k);
    return;
  }
  kernels()->pack(panels, p->w + (size_t)first * p->w_stride + from, p->w_stride, 0, n, k);
}

void product(const Product *p, float *own, const Team *team) {
  int panels = kernel_panels(p->n), depth = p->k < PRODUCT_DEPTH ? p->k : PRODUCT_DEPTH;
  int last = team_start(team, panels, team->rank + 1);
  int group = PRODUCT_PACKED / (depth * KERNEL_PANEL);
  float *packed = own + KERNEL_SCRATCH;
  for (int at = team_start(team, panels, team->rank); at < last; at += group) {
    int column = at * KERNEL_PANEL, count = last - at < group ? last - at : group;
    int n = p->n - column < count * KERNEL_PANEL ? p->n - column : count * KERNEL_PANEL;
    for (int from = 0; from < p->k; from += depth) {
      int k = p->k - from < depth ? p->k - from : depth;
      pack(p, packed, column, n, from, k);
      KernelGemm g = {.y = p->y + column,
                      .y_stride = p->y_stride,
                      .x = p->x + (p->x_transposed ? (size_t)from * p->x_stride : (size_t)from),
                      .x_stride = p->x_stride,
                      .w = packed,
                      .bias = p->bias ? p->bias + column : NULL,
                      .m = p->m,
                      .n = n,
                      .k = k,
                      .last = count,
                      .scratch = own,
                      .transposed = p->x_transposed,
                      .add = p->add || from > 0};
      kernels()->gemm(&g);
    }
  }
}
