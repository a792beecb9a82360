/* product.h -- the products of training: sides lie as they lie, and are packed when they are multiplied.
** Layer: nn. Uses: base kernel.
**
**    forward   y[T][out]  = x[T][in]  * w[out][in]^T + bias
**    backward  dx[T][in] (+)= dy[T][out] * w[out][in]            dw[out][in] += dy[T][out]^T * x[T][in]
**
** Weights move at every step, so panels (kernel.h) are made of them on the way: a rank packs PRODUCT_PACKED floats of
** columns, multiplies while they are in cache, and goes on. Packing both sides is a tenth of the time at MiniLM's sizes, most
** of it spent on bringing them into cache. Sums are one accumulator an output over k, ascending, whatever the pieces: the
** same bits for every team. */
#ifndef NN_PRODUCT_H
#define NN_PRODUCT_H

#include "base/pool.h"
#include "kernel/kernel.h"

enum { PRODUCT_PACKED = 1 << 19, PRODUCT_DEPTH = 1024 };
/* Floats of a rank's own that a product takes. */
#define PRODUCT_OWN (KERNEL_SCRATCH + (size_t)PRODUCT_PACKED)

typedef struct {
  float *y;
  size_t y_stride;
  const float *x; /* [m][k], or transposed [k][m] */
  size_t x_stride;
  const float *w; /* [k][n], or transposed [n][k] */
  size_t w_stride;
  const float *bias; /* readable to whole panels, or NULL */
  int m, n, k;
  int x_transposed, w_transposed, add;
  KernelActivation w_activation; /* w is taken activated; of one that is not transposed */
  KernelActivation activation;   /* of the two below, which lie as y does; each may be NULL */
  float *activated;              /* becomes activation(y) */
  const float *slope;            /* y is multiplied by activation' of these */
} Product;

/* The rank's share of y's columns, or of its rows where they are more: the side that is not shared out is packed by every
** rank. No barrier. own: PRODUCT_OWN floats, aligned to 64. */
void product(const Product *p, float *own, const Team *team);

#endif
